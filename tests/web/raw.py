"""A client that writes its own ASGI messages, for what no well-behaved client would send; and what it left behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio

from authmw import Auth
from tests.support import outbox_of

Receive = Callable[[], Awaitable[dict[str, Any]]]
Header = tuple[str, str | bytes]
PEER = ("203.0.113.7", 50000)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back. `status` is 0 when nothing did."""

    status: int = 0
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    messages: Sequence[Mapping[str, Any]] = field(default=(), repr=False)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str | None:
        """The only value of a header; two are a mistake."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The `code` of an error body, or None."""
        said = self.json() if self.body else {}
        code = said.get("code") if isinstance(said, dict) else None
        return code if isinstance(code, str) else None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that are set, by name, as written."""
        pairs = (line.partition(";")[0].partition("=") for line in self.all("set-cookie"))
        return {name: value for name, _, value in pairs}


def whole(body: bytes) -> Receive:
    """A body that comes in one piece, from a client that then waits for its answer."""

    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not messages:
            await anyio.sleep_forever()
        return messages.pop()

    return receive


def scope_for(
    method: str,
    path: str,
    *,
    headers: Iterable[Header] = (),
    query: bytes = b"",
    raw_path: bytes | None = None,
    client: tuple[str, int] | None = PEER,
    kind: str = "http",
    **more: Any,
) -> dict[str, Any]:
    lines = [
        (name.lower().encode("latin-1"), value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in headers
    ]
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode() if raw_path is None else raw_path,
        "query_string": query,
        "root_path": "",
        "headers": lines,
        "client": client,
        "server": ("localhost", 8000),
        **more,
    }


async def ask(
    app: Any,
    method: str,
    path: str,
    *,
    headers: Iterable[Header] = (),
    body: bytes = b"",
    receive: Receive | None = None,
    **scope: Any,
) -> Answer:
    """Send one request, with exactly these headers, and put the answer together."""
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await app(scope_for(method, path, headers=headers, **scope), receive or whole(body), send)
    starts = [message for message in messages if message["type"] == "http.response.start"]
    if not starts:
        return Answer(messages=messages)
    lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in starts[0]["headers"]]
    content = b"".join(message.get("body", b"") for message in messages if message["type"] == "http.response.body")
    return Answer(status=starts[0]["status"], headers=lines, body=content, messages=messages)


async def post(app: Any, path: str, given: Any, *, headers: Iterable[Header] = (), **more: Any) -> Answer:
    """POST to the API: bytes as they are, anything else as JSON."""
    body = given if isinstance(given, bytes) else json.dumps(given).encode()
    lines = [("content-type", "application/json"), *headers]
    return await ask(app, "POST", "/api/auth" + path, headers=lines, body=body, **more)


async def contents(auth: Auth[Any]) -> dict[str, list[Any]]:
    """Every row there is, by table."""
    return {
        table.table_name: sorted(await auth.database.find_all(table, limit=None), key=lambda row: str(row.id))
        for table in auth.tables
    }


@asynccontextmanager
async def nothing_happens(auth: Auth[Any]) -> AsyncIterator[None]:
    """Fail when a row is stored, changed or gone afterwards, or a letter was sent."""
    await auth.mail.idle()
    rows, letters = await contents(auth), len(outbox_of(auth).messages)
    yield
    await auth.mail.idle()
    assert await contents(auth) == rows
    assert len(outbox_of(auth).messages) == letters
