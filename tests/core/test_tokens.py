"""One-time tokens: each for one purpose, once, in time."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from authmw import Auth
from authmw.core import tokens
from authmw.core.model import Verification
from authmw.core.secrets import digest
from authmw.core.tokens import ClaimsExpired, ClaimsInvalid, Purpose
from authmw.features import Account, EmailVerification, Password
from tests.support import Clock, make_auth

pytestmark = pytest.mark.anyio

VECTOR_SECRET = "test-secret-that-is-long-enough-0123456789"
VECTOR = (  # wire-core 2.13
    "eyJhbGciOiJIUzI1NiJ9."
    "eyJlbWFpbCI6ImFAZXhhbXBsZS5jb20iLCJpYXQiOjE3OTU0NzcyNTIsImV4cCI6MTc5NTQ4MDg1Mn0."
    "2IC_NPSDJ4KdSDX-sxO8K1H8yAcHr-U_RkKMgw2185Y"
)
PURPOSES = [
    Password().reset,
    EmailVerification().change,
    Account().deletion,
    Purpose(name="magic-link", prefix="magic-link:", lifetime=timedelta(minutes=5)),
]
ONE = PURPOSES[0]


def at(seconds: float) -> Clock:
    clock = Clock()
    clock.now = datetime.fromtimestamp(seconds, UTC)
    return clock


async def test_a_token_is_worth_what_it_was_made_for_once() -> None:
    auth = make_auth()
    token = await tokens.issue(auth.call(), ONE, subject="u1", value="v1")
    assert len(token) == 24
    assert await tokens.peek(auth.call(), ONE, token) == "v1"
    assert await tokens.peek(auth.call(), ONE, token) == "v1", "to look spends nothing"
    assert await tokens.redeem(auth.call(), ONE, token) == "v1"
    assert await tokens.redeem(auth.call(), ONE, token) is None
    assert await tokens.peek(auth.call(), ONE, token) is None


@pytest.mark.parametrize("junk", [None, "", "x", "\x00", "é", "x" * 10_000])
async def test_text_that_is_no_token_is_worth_nothing(junk: str | None) -> None:
    call = make_auth().call()
    assert await tokens.redeem(call, ONE, junk) is None
    assert await tokens.peek(call, ONE, junk) is None


@pytest.mark.sec("SEC-023")
@pytest.mark.parametrize("shared", [False, True])
async def test_a_token_of_each_purpose_is_refused_by_every_other(shared: bool) -> None:
    auth = make_auth(shared_database=shared)
    for made_for in PURPOSES:
        token = await tokens.issue(auth.call(), made_for, subject="u1", value="v")
        stored = (await auth.database.find_all(Verification))[-1]
        for asked in PURPOSES:
            if asked is not made_for:
                for presented in (token, stored.identifier, made_for.prefix + token):
                    assert await tokens.peek(auth.call(), asked, presented) is None, (made_for.name, asked.name)
                    assert await tokens.redeem(auth.call(), asked, presented) is None, (made_for.name, asked.name)
        assert await tokens.redeem(auth.call(), made_for, token) == "v"


@pytest.mark.sec("SEC-024")
async def test_of_many_at_the_same_moment_one_gets_it() -> None:
    auth = make_auth()
    for _ in range(20):
        token = await tokens.issue(auth.call(), ONE, subject="u1", value="v")
        answers = await asyncio.gather(*(tokens.redeem(auth.call(), ONE, token) for _ in range(16)))
        assert sorted(answers, key=str) == [None] * 15 + ["v"]


@pytest.mark.sec("SEC-025")
async def test_a_fault_after_redeeming_leaves_the_token_as_it_was() -> None:
    auth = make_auth()
    token = await tokens.issue(auth.call(), ONE, subject="u1", value="v")
    with pytest.raises(ZeroDivisionError):
        async with auth.call().transaction() as inside:
            assert await tokens.redeem(inside, ONE, token) == "v"
            _ = 1 / 0
    assert await tokens.redeem(auth.call(), ONE, token) == "v"


async def test_a_token_ends_at_the_instant() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    for purpose in PURPOSES:
        early = await tokens.issue(auth.call(), purpose, subject="u1", value="v")
        clock.now += purpose.lifetime - timedelta(milliseconds=1)
        assert await tokens.peek(auth.call(), purpose, early) == "v"
        clock.forward(milliseconds=1)
        assert await tokens.peek(auth.call(), purpose, early) is None
        assert await tokens.redeem(auth.call(), purpose, early) is None


@pytest.mark.sec("SEC-026")
async def test_a_newer_token_burns_the_older_of_its_purpose_and_subject_and_no_other() -> None:
    auth = make_auth()
    old = await tokens.issue(auth.call(), ONE, subject="u1", value="old")
    of_another = await tokens.issue(auth.call(), ONE, subject="u2", value="another")
    for_else = await tokens.issue(auth.call(), PURPOSES[1], subject="u1", value="else")
    new = await tokens.issue(auth.call(), ONE, subject="u1", value="new")
    assert await tokens.redeem(auth.call(), ONE, old) is None
    assert await tokens.redeem(auth.call(), ONE, new) == "new"
    assert await tokens.redeem(auth.call(), ONE, of_another) == "another"
    assert await tokens.redeem(auth.call(), PURPOSES[1], for_else) == "else"


@pytest.mark.sec("SEC-008")
async def test_burning_everything_of_a_person_leaves_others_alone() -> None:
    auth = make_auth()
    made = [(purpose, await tokens.issue(auth.call(), purpose, subject="u1", value="v")) for purpose in PURPOSES]
    other = await tokens.issue(auth.call(), ONE, subject="u2", value="v")
    await tokens.burn(auth.call(), None, subject="u1")
    assert [await tokens.redeem(auth.call(), purpose, token) for purpose, token in made] == [None] * len(made)
    assert await tokens.redeem(auth.call(), ONE, other) == "v"


@pytest.mark.sec("SEC-021")
async def test_at_rest_is_a_digest_and_in_a_shared_database_better_auths_own_format() -> None:
    for shared in (False, True):
        auth = make_auth(shared_database=shared)
        token = await tokens.issue(auth.call(), ONE, subject="u1", value="u1")
        (row,) = await auth.database.find_all(Verification)
        assert row.identifier == f"reset-password:{token if shared else digest(token)}"
        assert row.value == "u1"
        assert row.expires_at - row.created_at == timedelta(hours=1)


async def test_a_row_that_a_better_auth_server_wrote_is_redeemed_in_a_shared_database() -> None:
    auth = make_auth(shared_database=True)
    now = auth.clock()
    await auth.database.insert(
        Verification(
            id="1",
            identifier="delete-account-" + "a" * 32,
            value="u1",
            expires_at=now + timedelta(hours=1),
            created_at=now,
            updated_at=now,
        )
    )
    assert await tokens.redeem(auth.call(), Account().deletion, "a" * 32) == "u1"


# Claims


async def test_the_token_of_a_better_auth_mail_is_read_in_a_shared_database() -> None:
    auth = make_auth(secret=VECTOR_SECRET, shared_database=True, clock=at(1795477252))
    assert tokens.read_claims(auth.call(), "verify-email", VECTOR)["email"] == "a@example.com"
    made = tokens.sign_claims(auth.call(), "verify-email", {"email": "a@example.com"}, timedelta(hours=1))
    assert made == VECTOR


@pytest.mark.sec("SEC-023")
async def test_outside_a_shared_database_the_root_secret_signs_no_claims() -> None:
    auth = make_auth(secret=VECTOR_SECRET, clock=at(1795477252))
    with pytest.raises(ClaimsInvalid):
        tokens.read_claims(auth.call(), "verify-email", VECTOR)
    made = tokens.sign_claims(auth.call(), "one", {}, timedelta(hours=1))
    with pytest.raises(ClaimsInvalid):
        tokens.read_claims(auth.call(), "another", made)


async def test_claims_end_at_the_instant() -> None:
    clock = at(1795477252)
    auth = make_auth(clock=clock)
    made = tokens.sign_claims(auth.call(), "p", {"a": 1}, timedelta(hours=1))
    clock.forward(seconds=3599.999)
    assert tokens.read_claims(auth.call(), "p", made)["a"] == 1
    clock.forward(seconds=0.001)
    with pytest.raises(ClaimsExpired) as refused:
        tokens.read_claims(auth.call(), "p", made)
    assert (refused.value.status, refused.value.code) == (401, "TOKEN_EXPIRED")


@pytest.mark.sec("SEC-029")
async def test_claims_outlive_a_rotation_and_die_with_their_secret() -> None:
    old, new = "old-secret-0123456789-abcdefghijklmnopqrs", "new-secret-9876543210-zyxwvutsrqponmlkji"
    made = tokens.sign_claims(make_auth(secret=old).call(), "p", {"a": 1}, timedelta(hours=1))
    assert tokens.read_claims(make_auth(secrets=[new, old]).call(), "p", made)["a"] == 1
    with pytest.raises(ClaimsInvalid):
        tokens.read_claims(make_auth(secret=new).call(), "p", made)


def forged(auth: Auth[Any], header: object, payload: object, *, signed: bool = True) -> str:
    """A JWS with any header and payload, under the key of the purpose "p"."""
    import hmac

    parts = [json.dumps(part).encode() if not isinstance(part, bytes) else part for part in (header, payload)]
    text = ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    key = auth.secrets.subkey("claims:p")
    signature = hmac.digest(key, text.encode(), "sha256") if signed else b""
    return f"{text}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.sec("SEC-120")
async def test_only_hs256_with_an_expiry_is_accepted() -> None:
    auth = make_auth()
    good = {"exp": int(auth.clock().timestamp()) + 60}
    assert tokens.read_claims(auth.call(), "p", forged(auth, {"alg": "HS256"}, good)) == good
    for text in (
        forged(auth, {"alg": "none"}, good, signed=False),
        forged(auth, {"alg": "none"}, good),
        forged(auth, {"alg": "HS512"}, good),
        forged(auth, {}, good),
        forged(auth, [], good),
        forged(auth, {"alg": "HS256"}, good, signed=False),
        forged(auth, {"alg": "HS256", "crit": ["x"], "x": 1}, good),
        forged(auth, {"alg": "HS256"}, {}),
        forged(auth, {"alg": "HS256"}, {"exp": True}),
        forged(auth, {"alg": "HS256"}, {"exp": "9999999999"}),
        forged(auth, {"alg": "HS256"}, {"exp": None}),
        forged(auth, {"alg": "HS256"}, []),
        forged(auth, {"alg": "HS256"}, b"no json"),
        forged(auth, {"alg": "HS256"}, b"\xff"),
        "",
        "..",
        "a.b.c",
        "a.b",
        "a.b.c.d.e",
        "é.é.é",
        "a" * 9000 + ".b.c",
    ):
        with pytest.raises(ClaimsInvalid) as refused:
            tokens.read_claims(auth.call(), "p", text)
        assert (refused.value.status, refused.value.code) == (401, "INVALID_TOKEN"), text
