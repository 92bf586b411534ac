"""The languages of the screens: which there are, which one a visit has, and what a sentence is in each."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..core.errors import ConfigurationError
from ..core.feature import N_
from .ui_config import UIConfig
from .words import Sentence, Words, wait_in_words

if TYPE_CHECKING:
    from gettext import GNUTranslations

TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""A language tag as `<html lang>` and browsers know it (RFC 5646): `de`, `pt-BR`, `zh-Hant`."""
RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"})
RIGHT_TO_LEFT_SCRIPTS = frozenset({"adlm", "arab", "hebr", "nkoo", "rohg", "syrc", "thaa"})
# Translators: the name of your language, in your language. It stands in the list at the foot of every page.
OWN_NAME = N_("English")

# Nobody speaks more languages than that; a longer header is not looked at, so that it costs nothing.
LONGEST_HEADER = 1000
MOST_RANGES = 30
RANGE = re.compile(
    r"(?P<range>\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)"
    r"(?:[ \t]*;[ \t]*[qQ]=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)
PERCENT = re.compile(r"%(?:%|\((?P<name>\w+)\)s)?")


@dataclass(frozen=True, kw_only=True, eq=False)
class Language:
    """A language that screens can be drawn in. Sentences without a translation are said in English."""

    tag: str
    translations: GNUTranslations | None = None

    @property
    def dir(self) -> Literal["ltr", "rtl"]:
        first, *further = self.tag.lower().split("-")
        script = next((part for part in further if len(part) == 4 and part.isalpha()), None)
        right = script in RIGHT_TO_LEFT_SCRIPTS if script else first in RIGHT_TO_LEFT
        return "rtl" if right else "ltr"

    @property
    def name(self) -> str:
        """What the language calls itself; its tag, where the catalogue does not say."""
        own = self.gettext(OWN_NAME)
        return own if own != OWN_NAME or self.tag.partition("-")[0] == "en" else self.tag

    def gettext(self, text: str) -> str:
        # To gettext the translation of nothing is the head of the catalogue.
        return self.translations.gettext(text) if text and self.translations else text

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        if self.translations:
            return self.translations.ngettext(singular, plural, number)
        return singular if number == 1 else plural

    def say(self, words: Words) -> str:
        """Return a sentence in this language, with its places filled."""
        if isinstance(words, Sentence):
            return self.gettext(words.text).format_map(_Places({k: self._spell(v) for k, v in words.values.items()}))
        return self.gettext(words)

    def _spell(self, value: str | int | timedelta | Sentence) -> str:
        if isinstance(value, Sentence):
            return self.say(value)
        if isinstance(value, timedelta):
            return wait_in_words(int(value.total_seconds()), self)
        return str(value)


class _Places(dict[str, str]):
    """Nothing is known of a place? Then a sentence with a hole is still better than a page about a fault."""

    def __missing__(self, place: str) -> str:
        return "…"


ENGLISH = Language(tag="en")


class Languages:
    """The languages of an application, in its order. Raise ConfigurationError for one that is not there."""

    def __init__(self, config: UIConfig) -> None:
        if isinstance(config.locales, str) or not config.locales:
            raise ConfigurationError(
                'UIConfig(locales=…) is a list of language tags. Write: UIConfig(locales=("en",)).'
            )
        if isinstance(config.locale_dirs, str):
            raise ConfigurationError(f'Write: UIConfig(locale_dirs=["{config.locale_dirs}"]).')
        self._by_tag: dict[str, Language] = {}
        for tag in config.locales:
            self._by_tag[tag.lower()] = load(tag, config.locale_dirs)
        self.all: Sequence[Language] = tuple(self._by_tag.values())
        self.first = self.all[0]

    @property
    def is_choice(self) -> bool:
        return len(self.all) > 1

    def named(self, tag: str) -> Language | None:
        """The language of a tag that came with a request, if it is one of ours and there is a choice."""
        return self._by_tag.get(tag.lower()) if self.is_choice else None

    def accepted(self, header: str) -> Language:
        """The language that an Accept-Language header likes best (RFC 4647 section 3.4); the first for want of one."""
        weights = weights_of(header) if self.is_choice else {}
        # Sorting keeps the header's order among ranges of one weight.
        for wanted in sorted(weights, key=lambda each: -weights[each]):
            for language in self._fitting(wanted) if weights[wanted] else ():
                if not _is_refused(language, weights):
                    return language
        return self.first

    def _fitting(self, wanted: str) -> Iterator[Language]:
        """`de-at` fits de-AT, then de; `de` fits de, then de-AT."""
        if wanted == "*":
            yield from self.all
            return
        shorter = wanted
        while shorter:
            if shorter in self._by_tag:
                yield self._by_tag[shorter]
            shorter = shorter.rpartition("-")[0]
        yield from (each for tag, each in self._by_tag.items() if tag.startswith(f"{wanted}-"))


def weights_of(header: str) -> dict[str, int]:
    """What an Accept-Language header says: language ranges in lower case, with thousandths from 0 to 1000.

    What is no range with a weight by RFC 9110 section 12.4.2 counts as not written; of a range that comes twice, the first.
    """
    if len(header) > LONGEST_HEADER:
        return {}
    found: dict[str, int] = {}
    for part in header.split(",", MOST_RANGES)[:MOST_RANGES]:
        match = RANGE.fullmatch(part.strip(" \t"))
        if match:
            found.setdefault(match["range"].lower(), round(float(match["weight"] or 1) * 1000))
    return found


def _is_refused(language: Language, weights: Mapping[str, int]) -> bool:
    """Does the closest range that speaks of this language say `q=0`?"""
    tag = language.tag.lower()
    speaking = [each for each in weights if each in ("*", tag) or tag.startswith(f"{each}-")]
    return bool(speaking) and weights[max(speaking, key=len)] == 0


def load(tag: str, folders: Sequence[str]) -> Language:
    """Read the catalogues of a language: the application's come before ours."""
    if not TAG.fullmatch(tag):
        better = tag.replace("_", "-")
        hint = f' Write: UIConfig(locales=("{better}",)).' if TAG.fullmatch(better) else ""
        raise ConfigurationError(f"UIConfig(locales=…): {tag!r} is no language tag.{hint}")
    if tag == ENGLISH.tag and not folders:
        return ENGLISH
    from .resources import folder as folder_of  # with the templates, which an application without screens never needs

    own = [Path(folder) for folder in folders]
    for folder in own:
        if not folder.is_dir():
            raise ConfigurationError(f'UIConfig(locale_dirs=["{folder}"]): there is no such folder.')
    files = [file for folder in (*own, folder_of("ui") / "locale") if (file := folder / f"{tag}.mo").is_file()]
    if not files and tag != ENGLISH.tag:
        raise ConfigurationError(
            f'UIConfig(locales=…) names "{tag}", and there is no catalogue {tag}.mo. Compile yours into a folder and '
            f'write: UIConfig(locales=("en", "{tag}"), locale_dirs=["folder"]).'
        )
    if not files:
        return ENGLISH
    first, *others = [_read(file) for file in files]
    for other in others:
        first.add_fallback(other)
    return Language(tag=tag, translations=first)


def _read(file: Path) -> GNUTranslations:
    from gettext import GNUTranslations  # most applications have no catalogue

    try:
        with file.open("rb") as opened:
            translations = GNUTranslations(opened)
    except Exception as reason:
        raise ConfigurationError(f"{file} is no compiled catalogue. Compile it again from its .po file.") from reason
    catalogue: Mapping[str | tuple[str, int], str] = vars(translations)["_catalog"]
    for key, translated in catalogue.items():
        # Of plural forms one may leave the number out: "one minute".
        text, is_plural = (key[0], True) if isinstance(key, tuple) else (key, False)
        given, wanted = places_of(translated), places_of(text)
        if text and (given - wanted or (wanted - given and not is_plural)):
            places = ", ".join(sorted(given ^ wanted))
            raise ConfigurationError(f"{file}: {places} must stand in both of {text!r} and {translated!r}.")
    return translations


def places_of(text: str) -> frozenset[str]:
    """The places of a sentence, `{name}` and `%(name)s`, and whatever would be taken for one."""
    found = {match[0] for match in PERCENT.finditer(text) if match[0] != "%%"}
    try:
        parsed = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(text)]
    except ValueError:
        return frozenset({*found, "a lone brace"})
    for name, spec, conversion in parsed:
        if name is not None:
            found.add("{" + name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}")
    return frozenset(found)
