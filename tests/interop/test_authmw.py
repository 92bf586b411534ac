"""The official client and Better Auth's own databases meet authmw as a real server process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.interop.harness import (
    KINDS,
    SECRET,
    Kind,
    Server,
    clean_environment,
    free_base_url,
    fresh_database,
    run_script,
    running,
)

ROOT = Path(__file__).resolve().parents[2]
FAR_FROM_UTC = {"TZ": "Pacific/Chatham"}


@contextmanager
def authmw(database_url: str, base_url: str, outbox: Path, **switches: str) -> Iterator[Server]:
    """Run `example.everything`; where the database is no file its tables are made first, as one would."""
    env = {
        "AUTHMW_BASE_URL": base_url,
        "AUTHMW_DATABASE_URL": database_url,
        "AUTHMW_SECRET": SECRET,
        "AUTHMW_OUTBOX": str(outbox),
        "AUTHMW_RATE_LIMIT": "off",
        "PYTHONPATH": str(ROOT),
        **switches,
    }
    if not database_url.startswith("sqlite"):
        migrate(env)
    with running([sys.executable, "-m", "example.everything"], env, base_url, cwd=outbox.parent) as server:
        yield server


def migrate(env: dict[str, str], app: str = "example.everything:auth") -> None:
    command = [sys.executable, "-m", "authmw", "migrate", app]
    result = subprocess.run(
        command, env=clean_environment(**env), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_the_official_client_goes_through_every_method(kind: Kind, tmp_path: Path) -> None:
    outbox, base_url = tmp_path / "mail.jsonl", free_base_url()
    with fresh_database(kind, "us") as url, authmw(url, base_url, outbox):
        output = run_script("core.mjs", base_url, outbox)
    assert output.strip().endswith(", 0 failed")


def test_the_official_client_passes_with_the_stricter_switches(tmp_path: Path) -> None:
    outbox, base_url = tmp_path / "mail.jsonl", free_base_url()
    switches = {"AUTHMW_CONFIRM_CHANGE": "1", "AUTHMW_CONFIRM_DELETE": "1"}
    with fresh_database("sqlite") as url, authmw(url, base_url, outbox, **switches):
        run_script("core.mjs", base_url, outbox)
    kinds = {json.loads(line)["kind"] for line in outbox.read_text().splitlines()}
    assert {"verify-email", "reset-password", "change-email", "delete-account"} <= kinds


@pytest.mark.parametrize("kind", KINDS)
def test_a_better_auth_database_is_shared_in_both_directions(kind: Kind, tmp_path: Path) -> None:
    """Better Auth makes it far from UTC; here people are still signed in, sign in with their old passwords, and
    what is written here is read there, to the millisecond."""
    made_file, wanted_file, outbox = tmp_path / "made.json", tmp_path / "wanted.json", tmp_path / "mail.jsonl"
    base_url = free_base_url()
    with fresh_database(kind, "shared") as url:
        run_script("make_database.mjs", url, SECRET, base_url, made_file, env=FAR_FROM_UTC)
        made = json.loads(made_file.read_text())
        switches = {"AUTHMW_SHARED_DATABASE": "on", "TZ": "America/St_Johns"}
        with authmw(url, base_url, outbox, **switches) as server:
            wanted = use(server.base_url, made)
        wanted_file.write_text(json.dumps(wanted))
        run_script("read_database.mjs", url, SECRET, base_url, wanted_file, env={"TZ": "UTC"})


def use(base_url: str, made: Any) -> dict[str, Any]:
    """Do with Better Auth's people what people do; return what Better Auth should find afterwards."""
    cookies: list[dict[str, str]] = []
    with httpx2.Client(base_url=f"{base_url}/api/auth", headers={"origin": base_url}) as client:

        def ask(path: str, body: Any = None, cookie: str = "") -> Any:
            client.cookies.clear()
            headers = {"cookie": cookie} if cookie else {}
            answer = (
                client.get(path, headers=headers) if body is None else client.post(path, json=body, headers=headers)
            )
            assert answer.status_code == 200, answer.text
            return answer

        def remember(answer: Any) -> None:
            """Note a session that was made here, as its browser holds it."""
            cookie = "; ".join(line.partition(";")[0] for line in answer.headers.get_list("set-cookie"))
            found = ask("/get-session", cookie=cookie).json()
            session = found["session"]
            times = {"expiresAt": session["expiresAt"], "createdAt": session["createdAt"]}
            cookies.append({"cookie": cookie, "email": found["user"]["email"], **times})

        for user in made["users"]:
            found = ask("/get-session", cookie=user["cookie"]).json()
            assert found["user"] == {
                **{key: user[key] for key in ("id", "name", "email", "emailVerified", "image", "plan")},
                "createdAt": user["userCreatedAt"],
                "updatedAt": found["user"]["updatedAt"],
            }
            assert {key: found["session"][key] for key in ("token", "expiresAt", "createdAt", "updatedAt")} == {
                key: user[key] for key in ("token", "expiresAt", "createdAt", "updatedAt")
            }
            remember(ask("/sign-in/email", {"email": user["email"], "password": user["password"]}))
        # Links that Better Auth mailed are good here.
        ask("/verify-email?token=" + made["verifyEmail"]["token"])
        new = "a password that was chosen here"
        ask("/reset-password", {"newPassword": new, "token": made["resetPassword"]["token"]})
        forgetful = made["resetPassword"]["email"]
        cookies = [entry for entry in cookies if entry["email"] != forgetful]  # a reset ends every session
        passwords = [
            {"email": user["email"], "password": new if user["email"] == forgetful else user["password"]}
            for user in made["users"]
        ]
        newcomer = {"name": "Newcomer", "email": "new@example.com", "password": "signed up over here"}
        remember(ask("/sign-up/email", newcomer))
        passwords.append({"email": newcomer["email"], "password": newcomer["password"]})
        kept = [user for user in made["users"] if user["email"] != forgetful]
        return {"cookies": [*kept, *cookies], "passwords": passwords}
