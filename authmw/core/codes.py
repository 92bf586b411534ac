"""Short codes that a person copies from a letter: few tries each, kept as a keyed digest."""

from __future__ import annotations

import hmac
import re
import secrets

from . import tokens
from .call import Call
from .errors import AuthError
from .model import U, Verification
from .secrets import random_text
from .store import Above
from .tokens import Purpose

TRIES = 3  # SEC-066
DIGITS = 6
SPACING = re.compile(r"[ \-\u2010-\u2015\u00a0\u202f]")
CODE = re.compile(r"[0-9]{6}")  # ASCII: `isdigit` and `int` take the digits of every script (SEC-100)


class InvalidOtp(AuthError):
    code = "INVALID_OTP"
    message = "Invalid OTP"
    field = "code"


class OtpExpired(AuthError):
    code = "OTP_EXPIRED"
    message = "OTP expired"
    field = "code"


class TooManyAttempts(AuthError):
    status = 403
    code = "TOO_MANY_ATTEMPTS"
    message = "Too many attempts"


async def issue(call: Call[U], purpose: Purpose, *, subject: str, address: str) -> str:
    """Make a code of six digits for `subject` (a user's id), to be sent to `address`; an earlier one burns."""
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    await tokens.burn(call, purpose, subject=subject)
    await call.store.insert(
        Verification(
            id=random_text(32),
            identifier=purpose.prefix + subject,
            value=f"{_digest(call, purpose, address, code)}:0",
            subject=subject,
            expires_at=call.now + purpose.lifetime,
            created_at=call.now,
            updated_at=call.now,
        )
    )
    return code


async def is_pending(call: Call[U], purpose: Purpose, *, subject: str) -> bool:
    """Was a code sent that could still be typed in?"""
    row = await _find(call, purpose, subject)
    return row is not None and _tries(row) < TRIES


async def redeem(call: Call[U], purpose: Purpose, *, subject: str, address: str, code: str) -> None:
    """Spend the code that was sent to `address`. Raise InvalidOtp, OtpExpired, or TooManyAttempts.

    A try is counted before it is looked at, by compare-and-set: of many guesses at once no more than `TRIES` are
    ever compared. Call outside of transactions, which would give a try back with every refusal.
    """
    typed = SPACING.sub("", code[:64])
    while True:
        row = await _find(call, purpose, subject)
        if row is None:
            raise OtpExpired
        tries = _tries(row)
        if tries >= TRIES:
            await call.store.delete(Verification, id=row.id)
            call.event("otp.exhausted", outcome="denied", user_id=subject)
            raise TooManyAttempts
        expected = row.value.rpartition(":")[0]
        counted = f"{expected}:{tries + 1}"
        if await call.store.update(Verification, {"id": row.id, "value": row.value}, value=counted):
            break
    given = _digest(call, purpose, address, typed)
    if not CODE.fullmatch(typed) or not hmac.compare_digest(expected.encode(), given.encode()):
        call.event("otp.failed", outcome="failure", user_id=subject)
        raise InvalidOtp
    if not await call.store.delete(Verification, id=row.id):  # somebody else has used it this moment
        raise InvalidOtp


def _digest(call: Call[U], purpose: Purpose, address: str, code: str) -> str:
    """A keyed digest (SEC-021): of a million codes a bare one is undone in a second."""
    return call.auth.secrets.fingerprint(f"code:{purpose.name}", address, code)


def _tries(row: Verification) -> int:
    return int(row.value.rpartition(":")[2])


async def _find(call: Call[U], purpose: Purpose, subject: str) -> Verification | None:
    return await call.store.find(Verification, identifier=purpose.prefix + subject, expires_at=Above(call.now))
