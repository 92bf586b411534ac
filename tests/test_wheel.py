"""What people install is whole: the wheel, in an environment of its own, far from this checkout, serves screens."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 300.0
"""Building and installing, on a machine that is busy with the rest of the tests."""

# No server and no client: the app is called as a server would, so that the environment holds the wheel alone.
PROGRAM = """
import asyncio, re
from authmw import Auth, Settings
from authmw.features import EmailVerification, Password
from starlette.applications import Starlette

auth = Auth(Settings(database="sqlite:///app.db", environment={}), features=[Password(), EmailVerification()])
app = auth.wrap(Starlette())

async def get(path):
    sent = []
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message):
        sent.append(message)
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
             "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
             "headers": [(b"host", b"localhost:8000"), (b"accept", b"text/html")],
             "client": ("127.0.0.1", 1), "server": ("localhost", 8000)}
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()

async def main():
    status, page = await get("/auth/sign-in")
    assert status == 200, (status, page)
    files = set(re.findall(r'(?:href|src)="(/auth/static/[^"]+)"', page))
    assert {name.rpartition(".")[2] for name in files} == {"css", "js"}, page
    for file in files:
        status, body = await get(file)
        assert status == 200 and body, file
    status, body = await get("/api/auth/ok")
    assert status == 200, (status, body)
    await auth.stop()

asyncio.run(main())
try:
    import ui
except ModuleNotFoundError:
    print("all well")
"""


def run(*command: str | Path, cwd: Path) -> str:
    # Neither this checkout nor settings of whoever runs the tests may help.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AUTHMW_", "BETTER_AUTH_"))
    }
    result = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if result.returncode != 0:
        pytest.fail(f"{command[:4]} ended with {result.returncode}\n{result.stdout}\n{result.stderr}", pytrace=False)
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (made,) = folder.glob("authmw-*.whl")
    return made


def test_the_wheel_serves_screens_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    assert run(python, "-I", "-c", PROGRAM, cwd=tmp_path).endswith("all well\n")
    assert run(tmp_path / "venv" / "bin" / "authmw", "secret", cwd=tmp_path).strip()


def test_the_wheel_holds_the_library_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"authmw"}
    assert {"authmw/py.typed", "authmw/_resources/ui/password/sign_in.html"} <= set(names)
    assert "authmw/_resources/static/vendor/htmx.min.js" in names
    assert "authmw/_resources/ui/locale/authmw.pot" in names
    assert [name for name in names if name.startswith("authmw/_resources/") and name.endswith(".py")] == []
    assert any(name.endswith("licenses/LICENSE") for name in names)
