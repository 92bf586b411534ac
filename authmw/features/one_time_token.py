"""A session carried to another browser or domain, by a token that is good once (wire-tokens 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from ..core import sessions, tokens
from ..core.call import Call, SignedIn
from ..core.errors import AuthError
from ..core.feature import Feature
from ..core.model import Session, U, User
from ..core.operation import operation
from ..core.tokens import Purpose

HEADER = "set-ott"

# Errors


class ClientRequestsDisabled(AuthError):
    message = "Client requests are disabled"


class InvalidOneTimeToken(AuthError):
    message = "Invalid token"


class SessionGone(AuthError):
    message = "Session not found"


class SessionOver(AuthError):
    message = "Session expired"


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class Redeem:
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Issued:
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Carried:
    session: Session
    user: User


# The feature


class OneTimeToken(Feature):
    """`OneTimeToken(only_server=True)` leaves making tokens to Python; `set_cookie=False` only answers who it is;
    `header_on_new_session=True` sends one in `set-ott` wherever a session begins."""

    def __init__(
        self,
        *,
        lifetime: timedelta = timedelta(minutes=3),
        only_server: bool = False,
        set_cookie: bool = True,
        header_on_new_session: bool = False,
    ) -> None:
        self.only_server = only_server
        self.set_cookie = set_cookie
        self.header_on_new_session = header_on_new_session
        self.carrying = Purpose(name="one-time-token", prefix="one-time-token:", lifetime=lifetime, is_many=True)

    @operation("GET", "/one-time-token/generate", guard="session", raises=(ClientRequestsDisabled,))
    async def generate(self, call: Call[U]) -> Issued:
        """Make a token that opens the session of whoever asks, once. Raise ClientRequestsDisabled."""
        if self.only_server and call.connection is not None and not call.connection.to_application:
            raise ClientRequestsDisabled
        return Issued(token=await self._issue(call, sessions.own_session(call)))

    # Another site's page must not sign anybody in as whom it likes.
    @operation(
        "POST",
        "/one-time-token/verify",
        starts_session=True,
        raises=(InvalidOneTimeToken, SessionGone, SessionOver),
    )
    async def verify(self, call: Call[U], input: Redeem) -> Carried:
        """Spend a token: this browser is in the same session from here on.

        Raise InvalidOneTimeToken, SessionGone, SessionOver."""
        kept = await tokens.redeem(call, self.carrying, input.token)
        token = self._opened(call, kept) if kept else None
        if token is None:
            raise InvalidOneTimeToken
        pair = await call.store.find_joined(Session, call.auth.user_type, token=sessions.stored(call, token))
        if pair is None:
            raise SessionGone
        if not sessions.is_live(pair[0], call.now, call.auth.settings):
            raise SessionOver
        signed_in = SignedIn(pair[1], sessions.held(pair[0], token))
        if self.set_cookie:
            await sessions.end_presented(call, signed_in.user, but=token)
            call.become(signed_in)
            sessions.write_cookies(call, signed_in, remember=not sessions.is_forgetful(call, signed_in.session))
        call.event("auth.one_time_token", user_id=signed_in.user.id)
        return Carried(session=signed_in.session, user=signed_in.user)

    async def after(self, call: Call[U], route: str) -> None:
        if self.header_on_new_session and call.is_somebody and sessions.are_cookies_written(call):
            call.expose(HEADER, await self._issue(call, call.signed_in.session))

    async def _issue(self, call: Call[U], session: Session) -> str:
        """Where a Better Auth server reads along, it is kept as that one keeps it."""
        shared = call.auth.settings.shared_database
        kept = session.token if shared else call.auth.secrets.encrypt(session.token, purpose=self.carrying.name)
        return await tokens.issue(call, self.carrying, subject=session.user_id, value=kept)

    def _opened(self, call: Call[U], kept: str) -> str | None:
        if call.auth.settings.shared_database:
            return kept
        return call.auth.secrets.decrypt(kept, purpose=self.carrying.name)
