"""What the server refuses, by its code; `make client` writes this file, do not change it by hand."""

from __future__ import annotations

from collections.abc import Mapping

from .failures import AuthClientError, RefreshRefused, UnexpectedAnswer, Unreachable

__all__ = [
    "AccountNotFound",
    "AnonymousAgain",
    "AuthClientError",
    "ChangeByCodeDisabled",
    "ChangeEmailDisabled",
    "ClaimsExpired",
    "ClaimsInvalid",
    "ClientRequestsDisabled",
    "CredentialAccountNotFound",
    "CrossSiteNavigation",
    "CurrentEmailUnproved",
    "DeferNotEnabled",
    "DeleteAnonymousDisabled",
    "DeletionDisabled",
    "EmailAlreadyVerified",
    "EmailCanNotBeUpdated",
    "EmailInUse",
    "EmailMismatch",
    "EmailNotVerified",
    "EmailTaken",
    "FailedToCreateUser",
    "FailedToGetSession",
    "FieldNotAllowed",
    "InvalidCallbackUrl",
    "InvalidEmail",
    "InvalidEmailFormat",
    "InvalidEmailOrPassword",
    "InvalidErrorCallbackUrl",
    "InvalidGrant",
    "InvalidInput",
    "InvalidJwt",
    "InvalidNewUserCallbackUrl",
    "InvalidOneTimeToken",
    "InvalidOrigin",
    "InvalidOtp",
    "InvalidOtpType",
    "InvalidPassword",
    "InvalidRedirectUrl",
    "InvalidSessionToken",
    "InvalidToken",
    "LastAccount",
    "LinkOfSomebodyElse",
    "LinkUserNotFound",
    "MissingField",
    "MissingOrNullOrigin",
    "NewUserSignupDisabled",
    "NoFieldsToUpdate",
    "NobodyToDelete",
    "NotAPicture",
    "NotFound",
    "OtpExpired",
    "PasswordAlreadySet",
    "PasswordCompromised",
    "PasswordRequired",
    "PasswordTooLong",
    "PasswordTooShort",
    "PictureTooLarge",
    "ProofRequired",
    "RefreshRefused",
    "SameEmail",
    "ServiceUnavailable",
    "SessionGone",
    "SessionNotFresh",
    "SessionOver",
    "SessionTooOld",
    "SignUpDisabled",
    "TooManyAttempts",
    "TooManyRequests",
    "Unauthorized",
    "UnexpectedAnswer",
    "UnknownDeletion",
    "Unreachable",
    "UnsupportedTokenType",
    "UrlIsNoText",
    "UserIsNotAnonymous",
    "UserNotFound",
]


class AccountNotFound(AuthClientError):
    """Account not found."""

    code = "ACCOUNT_NOT_FOUND"
    message = "Account not found"


class AnonymousAgain(AuthClientError):
    """Anonymous users cannot sign in again anonymously."""

    code = "ANONYMOUS_USERS_CANNOT_SIGN_IN_AGAIN_ANONYMOUSLY"
    message = "Anonymous users cannot sign in again anonymously"


class ChangeByCodeDisabled(AuthClientError):
    """Change email with OTP is disabled."""

    code = ""
    message = "Change email with OTP is disabled"


class ChangeEmailDisabled(AuthClientError):
    """Change email is disabled."""

    code = "CHANGE_EMAIL_DISABLED"
    message = "Change email is disabled"


class ClaimsExpired(AuthClientError):
    """Token expired."""

    code = "TOKEN_EXPIRED"
    message = "Token expired"


class ClientRequestsDisabled(AuthClientError):
    """Client requests are disabled."""

    code = ""
    message = "Client requests are disabled"


class CredentialAccountNotFound(AuthClientError):
    """Credential account not found."""

    code = "CREDENTIAL_ACCOUNT_NOT_FOUND"
    message = "Credential account not found"


class CrossSiteNavigation(AuthClientError):
    """Cross-site navigation login blocked. This request appears to be a CSRF attack."""

    code = "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"
    message = "Cross-site navigation login blocked. This request appears to be a CSRF attack."


class CurrentEmailUnproved(AuthClientError):
    """OTP is required to verify current email."""

    code = ""
    message = "OTP is required to verify current email"


class DeferNotEnabled(AuthClientError):
    """POST method requires deferSessionRefresh to be enabled in session config."""

    code = "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"
    message = "POST method requires deferSessionRefresh to be enabled in session config"


class DeleteAnonymousDisabled(AuthClientError):
    """Deleting anonymous users is disabled."""

    code = "DELETE_ANONYMOUS_USER_DISABLED"
    message = "Deleting anonymous users is disabled"


class EmailAlreadyVerified(AuthClientError):
    """Email is already verified."""

    code = "EMAIL_ALREADY_VERIFIED"
    message = "Email is already verified"


class EmailCanNotBeUpdated(AuthClientError):
    """Email can not be updated."""

    code = "EMAIL_CAN_NOT_BE_UPDATED"
    message = "Email can not be updated"


class EmailInUse(AuthClientError):
    """Email already in use."""

    code = ""
    message = "Email already in use"


class EmailMismatch(AuthClientError):
    """Email mismatch."""

    code = "EMAIL_MISMATCH"
    message = "Email mismatch"


class EmailNotVerified(AuthClientError):
    """Email not verified."""

    code = "EMAIL_NOT_VERIFIED"
    message = "Email not verified"


class EmailTaken(AuthClientError):
    """User already exists. Use another email."""

    code = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"
    message = "User already exists. Use another email."


class FailedToCreateUser(AuthClientError):
    """Failed to create user."""

    code = "failed_to_create_user"
    message = "Failed to create user"


class FailedToGetSession(AuthClientError):
    """Failed to get session."""

    code = "FAILED_TO_GET_SESSION"
    message = "Failed to get session"


class FieldNotAllowed(AuthClientError):
    """The server says no more than this."""

    code = "FIELD_NOT_ALLOWED"
    message = ""


class InvalidCallbackUrl(AuthClientError):
    """Invalid callbackURL."""

    code = "INVALID_CALLBACK_URL"
    message = "Invalid callbackURL"


class InvalidEmail(AuthClientError):
    """Invalid email."""

    code = "INVALID_EMAIL"
    message = "Invalid email"


class InvalidEmailFormat(AuthClientError):
    """Email was not generated in a valid format."""

    code = "INVALID_EMAIL_FORMAT"
    message = "Email was not generated in a valid format"


class InvalidEmailOrPassword(AuthClientError):
    """Invalid email or password."""

    code = "INVALID_EMAIL_OR_PASSWORD"
    message = "Invalid email or password"


class InvalidErrorCallbackUrl(AuthClientError):
    """Invalid errorCallbackURL."""

    code = "INVALID_ERROR_CALLBACK_URL"
    message = "Invalid errorCallbackURL"


class InvalidGrant(AuthClientError):
    """Invalid refresh token."""

    code = "INVALID_GRANT"
    message = "Invalid refresh token"


class InvalidInput(AuthClientError):
    """Validation Error."""

    code = "VALIDATION_ERROR"
    message = "Validation Error"


class InvalidNewUserCallbackUrl(AuthClientError):
    """Invalid newUserCallbackURL."""

    code = "INVALID_NEW_USER_CALLBACK_URL"
    message = "Invalid newUserCallbackURL"


class InvalidOneTimeToken(AuthClientError):
    """Invalid token."""

    code = ""
    message = "Invalid token"


class InvalidOrigin(AuthClientError):
    """Invalid origin."""

    code = "INVALID_ORIGIN"
    message = "Invalid origin"


class InvalidOtp(AuthClientError):
    """Invalid OTP."""

    code = "INVALID_OTP"
    message = "Invalid OTP"


class InvalidOtpType(AuthClientError):
    """Invalid OTP type."""

    code = ""
    message = "Invalid OTP type"


class InvalidPassword(AuthClientError):
    """Invalid password."""

    code = "INVALID_PASSWORD"
    message = "Invalid password"


class InvalidRedirectUrl(AuthClientError):
    """Invalid redirectURL."""

    code = "INVALID_REDIRECT_URL"
    message = "Invalid redirectURL"


class InvalidSessionToken(AuthClientError):
    """Invalid session token."""

    code = "INVALID_SESSION_TOKEN"
    message = "Invalid session token"


class InvalidToken(AuthClientError):
    """Invalid token."""

    code = "INVALID_TOKEN"
    message = "Invalid token"


class LastAccount(AuthClientError):
    """You can't unlink your last account."""

    code = "FAILED_TO_UNLINK_LAST_ACCOUNT"
    message = "You can't unlink your last account"


class LinkOfSomebodyElse(AuthClientError):
    """Invalid user."""

    code = "INVALID_USER"
    message = "Invalid user"


class MissingField(AuthClientError):
    """The server says no more than this."""

    code = "MISSING_FIELD"
    message = ""


class MissingOrNullOrigin(AuthClientError):
    """Missing or null Origin."""

    code = "MISSING_OR_NULL_ORIGIN"
    message = "Missing or null Origin"


class NewUserSignupDisabled(AuthClientError):
    """Nobody has this email, and signing in makes no account."""

    code = "new_user_signup_disabled"
    message = "Nobody has this email, and signing in makes no account"


class NoFieldsToUpdate(AuthClientError):
    """No fields to update."""

    code = ""
    message = "No fields to update"


class NobodyToDelete(AuthClientError):
    """Failed to get user info."""

    code = "FAILED_TO_GET_USER_INFO"
    message = "Failed to get user info"


class NotAPicture(AuthClientError):
    """The file is no JPEG, PNG, WebP or GIF picture."""

    code = "NOT_A_PICTURE"
    message = "The file is no JPEG, PNG, WebP or GIF picture"


class NotFound(AuthClientError):
    """Not found."""

    code = "NOT_FOUND"
    message = "Not found"


class OtpExpired(AuthClientError):
    """OTP expired."""

    code = "OTP_EXPIRED"
    message = "OTP expired"


class PasswordAlreadySet(AuthClientError):
    """User already has a password set."""

    code = "PASSWORD_ALREADY_SET"
    message = "User already has a password set"


class PasswordCompromised(AuthClientError):
    """The password you entered has been compromised. Please choose a different password."""

    code = "PASSWORD_COMPROMISED"
    message = "The password you entered has been compromised. Please choose a different password."


class PasswordRequired(AuthClientError):
    """Confirm with the password of the account."""

    code = "PASSWORD_REQUIRED"
    message = "Confirm with the password of the account"


class PasswordTooLong(AuthClientError):
    """Password too long."""

    code = "PASSWORD_TOO_LONG"
    message = "Password too long"


class PasswordTooShort(AuthClientError):
    """Password too short."""

    code = "PASSWORD_TOO_SHORT"
    message = "Password too short"


class PictureTooLarge(AuthClientError):
    """The picture is too large."""

    code = "PICTURE_TOO_LARGE"
    message = "The picture is too large"


class ProofRequired(AuthClientError):
    """Send the password or a mailed code."""

    code = "PROOF_REQUIRED"
    message = "Send the password or a mailed code"


class SameEmail(AuthClientError):
    """Email is the same."""

    code = ""
    message = "Email is the same"


class ServiceUnavailable(AuthClientError):
    """Service unavailable. Try again in a moment."""

    code = "SERVICE_UNAVAILABLE"
    message = "Service unavailable. Try again in a moment."


class SessionGone(AuthClientError):
    """Session not found."""

    code = ""
    message = "Session not found"


class SessionNotFresh(AuthClientError):
    """Session is not fresh."""

    code = "SESSION_NOT_FRESH"
    message = "Session is not fresh"


class SessionOver(AuthClientError):
    """Session expired."""

    code = ""
    message = "Session expired"


class SessionTooOld(AuthClientError):
    """Session expired. Re-authenticate to perform this action."""

    code = "SESSION_EXPIRED"
    message = "Session expired. Re-authenticate to perform this action."


class SignUpDisabled(AuthClientError):
    """Email and password sign up is not enabled."""

    code = "EMAIL_PASSWORD_SIGN_UP_DISABLED"
    message = "Email and password sign up is not enabled"


class TooManyAttempts(AuthClientError):
    """Too many attempts."""

    code = "TOO_MANY_ATTEMPTS"
    message = "Too many attempts"


class TooManyRequests(AuthClientError):
    """Too many requests. Please try again later."""

    code = ""
    message = "Too many requests. Please try again later."


class Unauthorized(AuthClientError):
    """Unauthorized."""

    code = "UNAUTHORIZED"
    message = "Unauthorized"


class UnsupportedTokenType(AuthClientError):
    """Access tokens cannot be taken back here; they end by themselves."""

    code = "UNSUPPORTED_TOKEN_TYPE"
    message = "Access tokens cannot be taken back here; they end by themselves"


class UrlIsNoText(AuthClientError):
    """Invalid callbackURL: expected a string."""

    code = ""
    message = "Invalid callbackURL: expected a string"


class UserIsNotAnonymous(AuthClientError):
    """User is not anonymous."""

    code = "USER_IS_NOT_ANONYMOUS"
    message = "User is not anonymous"


class UserNotFound(AuthClientError):
    """User not found."""

    code = "USER_NOT_FOUND"
    message = "User not found"


# Declared under a name of its own, with a code that is there already.
ClaimsInvalid = InvalidToken
InvalidJwt = InvalidToken
UnknownDeletion = InvalidToken
DeletionDisabled = NotFound
LinkUserNotFound = UserNotFound

BY_CODE: Mapping[str, type[AuthClientError]] = {
    "ACCOUNT_NOT_FOUND": AccountNotFound,
    "ANONYMOUS_USERS_CANNOT_SIGN_IN_AGAIN_ANONYMOUSLY": AnonymousAgain,
    "CHANGE_EMAIL_DISABLED": ChangeEmailDisabled,
    "CREDENTIAL_ACCOUNT_NOT_FOUND": CredentialAccountNotFound,
    "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED": CrossSiteNavigation,
    "DELETE_ANONYMOUS_USER_DISABLED": DeleteAnonymousDisabled,
    "EMAIL_ALREADY_VERIFIED": EmailAlreadyVerified,
    "EMAIL_CAN_NOT_BE_UPDATED": EmailCanNotBeUpdated,
    "EMAIL_MISMATCH": EmailMismatch,
    "EMAIL_NOT_VERIFIED": EmailNotVerified,
    "EMAIL_PASSWORD_SIGN_UP_DISABLED": SignUpDisabled,
    "FAILED_TO_GET_SESSION": FailedToGetSession,
    "FAILED_TO_GET_USER_INFO": NobodyToDelete,
    "FAILED_TO_UNLINK_LAST_ACCOUNT": LastAccount,
    "FIELD_NOT_ALLOWED": FieldNotAllowed,
    "INVALID_CALLBACK_URL": InvalidCallbackUrl,
    "INVALID_EMAIL": InvalidEmail,
    "INVALID_EMAIL_FORMAT": InvalidEmailFormat,
    "INVALID_EMAIL_OR_PASSWORD": InvalidEmailOrPassword,
    "INVALID_ERROR_CALLBACK_URL": InvalidErrorCallbackUrl,
    "INVALID_GRANT": InvalidGrant,
    "INVALID_NEW_USER_CALLBACK_URL": InvalidNewUserCallbackUrl,
    "INVALID_ORIGIN": InvalidOrigin,
    "INVALID_OTP": InvalidOtp,
    "INVALID_PASSWORD": InvalidPassword,
    "INVALID_REDIRECT_URL": InvalidRedirectUrl,
    "INVALID_SESSION_TOKEN": InvalidSessionToken,
    "INVALID_TOKEN": InvalidToken,
    "INVALID_USER": LinkOfSomebodyElse,
    "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED": DeferNotEnabled,
    "MISSING_FIELD": MissingField,
    "MISSING_OR_NULL_ORIGIN": MissingOrNullOrigin,
    "NOT_A_PICTURE": NotAPicture,
    "NOT_FOUND": NotFound,
    "OTP_EXPIRED": OtpExpired,
    "PASSWORD_ALREADY_SET": PasswordAlreadySet,
    "PASSWORD_COMPROMISED": PasswordCompromised,
    "PASSWORD_REQUIRED": PasswordRequired,
    "PASSWORD_TOO_LONG": PasswordTooLong,
    "PASSWORD_TOO_SHORT": PasswordTooShort,
    "PICTURE_TOO_LARGE": PictureTooLarge,
    "PROOF_REQUIRED": ProofRequired,
    "SERVICE_UNAVAILABLE": ServiceUnavailable,
    "SESSION_EXPIRED": SessionTooOld,
    "SESSION_NOT_FRESH": SessionNotFresh,
    "TOKEN_EXPIRED": ClaimsExpired,
    "TOO_MANY_ATTEMPTS": TooManyAttempts,
    "UNAUTHORIZED": Unauthorized,
    "UNSUPPORTED_TOKEN_TYPE": UnsupportedTokenType,
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": EmailTaken,
    "USER_IS_NOT_ANONYMOUS": UserIsNotAnonymous,
    "USER_NOT_FOUND": UserNotFound,
    "VALIDATION_ERROR": InvalidInput,
    "failed_to_create_user": FailedToCreateUser,
    "new_user_signup_disabled": NewUserSignupDisabled,
}

BY_WORDS: Mapping[str, type[AuthClientError]] = {
    "Change email with OTP is disabled": ChangeByCodeDisabled,
    "Client requests are disabled": ClientRequestsDisabled,
    "Email already in use": EmailInUse,
    "Email is the same": SameEmail,
    "Invalid OTP type": InvalidOtpType,
    "Invalid callbackURL: expected a string": UrlIsNoText,
    "Invalid token": InvalidOneTimeToken,
    "No fields to update": NoFieldsToUpdate,
    "OTP is required to verify current email": CurrentEmailUnproved,
    "Session expired": SessionOver,
    "Session not found": SessionGone,
}

BY_STATUS: Mapping[int, type[AuthClientError]] = {
    404: NotFound,
    429: TooManyRequests,
}
