"""A cookie that scripts can read says how this browser signed in last; a field of the user may say it too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from authmw import Auth, Call, ConfigurationError, User
from authmw.core.feature import Feature
from authmw.core.model import U
from authmw.core.operation import Done, NoInput, operation
from authmw.core.sign_in import continue_sign_in
from authmw.features import LastLoginMethod, Password, Sessions
from authmw.features.last_login_method import WithLastLoginMethod, method_of
from tests.support import cookies_set, make_auth, refused, serving

pytestmark = pytest.mark.anyio

COOKIE = "better-auth.last_used_login_method"


@dataclass(frozen=True, kw_only=True)
class Member(WithLastLoginMethod):
    pass


class MagicDoor(Feature):
    """Lets the first person in, by the route of another feature."""

    refusals: ClassVar = {}

    @operation("POST", "/magic-link/verify", starts_session=True)
    async def enter(self, call: Call[U], input: NoInput = NoInput()) -> Done:
        """Let somebody in."""
        (user, *_) = await call.store.find_all(call.auth.user_type)
        await continue_sign_in(call, user, proved_by="magic-link")
        return Done()


def telling(*features: Feature, user_type: type[Any] = User, **options: Any) -> Auth[Any]:
    more = {key: options.pop(key) for key in ("base_url", "cookie_prefix") if key in options}
    return make_auth(
        features=[Password(), Sessions(), *features, LastLoginMethod(**options)], user_type=user_type, **more
    )


async def test_the_cookie_is_as_the_wire_has_it() -> None:
    async with serving(telling()) as ann:
        signed_up = await ann.sign_up()
        assert cookies_set(signed_up)[COOKIE] == "email; Max-Age=2592000; Path=/; SameSite=Lax"
        assert cookies_set(await ann.sign_in())[COOKIE] == "email; Max-Age=2592000; Path=/; SameSite=Lax"


async def test_its_name_is_the_same_where_others_get_a_prefix() -> None:
    async with serving(telling(base_url="https://app.example.com", cookie_prefix="mine")) as ann:
        cookies = cookies_set(await ann.sign_up())
        assert cookies[COOKIE] == "email; Max-Age=2592000; Path=/; Secure; SameSite=Lax"
        assert "__Secure-mine.session_token" in cookies


@pytest.mark.sec("SEC-040")
async def test_the_session_stays_hidden_from_scripts() -> None:
    async with serving(telling()) as ann:
        assert "HttpOnly" in cookies_set(await ann.sign_up())["better-auth.session_token"]


async def test_what_signs_nobody_in_says_nothing() -> None:
    async with serving(telling()) as ann:
        await ann.sign_up()
        for answer in (
            await ann.api("/get-session"),
            await ann.sign_in(password="wrong, quite wrong"),
            await ann.sign_in("nobody@example.com"),
            await ann.api("/sign-out", {}),
        ):
            assert COOKIE not in cookies_set(answer)


async def test_another_method_takes_its_place() -> None:
    async with serving(telling(MagicDoor())) as ann:
        await ann.sign_up()
        assert cookies_set(await ann.api("/magic-link/verify", {}))[COOKIE].startswith("magic-link;")


@pytest.mark.parametrize(
    ("route", "method"),
    [
        ("/sign-in/email", "email"),
        ("/sign-up/email", "email"),
        ("/siwe/verify", "siwe"),
        ("/passkey/verify-authentication", "passkey"),
        ("/magic-link/verify", "magic-link"),
        ("/sign-in/email-otp", None),
        ("/sign-in/username", None),
        ("/sign-in/phone-number", None),
        ("/sign-in/anonymous", None),
        ("/sign-in/social", None),
        ("/one-tap/callback", None),
        ("/sign-in/magic-link", None),
        ("/passkey/verify-registration", None),
        ("/sign-out", None),
        ("", None),
    ],
)
def test_the_method_of_a_route(route: str, method: str | None) -> None:
    assert method_of(route) == method


async def test_the_application_may_name_methods() -> None:
    def resolve(call: Call[Any], route: str) -> str | None:
        return "the garden; door" if route == "/sign-up/email" else None

    async with serving(telling(resolve=resolve)) as ann:
        assert cookies_set(await ann.sign_up())[COOKIE].startswith("the%20garden%3B%20door;")
        assert cookies_set(await ann.sign_in())[COOKIE].startswith("email;")


async def test_a_name_and_a_time_of_ones_own() -> None:
    async with serving(telling(cookie_name="last", max_age=timedelta(hours=1))) as ann:
        assert cookies_set(await ann.sign_up())["last"] == "email; Max-Age=3600; Path=/; SameSite=Lax"


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "a\r\nb", "é"])
def test_what_is_no_name_of_a_cookie_stops_the_start(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cookie_name"):
        LastLoginMethod(cookie_name=name)


@pytest.mark.parametrize("says", [False, RuntimeError("no answer")])
async def test_who_has_not_agreed_gets_no_cookie_and_is_signed_in(says: Any) -> None:
    asked: list[str] = []

    async def may_store(call: Call[Any], method: str) -> bool:
        asked.append(method)
        if isinstance(says, Exception):
            raise says
        return bool(says)

    async with serving(telling(may_store_cookie=may_store)) as ann:
        signed_up = await ann.sign_up()
        assert signed_up.status_code == 200 and COOKIE not in cookies_set(signed_up)
        assert asked == ["email"] and await ann.session() is not None


# In the database


async def test_the_users_row_says_it_where_it_has_the_field() -> None:
    auth = telling(MagicDoor(), user_type=Member)
    async with serving(auth) as ann:
        await ann.sign_up()
        assert (await ann.session())["user"]["lastLoginMethod"] == "email"
        await ann.api("/magic-link/verify", {})
        assert (await ann.session())["user"]["lastLoginMethod"] == "magic-link"
        (row,) = await auth.database.find_all(Member)
        assert row.last_login_method == "magic-link"


async def test_a_user_who_is_not_signed_in_yet_has_it_as_well() -> None:
    auth = make_auth(features=[Password(auto_sign_in=False), LastLoginMethod()], user_type=Member)
    async with serving(auth) as ann:
        answer = await ann.sign_up()
        assert answer.json()["token"] is None and COOKIE not in cookies_set(answer)
        (row,) = await auth.database.find_all(Member)
        assert row.last_login_method == "email"


async def test_clients_cannot_set_it() -> None:
    auth = telling(user_type=Member)
    async with serving(auth) as ann:
        refused(await ann.sign_up(lastLoginMethod="passkey"), 400, "FIELD_NOT_ALLOWED")
        await ann.sign_up()
        refused(await ann.api("/update-user", {"lastLoginMethod": "passkey"}), 400, "FIELD_NOT_ALLOWED")


async def test_screens_keep_it_in_the_row() -> None:
    auth = telling(user_type=Member)
    async with serving(auth) as ann:
        await ann.submit("/sign-up", name="Ann", email="ann@example.com", password="correct horse battery")
        (row,) = await auth.database.find_all(Member)
        assert row.last_login_method == "email"
