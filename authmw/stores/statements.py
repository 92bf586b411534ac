"""SQL text, made once for each shape of a question and kept; only the values differ from call to call."""

# ruff: noqa: S608 - names come from row classes and are quoted; values are always bound.

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.schema import Column, Row, Table, table_of
from ..core.store import Above, AtMost, Not, OneOf, Plus
from .dialects import Dialect, Unmatchable
from .rows import writer

CONDITIONS = (Above, AtMost, Not, OneOf)
Args = list[Any]
Add = Callable[[Any, Args], None]
"""Appends what one condition or change binds."""
Shape = tuple[Any, ...]

# A database has a few dozen shapes; a caller that makes them up (lists of many lengths) must not fill the memory.
SHAPES_KEPT = 2_000


class Query:
    """Ready text and its values; `writes` says on which connection it runs."""

    __slots__ = ("args", "text", "writes")

    def __init__(self, text: str, args: Args, writes: bool) -> None:
        self.text, self.args, self.writes = text, args, writes


@dataclass(frozen=True)
class Compiled:
    text: str
    changes: tuple[Add, ...]
    conditions: tuple[Add, ...]


class Statements:
    """The statements of one dialect. A method that gives None says: no row can fit."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._kept: dict[Shape, Compiled] = {}

    def select(
        self,
        row: type[Row],
        where: Mapping[str, Any],
        *,
        order: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        lock: bool = False,
    ) -> Query | None:
        """All columns of the rows that fit. With `lock`, nobody else changes them until the transaction ends."""
        shape = ("select", row, _shape(where), order, limit == 1, limit is None, offset is None, lock)
        compiled = self._kept.get(shape)
        if compiled is None:
            text = _Text(self.dialect)
            table = table_of(row)
            text.add(f"SELECT {text.columns(table)} FROM {text.q(table.name)}")
            conditions = text.where(table, where)
            if order is not None or offset is not None:
                text.order(table, order)
            if limit == 1 and offset is None:
                text.add(" LIMIT 1")
            elif limit is not None or offset is not None:
                text.add(f" LIMIT {text.number()} OFFSET {text.number()}")
            compiled = self._keep(shape, text, " FOR UPDATE" if lock else "", conditions=conditions)
        query = self._query(compiled, where, writes=lock)
        if query is not None and (limit is not None or offset is not None) and not (limit == 1 and offset is None):
            query.args += (NO_LIMIT if limit is None else limit, offset or 0)
        return query

    def joined(self, row: type[Row], other: type[Row], where: Mapping[str, Any]) -> Query | None:
        """All columns of one row of `row` and, behind them, those of the row of `other` that it refers to."""
        shape = ("joined", row, other, _shape(where))
        compiled = self._kept.get(shape)
        if compiled is None:
            text = _Text(self.dialect, prefix="a.")
            table, referred = table_of(row), table_of(other)
            key = _reference(table, referred)
            text.add(f"SELECT {text.columns(table)}, {text.columns(referred, 'b.')} FROM {text.q(table.name)} AS a")
            text.add(f" JOIN {text.q(referred.name)} AS b ON b.{text.q('id')} = a.{text.q(key.name)}")
            conditions = text.where(table, where)
            compiled = self._keep(shape, text, " LIMIT 1", conditions=conditions)
        return self._query(compiled, where, writes=False)

    def count(self, row: type[Row], where: Mapping[str, Any]) -> Query | None:
        shape = ("count", row, _shape(where))
        compiled = self._kept.get(shape)
        if compiled is None:
            text = _Text(self.dialect)
            table = table_of(row)
            text.add(f"SELECT count(*) FROM {text.q(table.name)}")
            conditions = text.where(table, where)
            compiled = self._keep(shape, text, conditions=conditions)
        return self._query(compiled, where, writes=False)

    def insert(self, row: type[Row], values: Args) -> Query:
        shape = ("insert", row)
        compiled = self._kept.get(shape)
        if compiled is None:
            text = _Text(self.dialect)
            table = table_of(row)
            names = ", ".join(text.q(column.name) for column in table.columns)
            places = ", ".join(text.place(column) for column in table.columns)
            text.add(f"INSERT INTO {text.q(table.name)} ({names}) VALUES ({places})")
            compiled = self._keep(shape, text)
        return Query(compiled.text, values, True)

    def update(self, row: type[Row], where: Mapping[str, Any], changes: Mapping[str, Any]) -> Query | None:
        """Raise ValueError when a change cannot be stored."""
        if not changes:
            raise ValueError(f"an update of {row.table_name} without changes")
        self._refuse_all(row, where)
        shape = ("update", row, _shape(where), tuple([(name, type(value) is Plus) for name, value in changes.items()]))
        compiled = self._kept.get(shape)
        if compiled is None:
            text = _Text(self.dialect)
            table = table_of(row)
            text.add(f"UPDATE {text.q(table.name)} SET ")
            sets = text.sets(table, changes)
            conditions = text.where(table, where)
            compiled = self._keep(shape, text, self._returning, changes=sets, conditions=conditions)
        args: Args = []
        try:
            for add, value in zip(compiled.changes, changes.values(), strict=True):
                add(value, args)
        except Unmatchable as reason:
            raise ValueError(str(reason)) from None
        return self._query(compiled, where, writes=True, args=args)

    def delete(self, row: type[Row], where: Mapping[str, Any]) -> Query | None:
        self._refuse_all(row, where)
        shape = ("delete", row, _shape(where))
        compiled = self._kept.get(shape)
        if compiled is None:
            text = _Text(self.dialect)
            table = table_of(row)
            text.add(f"DELETE FROM {text.q(table.name)}")
            conditions = text.where(table, where)
            compiled = self._keep(shape, text, self._returning, conditions=conditions)
        return self._query(compiled, where, writes=True)

    def take(self, row: type[Row], where: Mapping[str, Any]) -> Query | None:
        """Delete one row and give it back, where the dialect can: elsewhere select with `lock`, then delete by id."""
        shape = ("take", row, _shape(where))
        compiled = self._kept.get(shape)
        if compiled is None:
            text = _Text(self.dialect)
            table = table_of(row)
            name, key = text.q(table.name), text.q("id")
            # On PostgreSQL a second caller waits here for the first, then finds the row gone and locks the next.
            lock = " FOR UPDATE" if self.dialect.name == "postgresql" else ""
            text.add(f"DELETE FROM {name} WHERE {key} = (SELECT {key} FROM {name}")
            conditions = text.where(table, where)
            tail = f" LIMIT 1{lock}) RETURNING {text.columns(table)}"
            compiled = self._keep(shape, text, tail, conditions=conditions)
        return self._query(compiled, where, writes=True)

    @property
    def _returning(self) -> str:
        return " RETURNING 1" if self.dialect.returning else ""

    @staticmethod
    def _refuse_all(row: type[Row], where: Mapping[str, Any]) -> None:
        if not where:
            raise ValueError(f"this would touch every row of {row.table_name}")

    def _keep(
        self,
        shape: Shape,
        text: _Text,
        tail: str = "",
        *,
        changes: tuple[Add, ...] = (),
        conditions: tuple[Add, ...] = (),
    ) -> Compiled:
        if len(self._kept) >= SHAPES_KEPT:
            self._kept.clear()
        self._kept[shape] = compiled = Compiled("".join(text.parts) + tail, changes, conditions)
        return compiled

    @staticmethod
    def _query(compiled: Compiled, where: Mapping[str, Any], *, writes: bool, args: Args | None = None) -> Query | None:
        args = [] if args is None else args
        try:
            for add, value in zip(compiled.conditions, where.values(), strict=True):
                add(value, args)
        except Unmatchable:
            return None
        return Query(compiled.text, args, writes)


NO_LIMIT = (1 << 63) - 1


def _shape(where: Mapping[str, Any]) -> Shape:
    # Type and emptiness decide the text; lists come in powers of two, so that few texts serve all lengths.
    return tuple([(name, _kind(value)) for name, value in where.items()])


def _kind(value: Any) -> Any:
    if value is None:
        return None
    kind = type(value)
    if kind is OneOf:
        return len(_padded(value.values)), None in value.values
    if kind in CONDITIONS:
        return kind, value.value is None
    return True


def _padded(values: Any) -> list[Any]:
    given: list[Any] = [value for value in values if value is not None]
    return given + given[-1:] * ((1 << (len(given) - 1).bit_length()) - len(given)) if given else given


def _reference(table: Table, other: Table) -> Column:
    for column in table.columns:
        if column.rules.references == other.name:
            return column
    raise TypeError(f"no column of {table.name} refers to {other.name}")


class _Text:
    """Puts a statement together from left to right and numbers its places."""

    def __init__(self, dialect: Dialect, prefix: str = "") -> None:
        self.dialect, self.prefix = dialect, prefix
        self.q = dialect.quoted
        self.parts: list[str] = []
        self._places = 0

    def add(self, text: str) -> None:
        self.parts.append(text)

    def columns(self, table: Table, prefix: str | None = None) -> str:
        return ", ".join(self._read(column, self.prefix if prefix is None else prefix) for column in table.columns)

    def _read(self, column: Column, prefix: str) -> str:
        name = prefix + self.q(column.name)
        # As text: an application may have told asyncpg to decode jsonb in a way of its own.
        return f"{name}::text" if column.kind == "json" and self.dialect.name == "postgresql" else name

    def place(self, column: Column) -> str:
        place = self.number()
        if self.dialect.name == "postgresql":
            return place + {"datetime": "::timestamptz", "json": "::text::jsonb"}.get(column.kind, "")
        return place

    def number(self) -> str:
        self._places += 1
        return {"sqlite": "?", "postgresql": f"${self._places}", "mysql": "%s"}[self.dialect.name]

    def order(self, table: Table, order: str | None) -> None:
        terms = []
        if order is not None:
            falling = order.startswith("-")
            column = _column(table, order.removeprefix("-"))
            term = self.q(column.name) + self._binary(column) + (" DESC" if falling else "")
            if column.optional and self.dialect.name == "postgresql":  # the others put what is empty first
                term += " NULLS LAST" if falling else " NULLS FIRST"
            terms.append(term)
        if order is None or order.removeprefix("-") != "id":
            terms.append(self.q("id"))  # so that pages neither overlap nor leave a row out
        self.add(f" ORDER BY {', '.join(terms)}")

    def sets(self, table: Table, changes: Mapping[str, Any]) -> tuple[Add, ...]:
        terms, adds = [], []
        for name, value in changes.items():
            column = _column(table, name)
            write = writer(self.dialect, column)
            if type(value) is Plus:
                terms.append(f"{self.q(column.name)} = {self.q(column.name)} + {self.place(column)}")
                adds.append(_adder(_amount(write)))
            else:
                terms.append(f"{self.q(column.name)} = {self.place(column)}")
                adds.append(_adder(write))
        self.add(", ".join(terms))
        return tuple(adds)

    def where(self, table: Table, where: Mapping[str, Any]) -> tuple[Add, ...]:
        adds = []
        for number, (name, value) in enumerate(where.items()):
            self.add(" AND " if number else " WHERE ")
            adds.append(self._condition(_column(table, name), value))
        return tuple(adds)

    def _condition(self, column: Column, value: Any) -> Add:
        name, kind = self.prefix + self.q(column.name), type(value)
        if value is None:
            self.add(f"{name} IS NULL")
            return _nothing
        if kind is Not and value.value is None:
            self.add(f"{name} IS NOT NULL")
            return _nothing
        if column.kind == "json":
            raise TypeError(f"{column.attribute} is JSON, which is not compared")
        write = writer(self.dialect, column)
        exact = column.kind == "text" and self.dialect.name == "mysql"
        if kind is OneOf:
            return self._one_of(column, name, value, write, exact)
        if kind is Not:
            self.add(self._differs(column, name, exact))
            return _adder(lambda condition: _surely(write, condition.value))
        if kind in (Above, AtMost):
            return self._compared(column, name, ">" if kind is Above else "<=", write, exact)
        self.add(f"{name} = {self.place(column)}")
        if exact:
            # The index answers the first half; the second tells `a` from `A`, `á` and `a `, whatever the collation.
            self.add(f" AND {_bytes(name)} = CAST({self.place(column)} AS BINARY)")
            return _adder(write, times=2)
        return _adder(write)

    def _differs(self, column: Column, name: str, exact: bool) -> str:
        if self.dialect.name == "mysql":
            left, right = (_bytes(name), "CAST(%s AS BINARY)") if exact else (name, "%s")
            return f"NOT ({left} <=> {right})"
        return f"{name} {'IS NOT' if self.dialect.name == 'sqlite' else 'IS DISTINCT FROM'} {self.place(column)}"

    def _compared(self, column: Column, name: str, sign: str, write: Any, exact: bool) -> Add:
        if exact:
            self.add(f"{_bytes(name)} {sign} CAST({self.place(column)} AS BINARY)")
        else:
            self.add(f"{name}{self._binary(column)} {sign} {self.place(column)}")
        if column.kind == "datetime" and self.dialect.name == "sqlite":
            # To SQLite any number is less than any text: a time kept as a number would always be over.
            self.add(f" AND typeof({name}) = 'text'")

        def add(condition: Any, args: Args) -> None:
            if condition.value is None:
                raise Unmatchable("nothing is above or below None")
            args.append(write(condition.value))

        return add

    def _one_of(self, column: Column, name: str, value: OneOf, write: Any, exact: bool) -> Add:
        size, or_empty = len(_padded(value.values)), None in value.values
        terms = []
        if size:
            places = ", ".join(self.place(column) for _ in range(size))
            term = f"{name} IN ({places})"
            if exact:
                places = ", ".join(f"CAST({self.place(column)} AS BINARY)" for _ in range(size))
                term = f"({term} AND {_bytes(name)} IN ({places}))"
            terms.append(term)
        if or_empty:
            terms.append(f"{name} IS NULL")
        self.add(f"({' OR '.join(terms)})" if terms else "1 = 0")

        def add(condition: OneOf, args: Args) -> None:
            wanted = _padded(condition.values)
            storable = []
            for each in wanted:
                try:
                    storable.append(write(each))
                except Unmatchable:
                    continue
            if not storable and not or_empty:
                raise Unmatchable("none of the values can be in the database")
            # What cannot be stored matches nothing; the text still has a place for it.
            storable += (storable[-1:] or [None]) * (len(wanted) - len(storable))
            args += storable * (2 if exact else 1)

        return add

    def _binary(self, column: Column) -> str:
        # Else PostgreSQL compares by the language of the database, unlike SQLite and Python.
        return ' COLLATE "C"' if column.kind == "text" and self.dialect.name == "postgresql" else ""


def _bytes(name: str) -> str:
    return f"CAST(CONVERT({name} USING utf8mb4) AS BINARY)"


def _column(table: Table, attribute: str) -> Column:
    try:
        return table.by_attribute[attribute]
    except KeyError:
        raise TypeError(f"{table.row.__name__} has no field {attribute!r}") from None


def _adder(write: Callable[[Any], Any], times: int = 1) -> Add:
    if times == 1:
        return lambda value, args: args.append(write(value))
    return lambda value, args: args.extend([write(value)] * times)


def _amount(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda plus: write(plus.amount)


def _surely(write: Callable[[Any], Any], value: Any) -> Any:
    try:
        return write(value)
    except Unmatchable as reason:
        raise ValueError(str(reason)) from None


def _nothing(value: Any, args: Args) -> None:
    """A condition that binds no value."""
