"""The page that describes the API: it stands among the API's routes and has a policy of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.site import Site
from tests.browser.test_layout import CUT_OFF, SET_SPACING, STICKS_OUT
from tests.browser.window import NARROW, SCHEMES, WIDE, Scheme, Window


@pytest.fixture(scope="module")
def opened(chromium: Browser, site: Site) -> Iterator[Window]:
    window = Window(chromium, site)
    window.open("/api/auth/reference")
    yield window
    window.close()


@pytest.fixture
def reference(opened: Window) -> Iterator[Window]:
    opened.look()
    yield opened
    assert opened.troubles == []


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_reference_breaks_no_rule_of_accessibility(scheme: Scheme, width: int, reference: Window) -> None:
    reference.look(scheme=scheme, width=width)
    assert reference.violations() == []


def test_the_reference_loads_its_sheet_and_nothing_else(reference: Window) -> None:
    loaded: list[str] = reference.page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert loaded and [url for url in loaded if ".css" not in url and not url.startswith("data:")] == []
    assert reference.page.evaluate("getComputedStyle(document.querySelector('main')).maxInlineSize") != "none"


def test_the_reference_fits_into_320_pixels_also_with_text_set_wide_apart(reference: Window) -> None:
    reference.look(width=NARROW)
    assert reference.page.evaluate(STICKS_OUT) == []
    assert reference.page.evaluate(CUT_OFF) == []
    reference.page.evaluate(SET_SPACING)
    assert reference.page.evaluate(STICKS_OUT) == []
    assert reference.page.evaluate(CUT_OFF) == []
