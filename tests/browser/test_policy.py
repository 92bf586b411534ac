"""What no screen may do in any state, and what each answer says in its status and headers."""

from __future__ import annotations

from tests.browser.arrival import Arrival
from tests.browser.window import Window

KEPT_BY_THE_BROWSER = """async () => [localStorage.length, sessionStorage.length, (await caches.keys()).length,
  (await indexedDB.databases()).length]"""


LAST_METHOD = "better-auth.last_used_login_method"
METHODS = ("email", "magic-link", "email-otp", "anonymous")


def expected_status(arrival: Arrival, window: Window) -> int:
    """What a state answers, by the table of answers that screens have."""
    screen, name = arrival.state.screen.strip("/"), arrival.state.name
    if screen.isdigit():
        return int(screen)
    if name == "expired":
        return 410
    if name == "too soon":
        return 429
    if name == "error":
        return 200  # it came in the address, and no form was sent
    return 422 if window.page.locator(".am-summary").count() else 200


def test_the_way_to_a_screen_breaks_no_policy_and_asks_no_other_origin(arrival: Arrival, arrived: Window) -> None:
    """Policy violations, errors on the console, requests elsewhere, and headers that are not exactly the ones."""
    arrived.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert arrival.troubles + arrival.new_troubles() == []


def test_the_way_without_script_breaks_no_policy_either(plain_arrival: Arrival, arrived_without_script: Window) -> None:
    assert plain_arrival.troubles == []


def test_a_state_answers_with_its_status_through_htmx(arrival: Arrival, arrived: Window) -> None:
    assert arrival.status == expected_status(arrival, arrived)
    # fetch would follow a redirect in silence and swap in a page under the address of another.
    by_htmx = [each for each in arrived.answers if each.request.headers.get("hx-request") == "true"]
    assert [each.url for each in by_htmx if 300 <= each.status < 400] == []
    assert all(each.headers.get("hx-redirect") or each.headers.get("content-type") for each in by_htmx)


def test_a_state_answers_with_its_status_to_plain_forms(plain_arrival: Arrival, arrived_without_script: Window) -> None:
    assert plain_arrival.status == expected_status(plain_arrival, arrived_without_script)
    redirects = [each for each in arrived_without_script.answers if 300 <= each.status < 400]
    assert [each.url for each in redirects if each.status != 303] == []
    assert all(each.headers["cache-control"] == "no-store" for each in redirects)


def test_a_wait_is_told_to_programs_too(arrival: Arrival, arrived: Window) -> None:
    if arrival.status in (429, 503):
        assert int(arrived.answer.headers.get("retry-after", "0")) > 0 or arrival.status == 503


def test_a_plain_post_says_where_it_comes_from(arrived_without_script: Window) -> None:
    for request in arrived_without_script.sent:
        assert request.all_headers().get("origin") == arrived_without_script.site.base, request.url


def test_a_screen_leaves_nothing_in_the_browsers_storage(arrived: Window) -> None:
    assert arrived.page.evaluate(KEPT_BY_THE_BROWSER) == [0, 0, 0, 0]


def test_no_cookie_can_be_read_by_a_script(arrived: Window) -> None:
    """But for the one that says how somebody came in last, which is there for scripts to read."""
    readable = [each.partition("=") for each in arrived.page.evaluate("document.cookie").split("; ") if each]
    assert [(name, value) for name, _, value in readable if name != LAST_METHOD or value not in METHODS] == []
