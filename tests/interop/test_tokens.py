"""Tokens: the official client's plug-ins, keys that are shared with Better Auth, keys that come and go under traffic."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from authmw.core.jwt import ALGORITHMS
from tests.interop.harness import (
    KINDS,
    SECRET,
    Kind,
    Server,
    better_auth,
    free_base_url,
    fresh_database,
    run_script,
    running,
)
from tests.interop.test_authmw import ROOT, authmw, migrate

FIRST = ("here", "there")
ORDERS = [("sqlite", algorithm, first) for algorithm in ALGORITHMS for first in FIRST] + [
    (kind, "EdDSA", first) for kind in KINDS if kind != "sqlite" for first in FIRST
]


@contextmanager
def tokens_app(database_url: str, base_url: str, listen: str = "", **switches: str) -> Iterator[Server]:
    """Run `tests.interop.tokens_app`; where the database is no file its tables are made first."""
    env = {
        "AUTHMW_BASE_URL": base_url,
        "AUTHMW_DATABASE_URL": database_url,
        "AUTHMW_SECRET": SECRET,
        "AUTHMW_RATE_LIMIT": "off",
        "AUTHMW_LISTEN": listen,
        "PYTHONPATH": str(ROOT),
        **switches,
    }
    if not database_url.startswith("sqlite"):
        migrate(env, "tests.interop.tokens_app:auth")
    with running([sys.executable, "-m", "tests.interop.tokens_app"], env, listen or base_url, cwd=ROOT) as server:
        yield server


# The official client


@pytest.mark.parametrize("kind", KINDS)
def test_the_official_client_uses_every_kind_of_token(kind: Kind, tmp_path: Path) -> None:
    base_url = free_base_url()
    with fresh_database(kind, "tokens") as url, authmw(url, base_url, tmp_path / "mail.jsonl"):
        output = run_script("tokens.mjs", base_url)
    assert output.strip().endswith(", 0 failed")


@pytest.mark.parametrize("kind", KINDS)
def test_better_auth_passes_the_script_of_tokens(kind: Kind, tmp_path: Path) -> None:
    base_url = free_base_url()
    with fresh_database(kind, "tokens") as url, better_auth(url, base_url, tmp_path / "mail.jsonl"):
        output = run_script("tokens.mjs", base_url)
    assert output.strip().endswith(", 0 failed")


def test_a_websocket_opens_by_a_ticket_once_and_by_a_bearer_token(tmp_path: Path) -> None:
    base_url = free_base_url()
    greet = base_url.replace("http", "ws") + "/greet"
    with fresh_database("sqlite") as url, authmw(url, base_url, tmp_path / "mail.jsonl"):
        with httpx2.Client(base_url=f"{base_url}/api/auth", headers={"origin": base_url}) as client:
            person = {"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}
            token = client.post("/sign-up/email", json=person).json()["token"]
            ticket = client.post("/ws-ticket", json={}).json()["ticket"]
            jwt = client.get("/token").json()["token"]
        assert _greeting(f"{greet}?ticket={ticket}") == "Hello Ada"
        assert _greeting(f"{greet}?ticket={ticket}") is None
        for credential in (token, jwt):
            assert _greeting(greet, authorization=f"Bearer {credential}") == "Hello Ada"
        for strange in ("", "?ticket=", f"?ticket={token}", f"?ticket={jwt}", f"?token={token}"):
            assert _greeting(greet + strange) is None


def _greeting(address: str, **headers: str) -> str | None:
    """What the socket says first; None when it is not opened."""
    try:
        with connect(address, additional_headers=headers, proxy=None) as socket:
            return str(socket.recv(timeout=10))
    except (ConnectionClosed, InvalidStatus):
        return None


# Keys that are shared


@pytest.mark.parametrize(("kind", "algorithm", "first"), ORDERS)
def test_tokens_and_their_keys_are_shared_with_better_auth(kind: Kind, algorithm: str, first: str) -> None:
    """Each signs with the private key that the other made, and redeems what the other issued."""
    base_url = free_base_url()
    switches = {"AUTHMW_SHARED_DATABASE": "on", "AUTHMW_JWT_ALGORITHM": algorithm}
    with fresh_database(kind, "keys") as url:
        run_script("share_tokens.mjs", url, SECRET, base_url, algorithm, "migrate")
        with tokens_app(url, base_url, **switches):
            output = run_script("share_tokens.mjs", url, SECRET, base_url, algorithm, first)
    assert output.strip().endswith("9 passed, 0 failed")


# Keys that come and go


def test_no_request_fails_while_keys_rotate_under_two_workers() -> None:
    seen = _rotate(seconds=30, every=8, lead=4)
    assert seen["failures"] == []
    assert seen["keys"] >= 5
    assert seen["checks"] > 500


def test_the_run_sees_keys_that_sign_before_they_were_listed() -> None:
    seen = _rotate(seconds=10, every=4, lead=0)
    assert seen["keys"] >= 2
    assert any("no applicable key found" in failure for failure in seen["failures"])


def _rotate(*, seconds: float, every: float, lead: float) -> Any:
    base_url, other_url = free_base_url(), free_base_url()
    switches = {"AUTHMW_JWT_EVERY": str(every), "AUTHMW_JWT_LEAD": str(lead)}
    with fresh_database("sqlite") as url, ExitStack() as workers:
        workers.enter_context(tokens_app(url, base_url, **switches))
        workers.enter_context(tokens_app(url, base_url, other_url, **switches))
        return json.loads(run_script("rotation.mjs", base_url, other_url, str(seconds)))
