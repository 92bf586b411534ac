"""Sixteen callers at once, round after round: exactly one wins, on every store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from authmw.core import tokens
from authmw.core.model import RateLimit, User, Verification
from authmw.core.rate_limit import Limit
from authmw.core.store import Above, Conflict, Database, Not, Plus
from authmw.core.tokens import Purpose
from authmw.stores.limits import StoreLimiter
from tests.support import make_auth

from .conftest import NOW, Thing, user

pytestmark = pytest.mark.anyio

CALLERS = 16
ROUNDS = 10


async def at_once(call: Callable[[int], Awaitable[Any]], callers: int = CALLERS) -> list[Any]:
    barrier = asyncio.Barrier(callers)

    async def caller(number: int) -> Any:
        await barrier.wait()
        return await call(number)

    return await asyncio.gather(*(caller(number) for number in range(callers)))


async def test_take_has_one_winner(store: Database) -> None:
    for _ in range(ROUNDS):
        await store.insert(Thing(id="t", name="once"))
        taken = await at_once(lambda _: store.take(Thing, name="once", number=0))
        assert [thing for thing in taken if thing is not None] == [Thing(id="t", name="once")]


async def test_several_rows_go_to_as_many_callers(store: Database) -> None:
    for _ in range(ROUNDS):
        for number in range(5):
            await store.insert(Thing(id=f"t{number}", name="once"))
        taken = await at_once(lambda _: store.take(Thing, name="once"))
        assert sorted(thing.id for thing in taken if thing is not None) == ["t0", "t1", "t2", "t3", "t4"]


async def test_compare_and_set_has_one_winner(store: Database) -> None:
    await store.insert(Thing(id="t", name="x"))
    for number in range(ROUNDS):
        changed = await at_once(
            lambda _, number=number: store.update(Thing, {"id": "t", "number": number}, number=number + 1)  # type: ignore[misc]
        )
        assert sorted(changed) == [0] * (CALLERS - 1) + [1]


async def test_a_unique_value_has_one_owner(store: Database) -> None:
    async def insert(number: int) -> bool:
        try:
            await store.insert(user(f"u{number}", "same@example.com"))
        except Conflict:
            return False
        return True

    for _ in range(ROUNDS):
        assert sorted(await at_once(insert)) == [False] * (CALLERS - 1) + [True]
        assert await store.count(User) == 1
        await store.delete(User, email="same@example.com")


async def test_no_addition_is_lost(store: Database) -> None:
    await store.insert(Thing(id="t", name="x"))
    for _ in range(3):
        assert await at_once(lambda _: store.update(Thing, {"id": "t"}, number=Plus(1))) == [1] * CALLERS
    found = await store.find(Thing, id="t")
    assert found is not None and found.number == 3 * CALLERS


async def test_a_budget_is_not_overspent(store: Database) -> None:
    await store.insert(Thing(id="t", name="x", number=5))
    changed = await at_once(lambda _: store.update(Thing, {"id": "t", "number": Above(0)}, number=Plus(-1)))
    assert sum(changed) == 5


async def test_transactions_one_after_the_other_or_one_beside_the_other(store: Database) -> None:
    async def call(number: int) -> None:
        async with store.transaction() as within:
            await within.insert(user(f"u{number}"))
            await within.insert(Thing(id=f"t{number}", name="x"))
            assert await within.find(User, id=f"u{number}") is not None

    await at_once(call)
    assert await store.count(User) == await store.count(Thing) == CALLERS


async def test_the_limiter_lets_exactly_the_limit_pass(store: Database) -> None:
    for callers, limit in ((CALLERS, Limit(5, per=10)), (200, Limit(100, per=10))):
        limiter = StoreLimiter(store)
        await store.delete(RateLimit, id=Not(None))
        waits = await at_once(lambda _, limiter=limiter, limit=limit: limiter.hit("1.2.3.4|/x", limit, NOW), callers)  # type: ignore[misc]
        assert waits.count(0) == limit.times
        assert set(waits) == {0, 10}
        assert await store.count(RateLimit) == 1


# Secrets for one person


@pytest.mark.sec("SEC-026")
async def test_of_secrets_that_are_made_at_once_for_one_person_the_newest_alone_is_good(store: Database) -> None:
    """Each finds what the others have made, for all wait for the user's row."""
    auth = make_auth(database=store)
    purpose = Purpose(name="trial", prefix="trial:", lifetime=timedelta(hours=1))
    await store.insert(user())

    async def issue(_: int) -> None:
        async with auth.new_call().transaction() as call:
            await tokens.issue(call, purpose, subject="u1", value="x")

    for _ in range(ROUNDS):
        await at_once(issue, callers=5)
        assert await store.count(Verification, subject="u1") == 1
