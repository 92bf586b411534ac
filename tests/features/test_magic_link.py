"""Sign in with a mailed link: for known and unknown alike, once, for five minutes, by a button."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from authmw import Auth, AuthError, Public, User
from authmw.core.call import Call
from authmw.core.errors import InvalidToken
from authmw.core.feature import Feature, Screen
from authmw.core.model import Account as AccountRow
from authmw.core.model import Session, Verification
from authmw.core.operation import StepRequired
from authmw.core.secrets import digest
from authmw.features import Account, EmailVerification, MagicLink, OneTimeToken, Password, Sessions
from authmw.features.magic_link import SendLink, UseLink, link_of, with_error
from authmw.stores.memory import MemoryStore
from tests.support import (
    ORIGIN,
    PASSWORD,
    Browser,
    Clock,
    TurnTakingStore,
    alike,
    browser,
    cookies_set,
    events_of,
    make_auth,
    outbox_of,
    refused,
    serving,
)

pytestmark = pytest.mark.anyio

ANN, NEW = "ann@example.com", "new@example.com"
API = ORIGIN + "/api/auth/magic-link/verify"


def linking(*more: Feature, **options: Any) -> Auth[Any]:
    own = {key: options.pop(key) for key in ("lifetime", "sign_up") if key in options}
    options.setdefault("confirm_links", False)
    return make_auth(features=[Password(), Account(), Sessions(), MagicLink(**own), *more], **options)


async def ask(person: Browser, email: str = ANN, **more: Any) -> str:
    """Ask for a link and return the address in the letter."""
    answer = await person.api("/sign-in/magic-link", {"email": email, **more})
    assert (answer.status_code, answer.json()) == (200, {"status": True})
    return str((await person.mail()).last("magic-link").context["url"])


async def token_for(person: Browser, email: str = ANN, **more: Any) -> str:
    return parse_qs(urlsplit(await ask(person, email, **more)).query)["token"][0]


async def verify(person: Browser, token: str, **query: str) -> httpx2.Response:
    return await person.api("/magic-link/verify", params={"token": token, **query})


async def confirmed(person: Browser, email: str = ANN) -> None:
    """An account whose address is confirmed, and nobody signed in."""
    await person.sign_up(email)
    await person.mw.database.update(person.mw.user_type, {"email": email}, email_verified=True)
    person.cookies.clear()


def listen_to_the_store(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return a list that grows by the verb and the table of each statement."""
    done: list[tuple[str, str]] = []

    def heard(verb: str) -> Any:
        real = getattr(MemoryStore, verb)

        async def run(self: MemoryStore, what: Any, *more: Any, **how: Any) -> Any:
            done.append((verb, what.table_name))
            return await real(self, what, *more, **how)

        return run

    for verb in ("insert", "find", "find_all", "update", "take", "delete"):
        monkeypatch.setattr(MemoryStore, verb, heard(verb))
    return done


def led_to(answer: httpx2.Response) -> str:
    assert answer.status_code == 302
    return str(answer.headers["location"])


# Asking


async def test_the_letter_has_a_link_of_32_letters_to_the_api() -> None:
    async with serving(linking()) as person:
        url = await ask(person, "Ann@Example.com", name="Ann")
        assert re.fullmatch(re.escape(API) + r"\?token=[A-Za-z]{32}&callbackURL=%2F", url)
        letter = outbox_of(person.mw).last("magic-link")
        assert letter.to == ANN and url in letter.text and letter.context["token"] in url
        assert "once and for 5 minutes" in letter.text and "Sign in to" in letter.subject


async def test_the_link_carries_where_to_go_afterwards() -> None:
    async with serving(linking()) as person:
        url = await ask(person, callbackURL="/in", newUserCallbackURL="/hello?a=b", errorCallbackURL="/oh")
        assert url.endswith("&callbackURL=%2Fin&newUserCallbackURL=%2Fhello%3Fa%3Db&errorCallbackURL=%2Foh")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"email": "nobody"}, "[body.email] Invalid email address"),
        ({}, "[body.email] Invalid input: expected string, received undefined"),
        ({"email": ANN, "name": 5}, "[body.name] Invalid input: expected string, received number"),
        ({"email": ANN, "metadata": "x"}, "[body.metadata] Invalid input: expected object, received string"),
    ],
)
async def test_what_is_no_request_for_a_link_is_said(body: Any, told: str) -> None:
    async with serving(linking()) as person:
        answer = await person.api("/sign-in/magic-link", body)
        refused(answer, 400, "VALIDATION_ERROR")
        assert answer.json()["message"] == told
        assert (await person.mail()).messages == []


@pytest.mark.sec("SEC-086")
@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("callbackURL", "INVALID_CALLBACK_URL"),
        ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
        ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
    ],
)
@pytest.mark.parametrize("url", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_no_address_leads_off_this_site_when_it_is_given_nor_when_it_is_used(
    key: str, code: str, url: str
) -> None:
    async with serving(linking()) as person:
        refused(await person.api("/sign-in/magic-link", {"email": ANN, key: url}), 403, code)
        assert (await person.mail()).messages == []
        token = await token_for(person)
        refused(await verify(person, token, **{key: url}), 403, code)
        assert (await verify(person, token)).status_code == 200, "the link was not spent by it"


async def test_a_trusted_origin_is_led_to() -> None:
    async with serving(linking(trusted_origins=["https://app.example"])) as person:
        token = await token_for(person, callbackURL="https://app.example/in")
        assert led_to(await verify(person, token, callbackURL="https://app.example/in")) == "https://app.example/in"


async def test_another_sites_page_asks_for_no_link() -> None:
    async with serving(linking()) as victim:
        foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
        answer = await victim.api("/sign-in/magic-link", {"email": ANN}, headers=foreign)
        refused(answer, 403, "INVALID_ORIGIN")
        assert (await victim.mail()).messages == []


@pytest.mark.sec("SEC-060")
@pytest.mark.parametrize("sign_up", [True, False])
async def test_known_and_unknown_are_answered_and_written_to_alike(
    sign_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = linking(sign_up=sign_up)
    statements = listen_to_the_store(monkeypatch)
    async with serving(auth) as person:
        await confirmed(person)
        await person.sign_up("unproved@example.com")
        person.cookies.clear()
        answers, done = [], []
        for email in (ANN, "unproved@example.com", NEW):
            for _ in range(2):  # the second burns the first
                statements.clear()
                answers.append(await person.api("/sign-in/magic-link", {"email": email}))
                done.append(sorted(statements))
        alike(*answers)
        assert done[0] == done[2] == done[4] and done[1] == done[3] == done[5]
        letters = (await person.mail()).of("magic-link")
        assert [letter.to for letter in letters] == [ANN, ANN, "unproved@example.com", "unproved@example.com", NEW, NEW]


@pytest.mark.sec("SEC-085")
async def test_only_the_base_url_decides_where_the_link_leads() -> None:
    async with serving(linking()) as person:
        poisoned = {"host": "evil.example", "x-forwarded-host": "evil.example"}
        answer = await person.api("/sign-in/magic-link", {"email": ANN}, headers=poisoned)
        assert answer.status_code in (200, 400)
        assert "evil" not in str((await person.mail()).messages)


@pytest.mark.sec("SEC-062")
async def test_an_address_gets_five_letters_an_hour_and_the_last_one_stays_good() -> None:
    clock = Clock()
    auth = linking(clock=clock, rate_limit=True, lifetime=timedelta(hours=1))
    async with serving(auth) as person:
        await confirmed(person)
        token = ""
        for _ in range(5):
            token = await token_for(person, ANN)
            clock.forward(minutes=1)
        alike(
            await person.api("/sign-in/magic-link", {"email": ANN}),
            await person.api("/sign-in/magic-link", {"email": NEW}),
        )
        letters = (await person.mail()).of("magic-link")
        assert [letter.to for letter in letters] == [*[ANN] * 5, NEW]
        assert (await verify(person, token)).status_code == 200


@pytest.mark.sec("SEC-062")
async def test_each_client_may_ask_and_try_five_times_a_minute() -> None:
    clock = Clock()
    async with serving(linking(clock=clock, rate_limit=True)) as person:
        for number in range(5):
            await ask(person, f"{number}@example.com")
            assert (await verify(person, "x")).status_code == 302
        assert (await person.api("/sign-in/magic-link", {"email": ANN})).status_code == 429
        assert (await verify(person, "x")).headers["x-retry-after"] == "60"
        clock.forward(seconds=60)
        assert (await verify(person, "x")).status_code == 302


# Opening it


async def test_a_link_signs_in_and_says_who() -> None:
    auth = linking()
    async with serving(auth) as person:
        await confirmed(person)
        answer = await verify(person, await token_for(person))
        assert list(answer.json()) == ["token", "user", "session"]
        assert (answer.json()["user"]["email"], answer.json()["session"]["token"]) == (ANN, answer.json()["token"])
        assert (await person.session())["user"]["email"] == ANN
        assert (await person.sign_in()).status_code == 200, "a confirmed account keeps its password"
        events = [event for event in events_of(auth) if event.about.get("proved_by") == "magic-link"]
        assert [event.event for event in events] == ["auth.sign_in"]


async def test_a_new_user_is_made_confirmed_and_with_the_given_name() -> None:
    auth = linking(EmailVerification(required=True))
    async with serving(auth) as person:
        token = await token_for(person, "New@Example.com", name="New")
        user = (await verify(person, token)).json()["user"]
        assert (user["email"], user["name"], user["emailVerified"]) == (NEW, "New", True)
        nameless = (await verify(person, await token_for(person, "x@example.com"))).json()["user"]
        assert nameless["name"] == ""
        assert {letter.kind for letter in (await person.mail()).messages} == {"magic-link"}
        assert [event.event for event in events_of(auth)].count("auth.sign_up") == 2


@pytest.mark.parametrize(
    ("email", "query", "target"),
    [
        (ANN, {"callbackURL": "/in"}, "/in"),
        (ANN, {"callbackURL": "/in", "newUserCallbackURL": "/hello"}, "/in"),
        (NEW, {"callbackURL": "/in", "newUserCallbackURL": "/hello"}, "/hello"),
        (NEW, {"callbackURL": "/in"}, "/in"),
        (ANN, {"callbackURL": ORIGIN + "/in?a=b#c"}, "/in?a=b#c"),
    ],
)
async def test_whoever_names_a_page_is_led_there(email: str, query: dict[str, str], target: str) -> None:
    async with serving(linking()) as person:
        await confirmed(person)
        answer = await verify(person, await token_for(person, email), **query)
        assert led_to(answer) == ORIGIN + target
        assert (await person.session())["user"]["email"] == email


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ({}, "/?error=INVALID_TOKEN"),
        ({"callbackURL": "/in"}, "/in?error=INVALID_TOKEN"),
        ({"callbackURL": "/in", "errorCallbackURL": "/oh?a=b"}, "/oh?a=b&error=INVALID_TOKEN"),
        ({"errorCallbackURL": "/oh?error=old"}, "/oh?error=INVALID_TOKEN"),
    ],
)
async def test_what_is_wrong_with_a_link_is_told_to_the_page_that_it_names(query: dict[str, str], target: str) -> None:
    async with serving(linking()) as person:
        for token in ("", "unknown", "x" * 4096, "é"):
            answer = await verify(person, token, **query)
            assert led_to(answer) == ORIGIN + target and cookies_set(answer) == {}


async def test_a_link_without_a_token_is_no_link() -> None:
    async with serving(linking()) as person:
        answer = await person.api("/magic-link/verify")
        refused(answer, 400, "VALIDATION_ERROR")
        assert answer.json()["message"].startswith("[query.token]")


def test_the_error_stands_in_the_query_and_before_the_fragment() -> None:
    assert with_error("myapp://in?a=b#c", "X", "Oh no") == "myapp://in?a=b&error=X&error_description=Oh+no#c"


async def test_where_sign_up_is_closed_a_new_user_is_refused_and_the_link_is_spent() -> None:
    async with serving(linking(sign_up=False)) as person:
        token = await token_for(person, NEW)
        answer = await verify(person, token, callbackURL="/in")
        assert led_to(answer) == ORIGIN + "/in?error=new_user_signup_disabled"
        assert led_to(await verify(person, token)).endswith("INVALID_TOKEN")
        assert await person.mw.database.find_all(User) == []
        await confirmed(person)
        assert (await verify(person, await token_for(person))).status_code == 200


@dataclass(frozen=True, kw_only=True)
class Sailor(User):
    ship: str = field(metadata=Public())


async def test_a_new_user_who_lacks_a_field_is_told_which() -> None:
    async with serving(linking(user_type=Sailor)) as person:
        answer = await verify(person, await token_for(person, NEW), errorCallbackURL="/oh")
        assert led_to(answer) == ORIGIN + "/oh?error=MISSING_FIELD&error_description=ship+is+required"
        assert await person.mw.database.find_all(Sailor) == []


async def test_an_address_that_somebody_else_takes_this_moment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(linking()) as person:
        token = await token_for(person)
        await confirmed(person)

        async def nobody_yet(*_: Any) -> None:
            return None

        monkeypatch.setattr("authmw.features.magic_link.accounts.find_user", nobody_yet)
        answer = await verify(person, token)
        assert parse_qs(urlsplit(led_to(answer)).query)["error"] == ["USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"]
        assert len(await person.mw.database.find_all(User)) == 1 and cookies_set(answer) == {}


class NotYou(AuthError):
    status = 403
    code = "BANNED_USER"
    message = "Banned"


class Bans(Feature):
    refusals = {"next_step": (NotYou,)}

    async def next_step(self, call: Call[Any], user: Any, methods: Sequence[str]) -> StepRequired | None:
        raise NotYou


async def test_whoever_may_not_sign_in_is_refused_with_json_and_the_link_is_spent() -> None:
    auth = linking(Bans())
    async with serving(auth) as person:
        token = await token_for(person, NEW)
        answer = await verify(person, token, callbackURL="/in")
        refused(answer, 403, "BANNED_USER")
        assert cookies_set(answer) == {} and await auth.database.find_all(Session) == []
        assert led_to(await verify(person, token)).endswith("INVALID_TOKEN")


class Asks(Feature):
    """Asks everybody for one step more."""

    async def next_step(self, call: Call[Any], user: Any, methods: Sequence[str]) -> StepRequired | None:
        assert list(methods) == ["magic-link"]
        return StepRequired(screen="/step", answer={"twoFactorRedirect": True, "twoFactorMethods": []})


class AsksOnAScreen(Asks):
    screens = (Screen(path="/step", template="password/forgot_password.html"),)


@pytest.mark.sec("SEC-103")
async def test_a_further_step_is_asked_for_whichever_way_the_link_is_opened() -> None:
    auth = linking(Asks())
    async with serving(auth) as person:
        told = await verify(person, await token_for(person))
        assert told.json()["twoFactorRedirect"] is True
        led = await verify(person, await token_for(person), callbackURL="/in", errorCallbackURL="/oh")
        assert led_to(led) == ORIGIN + "/oh?error=two_factor_required"
        assert await person.session() is None and await auth.database.find_all(Session) == []
    auth = linking(AsksOnAScreen())
    async with serving(auth) as person:
        led = await verify(person, await token_for(person), callbackURL="/in")
        assert led_to(led) == ORIGIN + "/auth/step?next=%2Fin"
        token = await token_for(person)
        await person.get("/auth/magic-link", params={"token": token, "next": "/in"})
        answer = await person.submit("/magic-link?next=/in", next="/in")
        assert answer.headers["location"] == "/auth/step?next=%2Fin"
        assert await person.session() is None and await auth.database.find_all(Session) == []


# Once, and not for long


@pytest.mark.sec("SEC-024")
async def test_a_link_works_once() -> None:
    async with serving(linking()) as person, browser(person.mw) as other:
        token = await token_for(person)
        assert (await verify(person, token)).status_code == 200
        assert led_to(await verify(other, token)).endswith("/?error=INVALID_TOKEN")
        assert await other.session() is None


@pytest.mark.sec("SEC-024")
@pytest.mark.parametrize("is_known", [True, False])
async def test_of_many_who_open_one_at_once_one_is_let_in(is_known: bool) -> None:
    auth = linking(database=TurnTakingStore())
    async with serving(auth) as person:
        if is_known:
            await confirmed(person)
        token = await token_for(person)
        before = len(await auth.database.find_all(Session))
        answers = await asyncio.gather(*(verify(browser(auth), token) for _ in range(16)))
        assert sorted(answer.status_code for answer in answers) == [200] + [302] * 15
        assert len(await auth.database.find_all(User)) == 1
        assert len(await auth.database.find_all(Session)) == before + 1


@pytest.mark.parametrize(("after", "status"), [(299, 200), (300, 302)])
async def test_a_link_lives_five_minutes(after: int, status: int) -> None:
    clock = Clock()
    async with serving(linking(clock=clock)) as person:
        token = await token_for(person)
        clock.forward(seconds=after)
        assert (await verify(person, token)).status_code == status


@pytest.mark.sec("SEC-026")
async def test_the_newest_link_is_the_one_that_works() -> None:
    async with serving(linking()) as person:
        first = await token_for(person, "Ann@example.com")
        second = await token_for(person)
        await confirmed(person)  # somebody signs up meanwhile
        third = await token_for(person)
        fourth = await token_for(person)
        for old in (first, second, third):
            assert led_to(await verify(person, old)).endswith("INVALID_TOKEN")
        assert (await verify(person, fourth)).status_code == 200


@pytest.mark.sec("SEC-008")
async def test_a_changed_password_burns_what_was_mailed() -> None:
    async with serving(linking()) as person:
        await confirmed(person)
        await person.sign_in()
        token = await token_for(person)
        body = {"currentPassword": PASSWORD, "newPassword": "another horse battery"}
        assert (await person.api("/change-password", body)).status_code == 200
        assert led_to(await verify(person, token)).endswith("INVALID_TOKEN")


@pytest.mark.sec("SEC-027")
async def test_a_link_is_nobodys_once_the_address_has_changed_hands() -> None:
    auth = linking()
    async with serving(auth) as person, browser(auth) as other:
        await confirmed(person)
        token = await token_for(person)
        await auth.database.update(User, {"email": ANN}, email="moved@example.com")
        assert led_to(await verify(other, token)).endswith("INVALID_TOKEN"), "no account is made for the old address"
        token = await token_for(person, "moved@example.com")
        await auth.database.update(User, {"email": "moved@example.com"}, email="again@example.com")
        await confirmed(person, "moved@example.com")
        assert led_to(await verify(other, token)).endswith("INVALID_TOKEN")
        assert len(await auth.database.find_all(User)) == 2


@pytest.mark.sec("SEC-023")
async def test_no_other_secret_is_a_magic_link_nor_a_magic_link_another_secret() -> None:
    for shared in (False, True):
        auth = linking(OneTimeToken(), EmailVerification(), shared_database=shared)
        async with serving(auth) as person, browser(auth) as thief:
            await person.sign_up()
            await person.api("/request-password-reset", {"email": ANN})
            await person.api("/sign-in/magic-link", {"email": ANN})
            outbox = await person.mail()
            others = [
                outbox.last("reset-password").context["token"],
                outbox.last("verify-email").context["token"],
                (await person.api("/one-time-token/generate")).json()["token"],
                person.cookies[auth.cookie_name("session_token")],
            ]
            rows = await auth.database.find_all(Verification)
            for token in [*others, *(row.identifier for row in rows), *(f"reset-password:{token}" for token in others)]:
                assert led_to(await verify(thief, token)).endswith("INVALID_TOKEN")
                await thief.get("/auth/magic-link", params={"token": token})
                assert (await thief.get("/auth/magic-link")).status_code == 410
            assert await auth.database.find_all(Verification) == rows, "none was spent by that"
            mine = outbox.last("magic-link").context["token"]
            reset = await thief.api("/reset-password", {"token": mine, "newPassword": "another horse battery"})
            carried = await thief.api("/one-time-token/verify", {"token": mine})
            assert (reset.status_code, carried.status_code) == (400, 400)
            assert (await verify(thief, mine)).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "ann@example.com",
        "[]",
        '{"email":"ann@example.com"}',
        '{"type":"reset","email":"ann@example.com"}',
        '{"type":"magic-link","email":"nobody"}',
        '{"type":"magic-link","email":["ann@example.com"]}',
        '{"type":"magic-link","email":"ann@example.com","name":5}',
        '{"type":"magic-link","email":"ann@example.com","userId":5}',
    ],
)
def test_a_row_that_was_made_for_something_else_is_no_link(value: str | None) -> None:
    with pytest.raises(InvalidToken):
        link_of(value)


@pytest.mark.sec("SEC-025")
async def test_a_fault_leaves_the_link_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = linking()
    async with serving(auth) as person:
        token = await token_for(person)
        with monkeypatch.context() as broken:

            async def fail(*_: Any, **__: Any) -> None:
                raise RuntimeError("as asked")

            broken.setattr("authmw.core.sessions._drop_oldest", fail)
            assert (await verify(person, token)).status_code == 500
        assert await auth.database.find_all(User) == []
        assert (await verify(person, token)).status_code == 200


# Who proves a mailbox owns it


@pytest.mark.sec("SEC-081")
async def test_whoever_signed_up_with_an_address_of_somebody_else_loses_password_and_sessions() -> None:
    auth = linking()
    async with serving(auth) as impostor, browser(auth) as owner:
        await impostor.sign_up()
        assert (await impostor.session()) is not None
        user = (await verify(owner, await token_for(owner))).json()["user"]
        assert user["emailVerified"] is True
        assert await impostor.session() is None
        assert (await impostor.sign_in()).status_code == 401
        assert await auth.database.find_all(AccountRow) == []
        assert (await owner.session())["user"]["emailVerified"] is True
        assert "user.pre_hijack_reset" in [event.event for event in events_of(auth)]


async def test_a_link_ends_the_session_that_the_browser_had() -> None:
    auth = linking()
    async with serving(auth) as person:
        await confirmed(person, "bob@example.com")
        await person.sign_in("bob@example.com")
        kept = dict(person.cookies)
        await verify(person, await token_for(person))
        assert (await person.session())["user"]["email"] == ANN
        before = browser(auth)
        before.cookies.update(kept)
        assert await before.session() is None


@pytest.mark.sec("SEC-062")
async def test_a_used_link_lets_passwords_count_again() -> None:
    clock = Clock()
    async with serving(linking(clock=clock, rate_limit=True)) as person:
        await confirmed(person)
        for _ in range(10):
            clock.forward(seconds=11)
            await person.sign_in(password="wrong")
        clock.forward(seconds=11)
        assert (await person.sign_in()).status_code == 429
        assert (await verify(person, await token_for(person))).status_code == 200
        clock.forward(seconds=11)
        assert (await person.sign_in()).status_code == 200


# At rest


@pytest.mark.sec("SEC-021")
async def test_the_token_stands_in_no_row_log_or_event(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    auth = linking()
    async with serving(auth) as person:
        token = await token_for(person, NEW, name="New")
        (row,) = await auth.database.find_all(Verification)
        assert row.identifier == "magic-link:" + digest(token)
        assert json.loads(row.value) == {"type": "magic-link", "email": NEW, "name": "New"}
        await verify(person, token)
        await verify(person, token)
        ours = [record for record in caplog.records if record.name.startswith("authmw")]
        assert token not in repr([auth.database._tables, events_of(auth), ours])  # type: ignore[attr-defined]
        assert token not in repr(outbox_of(auth).messages) + repr(UseLink(token=token))


async def test_in_a_shared_database_a_better_auth_server_finds_it_as_its_own() -> None:
    auth = linking(shared_database=True)
    async with serving(auth) as person:
        await confirmed(person)
        token = await token_for(person, "Ann@example.com", name="Ann")
        (row,) = await auth.database.find_all(Verification)
        assert row.identifier == f"magic-link:{token}"
        assert row.value == '{"type":"magic-link","email":"Ann@example.com","name":"Ann"}'
        assert (await verify(person, token)).json()["user"]["email"] == ANN


# The screens


async def by_screen(person: Browser, email: str = ANN, *, htmx: bool = False, **more: str) -> str:
    """Ask for a link on the sign-in screen; return its token."""
    fields: dict[str, Any] = {"email": email, "password": "", "with": "magic-link", **more}
    answer = await person.submit("/sign-in", htmx=htmx, **fields)
    went = answer.headers["hx-redirect"] if htmx else answer.headers["location"]
    assert answer.status_code == (200 if htmx else 303) and went.startswith("/auth/sign-in/magic-link"), answer.text
    url = str((await person.mail()).last("magic-link").context["url"])
    assert url.startswith(ORIGIN + "/auth/magic-link?token=")
    return parse_qs(urlsplit(url).query)["token"][0]


@pytest.mark.parametrize("htmx", [False, True])
async def test_from_the_sign_in_screen_to_being_signed_in(htmx: bool) -> None:
    auth = linking(confirm_links=True)
    async with serving(auth) as person:
        await confirmed(person)
        token = await by_screen(person, htmx=htmx, next="/secret")
        sent = await person.get("/auth/sign-in/magic-link")
        assert "Check your email" in sent.text and ANN in sent.text and "data-am-wait" in sent.text
        url = outbox_of(auth).last("magic-link").context["url"]
        opened = await person.get(url)
        assert (opened.status_code, opened.headers["location"]) == (303, "/auth/magic-link?next=%2Fsecret")
        assert "Max-Age=600; Path=/auth; HttpOnly" in str(cookies_set(opened))
        page = await person.get(opened.headers["location"])
        assert f"Sign in as {ANN}?" in page.text and token not in page.text and "in this browser" not in page.text
        answer = await person.submit("/magic-link?next=/secret", htmx=htmx, next="/secret")
        assert (answer.headers["hx-redirect"] if htmx else answer.headers["location"]) == "/secret"
        assert (await person.get("/secret")).text == f"for {ANN}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_opening_the_page_signs_nobody_in_and_spends_nothing(method: str) -> None:
    auth = linking(confirm_links=True)
    async with serving(auth) as person, browser(auth) as scanner:
        token = await by_screen(person)
        for _ in range(3):
            await scanner.request(method, "/auth/magic-link", params={"token": token})
            assert (await scanner.request(method, "/auth/magic-link")).status_code == 200
        assert await scanner.session() is None and await auth.database.find_all(User) == []
        await person.get("/auth/magic-link", params={"token": token})
        assert (await person.submit("/magic-link")).headers["location"] == auth.settings.after_sign_in
        assert (await person.session())["user"]["email"] == ANN


async def test_in_another_browser_the_link_works_and_the_page_says_so() -> None:
    auth = linking(confirm_links=True)
    async with serving(auth) as person, browser(auth) as telephone:
        token = await by_screen(person, NEW)
        await telephone.get("/auth/magic-link", params={"token": token})
        page = (await telephone.get("/auth/magic-link")).text
        assert "You did not ask for this link in this browser." in page
        assert "There is no account with this email yet." in page
        await telephone.submit("/magic-link")
        assert (await telephone.session())["user"]["email"] == NEW and await person.session() is None


@pytest.mark.parametrize("htmx", [False, True])
async def test_a_spent_link_is_410_with_a_button_for_a_new_one(htmx: bool) -> None:
    auth = linking(confirm_links=True)
    async with serving(auth) as person, browser(auth) as other:
        token = await by_screen(person)
        await person.get("/auth/magic-link", params={"token": token})
        await person.get("/auth/magic-link")
        assert (await verify(other, token)).status_code == 200
        spent = await person.submit("/magic-link", htmx=htmx)
        assert spent.status_code == 410
        await person.get("/auth/magic-link", params={"token": token})
        page = await person.get("/auth/magic-link")
        assert page.status_code == 410 and "Send a new one" in page.text
        assert 'action="/auth/sign-in/magic-link"' in page.text and 'name="with" value="send"' in page.text


async def test_a_link_that_is_too_old_is_410() -> None:
    clock = Clock()
    async with serving(linking(clock=clock, confirm_links=True)) as person:
        token = await by_screen(person)
        await person.get("/auth/magic-link", params={"token": token})
        page = await person.get("/auth/magic-link")
        form = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        clock.forward(minutes=5)
        assert form is not None
        answer = await person.post("/auth/magic-link", data={"csrf_token": form[1]})
        assert answer.status_code == 410 and await person.session() is None


@pytest.mark.sec("SEC-060")
async def test_the_screens_look_alike_for_known_and_unknown() -> None:
    auth = linking(confirm_links=True)
    async with serving(auth) as person:
        await confirmed(person)
        pages = []
        for email in (ANN, NEW):
            someone = browser(auth)
            await by_screen(someone, email)
            text = (await someone.get("/auth/sign-in/magic-link")).text.replace(email, "EMAIL")
            pages.append(re.sub(r"\d{10}\.[\w.-]+", "", text))
        assert pages[0] == pages[1]


async def test_it_is_sent_again_a_minute_later_and_no_sooner() -> None:
    clock = Clock()
    async with serving(linking(clock=clock, confirm_links=True)) as person:
        await by_screen(person)
        fields: dict[str, Any] = {"with": "send", "email": ANN}
        soon = await person.submit("/sign-in/magic-link", **fields)
        assert soon.status_code == 429 and soon.headers["retry-after"] == "60"
        clock.forward(seconds=60)
        later = await person.submit("/sign-in/magic-link", htmx=True, **fields)
        assert later.status_code == 200 and "We have sent you a link." in later.text
        assert len((await person.mail()).of("magic-link")) == 2


async def test_where_sign_up_is_closed_the_owner_of_the_mailbox_is_told() -> None:
    async with serving(linking(sign_up=False, confirm_links=True)) as person:
        token = await by_screen(person, NEW)
        await person.get("/auth/magic-link", params={"token": token})
        page = await person.get("/auth/magic-link")
        assert page.status_code == 200 and "There is no account with this email" in page.text
        assert 'method="post"' not in page.text.partition('id="main"')[2]


async def test_a_new_user_who_lacks_a_field_is_led_to_sign_up() -> None:
    async with serving(linking(user_type=Sailor, confirm_links=True)) as person:
        token = await by_screen(person, NEW)
        await person.get("/auth/magic-link", params={"token": token})
        assert (await person.submit("/magic-link")).headers["location"] == "/auth/sign-up"


async def test_without_this_feature_there_is_no_such_button() -> None:
    async with serving(make_auth(features=[Password()])) as person:
        assert "magic-link" not in (await person.get("/auth/sign-in")).text


# From Python


async def test_from_python() -> None:
    auth = linking()
    async with serving(auth):
        await auth[MagicLink].send_link(auth.call(), SendLink(email=ANN, name="Ann"))
        await auth.mail.idle()
        token = outbox_of(auth).last("magic-link").context["token"]
        signed_in = await auth[MagicLink].use_link(auth.call(), UseLink(token=token))
        assert not isinstance(signed_in, StepRequired) and signed_in.user.name == "Ann"
        with pytest.raises(InvalidToken):
            await auth[MagicLink].use_link(auth.call(), UseLink(token=token))
