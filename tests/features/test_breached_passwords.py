"""Passwords that everybody tries first are refused, wherever one is set, and nobody learns which one was asked about."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from authmw import Auth, ConfigurationError
from authmw.core import common_passwords as listed
from authmw.core.common_passwords import common_passwords
from authmw.core.model import Account, User
from authmw.features import BreachedPasswords, EmailVerification, Password
from authmw.features.breached_passwords import LARGEST_ANSWER, PasswordCompromised, is_listed, is_made_of, words_of
from authmw.features.password import SetPassword
from tests.key_server import KeyServer, answer, key_server
from tests.support import PASSWORD, Browser, call_of, events_of, make_auth, refused, serving

pytestmark = pytest.mark.anyio

DIGEST = hashlib.sha1(PASSWORD.encode()).hexdigest().upper()
PADDING = "\r\n".join(f"{number:035X}:0" for number in range(20))


def careful(**options: Any) -> Auth[Any]:
    more = {key: options.pop(key) for key in ("app_name", "auto_sign_in") if key in options}
    password = Password(auto_sign_in=more.pop("auto_sign_in", True))
    features = [password, EmailVerification(send_on_sign_up=False), BreachedPasswords(**{"lookup": False, **options})]
    return make_auth(features=features, **more)


def asking(server: KeyServer, **options: Any) -> Auth[Any]:
    return careful(lookup=True, address=f"http://127.0.0.1:{server.port}/range/", **options)


def ranges(*lines: str) -> bytes:
    return answer("200 OK", "\r\n".join([*lines, PADDING]).encode(), content_type="text/plain")


# Where a password is set


async def at_sign_up(person: Browser, password: str) -> Any:
    return await person.sign_up(password=password)


async def at_change(person: Browser, password: str) -> Any:
    await person.sign_up()
    return await person.api("/change-password", {"newPassword": password, "currentPassword": PASSWORD})


async def at_reset(person: Browser, password: str) -> Any:
    await person.sign_up()
    await person.api("/request-password-reset", {"email": "ann@example.com"})
    url = (await person.mail()).last("reset-password").text.partition("/reset-password")[2].split()[0]
    token = unquote(url.partition("token=")[2] or url.strip("/").partition("?")[0])
    return await person.api("/reset-password", {"newPassword": password, "token": token})


@pytest.mark.sec("SEC-006")
@pytest.mark.parametrize("password", ["password123", "PassWord123", "qwertyuiop", "lighthouse", "Lighthouse-2026!"])
@pytest.mark.parametrize("where", [at_sign_up, at_change, at_reset])
async def test_it_is_refused_wherever_one_is_set(
    where: Callable[[Browser, str], Awaitable[Any]], password: str
) -> None:
    auth = careful(app_name="Lighthouse")
    async with serving(auth) as ann:
        refused(await where(ann, password), 400, "PASSWORD_COMPROMISED")
        accounts = await auth.database.find_all(Account)
        if accounts:
            assert (await ann.sign_in()).status_code == 200  # the one before still stands


@pytest.mark.sec("SEC-006")
@pytest.mark.parametrize("password", ["password123!x9", "qwertyuiopp9", "lighthouse keepers", "correct horse"])
@pytest.mark.parametrize("where", [at_sign_up, at_change, at_reset])
async def test_a_near_miss_is_taken(where: Callable[[Browser, str], Awaitable[Any]], password: str) -> None:
    async with serving(careful(app_name="Lighthouse")) as ann:
        assert (await where(ann, password)).status_code == 200


@pytest.mark.sec("SEC-006")
async def test_it_is_refused_where_somebody_sets_a_first_one() -> None:
    auth = careful()
    async with serving(auth) as ann:
        await ann.sign_up()
        await auth.database.delete(Account, provider_id="credential")
        with pytest.raises(PasswordCompromised):
            await auth[Password].set_password(call_of(ann), SetPassword(new_password="password123"))
        await auth[Password].set_password(call_of(ann), SetPassword(new_password="a better one, this"))


async def test_the_name_and_address_of_whoever_is_signed_in_are_no_password() -> None:
    async with serving(careful()) as ann:
        await ann.sign_up("annabel.lee@seaside.example", name="Annabel Lee")
        for password in ("annabel1849", "AnnabelLee", "seaside-lee-1"):
            body = {"newPassword": password, "currentPassword": PASSWORD}
            refused(await ann.api("/change-password", body), 400, "PASSWORD_COMPROMISED")


async def test_a_person_is_told_beside_the_field() -> None:
    async with serving(careful()) as ann:
        page = await ann.submit("/sign-up", name="Ann", email="ann@example.com", password="password123")
        assert page.status_code == 422
        assert "Many people use that password" in page.text and 'id="password-error"' in page.text


async def test_the_message_may_be_the_applications_own() -> None:
    async with serving(careful(message="Not that one.")) as ann:
        assert (await ann.sign_up(password="password123")).json()["message"] == "Not that one."


async def test_length_is_judged_before() -> None:
    async with serving(careful()) as ann:
        refused(await ann.sign_up(password="123456"), 400, "PASSWORD_TOO_SHORT")


@pytest.mark.sec("SEC-060")
async def test_a_taken_address_is_not_told_by_a_common_password() -> None:
    async with serving(careful(auto_sign_in=False)) as ann:
        await ann.sign_up()
        taken = await ann.sign_up(password="password123")
        free = await ann.sign_up("bob@example.com", password="password123")
        assert (taken.status_code, taken.content) == (free.status_code, free.content)


# The look-up


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f"{DIGEST[5:]}:3", 400),
        (f"{DIGEST[5:].lower()}:1", 400),
        (f"{DIGEST[5:]}:0", 200),  # padding
        (f"{DIGEST[5:-1]}:3", 200),
        (f"{DIGEST[6:]}0:3", 200),
        ("", 200),
    ],
)
async def test_one_that_was_breached_is_refused(line: str, status: int) -> None:
    async with key_server() as server, serving(asking(server)) as ann:
        server.answer = ranges(line)
        assert (await ann.sign_up()).status_code == status


@pytest.mark.sec("SEC-006")
async def test_five_digits_are_all_that_is_sent() -> None:
    async with key_server() as server, serving(asking(server)) as ann:
        server.answer = ranges()
        await ann.sign_up()
        (asked,) = server.asked
        assert asked.startswith(f"GET /range/{DIGEST[:5]} HTTP/1.1\r\n")
        assert "add-padding: true" in asked.lower() and "accept-encoding: identity" in asked.lower()
        assert not any(secret in asked for secret in (DIGEST[5:], PASSWORD, "ann", "Ann", "cookie"))


@pytest.mark.sec("SEC-006")
@pytest.mark.sec("SEC-194")
@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"nonsense",
        answer("500 Internal Server Error", b""),
        answer("429 Too Many Requests", f"{DIGEST[5:]}:3".encode()),
        answer("302 Found", b"", location="http://127.0.0.1:1/"),
        answer("200 OK", b"0" * (LARGEST_ANSWER + 1)),
    ],
)
async def test_without_an_answer_it_is_taken_and_stands_on_the_record(says: bytes) -> None:
    async with key_server() as server:
        auth = asking(server)
        server.answer = says
        async with serving(auth) as ann:
            assert (await ann.sign_up()).status_code == 200
            (event,) = [event for event in events_of(auth) if event.event == "password.breach_lookup"]
            assert event.outcome == "error" and event.reason
            assert PASSWORD not in repr(event) and DIGEST not in repr(event)


async def test_a_server_that_never_answers_is_not_waited_for() -> None:
    async def silence(writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"H")
            await asyncio.sleep(0.01)
            await writer.drain()

    async with key_server() as server:
        auth = asking(server, timeout=timedelta(milliseconds=80))
        server.answer = silence
        async with serving(auth) as ann:
            assert (await asyncio.wait_for(ann.sign_up(), 5)).status_code == 200
        assert "TimeoutError" in [event.reason for event in events_of(auth)]


async def test_nobody_listens_there() -> None:
    async with key_server() as server:
        pass
    async with serving(asking(server)) as ann:
        assert (await ann.sign_up()).status_code == 200


async def test_one_that_is_on_the_list_is_not_looked_up() -> None:
    async with key_server() as server, serving(asking(server)) as ann:
        refused(await ann.sign_up(password="password123"), 400, "PASSWORD_COMPROMISED")
        assert server.asked == []


async def test_signing_in_asks_nobody() -> None:
    async with key_server() as server, serving(asking(server)) as ann:
        server.answer = ranges()
        await ann.sign_up()
        await ann.sign_in()
        assert len(server.asked) == 1


@pytest.mark.parametrize("password", ["ünïcödé pässwörd", "密码密码密码密码密码", "🙂" * 10, " " * 12])
async def test_any_text_can_be_asked_about(password: str) -> None:
    async with key_server() as server:
        auth = asking(server)
        server.answer = ranges()
        async with serving(auth) as ann:
            assert (await ann.sign_up(password=password)).status_code == 200
            assert [event for event in events_of(auth) if event.event == "password.breach_lookup"] == []


def test_without_an_http_client_it_says_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install authmw\[client\].*lookup=False"):
        BreachedPasswords()
    BreachedPasswords(lookup=False)


# Rules


def test_the_list_holds_what_its_page_says() -> None:
    words = common_passwords()
    assert len(words) == 10_000
    assert all(8 <= len(word) <= 128 and word == word.lower() for word in words)
    assert {"password", "12345678", "password1", "qwertyuiop", "iloveyou"} <= words
    assert "zxcvbn" in listed.LIST.with_suffix("").with_suffix(".LICENSE").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Lighthouse", {"lighthouse"}),
        ("The Light House", {"the", "light", "house", "thelighthouse"}),
        ("Ann.Lee@mail.example.com", {"ann", "lee", "mail", "example", "annleemailexample"}),
        ("x@y.de", set()),
        ("", set()),
        ("é", set()),
    ],
)
def test_the_words_of_a_text(text: str, words: set[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("password", "is_made"),
    [
        ("lighthouse", True),
        ("LIGHTHOUSE!!", True),
        ("light-house-99", True),
        ("lighthouseabc", True),
        ("lighthouseabcd", False),
        ("12345678901", False),
        ("a quiet harbour", False),
        ("", False),
        ("lighthouse" * 1000, True),
    ],
)
def test_what_is_made_of_words(password: str, is_made: bool) -> None:
    assert is_made_of(password, {"lighthouse", "ann"}) is is_made


@pytest.mark.parametrize(
    ("answer_text", "found"),
    [
        ("A:1", True),
        ("a:1", True),
        ("A:1\r\n", True),
        ("B:1\nA:22\n", True),
        ("A:0", False),
        ("A", False),
        ("AA:1", False),
        ("", False),
    ],
)
def test_a_range_is_read(answer_text: str, found: bool) -> None:
    assert is_listed("A", answer_text) is found


async def test_nothing_of_it_is_stored() -> None:
    auth = careful()
    async with serving(auth) as ann:
        await ann.sign_up(password="password123")
        assert await auth.database.find_all(User) == []
