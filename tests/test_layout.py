"""The rules of the house that no other tool checks: who may import whom, and what is never written here."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import words_about_skips

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "authmw"
UI = ROOT / "ui"
MODULES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = sorted(UI.rglob("*.html"))

# The door opens to every room.
DOOR = frozenset({"authmw", "authmw.__main__", "authmw.auth", "authmw.cli"})
# What each room may import of authmw besides itself. Outside the door, who is not here may import nothing.
MAY_IMPORT = {
    "core": ("authmw.core",),
    "features": ("authmw.core",),  # and never each other: see `breaches_of_layout`
    "stores": ("authmw.core", "authmw.stores"),
    "web": ("authmw.core", "authmw.web"),
    "client": ("authmw.core", "authmw.features", "authmw.client"),
    "mailers": ("authmw.core", "authmw.mailers"),
    "verify": ("authmw.core",),
}
ONLY_STORES = frozenset({"databases", "sqlalchemy", "alembic", "asyncpg", "asyncmy", "aiosqlite", "sqlite3", "redis"})
ONLY_WEB = frozenset({"starlette", "jinja2"})
SPEAKS_HTTP = frozenset({"web", "mailers"})
SECRET_WORDS = ("token", "secret", "signature", "digest", "password", "hash")
RUNS_SQL = frozenset({"execute", "executemany", "executescript", "fetch", "fetch_all", "fetch_one", "fetchrow", "text"})


# Who may import whom


def imports_of(tree: ast.Module, module: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Every import, wherever it stands, as (line, full dotted name); names after `import` are part of it."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def breaches_of_layout(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What `module` imports and may not, by the table of rooms."""
    parts = module.split(".")
    room = parts[1] if len(parts) > 1 else ""
    found = []
    for line, name in imports_of(ast.parse(source), module, is_package=is_package):
        top = name.partition(".")[0]
        if top == "random":
            found.append(f"{module}:{line} imports random: only `secrets` is unguessable")
        if top in ONLY_STORES and room != "stores":
            found.append(f"{module}:{line} imports {top}, which only stores may know")
        if top in ONLY_WEB and room not in SPEAKS_HTTP and module not in DOOR:
            found.append(f"{module}:{line} imports {top}, which only web may know")
        if top == "authmw" and module not in DOOR and not _may_import(module, room, name):
            found.append(f"{module}:{line} imports {name}, which {room} may not know")
    return found


def _may_import(module: str, room: str, name: str) -> bool:
    if room == "features":
        feature = module.split(".")[2:3]
        # The folder's own list names every feature; nothing else of it does.
        own = ".".join(["authmw", "features", *feature])
        if name == own or name.startswith(own + "."):
            return True
    return any(name == place or name.startswith(place + ".") for place in MAY_IMPORT.get(room, ()))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.sec("SEC-020")
def test_every_module_imports_only_what_its_room_may_know() -> None:
    found = [
        breach
        for path in MODULES
        for breach in breaches_of_layout(path.read_text(), module_name(path), is_package=path.stem == "__init__")
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("authmw.core.call", "from ..features import password"),
        ("authmw.core.call", "from ..features.password import Password"),
        ("authmw.core.call", "import authmw.web.carry"),
        ("authmw.core.call", "def late():\n    from ..stores.sql import SqlStore"),
        ("authmw.core.call", "from starlette.requests import Request"),
        ("authmw.core.call", "import sqlalchemy as sa"),
        ("authmw.features.password", "from .account import Account"),
        ("authmw.features.password", "from . import account"),
        ("authmw.features.password", "from ..web import carry"),
        ("authmw.features.password", "from ..stores import sql"),
        ("authmw.features.password", "from authmw import Auth"),
        ("authmw.features.two_factor.rules", "from ..password import Password"),
        ("authmw.stores.sql", "from ..features.password import Password"),
        ("authmw.stores.sql", "from ..web.carry import respond"),
        ("authmw.stores.sql", "from starlette.responses import Response"),
        ("authmw.web.api", "from ..features.password import Password"),
        ("authmw.web.api", "from ..stores.sql import SqlStore"),
        ("authmw.web.api", "from databases import Database"),
        ("authmw.web.api", "from .. import Auth"),
        ("authmw.mailers", "from .web import letters"),
        ("authmw.auth", "import asyncpg"),
        ("authmw.cli", "import sqlite3"),
        ("authmw.anything", "from .core import call"),
        ("authmw.stores.drivers", "import random"),
        ("authmw.stores.drivers", "from random import choice"),
        ("authmw.cli", "import random as dice"),
    ],
)
def test_an_import_from_the_wrong_room_is_found(module: str, source: str) -> None:
    assert len(breaches_of_layout(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("authmw.core.call", "from . import sessions\nfrom .errors import AuthError\nimport secrets as random"),
        ("authmw.features.password", "from ..core import accounts\nfrom ..core.call import Call"),
        ("authmw.features.two_factor.rules", "from .tables import TotpSecret\nfrom ...core.call import Call"),
        ("authmw.stores.sql", "import sqlalchemy\nfrom databases import Database\nfrom ..core.store import Store"),
        (
            "authmw.web.api",
            "from starlette.exceptions import HTTPException\nfrom . import carry\nfrom ..core import call",
        ),
        ("authmw.auth", "from .features.account import Account\nfrom .stores.sql import SqlStore"),
        ("authmw.cli", "from . import Auth"),
        ("authmw.mailers", "from .core.mail import Message\nimport starlette"),
        ("authmw.client.sync", "from ..features.password import SignIn"),
    ],
)
def test_an_import_from_the_right_room_is_fine(module: str, source: str) -> None:
    assert breaches_of_layout(source, module) == []


def test_only_the_list_of_features_names_them_all() -> None:
    source = "from .account import Account\nfrom .password import Password"
    assert breaches_of_layout(source, "authmw.features", is_package=True) == []


# What is never written


def _name_of(node: ast.expr) -> str:
    """The word by which an expression goes: `row.token` and `row["token"]` are both token."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=function):
            return _name_of(function)
        case ast.Await(value=inner) | ast.NamedExpr(target=inner) | ast.Subscript(value=inner):
            return _name_of(inner)
    return ""


def compared_secrets(tree: ast.Module) -> Iterator[ast.AST]:
    """`==` on a secret stops at the first difference, and how long it took tells where (SEC-022)."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) for side in sides):
            continue
        if any(word in _name_of(side).lower() for side in sides for word in SECRET_WORDS):
            yield node


def assertions(tree: ast.Module) -> Iterator[ast.AST]:
    """`python -O` leaves them out, and the check with them."""
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Assert))


def naive_times(tree: ast.Module) -> Iterator[ast.AST]:
    """A time without a zone is another moment on another machine."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = node.func.attr
        keywords = {keyword.arg for keyword in node.keywords}
        on_datetime = _name_of(node.func.value) in ("datetime", "date")
        without_zone = (name == "now" and on_datetime and not node.args and "tz" not in keywords) or (
            name == "fromtimestamp" and on_datetime and len(node.args) < 2 and "tz" not in keywords
        )
        if without_zone or name in ("utcnow", "utcfromtimestamp") or (name == "today" and on_datetime):
            yield node


def switched_off_verification(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.keyword) or node.arg != "verify":
            continue
        if isinstance(node.value, ast.Constant) and node.value.value is False:
            yield node


def assembled_sql(tree: ast.Module) -> Iterator[ast.AST]:
    """A statement made of pieces is where somebody else's text becomes a command."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or _name_of(node.func) not in RUNS_SQL or not node.args:
            continue
        statement = node.args[0]
        formatted = isinstance(statement, ast.Call) and _name_of(statement.func) == "format"
        if isinstance(statement, ast.JoinedStr | ast.BinOp) or formatted:
            yield node


Check = Callable[[ast.Module], Iterator[ast.AST]]
CHECKS: tuple[Check, ...] = (compared_secrets, assertions, naive_times, switched_off_verification, assembled_sql)


def lines_of(check: Check, source: str) -> list[int]:
    return [getattr(node, "lineno", 0) for node in check(ast.parse(source))]


@pytest.mark.sec("SEC-022")
@pytest.mark.sec("SEC-211")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_no_module_holds(check: Check) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES
        # Stores write their own SQL, names quoted and values bound, and their tests look at it.
        if not (check is assembled_sql and "stores" in path.parts)
        for line in lines_of(check, path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (compared_secrets, "if given == session.token: pass"),
        (compared_secrets, "right = row['password'] != password"),
        (compared_secrets, "ok = hexdigest() == sent"),
        (compared_secrets, "ok = sent == await signature_of(value)"),
        (compared_secrets, "ok = self._client_secret == other[0]"),
        (compared_secrets, "ok = a < b == the_hash"),
        (assertions, "assert user.is_admin"),
        (naive_times, "datetime.now()"),
        (naive_times, "datetime.datetime.utcnow()"),
        (naive_times, "datetime.fromtimestamp(0)"),
        (naive_times, "datetime.utcfromtimestamp(0)"),
        (naive_times, "date.today()"),
        (switched_off_verification, "client.get(url, verify=False)"),
        (assembled_sql, "db.execute(f'SELECT * FROM {table}')"),
        (assembled_sql, "db.fetch_all('SELECT ' + columns)"),
        (assembled_sql, "db.execute('SELECT %s' % name)"),
        (assembled_sql, "text('SELECT {}'.format(name))"),
    ],
)
def test_a_planted_breach_is_found(check: Check, source: str) -> None:
    assert lines_of(check, source) == [1]


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (compared_secrets, "hmac.compare_digest(token, given)"),
        (compared_secrets, "if token == '' or token is None or len(token) != 3: pass"),
        (compared_secrets, "if user.id == owner.id: pass"),
        (naive_times, "datetime.now(UTC); datetime.now(tz=UTC); datetime.fromtimestamp(0, UTC); clock.now()"),
        (switched_off_verification, "client.get(url, verify=True)"),
        (assembled_sql, "db.execute('SELECT 1', [f'{name}']); print(f'{x}')"),
    ],
)
def test_what_is_fine_is_not_found(check: Check, source: str) -> None:
    assert lines_of(check, source) == []


# Templates

TEMPLATE_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
NEVER_IN_TEMPLATES = {
    "text that is taken for HTML": re.compile(r"\|\s*safe\b|\{%-?\s*autoescape\s+false"),
}
NEVER_IN_PAGES = {
    "a script in the page": re.compile(r"<script(?![^>]*\ssrc\s*=)[^>]*>", re.IGNORECASE),
    "a style in the page": re.compile(r"<style\b|<[a-z][^>]*\sstyle\s*=", re.IGNORECASE),
    "a handler in an attribute": re.compile(r"<[a-z][^>]*[\s\"'](?:on[a-z]+|hx-on[:\w-]*)\s*=", re.IGNORECASE),
    "an address that is code": re.compile(r"javascript:", re.IGNORECASE),
}


def breaches_of_template(source: str, *, is_mail: bool = False) -> list[str]:
    """What the content security policy of the screens would block, or escaping would miss.

    Mail has styles in its attributes: most mail programs read no others, and no policy of ours reaches there.
    """
    found = [what for what, pattern in NEVER_IN_TEMPLATES.items() if pattern.search(source)]
    page = TEMPLATE_CODE.sub("x", source)
    return found + [what for what, pattern in NEVER_IN_PAGES.items() if not is_mail and pattern.search(page)]


@pytest.mark.sec("SEC-173")
@pytest.mark.sec("SEC-211")
def test_no_template_needs_what_the_policy_blocks() -> None:
    found = {
        str(path.relative_to(ROOT)): breaches
        for path in TEMPLATES
        if (breaches := breaches_of_template(path.read_text(), is_mail=path.is_relative_to(UI / "mail")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "<p>{{ name|safe }}</p>",
        "<p>{{ name | safe }}</p>",
        "{% autoescape false %}",
        "<script>go()</script>",
        '<script type="module">go()</script>',
        '<p style="color: red">',
        "<style>p {}</style>",
        '<a onclick="go()">',
        "<a ONCLICK = go()>",
        '<a hx-on:click="go()">',
        '<a href="javascript:go()">',
    ],
)
def test_a_planted_breach_in_a_template_is_found(source: str) -> None:
    assert len(breaches_of_template(source)) == 1


@pytest.mark.parametrize(
    "source",
    ['<script src="{{ asset("authmw.js") }}" defer></script>', '<p class="am-on">{{ macro(on=1) }} once = 1</p>'],
)
def test_a_template_that_is_fine_is_not_found(source: str) -> None:
    assert breaches_of_template(source) == []


def test_only_mail_may_carry_styles() -> None:
    assert breaches_of_template('<p style="color: red">', is_mail=True) == []
    assert breaches_of_template("{{ name|safe }}", is_mail=True) != []


# A feature is three places with one name


def missing_places(feature: str, root: Path, *, has_screens: bool) -> list[str]:
    templates = [root / "ui" / feature] if has_screens else []
    places = (*templates, root / "tests" / "features" / f"test_{feature}.py")
    return [str(place.relative_to(root)) for place in places if not place.exists()]


def has_screens(feature: str) -> bool:
    where = PACKAGE / "features"
    files = [*(where / feature).rglob("*.py")] or [where / f"{feature}.py"]
    return any("template=" in path.read_text() for path in files)


def features() -> list[str]:
    return sorted(path.stem for path in (PACKAGE / "features").iterdir() if not path.name.startswith("__"))


@pytest.mark.parametrize("feature", features())
def test_a_feature_has_its_templates_and_its_tests(feature: str) -> None:
    assert missing_places(feature, ROOT, has_screens=has_screens(feature)) == []


def test_a_feature_without_templates_or_tests_is_found(tmp_path: Path) -> None:
    (tmp_path / "ui" / "magic_link").mkdir(parents=True)
    assert missing_places("magic_link", tmp_path, has_screens=True) == ["tests/features/test_magic_link.py"]
    assert len(missing_places("passkeys", tmp_path, has_screens=True)) == 2
    assert len(missing_places("passkeys", tmp_path, has_screens=False)) == 1
    assert has_screens("password") and not has_screens("bearer")


# What others wrote


def test_htmx_is_the_file_that_was_vendored() -> None:
    vendor = ROOT / "static" / "vendor"
    assert (vendor / "htmx.sha256").read_text().split()[0] == _sha256(vendor / "htmx.min.js")


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    (tmp_path / "htmx.min.js").write_bytes((ROOT / "static" / "vendor" / "htmx.min.js").read_bytes() + b" ")
    assert _sha256(tmp_path / "htmx.min.js") not in (ROOT / "static" / "vendor" / "htmx.sha256").read_text()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_neither_templates_nor_static_files_are_python() -> None:
    assert [path for folder in (UI, ROOT / "static") for path in folder.rglob("*.py")] == []


# The last lines of a run


def test_the_last_lines_say_what_was_missing() -> None:
    reasons = ["Skipped: PostgreSQL is not there: refused"] * 2 + ["Skipped: missing: node and npm", "Skipped: slow"]
    assert words_about_skips(reasons, {}) == [
        "Not here: PostgreSQL. Tests left out for want of it: 2.",
        "Not here: node and npm. Tests left out for want of it: 1.",
        "Start what is missing, or let .ci/run do it, and run the tests again to have them all.",
        "Left out for other reasons, named above: 1.",
    ]


def test_the_last_lines_say_when_nothing_was_missing() -> None:
    assert words_about_skips([], {"AUTHMW_REQUIRE_ALL": "1"}) == ["Nothing was missing and nothing was left out."]
    assert words_about_skips([], {}) == []
