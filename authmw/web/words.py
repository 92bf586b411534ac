"""What people are told: a sentence for every code, and the notices after success."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "INVALID_EMAIL_OR_PASSWORD": "The email or password is not right. Check both, or reset your password.",
    "INVALID_EMAIL": "The email or password is not right. Check both, or reset your password.",
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": "There is already an account with this email. Sign in, or reset the password.",
    "EMAIL_PASSWORD_SIGN_UP_DISABLED": "Sign-up is closed.",
    "PASSWORD_TOO_SHORT": "Use a longer password: at least {shortest} characters.",
    "PASSWORD_TOO_LONG": "Use a shorter password: at most {longest} characters.",
    "PASSWORD_ALREADY_SET": "You already have a password. Change it instead.",
    "INVALID_PASSWORD": "That password is not right. Check it and try again.",
    "CREDENTIAL_ACCOUNT_NOT_FOUND": "Your account has no password yet. Set one first.",
    "EMAIL_NOT_VERIFIED": "Confirm your email first. We have sent you a link.",
    "EMAIL_MISMATCH": "That is not the email of your account.",
    "EMAIL_ALREADY_VERIFIED": "Your email is already confirmed.",
    "CHANGE_EMAIL_DISABLED": "The email of an account cannot be changed here.",
    "EMAIL_CAN_NOT_BE_UPDATED": "Change your email on its own page.",
    "INVALID_TOKEN": "This link has expired or was already used.",
    "TOKEN_EXPIRED": "This link has expired or was already used.",
    "USER_NOT_FOUND": "This link has expired or was already used.",
    "INVALID_USER": "This link belongs to another account. Sign out, then open it again.",
    "FAILED_TO_GET_USER_INFO": "Sign in to the account first, then open the link again.",
    "SESSION_EXPIRED": "Confirm it is you.",
    "SESSION_NOT_FRESH": "Confirm it is you.",
    "UNAUTHORIZED": "Sign in to continue.",
    "PROOF_REQUIRED": "Enter your password or the code that we have sent you.",
    "PASSWORD_REQUIRED": "Confirm with your password.",
    "INVALID_OTP": "That code is not right. Check it and try again.",
    "OTP_EXPIRED": "That code has expired. Send a new one.",
    "TOO_MANY_ATTEMPTS": "Too many wrong codes. Send a new one.",
    "FAILED_TO_GET_SESSION": "You are signed out. Sign in again to continue.",
    "FAILED_TO_UNLINK_LAST_ACCOUNT": "This is your last way to sign in. Add another one first.",
    "ACCOUNT_NOT_FOUND": "That way to sign in is no longer there. Reload the page.",
    "FIELD_NOT_ALLOWED": "That cannot be changed here.",
    "MISSING_FIELD": "Fill in this field.",
    "VALIDATION_ERROR": "Check what you typed here.",
    "INVALID_CALLBACK_URL": "The address to go back to is not allowed. Start again from the application.",
    "INVALID_REDIRECT_URL": "The address to go back to is not allowed. Start again from the application.",
    "INVALID_ERROR_CALLBACK_URL": "The address to go back to is not allowed. Start again from the application.",
    "INVALID_NEW_USER_CALLBACK_URL": "The address to go back to is not allowed. Start again from the application.",
    "INVALID_ORIGIN": "This page was open too long. Reload it and try again.",
    "MISSING_OR_NULL_ORIGIN": "This page was open too long. Reload it and try again.",
    "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED": "This page was open too long. Reload it and try again.",
    "SERVICE_UNAVAILABLE": "We are busy right now. Nothing was changed. Wait a moment and try again.",
    "BAD_REQUEST": "We could not read what your browser sent. Reload the page and try again.",
    "PAYLOAD_TOO_LARGE": "That is more than we can take. Send less and try again.",
    "REQUEST_TIMEOUT": "Your connection was too slow. Try again.",
    "REQUEST_HEADER_FIELDS_TOO_LARGE": "Your browser sent too much. Clear the cookies of this site and try again.",
    "UNSUPPORTED_MEDIA_TYPE": "We could not read what your browser sent. Reload the page and try again.",
    "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED": "That cannot be done here. Reload the page.",
    "NOT_FOUND": "There is no such page.",
}

LINKS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": (("Sign in", "/sign-in"), ("reset the password", "/forgot-password")),
    "INVALID_EMAIL_OR_PASSWORD": (("reset your password", "/forgot-password"),),
}
"""Words of a sentence that lead to a screen."""

NO_CODE: Mapping[str, str] = {
    "Email is the same": "That is already your email. Type the new one.",
    "No fields to update": "There is nothing to save yet. Change something first.",
    "Too many requests. Please try again later.": "Too many tries. Wait {wait} and try again.",
}

FIELDS: Mapping[str, str] = {
    "email": "Enter an email address, like name@example.com.",
    "newEmail": "Enter an email address, like name@example.com.",
    "name": "Enter your name.",
    "password": "Enter your password.",
    "newPassword": "Enter a new password.",
    "currentPassword": "Enter your current password.",
    "code": "Enter the code.",
}

TOO_LONG = "Use at most {longest} characters."
UNPRINTABLE = "Take out the characters that cannot be seen, and try again."

NOTICES: Mapping[str, str] = {
    "sign-in-first": "Sign in to continue.",
    "signed-out": "You are signed out.",
    "password-changed": "Your password is changed. Sign in with the new one.",
    "email-confirmed": "Your email is confirmed.",
    "account-made": "Your account is ready. Sign in to continue.",
    "sent-again": "We have sent it again.",
    "code-sent": "We have sent you a code.",
    "password-saved": "Your password is changed.",
    "profile-saved": "Your profile is saved.",
}

PAGES: Mapping[int, tuple[str, str]] = {
    400: ("We could not read that", "Go back, reload the page and try again."),
    403: ("This page was open too long", "Reload it and try again."),
    404: ("There is no such page", "Check the address, or go back to where you came from."),
    410: (
        "This link has expired",
        "It was already used, or it is too old. Ask for a new one: the newest link is the one that works.",
    ),
    429: ("Too many tries", "Wait a while and try again."),
    500: (
        "Something went wrong on our side",
        "Nothing was changed. Try again, and tell us the reference if it happens once more.",
    ),
    503: ("We are busy right now", "Nothing was changed. Wait a moment and reload this page."),
}

CLOSED = ("Sign-up is closed", "Nobody can create an account here at the moment. If you have one, sign in.")

KNOWN_ERRORS: Mapping[str, tuple[str, str]] = {
    "INVALID_TOKEN": ("This link has expired", "It was already used, or it is too old. Ask for a new one."),
    "TOKEN_EXPIRED": ("This link has expired", "It is too old. Ask for a new one."),
    "USER_NOT_FOUND": ("This link has expired", "The account it speaks of is no longer there."),
    "INVALID_USER": ("This link belongs to another account", "Sign out, then open it again."),
    "EMAIL_NOT_VERIFIED": ("Confirm your email first", "Open the link that we have sent you, then sign in."),
}
UNKNOWN_ERROR = ("Something went wrong", "Nothing was changed. Go back and try again.")


def page(status: int, *, code: str = "", wait: int = 0) -> tuple[str, str]:
    """Heading and sentence of the page about a refusal or a fault; `wait` is in seconds."""
    if wait:
        return PAGES[429][0], f"Wait {wait_in_words(wait)} and try again."
    if status in PAGES or status >= 500:
        return PAGES.get(status, PAGES[500])
    return PAGES[400][0], SENTENCES.get(code, PAGES[400][1])


def wait_in_words(seconds: int) -> str:
    """`90` → "2 minutes": rounded up, as a person counts."""
    if seconds < 60:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    minutes = -(-seconds // 60)
    if minutes < 120:
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    hours = -(-seconds // 3600)
    return f"{hours} hours" if hours < 48 else f"{-(-hours // 24)} days"
