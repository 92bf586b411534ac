"""AuthCore[U]: settings, store and features put together, and checked at start-up."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, TypeVar, cast
from urllib.parse import urlencode

from . import accounts, events
from .call import Call
from .errors import ConfigurationError
from .events import Event
from .feature import Feature, Screen, overrides
from .mail import Letter, Mailer, MailQueue, Message
from .model import SHARED_TABLES, U, User
from .operation import Operation
from .passwords import Hashing, Passwords
from .rate_limit import Limiter
from .schema import Column, Row, table_of
from .settings import Settings
from .store import AtMost, Database, OneOf, StoreError, Unavailable

F = TypeVar("F", bound=Feature)

SWEEP_BATCH = 200
SWEEP_EVERY = 3600.0  # seconds


def utc_now() -> datetime:
    """Now, in UTC, to the millisecond that every database keeps."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class AuthCore(Generic[U]):
    """Everything of authmw that knows neither HTTP nor SQL. Raise ConfigurationError for what cannot work."""

    def __init__(
        self,
        settings: Settings,
        *,
        features: Sequence[Feature],
        user_type: type[U],
        database: Database,
        mailer: Mailer,
        write: Callable[[Letter], Message],
        describe: Callable[[AuthCore[Any]], Mapping[str, Any]],
        limiter: Limiter | None,
        hashing: Hashing | None = None,
        clock: Callable[[], datetime] = utc_now,
        passwords: Passwords | None = None,
    ) -> None:
        self.settings = settings
        self.features = tuple(features)
        for feature in self.features:  # before anything is asked of them
            if not isinstance(feature, Feature):
                raise ConfigurationError(
                    f"features=[…] holds {feature!r}: write {getattr(feature, '__name__', 'Feature')}()."
                )
        self.user_type = user_type
        self.secrets = settings.load_secrets()
        shortest, longest = settings.password_length
        self.passwords = passwords or Passwords(
            hashing, shortest=shortest, longest=longest, better_auth=settings.shared_database
        )
        self.database = database
        self.limiter = limiter
        self.clock = clock
        self._describe = describe
        self.mail = MailQueue(mailer, write, lambda: self.limiter, clock)
        self.listeners: list[Callable[[Event], None]] = [events.log]
        self._prefix = ("__Secure-" if settings.secure else "") + settings.cookie_prefix + "."
        self._cookie_names: dict[str, str] = {}
        self._hooked: dict[str, tuple[Feature, ...]] = {}
        self.screens_mounted = False
        self._sweeper: asyncio.Task[None] | None = None
        self._started: asyncio.AbstractEventLoop | None = None
        self._starting: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self.own_columns: tuple[Column, ...] = tuple(
            column for column in self._user_columns() if column.attribute not in accounts.OWN_COLUMNS
        )
        self.operations: tuple[Operation, ...] = tuple(
            operation for feature in self.features for operation in feature.operations() if operation.route.in_api
        )
        self.screens: tuple[tuple[Feature, Screen], ...] = tuple(
            (feature, screen) for feature in self.features for screen in feature.screens
        )
        self._check_features()

    def __getitem__(self, kind: type[F]) -> F:
        """The feature of this class: `auth[Password]`. Raise KeyError when it is not switched on."""
        for feature in self.features:
            if isinstance(feature, kind):
                return feature
        raise KeyError(f"{kind.__name__} is not among the features: write Auth(features=[…, {kind.__name__}()])")

    def __contains__(self, kind: type[Feature]) -> bool:
        return any(isinstance(feature, kind) for feature in self.features)

    @property
    def tables(self) -> tuple[type[Row], ...]:
        own = tuple(table for feature in self.features for table in feature.tables)
        return (self.user_type, *SHARED_TABLES[1:], *own)

    @property
    def keeps_several(self) -> bool:
        """May several people be signed in in one browser?"""
        return any(feature.keeps_several for feature in self.features)

    @property
    def hides_accounts(self) -> bool:
        """Does signing up answer alike for new and taken addresses?"""
        return any(feature.hides_accounts for feature in self.features)

    def hooked(self, hook: str) -> tuple[Feature, ...]:
        """The features that do something at `hook`, in the application's order."""
        found = self._hooked.get(hook)
        if found is None:
            found = self._hooked[hook] = tuple(feature for feature in self.features if overrides(feature, hook))
        return found

    @cached_property
    def openapi(self) -> Mapping[str, Any]:
        """The OpenAPI 3.1 document of every operation that the API serves, written when it is first asked for."""
        return self._describe(self)

    def cookie_name(self, base: str) -> str:
        """`session_token` → `__Secure-better-auth.session_token` (wire 2.2)."""
        name = self._cookie_names.get(base)
        if name is None:
            name = self._cookie_names[base] = self._prefix + base
        return name

    def link(self, *, screen: str | None, api: str, in_api: Mapping[str, str], in_screen: Mapping[str, str]) -> str:
        """Return the address that goes into a letter: a screen with a button where the screens are mounted and
        `screen` names one, else the API's own route. Only `base_url` decides the host (SEC-085)."""
        settings = self.settings
        if screen is not None and self.screens_mounted and settings.confirm_links:
            return f"{settings.base_url}{settings.ui_path}{screen}?{urlencode(in_screen)}"
        return f"{settings.base_url}{settings.api_path}{api}?{urlencode(in_api)}"

    def new_call(self, **known: Any) -> Call[U]:
        return Call(auth=self, store=self.database, now=self.clock(), **known)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have `listener` called with every audit event, after commit. What it raises is logged, never answered."""
        self.listeners.append(listener)

    def emit(self, event: Event) -> None:
        for listener in self.listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - an application's listener never breaks an answer
                events.logger.exception("an audit listener failed on %s", event.event)

    def settle(self, call: Call[U]) -> None:
        """The answer is out: put events on the record and letters into the queue."""
        for event in call.events:
            self.emit(event)
        for letter in call.letters:
            self.mail.put(letter)
        call.events, call.letters = [], []

    async def start(self) -> None:
        """Open the database, once an event loop. Raise ConfigurationError when its tables are not as they must be."""
        loop = asyncio.get_running_loop()
        if self._started is loop:
            return
        if self._starting is None or self._starting[0] is not loop:
            self._starting = (loop, asyncio.Lock())
        async with self._starting[1]:
            if self._started is not loop:
                await self.database.open(self.tables)
                self._started = loop
                self._sweeper = loop.create_task(self._sweep_now_and_then())

    @property
    def is_started(self) -> bool:
        return self._started is not None

    async def sweep(self) -> int:
        """Delete sessions, one-time secrets and whatever else is past its time, in small batches. Return how many."""
        swept = 0
        for table in self.tables:
            if not getattr(table, "is_swept", False):
                continue
            while rows := await self.database.find_all(table, expires_at=AtMost(self.clock()), limit=SWEEP_BATCH):
                swept += await self.database.delete(table, id=OneOf([row.id for row in rows]))
                await asyncio.sleep(0)
        return swept

    async def _sweep_now_and_then(self) -> None:
        while True:
            # Not at once: many processes that start together would all do the same work.
            await asyncio.sleep(SWEEP_EVERY * (0.5 + secrets.randbelow(1000) / 1000))
            try:
                await self.sweep()
            except StoreError:
                events.logger.warning("expired rows could not be swept; trying again later")

    async def stop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for feature in self.hooked("stop"):
            await feature.stop()
        await self.mail.close()
        self.passwords.close()
        await self.database.close()
        self._started = None

    def _user_columns(self) -> tuple[Column, ...]:
        try:
            return table_of(self.user_type).columns
        except TypeError as reason:
            raise ConfigurationError(f"{self.user_type.__name__}.{reason}") from None

    def _check_features(self) -> None:
        paths = {operation.route.path for operation in self.operations} | {"/ok", "/error"}
        for path in self.settings.disabled_paths:
            if path not in paths:
                raise ConfigurationError(
                    f"disabled_paths names {path!r}, which is no route. There are: {', '.join(sorted(paths))}."
                )
        hidden = [column.attribute for column in self.own_columns if not column.rules.seen]
        if hidden and self.settings.cookie_cache:
            # A cookie holds what its owner may see; the rest would come out of it with its default, not its value.
            raise ConfigurationError(
                f"cookie_cache cannot carry {self.user_type.__name__}.{hidden[0]}, which is Private(): leave cookie_cache out."
            )
        seen: dict[tuple[str, str], str] = {}
        for feature in self.features:
            mixin = feature.user_fields
            if mixin is not None and not issubclass(self.user_type, mixin):
                kind = type(feature).__name__
                bases = ", ".join(base.__name__ for base in (self.user_type, mixin))
                raise ConfigurationError(
                    f"{kind} needs its fields on the user. Write:\n\n    class Member({bases}): ...\n    Auth(…, user_type=Member)"
                )
            for operation in feature.operations():
                if not operation.route.in_api:
                    continue
                key = (operation.route.method, operation.route.path)
                if key in seen:
                    raise ConfigurationError(
                        f"{type(feature).__name__} and {seen[key]} both serve {' '.join(key)}: leave one out."
                    )
                seen[key] = type(feature).__name__
        if not issubclass(self.user_type, User):
            raise ConfigurationError(f"user_type={self.user_type.__name__} must be a subclass of authmw.User.")
        for name in accounts.may_be_left_out(self.user_type):
            raise ConfigurationError(
                f"{self.user_type.__name__}.{name} has no default and no client may send it: give it a default, or "
                f"mark it field(metadata=Public())."
            )


class LazyDatabase:
    """A database that is made when it is first opened, so that importing an application costs no driver."""

    def __init__(self, make: Callable[[], Database]) -> None:
        self._make = make
        self._made: Database | None = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            if name != "open":
                raise Unavailable("the database is not open: await auth.start() first")
            self._made = self._make()
            # From here on the verbs are the database's own, without a step in between.
            for verb in (
                "insert",
                "find",
                "find_all",
                "find_joined",
                "count",
                "update",
                "take",
                "delete",
                "transaction",
            ):
                setattr(self, verb, getattr(self._made, verb))
        return getattr(self._made, name)


def lazily(make: Callable[[], Database]) -> Database:
    return cast(Database, LazyDatabase(make))
