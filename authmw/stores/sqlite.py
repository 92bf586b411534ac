"""SQLite behind `databases`: one long-lived writer in its own thread, reads inline on the event loop's thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from databases import Database
from databases.core import DatabaseURL
from databases.interfaces import ConnectionBackend, DatabaseBackend

from ..core.store import Locked, Unavailable
from .dialects import SQLITE
from .drivers import Driver, Link, Rows, lease, unbroken
from .failures import store_failure
from .statements import Query

T = TypeVar("T")

# Reads do not wait for writers in WAL mode. They do for a moment while another process opens the file, recovers it
# or changes its journal mode; the event loop must not stand still for that, so it is the coroutine that waits.
READ_RETRY_PAUSE = 0.01

# With `timeout=2.0`, as long as data.md asks: a writer that waits for its turn is not yet a database that is down.
LOCK_WAIT_PER_TIMEOUT = 2.5

STATEMENTS_KEPT = 512


class SqliteBackend(DatabaseBackend):
    """The file, its two connections and the lock that gives the writer to one transaction at a time.

    An in-memory database has one connection for both, so its reads wait while a transaction is open.
    """

    def __init__(self, database_url: DatabaseURL | str, *, timeout: float = 2.0) -> None:
        self.path = sqlite_path(str(database_url))
        self.in_memory = self.path == ":memory:"
        self.wait = timeout * LOCK_WAIT_PER_TIMEOUT
        self.lock = asyncio.Lock()
        self.owner: asyncio.Task[Any] | None = None
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def connect(self) -> None:
        try:
            self._writer = self._opened()
            self._reader = self._writer if self.in_memory else self._opened(reads_only=True)
        except sqlite3.Error:
            self._close()
            raise
        self.lock, self.owner = asyncio.Lock(), None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="authmw-sqlite")

    async def disconnect(self) -> None:
        if self._thread is None:
            return
        try:
            await self.take_turn()  # let a transaction that is under way come to its end
            self.end_turn()
        except Locked:
            pass
        self._close()

    def connection(self) -> SqliteConnection:
        return SqliteConnection(self)

    @property
    def reader(self) -> sqlite3.Connection:
        if self._reader is None:
            raise Unavailable("the store is not open")
        return self._reader

    @property
    def writer(self) -> sqlite3.Connection:
        if self._writer is None:
            raise Unavailable("the store is not open")
        return self._writer

    async def write(self, job: Callable[[], T]) -> T:
        """Run `job` in the writer's thread, to its end even when the caller is cancelled."""
        if self._thread is None:
            raise Unavailable("the store is not open")
        if self.in_memory:
            return job()
        return await unbroken(asyncio.get_running_loop().run_in_executor(self._thread, job))

    async def take_turn(self) -> None:
        """Wait for the writer. Raise Locked when another transaction keeps it for too long."""
        task = asyncio.current_task()
        if self.owner is not None and self.owner is task:
            raise RuntimeError("inside a transaction, use the store that transaction() handed out")
        if self.lock.locked():
            try:
                async with asyncio.timeout(self.wait):
                    await self.lock.acquire()
            except TimeoutError:
                raise Locked("another transaction of this process holds the SQLite file") from None
        else:
            await self.lock.acquire()
        self.owner = task

    def end_turn(self) -> None:
        self.owner = None
        self.lock.release()

    def _opened(self, *, reads_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS_KEPT
        )
        # While the file is opened nothing else runs; afterwards the reader must never hold up the event loop.
        connection.execute(f"PRAGMA busy_timeout = {int(self.wait * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        if reads_only:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA busy_timeout = 0")
        return connection

    def _close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=True)
        reader, writer, self._reader, self._writer = self._reader, self._writer, None, None
        for connection in (reader, writer):  # the writer last: it folds the WAL into the file
            if connection is not None:
                connection.close()


class SqliteConnection(ConnectionBackend):
    """What `databases` hands on: a view of the backend, that remembers whether it is in a transaction."""

    def __init__(self, backend: SqliteBackend) -> None:
        self._backend = backend
        self._in_transaction = False

    async def acquire(self) -> None:
        """Nothing to do: the connections are open."""

    async def release(self) -> None:
        """Nothing to do: they stay open."""

    async def fetch_all(self, query: Any) -> Any:
        """The rows of a `Query`, as tuples."""
        backend = self._backend
        if self._in_transaction:
            return await backend.write(lambda: backend.writer.execute(query.text, query.args).fetchall())
        if query.writes:
            await backend.take_turn()
            try:
                return await backend.write(lambda: backend.writer.execute(query.text, query.args).fetchall())
            finally:
                backend.end_turn()
        if backend.in_memory and backend.lock.locked():
            await backend.take_turn()
            backend.end_turn()
            # The turn was ours for a moment and nothing was awaited since: nobody's half-done work is in sight.
        try:
            # All rows at once: a statement that is left half read would hold on to its snapshot of the file.
            return backend.reader.execute(query.text, query.args).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
        return await self._read_again(query)

    async def _read_again(self, query: Query) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._backend.wait
        while True:
            await asyncio.sleep(READ_RETRY_PAUSE)
            try:
                return self._backend.reader.execute(query.text, query.args).fetchall()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not busy or loop.time() > deadline:
                    raise

    async def begin(self) -> None:
        backend = self._backend
        await backend.take_turn()
        try:
            await backend.write(lambda: backend.writer.execute("BEGIN IMMEDIATE"))
        except BaseException:
            # Cancelled while it began: the transaction may be open by now.
            await self._undo()
            backend.end_turn()
            raise
        self._in_transaction = True

    async def commit(self) -> None:
        backend = self._backend
        try:
            await backend.write(lambda: backend.writer.execute("COMMIT"))
        finally:
            await self._end()

    async def rollback(self) -> None:
        await self._end()

    async def _end(self) -> None:
        if self._in_transaction:
            self._in_transaction = False
            try:
                await self._undo()
            finally:
                self._backend.end_turn()

    async def _undo(self) -> None:
        writer = self._backend.writer
        if writer.in_transaction:
            await self._backend.write(lambda: writer.execute("ROLLBACK"))

    @property
    def raw_connection(self) -> SqliteConnection:
        return self


class SqliteDatabase(Database):
    SUPPORTED_BACKENDS = {"sqlite": f"{__name__}:SqliteBackend"}


class SqliteDriver(Driver):
    dialect = SQLITE

    def __init__(self, url: str, *, timeout: float) -> None:
        self.database = SqliteDatabase(url, timeout=timeout)

    async def open(self) -> None:
        try:
            await self.database.connect()
        except sqlite3.Error as error:
            raise store_failure(error) or error from None

    async def close(self) -> None:
        await self.database.disconnect()

    async def fetch(self, query: Query) -> Rows:
        try:
            async with lease(self.database) as connection:
                return await connection.fetch_all(query)  # type: ignore[arg-type]
        except sqlite3.Error as error:
            failure = store_failure(error)
            if failure is None:
                raise
        raise failure

    async def change(self, query: Query) -> int:
        return len(await self.fetch(query))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Link]:
        async with lease(self.database) as connection:
            link = SqliteLink(connection.raw_connection)
            await link.run(link.connection.begin())
            try:
                yield link
            except BaseException:
                await unbroken(link.run(link.connection.rollback()))
                raise
            await unbroken(link.run(link.connection.commit()))


class SqliteLink:
    """The writer, while it belongs to one transaction."""

    def __init__(self, connection: SqliteConnection) -> None:
        self.connection = connection

    async def fetch(self, query: Query) -> Rows:
        return await self.run(self.connection.fetch_all(query))

    async def change(self, query: Query) -> int:
        return len(await self.fetch(query))

    async def run(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except sqlite3.Error as error:
            failure = store_failure(error)
            if failure is None:
                raise
        raise failure


def sqlite_path(url: str) -> str:
    """`sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` and `:memory:` → what sqlite3 opens."""
    if url == ":memory:":
        return url
    path = unquote(urlsplit(url).path)[1:]
    return path if path not in ("", ":memory:") else ":memory:"
