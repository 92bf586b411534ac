"""What Redis keeps where several machines serve one application: access tokens that were taken back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ..core.errors import ConfigurationError
from ..core.store import Unavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis


class RedisDenylist:
    """`Jwt(denylist=RedisDenylist("redis://127.0.0.1:6379"))`. Entries go by themselves when their token would have.

    Raise ConfigurationError without the package. Where Redis does not answer, nobody is let through on a guess: the
    request is answered 503.
    """

    def __init__(self, url: str, *, prefix: str = "authmw:denied:", timeout: float = 2.0) -> None:
        try:
            from redis.asyncio import Redis
        except ImportError:
            raise ConfigurationError("RedisDenylist needs a package. Write: pip install authmw[redis]") from None
        self._prefix = prefix
        self._redis: Redis = Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)

    async def deny(self, jti: str, until: datetime) -> None:
        from redis.exceptions import RedisError

        try:
            await self._redis.set(self._prefix + jti, "1", pxat=int(until.timestamp() * 1000))
        except RedisError as reason:
            raise Unavailable("Redis does not answer") from reason

    async def is_denied(self, jti: str, now: datetime) -> bool:
        from redis.exceptions import RedisError

        try:
            return bool(await self._redis.exists(self._prefix + jti))
        except RedisError as reason:
            raise Unavailable("Redis does not answer") from reason

    async def close(self) -> None:
        await self._redis.aclose()
