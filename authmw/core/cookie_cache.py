"""`session_data`: who is signed in, kept for minutes in a signed cookie (wire 2.5, the compact strategy)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from typing import Any

from .call import Call, SignedIn
from .model import Session, U
from .outputs import row_from_wire, to_wire

NOT_REMEMBERED_SECONDS = 60  # wire 2.5
CHUNK = 3900  # characters a cookie: browsers drop what is longer than 4096 bytes with name and attributes
MOST_CHUNKS = 10
LONGEST_MEMBER = 1024  # characters of one text


def write(call: Call[U], signed_in: SignedIn[U], *, remembered: bool) -> None:
    """Set the cookie, in pieces when it is long."""
    lifetime = call.auth.settings.cookie_cache
    if lifetime is None:
        return
    seconds = int(lifetime.total_seconds())
    now = int(call.now.timestamp() * 1000)
    user = to_wire(signed_in.user)
    name = call.auth.cookie_name("session_data")
    clear_chunks(call)
    if any(isinstance(value, str) and len(value) > LONGEST_MEMBER for value in user.values()):
        # A picture would come along with every request, until a server refuses them all (SEC-123).
        call.cookies.expire(name)
        return
    payload = {"session": to_wire(signed_in.session), "user": user, "updatedAt": now, "version": "1"}
    expires = now + (seconds if remembered else NOT_REMEMBERED_SECONDS) * 1000
    signature = _signature(call.auth.secrets.roots[0], payload, expires)
    value = _base64url(_text({"session": payload, "expiresAt": expires, "signature": signature}).encode())
    max_age = seconds if remembered else None
    if len(value) <= CHUNK:
        call.cookies.set(name, value, max_age=max_age)
        return
    pieces = [value[start : start + CHUNK] for start in range(0, len(value), CHUNK)]
    call.cookies.expire(name)
    if len(pieces) <= MOST_CHUNKS:  # else: not worth a cookie, the database knows
        for number, piece in enumerate(pieces):
            call.cookies.set(f"{name}.{number}", piece, max_age=max_age)


def read(call: Call[U], token: str) -> SignedIn[U] | None:
    """Return whom the cookie names if it is ours, live and about the session of `token`; else clear it."""
    name = call.auth.cookie_name("session_data")
    value = call.cookies.get(name) or _joined(call, name)
    if not value:
        return None
    known = _open(call, value, token)
    if known is None:
        call.cookies.expire(name)
        clear_chunks(call)
    return known


def clear_chunks(call: Call[U]) -> None:
    prefix = call.auth.cookie_name("session_data") + "."
    for name in call.cookies.names():
        if name.startswith(prefix) and name[len(prefix) :].isdigit():
            call.cookies.expire(name)


def _open(call: Call[U], value: str, token: str) -> SignedIn[U] | None:
    try:
        outer = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        payload, expires, signature = outer["session"], outer["expiresAt"], outer["signature"]
        text = signature.encode().rstrip(b"=")
        # Inside the try: what came may be anything, and what has another shape than ours is no fault of ours.
        ours = any(
            hmac.compare_digest(_signature(root, payload, expires).encode(), text) for root in call.auth.secrets.roots
        )
    except (ValueError, binascii.Error, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not ours:
        return None
    if not isinstance(expires, int) or expires <= call.now.timestamp() * 1000 or payload.get("version", "1") != "1":
        return None
    try:
        session = row_from_wire(Session, payload["session"])
        user = row_from_wire(call.auth.user_type, payload["user"])
    except (KeyError, TypeError, ValueError):
        return None
    from .sessions import is_live

    if not hmac.compare_digest(session.token.encode(), token.encode()) or session.user_id != user.id:
        return None
    return SignedIn(user, session) if is_live(session, call.now, call.auth.settings) else None


def _signature(root: bytes, payload: dict[str, Any], expires: object) -> str:
    signed = {**payload, "expiresAt": expires}
    return _base64url(hmac.digest(root, _text(signed).encode("utf-8", "surrogatepass"), "sha256"))


def _text(value: object) -> str:
    # As JSON.stringify writes it: the reader signs again what it parsed.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _joined(call: Call[U], name: str) -> str:
    pieces = []
    for number in range(MOST_CHUNKS):
        piece = call.cookies.get(f"{name}.{number}")
        if piece is None:
            break
        pieces.append(piece)
    return "".join(pieces)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
