"""A small app for what `example.everything` cannot be told: `python -m tests.interop.tokens_app`.

Of AUTHMW_JWT_ALGORITHM, and with AUTHMW_JWT_EVERY and AUTHMW_JWT_LEAD (seconds) keys that come and go while one looks on.
With AUTHMW_LISTEN it is one of several workers behind the base URL, and listens at an address of its own.
"""

from __future__ import annotations

import os
from datetime import timedelta
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from authmw import Auth, ConsoleMailer, Settings
from authmw.core.jwt import ALGORITHMS
from authmw.features import Bearer, EmailVerification, Jwt, OneTimeToken, Password
from authmw.features.jwt import Rotation


def seconds(name: str, default: timedelta) -> timedelta:
    return timedelta(seconds=float(os.environ[name])) if name in os.environ else default


ALGORITHM = next(each for each in ALGORITHMS if each == os.environ.get("AUTHMW_JWT_ALGORITHM", "EdDSA"))
# Longer than a token is looked at, and short enough that keys also go while one looks on.
LIFETIME = timedelta(seconds=10)
GRACE = LIFETIME + timedelta(seconds=30)
IS_ROTATING = "AUTHMW_JWT_EVERY" in os.environ
ROTATION = Rotation(
    every=seconds("AUTHMW_JWT_EVERY", Rotation.every or timedelta(days=30)),
    lead=seconds("AUTHMW_JWT_LEAD", Rotation.lead),
    grace=GRACE if IS_ROTATING else Rotation.grace,
)

auth = Auth(
    Settings(app_name="Tokens", shared_database=os.environ.get("AUTHMW_SHARED_DATABASE") == "on"),
    features=[
        Password(),
        EmailVerification(),
        Bearer(),
        Jwt(algorithm=ALGORITHM, rotation=ROTATION, lifetime=LIFETIME if IS_ROTATING else timedelta(minutes=15)),
        OneTimeToken(),
    ],
    mailer=ConsoleMailer(),
)


async def jwt_me(request: Request) -> JSONResponse:
    signed_in = auth.current(request)
    if signed_in is None or signed_in.session.token:
        return JSONResponse(None, status_code=401)
    return JSONResponse({"id": signed_in.user.id, "email": signed_in.user.email})


app = auth.wrap(Starlette(routes=[Route("/jwt-me", jwt_me)]))


def main() -> None:
    address = urlsplit(os.environ.get("AUTHMW_LISTEN") or auth.settings.base_url)
    uvicorn.run(
        app,
        proxy_headers=False,
        host=address.hostname or "localhost",
        port=address.port or 80,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
