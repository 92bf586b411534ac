"""One Chromium and two sites for all browser tests, and windows that are looked at when they close."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import site as sites
from tests.browser import window as windows
from tests.browser.arrival import Arrival
from tests.browser.catalogue import STATES, State
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


# The registry: a test that takes one of these runs once for each state of the catalogue.
# Of package scope with parameters, so that pytest puts the tests of one state beside each other, whatever their file.


@pytest.fixture(scope="package", params=STATES, ids=lambda state: state.slug)
def arrival(request: pytest.FixtureRequest, chromium: Browser, site: Site, strict_site: Site) -> Iterator[Arrival]:
    """A state, gone to with script."""
    state: State = request.param
    arrival = Arrival(state, chromium, strict_site if state.strict else site, script=True)
    yield arrival
    arrival.leave()


@pytest.fixture(
    scope="package", params=[state for state in STATES if not state.needs_script], ids=lambda state: state.slug
)
def plain_arrival(
    request: pytest.FixtureRequest, chromium: Browser, site: Site, strict_site: Site
) -> Iterator[Arrival]:
    """The same with script off, by form posts alone."""
    state: State = request.param
    arrival = Arrival(state, chromium, strict_site if state.strict else site, script=False)
    yield arrival
    arrival.leave()


@pytest.fixture
def arrived(arrival: Arrival) -> Iterator[Window]:
    """The window at a state, for a test that only looks."""
    yield arrival.window()
    assert arrival.new_troubles() == []


@pytest.fixture
def arrived_to_leave(arrival: Arrival) -> Iterator[Window]:
    """The window at a state, for a test that goes on from there."""
    yield arrival.window()
    troubles = arrival.new_troubles()
    arrival.leave()
    assert troubles == []


@pytest.fixture
def arrived_without_script(plain_arrival: Arrival) -> Iterator[Window]:
    yield plain_arrival.window()
    assert plain_arrival.new_troubles() == []
