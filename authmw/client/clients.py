"""AuthClient and AsyncAuthClient: the methods, and a connection to send them over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

import httpx2

from ..core.model import U
from .exchange import SIGN_OUT, Ask, Exchange, Mode, apart, no_cookies
from .failures import UnexpectedAnswer, Unreachable
from .methods import AsyncMethods, Methods
from .tokens import AsyncBearerAuth, AsyncTokenKeeper, BearerAuth, TokenKeeper, Tokens

TIMEOUT = 10.0
"""In seconds, for each of connecting, sending and receiving: hashing a password takes a moment, nothing takes ten."""
TOKEN_ROUTES = ("/token", "/token/pair", "/token/refresh")
OK = Ask("GET", "/ok", Any)


class AuthClient(Methods[U]):
    """A client of one person, of authmw or Better Auth at `base_url`. The API is at `/api/auth` unless the URL has a path.

    `mode="cookie"` keeps the session in cookies of its own, `mode="bearer"` in `bearer_token`; `on_token` is told when
    that changes, `on_tokens` when the pair of access and refresh token does. `user_type` is the application's own
    subclass of User. `origin` is the site the server knows itself as, where `base_url` is an inner address.

    Threads may share a client: they are then the same person. Use it in `with`, or `close()` it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user_type: type[U] | None = None,
        mode: Mode = "cookie",
        token: str | None = None,
        on_token: Callable[[str | None], None] | None = None,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens | None], None] | None = None,
        origin: str | None = None,
        timeout: float | httpx2.Timeout | None = TIMEOUT,
        transport: httpx2.BaseTransport | None = None,
        http: httpx2.Client | None = None,
    ) -> None:
        super().__init__(self._perform)
        self._exchange: Exchange[U] = Exchange(base_url, user_type=user_type, mode=mode, token=token, origin=origin)
        self._on_token = on_token
        self._keeper = TokenKeeper(self._raw, tokens, on_tokens)
        self._owns_http = http is None
        self._http = http or httpx2.Client(transport=transport, timeout=timeout, cookies=no_cookies())

    @property
    def cookies(self) -> httpx2.Cookies:
        """What is kept in cookie mode: whoever has these is signed in."""
        return self._exchange.cookies

    @property
    def bearer_token(self) -> str | None:
        """The session token of bearer mode: whoever has it is signed in."""
        return self._exchange.bearer_token

    @property
    def tokens(self) -> Tokens | None:
        """The access token and what renews it, once `token()` or `token.pair()` was asked for."""
        return self._keeper.held

    def bearer_auth(self) -> BearerAuth:
        """Sign in to an API of your own: `httpx2.Client(auth=client.bearer_auth())`.

        Requests carry the access token, fetched at the first and renewed shortly before it ends or after a 401, once
        however many are under way; in bearer mode the session token, until there is another in `tokens`. Raise
        RefreshRefused when the person has to sign in again.
        """
        return BearerAuth(self._keeper, lambda: self._exchange.bearer_token)

    def fetch(
        self, path: str, body: Mapping[str, object] | None = None, *, method: Literal["GET", "POST"] | None = None
    ) -> Any:
        """Ask a route that has no method here, and return its JSON as it is. With a `body` it is a POST; in a GET
        the body is the query."""
        return self._raw(Ask(method or ("GET" if body is None else "POST"), path, Any), body or {})

    def ok(self) -> bool:
        """Does the server answer?"""
        return bool(self._raw(OK, {}).get("ok"))

    def close(self) -> None:
        """Give up the connections. An `http` that was handed in stays open."""
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._exchange.api!r}, mode={self._exchange.mode!r})"

    def _perform(self, ask: Ask, given: Mapping[str, object]) -> Any:
        sign_outs = self._keeper.sign_outs
        answer, decoded = self._roundtrip(ask, given)
        if ask.path == SIGN_OUT:
            self._keeper.forget()
        elif ask.path in TOKEN_ROUTES:
            self._keeper.learn(decoded, sign_outs)
        return answer

    def _raw(self, ask: Ask, given: Mapping[str, object]) -> Any:
        return self._roundtrip(ask, given)[0]

    def _roundtrip(self, ask: Ask, given: Mapping[str, object]) -> tuple[Any, Any]:
        http = self._http if self._owns_http else apart(self._http)
        request = self._exchange.request(http, ask, given)
        auth = None if self._exchange.mode == "bearer" else httpx2.USE_CLIENT_DEFAULT
        try:
            response = http.send(request, auth=auth, follow_redirects=False)
        except httpx2.TransportError as error:
            raise Unreachable(unreachable(error)) from error
        except httpx2.RequestError as error:
            raise UnexpectedAnswer("The server's answer could not be read") from error
        change = self._exchange.new_token(ask, response)
        if change is not None:
            (self._exchange.bearer_token,) = change
            if self._on_token is not None:
                self._on_token(*change)
        return self._exchange.read(ask, response)


class AsyncAuthClient(AsyncMethods[U]):
    """`AuthClient` for asyncio and trio: the same names, to be awaited. `on_token` and `on_tokens` may be coroutines.

    Tasks of one event loop may share a client: they are then the same person. Use it in `async with`, or
    await `close()`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user_type: type[U] | None = None,
        mode: Mode = "cookie",
        token: str | None = None,
        on_token: Callable[[str | None], Awaitable[None] | None] | None = None,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens | None], Awaitable[None] | None] | None = None,
        origin: str | None = None,
        timeout: float | httpx2.Timeout | None = TIMEOUT,
        transport: httpx2.AsyncBaseTransport | None = None,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__(self._perform)
        self._exchange: Exchange[U] = Exchange(base_url, user_type=user_type, mode=mode, token=token, origin=origin)
        self._on_token = on_token
        self._keeper = AsyncTokenKeeper(self._raw, tokens, on_tokens)
        self._owns_http = http is None
        self._http = http or httpx2.AsyncClient(transport=transport, timeout=timeout, cookies=no_cookies())

    @property
    def cookies(self) -> httpx2.Cookies:
        """What is kept in cookie mode: whoever has these is signed in."""
        return self._exchange.cookies

    @property
    def bearer_token(self) -> str | None:
        """The session token of bearer mode: whoever has it is signed in."""
        return self._exchange.bearer_token

    @property
    def tokens(self) -> Tokens | None:
        """The access token and what renews it, once `token()` or `token.pair()` was asked for."""
        return self._keeper.held

    def bearer_auth(self) -> AsyncBearerAuth:
        """Sign in to an API of your own: `httpx2.AsyncClient(auth=client.bearer_auth())`; see `AuthClient.bearer_auth`."""
        return AsyncBearerAuth(self._keeper, lambda: self._exchange.bearer_token)

    async def fetch(
        self, path: str, body: Mapping[str, object] | None = None, *, method: Literal["GET", "POST"] | None = None
    ) -> Any:
        """Ask a route that has no method here, and return its JSON as it is. With a `body` it is a POST; in a GET
        the body is the query."""
        return await self._raw(Ask(method or ("GET" if body is None else "POST"), path, Any), body or {})

    async def ok(self) -> bool:
        """Does the server answer?"""
        return bool((await self._raw(OK, {})).get("ok"))

    async def close(self) -> None:
        """Give up the connections. An `http` that was handed in stays open."""
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._exchange.api!r}, mode={self._exchange.mode!r})"

    async def _perform(self, ask: Ask, given: Mapping[str, object]) -> Any:
        sign_outs = self._keeper.sign_outs
        answer, decoded = await self._roundtrip(ask, given)
        if ask.path == SIGN_OUT:
            await self._keeper.forget()
        elif ask.path in TOKEN_ROUTES:
            await self._keeper.learn(decoded, sign_outs)
        return answer

    async def _raw(self, ask: Ask, given: Mapping[str, object]) -> Any:
        return (await self._roundtrip(ask, given))[0]

    async def _roundtrip(self, ask: Ask, given: Mapping[str, object]) -> tuple[Any, Any]:
        http = self._http if self._owns_http else apart(self._http)
        request = self._exchange.request(http, ask, given)
        auth = None if self._exchange.mode == "bearer" else httpx2.USE_CLIENT_DEFAULT
        try:
            response = await http.send(request, auth=auth, follow_redirects=False)
        except httpx2.TransportError as error:
            raise Unreachable(unreachable(error)) from error
        except httpx2.RequestError as error:
            raise UnexpectedAnswer("The server's answer could not be read") from error
        change = self._exchange.new_token(ask, response)
        if change is not None:
            (self._exchange.bearer_token,) = change
            waits = self._on_token(*change) if self._on_token is not None else None
            if waits is not None:
                await waits
        return self._exchange.read(ask, response)


def unreachable(error: httpx2.TransportError) -> str:
    late = isinstance(error, httpx2.TimeoutException)
    return "The server did not answer in time" if late else "The server could not be reached"
