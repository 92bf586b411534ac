"""Sessions as their owner sees them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from authmw import Auth, Call, Feature, User, operation
from authmw.core import sessions as core_sessions
from authmw.core.errors import FailedToGetSession, SessionNotFresh, Unauthorized
from authmw.core.model import Session, U
from authmw.core.secrets import digest
from authmw.features import Account, EmailVerification, Password, Sessions
from authmw.features.sessions import GetSession, RevokeSession, UpdateSession
from tests.support import (
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
TOKEN, DATA, FORGET = (f"better-auth.{name}" for name in ("session_token", "session_data", "dont_remember"))


def cleared(answer: Any) -> set[str]:
    return {name for name, rest in cookies_set(answer).items() if rest.startswith("; Max-Age=0")}


def send_token(person: Browser, token: str) -> dict[str, str]:
    """A header that presents `token` as if it were a session of ours, signed well."""
    return {"cookie": f"{TOKEN}={person.mw.secrets.sign(token)}"}


# Who am I


async def test_the_session_of_somebody() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        signed_up = (await ann.sign_up()).json()
        answer = await ann.api("/get-session")
        session = answer.json()["session"]
        assert answer.json() == {"session": session, "user": signed_up["user"]}
        assert session == {
            "id": session["id"],
            "token": signed_up["token"],
            "userId": signed_up["user"]["id"],
            "expiresAt": "2026-12-02T12:00:00.123Z",
            "createdAt": "2026-11-25T12:00:00.123Z",
            "updatedAt": "2026-11-25T12:00:00.123Z",
            "ipAddress": "203.0.113.7",
            "userAgent": session["userAgent"],
        }
        assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("cookie", ["", "x", "x.y", "t" * 32, "t" * 32 + "." + "A" * 43 + "=", "%00", "%ff"])
async def test_without_a_good_cookie_nobody_is_here_and_nothing_is_cleared(cookie: str) -> None:
    async with serving(make_auth()) as nobody:
        answer = await nobody.api("/get-session", headers={"cookie": f"{TOKEN}={cookie}"})
        assert (answer.status_code, answer.json()) == (200, None)
        assert "set-cookie" not in answer.headers


async def test_a_session_that_is_gone_is_nobody_and_its_cookies_are_cleared() -> None:
    async with serving(make_auth()) as nobody:
        answer = await nobody.api("/get-session", headers=send_token(nobody, "t" * 32))
        assert answer.json() is None
        assert cleared(answer) == {TOKEN, DATA, FORGET}


@pytest.mark.sec("SEC-042")
async def test_a_session_ends_at_the_instant_and_its_row_goes() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        cookies = dict(ann.cookies)
        clock.forward(days=6.9999)
        assert (await ann.api("/get-session?disableRefresh=1")).json()
        clock.now = clock.now.replace(hour=12, minute=0, second=0, microsecond=123000, day=2, month=12)
        answer = await ann.api("/get-session", headers={"cookie": f"{TOKEN}={cookies[TOKEN]}"})
        assert answer.json() is None
        assert cleared(answer) == {TOKEN, DATA, FORGET}
        assert await auth.database.count(Session) == 0


async def test_a_session_slides_a_day_after_it_was_renewed() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        clock.forward(hours=23.99)
        assert "set-cookie" not in (await ann.api("/get-session")).headers
        clock.forward(hours=0.02)
        answer = await ann.api("/get-session?disableRefresh=false")
        assert "set-cookie" not in answer.headers, "any text at all switches it off: wire 1.6"
        answer = await ann.api("/get-session")
        assert answer.json()["session"]["expiresAt"] > "2026-12-03T12"
        assert "Max-Age=604800" in cookies_set(answer)[TOKEN]
        assert "set-cookie" not in (await ann.api("/get-session")).headers


async def test_a_visit_to_the_application_slides_it_too() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        clock.forward(days=2)
        answer = await ann.get("/me")
        assert "Max-Age=604800" in cookies_set(answer)[TOKEN]
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.sec("SEC-042")
async def test_however_often_it_is_used_a_session_ends_after_thirty_days() -> None:
    clock = Clock()
    async with serving(make_auth(clock=clock)) as ann:
        await ann.sign_up()
        for _ in range(29):
            clock.forward(days=1)
            answer = await ann.api("/get-session")
            assert answer.json()
        assert answer.json()["session"]["expiresAt"] == "2026-12-25T12:00:00.123Z"
        clock.forward(days=1)
        assert await ann.session() is None


async def test_a_session_that_is_revoked_while_it_slides_is_not_brought_back() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        clock.forward(days=2)
        update = auth.database.update

        async def revoked_meanwhile(table: Any, where: Any, /, **changes: Any) -> int:
            if table is Session:
                await auth.database.delete(Session, id=where["id"])
            return await update(table, where, **changes)

        auth.database.update = revoked_meanwhile  # type: ignore[method-assign]
        answer = await ann.api("/get-session")
        refused(answer, 401, "FAILED_TO_GET_SESSION")
        assert cleared(answer) == {TOKEN, DATA, FORGET}
        assert await auth.database.count(Session) == 0


async def test_of_many_reads_at_once_one_renews_and_all_are_answered() -> None:
    clock = Clock()
    auth = make_auth(clock=clock, database=TurnTakingStore())
    async with serving(auth) as ann:
        await ann.sign_up()
        clock.forward(days=2)
        answers = await asyncio.gather(*(ann.api("/get-session") for _ in range(8)))
        assert {answer.json()["session"]["expiresAt"] for answer in answers} == {"2026-12-04T12:00:00.123Z"}
        assert sum("set-cookie" in answer.headers for answer in answers) == 1


async def test_posting_is_for_a_refresh_that_is_not_deferred_here() -> None:
    async with serving(make_auth()) as ann:
        refused(await ann.api("/get-session", {}), 405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED")


async def test_who_am_i_from_python() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        found = await auth[Sessions].get_session(call_of(ann))
        assert found is not None
        assert found["user"]["email"] == ANN
        assert await auth[Sessions].get_session(auth.call(), GetSession()) is None


# Where am I signed in


async def three_sessions(auth: Auth[Any], clock: Clock, ann: Browser, *others: Browser) -> None:
    await ann.sign_up()
    for other in others:
        clock.forward(seconds=1)
        await other.sign_in()


@pytest.mark.sec("SEC-045")
async def test_the_list_shows_the_own_token_and_handles_of_the_others_that_sign_nobody_in() -> None:
    clock = Clock()
    for shared in (False, True):
        auth = make_auth(clock=clock, shared_database=shared)
        async with serving(auth) as ann, browser(auth) as phone, browser(auth) as bob, browser(auth) as eve:
            await bob.sign_up(email=BOB)
            await three_sessions(auth, clock, ann, phone)
            own, other = (await ann.session())["session"], (await phone.session())["session"]
            answer = await ann.api("/list-sessions")
            listed = {session["id"]: session for session in answer.json()}
            assert set(listed) == {own["id"], other["id"]}
            assert listed[own["id"]] == own
            handle = listed[other["id"]]["token"]
            assert other["token"] not in answer.text
            assert digest(other["token"]) not in answer.text
            for value in (handle, other["id"], handle.removeprefix("session_")):
                found = await eve.api("/get-session", headers=send_token(eve, value))
                assert found.json() is None
                bearer = await eve.api("/get-session", headers={"authorization": f"Bearer {value}"})
                assert bearer.json() is None
            # The handle ends that session, for its owner only.
            assert (await bob.api("/revoke-session", {"token": handle})).json() == {"status": True}
            assert await phone.session()
            assert (await ann.api("/revoke-session", {"token": handle})).json() == {"status": True}
            assert await phone.session() is None
            assert await ann.session()


async def test_the_list_leaves_out_what_is_over() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann, browser(auth) as phone:
        await ann.sign_up()
        await phone.sign_in(rememberMe=False)
        clock.forward(days=1)
        await ann.sign_in()
        assert len((await ann.api("/list-sessions")).json()) == 1


async def test_listing_needs_a_fresh_session() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        refused(await ann.api("/list-sessions"), 401, "UNAUTHORIZED")
        await ann.sign_up()
        clock.forward(days=1)
        refused(await ann.api("/list-sessions"), 403, "SESSION_NOT_FRESH")
        with pytest.raises(SessionNotFresh):
            await auth[Sessions].list_sessions(call_of(ann))
        with pytest.raises(Unauthorized):
            await auth[Sessions].list_sessions(auth.call())


# Revoke


@pytest.mark.sec("SEC-042")
async def test_a_session_is_revoked_by_its_token_by_its_owner_only() -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as phone, browser(auth) as bob:
        await ann.sign_up()
        await phone.sign_in()
        await bob.sign_up(email=BOB)
        token = (await phone.session())["session"]["token"]
        refused(await browser(auth).api("/revoke-session", {"token": token}), 401, "UNAUTHORIZED")
        refused(await ann.api("/revoke-session", {}), 400, "VALIDATION_ERROR")
        refused(await ann.api("/revoke-session", {"token": 0}), 400, "VALIDATION_ERROR")
        for stranger in (bob, ann):
            assert await phone.session()
            presented = token if stranger is bob else "unknown"
            answer = await stranger.api("/revoke-session", {"token": presented})
            assert (answer.status_code, answer.json()) == (200, {"status": True})
        assert await phone.session()
        assert (await ann.api("/revoke-session", {"token": token})).json() == {"status": True}
        assert await phone.session() is None
        assert (await auth[Sessions].revoke_session(call_of(ann), RevokeSession(token="x"))).status
    outcomes = [event.outcome for event in events_of(auth) if event.event == "session.revoked"]
    assert outcomes.count("success") == 1


@pytest.mark.parametrize("body", [None, {}])
async def test_all_sessions_end_or_all_others(body: Any) -> None:
    auth = make_auth()

    async def post(person: Browser, path: str) -> Any:
        url = f"/api/auth{path}"
        return await (person.post(url) if body is None else person.post(url, json=body))

    async with serving(auth) as ann, browser(auth) as phone, browser(auth) as bob:
        for path in ("/revoke-sessions", "/revoke-other-sessions"):
            refused(await post(ann, path), 401, "UNAUTHORIZED")
        await bob.sign_up(email=BOB)
        await ann.sign_up()
        await phone.sign_in()
        assert (await post(ann, "/revoke-other-sessions")).json() == {"status": True}
        assert await phone.session() is None
        assert await ann.session()
        await phone.sign_in()
        assert (await post(ann, "/revoke-sessions")).json() == {"status": True}
        assert await phone.session() is None
        assert await ann.session() is None
        assert await bob.session()


async def test_no_field_of_a_session_is_a_clients_to_change() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        refused(await ann.api("/update-session", {}), 401, "UNAUTHORIZED")
        await ann.sign_up()
        before = await ann.session()
        for body in ({}, {"userId": "x", "expiresAt": "2099-01-01T00:00:00.000Z", "token": "x"}):
            answer = await ann.api("/update-session", body)
            assert (answer.status_code, answer.json()) == (400, {"message": "No fields to update"})
        refused(await ann.api("/update-session", []), 400, "VALIDATION_ERROR")
        assert await ann.session() == before
        with pytest.raises(Unauthorized):
            await auth[Sessions].update_session(auth.call(), UpdateSession())


# Sign out


@pytest.mark.parametrize("body", [None, {}, {"disableRedirect": True, "callbackURL": "/", "state": "x"}])
async def test_signing_out_ends_the_session_and_clears_its_cookies(body: Any) -> None:
    auth = make_auth()
    async with serving(auth) as ann, browser(auth) as copy:
        await ann.sign_up()
        copy.cookies.update(ann.cookies)
        answer = await ann.post("/api/auth/sign-out", **({} if body is None else {"json": body}))
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert cleared(answer) == {TOKEN, DATA, FORGET}
        assert await copy.session() is None
        assert await auth.database.count(Session) == 0
        assert TOKEN not in ann.cookies
    assert "auth.sign_out" in {event.event for event in events_of(auth)}


async def test_signing_out_is_no_error_for_nobody() -> None:
    auth = make_auth()
    async with serving(auth) as nobody:
        for headers in ({}, {"cookie": f"{TOKEN}=x"}, send_token(nobody, "t" * 32)):
            answer = await nobody.api("/sign-out", {}, headers=headers)
            assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert (await auth[Sessions].sign_out(auth.call())).success


@pytest.mark.sec("SEC-042")
@pytest.mark.parametrize("ending", ["sign out", "revoke", "delete"])
async def test_what_ends_a_session_shows_in_another_process_with_the_next_request(ending: str) -> None:
    auth = make_auth()
    other_process = make_auth(database=auth.database)
    async with serving(auth) as ann, serving(other_process) as there:
        await ann.sign_up()
        there.cookies.update(ann.cookies)
        assert (await there.get("/me")).json()["email"] == ANN
        await ann.api({"sign out": "/sign-out", "revoke": "/revoke-sessions", "delete": "/delete-user"}[ending], {})
        assert (await there.get("/me")).json() is None
        assert await there.session() is None


@pytest.mark.sec("SEC-042")
async def test_a_session_of_a_user_who_is_gone_is_nobody() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        auth.database._tables["user"] = {}  # type: ignore[attr-defined]
        assert await ann.session() is None


# The cookie cache


class Guarded(Feature):
    """One operation a guard."""

    @operation("POST", "/guarded/session", guard="session")
    async def session(self, call: Call[U]) -> dict[str, str]:
        return {"id": call.signed_in.user.id}

    @operation("POST", "/guarded/sensitive", guard="sensitive")
    async def sensitive(self, call: Call[U]) -> dict[str, str]:
        return {"id": call.signed_in.user.id}

    @operation("POST", "/guarded/fresh", guard="fresh")
    async def fresh(self, call: Call[U]) -> dict[str, str]:
        return {"id": call.signed_in.user.id}


def cached(clock: Clock | None = None, **more: Any) -> Auth[Any]:
    features = [Password(), EmailVerification(), Account(), Sessions(), Guarded()]
    return make_auth(features=features, cookie_cache=timedelta(minutes=5), clock=clock, **more)


@pytest.mark.sec("SEC-043")
async def test_a_revoked_session_is_somebody_to_the_cache_and_to_no_sensitive_or_fresh_guard() -> None:
    clock = Clock()
    auth = cached(clock)
    async with serving(auth) as ann:
        answer = await ann.sign_up()
        assert list(cookies_set(answer)) == [TOKEN, DATA]
        assert "; Max-Age=300; " in cookies_set(answer)[DATA]
        await auth.database.delete(Session, user_id=answer.json()["user"]["id"])
        kept = "; ".join(f"{name}={ann.cookies[name]}" for name in (TOKEN, DATA))

        async def replay(path: str, body: Any = None) -> Any:
            return await ann.api(path, body, headers={"cookie": kept})

        assert (await replay("/get-session")).json()["user"]["email"] == ANN
        assert (await replay("/guarded/session", {})).status_code == 200
        assert (await ann.get("/me", headers={"cookie": kept})).json()["email"] == ANN
        assert (await replay("/get-session?disableCookieCache=true")).json() is None
        for path, body in (
            ("/guarded/sensitive", {}),
            ("/guarded/fresh", {}),
            ("/list-sessions", None),
            ("/list-accounts", None),
            ("/update-user", {"name": "x"}),
            ("/unlink-account", {"accountId": "x"}),
            ("/revoke-session", {"token": "x"}),
            ("/revoke-sessions", {}),
            ("/revoke-other-sessions", {}),
            ("/verify-password", {"password": PASSWORD}),
            ("/change-password", {"currentPassword": PASSWORD, "newPassword": "a brand new password"}),
            ("/change-email", {"newEmail": "new@example.com"}),
            ("/delete-user", {}),
        ):
            refused(await replay(path, body), 401, "UNAUTHORIZED")
        refused(await replay("/delete-user/callback?token=x"), 404, "FAILED_TO_GET_USER_INFO")
        clock.forward(minutes=5)
        assert (await replay("/get-session")).json() is None


@pytest.mark.sec("SEC-043")
async def test_the_cache_does_not_read_the_database_and_is_renewed_when_it_has_run_out() -> None:
    clock = Clock()
    auth = cached(clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        asked: list[str] = []
        find_joined = auth.database.find_joined

        async def counting(*tables: Any, **where: Any) -> Any:
            asked.append("read")
            return await find_joined(*tables, **where)

        auth.database.find_joined = counting  # type: ignore[method-assign]
        for _ in range(3):
            assert "set-cookie" not in (await ann.api("/get-session")).headers
        assert asked == []
        clock.forward(minutes=5)
        assert list(cookies_set(await ann.api("/get-session"))) == [DATA]
        assert asked == ["read"]
        assert await ann.session()
        assert asked == ["read"]


async def test_signing_out_and_changing_a_user_reach_the_cache() -> None:
    auth = cached()
    async with serving(auth) as ann:
        await ann.sign_up()
        assert list(cookies_set(await ann.api("/update-user", {"name": "Ann B."}))) == [TOKEN, DATA]
        assert (await ann.session())["user"]["name"] == "Ann B."
        await ann.api("/sign-out", {})
        assert DATA not in ann.cookies
        assert await ann.session() is None


async def test_the_cache_of_another_session_is_not_believed() -> None:
    auth = cached()
    async with serving(auth) as ann, browser(auth) as bob:
        await ann.sign_up()
        await bob.sign_up(email=BOB)
        mixed = f"{TOKEN}={bob.cookies[TOKEN]}; {DATA}={ann.cookies[DATA]}"
        answer = await browser(auth).api("/get-session", headers={"cookie": mixed})
        assert answer.json()["user"]["email"] == BOB
        alone = await browser(auth).api("/get-session", headers={"cookie": f"{DATA}={ann.cookies[DATA]}"})
        assert alone.json() is None


async def test_not_remembered_the_cache_is_a_browser_cookie_and_is_not_renewed() -> None:
    clock = Clock()
    auth = cached(clock)
    async with serving(auth) as ann:
        answer = await ann.sign_up(rememberMe=False)
        assert "Max-Age" not in cookies_set(answer)[DATA]
        clock.forward(seconds=60)
        answer = await ann.api("/get-session")
        assert answer.json()
        assert set(cookies_set(answer)) == cleared(answer) == {DATA}


async def test_junk_in_the_cache_is_no_fault() -> None:
    auth = cached()
    async with serving(auth) as ann:
        await ann.sign_up()
        for junk in ("x", "eyJzZXNzaW9uIjpbXSwiZXhwaXJlc0F0IjoyLCJzaWduYXR1cmUiOiJ4In0"):
            cookie = f"{TOKEN}={ann.cookies[TOKEN]}; {DATA}={junk}"
            answer = await ann.get("/me", headers={"cookie": cookie})
            assert (answer.status_code, answer.json()["email"]) == (200, ANN)


# Rules that operations lean on


async def test_a_call_that_has_become_nobody_is_nobody() -> None:
    auth = make_auth()
    async with serving(auth) as ann:
        await ann.sign_up()
        call = call_of(ann)
        assert await call.identify()
        assert call.is_somebody
        call.become(None)
        assert await call.identify() is None
        with pytest.raises(Unauthorized):
            _ = call.signed_in


async def test_a_failed_renewal_is_raised_from_python_too() -> None:
    clock = Clock()
    auth = make_auth(clock=clock)
    async with serving(auth) as ann:
        await ann.sign_up()
        clock.forward(days=2)
        call = call_of(ann)
        pair = await call.store.find_joined(Session, User, token=digest((await ann.session())["session"]["token"]))
        assert pair is not None
        row, _ = pair
        clock.forward(days=2)
        call.now = clock.now
        await auth.database.delete(Session, id=row.id)
        with pytest.raises(FailedToGetSession):
            await core_sessions._slide(call, row)
