"""The keys that tokens are signed with: made, kept, listed before they are used, and retired."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from ...core import jwt
from ...core.call import Call
from ...core.errors import ConfigurationError
from ...core.jwt import Algorithm, PublicKey
from ...core.model import U
from ...core.schema import column
from ...core.secrets import random_text
from ...core.store import Conflict, StoreError

if TYPE_CHECKING:
    from joserfc.jwk import Key

    from ...core.store import Store

logger = logging.getLogger("authmw")

# Tables


@dataclass(frozen=True, kw_only=True)
class JsonWebKey:
    """A key pair, as Better Auth keeps one. `id` is the `kid`; `private_key` is the JSON text of what `encrypt` made of
    the private JWK, or of the JWK itself."""

    table_name: ClassVar[str] = "jwks"

    id: str
    public_key: str = field(metadata=column(long=True))
    private_key: str = field(repr=False, metadata=column(seen=False, long=True))
    created_at: datetime
    expires_at: datetime | None = None
    alg: str | None = None
    crv: str | None = None


# Rules

KINDS: Mapping[Algorithm, tuple[str, str | int]] = {
    "EdDSA": ("OKP", "Ed25519"),
    "ES256": ("EC", "P-256"),
    "ES512": ("EC", "P-521"),
    "RS256": ("RSA", 2048),
    "PS256": ("RSA", 2048),
}
# The public members, in the order in which Better Auth writes and lists them.
MEMBERS: Mapping[str, Sequence[str]] = {
    "OKP": ("crv", "x", "kty"),
    "EC": ("kty", "x", "y", "crv"),
    "RSA": ("kty", "n", "e"),
}


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """When keys come and go. A new key is listed for `lead` before it signs, so that whoever caches the list knows it
    by then; an old one stays listed for `grace` after its last signature."""

    every: timedelta | None = timedelta(days=30)
    lead: timedelta = timedelta(hours=1)
    grace: timedelta = timedelta(days=30)


def living(rows: Sequence[JsonWebKey], now: datetime) -> list[JsonWebKey]:
    """The keys that may sign, newest first."""
    live = [row for row in rows if row.expires_at is None or now < row.expires_at]
    return sorted(live, key=lambda row: (row.created_at, row.id), reverse=True)


def of_algorithm(rows: Sequence[JsonWebKey], algorithm: Algorithm, primary: Algorithm) -> list[JsonWebKey]:
    """A key from before there was a column for it is one of the primary algorithm."""
    return [row for row in rows if (row.alg or primary) == algorithm]


def to_sign(rows: Sequence[JsonWebKey], now: datetime, rotation: Rotation) -> JsonWebKey | None:
    """The newest key that has been listed long enough; the oldest, when none has."""
    live = living(rows, now)
    listed = [row for row in live if row.created_at + rotation.lead <= now]
    return listed[0] if listed else live[-1] if live else None


def is_due(rows: Sequence[JsonWebKey], now: datetime, rotation: Rotation) -> bool:
    """Is it time for the next key? Before the one in use ends, by as long as it has to be listed first."""
    live = living(rows, now)
    return not live or (rotation.every is not None and live[0].created_at + rotation.every - rotation.lead <= now)


def listed(rows: Sequence[JsonWebKey], now: datetime, rotation: Rotation) -> list[JsonWebKey]:
    return [row for row in rows if row.expires_at is None or now < row.expires_at + rotation.grace]


def shown(row: JsonWebKey, primary: Algorithm) -> dict[str, Any]:
    """A key as `/jwks` lists it; of what is stored nothing but the public members gets there."""
    public = json.loads(row.public_key)
    members = {name: value for name, value in public.items() if name in MEMBERS.get(public.get("kty"), ())}
    curve = {"crv": row.crv} if row.crv else {}
    return {"alg": row.alg or primary, **curve, **members, "kid": row.id}


def following_id(rows: Sequence[JsonWebKey], algorithm: Algorithm, now: datetime) -> str:
    """The id of the key that comes next: the same for all processes that make one at a time, so that one of them does."""
    newest = max(rows, key=lambda row: (row.created_at, row.id), default=None)
    after = newest.id if newest else f"{now:%Y-%m-%d %H:%M}"
    return hashlib.sha256(f"{algorithm} after {after}".encode()).hexdigest()[:32]


# The keys of one application

UNKNOWN_AGAIN = 1.0  # seconds between two looks for a key that is not known: anybody may name one
FAILED_AGAIN = 5.0  # seconds until a database that was away is asked again
GOOD_WITHOUT = 3600.0  # seconds for which known keys are good while it is away
KNOWN_AGAIN = 60.0  # seconds after which one looks whether keys have come or gone


class KeyRing:
    """The keys in the database, and in memory: checking a token costs no statement."""

    def __init__(self, primary: Algorithm, further: Sequence[Algorithm], rotation: Rotation, *, encrypts: bool) -> None:
        self.primary: Algorithm = primary
        self.algorithms: tuple[Algorithm, ...] = tuple(dict.fromkeys((primary, *further)))
        self.rotation = rotation
        self.encrypts = encrypts
        self.generation = 0
        """Grows whenever the known keys have changed."""
        self._store: Store | None = None
        self._rows: list[JsonWebKey] = []
        self._public: dict[str, PublicKey] = {}
        self._private: dict[str, Key | None] = {}
        self._read_at = self._missed_at = self._failed_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._minting: dict[Algorithm, asyncio.Task[Any]] = {}

    async def rows(self, store: Store, *, no_older_than: float = 0.0) -> list[JsonWebKey]:
        """The keys as they stand in the database; as they stood at most so many seconds ago."""
        self._serve(store)
        if time.monotonic() - self._read_at >= no_older_than:
            await (self._read_together(store) if no_older_than else self._read(store))
        return self._rows

    def _serve(self, store: Store) -> None:
        """What is remembered is of one database. Raise ConfigurationError for another."""
        if self._store is None:
            self._store = store
        elif self._store is not store:
            raise ConfigurationError(
                "One Jwt() serves one Auth, for its keys are in that one's database: write Jwt() twice."
            )

    async def _read_together(self, store: Store) -> None:
        """All who see at the same moment that it is time share one statement."""
        loop = asyncio.get_running_loop()
        task = self._reading
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._reading = loop.create_task(self._read(store))
        await asyncio.shield(task)

    async def _read(self, store: Store) -> None:
        began = time.monotonic()
        rows = await store.find_all(JsonWebKey, order="created_at", limit=None)
        if began < self._read_at:
            return  # who began later was faster, and saw more
        self._read_at = began
        if rows != self._rows:
            self._rows, self._public, self.generation = rows, self._known(rows), self.generation + 1

    async def refresh(self, store: Store) -> None:
        """Now and then, see whether keys have come or gone. While the database is away, those that are known are good
        for an hour; it is asked again every few seconds."""
        self._serve(store)
        if time.monotonic() - self._failed_at < FAILED_AGAIN:
            return
        try:
            await self.rows(store, no_older_than=KNOWN_AGAIN)
        except StoreError:
            if not self._rows or time.monotonic() - self._read_at > GOOD_WITHOUT:
                raise
            self._failed_at = time.monotonic()

    def knows(self, row: JsonWebKey) -> bool:
        """Is it a key that tokens can be checked with?"""
        return row.id in self._public

    async def find(self, store: Store, key_id: str, now: datetime) -> PublicKey | None:
        """The public key of this id, while it is listed."""
        if key_id in self._public:
            await self.refresh(store)
        else:
            await self._look(store)
        row = next((row for row in listed(self._rows, now, self.rotation) if row.id == key_id), None)
        return self._public.get(key_id) if row else None

    async def _look(self, store: Store) -> None:
        """Look for a key that is not known, however short ago the keys were read: another process may have made one
        since, and signed with it. Anybody may name one: once a second, and all who wait share the answer."""
        if time.monotonic() - self._missed_at > UNKNOWN_AGAIN:
            self._missed_at = time.monotonic()
            await self._read_together(store)
        elif self._reading is not None and not self._reading.done():
            await self._read_together(store)

    async def sign(self, call: Call[U], claims: Mapping[str, Any], algorithm: Algorithm | None = None) -> str:
        """Sign with the key of the day; make one when it is time."""
        algorithm = algorithm or self.primary
        rows = await self.rows(call.auth.database, no_older_than=KNOWN_AGAIN)
        if is_due(self._usable(call, rows, algorithm), call.now, self.rotation):
            rows = await self.mint_if_due(call, algorithm)
        row = to_sign(self._usable(call, rows, algorithm), call.now, self.rotation)
        key = self._private_key(call, row) if row else None
        if row is None or key is None:
            raise ConfigurationError(f"there is no key to sign {algorithm} with")
        return jwt.sign({"alg": algorithm, "kid": row.id}, claims, key)

    async def mint(self, call: Call[U], algorithm: Algorithm | None = None, *, key_id: str = "") -> JsonWebKey:
        """Make a key and keep it. Raise Conflict when there is one of this id."""
        algorithm = algorithm or self.primary
        # An RSA key takes a good part of a second.
        key = await asyncio.to_thread(_generate, algorithm)
        private = json.dumps(key.as_dict(private=True), separators=(",", ":"))
        kind, curve = KINDS[algorithm]
        public = key.as_dict(private=False)
        # As the wire stores it, a Better Auth server reads it too: nothing is bound to it but the secret.
        kept = json.dumps(call.auth.secrets.encrypt(private)) if self.encrypts else private
        row = JsonWebKey(
            id=key_id or random_text(32),
            public_key=json.dumps({name: public[name] for name in MEMBERS[kind]}, separators=(",", ":")),
            private_key=kept,
            created_at=call.now,
            expires_at=call.now + self.rotation.every if self.rotation.every else None,
            alg=algorithm,
            crv=curve if isinstance(curve, str) else None,
        )
        row = await call.auth.database.insert(row)
        call.event("key.rotated", target_id=row.id)
        known = await self.rows(call.auth.database)
        for old in known:
            if old not in listed(known, call.now, self.rotation):
                await call.auth.database.delete(JsonWebKey, id=old.id)
        return row

    async def retire(self, call: Call[U], *, but: str) -> int:
        """Take every key but one off the list at once: what they have signed is worth nothing from here on."""
        rows = [row for row in await self.rows(call.auth.database) if row.id != but]
        for row in rows:
            await call.auth.database.delete(JsonWebKey, id=row.id)
            call.event("key.retired", target_id=row.id)
        await self.rows(call.auth.database)
        return len(rows)

    async def mint_if_due(self, call: Call[U], algorithm: Algorithm) -> list[JsonWebKey]:
        """One of all who see at the same moment that it is time makes the key; the others wait for it."""
        loop = asyncio.get_running_loop()
        task = self._minting.get(algorithm)
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._minting[algorithm] = loop.create_task(self._mint_once(call, algorithm))
        await asyncio.shield(task)
        return self._rows

    async def _mint_once(self, call: Call[U], algorithm: Algorithm) -> None:
        rows = await self.rows(call.auth.database)  # another process may have made one
        if is_due(self._usable(call, rows, algorithm), call.now, self.rotation):
            with suppress(Conflict):  # another process made it at this moment
                await self.mint(
                    call,
                    algorithm,
                    key_id=following_id(of_algorithm(rows, algorithm, self.primary), algorithm, call.now),
                )
            await self.rows(call.auth.database)

    def _usable(self, call: Call[U], rows: Sequence[JsonWebKey], algorithm: Algorithm) -> list[JsonWebKey]:
        """The keys of an algorithm that we can sign with."""
        ours = of_algorithm(rows, algorithm, self.primary)
        return [row for row in ours if self.knows(row) and self._private_key(call, row)]

    def _private_key(self, call: Call[U], row: JsonWebKey) -> Key | None:
        """None for one that no secret of ours opens."""
        if row.id in self._private:
            return self._private[row.id]
        from joserfc.errors import JoseError
        from joserfc.jwk import JWKRegistry

        try:
            kept = json.loads(row.private_key)
            text = call.auth.secrets.decrypt(kept) if isinstance(kept, str) else None
            key: Key | None = JWKRegistry.import_key(json.loads(text) if text else kept)
            if key is None or not key.is_private or not _is_pair(key, json.loads(row.public_key)):
                raise ValueError("not the private half of this key")
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            logger.warning("the key %s cannot be opened with the secrets that are set", row.id)
            key = None
        self._private[row.id] = key
        return key

    def _known(self, rows: Sequence[JsonWebKey]) -> dict[str, PublicKey]:
        known = {}
        for row in rows:
            try:
                known[row.id] = jwt.public_key({**shown(row, self.primary)}, key_id=row.id)
            except (ConfigurationError, ValueError, TypeError, AttributeError, RecursionError):
                logger.warning("the key %s is none that tokens are checked with", row.id)
        return known


def _is_pair(key: Key, public: Mapping[str, Any]) -> bool:
    halves = key.as_dict(private=False)
    return all(halves.get(part) == public.get(part) for part in ("kty", "crv", "x", "y", "n", "e"))


def _generate(algorithm: Algorithm) -> Key:
    from joserfc.jwk import JWKRegistry

    kind, size = KINDS[algorithm]
    return JWKRegistry.generate_key(kind, size, private=True)
