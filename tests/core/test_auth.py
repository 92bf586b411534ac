"""Settings, features and store put together: what is refused at the start, and what an application adds itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from authmw import (
    Auth,
    AuthError,
    Call,
    ConfigurationError,
    Event,
    Feature,
    Limit,
    Private,
    Public,
    ServerOnly,
    Settings,
    SignedIn,
    StepRequired,
    User,
    operation,
)
from authmw.core.auth import LazyDatabase
from authmw.core.inputs import Name
from authmw.core.model import Session, U, Verification
from authmw.core.schema import column
from authmw.core.store import Unavailable
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.stores.memory import MemoryStore
from tests.support import PASSWORD, SECRET, Clock, browser, events_of, make_auth, outbox_of, serving

pytestmark = pytest.mark.anyio


# What is refused at the start, with the line to write


def refusal(features: Sequence[Any] = (), user_type: type[Any] = User) -> str:
    with pytest.raises(ConfigurationError) as refused:
        make_auth(features=features, user_type=user_type)
    return str(refused.value)


class OtherSignIn(Feature):
    @operation("POST", "/sign-in/email")
    async def sign_in(self, call: Call[U]) -> None: ...


def test_two_features_that_serve_one_route_are_refused() -> None:
    words = refusal([Password(), OtherSignIn()])
    assert words == "OtherSignIn and Password both serve POST /sign-in/email: leave one out."
    assert "Password and Password both serve" in refusal([Password(), Password()])


def test_one_path_with_two_methods_is_fine() -> None:
    class Reads(Feature):
        @operation("GET", "/sign-in/email")
        async def look(self, call: Call[U]) -> None: ...

    make_auth(features=[Password(), Reads()])


def test_a_class_instead_of_a_feature_is_refused_with_the_line_to_write() -> None:
    assert refusal([Password]) == f"features=[…] holds {Password!r}: write Password()."
    assert "write " in refusal(["password"])


@dataclass(frozen=True, kw_only=True)
class WithNickname(User):
    nickname: str = ""


class Nicknames(Feature):
    user_fields = WithNickname


@dataclass(frozen=True, kw_only=True)
class Member(User):
    plan: str = "free"


def test_a_missing_mixin_is_refused_with_the_class_to_write() -> None:
    words = refusal([Nicknames()], user_type=Member)
    assert "class Member(Member, WithNickname): ..." in words or "class Member(User, WithNickname): ..." in words
    assert "user_type=Member" in words

    @dataclass(frozen=True, kw_only=True)
    class Both(Member, WithNickname):
        pass

    make_auth(features=[Nicknames()], user_type=Both)


def test_a_field_that_nobody_could_fill_is_refused_with_what_to_write() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Tenant(User):
        tenant: str

    words = refusal(user_type=Tenant)
    assert words.startswith("Tenant.tenant has no default and no client may send it")
    assert "field(metadata=Public())" in words


def test_a_field_that_no_database_can_hold_is_refused_by_name() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Odd(User):
        friends: set[str] = field(default_factory=set)

    assert refusal(user_type=Odd).startswith("Odd.friends: ")


def test_a_user_type_that_is_no_user_is_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Stranger:
        table_name: ClassVar[str] = "user"
        id: str = ""

    assert refusal(user_type=Stranger) == "user_type=Stranger must be a subclass of authmw.User."


# Features by class


def test_a_feature_is_found_by_its_class() -> None:
    password = Password()
    auth = make_auth(features=[password])
    assert auth[Password] is password
    assert Password in auth
    assert EmailVerification not in auth
    with pytest.raises(KeyError, match=r"features=\[…, EmailVerification\(\)\]"):
        auth[EmailVerification]


def test_account_and_sessions_are_always_on_and_can_be_chosen_otherwise() -> None:
    own = Account(delete_user=False)
    auth = make_auth(features=[own])
    assert auth[Account] is own
    assert Sessions in auth


# Hooks


@dataclass(frozen=True, kw_only=True)
class Wrote:
    note: str


class Recorder(Feature):
    """Writes down which of its hooks were called."""

    def __init__(self, label: str, record: list[str]) -> None:
        self.label, self.record = label, record

    async def next_step(self, call: Call[U], user: U, methods: Sequence[str]) -> StepRequired | None:
        self.record.append(f"{self.label} next_step {','.join(methods)}")
        return None

    async def before(self, call: Call[U], route: str) -> None:
        self.record.append(f"{self.label} before {route}")

    async def check_password(self, call: Call[U], password: str) -> None:
        self.record.append(f"{self.label} check_password")

    async def signed_in(self, call: Call[U], signed_in: SignedIn[U]) -> None:
        self.record.append(f"{self.label} signed_in")

    async def session_read(self, call: Call[U], signed_in: SignedIn[U], answer: dict[str, Any]) -> None:
        self.record.append(f"{self.label} session_read")
        answer[self.label] = True

    async def user_created(self, call: Call[U], user: U) -> None:
        self.record.append(f"{self.label} user_created")

    async def user_deleted(self, call: Call[U], user: U) -> None:
        self.record.append(f"{self.label} user_deleted")

    async def forget_unproved(self, call: Call[U], user: U) -> None:
        self.record.append(f"{self.label} forget_unproved")


class First(Recorder):
    pass


class Second(Recorder):
    pass


async def test_hooks_are_called_in_the_order_of_the_list() -> None:
    record: list[str] = []
    auth = make_auth(features=[First("1", record), Password(), Second("2", record)])

    def called() -> list[str]:
        found, record[:] = list(record), []
        return found

    async with serving(auth) as ann:
        await ann.sign_up()
        hooks = ["before /sign-up/email", "check_password", "user_created", "next_step password", "signed_in"]
        assert called() == [f"{label} {hook}" for hook in hooks for label in "12"]
        answer = await ann.session()
        assert (answer["1"], answer["2"]) == (True, True)
        assert called() == [f"{label} {hook}" for hook in ("before /get-session", "session_read") for label in "12"]
        await ann.api("/request-password-reset", {"email": "ann@example.com"})
        token = (await ann.mail()).last("reset-password").context["token"]
        called()
        await ann.api("/reset-password", {"token": token, "newPassword": PASSWORD})
        hooks = ["before /reset-password", "check_password", "forget_unproved"]
        assert called() == [f"{label} {hook}" for hook in hooks for label in "12"]
        await ann.sign_in()
        called()
        await ann.api("/delete-user", {})
        hooks = ["before /delete-user", "user_deleted"]
        assert called() == [f"{label} {hook}" for hook in hooks for label in "12"]


async def test_a_step_of_one_feature_keeps_the_session_back() -> None:
    class Gate(Feature):
        async def next_step(self, call: Call[U], user: U, methods: Sequence[str]) -> StepRequired | None:
            return StepRequired("/gate", {"gate": True})

    record: list[str] = []
    auth = make_auth(features=[Gate(), Password(), Second("2", record)])
    async with serving(auth) as ann:
        for answer in (await ann.sign_up(), await ann.sign_in()):
            assert (answer.status_code, answer.json()) == (200, {"gate": True})
            assert "set-cookie" not in answer.headers
        assert "2 next_step password" not in record, "the first step that is asked ends the question"
        assert await ann.session() is None


async def test_a_refusal_when_a_user_is_made_leaves_no_user() -> None:
    class Closed(AuthError):
        status = 403
        code = "CLOSED"

    class Doorkeeper(Feature):
        refusals: ClassVar = {"user_created": (Closed,)}

        async def user_created(self, call: Call[U], user: U) -> None:
            raise Closed

    auth = make_auth(features=[Password(), EmailVerification(), Doorkeeper()])
    async with serving(auth) as ann:
        answer = await ann.sign_up()
        assert (answer.status_code, answer.json()) == (403, {"code": "CLOSED"})
        assert await auth.database.count(User) == 0
        assert (await ann.mail()).messages == []


# A feature of the application's own


@dataclass(frozen=True, kw_only=True)
class Note:
    table_name: ClassVar[str] = "note"

    id: str
    user_id: str = field(metadata=column(references="user", index=True))
    text: str


@dataclass(frozen=True, kw_only=True)
class WriteNote:
    text: Name


class TooManyNotes(AuthError):
    status = 409
    code = "TOO_MANY_NOTES"
    message = "Too many notes."


class Notes(Feature):
    tables = (Note,)

    @operation("POST", "/notes/write", limit=Limit(3, per=60), guard="session")
    async def write(self, call: Call[U], input: WriteNote) -> Note:
        user = call.signed_in.user
        if await call.store.count(Note, user_id=user.id) >= 2:
            raise TooManyNotes
        number = await call.store.count(Note)
        call.event("note.written", user_id=user.id)
        return await call.store.insert(Note(id=f"n{number}", user_id=user.id, text=input.text))

    @operation("GET", "/notes", guard="session")
    async def list(self, call: Call[U]) -> Sequence[Note]:
        return await call.store.find_all(Note, user_id=call.signed_in.user.id, order="id")

    async def user_deleted(self, call: Call[U], user: U) -> None:
        await call.store.delete(Note, user_id=user.id)

    async def session_read(self, call: Call[U], signed_in: SignedIn[U], answer: dict[str, Any]) -> None:
        answer["notes"] = await call.store.count(Note, user_id=signed_in.user.id)


async def test_an_applications_own_feature_works_end_to_end() -> None:
    auth = make_auth(features=[Password(), Notes()], rate_limit=True)
    async with serving(auth) as ann:
        nobody = await ann.api("/notes/write", {"text": "x"})
        assert (nobody.status_code, nobody.json()["code"]) == (401, "UNAUTHORIZED")
        user_id = (await ann.sign_up()).json()["user"]["id"]
        wrong = await ann.api("/notes/write", {"text": 5})
        assert wrong.json()["message"] == "[body.text] Invalid input: expected string, received number"
        first = await ann.api("/notes/write", {"text": "milk"})
        assert first.json() == {"id": "n0", "userId": user_id, "text": "milk"}
        assert (await ann.api("/notes/write", {"text": "eggs"})).status_code == 429, "its own limit: three a minute"
        assert (await ann.api("/notes")).json() == [first.json()]
        assert (await ann.session())["notes"] == 1
        assert "note.written" in {event.event for event in events_of(auth)}
        # From Python, with the person that the request brings.
        signed_in = await auth.call().identify()
        assert signed_in is None
        with pytest.raises(AuthError, match="Unauthorized"):
            await auth[Notes].write(auth.call(), WriteNote(text="x"))
        await ann.api("/delete-user", {})
        assert await auth.database.count(Note) == 0


# The application's own fields on the user


@dataclass(frozen=True, kw_only=True)
class Customer(User):
    company: str = field(metadata=Public(label="Company"))
    newsletter: bool = field(default=False, metadata=Public())
    seats: int | None = field(default=None, metadata=Public())
    plan: str = field(default="free", metadata=ServerOnly())
    role: str = "user"
    note: str = field(default="new", metadata=Private())


async def stored(auth: Auth[Any]) -> Customer:
    (user,) = await auth.database.find_all(Customer)
    return user


async def test_own_fields_come_in_and_out_typed() -> None:
    auth = make_auth(user_type=Customer)
    async with serving(auth) as ann:
        answer = await ann.sign_up(company="Acme", newsletter=True, seats=5, unknown={"dropped": True})
        user = answer.json()["user"]
        assert (user["company"], user["newsletter"], user["seats"]) == ("Acme", True, 5)
        assert (user["plan"], user["role"]) == ("free", "user")
        assert "note" not in user
        assert "unknown" not in user
        kept = await stored(auth)
        assert (kept.company, kept.newsletter, kept.seats, kept.note) == ("Acme", True, 5, "new")
        assert (await ann.session())["user"] == user
        assert (await ann.api("/update-user", {"company": "Apex", "seats": None})).json() == {"status": True}
        kept = await stored(auth)
        assert (kept.company, kept.newsletter, kept.seats) == ("Apex", True, None)


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ({}, "MISSING_FIELD", "company is required"),
        ({"company": "Acme", "plan": "pro"}, "FIELD_NOT_ALLOWED", "plan is not allowed to be set"),
        ({"company": "Acme", "role": "admin"}, "FIELD_NOT_ALLOWED", "role is not allowed to be set"),
        ({"company": "Acme", "note": "x"}, "FIELD_NOT_ALLOWED", "note is not allowed to be set"),
        (
            {"company": 5},
            "VALIDATION_ERROR",
            "[body.company] Invalid input: expected string, received number",
        ),
        (
            {"company": None},
            "VALIDATION_ERROR",
            "[body.company] Invalid input: expected string, received null",
        ),
        (
            {"company": "Acme", "newsletter": "yes"},
            "VALIDATION_ERROR",
            "[body.newsletter] Invalid input: expected boolean, received string",
        ),
        (
            {"company": "a\x00b"},
            "VALIDATION_ERROR",
            "[body.company] Invalid input: expected string without control characters",
        ),
    ],
)
@pytest.mark.sec("SEC-180")
async def test_own_fields_that_may_not_come_in_so_are_refused(more: Mapping[str, Any], code: str, message: str) -> None:
    auth = make_auth(user_type=Customer)
    async with serving(auth) as ann:
        answer = await ann.sign_up(**more)
        assert (answer.status_code, answer.json()) == (400, {"message": message, "code": code})
        assert await auth.database.count(User) == 0
        if code != "MISSING_FIELD":
            await ann.sign_up(company="Acme")
            answer = await ann.api("/update-user", more)
            assert (answer.status_code, answer.json()) == (400, {"message": message, "code": code})


@pytest.mark.sec("SEC-180")
async def test_nothing_in_a_field_of_the_server_is_nothing_and_our_own_columns_are_ignored() -> None:
    auth = make_auth(user_type=Customer)
    async with serving(auth) as ann:
        planted: dict[str, Any] = {
            "id": "planted",
            "emailVerified": True,
            "createdAt": "2000-01-01T00:00:00.000Z",
            "updatedAt": "x",
        }
        answer = await ann.sign_up(company="Acme", plan="", role=None, note=0, **planted)
        assert answer.status_code == 200
        kept = await stored(auth)
        assert (kept.plan, kept.role, kept.note) == ("free", "user", "new")
        assert kept.id != "planted"
        assert not kept.email_verified
        assert kept.created_at == auth.clock()
        answer = await ann.api("/update-user", {**planted, "plan": ""})
        assert (answer.status_code, answer.json()) == (400, {"message": "No fields to update"})


# Starting and stopping


async def test_starting_is_done_once_by_whoever_comes_first() -> None:
    opened: list[Sequence[type[Any]]] = []

    class Counting(MemoryStore):
        async def open(self, tables: Sequence[type[Any]], *, create: bool | None = None) -> None:
            await asyncio.sleep(0)
            opened.append(tables)
            await super().open(tables, create=create)

    auth = make_auth(features=[Notes()], database=Counting())
    assert not auth.is_started
    await asyncio.gather(*(auth.start() for _ in range(5)))
    assert auth.is_started
    assert len(opened) == 1
    assert Note in opened[0]
    await auth.stop()
    assert not auth.is_started


async def test_the_first_request_starts_what_nobody_started() -> None:
    auth = make_auth()
    async with browser(auth) as ann:
        assert (await ann.sign_up()).status_code == 200
    await auth.stop()


async def test_a_database_that_is_not_open_says_so() -> None:
    made: list[int] = []

    def make() -> MemoryStore:
        made.append(1)
        return MemoryStore()

    lazy: Any = LazyDatabase(make)
    with pytest.raises(Unavailable, match=r"await auth\.start\(\) first"):
        await lazy.find(User, id="x")
    assert not made
    await lazy.open([User])
    assert await lazy.find(User, id="x") is None
    assert len(made) == 1


async def test_what_is_written_from_python_goes_out_at_once() -> None:
    auth = make_auth()
    await auth.start()
    call = auth.call()
    call.event("note.written")
    call.mail("security-notice", "ann@example.com", what="password-changed")
    await auth.mail.idle()
    assert [event.event for event in events_of(auth)] == ["note.written"]
    assert [message.to for message in outbox_of(auth).messages] == ["ann@example.com"]
    await auth.stop()


async def test_what_is_rolled_back_writes_no_letter_no_cookie_and_no_success() -> None:
    auth = make_auth()
    await auth.start()
    call = auth.new_call()
    with pytest.raises(ZeroDivisionError):
        async with call.transaction() as inside:
            inside.event("password.changed")
            inside.event("auth.blocked", outcome="denied")
            inside.mail("security-notice", "ann@example.com", what="password-changed")
            inside.mail("verify-email", "ann@example.com", even_if_refused=True)
            inside.cookies.set("a", "b", max_age=None)
            inside.headers["X"] = "y"
            _ = 1 / 0
    assert [event.event for event in call.events] == ["auth.blocked"]
    assert [letter.kind for letter in call.letters] == ["verify-email"]
    assert call.cookies.changes == {}
    assert call.headers == {}
    await auth.stop()


def test_listeners_hear_what_happens() -> None:
    auth = Auth(Settings(secret=SECRET, environment={}), database=MemoryStore())
    heard: list[Event] = []
    auth.listen(heard.append)
    call = auth.call()
    call.event("note.written")
    assert [event.event for event in heard] == ["note.written"]


async def test_what_is_past_its_time_is_swept_away_and_nothing_else() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        for number in range(3):
            await ann.sign_up(email=f"{number}@example.com")
            await ann.api("/request-password-reset", {"email": f"{number}@example.com"})
            ann.cookies.clear()
        clock.forward(days=6)
        await ann.sign_in(email="0@example.com")
        await ann.api("/request-password-reset", {"email": "0@example.com"})
        clock.forward(days=1)
        assert await auth.sweep() == 3 + 3
        clock.forward(hours=-23.5)
        assert await auth.sweep() == 0
        assert await auth.database.count(Session) == 1
        assert await auth.database.count(Verification) == 0
        assert (await ann.session())["user"]["email"] == "0@example.com"
