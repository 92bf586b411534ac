"""JSON of the wire → the typed values of `answers.py`, or UnexpectedAnswer naming what is wrong."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar, cast

from ..core.errors import ConfigurationError
from ..core.model import User
from ..core.schema import METADATA_KEY, FieldRules, camel
from .failures import UnexpectedAnswer
from .values import RedirectTo, TwoFactorRequired

_NAMES: Mapping[Any, str] = {bool: "boolean", int: "number", float: "number", str: "string"}


class _Wrong(ValueError):
    """The value is no such thing; the text says where and what was expected, and nothing of the value."""


def decode(value: object, kind: Any, user_type: type[User]) -> Any:
    """Return `value` as a `kind`; wherever that says User, a `user_type`. Keys that nobody asked for are dropped.

    A missing key takes the field's default, or None where the field may be None. Raise UnexpectedAnswer for
    what is missing otherwise, or is of another type.
    """
    try:
        return _decode(value, kind, user_type, "")
    except _Wrong as wrong:
        raise UnexpectedAnswer(f"The server's answer was not understood: {wrong}") from None
    except RecursionError:
        raise UnexpectedAnswer("The server's answer was not understood: it is nested too deep") from None


def check_user_type(user_type: type[User]) -> None:
    """Raise ConfigurationError for a type that no answer could ever fill."""
    for field in _fields(cast(Any, user_type)):
        if not field.seen and not field.has_default:
            raise ConfigurationError(
                f"{user_type.__name__}.{field.name} is never sent to a client: give it a default, "
                "or give the client a user type without it"
            )


def may_redirect(kind: Any) -> bool:
    return RedirectTo in _options(kind)


def _decode(value: object, kind: Any, user_type: type[User], at: str) -> Any:
    options = _options(kind)
    if len(options) > 1:
        return _one_of(value, options, user_type, at)
    origin = typing.get_origin(kind) or kind
    if kind is Any or kind is object:
        return value
    if kind is None or kind is type(None):
        if value is not None:
            raise _Wrong(f"{at or 'the answer'} should be null")
        return None
    if isinstance(kind, TypeVar) or kind is User:
        return _record(value, user_type, user_type, at)
    if kind is RedirectTo:
        return _redirect(value, at)
    if kind is TwoFactorRequired:
        return _two_factor(value, at)
    if origin is Literal:
        if value not in typing.get_args(kind):
            raise _Wrong(f"{at or 'the answer'} is none of {', '.join(map(repr, typing.get_args(kind)))}")
        return value
    if origin is list or origin is tuple:
        if not isinstance(value, list):
            raise _Wrong(f"{at or 'the answer'} should be an array")
        (inner, *_) = typing.get_args(kind) or (Any,)
        items = [_decode(each, inner, user_type, f"{at}[{number}]") for number, each in enumerate(value)]
        return tuple(items) if origin is tuple else items
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise _Wrong(f"{at or 'the answer'} should be an object")
        inner = (typing.get_args(kind) or (str, Any))[1]
        return {key: _decode(each, inner, user_type, f"{at}.{key}") for key, each in value.items()}
    if origin is datetime:
        return _moment(value, at)
    if dataclasses.is_dataclass(origin):
        return _record(value, cast(Any, origin), user_type, at)
    right = isinstance(value, int | float) if origin is float else isinstance(value, origin)
    if not right or (isinstance(value, bool) and origin is not bool):
        raise _Wrong(f"{at or 'the answer'} should be a {_NAMES.get(origin, 'value of another type')}")
    return value


def _one_of(value: object, options: tuple[Any, ...], user_type: type[User], at: str) -> Any:
    if value is None and type(None) in options:
        return None
    if TwoFactorRequired in options and isinstance(value, dict) and value.get("twoFactorRedirect"):
        return _two_factor(value, at)
    if RedirectTo in options and _leads_elsewhere(value):
        return _redirect(value, at)
    # What asks for the most is tried first, so that a lesser record does not swallow a richer answer.
    records = [each for each in options if each not in (type(None), TwoFactorRequired, RedirectTo)]
    records.sort(key=_demands, reverse=True)
    problems = []
    for option in records:
        try:
            return _decode(value, option, user_type, at)
        except _Wrong as wrong:
            problems.append(wrong)
    raise problems[-1] if problems else _Wrong(f"{at or 'the answer'} is nothing that was expected here")


def _demands(option: Any) -> int:
    kind: Any = typing.get_origin(option) or option
    return sum(not each.has_default for each in _fields(cast(Any, kind))) if dataclasses.is_dataclass(kind) else 0


def _record(value: object, kind: Any, user_type: type[User], at: str) -> Any:
    if not isinstance(value, dict):
        raise _Wrong(f"{at or 'the answer'} should be an object")
    given: dict[str, Any] = {}
    for field in _fields(kind):
        where = f"{at}.{field.key}" if at else field.key
        if field.seen and field.key in value:
            given[field.name] = _decode(value[field.key], field.type, user_type, where)
        elif not field.has_default:
            if type(None) not in _options(field.type):
                raise _Wrong(f"{where} is missing")
            given[field.name] = None
    return kind(**given)


def _leads_elsewhere(value: object) -> bool:
    """`{url, redirect}`. Beside a token or a user the address only says where the page would have gone."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("url"), str)
        and value["url"] != ""
        and "redirect" in value
        and not value.get("token")
        and not value.get("user")
    )


def _redirect(value: object, at: str) -> RedirectTo:
    if not _leads_elsewhere(value):
        raise _Wrong(f"{at or 'the answer'} should be an address to go to")
    return RedirectTo(url=cast(dict[str, Any], value)["url"])


def _two_factor(value: object, at: str) -> TwoFactorRequired:
    if not isinstance(value, dict) or not value.get("twoFactorRedirect"):
        raise _Wrong(f"{at or 'the answer'} should ask for a second factor")
    methods = value.get("twoFactorMethods")
    return TwoFactorRequired(methods=tuple(map(str, methods)) if isinstance(methods, list) else ())


def _moment(value: object, at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _Wrong(f"{at or 'the answer'} should be a date with its zone")
    return moment


@dataclasses.dataclass(frozen=True)
class _Field:
    name: str
    key: str
    type: Any
    seen: bool
    has_default: bool


@cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(kind)
    found = []
    for field in dataclasses.fields(kind):
        rules = field.metadata.get(METADATA_KEY) or FieldRules()
        found.append(
            _Field(
                name=field.name,
                key=rules.column or camel(field.name),
                type=hints[field.name],
                seen=rules.seen,
                has_default=field.default is not dataclasses.MISSING
                or field.default_factory is not dataclasses.MISSING,
            )
        )
    return tuple(found)


def _options(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
