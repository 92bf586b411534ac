"""What templates know of the page that they draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..core.schema import Column
from .words import Words

if TYPE_CHECKING:
    from .languages import Language
    from .screens import Screens

KINDS = {"boolean": "checkbox", "integer": "number"}

NAV = tuple(
    f"/settings/{name}"
    for name in ("profile", "email", "password", "passkeys", "two-factor", "sessions", "accounts", "delete")
)
"""The order of the account's navigation; what is not in it stands before the last."""

SYSTEM_STATES: Mapping[str, tuple[str, ...]] = {
    "/error": ("known", "unknown"),
    "/403": ("fresh",),
    "/404": ("fresh",),
    "/410": ("fresh",),
    "/429": ("fresh",),
    "/500": ("fresh",),
    "/503": ("fresh",),
    "/dev/mail": ("empty", "full"),
}
"""The pages that no feature declares, by path or status, with their states as in `Screen.states`."""


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """One thing that is wrong with a form, as a page says it."""

    field: str | None
    message: Words
    links: tuple[tuple[str, str], ...] = ()
    """Words of `message` that are links, each with its address."""

    def said(self, language: Language) -> Wrong:
        links = tuple((language.say(words), href) for words, href in self.links)
        return replace(self, message=language.say(self.message), links=links)


@dataclass(frozen=True, kw_only=True)
class NavItem:
    label: str
    href: str
    current: bool


@dataclass(frozen=True, kw_only=True)
class LanguageLink:
    """A language that the page can be read in; `label` is what it calls itself."""

    code: str
    label: str
    href: str
    current: bool


@dataclass(frozen=True, kw_only=True)
class ExtraField:
    """A field that the application added to its users, as a form shows it."""

    name: str
    label: str
    hint: str | None
    type: str
    autocomplete: str | None
    value: Any
    optional: bool

    def said(self, language: Language) -> ExtraField:
        return replace(self, label=language.say(self.label), hint=language.say(self.hint) if self.hint else None)


@dataclass(frozen=True, kw_only=True)
class SystemPage:
    heading: Words
    sentences: Sequence[Words] = ()
    action: tuple[Words, str] | None = None
    reference: str | None = None
    form: tuple[Words, str, Mapping[str, str]] | None = None

    def said(self, language: Language) -> SystemPage:
        return replace(
            self,
            heading=language.say(self.heading),
            sentences=[language.say(each) for each in self.sentences],
            action=(language.say(self.action[0]), *self.action[1:]) if self.action else None,
            form=(language.say(self.form[0]), *self.form[1:]) if self.form else None,
        )


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    letters: Sequence[Any]


@dataclass(kw_only=True)
class Page:
    """What templates know of the page that they draw."""

    screens: Screens
    path: str
    language: Language
    csrf_token: str
    next: str = ""
    back: str = ""
    """Where somebody goes who changes their mind."""
    htmx: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[Wrong] = ()
    notice: str | None = None
    data: Any = None
    person: Any = None
    wait: int | None = None
    takes_files: bool = False
    fields: Sequence[ExtraField] = ()
    nav: Sequence[NavItem] = ()
    languages: Sequence[LanguageLink] = ()

    def put_in_words(self) -> None:
        """Say everything in the page's language: the one place where what Python tells people is translated."""
        say = self.language.say
        self.notice = say(self.notice) if self.notice else None
        self.problems = [each.said(self.language) for each in self.problems]
        self.nav = [replace(each, label=say(each.label)) for each in self.nav]
        self.fields = [each.said(self.language) for each in self.fields]
        if isinstance(self.data, SystemPage):
            self.data = self.data.said(self.language)

    @property
    def action(self) -> str:
        return self.screens.base + self.path

    @property
    def focus(self) -> bool:
        return not self.problems and not self.notice

    @property
    def min_password(self) -> int:
        return self.screens.auth.passwords.shortest

    def has(self, feature: str) -> bool:
        return any(each.name == feature for each in self.screens.auth.features)

    def screen(self, path: str) -> str | None:
        """The address of another screen, keeping where the person wants to go; None when it is switched off."""
        found = self.screens.routes.get(path)
        if not found or not found[0].offers(found[1]):
            return None
        href = self.screens.href(path, self.next)
        if found[1].entrance and self.person is not None:  # who is signed in comes to be somebody else too
            href += ("&" if "?" in href else "?") + "another=1"
        return href


def extra_field(column: Column, person: Any) -> ExtraField:
    """How a form shows a column that the application added to its users."""
    rules = column.rules
    return ExtraField(
        name=column.name,
        label=rules.label or column.attribute.replace("_", " ").capitalize(),
        hint=rules.hint,
        type=KINDS.get(column.kind, "text"),
        autocomplete=rules.autocomplete,
        value=getattr(person, column.attribute, None),
        optional=column.has_default,
    )
