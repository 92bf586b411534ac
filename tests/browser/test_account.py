"""What people do with their account: with script off, through htmx, and with nothing but a keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.catalogue import new_email
from tests.browser.site import Site
from tests.browser.window import KeptWindows, KeyboardWindow, Window, kept_windows
from tests.support import PASSWORD

NEW_PASSWORD = "another horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Mobile/15E148 Safari/604.1"
)
Come = Callable[[Site], Window]


@pytest.fixture(
    scope="module",
    params=[(Window, False), (Window, True), (KeyboardWindow, False), (KeyboardWindow, True)],
    ids=["no script", "htmx", "keyboard, no script", "keyboard, htmx"],
)
def own_windows(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[KeptWindows]:
    """All that a test does is done in each of these ways."""
    kind, script = request.param
    with kept_windows(lambda site: kind(chromium, site, script=script)) as windows:
        yield windows


@pytest.fixture
def come(own_windows: KeptWindows) -> Iterator[Come]:
    """`come(site)`: the window of the person whom the test is about."""
    yield own_windows
    assert own_windows.new_troubles() == []


@pytest.fixture(scope="module")
def firefoxes(chromium: Browser) -> Iterator[KeptWindows]:
    with kept_windows(lambda site: Window(chromium, site, script=False, agent=FIREFOX)) as windows:
        yield windows


@pytest.fixture(scope="module")
def phones(chromium: Browser) -> Iterator[KeptWindows]:
    with kept_windows(lambda site: Window(chromium, site, script=False, agent=IPHONE)) as windows:
        yield windows


def sign_up_confirmed(window: Window) -> str:
    """Be signed in to an account whose address is confirmed."""
    email = new_email()
    window.sign_up_aside(email)
    token = window.site.letter(email, "verify-email")["token"]
    assert window.context.request.get("/api/auth/verify-email", params={"token": token}).ok
    window.sign_in_aside(email)
    return email


def is_told(window: Window, email: str, subject: str) -> None:
    """The owner got one letter about what was done."""
    assert window.site.letter(email, "security-notice")["subject"] == subject


def is_signed_out(window: Window) -> None:
    window.open("/dashboard")
    window.sees_heading("Sign in to Lighthouse")


def is_signed_in(window: Window) -> None:
    window.open("/dashboard")
    window.sees_heading("Dashboard")


def test_somebody_takes_another_name(site: Site, come: Come) -> None:
    window, email = come(site), new_email()
    window.sign_up_aside(email)
    window.open("/auth/settings/profile")
    window.misses_no_script()

    window.fill(town="Whitby", name="")
    with window.staying():
        window.press("Save profile")
        window.sees_mistake("Enter your name.", title="Profile", field="name")
    expect(window.page.locator("#town")).to_have_value("Whitby")

    window.fill(name="Ann Beam")
    with window.staying():
        window.press("Save profile")
        window.sees_success("Your profile is saved.", title="Profile")
    expect(window.page.locator("#name")).to_have_value("Ann Beam")
    expect(window.page.locator("#town")).to_have_value("Whitby")
    expect(window.page.locator(".am-who").get_by_text("Ann Beam")).to_be_visible()

    window.open("/dashboard")
    expect(window.page.get_by_text(f"Signed in as Ann Beam, {email}.")).to_be_visible()


def test_somebody_moves_to_another_address_by_a_letter_to_each(site: Site, come: Come) -> None:
    window = come(site)
    old, new = sign_up_confirmed(window), new_email()
    window.open("/auth/settings/email")
    window.misses_no_script()

    window.fill(newEmail=old)
    with window.staying():
        window.press("Change email")
        window.sees_mistake("That is already your email.", title="Email", field="newEmail")
    expect(window.page.locator("#newEmail")).to_have_value(old)

    window.fill(newEmail=new)
    with window.staying():
        window.press("Change email")
        window.sees_success("Almost done: open the link that we have sent you.", title="Email")
    expect(window.page.get_by_role("heading", name="Waiting for confirmation")).to_be_visible()

    window.open(site.link(old, "change-email"))
    window.is_at("/auth/verify-email")
    window.sees_heading("Change your email?")
    window.press("Allow the change")
    window.is_at("/auth/settings/email")
    window.sees_notice("Almost done: open the link that we have sent to your new email.")

    window.open(site.link(new, "verify-email"))
    window.sees_heading("Confirm your email")
    assert not site.lets_in(new, PASSWORD), "to open the link is not to press the button"
    window.press("Confirm email")
    window.is_at("/auth/settings/email")
    window.sees_notice("Your email is changed.")
    expect(window.page.locator("dd").get_by_text(new)).to_be_visible()

    window.open("/dashboard")
    expect(window.page.get_by_text(f"Signed in as Ann Lee, {new}.")).to_be_visible()
    assert site.lets_in(new, PASSWORD) and not site.lets_in(old, PASSWORD)
    is_told(window, old, "The email of your account was changed")


def test_somebody_changes_the_password(site: Site, come: Come, firefoxes: KeptWindows) -> None:
    window, elsewhere, email = come(site), firefoxes(site), new_email()
    window.sign_up_aside(email)
    elsewhere.sign_in_aside(email)
    window.open("/auth/settings/password")
    window.misses_no_script()

    window.fill(newPassword=NEW_PASSWORD, currentPassword="wrong wrong wrong")
    with window.staying():
        window.press("Change password")
        window.sees_mistake("That password is not right.", title="Password", field="currentPassword")
    for name in ("currentPassword", "newPassword"):
        expect(window.page.locator(f"#{name}")).to_have_value("")
    assert site.lets_in(email, PASSWORD)

    window.fill(currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    with window.staying():
        window.press("Change password")
        window.sees_success("Your password is changed.", title="Password")
    for name in ("currentPassword", "newPassword"):
        expect(window.page.locator(f"#{name}")).to_have_value("")

    assert site.lets_in(email, NEW_PASSWORD) and not site.lets_in(email, PASSWORD)
    is_signed_in(window)
    is_signed_out(elsewhere)
    is_told(window, email, "Your password was changed")


def test_somebody_signs_out_another_browser_and_then_all_others(
    site: Site, come: Come, firefoxes: KeptWindows, phones: KeptWindows
) -> None:
    window, email = come(site), new_email()
    firefox, phone = firefoxes(site), phones(site)
    window.sign_up_aside(email)
    for other in (firefox, phone):
        other.sign_in_aside(email)
    window.open("/auth/settings/sessions")
    window.misses_no_script()
    rows = window.page.locator("main .am-row")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("This session")
    expect(rows.filter(has_text="Safari on iOS")).to_have_count(1)

    with window.staying():
        window.press(re.compile("^Sign out Firefox on Linux"))
        window.sees_success("That session is signed out.", title="Sessions")
    expect(rows).to_have_count(2)
    is_signed_out(firefox)
    is_signed_in(phone)

    with window.staying():
        window.press("Sign out everywhere else")
        window.sees_success("You are signed out everywhere else.", title="Sessions")
    expect(rows).to_have_count(1)
    expect(window.page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    is_signed_out(phone)
    is_signed_in(window)


def test_somebody_signs_out_an_app_and_the_other_one_goes_on(site: Site, come: Come) -> None:
    window = come(site)
    window.sign_up_aside(new_email())
    unknown, another = window.hand_out_tokens("Lantern/2.1"), window.hand_out_tokens(IPHONE)
    window.open("/auth/settings/sessions")
    window.misses_no_script()
    window.sees_section("Apps and devices")
    rows = window.page.locator("main .am-row")
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text="Safari on iOS")).to_have_count(1)

    with window.staying():
        window.press(re.compile("^Sign out Unknown app"))
        window.sees_success("That session is signed out.", title="Sessions")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="Unknown app")).to_have_count(0)
    assert not site.serves_app(unknown)
    assert site.serves_app(another)
    is_signed_in(window)


def test_somebody_signs_in_to_another_account_beside_the_first_and_goes_back_and_forth(site: Site, come: Come) -> None:
    window, first, second = come(site), new_email(), new_email()
    window.sign_up_aside(second, name="Ann Beam")
    window.context.clear_cookies()
    window.sign_up_aside(first)
    window.open("/auth/switch-account")
    window.misses_no_script()
    rows = window.page.locator("main .am-row")
    expect(rows).to_have_count(1)

    window.follow("Use another account")
    window.sees_heading("Sign in to Lighthouse")
    window.fill(email=second, password="wrong wrong wrong")
    with window.staying():
        window.press("Sign in")
        window.sees_problem("The email or password is not right.")
    window.fill(password=PASSWORD)
    window.press("Sign in")
    expect(window.page.get_by_text(f"Signed in as Ann Beam, {second}.")).to_be_visible()

    window.open("/auth/switch-account")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Ann Beam This account")
    window.press(f"Switch {first}")
    window.sees_title("Switch account")
    window.sees_notice("You have switched accounts.")
    expect(rows.first).to_contain_text("Ann Lee This account")
    expect(window.page.locator(".am-who").get_by_text("Ann Lee")).to_be_visible()
    window.press("Sign out")  # of the page's head, which was drawn for the other account
    window.sees_heading("Welcome")
    is_signed_out(window)


def test_somebody_signs_out_one_of_the_accounts_in_this_browser_and_stays_the_other(site: Site, come: Come) -> None:
    window, first, second = come(site), new_email(), new_email()
    window.sign_up_aside(first)
    copied = window.context.cookies()
    window.sign_up_aside(second, name="Ann Beam")
    window.open("/auth/switch-account")
    rows = window.page.locator("main .am-row")
    expect(rows).to_have_count(2)
    with window.staying():
        window.press(f"Sign out {first}")
        window.sees_success("That session is signed out.", title="Switch account")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(second)
    window.open("/dashboard")
    expect(window.page.get_by_text(f"Signed in as Ann Beam, {second}.")).to_be_visible()
    # Nor does it help to have copied the cookies while there was time.
    window.context.clear_cookies()
    window.context.add_cookies([{"name": each["name"], "value": each["value"], "url": site.base} for each in copied])
    is_signed_out(window)


def test_somebody_proves_who_they_are_in_the_middle_and_goes_on_where_they_were(site: Site, come: Come) -> None:
    window, email = come(site), new_email()
    window.sign_up_aside(email)
    window.link_account()
    window.open("/auth/settings/accounts")
    window.misses_no_script()
    rows = window.page.locator("main .am-row")
    expect(rows).to_have_count(2)

    window.grow_old()
    window.press("Unlink Google")
    window.is_at("/auth/reauth?next=%2Fauth%2Fsettings%2Faccounts")
    window.misses_no_script()
    window.fill(password="wrong wrong wrong")
    with window.staying():
        window.press("Confirm")
        window.sees_mistake("That password is not right.", title="Confirm it is you", field="password")
    expect(window.page.locator("#password")).to_have_value("")
    window.fill(password=PASSWORD)
    window.press("Confirm")
    window.is_at("/auth/settings/accounts")
    expect(rows).to_have_count(2)  # what was asked for an hour too late is not done behind one's back

    with window.staying():
        window.press("Unlink Google")
        window.sees_success("That account is unlinked.", title="Accounts")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Email and password")
    is_told(window, email, "A way to sign in was removed")


def test_somebody_deletes_the_account_by_its_password(site: Site, come: Come, firefoxes: KeptWindows) -> None:
    window, elsewhere, email = come(site), firefoxes(site), new_email()
    window.sign_up_aside(email)
    elsewhere.sign_in_aside(email)
    window.open("/auth/settings/delete")
    window.misses_no_script()

    window.fill(password="wrong wrong wrong")
    window.check("I understand that this cannot be undone")
    with window.staying():
        window.press("Delete my account")
        window.sees_mistake("That password is not right.", title="Delete", field="password")
    expect(window.page.locator("#password")).to_have_value("")
    expect(window.page.locator("#understand")).to_be_checked()
    assert site.lets_in(email, PASSWORD)

    window.fill(password=PASSWORD)
    window.press("Delete my account")
    is_gone(window, email)
    is_signed_out(elsewhere)


def test_somebody_deletes_the_account_by_a_mailed_link(strict_site: Site, come: Come) -> None:
    window = come(strict_site)
    email = sign_up_confirmed(window)
    window.open("/auth/settings/delete")
    window.misses_no_script()
    with window.staying():
        window.press("Email me the link")
        window.sees_success("We have sent you a link. Open it to delete your account.", title="Delete")
    assert strict_site.lets_in(email, PASSWORD)

    window.open(strict_site.link(email, "delete-account"))
    window.is_at("/auth/settings/delete")
    with window.staying():
        window.press("Delete my account")
        window.sees_mistake("Tick the box to go on.", title="Delete", field="understand")
    assert strict_site.lets_in(email, PASSWORD)

    window.check("I understand that this cannot be undone")
    window.press("Delete my account")
    is_gone(window, email)


def is_gone(window: Window, email: str) -> None:
    """The account is no more: this browser is told so, nobody gets in, and its owner has a letter."""
    window.is_at("/auth/sign-out")
    window.sees_heading("You are signed out")
    window.sees_notice("Your account is deleted.")
    is_signed_out(window)
    assert not window.site.lets_in(email, PASSWORD)
    is_told(window, email, "Your account was deleted")
