"""Audit events: one line each, whatever is in them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from authmw.core.events import Event, log, printable
from authmw.core.secrets import random_text
from tests.support import PASSWORD, events_of, make_auth, serving

NOON = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)


def test_an_event_is_one_line_of_json_without_empty_fields() -> None:
    event = Event(event="auth.sign_in", time=NOON, ip="203.0.113.7", about={"user_id": "u1"})
    assert json.loads(event.line()) == {
        "event": "auth.sign_in",
        "time": "2026-11-25T12:00:00.123Z",
        "outcome": "success",
        "ip": "203.0.113.7",
        "user_id": "u1",
    }


@pytest.mark.sec("SEC-202")
@pytest.mark.parametrize(
    "hostile",
    [
        "a\r\nevent: forged",
        '"},{"event":"forged"',
        "\x1b[31mred\x1b[0m",
        "\x00\x07\x08\x7f\x85\x9b",
        "line\u2028line\u2029line",
        "\u202eevil\u2066",
        "\ud800 alone",
        "x" * 65536,
    ],
)
def test_hostile_values_stay_one_line(hostile: str) -> None:
    line = Event(event="x", time=NOON, user_agent=hostile, reason=hostile, about={"user_id": hostile}).line()
    assert line.isascii()
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    read = json.loads(line)
    assert read["event"] == "x"
    assert len(read["user_agent"]) <= 512 * 6
    assert read["user_agent"].isprintable()


def test_control_characters_are_written_as_escapes() -> None:
    assert printable("a\r\nb\x1b[0m") == "a\\x0d\\x0ab\\x1b[0m"
    assert printable("x" * 600) == "x" * 512


@pytest.mark.sec("SEC-202")
def test_the_log_holds_the_line(caplog: pytest.LogCaptureFixture) -> None:
    event = Event(event="x", time=NOON, user_agent="a\r\nb")
    with caplog.at_level(logging.INFO, logger="authmw.audit"):
        log(event)
    assert [record.getMessage() for record in caplog.records] == [event.line()]


@pytest.mark.anyio
@pytest.mark.sec("SEC-200")
async def test_events_hold_no_password_and_no_token() -> None:
    auth = make_auth()
    typed = random_text(20)
    async with serving(auth) as browser:
        token = (await browser.sign_up()).json()["token"]
        await browser.api("/request-password-reset", {"email": "ann@example.com"})
        await browser.sign_in(password=typed)
        await browser.sign_in(email="nobody@example.com", password=typed)
        reset = (await browser.mail()).last("reset-password").context["token"]
        await browser.api("/reset-password", {"token": reset, "newPassword": typed})
        await browser.api("/sign-out", {})
    lines = "\n".join(event.line() for event in events_of(auth))
    for secret in (PASSWORD, typed, token, reset, "nobody@example.com"):
        assert secret not in lines
    assert {event.event for event in events_of(auth)} >= {
        "auth.sign_up",
        "auth.sign_in",
        "session.created",
        "email.verification_sent",
        "password.reset_requested",
        "password.reset",
    }


@pytest.mark.anyio
@pytest.mark.sec("SEC-200")
async def test_an_event_says_who_from_where_and_why_although_the_answer_hides_it() -> None:
    auth = make_auth()
    async with serving(auth) as browser:
        await browser.sign_up()
        await browser.sign_in(password="wrong password")
        await browser.sign_in(email="nobody@example.com")
    wrong, unknown = [event for event in events_of(auth) if event.outcome == "failure"]
    assert (wrong.reason, unknown.reason) == ("wrong password", "unknown address")
    assert wrong.method == "/sign-in/email"
    assert wrong.ip == "203.0.113.7"
    assert set(wrong.about) >= {"target_id"}
    assert "identifier_hmac" in unknown.about
    started = next(event for event in events_of(auth) if event.event == "auth.sign_in" and event.outcome == "success")
    assert len(started.about["session_ref"]) == 16


@pytest.mark.anyio
@pytest.mark.sec("SEC-203")
async def test_a_listener_that_fails_changes_no_answer_and_stops_no_other() -> None:
    auth = make_auth()
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("the disk is full")

    auth.listeners = [broken, heard.append]
    async with serving(auth) as browser:
        assert (await browser.sign_up()).status_code == 200
    assert heard
