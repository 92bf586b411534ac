"""One method an operation; `make client` writes this file, do not change it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ..core.model import Session, U
from . import answers
from .exchange import Ask
from .groups import AsyncGroup, Group, own

CHANGE_EMAIL = Ask("POST", "/change-email", answers.Done, {"callbackURL": None})
CHANGE_PASSWORD = Ask("POST", "/change-password", answers.PasswordChanged, {"revokeOtherSessions": False})
DELETE_ANONYMOUS_USER = Ask("POST", "/delete-anonymous-user", answers.AnonymousDeleted)
DELETE_USER = Ask("POST", "/delete-user", answers.Deletion, {"callbackURL": None, "password": None, "token": None})
DELETE_USER_CALLBACK = Ask("GET", "/delete-user/callback", answers.Deletion | answers.RedirectTo, {"callbackURL": None})
EMAIL_OTP_CHANGE_EMAIL = Ask("POST", "/email-otp/change-email", answers.Succeeded)
EMAIL_OTP_CHECK_VERIFICATION_OTP = Ask("POST", "/email-otp/check-verification-otp", answers.Succeeded)
EMAIL_OTP_REQUEST_EMAIL_CHANGE = Ask("POST", "/email-otp/request-email-change", answers.Succeeded, {"otp": None})
EMAIL_OTP_REQUEST_PASSWORD_RESET = Ask("POST", "/email-otp/request-password-reset", answers.Succeeded)
EMAIL_OTP_RESET_PASSWORD = Ask("POST", "/email-otp/reset-password", answers.Succeeded)
EMAIL_OTP_SEND_VERIFICATION_OTP = Ask("POST", "/email-otp/send-verification-otp", answers.Succeeded)
EMAIL_OTP_VERIFY_EMAIL = Ask("POST", "/email-otp/verify-email", answers.VerifiedByOtp | answers.TwoFactorRequired)
FORGET_PASSWORD_EMAIL_OTP = Ask("POST", "/forget-password/email-otp", answers.Succeeded)
GET_SESSION = Ask(
    "GET", "/get-session", answers.CurrentSession | None, {"disableCookieCache": False, "disableRefresh": False}
)
JWKS = Ask("GET", "/jwks", answers.KeySet)
LIST_ACCOUNTS = Ask("GET", "/list-accounts", list[answers.ListedAccount])
LIST_SESSIONS = Ask("GET", "/list-sessions", list[Session])
MAGIC_LINK_VERIFY = Ask(
    "GET",
    "/magic-link/verify",
    answers.SignedInByLink | answers.TwoFactorRequired | answers.RedirectTo,
    {"callbackURL": None, "newUserCallbackURL": None, "errorCallbackURL": None},
)
MULTI_SESSION_LIST_DEVICE_SESSIONS = Ask("GET", "/multi-session/list-device-sessions", list[answers.DeviceSession])
MULTI_SESSION_REVOKE = Ask("POST", "/multi-session/revoke", answers.Done)
MULTI_SESSION_SET_ACTIVE = Ask("POST", "/multi-session/set-active", answers.DeviceSession)
ONE_TIME_TOKEN_GENERATE = Ask("GET", "/one-time-token/generate", answers.Issued)
ONE_TIME_TOKEN_VERIFY = Ask("POST", "/one-time-token/verify", answers.Carried)
OPEN_API_GENERATE_SCHEMA = Ask("GET", "/open-api/generate-schema", dict[str, Any])
REAUTH = Ask("POST", "/reauth", answers.Confirmed, {"password": None, "code": None})
REAUTH_SEND_CODE = Ask("POST", "/reauth/send-code", answers.CodeSent)
REQUEST_PASSWORD_RESET = Ask("POST", "/request-password-reset", answers.ResetRequested, {"redirectTo": None})
RESET_PASSWORD = Ask("POST", "/reset-password", answers.Done, {"token": None})
REVOKE_OTHER_SESSIONS = Ask("POST", "/revoke-other-sessions", answers.Done)
REVOKE_SESSION = Ask("POST", "/revoke-session", answers.Done)
REVOKE_SESSIONS = Ask("POST", "/revoke-sessions", answers.Done)
SEND_VERIFICATION_EMAIL = Ask("POST", "/send-verification-email", answers.Done, {"callbackURL": None})
SIGN_IN_ANONYMOUS = Ask("POST", "/sign-in/anonymous", answers.AnonymousSignIn)
SIGN_IN_EMAIL = Ask(
    "POST",
    "/sign-in/email",
    answers.SignInAnswer | answers.TwoFactorRequired,
    {"callbackURL": None, "rememberMe": True},
)
SIGN_IN_EMAIL_OTP = Ask(
    "POST", "/sign-in/email-otp", answers.SignedInByOtp | answers.TwoFactorRequired, {"name": "", "image": None}
)
SIGN_IN_MAGIC_LINK = Ask(
    "POST",
    "/sign-in/magic-link",
    answers.Done,
    {"name": None, "callbackURL": None, "newUserCallbackURL": None, "errorCallbackURL": None, "metadata": None},
)
SIGN_OUT = Ask("POST", "/sign-out", answers.SignedOut, {"callbackURL": None, "disableRedirect": False, "state": None})
SIGN_UP_EMAIL = Ask(
    "POST",
    "/sign-up/email",
    answers.SignedUp | answers.TwoFactorRequired,
    {"image": None, "callbackURL": None, "rememberMe": True},
)
TOKEN = Ask("GET", "/token", answers.Token)
TOKEN_FAMILIES = Ask("GET", "/token/families", list[answers.Family])
TOKEN_PAIR = Ask("POST", "/token/pair", answers.TokenPair)
TOKEN_REFRESH = Ask("POST", "/token/refresh", answers.TokenPair)
TOKEN_REVOKE = Ask("POST", "/token/revoke", answers.Done, {"token": None, "familyId": None})
UNLINK_ACCOUNT = Ask("POST", "/unlink-account", answers.Done)
UPDATE_SESSION = Ask("POST", "/update-session", Any)
UPDATE_USER = Ask("POST", "/update-user", answers.Done)
VERIFY_EMAIL = Ask("GET", "/verify-email", answers.Verified | answers.RedirectTo, {"callbackURL": None})
VERIFY_PASSWORD = Ask("POST", "/verify-password", answers.Done)
WS_TICKET = Ask("POST", "/ws-ticket", answers.Ticket)


class DeleteUserMethods(Group[U]):
    """`/delete-user` and what is below it."""

    def __call__(
        self, *, callback_url: str | None = None, password: str | None = None, token: str | None = None
    ) -> answers.Deletion:
        """Delete the account of the person who is signed in: at once, or by a mailed link where that is set.

        Raise CredentialAccountNotFound, InvalidPassword, SessionTooOld, UnknownDeletion.

        May raise PasswordTooLong.
        """
        answer: answers.Deletion = self._send(
            DELETE_USER, {"callbackURL": callback_url, "password": password, "token": token}
        )
        return answer

    def callback(self, *, token: str, callback_url: str | None = None) -> answers.Deletion | answers.RedirectTo:
        """Delete the account by the mailed link, in the browser that is signed in to it.

        May raise NotFound, NobodyToDelete, InvalidToken, FailedToGetSession, Unauthorized.
        """
        answer: answers.Deletion | answers.RedirectTo = self._send(
            DELETE_USER_CALLBACK, {"token": token, "callbackURL": callback_url}
        )
        return answer


class EmailOtpMethods(Group[U]):
    """`/email-otp` and what is below it."""

    def change_email(self, *, new_email: str, otp: str) -> answers.Succeeded:
        """Take the new address, which is proved by the code that went there; the old one is told.

        Raise ChangeByCodeDisabled, InvalidEmail, SameEmail, InvalidOtp, OtpExpired, TooManyAttempts, EmailInUse.
        """
        answer: answers.Succeeded = self._send(EMAIL_OTP_CHANGE_EMAIL, {"newEmail": new_email, "otp": otp})
        return answer

    def check_verification_otp(
        self, *, email: str, type: Literal["email-verification", "sign-in", "forget-password", "change-email"], otp: str
    ) -> answers.Succeeded:
        """Say whether a code is right, and leave it as it is. A wrong one costs a try, as everywhere.

        Raise InvalidEmail, InvalidOtp, OtpExpired, TooManyAttempts, UserNotFound.
        """
        answer: answers.Succeeded = self._send(
            EMAIL_OTP_CHECK_VERIFICATION_OTP, {"email": email, "type": type, "otp": otp}
        )
        return answer

    def request_email_change(self, *, new_email: str, otp: str | None = None) -> answers.Succeeded:
        """Mail a code to the new address; a taken one answers alike.

        Raise ChangeByCodeDisabled, InvalidEmail, SameEmail, SessionNotFresh, CurrentEmailUnproved, and of the code of
        the present address InvalidOtp, OtpExpired, TooManyAttempts.
        """
        answer: answers.Succeeded = self._send(EMAIL_OTP_REQUEST_EMAIL_CHANGE, {"newEmail": new_email, "otp": otp})
        return answer

    def request_password_reset(self, *, email: str) -> answers.Succeeded:
        """Mail a code to choose a new password with; the answer does not say whether there is an account."""
        answer: answers.Succeeded = self._send(EMAIL_OTP_REQUEST_PASSWORD_RESET, {"email": email})
        return answer

    def reset_password(self, *, email: str, otp: str, password: str) -> answers.Succeeded:
        """Set a new password with a mailed code. Every session ends, whatever else was pending burns.

        Raise PasswordTooShort, PasswordTooLong, InvalidOtp, OtpExpired, TooManyAttempts, UserNotFound.
        """
        answer: answers.Succeeded = self._send(
            EMAIL_OTP_RESET_PASSWORD, {"email": email, "otp": otp, "password": password}
        )
        return answer

    def send_verification_otp(
        self, *, email: str, type: Literal["email-verification", "sign-in", "forget-password", "change-email"]
    ) -> answers.Succeeded:
        """Mail a code to whoever owns the address; the answer does not say whether anybody does.

        Raise InvalidEmail, InvalidOtpType.
        """
        answer: answers.Succeeded = self._send(EMAIL_OTP_SEND_VERIFICATION_OTP, {"email": email, "type": type})
        return answer

    def verify_email(self, *, email: str, otp: str) -> answers.VerifiedByOtp[U] | answers.TwoFactorRequired:
        """Confirm an address. Raise InvalidOtp, OtpExpired, TooManyAttempts, UserNotFound.

        May raise FailedToGetSession.
        """
        answer: answers.VerifiedByOtp[U] | answers.TwoFactorRequired = self._send(
            EMAIL_OTP_VERIFY_EMAIL, {"email": email, "otp": otp}
        )
        return answer


class ForgetPasswordMethods(Group[U]):
    """`/forget-password` and what is below it."""

    def email_otp(self, *, email: str) -> answers.Succeeded:
        """As `/email-otp/request-password-reset`, under its old name."""
        answer: answers.Succeeded = self._send(FORGET_PASSWORD_EMAIL_OTP, {"email": email})
        return answer


class MagicLinkMethods(Group[U]):
    """`/magic-link` and what is below it."""

    def verify(
        self,
        *,
        token: str,
        callback_url: str | None = None,
        new_user_callback_url: str | None = None,
        error_callback_url: str | None = None,
    ) -> answers.SignedInByLink[U] | answers.TwoFactorRequired | answers.RedirectTo:
        """Sign in with a mailed token, once. What is wrong with it is told to the page that the link names."""
        answer: answers.SignedInByLink[U] | answers.TwoFactorRequired | answers.RedirectTo = self._send(
            MAGIC_LINK_VERIFY,
            {
                "token": token,
                "callbackURL": callback_url,
                "newUserCallbackURL": new_user_callback_url,
                "errorCallbackURL": error_callback_url,
            },
        )
        return answer


class MultiSessionMethods(Group[U]):
    """`/multi-session` and what is below it."""

    def list_device_sessions(self) -> list[answers.DeviceSession[U]]:
        """List who is signed in in this browser. Only the active session shows its token; others show a handle that
        `set_active` and `revoke` take and that signs nobody in.

        May raise FailedToGetSession.
        """
        answer: list[answers.DeviceSession[U]] = self._send(MULTI_SESSION_LIST_DEVICE_SESSIONS, {})
        return answer

    def revoke(self, *, session_token: str) -> answers.Done:
        """End a session of this browser. After the active one, another is active; after the last, nobody is signed in.

        Raise InvalidSessionToken.
        """
        answer: answers.Done = self._send(MULTI_SESSION_REVOKE, {"sessionToken": session_token})
        return answer

    def set_active(self, *, session_token: str) -> answers.DeviceSession[U]:
        """Go on as somebody who is signed in in this browser. Raise InvalidSessionToken."""
        answer: answers.DeviceSession[U] = self._send(MULTI_SESSION_SET_ACTIVE, {"sessionToken": session_token})
        return answer


class OneTimeTokenMethods(Group[U]):
    """`/one-time-token` and what is below it."""

    def generate(self) -> answers.Issued:
        """Make a token that opens the session of whoever asks, once. Raise ClientRequestsDisabled."""
        answer: answers.Issued = self._send(ONE_TIME_TOKEN_GENERATE, {})
        return answer

    def verify(self, *, token: str) -> answers.Carried[U]:
        """Spend a token: this browser is in the same session from here on.

        Raise InvalidOneTimeToken, SessionGone, SessionOver.
        """
        answer: answers.Carried[U] = self._send(ONE_TIME_TOKEN_VERIFY, {"token": token})
        return answer


class OpenApiMethods(Group[U]):
    """`/open-api` and what is below it."""

    def generate_schema(self) -> dict[str, Any]:
        """Return the OpenAPI document of this API.

        May raise NotFound.
        """
        answer: dict[str, Any] = self._send(OPEN_API_GENERATE_SCHEMA, {})
        return answer


class ReauthMethods(Group[U]):
    """`/reauth` and what is below it."""

    def __call__(self, *, password: str | None = None, code: str | None = None) -> answers.Confirmed:
        """Prove again who is signed in. The session gets a new token and is fresh from now.

        Raise InvalidPassword, CredentialAccountNotFound, InvalidOtp, OtpExpired, TooManyAttempts, ProofRequired.

        May raise PasswordTooLong, PasswordRequired.
        """
        answer: answers.Confirmed = self._send(REAUTH, {"password": password, "code": code})
        return answer

    def send_code(self) -> answers.CodeSent:
        """Mail a code to somebody who has no password. Raise PasswordRequired for everybody else."""
        answer: answers.CodeSent = self._send(REAUTH_SEND_CODE, {})
        return answer


class SignInMethods(Group[U]):
    """`/sign-in` and what is below it."""

    def anonymous(self) -> answers.AnonymousSignIn[U]:
        """Make a user of whom nothing is known, and sign it in. Raise AnonymousAgain for one who already is.

        Raise MissingField where the user type has a field without a default that people fill in.

        May raise InvalidEmailFormat, EmailTaken, FailedToGetSession.
        """
        answer: answers.AnonymousSignIn[U] = self._send(SIGN_IN_ANONYMOUS, {})
        return answer

    def email(
        self, *, email: str, password: str, callback_url: str | None = None, remember_me: bool = True
    ) -> answers.SignInAnswer[U] | answers.TwoFactorRequired:
        """Sign in. Raise InvalidEmail for text that is no address, else InvalidEmailOrPassword whatever is wrong.

        May raise PasswordTooLong.
        """
        answer: answers.SignInAnswer[U] | answers.TwoFactorRequired = self._send(
            SIGN_IN_EMAIL,
            {"email": email, "password": password, "callbackURL": callback_url, "rememberMe": remember_me},
        )
        return answer

    def email_otp(
        self, /, *, email: str, otp: str, name: str = "", image: str | None = None, **fields: object
    ) -> answers.SignedInByOtp[U] | answers.TwoFactorRequired:
        """Sign in, or up where that is open. Raise InvalidOtp whoever the address belongs to, OtpExpired,
        TooManyAttempts, FieldNotAllowed, MissingField.

        An account whose address nobody had proved is its owner's from here: what stood on it is dropped.
        """
        answer: answers.SignedInByOtp[U] | answers.TwoFactorRequired = self._send(
            SIGN_IN_EMAIL_OTP, {**own(fields), "email": email, "otp": otp, "name": name, "image": image}
        )
        return answer

    def magic_link(
        self,
        *,
        email: str,
        name: str | None = None,
        callback_url: str | None = None,
        new_user_callback_url: str | None = None,
        error_callback_url: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> answers.Done:
        """Mail a link that signs in; the answer does not say whether anybody has that address."""
        answer: answers.Done = self._send(
            SIGN_IN_MAGIC_LINK,
            {
                "email": email,
                "name": name,
                "callbackURL": callback_url,
                "newUserCallbackURL": new_user_callback_url,
                "errorCallbackURL": error_callback_url,
                "metadata": metadata,
            },
        )
        return answer


class SignUpMethods(Group[U]):
    """`/sign-up` and what is below it."""

    def email(
        self,
        /,
        *,
        name: str,
        email: str,
        password: str,
        image: str | None = None,
        callback_url: str | None = None,
        remember_me: bool = True,
        **fields: object,
    ) -> answers.SignedUp[U] | answers.TwoFactorRequired:
        """Create a user with a password, and sign in unless the address must be confirmed first.

        Raise EmailTaken, unless accounts are hidden: then a taken address answers like a new one and its
        owner is told by mail.

        May raise SignUpDisabled, PasswordTooShort, PasswordTooLong, FieldNotAllowed, MissingField.
        """
        answer: answers.SignedUp[U] | answers.TwoFactorRequired = self._send(
            SIGN_UP_EMAIL,
            {
                **own(fields),
                "name": name,
                "email": email,
                "password": password,
                "image": image,
                "callbackURL": callback_url,
                "rememberMe": remember_me,
            },
        )
        return answer


class TokenMethods(Group[U]):
    """`/token` and what is below it."""

    def __call__(self) -> answers.Token:
        """Make a token for whoever is signed in. Raise Unauthorized for somebody who shows no more than a token: they
        would never end.
        """
        answer: answers.Token = self._send(TOKEN, {})
        return answer

    def families(self) -> list[answers.Family]:
        """List the clients that hold tokens of the person who is signed in."""
        answer: list[answers.Family] = self._send(TOKEN_FAMILIES, {})
        return answer

    def pair(self) -> answers.TokenPair:
        """Begin a family of tokens for the session that asks."""
        answer: answers.TokenPair = self._send(TOKEN_PAIR, {})
        return answer

    def refresh(self, *, refresh_token: str) -> answers.TokenPair:
        """Spend a refresh token for a new pair. Using one twice ends its family and tells the owner.

        Raise InvalidGrant.
        """
        answer: answers.TokenPair = self._send(TOKEN_REFRESH, {"refreshToken": refresh_token})
        return answer

    def revoke(self, *, token: str | None = None, family_id: str | None = None) -> answers.Done:
        """Take a token back: a refresh token with its family, an access token where there is a denylist. One
        that is worth nothing is no error. Raise UnsupportedTokenType.

        May raise Unauthorized.
        """
        answer: answers.Done = self._send(TOKEN_REVOKE, {"token": token, "familyId": family_id})
        return answer


class Methods(Group[U]):
    """Every operation, by the names of the JavaScript client."""

    def change_email(self, *, new_email: str, callback_url: str | None = None) -> answers.Done:
        """Ask for another address: the old mailbox agrees first, then the new one confirms.

        A taken address answers alike. Raise ChangeEmailDisabled, SameEmail, SessionNotFresh.
        """
        answer: answers.Done = self._send(CHANGE_EMAIL, {"newEmail": new_email, "callbackURL": callback_url})
        return answer

    def change_password(
        self, *, new_password: str, current_password: str, revoke_other_sessions: bool = False
    ) -> answers.PasswordChanged[U]:
        """Set a new password against the current one.

        Raise PasswordTooShort, PasswordTooLong, CredentialAccountNotFound, InvalidPassword. With
        `revoke_other_sessions` every session ends and this browser gets a new one.
        """
        answer: answers.PasswordChanged[U] = self._send(
            CHANGE_PASSWORD,
            {
                "newPassword": new_password,
                "currentPassword": current_password,
                "revokeOtherSessions": revoke_other_sessions,
            },
        )
        return answer

    def delete_anonymous_user(self) -> answers.AnonymousDeleted:
        """Delete the anonymous user who asks. Raise DeleteAnonymousDisabled, UserIsNotAnonymous."""
        answer: answers.AnonymousDeleted = self._send(DELETE_ANONYMOUS_USER, {})
        return answer

    @property
    def delete_user(self) -> DeleteUserMethods[U]:
        return DeleteUserMethods(self._send)

    @property
    def email_otp(self) -> EmailOtpMethods[U]:
        return EmailOtpMethods(self._send)

    @property
    def forget_password(self) -> ForgetPasswordMethods[U]:
        return ForgetPasswordMethods(self._send)

    def get_session(
        self, *, disable_cookie_cache: bool = False, disable_refresh: bool = False
    ) -> answers.CurrentSession[U] | None:
        """Return `{"session": …, "user": …}`, or None for nobody.

        May raise FailedToGetSession.
        """
        answer: answers.CurrentSession[U] | None = self._send(
            GET_SESSION, {"disableCookieCache": disable_cookie_cache, "disableRefresh": disable_refresh}
        )
        return answer

    def jwks(self) -> answers.KeySet:
        """List the public keys that tokens are checked with; the first time, make one."""
        answer: answers.KeySet = self._send(JWKS, {})
        return answer

    def list_accounts(self) -> list[answers.ListedAccount]:
        """List the ways in which the person who is signed in can sign in."""
        answer: list[answers.ListedAccount] = self._send(LIST_ACCOUNTS, {})
        return answer

    def list_sessions(self) -> list[Session]:
        """List where the person is signed in. Only the own session shows its token; others show a handle that
        `revoke_session` takes and that signs nobody in.
        """
        answer: list[Session] = self._send(LIST_SESSIONS, {})
        return answer

    @property
    def magic_link(self) -> MagicLinkMethods[U]:
        return MagicLinkMethods(self._send)

    @property
    def multi_session(self) -> MultiSessionMethods[U]:
        return MultiSessionMethods(self._send)

    @property
    def one_time_token(self) -> OneTimeTokenMethods[U]:
        return OneTimeTokenMethods(self._send)

    @property
    def open_api(self) -> OpenApiMethods[U]:
        return OpenApiMethods(self._send)

    @property
    def reauth(self) -> ReauthMethods[U]:
        return ReauthMethods(self._send)

    def request_password_reset(self, *, email: str, redirect_to: str | None = None) -> answers.ResetRequested:
        """Mail a link to whoever owns the address; the answer does not say whether anybody does."""
        answer: answers.ResetRequested = self._send(REQUEST_PASSWORD_RESET, {"email": email, "redirectTo": redirect_to})
        return answer

    def reset_password(self, *, new_password: str, token: str | None = None) -> answers.Done:
        """Set a new password with a mailed token, once. Every session ends, whatever else was pending burns.

        Raise InvalidToken, PasswordTooShort, PasswordTooLong, UserNotFound.
        """
        answer: answers.Done = self._send(RESET_PASSWORD, {"newPassword": new_password, "token": token})
        return answer

    def revoke_other_sessions(self) -> answers.Done:
        """End every session of the person but this one."""
        answer: answers.Done = self._send(REVOKE_OTHER_SESSIONS, {})
        return answer

    def revoke_session(self, *, token: str) -> answers.Done:
        """End one session of the person who is signed in, by token or handle. Anybody else's stays, with the same answer."""
        answer: answers.Done = self._send(REVOKE_SESSION, {"token": token})
        return answer

    def revoke_sessions(self) -> answers.Done:
        """End every session of the person, this one too."""
        answer: answers.Done = self._send(REVOKE_SESSIONS, {})
        return answer

    def send_verification_email(self, *, email: str, callback_url: str | None = None) -> answers.Done:
        """Mail the link again. Without a session the answer does not say whether there was anything to send.

        Raise EmailMismatch, EmailAlreadyVerified for somebody who is signed in.

        May raise FailedToGetSession.
        """
        answer: answers.Done = self._send(SEND_VERIFICATION_EMAIL, {"email": email, "callbackURL": callback_url})
        return answer

    @property
    def sign_in(self) -> SignInMethods[U]:
        return SignInMethods(self._send)

    def sign_out(
        self, *, callback_url: str | None = None, disable_redirect: bool = False, state: str | None = None
    ) -> answers.SignedOut:
        """End this browser's session. Nobody being signed in is no error."""
        answer: answers.SignedOut = self._send(
            SIGN_OUT, {"callbackURL": callback_url, "disableRedirect": disable_redirect, "state": state}
        )
        return answer

    @property
    def sign_up(self) -> SignUpMethods[U]:
        return SignUpMethods(self._send)

    @property
    def token(self) -> TokenMethods[U]:
        return TokenMethods(self._send)

    def unlink_account(self, *, account_id: str) -> answers.Done:
        """Remove a way to sign in, by the id that `list_accounts` shows. Raise LastAccount, AccountNotFound."""
        answer: answers.Done = self._send(UNLINK_ACCOUNT, {"accountId": account_id})
        return answer

    def update_session(self, /, **fields: object) -> Any:
        """Change fields that features add to sessions; of ours none is a client's to change. Raise NoFieldsToUpdate."""
        answer: Any = self._send(UPDATE_SESSION, {**own(fields)})
        return answer

    def update_user(self, /, **fields: object) -> answers.Done:
        """Change name, image and own fields. Raise EmailCanNotBeUpdated, NoFieldsToUpdate, FieldNotAllowed.

        May raise EmailTaken.
        """
        answer: answers.Done = self._send(UPDATE_USER, {**own(fields)})
        return answer

    def verify_email(self, *, token: str, callback_url: str | None = None) -> answers.Verified[U] | answers.RedirectTo:
        """Confirm an address, or a step of changing it, with a mailed token.

        What is wrong is raised as ClaimsExpired, ClaimsInvalid, LinkUserNotFound or LinkOfSomebodyElse, or,
        where the link names a page to come back to, told to that page. A link that was used says so kindly
        and does nothing.

        May raise FailedToGetSession.
        """
        answer: answers.Verified[U] | answers.RedirectTo = self._send(
            VERIFY_EMAIL, {"token": token, "callbackURL": callback_url}
        )
        return answer

    def verify_password(self, *, password: str) -> answers.Done:
        """Say whether the password of the person who is signed in is right. Raise InvalidPassword.

        May raise PasswordTooLong.
        """
        answer: answers.Done = self._send(VERIFY_PASSWORD, {"password": password})
        return answer

    def ws_ticket(self) -> answers.Ticket:
        """Give whoever is signed in a ticket for one WebSocket: browsers cannot send headers with those, and a session
        token does not belong into an address, which is logged.
        """
        answer: answers.Ticket = self._send(WS_TICKET, {})
        return answer


class AsyncDeleteUserMethods(AsyncGroup[U]):
    """`/delete-user` and what is below it."""

    async def __call__(
        self, *, callback_url: str | None = None, password: str | None = None, token: str | None = None
    ) -> answers.Deletion:
        """Delete the account of the person who is signed in: at once, or by a mailed link where that is set.

        Raise CredentialAccountNotFound, InvalidPassword, SessionTooOld, UnknownDeletion.

        May raise PasswordTooLong.
        """
        answer: answers.Deletion = await self._send(
            DELETE_USER, {"callbackURL": callback_url, "password": password, "token": token}
        )
        return answer

    async def callback(self, *, token: str, callback_url: str | None = None) -> answers.Deletion | answers.RedirectTo:
        """Delete the account by the mailed link, in the browser that is signed in to it.

        May raise NotFound, NobodyToDelete, InvalidToken, FailedToGetSession, Unauthorized.
        """
        answer: answers.Deletion | answers.RedirectTo = await self._send(
            DELETE_USER_CALLBACK, {"token": token, "callbackURL": callback_url}
        )
        return answer


class AsyncEmailOtpMethods(AsyncGroup[U]):
    """`/email-otp` and what is below it."""

    async def change_email(self, *, new_email: str, otp: str) -> answers.Succeeded:
        """Take the new address, which is proved by the code that went there; the old one is told.

        Raise ChangeByCodeDisabled, InvalidEmail, SameEmail, InvalidOtp, OtpExpired, TooManyAttempts, EmailInUse.
        """
        answer: answers.Succeeded = await self._send(EMAIL_OTP_CHANGE_EMAIL, {"newEmail": new_email, "otp": otp})
        return answer

    async def check_verification_otp(
        self, *, email: str, type: Literal["email-verification", "sign-in", "forget-password", "change-email"], otp: str
    ) -> answers.Succeeded:
        """Say whether a code is right, and leave it as it is. A wrong one costs a try, as everywhere.

        Raise InvalidEmail, InvalidOtp, OtpExpired, TooManyAttempts, UserNotFound.
        """
        answer: answers.Succeeded = await self._send(
            EMAIL_OTP_CHECK_VERIFICATION_OTP, {"email": email, "type": type, "otp": otp}
        )
        return answer

    async def request_email_change(self, *, new_email: str, otp: str | None = None) -> answers.Succeeded:
        """Mail a code to the new address; a taken one answers alike.

        Raise ChangeByCodeDisabled, InvalidEmail, SameEmail, SessionNotFresh, CurrentEmailUnproved, and of the code of
        the present address InvalidOtp, OtpExpired, TooManyAttempts.
        """
        answer: answers.Succeeded = await self._send(
            EMAIL_OTP_REQUEST_EMAIL_CHANGE, {"newEmail": new_email, "otp": otp}
        )
        return answer

    async def request_password_reset(self, *, email: str) -> answers.Succeeded:
        """Mail a code to choose a new password with; the answer does not say whether there is an account."""
        answer: answers.Succeeded = await self._send(EMAIL_OTP_REQUEST_PASSWORD_RESET, {"email": email})
        return answer

    async def reset_password(self, *, email: str, otp: str, password: str) -> answers.Succeeded:
        """Set a new password with a mailed code. Every session ends, whatever else was pending burns.

        Raise PasswordTooShort, PasswordTooLong, InvalidOtp, OtpExpired, TooManyAttempts, UserNotFound.
        """
        answer: answers.Succeeded = await self._send(
            EMAIL_OTP_RESET_PASSWORD, {"email": email, "otp": otp, "password": password}
        )
        return answer

    async def send_verification_otp(
        self, *, email: str, type: Literal["email-verification", "sign-in", "forget-password", "change-email"]
    ) -> answers.Succeeded:
        """Mail a code to whoever owns the address; the answer does not say whether anybody does.

        Raise InvalidEmail, InvalidOtpType.
        """
        answer: answers.Succeeded = await self._send(EMAIL_OTP_SEND_VERIFICATION_OTP, {"email": email, "type": type})
        return answer

    async def verify_email(self, *, email: str, otp: str) -> answers.VerifiedByOtp[U] | answers.TwoFactorRequired:
        """Confirm an address. Raise InvalidOtp, OtpExpired, TooManyAttempts, UserNotFound.

        May raise FailedToGetSession.
        """
        answer: answers.VerifiedByOtp[U] | answers.TwoFactorRequired = await self._send(
            EMAIL_OTP_VERIFY_EMAIL, {"email": email, "otp": otp}
        )
        return answer


class AsyncForgetPasswordMethods(AsyncGroup[U]):
    """`/forget-password` and what is below it."""

    async def email_otp(self, *, email: str) -> answers.Succeeded:
        """As `/email-otp/request-password-reset`, under its old name."""
        answer: answers.Succeeded = await self._send(FORGET_PASSWORD_EMAIL_OTP, {"email": email})
        return answer


class AsyncMagicLinkMethods(AsyncGroup[U]):
    """`/magic-link` and what is below it."""

    async def verify(
        self,
        *,
        token: str,
        callback_url: str | None = None,
        new_user_callback_url: str | None = None,
        error_callback_url: str | None = None,
    ) -> answers.SignedInByLink[U] | answers.TwoFactorRequired | answers.RedirectTo:
        """Sign in with a mailed token, once. What is wrong with it is told to the page that the link names."""
        answer: answers.SignedInByLink[U] | answers.TwoFactorRequired | answers.RedirectTo = await self._send(
            MAGIC_LINK_VERIFY,
            {
                "token": token,
                "callbackURL": callback_url,
                "newUserCallbackURL": new_user_callback_url,
                "errorCallbackURL": error_callback_url,
            },
        )
        return answer


class AsyncMultiSessionMethods(AsyncGroup[U]):
    """`/multi-session` and what is below it."""

    async def list_device_sessions(self) -> list[answers.DeviceSession[U]]:
        """List who is signed in in this browser. Only the active session shows its token; others show a handle that
        `set_active` and `revoke` take and that signs nobody in.

        May raise FailedToGetSession.
        """
        answer: list[answers.DeviceSession[U]] = await self._send(MULTI_SESSION_LIST_DEVICE_SESSIONS, {})
        return answer

    async def revoke(self, *, session_token: str) -> answers.Done:
        """End a session of this browser. After the active one, another is active; after the last, nobody is signed in.

        Raise InvalidSessionToken.
        """
        answer: answers.Done = await self._send(MULTI_SESSION_REVOKE, {"sessionToken": session_token})
        return answer

    async def set_active(self, *, session_token: str) -> answers.DeviceSession[U]:
        """Go on as somebody who is signed in in this browser. Raise InvalidSessionToken."""
        answer: answers.DeviceSession[U] = await self._send(MULTI_SESSION_SET_ACTIVE, {"sessionToken": session_token})
        return answer


class AsyncOneTimeTokenMethods(AsyncGroup[U]):
    """`/one-time-token` and what is below it."""

    async def generate(self) -> answers.Issued:
        """Make a token that opens the session of whoever asks, once. Raise ClientRequestsDisabled."""
        answer: answers.Issued = await self._send(ONE_TIME_TOKEN_GENERATE, {})
        return answer

    async def verify(self, *, token: str) -> answers.Carried[U]:
        """Spend a token: this browser is in the same session from here on.

        Raise InvalidOneTimeToken, SessionGone, SessionOver.
        """
        answer: answers.Carried[U] = await self._send(ONE_TIME_TOKEN_VERIFY, {"token": token})
        return answer


class AsyncOpenApiMethods(AsyncGroup[U]):
    """`/open-api` and what is below it."""

    async def generate_schema(self) -> dict[str, Any]:
        """Return the OpenAPI document of this API.

        May raise NotFound.
        """
        answer: dict[str, Any] = await self._send(OPEN_API_GENERATE_SCHEMA, {})
        return answer


class AsyncReauthMethods(AsyncGroup[U]):
    """`/reauth` and what is below it."""

    async def __call__(self, *, password: str | None = None, code: str | None = None) -> answers.Confirmed:
        """Prove again who is signed in. The session gets a new token and is fresh from now.

        Raise InvalidPassword, CredentialAccountNotFound, InvalidOtp, OtpExpired, TooManyAttempts, ProofRequired.

        May raise PasswordTooLong, PasswordRequired.
        """
        answer: answers.Confirmed = await self._send(REAUTH, {"password": password, "code": code})
        return answer

    async def send_code(self) -> answers.CodeSent:
        """Mail a code to somebody who has no password. Raise PasswordRequired for everybody else."""
        answer: answers.CodeSent = await self._send(REAUTH_SEND_CODE, {})
        return answer


class AsyncSignInMethods(AsyncGroup[U]):
    """`/sign-in` and what is below it."""

    async def anonymous(self) -> answers.AnonymousSignIn[U]:
        """Make a user of whom nothing is known, and sign it in. Raise AnonymousAgain for one who already is.

        Raise MissingField where the user type has a field without a default that people fill in.

        May raise InvalidEmailFormat, EmailTaken, FailedToGetSession.
        """
        answer: answers.AnonymousSignIn[U] = await self._send(SIGN_IN_ANONYMOUS, {})
        return answer

    async def email(
        self, *, email: str, password: str, callback_url: str | None = None, remember_me: bool = True
    ) -> answers.SignInAnswer[U] | answers.TwoFactorRequired:
        """Sign in. Raise InvalidEmail for text that is no address, else InvalidEmailOrPassword whatever is wrong.

        May raise PasswordTooLong.
        """
        answer: answers.SignInAnswer[U] | answers.TwoFactorRequired = await self._send(
            SIGN_IN_EMAIL,
            {"email": email, "password": password, "callbackURL": callback_url, "rememberMe": remember_me},
        )
        return answer

    async def email_otp(
        self, /, *, email: str, otp: str, name: str = "", image: str | None = None, **fields: object
    ) -> answers.SignedInByOtp[U] | answers.TwoFactorRequired:
        """Sign in, or up where that is open. Raise InvalidOtp whoever the address belongs to, OtpExpired,
        TooManyAttempts, FieldNotAllowed, MissingField.

        An account whose address nobody had proved is its owner's from here: what stood on it is dropped.
        """
        answer: answers.SignedInByOtp[U] | answers.TwoFactorRequired = await self._send(
            SIGN_IN_EMAIL_OTP, {**own(fields), "email": email, "otp": otp, "name": name, "image": image}
        )
        return answer

    async def magic_link(
        self,
        *,
        email: str,
        name: str | None = None,
        callback_url: str | None = None,
        new_user_callback_url: str | None = None,
        error_callback_url: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> answers.Done:
        """Mail a link that signs in; the answer does not say whether anybody has that address."""
        answer: answers.Done = await self._send(
            SIGN_IN_MAGIC_LINK,
            {
                "email": email,
                "name": name,
                "callbackURL": callback_url,
                "newUserCallbackURL": new_user_callback_url,
                "errorCallbackURL": error_callback_url,
                "metadata": metadata,
            },
        )
        return answer


class AsyncSignUpMethods(AsyncGroup[U]):
    """`/sign-up` and what is below it."""

    async def email(
        self,
        /,
        *,
        name: str,
        email: str,
        password: str,
        image: str | None = None,
        callback_url: str | None = None,
        remember_me: bool = True,
        **fields: object,
    ) -> answers.SignedUp[U] | answers.TwoFactorRequired:
        """Create a user with a password, and sign in unless the address must be confirmed first.

        Raise EmailTaken, unless accounts are hidden: then a taken address answers like a new one and its
        owner is told by mail.

        May raise SignUpDisabled, PasswordTooShort, PasswordTooLong, FieldNotAllowed, MissingField.
        """
        answer: answers.SignedUp[U] | answers.TwoFactorRequired = await self._send(
            SIGN_UP_EMAIL,
            {
                **own(fields),
                "name": name,
                "email": email,
                "password": password,
                "image": image,
                "callbackURL": callback_url,
                "rememberMe": remember_me,
            },
        )
        return answer


class AsyncTokenMethods(AsyncGroup[U]):
    """`/token` and what is below it."""

    async def __call__(self) -> answers.Token:
        """Make a token for whoever is signed in. Raise Unauthorized for somebody who shows no more than a token: they
        would never end.
        """
        answer: answers.Token = await self._send(TOKEN, {})
        return answer

    async def families(self) -> list[answers.Family]:
        """List the clients that hold tokens of the person who is signed in."""
        answer: list[answers.Family] = await self._send(TOKEN_FAMILIES, {})
        return answer

    async def pair(self) -> answers.TokenPair:
        """Begin a family of tokens for the session that asks."""
        answer: answers.TokenPair = await self._send(TOKEN_PAIR, {})
        return answer

    async def refresh(self, *, refresh_token: str) -> answers.TokenPair:
        """Spend a refresh token for a new pair. Using one twice ends its family and tells the owner.

        Raise InvalidGrant.
        """
        answer: answers.TokenPair = await self._send(TOKEN_REFRESH, {"refreshToken": refresh_token})
        return answer

    async def revoke(self, *, token: str | None = None, family_id: str | None = None) -> answers.Done:
        """Take a token back: a refresh token with its family, an access token where there is a denylist. One
        that is worth nothing is no error. Raise UnsupportedTokenType.

        May raise Unauthorized.
        """
        answer: answers.Done = await self._send(TOKEN_REVOKE, {"token": token, "familyId": family_id})
        return answer


class AsyncMethods(AsyncGroup[U]):
    """Every operation, by the names of the JavaScript client."""

    async def change_email(self, *, new_email: str, callback_url: str | None = None) -> answers.Done:
        """Ask for another address: the old mailbox agrees first, then the new one confirms.

        A taken address answers alike. Raise ChangeEmailDisabled, SameEmail, SessionNotFresh.
        """
        answer: answers.Done = await self._send(CHANGE_EMAIL, {"newEmail": new_email, "callbackURL": callback_url})
        return answer

    async def change_password(
        self, *, new_password: str, current_password: str, revoke_other_sessions: bool = False
    ) -> answers.PasswordChanged[U]:
        """Set a new password against the current one.

        Raise PasswordTooShort, PasswordTooLong, CredentialAccountNotFound, InvalidPassword. With
        `revoke_other_sessions` every session ends and this browser gets a new one.
        """
        answer: answers.PasswordChanged[U] = await self._send(
            CHANGE_PASSWORD,
            {
                "newPassword": new_password,
                "currentPassword": current_password,
                "revokeOtherSessions": revoke_other_sessions,
            },
        )
        return answer

    async def delete_anonymous_user(self) -> answers.AnonymousDeleted:
        """Delete the anonymous user who asks. Raise DeleteAnonymousDisabled, UserIsNotAnonymous."""
        answer: answers.AnonymousDeleted = await self._send(DELETE_ANONYMOUS_USER, {})
        return answer

    @property
    def delete_user(self) -> AsyncDeleteUserMethods[U]:
        return AsyncDeleteUserMethods(self._send)

    @property
    def email_otp(self) -> AsyncEmailOtpMethods[U]:
        return AsyncEmailOtpMethods(self._send)

    @property
    def forget_password(self) -> AsyncForgetPasswordMethods[U]:
        return AsyncForgetPasswordMethods(self._send)

    async def get_session(
        self, *, disable_cookie_cache: bool = False, disable_refresh: bool = False
    ) -> answers.CurrentSession[U] | None:
        """Return `{"session": …, "user": …}`, or None for nobody.

        May raise FailedToGetSession.
        """
        answer: answers.CurrentSession[U] | None = await self._send(
            GET_SESSION, {"disableCookieCache": disable_cookie_cache, "disableRefresh": disable_refresh}
        )
        return answer

    async def jwks(self) -> answers.KeySet:
        """List the public keys that tokens are checked with; the first time, make one."""
        answer: answers.KeySet = await self._send(JWKS, {})
        return answer

    async def list_accounts(self) -> list[answers.ListedAccount]:
        """List the ways in which the person who is signed in can sign in."""
        answer: list[answers.ListedAccount] = await self._send(LIST_ACCOUNTS, {})
        return answer

    async def list_sessions(self) -> list[Session]:
        """List where the person is signed in. Only the own session shows its token; others show a handle that
        `revoke_session` takes and that signs nobody in.
        """
        answer: list[Session] = await self._send(LIST_SESSIONS, {})
        return answer

    @property
    def magic_link(self) -> AsyncMagicLinkMethods[U]:
        return AsyncMagicLinkMethods(self._send)

    @property
    def multi_session(self) -> AsyncMultiSessionMethods[U]:
        return AsyncMultiSessionMethods(self._send)

    @property
    def one_time_token(self) -> AsyncOneTimeTokenMethods[U]:
        return AsyncOneTimeTokenMethods(self._send)

    @property
    def open_api(self) -> AsyncOpenApiMethods[U]:
        return AsyncOpenApiMethods(self._send)

    @property
    def reauth(self) -> AsyncReauthMethods[U]:
        return AsyncReauthMethods(self._send)

    async def request_password_reset(self, *, email: str, redirect_to: str | None = None) -> answers.ResetRequested:
        """Mail a link to whoever owns the address; the answer does not say whether anybody does."""
        answer: answers.ResetRequested = await self._send(
            REQUEST_PASSWORD_RESET, {"email": email, "redirectTo": redirect_to}
        )
        return answer

    async def reset_password(self, *, new_password: str, token: str | None = None) -> answers.Done:
        """Set a new password with a mailed token, once. Every session ends, whatever else was pending burns.

        Raise InvalidToken, PasswordTooShort, PasswordTooLong, UserNotFound.
        """
        answer: answers.Done = await self._send(RESET_PASSWORD, {"newPassword": new_password, "token": token})
        return answer

    async def revoke_other_sessions(self) -> answers.Done:
        """End every session of the person but this one."""
        answer: answers.Done = await self._send(REVOKE_OTHER_SESSIONS, {})
        return answer

    async def revoke_session(self, *, token: str) -> answers.Done:
        """End one session of the person who is signed in, by token or handle. Anybody else's stays, with the same answer."""
        answer: answers.Done = await self._send(REVOKE_SESSION, {"token": token})
        return answer

    async def revoke_sessions(self) -> answers.Done:
        """End every session of the person, this one too."""
        answer: answers.Done = await self._send(REVOKE_SESSIONS, {})
        return answer

    async def send_verification_email(self, *, email: str, callback_url: str | None = None) -> answers.Done:
        """Mail the link again. Without a session the answer does not say whether there was anything to send.

        Raise EmailMismatch, EmailAlreadyVerified for somebody who is signed in.

        May raise FailedToGetSession.
        """
        answer: answers.Done = await self._send(SEND_VERIFICATION_EMAIL, {"email": email, "callbackURL": callback_url})
        return answer

    @property
    def sign_in(self) -> AsyncSignInMethods[U]:
        return AsyncSignInMethods(self._send)

    async def sign_out(
        self, *, callback_url: str | None = None, disable_redirect: bool = False, state: str | None = None
    ) -> answers.SignedOut:
        """End this browser's session. Nobody being signed in is no error."""
        answer: answers.SignedOut = await self._send(
            SIGN_OUT, {"callbackURL": callback_url, "disableRedirect": disable_redirect, "state": state}
        )
        return answer

    @property
    def sign_up(self) -> AsyncSignUpMethods[U]:
        return AsyncSignUpMethods(self._send)

    @property
    def token(self) -> AsyncTokenMethods[U]:
        return AsyncTokenMethods(self._send)

    async def unlink_account(self, *, account_id: str) -> answers.Done:
        """Remove a way to sign in, by the id that `list_accounts` shows. Raise LastAccount, AccountNotFound."""
        answer: answers.Done = await self._send(UNLINK_ACCOUNT, {"accountId": account_id})
        return answer

    async def update_session(self, /, **fields: object) -> Any:
        """Change fields that features add to sessions; of ours none is a client's to change. Raise NoFieldsToUpdate."""
        answer: Any = await self._send(UPDATE_SESSION, {**own(fields)})
        return answer

    async def update_user(self, /, **fields: object) -> answers.Done:
        """Change name, image and own fields. Raise EmailCanNotBeUpdated, NoFieldsToUpdate, FieldNotAllowed.

        May raise EmailTaken.
        """
        answer: answers.Done = await self._send(UPDATE_USER, {**own(fields)})
        return answer

    async def verify_email(
        self, *, token: str, callback_url: str | None = None
    ) -> answers.Verified[U] | answers.RedirectTo:
        """Confirm an address, or a step of changing it, with a mailed token.

        What is wrong is raised as ClaimsExpired, ClaimsInvalid, LinkUserNotFound or LinkOfSomebodyElse, or,
        where the link names a page to come back to, told to that page. A link that was used says so kindly
        and does nothing.

        May raise FailedToGetSession.
        """
        answer: answers.Verified[U] | answers.RedirectTo = await self._send(
            VERIFY_EMAIL, {"token": token, "callbackURL": callback_url}
        )
        return answer

    async def verify_password(self, *, password: str) -> answers.Done:
        """Say whether the password of the person who is signed in is right. Raise InvalidPassword.

        May raise PasswordTooLong.
        """
        answer: answers.Done = await self._send(VERIFY_PASSWORD, {"password": password})
        return answer

    async def ws_ticket(self) -> answers.Ticket:
        """Give whoever is signed in a ticket for one WebSocket: browsers cannot send headers with those, and a session
        token does not belong into an address, which is logged.
        """
        answer: answers.Ticket = await self._send(WS_TICKET, {})
        return answer


ROUTES = (
    CHANGE_EMAIL,
    CHANGE_PASSWORD,
    DELETE_ANONYMOUS_USER,
    DELETE_USER,
    DELETE_USER_CALLBACK,
    EMAIL_OTP_CHANGE_EMAIL,
    EMAIL_OTP_CHECK_VERIFICATION_OTP,
    EMAIL_OTP_REQUEST_EMAIL_CHANGE,
    EMAIL_OTP_REQUEST_PASSWORD_RESET,
    EMAIL_OTP_RESET_PASSWORD,
    EMAIL_OTP_SEND_VERIFICATION_OTP,
    EMAIL_OTP_VERIFY_EMAIL,
    FORGET_PASSWORD_EMAIL_OTP,
    GET_SESSION,
    JWKS,
    LIST_ACCOUNTS,
    LIST_SESSIONS,
    MAGIC_LINK_VERIFY,
    MULTI_SESSION_LIST_DEVICE_SESSIONS,
    MULTI_SESSION_REVOKE,
    MULTI_SESSION_SET_ACTIVE,
    ONE_TIME_TOKEN_GENERATE,
    ONE_TIME_TOKEN_VERIFY,
    OPEN_API_GENERATE_SCHEMA,
    REAUTH,
    REAUTH_SEND_CODE,
    REQUEST_PASSWORD_RESET,
    RESET_PASSWORD,
    REVOKE_OTHER_SESSIONS,
    REVOKE_SESSION,
    REVOKE_SESSIONS,
    SEND_VERIFICATION_EMAIL,
    SIGN_IN_ANONYMOUS,
    SIGN_IN_EMAIL,
    SIGN_IN_EMAIL_OTP,
    SIGN_IN_MAGIC_LINK,
    SIGN_OUT,
    SIGN_UP_EMAIL,
    TOKEN,
    TOKEN_FAMILIES,
    TOKEN_PAIR,
    TOKEN_REFRESH,
    TOKEN_REVOKE,
    UNLINK_ACCOUNT,
    UPDATE_SESSION,
    UPDATE_USER,
    VERIFY_EMAIL,
    VERIFY_PASSWORD,
    WS_TICKET,
)
