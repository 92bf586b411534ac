"""A server as a process of its own, and what /proc knows about it. Linux only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PATIENCE = 30.0  # seconds a server may take to answer for the first time
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
SECRET = "a-secret-for-measuring-0123456789-abcdefghij"


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen[bytes]
    seconds_to_answer: float

    def cpu_seconds(self) -> float:
        """Processor time of all threads so far, user and system."""
        # The second field is the program's name in brackets and may hold blanks: count from behind it.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND

    def resident_mib(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the server is gone")


@contextmanager
def running(command: Sequence[str], folder: Path, *, core: int | None = None, name: str = "bench") -> Iterator[Server]:
    """Start `python -m command… PORT`, on one core when told; hand it out once it has answered; stop it.

    `{port}` in the command becomes the port, which is also that of the base URL.
    """
    port = free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("AUTHMW_", "BETTER_AUTH_"))},
        "AUTHMW_BASE_URL": f"http://{HOST}:{port}",
        "AUTHMW_DATABASE_URL": f"sqlite:///{folder / name}.db",
        "AUTHMW_SECRET": SECRET,
        "AUTHMW_OUTBOX": str(folder / f"{name}.jsonl"),
        "AUTHMW_RATE_LIMIT": "off",
    }
    words = [word.format(port=port) for word in command]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=environment,
        preexec_fn=(lambda: os.sched_setaffinity(0, {core})) if core is not None else None,
    )
    try:
        _wait_for_answer(port, process)
        yield Server(port, process, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_answer(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with socket.create_connection((HOST, port), timeout=5) as connection:
                connection.sendall(b"GET /bare HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.002)
    raise RuntimeError(f"the server did not answer within {PATIENCE:.0f} s")
