"""From an application's handler back to what the middleware found out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from ..core.auth import AuthCore
from ..core.call import Call
from ..core.errors import ConfigurationError
from ..core.model import U
from . import carry
from .middleware import KEY, Identity, SignInRequired


def scope_of(connection: Any) -> Any:
    """The ASGI scope of a request, a websocket, or itself."""
    scope = getattr(connection, "scope", connection)
    if not hasattr(scope, "get"):
        raise TypeError(f"{connection!r} is neither a request nor an ASGI scope")
    return scope


def identity_of(connection: Any) -> Identity[Any]:
    """What the middleware found out. Raise ConfigurationError where it did not run: never "nobody" (SEC-049)."""
    identity: Identity[Any] | None = scope_of(connection).get(KEY)
    if identity is None:
        raise ConfigurationError(
            "authmw's middleware did not see this request. Write: app = auth.wrap(app), or "
            "middleware=[Middleware(AuthMiddleware, auth=auth)]."
        )
    return identity


def call_of(auth: AuthCore[U], connection: Any) -> Call[U]:
    """The call that a request is; cookies written to it go out with the application's answer."""
    identity = identity_of(connection)
    if identity.call is None:
        identity.call = carry.new_call(auth, scope_of(connection), to_application=True)
    return identity.call


def sign_in_required(auth: AuthCore[Any], connection: Any) -> SignInRequired:
    scope = scope_of(connection)
    headers = carry.headers_of(scope)
    wants_page = "text/html" in headers.get("accept", "") and scope.get("method") in ("GET", "HEAD")
    if not (wants_page and auth.screens_mounted):
        return SignInRequired(401, "Unauthorized")
    query = scope.get("query_string", b"").decode("latin-1")
    here = scope["path"] + (f"?{query}" if query else "")
    target = f"{auth.settings.ui_path}/sign-in?{urlencode({'next': here})}"
    return SignInRequired(303, headers={"location": target, "cache-control": "no-store"})
