"""JSON Web Tokens: what one says, with which key, who believes it, and for how long."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import JWKRegistry, OKPKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from authmw import Auth, AuthError, ConfigurationError, Public, User
from authmw.core import jwt
from authmw.core.call import Connection
from authmw.core.feature import Feature
from authmw.core.jwt import ALGORITHMS, LARGEST, Algorithm
from authmw.core.model import Session
from authmw.core.secrets import Secrets
from authmw.core.store import Unavailable
from authmw.features import Account, Bearer, EmailVerification, Jwt, OneTimeToken, Password, Sessions
from authmw.features import jwt as feature_module
from authmw.features.jwt import JsonWebKey, Revoke, Rotation
from authmw.features.jwt import keys as ring_of_keys
from authmw.features.jwt.keys import is_due, listed, to_sign
from authmw.stores.memory import MemoryStore
from tests.key_server import key_server
from tests.support import (
    ORIGIN,
    Browser,
    Clock,
    TurnTakingStore,
    browser,
    events_of,
    make_auth,
    plain_app,
    refused,
    serving,
)
from tests.web.faults import FailingStore
from tests.web.raw import Header, ask, post

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:EdDSA is deprecated")]

ANN, BOB = "ann@example.com", "bob@example.com"
TOKEN = "better-auth.session_token"
WIRE_SECRET = "a-secret-that-is-long-enough-for-tests-123456"
# Two keys as Better Auth 1.7.1 keeps them under that secret.
WIRE_KEYS = {
    "EdDSA": (
        '{"crv":"Ed25519","x":"VJaIDbn8f-e23m2-O8GPZ5TT-N-6Nq_iAINo7PWBH1A","kty":"OKP"}',
        '"74c0fa42a1a386912e1eb783ed765d2bf9934663231799b40c9aba26bf5fe43a206c8315c8d7cb2de33702af3b217aab57834d5a154d2e8'
        "8e366d25e88d3a97fe46f5e0deb329bf075a2ae49a5ccc5c2e8e2a9b04b84a4fc879c0b222788f82443dca4ce16f2669a81aec6728d39ebc"
        'd53473e07e1ec8224887ed7449dcfd10f6edcc46425d05b279e23f0524fe0976b638acf98f526679cda281be6331255ff9b2fc9126577da32aa"',
        "Ed25519",
    ),
    "ES256": (
        '{"kty":"EC","x":"ostRk36Cc0uCFsGd2S9djLSirga-O-Iwu4SnSeEAva8","y":"w4Z_AW4QjXnW6Ddehy8lGGKxYiSXNM9jABNwDPFnJ-o",'
        '"crv":"P-256"}',
        '"9cfd70b711367bdd4c57ff7a928010395017cd3cf5c56298907370cd913a67439abb4bd93d69294cb51b602be0547a836e18ae594afc3d4b'
        "6b99340724420b428ecd72b99805b1754b590293d3888119747a2cef947dc10f942b522a164033b1abebdab828449df9c20a622db8bcc31a"
        "854e8a4b63db70ba62618ca70947dd1d5c39cf1fb060bec6fbd79039e3b7a9f85361f10fa30b2b4e21bca2384e2ff77de7e3871f96a545cc"
        '0ac1e0d1078ee9d4d72f8b184fa35df09d34f61c3db76ccb11641cbaa041cb1b4d1f6d5e0896b64be85c773708037d27"',
        "P-256",
    ),
}
LISTED = {
    "EdDSA": ["alg", "crv", "x", "kty", "kid"],
    "ES256": ["alg", "crv", "kty", "x", "y", "kid"],
    "ES512": ["alg", "crv", "kty", "x", "y", "kid"],
    "RS256": ["alg", "kty", "n", "e", "kid"],
    "PS256": ["alg", "kty", "n", "e", "kid"],
}


def with_jwt(feature: Jwt | None = None, *more: Feature, **settings: Any) -> Auth[Any]:
    own = [Password(), EmailVerification(), Account(), Sessions(), feature or Jwt()]
    return make_auth(features=[*own, *more], **settings)


async def token_of(person: Browser, **headers: str) -> str:
    answer = await person.api("/token", headers=headers)
    assert (answer.status_code, list(answer.json())) == (200, ["token"])
    return str(answer.json()["token"])


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(token: str, number: int) -> Any:
    text = token.split(".")[number]
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def claims_in(token: str) -> Any:
    return part(token, 1)


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def seen(person: Browser, token: str) -> str | None:
    """The address of whom an application sees that is sent nothing but this token."""
    person.cookies.clear()
    answer = await person.get("/me", headers=bearing(token))
    assert answer.status_code == 200
    assert (await person.get("/secret", headers=bearing(token))).status_code == (200 if answer.json() else 401)
    return answer.json() and str(answer.json()["email"])


async def keys_of(auth: Auth[Any]) -> list[JsonWebKey]:
    return await auth.database.find_all(JsonWebKey, order="created_at")


def ring(auth: Auth[Any]) -> Any:
    return auth[Jwt].ring


def later(auth: Auth[Any]) -> None:
    """Have the ring look at the database with the next question, as after a minute."""
    ring(auth)._read_at = float("-inf")


# The wire


async def test_a_token_says_what_the_wire_says() -> None:
    auth = with_jwt()
    async with serving(auth) as ann:
        await ann.sign_up()
        session = await ann.session()
        token = await token_of(ann)
        [row] = await keys_of(auth)
        assert list(part(token, 0).items()) == [("alg", "EdDSA"), ("kid", row.id)]
        made = int(auth.clock().timestamp())
        assert claims_in(token) == {
            "iat": made,
            "iss": ORIGIN,
            "aud": ORIGIN,
            "exp": made + 900,
            "auth_time": made,
            **session["user"],
            "sid": session["session"]["id"],
            "sub": session["user"]["id"],
        }


@pytest.mark.sec("SEC-122")
@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_each_algorithm_is_listed_signs_and_is_kept_as_the_wire_has_it(
    algorithm: Algorithm, encrypted: bool
) -> None:
    auth = with_jwt(Jwt(algorithm=algorithm, encrypt_private_keys=encrypted), secret=WIRE_SECRET)
    async with serving(auth) as ann:
        answer = await ann.api("/jwks")
        assert answer.headers["content-type"] == "application/json"
        assert list(answer.json()) == ["keys"]
        [key] = answer.json()["keys"]
        assert list(key) == LISTED[algorithm]
        await ann.sign_up()
        token = await token_of(ann)
        verified = jws.deserialize_compact(token, JWKRegistry.import_key(key), algorithms=[algorithm])
        assert verified.headers() == {"alg": algorithm, "kid": key["kid"]}
        assert await seen(ann, token) == ANN

        [row] = await keys_of(auth)
        assert (row.id, row.alg, row.crv) == (key["kid"], algorithm, key.get("crv"))
        stored = json.loads(row.public_key)
        assert {**stored, "alg": algorithm, "kid": row.id} == key
        kept = json.loads(row.private_key)
        if encrypted:
            assert row.private_key[0] == row.private_key[-1] == '"'
            assert bytes.fromhex(kept) and kept == kept.lower()
            assert stored["x" if "x" in stored else "n"] not in row.private_key
            kept = json.loads(Secrets([WIRE_SECRET]).decrypt(kept) or "")
        assert "d" in kept
        assert {name: kept[name] for name in stored} == stored


@pytest.mark.sec("SEC-122")
async def test_no_private_member_is_ever_listed() -> None:
    auth = with_jwt(Jwt(further_algorithms=["ES256"]))
    async with serving(auth) as nobody:
        whole = OKPKey.generate_key("Ed25519", private=True).as_dict(private=True)
        row = JsonWebKey(
            id="theirs",
            public_key=json.dumps({**whole, "use": "sig", "ext": 1}),
            private_key="{}",
            created_at=auth.clock(),
        )
        await auth.database.insert(row)
        [key] = (await nobody.api("/jwks")).json()["keys"]
        assert list(key) == ["alg", "crv", "x", "kty", "kid"]


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
@pytest.mark.parametrize("named", [True, False])
async def test_a_key_that_better_auth_made_is_used(algorithm: Algorithm, named: bool) -> None:
    auth = with_jwt(Jwt(algorithm=algorithm), secret=WIRE_SECRET)
    async with serving(auth) as ann:
        public, private, curve = WIRE_KEYS[algorithm]
        made = auth.clock() - timedelta(days=2)
        row = JsonWebKey(
            id="their-key",
            public_key=public,
            private_key=private,
            created_at=made,
            alg=algorithm if named else None,  # the column is younger than the table
            crv=curve if named else None,
        )
        await auth.database.insert(row)
        [key] = (await ann.api("/jwks")).json()["keys"]
        assert key == {"alg": algorithm, **json.loads(public), "kid": "their-key"}
        await ann.sign_up()
        token = await token_of(ann)
        assert part(token, 0) == {"alg": algorithm, "kid": "their-key"}
        jws.deserialize_compact(token, JWKRegistry.import_key(json.loads(public)), algorithms=[algorithm])
        assert await seen(ann, token) == ANN
        assert len(await keys_of(auth)) == 1


async def test_a_session_that_is_read_brings_a_token_in_a_header() -> None:
    clock = Clock()
    auth = with_jwt(None, Bearer(), clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await ann.api("/get-session")
        assert answer.headers["access-control-expose-headers"] == "set-auth-jwt"
        clock.forward(seconds=1)
        again = await ann.api("/get-session")
        first, second = (each.headers["set-auth-jwt"] for each in (answer, again))
        assert claims_in(second)["iat"] == claims_in(first)["iat"] + 1
        clock.forward(days=2)
        both = await ann.api("/get-session")
        assert set(both.headers["access-control-expose-headers"].split(", ")) == {"set-auth-token", "set-auth-jwt"}
        assert "set-auth-jwt" not in (await ann.api("/list-sessions")).headers
        await ann.api("/sign-out", {})
        assert "set-auth-jwt" not in (await ann.api("/get-session")).headers
    auth = with_jwt(Jwt(set_header=False))
    async with serving(auth) as ann:
        await ann.sign_up()
        assert "set-auth-jwt" not in (await ann.api("/get-session")).headers


async def test_nobody_is_given_a_token() -> None:
    async with serving(with_jwt()) as nobody:
        refused(await nobody.api("/token"), 401, "UNAUTHORIZED")


async def test_the_list_stands_where_it_was_put() -> None:
    auth = with_jwt(Jwt(jwks_path="/.well-known/jwks.json"))
    async with serving(auth) as nobody:
        assert len((await nobody.api("/.well-known/jwks.json")).json()["keys"]) == 1
        assert (await nobody.api("/jwks")).status_code == 404


async def test_what_an_application_may_choose() -> None:
    feature = Jwt(
        issuer="https://issuer.example",
        audience=["https://one.example", "https://two.example"],
        lifetime=timedelta(hours=2),
        payload=lambda signed_in: {
            "id": signed_in.user.id,
            "role": "admin",
            "jti": "mine",
            "sub": "lost",
            "sid": "lost",
            "auth_time": 1,
        },
        subject=lambda signed_in: signed_in.user.email,
    )
    auth = with_jwt(feature)
    async with serving(auth) as ann:
        user = (await ann.sign_up()).json()["user"]
        token = await token_of(ann)
        claims = claims_in(token)
        assert (claims["iss"], claims["sub"], claims["role"], claims["jti"]) == (
            "https://issuer.example",
            ANN,
            "admin",
            "mine",
        )
        assert claims["aud"] == ["https://one.example", "https://two.example"]
        assert claims["exp"] - claims["iat"] == 7200
        assert claims["sid"] != "lost"
        assert "email" not in claims
        signed_in = await auth[Jwt].who(auth.call(), connection(token))
        assert signed_in is not None
        assert (signed_in.user.id, signed_in.user.email) == (user["id"], "")


def connection(token: str) -> Connection:
    return Connection(kind="http", lines=[(b"authorization", f"Bearer {token}".encode())], to_application=True)


async def test_a_payload_may_be_of_another_end_and_another_issuer_as_on_the_wire() -> None:
    end = 1_900_000_000
    auth = with_jwt(Jwt(payload=lambda _: {"exp": end, "iss": "https://other.example", "aud": "x", "iat": 5}))
    async with serving(auth) as ann:
        await ann.sign_up()
        claims = claims_in(await token_of(ann))
        assert (claims["exp"], claims["iss"], claims["aud"], claims["iat"]) == (end, "https://other.example", "x", 5)


async def test_further_algorithms_are_made_when_they_are_asked_for() -> None:
    auth = with_jwt(Jwt(further_algorithms=["ES256"]))
    async with serving(auth) as ann:
        await ann.sign_up()
        await token_of(ann)
        assert [row.alg for row in await keys_of(auth)] == ["EdDSA"]
        call = auth.call()
        signed_in = await auth[Jwt].who(call, connection(await token_of(ann)))
        assert signed_in is not None
        token, _ = await auth[Jwt].make(call, signed_in, algorithm="ES256")
        assert {row.alg for row in await keys_of(auth)} == {"EdDSA", "ES256"}
        assert await seen(ann, token) == ANN
        with pytest.raises(ConfigurationError, match=r"further_algorithms=\['RS256'\]"):
            await auth[Jwt].make(call, signed_in, algorithm="RS256")


@pytest.mark.parametrize(
    "options,line",
    [
        ({"algorithm": "HS256"}, "EdDSA, ES256, ES512, RS256, PS256"),
        ({"algorithm": "none"}, "EdDSA"),
        ({"further_algorithms": ["ES384"]}, "ES384"),
        ({"lifetime": timedelta(0)}, "lifetime"),
        ({"lifetime": timedelta(hours=24, seconds=1)}, "lifetime"),
        ({"refresh_lifetime": timedelta(days=31)}, "30 days"),
        ({"jwks_path": "jwks"}, "jwks_path"),
        ({"jwks_path": "/../jwks"}, "jwks_path"),
        ({"rotation": Rotation(lead=timedelta(days=30))}, "lead=…"),
        ({"rotation": Rotation(lead=timedelta(seconds=-1))}, "lead=…"),
        ({"rotation": Rotation(grace=timedelta(minutes=15))}, "grace=…"),
        ({"sign": token_of}, "remote_jwks_url"),
        ({"remote_jwks_url": "http://auth.example.com/jwks"}, "https"),
        ({"remote_jwks_url": "https://auth.example.com/jwks", "refresh": True}, "sign=…"),
    ],
)
def test_what_cannot_work_is_said_at_the_start(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError, match=line.replace("[", r"\[")):
        Jwt(**options)


# What enters


@dataclass(frozen=True, kw_only=True)
class Member(User):
    about: dict[str, Any] = field(default_factory=dict, metadata=Public())
    joined: datetime | None = field(default=None, metadata=Public())
    level: int = field(default=0, metadata=Public())


@pytest.mark.sec("SEC-123")
async def test_what_is_long_never_enters() -> None:
    auth = with_jwt(user_type=Member)
    async with serving(auth) as ann:
        picture = "data:image/png;base64," + "A" * 1024
        await ann.sign_up(image=picture, about={"text": "x" * 2000}, level=7)
        assert (await ann.session())["user"]["image"] == picture
        for token in (await token_of(ann), (await ann.api("/get-session")).headers["set-auth-jwt"]):
            claims = claims_in(token)
            assert not {"image", "about"} & set(claims)
            assert (claims["level"], claims["email"]) == (7, ANN)
            assert len(token) < 1024
            assert await seen(browser(auth), token) == ANN
        await ann.api("/update-user", {"image": "https://example.com/" + "x" * 900, "about": {"text": "ü" * 400}})
        assert {"image", "about"} <= set(claims_in(await token_of(ann)))
        await ann.api("/update-user", {"about": {"text": "ü" * 600}})
        assert "about" not in claims_in(await token_of(ann)), "what counts are bytes"


async def test_an_application_sees_the_person_of_its_own_type() -> None:
    auth = with_jwt(user_type=Member)

    async def me(request: Request) -> JSONResponse:
        signed_in = auth.require(request)
        user: Member = signed_in.user
        assert isinstance(user, Member)
        return JSONResponse([user.level, user.about, user.joined and user.joined.isoformat(), signed_in.session.token])

    async with serving(auth, auth.wrap(Starlette(routes=[Route("/me", me)]))) as ann:
        await ann.sign_up(level=3, about={"a": [1]}, joined="2026-01-02T03:04:05.678Z")
        token = await token_of(ann)
        ann.cookies.clear()
        answer = await ann.get("/me", headers=bearing(token))
        assert answer.json() == [3, {"a": [1]}, "2026-01-02T03:04:05.678000+00:00", ""]


@dataclass(frozen=True, kw_only=True)
class Sly(User):
    """With fields that a person may set and that have a meaning in a token."""

    iss: str = field(default="", metadata=Public())
    aud: str = field(default="", metadata=Public())
    sub: str = field(default="", metadata=Public())
    sid: str = field(default="", metadata=Public())
    jti: str = field(default="", metadata=Public())
    exp: int = field(default=0, metadata=Public())
    auth_time: int = field(default=0, metadata=Public())


@pytest.mark.sec("SEC-120")
async def test_what_people_say_of_themselves_is_not_what_a_token_says_of_itself() -> None:
    auth = with_jwt(user_type=Sly)
    async with serving(auth) as ann:
        sly: dict[str, Any] = {
            "iss": "x",
            "aud": "x",
            "sub": "x",
            "sid": "x",
            "jti": "x",
            "exp": 2**31 - 1,
            "authTime": 5,
            "auth_time": 5,
        }
        user = (await ann.sign_up(**sly)).json()["user"]
        claims = claims_in(await token_of(ann))
        assert (claims["iss"], claims["aud"], claims["sub"]) == (ORIGIN, ORIGIN, user["id"])
        assert claims["exp"] == claims["iat"] + 900
        assert claims["auth_time"] == claims["iat"]
        assert claims["sid"] not in ("", "x")
        assert "jti" not in claims


# Keys that come and go

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MONTHLY = Rotation()


def key_row(
    id: str, *, age: timedelta, lives: timedelta | None = timedelta(days=30), alg: str | None = "EdDSA"
) -> JsonWebKey:
    made = NOON - age
    return JsonWebKey(
        id=id, public_key="{}", private_key="{}", created_at=made, expires_at=made + lives if lives else None, alg=alg
    )


D, H, M = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
FRESH, NEARLY, LED, OLD, LAST, OVER, GONE, FOREVER = (
    key_row("fresh", age=timedelta(0)),
    key_row("nearly", age=H - M),
    key_row("led", age=H),
    key_row("old", age=29 * D + 23 * H - M),
    key_row("last", age=29 * D + 23 * H),
    key_row("over", age=30 * D),
    key_row("gone", age=60 * D),
    key_row("forever", age=400 * D, lives=None),
)


@pytest.mark.sec("SEC-029")
@pytest.mark.parametrize(
    "rows,signs,due,shown",
    [
        ([], None, True, []),
        ([FRESH], "fresh", False, ["fresh"]),
        ([LED], "led", False, ["led"]),
        ([OLD], "old", False, ["old"]),
        ([LAST], "last", True, ["last"]),
        ([LAST, FRESH], "last", False, ["last", "fresh"]),
        ([LAST, NEARLY], "last", False, ["last", "nearly"]),
        ([LAST, LED], "led", False, ["last", "led"]),
        ([OVER], None, True, ["over"]),
        ([OVER, LED], "led", False, ["over", "led"]),
        ([OVER, NEARLY], "nearly", False, ["over", "nearly"]),
        ([NEARLY, FRESH], "nearly", False, ["nearly", "fresh"]),
        ([GONE], None, True, []),
        ([GONE, LED], "led", False, ["led"]),
        ([FOREVER], "forever", True, ["forever"]),
        ([FOREVER, FRESH], "forever", False, ["forever", "fresh"]),
        ([FOREVER, LED], "led", False, ["forever", "led"]),
    ],
)
def test_which_key_signs_whether_the_next_is_due_and_which_are_listed(
    rows: list[JsonWebKey], signs: str | None, due: bool, shown: list[str]
) -> None:
    for order in (rows, rows[::-1]):
        row = to_sign(order, NOON, MONTHLY)
        assert (row and row.id) == signs
        assert is_due(order, NOON, MONTHLY) is due
        assert {each.id for each in listed(order, NOON, MONTHLY)} == set(shown)


@pytest.mark.sec("SEC-029")
def test_keys_that_never_end_are_never_due() -> None:
    never = Rotation(every=None)
    assert not is_due([FOREVER], NOON, never)
    assert is_due([], NOON, never)
    assert to_sign([FOREVER], NOON, never) == FOREVER


@pytest.mark.sec("SEC-029")
async def test_a_hundred_days_of_keys_each_listed_an_hour_before_it_signs_and_as_long_as_its_tokens_live() -> None:
    clock = Clock()
    auth = with_jwt(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        call = auth.call()
        signed_in = await auth.database.find_joined(Session, User, user_id=(await ann.session())["user"]["id"])
        assert signed_in is not None
        since: dict[str, datetime] = {}
        used: list[str] = []
        for _ in range(24 * 100):
            clock.forward(hours=1)
            call.now = clock.now
            later(auth)
            token = await ring(auth).sign(call, {"sub": "ann"})
            key_id = part(token, 0)["kid"]
            shown = [row.id for row in listed(await keys_of(auth), clock.now, MONTHLY)]
            for each in shown:
                since.setdefault(each, clock.now)
            assert key_id in shown
            if not used or used[-1] != key_id:
                assert not used or clock.now - since[key_id] >= timedelta(hours=1)
                used.append(key_id)
            assert set(used[-2:]) <= set(shown)
        assert len(used) == 4
        assert len(await keys_of(auth)) <= 3, "those that nobody needs any more are gone"
    assert 3 <= len([event for event in events_of(auth) if event.event == "key.rotated"]) <= 5


@pytest.mark.sec("SEC-029")
async def test_the_last_token_of_a_key_is_good_until_its_own_end_and_then_the_key_goes() -> None:
    clock = Clock()
    rotation = Rotation(every=timedelta(hours=4), grace=timedelta(hours=5))
    auth = with_jwt(Jwt(lifetime=timedelta(hours=4, minutes=59), rotation=rotation), clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        first = await token_of(ann)
        clock.forward(hours=3, minutes=59)
        token = await token_of(ann)
        clock.forward(minutes=1)
        second = await token_of(ann)
        old, new = (part(each, 0)["kid"] for each in (token, second))
        assert part(first, 0)["kid"] == old != new
        clock.forward(hours=4, minutes=57)
        assert {key["kid"] for key in (await ann.api("/jwks")).json()["keys"]} >= {old, new}
        for _ in range(2):
            assert await seen(browser(auth), token) == ANN
            auth[Jwt]._good.clear()
            later(auth)
        clock.forward(minutes=3)
        assert old not in {key["kid"] for key in (await ann.api("/jwks")).json()["keys"]}
        assert await seen(browser(auth), token) is None


@pytest.mark.sec("SEC-029")
async def test_two_processes_that_make_a_key_at_the_same_moment_leave_a_set_that_both_use() -> None:
    store, clock = TurnTakingStore(), Clock()
    first, second = (with_jwt(database=store, clock=clock) for _ in range(2))
    async with serving(first) as ann, browser(second) as there:
        await second.start()
        await ann.sign_up()
        there.cookies.set(TOKEN, ann.cookies[TOKEN])
        tokens = await asyncio.gather(token_of(ann), token_of(there))
        rows = await keys_of(first)
        assert 1 <= len(rows) <= 2
        assert len((await ann.api("/jwks")).json()["keys"]) == len(rows)
        for auth in (first, second):
            later(auth)
            for token in tokens:
                assert await seen(browser(auth), token) == ANN
        for _ in range(3):
            clock.forward(days=30)
            for auth in (first, second):
                later(auth)
            answers = await asyncio.gather(
                *(ring(auth).sign(auth.call(), {}) for auth in (first, second) for _ in range(4))
            )
            shown = {key["kid"] for key in (await ann.api("/jwks")).json()["keys"]}
            assert {part(answer, 0)["kid"] for answer in answers} <= shown


@pytest.mark.sec("SEC-029")
@pytest.mark.parametrize("path", ["/token", "/jwks"])
async def test_fifty_who_come_first_make_one_key(path: str) -> None:
    auth = with_jwt(database=TurnTakingStore())
    async with serving(auth) as ann:
        await ann.sign_up()
        answers = await asyncio.gather(*(ann.api(path) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(await keys_of(auth)) == 1


@pytest.mark.sec("SEC-029")
async def test_a_new_secret_signs_nobody_out_and_without_the_old_one_there_is_a_new_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, clock = MemoryStore(), Clock()
    old, new = WIRE_SECRET, "another-secret-for-tests-9876543210-zyxwvutsrqp"
    before = with_jwt(database=store, clock=clock, secret=old)
    async with serving(before) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        row = (await keys_of(before))[0]
        both = with_jwt(database=store, clock=clock, secret=None, secrets=[new, old])
        await both.start()
        assert await seen(browser(both), token) == ANN
        assert part(await ring(both).sign(both.call(), {}), 0)["kid"] == row.id
        clock.forward(days=30)
        again = part(await ring(both).sign(both.call(), {}), 0)["kid"]
        assert again != row.id

        after = with_jwt(database=store, clock=clock, secret=None, secrets=[new])
        await after.start()
        assert part(await ring(after).sign(after.call(), {}), 0)["kid"] == again, "made under the new one"

        third = with_jwt(database=store, clock=clock, secret="yet-another-secret-for-tests-5554443332221110")
        await third.start()
        with caplog.at_level(logging.WARNING, "authmw"):
            own = await ring(third).sign(third.call(), {"sub": "ann"})
        assert part(own, 0)["kid"] not in (row.id, again)
        assert f"the key {again} cannot be opened" in caplog.text
        shown = (await browser(third).api("/jwks")).json()["keys"]
        assert again in {key["kid"] for key in shown}, "its tokens are still good"


@pytest.mark.sec("SEC-122")
@pytest.mark.parametrize(
    "public,private",
    [
        ("", "{}"),
        ("null", "null"),
        ("[]", "[]"),
        ("5", '"00"'),
        ('{"kty":"OKP"}', '"zz"'),
        ('{"kty":[]}', "{"),
        ('{"kty":"OKP","crv":"Ed25519","x":5}', "{}"),
        (WIRE_KEYS["EdDSA"][0], '"00"'),
        (WIRE_KEYS["EdDSA"][0], "5"),
        (WIRE_KEYS["EdDSA"][0], ""),
        (WIRE_KEYS["ES256"][0], WIRE_KEYS["ES256"][1]),  # of another kind than its row says
        ("{}", WIRE_KEYS["EdDSA"][1]),
    ],
)
async def test_a_row_that_is_no_key_is_passed_over(public: str, private: str) -> None:
    auth = with_jwt(secret=WIRE_SECRET)
    async with serving(auth) as ann:
        row = JsonWebKey(id="broken", public_key=public, private_key=private, created_at=auth.clock() - D, alg="EdDSA")
        await auth.database.insert(row)
        await ann.sign_up()
        token = await token_of(ann)
        assert part(token, 0)["kid"] != "broken"
        assert await seen(ann, token) == ANN
        assert (await ann.api("/jwks")).status_code == 200


async def test_a_key_can_be_made_ahead_of_its_time_and_the_others_taken_off_the_list() -> None:
    auth = with_jwt()
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        assert await seen(browser(auth), token) == ANN
        await auth[Jwt].rotate(auth.call(), retire=True)
        assert await seen(browser(auth), token) is None, "what was remembered of it is forgotten"
        assert await seen(browser(auth), await token_of(ann)) == ANN


@pytest.mark.sec("SEC-122")
async def test_a_retired_key_is_noticed_in_another_process_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(ring_of_keys, "time", type("Time", (), {"monotonic": staticmethod(lambda: now)}))
    store = MemoryStore()
    first, second = with_jwt(database=store), with_jwt(database=store)
    async with serving(first) as ann:
        await second.start()
        await ann.sign_up()
        token = await token_of(ann)
        assert await seen(browser(second), token) == ANN
        await first[Jwt].rotate(first.call(), retire=True)
        now += ring_of_keys.KNOWN_AGAIN - 0.1
        assert await seen(browser(second), token) == ANN
        now += 0.1
        assert await seen(browser(second), token) is None


# Another service holds the keys


async def test_another_service_may_sign_and_its_keys_are_fetched() -> None:
    key = OKPKey.generate_key("Ed25519", private=True)

    async def sign(claims: Mapping[str, Any]) -> str:
        return jwt.sign({"alg": "EdDSA", "kid": "theirs"}, claims, key)

    async with key_server({**key.as_dict(private=False), "kid": "theirs"}) as server:
        auth = with_jwt(Jwt(sign=sign, remote_jwks_url=server.url))
        async with serving(auth) as ann:
            await ann.sign_up()
            token = await token_of(ann)
            assert part(token, 0)["kid"] == "theirs"
            for _ in range(3):
                assert await seen(browser(auth), token) == ANN
            assert len(server.asked) == 1
            assert (await ann.api("/jwks")).status_code == 404
            assert (await ann.api("/get-session")).headers["set-auth-jwt"].count(".") == 2
            assert await keys_of(auth) == []

            # Whatever it signs, there is no fault.
            good = claims_in(token)
            assert await seen(browser(auth), await sign({**good, "auth_time": 10**18, "iat": good["iat"] - 1})) == ANN
            oddities: list[dict[str, Any]] = [
                {"createdAt": "0001-01-01T00:00:00+14:00"},
                {"createdAt": "yesterday"},
                {"createdAt": 5},
                {"email": None},
                {"email": ["x"]},
                {"emailVerified": 1},
                {"name": {}},
            ]
            for odd in oddities:
                assert await seen(browser(auth), await sign({**good, **odd})) is None
            for sid in (None, 5, ["x"]):
                assert await seen(browser(auth), await sign({**good, "sid": sid})) == ANN


async def test_while_the_other_service_never_answered_it_is_unavailable_and_not_nobody() -> None:
    key = OKPKey.generate_key("Ed25519", private=True)
    async with key_server() as server:
        server.answer = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
        auth = with_jwt(Jwt(remote_jwks_url=server.url))
        async with serving(auth) as nobody:
            token = jwt.sign({"alg": "EdDSA", "kid": "k"}, {}, key)
            for path in ("/me", "/secret", "/"):
                assert (await nobody.get(path, headers=bearing(token))).status_code == 503
            assert (await nobody.get("/me")).json() is None


async def test_with_the_keys_of_another_service_alone_tokens_are_checked_and_not_made() -> None:
    key = OKPKey.generate_key("Ed25519", private=True)
    async with key_server({**key.as_dict(private=False), "kid": "theirs"}) as server:
        auth = with_jwt(Jwt(remote_jwks_url=server.url))
        async with serving(auth) as ann:
            await ann.sign_up()
            answer = await ann.api("/get-session")
            assert answer.json()["user"] and "set-auth-jwt" not in answer.headers
            for path in ("/token", "/jwks"):
                assert (await ann.api(path)).status_code == 404
            now = int(auth.clock().timestamp())
            claims = {"iss": ORIGIN, "aud": ORIGIN, "sub": "eve", "email": "eve@example.com", "exp": now + 60}
            token = jwt.sign({"alg": "EdDSA", "kid": "theirs"}, claims, key)
            assert await seen(browser(auth), token) == "eve@example.com"
            assert await keys_of(auth) == []


# Who believes a token


async def test_an_application_believes_a_token_until_its_end() -> None:
    clock = Clock()
    auth = with_jwt(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        clock.forward(minutes=15, seconds=29)
        assert await seen(ann, token) == ANN
        clock.forward(seconds=1)
        for _ in range(2):
            assert await seen(ann, token) is None


@pytest.mark.sec("SEC-120")
async def test_remembered_or_not_a_token_ends_at_the_same_instant() -> None:
    clock = Clock()
    auth = with_jwt(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        for remembered in (True, False):
            for seconds, whom in ((929.8, ANN), (929.9, None)):
                clock.now = Clock().now + timedelta(seconds=seconds)
                if not remembered:
                    auth[Jwt]._good.clear()
                assert await seen(ann, token) == whom


async def test_a_token_costs_no_statement_once_the_keys_are_known() -> None:
    store = FailingStore(MemoryStore())
    auth = with_jwt(None, Bearer(), database=store)
    async with serving(auth) as ann:
        await ann.sign_up()
        tokens = [await token_of(ann) for _ in range(2)]
        other = with_jwt(database=store)
        await other.start()
        store.arm(None)
        assert await seen(browser(other), tokens[0]) == ANN
        assert store.calls == ["find_all jwks"]
        store.arm(None)
        for token in tokens * 3:
            assert await seen(browser(auth), token) == ANN
        assert store.calls == []


@pytest.mark.sec("SEC-128")
async def test_unknown_keys_cost_a_statement_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(ring_of_keys, "time", type("Time", (), {"monotonic": staticmethod(lambda: now)}))
    store = FailingStore(TurnTakingStore())
    auth = with_jwt(database=store)
    stranger = OKPKey.generate_key("Ed25519", private=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        await token_of(ann)
        for _ in range(3):
            now += 1.1
            store.arm(None)
            forged = [jwt.sign({"alg": "EdDSA", "kid": f"k{number}"}, {}, stranger) for number in range(50)]
            app = auth.wrap(plain_app(auth))
            answers = await asyncio.gather(
                *(ask(app, "GET", "/me", headers=[("authorization", f"Bearer {token}")]) for token in forged)
            )
            assert {answer.body for answer in answers} == {b"null"}
            assert store.calls == ["find_all jwks"]


async def test_no_more_tokens_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_module, "MOST_KNOWN", 5)
    clock = Clock()
    auth = with_jwt(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        for _ in range(20):
            clock.forward(seconds=1)
            assert await seen(browser(auth), await token_of(ann)) == ANN
            assert len(auth[Jwt]._good) <= 5


@pytest.mark.sec("SEC-043")
@pytest.mark.parametrize("others", [(), (Bearer(),)], ids=["alone", "with Bearer"])
async def test_the_api_and_the_screens_know_no_token(others: tuple[Feature, ...]) -> None:
    auth = with_jwt(Jwt(refresh=True), *others)
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        ann.cookies.clear()
        assert (await ann.api("/get-session", headers=bearing(token))).json() is None
        for operation in auth.operations:
            route = operation.route
            if route.guard is None:
                continue
            path = route.path.replace(":id", "x").replace(":token", "x")
            body = (
                None
                if route.method == "GET"
                else {"password": "x", "newPassword": "xxxxxxxxx", "token": "x", "userId": "x"}
            )
            answer = await ann.api(path, body, headers=bearing(token))
            assert answer.status_code in (400, 401), path
        for page in ("/auth/account", "/auth/account/sessions"):
            answer = await ann.get(page, headers=bearing(token))
            assert answer.status_code in (303, 404)


async def test_sign_out_with_a_token_ends_nothing() -> None:
    auth = with_jwt(None, Bearer())
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        await browser(auth).api("/sign-out", {}, headers=bearing(token))
        assert await ann.session()


def telling(auth: Auth[Any]) -> Any:
    """An application that tells what each guard finds, in the order that is asked for."""

    async def told(request: Request) -> JSONResponse:
        call = auth.call(request)
        found = []
        for guard in request.query_params["guards"].split():
            try:
                found.append((await call.guard(guard)).user.email)  # type: ignore[arg-type]
            except AuthError as refusal:
                found.append(refusal.code)
        return JSONResponse(found)

    return auth.wrap(Starlette(routes=[Route("/told", told)]))


@pytest.mark.sec("SEC-043")
@pytest.mark.sec("SEC-048")
@pytest.mark.parametrize("others", [(), (Bearer(),)], ids=["alone", "with Bearer"])
async def test_no_guard_but_the_first_takes_a_token_and_none_takes_somebody_elses_cookie(
    others: tuple[Feature, ...],
) -> None:
    auth = with_jwt(Jwt(denylist=True), *others)
    app = telling(auth)
    async with serving(auth, app) as ann, browser(auth, app) as bob:
        await ann.sign_up()
        await bob.sign_up(BOB)
        token = await token_of(ann)
        for guards, expected in (
            ("session", [ANN]),
            ("session sensitive session", [ANN, "UNAUTHORIZED", "UNAUTHORIZED"]),
            ("sensitive session", ["UNAUTHORIZED", "UNAUTHORIZED"]),
            ("fresh", ["UNAUTHORIZED"]),
        ):
            for person in (bob, browser(auth, app)):
                answer = await person.get(f"/told?guards={guards}", headers=bearing(token))
                assert answer.json() == expected
        assert (await bob.get("/told?guards=session sensitive fresh")).json() == [BOB] * 3
        assert (await bob.get("/told?guards=session sensitive", headers=bearing("a.b.c"))).json() == [BOB] * 2


@pytest.mark.sec("SEC-048")
async def test_a_token_that_is_taken_back_meanwhile_does_not_become_the_cookie_of_somebody_else() -> None:
    auth = with_jwt(Jwt(denylist=True))

    async def told(request: Request) -> JSONResponse:
        call = auth.call(request)
        first = call.signed_in.user.email
        await auth[Jwt].revoke(auth.call(), Revoke(token=token))
        try:
            return JSONResponse([first, (await call.guard("sensitive")).user.email])
        except AuthError as refusal:
            return JSONResponse([first, refusal.code])

    app = auth.wrap(Starlette(routes=[Route("/told", told)]))
    async with serving(auth, app) as ann, browser(auth, app) as bob:
        await ann.sign_up()
        await bob.sign_up(BOB)
        token = await token_of(ann)
        assert (await bob.get("/told", headers=bearing(token))).json() == [ANN, "UNAUTHORIZED"]


@pytest.mark.sec("SEC-048")
async def test_with_a_token_and_a_cookie_an_application_sees_the_one_of_the_token() -> None:
    auth = with_jwt(None, Bearer())
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        await bob.sign_up(BOB)
        token = await token_of(ann)
        assert (await bob.get("/me", headers=bearing(token))).json()["email"] == ANN
        assert (await bob.session())["user"]["email"] == BOB
        assert (await bob.api("/get-session", headers=bearing(token))).json()["user"]["email"] == BOB
        bad = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
        assert (await bob.get("/me", headers=bearing(bad))).json()["email"] == BOB


async def test_a_token_does_not_make_the_next_token() -> None:
    auth = with_jwt()

    async def again(request: Request) -> JSONResponse:
        try:
            return JSONResponse((await auth[Jwt].token(auth.call(request))).token)
        except AuthError as refusal:
            return JSONResponse(refusal.code)

    async with serving(auth, auth.wrap(Starlette(routes=[Route("/again", again)]))) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        assert (await ann.get("/again")).json().count(".") == 2
        ann.cookies.clear()
        assert (await ann.get("/again", headers=bearing(token))).json() == "UNAUTHORIZED"


@pytest.mark.sec("SEC-123")
async def test_a_token_names_its_session_so_that_what_must_be_sure_can_ask() -> None:
    auth = with_jwt()
    async with serving(auth) as ann:
        await ann.sign_up()
        session = (await ann.session())["session"]
        token = await token_of(ann)
        assert claims_in(token)["sid"] == session["id"]
        assert session["token"] not in token and session["token"] not in json.dumps(claims_in(token))
        await ann.api("/sign-out", {})
        assert await auth.database.find(Session, id=claims_in(token)["sid"]) is None


async def test_a_websocket_takes_a_token_by_its_header() -> None:
    auth = with_jwt()
    found: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope["state"]["user"])
        await send({"type": "websocket.close", "code": 1000})

    async with serving(auth) as ann:
        await ann.sign_up()
        line: Header = ("authorization", f"Bearer {await token_of(ann)}")
        await ask(auth.wrap(app), "GET", "/ws", headers=[line, ("origin", "https://evil.example")], kind="websocket")
        assert found[0].email == ANN


# Taken back


@pytest.mark.sec("SEC-123")
@pytest.mark.parametrize("chosen", [False, True], ids=["in the database", "of the application"])
async def test_with_a_denylist_a_token_that_was_taken_back_is_nobody_at_once(chosen: bool) -> None:
    class Own:
        def __init__(self) -> None:
            self.denied: dict[str, datetime] = {}

        async def deny(self, jti: str, until: datetime) -> None:
            self.denied[jti] = until

        async def is_denied(self, jti: str, now: datetime) -> bool:
            return jti in self.denied and now < self.denied[jti]

    clock = Clock()
    auth = with_jwt(Jwt(denylist=Own() if chosen else True, refresh=True), clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        first, second = await token_of(ann), await token_of(ann)
        assert len({claims_in(each)["jti"] for each in (first, second)}) == 2
        for token in (first, second):
            assert await seen(browser(auth), token) == ANN
        answer = await browser(auth).api("/token/revoke", {"token": first})
        assert (answer.status_code, answer.json()) == (200, {"status": True})
        assert (await browser(auth).api("/token/revoke", {"token": first})).status_code == 200
        clock.forward(minutes=15, seconds=29)
        for _ in range(2):
            assert await seen(browser(auth), first) is None
            assert await seen(browser(auth), second) == ANN
            auth[Jwt]._good.clear()


# Bad input, by the door


def changed(token: str, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    """The same token with something else in it, and its old signature."""
    first = {**part(token, 0), **(header or {})}
    second = {**claims_in(token), **claims}
    return f"{b64(json.dumps(first).encode())}.{b64(json.dumps(second).encode())}.{token.split('.')[2]}"


@pytest.mark.sec("SEC-120")
@pytest.mark.parametrize(
    "others", [(), (Bearer(),), (Bearer(require_signature=True),)], ids=["alone", "bearer", "signed"]
)
async def test_bad_tokens_are_nobody_and_never_a_fault(others: tuple[Feature, ...]) -> None:
    auth = with_jwt(None, *others)
    eve = OKPKey.generate_key("Ed25519", private=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        good = await token_of(ann)
        head, body, signature = good.split(".")
        app = auth.wrap(plain_app(auth))
        jwk = eve.as_dict(private=False)
        names = part(good, 0)
        bad: list[str | bytes] = [
            changed(good, {"alg": "none"}),
            changed(good, {"alg": "none"}).rpartition(".")[0] + ".",
            changed(good, {"alg": "HS256"}),
            changed(good, sub="eve"),
            changed(good, exp=2**40),
            changed(good, {"kid": None}),
            changed(good, {"kid": 7}),
            changed(good, {"kid": "x" * 5000}),
            changed(good, {"kid": "' OR '1'='1"}),
            changed(good, {"kid": "\x00"}),
            changed(good, {"kid": "../../key"}),
            *(
                changed(good, {name: value})
                for name, value in (("jku", "https://evil.example"), ("jwk", jwk), ("crit", ["exp"]))
            ),
            jwt.sign({**names, "jwk": jwk}, claims_in(good), eve),
            jwt.sign(names, claims_in(good), eve),
            f"{head}.{body}.{signature}.{signature}",
            f"{head}.{body}",
            f"{head}.{body}.",
            f"{head}.{body}.{signature}=",
            f"{head}=.{body}.{signature}",
            f"{head}%2E{body}%2E{signature}",
            f"{head}.{body}.{signature}\x00".encode("latin-1"),
            f"{head}.{body}.{signature}é".encode("latin-1"),
            f"{head}.{body}.{signature}".encode() + b"\xff",
            f"{head}. {body}.{signature}",
            f"{head}.{body}.{signature}, {good}",
            f"{good},Bearer {good}",
            b64(b"[" * 2000) + f".{body}.{signature}",
            good + "A" * 20_000,
            "A" * 20_000,
            "." * 20_000,
            "a.b.c",
            "..",
            good.upper(),
        ]
        for text in bad:
            raw = text if isinstance(text, bytes) else text.encode()
            lines: list[Header] = [("authorization", b"Bearer " + raw)]
            answer = await ask(app, "GET", "/me", headers=lines)
            assert (answer.status, answer.body) == (200, b"null"), text
            assert (await ask(app, "GET", "/secret", headers=lines)).status == 401
            assert (await ask(app, "GET", "/api/auth/token", headers=lines)).status == 401
        several: list[list[Header]] = [
            [("authorization", f"Bearer {good}"), ("authorization", f"Bearer {good}")],
            [("authorization", f"Bearer {good}"), ("authorization", "Basic YTpi")],
            [("x-authorization", f"Bearer {good}")],
        ]
        for lines in several:
            assert (await ask(app, "GET", "/secret", headers=lines)).status == 401
        assert (await ask(app, "GET", "/secret", headers=[("authorization", f"bearer  {good}")])).status == 200
        assert len(good) < LARGEST


@pytest.mark.sec("SEC-120")
@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "https://evil.example"},
        {"aud": []},
        {"exp": None},
        {"exp": 1e10},
        {"exp": True},
        {"exp": -1},
        {"exp": "9999999999"},
        {"exp": 10**12},
        {"iat": 1.5},
        {"nbf": 2**33},
        {"sub": ""},
        {"sub": 5},
        {"name": 5},
        {"emailVerified": "yes"},
        {"createdAt": "0001-01-01T00:00:00+14:00"},
    ],
    ids=str,
)
async def test_bad_claims_under_a_good_signature_are_nobody_and_never_a_fault(claims: dict[str, Any]) -> None:
    auth = with_jwt()
    async with serving(auth) as ann:
        await ann.sign_up()
        good = claims_in(await token_of(ann))
        token = await ring(auth).sign(auth.call(), {**good, **claims})
        assert await seen(ann, token) is None
        token = await ring(auth).sign(auth.call(), good)
        assert await seen(ann, token) == ANN
        refusals = [event for event in events_of(auth) if event.event == "token.refused"]
        assert refusals and all(ANN not in repr(event) for event in refusals)


@pytest.mark.sec("SEC-120")
async def test_a_token_of_another_kind_under_our_own_key_is_nobody() -> None:
    auth = with_jwt()
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        [row] = await keys_of(auth)
        key = JWKRegistry.import_key(json.loads(auth.secrets.decrypt(json.loads(row.private_key)) or ""))
        for kind, whom in (
            ("JWT", ANN),
            ("at+jwt", None),
            ("better-auth.session-cache+jwt", None),
            ("logout+jwt", None),
        ):
            forged = jwt.sign({"alg": "EdDSA", "kid": row.id, "typ": kind}, claims_in(token), key)
            assert await seen(browser(auth), forged) == whom


async def test_a_body_where_none_is_asked_for_is_no_fault() -> None:
    auth = with_jwt(Jwt(refresh=True))
    async with serving(auth):
        for body in (b"[]", b"5", b"null", b'{"refreshToken":5}', b'{"refreshToken":null}', b"{}"):
            answer = await post(auth.wrap(plain_app(auth)), "/token/refresh", body)
            assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")


# What is remembered


@dataclass(frozen=True, kw_only=True)
class Shopper(User):
    """A person with fields that a handler can write into."""

    prefs: dict[str, Any] = field(default_factory=dict, metadata=Public())
    likes: list[str] = field(default_factory=list, metadata=Public())


@pytest.mark.parametrize("long", [False, True])
async def test_what_one_request_writes_into_a_person_is_seen_by_no_other(long: bool) -> None:
    auth = with_jwt(user_type=Shopper)
    await auth.start()

    async def buy(request: Request) -> JSONResponse:
        user = request.state.user
        before = [dict(user.prefs), list(user.likes)]
        user.prefs[user.email], _ = "cart", user.likes.append(user.email)
        return JSONResponse(before)

    app = auth.wrap(Starlette(routes=[Route("/buy", buy)]))
    prefs = {"note": "x" * 2000} if long else {"theme": "dark"}
    async with browser(auth, app) as ann, browser(auth, app) as bob:
        for person, email in ((ann, "ann@example.com"), (bob, "bob@example.com")):
            await person.sign_up(email, prefs=prefs, likes=["tea"])
            token = await token_of(person)
            person.cookies.clear()
            told = [(await person.get("/buy", headers=bearing(token))).json() for _ in range(3)]
            assert told == [[{} if long else prefs, ["tea"]]] * 3
    await auth.stop()


@pytest.mark.sec("SEC-190")
async def test_while_the_database_is_away_known_keys_are_good_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = with_jwt()
    asked: list[Any] = []

    async def is_away(table: Any, **_: Any) -> Any:
        asked.append(table)
        raise Unavailable("away")

    async with serving(auth) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        assert await seen(ann, token) == ANN
        monkeypatch.setattr(auth.database, "find_all", is_away)
        ring(auth)._read_at = time.monotonic() - 61
        for _ in range(5):
            assert await seen(ann, token) == ANN
        assert asked == [JsonWebKey], "it is asked again every few seconds, and not by everybody"
        ring(auth)._read_at, ring(auth)._failed_at = time.monotonic() - 3601, float("-inf")
        assert (await ann.get("/me", headers=bearing(token))).status_code == 503


async def test_one_feature_serves_one_application() -> None:
    shared = Jwt()
    first, second = with_jwt(shared), with_jwt(shared)
    async with serving(first) as ann, serving(second) as bob:
        await ann.sign_up()
        token = await token_of(ann)
        await bob.sign_up("bob@example.com")
        assert (await bob.api("/token")).status_code == 500
        assert (await bob.get("/me", headers=bearing(token))).status_code == 500


@pytest.mark.parametrize(
    "damage",
    [
        {"private_key": json.dumps({"kty": "oct", "k": "AAAA"})},
        {"private_key": "PUBLIC"},
        {"private_key": "[" * 100_000},
        {"private_key": "OTHER"},
        {"public_key": "[" * 100_000},
    ],
    ids=["symmetric", "public", "deep", "of another", "deep, in public"],
)
async def test_a_damaged_row_is_no_key_and_no_fault(damage: dict[str, str]) -> None:
    auth = with_jwt(Jwt(encrypt_private_keys=False))
    async with serving(auth) as ann:
        await ann.sign_up()
        await token_of(ann)
        (row,) = await keys_of(auth)
        other = json.dumps(OKPKey.generate_key("Ed25519", private=True).as_dict(private=True))
        changed = {key: {"PUBLIC": row.public_key, "OTHER": other}.get(text, text) for key, text in damage.items()}
        await auth.database.update(JsonWebKey, {"id": row.id}, **changed)
        later(auth)
        ring(auth)._private.clear()
        token = await token_of(ann)
        assert part(token, 0)["kid"] != row.id
        assert (await ann.api("/jwks")).status_code == 200
        assert await seen(ann, token) == ANN


@pytest.mark.parametrize("path", ["/one-time-token/generate", "/ws-ticket"])
async def test_nothing_is_made_in_a_handler_for_somebody_who_shows_no_more_than_a_token(path: str) -> None:
    auth = with_jwt(Jwt(), Bearer(), OneTimeToken())
    await auth.start()

    async def make(request: Request) -> JSONResponse:
        call = auth.call(request)
        act = auth[Bearer].ws_ticket(call) if path == "/ws-ticket" else auth[OneTimeToken].generate(call)
        try:
            await act
        except AuthError as refused:
            return JSONResponse(refused.status)
        return JSONResponse(200)

    async with browser(auth, auth.wrap(Starlette(routes=[Route("/make", make)]))) as ann:
        await ann.sign_up()
        token = await token_of(ann)
        assert (await ann.get("/make")).json() == 200
        ann.cookies.clear()
        assert (await ann.get("/make", headers=bearing(token))).json() == 401
    await auth.stop()
