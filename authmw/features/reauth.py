"""Confirm it is you: a fresh proof before something that a stolen session must not do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Literal

from ..core import accounts, codes, sessions
from ..core.call import Call, SignedIn
from ..core.codes import InvalidOtp, OtpExpired, TooManyAttempts
from ..core.errors import AuthError, CredentialAccountNotFound, InvalidPassword
from ..core.feature import Feature, Screen, Visit
from ..core.inputs import Password as PasswordText
from ..core.model import U
from ..core.operation import NoInput, operation
from ..core.passwords import PasswordTooLong
from ..core.rate_limit import SEND_MAIL, SIGN_IN
from ..core.tokens import Purpose

# Errors


class ProofRequired(AuthError):
    code = "PROOF_REQUIRED"
    message = "Send the password or a mailed code"


class PasswordRequired(AuthError):
    """Where there is a password, a mailed code does not replace it: whoever reads the mail would need no more."""

    code = "PASSWORD_REQUIRED"
    message = "Confirm with the password of the account"


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class Confirm:
    """One of the two."""

    password: PasswordText | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """`token` is that of the fresh session, which has taken the place of the one before."""

    status: bool = True
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CodeSent:
    status: bool = True


@dataclass(frozen=True, kw_only=True)
class ReauthPage:
    email: str
    method: Literal["password", "code"]
    is_sent: bool
    """Was a code mailed that could still be typed in?"""
    can_resend_in: int = 0


# The feature


class Reauth(Feature):
    """Always on."""

    def __init__(self, *, code_lifetime: timedelta = timedelta(minutes=5)) -> None:
        self.mailed_code = Purpose(name="reauth", prefix="reauth-otp-", lifetime=code_lifetime)

    @operation(
        "POST",
        "/reauth",
        limit=SIGN_IN,
        guard="sensitive",
        raises=(
            ProofRequired,
            InvalidPassword,
            CredentialAccountNotFound,
            PasswordTooLong,
            PasswordRequired,
            InvalidOtp,
            OtpExpired,
            TooManyAttempts,
        ),
    )
    async def confirm(self, call: Call[U], input: Confirm = Confirm()) -> Confirmed:
        """Prove again who is signed in. The session gets a new token and is fresh from now (SEC-040).

        Raise InvalidPassword, CredentialAccountNotFound, InvalidOtp, OtpExpired, TooManyAttempts, ProofRequired.
        """
        if input.password is not None:
            signed_in = await self._by_password(call, call.signed_in.user, input.password)
        elif input.code is not None:
            signed_in = await self._by_code(call, call.signed_in.user, input.code)
        else:
            raise ProofRequired
        return Confirmed(token=signed_in.session.token)

    @operation(
        "POST", "/reauth/send-code", limit=SEND_MAIL, guard="sensitive", sends_mail=True, raises=(PasswordRequired,)
    )
    async def send_code(self, call: Call[U], input: NoInput = NoInput()) -> CodeSent:
        """Mail a code to somebody who has no password. Raise PasswordRequired for everybody else."""
        user = call.signed_in.user
        if await self._has_password(call, user):
            raise PasswordRequired
        if await call.may_mail("email-otp", user.email):
            async with call.transaction() as call_inside:
                code = await codes.issue(call_inside, self.mailed_code, subject=user.id, address=user.email)
                minutes = int(self.mailed_code.lifetime.total_seconds() // 60)
                call_inside.mail(
                    "email-otp", user.email, counted=False, otp=code, name=user.name, minutes=minutes, what="reauth"
                )
                call_inside.event("otp.sent", user_id=user.id)
        return CodeSent()

    async def reauth_page(self, call: Call[U], visit: Visit) -> ReauthPage:
        user = (await call.guard("sensitive")).user
        if await self._has_password(call, user):
            return ReauthPage(email=user.email, method="password", is_sent=False)
        is_sent = await codes.is_pending(call, self.mailed_code, subject=user.id)
        return ReauthPage(email=user.email, method="code", is_sent=is_sent)

    async def _has_password(self, call: Call[U], user: U) -> bool:
        account = await accounts.credential(call, user.id)
        return account is not None and account.password is not None

    async def _by_password(self, call: Call[U], user: U, password: str) -> SignedIn[U]:
        call.auth.passwords.check_maximum(password)
        account = await accounts.credential(call, user.id)
        if account is None or account.password is None:
            raise CredentialAccountNotFound
        hashed = await accounts.require_right(call, user, account, password)
        async with call.transaction() as call_inside:
            # A reset in the moment of the hash must win: see accounts.still_holds.
            if not await accounts.still_holds(call_inside, account, hashed):
                raise InvalidPassword
            return await sessions.renew(call_inside, proved_by="password")

    async def _by_code(self, call: Call[U], user: U, code: str) -> SignedIn[U]:
        if await self._has_password(call, user):
            raise PasswordRequired
        try:
            await codes.redeem(call, self.mailed_code, subject=user.id, address=user.email, code=code)
        except codes.InvalidOtp:
            if await codes.is_pending(call, self.mailed_code, subject=user.id):
                raise
            raise codes.TooManyAttempts from None  # said with the last try: there is no field for another
        async with call.transaction() as call_inside:
            return await sessions.renew(call_inside, proved_by="email-otp")

    screens: ClassVar = (
        Screen(
            path="/reauth",
            template="reauth/reauth.html",
            loads=reauth_page,
            submits=confirm,
            others={"send": send_code},
            private=True,
            renews=True,
            then=("next",),
            notices={"send": "code-sent"},
            states=("fresh", "wrong", "empty", "code", "code sent", "code wrong", "too many codes"),
        ),
    )
