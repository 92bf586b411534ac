"""A client that costs less than the servers it measures: raw bytes over connections that stay open."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from .server import HOST


@dataclass
class Answer:
    status: int
    head: bytes
    body: bytes

    def cookies(self) -> str:
        """What a browser would send back."""
        lines = [line for line in self.head.split(b"\r\n") if line.lower().startswith(b"set-cookie:")]
        return "; ".join(line.partition(b":")[2].strip().partition(b";")[0].decode() for line in lines)


class Connection(asyncio.Protocol):
    """One connection; `ask` sends a request and waits for the whole answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._came = b""
        self._waiting: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, port: int) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._came += data
        end = self._came.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        head = self._came[:end]
        mark = head.lower().find(b"content-length:")
        length = int(head[mark + 15 : head.find(b"\r\n", mark) if b"\r\n" in head[mark:] else None])
        if len(self._came) < end + 4 + length:
            return
        answer = Answer(int(head[9:12]), head, self._came[end + 4 : end + 4 + length])
        self._came = self._came[end + 4 + length :]
        waiting, self._waiting = self._waiting, None
        if not waiting.done():
            waiting.set_result(answer)

    def connection_lost(self, reason: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(reason or ConnectionResetError("the server closed the connection"))

    async def ask(self, request: bytes) -> Answer:
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def get(path: str, *, cookies: str = "", bearer: str = "") -> bytes:
    cookie = f"cookie: {cookies}\r\n" if cookies else ""
    authorization = f"authorization: Bearer {bearer}\r\n" if bearer else ""
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n{cookie}{authorization}\r\n".encode()


def post(path: str, body: Any) -> bytes:
    text = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(text)}"
    return f"{head}\r\n\r\n{text}".encode()


@dataclass
class Seen:
    """What came of asking for a while."""

    answers: int = 0
    seconds: float = 0.0
    by_status: dict[int, int] = field(default_factory=dict)


async def ask_for(seconds: float, port: int, request: bytes, *, status: int, connections: int = 16) -> Seen:
    """Send `request` over and over on several connections. Raise when an answer has another status than `status`."""
    seen = Seen()
    opened = [await Connection.open(port) for _ in range(connections)]
    began = time.perf_counter()
    until = began + seconds

    async def keep_asking(connection: Connection) -> None:
        while time.perf_counter() < until:
            answer = await connection.ask(request)
            if answer.status != status:
                raise RuntimeError(f"{request.split()[1].decode()} answered {answer.status}: {answer.body[:200]!r}")
            seen.answers += 1

    await asyncio.gather(*map(keep_asking, opened))
    seen.seconds = time.perf_counter() - began
    for connection in opened:
        connection.close()
    return seen
