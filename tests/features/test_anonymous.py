"""Somebody who has said nothing gets a session, and keeps what was gathered in it when they say who they are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from authmw import Auth, Call, ConfigurationError, Public
from authmw.core.errors import AuthError
from authmw.core.feature import Feature
from authmw.core.model import Session
from authmw.features import Account, Anonymous, Bearer, EmailVerification, MultiSession, Password, Sessions
from authmw.features.anonymous import Link, WithAnonymous, is_entrance
from authmw.features.password import SignIn
from tests.support import (
    PASSWORD,
    Clock,
    browser,
    call_of,
    cookies_set,
    events_of,
    make_auth,
    refused,
    serving,
)

pytestmark = pytest.mark.anyio

SESSION = "better-auth.session_token"


@dataclass(frozen=True, kw_only=True)
class Member(WithAnonymous):
    pass


def open_to_all(*more: Feature, clock: Clock | None = None, rate_limit: bool = False, **options: Any) -> Auth[Any]:
    features = [Password(), Account(), Sessions(), *more, Anonymous(**options)]
    return make_auth(features=features, user_type=Member, clock=clock, rate_limit=rate_limit)


async def users_of(auth: Auth[Any]) -> list[Any]:
    return await auth.database.find_all(Member, order="created_at")


# Coming in


async def test_somebody_who_has_said_nothing_is_signed_in() -> None:
    auth = open_to_all()
    async with serving(auth) as person:
        answer = await person.api("/sign-in/anonymous", {})
        assert answer.status_code == 200 and set(answer.json()) == {"token", "user"}
        assert SESSION in cookies_set(answer)
        user = answer.json()["user"]
        assert (user["name"], user["isAnonymous"], user["emailVerified"]) == ("Anonymous", True, False)
        assert re.fullmatch(r"temp@[a-z0-9]{32}\.invalid", user["email"])
        session = await person.session()
        assert session["user"] == user and session["session"]["token"] == answer.json()["token"]
        assert "auth.sign_in" in [event.event for event in events_of(auth)]


@pytest.mark.parametrize("body", [{}, {"name": "Mallory", "email": "a@b.example", "isAnonymous": False}, {"x": [1]}])
async def test_what_a_body_says_counts_for_nothing(body: Any) -> None:
    async with serving(open_to_all()) as person:
        user = (await person.api("/sign-in/anonymous", body)).json()["user"]
        assert (user["name"], user["isAnonymous"]) == ("Anonymous", True)


async def test_no_body_is_needed() -> None:
    async with serving(open_to_all()) as person:
        assert (await person.post("/api/auth/sign-in/anonymous")).status_code == 200


async def test_nobody_is_anonymous_twice() -> None:
    auth = open_to_all()
    async with serving(auth) as person:
        await person.api("/sign-in/anonymous", {})
        before = await person.session()
        refused(await person.api("/sign-in/anonymous", {}), 400, "ANONYMOUS_USERS_CANNOT_SIGN_IN_AGAIN_ANONYMOUSLY")
        assert await person.session() == before and len(await users_of(auth)) == 1


async def test_somebody_with_an_account_may_become_nobody() -> None:
    auth = open_to_all()
    async with serving(auth) as ann:
        await ann.sign_up()
        assert (await ann.api("/sign-in/anonymous", {})).status_code == 200
        assert (await ann.session())["user"]["isAnonymous"] is True
        assert sorted(user.is_anonymous for user in await users_of(auth)) == [False, True]


async def test_each_gets_a_user_of_their_own() -> None:
    auth = open_to_all()
    async with serving(auth) as one, browser(auth) as other:
        await one.api("/sign-in/anonymous", {})
        await other.api("/sign-in/anonymous", {})
        first, second = await users_of(auth)
        assert first.id != second.id and first.email != second.email


async def test_names_and_addresses_may_be_the_applications_own() -> None:
    auth = open_to_all(generate_name=lambda: "Guest", generate_email=lambda: "Guest-1@Example.com")
    async with serving(auth) as person:
        user = (await person.api("/sign-in/anonymous", {})).json()["user"]
        assert (user["name"], user["email"]) == ("Guest", "guest-1@example.com")


async def test_a_domain_of_ones_own() -> None:
    async with serving(open_to_all(email_domain="guests.example.com")) as person:
        user = (await person.api("/sign-in/anonymous", {})).json()["user"]
        assert re.fullmatch(r"temp-[a-z0-9]{32}@guests\.example\.com", user["email"])


@pytest.mark.parametrize("domain", ["", "localhost", "a b.example", "@example.com", "example.com\r\n"])
def test_what_is_no_domain_stops_the_start(domain: str) -> None:
    with pytest.raises(ConfigurationError, match="email_domain"):
        Anonymous(email_domain=domain)


@pytest.mark.parametrize("made", ["", "nobody", "a b@example.com", "a@example.com\r\nBcc: b@example.com"])
async def test_what_is_no_address_is_refused(made: str) -> None:
    auth = open_to_all(generate_email=lambda: made)
    async with serving(auth) as person:
        refused(await person.api("/sign-in/anonymous", {}), 400, "INVALID_EMAIL_FORMAT")
        assert await users_of(auth) == []


async def test_an_address_that_is_made_twice_is_refused() -> None:
    auth = open_to_all(generate_email=lambda: "ann@example.com")
    async with serving(auth) as ann, browser(auth) as other:
        await ann.sign_up()
        refused(await other.api("/sign-in/anonymous", {}), 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL")
        assert await other.session() is None


async def test_no_letter_goes_to_an_address_that_nobody_has() -> None:
    auth = open_to_all(EmailVerification(required=True))
    async with serving(auth) as person:
        assert (await person.api("/sign-in/anonymous", {})).status_code == 200
        assert (await person.mail()).messages == []


@pytest.mark.sec("SEC-062")
async def test_one_address_makes_no_more_than_three_in_ten_seconds() -> None:
    auth = open_to_all(rate_limit=True)
    await auth.start()
    statuses = []
    for _ in range(4):
        async with browser(auth) as person:
            statuses.append((await person.api("/sign-in/anonymous", {})).status_code)
    assert statuses == [200, 200, 200, 429]
    await auth.stop()


async def test_another_sites_page_signs_nobody_in() -> None:
    auth = open_to_all()
    async with serving(auth) as victim:
        foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
        answer = await victim.api("/sign-in/anonymous", {}, headers=foreign)
        assert answer.status_code == 403 and await users_of(auth) == []


async def test_clients_cannot_say_that_they_are() -> None:
    async with serving(open_to_all()) as ann:
        refused(await ann.sign_up(isAnonymous=True), 400, "FIELD_NOT_ALLOWED")
        await ann.sign_up()
        refused(await ann.api("/update-user", {"isAnonymous": True}), 400, "FIELD_NOT_ALLOWED")


async def test_a_field_that_only_a_person_can_fill_is_missed() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Resident(WithAnonymous):
        town: str = field(metadata=Public())

    auth = make_auth(features=[Anonymous()], user_type=Resident)
    async with serving(auth) as person:
        refused(await person.api("/sign-in/anonymous", {}), 400, "MISSING_FIELD")
        assert await auth.database.find_all(Resident) == []


def test_without_the_field_the_start_says_what_to_write() -> None:
    with pytest.raises(ConfigurationError, match=r"class Member\(User, WithAnonymous\)"):
        make_auth(features=[Anonymous()])


# Becoming somebody


@pytest.mark.parametrize("by", ["sign-up", "sign-in"])
async def test_what_was_gathered_is_handed_over_and_nobody_is_left(by: str) -> None:
    links: list[Link] = []

    async def on_link(call: Call[Any], link: Link) -> None:
        # Both are there while it runs.
        assert await call.store.find(Member, id=link.anonymous.user.id) is not None
        links.append(link)

    auth = open_to_all(on_link=on_link)
    async with serving(auth) as person, browser(auth) as elsewhere:
        if by == "sign-in":
            await elsewhere.sign_up()
        nobody = (await person.api("/sign-in/anonymous", {})).json()
        answer = await (person.sign_up() if by == "sign-up" else person.sign_in())
        assert answer.status_code == 200 and "isAnonymous" in answer.json()["user"]
        (link,) = links
        assert link.anonymous.user.id == nobody["user"]["id"]
        assert link.anonymous.session.token == nobody["token"]
        assert link.person.user.email == "ann@example.com"
        assert link.person.session.token == answer.json()["token"]
        assert [user.email for user in await users_of(auth)] == ["ann@example.com"]
        assert (await person.session())["user"]["email"] == "ann@example.com"
        sessions = await auth.database.find_all(Session)
        assert {session.user_id for session in sessions} == {answer.json()["user"]["id"]}
        assert "anonymous.linked" in [event.event for event in events_of(auth)]


@pytest.mark.sec("SEC-040")
async def test_the_anonymous_session_is_worth_nothing_afterwards() -> None:
    for delete in (True, False):
        auth = open_to_all(delete=delete)
        async with serving(auth) as person, browser(auth) as thief:
            await person.api("/sign-in/anonymous", {})
            for cookie in person.cookies.jar:
                thief.cookies.set(cookie.name, cookie.value or "", domain=cookie.domain, path=cookie.path)
            assert await thief.session() is not None
            await person.sign_up()
            assert await thief.session() is None
            assert len(await users_of(auth)) == (1 if delete else 2)


async def test_a_wrong_password_changes_nothing() -> None:
    links: list[Link] = []

    async def on_link(call: Call[Any], link: Link) -> None:
        links.append(link)

    auth = open_to_all(on_link=on_link)
    async with serving(auth) as person, browser(auth) as elsewhere:
        await elsewhere.sign_up()
        await person.api("/sign-in/anonymous", {})
        before = await person.session()
        assert (await person.sign_in(password="wrong, quite wrong")).status_code == 401
        assert (await person.sign_up()).status_code == 422
        assert await person.session() == before and links == []


@pytest.mark.sec("SEC-060")
async def test_somebody_anonymous_is_not_told_who_has_an_account() -> None:
    auth = open_to_all()
    async with serving(auth) as person, browser(auth) as elsewhere:
        await elsewhere.sign_up()
        await person.api("/sign-in/anonymous", {})
        known = await person.sign_in(password="wrong, quite wrong")
        unknown = await person.sign_in("nobody@example.com")
        assert (known.status_code, known.content, known.headers.raw) == (401, unknown.content, unknown.headers.raw)


class NotNow(AuthError):
    """What an application's `on_link` may raise."""

    message = "Not now"


@pytest.mark.parametrize(("problem", "status"), [(NotNow(), 400), (RuntimeError("broken"), 500)])
async def test_what_cannot_be_handed_over_stays_and_can_be_tried_again(problem: Exception, status: int) -> None:
    problems = [problem]
    linked: list[str] = []

    async def on_link(call: Call[Any], link: Link) -> None:
        if problems:
            raise problems.pop()
        linked.append(link.anonymous.user.id)

    auth = open_to_all(on_link=on_link)
    async with serving(auth) as person, browser(auth) as elsewhere:
        await elsewhere.sign_up()
        await elsewhere.api("/sign-out", {})
        nobody = (await person.api("/sign-in/anonymous", {})).json()["user"]
        person.event_hooks = {}  # what an application raises is in no document
        failed = await person.sign_in()
        assert failed.status_code == status and cookies_set(failed) == {}
        assert (await person.session())["user"]["id"] == nobody["id"]
        assert len(await auth.database.find_all(Session)) == 1
        assert (await person.sign_in()).status_code == 200
        assert linked == [nobody["id"]]
        assert [user.email for user in await users_of(auth)] == ["ann@example.com"]


async def test_somebody_with_an_account_is_linked_with_nobody() -> None:
    links: list[Link] = []

    async def on_link(call: Call[Any], link: Link) -> None:
        links.append(link)

    auth = open_to_all(on_link=on_link)
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.sign_up("bob@example.com")
        await ann.sign_in()
        assert links == [] and len(await users_of(auth)) == 2


async def test_who_was_linked_once_is_not_linked_again() -> None:
    links: list[Link] = []

    async def on_link(call: Call[Any], link: Link) -> None:
        links.append(link)

    auth = open_to_all(on_link=on_link)
    async with serving(auth) as person:
        await person.api("/sign-in/anonymous", {})
        await person.sign_up()
        await person.sign_in()
        assert len(links) == 1


async def test_a_call_from_python_after_somebody_elses_request_links_nobody() -> None:
    """What one request found out is not known to the next, although both run in one task."""
    links: list[Link] = []

    async def on_link(call: Call[Any], link: Link) -> None:
        links.append(link)

    auth = open_to_all(on_link=on_link)
    async with serving(auth) as person, browser(auth) as ann:
        await ann.sign_up()
        await person.api("/sign-in/anonymous", {})
        await person.sign_in(password="wrong, quite wrong")
        await auth[Password].sign_in(call_of(ann), SignIn(email="ann@example.com", password=PASSWORD))
        assert links == [] and (await person.session())["user"]["isAnonymous"] is True


async def test_the_token_of_a_header_is_linked_as_well() -> None:
    links: list[Link] = []

    async def on_link(call: Call[Any], link: Link) -> None:
        links.append(link)

    auth = open_to_all(Bearer(), on_link=on_link)
    async with serving(auth) as first, browser(auth) as app:
        token = (await first.api("/sign-in/anonymous", {})).json()["token"]
        await app.sign_up()
        app.cookies.clear()
        answer = await app.api(
            "/sign-in/email",
            {"email": "ann@example.com", "password": PASSWORD},
            headers={"authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 200 and len(links) == 1


async def test_among_several_accounts_the_anonymous_one_goes() -> None:
    auth = open_to_all(MultiSession())
    async with serving(auth) as person:
        await person.api("/sign-in/anonymous", {})
        await person.sign_up()
        listed = (await person.api("/multi-session/list-device-sessions")).json()
        assert [each["user"]["email"] for each in listed] == ["ann@example.com"]


@pytest.mark.parametrize(
    ("route", "is_one"),
    [
        ("/sign-in/email", True),
        ("/sign-in/email-otp", True),
        ("/sign-up/email", True),
        ("/callback/:id", True),
        ("/magic-link/verify", True),
        ("/email-otp/verify-email", True),
        ("/one-tap/callback", True),
        ("/passkey/verify-authentication", True),
        ("/phone-number/verify", True),
        ("/two-factor/verify-totp", True),
        ("/verify-email", True),
        ("/get-session", False),
        ("/sign-out", False),
        ("/update-user", False),
        ("/passkey/verify-registration", False),
    ],
)
def test_the_routes_by_which_somebody_is_linked(route: str, is_one: bool) -> None:
    assert is_entrance(route) is is_one


# Going


async def test_somebody_anonymous_may_delete_themselves() -> None:
    auth = open_to_all()
    async with serving(auth) as person:
        await person.api("/sign-in/anonymous", {})
        answer = await person.api("/delete-anonymous-user", {})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert "Max-Age=0" in cookies_set(answer)[SESSION]
        assert await users_of(auth) == [] and await auth.database.find_all(Session) == []
        assert await person.session() is None
        assert (await person.api("/delete-anonymous-user", {})).status_code == 401


async def test_somebody_with_an_account_is_not_deleted_so() -> None:
    auth = open_to_all()
    async with serving(auth) as ann:
        await ann.sign_up()
        refused(await ann.api("/delete-anonymous-user", {}), 403, "USER_IS_NOT_ANONYMOUS")
        assert len(await users_of(auth)) == 1


async def test_deleting_may_be_switched_off() -> None:
    auth = open_to_all(delete=False)
    async with serving(auth) as person:
        await person.api("/sign-in/anonymous", {})
        refused(await person.api("/delete-anonymous-user", {}), 400, "DELETE_ANONYMOUS_USER_DISABLED")


async def test_nobody_at_all_deletes_nobody() -> None:
    async with serving(open_to_all()) as nobody:
        refused(await nobody.api("/delete-anonymous-user", {}), 401, "UNAUTHORIZED")


async def test_another_sites_page_deletes_nobody() -> None:
    auth = open_to_all()
    async with serving(auth) as person:
        await person.api("/sign-in/anonymous", {})
        answer = await person.api("/delete-anonymous-user", {}, headers={"origin": "https://evil.example"})
        assert answer.status_code == 403
        assert len(await users_of(auth)) == 1
