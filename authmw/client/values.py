"""Answers that are no record: another step is asked for, or the person goes on elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class TwoFactorRequired:
    """The first proof was good; nobody is signed in before the second. `methods` are the ways to give it: "totp", "otp"."""

    methods: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RedirectTo:
    """The person goes on at `url`, in a browser. The client does not go there by itself."""

    url: str

    def __repr__(self) -> str:
        # What follows the path may be a token, and a repr ends up in logs.
        parts = urlsplit(self.url)
        return f"RedirectTo({parts._replace(netloc=parts.netloc.rpartition('@')[2], query='', fragment='').geturl()!r})"
