"""What a browser keeps between two screens, in signed cookies that only the screens get."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import unquote

from ..core.call import Call
from ..core.feature import Screen
from ..core.secrets import random_text
from . import words

FORM_LIFETIME = 12 * 3600  # seconds a form may stay open
TOKEN_LIFETIME = 600  # seconds a mailed token waits in its cookie
TYPED_LIFETIME = 900  # seconds the last typed address is remembered
LANGUAGE_LIFETIME = 365 * 86400  # seconds a chosen language is remembered
NOTICE_LIFETIME = 60  # seconds until a notice that nobody came to read is old
SEND_PAUSE = 60  # seconds between two letters that a person asks for


class Notes:
    """The notes of one browser, read and written with one call."""

    def __init__(self, call: Call[Any], base: str) -> None:
        self.call, self.base = call, base

    def keep_token(self, screen: Screen, token: str) -> None:
        """A mailed token, out of the address bar, the history and every Referer (SEC-030)."""
        self._set("ui_token", f"{screen.path}|{token}", TOKEN_LIFETIME)

    def drop_token(self) -> None:
        self.call.cookies.expire(self.call.auth.cookie_name("ui_token"), path=self.base)

    def keep_typed(self, email: str) -> None:
        self._set("ui_email", email, TYPED_LIFETIME)

    def form_token(self) -> str:
        """A token that only a page of ours, opened in this browser within the last hours, can hold."""
        browser = self._get("ui_browser")
        if browser is None:
            browser = random_text(32)
            self._set("ui_browser", browser, None)
        made = str(int(self.call.now.timestamp()))
        return f"{made}.{self.call.auth.secrets.fingerprint('form', browser, made)}"

    def form_token_is_good(self, token: str) -> bool:
        browser = self._get("ui_browser")
        made, _, given = token.partition(".")
        if browser is None or not (made.isascii() and made.isdigit() and len(made) < 12):
            return False
        if not 0 <= self.call.now.timestamp() - int(made) + 1 < FORM_LIFETIME:
            return False
        expected = self.call.auth.secrets.fingerprint("form", browser, made)
        return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))

    def token(self, screen: Screen) -> str | None:
        if not screen.takes_token:
            return None
        path, bar, token = (self._get("ui_token") or "").partition("|")
        return token if bar and path == screen.path else None

    def typed(self) -> str:
        return self._get("ui_email") or ""

    def keep_language(self, tag: str) -> None:
        self._set("ui_language", tag, LANGUAGE_LIFETIME)

    def language(self) -> str:
        return self._get("ui_language") or ""

    def sent(self) -> None:
        """From now on the next letter has to wait, whether there was anybody to write to or not."""
        self._set("ui_sent", str(int(self.call.now.timestamp())), SEND_PAUSE)

    def pause(self) -> int:
        sent = self._get("ui_sent")
        if sent is None or not sent.isdigit():
            return 0
        return max(0, min(SEND_PAUSE, int(sent) + SEND_PAUSE - int(self.call.now.timestamp())))

    def leave_notice(self, notice: str) -> None:
        if notice:
            self._set("ui_notice", notice, NOTICE_LIFETIME)

    def take_notice(self) -> str | None:
        notice = self._get("ui_notice")
        if notice is None:
            return None
        self.call.cookies.expire(self.call.auth.cookie_name("ui_notice"), path=self.base)
        return words.NOTICES.get(notice)

    def _set(self, name: str, value: str, max_age: int | None) -> None:
        """Write a signed cookie that only the screens get."""
        signed = self.call.auth.secrets.sign_as(f"cookie:{name}", value)
        self.call.cookies.set(self.call.auth.cookie_name(name), signed, max_age=max_age, path=self.base)

    def _get(self, name: str) -> str | None:
        """Read a cookie of ours, also one that this answer is about to set."""
        full = self.call.auth.cookie_name(name)
        change = self.call.cookies.changes.get((full, self.base))
        value = unquote(change.value) if change else self.call.cookies.get(full)
        return self.call.auth.secrets.unsign_as(f"cookie:{name}", value) if value else None
