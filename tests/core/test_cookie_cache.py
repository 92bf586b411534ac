"""`session_data`: the wire's format, and what is not believed."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from authmw import Auth, Call, ConfigurationError, Private, Public, Session, SignedIn, User
from authmw.core import cookie_cache
from authmw.core.call import CookieJar
from tests.support import Clock, make_auth

# wire-core 2.13
PAYLOAD = {"session": {"token": "t"}, "user": {"id": "u"}, "updatedAt": 1, "version": "1"}
SIGNATURE = "5Xyukv3xC8SaZ6uNcdYTXwsdtiNs1rDhod6b1c6Amd4"
VALUE = (
    "eyJzZXNzaW9uIjp7InNlc3Npb24iOnsidG9rZW4iOiJ0In0sInVzZXIiOnsiaWQiOiJ1In0sInVwZGF0ZWRBdCI6MSwidmVyc2lvbiI6IjEifSwi"
    "ZXhwaXJlc0F0IjoyLCJzaWduYXR1cmUiOiI1WHl1a3YzeEM4U2FaNnVOY2RZVFh3c2R0aU5zMXJEaG9kNmIxYzZBbWQ0In0"
)
SECRET = "test-secret-that-is-long-enough-0123456789"
NAME = "better-auth.session_data"
LONG = "\N{SNOWMAN}" * 1024
TOKEN = "t" * 32


@dataclass(frozen=True, kw_only=True)
class Member(User):
    table_name: ClassVar[str] = "user"
    bio: str = field(default="", metadata=Public())


def cached_auth(clock: Clock | None = None, **more: Any) -> Auth[Any]:
    return make_auth(
        **{"secret": SECRET, "cookie_cache": timedelta(minutes=5), "user_type": Member, "clock": clock, **more}
    )


def somebody(auth: Auth[Any], **more: Any) -> SignedIn[Any]:
    now = auth.clock()
    user = Member(id="u1", name="Ann", email="ann@example.com", created_at=now, updated_at=now, **more)
    session = Session(
        id="s1",
        token=TOKEN,
        user_id="u1",
        expires_at=now + timedelta(days=7),
        created_at=now,
        updated_at=now,
        ip_address="203.0.113.7",
        user_agent='A "browser" \\ with ünïcode',
    )
    return SignedIn(user, session)


def written(auth: Auth[Any], signed_in: SignedIn[Any], *, remembered: bool = True) -> dict[str, str]:
    """The cookies that writing sets, as a browser keeps them."""
    call = auth.new_call()
    cookie_cache.write(call, signed_in, remembered=remembered)
    return {change.name: change.value for change in call.cookies.changes.values() if change.max_age != 0}


def reading(auth: Auth[Any], cookies: dict[str, str]) -> Call[Any]:
    return auth.new_call(cookies=CookieJar(["; ".join(f"{name}={value}" for name, value in cookies.items())]))


def opened(value: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    return found


def sealed(outer: object) -> str:
    text = outer if isinstance(outer, bytes) else json.dumps(outer, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_the_signature_of_the_vector() -> None:
    assert cookie_cache._signature(SECRET.encode(), PAYLOAD, 2) == SIGNATURE
    assert sealed({"session": PAYLOAD, "expiresAt": 2, "signature": SIGNATURE}) == VALUE


def test_what_is_written_has_the_wires_shape() -> None:
    auth = cached_auth()
    outer = opened(written(auth, somebody(auth))[NAME])
    now = int(auth.clock().timestamp() * 1000)
    assert list(outer) == ["session", "expiresAt", "signature"]
    assert list(outer["session"]) == ["session", "user", "updatedAt", "version"]
    assert outer["expiresAt"] == now + 300_000
    assert outer["session"]["updatedAt"] == now
    assert outer["session"]["version"] == "1"
    assert outer["session"]["session"]["expiresAt"] == "2026-12-02T12:00:00.123Z"
    assert "note" not in outer["session"]["user"]


def test_what_was_written_is_read_again() -> None:
    auth = cached_auth()
    whom = somebody(auth, bio="día 2026-11-25T12:00:00Z \u2028 \x7f")
    assert cookie_cache.read(reading(auth, written(auth, whom)), TOKEN) == whom


def test_a_private_field_cannot_be_cached_and_that_is_said_at_start_up() -> None:
    """A cookie holds what its owner may see: the rest would come out of it with its default, not its value."""

    @dataclass(frozen=True, kw_only=True)
    class Watched(Member):
        suspended: bool = field(default=False, metadata=Private())

    with pytest.raises(ConfigurationError, match="leave cookie_cache out"):
        cached_auth(user_type=Watched)


def test_a_session_that_is_not_remembered_is_cached_for_a_minute() -> None:
    clock = Clock()
    auth = cached_auth(clock)
    call = auth.new_call()
    cookie_cache.write(call, somebody(auth), remembered=False)
    assert [change.max_age for change in call.cookies.changes.values()] == [None]
    cookies = written(auth, somebody(auth), remembered=False)
    clock.forward(seconds=59.999)
    assert cookie_cache.read(reading(auth, cookies), TOKEN)
    clock.forward(milliseconds=1)
    assert cookie_cache.read(reading(auth, cookies), TOKEN) is None


@pytest.mark.sec("SEC-043")
def test_it_is_dead_at_the_instant_although_the_signature_is_good() -> None:
    clock = Clock()
    auth = cached_auth(clock)
    cookies = written(auth, somebody(auth))
    clock.forward(seconds=299.999)
    assert cookie_cache.read(reading(auth, cookies), TOKEN)
    clock.forward(milliseconds=1)
    call = reading(auth, cookies)
    assert cookie_cache.read(call, TOKEN) is None
    assert call.cookies.changes[NAME, "/"].max_age == 0


@pytest.mark.sec("SEC-043")
@pytest.mark.parametrize("left", [timedelta(minutes=1), timedelta(days=30)])
def test_it_does_not_outlive_the_session_inside(left: timedelta) -> None:
    clock = Clock()
    auth = cached_auth(clock)
    whom = somebody(auth)
    created = clock.now if left < timedelta(days=1) else clock.now - timedelta(days=30) + timedelta(minutes=1)
    session = replace(whom.session, expires_at=clock.now + left, created_at=created)
    cookies = written(auth, SignedIn(whom.user, session))
    assert cookie_cache.read(reading(auth, cookies), TOKEN)
    clock.forward(minutes=1)
    assert cookie_cache.read(reading(auth, cookies), TOKEN) is None


def test_it_speaks_of_one_token_only() -> None:
    auth = cached_auth()
    cookies = written(auth, somebody(auth))
    assert cookie_cache.read(reading(auth, cookies), "x" * 32) is None


def test_another_version_of_the_payload_is_not_read() -> None:
    auth = cached_auth()
    for version, good in (("1", True), ("2", False), (1, False), (None, False)):
        payload = opened(written(auth, somebody(auth))[NAME])["session"]
        payload["version"] = version
        expires = int(auth.clock().timestamp() * 1000) + 1000
        signature = cookie_cache._signature(SECRET.encode(), payload, expires)
        value = sealed({"session": payload, "expiresAt": expires, "signature": signature})
        assert bool(cookie_cache.read(reading(auth, {NAME: value}), TOKEN)) is good, version


def signed(auth: Auth[Any], payload: object, expires: object = None) -> str:
    """Something with a signature of ours around it, whatever it is."""
    expires = int(auth.clock().timestamp() * 1000) + 1000 if expires is None else expires
    signature = cookie_cache._signature(SECRET.encode(), payload, expires) if isinstance(payload, dict) else "x"
    return sealed({"session": payload, "expiresAt": expires, "signature": signature})


JUNK = [
    "x",
    "é",
    "%",
    "====",
    sealed(b"\xff"),
    sealed(b"["),
    sealed(b"[" * 3000),
    sealed(b'{"session":' * 990 + b"1" + b"}" * 990),
    sealed(None),
    sealed([]),
    sealed({}),
    sealed("session"),
    sealed({"session": PAYLOAD, "expiresAt": 2}),
    sealed({"session": PAYLOAD, "expiresAt": 2, "signature": None}),
    sealed(b'"\\ud800"'),
    sealed(b'{"session":{},"expiresAt":2,"signature":"\\ud800"}'),
    sealed(b'{"session":{"a":"\\ud800"},"expiresAt":2,"signature":"x"}'),
    sealed({"session": PAYLOAD, "expiresAt": 2, "signature": "é"}),
    sealed({"session": PAYLOAD, "expiresAt": 2, "signature": ""}),
    sealed({"session": None, "expiresAt": 2, "signature": "x"}),
    sealed({"session": [], "expiresAt": 2, "signature": "x"}),
    sealed({"session": "text", "expiresAt": 2, "signature": "x"}),
    sealed({"session": 7, "expiresAt": 2, "signature": "x"}),
    VALUE,
]


@pytest.mark.parametrize("value", JUNK)
def test_junk_is_cleared_and_is_no_error(value: str) -> None:
    auth = cached_auth()
    call = reading(auth, {NAME: value})
    assert cookie_cache.read(call, TOKEN) is None
    assert call.cookies.changes[NAME, "/"].max_age == 0


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"session": {}, "user": {}},
        {"session": None, "user": None},
        {"session": [], "user": []},
        {"session": {"token": TOKEN}, "user": {"id": "u1"}},
    ],
)
def test_what_we_signed_for_something_else_is_no_session(payload: dict[str, Any]) -> None:
    auth = cached_auth()
    assert cookie_cache.read(reading(auth, {NAME: signed(auth, payload)}), TOKEN) is None


def test_a_changed_payload_has_no_good_signature() -> None:
    auth = cached_auth()
    outer = opened(written(auth, somebody(auth))[NAME])
    outer["session"]["user"]["id"] = outer["session"]["session"]["userId"] = "u2"
    assert cookie_cache.read(reading(auth, {NAME: sealed(outer)}), TOKEN) is None
    outer = opened(written(auth, somebody(auth))[NAME])
    outer["expiresAt"] += 1
    assert cookie_cache.read(reading(auth, {NAME: sealed(outer)}), TOKEN) is None


def test_the_user_is_the_one_of_the_session() -> None:
    auth = cached_auth()
    payload = opened(written(auth, somebody(auth))[NAME])["session"]
    payload["user"]["id"] = "u2"
    assert cookie_cache.read(reading(auth, {NAME: signed(auth, payload)}), TOKEN) is None


@pytest.mark.sec("SEC-029")
def test_it_is_read_under_an_older_secret() -> None:
    new = "a-newer-secret-9876543210-abcdefghijklmnopqrs"
    old = cached_auth()
    cookies = written(old, somebody(old))
    assert cookie_cache.read(reading(cached_auth(secret=None, secrets=[new, SECRET]), cookies), TOKEN)
    assert cookie_cache.read(reading(cached_auth(secret=new), cookies), TOKEN) is None


def test_a_long_one_goes_in_pieces_that_browsers_keep() -> None:
    auth = cached_auth()
    whom = somebody(auth, bio=LONG)
    call = auth.new_call()
    cookie_cache.write(call, whom, remembered=True)
    cookies = {change.name: change.value for change in call.cookies.changes.values() if change.max_age != 0}
    assert list(cookies) == [f"{NAME}.{number}" for number in range(len(cookies))]
    assert len(cookies) >= 2
    assert call.cookies.changes[NAME, "/"].max_age == 0, "the one in one piece would be read first"
    for name, value in cookies.items():
        line = f"__Secure-{name}={value}; Max-Age=300; Path=/; HttpOnly; Secure; SameSite=Lax"
        assert len(line) <= 4096
    assert cookie_cache.read(reading(auth, cookies), TOKEN) == whom
    backwards = dict(reversed(cookies.items()))
    assert cookie_cache.read(reading(auth, backwards), TOKEN) == whom
    del cookies[f"{NAME}.1"]
    assert cookie_cache.read(reading(auth, cookies), TOKEN) is None


def test_a_short_one_clears_the_pieces_of_a_long_one() -> None:
    auth = cached_auth()
    call = reading(auth, written(auth, somebody(auth, bio=LONG)))
    cookie_cache.write(call, somebody(auth), remembered=True)
    changes = {change.name: change.max_age for change in call.cookies.changes.values()}
    assert changes == {f"{NAME}.0": 0, f"{NAME}.1": 0, NAME: 300}


@pytest.mark.sec("SEC-123")
def test_a_person_with_a_picture_is_not_written_so_that_no_request_grows_too_large() -> None:
    auth = cached_auth()
    assert written(auth, somebody(auth, bio="b" * 1024)) != {}
    call = reading(auth, written(auth, somebody(auth, bio=LONG)))
    cookie_cache.write(call, somebody(auth, bio="b" * 1025), remembered=True)
    changes = {change.name: change.max_age for change in call.cookies.changes.values()}
    assert changes == {f"{NAME}.0": 0, f"{NAME}.1": 0, NAME: 0}, "what stands there would be out of date"


def test_without_the_setting_nothing_is_written() -> None:
    auth = make_auth(user_type=Member)
    assert written(auth, somebody(auth)) == {}
