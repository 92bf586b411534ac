"""Results → what the wire shows: camelCase keys, ISO dates, private fields left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from msgspec import UNSET

from .schema import METADATA_KEY, FieldRules, camel


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


@cache
def _shown(kind: Any) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    shown: list[tuple[str, Callable[[Any], Any]]] = []
    for field in dataclasses.fields(kind):
        rules = field.metadata.get(METADATA_KEY) or FieldRules()
        if rules.seen:
            shown.append((rules.column or camel(field.name), _reader(field.name)))
    return tuple(shown)


def _reader(name: str) -> Callable[[Any], Any]:
    return lambda value: getattr(value, name)
