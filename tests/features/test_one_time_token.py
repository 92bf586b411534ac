"""One-time tokens: a session carried to another browser, once, for three minutes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from authmw import Auth
from authmw.core.model import Session, User, Verification
from authmw.features import OneTimeToken, Password
from tests.support import (
    Clock,
    TurnTakingStore,
    alike,
    browser,
    call_of,
    cookies_set,
    events_of,
    make_auth,
    serving,
)

pytestmark = pytest.mark.anyio


def carrying(**options: Any) -> Auth[Any]:
    more = {key: options.pop(key) for key in ("clock", "database", "shared_database") if key in options}
    return make_auth(features=[Password(), OneTimeToken(**options)], **more)


async def test_a_token_opens_the_same_session_elsewhere_once() -> None:
    auth = carrying()
    async with serving(auth) as ann, browser(auth) as telephone, browser(auth) as third:
        await ann.sign_up()
        token = (await ann.api("/one-time-token/generate")).json()["token"]
        assert len(token) == 32
        carried = await telephone.api("/one-time-token/verify", {"token": token})
        assert carried.status_code == 200 and set(carried.json()) == {"session", "user"}
        assert (await telephone.session())["session"]["id"] == (await ann.session())["session"]["id"]
        again = await third.api("/one-time-token/verify", {"token": token})
        assert (again.status_code, again.json()) == (400, {"message": "Invalid token"})
        assert await third.session() is None
        assert "auth.one_time_token" in [event.event for event in events_of(auth)]


async def test_several_tokens_may_be_out_at_once() -> None:
    auth = carrying()
    async with serving(auth) as ann, browser(auth) as other:
        await ann.sign_up()
        tokens = [(await ann.api("/one-time-token/generate")).json()["token"] for _ in range(3)]
        for token in tokens:
            assert (await other.api("/one-time-token/verify", {"token": token})).status_code == 200


@pytest.mark.parametrize(("after", "status"), [(179, 200), (180, 400)])
async def test_a_token_lives_three_minutes(after: int, status: int) -> None:
    clock = Clock()
    auth = carrying(clock=clock)
    async with serving(auth) as ann, browser(auth) as other:
        await ann.sign_up()
        token = (await ann.api("/one-time-token/generate")).json()["token"]
        clock.forward(seconds=after)
        assert (await other.api("/one-time-token/verify", {"token": token})).status_code == status


@pytest.mark.sec("SEC-024")
async def test_of_many_who_use_one_at_once_one_is_let_in() -> None:
    auth = carrying(database=TurnTakingStore())
    async with serving(auth) as ann:
        await ann.sign_up()
        token = (await ann.api("/one-time-token/generate")).json()["token"]
        others = [browser(auth) for _ in range(16)]
        answers = await asyncio.gather(*(each.api("/one-time-token/verify", {"token": token}) for each in others))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 15


@pytest.mark.sec("SEC-021")
async def test_neither_the_token_nor_the_session_stands_plain_in_a_row() -> None:
    auth = carrying()
    async with serving(auth) as ann:
        signed_up = await ann.sign_up()
        token = (await ann.api("/one-time-token/generate")).json()["token"]
        (row,) = await auth.database.find_all(Verification)
        assert token not in repr(row.identifier) and signed_up.json()["token"] not in row.value
    shared = carrying(shared_database=True)
    async with serving(shared) as ann:
        signed_up = await ann.sign_up()
        token = (await ann.api("/one-time-token/generate")).json()["token"]
        (row,) = await shared.database.find_all(Verification)
        # A Better Auth server that reads along finds it as its own.
        assert (row.identifier, row.value) == (f"one-time-token:{token}", signed_up.json()["token"])


async def test_a_session_that_ended_meanwhile_is_not_carried() -> None:
    clock = Clock()
    auth = carrying(clock=clock, lifetime=timedelta(days=30))
    async with serving(auth) as ann, browser(auth) as other:
        await ann.sign_up()
        first, second = [(await ann.api("/one-time-token/generate")).json()["token"] for _ in range(2)]
        clock.forward(days=8)
        over = await other.api("/one-time-token/verify", {"token": first})
        assert (over.status_code, over.json()) == (400, {"message": "Session expired"})
        assert cookies_set(over) == {}
        await auth.database.delete(Session, user_id=(await auth.database.find_all(User))[0].id)
        gone = await other.api("/one-time-token/verify", {"token": second})
        assert (gone.status_code, gone.json()) == (400, {"message": "Session not found"})


async def test_nobody_gets_a_token() -> None:
    async with serving(carrying()) as nobody:
        assert (await nobody.api("/one-time-token/generate")).status_code == 401


async def test_clients_may_be_kept_from_making_tokens() -> None:
    auth = carrying(only_server=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        refused = await ann.api("/one-time-token/generate")
        assert (refused.status_code, refused.json()) == (400, {"message": "Client requests are disabled"})
        made = await auth[OneTimeToken].generate(call_of(ann))
        async with browser(auth) as other:
            assert (await other.api("/one-time-token/verify", {"token": made.token})).status_code == 200


async def test_without_a_cookie_one_is_only_told_who_it_is() -> None:
    auth = carrying(set_cookie=False)
    async with serving(auth) as ann, browser(auth) as service:
        await ann.sign_up()
        token = (await ann.api("/one-time-token/generate")).json()["token"]
        told = await service.api("/one-time-token/verify", {"token": token})
        assert told.json()["user"]["email"] == "ann@example.com" and cookies_set(told) == {}


async def test_a_header_brings_a_token_wherever_a_session_begins() -> None:
    auth = carrying(header_on_new_session=True)
    async with serving(auth) as ann, browser(auth) as other:
        signed_up = await ann.sign_up()
        assert signed_up.headers["access-control-expose-headers"] == "set-ott"
        assert "set-ott" not in (await ann.api("/get-session")).headers
        told = await other.api("/one-time-token/verify", {"token": signed_up.headers["set-ott"]})
        assert told.status_code == 200


async def test_another_sites_page_signs_nobody_in() -> None:
    """Or somebody would go on as another person, and never notice."""
    auth = carrying()
    async with serving(auth) as mallory, browser(auth) as victim:
        await mallory.sign_up()
        token = (await mallory.api("/one-time-token/generate")).json()["token"]
        foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
        answer = await victim.api("/one-time-token/verify", {"token": token}, headers=foreign)
        assert answer.status_code == 403 and cookies_set(answer) == {}


@pytest.mark.parametrize("body", [{}, {"token": None}, {"token": 5}, {"token": ["x"]}, {"token": {"x": 1}}, []])
async def test_what_is_no_token_is_a_wrong_input(body: Any) -> None:
    async with serving(carrying()) as person:
        answer = await person.api("/one-time-token/verify", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_every_token_that_opens_nothing_is_answered_alike() -> None:
    async with serving(carrying()) as person:
        answers = [
            await person.api("/one-time-token/verify", {"token": token})
            for token in ("", "x", "x" * 4096, "\u0000", "é", "one-time-token:x")
        ]
        alike(*[answer for answer in answers if answer.json().get("code") != "VALIDATION_ERROR"])
        assert {answer.status_code for answer in answers} == {400}
