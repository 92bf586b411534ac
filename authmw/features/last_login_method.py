"""How this browser signed in last, for a sign-in page that says so (wire-passwordless 6)."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from ..core.call import Call, SignedIn
from ..core.errors import ConfigurationError
from ..core.feature import Feature
from ..core.model import U, User

COOKIE = "better-auth.last_used_login_method"
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+", re.ASCII)  # the name of a cookie, RFC 6265 section 4.1.1

logger = logging.getLogger("authmw.last_login_method")

Resolve = Callable[[Call[Any], str], str | None]
MayStore = Callable[[Call[Any], str], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class WithLastLoginMethod(User):
    """The field in which the user's row keeps it too: `class Member(WithLastLoginMethod): …`."""

    last_login_method: str | None = None


# Rules


def method_of(route: str) -> str | None:
    """Name the method by its route, as the wire does; what the wire does not track is None."""
    if route in ("/sign-in/email", "/sign-up/email"):
        return "email"
    if "siwe" in route:
        return "siwe"
    if "/passkey/verify-authentication" in route:
        return "passkey"
    return "magic-link" if route.startswith("/magic-link/verify") else None


# The feature


class LastLoginMethod(Feature):
    """Set a cookie that scripts can read. Where the user type has WithLastLoginMethod, the user's row says it as well.

    `resolve` may name the method of a route, before the wire's own rule; `may_store_cookie` may say no, in countries
    whose law asks people first.
    """

    def __init__(
        self,
        *,
        cookie_name: str = COOKIE,
        max_age: timedelta = timedelta(days=30),
        resolve: Resolve | None = None,
        may_store_cookie: MayStore | None = None,
    ) -> None:
        if not TOKEN.fullmatch(cookie_name):
            raise ConfigurationError(f"LastLoginMethod(cookie_name={cookie_name!r}) is no name of a cookie.")
        self.cookie_name = cookie_name
        self.max_age = int(max_age.total_seconds())
        self.resolve = resolve
        self.may_store_cookie = may_store_cookie

    async def after(self, call: Call[U], route: str) -> None:
        method = self._method(call, route)
        if method is None or (call.auth.cookie_name("session_token"), "/") not in call.cookies.changes:
            return
        if self.may_store_cookie is not None and not await self._may_store(self.may_store_cookie, call, method):
            return
        # A header, as cookies of `call.cookies` are hidden from scripts, for whom this one is. It says nothing secret.
        value = quote(method, safe="-_.!~*'()")
        secure = "; Secure" if call.auth.settings.secure else ""
        call.headers["Set-Cookie"] = f"{self.cookie_name}={value}; Max-Age={self.max_age}; Path=/{secure}; SameSite=Lax"

    async def user_created(self, call: Call[U], user: U) -> None:
        await self._keep(call, user)

    async def signed_in(self, call: Call[U], signed_in: SignedIn[U]) -> None:
        await self._keep(call, signed_in.user)

    async def _keep(self, call: Call[U], user: U) -> None:
        if issubclass(call.auth.user_type, WithLastLoginMethod) and (method := self._method(call, call.route)):
            await call.store.update(call.auth.user_type, {"id": user.id}, last_login_method=method)

    def _method(self, call: Call[U], route: str) -> str | None:
        named = self.resolve(call, route) if self.resolve is not None else None
        return named or method_of(route)

    @staticmethod
    async def _may_store(ask: MayStore, call: Call[Any], method: str) -> bool:
        try:
            return await ask(call, method)
        except Exception:  # who cannot be asked has not agreed, and is signed in all the same
            logger.exception("may_store_cookie failed")
            return False
