"""Row dataclasses and the tables they describe: the single source that migrations, stores and the wire read."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, cast


class Row(Protocol):
    """A frozen dataclass that names its table. Attributes are snake_case, columns their camelCase.

    `indexes`, where a class has it, are further indexes over several attributes: `(("provider_id", "account_id"),)`.
    With `is_swept`, rows whose `expires_at` has passed are deleted now and then.
    """

    table_name: ClassVar[str]

    @property
    def id(self) -> str: ...

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


Kind = Literal["text", "boolean", "integer", "datetime", "json"]
KINDS: Mapping[type, Kind] = {
    str: "text",
    bool: "boolean",
    int: "integer",
    datetime: "datetime",
    dict: "json",
    list: "json",
}
METADATA_KEY = "authmw"


@dataclass(frozen=True, kw_only=True)
class FieldRules:
    """What `field(metadata=...)` says of one attribute."""

    sent: bool = False
    """A client may set it."""
    seen: bool = True
    """A client is shown it."""
    column: str | None = None
    unique: bool = False
    index: bool = False
    references: str | None = None
    """The table whose `id` this is; the row goes with the row it refers to."""
    big: bool = False
    """An integer beyond 32 bits."""
    long: bool = False
    """Text of any length: on MySQL a `text` column rather than `varchar(255)`."""
    label: str | None = None
    hint: str | None = None
    autocomplete: str | None = None


def Public(
    *, label: str | None = None, hint: str | None = None, autocomplete: str | None = None
) -> Mapping[str, FieldRules]:
    """A client may set this field, at sign-up and later, and is shown it."""
    return {METADATA_KEY: FieldRules(sent=True, label=label, hint=hint, autocomplete=autocomplete)}


def ServerOnly() -> Mapping[str, FieldRules]:
    """A client is shown this field and cannot set it. Fields without any mark are this: the safe side."""
    return {METADATA_KEY: FieldRules()}


def Private() -> Mapping[str, FieldRules]:
    """A client neither sets nor sees this field."""
    return {METADATA_KEY: FieldRules(seen=False)}


def column(**rules: Any) -> Mapping[str, FieldRules]:
    """Storage facts of a field of our own rows: `column(unique=True)`, `column(references="user", index=True)`."""
    return {METADATA_KEY: FieldRules(**rules)}


@dataclass(frozen=True, kw_only=True)
class Column:
    attribute: str
    name: str
    kind: Kind
    optional: bool
    has_default: bool
    type: Any
    rules: FieldRules


@dataclass(frozen=True, kw_only=True)
class Table:
    name: str
    row: type[Row]
    columns: tuple[Column, ...]
    by_attribute: Mapping[str, Column]


def table_of(row: type[Any]) -> Table:
    """The table that a row dataclass describes. Raise TypeError for a field no database column can hold."""
    return _table_of(cast(Any, row))


@cache
def _table_of(row: Any) -> Table:
    hints = typing.get_type_hints(row)
    columns = tuple(_column(field, hints[field.name]) for field in dataclasses.fields(row))
    return Table(name=row.table_name, row=row, columns=columns, by_attribute={each.attribute: each for each in columns})


def camel(name: str) -> str:
    """`email_verified` → `emailVerified`; `callback_url` → `callbackURL`, as the wire spells it."""
    first, *rest = name.split("_")
    return first + "".join("URL" if word == "url" else word.capitalize() for word in rest)


def _column(field: dataclasses.Field[Any], hint: Any) -> Column:
    rules = field.metadata.get(METADATA_KEY) or FieldRules()
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    plain = [option for option in options if option is not type(None)]
    base = typing.get_origin(plain[0]) or plain[0]
    kind: Kind | None = "text" if base is Literal else KINDS.get(base)
    if len(plain) != 1 or kind is None:
        raise TypeError(
            f"{field.name}: {hint} is no column; use str, bool, int, datetime, dict or list, or None beside one"
        )
    return Column(
        attribute=field.name,
        name=rules.column or camel(field.name),
        kind=kind,
        optional=len(options) > 1,
        has_default=field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING,
        type=hint,
        rules=rules,
    )
