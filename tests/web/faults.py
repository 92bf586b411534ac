"""`FailingStore`: a database that breaks at the k-th thing it is asked, and one that counts what it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

from authmw.core.schema import Row
from authmw.core.store import Database, Store, Unavailable

R = TypeVar("R", bound=Row)
S = TypeVar("S", bound=Row)
Commit = Literal["lost before", "lost after"]


class FailingStore:
    """A `Database` in front of another. The beginning and the end of a transaction count as calls as well.

    `fail_at` is the number of the call that raises, counted from `arm`; `commit` says whether a commit that
    fails had happened: nobody can tell when the connection is lost just then (SEC-192).
    """

    def __init__(self, inner: Database, *, error: Callable[[], Exception] = lambda: Unavailable("it is down")) -> None:
        self.inner = inner
        self.error = error
        self.calls: list[str] = []
        self.fail_at: int | None = None
        self.commit: Commit = "lost before"
        self.failed: str | None = None

    def arm(self, fail_at: int | None, commit: Commit = "lost before") -> None:
        self.calls, self.failed = [], None
        self.fail_at, self.commit = fail_at, commit

    def disarm(self) -> None:
        self.arm(None)

    def passes(self, what: str) -> bool:
        """Count one call; False when it is the one that fails."""
        self.calls.append(what)
        if len(self.calls) != self.fail_at:
            return True
        self.failed = what
        return False

    def pass_or_raise(self, what: str) -> None:
        if not self.passes(what):
            raise self.error()

    async def open(self, tables: Sequence[type[Row]], *, create: bool | None = None) -> None:
        await self.inner.open(tables, create=create)

    async def close(self) -> None:
        await self.inner.close()

    async def insert(self, row: R) -> R:
        return await _Verbs(self, self.inner).insert(row)

    async def find(self, table: type[R], /, **where: Any) -> R | None:
        return await _Verbs(self, self.inner).find(table, **where)

    async def find_all(
        self, table: type[R], /, *, order: str | None = None, limit: int | None = 100, offset: int = 0, **where: Any
    ) -> list[R]:
        return await _Verbs(self, self.inner).find_all(table, order=order, limit=limit, offset=offset, **where)

    async def find_joined(self, table: type[R], other: type[S], /, **where: Any) -> tuple[R, S] | None:
        return await _Verbs(self, self.inner).find_joined(table, other, **where)

    async def count(self, table: type[Row], /, **where: Any) -> int:
        return await _Verbs(self, self.inner).count(table, **where)

    async def update(self, table: type[Row], where: Mapping[str, Any], /, **changes: Any) -> int:
        return await _Verbs(self, self.inner).update(table, where, **changes)

    async def take(self, table: type[R], /, **where: Any) -> R | None:
        return await _Verbs(self, self.inner).take(table, **where)

    async def delete(self, table: type[Row], /, **where: Any) -> int:
        return await _Verbs(self, self.inner).delete(table, **where)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Store]:
        self.pass_or_raise("begin")
        committed = True
        async with self.inner.transaction() as inner:
            yield _Verbs(self, inner)
            committed = self.passes("commit")
            if not committed and self.commit == "lost before":
                raise self.error()
        if not committed:
            raise self.error()


class _Verbs:
    """The verbs, each counted, over a store: the database, or one transaction of it."""

    def __init__(self, owner: FailingStore, inner: Store) -> None:
        self._owner, self._inner = owner, inner

    async def insert(self, row: R) -> R:
        self._owner.pass_or_raise(f"insert {row.table_name}")
        return await self._inner.insert(row)

    async def find(self, table: type[R], /, **where: Any) -> R | None:
        self._owner.pass_or_raise(f"find {table.table_name}")
        return await self._inner.find(table, **where)

    async def find_all(
        self, table: type[R], /, *, order: str | None = None, limit: int | None = 100, offset: int = 0, **where: Any
    ) -> list[R]:
        self._owner.pass_or_raise(f"find_all {table.table_name}")
        return await self._inner.find_all(table, order=order, limit=limit, offset=offset, **where)

    async def find_joined(self, table: type[R], other: type[S], /, **where: Any) -> tuple[R, S] | None:
        self._owner.pass_or_raise(f"find_joined {table.table_name}")
        return await self._inner.find_joined(table, other, **where)

    async def count(self, table: type[Row], /, **where: Any) -> int:
        self._owner.pass_or_raise(f"count {table.table_name}")
        return await self._inner.count(table, **where)

    async def update(self, table: type[Row], where: Mapping[str, Any], /, **changes: Any) -> int:
        self._owner.pass_or_raise(f"update {table.table_name}")
        return await self._inner.update(table, where, **changes)

    async def take(self, table: type[R], /, **where: Any) -> R | None:
        self._owner.pass_or_raise(f"take {table.table_name}")
        return await self._inner.take(table, **where)

    async def delete(self, table: type[Row], /, **where: Any) -> int:
        self._owner.pass_or_raise(f"delete {table.table_name}")
        return await self._inner.delete(table, **where)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Store]:
        async with self._inner.transaction() as inner:
            yield _Verbs(self._owner, inner)
