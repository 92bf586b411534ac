"""Authentication for any Python ASGI app: the door. What is not here is not promised."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .auth import Auth
    from .core.call import Call, SignedIn
    from .core.errors import AuthError, ConfigurationError
    from .core.events import Event
    from .core.feature import Feature, Screen
    from .core.mail import Mailer, Message
    from .core.model import Session, User
    from .core.operation import StepRequired, operation
    from .core.passwords import Hashing
    from .core.rate_limit import Limit
    from .core.schema import Private, Public, ServerOnly
    from .core.settings import Settings
    from .mailers import ConsoleMailer, FileMailer, SmtpMailer
    from .web.middleware import AuthMiddleware
    from .web.ui_config import UIConfig

__version__ = "0.1.0"

__all__ = [
    "Auth",
    "AuthError",
    "AuthMiddleware",
    "Call",
    "ConfigurationError",
    "ConsoleMailer",
    "Event",
    "Feature",
    "FileMailer",
    "Hashing",
    "Limit",
    "Mailer",
    "Message",
    "Private",
    "Public",
    "Screen",
    "ServerOnly",
    "Session",
    "Settings",
    "SignedIn",
    "SmtpMailer",
    "StepRequired",
    "UIConfig",
    "User",
    "operation",
]

if not TYPE_CHECKING:
    # Imported when they are asked for: whoever only wants `authmw.client` needs no server.
    _WHERE = {
        "Auth": "auth",
        "Call": "core.call",
        "SignedIn": "core.call",
        "AuthError": "core.errors",
        "ConfigurationError": "core.errors",
        "Event": "core.events",
        "Feature": "core.feature",
        "Screen": "core.feature",
        "Mailer": "core.mail",
        "Message": "core.mail",
        "Session": "core.model",
        "User": "core.model",
        "StepRequired": "core.operation",
        "operation": "core.operation",
        "Hashing": "core.passwords",
        "Limit": "core.rate_limit",
        "Private": "core.schema",
        "Public": "core.schema",
        "ServerOnly": "core.schema",
        "Settings": "core.settings",
        "ConsoleMailer": "mailers",
        "FileMailer": "mailers",
        "SmtpMailer": "mailers",
        "AuthMiddleware": "web.middleware",
        "UIConfig": "web.ui_config",
    }

    def __getattr__(name: str) -> object:
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_WHERE[name]}", __name__), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
