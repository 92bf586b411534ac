"""The Python client: one typed method an operation, against authmw or Better Auth. Needs `pip install authmw[client]`."""

try:
    import httpx2 as _httpx2  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError("authmw.client needs httpx2: pip install authmw[client]", name=missing.name) from missing

from ..core.model import Session, User
from .clients import AsyncAuthClient, AuthClient
from .failures import AuthClientError, RefreshRefused, UnexpectedAnswer, Unreachable
from .tokens import AsyncBearerAuth, BearerAuth, Tokens
from .values import RedirectTo, TwoFactorRequired

__all__ = [
    "AsyncAuthClient",
    "AsyncBearerAuth",
    "AuthClient",
    "AuthClientError",
    "BearerAuth",
    "RedirectTo",
    "RefreshRefused",
    "Session",
    "Tokens",
    "TwoFactorRequired",
    "UnexpectedAnswer",
    "Unreachable",
    "User",
]
