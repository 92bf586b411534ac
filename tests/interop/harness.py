"""What the interop tests stand on: fresh databases, servers as processes of their own, and Node scripts."""

import asyncio
import contextlib
import fcntl
import http.client
import importlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import urlsplit

import pytest

Kind = Literal["sqlite", "postgresql", "mysql"]

KINDS: tuple[Kind, ...] = ("sqlite", "postgresql", "mysql")
HERE = Path(__file__).parent
SECRET = "an interop secret that is long enough: 9f2c61d07be84a35"
HOST = "127.0.0.1"
POSTGRESQL = ("root", 5432)
MYSQL = ("root", 3306)
START_SECONDS = 30.0
"""Node compiles a whole library at start, on a machine that may be busy."""
SCRIPT_SECONDS = 240.0

_counter = itertools.count(1)


def missing(what: str) -> NoReturn:
    """Skip this test for want of `what`; fail instead where everything must be there (AUTHMW_REQUIRE_ALL=1)."""
    if os.environ.get("AUTHMW_REQUIRE_ALL") == "1":
        pytest.fail(f"missing: {what}")
    pytest.skip(f"missing: {what}")


# ---------------------------------------------------------------------------------------------- Node


def node() -> str:
    """Return the path of Node, with the packages of package-lock.json installed."""
    program = shutil.which("node")
    npm = shutil.which("npm")
    if program is None or npm is None:
        missing("node and npm")
    # npm writes this file last, so a half-finished installation is done again.
    done = HERE / "node_modules" / ".package-lock.json"
    # Two test processes must not install into one folder at the same time.
    with (HERE / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            result = subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, capture_output=True, text=True, check=False
            )
            if result.returncode != 0:
                missing(f"the packages of tests/interop\n{result.stdout}{result.stderr}")
    return program


def clean_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment without what would change a server under test, and with `changes`."""
    foreign = ("BETTER_AUTH_", "AUTHMW_", "NEXT_PUBLIC_", "NUXT_")
    # In test mode Better Auth leaves out its origin checks.
    unwanted = {"NODE_ENV", "TEST", "AUTH_SECRET", "BASE_URL", "NEXTAUTH_URL", "VERCEL_URL"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign) and name not in unwanted}
    return {**kept, "BETTER_AUTH_TELEMETRY": "0", **changes}


def run_script(name: str, *args: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run a script of this folder with Node and return its output; fail the test when it exits with a failure."""
    result = subprocess.run(
        [node(), str(HERE / name), *map(str, args)],
        cwd=HERE,
        env=clean_environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=SCRIPT_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        pytest.fail(f"{name} exited with {result.returncode}\n{result.stdout}\n{result.stderr}", pytrace=False)
    return result.stdout


# ---------------------------------------------------------------------------------------------- servers


def free_port() -> int:
    """Return a TCP port on which nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def free_base_url() -> str:
    """Return a base URL whose port is free."""
    return f"http://{HOST}:{free_port()}"


@dataclass(frozen=True)
class Server:
    """A running server under test and where it writes to."""

    base_url: str
    process: subprocess.Popen[bytes]
    log: Path

    def tail(self) -> str:
        """Return the end of what the server printed."""
        return self.log.read_text(errors="replace")[-8000:]


@contextlib.contextmanager
def running(command: Sequence[str], env: Mapping[str, str], base_url: str, cwd: Path = HERE) -> Iterator[Server]:
    """Start a server and give it once `/api/auth/ok` answers 200; stop it at the end.

    Fail with what it printed when it ends or stays silent, and also show it when the block fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(command), cwd=cwd, env=clean_environment(**env), stdout=output, stderr=subprocess.STDOUT
            )
        server = Server(base_url, process, log)
        try:
            _wait_until_ready(server)
            yield server
        except BaseException:
            print(f"--- the server said\n{server.tail()}")
            raise
        finally:
            _stop(process)


def _wait_until_ready(server: Server) -> None:
    until = time.monotonic() + START_SECONDS
    while not _answers(server.base_url):
        if server.process.poll() is not None:
            pytest.fail(f"the server ended with {server.process.returncode}\n{server.tail()}", pytrace=False)
        if time.monotonic() > until:
            pytest.fail(f"the server did not answer within {START_SECONDS} s\n{server.tail()}", pytrace=False)
        time.sleep(0.05)


def _answers(base_url: str) -> bool:
    where = urlsplit(base_url)
    connection = http.client.HTTPConnection(where.hostname or HOST, where.port, timeout=5)
    try:
        connection.request("GET", "/api/auth/ok")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def better_auth(database_url: str, base_url: str, outbox: Path, **switches: str) -> Iterator[Server]:
    """Run Better Auth itself; `switches` are further AUTHMW_ variables."""
    env = {
        "AUTHMW_BASE_URL": base_url,
        "AUTHMW_DATABASE_URL": database_url,
        "AUTHMW_SECRET": SECRET,
        "AUTHMW_OUTBOX": str(outbox),
        "AUTHMW_RATE_LIMIT": "off",
        **switches,
    }
    with running([node(), str(HERE / "better_auth_server.mjs")], env, base_url) as server:
        yield server


# ---------------------------------------------------------------------------------------------- databases


@contextlib.contextmanager
def fresh_database(kind: Kind, label: str = "ba") -> Iterator[str]:
    """Give the URL of a new, empty database, and drop it at the end. Skip when its service does not run."""
    name = f"authmw_interop_{label}_{os.getpid()}_{next(_counter)}"
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / name}.db"
        return
    user, port = POSTGRESQL if kind == "postgresql" else MYSQL
    execute = _execute_postgresql if kind == "postgresql" else _execute_mysql
    drop = f"DROP DATABASE IF EXISTS {name}" + (" WITH (FORCE)" if kind == "postgresql" else "")
    charset = " CHARACTER SET utf8mb4" if kind == "mysql" else ""
    if not _listens(port):
        missing(f"{kind} on {HOST}:{port}")
    _run(execute, drop, f"CREATE DATABASE {name}{charset}")
    try:
        yield f"{kind}://{user}@{HOST}:{port}/{name}"
    finally:
        _run(execute, drop)


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=2).close()
    except OSError:
        return False
    return True


def _run(execute: Callable[..., Awaitable[None]], *statements: str) -> None:
    async def run() -> None:
        await execute(*statements)

    asyncio.run(run())


async def _execute_postgresql(*statements: str) -> None:
    # By name: asyncpg carries no types, and asyncmy only in part.
    asyncpg = importlib.import_module("asyncpg")
    user, port = POSTGRESQL
    connection = await asyncpg.connect(host=HOST, port=port, user=user, database="postgres")
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _execute_mysql(*statements: str) -> None:
    asyncmy = importlib.import_module("asyncmy")
    user, port = MYSQL
    connection = await asyncmy.connect(host=HOST, port=port, user=user, password="")
    try:
        async with connection.cursor() as cursor:
            for statement in statements:
                await cursor.execute(statement)
    finally:
        connection.close()
