"""The interop scripts hold for Better Auth itself: what they ask of authmw is what the original does."""

import json
from pathlib import Path

import pytest

from tests.interop.harness import KINDS, SECRET, Kind, better_auth, free_base_url, fresh_database, run_script

FAR_FROM_UTC = {"TZ": "Pacific/Chatham"}
"""12:45 ahead of UTC: a date read in the wrong zone is off by a number that nothing else explains."""


def _passed(output: str) -> int:
    count, word = output.strip().splitlines()[-1].split()[:2]
    assert word == "passed,"
    return int(count)


@pytest.mark.parametrize("kind", KINDS)
def test_better_auth_passes_the_core_script(kind: Kind, tmp_path: Path) -> None:
    outbox = tmp_path / "mail.jsonl"
    base_url = free_base_url()
    with fresh_database(kind) as url, better_auth(url, base_url, outbox):
        output = run_script("core.mjs", base_url, outbox)
    assert _passed(output) > 60
    assert output.strip().endswith(", 0 failed")


def test_better_auth_passes_the_core_script_with_its_stricter_switches(tmp_path: Path) -> None:
    outbox = tmp_path / "mail.jsonl"
    base_url = free_base_url()
    switches = {"AUTHMW_CONFIRM_CHANGE": "1", "AUTHMW_CONFIRM_DELETE": "1"}
    with fresh_database("sqlite") as url, better_auth(url, base_url, outbox, **switches):
        run_script("core.mjs", base_url, outbox)
    kinds = {json.loads(line)["kind"] for line in outbox.read_text().splitlines()}
    assert kinds == {"verify-email", "reset-password", "change-email", "delete-account"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_better_auth_made_is_read_back_to_the_millisecond(kind: Kind, tmp_path: Path) -> None:
    made, wanted = tmp_path / "made.json", tmp_path / "wanted.json"
    base_url = free_base_url()
    with fresh_database(kind) as url:
        run_script("make_database.mjs", url, SECRET, base_url, made, env=FAR_FROM_UTC)
        users = json.loads(made.read_text())["users"]
        wanted.write_text(json.dumps({"cookies": users, "passwords": users}))
        output = run_script("read_database.mjs", url, SECRET, base_url, wanted, env={"TZ": "UTC"})
    assert _passed(output) == 2 * len(users)


@pytest.mark.parametrize("kind", KINDS)
def test_the_reading_script_sees_a_date_that_is_one_millisecond_off(kind: Kind, tmp_path: Path) -> None:
    made, wanted = tmp_path / "made.json", tmp_path / "wanted.json"
    base_url = free_base_url()
    with fresh_database(kind) as url:
        run_script("make_database.mjs", url, SECRET, base_url, made)
        user = json.loads(made.read_text())["users"][0]
        last = "0" if user["expiresAt"][-2] != "0" else "1"
        user["expiresAt"] = user["expiresAt"][:-2] + last + "Z"
        wanted.write_text(json.dumps({"cookies": [user]}))
        with pytest.raises(pytest.fail.Exception, match="expiresAt"):
            run_script("read_database.mjs", url, SECRET, base_url, wanted)
