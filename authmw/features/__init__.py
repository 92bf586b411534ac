"""What an application switches on."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .account import Account
    from .anonymous import Anonymous
    from .bearer import Bearer
    from .breached_passwords import BreachedPasswords
    from .custom_session import CustomSession
    from .email_otp import EmailOtp
    from .email_verification import EmailVerification
    from .jwt import Jwt
    from .last_login_method import LastLoginMethod
    from .magic_link import MagicLink
    from .multi_session import MultiSession
    from .one_time_token import OneTimeToken
    from .open_api import OpenApi
    from .password import Password
    from .reauth import Reauth
    from .sessions import Sessions

__all__ = [
    "Account",
    "Anonymous",
    "Bearer",
    "BreachedPasswords",
    "CustomSession",
    "EmailOtp",
    "EmailVerification",
    "Jwt",
    "LastLoginMethod",
    "MagicLink",
    "MultiSession",
    "OneTimeToken",
    "OpenApi",
    "Password",
    "Reauth",
    "Sessions",
]

if not TYPE_CHECKING:
    # Imported when they are asked for: an application pays for what it switches on.
    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
        value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
