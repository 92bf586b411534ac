"""What an application switches on."""

from .account import Account
from .bearer import Bearer
from .custom_session import CustomSession
from .email_verification import EmailVerification
from .jwt import Jwt
from .multi_session import MultiSession
from .one_time_token import OneTimeToken
from .open_api import OpenApi
from .password import Password
from .reauth import Reauth
from .sessions import Sessions

__all__ = [
    "Account",
    "Bearer",
    "CustomSession",
    "EmailVerification",
    "Jwt",
    "MultiSession",
    "OneTimeToken",
    "OpenApi",
    "Password",
    "Reauth",
    "Sessions",
]
