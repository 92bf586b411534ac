"""The Python client goes the same way with authmw and with Better Auth, both of them real server processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.harness import better_auth, clean_environment, free_base_url, fresh_database
from tests.interop.test_authmw import ROOT, authmw

# Of the parts of the journey, those that `example.everything` has switched on.
OF_AUTHMW = ("core", "bearer", "jwt")


def go(base_url: str, outbox: Path, *parts: str) -> None:
    """Run the journey with both clients, in a process that knows nothing of the server's."""
    command = [sys.executable, "-m", "tests.interop.client_journey", base_url, str(outbox), *parts]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if result.returncode != 0:
        pytest.fail(f"the journey ended with {result.returncode}\n{result.stdout}\n{result.stderr}", pytrace=False)
    assert len(result.stdout.splitlines()) == 2 * len(parts)


def test_the_python_client_goes_through_authmw(tmp_path: Path) -> None:
    outbox, base_url = tmp_path / "mail.jsonl", free_base_url()
    with fresh_database("sqlite", "py") as url, authmw(url, base_url, outbox):
        go(base_url, outbox, *OF_AUTHMW)


def test_the_python_client_goes_through_better_auth(tmp_path: Path) -> None:
    outbox, base_url = tmp_path / "mail.jsonl", free_base_url()
    with (
        fresh_database("sqlite", "py") as url,
        better_auth(url, base_url, outbox, AUTHMW_SECOND_FACTOR="1"),
    ):
        go(base_url, outbox, "core", "bearer", "jwt", "two-factor")
