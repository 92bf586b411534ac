"""What people come to do, once by plain forms with script off, and once through htmx."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.site import Site
from tests.browser.window import Window
from tests.pseudo import pseudo
from tests.support import PASSWORD

NEW_PASSWORD = "another horse battery"
_number = itertools.count(1)


def new_email() -> str:
    return f"flow-{next(_number)}@example.com"


@pytest.fixture(params=[False, True], ids=["no script", "htmx"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_from_signing_up_to_signing_out_for_good(site: Site, open_window: Callable[..., Window], script: bool) -> None:
    window, email = open_window(site, script=script), new_email()
    page = window.page

    # Sent to sign in by the application, and on to sign up.
    window.open("/dashboard")
    window.is_at("/auth/sign-in?next=%2Fdashboard")
    window.sees_notice("Sign in to continue.")
    window.misses_no_script()
    window.follow("Create an account")
    window.sees_title("Create an account")
    window.misses_no_script()

    # A mistake: typed values stay, the password does not.
    window.fill(name="Ann Lee", email=email, password="short", town="Whitby")
    with window.staying():
        window.press("Create account")
        window.sees_title("Error: Create an account")
        window.sees_problem("Use a longer password: at least 8 characters.")
    expect(page.locator("#name")).to_have_value("Ann Lee")
    expect(page.locator("#email")).to_have_value(email)
    expect(page.locator("#town")).to_have_value("Whitby")
    expect(page.locator("#password")).to_have_value("")
    expect(page.locator("#password")).to_have_attribute("aria-invalid", "true")
    window.misses_no_script()
    window.fill(password=PASSWORD)
    window.press("Create account")
    window.sees_heading("Dashboard")
    expect(page.get_by_text(f"Signed in as Ann Lee, {email}.")).to_be_visible()

    # The address is confirmed by the mailed link and a button.
    window.open(site.link(email, "verify-email"))
    window.is_at("/auth/verify-email?next=%2Fdashboard")
    window.press("Confirm email")
    window.sees_heading("Dashboard")
    window.open("/auth/settings/profile")
    window.sees_notice("Your email is confirmed.")
    expect(page.get_by_text("confirmed", exact=True)).to_be_visible()

    # Out, and in again after a wrong password.
    window.open("/dashboard")
    window.follow("Sign out")
    window.sees_heading("Sign out of Lighthouse?")
    window.press("Sign out")
    window.sees_heading("Welcome")
    window.open("/dashboard")
    window.fill(email=email, password="wrong wrong wrong")
    page.get_by_label("Keep me signed in").uncheck()
    with window.staying():
        window.press("Sign in")
        window.sees_title("Error: Sign in")
        window.sees_problem("The email or password is not right. Check both, or reset your password.")
    expect(page.locator("#email")).to_have_value(email)
    expect(page.locator("#password")).to_have_value("")
    expect(page.get_by_label("Keep me signed in")).not_to_be_checked()
    window.fill(password=PASSWORD)
    window.press("Sign in")
    window.is_at("/dashboard")
    window.sees_heading("Dashboard")

    # The password is forgotten.
    window.open("/auth/sign-out")
    window.press("Sign out")
    window.sees_heading("Welcome")
    window.open("/auth/sign-in")
    window.sees_notice("You are signed out.")
    window.follow("Forgot your password?")
    window.misses_no_script()
    expect(page.locator("#email")).to_have_value(email)
    window.press("Send reset link")
    window.sees_heading("Check your email")
    expect(page.get_by_text(email)).to_be_visible()
    window.misses_no_script()
    link = site.link(email, "reset-password")
    window.open(link)
    window.is_at("/auth/reset-password")
    window.sees_heading("Choose a new password")
    window.misses_no_script()
    with window.staying():
        window.press("Change password")
        window.sees_problem("Enter a new password.")
    window.fill(newPassword=NEW_PASSWORD)
    window.press("Change password")
    window.is_at("/auth/sign-in")
    window.sees_notice("Your password is changed. Sign in with the new one.")
    window.open(link)
    window.sees_heading("This link has expired")
    window.open("/auth/sign-in")
    window.fill(email=email, password=NEW_PASSWORD)
    window.press("Sign in")
    window.sees_heading("Dashboard")

    window.open("/auth/settings/profile")
    window.misses_no_script()
    window.press("Sign out")
    window.sees_heading("Welcome")
    window.open("/auth/settings/profile")
    window.sees_heading("Sign in to Lighthouse")


def test_where_an_address_must_be_confirmed_people_wait_for_the_letter(
    strict_site: Site, open_window: Callable[..., Window], script: bool
) -> None:
    window, email = open_window(strict_site, script=script), new_email()
    window.open("/auth/sign-up")
    window.fill(name="Ann Lee", email=email, password=PASSWORD)
    window.press("Create account")
    window.is_at("/auth/verify-email")
    window.sees_heading("Confirm your email")
    expect(window.page.get_by_text(email)).to_be_visible()

    window.open("/dashboard")
    window.fill(email=email, password=PASSWORD)
    window.press("Sign in")
    window.is_at("/auth/verify-email?next=%2Fdashboard")
    window.sees_heading("Confirm your email")
    window.misses_no_script()

    # Too soon after the last letter.
    with window.staying():
        window.press("Send again")
        window.sees_problem("Too many tries. Wait")

    window.open(strict_site.link(email, "verify-email", number=2))
    window.press("Confirm email")
    window.is_at("/auth/sign-in?next=%2Fdashboard")
    window.sees_notice("Your email is confirmed.")
    window.fill(email=email, password=PASSWORD)
    window.press("Sign in")
    window.sees_heading("Dashboard")


def test_a_language_is_chosen_at_the_foot_and_kept(
    site: Site, open_window: Callable[..., Window], script: bool
) -> None:
    window = open_window(site, script=script)
    page = window.page
    window.open("/auth/sign-in")
    # Chromium asks for en-US: that is English, and not some other kind of it.
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.locator("footer [hreflang=ar-XB]").click()
    window.sees_title(pseudo("Sign in"))
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    window.open("/auth/sign-up")
    with window.staying():
        window.press(pseudo("Create account"))
        window.sees_problem(pseudo("Enter your name."))
    window.open("/auth/sign-in?lang=en")
    window.sees_title("Sign in")


def test_a_password_is_shown_on_demand_also_after_an_error(window: Window) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    window.open("/auth/sign-in")
    window.page.route(window.page.url, hold)
    for _ in range(2):
        field = window.page.locator("#password")
        window.fill(email="bob@example.com", password="wrong wrong wrong")
        window.press("Show password")
        expect(field).to_have_attribute("type", "text")
        expect(window.page.get_by_role("button", name="Hide password")).to_have_text("Hide")
        # Hidden again before it leaves, or the browser would remember it as ordinary text.
        window.press("Sign in")
        expect(window.page.locator("form[aria-busy]")).to_have_count(1)
        expect(field).to_have_attribute("type", "password")
        held.pop().continue_()
        window.sees_problem("The email or password is not right.")
        expect(field).to_have_attribute("type", "password")
