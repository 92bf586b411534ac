"""Counting calls by key: in this process, or in a table that several processes share."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from ..core.model import RateLimit
from ..core.rate_limit import LASTING, Limit, decide
from ..core.store import Above, AtMost, Conflict, OneOf, Plus, Store

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

KEYS_KEPT = 100_000  # the wire's number; about 20 MiB

# Each turn, another caller got ahead; as many as a limit has room for. Then: no.
TURNS = 64

SWEEP_EVERY_MS = 60_000
SWEEP_BATCH = 200
# No window is longer than a day but those of LASTING keys; another row that is older says nothing any more.
KEPT_MS = 24 * 60 * 60 * 1000

LONGEST_KEY = 255
OF_ACCOUNTS = ("password|", "reauth|", "mail|", LASTING)


class MemoryLimiter:
    """Counts in this process: exact for one process, and gone when it ends.

    Keys of addresses and keys of accounts are kept apart: whoever has many addresses makes as many keys of the
    first kind as he likes, and must not push out what locks an account.
    """

    def __init__(self) -> None:
        self._of_addresses: dict[str, tuple[int, int]] = {}
        self._of_accounts: dict[str, tuple[int, int]] = {}

    async def hit(self, key: str, limit: Limit, now: datetime) -> int:
        now_ms = _milliseconds(now)
        kept = self._kept(key)
        count, last = kept.pop(key, (0, 0))  # a dict keeps the order of insertion: the longest unused comes first
        allowed, count, wait = decide(count, last, now_ms, limit)
        if len(kept) >= KEYS_KEPT:
            del kept[next(iter(kept))]
        kept[key] = (count, now_ms if allowed else last)
        return 0 if allowed else max(1, wait)

    async def forget(self, key: str) -> None:
        self._kept(key).pop(key, None)

    def _kept(self, key: str) -> dict[str, tuple[int, int]]:
        return self._of_accounts if key.startswith(OF_ACCOUNTS) else self._of_addresses


class StoreLimiter:
    """Counts in the table `rateLimit`, which Better Auth reads and writes by the same rule."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._swept_ms = 0
        self._passed = 0  # lasting rows that the sweep has gone past

    async def hit(self, key: str, limit: Limit, now: datetime) -> int:
        key, now_ms = _fitting(key), _milliseconds(now)
        await self._sweep(now_ms)
        for _ in range(TURNS):
            row = await self._store.find(RateLimit, key=key)
            count, last = (row.count, row.last_request) if row is not None else (0, 0)
            allowed, count, wait = decide(count, last, now_ms, limit)
            if not allowed:
                return max(1, wait)
            if await self._counted(key, row, count, limit, now_ms):
                return 0
        return 1

    async def forget(self, key: str) -> None:
        await self._store.delete(RateLimit, key=_fitting(key))

    async def _counted(self, key: str, row: RateLimit | None, count: int, limit: Limit, now_ms: int) -> bool:
        """Write down one more call; False when another caller changed the row first and we must decide again."""
        if row is None:
            made = RateLimit(id=hashlib.sha256(key.encode()).hexdigest()[:32], key=key, count=1, last_request=now_ms)
            try:
                await self._store.insert(made)
            except Conflict:
                return False
            return True
        if count == 1:  # a new window: one caller opens it, by comparing and setting
            seen = {"key": key, "count": row.count, "last_request": row.last_request}
            return await self._store.update(RateLimit, seen, count=1, last_request=now_ms) == 1
        # Within a window calls only add up, so that callers at once need not wait for each other.
        open_window = Above(now_ms - limit.per * 1000)
        room = {"key": key, "count": AtMost(limit.times - 1), "last_request": open_window}
        return await self._store.update(RateLimit, room, count=Plus(1), last_request=max(now_ms, row.last_request)) == 1

    async def _sweep(self, now_ms: int) -> None:
        """Drop a few rows that are long over, once a minute: the table stays small without anybody waiting for it."""
        if now_ms - self._swept_ms < SWEEP_EVERY_MS:
            return
        self._swept_ms = now_ms
        over = AtMost(now_ms - KEPT_MS)
        old = await self._store.find_all(
            RateLimit, order="last_request", offset=self._passed, limit=SWEEP_BATCH, last_request=over
        )
        gone = [row.id for row in old if not row.key.startswith(LASTING)]
        self._passed = self._passed + len(old) - len(gone) if len(old) == SWEEP_BATCH else 0
        if gone:
            await self._store.delete(RateLimit, id=OneOf(gone), last_request=over)


def _fitting(key: str) -> str:
    """A key that fits the column, whatever a client put into the path.

    The unique index of a MySQL table that another program made may take `A` and `a`, or `a` and `a `, for one key.
    """
    if len(key) <= LONGEST_KEY and key.isascii() and key.isprintable() and key == key.lower().strip():
        return key
    lasting = LASTING if key.startswith(LASTING) else ""
    return f"{lasting}sha256:" + hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def _milliseconds(now: datetime) -> int:
    return (now - EPOCH) // timedelta(milliseconds=1)
