"""The database goes away, hangs, comes back, or is held by somebody else: an answer in time, and then back to work."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from authmw.core.model import User
from authmw.core.store import Locked, Unavailable
from authmw.stores.sql import SqlStore

from .conftest import SERVERS, TABLES, Thing, url_of, user

pytestmark = pytest.mark.anyio

TIMEOUT = 0.5


class Proxy:
    """Stands between the store and the server; drops what is open, takes no more, or lets nothing through."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._open: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.drop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None

    def drop(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def stall(self) -> None:
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        await self._flows.wait()
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        self._open.add(back)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._flows.wait()
                sink.write(data)
        except OSError:
            pass
        finally:
            self._open.discard(sink)
            sink.close()


@pytest.fixture(params=SERVERS)
async def behind_proxy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[SqlStore, Proxy]]:
    url = url_of(request.param, request, tmp_path)
    parts = urlsplit(url)
    default = 5432 if request.param == "postgresql" else 3306
    proxy = Proxy(parts.hostname or "127.0.0.1", parts.port or default)
    await proxy.start()
    ready = SqlStore(url)
    await ready.open(TABLES, create=True)
    await ready.delete(User, id="u1")
    await ready.close()
    user_info = parts.netloc.rpartition("@")[0]
    store = SqlStore(
        parts._replace(netloc=f"{user_info}@127.0.0.1:{proxy.port}").geturl(), pool=(1, 3), timeout=TIMEOUT
    )
    await store.open(TABLES)
    try:
        yield store, proxy
    finally:
        proxy.flow()
        await store.close()
        await proxy.stop()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


async def until_it_works(store: SqlStore) -> None:
    """A connection that nobody knew to be dead may fail once, and then no more."""
    for _ in range(4):
        try:
            await store.find(User, id="u1")
        except Unavailable:
            continue
        break
    await asyncio.gather(*(store.find(User, id="u1") for _ in range(6)))


async def test_lost_and_found(behind_proxy: tuple[SqlStore, Proxy]) -> None:
    store, proxy = behind_proxy
    await asyncio.gather(*(store.find(User, id="u1") for _ in range(6)))
    await proxy.stop()
    for _ in range(5):
        with within(2 * TIMEOUT + 0.5), pytest.raises(Unavailable):
            await store.find(User, id="u1")
        with pytest.raises(Unavailable):
            await store.insert(user())
        with pytest.raises(Unavailable):
            async with store.transaction() as transaction:
                await transaction.insert(user())
    await proxy.start()
    await until_it_works(store)
    await store.insert(user())
    assert await store.take(User, id="u1") == user()


async def test_hanging_and_going_on(behind_proxy: tuple[SqlStore, Proxy]) -> None:
    store, proxy = behind_proxy
    await asyncio.gather(*(store.find(User, id="u1") for _ in range(6)))
    proxy.stall()
    with within(6 * TIMEOUT):
        answers = await asyncio.gather(*(store.find(User, id="u1") for _ in range(12)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    proxy.flow()
    await until_it_works(store)


@pytest.mark.parametrize("how", ["drop", "stall"])
async def test_lost_in_a_transaction(behind_proxy: tuple[SqlStore, Proxy], how: str) -> None:
    store, proxy = behind_proxy
    with within(6 * TIMEOUT), pytest.raises(Unavailable):
        async with store.transaction() as transaction:
            await transaction.insert(user())
            getattr(proxy, how)()
            await transaction.find(User, id="u1")
    proxy.flow()
    proxy.drop()  # what was on its way is lost
    await until_it_works(store)
    assert await store.find(User, id="u1") is None


@pytest.mark.parametrize("how", ["drop", "stall"])
async def test_lost_at_commit(behind_proxy: tuple[SqlStore, Proxy], how: str) -> None:
    store, proxy = behind_proxy
    with within(6 * TIMEOUT), pytest.raises(Unavailable):
        async with store.transaction() as transaction:
            await transaction.insert(user())
            getattr(proxy, how)()
    proxy.drop()
    proxy.flow()
    await until_it_works(store)


async def test_a_caller_that_swallows_the_loss_does_not_get_a_commit(behind_proxy: tuple[SqlStore, Proxy]) -> None:
    store, proxy = behind_proxy
    with pytest.raises(Unavailable):
        async with store.transaction() as transaction:
            await transaction.insert(user())
            proxy.drop()
            with suppress(Unavailable):
                await transaction.find(User, id="u1")
    await until_it_works(store)
    assert await store.find(User, id="u1") is None


async def test_waiting_for_a_connection_ends(behind_proxy: tuple[SqlStore, Proxy]) -> None:
    store, _ = behind_proxy
    done = asyncio.Event()

    @asynccontextmanager
    async def held() -> AsyncIterator[None]:
        async def hold() -> None:
            async with store.transaction() as transaction:
                await transaction.find(User, id="u1")
                await done.wait()

        tasks = [asyncio.create_task(hold()) for _ in range(3)]
        await asyncio.sleep(0.1)
        yield
        done.set()
        await asyncio.gather(*tasks)

    async with held():
        with within(2 * TIMEOUT), pytest.raises(Unavailable):
            await store.find(User, id="u1")
    await store.find(User, id="u1")


async def test_a_row_that_somebody_holds_is_locked(behind_proxy: tuple[SqlStore, Proxy]) -> None:
    store, _ = behind_proxy
    await store.insert(user())
    with within(12):
        async with store.transaction() as transaction:
            await transaction.update(User, {"id": "u1"}, name="Eve")
            with pytest.raises((Locked, Unavailable)):
                await store.update(User, {"id": "u1"}, name="Bob")
    assert await store.take(User, id="u1") == user(name="Eve")


@pytest.mark.parametrize(
    "url", ["postgresql://root@127.0.0.1:1/x", "mysql://root@127.0.0.1:1/x", "sqlite:////nowhere/x.db"]
)
async def test_down_at_the_start(url: str) -> None:
    store = SqlStore(url, timeout=TIMEOUT)
    for _ in range(2):
        with within(3 * TIMEOUT), pytest.raises(Unavailable):
            await store.open(TABLES)
    with pytest.raises(Unavailable):
        await store.find(User, id="u1")
    await store.close()


@pytest.fixture
async def locked_file(tmp_path: Path) -> AsyncIterator[tuple[SqlStore, sqlite3.Connection]]:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.db'}", timeout=0.1)
    await store.open(TABLES)
    await store.insert(Thing(id="t", name="x"))
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    try:
        yield store, other
    finally:
        other.close()
        await store.close()


async def test_another_process_writes_for_too_long(locked_file: tuple[SqlStore, sqlite3.Connection]) -> None:
    store, other = locked_file
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with within(1), pytest.raises(Locked):
            await store.update(Thing, {"id": "t"}, number=1)
        with within(1), pytest.raises(Locked):
            async with store.transaction() as transaction:
                await transaction.insert(user())
        assert await store.find(Thing, id="t") == Thing(id="t", name="x")  # readers are not in the way
    other.execute("ROLLBACK")
    assert await store.update(Thing, {"id": "t"}, number=1) == 1


async def test_another_process_writes_for_a_moment(locked_file: tuple[SqlStore, sqlite3.Connection]) -> None:
    store, other = locked_file
    other.execute("BEGIN IMMEDIATE")
    asyncio.get_running_loop().call_later(0.1, other.execute, "COMMIT")
    assert await store.update(Thing, {"id": "t"}, number=1) == 1


async def test_a_file_locked_against_readers_does_not_stop_the_event_loop(
    locked_file: tuple[SqlStore, sqlite3.Connection],
) -> None:
    store, other = locked_file
    # A client that switches WAL off has the file for itself while it does.
    await store.close()
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    with within(2), pytest.raises(Locked):
        await store.open(TABLES)
    other.execute("ROLLBACK")
    await store.open(TABLES)
    assert await store.find(Thing, id="t") is not None


async def test_the_turn_is_not_waited_for_for_ever(locked_file: tuple[SqlStore, sqlite3.Connection]) -> None:
    store, _ = locked_file
    async with store.transaction() as transaction:
        await transaction.update(Thing, {"id": "t"}, number=2)
        with within(1), pytest.raises(Locked):
            await asyncio.create_task(store.update(Thing, {"id": "t"}, number=3))
        with pytest.raises(RuntimeError):  # by the task that holds the turn itself
            await store.update(Thing, {"id": "t"}, number=3)
    found = await store.find(Thing, id="t")
    assert found is not None and found.number == 2
