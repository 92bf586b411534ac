"""What the database lacks, and making it: tables, columns and indexes are added, nothing is dropped or narrowed."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ..core.errors import ConfigurationError
from ..core.schema import Column, Row, Table
from ..core.store import Conflict
from .catalog import Missing, Present, compare, index_name, missing_in, present_in
from .dialects import Dialect, Name
from .drivers import Driver, Link
from .metadata import metadata, sqlalchemy_column, sqlalchemy_index, sqlalchemy_table
from .statements import Query

__all__ = ["metadata", "migrate", "migration_sql", "missing"]

# An index on a table with many rows takes its time, and so does waiting for the locks.
MIGRATION_TIMEOUT = 3600.0
LOCK_NAME = "authmw migrate"
LOCK_NUMBER = 0x61757468  # "auth"
PATIENT_MYSQL = (
    "SET SESSION lock_wait_timeout = 3600 /*M!100000 , @usual = @@max_statement_time, max_statement_time = 0 */"
)
USUAL_MYSQL = "SET SESSION lock_wait_timeout = DEFAULT /*M!100000 , max_statement_time = @usual */"


async def missing(url: str, tables: Sequence[type[Row]]) -> tuple[str, ...]:
    """What the database at `url` lacks, in words, one for each thing. Nothing is changed."""
    async with _opened(url) as driver:
        return tuple(map(str, await missing_in(driver, tables)))


async def migrate(url: str, tables: Sequence[type[Row]]) -> tuple[str, ...]:
    """Make what is missing and return what was made. Of two callers at once, one makes it.

    Raise ConfigurationError when rows that exist stand in the way: a required column without a default, two
    rows with the same value in what is to be unique.
    """
    async with _opened(url) as driver:
        return tuple(map(str, await make(driver, tables)))


async def migration_sql(url: str, tables: Sequence[type[Row]]) -> str:
    """The statements that `migrate` would run, as text; empty when nothing is missing."""
    async with _opened(url) as driver:
        present = await present_in(driver.fetch, driver.dialect)
        lines = [text for thing in compare(tables, present) for text in ddl(thing, driver.dialect.name, present)]
        return "".join(f"{line};\n" for line in lines)


async def make(driver: Driver, tables: Sequence[type[Row]]) -> tuple[Missing, ...]:
    """Make what is missing over connections that are open. SQLite and PostgreSQL: all of it or nothing."""
    with driver.patient(MIGRATION_TIMEOUT):
        async with driver.transaction() as link:
            await _alone(link, driver.dialect.name)
            present = await present_in(link.fetch, driver.dialect)
            things = compare(tables, present)
            for thing in things:
                await _refuse_what_rows_forbid(link, driver.dialect, thing)
                for text in ddl(thing, driver.dialect.name, present):
                    try:
                        await link.fetch(Query(text, [], True))
                    except Conflict:
                        names = " and ".join(thing.index)
                        raise ConfigurationError(
                            f"{thing} cannot be made: two rows of {thing.table.name} have the same {names}. Change one of them."
                        ) from None
            if driver.dialect.name == "mysql":
                await link.fetch(Query(USUAL_MYSQL, [], True))
                await link.fetch(Query("SELECT RELEASE_LOCK(%s)", [LOCK_NAME], True))
    return things


def ddl(thing: Missing, dialect: Name, present: Present) -> list[str]:
    """The statements that make one missing thing."""
    import sqlalchemy as sa
    from sqlalchemy.schema import CreateIndex, CreateTable

    bound, tables = _sqlalchemy_dialect(dialect), sa.MetaData()
    for name in present.columns:  # so that foreign keys have what they point to; the types are not looked at
        if name != thing.table.name:
            sa.Table(name, tables, sa.Column("id", sa.Text(), primary_key=True))
    for column in thing.table.columns:
        target = column.rules.references
        if target and target not in tables.tables and target != thing.table.name:
            sa.Table(target, tables, sa.Column("id", sa.Text(), primary_key=True))
    if thing.column is not None:
        return _add_column(thing.table, thing.column, dialect, present.keys)
    table = sqlalchemy_table(tables, thing.table, dialect, present.keys)
    if thing.index:
        if thing.unique:
            index = sqlalchemy_index(table, thing.table, thing.index, unique=True)
        else:
            name = index_name(thing.table.name, thing.index)
            index = next(each for each in table.indexes if each.name == name)
        return [_text(CreateIndex(index).compile(dialect=bound))]
    made: list[Any] = [
        CreateTable(table),
        *(CreateIndex(index) for index in sorted(table.indexes, key=lambda each: str(each.name))),
    ]
    return [_text(each.compile(dialect=bound)) for each in made]


def _add_column(table: Table, column: Column, dialect: Name, keys: Mapping[str, str]) -> list[str]:
    # alembic knows how each database adds a column. It is only imported here: start-up is done without it.
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    buffer = io.StringIO()
    context = MigrationContext.configure(
        dialect=_sqlalchemy_dialect(dialect), opts={"as_sql": True, "output_buffer": buffer}
    )
    added = sqlalchemy_column(table, column, dialect, keys)
    if not added.nullable and added.server_default is None:
        added.nullable = True  # the table is empty, or this was refused; SQLite adds no other kind
    Operations(context).add_column(table.name, added, inline_references=True)
    return [text for text in (part.strip() for part in buffer.getvalue().split(";\n")) if text]


async def _alone(link: Link, dialect: Name) -> None:
    """Let no other process migrate at the same time; SQLite's transaction has the file for itself already."""
    if dialect == "postgresql":
        await link.fetch(Query("SET LOCAL lock_timeout = 0", [], True))
        await link.fetch(Query("SET LOCAL statement_timeout = 0", [], True))
        await link.fetch(Query("SELECT pg_advisory_xact_lock($1)", [LOCK_NUMBER], True))
    elif dialect == "mysql":
        await link.fetch(Query("SELECT GET_LOCK(%s, %s)", [LOCK_NAME, 600], True))
        await link.fetch(Query(PATIENT_MYSQL, [], True))


async def _refuse_what_rows_forbid(link: Link, dialect: Dialect, thing: Missing) -> None:
    column = thing.column
    if column is None or column.optional:
        return
    if sqlalchemy_column(thing.table, column, dialect.name).server_default is not None:
        return
    any_row = f"SELECT 1 FROM {dialect.quoted(thing.table.name)} LIMIT 1"  # noqa: S608 - a quoted name
    if await link.fetch(Query(any_row, [], False)):
        raise ConfigurationError(
            f"{thing} cannot be added: {thing.table.name} has rows, and they need a value for it. Give the field a"
            f" default, or write `{column.attribute}: ... | None = None`."
        )


def _sqlalchemy_dialect(dialect: Name) -> Any:
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import dialect as made
    elif dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import dialect as made  # type: ignore[assignment]
    else:
        from sqlalchemy.dialects.mysql import dialect as made  # type: ignore[assignment]
    return made(paramstyle="named")  # the usual style would double each % in a default


def _text(compiled: Any) -> str:
    return str(compiled).strip()


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Driver]:
    from .sql import driver_for

    driver = driver_for(url)
    await driver.open()
    try:
        yield driver
    finally:
        await driver.close()
