"""Who makes a request, told to the application before it runs: pure ASGI, one store call, never "nobody" by mistake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from authmw import Auth, AuthMiddleware, ConfigurationError
from authmw.core.store import Unavailable
from authmw.stores.memory import MemoryStore
from tests.support import ORIGIN, PASSWORD, Browser, Clock, browser, events_of, make_auth, plain_app
from tests.web.faults import FailingStore
from tests.web.raw import Answer, Header, ask, contents, scope_for

pytestmark = pytest.mark.anyio

COOKIE = "better-auth.session_token"
WEEK = 7 * 24 * 3600


class Place:
    """An app over a store that counts, and the cookie of Ann, who is signed in."""

    def __init__(self, auth: Auth[Any], store: FailingStore, clock: Clock, ann: Browser, app: Any) -> None:
        self.auth, self.store, self.clock, self.ann, self.app = auth, store, clock, ann, app

    @property
    def cookie(self) -> Header:
        return "cookie", f"{COOKIE}={self.ann.cookies[COOKIE]}"

    async def me(self, *headers: Header, path: str = "/me") -> Answer:
        self.store.arm(None)
        return await ask(self.app, "GET", path, headers=headers)

    async def is_ann(self, *headers: Header) -> bool:
        answer = await self.me(*headers)
        assert answer.status == 200
        return bool(answer.json() is not None)


@asynccontextmanager
async def a_place(app: Any = None, **options: Any) -> AsyncIterator[Place]:
    store, clock = FailingStore(MemoryStore()), Clock()
    auth = make_auth(database=store, clock=clock, **options)
    wrapped = auth.wrap(app or plain_app(auth))
    await auth.start()
    async with browser(auth, wrapped) as ann:
        assert (await ann.sign_up()).status_code == 200
        await auth.mail.idle()
        yield Place(auth, store, clock, ann, wrapped)
    store.disarm()
    await auth.stop()


def seen_by(kinds: list[dict[str, Any]]) -> Any:
    """An app that keeps the state of every connection and accepts websockets."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kinds.append(scope["state"])
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})
        else:
            await PlainTextResponse("ok")(scope, receive, send)

    return app


# What the application sees


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_an_application_is_told_who_asks(kind: str) -> None:
    seen: list[dict[str, Any]] = []
    async with a_place(seen_by(seen)) as place:
        token = (await place.ann.session())["session"]["token"]
        await ask(place.app, "GET", "/x", kind=kind)
        await ask(place.app, "GET", "/x", kind=kind, headers=[place.cookie])
        await ask(place.app, "GET", "/x", kind=kind, headers=[place.cookie], state={"other": 1})
    nobody, ann, kept = seen
    assert nobody == {"user": None, "session": None}
    assert ann["user"].email == "ann@example.com"
    assert ann["session"].user_id == ann["user"].id
    assert ann["session"].token == token  # as its owner holds it, not as it is stored
    assert kept["other"] == 1


async def test_whoever_brings_no_session_cookie_costs_no_store_call() -> None:
    async with a_place() as place:
        odd: list[list[Header]] = [
            [],
            [("cookie", "other=1; more=2")],
            [("cookie", "session_token=x")],
            [("authorization", "Bearer x")],
            [("cookie", f"{COOKIE}=forged.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")],
            [("cookie", f"{COOKIE}=")],
        ]
        for headers in odd:
            assert not await place.is_ann(*headers)
            assert place.store.calls == []


@pytest.mark.parametrize("path", ["/me", "/secret", "/", "/api/auth/get-session", "/nothing"])
async def test_a_session_cookie_costs_one_store_call(path: str) -> None:
    async with a_place() as place:
        answer = await place.me(place.cookie, path=path)
        assert answer.status in (200, 404)
        assert place.store.calls == ["find_joined session"]
        assert answer.cookies == {}


async def test_an_application_that_asks_again_costs_nothing_more() -> None:
    async def twice(request: Request) -> JSONResponse:
        auth: Auth[Any] = request.app.state.auth
        first, second = auth.current(request), auth.require(request)
        assert first is second
        call = auth.call(request)
        assert (await call.guard("sensitive")) is first
        assert auth.current(request.scope) is first
        return JSONResponse({"email": second.user.email})

    app = Starlette(routes=[Route("/me", twice)])
    async with a_place(app) as place:
        app.state.auth = place.auth
        assert (await place.me(place.cookie)).json() == {"email": "ann@example.com"}
        assert place.store.calls == ["find_joined session"]


# Sessions that slide, end, and are nobody's


async def test_a_session_is_renewed_exactly_when_it_is_due_and_the_browser_is_told() -> None:
    async with a_place() as place:
        place.clock.forward(days=1, milliseconds=-1)
        answer = await place.me(place.cookie)
        assert answer.cookies == {}
        assert answer.header("cache-control") is None
        place.clock.forward(milliseconds=1)
        answer = await place.me(place.cookie)
        assert place.store.calls == ["find_joined session", "update session"]
        assert answer.all("set-cookie") == [
            f"{COOKIE}={place.ann.cookies[COOKIE]}; Max-Age={WEEK}; Path=/; HttpOnly; SameSite=Lax"
        ]
        assert answer.header("cache-control") == "no-store"
        answer = await place.me(place.cookie)
        assert (answer.cookies, len(place.store.calls)) == ({}, 1)
        place.clock.forward(days=7, milliseconds=-1)
        assert await place.is_ann(place.cookie)


@pytest.mark.parametrize("path", ["/me", "/api/auth/get-session", "/auth/sign-in", "/api/auth/list-accounts"])
async def test_a_renewal_reaches_the_browser_by_whichever_door(path: str) -> None:
    async with a_place() as place:
        place.clock.forward(days=2)
        answer = await place.me(place.cookie, path=path)
        assert COOKIE in answer.cookies
        assert f"Max-Age={WEEK}" in answer.all("set-cookie")[0]


async def test_a_refused_answer_still_carries_the_renewed_cookie() -> None:
    async with a_place() as place:
        place.clock.forward(days=2)
        answer = await place.me(place.cookie, path="/nothing")
        assert answer.status == 404
        assert COOKIE in answer.cookies


async def test_a_session_in_daily_use_ends_after_thirty_days_all_the_same() -> None:
    async with a_place() as place:
        ages = []
        for _ in range(29):
            place.clock.forward(days=1)
            answer = await place.me(place.cookie)
            assert answer.json()["email"] == "ann@example.com"
            ages += [line.partition("Max-Age=")[2].partition(";")[0] for line in answer.all("set-cookie")]
        assert ages == [str(WEEK)] * 23  # the last renewal, on day 23, reaches day 30, and no further one does
        place.clock.forward(days=1, milliseconds=-1)
        assert await place.is_ann(place.cookie)
        place.clock.forward(milliseconds=1)
        assert not await place.is_ann(place.cookie)


async def test_thirty_days_are_the_end_whatever_the_row_says() -> None:
    async with a_place() as place:  # as a row that another server wrote, or that was written under other settings
        [row] = (await contents(place.auth))["session"]
        far = place.clock.now + timedelta(days=365)
        await place.auth.database.update(type(row), {"id": row.id}, expires_at=far)
        place.clock.forward(days=30, milliseconds=-1)
        assert await place.is_ann(place.cookie)
        place.clock.forward(milliseconds=1)
        assert not await place.is_ann(place.cookie)


async def test_a_session_that_is_not_to_be_remembered_never_slides() -> None:
    async with a_place() as place:
        answer = await place.ann.sign_in(rememberMe=False)
        lines = answer.headers.get_list("set-cookie")
        assert [line.partition("=")[0] for line in lines] == [COOKIE, "better-auth.dont_remember"]
        assert not any("Max-Age" in line for line in lines)
        both: Header = ("cookie", "; ".join(f"{each.name}={each.value}" for each in place.ann.cookies.jar))
        place.clock.forward(hours=23, minutes=59, seconds=59)
        answer_later = await place.me(both)
        assert answer_later.json()["email"] == "ann@example.com"
        assert (answer_later.cookies, len(place.store.calls)) == ({}, 1)
        place.clock.forward(seconds=1)
        assert not await place.is_ann(both)


@pytest.mark.sec("SEC-042")
async def test_a_session_that_is_over_is_nobody_on_the_next_request_and_its_cookie_is_cleared() -> None:
    async with a_place() as place:
        place.clock.forward(days=7, milliseconds=-1)
        place.store.arm(None)
        rows = (await contents(place.auth))["session"]
        assert len(rows) == 1
        place.clock.forward(milliseconds=1)
        answer = await place.me(place.cookie)
        assert answer.json() is None
        cleared = [line.partition(";")[0] for line in answer.all("set-cookie") if "Max-Age=0" in line]
        assert f"{COOKIE}=" in cleared
        assert answer.header("cache-control") == "no-store"
        assert (await contents(place.auth))["session"] == []


@pytest.mark.sec("SEC-042")
@pytest.mark.parametrize(
    "how", ["revoke-session", "revoke-sessions", "revoke-other-sessions", "reset", "delete", "sign-out"]
)
async def test_a_session_that_was_ended_is_nobody_on_the_next_request(how: str) -> None:
    async with a_place() as place, browser(place.auth, place.app) as other:
        await other.sign_in()
        assert await place.is_ann(place.cookie)
        token = (await place.ann.session())["session"]["token"]
        if how == "revoke-session":
            await other.api("/revoke-session", {"token": token})
        elif how == "reset":
            await other.api("/request-password-reset", {"email": "ann@example.com"})
            letter = (await other.mail()).last("reset-password")
            await other.api("/reset-password", {"token": letter.context["token"], "newPassword": "another long one"})
        elif how == "delete":
            await other.api("/delete-user", {"password": PASSWORD})
        elif how == "sign-out":
            cookie = place.cookie
            await place.ann.api("/sign-out", {})
            assert not await place.is_ann(cookie)
            return
        else:
            await other.api(f"/{how}", {})
        assert not await place.is_ann(place.cookie)
        assert (await place.me(place.cookie, path="/secret")).status == 401


@pytest.mark.sec("SEC-040")
async def test_a_cookie_planted_before_signing_in_is_nobody_afterwards() -> None:
    async with a_place() as place, browser(place.auth, place.app) as eve, browser(place.auth, place.app) as victim:
        await eve.sign_up("eve@example.com", name="Eve")
        planted = eve.cookies[COOKIE]
        forged = place.auth.secrets.sign("chosen-by-an-attacker-0123456789")
        for value in (planted, forged, "chosen"):
            victim.cookies.clear()
            victim.cookies.set(COOKIE, value)
            answer = await victim.sign_in()
            assert answer.status_code == 200
            given = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
            assert given != value
            assert "chosen" not in given
            assert await place.is_ann(("cookie", f"{COOKIE}={given}"))
            assert not await place.is_ann(("cookie", f"{COOKIE}={value}"))


@pytest.mark.sec("SEC-044")
async def test_of_two_cookies_of_one_name_only_a_single_good_one_counts() -> None:
    async with a_place() as place, browser(place.auth, place.app) as bob:
        await bob.sign_up("bob@example.com", name="Bob")
        ann, other = place.ann.cookies[COOKIE], bob.cookies[COOKIE]
        for bad in ("x", "", "x.y", ann[:-4] + "AAA="):
            for first, second in ((ann, bad), (bad, ann)):
                assert await place.is_ann(("cookie", f"{COOKIE}={first}; {COOKIE}={second}"))
                assert await place.is_ann(("cookie", f"{COOKIE}={first}"), ("cookie", f"{COOKIE}={second}"))
        events_of(place.auth).clear()
        for first, second in ((ann, other), (other, ann), (ann, ann)):
            for lines in ([f"{COOKIE}={first}; {COOKIE}={second}"], [f"{COOKIE}={first}", f"{COOKIE}={second}"]):
                headers: list[Header] = [("cookie", line) for line in lines]
                answer = await place.me(*headers)
                assert answer.json() is None
                assert (answer.cookies, place.store.calls) == ({}, [])
                assert (await place.me(*headers, path="/api/auth/get-session")).body == b"null"
        assert {(event.event, event.outcome) for event in events_of(place.auth)} == {
            ("security.duplicate_cookie", "denied")
        }


# Bodies, faults, life


async def test_a_streamed_answer_passes_message_by_message() -> None:
    passed: list[Any] = []
    arrived: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            arrived.append(message)
            if not message["more_body"]:
                break
        for message in (
            {
                "type": "http.response.start",
                "status": 206,
                "headers": [(b"X-Odd", b"1"), (b"x-odd", b"2")],
                "trailers": True,
            },
            {"type": "http.response.body", "body": b"a", "more_body": True},
            {"type": "http.response.body", "body": b"", "more_body": True},
            {"type": "http.response.body", "body": memoryview(b"b"), "more_body": True},
            {"type": "http.response.pathsend", "path": "/x"},
            {"type": "http.response.trailers", "headers": [], "more_trailers": False},
        ):
            passed.append(message)
            await send(message)

    async with a_place(app) as place:
        messages = [{"type": "http.request", "body": bytes([n]), "more_body": n < 9} for n in range(10)]
        sent = list(messages)
        received: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            received.append(message)

        await place.app(scope_for("POST", "/up", headers=[place.cookie]), receive, send)
    assert len(received) == len(passed)
    assert all(one is other for one, other in zip(received, passed, strict=True))  # untouched, not copied
    assert all(one is other for one, other in zip(arrived, sent, strict=True))


async def test_chunks_reach_the_browser_as_they_are_made_also_when_a_cookie_is_added() -> None:
    async def stream(request: Request) -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for number in range(5):
                yield b"%d" % number

        return StreamingResponse(chunks(), headers={"cache-control": "public, max-age=60", "set-cookie": "own=1"})

    async with a_place(Starlette(routes=[Route("/me", stream)])) as place:
        plain = await place.me(place.cookie)
        assert plain.all("cache-control") == ["public, max-age=60"]
        place.clock.forward(days=2)
        renewed = await place.me(place.cookie)
        assert [message.get("body") for message in renewed.messages[1:6]] == [b"0", b"1", b"2", b"3", b"4"]
        assert renewed.all("cache-control") == ["no-store"]  # it holds a cookie: no cache may keep it
        assert renewed.cookies == {"own": "1", COOKIE: place.ann.cookies[COOKIE]}


@pytest.mark.sec("SEC-049")
@pytest.mark.sec("SEC-190")
async def test_with_the_database_down_nobody_passes_as_nobody() -> None:
    reached: list[dict[str, Any]] = []
    async with a_place(seen_by(reached)) as place:
        place.store.arm(1)
        http = await ask(place.app, "GET", "/x", headers=[place.cookie])
        assert (http.status, http.code, http.header("retry-after")) == (503, "SERVICE_UNAVAILABLE", "1")
        assert http.header("cache-control") == "no-store"
        assert http.cookies == {}
        place.store.arm(1)
        websocket = await ask(place.app, "GET", "/x", headers=[place.cookie], kind="websocket")
        assert websocket.messages == [{"type": "websocket.close", "code": 1013}]
        assert reached == []
        place.store.disarm()
        assert (await ask(place.app, "GET", "/x", headers=[place.cookie])).status == 200


@pytest.mark.sec("SEC-049")
async def test_a_broken_database_closes_a_websocket_and_a_page_alike() -> None:
    reached: list[dict[str, Any]] = []
    async with a_place(seen_by(reached)) as place:
        place.store.error = lambda: RuntimeError("boom")
        place.store.arm(1)
        http = await ask(place.app, "GET", "/x", headers=[place.cookie])
        assert (http.status, http.body) == (500, b"")
        place.store.arm(1)
        websocket = await ask(place.app, "GET", "/x", headers=[place.cookie], kind="websocket")
        assert [message["type"] for message in websocket.messages] == ["websocket.close"]
        assert reached == []


async def life_of(app: Any) -> list[dict[str, Any]]:
    """Start and stop an app as a server does; return what it said."""
    said: list[dict[str, Any]] = []
    asked = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> dict[str, Any]:
        return asked.pop(0)

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return said


BOTH = [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


async def test_an_application_lives_within_the_life_of_its_database() -> None:
    order: list[str] = []

    class Telling(MemoryStore):
        async def open(self, tables: Any, *, create: bool | None = None) -> None:
            order.append("database opens")
            await super().open(tables, create=create)

        async def close(self) -> None:
            order.append("database closes")

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
        order.append("application starts")
        yield {"of": "the application"}
        order.append("application stops")

    auth = make_auth(database=Telling())
    assert await life_of(auth.wrap(Starlette(lifespan=lifespan))) == BOTH
    assert order == ["database opens", "application starts", "application stops", "database closes"]


async def test_an_application_without_a_lifespan_is_given_one() -> None:
    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"

    async def ignores(scope: Any, receive: Any, send: Any) -> None:
        return None

    async def half(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("no lifespan here")

    for app in (refuses, ignores, half, Starlette()):
        auth = make_auth()
        assert await life_of(auth.wrap(app)) == BOTH
        assert not auth.is_started


async def test_an_application_that_fails_to_start_is_seen_to_fail() -> None:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        raise RuntimeError("the application's own mistake")
        yield

    auth = make_auth()
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    with pytest.raises(RuntimeError, match="own mistake"):
        await auth.wrap(Starlette(lifespan=lifespan))({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in said] == ["lifespan.startup.failed"]


async def test_a_mistake_in_the_set_up_ends_the_start_with_the_line_to_write() -> None:
    class Old(MemoryStore):
        async def open(self, tables: Any, *, create: bool | None = None) -> None:
            raise ConfigurationError("The table user is missing. Run: authmw migrate")

    reached: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    said = await life_of(make_auth(database=Old()).wrap(app))
    assert said == [{"type": "lifespan.startup.failed", "message": "The table user is missing. Run: authmw migrate"}]
    assert reached == []


@pytest.mark.sec("SEC-190")
async def test_a_database_that_is_down_at_the_start_ends_the_start() -> None:
    class Down(MemoryStore):
        async def open(self, tables: Any, *, create: bool | None = None) -> None:
            raise Unavailable("the database does not answer")

    said = await life_of(make_auth(database=Down()).wrap(Starlette()))
    assert said == [{"type": "lifespan.startup.failed", "message": "the database does not answer"}]


async def test_a_server_without_lifespan_opens_the_database_with_the_first_request() -> None:
    opened: list[int] = []

    class Slow(MemoryStore):
        async def open(self, tables: Any, *, create: bool | None = None) -> None:
            opened.append(1)
            if len(opened) == 1:
                raise Unavailable("not yet")
            await super().open(tables, create=create)

    auth = make_auth(database=Slow())
    app = auth.wrap(plain_app(auth))
    cookie: Header = ("cookie", f"{COOKIE}={auth.secrets.sign('a' * 32)}")
    assert (await ask(app, "GET", "/me", headers=[cookie])).status == 503
    assert (await ask(app, "GET", "/api/auth/get-session", headers=[cookie])).body == b"null"
    assert (await ask(app, "GET", "/me", headers=[cookie])).body == b"null"
    assert len(opened) == 2
    await auth.stop()


async def test_other_kinds_of_connection_pass_untouched() -> None:
    reached: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    auth = make_auth()
    scope = {"type": "something.new"}
    await auth.wrap(app)(scope, None, None)  # type: ignore[arg-type]
    assert reached == [{"type": "something.new"}]


# Doors for handlers


async def test_a_page_for_people_who_are_signed_in_sends_a_browser_to_sign_in_and_back() -> None:
    async with a_place() as place:
        html: Header = ("accept", "text/html,application/xhtml+xml")
        answer = await ask(place.app, "GET", "/secret", headers=[html], query=b"a=b&c=d%20e")
        assert (answer.status, answer.header("location")) == (303, "/auth/sign-in?next=%2Fsecret%3Fa%3Db%26c%3Dd%2520e")
        assert answer.header("cache-control") == "no-store"
        answer = await ask(place.app, "GET", "/secret", headers=[html], query=b"a=b")
        page = await place.ann.get(answer.header("location") or "")
        assert page.status_code == 303  # Ann is signed in: straight back
        assert page.headers["location"] == "/secret?a=b"


async def test_a_page_for_people_who_are_signed_in_is_401_to_anybody_but_a_browser() -> None:
    async with a_place() as place:
        for headers in ([], [("accept", "application/json")], [("accept", "*/*")]):
            answer = await ask(place.app, "GET", "/secret", headers=headers)
            assert answer.status == 401
        assert (await place.me(place.cookie, path="/secret")).body == b"for ann@example.com"


async def test_without_screens_there_is_nowhere_to_send_a_browser() -> None:
    auth = make_auth()
    app = auth.wrap(plain_app(auth), ui=False)
    assert (await ask(app, "GET", "/secret", headers=[("accept", "text/html")])).status == 401
    assert (await ask(app, "GET", "/auth/sign-in")).status == 404


@pytest.mark.sec("SEC-049")
async def test_without_the_middleware_nobody_is_told_that_nobody_asks() -> None:
    auth = make_auth()
    for ask_who in (auth.current, auth.require, auth.call):
        for connection in (
            Request(scope_for("GET", "/")),
            scope_for("GET", "/"),
            scope_for("GET", "/", kind="websocket"),
        ):
            with pytest.raises(ConfigurationError, match=r"app = auth\.wrap\(app\)"):
                ask_who(connection)
    with pytest.raises(TypeError):
        auth.current("a request")


@pytest.mark.sec("SEC-170")
async def test_a_websocket_from_another_site_is_nobody_and_from_ours_somebody() -> None:
    seen: list[dict[str, Any]] = []
    origins: dict[str | None, bool] = {
        ORIGIN: True,
        "https://www.example.com": True,
        None: True,  # no browser
        "https://evil.example": False,
        "null": False,
        "": False,
        "http://localhost:8001": False,
        "http://localhost:8000.evil.example": False,
        "/": False,
    }
    async with a_place(seen_by(seen), trusted_origins=["https://www.example.com"]) as place:
        for origin in origins:
            lines: list[Header] = [("origin", origin)] if origin is not None else []
            await ask(place.app, "GET", "/x", headers=[place.cookie, *lines], kind="websocket")
    assert [state["user"] is not None for state in seen] == list(origins.values())


async def test_a_websocket_that_is_accepted_carries_a_renewed_cookie() -> None:
    async with a_place(seen_by([])) as place:
        place.clock.forward(days=2)
        answer = await ask(place.app, "GET", "/x", headers=[place.cookie, ("origin", ORIGIN)], kind="websocket")
        accepted = answer.messages[0]
        assert accepted["type"] == "websocket.accept"
        assert [name for name, _ in accepted["headers"]] == [b"set-cookie", b"cache-control"]


async def test_the_api_and_the_screens_know_no_websockets() -> None:
    async with a_place() as place:
        for path in ("/api/auth/get-session", "/auth/sign-in"):
            answer = await ask(place.app, "GET", path, headers=[place.cookie], kind="websocket")
            assert answer.messages == [{"type": "websocket.close", "code": 4404}]


async def test_an_operation_in_a_handler_sends_its_cookies_with_the_answer() -> None:
    from authmw.features import Sessions
    from authmw.features.sessions import SignOut

    async def leave(request: Request) -> PlainTextResponse:
        auth: Auth[Any] = request.app.state.auth
        await auth[Sessions].sign_out(auth.call(request), SignOut())
        return PlainTextResponse("bye", headers={"cache-control": "max-age=60"})

    app = Starlette(routes=[Route("/me", leave)])
    async with a_place(app) as place:
        app.state.auth = place.auth
        answer = await place.me(place.cookie)
        assert answer.cookies[COOKIE] == ""
        assert answer.all("cache-control") == ["no-store"]
        assert "auth.sign_out" in {event.event for event in events_of(place.auth)}
        assert (await contents(place.auth))["session"] == []


# Put together by hand


def mounted(auth: Auth[Any], *, below: str = "") -> Starlette:
    routes = [
        Mount(auth.settings.api_path, auth.api),
        Mount(auth.settings.ui_path, auth.ui),
        Mount("/", plain_app(auth)),
    ]
    if below:
        routes = [Mount(below, routes=routes)]
    return Starlette(routes=routes, middleware=[Middleware(AuthMiddleware, auth=auth)])


async def test_mounting_piece_by_piece_works_like_wrapping() -> None:
    for make in (lambda auth: auth.wrap(plain_app(auth)), mounted):
        auth = make_auth()
        app = make(auth)
        assert await life_of(app) == BOTH
        await auth.start()
        async with browser(auth, app) as ann:
            assert (await ann.sign_up()).status_code == 200
            assert (await ann.get("/me")).json()["email"] == "ann@example.com"
            assert (await ann.get("/secret")).text == "for ann@example.com"
            assert (await ann.session())["user"]["email"] == "ann@example.com"
            assert (await ann.submit("/sign-out")).status_code == 303
            assert (await ann.get("/me")).json() is None
            page = await ann.submit("/sign-in", email="ann@example.com", password=PASSWORD)
            assert (page.status_code, page.headers["location"]) == (303, "/")
            assert (await ann.get("/secret")).status_code == 200
            assert (await ann.get("/api/auth/nothing")).status_code == 404
            assert (await ann.get("/api/auth")).status_code in (307, 404)
            stolen = await ann.api("/sign-out", {}, headers={"origin": "https://evil.example"})
            assert stolen.status_code == 403
        await auth.stop()


async def test_a_mounted_application_below_the_middleware_is_told_too() -> None:
    auth = make_auth()
    inner = plain_app(auth)
    app = Starlette(routes=[Mount("/deep", Starlette(routes=[Mount("/deeper", inner)]))])
    wrapped = auth.wrap(app)
    await auth.start()
    async with browser(auth, wrapped) as ann:
        await ann.sign_up()
        assert (await ann.get("/deep/deeper/me")).json()["email"] == "ann@example.com"
        assert (await ann.get("/deep/deeper/secret")).status_code == 200
        ann.cookies.clear()
        assert (await ann.get("/deep/deeper/secret")).status_code == 401
    await auth.stop()


async def test_prefixes_do_not_swallow_what_only_looks_like_them() -> None:
    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(scope["path"])(scope, receive, send)

    auth = make_auth()
    app = auth.wrap(echo)
    await auth.start()
    for path in (
        "/authors",
        "/auth-x/sign-in",
        "/api/authors",
        "/api/auth.json",
        "/",
        "/x/auth/sign-in",
        "/AUTH/sign-in",
    ):
        assert (await ask(app, "GET", path)).body == path.encode()
    assert (await ask(app, "GET", "/auth")).status == 303
    assert (await ask(app, "GET", "/api/auth")).status == 404
    await auth.stop()


async def test_sessions_last_as_long_as_was_chosen() -> None:
    chosen = {
        "session_lifetime": timedelta(hours=2),
        "session_refresh_after": timedelta(minutes=30),
        "session_absolute_lifetime": timedelta(hours=3),
    }
    async with a_place(**chosen) as place:
        place.clock.forward(minutes=29)
        assert (await place.me(place.cookie)).cookies == {}
        place.clock.forward(minutes=1)
        assert "Max-Age=7200" in (await place.me(place.cookie)).all("set-cookie")[0]
        place.clock.forward(minutes=90)
        assert "Max-Age=3600" in (await place.me(place.cookie)).all("set-cookie")[0]
        place.clock.forward(minutes=59, seconds=59)
        assert await place.is_ann(place.cookie)
        place.clock.forward(seconds=1)
        assert not await place.is_ann(place.cookie)


async def test_password_managers_find_where_a_password_is_changed() -> None:
    async with a_place() as place:
        for headers in ([], [place.cookie]):
            answer = await ask(place.app, "GET", "/.well-known/change-password", headers=headers)
            assert (answer.status, answer.all("location")) == (303, ["/auth/settings/password"])
        assert (await ask(place.app, "POST", "/.well-known/change-password")).status == 404
        assert (await ask(place.app, "GET", "/.well-known/nothing")).status == 404
        without = place.auth.wrap(plain_app(place.auth), ui=False)
        place.auth.screens_mounted = False
        assert (await ask(without, "GET", "/.well-known/change-password")).status == 404
