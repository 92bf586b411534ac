"""Untrusted mapping → dataclass, or InvalidInput naming each field."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, cast

from .errors import InvalidInput, Problem
from .schema import camel

T = TypeVar("T")

NOTHING = object()
"""There was no body, which is not the same as a body that says null."""

LONGEST_TEXT = 4096
LONGEST_INLINE_IMAGE = 64 * 1024 - 1
"""Characters of the whole URI: what a text column of MySQL holds."""
# The wire's grammar (0.5), cut before matching, so that no address makes it work long.
EMAIL = re.compile(
    r"(?!\.)(?!.*\.\.)[A-Za-z0-9_'+\-.]*[A-Za-z0-9_+\-]@(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}\Z", re.ASCII
)
LONGEST_EMAIL = 254
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
INLINE_IMAGE = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,([A-Za-z0-9+/=]*)\Z", re.ASCII)


@dataclass(frozen=True)
class Text:
    """What a text may be. `longest` counts characters, None: another rule judges it."""

    kind: Literal["text", "email", "image"] = "text"
    longest: int | None = LONGEST_TEXT
    shortest: int = 0
    printable: bool = True


@dataclass(frozen=True)
class _Rest:
    """Marks the field that receives the keys no other field names. `holds`: fields of a user, for a new one or to
    change them."""

    holds: Literal["", "new user", "user"] = ""


@dataclass(frozen=True)
class _Truthy:
    """Marks a query flag that any text at all switches on, as the wire has it (1.6)."""


Name = Annotated[str, Text(longest=255)]
Url = Annotated[str, Text(longest=None)]
"""A redirect address; `origin.check_redirects` has judged it before."""
Email = Annotated[str, Text("email", LONGEST_EMAIL)]
Password = Annotated[str, Text(longest=None)]
"""Its length is judged by `Passwords`, which has its own answers for it."""
Typed = Annotated[str, Text(longest=None, printable=False)]
"""What a person typed to be recognized by: any text; what is no address is answered by the operation."""
Image = Annotated[str, Text("image", None)]
Rest = Annotated[Mapping[str, object], _Rest()]
NewUserFields = Annotated[Mapping[str, object], _Rest("new user")]
UserFields = Annotated[Mapping[str, object], _Rest("user")]
Flag = Annotated[bool, _Truthy()]


def is_email(text: str) -> bool:
    return len(text) <= LONGEST_EMAIL and EMAIL.match(text) is not None


def parse_input(kind: type[T], given: object, *, part: str = "body") -> T:
    """Make a `kind` out of a decoded body or query, keys in the wire's camelCase.

    `given` is whatever came, NOTHING when there was no body. Keys nobody asked for are dropped.
    Raise InvalidInput naming every field that is wrong, in the words that the wire's validator uses.
    """
    fields = _fields(cast(Any, kind))
    if not isinstance(given, dict):
        if given is NOTHING and all(field.optional for field in fields):
            given = {}
        else:
            received = "undefined" if given is NOTHING else received_as(given)
            expected = ["object"] + ["record" for field in fields if field.rest]
            raise InvalidInput(
                *(Problem(f"Invalid input: expected {word}, received {received}", part=part) for word in expected)
            )
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    known = {field.key for field in fields}
    for field in fields:
        if field.rest:
            values[field.name] = {key: value for key, value in given.items() if key not in known}
        elif field.key in given:
            try:
                # `str | None` means that it may be left out; null is no text to the wire.
                if given[field.key] is None and not isinstance(field.rules, _Truthy):
                    raise ValueError(f"Invalid input: expected {field.expected}, received null")
                values[field.name] = convert(given[field.key], field.type, field.rules)
            except ValueError as wrong:
                problems.append(Problem(str(wrong), field=field.key, part=part))
        elif not field.optional:
            problems.append(
                Problem(f"Invalid input: expected {field.expected}, received undefined", field=field.key, part=part)
            )
    if problems:
        raise InvalidInput(*problems)
    return kind(**values)


def convert(value: object, kind: Any, rules: Text | _Truthy | None = None) -> Any:
    """Return `value` as a `kind` (str, bool, int, datetime, dict, list, Literal, or None beside one).

    Nothing is coerced but ISO text to datetime. Raise ValueError in the wire's words.
    """
    options = typing.get_args(kind) if _is_union(kind) else (kind,)
    if value is None and type(None) in options:
        return None
    base = next(option for option in options if option is not type(None))
    if isinstance(rules, _Truthy):
        return bool(value)
    if base is str or base is datetime:
        if not isinstance(value, str):
            raise ValueError(
                f"Invalid input: expected {'date' if base is datetime else 'string'}, received {received_as(value)}"
            )
        return _date(value) if base is datetime else _text(value, rules or Text())
    if typing.get_origin(base) is Literal:
        choices = typing.get_args(base)
        if value not in choices or isinstance(value, bool) != any(isinstance(choice, bool) for choice in choices):
            raise ValueError("Invalid option: expected one of " + "|".join(f'"{choice}"' for choice in choices))
        return value
    plain = typing.get_origin(base) or base
    right = type(value) is plain if plain in (bool, int) else isinstance(value, plain)
    if not right:
        raise ValueError(f"Invalid input: expected {_EXPECTED.get(plain, 'object')}, received {received_as(value)}")
    if plain is int and not -(2**53) < cast(int, value) < 2**53:
        raise ValueError("Invalid input: expected number, received number")
    _refuse_unprintable_inside(value)
    inner = typing.get_args(base)
    if inner and inner[-1] in (str, bool, int):  # list[str], dict[str, int]
        for item in cast(Any, value).values() if plain is dict else cast(Any, value):
            convert(item, inner[-1], Text())
    return value


def received_as(value: object) -> str:
    """Name a decoded JSON value as the wire's validator does."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


_EXPECTED: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "number",
    list: "array",
    dict: "object",
    datetime: "date",
}


@dataclass(frozen=True, kw_only=True)
class InputField:
    name: str
    key: str
    type: Any
    rules: Text | _Truthy | None
    optional: bool
    rest: bool
    holds: Literal["", "new user", "user"] = ""
    """What the rest is made of, where that is known."""
    default: Any = None
    """What it is when it is left out, where that is a plain value."""

    @property
    def plain(self) -> Any:
        """The type without the None beside it."""
        if not _is_union(self.type):
            return self.type
        return next((each for each in typing.get_args(self.type) if each is not type(None)), self.type)

    @property
    def is_flag(self) -> bool:
        return isinstance(self.rules, _Truthy)

    @property
    def expected(self) -> str:
        return _EXPECTED.get(typing.get_origin(self.plain) or self.plain, "string")


@cache
def _fields(kind: Any) -> tuple[InputField, ...]:
    hints = typing.get_type_hints(kind, include_extras=True)
    found = []
    for field in dataclasses.fields(kind):
        hint, rules = _unmark(hints[field.name])
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        found.append(
            InputField(
                name=field.name,
                key=camel(field.name),
                type=hint,
                rules=None if isinstance(rules, _Rest) else rules,
                optional=has_default,
                rest=isinstance(rules, _Rest),
                holds=rules.holds if isinstance(rules, _Rest) else "",
                default=field.default if isinstance(field.default, bool | int | str) else None,
            )
        )
    return tuple(found)


def input_fields(kind: type[Any]) -> tuple[InputField, ...]:
    """The fields of an input dataclass, as forms and documents need them."""
    return _fields(cast(Any, kind))


def _unmark(hint: Any) -> tuple[Any, Any]:
    """Return the bare type and the mark of `Annotated[...]`, also where None stands beside it."""
    if typing.get_origin(hint) is Annotated:
        bare, *marks = typing.get_args(hint)
        return bare, next((mark for mark in marks if isinstance(mark, Text | _Rest | _Truthy)), None)
    if _is_union(hint):
        for option in typing.get_args(hint):
            if typing.get_origin(option) is Annotated:
                bare, mark = _unmark(option)
                return bare | None, mark
    return hint, None


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _text(value: str, rules: Text) -> str:
    if rules.kind == "image":
        return _image(value)
    if rules.longest is not None and len(value) > rules.longest and rules.kind == "text":
        raise ValueError(f"Too big: expected string to have <={rules.longest} characters")
    if rules.kind == "email":
        if not is_email(value):
            raise ValueError("Invalid email address")
        return value
    if rules.printable and UNPRINTABLE.search(value):
        raise ValueError("Invalid input: expected string without control characters")
    if len(value) < rules.shortest:
        raise ValueError(f"Too small: expected string to have >={rules.shortest} characters")
    return value


def _image(value: str) -> str:
    """http(s), a path on this site, or a small picture inline; whatever else a browser might fetch or run is refused."""
    inline = INLINE_IMAGE.match(value) if value.startswith("data:") and len(value) <= LONGEST_INLINE_IMAGE else None
    if inline:
        try:
            base64.b64decode(inline[1], validate=True)
            return value
        except binascii.Error:
            pass
    elif not value or (
        len(value) <= 2048
        and not UNPRINTABLE.search(value)
        and (
            value.startswith(("https://", "http://")) or (value.startswith("/") and not value.startswith(("//", "/\\")))
        )
    ):
        return value
    raise ValueError("Invalid input: expected an https address or a small inline image")


def _date(value: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(value) if len(value) <= 40 and value.isascii() else None
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None or not 1970 <= parsed.year <= 9998:
        raise ValueError("Invalid input: expected date, received string")
    return parsed


def _refuse_unprintable_inside(value: object) -> None:
    if isinstance(value, str):
        _text(value, Text())
    elif isinstance(value, dict):
        for key, inner in value.items():
            _refuse_unprintable_inside(key)
            _refuse_unprintable_inside(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_unprintable_inside(inner)
