"""The rule of the limiters: the window starts anew with each call that is let through."""

from __future__ import annotations

from datetime import timedelta

import pytest

from authmw.core.model import RateLimit
from authmw.core.rate_limit import Limit, Limiter
from authmw.core.store import Database
from authmw.stores import limits
from authmw.stores.limits import MemoryLimiter, StoreLimiter
from authmw.stores.memory import MemoryStore

from .conftest import NOW

pytestmark = pytest.mark.anyio

THREE = Limit(3, per=10)


@pytest.fixture(params=["memory", "store"])
def limiter(request: pytest.FixtureRequest) -> Limiter:
    return MemoryLimiter() if request.param == "memory" else StoreLimiter(MemoryStore())


async def hits(limiter: Limiter, *seconds: float, key: str = "k", limit: Limit = THREE) -> list[int]:
    return [await limiter.hit(key, limit, NOW + timedelta(seconds=second)) for second in seconds]


async def test_so_many_and_no_more(limiter: Limiter) -> None:
    assert await hits(limiter, 0, 0, 0, 0, 0.001, 9, 9.999) == [0, 0, 0, 10, 10, 1, 1]


async def test_an_accepted_call_starts_the_window_anew_and_a_refused_one_does_not(limiter: Limiter) -> None:
    assert await hits(limiter, 0, 5, 9, 10, 18.5, 19, 19, 19, 19) == [0, 0, 0, 9, 1, 0, 0, 0, 10]


async def test_keys_do_not_know_each_other(limiter: Limiter) -> None:
    assert await hits(limiter, 0, 0, 0, key="a") == await hits(limiter, 0, 0, 0, key="b") == [0, 0, 0]
    assert await hits(limiter, 0, key="a") == [10]


async def test_forget_starts_from_nothing(limiter: Limiter) -> None:
    await limiter.forget("k")
    assert await hits(limiter, 0, 0, 0, 0) == [0, 0, 0, 10]
    await limiter.forget("k")
    assert await hits(limiter, 0) == [0]


async def test_one_call_at_a_time(limiter: Limiter) -> None:
    assert await hits(limiter, 0, 0, 60, 60, limit=Limit(1, per=60)) == [0, 60, 0, 60]


@pytest.mark.parametrize("key", ["x" * 5000, "1.2.3.4|/é", "a\0b", "\ud800", "", "A", "a "])
async def test_any_text_is_a_key(store: Database, key: str) -> None:
    limiter = StoreLimiter(store)
    assert await hits(limiter, 0, 0, 0, 0, key=key) == [0, 0, 0, 10]
    assert await hits(limiter, 0, key=key + "'") == [0]
    await limiter.forget(key)
    assert await hits(limiter, 0, key=key) == [0]


async def test_a_row_that_a_node_server_made_is_counted_on(store: Database) -> None:
    last = int(NOW.timestamp() * 1000) - 1000
    await store.insert(RateLimit(id="any-id", key="1.2.3.4|/x", count=2, last_request=last))
    assert await hits(StoreLimiter(store), 0, 0, key="1.2.3.4|/x") == [0, 10]


async def test_old_rows_are_swept(store: Database) -> None:
    limiter = StoreLimiter(store)
    await hits(limiter, 0, key="old")
    await hits(limiter, 3600, key="younger")
    await hits(limiter, 24 * 3600 + 1, key="new")
    assert {row.key for row in await store.find_all(RateLimit)} == {"younger", "new"}


async def test_the_memory_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEYS_KEPT", 3)
    limiter = MemoryLimiter()
    for key in "abcd":
        await hits(limiter, 0, 0, 0, key=key)
    assert await hits(limiter, 0, key="d") == [10]
    assert await hits(limiter, 0, key="a") == [0]  # the oldest was forgotten


@pytest.mark.anyio
async def test_many_addresses_do_not_push_out_what_locks_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authmw.stores.limits.KEYS_KEPT", 10)
    limiter, now = MemoryLimiter(), NOW
    lock = Limit(1, per=900)
    assert await limiter.hit("password|ann", lock, now) == 0
    for number in range(50):
        await limiter.hit(f"2001:db8::{number}|/sign-in/email", lock, now)
    assert await limiter.hit("password|ann", lock, now) > 0
