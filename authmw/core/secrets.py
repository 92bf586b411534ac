"""Sign, encrypt, rotate: the wire's formats under the application's root secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import secrets as random
import string
import struct
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from .errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MOST_KNOWN = 4096
LONGEST_KNOWN = 256  # characters; a session cookie has 77
LETTERS_AND_DIGITS = string.ascii_lowercase + string.ascii_uppercase + string.digits
DOCUMENTED_EXAMPLES = (
    "better-auth-secret-12345678901234567890",
    "better-auth-secret-that-is-long-enough-for-validation-test",
)


def random_text(length: int, alphabet: str = LETTERS_AND_DIGITS) -> str:
    """Return `length` symbols, each chosen uniformly by the operating system's generator (SEC-020)."""
    return "".join(random.choice(alphabet) for _ in range(length))


def digest(token: str) -> str:
    """How a long random secret is kept at rest: base64url without padding of its SHA-256 (SEC-021)."""
    return _base64url(hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest())


class Secrets:
    """The root secrets, the first of which signs and encrypts while all of them are accepted.

    Each is at least 32 bytes and not guessable; anything weaker is a ConfigurationError (SEC-028).
    `versions` are the numbers that Better Auth's envelope `$ba$<version>$` names, newest first; None is the one
    secret from before there were numbers, which opens what has no envelope.
    """

    def __init__(self, values: Sequence[str], *, versions: Sequence[int | None] | None = None) -> None:
        if not values:
            raise ConfigurationError("authmw needs a secret: set AUTHMW_SECRET to the output of `authmw secret`.")
        for value in values:
            refuse_weak(value)
        self._values = tuple(values)
        self._keys = tuple(value.encode() for value in values)
        self._versions = tuple(versions) if versions is not None else tuple(range(len(values), 0, -1))
        # What verified before does so again, under the same secrets for ever: the same cookie comes with each request.
        # Only good signatures enter, so that nobody fills it with guesses.
        self._good: dict[str, str] = {}
        self._numbered = versions is not None
        self._enveloped = self._numbered or len(values) > 1

    def sign(self, value: str) -> str:
        """Return `value.signature`, HMAC-SHA256 in base64, as the wire signs the session cookie (wire 2.4)."""
        return f"{value}.{_signature(self._keys[0], value)}"

    def unsign(self, text: str) -> str | None:
        """Return the value whose signature one of the secrets made, or None. Text that is no signed value opens nothing."""
        known = self._good.get(text)
        if known is not None:
            return known
        value, dot, signature = text.rpartition(".")
        if not dot or not value or len(signature) != 44 or signature[-1] != "=":
            return None
        presented = signature.encode("utf-8", "replace")
        for key in self._keys:
            if hmac.compare_digest(_signature(key, value).encode(), presented):
                if len(text) <= LONGEST_KNOWN:
                    if len(self._good) >= MOST_KNOWN:
                        self._good.clear()
                    self._good[text] = value
                return value
        return None

    def sign_as(self, purpose: str, value: str) -> str:
        """Like `sign`, under a key for `purpose` alone: one kind of secret never passes for another (SEC-023)."""
        return f"{value}.{_base64url(hmac.digest(self.subkey(purpose), value.encode(), 'sha256'))}"

    def unsign_as(self, purpose: str, text: str) -> str | None:
        value, dot, signature = text.rpartition(".")
        if not dot:
            return None
        presented = signature.encode("utf-8", "replace")
        for root in self._keys:
            expected = _base64url(hmac.digest(_subkey(root, purpose), value.encode("utf-8", "replace"), "sha256"))
            if hmac.compare_digest(expected.encode(), presented):
                return value
        return None

    def fingerprint(self, purpose: str, *parts: str) -> str:
        """Return a keyed digest of `parts`, for values with so little in them that a bare hash would be undone."""
        text = "\x00".join(parts).encode("utf-8", "surrogatepass")
        return _base64url(hmac.digest(self.subkey(purpose), text, "sha256"))

    def subkey(self, purpose: str) -> bytes:
        """The 32-byte key of `purpose` under the newest secret (HKDF-SHA-256, RFC 5869)."""
        return _subkey(self._keys[0], purpose)

    def subkeys(self, purpose: str) -> tuple[bytes, ...]:
        return tuple(_subkey(root, purpose) for root in self._keys)

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The root keys, newest first, for formats of the wire that use them as they are."""
        return self._keys

    def encrypt(self, text: str, *, purpose: str = "") -> str:
        """Encrypt as the wire does (wire 2.11): XChaCha20-Poly1305, hex of nonce, ciphertext and tag.

        `purpose` is bound to it as associated data; Better Auth binds none, so a database shared with it passes "".
        """
        nonce = random.token_bytes(24)
        sealed = _xchacha(self._keys[0], nonce).encrypt(_inner_nonce(nonce), text.encode(), purpose.encode())
        body = (nonce + sealed).hex()
        return f"$ba${self._versions[0]}${body}" if self._enveloped else body

    def decrypt(self, text: str, *, purpose: str = "") -> str | None:
        """Return what `encrypt` was given, or None when no secret of ours opens it for this purpose."""
        from cryptography.exceptions import InvalidTag

        keys, body = self._keys, text
        if text.startswith("$ba$"):
            version, _, body = text[4:].partition("$")
            # Numbers that we only counted ourselves move when a secret is removed: then every secret is tried.
            if self._numbered:
                keys = tuple(
                    key for key, known in zip(self._keys, self._versions, strict=True) if str(known) == version
                )
        try:
            raw = bytes.fromhex(body)
        except ValueError:
            return None
        if len(raw) < 24 + 16:
            return None
        for key in keys:
            try:
                return _xchacha(key, raw[:24]).decrypt(_inner_nonce(raw[:24]), raw[24:], purpose.encode()).decode()
            except (InvalidTag, UnicodeDecodeError):
                continue
        return None


def refuse_weak(value: str) -> None:
    """Raise ConfigurationError for a secret that is short, printed in somebody's manual, or has no variety."""
    command = "Set AUTHMW_SECRET to the output of `authmw secret`."
    if len(value.encode()) < 32:
        raise ConfigurationError(f"The secret is shorter than 32 bytes. {command}")
    if value in DOCUMENTED_EXAMPLES:
        raise ConfigurationError(f"The secret is an example out of a manual. {command}")
    counts = Counter(value)
    bits = -sum(n * math.log2(n / len(value)) for n in counts.values())
    if bits < 80:
        raise ConfigurationError(f"The secret repeats itself too much to be random. {command}")


def _signature(key: bytes, value: str) -> str:
    return base64.b64encode(hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256")).decode()


@lru_cache(maxsize=256)
def _subkey(root: bytes, purpose: str) -> bytes:
    # Imported where it is used, as below: a third of what importing authmw would cost.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=b"authmw", info=purpose.encode()).derive(root)


def _xchacha(secret: bytes, nonce: bytes) -> ChaCha20Poly1305:
    """XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): the subkey is HChaCha20 of the first 16 nonce bytes.

    HChaCha20 is a ChaCha20 block without its last step, the addition of the input, which is taken back here.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    key = hashlib.sha256(secret).digest()
    block = Cipher(algorithms.ChaCha20(key, nonce[:16]), mode=None).encryptor().update(bytes(64))
    words = struct.unpack("<16I", block)
    added = (*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<4I", nonce[:16]))
    kept = (*words[:4], *words[12:])
    return ChaCha20Poly1305(
        struct.pack("<8I", *((word - plus) % 2**32 for word, plus in zip(kept, added, strict=True)))
    )


def _inner_nonce(nonce: bytes) -> bytes:
    return bytes(4) + nonce[16:]


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
