"""What an application switches on."""

from .account import Account
from .email_verification import EmailVerification
from .password import Password
from .reauth import Reauth
from .sessions import Sessions

__all__ = ["Account", "EmailVerification", "Password", "Reauth", "Sessions"]
