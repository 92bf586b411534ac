"""What an application switches on."""

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
