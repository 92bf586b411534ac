"""Whose address is it: verify it, send the link again, change it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Literal

from msgspec import UNSET, UnsetType

from ..core import accounts, sessions, tokens
from ..core.accounts import EmailTaken
from ..core.call import Call
from ..core.errors import AuthError, FailedToGetSession, InvalidToken, SameEmail, SessionNotFresh
from ..core.feature import N_, Feature, Screen, Visit
from ..core.inputs import Email, Url
from ..core.model import U, User
from ..core.operation import Done, NoInput, Outcome, Redirect, StepRequired, operation
from ..core.rate_limit import SEND_MAIL, SIGN_IN
from ..core.sign_in import continue_sign_in
from ..core.tokens import ClaimsExpired, ClaimsInvalid, Purpose

# Errors


class EmailNotVerified(AuthError):
    status = 403
    code = "EMAIL_NOT_VERIFIED"
    message = "Email not verified"
    screen = "/verify-email"


class EmailMismatch(AuthError):
    code = "EMAIL_MISMATCH"
    message = "Email mismatch"


class EmailAlreadyVerified(AuthError):
    code = "EMAIL_ALREADY_VERIFIED"
    message = "Email is already verified"


class ChangeEmailDisabled(AuthError):
    code = "CHANGE_EMAIL_DISABLED"
    message = "Change email is disabled"


class LinkUserNotFound(AuthError):
    status = 401
    code = "USER_NOT_FOUND"
    message = "User not found"


class LinkOfSomebodyElse(AuthError):
    status = 401
    code = "INVALID_USER"
    message = "Invalid user"


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class SendVerification:
    email: Email
    callback_url: Url | None = None


@dataclass(frozen=True, kw_only=True)
class VerifyEmail:
    token: str = field(repr=False)
    callback_url: Url | None = None


@dataclass(frozen=True, kw_only=True)
class Verified:
    status: bool = True
    user: User | UnsetType | None = None


@dataclass(frozen=True, kw_only=True)
class ChangeAgreed(Verified, Outcome):
    """The old mailbox has agreed; the new one was sent its link."""

    notice: ClassVar[str] = "change-agreed"
    then: ClassVar[tuple[str, ...]] = ("/settings/email", "/sign-in")


@dataclass(frozen=True, kw_only=True)
class EmailChanged(Verified, Outcome):
    notice: ClassVar[str] = "email-changed"
    then: ClassVar[tuple[str, ...]] = ("/settings/email", "/sign-in")


@dataclass(frozen=True, kw_only=True)
class ChangeEmail:
    new_email: Email
    callback_url: Url | None = None


@dataclass(frozen=True, kw_only=True)
class VerifyPage:
    """`agree`: the old mailbox is asked whether the account may go to `email`."""

    state: Literal["waiting", "confirm", "agree", "done"]
    email: str
    can_resend_in: int = 0


@dataclass(frozen=True, kw_only=True)
class EmailPage:
    email: str
    is_confirmed: bool
    may_change: bool
    waiting_for: str | None
    """The address that somebody has asked for, and that is not confirmed yet."""
    asks_old: bool
    """Does the address that the account has still have to agree?"""
    can_resend_in: int = 0


# Rules

CONFIRM_AT_OLD = "change-email-confirmation"
CONFIRM_AT_NEW = "change-email-verification"
PURPOSE = "verify-email"


# The feature


@dataclass(frozen=True, kw_only=True)
class _Link:
    """What a link speaks of: an address to confirm, or a step of changing one. `spoken_of` is the user's id."""

    old: str
    new: str
    step: str
    nonce: str | None
    spoken_of: str | None


class EmailVerification(Feature):
    """`required=True`: nobody signs in before the address is confirmed, and sign-up no longer tells who has an account."""

    refusals: ClassVar = {"next_step": (EmailNotVerified,)}

    def __init__(
        self,
        *,
        required: bool = False,
        send_on_sign_up: bool = True,
        send_on_sign_in: bool = True,
        auto_sign_in: bool = False,
        change_email: bool = True,
        confirm_change: bool = True,
        lifetime: timedelta = timedelta(hours=1),
    ) -> None:
        self.required = required
        self.hides_accounts = required
        self.send_on_sign_up = send_on_sign_up
        self.send_on_sign_in = send_on_sign_in
        self.auto_sign_in = auto_sign_in
        self.may_change = change_email
        self.confirm_change = confirm_change
        self.lifetime = lifetime
        self.change = Purpose(name="change-email", prefix="change-email:", lifetime=lifetime)

    async def user_created(self, call: Call[U], user: U) -> None:
        if self.send_on_sign_up and not user.email_verified:
            self._mail_link(call, user)

    async def next_step(self, call: Call[U], user: U, methods: Sequence[str]) -> StepRequired | None:
        if not self.required or user.email_verified:
            return None
        if self.send_on_sign_in:
            self._mail_link(call, user, even_if_refused=True)
        call.event("auth.blocked", outcome="denied", reason="email not verified", user_id=user.id)
        raise EmailNotVerified

    @operation(
        "POST",
        "/send-verification-email",
        limit=SEND_MAIL,
        sends_mail=True,
        raises=(EmailMismatch, EmailAlreadyVerified, FailedToGetSession),
    )
    async def send_verification_email(self, call: Call[U], input: SendVerification) -> Done:
        """Mail the link again. Without a session the answer does not say whether there was anything to send.

        Raise EmailMismatch, EmailAlreadyVerified for somebody who is signed in.
        """
        signed_in = await call.identify()
        if signed_in is not None:
            if signed_in.user.email != input.email.lower():
                raise EmailMismatch
            if signed_in.user.email_verified:
                raise EmailAlreadyVerified
        user = await accounts.find_user(call, input.email)
        if user is not None and not user.email_verified:
            self._mail_link(call, user)
        return Done()

    @operation(
        "GET",
        "/verify-email",
        raises=(ClaimsExpired, ClaimsInvalid, LinkUserNotFound, LinkOfSomebodyElse, FailedToGetSession),
    )
    async def verify_email(self, call: Call[U], input: VerifyEmail) -> Verified | Redirect:
        """Confirm an address, or a step of changing it, with a mailed token.

        What is wrong is raised as ClaimsExpired, ClaimsInvalid, LinkUserNotFound or LinkOfSomebodyElse, or,
        where the link names a page to come back to, told to that page. A link that was used says so kindly
        and does nothing (SEC-084).
        """
        try:
            answer = await self._verify(call, input.token)
        except AuthError as refusal:
            if not input.callback_url:
                raise
            joint = "&" if "?" in input.callback_url else "?"
            return Redirect(f"{input.callback_url}{joint}error={refusal.code}")
        return Redirect(input.callback_url) if input.callback_url else answer

    @operation(
        "POST",
        "/change-email",
        limit=SIGN_IN,
        guard="sensitive",
        sends_mail=True,
        raises=(ChangeEmailDisabled, SameEmail, SessionNotFresh),
    )
    async def change_email(self, call: Call[U], input: ChangeEmail) -> Done:
        """Ask for another address: the old mailbox agrees first, then the new one confirms (SEC-083).

        A taken address answers alike. Raise ChangeEmailDisabled, SameEmail, SessionNotFresh.
        """
        if not self.may_change:
            raise ChangeEmailDisabled
        user = call.signed_in.user
        new = input.new_email.lower()
        if new == user.email:
            raise SameEmail
        sessions.require_fresh(call, call.signed_in.session)
        free = await accounts.find_user(call, new) is None
        ask_old = self.confirm_change and user.email_verified
        if not await call.may_mail("change-email", user.email if ask_old else new):
            return Done()
        async with call.transaction() as call_inside:
            step = CONFIRM_AT_OLD if ask_old else CONFIRM_AT_NEW
            # The old mailbox is the asker's own, who would see whether a letter comes: only the new one is spared it.
            await self._next_link(call_inside, user, new, step, silent=not free and not ask_old)
            call_inside.event("email.change_requested", user_id=user.id, reason="" if free else "taken")
        return Done()

    @operation("POST", "/change-email/cancel", guard="sensitive", in_api=False)
    async def cancel_change(self, call: Call[U], input: NoInput = NoInput()) -> Done:
        """Forget a change of address that waits for its mailboxes. There being none is no error."""
        user = call.signed_in.user
        async with call.transaction() as call_inside:
            await tokens.burn(call_inside, self.change, subject=user.id)
            call_inside.event("email.change_requested", outcome="failure", reason="cancelled", user_id=user.id)
        return Done()

    async def email_page(self, call: Call[U], visit: Visit) -> EmailPage:
        user = (await call.guard("sensitive")).user
        pending = await tokens.pending(call, self.change, subject=user.id)
        _, waiting_for, step = json.loads(pending[-1]) if pending else (None, None, None)
        return EmailPage(
            email=user.email,
            is_confirmed=user.email_verified,
            may_change=self.may_change,
            waiting_for=waiting_for,
            asks_old=step == CONFIRM_AT_OLD,
        )

    async def verify_page(self, call: Call[U], visit: Visit) -> VerifyPage:
        """What the screen shows: a button, or that we wait for the mail to be opened."""
        if visit.token is None:
            signed_in = await call.identify()
            if signed_in is not None and signed_in.user.email_verified:
                return VerifyPage(state="done", email=signed_in.user.email)
            return VerifyPage(state="waiting", email=signed_in.user.email if signed_in else visit.email)
        claims = self._claims(call, visit.token)
        user = await accounts.find_user(call, claims.old)
        done = user is not None and user.email_verified and claims.step == PURPOSE
        if claims.step == CONFIRM_AT_OLD:
            return VerifyPage(state="agree", email=claims.new)
        return VerifyPage(state="done" if done else "confirm", email=claims.new)

    async def _verify(self, call: Call[U], token: str) -> Verified:
        asked = self._claims(call, token)
        if asked.step != PURPOSE:
            return await self._change(call, asked)
        user = await accounts.find_user(call, asked.old)
        # The address may have changed hands since the letter was written (SEC-027).
        if user is None or asked.spoken_of not in (None, user.id):
            raise LinkUserNotFound
        signed_in = await call.identify(cached=False)
        if user.email_verified:
            return Verified()
        async with call.transaction() as call_inside:
            # Compare-and-set: of two clicks at once one is the first, and only that one signs in.
            first = await call_inside.store.update(
                call.auth.user_type,
                {"id": user.id, "email": asked.old, "email_verified": False},
                email_verified=True,
                updated_at=call.now,
            )
            if not first:
                return Verified()
            call_inside.event("email.verified", user_id=user.id)
            user = await call_inside.store.find(call.auth.user_type, id=user.id) or user
            if signed_in is not None and signed_in.user.id == user.id:
                sessions.rewrite_cookies(call_inside, type(signed_in)(user, signed_in.session))
            elif self.auto_sign_in and signed_in is None:
                await continue_sign_in(call_inside, user, proved_by="email-link")
        return Verified()

    async def _change(self, call: Call[U], asked: _Link) -> Verified:
        user = await accounts.find_user(call, asked.old)
        if user is None or asked.spoken_of not in (None, user.id):
            now = await call.store.find(call.auth.user_type, id=asked.spoken_of) if asked.spoken_of else None
            if now is not None and now.email == asked.new and now.email_verified:
                return Verified()  # this very link was used before
            raise LinkUserNotFound
        signed_in = await call.identify(cached=False)
        if signed_in is not None and signed_in.user.id != user.id:
            raise LinkOfSomebodyElse
        async with call.transaction() as call_inside:
            await self._spend(call_inside, user, asked)
            if asked.step == CONFIRM_AT_OLD:
                free = await accounts.find_user(call_inside, asked.new) is None
                await self._next_link(call_inside, user, asked.new, CONFIRM_AT_NEW, silent=not free)
                return ChangeAgreed(user=UNSET)
            try:
                changed = await accounts.update_user(call_inside, user, email=asked.new, email_verified=True)
            except EmailTaken:
                raise ClaimsInvalid from None
            await tokens.burn(call_inside, None, subject=user.id)
            call_inside.event("email.changed", user_id=user.id)
            call_inside.mail("security-notice", user.email, what="email-changed", name=user.name, new_email=asked.new)
            if signed_in is not None:
                sessions.rewrite_cookies(call_inside, type(signed_in)(changed, signed_in.session))
        return EmailChanged(user=changed)

    async def _spend(self, call: Call[U], user: U, asked: _Link) -> None:
        """A change is pending until it is used, replaced, or burnt by a change of password."""
        if asked.nonce is None:
            if not call.auth.settings.shared_database:
                raise ClaimsInvalid
            return  # made by a Better Auth server, whose links stand for themselves
        pending = await tokens.redeem(call, self.change, asked.nonce)
        if pending is None or json.loads(pending) != [user.id, asked.new, asked.step]:
            raise ClaimsInvalid

    async def _next_link(self, call: Call[U], user: U, new: str, step: str, *, silent: bool) -> None:
        """Make the link of one step and mail it; with `silent` do the same work and mail nothing."""
        kind, to = ("change-email", user.email) if step == CONFIRM_AT_OLD else ("verify-email", new)
        nonce = await tokens.issue(call, self.change, subject=user.id, value=json.dumps([user.id, new, step]))
        claims = {"email": user.email, "updateTo": new, "requestType": step, "userId": user.id, "jti": nonce}
        token = tokens.sign_claims(call, PURPOSE, claims, self.lifetime)
        if silent:
            return
        context = self._letter(call, token, user)
        call.mail(kind, to, counted=False, change=step == CONFIRM_AT_NEW, new_email=new, **context)

    def _mail_link(self, call: Call[U], user: U, *, even_if_refused: bool = False) -> None:
        token = tokens.sign_claims(call, PURPOSE, {"email": user.email, "userId": user.id}, self.lifetime)
        letter = self._letter(call, token, user)
        call.mail("verify-email", user.email, even_if_refused=even_if_refused, change=False, **letter)
        call.event("email.verification_sent", user_id=user.id)

    def _letter(self, call: Call[U], token: str, user: User) -> dict[str, Any]:
        back = call.callback_url
        url = call.auth.link(
            screen="/verify-email",
            api="/verify-email",
            in_api={"token": token, "callbackURL": back or "/"},
            in_screen={"token": token, **({"next": back} if back else {})},
        )
        minutes = int(self.lifetime.total_seconds() // 60)
        return {"url": url, "token": token, "name": user.name, "minutes": minutes}

    def _claims(self, call: Call[U], token: str) -> _Link:
        claims = tokens.read_claims(call, PURPOSE, token)
        old, new, step = claims.get("email"), claims.get("updateTo"), claims.get("requestType")
        if not isinstance(old, str):
            raise ClaimsInvalid
        nonce, subject = claims.get("jti"), claims.get("userId")
        subject = subject if isinstance(subject, str) else None
        if new is None and step is None:
            return _Link(old=old, new=old, step=PURPOSE, nonce=None, spoken_of=subject)
        if not isinstance(new, str) or step not in (CONFIRM_AT_OLD, CONFIRM_AT_NEW):
            raise ClaimsInvalid
        return _Link(
            old=old,
            new=new,
            step=step,
            nonce=nonce if isinstance(nonce, str) else None,
            spoken_of=subject,
        )

    screens: ClassVar = (
        Screen(
            path="/verify-email",
            template="email_verification/verify_email.html",
            loads=verify_page,
            submits=verify_email,
            others={"send": send_verification_email},
            takes_token=True,
            expired="/verify-email",
            then=("next", "/sign-in"),
            notice="email-confirmed",
            notices={"send": "sent-again"},
            states=("waiting", "waiting after sign-up", "address unknown", "confirm", "agree", "done", "expired"),
        ),
        Screen(
            path="/settings/email",
            template="email_verification/settings.html",
            loads=email_page,
            submits=change_email,
            others={"send": send_verification_email, "cancel": cancel_change},
            fresh=True,
            nav=N_("Email"),
            notice="change-requested",
            notices={"send": "sent-again", "cancel": "change-cancelled"},
            states=("fresh", "confirmed", "wrong", "same", "waiting", "waiting for the old mailbox", "cancelled"),
        ),
    )


__all__ = ["ClaimsExpired", "ClaimsInvalid", "EmailVerification", "InvalidToken"]
