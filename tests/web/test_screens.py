"""What the screens answer: statuses, ways on, headers, and what somebody with bad intent would send."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, ClassVar

import httpx2
import pytest

from authmw import Auth, ConsoleMailer
from authmw.core.call import Call
from authmw.core.errors import TooManyRequests
from authmw.core.feature import Feature, Join, Screen, Visit
from authmw.core.inputs import Email
from authmw.core.operation import Done, operation
from authmw.core.store import Unavailable
from authmw.features import EmailVerification, Password
from tests.support import ORIGIN, PASSWORD, Browser, Clock, browser, make_auth, plain_app, serving

pytestmark = pytest.mark.anyio

EMAIL = "ann@example.com"
NEW_PASSWORD = "another horse battery"
SIGN_IN: dict[str, Any] = {"email": EMAIL, "password": PASSWORD, "rememberMe": "true"}
SEND: dict[str, Any] = {"with": "send"}
SIGN_UP: dict[str, Any] = {"name": "Ann", "email": EMAIL, "password": PASSWORD}
HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types authmw",
    "cache-control": "no-store",
    "vary": "HX-Request, Cookie, Accept-Language",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), "
    "camera=(), microphone=(), geolocation=()",
}
LEAVES_THIS_SITE = [
    "https://evil.example",
    "http://localhost:8000/",
    "//evil.example",
    "//evil.example/%2e%2e",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "/%2fevil.example",
    "/%5cevil.example",
    "/%2F%2Fevil.example",
    "javascript:alert(1)",
    "data:text/html,hello",
    "evil.example",
    "?next=//evil.example",
    "/me\r\nSet-Cookie: a=b",
    "https:evil.example",
    "/" + "a" * 3000,
    "\u2215\u2215evil.example",
]


class Trouble(Feature):
    """A screen on which everything goes wrong, one way by each word."""

    async def trouble(self, call: Call[Any], visit: Visit) -> None:
        match visit.query.get("with"):
            case "fault":
                raise RuntimeError("the secret of the fault")
            case "busy":
                raise Unavailable("the database of the fault")
            case "many":
                raise TooManyRequests(90)

    screens: ClassVar = (Screen(path="/trouble", template="password/forgot_password.html", loads=trouble),)


def form_token(page: httpx2.Response) -> str:
    return page.text.partition('name="csrf_token" value="')[2].partition('"')[0]


def title_of(page: httpx2.Response) -> str:
    return unescape(page.text.partition("<title>")[2].partition("</title>")[0])


def heading_of(page: httpx2.Response) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)
    return unescape(found[1]) if found else ""


def error_at(page: httpx2.Response, field: str) -> str:
    """The words beside one field, without the tags in them."""
    found = re.search(rf'<p class="am-error" id="{field}-error">(.*?)</p>', page.text, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", found[1])).split()).removeprefix("Error: ") if found else ""


def without_tokens(page: httpx2.Response) -> str:
    """A page but for what is new on each: its form tokens."""
    return re.sub(r"\d{10}\.[\w-]*\.[\w-]*\.[\w-]{43}", "TOKEN", page.text)


def path_of(url: str) -> str:
    return url.removeprefix(ORIGIN)


async def link_of(person: Browser, kind: str) -> str:
    """The link of the last letter of `kind`, as a path of this site."""
    return path_of(str((await person.mail()).last(kind).context["url"]))


async def follow(person: Browser, path: str) -> httpx2.Response:
    """Open `path` and go where it leads, as long as it leads on."""
    answer = await person.get(path)
    for _ in range(5):
        if answer.status_code != 303:
            break
        answer = await person.get(answer.headers["location"])
    return answer


async def open_reset_link(person: Browser) -> None:
    await person.submit("/forgot-password", email=EMAIL)
    await follow(person, await link_of(person, "reset-password"))


# Answers to a plain form, and to htmx


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-up", "/sign-out", "/forgot-password", "/check-email", "/verify-email", "/error"]
)
async def test_a_screen_is_shown_with_the_exact_headers(path: str) -> None:
    async with serving(make_auth()) as person:
        for headers in ({}, {"hx-request": "true"}):
            page = await person.get(f"/auth{path}", headers=headers)
            assert page.status_code == 200
            assert {name: page.headers.get(name) for name in HEADERS} == HEADERS
            assert "server" not in page.headers
            assert "strict-transport-security" not in page.headers
            assert 'id="main"' in page.text


async def test_https_is_remembered_by_the_browser() -> None:
    auth = make_auth(base_url="https://app.example.com")
    async with serving(auth) as person:
        page = await person.get("/auth/sign-in")
        assert page.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_a_form_with_errors_is_422_and_says_them_four_ways() -> None:
    async with serving(make_auth()) as person:
        for htmx in (False, True):
            page = await person.submit("/sign-in", htmx=htmx, email="ann@example.com", password="")
            assert page.status_code == 422
            assert title_of(page) == "Error: Sign in – authmw"
            assert 'role="alert" tabindex="-1" autofocus data-am-focus' in page.text
            assert '<a href="#password">Enter your password.</a>' in page.text
            assert error_at(page, "password") == "Enter your password."
            assert 'aria-describedby="password-error" aria-invalid="true"' in page.text
            assert {name: page.headers.get(name) for name in HEADERS} == HEADERS


async def test_success_that_ends_elsewhere_is_a_redirect_and_for_htmx_a_navigation() -> None:
    async with serving(make_auth()) as ann:
        plain = await ann.submit("/sign-up", **SIGN_UP)
        assert (plain.status_code, plain.headers["location"], plain.content) == (303, "/", b"")
        async with browser(ann.mw) as again:
            answer = await again.submit("/sign-in", htmx=True, **SIGN_IN)
            assert (answer.status_code, answer.headers["hx-redirect"], answer.content) == (200, "/", b"")
            assert "location" not in answer.headers
            assert (await again.get("/me")).json()["email"] == EMAIL


async def test_success_that_stays_says_so_once() -> None:
    async with serving(make_auth()) as ann:
        await ann.submit("/sign-up", **SIGN_UP)
        plain = await ann.submit("/settings/profile", name="Anna")
        assert (plain.status_code, plain.headers["location"]) == (303, "/auth/settings/profile")
        page = await ann.get("/auth/settings/profile")
        assert '<div class="am-notice" role="status" tabindex="-1" autofocus><p>Your profile is saved.</p>' in page.text
        assert 'value="Anna"' in page.text
        assert "Your profile is saved." not in (await ann.get("/auth/settings/profile")).text


async def test_success_that_stays_reaches_the_live_region_through_htmx() -> None:
    async with serving(make_auth()) as ann:
        await ann.submit("/sign-up", **SIGN_UP)
        page = await ann.submit("/settings/profile", htmx=True, name="Anna")
        assert page.status_code == 200
        live = page.text.partition('id="am-live"')[2].partition("</div>")[0]
        assert live.endswith("Your profile is saved.")
        assert '<h1 tabindex="-1" data-am-focus>' in page.text
        assert 'value="Anna"' in page.text
        assert "Your profile is saved." not in (await ann.get("/auth/settings/profile")).text


async def test_a_private_screen_sends_strangers_to_sign_in_and_back() -> None:
    async with serving(make_auth()) as person:
        plain = await person.get("/auth/settings/profile")
        there = "/auth/sign-in?next=%2Fauth%2Fsettings%2Fprofile"
        assert (plain.status_code, plain.headers["location"]) == (303, there)
        htmx = await person.get("/auth/settings/profile", headers={"hx-request": "true"})
        assert (htmx.status_code, htmx.headers["hx-redirect"], htmx.content) == (200, there, b"")
        page = await person.get(there)
        assert "Sign in to continue." in page.text
        await person.sign_up()
        person.cookies.clear()
        answer = await person.post(
            "/auth/sign-in", data={"csrf_token": form_token(await person.get(there)), "next": "/secret", **SIGN_IN}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/secret")


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
async def test_an_entrance_sends_on_whoever_is_signed_in(path: str) -> None:
    async with serving(make_auth(after_sign_in="/me")) as ann:
        await ann.sign_up()
        assert (await ann.get(f"/auth{path}")).headers["location"] == "/me"
        assert (await ann.get(f"/auth{path}?next=/secret")).headers["location"] == "/secret"
        assert (await ann.get(f"/auth{path}?next=//evil.example")).headers["location"] == "/me"
        assert (await ann.get(f"/auth{path}", headers={"hx-request": "true"})).headers["hx-redirect"] == "/me"


async def test_there_is_no_such_page() -> None:
    async with serving(make_auth()) as person:
        for path in ("/nothing", "/sign-in/", "/sign-in/more", "/sign%2din", "/settings", "/SIGN-IN"):
            page = await person.get(f"/auth{path}")
            assert (page.status_code, heading_of(page)) == (404, "There is no such page"), path
            assert {name: page.headers.get(name) for name in HEADERS} == HEADERS
            assert 'href="/auth/sign-in"' in page.text
        token = form_token(await person.get("/auth/sign-in"))
        assert (await person.post("/auth/sign-in", data={"csrf_token": token, "with": "magic"})).status_code == 404
        assert (await person.post("/auth/nothing", data={"csrf_token": token})).status_code == 404
        assert (await person.request("DELETE", "/auth/sign-in")).status_code == 404


async def test_head_answers_like_get_without_a_body() -> None:
    async with serving(make_auth()) as person:
        answer = await person.head("/auth/sign-in")
        assert (answer.status_code, answer.content) == (200, b"")


async def test_the_mount_itself_leads_to_the_right_screen() -> None:
    async with serving(make_auth()) as ann:
        assert (await ann.get("/auth")).headers["location"] == "/auth/sign-in"
        assert (await ann.get("/auth/")).headers["location"] == "/auth/sign-in"
        await ann.sign_up()
        assert (await ann.get("/auth")).headers["location"] == "/auth/settings/profile"


async def test_too_many_tries_is_429_on_the_same_screen_with_the_wait_in_words() -> None:
    async with serving(make_auth(rate_limit=True)) as person:
        for _ in range(3):
            assert (await person.submit("/sign-in", **SIGN_IN)).status_code == 422
        for htmx in (False, True):
            page = await person.submit("/sign-in", htmx=htmx, **SIGN_IN)
            assert (page.status_code, page.headers["retry-after"]) == (429, "10")
            assert "Too many tries. Wait 10 seconds and try again." in page.text
            assert heading_of(page) == "Sign in to authmw"
            assert f'value="{EMAIL}"' in page.text and PASSWORD not in page.text


async def test_a_letter_is_sent_again_once_a_minute() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as person:
        await person.sign_up()
        person.cookies.clear()
        sent = await person.submit("/forgot-password", email=EMAIL)
        assert sent.headers["location"] == "/auth/check-email?for=reset"
        page = await person.get("/auth/check-email?for=reset")
        assert "You can send it again in 60 seconds." in page.text
        early = await person.submit("/check-email", email=EMAIL, **SEND)
        assert (early.status_code, early.headers["retry-after"]) == (429, "60")
        assert "Too many tries. Wait 1 minute and try again." in early.text
        clock.forward(seconds=61)
        assert (await person.submit("/check-email", email=EMAIL, **SEND)).status_code == 303
        assert "We have sent it again." in (await person.get("/auth/check-email")).text
        assert len((await person.mail()).of("reset-password")) == 2


# Faults


async def test_a_fault_shows_a_reference_and_nothing_else() -> None:
    async with serving(make_auth(features=[Password(), Trouble()])) as person:
        page = await person.get("/auth/trouble?with=fault")
        assert (page.status_code, heading_of(page)) == (500, "Something went wrong on our side")
        assert re.search(r"Reference: <strong>\w{8}</strong>", page.text)
        assert "the secret" not in page.text and "RuntimeError" not in page.text
        assert {name: page.headers.get(name) for name in HEADERS} == HEADERS


async def test_a_database_that_is_away_is_503_and_never_nobody() -> None:
    async with serving(make_auth(features=[Password(), Trouble()])) as person:
        page = await person.get("/auth/trouble?with=busy")
        assert (page.status_code, heading_of(page)) == (503, "We are busy right now")
        assert page.headers["retry-after"] == "1"


async def test_the_page_of_too_many_tries_says_how_long_to_wait() -> None:
    async with serving(make_auth(features=[Password(), Trouble()])) as person:
        page = await person.get("/auth/trouble?with=many")
        assert (page.status_code, page.headers["retry-after"]) == (429, "90")
        assert "Wait 2 minutes and try again." in page.text


@pytest.mark.parametrize(
    ("error", "heading"),
    [
        ("INVALID_TOKEN", "This link has expired"),
        ("EMAIL_NOT_VERIFIED", "Confirm your email first"),
        ("", "Something went wrong"),
        ("<script>alert(1)</script>", "Something went wrong"),
    ],
)
async def test_the_error_screen_knows_codes_and_repeats_nothing(error: str, heading: str) -> None:
    async with serving(make_auth()) as person:
        page = await person.get("/auth/error", params={"error": error, "error_description": "call +1-800-CALL"})
        assert (page.status_code, heading_of(page)) == (200, heading)
        assert "+1-800" not in page.text and "alert(1)" not in page.text


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 400),
        ("multipart/form-data; boundary=x", b"--x--", 400),
        ("text/plain", b"email=a", 400),
        ("application/x-www-form-urlencoded", b"email=\xff", 400),
        ("application/x-www-form-urlencoded", b"email=%ff", 400),
        ("application/x-www-form-urlencoded", b"email=a&email=b", 400),
        ("application/x-www-form-urlencoded", b"a=" + b"b" * 300_000, 413),
    ],
)
async def test_a_body_that_is_no_form_is_answered_in_words(content_type: str, body: bytes, status: int) -> None:
    async with serving(make_auth()) as person:
        await person.get("/auth/sign-in")
        page = await person.post("/auth/sign-in", content=body, headers={"content-type": content_type})
        assert page.status_code == status
        assert "on our side" not in page.text
        assert {name: page.headers.get(name) for name in HEADERS} == HEADERS


# Who may send a form


async def test_a_form_without_its_token_is_refused() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        ann.cookies.clear()
        token = form_token(await ann.get("/auth/sign-in"))
        made, _, signature = token.partition(".")
        forged = [
            None,
            "",
            "x",
            made,
            f"{made}.",
            f"{int(made) + 1}.{signature}",
            f"{made}.{'A' * 43}",
            "٣." + signature,
        ]
        for given in forged:
            fields = SIGN_IN if given is None else {"csrf_token": given, **SIGN_IN}
            for headers in ({}, {"hx-request": "true"}):
                page = await ann.post("/auth/sign-in", data=fields, headers=headers)
                assert (page.status_code, heading_of(page)) == (403, "This page was open too long")
                assert "Reload it and try again." in page.text
                assert '<a class="am-button am-primary" href="/auth/sign-in">Reload the page</a>' in page.text
                assert PASSWORD not in page.text
        assert (await ann.get("/me")).json() is None
        assert (await ann.post("/auth/sign-in", data={"csrf_token": token, **SIGN_IN})).status_code == 303


async def test_a_form_may_stay_open_for_twelve_hours() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        ann.cookies.clear()
        token = form_token(await ann.get("/auth/sign-in"))
        clock.forward(hours=11, minutes=59)
        wrong = {**SIGN_IN, "password": "wrong wrong wrong"}
        assert (await ann.post("/auth/sign-in", data={"csrf_token": token, **wrong})).status_code == 422
        clock.forward(minutes=1)
        assert (await ann.post("/auth/sign-in", data={"csrf_token": token, **SIGN_IN})).status_code == 403


async def test_a_page_that_was_open_too_long_is_reloaded_with_where_to_go_next() -> None:
    async with serving(make_auth()) as ann:
        await ann.get("/auth/sign-in")
        page = await ann.post("/auth/sign-in", data={"next": "/secret", "csrf_token": "old", **SIGN_IN})
        assert 'href="/auth/sign-in?next=%2Fsecret">Reload the page' in page.text


async def test_a_token_works_only_in_the_browser_that_got_it() -> None:
    async with serving(make_auth()) as mallory:
        token = form_token(await mallory.get("/auth/sign-in"))
        async with browser(mallory.mw) as victim:
            await victim.get("/auth/sign-in")
            assert (await victim.post("/auth/sign-in", data={"csrf_token": token, **SIGN_IN})).status_code == 403
            victim.cookies.clear()
            assert (await victim.post("/auth/sign-in", data={"csrf_token": token, **SIGN_IN})).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8001", "http://localhost", ""])
async def test_a_form_of_another_site_is_refused(origin: str) -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        token = form_token(await ann.get("/auth/settings/profile"))
        for path, fields in (("/settings/profile", {"name": "Mallory"}), ("/sign-out", {}), ("/forgot-password", {})):
            page = await ann.post(
                f"/auth{path}", data={"csrf_token": token, "email": EMAIL, **fields}, headers={"origin": origin}
            )
            assert page.status_code == 403
        assert (await ann.session())["user"]["name"] == "Ann"
        assert (await ann.mail()).of("reset-password") == []


async def test_a_form_sent_again_after_signing_out_changes_nothing() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        token = form_token(await ann.get("/auth/settings/profile"))
        await ann.submit("/sign-out")
        replayed = await ann.post("/auth/settings/profile", data={"csrf_token": token, "name": "Later"})
        assert replayed.status_code == 303
        assert replayed.headers["location"] == "/auth/sign-in?next=%2Fauth%2Fsettings%2Fprofile"
        await ann.sign_in()
        assert (await ann.session())["user"]["name"] == "Ann"


# Where people are sent


@pytest.mark.parametrize("target", LEAVES_THIS_SITE)
async def test_next_never_leaves_this_site(target: str) -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        signed_in = await ann.get("/auth/sign-in", params={"next": target})
        assert signed_in.headers["location"] == "/"
        ann.cookies.clear()
        page = await ann.get("/auth/sign-in", params={"next": target})
        assert page.status_code == 200 and 'name="next"' not in page.text and "evil.example" not in page.text
        fields = {"csrf_token": form_token(page), "next": target, **SIGN_IN}
        answer = await ann.post("/auth/sign-in", params={"next": target}, data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        left = await ann.submit("/sign-out", next=target)
        assert left.headers["location"] == "/"


async def test_next_given_twice_counts_for_nothing() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        assert (await ann.get("/auth/sign-in?next=/me&next=//evil.example")).headers["location"] == "/"


async def test_next_goes_along_from_screen_to_screen() -> None:
    async with serving(make_auth()) as person:
        page = await person.get("/auth/sign-in?next=/secret")
        assert 'href="/auth/sign-up?next=%2Fsecret"' in page.text
        assert 'href="/auth/forgot-password?next=%2Fsecret"' in page.text
        wrong = await person.submit("/sign-in?next=/secret", next="/secret", **SIGN_IN)
        assert '<input type="hidden" name="next" value="/secret">' in wrong.text
        answer = await person.submit("/sign-up?next=/secret", next="/secret", **SIGN_UP)
        assert answer.headers["location"] == "/secret"


async def test_fields_of_the_api_that_redirect_are_no_part_of_a_form() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        ann.cookies.clear()
        answer = await ann.submit("/sign-in", callbackURL="https://evil.example", **SIGN_IN)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


# Secrets in addresses


@pytest.mark.parametrize("path", ["/reset-password", "/verify-email"])
async def test_a_token_moves_out_of_the_address_into_a_cookie(path: str) -> None:
    async with serving(make_auth()) as person:
        moved = await person.get(f"/auth{path}?token=abc.def&next=/secret")
        assert (moved.status_code, moved.headers["location"]) == (303, f"/auth{path}?next=%2Fsecret")
        cookie = next(line for line in moved.headers.get_list("set-cookie") if "ui_token" in line)
        assert cookie.endswith("; Max-Age=600; Path=/auth; HttpOnly; SameSite=Lax")
        page = await person.get(f"/auth{path}")
        assert "abc.def" not in page.text


async def test_a_token_in_the_cookie_must_be_one_we_put_there() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        await open_reset_link(ann)
        name = ann.mw.cookie_name("ui_token")
        value = next(cookie.value for cookie in ann.cookies.jar if cookie.name == name)
        assert value is not None
        forged = f"{ann.cookies.get(name)}"[:-2] + "AA"
        page = await ann.get("/auth/reset-password", headers={"cookie": f"{name}={forged}"})
        assert page.status_code == 410
        # The token of one screen opens no other.
        assert heading_of(await ann.get("/auth/verify-email")) == "Confirm your email"


@pytest.mark.parametrize("token", ["", "a" * 3000, "ä\u2028\r\nSet-Cookie: a=b", "..", "%00"])
async def test_a_token_that_is_none_is_an_expired_link(token: str) -> None:
    async with serving(make_auth()) as person:
        page = await follow(person, str(httpx2.URL("/auth/reset-password", params={"token": token})))
        assert (page.status_code, heading_of(page)) == (410, "This link has expired")


# Reset and verify by mailed link


async def test_a_password_is_reset_by_the_mailed_link() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        ann.cookies.clear()
        await open_reset_link(ann)
        page = await ann.get("/auth/reset-password")
        assert f'name="email" value="{EMAIL}" autocomplete="username" hidden readonly' in page.text
        short = await ann.submit("/reset-password", newPassword="short")
        assert short.status_code == 422
        assert error_at(short, "newPassword") == "Use a longer password: at least 8 characters."
        assert 'value="short"' not in short.text
        done = await ann.submit("/reset-password", newPassword=NEW_PASSWORD, revokeOtherSessions="true")
        assert (done.status_code, done.headers["location"]) == (303, "/auth/sign-in")
        assert "Your password is changed. Sign in with the new one." in (await ann.get("/auth/sign-in")).text
        assert (await ann.submit("/sign-in", **SIGN_IN)).status_code == 422
        assert (await ann.submit("/sign-in", email=EMAIL, password=NEW_PASSWORD)).status_code == 303


async def test_a_spent_link_is_410_with_one_button_for_a_new_one() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        ann.cookies.clear()
        await open_reset_link(ann)
        token = form_token(await ann.get("/auth/reset-password"))
        link = await link_of(ann, "reset-password")
        await ann.submit("/reset-password", newPassword=NEW_PASSWORD)
        for page in (
            await follow(ann, link),
            await ann.post("/auth/reset-password", data={"csrf_token": token, "newPassword": NEW_PASSWORD}),
        ):
            assert (page.status_code, heading_of(page)) == (410, "This link has expired")
            assert page.text.count("<button") == 1 and "Send a new one" in page.text
        clock.forward(minutes=2)
        again = await ann.post("/auth/forgot-password", data={"csrf_token": form_token(page), "email": EMAIL})
        assert again.headers["location"] == "/auth/check-email?for=reset"
        clock.forward(hours=1, seconds=1)
        assert (await follow(ann, await link_of(ann, "reset-password"))).status_code == 410


async def test_a_spent_link_in_another_browser_leads_to_where_one_asks_again() -> None:
    async with serving(make_auth()) as person:
        page = await follow(person, "/auth/reset-password?token=unknown")
        assert page.status_code == 410
        assert 'href="/auth/forgot-password">Ask for a new link' in page.text


async def test_an_address_is_confirmed_by_the_mailed_link_and_a_button() -> None:
    async with serving(make_auth()) as ann:
        await ann.submit("/sign-up", **SIGN_UP)
        waiting = await ann.get("/auth/verify-email")
        assert "We have sent a link to <strong>ann@example.com</strong>" in waiting.text
        link = await link_of(ann, "verify-email")
        page = await follow(ann, link)
        assert "Press the button to confirm" in page.text
        # A scanner that opens the link changes nothing.
        assert (await ann.session())["user"]["emailVerified"] is False
        done = await ann.submit("/verify-email")
        assert (done.status_code, done.headers["location"]) == (303, "/")
        assert (await ann.session())["user"]["emailVerified"] is True
        again = await follow(ann, link)
        assert (again.status_code, heading_of(again)) == (200, "Your email is confirmed")


async def test_where_an_address_must_be_confirmed_sign_up_and_sign_in_wait_for_it() -> None:
    features = [Password(), EmailVerification(required=True)]
    async with serving(make_auth(features=features)) as ann:
        for htmx in (False, True):
            answer = await ann.submit("/sign-up", htmx=htmx, **SIGN_UP)
            assert answer.headers["hx-redirect" if htmx else "location"] == "/auth/verify-email"
        early = await ann.submit("/sign-in?next=/secret", next="/secret", **SIGN_IN)
        assert (early.status_code, early.headers["location"]) == (303, "/auth/verify-email?next=%2Fsecret")
        page = await ann.get("/auth/verify-email")
        assert heading_of(page) == "Confirm your email" and EMAIL in page.text
        assert "You can send it again in" in page.text
        await follow(ann, await link_of(ann, "verify-email"))
        done = await ann.submit("/verify-email?next=/secret", next="/secret")
        assert done.headers["location"] == "/secret"
        assert (await ann.submit("/sign-in", **SIGN_IN)).headers["location"] == "/"


async def test_where_signing_up_does_not_sign_in_people_are_told_to() -> None:
    async with serving(make_auth(features=[Password(auto_sign_in=False)])) as ann:
        answer = await ann.submit("/sign-up", **SIGN_UP)
        assert answer.headers["location"] == "/auth/sign-in"
        page = await ann.get("/auth/sign-in")
        assert "Your account is ready. Sign in to continue." in page.text
        assert f'value="{EMAIL}"' in page.text


async def test_a_letter_that_signing_in_sent_starts_the_wait_for_the_next() -> None:
    clock = Clock()
    auth = make_auth(features=[Password(), EmailVerification(required=True)], clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.submit("/sign-in", **SIGN_IN)
        assert "You can send it again in 60 seconds." in (await ann.get("/auth/verify-email")).text


async def test_an_expired_confirmation_can_be_asked_for_again() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.submit("/sign-up", **SIGN_UP)
        link = await link_of(ann, "verify-email")
        clock.forward(hours=1, seconds=1)
        page = await follow(ann, link)
        assert page.status_code == 410
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        assert hidden["with"] == "send" and hidden["email"] == EMAIL
        sent = await ann.post("/auth/verify-email", data=hidden)
        assert (sent.status_code, sent.headers["location"]) == (303, "/auth/verify-email")
        assert "We have sent it again." in (await ann.get("/auth/verify-email")).text
        assert (await follow(ann, await link_of(ann, "verify-email"))).status_code == 200


# Who has an account


async def test_known_and_unknown_addresses_get_equal_pages() -> None:
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("/sign-in", {"password": "wrong wrong wrong"}),
        ("/sign-in", {"password": "short"}),
        ("/forgot-password", {}),
        ("/check-email", SEND),
        ("/verify-email", SEND),
    ]

    async def seen(auth: Auth[Any], email: str, path: str, **fields: Any) -> tuple[int, list[str], str]:
        """What one browser sees: status, names of headers and cookies, and the page with the address taken out."""
        async with browser(auth) as person:
            answer = await person.submit(path, email=email, **fields)
            cookies = [line.partition("=")[0] for line in answer.headers.get_list("set-cookie")]
            page = await person.get(answer.headers["location"]) if answer.status_code == 303 else answer
            names = [*answer.headers, *cookies, answer.headers.get("location", "")]
            return answer.status_code, names, without_tokens(page).replace(email, "EMAIL")

    async with serving(make_auth()) as ann:
        await ann.sign_up()
        for path, fields in attempts:
            known = await seen(ann.mw, EMAIL, path, **fields)
            unknown = await seen(ann.mw, "bob@example.com", path, **fields)
            assert known == unknown, path
        assert {letter.to for letter in (await ann.mail()).messages} == {EMAIL}


async def test_sign_up_hides_accounts_where_an_address_must_be_confirmed() -> None:
    auth = make_auth(features=[Password(), EmailVerification(required=True)])
    async with serving(auth) as ann:
        await ann.submit("/sign-up", **SIGN_UP)
        pages = []
        for email in (EMAIL, "bob@example.com"):
            async with browser(auth) as person:
                answer = await person.submit("/sign-up", **{**SIGN_UP, "email": email})
                page = await person.get(answer.headers["location"])
                pages.append((answer.status_code, without_tokens(page).replace(email, "EMAIL")))
        assert pages[0] == pages[1]


async def test_a_taken_address_is_told_with_both_ways_on() -> None:
    async with serving(make_auth()) as person:
        await person.sign_up()
        person.cookies.clear()
        page = await person.submit("/sign-up", **SIGN_UP)
        assert page.status_code == 422
        sentence = "There is already an account with this email. Sign in, or reset the password."
        assert error_at(page, "email") == sentence
        assert '<a href="/auth/sign-in">Sign in</a>' in page.text
        assert '<a href="/auth/forgot-password">reset the password</a>' in page.text


# Forms, field by field

FORMS: list[tuple[str, Mapping[str, Any], Mapping[str, str]]] = [
    ("/sign-in", {"email": EMAIL, "password": PASSWORD}, {"email": "Enter an email address, like name@example.com.", "password": "Enter your password."}),
    ("/sign-up", SIGN_UP, {"name": "Enter your name.", "email": "Enter an email address, like name@example.com.", "password": "Enter your password."}),
    ("/forgot-password", {"email": EMAIL}, {"email": "Enter an email address, like name@example.com."}),
    ("/reset-password", {"newPassword": NEW_PASSWORD}, {"newPassword": "Enter a new password."}),
    ("/settings/profile", {"name": "Anna"}, {"name": "Enter your name."}),
    ("/settings/email", {"newEmail": "new@example.com"}, {"newEmail": "Enter an email address, like name@example.com."}),
    ("/settings/password", {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}, {"currentPassword": "Enter your current password.", "newPassword": "Enter a new password."}),
]  # fmt: skip


async def at(path: str, auth: Auth[Any], person: Browser) -> None:
    """Bring `person` to where the form of `path` can be sent."""
    if path.startswith("/settings/"):
        await person.sign_up("form@example.com")
    if path == "/reset-password":
        await person.sign_up()
        person.cookies.clear()
        await open_reset_link(person)


@pytest.mark.parametrize(("path", "fields", "sentences"), FORMS)
async def test_each_missing_or_empty_field_is_named(
    path: str, fields: Mapping[str, Any], sentences: Mapping[str, str]
) -> None:
    async with serving(make_auth()) as person:
        await at(path, person.mw, person)
        for field, sentence in sentences.items():
            rest = {key: value for key, value in fields.items() if key != field}
            for given in (rest, {**rest, field: ""}, {**rest, field: "   "}):
                page = await person.submit(path, **given)
                assert page.status_code == 422
                assert error_at(page, field) == sentence
                assert page.text.count('class="am-error" id=') == 1
        page = await person.submit(path)
        for field, sentence in sentences.items():
            assert error_at(page, field) == sentence
            assert f'<a href="#{field}">{sentence}</a>' in page.text


@pytest.mark.parametrize(
    ("path", "field", "text", "sentence"),
    [
        ("/sign-up", "name", "A" * 256, "Use at most 255 characters."),
        ("/sign-up", "name", "A\u202eB", "Take out the characters that cannot be seen, and try again."),
        ("/sign-up", "name", "A\x00B", "Take out the characters that cannot be seen, and try again."),
        ("/sign-up", "email", "a" * 250 + "@example.com", "Enter an email address, like name@example.com."),
        ("/sign-up", "email", "no address", "Enter an email address, like name@example.com."),
        ("/sign-up", "email", "a\r\nb@example.com", "Enter an email address, like name@example.com."),
        ("/sign-up", "password", "short", "Use a longer password: at least 8 characters."),
        ("/sign-up", "password", "a" * 5000, "Use a shorter password: at most "),
        ("/sign-in", "email", "no address", "The email or password is not right."),
        ("/sign-in", "email", "a" * 9000, "The email or password is not right."),
        ("/sign-in", "email", "a\x00@example.com", "The email or password is not right."),
        ("/sign-in", "password", "a" * 5000, ""),
        ("/forgot-password", "email", "ann@localhost", "Enter an email address, like name@example.com."),
        ("/reset-password", "newPassword", "a" * 5000, "Use a shorter password: at most "),
        ("/settings/profile", "name", "A" * 256, "Use at most 255 characters."),
        ("/settings/profile", "name", "A\u2066B", "Take out the characters that cannot be seen, and try again."),
    ],
)
async def test_what_a_field_cannot_hold_is_said_beside_it(path: str, field: str, text: str, sentence: str) -> None:
    fields = dict(next(fields for form, fields, _ in FORMS if form == path))
    async with serving(make_auth()) as person:
        await at(path, person.mw, person)
        page = await person.submit(path, **{**fields, field: text})
        assert page.status_code == 422
        assert error_at(page, field).startswith(sentence)
        assert page.text.count('class="am-error" id=') == 1
        assert "on our side" not in page.text


async def test_what_was_typed_comes_back_but_no_secret() -> None:
    async with serving(make_auth()) as person:
        page = await person.submit("/sign-up", name='Ann "<b>" & Co', email="no address", password="hunter2hunter2")
        assert 'value="Ann &#34;&lt;b&gt;&#34; &amp; Co"' in page.text
        assert 'value="no address"' in page.text
        assert "hunter2" not in page.text
        page = await person.submit("/sign-in", email="bob@example.com", password="hunter2hunter2")
        assert 'value="bob@example.com"' in page.text
        assert "hunter2" not in page.text
        # The box that was not ticked stays so after an error.
        assert 'name="rememberMe" value="true" checked' not in page.text
        kept = await person.submit("/sign-in", rememberMe="true", email="bob@example.com", password="hunter2hunter2")
        assert 'name="rememberMe" value="true" checked' in kept.text


async def test_the_address_typed_last_waits_on_the_next_form() -> None:
    async with serving(make_auth()) as person:
        await person.submit("/sign-in", email="bob@example.com", password=PASSWORD)
        for path in ("/forgot-password", "/sign-up", "/sign-in"):
            assert 'value="bob@example.com"' in (await person.get(f"/auth{path}")).text


async def test_a_box_that_is_not_ticked_says_no() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        ann.cookies.clear()
        answer = await ann.submit("/sign-in", email=EMAIL, password=PASSWORD)
        session = next(line for line in answer.headers.get_list("set-cookie") if "session_token" in line)
        assert "Max-Age" not in session
        ann.cookies.clear()
        answer = await ann.submit("/sign-in", **SIGN_IN)
        session = next(line for line in answer.headers.get_list("set-cookie") if "session_token" in line)
        assert "Max-Age=604800" in session


async def test_a_form_cannot_set_what_is_the_servers_to_set() -> None:
    async with serving(make_auth()) as ann:
        await ann.submit("/sign-up", emailVerified="true", **SIGN_UP)
        await ann.submit("/settings/profile", name="Ann", emailVerified="true", id="1")
        user = (await ann.session())["user"]
        assert user["emailVerified"] is False and user["id"] != "1"


# Sign-out


async def test_signing_out_by_form_clears_what_the_browser_kept() -> None:
    async with serving(make_auth(after_sign_out="/auth/sign-in")) as ann:
        await ann.sign_up()
        assert "You are signed in as <strong>ann@example.com</strong>" in (await ann.get("/auth/sign-out")).text
        assert (await ann.get("/me")).json()["email"] == EMAIL
        answer = await ann.submit("/sign-out")
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/sign-in")
        assert answer.headers["clear-site-data"] == '"cache", "storage"'
        assert (await ann.get("/me")).json() is None
        page = await ann.get("/auth/sign-in")
        assert "You are signed out." in page.text
        assert "clear-site-data" not in page.headers
        await ann.sign_in()
        htmx = await ann.submit("/sign-out", htmx=True)
        assert htmx.headers["hx-redirect"] == "/auth/sign-in"
        assert htmx.headers["clear-site-data"] == '"cache", "storage"'


async def test_signing_out_twice_is_no_error() -> None:
    async with serving(make_auth()) as person:
        await person.sign_up()
        token = form_token(await person.get("/auth/sign-out"))
        for _ in range(2):
            assert (await person.post("/auth/sign-out", data={"csrf_token": token})).status_code == 303
        assert "You are signed out" in (await person.get("/auth/sign-out")).text


# Static files


async def test_static_files_are_kept_for_good_under_a_name_that_changes_with_them() -> None:
    async with serving(make_auth()) as person:
        page = await person.get("/auth/sign-in")
        files = re.findall(r'(?:href|src)="(/auth/static/[^"]+)"', page.text)
        assert len(files) == 3
        for file in files:
            assert re.search(r"\.[0-9a-f]{12}\.(css|js)$", file)
            zipped = await person.get(file, headers={"accept-encoding": "gzip"})
            plain = await person.get(file, headers={"accept-encoding": "identity"})
            assert zipped.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert zipped.headers["x-content-type-options"] == "nosniff"
            assert zipped.headers["vary"] == "Accept-Encoding"
            assert zipped.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
            assert int(zipped.headers["content-length"]) < int(plain.headers["content-length"])
            assert zipped.content == plain.content and "set-cookie" not in plain.headers
            kind = "text/css" if file.endswith(".css") else "text/javascript"
            assert plain.headers["content-type"] == f"{kind}; charset=utf-8"
        for missing in ("authmw.css", "authmw.000000000000.css", "../pyproject.toml", "vendor/htmx.LICENSE"):
            assert (await person.get(f"/auth/static/{missing}")).status_code == 404


async def test_a_first_visit_stays_within_its_budget() -> None:
    async with serving(make_auth()) as person:
        page = await person.get("/auth/sign-in")
        assert len(gzip.compress(page.content)) <= 4_000
        files = re.findall(r'(?:href|src)="(/auth/static/[^"]+)"', page.text)
        sizes = {}
        for file in files:
            answer = await person.get(file, headers={"accept-encoding": "gzip"})
            sizes[file.rpartition("/")[2].partition(".")[0]] = int(answer.headers["content-length"])
        assert sum(sizes.values()) <= 24_000, sizes


# The development mailbox


async def test_the_mailbox_is_there_only_on_ones_own_machine() -> None:
    async def status(*, mailer: Any = None, peer: str = "127.0.0.1", host: str = "", **settings: Any) -> int:
        auth = make_auth(**settings)
        if mailer is not None:
            auth.mail.mailer = mailer
        headers = {"host": host} if host else {}
        async with serving(auth, client=(peer, 50000)) as person:
            return (await person.get("/auth/dev/mail", headers=headers)).status_code

    assert await status(mailer=ConsoleMailer()) == 200
    assert await status(mailer=ConsoleMailer(), peer="::1") == 200
    assert await status(mailer=ConsoleMailer(), peer="203.0.113.66") == 404, "it holds live links"
    assert await status(mailer=ConsoleMailer(), host="rebound.example.com") == 404, "a name that points here by trick"
    assert await status(mailer=ConsoleMailer(), base_url="https://app.example.com") == 404
    assert await status(mailer=ConsoleMailer(), base_url="http://app.test", insecure_hosts=["app.test"]) == 404
    assert await status() == 404


async def test_the_mailbox_shows_letters_and_escapes_them(capsys: pytest.CaptureFixture[str]) -> None:
    auth = make_auth()
    auth.mail.mailer = ConsoleMailer()
    async with serving(auth, client=("127.0.0.1", 50000)) as person:
        assert "No letters yet." in (await person.get("/auth/dev/mail")).text
        await person.submit("/sign-up", **{**SIGN_UP, "name": "<script>Ann</script>"})
        await auth.mail.idle()
        page = await person.get("/auth/dev/mail")
        assert "<script>Ann" not in page.text and "Confirm your email" in page.text
        assert f'href="{ORIGIN}/auth/verify-email?token=' in page.text


# Where it is mounted


async def test_the_screens_stand_below_whatever_path_was_chosen() -> None:
    auth = make_auth(ui_path="/account")
    async with serving(auth, auth.wrap(plain_app(auth))) as ann:
        page = await ann.get("/account/sign-in")
        assert 'action="/account/sign-in"' in page.text and "/auth/" not in page.text
        assert (await ann.submit("/sign-up", **SIGN_UP)).status_code == 303
        moved = await ann.get("/secret", headers={"accept": "text/html"})
        assert moved.status_code == 200


async def test_every_screen_of_the_features_is_checked_somewhere_above() -> None:
    known = {path for path, _, _ in FORMS} | {"/sign-out", "/check-email", "/verify-email"}
    elsewhere = {"/reauth", "/settings/sessions", "/settings/accounts", "/settings/delete"}  # beside their features
    assert {screen.path for _, screen in make_auth().screens} == known | elsewhere


async def test_a_password_is_changed_on_its_own_screen_and_every_other_browser_signed_out() -> None:
    auth = make_auth()
    async with serving(auth) as ann, serving(auth) as elsewhere:
        await ann.sign_up()
        await elsewhere.sign_in()
        wrong = await ann.submit("/settings/password", currentPassword="wrong wrong", newPassword=NEW_PASSWORD)
        assert wrong.status_code == 422 and "That password is not right." in wrong.text
        assert NEW_PASSWORD not in wrong.text
        fields: dict[str, Any] = {
            "currentPassword": PASSWORD,
            "newPassword": NEW_PASSWORD,
            "revokeOtherSessions": "true",
        }
        saved = await ann.submit("/settings/password", **fields)
        assert (saved.status_code, saved.headers["location"]) == (303, "/auth/settings/password")
        assert "Your password is changed." in (await ann.get("/auth/settings/password")).text
        assert (await elsewhere.get("/auth/settings/profile")).status_code == 303
        ann.cookies.clear()
        assert (await ann.sign_in(password=PASSWORD)).status_code == 401
        assert (await ann.sign_in(password=NEW_PASSWORD)).status_code == 200


async def test_a_closed_sign_up_says_so_and_nothing_leads_to_it() -> None:
    async with serving(make_auth(features=[Password(sign_up=False), EmailVerification()])) as browser:
        closed = await browser.get("/auth/sign-up")
        assert closed.status_code == 403
        assert "Sign-up is closed" in closed.text
        assert "/auth/sign-up" not in (await browser.get("/auth/sign-in")).text


# A button of one feature in the form of another


@dataclass(frozen=True, kw_only=True)
class CallMe:
    email: Email


class Telephone(Feature):
    """Joins the sign-in screen with a button that needs the address alone."""

    called: ClassVar[list[str]] = []

    @operation("POST", "/call-me")
    async def call_me(self, call: Call[Any], input: CallMe) -> Done:
        self.called.append(input.email)
        return Done()

    joins: ClassVar = (
        Join(path="/sign-in", name="call", submits=call_me, then=("/check-email",), notice="signed-out"),
    )


async def test_a_feature_joins_the_form_of_another() -> None:
    Telephone.called.clear()
    async with serving(make_auth(features=[Password(), Telephone()])) as person:
        fields: dict[str, Any] = {"with": "call", "email": EMAIL, "password": "", "next": "/secret"}
        answer = await person.submit("/sign-in", **fields)
        assert answer.headers["location"] == "/auth/check-email?next=%2Fsecret"
        assert Telephone.called == [EMAIL], "no password is asked for"
        fields["email"] = ""
        empty = await person.submit("/sign-in", **fields)
        assert empty.status_code == 422 and "Enter an email address" in empty.text
        assert "Enter your password" not in empty.text
    async with serving(make_auth(features=[Password()])) as person:
        assert (await person.submit("/sign-in", **fields)).status_code == 404
