"""Which site may ask, and where we may send people: SEC-170, SEC-086, SEC-171."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from authmw.core.errors import AuthError
from authmw.core.origin import REDIRECT_FIELDS, check_origin, is_trusted
from authmw.features import Account, EmailVerification, Password, Sessions
from tests.support import ORIGIN, PASSWORD, browser, events_of, make_auth, outbox_of, plain_app, serving
from tests.web.raw import Header, ask, contents, nothing_happens, post

pytestmark = pytest.mark.anyio

# Who may ask

ORIGINS: dict[str, list[Header]] = {
    "ours": [("origin", ORIGIN)],
    "trusted": [("origin", "https://www.example.com")],
    "foreign": [("origin", "https://evil.example")],
    "look-alike": [("origin", "http://localhost:8000.evil.example")],
    "other port": [("origin", "http://localhost:8001")],
    "other scheme": [("origin", "https://localhost:8000")],
    "null": [("origin", "null")],
    "path": [("origin", "/")],
    "none": [],
    "empty": [("origin", "")],
    "our referer": [("referer", ORIGIN + "/page?x=y")],
    "foreign referer": [("referer", "https://evil.example/" + ORIGIN)],
    "foreign, our referer": [("origin", "https://evil.example"), ("referer", ORIGIN)],
}
GOOD = {"ours", "trusted", "our referer"}
MISSING = {"null", "none", "empty"}
FETCH: dict[str, list[Header]] = {
    "none": [],
    "same-origin": [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
    "cross-site": [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
    "navigation": [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
}
ROUTES = {"/sign-in/email": True, "/sign-up/email": True, "/request-password-reset": False, "/sign-out": False}


def expected(origin: str, fetch: str, *, cookie: bool, starts_session: bool) -> str | None:
    """The refusal by the tables of wire 6.3 and 6.5, or None."""
    if not cookie:
        if not starts_session:
            return None
        if fetch == "navigation":
            return "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"
        if fetch == "none" and origin in ("none", "empty"):
            return None
    if origin in MISSING:
        return "MISSING_OR_NULL_ORIGIN"
    return None if origin in GOOD else "INVALID_ORIGIN"


@pytest.mark.sec("SEC-170")
@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("cookie", [True, False], ids=["cookie", "no cookie"])
async def test_only_our_own_sites_may_ask(path: str, cookie: bool) -> None:
    auth = make_auth(trusted_origins=["https://www.example.com"])
    app = auth.wrap(plain_app(auth))
    given = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
    async with serving(auth, app) as ann:
        await ann.sign_up()
        for (origin, lines), (fetch, metadata) in itertools.product(ORIGINS.items(), FETCH.items()):
            headers = [*lines, *metadata, *([("cookie", "a=b")] if cookie else [])]
            refusal = expected(origin, fetch, cookie=cookie, starts_session=ROUTES[path])
            before = len(events_of(auth))
            answer = await post(app, path, given, headers=headers)
            if refusal is None:
                assert answer.status in (200, 422), (origin, fetch)
            else:
                assert (answer.status, answer.code) == (403, refusal), (origin, fetch)
                assert not answer.cookies
                denied = events_of(auth)[before:]
                assert [(event.event, event.reason) for event in denied] == [("security.origin_refused", refusal)]


@pytest.mark.sec("SEC-170")
@pytest.mark.parametrize("origin", [name for name in ORIGINS if name not in GOOD])
async def test_another_site_can_do_nothing_with_a_visitors_session(origin: str) -> None:
    auth = make_auth()
    app = auth.wrap(plain_app(auth))
    async with serving(auth, app) as ann:
        await ann.sign_up()
        cookie: Header = ("cookie", "; ".join(f"{each.name}={each.value}" for each in ann.cookies.jar))
        for operation in auth.operations:
            if operation.route.method == "POST":
                async with nothing_happens(auth):
                    answer = await post(app, operation.route.path, {}, headers=[cookie, *ORIGINS[origin]])
                assert answer.status == 403, operation.route.path
                assert not answer.cookies
        assert (await ann.session())["user"]["email"] == "ann@example.com"


@pytest.mark.sec("SEC-170")
@pytest.mark.parametrize("path", ["/sign-in", "/sign-up", "/forgot-password", "/sign-out", "/settings/profile"])
async def test_a_form_of_a_screen_needs_our_origin_and_a_token_made_for_this_browser(path: str) -> None:
    auth = make_auth()
    app = auth.wrap(plain_app(auth))
    fields = {"name": "Bob", "email": "bob@example.com", "password": PASSWORD}
    async with serving(auth, app) as ann, browser(auth, app) as eve:
        await ann.sign_up()
        if path in ("/sign-in", "/sign-up"):
            ann.cookies.clear()
        page = await ann.get(auth.settings.ui_path + path)
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        assert token
        hers = (await eve.get("/auth/sign-in")).text.partition('name="csrf_token" value="')[2].partition('"')[0]
        assert hers
        good = {"csrf_token": token, **fields}
        for headers, form in (
            ({"origin": "https://evil.example"}, good),
            ({"origin": "null"}, good),
            ({"origin": ""}, good),
            ({"origin": "", "referer": "https://evil.example/"}, good),
            ({}, fields),
            ({}, {**good, "csrf_token": ""}),
            ({}, {**good, "csrf_token": hers}),
            ({}, {**good, "csrf_token": token[:-1] + ("A" if token[-1] != "A" else "B")}),
            ({}, {**good, "csrf_token": "2" + token[1:]}),
            ({}, {**good, "csrf_token": "x.y"}),
            ({}, {**good, "csrf_token": "٣.y"}),
        ):
            async with nothing_happens(auth):
                answer = await ann.post(auth.settings.ui_path + path, data=form, headers=headers)
            assert answer.status_code == 403, (headers, form)
        auth.clock.forward(hours=12, seconds=1)  # type: ignore[attr-defined]
        async with nothing_happens(auth):
            assert (await ann.post(auth.settings.ui_path + path, data=good)).status_code == 403


def test_another_method_of_asking_is_the_same_question() -> None:
    trusted = [ORIGIN]
    check_origin({"cookie": "", "origin": ORIGIN}, trusted)
    with pytest.raises(AuthError):
        check_origin({"cookie": ""}, trusted)  # an empty header is a header
    with pytest.raises(AuthError):
        check_origin({"sec-fetch-dest": "empty"}, trusted, starts_session=True)
    check_origin({"sec-fetch-dest": " ", "origin": ""}, trusted, starts_session=True)


@pytest.mark.sec("SEC-170")
async def test_a_websocket_of_another_site_is_nobody() -> None:
    auth = make_auth()
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            seen.append(scope["state"]["user"])
        else:
            await plain_app(auth)(scope, receive, send)

    wrapped = auth.wrap(app)
    async with serving(auth, wrapped) as ann:
        await ann.sign_up()
        cookie: Header = ("cookie", "; ".join(f"{each.name}={each.value}" for each in ann.cookies.jar))
        for lines in ORIGINS.values():
            if not lines or lines[0][0] != "referer":
                await ask(wrapped, "GET", "/ws", headers=[cookie, *lines], kind="websocket")
        names = [name for name, lines in ORIGINS.items() if not lines or lines[0][0] != "referer"]
    known = {name for name, user in zip(names, seen, strict=True) if user is not None}
    assert known == {"ours", "none"}  # what sends no origin is no browser


# Where we send people

EVIL = [
    "https://evil.example",
    "https://evil.example/",
    "HTTPS://EVIL.EXAMPLE",
    "http://evil.example:8000",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    " https://evil.example",
    "/\n/evil.example",
    "/%2fevil.example",
    "/%2Fevil.example",
    "/%5cevil.example",
    "/%5Cevil.example",
    "/%09/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/a\r\nSet-Cookie: a=b",
    "/\x00/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:\\\\evil.example",
    "http://localhost:8000@evil.example",
    "http://localhost:8000%40evil.example",
    "http://user:pass@localhost:8000/",
    "http://@localhost:8000",
    "http://localhost:8000.evil.example",
    "http://localhost.evil.example:8000",
    "http://evil.example/http://localhost:8000",
    "http://evil.example?http://localhost:8000",
    "http://evil.example#http://localhost:8000",
    "http://evil.example\\@localhost:8000",
    "http://localhost:8000\\@evil.example",
    "http://localhost:8000\\.evil.example",
    "http://localhost:8001",
    "http://localhost",
    "https://localhost:8000",
    "http://127.0.0.1:8000",
    "http://[::1]:8000",
    "http://ⓛocalhost:8000",
    "http://localhost。evil.example",
    "http://localhost:8000\u2028",
    "http://localhost:８０００",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "javascript://localhost:8000/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox",
    "blob:http://localhost:8000/x",
    "file:///etc/passwd",
    "view-source:http://localhost:8000",
    "ftp://localhost:8000",
    "evil.example",
    "dashboard",
    "./a",
    "../a",
    "?a=b",
    "#a",
    "/a#b",
    "/a:b",
    "/a;b",
    "/a~b",
    "/a b",
    "/a%20b",
    "/a?b=c#d",
    "/a?b='c'",
    "/ä",
    ".",
    "http://",
    "http:",
    "://evil.example",
    "http://localhost:8000:80",
    "http://localhost:99999",
    "http://[evil.example]",
    "<script>",
]
KIND = [
    "/",
    "/a",
    "/a/b.html",
    "/a?b=c&d=e%20f",
    "/a/..//b",
    "/@me",
    "/a+b",
    ORIGIN,
    ORIGIN + "/",
    ORIGIN + "/a?b=c#d",
    "HTTP://LOCALHOST:8000/a",
    "http://localhost:8000/https://evil.example",
]


@pytest.mark.sec("SEC-086")
@pytest.mark.parametrize("name", REDIRECT_FIELDS)
async def test_no_field_of_any_route_takes_an_address_that_leads_elsewhere(name: str) -> None:
    auth = make_auth()
    app = auth.wrap(plain_app(auth))
    label, refusal = REDIRECT_FIELDS[name]
    everywhere = [operation.route for operation in auth.operations]
    asked = 0
    async with serving(auth, app) as ann:
        await ann.sign_up()
        for number, url in enumerate(EVIL):
            # All addresses on a few routes, a few addresses on all: each route reads them in the same place.
            for route in everywhere if number < 5 else everywhere[:4]:
                query = urlencode({name: url, "token": "x"}, errors="replace").encode()
                if route.method == "POST":
                    answer = await post(app, route.path, {name: url}, headers=[("origin", ORIGIN)])
                else:
                    answer = await ask(app, "GET", "/api/auth" + route.path.replace(":token", "x"), query=query)
                asked += 1
                said = {"message": f"Invalid {label}", "code": refusal.code}
                assert (answer.status, answer.json()) == (403, said), (route.path, url)
                if route.method == "POST" and name == "callbackURL":
                    asked += 1
                    answer = await post(app, route.path, {}, headers=[("origin", ORIGIN)], query=query)
                    assert (answer.status, answer.json()) == (403, said), (route.path, url)
        refused = [event.reason for event in events_of(auth) if event.event == "security.redirect_refused"]
        assert refused == [refusal.code] * asked


@pytest.mark.sec("SEC-086")
async def test_no_screen_leads_elsewhere() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        for url in EVIL:
            for path in ("/sign-in", "/sign-up"):  # somebody who is signed in is sent on at once
                answer = await ann.get("/auth" + path, params={"next": url})
                assert (answer.status_code, answer.headers["location"]) == (303, "/")
            gone = await ann.submit("/sign-out", next=url)
            assert (gone.status_code, gone.headers["location"]) == (303, "/")
            page = await ann.submit("/sign-in", email="ann@example.com", password=PASSWORD, next=url)
            assert (page.status_code, page.headers["location"]) == (303, "/")


@pytest.mark.sec("SEC-086")
@pytest.mark.parametrize("url", KIND)
async def test_an_address_of_ours_is_taken_and_used(url: str) -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        signed_in = await ann.sign_in(callbackURL=url)
        assert signed_in.json()["url"] == url
        assert (await ann.api("/sign-up/email", {"callbackURL": url})).status_code == 400  # the rest is missing
        clicked = await ann.get("/api/auth/verify-email", params={"token": "x", "callbackURL": url})
        assert clicked.status_code == 302
        assert clicked.headers["location"].startswith(url)


@pytest.mark.sec("SEC-086")
async def test_an_address_is_checked_again_when_the_link_is_used() -> None:
    features = [Password(), EmailVerification(), Account(confirm_delete=True), Sessions()]
    auth = make_auth(features=features)
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.api("/request-password-reset", {"email": "ann@example.com"})
        await ann.api("/delete-user", {})
        mail = await ann.mail()
        token = {
            kind: mail.last(kind).context["token"] for kind in ("verify-email", "reset-password", "delete-account")
        }
        for url in EVIL:
            if not url.isascii():
                continue
            async with nothing_happens(auth):
                for path, name in (
                    ("/verify-email", "verify-email"),
                    (f"/reset-password/{token['reset-password']}", "reset-password"),
                    ("/delete-user/callback", "delete-account"),
                ):
                    answer = await ann.api(path, params={"token": token[name], "callbackURL": url})
                    assert (answer.status_code, answer.json()["code"]) == (403, "INVALID_CALLBACK_URL")
        opened = await ann.api(f"/reset-password/{token['reset-password']}", params={"callbackURL": "/new?a=b"})
        assert opened.headers["location"] == f"{ORIGIN}/new?a=b&token={token['reset-password']}"


APP_SCHEMES = ["myapp://", "exp://host", "deep://host/path"]
WIRE_6_2: list[tuple[str, str, bool]] = [
    # exact origins
    ("https://a.com", "https://a.com", True),
    ("https://a.com", "https://a.com/path?x#y", True),
    ("https://a.com", "https://A.COM", True),
    ("https://a.com", "https://a.com:443", True),
    ("https://a.com", "https://a.com:8443", False),
    ("https://a.com:8443", "https://a.com:8443", True),
    ("https://a.com:8443", "https://a.com", False),
    ("https://a.com", "http://a.com", False),
    ("https://a.com", "https://b.a.com", False),
    ("https://a.com", "https://a.com.evil.example", False),
    ("https://a.com", "https://a.com@evil.example", False),
    ("https://a.com", "https://evil.example/https://a.com", False),
    ("https://a.com", "a.com", False),
    ("https://a.com/", "https://a.com", False),
    ("https://a.com/path", "https://a.com/path", False),
    # globs over a whole origin
    ("https://*.a.com", "https://b.a.com", True),
    ("https://*.a.com", "https://b.a.com/path", True),
    ("https://*.a.com", "https://c.b.a.com", True),
    ("https://*.a.com", "https://a.com", False),
    ("https://*.a.com", "http://b.a.com", False),
    ("https://*.a.com", "https://b.a.com:8443", False),
    ("https://*.a.com", "https://evil.example/.a.com", False),
    ("https://*.a.com", "https://evil.example?.a.com", False),
    ("https://*.a.com", "https://evil.example#.a.com", False),
    ("https://*.a.com", "https://b.a.com.evil.example", False),
    ("https://*.a.com", "https://ba.com", False),
    ("https://*.a.com:*", "https://b.a.com:8443", True),
    ("https://a?.com", "https://ab.com", True),
    ("https://a?.com", "https://a.com", False),
    ("https://a?.com", "https://abc.com", False),
    ("https://a?com", "https://a/com", False),
    ("https://axcom", "https://a.com", False),
    ("https://a.*", "https://a.com", True),
    ("https://*.A.com", "https://b.a.com", True),
    # globs over a host
    ("*.a.com", "https://b.a.com", True),
    ("*.a.com", "http://b.a.com", True),
    ("*.a.com", "https://a.com", False),
    ("*.a.com", "https://b.a.com:8443", False),
    ("*.a.com:8443", "https://b.a.com:8443", True),
    ("*.a.com", "javascript://b.a.com/%0aalert(1)", False),
    ("*.a.com", "ftp://b.a.com", False),
    ("localhost:*", "http://localhost:3000", True),
    ("localhost:*", "http://localhost.evil.example:3000", False),
    # schemes of mobile applications
    ("myapp://", "myapp://", True),
    ("myapp://", "myapp://anything/at/all?x=y", True),
    ("myapp://", "MYAPP://x", True),
    ("myapp://", "myapp:x", False),
    ("myapp://", "myapps://x", False),
    ("myapp://", "https://myapp", False),
    ("exp://host", "exp://host", True),
    ("exp://host", "exp://HOST/path", True),
    ("exp://host", "exp://hosts", False),
    ("exp://host", "exp://evil.example/host", False),
    ("deep://host/path", "deep://host/path", True),
    ("deep://host/path", "deep://host/path/below", True),
    ("deep://host/path", "deep://host/path?x=y", True),
    ("deep://host/path", "deep://host/pathology", False),
    ("deep://host/path", "deep://host/", False),
    ("deep://host/path", "deep://host/path/../other", False),
    ("deep://host/path", "deep://host/path/%2e%2e/other", False),
    ("deep://host/path", "deep://host/other", False),
    ("javascript://", "javascript://x%0aalert(1)", False),
    ("data://", "data://text/html,x", False),
    # nothing
    ("https://a.com", "", False),
    ("https://a.com", "dashboard", False),
    ("https://a.com", "javascript:alert(1)", False),
    ("", "https://a.com", False),
    ("*", "https://a.com", True),
    ("*", "javascript:alert(1)", False),
]


@pytest.mark.parametrize(("entry", "url", "fits"), WIRE_6_2)
def test_an_address_fits_an_entry_as_the_wire_says(entry: str, url: str, fits: bool) -> None:
    assert is_trusted(url, [entry], relative=False) is fits
    assert is_trusted(url, ["https://other.example", entry], relative=True) is fits
    assert not is_trusted(url, [], relative=True)


@pytest.mark.parametrize("url", [url for url in KIND if url.startswith("/")])
def test_a_path_is_ours_only_where_paths_are_allowed(url: str) -> None:
    assert is_trusted(url, [], relative=True)
    assert not is_trusted(url, [ORIGIN, "*"], relative=False)


def test_an_address_may_be_2048_long() -> None:
    assert is_trusted("/" + "a" * 2047, [], relative=True)
    assert not is_trusted("/" + "a" * 2048, [], relative=True)
    assert is_trusted(f"{ORIGIN}/".ljust(2048, "a"), [ORIGIN], relative=False)
    assert not is_trusted(f"{ORIGIN}/".ljust(2049, "a"), [ORIGIN], relative=False)


# Looking changes nothing

LINKS = ("/verify-email", "/delete-user/callback", "/reset-password/:token")


@pytest.mark.sec("SEC-171")
async def test_looking_changes_nothing() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.api("/request-password-reset", {"email": "ann@example.com"})
        for path in [operation.route.path for operation in auth.operations if operation.route.method == "GET"]:
            if path not in LINKS:
                async with nothing_happens(auth):
                    answer = await ann.api(path)
                assert answer.status_code == 200
                assert "set-cookie" not in answer.headers
        for screen in [screen for _, screen in auth.screens]:
            async with nothing_happens(auth):
                for method in ("GET", "HEAD"):
                    answer = await ann.request(method, auth.settings.ui_path + screen.path)
                    assert answer.status_code in (200, 303, 410), screen.path
        for path in ("/", "/error", "/dev/mail", "/static/nothing", "/nothing"):
            async with nothing_happens(auth):
                assert (await ann.get(auth.settings.ui_path + path)).status_code < 500


async def letters() -> tuple[Any, Any, Mapping[str, str]]:
    """An app, Ann's browser, and the addresses of three links that were mailed to her."""
    auth = make_auth(
        features=[Password(), EmailVerification(), Account(confirm_delete=True), Sessions()], confirm_links=False
    )
    await auth.start()
    ann = browser(auth)
    await ann.sign_up()
    await ann.api("/request-password-reset", {"email": "ann@example.com"})
    await ann.api("/delete-user", {})
    mail = await ann.mail()
    return (
        auth,
        ann,
        {kind: mail.last(kind).context["url"] for kind in ("verify-email", "reset-password", "delete-account")},
    )


@pytest.mark.sec("SEC-171")
@pytest.mark.parametrize(
    "header",
    [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
    ],
    ids=lambda header: "=".join(header),
)
async def test_a_browser_that_guesses_spends_no_link(header: tuple[str, str]) -> None:
    auth, ann, links = await letters()
    for url in links.values():
        async with nothing_happens(auth):
            answer = await ann.get(url, headers=[header])
        assert (answer.status_code, answer.content) == (404, b"")
    assert (await ann.get(links["verify-email"])).status_code == 302
    assert (await ann.session())["user"]["emailVerified"] is True
    assert (await ann.get(links["delete-account"])).status_code == 302
    assert await ann.session() is None
    await auth.stop()


@pytest.mark.sec("SEC-171")
async def test_asking_for_the_head_of_a_link_finds_nothing_and_spends_nothing() -> None:
    auth, ann, links = await letters()
    for url in links.values():
        async with nothing_happens(auth):
            answer = await ann.head(url)
        assert (answer.status_code, answer.content) == (404, b"")
    for operation in auth.operations:
        assert (await ann.head("/api/auth" + operation.route.path)).status_code == 404
    assert (await ann.get(links["verify-email"])).status_code == 302
    await auth.stop()


@pytest.mark.sec("SEC-171")
async def test_a_mail_scanner_that_opens_every_screen_spends_nothing() -> None:
    auth = make_auth(features=[Password(), EmailVerification(), Account(), Sessions()])
    app = auth.wrap(plain_app(auth))
    async with serving(auth, app) as ann:
        await ann.sign_up()
        await ann.api("/request-password-reset", {"email": "ann@example.com"})
        mail = await ann.mail()
        for kind in ("verify-email", "reset-password"):
            url = mail.last(kind).context["url"]
            assert url.startswith(f"{ORIGIN}/auth/")
            async with nothing_happens(auth), browser(auth, app) as scanner:
                for _ in range(3):
                    for method in ("HEAD", "GET"):
                        opened = await scanner.request(method, url, follow_redirects=True)
                        assert opened.status_code == 200
        token = mail.last("reset-password").context["token"]
        reset = await ann.api("/reset-password", {"newPassword": "another long one", "token": token})
        assert reset.status_code == 200
        assert json.loads(reset.content) == {"status": True}
    assert (await contents(auth))["verification"] == []
    assert len(outbox_of(auth).of("security-notice")) == 1
