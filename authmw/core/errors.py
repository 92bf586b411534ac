"""What goes wrong: refusals a caller may see, and mistakes in an application's set-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ConfigurationError(Exception):
    """The application is set up wrongly. Raised at start-up; the message says which line to write."""


class AuthError(Exception):
    """A refusal that a caller may see. Programs read `code`, people read `message`.

    Subclasses stand beside the feature that raises them. `message` and `code` are the wire's; either may be
    empty, as a few answers of the wire have no code, or no body at all. The sentence that a person reads on a
    screen is looked up by `code`.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = ""
    message: str = ""
    field: ClassVar[str | None] = None
    """The input the refusal is about, by its name on the wire; a screen puts the sentence beside it."""
    screen: ClassVar[str | None] = None
    """The screen that a person is sent to instead of being told of an error."""
    media_type: ClassVar[str] = "application/json"

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message or self.message or self.code)
        if message is not None:
            self.message = message
        self.headers: Mapping[str, str] = headers or {}


class Problem:
    """One thing that is wrong with an input: where, and in the wire's words."""

    __slots__ = ("field", "part", "text")

    def __init__(self, text: str, *, field: str = "", part: str = "body") -> None:
        self.text, self.field, self.part = text, field, part

    def __str__(self) -> str:
        return f"[{self.part}.{self.field}] {self.text}" if self.field else f"[{self.part}] {self.text}"

    def __repr__(self) -> str:
        return f"Problem({str(self)!r})"


class InvalidInput(AuthError):
    """The input has the wrong shape; `problems` names each of them at once."""

    code = "VALIDATION_ERROR"
    message = "Validation Error"

    def __init__(self, *problems: Problem, message: str | None = None) -> None:
        super().__init__(message or "; ".join(map(str, problems)) or None)
        self.problems = problems


class Unauthorized(AuthError):
    status = 401
    code = "UNAUTHORIZED"
    message = "Unauthorized"


class SessionNotFresh(AuthError):
    status = 403
    code = "SESSION_NOT_FRESH"
    message = "Session is not fresh"
    screen = "/reauth"


class NotFound(AuthError):
    """No such route, or one that is switched off: a status and nothing else."""

    status = 404


class TooManyRequests(AuthError):
    """`retry_after` is in whole seconds, at least 1."""

    status = 429
    media_type = "text/plain;charset=UTF-8"  # although the body is JSON: wire 5.3
    message = "Too many requests. Please try again later."

    def __init__(self, retry_after: int) -> None:
        seconds = str(max(1, retry_after))
        super().__init__(headers={"X-Retry-After": seconds, "Retry-After": seconds})
        self.retry_after = max(1, retry_after)


class ServiceUnavailable(AuthError):
    """Something this answer needs is down or overloaded; asking again is safe."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "Service unavailable. Try again in a moment."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"Retry-After": "1"})


class FieldNotAllowed(AuthError):
    code = "FIELD_NOT_ALLOWED"

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is not allowed to be set")


class MissingField(AuthError):
    code = "MISSING_FIELD"

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is required")


class SameEmail(AuthError):
    message = "Email is the same"
    field = "newEmail"


class NoFieldsToUpdate(AuthError):
    message = "No fields to update"


class FailedToGetSession(AuthError):
    status = 401
    code = "FAILED_TO_GET_SESSION"
    message = "Failed to get session"


class InvalidToken(AuthError):
    """The token is unknown, spent, or was made for something else: one answer for all three."""

    code = "INVALID_TOKEN"
    message = "Invalid token"


class UserNotFound(AuthError):
    code = "USER_NOT_FOUND"
    message = "User not found"


class InvalidPassword(AuthError):
    code = "INVALID_PASSWORD"
    message = "Invalid password"


class CredentialAccountNotFound(AuthError):
    code = "CREDENTIAL_ACCOUNT_NOT_FOUND"
    message = "Credential account not found"
