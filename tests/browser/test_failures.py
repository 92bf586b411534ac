"""What a browser does when the network, the server or a person in a hurry misbehaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.catalogue import new_email
from tests.browser.site import Site
from tests.browser.window import Window
from tests.support import PASSWORD

UNREACHABLE = "We could not reach the server. Check your connection and try again. What you typed is still here."


def gateway_page(route: Route) -> None:
    route.fulfill(
        status=502,
        headers={"content-type": "text/html", "x-of-a-gateway": "yes"},
        body="<!doctype html><title>502</title><h1>Bad Gateway</h1>",
    )


def empty_page(route: Route) -> None:
    route.fulfill(status=502, headers={"content-type": "text/html", "x-of-a-gateway": "yes"}, body="")


def dropped(route: Route) -> None:
    route.abort("connectionreset")


def never(route: Route) -> None:
    """No answer: htmx gives up by itself."""


@pytest.mark.parametrize("failure", [gateway_page, empty_page, dropped, never])
def test_a_failure_keeps_what_was_typed_and_the_button_usable(
    failure: Callable[[Route], None], site: Site, open_window: Callable[..., Window]
) -> None:
    window, email = open_window(site), new_email()
    window.sign_up_aside(email)
    window.context.clear_cookies()
    window.open("/auth/sign-in")
    page = window.page
    if failure is never:
        page.evaluate("htmx.config.defaultTimeout = 300")
    window.fill(email=email, password=PASSWORD)
    page.route("**/auth/sign-in", failure)
    button = page.get_by_role("button", name="Sign in", exact=True)
    for _ in range(2):  # a second failure says it again, once
        with window.staying():
            button.click()
            expect(page.locator("#am-live")).to_have_text(UNREACHABLE)
            expect(page.locator("main [data-am-neterr]")).to_have_text(UNREACHABLE)
            expect(button).to_be_enabled()
            expect(button).to_be_focused()
    expect(page.locator("form[aria-busy]")).to_have_count(0)
    window.sees_heading("Sign in to Lighthouse")
    expect(page.locator("#email")).to_have_value(email)
    expect(page.locator("#password")).to_have_value(PASSWORD)
    # Once the server is back the same button signs in.
    page.unroute("**/auth/sign-in")
    button.click()
    window.sees_heading("Dashboard")
    window.forgive_the_network()


def test_a_press_in_a_hurry_sends_one_request(site: Site, open_window: Callable[..., Window]) -> None:
    window = open_window(site)
    window.open("/auth/sign-in")
    held: list[Route] = []
    window.page.route("**/auth/sign-in", lambda route: held.append(route))
    window.fill(email=new_email(), password=PASSWORD)
    button = window.page.get_by_role("button", name="Sign in", exact=True)
    button.dblclick()
    window.page.locator("#password").press("Enter")
    expect(button).to_be_disabled()
    expect(window.page.locator("form").first).to_have_attribute("aria-busy", "true")
    assert len(held) == 1
    held[0].continue_()
    window.sees_problem("The email or password is not right.")
    assert len(window.posts) == 1
    expect(window.page.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()


def test_the_wait_for_another_letter_counts_down_in_a_hint(window: Window) -> None:
    window.open("/auth/forgot-password")
    window.fill(email=new_email())
    window.press("Send reset link")
    window.sees_heading("Check your email")
    hint = window.page.locator("[data-am-wait]")
    expect(hint).to_contain_text("You can send it again in 0:5")
    expect(window.page.get_by_role("button", name="Send again", exact=True)).to_be_enabled()
