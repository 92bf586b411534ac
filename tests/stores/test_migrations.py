"""Migrations add what is missing, whoever made the database, and change nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from authmw.core.errors import ConfigurationError
from authmw.core.model import SHARED_TABLES, Account, Session, User, Verification
from authmw.core.schema import Public, Row, column
from authmw.core.store import Database
from authmw.stores.drivers import Driver
from authmw.stores.migrations import metadata, migrate, migration_sql, missing
from authmw.stores.sql import SqlStore, driver_for
from authmw.stores.statements import Query

from .conftest import NOW, SERVERS, session, url_of, user

pytestmark = pytest.mark.anyio

KINDS = ("sqlite", *SERVERS)


@dataclass(frozen=True, kw_only=True)
class Member(User):
    """An application's user: fields of its own, with every kind of default."""

    plan: str = field(default='it\'s 100% :free \\o/ "x"', metadata=Public())
    seats: int = -1
    active: bool = True
    hidden: bool = False
    nickname: str | None = field(default=None, metadata=column(unique=True))
    joined_at: datetime | None = None
    roles: list[str] = field(default_factory=lambda: ["a:b"])
    settings: dict[str, Any] = field(default_factory=dict)
    bio: str = field(default="-", metadata=column(long=True))


@dataclass(frozen=True, kw_only=True)
class Passkey:
    """A table of ours that refers to one that another program made."""

    table_name: ClassVar[str] = "passkey"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("user_id", "public_key"),)

    id: str
    public_key: str = field(metadata=column(long=True))
    user_id: str = field(metadata=column(references="user", index=True))
    created_at: datetime


OURS: tuple[type[Row], ...] = SHARED_TABLES
ALL: tuple[type[Row], ...] = (Member, *SHARED_TABLES, Passkey)

TYPES = {
    "sqlite": {"id": "text", "key": "text", "text": "text", "bool": "integer", "time": "date", "now": "date"},
    "postgresql": {
        "id": "text", "key": "text", "text": "text", "bool": "boolean", "time": "timestamptz",
        "now": "timestamptz default CURRENT_TIMESTAMP",
    },
    "mysql": {
        "id": "varchar(36)", "key": "varchar(255)", "text": "text", "bool": "boolean", "time": "timestamp(3)",
        "now": "timestamp(3) default CURRENT_TIMESTAMP(3)",
    },
}  # fmt: skip

# What Better Auth 1.7 makes, in its own words; `#` stands for the quote of the dialect.
BETTER_AUTH = """
create table #user# (#id# {id} not null primary key, #name# {key} not null, #email# {key} not null unique,
 #emailVerified# {bool} not null, #image# {text}, #createdAt# {now} not null, #updatedAt# {now} not null, #extra# {text});
create table #session# (#id# {id} not null primary key, #expiresAt# {time} not null, #token# {key} not null unique,
 #createdAt# {now} not null, #updatedAt# {time} not null, #ipAddress# {text}, #userAgent# {text},
 #userId# {id} not null references #user# (#id#) on delete cascade);
create table #account# (#id# {id} not null primary key, #accountId# {text} not null, #providerId# {text} not null,
 #userId# {id} not null references #user# (#id#) on delete cascade, #accessToken# {text}, #refreshToken# {text},
 #idToken# {text}, #accessTokenExpiresAt# {time}{null}, #refreshTokenExpiresAt# {time}{null}, #scope# {text}, #password# {text},
 #createdAt# {now} not null, #updatedAt# {time} not null);
create table #verification# (#id# {id} not null primary key, #identifier# {key} not null, #value# {text} not null,
 #expiresAt# {time} not null, #createdAt# {now} not null, #updatedAt# {now} not null);
create index #session_userId_idx# on #session# (#userId#);
create index #account_userId_idx# on #account# (#userId#);
create index #verification_identifier_idx# on #verification# (#identifier#);
insert into #user# (#id#, #name#, #email#, #emailVerified#, #createdAt#, #updatedAt#, #extra#)
 values ('u1', 'Ada', 'u1@example.com', {false}, {at}, {at}, 'kept');
insert into #session# (#id#, #expiresAt#, #token#, #createdAt#, #updatedAt#, #userId#)
 values ('s1', {at}, 'token-s1', {at}, {at}, 'u1');
insert into #verification# (#id#, #identifier#, #value#, #expiresAt#, #createdAt#, #updatedAt#)
 values ('v1', 'i', 'x', {at}, {at}, {at})
"""


def better_auth(kind: str) -> list[str]:
    at = "'2026-11-23T23:40:05.932Z'" if kind != "mysql" else "'2026-11-23 23:40:05.932'"
    false = "false" if kind == "postgresql" else "0"
    text = BETTER_AUTH.format(**TYPES[kind], at=at, false=false, null=" null" if kind == "mysql" else "")
    return [part.strip() for part in text.replace("#", "`" if kind == "mysql" else '"').split(";")]


@pytest.fixture(params=KINDS)
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Driver]:
    """An empty database."""
    url = url_of(request.param, request, tmp_path)
    made = driver_for(url)
    await made.open()
    await clear(made)
    yield made
    await clear(made)
    await made.close()


async def clear(driver: Driver) -> None:
    names = ["passkey", "session", "account", "verification", "rateLimit", "thing", "user"]
    for name in names:
        await driver.fetch(Query(f"DROP TABLE IF EXISTS {driver.dialect.quoted(name)}", [], True))


async def run(driver: Driver, *statements: str) -> None:
    for statement in statements:
        await driver.fetch(Query(statement, [], True))


def url_to(driver: Driver) -> str:
    return str(driver.database.url).replace("+asyncmy", "")


async def used(url: str) -> None:
    store = SqlStore(url)
    await store.open(ALL, create=False)
    await store.insert(user("u9"))
    assert await store.find(Member, id="u9") == Member(
        id="u9", name="Ada", email="u9@example.com", created_at=NOW, updated_at=NOW
    )
    member = Member(
        id="u8", name="x", email="e8", created_at=NOW, updated_at=NOW, roles=["x"], settings={"a": 1}, nickname="n"
    )
    assert await store.insert(member) == member == await store.find(Member, nickname="n")
    passkey = await store.insert(Passkey(id="p", public_key="x" * 3000, user_id="u8", created_at=NOW))
    assert await store.find_joined(Passkey, Member, id="p") == (passkey, member)
    await store.insert(session("s9", "u8"))
    await store.update(Session, {"id": "s9"}, ip_address="::1")
    assert await store.find(Session, id="s9") == session("s9", "u8", ip_address="::1")
    assert await store.delete(User, id="u8") == 1
    assert await store.count(Passkey) == 0
    await store.close()


async def test_from_nothing(driver: Driver) -> None:
    url = url_to(driver)
    names = ("user", "passkey", "session", "account", "verification", "rateLimit")
    assert set(await missing(url, ALL)) == {f"table {name}" for name in names}
    assert set(await migrate(url, ALL)) == {f"table {name}" for name in names}
    assert await missing(url, ALL) == await migrate(url, ALL) == ()
    assert await migration_sql(url, ALL) == ""
    await used(url)


async def test_from_a_database_that_better_auth_made(driver: Driver) -> None:
    url = url_to(driver)
    await run(driver, *better_auth(driver.dialect.name))
    assert set(await missing(url, OURS)) == {
        "column verification.subject",
        "index on verification(subject)",
        "index on verification(expiresAt)",
        "index on session(expiresAt)",
        "index on account(providerId, accountId)",
        "table rateLimit",
    }
    await migrate(url, OURS)
    assert await missing(url, OURS) == ()
    store = SqlStore(url)
    await store.open(OURS, create=False)
    assert await store.find_joined(Session, User, token="token-s1") == (session(), user())
    expected = Verification(id="v1", identifier="i", value="x", expires_at=NOW, created_at=NOW, updated_at=NOW)
    assert await store.take(Verification, identifier="i", subject=None) == expected
    await store.close()
    [(extra,)] = await driver.fetch(Query(f"SELECT extra FROM {driver.dialect.quoted('user')}", [], False))
    assert extra == "kept"
    assert "column user.plan" in await migrate(url, ALL)
    await used(url)


async def test_the_other_server_can_still_insert(driver: Driver) -> None:
    await migrate(url_to(driver), ALL)
    quote = driver.dialect.quote
    false = "false" if driver.dialect.name == "postgresql" else "0"
    dates = (", #createdAt#, #updatedAt#", ", '2026-11-23T23:40:05.932Z', '2026-11-23T23:40:05.932Z'")
    columns, values = dates if driver.dialect.name == "sqlite" else ("", "")
    statement = (
        f"insert into #user# (#id#, #name#, #email#, #emailVerified#{columns}) values ('n', 'n', 'n', {false}{values})"
    )
    await run(driver, statement.replace("#", quote))
    store = SqlStore(url_to(driver))
    await store.open(ALL, create=False)
    found = await store.find(Member, id="n")
    assert found is not None
    assert (found.plan, found.seats, found.active, found.roles) == (Member.plan, -1, True, ["a:b"])
    await store.close()


async def test_added_columns_give_the_rows_that_exist_their_default(driver: Driver) -> None:
    url = url_to(driver)
    await run(driver, *better_auth(driver.dialect.name))
    await migrate(url, (Member, *OURS))
    store = SqlStore(url)
    await store.open(ALL[:-1], create=False)
    assert await store.find(Member, id="u1") == Member(
        id="u1", name="Ada", email="u1@example.com", created_at=NOW, updated_at=NOW
    )
    await store.close()


@dataclass(frozen=True, kw_only=True)
class Strict(User):
    company: str


@dataclass(frozen=True, kw_only=True)
class Named(User):
    name: str = field(metadata=column(unique=True))


async def test_what_rows_forbid_is_refused_with_words(driver: Driver) -> None:
    url = url_to(driver)
    await run(driver, *better_auth(driver.dialect.name))
    with pytest.raises(ConfigurationError, match=r"column user.company .* default"):
        await migrate(url, (Strict, *OURS))
    await run(driver, f"delete from {driver.dialect.quoted('user')}")
    await migrate(url, (Strict, *OURS))
    assert await missing(url, (Strict, *OURS)) == ()
    store = SqlStore(url)
    await store.open(OURS, create=True)
    await store.update(User, {"id": "none"}, name="x")
    for name in ("a", "b"):
        await store.insert(Strict(id=name, name="same", email=name, created_at=NOW, updated_at=NOW, company="c"))
    await store.close()
    with pytest.raises(ConfigurationError, match="two rows"):
        await migrate(url, (Named, *OURS))


async def test_open_checks_and_says_which_command_to_run(driver: Driver) -> None:
    store = SqlStore(url_to(driver))
    with pytest.raises(ConfigurationError, match=r"(?s)table verification.*authmw migrate"):
        await store.open(OURS, create=False)
    if driver.dialect.name != "sqlite":
        with pytest.raises(ConfigurationError):
            await store.open(OURS)
    await store.open(OURS, create=True)
    await store.close()
    await store.open(OURS)
    await store.close()


async def test_the_text_does_what_migrate_does(driver: Driver) -> None:
    text = await migration_sql(url_to(driver), ALL)
    await run(driver, *(part for part in text.split(";\n") if part.strip()))
    assert await missing(url_to(driver), ALL) == ()
    await used(url_to(driver))


async def test_several_at_once_make_it_once(driver: Driver) -> None:
    made = await asyncio.gather(*(migrate(url_to(driver), ALL) for _ in range(4)))
    assert sorted(map(len, made)) == [0, 0, 0, 6]


async def test_an_application_with_alembic_gets_the_same_tables() -> None:
    tables = metadata(ALL)
    assert list(tables.tables["user"].columns.keys())[:3] == ["id", "name", "email"]
    assert tables.tables["user"].c.plan is not None
    for name, types in (("sqlite", "date"), ("postgresql", "TIMESTAMP WITH TIME ZONE"), ("mysql", "TIMESTAMP(3)")):
        dialect = sa.make_url(f"{name}://").get_dialect() if name == "sqlite" else None
        if dialect is None:
            module = __import__(f"sqlalchemy.dialects.{name}", fromlist=["dialect"])
            dialect = module.dialect
        assert types in str(CreateTable(tables.tables["session"]).compile(dialect=dialect()))


async def test_indexes_are_named_as_better_auth_names_them(tmp_path: Path) -> None:
    await migrate(f"sqlite:///{tmp_path / 'x.db'}", ALL)
    rows = sqlite3.connect(tmp_path / "x.db").execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
    )
    assert {name for (name,) in rows} == {
        "session_userId_idx", "account_userId_idx", "verification_identifier_idx", "verification_subject_idx",
        "session_expiresAt_idx", "verification_expiresAt_idx", "account_providerId_accountId_idx",
        "passkey_userId_idx", "passkey_userId_publicKey_idx",
    }  # fmt: skip


def test_starting_on_sqlite_does_without_alembic(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from authmw.core.model import SHARED_TABLES
from authmw.stores.sql import SqlStore
async def main():
    for _ in range(2):
        store = SqlStore("sqlite:///{tmp_path}/x.db")
        await store.open(SHARED_TABLES)
        await store.close()
asyncio.run(main())
lacking = {{"alembic", "asyncpg", "asyncmy", "aiosqlite"}}
assert not lacking & set(sys.modules)
"""
    root = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


async def test_a_row_without_an_id_is_a_mistake(store: Database) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Nameless:
        table_name: ClassVar[str] = "nameless"
        name: str

    with pytest.raises(TypeError, match="id"):
        metadata((Nameless,))  # type: ignore
    assert Account.table_name == "account"
