"""Access tokens: kept, renewed in time and once, and carried to an API of one's own."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
import time_machine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from authmw.client import AsyncAuthClient, AuthClient, RefreshRefused, Tokens, Unreachable, errors
from authmw.client.tokens import RENEW_BEFORE, expiry_of
from authmw.features import Jwt, Password, Sessions
from tests.client.support import BASE, connect, raised, transport_to
from tests.support import PASSWORD, make_auth, plain_app

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
LIFETIME = 900
AT_ONCE = 20


class Issuer:
    """Gives out pairs; a refresh token is good once, and a used one ends the whole family."""

    def __init__(self, *, pair: bool = True) -> None:
        self.number = 0
        self.good: set[str] = set()
        self.refreshes = 0
        self.asked: list[str] = []
        self.fails: Response | None = None
        self.pair = pair
        self.waits: dict[str, anyio.Event] = {}
        """What is asked while an event stands here is answered after it."""

    def issue(self) -> dict[str, Any]:
        self.number += 1
        self.good = {f"refresh-{self.number}"}
        pair = {"accessToken": f"access-{self.number}", "refreshToken": f"refresh-{self.number}"}
        return {**pair, "expiresIn": LIFETIME, "refreshExpiresIn": 86400, "tokenType": "Bearer"}

    async def token(self, request: Request) -> Response:
        self.asked.append("token")
        if "token" in self.waits:
            await self.waits["token"].wait()
        if self.fails is not None:
            return self.fails
        made = self.issue()
        return JSONResponse({"token": made["accessToken"], **(made if self.pair else {})})

    async def refresh(self, request: Request) -> Response:
        self.asked.append("refresh")
        given = (await request.json())["refreshToken"]
        await anyio.sleep(0.01)  # long enough for everybody else to ask as well
        if "refresh" in self.waits:
            await self.waits["refresh"].wait()
        if self.fails is not None:
            return self.fails
        if given not in self.good:
            return JSONResponse({"message": "Invalid grant", "code": "INVALID_GRANT"}, status_code=400)
        self.refreshes += 1
        return JSONResponse(self.issue())

    async def me(self, request: Request) -> Response:
        is_good = request.headers.get("authorization") == f"Bearer access-{self.number}"
        return JSONResponse(request.headers.get("authorization"), status_code=200 if is_good else 401)

    async def echo(self, request: Request) -> Response:
        answer = await self.me(request)
        return answer if answer.status_code == 401 else Response(await request.body())

    async def sign_out(self, request: Request) -> Response:
        return JSONResponse({"success": True})

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/auth/token", self.token),
                Route("/api/auth/token/refresh", self.refresh, methods=["POST"]),
                Route("/api/auth/sign-out", self.sign_out, methods=["POST"]),
                Route("/me", self.me),
                Route("/echo", self.echo, methods=["POST"]),
            ]
        )


class Api:
    """An application's own API, asked with `bearer_auth()` of either client."""

    def __init__(self, app: Any, client: Any, *, is_async: bool) -> None:
        transport = transport_to(app, is_async=is_async)
        self.is_async = is_async
        self.http: Any
        if is_async:
            self.http = httpx2.AsyncClient(transport=transport, auth=client.bearer_auth(), base_url=BASE)
        else:
            self.http = httpx2.Client(transport=transport, auth=client.inner.bearer_auth(), base_url=BASE)

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        send: Callable[..., Any] = partial(self.http.request, method, path, **more)
        answer = await send() if self.is_async else await anyio.to_thread.run_sync(send)
        assert isinstance(answer, httpx2.Response)
        return answer

    async def me(self) -> httpx2.Response:
        return await self.ask("GET", "/me")


def held(number: int, *, expires_at: datetime | None = None) -> Tokens:
    return Tokens(access_token=f"access-{number}", refresh_token=f"refresh-{number}", expires_at=expires_at)


async def at_once(times: int, call: Callable[[], Any]) -> list[Any]:
    found: list[Any] = []

    async def one() -> None:
        try:
            found.append(await call())
        except Exception as error:
            found.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(times):
            group.start_soon(one)
    return found


# When


async def test_the_first_request_fetches_a_token_and_the_next_uses_it(is_async: bool) -> None:
    issuer = Issuer()
    client = connect(issuer.app, is_async=is_async)
    api = Api(issuer.app, client, is_async=is_async)
    assert [(await api.me()).json(), (await api.me()).json()] == ["Bearer access-1"] * 2
    assert issuer.asked == ["token"]
    assert client.tokens.refresh_token == "refresh-1"


async def test_a_token_is_renewed_shortly_before_it_ends(is_async: bool) -> None:
    issuer = Issuer()
    with time_machine.travel(NOON, tick=False) as clock:
        client = connect(issuer.app, is_async=is_async)
        api = Api(issuer.app, client, is_async=is_async)
        await api.me()
        assert client.tokens.expires_at == NOON + timedelta(seconds=LIFETIME)
        assert client.tokens.refresh_expires_at == NOON + timedelta(days=1)
        clock.shift(timedelta(seconds=LIFETIME - 1) - RENEW_BEFORE)
        await api.me()
        assert issuer.refreshes == 0
        clock.shift(timedelta(seconds=1))
        assert (await api.me()).json() == "Bearer access-2"
        assert issuer.refreshes == 1


async def test_a_token_that_is_refused_is_renewed_and_the_request_sent_again(is_async: bool) -> None:
    issuer = Issuer()
    client = connect(issuer.app, is_async=is_async)
    api = Api(issuer.app, client, is_async=is_async)
    await api.me()
    issuer.issue()
    issuer.good.add("refresh-1")  # the server no longer takes the access token, but the refresh token
    answer = await api.ask("POST", "/echo", content=b"once more")
    assert (answer.status_code, answer.content) == (200, b"once more")
    assert issuer.refreshes == 1


async def test_a_second_401_is_an_answer(is_async: bool) -> None:
    issuer = Issuer()
    api = Api(issuer.app, connect(issuer.app, is_async=is_async), is_async=is_async)
    await api.me()

    async def never(request: Request) -> Response:
        return Response(status_code=401)

    issuer.me = never  # type: ignore[method-assign]
    api = Api(issuer.app, connect(issuer.app, is_async=is_async, tokens=held(1)), is_async=is_async)
    assert (await api.me()).status_code == 401
    assert issuer.refreshes == 1


@pytest.mark.parametrize("why", ["due", "refused"])
async def test_many_requests_at_once_renew_once(why: str, is_async: bool) -> None:
    issuer = Issuer()
    issuer.issue()
    if why == "refused":
        issuer.number += 1  # access-1 is not what is good now
    tokens = held(1, expires_at=NOON if why == "due" else None)
    kept: list[Tokens | None] = []
    client = connect(issuer.app, is_async=is_async, tokens=tokens, on_tokens=kept.append)
    api = Api(issuer.app, client, is_async=is_async)
    answers = await at_once(AT_ONCE, api.me)
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert issuer.asked == ["refresh"]
    assert kept == [client.tokens]


async def test_a_short_life_is_no_reason_to_renew_for_each(is_async: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.client.test_tokens.LIFETIME", 1)  # due at once
    issuer = Issuer()
    issuer.issue()
    api = Api(issuer.app, connect(issuer.app, is_async=is_async, tokens=held(1, expires_at=NOON)), is_async=is_async)
    await at_once(AT_ONCE, api.me)
    assert issuer.refreshes == 1


# When it fails


@pytest.mark.parametrize("status", [400, 401])
async def test_a_refused_refresh_is_said_once_and_for_all_and_the_pair_is_forgotten(
    status: int, is_async: bool
) -> None:
    issuer = Issuer()
    issuer.fails = JSONResponse({"message": "Invalid grant", "code": "INVALID_GRANT"}, status_code=status)
    kept: list[Tokens | None] = []
    client = connect(issuer.app, is_async=is_async, tokens=held(1, expires_at=NOON), on_tokens=kept.append)
    found = await at_once(AT_ONCE, Api(issuer.app, client, is_async=is_async).me)
    assert [type(each) for each in found] == [RefreshRefused] * AT_ONCE
    assert {(each.status, each.code, str(each)) for each in found} == {
        (status, "INVALID_GRANT", "The access token could not be renewed: sign in again")
    }
    assert issuer.asked == ["refresh"]
    assert client.tokens is None
    assert kept == [None]


async def test_a_server_that_is_down_or_busy_ends_no_pair(is_async: bool) -> None:
    issuer = Issuer()
    issuer.issue()
    tokens = held(1, expires_at=NOON)
    client = connect(issuer.app, is_async=is_async, tokens=tokens)
    api = Api(issuer.app, client, is_async=is_async)
    issuer.fails = JSONResponse({"message": "x", "code": "SERVICE_UNAVAILABLE"}, status_code=503)
    assert isinstance(await raised(api.me()), errors.ServiceUnavailable)
    issuer.fails = Response(status_code=429, headers={"retry-after": "7"})
    busy = await raised(api.me())
    assert isinstance(busy, errors.TooManyRequests)
    assert busy.retry_after == 7
    assert client.tokens is tokens
    issuer.fails = None
    assert (await api.me()).status_code == 200


async def test_a_lost_connection_ends_no_pair() -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    tokens = held(1, expires_at=NOON)
    client = AuthClient(BASE, transport=httpx2.MockTransport(fail), tokens=tokens)
    with pytest.raises(Unreachable), httpx2.Client(auth=client.bearer_auth()) as api:
        api.get(f"{BASE}/me")
    assert client.tokens is tokens


async def test_whoever_gives_up_waiting_does_not_lose_the_new_pair() -> None:
    issuer = Issuer()
    issuer.issue()
    client = connect(issuer.app, is_async=True, tokens=held(1, expires_at=NOON))
    api = Api(issuer.app, client, is_async=True)
    with anyio.move_on_after(0.001):
        await api.me()
    assert client.tokens.refresh_token == "refresh-2"


# With less


async def test_without_a_refresh_token_the_session_renews(is_async: bool) -> None:
    issuer = Issuer(pair=False)
    client = connect(issuer.app, is_async=is_async)
    api = Api(issuer.app, client, is_async=is_async)
    await api.me()
    assert client.tokens == Tokens(access_token="access-1")
    issuer.number += 1
    assert (await api.me()).status_code == 200
    assert issuer.asked == ["token", "token"]


async def test_in_bearer_mode_the_session_token_is_carried_until_there_is_another(is_async: bool) -> None:
    issuer = Issuer()
    client = connect(issuer.app, is_async=is_async, mode="bearer", token="abc.def")
    api = Api(issuer.app, client, is_async=is_async)
    answer = await api.me()
    assert (answer.status_code, answer.json()) == (401, "Bearer abc.def")
    assert issuer.asked == []


async def test_a_lone_access_token_does_not_take_the_refresh_token_away(is_async: bool) -> None:
    issuer = Issuer(pair=False)
    client = connect(issuer.app, is_async=is_async, tokens=held(7))
    await client.token()
    assert client.tokens == Tokens(access_token="access-1", refresh_token="refresh-7")


async def test_a_pair_of_a_real_server_is_renewed_once_and_ends_with_its_session(is_async: bool) -> None:
    auth = make_auth(features=[Password(), Sessions(), Jwt(refresh=True)])
    await auth.start()
    app = auth.wrap(plain_app(auth))
    client = connect(app, is_async=is_async)
    await client.sign_up.email(name="Ann", email="ann@example.com", password=PASSWORD)
    pair = await client.token.pair()
    first = client.tokens
    assert (first.access_token, first.refresh_token) == (pair.access_token, pair.refresh_token)
    stored = replace(first, expires_at=NOON - timedelta(days=365))
    kept: list[Tokens | None] = []
    later = connect(app, is_async=is_async, tokens=stored, on_tokens=kept.append)
    api = Api(app, later, is_async=is_async)
    answers = await at_once(AT_ONCE, api.me)
    assert [answer.json()["email"] for answer in answers] == ["ann@example.com"] * AT_ONCE
    assert kept == [later.tokens]
    assert later.tokens.refresh_token != first.refresh_token
    await client.sign_out()
    due = replace(later.tokens, expires_at=stored.expires_at)
    api = Api(app, connect(app, is_async=is_async, tokens=due), is_async=is_async)
    refused = await raised(api.me())
    assert isinstance(refused, RefreshRefused)
    assert (refused.status, refused.code) == (401, "INVALID_GRANT")
    await auth.stop()


async def test_signing_out_forgets_the_pair(is_async: bool) -> None:
    issuer = Issuer()
    kept: list[Tokens | None] = []
    client = connect(issuer.app, is_async=is_async, tokens=held(1), on_tokens=kept.append)
    await client.sign_out()
    assert client.tokens is None
    assert kept == [None]


async def meanwhile(issuer: Issuer, asked: str, call: Callable[[], Any], then: Callable[[], Any]) -> Any:
    """What becomes of `call` when `then` happens after it asked and before it is answered."""
    gate = issuer.waits[asked] = anyio.Event()
    found: list[Any] = []

    async def one() -> None:
        found.extend(await at_once(1, call))

    async with anyio.create_task_group() as group:
        group.start_soon(one)
        with anyio.fail_after(5):
            while issuer.asked.count(asked) == 0:
                await anyio.sleep(0.001)
        await then()
        gate.set()
    return found[0]


@pytest.mark.parametrize("holds", [True, False], ids=["a pair", "nothing"])
@pytest.mark.parametrize("is_good", [True, False], ids=["renewed", "refused"])
async def test_what_was_asked_for_before_signing_out_is_not_kept_after_it(
    holds: bool, is_good: bool, is_async: bool
) -> None:
    issuer = Issuer()
    issuer.issue()
    kept: list[Tokens | None] = []
    tokens = held(1, expires_at=NOON) if holds else None
    client = connect(issuer.app, is_async=is_async, tokens=tokens, on_tokens=kept.append)
    api = Api(issuer.app, client, is_async=is_async)
    if not is_good:
        issuer.fails = JSONResponse({"message": "x", "code": "INVALID_GRANT"}, status_code=401)
    found = await meanwhile(issuer, "refresh" if holds else "token", api.me, client.sign_out)
    assert isinstance(found, RefreshRefused)
    assert client.tokens is None
    assert kept == ([None] if holds else [])


async def test_tokens_that_somebody_asked_for_before_signing_out_are_not_kept_after_it(is_async: bool) -> None:
    issuer = Issuer()
    kept: list[Tokens | None] = []
    client = connect(issuer.app, is_async=is_async, on_tokens=kept.append)
    answer = await meanwhile(issuer, "token", client.token, client.sign_out)
    assert answer.token == "access-1"
    assert client.tokens is None
    assert kept == []


async def test_after_signing_out_a_refused_request_asks_for_nothing(is_async: bool) -> None:
    issuer = Issuer()
    issuer.issue()
    client = connect(issuer.app, is_async=is_async, tokens=held(1))

    async def me(request: Request) -> Response:
        await client.sign_out()
        return Response(status_code=401)

    issuer.me = me  # type: ignore[method-assign]
    refused = await raised(Api(issuer.app, client, is_async=is_async).me())
    assert isinstance(refused, RefreshRefused)
    assert issuer.asked == []


@pytest.mark.parametrize("is_good", [True, False], ids=["renewed", "refused"])
async def test_of_two_pairs_the_one_that_came_first_stays(is_good: bool, is_async: bool) -> None:
    issuer = Issuer()
    issuer.issue()
    kept: list[Tokens | None] = []
    client = connect(issuer.app, is_async=is_async, tokens=held(1, expires_at=NOON), on_tokens=kept.append)

    async def fetch() -> None:
        await client.token()
        issuer.good.add("refresh-1")
        if not is_good:
            issuer.fails = JSONResponse({"message": "x", "code": "INVALID_GRANT"}, status_code=401)

    async def me(request: Request) -> Response:
        return JSONResponse(request.headers["authorization"])

    issuer.me = me  # type: ignore[method-assign]
    found = await meanwhile(issuer, "refresh", Api(issuer.app, client, is_async=is_async).me, fetch)
    assert found.json() == "Bearer access-2"
    assert client.tokens.refresh_token == "refresh-2"
    assert kept == [client.tokens]


async def test_each_client_says_which_connection_its_auth_is_for() -> None:
    with pytest.raises(RuntimeError, match="AsyncAuthClient"):
        await httpx2.AsyncClient(auth=AuthClient(BASE).bearer_auth()).get(BASE)
    with pytest.raises(RuntimeError, match="an AuthClient"):
        httpx2.Client(auth=AsyncAuthClient(BASE).bearer_auth()).get(BASE)


def jwt(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.signature"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (jwt({"exp": NOON.timestamp()}), NOON),
        (jwt({"exp": "noon"}), None),
        (jwt({"exp": 10**30}), None),
        (jwt({}), None),
        (jwt([]), None),
        ("opaque", None),
        ("a.b.c", None),
        ("a.ü.c", None),
    ],
)
def test_when_a_token_ends_is_read_from_it(token: str, expected: datetime | None) -> None:
    assert expiry_of(token) == expected


def test_tokens_are_not_shown() -> None:
    assert "access-1" not in repr(held(1))
    assert "refresh-1" not in repr(held(1))
