"""Password hashes: argon2id in a bounded pool of threads, other formats verified and replaced."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from .errors import AuthError, ConfigurationError, ServiceUnavailable

T = TypeVar("T")

MAX_WAITING = 64
MAX_WAIT_SECONDS = 2.0
FLOORS_OF_MEMORY = {1: 47104, 2: 19456}  # KiB by passes; three or more: 12288 (SEC-001)


class PasswordTooShort(AuthError):
    code = "PASSWORD_TOO_SHORT"
    message = "Password too short"
    field = "password"


class PasswordTooLong(AuthError):
    code = "PASSWORD_TOO_LONG"
    message = "Password too long"
    field = "password"


@dataclass(frozen=True, kw_only=True)
class Hashing:
    """argon2id: memory in KiB, passes, lanes. The default is the approved floor, about 29 ms and 19 MiB a hash."""

    memory: int = 19456
    passes: int = 2
    lanes: int = 1
    at_once: int = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Verdict:
    """Whether the password is right, whether its hash should be replaced, whether the hash could be read."""

    right: bool
    outdated: bool = False
    readable: bool = True


class Passwords:
    """Hashes and checks passwords off the event loop, a few at a time, and refuses rather than queue forever.

    `better_auth` writes Better Auth's scrypt, for a database that a Node server uses at the same time.
    `allow_weak` is for tests, which hash thousands of times.
    """

    def __init__(
        self,
        hashing: Hashing | None = None,
        *,
        shortest: int = 8,
        longest: int = 128,
        better_auth: bool = False,
        allow_weak: bool = False,
    ) -> None:
        hashing = hashing or Hashing()
        if not allow_weak and (hashing.passes < 1 or hashing.memory < FLOORS_OF_MEMORY.get(hashing.passes, 12288)):
            raise ConfigurationError(
                "Hashing(...) is weaker than OWASP allows: use memory=19456, passes=2, or leave it out."
            )
        if not allow_weak and not (shortest >= 8 and 64 <= longest <= 1024):
            raise ConfigurationError(
                "Settings(password_length=(shortest, longest)): at least 8, and between 64 and 1024: write (8, 128)."
            )
        self.shortest, self.longest = shortest, longest
        self._argon2 = PasswordHasher(
            time_cost=hashing.passes, memory_cost=hashing.memory, parallelism=hashing.lanes, salt_len=16, hash_len=32
        )
        self._better_auth = better_auth
        self._at_once = hashing.at_once
        self._pool: ThreadPoolExecutor | None = None
        self._places: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None
        self._waiting = 0
        self._dummy: str | None = None

    def check_length(self, password: str) -> None:
        """Raise PasswordTooShort or PasswordTooLong. Lengths count UTF-16 units, as the wire does."""
        if len(password) > 4 * self.longest:  # no need to encode a megabyte to know
            raise PasswordTooLong
        length = len(password.encode("utf-16-le", "surrogatepass")) // 2
        if length < self.shortest:
            raise PasswordTooShort
        if length > self.longest:
            raise PasswordTooLong

    def check_maximum(self, password: str) -> None:
        """Raise PasswordTooLong. Asked before any hash: a long password must cost nothing (SEC-004)."""
        # A character is one unit or two: most passwords are judged without encoding them.
        if len(password) > self.longest or (
            2 * len(password) > self.longest and len(password.encode("utf-16-le", "surrogatepass")) // 2 > self.longest
        ):
            raise PasswordTooLong

    async def hash(self, password: str) -> str:
        """Return a hash to store. Raise ServiceUnavailable when too many are waiting."""
        write = _scrypt_hash if self._better_auth else self._argon2.hash
        return await self._in_pool(lambda: write(_normalised(password)))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Check `password` against `stored`; with None do the same work and say no (SEC-007).

        A hash in no known format is a wrong password that is not readable, never an error.
        """
        return await self._in_pool(lambda: self._verdict(_normalised(password), stored))

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _verdict(self, password: str, stored: str | None) -> Verdict:
        verdict = self._check(password, stored) if stored is not None else Verdict(False)
        if stored is None or not verdict.readable:  # nothing was hashed yet, and time must not tell
            self._dummy = self._dummy or (_scrypt_hash if self._better_auth else self._argon2.hash)("nobody")
            self._check(password, self._dummy)
        return verdict

    def _check(self, password: str, stored: str) -> Verdict:
        if stored.startswith("$argon2"):
            try:
                self._argon2.verify(stored, password)
            except VerifyMismatchError:
                return Verdict(False)
            except (InvalidHashError, VerificationError, UnicodeEncodeError):
                return Verdict(False, readable=False)
            return Verdict(True, outdated=self._better_auth or self._argon2.check_needs_rehash(stored))
        right = _scrypt_verify(password, stored)
        if right is None:
            return Verdict(False, readable=False)
        return Verdict(right, outdated=not self._better_auth)

    async def _in_pool(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        if self._places is None or self._places[0] is not loop:
            self._places = (loop, asyncio.Semaphore(self._at_once))
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="authmw-hash")
        places = self._places[1]
        if self._waiting >= MAX_WAITING:
            raise ServiceUnavailable
        self._waiting += 1
        try:
            await asyncio.wait_for(places.acquire(), MAX_WAIT_SECONDS)
        except TimeoutError:
            raise ServiceUnavailable from None
        finally:
            self._waiting -= 1
        # The place is given back when the thread is done, not when a caller who went away stops waiting:
        # otherwise closed connections would let in more hashes than there are threads.
        future = loop.run_in_executor(self._pool, work)
        future.add_done_callback(lambda _: places.release())
        return await asyncio.shield(future)


def _normalised(password: str) -> str:
    """NFKC and nothing else: no trimming, no case, no cutting (SEC-005, wire 2.7)."""
    return unicodedata.normalize("NFKC", password)


def _scrypt_key(password: str, salt: str) -> bytes:
    # The salt is the text of the hex digits, not the bytes they stand for: wire 2.7.
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=16384, r=16, p=1, dklen=64, maxmem=64 * 1024 * 1024)


def _scrypt_hash(password: str) -> str:
    salt = os.urandom(16).hex()
    return f"{salt}:{_scrypt_key(password, salt).hex()}"


def _scrypt_verify(password: str, stored: str) -> bool | None:
    """Return whether Better Auth's `salt:key` fits, or None when `stored` is no such thing."""
    salt, colon, key = stored.partition(":")
    if not colon or len(salt) != 32 or len(key) != 128 or not stored.isascii():
        return None
    return hmac.compare_digest(_scrypt_key(password, salt).hex().encode(), key.lower().encode())
