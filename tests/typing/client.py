"""What the types of the Python client promise. mypy and pyright check this file; nobody runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_type

from authmw import Public, User
from authmw.client import AsyncAuthClient, AuthClient, RedirectTo, Session, Tokens, TwoFactorRequired
from authmw.client.answers import CurrentSession, Done, ListedAccount, SignedUp, SignInAnswer, Verified


@dataclass(frozen=True, kw_only=True)
class Member(User):
    plan: str = field(default="free", metadata=Public())


plain = AuthClient("http://localhost:8000")
client = AuthClient("http://localhost:8000", user_type=Member)
by_name = AuthClient[Member]("http://localhost:8000", user_type=Member)
in_loop = AsyncAuthClient("http://localhost:8000", user_type=Member)

assert_type(plain, AuthClient[User])
assert_type(client, AuthClient[Member])
assert_type(by_name, AuthClient[Member])
assert_type(in_loop, AsyncAuthClient[Member])

assert_type(client.get_session(), CurrentSession[Member] | None)
assert_type(client.sign_up.email(name="", email="", password="", plan="pro"), SignedUp[Member] | TwoFactorRequired)
assert_type(client.list_sessions(), list[Session])
assert_type(client.list_accounts(), list[ListedAccount])
assert_type(client.revoke_sessions(), Done)
assert_type(client.verify_email(token=""), Verified[Member] | RedirectTo)
assert_type(client.tokens, Tokens | None)

current = client.get_session()
if current is not None:
    assert_type(current.user, Member)
    assert_type(current.user.plan, str)
    assert_type(current.session, Session)

match client.sign_in.email(email="", password=""):
    case TwoFactorRequired(methods=methods):
        assert_type(methods, tuple[str, ...])
    case answer:
        assert_type(answer, SignInAnswer[Member])
        assert_type(answer.user.plan, str)
        assert_type(answer.url, str | None)


async def wait() -> None:
    assert_type(await in_loop.get_session(), CurrentSession[Member] | None)
    assert_type(await in_loop.sign_in.email(email="", password=""), SignInAnswer[Member] | TwoFactorRequired)
    async with in_loop as same:
        assert_type(same, AsyncAuthClient[Member])


def wrong() -> None:
    client.sign_in.email("a@example.com", "x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.sign_in.email(email="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.sign_in.pigeon()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    client.revoke_session(token=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
