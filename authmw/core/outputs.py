"""Results → what the wire shows: camelCase keys, ISO dates, private fields left out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from msgspec import UNSET

from .schema import METADATA_KEY, Column, FieldRules, camel, table_of

DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z\Z", re.ASCII)


def to_wire(value: Any) -> Any:
    """Return `value` as JSON's own types. UNSET fields are absent, fields no client may see are too."""
    if value is None or type(value) in (str, bool, int, float):
        return value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return {key: to_wire(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_wire(inner) for inner in value]
    shown = {}
    for key, read in _shown(cast(Any, type(value))):
        inner = read(value)
        if inner is not UNSET:
            shown[key] = to_wire(inner)
    return shown


def iso(moment: datetime) -> str:
    """`2026-11-23T23:40:05.932Z`: exactly three digits, for clients misread any other number (wire 2.12)."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def shown_fields(kind: type[Any]) -> list[tuple[str, str]]:
    """The fields of a dataclass that clients see: (key on the wire, attribute)."""
    found = []
    for field in dataclasses.fields(kind):
        rules = field.metadata.get(METADATA_KEY) or FieldRules()
        if rules.seen:
            found.append((rules.column or camel(field.name), field.name))
    return found


def row_from_wire(kind: type[Any], shown: Mapping[str, Any]) -> Any:
    """Build a row from what the wire shows of it; columns no client sees take their defaults.

    Raise TypeError where one that has no default is missing. What was shown is ours and was signed: types are not
    looked at.
    """
    values = {}
    for column in table_of(kind).columns:
        if column.name in shown:
            values[column.attribute] = _value(column, shown[column.name])
    return kind(**values)


def _value(column: Column, shown: Any) -> Any:
    if column.kind == "datetime" and isinstance(shown, str) and DATE.match(shown):
        return datetime.fromisoformat(shown)
    return shown


@cache
def _shown(kind: Any) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple((key, _reader(name)) for key, name in shown_fields(kind))


def _reader(name: str) -> Callable[[Any], Any]:
    return lambda value: getattr(value, name)
