"""One-time tokens, hashed at rest, each for one purpose; and the signed claims that verify an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .call import Call
from .errors import AuthError
from .model import U, Verification
from .secrets import LETTERS_AND_DIGITS, digest, random_text
from .store import Above


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """What a token is for. The look-up names it; it is never read from the row or the token (SEC-023)."""

    name: str
    prefix: str
    """How Better Auth marks it in `verification.identifier`."""
    lifetime: timedelta
    length: int = 32
    alphabet: str = LETTERS_AND_DIGITS
    is_many: bool = False
    """May several be pending for one subject? Otherwise a new one burns the one before (SEC-026)."""


async def issue(call: Call[U], purpose: Purpose, *, subject: str, value: str) -> str:
    """Make a token for `subject` (a user's id) that stands for `value`; earlier ones of this purpose burn (SEC-026)."""
    token = random_text(purpose.length, purpose.alphabet)
    if not purpose.is_many:
        await burn(call, purpose, subject=subject)
    await call.store.insert(
        Verification(
            id=random_text(32),
            identifier=_identifier(call, purpose, token),
            value=value,
            subject=subject,
            expires_at=call.now + purpose.lifetime,
            created_at=call.now,
            updated_at=call.now,
        )
    )
    return token


async def peek(call: Call[U], purpose: Purpose, token: str | None) -> str | None:
    """Return what a live token stands for without spending it, or None."""
    if not token:
        return None
    row = await call.store.find(Verification, identifier=_identifier(call, purpose, token), expires_at=Above(call.now))
    return row.value if row else None


async def pending(call: Call[U], purpose: Purpose, *, subject: str) -> list[str]:
    """Return what the live tokens of `subject` stand for; there is one at most of a purpose, unless two were asked
    for at the same moment."""
    rows = await call.store.find_all(Verification, subject=subject, expires_at=Above(call.now), limit=None)
    return [row.value for row in rows if row.identifier.startswith(purpose.prefix)]


async def redeem(call: Call[U], purpose: Purpose, token: str | None) -> str | None:
    """Spend a token and return what it stands for; None when it is unknown, spent or too late.

    Of two callers at once, one gets it. Inside a transaction that fails, the token is as before (SEC-024, 025).
    """
    if not token:
        return None
    row = await call.store.take(Verification, identifier=_identifier(call, purpose, token), expires_at=Above(call.now))
    return row.value if row else None


async def burn(call: Call[U], purpose: Purpose | None, *, subject: str) -> None:
    """Spend what is pending for `subject`, of one purpose or of all (SEC-008).

    Inside a transaction the user's row is written first, although nothing changes in it: two who make a secret for
    one person at once wait for each other here, so that each finds what the other has made.
    """
    await call.store.update(call.auth.user_type, {"id": subject}, id=subject)
    if purpose is None:
        await call.store.delete(Verification, subject=subject)
        return
    for row in await call.store.find_all(Verification, subject=subject, limit=None):
        if row.identifier.startswith(purpose.prefix):
            await call.store.delete(Verification, id=row.id)


class ClaimsExpired(AuthError):
    status = 401
    code = "TOKEN_EXPIRED"
    message = "Token expired"


class ClaimsInvalid(AuthError):
    status = 401
    code = "INVALID_TOKEN"
    message = "Invalid token"


def sign_claims(call: Call[U], purpose: str, claims: Mapping[str, Any], lifetime: timedelta) -> str:
    """Return a JWS compact of `claims` with `iat` and `exp`, HS256 (wire 2.9)."""
    from joserfc import jws
    from joserfc.jwk import OctKey

    now = int(call.now.timestamp())
    payload = _encode({**claims, "iat": now, "exp": now + int(lifetime.total_seconds())})
    key = OctKey.import_key(_claim_keys(call, purpose)[0])
    return jws.serialize_compact({"alg": "HS256"}, payload, key, algorithms=["HS256"])


def read_claims(call: Call[U], purpose: str, token: str) -> dict[str, Any]:
    """Return the claims of a token that we signed for `purpose`. Raise ClaimsExpired or ClaimsInvalid."""
    import msgspec
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import OctKey

    if len(token) > 8192 or token.count(".") != 2 or not token.isascii():
        raise ClaimsInvalid
    for key in _claim_keys(call, purpose):
        try:
            payload = jws.deserialize_compact(token, OctKey.import_key(key), algorithms=["HS256"]).payload
            claims = msgspec.json.decode(payload, type=dict[str, Any])
        except (JoseError, ValueError, msgspec.DecodeError):
            continue
        expires = claims.get("exp")
        if not isinstance(expires, int) or isinstance(expires, bool):
            raise ClaimsInvalid
        if expires <= call.now.timestamp():
            raise ClaimsExpired
        return claims
    raise ClaimsInvalid


def _identifier(call: Call[U], purpose: Purpose, token: str) -> str:
    return purpose.prefix + (token if call.auth.settings.shared_database else digest(token))


def _claim_keys(call: Call[U], purpose: str) -> tuple[bytes, ...]:
    secrets = call.auth.secrets
    return secrets.roots if call.auth.settings.shared_database else secrets.subkeys(f"claims:{purpose}")


def _encode(claims: Mapping[str, Any]) -> bytes:
    import msgspec

    return msgspec.json.encode(claims)
