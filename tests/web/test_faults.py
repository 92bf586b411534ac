"""Closed, honest, durable: a database that breaks at any call, and code that breaks anywhere (section 12)."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from authmw import Auth
from authmw.core.feature import Feature
from authmw.core.model import Account as AccountRow
from authmw.core.model import Session, User, Verification
from authmw.core.store import Database
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.stores.memory import MemoryStore
from authmw.stores.sql import SqlStore
from tests.support import PASSWORD, Browser, browser, make_auth, outbox_of, plain_app
from tests.web.faults import Commit, FailingStore
from tests.web.raw import contents

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "another long one"
SESSION_COOKIE = "better-auth.session_token"


class Place:
    """An app over a database that breaks when told."""

    def __init__(self, auth: Auth[Any], store: FailingStore) -> None:
        self.auth, self.store = auth, store
        self.app = auth.wrap(plain_app(auth))
        self.people = 0

    async def stranger(self) -> tuple[Browser, str]:
        """A browser, and an address that is nobody's yet."""
        self.people += 1
        return browser(self.auth, self.app), f"person{self.people}@example.com"

    async def person(self) -> tuple[Browser, str]:
        """The browser of somebody who is signed in, and their address."""
        client, email = await self.stranger()
        assert (await client.sign_up(email)).status_code == 200
        await self.auth.mail.idle()
        return client, email

    async def token(self, kind: str, to: str) -> str:
        await self.auth.mail.idle()
        letter = [message for message in outbox_of(self.auth).of(kind) if message.to == to][-1]
        return str(letter.context["token"])


@asynccontextmanager
async def a_place(inner: Database, **options: Any) -> AsyncIterator[Place]:
    store = FailingStore(inner)
    auth = make_auth(database=store, **options)
    await auth.start()
    yield Place(auth, store)
    store.disarm()
    await auth.stop()


@dataclass(frozen=True)
class Scenario:
    """One thing a person does. `prepare` brings them to where they do it and returns the act."""

    name: str
    prepare: Callable[[Place], Awaitable[Callable[[], Awaitable[httpx2.Response]]]]
    succeeds: Callable[[httpx2.Response], bool]
    again: tuple[int, ...] = ()
    """What else a repetition may answer when the first try was committed although its answer was 503."""
    settled: Callable[[Place], Awaitable[None]] | None = None


def says_ok(answer: httpx2.Response) -> bool:
    return answer.status_code == 200 and answer.content not in (b"null", b"")


def leads_on(answer: httpx2.Response) -> bool:
    return answer.status_code in (302, 303)


async def signing_up(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.stranger()
    return lambda: client.sign_up(email)


async def signing_in(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    return lambda: client.sign_in(email)


async def signing_out(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    return lambda: client.api("/sign-out", {})


async def asking_for_a_reset(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    return lambda: client.api("/request-password-reset", {"email": email})


async def asking_for_a_reset_of_nobody(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.stranger()
    return lambda: client.api("/request-password-reset", {"email": email})


async def resetting(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    await client.api("/request-password-reset", {"email": email})
    token = await place.token("reset-password", email)
    return lambda: client.api("/reset-password", {"token": token, "newPassword": NEW_PASSWORD})


async def asking_for_another_address(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    return lambda: client.api("/change-email", {"newEmail": f"new.{email}"})


async def verifying(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    token = await place.token("verify-email", email)
    return lambda: client.api("/verify-email", params={"token": token})


async def agreeing_to_another_address(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    token = await place.token("verify-email", email)
    await client.api("/verify-email", params={"token": token})
    await client.api("/change-email", {"newEmail": f"new.{email}"})
    agree = await place.token("change-email", email)
    return lambda: client.api("/verify-email", params={"token": agree})


async def confirming_another_address(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    await client.api("/change-email", {"newEmail": f"new.{email}"})
    confirm = await place.token("verify-email", f"new.{email}")
    return lambda: client.api("/verify-email", params={"token": confirm})


async def deleting(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    return lambda: client.api("/delete-user", {"password": PASSWORD})


async def asking_for_deletion(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    place.auth[Account].confirm_delete = True
    return lambda: client.api("/delete-user", {"password": PASSWORD})


async def deleting_by_link(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    place.auth[Account].confirm_delete = True
    await client.api("/delete-user", {})
    token = await place.token("delete-account", email)
    return lambda: client.api("/delete-user/callback", params={"token": token})


async def changing_the_password(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    given = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD, "revokeOtherSessions": True}
    return lambda: client.api("/change-password", given)


async def changing_the_profile(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    return lambda: client.api("/update-user", {"name": "Somebody else"})


async def revoking(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    return lambda: client.api("/revoke-other-sessions", {})


async def listing(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    return lambda: client.api("/list-sessions")


async def asking_who(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    return lambda: client.api("/get-session")


async def asking_who_when_it_is_to_be_renewed(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    place.auth.clock.forward(days=2)  # type: ignore[attr-defined]
    return lambda: client.api("/get-session")


async def opening_a_page_for_everybody(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    return lambda: client.get("/me")


async def opening_a_page_for_people_who_are_signed_in(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, _ = await place.person()
    place.auth.clock.forward(days=2)  # type: ignore[attr-defined]
    return lambda: client.get("/secret")


async def form_of(place: Place, client: Browser, path: str, **fields: str) -> Callable[[], Awaitable[httpx2.Response]]:
    """A form that is open in the browser, to be sent as it is."""
    page = await client.get(f"/auth{path}")
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert token
    return lambda: client.post(f"/auth{path}", data={"csrf_token": token, **fields})


async def signing_up_by_form(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.stranger()
    return await form_of(place, client, "/sign-up", name="Ann", email=email, password=PASSWORD)


async def signing_in_by_form(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    client.cookies.clear()
    return await form_of(place, client, "/sign-in", email=email, password=PASSWORD)


async def asking_for_a_reset_by_form(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    client.cookies.clear()
    return await form_of(place, client, "/forgot-password", email=email)


async def resetting_by_form(place: Place) -> Callable[[], Awaitable[httpx2.Response]]:
    client, email = await place.person()
    await client.api("/request-password-reset", {"email": email})
    token = await place.token("reset-password", email)
    await client.get("/auth/reset-password", params={"token": token})
    return await form_of(place, client, "/reset-password", newPassword=NEW_PASSWORD)


SCENARIOS = [
    Scenario("sign up", signing_up, says_ok, again=(422,)),
    Scenario("sign in", signing_in, says_ok),
    Scenario("sign out", signing_out, says_ok),
    Scenario("ask for a reset", asking_for_a_reset, says_ok),
    Scenario("ask for a reset of nobody", asking_for_a_reset_of_nobody, says_ok),
    Scenario("reset", resetting, says_ok, again=(400,)),
    Scenario("ask for another address", asking_for_another_address, says_ok),
    Scenario("verify an address", verifying, says_ok),
    Scenario("agree to another address", agreeing_to_another_address, says_ok, again=(401,)),
    Scenario("confirm another address", confirming_another_address, says_ok),
    Scenario("delete", deleting, says_ok, again=(401,)),
    Scenario("ask for deletion", asking_for_deletion, says_ok),
    Scenario("delete by link", deleting_by_link, says_ok, again=(404,)),
    Scenario("change the password", changing_the_password, says_ok, again=(400, 401)),
    Scenario("change the profile", changing_the_profile, says_ok),
    Scenario("revoke", revoking, says_ok),
    Scenario("list", listing, says_ok),
    Scenario("who", asking_who, says_ok),
    Scenario("who, renewed", asking_who_when_it_is_to_be_renewed, says_ok),
    Scenario("a page for everybody", opening_a_page_for_everybody, says_ok),
    Scenario("a page for some", opening_a_page_for_people_who_are_signed_in, says_ok),
    Scenario("sign up by form", signing_up_by_form, leads_on, again=(422,)),
    Scenario("sign in by form", signing_in_by_form, leads_on),
    Scenario("ask for a reset by form", asking_for_a_reset_by_form, leads_on),
    Scenario("reset by form", resetting_by_form, leads_on, again=(410,)),
]


async def whole(auth: Auth[Any]) -> None:
    """Nothing half is in the database: everybody can sign in, and no row is about somebody who is gone."""
    rows = await contents(auth)
    users: dict[str, User] = {user.id: user for user in rows["user"]}
    accounts: list[AccountRow] = rows["account"]
    assert {row.user_id for row in accounts} == set(users)
    assert len(accounts) == len(users)
    assert all(row.password for row in accounts)
    sessions: list[Session] = rows["session"]
    assert {row.user_id for row in sessions} <= set(users)
    pending: list[Verification] = rows["verification"]
    assert all(row.value == "" or row.subject in users for row in pending)


def is_closed(answer: httpx2.Response) -> None:
    """The answer says that it is down, and gives and takes nothing."""
    assert answer.status_code == 503
    if "json" in answer.headers["content-type"]:
        assert answer.json()["code"] == "SERVICE_UNAVAILABLE"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    for line in answer.headers.get_list("set-cookie"):
        assert not line.startswith(SESSION_COOKIE)
        assert "better-auth.session_data" not in line
        assert "better-auth.dont_remember" not in line
        assert "Max-Age=0" not in line


def database_of(kind: str, folder: Path) -> Database:
    return MemoryStore() if kind == "memory" else SqlStore(f"sqlite:///{folder / 'faults.db'}")


@pytest.mark.sec("SEC-190")
@pytest.mark.sec("SEC-025")
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_whichever_call_fails_nothing_is_half_done_and_asking_again_works(
    scenario: Scenario, kind: str, tmp_path: Path
) -> None:
    async with a_place(database_of(kind, tmp_path)) as place:
        k = 0
        while True:
            k += 1
            place.auth[Account].confirm_delete = False
            act = await scenario.prepare(place)
            await place.auth.mail.idle()
            before, letters = await contents(place.auth), len(outbox_of(place.auth).messages)
            place.store.arm(k)
            answer = await act()
            await place.auth.mail.idle()
            failed, calls = place.store.failed, len(place.store.calls)
            place.store.disarm()
            await whole(place.auth)
            if failed is None:
                break
            is_closed(answer)
            assert await contents(place.auth) == before, failed  # all of it or nothing
            assert len(outbox_of(place.auth).messages) == letters, failed
            assert scenario.succeeds(await act()), failed
            await whole(place.auth)
        assert scenario.succeeds(answer)
        assert calls == k - 1 >= 1


@pytest.mark.sec("SEC-192")
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_a_commit_whose_outcome_is_unknown_may_be_asked_for_again(
    scenario: Scenario, kind: str, tmp_path: Path
) -> None:
    commit: Commit = "lost after"
    async with a_place(database_of(kind, tmp_path)) as place:
        act = await scenario.prepare(place)
        place.store.arm(None)
        assert scenario.succeeds(await act())
        commits = [number for number, call in enumerate(place.store.calls, 1) if call == "commit"]
        for number in commits:
            place.store.disarm()
            place.auth[Account].confirm_delete = False
            act = await scenario.prepare(place)
            await place.auth.mail.idle()
            letters = len(outbox_of(place.auth).messages)
            place.store.arm(number, commit)
            is_closed(await act())
            await place.auth.mail.idle()
            assert len(outbox_of(place.auth).messages) == letters
            place.store.disarm()
            await whole(place.auth)
            again = await act()
            assert scenario.succeeds(again) or again.status_code in scenario.again
            await whole(place.auth)


@pytest.mark.sec("SEC-025")
@pytest.mark.sec("SEC-192")
@pytest.mark.parametrize("commit", ["lost before", "lost after"])
async def test_a_reset_that_failed_at_the_end_works_once_later_or_never(commit: Commit) -> None:
    async with a_place(MemoryStore()) as place:
        client, email = await place.person()
        await client.api("/request-password-reset", {"email": email})
        reset = {"token": await place.token("reset-password", email), "newPassword": NEW_PASSWORD}
        place.store.arm(await calls_until_commit(place), commit)
        is_closed(await client.api("/reset-password", reset))
        place.store.disarm()
        done = commit == "lost after"
        assert (await client.sign_in(email, NEW_PASSWORD)).status_code == (200 if done else 401)
        assert (await client.sign_in(email)).status_code == (401 if done else 200)
        assert (await client.api("/reset-password", reset)).status_code == (400 if done else 200)
        assert (await client.api("/reset-password", reset)).status_code == 400
        assert (await client.sign_in(email, NEW_PASSWORD)).status_code == 200


async def calls_until_commit(place: Place) -> int:
    """Which call of a reset is its commit."""
    act = await resetting(place)
    place.store.arm(None)
    assert (await act()).status_code == 200
    number = place.store.calls.index("commit") + 1
    place.store.disarm()
    return number


@pytest.mark.sec("SEC-190")
async def test_a_database_that_stays_down_is_503_on_every_route_that_needs_it() -> None:
    async with a_place(MemoryStore()) as place:
        client, email = await place.person()
        reset = {"email": email, "newPassword": NEW_PASSWORD, "token": "x" * 24, "password": PASSWORD, "name": "x"}
        body = {**reset, "currentPassword": PASSWORD, "newEmail": f"new.{email}", "accountId": "x"}
        cookies = dict(client.cookies)
        place.store.passes = lambda what: False  # type: ignore[method-assign]
        spared = {"/verify-email", "/update-session"}  # a token that is none is refused without asking; see below
        for operation in place.auth.operations:
            route = operation.route
            path = route.path.replace(":token", "x")
            if route.method == "GET":
                answer = await client.api(path, params={"token": "x", "callbackURL": "/"})
            elif route.path == "/sign-up/email":
                answer = await client.sign_up("somebody@example.com")
            elif route.path == "/delete-user":
                answer = await client.api(path, {"password": PASSWORD})
            elif route.path == "/get-session":
                continue  # always 405
            else:
                answer = await client.api(path, body)
            if route.path not in spared:
                is_closed(answer)
            assert answer.status_code in (503, 302)
        for path in ("/me", "/secret", "/"):
            is_closed(await client.get(path))
        for _, screen in place.auth.screens:
            is_closed(await client.get(f"/auth{screen.path}"))
        assert dict(client.cookies) == cookies
        del place.store.passes
        assert (await client.session())["user"]["email"] == email


@pytest.mark.sec("SEC-049")
@pytest.mark.sec("SEC-190")
async def test_who_brings_no_cookie_is_served_although_the_database_is_down() -> None:
    async with a_place(MemoryStore()) as place:
        place.store.passes = lambda what: False  # type: ignore[method-assign]
        client, _ = await place.stranger()
        assert (await client.get("/")).text == "welcome"
        assert (await client.get("/me")).json() is None
        assert (await client.get("/secret")).status_code == 401
        assert (await client.api("/get-session")).json() is None


# Code that breaks


SECRETS_OF_A_REQUEST = re.compile("correct horse|another long one|a-secret-for-tests")


@pytest.mark.sec("SEC-175")
@pytest.mark.sec("SEC-197")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_an_exception_nobody_expected_is_an_empty_500_with_a_reference_in_the_log(
    scenario: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_place(MemoryStore()) as place:
        place.store.error = lambda: RuntimeError("boom")
        caplog.set_level(logging.DEBUG)
        k = 0
        while True:
            k += 1
            place.auth[Account].confirm_delete = False
            act = await scenario.prepare(place)
            before = await contents(place.auth)
            place.store.arm(k)
            caplog.clear()
            answer = await act()
            failed = place.store.failed
            place.store.disarm()
            if failed is None:
                break
            assert answer.status_code == 500
            faults = [record for record in caplog.records if record.levelno >= logging.ERROR]
            assert len(faults) == 1
            reference = re.search(r"fault ([A-Za-z0-9]{8}) at ", faults[0].getMessage())
            assert reference is not None
            if "html" in answer.headers.get("content-type", ""):
                assert reference[1] in answer.text
            else:
                assert answer.content == b""
            shown = answer.text + str(answer.headers)
            assert "boom" not in shown
            assert "Traceback" not in shown
            assert "RuntimeError" in caplog.text  # the log has what a person needs
            assert not SECRETS_OF_A_REQUEST.search(caplog.text)
            for cookie in answer.request.headers.get("cookie", "").split("; "):
                value = cookie.partition("=")[2]
                assert not value or value not in caplog.text
            for line in answer.headers.get_list("set-cookie"):
                assert not line.startswith(SESSION_COOKIE)
            assert await contents(place.auth) == before
            assert scenario.succeeds(await act())
        assert scenario.succeeds(answer)


class Breaking(Feature):
    """A feature that breaks at one of its hooks."""


HOOKS = ("before", "check_password", "user_created", "next_step", "signed_in", "session_read", "who", "user_deleted")


@pytest.mark.sec("SEC-197")
@pytest.mark.parametrize("hook", HOOKS)
async def test_a_check_that_breaks_lets_nothing_through(hook: str) -> None:
    async def breaks(self: Any, *_: Any) -> Any:
        if self.armed:
            raise RuntimeError("boom")
        return None

    breaking = type("Breaking", (Breaking,), {hook: breaks, "armed": False})()
    features = [Password(), EmailVerification(), Account(), Sessions(), breaking]
    async with a_place(MemoryStore(), features=features) as place:
        client, email = await place.person()
        stranger, other = await place.stranger()
        breaking.armed = True
        before, letters = await contents(place.auth), len(outbox_of(place.auth).messages)
        acts: dict[str, list[Callable[[], Awaitable[httpx2.Response]]]] = {
            "before": [
                lambda: client.sign_in(email),
                lambda: stranger.sign_up(other),
                lambda: client.api("/get-session"),
            ],
            "check_password": [lambda: stranger.sign_up(other)],
            "user_created": [lambda: stranger.sign_up(other)],
            "next_step": [lambda: stranger.sign_up(other), lambda: stranger.sign_in(email)],
            "signed_in": [lambda: stranger.sign_up(other), lambda: stranger.sign_in(email)],
            "session_read": [lambda: client.api("/get-session")],
            "who": [lambda: client.get("/me"), lambda: client.get("/secret")],
            "user_deleted": [lambda: client.api("/delete-user", {"password": PASSWORD})],
        }
        for act in acts[hook]:
            answer = await act()
            assert (answer.status_code, answer.content) == (500, b"")
            assert "set-cookie" not in answer.headers
        await place.auth.mail.idle()
        assert await contents(place.auth) == before
        assert len(outbox_of(place.auth).messages) == letters
        breaking.armed = False
        assert (await client.session())["user"]["email"] == email


@pytest.mark.sec("SEC-197")
@pytest.mark.parametrize("part", ["limiter", "hashing", "clock", "signatures"])
async def test_a_part_of_ours_that_breaks_lets_nothing_through(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_place(MemoryStore(), rate_limit=True) as place:
        client, email = await place.person()

        def boom(*_: Any, **__: Any) -> Any:
            raise RuntimeError("boom")

        owner, name = {
            "limiter": (place.auth.limiter, "hit"),
            "hashing": (place.auth.passwords, "verify"),
            "clock": (place.auth, "clock"),
            "signatures": (place.auth.secrets, "unsign"),
        }[part]
        before = await contents(place.auth)
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, boom)
            answer = await client.sign_in(email)
            assert (answer.status_code, answer.content) == (500, b"")
            assert "set-cookie" not in answer.headers
            if part in ("clock", "signatures"):
                for path in ("/me", "/secret", "/"):
                    assert (await client.get(path)).status_code == 500
        assert await contents(place.auth) == before
        assert (await client.session())["user"]["email"] == email


@pytest.mark.sec("SEC-203")
async def test_a_listener_that_breaks_changes_no_answer() -> None:
    async with a_place(MemoryStore()) as place:

        def boom(event: Any) -> None:
            raise RuntimeError("boom")

        place.auth.listen(boom)
        client, email = await place.person()
        assert (await client.sign_in(email)).status_code == 200
        assert (await client.sign_in(email, "not the password")).status_code == 401


@pytest.mark.sec("SEC-194")
async def test_a_mailer_that_fails_changes_no_answer_and_shows_no_secret(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from authmw.core import mail

    monkeypatch.setattr(mail, "TRIES", 1)
    caplog.set_level(logging.DEBUG)
    async with a_place(MemoryStore()) as place:
        tokens: list[str] = []

        async def send(message: Any) -> None:
            tokens.append(message.context["token"])
            raise RuntimeError(message.text)

        client, email = await place.stranger()
        monkeypatch.setattr(outbox_of(place.auth), "send", send)
        assert (await client.sign_up(email)).status_code == 200
        assert (await client.api("/request-password-reset", {"email": email})).status_code == 200
        await place.auth.mail.idle()
        assert len(tokens) == 2
        assert "could not be sent" in caplog.text
        assert not any(token in caplog.text for token in tokens)


# Races


async def lose_the_race(place: Place, email: str) -> httpx2.Response:
    """Sign up while somebody else signs up with the same address, and is faster."""
    client, _ = await place.stranger()
    rival, _ = await place.stranger()
    hash_password = place.auth.passwords.hash

    async def slow_hash(password: str) -> str:
        place.auth.passwords.hash = hash_password  # type: ignore[method-assign]
        assert (await rival.sign_up(email, name="Rival")).status_code == 200
        return await hash_password(password)

    place.auth.passwords.hash = slow_hash  # type: ignore[method-assign]
    return await client.sign_up(email)


@pytest.mark.sec("SEC-060")
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_who_loses_a_race_for_an_address_is_told_that_it_is_taken(kind: str, tmp_path: Path) -> None:
    async with a_place(database_of(kind, tmp_path)) as place:
        answer = await lose_the_race(place, "wanted@example.com")
        assert (answer.status_code, answer.json()["code"]) == (422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL")
        assert "set-cookie" not in answer.headers
        assert [user.name for user in (await contents(place.auth))["user"]] == ["Rival"]
        await whole(place.auth)


@pytest.mark.sec("SEC-060")
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_where_accounts_are_hidden_who_loses_a_race_is_told_nothing(kind: str, tmp_path: Path) -> None:
    features = [Password(), EmailVerification(required=True), Account(), Sessions()]
    async with a_place(database_of(kind, tmp_path), features=features) as place:
        client, _ = await place.stranger()
        usual = await client.sign_up("usual@example.com")
        answer = await lose_the_race(place, "wanted@example.com")
        assert answer.status_code == usual.status_code == 200
        assert answer.json()["token"] is None
        assert answer.json().keys() == usual.json().keys()
        assert answer.json()["user"].keys() == usual.json()["user"].keys()
        assert list(answer.headers) == list(usual.headers)
        assert "set-cookie" not in answer.headers
        await place.auth.mail.idle()
        kinds = [message.kind for message in outbox_of(place.auth).messages if message.to == "wanted@example.com"]
        assert sorted(kinds) == ["reset-password", "verify-email"]
        await whole(place.auth)
