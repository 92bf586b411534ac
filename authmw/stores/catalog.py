"""What a database has, and what it lacks of what row classes ask for. Start-up needs no more than this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ..core.schema import Column, Row, Table, table_of
from .dialects import Dialect, Name
from .drivers import Driver, Rows
from .statements import Query


async def missing_in(driver: Driver, tables: Sequence[type[Row]]) -> tuple[Missing, ...]:
    return compare(tables, await present_in(driver.fetch, driver.dialect))


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


async def present_in(fetch: Callable[[Query], Awaitable[Rows]], dialect: Dialect) -> Present:
    columns = await fetch(Query(COLUMNS[dialect.name], [], False))
    indexed = await fetch(Query(INDEXED[dialect.name], [], False))
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


def merged(tables: Iterable[type[Row]]) -> list[Table]:
    """One table a name: of `User` and the application's `Member`, the one with more columns."""
    by_name: dict[str, Table] = {}
    for row in tables:
        table = table_of(row)
        if "id" not in table.by_attribute:
            raise TypeError(f"{row.__name__} has no `id`, which every table needs")
        known = by_name.get(table.name)
        if known is None or len(table.columns) > len(known.columns):
            by_name[table.name] = table
    return sorted(by_name.values(), key=lambda table: _depth(table, by_name))


def indexes(table: Table) -> list[tuple[str, ...]]:
    """The columns of each index that is not unique: those of fields, then `indexes` of the row class, if it has any."""
    single = [(column.name,) for column in table.columns if column.rules.index and not column.rules.unique]
    several: Iterable[Sequence[str]] = getattr(table.row, "indexes", ())
    return single + [tuple(table.by_attribute[attribute].name for attribute in each) for each in several]


def index_name(table: str, names: Sequence[str], *, unique: bool = False) -> str:
    return f"{table}_{'_'.join(names)}_{'uidx' if unique else 'idx'}"


def _depth(table: Table, by_name: dict[str, Table], seen: tuple[str, ...] = ()) -> int:
    """How many tables must exist before this one can refer to them."""
    targets = [column.rules.references for column in table.columns if column.rules.references]
    known = [by_name[name] for name in targets if name in by_name and name != table.name and name not in seen]
    return max((1 + _depth(target, by_name, (*seen, table.name)) for target in known), default=0)
