"""From the values of a database row to a row dataclass and back, as fast as it goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from ..core.schema import Column, Row, Table, table_of
from .dialects import Convert, Dialect, Unmatchable, plain_value

R = TypeVar("R", bound=Row)


def written(dialect: Dialect, row: Row) -> list[Any]:
    """The driver's values of `row`, in the order of its columns. Raise ValueError for what cannot be stored."""
    try:
        return [write(getattr(row, attribute)) for attribute, write in _writers(dialect, type(row))]
    except Unmatchable as reason:
        raise ValueError(str(reason)) from None


def writer(dialect: Dialect, column: Column) -> Convert:
    """Return what turns a value into the driver's; None only where the column may be empty."""
    check, convert = plain_value(column), dialect.writes[column.kind]

    def write(value: Any) -> Any:
        if value is not None:
            return convert(check(value))
        if column.optional:
            return None
        raise TypeError(f"{column.attribute} must have a value")

    return write


@cache
def row_builder(dialect: Dialect, row: type[Any]) -> Callable[[Sequence[Any]], Any]:
    """Return what makes a `row` of the values of all its columns, in their order."""
    table = table_of(row)
    names = tuple(column.attribute for column in table.columns)
    defaults = constant_defaults(table)
    converts: list[tuple[str, Convert, Any]] = []
    for column in table.columns:
        # A column that another program made may hold nothing where our field has a default.
        default = None if column.optional else defaults.get(column.attribute)
        convert = dialect.reads.get(column.kind)
        if convert is not None or default is not None:
            converts.append((column.attribute, convert or _as_it_is, default))

    def named(values: Sequence[Any]) -> dict[str, Any]:
        row_values = dict(zip(names, values, strict=True))
        for name, convert, default in converts:
            value = row_values[name]
            row_values[name] = default if value is None else convert(value)
        return row_values

    if hasattr(row, "__post_init__") or any("__slots__" in vars(each) for each in row.__mro__[:-1]):
        return lambda values: row(**named(values))

    # A frozen dataclass sets its attributes one by one through object.__setattr__: that costs as much as the query.
    new = object.__new__

    def build(values: Sequence[Any]) -> Any:
        made = new(row)
        made.__dict__.update(named(values))
        return made

    return build


def constant_defaults(table: Table) -> dict[str, Any]:
    """What each field that has a default holds when nobody says otherwise, by attribute; None is left out."""
    defaults: dict[str, Any] = {}
    for field in dataclasses.fields(table.row):
        if field.default_factory is not dataclasses.MISSING:
            if table.by_attribute[field.name].kind == "json":
                defaults[field.name] = field.default_factory()
        elif field.default is not dataclasses.MISSING and field.default is not None:
            defaults[field.name] = field.default
    return defaults


@cache
def _writers(dialect: Dialect, row: type[Any]) -> tuple[tuple[str, Convert], ...]:
    return tuple((column.attribute, writer(dialect, column)) for column in table_of(row).columns)


def _as_it_is(value: Any) -> Any:
    return value
