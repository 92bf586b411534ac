"""The template of all catalogues, from what stands in templates and in Python: `python -m tests.words` writes it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "ui" / "locale" / "authmw.pot"
IN_PYTHON = {"N_": None, "ngettext": (1, 2)}
IN_TEMPLATES = {"_": None, "gettext": None, "ngettext": (1, 2)}
# No date, no version, no numbers of lines: the file changes when a sentence does, and not otherwise.
HEAD = """\
# The sentences of authmw's screens and letters. `make words` writes this file; do not change it by hand.
# Leave what stands in %(these)s and in {these} as it is: names and numbers are filled in there.
msgid ""
msgstr ""
"Project-Id-Version: authmw\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


def sources() -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Every file with sentences in it, how babel reads it, and what marks a sentence there."""
    for path in sorted((ROOT / "ui").rglob("*")):
        if path.suffix in (".html", ".txt"):
            yield path, "jinja2.ext:babel_extract", IN_TEMPLATES
    for path in sorted((ROOT / "authmw").rglob("*.py")):
        yield path, "python", IN_PYTHON


def extracted() -> Catalog:
    found = Catalog(charset="utf-8")
    for path, method, marks in sources():
        where = [(path.relative_to(ROOT).as_posix(), 0)]
        options = {"silent": "false", "trim_blocks": "true", "lstrip_blocks": "true", "encoding": "utf-8"}
        with path.open("rb") as file:
            for _, text, comments, _ in extract(
                method, file, keywords=marks, comment_tags=["Translators:"], options=options
            ):
                found.add(text, locations=where, auto_comments=comments)
    return found


def template() -> Catalog:
    """What is in the repository."""
    with TEMPLATE.open("rb") as file:
        return read_po(file)


def messages(catalogue: Catalog) -> list[Message]:
    """The messages of a catalogue without its head."""
    return [message for message in catalogue if message.id]


def texts(message: Message) -> list[str]:
    """What a message says: one text, or a singular and a plural."""
    return [message.id] if isinstance(message.id, str) else list(message.id)


def written(catalogue: Catalog) -> str:
    """The catalogue as a .pot file."""
    file = io.BytesIO()
    write_po(file, catalogue, width=120, omit_header=True, include_lineno=False)
    return HEAD + "\n" + file.getvalue().decode().rstrip("\n") + "\n"


if __name__ == "__main__":
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_text(written(extracted()), encoding="utf-8")
    print(f"{len(messages(template()))} sentences in {TEMPLATE.relative_to(ROOT)}")
