"""The screens carrier: which address is which screen, what every page comes with, and the files beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from ..core.auth import AuthCore
from ..core.errors import AuthError, TooManyRequests
from ..core.feature import N_, Feature, Join, Screen
from . import carry, resources, words
from .carry import HeaderList, Receive, Scope, Send
from .languages import Languages
from .page import NAV, Page, SystemPage
from .policy import policy_with
from .theme import theme_css
from .ui_config import UIConfig
from .visit import ScreenVisit
from .words import Sentence, Words

HEADERS: HeaderList = carry.header_lines(
    {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Vary": "HX-Request, Cookie, Accept-Language",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), "
        "camera=(), microphone=(), geolocation=()",
    }
)
TRANSPORT: HeaderList = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]


class Screens:
    """The ASGI app that answers below `ui_path`."""

    def __init__(
        self, auth: AuthCore[Any], config: UIConfig, languages: Languages, *, letters: Sequence[Any] | None = None
    ) -> None:
        self.auth = auth
        self.base = auth.settings.ui_path
        self.config = replace(config, brand_name=config.brand_name or auth.settings.app_name)
        self.routes: dict[str, tuple[Feature, Screen]] = {
            screen.path: (feature, screen) for feature, screen in auth.screens
        }
        self.joins: dict[tuple[str, str], tuple[Feature, Join]] = {
            (join.path, join.name): (feature, join) for feature in auth.features for join in feature.joins
        }
        self.in_nav = sorted(
            (each for each in self.routes.values() if each[1].nav),
            key=lambda each: NAV.index(each[1].path) if each[1].path in NAV else len(NAV) - 1.5,
        )
        self.letters = letters
        policy = carry.header_lines({"Content-Security-Policy": policy_with(config.csp_extra)})
        self._headers = HEADERS + policy + (TRANSPORT if auth.settings.base_url.startswith("https://") else [])
        self.languages = languages
        self._assets: dict[str, str] = {}
        self._files: dict[str, resources.Asset] = {}
        auth.screens_mounted = True

    def href(self, path: str, next: str = "") -> str:
        return self.base + path + (f"?{urlencode({'next': next})}" if next else "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 4404})
            return
        path = carry.path_of(scope)
        if path.startswith("/static/") and scope["method"] in ("GET", "HEAD"):
            await self._send_file(scope, send, path.removeprefix("/static/"))
            return
        visit: ScreenVisit | None = None
        try:
            headers = carry.headers_of(scope)
            await self.auth.start()
            visit = ScreenVisit(self, scope, headers, carry.new_call(self.auth, scope), path)
            status, body, extra = await visit.answer(receive)
        except carry.Gone:
            return
        except Exception as error:  # noqa: BLE001 - answered as a page, whatever it is
            status, body, extra = self._fault(visit, error, path)
        call = visit.call if visit else None
        try:
            lines = [*self._headers, *extra, *carry.cookie_headers(call, status)]
            await carry.respond(send, status, lines, b"" if scope["method"] == "HEAD" else body)
        finally:
            if call is not None:
                self.auth.settle(call)

    def render(self, template: str, page: Page) -> bytes:
        if not self._files:
            self._load_files()
        context = {
            "lang": page.language.tag,
            "dir": page.language.dir,
            "theme": self.config.scheme,
            "ui": self.config,
            "base": self.base,
            "asset": self._assets.__getitem__,
            "theme_url": self._assets.get("theme.css"),
            "page": page,
        }
        page.put_in_words()
        templates = resources.templates(tuple(self.config.template_dirs), page.language)
        return templates.get_template(template).render(context).encode("utf-8", "replace")

    def _load_files(self) -> None:
        files = dict(resources.assets())
        if theme := theme_css(self.config):
            files["theme.css"] = resources.asset_of("theme.css", theme.encode())
        for plain, asset in files.items():
            self._assets[plain] = f"{self.base}/static/{asset.name}"
            self._files[asset.name] = asset

    async def _send_file(self, scope: Scope, send: Send, name: str) -> None:
        if not self._files:
            self._load_files()
        asset = self._files.get(name)
        if asset is None:
            await carry.respond(send, 404, [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")])
            return
        zipped = "gzip" in carry.headers_of(scope).get("accept-encoding", "")
        lines = carry.header_lines(
            {
                "Content-Type": asset.media_type,
                "Cache-Control": "public, max-age=31536000, immutable",
                "X-Content-Type-Options": "nosniff",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Vary": "Accept-Encoding",
                **({"Content-Encoding": "gzip"} if zipped else {}),
            }
        )
        body = asset.zipped if zipped else asset.body
        await carry.respond(send, 200, lines, b"" if scope["method"] == "HEAD" else body)

    def _fault(self, visit: ScreenVisit | None, error: Exception, where: str) -> tuple[int, bytes, HeaderList]:
        refused = carry.refusal(error, visit.call if visit else None)
        reference = None if refused else carry.log_fault(error, self.base + where)
        status = refused.status if refused else 500
        wait = refused.retry_after if isinstance(refused, TooManyRequests) else 0
        heading, sentence = words.page(status, code=refused.code if refused else "", wait=wait)
        data = SystemPage(
            heading=heading,
            sentences=(sentence,),
            reference=reference,
            action=self.way_forward(status, where, next=visit.next if visit else ""),
        )
        language = visit.language if visit else self.languages.first
        page = Page(screens=self, path=where, language=language, csrf_token="", data=data)
        with contextlib.suppress(AuthError):
            page.htmx = visit is not None and visit.htmx
        extra = carry.header_lines(refused.headers) if refused else []
        return status, self.render("system/message.html", page), extra

    def way_forward(self, status: int, path: str, *, next: str = "") -> tuple[Words, str]:
        if status in (403, 429, 503) and path in self.routes:
            return (N_("Reload the page"), self.href(path, next))
        if "/sign-in" in self.routes and status == 404:
            return (N_("Go to sign in"), self.base + "/sign-in")
        home = Sentence(N_("Go to {brand}"), {"brand": self.config.brand_name})
        return (home, self.auth.settings.after_sign_out)
