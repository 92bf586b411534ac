"""What the methods answer; `make client` writes this file, do not change it by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic

from ..core.model import Session, U, User
from .values import RedirectTo, TwoFactorRequired

__all__ = [
    "AnonymousDeleted",
    "AnonymousSignIn",
    "Carried",
    "CodeSent",
    "Confirmed",
    "CurrentSession",
    "Deletion",
    "DeviceSession",
    "Done",
    "Family",
    "Issued",
    "KeySet",
    "ListedAccount",
    "PasswordChanged",
    "RedirectTo",
    "ResetRequested",
    "Session",
    "SignInAnswer",
    "SignedInByLink",
    "SignedInByOtp",
    "SignedOut",
    "SignedUp",
    "Succeeded",
    "Ticket",
    "Token",
    "TokenPair",
    "TwoFactorRequired",
    "User",
    "Verified",
    "VerifiedByOtp",
]


@dataclass(frozen=True, kw_only=True)
class AnonymousDeleted:
    success: bool = True


@dataclass(frozen=True, kw_only=True)
class AnonymousSignIn(Generic[U]):
    token: str = field(repr=False)
    user: U


@dataclass(frozen=True, kw_only=True)
class Carried(Generic[U]):
    session: Session
    user: U


@dataclass(frozen=True, kw_only=True)
class CodeSent:
    status: bool = True


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """`token` is that of the fresh session, which has taken the place of the one before."""

    status: bool = True
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CurrentSession(Generic[U]):
    """Who is signed in. Features may have more to tell beside it."""

    session: Session
    user: U


@dataclass(frozen=True, kw_only=True)
class Deletion:
    success: bool = True
    message: str = "User deleted"


@dataclass(frozen=True, kw_only=True)
class DeviceSession(Generic[U]):
    session: Session
    user: U


@dataclass(frozen=True, kw_only=True)
class Done:
    """The answer of an operation that has nothing to tell."""

    status: bool = True


@dataclass(frozen=True, kw_only=True)
class Family:
    """A client that holds tokens: since when, last seen when, until when. `id` revokes it and opens nothing."""

    id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class Issued:
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class KeySet:
    """RFC 7517 section 5."""

    keys: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class ListedAccount:
    """A way to sign in as its owner sees it; `account_id` is what the provider calls the person."""

    id: str
    provider_id: str
    account_id: str
    user_id: str
    created_at: datetime
    updated_at: datetime
    scopes: list[str]


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(Generic[U]):
    token: str | None = field(repr=False)
    user: U


@dataclass(frozen=True, kw_only=True)
class ResetRequested:
    status: bool = True
    message: str = "If this email exists in our system, check your email for the reset link"


@dataclass(frozen=True, kw_only=True)
class SignInAnswer(Generic[U]):
    redirect: bool
    token: str = field(repr=False)
    url: str | None = None
    user: U


@dataclass(frozen=True, kw_only=True)
class SignedInByLink(Generic[U]):
    token: str = field(repr=False)
    user: U
    session: Session


@dataclass(frozen=True, kw_only=True)
class SignedInByOtp(Generic[U]):
    token: str = field(repr=False)
    user: U


@dataclass(frozen=True, kw_only=True)
class SignedOut:
    success: bool = True


@dataclass(frozen=True, kw_only=True)
class SignedUp(Generic[U]):
    """`token` is None when nobody was signed in: the address must be confirmed first."""

    token: str | None = field(repr=False)
    user: U


@dataclass(frozen=True, kw_only=True)
class Succeeded:
    success: bool = True


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """`ticket` opens one WebSocket, as `?ticket=…`, within `expires_in` seconds."""

    ticket: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, kw_only=True)
class Token:
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class TokenPair:
    """Times are in seconds from now."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int
    token_type: str = "Bearer"


@dataclass(frozen=True, kw_only=True)
class Verified(Generic[U]):
    status: bool = True
    user: U | None = None


@dataclass(frozen=True, kw_only=True)
class VerifiedByOtp(Generic[U]):
    """`token` is None when nobody was signed in by it."""

    status: bool = True
    token: str | None = field(repr=False)
    user: U
