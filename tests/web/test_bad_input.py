"""SEC-180: thirty kinds of bad input, each with exactly one answer, and nothing stored, changed or mailed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from authmw import Auth, ServerOnly, User
from authmw.core.events import Event
from authmw.core.inputs import convert, input_fields
from authmw.core.operation import Operation
from authmw.core.origin import REDIRECT_FIELDS
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.web import carry
from tests.support import ORIGIN, PASSWORD, browser, make_auth, outbox_of, plain_app
from tests.web.raw import Answer, Header, ask, contents, nothing_happens, post

pytestmark = [pytest.mark.anyio, pytest.mark.sec("SEC-180")]

UP, IN = "/sign-up/email", "/sign-in/email"
FORM = [("content-type", "application/x-www-form-urlencoded")]
GOOD_UP: dict[str, Any] = {"name": "Bob", "email": "bob@example.com", "password": PASSWORD}
GOOD_IN: dict[str, Any] = {"email": "ann@example.com", "password": PASSWORD}
BAD_JSON = {"message": "Invalid JSON in request body", "code": "BAD_REQUEST"}
BIDI = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
CONTROLS = ["\x00", "\x01", "\x1b", "\x1f", "\r\n", "\t", "\x7f", "\x80", "\x9f", "\ud800", "\udfff", *BIDI]


@dataclass(frozen=True, kw_only=True)
class Member(User):
    """A user with what administrators set."""

    role: str = field(default="user", metadata=ServerOnly())
    banned: bool = field(default=False, metadata=ServerOnly())
    two_factor_enabled: bool = field(default=False, metadata=ServerOnly())


class World:
    """An app in which Ann has an account; whatever is refused here must leave it as it is."""

    def __init__(self, auth: Auth[Any]) -> None:
        self.auth = auth
        self.app = auth.wrap(plain_app(auth))
        self.cookie: Header = ("cookie", "")

    async def refused(self, path: str, given: Any, *, headers: list[Header] | None = None, **more: Any) -> Answer:
        """POST what must be refused, and see that nothing came of it."""
        async with nothing_happens(self.auth):
            answer = await post(self.app, path, given, headers=headers or (), **more)
        assert 400 <= answer.status < 500, (path, given, answer)
        assert not answer.cookies
        return answer

    async def refused_as(
        self, path: str, body: bytes, headers: list[Header], *, method: str = "POST", **more: Any
    ) -> Answer:
        """Send exactly these headers and bytes, which must be refused."""
        async with nothing_happens(self.auth):
            answer = await ask(self.app, method, "/api/auth" + path, headers=headers, body=body, **more)
        assert 400 <= answer.status < 500, (path, body, headers, answer)
        assert not answer.cookies
        return answer

    async def get(self, path: str, **more: Any) -> Answer:
        return await ask(self.app, "GET", path, **more)

    @property
    def posts(self) -> list[Operation]:
        return [operation for operation in self.auth.operations if operation.route.method == "POST"]

    def texts(self, operation: Operation) -> list[str]:
        """The keys of an operation's input that hold text."""
        kind = operation.route.input
        keys = [each.key for each in input_fields(kind) if not each.rest and each.expected == "string"] if kind else []
        return keys + (["name", "image"] if operation.route.path == "/update-user" else [])


@asynccontextmanager
async def world(**options: Any) -> AsyncIterator[World]:
    auth = make_auth(**options)
    await auth.start()
    place = World(auth)
    async with browser(auth, place.app) as ann:
        answer = await ann.sign_up()
        pairs = "; ".join(f"{cookie.name}={cookie.value}" for cookie in ann.cookies.jar)
        assert answer.status_code == 200
    place.cookie = ("cookie", pairs)
    await auth.mail.idle()
    yield place
    await auth.stop()


def is_validation_error(answer: Answer, part: str = "[body") -> None:
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR"), answer
    assert answer.json()["message"].startswith(part)


def filled(path: str) -> dict[str, Any]:
    """A body that `path` would take."""
    return {
        UP: GOOD_UP,
        IN: GOOD_IN,
        "/request-password-reset": {"email": "ann@example.com"},
        "/reset-password": {"newPassword": PASSWORD, "token": "x" * 24},
        "/verify-password": {"password": PASSWORD},
        "/reauth": {"password": PASSWORD},
        "/change-password": {"newPassword": "another long one", "currentPassword": PASSWORD},
        "/change-email": {"newEmail": "eve@example.com"},
        "/send-verification-email": {"email": "ann@example.com"},
        "/unlink-account": {"accountId": "x"},
        "/update-user": {"name": "Ann B."},
        "/revoke-session": {"token": "x"},
    }.get(path, {})


# Rows 1 to 5: what is no JSON object


@pytest.mark.parametrize(
    ("body", "received"),
    [(b"", "undefined"), (b"[]", "array"), (b'"x"', "string"), (b"5", "number"), (b"true", "boolean")],
)
async def test_a_sign_up_that_is_no_object_is_a_validation_error(body: bytes, received: str) -> None:
    async with world() as place:
        answer = await place.refused(UP, body)
        is_validation_error(answer)
        expected = f"[body] Invalid input: expected object, received {received}"
        assert answer.json()["message"] == f"{expected}; {expected.replace('object', 'record')}"


async def test_null_is_no_input_for_any_route_that_needs_one() -> None:
    async with world() as place:
        for operation in place.posts:
            if operation.route.input_optional or operation.route.path.startswith("/update-"):
                continue  # nothing to update is refused in other words
            answer = await place.refused(operation.route.path, b"null")
            is_validation_error(answer, "[body] Invalid input: expected object, received")


async def test_no_route_takes_anything_but_an_object() -> None:
    async with world() as place:
        for operation in place.posts:
            for body in (b"[]", b'"x"', b"5", b"false"):
                is_validation_error(await place.refused(operation.route.path, body, headers=[place.cookie, HOME]))


HOME: Header = ("origin", ORIGIN)
NO_JSON = [
    b"{bad",
    b"{}x",
    b"{}{}",
    b"{} {}",
    b"{}\n{}",
    b'{"a":1} // said',
    b'{"a":1 /* said */}',
    b'{"a":1,}',
    b"[1,]",
    b"{'a':1}",
    b"{a:1}",
    b"\xef\xbb\xbf{}",
    b"{",
    b'{"a":"\n"}',
    b'{"a":01}',
    b" ",
]
NO_UTF8 = [
    b'{"name":"\xff"}',
    b'{"name":"\xc0\xaf"}',
    b'{"name":"\xed\xa0\x80"}',
    json.dumps(GOOD_UP).encode("utf-16"),
    json.dumps(GOOD_UP).encode("utf-16-le"),
    json.dumps(GOOD_UP).encode("utf-16-be"),
    json.dumps(GOOD_UP).encode("utf-32"),
    json.dumps(GOOD_UP).encode("utf-32-le"),
]
KEYS_TWICE = [
    b'{"email":"a@b.co","email":"ann@example.com","name":"A","password":"correct horse battery"}',
    b'{"em\\u0061il":"a@b.co","email":"ann@example.com","name":"A","password":"correct horse battery"}',
    b'{"email":"a@b.co","name":"A","password":"correct horse battery","more":[{"x":1,"x":2}]}',
]
TOO_MUCH = [
    b"[" * 100_000,
    b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    b"[" * 1000 + b"]" * 1000,
    b'{"a":' * 33 + b"1" + b"}" * 33,
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e400}',
    b'{"a":-1e400}',
    json.dumps({str(number): 1 for number in range(1001)}).encode(),
]


@pytest.mark.sec("SEC-174")
@pytest.mark.parametrize("body", [*NO_JSON, *NO_UTF8, *KEYS_TWICE, *TOO_MUCH], ids=lambda body: repr(body[:30]))
async def test_what_is_no_strict_json_is_refused_by_every_route(body: bytes) -> None:
    async with world() as place:
        for operation in place.posts:
            answer = await place.refused(operation.route.path, body, headers=[place.cookie, HOME])
            assert (answer.status, answer.json()) == (400, BAD_JSON)


@pytest.mark.sec("SEC-174")
async def test_json_as_deep_and_as_wide_as_allowed_is_read() -> None:
    deep = b'{"a":' * 31 + b"{}" + b"}" * 31
    assert carry.decode_json(deep)
    assert len(carry.decode_json(json.dumps({str(number): 1 for number in range(1000)}).encode())) == 1000


@pytest.mark.sec("SEC-174")
@pytest.mark.parametrize(
    "body",
    [
        *TOO_MUCH,
        json.dumps({**GOOD_UP, "email": "a" * 50_000 + "@"}).encode(),
        json.dumps({**GOOD_UP, "email": "a@" + "b." * 25_000}).encode(),
        json.dumps({**GOOD_UP, "email": "a@" + "b-" * 120 + "!"}).encode(),
        json.dumps({**GOOD_UP, "email": "." * 50_000}).encode(),
        json.dumps({**GOOD_UP, "callbackURL": "/" + "a" * 50_000 + "!"}).encode(),
        json.dumps({**GOOD_UP, "image": "data:image/png;base64," + "A" * 50_000 + "!"}).encode(),
    ],
    ids=lambda body: repr(body[:40]) + repr(body[-12:]),
)
async def test_no_input_makes_us_work_long(body: bytes) -> None:
    async with world() as place:

        async def once() -> float:
            before = time.process_time()  # not the clock on the wall: other tests may run at the same time
            answer = await post(place.app, UP, body)
            assert answer.status in (400, 403)
            return time.process_time() - before

        assert min([await once() for _ in range(3)]) < 0.05


# Rows 6 and 7: bodies that are too large or too slow


class Chunks:
    """A body that comes in pieces, and counts how many were asked for."""

    def __init__(self, chunk: bytes, times: int, pause: float = 0) -> None:
        self._chunk, self._times, self._pause = chunk, times, pause
        self.asked = 0

    async def __call__(self) -> dict[str, Any]:
        await asyncio.sleep(self._pause)
        self.asked += 1
        return {"type": "http.request", "body": self._chunk, "more_body": self.asked < self._times}


@pytest.mark.sec("SEC-174")
async def test_a_body_that_says_it_is_large_is_not_even_read() -> None:
    async with world() as place:
        for operation in place.posts:
            for length in ("10485760", "262145", "9" * 400):
                chunks = Chunks(b"x" * 65536, 160)
                headers: list[Header] = [("content-length", length), place.cookie, HOME]
                answer = await place.refused(operation.route.path, b"", headers=headers, receive=chunks)
                assert (answer.status, answer.code, chunks.asked) == (413, "PAYLOAD_TOO_LARGE", 0)
                assert answer.header("connection") == "close"


@pytest.mark.sec("SEC-174")
@pytest.mark.parametrize("claimed", [None, "10", "-1", "abc", "²"])
async def test_a_body_that_turns_out_large_is_read_no_further_than_allowed(claimed: str | None) -> None:
    async with world() as place:
        for operation in place.posts:
            chunks = Chunks(b" " * 65536, 160)
            length: list[Header] = [("content-length", claimed)] if claimed else []
            answer = await place.refused(
                operation.route.path, b"", headers=[*length, place.cookie, HOME], receive=chunks
            )
            assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")
            assert answer.header("connection") == "close"
            assert chunks.asked == 5  # 4 × 64 KiB is what may come; the fifth is too much


async def test_a_form_of_a_screen_is_held_to_the_same_size() -> None:
    async with world() as place:
        chunks = Chunks(b" " * 65536, 160)
        async with nothing_happens(place.auth):
            answer = await ask(place.app, "POST", "/auth/sign-up", headers=[*FORM, HOME], receive=chunks)
        assert (answer.status, chunks.asked) == (413, 5)


@pytest.mark.sec("SEC-174")
@pytest.mark.parametrize("pause", [60.0, 0.005], ids=["silent", "dribbling"])
async def test_a_body_that_takes_too_long_is_given_up(pause: float, monkeypatch: pytest.MonkeyPatch) -> None:
    assert carry.SLOWEST_BODY == 10.0
    monkeypatch.setattr(carry, "SLOWEST_BODY", 0.03)
    async with world() as place:
        answer = await place.refused(UP, b"", receive=Chunks(b" ", 10**9, pause))
        assert (answer.status, answer.code) == (408, "REQUEST_TIMEOUT")
        assert answer.header("connection") == "close"


async def test_a_client_that_leaves_half_way_gets_no_answer_and_leaves_no_trace() -> None:
    async with world() as place:
        first: dict[str, Any] = {"type": "http.request", "body": b'{"name":"Bob"', "more_body": True}
        sent = [first, {"type": "http.disconnect"}]

        async def receive() -> dict[str, Any]:
            return sent.pop(0)

        async with nothing_happens(place.auth):
            answer = await post(place.app, UP, b"", receive=receive)
        assert answer.status == 0


# Rows 8 and 9: media types and forms


@pytest.mark.parametrize(
    "headers",
    [
        [("content-type", "text/plain")],
        [("content-type", "text/plain;application/json")],
        [("content-type", "text/plain; x=application/json")],
        [],
        [("content-type", "")],
        [("content-type", "multipart/form-data; boundary=x")],
        [("content-type", "application/xml")],
        [("content-type", "application/json; charset=utf-16")],
        [("content-type", 'application/json; charset="utf-16"')],
        [("content-type", "application/json; charset=iso-8859-1")],
        [("content-type", "application/json"), ("content-encoding", "gzip")],
        [("content-type", "application/json"), ("content-encoding", "br")],
        [("content-type", b"application/\xff")],
        [("content-type", "x" * 5000)],
    ],
    ids=lambda headers: repr(headers)[:70],
)
async def test_another_media_type_is_refused_by_every_route(headers: list[Header]) -> None:
    async with world() as place:
        for operation in place.posts:
            body = json.dumps(filled(operation.route.path)).encode()
            answer = await place.refused_as(operation.route.path, body, [*headers, place.cookie, HOME])
            assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_form_is_refused_where_only_json_is_taken() -> None:
    async with world() as place:
        for operation in place.posts:
            if not operation.route.forms:
                body = urlencode(filled(operation.route.path) or {"a": "b"}).encode()
                answer = await place.refused_as(operation.route.path, body, [*FORM, place.cookie, HOME])
                assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
                assert answer.json()["message"] == (
                    'Content-Type "application/x-www-form-urlencoded" is not allowed. Allowed types: application/json'
                )


@pytest.mark.parametrize(
    "body",
    [
        b"email=ann@example.com&email=bob@example.com&password=correct+horse+battery&name=x",
        b"email=ann@example.com&password=correct+horse+battery&password=correct+horse+battery&name=x",
        b"email=bob@example.com&password=correct+horse+battery&name=x&rememberMe=false",
        b"email[]=bob@example.com&password=correct+horse+battery&name=x",
        b"email=bob@example.com&password=correct%00horse&name=x",
        b"email=bob@example.com&password=%ff%ff%ff%ff%ff%ff%ff%ff&name=x",
        b"email=bob@example.com&password=\xff\xff\xff\xff\xff\xff\xff\xff&name=x",
        b"&".join(b"f%d=" % number for number in range(1001)),
    ],
    ids=lambda body: repr(body[:90]),
)
async def test_a_form_that_says_a_thing_twice_or_wrongly_is_a_validation_error(body: bytes) -> None:
    async with world() as place:
        for path in (UP, IN):
            is_validation_error(await place.refused_as(path, body, [*FORM]))


async def test_a_form_that_is_right_is_taken() -> None:
    async with world() as place:
        answer = await ask(place.app, "POST", "/api/auth" + IN, headers=FORM, body=urlencode(GOOD_IN).encode())
        assert answer.status == 200


# Rows 10 to 15: the wrong thing for a text


@pytest.mark.parametrize(
    "value",
    [[], ["a"], {}, {"$ne": None}, {"$gt": ""}, 0, 5, 1.5, True, False, None],
    ids=repr,
)
async def test_nothing_but_text_passes_for_text_on_any_route(value: object) -> None:
    async with world() as place:
        tried = 0
        for operation in place.posts:
            path = operation.route.path
            for key in place.texts(operation):
                if key in REDIRECT_FIELDS and (value or value is None):
                    continue  # judged earlier, by row 19; and null is no address
                if (path, key, value) == ("/update-user", "image", None):
                    continue  # takes the picture away
                given = {**filled(path), key: value}
                answer = await place.refused(path, given, headers=[place.cookie, HOME])
                is_validation_error(answer, f"[body.{key}] Invalid input: expected string, received")
                tried += 1
        assert tried >= 18


async def test_null_is_no_address_to_go_back_to() -> None:
    async with world() as place:
        for path, key in ((UP, "callbackURL"), (IN, "callbackURL"), ("/request-password-reset", "redirectTo")):
            is_validation_error(await place.refused(path, {**filled(path), key: None}))


async def test_nothing_but_true_and_false_passes_for_a_flag() -> None:
    values: list[object] = ["false", "true", "", 0, 1, None, [], {}]
    async with world() as place:
        for path, key in ((UP, "rememberMe"), (IN, "rememberMe"), ("/change-password", "revokeOtherSessions")):
            for value in values:
                answer = await place.refused(path, {**filled(path), key: value}, headers=[place.cookie, HOME])
                is_validation_error(answer, f"[body.{key}] Invalid input: expected boolean, received")


@pytest.mark.parametrize("unseen", CONTROLS, ids=ascii)
async def test_characters_that_cannot_be_seen_are_refused_in_any_text(unseen: str) -> None:
    async with world() as place:
        for operation in place.posts:
            path = operation.route.path
            for key in place.texts(operation):
                if key in REDIRECT_FIELDS:
                    continue  # row 19
                given = {**filled(path), key: f"{filled(path).get(key, 'abcdefgh')}{unseen}"}
                answer = await place.refused(path, given, headers=[place.cookie, HOME])
                if (path, key) == (IN, "email"):
                    assert (answer.status, answer.code) == (400, "INVALID_EMAIL")  # row 15
                else:
                    is_validation_error(answer)


async def test_a_text_that_is_too_long_is_a_validation_error() -> None:
    async with world() as place:
        for path in (UP, "/update-user"):
            is_validation_error(
                await place.refused(path, {**filled(path), "name": "x" * 256}, headers=[place.cookie, HOME])
            )
        for path, key in (("/revoke-session", "token"), ("/unlink-account", "accountId"), ("/reset-password", "token")):
            given = {**filled(path), key: "x" * 4097}
            is_validation_error(await place.refused(path, given, headers=[place.cookie, HOME]))
        for path, key in ((UP, "callbackURL"), (IN, "callbackURL"), ("/request-password-reset", "redirectTo")):
            for url in ("/" + "x" * 2048, ORIGIN + "/" + "x" * 2048, "https://evil.example/" + "x" * 2048):
                is_validation_error(await place.refused(path, {**filled(path), key: url}))


@pytest.mark.parametrize(
    "image",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "//evil.example/x.png",
        "/\\evil.example/x.png",
        "ftp://example.com/x.png",
        "file:///etc/passwd",
        "x.png",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:text/html;base64,PGI+",
        "data:image/png,raw",
        "data:image/png;base64,A",
        "data:image/png;base64," + "A" * 65_516,
        "data:image/png;charset=x;base64,AAAA",
        "https://example.com/" + "x" * 2048,
        "https://example.com/\x00",
        " https://example.com/x.png",
    ],
    ids=lambda image: ascii(image[:50]),
)
async def test_a_picture_is_an_address_or_a_small_picture(image: str) -> None:
    async with world() as place:
        for path in (UP, "/update-user"):
            given = {**filled(path), "image": image}
            is_validation_error(await place.refused(path, given, headers=[place.cookie, HOME]), "[body.image]")


@pytest.mark.parametrize(
    "image",
    ["https://example.com/x.png", "http://example.com/x.png", "/x.png", "data:image/webp;base64," + "A" * 65_512],
    ids=lambda image: image[:30],
)
async def test_a_picture_that_is_one_is_kept(image: str) -> None:
    async with world() as place:
        answer = await post(place.app, UP, {**GOOD_UP, "image": image})
        assert (answer.status, answer.json()["user"]["image"]) == (200, image)


@pytest.mark.sec("SEC-004")
@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("1234567", "PASSWORD_TOO_SHORT"),
        ("😀😀😀x", "PASSWORD_TOO_SHORT"),
        ("x" * 129, "PASSWORD_TOO_LONG"),
        ("😀" * 64 + "x", "PASSWORD_TOO_LONG"),
        ("x" * 100_000, "PASSWORD_TOO_LONG"),
    ],
    ids=["seven", "seven units", "129", "129 units", "100 kB"],
)
async def test_a_password_too_short_or_too_long_is_refused_before_any_hash(
    password: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world() as place:

        async def never(*_: Any) -> Any:
            raise AssertionError("hashed")

        monkeypatch.setattr(place.auth.passwords, "hash", never)
        monkeypatch.setattr(place.auth.passwords, "verify", never)
        for operation in place.posts:
            path = operation.route.path
            for key in ("password", "newPassword", "currentPassword"):
                sets = key == "newPassword" or path == UP
                if key not in place.texts(operation) or (code == "PASSWORD_TOO_SHORT" and not sets):
                    continue
                answer = await place.refused(path, {**filled(path), key: password}, headers=[place.cookie, HOME])
                assert (answer.status, answer.code) == (400, code), (path, key)


BAD_ADDRESSES = [
    "",
    "ann",
    "ann@",
    "@example.com",
    "ann@@example.com",
    "a@b@example.com",
    " ann@example.com",
    "ann@example.com ",
    "ann @example.com",
    "a@b",
    "a@localhost",
    '"ann"@example.com',
    "ann@[127.0.0.1]",
    "ann@127.0.0.1",
    "a..b@example.com",
    ".ann@example.com",
    "ann.@example.com",
    "ann@.example.com",
    "ann@example..com",
    "ann@-example.com",
    "ann@example.c",
    "ann@example.c0m",
    "ann@example.com.",
    "a" * 243 + "@example.com",
    "a@b.co\r\nBcc: x@y.z",
    "a@b.co\n",
    "a@b.co\x00",
    "ａnn@example.com",
    "\u212aann@example.com",
    "annı@example.com",
    "ann＠example.com",
    "ann@bücher.example",
    "ann@exämple.com",
    "Ann <ann@example.com>",
    "ann@example.com,bob@example.com",
    "ann@example.com;bob@example.com",
    "ann%bob@example.com",
    "ann!bob@example.com",
    "ann@example.com?subject=x",
    "mailto:ann@example.com",
    "ann@example_x.com",
    "{{7*7}}@example.com",
]


@pytest.mark.sec("SEC-080")
@pytest.mark.parametrize("address", BAD_ADDRESSES, ids=lambda address: ascii(address[-40:]))
async def test_what_is_no_address_is_refused(address: str) -> None:
    async with world() as place:
        up = await place.refused(UP, {**GOOD_UP, "email": address})
        assert (up.status, up.json()) == (
            400,
            {"message": "[body.email] Invalid email address", "code": "VALIDATION_ERROR"},
        )
        into = await place.refused(IN, {**GOOD_IN, "email": address})
        assert (into.status, into.json()) == (400, {"message": "Invalid email", "code": "INVALID_EMAIL"})
        for path, key in (
            ("/request-password-reset", "email"),
            ("/send-verification-email", "email"),
            ("/change-email", "newEmail"),
        ):
            answer = await place.refused(path, {key: address}, headers=[place.cookie, HOME])
            is_validation_error(answer, f"[body.{key}] Invalid email address")


# Rows 16 to 19: addresses and fields that look odd


async def test_a_punycode_address_is_kept_as_sent() -> None:
    async with world() as place:
        answer = await post(place.app, UP, {**GOOD_UP, "email": "a@xn--bcher-kva.example"})
        assert (answer.status, answer.json()["user"]["email"]) == (200, "a@xn--bcher-kva.example")


@pytest.mark.parametrize("address", ["ANN@EXAMPLE.COM", "Ann@example.com", "ann@Example.Com"])
async def test_an_address_in_other_letters_is_the_same_address(address: str) -> None:
    async with world() as place:
        answer = await place.refused(UP, {**GOOD_UP, "email": address})
        assert (answer.status, answer.code) == (422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL")


async def test_where_accounts_are_hidden_an_address_in_other_letters_is_taken_without_a_word() -> None:
    features = [Password(), EmailVerification(required=True), Account(), Sessions()]
    async with world(features=features) as place:
        rows = await contents(place.auth)
        answer = await post(place.app, UP, {**GOOD_UP, "email": "ANN@Example.com"})
        assert (answer.status, answer.json()["token"], answer.cookies) == (200, None, {})
        assert answer.json()["user"]["email"] == "ann@example.com"
        await place.auth.mail.idle()
        pending = "verification"  # where a token is written for the look of it
        assert {**await contents(place.auth), pending: []} == {**rows, pending: []}
        assert [letter.kind for letter in outbox_of(place.auth).messages] == ["verify-email", "reset-password"]


@pytest.mark.parametrize("key", ["role", "banned", "twoFactorEnabled"])
async def test_nobody_gives_themselves_what_only_the_server_gives(key: str) -> None:
    async with world(user_type=Member) as place:
        for path in (UP, "/update-user"):
            for value in ("admin", True, ["admin"], {"x": 1}):
                answer = await place.refused(path, {**filled(path), key: value}, headers=[place.cookie, HOME])
                assert (answer.status, answer.json()) == (
                    400,
                    {"message": f"{key} is not allowed to be set", "code": "FIELD_NOT_ALLOWED"},
                )


async def test_what_a_new_user_says_of_its_own_row_is_ignored() -> None:
    async with world() as place:
        claims = {"id": "me", "emailVerified": True, "createdAt": "2000-01-01T00:00:00Z", "updatedAt": 5, "userId": "x"}
        user = (await post(place.app, UP, {**GOOD_UP, **claims})).json()["user"]
        assert user["id"] != "me"
        assert (user["emailVerified"], user["createdAt"]) == (False, "2026-11-25T12:00:00.123Z")


@pytest.mark.sec("SEC-086")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "//x",
        "//evil.example/a",
        "/a\r\nLocation: https://evil.example",
        "/a%0d%0aSet-Cookie:x=y",
        "/a%0D%0A",
    ],
)
async def test_a_foreign_address_to_go_back_to_is_refused_by_every_route(url: str) -> None:
    async with world() as place:
        for operation in place.posts:
            path = operation.route.path
            answer = await place.refused(path, {**filled(path), "callbackURL": url}, headers=[place.cookie, HOME])
            assert (answer.status, answer.json()) == (
                403,
                {"message": "Invalid callbackURL", "code": "INVALID_CALLBACK_URL"},
            )


@pytest.mark.parametrize("value", [["/a"], {"a": 1}, 5, True], ids=repr)
async def test_an_address_to_go_back_to_is_text(value: object) -> None:
    async with world() as place:
        for operation in place.posts:
            path = operation.route.path
            answer = await place.refused(path, {**filled(path), "callbackURL": value}, headers=[place.cookie, HOME])
            assert (answer.status, answer.json()) == (400, {"message": "Invalid callbackURL: expected a string"})


# Rows 20 to 22: numbers, dates, queries


@pytest.mark.parametrize("value", [1.5, 2**63, -(2**63), 1e308, "x", "１", "1", True, None, [], {}])
def test_nothing_but_a_whole_number_passes_for_one(value: object) -> None:
    with pytest.raises(ValueError, match="Invalid input: expected number"):
        convert(value, int)


@pytest.mark.parametrize(
    "value",
    [
        "0000-00-00",
        "0000-00-00T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1e20",
        1e20,
        0,
        True,
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "2026-01-01",
        "now",
        "",
        "２026-01-01T00:00:00Z",
    ],
)
def test_nothing_but_a_real_moment_passes_for_one(value: object) -> None:
    with pytest.raises(ValueError, match="Invalid input: expected date"):
        convert(value, datetime)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/verify-email"), ("GET", "/delete-user/callback"), ("POST", "/reset-password")],
)
async def test_a_name_that_comes_twice_in_a_query_is_a_validation_error(method: str, path: str) -> None:
    async with world() as place:
        body = json.dumps({"newPassword": PASSWORD}).encode() if method == "POST" else b""
        answer = await place.refused_as(
            path,
            body,
            [("content-type", "application/json"), place.cookie, HOME],
            method=method,
            query=b"token=a&token=b",
        )
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
        assert "expected string, received array" in answer.json()["message"]


@pytest.mark.parametrize(
    "query", [b"token=%ff", b"token=\xff", b"&".join([b"a=1"] * 101), b"token=%00", b"token=%ed%a0%80"]
)
async def test_a_query_that_is_no_text_is_a_validation_error(query: bytes) -> None:
    async with world() as place:
        for path in ("/verify-email", "/get-session", "/reset-password/abc"):
            if query == b"token=%00" and path != "/verify-email":
                continue  # nobody reads it there
            answer = await place.refused_as(path, b"", [], method="GET", query=query)
            assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")


# Rows 23 and 24: cookies and credentials


def odd_cookies() -> dict[str, list[bytes]]:
    """Cookie headers by what is odd about them. `session_token=` makes the middleware look."""
    name = b"better-auth.session_token="
    good = make_auth().secrets.sign("a" * 32).encode()
    return {
        "15 kB": [name + b"a" * 15_000],
        "15 kB of another": [b"x=" + b"a" * 15_000],
        "200 cookies": [name + b"a; " + b"; ".join(b"c%d=%d" % (number, number) for number in range(200))],
        "no text": [name + b"%ff%00"],
        "raw bytes": [name + b"\xff\xfe\x00"],
        "nothing but signs": [b";;=;=x; " + name],
        "empty": [b""],
        "no signature": [name + b"a" * 32],
        "a dot": [name + b"."],
        "bad signature": [name + quote(good.decode()).encode()[:-8] + b"AAAAAAA="],
        "signature of 43": [name + good[:-2] + b"="],
        "signature of 45": [name + good + b"="],
        "unpadded": [name + good[:-1]],
        "a signature alone": [name + b"." + good.partition(b".")[2]],
        "a signed nobody": [name + good],
        "quoted": [name + b'"' + good + b'"'],
        "escaped": [name + quote(good.decode(), safe="").encode()],
        "half an escape": [name + good + b"%"],
        "in two headers": [name + b"a", name + b"b"],
        "another prefix": [b"__Secure-" + name + good],
    }


@pytest.mark.parametrize("which", odd_cookies())
async def test_an_odd_cookie_is_nobody(which: str) -> None:
    async with world() as place:
        headers: list[Header] = [("cookie", line) for line in odd_cookies()[which]]
        async with nothing_happens(place.auth):
            session = await place.get("/api/auth/get-session", headers=headers)
            assert (session.status, session.body) == (200, b"null")
            guarded = await place.get("/api/auth/list-sessions", headers=headers)
            assert (guarded.status, guarded.code) == (401, "UNAUTHORIZED")
            me = await place.get("/me", headers=headers)
            assert (me.status, me.body) == (200, b"null")
            assert (await place.get("/secret", headers=headers)).status == 401


async def test_more_cookies_than_anybody_needs_are_refused() -> None:
    async with world() as place:
        line = b"better-auth.session_token=" + b"a" * 32_768
        two = [b"better-auth.session_token=" + b"a" * 20_000, b"x=" + b"a" * 20_000]
        for lines in ([line], two):
            headers: list[Header] = [("cookie", each) for each in lines]
            for path in ("/api/auth/get-session", "/me", "/secret"):
                answer = await place.get(path, headers=headers)
                assert (answer.status, answer.code) == (431, "REQUEST_HEADER_FIELDS_TOO_LARGE")
            assert (await post(place.app, IN, GOOD_IN, headers=[*headers, HOME])).status == 431
        assert (await place.get("/auth/sign-in", headers=[("cookie", line)])).status == 431


@pytest.mark.sec("SEC-048")
@pytest.mark.parametrize(
    "values",
    [
        [b"Bearer"],
        [b"Bearer "],
        [b"Bearer a b"],
        [b"Bearer a, Bearer b"],
        [b"Bearer a", b"Bearer b"],
        [b"Bearer \xff\xfe"],
        [b"\xff"],
        [b""],
        [b"Bearer " + b"a" * 20_000],
        [b"Basic YW5uOng="],
        [b"Bearer .....", b""],
        [b"Digest username=ann"],
    ],
    ids=lambda values: ascii(values)[:40],
)
async def test_an_odd_credential_is_nobody_and_changes_nothing_for_somebody(values: list[bytes]) -> None:
    async with world() as place:
        odd: list[Header] = [("authorization", value) for value in values]
        assert (await place.get("/api/auth/get-session", headers=odd)).body == b"null"
        assert (await place.get("/api/auth/list-sessions", headers=odd)).status == 401
        assert (await place.get("/me", headers=odd)).body == b"null"
        assert (await place.get("/secret", headers=odd)).status == 401
        assert (await place.get("/me", headers=[*odd, place.cookie])).json()["email"] == "ann@example.com"


# Rows 25 to 28: paths, methods, origins, the error page

ALIASES: list[tuple[str, bytes | None]] = [
    ("//sign-in/email", None),
    ("/sign-in//email", None),
    ("/sign-in/email/", None),
    ("/Sign-In/email", None),
    ("/SIGN-IN/EMAIL", None),
    ("/sign-in/email", b"/api/auth/sign-in%2femail"),
    ("/sign-in/email", b"/api/auth/sign-in%2Femail"),
    ("/sign-in/email", b"/api/auth/%73ign-in/email"),
    ("/sign-in/email", b"/api/auth/sign-in\\email"),
    ("/x/../sign-in/email", None),
    ("/./sign-in/email", None),
    ("/sign-in/email;a=b", None),
    ("/sign-in/email\x00", b"/api/auth/sign-in/email%00"),
    ("/sign-in/email ", b"/api/auth/sign-in/email%20"),
    ("/sign-in/email\n", b"/api/auth/sign-in/email%0a"),
    ("/sign-in/email.json", None),
    ("/sign-in", None),
    ("/", None),
    ("", None),
]


@pytest.mark.sec("SEC-065")
@pytest.mark.parametrize(("path", "raw"), ALIASES, ids=ascii)
async def test_another_way_to_write_a_path_leads_nowhere(path: str, raw: bytes | None) -> None:
    async with world() as place:
        answer = await place.refused(path, GOOD_IN, raw_path=raw)
        assert (answer.status, answer.body) == (404, b"")


@pytest.mark.sec("SEC-065")
async def test_paths_that_lead_nowhere_are_counted_together() -> None:
    async with world(rate_limit=True) as place:
        for number in range(100):
            path, raw = ALIASES[number % len(ALIASES)]
            assert (await post(place.app, path, GOOD_IN, raw_path=raw)).status == 404
        for path, raw in ALIASES:
            assert (await post(place.app, path, GOOD_IN, raw_path=raw)).status == 429
        assert (await post(place.app, IN, GOOD_IN)).status == 200  # the real one has its own count


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "post", "Post", "X" * 100]
)
async def test_another_method_leads_nowhere(method: str) -> None:
    async with world() as place:
        gets = {operation.route.path for operation in place.auth.operations if operation.route.method == "GET"}
        for operation in place.posts:
            if method == "GET" and operation.route.path in gets:
                continue
            body = json.dumps(filled(operation.route.path)).encode()
            headers: list[Header] = [
                ("content-type", "application/json"),
                ("x-http-method-override", "POST"),
                ("x-http-method", "POST"),
                place.cookie,
                HOME,
            ]
            answer = await place.refused_as(operation.route.path, body, headers, method=method)
            assert (answer.status, answer.body) == (404, b"")


async def test_a_header_does_not_change_the_method() -> None:
    async with world() as place:
        answer = await post(place.app, IN, GOOD_IN, headers=[("x-http-method-override", "DELETE")])
        assert answer.status == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([("origin", "https://evil.example")], "INVALID_ORIGIN"),
        ([("origin", "https://evil.example"), ("cookie", "a=b")], "INVALID_ORIGIN"),
        ([("origin", "null")], "MISSING_OR_NULL_ORIGIN"),
        ([("origin", "null"), ("cookie", "a=b")], "MISSING_OR_NULL_ORIGIN"),
        ([("cookie", "a=b")], "MISSING_OR_NULL_ORIGIN"),
        ([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"),
        (
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("origin", "https://evil.example")],
            "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
        ),
    ],
    ids=repr,
)
async def test_a_sign_in_that_another_site_sends_is_refused(headers: list[Header], code: str) -> None:
    async with world() as place:
        for path in (UP, IN):
            answer = await place.refused(path, filled(path), headers=headers)
            assert (answer.status, answer.code) == (403, code)


@pytest.mark.parametrize("error", ["<script>alert(1)</script>", "<script>" * 1250, "a" * 10_000, "%00", '"onload="x'])
async def test_the_error_page_escapes_and_cuts_what_it_is_given(error: str) -> None:
    async with world() as place:
        query = urlencode({"error": error, "error_description": error}).encode()
        for path in ("/api/auth/error", "/auth/error"):
            answer = await place.get(path, query=query)
            assert answer.status == 200
            assert (answer.header("content-type") or "").startswith("text/html")
            assert "default-src 'none'" in (answer.header("content-security-policy") or "")
            assert b"<script>alert" not in answer.body
            assert b"<script><script>" not in answer.body
            assert b'"onload="' not in answer.body
            assert b"a" * 201 not in answer.body
            assert answer.body.count(b"&lt;script&gt;") <= 25


# Rows 29 and 30: text that means something to somebody else

ODD_TEXTS = [
    "' OR 1=1 --",
    "%",
    "_",
    "\\",
    "{{7*7}}",
    "${7*7}",
    "{% raw %}",
    "__proto__",
    "__class__",
    "%s%n",
    "<b>x</b>",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
async def test_odd_text_is_taken_literally(text: str) -> None:
    async with world() as place:
        answer = await post(place.app, UP, {**GOOD_UP, "name": text, "password": text * 8, text: text})
        assert (answer.status, answer.json()["user"]["name"]) == (200, text)
        assert text not in answer.json()["user"]
        assert (await post(place.app, IN, {**GOOD_UP, "password": text * 8})).status == 200
        assert (await post(place.app, IN, {**GOOD_UP, "password": "49" * 8})).status == 401
        await place.auth.mail.idle()
        letter = outbox_of(place.auth).last("verify-email")
        assert letter.to == "bob@example.com"
        assert "49" not in letter.text.replace(letter.context["url"], "")


@pytest.mark.parametrize("text", ODD_TEXTS)
async def test_odd_text_finds_nothing(text: str) -> None:
    async with world() as place:
        both = [place.cookie, HOME]
        assert (await place.refused(IN, {**GOOD_IN, "email": text})).code == "INVALID_EMAIL"
        assert (await place.refused(IN, {**GOOD_IN, "password": text})).code == "INVALID_EMAIL_OR_PASSWORD"
        assert (await place.refused("/reset-password", {**filled("/reset-password"), "token": text})).code == (
            "INVALID_TOKEN"
        )
        assert (await place.refused("/unlink-account", {"accountId": text}, headers=both)).status == 400
        async with nothing_happens(place.auth):
            assert (await post(place.app, "/revoke-session", {"token": text}, headers=both)).status == 200
            assert (await place.get("/api/auth/verify-email", query=urlencode({"token": text}).encode())).status == 401


@pytest.mark.parametrize("key", ["__proto__", "__class__", "__dict__", "constructor", "table_name", "more", "changes"])
async def test_a_key_that_means_something_to_a_language_means_nothing_here(key: str) -> None:
    async with world() as place:
        answer = await post(place.app, UP, {**GOOD_UP, key: {"isAdmin": True, "role": "admin"}})
        assert answer.status == 200
        assert "isAdmin" not in answer.body.decode()
        async with nothing_happens(place.auth):
            update = await post(place.app, "/update-user", {key: "x"}, headers=[place.cookie, HOME])
        assert (update.status, update.json()) == (400, {"message": "No fields to update"})


@pytest.mark.sec("SEC-202")
@pytest.mark.parametrize(
    "agent",
    [b"A" * 65_536, b"A\r\nX-Evil: 1", b"\x1b[31mred\x1b[0m", b"\x00\x07\x08\x9b31m", b"\xe2\x80\xae" * 300],
    ids=lambda agent: ascii(agent[:30]),
)
async def test_an_odd_user_agent_is_cut_and_stays_one_line(agent: bytes) -> None:
    async with world() as place:
        answer = await post(place.app, IN, GOOD_IN, headers=[("user-agent", agent)])
        assert answer.status == 200
        await place.auth.mail.idle()
        events: list[Event] = place.auth.events  # type: ignore[attr-defined]
        for event in events:
            line = event.line()
            assert line.isprintable()
            assert line.isascii()
            assert len(json.loads(line).get("user_agent", "")) <= 512 * 4
        for session in (await contents(place.auth))["session"]:
            assert session.user_agent.isprintable()
            assert len(session.user_agent.replace("\\x", "")) <= 512 * 3
        cookie: Header = ("cookie", f"better-auth.session_token={answer.cookies['better-auth.session_token']}")
        listed = await place.get("/api/auth/list-sessions", headers=[cookie])
        assert listed.status == 200
        assert all(row["userAgent"].isprintable() for row in listed.json())
