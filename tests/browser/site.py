"""The application that the browser tests visit, in a process of its own: `python -m tests.browser.site`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route

from authmw import Auth, ConsoleMailer, FileMailer, Hashing, Message, Public, Settings, UIConfig, features
from authmw.core.call import Call
from authmw.core.errors import TooManyRequests
from authmw.core.feature import Feature, Screen, Visit
from authmw.core.inputs import input_fields
from authmw.core.model import Account as AccountRow
from authmw.core.model import Session
from authmw.core.operation import operation_of
from authmw.core.passwords import Passwords
from authmw.core.schema import METADATA_KEY
from authmw.core.store import Unavailable
from authmw.features import Account, EmailVerification
from authmw.features.anonymous import WithAnonymous
from authmw.stores.memory import MemoryStore
from authmw.web.page import SYSTEM_STATES, Page
from authmw.web.screens import Screens
from tests import pseudo
from tests.support import SECRET, switched_on

ROOT = Path(__file__).resolve().parent.parent.parent
LETTER_SECONDS = 10.0
"""Letters go out after the answer, on a machine that may be busy."""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><main><h1>{title}</h1>{body}</main></body></html>"""


# The application


@dataclass(frozen=True, kw_only=True)
class Keeper(WithAnonymous):
    """A person of this application, with fields of its own on the forms."""

    town: str | None = field(default=None, metadata=Public(label="Town", hint="Where your lighthouse stands."))
    newsletter: bool = field(default=False, metadata=Public(label="Send me the newsletter"))


class Trouble(Feature):
    """A screen on which everything goes wrong, one way by each word."""

    async def trouble(self, call: Call[Any], visit: Visit) -> None:
        match visit.query.get("with"):
            case "fault":
                raise RuntimeError("as asked")
            case "busy":
                raise Unavailable("as asked")
            case "many":
                raise TooManyRequests(90)

    # Without states: it stands for the pages of 429, 500 and 503.
    screens: ClassVar = (Screen(path="/trouble", template="password/forgot_password.html", loads=trouble, states=()),)


class BothMailer(ConsoleMailer):
    """Letters for the development mailbox, and for the tests to read in a file."""

    def __init__(self, outbox: str) -> None:
        super().__init__()
        self._file = FileMailer(outbox)

    async def send(self, message: Message) -> None:
        await super().send(message)
        await self._file.send(message)


def every_feature(*, required: bool) -> list[Feature]:
    """All that the package has: a new one brings its screens along, and its tests fail until they are visited."""
    kinds: list[type[Feature]] = [getattr(features, name) for name in features.__all__]
    strictly = {EmailVerification: {"required": required}, Account: {"confirm_delete": required}}
    return [switched_on(kind, **strictly.get(kind, {})) for kind in kinds]


class TalkativeScreens(Screens):
    """Draws each page in every other language too, so that a state which took ten steps to reach is looked at in all
    of them, and nobody has to go there again with other words on the buttons."""

    def __init__(self, auth: Auth[Keeper], mailer: ConsoleMailer) -> None:
        super().__init__(auth, auth.ui_config, auth.languages, letters=mailer.letters)
        self.in_other_words: dict[str, Mapping[str, bytes]] = {}
        """By the fingerprint of the page that was sent, and the tag of the language."""

    def render(self, template: str, page: Page) -> bytes:
        others = {}
        for language in self.languages.all:
            if language is page.language:
                continue
            links = [replace(each, current=each.code == language.tag) for each in page.languages]
            others[language.tag] = super().render(template, replace(page, language=language, languages=links))
        body = super().render(template, page)
        self.in_other_words[fingerprint(body)] = others
        return body


def fingerprint(page: bytes) -> str:
    return hashlib.sha256(page).hexdigest()


def own_words() -> list[str]:
    """The labels and hints of this application's own fields."""
    rules = [each.metadata[METADATA_KEY] for each in fields(Keeper) if METADATA_KEY in each.metadata]
    return [words for each in rules for words in (each.label, each.hint) if words]


def make_app(base_url: str, outbox: str, *, required: bool) -> Any:
    mailer = BothMailer(outbox)
    locales = Path(outbox).with_name("locale")
    locales.mkdir(exist_ok=True)
    pseudo.write(locales, own=own_words())
    auth = Auth(
        Settings(
            secret=SECRET,
            base_url=base_url,
            app_name="Lighthouse",
            after_sign_in="/dashboard",
            rate_limit=False,
            environment={},
        ),
        features=[*every_feature(required=required), Trouble()],
        user_type=Keeper,
        database=MemoryStore(),
        mailer=mailer,
        ui=UIConfig(
            terms_url="/terms",
            privacy_url="/privacy",
            support_url="/help",
            locales=("en", *pseudo.TAGS),
            locale_dirs=[str(locales)],
        ),
    )
    auth.ui = screens = TalkativeScreens(auth, mailer)
    auth.passwords = Passwords(Hashing(memory=8, passes=1), better_auth=False, allow_weak=True)

    async def home(request: Request) -> HTMLResponse:
        return HTMLResponse(PAGE.format(title="Welcome", body='<p><a href="/dashboard">Your dashboard</a></p>'))

    async def dashboard(request: Request) -> HTMLResponse:
        user = auth.require(request).user
        body = f'<p>Signed in as {escape(user.name)}, {escape(user.email)}.</p><p><a href="/auth/sign-out">Sign out</a></p>'
        return HTMLResponse(PAGE.format(title="Dashboard", body=body))

    async def forget_letters(request: Request) -> PlainTextResponse:
        mailer.letters.clear()
        return PlainTextResponse("forgotten")

    async def forget_password(request: Request) -> PlainTextResponse:
        """Whoever asks has no password any more, like somebody who came by another way."""
        user = auth.require(request).user
        await auth.call(request).store.delete(AccountRow, user_id=user.id, provider_id="credential")
        return PlainTextResponse("forgotten")

    async def link_account(request: Request) -> PlainTextResponse:
        """Whoever asks can sign in by a provider too."""
        now = datetime.now(UTC)
        user = auth.require(request).user
        row = AccountRow(
            id=f"google-{user.id}",
            account_id=user.email,
            provider_id="google",
            user_id=user.id,
            created_at=now,
            updated_at=now,
        )
        await auth.call(request).store.insert(row)
        return PlainTextResponse("linked")

    async def grow_old(request: Request) -> PlainTextResponse:
        """Whoever asks signed in an hour ago."""
        session = auth.require(request).session
        before = session.created_at - timedelta(hours=1)
        await auth.call(request).store.update(Session, {"id": session.id}, created_at=before)
        return PlainTextResponse("grown old")

    async def in_other_words(request: Request) -> HTMLResponse:
        return HTMLResponse(screens.in_other_words[request.path_params["page"]][request.path_params["tag"]])

    async def registry(request: Request) -> JSONResponse:
        return JSONResponse([*(declaration(*each) for each in auth.screens), *SYSTEM_DECLARATIONS])

    routes = [
        Route("/", home),
        Route("/dashboard", dashboard),
        Route("/forget-letters", forget_letters),
        Route("/forget-password", forget_password),
        Route("/link-account", link_account),
        Route("/grow-old", grow_old),
        Route("/in/{tag}/{page}", in_other_words),
        Route("/registry", registry),
    ]
    return auth.wrap(Starlette(routes=routes))


# What it declares


def declaration(feature: Feature, screen: Screen) -> dict[str, Any]:
    """What a screen says of itself, and what follows from it."""
    return {
        "path": screen.path,
        "states": screen.states,
        "required": required_fields(feature, screen),
        "takes_token": screen.takes_token,
        "lists": shows_a_list(feature, screen),
        "private": screen.is_private,
        "entrance": screen.entrance,
    }


SYSTEM_DECLARATIONS = [
    {
        "path": path,
        "states": states,
        "required": [],
        "takes_token": False,
        "lists": path == "/dev/mail",
        "private": False,
        "entrance": False,
    }
    for path, states in SYSTEM_STATES.items()
]


def required_fields(feature: Feature, screen: Screen) -> list[str]:
    """The fields that the form of the screen cannot do without; the token of a link is no field of a form."""
    operation = operation_of(getattr(feature, screen.submits.__name__)) if screen.submits else None
    kind = operation.route.input if operation else None
    needed = [each.key for each in (input_fields(kind) if kind else ()) if not each.optional and not each.rest]
    return sorted({*screen.requires, *needed} - {"token"})


def shows_a_list(feature: Feature, screen: Screen) -> bool:
    """Does the screen load something with many of a kind in it?"""
    if screen.loads is None:
        return False
    load = getattr(type(feature), screen.loads.__name__)
    loaded = get_type_hints(load).get("return")
    if get_origin(loaded) is not None:
        loaded = get_origin(loaded)
    if not (isinstance(loaded, type) and is_dataclass(loaded)):
        return False
    hints = get_type_hints(loaded)
    return any(is_many(hints[each.name]) for each in fields(loaded))


def is_many(hint: Any) -> bool:
    """`Sequence[Device]` and `tuple[Device, ...]` are many; `tuple[str, str]` is a pair."""
    kind = get_origin(hint)
    if kind is tuple:
        return Ellipsis in get_args(hint)
    return isinstance(kind, type) and issubclass(kind, Sequence) and kind is not str


def main() -> None:
    """Serve on the socket that the parent has opened: nobody can take its port in between."""
    import uvicorn

    number, outbox, required = sys.argv[1:]
    listening = socket.socket(fileno=int(number))
    port = listening.getsockname()[1]
    app = make_app(f"http://localhost:{port}", outbox, required=required == "required")
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)).run([listening])


# The tests' side of it


@dataclass(frozen=True)
class Site:
    base: str
    outbox: Path

    def registry(self) -> list[dict[str, Any]]:
        """What the running application declares: every screen with its states."""
        with urllib.request.urlopen(f"{self.base}/registry") as answer:
            declared: list[dict[str, Any]] = json.load(answer)
        return declared

    def letters(self, to: str, kind: str) -> list[dict[str, str]]:
        lines = self.outbox.read_text().splitlines(keepends=True) if self.outbox.exists() else []
        # The last line may be half there: the site is writing it.
        letters: list[dict[str, str]] = [json.loads(line) for line in lines if line.endswith("\n")]
        return [letter for letter in letters if letter["to"] == to and letter["kind"] == kind]

    def letter(self, to: str, kind: str, *, number: int = 1) -> dict[str, str]:
        """Wait for the letter of that `number` to somebody."""
        until = time.monotonic() + LETTER_SECONDS
        while time.monotonic() < until:
            letters = self.letters(to, kind)
            if len(letters) >= number:
                return letters[number - 1]
            time.sleep(0.02)
        raise AssertionError(f"there is no {kind} letter number {number} to {to}")

    def link(self, to: str, kind: str, *, number: int = 1) -> str:
        """The link in such a letter."""
        return self.letter(to, kind, number=number)["url"]

    def lets_in(self, email: str, password: str) -> bool:
        """Could somebody sign in with these from another device?"""
        return self._takes("/sign-in/email", {"email": email, "password": password})

    def serves_app(self, token: str) -> bool:
        """Does an app get new tokens for this refresh token? It is spent by that."""
        return self._takes("/token/refresh", {"refreshToken": token})

    def _takes(self, path: str, body: dict[str, str]) -> bool:
        """Does the API take that from another device?"""
        headers = {"content-type": "application/json", "origin": self.base}
        asked = urllib.request.Request(f"{self.base}/api/auth{path}", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(asked):
                return True
        except urllib.error.HTTPError as refused:
            if refused.code != HTTPStatus.UNAUTHORIZED:
                raise
            return False

    def in_other_words(self, page: str, tag: str) -> str:
        """Where a page that this site has sent stands in the language `tag`."""
        return f"/in/{tag}/{fingerprint(page.encode())}"


@contextlib.contextmanager
def running(*, required: bool = False) -> Iterator[Site]:
    """Start the application on a free port; `required`: addresses must be confirmed before anybody signs in, and
    deletions by mail."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)  # requests wait here until the process is up
        outbox = Path(folder, "outbox.jsonl")
        number = listening.fileno()
        words = [str(number), str(outbox), "required" if required else "open"]
        log = Path(folder, "log.txt")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.browser.site", *words],
                cwd=ROOT,
                pass_fds=[number],
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        port = listening.getsockname()[1]
        listening.close()
        try:
            yield Site(f"http://localhost:{port}", outbox)
        finally:
            died = process.poll() is not None
            process.terminate()
            process.wait(timeout=10)
            if died:
                raise RuntimeError(f"the site died:\n{log.read_text()}")


if __name__ == "__main__":
    main()
