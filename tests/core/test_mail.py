"""The queue of letters: after the answer, again when it failed, and never a word too many in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from authmw import Auth, Message
from authmw.core import mail
from authmw.core.mail import Letter, MailQueue
from authmw.core.rate_limit import Limiter
from authmw.stores.limits import MemoryLimiter
from tests.support import PASSWORD, Clock, make_auth, outbox_of, serving

pytestmark = pytest.mark.anyio

SECRET_URL = "https://app.example.com/reset?token=s3cr3t"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two tries of one letter time does not pass."""
    monkeypatch.setattr(mail, "SECONDS_BETWEEN_TRIES", 0)


class Mailer:
    """Fails as often as told for a recipient, and keeps what got through."""

    def __init__(self, **failures: int) -> None:
        self.failures = failures
        self.tries: list[str] = []
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.tries.append(message.to)
        if self.failures.get(message.to, 0) > 0:
            self.failures[message.to] -= 1
            raise OSError(f"550 no such mailbox, while sending {message.text}")
        self.sent.append(message)


def write(letter: Letter) -> Message:
    return Message(kind=letter.kind, to=letter.to, subject="", text=letter.context.get("url", ""), html="")


def queue(
    mailer: Any, *, limiter: Limiter | None = None, clock: Callable[[], Any] | None = None, **more: Any
) -> MailQueue:
    return MailQueue(mailer, more.pop("write", write), lambda: limiter, clock or Clock(), **more)


def letter(to: str, kind: str = "reset-password") -> Letter:
    return Letter(kind=kind, to=to, context={"url": SECRET_URL})


async def test_letters_go_out_in_order() -> None:
    mailer = Mailer()
    letters = queue(mailer)
    for to in "abc":
        letters.put(letter(to))
    assert mailer.tries == [], "nothing is sent while the answer is made"
    await letters.idle()
    assert mailer.tries == ["a", "b", "c"]
    letters.put(letter("d"))
    await letters.idle()
    assert mailer.tries == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("failures", "tries", "arrives"), [(0, 1, True), (1, 2, True), (2, 3, True), (3, 3, False)])
async def test_a_letter_is_tried_three_times_at_most(failures: int, tries: int, arrives: bool) -> None:
    mailer = Mailer(a=failures)
    letters = queue(mailer)
    letters.put(letter("a"))
    letters.put(letter("b"))
    await letters.idle()
    assert mailer.tries == ["a"] * tries + ["b"]
    assert [message.to for message in mailer.sent] == (["a", "b"] if arrives else ["b"])


@pytest.mark.sec("SEC-200")
async def test_what_could_not_be_sent_is_logged_without_what_was_in_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        letters = queue(Mailer(a=9))
        letters.put(letter("a"))
        await letters.idle()
    assert "reset-password letter could not be sent: OSError" in caplog.text
    assert "s3cr3t" not in caplog.text
    assert "s3cr3t" not in str([record.__dict__ for record in caplog.records])


async def test_a_letter_that_cannot_be_written_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    def sometimes(one: Letter) -> Message:
        if one.to == "a":
            raise KeyError("no such template")
        return write(one)

    mailer = Mailer()
    letters = queue(mailer, write=sometimes)
    letters.put(letter("a"))
    letters.put(letter("b"))
    await letters.idle()
    assert mailer.tries == ["b"]


async def test_a_mailer_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "SECONDS_A_TRY", 0.01)

    class Hanging(Mailer):
        async def send(self, message: Message) -> None:
            self.tries.append(message.to)
            if message.to == "a":
                await asyncio.Event().wait()

    mailer = Hanging()
    letters = queue(mailer)
    letters.put(letter("a"))
    letters.put(letter("b"))
    await letters.idle()
    assert mailer.tries == ["a", "a", "a", "b"]


@pytest.mark.sec("SEC-062")
async def test_a_sixth_letter_within_the_hour_is_held_back(caplog: pytest.LogCaptureFixture) -> None:
    clock, mailer = Clock(), Mailer()
    letters = queue(mailer, limiter=MemoryLimiter(), clock=clock)
    for _ in range(7):
        letters.put(letter("ann@example.com"))
    letters.put(letter("bob@example.com"))
    await letters.idle()
    assert mailer.tries == ["ann@example.com"] * 5 + ["bob@example.com"]
    assert "ann@example.com" not in caplog.text
    clock.forward(hours=1)
    letters.put(letter("ann@example.com"))
    await letters.idle()
    assert mailer.tries[-1] == "ann@example.com"


async def test_closing_waits_for_what_is_under_way_and_not_forever() -> None:
    mailer = Mailer()
    letters = queue(mailer)
    letters.put(letter("a"))
    await letters.close()
    assert mailer.tries == ["a"]

    class Hanging(Mailer):
        async def send(self, message: Message) -> None:
            await asyncio.Event().wait()

    stuck = queue(Hanging())
    stuck.put(letter("a"))
    await stuck.close(patience=0.01)


# In an application


@pytest.mark.sec("SEC-061")
async def test_mail_is_sent_after_the_answer() -> None:
    auth = make_auth()
    began, may_go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        async def send(self, message: Message) -> None:
            began.set()
            await may_go_on.wait()

    auth.mail.mailer = Slow()
    async with serving(auth) as browser:
        assert (await browser.sign_up()).status_code == 200
        await began.wait()
        assert (await browser.api("/request-password-reset", {"email": "ann@example.com"})).status_code == 200
        may_go_on.set()


async def test_a_failing_mailer_changes_no_answer() -> None:
    auth = make_auth()
    auth.mail.mailer = Mailer(**{"ann@example.com": 99})
    async with serving(auth) as browser:
        assert (await browser.sign_up()).status_code == 200
        await auth.mail.idle()
        assert (await browser.session())["user"]["email"] == "ann@example.com"


def fill(auth: Auth[Any]) -> None:
    auth.mail._letters.extend([letter("x@example.com")] * (auth.mail._capacity - len(auth.mail._letters)))


@pytest.mark.sec("SEC-061")
@pytest.mark.parametrize(
    ("path", "known", "unknown"),
    [
        ("/request-password-reset", {"email": "ann@example.com"}, {"email": "nobody@example.com"}),
        ("/send-verification-email", {"email": "ann@example.com"}, {"email": "nobody@example.com"}),
        (
            "/sign-up/email",
            {"name": "", "email": "ann@example.com", "password": PASSWORD},
            {"name": "", "email": "nobody@example.com", "password": PASSWORD},
        ),
    ],
)
async def test_a_full_queue_is_503_for_everybody_alike(
    path: str, known: dict[str, str], unknown: dict[str, str]
) -> None:
    auth = make_auth()
    async with serving(auth) as browser:
        await browser.sign_up()
        await browser.mail()
        browser.cookies.clear()
        fill(auth)
        answers = [await browser.api(path, body) for body in (known, unknown)]
        auth.mail._letters.clear()
    assert [answer.status_code for answer in answers] == [503, 503]
    assert answers[0].content == answers[1].content
    assert answers[0].headers.raw == answers[1].headers.raw
    assert answers[0].headers["retry-after"] == "1"
    assert answers[0].json()["code"] == "SERVICE_UNAVAILABLE"


async def test_a_letter_too_many_is_dropped_and_said_without_what_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    letters = queue(Mailer(), capacity=2)
    for to in "abc":
        letters.put(letter(to))
    assert letters.is_full
    await letters.idle()
    assert not letters.is_full
    assert "a reset-password letter was dropped" in caplog.text
    assert "s3cr3t" not in caplog.text


async def test_a_message_does_not_show_its_secrets_when_it_is_printed() -> None:
    auth = make_auth()
    async with serving(auth) as browser:
        await browser.sign_up()
        await browser.api("/request-password-reset", {"email": "ann@example.com"})
        message = (await browser.mail()).last("reset-password")
    assert message.context["token"]
    assert message.context["token"] not in repr(message)
    assert outbox_of(auth).messages
