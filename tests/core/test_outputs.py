"""Results → what the wire shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest
from msgspec import UNSET, UnsetType

from authmw import Private, Public, ServerOnly, User
from authmw.core.model import Account
from authmw.core.outputs import iso, to_wire

NOON = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-11-25T12:00:00.123Z"),
        (NOON.replace(microsecond=0), "2026-11-25T12:00:00.000Z"),
        (NOON.replace(microsecond=5_999), "2026-11-25T12:00:00.005Z"),
        (NOON.astimezone(timezone(timedelta(hours=-7, minutes=-30))), "2026-11-25T12:00:00.123Z"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000Z"),
    ],
)
def test_dates_have_three_digits_and_are_in_utc(moment: datetime, text: str) -> None:
    assert iso(moment) == text
    assert to_wire({"at": [moment]}) == {"at": [text]}


@dataclass(frozen=True, kw_only=True)
class Member(User):
    table_name: ClassVar[str] = "user"
    plan: str = field(default="free", metadata=Public())
    credit_limit: int = field(default=3, metadata=ServerOnly())
    note_of_staff: str = field(default="watch him", metadata=Private())
    unmarked: bool = True


def test_keys_are_camel_case_and_private_fields_are_not_shown() -> None:
    member = Member(id="1", name="Ann", email="ann@example.com", created_at=NOON, updated_at=NOON)
    assert to_wire(member) == {
        "id": "1",
        "name": "Ann",
        "email": "ann@example.com",
        "emailVerified": False,
        "image": None,
        "createdAt": "2026-11-25T12:00:00.123Z",
        "updatedAt": "2026-11-25T12:00:00.123Z",
        "plan": "free",
        "creditLimit": 3,
        "unmarked": True,
    }


def test_an_account_shows_no_password_and_no_token() -> None:
    row = Account(
        id="1",
        account_id="2",
        provider_id="x",
        user_id="3",
        created_at=NOON,
        updated_at=NOON,
        access_token="s",
        refresh_token="s",
        id_token="s",
        password="s",
        scope="s",
        access_token_expires_at=NOON,
        refresh_token_expires_at=NOON,
    )
    assert set(to_wire(row)) == {"id", "accountId", "providerId", "userId", "createdAt", "updatedAt"}


@dataclass(frozen=True)
class Answer:
    given: str | None
    callback_url: str | UnsetType = UNSET
    inner: Any = None


def test_what_is_unset_is_absent_and_none_is_null() -> None:
    assert to_wire(Answer(None)) == {"given": None, "inner": None}
    assert to_wire(Answer("x", "/", Answer("y"))) == {
        "given": "x",
        "callbackURL": "/",
        "inner": {"given": "y", "inner": None},
    }


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "text", [], {}, [1, [None]], {"a": {"b": 1}}])
def test_plain_values_pass_as_they_are(value: object) -> None:
    assert to_wire(value) == value
