"""What authmw asks of a database: eight verbs over row dataclasses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .schema import Row

R = TypeVar("R", bound=Row)
S = TypeVar("S", bound=Row)


@dataclass(frozen=True)
class Above:
    """A condition: the column is greater than `value`; no row is greater than None."""

    value: Any


@dataclass(frozen=True)
class AtMost:
    """A condition: the column is `value` or less; no row is at most None."""

    value: Any


@dataclass(frozen=True)
class Not:
    """A condition: the column is anything but `value`, empty included; `Not(None)` is "has a value"."""

    value: Any


@dataclass(frozen=True)
class OneOf:
    """A condition: the column is one of `values`; with none, no row fits."""

    values: Sequence[Any]


@dataclass(frozen=True)
class Plus:
    """A change: add `amount` to the column as it stands in the database."""

    amount: int


class StoreError(Exception):
    """The database did not do what was asked."""


class Conflict(StoreError):
    """A unique column already holds this value, or a row that is referred to is gone; nothing was written."""


class Locked(StoreError):
    """Another writer held on for longer than we wait; nothing was written and asking again is safe."""


class Unavailable(StoreError):
    """The database cannot be reached, or was lost on the way: whether a commit happened is unknown."""


class Store(Protocol):
    """Rows, stored safely.

    A `where` names attributes of the row. Its values are plain (equal to; None: has no value) or one of the
    conditions above; all must hold, text compares exactly, case and accents included. Each verb alone is atomic.
    Times are aware, in UTC, cut to milliseconds on the way in.

    Every verb raises `Unavailable` or `Locked` when the database is; writes raise `Conflict`. Text that no
    database holds (NUL, half a surrogate) fits nothing in a condition and is a ValueError in a write; a wrong
    type, a naive time or an unknown attribute is a TypeError.
    """

    async def insert(self, row: R) -> R:
        """Store `row` and return it as it will be read back."""
        ...

    async def find(self, table: type[R], /, **where: Any) -> R | None:
        """Return one row that fits, or None."""
        ...

    async def find_all(
        self, table: type[R], /, *, order: str | None = None, limit: int | None = 100, offset: int = 0, **where: Any
    ) -> list[R]:
        """Return the rows that fit. `order` is an attribute, with `-` before it for falling order."""
        ...

    async def find_joined(self, table: type[R], other: type[S], /, **where: Any) -> tuple[R, S] | None:
        """Return one row of `table` that fits and the row of `other` that it refers to, in one statement."""
        ...

    async def count(self, table: type[Row], /, **where: Any) -> int: ...

    async def update(self, table: type[Row], where: Mapping[str, Any], /, **changes: Any) -> int:
        """Change the rows that fit; return how many did. Of two callers at once whose `where` the other's
        change breaks, one gets 1 and the other 0: this is compare-and-set. An empty `where` is refused
        with ValueError."""
        ...

    async def take(self, table: type[R], /, **where: Any) -> R | None:
        """Delete one row that fits and return it, or None. Of two callers at once, one gets the row."""
        ...

    async def delete(self, table: type[Row], /, **where: Any) -> int:
        """Delete the rows that fit; return how many there were. Deleting a row that is gone is no error;
        an empty `where` is refused with ValueError."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Store]:
        """All of it or nothing: `async with store.transaction() as store:`; an exception rolls back.

        The store that is handed out must be used inside; a transaction inside a transaction is the outer one,
        and an exception that leaves the inner one spoils both, even if it is caught. A `Conflict` of a single
        verb that is caught inside spoils nothing.
        """
        ...


class Database(Store, Protocol):
    """A store with a beginning and an end."""

    async def open(self, tables: Sequence[type[Row]], *, create: bool | None = None) -> None:
        """Connect, and bring the tables up to what the rows ask for.

        `create`: True makes what is missing, False only checks; None means True on SQLite and False elsewhere.
        Raise ConfigurationError with the command to run when something is missing and may not be made.
        """
        ...

    async def close(self) -> None: ...
