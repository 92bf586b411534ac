"""Session tokens in a header, for clients that keep no cookies; and tickets for WebSockets."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from authmw import Auth, AuthError
from authmw.core.call import Call, Connection, SignedIn
from authmw.core.feature import Feature
from authmw.core.model import Session, User, Verification
from authmw.features import Account, Bearer, EmailVerification, Jwt, Password, Sessions
from tests.support import ORIGIN, PASSWORD, Browser, Clock, browser, cookies_set, make_auth, plain_app, refused, serving
from tests.web.raw import Header, ask, contents

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
TOKEN, DATA, FORGET = (f"better-auth.{name}" for name in ("session_token", "session_data", "dont_remember"))
WEBSOCKET = "websocket"


def bearing(*features: Feature, require_signature: bool = False, **more: Any) -> Auth[Any]:
    own = [Password(), EmailVerification(), Account(), Sessions(), Bearer(require_signature=require_signature)]
    return make_auth(features=[*own, *features], **more)


def header(credential: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"authorization": f"{scheme} {credential}"}


async def sign_up(person: Browser, email: str = ANN) -> str:
    """Return the signed token of a new person, as the header names it."""
    answer = await person.sign_up(email)
    assert answer.status_code == 200
    return answer.headers["set-auth-token"]


def bare(signed: str) -> str:
    return signed.rpartition(".")[0]


async def who(person: Browser, credential: str | None = None, **headers: str) -> str | None:
    """The address of whom the application sees, and authmw's own API too."""
    headers |= header(credential) if credential is not None else {}
    seen = (await person.get("/me", headers=headers)).json()
    told = (await person.api("/get-session", headers=headers)).json()
    assert (seen and seen["email"]) == (told and told["user"]["email"])
    return seen and str(seen["email"])


# The header of the answer


async def test_where_a_session_begins_its_signed_token_is_named() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        signed_up = await ann.sign_up()
        signed_in = await ann.sign_in()
        for answer in (signed_up, signed_in):
            signed = answer.headers["set-auth-token"]
            assert signed == auth.secrets.sign(answer.json()["token"])
            assert cookies_set(answer)[TOKEN].startswith(quote(signed, safe=""))
            assert answer.headers["access-control-expose-headers"] == "set-auth-token"


async def test_where_no_session_begins_none_is_named() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        signed = await sign_up(ann)
        answers = [
            await ann.api("/get-session"),
            await ann.sign_in(password="wrong password"),
            await ann.api("/get-session", headers=header(signed)),
            await ann.api("/sign-out", {}),
            await ann.api("/get-session", headers=header("x" * 32)),
        ]
        assert not [answer for answer in answers if "set-auth-token" in answer.headers]


async def test_a_session_that_slides_names_its_token_to_whoever_holds_the_cookie() -> None:
    clock = Clock()
    async with serving(bearing(clock=clock)) as ann:
        signed = await sign_up(ann)
        clock.forward(days=2)
        answer = await ann.api("/get-session")
        assert answer.headers["set-auth-token"] == signed


@pytest.mark.sec("SEC-048")
async def test_a_client_without_cookies_is_given_none_when_its_session_slides() -> None:
    clock = Clock()
    auth = bearing(clock=clock)
    async with serving(auth) as ann, browser(auth) as client:
        signed = await sign_up(ann)
        clock.forward(days=2)
        for path in ("/api/auth/get-session", "/me", "/auth/sign-in"):
            answer = await client.get(path, headers=header(signed))
            assert "set-cookie" not in answer.headers
        assert (await client.api("/get-session", headers=header(signed))).json()["session"]["expiresAt"] > "2026-12-04"


@pytest.mark.sec("SEC-042")
async def test_a_session_that_is_not_to_be_remembered_does_not_slide_for_a_client_without_cookies() -> None:
    clock = Clock()
    auth = bearing(Jwt(refresh=True), clock=clock)
    async with serving(auth) as ann, browser(auth) as client:
        signed = (await ann.sign_up(rememberMe=False)).headers["set-auth-token"]
        clock.forward(hours=23)
        assert await who(client, signed) == ANN
        assert (await client.api("/token/pair", {}, headers=header(signed))).json()["refreshExpiresIn"] == 3600
        clock.forward(hours=1)
        assert await who(client, signed) is None


# What is taken


@pytest.mark.sec("SEC-048")
async def test_signed_and_bare_in_every_writing() -> None:
    auth = bearing()
    async with serving(auth) as ann, browser(auth) as client:
        signed = await sign_up(ann)
        token, _, signature = signed.rpartition(".")
        url_safe = signature.translate(str.maketrans("+/", "-_"))
        writings = [signed, token, quote(signed, safe="."), f"{token}.{url_safe}", f"{token}.{url_safe.rstrip('=')}"]
        for writing in writings:
            assert await who(client, writing) == ANN
        for scheme in ("bearer", "BEARER", "bEaReR", "Bearer ", "Bearer\x20\t"):
            assert (await client.get("/me", headers=header(signed, scheme))).json()["email"] == ANN


async def test_where_signatures_are_required_a_bare_token_is_none() -> None:
    auth = bearing(require_signature=True)
    async with serving(auth) as ann, browser(auth) as client:
        signed = await sign_up(ann)
        assert await who(client, signed) == ANN
        assert await who(client, bare(signed)) is None
        answer = await client.api("/get-session", headers=header(bare(signed)))
        assert "set-cookie" not in answer.headers, "it is not even looked up"
        assert await who(ann, bare(signed)) == ANN, "the cookie counts"


@pytest.mark.sec("SEC-048")
async def test_a_bad_signature_is_as_if_it_were_not_there() -> None:
    auth = bearing()
    async with serving(auth) as ann, browser(auth) as nobody, browser(auth) as bob:
        signed = await sign_up(ann)
        await sign_up(bob, BOB)
        token, _, signature = signed.rpartition(".")
        other = signature[:-5] + ("A" if signature[-5] != "A" else "B") + signature[-4:]
        for bad in (
            f"{token}.{other}",
            f"{token}.",
            f"{token}.x",
            f".{signature}",
            f"{token}x.{signature}",
            ".",
            "a.b.c",
        ):
            assert await who(bob, bad) == BOB
            assert await who(nobody, bad) is None
            answer = await nobody.api("/get-session", headers=header(bad))
            assert "set-cookie" not in answer.headers


@pytest.mark.sec("SEC-048")
async def test_a_bare_token_that_is_unknown_is_nobody_and_its_cookies_go() -> None:
    auth = bearing()
    async with serving(auth) as nobody, browser(auth) as bob:
        await sign_up(bob, BOB)
        for person in (nobody, bob):
            answer = await person.api("/get-session", headers=header("t" * 32))
            assert answer.json() is None
            cleared = {name for name, rest in cookies_set(answer).items() if rest.startswith("; Max-Age=0")}
            assert cleared == {TOKEN, DATA, FORGET}


@pytest.mark.sec("SEC-048")
async def test_a_valid_token_wins_over_the_cookie_and_the_two_are_not_mixed() -> None:
    auth = bearing()
    async with serving(auth) as ann, browser(auth) as bob:
        signed = await sign_up(ann)
        await sign_up(bob, BOB)
        assert await who(bob, signed) == ANN
        assert await who(bob, bare(signed)) == ANN
        listed = (await bob.api("/list-sessions", headers=header(signed))).json()
        assert [row["userId"] for row in listed] == [(await ann.session())["user"]["id"]]
        await bob.api("/update-user", {"name": "Renamed"}, headers=header(signed))
        rows = await contents(auth)
        assert {row.email: row.name for row in rows["user"]} == {ANN: "Renamed", BOB: "Ann"}


@pytest.mark.sec("SEC-048")
async def test_what_is_no_single_credential_of_this_scheme_is_ignored() -> None:
    auth = bearing()
    async with serving(auth) as ann, browser(auth) as bob:
        signed = await sign_up(ann)
        await sign_up(bob, BOB)
        app, token = auth.wrap(plain_app(auth)), bare(signed)
        cookie: Header = ("cookie", f"{TOKEN}={bob.cookies[TOKEN]}")
        odd: list[list[Header]] = [
            [("authorization", value)]
            for value in (
                *("", "Bearer", "Bearer ", "Bearer   ", "bearer\t", signed, f"Basic {signed}", f"Token {signed}"),
                *(f"Bearer {signed}, Bearer {signed}", f"Bearer {signed},", f"Bearer {signed} {signed}"),
                *(
                    f"Bearer {token}, Bearer {token}",
                    f"Bearer {token},",
                    f"Bearer {token} {token}",
                    f"Bearer {token}\t{token}",
                ),
                *(f"Bearer{signed}", f"Bearer\t{signed}", f"Bearer: {signed}", f"Digest Bearer {signed}"),
                "Bearer " + "x" * 2000,
            )
        ]
        odd += [
            [("authorization", f"Bearer {signed}"), ("authorization", f"Bearer {signed}")],
            [("authorization", f"Bearer {signed}"), ("authorization", "Basic YTpi")],
            [("authorization", "Basic YTpi"), ("authorization", f"Bearer {signed}")],
            [("authorization", ""), ("authorization", f"Bearer {signed}")],
            [("x-authorization", f"Bearer {signed}")],
            [("proxy-authorization", f"Bearer {signed}")],
            [("x-forwarded-user", ANN), ("remote-user", ANN), ("x-user-id", ANN)],
            [("set-auth-token", signed)],
        ]
        for lines in odd:
            assert (await ask(app, "GET", "/me", headers=[*lines, cookie])).json()["email"] == BOB, lines
            assert (await ask(app, "GET", "/me", headers=lines)).json() is None, lines
            assert (await ask(app, "GET", "/secret", headers=lines)).status == 401
            answer = await ask(app, "GET", "/api/auth/get-session", headers=lines)
            assert (answer.body, answer.all("set-cookie")) == (b"null", [])


@pytest.mark.sec("SEC-180")
@pytest.mark.parametrize("shared", [False, True])
async def test_bytes_that_are_no_text_are_nobody_and_no_fault(shared: bool) -> None:
    auth = bearing(shared_database=shared)
    async with serving(auth):
        app = auth.wrap(plain_app(auth))
        for raw in (
            b"\xff\xfe",
            b"\x00",
            b"%00",
            b"%ff.%ff",
            b"\xc3\xa9." + b"A" * 43 + b"=",
            b"%",
            b"x%2Ey",
            b"x." + b"=" * 44,
        ):
            line: Header = ("authorization", b"Bearer " + raw)
            assert (await ask(app, "GET", "/me", headers=[line])).json() is None
            assert (await ask(app, "GET", "/api/auth/get-session", headers=[line])).body == b"null"
            assert (await ask(app, "GET", "/api/auth/list-sessions", headers=[line])).status == 401


# Whose session begins and ends


async def test_signing_out_ends_the_session_that_was_presented_and_no_other() -> None:
    auth = bearing()
    async with serving(auth) as ann, browser(auth) as bob, browser(auth) as client:
        signed = await sign_up(ann)
        await sign_up(bob, BOB)
        assert (await bob.api("/sign-out", {}, headers=header(signed))).json() == {"success": True}
        assert await who(client, signed) is None
        rows = (await contents(auth))["session"]
        assert len(rows) == 1


@pytest.mark.sec("SEC-040")
async def test_a_new_session_ends_the_one_that_was_presented() -> None:
    auth = bearing()
    async with serving(auth) as ann, browser(auth) as client:
        signed = await sign_up(ann)
        answer = await client.api("/sign-in/email", {"email": ANN, "password": PASSWORD}, headers=header(signed))
        renewed = answer.headers["set-auth-token"]
        client.cookies.clear()
        assert renewed != signed
        assert await who(client, signed) is None
        assert await who(client, renewed) == ANN
        assert await auth.database.count(Session) == 1


async def test_a_client_without_cookies_needs_no_origin() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        signed = await sign_up(ann)
        app = auth.api
        lines: list[Header] = [("authorization", f"Bearer {signed}"), ("content-type", "application/json")]
        answer = await ask(app, "POST", "/update-user", headers=lines, body=b'{"name":"Anna"}')
        assert (answer.status, answer.json()) == (200, {"status": True})


async def test_without_the_feature_the_header_is_nobody() -> None:
    async with serving(make_auth()) as ann:
        token = (await ann.sign_up()).json()["token"]
        ann.cookies.clear()
        assert await who(ann, token) is None
        assert await who(ann, ann.mw.secrets.sign(token)) is None


# WebSockets


class Sockets:
    """An application that tells who opens a socket; and what its handlers would be told by each guard."""

    def __init__(self, auth: Auth[Any]) -> None:
        self.auth = auth
        self.guarded: list[str | None] = []
        self.app = auth.wrap(self.answer)
        self.seen: Any = None

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen = scope["state"]["user"]
        call = self.auth.call(scope)
        self.guarded = []
        for guard in ("session", "sensitive", "fresh"):
            try:
                self.guarded.append((await call.guard(guard)).user.email)
            except AuthError as refusal:
                self.guarded.append(type(refusal).__name__)
        await send({"type": "websocket.accept"})

    async def open(self, *headers: Header, query: str = "") -> str | None:
        """Return the address of whom the application sees."""
        answer = await ask(self.app, "GET", "/ws", headers=headers, kind=WEBSOCKET, query=query.encode())
        assert [message["type"] for message in answer.messages] == ["websocket.accept"]
        return self.seen and str(self.seen.email)

    async def open_with(self, ticket: str, *headers: Header) -> str | None:
        return await self.open(*headers, query=urlencode({"ticket": ticket}))


async def ticket_of(person: Browser, **headers: str) -> str:
    answer = await person.api("/ws-ticket", {}, headers=headers)
    assert set(answer.json()) == {"ticket", "expiresIn"}
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["ticket"])


async def test_a_websocket_that_sends_the_header() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        signed = await sign_up(ann)
        sockets = Sockets(auth)
        assert await sockets.open(("authorization", f"Bearer {signed}")) == ANN
        assert sockets.guarded == [ANN, ANN, ANN]
        assert await sockets.open(("authorization", f"Bearer {signed}"), ("origin", "https://evil.example")) == ANN
        assert await sockets.open(("authorization", "Bearer x.y")) is None


@pytest.mark.sec("SEC-024")
async def test_a_ticket_opens_one_socket() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        await sign_up(ann)
        ticket = await ticket_of(ann)
        sockets = Sockets(auth)
        assert await sockets.open_with(ticket) == ANN
        assert await sockets.open_with(ticket) is None
        assert await auth.database.count(Verification) == 0


async def test_a_ticket_may_be_asked_for_by_header_and_several_may_be_pending() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        signed = await sign_up(ann)
        ann.cookies.clear()
        tickets = [await ticket_of(ann, **header(signed)) for _ in range(3)]
        sockets = Sockets(auth)
        assert [await sockets.open_with(ticket) for ticket in tickets] == [ANN] * 3


@pytest.mark.sec("SEC-023")
async def test_a_ticket_lasts_thirty_seconds() -> None:
    clock = Clock()
    auth = bearing(clock=clock)
    async with serving(auth) as ann:
        await sign_up(ann)
        first, second = await ticket_of(ann), await ticket_of(ann)
        sockets = Sockets(auth)
        clock.forward(seconds=29.999)
        assert await sockets.open_with(first) == ANN
        clock.forward(seconds=0.001)
        assert await sockets.open_with(second) is None


@pytest.mark.sec("SEC-042")
async def test_a_ticket_of_a_session_that_has_ended_is_nobodys() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        await sign_up(ann)
        ticket = await ticket_of(ann)
        await ann.api("/sign-out", {})
        assert await Sockets(auth).open_with(ticket) is None


@pytest.mark.sec("SEC-170")
async def test_from_the_page_of_another_site_a_ticket_counts_and_the_cookie_does_not() -> None:
    auth = bearing()
    async with serving(auth) as ann, browser(auth) as bob:
        await sign_up(ann)
        await sign_up(bob, BOB)
        cookie: Header = ("cookie", f"{TOKEN}={bob.cookies[TOKEN]}")
        sockets = Sockets(auth)
        evil: Header = ("origin", "https://evil.example")
        assert await sockets.open(evil, cookie) is None
        assert await sockets.open_with("x" * 32, evil, cookie) is None
        assert await sockets.open_with(await ticket_of(ann), evil, cookie) == ANN
        assert await sockets.open_with("x" * 32, ("origin", ORIGIN), cookie) == BOB


@pytest.mark.sec("SEC-048")
async def test_a_ticket_is_not_mixed_with_the_cookie_of_somebody_else() -> None:
    auth = bearing()
    async with serving(auth) as ann, browser(auth) as bob:
        await sign_up(ann)
        await sign_up(bob, BOB)
        sockets = Sockets(auth)
        cookie: Header = ("cookie", f"{TOKEN}={bob.cookies[TOKEN]}")
        assert await sockets.open_with(await ticket_of(ann), ("origin", ORIGIN), cookie) == ANN
        assert sockets.guarded == [ANN, "Unauthorized", "Unauthorized"]


@pytest.mark.sec("SEC-030")
async def test_no_session_token_in_an_address_ever_works() -> None:
    auth = bearing(Jwt())
    async with serving(auth) as ann:
        signed = await sign_up(ann)
        jwt = (await ann.api("/token")).json()["token"]
        cookie = ann.cookies[TOKEN]
        sockets = Sockets(auth)
        ann.cookies.clear()
        for name in ("ticket", "token", "access_token", "session_token", "authorization", "bearer", TOKEN, "Ticket"):
            for value in (signed, bare(signed), cookie, jwt, f"Bearer {signed}"):
                query = urlencode({name: value})
                assert await sockets.open(query=query) is None
                assert (await ann.get(f"/me?{query}")).json() is None
                assert (await ann.api(f"/get-session?{query}")).json() is None


async def test_a_ticket_is_for_sockets_and_for_nothing_else() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        await sign_up(ann)
        ticket = await ticket_of(ann)
        ann.cookies.clear()
        assert (await ann.get(f"/me?ticket={ticket}")).json() is None
        assert (await ann.get(f"/me?ticket={ticket}", headers={"authorization": "Basic YTpi"})).json() is None
        assert (await ann.get(f"/api/auth/get-session?ticket={ticket}")).json() is None
        assert await who(ann, ticket) is None
        assert await Sockets(auth).open_with(ticket) == ANN, "nothing of this has spent it"


@pytest.mark.sec("SEC-023")
async def test_what_was_mailed_is_no_ticket() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        await sign_up(ann)
        await ann.api("/request-password-reset", {"email": ANN})
        letter = (await ann.mail()).last("reset-password")
        assert await Sockets(auth).open_with(letter.context["token"]) is None
        assert await auth.database.count(Verification) == 1


@pytest.mark.parametrize(
    "query", [b"ticket=", b"ticket", b"ticket=%00", b"ticket=\xff", b"ticket=%ff", b"&" * 200 + b"ticket=x"]
)
async def test_an_odd_query_is_nobody_and_no_fault(query: bytes) -> None:
    auth = bearing()
    async with serving(auth):
        sockets = Sockets(auth)
        await ask(sockets.app, "GET", "/ws", kind=WEBSOCKET, query=query)
        assert sockets.seen is None


async def test_two_tickets_at_once_are_none() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        await sign_up(ann)
        first, second = await ticket_of(ann), await ticket_of(ann)
        sockets = Sockets(auth)
        assert await sockets.open(query=f"ticket={first}&ticket={second}") is None
        assert await sockets.open_with(first) == ANN


async def test_nobody_is_given_a_ticket() -> None:
    async with serving(bearing()) as nobody:
        refused(await nobody.api("/ws-ticket", {}), 401, "UNAUTHORIZED")


@pytest.mark.sec("SEC-021")
async def test_neither_the_ticket_nor_the_session_token_stands_in_the_database() -> None:
    auth = bearing()
    async with serving(auth) as ann:
        signed = await sign_up(ann)
        ticket = await ticket_of(ann)
        kept = repr(await contents(auth))
        assert ticket not in kept
        assert bare(signed) not in kept


async def test_in_a_handler_the_guards_take_a_session_token() -> None:
    auth = bearing()

    async def told(request: Request) -> JSONResponse:
        call: Call[User] = auth.call(request)
        found: list[SignedIn[User]] = [await call.guard(guard) for guard in ("session", "sensitive", "fresh")]
        return JSONResponse([signed_in.user.email for signed_in in found])

    app = auth.wrap(Starlette(routes=[Route("/told", told)]))
    async with serving(auth, app) as ann:
        signed = await sign_up(ann)
        ann.cookies.clear()
        assert (await ann.get("/told", headers=header(signed))).json() == [ANN] * 3


def test_a_credential_is_read_from_one_header_alone() -> None:
    lines = [(b"authorization", b"Bearer abc")]
    assert Connection(kind="http", lines=lines).bearer == "abc"
    assert Connection(kind="http", lines=lines * 2).bearer is None
    assert "abc" not in repr(Connection(kind="http", lines=lines, query=b"ticket=abc"))
