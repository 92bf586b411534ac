"""Both clients against a real Auth in this process: people come, change their minds and go."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import anyio
import httpx2
import pytest

from authmw import Auth, Call, ConfigurationError, Feature, Private, Public, Session, StepRequired, User
from authmw.client import (
    AsyncAuthClient,
    AuthClient,
    AuthClientError,
    RedirectTo,
    TwoFactorRequired,
    UnexpectedAnswer,
    Unreachable,
    errors,
)
from authmw.client.answers import CurrentSession
from authmw.features import Account, Bearer, EmailVerification, Password, Reauth, Sessions
from tests.client.support import BASE, answering, connect, raised
from tests.support import PASSWORD, Outbox, make_auth, outbox_of

pytestmark = pytest.mark.anyio

EMAIL = "ann@example.com"
MARK = "never-show-this-7f3a"


@dataclass(frozen=True, kw_only=True)
class Member(User):
    plan: str = field(default="free", metadata=Public())
    favourite_color: str | None = field(default=None, metadata=Public())
    notes: str = field(default="", metadata=Private())


@asynccontextmanager
async def started(**more: Any) -> AsyncIterator[Auth[Any]]:
    features = more.pop(
        "features",
        [Password(), EmailVerification(confirm_change=False), Account(), Sessions(), Reauth(), Bearer()],
    )
    auth = make_auth(features=features, user_type=more.pop("user_type", Member), **more)
    await auth.start()
    yield auth
    await auth.stop()


async def mail_of(auth: Auth[Any]) -> Outbox:
    await auth.mail.idle()
    return outbox_of(auth)


async def sign_up(client: Any, **more: Any) -> Any:
    return await client.sign_up.email(name="Ann", email=EMAIL, password=PASSWORD, **more)


def app_of(auth: Auth[Any]) -> Any:
    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("only the API is asked")

    return auth.wrap(nothing)


# What people do


async def test_somebody_signs_up_looks_around_and_leaves(is_async: bool) -> None:
    async with started() as auth:
        client = connect(app_of(auth), is_async=is_async, user_type=Member)
        assert await client.ok()
        assert await client.get_session() is None
        signed_up = await sign_up(client, plan="pro", favourite_color="red")
        assert isinstance(signed_up.user, Member)
        assert (signed_up.user.email, signed_up.user.plan, signed_up.user.favourite_color) == (EMAIL, "pro", "red")
        assert signed_up.user.created_at == auth.clock()
        current = await client.get_session(disable_cookie_cache=True)
        assert isinstance(current, CurrentSession)
        assert current.user == signed_up.user
        assert isinstance(current.session, Session)
        assert current.session.token == signed_up.token
        assert current.session.expires_at - current.session.created_at == timedelta(days=7)
        (session,) = await client.list_sessions()
        assert session.id == current.session.id
        (account,) = await client.list_accounts()
        assert (account.provider_id, account.user_id) == ("credential", signed_up.user.id)
        assert (await client.sign_out()).success
        assert await client.get_session() is None
        assert len(client.cookies) == 0


async def test_somebody_changes_what_there_is_to_change(is_async: bool) -> None:
    async with started() as auth:
        client = connect(app_of(auth), is_async=is_async, user_type=Member)
        await sign_up(client)
        token = (await mail_of(auth)).last("verify-email").context["token"]
        assert (await client.verify_email(token=token)).status
        assert (await client.update_user(name="Anna", plan="team")).status
        assert (await client.get_session()).user.name == "Anna"
        assert (await client.verify_password(password=PASSWORD)).status
        assert (await client.reauth(password=PASSWORD)).token
        changed = await client.change_password(
            current_password=PASSWORD, new_password="another horse battery", revoke_other_sessions=True
        )
        assert changed.token
        assert (changed.user.name, changed.user.plan) == ("Anna", "team")
        assert (await client.change_email(new_email="anna@example.com")).status
        token = (await mail_of(auth)).last("verify-email").context["token"]
        assert (await client.verify_email(token=token)).user.email == "anna@example.com"
        other = connect(app_of(auth), is_async=is_async, user_type=Member)
        answer = await other.sign_in.email(email="anna@example.com", password="another horse battery")
        assert (answer.redirect, answer.url, answer.user.plan) == (False, None, "team")
        handle = next(each.token for each in await client.list_sessions() if each.token.startswith("session_"))
        await client.revoke_session(token=handle)
        assert await other.get_session() is None
        await client.revoke_other_sessions()
        await client.revoke_sessions()
        assert await client.get_session() is None


async def test_a_forgotten_password_is_set_by_mail(is_async: bool) -> None:
    async with started() as auth:
        client = connect(app_of(auth), is_async=is_async)
        await sign_up(client)
        await client.request_password_reset(email=EMAIL, redirect_to="/new-password")
        token = (await mail_of(auth)).last("reset-password").context["token"]
        assert (await client.reset_password(new_password="another horse battery", token=token)).status
        await client.sign_in.email(email=EMAIL, password="another horse battery", remember_me=False)
        await client.send_verification_email(email=EMAIL)


async def test_an_account_is_deleted_by_mail(is_async: bool) -> None:
    async with started(features=[Password(), EmailVerification(), Account(confirm_delete=True), Sessions()]) as auth:
        client = connect(app_of(auth), is_async=is_async)
        await sign_up(client)
        assert (await client.delete_user()).message == "Verification email sent"
        token = (await mail_of(auth)).last("delete-account").context["token"]
        assert await client.delete_user.callback(token=token, callback_url="/bye") == RedirectTo(url=f"{BASE}/bye")
        assert await client.get_session() is None


async def test_refusals_that_no_other_test_meets(is_async: bool) -> None:
    async with started() as auth:
        client = connect(app_of(auth), is_async=is_async)
        await sign_up(client)
        (account,) = await client.list_accounts()
        assert isinstance(await raised(client.unlink_account(account_id=account.id)), errors.LastAccount)
        assert isinstance(await raised(client.update_session(theme="dark")), errors.NoFieldsToUpdate)
        assert isinstance(await raised(client.reauth.send_code()), errors.PasswordRequired)
        assert isinstance(await raised(client.update_user(email="x@example.com")), errors.EmailCanNotBeUpdated)
        await client.delete_user(password=PASSWORD)
        assert isinstance(await raised(client.list_accounts()), errors.Unauthorized)


async def test_a_redirect_answer_is_a_value_and_is_not_followed(is_async: bool) -> None:
    async with started() as auth:
        client = connect(app_of(auth), is_async=is_async)
        await sign_up(client)
        token = (await mail_of(auth)).last("verify-email").context["token"]
        found = await client.verify_email(token=token, callback_url="/welcome?tab=1")
        assert found == RedirectTo(url=f"{BASE}/welcome?tab=1")
        assert (await client.get_session()).user.email_verified


class AskForMore(Feature):
    async def next_step(self, call: Call[Any], user: Any, methods: Any) -> StepRequired:
        return StepRequired("/two-factor", {"twoFactorRedirect": True, "twoFactorMethods": ["totp"]})


async def test_a_second_factor_is_a_value_and_nobody_is_signed_in(is_async: bool) -> None:
    async with started(features=[Password(auto_sign_in=False), Sessions(), AskForMore()], user_type=User) as auth:
        client = connect(app_of(auth), is_async=is_async)
        await sign_up(client)
        answer = await client.sign_in.email(email=EMAIL, password=PASSWORD)
        assert answer == TwoFactorRequired(methods=("totp",))
        assert await client.get_session() is None


# Errors


async def test_a_refusal_is_an_error_of_its_code(is_async: bool) -> None:
    async with started() as auth:
        client = connect(app_of(auth), is_async=is_async)
        error = await raised(client.sign_in.email(email=EMAIL, password="wrong"))
        assert isinstance(error, errors.InvalidEmailOrPassword)
        assert isinstance(error, AuthClientError)
        assert (error.status, error.code, str(error)) == (
            401,
            "INVALID_EMAIL_OR_PASSWORD",
            "Invalid email or password",
        )
        await sign_up(client)
        assert isinstance(await raised(sign_up(client)), errors.EmailTaken)
        wrong = await raised(client.change_email(new_email="no address"))
        assert isinstance(wrong, errors.InvalidInput)
        assert "[body.newEmail]" in str(wrong)


async def test_too_many_requests_say_how_long_to_wait(is_async: bool) -> None:
    async with started(rate_limit=True) as auth:
        client = connect(app_of(auth), is_async=is_async)
        for _ in range(3):
            await raised(client.sign_in.email(email=EMAIL, password="wrong"))
        error = await raised(client.sign_in.email(email=EMAIL, password="wrong"))
        assert isinstance(error, errors.TooManyRequests)
        assert (error.status, error.retry_after) == (429, 10)


def always(status: int, body: str, **headers: str) -> Any:
    return lambda request: httpx2.Response(status, text=body, headers=headers)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, '{"message": "Nope", "code": "OF_SOME_PLUG_IN"}', AuthClientError, "OF_SOME_PLUG_IN"),
        (400, '{"message": "Email is the same"}', errors.SameEmail, ""),
        (401, '{"message": "User not found", "code": "USER_NOT_FOUND"}', errors.UserNotFound, "USER_NOT_FOUND"),
        (404, "", errors.NotFound, ""),
        (404, "Not Found", errors.NotFound, ""),
        (429, '{"message": "Too many requests. Please try again later."}', errors.TooManyRequests, ""),
        (500, "", AuthClientError, ""),
        (502, "<html>Bad gateway</html>", UnexpectedAnswer, ""),
        (500, '["not", "an", "object"]', UnexpectedAnswer, ""),
        (400, '{"message": 7, "code": {}}', AuthClientError, ""),
        (200, "<html>Welcome to the hotel wifi</html>", UnexpectedAnswer, ""),
        (200, "[" * 100_000, UnexpectedAnswer, ""),
        (200, '{"user": 1}', UnexpectedAnswer, ""),
        (200, "[]", UnexpectedAnswer, ""),
        (301, "", UnexpectedAnswer, ""),
    ],
)
async def test_whatever_a_server_answers_is_one_clear_error(
    status: int, body: str, kind: type[Exception], code: str, is_async: bool
) -> None:
    headers = {"location": "https://evil.example/"} if status == 301 else {}
    error = await raised(answering(always(status, body, **headers), is_async=is_async).get_session())
    assert type(error) is kind
    assert isinstance(error, AuthClientError)
    assert (error.status, error.code) == (status, code)
    assert str(error)


async def test_a_missing_or_mistyped_key_is_named(is_async: bool) -> None:
    user = {"id": "1", "name": "Ann", "email": EMAIL, "createdAt": "2026-11-25T12:00:00.123Z"}

    def answer(**more: Any) -> Any:
        return lambda request: httpx2.Response(200, json={"token": None, "user": {**user, **more}})

    ask = {"name": "Ann", "email": EMAIL, "password": PASSWORD}
    missing = await raised(answering(answer(), is_async=is_async).sign_up.email(**ask))
    assert "user.updatedAt is missing" in str(missing)
    wrong = answer(updatedAt="yesterday", emailVerified="yes")
    assert "user.emailVerified" in str(await raised(answering(wrong, is_async=is_async).sign_up.email(**ask)))
    least = answer(updatedAt="2026-11-25T12:00:00Z")  # no image, no emailVerified: a server may leave them out
    found = await answering(least, is_async=is_async).sign_up.email(**ask)
    assert (found.user.image, found.user.email_verified) == (None, False)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (httpx2.ConnectError("refused"), "could not be reached"),
        (httpx2.ReadTimeout("late"), "did not answer in time"),
        (httpx2.RemoteProtocolError("gone"), "could not be reached"),
    ],
)
async def test_no_answer_is_one_clear_error(failure: Exception, words: str, is_async: bool) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise failure

    error = await raised(answering(fail, is_async=is_async).get_session())
    assert isinstance(error, Unreachable)
    assert (error.status, error.code) == (None, "")
    assert words in str(error)
    assert error.__cause__ is failure


async def test_no_secret_is_in_what_is_shown(is_async: bool) -> None:
    shown: list[str] = []

    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    leads = {"location": f"https://other.example/?token={MARK}"}
    wrong = httpx2.Response(200, json={"token": MARK, "user": {"id": MARK}})
    tokens = {"mode": "bearer", "token": MARK}
    for handler in (fail, always(302, "", **leads), always(500, MARK), lambda request: wrong):
        client = answering(handler, is_async=is_async, **tokens)
        for call in (
            client.sign_in.email(email=EMAIL, password=MARK),
            client.reset_password(new_password=MARK, token=MARK),
            client.verify_email(token=MARK),
        ):
            try:
                shown.append(repr(await call))
            except AuthClientError as error:
                shown += [repr(error), str(error), "".join(traceback.format_exception(error))]
        shown.append(repr(getattr(client, "inner", client)))
    assert [each for each in shown if MARK in each] == []
    assert any("RedirectTo('https://other.example/')" in each for each in shown)


# Modes


async def test_cookie_mode_says_where_it_comes_from(is_async: bool) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(
            200, json={"status": True}, headers={"set-cookie": "better-auth.session_token=abc; Path=/"}
        )

    client = answering(answer, is_async=is_async, base_url="https://shop.example.com/custom/auth")
    await client.revoke_sessions()
    await client.revoke_sessions()
    first, second = seen
    assert str(first.url) == "https://shop.example.com/custom/auth/revoke-sessions"
    assert first.headers["origin"] == second.headers["origin"] == "https://shop.example.com"
    assert "cookie" not in first.headers
    assert second.headers["cookie"] == "better-auth.session_token=abc"
    inner = answering(answer, is_async=is_async, base_url="http://auth:8000", origin="https://shop.example.com")
    await inner.revoke_sessions()
    assert seen[-1].headers["origin"] == "https://shop.example.com"


async def test_without_the_origin_the_server_would_refuse(is_async: bool) -> None:
    async with started() as auth:
        client = connect(app_of(auth), is_async=is_async, origin="https://elsewhere.example")
        assert isinstance(await raised(sign_up(client)), errors.InvalidOrigin)


async def test_bearer_mode_keeps_a_token_and_no_cookies(is_async: bool) -> None:
    told: list[str | None] = []
    async with started() as auth:
        client = connect(app_of(auth), is_async=is_async, mode="bearer", on_token=told.append)
        await sign_up(client)
        assert told == [client.bearer_token]
        assert "." in client.bearer_token
        assert len(client.cookies) == 0
        assert (await client.get_session()).user.email == EMAIL
        again = connect(app_of(auth), is_async=is_async, mode="bearer", token=client.bearer_token)
        assert (await again.get_session()).user.email == EMAIL
        await client.sign_out()
        assert told[1:] == [None]
        assert client.bearer_token is None
        assert await client.get_session() is None
        assert await again.get_session() is None


async def test_bearer_mode_sends_no_origin_and_no_foreign_cookie(is_async: bool) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        headers = [("set-cookie", "better-auth.session_token=abc; Path=/"), ("set-auth-token", "abc.def")]
        return httpx2.Response(200, json={"status": True}, headers=headers)

    client = answering(answer, is_async=is_async, mode="bearer")
    await client.revoke_sessions()
    await client.revoke_sessions()
    assert "authorization" not in seen[0].headers
    assert seen[1].headers["authorization"] == "Bearer abc.def"
    assert not {"cookie", "origin"} & set(seen[1].headers)


async def test_bearer_mode_finishes_a_sign_in_of_two_steps(is_async: bool) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        headers = [
            ("set-cookie", "better-auth.session_token=; Path=/; Max-Age=0"),
            ("set-cookie", "better-auth.two_factor=2fa-x; Path=/; Max-Age=600"),
        ]
        return httpx2.Response(200, json={"twoFactorRedirect": True, "twoFactorMethods": ["otp"]}, headers=headers)

    client = answering(answer, is_async=is_async, mode="bearer")
    assert await client.sign_in.email(email=EMAIL, password=PASSWORD) == TwoFactorRequired(methods=("otp",))
    await client.fetch("/two-factor/send-otp", {})
    assert seen[1].headers["cookie"] == "better-auth.two_factor=2fa-x"
    assert seen[1].headers["origin"] == BASE


async def test_bearer_mode_says_when_the_server_has_none(is_async: bool) -> None:
    async with started(features=[Password(), Sessions()]) as auth:
        error = await raised(sign_up(connect(app_of(auth), is_async=is_async, mode="bearer")))
        assert isinstance(error, UnexpectedAnswer)
        assert "Bearer()" in str(error)


async def test_an_async_client_may_store_the_token_with_a_coroutine() -> None:
    told: list[str | None] = []

    async def store(token: str | None) -> None:
        await anyio.sleep(0)
        told.append(token)

    async with started() as auth:
        client = connect(app_of(auth), is_async=True, mode="bearer", on_token=store)
        await sign_up(client)
        assert told == [client.bearer_token]


# The rest of it


async def test_a_route_without_a_method_is_fetched(is_async: bool) -> None:
    async with started() as auth:
        client = connect(app_of(auth), is_async=is_async)
        assert await client.fetch("/ok") == {"ok": True}
        assert (await client.fetch("/sign-up/email", {"name": "A", "email": EMAIL, "password": PASSWORD}))["token"]
        assert (await client.fetch("/get-session", {"disableCookieCache": True}, method="GET"))["user"]["name"] == "A"


@pytest.mark.parametrize("mode", ["cookie", "bearer"])
async def test_a_client_of_ours_leaves_a_borrowed_connection_open_and_its_cookies_alone(
    mode: Any, is_async: bool
) -> None:
    seen: list[tuple[str, str | None]] = []
    jars: list[dict[str, str]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append((request.url.path, request.headers.get("cookie")))
        headers = {"set-cookie": "better-auth.session_token=ours; Path=/", "set-auth-token": "ours"}
        return httpx2.Response(200, json=None, headers=headers if request.url.path != "/theirs" else {})

    async def look(response: httpx2.Response) -> None:
        jars.append(dict(http.cookies))

    theirs = "their=1; better-auth.session_token=theirs"
    http: Any
    if is_async:
        hooks: Any = {"response": [look]}
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer), event_hooks=hooks, follow_redirects=True)
        http.cookies.update({"their": "1", "better-auth.session_token": "theirs"})
        async with AsyncAuthClient(BASE, http=http, mode=mode) as client:
            await client.get_session()
            await http.get(f"{BASE}/theirs")
            await client.get_session()
    else:
        hooks = {"response": [lambda response: jars.append(dict(http.cookies))]}
        http = httpx2.Client(transport=httpx2.MockTransport(answer), event_hooks=hooks, follow_redirects=True)
        http.cookies.update({"their": "1", "better-auth.session_token": "theirs"})
        with AuthClient(BASE, http=http, mode=mode) as sync_client:
            sync_client.get_session()
            http.get(f"{BASE}/theirs")
            sync_client.get_session()
    again = "better-auth.session_token=ours" if mode == "cookie" else None
    assert seen == [("/api/auth/get-session", None), ("/theirs", theirs), ("/api/auth/get-session", again)]
    assert jars == [{"their": "1", "better-auth.session_token": "theirs"}] * 3, "not even while an answer comes"
    assert not http.is_closed


async def test_a_borrowed_connection_that_its_owner_closed_is_closed(is_async: bool) -> None:
    http: Any = httpx2.AsyncClient() if is_async else httpx2.Client()
    client: Any = AsyncAuthClient(BASE, http=http) if is_async else AuthClient(BASE, http=http)
    if is_async:
        await http.aclose()
        assert isinstance(await raised(client.ok()), RuntimeError)
    else:
        http.close()
        with pytest.raises(RuntimeError):
            client.ok()


async def test_a_client_closes_what_is_its_own_and_waits_ten_seconds_at_most() -> None:
    with AuthClient(BASE) as client:
        assert client._http.timeout == httpx2.Timeout(10.0)
    assert client._http.is_closed
    async with AsyncAuthClient(BASE) as async_client:
        assert async_client._http.timeout == httpx2.Timeout(10.0)
    assert async_client._http.is_closed


@dataclass(frozen=True, kw_only=True)
class Impossible(User):
    notes: str = field(metadata=Private())


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"base_url": "localhost:8000"}, "base URL"),
        ({"base_url": "ftp://example.com"}, "base URL"),
        ({"base_url": "https://ann:secret@example.com"}, "password"),
        ({"mode": "telepathy"}, "mode"),
        ({"token": "abc"}, "bearer"),
        ({"user_type": Impossible}, "Impossible.notes"),
    ],
)
def test_a_wrong_set_up_is_refused_at_once(choices: dict[str, Any], words: str) -> None:
    for kind in (AuthClient, AsyncAuthClient):
        with pytest.raises(ConfigurationError, match=words):
            kind(**{"base_url": BASE, **choices})


def test_many_threads_share_a_client() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        number = request.headers["cookie"].count("=") if "cookie" in request.headers else 0
        cookie = f"better-auth.n{number}=1; Path=/"
        return httpx2.Response(200, json=None, headers={"set-cookie": cookie})

    with AuthClient(BASE, transport=httpx2.MockTransport(answer)) as client, ThreadPoolExecutor(20) as pool:
        assert list(pool.map(lambda _: client.get_session(), range(200))) == [None] * 200
