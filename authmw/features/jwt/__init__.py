"""JSON Web Tokens: services check them with nothing but the public keys; refresh tokens bring new ones."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ...core import jwt, sessions
from ...core.call import Call, Connection, SignedIn
from ...core.errors import AuthError, ConfigurationError, Unauthorized
from ...core.feature import Feature
from ...core.jwt import ALGORITHMS, LEEWAY, Algorithm, InvalidJwt, PublicKey, Rules
from ...core.model import U
from ...core.operation import Done, NoInput, Operation, operation
from ...core.rate_limit import Limit
from ...core.secrets import random_text
from ...core.sessions import Client
from ...core.store import Conflict
from . import refresh
from .claims import claims_of, everything, own_copy, person_of, session_of
from .denylist import DeniedToken, Denylist, StoreDenylist
from .keys import JsonWebKey, KeyRing, Rotation, listed, shown
from .refresh import Family, InvalidGrant, RefreshToken

__all__ = ["Denylist", "InvalidGrant", "JsonWebKey", "Jwt", "RefreshToken", "Rotation"]

HEADER = "set-auth-jwt"
FAMILY = "family_"
MOST_KNOWN = 4096
REFRESH = Limit(30, per=60)
EVERY_MONTH = Rotation()
Sign = Callable[[Mapping[str, Any]], Awaitable[str]]
Payload = Callable[[SignedIn[Any]], Mapping[str, Any]]

# Errors


class UnsupportedTokenType(AuthError):
    code = "UNSUPPORTED_TOKEN_TYPE"
    message = "Access tokens cannot be taken back here; they end by themselves"


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class Refresh:
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Revoke:
    """`token` is an access or a refresh token; or `family_id`, of one's own."""

    token: str | None = field(default=None, repr=False)
    family_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Token:
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class KeySet:
    """RFC 7517 section 5."""

    keys: list[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class TokenPair:
    """Times are in seconds from now."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the name of the scheme


# The feature


class Jwt(Feature):
    """`GET /token` gives whoever is signed in a token of 15 minutes, `GET /jwks` the keys to check it with.

    With `refresh=True` clients get pairs of tokens; with `denylist=True` (or one of your own) a single access token can
    be taken back, which costs each request a look. `remote_jwks_url` and `sign` let another service hold the keys; without
    `sign` tokens are only checked here.
    """

    def __init__(
        self,
        *,
        algorithm: Algorithm = "EdDSA",
        further_algorithms: Sequence[Algorithm] = (),
        issuer: str | None = None,
        audience: str | Sequence[str] | None = None,
        lifetime: timedelta = timedelta(minutes=15),
        payload: Payload = everything,
        subject: Callable[[SignedIn[Any]], str] | None = None,
        rotation: Rotation = EVERY_MONTH,
        encrypt_private_keys: bool = True,
        jwks_path: str = "/jwks",
        set_header: bool = True,
        refresh: bool = False,
        refresh_lifetime: timedelta = timedelta(days=30),
        denylist: bool | Denylist = False,
        remote_jwks_url: str | None = None,
        sign: Sign | None = None,
    ) -> None:
        for each in (algorithm, *further_algorithms):
            if each not in ALGORITHMS:
                raise ConfigurationError(f"Jwt(algorithm={each!r}): write one of {', '.join(ALGORITHMS)}.")
        if not timedelta(0) < lifetime <= timedelta(hours=24):
            raise ConfigurationError("Jwt(lifetime=…) is at most a day. Write: Jwt(lifetime=timedelta(minutes=15)).")
        if not timedelta(0) < refresh_lifetime <= timedelta(days=30):
            raise ConfigurationError("Jwt(refresh_lifetime=…) is at most 30 days.")
        if rotation.every is not None and not timedelta(0) <= rotation.lead < rotation.every:
            raise ConfigurationError(
                "Rotation(every=…, lead=…): a key is listed before it signs, and for less than it lasts. Write: "
                "Rotation(every=timedelta(days=30), lead=timedelta(hours=1))."
            )
        if rotation.grace < lifetime + timedelta(seconds=LEEWAY):
            raise ConfigurationError(
                "Rotation(grace=…): a key stays listed for as long as the last token it signed. Write: "
                "Rotation(grace=timedelta(days=30))."
            )
        if not jwks_path.startswith("/") or ".." in jwks_path:
            raise ConfigurationError(f"Jwt(jwks_path={jwks_path!r}): write a path below the API, like /jwks.")
        if sign is not None and remote_jwks_url is None:
            raise ConfigurationError("Jwt(sign=…) needs the keys to check with. Write: Jwt(sign=…, remote_jwks_url=…).")
        if refresh and remote_jwks_url is not None and sign is None:
            raise ConfigurationError(
                "Jwt(refresh=True) makes tokens. Write: Jwt(sign=…, remote_jwks_url=…, refresh=True)."
            )
        self.issuer, self.audience, self.lifetime = issuer, audience, lifetime
        self.payload, self.subject = payload, subject
        self.jwks_path, self.set_header = jwks_path, set_header
        self.refreshes, self.refresh_lifetime = refresh, refresh_lifetime
        self.tables = (
            JsonWebKey,
            *((RefreshToken,) if refresh else ()),
            *((DeniedToken,) if denylist is True else ()),
        )
        self.ring = KeyRing(algorithm, further_algorithms, rotation, encrypts=encrypt_private_keys)
        self._denylist = denylist
        self._sign = sign
        self._remote = jwt.RemoteKeys(remote_jwks_url) if remote_jwks_url else None
        # What was good stays good until its end, or until the keys change.
        self._good: dict[bytes, tuple[SignedIn[Any], str, int]] = {}

    def operations(self) -> list[Operation]:
        own = super().operations()
        if not self.refreshes:
            own = [each for each in own if not each.route.path.startswith("/token/")]
        if self._remote is not None:
            own = [each for each in own if each.route.path != "/jwks" and self._sign is not None]
        return [
            Operation(replace(each.route, path=self.jwks_path), each.run) if each.route.path == "/jwks" else each
            for each in own
        ]

    # Tokens

    @operation("GET", "/token", guard="session")
    async def token(self, call: Call[U]) -> Token:
        """Make a token for whoever is signed in. Raise Unauthorized for somebody who shows no more than a token: they
        would never end."""
        sessions.own_session(call)
        return Token(token=(await self.make(call, call.signed_in))[0])

    @operation("GET", "/jwks")
    async def jwks(self, call: Call[U]) -> KeySet:
        """List the public keys that tokens are checked with; the first time, make one."""
        rows = await self.ring.rows(call.auth.database)
        if not rows:
            rows = await self.ring.mint_if_due(call, self.ring.primary)
        kept = [row for row in listed(rows, call.now, self.ring.rotation) if self.ring.knows(row)]
        return KeySet(keys=[shown(row, self.ring.primary) for row in kept])

    async def rotate(self, call: Call[U], *, retire: bool = False) -> tuple[str, int]:
        """Make a key ahead of its time and return its id; with `retire` the others are good for nothing from here on.
        Return how many those were."""
        row = await self.ring.mint(call)
        return row.id, await self.ring.retire(call, but=row.id) if retire else 0

    async def make(
        self, call: Call[U], signed_in: SignedIn[U], *, algorithm: Algorithm | None = None
    ) -> tuple[str, str | None]:
        """Return a token for `signed_in`, and its `jti` where tokens can be taken back."""
        if algorithm is not None and algorithm not in self.ring.algorithms:
            raise ConfigurationError(f"Write: Jwt(further_algorithms=[{algorithm!r}]).")
        origin = call.auth.settings.origin
        claims = claims_of(
            signed_in,
            self.payload(signed_in),
            now=call.now,
            lifetime=self.lifetime,
            subject=self.subject(signed_in) if self.subject else signed_in.user.id,
            issuer=self.issuer or origin,
            audience=self.audience or origin,
        )
        jti = claims.setdefault("jti", random_text(32)) if self._denylist is not False else claims.get("jti")
        text = await self._sign(claims) if self._sign else await self.ring.sign(call, claims, algorithm)
        return text, jti if isinstance(jti, str) else None

    async def verify(self, call: Call[U], token: str) -> dict[str, Any]:
        """Return the claims of a token of ours. Raise InvalidJwt. Asks no database but for keys that are not known yet,
        and the denylist."""
        claims = await jwt.verify(token, self._keys(call), self._rules(call), now=call.now.timestamp())
        if await self._is_denied(call, claims.get("jti")):
            raise InvalidJwt("it was taken back")
        return claims

    async def who(self, call: Call[U], connection: Connection) -> SignedIn[U] | None:
        token = connection.bearer
        if token is None or token.count(".") != 2:
            return None
        if self._remote is None:
            await self.ring.refresh(call.auth.database)
        key = hashlib.sha256(token.encode("latin-1")).digest()
        known = self._good.get(key)
        if known is not None and known[2] == self._generation:
            signed_in, jti, _ = known
            if call.now < signed_in.session.expires_at + timedelta(seconds=LEEWAY):
                return None if await self._is_denied(call, jti) else own_copy(signed_in)
        try:
            claims = await self.verify(call, token)
            session = session_of(claims)
            if self._remote is not None and self._sign is None:
                session = replace(session, id="")  # of a session elsewhere: it is none of our rows
            signed_in = SignedIn(person_of(call.auth.user_type, claims), session)
        except InvalidJwt as refused:
            call.event("token.refused", outcome="denied", reason=refused.reason)
            return None
        if len(self._good) >= MOST_KNOWN:
            self._good.clear()
        self._good[key] = signed_in, str(claims.get("jti") or ""), self._generation
        return own_copy(signed_in)

    async def session_read(self, call: Call[U], signed_in: SignedIn[U], answer: dict[str, Any]) -> None:
        if self.set_header and (self._remote is None or self._sign is not None):
            call.expose(HEADER, (await self.make(call, signed_in))[0])

    # Refresh tokens

    @operation("POST", "/token/pair", guard="sensitive", limit=REFRESH)
    async def pair(self, call: Call[U], input: NoInput = NoInput()) -> TokenPair:
        """Begin a family of tokens for the session that asks."""
        access, jti = await self.make(call, call.signed_in)
        try:
            async with call.transaction() as call_inside:
                token, ends = await refresh.begin(call_inside, self.refresh_lifetime, jti=jti)
        except Conflict:  # the session ended a moment ago
            raise Unauthorized from None
        return self._pair(access, token, ends - call.now)

    @operation("POST", "/token/refresh", limit=REFRESH, raises=(InvalidGrant,))
    async def refresh(self, call: Call[U], input: Refresh) -> TokenPair:
        """Spend a refresh token for a new pair. Using one twice ends its family and tells the owner.

        Raise InvalidGrant."""
        row = await refresh.find(call, input.refresh_token)
        if row is None:
            raise InvalidGrant
        if row.spent_at is not None:
            await self._reused(call, row)
        holder = await refresh.holder(call, row)
        if holder is None:
            await refresh.end_family(call, row.family_id)
            raise InvalidGrant
        access, jti = await self.make(call, holder)
        token = await refresh.rotate(call, row, holder.session, jti=jti)
        if token is None:
            await self._reused(call, row)
            raise InvalidGrant
        call.event("token.refreshed", user_id=row.user_id, target_id=row.family_id)
        return self._pair(access, token, row.expires_at - call.now)

    @operation("POST", "/token/revoke", forms=True, limit=REFRESH, raises=(UnsupportedTokenType, Unauthorized))
    async def revoke(self, call: Call[U], input: Revoke = Revoke()) -> Done:
        """Take a token back (RFC 7009): a refresh token with its family, an access token where there is a denylist. One
        that is worth nothing is no error. Raise UnsupportedTokenType."""
        if input.family_id is not None:
            user = (await call.guard("sensitive")).user
            await self._end(call, input.family_id, user.id)
        elif input.token is not None and input.token.count(".") == 2:
            await self._deny(call, input.token)
        elif input.token is not None:
            row = await refresh.find(call, input.token)
            if row is not None:
                await self._end(call, row.family_id, row.user_id)
        return Done()

    @operation("GET", "/token/families", guard="sensitive")
    async def families(self, call: Call[U]) -> list[Family]:
        """List the clients that hold tokens of the person who is signed in."""
        signed_in = call.signed_in
        rows = await call.store.find_all(RefreshToken, user_id=signed_in.user.id, spent_at=None, limit=None)
        live = [row for row in rows if row.expires_at > call.now]
        return refresh.families(live, session_id=signed_in.session.id)

    async def clients(self, call: Call[U], user: U) -> Sequence[Client]:
        if not self.refreshes:
            return ()
        return [
            Client(
                handle=FAMILY + family.id,
                user_agent=family.user_agent or "",
                signed_in_at=family.created_at,
                seen_at=family.last_used_at,
            )
            for family in await self.families(call)
        ]

    async def end_client(self, call: Call[U], user: U, handle: str) -> bool:
        return handle.startswith(FAMILY) and await self._end(call, handle.removeprefix(FAMILY), user.id)

    async def stop(self) -> None:
        close = getattr(self._denylist, "close", None)
        if close is not None:
            await close()

    def _pair(self, access: str, token: str, left: timedelta) -> TokenPair:
        return TokenPair(
            access_token=access,
            refresh_token=token,
            expires_in=int(self.lifetime.total_seconds()),
            refresh_expires_in=int(left.total_seconds()),
        )

    async def _reused(self, call: Call[U], row: RefreshToken) -> None:
        """Two hold the same token, and nobody can tell which of them is the thief: neither has one from here on."""
        ended = await self._end(call, row.family_id, row.user_id)
        if ended:
            call.event("refresh.reused", outcome="denied", user_id=row.user_id, target_id=row.family_id)
            user = await call.store.find(call.auth.user_type, id=row.user_id)
            if user is not None:
                call.mail("security-notice", user.email, what="token-reused", name=user.name)
        raise InvalidGrant

    async def _end(self, call: Call[U], family_id: str, user_id: str) -> bool:
        # First, so that whoever asks again after a fault finds the family still there.
        if self._denylist is not False:
            await self._deny_all(call, await refresh.of_family(call, family_id, user_id=user_id))
        rows = await refresh.end_family(call, family_id, user_id=user_id)
        await self._deny_all(call, rows)  # what was made meanwhile
        if rows:
            call.event("token.revoked", user_id=user_id, target_id=family_id)
        return bool(rows)

    async def _deny_all(self, call: Call[U], rows: Sequence[RefreshToken]) -> None:
        denylist, over = self._list(call), self.lifetime + timedelta(seconds=LEEWAY)
        for row in rows:
            if denylist and row.jti and row.created_at + over > call.now:
                await denylist.deny(row.jti, row.created_at + over)

    async def _deny(self, call: Call[U], token: str) -> None:
        denylist = self._list(call)
        if denylist is None:
            raise UnsupportedTokenType
        try:
            claims = await self.verify(call, token)
        except InvalidJwt:
            return
        jti = claims.get("jti")
        if isinstance(jti, str):
            await denylist.deny(jti, datetime.fromtimestamp(claims["exp"] + LEEWAY, UTC))
            call.event("token.revoked", user_id=claims["sub"])

    async def _is_denied(self, call: Call[U], jti: object) -> bool:
        denylist = self._list(call)
        return denylist is not None and isinstance(jti, str) and await denylist.is_denied(jti, call.now)

    def _list(self, call: Call[U]) -> Denylist | None:
        if isinstance(self._denylist, bool):
            return StoreDenylist(call.auth.database) if self._denylist else None
        return self._denylist

    @property
    def _generation(self) -> int:
        return self._remote.generation if self._remote else self.ring.generation

    def _keys(self, call: Call[U]) -> jwt.Keys:
        return self._remote or _RingKeys(self.ring, call)

    def _rules(self, call: Call[U]) -> Rules:
        origin = call.auth.settings.origin
        audience = self.audience if isinstance(self.audience, str) else next(iter(self.audience or ()), None)
        return Rules(
            issuer=self.issuer or origin,
            audience=audience or origin,
            longest=int(max(self.lifetime, timedelta(hours=1)).total_seconds()),
        )


@dataclass(frozen=True)
class _RingKeys:
    """The ring, as one call sees it."""

    ring: KeyRing
    call: Call[Any]

    async def find(self, key_id: str) -> PublicKey | None:
        return await self.ring.find(self.call.auth.database, key_id, self.call.now)
