"""Languages that nobody speaks, which show what is not translated and what does not fit.

`en-XA` has accents on every letter and is longer by two fifths; `ar-XB` is the same from right to left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from tests.words import messages, template, texts

TAGS = ("en-XA", "ar-XB")
LETTERS = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "ÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŢÛṼŴẊÝŽåƀçðéƒĝĥîĵķļɱñöþǫŕšţûṽŵẋýž",
)
FILLING = "one two three four five six seven eight nine ten eleven twelve "
LONGER = 0.4
KEPT = re.compile(r"%\(\w+\)s|%%|\{\w*\}|<[^>]*>|&#?\w+;")
"""Places that are filled in, and markup."""


def pseudo(text: str) -> str:
    """`Sign in` → `⟦Šîĝñ îñ öñé⟧`."""
    accented, end = "", 0
    for kept in KEPT.finditer(text):
        accented += text[end : kept.start()].translate(LETTERS) + kept[0]
        end = kept.end()
    accented += text[end:].translate(LETTERS)
    missing = round(len(KEPT.sub("", text)) * LONGER)
    filling = (FILLING * (missing // len(FILLING) + 1))[:missing].strip().translate(LETTERS)
    return f"⟦{accented} {filling}⟧" if filling else f"⟦{accented}⟧"


def catalogue(own: Sequence[str] = ()) -> Catalog:
    """All sentences of the template, and the application's `own` ones, in pseudo."""
    made = Catalog(locale="en", charset="utf-8", fuzzy=False)
    for message in messages(template()):
        said = tuple(pseudo(text) for text in texts(message))
        made.add(message.id, said if len(said) > 1 else said[0])
    for text in own:
        made.add(text, pseudo(text))
    return made


def write(folder: Path, *, own: Sequence[str] = ()) -> None:
    """Make `en-XA.mo` and `ar-XB.mo`, for UIConfig(locales=("en", "en-XA", "ar-XB"), locale_dirs=[folder]).

    `own` are the labels and hints of the application's own fields.
    """
    made = catalogue(own)
    for tag in TAGS:
        with (folder / f"{tag}.mo").open("wb") as file:
            write_mo(file, made)
