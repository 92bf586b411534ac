"""What every answer of the API says in its headers, and what cookies look like: SEC-041, 047, 172, 173."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote

import pytest

from authmw import Auth, ConfigurationError, Settings
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.stores.memory import MemoryStore
from tests.support import ORIGIN, PASSWORD, SECRET, Browser, browser, make_auth, outbox_of, plain_app
from tests.web.faults import FailingStore
from tests.web.raw import Answer, Header, ask, post

pytestmark = pytest.mark.anyio

HTTPS = "https://app.example.com"
SAME = {
    "cache-control": "no-store",
    "pragma": "no-cache",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "vary": "Cookie, Authorization, Origin",
}
MAY_ALSO_COME = {
    "content-type",
    "content-length",
    "set-cookie",
    "location",
    "retry-after",
    "x-retry-after",
    "connection",
}


class Place:
    def __init__(self, auth: Auth[Any], store: FailingStore) -> None:
        self.auth, self.store = auth, store
        self.app = auth.wrap(plain_app(auth))
        self.people = 0

    async def person(self, *, verified: bool = False) -> tuple[Browser, str]:
        self.people += 1
        client, email = browser(self.auth, self.app), f"person{self.people}@example.com"
        assert (await client.sign_up(email)).status_code == 200
        await self.auth.mail.idle()
        if verified:
            token = outbox_of(self.auth).last("verify-email").context["token"]
            await client.api("/verify-email", params={"token": token})
        return client, email

    def body(self, path: str, email: str) -> dict[str, Any]:
        """What a route takes from somebody who is signed in with `email`."""
        bodies: dict[str, dict[str, Any]] = {
            "/sign-up/email": {"name": "New", "email": f"new.{email}", "password": PASSWORD},
            "/sign-in/email": {"email": email, "password": PASSWORD, "callbackURL": "/"},
            "/request-password-reset": {"email": email},
            "/reset-password": {"newPassword": PASSWORD, "token": "x" * 24},
            "/verify-password": {"password": PASSWORD},
            "/reauth": {"password": PASSWORD},
            "/change-password": {"newPassword": PASSWORD, "currentPassword": PASSWORD, "revokeOtherSessions": True},
            "/change-email": {"newEmail": f"new.{email}"},
            "/send-verification-email": {"email": email},
            "/unlink-account": {"accountId": "x"},
            "/update-user": {"name": "Another"},
            "/revoke-session": {"token": "x"},
        }
        return bodies.get(path, {})


@asynccontextmanager
async def a_place(**options: Any) -> AsyncIterator[Place]:
    store = FailingStore(MemoryStore())
    auth = make_auth(database=store, **options)
    await auth.start()
    yield Place(auth, store)
    store.disarm()
    await auth.stop()


def cookies_of(client: Browser) -> Header:
    return "cookie", "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)


def says_what_it_must(answer: Answer) -> None:
    for name, value in SAME.items():
        assert answer.header(name) == value
    names = {name for name, _ in answer.headers}
    assert names <= SAME.keys() | MAY_ALSO_COME, names
    assert not any(name.startswith("access-control-") for name in names)
    assert answer.header("content-length") == str(len(answer.body))
    assert all(name == name.lower() for name in names)
    assert "authmw" not in str(answer.headers).lower().replace("authmw.db", "")


@pytest.mark.sec("SEC-047")
@pytest.mark.sec("SEC-172")
@pytest.mark.sec("SEC-173")
async def test_every_answer_of_every_route_carries_the_same_headers() -> None:
    features = [Password(), EmailVerification(), Account(confirm_delete=True), Sessions()]
    async with a_place(features=features) as place:
        seen: dict[str, set[int]] = {}
        down = place.store.error
        for operation in place.auth.operations:
            method, path = operation.route.method, operation.route.path
            url = "/api/auth" + path.replace(":token", "x")
            home: Header = ("origin", ORIGIN)

            async def send(
                body: Any, *headers: Header, method: str = method, url: str = url, path: str = path, **more: Any
            ) -> None:
                if method == "GET":
                    answer = await ask(place.app, "GET", url, headers=headers, **more)
                else:
                    answer = await post(place.app, url.removeprefix("/api/auth"), body, headers=headers, **more)
                says_what_it_must(answer)
                seen.setdefault(path, set()).add(answer.status)

            client, email = await place.person()
            cookie = cookies_of(client)
            good = place.body(path, email)
            await send(good, cookie, home)  # what succeeds, mostly
            await send(good, cookie, home, query=b"token=x&callbackURL=/")
            client, email = await place.person()
            cookie, good = cookies_of(client), place.body(path, email)
            await send(good)  # as nobody
            await send(b"{bad", cookie, home)
            await send({"x": []}, cookie, home)
            await send({**good, "email": 5, "token": 5, "name": 5, "password": 5, "newEmail": 5}, cookie, home)
            await send(good, cookie, ("origin", "https://evil.example"))
            await send(good, cookie, ("origin", "null"))
            await send(
                {**good, "callbackURL": "//evil.example"}, cookie, home, query=b"callbackURL=//evil.example&token=x"
            )
            await send(good, cookie, home, ("content-encoding", "gzip"))
            await send(good, cookie, home, ("content-length", "999999999"))
            await send(good, ("cookie", "x" * 40_000), home)
            place.store.arm(1)
            await send(good, cookie, home, query=b"token=x&callbackURL=/")
            place.store.error = lambda: RuntimeError("boom")
            place.store.arm(1)
            await send(good, cookie, home, query=b"token=x&callbackURL=/")
            place.store.error = down
            place.store.disarm()
        needs_nothing = {"/verify-email"}  # a token that is none is refused without asking
        assert {path for path, statuses in seen.items() if 200 not in statuses} <= {
            "/reset-password",
            "/reset-password/:token",
            "/verify-email",
            "/delete-user/callback",
            "/unlink-account",
            "/update-session",
            "/get-session",
            "/reauth/send-code",
        }
        assert all({431} <= statuses for statuses in seen.values())
        assert {path for path, statuses in seen.items() if not {500, 503} <= statuses} <= needs_nothing


@pytest.mark.sec("SEC-047")
@pytest.mark.sec("SEC-172")
@pytest.mark.sec("SEC-173")
async def test_answers_without_a_route_carry_the_same_headers() -> None:
    async with a_place(disabled_paths=["/sign-up/email"], rate_limit=True) as place:
        for method, path in (
            ("GET", "/nothing"),
            ("HEAD", "/sign-in/email"),
            ("OPTIONS", "/sign-in/email"),
            ("DELETE", "/"),
            ("POST", "/sign-up/email"),
            ("GET", "/ok"),
            ("GET", "/error"),
        ):
            says_what_it_must(await ask(place.app, method, "/api/auth" + path))
        for _ in range(101):
            answer = await ask(place.app, "GET", "/api/auth/nothing")
        assert answer.status == 429
        says_what_it_must(answer)


@pytest.mark.sec("SEC-172")
@pytest.mark.parametrize(
    "origin",
    [ORIGIN, "https://www.example.com", "https://evil.example", "null", "http://localhost:8000.evil.example", "*"],
)
async def test_no_origin_is_reflected(origin: str) -> None:
    async with a_place(trusted_origins=["https://www.example.com"]) as place:
        preflight: list[Header] = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ]
        for path in ("/api/auth/sign-in/email", "/api/auth/get-session", "/auth/sign-in", "/auth/static/x"):
            for method in ("OPTIONS", "GET", "POST"):
                answer = await ask(place.app, method, path, headers=preflight)
                assert not any(name.startswith("access-control-") for name, _ in answer.headers)
                assert origin.encode() not in answer.body or origin in (ORIGIN, "null", "*")


# Cookies


@pytest.mark.sec("SEC-041")
@pytest.mark.parametrize(
    ("options", "name", "end"),
    [
        ({}, "better-auth.session_token", "Path=/; HttpOnly; SameSite=Lax"),
        ({"base_url": HTTPS}, "__Secure-better-auth.session_token", "Path=/; HttpOnly; Secure; SameSite=Lax"),
        ({"cookie_prefix": "mine"}, "mine.session_token", "Path=/; HttpOnly; SameSite=Lax"),
        (
            {"base_url": HTTPS, "cookie_prefix": "mine"},
            "__Secure-mine.session_token",
            "Path=/; HttpOnly; Secure; SameSite=Lax",
        ),
        ({"secure_cookies": True}, "__Secure-better-auth.session_token", "Path=/; HttpOnly; Secure; SameSite=Lax"),
        (
            {"base_url": "http://intranet", "insecure_hosts": ["intranet"]},
            "better-auth.session_token",
            "Path=/; HttpOnly; SameSite=Lax",
        ),
    ],
    ids=repr,
)
async def test_a_session_cookie_is_for_servers_and_for_this_site_alone(
    options: dict[str, Any], name: str, end: str
) -> None:
    async with a_place(**options) as place:
        origin: Header = ("origin", options.get("base_url", ORIGIN))
        given = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
        answer = await post(place.app, "/sign-up/email", given, headers=[origin])
        [line] = answer.all("set-cookie")
        value = answer.cookies[name]
        assert line == f"{name}={value}; Max-Age=604800; {end}"
        assert len(line) <= 4096
        token = unquote(value).partition(".")[0]
        assert answer.json()["token"] == token
        assert len(token) == 32
        cookie: Header = ("cookie", f"{name}={value}")
        forgetful = await post(place.app, "/sign-in/email", {**given, "rememberMe": False}, headers=[origin, cookie])
        assert [each.partition("; ")[2] for each in forgetful.all("set-cookie")] == [end, end]
        assert all("Domain" not in each for each in forgetful.all("set-cookie"))
        cookie = ("cookie", f"{name}={forgetful.cookies[name]}")
        gone = await post(place.app, "/sign-out", {}, headers=[origin, cookie])
        cleared = gone.all("set-cookie")
        assert f"{name}=; Max-Age=0; {end}" in cleared
        assert all(each.endswith(f"=; Max-Age=0; {end}") for each in cleared)


@pytest.mark.sec("SEC-041")
async def test_the_cookies_of_the_screens_are_no_less_guarded() -> None:
    for base, secure in ((ORIGIN, False), (HTTPS, True)):
        async with a_place(base_url=base) as place:
            page = await ask(place.app, "GET", "/auth/sign-in")
            lines = page.all("set-cookie")
            assert lines
            for line in lines:
                assert line.startswith("__Secure-better-auth.ui_") is secure
                assert ("; Secure" in line) is secure
                assert "; Path=/auth; HttpOnly" in line
                assert line.endswith("SameSite=Lax")


@pytest.mark.sec("SEC-041")
async def test_on_https_a_cookie_without_the_prefix_is_ignored() -> None:
    async with a_place(base_url=HTTPS) as place:
        given = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
        value = (await post(place.app, "/sign-up/email", given)).cookies["__Secure-better-auth.session_token"]
        for name in (
            "better-auth.session_token",
            "__Host-better-auth.session_token",
            "__secure-better-auth.session_token",
        ):
            cookie: Header = ("cookie", f"{name}={value}")
            assert (await ask(place.app, "GET", "/me", headers=[cookie])).body == b"null"
            assert (await ask(place.app, "GET", "/api/auth/get-session", headers=[cookie])).body == b"null"
        good: Header = ("cookie", f"__Secure-better-auth.session_token={value}")
        assert (await ask(place.app, "GET", "/me", headers=[good])).json()["email"] == "ann@example.com"


@pytest.mark.sec("SEC-041")
async def test_a_cookie_is_taken_as_it_was_set_and_as_browsers_and_servers_rewrite_it() -> None:
    async with a_place() as place:
        client, email = await place.person()
        value = client.cookies["better-auth.session_token"]
        plain = unquote(value)
        assert value != plain  # it holds + / = that are escaped on the way out
        for written in (
            value,
            plain,
            quote(plain, safe=""),
            f'"{plain}"',
            f'"{value}"',
        ):
            for line in (
                f"better-auth.session_token={written}",
                f"a=b; better-auth.session_token={written}; c=d",
                f"a=b;better-auth.session_token={written};",
                f" better-auth.session_token={written} ",
            ):
                answer = await ask(place.app, "GET", "/me", headers=[("cookie", line)])
                assert answer.json()["email"] == email, line
        for written in (
            plain.lower(),
            plain[:-1],
            plain + "=",
            plain.replace(".", "%2E."),
            "x" + plain,
            quote(value, safe=""),
        ):
            answer = await ask(place.app, "GET", "/me", headers=[("cookie", f"better-auth.session_token={written}")])
            assert answer.body == b"null", written


@pytest.mark.sec("SEC-041")
@pytest.mark.parametrize("base", ["http://app.example.com", "http://192.168.1.1", "http://localhost.example.com"])
def test_plain_http_is_for_ones_own_machine(base: str) -> None:
    with pytest.raises(ConfigurationError, match="insecure_hosts"):
        Settings(secret=SECRET, base_url=base, environment={})


@pytest.mark.sec("SEC-041")
async def test_no_cookie_is_larger_than_browsers_keep() -> None:
    async with a_place(cookie_cache=timedelta(minutes=5)) as place:
        given = {"name": "A" * 255, "email": "ann@example.com", "password": PASSWORD}
        image = "data:image/png;base64," + "A" * 20_000
        answer = await post(place.app, "/sign-up/email", {**given, "image": image})
        assert sum(len(line) for line in answer.all("set-cookie")) < 4096, "a picture comes along with no request"
        assert all(len(line) <= 4096 for line in answer.all("set-cookie"))


@pytest.mark.sec("SEC-173")
@pytest.mark.parametrize("base", [ORIGIN, HTTPS])
async def test_a_screen_says_what_may_run_on_it(base: str) -> None:
    async with a_place(base_url=base) as place:
        for method, path in (
            ("GET", "/sign-in"),
            ("GET", "/nothing"),
            ("POST", "/sign-in"),
            ("GET", "/error"),
            ("HEAD", "/sign-up"),
        ):
            answer = await ask(place.app, method, "/auth" + path, headers=[("content-type", "text/plain")])
            policy = answer.header("content-security-policy") or ""
            assert policy.startswith("default-src 'none'; script-src 'self'")
            assert "frame-ancestors 'none'" in policy
            assert "require-trusted-types-for 'script'" in policy
            assert "unsafe" not in policy
            assert answer.header("cache-control") == "no-store"
            assert answer.header("x-content-type-options") == "nosniff"
            assert answer.header("cross-origin-opener-policy") == "same-origin"
            assert answer.header("cross-origin-resource-policy") == "same-origin"
            assert answer.header("referrer-policy") == "same-origin"
            assert answer.header("server") is None
            transport = answer.header("strict-transport-security")
            assert transport == ("max-age=31536000; includeSubDomains" if base == HTTPS else None)
