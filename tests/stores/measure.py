"""What a statement costs on SQLite, printed: `python -m tests.stores.measure`. No test asserts a time."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROWS = 1_000
ROUNDS = 5


async def main(folder: Path) -> None:
    began = time.perf_counter()
    from authmw.core.model import SHARED_TABLES, Session, User, Verification
    from authmw.stores.sql import SqlStore

    show("import", time.perf_counter() - began)
    path, now = folder / "measure.db", datetime.now(UTC)
    store = SqlStore(f"sqlite:///{path}")
    for name in ("open() of a new file", "open() again"):
        began = time.perf_counter()
        await store.open(SHARED_TABLES)
        show(name, time.perf_counter() - began)
        if name != "open() again":
            await store.close()
    times: dict[str, Any] = {"created_at": now, "updated_at": now}
    async with store.transaction() as within:
        for number in range(ROWS):
            await within.insert(User(id=f"u{number}", name="x", email=f"{number}@example.com", **times))
            await within.insert(
                Session(id=f"s{number}", expires_at=now, token=f"t{number}", user_id=f"u{number}", **times)
            )
    plain = sqlite3.connect(path, isolation_level=None)

    async def sqlite_itself(number: int) -> None:
        plain.execute("SELECT * FROM session WHERE token = ? LIMIT 1", (f"t{number % ROWS}",)).fetchall()

    async def find(number: int) -> None:
        await store.find(Session, token=f"t{number % ROWS}")

    async def find_joined(number: int) -> None:
        await store.find_joined(Session, User, token=f"t{number % ROWS}")

    async def insert(number: int) -> None:
        await store.insert(Verification(id=f"v{number}", identifier="i", value="x", expires_at=now, **times))

    await measure("sqlite3 itself, one row by a unique key", sqlite_itself, 4_000)
    await measure("find by a unique key", find, 4_000)
    await measure("find_joined", find_joined, 4_000)
    await measure("insert, on the disk when it returns", insert, 300)
    plain.close()
    await store.close()


async def measure(name: str, call: Callable[[int], Awaitable[None]], calls: int) -> None:
    rounds = []
    for round_number in range(ROUNDS):
        began = time.perf_counter()
        for number in range(calls):
            await call(round_number * calls + number)
        rounds.append((time.perf_counter() - began) / calls)
    show(name, statistics.median(rounds))


def show(name: str, seconds: float) -> None:
    print(f"{name:44}{seconds * 1e6:12.1f} µs")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(main(Path(made)))
