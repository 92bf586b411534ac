"""A store of each kind, empty, for each test; databases are made once a session and dropped at its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from authmw.core.model import SHARED_TABLES, Session, User
from authmw.core.schema import Row, column
from authmw.core.store import Database, Not
from authmw.stores.memory import MemoryStore
from authmw.stores.sql import SqlStore

POSTGRESQL = os.environ.get("AUTHMW_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")
MYSQL = os.environ.get("AUTHMW_TEST_MYSQL", "mysql://root@127.0.0.1:3306/mysql")
NAME = f"authmw_stores_{os.getpid()}"

NOW = datetime(2026, 11, 23, 23, 40, 5, 932_000, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A row with a column of every kind."""

    table_name: ClassVar[str] = "thing"

    id: str
    name: str = field(metadata=column(index=True))
    note: str | None = field(default=None, metadata=column(long=True))
    number: int = 0
    large: int | None = field(default=None, metadata=column(big=True))
    done: bool = False
    at: datetime | None = None
    data: dict[str, Any] | None = None
    tags: list[str] = field(default_factory=list)
    parent_id: str | None = field(default=None, metadata=column(references="thing", index=True))


TABLES: tuple[type[Row], ...] = (*SHARED_TABLES, Thing)


def user(id: str = "u1", email: str | None = None, **more: Any) -> User:
    given: dict[str, Any] = {"name": "Ada", "created_at": NOW, "updated_at": NOW, **more}
    return User(id=id, email=email if email is not None else f"{id}@example.com", **given)


def session(id: str = "s1", user_id: str = "u1", **more: Any) -> Session:
    given: dict[str, Any] = {"token": f"token-{id}", "expires_at": NOW, "created_at": NOW, "updated_at": NOW, **more}
    return Session(id=id, user_id=user_id, **given)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    import asyncpg

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(POSTGRESQL, timeout=3)
        await connection.execute(statement)
        await connection.close()

    _run_or_skip("PostgreSQL", lambda: run(f'CREATE DATABASE "{NAME}"'))
    yield POSTGRESQL.rsplit("/", 1)[0] + f"/{NAME}"
    _run(lambda: run(f'DROP DATABASE "{NAME}" WITH (FORCE)'))


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    import asyncmy

    async def run(statement: str) -> None:
        parts = urlsplit(MYSQL)
        connection = await asyncmy.connect(
            host=parts.hostname, port=parts.port or 3306, user=parts.username, password=parts.password or ""
        )
        async with connection.cursor() as cursor:
            await cursor.execute(statement)
        await connection.ensure_closed()

    # The collation that most servers have by default: it takes `a`, `A` and `á` for equal.
    _run_or_skip("MySQL", lambda: run(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"))
    yield MYSQL.rsplit("/", 1)[0] + f"/{NAME}"
    _run(lambda: run(f"DROP DATABASE {NAME}"))


def _run(work: Any) -> None:
    # In a thread of its own: the fixture may be asked for while an event loop runs in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(work())).result()


def _run_or_skip(name: str, work: Any) -> None:
    try:
        _run(work)
    except Exception as error:
        if os.environ.get("AUTHMW_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"{name} is not there: {error}")


KINDS = ("memory", "sqlite", "sqlite-memory", "postgresql", "mysql")
SQL_KINDS = KINDS[1:]
SERVERS = ("postgresql", "mysql")


def url_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind in SERVERS:
        url: str = request.getfixturevalue(f"{kind}_url")
        return url
    return "sqlite://" if kind == "sqlite-memory" else f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async for made in opened(request.param, request, tmp_path):
        yield made


@pytest.fixture(params=SQL_KINDS)
async def sql_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    async for made in opened(request.param, request, tmp_path):
        assert isinstance(made, SqlStore)
        yield made


async def opened(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if kind == "memory":
        made: Database = MemoryStore()
    else:
        made = SqlStore(url_of(kind, request, tmp_path), pool=(1, 8), timeout=5.0)
    await made.open(TABLES, create=True)
    for table in (Thing, *reversed(SHARED_TABLES)):
        await made.delete(table, id=Not(None))
    try:
        yield made
    finally:
        await made.close()
