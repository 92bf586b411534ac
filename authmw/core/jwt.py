"""JSON Web Tokens that others present: one function checks them, by fixed rules (SEC-120, RFC 7519, RFC 8725)."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from .errors import AuthError, ConfigurationError, ServiceUnavailable

if TYPE_CHECKING:
    from joserfc.jwk import Key
    from joserfc.jws import JWSRegistry

logger = logging.getLogger("authmw")
Algorithm = Literal["EdDSA", "ES256", "ES512", "RS256", "PS256"]
ALGORITHMS: tuple[Algorithm, ...] = ("EdDSA", "ES256", "ES512", "RS256", "PS256")

LARGEST = 8 * 1024
LONGEST_KEY_ID = 200
LEEWAY = 30
"""Seconds by which two clocks may differ."""
LATEST = 2**33
SEGMENT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
# What a header may point to or bring along, and what changes the meaning of the rest: nothing here is understood.
FOREIGN = frozenset({"jku", "jwk", "x5u", "x5c", "zip", "b64", "crit"})
SMALLEST_RSA = 2048
CURVES: Mapping[str, Algorithm] = {"Ed25519": "EdDSA", "P-256": "ES256", "P-521": "ES512"}


class InvalidJwt(AuthError):
    """The token says nothing that can be believed. The reason is for a log; it holds nothing of the token."""

    status = 401
    code = "INVALID_TOKEN"
    message = "Invalid token"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """A key that signatures are checked with: its id, the one algorithm it is for, and the key itself."""

    id: str
    algorithm: Algorithm
    key: Key


class Keys(Protocol):
    """Where keys are found by the id that a token names. None for one that is not of this set."""

    async def find(self, key_id: str) -> PublicKey | None: ...


def public_key(jwk: Mapping[str, Any], *, key_id: str | None = None) -> PublicKey:
    """Read a public JWK (RFC 7517). Raise ConfigurationError for one that is weak, of another kind, or no key (SEC-122)."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry, RSAKey

    kind, algorithm, name = jwk.get("kty"), jwk.get("alg"), key_id or jwk.get("kid")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_KEY_ID:
        raise ConfigurationError("a key of the set has no usable kid")
    if jwk.get("use", "sig") != "sig":
        raise ConfigurationError(f"the key {name} is not for signatures")
    curve = jwk.get("crv")
    own = "RS256" if kind == "RSA" else CURVES.get(curve) if isinstance(curve, str) else None
    fitting = ("RS256", "PS256") if kind == "RSA" else (own,)
    if own is None or (algorithm is not None and algorithm not in fitting):
        raise ConfigurationError(f"the key {name} is of a kind, curve or algorithm that is not taken")
    # Only what makes the public key: a private part that somebody published is not worth having.
    parts = {part: jwk[part] for part in ("kty", "crv", "x", "y", "n", "e") if part in jwk}
    try:
        key: Key = JWKRegistry.import_key(parts, kind if kind in ("OKP", "EC", "RSA") else "")
        if isinstance(key, RSAKey) and key.public_key.key_size < SMALLEST_RSA:
            raise ConfigurationError(f"the key {name} is an RSA key of fewer than {SMALLEST_RSA} bits")
    except (JoseError, ValueError, KeyError, TypeError) as reason:
        raise ConfigurationError(f"the key {name} is no key that can be read") from reason
    return PublicKey(id=name, algorithm=algorithm or own, key=key)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is asked of a token beside a good signature. `longest` is how long one may live, in seconds."""

    issuer: str
    audience: str
    algorithms: Sequence[Algorithm] = ALGORITHMS
    types: Sequence[str | None] = (None, "JWT")
    longest: int = 24 * 3600


async def verify(token: str, keys: Keys, rules: Rules, *, now: float) -> dict[str, Any]:
    """Return the claims of a compact JWS that a key of `keys` signed. `now` is in seconds since the epoch.

    Raise InvalidJwt for everything else: what cannot be told is refused.
    """
    header, key_id = read_header(token, rules.algorithms)
    key = await keys.find(key_id)
    if key is None:
        raise InvalidJwt("the key is not of this set")
    if key.algorithm != header["alg"]:
        raise InvalidJwt("the key is for another algorithm")
    claims = _object(_verified(token, key))
    if header.get("typ") not in rules.types:
        raise InvalidJwt("the token is of another type")
    check_claims(claims, rules, now=now)
    return claims


def read_header(token: str, algorithms: Sequence[Algorithm] = ALGORITHMS) -> tuple[dict[str, Any], str]:
    """Return the header and the key id of a token that could be one of ours. Raise InvalidJwt."""
    from base64 import urlsafe_b64decode

    segments = token[: LARGEST + 1].split(".")
    if len(token) > LARGEST or len(segments) != 3 or not all(map(SEGMENT.fullmatch, segments)):
        raise InvalidJwt("that is no compact JWS")
    try:
        header = _object(urlsafe_b64decode(segments[0] + "=" * (-len(segments[0]) % 4)))
    except ValueError:
        raise InvalidJwt("the header cannot be read") from None
    if header.get("alg") not in algorithms:
        raise InvalidJwt("the algorithm is not taken")
    if not FOREIGN.isdisjoint(header):
        raise InvalidJwt("the header asks for what is not done here")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= LONGEST_KEY_ID:
        raise InvalidJwt("the token names no key")
    return header, key_id


def check_claims(claims: Mapping[str, Any], rules: Rules, *, now: float) -> None:
    """Raise InvalidJwt unless the claims are for us, of the right issuer, and of this hour."""
    if claims.get("iss") != rules.issuer:
        raise InvalidJwt("another issuer")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if rules.audience not in named or not all(isinstance(each, str) for each in named):
        raise InvalidJwt("for another audience")
    moments = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    if not all(type(moment) is int and 0 <= moment <= LATEST for moment in moments.values()):
        raise InvalidJwt("a time that is none")
    if "exp" not in moments:
        raise InvalidJwt("without an end")
    if now >= moments["exp"] + LEEWAY:
        raise InvalidJwt("too late")
    if moments.get("nbf", 0) > now + LEEWAY or moments.get("iat", 0) > now + LEEWAY:
        raise InvalidJwt("too early")
    if moments["exp"] - moments.get("iat", now) > rules.longest:
        raise InvalidJwt("it would live too long")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise InvalidJwt("it speaks of nobody")


class RemoteKeys:
    """The key set behind an address (`jwks_uri`), kept in memory. One that is not known is looked for at most once a
    minute, however many tokens name one (SEC-128); without an answer the keys that are known stay good.

    `address` is https, or plain http on this machine. Raise ConfigurationError for another.
    """

    AGAIN = 60.0
    AS_NEW = 3600.0
    PATIENCE = 5.0
    LARGEST = 1024 * 1024

    def __init__(self, address: str, *, fetch: Callable[[str], Awaitable[bytes]] | None = None) -> None:
        try:
            parts = urlsplit(address)
        except ValueError:
            parts = urlsplit("")
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and here)
        if not is_safe or not parts.hostname or parts.username is not None:
            raise ConfigurationError(
                f"{address!r}: keys come over https. Write: https://auth.example.com/api/auth/jwks"
            )
        self.address = address
        self.generation = 0
        self._fetch = fetch or _fetch
        self._keys: dict[str, PublicKey] = {}
        self._asked = self._answered = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> PublicKey | None:
        """Raise ServiceUnavailable while no key set could be had at all."""
        now = time.monotonic()
        is_old = now - self._answered > self.AS_NEW
        if (key_id not in self._keys or is_old) and now - self._asked > self.AGAIN:
            await self._ask()
        elif self._asking is not None and not self._asking.done() and key_id not in self._keys:
            await asyncio.shield(self._asking)
        if self._answered == float("-inf"):
            raise ServiceUnavailable
        return self._keys.get(key_id)

    async def _ask(self) -> None:
        self._asked = time.monotonic()
        self._asking = asyncio.get_running_loop().create_task(self._read())
        await asyncio.shield(self._asking)

    async def _read(self) -> None:
        try:
            # A server that sends a byte now and then would keep everybody waiting who asks for a key.
            async with asyncio.timeout(self.PATIENCE):
                listed = _object(await self._fetch(self.address)).get("keys")
            if not isinstance(listed, list):
                raise ValueError("no key set")
        except ConfigurationError:
            raise
        except Exception as reason:  # noqa: BLE001 - a network fails in many ways; each means that there is no answer
            logger.warning("%s gave no key set: %s", self.address, type(reason).__name__)
            return
        known: dict[str, PublicKey] = {}
        for jwk in listed:
            try:
                key = public_key(jwk)
            except (ConfigurationError, AttributeError) as reason:
                logger.info("%s lists a key that is not taken: %s", self.address, reason)
                continue
            known[key.id] = key
        self._keys, self._answered = known, time.monotonic()
        self.generation += 1


async def _fetch(address: str) -> bytes:
    try:
        import httpx2
    except ImportError:
        raise ConfigurationError("Fetching keys needs an HTTP client. Write: pip install authmw[client]") from None
    body = b""
    async with (
        httpx2.AsyncClient(timeout=RemoteKeys.PATIENCE, follow_redirects=False, trust_env=False) as client,
        # As it is: a little that is compressed could become more than there is memory.
        client.stream("GET", address, headers={"accept": "application/json", "accept-encoding": "identity"}) as answer,
    ):
        if answer.status_code != 200:
            raise ValueError(f"status {answer.status_code}")
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > RemoteKeys.LARGEST:
                raise ValueError("more than a key set has")
    return body


def sign(header: Mapping[str, Any], claims: Mapping[str, Any], key: Key) -> str:
    """Return a compact JWS of `claims`. `header` names `alg` and `kid`; `key` is the private one."""
    import msgspec
    from joserfc import jws

    return jws.serialize_compact(dict(header), msgspec.json.encode(claims), key, registry=_registry())


def _verified(token: str, key: PublicKey) -> bytes:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        return jws.deserialize_compact(token, key.key, registry=_registry()).payload
    except (JoseError, ValueError, TypeError) as reason:
        raise InvalidJwt("the signature is not of this key") from reason


@cache
def _registry() -> JWSRegistry:
    """The five algorithms. RFC 9864 would have EdDSA called Ed25519; the wire, and all who verify it, say EdDSA, which
    is no weaker for its name: the library's warning at each token is left out."""
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    registry.algorithms = {name: copy(JWSRegistry.algorithms[name]) for name in ALGORITHMS}
    registry.algorithms["EdDSA"].security_warning = None
    registry.max_payload_length = LARGEST
    return registry


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse_number)
    except (ValueError, TypeError, RecursionError):
        raise InvalidJwt("a part is no JSON object") from None
    if not isinstance(value, dict):
        raise InvalidJwt("a part is no JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _refuse_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
