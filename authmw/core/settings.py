"""What an application chooses once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from .client_ip import networks
from .errors import ConfigurationError
from .origin import origin_of
from .secrets import Secrets, random_text

DEFAULT_DATABASE = "sqlite:///authmw.db"
DEFAULT_BASE_URL = "http://localhost:8000"

LONGEST: Mapping[str, timedelta] = {
    "session_lifetime": timedelta(days=30),
    "session_refresh_after": timedelta(days=30),
    "session_absolute_lifetime": timedelta(days=30),
    "session_not_remembered": timedelta(days=1),
    "fresh_for": timedelta(days=1),
    "screens_fresh_for": timedelta(days=1),
    "cookie_cache": timedelta(minutes=5),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every choice that concerns the whole; what is not given is read from the environment, else a safe default.

    Raise ConfigurationError naming the line to write when a choice cannot be right.
    """

    secret: str | None = field(default=None, repr=False)
    """At least 32 random bytes as text (`authmw secret` prints one), or AUTHMW_SECRET, BETTER_AUTH_SECRET."""
    secrets: Sequence[str] = field(default=(), repr=False)
    """For rotation: newest first; the first signs, all are accepted. Or BETTER_AUTH_SECRETS="2:new,1:old"."""
    base_url: str = ""
    """Where people reach the application, `https://app.example.com`; links in mail start with it."""
    database: Any = field(default=None, repr=False)
    """A URL, `sqlite:///app.db`, `postgresql://…`, `mysql://…`, or an existing `databases.Database` or asyncpg pool."""
    app_name: str = "authmw"
    """What people read on screens and in mail."""

    api_path: str = "/api/auth"
    ui_path: str = "/auth"
    confirm_links: bool = True
    """Links in mail open a screen with a button where the screens are mounted; False: the API's own links."""
    after_sign_in: str = "/"
    after_sign_out: str = "/"

    trusted_origins: Sequence[str] = ()
    """Further sites that may send requests and be redirected to: `https://www.example.com`, `https://*.example.com`."""
    trusted_proxies: Sequence[str] = ()
    """Addresses or networks whose `X-Forwarded-For` is believed: `10.0.0.0/8`."""
    insecure_hosts: Sequence[str] = ()
    """Host names for which plain http is accepted outside loopback."""
    disabled_paths: Sequence[str] = ()
    """Routes of the JSON API to switch off: `/sign-up/email`."""

    cookie_prefix: str = "better-auth"
    secure_cookies: bool | None = None
    cookie_cache: timedelta | None = None
    """Keep who is signed in for so long in a signed cookie, read instead of the database; revocation waits as long."""

    session_lifetime: timedelta = timedelta(days=7)
    session_refresh_after: timedelta = timedelta(days=1)
    session_absolute_lifetime: timedelta = timedelta(days=30)
    session_not_remembered: timedelta = timedelta(days=1)
    fresh_for: timedelta = timedelta(days=1)
    """How long after signing in the sensitive operations may be used; zero: always."""
    screens_fresh_for: timedelta = timedelta(minutes=10)
    """The same for the screens on which a way to sign in is changed; never longer than `fresh_for`."""

    password_length: tuple[int, int] = (8, 128)
    """The shortest and the longest password, in UTF-16 units: at least 8, and 64 to 1024."""

    rate_limit: bool | None = None
    rate_limit_store: Literal["memory", "database"] = "memory"
    shared_database: bool = False
    """The database is used by a Better Auth server at the same time: store its own formats."""
    database_pool: tuple[int, int] = (1, 10)
    database_timeout: float = 2.0
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def __post_init__(self) -> None:
        self._fill("base_url", self._read("AUTHMW_BASE_URL", "BETTER_AUTH_URL") or DEFAULT_BASE_URL)
        self._fill("database", self._read("AUTHMW_DATABASE_URL") or DEFAULT_DATABASE)
        self._fill("secret", self._read("AUTHMW_SECRET", "BETTER_AUTH_SECRET"))
        if self.rate_limit is None:
            object.__setattr__(self, "rate_limit", self._read("AUTHMW_RATE_LIMIT") != "off")
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))
        self._check()

    @property
    def origin(self) -> str:
        return origin_of(self.base_url) or self.base_url

    @property
    def is_loopback(self) -> bool:
        """Is this somebody's own machine, where a console mailer and a made-up secret are fine?"""
        host = urlsplit(self.base_url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def secure(self) -> bool:
        """Do cookies carry `Secure` and the name prefix that goes with it?"""
        return self.base_url.startswith("https://") if self.secure_cookies is None else self.secure_cookies

    @property
    def screens_window(self) -> timedelta:
        """How long after signing in people may change how they sign in, on the screens; zero: always."""
        return min(self.fresh_for, self.screens_fresh_for)

    @property
    def origins(self) -> tuple[str, ...]:
        return (self.origin, *self.trusted_origins)

    def load_secrets(self) -> Secrets:
        """Return the root secrets; on loopback, without any, make one and keep it beside the database file."""
        if self.secrets:
            return Secrets(self.secrets)
        versioned = self._read("BETTER_AUTH_SECRETS")
        if versioned:
            pairs = [entry.strip().partition(":") for entry in versioned.split(",")]
            if not all(version.isascii() and version.isdigit() and value for version, _, value in pairs):
                raise ConfigurationError('BETTER_AUTH_SECRETS reads "2:newest,1:older": a number, a colon, the secret.')
            numbered = {int(version): value for version, _, value in pairs}
            if len(numbered) != len(pairs):
                raise ConfigurationError("BETTER_AUTH_SECRETS names a number twice: give every secret its own.")
            # The single secret beside it is the one from before rotation began (wire 2.8).
            before: dict[int | None, str] = {None: self.secret} if self.secret else {}
            return Secrets([*numbered.values(), *before.values()], versions=[*numbered, *before])
        if self.secret:
            return Secrets([self.secret])
        if self.is_loopback:
            return Secrets([self._kept_secret()])
        raise ConfigurationError(
            "authmw has no secret. Put this line into the environment and keep it:\n\n"
            f"    AUTHMW_SECRET={random_text(43)}\n"
        )

    def _kept_secret(self) -> str:
        url = self.database if isinstance(self.database, str) else ""
        file = url.removeprefix("sqlite:///").partition("?")[0] if url.startswith("sqlite:///") else "authmw.db"
        path = Path(f"{file}.secret" if file != ":memory:" else "authmw.db.secret")
        if not path.exists():
            # Written whole beside it and then named: another process never reads half a secret.
            draft = path.with_name(f"{path.name}.{random_text(8)}")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as kept:
                kept.write(random_text(43))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        return path.read_text().strip()

    def _read(self, *names: str) -> str | None:
        return next((value for name in names if (value := self.environment.get(name))), None)

    def _fill(self, name: str, value: Any) -> None:
        if not getattr(self, name):
            object.__setattr__(self, name, value)

    def _check(self) -> None:
        parts = urlsplit(self.base_url)
        if origin_of(self.base_url) is None or parts.path or parts.query or parts.fragment:
            raise ConfigurationError(
                f'Settings(base_url={self.base_url!r}) is no address of a site: write base_url="https://app.example.com".'
            )
        if parts.scheme == "http" and not self.is_loopback and parts.hostname not in self.insecure_hosts:
            raise ConfigurationError(
                f"{self.base_url} would send passwords and cookies in the clear: use https, or, if you must, "
                f'Settings(insecure_hosts=["{parts.hostname}"]).'
            )
        for name in ("api_path", "ui_path"):
            path = getattr(self, name)
            if not path.startswith("/") or path.endswith("/") or "//" in path:
                raise ConfigurationError(
                    f'Settings({name}={path!r}) must start with a slash and not end with one: "/auth".'
                )
        for entry in self.trusted_origins:
            if "://" not in entry and "*" not in entry:
                raise ConfigurationError(f'trusted_origins: {entry!r} is no origin; write "https://{entry}".')
            if "*" in entry or "?" in entry:
                host = entry.partition("://")[2] or entry
                fixed = host.partition("*.")[2] if host.startswith("*.") else ""
                if "://" not in entry or fixed.count(".") < 1 or "*" in fixed or "?" in fixed:
                    raise ConfigurationError(
                        f'trusted_origins: {entry!r} trusts strangers; write "https://*.example.com", with a domain of yours.'
                    )
            if entry.startswith(("http://", "https://")) and "*" not in entry and origin_of(entry) != entry:
                raise ConfigurationError(f"trusted_origins: {entry!r} is no origin; write {origin_of(entry)!r}.")
        if self.secure_cookies is False and parts.scheme == "https":
            raise ConfigurationError("secure_cookies=False on https sends sessions in the clear: leave it out.")
        for name, longest in LONGEST.items():
            chosen = getattr(self, name)
            if chosen is not None and not timedelta(0) <= chosen <= longest:
                raise ConfigurationError(f"Settings({name}={chosen!r}) must lie between zero and {longest!r}.")
        try:
            networks(tuple(self.trusted_proxies))
        except ValueError as reason:
            raise ConfigurationError(f"trusted_proxies: {reason}; write addresses or networks: 10.0.0.0/8.") from None
