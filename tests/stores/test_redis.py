"""Tokens that were taken back, in a real Redis."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from authmw.core.store import Unavailable
from authmw.stores.redis import RedisDenylist

pytestmark = pytest.mark.anyio
REDIS = os.environ.get("AUTHMW_TEST_REDIS", "redis://127.0.0.1:6379")


@pytest.fixture
async def denylist() -> AsyncIterator[RedisDenylist]:
    made = RedisDenylist(REDIS, prefix=f"authmw-test-{os.getpid()}:")
    try:
        await made.is_denied("anything", datetime.now(UTC))
    except Unavailable as error:
        if os.environ.get("AUTHMW_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"Redis is not there: {error}")
    yield made
    await made.close()


async def test_a_token_that_was_taken_back_is_denied_until_its_end(denylist: RedisDenylist) -> None:
    now = datetime.now(UTC)
    await denylist.deny("one", now + timedelta(seconds=30))
    await denylist.deny("short", now + timedelta(milliseconds=20))
    assert await denylist.is_denied("one", now)
    assert not await denylist.is_denied("another", now)
    assert 0 < await denylist._redis.pttl(denylist._prefix + "one") <= 30_000
    while await denylist.is_denied("short", now):  # goes by itself
        pass


async def test_taking_one_back_twice_is_no_error(denylist: RedisDenylist) -> None:
    until = datetime.now(UTC) + timedelta(seconds=5)
    await denylist.deny("twice", until)
    await denylist.deny("twice", until)
    assert await denylist.is_denied("twice", until)


async def test_without_an_answer_nothing_is_taken_for_granted() -> None:
    nobody = RedisDenylist("redis://127.0.0.1:1", timeout=0.2)
    with pytest.raises(Unavailable):
        await nobody.is_denied("one", datetime.now(UTC))
    with pytest.raises(Unavailable):
        await nobody.deny("one", datetime.now(UTC))
    await nobody.close()
