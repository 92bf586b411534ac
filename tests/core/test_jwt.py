"""Tokens that others present: what is asked of one, line by line, and that nothing else gets past (SEC-120 to SEC-122)."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, JWKRegistry, Key, OctKey, OKPKey

from authmw import ConfigurationError
from authmw.core.jwt import (
    ALGORITHMS,
    LARGEST,
    LATEST,
    LONGEST_KEY_ID,
    Algorithm,
    InvalidJwt,
    PublicKey,
    Rules,
    _registry,
    _verified,
    public_key,
    read_header,
    sign,
    verify,
)

pytestmark = pytest.mark.anyio

NOW = 1_795_600_000
ISSUER, AUDIENCE = "https://auth.example.com", "https://app.example.com"
RULES = Rules(issuer=ISSUER, audience=AUDIENCE)
GOOD: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": NOW, "exp": NOW + 900}
KINDS: dict[Algorithm, tuple[str, str | int]] = {
    "EdDSA": ("OKP", "Ed25519"),
    "ES256": ("EC", "P-256"),
    "ES512": ("EC", "P-521"),
    "RS256": ("RSA", 2048),
    "PS256": ("RSA", 2048),
}
WYCHEPROOF = json.loads((Path(__file__).parent / "wycheproof" / "vectors.json").read_text())


@cache
def private(algorithm: Algorithm) -> Key:
    return JWKRegistry.generate_key(*KINDS[algorithm], private=True)


def jwk_of(algorithm: Algorithm, **more: Any) -> dict[str, Any]:
    return {**private(algorithm).as_dict(private=False), "alg": algorithm, "kid": algorithm, **more}


class Ours:
    """A set of one key of each algorithm, by its name; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def find(self, key_id: str) -> PublicKey | None:
        self.asked.append(key_id)
        return public_key(jwk_of(key_id)) if key_id in ALGORITHMS else None


def b64(raw: bytes | str) -> str:
    return urlsafe_b64encode(raw.encode() if isinstance(raw, str) else raw).rstrip(b"=").decode()


def raw(header: str, payload: str, key: Algorithm = "EdDSA") -> str:
    """A token of these very texts, whose signature is good."""
    signed = f"{b64(header)}.{b64(payload)}"
    return f"{signed}.{b64(_registry().algorithms[key].sign(signed.encode(), private(key)))}"


def token(claims: Mapping[str, Any] = GOOD, key: Algorithm = "EdDSA", **header: Any) -> str:
    return raw(json.dumps({"alg": key, "kid": key, **header}), json.dumps(claims), key)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


async def read(text: str, rules: Rules = RULES, *, now: float = NOW) -> dict[str, Any]:
    return await verify(text, Ours(), rules, now=now)


async def refused(text: str, reason: str, rules: Rules = RULES, *, now: float = NOW) -> None:
    with pytest.raises(InvalidJwt) as caught:
        await read(text, rules, now=now)
    assert str(caught.value) == reason
    assert (caught.value.status, caught.value.code) == (401, "INVALID_TOKEN")


# What is believed


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_good_token_of_each_algorithm_says_what_it_says(algorithm: Algorithm) -> None:
    text = sign({"alg": algorithm, "kid": algorithm}, {**GOOD, "name": "Ann 🦊"}, private(algorithm))
    assert await read(text) == {**GOOD, "name": "Ann 🦊"}


@pytest.mark.parametrize(
    "claims",
    [
        without("iat"),
        {**GOOD, "aud": ["https://other.example.com", AUDIENCE]},
        {**GOOD, "nbf": NOW + 30},
        {**GOOD, "iat": NOW + 30},
        {**GOOD, "iat": 0, "exp": NOW + 1},
        {**GOOD, "exp": NOW + 24 * 3600},
    ],
)
async def test_what_may_be_otherwise(claims: dict[str, Any]) -> None:
    long = Rules(issuer=ISSUER, audience=AUDIENCE, longest=LATEST)
    assert await read(token(claims), long if claims.get("iat") == 0 else RULES) == claims


async def test_a_type_is_asked_for_or_may_be_absent() -> None:
    assert await read(token(typ="JWT"))
    await refused(token(typ="jwt"), "the token is of another type")
    await refused(token(typ="at+jwt"), "the token is of another type")
    access = Rules(issuer=ISSUER, audience=AUDIENCE, types=("at+jwt",))
    assert await read(token(typ="at+jwt"), access)
    await refused(token(), "the token is of another type", access)


@pytest.mark.sec("SEC-120")
async def test_two_clocks_may_differ_by_thirty_seconds_and_no_more() -> None:
    assert await read(token(), now=NOW + 900 + 29.999)
    await refused(token(), "too late", now=NOW + 900 + 30)
    assert await read(token({**GOOD, "nbf": NOW}), now=NOW - 30)
    await refused(token({**GOOD, "nbf": NOW}), "too early", now=NOW - 30.001)
    await refused(token(), "too early", now=NOW - 30.001)


# What is not


BAD_TEXTS = {
    "": "that is no compact JWS",
    ".": "that is no compact JWS",
    "..": "that is no compact JWS",
    "a.b": "that is no compact JWS",
    "a.b.c": "the header cannot be read",
    "aaaa.b.c": "a part is no JSON object",
    "e30.e30.AA": "the algorithm is not taken",
    "bnVsbA.e30.AA": "a part is no JSON object",
    "W10.e30.AA": "a part is no JSON object",
    "é.e30.AA": "that is no compact JWS",
    "e30.e30.٣": "that is no compact JWS",
}


@pytest.mark.sec("SEC-120")
@pytest.mark.parametrize("text", BAD_TEXTS)
async def test_text_that_is_no_token(text: str) -> None:
    await refused(text, BAD_TEXTS[text])


@pytest.mark.sec("SEC-120")
@pytest.mark.parametrize(
    "change",
    [
        lambda good: good + ".",
        lambda good: good + ".e30",
        lambda good: "." + good,
        lambda good: good.replace(".", "=.", 1),
        lambda good: good + "=",
        lambda good: good + "\n",
        lambda good: " " + good,
        lambda good: good.replace(".", " .", 1),
        lambda good: good.replace("-", "+").replace("_", "/") + "+",
        lambda good: good[:-1] + "é",
        lambda good: good[:-1] + "\x00",
        lambda good: good[:-1] + "\ud800",
        lambda good: good + "A" * LARGEST,
        lambda good: "A" * 20_000 + good,
    ],
)
async def test_a_good_token_with_anything_around_it_is_none(change: Any) -> None:
    await refused(change(token()), "that is no compact JWS")


@pytest.mark.sec("SEC-120")
async def test_a_token_is_as_large_as_eight_kibibytes() -> None:
    short = len(token({**GOOD, "x": ""}))
    text = token({**GOOD, "x": "x" * ((LARGEST - short) * 3 // 4 - 2)})
    assert LARGEST - 8 < len(text) <= LARGEST
    assert await read(text)
    await refused(token({**GOOD, "x": "x" * ((LARGEST - short) * 3 // 4 + 8)}), "that is no compact JWS")


BAD_HEADERS: list[tuple[str, str]] = [
    ('{"kid":"EdDSA"}', "the algorithm is not taken"),
    *[
        (json.dumps({"alg": algorithm, "kid": "EdDSA"}), "the algorithm is not taken")
        for algorithm in (
            *("none", "None", "NONE", "nOnE", "", "HS256", "HS512", "ES384", "ES256K", "RS512", "Ed25519", "eddsa"),
            *(None, 0, True, ["EdDSA"], {"EdDSA": 1}, "EdDSA\u0000", "RSA1_5", "dir"),
        )
    ],
    *[
        (json.dumps({"alg": "EdDSA", "kid": "EdDSA", name: value}), "the header asks for what is not done here")
        for name, value in {
            "jku": "https://evil.example/jwks",
            "x5u": "https://evil.example/cert",
            "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43},
            "x5c": ["MII"],
            "zip": "DEF",
            "b64": False,
            "crit": ["b64"],
        }.items()
    ],
    ('{"alg":"EdDSA","kid":"EdDSA","crit":[]}', "the header asks for what is not done here"),
    ('{"alg":"EdDSA","kid":"EdDSA","b64":true}', "the header asks for what is not done here"),
    ('{"alg":"EdDSA"}', "the token names no key"),
    *[
        (json.dumps({"alg": "EdDSA", "kid": key_id}), "the token names no key")
        for key_id in (None, 0, 1.5, True, "", [], ["EdDSA"], {"kid": "EdDSA"}, "x" * (LONGEST_KEY_ID + 1))
    ],
    *[
        (json.dumps({"alg": "EdDSA", "kid": key_id}), "the key is not of this set")
        for key_id in ("x" * LONGEST_KEY_ID, "' OR 1=1 --", "../../etc/passwd", "EdDSA\u0000", "eddsa", "\ud800", "é")
    ],
    ('{"alg":"EdDSA","kid":"ES256"}', "the key is for another algorithm"),
    ('{"alg":"RS256","kid":"PS256"}', "the key is for another algorithm"),
    ('{"alg":"EdDSA","alg":"EdDSA","kid":"EdDSA"}', "a part is no JSON object"),
    ('{"alg":"EdDSA","kid":"other","kid":"EdDSA"}', "a part is no JSON object"),
    ('{"alg":"EdDSA","kid":"EdDSA","x":{"a":1,"a":2}}', "a part is no JSON object"),
    ('{"alg":"EdDSA","kid":"EdDSA","x":NaN}', "a part is no JSON object"),
    ('{"alg":"EdDSA","kid":"EdDSA"} ', ""),  # white space around an object is JSON
    ('{"alg":"EdDSA","kid":"EdDSA"}}', "a part is no JSON object"),
    ("[" * 4000 + "]" * 500, "a part is no JSON object"),
    ('{"alg":"EdDSA","kid":"EdDSA","x":' + "[" * 2000 + "]" * 2000 + "}", "a part is no JSON object"),
    ('{"alg":"EdDSA","kid":"EdDSA","x":' + "9" * 5000 + "}", "a part is no JSON object"),
    ('\ufeff{"alg":"EdDSA","kid":"EdDSA"}', "a part is no JSON object"),
    ('"EdDSA"', "a part is no JSON object"),
]


@pytest.mark.sec("SEC-120")
@pytest.mark.parametrize("header,reason", BAD_HEADERS, ids=[header[:60] for header, _ in BAD_HEADERS])
async def test_a_header_with_one_thing_wrong(header: str, reason: str) -> None:
    text = raw(header, json.dumps(GOOD))
    if not reason:
        assert await read(text) == GOOD
    else:
        await refused(text, reason)


@pytest.mark.sec("SEC-120")
async def test_a_header_that_is_no_utf8_and_one_in_another_alphabet() -> None:
    signed = urlsafe_b64encode(b'{"alg":"EdDSA","kid":"\xff"}').rstrip(b"=").decode()
    await refused(f"{signed}.e30.AA", "a part is no JSON object")
    utf16 = b64('{"alg":"EdDSA","kid":"EdDSA"}'.encode("utf-16-le"))
    await refused(f"{utf16}.e30.AA", "a part is no JSON object")


BAD_CLAIMS: list[tuple[dict[str, Any], str]] = [
    (without("iss"), "another issuer"),
    *[
        ({**GOOD, "iss": issuer}, "another issuer")
        for issuer in (ISSUER + "/", ISSUER.upper(), "", None, [ISSUER], {"iss": ISSUER}, 1, "https://evil.example")
    ],
    (without("aud"), "for another audience"),
    *[
        ({**GOOD, "aud": audience}, "for another audience")
        for audience in (
            AUDIENCE + "/",
            "",
            None,
            [],
            [1, AUDIENCE],
            [[AUDIENCE]],
            {AUDIENCE: 1},
            7,
            AUDIENCE + ".evil",
        )
    ],
    (without("exp"), "without an end"),
    *[
        ({**GOOD, name: moment}, "a time that is none")
        for name in ("exp", "iat", "nbf")
        for moment in (NOW + 0.5, str(NOW), True, -1, None, [NOW], LATEST + 1, 10**30, 1e300, {"at": NOW})
    ],
    ({**GOOD, "exp": NOW - 30}, "too late"),
    ({**GOOD, "exp": 0}, "too late"),
    ({**GOOD, "nbf": NOW + 31}, "too early"),
    ({**GOOD, "iat": NOW + 31}, "too early"),
    ({**GOOD, "exp": NOW + 24 * 3600 + 1}, "it would live too long"),
    ({**without("iat"), "exp": NOW + 24 * 3600 + 1}, "it would live too long"),
    ({**GOOD, "exp": LATEST}, "it would live too long"),
    (without("sub"), "it speaks of nobody"),
    *[({**GOOD, "sub": subject}, "it speaks of nobody") for subject in ("", None, 1, ["ann"], {"id": "ann"}, True)],
]


@pytest.mark.sec("SEC-120")
@pytest.mark.parametrize(
    "claims,reason", BAD_CLAIMS, ids=[f"{reason}: {json.dumps(claims)[-60:]}" for claims, reason in BAD_CLAIMS]
)
async def test_claims_with_one_thing_wrong(claims: dict[str, Any], reason: str) -> None:
    await refused(token(claims), reason)


@pytest.mark.sec("SEC-120")
@pytest.mark.parametrize(
    "payload",
    [
        "",
        "null",
        "[]",
        '"text"',
        "foo",
        "{",
        json.dumps(GOOD)[:-1] + ',"sub":"eve"}',
        json.dumps(GOOD)[:-1] + ',"exp":Infinity}',
        json.dumps(GOOD)[:-1] + ',"x":' + "[" * 2000 + "]" * 2000 + "}",
        json.dumps(GOOD)[:-1] + ',"exp":' + "9" * 5000 + "}",
        json.dumps({"token": GOOD})[:-1] + ",}",
    ],
)
async def test_a_payload_that_is_no_object_of_claims(payload: str) -> None:
    reason = "a part is no JSON object" if payload else "that is no compact JWS"
    await refused(raw('{"alg":"EdDSA","kid":"EdDSA"}', payload), reason)


async def test_claims_inside_of_claims_are_not_read() -> None:
    await refused(token({"claims": GOOD, "token": token()}), "another issuer")


# Signatures


@pytest.mark.sec("SEC-120")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_signature_that_is_not_of_the_key(algorithm: Algorithm) -> None:
    header, payload, signature = token(key=algorithm).split(".")
    eve = JWKRegistry.generate_key(*KINDS[algorithm], private=True)
    other = b64(json.dumps({**GOOD, "sub": "eve"}))
    forged = sign({"alg": algorithm, "kid": algorithm}, GOOD, eve)
    turned = ("A" if signature[0] != "A" else "B") + signature[1:]
    texts = (
        forged,
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.{turned}",
        f"{header}.{payload}.{signature[:-4]}",
        f"{header}.{payload}.{signature}AAAA",
        f"{header}.{payload}.A",
        f"{header}.{payload}.{payload}",
        f"{header}.{payload}.{b64(bytes(64))}",
    )
    for text in texts:
        await refused(text, "the signature is not of this key")


def encodings(key: Any) -> list[bytes]:
    """Everything that a library could take for the secret of an HMAC."""
    jwk = key.as_dict(private=False)
    parts = [value.encode() for name, value in jwk.items() if name in ("x", "y", "n", "e")]
    return [
        key.as_pem(private=False),
        key.as_pem(private=False).strip(),
        key.as_der(private=False),
        json.dumps(jwk).encode(),
        json.dumps(jwk, separators=(",", ":")).encode(),
        *parts,
        b"",
    ]


@pytest.mark.sec("SEC-120")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("claimed", ["HS256", "none"])
async def test_the_public_key_is_no_secret(algorithm: Algorithm, claimed: str) -> None:
    for secret in encodings(private(algorithm)):
        signed = f"{b64(json.dumps({'alg': claimed, 'kid': algorithm}))}.{b64(json.dumps(GOOD))}"
        text = f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"
        await refused(text, "the algorithm is not taken")
        with pytest.raises(InvalidJwt):  # also when it comes under the name of what the key is for
            await read(text.replace(text.split(".")[0], b64(json.dumps({"alg": algorithm, "kid": algorithm}))))


@pytest.mark.sec("SEC-120")
async def test_only_what_the_caller_takes() -> None:
    narrow = Rules(issuer=ISSUER, audience=AUDIENCE, algorithms=("ES256",))
    await refused(token(), "the algorithm is not taken", narrow)
    assert await read(token(key="ES256"), narrow)


@pytest.mark.sec("SEC-120")
async def test_nothing_is_looked_up_for_a_header_that_is_refused() -> None:
    keys = Ours()
    for header, reason in BAD_HEADERS:
        if reason not in ("", "the key is not of this set", "the key is for another algorithm"):
            with pytest.raises(InvalidJwt):
                await verify(raw(header, "{}"), keys, RULES, now=NOW)
    assert keys.asked == []


@pytest.mark.sec("SEC-120")
async def test_a_refusal_holds_nothing_of_the_token() -> None:
    text = token({**GOOD, "sub": "canary-subject", "exp": 0}, kid="canary-key")
    with pytest.raises(InvalidJwt) as caught:
        await read(text)
    assert "canary" not in f"{caught.value!s} {caught.value!r} {caught.value.message}"


@pytest.mark.sec("SEC-121")
@pytest.mark.parametrize(
    "algorithm,jwk,test",
    [
        pytest.param(group["algorithm"], group["jwk"], test, id=f"{group['algorithm']}-{test[0]}")
        for group in WYCHEPROOF["signatures"]
        for test in group["tests"]
    ],
)
def test_wycheproof_signatures(algorithm: Algorithm, jwk: dict[str, Any], test: list[Any]) -> None:
    _, about, message, signature, result = test
    key = public_key({**jwk, "alg": algorithm}, key_id="k").key
    verified = _registry().algorithms[algorithm].verify(bytes.fromhex(message), bytes.fromhex(signature), key)
    assert verified is (result == "valid"), about


@pytest.mark.sec("SEC-121")
@pytest.mark.parametrize(
    "jwk,test",
    [
        pytest.param(group["jwk"], test, id=f"{test[0]}-{test[1]}")
        for group in WYCHEPROOF["jws"]
        for test in group["tests"]
    ],
)
def test_wycheproof_tokens(jwk: dict[str, Any], test: list[Any]) -> None:
    _, _, text, result = test

    def payload() -> bytes:
        header, _ = read_header(text)
        key = public_key(jwk)
        assert header["alg"] == key.algorithm
        return _verified(text, key)

    if result == "valid":
        assert payload() == b"foo"
    else:
        with pytest.raises(InvalidJwt):
            payload()


# Keys


def test_a_key_is_read_with_its_public_part_alone() -> None:
    for algorithm in ALGORITHMS:
        whole = {
            **private(algorithm).as_dict(private=True),
            "alg": algorithm,
            "kid": "k",
            "x5u": "https://evil.example",
        }
        key = public_key(whole)
        assert (key.id, key.algorithm) == ("k", algorithm)
        assert not {"d", "p", "q", "x5u"} & set(key.key.as_dict())


@pytest.mark.parametrize(
    "algorithm,own", [("EdDSA", "EdDSA"), ("ES256", "ES256"), ("ES512", "ES512"), ("PS256", "RS256")]
)
def test_a_key_that_does_not_name_its_algorithm(algorithm: Algorithm, own: str) -> None:
    jwk = {key: value for key, value in jwk_of(algorithm).items() if key != "alg"}
    assert public_key(jwk).algorithm == own


ED, EC = (private(algorithm).as_dict(private=False) for algorithm in ("EdDSA", "ES256"))
RSA = {part: WYCHEPROOF["jws"][1]["jwk"][part] for part in ("kty", "n", "e")}
LARGEST_WEAK = b64(b"\x7f" + b"\xff" * 255)  # 2047 bits


@pytest.mark.sec("SEC-122")
@pytest.mark.filterwarnings("ignore:Key size")
@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "oct", "k": "c2VjcmV0"},
        {**ED, "kid": None},
        {**ED, "kid": ""},
        {**ED, "kid": 5},
        {**ED, "kid": "x" * (LONGEST_KEY_ID + 1)},
        {**ED, "use": "enc"},
        {**ED, "use": ["sig"]},
        {**ED, "alg": "ES256"},
        {**ED, "alg": "HS256"},
        {**ED, "alg": "none"},
        {**ED, "alg": ["EdDSA"]},
        {**ED, "crv": "X25519"},
        {**ED, "crv": "Ed448"},
        {**ED, "crv": "P-256"},
        {**ED, "crv": ["Ed25519"]},
        {**ED, "kty": "EC"},
        {**ED, "kty": ["OKP"]},
        {**ED, "x": ""},
        {**ED, "x": b64(bytes(31))},
        {**ED, "x": b64(bytes(33))},
        {**ED, "x": 5},
        {**ED, "x": None},
        {**ED, "x": "ü" * 43},
        {key: value for key, value in ED.items() if key != "x"},
        {**EC, "x": EC["y"], "y": EC["x"]},  # no point of the curve
        {**EC, "x": b64(bytes(32)), "y": b64(bytes(32))},
        {**EC, "crv": "P-521"},
        {**EC, "crv": "Ed25519"},
        {**EC, "alg": "ES512"},
        {**EC, "alg": "EdDSA"},
        ECKey.generate_key("P-384").as_dict(private=False),
        ECKey.generate_key("secp256k1").as_dict(private=False),
        {**RSA, "n": ""},
        {**RSA, "n": LARGEST_WEAK},
        {**RSA, "e": "AQ"},
        {**RSA, "e": "Ag"},
        {**RSA, "e": ""},
        {**RSA, "alg": "HS256"},
        {**RSA, "alg": "RS512"},
        {**RSA, "alg": "EdDSA", "crv": "Ed25519"},
        {"kty": "RSA", "e": "AQAB"},
    ],
    ids=lambda jwk: json.dumps(jwk)[:70],
)
def test_a_weak_or_mismatched_key_is_refused_when_it_is_read(jwk: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        public_key({"kid": "k", **jwk})


@pytest.mark.sec("SEC-122")
def test_a_key_does_not_become_one_of_another_kind_by_a_word_that_is_beside_it() -> None:
    assert public_key({**RSA, "crv": "Ed25519", "kid": "k"}).algorithm == "RS256"


@pytest.mark.sec("SEC-122")
async def test_a_key_of_another_kind_under_the_name_of_ours_verifies_nothing() -> None:
    class Mixed:
        async def find(self, key_id: str) -> PublicKey | None:
            wrong: Key = OctKey.import_key(b"secret" * 8)
            return PublicKey(id=key_id, algorithm="EdDSA", key=wrong)

    with pytest.raises(InvalidJwt):
        await verify(token(), Mixed(), RULES, now=NOW)


# Anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "alg",
        "kid",
        "typ",
        "cty",
        "jku",
        "jwk",
        "x5u",
        "x5c",
        "x5t",
        "crit",
        "b64",
        "zip",
        "enc",
        "iss",
        "exp",
        "epk",
        "",
    ]
)
WORDS = st.sampled_from([*ALGORITHMS, "none", "HS256", "JWT", "b64"])


@pytest.mark.sec("SEC-120")
@settings(max_examples=300, deadline=None)
@given(header=st.dictionaries(NAMES | st.text(max_size=8), WORDS | JSON, max_size=6))
async def test_any_header_is_refused_or_good_and_nothing_else_happens(header: dict[str, Any]) -> None:
    for text in (
        raw(json.dumps(header), json.dumps(GOOD)),
        raw(json.dumps({"alg": "EdDSA", "kid": "EdDSA", **header}), json.dumps(GOOD)),
    ):
        try:
            assert await read(text) == GOOD
        except InvalidJwt:
            continue
        seen = {"alg": "EdDSA", "kid": "EdDSA", **header}
        assert (seen["alg"], seen["kid"]) == ("EdDSA", "EdDSA")


@pytest.mark.sec("SEC-120")
@settings(max_examples=300, deadline=None)
@given(
    claims=st.dictionaries(st.sampled_from([*GOOD, "nbf", "jti"]), JSON | st.just(NOW) | st.just(ISSUER), max_size=7)
)
async def test_any_claims_are_refused_or_good_and_nothing_else_happens(claims: dict[str, Any]) -> None:
    try:
        found = await read(token({**GOOD, **claims}))
    except InvalidJwt:
        return
    assert found["iss"] == ISSUER and found["sub"] and type(found["exp"]) is int


@pytest.mark.sec("SEC-120")
@settings(max_examples=300, deadline=None)
@given(text=st.text() | st.lists(st.text(alphabet="AbZ09-_e3W1=", max_size=12), max_size=5).map(".".join))
async def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidJwt):
        await read(text)


@pytest.mark.sec("SEC-122")
@settings(max_examples=300, deadline=None)
@given(
    jwk=st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "alg", "use", "kid", "key_ops", "d"]),
        JSON | st.sampled_from(["OKP", "EC", "RSA", "Ed25519", "P-256", "P-521", "AQAB", *ALGORITHMS]),
    )
)
def test_any_key_is_refused_or_read(jwk: dict[str, Any]) -> None:
    for each in (jwk, {**ED, **jwk}, {**EC, **jwk}, {**RSA, **jwk}):
        try:
            assert public_key(each, key_id="k").algorithm in ALGORITHMS
        except ConfigurationError:
            continue


def test_the_private_key_of_a_pair_verifies_as_well_as_the_public_one() -> None:
    key = OKPKey.generate_key("Ed25519", private=True)
    text = sign({"alg": "EdDSA", "kid": "k"}, GOOD, key)
    assert json.loads(_verified(text, public_key({**key.as_dict(private=True), "kid": "k"}))) == GOOD
