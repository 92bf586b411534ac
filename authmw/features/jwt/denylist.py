"""Single access tokens that were taken back before their end."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from ...core.schema import column
from ...core.store import Above, Conflict, Store


class Denylist(Protocol):
    """Where access tokens stand that were taken back, by their `jti`, for as long as they would have lived."""

    async def deny(self, jti: str, until: datetime) -> None: ...

    async def is_denied(self, jti: str, now: datetime) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class DeniedToken:
    """`id` is the `jti` of the token."""

    table_name: ClassVar[str] = "deniedToken"
    is_swept: ClassVar[bool] = True

    id: str
    expires_at: datetime = field(metadata=column(index=True))


class StoreDenylist:
    """In the application's own database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def deny(self, jti: str, until: datetime) -> None:
        with suppress(Conflict):  # it stands there already
            await self._store.insert(DeniedToken(id=jti, expires_at=until))

    async def is_denied(self, jti: str, now: datetime) -> bool:
        return await self._store.find(DeniedToken, id=jti, expires_at=Above(now)) is not None
