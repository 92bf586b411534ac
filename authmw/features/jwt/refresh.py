"""Refresh tokens: each good once, in families that end when one of them is used twice (SEC-125, RFC 9700 section 4.14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ...core import sessions
from ...core.call import Call, SignedIn
from ...core.errors import AuthError
from ...core.events import printable
from ...core.model import Session, U
from ...core.schema import column
from ...core.secrets import digest, random_text
from ...core.store import Above

# Errors


class InvalidGrant(AuthError):
    """The refresh token is unknown, spent, too old, or of a session that has ended. Sign in again."""

    status = 401
    code = "INVALID_GRANT"
    message = "Invalid refresh token"


# Tables


@dataclass(frozen=True, kw_only=True)
class RefreshToken:
    """One link of a family's chain. Those that were used stay until the family ends, so that using one again is seen."""

    table_name: ClassVar[str] = "refreshToken"
    is_swept: ClassVar[bool] = True

    id: str
    token: str = field(repr=False, metadata=column(unique=True))
    """Its digest; the token itself is nowhere but with its owner."""
    family_id: str = field(metadata=column(index=True))
    user_id: str = field(metadata=column(references="user", index=True))
    session_id: str = field(metadata=column(references="session", index=True))
    created_at: datetime
    expires_at: datetime = field(metadata=column(index=True))
    """When the family ends: using it does not prolong it."""
    spent_at: datetime | None = None
    started_at: datetime
    """When the family began."""
    jti: str | None = None
    """Which access token came with it."""
    ip_address: str | None = field(default=None, metadata=column(long=True))
    user_agent: str | None = field(default=None, metadata=column(long=True))


@dataclass(frozen=True, kw_only=True)
class Family:
    """A client that holds tokens: since when, last seen when, until when. `id` revokes it and opens nothing."""

    id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    is_current: bool
    """Does it belong to the session that asks?"""


# Rules


def families(rows: Iterable[RefreshToken], *, session_id: str) -> list[Family]:
    """The live families among the tokens of a person, newest use first: each has one token that is not spent."""
    found = [
        Family(
            id=row.family_id,
            created_at=row.started_at,
            last_used_at=row.created_at,
            expires_at=row.expires_at,
            ip_address=row.ip_address,
            user_agent=row.user_agent,
            is_current=row.session_id == session_id,
        )
        for row in rows
        if row.spent_at is None
    ]
    return sorted(found, key=lambda family: family.last_used_at, reverse=True)


# Making and spending

LENGTH = 43  # of 62 symbols: 256 bits
REMEMBERED = 500
"""Tokens of a family that are kept after their use, so that a second use is seen."""
MOST = 100
"""Families a person may have; the oldest go."""


async def begin(call: Call[U], lifetime: timedelta, *, jti: str | None) -> tuple[str, datetime]:
    """Begin a family for the session that asks, and return its first token and when the family ends.

    Not after the session can last at most; one that is not to be remembered is not made to last by what hangs on it.
    """
    session = call.signed_in.session
    last = session.created_at + call.auth.settings.session_absolute_lifetime
    ends = session.expires_at if sessions.is_forgetful(call, session) else min(call.now + lifetime, last)
    token = random_text(LENGTH)
    row = RefreshToken(
        id=random_text(32),
        token=digest(token),
        family_id=random_text(32),
        user_id=session.user_id,
        session_id=session.id,
        created_at=call.now,
        expires_at=ends,
        started_at=call.now,
        jti=jti,
        ip_address=call.ip or "",
        user_agent=printable(call.user_agent),
    )
    await call.store.insert(row)
    await _drop_oldest(call, session.user_id)
    call.event("token.issued", user_id=session.user_id, target_id=row.family_id)
    return token, ends


async def find(call: Call[U], token: str) -> RefreshToken | None:
    return await call.store.find(RefreshToken, token=digest(token), expires_at=Above(call.now))


async def holder(call: Call[U], row: RefreshToken) -> SignedIn[U] | None:
    """Whose it is, as long as the session it hangs on is live."""
    pair = await call.store.find_joined(Session, call.auth.user_type, id=row.session_id)
    if pair is None or not sessions.is_live(pair[0], call.now, call.auth.settings):
        return None
    session, user = pair
    return SignedIn(user, session)


async def rotate(call: Call[U], row: RefreshToken, session: Session, *, jti: str | None) -> str | None:
    """Spend a token and return the next one of its family; None when somebody was faster.

    Compare-and-set: of many who use it at once one wins (SEC-024). The session slides as with any use.
    """
    token = random_text(LENGTH)
    async with call.transaction() as call_inside:
        spent = await call_inside.store.update(RefreshToken, {"id": row.id, "spent_at": None}, spent_at=call.now)
        if not spent:
            return None
        following = replace(
            row,
            id=random_text(32),
            token=digest(token),
            created_at=call.now,
            jti=jti,
            ip_address=call.ip or "",
            user_agent=printable(call.user_agent),
        )
        await call_inside.store.insert(following)
        for old in await call_inside.store.find_all(
            RefreshToken, family_id=row.family_id, order="-created_at", offset=REMEMBERED, limit=10
        ):
            await call_inside.store.delete(RefreshToken, id=old.id)
        ends = sessions.renewal(session, call.now, call.auth.settings)
        if ends is not None and row.expires_at > session.expires_at:
            await call_inside.store.update(
                Session, {"id": session.id, "expires_at": session.expires_at}, expires_at=ends, updated_at=call.now
            )
    return token


async def of_family(call: Call[U], family_id: str, *, user_id: str) -> Sequence[RefreshToken]:
    return await call.store.find_all(RefreshToken, family_id=family_id, user_id=user_id, limit=None)


async def end_family(call: Call[U], family_id: str, *, user_id: str | None = None) -> Sequence[RefreshToken]:
    """End a family (of this person, where one is named). Return what it had; nothing, when somebody was faster."""
    whose: dict[str, Any] = {"family_id": family_id} | ({"user_id": user_id} if user_id else {})
    gone: list[RefreshToken] = []
    async with call.transaction() as call_inside:
        # Whoever is spending a token of this family at this moment would keep the next one: to mark them is to wait for
        # that, and a statement does not see what was committed while it waited.
        await call_inside.store.update(RefreshToken, whose, spent_at=call.now)
        while rows := await call_inside.store.find_all(RefreshToken, limit=None, **whose):
            ended = await call_inside.store.delete(RefreshToken, **whose)
            gone += rows if ended else ()
    return gone


async def _drop_oldest(call: Call[U], user_id: str) -> None:
    rows = await call.store.find_all(
        RefreshToken, user_id=user_id, spent_at=None, order="-created_at", offset=MOST, limit=10
    )
    for row in rows:
        await call.store.delete(RefreshToken, family_id=row.family_id)
