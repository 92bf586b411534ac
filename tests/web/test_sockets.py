"""Open WebSockets end with the session that opened them, whoever else is connected and however they behave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from joserfc.jwk import OKPKey
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from authmw import Auth
from authmw.core.jwt import sign
from authmw.core.model import Session
from authmw.core.store import Unavailable
from authmw.features import Account, Bearer, EmailVerification, Jwt, Password, Sessions
from authmw.stores.memory import MemoryStore
from authmw.web import sockets
from authmw.web.sockets import SIGNED_OUT, OpenSockets
from tests.key_server import key_server
from tests.support import ORIGIN, PASSWORD, Browser, Clock, browser, make_auth
from tests.web.faults import FailingStore
from tests.web.raw import Header, scope_for

pytestmark = pytest.mark.anyio

COOKIE = "better-auth.session_token"
LOOKS_EVERY = sockets.EVERY
ENDED = {"type": "websocket.close", "code": SIGNED_OUT}


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "EVERY", 0.01)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Accept, and answer what comes until the end."""
    if scope["type"] != "websocket":
        return
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        scope["seen"].append(message)
        if message["type"] == "websocket.disconnect":
            return
        if message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"].upper()})


class Client:
    """The other end of one socket, as a server has it."""

    def __init__(self, app: Any, headers: Iterable[Header], query: bytes, **more: Any) -> None:
        self.got: list[Any] = []
        self.seen: list[Any] = []
        self.arrived = asyncio.Condition()
        self._incoming: asyncio.Queue[Any] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        scope = scope_for("GET", "/ws", headers=headers, kind="websocket", query=query, seen=self.seen, **more)
        self.task = asyncio.create_task(app(scope, self._incoming.get, self._take))

    async def _take(self, message: Any) -> None:
        async with self.arrived:
            self.got.append(message)
            self.arrived.notify_all()

    async def until(self, message: Any, *, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds), self.arrived:
            await self.arrived.wait_for(lambda: message in self.got)

    async def say(self, text: str) -> None:
        await self._incoming.put({"type": "websocket.receive", "text": text})
        await self.until({"type": "websocket.send", "text": text.upper()})

    async def leave(self) -> None:
        await self._incoming.put({"type": "websocket.disconnect", "code": 1000})
        await self.task


class Place:
    """An application with WebSockets, over a store that counts, and two people with a browser each."""

    def __init__(
        self, auth: Auth[Any], store: FailingStore, clock: Clock, app: Any, ann: Browser, bob: Browser
    ) -> None:
        self.auth, self.store, self.clock, self.app, self.ann, self.bob = auth, store, clock, app, ann, bob
        self.clients: list[Client] = []

    def open(self, *headers: Header, query: bytes = b"", app: Any = None) -> Client:
        client = Client(app or self.app, headers, query)
        self.clients.append(client)
        return client

    async def open_as(self, person: Browser, *headers: Header) -> Client:
        client = self.open(("cookie", f"{COOKIE}={person.cookies[COOKIE]}"), *headers)
        await client.say("hello")
        return client

    async def looks(self, times: int = 3) -> list[str]:
        """What the database was asked while the watcher came by so many times, about."""
        self.store.arm(None)
        await asyncio.sleep(sockets.EVERY * (times + 1))
        return self.store.calls


@asynccontextmanager
async def a_place(app: Any = echo, **settings: Any) -> AsyncIterator[Place]:
    store, clock = FailingStore(MemoryStore()), Clock()
    jwt = settings.pop("jwt", None) or Jwt(refresh=True)
    features = [Password(), EmailVerification(), Account(), Sessions(), Bearer(), jwt]
    auth = make_auth(features=features, database=store, clock=clock, **settings)
    wrapped = auth.wrap(app)
    await auth.start()
    async with browser(auth, wrapped) as ann, browser(auth, wrapped) as bob:
        for person, email in ((ann, "ann@example.com"), (bob, "bob@example.com")):
            assert (await person.sign_up(email)).status_code == 200
        place = Place(auth, store, clock, wrapped, ann, bob)
        try:
            yield place
        finally:
            store.disarm()
            for client in place.clients:
                client.task.cancel()
            await asyncio.gather(*(client.task for client in place.clients), return_exceptions=True)
    await auth.stop()


async def reset(place: Place, other: Browser) -> None:
    await other.api("/request-password-reset", {"email": "ann@example.com"})
    letter = (await other.mail()).last("reset-password")
    await other.api("/reset-password", {"token": letter.context["token"], "newPassword": "another long one"})


async def sign_out(place: Place, other: Browser) -> None:
    await place.ann.api("/sign-out", {})


async def revoke(place: Place, other: Browser) -> None:
    token = (await place.ann.session())["session"]["token"]
    await other.api("/revoke-session", {"token": token})


async def revoke_others(place: Place, other: Browser) -> None:
    await other.api("/revoke-other-sessions", {})


async def delete(place: Place, other: Browser) -> None:
    await other.api("/delete-user", {"password": PASSWORD})


async def a_week(place: Place, other: Browser) -> None:
    place.clock.forward(days=7)


async def a_month(place: Place, other: Browser) -> None:
    [row] = [row for row in await place.auth.database.find_all(Session) if row.user_agent == "watched"]
    far = place.clock.now + timedelta(days=365)
    await place.auth.database.update(Session, {"id": row.id}, expires_at=far)
    place.clock.forward(days=30)


@pytest.mark.sec("SEC-042")
@pytest.mark.parametrize("end", [sign_out, revoke, revoke_others, reset, delete, a_week, a_month])
async def test_a_socket_ends_with_its_session(end: Callable[[Place, Browser], Awaitable[None]]) -> None:
    async with a_place() as place, browser(place.auth, place.app) as other:
        place.ann.headers["user-agent"] = "watched"
        await place.ann.sign_in()
        await other.sign_in()
        anns, bobs = await place.open_as(place.ann), await place.open_as(place.bob)
        await place.looks()
        assert not anns.task.done()
        await end(place, other)
        await anns.until(ENDED)
        await anns.task
        assert anns.seen[-1] == {"type": "websocket.disconnect", "code": SIGNED_OUT}
        assert anns.got[-1] == ENDED
        if end not in (a_week, a_month):
            await bobs.say("still here")


async def test_a_session_that_slides_keeps_its_socket() -> None:
    async with a_place() as place:
        anns = await place.open_as(place.ann)
        for _ in range(4):
            place.clock.forward(days=6)
            assert (await place.ann.session())["user"]
            await place.looks()
            await anns.say("still here")


@pytest.mark.sec("SEC-042")
async def test_a_socket_that_was_opened_with_a_token_ends_with_the_token_and_with_the_session() -> None:
    async with a_place() as place:
        token = (await place.ann.api("/token")).json()["token"]
        bearer: Header = ("authorization", f"Bearer {token}")
        first, second = place.open(bearer), place.open(bearer)
        for client in (first, second):
            await client.say("hello")
        place.clock.forward(minutes=15, milliseconds=-1000)
        await place.looks()
        assert not first.task.done()
        place.clock.forward(seconds=1)
        for client in (first, second):
            await client.until(ENDED)
        token = (await place.bob.api("/token")).json()["token"]
        bobs = place.open(("authorization", f"Bearer {token}"))
        await bobs.say("hello")
        await place.bob.api("/sign-out", {})
        await bobs.until(ENDED)


async def test_a_token_of_another_service_names_a_session_that_is_none_of_our_rows() -> None:
    key = OKPKey.generate_key("Ed25519", private=True)
    async with key_server({**key.as_dict(private=False), "kid": "k"}) as server:
        clock = Clock()
        auth = make_auth(features=[Password(), Jwt(remote_jwks_url=server.url)], clock=clock)
        await auth.start()
        now = int(clock.now.timestamp())
        claims = {"iss": ORIGIN, "aud": ORIGIN, "sub": "eve", "sid": "elsewhere", "exp": now + 60}
        token = sign({"alg": "EdDSA", "kid": "k"}, claims, key)
        client = Client(auth.wrap(echo), [("authorization", f"Bearer {token}")], b"")
        await client.say("hello")
        await asyncio.sleep(sockets.EVERY * 4)
        await client.say("still here")
        clock.forward(seconds=60)
        await client.until(ENDED)
        await auth.stop()


async def test_a_socket_of_nobody_is_not_watched() -> None:
    async with a_place() as place:
        client = place.open()
        await client.say("hello")
        assert await place.looks() == []
        await client.say("hello again")
        await client.leave()


# What it costs


def watcher(place: Place) -> Any:
    return place.app._sockets._watcher


async def test_while_no_socket_is_open_nothing_runs() -> None:
    async with a_place() as place:
        assert watcher(place) is None
        client = await place.open_as(place.ann)
        assert set(await place.looks()) == {"find_all session"}
        await client.leave()
        await asyncio.wait_for(watcher(place), 5)
        assert await place.looks() == []
        again = await place.open_as(place.ann)
        assert set(await place.looks()) == {"find_all session"}
        await place.ann.api("/sign-out", {})
        await again.until(ENDED)


async def watch(stack: AsyncExitStack, open_sockets: OpenSockets, session: Session, send: Any) -> None:
    """Keep a socket open that never says anything."""
    await stack.enter_async_context(open_sockets.watch(session, asyncio.Event().wait, send))  # type: ignore[arg-type]


async def test_a_thousand_sockets_cost_one_statement_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "EVERY", 3600)
    async with a_place() as place:
        [first, *_] = await place.auth.database.find_all(Session)
        rows = []
        for number in range(1000):
            row = Session(**{**vars(first), "id": f"s{number}", "token": f"t{number}"})
            rows.append(await place.auth.database.insert(row))
        open_sockets = OpenSockets(place.auth)
        sent: list[tuple[str, Any]] = []
        async with AsyncExitStack() as stack:
            for row in rows:

                async def send(message: Any, row: Session = row) -> None:
                    sent.append((row.id, message))

                await watch(stack, open_sockets, row, send)
            place.store.arm(None)
            await open_sockets._look()
            assert place.store.calls == ["find_all session"]
            await place.auth.database.delete(Session, id="s500")
            await open_sockets._look()
            await asyncio.sleep(0)
            assert sent == [("s500", ENDED)]
            assert open_sockets._watcher is not None
            open_sockets._watcher.cancel()


# Clients and databases as they are


@pytest.mark.sec("SEC-042")
async def test_a_client_that_reads_nothing_does_not_keep_the_others_open() -> None:
    async with a_place() as place:
        stuck: list[Any] = []

        async def never(message: Any) -> None:
            stuck.append(message)
            await asyncio.Event().wait()

        async def broken(message: Any) -> None:
            raise OSError("the client had left")

        async with AsyncExitStack() as stack:
            for row in await place.auth.database.find_all(Session):
                await watch(stack, place.app._sockets, row, never)
                await watch(stack, place.app._sockets, row, broken)
            anns, bobs = await place.open_as(place.ann), await place.open_as(place.bob)
            await place.ann.api("/sign-out", {})
            await anns.until(ENDED)
            await place.bob.api("/sign-out", {})
            await bobs.until(ENDED)
            assert stuck == [ENDED, ENDED]


@pytest.mark.sec("SEC-190")
async def test_a_database_that_is_down_for_a_while_ends_nobody_and_is_asked_again() -> None:
    async with a_place() as place:
        anns = await place.open_as(place.ann)
        find_all = place.store.find_all

        async def down(*table: Any, **how: Any) -> Any:
            raise Unavailable("it is down")

        place.store.find_all = down  # type: ignore[method-assign]
        await place.looks()
        await anns.say("still here")
        place.store.find_all = find_all  # type: ignore[method-assign]
        await place.ann.api("/sign-out", {})
        await anns.until(ENDED)


async def test_after_the_end_nothing_more_is_sent_and_the_application_only_hears_the_end() -> None:
    heard: list[Any] = []

    async def stubborn(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": "HELLO"})
        await receive()
        for _ in range(3):
            heard.append(await receive())
            with pytest.raises(OSError, match="has ended"):
                await send({"type": "websocket.send", "text": "a secret"})
        await send({"type": "websocket.close", "code": 1000})

    async with a_place(stubborn) as place:
        anns = await place.open_as(place.ann)
        await place.ann.api("/sign-out", {})
        await anns.until(ENDED)
        await asyncio.wait_for(anns.task, 5)
        assert heard == [{"type": "websocket.disconnect", "code": SIGNED_OUT}] * 3
        assert [message["type"] for message in anns.got] == ["websocket.accept", "websocket.send", "websocket.close"]


@pytest.mark.sec("SEC-042")
async def test_a_socket_whose_session_ends_before_it_is_accepted_is_refused() -> None:
    go = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await go.wait()
            with pytest.raises(OSError, match="has ended"):
                await send({"type": "websocket.accept"})

    async with a_place(slow) as place:
        client = place.open(("cookie", f"{COOKIE}={place.ann.cookies[COOKIE]}"))
        await asyncio.sleep(sockets.EVERY)
        await place.ann.api("/sign-out", {})
        await client.until(ENDED)
        go.set()
        await asyncio.wait_for(client.task, 5)
        assert client.got == [ENDED]


async def test_messages_reach_the_application_in_order_and_none_is_lost() -> None:
    async with a_place() as place:
        anns = await place.open_as(place.ann)
        for number in range(200):
            await anns._incoming.put({"type": "websocket.receive", "text": f"m{number}"})
        await anns.until({"type": "websocket.send", "text": "M199"})
        said = [message["text"] for message in anns.got if message["type"] == "websocket.send"]
        assert said == ["HELLO", *(f"M{number}" for number in range(200))]
        await anns.leave()


async def test_an_application_that_fails_is_heard_and_its_socket_is_not_watched_any_more() -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            raise LookupError("a mistake of the application")

    async with a_place(failing) as place:
        client = place.open(("cookie", f"{COOKIE}={place.ann.cookies[COOKIE]}"))
        with pytest.raises(LookupError):
            await client.task
        assert not place.app._sockets._open


# A real server


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off", ws="websockets-sansio"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/ws"
    server.should_exit = True
    await running


@pytest.mark.sec("SEC-042")
async def test_over_a_real_server_the_socket_closes_with_4401() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await echo({**scope, "seen": []}, receive, send)

    async with a_place(app) as place, served(place.app) as url:
        headers = {"cookie": f"{COOKIE}={place.ann.cookies[COOKIE]}"}
        async with connect(url, additional_headers=headers) as anns:
            await anns.send("hello")
            assert await anns.recv() == "HELLO"
            await place.ann.api("/sign-out", {})
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(anns.recv(), 5)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == SIGNED_OUT


@pytest.mark.sec("SEC-042")
async def test_over_a_real_server_one_that_ends_before_it_is_accepted_is_forbidden() -> None:
    waiting, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            waiting.set()
            await go.wait()
            await send({"type": "websocket.accept"})

    async with a_place(slow) as place, served(place.app) as url:
        opening = asyncio.create_task(
            connect(url, additional_headers={"cookie": f"{COOKIE}={place.ann.cookies[COOKIE]}"}).__aenter__()
        )
        await waiting.wait()
        await place.ann.api("/sign-out", {})
        with pytest.raises(InvalidStatus) as refused:
            await asyncio.wait_for(opening, 5)
        assert refused.value.response.status_code == 403
        go.set()


def test_it_looks_every_second() -> None:
    assert LOOKS_EVERY == 1.0, "a socket is closed within twice that"


# Sockets of tokens


@pytest.mark.sec("SEC-042")
@pytest.mark.parametrize("by", ["its token", "its family", "its key"])
async def test_a_socket_of_a_token_closes_when_that_is_taken_back(by: str) -> None:
    async with a_place(jwt=Jwt(refresh=True, denylist=True)) as place:
        pair = (await place.ann.api("/token/pair", {})).json()
        client = place.open(("authorization", f"Bearer {pair['accessToken']}"))
        await client.say("hello")
        await place.looks(2)
        assert ENDED not in client.got
        if by == "its key":
            await place.auth[Jwt].rotate(place.auth.call(), retire=True)
        else:
            await place.ann.api(
                "/token/revoke", {"token": pair["accessToken" if by == "its token" else "refreshToken"]}
            )
        await client.until(ENDED)


async def test_a_look_that_fails_in_a_new_way_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    async with a_place() as place:
        anns = await place.open_as(place.ann)
        place.store.error = lambda: RuntimeError("new")
        place.store.arm(1)
        await asyncio.sleep(sockets.EVERY * 3)
        assert place.store.failed is not None
        place.store.disarm()
        await place.ann.api("/sign-out", {})
        await anns.until(ENDED)
