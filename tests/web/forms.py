"""Every form of the screens, as the pages have it, and a person who stands before it and may send anything."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote_plus, unquote, urljoin, urlsplit

from PIL import Image

from authmw import Auth, ServerOnly
from authmw.core.feature import Screen
from authmw.core.inputs import input_fields
from authmw.core.model import Account as AccountRow
from authmw.core.operation import Operation, operation_of
from authmw.features.jwt import FAMILY
from authmw.features.multi_session import MARK
from tests.browser.site import Keeper, every_feature, required_fields
from tests.support import ORIGIN, PASSWORD, Browser, Clock, browser, make_auth, outbox_of, plain_app, serving
from tests.web.raw import Answer, Header, ask

ANN, BOB, NEW = "ann@example.com", "bob@example.com", "new@example.com"
NEW_PASSWORD = "another horse battery"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
HTMX: list[Header] = [("hx-request", "true")]
OWN_KEYS = ("csrf_token", "next", "back", "with")
SEND: dict[str, Any] = {"with": "send"}
Pairs = Sequence[tuple[str, str | bytes]]
Rows = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Member(Keeper):
    """A person of an application, with fields that no form may set."""

    role: str = field(default="user", metadata=ServerOnly())
    banned: bool = field(default=False, metadata=ServerOnly())


# What a page holds


@dataclass(frozen=True, kw_only=True)
class Field:
    name: str
    kind: str
    """The type of an `input`, or "select", "textarea"."""
    hidden: bool
    values: tuple[str, ...] = ()
    """What it holds; of radios and selects, what can be chosen."""
    ticked: bool = False


@dataclass(frozen=True, kw_only=True)
class Form:
    action: str
    method: str
    encoding: str
    fields: Mapping[str, Field]
    buttons: tuple[str, ...]
    """The values of the buttons that are named `with`."""

    def does(self, which: str) -> bool:
        """Is this the form, or one with the button, for that operation?"""
        hidden = self.fields.get("with")
        return which in self.buttons if self.buttons and which else which == (hidden.values[0] if hidden else "")

    def is_about(self, start: str) -> bool:
        """Does it carry something that begins so?"""
        carried = [value for each in self.fields.values() if each.hidden for value in each.values]
        return not start or any(value.startswith(start) for value in carried)


class Page(HTMLParser):
    """Title, forms, and every address on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.title = ""
        self.forms: list[Form] = []
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self._in_title = False
        self._tag: dict[str, str] = {}
        self._fields: dict[str, Field] | None = None
        self._buttons: list[str] = []
        self._select = ""
        self.feed(html)

    def form(self, action: str, which: str, *, about: str = "") -> Form | None:
        found = (each for each in self.forms if each.action == action and each.does(which))
        return next((each for each in found if each.is_about(about)), None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        names = ("href", "action", "formaction", "src", "srcset", "hx-post", "hx-get")
        self.addresses += [given[name] for name in names if name in given and not given[name].startswith("data:")]
        if given.get("http-equiv", "").lower() == "refresh":
            self.addresses.append(given["content"].partition("url=")[2])
        self.ids.add(given.get("id", ""))
        if tag == "title":
            self._in_title = True
        elif tag == "form":
            self._tag, self._fields, self._buttons = given, {}, []
        elif tag == "option" and self._select and self._fields is not None:
            known = self._fields[self._select]
            self._fields[self._select] = replace(known, values=(*known.values, given.get("value", "")))
        elif self._fields is not None and given.get("name"):
            self._control(tag, given, self._fields)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag == "select":
            self._select = ""
        elif tag == "form" and self._fields is not None:
            form = Form(
                action=self._tag.get("action", ""),
                method=self._tag.get("method", "get"),
                encoding=self._tag.get("enctype", URLENCODED),
                fields=self._fields,
                buttons=tuple(self._buttons),
            )
            self.forms.append(form)
            self._fields = None

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data

    def _control(self, tag: str, given: Mapping[str, str], fields: dict[str, Field]) -> None:
        name, kind = given["name"], given.get("type", "text") if tag == "input" else tag
        if tag == "button":
            assert name == "with", f"a button named {name}"
            self._buttons.append(given["value"])
            return
        earlier = fields[name].values if kind == "radio" and name in fields else ()
        hidden, value = kind == "hidden" or "hidden" in given, given.get("value", "")
        values = () if tag == "select" else (*earlier, value)
        fields[name] = Field(name=name, kind=kind, hidden=hidden, values=values, ticked="checked" in given)
        self._select = name if tag == "select" else ""


def lands_on(address: str, page: str = ORIGIN + "/auth/sign-in") -> str:
    """The origin to which a browser goes from an `address` (WHATWG URL: blanks, tabs and backslashes)."""
    address = re.sub(r"[\t\r\n]", "", address).strip("".join(map(chr, range(33)))).replace("\\", "/")
    if address.startswith("//"):
        address = "//" + address.lstrip("/")
    parts = urlsplit(urljoin(page, address))
    return f"{parts.scheme}://{parts.netloc}"


# Which forms there are, and how people get before them


Way = Callable[["Place"], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One form in one situation. `which` is what it sends as `with`."""

    path: str
    which: str
    way: str = ""
    private: bool
    by_link: bool
    """It is opened from a letter."""
    strict: bool
    """Addresses must be confirmed before anybody signs in, and deletions by mail."""

    def __str__(self) -> str:
        words = (self.path, self.which, self.way, "strict" if self.strict else "open")
        return " ".join(filter(None, words))


async def as_nobody(place: Place) -> None:
    place.ann.cookies.clear()


async def unconfirmed(place: Place) -> None:
    place.ann.cookies.clear()
    await place.auth.database.update(Member, {"email": ANN}, email_verified=False)


async def typed_before(place: Place) -> None:
    place.ann.cookies.clear()
    await place.ann.submit("/sign-in", email=ANN, password="wrong")


async def by_link(place: Place) -> None:
    """Open the last letter that Ann was sent, in her browser."""
    await place.auth.mail.idle()
    await place.ann.get(outbox_of(place.auth).messages[-1].context["url"])


async def by_reset_link(place: Place) -> None:
    await typed_before(place)
    await place.ann.submit("/forgot-password", email=ANN)
    await by_link(place)


async def by_magic_link(place: Place) -> None:
    place.ann.cookies.clear()
    await place.ann.submit("/sign-in/magic-link", email=ANN, **SEND)
    await by_link(place)


async def by_sign_in_code(place: Place) -> None:
    place.ann.cookies.clear()
    fields: dict[str, Any] = {"with": "code", "email": ANN}
    await place.ann.submit("/sign-in", **fields)
    await place.auth.mail.idle()
    place.typed["code"] = outbox_of(place.auth).last("email-otp").context["otp"]


async def by_change_link(place: Place) -> None:
    await place.auth.database.update(Member, {"email": ANN}, email_verified=True)
    await place.ann.submit("/settings/email", newEmail=NEW)
    await by_link(place)


async def by_deletion_link(place: Place) -> None:
    await place.ann.submit("/settings/delete", **SEND)
    await by_link(place)


async def while_a_change_waits(place: Place) -> None:
    await place.ann.submit("/settings/email", newEmail=NEW)


async def without_password(place: Place) -> None:
    await place.auth.database.delete(AccountRow, provider_id="credential")


async def with_a_mailed_code(place: Place) -> None:
    await without_password(place)
    await place.ann.submit("/reauth", **SEND)
    await place.auth.mail.idle()
    place.typed["code"] = outbox_of(place.auth).messages[-1].context["otp"]


async def with_a_linked_account(place: Place) -> None:
    (row,) = await place.auth.database.find_all(AccountRow)
    await place.auth.database.insert(replace(row, id="linked", provider_id="github", password=None))


async def with_a_picture(place: Place) -> None:
    await place.auth.database.update(Member, {"email": ANN}, image="data:image/png;base64,iVBORw0KGgo=")


async def with_bob_too(place: Place) -> None:
    await place.ann.sign_up(BOB, "Bob")
    await place.auth.database.update(Member, {"email": BOB}, email_verified=True)
    await place.ann.sign_in(BOB)
    place.auth.clock.forward(seconds=1)  # type: ignore[attr-defined]  # he is the first of the two
    await place.ann.sign_in(ANN)


async def to_be_bob_too(place: Place) -> None:
    """Ann is signed in, and Bob is about to be, in the same browser."""
    await place.phone.sign_up(BOB, "Bob")
    await place.auth.database.update(Member, {"email": BOB}, email_verified=True)
    await place.phone.sign_in(ANN)
    place.query, place.typed["email"] = "?another=1", BOB


async def with_an_app(place: Place) -> None:
    assert (await place.ann.api("/token/pair", {})).status_code == 200
    place.about = FAMILY


async def as_she_is(place: Place) -> None:
    """Signed in."""


WAYS: Mapping[tuple[str, str], Sequence[tuple[str, Way, Sequence[bool]]]] = {
    ("/sign-in", ""): [("", as_nobody, [False, True]), ("another", to_be_bob_too, [False, True])],
    ("/check-email", "send"): [("unknown", as_nobody, [False]), ("known", typed_before, [False, True])],
    ("/reset-password", ""): [("", by_reset_link, [False, True])],
    ("/sign-in/magic-link", "send"): [("unknown", as_nobody, [False]), ("known", typed_before, [False, True])],
    ("/magic-link", ""): [("", by_magic_link, [False, True])],
    ("/email-code", ""): [("", by_sign_in_code, [False, True])],
    ("/email-code", "send"): [("unknown", as_nobody, [False]), ("known", typed_before, [False, True])],
    ("/verify-email", ""): [("confirm", by_link, [False]), ("agree", by_change_link, [False])],
    ("/verify-email", "send"): [("unknown", unconfirmed, [False, True]), ("signed in", as_she_is, [False])],
    ("/settings/profile", ""): [("", as_she_is, [False]), ("with a picture", with_a_picture, [False])],
    ("/settings/password", "set"): [("", without_password, [False])],
    ("/settings/accounts", "unlink"): [("", with_a_linked_account, [False])],
    ("/settings/delete", ""): [("at once", as_she_is, [False]), ("by mail", by_deletion_link, [True])],
    ("/settings/delete", "send"): [("", as_she_is, [True])],
    ("/settings/email", "send"): [("", as_she_is, [False])],
    ("/settings/email", "cancel"): [("", while_a_change_waits, [False])],
    ("/reauth", ""): [("password", as_she_is, [False]), ("code", with_a_mailed_code, [False])],
    ("/reauth", "send"): [("", without_password, [False])],
    ("/sign-out", ""): [("", as_she_is, [False]), ("and Bob", with_bob_too, [False])],
    ("/settings/sessions", "one"): [("", as_she_is, [False]), ("an app", with_an_app, [False])],
    ("/switch-account", "switch"): [("", with_bob_too, [False])],
    ("/switch-account", "end"): [("", with_bob_too, [False])],
}
"""How people get before a form; where it is not said, they are there when they are signed in, or nobody."""

TYPED: Mapping[str, str] = {
    "email": ANN,
    "password": PASSWORD,
    "name": "Ann Lind",
    "newEmail": NEW,
    "newPassword": NEW_PASSWORD,
    "currentPassword": PASSWORD,
    "town": "Visby",
}
"""What a person types into each field; a new field is a new line here."""


def ways_to(screen: Screen, which: str) -> Sequence[tuple[str, Way, Sequence[bool]]]:
    default = as_she_is if screen.is_private else as_nobody
    return WAYS.get((screen.path, which), [("", default, [False] if screen.is_private else [False, True])])


@cache
def all_cases() -> tuple[Case, ...]:
    """Every form that the registry declares, in every situation."""
    auth = make_auth(features=every_feature(required=False), user_type=Member)
    screens = [screen for _, screen in auth.screens]
    joins = [(join.path, join.name) for feature in auth.features for join in feature.joins]
    return tuple(
        Case(
            path=screen.path,
            which=which,
            way=way,
            private=screen.is_private,
            by_link=screen.takes_token and not which and way != "at once",
            strict=strict,
        )
        for screen in screens
        for which in [
            *([""] if screen.submits else []),
            *screen.others,
            *(name for path, name in joins if path == screen.path),
        ]
        for way, _, modes in ways_to(screen, which)
        for strict in modes
    )


class Place:
    """An application in which Ann has an account and is signed in in two browsers, with one of them before a form."""

    def __init__(self, case: Case, auth: Auth[Any], ann: Browser, phone: Browser) -> None:
        self.case, self.auth, self.ann, self.phone = case, auth, ann, phone
        self.feature, self.screen = next(each for each in auth.screens if each[1].path == case.path)
        self.path = "/auth" + case.path
        self.query = ""
        """With which the page of the form is opened."""
        self.about = ""
        """How a value begins that the form carries, where there are several like it on the page."""
        self.typed = {**TYPED, **({"email": BOB} if case.path == "/sign-up" else {})}
        self.app = auth.wrap(plain_app(auth))

    async def arrive(self) -> None:
        ways = ways_to(self.screen, self.case.which)
        await next(way for name, way, _ in ways if name == self.case.way)(self)
        shown = await self.ann.get(self.path + self.query)
        assert shown.status_code == 200, f"there is no way to {self.case}: write it into WAYS"
        self.page = Page(shown.text)
        form = self.page.form(self.path, self.case.which, about=self.about)
        assert form is not None, f"{self.case} is not on its page: write the way to it into WAYS"
        self.form = form
        self.cookie = self.cookies_of(self.ann)
        await self.keep()

    def cookies_of(self, person: Browser) -> Header:
        return ("cookie", "; ".join(f"{each.name}={each.value}" for each in person.cookies.jar))

    @property
    def operation(self) -> Operation:
        joins = ((feature, join) for feature in self.auth.features for join in feature.joins)
        owner, handler = next(
            (
                (feature, join.submits)
                for feature, join in joins
                if (join.path, join.name) == (self.case.path, self.case.which)
            ),
            (self.feature, self.screen.others.get(self.case.which, self.screen.submits)),
        )
        found = operation_of(getattr(owner, handler.__name__)) if handler else None
        assert found is not None
        return found

    @property
    def required(self) -> set[str]:
        """What the form cannot do without."""
        if not self.case.which:
            needed = set(required_fields(self.feature, self.screen))
        else:
            kind = self.operation.route.input
            needed = {each.key for each in (input_fields(kind) if kind else ()) if not each.optional}
        return needed | {each.name for each in self.shown if self.is_secret(each)}

    def is_secret(self, one: Field) -> bool:
        return not one.hidden and (one.kind == "password" or one.name in self.screen.secrets)

    @property
    def shown(self) -> list[Field]:
        """What a person sees and fills in; for a further button of the form, what that one reads."""
        seen = [each for each in self.form.fields.values() if not each.hidden]
        if self.case.which not in self.form.buttons:
            return seen
        kind = self.operation.route.input
        read = {each.key for each in (input_fields(kind) if kind else ())}
        return [each for each in seen if each.name in read]

    def is_line(self, one: Field) -> bool:
        return one.kind not in ("checkbox", "radio", "select", "file")

    @property
    def carried(self) -> list[Field]:
        """What the form carries along unseen, and the operation reads."""
        kind = self.operation.route.input
        read = {each.key for each in (input_fields(kind) if kind else ())} | {"with"}
        return [each for each in self.form.fields.values() if each.hidden and each.name in read]

    def fill(self, other: Mapping[str, str | bytes] | None = None, *, leave_out: str = "", ticks: bool = True) -> Pairs:
        """The form as a person sends it, every box ticked, but for what is said."""
        pairs: list[tuple[str, str | bytes]] = []
        for one in self.form.fields.values():
            if one.kind == "checkbox" and not ticks:
                continue
            if one.hidden:
                value: str | bytes = one.values[0]
            elif one.kind in ("checkbox", "radio", "select"):
                value = one.values[-1]
            elif one.kind == "file":
                value = picture()
            else:
                assert one.name in self.typed, f"what does a person type into {one.name} of {self.case}?"
                value = self.typed[one.name]
            pairs.append((one.name, value))
        if self.case.which in self.form.buttons:
            pairs.append(("with", self.case.which))
        return [(name, (other or {}).get(name, value)) for name, value in pairs if name != leave_out]

    async def send(
        self,
        pairs: Pairs,
        *,
        htmx: bool = False,
        headers: Sequence[Header] | None = None,
        kind: str | None = None,
        body: bytes | None = None,
        query: bytes = b"",
    ) -> Answer:
        """POST to the form's address; `headers` take the place of our cookies and Origin."""
        encoding = self.form.encoding if kind is None else kind
        if body is None:
            body = in_parts(pairs) if encoding == MULTIPART else in_one_line(pairs)
        if encoding == MULTIPART:
            encoding += "; boundary=x"
        lines = [*([self.cookie, ("origin", ORIGIN)] if headers is None else headers), *(HTMX if htmx else [])]
        lines += [("content-length", str(len(body))), *([("content-type", encoding)] if encoding else [])]
        answer = await ask(self.app, "POST", self.form.action, headers=lines, body=body, query=query)
        assert 200 <= answer.status < 500, (answer.status, pairs)
        self.tells_no_secret(answer, pairs)
        self.handed_out |= self.hands_out_a_session(answer)
        return answer

    def hands_out_a_session(self, answer: Answer) -> bool:
        """Does the browser have a session afterwards that it did not have, or in another place than before?"""
        before = self.held()
        name = self.auth.cookie_name("session_token")
        given = {key: value for key, value in answer.cookies.items() if key.startswith(name) and value}
        for key, value in given.items():
            token = self.auth.secrets.unsign(unquote(value))
            assert token is not None, f"{key} is signed by nobody"
            assert key in (name, name + MARK + token.lower()), f"{key} is the cookie of another session"
        return any(before.get(key) != value for key, value in given.items())

    def held(self) -> dict[str, str]:
        """The cookies that the browser sends along."""
        pairs = (pair.partition("=") for pair in str(self.cookie[1]).split("; "))
        return {name: value for name, _, value in pairs}

    def tells_no_secret(self, answer: Answer, pairs: Pairs) -> None:
        names = {one.name for one in self.form.fields.values() if self.is_secret(one)}
        secrets = {value[:100] for name, value in pairs if name in names and isinstance(value, str) and value.strip()}
        said = answer.body.decode() + repr(answer.headers)
        assert not [secret for secret in secrets if secret in said]

    async def keep(self) -> None:
        """Remember everything, to come back to it."""
        await self.auth.mail.idle()
        self.rows = rows_of(self.auth)
        self.letters = len(outbox_of(self.auth).messages)
        self.handed_out = False

    async def undo(self) -> None:
        await self.auth.mail.idle()
        self.auth.database._tables = {name: dict(kept) for name, kept in self.rows.items()}  # type: ignore[attr-defined]
        del outbox_of(self.auth).messages[self.letters :]
        self.handed_out = False

    async def has_changed(self) -> bool:
        """Is anything stored, changed, gone or mailed, or a session handed out? The count of tries of a code may go up
        (SEC-066)."""
        await self.auth.mail.idle()
        if self.handed_out or len(outbox_of(self.auth).messages) != self.letters:
            return True
        return without_tries(rows_of(self.auth)) != without_tries(self.rows)


@asynccontextmanager
async def before(case: Case, **settings: Any) -> AsyncIterator[Place]:
    """Stand before the form of `case`."""
    clock = Clock()
    features = every_feature(required=case.strict)
    auth = make_auth(features=features, user_type=Member, clock=clock, **settings)
    async with serving(auth) as ann, browser(auth) as phone:
        await ann.sign_up(ANN)
        if case.strict:
            await auth.database.update(Member, {"email": ANN}, email_verified=True)
            await ann.sign_in()
        await phone.sign_in()
        place = Place(case, auth, ann, phone)
        await place.arrive()
        yield place


def rows_of(auth: Auth[Any]) -> Rows:
    """Every row there is, by table and id; the store replaces rows and never changes them."""
    return {name: dict(kept) for name, kept in auth.database._tables.items()}  # type: ignore[attr-defined]


def without_tries(rows: Rows) -> Rows:
    codes = {
        key: {**row, "value": re.sub(r":\d$", "", row["value"])} if "-otp-" in row["identifier"] else row
        for key, row in rows.get("verification", {}).items()
    }
    return {**rows, "verification": codes}


# Bodies


def in_one_line(pairs: Pairs) -> bytes:
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()


def in_parts(pairs: Pairs) -> bytes:
    """`multipart/form-data` with the boundary `x`; a picture goes as a file."""
    parts = b""
    for name, value in pairs:
        file = '; filename="me.png"\r\nContent-Type: image/png' if isinstance(value, bytes) and name == "image" else ""
        data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        parts += f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data + b"\r\n"
    return parts + b"--x--\r\n"


@cache
def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), "navy").save(file, "PNG")
    return file.getvalue()
