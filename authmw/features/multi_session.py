"""Several people, or several accounts of one, signed in at once in one browser (wire-tokens 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar
from urllib.parse import unquote

from ..core import sessions
from ..core.call import Call, SignedIn
from ..core.errors import AuthError, FailedToGetSession
from ..core.feature import N_, Feature, Screen, Visit
from ..core.model import Session, U, User
from ..core.operation import Done, operation
from ..core.store import OneOf

MARK = "_multi-"

# Errors


class InvalidSessionToken(AuthError):
    status = 401
    code = "INVALID_SESSION_TOKEN"
    message = "Invalid session token"


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class Choose:
    """A session of this browser: the `token` that `list_device_sessions` shows of it."""

    session_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DeviceSession:
    session: Session
    user: User


@dataclass(frozen=True, kw_only=True)
class AccountLine:
    """`handle` is what `set_active` and `revoke` take; it signs nobody in."""

    handle: str = field(repr=False)
    name: str
    email: str
    image: str | None
    is_this: bool


@dataclass(frozen=True, kw_only=True)
class SwitchPage:
    lines: list[AccountLine]


# The feature


class MultiSession(Feature):
    """A browser keeps up to `maximum_sessions`, each in a cookie of its own; one of them is the active one."""

    keeps_several = True

    def __init__(self, *, maximum_sessions: int = 5) -> None:
        self.maximum_sessions = maximum_sessions

    @operation("GET", "/multi-session/list-device-sessions", raises=(FailedToGetSession,))
    async def list_device_sessions(self, call: Call[U]) -> list[DeviceSession]:
        """List who is signed in in this browser. Only the active session shows its token; others show a handle that
        `set_active` and `revoke` take and that signs nobody in (SEC-045)."""
        active = await call.identify()
        return [
            DeviceSession(
                session=each.session
                if active and active.session.id == each.session.id
                else replace(each.session, token=sessions.handle(each.session)),
                user=each.user,
            )
            for each in _one_each(await self._signed_in_here(call))
        ]

    @operation("POST", "/multi-session/set-active", raises=(InvalidSessionToken,))
    async def set_active(self, call: Call[U], input: Choose) -> DeviceSession:
        """Go on as somebody who is signed in in this browser. Raise InvalidSessionToken."""
        chosen = await self._chosen(call, input.session_token)
        self._go_on_as(call, chosen)
        call.event("session.switched", user_id=chosen.user.id)
        return DeviceSession(session=chosen.session, user=chosen.user)

    @operation("POST", "/multi-session/revoke", guard="sensitive", raises=(InvalidSessionToken,))
    async def revoke(self, call: Call[U], input: Choose) -> Done:
        """End a session of this browser. After the active one, another is active; after the last, nobody is signed in.

        Raise InvalidSessionToken."""
        chosen = await self._chosen(call, input.session_token)
        active = call.signed_in.session.id
        await call.store.delete(Session, id=chosen.session.id)
        call.event("session.revoked", user_id=chosen.user.id)
        call.cookies.expire(_name(call, chosen.session.token))
        if chosen.session.id == active:
            others = [each for each in await self._signed_in_here(call) if each.session.id != active]
            if others:
                self._go_on_as(call, others[0])
            else:
                sessions.clear_cookies(call)
                call.become(None)
        return Done()

    def keeps(self, call: Call[U], token: str) -> bool:
        return token in _tokens(call)

    async def after(self, call: Call[U], route: str) -> None:
        if route == "/sign-out":
            for token in _tokens(call):
                await call.store.delete(Session, token=sessions.stored(call, token))
                call.cookies.expire(_name(call, token))
        elif call.is_somebody and sessions.are_cookies_written(call):
            await self._remember(call, call.signed_in)

    async def switch_page(self, call: Call[U], visit: Visit) -> SwitchPage:
        active = (await call.guard("sensitive")).session
        here = _one_each(await self._signed_in_here(call))
        lines = [
            AccountLine(
                handle=sessions.handle(each.session),
                name=each.user.name,
                email=each.user.email,
                image=each.user.image,
                is_this=each.session.id == active.id,
            )
            for each in here
        ]
        return SwitchPage(lines=sorted(lines, key=lambda line: not line.is_this))

    def _go_on_as(self, call: Call[U], signed_in: SignedIn[U]) -> None:
        call.become(signed_in)
        sessions.write_cookies(call, signed_in, remember=not sessions.is_forgetful(call, signed_in.session))

    async def _remember(self, call: Call[U], signed_in: SignedIn[U]) -> None:
        """Give a new session its cookie. It takes the place of an older one of the same person."""
        name = _name(call, signed_in.session.token)
        if call.cookies.get(name) is not None:
            return
        others = 0
        here = await self._signed_in_here(call)
        live = {each.session.token for each in here}
        for token in _tokens(call):
            if token not in live:
                call.cookies.expire(_name(call, token))
        for each in here:
            if each.user.id == signed_in.user.id:
                await call.store.delete(Session, id=each.session.id)
                call.cookies.expire(_name(call, each.session.token))
            else:
                others += 1
        if others < self.maximum_sessions:
            left = int((signed_in.session.expires_at - call.now).total_seconds())
            forgetful = sessions.is_forgetful(call, signed_in.session)
            signed = call.auth.secrets.sign(signed_in.session.token)
            call.cookies.set(name, signed, max_age=None if forgetful else left)

    async def _chosen(self, call: Call[U], given: str) -> SignedIn[U]:
        """The session of this browser that is meant: its cookie says which, not the body."""
        for each in await self._signed_in_here(call):
            if given in (each.session.token, sessions.handle(each.session)):
                return each
        name = _name(call, given)
        if call.cookies.get(name) is not None:
            call.cookies.expire(name)
        raise InvalidSessionToken

    async def _signed_in_here(self, call: Call[U]) -> Sequence[SignedIn[U]]:
        """Whoever has a live session in a cookie of this browser, in two statements."""
        by_stored = {sessions.stored(call, token): token for token in _tokens(call)}
        rows = await call.store.find_all(Session, token=OneOf(list(by_stored)), limit=None) if by_stored else []
        live = [row for row in rows if sessions.is_live(row, call.now, call.auth.settings)]
        if not live:
            return []
        people = await call.store.find_all(call.auth.user_type, id=OneOf([row.user_id for row in live]), limit=None)
        by_id = {person.id: person for person in people}
        return [
            SignedIn(by_id[row.user_id], sessions.held(row, by_stored[row.token]))
            for row in sorted(live, key=lambda row: (row.created_at, row.id))
            if row.user_id in by_id
        ]

    screens: ClassVar = (
        Screen(
            path="/switch-account",
            template="multi_session/switch_account.html",
            loads=switch_page,
            others={"switch": set_active, "end": revoke},
            private=True,
            nav=N_("Switch account"),
            notices={"switch": "account-switched", "end": "session-ended"},
            states=("only this", "full", "switched", "ended", "another", "another wrong"),
        ),
    )


def _name(call: Call[U], token: str) -> str:
    return call.auth.cookie_name("session_token") + MARK + token.lower()


def _tokens(call: Call[U]) -> list[str]:
    """The tokens of this browser's cookies whose signature is ours and whose name is theirs."""
    prefix = call.auth.cookie_name("session_token") + MARK
    found = []
    for name in call.cookies.names():
        if name.startswith(prefix):
            value = call.cookies.get(name)
            token = call.auth.secrets.unsign(value) if value else None
            change = call.cookies.changes.get((name, "/"))
            is_gone = change is not None and not unquote(change.value)
            if token is not None and name == prefix + token.lower() and not is_gone:
                found.append(token)
    return found


def _one_each(here: Sequence[SignedIn[U]]) -> list[SignedIn[U]]:
    """One session a person: the first."""
    found: dict[str, SignedIn[U]] = {}
    for each in here:
        found.setdefault(each.user.id, each)
    return list(found.values())
