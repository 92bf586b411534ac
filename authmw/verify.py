"""For services that only check tokens: no database, no accounts, nothing but the address of the public keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from .core.errors import ServiceUnavailable
from .core.jwt import ALGORITHMS, Algorithm, InvalidJwt, RemoteKeys, Rules, verify

__all__ = ["InvalidJwt", "JwtVerifier", "ServiceUnavailable"]


class JwtVerifier:
    """Checks tokens of one issuer for one audience, by RFC 8725.

        tokens = JwtVerifier("https://app.example.com/api/auth/jwks", "https://app.example.com", "https://app.example.com")
        claims = await tokens.verify(bearer)

    One that a key set of this address did not sign, for somebody else, too old, without an end or of a longer life than
    `longest` is an InvalidJwt. Without any answer from the address: ServiceUnavailable. Keys are kept for an hour, and
    an unknown one is looked for at most once a minute.
    """

    def __init__(
        self,
        jwks_url: str,
        issuer: str,
        audience: str,
        *,
        algorithms: Sequence[Algorithm] = ALGORITHMS,
        longest: timedelta = timedelta(hours=24),
    ) -> None:
        self._keys = RemoteKeys(jwks_url)
        self._rules = Rules(
            issuer=issuer, audience=audience, algorithms=tuple(algorithms), longest=int(longest.total_seconds())
        )

    async def verify(self, token: str) -> dict[str, Any]:
        """Return the claims. Raise InvalidJwt, ServiceUnavailable."""
        return await verify(token, self._keys, self._rules, now=time.time())
