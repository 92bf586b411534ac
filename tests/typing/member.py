"""What the types promise. mypy and pyright check this file; nobody runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, assert_type

from starlette.requests import Request

from authmw import Auth, Call, Feature, Public, Session, Settings, SignedIn, StepRequired, User, operation
from authmw.core.model import U
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.features.account import ListedAccount
from authmw.features.email_verification import Verified, VerifyEmail
from authmw.features.password import SignedUp, SignIn, SignInAnswer, SignUp


@dataclass(frozen=True, kw_only=True)
class Member(User):
    plan: str = field(default="free", metadata=Public())
    seats: int | None = None


plain = Auth(Settings(), features=[Password()])
auth = Auth(Settings(), features=[Password(), EmailVerification()], user_type=Member)

assert_type(plain, Auth[User])
assert_type(auth, Auth[Member])
assert_type(Auth(), Auth[User])
assert_type(Auth(user_type=Member), Auth[Member])

assert_type(auth[Password], Password)
assert_type(auth[Account], Account)
assert_type(auth.call(), Call[Member])
assert_type(plain.call(), Call[User])


async def handler(request: Request) -> None:
    assert_type(auth.require(request), SignedIn[Member])
    assert_type(auth.require(request).user, Member)
    assert_type(auth.require(request).user.plan, str)
    assert_type(auth.require(request).user.seats, int | None)
    assert_type(auth.require(request).user.email, str)
    assert_type(auth.require(request).session, Session)
    assert_type(auth.current(request), SignedIn[Member] | None)
    assert_type(auth.call(request), Call[Member])
    assert_type(plain.require(request).user, User)
    assert_type(plain.current(request), SignedIn[User] | None)
    assert_type(await auth.call(request).identify(), SignedIn[Member] | None)
    assert_type((await auth.call(request).guard("fresh")).user, Member)
    assert_type(auth.call(request).signed_in.user.plan, str)


async def operations() -> None:
    assert_type(
        await auth[Password].sign_in(auth.call(), SignIn(email="a@b.co", password="")), SignInAnswer | StepRequired
    )
    assert_type(
        await auth[Password].sign_up(auth.call(), SignUp(name="", email="a@b.co", password="")),
        SignedUp | StepRequired,
    )
    assert_type(await auth[Account].list_accounts(auth.call()), list[ListedAccount])
    assert_type(await auth[Sessions].list_sessions(auth.call()), list[Session])
    verified = await auth[EmailVerification].verify_email(auth.call(), VerifyEmail(token=""))
    if isinstance(verified, Verified):
        assert_type(verified.status, bool)


@dataclass(frozen=True, kw_only=True)
class Say:
    words: str


class Echo(Feature):
    @operation("POST", "/echo", guard="session")
    async def say(self, call: Call[U], input: Say) -> str:
        assert_type(call.signed_in, SignedIn[U])
        return input.words

    async def session_read(self, call: Call[U], signed_in: SignedIn[U], answer: dict[str, Any]) -> None:
        assert_type(signed_in.user, U)


async def own_feature() -> None:
    assert_type(await auth[Echo].say(auth.call(), Say(words="x")), str)
