"""Access tokens: a pair that is kept, renewed in time, and carried to an application's own API."""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx2

from .exchange import Ask
from .failures import AuthClientError, RefreshRefused

RENEW_BEFORE = timedelta(seconds=30)
"""Clocks differ, and a request takes its time on the way."""
GET_TOKEN = Ask("GET", "/token", Any)
REFRESH = Ask("POST", "/token/refresh", Any)


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """An access token, and the refresh token that renews it. An application that keeps them keeps secrets.

    Without a refresh token the session of the client renews it; without `expires_at` only a 401 does.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None

    @classmethod
    def from_answer(cls, answer: object, now: datetime, held: Tokens | None = None) -> Tokens | None:
        """Read `{accessToken | token, refreshToken?, expiresIn?, refreshExpiresIn?}`; None for anything else.

        An access token alone does not take the refresh token of `held` away.
        """
        if not isinstance(answer, dict):
            return None
        access = answer.get("accessToken") or answer.get("token")
        if not isinstance(access, str):
            return None
        refresh = answer.get("refreshToken")
        is_pair = isinstance(refresh, str)
        return cls(
            access_token=access,
            refresh_token=refresh if is_pair else held.refresh_token if held else None,
            expires_at=_in(answer.get("expiresIn"), now) or expiry_of(access),
            refresh_expires_at=_in(answer.get("refreshExpiresIn"), now)
            if is_pair or held is None
            else held.refresh_expires_at,
        )

    def is_due(self, now: datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at - RENEW_BEFORE


def expiry_of(token: str) -> datetime | None:
    """When a JWT says that it ends. Its signature is the server's to check; this only tells when to ask for another."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError, binascii.Error):
        return None


def _in(seconds: object, now: datetime) -> datetime | None:
    usable = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 10**9
    return now + timedelta(seconds=float(seconds)) if usable and isinstance(seconds, int | float) else None


def now() -> datetime:
    return datetime.now(UTC)


class _Kept:
    """What both keepers know. `held` is replaced as a whole, so that "the same pair?" is a question of identity."""

    def __init__(self, held: Tokens | None) -> None:
        self.held = held
        self.sign_outs = 0
        """What was asked before one of them is not kept after it."""
        self._refused: tuple[Tokens, RefreshRefused] | None = None

    def settled(self, seen: Tokens | None) -> Tokens | None:
        """What somebody else has found out since `seen` was current, or None when it is our turn to ask. Raise
        RefreshRefused when it was that there is nothing to renew."""
        if self._refused is not None and self._refused[0] is seen:
            raise RefreshRefused(status=self._refused[1].status, code=self._refused[1].code)
        return self.other_than(seen) if self.held is not seen else None

    def other_than(self, seen: Tokens | None) -> Tokens:
        """The pair that has taken the place of `seen`. Raise RefreshRefused when the person signed out."""
        if self.held is None or self.held is seen:
            raise RefreshRefused
        return self.held

    def is_still(self, seen: Tokens | None, sign_outs: int) -> bool:
        return self.held is seen and self.sign_outs == sign_outs

    @staticmethod
    def question(seen: Tokens | None) -> tuple[Ask, Mapping[str, object]]:
        if seen is not None and seen.refresh_token is not None:
            return REFRESH, {"refreshToken": seen.refresh_token}
        return GET_TOKEN, {}

    def refused(self, seen: Tokens | None, error: AuthClientError) -> RefreshRefused | None:
        """Is this the end of the pair? A server that is down, or busy, has not said so."""
        if error.status not in (400, 401):
            return None
        refusal = RefreshRefused(status=error.status, code=error.code)
        if seen is not None:
            self._refused = (seen, refusal)
        return refusal


class TokenKeeper(_Kept):
    """Keeps the pair of an AuthClient. Any thread may ask; at most one request renews."""

    def __init__(
        self,
        ask: Callable[[Ask, Mapping[str, object]], Any],
        held: Tokens | None,
        changed: Callable[[Tokens | None], None] | None,
    ) -> None:
        super().__init__(held)
        self._ask, self._changed = ask, changed
        self._lock = threading.Lock()
        self._keeping = threading.Lock()  # an application is told of one change after the other

    def learn(self, answer: object, sign_outs: int) -> None:
        """Keep the tokens of an answer, unless the person signed out since they were asked for."""
        with self._keeping:
            tokens = Tokens.from_answer(answer, now(), self.held)
            if tokens is not None and self.sign_outs == sign_outs:
                self._keep(tokens)

    def forget(self) -> None:
        """The person signed out."""
        with self._keeping:
            self.sign_outs += 1
            if self.held is not None:
                self._keep(None)

    def _replace(self, seen: Tokens | None, sign_outs: int, tokens: Tokens | None) -> bool:
        """Keep `tokens` in the place of `seen`, if that is still what is held."""
        with self._keeping:
            if not self.is_still(seen, sign_outs):
                return False
            self._keep(tokens)
            return True

    def _keep(self, tokens: Tokens | None) -> None:
        self.held = tokens
        if self._changed is not None:
            self._changed(tokens)

    def good(self) -> Tokens:
        """The pair, renewed when it is about to end; fetched when there is none yet."""
        held = self.held
        return held if held is not None and not held.is_due(now()) else self.renew(held)

    def renew(self, seen: Tokens | None) -> Tokens:
        """Renew `seen`, unless somebody else has already. Raise RefreshRefused when the server will not."""
        with self._lock:
            found = self.settled(seen)
            if found is not None:
                return found
            return self._ask_anew(seen)

    def _ask_anew(self, seen: Tokens | None) -> Tokens:
        sign_outs = self.sign_outs
        try:
            answer = self._ask(*self.question(seen))
        except AuthClientError as error:
            refusal = self.refused(seen, error)
            if refusal is None:
                raise
            if self._replace(seen, sign_outs, None) or self.held is None:
                raise refusal from error
            return self.other_than(seen)
        tokens = Tokens.from_answer(answer, now())
        if tokens is None:
            raise RefreshRefused("The server answered without a token")
        return tokens if self._replace(seen, sign_outs, tokens) else self.other_than(seen)


class AsyncTokenKeeper(_Kept):
    """Keeps the pair of an AsyncAuthClient. Any task may ask; at most one request renews."""

    def __init__(
        self,
        ask: Callable[[Ask, Mapping[str, object]], Awaitable[Any]],
        held: Tokens | None,
        changed: Callable[[Tokens | None], Awaitable[None] | None] | None,
    ) -> None:
        super().__init__(held)
        self._ask, self._changed = ask, changed
        self._lock = anyio.Lock()
        self._keeping = anyio.Lock()  # an application is told of one change after the other

    async def learn(self, answer: object, sign_outs: int) -> None:
        """Keep the tokens of an answer, unless the person signed out since they were asked for."""
        with anyio.CancelScope(shield=True):
            async with self._keeping:
                tokens = Tokens.from_answer(answer, now(), self.held)
                if tokens is not None and self.sign_outs == sign_outs:
                    await self._keep(tokens)

    async def forget(self) -> None:
        """The person signed out."""
        with anyio.CancelScope(shield=True):
            async with self._keeping:
                self.sign_outs += 1
                if self.held is not None:
                    await self._keep(None)

    async def _replace(self, seen: Tokens | None, sign_outs: int, tokens: Tokens | None) -> bool:
        """Keep `tokens` in the place of `seen`, if that is still what is held."""
        async with self._keeping:
            if not self.is_still(seen, sign_outs):
                return False
            await self._keep(tokens)
            return True

    async def _keep(self, tokens: Tokens | None) -> None:
        self.held = tokens
        waits = self._changed(tokens) if self._changed is not None else None
        if waits is not None:
            await waits

    async def good(self) -> Tokens:
        """The pair, renewed when it is about to end; fetched when there is none yet."""
        held = self.held
        return held if held is not None and not held.is_due(now()) else await self.renew(held)

    async def renew(self, seen: Tokens | None) -> Tokens:
        """Renew `seen`, unless somebody else has already. Raise RefreshRefused when the server will not."""
        async with self._lock:
            found = self.settled(seen)
            if found is not None:
                return found
            # A refresh token is good once: whoever gives up waiting must not lose the answer that replaces it.
            renewed = []
            with anyio.CancelScope(shield=True):
                renewed.append(await self._ask_anew(seen))
            return renewed[0]

    async def _ask_anew(self, seen: Tokens | None) -> Tokens:
        sign_outs = self.sign_outs
        try:
            answer = await self._ask(*self.question(seen))
        except AuthClientError as error:
            refusal = self.refused(seen, error)
            if refusal is None:
                raise
            if await self._replace(seen, sign_outs, None) or self.held is None:
                raise refusal from error
            return self.other_than(seen)
        tokens = Tokens.from_answer(answer, now())
        if tokens is None:
            raise RefreshRefused("The server answered without a token")
        return tokens if await self._replace(seen, sign_outs, tokens) else self.other_than(seen)


class BearerAuth(httpx2.Auth):
    """For `httpx2.Client(auth=…)`: every request carries an access token that is good; one 401 is tried again with a new one."""

    def __init__(self, keeper: TokenKeeper, session_token: Callable[[], str | None]) -> None:
        self._keeper, self._session_token = keeper, session_token

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        session_token = self._session_token() if self._keeper.held is None else None
        if session_token is not None:
            yield _with(request, session_token)
            return
        tokens = self._keeper.good()
        response = yield _with(request, tokens.access_token)
        if response.status_code == 401 and _can_be_sent_again(request):
            yield _with(request, self._keeper.renew(tokens).access_token)

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        raise RuntimeError("this is for httpx2.Client; take bearer_auth() of an AsyncAuthClient for httpx2.AsyncClient")
        yield request  # a generator, as its callers expect


class AsyncBearerAuth(httpx2.Auth):
    """For `httpx2.AsyncClient(auth=…)`; see `BearerAuth`."""

    def __init__(self, keeper: AsyncTokenKeeper, session_token: Callable[[], str | None]) -> None:
        self._keeper, self._session_token = keeper, session_token

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        raise RuntimeError("this is for httpx2.AsyncClient; take bearer_auth() of an AuthClient for httpx2.Client")
        yield request  # a generator, as its callers expect

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        session_token = self._session_token() if self._keeper.held is None else None
        if session_token is not None:
            yield _with(request, session_token)
            return
        tokens = await self._keeper.good()
        response = yield _with(request, tokens.access_token)
        if response.status_code == 401 and _can_be_sent_again(request):
            yield _with(request, (await self._keeper.renew(tokens)).access_token)


def _with(request: httpx2.Request, token: str) -> httpx2.Request:
    request.headers["authorization"] = f"Bearer {token}"
    return request


def _can_be_sent_again(request: httpx2.Request) -> bool:
    """A body that was streamed is gone."""
    try:
        _ = request.content
    except httpx2.RequestNotRead:
        return False
    return True
