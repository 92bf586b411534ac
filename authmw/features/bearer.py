"""Session tokens in the `Authorization` header, for clients that keep no cookies; tickets for WebSockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qs, unquote

from ..core import sessions, tokens
from ..core.call import Call, Connection, SignedIn
from ..core.feature import Feature
from ..core.model import U
from ..core.operation import NoInput, operation
from ..core.tokens import Purpose

HEADER = "set-auth-token"
LONGEST = 1024
TO_STANDARD = str.maketrans("-_", "+/")

# Inputs and results


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """`ticket` opens one WebSocket, as `?ticket=…`, within `expires_in` seconds."""

    ticket: str = field(repr=False)
    expires_in: int


# The feature


class Bearer(Feature):
    """Take `Authorization: Bearer <session token>`, and name the token in `set-auth-token` where a session begins.

    With `require_signature` a bare token, as sign-in answers it, is not enough: only the signed one of the header is.
    A token that is none of ours counts as if it were not there; one that is past its time is nobody's, whatever the
    cookie says.
    """

    def __init__(self, *, require_signature: bool = False, ticket_lifetime: timedelta = timedelta(seconds=30)) -> None:
        self.require_signature = require_signature
        self.ticket = Purpose(name="ws-ticket", prefix="ws-ticket-", lifetime=ticket_lifetime, is_many=True)

    def session_token(self, call: Call[U], connection: Connection) -> str | None:
        credential = connection.bearer
        if credential is None or len(credential) > LONGEST:
            return None
        if "." in credential:
            value, _, signature = (unquote(credential) if "%" in credential else credential).rpartition(".")
            return call.auth.secrets.unsign(f"{value}.{_padded(signature)}")
        return None if self.require_signature else credential

    async def after(self, call: Call[U], route: str) -> None:
        if sessions.are_cookies_written(call):
            change = call.cookies.changes[call.auth.cookie_name("session_token"), "/"]
            call.expose(HEADER, unquote(change.value))

    @operation("POST", "/ws-ticket", guard="session")
    async def ws_ticket(self, call: Call[U], input: NoInput = NoInput()) -> Ticket:
        """Give whoever is signed in a ticket for one WebSocket: browsers cannot send headers with those, and a session
        token does not belong into an address, which is logged."""
        session = sessions.own_session(call)
        kept = call.auth.secrets.encrypt(session.token, purpose=self.ticket.name)
        ticket = await tokens.issue(call, self.ticket, subject=session.user_id, value=kept)
        return Ticket(ticket=ticket, expires_in=int(self.ticket.lifetime.total_seconds()))

    async def who(self, call: Call[U], connection: Connection) -> SignedIn[U] | None:
        if connection.kind != "websocket" or b"ticket=" not in connection.query:
            return None
        try:
            given = parse_qs(connection.query.decode("latin-1"), max_num_fields=100).get("ticket", [])
        except ValueError:
            return None
        kept = await tokens.redeem(call, self.ticket, given[0]) if len(given) == 1 else None
        token = call.auth.secrets.decrypt(kept, purpose=self.ticket.name) if kept else None
        return (await sessions.of_token(call, token, cached=False, refresh=False))[0] if token else None


def _padded(signature: str) -> str:
    """The wire signs in base64; some clients write it as it stands in URLs."""
    standard = signature.translate(TO_STANDARD)
    return standard + "=" * (-len(standard) % 4)
