"""How many calls are left: the rule, and what counts them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Limit:
    """At most `times` calls; the window of `per` seconds starts anew with each call that was let through."""

    times: int
    per: int


EVERY_ROUTE = Limit(100, per=10)
SIGN_IN = Limit(3, per=10)
SEND_MAIL = Limit(3, per=60)
WRONG_PASSWORDS_OF_AN_ACCOUNT = Limit(10, per=15 * 60)  # whoever asks, from wherever: SEC-062
WRONG_PASSWORDS_OF_A_SESSION = Limit(5, per=15 * 60)  # a stolen session must not be a guessing machine: SEC-009
MAILS_TO_AN_ADDRESS = Limit(5, per=60 * 60)
LASTING = "lasting-"
"""How keys begin whose window is longer than a day: no sweep of old counts may forget them."""


def decide(count: int, last_ms: int, now_ms: int, limit: Limit) -> tuple[bool, int, int]:
    """Return (allowed, the new count, seconds to wait) for one more call at `now_ms`.

    `count` calls were let through, the last at `last_ms`; times are milliseconds since the epoch. A clock
    that jumped back counts as no time gone by.
    """
    elapsed = max(0, now_ms - last_ms)
    window = limit.per * 1000
    if count == 0 or elapsed >= window:
        return True, 1, 0
    if count >= limit.times:
        return False, count, max(1, -(-(window - elapsed) // 1000))
    return True, count + 1, 0


class Limiter(Protocol):
    """Counts calls by key. Counting and deciding are one step: callers at once never pass more than the limit."""

    async def hit(self, key: str, limit: Limit, now: datetime) -> int:
        """Count one call. Return 0 when it is allowed, else the seconds to wait, at least 1."""
        ...

    async def forget(self, key: str) -> None:
        """Start `key` from nothing. A key that was never seen is no error."""
        ...
