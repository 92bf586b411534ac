"""What cannot be seen from the verbs: indexes are used, files are set up right, and no value gets into a log."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from pathlib import Path
from typing import Any

import databases
import pytest

from authmw.core.errors import ConfigurationError
from authmw.core.model import Account, RateLimit, Session, User, Verification
from authmw.core.store import Conflict, Unavailable
from authmw.stores.sql import SqlStore
from authmw.stores.statements import Query

from .conftest import NOW, TABLES, Thing, session, user

pytestmark = pytest.mark.anyio

LOOK_UPS: list[tuple[Any, str]] = [
    (Session, "token"),
    (Session, "user_id"),
    (Account, "user_id"),
    (Verification, "identifier"),
    (Verification, "subject"),
    (User, "email"),
    (User, "id"),
    (RateLimit, "key"),
]


@pytest.mark.parametrize(("table", "attribute"), LOOK_UPS, ids=[f"{row.__name__}.{name}" for row, name in LOOK_UPS])
async def test_an_index_answers(sql_store: SqlStore, table: Any, attribute: str) -> None:
    async with sql_store.transaction() as within:
        for number in range(60):  # enough for a planner to care
            await within.insert(user(f"u{number}"))
            await within.insert(session(f"s{number}", f"u{number}"))
            await within.insert(
                Account(
                    id=f"a{number}",
                    account_id="x",
                    provider_id="p",
                    user_id=f"u{number}",
                    created_at=NOW,
                    updated_at=NOW,
                )
            )
            await within.insert(
                Verification(
                    id=f"v{number}", identifier=f"i{number}", value="x", expires_at=NOW, created_at=NOW, updated_at=NOW,
                    subject=f"u{number}",
                )
            )  # fmt: skip
            await within.insert(RateLimit(id=f"r{number}", key=f"k{number}", count=1, last_request=1))
    queries = [sql_store.statements.select(table, {attribute: "x"}, limit=1)]
    queries.append(sql_store.statements.update(table, {attribute: "x"}, {"id": "y"}))
    if table is Session:
        queries.append(sql_store.statements.joined(Session, User, {attribute: "x"}))
    for query in queries:
        assert query is not None
        plan = await explained(sql_store, query)
        assert not re.search(r"\bSCAN\b|Seq Scan|\bALL\b", plan), f"{query.text}\n{plan}"


async def explained(store: SqlStore, query: Query) -> str:
    driver = store._driver
    if store.dialect.name == "postgresql":
        async with driver.transaction() as link:
            await link.fetch(Query("SET LOCAL enable_seqscan = off", [], True))
            return str(await link.fetch(Query(f"EXPLAIN {query.text}", query.args, True)))
    how = "EXPLAIN QUERY PLAN" if store.dialect.name == "sqlite" else "EXPLAIN"
    return str([tuple(row) for row in await driver.fetch(Query(f"{how} {query.text}", query.args, False))])


CANARY = "canary-5f1d"


async def test_no_value_gets_into_a_log_or_an_error(sql_store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "databases", "asyncpg", "asyncmy", "aiosqlite", "sqlalchemy", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    row = user(CANARY, f"{CANARY}@example.com", name=CANARY, image=CANARY)
    await sql_store.insert(row)
    await sql_store.insert(session(f"s-{CANARY}", CANARY))
    said = []
    for again in (row, user("other", f"{CANARY}@example.com"), session("s2", f"{CANARY}-nobody"), user("x" * 300)):
        try:
            await sql_store.insert(again)
        except (Conflict, ValueError) as error:
            while error is not None:
                said.append(repr(error))
                error = error.__cause__ or error.__context__  # type: ignore[assignment]
    await sql_store.find(User, email=f"{CANARY}@example.com")
    await sql_store.update(User, {"email": f"{CANARY}@example.com"}, name=CANARY)
    async with sql_store.transaction() as within:
        await within.find_joined(Session, User, token=f"token-s-{CANARY}")
    await sql_store.take(User, email=f"{CANARY}@example.com")
    assert len(said) >= 3
    assert CANARY not in caplog.text + "".join(said)


async def test_the_file_is_set_up_as_it_must_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url, path in (
        ("sqlite:///relative.db", "relative.db"),
        (f"sqlite:///{tmp_path}/absolute%20one.db", "absolute one.db"),
    ):
        store = SqlStore(url)
        await store.open(TABLES)
        await store.insert(Thing(id="t", name="x", at=NOW, done=True))
        backend: Any = store._driver.database._backend
        for connection in (backend.reader, backend.writer):
            assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert backend.writer.execute("PRAGMA busy_timeout").fetchone() == (5000,)
        await store.close()
        assert not list(tmp_path.glob("*-wal"))
        plain = sqlite3.connect(tmp_path / path)
        assert plain.execute("SELECT at, done FROM thing").fetchone() == ("2026-11-23T23:40:05.932Z", 1)
        plain.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", ":memory:", "sqlite:///"])
async def test_in_memory_is_one_database(url: str) -> None:
    store = SqlStore(url)
    await store.open(TABLES)
    await store.insert(user())
    assert await asyncio.create_task(store.find(User, id="u1")) == user()
    await store.close()
    with pytest.raises(Unavailable):
        await store.find(User, id="u1")


TIMES = [
    ("2026-11-23T23:40:05.932Z", 932),
    ("2026-11-23T23:40:05.9Z", 900),
    ("2026-11-23T23:40:05Z", 0),
    ("2026-11-23 23:40:05", 0),
    ("2026-11-23T23:40:05.932456+00:00", 932),
    ("2026-11-24T01:40:05.932+02:00", 932),
    (1795477205932, 932),
    ("1795477205932", 932),
    (1795477205932.0, 932),
]


@pytest.mark.parametrize(("kept", "milliseconds"), TIMES)
async def test_times_that_other_programs_wrote_are_read(tmp_path: Path, kept: Any, milliseconds: int) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.db'}")
    await store.open(TABLES)
    await store.insert(Thing(id="t", name="x"))
    with sqlite3.connect(tmp_path / "store.db") as other:
        other.execute("UPDATE thing SET at = ?", (kept,))
    found = await store.find(Thing, id="t")
    assert found is not None and found.at == NOW.replace(microsecond=milliseconds * 1000)
    await store.close()


async def test_a_database_or_a_pool_of_the_application_is_shared(postgresql_url: str) -> None:
    import asyncpg

    opened = databases.Database(postgresql_url, min_size=1, max_size=2)
    await opened.connect()
    pool = await asyncpg.create_pool(postgresql_url, min_size=1, max_size=2)
    for existing in (opened, pool):
        store = SqlStore(existing)
        await store.open(TABLES, create=True)
        await store.delete(User, id="u1")
        assert await store.insert(user()) == await store.find(User, id="u1") == await store.take(User, id="u1")
        await store.close()
    assert await opened.fetch_val("SELECT 1") == await pool.fetchval("SELECT 1") == 1
    await opened.disconnect()
    await pool.close()


async def test_an_unknown_kind_of_database_says_what_to_write() -> None:
    with pytest.raises(ConfigurationError, match=r"sqlite:///app\.db") as refused:
        SqlStore("oracle://user:hunter2@host/x")
    assert "hunter2" not in str(refused.value)
