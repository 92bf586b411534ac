"""How many calls are left."""

from __future__ import annotations

import pytest

from authmw.core.errors import TooManyRequests
from authmw.core.rate_limit import Limit, decide

LIMIT = Limit(3, per=10)
NOW = 1_795_000_000_000


@pytest.mark.sec("SEC-062")
@pytest.mark.parametrize(
    ("count", "since_ms", "decision"),
    [
        (0, 0, (True, 1, 0)),
        (1, 0, (True, 2, 0)),
        (2, 9_999, (True, 3, 0)),
        (3, 0, (False, 3, 10)),
        (3, 1, (False, 3, 10)),
        (3, 1_000, (False, 3, 9)),
        (3, 9_001, (False, 3, 1)),
        (3, 9_999, (False, 3, 1)),
        (3, 10_000, (True, 1, 0)),
        (3, 99_999, (True, 1, 0)),
        (7, 5_000, (False, 7, 5)),
        # A clock that jumped back counts as no time gone by.
        (3, -60_000, (False, 3, 10)),
        (1, -60_000, (True, 2, 0)),
    ],
)
def test_the_decision(count: int, since_ms: int, decision: tuple[bool, int, int]) -> None:
    assert decide(count, NOW - since_ms, NOW, LIMIT) == decision


@pytest.mark.parametrize(("seconds", "said"), [(-1, "1"), (0, "1"), (1, "1"), (17, "17")])
def test_whoever_is_refused_is_told_how_long_to_wait(seconds: int, said: str) -> None:
    refused = TooManyRequests(seconds)
    assert refused.headers == {"X-Retry-After": said, "Retry-After": said}
    assert (refused.status, refused.code) == (429, "")
    assert refused.message == "Too many requests. Please try again later."
