"""The account itself: change its data, list and unlink ways to sign in, delete it."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from ..core import accounts, pictures, sessions, tokens
from ..core.accounts import EmailTaken
from ..core.call import Call, SignedIn
from ..core.errors import (
    AuthError,
    CredentialAccountNotFound,
    FailedToGetSession,
    FieldNotAllowed,
    InvalidInput,
    InvalidPassword,
    NoFieldsToUpdate,
    NotFound,
    Problem,
    Unauthorized,
)
from ..core.feature import N_, Feature, Screen, Visit
from ..core.inputs import Password as PasswordText
from ..core.inputs import Text, Url, UserFields, convert
from ..core.model import Account as AccountRow
from ..core.model import U
from ..core.operation import Done, NoInput, Outcome, Redirect, operation
from ..core.passwords import PasswordTooLong
from ..core.pictures import NotAPicture, PictureTooLarge
from ..core.tokens import Purpose

# Errors


class EmailCanNotBeUpdated(AuthError):
    code = "EMAIL_CAN_NOT_BE_UPDATED"
    message = "Email can not be updated"


class LastAccount(AuthError):
    code = "FAILED_TO_UNLINK_LAST_ACCOUNT"
    message = "You can't unlink your last account"


class AccountNotFound(AuthError):
    code = "ACCOUNT_NOT_FOUND"
    message = "Account not found"


class SessionTooOld(AuthError):
    code = "SESSION_EXPIRED"
    message = "Session expired. Re-authenticate to perform this action."
    screen = "/reauth"


class DeletionDisabled(AuthError):
    status = 404
    code = "NOT_FOUND"
    message = "Not found"


class NobodyToDelete(AuthError):
    status = 404
    code = "FAILED_TO_GET_USER_INFO"
    message = "Failed to get user info"


class UnknownDeletion(AuthError):
    status = 404
    code = "INVALID_TOKEN"
    message = "Invalid token"


# Inputs and results


@dataclass(frozen=True, kw_only=True)
class UpdateUser:
    """`name`, `image` and the application's own fields, by the wire's keys."""

    changes: UserFields = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SaveProfile:
    """What the profile's form sends: `image` is a file, as it is."""

    image: bytes | None = field(default=None, repr=False)
    remove_image: bool = False
    changes: UserFields = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DeleteUser:
    callback_url: Url | None = None
    password: PasswordText | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ConfirmDeletion:
    token: str = field(repr=False)
    callback_url: Url | None = None


@dataclass(frozen=True, kw_only=True)
class UnlinkAccount:
    account_id: str


@dataclass(frozen=True, kw_only=True)
class Deletion:
    success: bool = True
    message: str = "User deleted"


@dataclass(frozen=True, kw_only=True)
class DeletionMailed(Deletion, Outcome):
    """Nothing is deleted yet: the link in the letter has to be opened first."""

    message: str = "Verification email sent"
    notice: ClassVar[str] = "delete-link-sent"


@dataclass(frozen=True, kw_only=True)
class WayIn:
    """A way to sign in, in words. `id` is what `unlink_account` takes."""

    id: str
    name: str
    is_password: bool
    linked_at: datetime


@dataclass(frozen=True, kw_only=True)
class AccountsPage:
    ways: list[WayIn]
    may_unlink: bool


@dataclass(frozen=True, kw_only=True)
class DeletePage:
    """`ask`: delete now; `mail`: a link is sent first; `confirm`: that link was opened."""

    email: str
    step: Literal["ask", "mail", "confirm"]
    has_password: bool
    can_resend_in: int = 0


@dataclass(frozen=True, kw_only=True)
class ListedAccount:
    """A way to sign in as its owner sees it; `account_id` is what the provider calls the person."""

    id: str
    provider_id: str
    account_id: str
    user_id: str
    created_at: datetime
    updated_at: datetime
    scopes: list[str]


# Rules


def listed(row: AccountRow) -> ListedAccount:
    scopes = [scope.strip() for scope in (row.scope or "").split(",")]
    return ListedAccount(
        id=row.id,
        provider_id=row.provider_id,
        account_id=row.account_id,
        user_id=row.user_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        scopes=[scope for scope in scopes if scope],
    )


def opens(row: AccountRow) -> bool:
    """Can anybody sign in by this? A password account without a password is no way in."""
    return row.provider_id != accounts.CREDENTIAL or row.password is not None


def way_in(row: AccountRow) -> WayIn:
    is_password = row.provider_id == accounts.CREDENTIAL
    name = row.provider_id.replace("-", " ").replace("_", " ").title()
    return WayIn(id=row.id, name=name, is_password=is_password, linked_at=row.created_at)


def profile_changes(given: Mapping[str, object]) -> dict[str, Any]:
    """Read `name` and `image` out of a body. Raise InvalidInput naming what has the wrong shape."""
    changes: dict[str, Any] = {}
    problems = []
    for key, (kind, rules) in {"name": (str, Text(longest=255)), "image": (str | None, Text("image", None))}.items():
        if key not in given:
            continue
        try:
            changes[key] = convert(given[key], kind, rules)
        except ValueError as wrong:
            problems.append(Problem(str(wrong), field=key))
    if problems:
        raise InvalidInput(*problems)
    return changes


# The feature


class Account(Feature):
    """`Account(delete_user=False)` takes deletion away; `confirm_delete=True` asks for it by mail as well."""

    def __init__(
        self,
        *,
        delete_user: bool = True,
        confirm_delete: bool = False,
        delete_link_lifetime: timedelta = timedelta(days=1),
        unlink_last: bool = False,
    ) -> None:
        self.may_delete = delete_user
        self.confirm_delete = confirm_delete
        self.unlink_last = unlink_last
        self.deletion = Purpose(
            name="delete-account",
            prefix="delete-account-",
            lifetime=delete_link_lifetime,
            alphabet=string.digits + string.ascii_lowercase,
        )

    # "sensitive" although the wire lets a cached cookie do: a revoked session changes and sees no account (SEC-043).
    @operation(
        "POST",
        "/update-user",
        guard="sensitive",
        raises=(EmailCanNotBeUpdated, NoFieldsToUpdate, FieldNotAllowed, EmailTaken),
    )
    async def update_user(self, call: Call[U], input: UpdateUser) -> Done:
        """Change name, image and own fields. Raise EmailCanNotBeUpdated, NoFieldsToUpdate, FieldNotAllowed."""
        if input.changes.get("email"):
            raise EmailCanNotBeUpdated
        changes = profile_changes(input.changes)
        changes.update(accounts.own_fields(call, input.changes, creating=False))
        if not changes:
            raise NoFieldsToUpdate
        signed_in = call.signed_in
        user = await accounts.update_user(call, signed_in.user, **changes)
        sessions.rewrite_cookies(call, SignedIn(user, signed_in.session))
        return Done()

    @operation(
        "POST",
        "/update-user",
        guard="sensitive",
        in_api=False,
        raises=(NotAPicture, PictureTooLarge, NoFieldsToUpdate, FieldNotAllowed, EmailTaken),
    )
    async def save_profile(self, call: Call[U], input: SaveProfile) -> Done:
        """`update_user` for the screen, which sends a picture as a file. Raise NotAPicture, PictureTooLarge too."""
        changes = {key: value for key, value in input.changes.items() if key != "email"}
        if input.remove_image:
            changes["image"] = None
        elif input.image is not None:
            changes["image"] = await pictures.shrink(input.image)
        return await self.update_user(call, UpdateUser(changes=changes))

    @operation("GET", "/list-accounts", guard="sensitive")
    async def list_accounts(self, call: Call[U]) -> list[ListedAccount]:
        """List the ways in which the person who is signed in can sign in."""
        return [listed(row) for row in await accounts.accounts_of(call, call.signed_in.user.id)]

    @operation("POST", "/unlink-account", guard="fresh", raises=(LastAccount, AccountNotFound))
    async def unlink_account(self, call: Call[U], input: UnlinkAccount) -> Done:
        """Remove a way to sign in, by the id that `list_accounts` shows. Raise LastAccount, AccountNotFound."""
        user = call.signed_in.user
        async with call.transaction() as call_inside:
            # The user's row is written first: two removals at once wait for each other here, so that they
            # cannot each find the other's account still there and leave nobody a way in.
            await call_inside.store.update(call.auth.user_type, {"id": user.id}, updated_at=call.now)
            rows = await accounts.accounts_of(call_inside, user.id)
            others = [row for row in rows if row.id != input.account_id]
            if len(rows) <= 1 and not self.unlink_last:
                raise LastAccount
            if len(others) == len(rows):
                raise AccountNotFound
            if not any(map(opens, others)) and not self.unlink_last:
                raise LastAccount
            await call_inside.store.delete(AccountRow, id=input.account_id, user_id=user.id)
            gone = next(row for row in rows if row.id == input.account_id)
            what = "password-removed" if gone.provider_id == accounts.CREDENTIAL else "account-unlinked"
            call_inside.event("oauth.unlinked", user_id=user.id)
            call_inside.mail("security-notice", user.email, what=what, name=user.name)
        return Done()

    @operation(
        "POST",
        "/delete-user",
        guard="sensitive",
        sends_mail=True,
        raises=(
            NotFound,
            CredentialAccountNotFound,
            InvalidPassword,
            PasswordTooLong,
            SessionTooOld,
            UnknownDeletion,
        ),
    )
    async def delete_user(self, call: Call[U], input: DeleteUser = DeleteUser()) -> Deletion:
        """Delete the account of the person who is signed in: at once, or by a mailed link where that is set.

        Raise CredentialAccountNotFound, InvalidPassword, SessionTooOld, UnknownDeletion.
        """
        if not self.may_delete:
            raise NotFound
        user = call.signed_in.user
        if input.password is not None:
            await self._require_password(call, user, input.password)
        if input.token is not None:
            await self._confirmed(call, user, input.token)
            return Deletion()
        if self.confirm_delete:
            if not await call.may_mail("delete-account", user.email):
                return DeletionMailed()
            async with call.transaction() as call_inside:
                token = await tokens.issue(call_inside, self.deletion, subject=user.id, value=user.id)
                url = call.auth.link(
                    screen="/settings/delete",
                    api="/delete-user/callback",
                    in_api={"token": token, "callbackURL": input.callback_url or "/"},
                    in_screen={"token": token, **({"next": input.callback_url} if input.callback_url else {})},
                )
                minutes = int(self.deletion.lifetime.total_seconds() // 60)
                call_inside.mail(
                    "delete-account", user.email, counted=False, url=url, token=token, name=user.name, minutes=minutes
                )
            return DeletionMailed()
        window = call.auth.settings.fresh_for
        if input.password is None and window and call.now - call.signed_in.session.created_at >= window:
            raise SessionTooOld
        await self._delete(call, user)
        return Deletion()

    @operation("POST", "/delete-user", guard="sensitive", sends_mail=True, in_api=False)
    async def delete_here(self, call: Call[U], input: DeleteUser = DeleteUser()) -> Deletion:
        """`delete_user` for the screen, where a form that was left open is no proof: the password, or a session that
        was made a moment ago. Raise InvalidInput, SessionNotFresh too."""
        if input.token is None and not self.confirm_delete and input.password is None:
            account = await accounts.credential(call, call.signed_in.user.id)
            if account is not None and account.password is not None:
                raise InvalidInput(Problem("Invalid input: expected string, received undefined", field="password"))
            sessions.require_fresh(call, call.signed_in.session, window=call.auth.settings.screens_window)
        return await self.delete_user(call, input)

    @operation("POST", "/delete-user/send", guard="sensitive", sends_mail=True, in_api=False)
    async def send_deletion_link(self, call: Call[U], input: NoInput = NoInput()) -> Deletion:
        """Mail the link that deletes, where that is how it is done."""
        if not self.confirm_delete:
            raise NotFound
        return await self.delete_user(call)

    @operation(
        "GET",
        "/delete-user/callback",
        raises=(DeletionDisabled, NobodyToDelete, UnknownDeletion, FailedToGetSession, Unauthorized),
    )
    async def confirm_deletion(self, call: Call[U], input: ConfirmDeletion) -> Deletion | Redirect:
        """Delete the account by the mailed link, in the browser that is signed in to it."""
        if not self.may_delete:
            raise DeletionDisabled
        signed_in = await call.identify(cached=False)
        if signed_in is None:
            raise NobodyToDelete
        await self._confirmed(call, signed_in.user, input.token)
        return Redirect(input.callback_url) if input.callback_url else Deletion()

    async def profile_page(self, call: Call[U], visit: Visit) -> U:
        signed_in = await call.identify()
        if signed_in is None:
            raise Unauthorized
        return signed_in.user

    async def accounts_page(self, call: Call[U], visit: Visit) -> AccountsPage:
        user = (await call.guard("sensitive")).user
        rows = [row for row in await accounts.accounts_of(call, user.id) if opens(row)]
        return AccountsPage(ways=[way_in(row) for row in rows], may_unlink=len(rows) > 1 or self.unlink_last)

    async def delete_page(self, call: Call[U], visit: Visit) -> DeletePage:
        """Raise UnknownDeletion for a link that is spent, too old or somebody else's, SessionNotFresh where nothing
        but signing in again could prove who is here."""
        signed_in = await call.guard("sensitive")
        user = signed_in.user
        account = await accounts.credential(call, user.id)
        has_password = account is not None and account.password is not None
        if visit.token:
            if await tokens.peek(call, self.deletion, visit.token) != user.id:
                raise UnknownDeletion
            return DeletePage(email=user.email, step="confirm", has_password=has_password)
        if self.confirm_delete:
            return DeletePage(email=user.email, step="mail", has_password=has_password)
        if not has_password:
            sessions.require_fresh(call, signed_in.session, window=call.auth.settings.screens_window)
        return DeletePage(email=user.email, step="ask", has_password=has_password)

    def offers(self, screen: Screen) -> bool:
        return self.may_delete or screen.path != "/settings/delete"

    async def _require_password(self, call: Call[U], user: U, password: str) -> None:
        call.auth.passwords.check_maximum(password)
        account = await accounts.credential(call, user.id)
        if account is None or account.password is None:
            raise CredentialAccountNotFound
        await accounts.require_right(call, user, account, password)

    async def _confirmed(self, call: Call[U], user: U, token: str) -> None:
        """Delete by a mailed token, which burns even in the wrong hands (wire 1.20), but not by a fault (SEC-025)."""
        async with call.transaction() as call_inside:
            is_theirs = await tokens.redeem(call_inside, self.deletion, token) == user.id
            if is_theirs:
                await self._delete(call_inside, user)
        if not is_theirs:  # raised out here, for inside it would give the token back
            raise UnknownDeletion

    async def _delete(self, call: Call[U], user: U) -> None:
        async with call.transaction() as call_inside:
            await accounts.delete_user(call_inside, user)
            sessions.clear_cookies(call_inside)
            call_inside.mail("security-notice", user.email, what="account-deleted", name=user.name)
        call.become(None)

    screens: ClassVar = (
        Screen(
            path="/settings/profile",
            template="account/profile.html",
            loads=profile_page,
            submits=save_profile,
            files=("image",) if pictures.can_shrink() else (),
            checkboxes=("removeImage",),
            private=True,
            nav=N_("Profile"),
            requires=("name",),
            notice="profile-saved",
            states=("fresh", "wrong", "saved", "picture", "no picture", "long words"),
        ),
        Screen(
            path="/settings/accounts",
            template="account/accounts.html",
            loads=accounts_page,
            others={"unlink": unlink_account},
            fresh=True,
            nav=N_("Accounts"),
            notices={"unlink": "account-unlinked"},
            states=("fresh", "full", "unlinked", "last", "error", "empty"),
        ),
        Screen(
            path="/settings/delete",
            template="account/delete.html",
            loads=delete_page,
            submits=delete_here,
            others={"send": send_deletion_link},
            private=True,
            nav=N_("Delete"),
            takes_token=True,
            expired="/settings/delete",
            requires=("understand",),
            checkboxes=("understand",),
            then=("next", "/sign-out"),
            notice="account-deleted",
            states=("fresh", "wrong", "empty", "by mail", "link sent", "confirm", "expired"),
        ),
    )
