"""The account itself: change its data, list and unlink ways to sign in, delete it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from authmw import Auth, Public, User
from authmw.core.errors import InvalidPassword, NoFieldsToUpdate, SessionNotFresh, Unauthorized
from authmw.core.model import Account as AccountRow
from authmw.core.model import Session, Verification
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.features.account import (
    AccountNotFound,
    ConfirmDeletion,
    DeleteUser,
    Deletion,
    LastAccount,
    UnlinkAccount,
    UpdateUser,
    listed,
)
from tests.support import (
    ORIGIN,
    PASSWORD,
    Browser,
    Clock,
    TurnTakingStore,
    browser,
    call_of,
    cookies_set,
    events_of,
    make_auth,
    refused,
    serving,
)

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"


def account_chosen(**more: Any) -> list[Any]:
    return [Password(), EmailVerification(), Account(**more), Sessions()]


async def link(auth: Auth[Any], email: str = ANN, provider: str = "github", **more: Any) -> AccountRow:
    """A further way in, as a provider's sign-in leaves it."""
    user = await auth.database.find(User, email=email)
    assert user is not None
    now = auth.clock()
    return await auth.database.insert(
        AccountRow(
            id=f"{provider}-row",
            account_id="12345",
            provider_id=provider,
            user_id=user.id,
            created_at=now,
            updated_at=now,
            **more,
        )
    )


# Update


async def test_name_and_picture_can_be_changed() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        clock.forward(seconds=1)
        answer = await ann.api("/update-user", {"name": "Ann B.", "image": "/ann.png", "unknown": {"a": 1}})
        assert (answer.status_code, answer.json()) == (200, {"status": True})
        assert list(cookies_set(answer)) == ["better-auth.session_token"]
        user = (await ann.session())["user"]
        assert (user["name"], user["image"], user["updatedAt"]) == ("Ann B.", "/ann.png", "2026-11-25T12:00:01.123Z")
        await ann.api("/update-user", {"image": None})
        assert (await ann.session())["user"]["image"] is None
        assert (await auth[Account].update_user(call_of(ann), UpdateUser(changes={"name": "Z"}))).status
        assert (await ann.session())["user"]["name"] == "Z"


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        ({"email": "x@example.com", "name": 5}, 400, {"message": "Email can not be updated"}),
        ({"name": None}, 400, {"message": "[body.name] Invalid input: expected string, received null"}),
        ({"name": 5}, 400, {"message": "[body.name] Invalid input: expected string, received number"}),
        (
            {"name": ["a"], "image": "javascript:alert(1)"},
            400,
            {
                "message": "[body.name] Invalid input: expected string, received array; "
                "[body.image] Invalid input: expected an https address or a small inline image"
            },
        ),
        ({"name": "n" * 256}, 400, {"message": "[body.name] Too big: expected string to have <=255 characters"}),
        ({}, 400, {"message": "No fields to update"}),
        ({"email": ""}, 400, {"message": "No fields to update"}),
        ({"emailVerified": True, "id": "x", "createdAt": "x"}, 400, {"message": "No fields to update"}),
        ([], 400, {"message": "[body] Invalid input: expected object, received array; [body] Invalid input: expected record, received array"}),
    ],
)  # fmt: skip
async def test_why_a_change_is_refused(body: Any, status: int, answer: Mapping[str, str]) -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        if isinstance(body, dict):  # what has no shape is refused before it is asked who sent it
            refused(await ann.api("/update-user", body), 401, "UNAUTHORIZED")
        await ann.sign_up()
        before = await auth.database.find(User, email=ANN)
        found = await ann.api("/update-user", body)
        assert (found.status_code, found.json()["message"]) == (status, answer["message"])
        assert await auth.database.find(User, email=ANN) == before


async def test_updating_from_python() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        with pytest.raises(NoFieldsToUpdate):
            await auth[Account].update_user(call_of(ann), UpdateUser())
        with pytest.raises(Unauthorized):
            await auth[Account].update_user(auth.call(), UpdateUser(changes={"name": "x"}))


async def test_a_change_keeps_a_session_that_is_not_remembered_so() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up(rememberMe=False)
        answer = await ann.api("/update-user", {"name": "x"})
        assert "Max-Age" not in cookies_set(answer)["better-auth.session_token"]


# List and unlink


async def test_ways_to_sign_in_are_listed_without_their_secrets() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann, browser(auth) as bob:
        refused(await ann.api("/list-accounts"), 401, "UNAUTHORIZED")
        user_id = (await ann.sign_up()).json()["user"]["id"]
        await bob.sign_up(email=BOB)
        clock.forward(seconds=1)
        await link(auth, scope="read:user, ,repo", access_token="s3cr3t", refresh_token="s3cr3t", id_token="s3cr3t")
        answer = await ann.api("/list-accounts")
        credential, github = answer.json()
        assert github == {
            "id": "github-row",
            "providerId": "github",
            "accountId": "12345",
            "userId": user_id,
            "createdAt": "2026-11-25T12:00:01.123Z",
            "updatedAt": "2026-11-25T12:00:01.123Z",
            "scopes": ["read:user", "repo"],
        }
        assert (credential["providerId"], credential["accountId"], credential["scopes"]) == ("credential", user_id, [])
        assert "s3cr3t" not in answer.text
        assert "argon2" not in answer.text
        assert len(await auth[Account].list_accounts(call_of(ann))) == 2


def test_scopes_are_split_trimmed_and_without_empties() -> None:
    clock = Clock()
    row = AccountRow(id="1", account_id="2", provider_id="x", user_id="3", created_at=clock.now, updated_at=clock.now)
    assert listed(row).scopes == []


async def test_a_way_to_sign_in_can_be_removed_but_not_the_last() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        await bob.sign_up(email=BOB)
        (credential,) = (await ann.api("/list-accounts")).json()
        refused(await ann.api("/unlink-account", {}), 400, "VALIDATION_ERROR")
        refused(await ann.api("/unlink-account", {"accountId": credential["id"]}), 400, "FAILED_TO_UNLINK_LAST_ACCOUNT")
        refused(await ann.api("/unlink-account", {"accountId": "unknown"}), 400, "FAILED_TO_UNLINK_LAST_ACCOUNT")
        row = await link(auth)
        await link(auth, BOB, "gitlab")
        for not_hers in ("unknown", "gitlab-row", "12345"):
            refused(await ann.api("/unlink-account", {"accountId": not_hers}), 400, "ACCOUNT_NOT_FOUND")
        with pytest.raises(AccountNotFound):
            await auth[Account].unlink_account(call_of(ann), UnlinkAccount(account_id="gitlab-row"))
        answer = await ann.api("/unlink-account", {"accountId": row.id})
        assert (answer.status_code, answer.json()) == (200, {"status": True})
        with pytest.raises(LastAccount):
            await auth[Account].unlink_account(call_of(ann), UnlinkAccount(account_id=credential["id"]))
        assert await auth.database.find(AccountRow, id="gitlab-row")


async def test_the_last_way_in_can_go_where_the_application_says_so() -> None:
    auth = make_auth(features=account_chosen(unlink_last=True))
    async with serving(auth) as ann:
        await ann.sign_up()
        (credential,) = (await ann.api("/list-accounts")).json()
        assert (await ann.api("/unlink-account", {"accountId": credential["id"]})).status_code == 200


async def test_of_two_removals_at_once_one_leaves_a_way_in() -> None:
    auth = make_auth(database=TurnTakingStore())
    async with serving(auth) as ann:
        await ann.sign_up()
        await link(auth)
        rows = (await ann.api("/list-accounts")).json()
        answers = await asyncio.gather(*(ann.api("/unlink-account", {"accountId": row["id"]}) for row in rows))
        assert sorted(answer.status_code for answer in answers) == [200, 400]
        assert await auth.database.count(AccountRow) == 1


async def test_removing_needs_a_fresh_session() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        refused(await ann.api("/unlink-account", {"accountId": "x"}), 401, "UNAUTHORIZED")
        await ann.sign_up()
        row = await link(auth)
        clock.forward(days=1)
        refused(await ann.api("/unlink-account", {"accountId": row.id}), 403, "SESSION_NOT_FRESH")
        with pytest.raises(SessionNotFresh):
            await auth[Account].unlink_account(call_of(ann), UnlinkAccount(account_id=row.id))
        await ann.sign_in()
        assert (await ann.api("/unlink-account", {"accountId": row.id})).status_code == 200


# Delete


async def nothing_left(auth: Auth[Any]) -> None:
    for table in (User, Session, AccountRow, Verification):
        assert await auth.database.count(table) == 0, table


@pytest.mark.parametrize("body", [None, {}, {"password": PASSWORD}])
async def test_deleting_takes_everything_and_tells_the_owner(body: Any) -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as elsewhere:
        await ann.sign_up()
        await elsewhere.sign_in()
        await link(auth)
        await ann.api("/request-password-reset", {"email": ANN})
        answer = await (ann.post("/api/auth/delete-user") if body is None else ann.api("/delete-user", body))
        assert (answer.status_code, answer.json()) == (200, {"success": True, "message": "User deleted"})
        assert cookies_set(answer)["better-auth.session_token"].startswith("; Max-Age=0")
        assert await elsewhere.session() is None
        await nothing_left(auth)
        notice = (await ann.mail()).last("security-notice")
        assert (notice.to, notice.subject) == (ANN, "Your account was deleted")
        refused(await ann.sign_in(), 401, "INVALID_EMAIL_OR_PASSWORD")
    assert "user.deleted" in {event.event for event in events_of(auth)}


async def test_why_deleting_is_refused() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        refused(await ann.api("/delete-user", {}), 401, "UNAUTHORIZED")
        await ann.sign_up()
        refused(await ann.api("/delete-user", {"password": 5}), 400, "VALIDATION_ERROR")
        refused(await ann.api("/delete-user", {"password": "wrong", "token": "x"}), 400, "INVALID_PASSWORD")
        refused(await ann.api("/delete-user", {"token": "x"}), 404, "INVALID_TOKEN")
        clock.forward(days=1)
        refused(await ann.api("/delete-user", {}), 400, "SESSION_EXPIRED")
        with pytest.raises(InvalidPassword):
            await auth[Account].delete_user(call_of(ann), DeleteUser(password="wrong"))
        await link(auth)
        await auth.database.delete(AccountRow, provider_id="credential")
        refused(await ann.api("/delete-user", {"password": PASSWORD}), 400, "CREDENTIAL_ACCOUNT_NOT_FOUND")
        assert await auth.database.count(User) == 1
        await ann.api("/request-password-reset", {"email": ANN})


async def test_with_the_password_an_old_session_is_enough() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        clock.forward(days=1)
        assert (await ann.api("/delete-user", {"password": PASSWORD})).status_code == 200
        await nothing_left(auth)


async def test_deletion_can_be_taken_away() -> None:
    auth = make_auth(features=account_chosen(delete_user=False))
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await ann.api("/delete-user", {"password": PASSWORD})
        assert (answer.status_code, answer.content) == (404, b"")
        answer = await ann.api("/delete-user/callback?token=x")
        assert (answer.status_code, answer.json()) == (404, {"message": "Not found", "code": "NOT_FOUND"})
        assert await auth.database.count(User) == 1


async def asked_to_delete(ann: Browser, **more: str) -> str:
    answer = await ann.api("/delete-user", more)
    assert answer.json() == {"success": True, "message": "Verification email sent"}
    token: str = (await ann.mail()).last("delete-account").context["token"]
    return token


@pytest.mark.parametrize("way", ["link", "link with a way back", "body", "python"])
async def test_deleting_can_ask_by_mail_first(way: str) -> None:
    auth = make_auth(features=account_chosen(confirm_delete=True))
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await asked_to_delete(ann, callbackURL="/bye")
        message = (await ann.mail()).last("delete-account")
        assert message.to == ANN
        assert message.context["url"] == f"{ORIGIN}/auth/settings/delete?token={token}&next=%2Fbye"
        assert len(token) == 32
        assert await auth.database.count(User) == 1, "not yet"
        if way == "python":
            done = await auth[Account].confirm_deletion(call_of(ann), ConfirmDeletion(token=token))
            assert done == Deletion()
        elif way == "body":
            answer = await ann.api("/delete-user", {"token": token})
            assert answer.json() == {"success": True, "message": "User deleted"}
        elif way == "link":
            answer = await ann.api(f"/delete-user/callback?token={token}")
            assert answer.json() == {"success": True, "message": "User deleted"}
        else:
            answer = await ann.api(f"/delete-user/callback?token={token}&callbackURL=/bye")
            assert (answer.status_code, answer.headers["location"]) == (302, "/bye")
            assert await ann.session() is None
        await nothing_left(auth)


async def test_without_screens_the_deletion_link_is_the_api_s_own() -> None:
    auth = make_auth(features=account_chosen(confirm_delete=True), confirm_links=False)
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await asked_to_delete(ann, callbackURL="/bye")
        link = (await ann.mail()).last("delete-account").context["url"]
        assert link == f"{ORIGIN}/api/auth/delete-user/callback?token={token}&callbackURL=%2Fbye"
        answer = await ann.get(link)
        assert (answer.status_code, answer.headers["location"]) == (302, "/bye")
        await nothing_left(auth)


async def test_a_deletion_link_is_for_its_owner_signed_in_once_and_in_time() -> None:
    clock = Clock()
    auth = make_auth(features=account_chosen(confirm_delete=True), clock=clock)
    path = "/delete-user/callback?token="
    async with serving(auth) as ann, browser(auth) as bob, browser(auth) as nobody:
        await ann.sign_up()
        await bob.sign_up(email=BOB)
        token = await asked_to_delete(ann)
        refused(await nobody.api(path + token), 404, "FAILED_TO_GET_USER_INFO")
        refused(await ann.api("/delete-user/callback"), 400, "VALIDATION_ERROR")
        evil = await ann.api(path + token + "&callbackURL=https://evil.example")
        refused(evil, 403, "INVALID_CALLBACK_URL")
        refused(await bob.api(path + token), 404, "INVALID_TOKEN")
        refused(await ann.api(path + token), 404, "INVALID_TOKEN")  # burnt in the wrong hands
        token = await asked_to_delete(ann)
        newer = await asked_to_delete(ann)
        refused(await ann.api(path + token), 404, "INVALID_TOKEN")
        clock.forward(days=1)
        await ann.sign_in()
        refused(await ann.api(path + newer), 404, "INVALID_TOKEN")
        assert await auth.database.count(User) == 2


@dataclass(frozen=True, kw_only=True)
class Climber(User):
    """A person with a number of the application's own."""

    level: int = field(default=0, metadata=Public())


@pytest.mark.parametrize("level", [2**31, -(2**31) - 1, 2**53, 10**30])
async def test_a_number_that_no_column_holds_is_a_wrong_input(level: int) -> None:
    auth = make_auth(user_type=Climber)
    async with serving(auth) as ann:
        refused(await ann.sign_up(level=level), 400, "VALIDATION_ERROR")
        await ann.sign_up(level=2**31 - 1)
        refused(await ann.api("/update-user", {"level": level}), 400, "VALIDATION_ERROR")
        assert (await ann.session())["user"]["level"] == 2**31 - 1
