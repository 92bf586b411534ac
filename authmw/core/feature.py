"""Feature and Screen: the one shape of everything an application switches on."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .call import Call, Connection, SignedIn
from .errors import AuthError
from .model import U, User
from .operation import Operation, StepRequired, operation_of
from .schema import Row
from .sessions import Client

Handler = Callable[..., Awaitable[Any]]


def N_(text: str) -> str:
    """Mark a sentence for the catalogue, where it stands; it is translated where it is shown. `make words` finds it."""
    return text


@dataclass(frozen=True, kw_only=True)
class Screen:
    """A page of the user interface, declared: there is no view code per screen.

    `submits` is the operation that the form calls; `others` are further forms on the page, by the value of
    their field `with`. `loads` brings what the page shows: `(self, call, Visit) -> data`.
    """

    path: str
    template: str
    submits: Handler | None = None
    others: Mapping[str, Handler] = field(default_factory=dict)
    loads: Handler | None = None
    title: str = ""
    entrance: bool = False
    """For people who are not signed in; others are sent on."""
    private: bool = False
    """For people who are signed in; others are sent to sign in first."""
    fresh: bool = False
    """Private, and only shortly after signing in; others are asked to confirm first that it is them."""
    renews: bool = False
    """Here people confirm that it is them; who did so a moment ago is sent on."""
    nav: str = ""
    """Its name in the account's navigation."""
    well_known: str = ""
    """Password managers find it as `/.well-known/<this>`, which leads here."""
    checkboxes: tuple[str, ...] = ()
    """Fields that a browser leaves out when they are not ticked."""
    files: tuple[str, ...] = ()
    """Fields that are files; the form is then sent as `multipart/form-data`, and larger than others."""
    asked: str = ""
    """The notice for people who were sent here on their way to somewhere else."""
    secrets: tuple[str, ...] = ("password", "newPassword", "currentPassword", "code")
    """What was typed here is never shown again."""
    requires: tuple[str, ...] = ()
    """Fields that must be filled in here although the operation can do without."""
    takes_token: bool = False
    """Opened from mail with `?token=`, which moves into a cookie so that the address is clean."""
    notice: str = ""
    """Said after success: on this page, or on the page that comes next. A key of the catalogue."""
    notices: Mapping[str, str] = field(default_factory=dict)
    """The notice of each of the `others`, or of each place in `then`, where it is another."""
    then: tuple[str, ...] = ()
    """Where success leads: the first of these screens that is switched on; "next" is where the person came from,
    "sign-out" where the application sends people who leave; nothing: the same screen, with the notice."""
    expired: str = ""
    """The screen on which a new link can be asked for, when the one in hand is spent or too old."""
    states: tuple[str, ...] = ("fresh",)
    """What people can meet here, by the names that the browser tests visit: whoever adds a state adds the way there."""

    @property
    def is_private(self) -> bool:
        return self.private or self.fresh


@dataclass(frozen=True, kw_only=True)
class Join:
    """A further button in the form of another feature's screen: `path` names the screen, `name` is what the button
    sends as `with`. The template of that screen shows it where `page.has(feature)`."""

    path: str
    name: str
    submits: Handler
    then: tuple[str, ...] = ()
    notice: str = ""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What a loading operation may know of the visit to its screen."""

    query: Mapping[str, str]
    token: str | None
    email: str
    """The address that was typed last in this browser, or ""."""


class Feature:
    """Something an application switches on by listing it. Every part and hook is optional.

    Hooks are called in the order of the application's list, each from one line of core or web.
    """

    tables: Sequence[type[Row]] = ()
    user_fields: ClassVar[type[User] | None] = None
    """A subclass of User that the application's user type must have among its bases."""
    screens: ClassVar[Sequence[Screen]] = ()
    joins: ClassVar[Sequence[Join]] = ()
    refusals: ClassVar[Mapping[str, Sequence[type[AuthError]]]] = {}
    """What its hooks raise, for documents: `{"next_step": (EmailNotVerified,)}`. Of before, check_password,
    user_created, next_step and signed_in is known where they are asked."""
    keeps_several: bool = False
    """Several people may be signed in in one browser."""
    answers: Mapping[str, Any] = {}
    """Where it changes what another feature's operation answers, the type: `{"GET /get-session": Told | None}`."""
    hides_accounts: bool = False
    """Signing up says the same for a new and a taken address, as nobody is signed in by it."""

    @property
    def name(self) -> str:
        """`MagicLink` → `magic_link`: the name of its module, its templates and its tests."""
        letters = [f"_{char.lower()}" if char.isupper() else char for char in type(self).__name__]
        return "".join(letters).lstrip("_")

    def offers(self, screen: Screen) -> bool:
        """Is this screen open? A closed one says so, and no other screen leads to it."""
        return True

    def operations(self) -> list[Operation]:
        methods = (getattr(self, name) for name, _ in inspect.getmembers(type(self), inspect.iscoroutinefunction))
        return [found for method in methods if (found := operation_of(method))]

    async def next_step(self, call: Call[U], user: U, methods: Sequence[str]) -> StepRequired | None:
        """A proof was given, there is no session yet: return what else is asked, raise to refuse, or None."""
        return None

    async def before(self, call: Call[U], route: str) -> None:
        """Any operation is about to run for a client; raise to refuse."""

    async def after(self, call: Call[U], route: str) -> None:
        """Any operation has run for a client: cookies and headers may still be added to its answer."""

    async def check_password(self, call: Call[U], password: str) -> None:
        """A password is being set; raise to refuse it."""

    def session_token(self, call: Call[U], connection: Connection) -> str | None:
        """The session token that this request brings by other means than the cookie, which then counts for nothing.

        The first answer wins. Whoever answers has seen that it is ours, or leaves that to the look-up."""
        return None

    def keeps(self, call: Call[U], token: str) -> bool:
        """Does this browser keep the session of `token`, when somebody else signs in in it?"""
        return False

    async def who(self, call: Call[U], connection: Connection) -> SignedIn[U] | None:
        """Who makes this request to the application, by other means than a session token? The first answer wins.

        It is worth as much as a cookie that was told: no guard but "session" takes it, and none of our own routes."""
        return None

    async def signed_in(self, call: Call[U], signed_in: SignedIn[U]) -> None:
        """A session was just made."""

    async def session_read(self, call: Call[U], signed_in: SignedIn[U], answer: dict[str, Any]) -> None:
        """A session is being answered to a client as `answer`, which may be added to."""

    async def clients(self, call: Call[U], user: U) -> Sequence[Client]:
        """What else acts as this person beside their browsers: they see it among their sessions."""
        return ()

    async def end_client(self, call: Call[U], user: U, handle: str) -> bool:
        """End one of these, of this person. False where it is none of them."""
        return False

    async def user_created(self, call: Call[U], user: U) -> None:
        """Inside the transaction that makes the user."""

    async def user_deleted(self, call: Call[U], user: U) -> None:
        """Inside the transaction that deletes the user."""

    async def stop(self) -> None:
        """The application stops: close what was opened."""

    async def forget_unproved(self, call: Call[U], user: U) -> None:
        """The address is proved for the first time: drop whatever an impostor may have planted (SEC-081)."""


def overrides(feature: Feature, hook: str) -> bool:
    """Does `feature` do anything at `hook`? What nobody listens to is not asked."""
    return getattr(type(feature), hook) is not getattr(Feature, hook)
