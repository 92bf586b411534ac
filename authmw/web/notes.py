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

    def form_token(self, *, person: str, link: str) -> str:
        """A token that only a page of ours, opened in this browser within the last hours, can hold.

        It knows whose page that was (a user's id) and which mailed link it spoke of; "" for none.
        """
        browser = self._get("ui_browser")
        if browser is None:
            browser = random_text(32)
            self._set("ui_browser", browser, None)
        said = f"{int(self.call.now.timestamp())}.{self._mark(person)}.{self._mark(link)}"
        return f"{said}.{self.call.auth.secrets.fingerprint('form', browser, said)}"

    def form_token_is_good(self, token: str, *, person: str, link: str) -> bool:
        """Somebody else who has signed in since, or another link that was opened, makes it a form of another page.
        Nobody and nothing do not: those have answers of their own."""
        browser = self._get("ui_browser")
        said, _, given = token.rpartition(".")
        made, _, about = said.partition(".")
        its_person, _, its_link = about.partition(".")
        if browser is None or not (made.isascii() and made.isdigit() and len(made) < 12):
            return False
        if not 0 <= self.call.now.timestamp() - int(made) + 1 < FORM_LIFETIME:
            return False
        expected = self.call.auth.secrets.fingerprint("form", browser, said)
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            return False
        is_theirs = not (its_person and person) or its_person == self._mark(person)
        return is_theirs and (not (its_link and link) or its_link == self._mark(link))

    def _mark(self, of: str) -> str:
        return self.call.auth.secrets.fingerprint("form-about", of)[:16] if of else ""

    def token(self, screen: Screen | None) -> str | None:
        if screen is None or not screen.takes_token:
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
            self._set("ui_notice", f"{int(self.call.now.timestamp())}|{notice}", NOTICE_LIFETIME)

    def take_notice(self) -> str | None:
        kept = self._get("ui_notice")
        if kept is None:
            return None
        self.call.cookies.expire(self.call.auth.cookie_name("ui_notice"), path=self.base)
        left, _, notice = kept.partition("|")
        is_new = left.isdigit() and self.call.now.timestamp() < int(left) + NOTICE_LIFETIME
        return words.NOTICES.get(notice) if is_new else None

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
