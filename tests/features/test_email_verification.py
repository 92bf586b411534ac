"""Whose address is it: verify it, send the link again, change it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from authmw import Auth, Settings, User
from authmw.core import tokens
from authmw.core.errors import SessionNotFresh, Unauthorized
from authmw.core.model import Session
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.features.email_verification import (
    CONFIRM_AT_NEW,
    CONFIRM_AT_OLD,
    PURPOSE,
    ChangeEmail,
    ClaimsInvalid,
    EmailAlreadyVerified,
    EmailNotVerified,
    SendVerification,
    Verified,
    VerifyEmail,
)
from authmw.features.password import SignIn
from tests.support import (
    ORIGIN,
    PASSWORD,
    SECRET,
    Browser,
    Clock,
    TurnTakingStore,
    alike,
    browser,
    call_of,
    cookies_set,
    events_of,
    make_auth,
    plain_app,
    refused,
    serving,
)

pytestmark = pytest.mark.anyio

ANN, BOB, NEW = "ann@example.com", "bob@example.com", "new@example.com"
VECTOR_SECRET = "test-secret-that-is-long-enough-0123456789"
VECTOR = (  # wire-core 2.13: {"email":"a@example.com","iat":1795477252,"exp":1795480852}
    "eyJhbGciOiJIUzI1NiJ9."
    "eyJlbWFpbCI6ImFAZXhhbXBsZS5jb20iLCJpYXQiOjE3OTU0NzcyNTIsImV4cCI6MTc5NTQ4MDg1Mn0."
    "2IC_NPSDJ4KdSDX-sxO8K1H8yAcHr-U_RkKMgw2185Y"
)


def with_verification(**more: Any) -> list[Any]:
    return [Password(), EmailVerification(**more), Account(), Sessions()]


async def ann_of(auth: Auth[Any], email: str = ANN) -> User:
    user = await auth.database.find(User, email=email)
    assert user is not None
    return user


async def proved(auth: Auth[Any], email: str = ANN) -> None:
    assert await auth.database.update(User, {"email": email}, email_verified=True)


async def mailed(person: Browser, kind: str = "verify-email") -> str:
    token: str = (await person.mail()).last(kind).context["token"]
    return token


async def open_link(person: Browser, token: str, **query: str) -> Any:
    return await person.get("/api/auth/verify-email", params={"token": token, **query})


# Verify


async def test_opening_the_mailed_link_confirms_the_address() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as elsewhere:
        await ann.sign_up(callbackURL="/welcome")
        message = (await ann.mail()).last("verify-email")
        assert message.to == ANN
        assert message.context["url"].startswith(f"{ORIGIN}/auth/verify-email?token=")
        assert message.context["url"].endswith("&next=%2Fwelcome")
        answer = await open_link(elsewhere, message.context["token"])
        assert (answer.status_code, answer.json()) == (200, {"status": True, "user": None})
        assert "set-cookie" not in answer.headers, "the link alone signs nobody in"
        assert (await ann.session())["user"]["emailVerified"] is True
    assert "email.verified" in {event.event for event in events_of(auth)}


async def test_without_the_screens_the_link_is_the_apis_own_and_comes_back() -> None:
    auth = make_auth()
    async with serving(auth, auth.wrap(plain_app(auth), ui=False)) as ann:
        await ann.sign_up(callbackURL="/welcome")
        url = (await ann.mail()).last("verify-email").context["url"]
        assert url.startswith(f"{ORIGIN}/api/auth/verify-email?token=")
        assert url.endswith("&callbackURL=%2Fwelcome")
        answer = await ann.get(url)
        assert (answer.status_code, answer.headers["location"]) == (302, "/welcome")
        assert (await ann_of(auth)).email_verified


@pytest.mark.sec("SEC-084")
async def test_a_link_used_again_says_so_kindly_and_does_nothing() -> None:
    auth = make_auth(features=with_verification(auto_sign_in=True))
    async with serving(auth) as ann, browser(auth) as elsewhere:
        await ann.sign_up()
        token = await mailed(ann)
        await open_link(ann, token)
        sessions, letters = await auth.database.count(Session), len((await ann.mail()).messages)
        user = await ann_of(auth)
        for person in (ann, elsewhere):
            answer = await open_link(person, token)
            assert (answer.status_code, answer.json()) == (200, {"status": True, "user": None})
            assert "set-cookie" not in answer.headers
        answer = await open_link(elsewhere, token, callbackURL="/welcome")
        assert (answer.status_code, answer.headers["location"]) == (302, "/welcome")
        assert await elsewhere.session() is None
        assert await auth.database.count(Session) == sessions
        assert len((await ann.mail()).messages) == letters
        assert await ann_of(auth) == user


async def test_the_first_opening_signs_in_where_the_application_says_so() -> None:
    auth = make_auth(features=with_verification(required=True, auto_sign_in=True))
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await open_link(ann, await mailed(ann), callbackURL="/welcome")
        assert answer.headers["location"] == "/welcome"
        assert (await ann.session())["user"]["emailVerified"] is True


async def test_of_two_openings_at_once_one_signs_in() -> None:
    auth = make_auth(features=with_verification(required=True, auto_sign_in=True), database=TurnTakingStore())
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await mailed(ann)
        await asyncio.gather(*(open_link(browser(auth), token) for _ in range(6)))
        assert await auth.database.count(Session) == 1


async def test_somebody_else_who_is_signed_in_stays_who_they_are() -> None:
    auth = make_auth(features=with_verification(auto_sign_in=True))
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        token = await mailed(ann)
        await bob.sign_up(email=BOB)
        await open_link(bob, token)
        assert (await bob.session())["user"]["email"] == BOB
        assert (await ann_of(auth)).email_verified
        assert not (await ann_of(auth, BOB)).email_verified


@pytest.mark.parametrize("callback", ["", "/after", "/after?a=1"])
async def test_what_is_wrong_with_a_link_is_told(callback: str) -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await mailed(ann)
        gone = tokens.sign_claims(auth.call(), PURPOSE, {"email": "gone@example.com"}, timedelta(hours=2))
        half = tokens.sign_claims(auth.call(), PURPOSE, {"email": ANN, "updateTo": NEW}, timedelta(hours=2))
        odd = tokens.sign_claims(auth.call(), PURPOSE, {"email": 7}, timedelta(hours=2))
        clock.forward(hours=1)
        for presented, code in (
            (token, "TOKEN_EXPIRED"),
            (token[:-1] + ("A" if token[-1] != "A" else "B"), "INVALID_TOKEN"),
            ("x", "INVALID_TOKEN"),
            (gone, "USER_NOT_FOUND"),
            (half, "INVALID_TOKEN"),
            (odd, "INVALID_TOKEN"),
        ):
            if not callback:
                refused(await open_link(ann, presented), 401, code)
                continue
            answer = await open_link(ann, presented, callbackURL=callback)
            joint = "&" if "?" in callback else "?"
            assert (answer.status_code, answer.headers["location"]) == (302, f"{callback}{joint}error={code}")
        assert not (await ann_of(auth)).email_verified


async def test_a_link_needs_a_token_and_a_way_back_on_this_site() -> None:
    async with serving(make_auth()) as ann:
        refused(await ann.api("/verify-email"), 400, "VALIDATION_ERROR")
        answer = await open_link(ann, "x", callbackURL="https://evil.example")
        refused(answer, 403, "INVALID_CALLBACK_URL")


@pytest.mark.sec("SEC-023")
async def test_a_link_for_something_else_confirms_nothing() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        other = tokens.sign_claims(auth.call(), "another-purpose", {"email": ANN}, timedelta(hours=1))
        refused(await open_link(ann, other), 401, "INVALID_TOKEN")


async def test_the_link_of_a_better_auth_server_works_in_a_shared_database() -> None:
    clock = Clock()
    clock.now = clock.now.fromtimestamp(1795477252 + 3599, clock.now.tzinfo)
    auth = make_auth(secret=VECTOR_SECRET, shared_database=True, clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up(email="a@example.com")
        assert (await open_link(ann, VECTOR)).json() == {"status": True, "user": None}
        assert (await ann_of(auth, "a@example.com")).email_verified


async def test_verifying_from_python() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        token = await mailed(ann)
        assert await auth[EmailVerification].verify_email(auth.call(), VerifyEmail(token=token)) == Verified()
        with pytest.raises(ClaimsInvalid):
            await auth[EmailVerification].verify_email(auth.call(), VerifyEmail(token="x"))


# Send again


async def test_sending_again_for_somebody_who_is_signed_in() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        before = len((await ann.mail()).of("verify-email"))
        answer = await ann.api("/send-verification-email", {"email": "Ann@Example.com", "callbackURL": "/welcome"})
        assert (answer.status_code, answer.json()) == (200, {"status": True})
        assert len((await ann.mail()).of("verify-email")) == before + 1
        refused(await ann.api("/send-verification-email", {"email": BOB}), 400, "EMAIL_MISMATCH")
        refused(await ann.api("/send-verification-email", {"email": "x"}), 400, "VALIDATION_ERROR")
        await proved(auth)
        refused(await ann.api("/send-verification-email", {"email": BOB}), 400, "EMAIL_MISMATCH")
        refused(await ann.api("/send-verification-email", {"email": ANN}), 400, "EMAIL_ALREADY_VERIFIED")
        assert len((await ann.mail()).of("verify-email")) == before + 1
        send = auth[EmailVerification].send_verification_email
        with pytest.raises(EmailAlreadyVerified):
            await send(call_of(ann), SendVerification(email=ANN))
        assert (await send(auth.call(), SendVerification(email=ANN))).status


@pytest.mark.sec("SEC-060")
async def test_sending_again_does_not_tell_nobody_who_has_an_account() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as bob, browser(auth) as eve:
        await ann.sign_up()
        await bob.sign_up(email=BOB)
        await proved(auth, BOB)
        before = len((await ann.mail()).messages)
        alike(
            *[await eve.api("/send-verification-email", {"email": email}) for email in (ANN, BOB, "nobody@example.com")]
        )
        assert [message.to for message in (await ann.mail()).messages[before:]] == [ANN]


# Required


async def test_where_it_is_required_signing_in_waits_for_it_and_the_link_is_sent_although_refused() -> None:
    auth = make_auth(features=with_verification(required=True))
    async with serving(auth) as ann:
        await ann.sign_up()
        before = len((await ann.mail()).of("verify-email"))
        refused(await ann.sign_in(password="wrong"), 401, "INVALID_EMAIL_OR_PASSWORD")
        assert len((await ann.mail()).of("verify-email")) == before, "not for a guess"
        answer = await ann.sign_in(callbackURL="/welcome")
        refused(answer, 403, "EMAIL_NOT_VERIFIED")
        assert "set-cookie" not in answer.headers
        assert "location" not in answer.headers
        assert await auth.database.count(Session) == 0
        outbox = await ann.mail()
        assert len(outbox.of("verify-email")) == before + 1
        assert outbox.last("verify-email").context["url"].endswith("next=%2Fwelcome")
        await open_link(ann, outbox.last("verify-email").context["token"])
        assert (await ann.sign_in()).status_code == 200
        with pytest.raises(EmailNotVerified):
            await auth.database.update(User, {"email": ANN}, email_verified=False)
            await auth[Password].sign_in(auth.call(), SignIn(email=ANN, password=PASSWORD))
    blocked = [event for event in events_of(auth) if event.event == "auth.blocked"]
    assert [(event.outcome, event.reason) for event in blocked] == [("denied", "email not verified")] * 2


@pytest.mark.parametrize(
    ("choice", "at_sign_up", "at_sign_in"),
    [({}, 1, 1), ({"send_on_sign_in": False}, 1, 0), ({"send_on_sign_up": False}, 0, 1)],
)
async def test_when_the_link_is_sent_is_the_applications_choice(
    choice: dict[str, bool], at_sign_up: int, at_sign_in: int
) -> None:
    auth = make_auth(features=with_verification(required=True, **choice))
    async with serving(auth) as ann:
        await ann.sign_up()
        assert len((await ann.mail()).of("verify-email")) == at_sign_up
        refused(await ann.sign_in(), 403, "EMAIL_NOT_VERIFIED")
        assert len((await ann.mail()).of("verify-email")) == at_sign_up + at_sign_in


async def test_a_reset_proves_nothing_to_the_door_that_waits_for_verification() -> None:
    auth = make_auth(features=with_verification(required=True))
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.api("/request-password-reset", {"email": ANN})
        token = await mailed(ann, "reset-password")
        await ann.api("/reset-password", {"token": token, "newPassword": "a brand new password"})
        refused(await ann.sign_in(password="a brand new password"), 403, "EMAIL_NOT_VERIFIED")


# Change


@pytest.mark.sec("SEC-083")
async def test_the_old_mailbox_agrees_and_then_the_new_one_confirms() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        await proved(auth)
        answer = await ann.api("/change-email", {"newEmail": "New@Example.com", "callbackURL": "/settings"})
        assert (answer.status_code, answer.json()) == (200, {"status": True})
        first = (await ann.mail()).last("change-email")
        assert first.to == ANN
        assert NEW in first.text
        assert (await ann.mail()).messages[-1] is first, "the new mailbox hears nothing yet"
        answer = await open_link(ann, first.context["token"])
        assert (answer.status_code, answer.json()) == (200, {"status": True})
        assert (await ann.session())["user"]["email"] == ANN
        second = (await ann.mail()).last("verify-email")
        assert second.to == NEW
        assert second.subject == "Confirm your new email for authmw"
        answer = await open_link(ann, second.context["token"])
        assert answer.json()["status"] is True
        assert answer.json()["user"]["email"] == NEW
        user = (await ann.session())["user"]
        assert (user["email"], user["emailVerified"]) == (NEW, True)
        notice = (await ann.mail()).last("security-notice")
        assert (notice.to, notice.subject) == (ANN, "The email of your account was changed")
        assert NEW in notice.text
        refused(await ann.sign_in(), 401, "INVALID_EMAIL_OR_PASSWORD")
        assert (await ann.sign_in(email=NEW)).status_code == 200


@pytest.mark.sec("SEC-083")
@pytest.mark.parametrize("choice", [{}, {"confirm_change": False}])
async def test_where_the_old_mailbox_is_not_asked_it_is_told(choice: dict[str, bool]) -> None:
    auth = make_auth(features=with_verification(**choice))
    async with serving(auth) as ann:
        await ann.sign_up()
        if choice:
            await proved(auth)
        await ann.api("/change-email", {"newEmail": NEW})
        message = (await ann.mail()).last("verify-email")
        assert message.to == NEW
        assert (await open_link(ann, message.context["token"])).json()["user"]["email"] == NEW
        assert (await ann.mail()).last("security-notice").to == ANN


async def changing(auth: Auth[Any], ann: Browser) -> str:
    """Ann has signed up and asked for another address; return what her old mailbox got."""
    await ann.sign_up()
    await proved(auth)
    await ann.api("/change-email", {"newEmail": NEW})
    return await mailed(ann, "change-email")


def forge(auth: Auth[Any], token: str, **changes: Any) -> str:
    """The same link with other claims, as if our key had leaked to nobody but the test."""
    claims = {**tokens.read_claims(auth.call(), PURPOSE, token), **changes}
    kept = {key: value for key, value in claims.items() if value is not None}
    return tokens.sign_claims(auth.call(), PURPOSE, kept, timedelta(hours=1))


@pytest.mark.sec("SEC-083")
async def test_the_stages_can_be_neither_skipped_nor_swapped_nor_replayed() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        first = await changing(auth, ann)
        for skipped in (
            forge(auth, first, requestType=CONFIRM_AT_NEW),
            forge(auth, first, updateTo="else@example.com"),
            forge(auth, first, jti=None),
            forge(auth, first, jti="x" * 32),
            forge(auth, first, requestType="change-email"),
            forge(auth, first, requestType=None),
        ):
            refused(await open_link(ann, skipped), 401, "INVALID_TOKEN")
        assert (await ann_of(auth)).email == ANN
        assert (await open_link(ann, first)).status_code == 200
        letters = len((await ann.mail()).messages)
        refused(await open_link(ann, first), 401, "INVALID_TOKEN")
        assert len((await ann.mail()).messages) == letters, "no second letter to the new mailbox"
        second = await mailed(ann)
        refused(await open_link(ann, forge(auth, second, requestType=CONFIRM_AT_OLD)), 401, "INVALID_TOKEN")
        refused(await open_link(ann, forge(auth, second, updateTo="else@example.com")), 401, "INVALID_TOKEN")
        assert (await open_link(ann, second)).json()["user"]["email"] == NEW
        letters = len((await ann.mail()).messages)
        answer = await open_link(ann, second)
        assert (answer.status_code, answer.json()) == (200, {"status": True, "user": None})
        assert len((await ann.mail()).messages) == letters


@pytest.mark.sec("SEC-083")
async def test_a_used_link_is_dead_when_the_address_goes_back() -> None:
    auth = make_auth(features=with_verification(confirm_change=False))
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.api("/change-email", {"newEmail": NEW})
        there = await mailed(ann)
        await open_link(ann, there)
        await ann.api("/change-email", {"newEmail": ANN})
        await open_link(ann, await mailed(ann))
        assert (await ann_of(auth)).email == ANN
        refused(await open_link(ann, there), 401, "INVALID_TOKEN")
        assert (await ann_of(auth)).email == ANN


@pytest.mark.sec("SEC-083")
@pytest.mark.sec("SEC-024")
async def test_of_many_confirmations_at_once_one_changes_the_address() -> None:
    auth = make_auth(database=TurnTakingStore())
    async with serving(auth) as ann:
        await open_link(ann, await changing(auth, ann))
        second = await mailed(ann)
        answers = await asyncio.gather(*(open_link(ann, second) for _ in range(6)))
        assert sum(answer.json().get("user") is not None for answer in answers) == 1
        assert len((await ann.mail()).of("security-notice")) == 1
        assert (await ann_of(auth, NEW)).email_verified


@pytest.mark.sec("SEC-026")
async def test_asking_for_another_address_burns_what_was_asked_before() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        first = await changing(auth, ann)
        await ann.api("/change-email", {"newEmail": "newer@example.com"})
        refused(await open_link(ann, first), 401, "INVALID_TOKEN")
        assert (await open_link(ann, await mailed(ann, "change-email"))).status_code == 200


@pytest.mark.sec("SEC-083")
async def test_links_end_at_the_instant_and_may_be_opened_elsewhere_but_by_nobody_else() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann, browser(auth) as bob, browser(auth) as phone:
        first = await changing(auth, ann)
        await bob.sign_up(email=BOB)
        refused(await open_link(bob, first), 401, "INVALID_USER")
        clock.forward(minutes=59)
        assert (await open_link(phone, first)).status_code == 200
        second = await mailed(ann)
        clock.forward(minutes=60)
        refused(await open_link(ann, second), 401, "TOKEN_EXPIRED")
        assert (await ann_of(auth)).email == ANN


@pytest.mark.sec("SEC-060")
@pytest.mark.sec("SEC-083")
@pytest.mark.parametrize("verified", [False, True])
async def test_a_taken_address_answers_alike_and_gets_no_letter(verified: bool) -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        await bob.sign_up(email=BOB)
        if verified:
            await proved(auth)
        before = len((await ann.mail()).messages)
        free = await ann.api("/change-email", {"newEmail": NEW})
        taken = await ann.api("/change-email", {"newEmail": BOB})
        alike(free, taken)
        sent = (await ann.mail()).messages[before:]
        # The asker's own mailbox must not tell either: it is asked both times, and the other's never is.
        assert [message.to for message in sent] == ([ANN, ANN] if verified else [NEW])
        assert await ann_of(auth, BOB)


@pytest.mark.sec("SEC-083")
async def test_an_address_that_is_taken_meanwhile_is_not_given_twice() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as eve:
        first = await changing(auth, ann)
        await eve.sign_up(email=NEW)
        before = len((await ann.mail()).messages)
        assert (await open_link(ann, first)).json() == {"status": True}
        assert len((await ann.mail()).messages) == before
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as eve:
        await open_link(ann, await changing(auth, ann))
        second = await mailed(ann)
        await eve.sign_up(email=NEW)
        refused(await open_link(ann, second), 401, "INVALID_TOKEN")
        assert (await ann_of(auth)).email == ANN
        assert (await ann.session())["user"]["email"] == ANN


@pytest.mark.sec("SEC-027")
async def test_a_verification_link_does_not_outlive_a_change_of_address_nor_prove_anothers() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as eve:
        await ann.sign_up()
        old = await mailed(ann)
        await ann.api("/change-email", {"newEmail": NEW})
        await open_link(ann, await mailed(ann))
        refused(await open_link(ann, old), 401, "USER_NOT_FOUND")
        # Somebody else takes the old address; Ann's letter must not confirm it for them.
        await eve.sign_up(email=ANN)
        refused(await open_link(ann, old), 401, "USER_NOT_FOUND")
        assert not (await ann_of(auth)).email_verified


@pytest.mark.sec("SEC-083")
async def test_why_a_change_is_refused() -> None:
    clock = Clock()
    disabled = make_auth(features=with_verification(change_email=False))
    async with serving(disabled) as ann:
        refused(await ann.api("/change-email", {"newEmail": NEW}), 401, "UNAUTHORIZED")
        await ann.sign_up()
        refused(await ann.api("/change-email", {"newEmail": "x"}), 400, "VALIDATION_ERROR")
        refused(await ann.api("/change-email", {"newEmail": ANN}), 400, "CHANGE_EMAIL_DISABLED")
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        before = len((await ann.mail()).messages)
        clock.forward(days=1)
        answer = await ann.api("/change-email", {"newEmail": "ANN@example.com"})
        assert (answer.status_code, answer.json()) == (400, {"message": "Email is the same"})
        refused(await ann.api("/change-email", {"newEmail": NEW}), 403, "SESSION_NOT_FRESH")
        change = auth[EmailVerification].change_email
        with pytest.raises(SessionNotFresh):
            await change(call_of(ann), ChangeEmail(new_email=NEW))
        with pytest.raises(Unauthorized):
            await change(auth.call(), ChangeEmail(new_email=NEW))
        assert len((await ann.mail()).messages) == before
        await ann.sign_in()
        assert (await change(call_of(ann), ChangeEmail(new_email=NEW))).status


async def test_a_changed_address_shows_in_the_cached_cookie_at_once() -> None:
    auth = make_auth(cookie_cache=timedelta(minutes=5))
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.api("/change-email", {"newEmail": NEW})
        answer = await open_link(ann, await mailed(ann))
        assert "better-auth.session_data" in cookies_set(answer)
        assert (await ann.session())["user"]["email"] == NEW


def test_the_secrets_of_the_tests_are_good_ones() -> None:
    for secret in (SECRET, VECTOR_SECRET):
        assert Settings(secret=secret, environment={}).load_secrets()
