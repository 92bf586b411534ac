"""The three dialects of SQL: how each quotes, compares, and writes down a value."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from ..core.schema import Column, Kind

Name = Literal["sqlite", "postgresql", "mysql"]
Convert = Callable[[Any], Any]


class Unmatchable(Exception):
    """No row can hold this value: a condition with it fits nothing, a change with it is a ValueError."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dialect:
    name: Name
    quote: str
    returning: bool
    """`RETURNING` gives back the rows of an UPDATE or DELETE."""
    writes: dict[Kind, Convert]
    """From Python to the driver, after `plain_value`."""
    reads: dict[Kind, Convert]
    """From the driver to Python, for the kinds where the two differ."""

    def quoted(self, name: str) -> str:
        return self.quote + name.replace(self.quote, self.quote * 2) + self.quote


def plain_value(column: Column) -> Convert:
    """Return what checks a value for `column` and brings it to one shape, the same for every store.

    It raises TypeError for another type (MySQL compares text with 0 as equal) and `Unmatchable` for what no
    database here can hold: NUL and half characters in text, numbers too large.
    """
    return {"text": _text, "boolean": _boolean, "integer": _big if column.rules.big else _small, "datetime": cut}.get(
        column.kind, _json
    )


def cut(value: Any) -> datetime:
    """The time in UTC, cut to milliseconds: what every database and JavaScript can hold."""
    if not isinstance(value, datetime):
        raise TypeError(f"a time is asked for, not {type(value).__name__}")
    if value.tzinfo is None:
        raise TypeError("a time without a zone means something else on each machine; use datetime.now(UTC)")
    time: datetime = value if value.tzinfo is UTC else value.astimezone(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is asked for, not {type(value).__name__}")
    text = value if type(value) is str else str.__str__(value)  # drivers look for the exact type
    if "\0" in text:
        raise Unmatchable("text with a NUL character cannot be stored")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unmatchable("text with half a character (a lone surrogate) cannot be stored") from None
    return text


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"True or False is asked for, not {type(value).__name__}")
    return value


def _small(value: Any) -> int:
    return _integer(value, 31)


def _big(value: Any) -> int:
    return _integer(value, 63)


def _integer(value: Any, bits: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a whole number is asked for, not {type(value).__name__}")
    if not -(1 << bits) <= value < 1 << bits:
        raise Unmatchable(f"a number beyond {bits + 1} bits cannot be stored")
    return int(value)


def _json(value: Any) -> str:
    if not isinstance(value, (dict, list)):
        raise TypeError(f"a dict or a list is asked for, not {type(value).__name__}")
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    if "\\u0000" in text:
        raise Unmatchable("JSON with a NUL character cannot be stored")
    return _text(text)


def iso(value: datetime) -> str:
    """`2026-11-23T23:40:05.932Z`, as JavaScript writes a date."""
    return value.isoformat(timespec="milliseconds")[:-6] + "Z"


@lru_cache(maxsize=8192)  # the rows of people who are about are read again and again
def _sqlite_time(value: Any) -> datetime:
    # Another program's rows may hold fewer digits, `CURRENT_TIMESTAMP`'s form, or milliseconds since the epoch.
    if isinstance(value, str):
        if not value.isdigit():
            time = datetime.fromisoformat(value)
            if time.tzinfo is UTC and not time.microsecond % 1000:
                return time
            return cut(time if time.tzinfo else time.replace(tzinfo=UTC))
        value = int(value)
    seconds, milliseconds = divmod(int(value), 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)


def _driver_time(value: datetime) -> datetime:
    # asyncmy reads naive times; PostgreSQL's are aware, but for a column without a time zone.
    return cut(value if value.tzinfo else value.replace(tzinfo=UTC))


def _is_one(value: Any) -> bool:
    return bool(value == 1)


def _loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, (str, bytes)) else value


def _same(value: Any) -> Any:
    return value


def _naive(value: datetime) -> datetime:
    return value.replace(tzinfo=None)


SQLITE = Dialect(
    name="sqlite",
    quote='"',
    returning=True,
    writes={"text": _same, "boolean": int, "integer": _same, "datetime": iso, "json": _same},
    reads={"boolean": _is_one, "datetime": _sqlite_time, "json": _loaded},
)
POSTGRESQL = Dialect(
    name="postgresql",
    quote='"',
    returning=True,
    writes={"text": _same, "boolean": _same, "integer": _same, "datetime": _same, "json": _same},
    # `str` is for ids that are `uuid` columns in a database that another program made.
    reads={"text": str, "datetime": _driver_time, "json": _loaded},
)
MYSQL = Dialect(
    name="mysql",
    quote="`",
    returning=False,
    writes={"text": _same, "boolean": int, "integer": _same, "datetime": _naive, "json": _same},
    reads={"boolean": _is_one, "datetime": _driver_time, "json": _loaded},
)
