"""How often anybody may try, counted exactly: SEC-062, 063, 065, 009."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from authmw import Auth
from authmw.core.client_ip import client_ip, networks
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.web import carry
from tests.support import ORIGIN, PASSWORD, Browser, Clock, browser, events_of, make_auth, outbox_of, plain_app
from tests.web.raw import Answer, Header, ask, post

pytestmark = pytest.mark.anyio

TOO_MANY = b'{"message":"Too many requests. Please try again later."}'
WRONG = "not the password"


class Place:
    """An app with limits, in which Ann has an account, and requests from any address."""

    def __init__(self, auth: Auth[Any], clock: Clock, ann: Browser) -> None:
        self.auth, self.clock, self.ann = auth, clock, ann
        self.app = auth.wrap(plain_app(auth))

    @property
    def cookie(self) -> Header:
        return "cookie", "; ".join(f"{each.name}={each.value}" for each in self.ann.cookies.jar)

    async def post(
        self, path: str, given: Any, *, ip: str = "198.51.100.1", headers: list[Header] | None = None
    ) -> Answer:
        lines = [("origin", ORIGIN), *(headers or [])]
        return await post(self.app, path, given, headers=lines, client=(ip, 1))

    async def guess(self, number: int, *, email: str = "ann@example.com", password: str = WRONG) -> int:
        """Try a password, each time from an address of its own."""
        ip = f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}"
        return (await self.post("/sign-in/email", {"email": email, "password": password}, ip=ip)).status


@asynccontextmanager
async def limited(**options: Any) -> AsyncIterator[Place]:
    clock = Clock()
    auth = make_auth(rate_limit=True, clock=clock, **options)
    await auth.start()
    async with browser(auth) as ann:
        assert (await ann.sign_up()).status_code == 200
        await auth.mail.idle()
        yield Place(auth, clock, ann)
    await auth.stop()


def is_too_many(answer: Answer, wait: int) -> None:
    assert (answer.status, answer.body) == (429, TOO_MANY)
    assert answer.header("x-retry-after") == answer.header("retry-after") == str(wait)
    assert answer.header("content-type") == "text/plain;charset=UTF-8"
    assert answer.header("cache-control") == "no-store"
    assert not answer.cookies


# Per address and route

BUDGETS = {
    "POST /sign-in/email": (3, 10),
    "POST /sign-up/email": (3, 10),
    "POST /change-password": (3, 10),
    "POST /change-email": (3, 10),
    "POST /request-password-reset": (3, 60),
    "POST /send-verification-email": (3, 60),
    "POST /reauth": (3, 10),
    "POST /reauth/send-code": (3, 60),
}


@pytest.mark.sec("SEC-062")
@pytest.mark.parametrize("storage", ["memory", "database"])
async def test_every_route_lets_exactly_its_budget_through(storage: str) -> None:
    async with limited(rate_limit_store=storage) as place:
        seen = set()
        for operation in place.auth.operations:
            route = operation.route
            times, per = BUDGETS.get(f"{route.method} {route.path}", (100, 10))
            if storage == "database" and times == 100 and route.path != "/sign-out":
                continue  # one of the many is enough there
            path = "/api/auth" + route.path.replace(":token", "x")

            async def once(method: str = route.method, path: str = path) -> Answer:
                headers: list[Header] = [("origin", ORIGIN), ("content-type", "application/json")]
                return await ask(place.app, method, path, headers=headers, client=("198.51.100.9", 1))

            for _ in range(times):
                assert (await once()).status != 429
                # A POST and a GET of one path are one route to the limiter.
                seen.add(route.path)
            is_too_many(await once(), per)
            place.clock.forward(seconds=per - 0.001)
            is_too_many(await once(), 1)
            place.clock.forward(seconds=0.001)
            for _ in range(times):
                assert (await once()).status != 429
            is_too_many(await once(), per)
            place.clock.forward(seconds=per)
        assert {name.partition(" ")[2] for name in BUDGETS} <= seen


@pytest.mark.sec("SEC-062")
async def test_limits_are_on_unless_switched_off() -> None:
    from authmw import Settings

    assert Settings(secret="x" * 20 + "0123456789abcdefgh", environment={}).rate_limit is True
    assert (
        Settings(secret="x" * 20 + "0123456789abcdefgh", environment={"AUTHMW_RATE_LIMIT": "off"}).rate_limit is False
    )


@pytest.mark.sec("SEC-062")
async def test_a_window_restarts_with_every_call_that_was_let_through_and_with_no_other() -> None:
    async with limited() as place:
        body = {"email": "nobody@example.com", "password": WRONG}
        for _ in range(3):
            assert (await place.post("/sign-in/email", body)).status == 401
            place.clock.forward(seconds=9)
        place.clock.forward(seconds=-9)
        is_too_many(await place.post("/sign-in/email", body), 10)
        for _ in range(9):
            place.clock.forward(seconds=1)
            assert (await place.post("/sign-in/email", body)).status == 429
        place.clock.forward(seconds=1)
        assert (await place.post("/sign-in/email", body)).status == 401


@pytest.mark.sec("SEC-062")
async def test_other_routes_and_other_addresses_have_budgets_of_their_own() -> None:
    async with limited() as place:
        body = {"email": "nobody@example.com", "password": WRONG}
        for _ in range(4):
            last = await place.post("/sign-in/email", body)
        assert last.status == 429
        assert (await place.post("/sign-in/email", body, ip="198.51.100.2")).status == 401
        assert (await place.post("/sign-up/email", {})).status == 400


@pytest.mark.sec("SEC-062")
async def test_a_refusal_is_on_the_record() -> None:
    async with limited() as place:
        for _ in range(4):
            await place.post("/sign-in/email", {"email": "nobody@example.com", "password": WRONG})
        event = events_of(place.auth)[-1]
        assert (event.event, event.outcome, event.ip) == ("security.rate_limited", "denied", "198.51.100.1")


@pytest.mark.sec("SEC-062")
async def test_a_form_and_the_api_share_one_budget() -> None:
    async with limited() as place:
        place.ann.cookies.clear()
        for _ in range(2):
            assert (await place.ann.submit("/sign-in", email="ann@example.com", password=WRONG)).status_code == 422
        assert (await place.ann.sign_in(password=WRONG)).status_code == 401
        assert (await place.ann.sign_in(password=WRONG)).status_code == 429
        page = await place.ann.submit("/sign-in", email="ann@example.com", password=PASSWORD)
        assert page.status_code == 429
        assert page.headers["retry-after"] == "10"
        assert "10 seconds" in page.text


@pytest.mark.sec("SEC-065")
async def test_paths_that_lead_nowhere_share_one_budget_whatever_they_are_called() -> None:
    async with limited() as place:
        for number in range(100):
            assert (await place.post(f"/nothing/{number}", {})).status == 404
        is_too_many(await place.post("/something/else", {}), 10)
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "X"):
            answer = await ask(place.app, method, "/api/auth/sign-in/email", client=("198.51.100.1", 1))
            assert answer.status == 429
        assert (await ask(place.app, "GET", "/api/auth/ok", client=("198.51.100.1", 1))).status == 429
        assert (await ask(place.app, "GET", "/api/auth/ok", client=("198.51.100.2", 1))).status == 200


@pytest.mark.sec("SEC-065")
async def test_another_way_to_write_a_path_is_no_way_around_a_limit() -> None:
    async with limited() as place:
        body = {"email": "ann@example.com", "password": PASSWORD}
        aliases = ["/sign-in//email", "/sign-in/email/", "/Sign-In/Email", "/./sign-in/email", "/sign-in/email;x"]
        for _ in range(3):
            assert (await place.post("/sign-in/email", body)).status == 200
        for alias in aliases:
            answer = await place.post(alias, body)
            assert (answer.status, answer.cookies) == (404, {})
        # One segment may be anything, and counts as the route that it belongs to.
        for number in range(100):
            opened = await ask(place.app, "GET", f"/api/auth/reset-password/{number}", client=("198.51.100.1", 1))
            assert opened.status == 400
        assert (await ask(place.app, "GET", "/api/auth/reset-password/x", client=("198.51.100.1", 1))).status == 429


# Per account


@pytest.mark.sec("SEC-062")
@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"], ids=["known", "unknown"])
async def test_ten_wrong_passwords_from_anywhere_stop_guessing_at_an_account(email: str) -> None:
    async with limited() as place:
        for number in range(10):
            assert await place.guess(number, email=email.upper() if number % 2 else email) == 401
        is_too_many(await place.post("/sign-in/email", {"email": email, "password": WRONG}, ip="10.9.9.9"), 900)
        assert await place.guess(11, email=email, password=PASSWORD) == 429  # a right one tells nothing either
        assert await place.guess(12, email="somebody.else@example.com") == 401
        place.clock.forward(minutes=15, seconds=-0.001)
        assert await place.guess(13, email=email) == 429
        place.clock.forward(seconds=0.001)
        assert await place.guess(14, email=email) == 401


@pytest.mark.sec("SEC-062")
async def test_a_success_clears_the_count_of_its_own_account_only() -> None:
    async with limited() as place:
        await place.ann.sign_up(email="bob@example.com", name="Bob")
        for number in range(9):
            assert await place.guess(number) == 401
            assert await place.guess(number + 100, email="bob@example.com") == 401
        assert await place.guess(300, email="bob@example.com", password=PASSWORD) == 200
        for number in range(10):
            assert await place.guess(number + 400, email="bob@example.com") == 401
        assert await place.guess(500, email="bob@example.com") == 429
        assert await place.guess(501) == 401
        assert await place.guess(502) == 429


@pytest.mark.sec("SEC-062")
@pytest.mark.parametrize("storage", ["memory", "database"])
async def test_a_hundred_wrong_passwords_in_a_row_stop_passwords_until_a_mailed_link_is_used(storage: str) -> None:
    async with limited(rate_limit_store=storage) as place:
        for number in range(100):
            if number % 10 == 0:
                place.clock.forward(minutes=15)
            assert await place.guess(number) == 401
        for number, later in enumerate(
            (timedelta(minutes=15), timedelta(hours=20), timedelta(days=3), timedelta(days=300))
        ):
            place.clock.now += later
            assert await place.guess(1000 + number) == 429
            assert await place.guess(2000 + number, password=PASSWORD) == 429
        assert (await place.post("/request-password-reset", {"email": "ann@example.com"})).status == 200
        await place.auth.mail.idle()
        token = outbox_of(place.auth).last("reset-password").context["token"]
        assert await place.guess(3000, password=PASSWORD) == 429  # asking for the link is not using it
        assert (await place.post("/reset-password", {"token": token, "newPassword": "another long one"})).status == 200
        assert await place.guess(3001, password="another long one") == 200


@pytest.mark.sec("SEC-062")
@pytest.mark.parametrize("storage", ["memory", "database"])
async def test_a_row_of_wrong_passwords_is_not_forgotten_over_a_quiet_day(storage: str) -> None:
    async with limited(rate_limit_store=storage) as place:
        for number in range(100):
            if number % 5 == 0:
                place.clock.forward(days=2)
            assert await place.guess(number) == 401
        assert await place.guess(1000) == 429


@pytest.mark.sec("SEC-062")
async def test_a_right_password_ends_a_row_of_wrong_ones() -> None:
    async with limited() as place:
        for number in range(150):
            if number % 9 == 0:
                assert await place.guess(number + 1000, password=PASSWORD) == 200
            assert await place.guess(number) == 401


@pytest.mark.sec("SEC-009")
@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/verify-password", {"password": WRONG}),
        ("/change-password", {"currentPassword": WRONG, "newPassword": "another long one"}),
        ("/delete-user", {"password": WRONG}),
    ],
)
async def test_a_stolen_session_is_no_guessing_machine(path: str, given: dict[str, str]) -> None:
    async with limited() as place:
        right = {**given, "password" if "password" in given else "currentPassword": PASSWORD}
        for number in range(5):
            wrong = await place.post(path, given, ip=f"10.0.0.{number}", headers=[place.cookie])
            assert (wrong.status, wrong.code) == (400, "INVALID_PASSWORD")
        is_too_many(await place.post(path, given, ip="10.0.1.1", headers=[place.cookie]), 900)
        for other, body in (("/verify-password", {"password": PASSWORD}), (path, right)):
            answer = await place.post(other, body, ip="10.0.2.1", headers=[place.cookie])
            assert answer.status == 429
        place.clock.forward(minutes=15)
        assert (await place.post(path, right, ip="10.0.3.1", headers=[place.cookie])).status == 200


@pytest.mark.sec("SEC-009")
async def test_the_right_password_gives_a_session_its_tries_back() -> None:
    async with limited() as place:
        for _ in range(3):
            for _ in range(4):
                assert (await place.post("/verify-password", {"password": WRONG}, headers=[place.cookie])).status == 400
            assert (await place.post("/verify-password", {"password": PASSWORD}, headers=[place.cookie])).status == 200
            place.clock.forward(seconds=10)


# Mail


@pytest.mark.sec("SEC-062")
async def test_an_address_gets_five_mails_an_hour_and_the_answers_do_not_tell() -> None:
    async with limited() as place:
        place.clock.forward(hours=1)
        answers = set()
        for number in range(8):
            answer = await place.post("/request-password-reset", {"email": "ANN@example.com"}, ip=f"10.0.0.{number}")
            answers.add((answer.status, answer.body))
            await place.auth.mail.idle()
        assert len(answers) == 1
        assert len(outbox_of(place.auth).of("reset-password")) == 5
        other = await place.post("/request-password-reset", {"email": "bob@example.com"}, ip="10.0.1.1")
        assert (other.status, other.body) in answers
        place.clock.forward(hours=1)
        await place.post("/request-password-reset", {"email": "ann@example.com"}, ip="10.0.2.1")
        await place.auth.mail.idle()
        assert len(outbox_of(place.auth).of("reset-password")) == 6


@pytest.mark.sec("SEC-062")
async def test_every_kind_of_mail_has_its_own_share_and_links_that_were_mailed_stay_good() -> None:
    features = [Password(), EmailVerification(), Account(confirm_delete=True), Sessions()]
    async with limited(features=features) as place:
        await place.auth.mail.idle()
        for number in range(7):
            await place.post("/send-verification-email", {"email": "ann@example.com"}, ip=f"10.0.0.{number}")
            await place.post("/request-password-reset", {"email": "ann@example.com"}, ip=f"10.0.0.{number}")
            await place.post("/delete-user", {}, ip=f"10.0.0.{number}", headers=[place.cookie])
        await place.auth.mail.idle()
        outbox = outbox_of(place.auth)
        assert [len(outbox.of(kind)) for kind in ("verify-email", "reset-password", "delete-account")] == [5, 5, 5]
        token = outbox.last("reset-password").context["token"]
        answer = await place.post(
            "/reset-password", {"newPassword": "another long password", "token": token}, ip="10.0.1.1"
        )
        assert answer.status == 200, "asking again and again does not kill the link that arrived"
        await place.auth.mail.idle()
        assert outbox.last("security-notice").subject == "Your password was reset", "a notice is never held back"


# Whose address it is

PROXY, CLIENT = "10.0.0.1", "203.0.113.7"
TRUSTED = ("10.0.0.0/8", "fd00::/8")
SPOOFS: list[tuple[str | None, tuple[str, ...], str | None]] = [
    # nobody's proxy: the socket says who it is, whatever the headers claim
    (CLIENT, (), CLIENT),
    (CLIENT, ("1.2.3.4",), CLIENT),
    (CLIENT, ("1.2.3.4, 10.0.0.1",), CLIENT),
    (CLIENT, ("1.2.3.4", "5.6.7.8"), CLIENT),
    (CLIENT, ("rubbish",), CLIENT),
    ("172.16.0.1", ("1.2.3.4",), "172.16.0.1"),
    # our proxy: the rightmost hop that is not ours
    (PROXY, (CLIENT,), CLIENT),
    (PROXY, (f"1.2.3.4, {CLIENT}",), CLIENT),
    (PROXY, (f"10.0.0.9, 1.2.3.4, {CLIENT}",), CLIENT),
    (PROXY, (f"{CLIENT}, 10.0.0.2",), CLIENT),
    (PROXY, (f"{CLIENT}, 10.0.0.2, 10.0.0.3",), CLIENT),
    (PROXY, (f"1.2.3.4, {CLIENT}, 10.0.0.2",), CLIENT),
    (PROXY, (f"127.0.0.1, {CLIENT}",), CLIENT),
    (PROXY, (f" {CLIENT} ",), CLIENT),
    (PROXY, (f"rubbish, {CLIENT}",), CLIENT),  # left of the client anybody may write anything
    # it cannot be told: one bucket for all of these
    (PROXY, (), None),
    (PROXY, ("",), None),
    (PROXY, ("10.0.0.2",), None),
    (PROXY, ("rubbish",), None),
    (PROXY, (f"{CLIENT}, rubbish",), None),
    (PROXY, (f"{CLIENT},",), None),
    (PROXY, (f"{CLIENT}, unknown",), None),
    (PROXY, (f"{CLIENT}, 10.0.0.2, 10.0.0.",), None),
    (PROXY, (CLIENT, "5.6.7.8"), None),
    (PROXY, (CLIENT, CLIENT), None),
    (PROXY, ("1.2.3.4.5",), None),
    (PROXY, ("01.02.03.04",), None),
    (PROXY, ("0x7f.1",), None),
    (PROXY, ("2130706433",), None),
    (PROXY, ("１.2.3.4",), None),
    (PROXY, ("for=1.2.3.4",), None),
    (PROXY, ("example.com",), None),
    (PROXY, (f"{CLIENT}; {CLIENT}",), None),
    (PROXY, ("[1.2.3.4",), "1.2.3.4"),
    (None, (), None),
    ("", (CLIENT,), None),
    ("unix:", (CLIENT,), None),
    ("testclient", ("1.2.3.4",), None),
    # ports, zones, brackets, mapped
    (PROXY, (f"{CLIENT}:4711",), CLIENT),
    (PROXY, ("[2001:db8::1]:4711",), "2001:0db8:0000:0000:0000:0000:0000:0000"),
    (PROXY, ("2001:db8::1%eth0",), "2001:0db8:0000:0000:0000:0000:0000:0000"),
    (PROXY, (f"::ffff:{CLIENT}",), CLIENT),
    (f"::ffff:{CLIENT}", ("1.2.3.4",), CLIENT),
    ("::ffff:10.0.0.1", (CLIENT,), CLIENT),
    ("fd00::1", (CLIENT,), CLIENT),
    ("fd00::1", ("2001:DB8:1:2:3::4",), "2001:0db8:0001:0002:0000:0000:0000:0000"),
    ("2001:db8:1:2:3::4", (), "2001:0db8:0001:0002:0000:0000:0000:0000"),
    ("2001:db8:1:2:ffff:ffff:ffff:ffff", (), "2001:0db8:0001:0002:0000:0000:0000:0000"),
    ("2001:db8:1:3::", (), "2001:0db8:0001:0003:0000:0000:0000:0000"),
    ("::1", (), "0000:0000:0000:0000:0000:0000:0000:0000"),
]


@pytest.mark.sec("SEC-063")
@pytest.mark.parametrize(("peer", "forwarded", "address"), SPOOFS)
def test_an_address_is_what_the_socket_or_a_trusted_proxy_says(
    peer: str | None, forwarded: tuple[str, ...], address: str | None
) -> None:
    assert client_ip(peer, forwarded, networks(TRUSTED)) == address


@pytest.mark.sec("SEC-063")
def test_without_proxies_of_ours_no_header_counts() -> None:
    assert client_ip(PROXY, (CLIENT,), ()) == PROXY
    assert client_ip("127.0.0.1", (CLIENT,), ()) == "127.0.0.1"


@pytest.mark.sec("SEC-063")
async def test_a_header_that_a_client_writes_gives_it_no_new_budget() -> None:
    async with limited() as place:
        body = {"email": "nobody@example.com", "password": WRONG}
        statuses = []
        for number in range(6):
            claims: list[Header] = [
                (name, f"192.0.2.{number}")
                for name in (
                    "x-forwarded-for",
                    "x-real-ip",
                    "forwarded",
                    "cf-connecting-ip",
                    "true-client-ip",
                    "client-ip",
                )
            ]
            statuses.append((await place.post("/sign-in/email", body, headers=claims)).status)
        assert statuses == [401, 401, 401, 429, 429, 429]


@pytest.mark.sec("SEC-063")
async def test_clients_behind_a_trusted_proxy_are_told_apart() -> None:
    async with limited(trusted_proxies=["10.0.0.0/8"]) as place:
        body = {"email": "nobody@example.com", "password": WRONG}

        async def status(*forwarded: str, ip: str = PROXY) -> int:
            headers: list[Header] = [("x-forwarded-for", value) for value in forwarded]
            return (await place.post("/sign-in/email", body, ip=ip, headers=headers)).status

        assert [await status(f"192.0.2.{number}, {CLIENT}") for number in range(4)] == [401, 401, 401, 429]
        assert await status("203.0.113.8") == 401
        assert await status(CLIENT, ip="192.0.2.200") == 401  # no proxy of ours
        # Whoever cannot be told is limited too, all together.
        shared = [await status(*lines) for lines in ((), ("rubbish",), ("1.2.3.4", "5.6.7.8"), ("10.0.0.2",))]
        assert shared == [401, 401, 401, 429]


@pytest.mark.sec("SEC-063")
@pytest.mark.parametrize("proxies", [[], ["10.0.0.0/8"]], ids=["no proxy", "proxy"])
async def test_little_is_remembered_of_what_anybody_may_write(
    proxies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered: list[tuple[str, ...]] = []

    def watching(peer: str | None, forwarded: tuple[str, ...], trusted: Any) -> str | None:
        remembered.append(forwarded)
        return client_ip(peer, forwarded, trusted)

    monkeypatch.setattr(carry, "client_ip", watching)
    auth = make_auth(trusted_proxies=proxies)
    app = auth.wrap(plain_app(auth))
    body = {"email": "nobody@example.com", "password": WRONG}
    for lines in (["1.2.3.4, " * 7000 + CLIENT], ["1.2.3.4"] * 500):
        await post(
            app, "/sign-in/email", body, headers=[("x-forwarded-for", line) for line in lines], client=(PROXY, 1)
        )
    assert all(sum(map(len, forwarded)) <= 1024 for forwarded in remembered)
    assert [event.ip for event in events_of(auth)] == ([CLIENT, None] if proxies else [PROXY, PROXY])
    await auth.stop()


@pytest.mark.sec("SEC-063")
async def test_two_hundred_and_fifty_six_addresses_of_one_network_share_a_bucket() -> None:
    async with limited() as place:
        body = {"email": "nobody@example.com", "password": WRONG}
        statuses = [
            (await place.post("/sign-in/email", body, ip=f"2001:db8:1:2::{number:x}:1")).status for number in range(256)
        ]
        assert statuses == [401] * 3 + [429] * 253
        assert (await place.post("/sign-in/email", body, ip="2001:db8:1:3::1")).status == 401


@pytest.mark.sec("SEC-063")
async def test_without_a_socket_address_everybody_shares_a_bucket() -> None:
    async with limited() as place:
        statuses = [
            (await post(place.app, "/sign-in/email", {"email": "a@b.co", "password": WRONG}, client=None)).status
            for _ in range(4)
        ]
        assert statuses == [401, 401, 401, 429]


@pytest.mark.sec("SEC-064")
async def test_calls_at_the_same_moment_never_pass_more_than_the_limit() -> None:
    import asyncio

    async with limited() as place:
        body = {"email": "nobody@example.com", "password": WRONG}
        answers = await asyncio.gather(*(place.post("/sign-in/email", body) for _ in range(200)))
        assert sorted(answer.status for answer in answers) == [401] * 3 + [429] * 197


@pytest.mark.sec("SEC-064")
async def test_guesses_at_the_same_moment_are_no_more_than_ten() -> None:
    import asyncio

    async with limited() as place:
        answers = await asyncio.gather(*(place.guess(number) for number in range(40)))
        assert sorted(answers) == [401] * 10 + [429] * 30
