"""Bad input on every form that the registry declares: one answer each, and nothing stored, changed or mailed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import pytest

from authmw.features.multi_session import MARK
from tests.browser.site import every_feature
from tests.support import ORIGIN, make_auth, outbox_of, plain_app, serving
from tests.web.forms import (
    ANN,
    BOB,
    HTMX,
    MULTIPART,
    URLENCODED,
    Case,
    Field,
    Member,
    Page,
    Pairs,
    Place,
    Rows,
    all_cases,
    before,
    in_one_line,
    lands_on,
    rows_of,
)
from tests.web.raw import Answer, Header, ask

pytestmark = pytest.mark.anyio

BOTH_WAYS = (False, True)
"""As a plain form, and through htmx."""
TOO_OLD = "This page was open too long"
RANDOM = {"id", "token", "value", "identifier", "password", "subject", "userId", "accountId"}
"""Columns that are random in each row, or made from what is."""

every_form = pytest.mark.parametrize("case", all_cases(), ids=str)
every_private_form = pytest.mark.parametrize("case", [case for case in all_cases() if case.private], ids=str)


def left(answer: Answer) -> str | None:
    """Where an answer sends people, a redirect for plain forms and a navigation for htmx."""
    to = answer.header("hx-redirect")
    if to is not None:
        assert (answer.status, answer.body, answer.header("location")) == (200, b"", None)
        return to
    to = answer.header("location")
    assert (to is not None) == (answer.status == 303)
    return to


async def nothing_came_of_it(place: Place, about: object = "") -> None:
    assert not await place.has_changed(), about
    await place.undo()


def is_a_page(answer: Answer, statuses: Iterable[int], about: object) -> Page:
    """Check that people are told, on a page that they can leave, and that nobody is signed in by it."""
    assert answer.status in statuses, (about, answer.status)
    text = answer.body.decode()
    page = Page(text)
    assert "main" in page.ids and "<h1" in text and page.title, about
    assert [to for to in page.addresses if to.startswith("/") and "/static/" not in to], about
    assert not [name for name in answer.cookies if "session" in name], about
    return page


def is_the_same_screen(place: Place, answer: Answer, sent: Pairs, field: str, fault: str) -> None:
    """Check the four ways of saying an error, and that what was typed is there but for what is secret."""
    about = (field, fault)
    page = is_a_page(answer, [422], about)
    text = answer.body.decode()
    assert page.title.startswith("Error: "), about
    assert 'class="am-summary" role="alert" tabindex="-1" autofocus' in text, about
    # What no browser leaves out may be said of the form as a whole, with a link to its first field.
    assert f"{field}-error" in page.ids or (fault == "left out" and '<li><a href="#' in text), about
    form = page.form(place.path, place.case.which)
    assert form is not None and set(form.fields) == set(place.form.fields), about
    given = dict(sent)
    for one in place.shown:
        kept = form.fields[one.name]
        if place.is_secret(one) or one.kind == "file":
            assert kept.values == ("",), about
        elif one.kind == "checkbox":
            assert kept.ticked == (given.get(one.name) == one.values[0]), about
        elif one.name in given and place.is_line(one):
            assert kept.values == (given[one.name],), about


# Every form is known


@every_form
async def test_each_form_of_a_page_is_declared_and_filled_in_well_does_its_work(case: Case) -> None:
    known = {("/auth" + each.path, each.which) for each in all_cases()}
    async with before(case) as place:
        for form in place.page.forms:
            hidden = form.fields.get("with")
            for which in form.buttons or [hidden.values[0] if hidden else ""]:
                assert (form.action, which) in known
            assert (form.method, form.fields["csrf_token"].kind) == ("post", "hidden")
        for htmx in BOTH_WAYS:
            answer = await place.send(place.fill(), htmx=htmx)
            assert left(answer) or (htmx and answer.status == 200 and b'id="main"' in answer.body)
            assert await place.has_changed()
            await place.undo()


# Fields


def with_unseen(char: str) -> Callable[[str], str]:
    return lambda text: text[:3] + char + text[3:]


LINE_FAULTS: Mapping[str, Callable[[str], str | None]] = {
    "left out": lambda text: None,
    "empty": lambda text: "",
    "blank": lambda text: "   ",
    "10,000 characters": lambda text: "x" * 10_000,
    "NUL": with_unseen("\x00"),
    "bell": with_unseen("\x07"),
    "escape": with_unseen("\x1b"),
    "line break": with_unseen("\r\n"),
    "delete": with_unseen("\x7f"),
    "right to left": with_unseen("\u202e"),
}
MISSING = ("left out", "empty", "blank")


NO_CHOICES = ("false", "banana", "TRUE", "1", "true ", "true\x00")
NO_PICTURES = (b"no picture", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>")


def spoilt(place: Place, one: Field, value: str) -> Iterator[tuple[str, Pairs]]:
    """The form with one thing wrong in one field, by what is wrong."""
    if one.kind in ("radio", "select"):
        yield from ((wrong, place.fill({one.name: wrong})) for wrong in NO_CHOICES)
    elif one.kind == "file":
        # Without ticks: one may say that no picture is wanted.
        yield from ((repr(wrong), place.fill({one.name: wrong}, ticks=False)) for wrong in NO_PICTURES)
    elif one.kind != "checkbox":
        for fault, spoil in LINE_FAULTS.items():
            text = spoil(value)
            yield fault, place.fill(leave_out=one.name) if text is None else place.fill({one.name: text})


@every_form
async def test_a_bad_field_is_said_at_it_and_what_was_typed_stays(case: Case) -> None:
    async with before(case) as place:
        for one, htmx in itertools.product(place.shown, BOTH_WAYS):
            for fault, sent in spoilt(place, one, place.typed.get(one.name, "")):
                answer = await place.send(sent, htmx=htmx)
                if fault in MISSING and one.name not in place.required:
                    assert answer.status in (200, 303), (one.name, fault)
                    await place.undo()
                    continue
                is_the_same_screen(place, answer, sent, one.name, fault)
                await nothing_came_of_it(place, (one.name, fault))


@every_form
async def test_what_a_form_carries_unseen_is_not_trusted(case: Case) -> None:
    async with before(case) as place:
        for one, htmx in itertools.product(place.carried, BOTH_WAYS):
            another = ("another", place.fill({one.name: "another"}))
            for fault, sent in (another, *spoilt(place, one, one.values[0])):
                await place.send(sent, htmx=htmx)
                await nothing_came_of_it(place, (one.name, fault))


@every_form
async def test_a_box_is_ticked_by_its_own_value_only_and_makes_a_difference(case: Case) -> None:
    async with before(case) as place:
        for one in place.shown:
            if one.kind != "checkbox":
                continue
            outcomes = []
            wrong = [place.fill({one.name: value}) for value in NO_CHOICES]
            for pairs in (place.fill(), place.fill(leave_out=one.name), *wrong):
                answer = await place.send(pairs)
                outcomes.append(await outcome(place, answer))
                await place.undo()
            ticked, unticked, *others = outcomes
            assert others == [unticked] * len(others), one.name
            assert ticked != unticked, one.name


async def outcome(place: Place, answer: Answer) -> Any:
    """What an answer came to, but for what is random."""
    there = place.held()
    cookies = sorted(
        (own_cookie(line.partition("=")[0], there), line.partition(";")[2]) for line in answer.all("set-cookie")
    )
    letters = [(each.kind, each.to) for each in (await place.ann.mail()).messages[place.letters :]]
    return answer.status, answer.header("location"), cookies, letters, outline(rows_of(place.auth))


def own_cookie(name: str, there: Collection[str]) -> str:
    """The name of a cookie. That of a session's own is random, so of this: is it new, or was it there?"""
    start, mark, _ = name.partition(MARK)
    return start + mark + (("there" if name in there else "new") if mark else "")


def outline(rows: Rows) -> list[str]:
    """Every row; of columns that are random, how much they hold."""
    return sorted(
        table + str({name: len(str(value)) if name in RANDOM else value for name, value in row.items()})
        for table, kept in rows.items()
        for row in kept.values()
    )


@every_form
async def test_a_field_that_comes_twice_or_is_too_long_or_no_utf_8_is_not_read(case: Case) -> None:
    async with before(case) as place:
        # A form with a picture says that the picture is too large.
        too_large = 422 if place.form.encoding == MULTIPART else 413
        for name, htmx in itertools.product(place.form.fields, BOTH_WAYS):
            good = place.fill()
            twice = [*good, *(pair for pair in good if pair[0] == name)]
            bodies = [(twice, 400), (place.fill({name: "x" * 2_000_000}), too_large)]
            if name != "image":  # a file may be any bytes
                bodies += [(place.fill({name: text}), 400) for text in (b"\xff\xfe", b"\xed\xa0\x80")]
            for pairs, status in bodies:
                is_a_page(await place.send(pairs, htmx=htmx), [status], name)
                await nothing_came_of_it(place, name)


SMUGGLED: Mapping[str, str] = {
    "role": "smuggled",
    "banned": "true",
    "emailVerified": "true",
    "email_verified": "true",
    "id": "smuggled",
    "userId": "smuggled",
    "user_id": "smuggled",
    "accountId": "smuggled",
    "createdAt": "2001-01-01T00:00:00Z",
    "token": "smuggled",
    "session": "smuggled",
    "callbackURL": "/smuggled",
    "redirectTo": "/smuggled",
    "__proto__": "smuggled",
    "name[]": "smuggled",
    "changes": "smuggled",
    "more": "smuggled",
}


@every_form
async def test_a_field_that_the_form_does_not_have_is_ignored_or_refused(case: Case) -> None:
    async with before(case) as place:
        good = await outcome(place, await place.send(place.fill()))
        await place.undo()
        for name, value in SMUGGLED.items():
            if name in place.form.fields:
                continue
            answer = await place.send([*place.fill(), (name, value)])
            if answer.status == 422:
                assert not await place.has_changed(), name
            else:
                assert await outcome(place, answer) == good, name
            assert "smuggled" not in str(rows_of(place.auth)) + str(outbox_of(place.auth).messages), name
            await place.undo()


# The token of the form


def form_tokens(place: Place, elsewhere: str) -> dict[str, str | None]:
    good = place.form.fields["csrf_token"].values[0]
    made, _, mark = good.partition(".")
    return {
        "missing": None,
        "empty": "",
        "forged": good[:-20] + "A" * 20,
        "without its mark": f"{made}.",
        "made younger": f"{int(made) + 1}.{mark}",
        "no number": f"x.{mark}",
        "NUL": good + "\x00",
        "of her other browser": elsewhere,
    }


def is_forbidden(place: Place, answer: Answer, about: object) -> None:
    is_a_page(answer, [403], about)
    text = answer.body.decode()
    assert TOO_OLD in text and "Reload it and try again." in text, about
    assert place.path in [to.partition("?")[0] for to in Page(text).addresses], about
    assert "session_token" not in str(answer.cookies), about


@every_form
@pytest.mark.sec("SEC-170")
async def test_a_form_without_its_own_token_is_refused(case: Case) -> None:
    async with before(case) as place:
        elsewhere = Page((await place.phone.get("/auth/sign-out")).text).forms[0].fields["csrf_token"].values[0]
        await place.keep()
        for (fault, token), htmx in zip(
            form_tokens(place, elsewhere).items(), itertools.cycle(BOTH_WAYS), strict=False
        ):
            sent = place.fill(leave_out="csrf_token") if token is None else place.fill({"csrf_token": token})
            is_forbidden(place, await place.send(sent, htmx=htmx), fault)
            await nothing_came_of_it(place, fault)
        place.auth.clock.forward(hours=12, seconds=1)  # type: ignore[attr-defined]
        for htmx in BOTH_WAYS:
            is_forbidden(place, await place.send(place.fill(), htmx=htmx), "stale")
            await nothing_came_of_it(place, "stale")


@every_form
async def test_a_body_that_is_no_form_is_not_read(case: Case) -> None:
    async with before(case) as place:
        pairs = [(name, value) for name, value in place.fill() if isinstance(value, str)]
        line, encoding = in_one_line(pairs), place.form.encoding
        bodies: dict[str, tuple[str, bytes]] = {
            "JSON": ("application/json", json.dumps(dict(pairs)).encode()),
            "JSON that says it is a form": (URLENCODED, json.dumps(dict(pairs)).encode()),
            "plain text": ("text/plain", line),
            "no type": ("", line),
            "empty": (encoding, b""),
            "nothing at all": ("", b""),
            "parts without a boundary": ("multipart/form-data; charset=utf-8", b"--x--"),
            "NUL": (encoding, b"\x00"),
            **({} if encoding == MULTIPART else {"parts": (MULTIPART, b"")}),
        }
        for (name, (kind, body)), htmx in zip(bodies.items(), itertools.cycle(BOTH_WAYS), strict=False):
            given = None if name == "parts" else body
            is_a_page(await place.send(pairs, kind=kind, body=given, htmx=htmx), [400, 403], name)
            await nothing_came_of_it(place, name)


# Other sites

OTHER_SITES: Mapping[str, list[Header]] = {
    "foreign": [("origin", "https://evil.example")],
    "null": [("origin", "null")],
    "empty": [("origin", "")],
    "missing": [],
    "missing, from another site": [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
    "longer host": [("origin", "http://localhost:8000.evil.example")],
    "longer port": [("origin", "http://localhost:80001")],
    "no port": [("origin", "http://localhost")],
    "other scheme": [("origin", "https://localhost:8000")],
    "below us": [("origin", "http://www.localhost:8000")],
    "we are below": [("origin", "http://evil-localhost:8000")],
    "who we are": [("origin", "http://localhost:8000@evil.example")],
    "backslash": [("origin", "http://evil.example\\@localhost:8000")],
    "two in one": [("origin", "http://localhost:8000 https://evil.example")],
    "file": [("origin", "file://")],
    "foreign referer": [("referer", "https://evil.example/http://localhost:8000/")],
    "foreign, our referer": [("origin", "https://evil.example"), ("referer", ORIGIN + "/auth/sign-in")],
}


@every_form
@pytest.mark.sec("SEC-170")
async def test_a_form_that_another_site_sends_is_refused(case: Case) -> None:
    async with before(case) as place:
        for (name, lines), htmx in zip(OTHER_SITES.items(), itertools.cycle(BOTH_WAYS), strict=False):
            answer = await place.send(place.fill(), headers=[place.cookie, *lines], htmx=htmx)
            is_forbidden(place, answer, name)
            await nothing_came_of_it(place, name)


LEAVES = [
    "//evil.example",
    "///evil.example",
    "////evil.example/%2e%2e",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "http://evil.example",
    "http://localhost:8000@evil.example",
    "http://localhost:8000.evil.example",
    "https://evil.example#@localhost:8000/",
    "//localhost:8000@evil.example",
    "//evil.example\\@localhost:8000",
    "//evil\u3002example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x00//evil.example",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,evil",
]
CURIOUS = [
    "/%09/evil.example",
    "/@evil.example",
    "@evil.example",
    "evil.example",
    "/%2fevil.example",
    "/%2F%2Fevil.example",
    "/%5cevil.example",
    "%2f%2fevil.example",
    "/..//evil.example",
    "/.//evil.example",
    "\u00a0//evil.example",
    "\u2215\u2215evil.example",
    "/\u2215evil.example",
    "\uff0f\uff0fevil.example",
    "/\uff0fevil.example",
    "/auth/sign-in\r\nLocation: https://evil.example",
]
"""They leave by mistakes of whoever stands between us and the browser."""


def test_a_browser_leaves_by_these_addresses() -> None:
    assert [address for address in LEAVES if lands_on(address) == ORIGIN] == []


def stays_here(answer: Answer, about: object) -> None:
    """Check that nothing in an answer leads off this site, as a browser reads it, now or with the next form."""
    to = left(answer)
    addresses = [] if to is None else [to]
    if answer.body:
        page = Page(answer.body.decode())
        carried = [form.fields[name] for form in page.forms for name in ("next", "back") if name in form.fields]
        addresses = [*page.addresses, *(one.values[0] for one in carried)]
    for address in addresses:
        assert lands_on(address) == ORIGIN, (about, address)
        assert not set(address) & set("\r\n"), about


@every_form
@pytest.mark.sec("SEC-086")
async def test_no_form_leads_off_this_site(case: Case) -> None:
    async with before(case) as place:
        for address, htmx in zip([*LEAVES, *CURIOUS], itertools.cycle(BOTH_WAYS), strict=False):
            query = in_one_line([("next", address), ("back", address)])
            good = [pair for pair in place.fill() if pair[0] not in ("next", "back")]
            good += [(name, address) for name in ("next", "back", "callbackURL", "redirectTo")]
            bad = [(name, "" if name in place.typed else value) for name, value in good]
            for pairs in (good, bad):
                stays_here(await place.send(pairs, htmx=htmx, query=query), address)
                await place.undo()


@pytest.mark.parametrize("path", ["/error", *sorted({case.path for case in all_cases()})])
@pytest.mark.sec("SEC-086")
async def test_no_page_leads_off_this_site(path: str) -> None:
    auth = make_auth(features=every_feature(required=False), user_type=Member)
    app = auth.wrap(plain_app(auth))
    async with serving(auth, app) as ann:
        await ann.sign_up()
        cookies = "; ".join(f"{each.name}={each.value}" for each in ann.cookies.jar)
        people: list[tuple[str, list[Header]]] = [(cookies, []), ("a=b", []), (cookies, HTMX), ("a=b", HTMX)]
        for address, (cookie, more) in zip([*LEAVES, *CURIOUS], itertools.cycle(people), strict=False):
            query = in_one_line([("next", address), ("back", address), ("callbackURL", address), ("email", address)])
            lines: list[Header] = [("cookie", cookie), ("referer", "https://evil.example/auth/sign-in"), *more]
            answer = await ask(app, "GET", "/auth" + path, headers=lines, query=query)
            assert answer.status < 500, address
            stays_here(answer, address)


# Afterwards


async def signs_out(place: Place) -> None:
    await place.ann.api("/sign-out", {})


async def signs_her_out_elsewhere(place: Place) -> None:
    assert (await place.phone.api("/revoke-other-sessions", {})).status_code == 200


async def deletes_the_account(place: Place) -> None:
    await place.auth.database.delete(Member, email=ANN)


@every_private_form
@pytest.mark.parametrize("end", [signs_out, signs_her_out_elsewhere, deletes_the_account])
@pytest.mark.sec("SEC-043")
async def test_a_form_left_open_does_nothing_when_the_session_has_ended(
    case: Case, end: Callable[[Place], Any]
) -> None:
    async with before(case) as place:
        await end(place)
        await place.keep()
        for htmx in BOTH_WAYS:
            answer = await place.send(place.fill(), htmx=htmx)
            to = left(answer)
            assert to is not None and to.startswith("/auth/sign-in?next=%2Fauth%2F"), to
            await nothing_came_of_it(place)


@every_private_form
@pytest.mark.parametrize("leaves", [signs_out, None], ids=["after she signed out", "beside her"])
async def test_a_form_left_open_does_nothing_when_somebody_else_signs_in_there(
    case: Case, leaves: Callable[[Place], Any] | None
) -> None:
    async with before(case) as place:
        if leaves:
            await leaves(place)
        await place.ann.sign_up(BOB, "Bob")
        await place.auth.database.update(Member, {"email": BOB}, email_verified=True)
        await place.ann.sign_in(BOB)
        place.cookie = place.cookies_of(place.ann)
        await place.keep()
        for htmx in BOTH_WAYS:
            is_forbidden(place, await place.send(place.fill(), htmx=htmx), case)
            await nothing_came_of_it(place)


@pytest.mark.parametrize("case", [case for case in all_cases() if case.by_link], ids=str)
@pytest.mark.sec("SEC-084")
async def test_a_link_opens_its_form_once(case: Case) -> None:
    async with before(case) as place:
        await place.send(place.fill())
        await place.keep()
        for htmx in BOTH_WAYS:
            answer = await place.send(place.fill(), htmx=htmx)
            assert left(answer) or answer.status == 410
            await nothing_came_of_it(place)
