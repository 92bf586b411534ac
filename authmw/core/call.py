"""Call[U]: one use of an operation: who, when, cookies."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Generic, Literal
from urllib.parse import quote, unquote_to_bytes

from .errors import TooManyRequests, Unauthorized
from .events import Event
from .mail import Letter, budget
from .model import Session, U
from .rate_limit import MAILS_TO_AN_ADDRESS, Limit
from .store import Store

if TYPE_CHECKING:
    from .auth import AuthCore

Guard = Literal["session", "sensitive", "fresh"]
"""What an operation asks: a session; one read from the database, not from a cookie; one that was also made a short
while ago."""


@dataclass(frozen=True)
class SignedIn(Generic[U]):
    """A person and the session that says so."""

    user: U
    session: Session


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What a feature may read of a request to find out who makes it. `lines` are the headers as they came."""

    kind: Literal["http", "websocket"]
    lines: Sequence[tuple[bytes, bytes]] = field(repr=False)
    query: bytes = field(default=b"", repr=False)
    peer: str | None = None
    """The other end of the socket, whoever it speaks for."""
    to_application: bool = False
    """Is it for the application, and not for authmw's own API or screens?"""

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The headers by lower-case name; of one that came several times, the first. Made when they are read."""
        found: dict[str, str] = {}
        for name, value in self.lines:
            found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        return found

    @property
    def bearer(self) -> str | None:
        """The credential of `Authorization: Bearer …` (RFC 6750), or None: for another scheme, for nothing behind it,
        for more than one (SEC-048)."""
        values = [value for name, value in self.lines if name == b"authorization"]
        if len(values) != 1:
            return None
        scheme, _, credential = values[0].decode("latin-1").partition(" ")
        credential = credential.strip(" \t")
        is_one = credential != "" and not any(char in credential for char in " \t,")
        return credential if scheme.lower() == "bearer" and is_one else None


@dataclass(frozen=True, kw_only=True)
class CookieChange:
    """A cookie to set, or to clear when `value` is empty and `max_age` 0. `max_age` is in seconds, None: browser session."""

    name: str
    value: str
    max_age: int | None
    path: str = "/"


class CookieJar:
    """The cookies that came with a call, and the changes that go back. An operation writes here; `web` carries."""

    def __init__(self, headers: Iterable[str] = ()) -> None:
        self._headers = tuple(headers)
        self._came: dict[str, list[str]] | None = None
        self.changes: dict[tuple[str, str], CookieChange] = {}

    def all(self, name: str) -> list[str]:
        """Return every value that `name` came with, decoded; browsers send a name twice when somebody planted one."""
        if self._came is None:
            self._came = {}
            for header in self._headers:
                for pair in header.split(";"):
                    key, equals, value = pair.strip(" \t").partition("=")
                    if equals:
                        self._came.setdefault(key, []).append(value)
        return [_decoded(value) for value in self._came.get(name, ())]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    def names(self) -> tuple[str, ...]:
        self.all("")
        return tuple(self._came or ())

    def set(self, name: str, value: str, *, max_age: int | None, path: str = "/") -> None:
        change = CookieChange(name=name, value=quote(value, safe="-_.!~*'()"), max_age=max_age, path=path)
        self.changes.pop((name, path), None)  # the order of the answer is the order of the last word on each
        self.changes[name, path] = change

    def expire(self, name: str, *, path: str = "/") -> None:
        self.set(name, "", max_age=0, path=path)

    def fork(self) -> CookieJar:
        other = copy.copy(self)
        other.changes = dict(self.changes)
        return other


@dataclass(kw_only=True, slots=True, eq=False, repr=False)
class Call(Generic[U]):
    """One use of an operation. Operations read the clock, the database and the cookies here and nowhere else.

    `letters` and `events` go out after the answer, and only when what they speak of was committed.
    """

    auth: AuthCore[U]
    store: Store
    now: datetime
    cookies: CookieJar = field(default_factory=CookieJar)
    ip: str | None = None
    user_agent: str = ""
    connection: Connection | None = None
    route: str = ""
    callback_url: str | None = None
    """Where the client wants to be brought afterwards; links in mail carry it."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers to send with the answer."""
    letters: list[Letter] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    started: SignedIn[U] | None = None
    """The session that this call made, if it did."""
    immediate: bool = False
    """Nobody carries this call: hand letters and events on at once."""
    _identity: SignedIn[U] | None = None
    _asked: Literal["no", "told", "cache", "database"] = "no"

    async def identify(self, *, cached: bool = True, refresh: bool = True) -> SignedIn[U] | None:
        """Return who makes this call, or None. `cached=False` asks the database even when a cookie knows."""
        from . import sessions

        if self._asked == "told" and not cached:
            # Never two identities in one request: what a feature told is not enough here, and whoever else came along
            # in a cookie is not asked for.
            self._identity, self._asked = None, "database"
        elif self._asked == "no" or (self._asked == "cache" and not cached):
            self._identity, self._asked = await sessions.find(self, cached=cached, refresh=refresh)
        return self._identity

    def expose(self, name: str, value: str) -> None:
        """Send a header with the answer that scripts of another origin may read too."""
        key = "access-control-expose-headers"
        names = [each for each in self.headers.get(key, "").split(", ") if each]
        self.headers[name] = value
        self.headers[key] = ", ".join(dict.fromkeys([*names, name]))

    async def guard(self, guard: Guard) -> SignedIn[U]:
        """Return who makes this call. Raise Unauthorized or SessionNotFresh when that is not enough for `guard`."""
        from . import sessions

        # Only "session" may be told by a cookie: a revoked session must not get past the others (SEC-043).
        signed_in = await self.identify(cached=guard == "session")
        if signed_in is None:
            raise Unauthorized
        if guard == "fresh":
            sessions.require_fresh(self, signed_in.session)
        return signed_in

    @property
    def signed_in(self) -> SignedIn[U]:
        """Who makes this call, after a guard or `identify` found out. Raise Unauthorized for nobody."""
        if self._identity is None:
            raise Unauthorized
        return self._identity

    @property
    def is_somebody(self) -> bool:
        """Has it been found out that somebody is signed in?"""
        return self._identity is not None

    def become(self, signed_in: SignedIn[U] | None) -> None:
        """From here on this call is made by somebody else, or by nobody."""
        self._identity, self._asked = signed_in, "database"

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Call[U]]:
        """All of it or nothing: rows, cookies, letters. Use the call that is handed out."""
        inner = copy.copy(self)
        inner.cookies, inner.headers = self.cookies.fork(), dict(self.headers)
        inner.letters, inner.events, inner.immediate = [], [], False
        try:
            async with self.store.transaction() as inner.store:
                yield inner
        except BaseException:
            # What was refused stays on the record although nothing was written.
            self._record(event for event in inner.events if event.outcome != "success")
            for letter in inner.letters:
                if letter.even_if_refused:
                    self._post(letter)
            raise
        self.cookies.changes, self.headers = inner.cookies.changes, inner.headers
        self.started, self._identity, self._asked = inner.started, inner._identity, inner._asked
        self._record(inner.events)
        for letter in inner.letters:
            self._post(letter)

    def mail(self, kind: str, to: str, *, even_if_refused: bool = False, counted: bool = True, **context: Any) -> None:
        """Send a letter after the answer. `context` holds what its template names: url, token, minutes …"""
        counted = counted and kind != "security-notice"  # what happened to an account is always told
        letter = Letter(
            kind=kind,
            to=to,
            context={**context, "now": self.now},
            even_if_refused=even_if_refused,
            counted=counted,
        )
        self._post(letter)

    def event(self, name: str, *, outcome: str = "success", reason: str = "", **about: str | None) -> None:
        """Put an audit event on the record (SEC-200): `user_id`, `target_id`, `identifier_hmac` … but never a secret."""
        from . import sessions

        if self._identity is not None:
            about.setdefault("actor_id", self._identity.user.id)
            about.setdefault("session_ref", sessions.reference(self._identity.session))
        self._record(
            [
                Event(
                    event=name,
                    time=self.now,
                    outcome=outcome,
                    reason=reason,
                    method=self.route,
                    ip=self.ip,
                    user_agent=self.user_agent,
                    about={key: value for key, value in about.items() if value is not None},
                )
            ]
        )

    async def count(self, key: str, limit: Limit) -> None:
        """Count one try of `key`; raise TooManyRequests over `limit`."""
        limiter = self.auth.limiter
        wait = await limiter.hit(key, limit, self.now) if limiter else 0
        if wait:
            self.event("security.rate_limited", outcome="denied", reason=key.partition("|")[0])
            raise TooManyRequests(wait)

    async def may_mail(self, kind: str, to: str) -> bool:
        """Count a letter of `kind` to this address; False when it had its share for the hour (SEC-062).

        Asked before a secret is made and outside of transactions: what was mailed must not burn for a letter that
        is never sent. The letter is then not `counted` again.
        """
        limiter = self.auth.limiter
        if limiter and await limiter.hit(budget(kind, to), MAILS_TO_AN_ADDRESS, self.now):
            self.event("security.rate_limited", outcome="denied", reason=f"mail {kind}")
            return False
        return True

    async def forget_count(self, key: str) -> None:
        if self.auth.limiter:
            await self.auth.limiter.forget(key)

    def _record(self, events: Iterable[Event]) -> None:
        if self.immediate:
            for event in events:
                self.auth.emit(event)
        else:
            self.events.extend(events)

    def _post(self, letter: Letter) -> None:
        if self.immediate:
            self.auth.mail.put(letter)
        else:
            self.letters.append(letter)


def _decoded(value: str) -> str:
    # The same few cookies come again and again; long ones are not kept, for anybody may send them.
    return _decoded_short(value) if len(value) <= 256 else _decoded_any(value)


def _decoded_any(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if "%" not in value:
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        return value


_decoded_short = lru_cache(maxsize=4096)(_decoded_any)
