"""Every screen in every state it can be in, and the way there. Tests and pictures go through all of them."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from tests.browser.window import Window
from tests.support import PASSWORD

Way = Callable[[Window], None]
_number = itertools.count(1)


@dataclass(frozen=True)
class State:
    """`screen` is the path of the screen, `name` one of the states that it declares, `way` leads there.

    `strict`: on the site that wants addresses confirmed; `needs_script`: there is no such state without.
    """

    screen: str
    name: str
    way: Way
    strict: bool = False
    needs_script: bool = False

    @property
    def slug(self) -> str:
        return f"{self.screen.strip('/').replace('/', '-')}--{self.name.replace(' ', '-')}"


STATES: list[State] = []


def state(
    screen: str, name: str = "fresh", *, strict: bool = False, needs_script: bool = False
) -> Callable[[Way], Way]:
    def keep(way: Way) -> Way:
        STATES.append(State(screen, name, way, strict, needs_script))
        return way

    return keep


def new_email() -> str:
    return f"ann.lee+{next(_number)}@example.com"


def a_picture() -> bytes:
    made = io.BytesIO()
    Image.radial_gradient("L").save(made, "PNG")
    return made.getvalue()


# Sign in, sign up, leave


@state("/sign-in")
def sign_in(window: Window) -> None:
    window.open("/auth/sign-in")


@state("/sign-in", "sent here")
def sign_in_first(window: Window) -> None:
    window.open("/dashboard")
    window.sees_notice("Sign in to continue.")


@state("/sign-in", "wrong")
def sign_in_wrong(window: Window) -> None:
    window.open("/auth/sign-in")
    window.fill(email="ann.lee@example.com", password="wrong wrong wrong")
    window.press("Sign in")
    window.sees_problem("The email or password is not right.")


@state("/sign-in", "empty")
def sign_in_empty(window: Window) -> None:
    window.open("/auth/sign-in")
    window.press("Sign in")
    window.sees_problem("Enter your password.")


@state("/sign-in", "no connection", needs_script=True)
def sign_in_without_connection(window: Window) -> None:
    window.open("/auth/sign-in")
    window.page.route("**/auth/sign-in", lambda route: route.abort())
    window.press("Sign in")
    window.page.locator("[data-am-neterr]").first.wait_for()
    window.page.unroute_all()
    window.forgive_the_network()


@state("/sign-up")
def sign_up(window: Window) -> None:
    window.open("/auth/sign-up")


@state("/sign-up", "wrong")
def sign_up_wrong(window: Window) -> None:
    window.open("/auth/sign-up")
    window.press("Create account")
    window.sees_problem("Enter your name.")


@state("/sign-up", "taken")
def sign_up_taken(window: Window) -> None:
    email = new_email()
    window.sign_up_aside(email)
    window.context.clear_cookies()
    window.open("/auth/sign-up")
    window.fill(name="Ann Lee", email=email, password=PASSWORD)
    window.press("Create account")
    window.sees_problem("There is already an account with this email.")


@state("/sign-out", "signed in")
def sign_out(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/sign-out")


@state("/sign-out", "signed out")
def signed_out(window: Window) -> None:
    window.open("/auth/sign-out")


# Forgotten password


@state("/forgot-password")
def forgot_password(window: Window) -> None:
    window.open("/auth/forgot-password")


@state("/forgot-password", "wrong")
def forgot_password_wrong(window: Window) -> None:
    window.open("/auth/forgot-password")
    window.fill(email="ann.lee")
    window.press("Send reset link")
    window.sees_problem("Enter an email address")


@state("/check-email", "sent")
def check_email(window: Window) -> None:
    window.open("/auth/forgot-password")
    window.fill(email="ann.lee@gmail.com")
    window.press("Send reset link")
    window.sees_heading("Check your email")


@state("/check-email", "too soon")
def check_email_too_soon(window: Window) -> None:
    check_email(window)
    window.press("Send again")
    window.sees_problem("Too many tries. Wait")


@state("/check-email", "address unknown")
def check_email_of_nobody(window: Window) -> None:
    window.open("/auth/check-email")


@state("/check-email", "sent again")
def check_email_again(window: Window) -> None:
    window.open("/auth/check-email")
    window.fill(email="ann.lee@example.com")
    window.press("Send reset link")
    window.sees_notice("We have sent it again.")


@state("/reset-password")
def reset_password(window: Window) -> None:
    email = new_email()
    window.sign_up_aside(email)
    window.open_reset_link(email)
    window.sees_heading("Choose a new password")


@state("/reset-password", "wrong")
def reset_password_wrong(window: Window) -> None:
    reset_password(window)
    window.fill(newPassword="short")
    window.press("Change password")
    window.sees_problem("Use a longer password")


@state("/reset-password", "expired")
def reset_password_expired(window: Window) -> None:
    email = new_email()
    window.sign_up_aside(email)
    window.open_reset_link(email)
    window.fill(newPassword=PASSWORD)
    window.press("Change password")
    window.sees_heading("Sign in to Lighthouse")
    window.open(window.site.link(email, "reset-password"))
    window.sees_heading("This link has expired")


# Sign in by a link


def asked_for_a_link(window: Window, email: str) -> None:
    window.open("/auth/sign-in")
    window.fill(email=email)
    window.press("Email me a sign-in link")
    window.sees_heading("Check your email")


@state("/sign-in/magic-link", "sent")
def magic_link_sent(window: Window) -> None:
    asked_for_a_link(window, new_email())


@state("/sign-in/magic-link", "too soon")
def magic_link_too_soon(window: Window) -> None:
    magic_link_sent(window)
    window.press("Send again")
    window.sees_problem("Too many tries. Wait")


@state("/sign-in/magic-link", "address unknown")
def magic_link_of_nobody(window: Window) -> None:
    window.open("/auth/sign-in/magic-link")
    window.sees_heading("Sign in by email")


@state("/sign-in/magic-link", "wrong")
def magic_link_wrong(window: Window) -> None:
    magic_link_of_nobody(window)
    window.fill(email="ann.lee")
    window.press("Send link")
    window.sees_problem("Enter an email address")


@state("/sign-in/magic-link", "sent again")
def magic_link_again(window: Window) -> None:
    magic_link_of_nobody(window)
    window.fill(email=new_email())
    window.press("Send link")
    window.sees_notice("We have sent you a link.")


def opened_a_link(window: Window) -> str:
    """Return the address of whom the link is for."""
    email = new_email()
    window.sign_up_aside(email)
    window.context.clear_cookies()
    asked_for_a_link(window, email)
    window.open(window.site.link(email, "magic-link"))
    window.sees_heading(f"Sign in as {email}?")
    return email


@state("/magic-link", "confirm")
def magic_link(window: Window) -> None:
    opened_a_link(window)


@state("/magic-link", "new")
def magic_link_of_a_new_user(window: Window) -> None:
    email = new_email()
    asked_for_a_link(window, email)
    window.open(window.site.link(email, "magic-link"))
    window.page.get_by_text("There is no account with this email yet.").wait_for()


@state("/magic-link", "another browser")
def magic_link_elsewhere(window: Window) -> None:
    email = new_email()
    asked_for_a_link(window, email)
    window.context.clear_cookies()
    window.open(window.site.link(email, "magic-link"))
    window.page.get_by_text("You did not ask for this link in this browser.").wait_for()


@state("/magic-link", "expired")
def magic_link_expired(window: Window) -> None:
    email = opened_a_link(window)
    window.press("Sign in")
    window.sees_heading("Dashboard")
    window.open(window.site.link(email, "magic-link"))
    window.sees_heading("This link has expired")


# Sign in by a code


@state("/email-code")
def email_code(window: Window) -> None:
    window.open("/auth/sign-in")
    window.fill(email=new_email())
    window.press("Email me a code")
    window.sees_heading("Enter the code")


@state("/email-code", "address unknown")
def email_code_of_nobody(window: Window) -> None:
    window.open("/auth/email-code")
    window.page.get_by_role("button", name="Send a code").wait_for()


@state("/email-code", "wrong")
def email_code_wrong(window: Window) -> None:
    email_code(window)
    window.fill(code="wrong")
    window.press("Sign in")
    window.sees_problem("That code is not right.")


@state("/email-code", "empty")
def email_code_empty(window: Window) -> None:
    email_code(window)
    window.press("Sign in")
    window.sees_problem("Enter the code.")


@state("/email-code", "too many")
def email_code_too_many(window: Window) -> None:
    email_code(window)
    for said in (*("That code is not right.",) * 3, "Too many wrong codes."):
        window.fill(code="wrong")
        window.press("Sign in")
        window.sees_problem(said)


@state("/email-code", "sent again")
def email_code_sent(window: Window) -> None:
    email_code_of_nobody(window)
    window.fill(email=new_email())
    window.press("Send a code")
    window.sees_notice("We have sent you a code.")


# Confirm the address


@state("/verify-email", "waiting")
def verify_email_waiting(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/verify-email")


@state("/verify-email", "waiting after sign-up", strict=True)
def verify_email_waiting_strictly(window: Window) -> None:
    window.open("/auth/sign-up")
    window.fill(name="Ann Lee", email=new_email(), password=PASSWORD)
    window.press("Create account")
    window.sees_heading("Confirm your email")


@state("/verify-email", "address unknown")
def verify_email_of_nobody(window: Window) -> None:
    window.open("/auth/verify-email")


@state("/verify-email", "confirm")
def verify_email_confirm(window: Window) -> None:
    email = new_email()
    window.sign_up_aside(email)
    window.open(window.site.link(email, "verify-email"))
    window.page.get_by_role("button", name="Confirm email").wait_for()


@state("/verify-email", "agree")
def verify_email_agree(window: Window) -> None:
    mine = new_email()
    window.sign_up_aside(mine)
    window.open(window.site.link(mine, "verify-email"))
    window.press("Confirm email")
    window.sees_heading("Dashboard")
    window.open("/auth/settings/email")
    window.fill(newEmail=new_email())
    window.press("Change email")
    window.sees_notice("Almost done: open the link that we have sent you.")
    window.open(window.site.link(mine, "change-email"))
    window.page.get_by_role("button", name="Allow the change").wait_for()


@state("/verify-email", "done")
def verify_email_done(window: Window) -> None:
    verify_email_confirm(window)
    window.press("Confirm email")
    window.sees_heading("Dashboard")
    window.open("/auth/verify-email")
    window.sees_heading("Your email is confirmed")


@state("/verify-email", "expired")
def verify_email_expired(window: Window) -> None:
    window.open("/auth/verify-email?token=nothing")
    window.sees_heading("This link has expired")


# The account


@state("/settings/profile")
def profile(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/settings/profile")


@state("/settings/profile", "wrong")
def profile_wrong(window: Window) -> None:
    profile(window)
    window.fill(name="")
    window.press("Save profile")
    window.sees_problem("Enter your name.")


@state("/settings/profile", "saved")
def profile_saved(window: Window) -> None:
    profile(window)
    window.fill(name="Ann Beam")
    window.press("Save profile")
    window.sees_notice("Your profile is saved.")


@state("/settings/profile", "picture")
def profile_picture(window: Window) -> None:
    profile(window)
    window.page.locator("#image").set_input_files({"name": "me.png", "mimeType": "image/png", "buffer": a_picture()})
    window.press("Save profile")
    window.sees_notice("Your profile is saved.")
    window.page.get_by_text("Remove my picture").wait_for()


@state("/settings/profile", "no picture")
def profile_no_picture(window: Window) -> None:
    profile(window)
    window.page.locator("#image").set_input_files({"name": "me.png", "mimeType": "image/png", "buffer": b"no picture"})
    window.press("Save profile")
    window.sees_problem("That file is no picture that we can read.")


@state("/settings/profile", "long words")
def profile_long(window: Window) -> None:
    email = f"{'a' * 60}.{next(_number)}@{'b' * 60}.example.com"
    window.sign_up_aside(email, name="Wolfeschlegelsteinhausenbergerdorff" * 3)
    window.open("/auth/settings/profile")


@state("/settings/password")
def password(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/settings/password")


@state("/settings/password", "wrong")
def password_wrong(window: Window) -> None:
    password(window)
    window.fill(currentPassword="wrong wrong wrong", newPassword="another horse battery")
    window.press("Change password")
    window.sees_problem("That password is not right.")


@state("/settings/password", "saved")
def password_saved(window: Window) -> None:
    password(window)
    window.fill(currentPassword=PASSWORD, newPassword="another horse battery")
    window.press("Change password")
    window.sees_notice("Your password is changed.")


@state("/reauth")
def reauth(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/reauth")


@state("/reauth", "wrong")
def reauth_wrong(window: Window) -> None:
    reauth(window)
    window.fill(password="wrong wrong wrong")
    window.press("Confirm")
    window.sees_problem("That password is not right.")


@state("/reauth", "empty")
def reauth_empty(window: Window) -> None:
    reauth(window)
    window.press("Confirm")
    window.sees_problem("Enter your password.")


@state("/reauth", "code")
def reauth_by_code(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.forget_password()
    window.open("/auth/reauth")
    window.page.get_by_role("button", name="Send a code").wait_for()


@state("/reauth", "code sent")
def reauth_code_sent(window: Window) -> None:
    reauth_by_code(window)
    window.press("Send a code")
    window.sees_notice("We have sent you a code.")


@state("/reauth", "code wrong")
def reauth_code_wrong(window: Window) -> None:
    reauth_code_sent(window)
    window.fill(code="wrong")
    window.press("Confirm")
    window.sees_problem("That code is not right.")


@state("/reauth", "too many codes")
def reauth_too_many_codes(window: Window) -> None:
    reauth_code_sent(window)
    for said in ("That code is not right.", "That code is not right.", "Too many wrong codes."):
        window.fill(code="wrong")
        window.press("Confirm")
        window.sees_problem(said)


@state("/settings/password", "not set")
def password_not_set(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.forget_password()
    window.open("/auth/settings/password")
    window.page.get_by_role("button", name="Set password").wait_for()


@state("/settings/email")
def email(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/settings/email")


@state("/settings/email", "confirmed")
def email_confirmed(window: Window) -> None:
    verify_email_done(window)
    window.open("/auth/settings/email")


@state("/settings/email", "wrong")
def email_wrong(window: Window) -> None:
    email(window)
    window.fill(newEmail="ann.lee")
    window.press("Change email")
    window.sees_problem("Enter an email address")


@state("/settings/email", "same")
def email_same(window: Window) -> None:
    mine = new_email()
    window.sign_up_aside(mine)
    window.open("/auth/settings/email")
    window.fill(newEmail=mine)
    window.press("Change email")
    window.sees_problem("That is already your email.")


@state("/settings/email", "waiting")
def email_waiting(window: Window) -> None:
    email(window)
    window.fill(newEmail=new_email())
    window.press("Change email")
    window.sees_notice("Almost done: open the link that we have sent you.")


@state("/settings/email", "waiting for the old mailbox")
def email_waiting_for_the_old(window: Window) -> None:
    verify_email_agree(window)
    window.open("/auth/settings/email")


@state("/settings/email", "cancelled")
def email_cancelled(window: Window) -> None:
    email_waiting(window)
    window.press("Cancel the change")
    window.sees_notice("The change is cancelled. Your email stays as it is.")


@state("/settings/sessions", "only this")
def sessions_only_this(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/settings/sessions")


@state("/settings/sessions", "full")
def sessions(window: Window) -> None:
    mine = new_email()
    window.sign_up_aside(mine)
    for _ in range(2):
        window.context.clear_cookies()
        window.sign_in_aside(mine)
    window.open("/auth/settings/sessions")


@state("/settings/sessions", "ended")
def sessions_ended(window: Window) -> None:
    sessions(window)
    window.press("Sign out everywhere else")
    window.sees_notice("You are signed out everywhere else.")


@state("/settings/sessions", "apps")
def sessions_apps(window: Window) -> None:
    sessions_only_this(window)
    for agent in (None, "Lantern/2.1"):
        window.hand_out_tokens(agent)
    window.open("/auth/settings/sessions")
    window.sees_section("Apps and devices")


@state("/settings/sessions", "app ended")
def sessions_app_ended(window: Window) -> None:
    sessions_apps(window)
    window.press(re.compile("^Sign out Unknown app"))
    window.sees_notice("That session is signed out.")


@state("/switch-account", "only this")
def switch_account_only_this(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/switch-account")


def be_several(window: Window) -> list[str]:
    """Be signed in as three people, the last of them now; return their addresses."""
    names = ("Ann Lee", "Ann Beam", "Wolfeschlegelsteinhausenbergerdorff" * 3)
    emails = [new_email(), new_email(), f"{'a' * 60}.{next(_number)}@{'b' * 60}.example.com"]
    for email, name in zip(emails, names, strict=True):
        window.sign_up_aside(email, name=name)
    window.sign_in_aside(emails[0])
    return emails


@state("/switch-account", "full")
def switch_account(window: Window) -> None:
    be_several(window)
    window.open("/auth/switch-account")


@state("/switch-account", "switched")
def switch_account_switched(window: Window) -> None:
    _, other, _ = be_several(window)
    window.open("/auth/switch-account")
    window.press(f"Switch {other}")
    window.sees_notice("You have switched accounts.")


@state("/switch-account", "ended")
def switch_account_ended(window: Window) -> None:
    _, other, _ = be_several(window)
    window.open("/auth/switch-account")
    window.press(f"Sign out {other}")
    window.sees_notice("That session is signed out.")


@state("/switch-account", "another")
def switch_account_another(window: Window) -> None:
    switch_account_only_this(window)
    window.follow("Use another account")
    window.sees_heading("Sign in to Lighthouse")


@state("/switch-account", "another wrong")
def switch_account_another_wrong(window: Window) -> None:
    switch_account_another(window)
    window.fill(email="ann.lee@example.com", password="wrong wrong wrong")
    window.press("Sign in")
    window.sees_problem("The email or password is not right.")


@state("/settings/accounts")
def accounts(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/settings/accounts")


@state("/settings/accounts", "full")
def accounts_full(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.link_account()
    window.open("/auth/settings/accounts")


@state("/settings/accounts", "unlinked")
def accounts_unlinked(window: Window) -> None:
    accounts_full(window)
    window.page.get_by_role("button", name="Unlink").click()
    window.sees_notice("That account is unlinked.")


@state("/settings/accounts", "last")
def accounts_last(window: Window) -> None:
    accounts_full(window)
    window.forget_password()  # meanwhile, in another window
    window.page.get_by_role("button", name="Unlink").click()
    window.sees_problem("This is your last way to sign in.")


@state("/settings/accounts", "error")
def accounts_error(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/settings/accounts?error=access_denied")


@state("/settings/accounts", "empty")
def accounts_empty(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.forget_password()
    window.open("/auth/settings/accounts")


@state("/settings/delete")
def delete(window: Window) -> None:
    window.sign_up_aside(new_email())
    window.open("/auth/settings/delete")


@state("/settings/delete", "wrong")
def delete_wrong(window: Window) -> None:
    delete(window)
    window.fill(password="wrong wrong wrong")
    window.page.locator("#understand").check()
    window.press("Delete my account")
    window.sees_problem("That password is not right.")


@state("/settings/delete", "empty")
def delete_empty(window: Window) -> None:
    delete(window)
    window.press("Delete my account")
    window.sees_problem("Enter your password.")


def delete_by_mail_as(window: Window, mine: str) -> None:
    window.sign_up_aside(mine)
    window.open(window.site.link(mine, "verify-email"))
    window.press("Confirm email")
    window.sees_heading("Sign in to Lighthouse")
    window.sign_in_aside(mine)
    window.open("/auth/settings/delete")
    window.page.get_by_role("button", name="Email me the link").wait_for()


@state("/settings/delete", "by mail", strict=True)
def delete_by_mail(window: Window) -> None:
    delete_by_mail_as(window, new_email())


@state("/settings/delete", "link sent", strict=True)
def delete_link_sent(window: Window) -> None:
    delete_by_mail(window)
    window.press("Email me the link")
    window.sees_notice("We have sent you a link. Open it to delete your account.")


@state("/settings/delete", "confirm", strict=True)
def delete_confirm(window: Window) -> None:
    mine = new_email()
    delete_by_mail_as(window, mine)
    window.press("Email me the link")
    window.sees_notice("We have sent you a link. Open it to delete your account.")
    window.open(window.site.link(mine, "delete-account"))
    window.page.get_by_role("button", name="Delete my account").wait_for()


@state("/settings/delete", "expired", strict=True)
def delete_expired(window: Window) -> None:
    delete_by_mail(window)
    window.open("/auth/settings/delete?token=nothing")
    window.sees_heading("This link has expired")


# What cannot be shown, done or found


@state("/error", "known")
def error_known(window: Window) -> None:
    window.open("/auth/error?error=INVALID_TOKEN")


@state("/error", "unknown")
def error_unknown(window: Window) -> None:
    window.open("/auth/error?error=what_is_this&error_description=nothing")


@state("/403")
def page_403(window: Window) -> None:
    window.open("/auth/sign-in")
    window.context.clear_cookies()  # the form's token belongs to a cookie that is gone
    window.press("Sign in")
    window.sees_heading("This page was open too long")


@state("/404")
def page_404(window: Window) -> None:
    window.open("/auth/nothing")


@state("/410")
def page_410(window: Window) -> None:
    window.open("/auth/reset-password?token=nothing")
    window.sees_heading("This link has expired")


@state("/429")
def page_429(window: Window) -> None:
    window.open("/auth/trouble?with=many")


@state("/500")
def page_500(window: Window) -> None:
    window.open("/auth/trouble?with=fault")


@state("/503")
def page_503(window: Window) -> None:
    window.open("/auth/trouble?with=busy")


@state("/dev/mail", "empty")
def dev_mail_empty(window: Window) -> None:
    window.context.request.get("/forget-letters")
    window.open("/auth/dev/mail")


@state("/dev/mail", "full")
def dev_mail(window: Window) -> None:
    email = new_email()
    window.sign_up_aside(email)
    window.site.link(email, "verify-email")
    window.open("/auth/dev/mail")
