"""What the documentation says is so: its Python runs, its commands exist, and it names every option and route."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import click
import jinja2
import pytest
from babel.messages.frontend import CommandLineInterface

from authmw import Auth, Hashing, Settings, UIConfig, cli
from authmw.core.feature import Feature
from authmw.features import (
    Account,
    Anonymous,
    Bearer,
    BreachedPasswords,
    CustomSession,
    EmailOtp,
    EmailVerification,
    Jwt,
    LastLoginMethod,
    MagicLink,
    MultiSession,
    OneTimeToken,
    OpenApi,
    Password,
    Reauth,
    Sessions,
)
from authmw.features.anonymous import WithAnonymous
from tests.support import switched_on

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EVERY_FILE = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"))]
FENCE = re.compile(r"^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# Shown, not run: no JavaScript engine is asked for to read about Python.
ONLY_SHOWN = frozenset({"js", "text"})
FEATURES: tuple[type[Feature], ...] = (
    Password,
    EmailVerification,
    EmailOtp,
    Account,
    Sessions,
    Reauth,
    MagicLink,
    Bearer,
    Jwt,
    OneTimeToken,
    MultiSession,
    CustomSession,
    BreachedPasswords,
    LastLoginMethod,
    Anonymous,
    OpenApi,
)

# Runs the blocks of one page, one after the other, as if they were typed into `python -m asyncio`.
RUNNER = """
import ast, asyncio, inspect, json, sys

async def main():
    names = {"__name__": "page"}
    sys.modules["page"] = type(sys)("page")
    sys.modules["page"].__dict__.update(names)
    for line, text in json.load(sys.stdin):
        code = compile("\\n" * line + text, sys.argv[1], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, sys.modules["page"].__dict__)
        if inspect.iscoroutine(result):
            await result

asyncio.run(main())
"""


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int


def blocks_of(text: str) -> list[Block]:
    return [
        Block(found["language"].strip(), found["text"], text[: found.start("text")].count("\n"))
        for found in FENCE.finditer(text)
    ]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


# Python


def run_page(blocks: list[Block], name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the Python of a page in an empty folder, with an environment that holds no settings."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AUTHMW_", "BETTER_AUTH_"))}
    given = json.dumps([(block.line, block.text) for block in blocks if block.language == "python"])
    return subprocess.run(
        [sys.executable, "-c", RUNNER, name],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    result = run_page(blocks_of(page.read_text()), named(page), tmp_path)
    assert result.returncode == 0, result.stderr


def test_a_page_whose_python_fails_is_found_by_its_line(tmp_path: Path) -> None:
    blocks = blocks_of("# Page\n\n```python\nfirst = 1\n```\n\n```python\nassert first == 1\nassert first == 2\n```\n")
    result = run_page(blocks, "page.md", tmp_path)
    assert result.returncode != 0
    assert 'File "page.md", line 9' in result.stderr


def test_the_python_of_a_page_may_await(tmp_path: Path) -> None:
    blocks = blocks_of("```python\nimport asyncio\nawait asyncio.sleep(0)\n```\n")
    assert run_page(blocks, "page.md", tmp_path).returncode == 0


# Commands


def problem_with(command: str) -> str:
    """Return what is wrong with a command of the documentation, or "" when it can be typed as it stands."""
    words = shlex.split(command)
    match words:
        case ["make", target, *rest]:
            known = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assignments = all(re.fullmatch(r"[A-Z]+=.*", word) for word in rest)
            return "" if target in known and assignments else f"there is no `{command}`"
        case ["pip", "install", *packages]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            asked = [name for package in packages for name in re.findall(r"^authmw\[(.+)\]$", package)]
            unknown = [name for name in asked if name not in extras]
            return f"authmw has no extra {unknown[0]}" if unknown else "" if packages else "install what?"
        case ["authmw", name, *arguments]:
            found = cli.main.commands.get(name)
            if found is None:
                return f"there is no `authmw {name}`"
            try:
                found.make_context(name, list(arguments), resilient_parsing=False)
            except click.ClickException as reason:
                return reason.format_message()
            return ""
        case ["pybabel", name, *_] if name in CommandLineInterface.commands:
            return ""
        case ["uvicorn", application] if re.fullmatch(r"[a-z_.]+:[a-z_]+", application):
            return ""
        case ["python", "-m", module, *_] if importlib.util.find_spec(module):
            return ""
    return f"`{command}` is no command that we can check"


def problems_of(block: Block) -> list[str]:
    match block.language:
        case "console" | "bash":
            return [problem for line in block.text.splitlines() if line.strip() and (problem := problem_with(line))]
        case "json":
            try:
                json.loads(block.text)
            except ValueError as reason:
                return [f"no JSON: {reason}"]
        case "jinja":
            try:
                jinja2.Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).parse(block.text)
            except jinja2.TemplateSyntaxError as reason:
                return [f"no template: {reason}"]
        case "python":
            ast.parse(block.text)
        case language if language not in ONLY_SHOWN:
            return [f"a block in {language or 'no language'}: nobody would notice if it were wrong"]
    return []


@pytest.mark.parametrize("page", EVERY_FILE, ids=named)
def test_every_sample_of_a_page_is_one_that_works(page: Path) -> None:
    found = [f"line {block.line}: {what}" for block in blocks_of(page.read_text()) for what in problems_of(block)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "```console\nmake coffee\n```",
        "```console\nmake test please\n```",
        "```console\nauthmw enchant\n```",
        "```console\nauthmw migrate --gently main:auth\n```",
        "```console\nauthmw migrate\n```",
        "```console\npip install authmw[oracle]\n```",
        "```console\nrm -rf /\n```",
        "```bash\npython -m no_such_module\n```",
        '```json\n{"a": }\n```',
        "```jinja\n{% if %}\n```",
        "```cobol\nSTOP RUN.\n```",
        "```\nno language\n```",
    ],
)
def test_a_sample_that_does_not_work_is_found(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTHMW_AUTH", raising=False)
    assert len([what for block in blocks_of(text + "\n") for what in problems_of(block)]) == 1


# Links, and nothing left out


def dead_links(text: str, folder: Path) -> Iterator[str]:
    for target in LINK.findall(FENCE.sub("", text)):
        elsewhere = "://" in target or target.startswith(("#", "mailto:"))
        if not elsewhere and not (folder / target.partition("#")[0]).exists():
            yield target


@pytest.mark.parametrize("page", EVERY_FILE, ids=named)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    assert list(dead_links(page.read_text(), page.parent)) == []


def test_a_dead_link_is_found() -> None:
    assert list(dead_links("[here](docs/nowhere.md) and [there](README.md#top)", ROOT)) == ["docs/nowhere.md"]


def test_the_site_lists_every_page() -> None:
    listed = set(re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {page.name for page in PAGES if page.parent.name == "docs"}


def page_of(feature: type[Feature]) -> str:
    return (ROOT / "docs" / f"{switched_on(feature).name}.md").read_text()


def routes_of(feature: type[Feature]) -> Mapping[str, str]:
    return {
        each.route.name: f"{each.route.method} {each.route.path}"
        for each in switched_on(feature).operations()
        if each.route.in_api
    }


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.__name__)
def test_a_feature_s_page_names_every_route(feature: type[Feature]) -> None:
    page = page_of(feature)
    assert [route for route in routes_of(feature).values() if f"`{route}`" not in page] == []


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.__name__)
def test_a_feature_s_page_names_no_route_that_is_not_there(feature: type[Feature]) -> None:
    known = set(routes_of(feature).values())
    assert [
        route
        for route in re.findall(r"^\| `((?:GET|POST) [^`]+)`", page_of(feature), re.MULTILINE)
        if route not in known
    ] == []


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.__name__)
def test_a_feature_s_page_names_every_option(feature: type[Feature]) -> None:
    options = [name for name, each in inspect.signature(feature).parameters.items() if each.kind is each.KEYWORD_ONLY]
    assert [name for name in options if f"| `{name}` |" not in page_of(feature)] == []


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.__name__)
def test_a_feature_s_page_names_every_screen(feature: type[Feature]) -> None:
    assert [screen.path for screen in feature.screens if f"/auth{screen.path}" not in page_of(feature)] == []


def test_every_setting_is_explained() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    names = [field.name for kind in (Settings, UIConfig) for field in fields(kind)]
    assert [name for name in names if f"`{name}`" not in page] == []
    assert [field.name for field in fields(Hashing) if f"| `{field.name}` |" not in page_of(Password)] == []


def test_the_features_that_are_documented_are_all_that_there_are() -> None:
    auth = Auth(
        Settings(secret="x" * 8 + "Zk3vQ8xW1nB6tR9yL2mH5pC7dF4gJ0sA"),
        features=[switched_on(each) for each in FEATURES],
        user_type=WithAnonymous,
    )
    assert {type(feature) for feature in auth.features} == set(FEATURES)
    package = importlib.import_module("authmw.features")
    assert {getattr(package, name) for name in package.__all__} == set(FEATURES)
