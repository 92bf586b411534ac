"""Sign up and in with an address and a password; reset, change, verify it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import httpx2
import pytest

from authmw import Auth, AuthError, Call, Feature, SignedIn, StepRequired, User
from authmw.core.accounts import EmailTaken
from authmw.core.errors import InvalidPassword, InvalidToken, ServiceUnavailable, Unauthorized
from authmw.core.model import Account as AccountRow
from authmw.core.model import Session, U
from authmw.core.passwords import PasswordTooLong, PasswordTooShort
from authmw.core.secrets import digest
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.features.account import DeleteUser
from authmw.features.password import (
    ChangePassword,
    InvalidEmailOrPassword,
    PasswordAlreadySet,
    RequestReset,
    ResetPassword,
    SetPassword,
    SignedUp,
    SignIn,
    SignInAnswer,
    SignUp,
    VerifyPassword,
)
from authmw.stores.memory import MemoryStore
from tests.support import (
    ORIGIN,
    PASSWORD,
    Browser,
    Clock,
    TurnTakingStore,
    alike,
    browser,
    call_of,
    cookies_set,
    count_hashes,
    events_of,
    make_auth,
    plain_app,
    refused,
    serving,
)

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"
NEW = "a brand new password"
SCRYPT = (  # of "password123": wire-core 2.13
    "0ad09e30a03cbfff5b7828cbd3586b67:ca14519f850bf62f908619f743260dd17196d713e527a121ed51e68ebf15300b"
    "ceadd06cc93f542250d5cd027f6bdcaa3861fed7c1ce3fcce3995bfc3c051270"
)
TOKEN_COOKIE = "better-auth.session_token"


async def ann_of(auth: Auth[Any]) -> Any:
    return await auth.database.find(User, email=ANN)


async def account_of(auth: Auth[Any], email: str = ANN) -> AccountRow:
    user = await auth.database.find(User, email=email)
    assert user is not None
    (account,) = await auth.database.find_all(AccountRow, user_id=user.id)
    return account


async def verify_ann(auth: Auth[Any]) -> None:
    await auth.database.update(User, {"email": ANN}, email_verified=True)


async def without_password(auth: Auth[Any], email: str = "bare@example.com") -> None:
    """Somebody who signs in by other means."""
    now = auth.clock()
    await auth.database.insert(User(id="bare", name="Bare", email=email, created_at=now, updated_at=now))


async def reset_token(person: Browser, email: str = ANN) -> str:
    assert (await person.api("/request-password-reset", {"email": email})).status_code == 200
    token: str = (await person.mail()).last("reset-password").context["token"]
    return token


# Sign up


async def test_signing_up_signs_in_and_is_remembered_by_the_cookie() -> None:
    async with serving(make_auth()) as ann:
        answer = await ann.sign_up(email="Ann@Example.com")
        assert answer.status_code == 200
        assert answer.json()["user"]["email"] == ANN
        assert (await ann.get("/me")).json()["email"] == ANN


async def test_the_answer_to_signing_up_has_the_wires_shape() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        answer = await ann.sign_up(image="https://example.com/ann.png")
        user = await ann_of(auth)
        body = answer.json()
        assert len(body["token"]) == 32
        assert body["user"] == {
            "id": user.id,
            "name": "Ann",
            "email": ANN,
            "emailVerified": False,
            "image": "https://example.com/ann.png",
            "createdAt": "2026-11-25T12:00:00.123Z",
            "updatedAt": "2026-11-25T12:00:00.123Z",
        }
        assert set(body) == {"token", "user"}
        assert answer.headers["cache-control"] == "no-store"
        cookie = cookies_set(answer)
        assert list(cookie) == [TOKEN_COOKIE]
        value, _, attributes = cookie[TOKEN_COOKIE].partition("; ")
        assert attributes == "Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
        assert value.startswith(body["token"] + ".")
        account = await account_of(auth)
        assert (account.provider_id, account.account_id) == ("credential", user.id)


async def test_a_name_may_be_empty_and_an_international_host_is_stored_as_sent() -> None:
    async with serving(make_auth()) as ann:
        answer = await ann.sign_up(email="a@xn--bcher-kva.example", name="")
        assert answer.json()["user"]["email"] == "a@xn--bcher-kva.example"


async def test_signing_up_with_a_form() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        form = {"name": "Ann", "email": ANN, "password": PASSWORD}
        assert (await ann.post("/api/auth/sign-up/email", data=form)).status_code == 200
        answer = await ann.post("/api/auth/sign-in/email", data={"email": ANN, "password": PASSWORD})
        assert answer.status_code == 200
        answer = await ann.post(
            "/api/auth/sign-in/email", data={"email": ANN, "password": PASSWORD, "rememberMe": "false"}
        )
        refused(answer, 400, "VALIDATION_ERROR")


async def test_signing_up_from_python() -> None:
    auth = make_auth()
    await auth.start()
    answer = await auth[Password].sign_up(auth.call(), SignUp(name="Ann", email=ANN, password=PASSWORD))
    assert isinstance(answer, SignedUp)
    assert answer.user.email == ANN
    assert answer.token is not None
    assert await auth.database.find(Session, token=digest(answer.token))
    with pytest.raises(EmailTaken):
        await auth[Password].sign_up(auth.call(), SignUp(name="Ann", email=ANN, password=PASSWORD))
    await auth.stop()


@pytest.mark.parametrize(
    ("feature", "change", "status", "code"),
    [
        # In the order of the wire (1.1): each row has all the faults of the rows below it.
        (Password(sign_up=False), {"password": "short"}, 400, "EMAIL_PASSWORD_SIGN_UP_DISABLED"),
        (Password(), {"password": "short"}, 400, "PASSWORD_TOO_SHORT"),
        (Password(), {"password": "p" * 129}, 400, "PASSWORD_TOO_LONG"),
        (Password(), {}, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        (Password(), {"email": "ANN@EXAMPLE.COM"}, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
    ],
)
async def test_why_signing_up_is_refused(feature: Password, change: dict[str, str], status: int, code: str) -> None:
    auth = make_auth(features=[feature, EmailVerification()])
    now = auth.clock()
    await auth.database.insert(User(id="u", name="Ann", email=ANN, created_at=now, updated_at=now))
    async with serving(auth) as somebody:
        answer = await somebody.api("/sign-up/email", {"name": "", "email": ANN, "password": PASSWORD, **change})
        refused(answer, status, code)
        assert "set-cookie" not in answer.headers
        assert await auth.database.count(User) == 1
        assert await auth.database.count(AccountRow) == 0
        assert (await somebody.mail()).messages == []


async def test_of_two_who_sign_up_with_one_address_at_once_one_is_told_it_is_taken() -> None:
    import asyncio

    auth = make_auth(database=TurnTakingStore())
    async with serving(auth) as ann, browser(auth) as bob:
        answers = await asyncio.gather(ann.sign_up(), bob.sign_up())
        assert sorted(answer.status_code for answer in answers) == [200, 422]
        assert await auth.database.count(User) == 1
        assert await auth.database.count(AccountRow) == 1


def shape(answer: httpx2.Response) -> Any:
    """All of an answer but the random id, which stands for itself by its length."""
    body = answer.json()
    body["user"]["id"] = len(body["user"]["id"])
    headers = [(name, value) for name, value in answer.headers.raw if name != b"content-length"]
    return answer.status_code, headers, body, list(body["user"])


@pytest.mark.sec("SEC-060")
@pytest.mark.parametrize(
    "features",
    [
        [Password(), EmailVerification(required=True)],
        [Password(auto_sign_in=False), EmailVerification()],
        [Password(auto_sign_in=False)],
    ],
)
async def test_where_nobody_is_signed_in_a_taken_address_answers_like_a_new_one(features: Sequence[Feature]) -> None:
    auth = make_auth(features=features)
    hashes = count_hashes(auth)
    async with serving(auth) as ann, browser(auth) as eve:
        first = await ann.sign_up(name="Same", image="/same.png")
        after_first = len(hashes)
        again = await eve.sign_up(name="Same", image="/same.png")
        assert shape(first) == shape(again)
        assert len(first.content) == len(again.content)
        assert first.json()["token"] is None
        assert "set-cookie" not in again.headers
        assert first.json()["user"]["id"] != again.json()["user"]["id"]
        assert (after_first, len(hashes)) == (1, 2), "the same work"
        outbox = await ann.mail()
        (letter,) = outbox.of("reset-password")
        assert letter.to == ANN, "nobody proved the address yet: this letter drops what an impostor may have planted"
        assert await auth.database.count(User) == 1
        await auth.database.update(User, {"email": ANN}, email_verified=True)
        assert shape(await eve.sign_up(name="Same", image="/same.png")) == shape(first)
        (notice,) = (await ann.mail()).of("security-notice")
        assert notice.to == ANN, "the owner is told"
        assert notice.subject == "You already have an account"
        assert await auth.database.count(User) == 1
        assert await ann.session() is None
        refused(await eve.sign_up(password="short"), 400, "PASSWORD_TOO_SHORT")


@pytest.mark.sec("SEC-060")
async def test_a_race_for_an_address_does_not_tell_either() -> None:
    import asyncio

    auth = make_auth(features=[Password(auto_sign_in=False)], database=TurnTakingStore())
    async with serving(auth) as ann, browser(auth) as eve:
        first, again = await asyncio.gather(ann.sign_up(), eve.sign_up())
        assert shape(first) == shape(again)
        assert await auth.database.count(User) == 1
        assert len((await ann.mail()).of("reset-password")) == 1


# Sign in


async def test_signing_in_answers_in_the_wires_shape() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        user = (await ann.sign_up()).json()["user"]
        answer = await ann.sign_in(email="ANN@example.com")
        body = answer.json()
        assert (answer.status_code, body["redirect"], body["user"]) == (200, False, user)
        assert set(body) == {"redirect", "token", "user"}
        answer = await ann.sign_in(callbackURL="/next")
        assert answer.json()["url"] == "/next"
        assert answer.json()["redirect"] is True
        assert answer.headers["location"] == "/next"


@pytest.mark.parametrize(
    ("email", "password", "status", "code"),
    [
        ("ann", PASSWORD, 400, "INVALID_EMAIL"),
        ("ann@example.com\x00", PASSWORD, 400, "INVALID_EMAIL"),
        ("\u212ann@example.com", PASSWORD, 400, "INVALID_EMAIL"),
        ("a@b.co\r\nBcc: x@y.z", PASSWORD, 400, "INVALID_EMAIL"),
        (ANN, "p" * 129, 400, "PASSWORD_TOO_LONG"),
        (ANN, "wrong", 401, "INVALID_EMAIL_OR_PASSWORD"),
        (ANN, "", 401, "INVALID_EMAIL_OR_PASSWORD"),
        (ANN, PASSWORD + " ", 401, "INVALID_EMAIL_OR_PASSWORD"),
        (ANN, PASSWORD.upper(), 401, "INVALID_EMAIL_OR_PASSWORD"),
        ("nobody@example.com", PASSWORD, 401, "INVALID_EMAIL_OR_PASSWORD"),
        (ANN, "\x00", 400, "VALIDATION_ERROR"),
    ],
)
async def test_why_signing_in_is_refused(email: str, password: str, status: int, code: str) -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as eve:
        await ann.sign_up()
        answer = await eve.sign_in(email=email, password=password)
        refused(answer, status, code)
        assert "set-cookie" not in answer.headers
        assert await auth.database.count(Session) == 1


async def test_signing_in_from_python() -> None:
    auth = make_auth()
    await auth.start()
    await auth[Password].sign_up(auth.call(), SignUp(name="Ann", email=ANN, password=PASSWORD))
    call = auth.call()
    answer = await auth[Password].sign_in(call, SignIn(email=ANN, password=PASSWORD))
    assert isinstance(answer, SignInAnswer)
    assert call.signed_in.session.token == answer.token
    assert [change.name for change in call.cookies.changes.values()] == [TOKEN_COOKIE]
    with pytest.raises(InvalidEmailOrPassword):
        await auth[Password].sign_in(auth.call(), SignIn(email=ANN, password="wrong"))
    await auth.stop()


@pytest.mark.sec("SEC-060")
@pytest.mark.sec("SEC-007")
@pytest.mark.parametrize("required", [False, True])
async def test_whatever_is_wrong_signing_in_answers_alike_after_the_same_work(required: bool) -> None:
    auth = make_auth(features=[Password(), EmailVerification(required=required)])
    async with serving(auth) as ann, browser(auth) as eve:
        await ann.sign_up()
        await without_password(auth)
        now = auth.clock()
        await auth.database.insert(User(id="odd", name="", email="odd@example.com", created_at=now, updated_at=now))
        await auth.database.insert(
            AccountRow(
                id="odd", account_id="odd", provider_id="credential", user_id="odd", created_at=now, updated_at=now
            )
        )
        before = len((await ann.mail()).messages)
        answers = []
        for email in (ANN, "nobody@example.com", "bare@example.com", "odd@example.com"):
            hashes = count_hashes(auth)
            answers.append(await eve.sign_in(email=email, password="a wrong password"))
            assert len(hashes) == 1, email
        alike(*answers)
        refused(answers[0], 401, "INVALID_EMAIL_OR_PASSWORD")
        assert len((await ann.mail()).messages) == before


async def test_not_remembered_is_a_browser_session_of_a_day_that_is_never_renewed() -> None:
    clock = Clock()
    auth = make_auth(clock=clock, session_refresh_after=timedelta(0))
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await ann.sign_in(rememberMe=False)
        cookies = cookies_set(answer)
        assert list(cookies) == [TOKEN_COOKIE, "better-auth.dont_remember"]
        assert all("Max-Age" not in each for each in cookies.values())
        session = (await ann.session())["session"]
        assert session["expiresAt"] == "2026-11-26T12:00:00.123Z"
        clock.forward(hours=23)
        answer = await ann.api("/get-session")
        assert answer.json()["session"] == session
        assert "set-cookie" not in answer.headers
        clock.forward(hours=1)
        assert await ann.session() is None
        # A later choice to be remembered undoes the earlier one.
        await ann.sign_in(rememberMe=False)
        assert cookies_set(await ann.sign_in())["better-auth.dont_remember"].startswith("; Max-Age=0")
        clock.forward(days=2)
        assert (await ann.session())["session"]["expiresAt"] == "2026-12-05T12:00:00.123Z"


@pytest.mark.sec("SEC-040")
async def test_a_token_that_came_with_the_request_is_never_adopted() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as eve:
        await eve.sign_up(email="eve@example.com")
        planted = eve.cookies[TOKEN_COOKIE]
        answer = await ann.post(
            "/api/auth/sign-up/email",
            json={"name": "Ann", "email": ANN, "password": PASSWORD},
            headers={"cookie": f"{TOKEN_COOKIE}={planted}"},
        )
        assert answer.status_code == 200
        assert not planted.startswith(answer.json()["token"])
        # Whoever planted it is nobody now, and not Ann.
        assert await eve.session() is None
        assert (await eve.get("/me")).json() is None
        assert (await ann.session())["user"]["email"] == ANN


@pytest.mark.sec("SEC-040")
async def test_signing_in_again_ends_the_session_this_browser_had() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as copy:
        await ann.sign_up()
        copy.cookies.update(ann.cookies)
        assert await copy.session()
        await ann.sign_in()
        assert await copy.session() is None
        assert await auth.database.count(Session) == 1


@pytest.mark.sec("SEC-046")
async def test_the_hundred_and_first_session_ends_the_oldest() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        first = (await ann.sign_up()).json()["token"]
        second = None
        for _ in range(99):
            clock.forward(seconds=1)
            answer = await auth[Password].sign_in(auth.call(), SignIn(email=ANN, password=PASSWORD))
            assert isinstance(answer, SignInAnswer)
            second = second or answer.token
        assert await auth.database.count(Session) == 100
        assert await ann.session()
        clock.forward(seconds=1)
        await auth[Password].sign_in(auth.call(), SignIn(email=ANN, password=PASSWORD))
        assert await auth.database.count(Session) == 100
        assert await ann.session() is None
        assert await auth.database.find(Session, token=digest(first)) is None
        assert await auth.database.find(Session, token=digest(str(second)))


# Hashes of other formats


@pytest.mark.sec("SEC-002")
async def test_a_hash_of_another_format_is_replaced_after_a_good_sign_in() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        account = await account_of(auth)
        await auth.database.update(AccountRow, {"id": account.id}, password=SCRYPT)
        refused(await ann.sign_in(password="wrong"), 401, "INVALID_EMAIL_OR_PASSWORD")
        assert (await account_of(auth)).password == SCRYPT
        assert (await ann.sign_in(password="password123")).status_code == 200
        replaced = (await account_of(auth)).password
        assert replaced is not None
        assert replaced.startswith("$argon2id$")
        assert (await ann.sign_in(password="password123")).status_code == 200
        assert (await account_of(auth)).password == replaced, "once"
    assert [event.event for event in events_of(auth)].count("hash.upgraded") == 1


@pytest.mark.sec("SEC-002")
async def test_a_password_that_is_changed_meanwhile_wins_over_the_new_hash_of_the_old_one() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        account = await account_of(auth)
        await auth.database.update(AccountRow, {"id": account.id}, password=SCRYPT)
        changed = await auth.passwords.hash(NEW)
        hash_password = auth.passwords.hash

        async def slow_hash(password: str) -> str:
            # Between the check and the replacement somebody changes the password.
            await auth.database.update(AccountRow, {"id": account.id}, password=changed)
            return await hash_password(password)

        auth.passwords.hash = slow_hash  # type: ignore[method-assign]
        await ann.sign_in(password="password123")
        assert (await account_of(auth)).password == changed
        auth.passwords.hash = hash_password  # type: ignore[method-assign]
        refused(await ann.sign_in(password="password123"), 401, "INVALID_EMAIL_OR_PASSWORD")
        assert (await ann.sign_in(password=NEW)).status_code == 200


@pytest.mark.sec("SEC-002")
async def test_a_hash_nobody_can_read_is_a_wrong_password_on_the_record() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        for junk in ("plain", "$argon2id$é", "$2b$12$abc"):
            await auth.database.update(AccountRow, {"provider_id": "credential"}, password=junk)
            refused(await ann.sign_in(), 401, "INVALID_EMAIL_OR_PASSWORD")
    assert [event.event for event in events_of(auth)].count("hash.unreadable") == 3


async def test_a_shared_database_holds_better_auths_own_formats() -> None:
    auth = make_auth(shared_database=True)
    async with serving(auth) as ann:
        token = (await ann.sign_up()).json()["token"]
        assert await auth.database.find(Session, token=token), "the token itself"
        password = (await account_of(auth)).password
        assert password is not None
        assert (len(password), password[32]) == (161, ":")
        await auth.database.update(AccountRow, {"provider_id": "credential"}, password=SCRYPT)
        assert (await ann.sign_in(password="password123")).status_code == 200
        assert (await account_of(auth)).password == SCRYPT, "up to date"
        reset = await reset_token(ann)
        assert (await ann.api("/reset-password", {"token": reset, "newPassword": NEW})).json() == {"status": True}


@pytest.mark.sec("SEC-021")
async def test_outside_a_shared_database_no_row_holds_a_token() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        token = (await ann.sign_up()).json()["token"]
        reset = await reset_token(ann)
        kept = repr(auth.database._tables)  # type: ignore[attr-defined]
        assert token not in kept
        assert reset not in kept
        assert PASSWORD not in kept
        assert digest(token) in kept


# Long passwords


@pytest.mark.sec("SEC-004")
async def test_a_password_too_long_is_refused_before_any_hash_on_every_route() -> None:
    auth = make_auth()
    long = "p" * 100_000
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await reset_token(ann)
        for just_over in (long, "p" * 129, "\U0001f600" * 65):
            hashes = count_hashes(auth)
            for path, body in (
                ("/sign-up/email", {"name": "", "email": "new@example.com", "password": just_over}),
                ("/sign-in/email", {"email": ANN, "password": just_over}),
                ("/sign-in/email", {"email": "nobody@example.com", "password": just_over}),
                ("/reset-password", {"token": token, "newPassword": just_over}),
                ("/reset-password", {"token": "x" * 24, "newPassword": just_over}),
                ("/verify-password", {"password": just_over}),
                ("/change-password", {"currentPassword": PASSWORD, "newPassword": just_over}),
                ("/change-password", {"currentPassword": just_over, "newPassword": NEW}),
                ("/delete-user", {"password": just_over}),
            ):
                refused(await ann.api(path, body), 400, "PASSWORD_TOO_LONG")
            for attempt in (
                auth[Password].set_password(call_of(ann), SetPassword(new_password=just_over)),
                auth[Password].verify_password(call_of(ann), VerifyPassword(password=just_over)),
                auth[Account].delete_user(call_of(ann), DeleteUser(password=just_over)),
            ):
                with pytest.raises(PasswordTooLong):
                    await attempt
            assert hashes == []
        assert (await ann.api("/reset-password", {"token": token, "newPassword": NEW})).status_code == 200


# Reset


async def test_asking_for_a_reset_mails_a_link_that_sets_a_new_password_once() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await ann.api("/request-password-reset", {"email": "ANN@example.com"})
        assert answer.json() == {
            "status": True,
            "message": "If this email exists in our system, check your email for the reset link",
        }
        message = (await ann.mail()).last("reset-password")
        token = message.context["token"]
        assert message.to == ANN
        assert len(token) == 24
        assert message.context["url"] == f"{ORIGIN}/auth/reset-password?token={token}"
        assert message.context["url"] in message.text
        done = await ann.api("/reset-password", {"token": token, "newPassword": NEW})
        assert (done.status_code, done.json()) == (200, {"status": True})
        assert "set-cookie" not in done.headers
        refused(await ann.sign_in(), 401, "INVALID_EMAIL_OR_PASSWORD")
        assert (await ann.sign_in(password=NEW)).status_code == 200
        refused(await ann.api("/reset-password", {"token": token, "newPassword": PASSWORD}), 400, "INVALID_TOKEN")


async def test_without_the_screens_the_link_is_the_apis_own() -> None:
    auth = make_auth()
    async with serving(auth, auth.wrap(plain_app(auth), ui=False)) as ann:
        await ann.sign_up()
        await ann.api("/request-password-reset", {"email": ANN, "redirectTo": "/reset?a=1"})
        message = (await ann.mail()).last("reset-password")
        token = message.context["token"]
        assert message.context["url"] == f"{ORIGIN}/api/auth/reset-password/{token}?callbackURL=%2Freset%3Fa%3D1"
        for _ in range(2):  # opening it spends nothing
            answer = await ann.get(message.context["url"])
            assert answer.status_code == 302
            assert answer.headers["location"] == f"{ORIGIN}/reset?a=1&token={token}"
        assert (await ann.api("/reset-password", {"token": token, "newPassword": NEW})).status_code == 200


@pytest.mark.parametrize(
    ("callback", "location"),
    [
        ("/reset", f"{ORIGIN}/reset?error=INVALID_TOKEN"),
        ("/reset?a=1", f"{ORIGIN}/reset?a=1&error=INVALID_TOKEN"),
        ("", f"{ORIGIN}/api/auth/error?error=INVALID_TOKEN"),
    ],
)
async def test_opening_a_link_that_is_none(callback: str, location: str) -> None:
    async with serving(make_auth()) as ann:
        answer = await ann.get("/api/auth/reset-password/unknown", params={"callbackURL": callback})
        assert (answer.status_code, answer.headers["location"]) == (302, location)


@pytest.mark.sec("SEC-086")
async def test_a_link_to_another_site_is_refused() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        evil = "https://evil.example/"
        refused(await ann.get("/api/auth/reset-password/x", params={"callbackURL": evil}), 403, "INVALID_CALLBACK_URL")
        refused(await ann.get("/api/auth/reset-password/x"), 400, "VALIDATION_ERROR")
        answer = await ann.api("/request-password-reset", {"email": ANN, "redirectTo": evil})
        refused(answer, 403, "INVALID_REDIRECT_URL")
        assert (await ann.mail()).of("reset-password") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        # In the order of the wire (1.11).
        ({"newPassword": "short"}, "INVALID_TOKEN"),
        ({"newPassword": "short", "token": ""}, "INVALID_TOKEN"),
        ({"newPassword": "short", "token": "unknown"}, "PASSWORD_TOO_SHORT"),
        ({"newPassword": "p" * 129, "token": "unknown"}, "PASSWORD_TOO_LONG"),
        ({"newPassword": NEW, "token": "unknown"}, "INVALID_TOKEN"),
        ({"token": "unknown"}, "VALIDATION_ERROR"),
        ({"newPassword": NEW, "token": 0}, "VALIDATION_ERROR"),
    ],
)
async def test_why_a_reset_is_refused(body: dict[str, Any], code: str) -> None:
    auth = make_auth()
    hashes = count_hashes(auth)
    async with serving(auth) as ann:
        refused(await ann.api("/reset-password", body), 400, code)
    assert hashes == [], "a guess costs no hash"


@pytest.mark.sec("SEC-025")
async def test_a_bad_new_password_does_not_spend_the_link() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        token = await reset_token(ann)
        refused(await ann.api("/reset-password", {"token": token, "newPassword": "short"}), 400, "PASSWORD_TOO_SHORT")
        assert (await ann.api("/reset-password", {"token": token, "newPassword": NEW})).status_code == 200


async def test_the_token_may_come_in_the_query_and_the_body_wins() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        token = await reset_token(ann)
        refused(
            await ann.api(f"/reset-password?token={token}", {"token": "x", "newPassword": NEW}), 400, "INVALID_TOKEN"
        )
        assert (await ann.api(f"/reset-password?token={token}", {"newPassword": NEW})).status_code == 200


async def test_a_reset_link_ends_at_the_instant_and_with_its_user() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await reset_token(ann)
        clock.forward(minutes=60)
        refused(await ann.api("/reset-password", {"token": token, "newPassword": NEW}), 400, "INVALID_TOKEN")
        token = await reset_token(ann)
        await auth.database.delete(User, email=ANN)
        refused(await ann.api("/reset-password", {"token": token, "newPassword": NEW}), 400, "USER_NOT_FOUND")


async def test_resetting_from_python() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await auth[Password].request_password_reset(auth.call(), RequestReset(email=ANN))
        assert answer.status
        token = (await ann.mail()).last("reset-password").context["token"]
        with pytest.raises(PasswordTooShort):
            await auth[Password].reset_password(auth.call(), ResetPassword(token=token, new_password="short"))
        await auth[Password].reset_password(auth.call(), ResetPassword(token=token, new_password=NEW))
        with pytest.raises(InvalidToken):
            await auth[Password].reset_password(auth.call(), ResetPassword(token=token, new_password=NEW))


async def test_who_had_no_password_gets_one_by_the_link() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await without_password(auth, ANN)
        token = await reset_token(ann)
        await ann.api("/reset-password", {"token": token, "newPassword": NEW})
        assert (await ann.sign_in(password=NEW)).status_code == 200


@pytest.mark.sec("SEC-060")
async def test_asking_for_a_reset_does_not_tell_who_has_an_account() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as eve:
        await ann.sign_up()
        await without_password(auth)
        before = len((await ann.mail()).messages)
        alike(
            *[
                await eve.api("/request-password-reset", {"email": email})
                for email in (ANN, "nobody@example.com", "bare@example.com")
            ]
        )
        sent = (await ann.mail()).messages[before:]
        assert [message.to for message in sent] == [ANN, "bare@example.com"]


@pytest.mark.sec("SEC-026")
async def test_a_newer_reset_link_burns_the_older() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        old, new = await reset_token(ann), await reset_token(ann)
        refused(await ann.api("/reset-password", {"token": old, "newPassword": NEW}), 400, "INVALID_TOKEN")
        assert (await ann.api("/reset-password", {"token": new, "newPassword": NEW})).status_code == 200


@pytest.mark.sec("SEC-024")
async def test_of_many_resets_with_one_link_at_once_one_wins() -> None:
    import asyncio

    auth = make_auth(database=TurnTakingStore())
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await reset_token(ann)
        answers = await asyncio.gather(
            *(ann.api("/reset-password", {"token": token, "newPassword": f"{NEW} {n}"}) for n in range(8))
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
        (winner,) = [n for n, answer in enumerate(answers) if answer.status_code == 200]
        assert (await ann.sign_in(password=f"{NEW} {winner}")).status_code == 200


@pytest.mark.sec("SEC-085")
async def test_a_poisoned_host_never_reaches_a_link() -> None:
    auth = make_auth()
    poison = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    async with serving(auth) as ann:
        await ann.get("/api/auth/ok", headers=poison)
        await ann.post(
            "/api/auth/sign-up/email",
            json={"name": "Ann", "email": ANN, "password": PASSWORD},
            headers=poison,
        )
        await ann.api("/request-password-reset", {"email": ANN}, headers=poison)
        await ann.api("/send-verification-email", {"email": ANN}, headers=poison)
        messages = (await ann.mail()).messages
        assert len(messages) == 3
        for message in messages:
            assert message.context["url"].startswith(f"{ORIGIN}/auth/")
            assert "evil.example" not in message.text + message.html
        answer = await ann.get("/api/auth/reset-password/x", params={"callbackURL": "/reset"}, headers=poison)
        assert answer.headers["location"].startswith(ORIGIN)


# What a new password ends


class Pending:
    """Every secret that is on its way to Ann, and what each is answered with."""

    async def gather(self, ann: Browser) -> None:
        await ann.api("/change-email", {"newEmail": "new@example.com"})
        self.change = (await ann.mail()).last("change-email").context["token"]
        await ann.api("/delete-user", {})
        self.deletion = (await ann.mail()).last("delete-account").context["token"]
        self.reset = await reset_token(ann)

    async def is_burnt(self, ann: Browser) -> None:
        refused(await ann.api(f"/verify-email?token={self.change}"), 401, "INVALID_TOKEN")
        refused(await ann.api(f"/delete-user/callback?token={self.deletion}"), 404, "INVALID_TOKEN")
        refused(await ann.api("/reset-password", {"token": self.reset, "newPassword": PASSWORD}), 400, "INVALID_TOKEN")


FEATURES = [Password(), EmailVerification(), Account(confirm_delete=True), Sessions()]


@pytest.mark.sec("SEC-008")
async def test_a_changed_password_burns_what_is_pending() -> None:
    auth = make_auth(features=FEATURES)
    async with serving(auth) as ann:
        await ann.sign_up()
        await verify_ann(auth)
        pending = Pending()
        await pending.gather(ann)
        await ann.api("/change-password", {"currentPassword": PASSWORD, "newPassword": NEW})
        await pending.is_burnt(ann)


@pytest.mark.sec("SEC-008")
async def test_a_reset_burns_what_is_pending_and_ends_every_session() -> None:
    auth = make_auth(features=FEATURES)
    async with serving(auth) as ann, browser(auth) as elsewhere:
        await ann.sign_up()
        await elsewhere.sign_in()
        await verify_ann(auth)
        pending = Pending()
        await pending.gather(ann)
        # Asking again replaces the reset link; the other secrets still wait.
        await ann.api("/reset-password", {"token": await reset_token(ann), "newPassword": NEW})
        assert await ann.session() is None
        assert await elsewhere.session() is None
        await ann.sign_in(password=NEW)
        await pending.is_burnt(ann)


@pytest.mark.sec("SEC-008")
async def test_a_first_password_burns_what_is_pending() -> None:
    auth = make_auth(features=FEATURES)
    async with serving(auth) as ann:
        await ann.sign_up()
        await verify_ann(auth)
        await auth.database.delete(AccountRow, provider_id="credential")
        pending = Pending()
        await pending.gather(ann)
        await auth[Password].set_password(call_of(ann), SetPassword(new_password=NEW))
        await ann.sign_in(password=NEW)
        await pending.is_burnt(ann)


async def test_sessions_may_outlive_a_reset_where_the_application_says_so() -> None:
    auth = make_auth(features=[Password(revoke_sessions_on_password_reset=False)])
    async with serving(auth) as ann:
        await ann.sign_up()
        await verify_ann(auth)
        await ann.api("/reset-password", {"token": await reset_token(ann), "newPassword": NEW})
        assert await ann.session()


class Planted(Feature):
    """What another feature would drop, which an impostor may have planted."""

    dropped = 0

    async def forget_unproved(self, call: Call[U], user: U) -> None:
        self.dropped += 1


@pytest.mark.sec("SEC-081")
@pytest.mark.parametrize("verified", [False, True])
async def test_a_reset_of_an_address_that_was_never_proved_drops_whatever_an_impostor_planted(verified: bool) -> None:
    planted = Planted()
    auth = make_auth(features=[*FEATURES, planted])
    async with serving(auth) as impostor, browser(auth) as ann:
        await impostor.sign_up()
        user = await ann_of(auth)
        now = auth.clock()
        await auth.database.insert(
            AccountRow(
                id="linked",
                account_id="impostor-at-github",
                provider_id="github",
                user_id=user.id,
                created_at=now,
                updated_at=now,
            )
        )
        await impostor.api("/change-email", {"newEmail": "impostor@example.com"})
        change = (await ann.mail()).last("verify-email")
        assert change.to == "impostor@example.com", "the address was never proved: nobody else to ask"
        await impostor.api("/delete-user", {})
        deletion = (await ann.mail()).last("delete-account").context["token"]
        if verified:
            await verify_ann(auth)
        token = await reset_token(ann)
        assert (await ann.api("/reset-password", {"token": token, "newPassword": NEW})).status_code == 200
        assert await impostor.session() is None
        refused(await impostor.sign_in(), 401, "INVALID_EMAIL_OR_PASSWORD")
        assert (await ann.sign_in(password=NEW)).status_code == 200
        refused(await impostor.api(f"/verify-email?token={change.context['token']}"), 401, "INVALID_TOKEN")
        refused(await ann.api(f"/delete-user/callback?token={deletion}"), 404, "INVALID_TOKEN")
        assert (await ann_of(auth)).email == ANN
        linked = await auth.database.find(AccountRow, id="linked")
        assert (linked is not None, planted.dropped) == ((True, 0) if verified else (False, 1))


@pytest.mark.sec("SEC-027")
async def test_a_reset_link_outlives_no_change_of_address() -> None:
    auth = make_auth(features=[Password(), EmailVerification(confirm_change=False)])
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await reset_token(ann)
        await ann.api("/change-email", {"newEmail": "new@example.com"})
        change = (await ann.mail()).last("verify-email").context["token"]
        assert (await ann.api(f"/verify-email?token={change}")).status_code == 200
        refused(await ann.api("/reset-password", {"token": token, "newPassword": NEW}), 400, "INVALID_TOKEN")


# Verify, change, set


@pytest.mark.parametrize("path", ["/verify-password", "/change-password"])
async def test_nobody_is_told_to_sign_in(path: str) -> None:
    async with serving(make_auth()) as ann:
        body = {"password": PASSWORD, "newPassword": NEW, "currentPassword": PASSWORD}
        refused(await ann.api(path, body), 401, "UNAUTHORIZED")


async def test_verifying_a_password() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        assert (await ann.api("/verify-password", {"password": PASSWORD})).json() == {"status": True}
        refused(await ann.api("/verify-password", {"password": "wrong"}), 400, "INVALID_PASSWORD")
        refused(await ann.api("/verify-password", {}), 400, "VALIDATION_ERROR")
        assert (await auth[Password].verify_password(call_of(ann), VerifyPassword(password=PASSWORD))).status
        with pytest.raises(InvalidPassword):
            await auth[Password].verify_password(call_of(ann), VerifyPassword(password="wrong"))
        with pytest.raises(Unauthorized):
            await auth[Password].verify_password(auth.call(), VerifyPassword(password=PASSWORD))
        await auth.database.delete(AccountRow, provider_id="credential")
        refused(await ann.api("/verify-password", {"password": PASSWORD}), 400, "INVALID_PASSWORD")


async def test_changing_a_password_leaves_the_sessions() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as elsewhere:
        await ann.sign_up()
        await elsewhere.sign_in()
        answer = await ann.api("/change-password", {"currentPassword": PASSWORD, "newPassword": NEW})
        assert answer.json()["token"] is None
        assert answer.json()["user"]["email"] == ANN
        assert "set-cookie" not in answer.headers
        assert await ann.session()
        assert await elsewhere.session()
        refused(await ann.sign_in(), 401, "INVALID_EMAIL_OR_PASSWORD")
        assert (await ann.sign_in(password=NEW)).status_code == 200


@pytest.mark.sec("SEC-040")
@pytest.mark.parametrize("remember", [True, False])
async def test_changing_a_password_can_end_every_session_and_start_a_new_one(remember: bool) -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as elsewhere, browser(auth) as copy:
        await ann.sign_up()
        await elsewhere.sign_in()
        old = (await ann.sign_in(rememberMe=remember)).json()["token"]
        copy.cookies.update(ann.cookies)
        answer = await ann.api(
            "/change-password", {"currentPassword": PASSWORD, "newPassword": NEW, "revokeOtherSessions": True}
        )
        token = answer.json()["token"]
        assert token != old
        assert ("Max-Age" in cookies_set(answer)[TOKEN_COOKIE]) is remember
        assert (await ann.session())["session"]["token"] == token
        assert await elsewhere.session() is None
        assert await copy.session() is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        # In the order of the wire (1.13).
        ({"currentPassword": "wrong", "newPassword": "short"}, "PASSWORD_TOO_SHORT"),
        ({"currentPassword": "wrong", "newPassword": "p" * 129}, "PASSWORD_TOO_LONG"),
        ({"currentPassword": "wrong", "newPassword": NEW}, "INVALID_PASSWORD"),
        ({"newPassword": NEW}, "VALIDATION_ERROR"),
        ({"currentPassword": PASSWORD, "newPassword": NEW, "revokeOtherSessions": "true"}, "VALIDATION_ERROR"),
    ],
)
async def test_why_changing_a_password_is_refused(body: dict[str, Any], code: str) -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        before = await account_of(auth)
        refused(await ann.api("/change-password", body), 400, code)
        assert await account_of(auth) == before
        if code == "INVALID_PASSWORD":
            await auth.database.delete(AccountRow, provider_id="credential")
            refused(await ann.api("/change-password", body), 400, "CREDENTIAL_ACCOUNT_NOT_FOUND")


async def test_changing_a_password_from_python() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        call = call_of(ann)
        answer = await auth[Password].change_password(
            call, ChangePassword(current_password=PASSWORD, new_password=NEW, revoke_other_sessions=True)
        )
        assert call.signed_in.session.token == answer.token
        with pytest.raises(Unauthorized):
            await auth[Password].change_password(
                auth.call(), ChangePassword(current_password=PASSWORD, new_password=NEW)
            )


async def test_setting_a_first_password_is_for_python_only() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        set_password = auth[Password].set_password
        with pytest.raises(PasswordAlreadySet):
            await set_password(call_of(ann), SetPassword(new_password=NEW))
        await auth.database.delete(AccountRow, provider_id="credential")
        with pytest.raises(PasswordTooShort):
            await set_password(call_of(ann), SetPassword(new_password="short"))
        with pytest.raises(Unauthorized):
            await set_password(auth.call(), SetPassword(new_password=NEW))
        await set_password(call_of(ann), SetPassword(new_password=NEW))
        assert (await ann.sign_in(password=NEW)).status_code == 200
        assert (await ann.api("/set-password", {"newPassword": PASSWORD})).status_code == 404


async def test_of_two_first_passwords_at_once_one_is_kept() -> None:
    import asyncio

    auth = make_auth(database=TurnTakingStore())
    async with serving(auth) as ann:
        await ann.sign_up()
        await auth.database.delete(AccountRow, provider_id="credential")
        calls = [
            auth[Password].set_password(call_of(ann), SetPassword(new_password=f"{NEW} {number}"))
            for number in range(2)
        ]
        await asyncio.gather(*calls, return_exceptions=True)
        kept = await account_of(auth)
        verdicts = [await auth.passwords.verify(f"{NEW} {number}", kept.password) for number in range(2)]
        assert sorted(verdict.right for verdict in verdicts) == [False, True]


@pytest.mark.sec("SEC-204")
async def test_the_owner_is_told_of_every_change() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        await verify_ann(auth)
        await ann.api("/change-password", {"currentPassword": PASSWORD, "newPassword": NEW})
        assert (await ann.mail()).last("security-notice").subject == "Your password was changed"
        await ann.api("/reset-password", {"token": await reset_token(ann), "newPassword": PASSWORD})
        assert (await ann.mail()).last("security-notice").subject == "Your password was reset"
        await ann.sign_in()
        await auth.database.delete(AccountRow, provider_id="credential")
        call = call_of(ann)
        await auth[Password].set_password(call, SetPassword(new_password=NEW))
        auth.settle(call)
        notices = (await ann.mail()).of("security-notice")
        assert [notice.to for notice in notices] == [ANN] * 3
        for notice in notices:
            assert PASSWORD not in notice.text + notice.html
            assert NEW not in notice.text + notice.html


# Guessing


@pytest.mark.sec("SEC-009")
async def test_a_stolen_session_has_five_guesses_from_wherever() -> None:
    clock = Clock()
    auth = make_auth(rate_limit=True, clock=clock)
    async with serving(auth) as ann, browser(auth, client=("198.51.100.9", 1)) as thief:
        await ann.sign_up()
        thief.cookies.update(ann.cookies)
        for _ in range(3):
            refused(await thief.api("/verify-password", {"password": "wrong"}), 400, "INVALID_PASSWORD")
        refused(await thief.api("/delete-user", {"password": "wrong"}), 400, "INVALID_PASSWORD")
        guess = {"currentPassword": "wrong", "newPassword": NEW}
        refused(await ann.api("/change-password", guess), 400, "INVALID_PASSWORD")
        for person in (thief, ann):
            refused(await person.api("/verify-password", {"password": PASSWORD}), 429)
        clock.forward(minutes=15)
        assert (await ann.api("/verify-password", {"password": PASSWORD})).status_code == 200
        for _ in range(5):  # a success starts the count anew
            refused(await ann.api("/verify-password", {"password": "wrong"}), 400, "INVALID_PASSWORD")


def from_anywhere(auth: Auth[Any], number: int) -> Browser:
    """A browser with an address nobody else has."""
    return browser(auth, client=(f"198.51.{number // 250}.{number % 250 + 1}", 1))


@pytest.mark.sec("SEC-062")
@pytest.mark.sec("SEC-060")
async def test_ten_wrong_passwords_close_an_address_for_a_quarter_hour_known_or_not() -> None:
    clock = Clock()
    auth = make_auth(rate_limit=True, clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        closed = []
        for email in (ANN, "nobody@example.com"):
            for number in range(10):
                answer = await from_anywhere(auth, number).sign_in(email=email.upper(), password="wrong")
                refused(answer, 401, "INVALID_EMAIL_OR_PASSWORD")
                clock.forward(seconds=11)  # out of the window of three from one place
            hashes = count_hashes(auth)
            closed.append(await from_anywhere(auth, 99).sign_in(email=email))
            assert hashes == [], "no more is even looked at"
            await from_anywhere(auth, 98).sign_in(email="else@example.com")
        assert [answer.status_code for answer in closed] == [429, 429]
        assert closed[0].content == closed[1].content
        assert [name for name, _ in closed[0].headers.raw] == [name for name, _ in closed[1].headers.raw]
        clock.forward(minutes=15)
        assert (await from_anywhere(auth, 97).sign_in()).status_code == 200


@pytest.mark.sec("SEC-062")
async def test_a_success_clears_the_count_of_its_own_account_only() -> None:
    clock = Clock()
    auth = make_auth(rate_limit=True, clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        await from_anywhere(auth, 200).sign_up(email="bob@example.com")

        async def guess(email: str, times: int) -> None:
            for number in range(times):
                answer = await from_anywhere(auth, number).sign_in(email=email, password="wrong")
                refused(answer, 401, "INVALID_EMAIL_OR_PASSWORD")
                clock.forward(seconds=11)

        await guess("bob@example.com", 9)
        await guess(ANN, 9)
        assert (await from_anywhere(auth, 99).sign_in()).status_code == 200
        await guess(ANN, 9)
        await guess("bob@example.com", 1)
        refused(await from_anywhere(auth, 98).sign_in(email="bob@example.com"), 429)


@pytest.mark.sec("SEC-062")
async def test_after_a_hundred_in_a_row_only_a_mailed_link_lets_passwords_count_again() -> None:
    clock = Clock()
    auth = make_auth(rate_limit=True, clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        for number in range(100):
            answer = await from_anywhere(auth, number).sign_in(password="wrong")
            refused(answer, 401, "INVALID_EMAIL_OR_PASSWORD")
            if number % 10 == 9:
                clock.forward(minutes=15)
        clock.forward(days=3)
        refused(await from_anywhere(auth, 200).sign_in(), 429)
        token = await reset_token(ann)
        assert (await ann.api("/reset-password", {"token": token, "newPassword": NEW})).status_code == 200
        assert (await from_anywhere(auth, 201).sign_in(password=NEW)).status_code == 200


@pytest.mark.sec("SEC-003")
async def test_too_many_hashes_waiting_is_503() -> None:
    auth = make_auth()

    async def busy(work: Any) -> Any:
        raise ServiceUnavailable

    async with serving(auth) as ann:
        await ann.sign_up()
        auth.passwords._in_pool = busy  # type: ignore[method-assign]
        known, unknown = await ann.sign_in(), await ann.sign_in(email="nobody@example.com")
        alike(known, unknown)
        refused(known, 503, "SERVICE_UNAVAILABLE")
        assert known.headers["retry-after"] == "1"


# Other features have their say


async def test_a_feature_may_refuse_a_password_wherever_one_is_set() -> None:
    class Compromised(AuthError):
        code = "PASSWORD_COMPROMISED"

    class Common(Feature):
        refusals: ClassVar = {"check_password": (Compromised,)}

        async def check_password(self, call: Call[U], password: str) -> None:
            if "12345" in password:
                raise Compromised

    auth = make_auth(features=[Password(), EmailVerification(), Common()])
    async with serving(auth) as ann:
        refused(await ann.sign_up(password="password12345"), 400, "PASSWORD_COMPROMISED")
        await ann.sign_up()
        bad = {"newPassword": "password12345"}
        refused(await ann.api("/change-password", {"currentPassword": PASSWORD, **bad}), 400, "PASSWORD_COMPROMISED")
        refused(await ann.api("/reset-password", {"token": await reset_token(ann), **bad}), 400, "PASSWORD_COMPROMISED")
        await auth.database.delete(AccountRow, provider_id="credential")
        with pytest.raises(Compromised):
            await auth[Password].set_password(call_of(ann), SetPassword(new_password="password12345"))


async def test_a_further_step_is_answered_instead_of_a_session() -> None:
    class Second(Feature):
        async def next_step(self, call: Call[U], user: U, methods: Sequence[str]) -> StepRequired | None:
            assert tuple(methods) == ("password",)
            return StepRequired("/two-factor", {"twoFactorRedirect": True})

    auth = make_auth(features=[Password(), Second()])
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await ann.sign_in()
        assert answer.json() == {"twoFactorRedirect": True}
        assert "set-cookie" not in answer.headers
        assert await auth.database.count(Session) == 0
        found = await auth[Password].sign_in(auth.call(), SignIn(email=ANN, password=PASSWORD))
        assert isinstance(found, StepRequired)


async def test_whoever_listens_hears_of_a_new_session() -> None:
    heard: list[SignedIn[Any]] = []

    class Listener(Feature):
        async def signed_in(self, call: Call[U], signed_in: SignedIn[U]) -> None:
            heard.append(replace(signed_in))

    async with serving(make_auth(features=[Password(), Listener()])) as ann:
        token = (await ann.sign_up()).json()["token"]
    assert [signed_in.session.token for signed_in in heard] == [token]


class Meanwhile(MemoryStore):
    """Lets something happen between the check of a password and the transaction that acts on it."""

    happens: Any = None

    def transaction(self) -> Any:
        happens, self.happens = self.happens, None
        return self._after(happens) if happens else super().transaction()

    @asynccontextmanager
    async def _after(self, happens: Any) -> AsyncIterator[Any]:
        await happens()
        async with super().transaction() as inside:
            yield inside


@pytest.mark.sec("SEC-008")
@pytest.mark.parametrize("action", ["sign in", "change password"])
async def test_a_password_that_was_reset_while_it_was_checked_opens_nothing(action: str) -> None:
    store = Meanwhile()
    auth = make_auth(database=store)
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.api("/request-password-reset", {"email": ANN})
        token = (await ann.mail()).last("reset-password").context["token"]

        async def reset() -> None:
            await auth[Password].reset_password(
                auth.call(), ResetPassword(new_password="chosen by the owner", token=token)
            )

        store.happens = reset
        if action == "sign in":
            answer = await ann.sign_in()
            assert answer.status_code == 401
        else:
            body = {"currentPassword": PASSWORD, "newPassword": "chosen by a thief", "revokeOtherSessions": True}
            answer = await ann.api("/change-password", body)
            assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_PASSWORD")
        assert await auth.database.count(Session) == 0, "the reset ended every session"
        assert (await ann.sign_in(password="chosen by the owner")).status_code == 200
