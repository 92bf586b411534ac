"""`MemoryStore`: rows in this process only, for tests. It keeps the rules of a database and forgets at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from ..core.schema import Column, Row, Table, table_of
from ..core.store import Above, AtMost, Conflict, Not, OneOf, Plus, Store, StoreError
from .dialects import Unmatchable, plain_value
from .rows import constant_defaults

R = TypeVar("R", bound=Row)
S = TypeVar("S", bound=Row)
Values = dict[str, Any]
"""One row: its columns by name. JSON is kept as text, so that nobody changes a row from outside."""
Tables = dict[str, dict[str, Values]]
"""Rows by `id`, by table. A row is replaced and never changed in place, so copies of these dicts are snapshots."""


class MemoryStore:
    """A `Database` without a database.

    Writers take turns, and a transaction's turn lasts until it ends; meanwhile others read what was there before.
    """

    def __init__(self) -> None:
        self._tables: Tables = {}
        self._known: dict[str, Table] = {}
        self._turn = asyncio.Lock()
        self._owner: asyncio.Task[Any] | None = None

    async def open(self, tables: Sequence[type[Row]], *, create: bool | None = None) -> None:
        for row in tables:
            self._know(table_of(row))

    async def close(self) -> None:
        """Keep the rows: a store that is opened again finds them, as with a file."""

    async def insert(self, row: R) -> R:
        async with self._writing() as rows:
            return rows.insert(row)

    async def find(self, table: type[R], /, **where: Any) -> R | None:
        return next(iter(self._rows().find_all(table, None, 1, 0, where)), None)

    async def find_all(
        self, table: type[R], /, *, order: str | None = None, limit: int | None = 100, offset: int = 0, **where: Any
    ) -> list[R]:
        return self._rows().find_all(table, order, limit, offset, where)

    async def find_joined(self, table: type[R], other: type[S], /, **where: Any) -> tuple[R, S] | None:
        return self._rows().find_joined(table, other, where)

    async def count(self, table: type[Row], /, **where: Any) -> int:
        return len(self._rows().fitting(table, where))

    async def update(self, table: type[Row], where: Mapping[str, Any], /, **changes: Any) -> int:
        async with self._writing() as rows:
            return rows.update(table, where, changes)

    async def take(self, table: type[R], /, **where: Any) -> R | None:
        async with self._writing() as rows:
            return rows.take(table, where)

    async def delete(self, table: type[Row], /, **where: Any) -> int:
        async with self._writing() as rows:
            return rows.delete(table, where)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Store]:
        async with self._writing() as rows:
            store = _Transaction(self._known, rows)
            try:
                yield store
                if store.broken:
                    raise StoreError("a part of this transaction failed, so none of it is kept")
            finally:
                store.over = True

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[_Rows]:
        """Work on a copy, and make it the truth when nothing was raised."""
        task = asyncio.current_task()
        if self._owner is not None and self._owner is task:
            raise RuntimeError("inside a transaction, use the store that transaction() handed out")
        async with self._turn:
            self._owner = task
            try:
                rows = _Rows({name: dict(kept) for name, kept in self._tables.items()}, self._known)
                yield rows
                self._tables = rows.tables
            finally:
                self._owner = None

    def _rows(self) -> _Rows:
        return _Rows(self._tables, self._known)

    def _know(self, table: Table) -> None:
        known = self._known.get(table.name)
        if known is None or len(table.columns) > len(known.columns):
            self._known[table.name] = table


class _Transaction(MemoryStore):
    """The verbs over the working copy of a transaction."""

    def __init__(self, known: dict[str, Table], rows: _Rows) -> None:
        self._known, self._copy = known, rows
        self.over = self.broken = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Store]:
        try:
            yield self
        except BaseException:
            self.broken = True  # half of the inner block is done, and must not be kept
            raise

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[_Rows]:
        rows = self._rows()
        before = {name: dict(kept) for name, kept in rows.tables.items()}
        try:
            yield rows
        except BaseException:
            rows.tables = before
            raise

    def _rows(self) -> _Rows:
        if self.over:
            raise RuntimeError("this transaction has ended; its store cannot be used any more")
        return self._copy


class _Rows:
    """The verbs over plain dicts."""

    def __init__(self, tables: Tables, known: dict[str, Table]) -> None:
        self.tables, self._known = tables, known

    def insert(self, row: R) -> R:
        table = table_of(type(row))
        values = self._defaults(table)
        for column in table.columns:
            values[column.name] = _stored(column, getattr(row, column.attribute))
        kept = self._kept(table)
        if values["id"] in kept:
            raise Conflict(f"{table.name}.id holds this value already")
        self._check(table, values, besides=None)
        kept[values["id"]] = values
        return _row(type(row), values)

    def find_all(
        self, row: type[R], order: str | None, limit: int | None, offset: int, where: Mapping[str, Any]
    ) -> list[R]:
        found = self.fitting(row, where)
        if order is not None:
            column = _column(table_of(row), order.removeprefix("-"))
            found.sort(key=lambda values: values["id"])
            found.sort(key=lambda values: _sort_key(values.get(column.name)), reverse=order.startswith("-"))
        elif offset:
            found.sort(key=lambda values: values["id"])
        return [_row(row, values) for values in found[offset : None if limit is None else offset + limit]]

    def find_joined(self, row: type[R], other: type[S], where: Mapping[str, Any]) -> tuple[R, S] | None:
        table, referred = table_of(row), table_of(other)
        keys = [column.name for column in table.columns if column.rules.references == referred.name]
        if not keys:
            raise TypeError(f"no column of {table.name} refers to {referred.name}")
        for values in self.fitting(row, where):
            target = self._kept(referred).get(values[keys[0]])
            if target is not None:
                return _row(row, values), _row(other, target)
        return None

    def fitting(self, row: type[Row], where: Mapping[str, Any]) -> list[Values]:
        table = table_of(row)
        try:
            fits = [_condition(_column(table, name), value) for name, value in where.items()]
        except Unmatchable:
            return []
        kept = self._kept(table)
        by_id = where.get("id")
        rows = [kept[by_id]] if isinstance(by_id, str) and by_id in kept else kept.values()
        return [values for values in rows if all(fit(values) for fit in fits)]

    def update(self, row: type[Row], where: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
        table = table_of(row)
        _refuse_all(table, where)
        if not changes:
            raise ValueError(f"an update of {table.name} without changes")
        set_to = {_column(table, name): value for name, value in changes.items() if not isinstance(value, Plus)}
        plain = {column.name: _stored(column, value) for column, value in set_to.items()}
        plus = {_column(table, name).name: value.amount for name, value in changes.items() if isinstance(value, Plus)}
        found, kept = self.fitting(row, where), self._kept(table)
        for values in found:
            added = {name: None if values[name] is None else values[name] + amount for name, amount in plus.items()}
            changed = {**values, **plain, **added}
            self._check(table, changed, besides=values)
            if changed["id"] != values["id"]:
                if changed["id"] in kept:
                    raise Conflict(f"{table.name}.id holds this value already")
                del kept[values["id"]]
            kept[changed["id"]] = changed
        return len(found)

    def take(self, row: type[R], where: Mapping[str, Any]) -> R | None:
        found = self.fitting(row, where)
        if not found:
            return None
        self._remove(table_of(row).name, found[0]["id"])
        return _row(row, found[0])

    def delete(self, row: type[Row], where: Mapping[str, Any]) -> int:
        table = table_of(row)
        _refuse_all(table, where)
        found = self.fitting(row, where)
        for values in found:
            self._remove(table.name, values["id"])
        return len(found)

    def _remove(self, table: str, key: str) -> None:
        if self.tables.get(table, {}).pop(key, None) is None:
            return  # a cascade was here before us
        for other in list(self._known.values()):
            for column in other.columns:
                if column.rules.references == table:
                    rows = self.tables.get(other.name, {}).values()
                    for child in [values["id"] for values in rows if values.get(column.name) == key]:
                        self._remove(other.name, child)

    def _kept(self, table: Table) -> dict[str, Values]:
        known = self._known.get(table.name)
        if known is None or len(table.columns) > len(known.columns):
            self._known[table.name] = table
        return self.tables.setdefault(table.name, {})

    def _defaults(self, table: Table) -> Values:
        """What a column holds that the row being inserted does not know, as the database's own default would say."""
        known = self._known.get(table.name, table)
        defaults = constant_defaults(known)
        return {
            column.name: None if (value := defaults.get(column.attribute)) is None else _stored(column, value)
            for column in known.columns
        }

    def _check(self, table: Table, values: Values, besides: Values | None) -> None:
        for column in self._known.get(table.name, table).columns:
            value = values.get(column.name)
            if value is None or (besides is not None and besides.get(column.name) == value):
                continue
            if column.rules.unique:
                for other in self._kept(table).values():
                    if other is not besides and other.get(column.name) == value:
                        raise Conflict(f"{table.name}.{column.name} holds this value already")
            target = column.rules.references
            itself = target == table.name and value == values["id"]
            if target is not None and not itself and value not in self.tables.get(target, {}):
                raise Conflict(f"the {target} that {table.name}.{column.name} refers to is gone")


def _condition(column: Column, value: Any) -> Callable[[Values], bool]:
    name, kind = column.name, type(value)
    if value is None:
        return lambda values: values.get(name) is None
    if kind is Not and value.value is None:
        return lambda values: values.get(name) is not None
    if column.kind == "json":
        raise TypeError(f"{column.attribute} is JSON, which is not compared")
    plain = plain_value(column)
    if kind is Not:
        unwanted = _stored(column, value.value)
        return lambda values: values.get(name) != unwanted
    if kind in (Above, AtMost):
        if value.value is None:
            raise Unmatchable("nothing is above or below None")
        limit, above = plain(value.value), kind is Above
        return lambda values: (held := values.get(name)) is not None and (held > limit) is above
    if kind is OneOf:
        wanted = [each for each in (_or_unmatchable(plain, each) for each in value.values) if each is not Unmatchable]
        return lambda values: values.get(name) in wanted
    equal = plain(value)
    return lambda values: values.get(name) == equal


def _or_unmatchable(plain: Callable[[Any], Any], value: Any) -> Any:
    try:
        return None if value is None else plain(value)
    except Unmatchable:
        return Unmatchable


def _stored(column: Column, value: Any) -> Any:
    if value is None:
        if not column.optional:
            raise TypeError(f"{column.attribute} must have a value")
        return None
    try:
        return plain_value(column)(value)
    except Unmatchable as reason:
        raise ValueError(str(reason)) from None


def _row(row: type[R], values: Values) -> R:
    table = table_of(row)
    defaults = constant_defaults(table)
    named: Values = {}
    for column in table.columns:
        value = values.get(column.name)
        if value is None and not column.optional:
            named[column.attribute] = defaults.get(column.attribute)
        else:
            named[column.attribute] = json.loads(value) if column.kind == "json" and value is not None else value
    return row(**named)


def _column(table: Table, attribute: str) -> Column:
    try:
        return table.by_attribute[attribute]
    except KeyError:
        raise TypeError(f"{table.row.__name__} has no field {attribute!r}") from None


def _refuse_all(table: Table, where: Mapping[str, Any]) -> None:
    if not where:
        raise ValueError(f"this would touch every row of {table.name}")


def _sort_key(value: Any) -> tuple[bool, Any]:
    return value is not None, 0 if value is None else value
