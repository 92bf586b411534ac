"""What a session is worth, and for how long: the rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from authmw import Session, Settings
from authmw.core import sessions
from authmw.core.call import CookieJar
from authmw.core.errors import SessionNotFresh
from tests.support import events_of, make_auth

NOW = datetime(2026, 11, 25, 12, 0, 0, 123000, tzinfo=UTC)
DAY, MINUTE, INSTANT = timedelta(days=1), timedelta(minutes=1), timedelta(milliseconds=1)
SETTINGS = Settings(environment={})


def session(*, age: timedelta = timedelta(0), left: timedelta = 7 * DAY) -> Session:
    """A session as it stands `age` after it was made, with so much time left."""
    created = NOW - age
    return Session(id="s", token="t", user_id="u", expires_at=NOW + left, created_at=created, updated_at=created)


@pytest.mark.parametrize(
    ("age", "left", "ends"),
    [
        # Fresh: nothing to write. A day after the last renewal: seven days from now.
        (timedelta(0), 7 * DAY, None),
        (DAY - INSTANT, 6 * DAY + INSTANT, None),
        (DAY, 6 * DAY, NOW + 7 * DAY),
        (5 * DAY, 2 * DAY, NOW + 7 * DAY),
        (7 * DAY - INSTANT, INSTANT, NOW + 7 * DAY),
        # Near the absolute end the session is lengthened no further than there.
        (22 * DAY, 6 * DAY, NOW + 7 * DAY),
        (24 * DAY, 2 * DAY, NOW + 6 * DAY),
        (29 * DAY, 1 * DAY - 2 * MINUTE, NOW + DAY),
        # Less than a minute to gain is not worth a write with every request.
        (29 * DAY, 1 * DAY, None),
        (29 * DAY, 1 * DAY - MINUTE + INSTANT, None),
        (29 * DAY, 1 * DAY - MINUTE, NOW + DAY),
        (30 * DAY, MINUTE, None),
    ],
)
def test_when_a_session_is_renewed_and_to_when(age: timedelta, left: timedelta, ends: datetime | None) -> None:
    assert sessions.renewal(session(age=age, left=left), NOW, SETTINGS) == ends


def test_with_every_read_when_the_settings_say_so() -> None:
    always = Settings(environment={}, session_refresh_after=timedelta(0))
    assert sessions.renewal(session(left=7 * DAY - MINUTE), NOW, always) == NOW + 7 * DAY
    assert sessions.renewal(session(left=7 * DAY), NOW, always) is None


@pytest.mark.parametrize(
    ("age", "left", "live"),
    [
        (timedelta(0), 7 * DAY, True),
        (DAY, INSTANT, True),
        (DAY, timedelta(0), False),
        (DAY, -DAY, False),
        (30 * DAY - INSTANT, 7 * DAY, True),
        (30 * DAY, 7 * DAY, False),
        (31 * DAY, 7 * DAY, False),
    ],
)
def test_a_session_ends_at_its_time_and_absolutely_after_thirty_days(
    age: timedelta, left: timedelta, live: bool
) -> None:
    assert sessions.is_live(session(age=age, left=left), NOW, SETTINGS) is live


@pytest.mark.parametrize(
    ("age", "window", "fresh"),
    [
        (timedelta(0), DAY, True),
        (DAY - INSTANT, DAY, True),
        (DAY, DAY, False),
        (10 * DAY, timedelta(0), True),
        (10 * MINUTE, 10 * MINUTE, False),
    ],
)
def test_signing_in_is_fresh_for_a_while(age: timedelta, window: timedelta, fresh: bool) -> None:
    auth = make_auth(fresh_for=window)
    call = auth.new_call()
    call.now = NOW
    if fresh:
        sessions.require_fresh(call, session(age=age))
        return
    with pytest.raises(SessionNotFresh) as refused:
        sessions.require_fresh(call, session(age=age))
    assert (refused.value.status, refused.value.code) == (403, "SESSION_NOT_FRESH")


@pytest.mark.sec("SEC-044")
@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        (["good"], "t1"),
        (["bad"], None),
        ([], None),
        (["good", "bad"], "t1"),
        (["bad", "good"], "t1"),
        (["good", "other"], None),
        (["other", "good"], None),
        (["good", "good"], None),
    ],
)
def test_a_cookie_that_came_twice_counts_when_exactly_one_verifies(cookies: list[str], token: str | None) -> None:
    auth = make_auth()
    values = {"good": auth.secrets.sign("t1"), "other": auth.secrets.sign("t2"), "bad": "t1." + "A" * 43 + "="}
    header = "; ".join(f"better-auth.session_token={values[each]}" for each in cookies)
    call = auth.new_call(cookies=CookieJar([header]))
    assert sessions.presented_token(call) == token
    auth.settle(call)
    both_verify = "bad" not in cookies and len(cookies) > 1
    assert [event.event for event in events_of(auth)] == ["security.duplicate_cookie"] * both_verify


def test_a_session_has_a_name_for_others_that_leads_nowhere() -> None:
    one = session()
    assert one.token not in sessions.handle(one).split("_")
    assert len(sessions.reference(one)) == 16


@pytest.mark.sec("SEC-041")
@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "better-auth.session_token"),
        ({"cookie_prefix": "shop"}, "shop.session_token"),
        ({"base_url": "https://app.example.com"}, "__Secure-better-auth.session_token"),
        ({"secure_cookies": True}, "__Secure-better-auth.session_token"),
    ],
)
def test_the_name_of_the_cookie(settings: dict[str, Any], name: str) -> None:
    assert make_auth(**settings).cookie_name("session_token") == name
