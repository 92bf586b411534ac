"""Refresh tokens, tickets and keys on every store: one winner, and nothing left for the others."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authmw import Auth
from authmw.core import tokens
from authmw.core.call import Call
from authmw.core.model import Session, User, Verification
from authmw.core.secrets import random_text
from authmw.core.store import Database, Not, OneOf
from authmw.features import Bearer, Jwt, Password
from authmw.features.jwt import InvalidGrant, JsonWebKey, Refresh, RefreshToken, TokenPair
from authmw.features.jwt import refresh as refreshing
from authmw.stores.memory import MemoryStore
from authmw.stores.sql import SqlStore
from authmw.web.sockets import BATCH
from tests.support import Browser, browser, events_of, make_auth

from .conftest import KINDS, SQL_KINDS, url_of
from .test_at_once import ROUNDS, at_once

pytestmark = pytest.mark.anyio

_numbers = itertools.count(1)


@pytest.fixture(params=KINDS)
async def auth(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Auth[Any]]:
    """An application with refresh tokens over an empty store."""
    kind = request.param
    database: Database = (
        MemoryStore() if kind == "memory" else SqlStore(url_of(kind, request, tmp_path), pool=(1, 8), timeout=10.0)
    )
    made = make_auth(features=[Password(), Bearer(), Jwt(refresh=True, denylist=True)], database=database)
    await database.open(made.tables, create=True)
    await database.delete(User, id=Not(None))
    await made.start()
    try:
        yield made
    finally:
        for table in (RefreshToken, JsonWebKey, Verification, Session, User):
            await database.delete(table, id=Not(None))
        await made.stop()


async def signed_up(auth: Auth[Any]) -> Browser:
    person = browser(auth)
    assert (await person.sign_up(f"ann{next(_numbers)}@example.com")).status_code == 200
    return person


async def pair_of(person: Browser) -> dict[str, Any]:
    answer = await person.api("/token/pair", {})
    assert answer.status_code == 200, answer.text
    pair: dict[str, Any] = answer.json()
    return pair


def new_call(auth: Auth[Any]) -> Call[Any]:
    return auth.new_call(immediate=True)


@pytest.mark.sec("SEC-024")
@pytest.mark.sec("SEC-125")
async def test_of_sixteen_at_once_one_wins_and_the_others_end_the_family(auth: Auth[Any]) -> None:
    person = await signed_up(auth)
    for number in range(ROUNDS):
        token = (await pair_of(person))["refreshToken"]

        async def use(_: int, token: str = token) -> TokenPair | None:
            try:
                return await auth[Jwt].refresh(new_call(auth), Refresh(refresh_token=token))
            except InvalidGrant:
                return None

        won = [pair for pair in await at_once(use) if pair is not None]
        assert len(won) == 1
        assert await use(0, won[0].refresh_token) is None
        assert await auth.database.count(RefreshToken) == 0
        await auth.mail.idle()
        told = [event for event in events_of(auth) if event.event == "refresh.reused"]
        assert len(told) == number + 1


@pytest.mark.sec("SEC-125")
@pytest.mark.parametrize("auth", SQL_KINDS, indirect=True)  # a memory store has one transaction at a time
async def test_whoever_spends_a_token_while_its_family_ends_is_left_with_nothing(auth: Auth[Any]) -> None:
    person = await signed_up(auth)
    await pair_of(person)
    [row] = await auth.database.find_all(RefreshToken)
    following = replace(row, id=random_text(32), token=random_text(43))
    async with auth.database.transaction() as thief:
        assert await thief.update(RefreshToken, {"id": row.id, "spent_at": None}, spent_at=auth.clock())
        await thief.insert(following)
        ending = asyncio.create_task(refreshing.end_family(new_call(auth), row.family_id))
        await asyncio.wait((ending,), timeout=0.2)  # it waits for the row, or for its turn
    ended = await ending
    assert await auth.database.count(RefreshToken) == 0
    assert {each.id for each in ended} == {row.id, following.id}


@pytest.mark.sec("SEC-021")
async def test_no_token_stands_in_the_database(auth: Auth[Any]) -> None:
    person = await signed_up(auth)
    pair = await pair_of(person)
    ticket = (await person.api("/ws-ticket", {})).json()["ticket"]
    session = (await person.session())["session"]["token"]
    for table in auth.tables:
        kept = repr([vars(row) for row in await auth.database.find_all(table, limit=None)])
        for secret in (pair["refreshToken"], pair["accessToken"], ticket, session):
            assert secret not in kept


async def test_what_ends_the_session_ends_its_tokens(auth: Auth[Any]) -> None:
    person, other = await signed_up(auth), await signed_up(auth)
    pair = await pair_of(person)
    await pair_of(other)
    await person.api("/sign-out", {})
    assert await auth.database.count(RefreshToken) == 1
    with pytest.raises(InvalidGrant):
        await auth[Jwt].refresh(new_call(auth), Refresh(refresh_token=pair["refreshToken"]))
    await auth.database.delete(User, id=Not(None))
    assert await auth.database.count(RefreshToken) == 0


@pytest.mark.sec("SEC-024")
async def test_a_ticket_has_one_winner(auth: Auth[Any]) -> None:
    person = await signed_up(auth)
    for _ in range(ROUNDS):
        ticket = (await person.api("/ws-ticket", {})).json()["ticket"]
        found = await at_once(lambda _, ticket=ticket: tokens.redeem(new_call(auth), auth[Bearer].ticket, ticket))  # type: ignore[misc]
        assert len([each for each in found if each is not None]) == 1


@pytest.mark.sec("SEC-029")
async def test_two_processes_that_make_a_key_at_once_leave_a_set_that_both_use(auth: Auth[Any]) -> None:
    person = await signed_up(auth)
    rings = [Jwt().ring for _ in range(2)]
    call = new_call(auth)
    signed = await at_once(lambda number: rings[number % 2].sign(call, {"sub": "ann"}))
    rows = await auth.database.find_all(JsonWebKey)
    assert 1 <= len(rows) <= 2
    listed = [key["kid"] for key in (await person.api("/jwks")).json()["keys"]]
    assert sorted(listed) == sorted(row.id for row in rows)
    for ring in rings:
        ring._read_at = float("-inf")
        for row in rows:
            assert await ring.find(auth.database, row.id, call.now) is not None
    assert len(signed) == 16
    reopened = [row.private_key for row in rows]
    assert all(auth.secrets.decrypt(kept.strip('"')) for kept in reopened)


async def test_as_many_sessions_as_a_look_at_the_sockets_asks_for_fit_into_one_statement(auth: Auth[Any]) -> None:
    await signed_up(auth)
    [row] = await auth.database.find_all(Session)
    ids = [row.id, *(f"s{number}" for number in range(BATCH - 1))]
    assert [each.id for each in await auth.database.find_all(Session, id=OneOf(ids), limit=None)] == [row.id]


async def test_a_pair_for_a_session_that_ends_at_the_same_moment_is_refused_and_no_fault(auth: Auth[Any]) -> None:
    for _ in range(ROUNDS):
        person = await signed_up(auth)

        async def act(number: int, person: Browser = person) -> int:
            path = "/sign-out" if number == 0 else "/token/pair"
            return (await person.api(path, {})).status_code

        assert set(await at_once(act, callers=6)) <= {200, 401}
        assert await auth.database.count(RefreshToken) == 0
