"""One connection at a time, borrowed from `databases`: what every driver does, and how the networked ones fail."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any, ClassVar, Protocol, TypeVar

from databases import Database
from databases.core import Connection

from ..core.store import Unavailable
from .dialects import Dialect
from .failures import Deadlock, store_failure
from .statements import Query

T = TypeVar("T")
Rows = Sequence[Sequence[Any]]

# A lone statement that lost a deadlock is asked again; in a transaction it is for the caller to begin anew.
ATTEMPTS = 4
FIRST_PAUSE = 0.005  # seconds

# The server gives up a little earlier than we do: what we report as failed must not be written a moment later.
SERVER_TIME_OF_TIMEOUT = 0.9


class Link(Protocol):
    """A connection inside a transaction."""

    async def fetch(self, query: Query) -> Rows: ...

    async def change(self, query: Query) -> int:
        """Run an INSERT, UPDATE or DELETE; return how many rows fitted."""
        ...


class Driver(ABC):
    """A database that was opened: lone statements, and transactions."""

    dialect: ClassVar[Dialect]
    database: Database

    @abstractmethod
    async def open(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def fetch(self, query: Query) -> Rows: ...

    @abstractmethod
    async def change(self, query: Query) -> int: ...

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Link]:
        """Commit at the end, roll back on an exception; neither is cut short by a cancellation."""
        ...

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Wait that long for each statement, instead of the usual time: for migrations."""
        yield


def lease(database: Database) -> Connection:
    """A connection for this use only, for `async with`.

    `database.connection()` would give the same one to everything that a task does: a statement meant to
    stand alone would join the transaction around it, and a cancelled task would find its connection half released.
    """
    return Connection(database, database._backend)


async def unbroken(work: Awaitable[T]) -> T:
    """Run `work` to its end even when the caller is cancelled meanwhile; the cancellation goes on afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # seen: the cancellation is what the caller hears of
        raise cancelled
    return task.result()


async def again_after_deadlock(once: Callable[[], Awaitable[T]]) -> T:
    """Await what stands alone, so that nothing is written when it gives way to another: a few times, then give up."""
    pause = FIRST_PAUSE
    for _ in range(ATTEMPTS - 1):
        try:
            return await once()
        except Deadlock:
            await asyncio.sleep(pause * (1 + secrets.randbelow(1000) / 1000))  # so that callers do not meet again
            pause *= 3
    return await once()


class NetworkDriver(Driver):
    """PostgreSQL and MySQL: a pool, time limits, and connections that are thrown away once in doubt."""

    def __init__(self, database: Database, *, timeout: float) -> None:
        self.database, self.timeout = database, timeout
        self._opened_here = False

    # What a dialect adds; `raw` is the connection of its driver.

    @abstractmethod
    async def run(self, raw: Any, query: Query) -> Rows: ...

    @abstractmethod
    async def run_change(self, raw: Any, query: Query) -> int: ...

    async def run_change_in_transaction(self, raw: Any, query: Query) -> int:
        return await self.run_change(raw, query)

    @abstractmethod
    async def command(self, raw: Any, text: str) -> None:
        """Run BEGIN, COMMIT or ROLLBACK; raise StoreError when it did something else."""
        ...

    @abstractmethod
    def discard(self, raw: Any) -> None:
        """Close the connection at once: what state it is in, nobody knows."""
        ...

    # The same for both.

    async def open(self) -> None:
        if not self.database.is_connected:
            await self._limited(self.database.connect())
            self._opened_here = True

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        usual, self.timeout = self.timeout, seconds
        try:
            yield
        finally:
            self.timeout = usual

    async def close(self) -> None:
        if self._opened_here:
            self._opened_here = False
            with suppress(Unavailable):  # there may be nobody left to say good-bye to
                await self._limited(self.database.disconnect())

    async def fetch(self, query: Query) -> Rows:
        return await self._alone(self.run, query)

    async def change(self, query: Query) -> int:
        return await self._alone(self.run_change, query)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Link]:
        async with self.connection() as raw:
            link = NetworkLink(self, raw)
            await self.guarded(raw, self.command(raw, "BEGIN"))
            try:
                yield link
            except BaseException:
                await unbroken(self._roll_back(raw))
                raise
            await unbroken(self.guarded(raw, self.command(raw, "COMMIT")))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """The driver's own connection, for as long as the block lasts."""
        if not self.database.is_connected:
            raise Unavailable("the store is not open")
        borrowed = lease(self.database)
        await self._limited(borrowed.__aenter__())
        raw = borrowed.raw_connection
        try:
            yield raw
        finally:
            await self._give_back(borrowed, raw)

    async def guarded(self, raw: Any, work: Awaitable[T]) -> T:
        """Await `work` on `raw` for the time we have, and throw `raw` away when it does not come to a clean end."""
        try:
            return await self._limited(work)
        except (asyncio.CancelledError, Unavailable):
            self.discard(raw)
            raise

    async def _alone(self, run: Callable[[Any, Query], Coroutine[Any, Any, T]], query: Query) -> T:
        async def once() -> T:
            async with self.connection() as raw:
                return await self.guarded(raw, run(raw, query))

        return await again_after_deadlock(once)

    async def _limited(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self.timeout):
                return await work
        except Exception as error:
            failure = store_failure(error)
            if failure is None:
                raise
        # Outside the block above, so that the driver's error, which quotes values, is not carried along.
        raise failure

    async def _roll_back(self, raw: Any) -> None:
        try:
            await self.guarded(raw, self.command(raw, "ROLLBACK"))
        except Exception:  # noqa: BLE001
            # The server rolls back what loses its connection, and the exception in flight says more.
            self.discard(raw)

    async def _give_back(self, borrowed: Connection, raw: Any) -> None:
        try:
            await self._limited(borrowed.__aexit__(None, None, None))
        except Unavailable:
            self.discard(raw)


class NetworkLink:
    def __init__(self, driver: NetworkDriver, raw: Any) -> None:
        self._driver, self._raw = driver, raw

    async def fetch(self, query: Query) -> Rows:
        return await self._driver.guarded(self._raw, self._driver.run(self._raw, query))

    async def change(self, query: Query) -> int:
        return await self._driver.guarded(self._raw, self._driver.run_change_in_transaction(self._raw, query))
