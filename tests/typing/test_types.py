"""The promises of `member.py` hold, and a broken promise would be noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def mypy(*files: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), *map(str, files)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_mypy_finds_the_promises_kept_and_a_wrong_one_broken(tmp_path: Path) -> None:
    promises = HERE / "member.py"
    text = promises.read_text()
    wrong = {
        "assert_type(auth, Auth[Member])": "assert_type(auth, Auth[User])",
        "assert_type(auth.require(request).user.plan, str)": "assert_type(auth.require(request).user.plan, int)",
        "assert_type(auth[Password], Password)": "assert_type(auth[Password], Account)",
        "assert_type(auth.call(), Call[Member])": "assert_type(auth.call(), Call[User])",
    }
    for right, broken in wrong.items():
        assert text.count(right) == 1
        text = text.replace(right, broken)
    broken_promises = tmp_path / "broken_promises.py"
    broken_promises.write_text(text)
    # One run for both, since most of the time goes into reading the library.
    found = mypy(promises, broken_promises, cache=tmp_path / "cache")
    errors = [line for line in found.stdout.splitlines() if ": error:" in line]
    assert found.returncode == 1, found.stdout + found.stderr
    assert all("broken_promises.py" in line and "[assert-type]" in line for line in errors), found.stdout
    assert len(errors) == len(wrong), found.stdout
