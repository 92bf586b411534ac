"""Refuse passwords that everybody tries first: common ones, the application's own words, those of known breaches."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import re
import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

from ..core.call import Call
from ..core.common_passwords import common_passwords
from ..core.errors import AuthError, ConfigurationError
from ..core.feature import Feature
from ..core.model import U

RANGE = "https://api.pwnedpasswords.com/range/"
LARGEST_ANSWER = 1024 * 1024  # bytes; a padded range has about 50,000
SHORTEST_WORD = 3  # letters: shorter words of a name say nothing
LETTERS_OF_ITS_OWN = 4  # what a password must have besides such words: "lighthouse2026" has none

# Errors


class PasswordCompromised(AuthError):
    code = "PASSWORD_COMPROMISED"
    message = "The password you entered has been compromised. Please choose a different password."
    field = "password"


# Rules


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def words_of(*texts: str) -> set[str]:
    """The words that an attacker takes from a name or an address: `Ann.Lee@example.com` → ann, lee, example."""
    found: set[str] = set()
    for text in texts:
        local, at, domain = folded(text).rpartition("@")
        # The end of an address is nobody's word: com, org, uk.
        named = f"{local} {domain.rpartition('.')[0]}" if at else domain
        split = re.split(r"[\W_]+", named)
        found.update(word for word in [*split, "".join(split)] if len(word) >= SHORTEST_WORD)
    return found


def is_made_of(password: str, words: Iterable[str]) -> bool:
    """Is one of `words` in it, and next to nothing else but digits and signs?"""
    left = re.sub(r"[\W_]+", "", folded(password))
    whole = left
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, " ")
    return left != whole and sum(char.isalpha() for char in left) < LETTERS_OF_ITS_OWN


def is_listed(suffix: str, answer: str) -> bool:
    """Does a range name this suffix of a SHA-1? Its lines are `suffix:count`; those of count 0 are padding."""
    for line in answer.splitlines():
        found, _, count = line.partition(":")
        if found.strip().upper() == suffix and count.strip() not in ("", "0"):
            return True
    return False


# The feature


class BreachedPasswords(Feature):
    """`BreachedPasswords(lookup=False)` keeps to the list that comes along, and asks nobody.

    A look-up sends the first 5 of 40 digits of the password's SHA-1 to `address`, which answers some thousand that
    begin so, and never learns which one was meant. Without an answer within `timeout` the password is taken.
    """

    refusals: ClassVar = {"check_password": (PasswordCompromised,)}

    def __init__(
        self,
        *,
        lookup: bool = True,
        timeout: timedelta = timedelta(seconds=2),
        address: str = RANGE,
        message: str | None = None,
    ) -> None:
        if lookup and importlib.util.find_spec("httpx2") is None:
            raise ConfigurationError(
                "BreachedPasswords() needs an HTTP client. Write: pip install authmw[client], "
                "or BreachedPasswords(lookup=False)."
            )
        self.lookup = lookup
        self.timeout = timeout.total_seconds()
        self.address = address
        self.message = message

    async def check_password(self, call: Call[U], password: str) -> None:
        """Raise PasswordCompromised."""
        about = [call.auth.settings.app_name]
        if call.is_somebody:
            about += [call.signed_in.user.email, call.signed_in.user.name]
        if (
            folded(password) in common_passwords()
            or is_made_of(password, words_of(*about))
            or (self.lookup and await self._is_breached(call, password))
        ):
            raise PasswordCompromised(self.message)

    async def _is_breached(self, call: Call[U], password: str) -> bool:
        # What the list is made of, and no way to keep a password.
        digest = hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()
        try:
            # The whole of it: a server that sends a byte now and then would keep a person waiting.
            async with asyncio.timeout(self.timeout):
                answer = await self._range(digest[:5])
        except Exception as reason:  # noqa: BLE001 - a network fails in many ways; each means that there is no answer
            call.event("password.breach_lookup", outcome="error", reason=type(reason).__name__)
            return False
        return is_listed(digest[5:], answer)

    async def _range(self, prefix: str) -> str:
        import httpx2

        # Padded and as it is: neither its length nor its compression tells a listener which range was asked for.
        headers = {"Add-Padding": "true", "User-Agent": "authmw", "Accept-Encoding": "identity"}
        body = b""
        async with (
            httpx2.AsyncClient(timeout=self.timeout, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", self.address + prefix, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError(f"status {answer.status_code}")
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > LARGEST_ANSWER:
                    raise ValueError("more than a range has")
        return body.decode("ascii", "replace")
