"""Every screen in every state: accessibility, size, contrast, and nothing that the policy forbids."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.catalogue import STATES, SYSTEM_SCREENS, State, screens_of
from tests.browser.site import Site
from tests.browser.window import Scheme, Window, axe_source
from tests.support import make_auth

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
NARROW, WIDE = 320, 1280
# Links within a sentence may be as high as their line (WCAG 2.5.8); everything that stands alone is a target.
TOO_LOW = """() => [...document.querySelectorAll('a, button, input, select, textarea, .am-check label')]
  .filter((one) => one.checkVisibility() && one.type !== 'checkbox' && one.type !== 'radio'
    && !one.matches('.am-skip, .am-intro a, .am-small a, .am-error a, #am-live *'))
  .filter((one) => Math.max(...[...one.getClientRects()].map((box) => box.height)) < 43.9)
  .map((one) => one.outerHTML)"""
SMALL_TEXT = """() => [...document.querySelectorAll('.am-input')]
  .filter((one) => one.checkVisibility() && parseFloat(getComputedStyle(one).fontSize) < 16).map((one) => one.outerHTML)"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
SET_SPACING = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
    p { margin-block-end: 2em !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""


def arrive(
    state: State, open_window: Callable[..., Window], site: Site, strict_site: Site, **choices: object
) -> Window:
    window = open_window(strict_site if state.strict else site, **choices)
    state.way(window)
    return window


def test_every_screen_is_in_the_catalogue() -> None:
    assert {state.screen for state in STATES} == screens_of(make_auth()) | SYSTEM_SCREENS


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.slug)
def test_a_screen_serves_everybody(
    state: State, open_window: Callable[..., Window], site: Site, strict_site: Site
) -> None:
    axe_source()
    window = arrive(state, open_window, site, strict_site)
    page = window.page
    wrong = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 800})
            wrong += [f"{scheme}, {width} px: {each}" for each in window.violations()]
    assert wrong == []
    assert page.evaluate(OVERFLOW) <= 0, "scrolls sideways at 320 px"
    assert page.evaluate(TOO_LOW) == []
    assert page.evaluate(SMALL_TEXT) == []
    ids: list[str] = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert sorted(ids) == sorted(set(ids))
    assert page.locator("h1").count() == 1 and page.locator("main").count() == 1
    assert page.locator("[style], style, script:not([src]), [onclick]").count() == 0
    # A reader who sets text wide apart (WCAG 1.4.12) loses nothing.
    page.evaluate(SET_SPACING)
    assert page.evaluate("getComputedStyle(document.body).wordSpacing") != "0px"
    assert page.evaluate(OVERFLOW) <= 0, "scrolls sideways with wide text spacing"


@pytest.mark.parametrize("name", ["fresh", "wrong"])
def test_borders_and_focus_stay_where_colours_are_forced(name: str, window: Window) -> None:
    next(state for state in STATES if state.screen == "/sign-in" and state.name == name).way(window)
    window.page.emulate_media(forced_colors="active")
    for selector in (".am-input", ".am-button", *([".am-summary"] if name == "wrong" else [])):
        for control in window.page.locator(selector).all():
            assert control.evaluate("(one) => getComputedStyle(one).borderTopStyle") == "solid"
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_nothing_moves_for_those_who_want_no_motion(window: Window) -> None:
    window.open("/auth/sign-in")
    moving = """() => [...document.querySelectorAll('*')].filter((one) => {
      const style = getComputedStyle(one);
      return style.transitionDuration !== '0s' || style.animationName !== 'none';
    }).map((one) => one.outerHTML)"""
    assert window.page.evaluate(moving) == []


def test_a_screen_reads_from_right_to_left_without_scrolling_sideways(window: Window) -> None:
    for path in ("/auth/sign-in", "/auth/sign-up"):
        window.open(path)
        window.page.set_viewport_size({"width": NARROW, "height": 800})
        window.page.evaluate("document.documentElement.dir = 'rtl'")
        assert window.page.evaluate(OVERFLOW) <= 0


FIELDS = {
    "/auth/sign-in": [
        ("email", "email", "username webauthn", "Email"),
        ("password", "password", "current-password", "Password"),
        ("rememberMe", "checkbox", "", "Keep me signed in"),
    ],
    "/auth/sign-up": [
        ("name", "text", "name", "Name"),
        ("email", "email", "username", "Email"),
        ("password", "password", "new-password", "Password"),
        ("town", "text", "off", "Town (optional)"),
        ("newsletter", "checkbox", "", "Send me the newsletter"),
    ],
    "/auth/forgot-password": [("email", "email", "username", "Email")],
}


@pytest.mark.parametrize("path", FIELDS)
def test_password_managers_find_the_fields_they_know(path: str, window: Window) -> None:
    window.open(path)
    found = window.page.evaluate(
        """() => [...document.querySelectorAll('main input:not([type=hidden], [hidden])')].map((one) =>
          [one.name, one.type, one.getAttribute('autocomplete') ?? '', one.labels[0].textContent])"""
    )
    assert [tuple(each) for each in found] == FIELDS[path]
    assert window.page.locator("main [required], main [maxlength], main [pattern]").count() == 0
    expect(window.page.locator("main form").first).to_have_attribute("novalidate", "")


def test_a_first_visit_takes_at_most_six_requests_and_the_next_one(window: Window) -> None:
    seen: list[str] = []
    window.page.on("request", lambda request: seen.append(request.url))
    window.open("/auth/sign-in")
    window.page.wait_for_load_state("networkidle")
    assert len([url for url in seen if not url.startswith("data:")]) <= 6
    window.open("/auth/forgot-password")
    window.page.wait_for_load_state("networkidle")
    from_network = window.page.evaluate(
        "performance.getEntriesByType('resource').filter((one) => one.transferSize > 0).map((one) => one.name)"
    )
    assert from_network == []
