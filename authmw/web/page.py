"""What templates know of the page that they draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.schema import Column

if TYPE_CHECKING:
    from .screens import Screens

KINDS = {"boolean": "checkbox", "integer": "number"}

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
    message: str
    links: tuple[tuple[str, str], ...] = ()
    """Words of `message` that are links, each with its address."""


@dataclass(frozen=True, kw_only=True)
class NavItem:
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


@dataclass(frozen=True, kw_only=True)
class SystemPage:
    heading: str
    sentences: Sequence[str] = ()
    action: tuple[str, str] | None = None
    reference: str | None = None
    form: tuple[str, str, Mapping[str, str]] | None = None


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    letters: Sequence[Any]


@dataclass(kw_only=True)
class Page:
    """What templates know of the page that they draw."""

    screens: Screens
    path: str
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
    fields: Sequence[ExtraField] = ()
    nav: Sequence[NavItem] = ()

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
        return self.screens.href(path, self.next) if found and found[0].offers(found[1]) else None


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
