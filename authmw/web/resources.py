"""Templates and static files, in a checkout and in an installed wheel."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

if TYPE_CHECKING:
    from .languages import Language

PACKAGE = Path(__file__).resolve().parent.parent


@cache
def folder(name: str) -> Path:
    """Return `ui` or `static`: beside the package in a checkout, `_resources` inside it in a wheel."""
    for place in (PACKAGE / "_resources" / name, PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"authmw is installed without its {name} files: install it again")


@cache
def templates(own: tuple[str, ...], language: Language) -> jinja2.Environment:
    """The environment of screens and mail in a language. Files in the application's `own` folders come before ours of
    the same name, and reach ours as `authmw/<name>`."""
    ours = jinja2.FileSystemLoader(folder("ui"))
    loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(list(own)), ours, jinja2.PrefixLoader({"authmw": ours})])
    environment = jinja2.Environment(
        loader=loader,
        autoescape=lambda name: not (name or "").endswith(".txt"),  # noqa: S701 - letters as text are no HTML
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        language.gettext, language.ngettext, newstyle=True
    )
    return environment


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file the browser loads and keeps: its name holds the digest of what is in it."""

    name: str
    body: bytes
    zipped: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Every static file by the name that templates use: `authmw.css`, `vendor/htmx.min.js`."""
    root = folder("static")
    found = {}
    for path in sorted(root.rglob("*")):
        if path.suffix in (".css", ".js"):
            plain = path.relative_to(root).as_posix()
            found[plain] = asset_of(plain, path.read_bytes())
    return found


def asset_of(plain: str, body: bytes) -> Asset:
    """A file by the name that templates use, ready to be sent."""
    stem, dot, suffix = plain.rpartition(".")
    media_type = mimetypes.types_map.get(dot + suffix, "application/octet-stream")
    return Asset(
        name=f"{stem}.{hashlib.sha256(body).hexdigest()[:12]}.{suffix}",
        body=body,
        zipped=gzip.compress(body, 9, mtime=0),
        media_type=f"{media_type.replace('application/', 'text/') if suffix == 'js' else media_type}; charset=utf-8",
    )
