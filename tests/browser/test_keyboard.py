"""Every screen with a keyboard and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.arrival import Arrival
from tests.browser.catalogue import new_email
from tests.browser.window import MORE_THAN_ANY_PAGE_HAS, NARROW, Window
from tests.support import PASSWORD

START_OF_PAGE = """() => {
  document.body.tabIndex = -1;
  document.body.focus({preventScroll: true});
  document.body.removeAttribute('tabindex');
  scrollTo(0, 0);
}"""
# Everything that Tab should reach, in the order of the document; of radio buttons one is enough.
STOPS = """() => {
  const groups = new Set();
  window.stops = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
    .filter((one) => !one.disabled && one.type !== 'hidden' && one.tabIndex >= 0 && one.checkVisibility({visibilityProperty: true}))
    .filter((one) => one.type !== 'radio' || one.checked || (!groups.has(one.name) && groups.add(one.name)
      && !document.querySelector(`input[type=radio][name="${one.name}"]:checked`)));
  return stops.map((one) => one.outerHTML.slice(0, 120));
}"""
FOCUS = """() => {
  const one = document.activeElement;
  if (one === null || one === document.body || one === document.documentElement) return null;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const parts = style.outlineColor.match(/[\\d.]+/g) ?? [];
  return {
    number: stops.indexOf(one),
    html: one.outerHTML.slice(0, 120),
    outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
    seen: style.outlineColor !== 'transparent' && !(parts.length > 3 && Number(parts[3]) === 0),
    top: box.top + scrollY,
    bottom: box.bottom + scrollY,
    inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""


def press(window: Window, key: str) -> dict[str, Any] | None:
    """Press `key` and tell where the focus is then; None: out of the page."""
    window.page.keyboard.press(key)
    place: dict[str, Any] | None = window.page.evaluate(FOCUS)
    return place


def walk(window: Window) -> list[dict[str, Any]]:
    """Press Tab until the focus leaves the page, and tell where it was on the way."""
    seen: list[dict[str, Any]] = []
    while len(seen) < MORE_THAN_ANY_PAGE_HAS:
        place = press(window, "Tab")
        if place is None:
            # Now and then the focus is at the start again before anybody has seen it outside: then it took some rounds.
            rounds = seen.count(seen[0]) if seen else 1
            once = seen[: len(seen) // rounds]
            assert seen == once * rounds, "Tab goes another way each time"
            return once
        seen.append(place)
        assert seen.count(place) < 5, f"Tab goes round in a trap: {place['html']}"
    raise AssertionError("Tab does not come to an end")


@dataclass(frozen=True)
class Walk:
    """Where Tab should stop, and where it did."""

    stops: list[str]
    places: list[dict[str, Any]]


@pytest.fixture(scope="package")
def walked(arrival: Arrival) -> Walk:
    """Once through the whole page with Tab, on a narrow screen."""
    window = arrival.window()
    window.look(width=NARROW)
    window.page.evaluate(START_OF_PAGE)
    stops: list[str] = window.page.evaluate(STOPS)
    return Walk(stops, walk(window))


def test_tab_goes_through_the_whole_page_in_reading_order(walked: Walk) -> None:
    stops, forward = walked.stops, walked.places
    assert [each["html"] for each in forward] == stops
    assert [each["number"] for each in forward] == list(range(len(stops)))
    # On a narrow screen all stands in one column: who sees the page goes down it, and never up.
    below_the_skip_link = forward[1:]
    for before, after in pairwise(below_the_skip_link):
        assert after["bottom"] > before["top"], f"the focus goes up from {before['html']} to {after['html']}"


def test_shift_and_tab_go_back_the_same_way(arrived: Window) -> None:
    stops: list[str] = arrived.page.evaluate(STOPS)
    arrived.page.evaluate("stops[stops.length - 1].focus()")
    back = [press(arrived, "Shift+Tab") for _ in stops[1:]]
    assert [each and each["number"] for each in back] == list(reversed(range(len(stops) - 1)))


def test_the_focus_is_seen_wherever_it_is(walked: Walk) -> None:
    unseen = [each["html"] for each in walked.places if each["outline"] < 2 or not each["seen"]]
    assert unseen == [], "has no outline"
    assert [each["html"] for each in walked.places if not each["inside"]] == [], "is out of sight"


def test_focus_that_was_put_somewhere_is_seen_there(arrived: Window) -> None:
    """A summary or a notice is no stop of Tab, but it has the focus when the page comes."""
    arrived.page.evaluate(STOPS)
    for one in arrived.page.locator(".am-summary, .am-notice[tabindex]").all():
        one.evaluate("(one) => one.focus()")
        place = arrived.page.evaluate(FOCUS)
        assert place is not None and place["outline"] >= 2 and place["seen"], place


def test_no_stop_of_the_keyboard_is_out_of_order(arrived: Window) -> None:
    assert arrived.page.locator("[tabindex]:not([tabindex='-1'], [tabindex='0']), [accesskey]").count() == 0


def test_the_skip_link_comes_first_and_leads_past_everything(arrived: Window) -> None:
    page = arrived.page
    page.evaluate(START_OF_PAGE)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to main content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate(
        "document.activeElement.closest('main, footer') !== null || document.activeElement === document.body"
    )


def test_signing_in_takes_a_keyboard_and_nothing_else(window: Window) -> None:
    email = new_email()
    window.sign_up_aside(email)
    window.context.clear_cookies()
    window.open("/auth/sign-in")
    keyboard = window.page.keyboard
    expect(window.page.locator("#email")).to_be_focused()
    keyboard.type(email)
    keyboard.press("Tab")
    expect(window.page.locator("#password")).to_be_focused()
    keyboard.type(PASSWORD)
    keyboard.press("Tab")
    keyboard.press("Space")
    expect(window.page.locator("#password")).to_have_attribute("type", "text")
    keyboard.press("Tab")
    keyboard.press("Space")
    expect(window.page.locator("#rememberMe")).not_to_be_checked()
    keyboard.press("Tab")
    expect(window.page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()
    keyboard.press("Space")
    window.sees_heading("Dashboard")


def test_after_a_mistake_the_keyboard_leads_from_the_summary_to_the_field(window: Window) -> None:
    window.open("/auth/sign-up")
    window.page.locator("#name").focus()
    window.page.keyboard.press("Enter")
    window.sees_problem("Enter your name.")
    window.page.keyboard.press("Tab")
    expect(window.page.get_by_role("link", name="Enter your name.")).to_be_focused()
    window.page.keyboard.press("Enter")
    expect(window.page.locator("#name")).to_be_focused()
