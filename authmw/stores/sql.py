"""`SqlStore`: rows in SQLite, PostgreSQL or MySQL, through `databases`."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from databases import Database as DatabasesDatabase

from ..core.errors import ConfigurationError
from ..core.schema import Row, table_of
from ..core.store import Store, StoreError
from .catalog import missing_in
from .dialects import Dialect
from .drivers import Driver, Link, Rows, again_after_deadlock
from .rows import row_builder, written
from .statements import Query, Statements

R = TypeVar("R", bound=Row)
S = TypeVar("S", bound=Row)

# At DEBUG, `databases` prints every bound value: tokens, hashes, addresses.
logging.getLogger("databases").setLevel(logging.WARNING)


class Verbs(ABC):
    """The verbs of a store, over whatever runs statements."""

    dialect: Dialect
    statements: Statements

    @abstractmethod
    async def _fetch(self, query: Query) -> Rows: ...

    @abstractmethod
    async def _change(self, query: Query) -> int: ...

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Store]: ...

    async def insert(self, row: R) -> R:
        values = written(self.dialect, row)
        await self._change(self.statements.insert(type(row), values))
        read: R = row_builder(self.dialect, type(row))(values)
        return read

    async def find(self, table: type[R], /, **where: Any) -> R | None:
        query = self.statements.select(table, where, limit=1)
        rows = await self._fetch(query) if query is not None else ()
        return row_builder(self.dialect, table)(rows[0]) if rows else None

    async def find_all(
        self, table: type[R], /, *, order: str | None = None, limit: int | None = 100, offset: int = 0, **where: Any
    ) -> list[R]:
        query = self.statements.select(table, where, order=order, limit=limit, offset=offset)
        if query is None:
            return []
        return [row_builder(self.dialect, table)(row) for row in await self._fetch(query)]

    async def find_joined(self, table: type[R], other: type[S], /, **where: Any) -> tuple[R, S] | None:
        query = self.statements.joined(table, other, where)
        rows = await self._fetch(query) if query is not None else ()
        if not rows:
            return None
        width = len(table_of(table).columns)
        first, second = row_builder(self.dialect, table), row_builder(self.dialect, other)
        values = tuple(rows[0])
        return first(values[:width]), second(values[width:])

    async def count(self, table: type[Row], /, **where: Any) -> int:
        query = self.statements.count(table, where)
        return int((await self._fetch(query))[0][0]) if query is not None else 0

    async def update(self, table: type[Row], where: Mapping[str, Any], /, **changes: Any) -> int:
        query = self.statements.update(table, where, changes)
        return await self._change(query) if query is not None else 0

    async def take(self, table: type[R], /, **where: Any) -> R | None:
        query = self.statements.take(table, where)
        rows = await self._fetch(query) if query is not None else ()
        return row_builder(self.dialect, table)(rows[0]) if rows else None

    async def delete(self, table: type[Row], /, **where: Any) -> int:
        query = self.statements.delete(table, where)
        return await self._change(query) if query is not None else 0


class SqlStore(Verbs):
    """A store in the database at a URL, or in one that the application has opened already.

    `existing` is a URL, a `databases.Database` or an asyncpg pool. Connections of a Database for PostgreSQL and
    of a pool are shared and stay open after `close()`; for the others a pool of our own is made from the URL, as
    SQLite and MySQL need settings of ours. `pool` is the least and the greatest number of connections; `timeout`
    is in seconds and holds for connecting, for waiting for a connection and for each statement.
    """

    def __init__(
        self,
        existing: str | DatabasesDatabase | Any,
        *,
        pool: tuple[int, int] = (1, 10),
        timeout: float = 2.0,
    ) -> None:
        self._driver = driver_for(existing, pool, timeout)
        self.dialect = self._driver.dialect
        self.statements = Statements(self.dialect)
        # A transaction belongs to one event loop, and so does everything else here.
        self.url = str(self._driver.database.url)

    async def open(self, tables: Sequence[type[Row]], *, create: bool | None = None) -> None:
        """See `core.store.Database`."""
        await self._driver.open()
        try:
            await self._check(tables, create if create is not None else self.dialect.name == "sqlite")
        except BaseException:
            await self._driver.close()
            raise

    async def close(self) -> None:
        await self._driver.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Store]:
        async with self._driver.transaction() as link:
            store = Transaction(link, self.statements)
            try:
                yield store
                if store.broken:
                    raise StoreError("a part of this transaction failed, so none of it is kept")
            finally:
                store.over = True

    async def take(self, table: type[R], /, **where: Any) -> R | None:
        if self.dialect.returning:
            return await super().take(table, **where)

        async def once() -> R | None:
            async with self._driver.transaction() as link:
                return await Transaction(link, self.statements).take(table, **where)

        return await again_after_deadlock(once)

    async def _fetch(self, query: Query) -> Rows:
        return await self._driver.fetch(query)

    async def _change(self, query: Query) -> int:
        return await self._driver.change(query)

    async def _check(self, tables: Sequence[type[Row]], create: bool) -> None:
        missing = await missing_in(self._driver, tables)
        if not missing:
            return
        if not create:
            listed = "\n  ".join(map(str, missing))
            raise ConfigurationError(
                f"The database lacks what this application needs:\n  {listed}\nRun `authmw migrate`, or show the SQL with"
                " `authmw migrate --sql`."
            )
        from .migrations import make  # and with it more of SQLAlchemy: not when nothing is missing

        await make(self._driver, tables)


class Transaction(Verbs):
    """A store whose statements all run on one connection, between BEGIN and COMMIT."""

    def __init__(self, link: Link, statements: Statements) -> None:
        self._link, self.statements, self.dialect = link, statements, statements.dialect
        self._one_at_a_time = asyncio.Lock()
        self.over = False
        self.broken = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Store]:
        try:
            yield self
        except BaseException:
            # Half of the inner block is done. Whoever catches this must not commit that half with the rest.
            self.broken = True
            raise

    async def take(self, table: type[R], /, **where: Any) -> R | None:
        if self.dialect.returning:
            return await super().take(table, **where)
        query = self.statements.select(table, where, limit=1, lock=True)
        rows = await self._fetch(query) if query is not None else ()
        if not rows:
            return None
        row: R = row_builder(self.dialect, table)(rows[0])
        return row if await self.delete(table, id=row.id) == 1 else None

    async def _fetch(self, query: Query) -> Rows:
        async with self._one_at_a_time:
            return await self._open_link().fetch(query)

    async def _change(self, query: Query) -> int:
        async with self._one_at_a_time:
            return await self._open_link().change(query)

    def _open_link(self) -> Link:
        if self.over:
            raise RuntimeError("this transaction has ended; its store cannot be used any more")
        return self._link


def driver_for(existing: Any, pool: tuple[int, int] = (1, 10), timeout: float = 2.0) -> Driver:
    """The driver for a URL or for what is open already. Drivers are imported here: only one is ever needed."""
    url = existing if isinstance(existing, str) else str(getattr(existing, "url", "postgresql://"))
    scheme = url.split(":", 1)[0].split("+")[0]
    if url == ":memory:" or scheme == "sqlite":
        from .sqlite import SqliteDriver

        return SqliteDriver("sqlite://" if url == ":memory:" else url, timeout=timeout)
    if scheme in ("postgresql", "postgres"):
        from .postgres import PostgresDriver

        return PostgresDriver.of(existing, pool=pool, timeout=timeout)
    if scheme in ("mysql", "mariadb"):
        from .mysql import MysqlDriver

        return MysqlDriver.at(url, pool=pool, timeout=timeout)
    raise ConfigurationError(
        f"There is no database for {scheme}://; write sqlite:///app.db, postgresql://… or mysql://…"
    )
