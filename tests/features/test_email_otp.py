"""Codes by mail: sign in, confirm an address, reset a password, change the address; over JSON and on the screen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from authmw import Auth, Public, User
from authmw.core.model import Account as AccountRow
from authmw.core.model import Session, Verification
from authmw.features import Account, EmailOtp, EmailVerification, Password, Sessions
from authmw.stores.memory import MemoryStore
from tests.support import (
    PASSWORD,
    Browser,
    Clock,
    TurnTakingStore,
    alike,
    browser,
    cookies_set,
    count_hashes,
    events_of,
    make_auth,
    outbox_of,
    refused,
    serving,
)

pytestmark = pytest.mark.anyio

ANN, BOB, NEW = "ann@example.com", "bob@example.com", "new@example.com"
NEW_PASSWORD = "another horse battery"
SEND, CHECK = "/email-otp/send-verification-otp", "/email-otp/check-verification-otp"
VERIFY, SIGN_IN = "/email-otp/verify-email", "/sign-in/email-otp"
REQUEST_RESET, RESET = "/email-otp/request-password-reset", "/email-otp/reset-password"
REQUEST_CHANGE, CHANGE = "/email-otp/request-email-change", "/email-otp/change-email"
KINDS = ("email-verification", "sign-in", "forget-password")
OVER = (*((400, "INVALID_OTP"),) * 3, (403, "TOO_MANY_ATTEMPTS"))


class SlowStore(TurnTakingStore):
    """All others have a turn after a try was counted, too: several prove the same code before one spends it."""

    async def update(self, table: Any, where: Any, /, **changes: Any) -> int:
        changed = await super().update(table, where, **changes)
        for _ in range(16 * changed):
            await asyncio.sleep(0)
        return changed


def with_codes(**more: Any) -> Auth[Any]:
    names = ("lifetime", "sign_up", "change_email", "verify_current_email")
    options = {name: more.pop(name) for name in names if name in more}
    kept = [Password(**more.pop("password", {})), EmailVerification(**more.pop("verification", {}))]
    return make_auth(features=[*kept, Account(), Sessions(), EmailOtp(**options)], **more)


async def proved(auth: Auth[Any], email: str = ANN) -> None:
    assert await auth.database.update(auth.user_type, {"email": email}, email_verified=True)


async def newest(auth: Auth[Any], to: str = ANN) -> str:
    await auth.mail.idle()
    code = [letter for letter in outbox_of(auth).of("email-otp") if letter.to == to][-1].context["otp"]
    assert isinstance(code, str) and len(code) == 6 and code.isascii() and code.isdigit()
    return code


async def code_for(person: Browser, kind: str, email: str = ANN) -> str:
    answer = await person.api(SEND, {"email": email, "type": kind})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    return await newest(person.mw, email.lower())


def another_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def said(answer: Any, status: int, message: str) -> None:
    """Refused without a code: the words are the wire's."""
    assert (answer.status_code, answer.json()) == (status, {"message": message})


async def rows(auth: Auth[Any]) -> list[Verification]:
    return await auth.database.find_all(Verification, limit=None)


# Sending


@pytest.mark.parametrize(
    "email", ["", "ann", "ann@example", "ann@example.com\r\nBcc: eve@example.com", "ａnn@example.com"]
)
async def test_no_code_is_sent_to_what_is_no_address(email: str) -> None:
    auth = with_codes()
    async with serving(auth) as person:
        for path in (SEND, CHECK):
            answer = await person.api(path, {"email": email, "type": "sign-in", "otp": "123456"})
            refused(answer, 400, "INVALID_EMAIL")
        # The address is looked at first.
        refused(await person.api(SEND, {"email": email, "type": "change-email"}), 400, "INVALID_EMAIL")
        assert await rows(auth) == []


async def test_a_code_for_a_change_of_address_has_a_route_of_its_own() -> None:
    async with serving(with_codes()) as person:
        said(await person.api(SEND, {"email": ANN, "type": "change-email"}), 400, "Invalid OTP type")
        refused(await person.api(SEND, {"email": ANN, "type": "two-factor"}), 400, "VALIDATION_ERROR")


async def test_a_code_goes_to_the_address_as_it_is_stored() -> None:
    auth = with_codes()
    async with serving(auth) as ann:
        await ann.sign_up()
        code = await code_for(ann, "sign-in", "ANN@Example.com")
        assert outbox_of(auth).last("email-otp").to == ANN
        assert (await ann.api(SIGN_IN, {"email": "Ann@EXAMPLE.com", "otp": code})).status_code == 200


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("sign-in", "Enter this code to sign in:"),
        ("email-verification", "Enter this code to confirm that this address is yours:"),
        ("forget-password", "Enter this code to choose a new password:"),
    ],
)
async def test_the_letter_says_what_the_code_is_for(kind: str, words: str) -> None:
    async with serving(with_codes()) as ann:
        await ann.sign_up()
        code = await code_for(ann, kind)
        letter = outbox_of(ann.mw).last("email-otp")
        assert words in letter.text and words in letter.html
        assert code in letter.text and code not in letter.subject
        assert "do nothing" in letter.text and "5 minutes" in letter.text


@pytest.mark.sec("SEC-066")
async def test_an_address_gets_five_codes_an_hour_and_nobody_can_tell() -> None:
    clock = Clock()
    auth = with_codes(clock=clock, rate_limit=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        for _ in range(7):
            assert (await ann.api(SEND, {"email": ANN, "type": "sign-in"})).json() == {"success": True}
            clock.forward(minutes=1)
        await auth.mail.idle()
        assert len(outbox_of(auth).of("email-otp")) == 5
        last = await code_for(ann, "sign-in")
        assert len(outbox_of(auth).of("email-otp")) == 5
        await ann.api("/sign-out", {})
        clock.forward(minutes=-3)  # the last that was mailed did not burn for those that were not
        assert (await ann.api(SIGN_IN, {"email": ANN, "otp": last})).status_code == 200


@pytest.mark.parametrize("path", [SEND, CHECK, VERIFY, SIGN_IN, REQUEST_RESET, "/forget-password/email-otp", RESET])
@pytest.mark.sec("SEC-062")
async def test_each_route_takes_three_calls_a_minute(path: str) -> None:
    body = {"email": ANN, "type": "sign-in", "otp": "123456", "password": NEW_PASSWORD}
    async with serving(with_codes(rate_limit=True)) as person:
        for _ in range(3):
            assert (await person.api(path, body)).status_code != 429
        assert (await person.api(path, body)).status_code == 429


@pytest.mark.sec("SEC-170")
async def test_another_site_sends_nothing_and_signs_nobody_in() -> None:
    async with serving(with_codes()) as person:
        for path in (SEND, SIGN_IN):
            body = {"email": ANN, "type": "sign-in", "otp": "123456"}
            answer = await person.api(path, body, headers={"origin": "https://evil.example"})
            refused(answer, 403, "INVALID_ORIGIN")


# Signing in


async def test_a_code_signs_in_and_is_spent() -> None:
    auth = with_codes()
    async with serving(auth) as ann, browser(auth) as phone:
        await ann.sign_up()
        await proved(auth)
        code = await code_for(phone, "sign-in")
        answer = await phone.api(SIGN_IN, {"email": ANN, "otp": f" {code[:3]}-{code[3:]} "})
        assert answer.status_code == 200 and set(answer.json()) == {"token", "user"}
        assert answer.json()["token"] == (await phone.session())["session"]["token"]
        assert answer.json()["user"]["email"] == ANN
        assert await ann.session() is not None, "who was signed in stays so"
        refused(await phone.api(SIGN_IN, {"email": ANN, "otp": code}), 400, "INVALID_OTP")
        assert events_of(auth)[-1].reason == "invalid otp"
        signed_in = [each for each in events_of(auth) if each.event == "auth.sign_in" and each.outcome == "success"]
        assert signed_in[-1].about["proved_by"] == "email-otp"


async def test_somebody_new_is_signed_up_with_an_address_that_is_proved() -> None:
    auth = with_codes()
    async with serving(auth) as bob:
        code = await code_for(bob, "sign-in", BOB)
        body = {"email": "Bob@example.com", "otp": code, "name": "Bob", "image": "https://example.com/b.png"}
        user = (await bob.api(SIGN_IN, body)).json()["user"]
        assert (user["email"], user["name"], user["emailVerified"]) == (BOB, "Bob", True)
        assert user["image"] == "https://example.com/b.png"
        assert await auth.database.find_all(AccountRow) == []
        assert [each.kind for each in (await bob.mail()).messages] == ["email-otp"], "nothing is left to confirm"


async def test_a_new_user_needs_no_name() -> None:
    async with serving(with_codes()) as bob:
        code = await code_for(bob, "sign-in", BOB)
        assert (await bob.api(SIGN_IN, {"email": BOB, "otp": code})).json()["user"]["name"] == ""


@dataclass(frozen=True, kw_only=True)
class Member(User):
    town: str = field(metadata=Public())
    role: str = "user"


async def test_a_new_user_s_own_fields_are_checked_before_the_code_is_spent() -> None:
    async with serving(with_codes(user_type=Member)) as bob:
        code = await code_for(bob, "sign-in", BOB)
        refused(await bob.api(SIGN_IN, {"email": BOB, "otp": code}), 400, "MISSING_FIELD")
        refused(
            await bob.api(SIGN_IN, {"email": BOB, "otp": code, "town": "X", "role": "admin"}), 400, "FIELD_NOT_ALLOWED"
        )
        answer = await bob.api(SIGN_IN, {"email": BOB, "otp": code, "town": "Visby"})
        assert answer.json()["user"]["town"] == "Visby"


async def test_with_sign_up_closed_nobody_new_is_made() -> None:
    auth = with_codes(sign_up=False)
    async with serving(auth) as bob:
        await bob.api(SEND, {"email": BOB, "type": "sign-in"})
        assert (await bob.mail()).messages == []
        refused(await bob.api(SIGN_IN, {"email": BOB, "otp": "123456"}), 400, "INVALID_OTP")
        assert await auth.database.find_all(User) == []


@pytest.mark.sec("SEC-081")
async def test_what_stood_on_an_address_that_nobody_had_proved_is_dropped() -> None:
    auth = with_codes()
    async with serving(auth) as impostor, browser(auth) as ann:
        await impostor.sign_up()
        code = await code_for(ann, "sign-in")
        user = (await ann.api(SIGN_IN, {"email": ANN, "otp": code})).json()["user"]
        assert user["emailVerified"] is True
        assert await impostor.session() is None
        refused(await impostor.sign_in(), 401, "INVALID_EMAIL_OR_PASSWORD")
        assert (await ann.session())["user"]["id"] == user["id"]


async def test_an_address_that_must_be_confirmed_is_confirmed_by_the_code() -> None:
    auth = with_codes(verification={"required": True})
    async with serving(auth) as ann:
        await ann.sign_up()
        refused(await ann.sign_in(), 403, "EMAIL_NOT_VERIFIED")
        code = await code_for(ann, "sign-in")
        assert (await ann.api(SIGN_IN, {"email": ANN, "otp": code})).status_code == 200


# Tries, time, and who may use a code


@pytest.mark.parametrize(
    "given", ["", "12345", "1234567", "１２３４５６", "١٢٣٤٥٦", "abcdef", "+12345", "123456" * 500]
)
async def test_what_is_no_code_is_wrong(given: str) -> None:
    async with serving(with_codes()) as ann:
        await ann.sign_up()
        await code_for(ann, "sign-in")
        refused(await ann.api(SIGN_IN, {"email": ANN, "otp": given}), 400, "INVALID_OTP")


async def test_full_width_digits_of_the_right_code_are_wrong() -> None:
    async with serving(with_codes(shared_database=True)) as ann:
        await ann.sign_up()
        code = await code_for(ann, "sign-in")
        wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
        refused(await ann.api(SIGN_IN, {"email": ANN, "otp": wide}), 400, "INVALID_OTP")


async def attempt(person: Browser, kind: str, otp: str, email: str = ANN) -> Any:
    path = {"email-verification": VERIFY, "sign-in": SIGN_IN, "forget-password": RESET}[kind]
    return await person.api(path, {"email": email, "otp": otp, "password": NEW_PASSWORD})


@pytest.mark.sec("SEC-066")
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_three_wrong_codes_are_wrong_and_the_fourth_is_one_too_many(kind: str, shared: bool) -> None:
    auth = with_codes(shared_database=shared)
    async with serving(auth) as ann:
        await ann.sign_up()
        code = await code_for(ann, kind)
        for _ in range(3):
            refused(await attempt(ann, kind, another_than(code)), 400, "INVALID_OTP")
        refused(await attempt(ann, kind, code), 403, "TOO_MANY_ATTEMPTS")
        refused(await attempt(ann, kind, code), 400, "INVALID_OTP")
        assert (await attempt(ann, kind, await code_for(ann, kind))).status_code == 200, "a new code starts anew"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_code_that_came_too_late_says_so_once(kind: str) -> None:
    clock = Clock()
    async with serving(with_codes(clock=clock)) as ann:
        await ann.sign_up()
        code = await code_for(ann, kind)
        refused(await attempt(ann, kind, another_than(code)), 400, "INVALID_OTP")
        clock.forward(minutes=5)
        refused(await attempt(ann, kind, code), 400, "OTP_EXPIRED")
        refused(await attempt(ann, kind, code), 400, "INVALID_OTP")


async def test_how_long_a_code_lasts_is_an_option() -> None:
    clock = Clock()
    async with serving(with_codes(clock=clock, lifetime=timedelta(minutes=1))) as ann:
        await ann.sign_up()
        code = await code_for(ann, "sign-in")
        clock.forward(seconds=59)
        assert (await attempt(ann, "sign-in", code)).status_code == 200


@pytest.mark.sec("SEC-026")
async def test_the_newest_code_is_the_one_that_works() -> None:
    clock = Clock()
    async with serving(with_codes(clock=clock)) as ann:
        await ann.sign_up()
        old, new = await code_for(ann, "sign-in"), await code_for(ann, "sign-in")
        assert len(await rows(ann.mw)) == 1
        if old != new:
            refused(await attempt(ann, "sign-in", old), 400, "INVALID_OTP")
        assert (await attempt(ann, "sign-in", new)).status_code == 200


@pytest.mark.sec("SEC-066")
@pytest.mark.parametrize("path", [SIGN_IN, CHECK, RESET])
async def test_of_many_guesses_at_once_three_are_looked_at(path: str) -> None:
    auth = with_codes(database=TurnTakingStore())
    async with serving(auth) as ann:
        await ann.sign_up()
        kind = "forget-password" if path == RESET else "sign-in"
        code = await code_for(ann, kind)
        body = {"email": ANN, "type": kind, "otp": another_than(code), "password": NEW_PASSWORD}
        answers = await asyncio.gather(*(ann.api(path, body) for _ in range(16)))
        assert {answer.status_code for answer in answers} <= {400, 403}
        assert [event.event for event in events_of(auth)].count("otp.failed") == 3
        assert (await ann.api(path, {**body, "otp": code})).status_code in (400, 403), "the right one comes too late"


@pytest.mark.sec("SEC-024")
@pytest.mark.parametrize("store", [TurnTakingStore, SlowStore])
@pytest.mark.parametrize("email", [ANN, BOB])
async def test_of_many_with_the_right_code_one_gets_in(email: str, store: Callable[[], TurnTakingStore]) -> None:
    auth = with_codes(database=store())
    async with serving(auth) as ann:
        await ann.sign_up()
        await proved(auth)
        code = await code_for(ann, "sign-in", email)
        others = [browser(auth) for _ in range(16)]
        answers = await asyncio.gather(*(each.api(SIGN_IN, {"email": email, "otp": code}) for each in others))
        assert [answer.status_code for answer in answers].count(200) == 1
        assert len(await auth.database.find_all(Session)) == 2


@pytest.mark.sec("SEC-023")
@pytest.mark.parametrize("shared", [False, True])
async def test_a_code_is_good_for_what_it_was_sent_for_and_nothing_else(shared: bool) -> None:
    auth = with_codes(change_email=True, shared_database=shared)
    async with serving(auth) as ann, browser(auth) as other:
        await ann.sign_up()
        await proved(auth)
        for sent_for in (*KINDS, "change-email", "reauth"):
            if sent_for == "change-email":
                await ann.api(REQUEST_CHANGE, {"newEmail": NEW})
                code = await newest(auth, NEW)
            elif sent_for == "reauth":
                await auth.database.delete(AccountRow, provider_id="credential")
                assert (await ann.api("/reauth/send-code", {})).status_code == 200
                code = await newest(auth)
            else:
                code = await code_for(other, sent_for)
            for kind in KINDS:
                if kind != sent_for:
                    for email in (ANN, NEW):
                        refused(await attempt(other, kind, code, email), 400, "INVALID_OTP")
                    refused(await other.api(CHECK, {"email": ANN, "type": kind, "otp": code}), 400, "INVALID_OTP")
            if sent_for != "change-email":
                refused(await ann.api(CHANGE, {"newEmail": NEW, "otp": code}), 400, "INVALID_OTP")
            if sent_for != "reauth":
                assert (await ann.api("/reauth", {"code": code})).status_code == 400
            await auth.database.delete(Verification, expires_at=(await rows(auth))[0].expires_at)


@pytest.mark.sec("SEC-027")
async def test_a_code_is_no_proof_for_whoever_has_the_address_next() -> None:
    auth = with_codes()
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        code = await code_for(ann, "sign-in")
        assert await auth.database.update(User, {"email": ANN}, email="gone@example.com")
        await bob.sign_up(ANN, "Bob")
        refused(await attempt(ann, "sign-in", code), 400, "INVALID_OTP")


@pytest.mark.sec("SEC-008")
async def test_a_new_password_burns_the_codes_that_are_out() -> None:
    auth = with_codes()
    async with serving(auth) as ann:
        await ann.sign_up()
        code = await code_for(ann, "sign-in")
        answer = await ann.api("/change-password", {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})
        assert answer.status_code == 200
        refused(await attempt(ann, "sign-in", code), 400, "INVALID_OTP")


@pytest.mark.sec("SEC-025")
async def test_a_fault_after_the_proof_leaves_the_code_good(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = with_codes()
    async with serving(auth) as ann:
        await ann.sign_up()
        await proved(auth)
        code = await code_for(ann, "sign-in")

        async def fails(*_: Any, **__: Any) -> Any:
            raise RuntimeError("boom")

        with monkeypatch.context() as patch:
            patch.setattr("authmw.features.email_otp.continue_sign_in", fails)
            assert (await attempt(ann, "sign-in", code)).status_code == 500
        assert (await attempt(ann, "sign-in", code)).status_code == 200
        refused(await attempt(ann, "sign-in", code), 400, "INVALID_OTP")


@pytest.mark.sec("SEC-021")
async def test_no_code_stands_in_a_row_an_event_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    auth = with_codes(change_email=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        codes = [await code_for(ann, kind) for kind in KINDS]
        await ann.api(REQUEST_CHANGE, {"newEmail": NEW})
        codes.append(await newest(auth, NEW))
        kept = await rows(auth)
        assert {row.identifier for row in kept} == {
            *(f"{kind}-otp-{ANN}" for kind in KINDS),
            f"change-email-otp-{ANN}-{NEW}",
        }
        assert {row.value.rpartition(":")[2] for row in kept} == {"0"}
        for code, kind in zip(codes, KINDS, strict=False):
            await attempt(ann, kind, another_than(code))
        seen = repr([(row.identifier, row.value) for row in kept]) + repr(events_of(auth)) + caplog.text
        assert [code for code in codes if code in seen] == []


async def test_in_a_shared_database_codes_stand_as_better_auth_keeps_them() -> None:
    auth = with_codes(shared_database=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        code = await code_for(ann, "sign-in")
        (row,) = await rows(auth)
        assert (row.identifier, row.value) == (f"sign-in-otp-{ANN}", f"{code}:0")
        await attempt(ann, "sign-in", another_than(code))
        assert (await rows(auth))[0].value == f"{code}:1"
        # And one that a Better Auth server has sent: it says nothing of whose it is.
        now = auth.clock()
        theirs = Verification(
            id="theirs",
            identifier=f"forget-password-otp-{ANN}",
            value="012345:0",
            expires_at=now + timedelta(minutes=5),
            created_at=now,
            updated_at=now,
        )
        await auth.database.insert(theirs)
        assert (await attempt(ann, "forget-password", "012345")).status_code == 200


@pytest.mark.sec("SEC-060")
async def test_what_stands_there_for_whom_no_letter_goes_to_is_no_code() -> None:
    auth = with_codes(shared_database=True, sign_up=False, change_email=True)
    async with serving(auth) as ann, browser(auth) as bob:
        await bob.sign_up(BOB, "Bob")
        await ann.sign_up()
        for kind in KINDS:
            await ann.api(SEND, {"email": NEW, "type": kind})
        await ann.api(REQUEST_CHANGE, {"newEmail": BOB})
        kept = await rows(auth)
        assert len(kept) == 4
        assert [row.value for row in kept if re.match(r"\d{6}:", row.value)] == []
        for kind in KINDS:
            for row, refusal in zip(kept, OVER, strict=True):
                refused(await attempt(ann, kind, row.value.rpartition(":")[0], NEW), *refusal)


async def test_an_address_too_long_for_the_column_works_as_well() -> None:
    long = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.com"
    async with serving(with_codes()) as ann:
        await ann.sign_up(long)
        code = await code_for(ann, "email-verification", long)
        assert max(len(row.identifier) for row in await rows(ann.mw)) <= 255
        assert (await attempt(ann, "email-verification", code, long)).status_code == 200


# Nobody can tell who has an account


@pytest.mark.sec("SEC-060")
@pytest.mark.parametrize("sign_up", [True, False])
@pytest.mark.parametrize(
    ("path", "kind"), [*((SEND, kind) for kind in KINDS), (REQUEST_RESET, ""), ("/forget-password/email-otp", "")]
)
async def test_known_and_unknown_addresses_answer_alike(path: str, kind: str, sign_up: bool) -> None:
    auth = with_codes(sign_up=sign_up)
    async with serving(auth) as ann, browser(auth) as asker, browser(auth) as stranger:
        await ann.sign_up()
        await ann.mail()
        outbox_of(auth).messages.clear()
        body = {"type": kind} if kind else {}
        known = await asker.api(path, {"email": ANN, **body})
        unknown = await stranger.api(path, {"email": BOB, **body})
        alike(known, unknown)
        assert known.json() == {"success": True}
        to = [letter.to for letter in (await ann.mail()).messages]
        assert to == ([ANN, BOB] if kind == "sign-in" and sign_up else [ANN])


@pytest.mark.sec("SEC-060")
@pytest.mark.sec("SEC-066")
@pytest.mark.parametrize("was_sent", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_wrong_codes_for_known_and_unknown_addresses_answer_alike(kind: str, was_sent: bool) -> None:
    clock = Clock()
    auth = with_codes(sign_up=False, clock=clock)
    async with serving(auth) as ann, browser(auth) as stranger:
        await ann.sign_up()
        ann.cookies.clear()
        for times in (5, 1):
            if was_sent:
                for email in (ANN, BOB):
                    await stranger.api(SEND, {"email": email, "type": kind})
            for _ in range(times):
                alike(await attempt(ann, kind, "wrong"), await attempt(stranger, kind, "wrong", BOB))
                checks = [{"email": email, "type": kind, "otp": "wrong"} for email in (ANN, BOB)]
                alike(await ann.api(CHECK, checks[0]), await stranger.api(CHECK, checks[1]))
        if was_sent:
            clock.forward(minutes=5)
            late, never = await attempt(ann, kind, "wrong"), await attempt(stranger, kind, "wrong", BOB)
            alike(late, never)
            refused(late, 400, "OTP_EXPIRED")


def counted(run: Callable[..., Any], verb: str, done: list[str]) -> Callable[..., Any]:
    def count(*given: Any, **more: Any) -> Any:
        done.append(verb)
        return run(*given, **more)

    return count


@pytest.mark.sec("SEC-061")
async def test_known_and_unknown_addresses_cost_the_same_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = with_codes(sign_up=False)
    done: list[str] = []
    for verb in ("find", "find_all", "update", "delete", "insert", "take"):
        monkeypatch.setattr(MemoryStore, verb, counted(getattr(MemoryStore, verb), verb, done))
    async with serving(auth) as ann:
        await ann.sign_up()
        await proved(auth)
        ann.cookies.clear()
        for step in range(3):
            seen = []
            for email in (ANN, BOB):
                done.clear()
                if step == 1:
                    await attempt(ann, "sign-in", "wrong", email)
                else:
                    await ann.api(SEND, {"email": email, "type": "sign-in"})
                seen.append(list(done))
            assert seen[0] == seen[1] != []


async def test_no_password_is_hashed_for_a_guess() -> None:
    auth = with_codes()
    async with serving(auth) as ann:
        await ann.sign_up()
        await code_for(ann, "forget-password")
        done = count_hashes(auth)
        for email in (ANN, BOB):
            refused(await attempt(ann, "forget-password", "wrong", email), 400, "INVALID_OTP")
        assert done == []


# Checking


async def test_checking_leaves_a_code_as_it_is_and_counts_wrong_ones() -> None:
    auth = with_codes()
    async with serving(auth) as ann:
        await ann.sign_up()
        code = await code_for(ann, "sign-in")
        right, wrong = ({"email": ANN, "type": "sign-in", "otp": otp} for otp in (code, another_than(code)))
        for _ in range(5):
            assert (await ann.api(CHECK, right)).json() == {"success": True}
        for _ in range(2):
            refused(await ann.api(CHECK, wrong), 400, "INVALID_OTP")
        assert (await ann.api(CHECK, right)).status_code == 200
        refused(await ann.api(CHECK, wrong), 400, "INVALID_OTP")
        refused(await ann.api(CHECK, right), 403, "TOO_MANY_ATTEMPTS")
        refused(await ann.api(CHECK, right), 400, "INVALID_OTP")


async def test_a_right_code_of_nobody_says_that_there_is_nobody() -> None:
    async with serving(with_codes()) as bob:
        code = await code_for(bob, "sign-in", BOB)
        refused(await bob.api(CHECK, {"email": BOB, "type": "sign-in", "otp": code}), 400, "USER_NOT_FOUND")
        assert (await attempt(bob, "sign-in", code, BOB)).status_code == 200, "it is still good"


async def test_checking_says_what_is_too_late() -> None:
    clock = Clock()
    async with serving(with_codes(clock=clock)) as ann:
        await ann.sign_up()
        code = await code_for(ann, "sign-in")
        clock.forward(minutes=5)
        refused(await ann.api(CHECK, {"email": ANN, "type": "sign-in", "otp": code}), 400, "OTP_EXPIRED")


# Confirming an address


async def test_a_code_confirms_an_address_and_keeps_what_stands_on_it() -> None:
    auth = with_codes()
    async with serving(auth) as ann, browser(auth) as phone:
        await ann.sign_up()
        code = await code_for(phone, "email-verification")
        answer = (await attempt(phone, "email-verification", code)).json()
        assert (answer["status"], answer["token"], answer["user"]["emailVerified"]) == (True, None, True)
        assert await phone.session() is None
        assert (await ann.session())["user"]["emailVerified"] is True
        assert (await phone.sign_in()).status_code == 200


async def test_who_confirms_their_own_address_sees_it_at_once() -> None:
    async with serving(with_codes(cookie_cache=timedelta(minutes=5))) as ann:
        await ann.sign_up()
        answer = await attempt(ann, "email-verification", await code_for(ann, "email-verification"))
        assert any("session_token" in name for name in cookies_set(answer))
        assert (await ann.session())["user"]["emailVerified"] is True


async def test_confirming_signs_in_where_confirming_by_link_does() -> None:
    auth = with_codes(verification={"required": True, "auto_sign_in": True})
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await attempt(ann, "email-verification", await code_for(ann, "email-verification"))
        assert answer.json()["token"] == (await ann.session())["session"]["token"]


# Resetting a password


@pytest.mark.parametrize("path", [REQUEST_RESET, "/forget-password/email-otp"])
async def test_a_code_sets_a_new_password_and_ends_every_session(path: str) -> None:
    auth = with_codes()
    async with serving(auth) as ann, browser(auth) as phone:
        await ann.sign_up()
        await proved(auth)
        assert (await phone.api(path, {"email": ANN})).json() == {"success": True}
        answer = await attempt(phone, "forget-password", await newest(auth))
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert cookies_set(answer) == {}, "nobody is signed in by it"
        assert await ann.session() is None
        refused(await phone.sign_in(), 401, "INVALID_EMAIL_OR_PASSWORD")
        assert (await phone.sign_in(password=NEW_PASSWORD)).status_code == 200
        assert (await ann.mail()).last("security-notice").to == ANN


async def test_sessions_stay_where_a_reset_is_said_to_leave_them() -> None:
    auth = with_codes(password={"revoke_sessions_on_password_reset": False})
    async with serving(auth) as ann:
        await ann.sign_up()
        await proved(auth)
        assert (await attempt(ann, "forget-password", await code_for(ann, "forget-password"))).status_code == 200
        assert await ann.session() is not None


async def test_the_length_is_judged_before_the_code() -> None:
    auth = with_codes()
    async with serving(auth) as ann:
        await ann.sign_up()
        code = await code_for(ann, "forget-password")
        for password, refusal in (("short", "PASSWORD_TOO_SHORT"), ("x" * 129, "PASSWORD_TOO_LONG")):
            for otp in (code, "wrong") * 3:
                refused(await ann.api(RESET, {"email": ANN, "otp": otp, "password": password}), 400, refusal)
        assert (await attempt(ann, "forget-password", code)).status_code == 200


@pytest.mark.sec("SEC-081")
async def test_a_reset_proves_the_address_and_drops_what_was_there() -> None:
    auth = with_codes(password={"revoke_sessions_on_password_reset": False})
    async with serving(auth) as impostor, browser(auth) as ann:
        await impostor.sign_up()
        await attempt(ann, "forget-password", await code_for(ann, "forget-password"))
        assert await impostor.session() is None
        assert (await ann.sign_in(password=NEW_PASSWORD)).json()["user"]["emailVerified"] is True


async def test_somebody_without_a_password_gets_one() -> None:
    auth = with_codes()
    async with serving(auth) as bob:
        await attempt(bob, "sign-in", await code_for(bob, "sign-in", BOB), BOB)
        await attempt(bob, "forget-password", await code_for(bob, "forget-password", BOB), BOB)
        assert (await bob.sign_in(BOB, NEW_PASSWORD)).status_code == 200


# Changing the address


async def test_changing_by_code_is_switched_off_unless_it_is_asked_for() -> None:
    async with serving(with_codes()) as ann:
        await ann.sign_up()
        for path in (REQUEST_CHANGE, CHANGE):
            answer = await ann.api(path, {"newEmail": "no address", "otp": "123456"})
            said(answer, 400, "Change email with OTP is disabled")


async def test_nobody_changes_an_address() -> None:
    async with serving(with_codes(change_email=True)) as nobody:
        for path in (REQUEST_CHANGE, CHANGE):
            refused(await nobody.api(path, {"newEmail": NEW, "otp": "123456"}), 401, "UNAUTHORIZED")


async def test_a_new_address_must_be_one_and_another() -> None:
    async with serving(with_codes(change_email=True)) as ann:
        await ann.sign_up()
        for path in (REQUEST_CHANGE, CHANGE):
            refused(await ann.api(path, {"newEmail": "no address", "otp": "123456"}), 400, "INVALID_EMAIL")
            said(await ann.api(path, {"newEmail": "ANN@example.com", "otp": "123456"}), 400, "Email is the same")


@pytest.mark.sec("SEC-083")
async def test_a_code_changes_the_address_and_the_old_one_is_told() -> None:
    auth = with_codes(change_email=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        assert (await ann.api(REQUEST_CHANGE, {"newEmail": "New@example.com"})).json() == {"success": True}
        code = await newest(auth, NEW)
        assert "use this address" in outbox_of(auth).last("email-otp").text
        before = (await ann.session())["session"]["token"]
        answer = await ann.api(CHANGE, {"newEmail": NEW, "otp": code})
        assert answer.json() == {"success": True}
        assert any("session_token" in name for name in cookies_set(answer))
        now = await ann.session()
        assert (now["user"]["email"], now["user"]["emailVerified"]) == (NEW, True)
        assert now["session"]["token"] == before
        notice = (await ann.mail()).last("security-notice")
        assert (notice.to, notice.subject) == (ANN, "The email of your account was changed")


@pytest.mark.sec("SEC-083")
async def test_a_session_that_is_not_fresh_asks_for_no_change() -> None:
    clock = Clock()
    async with serving(with_codes(change_email=True, clock=clock)) as ann:
        await ann.sign_up()
        clock.forward(days=1, minutes=1)
        refused(await ann.api(REQUEST_CHANGE, {"newEmail": NEW}), 403, "SESSION_NOT_FRESH")


@pytest.mark.sec("SEC-060")
@pytest.mark.sec("SEC-083")
async def test_a_taken_address_answers_like_a_free_one() -> None:
    auth = with_codes(change_email=True)
    async with serving(auth) as ann, browser(auth) as bob:
        await bob.sign_up(BOB, "Bob")
        await ann.sign_up()
        alike(await ann.api(REQUEST_CHANGE, {"newEmail": BOB}), await ann.api(REQUEST_CHANGE, {"newEmail": NEW}))
        assert [letter.to for letter in (await ann.mail()).of("email-otp")] == [NEW]
        tries = []
        for new in (BOB, NEW):
            await ann.api(REQUEST_CHANGE, {"newEmail": new})
            tries.append([await ann.api(CHANGE, {"newEmail": new, "otp": "wrong"}) for _ in range(5)])
        for taken, free in zip(*tries, strict=True):
            alike(taken, free)
        assert [answer.status_code for answer in tries[0]] == [400, 400, 400, 403, 400]


@pytest.mark.sec("SEC-083")
async def test_an_address_that_somebody_took_meanwhile_is_not_changed_to() -> None:
    auth = with_codes(change_email=True)
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        await ann.api(REQUEST_CHANGE, {"newEmail": NEW})
        await bob.sign_up(NEW, "Bob")
        said(await ann.api(CHANGE, {"newEmail": NEW, "otp": await newest(auth, NEW)}), 400, "Email already in use")
        assert (await ann.session())["user"]["email"] == ANN


@pytest.mark.sec("SEC-083")
async def test_the_present_address_is_proved_first_where_that_is_asked_for() -> None:
    auth = with_codes(change_email=True, verify_current_email=True)
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await ann.api(REQUEST_CHANGE, {"newEmail": NEW})
        said(answer, 400, "OTP is required to verify current email")
        mine = await code_for(ann, "email-verification")
        refused(await ann.api(REQUEST_CHANGE, {"newEmail": NEW, "otp": another_than(mine)}), 400, "INVALID_OTP")
        assert (await ann.api(REQUEST_CHANGE, {"newEmail": NEW, "otp": mine})).status_code == 200
        refused(await ann.api(REQUEST_CHANGE, {"newEmail": NEW, "otp": mine}), 400, "INVALID_OTP")
        refused(await ann.api(CHANGE, {"newEmail": NEW, "otp": mine}), 400, "INVALID_OTP")
        assert (await ann.api(CHANGE, {"newEmail": NEW, "otp": await newest(auth, NEW)})).status_code == 200


async def test_a_code_for_one_new_address_is_not_good_for_another_nor_for_somebody_else() -> None:
    auth = with_codes(change_email=True)
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        await bob.sign_up(BOB, "Bob")
        await ann.api(REQUEST_CHANGE, {"newEmail": NEW})
        code = await newest(auth, NEW)
        refused(await ann.api(CHANGE, {"newEmail": "eve@example.com", "otp": code}), 400, "INVALID_OTP")
        refused(await bob.api(CHANGE, {"newEmail": NEW, "otp": code}), 400, "INVALID_OTP")


async def test_two_pairs_of_addresses_that_read_alike_are_told_apart() -> None:
    auth = with_codes(change_email=True)
    async with serving(auth) as ann, browser(auth) as eve:
        await ann.sign_up("a@b.co-x.com")
        await eve.sign_up("a@b.co", "Eve")
        await eve.api(REQUEST_CHANGE, {"newEmail": "x.com-c@d.co"})
        code = await newest(auth, "x.com-c@d.co")
        refused(await ann.api(CHANGE, {"newEmail": "c@d.co", "otp": code}), 400, "INVALID_OTP")


# The screen

ASK: dict[str, Any] = {"with": "code", "password": ""}
AGAIN: dict[str, Any] = {"with": "send"}


@pytest.mark.parametrize("htmx", [False, True])
async def test_a_person_signs_in_by_code(htmx: bool) -> None:
    auth = with_codes()
    async with serving(auth) as ann:
        page = await ann.get("/auth/sign-in")
        assert "Email me a code" in page.text
        asked = await ann.submit("/sign-in", htmx=htmx, email=ANN, next="/secret", **ASK)
        assert asked.headers["hx-redirect" if htmx else "location"] == "/auth/email-code?next=%2Fsecret"
        page = await ann.get("/auth/email-code?next=/secret")
        assert ANN in page.text and 'autocomplete="one-time-code"' in page.text and "Use a different email" in page.text
        code = await newest(auth)
        wrong = await ann.submit("/email-code", htmx=htmx, email=ANN, code=another_than(code), next="/secret")
        assert wrong.status_code == 422 and "That code is not right." in wrong.text
        assert another_than(code) not in wrong.text
        empty = await ann.submit("/email-code", htmx=htmx, email=ANN, code="", next="/secret")
        assert empty.status_code == 422 and "Enter the code." in empty.text
        spaced = f"{code[:3]} {code[3:]}"
        done = await ann.submit("/email-code", htmx=htmx, email=ANN, code=spaced, next="/secret")
        assert (done.status_code, done.headers["hx-redirect" if htmx else "location"]) == (
            200 if htmx else 303,
            "/secret",
        )
        assert (await ann.get("/secret")).text == f"for {ANN}"


async def test_without_an_address_the_button_says_so_and_the_page_asks() -> None:
    async with serving(with_codes()) as nobody:
        answer = await nobody.submit("/sign-in", email="", **ASK)
        assert answer.status_code == 422 and "Enter an email address" in answer.text
        page = await nobody.get("/auth/email-code")
        assert 'name="code"' not in page.text and 'name="email"' in page.text
        sent = await nobody.submit("/email-code", email=ANN, **AGAIN)
        assert sent.status_code == 303
        assert 'name="code"' in (await nobody.get("/auth/email-code")).text


@pytest.mark.sec("SEC-060")
@pytest.mark.parametrize("sign_up", [True, False])
async def test_the_page_is_the_same_for_known_and_unknown_addresses(sign_up: bool) -> None:
    auth = with_codes(sign_up=sign_up)
    async with serving(auth) as ann, browser(auth) as asker, browser(auth) as stranger:
        await ann.sign_up()
        seen = []
        for person, email in ((asker, ANN), (stranger, BOB)):
            asked = await person.submit("/sign-in", email=email, **ASK)
            texts = [(await person.get("/auth/email-code")).text]
            for _ in range(4):
                texts.append((await person.submit("/email-code", email=email, code="wrong")).text)
            plain = [without_tokens(text.replace(email, "somebody")) for text in texts]
            seen.append((asked.status_code, asked.headers["location"], plain))
        assert seen[0] == seen[1]
        assert "Too many wrong codes." in seen[0][2][-1]
        assert ("If there is an account" in seen[0][2][0]) is not sign_up


def without_tokens(text: str) -> str:
    tokens = set(re.findall(r'name="csrf_token" value="([^"]+)"', text))
    for token in tokens:
        text = text.replace(token, "")
    assert tokens
    return text


async def test_a_code_that_came_too_late_is_replaced_and_the_page_says_so() -> None:
    clock = Clock()
    auth = with_codes(clock=clock)
    async with serving(auth) as ann:
        await ann.submit("/sign-in", email=ANN, **ASK)
        old = await newest(auth)
        clock.forward(minutes=5)
        answer = await ann.submit("/email-code", email=ANN, code=old, next="/secret")
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/email-code?next=%2Fsecret")
        page = await ann.get("/auth/email-code?next=/secret")
        assert "That code has expired. We have sent a new one." in page.text
        assert "You can send it again in" in page.text
        new = await newest(auth)
        assert len(outbox_of(auth).of("email-otp")) == 2
        assert (await ann.submit("/email-code", email=ANN, code=new, next="/secret")).headers["location"] == "/secret"


async def test_another_code_can_be_asked_for_after_a_minute() -> None:
    clock = Clock()
    auth = with_codes(clock=clock)
    async with serving(auth) as ann:
        await ann.submit("/sign-in", email=ANN, **ASK)
        soon = await ann.submit("/email-code", email=ANN, **AGAIN)
        assert soon.status_code == 429
        clock.forward(minutes=1)
        again = await ann.submit("/email-code", email=ANN, **AGAIN)
        assert again.status_code == 303
        assert "We have sent you a code." in (await ann.get("/auth/email-code")).text
        assert len((await ann.mail()).of("email-otp")) == 2


async def test_who_is_signed_in_can_become_somebody_else() -> None:
    auth = with_codes()
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.submit("/email-code", email=BOB, **AGAIN)
        code = await newest(auth, BOB)
        assert (await ann.submit("/email-code", email=BOB, code=code)).status_code == 303
        assert (await ann.session())["user"]["email"] == BOB
