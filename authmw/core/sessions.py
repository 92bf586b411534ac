"""Find, slide, list, revoke: what a session is worth, and for how long."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from . import cookie_cache
from .call import Call, SignedIn
from .errors import FailedToGetSession, SessionNotFresh, Unauthorized
from .events import printable
from .model import Session, U
from .secrets import digest, random_text
from .settings import Settings
from .store import Above, Not

SESSIONS_PER_USER = 100
TOKEN_LENGTH = 32


@dataclass(frozen=True, kw_only=True)
class Client:
    """Something beside a browser that acts as a person. `handle` ends it, and opens nothing."""

    handle: str = field(repr=False)
    user_agent: str
    signed_in_at: datetime
    seen_at: datetime


async def find(
    call: Call[U], *, cached: bool, refresh: bool
) -> tuple[SignedIn[U] | None, Literal["told", "cache", "database"]]:
    """Return who makes this call and who said so. One statement; a renewal once a day is the only write."""
    auth = call.auth
    if call.connection is not None and call.connection.to_application:
        for feature in auth.hooked("who"):
            if (found := await feature.who(call, call.connection)) is not None:
                return (found, "told") if cached else (None, "database")
    token = presented_token(call)
    if token is None:
        return None, "database"
    return await of_token(call, token, cached=cached, refresh=refresh)


async def of_token(
    call: Call[U], token: str, *, cached: bool, refresh: bool
) -> tuple[SignedIn[U] | None, Literal["cache", "database"]]:
    """Return whose session `token` is, and who said so."""
    auth = call.auth
    if cached and auth.settings.cookie_cache and (known := cookie_cache.read(call, token)):
        return known, "cache"
    pair = await call.store.find_joined(Session, auth.user_type, token=stored(call, token))
    if pair is None or not is_live(pair[0], call.now, auth.settings):
        if pair is not None:
            await call.store.delete(Session, id=pair[0].id)
        clear_cookies(call)
        return None, "database"
    row, user = pair
    session = held(row, token)
    if refresh and not is_forgetful(call, row):
        session = await _slide(call, session)
        if auth.settings.cookie_cache and _came_by_cookie(call, token):
            cookie_cache.write(call, SignedIn(user, session), remembered=True)
    return SignedIn(user, session), "database"


def is_live(session: Session, now: datetime, settings: Settings) -> bool:
    return now < session.expires_at and now < session.created_at + settings.session_absolute_lifetime


def renewal(session: Session, now: datetime, settings: Settings) -> datetime | None:
    """Return when the session should end from now on, or None when it is too early to write (wire 4.3).

    A session never outlives its absolute lifetime, however often it is used.
    """
    due = session.expires_at - settings.session_lifetime + settings.session_refresh_after
    ends = min(now + settings.session_lifetime, session.created_at + settings.session_absolute_lifetime)
    return ends if due <= now and ends - session.expires_at >= timedelta(minutes=1) else None


def require_fresh(call: Call[U], session: Session, *, window: timedelta | None = None) -> None:
    """Raise SessionNotFresh when signing in was longer ago than `window`, else `fresh_for`; zero is never too long."""
    window = call.auth.settings.fresh_for if window is None else window
    if window and call.now - session.created_at >= window:
        raise SessionNotFresh


async def start(call: Call[U], user: U, *, remember: bool) -> SignedIn[U]:
    """Make a session for `user`, write its cookies, and end the one that this browser had (SEC-040)."""
    settings = call.auth.settings
    await end_presented(call, user)
    token = random_text(TOKEN_LENGTH)
    session = Session(
        id=random_text(32),
        token=token,
        user_id=user.id,
        expires_at=call.now + (settings.session_lifetime if remember else settings.session_not_remembered),
        created_at=call.now,
        updated_at=call.now,
        ip_address=call.ip or "",
        user_agent=printable(call.user_agent),  # lists and databases are spared its control characters
    )
    session = replace(await call.store.insert(replace(session, token=stored(call, token))), token=token)
    await _drop_oldest(call, user.id)
    signed_in = SignedIn(user, session)
    write_cookies(call, signed_in, remember=remember)
    call.become(signed_in)
    call.started = signed_in
    call.event("session.created", user_id=user.id)
    for feature in call.auth.hooked("signed_in"):
        await feature.signed_in(call, signed_in)
    return signed_in


async def end_presented(call: Call[U], user: U, *, but: str | None = None) -> None:
    """End the session that this browser had, for it is about to be in one of `user`: in the one of the token `but`,
    perhaps. Somebody else's stays where a feature keeps it."""
    old = presented_token(call)
    if old is not None and old != but:  # both were seen to be ours
        kept = any(feature.keeps(call, old) for feature in call.auth.hooked("keeps"))
        whose = {"user_id": user.id} if kept else {}
        await call.store.delete(Session, token=stored(call, old), **whose)


async def renew(call: Call[U], *, proved_by: str) -> SignedIn[U]:
    """Somebody proved again who they are: a new session takes the place of the one in use (SEC-040).

    Raise Unauthorized when that one was ended a moment ago. Call inside a transaction.
    """
    user, old = call.signed_in.user, call.signed_in.session
    if not await call.store.delete(Session, id=old.id):
        raise Unauthorized
    signed_in = await start(call, user, remember=not is_forgetful(call, old))
    call.event("auth.reauth", user_id=user.id, proved_by=proved_by)
    return signed_in


async def list_live(call: Call[U], user_id: str) -> list[Session]:
    """Return the user's sessions that are still worth something, as stored, newest first."""
    rows = await call.store.find_all(
        Session, user_id=user_id, expires_at=Above(call.now), order="-created_at", limit=SESSIONS_PER_USER
    )
    return [row for row in rows if is_live(row, call.now, call.auth.settings)]


async def revoke_all(call: Call[U], user_id: str, *, but: Session | None = None) -> int:
    """End every session of the user, `but` perhaps one. Return how many there were."""
    if but is None:
        ended = await call.store.delete(Session, user_id=user_id)
    else:
        ended = await call.store.delete(Session, user_id=user_id, id=Not(but.id))
    call.event("session.revoked_all", user_id=user_id)
    return ended


def own_session(call: Call[U]) -> Session:
    """The session of this call, where it came with one. Raise Unauthorized for somebody who showed no more than a token
    about it: what is made of such a one would be worth nothing, or never end."""
    if not call.signed_in.session.token:
        raise Unauthorized
    return call.signed_in.session


def presented_token(call: Call[U]) -> str | None:
    """Return the token of the session cookie whose signature is ours, or one that came instead of it, or None.

    A name that came twice counts only when exactly one value verifies: somebody may have planted the
    other, and which one a browser sends first is for the planter to choose (SEC-044).
    """
    good = presented_tokens(call)
    if len(good) > 1:
        call.event("security.duplicate_cookie", outcome="denied")
    return good[0] if len(good) == 1 else None


def presented_tokens(call: Call[U]) -> list[str]:
    """Every token of a session cookie whose signature is ours: signing out ends them all. Or the one that came instead."""
    if call.connection is not None:
        for feature in call.auth.hooked("session_token"):
            if (token := feature.session_token(call, call.connection)) is not None:
                return [token]
    values = call.cookies.all(call.auth.cookie_name("session_token"))
    return [token for value in values if (token := call.auth.secrets.unsign(value)) is not None]


def stored(call: Call[U], token: str) -> str:
    """How `token` stands in the database: its digest, or itself where a Better Auth server reads along."""
    return token if call.auth.settings.shared_database else digest(token)


def handle(session: Session) -> str:
    """A name for somebody's other session that signs nobody in (SEC-045)."""
    return f"session_{session.id}"


def reference(session: Session) -> str:
    """How a session is named in the audit log: it leads nowhere."""
    return hashlib.sha256(session.token.encode()).hexdigest()[:16]


def is_forgetful(call: Call[U], session: Session) -> bool:
    """Did this browser ask not to be remembered? Such a session is never renewed.

    A cookie says so; where it did not come along (a bearer, another browser of the same session), the row does: it
    ends when such a session would, and has never been renewed.
    """
    settings = call.auth.settings
    short = settings.session_not_remembered
    if short < settings.session_lifetime and session.expires_at - session.created_at <= short:
        return True
    value = call.cookies.get(call.auth.cookie_name("dont_remember"))
    return value is not None and call.auth.secrets.unsign(value) == "true"


def write_cookies(call: Call[U], signed_in: SignedIn[U], *, remember: bool) -> None:
    auth = call.auth
    # The browser may keep the cookie no longer than the row lives (the row decides anyway).
    left = int((signed_in.session.expires_at - call.now).total_seconds())
    auth_cookie = auth.secrets.sign(signed_in.session.token)
    call.cookies.set(auth.cookie_name("session_token"), auth_cookie, max_age=left if remember else None)
    forget = auth.cookie_name("dont_remember")
    if not remember:
        call.cookies.set(forget, auth.secrets.sign("true"), max_age=None)
    elif call.cookies.get(forget) is not None:
        # Otherwise an old choice would keep this session from ever being renewed.
        call.cookies.expire(forget)
    if auth.settings.cookie_cache:
        cookie_cache.write(call, signed_in, remembered=remember)


def rewrite_cookies(call: Call[U], signed_in: SignedIn[U]) -> None:
    """The person or the session has changed: send the cookies again, remembered as before."""
    call.become(signed_in)
    write_cookies(call, signed_in, remember=not is_forgetful(call, signed_in.session))


def are_cookies_written(call: Call[U]) -> bool:
    """Does this answer bring a session to the browser?"""
    change = call.cookies.changes.get((call.auth.cookie_name("session_token"), "/"))
    return change is not None and change.value != "" and change.max_age != 0


def clear_cookies(call: Call[U]) -> None:
    for name in ("session_token", "session_data", "dont_remember"):
        call.cookies.expire(call.auth.cookie_name(name))
    cookie_cache.clear_chunks(call)


def held(row: Session, token: str) -> Session:
    """The row as its owner holds it. A copy without __init__: this is the hot path, and `replace` costs as much as
    reading the row."""
    session = object.__new__(type(row))
    session.__dict__.update(row.__dict__, token=token)
    return session


async def _slide(call: Call[U], session: Session) -> Session:
    ends = renewal(session, call.now, call.auth.settings)
    if ends is None:
        return session
    renewed = replace(session, expires_at=ends, updated_at=call.now)
    # Compare-and-set: a session that was revoked a moment ago is not brought back, and of two requests
    # at once one writes.
    changed = await call.store.update(
        Session, {"id": session.id, "expires_at": session.expires_at}, expires_at=ends, updated_at=call.now
    )
    if not changed:
        current = await call.store.find(Session, id=session.id)
        if current is None:
            clear_cookies(call)
            raise FailedToGetSession
        return replace(current, token=session.token)
    if _came_by_cookie(call, session.token):
        auth = call.auth
        left = int((ends - call.now).total_seconds())
        call.cookies.set(auth.cookie_name("session_token"), auth.secrets.sign(session.token), max_age=left)
    return renewed


def _came_by_cookie(call: Call[U], token: str) -> bool:
    """A client that sends its token itself is not given a cookie in passing: other sites could use that one."""
    values = call.cookies.all(call.auth.cookie_name("session_token"))
    return token in [call.auth.secrets.unsign(value) for value in values]


async def _drop_oldest(call: Call[U], user_id: str) -> None:
    """The 101st session of a person ends the oldest (SEC-046)."""
    rows = await call.store.find_all(Session, user_id=user_id, order="-created_at", offset=SESSIONS_PER_USER, limit=10)
    for row in rows:
        await call.store.delete(Session, id=row.id)
