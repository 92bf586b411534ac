"""Every store keeps the promises of `core.store`: the verbs, one caller at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest

from authmw.core.model import Account, RateLimit, Session, User, Verification
from authmw.core.store import Above, AtMost, Conflict, Database, Not, OneOf, Plus

from .conftest import NOW, Thing, session, user

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def far_from_utc() -> Iterator[None]:
    """Nothing here may depend on the time zone of the machine."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Apia"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


async def test_a_row_is_read_back_as_insert_returned_it(store: Database) -> None:
    thing = Thing(
        id="t1",
        name="Größe 北京 🦊 'quoted\" \\ % ? $1 :x",
        note="long\n" * 1000,
        number=-5,
        large=2**62,
        done=True,
        at=datetime(2026, 11, 24, 1, 40, 5, 932_999, tzinfo=timezone(timedelta(hours=2))),
        data={"a": [1, None, {"b": "ü"}], "c": 1.5},
        tags=["x", "y"],
    )
    inserted = await store.insert(thing)
    assert inserted == replace(thing, at=NOW)
    assert inserted.at is not None and inserted.at.tzinfo is UTC
    found = await store.find(Thing, id="t1")
    assert found == inserted
    assert found is not None and found.at is not None and found.at.tzinfo is UTC and type(found.done) is bool
    assert hash(await store.insert(user())) == hash(await store.find(User, id="u1"))


async def test_nothing_stays_nothing_and_defaults_hold(store: Database) -> None:
    await store.insert(Thing(id="t1", name=""))
    assert await store.find(Thing, id="t1") == Thing(id="t1", name="")


async def test_rows_are_frozen(store: Database) -> None:
    await store.insert(user())
    found = await store.find(User, id="u1")
    with pytest.raises(AttributeError):
        found.name = "Eve"  # type: ignore


async def test_who_is_not_there_is_none(store: Database) -> None:
    assert await store.find(User, id="u1") is None
    assert await store.find_joined(Session, User, token="t") is None
    assert await store.take(User, id="u1") is None
    assert await store.count(User) == 0
    assert await store.find_all(User) == []
    assert await store.delete(User, id="u1") == 0
    assert await store.update(User, {"id": "u1"}, name="x") == 0


CONDITIONS: list[tuple[dict[str, Any], str]] = [
    ({}, "abcd"),
    ({"name": "two"}, "b"),
    ({"name": "two", "number": 2}, "b"),
    ({"name": "two", "number": 3}, ""),
    ({"note": None}, "acd"),
    ({"note": Not(None)}, "b"),
    ({"note": Not("n")}, "acd"),
    ({"name": Not("two")}, "acd"),
    ({"name": Not("Two")}, "abcd"),
    ({"number": Above(2)}, "cd"),
    ({"number": AtMost(2)}, "ab"),
    ({"number": Plus}, "error"),
    ({"large": Above(0)}, "c"),
    ({"large": AtMost(10**12)}, "c"),
    ({"large": Above(None)}, ""),
    ({"large": AtMost(None)}, ""),
    ({"number": OneOf([1, 3, 9])}, "ac"),
    ({"number": OneOf([])}, ""),
    ({"name": OneOf(["one", "TWO", "three"])}, "ac"),
    ({"name": OneOf(("four",))}, "d"),
    ({"note": OneOf(["n", None])}, "abcd"),
    ({"note": OneOf([None])}, "acd"),
    ({"done": True}, "d"),
    ({"done": False}, "abc"),
    ({"done": Not(True)}, "abc"),
    ({"at": AtMost(NOW)}, "a"),
    ({"at": Above(NOW)}, "b"),
    ({"at": Above(NOW - timedelta(milliseconds=1))}, "ab"),
    ({"at": NOW}, "a"),
    ({"at": NOW.astimezone(timezone(timedelta(hours=-5)))}, "a"),
    ({"at": OneOf([NOW])}, "a"),
    ({"at": None}, "cd"),
    ({"data": None}, "abd"),
    ({"data": Not(None)}, "c"),
    ({"name": Above("one")}, "bc"),
    ({"name": AtMost("one")}, "ad"),
    ({"parent_id": "a"}, "b"),
]


@pytest.mark.parametrize(("where", "expected"), CONDITIONS, ids=[str(where) for where, _ in CONDITIONS])
async def test_conditions(store: Database, where: dict[str, Any], expected: str) -> None:
    await store.insert(Thing(id="a", name="one", number=1, at=NOW))
    await store.insert(Thing(id="b", name="two", number=2, note="n", at=NOW + timedelta(milliseconds=1), parent_id="a"))
    await store.insert(Thing(id="c", name="three", number=3, large=10**12, data={}))
    await store.insert(Thing(id="d", name="four", number=4, done=True))
    if expected == "error":
        with pytest.raises(TypeError):
            await store.find_all(Thing, **where)
        return
    assert "".join(sorted(thing.id for thing in await store.find_all(Thing, **where))) == expected
    assert await store.count(Thing, **where) == len(expected)
    found = await store.find(Thing, **where)
    assert (found.id in expected) if found is not None else expected == ""
    if where:
        assert await store.update(Thing, where, number=Plus(0)) == len(expected)
        assert await store.update(Thing, where, number=7) == len(expected)
        assert await store.update(Thing, {"id": OneOf(list(expected))}, number=7) == len(expected)


LOOK_ALIKES = (
    "a@b.com",
    "A@b.com",
    "á@b.com",
    "a@b.com ",
    " a@b.com",
    "a\u0301@b.com",
    "a@b.com\t",
    "a@b．com",
    "ª@b.com",
)


async def test_text_compares_exactly(store: Database) -> None:
    await store.insert(Thing(id="t1", name="a@b.com"))
    for look_alike in LOOK_ALIKES[1:]:
        assert await store.find(Thing, name=look_alike) is None
        assert await store.find(Thing, name=OneOf([look_alike, look_alike + "x"])) is None
        assert await store.update(Thing, {"name": look_alike}, number=1) == 0
        assert await store.take(Thing, name=look_alike) is None
        assert await store.delete(Thing, name=look_alike) == 0
        assert await store.count(Thing, name=Not(look_alike)) == 1
    assert await store.find(Thing, name="a@b.com") is not None


async def test_what_is_no_text_is_refused_where_text_belongs(store: Database) -> None:
    await store.insert(user())
    for value in (0, True, 1.5, b"u1", ["u1"], {"id": "u1"}):
        with pytest.raises(TypeError):
            await store.find(User, id=value)
        with pytest.raises(TypeError):
            await store.update(User, {"id": "u1"}, name=value)
    with pytest.raises(TypeError):
        await store.find(User, email_verified=1)
    with pytest.raises(TypeError):
        await store.find(RateLimit, count=True)
    with pytest.raises(TypeError):
        await store.find(Session, expires_at="2026-01-01")
    with pytest.raises(TypeError):
        await store.find(Session, expires_at=AtMost(datetime(2026, 1, 1)))  # noqa: DTZ001 - a time without a zone
    with pytest.raises(TypeError):
        await store.find(User, nonsense="x")
    with pytest.raises(TypeError):
        await store.update(User, {"id": "u1"}, name=None)


@pytest.mark.parametrize("text", ["a\0b", "\0", "\ud800", "a\udfff"])
async def test_text_that_no_database_holds_fits_nothing_and_is_not_stored(store: Database, text: str) -> None:
    await store.insert(Thing(id="t1", name="one"))
    assert await store.find(Thing, name=text) is None
    assert await store.take(Thing, name=text) is None
    assert await store.count(Thing, name=text) == 0
    assert await store.delete(Thing, name=text) == 0
    assert await store.update(Thing, {"name": text}, number=2) == 0
    assert [thing.id for thing in await store.find_all(Thing, name=OneOf([text, "one"]))] == ["t1"]
    assert await store.find_all(Thing, name=OneOf([text])) == []
    with pytest.raises(ValueError):
        await store.insert(Thing(id="t2", name=text))
    with pytest.raises(ValueError):
        await store.update(Thing, {"id": "t1"}, note=text)
    with pytest.raises(ValueError):
        await store.insert(Thing(id="t2", name="two", data={"text": text}))
    assert await store.count(Thing) == 1


async def test_numbers_that_do_not_fit_are_no_fault_of_the_database(store: Database) -> None:
    assert await store.find(Thing, number=2**40) is None
    assert await store.find(Thing, large=2**70) is None
    with pytest.raises(ValueError):
        await store.insert(Thing(id="t1", name="x", number=2**40))


async def test_order_limit_and_offset(store: Database) -> None:
    for number, name in enumerate(["b", "Z", "a", "é", "y"]):
        await store.insert(Thing(id=f"t{number}", name=name, number=number // 2, large=None if number == 3 else number))

    async def names(**asked: Any) -> str:
        return "".join(thing.name for thing in await store.find_all(Thing, **asked))

    assert await names(order="name") == "Zabyé"
    assert await names(order="-name") == "éybaZ"
    assert await names(order="number", limit=3) == "bZa"
    assert await names(order="number", limit=2, offset=2) == "aé"
    assert await names(order="-id", limit=None, offset=3) == "Zb"
    assert (await names(order="large"))[0] == "é"
    assert (await names(order="-large"))[-1] == "é"
    assert await names(order="name", limit=0) == ""
    assert await names(order="name", limit=1) == "Z"
    assert await names(order="name", number=Above(0), limit=1, offset=1) == "y"
    pages = [await store.find_all(Thing, limit=2, offset=offset) for offset in (0, 2, 4)]
    assert sorted(thing.id for page in pages for thing in page) == ["t0", "t1", "t2", "t3", "t4"]


async def test_a_hundred_rows_unless_told(store: Database) -> None:
    async with store.transaction() as within:
        for number in range(120):
            await within.insert(Thing(id=f"t{number}", name="x"))
    assert len(await store.find_all(Thing)) == 100
    assert len(await store.find_all(Thing, limit=None)) == 120
    wanted = [f"t{number}" for number in range(0, 120, 2)] + ["nobody"]
    assert len(await store.find_all(Thing, id=OneOf(wanted))) == 60


async def test_two_rows_in_one_statement(store: Database) -> None:
    await store.insert(user("u1"))
    await store.insert(user("u2"))
    await store.insert(session("s2", "u2"))
    found = await store.find_joined(Session, User, token="token-s2", expires_at=Above(NOW - timedelta(seconds=1)))
    assert found == (session("s2", "u2"), user("u2"))
    assert await store.find_joined(Session, User, token="token-s2", expires_at=Above(NOW)) is None
    with pytest.raises(TypeError):
        await store.find_joined(User, Session, id="u1")


async def test_unique_columns_are_unique(store: Database) -> None:
    await store.insert(user("u1", "a@example.com"))
    await store.insert(user("u2", "b@example.com"))
    with pytest.raises(Conflict):
        await store.insert(user("u1", "c@example.com"))
    with pytest.raises(Conflict):
        await store.insert(user("u3", "a@example.com"))
    with pytest.raises(Conflict):
        await store.update(User, {"id": "u2"}, email="a@example.com", name="changed")
    assert await store.find(User, id="u2") == user("u2", "b@example.com")
    assert await store.update(User, {"id": "u1"}, email="a@example.com") == 1
    await store.insert(user("u3", "A@example.com"))
    assert await store.count(User) == 3


async def test_what_refers_to_nobody_is_a_conflict(store: Database) -> None:
    with pytest.raises(Conflict):
        await store.insert(session("s1", "nobody"))
    await store.insert(user())
    await store.insert(session())
    with pytest.raises(Conflict):
        await store.update(Session, {"id": "s1"}, user_id="nobody")


async def test_what_refers_goes_with_what_it_refers_to(store: Database) -> None:
    for name in ("u1", "u2"):
        await store.insert(user(name))
        await store.insert(session(f"s-{name}", name))
        await store.insert(
            Account(id=f"a-{name}", account_id=name, provider_id="x", user_id=name, created_at=NOW, updated_at=NOW)
        )
    assert await store.delete(User, id="u1") == 1
    assert [each.user_id for each in await store.find_all(Session)] == ["u2"]
    assert await store.take(User, id="u2") == user("u2")
    assert await store.count(Session) == await store.count(Account) == 0


async def test_a_chain_of_references_goes_whole(store: Database) -> None:
    await store.insert(Thing(id="a", name="root"))
    await store.insert(Thing(id="b", name="child", parent_id="a"))
    await store.insert(Thing(id="c", name="grandchild", parent_id="b"))
    assert await store.delete(Thing, id="a") == 1
    assert await store.count(Thing) == 0


async def test_update_counts_rows_that_fit_even_when_nothing_differs(store: Database) -> None:
    await store.insert(Thing(id="a", name="x", number=1))
    await store.insert(Thing(id="b", name="x", number=2))
    assert await store.update(Thing, {"name": "x"}, done=False) == 2
    assert await store.update(Thing, {"name": "x", "number": 1}, number=1) == 1
    assert await store.update(Thing, {"id": "a", "number": 2}, number=3) == 0


async def test_changes_of_every_kind(store: Database) -> None:
    await store.insert(Thing(id="a", name="x", number=1, note="n", data={"a": 1}))
    later = NOW + timedelta(days=1, microseconds=1999)
    changed = await store.update(
        Thing,
        {"id": "a"},
        name="y",
        number=Plus(-3),
        note=None,
        done=True,
        at=later,
        data={"b": 2},
        tags=["t"],
        large=5,
    )
    assert changed == 1
    expected = Thing(
        id="a",
        name="y",
        number=-2,
        done=True,
        at=NOW + timedelta(days=1, milliseconds=1),
        data={"b": 2},
        tags=["t"],
        large=5,
    )
    assert await store.find(Thing, id="a") == expected


async def test_an_empty_where_or_no_change_is_refused(store: Database) -> None:
    await store.insert(Thing(id="a", name="x"))
    with pytest.raises(ValueError):
        await store.update(Thing, {}, name="y")
    with pytest.raises(ValueError):
        await store.delete(Thing)
    with pytest.raises(ValueError):
        await store.update(Thing, {"id": "a"})
    assert await store.find(Thing, id="a") == Thing(id="a", name="x")


async def test_take_gives_one_row_at_a_time(store: Database) -> None:
    for name in "abc":
        await store.insert(Thing(id=name, name="x"))
    taken = [await store.take(Thing, name="x") for _ in range(4)]
    assert sorted(thing.id for thing in taken if thing is not None) == ["a", "b", "c"]
    assert taken[3] is None
    assert await store.count(Thing) == 0


async def test_take_only_what_is_still_good(store: Database) -> None:
    row = Verification(id="v", identifier="i", value="x", expires_at=NOW, created_at=NOW, updated_at=NOW)
    await store.insert(row)
    assert await store.take(Verification, identifier="i", expires_at=Above(NOW)) is None
    assert await store.take(Verification, identifier="i", expires_at=Above(NOW - timedelta(milliseconds=1))) == row


async def test_a_narrower_row_leaves_the_other_columns_to_their_defaults(store: Database) -> None:
    await store.insert(Part(id="p", name="x"))
    assert await store.find(Thing, id="p") == Thing(id="p", name="x")
    assert await store.find(Part, name="x") == Part(id="p", name="x")


@dataclass(frozen=True, kw_only=True)
class Part:
    """What another program may know of the table `thing`."""

    table_name: ClassVar[str] = "thing"
    id: str
    name: str
