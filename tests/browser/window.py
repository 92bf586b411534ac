"""A browser window that notices what must not happen, and the words for what people do in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.browser.site import Site
from tests.support import PASSWORD

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("AUTHMW_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types authmw",
    "cache-control": "no-store",
    "vary": "HX-Request, Cookie, Accept-Language",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), "
    "camera=(), microphone=(), geolocation=()",
}
MAY_ALSO_COME = {
    "content-type",
    "content-length",
    "date",
    "set-cookie",
    "retry-after",
    "x-retry-after",
    "location",
    "hx-redirect",
    "clear-site-data",
}
# Chromium writes this for every 4xx and 5xx, which our screens answer on purpose.
EXPECTED_ON_CONSOLE = "Failed to load resource: the server responded with a status of"
TELL_VIOLATIONS = """addEventListener('securitypolicyviolation', (event) =>
  console.error('policy violated: ' + event.violatedDirective + ' ' + event.blockedURI))"""
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
NARROW, WIDE = 320, 1280


def missing(what: str) -> NoReturn:
    """Skip for want of `what`; fail instead where everything must be there (AUTHMW_REQUIRE_ALL=1)."""
    if os.environ.get("AUTHMW_REQUIRE_ALL") == "1":
        pytest.fail(f"missing: {what}")
    pytest.skip(f"missing: {what}")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@cache
def from_npm(path: str) -> Path:
    """Where `path` of a package stands, which npm fetches the first time."""
    npm = shutil.which("npm")
    wanted = HERE / "node_modules" / path
    # Two test processes must not install into one folder at the same time.
    with open(HERE / "package-lock.json", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.exists():
            if npm is None:
                missing(f"npm, which fetches {path}")
            done = subprocess.run(
                [npm, "ci", "--ignore-scripts"], cwd=HERE, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                missing(f"{path}\n{done.stdout}{done.stderr}")
    return wanted


@cache
def axe_source() -> str:
    """The accessibility rules."""
    return from_npm("axe-core/axe.min.js").read_text()


class Window:
    """One browser context with one page. `troubles` collects what must never happen on any screen."""

    def __init__(
        self, chromium: Browser, site: Site, *, script: bool = True, scheme: Scheme = "light", width: int = WIDE
    ) -> None:
        self.site = site
        self.script = script
        self._width = width
        self._light = (scheme, "none", "screen")
        self.troubles: list[str] = []
        self.documents: list[str] = []
        self.posts: list[str] = []
        self.sent: list[Request] = []
        """The same, as a page sent them."""
        self.answers: list[Response] = []
        """Every answer below the mount that is a page, a redirect or nothing, in the order of arrival."""
        self.context: BrowserContext = chromium.new_context(
            base_url=site.base,
            java_script_enabled=script,
            color_scheme=scheme,
            viewport={"width": width, "height": 800},
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(10_000)
        self.context.add_init_script(TELL_VIOLATIONS)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", self._see_request)
        self.page.on("response", self._see_response)

    def close(self) -> None:
        self.context.close()

    # What people do

    def open(self, path: str) -> None:
        self.page.goto(path)

    def fill(self, **fields: str) -> None:
        """Type into fields by their names."""
        for name, text in fields.items():
            self.page.locator(f"#{name}").fill(text)

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()

    def follow(self, link: str) -> None:
        self.page.get_by_role("link", name=link, exact=True).click()

    def sign_up_aside(self, email: str, name: str = "Ann Lee") -> None:
        """Have an account made without the screens, and be signed in to it where the site allows."""
        answer = self.context.request.post(
            "/api/auth/sign-up/email",
            data={"name": name, "email": email, "password": PASSWORD},
            headers={"origin": self.site.base},
        )
        assert answer.ok, answer.text()

    def sign_in_aside(self, email: str) -> None:
        """Be signed in anew, as on another device."""
        answer = self.context.request.post(
            "/api/auth/sign-in/email",
            data={"email": email, "password": PASSWORD},
            headers={"origin": self.site.base},
        )
        assert answer.ok, answer.text()

    def link_account(self) -> None:
        """Whoever is signed in can sign in by a provider too."""
        assert self.context.request.get("/link-account").ok

    def forget_password(self) -> None:
        """Whoever is signed in has no password from here on."""
        assert self.context.request.get("/forget-password").ok

    def open_reset_link(self, email: str) -> None:
        self.open("/auth/forgot-password")
        self.fill(email=email)
        self.press("Send reset link")
        self.sees_heading("Check your email")
        self.open(self.site.link(email, "reset-password"))

    # What they see

    def sees_heading(self, words: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(words)

    def sees_title(self, words: str) -> None:
        expect(self.page).to_have_title(f"{words} – Lighthouse")

    def sees_notice(self, words: str) -> None:
        expect(self.page.locator(".am-notice")).to_have_text(words)

    def sees_problem(self, words: str) -> None:
        """The summary has it as a link or a sentence, and has the focus."""
        summary = self.page.get_by_role("alert")
        expect(summary).to_contain_text(words)
        expect(summary).to_be_focused()

    def is_at(self, path: str) -> None:
        expect(self.page).to_have_url(self.site.base + path)

    @contextlib.contextmanager
    def staying(self) -> Iterator[None]:
        """With script: what happens inside opens no new document."""
        before = len(self.documents)
        yield
        if self.script:
            assert self.documents[before:] == [], "the browser left the page"

    def violations(self) -> list[str]:
        """What axe finds wrong with the page as it stands."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(axe_source())
        found: list[dict[str, Any]] = self.page.evaluate(
            """async () => (await axe.run(document, {
              runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']},
              resultTypes: ['violations'],
            })).violations.map((one) => ({id: one.id, at: one.nodes.map((node) => node.html + ' ' + node.failureSummary)}))"""
        )
        return [f"{one['id']}: {at}" for one in found for at in one["at"]]

    def look(
        self,
        *,
        width: int = WIDE,
        scheme: Scheme = "light",
        forced_colors: Literal["active", "none"] = "none",
        media: Literal["screen", "print"] = "screen",
    ) -> None:
        """Look at the page in another way; without arguments as it was at first."""
        if width != self._width:
            self.page.set_viewport_size({"width": width, "height": 800})
            self._width = width
        if (scheme, forced_colors, media) != self._light:
            self.page.emulate_media(color_scheme=scheme, forced_colors=forced_colors, media=media)
            self._light = (scheme, forced_colors, media)

    @property
    def answer(self) -> Response:
        """The last page of ours that the browser got."""
        return [each for each in self.answers if "text/html" in each.headers.get("content-type", "")][-1]

    # What must not happen

    def forgive_the_network(self) -> None:
        """A request was made to fail: that Chromium and htmx wrote so on the console is no trouble."""
        self.troubles[:] = [each for each in self.troubles if "net::ERR" not in each and "htmx:error" not in each]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED_ON_CONSOLE):
            self.troubles.append(f"console: {message.text}")

    def _see_request(self, request: Request) -> None:
        if request.is_navigation_request():
            self.documents.append(f"{request.method} {request.url}")
        if request.method == "POST":
            self.posts.append(request.url)
            self.sent.append(request)
        if not request.url.startswith((self.site.base + "/", "data:")):
            self.troubles.append(f"request to {request.url}")

    def _see_response(self, response: Response) -> None:
        if not response.url.startswith(f"{self.site.base}/auth/") or response.request.failure:
            return
        headers = response.headers
        if headers.get("x-of-a-gateway") or response.url.startswith(f"{self.site.base}/auth/static/"):
            return
        self.answers.append(response)
        if "text/html" in headers.get("content-type", ""):
            wrong = {name: headers.get(name) for name, value in HEADERS.items() if headers.get(name) != value}
            more = headers.keys() - HEADERS.keys() - MAY_ALSO_COME
            if wrong or more:
                self.troubles.append(f"headers of {response.url}: {wrong} {more}")
