"""The account's own screens: what they show, change, refuse and say."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from html import unescape
from typing import Any

import httpx2
import pytest

from authmw import Auth
from authmw.core.model import Account as AccountRow
from authmw.core.model import Session, User
from authmw.features import Account, EmailVerification, Password
from tests.support import PASSWORD, Browser, Clock, TurnTakingStore, browser, events_of, make_auth, serving

pytestmark = pytest.mark.anyio

ANN, NEW = "ann@example.com", "new@example.com"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)


def text_of(page: httpx2.Response) -> str:
    """What is read on a page, without markup."""
    main = page.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main.replace("<wbr>", ""))).split())


async def submit(person: Browser, path: str, **fields: Any) -> httpx2.Response:
    given = {key.removesuffix("_"): value for key, value in fields.items()}
    return await person.submit(path, **given)


async def link_of(person: Browser, kind: str) -> str:
    link: str = (await person.mail()).last(kind).context["url"]
    return link


# Navigation


async def test_the_navigation_stands_in_one_order_whatever_the_order_of_features() -> None:
    for features in ([Password(), EmailVerification()], [Account(), EmailVerification(), Password()]):
        async with serving(make_auth(features=features)) as ann:
            await ann.sign_up()
            page = await ann.get("/auth/settings/profile")
            nav = page.text.partition("<nav")[2].partition("</nav>")[0]
            labels = re.findall(r">([^<]+)</a>", nav)
            assert labels == ["Profile", "Email", "Password", "Sessions", "Accounts", "Delete"]
            assert nav.count('aria-current="page"') == 1


@pytest.mark.parametrize("path", ["email", "password", "sessions", "accounts", "delete", "profile"])
async def test_nobody_sees_a_screen_of_the_account(path: str) -> None:
    async with serving(make_auth()) as nobody:
        answer = await nobody.get(f"/auth/settings/{path}")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/auth/sign-in?next=%2Fauth%2Fsettings%2F{path}",
        )


@pytest.mark.sec("SEC-043")
async def test_a_revoked_session_sees_no_screen_of_the_account_whatever_its_cookie_says() -> None:
    from datetime import timedelta

    auth = make_auth(cookie_cache=timedelta(minutes=5))
    async with serving(auth) as ann:
        await ann.sign_up()
        await auth.database.delete(Session, user_id=(await ann.session())["user"]["id"])
        assert await ann.session() is not None, "the cookie still says so"
        for path in ("profile", "email", "password", "sessions", "accounts", "delete"):
            assert (await ann.get(f"/auth/settings/{path}")).status_code == 303


# Email


async def test_an_address_is_changed_by_both_mailboxes_and_the_screen_says_where_it_stands() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.get(await link_of(ann, "verify-email"))
        await ann.submit("/verify-email")
        assert "confirmed" in text_of(await ann.get("/auth/settings/email"))
        asked = await ann.submit("/settings/email", newEmail=NEW)
        assert (asked.status_code, asked.headers["location"]) == (303, "/auth/settings/email")
        page = text_of(await ann.get("/auth/settings/email"))
        assert "Almost done: open the link that we have sent you." in page
        assert f"Your email will become {NEW} . First open the link that we have sent to {ANN}" in page

        await ann.get(await link_of(ann, "change-email"))
        agree = text_of(await ann.get("/auth/verify-email"))
        assert "Change your email?" in agree and NEW in agree
        agreed = await ann.submit("/verify-email")
        assert agreed.headers["location"] == "/auth/settings/email"
        page = text_of(await ann.get("/auth/settings/email"))
        assert "open the link that we have sent to your new email" in page
        assert f"Your email will become {NEW} as soon as the link" in page

        await ann.get(await link_of(ann, "verify-email"))
        changed = await ann.submit("/verify-email")
        assert changed.headers["location"] == "/auth/settings/email"
        page = text_of(await ann.get("/auth/settings/email"))
        assert "Your email is changed." in page and NEW in page and "Waiting" not in page
        told = (await ann.mail()).last("security-notice")
        assert told.to == ANN, "the owner is told where letters went before"


async def test_the_mailbox_may_agree_in_a_browser_where_nobody_is_signed_in() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as phone:
        await ann.sign_up()
        await ann.submit("/settings/email", newEmail=NEW)
        await phone.get(await link_of(ann, "verify-email"))
        changed = await phone.submit("/verify-email")
        assert changed.headers["location"] == "/auth/sign-in"
        assert "Your email is changed." in text_of(await phone.get("/auth/sign-in"))


async def test_a_change_that_waits_can_be_taken_back() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        await ann.submit("/settings/email", newEmail=NEW)
        link = await link_of(ann, "verify-email")
        cancelled = await submit(ann, "/settings/email", with_="cancel")
        assert cancelled.status_code == 303
        page = text_of(await ann.get("/auth/settings/email"))
        assert "The change is cancelled." in page and NEW not in page
        await ann.get(link)
        assert (await ann.submit("/verify-email")).status_code == 410
        user = await auth.database.find(User, email=ANN)
        assert user is not None


@pytest.mark.sec("SEC-060")
async def test_a_taken_address_waits_like_a_free_one() -> None:
    seen = []
    for wanted in (NEW, "bob@example.com"):
        auth = make_auth()
        async with serving(auth) as ann, browser(auth) as bob:
            await bob.sign_up("bob@example.com")
            await ann.sign_up()
            await ann.submit("/settings/email", newEmail=wanted)
            seen.append(text_of(await ann.get("/auth/settings/email")).replace(wanted, "…"))
    assert seen[0] == seen[1]


async def test_the_same_address_is_no_change() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        page = await ann.submit("/settings/email", newEmail="Ann@Example.com")
        assert page.status_code == 422
        assert "That is already your email. Type the new one." in page.text
        assert 'value="Ann@Example.com"' in page.text and 'href="#newEmail"' in page.text


async def test_the_link_is_sent_again_from_the_screen() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        before = len((await ann.mail()).messages)
        sent = await submit(ann, "/settings/email", with_="send", email=ANN)
        assert sent.status_code == 303
        assert len((await ann.mail()).messages) == before + 1
        assert "You can send it again in" in text_of(await ann.get("/auth/settings/email"))
        assert (await submit(ann, "/settings/email", with_="send", email=ANN)).status_code == 429


async def test_where_addresses_stay_there_is_no_form_to_change_one() -> None:
    async with serving(make_auth(features=[Password(), EmailVerification(change_email=False)])) as ann:
        await ann.sign_up()
        assert 'name="newEmail"' not in (await ann.get("/auth/settings/email")).text


# Password


async def test_somebody_without_a_password_sets_one() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        await auth.database.delete(AccountRow, provider_id="credential")
        page = await ann.get("/auth/settings/password")
        assert "Your account has no password yet." in page.text and 'name="currentPassword"' not in page.text
        short = await submit(ann, "/settings/password", with_="set", newPassword="short")
        assert short.status_code == 422 and "Use a longer password" in short.text
        done = await submit(ann, "/settings/password", with_="set", newPassword="another horse battery")
        assert done.status_code == 303
        assert "Your password is set." in (await ann.get("/auth/settings/password")).text
        assert (await ann.mail()).last("security-notice").subject == "Your password was changed"
        again = await submit(ann, "/settings/password", with_="set", newPassword="yet another battery")
        assert again.status_code == 422 and "You already have a password." in again.text
        assert (await ann.sign_in(password="another horse battery")).status_code == 200


async def test_setting_a_password_is_no_route_of_the_json_api() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        assert (await ann.api("/set-password", {"newPassword": PASSWORD})).status_code == 404
        assert (await ann.api("/change-email/cancel", {})).status_code == 404


# Sessions


async def test_sessions_are_told_apart_by_browser_and_system_and_ended_one_by_one() -> None:
    auth, clock = make_auth(), Clock()
    auth.clock = clock
    async with serving(auth, **{"user-agent": FIREFOX}) as ann, browser(auth, **{"user-agent": SAFARI}) as phone:
        await ann.sign_up()
        assert "You are signed in nowhere else." in text_of(await ann.get("/auth/settings/sessions"))
        clock.forward(hours=1)
        await phone.sign_in()
        page = await ann.get("/auth/settings/sessions")
        words = text_of(page)
        assert "Firefox on Linux This session Signed in 2026-11-25 12:00 UTC" in words
        assert "Safari on iOS" in words and words.index("Firefox") < words.index("Safari")
        token = str((await phone.session())["session"]["token"])
        assert token not in page.text
        (handle,) = re.findall(r'name="token" value="([^"]+)"', page.text)
        phone_cookies = dict(phone.cookies)
        ended = await submit(ann, "/settings/sessions", with_="one", token=handle)
        assert ended.status_code == 303
        assert "That session is signed out." in text_of(await ann.get("/auth/settings/sessions"))
        phone.cookies.update(phone_cookies)
        assert await phone.session() is None
        assert await ann.session() is not None


async def test_every_other_session_ends_at_once() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as phone, browser(auth) as laptop:
        await ann.sign_up()
        await phone.sign_in()
        await laptop.sign_in()
        assert (await submit(ann, "/settings/sessions", with_="others")).status_code == 303
        assert "You are signed out everywhere else." in text_of(await ann.get("/auth/settings/sessions"))
        assert await phone.session() is None and await laptop.session() is None


async def test_nobody_ends_the_session_of_somebody_else() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        await bob.sign_up("bob@example.com")
        row = await auth.database.find(Session, user_id=(await ann.session())["user"]["id"])
        assert row is not None
        await submit(bob, "/settings/sessions", with_="one", token=f"session_{row.id}")
        assert await ann.session() is not None


@pytest.mark.parametrize("user_agent", ["", "\x1b[31m<script>", "x" * 5000, "Mozilla/5.0"])
async def test_an_unknown_browser_is_called_that(user_agent: str) -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        rows = await auth.database.find_all(Session)
        await auth.database.update(Session, {"id": rows[0].id}, user_agent=user_agent)
        page = await ann.get("/auth/settings/sessions")
        assert page.status_code == 200 and "Unknown browser" in page.text
        assert "<script>" not in page.text.partition("<main")[2]


# Ways to sign in


async def linked(auth: Auth[Any], ann: Browser) -> AccountRow:
    """Give Ann an account at a provider, as a server that was taken over left one."""
    user = await auth.database.find(User, email=ANN)
    assert user is not None
    row = AccountRow(
        id="linked-account",
        account_id="octocat",
        provider_id="github",
        user_id=user.id,
        created_at=user.created_at,
        updated_at=user.created_at,
    )
    return await auth.database.insert(row)


async def test_the_only_way_in_cannot_be_removed_and_another_can() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        only = await ann.get("/auth/settings/accounts")
        assert "This is your only way to sign in" in only.text and "Unlink" not in only.text
        row = await linked(auth, ann)
        both = await ann.get("/auth/settings/accounts")
        assert "Email and password" in both.text and "Github" in both.text
        gone = await submit(ann, "/settings/accounts", with_="unlink", accountId=row.id)
        assert gone.status_code == 303
        assert "That account is unlinked." in text_of(await ann.get("/auth/settings/accounts"))
        assert (await ann.mail()).last("security-notice").subject == "A way to sign in was removed"
        (left,) = await auth.database.find_all(AccountRow)
        last = await submit(ann, "/settings/accounts", with_="unlink", accountId=left.id)
        assert last.status_code == 422
        assert "This is your last way to sign in. Add another one first." in last.text


async def test_somebody_with_no_way_in_is_told_how_to_get_one() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        await auth.database.delete(AccountRow, provider_id="credential")
        assert "Set a password, so that you can sign in again." in (await ann.get("/auth/settings/accounts")).text


# The end


async def test_an_account_is_deleted_with_its_password_and_a_tick() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        for fields, sentence in (
            ({}, "Tick the box to go on."),
            ({"password": PASSWORD}, "Tick the box to go on."),
            ({"password": "", "understand": "true"}, "Enter your password."),
            ({"password": "wrong wrong wrong", "understand": "true"}, "That password is not right."),
        ):
            page = await submit(ann, "/settings/delete", **fields)
            assert page.status_code == 422 and sentence in page.text
            assert PASSWORD not in page.text
        assert await auth.database.count(User) == 1
        done = await submit(ann, "/settings/delete", password=PASSWORD, understand="true")
        assert (done.status_code, done.headers["location"]) == (303, "/auth/sign-out")
        assert done.headers["clear-site-data"] == '"cache", "storage"'
        page_after = text_of(await ann.get("/auth/sign-out"))
        assert "Your account is deleted." in page_after and "You are signed out" in page_after
        assert await auth.database.count(User) == 0
        assert (await ann.mail()).last("security-notice").subject == "Your account was deleted"


async def test_an_account_is_deleted_by_a_mailed_link_and_a_button() -> None:
    clock = Clock()
    auth = make_auth(features=[Password(), EmailVerification(), Account(confirm_delete=True)], clock=clock)
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        await bob.sign_up("bob@example.com")
        page = await ann.get("/auth/settings/delete")
        assert "we first send a link to your email" in page.text and 'name="password"' not in page.text
        sent = await submit(ann, "/settings/delete", with_="send", email=ANN)
        assert sent.headers["location"] == "/auth/settings/delete"
        assert "We have sent you a link." in text_of(await ann.get("/auth/settings/delete"))
        link = await link_of(ann, "delete-account")

        # Somebody else's browser, and nobody's.
        opened = await bob.get(link)
        assert opened.headers["location"] == "/auth/settings/delete"
        assert (await bob.get("/auth/settings/delete")).status_code == 410
        async with browser(auth) as nobody:
            assert (await nobody.get(link)).headers["location"] == "/auth/settings/delete"
            away = await nobody.get("/auth/settings/delete")
            assert away.headers["location"] == "/auth/sign-in?next=%2Fauth%2Fsettings%2Fdelete"
            await nobody.submit("/sign-in", email=ANN, password=PASSWORD, next="/auth/settings/delete")
            assert "I understand" in (await nobody.get("/auth/settings/delete")).text, "the link was not lost"
        assert await auth.database.count(User) == 2

        await ann.get(link)
        page = await ann.get("/auth/settings/delete")
        assert 'name="understand"' in page.text
        assert (await ann.submit("/settings/delete")).status_code == 422
        done = await ann.submit("/settings/delete", understand="true")
        assert done.headers["location"] == "/auth/sign-out"
        assert [user.email for user in await auth.database.find_all(User)] == ["bob@example.com"]


async def test_a_deletion_link_that_is_too_old_says_so_and_offers_another() -> None:
    clock = Clock()
    auth = make_auth(features=[Password(), EmailVerification(), Account(confirm_delete=True)], clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        await submit(ann, "/settings/delete", with_="send", email=ANN)
        link = await link_of(ann, "delete-account")
        clock.forward(days=1, seconds=1)
        await ann.sign_in()
        await ann.get(link)
        page = await ann.get("/auth/settings/delete")
        assert page.status_code == 410 and "This link has expired" in page.text


async def test_without_a_password_deleting_asks_for_a_fresh_proof_first() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        await auth.database.delete(AccountRow, provider_id="credential")
        assert "I understand" in (await ann.get("/auth/settings/delete")).text
        clock.forward(minutes=11)
        away = await ann.get("/auth/settings/delete")
        assert away.headers["location"] == "/auth/reauth?next=%2Fauth%2Fsettings%2Fdelete"


async def test_where_accounts_stay_nothing_leads_to_their_deletion() -> None:
    async with serving(make_auth(features=[Password(), EmailVerification(), Account(delete_user=False)])) as ann:
        await ann.sign_up()
        assert (await ann.get("/auth/settings/delete")).status_code == 404
        assert (await submit(ann, "/settings/delete", password=PASSWORD, understand="true")).status_code == 404
        assert "settings/delete" not in (await ann.get("/auth/settings/profile")).text
        assert await ann.session() is not None


# What went wrong on the way


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("access_denied", "You turned back. Nothing was changed."),
        ("account_already_linked_to_different_user", "That account is already in use."),
        ("<script>alert(1)</script>", "Something went wrong. Nothing was changed. Go back and try again."),
        ("", "Something went wrong."),
    ],
)
async def test_an_error_in_the_address_is_said_in_our_words_and_never_in_its_own(code: str, said: str) -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        query = {"error": code, "error_description": "Call 555 0100 at once"}
        for path, heading in (("/auth/settings/accounts", "There is a problem"), ("/auth/error", said.split(".")[0])):
            page = await ann.get(path, params=query)
            assert page.status_code == 200
            assert heading in text_of(page)
            assert "alert(1)" not in page.text and "555" not in page.text
        page = await ann.get("/auth/settings/accounts", params=query)
        assert said in text_of(page)
        assert "<title>Error: Accounts" in page.text


async def test_a_screen_opened_without_an_error_has_no_problem() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        assert "There is a problem" not in (await ann.get("/auth/settings/accounts")).text


# Forms that were left open, and doors beside the form


@pytest.mark.sec("SEC-040")
@pytest.mark.parametrize("others", ["true", None])
async def test_a_new_password_makes_a_new_session_for_this_browser(others: str | None) -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as thief:
        await ann.sign_up()
        thief.cookies.update(ann.cookies)
        sent: dict[str, Any] = {"currentPassword": PASSWORD, "newPassword": "another good password"}
        more: dict[str, Any] = {"revokeOtherSessions": others} if others else {}
        assert (await ann.submit("/settings/password", **sent, **more)).status_code == 303
        assert await ann.session() is not None
        assert await thief.session() is None, "a copy of the cookie is worth nothing from here on"


@pytest.mark.parametrize("minutes", [11, 11 * 60])
async def test_a_form_that_was_left_open_deletes_nothing_where_no_password_is_asked(minutes: int) -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        await auth.database.delete(AccountRow, provider_id="credential")
        page = await ann.get("/auth/settings/delete")
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        clock.forward(minutes=minutes)
        answer = await ann.post("/auth/settings/delete", data={"csrf_token": token, "understand": "true"})
        assert answer.headers["location"] == "/auth/reauth?next=%2Fauth%2Fsettings%2Fdelete"
        assert await auth.database.find(User, email=ANN) is not None


async def test_no_field_that_is_left_out_spares_the_password() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        answer = await ann.submit("/settings/delete", understand="true")
        assert answer.status_code == 422 and "Enter your password." in text_of(answer)
        fields: dict[str, Any] = {"with": "send"}
        answer = await ann.submit("/settings/delete", **fields)
        assert "/sign-out" not in answer.headers.get("location", "")
        assert await auth.database.find(User, email=ANN) is not None


async def test_a_form_of_somebody_else_who_sat_here_before_changes_nothing() -> None:
    auth = make_auth()
    async with serving(auth) as shared:
        await shared.sign_up()
        page = await shared.get("/auth/settings/profile")
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        await shared.api("/sign-out", {})
        await shared.sign_up(email="bob@example.com", name="Bob")
        answer = await shared.post("/auth/settings/profile", data={"csrf_token": token, "name": "Ann"})
        assert answer.status_code == 403 and "This page was open too long" in text_of(answer)
        bob = await auth.database.find(User, email="bob@example.com")
        assert bob is not None and bob.name == "Bob"


async def test_a_form_about_one_mailed_link_does_not_use_another_that_was_opened_since() -> None:
    auth = make_auth()
    async with serving(auth) as person:
        await person.sign_up()
        await person.sign_up(email="bob@example.com", name="Bob")
        await person.api("/sign-out", {})
        links = []
        for email in (ANN, "bob@example.com"):
            await person.api("/request-password-reset", {"email": email})
            links.append(await link_of(person, "reset-password"))
        of_ann = await person.get((await person.get(links[0])).headers["location"])
        token = of_ann.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        assert ANN in of_ann.text
        await person.get((await person.get(links[1])).headers["location"])  # in another tab
        data = {"csrf_token": token, "newPassword": "another good password"}
        assert (await person.post("/auth/reset-password", data=data)).status_code == 403
        for email in (ANN, "bob@example.com"):
            assert (await person.sign_in(email)).status_code == 200, "no password has changed"


async def test_of_many_deletions_at_once_one_tells_the_owner() -> None:
    auth = make_auth(database=TurnTakingStore())
    async with serving(auth) as ann:
        await ann.sign_up()
        await asyncio.gather(*(ann.api("/delete-user", {}) for _ in range(4)))
        told = [letter for letter in (await ann.mail()).messages if letter.kind == "security-notice"]
        assert len(told) == 1
        assert [event.event for event in events_of(auth)].count("user.deleted") == 1


async def test_a_password_account_without_a_password_is_no_way_in() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        row = await auth.database.find(AccountRow, provider_id="credential")
        assert row is not None
        await auth.database.update(AccountRow, {"id": row.id}, password=None)
        await auth.database.insert(replace(row, id="github", provider_id="github", account_id="1", password=None))
        page = await ann.get("/auth/settings/accounts")
        assert "Email and password" not in text_of(page) and "only way to sign in" in text_of(page)
        answer = await ann.api("/unlink-account", {"accountId": "github"})
        assert answer.json()["code"] == "FAILED_TO_UNLINK_LAST_ACCOUNT"


async def test_whoever_removes_the_password_is_told_just_that() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        row = await auth.database.find(AccountRow, provider_id="credential")
        assert row is not None
        await auth.database.insert(replace(row, id="github", provider_id="github", account_id="1", password=None))
        assert (await ann.api("/unlink-account", {"accountId": row.id})).status_code == 200
        assert (await ann.mail()).last("security-notice").subject == "Your password was removed"


async def test_a_notice_is_not_said_again_later() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        await ann.submit("/settings/profile", name="Anna")
        everything = {"cookie": "; ".join(f"{each.name}={each.value}" for each in ann.cookies.jar)}
        async with browser(ann.mw) as again:
            assert "Your profile is saved." in text_of(await again.get("/auth/settings/profile", headers=everything))
            clock.forward(minutes=2)
            assert "Your profile is saved." not in text_of(
                await again.get("/auth/settings/profile", headers=everything)
            )


async def test_the_screen_of_sessions_guesses_no_place_and_shows_no_address() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        page = await ann.get("/auth/settings/sessions")
        assert "203.0.113.7" not in page.text and "Signed in" in page.text


@pytest.mark.parametrize("path", ["email", "password", "accounts"])
async def test_a_screen_of_ways_to_sign_in_asks_for_a_fresh_proof_when_shown_and_when_sent(path: str) -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        page = await ann.get(f"/auth/settings/{path}")
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        clock.forward(minutes=11)
        for answer in (
            await ann.get(f"/auth/settings/{path}"),
            await ann.post(f"/auth/settings/{path}", data={"csrf_token": token, "newEmail": NEW, "with": ""}),
        ):
            assert answer.headers["location"] == f"/auth/reauth?next=%2Fauth%2Fsettings%2F{path}"
