"""Who does this address or outside identity belong to: users and their ways to sign in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import sessions, tokens
from .call import Call
from .errors import AuthError, FieldNotAllowed, InvalidInput, InvalidPassword, MissingField, Problem, Unauthorized
from .inputs import Text, convert
from .model import Account, U, User
from .rate_limit import LASTING, WRONG_PASSWORDS_OF_A_SESSION, WRONG_PASSWORDS_OF_AN_ACCOUNT, Limit
from .schema import Column, table_of
from .secrets import random_text
from .store import Conflict, Not

CREDENTIAL = "credential"
LARGEST_INTEGER = 2**31 - 1
# After so many wrong passwords in a row, only a mailed link lets passwords count again (SEC-062).
WRONG_PASSWORDS_IN_A_ROW = Limit(100, per=10 * 365 * 24 * 3600)
OWN_COLUMNS = frozenset(column.attribute for column in table_of(User).columns)


class EmailTaken(AuthError):
    status = 422
    code = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"
    message = "User already exists. Use another email."
    field = "email"


async def find_user(call: Call[U], email: str) -> U | None:
    """Return whom an address belongs to. Addresses are ASCII, stored in lower case and compared exactly (SEC-080)."""
    return await call.store.find(call.auth.user_type, email=email.lower())


async def create_user(call: Call[U], *, email: str, name: str, image: str | None = None, more: Mapping[str, Any]) -> U:
    """Store a user whose address is not proved. `more` are own fields of the user type, by attribute.

    Raise EmailTaken, also when somebody else was a moment faster.
    """
    user = new_user(call, email=email, name=name, image=image, more=more)
    try:
        user = await call.store.insert(user)
    except Conflict:
        raise EmailTaken from None
    for feature in call.auth.hooked("user_created"):
        await feature.user_created(call, user)
    return user


def new_user(call: Call[U], *, email: str, name: str, image: str | None, more: Mapping[str, Any]) -> U:
    return call.auth.user_type(
        id=random_text(32),
        name=name,
        email=email.lower(),
        image=image,
        created_at=call.now,
        updated_at=call.now,
        **more,
    )


async def credential(call: Call[U], user_id: str) -> Account | None:
    """Return the account row that holds the password."""
    return await call.store.find(Account, user_id=user_id, provider_id=CREDENTIAL, account_id=user_id)


async def store_hash(call: Call[U], user_id: str, hashed: str) -> None:
    """Store the hash of a new password; whatever is pending for this person burns (SEC-008).

    Call inside a transaction, and hash before it: a transaction holds a writer, and a hash takes its time.
    """
    changed = await call.store.update(
        Account,
        {"user_id": user_id, "provider_id": CREDENTIAL, "account_id": user_id},
        password=hashed,
        updated_at=call.now,
    )
    if not changed:
        await call.store.insert(
            Account(
                id=random_text(32),
                account_id=user_id,
                provider_id=CREDENTIAL,
                user_id=user_id,
                password=hashed,
                created_at=call.now,
                updated_at=call.now,
            )
        )
    await tokens.burn(call, None, subject=user_id)


async def refuse_bad_password(call: Call[U], password: str) -> None:
    """Raise when `password` may not be set: its length, or what a feature knows of it."""
    call.auth.passwords.check_length(password)
    for feature in call.auth.hooked("check_password"):
        await feature.check_password(call, password)


async def right_hash(call: Call[U], account: Account | None, password: str) -> str | None:
    """Return the hash that `password` opens, brought up to date; None when it is wrong.

    No account costs the same time as a wrong password (SEC-007). Hashing takes its time: whoever acts on the
    answer does so only where the account still holds this hash, see `still_holds`.
    """
    stored = account.password if account else None
    verdict = await call.auth.passwords.verify(password, stored)
    if account is None or stored is None:
        return None
    if not verdict.readable:
        call.event("hash.unreadable", outcome="error", user_id=account.user_id)
    if not verdict.right:
        return None
    if verdict.outdated:
        hashed = await call.auth.passwords.hash(password)
        # Compare-and-set on the old hash: a password that was changed meanwhile stays changed (SEC-002).
        if not await call.store.update(
            Account, {"id": account.id, "password": stored}, password=hashed, updated_at=call.now
        ):
            return None
        call.event("hash.upgraded", user_id=account.user_id)
        return hashed
    return stored


async def require_right(call: Call[U], user: U, account: Account | None, password: str) -> str:
    """Ask somebody who is signed in for the password again; return the hash that it opens.

    Raise InvalidPassword, and TooManyRequests after a few wrong ones: a stolen session must not be a guessing
    machine (SEC-009).
    """
    key = f"reauth|{user.id}"
    await call.count(key, WRONG_PASSWORDS_OF_A_SESSION)
    hashed = await right_hash(call, account, password)
    if hashed is None:
        call.event("auth.reauth", outcome="failure", reason="wrong password", user_id=user.id)
        raise InvalidPassword
    await call.forget_count(key)
    return hashed


async def still_holds(call: Call[U], account: Account, hashed: str) -> bool:
    """Is this still the account's password, and will it be until the transaction ends?

    Between the check of a password and what it allows lies the hash. A reset in that moment must win, or the old
    password would open a session that the reset no longer ends. Call inside the transaction.
    """
    return bool(await call.store.update(Account, {"id": account.id, "password": hashed}, updated_at=call.now))


def password_keys(call: Call[U], email: str) -> tuple[tuple[str, Limit], ...]:
    """The counters of wrong passwords of one address, known or not. They hold no address in the clear."""
    who = call.auth.secrets.fingerprint("password-tries", email.lower())
    return (
        (f"password|{who}", WRONG_PASSWORDS_OF_AN_ACCOUNT),
        (f"{LASTING}password-run|{who}", WRONG_PASSWORDS_IN_A_ROW),
    )


async def forget_wrong_passwords(call: Call[U], email: str) -> None:
    for key, _ in password_keys(call, email):
        await call.forget_count(key)


async def delete_user(call: Call[U], user: U) -> None:
    """Delete a person with sessions, accounts and whatever features keep. Call inside a transaction."""
    for feature in call.auth.hooked("user_deleted"):
        await feature.user_deleted(call, user)
    await sessions.revoke_all(call, user.id)
    await tokens.burn(call, None, subject=user.id)
    await call.store.delete(Account, user_id=user.id)
    if not await call.store.delete(call.auth.user_type, id=user.id):
        raise Unauthorized  # somebody else was a moment faster: one letter, one event
    call.event("user.deleted", user_id=user.id)


async def forget_unproved(call: Call[U], user: U) -> None:
    """Somebody proved this mailbox for the first time: whatever stands on the account may be an impostor's.

    Drops sessions, passwords, linked identities, pending secrets and what features know of (SEC-081).
    """
    await sessions.revoke_all(call, user.id)
    await call.store.delete(Account, user_id=user.id)
    await tokens.burn(call, None, subject=user.id)
    for feature in call.auth.hooked("forget_unproved"):
        await feature.forget_unproved(call, user)
    call.event("user.pre_hijack_reset", user_id=user.id)


async def update_user(call: Call[U], user: U, **changes: Any) -> U:
    """Change a user's row. Raise EmailTaken when a changed address belongs to somebody else."""
    changes["updated_at"] = call.now
    try:
        await call.store.update(call.auth.user_type, {"id": user.id}, **changes)
    except Conflict:
        raise EmailTaken from None
    return replace(user, **changes)


def own_fields(call: Call[U], given: Mapping[str, object], *, creating: bool) -> dict[str, Any]:
    """Read the application's own user fields out of a body, by attribute (wire 3.6).

    Raise FieldNotAllowed for one that only the server sets, MissingField for one a new user cannot do
    without, InvalidInput for a wrong type. Unknown keys are dropped.
    """
    values: dict[str, Any] = {}
    for column in call.auth.own_columns:
        if column.name in given:
            value = given[column.name]
            if not column.rules.sent:
                if value:
                    raise FieldNotAllowed(column.name)
                continue
            values[column.attribute] = _converted(column, value)
        elif creating and column.rules.sent and not column.has_default:
            raise MissingField(column.name)
    return values


def may_be_left_out(kind: type[User]) -> list[str]:
    """Own columns that no client may set and that have no default: nobody could ever sign up."""
    return [
        column.attribute
        for column in table_of(kind).columns
        if column.attribute not in OWN_COLUMNS and not column.rules.sent and not column.has_default
    ]


def _converted(column: Column, value: object) -> Any:
    try:
        converted = convert(value, column.type, Text())
        if type(converted) is int and not column.rules.big and abs(converted) > LARGEST_INTEGER:
            raise ValueError(f"Too big: expected number to be <={LARGEST_INTEGER}")
    except ValueError as wrong:
        raise InvalidInput(Problem(str(wrong), field=column.name)) from None
    return converted


async def accounts_of(call: Call[U], user_id: str) -> list[Account]:
    return await call.store.find_all(Account, user_id=user_id, order="created_at")


async def other_accounts(call: Call[U], account: Account) -> int:
    return await call.store.count(Account, user_id=account.user_id, id=Not(account.id))
