"""Sign in with a link by mail, and no password; whoever has no account yet gets one (wire-passwordless 1)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from string import ascii_letters
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from ..core import accounts, tokens
from ..core.call import Call, SignedIn
from ..core.errors import AuthError, InvalidToken
from ..core.feature import Feature, Join, Screen, Visit
from ..core.inputs import Email, Name, Url, is_email
from ..core.model import Session, U, User
from ..core.operation import Done, Redirect, StepRequired, operation
from ..core.rate_limit import Limit
from ..core.sign_in import continue_sign_in
from ..core.tokens import Purpose

LINKS = Limit(5, per=60)  # SEC-062
FAULTS = (429, 503)
"""Answers after which asking again is right: the link stays good."""

# Errors


class NewUserSignupDisabled(AuthError):
    code = "new_user_signup_disabled"
    message = "Nobody has this email, and signing in makes no account"


class FailedToCreateUser(AuthError):
    """`reason` says why: a field that a new user cannot do without, or what a feature has against them."""

    code = "failed_to_create_user"
    message = "Failed to create user"
    screen = "/sign-up"

    def __init__(self, reason: AuthError) -> None:
        super().__init__()
        self.reason = reason


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class SendLink:
    """`name` is for a new user; `metadata` for whoever writes the letter."""

    email: Email
    name: Name | None = None
    callback_url: Url | None = None
    new_user_callback_url: Url | None = None
    error_callback_url: Url | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class OpenLink:
    token: str = field(repr=False)
    callback_url: Url | None = None
    new_user_callback_url: Url | None = None
    error_callback_url: Url | None = None


@dataclass(frozen=True, kw_only=True)
class UseLink:
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class SignedInByLink:
    token: str = field(repr=False)
    user: User
    session: Session


@dataclass(frozen=True, kw_only=True)
class LinkSentPage:
    email: str
    can_resend_in: int = 0


@dataclass(frozen=True, kw_only=True)
class LinkPage:
    email: str
    is_new: bool
    """Nobody has this address yet."""
    is_closed: bool
    """Nobody has it, and nobody gets an account here."""
    is_other_browser: bool
    """The link was asked for in another browser, or a good while ago."""


# Rules


@dataclass(frozen=True, kw_only=True)
class _Link:
    """What a link stands for. `user_id` is whose the address was when it was asked for."""

    email: str
    name: str | None
    user_id: str | None

    @property
    def value(self) -> str:
        """As Better Auth has it; it takes no key more, so where it reads along nothing is said of the user."""
        known = {"type": "magic-link", "email": self.email, "name": self.name, "userId": self.user_id}
        return json.dumps({key: text for key, text in known.items() if text is not None}, separators=(",", ":"))


def link_of(value: str | None) -> _Link:
    """Read what a link stands for. Raise InvalidToken for nothing, and for what was made for something else."""
    try:
        said = json.loads(value or "")
    except ValueError:
        raise InvalidToken from None
    if not isinstance(said, dict) or said.get("type") != "magic-link":
        raise InvalidToken
    email, name, user_id = said.get("email"), said.get("name"), said.get("userId")
    if not isinstance(email, str) or not is_email(email):
        raise InvalidToken
    if not isinstance(name, str | None) or not isinstance(user_id, str | None):
        raise InvalidToken
    return _Link(email=email, name=name, user_id=user_id)


def with_error(url: str, code: str, description: str = "") -> str:
    """Return `url` with what went wrong in its query, which it otherwise keeps."""
    address, mark, fragment = url.partition("#")
    path, _, query = address.partition("?")
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in ("error", "error_description")]
    said = [("error", code), *([("error_description", description)] if description else [])]
    return f"{path}?{urlencode([*kept, *said])}{mark}{fragment}"


# The feature


@dataclass(frozen=True, kw_only=True)
class _Entry:
    result: SignedIn[Any] | StepRequired
    is_new: bool


class MagicLink(Feature):
    """`MagicLink(sign_up=False)` signs in those who have an account, and makes none."""

    def __init__(self, *, lifetime: timedelta = timedelta(minutes=5), sign_up: bool = True) -> None:
        self.open = sign_up
        self.link = Purpose(name="magic-link", prefix="magic-link:", lifetime=lifetime, alphabet=ascii_letters)

    @operation("POST", "/sign-in/magic-link", limit=LINKS, starts_session=True, sends_mail=True)
    async def send_link(self, call: Call[U], input: SendLink) -> Done:
        """Mail a link that signs in; the answer does not say whether anybody has that address."""
        user = await accounts.find_user(call, input.email)
        # Over the budget nothing is made, so that the link that was mailed stays good.
        if not await call.may_mail("magic-link", input.email):
            return Done()
        bound = user.id if user and not call.auth.settings.shared_database else None
        link = _Link(email=input.email, name=input.name, user_id=bound)
        nobody = call.auth.secrets.fingerprint("nobody", input.email.lower())[:32]
        async with call.transaction() as call_inside:
            # Also one that was sent before the address had a user: the newest is the one that works (SEC-026).
            await tokens.burn(call_inside, self.link, subject=nobody)
            subject = user.id if user else nobody
            token = await tokens.issue(call_inside, self.link, subject=subject, value=link.value)
            call_inside.event(
                "magic_link.sent", user_id=user.id if user else None, reason="" if user else "unknown address"
            )
        # To an unknown address as well: whoever reads it learns there, and only there, what becomes of it.
        call.mail(
            "magic-link",
            input.email.lower(),
            counted=False,
            url=self._url(call, input, token),
            token=token,
            minutes=int(self.link.lifetime.total_seconds() // 60),
            metadata=input.metadata or {},
        )
        return Done()

    @operation("GET", "/magic-link/verify", limit=LINKS)
    async def open_link(self, call: Call[U], input: OpenLink) -> SignedInByLink | StepRequired | Redirect:
        """Sign in with a mailed token, once. What is wrong with it is told to the page that the link names."""
        after = self._absolute(call, input.callback_url or "/")
        failed = self._absolute(call, input.error_callback_url) if input.error_callback_url else after
        try:
            entry = await self._enter(call, input.token)
        except FailedToCreateUser as refused:
            return Redirect(with_error(failed, refused.reason.code or refused.code, refused.reason.message))
        except (InvalidToken, NewUserSignupDisabled) as refused:
            return Redirect(with_error(failed, refused.code))
        if not input.callback_url:
            return self._answer(entry)
        if isinstance(entry.result, StepRequired):
            return Redirect(self._step(call, entry.result) or with_error(failed, "two_factor_required"))
        if entry.is_new and input.new_user_callback_url:
            return Redirect(self._absolute(call, input.new_user_callback_url))
        return Redirect(after)

    # Redeemed by a POST behind a button: mail scanners open every link they see.
    @operation(
        "POST",
        "/magic-link/verify",
        limit=LINKS,
        starts_session=True,
        in_api=False,
        raises=(InvalidToken, NewUserSignupDisabled, FailedToCreateUser),
    )
    async def use_link(self, call: Call[U], input: UseLink) -> SignedInByLink | StepRequired:
        """`open_link` for the screen, and from Python. Raise InvalidToken, NewUserSignupDisabled, FailedToCreateUser."""
        return self._answer(await self._enter(call, input.token))

    async def sent_page(self, call: Call[U], visit: Visit) -> LinkSentPage:
        return LinkSentPage(email=visit.email)

    async def link_page(self, call: Call[U], visit: Visit) -> LinkPage:
        """Raise InvalidToken for a link that is spent, too old or unknown. Spends nothing."""
        link = link_of(await tokens.peek(call, self.link, visit.token))
        user = await self._whose(call, link)
        return LinkPage(
            email=user.email if user else link.email.lower(),
            is_new=user is None,
            is_closed=user is None and not self.open,
            is_other_browser=visit.email.lower() != link.email.lower(),
        )

    async def _enter(self, call: Call[U], token: str) -> _Entry:
        """Spend a link and sign in. A refusal spends it too, a fault does not (SEC-025)."""
        try:
            return await self._redeem(call, token)
        except AuthError as refused:
            if refused.status not in FAULTS:
                await tokens.redeem(call, self.link, token)
            call.event("magic_link.used", outcome="failure", reason=refused.code)
            raise

    async def _redeem(self, call: Call[U], token: str) -> _Entry:
        async with call.transaction() as call_inside:
            link = link_of(await tokens.redeem(call_inside, self.link, token))
            user = await self._whose(call_inside, link)
            is_new = user is None
            if user is None:
                user = await self._create(call_inside, link)
            elif not user.email_verified:
                await accounts.forget_unproved(call_inside, user)
                user = await accounts.update_user(call_inside, user, email_verified=True)
                call_inside.event("email.verified", user_id=user.id)
            call_inside.event("magic_link.used", user_id=user.id)
            result = await continue_sign_in(call_inside, user, proved_by="magic-link")
        await accounts.forget_wrong_passwords(call, user.email)
        return _Entry(result=result, is_new=is_new)

    async def _whose(self, call: Call[U], link: _Link) -> U | None:
        """Return whom a link is for, None for a new user. Raise InvalidToken when the address has changed hands since
        (SEC-027)."""
        user = await accounts.find_user(call, link.email)
        if link.user_id is not None and (user is None or user.id != link.user_id):
            raise InvalidToken
        return user

    async def _create(self, call: Call[U], link: _Link) -> U:
        """Store a new user, whose address is proved. Raise NewUserSignupDisabled, FailedToCreateUser."""
        if not self.open:
            raise NewUserSignupDisabled
        try:
            own = accounts.own_fields(call, {}, creating=True)
            user = await accounts.create_user(
                call, email=link.email, name=link.name or "", more={**own, "email_verified": True}
            )
        except AuthError as reason:
            if reason.status in FAULTS:
                raise
            raise FailedToCreateUser(reason) from reason
        call.event("auth.sign_up", user_id=user.id)
        return user

    def _answer(self, entry: _Entry) -> SignedInByLink | StepRequired:
        if isinstance(entry.result, StepRequired):
            return entry.result
        session = entry.result.session
        return SignedInByLink(token=session.token, user=entry.result.user, session=session)

    def _url(self, call: Call[U], input: SendLink, token: str) -> str:
        back = call.callback_url
        more = {"newUserCallbackURL": input.new_user_callback_url, "errorCallbackURL": input.error_callback_url}
        return call.auth.link(
            screen="/magic-link",
            api="/magic-link/verify",
            in_api={"token": token, "callbackURL": back or "/", **{key: url for key, url in more.items() if url}},
            in_screen={"token": token, **({"next": back} if back else {})},
        )

    def _step(self, call: Call[U], step: StepRequired) -> str | None:
        """The screen of a further step, where there are screens."""
        settings = call.auth.settings
        is_there = call.auth.screens_mounted and any(each.path == step.screen for _, each in call.auth.screens)
        if not is_there:
            return None
        query = f"?{urlencode({'next': call.callback_url})}" if call.callback_url else ""
        return f"{settings.origin}{settings.ui_path}{step.screen}{query}"

    def _absolute(self, call: Call[U], url: str) -> str:
        return call.auth.settings.origin + url if url.startswith("/") else url

    screens: ClassVar = (
        Screen(
            path="/sign-in/magic-link",
            template="magic_link/sent.html",
            loads=sent_page,
            others={"send": send_link},
            notice="link-sent",
            states=("sent", "sent again", "too soon", "address unknown", "wrong"),
        ),
        Screen(
            path="/magic-link",
            template="magic_link/magic_link.html",
            loads=link_page,
            submits=use_link,
            takes_token=True,
            expired="/sign-in/magic-link",
            states=("confirm", "new", "another browser", "expired"),
        ),
    )
    joins: ClassVar = (Join(path="/sign-in", name="magic-link", submits=send_link, then=("/sign-in/magic-link",)),)
