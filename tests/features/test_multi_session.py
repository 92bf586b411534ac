"""Several sessions in one browser: a cookie each, one of them active."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from authmw import Auth
from authmw.core.model import Session
from authmw.features import MultiSession, Password
from tests.support import Browser, Clock, browser, cookies_set, make_auth, refused, serving

pytestmark = pytest.mark.anyio

COOKIE = "better-auth.session_token"
ANN, BOB = "ann@example.com", "bob@example.com"


def several(**options: Any) -> Auth[Any]:
    clock = options.pop("clock", None)
    return make_auth(features=[Password(), MultiSession(**options)], clock=clock)


async def both(person: Browser) -> None:
    """Ann and then Bob sign up in one browser."""
    await person.sign_up()
    await person.sign_up(email=BOB, name="Bob")


async def here(person: Browser) -> dict[str, str]:
    """Who is signed in in this browser: what is chosen by, by address."""
    listed = (await person.api("/multi-session/list-device-sessions")).json()
    return {each["user"]["email"]: each["session"]["token"] for each in listed}


def marks(answer: httpx2.Response) -> list[str]:
    return [name for name in cookies_set(answer) if "_multi-" in name]


async def email_of(person: Browser) -> str | None:
    session = await person.session()
    return session["user"]["email"] if session else None


async def test_a_session_has_a_cookie_of_its_own() -> None:
    async with serving(several()) as ann:
        signed_up = await ann.sign_up()
        token = signed_up.json()["token"]
        written = cookies_set(signed_up)
        assert marks(signed_up) == [f"{COOKIE}_multi-{token.lower()}"]
        assert written[f"{COOKIE}_multi-{token.lower()}"] == written[COOKIE]
        assert "Max-Age=604800; Path=/; HttpOnly; SameSite=Lax" in written[COOKIE]


async def test_the_second_person_is_active_and_the_first_still_there() -> None:
    async with serving(several()) as person:
        await both(person)
        assert await email_of(person) == BOB
        assert set(await here(person)) == {ANN, BOB}


@pytest.mark.sec("SEC-045")
async def test_the_list_hands_out_no_token_but_the_active_ones() -> None:
    auth = several()
    async with serving(auth) as person, browser(auth) as thief:
        await both(person)
        listed = await here(person)
        assert listed[ANN].startswith("session_")
        for value in listed[ANN], quote(auth.secrets.sign(listed[ANN])):
            thief.cookies.set(COOKIE, value, domain="localhost.local")
            assert await thief.session() is None


@pytest.mark.parametrize("by", ["handle", "token"])
async def test_one_goes_on_as_somebody_who_is_signed_in_here(by: str) -> None:
    async with serving(several()) as person:
        token = (await person.sign_up()).json()["token"]
        await person.sign_up(email=BOB, name="Bob")
        chosen = (await here(person))[ANN] if by == "handle" else token
        answer = await person.api("/multi-session/set-active", {"sessionToken": chosen})
        assert answer.json()["user"]["email"] == ANN and answer.json()["session"]["token"] == token
        assert await email_of(person) == ANN


async def test_somebody_may_be_chosen_when_nobody_is_active() -> None:
    async with serving(several()) as person:
        await both(person)
        chosen = (await here(person))[ANN]
        person.cookies.delete(COOKIE)
        assert set(await here(person)) == {ANN, BOB}
        assert (await person.api("/multi-session/set-active", {"sessionToken": chosen})).status_code == 200
        assert await email_of(person) == ANN


async def test_a_token_without_its_cookie_chooses_nobody() -> None:
    """The cookie's signed value says who it is; the body only which cookie."""
    auth = several()
    async with serving(auth) as person, browser(auth) as bob:
        await person.sign_up()
        stolen = (await bob.sign_up(email=BOB, name="Bob")).json()["token"]
        refused(await person.api("/multi-session/set-active", {"sessionToken": stolen}), 401, "INVALID_SESSION_TOKEN")
        person.cookies.set(
            f"{COOKIE}_multi-{stolen.lower()}", stolen + "." + "A" * 43 + "%3D", domain="localhost.local"
        )
        refused(await person.api("/multi-session/set-active", {"sessionToken": stolen}), 401, "INVALID_SESSION_TOKEN")
        assert await email_of(person) == ANN


async def test_a_cookie_under_another_name_counts_for_nothing() -> None:
    auth = several()
    async with serving(auth) as person:
        token = (await person.sign_up()).json()["token"]
        async with browser(auth) as other:
            other.cookies.set(f"{COOKIE}_multi-else", quote(auth.secrets.sign(token)), domain="localhost.local")
            assert await here(other) == {}


async def test_after_the_active_one_ends_another_goes_on_and_after_the_last_nobody() -> None:
    auth = several()
    async with serving(auth) as person:
        await both(person)
        ended = (await here(person))[BOB]
        assert (await person.api("/multi-session/revoke", {"sessionToken": ended})).json() == {"status": True}
        assert await email_of(person) == ANN
        assert await auth.database.count(Session) == 1
        assert (
            await person.api("/multi-session/revoke", {"sessionToken": (await here(person))[ANN]})
        ).status_code == 200
        assert await email_of(person) is None and await auth.database.count(Session) == 0
        refused(await person.api("/multi-session/revoke", {"sessionToken": "x"}), 401, "UNAUTHORIZED")


async def test_ending_another_leaves_the_active_one() -> None:
    async with serving(several()) as person:
        await both(person)
        await person.api("/multi-session/revoke", {"sessionToken": (await here(person))[ANN]})
        assert await email_of(person) == BOB and set(await here(person)) == {BOB}


async def test_a_new_session_of_one_person_takes_the_place_of_the_old() -> None:
    auth = several()
    async with serving(auth) as person:
        await both(person)
        again = await person.sign_in()
        assert await auth.database.count(Session) == 2
        assert set(await here(person)) == {ANN, BOB}
        assert len([each for each in marks(again) if "Max-Age=0" in cookies_set(again)[each]]) == 1


@pytest.mark.sec("SEC-040")
async def test_without_the_feature_the_session_before_ends() -> None:
    auth = make_auth(features=[Password()])
    async with serving(auth) as person:
        await both(person)
        assert await auth.database.count(Session) == 1


async def test_whoever_is_one_too_many_is_signed_in_and_not_remembered() -> None:
    async with serving(several(maximum_sessions=2)) as person:
        await both(person)
        third = await person.sign_up(email="eve@example.com", name="Eve")
        assert marks(third) == []
        assert await email_of(person) == "eve@example.com"
        assert set(await here(person)) == {ANN, BOB}


async def test_signing_out_ends_them_all_but_what_is_forged() -> None:
    auth = several()
    async with serving(auth) as person:
        await both(person)
        person.cookies.set(f"{COOKIE}_multi-forged", "forged.AAAA", domain="localhost.local")
        answer = await person.api("/sign-out", {})
        assert await auth.database.count(Session) == 0
        assert len(marks(answer)) == 2 and not any(name.endswith("forged") for name in marks(answer))
        assert await here(person) == {}


async def test_a_session_that_is_over_is_not_listed_and_cannot_be_chosen() -> None:
    clock = Clock()
    auth = several(clock=clock)
    async with serving(auth) as person:
        token = (await person.sign_up()).json()["token"]
        clock.forward(days=6)
        await person.sign_up(email=BOB, name="Bob")
        clock.forward(days=2)
        assert set(await here(person)) == {BOB}
        answer = await person.api("/multi-session/set-active", {"sessionToken": token})
        refused(answer, 401, "INVALID_SESSION_TOKEN")
        assert "Max-Age=0" in cookies_set(answer)[f"{COOKIE}_multi-{token.lower()}"]


@pytest.mark.parametrize("path", ["set-active", "revoke"])
@pytest.mark.parametrize("body", [{}, {"sessionToken": None}, {"sessionToken": 1}, {"sessionToken": [1]}])
async def test_what_is_no_token_is_a_wrong_input(path: str, body: Any) -> None:
    async with serving(several()) as person:
        await person.sign_up()
        refused(await person.api(f"/multi-session/{path}", body), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("token", ["", "x" * 4096, "../..", "é", "session_", "a;b=c", "a\r\nset-cookie: x=y"])
async def test_no_text_becomes_a_cookie_of_ours(token: str) -> None:
    async with serving(several()) as person:
        await person.sign_up()
        answer = await person.api("/multi-session/set-active", {"sessionToken": token})
        assert answer.status_code in (400, 401) and cookies_set(answer) == {}


# The screen


async def test_the_switcher_shows_who_is_here_switches_and_signs_out() -> None:
    auth = several()
    async with serving(auth) as person:
        await both(person)
        page = await person.get("/auth/switch-account")
        assert page.text.count("This account") == 1 and ANN in page.text
        handle = (await here(person))[ANN]
        assert handle in page.text
        fields: dict[str, Any] = {"with": "switch", "sessionToken": handle}
        assert (await person.submit("/switch-account", **fields)).status_code == 303
        assert await email_of(person) == ANN
        fields = {"with": "end", "sessionToken": (await here(person))[BOB]}
        await person.submit("/switch-account", **fields)
        assert set(await here(person)) == {ANN}


async def test_the_last_session_that_is_ended_leads_out() -> None:
    auth = several()
    async with serving(auth) as person:
        await person.sign_up()
        fields: dict[str, Any] = {"with": "end", "sessionToken": (await here(person))[ANN]}
        answer = await person.submit("/switch-account", **fields)
        assert answer.status_code == 303 and await email_of(person) is None
        assert (await person.get("/auth/switch-account")).headers["location"].startswith("/auth/sign-in?")


async def test_another_account_is_signed_in_to_beside_the_one_there_is() -> None:
    async with serving(several()) as person:
        await both(person)
        assert (await person.get("/auth/sign-in")).status_code == 303
        assert "/auth/sign-in?another=1" in (await person.get("/auth/switch-account")).text
        assert (await person.get("/auth/sign-in?another=1")).status_code == 200
        sent = await person.submit("/sign-in?another=1", email=ANN, password="correct horse battery")
        assert sent.status_code == 303
        assert await email_of(person) == ANN and set(await here(person)) == {ANN, BOB}
    async with serving(make_auth(features=[Password()])) as person:
        await person.sign_up()
        assert (await person.get("/auth/sign-in?another=1")).status_code == 303, "there is room for one"


async def test_no_session_stays_behind_that_no_cookie_of_this_browser_holds() -> None:
    auth = several(maximum_sessions=2)
    async with serving(auth) as person:
        await both(person)
        for name in ("cy", "di"):  # neither is remembered beside the two
            await person.sign_up(email=f"{name}@example.com", name=name)
        assert await auth.database.count(Session) == 3
        await person.api("/sign-out", {})
        assert await auth.database.count(Session) == 0


async def test_whoever_does_not_want_to_be_remembered_is_gone_with_the_browser() -> None:
    async with serving(several()) as person:
        signed_up = await person.sign_up(rememberMe=False)
        (mark,) = marks(signed_up)
        assert "Max-Age" not in cookies_set(signed_up)[mark]
        await person.sign_up(email=BOB, name="Bob")
        switched = await person.api("/multi-session/set-active", {"sessionToken": (await here(person))[ANN]})
        assert "Max-Age" not in cookies_set(switched)[COOKIE]
        assert "Max-Age=0" not in cookies_set(switched)["better-auth.dont_remember"]


async def test_cookies_of_sessions_that_are_over_do_not_pile_up() -> None:
    async with serving(several()) as person:
        await person.sign_up()
        for _ in range(6):
            await person.sign_in()
        assert len([cookie for cookie in person.cookies.jar if "_multi-" in cookie.name]) == 1


async def test_from_there_an_account_is_made_beside_the_one_there_is() -> None:
    async with serving(several()) as person:
        await person.sign_up()
        page = await person.get("/auth/switch-account?next=/x")
        assert 'href="/auth/sign-in?next=%2Fx&amp;another=1"' in page.text
        page = await person.get("/auth/sign-in?another=1")
        assert 'href="/auth/sign-up?another=1"' in page.text
        assert (await person.get("/auth/sign-up?another=1")).status_code == 200
