"""`python -m bench` prints tables; `--quick` is a first look within 40 seconds. Nothing here passes or fails."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from authmw import Hashing, __version__

from .load import Answer, Connection, ask_for, get, post
from .server import ROOT, Server, running

PASSWORD = "correct horse battery staple"
SIGN_INS = 64
MIB_A_HASH = 19
MIB_ALLOWED = 32
SECONDS_BETWEEN_PROBES = 0.005


@dataclass(frozen=True)
class Effort:
    """How long and how often is measured."""

    rounds: int
    seconds: float
    starts: int
    waves: int


THOROUGH = Effort(rounds=9, seconds=4.0, starts=9, waves=6)
QUICK = Effort(rounds=2, seconds=0.6, starts=2, waves=1)


@dataclass
class Case:
    """One request to one of the two servers, and what it cost, round by round."""

    name: str
    server: Server
    request: bytes
    status: int = 200
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    async def measure(self, seconds: float) -> None:
        before = self.server.cpu_seconds()
        seen = await ask_for(seconds, self.server.port, self.request, status=self.status)
        self.rates.append(seen.answers / seen.seconds)
        self.costs.append((self.server.cpu_seconds() - before) / seen.answers * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a first look: shorter rounds, fewer of them")
    effort = QUICK if parser.parse_args().quick else THOROUGH
    cores = sorted(os.sched_getaffinity(0))
    print_surroundings(cores, effort)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(measure_requests(folder, cores, effort))
        measure_starts(folder, cores, effort)
        asyncio.run(measure_sign_ins(folder, effort))


def print_surroundings(cores: Sequence[int], effort: Effort) -> None:
    packages = ("starlette", "uvicorn", "uvloop", "httptools", "databases", "argon2-cffi")
    found = ", ".join(f"{package} {installed}" for package in packages if (installed := _version(package)))
    pinned = "server and client on a core each" if len(cores) > 1 else "one core for server and client: ratios only"
    print(f"{datetime.now(UTC):%Y-%m-%d}, authmw {__version__}, Python {platform.python_version()}, {found}.")
    print(f"{_processor()}, {len(cores)} cores; {pinned}; {effort.rounds} rounds of {effort.seconds:g} s, medians.\n")


async def measure_requests(folder: Path, cores: Sequence[int], effort: Effort) -> None:
    """The same application bare and wrapped, turn by turn: A B C A B C …"""
    with ExitStack() as stack:
        bare = stack.enter_context(
            running(["bench.serve", "application", "{port}"], folder, core=cores[0], name="bare")
        )
        wrapped = stack.enter_context(running(["bench.serve", "app", "{port}"], folder, core=cores[0], name="wrapped"))
        os.sched_setaffinity(0, {cores[-1]})
        signed_up = await sign_up(wrapped, "ann@example.com")
        cookies = signed_up.cookies()
        cases = [
            Case("bare app, nobody asked", bare, get("/bare")),
            Case("anonymous, through the middleware", wrapped, get("/bare")),
            Case("anonymous, the protected route (401)", wrapped, get("/me"), status=401),
            Case("protected route, session cookie", wrapped, get("/me", cookies=cookies)),
            Case("protected route, bearer JWT", wrapped, get("/jwt-me", bearer=await token_of(wrapped, cookies))),
            Case("`GET /api/auth/get-session`", wrapped, get("/api/auth/get-session", cookies=cookies)),
        ]
        for case in cases:
            await ask_for(0.3, case.server.port, case.request, status=case.status)  # everything is loaded and compiled
        for _ in range(effort.rounds):
            for case in cases:
                await case.measure(effort.seconds)
        os.sched_setaffinity(0, set(cores))
    print("| request (SQLite) | requests/s | × bare | CPU µs a request | bare ÷ this |")
    print("|---|---:|---:|---:|---:|")
    rate, cost = median(cases[0].rates), median(cases[0].costs)
    for case in cases:
        # Ratios of the same round: whatever else the machine did then, it did to both.
        rates = median(this / base for this, base in zip(case.rates, cases[0].rates, strict=True))
        costs = median(base / this for this, base in zip(case.costs, cases[0].costs, strict=True))
        print(f"| {case.name} | {median(case.rates):,.0f} | {rates:.2f} | {median(case.costs):,.0f} | {costs:.2f} |")
    extra = median(cases[3].costs) - cost
    print(f"\nA session costs {extra:,.0f} µs on top of {cost:,.0f}, at {rate:,.0f} bare requests/s.\n")


async def token_of(server: Server, cookies: str) -> str:
    connection = await Connection.open(server.port)
    answer = await connection.ask(get("/api/auth/token", cookies=cookies))
    connection.close()
    token: str = json.loads(answer.body)["token"]
    return token


def measure_starts(folder: Path, cores: Sequence[int], effort: Effort) -> None:
    starts, memory = [], []
    for number in range(effort.starts):
        with running(["example.everything"], folder, core=cores[0], name=f"start-{number}") as server:
            starts.append(server.seconds_to_answer)
            time.sleep(0.1)
            memory.append(server.resident_mib())
    python = median(_seconds_to_run("pass") for _ in range(effort.starts))
    imported = median(_seconds_to_run("from authmw import Auth") for _ in range(effort.starts))
    print("| start | |")
    print("|---|---:|")
    print(f"| spawn to first answer, new database | {median(starts):.2f} s |")
    print(f"| `from authmw import Auth`, Python's own start left out | {(imported - python) * 1000:.0f} ms |")
    print(f"| resident memory, idle | {median(memory):.0f} MiB |\n")


async def measure_sign_ins(folder: Path, effort: Effort) -> None:
    """Everybody signs in at once, while somebody who is signed in already keeps using the application."""
    command, people = ["bench.serve", "app", "{port}"], [f"person{number}@example.com" for number in range(SIGN_INS)]
    with running(command, folder, name="sign-ins") as server:
        cookies = (await sign_up(server, "ann@example.com")).cookies()
        for email in people:
            await sign_up(server, email)
    # Another process, in which nothing was hashed yet: idle is idle.
    with running(command, folder, name="sign-ins") as server:
        connections = [await Connection.open(server.port) for _ in people]
        quiet = await probe(server, cookies, asyncio.create_task(asyncio.sleep(1.0)))
        idle = server.resident_mib()
        statuses: dict[int, int] = {}

        async def sign_in(connection: Connection, email: str) -> None:
            for _ in range(effort.waves):
                answer = await connection.ask(post("/api/auth/sign-in/email", {"email": email, "password": PASSWORD}))
                statuses[answer.status] = statuses.get(answer.status, 0) + 1

        began = time.perf_counter()
        rush = asyncio.gather(*map(sign_in, connections, people))
        watch = asyncio.create_task(highest_memory(server, rush))
        busy = await probe(server, cookies, rush)
        seconds = time.perf_counter() - began
        grown = await watch - idle
        for connection in connections:
            connection.close()
    at_once = Hashing().at_once
    refused = f", {statuses[503]} refused with 503" if 503 in statuses else ""
    print(f"| {SIGN_INS} sign-ins at once, argon2id, {at_once} hashes at a time | |")
    print("|---|---:|")
    print(f"| sign-ins a second{refused} | {statuses.get(200, 0) / seconds:.0f} |")
    print(
        f"| memory on top of idle ({idle:.0f} MiB); allowed are {at_once * MIB_A_HASH + MIB_ALLOWED} | {grown:.0f} MiB |"
    )
    print(f"| another request meanwhile, median | {_percentile(busy, 50):.1f} ms |")
    print(f"| another request meanwhile, 99th percentile | {_percentile(busy, 99):.1f} ms |")
    print(f"| the same with nobody signing in, 99th percentile | {_percentile(quiet, 99):.1f} ms |")


async def sign_up(server: Server, email: str) -> Answer:
    connection = await Connection.open(server.port)
    answer = await connection.ask(
        post("/api/auth/sign-up/email", {"name": "Ann", "email": email, "password": PASSWORD})
    )
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"sign-up answered {answer.status}: {answer.body!r}")
    return answer


async def probe(server: Server, cookies: str, until: asyncio.Future[Any]) -> list[float]:
    """Ask for the protected route every few milliseconds; return how long each answer took, in milliseconds."""
    connection = await Connection.open(server.port)
    took = []
    while not until.done():
        began = time.perf_counter()
        await connection.ask(get("/me", cookies=cookies))
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(SECONDS_BETWEEN_PROBES)
    connection.close()
    await until
    return took


async def highest_memory(server: Server, until: asyncio.Future[Any]) -> float:
    highest = 0.0
    while not until.done():
        highest = max(highest, server.resident_mib())
        await asyncio.sleep(0.01)
    return highest


def _percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _seconds_to_run(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
    return time.perf_counter() - began


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
