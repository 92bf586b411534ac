"""Both clients behind one way of calling them, against an app in this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio.from_thread
import anyio.to_thread
import httpx2

from authmw.client import AsyncAuthClient, AuthClient
from authmw.client.groups import Group

BASE = "http://localhost:8000"


class SyncTransport(httpx2.BaseTransport):
    """Runs an asynchronous transport in the event loop of the test, from a thread of it."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        async def send() -> httpx2.Response:
            response = await self.inner.handle_async_request(request)
            await response.aread()
            return response

        answer = anyio.from_thread.run(send)
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


class Awaited:
    """An AuthClient, or a group of its methods, whose calls run in a thread and are awaited."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        return Awaited(value) if callable(value) or isinstance(value, Group) else value

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return await anyio.to_thread.run_sync(partial(self.inner, *args, **kwargs))


Connect = Callable[..., Any]


def transport_to(app: Any, *, is_async: bool) -> Any:
    over_asgi = httpx2.ASGITransport(app=app, client=("203.0.113.7", 50000))
    return over_asgi if is_async else SyncTransport(over_asgi)


def connect(app: Any, *, is_async: bool, **more: Any) -> Any:
    """A client of either kind; both are called with await."""
    transport = transport_to(app, is_async=is_async)
    base_url = more.pop("base_url", BASE)
    if is_async:
        return AsyncAuthClient(base_url, transport=transport, **more)
    return Awaited(AuthClient(base_url, transport=transport, **more))


def answering(handler: Callable[[httpx2.Request], httpx2.Response], *, is_async: bool, **more: Any) -> Any:
    """A client whose every request `handler` answers."""
    base_url = more.pop("base_url", BASE)
    if is_async:
        return AsyncAuthClient(base_url, transport=httpx2.MockTransport(handler), **more)
    return Awaited(AuthClient(base_url, transport=httpx2.MockTransport(handler), **more))


async def raised(call: Awaitable[Any]) -> Exception:
    try:
        await call
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")
