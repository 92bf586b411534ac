"""A session for somebody who has said nothing yet, which becomes theirs when they sign up (wire-passwordless 4)."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ..core import accounts, sessions
from ..core.accounts import EmailTaken
from ..core.call import Call, Connection, SignedIn
from ..core.errors import AuthError, ConfigurationError, FailedToGetSession, MissingField, Unauthorized
from ..core.feature import Feature
from ..core.inputs import is_email
from ..core.model import Session, U, User
from ..core.operation import NoInput, operation
from ..core.rate_limit import SIGN_IN
from ..core.secrets import random_text

ENTRANCES = (
    "/sign-in",
    "/sign-up",
    "/callback",
    "/magic-link/verify",
    "/email-otp/verify-email",
    "/one-tap/callback",
    "/passkey/verify-authentication",
    "/phone-number/verify",
    "/two-factor/verify",
    "/verify-email",
)
"""How the routes begin by which somebody anonymous becomes somebody."""

# Errors


class AnonymousAgain(AuthError):
    code = "ANONYMOUS_USERS_CANNOT_SIGN_IN_AGAIN_ANONYMOUSLY"
    message = "Anonymous users cannot sign in again anonymously"


class InvalidEmailFormat(AuthError):
    """The application's own `generate_email` made what is no address."""

    code = "INVALID_EMAIL_FORMAT"
    message = "Email was not generated in a valid format"


class DeleteAnonymousDisabled(AuthError):
    code = "DELETE_ANONYMOUS_USER_DISABLED"
    message = "Deleting anonymous users is disabled"


class UserIsNotAnonymous(AuthError):
    status = 403
    code = "USER_IS_NOT_ANONYMOUS"
    message = "User is not anonymous"


# Tables


@dataclass(frozen=True, kw_only=True)
class WithAnonymous(User):
    """The field that the user type needs: `class Member(WithAnonymous): …`."""

    is_anonymous: bool | None = False


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class AnonymousSignIn:
    token: str = field(repr=False)
    user: User


@dataclass(frozen=True, kw_only=True)
class AnonymousDeleted:
    success: bool = True


@dataclass(frozen=True, kw_only=True)
class Link:
    """Who was nobody, and who that turned out to be."""

    anonymous: SignedIn[Any]
    person: SignedIn[Any]


OnLink = Callable[[Call[Any], Link], Awaitable[None]]

# Rules


def is_anonymous(user: User) -> bool:
    return isinstance(user, WithAnonymous) and user.is_anonymous is True


def is_entrance(route: str) -> bool:
    return route.startswith(ENTRANCES)


# The feature

_coming: ContextVar[tuple[Connection, SignedIn[Any]] | None] = ContextVar("authmw_anonymous", default=None)
"""Who came to the entrance through which this request goes, if that is somebody anonymous."""


class Anonymous(Feature):
    """`Anonymous(on_link=…)`: an async function that takes over what the anonymous user left, when it becomes somebody.

    The anonymous user is deleted afterwards. `delete=False` keeps it, and takes `/delete-anonymous-user` away.
    """

    user_fields = WithAnonymous

    def __init__(
        self,
        *,
        email_domain: str | None = None,
        generate_email: Callable[[], str] | None = None,
        generate_name: Callable[[], str] | None = None,
        on_link: OnLink | None = None,
        delete: bool = True,
    ) -> None:
        if email_domain is not None and not is_email(f"temp-x@{email_domain}"):
            raise ConfigurationError(f'Anonymous(email_domain={email_domain!r}) is no domain: write "example.com".')
        self.email_domain = email_domain
        self.generate_email = generate_email
        self.generate_name = generate_name
        self.on_link = on_link
        self.may_delete = delete

    @operation(
        "POST",
        "/sign-in/anonymous",
        limit=SIGN_IN,
        starts_session=True,
        raises=(AnonymousAgain, InvalidEmailFormat, MissingField, EmailTaken, FailedToGetSession),
    )
    async def sign_in(self, call: Call[U], input: NoInput = NoInput()) -> AnonymousSignIn:
        """Make a user of whom nothing is known, and sign it in. Raise AnonymousAgain for one who already is.

        Raise MissingField where the user type has a field without a default that people fill in.
        """
        before = await call.identify(cached=False)
        if before is not None and is_anonymous(before.user):
            raise AnonymousAgain
        email = self._email()
        if not is_email(email):
            raise InvalidEmailFormat
        name = self.generate_name() if self.generate_name is not None else "Anonymous"
        for column in call.auth.own_columns:
            if not column.has_default:  # nobody has filled it in
                raise MissingField(column.name)
        async with call.transaction() as call_inside:
            user = await accounts.create_user(call_inside, email=email, name=name, more={"is_anonymous": True})
            # Nobody reads the mail of that address, so no letter of welcome or confirmation goes there.
            call_inside.letters.clear()
            # Not by `continue_sign_in`: nothing was proved, and of a user made this moment nothing can be asked.
            signed_in = await sessions.start(call_inside, user, remember=True)
            call_inside.event("auth.sign_in", user_id=user.id, proved_by="anonymous")
        return AnonymousSignIn(token=signed_in.session.token, user=signed_in.user)

    @operation(
        "POST",
        "/delete-anonymous-user",
        guard="sensitive",
        raises=(DeleteAnonymousDisabled, UserIsNotAnonymous),
    )
    async def delete_anonymous_user(self, call: Call[U], input: NoInput = NoInput()) -> AnonymousDeleted:
        """Delete the anonymous user who asks. Raise DeleteAnonymousDisabled, UserIsNotAnonymous."""
        if not self.may_delete:
            raise DeleteAnonymousDisabled
        user = call.signed_in.user
        if not is_anonymous(user):
            raise UserIsNotAnonymous
        async with call.transaction() as call_inside:
            await accounts.delete_user(call_inside, user)
            sessions.clear_cookies(call_inside)
        call.become(None)
        return AnonymousDeleted()

    async def before(self, call: Call[U], route: str) -> None:
        _coming.set(None)
        if call.connection is None or not is_entrance(route) or sessions.presented_token(call) is None:
            return
        # Not renewed: whoever signs in leaves this session in a moment.
        signed_in = await call.identify(cached=False, refresh=False)
        if signed_in is not None and is_anonymous(signed_in.user):
            _coming.set((call.connection, signed_in))

    def keeps(self, call: Call[U], token: str) -> bool:
        """The anonymous session stands until all that hangs on it is taken over: what fails can be tried again."""
        anonymous = self._came(call)
        return anonymous is not None and hmac.compare_digest(anonymous.session.token.encode(), token.encode())

    async def after(self, call: Call[U], route: str) -> None:
        anonymous, person = self._came(call), call.started
        _coming.set(None)
        if anonymous is None or person is None or is_anonymous(person.user) or person.user.id == anonymous.user.id:
            return
        try:
            if self.on_link is not None:
                await self.on_link(call, Link(anonymous=anonymous, person=person))
        except BaseException:
            # They are still who they were, with all that they have.
            await call.store.delete(Session, id=person.session.id)
            call.cookies.changes.clear()
            call.event("anonymous.linked", outcome="error", user_id=person.user.id, target_id=anonymous.user.id)
            raise
        async with call.transaction() as call_inside:
            if self.may_delete:
                with suppress(Unauthorized):  # it was deleted a moment ago
                    await accounts.delete_user(call_inside, anonymous.user)
            else:
                await call_inside.store.delete(Session, id=anonymous.session.id)
            call_inside.event("anonymous.linked", user_id=person.user.id, target_id=anonymous.user.id)

    def _came(self, call: Call[U]) -> SignedIn[U] | None:
        coming = _coming.get()
        return coming[1] if coming is not None and coming[0] is call.connection else None

    def _email(self) -> str:
        if self.generate_email is not None:
            return self.generate_email()
        name = random_text(32).lower()
        # Nobody can ever own a domain below .invalid (RFC 2606), and read what is mailed there.
        return f"temp-{name}@{self.email_domain}" if self.email_domain else f"temp@{name}.invalid"
