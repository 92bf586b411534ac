"""The languages of the screens: every sentence is in the catalogue, and everybody is answered in theirs."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import authmw.features
import authmw.web
from authmw import Auth, ConfigurationError, Public, UIConfig, User
from authmw.core.errors import AuthError
from authmw.core.model import Account as AccountRow
from authmw.features import EmailVerification, Password
from authmw.web import words
from authmw.web.languages import ENGLISH, Language, Languages, load, places_of, weights_of
from authmw.web.words import Sentence, wait_in_words
from tests import pseudo
from tests.support import Browser, Clock, make_auth, serving
from tests.web.test_screens import Trouble
from tests.words import TEMPLATE, extracted, messages, template, texts, written

pytestmark = pytest.mark.anyio

EMAIL = "ann@example.com"
SEND: dict[str, Any] = {"with": "send"}
CODES_WITHOUT_SENTENCE: frozenset[str] = frozenset()
"""None: whoever adds one says here why nobody can ever read it on a screen."""


@dataclass(frozen=True, kw_only=True)
class Keeper(User):
    """A person of an application with words of its own."""

    town: str | None = field(default=None, metadata=Public(label="Town", hint="Where your lighthouse stands."))
    newsletter: bool = field(default=False, metadata=Public(label="Send me the newsletter"))


OWN_WORDS = ("Town", "Where your lighthouse stands.", "Send me the newsletter")


def compile_catalogue(folder: Path, tag: str, translations: dict[Any, Any]) -> None:
    made = Catalog(locale=tag.replace("-", "_"), charset="utf-8", fuzzy=False)
    for text, translated in translations.items():
        made.add(text, translated)
    with (folder / f"{tag}.mo").open("wb") as file:
        write_mo(file, made)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a little German, a little Hebrew and all pseudo-languages."""
    compile_catalogue(
        tmp_path,
        "de",
        {
            "English": "Deutsch",
            "Sign in": "Anmelden",
            "Town": "Ort",
            "Too many tries": "Zu viele Versuche",
            "Wait {wait} and try again.": "Warten Sie {wait} und versuchen Sie es noch einmal.",
            ("{number} minute", "{number} minutes"): ("eine Minute", "{number} Minuten"),
        },
    )
    compile_catalogue(tmp_path, "he", {"English": "עברית", "Sign in": "כניסה"})
    pseudo.write(tmp_path, own=OWN_WORDS)
    return tmp_path


def speaking(folder: Path, *tags: str, **more: Any) -> Auth[Any]:
    return make_auth(ui=UIConfig(locales=tags, locale_dirs=[str(folder)]), **more)


def spoken(page: httpx2.Response) -> tuple[str, str]:
    found = re.search(r'<html lang="([^"]*)" dir="([^"]*)"', page.text)
    assert found, page.text
    return found[1], found[2]


# Every code has its sentence


def subclasses(kind: type[AuthError]) -> Iterator[type[AuthError]]:
    for each in kind.__subclasses__():
        if each.__module__.startswith("authmw."):
            yield each
            yield from subclasses(each)


def test_every_code_has_its_sentence_and_every_sentence_its_code() -> None:
    for package in (authmw.features, authmw.web):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    codes = {each.code for each in subclasses(AuthError) if each.code}
    assert set(words.SENTENCES) == codes - CODES_WITHOUT_SENTENCE


# The catalogue


def test_the_template_of_the_catalogues_is_up_to_date() -> None:
    """`make words` writes it."""
    assert {(tuple(texts(each)), *map(places_of, texts(each))) for each in messages(template())} == {
        (tuple(texts(each)), *map(places_of, texts(each))) for each in messages(extracted())
    }


def test_the_template_tells_nothing_of_when_and_where_it_was_written() -> None:
    first = written(extracted())
    assert first == written(extracted())
    assert not re.search(r"Date|\d{4}-\d\d|^#: .*:\d|^#:.*\s/|\\\\", first, re.MULTILINE)


def sentences_of_python() -> Iterator[str]:
    """What the tables of words say, whether somebody marked it or not."""

    def within(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            for each in value:
                yield from within(each)
        elif isinstance(value, dict):
            for each in value.values():
                yield from within(each)

    for name, table in vars(words).items():
        if name.isupper():
            yield from (each for each in within(table) if not each.startswith("/"))
    for feature in make_auth().features:
        yield from (screen.nav for screen in feature.screens if screen.nav)


def test_every_sentence_of_python_is_marked_for_the_catalogue() -> None:
    known = {text for message in messages(template()) for text in texts(message)}
    assert [text for text in sentences_of_python() if text not in known] == []


def test_every_place_that_leads_somewhere_is_in_its_sentence() -> None:
    for code, places in words.LINKS.items():
        assert {f"{{{place}}}" for place in places} <= places_of(words.SENTENCES[code])


def test_the_catalogues_of_ours_keep_every_place() -> None:
    for path in TEMPLATE.parent.glob("*.po"):
        with path.open("rb") as file:
            assert disagreeing(read_po(file, locale=path.stem.replace("-", "_"))) == []


def test_the_pseudo_catalogue_keeps_every_place() -> None:
    assert disagreeing(pseudo.catalogue()) == []


def disagreeing(catalogue: Catalog) -> list[str]:
    """The sentences whose places a catalogue does not keep; plural forms may leave them out."""
    found = []
    for message in messages(catalogue):
        said = [message.string] if isinstance(message.string, str) else list(message.string or ())
        given = [places_of(each) for each in said if each]
        wanted = places_of(texts(message)[0])
        if any(each - wanted or (len(said) == 1 and wanted - each) for each in given):
            found.append(texts(message)[0])
    return found


def test_a_catalogue_that_loses_a_place_is_found() -> None:
    catalogue = Catalog(locale="de")
    catalogue.add("Hello %(name)s,", "Hallo %(nmae)s,")
    catalogue.add("Wait {wait} and try again.", "Noch einmal.")
    catalogue.add("Sign in", "Anmelden")
    assert disagreeing(catalogue) == ["Hello %(name)s,", "Wait {wait} and try again."]


# Words


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "2 minutes"),
        (7080, "118 minutes"),
        (7200, "2 hours"),
        (86400, "24 hours"),
        (172800, "2 days"),
        (172801, "3 days"),
    ],
)
def test_a_wait_is_said_as_a_person_counts(seconds: int, expected: str) -> None:
    assert wait_in_words(seconds, ENGLISH) == expected


def test_plural_forms_are_those_of_the_language(tmp_path: Path) -> None:
    compile_catalogue(
        tmp_path,
        "pl",
        {("{number} minute", "{number} minutes"): ("{number} minuta", "{number} minuty", "{number} minut")},
    )
    polish = load("pl", [str(tmp_path)])
    assert [wait_in_words(60 * number, polish) for number in (1, 3, 5)] == ["1 minuta", "3 minuty", "5 minut"]


def test_a_sentence_is_filled_in_its_language(folder: Path) -> None:
    german = load("de", [str(folder)])
    wait = Sentence("Wait {wait} and try again.", {"wait": timedelta(seconds=60)})
    assert ENGLISH.say(wait) == "Wait 1 minute and try again."
    assert german.say(wait) == "Warten Sie eine Minute und versuchen Sie es noch einmal."
    assert german.say(Sentence("{sign_in}, {later}", {"sign_in": Sentence("Sign in")})) == "Anmelden, …"
    assert german.say("") == "", "and not the head of the catalogue"
    assert german.say("Never translated {this} 100 %") == "Never translated {this} 100 %"


def test_what_is_filled_in_is_not_filled_again() -> None:
    assert ENGLISH.say(Sentence("Go to {brand}", {"brand": "{wait} %(name)s"})) == "Go to {wait} %(name)s"


@pytest.mark.parametrize(
    ("tag", "direction"),
    [
        ("en", "ltr"),
        ("de-AT", "ltr"),
        ("ar", "rtl"),
        ("ar-XB", "rtl"),
        ("he-IL", "rtl"),
        ("fa", "rtl"),
        ("az-Arab", "rtl"),
        ("ar-Latn", "ltr"),
        ("ku-Arab-IQ", "rtl"),
        ("zh-Hant", "ltr"),
    ],
)
def test_a_language_has_its_direction(tag: str, direction: str) -> None:
    assert Language(tag=tag).dir == direction


# Choosing


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "expected"),
    [
        (None, None, None, "en"),
        ("de", None, None, "de"),
        ("de", "he", "en", "de"),
        ("DE", None, None, "de"),
        (None, "he", "de", "he"),
        (None, None, "de", "de"),
        ("fr", None, None, "en"),
        ("fr", "de", None, "de"),
        ("", "de", None, "de"),
        ("../../de", None, "he", "he"),
        ("de\r\nSet-Cookie: a=b", None, None, "en"),
        (None, "fr", "de", "de"),
        (None, None, "fr, de;q=0.5", "de"),
        (None, None, "he;q=0.4, de;q=0.5", "de"),
        (None, None, "he;q=0.5, de;q=0.5", "he"),
        (None, None, "de-AT, en;q=0.9", "de"),
        (None, None, "DE-at", "de"),
        (None, None, "en-XA", "en-XA"),
        (None, None, "en-GB, de", "en"),
        (None, None, "ar", "ar-XB"),
        (None, None, "d", "en"),
        (None, None, "*", "en"),
        (None, None, "*;q=0", "en"),
        (None, None, "de;q=0", "en"),
        (None, None, "de;q=0, *", "en"),
        (None, None, "en;q=0, *", "de"),
        (None, None, "*;q=0, de", "de"),
        (None, None, "ar;q=0, ar-XB", "ar-XB"),
        (None, None, "de;q=0.000, he;q=0.001", "he"),
        (None, None, "de;q=2", "en"),
        (None, None, "de;q=-1", "en"),
        (None, None, "de;q=0.1234", "en"),
        (None, None, "de;q=1e0", "en"),
        (None, None, "de;q=nan, he;q=0.1", "he"),
        (None, None, "de;q=٠", "en"),
        (None, None, "de;level=1", "en"),
        (None, None, ";;;,,, q=1 ,=, de ; q=0.5", "de"),
        (None, None, "de\x00, \xff, he", "he"),
        (None, None, "de," + "x" * 10_000, "en"),
        (None, None, "a," * 5_000 + "de", "en"),
        (None, None, "a-b-c-" * 1_700 + "d", "en"),
        (None, None, ",".join(["fr"] * 31) + ",de", "en"),
    ],
)
async def test_everybody_is_answered_in_their_language(
    folder: Path, asked: str | None, kept: str | None, accepted: str | None, expected: str
) -> None:
    auth = speaking(folder, "en", "de", "he", "en-XA", "ar-XB")
    async with serving(auth) as person:
        if kept is not None:
            signed = auth.secrets.sign_as("cookie:ui_language", kept)
            person.cookies.set(auth.cookie_name("ui_language"), signed, path="/auth")
        headers = [(b"accept-language", accepted.encode("latin-1", "replace"))] if accepted is not None else []
        page = await person.get("/auth/sign-in", params={"lang": asked} if asked is not None else {}, headers=headers)
    assert page.status_code == 200
    assert spoken(page) == (expected, "rtl" if expected in ("he", "ar-XB") else "ltr")


async def test_a_language_that_was_asked_for_is_remembered(folder: Path) -> None:
    async with serving(speaking(folder, "en", "de")) as person:
        first = await person.get("/auth/sign-in?lang=de")
        cookie = next(line for line in first.headers.get_list("set-cookie") if "ui_language" in line)
        assert cookie.endswith("; Max-Age=31536000; Path=/auth; HttpOnly; SameSite=Lax")
        assert spoken(await person.get("/auth/forgot-password")) == ("de", "ltr")
        assert "Anmelden" in (await person.get("/auth/sign-in")).text
        assert spoken(await person.submit("/sign-in", email=EMAIL)) == ("de", "ltr"), "and so are errors"


@pytest.mark.parametrize("asked", ["fr", "", "en-XA", "de\x00", "d" * 5000])
async def test_an_unknown_language_is_not_remembered(folder: Path, asked: str) -> None:
    async with serving(speaking(folder, "en", "de")) as person:
        page = await person.get("/auth/sign-in", params={"lang": asked})
        assert spoken(page) == ("en", "ltr")
        assert "ui_language" not in str(page.headers.get_list("set-cookie"))


@pytest.mark.parametrize("forged", ["de", "de.", "de.AAAA", "%64%65", "signed as something else"])
async def test_a_forged_cookie_is_ignored(folder: Path, forged: str) -> None:
    auth = speaking(folder, "en", "de")
    async with serving(auth) as person:
        value = auth.secrets.sign_as("cookie:ui_email", "de") if " " in forged else forged
        person.cookies.set(auth.cookie_name("ui_language"), value, path="/auth")
        assert spoken(await person.get("/auth/sign-in")) == ("en", "ltr")


@pytest.mark.parametrize("htmx", [False, True])
async def test_the_profile_holds_the_language_and_turns_to_it_as_a_whole_page(folder: Path, htmx: bool) -> None:
    async with serving(speaking(folder, "en", "de")) as person:
        await person.sign_up()
        page = (await person.get("/auth/settings/profile")).text
        assert re.findall(r'name="lang" value="(\w+)"( checked)?', page) == [("en", " checked"), ("de", "")]
        saved = await person.submit("/settings/profile", htmx=htmx, name="Ann", lang="de")
        # Through htmx alone `main` would be swapped, and the page around it would go on in the language before.
        assert saved.headers["hx-redirect" if htmx else "location"] == "/auth/settings/profile"
        assert spoken(await person.get("/auth/settings/profile")) == ("de", "ltr")
        same = await person.submit("/settings/profile", htmx=htmx, name="Ann", lang="de")
        assert same.status_code == (200 if htmx else 303) and ("hx-redirect" in same.headers) is False


async def test_a_language_in_a_form_is_one_of_ours_and_turns_nothing_before_the_rest_is_right(folder: Path) -> None:
    async with serving(speaking(folder, "en", "de")) as person:
        await person.sign_up()
        for lang in ("fr", "<b>", "de\u202e"):
            await person.submit("/settings/profile", name="Ann", lang=lang)
            assert spoken(await person.get("/auth/settings/profile")) == ("en", "ltr")
        wrong = await person.submit("/settings/profile", name="", lang="de")
        assert wrong.status_code == 422 and spoken(wrong) == ("en", "ltr")
        assert 'name="lang" value="de" checked' in wrong.text, "what was chosen stays"


async def test_with_one_language_there_is_no_choice_and_no_cookie(folder: Path) -> None:
    for auth in (make_auth(), speaking(folder, "de")):
        async with serving(auth) as person:
            page = await person.get("/auth/sign-in?lang=he", headers={"accept-language": "he"})
            assert spoken(page)[0] == auth.languages.first.tag
            await person.sign_up()
            assert 'name="lang"' not in (await person.get("/auth/settings/profile")).text
            assert "ui_language" not in str(page.headers.get_list("set-cookie"))
            assert "hreflang" not in page.text


async def test_the_api_says_the_same_in_every_language(folder: Path) -> None:
    async with serving(speaking(folder, "en", "de")) as person:
        await person.get("/auth/sign-in?lang=de")
        answer = await person.sign_in(password="wrong wrong wrong")
        assert answer.json() == {"message": "Invalid email or password", "code": "INVALID_EMAIL_OR_PASSWORD"}


async def test_a_fault_is_told_in_the_language_of_the_visit(folder: Path) -> None:
    auth = speaking(folder, "en", "de", features=[Password(), Trouble()])
    async with serving(auth) as person:
        await person.get("/auth/sign-in?lang=de")
        for way, status in (("fault", 500), ("busy", 503), ("many", 429)):
            page = await person.get(f"/auth/trouble?with={way}")
            assert (page.status_code, spoken(page)) == (status, ("de", "ltr"))
        assert "Zu viele Versuche" in page.text
        assert "Warten Sie 2 Minuten und versuchen Sie es noch einmal." in page.text


async def test_own_fields_are_labelled_in_the_language(folder: Path) -> None:
    async with serving(speaking(folder, "en", "de", user_type=Keeper)) as person:
        assert '<label for="town">Ort ' in (await person.get("/auth/sign-up?lang=de")).text
        assert '<label for="town">Town ' in (await person.get("/auth/sign-up?lang=en")).text


async def test_letters_are_in_english_whatever_the_language(folder: Path) -> None:
    async with serving(speaking(folder, "en-XA", "de")) as person:
        await person.sign_up()
        message = (await person.mail()).last("verify-email")
        assert "Open the link and press the button" in message.text
        assert '<html lang="en" dir="ltr">' in (message.html or "")


# The list of languages


def links_of(page: httpx2.Response) -> dict[str, str]:
    """The addresses of the list by language."""
    found = re.findall(r'<a href="([^"]*)" lang="([^"]*)" hreflang="([^"]*)"', page.text)
    assert all(lang == hreflang for _, lang, hreflang in found)
    return {lang: unescape(href) for href, lang, _ in found}


async def test_the_foot_of_a_page_leads_to_it_in_other_languages(folder: Path) -> None:
    async with serving(speaking(folder, "en", "de", "he")) as person:
        page = await person.get("/auth/sign-in?next=/secret%3Fa%3Db&lang=de")
        assert links_of(page) == {tag: f"/auth/sign-in?next=%2Fsecret%3Fa%3Db&lang={tag}" for tag in ("en", "de", "he")}
        foot = page.text.partition("<footer")[2]
        assert re.findall(r' aria-current="true">([^<]*)</a>', foot) == ["Deutsch"]
        assert re.findall(r'hreflang="[^"]*"[^>]*>([^<]*)</a>', foot) == ["English", "Deutsch", "עברית"]
        for tag, href in links_of(page).items():
            assert spoken(await person.get(href))[0] == tag


@pytest.mark.sec("SEC-030")
@pytest.mark.parametrize("secret", ["token", "code", "state", "newPassword", "csrf_token", "user_code", "TOKEN"])
async def test_no_address_on_a_page_repeats_what_opens_something(folder: Path, secret: str) -> None:
    async with serving(speaking(folder, "en", "de")) as person:
        for path in ("/check-email?for=reset", "/error?error=INVALID_TOKEN", "/nothing?for=reset"):
            page = await person.get(f"/auth{path}&{secret}=the-opener&with=x")
            assert len(links_of(page)) == 2
            assert "the-opener" not in page.text


async def test_a_mailed_token_survives_a_change_of_language(folder: Path) -> None:
    async with serving(speaking(folder, "en", "de")) as person:
        await person.sign_up()
        await person.submit("/forgot-password", email=EMAIL)
        url = str((await person.mail()).last("reset-password").context["url"])
        clean = (await person.get(f"{url}&lang=de")).headers["location"]
        page = await person.get(clean)
        assert (page.status_code, spoken(page)) == (200, ("de", "ltr"))
        assert "token" not in str(links_of(page))
        assert (await person.get(links_of(page)["en"])).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "/%2F%2Fevil.example", '/"><script>', "/a%22b", "/\\evil"])
async def test_a_strange_address_leads_nowhere_else(folder: Path, path: str) -> None:
    async with serving(speaking(folder, "en", "de")) as person:
        page = await person.get(f"/auth{path}")
        assert page.status_code == 404
        assert all(href.startswith("/auth/") and '"' not in href for href in links_of(page).values())
        assert "<script>" not in page.text


# Set-up


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (UIConfig(locales=("en", "fr")), 'locales=("en", "fr"), locale_dirs=["folder"]'),
        (UIConfig(locales=("en_GB",)), 'UIConfig(locales=("en-GB",))'),
        (UIConfig(locales=("../de",)), "is no language tag"),
        (UIConfig(locales="en"), 'UIConfig(locales=("en",))'),
        (UIConfig(locales=()), 'UIConfig(locales=("en",))'),
        (UIConfig(locale_dirs="words"), 'UIConfig(locale_dirs=["words"])'),
        (UIConfig(locale_dirs=["no/such/folder"]), "there is no such folder"),
    ],
)
def test_a_mistake_in_the_set_up_says_which_line_to_write(config: UIConfig, told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        make_auth(ui=config)


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("Hello %(name)s,", "Hallo %(nmae)s,"),
        ("Hello %(name)s,", "Hallo,"),
        ("Sign in", "100 % anmelden"),
        ("Sign in", "Anmelden %(name)s"),
        ("Sign in", "Anmelden {0.__class__}"),
        ("Go to {brand}", "Zu {brand.__class__}"),
        ("Go to {brand}", "Zu {brand!r}"),
        ("Go to {brand}", "Zu {brand"),
        (("%(num)s day", "%(num)s days"), ("ein Tag", "%(nun)s Tage")),
    ],
)
def test_a_catalogue_that_would_make_faults_is_refused(tmp_path: Path, text: Any, translated: Any) -> None:
    compile_catalogue(tmp_path, "de", {text: translated})
    with pytest.raises(ConfigurationError, match="must stand in both"):
        make_auth(ui=UIConfig(locales=("en", "de"), locale_dirs=[str(tmp_path)]))


def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    for body in (b"", b"nothing", b"\xde\x12\x04\x95" + b"\xff" * 40):
        (tmp_path / "de.mo").write_bytes(body)
        with pytest.raises(ConfigurationError, match="Compile it again"):
            load("de", [str(tmp_path)])


def test_the_first_folder_comes_before_the_second(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, translations in ((first, {"Sign in": "A"}), (second, {"Sign in": "B", "Sign out": "B"})):
        folder.mkdir()
        compile_catalogue(folder, "de", translations)
    german = load("de", [str(first), str(second)])
    assert [german.say(text) for text in ("Sign in", "Sign out", "Cancel")] == ["A", "B", "Cancel"]


def test_english_can_be_said_otherwise(tmp_path: Path) -> None:
    compile_catalogue(tmp_path, "en", {"Sign in": "Log in"})
    languages = Languages(UIConfig(locale_dirs=[str(tmp_path)]))
    assert (languages.first.say("Sign in"), languages.first.name) == ("Log in", "English")


def test_weights_are_thousandths() -> None:
    assert weights_of("de;q=0.1, en-GB;q=1.000;, *;Q=0.") == {"de": 100, "*": 0}


# Nothing is left in English

# `data-am-show="password"` names a field; the others are words that script shows.
ATTRIBUTES = re.compile(r'\s(?:aria-label|alt|title|placeholder|data-am-(?!show=)[a-z-]+|data-neterr)="([^"]*)"')
NOT_WORDS = re.compile(
    r"<a [^>]*hreflang=[^>]*>[^<]*</a>|<label [^>]*\blang=[^>]*>[^<]*</label>"  # a language's name for itself
    r"|<time\b.*?</time>",  # a moment, the same in every language
    re.DOTALL,
)
DATA = re.compile(r"ann@(?:example|gmail)\.com|new@example\.com|\bAnn\b|\bauthmw\b|\{time\}")
"""What is nobody's to translate: names and addresses of these tests, and a place that script fills."""


def left_in_english(page: httpx2.Response) -> list[str]:
    """The words of a page that did not come through a catalogue: in pseudo, every letter has an accent."""
    text = NOT_WORDS.sub(" ", page.text.replace("<wbr>", ""))
    told = [*ATTRIBUTES.findall(text), *re.split(r"<[^>]*>", text)]
    return [each.strip() for each in map(unescape, told) if re.search(r"[A-Za-z]{2}", DATA.sub("", each))]


async def visits(person: Browser, auth: Auth[Any], clock: Clock) -> Sequence[httpx2.Response]:
    """Every screen, for nobody and for somebody, fresh and refused; and every page about what cannot be shown."""
    paths = [screen.path for _, screen in auth.screens]
    pages = []

    async def open_all() -> None:
        for path in paths:
            pages.append(await person.get(f"/auth{path}"))
            pages.append(await person.submit(path))
            pages.append(await person.submit(path, **SEND))
            pages.append(await person.submit(path, email="nobody", name="\x07" * 9, newPassword="short", password="x"))

    await open_all()
    for _ in range(2):
        pages.append(await person.submit("/forgot-password", email="ann@gmail.com"))
        pages.append(await person.get("/auth/check-email"))
    for path in ("nothing", "error", "error?error=INVALID_TOKEN", "reset-password?token=x", "trouble?with=fault"):
        pages.append(await person.get(f"/auth/{path}", follow_redirects=True))
    for path in ("trouble?with=busy", "trouble?with=many", "verify-email?token=x"):
        pages.append(await person.get(f"/auth/{path}", follow_redirects=True))
    await person.sign_up()
    pages.append(await person.submit("/sign-in", email=EMAIL, password="wrong wrong wrong"))
    pages.append(await person.get("/auth/settings/profile"))
    await open_all()
    await person.sign_up(email="new@example.com")
    clock.forward(days=2)
    pages.append(await person.get("/auth/reauth"))
    user_id = (await person.session())["user"]["id"]
    await auth.database.delete(AccountRow, user_id=user_id, provider_id="credential")
    await open_all()
    return pages


async def test_nothing_is_left_in_english(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authmw.web.carry.random_text", lambda length: "1" * length)  # references of faults
    clock = Clock()
    features = [Password(), EmailVerification(), Trouble()]
    auth = speaking(folder, "en-XA", "ar-XB", "de", features=features, user_type=Keeper, clock=clock)
    async with serving(auth) as person:
        for tag in pseudo.TAGS:
            await person.get(f"/auth/sign-in?lang={tag}")
            pages = [each for each in await visits(person, auth, clock) if each.text]
            assert len(pages) > 60
            assert {spoken(page) for page in pages} == {(tag, "rtl" if tag == "ar-XB" else "ltr")}
            assert {word for page in pages for word in left_in_english(page)} == set()
            person.cookies.clear()
            await auth.database.delete(auth.user_type, email=EMAIL)
            await auth.database.delete(auth.user_type, email="new@example.com")


async def test_a_word_that_was_forgotten_is_found(folder: Path) -> None:
    async with serving(speaking(folder, "en", "en-XA")) as person:
        assert "Create an account" in left_in_english(await person.get("/auth/sign-in?lang=en"))


def test_pseudo_keeps_places_and_markup_and_is_longer() -> None:
    text = "Hello %(name)s, <b>wait</b> {wait} &amp; 100%%"
    made = pseudo.pseudo(text)
    assert made.startswith("⟦Ĥéļļö %(name)s, <b>ŵåîţ</b> {wait} &amp; 100%%")
    assert made.endswith("⟧") and places_of(made) == places_of(text)
    assert len(pseudo.pseudo("Keep me signed in")) >= 1.4 * len("Keep me signed in")
