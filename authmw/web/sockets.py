"""Open WebSockets end with the session that opened them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from ..core import sessions
from ..core.auth import AuthCore
from ..core.model import Session
from ..core.store import OneOf
from .carry import Receive, Send, logger

SIGNED_OUT = 4401
EVERY = 1.0
"""Seconds between two looks at the sessions: a socket is closed within twice that."""
BATCH = 10_000
"""Sessions in one statement: a list of so many is written with 16 384 places, of which PostgreSQL takes 32 767."""


class OpenSockets:
    """The sockets of people who are signed in. Once a second, one statement asks which of their sessions are still
    there, however many sockets there are; while none is open nothing is asked."""

    def __init__(self, auth: AuthCore[Any]) -> None:
        self._auth = auth
        self._open: set[_Socket] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def watch(
        self, session: Session, receive: Receive, send: Send, still: Callable[[], Awaitable[bool]] | None = None
    ) -> AsyncIterator[_Socket]:
        """Keep an eye on a socket for as long as it is open; the application uses the one that is handed out."""
        socket = _Socket(session, receive, send, still)
        self._open.add(socket)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._look_now_and_then())
        try:
            yield socket
        finally:
            self._open.discard(socket)

    async def _look_now_and_then(self) -> None:
        while self._open:
            await asyncio.sleep(EVERY)
            try:
                await self._look()
            except Exception:  # noqa: BLE001 - whatever it was, the next look must come
                logger.warning("open sockets could not be checked; trying again", exc_info=True)

    async def _look(self) -> None:
        now, settings = self._auth.clock(), self._auth.settings
        watched = list(self._open)
        ids = sorted({socket.session.id for socket in watched if socket.session.id})
        live: set[str] = set()
        for start in range(0, len(ids), BATCH):
            rows = await self._auth.database.find_all(Session, id=OneOf(ids[start : start + BATCH]), limit=None)
            live.update(row.id for row in rows if sessions.is_live(row, now, settings))
        for socket in watched:
            if socket.is_ended:
                continue
            if self._is_over(socket.session, live, now) or not await self._is_good(socket):
                # Nobody waits for it: a client that reads nothing would keep the others' sockets open.
                task = asyncio.create_task(socket.end())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    async def _is_good(self, socket: _Socket) -> bool:
        """Where nobody can tell, nothing has changed: the next look is a second away."""
        try:
            return socket.still is None or await socket.still()
        except Exception:  # noqa: BLE001 - one that cannot be told about must not keep the others open
            logger.warning("an open socket could not be checked; trying again", exc_info=True)
            return True

    def _is_over(self, session: Session, live: set[str], now: datetime) -> bool:
        if session.id and session.id not in live:
            return True
        # A row slides; what a signed token says of its own end does not.
        return not session.token and now >= session.expires_at


class _Socket:
    """One WebSocket between a server and an application."""

    def __init__(self, session: Session, receive: Receive, send: Send, still: Any = None) -> None:
        self.session, self.still = session, still
        self._receive, self._send = receive, send
        self._ended = asyncio.Event()
        self._closed = False

    @property
    def is_ended(self) -> bool:
        return self._ended.is_set()

    async def receive(self) -> Any:
        """What came next; the end, when the session has ended."""
        coming = asyncio.ensure_future(self._receive())
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((coming, ending), return_when=asyncio.FIRST_COMPLETED)
            if not self.is_ended:
                return coming.result()
            return {"type": "websocket.disconnect", "code": SIGNED_OUT}
        finally:
            ending.cancel()
            if not coming.done():
                coming.cancel()

    async def send(self, message: Any) -> None:
        """Send. Where the socket was ended nobody listens any more, and an application that only sends has to hear of
        it: OSError, as servers raise it (ASGI, HTTP and WebSocket protocol, section "Disconnected Client")."""
        is_last = message["type"] == "websocket.close"
        if self._closed and self.is_ended and not is_last:
            raise OSError("the session of this socket has ended")
        if self._closed:
            return
        self._closed = is_last
        await self._send(message)

    async def end(self) -> None:
        self._ended.set()
        try:
            await self.send({"type": "websocket.close", "code": SIGNED_OUT})
        except Exception as reason:  # noqa: BLE001 - each server says in its own way that the client had left
            logger.info("a socket was closed already: %s", type(reason).__name__)
