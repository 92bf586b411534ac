"""Authentication for any Python ASGI app: the door. What is not here is not promised."""

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
