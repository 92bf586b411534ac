"""MySQL and MariaDB: asyncmy behind `databases`."""

from __future__ import annotations

import logging
from typing import Any

from asyncmy.constants import CLIENT
from databases import Database

from .dialects import MYSQL
from .drivers import SERVER_TIME_OF_TIMEOUT, NetworkDriver, Rows
from .statements import Query

# It logs the warnings of the server, which may quote values.
logging.getLogger("asyncmy").setLevel(logging.ERROR)

# Times are read and written in UTC; what does not fit a column is an error, not cut short; and a transaction
# sees what others committed, as on PostgreSQL, without the gap locks that make writers of other rows wait.
# The isolation level has another name on each server; each reads one of the two comments. MariaDB also ends a
# statement whose caller was told that it failed, which MySQL can do for SELECT only: there a write that waits for a
# lock ends after `seconds`, so that a `timeout` below 2 seconds may be over before it.
SESSION = (
    "SET time_zone = '+00:00', innodb_lock_wait_timeout = {seconds},"
    " sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'"
    " /*!80000 , transaction_isolation = 'READ-COMMITTED' */"
    " /*M!100000 , tx_isolation = 'READ-COMMITTED', max_statement_time = {limit} */"
)


class MysqlDriver(NetworkDriver):
    dialect = MYSQL

    @classmethod
    def at(cls, url: str, *, pool: tuple[int, int], timeout: float) -> MysqlDriver:
        least, most = pool
        seconds = max(1, int(timeout) - 1)  # before the statement's own time ends, so that we know which it was
        database = Database(
            "mysql+asyncmy" + url[url.index("://") :],
            min_size=least,
            max_size=most,
            connect_timeout=timeout,
            charset="utf8mb4",
            # An UPDATE then tells how many rows fitted, rather than how many it left different from before.
            client_flag=CLIENT.FOUND_ROWS,
            init_command=SESSION.format(seconds=seconds, limit=timeout * SERVER_TIME_OF_TIMEOUT),
        )
        return cls(database, timeout=timeout)

    async def run(self, raw: Any, query: Query) -> Rows:
        async with raw.cursor() as cursor:
            await cursor.execute(query.text, tuple(query.args) or None)
            rows: Rows = await cursor.fetchall() if cursor.description else ()
            return rows

    async def run_change(self, raw: Any, query: Query) -> int:
        async with raw.cursor() as cursor:
            await cursor.execute(query.text, tuple(query.args) or None)
            return int(cursor.rowcount)

    async def command(self, raw: Any, text: str) -> None:
        async with raw.cursor() as cursor:
            await cursor.execute(text)

    def discard(self, raw: Any) -> None:
        raw.close()
