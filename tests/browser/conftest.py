"""One Chromium and two sites for all browser tests, and windows that are looked at when they close."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import site as sites
from tests.browser import window as windows
from tests.browser.site import Site
from tests.browser.window import Window


# Package and not session: while playwright runs it keeps the thread's event loop, in which async tests could not run.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if not windows.CHROMIUM:
        windows.missing("Chromium: install it, or name it in AUTHMW_CHROMIUM")
    with windows.chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    with sites.running() as site:
        yield site


@pytest.fixture(scope="package")
def strict_site() -> Iterator[Site]:
    """Where an address must be confirmed before anybody signs in."""
    with sites.running(required=True) as site:
        yield site


@pytest.fixture
def open_window(chromium: Browser) -> Iterator[Callable[..., Window]]:
    """`open_window(site, script=False)`. What no screen may do fails the test at its end."""
    opened: list[Window] = []

    def make(site: Site, **choices: object) -> Window:
        window = Window(chromium, site, **choices)  # type: ignore[arg-type]
        opened.append(window)
        return window

    yield make
    for window in opened:
        window.close()
    assert [trouble for window in opened for trouble in window.troubles] == []


@pytest.fixture
def window(open_window: Callable[..., Window], site: Site) -> Window:
    return open_window(site)
