"""What a screen weighs and how often it asks: sizes as they go over the wire, in thousands of bytes."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable

import pytest
from playwright.sync_api import Request

from tests.browser.arrival import Arrival
from tests.browser.catalogue import STATES, State
from tests.browser.site import ROOT, Site
from tests.browser.window import Window

SHEETS = 6_000
OWN_SCRIPT = 5_000
SHEETS_AND_SCRIPTS = 24_000
HTML_OF_AN_ENTRANCE = 4_000
HTML = 10_000
FIRST_VISIT, NEXT_VISIT = 6, 1  # requests
VENDOR = ROOT / "static" / "vendor"
LOADED = "() => [...document.querySelectorAll('link[rel=stylesheet], script[src]')].map((one) => one.href || one.src)"
BLOCKING = """() => [
  ...[...document.scripts].filter((one) => !one.defer && !one.async && one.type !== 'module').map((one) => one.outerHTML),
  ...performance.getEntriesByType('resource').filter((one) => one.initiatorType === 'script' && one.renderBlockingStatus === 'blocking')
    .map((one) => one.name)]"""
OPEN_TO_ALL = [
    state for state in STATES if state.name == "fresh" and state.screen in ("/sign-in", "/sign-up", "/forgot-password")
]


KNOWN_SIZES: dict[str, int] = {}
"""By address: a file never changes under its name."""


def weight(body: bytes) -> int:
    return len(gzip.compress(body, 9))


def sizes(window: Window) -> dict[str, int]:
    """Every sheet and script of the page, by address: as many bytes as a browser gets."""
    loaded: list[str] = window.page.evaluate(LOADED)
    for url in loaded:
        if url not in KNOWN_SIZES:
            answer = window.context.request.get(url, headers={"accept-encoding": "gzip"})
            assert answer.ok and answer.headers["content-encoding"] == "gzip", url
            KNOWN_SIZES[url] = int(answer.headers["content-length"])
    return {url: KNOWN_SIZES[url] for url in loaded}


def test_the_html_of_a_screen_stays_within_its_budget(arrival: Arrival, arrived: Window) -> None:
    entrance = arrived.page.locator("body.am-entrance:not(.am-wide)").count()
    assert weight(arrival.html.encode()) <= (HTML_OF_AN_ENTRANCE if entrance else HTML)


def test_sheets_and_scripts_of_a_screen_stay_within_their_budget(arrived: Window) -> None:
    found = sizes(arrived)
    sheets = sum(size for url, size in found.items() if ".css" in url)
    own = sum(size for url, size in found.items() if ".js" in url and "/vendor/" not in url)
    assert sheets <= SHEETS, found
    assert own <= OWN_SCRIPT, found
    assert sum(found.values()) <= SHEETS_AND_SCRIPTS, found


def test_no_script_keeps_a_screen_from_being_drawn(arrived: Window) -> None:
    assert arrived.page.evaluate(BLOCKING) == []


@pytest.mark.parametrize("state", OPEN_TO_ALL, ids=lambda state: state.slug)
def test_a_first_visit_takes_at_most_six_requests_and_the_next_one(
    state: State, site: Site, open_window: Callable[..., Window]
) -> None:
    window, seen = open_window(site), list[str]()

    def note(request: Request) -> None:
        if not request.url.startswith("data:"):
            seen.append(request.url)

    window.page.on("request", note)
    window.open(f"/auth{state.screen}")
    window.page.wait_for_load_state("networkidle")
    assert 1 < len(seen) <= FIRST_VISIT, seen
    assert all(url.startswith(f"{site.base}/") for url in seen)
    for path in ("/auth/forgot-password", f"/auth{state.screen}"):
        window.open(path)
        window.page.wait_for_load_state("networkidle")
        from_network = window.page.evaluate(
            """performance.getEntriesByType('resource').filter((one) => one.transferSize > 0 && !one.name.startsWith('data:'))
              .map((one) => one.name)"""
        )
        assert len(from_network) + 1 == NEXT_VISIT, from_network


def test_htmx_is_the_file_that_its_makers_published() -> None:
    told = (VENDOR / "htmx.sha256").read_text().split()[0]
    assert hashlib.sha256((VENDOR / "htmx.min.js").read_bytes()).hexdigest() == told
    assert (VENDOR / "htmx.LICENSE").read_text().strip()
