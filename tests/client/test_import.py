"""The client is imported without the server, and the door gives out what it always did."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import authmw

ROOT = Path(__file__).resolve().parents[2]
OF_THE_SERVER = {
    "starlette", "jinja2", "sqlalchemy", "argon2", "databases", "alembic", "webauthn", "authlib", "joserfc",
    "cryptography", "click", "aiosmtplib", "PIL",
}  # fmt: skip


def modules_after(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps([name for name in sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout))


def test_importing_the_client_imports_no_server() -> None:
    found = modules_after("import authmw.client, authmw.client.errors, authmw.client.answers")
    assert {name.partition(".")[0] for name in found} & OF_THE_SERVER == set()
    assert {name for name in found if name.startswith(("authmw.features", "authmw.web", "authmw.stores"))} == set()
    assert "httpx2" in found


def test_importing_the_server_does_not_need_the_client() -> None:
    assert {name for name in modules_after("from authmw import *") if name.startswith("authmw.client")} == set()


def test_the_door_knows_where_every_name_is() -> None:
    """What type checkers read and what runs are two lists, which say the same."""
    tree = ast.parse((ROOT / "authmw" / "__init__.py").read_text())
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    )
    read = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    where = vars(authmw)["_WHERE"]
    assert where == read
    assert set(authmw.__all__) == set(read)
    for name, module in read.items():
        assert getattr(authmw, name) is getattr(importlib.import_module(f"authmw.{module}"), name)


def test_the_door_lists_its_names_and_knows_no_others() -> None:
    assert set(authmw.__all__) <= set(dir(authmw))
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        getattr(authmw, "Nonsense")  # noqa: B009 - type checkers know as well that there is none
    with pytest.raises(ImportError):
        exec("from authmw import Nonsense")


def test_without_httpx2_the_client_says_what_to_install() -> None:
    code = "import sys; sys.modules['httpx2'] = None\nimport authmw.client"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "pip install authmw[client]" in result.stderr
