"""A server of public keys on this machine, which answers as it is told and counts who asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class KeyServer:
    """`answer` is what it says next: keys as JWK, a whole HTTP answer as bytes, or a function that writes one."""

    def __init__(self) -> None:
        self.answer: Sequence[Mapping[str, Any]] | bytes | Answer = []
        self.asked: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if callable(self.answer):
                await self.answer(writer)
            else:
                writer.write(self.answer if isinstance(self.answer, bytes) else key_set(self.answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def answer(status: str, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def key_set(keys: Sequence[Mapping[str, Any]]) -> bytes:
    return answer("200 OK", json.dumps({"keys": list(keys)}).encode(), content_type="application/json")


@asynccontextmanager
async def key_server(*keys: Mapping[str, Any]) -> AsyncIterator[KeyServer]:
    served = KeyServer()
    served.answer = keys
    server = await asyncio.start_server(served.handle, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
