"""What goes wrong between a client and its server, whatever was asked; `errors.py` has the server's own refusals."""

from __future__ import annotations

LONGEST_MESSAGE = 500


class AuthClientError(Exception):
    """Something was asked of the server and did not come about. Programs read `code`, people read `message`.

    A code that this library does not know arrives as this class itself. `status` is None where no answer came;
    `code` is "" where the server names none; `retry_after` is in seconds, where it said how long to wait.
    """

    code: str = ""
    message: str = ""

    def __init__(
        self,
        message: str | None = None,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.status = status
        self.code = type(self).code if code is None else code
        self.message = (type(self).message if message is None else message)[:LONGEST_MESSAGE]
        self.retry_after = retry_after
        super().__init__(self.message or self.code or f"The server answered {status}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r}, status={self.status}, code={self.code!r})"


class Unreachable(AuthClientError):
    """No answer came: the server is down, too slow, or not where it was looked for. What was asked may have happened."""


class UnexpectedAnswer(AuthClientError):
    """An answer came that is none of Better Auth's: a proxy's error page, another service, a server of another version."""


class RefreshRefused(AuthClientError):
    """The access token could not be renewed and is forgotten: the person has to sign in again."""

    message = "The access token could not be renewed: sign in again"
