"""What a token says of a person and a session, and back again."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ...core.call import SignedIn
from ...core.jwt import LATEST, InvalidJwt
from ...core.model import Session, U
from ...core.outputs import to_wire
from ...core.schema import Column, table_of

LONGEST_MEMBER = 1024
REGISTERED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "auth_time"})
"""What a field of a person's may not be called in a token."""


def everything(signed_in: SignedIn[Any]) -> Mapping[str, Any]:
    """The wire's payload: the person, but for what is too long to come with every request (SEC-123)."""
    from msgspec.json import encode

    person = to_wire(signed_in.user)
    return {
        key: value for key, value in person.items() if key not in REGISTERED and len(encode(value)) <= LONGEST_MEMBER
    }


def claims_of(
    signed_in: SignedIn[Any],
    payload: Mapping[str, Any],
    *,
    now: datetime,
    lifetime: timedelta,
    subject: str,
    issuer: str,
    audience: str | Sequence[str],
) -> dict[str, Any]:
    """What a token says. `sid` and `auth_time` are ours: which session it hangs on, and when that began (OpenID Connect
    Core section 2)."""
    made = int(now.timestamp())
    return {
        "iat": made,
        "iss": issuer,
        "aud": audience if isinstance(audience, str) else list(audience),
        "exp": made + int(lifetime.total_seconds()),
        **payload,
        "auth_time": int(signed_in.session.created_at.timestamp()),
        "sid": signed_in.session.id,
        "sub": subject,
    }


def person_of(user_type: type[U], claims: Mapping[str, Any]) -> U:
    """The person that a token speaks of; fields that it does not have are empty. Raise InvalidJwt for a wrong type."""
    values = {
        column.attribute: _value(column, claims) for column in table_of(user_type).columns if _is_told(column, claims)
    }
    values["id"] = person_id(claims)
    return user_type(**values)


def person_id(claims: Mapping[str, Any]) -> str:
    """An application may name people otherwise to those who read its tokens; their id is then told beside it."""
    told = claims.get("id")
    return told if isinstance(told, str) else str(claims["sub"])


def session_of(claims: Mapping[str, Any]) -> Session:
    """The session as far as a token knows it. Its `token` is empty: this signs nobody in anywhere else."""
    began = claims.get("auth_time")
    sid = claims.get("sid")
    return Session(
        id=sid if isinstance(sid, str) else "",
        token="",
        user_id=person_id(claims),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        # Whoever cannot tell when somebody signed in was not there a moment ago.
        created_at=datetime.fromtimestamp(began if type(began) is int and 0 <= began <= LATEST else 0, UTC),
        updated_at=datetime.fromtimestamp(claims.get("iat", 0), UTC),
    )


EMPTY: Mapping[str, Any] = {"text": "", "boolean": False, "integer": 0}
TYPES: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "datetime": (str,),
    "json": (dict, list),
}


def _is_told(column: Column, claims: Mapping[str, Any]) -> bool:
    return column.rules.seen and (column.name in claims or not column.has_default)


def _value(column: Column, claims: Mapping[str, Any]) -> Any:
    value = claims.get(column.name)
    if value is None and column.optional:
        return None
    if column.name not in claims:
        if column.kind == "json":  # a new one each time: an application may write into it
            return [] if (typing.get_origin(column.type) or column.type) is list else {}
        return datetime.fromtimestamp(claims.get("iat", 0), UTC) if column.kind == "datetime" else EMPTY[column.kind]
    if not isinstance(value, TYPES[column.kind]) or (column.kind == "integer" and isinstance(value, bool)):
        raise InvalidJwt("a claim has another type than the person's field")
    if column.kind == "datetime":
        try:
            return datetime.fromisoformat(str(value)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise InvalidJwt("a claim is no time") from None
    return value


def own_copy(signed_in: SignedIn[U]) -> SignedIn[U]:
    """One request's own: what is remembered is handed out again and again, and a field that is a dict or a list can be
    written into."""
    written = {
        column.attribute: deepcopy(getattr(signed_in.user, column.attribute))
        for column in table_of(type(signed_in.user)).columns
        if column.kind == "json"
    }
    return replace(signed_in, user=replace(signed_in.user, **written)) if written else signed_in
