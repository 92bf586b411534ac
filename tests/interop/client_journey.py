"""What a program does with the Python client, against whichever server it is told: `… <base url> <outbox> <part> …`.

The script is told nothing about who answers. Each part runs with both clients.
"""

from __future__ import annotations

import asyncio
import functools
import json
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from authmw.client import AsyncAuthClient, AuthClient, RedirectTo, TwoFactorRequired, User, errors
from tests.client.support import Awaited

PASSWORD = "correct horse battery"
OTHER_PASSWORD = "staple, said the horse"
MAIL_SECONDS = 8.0


@dataclass(frozen=True, kw_only=True)
class Member(User):
    """Of `example.everything`, and of the Better Auth server beside it. Nobody promises that every server has a plan."""

    plan: str = "unknown"


@dataclass(frozen=True)
class Place:
    base_url: str
    outbox: Path
    is_async: bool

    def client(self, **more: Any) -> Any:
        """A client, and so a person in a browser of their own."""
        if self.is_async:
            return AsyncAuthClient(self.base_url, user_type=Member, **more)
        return Awaited(AuthClient(self.base_url, user_type=Member, **more))

    async def mail(self, kind: str, to: str) -> Mapping[str, Any]:
        """The latest letter of a kind; it may come a moment after the answer."""
        until = time.monotonic() + MAIL_SECONDS
        while time.monotonic() < until:
            lines = self.outbox.read_text().splitlines() if self.outbox.exists() else []
            found = [mail for line in lines if (mail := json.loads(line))["kind"] == kind and mail["to"] == to]
            if found:
                return dict(found[-1])
            await asyncio.sleep(0.05)
        raise AssertionError(f"no mail {kind} to {to}")


def address(name: str) -> str:
    return f"{name}-{secrets.token_hex(6)}@example.com"


async def refused(kind: type[Exception], call: Awaitable[Any]) -> Any:
    try:
        found = await call
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected, and came back {found!r}")


async def core(place: Place) -> None:
    ann, email = place.client(), address("ann")
    assert await ann.ok()
    assert await ann.get_session() is None
    signed_up = await ann.sign_up.email(name="Ann", email=email, password=PASSWORD)
    assert isinstance(signed_up.user, Member)
    assert (signed_up.user.email, signed_up.user.plan) == (email, "free")
    error = await refused(errors.EmailTaken, ann.sign_up.email(name="A", email=email, password=PASSWORD))
    assert error.status == 422, error.status

    current = await ann.get_session()
    assert current.user.id == signed_up.user.id
    assert current.session.token == signed_up.token
    assert (current.session.expires_at - current.session.created_at).days in (6, 7)

    error = await refused(
        errors.InvalidEmailOrPassword, place.client().sign_in.email(email=email, password="not the one")
    )
    assert (error.status, error.code) == (401, "INVALID_EMAIL_OR_PASSWORD")
    await refused(errors.InvalidInput, ann.change_email(new_email="no address"))
    await refused(errors.Unauthorized, place.client().list_sessions())

    token = (await place.mail("verify-email", email))["token"]
    found = await ann.verify_email(token=token, callback_url="/welcome?first=1")
    assert found == RedirectTo(url=f"{place.base_url}/welcome?first=1"), found
    assert (await ann.get_session(disable_cookie_cache=True)).user.email_verified

    assert (await ann.update_user(name="Anna", image="https://example.com/anna.png")).status
    user = (await ann.get_session()).user
    assert (user.name, user.image) == ("Anna", "https://example.com/anna.png")
    await ann.update_user(image=None)
    assert (await ann.get_session()).user.image is None
    await refused(errors.NoFieldsToUpdate, ann.update_user(unknown_field=1))

    (account,) = await ann.list_accounts()
    assert (account.provider_id, account.user_id, account.scopes) == ("credential", user.id, [])
    await refused(errors.LastAccount, ann.unlink_account(account_id=account.id))

    phone = place.client()
    answer = await phone.sign_in.email(email=email, password=PASSWORD, remember_me=False, callback_url="/home")
    assert (answer.redirect, answer.url, answer.user.name) == (True, "/home", "Anna")
    assert len(await ann.list_sessions()) == 2
    assert (await ann.revoke_other_sessions()).status
    assert await phone.get_session() is None
    assert len(await ann.list_sessions()) == 1

    changed = await ann.change_password(
        current_password=PASSWORD, new_password=OTHER_PASSWORD, revoke_other_sessions=True
    )
    assert changed.token
    assert changed.user.id == user.id
    await refused(errors.InvalidPassword, ann.change_password(current_password=PASSWORD, new_password="whatever it is"))
    await refused(errors.PasswordTooShort, ann.change_password(current_password=OTHER_PASSWORD, new_password="short"))
    assert (await ann.verify_password(password=OTHER_PASSWORD)).status

    assert (await ann.request_password_reset(email=email, redirect_to="/new")).status
    token = (await place.mail("reset-password", email))["token"]
    assert (await ann.reset_password(new_password=PASSWORD, token=token)).status
    await refused(errors.InvalidToken, ann.reset_password(new_password=PASSWORD, token=token))
    await ann.sign_in.email(email=email, password=PASSWORD)
    assert (await ann.fetch("/get-session"))["user"]["email"] == email

    assert (await ann.sign_out()).success
    assert await ann.get_session() is None
    await ann.sign_in.email(email=email, password=PASSWORD)
    assert (await ann.delete_user(password=PASSWORD)).success
    assert await ann.get_session() is None
    await refused(errors.NotFound, ann.fetch("/no-such-route"))


async def bearer(place: Place) -> None:
    told: list[str | None] = []
    email = address("bea")
    bea = place.client(mode="bearer", on_token=told.append)
    await bea.sign_up.email(name="Bea", email=email, password=PASSWORD)
    assert told == [bea.bearer_token]
    assert len(bea.cookies) == 0
    assert (await bea.get_session()).user.email == email
    assert len(await bea.list_sessions()) == 1
    again = place.client(mode="bearer", token=bea.bearer_token)
    assert (await again.get_session()).user.email == email
    await bea.sign_out()
    assert bea.bearer_token is None
    assert told[-1] is None
    assert await again.get_session() is None


async def jwt(place: Place) -> None:
    cy = place.client()
    await cy.sign_up.email(name="Cy", email=address("cy"), password=PASSWORD)
    inner = cy if place.is_async else cy.inner
    seen: list[str] = []

    def own_api(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(200 if len(seen) != 2 else 401)

    transport = httpx2.MockTransport(own_api)
    if place.is_async:
        async with httpx2.AsyncClient(auth=inner.bearer_auth(), transport=transport) as api:
            statuses = [(await api.get("https://api.example.com/")).status_code for _ in range(2)]
    else:
        with httpx2.Client(auth=inner.bearer_auth(), transport=transport) as sync_api:
            get = functools.partial(sync_api.get, "https://api.example.com/")
            statuses = [(await asyncio.to_thread(get)).status_code for _ in range(2)]
    assert statuses == [200, 200]  # the second after a 401 and a new token
    assert all(each.startswith("Bearer ey") and each.count(".") == 2 for each in seen), "no JWT"
    assert len(seen) == 3
    assert cy.tokens.expires_at is not None


async def two_factor(place: Place) -> None:
    for choices in ({}, {"mode": "bearer"}):
        dee, email = place.client(**choices), address("dee")
        await dee.sign_up.email(name="Dee", email=email, password=PASSWORD)
        await dee.fetch("/two-factor/enable", {"password": PASSWORD, "method": "otp"})
        await dee.sign_out()
        answer = await dee.sign_in.email(email=email, password=PASSWORD)
        assert isinstance(answer, TwoFactorRequired), answer
        assert "otp" in answer.methods
        assert await dee.get_session() is None
        await dee.fetch("/two-factor/send-otp", {})
        code = (await place.mail("two-factor-otp", email))["token"]
        assert (await dee.fetch("/two-factor/verify-otp", {"code": code}))["token"]
        assert (await dee.get_session()).user.email == email


PARTS: Mapping[str, Callable[[Place], Awaitable[None]]] = {
    "core": core,
    "bearer": bearer,
    "jwt": jwt,
    "two-factor": two_factor,
}


async def main(base_url: str, outbox: str, *parts: str) -> None:
    for part in parts:
        for is_async in (False, True):
            await PARTS[part](Place(base_url, Path(outbox), is_async))
            print(f"{part} with {'AsyncAuthClient' if is_async else 'AuthClient'}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
