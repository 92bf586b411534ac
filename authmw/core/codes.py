"""Short codes that a person copies from a letter: few tries each, kept as a keyed digest."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, replace

from . import tokens
from .call import Call
from .errors import AuthError
from .model import U, Verification
from .secrets import random_text
from .store import AtMost
from .tokens import Purpose

TRIES = 3  # SEC-066
DIGITS = 6
LONGEST_IDENTIFIER = 255  # what the column of MySQL holds
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


@dataclass(frozen=True, kw_only=True)
class WirePurpose(Purpose):
    """A purpose whose codes Better Auth has as well: they are found by the address, whoever it belongs to. In a shared
    database they stand as it keeps them, so that either server takes what the other has sent."""


NOBODY_KNOWS = "nobody"


async def issue(call: Call[U], purpose: Purpose, *, subject: str | None, address: str, works: bool = True) -> str:
    """Make a code of six digits for `subject` (a user's id, or None for nobody we know), to be sent to `address`; an
    earlier one burns.

    With `works=False` it opens nothing, and is tried and runs out like any other: nobody can tell who has an account.
    """
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    whose = subject or _nobody(call, address)
    identifier = _identifier(call, purpose, whose, address)
    await tokens.burn(call, purpose, subject=whose)
    if isinstance(purpose, WirePurpose):
        await call.store.delete(Verification, identifier=identifier)  # also what was made for whoever had it before
    kept = _kept(call, purpose, address, code) if works else _digest(call, purpose, address, NOBODY_KNOWS)
    await call.store.insert(
        Verification(
            id=random_text(32),
            identifier=identifier,
            value=f"{kept}:0",
            subject=whose,
            expires_at=call.now + purpose.lifetime,
            created_at=call.now,
            updated_at=call.now,
        )
    )
    return code


async def is_pending(call: Call[U], purpose: Purpose, *, subject: str) -> bool:
    """Was a code sent that could still be typed in?"""
    row = await _newest(call, _identifier(call, purpose, subject, ""))
    return row is not None and row.expires_at > call.now and _tries(row) < TRIES


async def prove(call: Call[U], purpose: Purpose, *, subject: str | None, address: str, code: str) -> Verification:
    """Return the row of the code that was sent to `address`, to be spent. Raise InvalidOtp, OtpExpired, TooManyAttempts.

    A try is counted before it is looked at, by compare-and-set: of many guesses at once no more than `TRIES` are
    ever compared. Call outside of transactions, which would give a try back with every refusal.
    """
    typed = SPACING.sub("", code[:64])
    identifier = _identifier(call, purpose, subject or "", address)
    is_wire = isinstance(purpose, WirePurpose)
    while True:
        row = await _newest(call, identifier)
        if row is None:
            raise InvalidOtp if is_wire else OtpExpired
        if row.expires_at <= call.now:
            await call.store.delete(Verification, identifier=identifier, expires_at=AtMost(call.now))
            raise OtpExpired
        tries = _tries(row)
        if tries > TRIES:
            raise InvalidOtp if is_wire else OtpExpired
        expected = row.value.rpartition(":")[0]
        counted = f"{expected}:{tries + 1}"
        if await call.store.update(Verification, {"id": row.id, "value": row.value}, value=counted):
            break
    # The row stays: whoever has proved the code at the same moment has yet to spend it.
    if tries == TRIES:
        call.event("otp.exhausted", outcome="denied", user_id=subject)
        raise TooManyAttempts
    given = _kept(call, purpose, address, typed)
    is_right = hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
    # Made for somebody else, who had this address before: no proof for whoever has it now (SEC-027).
    is_theirs = row.subject is None or row.subject in (subject, _nobody(call, address))
    if not CODE.fullmatch(typed) or not is_right or not is_theirs:
        call.event("otp.failed", outcome="failure", user_id=subject)
        raise InvalidOtp
    return replace(row, value=counted)


async def spend(call: Call[U], proved: Verification) -> None:
    """Take what was proved, and every other code for the same; raise InvalidOtp where somebody else was faster.

    Call inside the transaction of what the code is for: a fault leaves it as it was (SEC-025).
    """
    if not await call.store.delete(Verification, id=proved.id):
        raise InvalidOtp
    await call.store.delete(Verification, identifier=proved.identifier)


async def give_back(call: Call[U], proved: Verification) -> None:
    """It was only looked at: a right code costs no try, unless others were counted since."""
    before = f"{proved.value.rpartition(':')[0]}:{_tries(proved) - 1}"
    await call.store.update(Verification, {"id": proved.id, "value": proved.value}, value=before)


async def redeem(call: Call[U], purpose: Purpose, *, subject: str, address: str, code: str) -> None:
    """Prove and spend at once, as `prove` does."""
    await spend(call, await prove(call, purpose, subject=subject, address=address, code=code))


def _identifier(call: Call[U], purpose: Purpose, subject: str, address: str) -> str:
    if not isinstance(purpose, WirePurpose):
        return purpose.prefix + subject
    identifier = purpose.prefix + address
    if len(identifier) <= LONGEST_IDENTIFIER:
        return identifier
    return purpose.prefix + call.auth.secrets.fingerprint("code-address", address)


def _nobody(call: Call[U], address: str) -> str:
    """Whose a code is that goes to an address without an account."""
    return call.auth.secrets.fingerprint("nobody", address)[:32]


def _kept(call: Call[U], purpose: Purpose, address: str, code: str) -> str:
    """A code as it stands in the database."""
    if isinstance(purpose, WirePurpose) and call.auth.settings.shared_database:
        return code
    return _digest(call, purpose, address, code)


def _digest(call: Call[U], purpose: Purpose, address: str, code: str) -> str:
    """A keyed digest (SEC-021): of a million codes a bare one is undone in a second."""
    return call.auth.secrets.fingerprint(f"code:{purpose.name}", address, code)


def _tries(row: Verification) -> int:
    counted = row.value.rpartition(":")[2]
    return int(counted) if len(counted) == 1 and counted in "0123456789" else TRIES + 1


async def _newest(call: Call[U], identifier: str) -> Verification | None:
    """Where nobody's row is there to wait for each other at, two who ask at once leave two codes: one of them counts."""
    rows = await call.store.find_all(Verification, identifier=identifier, limit=None)
    return max(rows, key=lambda row: (row.created_at, row.id), default=None)
