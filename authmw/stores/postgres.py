"""PostgreSQL: asyncpg behind `databases`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import asyncpg
from databases import Database

from ..core.store import StoreError, Unavailable
from .dialects import POSTGRESQL
from .drivers import SERVER_TIME_OF_TIMEOUT, NetworkDriver, Rows
from .failures import store_failure
from .statements import Query

# Waiting for a lock ends before the statement's own time does, so that it is known which of the two it was.
LOCK_WAIT_OF_TIMEOUT = 0.75


class PostgresDriver(NetworkDriver):
    dialect = POSTGRESQL

    @classmethod
    def of(cls, existing: Any, *, pool: tuple[int, int], timeout: float) -> PostgresDriver:
        """A driver for a URL, a `databases.Database` or an asyncpg pool; the latter two are shared."""
        if isinstance(existing, Database):
            if "aiopg" not in existing.url.scheme:
                return cls(existing, timeout=timeout)
            existing = str(existing.url)
        if not isinstance(existing, str):
            database = Database("postgresql://")
            backend: Any = database._backend
            backend._pool = existing
            database.is_connected = True
            return cls(database, timeout=timeout)
        least, most = pool
        database = Database(
            "postgresql" + existing[existing.index("://") :],
            min_size=least,
            max_size=most,
            timeout=timeout,
            reset=_leave_as_it_is,
            server_settings={
                "timezone": "UTC",
                "statement_timeout": str(int(timeout * 1000 * SERVER_TIME_OF_TIMEOUT)),
                "lock_timeout": str(int(timeout * 1000 * LOCK_WAIT_OF_TIMEOUT)),
                "application_name": "authmw",
            },
        )
        return cls(database, timeout=timeout)

    async def run(self, raw: Any, query: Query) -> Rows:
        rows: Rows = await raw.fetch(query.text, *query.args)
        return rows

    async def run_change(self, raw: Any, query: Query) -> int:
        if " RETURNING " in query.text:
            return len(await raw.fetch(query.text, *query.args))
        await raw.execute(query.text, *query.args)
        return 1

    async def run_change_in_transaction(self, raw: Any, query: Query) -> int:
        # A statement that fails would take the transaction with it; on the other databases it does not.
        await raw.execute("SAVEPOINT authmw")
        try:
            changed = await self.run_change(raw, query)
        except Exception as error:
            if not isinstance(store_failure(error), Unavailable):
                await raw.execute("ROLLBACK TO SAVEPOINT authmw; RELEASE SAVEPOINT authmw")
            raise
        await raw.execute("RELEASE SAVEPOINT authmw")
        return changed

    async def command(self, raw: Any, text: str) -> None:
        done = await raw.execute(text)
        if done != text:  # a COMMIT of a transaction that failed answers ROLLBACK, and no error
            raise StoreError(f"{text} ended as {done}: nothing was written")

    def discard(self, raw: Any) -> None:
        with suppress(asyncpg.InterfaceError):  # it was closed before, and the pool knows
            raw.terminate()


async def _leave_as_it_is(_: Any) -> None:
    """Instead of asyncpg's four statements after each use: we change nothing about a connection."""
