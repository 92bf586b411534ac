"""All of it or nothing, also when the caller goes away in the middle."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Generator
from typing import Any

import pytest

from authmw.core.model import Session, User
from authmw.core.store import Conflict, Database, StoreError
from authmw.stores.sql import SqlStore

from .conftest import Thing, session, user

pytestmark = pytest.mark.anyio


class Regret(Exception):
    pass


async def test_commit_keeps_everything(store: Database) -> None:
    async with store.transaction() as within:
        await within.insert(user())
        await within.insert(session())
    assert await store.find_joined(Session, User, id="s1") == (session(), user())


async def test_an_exception_undoes_everything(store: Database) -> None:
    await store.insert(Thing(id="kept", name="x"))
    with pytest.raises(Regret):
        async with store.transaction() as within:
            await within.insert(user())
            await within.insert(session())
            await within.update(Thing, {"id": "kept"}, name="changed")
            await within.take(Thing, id="kept")
            raise Regret
    assert await store.count(User) == await store.count(Session) == 0
    assert await store.find(Thing, id="kept") == Thing(id="kept", name="x")


async def test_inside_the_writes_are_seen_and_outside_they_are_not(
    store: Database, request: pytest.FixtureRequest
) -> None:
    seen: list[Any] = []
    async with store.transaction() as within:
        await within.insert(user())
        assert await within.find(User, id="u1") == user()
        assert await within.count(User) == 1
        assert await within.update(User, {"id": "u1"}, name="Eve") == 1
        assert [each.name for each in await within.find_all(User)] == ["Eve"]
        assert await within.take(User, id="u1") == user(name="Eve")
        await within.insert(user())
        elsewhere = asyncio.create_task(store.find(User, id="u1"))
        done, _ = await asyncio.wait({elsewhere}, timeout=0.3)
        seen += [task.result() for task in done]
        await within.delete(User, id="u1")
    # The in-memory SQLite has one connection: there, readers wait for the end instead.
    assert seen == [None] or ("sqlite-memory" in request.node.name and await elsewhere is None)


async def test_a_transaction_inside_a_transaction_is_the_outer_one(store: Database) -> None:
    async with store.transaction() as outer:
        async with outer.transaction() as inner:
            assert inner is outer
            await inner.insert(user())
        await outer.insert(session())
    assert await store.count(Session) == 1


async def test_what_failed_inside_is_not_kept_with_the_rest(store: Database) -> None:
    with pytest.raises(StoreError):
        async with store.transaction() as outer:
            await outer.insert(user("u1"))
            try:
                async with outer.transaction() as inner:
                    await inner.insert(user("u2"))
                    raise Regret
            except Regret:
                pass
    assert await store.count(User) == 0


async def test_a_conflict_that_is_caught_spoils_nothing(store: Database) -> None:
    await store.insert(user("u1"))
    async with store.transaction() as within:
        await within.insert(user("u2"))
        with pytest.raises(Conflict):
            await within.insert(user("u1"))
        with pytest.raises(Conflict):
            await within.update(User, {"id": "u2"}, email="u1@example.com")
        with pytest.raises(Conflict):
            await within.insert(session("s1", "nobody"))
        await within.insert(session("s2", "u2"))
    assert await store.count(User) == 2
    assert await store.find(User, id="u2") == user("u2")


async def test_the_store_of_a_transaction_ends_with_it(store: Database) -> None:
    async with store.transaction() as within:
        await within.insert(user())
    with pytest.raises(RuntimeError):
        await within.find(User, id="u1")
    with pytest.raises(RuntimeError):
        await within.insert(user("u2"))


async def test_calls_side_by_side_in_one_transaction_take_turns(store: Database) -> None:
    async with store.transaction() as within:
        await asyncio.gather(*(within.insert(user(f"u{number}")) for number in range(8)))
        await asyncio.gather(*(within.find(User, id=f"u{number}") for number in range(8)))
    assert await store.count(User) == 8


async def test_cancelled_at_every_await(store: Database) -> None:
    """Whatever step a task is cancelled at, all or nothing is there, and no connection is lost."""

    async def work() -> None:
        async with store.transaction() as within:
            await within.insert(user())
            await within.insert(session())
            await within.update(User, {"id": "u1"}, name="Eve")
            await within.find(User, id="u1")
        await store.take(Session, id="s1")
        await store.delete(User, id="u1")

    steps = 0
    while not await _cancelled_after(work, steps := steps + 1):
        # In this order: a server may still be at the statement that nobody waits for any more.
        sessions, users = await store.count(Session), await store.find_all(User)
        assert (len(users), sessions) in {(0, 0), (1, 1), (1, 0), (0, 1)}, steps
        assert all(each.name == "Eve" for each in users)
        await store.delete(User, id="u1")
    assert steps > (8 if isinstance(store, SqlStore) and "memory" not in store.url and store.url != "sqlite://" else 0)
    await _all_connections_work(store)


async def test_cancelled_by_the_clock(store: Database) -> None:
    """The same with real waiting between the steps, so that answers are on their way when the task ends."""

    async def work() -> None:
        async with store.transaction() as within:
            await within.insert(user())
            await within.insert(session())
        await store.take(Session, id="s1")

    for number in range(60):
        task = asyncio.create_task(work())
        await asyncio.sleep(number / 60 * 0.006)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await store.count(User), await store.count(Session)) in {(0, 0), (1, 1), (1, 0)}
        await store.delete(User, id="u1")
    await _all_connections_work(store)


async def _cancelled_after(work: Any, steps: int) -> bool:
    """Cancel `work` at the point where it waits for the `steps`-th time. True when it was done before that."""
    waited = 0

    @types.coroutine
    def counted() -> Generator[Any, Any, None]:
        nonlocal waited
        inner = work().__await__()
        error: BaseException | None = None
        while True:
            try:
                future = inner.send(None) if error is None else inner.throw(error)
            except StopIteration:
                return
            waited += 1
            if waited == steps:
                task.cancel()
            error = None
            try:
                yield future
            except BaseException as raised:
                error = raised

    async def run() -> None:
        await counted()

    task = asyncio.create_task(run())
    try:
        await task
    except asyncio.CancelledError:
        return False
    return waited < steps


async def _all_connections_work(store: Database) -> None:
    async def use(number: int) -> None:
        async with store.transaction() as within:
            await within.insert(Thing(id=f"pool{number}", name="x"))
            if isinstance(store, SqlStore) and store.dialect.name in ("postgresql", "mysql"):
                await together.wait()  # all eight connections of the pool at the same time

    together = asyncio.Barrier(8)
    async with asyncio.timeout(10):
        for _ in range(2):
            await asyncio.gather(*(use(number) for number in range(8)))
            for number in range(8):
                assert await store.delete(Thing, id=f"pool{number}") == 1
