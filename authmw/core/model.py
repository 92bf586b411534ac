"""The rows everyone has: Better Auth's tables `user`, `session`, `account` and `verification`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from typing_extensions import TypeVar

from .schema import Private, Public, column


@dataclass(frozen=True, kw_only=True)
class User:
    """A person. An application adds fields by subclassing: `class Member(User): plan: str = "free"`."""

    table_name: ClassVar[str] = "user"

    id: str
    name: str = field(metadata=Public())
    email: str = field(metadata=column(unique=True))
    email_verified: bool = False
    image: str | None = field(default=None, metadata=column(sent=True, long=True))
    created_at: datetime
    updated_at: datetime


U = TypeVar("U", bound=User, default=User)


@dataclass(frozen=True, kw_only=True)
class Session:
    """One browser or device that is signed in.

    In the database `token` is the digest of the token (the token itself in a shared database); in memory,
    once a session is resolved or made, it is the token that its owner holds.
    """

    table_name: ClassVar[str] = "session"
    is_swept: ClassVar[bool] = True

    id: str
    expires_at: datetime = field(metadata=column(index=True))
    token: str = field(repr=False, metadata=column(unique=True))
    created_at: datetime
    updated_at: datetime
    ip_address: str | None = field(default=None, metadata=column(long=True))
    user_agent: str | None = field(default=None, metadata=column(long=True))
    user_id: str = field(metadata=column(references="user", index=True))


@dataclass(frozen=True, kw_only=True)
class Account:
    """A way to sign in: a password (`provider_id` "credential", `account_id` the user's id), or an outside identity."""

    table_name: ClassVar[str] = "account"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("provider_id", "account_id"),)

    id: str
    account_id: str = field(metadata=column(long=True))
    provider_id: str = field(metadata=column(long=True))
    user_id: str = field(metadata=column(references="user", index=True))
    access_token: str | None = field(default=None, repr=False, metadata=column(seen=False, long=True))
    refresh_token: str | None = field(default=None, repr=False, metadata=column(seen=False, long=True))
    id_token: str | None = field(default=None, repr=False, metadata=column(seen=False, long=True))
    access_token_expires_at: datetime | None = field(default=None, metadata=Private())
    refresh_token_expires_at: datetime | None = field(default=None, metadata=Private())
    scope: str | None = field(default=None, metadata=column(seen=False, long=True))
    password: str | None = field(default=None, repr=False, metadata=column(seen=False, long=True))
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Verification:
    """A secret that was handed out and may come back once: `tokens.py` reads and writes these rows."""

    table_name: ClassVar[str] = "verification"
    is_swept: ClassVar[bool] = True

    id: str
    identifier: str = field(repr=False, metadata=column(index=True))
    value: str = field(repr=False, metadata=column(long=True))
    expires_at: datetime = field(metadata=column(index=True))
    created_at: datetime
    updated_at: datetime
    subject: str | None = field(default=None, metadata=column(index=True))
    """Whose it is, so that a change of password burns what is pending. Ours; Better Auth leaves it empty."""


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """How often a key was used in its window; `last_request` is in milliseconds since the epoch."""

    table_name: ClassVar[str] = "rateLimit"

    id: str
    key: str = field(metadata=column(unique=True))
    count: int
    last_request: int = field(metadata=column(big=True))


SHARED_TABLES = (User, Session, Account, Verification, RateLimit)
