"""What the database lacks, and making it: tables, columns and indexes are added, nothing is dropped or narrowed."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import ConfigurationError
from ..core.schema import Column, Row, Table
from ..core.store import Conflict
from .dialects import Dialect, Name
from .drivers import Driver, Link, Rows
from .metadata import index_name, indexes, merged, metadata, sqlalchemy_column, sqlalchemy_index, sqlalchemy_table
from .statements import Query

__all__ = ["metadata", "migrate", "migration_sql", "missing"]

# An index on a table with many rows takes its time, and so does waiting for the locks.
MIGRATION_TIMEOUT = 3600.0
LOCK_NAME = "authmw migrate"
LOCK_NUMBER = 0x61757468  # "auth"


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


async def missing_in(driver: Driver, tables: Sequence[type[Row]]) -> tuple[Missing, ...]:
    return compare(tables, await present_in(driver.fetch, driver.dialect))


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
                await link.fetch(Query("SELECT RELEASE_LOCK(%s)", [LOCK_NAME], True))
    return things


@dataclass(frozen=True)
class Missing:
    """One thing to add: a whole table, or a column or an index of one that exists."""

    table: Table
    column: Column | None = None
    index: tuple[str, ...] = ()
    unique: bool = False

    def __str__(self) -> str:
        if self.column is not None:
            return f"column {self.table.name}.{self.column.name}"
        if self.index:
            return f"{'unique index' if self.unique else 'index'} on {self.table.name}({', '.join(self.index)})"
        return f"table {self.table.name}"


@dataclass(frozen=True)
class Present:
    """What exists, by table: columns, the columns of each index in order, and the type of `id` in SQL."""

    columns: dict[str, set[str]] = field(default_factory=dict)
    indexed: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    unique: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def compare(tables: Sequence[type[Row]], present: Present) -> tuple[Missing, ...]:
    """What `tables` ask for and `present` lacks. A rule: no database is asked."""
    found: list[Missing] = []
    for table in merged(tables):
        columns = present.columns.get(table.name)
        if columns is None:
            found.append(Missing(table))
            continue
        found += [Missing(table, column) for column in table.columns if column.name not in columns]
        unique = present.unique.get(table.name, set())
        for column in table.columns:
            if column.rules.unique and (column.name,) not in unique:
                found.append(Missing(table, index=(column.name,), unique=True))
        for names in indexes(table):
            # An index that begins with these columns answers the same questions.
            if not any(each[: len(names)] == names for each in present.indexed.get(table.name, ())):
                found.append(Missing(table, index=names))
    return tuple(found)


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
    made = [CreateTable(table), *(CreateIndex(index) for index in sorted(table.indexes, key=lambda each: str(each.name)))]
    return [_text(each.compile(dialect=bound)) for each in made]


def _add_column(table: Table, column: Column, dialect: Name, keys: Mapping[str, str]) -> list[str]:
    # alembic knows how each database adds a column. It is only imported here: start-up is done without it.
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    buffer = io.StringIO()
    context = MigrationContext.configure(dialect_name=dialect, opts={"as_sql": True, "output_buffer": buffer})
    added = sqlalchemy_column(table, column, dialect, keys)
    if not added.nullable and added.server_default is None:
        added.nullable = True  # the table is empty, or this was refused; SQLite adds no other kind
    Operations(context).add_column(table.name, added, inline_references=True)
    return [text for text in (part.strip() for part in buffer.getvalue().split(";\n")) if text]


async def present_in(fetch: Callable[[Query], Any], dialect: Dialect) -> Present:
    columns: Rows = await fetch(Query(COLUMNS[dialect.name], [], False))
    indexed: Rows = await fetch(Query(INDEXED[dialect.name], [], False))
    present = Present()
    for table, name, spec in columns:
        present.columns.setdefault(table, set()).add(name)
        if name == "id" and dialect.name != "sqlite":
            present.keys[table] = spec
    by_index: dict[tuple[str, str, bool], list[tuple[int, str]]] = {}
    for table, index, unique, position, name in indexed:
        by_index.setdefault((table, index, bool(unique)), []).append((position, name))
    for (table, _, unique), places in by_index.items():
        names = tuple(name for _, name in sorted(places))
        present.indexed.setdefault(table, set()).add(names)
        if unique:
            present.unique.setdefault(table, set()).add(names)
    return present


# Rows of (table, column, its type in SQL).
COLUMNS: dict[Name, str] = {
    "sqlite": "SELECT m.name, p.name, p.type FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'",
    "postgresql": (
        "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
    ),
    "mysql": (
        "SELECT table_name, column_name, CONCAT(column_type, CASE WHEN collation_name IS NULL THEN '' ELSE"
        " CONCAT(' CHARACTER SET ', character_set_name, ' COLLATE ', collation_name) END)"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
    ),
}

# Rows of (table, index, whether it is unique, place in the index, column); indexes of some rows only are left out.
INDEXED: dict[Name, str] = {
    "sqlite": (
        'SELECT m.name, l.name, l."unique", c.seqno, c.name FROM sqlite_master m JOIN pragma_index_list(m.name) l'
        " JOIN pragma_index_info(l.name) c WHERE m.type = 'table' AND l.partial = 0"
    ),
    "postgresql": (
        "SELECT c.relname::text, i.indexrelid::text, i.indisunique, k.place, a.attname::text FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number"
        " WHERE n.nspname = current_schema() AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL"
    ),
    "mysql": (
        "SELECT table_name, index_name, non_unique = 0 AND sub_part IS NULL, seq_in_index, column_name"
        " FROM information_schema.statistics WHERE table_schema = DATABASE() AND column_name IS NOT NULL"
    ),
}


async def _alone(link: Link, dialect: Name) -> None:
    """Let no other process migrate at the same time; SQLite's transaction has the file for itself already."""
    if dialect == "postgresql":
        await link.fetch(Query("SET LOCAL lock_timeout = 0", [], True))
        await link.fetch(Query("SELECT pg_advisory_xact_lock($1)", [LOCK_NUMBER], True))
    elif dialect == "mysql":
        await link.fetch(Query("SELECT GET_LOCK(%s, %s)", [LOCK_NAME, 600], True))
        # Else old servers let the first timestamp of a table follow the clock on every update: expiry included.
        await link.fetch(Query("SET SESSION explicit_defaults_for_timestamp = 1", [], True))


async def _refuse_what_rows_forbid(link: Link, dialect: Dialect, thing: Missing) -> None:
    column = thing.column
    if column is None or column.optional:
        return
    if sqlalchemy_column(thing.table, column, dialect.name).server_default is not None:
        return
    if await link.fetch(Query(f"SELECT 1 FROM {dialect.quoted(thing.table.name)} LIMIT 1", [], False)):
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
    return made()


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
