"""Services that only check tokens: keys are fetched seldom, carefully, and not from everywhere."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from authmw import ConfigurationError
from authmw.core import jwt
from authmw.core.errors import ServiceUnavailable
from authmw.core.jwt import RemoteKeys, sign
from authmw.verify import InvalidJwt, JwtVerifier
from tests.key_server import KeyServer, answer, key_server, key_set

pytestmark = pytest.mark.anyio

US = "https://app.example.com"
KEY, OTHER = (OKPKey.generate_key("Ed25519", private=True) for _ in range(2))


def jwk(key: OKPKey, key_id: str = "k1", **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), "alg": "EdDSA", "kid": key_id, **more}


def token(key: OKPKey = KEY, key_id: str = "k1", **claims: Any) -> str:
    now = int(time.time())
    given = {"iss": US, "aud": US, "sub": "ann", "iat": now, "exp": now + 900, **claims}
    return sign({"alg": "EdDSA", "kid": key_id}, given, key)


def verifier(server: KeyServer, **more: Any) -> JwtVerifier:
    return JwtVerifier(server.url, US, US, **more)


class Minutes:
    """A monotonic clock that stands still until told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(jwt, "time", SimpleNamespace(monotonic=lambda: self.now))


async def refused(verifying: JwtVerifier, text: str) -> None:
    with pytest.raises(InvalidJwt):
        await verifying.verify(text)


async def test_a_token_is_checked_with_the_keys_of_an_address() -> None:
    async with key_server(jwk(KEY)) as server:
        tokens = verifier(server)
        for _ in range(3):
            assert (await tokens.verify(token()))["sub"] == "ann"
        assert len(server.asked) == 1
        await refused(tokens, token(OTHER))
        await refused(tokens, token(iss="https://evil.example"))
        await refused(tokens, token(aud="https://evil.example"))
        await refused(tokens, token(exp=1))
        await refused(tokens, "x")
        await refused(verifier(server, algorithms=["ES256"]), token())
        await refused(verifier(server, longest=timedelta(minutes=14)), token())


def test_it_is_importable_on_its_own() -> None:
    script = (
        "import sys, authmw.verify\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(loaded & {'starlette', 'sqlalchemy', 'jinja2', 'alembic', 'databases', 'httpx2', 'webauthn'})\n"
        "print(sorted(name for name in sys.modules if name.startswith('authmw.')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    nothing, ours = done.stdout.splitlines()
    assert nothing == "set()"
    assert ours == "['authmw.core', 'authmw.core.errors', 'authmw.core.jwt', 'authmw.verify']"


# How often


@pytest.mark.sec("SEC-128")
async def test_a_hundred_unknown_keys_are_one_fetch_and_the_known_one_stays_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Minutes(monkeypatch)
    async with key_server(jwk(KEY)) as server:
        tokens = verifier(server)
        assert await tokens.verify(token())
        for minute in range(3):
            for number in range(100):
                await refused(tokens, token(OTHER, key_id=f"unknown-{number}"))
            assert await tokens.verify(token())
            assert len(server.asked) == 1 + minute
            clock.now += RemoteKeys.AGAIN + 1


@pytest.mark.sec("SEC-128")
async def test_a_new_key_is_found_and_an_old_one_is_forgotten_when_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Minutes(monkeypatch)
    async with key_server(jwk(KEY)) as server:
        tokens = verifier(server)
        assert await tokens.verify(token())
        server.answer = [jwk(OTHER, "k2")]
        clock.now += RemoteKeys.AGAIN
        await refused(tokens, token(OTHER, "k2"))
        clock.now += 0.001
        assert await tokens.verify(token(OTHER, "k2"))
        await refused(tokens, token())
        server.answer = [jwk(KEY)]
        clock.now += RemoteKeys.AS_NEW
        assert await tokens.verify(token(OTHER, "k2"))
        clock.now += 0.001
        await refused(tokens, token(OTHER, "k2"))
        assert len(server.asked) == 3


@pytest.mark.sec("SEC-128")
async def test_all_who_ask_at_once_wait_for_one_fetch() -> None:
    go = asyncio.Event()
    async with key_server() as server:

        async def when_told(writer: asyncio.StreamWriter) -> None:
            await go.wait()
            writer.write(key_set([jwk(KEY)]))

        server.answer = when_told
        tokens = verifier(server)
        asking = [asyncio.create_task(tokens.verify(token(jti=str(number)))) for number in range(50)]
        impatient = asking.pop()
        while not server.asked:
            await asyncio.sleep(0)
        asking[0].cancel()  # whoever was first leaves; the others are answered all the same
        impatient.cancel()
        go.set()
        answers = await asyncio.gather(*asking[1:])
        assert len(answers) == 48
        assert len(server.asked) == 1


# What goes wrong

REFUSED: dict[str, bytes] = {
    "a fault": answer("500 Internal Server Error", b"{}"),
    "no content": answer("204 No Content", b""),
    "moved": answer("302 Found", b"", location="/elsewhere"),
    "moved for good": answer("308 Permanent Redirect", b"", location="http://169.254.169.254/"),
    "no JSON": answer("200 OK", b"<html>"),
    "no object": answer("200 OK", b"[]"),
    "a name twice": answer("200 OK", b'{"keys":[],"keys":[]}'),
    "no UTF-8": answer("200 OK", b'{"keys":"\xff"}'),
    "nested without end": answer("200 OK", b"[" * 100_000),
    "more than a mebibyte": answer("200 OK", b'{"keys":[]}' + b" " * RemoteKeys.LARGEST),
    "compressed, though nobody asked": answer("200 OK", gzip.compress(b'{"keys":[]}'), content_encoding="gzip"),
    "cut off": b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"keys":[]}',
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.sec("SEC-128")
@pytest.mark.parametrize("what", REFUSED)
async def test_an_answer_that_is_none_leaves_the_keys_as_they_are(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Minutes(monkeypatch)
    async with key_server() as server:
        server.answer = REFUSED[what]
        tokens = verifier(server)
        for _ in range(3):
            with pytest.raises(ServiceUnavailable):
                await tokens.verify(token())
        assert len(server.asked) == 1, "nor is it asked again for each token"
        server.answer = [jwk(KEY)]
        clock.now += RemoteKeys.AGAIN + 1
        assert await tokens.verify(token())
        server.answer = REFUSED[what]
        clock.now += RemoteKeys.AS_NEW + 1
        assert await tokens.verify(token())
        await refused(tokens, token(OTHER, "k2"))
        assert len(server.asked) == 3


@pytest.mark.sec("SEC-128")
async def test_no_server_at_all() -> None:
    async with key_server() as server:
        tokens = verifier(server)
    with pytest.raises(ServiceUnavailable):
        await tokens.verify(token())


@pytest.mark.sec("SEC-128")
async def test_a_server_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteKeys, "PATIENCE", 0.2)

    async def drop_by_drop(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with key_server() as server:
        server.answer = drop_by_drop
        with pytest.raises(ServiceUnavailable):
            await asyncio.wait_for(verifier(server).verify(token()), 5)


@pytest.mark.sec("SEC-122")
async def test_keys_that_are_none_are_left_out_and_the_good_ones_count() -> None:
    bad: list[Any] = [
        None,
        "key",
        [],
        {},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k0"},
        jwk(OTHER, kid=5),
        jwk(OTHER, "k3", use="enc"),
        jwk(OTHER, "k4", alg="ES256"),
        {**jwk(OTHER, "k5"), "x": "AA"},
    ]
    async with key_server(*bad, jwk(KEY), jwk(OTHER, "k2", use="sig", key_ops=["verify"])) as server:
        tokens = verifier(server)
        assert await tokens.verify(token())
        assert await tokens.verify(token(OTHER, "k2"))
        for key_id in ("k0", "k3", "k4", "k5"):
            await refused(tokens, token(OTHER, key_id))


@pytest.mark.parametrize("listed", [b'{"keys":5}', b'{"keys":{}}', b'{"other":1}', b'{"keys":null}'])
async def test_what_is_no_key_set_is_no_answer(listed: bytes) -> None:
    """Or a fault of the server's, told with 200, would take every key away that is known."""
    async with key_server() as server:
        server.answer = answer("200 OK", listed)
        with pytest.raises(ServiceUnavailable):
            await verifier(server).verify(token())


# From where


@pytest.mark.sec("SEC-128")
@pytest.mark.parametrize(
    "address",
    [
        "http://auth.example.com/jwks",
        "http://127.0.0.1.example.com/jwks",
        "http://localhost.example.com/jwks",
        "http://127.0.0.2/jwks",
        "http://169.254.169.254/jwks",
        "http://[::ffff:127.0.0.1]/jwks",
        "https://user:password@auth.example.com/jwks",
        "http://127.0.0.1@evil.example/jwks",
        "file:///etc/passwd",
        "ftp://localhost/jwks",
        "https:///jwks",
        "https://",
        "https://[::1/jwks",
        "//localhost/jwks",
        "/jwks",
        "",
    ],
)
def test_an_address_that_is_not_safe_is_a_mistake_at_the_start(address: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        JwtVerifier(address, US, US)


@pytest.mark.parametrize("address", ["https://auth.example.com/jwks", "http://localhost:3000/x", "http://[::1]:3000/x"])
def test_an_address_that_is_safe(address: str) -> None:
    JwtVerifier(address, US, US)


@pytest.mark.sec("SEC-128")
async def test_nothing_but_the_address_is_asked_and_nothing_is_told() -> None:
    async with key_server(jwk(KEY)) as server:
        await verifier(server).verify(token())
        head = server.asked[0].lower()
        assert head.startswith("get /jwks http/1.1")
        assert "accept-encoding: identity" in head
        assert "cookie" not in head and "authorization" not in head


async def test_without_an_http_client_the_line_to_write_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    tokens = JwtVerifier("http://localhost:1/jwks", US, US)
    with pytest.raises(ConfigurationError, match=r"pip install authmw\[client\]"):
        await tokens.verify(token())
