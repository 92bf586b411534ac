"""What people are told: a sentence for every code, and the notices after success."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ..core.feature import N_

if TYPE_CHECKING:
    from .languages import Language


@dataclass(frozen=True)
class Sentence:
    """A sentence whose `{places}` are filled in the language in which it is said: numbers and names as they are,
    lengths of time in words, sentences in that language."""

    text: str
    values: Mapping[str, str | int | timedelta | Sentence] = field(default_factory=dict)


Words = str | Sentence


SENTENCES: Mapping[str, str] = {
    "INVALID_EMAIL_OR_PASSWORD": N_("The email or password is not right. Check both, or {reset}."),
    "INVALID_EMAIL": N_("The email or password is not right. Check both, or {reset}."),
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": N_("There is already an account with this email. {sign_in}, or {reset}."),
    "EMAIL_PASSWORD_SIGN_UP_DISABLED": N_("Sign-up is closed."),
    "PASSWORD_TOO_SHORT": N_("Use a longer password: at least {shortest} characters."),
    "PASSWORD_TOO_LONG": N_("Use a shorter password: at most {longest} characters."),
    "PASSWORD_COMPROMISED": N_("Many people use that password, or it became known. Choose another one."),
    "PASSWORD_ALREADY_SET": N_("You already have a password. Change it instead."),
    "INVALID_PASSWORD": N_("That password is not right. Check it and try again."),
    "CREDENTIAL_ACCOUNT_NOT_FOUND": N_("Your account has no password yet. Set one first."),
    "EMAIL_NOT_VERIFIED": N_("Confirm your email first. We have sent you a link."),
    "EMAIL_MISMATCH": N_("That is not the email of your account."),
    "EMAIL_ALREADY_VERIFIED": N_("Your email is already confirmed."),
    "CHANGE_EMAIL_DISABLED": N_("The email of an account cannot be changed here."),
    "EMAIL_CAN_NOT_BE_UPDATED": N_("Change your email on its own page."),
    "INVALID_TOKEN": N_("This link has expired or was already used."),
    "TOKEN_EXPIRED": N_("This link has expired or was already used."),
    "USER_NOT_FOUND": N_("This link has expired or was already used."),
    "INVALID_USER": N_("This link belongs to another account. Sign out, then open it again."),
    "FAILED_TO_GET_USER_INFO": N_("Sign in to the account first, then open the link again."),
    "ANONYMOUS_USERS_CANNOT_SIGN_IN_AGAIN_ANONYMOUSLY": N_("You are already here without an account."),
    "INVALID_EMAIL_FORMAT": N_("Something went wrong on our side. Try again later."),
    "DELETE_ANONYMOUS_USER_DISABLED": N_("That cannot be deleted here."),
    "USER_IS_NOT_ANONYMOUS": N_("You have an account. Delete it in your settings."),
    "SESSION_EXPIRED": N_("Confirm it is you."),
    "SESSION_NOT_FRESH": N_("Confirm it is you."),
    "UNAUTHORIZED": N_("Sign in to continue."),
    "NOT_A_PICTURE": N_("That file is no picture that we can read. Use a JPEG, PNG, WebP or GIF."),
    "PICTURE_TOO_LARGE": N_("That picture is too large. Use one of at most 1 MB."),
    "PROOF_REQUIRED": N_("Enter your password or the code that we have sent you."),
    "PASSWORD_REQUIRED": N_("Confirm with your password."),
    "INVALID_OTP": N_("That code is not right. Check it and try again."),
    "OTP_EXPIRED": N_("That code has expired. Send a new one."),
    "TOO_MANY_ATTEMPTS": N_("Too many wrong codes. Send a new one."),
    "new_user_signup_disabled": N_("There is no account with this email. Use the email of your account."),
    "failed_to_create_user": N_("We need to know more of you first. Create an account here."),
    "INVALID_SESSION_TOKEN": N_("That account is signed out. Sign in to it again."),
    "INVALID_GRANT": N_("You are signed out. Sign in again to continue."),
    "UNSUPPORTED_TOKEN_TYPE": N_("That cannot be signed out early. It ends by itself within minutes."),
    "FAILED_TO_GET_SESSION": N_("You are signed out. Sign in again to continue."),
    "FAILED_TO_UNLINK_LAST_ACCOUNT": N_("This is your last way to sign in. Add another one first."),
    "ACCOUNT_NOT_FOUND": N_("That way to sign in is no longer there. Reload the page."),
    "FIELD_NOT_ALLOWED": N_("That cannot be changed here."),
    "MISSING_FIELD": N_("Fill in this field."),
    "VALIDATION_ERROR": N_("Check what you typed here."),
    "INVALID_CALLBACK_URL": N_("The address to go back to is not allowed. Start again from the application."),
    "INVALID_REDIRECT_URL": N_("The address to go back to is not allowed. Start again from the application."),
    "INVALID_ERROR_CALLBACK_URL": N_("The address to go back to is not allowed. Start again from the application."),
    "INVALID_NEW_USER_CALLBACK_URL": N_("The address to go back to is not allowed. Start again from the application."),
    "INVALID_ORIGIN": N_("This page was open too long. Reload it and try again."),
    "MISSING_OR_NULL_ORIGIN": N_("This page was open too long. Reload it and try again."),
    "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED": N_("This page was open too long. Reload it and try again."),
    "SERVICE_UNAVAILABLE": N_("We are busy right now. Nothing was changed. Wait a moment and try again."),
    "BAD_REQUEST": N_("We could not read what your browser sent. Reload the page and try again."),
    "PAYLOAD_TOO_LARGE": N_("That is more than we can take. Send less and try again."),
    "REQUEST_TIMEOUT": N_("Your connection was too slow. Try again."),
    "REQUEST_HEADER_FIELDS_TOO_LARGE": N_("Your browser sent too much. Clear the cookies of this site and try again."),
    "UNSUPPORTED_MEDIA_TYPE": N_("We could not read what your browser sent. Reload the page and try again."),
    "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED": N_("That cannot be done here. Reload the page."),
    "NOT_FOUND": N_("There is no such page."),
}

LINKS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": {
        "sign_in": (N_("Sign in"), "/sign-in"),
        "reset": (N_("reset the password"), "/forgot-password"),
    },
    "INVALID_EMAIL_OR_PASSWORD": {"reset": (N_("reset your password"), "/forgot-password")},
    "INVALID_EMAIL": {"reset": (N_("reset your password"), "/forgot-password")},
}
"""Places of a sentence whose words lead to a screen."""

NO_CODE: Mapping[str, str] = {
    "Email is the same": N_("That is already your email. Type the new one."),
    "Email already in use": N_("That email now belongs to another account. Use a different one."),
    "No fields to update": N_("There is nothing to save yet. Change something first."),
    "Too many requests. Please try again later.": N_("Too many tries. Wait {wait} and try again."),
}

FIELDS: Mapping[str, str] = {
    "email": N_("Enter an email address, like name@example.com."),
    "newEmail": N_("Enter an email address, like name@example.com."),
    "name": N_("Enter your name."),
    "password": N_("Enter your password."),
    "newPassword": N_("Enter a new password."),
    "currentPassword": N_("Enter your current password."),
    "code": N_("Enter the code."),
    "image": N_("Choose a picture."),
    "understand": N_("Tick the box to go on."),
}

TOO_LONG = N_("Use at most {longest} characters.")
UNPRINTABLE = N_("Take out the characters that cannot be seen, and try again.")

NOTICES: Mapping[str, str] = {
    "sign-in-first": N_("Sign in to continue."),
    "signed-out": N_("You are signed out."),
    "password-changed": N_("Your password is changed. Sign in with the new one."),
    "email-confirmed": N_("Your email is confirmed."),
    "account-made": N_("Your account is ready. Sign in to continue."),
    "sent-again": N_("We have sent it again."),
    "link-sent": N_("We have sent you a link."),
    "code-renewed": N_("That code has expired. We have sent a new one."),
    "code-sent": N_("We have sent you a code."),
    "password-set": N_("Your password is set."),
    "change-requested": N_("Almost done: open the link that we have sent you."),
    "change-cancelled": N_("The change is cancelled. Your email stays as it is."),
    "change-agreed": N_("Almost done: open the link that we have sent to your new email."),
    "email-changed": N_("Your email is changed."),
    "account-switched": N_("You have switched accounts."),
    "session-ended": N_("That session is signed out."),
    "sessions-ended": N_("You are signed out everywhere else."),
    "account-unlinked": N_("That account is unlinked."),
    "delete-link-sent": N_("We have sent you a link. Open it to delete your account."),
    "account-deleted": N_("Your account is deleted."),
    "password-saved": N_("Your password is changed."),
    "profile-saved": N_("Your profile is saved."),
}

PAGES: Mapping[int, tuple[str, str]] = {
    400: (N_("We could not read that"), N_("Go back, reload the page and try again.")),
    403: (N_("This page was open too long"), N_("Reload it and try again.")),
    404: (N_("There is no such page"), N_("Check the address, or go back to where you came from.")),
    410: (
        N_("This link has expired"),
        N_("It was already used, or it is too old. Ask for a new one: the newest link is the one that works."),
    ),
    429: (N_("Too many tries"), N_("Wait a while and try again.")),
    500: (
        N_("Something went wrong on our side"),
        N_("Nothing was changed. Try again, and tell us the reference if it happens once more."),
    ),
    503: (N_("We are busy right now"), N_("Nothing was changed. Wait a moment and reload this page.")),
}

CLOSED: Mapping[str, tuple[str, str]] = {
    "/sign-up": (
        N_("Sign-up is closed"),
        N_("Nobody can create an account here at the moment. If you have one, sign in."),
    ),
}
"""What is said where a screen is closed; of others people are told that there is no such page."""

KNOWN_ERRORS: Mapping[str, tuple[str, str]] = {
    "INVALID_TOKEN": (N_("This link has expired"), N_("It was already used, or it is too old. Ask for a new one.")),
    "TOKEN_EXPIRED": (N_("This link has expired"), N_("It is too old. Ask for a new one.")),
    "USER_NOT_FOUND": (N_("This link has expired"), N_("The account it speaks of is no longer there.")),
    "INVALID_USER": (N_("This link belongs to another account"), N_("Sign out, then open it again.")),
    "EMAIL_NOT_VERIFIED": (N_("Confirm your email first"), N_("Open the link that we have sent you, then sign in.")),
    "new_user_signup_disabled": (
        N_("There is no account with this email"),
        N_("Use the email of your account, or create an account first."),
    ),
    "access_denied": (N_("You turned back"), N_("Nothing was changed. Start again whenever you like.")),
    "unable_to_link_account": (
        N_("That account cannot be linked"),
        N_("It does not say that its email is yours. Confirm the email there first, then link it again."),
    ),
    "email_does_not_match": (
        N_("That account has another email"),
        N_("Link one that has the email of this account, or change your email here first."),
    ),
    "account_already_linked_to_different_user": (
        N_("That account is already in use"),
        N_("It belongs to somebody else here. Sign in with it, or unlink it there first."),
    ),
}
"""What `?error=` in an address says: a heading, and what to do now. Whatever else came with it is never repeated."""

UNKNOWN_ERROR = (N_("Something went wrong"), N_("Nothing was changed. Go back and try again."))


def error(code: str) -> tuple[str, str]:
    return KNOWN_ERRORS.get(code, UNKNOWN_ERROR)


def page(status: int, *, code: str = "", wait: int = 0) -> tuple[str, Words]:
    """Heading and sentence of the page about a refusal or a fault; `wait` is in seconds."""
    if wait:
        return PAGES[429][0], Sentence(N_("Wait {wait} and try again."), {"wait": timedelta(seconds=wait)})
    if status in PAGES or status >= 500:
        return PAGES.get(status, PAGES[500])
    return PAGES[400][0], Sentence(SENTENCES.get(code, PAGES[400][1]), words_of_links(code))


def words_of_links(code: str) -> Mapping[str, Sentence]:
    """What stands in the sentence of `code` where it leads to a screen."""
    return {place: Sentence(words) for place, (words, _) in LINKS.get(code, {}).items()}


def wait_in_words(seconds: int, language: Language) -> str:
    """`90` → "2 minutes": rounded up, as a person counts."""
    minutes, hours, days = -(-seconds // 60), -(-seconds // 3600), -(-seconds // 86400)
    if seconds < 60:
        return language.ngettext("{number} second", "{number} seconds", seconds).format(number=seconds)
    if minutes < 120:
        return language.ngettext("{number} minute", "{number} minutes", minutes).format(number=minutes)
    if hours < 48:
        return language.ngettext("{number} hour", "{number} hours", hours).format(number=hours)
    return language.ngettext("{number} day", "{number} days", days).format(number=days)
