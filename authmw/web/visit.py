"""One visit of a screen: form → the same input → the same operation → a page, or a way on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from ..core import sessions
from ..core.call import Call, SignedIn
from ..core.client_ip import is_this_machine
from ..core.errors import AuthError, SessionNotFresh, TooManyRequests, Unauthorized
from ..core.feature import N_, Feature, Handler, Join, Screen, Visit
from ..core.inputs import is_email
from ..core.operation import Operation, Outcome, StepRequired, operation_of
from ..core.origin import check_origin, is_relative
from ..core.pictures import PictureTooLarge
from . import carry, words
from .carry import HeaderList, Receive, Scope
from .form import OWN_KEYS, left_empty, values_for, wrongs
from .languages import Language
from .notes import Notes
from .page import LanguageLink, Mailbox, NavItem, Page, SystemPage, Wrong, extra_field
from .words import Sentence, Words

if TYPE_CHECKING:
    from .screens import Screens

# Whoever uses this computer next finds no page and nothing that one left in the browser (SEC-173).
FORGET: HeaderList = [(b"clear-site-data", b'"cache", "storage"')]
# What a name in a query has in it when its value may open something: that is never repeated in an address on a page.
SECRET_WORDS = ("token", "code", "secret", "password", "state", "otp")
SPENT_LINK = frozenset({"INVALID_TOKEN", "TOKEN_EXPIRED", "USER_NOT_FOUND"})


class StaleForm(AuthError):
    """The form's token is missing, forged or too old."""

    status = 403
    code = "INVALID_ORIGIN"


class Answer(Exception):
    """The answer is decided: leave for another page. Raised, so that no later step runs."""

    def __init__(self, location: str, *, headers: HeaderList | None = None) -> None:
        super().__init__(location)
        self.location = location
        self.headers = headers or []


class ScreenVisit:
    """One request for one screen."""

    def __init__(self, screens: Screens, scope: Scope, headers: Mapping[str, str], call: Call[Any], path: str) -> None:
        self.screens, self.auth, self.base = screens, screens.auth, screens.base
        self.scope, self.headers, self.call, self.path = scope, headers, call, path
        self.notes = Notes(call, self.base)
        self.htmx = headers.get("hx-request") == "true"
        self.query: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.next = self.back = ""
        languages = screens.languages
        self.language = languages.first
        if languages.is_choice:
            kept = languages.named(self.notes.language())
            self.language = kept or languages.accepted(headers.get("accept-language", ""))

    async def answer(self, receive: Receive) -> tuple[int, bytes, HeaderList]:
        """Return status, body and further headers. Raise what becomes a system page."""
        self.query = {key: value for key, value in carry.query_of(self.scope).items() if isinstance(value, str)}
        self.next = self._checked_next(self.query.get("next", ""))
        self._turn_to(self.query.get("lang", ""))
        found = self.screens.routes.get(self.path) if carry.is_plain(self.scope) else None
        method = self.scope["method"]
        try:
            if found is None:
                return await self._system_screen(method)
            feature, screen = found
            if not feature.offers(screen):
                return self._closed()
            if method in ("GET", "HEAD"):
                return await self._show(feature, screen)
            if method == "POST":
                return await self._submit(feature, screen, receive)
        except Answer as way:
            status, body, lines = self._leave(way.location)
            return status, body, [*lines, *way.headers]
        return self._message(404)

    async def _show(self, feature: Feature, screen: Screen) -> tuple[int, bytes, HeaderList]:
        if screen.submits and _bound(feature, screen.submits).route.path in self.auth.settings.disabled_paths:
            return self._message(404)
        if screen.takes_token and "token" in self.query:  # first of all: signing in on the way must not lose it
            self.notes.keep_token(screen, self.query["token"])
            raise Answer(self.screens.href(screen.path, self.next))
        signed_in = await self.call.identify(cached=not screen.is_private)
        self._admit(screen, signed_in)
        if screen.entrance and signed_in is not None and not (self.auth.keeps_several and "another" in self.query):
            raise Answer(self.next or self.auth.settings.after_sign_in)
        if screen.renews and self.next and signed_in is not None and self._is_fresh(signed_in):
            raise Answer(self.next)
        notice = self.notes.take_notice()
        if notice is None and self.next:
            notice = words.NOTICES.get(screen.asked)
        try:
            data = await self._load(feature, screen)
        except AuthError as refused:
            return self._refused_load(screen, refused)
        values = {"email": self.notes.typed()}
        return self._page(screen, 200, data=data, notice=notice, values=values, problems=self._brought_along())

    def _brought_along(self) -> list[Wrong]:
        """What went wrong on the way here, by the code that a provider or a link left in the address."""
        if "error" not in self.query:
            return []
        heading, sentence = words.error(self.query["error"])
        told = Sentence(N_("{what}. {advice}"), {"what": Sentence(heading), "advice": Sentence(sentence)})
        return [Wrong(field=None, message=told)]

    async def _submit(self, feature: Feature, screen: Screen, receive: Receive) -> tuple[int, bytes, HeaderList]:
        self._check_origin()
        try:
            form = await self._read_form(screen, receive)
        except PictureTooLarge as refused:
            if screen.submits is None:
                raise
            return await self._refused(feature, screen, _bound(feature, screen.submits), refused, {})
        if form is None:
            return self._message(400)
        self.next = self._checked_next(form.get("next", "")) or self.next
        self.back = self._checked_next(form.get("back", ""))
        signed_in = await self.call.identify(cached=not screen.is_private)
        self._check_form(form, signed_in)
        self._admit(screen, signed_in)
        which = form.get("with", "")
        owner, join = self.screens.joins.get((screen.path, which), (feature, None))
        handler = join.submits if join else screen.others.get(which) if which else screen.submits
        if handler is None:
            return self._message(404)
        operation = _bound(owner, handler)
        if operation.route.path in self.auth.settings.disabled_paths:
            return self._message(404)
        hidden = {*OWN_KEYS, *screen.secrets, *screen.files}
        values = {key: value for key, value in form.items() if key not in hidden or key == "lang"}
        if is_email(values.get("email", "")):
            self.notes.keep_typed(values["email"])
        self.call.callback_url = self.next or None
        try:
            wrong = left_empty(screen, operation, form, default=not which)
            if wrong:
                return await self._again(feature, screen, 422, wrong, values)
            if which == "send" and (wait := self.notes.pause()):
                raise TooManyRequests(wait)
            await carry.count_call(self.call, operation)
            token = self.notes.token(screen)
            given = values_for(screen, operation, form, own=self.auth.own_columns, token=token) | self.files
            result = await carry.perform(self.call, operation, given)
        except AuthError as refused:
            return await self._refused(feature, screen, operation, refused, values)
        if operation.route.sends_mail:
            self.notes.sent()
        turned = self._turn_to(form.get("lang", ""))
        return await self._succeeded(feature, screen, which, result, join=join, before=signed_in, turned=turned)

    async def _read_form(self, screen: Screen, receive: Receive) -> dict[str, str] | None:
        """Return what was typed, and keep the files; None for a body that is no form."""
        kind = self.headers.get("content-type", "")
        if kind.lower().startswith(carry.FORM):
            return carry.decode_form(await carry.read_body(self.scope, receive, self.headers))
        if not screen.files or not kind.lower().startswith(carry.FORM_WITH_FILES):
            return None
        # So much is read of people who are signed in, and of nobody else.
        self._admit(screen, await self.call.identify(cached=not screen.is_private))
        try:
            body = await carry.read_body(
                self.scope, receive, self.headers, largest=carry.LARGEST_UPLOAD, drain=carry.LARGEST_DRAIN
            )
        except carry.BodyTooLarge as reason:
            if reason.headers:  # even for that too large
                raise
            raise PictureTooLarge from reason
        found = carry.decode_files(body, kind)
        self.files = {key: value for key, value in found.items() if isinstance(value, bytes) and key in screen.files}
        return {key: value for key, value in found.items() if isinstance(value, str) and key not in screen.files}

    async def _succeeded(
        self,
        feature: Feature,
        screen: Screen,
        which: str,
        result: Any,
        *,
        join: Join | None,
        before: SignedIn[Any] | None,
        turned: bool,
    ) -> tuple[int, bytes, HeaderList]:
        if screen.takes_token and not which:
            self.notes.drop_token()
        if self.call.started is not None and not screen.is_private:
            raise Answer(self.next or self.auth.settings.after_sign_in)
        if isinstance(result, StepRequired):
            raise Answer(self.screens.href(result.screen, self.next))
        notice = screen.notices.get(which, screen.notice) if which else screen.notice
        places = () if which else screen.then
        if join is not None:
            notice, places = join.notice, join.then
        if isinstance(result, Outcome):
            notice, places = result.notice, result.then
        person = await self.call.identify()
        gone = FORGET if screen.is_private and person is None else []
        for place in places:
            if place == "next" and (self.next or person is not None):
                self.notes.leave_notice(notice)
                raise Answer(self.next or self.auth.settings.after_sign_in, headers=gone)
            if place == "sign-out":
                self.notes.leave_notice(notice)
                raise Answer(self.next or self.auth.settings.after_sign_out, headers=FORGET)
            path, _, query = place.partition("?")
            target = self.screens.routes.get(path)
            if target is not None and (person is not None or not target[1].is_private):
                self.notes.leave_notice(screen.notices.get(place, notice))
                raise Answer(self.base + place if query else self.screens.href(path, self.next), headers=gone)
        # For somebody else, or in another language, a whole page is drawn: of the one before, the head would stay.
        is_another = before is not None and (person is None or person.user.id != before.user.id)
        if not self.htmx or is_another or turned:
            self.notes.leave_notice(notice)
            raise Answer(self.screens.href(screen.path, self.next))
        data = await self._load(feature, screen)
        return self._page(
            screen, 200, data=data, notice=words.NOTICES.get(notice), values={"email": self.notes.typed()}
        )

    async def _refused(
        self, feature: Feature, screen: Screen, operation: Operation, refused: AuthError, values: Mapping[str, str]
    ) -> tuple[int, bytes, HeaderList]:
        self._lead_on(screen, refused)
        if screen.takes_token and self.notes.token(screen) and refused.code in SPENT_LINK:
            return self._spent(screen)
        status = refused.status if refused.status in (429, 503) else 422
        wait = refused.retry_after if isinstance(refused, TooManyRequests) else None
        answer = await self._again(feature, screen, status, self._told(refused, operation), values, wait=wait)
        return answer[0], answer[1], [*answer[2], *carry.header_lines(refused.headers)]

    async def _again(
        self,
        feature: Feature,
        screen: Screen,
        status: int,
        problems: Sequence[Wrong],
        values: Mapping[str, str],
        *,
        wait: int | None = None,
    ) -> tuple[int, bytes, HeaderList]:
        """The same screen, with what was typed and what is wrong with it."""
        try:
            data = await self._load(feature, screen)
        except AuthError as refused:
            return self._refused_load(screen, refused)
        return self._page(
            screen, status, data=data, problems=problems, values={"email": self.notes.typed(), **values}, wait=wait
        )

    async def _load(self, feature: Feature, screen: Screen) -> Any:
        if screen.loads is None:
            return None
        load = getattr(feature, screen.loads.__name__)
        visit = Visit(query=self.query, token=self.notes.token(screen), email=self.notes.typed())
        data = await load(self.call, visit)
        if hasattr(data, "can_resend_in"):
            data = replace(data, can_resend_in=self.notes.pause())
        return data

    def _refused_load(self, screen: Screen, refused: AuthError) -> tuple[int, bytes, HeaderList]:
        self._lead_on(screen, refused)
        if screen.takes_token and refused.code in SPENT_LINK:
            return self._spent(screen)
        raise refused

    def _lead_on(self, screen: Screen, refused: AuthError) -> None:
        """Some refusals have a screen that leads out of them."""
        if isinstance(refused, Unauthorized):
            self._require(None)
        target = self.screens.routes.get(refused.screen or "")
        if target is None or target[1] is screen:
            return
        if self.call.letters:
            self.notes.sent()  # the letter that leads out of the refusal
        # From a fresh proof people come back to where they were; the form they sent is not sent again for them.
        raise Answer(self.screens.href(target[1].path, self.base + self.path if target[1].renews else self.next))

    def _spent(self, screen: Screen) -> tuple[int, bytes, HeaderList]:
        """410: which link it was, and one button for a new one."""
        self.notes.drop_token()
        heading, sentence = words.PAGES[410]
        target = self.screens.routes.get(screen.expired)
        form: tuple[Words, str, Mapping[str, str]] | None = None
        action: tuple[Words, str] | None = (N_("Ask for a new link"), self.base + screen.expired)
        email = self.notes.typed()
        if target is not None and email:
            hidden = {"email": email, **({"with": "send"} if "send" in target[1].others else {})}
            form, action = (N_("Send a new one"), self.base + screen.expired, hidden), None
        data = SystemPage(heading=heading, sentences=(sentence,), form=form, action=action)
        return 410, self._render("system/message.html", self._new_page(screen.path, data=data)), []

    async def _system_screen(self, method: str) -> tuple[int, bytes, HeaderList]:
        if method in ("GET", "HEAD") and self.path == "/error":
            heading, sentence = words.error(self.query.get("error", ""))
            action = self.screens.way_forward(404, self.path)
            return self._message(200, SystemPage(heading=heading, sentences=(sentence,), action=action))
        if method in ("GET", "HEAD") and self.path == "/dev/mail" and self._is_own_machine():
            page = self._new_page(self.path, data=Mailbox(letters=tuple(self.screens.letters or ())))
            return 200, self._render("dev/mail.html", page), []
        if method in ("GET", "HEAD") and self.path in ("", "/"):
            signed_in = await self.call.identify()
            raise Answer(self.base + ("/settings/profile" if signed_in else "/sign-in"))
        return self._message(404)

    def _is_own_machine(self) -> bool:
        """Is the mailbox asked for by somebody who sits at this machine? It holds live links: a forgotten base URL, a
        tunnel, or another site's name that points here must not open it."""
        if self.screens.letters is None or not self.auth.settings.is_loopback:
            return False
        peer = self.scope.get("client")
        return is_this_machine(peer[0] if peer else None, self.headers)

    def _message(self, status: int, data: SystemPage | None = None) -> tuple[int, bytes, HeaderList]:
        if data is None:
            heading, sentence = words.PAGES[status]
            data = SystemPage(
                heading=heading, sentences=(sentence,), action=self.screens.way_forward(status, self.path)
            )
        return status, self._render("system/message.html", self._new_page(self.path, data=data)), []

    def _page(
        self,
        screen: Screen,
        status: int,
        *,
        data: Any,
        values: Mapping[str, str],
        problems: Sequence[Wrong] = (),
        notice: str | None = None,
        wait: int | None = None,
    ) -> tuple[int, bytes, HeaderList]:
        page = self._new_page(screen.path, data=data)
        page.values, page.problems, page.notice, page.wait = values, problems, notice, wait
        page.takes_files = bool(screen.files)
        page.fields = tuple(extra_field(column, page.person) for column in self.auth.own_columns if column.rules.sent)
        return status, self._render(screen.template, page), []

    def _new_page(self, path: str, *, data: Any) -> Page:
        person = self.call.signed_in.user if self.call.is_somebody else None
        nav = [
            NavItem(label=screen.nav, href=self.base + screen.path, current=screen.path == path)
            for feature, screen in self.screens.in_nav
            if screen.nav and feature.offers(screen)
        ]
        return Page(
            screens=self.screens,
            path=path,
            language=self.language,
            languages=[self._language_link(each) for each in self.screens.languages.all] if self._may_choose else (),
            back=self._back(),
            csrf_token=self.notes.form_token(person=person.id if person else "", link=self._link(path)),
            next=self.next,
            htmx=self.htmx,
            data=data,
            person=person,
            nav=nav if person else (),
        )

    @property
    def _may_choose(self) -> bool:
        return self.screens.languages.is_choice and carry.is_plain(self.scope)

    def _language_link(self, language: Language) -> LanguageLink:
        """This page in another language, at the address it has: what opens something is left out of it (SEC-030)."""
        kept = {
            key: value for key, value in self.query.items() if not any(word in key.lower() for word in SECRET_WORDS)
        }
        query = {**kept, **({"next": self.next} if self.next else {}), "lang": language.tag}
        return LanguageLink(
            code=language.tag,
            label=language.name,
            href=f"{quote(self.base + self.path)}?{urlencode(query)}",
            current=language is self.language,
        )

    def _back(self) -> str:
        """Where a person who changes their mind goes: the page before this one, when it was one of this site."""
        profile = "/settings/profile"
        other = self.base + profile if profile in self.screens.routes else self.auth.settings.after_sign_in
        before = urlsplit(self.headers.get("referer", ""))
        came = f"{before.path}?{before.query}" if before.query else before.path
        ours = f"{before.scheme}://{before.netloc}" == self.auth.settings.origin
        back = self.back or (came if ours else "")
        elsewhere = before.path not in (self.base + self.path, self.next.partition("?")[0])
        return self._checked_next(back) if back and (self.back or elsewhere) and is_relative(back) else other

    def _render(self, template: str, page: Page) -> bytes:
        return self.screens.render(template, page)

    def _admit(self, screen: Screen, signed_in: SignedIn[Any] | None) -> None:
        """Let through who may see this screen; send others where they can become who may."""
        if screen.is_private:
            self._require(signed_in)
        if screen.fresh and signed_in is not None and not self._is_fresh(signed_in):
            self._lead_on(screen, SessionNotFresh())

    def _is_fresh(self, signed_in: SignedIn[Any]) -> bool:
        try:
            sessions.require_fresh(self.call, signed_in.session, window=self.auth.settings.screens_window)
        except SessionNotFresh:
            return False
        return True

    def _require(self, signed_in: SignedIn[Any] | None) -> None:
        if signed_in is None:
            self.notes.leave_notice("sign-in-first")
            # Signing in is as fresh as proofs get: no need to stop at the screen that asks for one.
            screen = self.screens.routes[self.path][1]
            here = self.next if screen.renews and self.next else self.base + self.path
            raise Answer(self.screens.href("/sign-in", here))

    def _leave(self, location: str) -> tuple[int, bytes, HeaderList]:
        if self.htmx:
            return 200, b"", [(b"hx-redirect", location.encode("latin-1"))]
        return 303, b"", [(b"location", location.encode("latin-1"))]

    def _link(self, path: str) -> str:
        """The mailed token that a page at `path` speaks of, or ""."""
        _, screen = self.screens.routes.get(path, (None, None))
        return self.notes.token(screen) or ""

    def _turn_to(self, tag: str) -> bool:
        """Go on in this language, where it is one to choose. Say whether that is another than before."""
        asked = self.screens.languages.named(tag)
        if asked is None:
            return False
        before, self.language = self.language, asked
        self.notes.keep_language(asked.tag)
        return asked is not before

    def _check_origin(self) -> None:
        """Before anything is read of a form that another site sends."""
        try:
            check_origin({**self.headers, "cookie": ""}, self.auth.settings.origins)
        except AuthError as refused:
            self.call.event("security.origin_refused", outcome="denied", reason=refused.code)
            raise

    def _check_form(self, form: Mapping[str, str], signed_in: SignedIn[Any] | None) -> None:
        person = signed_in.user.id if signed_in else ""
        given = form.get("csrf_token", "")
        if not self.notes.form_token_is_good(given, person=person, link=self._link(self.path)):
            self.call.event("security.origin_refused", outcome="denied", reason="form token")
            raise StaleForm

    def _told(self, refused: AuthError, operation: Operation) -> list[Wrong]:
        links = tuple(
            (text, self.screens.href(path, self.next))
            for text, path in words.LINKS.get(refused.code, {}).values()
            if path in self.screens.routes
        )
        found = wrongs(refused, operation, self.auth.passwords)
        return [replace(wrong, links=links) for wrong in found] if links else found

    def _closed(self) -> tuple[int, bytes, HeaderList]:
        if self.path not in words.CLOSED:
            return self._message(404)
        heading, sentence = words.CLOSED[self.path]
        action = self.screens.way_forward(404, self.path)
        return self._message(403, SystemPage(heading=heading, sentences=(sentence,), action=action))

    def _checked_next(self, given: str) -> str:
        return given if given and is_relative(given) else ""


def _bound(feature: Feature, handler: Handler) -> Operation:
    """The operation of this feature that a screen declared by its function."""
    operation = operation_of(getattr(feature, handler.__name__))
    if operation is None:
        raise TypeError(f"a screen of {feature.name} submits {handler.__name__}, which is no operation")
    return operation
