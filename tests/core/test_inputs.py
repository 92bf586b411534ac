"""Untrusted mapping → dataclass, in the words of the wire (0.5)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authmw.core.errors import AuthError, InvalidInput
from authmw.core.inputs import NOTHING, Email, Flag, Image, Name, Text, Typed, Url, convert, is_email, parse_input
from authmw.features.password import SignUp


@dataclass(frozen=True, kw_only=True)
class Order:
    email: Email
    amount: int
    express: bool = False
    callback_url: Url | None = None
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    size: Literal["small", "large"] = "small"
    due_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Optional:
    name: Name = ""
    flag: Flag = False


GOOD: Mapping[str, object] = {"email": "ann@example.com", "amount": 1}


def refusal(kind: type[Any], given: object, **more: Any) -> str:
    with pytest.raises(InvalidInput) as refused:
        parse_input(kind, given, **more)
    assert (refused.value.status, refused.value.code) == (400, "VALIDATION_ERROR")
    return refused.value.message


def test_what_is_right_becomes_the_dataclass_by_the_keys_of_the_wire() -> None:
    order = parse_input(
        Order,
        {
            **GOOD,
            "express": True,
            "callbackURL": "/next",
            "notes": ["a"],
            "extra": {"b": [1]},
            "size": "large",
            "dueAt": "2026-11-25T12:00:00.123Z",
            "unknown": "dropped",
            "callback_url": "dropped too",
        },
    )
    assert order == Order(
        email="ann@example.com",
        amount=1,
        express=True,
        callback_url="/next",
        notes=["a"],
        extra={"b": [1]},
        size="large",
        due_at=datetime(2026, 11, 25, 12, 0, 0, 123000, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"email": None}, "[body.email] Invalid input: expected string, received null"),
        ({"email": 7}, "[body.email] Invalid input: expected string, received number"),
        ({"email": 7.5}, "[body.email] Invalid input: expected string, received number"),
        ({"email": True}, "[body.email] Invalid input: expected string, received boolean"),
        ({"email": ["ann@example.com"]}, "[body.email] Invalid input: expected string, received array"),
        ({"email": {"$ne": None}}, "[body.email] Invalid input: expected string, received object"),
        ({"email": "ann"}, "[body.email] Invalid email address"),
        ({"amount": "1"}, "[body.amount] Invalid input: expected number, received string"),
        ({"amount": True}, "[body.amount] Invalid input: expected number, received boolean"),
        ({"amount": 2**53}, "[body.amount] Invalid input: expected number, received number"),
        ({"express": "false"}, "[body.express] Invalid input: expected boolean, received string"),
        ({"express": 0}, "[body.express] Invalid input: expected boolean, received number"),
        ({"express": None}, "[body.express] Invalid input: expected boolean, received null"),
        ({"callbackURL": None}, "[body.callbackURL] Invalid input: expected string, received null"),
        ({"callbackURL": 5}, "[body.callbackURL] Invalid input: expected string, received number"),
        ({"notes": "a"}, "[body.notes] Invalid input: expected array, received string"),
        ({"extra": []}, "[body.extra] Invalid input: expected object, received array"),
        ({"size": "huge"}, '[body.size] Invalid option: expected one of "small"|"large"'),
        ({"size": ["small"]}, '[body.size] Invalid option: expected one of "small"|"large"'),
        ({"dueAt": 5}, "[body.dueAt] Invalid input: expected date, received number"),
        ({"dueAt": "tomorrow"}, "[body.dueAt] Invalid input: expected date, received string"),
        ({"dueAt": "2026-11-25T12:00:00"}, "[body.dueAt] Invalid input: expected date, received string"),
        ({"dueAt": "9999-11-25T12:00:00Z"}, "[body.dueAt] Invalid input: expected date, received string"),
    ],
)
def test_what_is_wrong_is_named_in_the_words_of_the_wire(change: Mapping[str, object], text: str) -> None:
    assert refusal(Order, {**GOOD, **change}) == text


def test_every_problem_is_named_at_once_in_the_order_of_the_fields() -> None:
    assert refusal(Order, {"express": 1}) == (
        "[body.email] Invalid input: expected string, received undefined; "
        "[body.amount] Invalid input: expected number, received undefined; "
        "[body.express] Invalid input: expected boolean, received number"
    )


def test_the_query_is_named_as_such() -> None:
    assert refusal(Order, {"amount": 1}, part="query").startswith("[query.email] ")


@pytest.mark.parametrize(
    ("given", "received"),
    [(NOTHING, "undefined"), (None, "null"), ([], "array"), ("x", "string"), (5, "number"), (True, "boolean")],
)
def test_what_is_no_object_is_refused(given: object, received: str) -> None:
    assert refusal(Order, given) == f"[body] Invalid input: expected object, received {received}"


def test_signing_up_without_any_body_is_refused_twice_as_on_the_wire() -> None:
    assert refusal(SignUp, NOTHING) == (
        "[body] Invalid input: expected object, received undefined; "
        "[body] Invalid input: expected record, received undefined"
    )


def test_an_empty_password_at_sign_up_is_too_small() -> None:
    given = {"name": "", "email": "ann@example.com", "password": ""}
    assert refusal(SignUp, given) == "[body.password] Too small: expected string to have >=1 characters"


def test_no_body_is_fine_where_nothing_is_needed() -> None:
    assert parse_input(Optional, NOTHING) == Optional()
    refusal(Optional, [])


def test_the_rest_receives_the_keys_that_no_field_names() -> None:
    signing_up = parse_input(
        SignUp,
        {"name": "", "email": "ann@example.com", "password": "x", "plan": ["pro"], "callback_url": 1},
    )
    assert signing_up.more == {"plan": ["pro"], "callback_url": 1}


@pytest.mark.parametrize(
    ("text", "on"), [("true", True), ("false", True), ("0", True), ("", False), (["a", "b"], True)]
)
def test_a_flag_of_the_query_is_on_with_any_text(text: object, on: bool) -> None:
    assert parse_input(Optional, {"flag": text}).flag is on


# Text


@pytest.mark.parametrize(
    ("hint", "text", "wrong"),
    [
        (Name, "", None),
        (Name, "Ann Ünïcode 👩‍👩‍👧", None),
        (Name, "n" * 255, None),
        (Name, "n" * 256, "Too big: expected string to have <=255 characters"),
        (str, "n" * 4096, None),
        (str, "n" * 4097, "Too big: expected string to have <=4096 characters"),
        (Annotated[str, Text(shortest=3)], "ab", "Too small: expected string to have >=3 characters"),
        *((Name, f"a{char}b", "Invalid input: expected string without control characters")
          for char in ("\x00", "\x1f", "\r", "\n", "\x7f", "\x85", "\u202e", "\u2066", "\ud800")),
        (Typed, "any\x00thing\ud800" + "x" * 9999, None),
    ],
)  # fmt: skip
def test_what_a_text_may_be(hint: Any, text: str, wrong: str | None) -> None:
    kind: type[Any] = dataclass(type("Kind", (), {"__annotations__": {"text": hint}}))
    if wrong is None:
        assert parse_input(kind, {"text": text}).text == text
    else:
        assert refusal(kind, {"text": text}) == f"[body.text] {wrong}"


@pytest.mark.parametrize("value", [{"a": ["b\x00"]}, {"a\x00": 1}, {"a": {"b": "\ud800"}}, {"a": "x" * 4097}])
def test_text_deep_inside_is_judged_too(value: object) -> None:
    with pytest.raises(ValueError):
        convert(value, dict)


PIXEL = base64.b64encode(b"\x89PNG" * 10).decode()


@dataclass(frozen=True)
class Portrait:
    image: Image | None = None


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        ("", True),
        ("https://example.com/a.png?size=2", True),
        ("http://example.com/a.png", True),
        ("/avatars/ann.png", True),
        (f"data:image/png;base64,{PIXEL}", True),
        (f"data:image/webp;base64,{PIXEL}", True),
        ("data:image/png;base64," + base64.b64encode(b"x" * 49_134).decode(), True),
        ("data:image/png;base64," + base64.b64encode(b"x" * 49_135).decode(), False),
        ("data:image/png;base64,%%%", False),
        ("data:image/png;base64,abc", False),
        (f"data:image/svg+xml;base64,{PIXEL}", False),
        (f"data:text/html;base64,{PIXEL}", False),
        ("data:image/png,x", False),
        ("javascript:alert(1)", False),
        ("JAVASCRIPT:alert(1)", False),
        (" https://example.com/a.png", False),
        ("//evil.example/a.png", False),
        ("/\\evil.example/a.png", False),
        ("file:///etc/passwd", False),
        ("ftp://example.com/a.png", False),
        ("a.png", False),
        ("https://example.com/a\r\nb", False),
        ("https://example.com/" + "a" * 2048, False),
    ],
)
def test_what_a_picture_may_be(image: str, allowed: bool) -> None:
    if allowed:
        assert parse_input(Portrait, {"image": image}).image == image
    else:
        assert "expected an https address or a small inline image" in refusal(Portrait, {"image": image})


# Addresses

LOCAL = "a" * 64
NOT_ADDRESSES = [
    "",
    "a",
    "@",
    "a@",
    "@b.co",
    "a@b",
    "a@b.c",
    "a@b.c1",
    "a@@b.co",
    "a@b@c.co",
    " a@b.co",
    "a@b.co ",
    "a b@c.co",
    '"a b"@c.co',
    '"a"@b.co',
    "a@[127.0.0.1]",
    "a@127.0.0.1",
    ".a@b.co",
    "a.@b.co",
    "a'@b.co",
    "a..b@c.co",
    "a@b..co",
    "a@.b.co",
    "a@-b.co",
    "a@b.co.",
    "a@b.co\r\nBcc: x@y.z",
    "a@b.co\n",
    "a@b.co\x00",
    "a\x00@b.co",
    "ａ@b.co",
    "a@b.ｃｏ",
    "\u212a@b.co",
    "ı@b.co",
    "a＠b.co",
    "a@bücher.example",
    "a!b@c.co",
    "a%b@c.co",
    "<a@b.co>",
    "a@b.co,c@d.co",
    "a@b.co;c@d.co",
    LOCAL + "@" + "b" * 187 + ".co",  # 255 bytes
]
ADDRESSES = [
    "a@b.co",
    "A@B.CO",
    "a.b+c_d-e'f@g-h.i.museum",
    "_@b.co",
    "'a@b.co",
    "a-@b.co",
    "a@b-.co",
    "1@1.co",
    "a@xn--bcher-kva.example",
    LOCAL + "@" + "b" * 186 + ".co",  # 254 bytes
]


@pytest.mark.sec("SEC-080")
@pytest.mark.sec("SEC-180")
@pytest.mark.parametrize("text", NOT_ADDRESSES)
def test_what_is_no_address(text: str) -> None:
    assert not is_email(text)
    assert refusal(SignUp, {"name": "", "email": text, "password": "x"}) == "[body.email] Invalid email address"


@pytest.mark.sec("SEC-080")
@pytest.mark.parametrize("text", ADDRESSES)
def test_what_is_an_address_is_kept_as_it_came(text: str) -> None:
    assert parse_input(SignUp, {"name": "", "email": text, "password": "x"}).email == text


@pytest.mark.sec("SEC-180")
@pytest.mark.parametrize(
    "text", ["a" * 100_000 + "@", ("a." * 50_000) + "@b.co", "a@" + "b." * 50_000, "a@" + "a-" * 120]
)
def test_no_address_makes_the_grammar_work_long(text: str) -> None:
    from time import perf_counter

    began = perf_counter()
    assert not is_email(text)
    assert perf_counter() - began < 0.05


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["email", "amount", "express", "callbackURL", "notes", "extra", "size", "dueAt", "x"])


@given(st.dictionaries(keys, json_values) | json_values)
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_an_order_or_a_refusal(value: object) -> None:
    try:
        assert isinstance(parse_input(Order, value), Order)
    except AuthError as refused:
        assert refused.status == 400
