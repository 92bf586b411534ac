"""A browser window that notices what must not happen, and the words for what people do in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
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
        self,
        chromium: Browser,
        site: Site,
        *,
        script: bool = True,
        scheme: Scheme = "light",
        width: int = WIDE,
        agent: str | None = None,
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
            user_agent=agent,
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

    def forget(self) -> None:
        """Remember nothing of what was seen up to here."""
        for seen in (self.troubles, self.documents, self.posts, self.sent, self.answers):
            seen.clear()

    # What people do

    def open(self, path: str) -> None:
        self.page.goto(path)

    def fill(self, **fields: str) -> None:
        """Type into fields by their names."""
        for name, text in fields.items():
            self.type_into(self.page.locator(f"#{name}"), text)

    def press(self, button: str | re.Pattern[str]) -> None:
        self.activate(self.page.get_by_role("button", name=button, exact=True), by="Space")

    def follow(self, link: str) -> None:
        self.activate(self.page.get_by_role("link", name=link, exact=True), by="Enter")

    def check(self, box: str) -> None:
        self.activate(self.page.get_by_label(box, exact=True), by="Space")

    # How they do it: a mouse here, only keys in the subclass below.

    def type_into(self, field: Locator, text: str) -> None:
        field.fill(text)

    def activate(self, control: Locator, *, by: str) -> None:
        control.click()

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

    def hand_out_tokens(self, agent: str | None = None) -> str:
        """Have an app that calls itself `agent` act for whoever is signed in; return its refresh token."""
        named = {"user-agent": agent} if agent else {}
        answer = self.context.request.post("/api/auth/token/pair", data={}, headers={"origin": self.site.base, **named})
        assert answer.ok, answer.text()
        token: str = answer.json()["refreshToken"]
        return token

    def link_account(self) -> None:
        """Whoever is signed in can sign in by a provider too."""
        assert self.context.request.get("/link-account").ok

    def forget_password(self) -> None:
        """Whoever is signed in has no password from here on."""
        assert self.context.request.get("/forget-password").ok

    def grow_old(self) -> None:
        """Whoever is signed in has been so for an hour."""
        assert self.context.request.get("/grow-old").ok

    def open_reset_link(self, email: str) -> None:
        self.open("/auth/forgot-password")
        self.fill(email=email)
        self.press("Send reset link")
        self.sees_heading("Check your email")
        self.open(self.site.link(email, "reset-password"))

    # What they see

    def sees_heading(self, words: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(words)

    def sees_section(self, words: str) -> None:
        expect(self.page.get_by_role("heading", level=2, name=words)).to_be_visible()

    def sees_title(self, words: str) -> None:
        expect(self.page).to_have_title(f"{words} – Lighthouse")

    def sees_notice(self, words: str) -> None:
        expect(self.page.locator(".am-notice")).to_have_text(words)

    def sees_success(self, words: str, *, title: str) -> None:
        """The notice of something that was done in its place, where eyes, ears and focus are told of it."""
        self.sees_title(title)
        self.sees_notice(words)
        if self.script:
            expect(self.page.locator("#am-live")).to_have_text(words)
            expect(self.page.get_by_role("heading", level=1)).to_be_focused()
        else:
            expect(self.page.locator(".am-notice")).to_be_focused()

    def sees_mistake(self, words: str, *, title: str, field: str) -> None:
        """In the title, in the summary, which has the focus and leads to the field, and at the field."""
        self.sees_title(f"Error: {title}")
        self.sees_problem(words)
        told = self.page.get_by_role("alert").get_by_role("link", name=words)
        expect(told).to_have_attribute("href", f"#{field}")
        expect(self.page.locator(f"#{field}-error")).to_contain_text(words)
        expect(self.page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")

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

    def misses_no_script(self) -> None:
        """With script off nothing is in sight that would need it; with script it is there."""
        controls = self.page.locator("[data-am-script]")
        for number in range(controls.count()):
            expect(controls.nth(number)).to_be_visible(visible=self.script)

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


# Where the element stands, seen from the focus: 0 there, 1 further on, -1 further back.
TOWARDS = """(one) => {
  const focus = document.activeElement;
  if (one === focus) return 0;
  return focus && focus !== document.body && one.compareDocumentPosition(focus) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1;
}"""
MORE_THAN_ANY_PAGE_HAS = 400
"""Stops of Tab."""


class KeyboardWindow(Window):
    """The same window, for somebody who has Tab, Shift+Tab, Enter, Space and what one types with."""

    def type_into(self, field: Locator, text: str) -> None:
        self.go_to(field)
        self.page.keyboard.press("ControlOrMeta+a")
        if text:
            self.page.keyboard.insert_text(text)
        else:
            self.page.keyboard.press("Delete")

    def activate(self, control: Locator, *, by: str) -> None:
        self.go_to(control)
        self.page.keyboard.press(by)

    def go_to(self, wanted: Locator) -> None:
        """Press Tab, or Shift+Tab, until the focus is there."""
        for _ in range(MORE_THAN_ANY_PAGE_HAS):
            way: int = wanted.evaluate(TOWARDS)
            if way == 0:
                return
            self.page.keyboard.press("Tab" if way > 0 else "Shift+Tab")
        raise AssertionError(f"the keyboard does not get to {wanted}")


class KeptWindows:
    """A window for each site, for tests one after another. Opening one takes longer than most of what is done in it;
    whoever comes next finds the style sheets of the last one in it, and no cookies."""

    def __init__(self, make: Callable[[Site], Window]) -> None:
        self._make = make
        self._windows: dict[str, Window] = {}

    def __call__(self, site: Site) -> Window:
        window = self._windows.get(site.base)
        if window is None:
            window = self._windows[site.base] = self._make(site)
        window.context.clear_cookies()
        return window

    def throw_away(self, site: Site) -> None:
        """Something went wrong in that window: who comes next gets a new one."""
        window = self._windows.pop(site.base, None)
        if window is not None:
            window.close()

    def new_troubles(self) -> list[str]:
        """What has gone wrong in all of them since this was asked last."""
        found: list[str] = []
        for window in self._windows.values():
            found += window.troubles
            window.troubles.clear()
        return found

    def close(self) -> None:
        for window in self._windows.values():
            window.close()


@contextlib.contextmanager
def kept_windows(make: Callable[[Site], Window]) -> Iterator[KeptWindows]:
    windows = KeptWindows(make)
    yield windows
    windows.close()
    assert windows.new_troubles() == []
