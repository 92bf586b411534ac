"""Who makes this request? The answer goes into `request.state.user` before the application runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

from starlette.exceptions import HTTPException

from ..core.auth import AuthCore
from ..core.call import Call, CookieJar, SignedIn
from ..core.errors import ConfigurationError
from ..core.model import U
from ..core.origin import is_trusted
from ..core.store import StoreError
from . import carry
from .carry import App, HeaderList, Receive, Scope, Send
from .sockets import OpenSockets

KEY = "authmw"


class SignInRequired(HTTPException):
    """401, or 303 to the sign-in screen for a browser that asked for a page."""


@dataclass(slots=True, eq=False)
class Identity(Generic[U]):
    """What the middleware knows of one connection; handlers reach it through `auth.current` and `auth.call`."""

    signed_in: SignedIn[U] | None
    call: Call[U] | None


class AuthMiddleware:
    """Pure ASGI, for http and websocket. It owns its headers and never touches a body.

    Where the database cannot be asked the answer is 503, never "nobody" (SEC-049, SEC-190). With `serve` the
    JSON API and the screens are answered here too.
    """

    def __init__(self, app: App, auth: AuthCore[U], *, serve: dict[str, App] | None = None) -> None:
        self.app = app
        self.auth = auth
        self._serve = tuple((prefix, prefix + "/", served) for prefix, served in (serve or {}).items())
        self._cookie = auth.cookie_name("session_token").encode() + b"="
        self._asks_features = bool(auth.hooked("who") or auth.hooked("session_token"))
        self._sockets = OpenSockets(auth)
        self._well_known = {
            f"/.well-known/{screen.well_known}": auth.settings.ui_path + screen.path
            for _, screen in auth.screens
            if screen.well_known
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if kind not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if self._serve:
            path = carry.path_of(scope)
            for exact, below, served in self._serve:
                if path.startswith(below) or path == exact:
                    await served({**scope, "root_path": scope.get("root_path", "") + exact}, receive, send)
                    return
        if scope["path"] in self._well_known and self.auth.screens_mounted and scope.get("method") in ("GET", "HEAD"):
            # Signed in or not: the screen itself sends people to sign in first.
            location = self._well_known[scope["path"]]
            await carry.respond(send, 303, carry.header_lines({"location": location, "cache-control": "no-store"}))
            return
        identity: Identity[Any] = Identity(None, None)
        if self._may_be_somebody(scope):
            try:
                await self.auth.start()
                call = identity.call = carry.new_call(self.auth, scope, to_application=True)
                if kind == "websocket" and not self._may_connect(scope):
                    call.cookies = CookieJar()
                identity.signed_in = await call.identify()
            except Exception as error:  # noqa: BLE001 - whatever it was, nobody gets past as nobody
                await self._refuse(scope, send, identity.call, error)
                return
        signed_in = identity.signed_in
        # A copy, should a server hand out the same one with every request.
        state = scope["state"] = dict(scope.get("state") or {})
        state["user"] = signed_in.user if signed_in else None
        state["session"] = signed_in.session if signed_in else None
        scope[KEY] = identity

        if kind == "websocket" and signed_in is not None:
            async with self._sockets.watch(signed_in.session, receive, send, self._still(scope, signed_in)) as socket:
                await self._run(scope, socket.receive, socket.send, identity)
        else:
            await self._run(scope, receive, send, identity)

    async def _run(self, scope: Scope, receive: Receive, send: Send, identity: Identity[Any]) -> None:
        """The application's turn. Cookies that were written meanwhile go out with its answer, letters after it."""
        started = False

        async def send_with_cookies(message: Any) -> None:
            nonlocal started
            started = True
            if identity.call is not None and message["type"] in ("http.response.start", "websocket.accept"):
                changes = carry.cookie_headers(identity.call)
                if changes:
                    message = {**message, "headers": _private(message.get("headers", ()), changes)}
            await send(message)

        try:
            await self.app(scope, receive, send_with_cookies)
        except SignInRequired as required:
            # A framework that knows Starlette's exceptions has answered already; here is one that does not.
            if scope["type"] != "http" or started:
                raise
            lines = carry.header_lines({"cache-control": "no-store", **(required.headers or {})})
            await carry.respond(send_with_cookies, required.status_code, lines)
        finally:
            if identity.call is not None:
                self.auth.settle(identity.call)

    def _still(self, scope: Scope, signed_in: SignedIn[Any]) -> Any:
        """What tells later whether a token that has no session token of ours is still good: it may be taken back."""
        if signed_in.session.token:
            return None
        connection = carry.new_call(self.auth, scope, to_application=True).connection

        async def still() -> bool:
            call = self.auth.new_call(connection=connection)
            try:
                return await call.identify() is not None
            finally:
                self.auth.settle(call)

        return still

    def _may_be_somebody(self, scope: Scope) -> bool:
        """Does the request bring anything to be recognized by? Most of the web does not, and pays nothing."""
        for name, value in scope["headers"]:
            if name == b"cookie":
                if self._cookie in value:
                    return True
            elif name == b"authorization" and self._asks_features:
                return True
        # Browsers cannot send headers with a WebSocket: what features know it by is in the address.
        return scope["type"] == "websocket" and self._asks_features and bool(scope.get("query_string"))

    def _may_connect(self, scope: Scope) -> bool:
        """May cookies be believed? Browsers let any page open a WebSocket to anywhere, and send them along."""
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        trusted = self.auth.settings.origins
        return origin is None or is_trusted(origin.decode("latin-1"), trusted, relative=False)

    async def _refuse(self, scope: Scope, send: Send, call: Call[Any] | None, error: Exception) -> None:
        refused = carry.refusal(error, call)
        if refused is None:
            carry.log_fault(error, "the middleware")
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})  # try again later
            return
        status = refused.status if refused else 500
        lines: HeaderList = [(b"cache-control", b"no-store"), (b"content-type", b"application/json")]
        if refused:
            lines += carry.header_lines(refused.headers)
        lines += carry.cookie_headers(call, status)  # a session that ended this moment takes its cookies along
        await carry.respond(send, status, lines, carry.error_body(refused) if refused else b"")

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open before the application starts and close after it has stopped, also for one that knows no lifespan."""
        startup: Any = await receive()
        try:
            await self.auth.start()
        except (ConfigurationError, StoreError) as mistake:
            # Said, not raised: a server takes an exception here for an application without a lifespan, and would
            # go on without ever starting it.
            await send({"type": "lifespan.startup.failed", "message": str(mistake)})
            return
        answered = False

        async def receive_startup_first() -> Any:
            nonlocal startup
            message, startup = startup, None
            return message if message is not None else await receive()

        async def send_and_stop(message: Any) -> None:
            nonlocal answered
            answered = True
            if message["type"].startswith("lifespan.shutdown"):
                await self.auth.stop()
            await send(message)

        try:
            await self.app(scope, receive_startup_first, send_and_stop)
        except Exception as reason:
            if answered:
                raise
            # Servers take this for an application without a lifespan, and so do we; but it may be one that failed.
            carry.logger.warning("the application did not answer its start-up: %r", reason)
        if not answered:
            await send({"type": "lifespan.startup.complete"})
            if startup is None or startup["type"] == "lifespan.startup":
                await receive()
            await self.auth.stop()
            await send({"type": "lifespan.shutdown.complete"})


def _private(headers: Any, cookies: HeaderList) -> HeaderList:
    """Add cookies to an application's answer, which from then on is for one person: no cache may keep it."""
    kept = [(name, value) for name, value in headers if name.lower() != b"cache-control"]
    return [*kept, *cookies, (b"cache-control", b"no-store")]
