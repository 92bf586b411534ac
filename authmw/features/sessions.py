"""Sessions as their owner sees them: who am I, where am I signed in, sign out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, NoReturn

from ..core import sessions
from ..core.call import Call
from ..core.errors import AuthError, FailedToGetSession, NoFieldsToUpdate
from ..core.feature import N_, Feature, Screen, Visit
from ..core.inputs import Flag, Rest, Url
from ..core.model import Session, U, User
from ..core.operation import Done, NoInput, operation
from ..core.outputs import to_wire
from ..core.user_agents import Device, describe

# Errors


class DeferNotEnabled(AuthError):
    status = 405
    code = "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"
    message = "POST method requires deferSessionRefresh to be enabled in session config"


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class GetSession:
    disable_cookie_cache: Flag = False
    disable_refresh: Flag = False


@dataclass(frozen=True, kw_only=True)
class CurrentSession:
    """Who is signed in. Features may have more to tell beside it."""

    session: Session
    user: User


@dataclass(frozen=True, kw_only=True)
class RevokeSession:
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class UpdateSession:
    changes: Rest = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SignOut:
    callback_url: Url | None = None
    disable_redirect: bool = False
    state: str | None = None


@dataclass(frozen=True, kw_only=True)
class SignedOut:
    success: bool = True


@dataclass(frozen=True, kw_only=True)
class SessionLine:
    """A session in words. `handle` is what `revoke_session` takes; it signs nobody in."""

    handle: str = field(repr=False)
    device: Device
    is_this: bool
    signed_in_at: datetime
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class SessionsPage:
    lines: list[SessionLine]
    """This one first, then the newest."""
    clients: list[SessionLine]
    """What acts as this person beside browsers."""


# The feature


class Sessions(Feature):
    """Always on."""

    @operation("GET", "/get-session", answers=CurrentSession | None, raises=(FailedToGetSession,))
    async def get_session(self, call: Call[U], input: GetSession = GetSession()) -> Mapping[str, Any] | None:
        """Return `{"session": …, "user": …}`, or None for nobody."""
        signed_in = await call.identify(cached=not input.disable_cookie_cache, refresh=not input.disable_refresh)
        if signed_in is None:
            return None
        answer: dict[str, Any] = {"session": to_wire(signed_in.session), "user": to_wire(signed_in.user)}
        for feature in call.auth.hooked("session_read"):
            await feature.session_read(call, signed_in, answer)
        return answer

    @operation("POST", "/get-session", raises=(DeferNotEnabled,))
    async def post_session(self, call: Call[U], input: NoInput = NoInput()) -> NoReturn:
        """The wire's second half of a deferred refresh, which is not needed here: reading refreshes."""
        raise DeferNotEnabled

    @operation("GET", "/list-sessions", guard="fresh")
    async def list_sessions(self, call: Call[U]) -> list[Session]:
        """List where the person is signed in. Only the own session shows its token; others show a handle that
        `revoke_session` takes and that signs nobody in (SEC-045)."""
        own = call.signed_in.session
        rows = await sessions.list_live(call, call.signed_in.user.id)
        return [own if row.id == own.id else replace(row, token=sessions.handle(row)) for row in rows]

    @operation("POST", "/revoke-session", guard="sensitive")
    async def revoke_session(self, call: Call[U], input: RevokeSession) -> Done:
        """End one session of the person who is signed in, by token or handle. Anybody else's stays, with the same answer."""
        user = call.signed_in.user
        user_id = user.id
        ended: int | bool = await call.store.delete(Session, user_id=user_id, token=sessions.stored(call, input.token))
        if not ended and input.token.startswith(prefix := "session_"):
            ended = await call.store.delete(Session, user_id=user_id, id=input.token.removeprefix(prefix))
        for feature in call.auth.hooked("end_client"):
            ended = ended or await feature.end_client(call, user, input.token)
        call.event("session.revoked", user_id=user_id, outcome="success" if ended else "failure")
        return Done()

    @operation("POST", "/revoke-sessions", guard="sensitive")
    async def revoke_sessions(self, call: Call[U], input: NoInput = NoInput()) -> Done:
        """End every session of the person, this one too."""
        await sessions.revoke_all(call, call.signed_in.user.id)
        return Done()

    @operation("POST", "/revoke-other-sessions", guard="sensitive")
    async def revoke_other_sessions(self, call: Call[U], input: NoInput = NoInput()) -> Done:
        """End every session of the person but this one."""
        await sessions.revoke_all(call, call.signed_in.user.id, but=call.signed_in.session)
        return Done()

    @operation("POST", "/update-session", guard="session", raises=(NoFieldsToUpdate,))
    async def update_session(self, call: Call[U], input: UpdateSession) -> NoReturn:
        """Change fields that features add to sessions; of ours none is a client's to change. Raise NoFieldsToUpdate."""
        raise NoFieldsToUpdate

    @operation("POST", "/sign-out")
    async def sign_out(self, call: Call[U], input: SignOut = SignOut()) -> SignedOut:
        """End this browser's session. Nobody being signed in is no error."""
        for token in sessions.presented_tokens(call):
            row = await call.store.take(Session, token=sessions.stored(call, token))
            if row is not None:
                call.event("auth.sign_out", user_id=row.user_id)
        sessions.clear_cookies(call)
        call.become(None)
        return SignedOut()

    async def sessions_page(self, call: Call[U], visit: Visit) -> SessionsPage:
        signed_in = await call.guard("sensitive")
        rows = await sessions.list_live(call, signed_in.user.id)
        found = [
            each for feature in call.auth.hooked("clients") for each in await feature.clients(call, signed_in.user)
        ]
        # The first look into ua-parser reads its rules, which takes longer than the event loop can wait.
        agents = [row.user_agent or "" for row in rows] + [each.user_agent for each in found]
        devices = await asyncio.to_thread(lambda: [describe(agent) for agent in agents])
        lines = [
            SessionLine(
                handle=sessions.handle(row),
                device=device,
                is_this=row.id == signed_in.session.id,
                signed_in_at=row.created_at,
                seen_at=call.now if row.id == signed_in.session.id else row.updated_at,
            )
            for row, device in zip(rows, devices[: len(rows)], strict=True)
        ]
        clients = [
            SessionLine(
                handle=each.handle,
                device=device,
                is_this=False,
                signed_in_at=each.signed_in_at,
                seen_at=each.seen_at,
            )
            for each, device in zip(found, devices[len(rows) :], strict=True)
        ]
        return SessionsPage(lines=sorted(lines, key=lambda line: not line.is_this), clients=clients)

    screens: ClassVar = (
        Screen(
            path="/settings/sessions",
            template="sessions/settings.html",
            loads=sessions_page,
            others={"one": revoke_session, "others": revoke_other_sessions},
            private=True,
            nav=N_("Sessions"),
            notices={"one": "session-ended", "others": "sessions-ended"},
            states=("only this", "full", "ended", "apps", "app ended"),
        ),
        Screen(
            path="/sign-out",
            template="sessions/sign_out.html",
            submits=sign_out,
            then=("sign-out",),
            notice="signed-out",
            states=("signed in", "signed out"),
        ),
    )
