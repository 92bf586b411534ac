"""Where mail goes, and what it says: a real mail server, a file, the terminal."""

from __future__ import annotations

import json
import re
import socket
import stat
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest
from aiosmtpd.controller import Controller

from authmw import ConfigurationError, ConsoleMailer, FileMailer, Message, SmtpMailer
from authmw.core.mail import Letter
from authmw.web.languages import ENGLISH
from authmw.web.letters import LONGEST_FOREIGN_TEXT, tame, writer
from authmw.web.resources import templates
from tests.support import Clock, browser, make_auth, refused, serving

pytestmark = pytest.mark.anyio

SENDER = "The App <no-reply@example.com>"
ANN = "ann@example.com"


class Sink:
    """What a mail server received."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 OK"

    def only(self) -> EmailMessage:
        (envelope,) = self.envelopes
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found


@pytest.fixture
def server() -> Iterator[tuple[Sink, str]]:
    sink = Sink()
    with socket.create_server(("127.0.0.1", 0)) as probe:  # aiosmtpd does not find a free port itself
        port = probe.getsockname()[1]
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    yield sink, f"smtp://127.0.0.1:{port}"
    controller.stop()


def message(**more: Any) -> Message:
    given = {
        "kind": "reset-password",
        "to": ANN,
        "subject": "Choose a new password",
        "text": "Hello Ännchen\n.\nhttps://app.example.com/reset?token=s3cr3t\n",
        "html": "<p>Hello Ännchen</p>",
    }
    return Message(**{**given, **more})


def text_of(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content


async def test_a_mail_arrives_at_a_real_server_as_text_and_as_html(server: tuple[Sink, str]) -> None:
    sink, url = server
    await SmtpMailer(url, sender=SENDER).send(message())
    mail = sink.only()
    assert sink.envelopes[0].mail_from == "no-reply@example.com"
    assert sink.envelopes[0].rcpt_tos == [ANN]
    assert mail["From"] == SENDER
    assert mail["To"] == ANN
    assert mail["Subject"] == "Choose a new password"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert text_of(mail, "plain").replace("\r\n", "\n") == message().text
    assert "<p>Hello Ännchen</p>" in text_of(mail, "html")


async def test_a_server_that_is_not_there_is_an_error_for_the_queue_to_see() -> None:
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        await SmtpMailer("smtp://127.0.0.1:1", sender=SENDER).send(message())


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("mail.example.com", SENDER),
        ("http://mail.example.com", SENDER),
        ("smtp://", SENDER),
        ("smtp://mail.example.com", "nobody"),
        ("smtp://mail.example.com", ""),
    ],
)
def test_what_is_no_mail_server_or_sender_is_refused_with_what_to_write(url: str, sender: str) -> None:
    with pytest.raises(ConfigurationError, match=r"SmtpMailer: write"):
        SmtpMailer(url, sender=sender)


@pytest.mark.parametrize(
    ("url", "port", "tls", "user", "password"),
    [
        ("smtp://mail.example.com", 25, False, None, None),
        ("smtp://mail.example.com:2525", 2525, False, None, None),
        ("smtps://mail.example.com", 465, True, None, None),
        ("smtp://ann%40example.com:p%3Aw%2F@mail.example.com", 587, False, "ann@example.com", "p:w/"),
    ],
)
def test_an_address_of_a_server_is_read(url: str, port: int, tls: bool, user: str | None, password: str | None) -> None:
    mailer = SmtpMailer(url, sender=SENDER)
    assert (mailer._port, mailer._tls, mailer._user, mailer._password) == (port, tls, user, password)


async def test_a_password_is_not_sent_in_the_clear(server: tuple[Sink, str]) -> None:
    """The server here offers no TLS: rather no mail than a password that everybody on the way can read."""
    sink, url = server
    with pytest.raises(Exception, match=r"(?i)starttls"):
        await SmtpMailer(url.replace("//", "//user:secret@"), sender=SENDER).send(message())
    assert sink.envelopes == []


@pytest.mark.sec("SEC-087")
@pytest.mark.parametrize("field", ["to", "subject"])
@pytest.mark.parametrize(
    "injected", ["\r\nBcc: eve@evil.example", "\nBcc: eve@evil.example", "\rBcc: eve@evil.example"]
)
async def test_no_text_starts_a_header_of_its_own(server: tuple[Sink, str], field: str, injected: str) -> None:
    sink, url = server
    given = {"to": "ann@example.com", "subject": "Hello"}
    hostile = message(**{field: given[field] + injected})
    with pytest.raises(ValueError):
        await SmtpMailer(url, sender=SENDER).send(hostile)
    assert sink.envelopes == []


def test_a_sender_cannot_hold_a_header() -> None:
    try:
        mail = SmtpMailer("smtp://mail.example.com", sender="App\r\nBcc: eve@evil.example <a@b.co>").compose(message())
    except (ValueError, ConfigurationError):
        return
    assert message_from_bytes(mail.as_bytes(), policy=policy.default)["Bcc"] is None


# Files and the terminal


async def test_a_file_gets_one_line_a_mail(tmp_path: Path) -> None:
    path = tmp_path / "outbox.jsonl"
    mailer = FileMailer(path)
    await mailer.send(message(context={"url": "https://x/\u2028\n", "token": "t"}))
    await mailer.send(message(kind="verify-email", context={}))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [
        {
            "kind": "reset-password",
            "to": ANN,
            "subject": "Choose a new password",
            "url": "https://x/\u2028\n",
            "token": "t",
        },
        {"kind": "verify-email", "to": ANN, "subject": "Choose a new password"},
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_terminal_shows_mail_and_the_last_letters_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    mailer = ConsoleMailer()
    for number in range(25):
        await mailer.send(message(subject=f"Letter {number}", context={"url": f"https://x/{number}"}))
    assert [letter.subject for letter in mailer.letters] == [f"Letter {number}" for number in range(24, 4, -1)]
    newest = mailer.letters[0]
    assert (newest.kind, newest.to, newest.url, newest.text) == (
        "reset-password",
        ANN,
        "https://x/24",
        message().text,
    )
    shown = capsys.readouterr().out
    assert "mail to ann@example.com: Letter 24" in shown
    assert "token=s3cr3t" in shown, "the link is there to be opened"


# What letters say

URL = "https://app.example.com/auth/verify-email?token=s3cr3t&next=%2F"
WITH_LINK = {"url": URL, "token": "s3cr3t", "name": "Ann", "minutes": 60}
LETTERS: list[tuple[str, dict[str, Any], str]] = [
    ("verify-email", {**WITH_LINK, "change": False}, "Confirm your email for Shop"),
    (
        "verify-email",
        {**WITH_LINK, "change": True, "new_email": "new@example.com"},
        "Confirm your new email for Shop",
    ),
    ("reset-password", WITH_LINK, "Choose a new password for Shop"),
    ("change-email", {**WITH_LINK, "new_email": "new@example.com"}, "Change the email of your Shop account?"),
    ("delete-account", {**WITH_LINK, "minutes": 1440}, "Delete your Shop account?"),
    ("security-notice", {"what": "password-changed", "name": "Ann"}, "Your password was changed"),
    ("security-notice", {"what": "password-reset", "name": "Ann"}, "Your password was reset"),
    (
        "security-notice",
        {"what": "email-changed", "name": "Ann", "new_email": "new@example.com"},
        "The email of your account was changed",
    ),
    ("security-notice", {"what": "sign-up-attempt", "name": "Ann"}, "You already have an account"),
    ("security-notice", {"what": "account-unlinked", "name": "Ann"}, "A way to sign in was removed"),
    ("security-notice", {"what": "account-deleted", "name": "Ann"}, "Your account was deleted"),
    ("email-otp", {"otp": "012345", "name": "Ann", "minutes": 5}, "Your code for Shop"),
]


def environment() -> jinja2.Environment:
    return templates((), ENGLISH)


def written(kind: str, context: dict[str, Any], *, brand: str = "Shop", to: str = ANN) -> Message:
    write = writer(environment, brand)
    return write(Letter(kind=kind, to=to, context={"now": Clock().now, **context}))


class Page(HTMLParser):
    """The links and the elements of a letter."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.links += [value for name, value in attributes if name in ("href", "src") and value]


@pytest.mark.parametrize(("kind", "context", "subject"), LETTERS)
def test_every_letter_can_be_written_as_text_and_as_html(kind: str, context: dict[str, Any], subject: str) -> None:
    letter = written(kind, context)
    page = Page(letter.html)
    assert (letter.kind, letter.to, letter.subject) == (kind, ANN, subject)
    assert "Hello Ann," in letter.text
    assert "Hello Ann," in letter.html
    assert "Shop" in letter.text
    assert page.elements <= {"html", "head", "meta", "title", "style", "body", "div", "h1", "p", "a", "br"}
    for left_over in ("{{", "{%", "None", "&amp;", "<p", "%("):
        assert left_over not in letter.text
    assert not re.search(r"\n{4,}", letter.text)
    if "url" in context:
        assert URL in letter.text.split(), "the whole link on its own, to be clicked and copied"
        assert page.links == [URL, URL]
        assert letter.context == {"url": URL, "token": "s3cr3t"}
        assert f"for {context['minutes']} minutes" in letter.text
    else:
        assert page.links == []
        assert letter.context == {key: value for key, value in context.items() if key == "otp"}
    if "new_email" in context and kind != "verify-email":
        assert "new@example.com" in letter.text
        assert "new@example.com" in letter.html


@pytest.mark.parametrize(("kind", "context", "subject"), LETTERS)
def test_a_letter_to_somebody_without_a_name(kind: str, context: dict[str, Any], subject: str) -> None:
    letter = written(kind, {**context, "name": ""})
    assert "Hello," in letter.text
    assert "Hello," in letter.html


def test_the_time_of_a_notice_is_for_people() -> None:
    letter = written("security-notice", {"what": "password-changed"})
    assert "2026-11-25 12:00 UTC" in letter.text
    assert "123000" not in letter.text + letter.html


def test_one_minute_is_one_minute() -> None:
    assert "for 1 minute." in written("reset-password", {**WITH_LINK, "minutes": 1}).text


# Names that try something

HOSTILE_NAMES = [
    "Ann\r\nBcc: eve@evil.example",
    "Ann\n\nYour account is blocked, call 555-0100",
    "<img src=https://evil.example/x.png>",
    "<a href='https://evil.example'>Click</a>",
    "Win at https://evil.example/prize now",
    "Win at WWW.evil.example now",
    "Win at evil.example/prize now",
    "javascript://evil.example/%0aalert(1)",
    "Win at evil\u3002example now",
    "Win at evil\uff0eexample now",
    "Win at evil\u2024example now",
    "Win at evil.\u200bexample now",
    "Win at http:evil now",
    "{{ 7 * 7 }} {% raw %} %(brand)s %s",
    "\u202eelpmaxe.live\u202c",
    "\x1b]0;title\x07",
    "A" * 4000,
    "Hello, your prize is waiting. " * 20,
]


@pytest.mark.sec("SEC-087")
@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize(("kind", "context", "subject"), LETTERS)
async def test_a_name_gets_no_link_no_line_and_no_header_into_a_letter(
    kind: str, context: dict[str, Any], subject: str, name: str
) -> None:
    letter = written(kind, {**context, "name": name})
    plain = written(kind, {**context, "name": "Ann"})
    assert letter.subject == plain.subject, "the subject is fixed"
    assert len(letter.text.splitlines()) == len(plain.text.splitlines())
    assert len(letter.text) - len(plain.text) <= LONGEST_FOREIGN_TEXT
    assert Page(letter.html).links == Page(plain.html).links
    assert Page(letter.html).elements == Page(plain.html).elements
    shown = letter.text.replace(URL, "")
    for evil in (
        "evil.example",
        "evil\u3002",
        "evil\uff0e",
        "evil\u2024",
        "evil.\u200b",
        "http:evil",
        "://",
        "www.evil",
        "WWW.evil",
        "49",
        "\u202e",
        "\x1b",
    ):
        assert evil not in shown
    mail = SmtpMailer("smtp://mail.example.com", sender=SENDER).compose(letter)
    assert mail["Bcc"] is None
    assert sorted(mail.keys()) == ["Auto-Submitted", "Content-Type", "From", "MIME-Version", "Subject", "To"]


@pytest.mark.sec("SEC-087")
@pytest.mark.parametrize("brand", ["Shop\r\nBcc: eve@evil.example", "Shop\nX", "S" * 300])
def test_the_name_of_the_application_starts_no_header_either(brand: str) -> None:
    letter = written("reset-password", WITH_LINK, brand=brand)
    mail = SmtpMailer("smtp://mail.example.com", sender=SENDER).compose(letter)
    assert mail["Bcc"] is None
    assert "\n" not in letter.subject
    assert len(letter.subject) < 200
    assert mail.as_bytes()


@pytest.mark.sec("SEC-087")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Ann", "Ann"),
        ("Ann-Lise O'Brien Jr.", "Ann-Lise O'Brien Jr."),
        ("Müller & Söhne", "Müller & Söhne"),
        ("https://evil.example/x y", "… y"),
        ("a\r\nb", "a  b"),
        ("n" * 64, "n" * 64),
        ("n" * 65, "n" * 63 + "…"),
    ],
)
def test_foreign_text_is_tamed(text: str, shown: str) -> None:
    assert tame(text) == shown


@pytest.mark.sec("SEC-087")
@pytest.mark.sec("SEC-080")
async def test_through_the_whole_application_and_a_real_server(server: tuple[Sink, str]) -> None:
    sink, url = server
    auth = make_auth()
    auth.mail.mailer = SmtpMailer(url, sender=SENDER)
    async with serving(auth) as ann, browser(auth) as eve:
        for hostile in ("ann@example.com\r\nBcc: eve@evil.example", "ann@example.com, eve@evil.example"):
            refused(await eve.sign_up(email=hostile), 400, "VALIDATION_ERROR")
            refused(await eve.api("/request-password-reset", {"email": hostile}), 400, "VALIDATION_ERROR")
        refused(await eve.sign_up(name="Ann\r\nBcc: eve@evil.example"), 400, "VALIDATION_ERROR")
        await ann.sign_up(name="<b>Win</b> at https://evil.example/prize")
        # The stored address is the recipient, however it is written by whoever asks.
        await eve.api("/request-password-reset", {"email": "ANN@Example.COM"})
        await auth.mail.idle()
    assert [envelope.rcpt_tos for envelope in sink.envelopes] == [[ANN], [ANN]]
    for envelope in sink.envelopes:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        assert mail["Bcc"] is None
        assert "evil.example" not in text_of(mail, "plain")
        page = Page(text_of(mail, "html"))
        assert "b" not in page.elements
        assert all(link.startswith("http://localhost:8000/") for link in page.links)
