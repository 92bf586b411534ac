"""Refresh tokens: each good once, in families that end with their session, or when one of them is used twice."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from authmw import Auth
from authmw.core.feature import Feature
from authmw.core.model import Session
from authmw.core.secrets import digest
from authmw.core.store import Unavailable
from authmw.features import Account, Bearer, EmailVerification, Jwt, Password, Sessions
from authmw.features.jwt import Denylist, RefreshToken
from authmw.features.jwt import refresh as refreshing
from tests.support import PASSWORD, Browser, Clock, TurnTakingStore, browser, events_of, make_auth, refused, serving
from tests.web.raw import ask, contents

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
MONTH = 30 * 24 * 3600
Pair = dict[str, Any]


def refreshes(*more: Feature, denylist: bool | Denylist = False, **settings: Any) -> Auth[Any]:
    feature = Jwt(refresh=True, denylist=denylist, refresh_lifetime=settings.pop("lives", timedelta(days=30)))
    return make_auth(features=[Password(), EmailVerification(), Account(), Sessions(), feature, *more], **settings)


async def pair_of(person: Browser) -> Pair:
    answer = await person.api("/token/pair", {})
    assert answer.status_code == 200, answer.text
    pair: Pair = answer.json()
    return pair


async def use(person: Browser, token: str) -> Any:
    return await browser(person.mw).api("/token/refresh", {"refreshToken": token})


async def used(person: Browser, token: str) -> Pair:
    answer = await use(person, token)
    assert answer.status_code == 200, answer.text
    pair: Pair = answer.json()
    return pair


async def is_good(person: Browser, token: str) -> bool:
    """Spends it, when it is."""
    answer = await use(person, token)
    if answer.status_code != 200:
        refused(answer, 401, "INVALID_GRANT")
    return bool(answer.status_code == 200)


async def sees(auth: Auth[Any], access: str) -> str | None:
    answer = await browser(auth).get("/me", headers={"authorization": f"Bearer {access}"})
    return answer.json() and str(answer.json()["email"])


async def rows_of(auth: Auth[Any]) -> list[RefreshToken]:
    return await auth.database.find_all(RefreshToken, order="created_at", limit=None)


async def warnings_in(person: Browser) -> list[str]:
    """To whom it was said that a token was used twice."""
    notices = (await person.mail()).of("security-notice")
    return [message.to for message in notices if message.subject == "An app was signed out to be safe"]


# Pairs


async def test_a_pair_has_the_shape_that_clients_know() -> None:
    auth = refreshes()
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await ann.api("/token/pair", {})
        pair = answer.json()
        assert list(pair) == ["accessToken", "refreshToken", "expiresIn", "refreshExpiresIn", "tokenType"]
        assert (pair["expiresIn"], pair["refreshExpiresIn"], pair["tokenType"]) == (900, MONTH, "Bearer")
        assert len(pair["refreshToken"]) == 43 and pair["refreshToken"].isalnum()
        assert answer.headers["cache-control"] == "no-store"
        assert await sees(auth, pair["accessToken"]) == ANN
        assert (await ann.api("/token/pair", {})).json()["refreshToken"] != pair["refreshToken"]


async def test_a_pair_is_for_somebody_who_is_signed_in_and_not_for_a_token() -> None:
    auth = refreshes(Bearer())
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        nobody = browser(auth)
        refused(await nobody.api("/token/pair", {}), 401, "UNAUTHORIZED")
        for token in (pair["accessToken"], pair["refreshToken"]):
            answer = await nobody.api("/token/pair", {}, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401
        assert await sees(auth, pair["refreshToken"]) is None


async def test_without_the_choice_there_are_none() -> None:
    auth = make_auth(features=[Password(), Jwt()])
    async with serving(auth) as ann:
        await ann.sign_up()
        for path in ("/token/pair", "/token/refresh", "/token/revoke"):
            assert (await ann.api(path, {})).status_code == 404
        assert (await ann.api("/token/families")).status_code == 404
        assert RefreshToken not in auth.tables


# Rotation


@pytest.mark.sec("SEC-125")
async def test_a_token_is_spent_for_the_next_one() -> None:
    clock = Clock()
    auth = refreshes(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        seen = {pair["refreshToken"]}
        for number in range(1, 4):
            clock.forward(hours=1)
            answer = await use(ann, pair["refreshToken"])
            assert "set-cookie" not in answer.headers
            pair = answer.json()
            assert list(pair) == ["accessToken", "refreshToken", "expiresIn", "refreshExpiresIn", "tokenType"]
            assert pair["refreshExpiresIn"] == MONTH - number * 3600
            assert await sees(auth, pair["accessToken"]) == ANN
            seen.add(pair["refreshToken"])
        assert len(seen) == 4
        rows = await rows_of(auth)
        assert len({row.family_id for row in rows}) == 1
        assert [row.spent_at is None for row in rows] == [False, False, False, True]


@pytest.mark.sec("SEC-125")
async def test_using_a_spent_token_ends_the_family_and_tells_the_owner_once() -> None:
    auth = refreshes()
    async with serving(auth) as ann:
        await ann.sign_up()
        first, other = await pair_of(ann), await pair_of(ann)
        second = await used(ann, first["refreshToken"])
        third = await used(ann, second["refreshToken"])
        for token in (first, third, second, first):
            assert not await is_good(ann, token["refreshToken"])
        assert await warnings_in(ann) == [ANN]
        assert await is_good(ann, other["refreshToken"]), "another client's tokens are another family"
        assert [event.outcome for event in events_of(auth) if event.event == "refresh.reused"] == ["denied"]
        assert await ann.session(), "the session of the owner is not theirs to end"


@pytest.mark.sec("SEC-024")
@pytest.mark.sec("SEC-125")
async def test_of_many_at_once_one_wins_and_nothing_is_left_of_the_family() -> None:
    auth = refreshes(database=TurnTakingStore(), denylist=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        answers = await asyncio.gather(*(use(ann, pair["refreshToken"]) for _ in range(16)))
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 15
        [won] = [answer.json() for answer in answers if answer.status_code == 200]
        assert not await is_good(ann, won["refreshToken"])
        assert await sees(auth, won["accessToken"]) is None
        assert await rows_of(auth) == []
        assert await warnings_in(ann) == [ANN]


# How long


@pytest.mark.sec("SEC-125")
async def test_a_family_ends_when_it_was_to_end_however_often_it_is_used() -> None:
    clock = Clock()
    auth = refreshes(clock=clock, lives=timedelta(days=10))
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        for _ in range(9):
            clock.forward(days=1)
            pair = await used(ann, pair["refreshToken"])
        assert pair["refreshExpiresIn"] == 24 * 3600
        clock.forward(days=1, milliseconds=-1)
        pair = await used(ann, pair["refreshToken"])
        clock.forward(milliseconds=1)
        assert not await is_good(ann, pair["refreshToken"])


@pytest.mark.sec("SEC-042")
async def test_the_session_slides_with_each_use_and_not_past_its_end() -> None:
    clock = Clock()
    auth = refreshes(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        [row] = await auth.database.find_all(Session)
        clock.forward(hours=23)
        pair = await used(ann, pair["refreshToken"])
        assert (await auth.database.find_all(Session)) == [row], "too early"
        for day in range(1, 30):
            clock.now = Clock().now + timedelta(days=day, seconds=1)
            pair = await used(ann, pair["refreshToken"])
            [now] = await auth.database.find_all(Session)
            assert now.expires_at <= row.created_at + timedelta(days=30)
            assert now.expires_at >= min(clock.now + timedelta(days=6), row.created_at + timedelta(days=30))
        clock.now = Clock().now + timedelta(days=30)
        assert not await is_good(ann, pair["refreshToken"])


async def test_a_family_does_not_promise_more_than_its_session_can_last() -> None:
    clock = Clock()
    auth = refreshes(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        for _ in range(4):
            clock.forward(days=5)
            await ann.session()
        assert (await pair_of(ann))["refreshExpiresIn"] == 10 * 24 * 3600


async def test_tokens_that_nobody_uses_end_with_the_session() -> None:
    clock = Clock()
    auth = refreshes(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        clock.forward(days=7)
        assert not await is_good(ann, pair["refreshToken"])
        assert await rows_of(auth) == []


@pytest.mark.sec("SEC-042")
async def test_a_session_that_is_not_to_be_remembered_is_not_made_to_last() -> None:
    clock = Clock()
    auth = refreshes(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up(rememberMe=False)
        pair = await pair_of(ann)
        assert pair["refreshExpiresIn"] == 24 * 3600
        clock.forward(hours=23)
        pair = await used(ann, pair["refreshToken"])
        assert pair["refreshExpiresIn"] == 3600
        clock.forward(hours=1)
        assert not await is_good(ann, pair["refreshToken"])
        [session] = await auth.database.find_all(Session)
        assert session.expires_at == clock.now


async def test_a_shorter_life_may_be_chosen() -> None:
    clock = Clock()
    auth = refreshes(clock=clock, lives=timedelta(hours=1))
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        assert pair["refreshExpiresIn"] == 3600
        clock.forward(hours=1)
        assert not await is_good(ann, pair["refreshToken"])


# The session that it hangs on


@pytest.mark.sec("SEC-008")
@pytest.mark.sec("SEC-042")
@pytest.mark.parametrize(
    "how", ["sign-out", "revoke-session", "revoke-sessions", "revoke-other-sessions", "reset", "delete"]
)
async def test_what_ends_a_session_ends_its_tokens(how: str) -> None:
    auth = refreshes()
    async with serving(auth) as ann, browser(auth) as other, browser(auth) as bob:
        await ann.sign_up()
        await other.sign_in()
        await bob.sign_up(BOB)
        pair, bobs = await pair_of(ann), await pair_of(bob)
        token = (await ann.session())["session"]["token"]
        if how == "sign-out":
            await ann.api("/sign-out", {})
        elif how == "revoke-session":
            await other.api("/revoke-session", {"token": token})
        elif how == "reset":
            await other.api("/request-password-reset", {"email": ANN})
            letter = (await other.mail()).last("reset-password")
            await other.api("/reset-password", {"token": letter.context["token"], "newPassword": "another long one"})
        elif how == "delete":
            await other.api("/delete-user", {"password": PASSWORD})
        else:
            await other.api(f"/{how}", {})
        assert not await is_good(ann, pair["refreshToken"])
        assert await is_good(bob, bobs["refreshToken"])
        assert {row.user_id for row in await rows_of(auth)} == {(await bob.session())["user"]["id"]}
        assert await warnings_in(ann) == []


async def test_a_session_that_ends_while_a_token_is_spent_is_no_theft_and_no_fault() -> None:
    auth = refreshes()
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        holder = refreshing.holder

        async def and_then_signed_out(call: Any, row: Any) -> Any:
            found = await holder(call, row)
            await ann.api("/sign-out", {})
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(refreshing, "holder", and_then_signed_out)
            assert not await is_good(ann, pair["refreshToken"])
        assert await rows_of(auth) == []
        assert await warnings_in(ann) == []


# At rest


@pytest.mark.sec("SEC-021")
async def test_no_token_stands_in_the_database() -> None:
    auth = refreshes(denylist=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        pairs = [await pair_of(ann)]
        for _ in range(3):
            pairs.append(await used(ann, pairs[-1]["refreshToken"]))
        kept = repr([vars(row) for rows in (await contents(auth)).values() for row in rows])
        for pair in pairs:
            assert pair["refreshToken"] not in kept
            assert pair["accessToken"] not in kept
            assert digest(pair["refreshToken"]) in kept
        assert all(pair["refreshToken"] not in repr(event) for event in events_of(auth) for pair in pairs)
        assert digest(pairs[0]["refreshToken"]) not in repr(await rows_of(auth)), "nor in what is shown of a row"


@pytest.mark.parametrize("junk", ["", "x", "\x00", "\ud800", "é", "' OR 1=1 --", "x" * 10_000, "a.b.c"])
async def test_text_that_is_no_token_is_an_invalid_grant(junk: str) -> None:
    auth = refreshes()
    async with serving(auth) as ann:
        await ann.sign_up()
        await pair_of(ann)
        answer = await ask(
            auth.api,
            "POST",
            "/token/refresh",
            headers=[("content-type", "application/json")],
            body=json.dumps({"refreshToken": junk}).encode(),
        )
        assert answer.code in ("INVALID_GRANT", "VALIDATION_ERROR")
        assert answer.status in (400, 401)
        assert len(await rows_of(auth)) == 1


@pytest.mark.sec("SEC-023")
async def test_other_secrets_are_no_refresh_tokens_and_a_stored_digest_is_none() -> None:
    auth = refreshes()
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        [row] = await rows_of(auth)
        session = (await ann.session())["session"]
        for text in (row.token, row.id, row.family_id, session["token"], session["id"], pair["accessToken"]):
            assert not await is_good(ann, text)
        assert await is_good(ann, pair["refreshToken"])


# Families


async def test_a_person_sees_the_clients_that_hold_tokens() -> None:
    clock = Clock()
    auth = refreshes(clock=clock)
    async with serving(auth) as ann, browser(auth, **{"user-agent": "Phone"}) as phone, browser(auth) as bob:
        await ann.sign_up()
        await phone.sign_in()
        await bob.sign_up(BOB)
        await pair_of(bob)
        first = await pair_of(ann)
        clock.forward(hours=1)
        await pair_of(phone)
        clock.forward(hours=1)
        await used(ann, first["refreshToken"])
        listed = (await ann.api("/token/families")).json()
        assert [list(each) for each in listed] == [
            ["id", "createdAt", "lastUsedAt", "expiresAt", "ipAddress", "userAgent", "isCurrent"]
        ] * 2
        mine, theirs = listed
        assert (mine["createdAt"], mine["lastUsedAt"]) == ("2026-11-25T12:00:00.123Z", "2026-11-25T14:00:00.123Z")
        assert mine["expiresAt"] == "2026-12-25T12:00:00.123Z"
        assert (mine["isCurrent"], theirs["isCurrent"]) == (True, False)
        assert (theirs["userAgent"], theirs["ipAddress"]) == ("Phone", "203.0.113.7")
        refused(await browser(auth).api("/token/families"), 401, "UNAUTHORIZED")
        clock.forward(days=30)
        await ann.sign_in()
        assert (await ann.api("/token/families")).json() == []


async def test_a_family_is_ended_by_its_id_by_its_owner_alone() -> None:
    auth = refreshes(denylist=True)
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        await bob.sign_up(BOB)
        pair = await pair_of(ann)
        [family] = (await ann.api("/token/families")).json()
        theirs = await bob.api("/token/revoke", {"familyId": family["id"]})
        unknown = await bob.api("/token/revoke", {"familyId": "x" * 32})
        assert (
            (theirs.status_code, theirs.content) == (unknown.status_code, unknown.content) == (200, b'{"status":true}')
        )
        nobody = await browser(auth).api("/token/revoke", {"familyId": family["id"]})
        refused(nobody, 401, "UNAUTHORIZED")
        token = await browser(auth).api(
            "/token/revoke", {"familyId": family["id"]}, headers={"authorization": f"Bearer {pair['accessToken']}"}
        )
        refused(token, 401, "UNAUTHORIZED")
        pair = await used(ann, pair["refreshToken"])
        assert await sees(auth, pair["accessToken"]) == ANN
        assert (await ann.api("/token/revoke", {"familyId": family["id"]})).json() == {"status": True}
        assert not await is_good(ann, pair["refreshToken"])
        assert await sees(auth, pair["accessToken"]) is None
        assert await warnings_in(ann) == []


@pytest.mark.sec("SEC-046")
async def test_the_oldest_of_too_many_families_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "MOST", 3)
    clock = Clock()
    auth = refreshes(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        pairs = []
        for _ in range(4):
            clock.forward(seconds=1)
            pairs.append(await pair_of(ann))
        assert len((await ann.api("/token/families")).json()) == 3
        assert not await is_good(ann, pairs[0]["refreshToken"])
        assert await is_good(ann, pairs[1]["refreshToken"])


# Revocation (RFC 7009)


async def revoke(auth: Auth[Any], **form: str) -> Any:
    return await browser(auth).post("/api/auth/token/revoke", data=form)


async def test_a_refresh_token_is_taken_back_with_its_family() -> None:
    for in_json in (True, False):
        auth = refreshes(denylist=True)
        async with serving(auth) as ann:
            await ann.sign_up()
            first = await pair_of(ann)
            second = await used(ann, first["refreshToken"])
            body = {"token": second["refreshToken"], "tokenTypeHint": "refresh_token"}
            if in_json:
                answer = await browser(auth).api("/token/revoke", body)
            else:
                answer = await revoke(auth, token=second["refreshToken"], token_type_hint="refresh_token")
            assert (answer.status_code, answer.json()) == (200, {"status": True})
            assert not await is_good(ann, second["refreshToken"])
            assert await sees(auth, second["accessToken"]) is None
            assert await rows_of(auth) == []
            assert await warnings_in(ann) == []
            assert await ann.session()


@pytest.mark.parametrize("denylist", [False, True])
async def test_a_token_that_is_worth_nothing_is_no_error(denylist: bool) -> None:
    auth = refreshes(denylist=denylist)
    async with serving(auth) as ann:
        await ann.sign_up()
        await pair_of(ann)
        for token in ("x", "", "x" * 43, "é", "a.b"):
            answer = await revoke(auth, token=token)
            assert (answer.status_code, answer.json()) == (200, {"status": True}), token
        if denylist:
            for token in ("a.b.c", "..", (await pair_of(ann))["accessToken"][:-4] + "AAAA"):
                assert (await revoke(auth, token=token)).status_code == 200
        assert (await browser(auth).api("/token/revoke", {})).status_code == 200
        assert {row.spent_at for row in await rows_of(auth)} == {None}


async def test_without_a_denylist_an_access_token_cannot_be_taken_back() -> None:
    auth = refreshes()
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        refused(await revoke(auth, token=pair["accessToken"]), 400, "UNSUPPORTED_TOKEN_TYPE")
        assert await sees(auth, pair["accessToken"]) == ANN
        assert await is_good(ann, pair["refreshToken"])


@pytest.mark.sec("SEC-123")
async def test_with_a_denylist_one_access_token_goes_and_its_family_stays() -> None:
    clock = Clock()
    auth = refreshes(denylist=True, clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        other = await pair_of(ann)
        assert await sees(auth, pair["accessToken"]) == ANN
        assert (await revoke(auth, token=pair["accessToken"], token_type_hint="access_token")).status_code == 200
        assert await sees(auth, pair["accessToken"]) is None
        assert await sees(auth, other["accessToken"]) == ANN
        assert await is_good(ann, pair["refreshToken"])
        clock.forward(hours=1)
        assert await auth.sweep() == 1, "what has ended by itself need not be remembered"


async def test_many_calls_are_limited() -> None:
    auth = refreshes(rate_limit=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        answers = [await use(ann, "x") for _ in range(31)]
        assert [answer.status_code for answer in answers] == [401] * 30 + [429]


async def test_what_is_over_is_swept() -> None:
    clock = Clock()
    auth = refreshes(clock=clock, lives=timedelta(hours=1))
    async with serving(auth) as ann:
        await ann.sign_up()
        await used(ann, (await pair_of(ann))["refreshToken"])
        clock.forward(hours=1)
        assert await auth.sweep() == 2
        assert await rows_of(auth) == []


# Faults and ends


class Forgetful:
    """A denylist that fails when it is told to."""

    def __init__(self) -> None:
        self.fails = 0
        self.denied: set[str] = set()

    async def deny(self, jti: str, until: datetime) -> None:
        if self.fails:
            self.fails -= 1
            raise Unavailable("away")
        self.denied.add(jti)

    async def is_denied(self, jti: str, now: datetime) -> bool:
        return jti in self.denied


async def test_a_revocation_that_failed_is_whole_when_it_is_asked_for_again() -> None:
    denylist = Forgetful()
    auth = refreshes(denylist=denylist)
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        denylist.fails = 1
        body = {"token": pair["refreshToken"]}
        assert (await ann.api("/token/revoke", body)).status_code == 503
        assert (await ann.api("/token/revoke", body)).json() == {"status": True}
        assert await sees(auth, pair["accessToken"]) is None
        assert not await is_good(ann, pair["refreshToken"])


async def test_an_access_token_is_taken_back_also_in_the_seconds_for_which_clocks_may_differ() -> None:
    clock = Clock()
    auth = refreshes(denylist=True, clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        pair = await pair_of(ann)
        clock.forward(minutes=15, seconds=1)
        assert await sees(auth, pair["accessToken"]) is not None
        await ann.api("/token/revoke", {"token": pair["refreshToken"]})
        assert await sees(auth, pair["accessToken"]) is None


async def test_a_family_remembers_so_many_of_its_tokens_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "REMEMBERED", 5)
    clock = Clock()
    auth = refreshes(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        tokens = [(await pair_of(ann))["refreshToken"]]
        for _ in range(20):
            clock.forward(seconds=1)
            tokens.append((await used(ann, tokens[-1]))["refreshToken"])
        assert len(await rows_of(auth)) <= 7
        assert not await is_good(ann, tokens[0]), "too old to be known"
        assert await rows_of(auth) != []
        assert not await is_good(ann, tokens[-3]), "used twice"
        assert await rows_of(auth) == []
