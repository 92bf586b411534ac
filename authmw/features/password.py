"""Sign up and in with an address and a password; reset, change, verify it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, ClassVar
from urllib.parse import urlencode, urlsplit

from msgspec import UNSET, UnsetType

from ..core import accounts, sessions, tokens
from ..core.accounts import EmailTaken
from ..core.call import Call
from ..core.errors import (
    AuthError,
    CredentialAccountNotFound,
    FieldNotAllowed,
    InvalidPassword,
    InvalidToken,
    MissingField,
    UserNotFound,
)
from ..core.feature import N_, Feature, Screen, Visit
from ..core.inputs import Email, Image, Name, NewUserFields, Text, Typed, Url, is_email
from ..core.inputs import Password as PasswordText
from ..core.model import U, User
from ..core.operation import Done, Redirect, StepRequired, operation
from ..core.passwords import PasswordTooLong, PasswordTooShort
from ..core.rate_limit import SEND_MAIL, SIGN_IN
from ..core.sign_in import continue_sign_in
from ..core.tokens import Purpose

# Errors


class InvalidEmailOrPassword(AuthError):
    """Unknown address, no password, wrong password: one answer for all."""

    status = 401
    code = "INVALID_EMAIL_OR_PASSWORD"
    message = "Invalid email or password"
    field = "email"


class InvalidEmail(AuthError):
    code = "INVALID_EMAIL"
    message = "Invalid email"
    field = "email"


class SignUpDisabled(AuthError):
    code = "EMAIL_PASSWORD_SIGN_UP_DISABLED"
    message = "Email and password sign up is not enabled"


class PasswordAlreadySet(AuthError):
    code = "PASSWORD_ALREADY_SET"
    message = "User already has a password set"


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class SignUp:
    """`more` holds the application's own user fields."""

    name: Name
    email: Email
    password: Annotated[str, Text(longest=None, shortest=1)] = field(repr=False)
    image: Image | None = None
    callback_url: Url | None = None
    remember_me: bool = True
    more: NewUserFields = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SignedUp:
    """`token` is None when nobody was signed in: the address must be confirmed first."""

    token: str | None = field(repr=False)
    user: User


@dataclass(frozen=True, kw_only=True)
class SignIn:
    email: Typed
    password: PasswordText = field(repr=False)
    callback_url: Url | None = None
    remember_me: bool = True


@dataclass(frozen=True, kw_only=True)
class SignInAnswer:
    redirect: bool
    token: str = field(repr=False)
    url: str | UnsetType = UNSET
    user: User


@dataclass(frozen=True, kw_only=True)
class RequestReset:
    email: Email
    redirect_to: Url | None = None


@dataclass(frozen=True, kw_only=True)
class ResetRequested:
    status: bool = True
    message: str = "If this email exists in our system, check your email for the reset link"


@dataclass(frozen=True, kw_only=True)
class OpenReset:
    token: str = field(repr=False)
    callback_url: Url


@dataclass(frozen=True, kw_only=True)
class ResetPassword:
    new_password: PasswordText = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class VerifyPassword:
    password: PasswordText = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class ChangePassword:
    new_password: PasswordText = field(repr=False)
    current_password: PasswordText = field(repr=False)
    revoke_other_sessions: bool = False


@dataclass(frozen=True, kw_only=True)
class SetPassword:
    new_password: PasswordText = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class PasswordChanged:
    token: str | None = field(repr=False)
    user: User


@dataclass(frozen=True, kw_only=True)
class CheckEmailPage:
    email: str
    purpose: str
    can_resend_in: int = 0
    provider_link: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class ResetPage:
    email: str


@dataclass(frozen=True, kw_only=True)
class PasswordPage:
    email: str
    is_set: bool
    """False for somebody who signs in by other means and has no password to change."""


# Rules

WEBMAIL: Mapping[str, tuple[str, str]] = {
    "gmail.com": (N_("Open Gmail"), "https://mail.google.com/"),
    "outlook.com": (N_("Open Outlook"), "https://outlook.live.com/mail/"),
    "hotmail.com": (N_("Open Outlook"), "https://outlook.live.com/mail/"),
    "yahoo.com": (N_("Open Yahoo Mail"), "https://mail.yahoo.com/"),
    "icloud.com": (N_("Open iCloud Mail"), "https://www.icloud.com/mail/"),
    "proton.me": (N_("Open Proton Mail"), "https://mail.proton.me/"),
}


def with_query(url: str, base: str, **added: str) -> str:
    """Return `url`, absolute against the site `base`, with `added` in its query."""
    absolute = url if "://" in url else base + url
    parts = urlsplit(absolute)
    query = "&".join(filter(None, (parts.query, urlencode(added))))
    return parts._replace(query=query).geturl()


# The feature


class Password(Feature):
    """`Password(sign_up=False)` closes registration; `auto_sign_in=False` has people sign in after signing up."""

    def __init__(
        self,
        *,
        sign_up: bool = True,
        auto_sign_in: bool = True,
        reset_lifetime: timedelta = timedelta(hours=1),
        revoke_sessions_on_password_reset: bool = True,
    ) -> None:
        self.open = sign_up
        self.hides_accounts = not auto_sign_in
        self.revoke_sessions_on_password_reset = revoke_sessions_on_password_reset
        self.reset = Purpose(name="reset-password", prefix="reset-password:", lifetime=reset_lifetime, length=24)

    def offers(self, screen: Screen) -> bool:
        return self.open or screen.path != "/sign-up"

    @operation(
        "POST",
        "/sign-up/email",
        limit=SIGN_IN,
        forms=True,
        starts_session=True,
        sends_mail=True,
        raises=(SignUpDisabled, PasswordTooShort, PasswordTooLong, FieldNotAllowed, MissingField, EmailTaken),
    )
    async def sign_up(self, call: Call[U], input: SignUp) -> SignedUp | StepRequired:
        """Create a user with a password, and sign in unless the address must be confirmed first.

        Raise EmailTaken, unless accounts are hidden: then a taken address answers like a new one and its
        owner is told by mail.
        """
        if not self.open:
            raise SignUpDisabled
        await accounts.refuse_bad_password(call, input.password)
        own = accounts.own_fields(call, input.more, creating=True)
        taken = await accounts.find_user(call, input.email)
        hidden = call.auth.hides_accounts
        if taken and not hidden:
            call.event("auth.sign_up", outcome="failure", reason="taken", target_id=taken.id)
            raise EmailTaken
        # Hashed before the transaction, which holds a writer, and for a taken address too: time must not tell.
        hashed = await call.auth.passwords.hash(input.password)
        if taken:
            return await self._pretend(call, input, own, taken)
        try:
            async with call.transaction() as call_inside:
                user = await accounts.create_user(
                    call_inside, email=input.email, name=input.name, image=input.image, more=own
                )
                await accounts.store_hash(call_inside, user.id, hashed)
                call_inside.event("auth.sign_up", user_id=user.id)
                if hidden:
                    return SignedUp(token=None, user=user)
                signed_in = await continue_sign_in(call_inside, user, proved_by="password", remember=input.remember_me)
        except EmailTaken:
            if not hidden:
                raise
            owner = await accounts.find_user(call, input.email)
            return await self._pretend(call, input, own, owner)
        if isinstance(signed_in, StepRequired):
            return signed_in
        return SignedUp(token=signed_in.session.token, user=signed_in.user)

    @operation(
        "POST",
        "/sign-in/email",
        limit=SIGN_IN,
        forms=True,
        starts_session=True,
        raises=(InvalidEmail, PasswordTooLong, InvalidEmailOrPassword),
    )
    async def sign_in(self, call: Call[U], input: SignIn) -> SignInAnswer | StepRequired:
        """Sign in. Raise InvalidEmail for text that is no address, else InvalidEmailOrPassword whatever is wrong."""
        if not is_email(input.email):
            raise InvalidEmail
        call.auth.passwords.check_maximum(input.password)
        # Counted before the check and taken back after a success: guesses at the same moment count as well.
        for key, limit in accounts.password_keys(call, input.email):
            await call.count(key, limit)
        user = await accounts.find_user(call, input.email)
        # Asked for nobody as well: an unknown address must cost the same statements.
        account = await accounts.credential(call, user.id if user else "")
        hashed = await accounts.right_hash(call, account, input.password)
        if hashed is None or account is None or user is None:
            reason = "wrong password" if account else "no password" if user else "unknown address"
            who = None if user else call.auth.secrets.fingerprint("identifier", input.email.lower())[:22]
            call.event(
                "auth.sign_in",
                outcome="failure",
                reason=reason,
                target_id=user.id if user else None,
                identifier_hmac=who,
            )
            raise InvalidEmailOrPassword
        await accounts.forget_wrong_passwords(call, input.email)
        async with call.transaction() as call_inside:
            if not await accounts.still_holds(call_inside, account, hashed):
                raise InvalidEmailOrPassword
            signed_in = await continue_sign_in(call_inside, user, proved_by="password", remember=input.remember_me)
        if isinstance(signed_in, StepRequired):
            return signed_in
        if input.callback_url:
            call.headers["Location"] = input.callback_url
        return SignInAnswer(
            redirect=bool(input.callback_url),
            token=signed_in.session.token,
            url=input.callback_url or UNSET,
            user=signed_in.user,
        )

    @operation("POST", "/request-password-reset", limit=SEND_MAIL, sends_mail=True)
    async def request_password_reset(self, call: Call[U], input: RequestReset) -> ResetRequested:
        """Mail a link to whoever owns the address; the answer does not say whether anybody does."""
        user = await accounts.find_user(call, input.email)
        # Over the budget nothing is made, so that the links that were mailed stay good.
        if not await call.may_mail("reset-password", input.email):
            return ResetRequested()
        call.event(
            "password.reset_requested", user_id=user.id if user else None, reason="" if user else "unknown address"
        )
        async with call.transaction() as call_inside:
            token = await self._issue(call_inside, user, input.email)
        if user:
            self._mail_reset(call, user, token, input.redirect_to)
        return ResetRequested()

    @operation("GET", "/reset-password/:token")
    async def open_reset(self, call: Call[U], input: OpenReset) -> Redirect:
        """Bring the browser to the front end's own page, with the token or what is wrong with it. Spends nothing."""
        base = call.auth.settings.base_url
        if await tokens.peek(call, self.reset, input.token):
            target = input.callback_url or "/"
            return Redirect(with_query(target, base, token=input.token))
        target = input.callback_url or call.auth.settings.api_path + "/error"
        return Redirect(with_query(target, base, error="INVALID_TOKEN"))

    @operation(
        "POST",
        "/reset-password",
        in_query=("token",),
        raises=(InvalidToken, PasswordTooShort, PasswordTooLong, UserNotFound),
    )
    async def reset_password(self, call: Call[U], input: ResetPassword) -> Done:
        """Set a new password with a mailed token, once. Every session ends, whatever else was pending burns.

        Raise InvalidToken, PasswordTooShort, PasswordTooLong, UserNotFound.
        """
        if not input.token:
            raise InvalidToken
        await accounts.refuse_bad_password(call, input.new_password)
        if await tokens.peek(call, self.reset, input.token) is None:  # no hash for a guess
            call.event("password.reset", outcome="failure", reason="unknown token")
            raise InvalidToken
        hashed = await call.auth.passwords.hash(input.new_password)
        async with call.transaction() as call_inside:
            user_id = await tokens.redeem(call_inside, self.reset, input.token)
            if user_id is None:
                raise InvalidToken
            user = await call_inside.store.find(call.auth.user_type, id=user_id)
            if user is None:
                raise UserNotFound
            if not user.email_verified:
                await accounts.forget_unproved(call_inside, user)
            await accounts.store_hash(call_inside, user.id, hashed)
            if self.revoke_sessions_on_password_reset:
                await sessions.revoke_all(call_inside, user.id)
            call_inside.event("password.reset", user_id=user.id)
            call_inside.mail("security-notice", user.email, what="password-reset", name=user.name)
        await accounts.forget_wrong_passwords(call, user.email)
        return Done()

    @operation("POST", "/verify-password", guard="sensitive", raises=(PasswordTooLong, InvalidPassword))
    async def verify_password(self, call: Call[U], input: VerifyPassword) -> Done:
        """Say whether the password of the person who is signed in is right. Raise InvalidPassword."""
        user = call.signed_in.user
        call.auth.passwords.check_maximum(input.password)
        account = await accounts.credential(call, user.id)
        await accounts.require_right(call, user, account, input.password)
        return Done()

    @operation(
        "POST",
        "/change-password",
        limit=SIGN_IN,
        guard="sensitive",
        raises=(PasswordTooShort, PasswordTooLong, CredentialAccountNotFound, InvalidPassword),
    )
    async def change_password(self, call: Call[U], input: ChangePassword) -> PasswordChanged:
        """Set a new password against the current one.

        Raise PasswordTooShort, PasswordTooLong, CredentialAccountNotFound, InvalidPassword. With
        `revoke_other_sessions` every session ends and this browser gets a new one.
        """
        user = call.signed_in.user
        await accounts.refuse_bad_password(call, input.new_password)
        call.auth.passwords.check_maximum(input.current_password)
        account = await accounts.credential(call, user.id)
        if account is None or account.password is None:
            raise CredentialAccountNotFound
        current = await accounts.require_right(call, user, account, input.current_password)
        hashed = await call.auth.passwords.hash(input.new_password)
        token = None
        async with call.transaction() as call_inside:
            if not await accounts.still_holds(call_inside, account, current):
                raise InvalidPassword
            await accounts.store_hash(call_inside, user.id, hashed)
            if input.revoke_other_sessions:
                await sessions.revoke_all(call_inside, user.id)
                remember = not sessions.is_forgetful(call, call.signed_in.session)
                token = (await sessions.start(call_inside, user, remember=remember)).session.token
            call_inside.event("password.changed", user_id=user.id)
            call_inside.mail("security-notice", user.email, what="password-changed", name=user.name)
        return PasswordChanged(token=token, user=user)

    @operation("POST", "/change-password", limit=SIGN_IN, guard="sensitive", in_api=False)
    async def change_here(self, call: Call[U], input: ChangePassword) -> PasswordChanged:
        """`change_password` for the screen: this browser gets a new session whatever becomes of the others (SEC-040).
        The wire's own answer names no token then, so that its clients would be signed out by one."""
        try:
            call.auth.passwords.check_maximum(input.current_password)
        except PasswordTooLong:
            raise InvalidPassword from None  # it is said of the new one, and no password is that long
        changed = await self.change_password(call, input)
        if changed.token is not None:
            return changed
        async with call.transaction() as call_inside:
            signed_in = await sessions.renew(call_inside, proved_by="password")
        return replace(changed, token=signed_in.session.token)

    @operation(
        "POST",
        "/set-password",
        limit=SIGN_IN,
        guard="sensitive",
        in_api=False,
        raises=(PasswordTooShort, PasswordTooLong, PasswordAlreadySet),
    )
    async def set_password(self, call: Call[U], input: SetPassword) -> Done:
        """Give somebody who has none a password; the wire has no route for it. Raise PasswordAlreadySet."""
        user = call.signed_in.user
        await accounts.refuse_bad_password(call, input.new_password)
        hashed = await call.auth.passwords.hash(input.new_password)
        async with call.transaction() as call_inside:
            # The user's row is written first, so that two at once wait for each other here.
            await call_inside.store.update(call.auth.user_type, {"id": user.id}, updated_at=call.now)
            account = await accounts.credential(call_inside, user.id)
            if account is not None and account.password is not None:
                raise PasswordAlreadySet
            await accounts.store_hash(call_inside, user.id, hashed)
            await sessions.renew(call_inside, proved_by="session")
            call_inside.event("password.changed", user_id=user.id)
            call_inside.mail("security-notice", user.email, what="password-changed", name=user.name)
        return Done()

    async def check_email_page(self, call: Call[U], visit: Visit) -> CheckEmailPage:
        domain = visit.email.rpartition("@")[2]
        return CheckEmailPage(email=visit.email, purpose="reset", provider_link=WEBMAIL.get(domain))

    async def reset_page(self, call: Call[U], visit: Visit) -> ResetPage:
        """Raise InvalidToken for a link that is spent, too old or unknown, before a form is shown in vain."""
        user_id = await tokens.peek(call, self.reset, visit.token)
        user = await call.store.find(call.auth.user_type, id=user_id) if user_id else None
        if user is None:
            raise InvalidToken
        return ResetPage(email=user.email)

    async def password_page(self, call: Call[U], visit: Visit) -> PasswordPage:
        user = (await call.guard("sensitive")).user
        account = await accounts.credential(call, user.id)
        return PasswordPage(email=user.email, is_set=account is not None and account.password is not None)

    async def _pretend(self, call: Call[U], input: SignUp, own: Mapping[str, object], owner: U | None) -> SignedUp:
        """Answer a sign-up with a taken address like any other, and tell the owner (SEC-060)."""
        call.event("auth.sign_up", outcome="failure", reason="taken", target_id=owner.id if owner else None)
        user = accounts.new_user(call, email=input.email, name=input.name, image=input.image, more=own)
        # As many statements as a sign-up has, and as lasting: time must not tell. The user is gone before anybody
        # sees it; the token is nobody's, unless the owner is to be sent one.
        unproved = owner is not None and not owner.email_verified
        unproved = unproved and await call.may_mail("reset-password", input.email)
        async with call.transaction() as call_inside:
            await call_inside.store.insert(replace(user, email=f"{user.id}@invalid"))
            token = await self._issue(call_inside, owner if unproved else None, input.email)
            await call_inside.store.delete(call.auth.user_type, id=user.id)
        if owner is not None and unproved:
            # Nobody has proved this address: the account may be an impostor's who was faster. The letter is the
            # one that drops whatever stands on it (SEC-081).
            self._mail_reset(call, owner, token, None)
        elif owner is not None and owner.email_verified and await call.may_mail("sign-up-attempt", owner.email):
            call.mail("security-notice", owner.email, what="sign-up-attempt", name=owner.name)
        return SignedUp(token=None, user=user)

    def _mail_reset(self, call: Call[U], user: U, token: str, redirect_to: str | None) -> None:
        url = call.auth.link(
            # A front end that names its own page gets people there: the API's link spends nothing.
            screen=None if redirect_to else "/reset-password",
            api=f"/reset-password/{token}",
            in_api={"callbackURL": redirect_to or ""},
            in_screen={"token": token},
        )
        minutes = int(self.reset.lifetime.total_seconds() // 60)
        call.mail("reset-password", user.email, counted=False, url=url, token=token, name=user.name, minutes=minutes)

    async def _issue(self, call: Call[U], user: U | None, email: str) -> str:
        """Make a reset token; for nobody, one that opens nothing, as somebody nobody is. Call inside a transaction."""
        nobody = call.auth.secrets.fingerprint("nobody", email.lower())[:32]
        subject, value = (user.id, user.id) if user else (nobody, "")
        return await tokens.issue(call, self.reset, subject=subject, value=value)

    screens: ClassVar = (
        Screen(
            path="/sign-in",
            template="password/sign_in.html",
            submits=sign_in,
            entrance=True,
            asked="sign-in-first",
            checkboxes=("rememberMe",),
            then=("next",),
            states=("fresh", "sent here", "wrong", "empty", "no connection"),
        ),
        Screen(
            path="/sign-up",
            template="password/sign_up.html",
            submits=sign_up,
            entrance=True,
            then=("/verify-email", "/sign-in"),
            notices={"/sign-in": "account-made"},
            states=("fresh", "wrong", "taken"),
        ),
        Screen(
            path="/forgot-password",
            template="password/forgot_password.html",
            submits=request_password_reset,
            then=("/check-email?for=reset",),
            states=("fresh", "wrong"),
        ),
        Screen(
            path="/check-email",
            template="password/check_email.html",
            loads=check_email_page,
            others={"send": request_password_reset},
            notice="sent-again",
            states=("sent", "sent again", "too soon", "address unknown"),
        ),
        Screen(
            path="/reset-password",
            template="password/reset_password.html",
            loads=reset_page,
            submits=reset_password,
            takes_token=True,
            expired="/forgot-password",
            then=("/sign-in",),
            notice="password-changed",
            states=("fresh", "wrong", "expired"),
        ),
        Screen(
            path="/settings/password",
            template="password/settings.html",
            loads=password_page,
            submits=change_here,
            others={"set": set_password},
            fresh=True,
            nav=N_("Password"),
            checkboxes=("revokeOtherSessions",),
            notice="password-saved",
            notices={"set": "password-set"},
            well_known="change-password",
            states=("fresh", "wrong", "saved", "not set"),
        ),
    )
