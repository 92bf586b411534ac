"""The app with every feature on; also what interop and load checks start: `python -m example.everything`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from authmw import Auth, ConsoleMailer, FileMailer, Settings, SignedIn, User
from authmw.features import (
    Account,
    Bearer,
    BreachedPasswords,
    EmailOtp,
    EmailVerification,
    Jwt,
    MagicLink,
    MultiSession,
    OneTimeToken,
    OpenApi,
    Password,
    Sessions,
)


@dataclass(frozen=True, kw_only=True)
class Member(User):
    """A person of this application: `plan` is shown to clients, and set by the server alone."""

    plan: str = "free"


def is_on(name: str) -> bool:
    return os.environ.get(name) in ("1", "on")


outbox = os.environ.get("AUTHMW_OUTBOX")
auth = Auth(
    Settings(app_name="Everything", shared_database=is_on("AUTHMW_SHARED_DATABASE")),
    features=[
        Password(),
        EmailVerification(confirm_change=is_on("AUTHMW_CONFIRM_CHANGE")),
        Account(confirm_delete=is_on("AUTHMW_CONFIRM_DELETE")),
        Sessions(),
        EmailOtp(change_email=True),
        MagicLink(),
        Bearer(),
        Jwt(refresh=True),
        OneTimeToken(),
        MultiSession(),
        BreachedPasswords(lookup=False),
        OpenApi(),
    ],
    user_type=Member,
    mailer=FileMailer(outbox) if outbox else ConsoleMailer(),
)


def person(signed_in: SignedIn[Member] | None) -> JSONResponse:
    if signed_in is None:
        return JSONResponse(None, status_code=401)
    return JSONResponse({"id": signed_in.user.id, "email": signed_in.user.email})


async def me(request: Request) -> JSONResponse:
    return person(auth.current(request))


async def jwt_me(request: Request) -> JSONResponse:
    """As `/me`, but only for whoever comes with a JWT: it says itself who that is, and no session is looked up."""
    signed_in = auth.current(request)
    # What a token says of its session has no session token.
    return person(signed_in if signed_in and not signed_in.session.token else None)


async def bare(request: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


async def greet(websocket: WebSocket) -> None:
    signed_in = auth.current(websocket)
    if signed_in is None:
        await websocket.close(code=4401)
        return
    await websocket.accept()
    await websocket.send_text(f"Hello {signed_in.user.name}")
    await websocket.close()


application = Starlette(
    routes=[Route("/me", me), Route("/jwt-me", jwt_me), Route("/bare", bare), WebSocketRoute("/greet", greet)]
)
app = auth.wrap(application)


def main() -> None:
    import uvicorn

    address = urlsplit(auth.settings.base_url)
    # Who asks is for `trusted_proxies` to say: uvicorn by itself believes every header that comes over loopback.
    uvicorn.run(
        app,
        proxy_headers=False,
        server_header=False,
        host=address.hostname or "localhost",
        port=address.port or 80,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
