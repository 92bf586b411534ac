"""A small Starlette app with a door: a public page, a protected page, a JSON route and a WebSocket."""

from __future__ import annotations

from html import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from authmw import Auth, Settings
from authmw.features import EmailVerification, Password

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>body{{font:1.125rem/1.6 system-ui,sans-serif;max-inline-size:34rem;margin:3rem auto;padding:0 1rem}}</style>
</head><body><main><h1>{title}</h1>{body}</main></body></html>"""

auth = Auth(Settings(app_name="Example", after_sign_in="/dashboard"), features=[Password(), EmailVerification()])


async def home(request: Request) -> HTMLResponse:
    """Everybody may see this; the middleware has found out who looks."""
    if request.state.user:
        body = f'<p>Hello {escape(request.state.user.name)}.</p><p><a href="/dashboard">Your dashboard</a></p>'
    else:
        body = '<p><a href="/auth/sign-up">Create an account</a> or <a href="/auth/sign-in">sign in</a>.</p>'
    mail = '<p><small>No mail server here: <a href="/auth/dev/mail">read the letters</a>.</small></p>'
    return HTMLResponse(PAGE.format(title="Welcome", body=body + mail))


async def dashboard(request: Request) -> HTMLResponse:
    """Only for people who are signed in; a browser is brought to the sign-in screen and back."""
    user = auth.require(request).user
    body = (
        f"<p>Signed in as {escape(user.name)}, {escape(user.email)}.</p>"
        '<ul><li><a href="/auth/settings/profile">Your profile</a></li>'
        '<li><a href="/auth/sign-out">Sign out</a></li></ul>'
    )
    return HTMLResponse(PAGE.format(title="Dashboard", body=body))


async def me(request: Request) -> JSONResponse:
    user = auth.require(request).user
    return JSONResponse({"id": user.id, "email": user.email})


async def greet(websocket: WebSocket) -> None:
    signed_in = auth.current(websocket)
    if signed_in is None:
        await websocket.close(code=4401)
        return
    await websocket.accept()
    await websocket.send_text(f"Hello {signed_in.user.name}")
    await websocket.close()


app = auth.wrap(
    Starlette(
        routes=[Route("/", home), Route("/dashboard", dashboard), Route("/api/me", me), WebSocketRoute("/greet", greet)]
    )
)
