"""What tests share: a clock that stands still, a mailbox, an app with a door, and a browser without a window."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from authmw import Auth, Call, Hashing, Message, Settings, SignedIn, UIConfig, User
from authmw.core.call import CookieJar
from authmw.core.events import Event
from authmw.core.feature import Feature
from authmw.core.passwords import Passwords
from authmw.core.store import Database
from authmw.features import Account, BreachedPasswords, CustomSession, EmailVerification, Jwt, Password, Sessions
from authmw.features.sessions import CurrentSession
from authmw.stores.memory import MemoryStore
from tests.documented import problems_with

SECRET = "a-secret-for-tests-0123456789-abcdefghijklmnop"
ORIGIN = "http://localhost:8000"
PASSWORD = "correct horse battery"


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 25, 12, 0, 0, 123000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class Outbox:
    """A mailer that keeps what it was given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message.kind == kind]

    def last(self, kind: str) -> Message:
        return self.of(kind)[-1]


class TurnTakingStore(MemoryStore):
    """A memory store in which callers at once really meet: after everything one has read, all others have a turn."""

    async def find(self, table: Any, /, **where: Any) -> Any:
        found = await super().find(table, **where)
        await asyncio.sleep(0)
        return found

    async def find_all(self, table: Any, /, **how: Any) -> Any:
        found = await super().find_all(table, **how)
        await asyncio.sleep(0)
        return found

    async def find_joined(self, table: Any, other: Any, /, **where: Any) -> Any:
        found = await super().find_joined(table, other, **where)
        await asyncio.sleep(0)
        return found


def make_auth(
    *,
    features: Sequence[Feature] | None = None,
    user_type: type[Any] = User,
    database: Database | None = None,
    clock: Clock | None = None,
    rate_limit: bool = False,
    ui: UIConfig | None = None,
    **settings: Any,
) -> Auth[Any]:
    """An Auth over a memory store, with fast hashes, an Outbox at `auth.mail.mailer` and its events kept in `events_of(auth)`."""
    chosen = Settings(**{"secret": SECRET, "base_url": ORIGIN, "rate_limit": rate_limit, "environment": {}, **settings})
    auth = Auth(
        chosen,
        features=[Password(), EmailVerification(), Account(), Sessions()] if features is None else features,
        user_type=user_type,
        database=database or MemoryStore(),
        mailer=Outbox(),
        ui=ui,
        clock=clock or Clock(),
    )
    auth.passwords = Passwords(Hashing(memory=8, passes=1), better_auth=chosen.shared_database, allow_weak=True)
    events: list[Event] = []
    auth.listeners = [events.append]
    auth.events = events  # type: ignore[attr-defined]
    return auth


async def as_usual(call: Call[Any], signed_in: SignedIn[Any]) -> CurrentSession:
    return CurrentSession(session=signed_in.session, user=signed_in.user)


def switched_on(kind: type[Feature], **options: Any) -> Feature:
    """A feature with all that it can do: some have parts of their own to switch on, one cannot do without an argument."""
    whole: dict[type[Feature], dict[str, Any]] = {
        Jwt: {"refresh": True},
        CustomSession: {"answer": as_usual},
        BreachedPasswords: {"lookup": False},
    }
    return kind(**whole.get(kind, {}), **options)


def events_of(auth: Auth[Any]) -> list[Event]:
    events: list[Event] = auth.events  # type: ignore[attr-defined]
    return events


def outbox_of(auth: Auth[Any]) -> Outbox:
    outbox = auth.mail.mailer
    assert isinstance(outbox, Outbox)
    return outbox


def plain_app(auth: Auth[Any]) -> Starlette:
    """An application with a page for everybody, one for people who are signed in, and one that tells who asks."""

    async def me(request: Request) -> JSONResponse:
        user = request.state.user
        return JSONResponse({"id": user.id, "email": user.email} if user else None)

    async def secret(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"for {auth.require(request).user.email}")

    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("welcome")

    return Starlette(routes=[Route("/", home), Route("/me", me), Route("/secret", secret)])


class Browser(httpx2.AsyncClient):
    """Keeps cookies and says where it comes from, as a browser does. Does not follow redirects."""

    mw: Auth[Any]

    async def api(self, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """POST JSON to the API; GET when there is no body."""
        url = self.mw.settings.api_path + path
        return await (self.get(url, **more) if body is None else self.post(url, json=body, **more))

    async def sign_up(self, email: str = "ann@example.com", name: str = "Ann", **more: Any) -> httpx2.Response:
        return await self.api("/sign-up/email", {"name": name, "email": email, "password": PASSWORD, **more})

    async def sign_in(self, email: str = "ann@example.com", password: str = PASSWORD, **more: Any) -> httpx2.Response:
        return await self.api("/sign-in/email", {"email": email, "password": password, **more})

    async def session(self) -> Any:
        return (await self.api("/get-session")).json()

    async def mail(self) -> Outbox:
        """Wait until everything is sent."""
        await self.mw.mail.idle()
        return outbox_of(self.mw)

    async def submit(self, path: str, *, htmx: bool = False, **fields: str) -> httpx2.Response:
        """Open a screen, fill in its form and send it, as a person does."""
        url = self.mw.settings.ui_path + path
        page = await self.get(url)
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        headers = {"hx-request": "true"} if htmx else {}
        where = url.partition("?")[0]
        return await self.post(where, data={"csrf_token": token, **fields}, headers=headers)


def browser(auth: Auth[Any], app: Any = None, **more: Any) -> Browser:
    """A further browser for an app that is being served."""
    wrapped = app if app is not None else auth.wrap(plain_app(auth))
    client = Browser(
        transport=httpx2.ASGITransport(
            app=wrapped, client=more.pop("client", ("203.0.113.7", 50000)), raise_app_exceptions=False
        ),
        base_url=auth.settings.base_url,
        headers={"origin": auth.settings.base_url, **more},
    )
    client.mw = auth

    async def judge(answer: httpx2.Response) -> None:
        await answer.aread()
        assert problems_with(auth, answer) == []

    client.event_hooks = {"response": [judge]}
    return client


@asynccontextmanager
async def serving(auth: Auth[Any], app: Any = None, **more: Any) -> AsyncIterator[Browser]:
    """Start `auth`, hand out a browser, stop."""
    await auth.start()
    async with browser(auth, app, **more) as client:
        yield client
    await auth.stop()


def call_of(person: Browser) -> Call[Any]:
    """A call from Python with the cookies that `person` holds, as a handler has it."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.cookies.jar)
    return person.mw.new_call(cookies=CookieJar([cookies] if cookies else []))


def count_hashes(auth: Auth[Any]) -> list[str]:
    """Return a list that grows by one with every hash that is computed from here on, whatever for."""
    done: list[str] = []
    in_pool = auth.passwords._in_pool

    async def counting(work: Any) -> Any:
        done.append("hash")
        return await in_pool(work)

    auth.passwords._in_pool = counting  # type: ignore[method-assign]
    return done


def cookies_set(answer: httpx2.Response) -> dict[str, str]:
    """The cookies of an answer: everything behind the name, by name."""
    lines = (line.partition("=") for line in answer.headers.get_list("set-cookie"))
    return {name: rest for name, _, rest in lines}


def refused(answer: httpx2.Response, status: int, code: str = "") -> None:
    """Check that an answer is this refusal, and that it hands out nothing."""
    assert (answer.status_code, answer.json().get("code", "")) == (status, code), answer.text
    assert set(answer.json()) <= {"message", "code"}


def alike(*answers: httpx2.Response) -> None:
    """Check that nobody can tell the answers apart: status, headers, cookies and every byte (SEC-060)."""
    for answer in answers[1:]:
        assert answer.status_code == answers[0].status_code
        assert answer.headers.raw == answers[0].headers.raw
        assert answer.content == answers[0].content
