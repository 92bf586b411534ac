"""Back, reload and what a browser keeps: they belong to the person, and nobody who comes later finds anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.arrival import Arrival
from tests.browser.catalogue import new_email
from tests.browser.site import Site
from tests.browser.window import Window

# What a browser does when it takes a page out of its memory.
TAKE_OUT_OF_MEMORY = "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"


def test_reloading_asks_nothing_and_sends_nothing_again(arrived_to_reload: Window) -> None:
    window = arrived_to_reload
    sent = len(window.posts)
    asked: list[str] = []

    def note(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    window.page.on("dialog", note)
    window.page.reload()
    window.page.remove_listener("dialog", note)
    assert window.page.locator("h1").count() == 1
    assert (len(window.posts), asked) == (sent, [])


def test_a_page_in_the_browsers_memory_is_not_shown_to_the_next_person(
    arrival: Arrival, arrived_to_leave: Window
) -> None:
    window = arrived_to_leave
    opened = len(window.documents)
    if window.page.locator("body[data-am-signed-in]").count():
        window.context.clear_cookies()
        with window.page.expect_navigation():
            window.page.evaluate(TAKE_OUT_OF_MEMORY)
        assert window.page.locator("body[data-am-signed-in]").count() == 0
    else:
        window.page.evaluate(TAKE_OUT_OF_MEMORY)
        window.page.evaluate("new Promise((done) => setTimeout(done))")
        assert len(window.documents) == opened, "a page that anybody may see is left as it is, with what was typed"


def test_a_page_about_somebody_says_so(arrived: Window) -> None:
    """Else it would stay in the browser's memory after they have left."""
    if arrived.page.locator(".am-account").count():
        assert arrived.page.locator("body[data-am-signed-in]").count() == 1


@pytest.mark.parametrize("script", [False, True], ids=["no script", "htmx"])
def test_back_after_signing_out_shows_no_private_page(
    script: bool, site: Site, open_window: Callable[..., Window]
) -> None:
    window, email = open_window(site, script=script), new_email()
    window.sign_up_aside(email)
    window.open("/auth/settings/profile")
    expect(window.page.get_by_text(email)).to_be_visible()
    window.press("Sign out")
    window.sees_heading("Welcome")
    window.page.go_back()
    window.sees_heading("Sign in to Lighthouse")
    expect(window.page.get_by_text(email)).to_have_count(0)


def test_back_from_an_error_leads_to_the_page_before_the_form(window: Window) -> None:
    window.open("/")
    window.open("/auth/sign-in")
    for _ in range(2):
        window.fill(email=new_email(), password="wrong wrong wrong")
        window.press("Sign in")
        window.sees_problem("The email or password is not right.")
    window.page.go_back()
    window.sees_heading("Welcome")
