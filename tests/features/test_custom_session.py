"""What `/get-session` answers, as an application wants it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from authmw import Auth, Call, SignedIn
from authmw.features import CustomSession, Jwt, Password
from tests.support import make_auth, serving

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, kw_only=True)
class Told:
    first_name: str
    signed_in_at: datetime
    roles: list[str]


async def told(call: Call[Any], signed_in: SignedIn[Any]) -> Told:
    return Told(first_name=signed_in.user.name, signed_in_at=signed_in.session.created_at, roles=["reader"])


def custom(answer: Any = told, *features: Any) -> Auth[Any]:
    return make_auth(features=[Password(), CustomSession(answer), *features])


async def test_clients_are_told_what_the_application_says() -> None:
    async with serving(custom()) as ann:
        await ann.sign_up()
        answer = await ann.api("/get-session")
        assert answer.json() == {"firstName": "Ann", "signedInAt": "2026-11-25T12:00:00.123Z", "roles": ["reader"]}
        assert answer.headers["cache-control"] == "no-store"


async def test_nobody_is_told_nothing() -> None:
    async with serving(custom()) as nobody:
        assert (await nobody.api("/get-session")).json() is None


async def test_who_is_signed_in_stays_as_it_is() -> None:
    async with serving(custom()) as ann:
        await ann.sign_up()
        assert (await ann.get("/me")).json()["email"] == "ann@example.com"
        assert (await ann.api("/list-sessions")).json()[0]["token"]


async def test_a_mapping_will_do_and_other_features_still_add_their_headers() -> None:
    async def answer(call: Call[Any], signed_in: SignedIn[Any]) -> dict[str, Any]:
        return {"user": signed_in.user, "session": signed_in.session, "plan": "free"}

    async with serving(custom(answer, Jwt())) as ann:
        await ann.sign_up()
        got = await ann.api("/get-session")
        assert got.json()["plan"] == "free" and got.json()["user"]["email"] == "ann@example.com"
        assert got.headers["set-auth-jwt"].count(".") == 2


async def test_what_is_neither_is_a_mistake_of_the_application() -> None:
    async def answer(call: Call[Any], signed_in: SignedIn[Any]) -> int:
        return 5

    async with serving(custom(answer)) as ann:
        await ann.sign_up()
        assert (await ann.api("/get-session")).status_code == 500


async def test_what_the_callback_raises_is_no_answer() -> None:
    async def answer(call: Call[Any], signed_in: SignedIn[Any]) -> Told:
        raise LookupError("no such plan")

    async with serving(custom(answer)) as ann:
        await ann.sign_up()
        failed = await ann.api("/get-session")
        assert failed.status_code == 500 and failed.content == b""
