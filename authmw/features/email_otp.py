"""Codes by mail: sign in, confirm an address, reset a password, change the address."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import ClassVar, Literal

from ..core import accounts, codes, sessions, tokens
from ..core.accounts import EmailTaken
from ..core.call import Call, SignedIn
from ..core.codes import InvalidOtp, OtpExpired, TooManyAttempts, WirePurpose
from ..core.errors import (
    AuthError,
    FailedToGetSession,
    FieldNotAllowed,
    MissingField,
    SameEmail,
    SessionNotFresh,
    UserNotFound,
)
from ..core.feature import Feature, Join, Screen, Visit
from ..core.inputs import Email, Image, Name, NewUserFields, Typed, is_email
from ..core.inputs import Password as PasswordText
from ..core.model import U, User, Verification
from ..core.operation import Outcome, StepRequired, operation
from ..core.passwords import PasswordTooLong, PasswordTooShort
from ..core.rate_limit import SEND_MAIL, SIGN_IN
from ..core.sign_in import continue_sign_in

# Errors


class InvalidEmail(AuthError):
    code = "INVALID_EMAIL"
    message = "Invalid email"
    field = "email"


class InvalidOtpType(AuthError):
    """A code for a change of address is asked for by whoever is signed in, at its own route."""

    message = "Invalid OTP type"


class ChangeByCodeDisabled(AuthError):
    message = "Change email with OTP is disabled"


class CurrentEmailUnproved(AuthError):
    message = "OTP is required to verify current email"


class EmailInUse(AuthError):
    """Somebody else took the address after the code was sent."""

    message = "Email already in use"
    field = "newEmail"


# Inputs and results

Kind = Literal["email-verification", "sign-in", "forget-password", "change-email"]


@dataclass(frozen=True, kw_only=True)
class SendOtp:
    email: Typed
    type: Kind


@dataclass(frozen=True, kw_only=True)
class CheckOtp:
    email: Typed
    type: Kind
    otp: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class VerifyByOtp:
    email: Typed
    otp: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class SignInByOtp:
    """`name`, `image` and `more`, the application's own user fields, are those of a new user."""

    email: Typed
    otp: str = field(repr=False)
    name: Name = ""
    image: Image | None = None
    more: NewUserFields = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RequestResetOtp:
    email: Typed


@dataclass(frozen=True, kw_only=True)
class ResetByOtp:
    email: Typed
    otp: str = field(repr=False)
    password: PasswordText = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class RequestChangeOtp:
    """`otp` proves the present address, where that is asked for."""

    new_email: Typed
    otp: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ChangeByOtp:
    new_email: Typed
    otp: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class SendCode:
    email: Email


@dataclass(frozen=True, kw_only=True)
class EnterCode:
    email: Email
    code: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Succeeded:
    success: bool = True


@dataclass(frozen=True, kw_only=True)
class VerifiedByOtp:
    """`token` is None when nobody was signed in by it."""

    status: bool = True
    token: str | None = field(repr=False)
    user: User


@dataclass(frozen=True, kw_only=True)
class SignedInByOtp:
    token: str = field(repr=False)
    user: User


@dataclass(frozen=True, kw_only=True)
class NewCodeSent(Outcome):
    """The code that was typed in came too late; another is on its way."""

    notice: ClassVar[str] = "code-renewed"
    then: ClassVar[tuple[str, ...]] = ("/email-code",)


@dataclass(frozen=True, kw_only=True)
class CodePage:
    email: str
    is_open: bool
    """Is a code sent to everybody, or only to who has an account?"""
    can_resend_in: int = 0


# The feature

REFUSED = (InvalidOtp, OtpExpired, TooManyAttempts)


class EmailOtp(Feature):
    """`sign_up=False`: codes sign nobody up. `change_email=True`: people change their address by code, and with
    `verify_current_email=True` prove the present one first."""

    def __init__(
        self,
        *,
        lifetime: timedelta = timedelta(minutes=5),
        sign_up: bool = True,
        change_email: bool = False,
        verify_current_email: bool = False,
    ) -> None:
        self.open = sign_up
        self.may_change = change_email
        self.verify_current_email = verify_current_email
        self.lifetime = lifetime
        self.verification, self.sign_in_code, self.reset, self.change = (
            WirePurpose(name=f"{kind}-otp", prefix=f"{kind}-otp-", lifetime=lifetime)
            for kind in ("email-verification", "sign-in", "forget-password", "change-email")
        )

    @operation(
        "POST",
        "/email-otp/send-verification-otp",
        limit=SEND_MAIL,
        starts_session=True,
        sends_mail=True,
        raises=(InvalidEmail, InvalidOtpType),
    )
    async def send_verification_otp(self, call: Call[U], input: SendOtp) -> Succeeded:
        """Mail a code to whoever owns the address; the answer does not say whether anybody does.

        Raise InvalidEmail, InvalidOtpType.
        """
        if not is_email(input.email):
            raise InvalidEmail
        if input.type == "change-email":
            raise InvalidOtpType
        await self._send(call, self._purpose(input.type), input.email, input.type)
        return Succeeded()

    @operation(
        "POST",
        "/email-otp/check-verification-otp",
        limit=SEND_MAIL,
        raises=(InvalidEmail, *REFUSED, UserNotFound),
    )
    async def check_verification_otp(self, call: Call[U], input: CheckOtp) -> Succeeded:
        """Say whether a code is right, and leave it as it is. A wrong one costs a try, as everywhere.

        Raise InvalidEmail, InvalidOtp, OtpExpired, TooManyAttempts, UserNotFound.
        """
        if not is_email(input.email):
            raise InvalidEmail
        user, proved = await self._prove(call, self._purpose(input.type), input.email, input.otp)
        await codes.give_back(call, proved)
        if user is None:
            raise UserNotFound
        return Succeeded()

    @operation("POST", "/email-otp/verify-email", limit=SEND_MAIL, raises=(*REFUSED, UserNotFound, FailedToGetSession))
    async def verify_by_code(self, call: Call[U], input: VerifyByOtp) -> VerifiedByOtp | StepRequired:
        """Confirm an address. Raise InvalidOtp, OtpExpired, TooManyAttempts, UserNotFound."""
        user, proved = await self._prove(call, self.verification, input.email, input.otp)
        if user is None:
            raise UserNotFound
        signed_in = await call.identify(cached=False)
        token = None
        async with call.transaction() as call_inside:
            await codes.spend(call_inside, proved)
            user = await self._verified(call_inside, user)
            if signed_in is not None and signed_in.user.id == user.id:
                sessions.rewrite_cookies(call_inside, SignedIn(user, signed_in.session))
            elif signed_in is None and _verifying_signs_in(call):
                result = await continue_sign_in(call_inside, user, proved_by="email-otp")
                if isinstance(result, StepRequired):
                    return result
                token = result.session.token
        return VerifiedByOtp(token=token, user=user)

    @operation(
        "POST",
        "/sign-in/email-otp",
        limit=SEND_MAIL,
        starts_session=True,
        raises=(*REFUSED, FieldNotAllowed, MissingField),
    )
    async def sign_in_by_code(self, call: Call[U], input: SignInByOtp) -> SignedInByOtp | StepRequired:
        """Sign in, or up where that is open. Raise InvalidOtp whoever the address belongs to, OtpExpired,
        TooManyAttempts, FieldNotAllowed, MissingField.

        An account whose address nobody had proved is its owner's from here: what stood on it is dropped (SEC-081).
        """
        try:
            user, proved = await self._prove(call, self.sign_in_code, input.email, input.otp)
            if user is None and not self.open:
                raise InvalidOtp
        except AuthError as refused:
            call.event(
                "auth.sign_in",
                outcome="failure",
                reason=refused.message.lower(),
                identifier_hmac=_fingerprint(call, input.email),
            )
            raise
        # Before the code is spent: a field that is wrong can be put right (SEC-025).
        own = accounts.own_fields(call, input.more, creating=True) if user is None else {}
        try:
            async with call.transaction() as call_inside:
                await codes.spend(call_inside, proved)
                if user is None:
                    user = await accounts.create_user(
                        call_inside,
                        email=input.email,
                        name=input.name,
                        image=input.image,
                        more={**own, "email_verified": True},
                    )
                    call_inside.event("auth.sign_up", user_id=user.id)
                elif not user.email_verified:
                    await accounts.forget_unproved(call_inside, user)
                    user = await self._verified(call_inside, user)
                signed_in = await continue_sign_in(call_inside, user, proved_by="email-otp")
        except EmailTaken:
            raise InvalidOtp from None  # somebody has signed up at this very moment; the code is still good
        if isinstance(signed_in, StepRequired):
            return signed_in
        return SignedInByOtp(token=signed_in.session.token, user=signed_in.user)

    @operation("POST", "/email-otp/request-password-reset", limit=SEND_MAIL, sends_mail=True)
    async def request_reset(self, call: Call[U], input: RequestResetOtp) -> Succeeded:
        """Mail a code to choose a new password with; the answer does not say whether there is an account."""
        await self._send(call, self.reset, input.email, "forget-password")
        return Succeeded()

    @operation("POST", "/forget-password/email-otp", limit=SEND_MAIL, sends_mail=True)
    async def request_reset_as_before(self, call: Call[U], input: RequestResetOtp) -> Succeeded:
        """As `/email-otp/request-password-reset`, under its old name."""
        return await self.request_reset(call, input)

    @operation(
        "POST",
        "/email-otp/reset-password",
        limit=SEND_MAIL,
        raises=(PasswordTooShort, PasswordTooLong, *REFUSED, UserNotFound),
    )
    async def reset_by_code(self, call: Call[U], input: ResetByOtp) -> Succeeded:
        """Set a new password with a mailed code. Every session ends, whatever else was pending burns.

        Raise PasswordTooShort, PasswordTooLong, InvalidOtp, OtpExpired, TooManyAttempts, UserNotFound.
        """
        await accounts.refuse_bad_password(call, input.password)
        user, proved = await self._prove(call, self.reset, input.email, input.otp)
        if user is None:
            raise UserNotFound
        hashed = await call.auth.passwords.hash(input.password)
        async with call.transaction() as call_inside:
            await codes.spend(call_inside, proved)
            if not user.email_verified:
                await accounts.forget_unproved(call_inside, user)
                user = await self._verified(call_inside, user)
            await accounts.store_hash(call_inside, user.id, hashed)
            if _reset_ends_sessions(call):
                await sessions.revoke_all(call_inside, user.id)
            call_inside.event("password.reset", user_id=user.id)
            call_inside.mail("security-notice", user.email, what="password-reset", name=user.name)
        await accounts.forget_wrong_passwords(call, user.email)
        return Succeeded()

    @operation(
        "POST",
        "/email-otp/request-email-change",
        limit=SEND_MAIL,
        guard="sensitive",
        sends_mail=True,
        raises=(ChangeByCodeDisabled, InvalidEmail, SameEmail, SessionNotFresh, CurrentEmailUnproved, *REFUSED),
    )
    async def request_change(self, call: Call[U], input: RequestChangeOtp) -> Succeeded:
        """Mail a code to the new address; a taken one answers alike (SEC-083).

        Raise ChangeByCodeDisabled, InvalidEmail, SameEmail, SessionNotFresh, CurrentEmailUnproved, and of the code of
        the present address InvalidOtp, OtpExpired, TooManyAttempts.
        """
        user, new = self._change_of(call, input.new_email)
        sessions.require_fresh(call, call.signed_in.session)
        proved = None
        if self.verify_current_email:
            if not input.otp:
                raise CurrentEmailUnproved
            _, proved = await self._prove(call, self.verification, user.email, input.otp)
        free = await accounts.find_user(call, new) is None
        may_mail = await call.may_mail("email-otp", new)
        async with call.transaction() as call_inside:
            if proved is not None:
                await codes.spend(call_inside, proved)
            if may_mail:
                pair = f"{user.email}-{new}"
                code = await codes.issue(call_inside, self.change, subject=user.id, address=pair, works=free)
                if free:
                    self._mail(call_inside, new, code, user.name, "change-email")
                call_inside.event("email.change_requested", user_id=user.id, reason="" if free else "taken")
        return Succeeded()

    @operation(
        "POST",
        "/email-otp/change-email",
        limit=SEND_MAIL,
        guard="sensitive",
        raises=(ChangeByCodeDisabled, InvalidEmail, SameEmail, *REFUSED, EmailInUse),
    )
    async def change_by_code(self, call: Call[U], input: ChangeByOtp) -> Succeeded:
        """Take the new address, which is proved by the code that went there; the old one is told.

        Raise ChangeByCodeDisabled, InvalidEmail, SameEmail, InvalidOtp, OtpExpired, TooManyAttempts, EmailInUse.
        """
        user, new = self._change_of(call, input.new_email)
        pair = f"{user.email}-{new}"
        proved = await codes.prove(call, self.change, subject=user.id, address=pair, code=input.otp)
        async with call.transaction() as call_inside:
            await codes.spend(call_inside, proved)
            try:
                changed = await accounts.update_user(call_inside, user, email=new, email_verified=True)
            except EmailTaken:
                raise EmailInUse from None
            await tokens.burn(call_inside, None, subject=user.id)
            call_inside.event("email.changed", user_id=user.id)
            call_inside.mail("security-notice", user.email, what="email-changed", name=user.name, new_email=new)
            sessions.rewrite_cookies(call_inside, SignedIn(changed, call.signed_in.session))
        return Succeeded()

    # What the screens do

    @operation("POST", "/email-code/send", limit=SEND_MAIL, sends_mail=True, in_api=False)
    async def send_code(self, call: Call[U], input: SendCode) -> Succeeded:
        """Mail a code to sign in with."""
        await self._send(call, self.sign_in_code, input.email, "sign-in")
        return Succeeded()

    @operation("POST", "/email-code", limit=SIGN_IN, sends_mail=True, in_api=False, raises=REFUSED)
    async def enter_code(self, call: Call[U], input: EnterCode) -> SignedInByOtp | StepRequired | NewCodeSent:
        """Sign in by a code, as `sign_in_by_code`. For one that came too late another is sent, within the hour's budget."""
        try:
            return await self.sign_in_by_code(call, SignInByOtp(email=input.email, otp=input.code))
        except OtpExpired:
            if not await self._send(call, self.sign_in_code, input.email, "sign-in"):
                raise
            return NewCodeSent()

    async def code_page(self, call: Call[U], visit: Visit) -> CodePage:
        return CodePage(email=visit.email, is_open=self.open)

    def _purpose(self, kind: Kind) -> WirePurpose:
        purposes = {
            "email-verification": self.verification,
            "sign-in": self.sign_in_code,
            "forget-password": self.reset,
            "change-email": self.change,
        }
        return purposes[kind]

    async def _send(self, call: Call[U], purpose: WirePurpose, email: str, what: str) -> bool:
        """Make a code and mail it, if there is anybody to mail to; for others make one that opens nothing (SEC-060).

        False when this address had its share for the hour.
        """
        address = email.lower()
        user = await accounts.find_user(call, address)
        if not await call.may_mail("email-otp", address):
            return False
        is_sent = user is not None or (purpose is self.sign_in_code and self.open and is_email(address))
        async with call.transaction() as call_inside:
            code = await codes.issue(
                call_inside, purpose, subject=user.id if user else None, address=address, works=is_sent
            )
            if is_sent:
                self._mail(call_inside, address, code, user.name if user else "", what)
            call_inside.event(
                "otp.sent",
                outcome="success" if is_sent else "denied",
                reason=what if is_sent else "unknown address",
                user_id=user.id if user else None,
                identifier_hmac=None if user else _fingerprint(call, address),
            )
        return True

    def _mail(self, call: Call[U], to: str, code: str, name: str, what: str) -> None:
        minutes = int(self.lifetime.total_seconds() // 60)
        call.mail("email-otp", to, counted=False, otp=code, name=name, minutes=minutes, what=what)

    async def _prove(self, call: Call[U], purpose: WirePurpose, email: str, otp: str) -> tuple[U | None, Verification]:
        """Whose address is it, and the row of the code to spend."""
        user = await accounts.find_user(call, email)
        subject = user.id if user else None
        return user, await codes.prove(call, purpose, subject=subject, address=email.lower(), code=otp)

    def _change_of(self, call: Call[U], new_email: str) -> tuple[U, str]:
        user, new = call.signed_in.user, new_email.lower()
        if not self.may_change:
            raise ChangeByCodeDisabled
        if not is_email(new):
            raise InvalidEmail
        if new == user.email:
            raise SameEmail
        return user, new

    async def _verified(self, call: Call[U], user: U) -> U:
        if user.email_verified:
            return user
        # The address may have changed hands since it was looked up (SEC-027).
        changed = await call.store.update(
            call.auth.user_type, {"id": user.id, "email": user.email}, email_verified=True, updated_at=call.now
        )
        if not changed:
            raise InvalidOtp
        call.event("email.verified", user_id=user.id)
        return replace(user, email_verified=True, updated_at=call.now)

    joins: ClassVar = (Join(path="/sign-in", name="code", submits=send_code, then=("/email-code",)),)
    screens: ClassVar = (
        Screen(
            path="/email-code",
            template="email_otp/email_code.html",
            loads=code_page,
            submits=enter_code,
            others={"send": send_code},
            then=("next",),
            notices={"send": "code-sent"},
            states=("fresh", "address unknown", "wrong", "empty", "too many", "sent again"),
        ),
    )


def _fingerprint(call: Call[U], email: str) -> str:
    return call.auth.secrets.fingerprint("identifier", email.lower())[:22]


def _verifying_signs_in(call: Call[U]) -> bool:
    """What `EmailVerification` says of its links goes for codes as well."""
    return any(getattr(each, "auto_sign_in", False) for each in call.auth.features if each.name == "email_verification")


def _reset_ends_sessions(call: Call[U]) -> bool:
    """What `Password` says of its resets goes for codes as well."""
    return all(getattr(each, "revoke_sessions_on_password_reset", True) for each in call.auth.features)
