"""Confirming that it is you: by password, by a mailed code, on the screen and over JSON."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from authmw import Auth
from authmw.core.model import Account
from tests.support import PASSWORD, Browser, Clock, events_of, make_auth, refused, serving

pytestmark = pytest.mark.anyio

SEND: dict[str, Any] = {"with": "send"}


async def without_password(auth: Auth[Any], ann: Browser) -> None:
    """Somebody who signs in by other means."""
    await ann.sign_up()
    assert await auth.database.delete(Account, provider_id="credential")


async def code_for(ann: Browser) -> str:
    assert (await ann.api("/reauth/send-code", {})).status_code == 200
    code = (await ann.mail()).last("email-otp").context["otp"]
    assert isinstance(code, str) and len(code) == 6
    return code


async def test_the_password_makes_the_session_fresh_and_its_token_new() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        before = (await ann.session())["session"]["token"]
        planted = dict(ann.cookies)
        clock.forward(days=1, minutes=1)
        refused(await ann.api("/list-sessions"), 403, "SESSION_NOT_FRESH")
        answer = await ann.api("/reauth", {"password": PASSWORD})
        now = (await ann.session())["session"]
        assert answer.json() == {"status": True, "token": now["token"]}
        assert now["token"] != before
        assert len((await ann.api("/list-sessions")).json()) == 1
        ann.cookies.clear()
        ann.cookies.update(planted)
        assert await ann.session() is None, "the session before is over"


async def test_whoever_did_not_want_to_be_remembered_is_not_by_confirming() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up(rememberMe=False)
        answer = await ann.api("/reauth", {"password": PASSWORD})
        cookies = answer.headers.get_list("set-cookie")
        (session,) = [line for line in cookies if "session_token" in line]
        assert "Max-Age" not in session


async def test_a_wrong_password_confirms_nothing_and_guesses_are_few() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock, rate_limit=True)) as ann:
        await ann.sign_up()
        for _ in range(5):
            refused(await ann.api("/reauth", {"password": "wrong wrong wrong"}), 400, "INVALID_PASSWORD")
            clock.forward(seconds=11)
        answer = await ann.api("/reauth", {"password": PASSWORD})
        assert answer.status_code == 429, "SEC-009"


async def test_nobody_confirms_anything() -> None:
    async with serving(make_auth()) as nobody:
        refused(await nobody.api("/reauth", {"password": PASSWORD}), 401, "UNAUTHORIZED")
        refused(await nobody.api("/reauth/send-code", {}), 401, "UNAUTHORIZED")


async def test_without_a_proof_nothing_is_confirmed() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        refused(await ann.api("/reauth", {}), 400, "PROOF_REQUIRED")


async def test_a_session_that_ended_during_the_check_is_not_renewed() -> None:
    auth = make_auth()
    async with serving(auth) as ann, serving(auth) as other:
        await ann.sign_up()
        await other.sign_in()
        confirming = asyncio.create_task(ann.api("/reauth", {"password": PASSWORD}))
        await other.api("/revoke-other-sessions", {})
        await confirming
        assert await ann.session() is None or (await other.api("/revoke-other-sessions", {})).status_code == 200


@pytest.mark.sec("SEC-021")
async def test_a_mailed_code_confirms_where_there_is_no_password() -> None:
    clock, auth = Clock(), make_auth()
    auth.clock = clock
    async with serving(auth) as ann:
        await without_password(auth, ann)
        before = (await ann.session())["session"]["token"]
        code = await code_for(ann)
        assert code not in repr(auth.database.__dict__), "the code is in no row"
        answer = await ann.api("/reauth", {"code": f" {code[:3]}-{code[3:]} "})
        assert answer.status_code == 200
        assert (await ann.session())["session"]["token"] != before
        refused(await ann.api("/reauth", {"code": code}), 400, "OTP_EXPIRED")


async def test_a_code_is_no_way_around_a_password() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        refused(await ann.api("/reauth/send-code", {}), 400, "PASSWORD_REQUIRED")
        refused(await ann.api("/reauth", {"code": "123456"}), 400, "PASSWORD_REQUIRED")


@pytest.mark.parametrize(
    "given", ["", "12345", "1234567", "١٢٣٤٥٦", "１２３４５６", "abcdef", "0x1234", "+12345", "123456" * 1000]
)
async def test_what_is_no_code_is_refused(given: str) -> None:
    auth = make_auth(rate_limit=False)
    async with serving(auth) as ann:
        await without_password(auth, ann)
        await code_for(ann)
        answer = await ann.api("/reauth", {"code": given})
        assert answer.status_code == 400
        assert answer.json()["code"] in ("INVALID_OTP", "VALIDATION_ERROR")


@pytest.mark.sec("SEC-066")
async def test_a_code_takes_three_tries_also_at_the_same_moment() -> None:
    auth = make_auth(rate_limit=False)
    async with serving(auth) as ann:
        await without_password(auth, ann)
        code = await code_for(ann)
        wrong = f"{(int(code) + 1) % 10**6:06}"
        await asyncio.gather(*(ann.api("/reauth", {"code": wrong}) for _ in range(12)))
        assert [event.event for event in events_of(auth)].count("otp.failed") == 3, "so many were looked at"
        assert (await ann.api("/reauth", {"code": code})).status_code in (400, 403), "the right one comes too late"


async def test_the_last_wrong_try_says_that_it_was_the_last() -> None:
    auth = make_auth(rate_limit=False)
    async with serving(auth) as ann:
        await without_password(auth, ann)
        await code_for(ann)
        said = [(await ann.api("/reauth", {"code": "wrong"})).json()["code"] for _ in range(3)]
        assert said == ["INVALID_OTP", "INVALID_OTP", "TOO_MANY_ATTEMPTS"]


async def test_a_code_is_good_for_five_minutes_and_the_newest_alone() -> None:
    clock = Clock()
    auth = make_auth(clock=clock, rate_limit=False)
    async with serving(auth) as ann:
        await without_password(auth, ann)
        old, new = await code_for(ann), await code_for(ann)
        if old != new:
            refused(await ann.api("/reauth", {"code": old}), 400, "INVALID_OTP")
        clock.forward(minutes=5, seconds=-1)
        assert (await ann.api("/reauth", {"code": new})).status_code == 200
        late = await code_for(ann)
        clock.forward(minutes=5)
        refused(await ann.api("/reauth", {"code": late}), 400, "OTP_EXPIRED")


async def test_of_many_with_the_right_code_one_gets_in() -> None:
    auth = make_auth(rate_limit=False)
    async with serving(auth) as ann:
        await without_password(auth, ann)
        code = await code_for(ann)
        answers = await asyncio.gather(*(ann.api("/reauth", {"code": code}) for _ in range(8)))
        assert sum(answer.status_code == 200 for answer in answers) == 1


# The screen


async def test_a_form_that_changes_how_one_signs_in_asks_first_and_comes_back() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        assert (await ann.get("/auth/settings/password")).status_code == 200
        clock.forward(minutes=11)
        sent = await ann.get("/auth/settings/password")
        asks = "/auth/reauth?next=%2Fauth%2Fsettings%2Fpassword"
        assert (sent.status_code, sent.headers["location"]) == (303, asks)
        htmx = await ann.get("/auth/settings/password", headers={"hx-request": "true"})
        assert (htmx.status_code, htmx.headers["hx-redirect"]) == (200, asks)
        page = await ann.get(asks)
        assert "Confirm it is you" in page.text and "ann@example.com" in page.text
        wrong = await ann.submit(asks.removeprefix("/auth"), password="wrong wrong wrong")
        assert wrong.status_code == 422 and "That password is not right." in wrong.text
        empty = await ann.submit(asks.removeprefix("/auth"), password="")
        assert empty.status_code == 422 and "Enter your password." in empty.text
        confirmed = await ann.submit(asks.removeprefix("/auth"), password=PASSWORD, next="/auth/settings/password")
        assert (confirmed.status_code, confirmed.headers["location"]) == (303, "/auth/settings/password")
        assert (await ann.get("/auth/settings/password")).status_code == 200
        again = await ann.get(asks)
        assert again.headers["location"] == "/auth/settings/password", "who has just confirmed is sent on"


async def test_a_form_sent_too_late_is_not_done_and_not_sent_again() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        page = await ann.get("/auth/settings/password")
        clock.forward(minutes=11)
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        fields = {"csrf_token": token, "currentPassword": PASSWORD, "newPassword": "another horse battery"}
        late = await ann.post("/auth/settings/password", data=fields)
        assert late.headers["location"] == "/auth/reauth?next=%2Fauth%2Fsettings%2Fpassword"
        ann.cookies.clear()
        assert (await ann.sign_in()).status_code == 200, "the password is as it was"


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, True),
        ({"screens_fresh_for": timedelta(hours=1)}, False),
        ({"screens_fresh_for": timedelta(0)}, False),
        ({"screens_fresh_for": timedelta(hours=1), "fresh_for": timedelta(minutes=1)}, True),
    ],
)
async def test_how_long_a_proof_lasts_is_a_setting(settings: dict[str, Any], asked: bool) -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock, **settings)) as ann:
        await ann.sign_up()
        clock.forward(minutes=11)
        assert ((await ann.get("/auth/settings/password")).status_code == 303) is asked


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://localhost:8000/auth/settings/profile", "/auth/settings/profile"),
        ("http://localhost:8000/board?page=2", "/board?page=2"),
        ("http://localhost:8000/auth/reauth?next=/x", "/auth/settings/profile"),
        ("http://localhost:8000/auth/settings/password", "/auth/settings/profile"),
        ("https://evil.example/board", "/auth/settings/profile"),
        ("http://localhost:8000//evil.example", "/auth/settings/profile"),
        ("http://localhost:8000.evil.example/", "/auth/settings/profile"),
        ("javascript:alert(1)", "/auth/settings/profile"),
        ("", "/auth/settings/profile"),
    ],
)
async def test_cancel_leads_to_the_page_before(referer: str, back: str) -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        clock.forward(minutes=11)
        headers = {"referer": referer} if referer else {}
        page = await ann.get("/auth/reauth?next=/auth/settings/password", headers=headers)
        assert f'<a class="am-link" href="{back}">Cancel</a>' in page.text


async def test_the_way_back_survives_a_wrong_password_and_leads_nowhere_else() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        page = await ann.submit("/reauth", password="wrong wrong wrong", back="/board?page=2")
        assert '<a class="am-link" href="/board?page=2">Cancel</a>' in page.text
        page = await ann.submit("/reauth", password="wrong wrong wrong", back="//evil.example")
        assert "evil.example" not in page.text


async def test_the_screen_sends_a_code_to_somebody_without_a_password() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await without_password(auth, ann)
        page = await ann.get("/auth/reauth?next=")
        assert "Send a code" in page.text and 'name="code"' not in page.text
        sent = await ann.submit("/reauth", **SEND)
        assert sent.status_code == 303
        page = await ann.get("/auth/reauth")
        assert "We have sent you a code." in page.text and 'autocomplete="one-time-code"' in page.text
        again = await ann.submit("/reauth", **SEND)
        assert again.status_code == 429
        code = (await ann.mail()).last("email-otp").context["otp"]
        wrong = await ann.submit("/reauth", code="000000" if code != "000000" else "000001")
        assert wrong.status_code == 422 and "That code is not right." in wrong.text
        assert 'value="000000"' not in wrong.text
        done = await ann.submit("/reauth", code=code, next="/auth/settings/password")
        assert (done.status_code, done.headers["location"]) == (303, "/auth/settings/password")


async def test_signed_out_the_way_leads_past_the_screen() -> None:
    async with serving(make_auth()) as nobody:
        answer = await nobody.get("/auth/reauth?next=/auth/settings/password")
        assert answer.headers["location"] == "/auth/sign-in?next=%2Fauth%2Fsettings%2Fpassword"
