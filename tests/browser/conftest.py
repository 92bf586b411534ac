"""One Chromium and two sites for all browser tests, and windows that are looked at when they close."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import site as sites
from tests.browser import window as windows
from tests.browser.arrival import Arrival
from tests.browser.catalogue import STATES, State
from tests.browser.site import Site
from tests.browser.window import KeptWindows, Window, kept_windows


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


@pytest.fixture(scope="package")
def windows_with_script(chromium: Browser) -> Iterator[KeptWindows]:
    with kept_windows(lambda site: Window(chromium, site)) as windows:
        yield windows


@pytest.fixture(scope="package")
def windows_without_script(chromium: Browser) -> Iterator[KeptWindows]:
    with kept_windows(lambda site: Window(chromium, site, script=False)) as windows:
        yield windows


@pytest.fixture(scope="package", params=STATES, ids=lambda state: state.slug)
def arrival(request: pytest.FixtureRequest, windows_with_script: KeptWindows, site: Site, strict_site: Site) -> Arrival:
    """A state, gone to with script."""
    state: State = request.param
    return Arrival(state, windows_with_script, strict_site if state.strict else site)


@pytest.fixture(
    scope="package", params=[state for state in STATES if not state.needs_script], ids=lambda state: state.slug
)
def plain_arrival(
    request: pytest.FixtureRequest, windows_without_script: KeptWindows, site: Site, strict_site: Site
) -> Arrival:
    """The same with script off, by form posts alone."""
    state: State = request.param
    return Arrival(state, windows_without_script, strict_site if state.strict else site)


@pytest.fixture
def arrived(arrival: Arrival) -> Iterator[Window]:
    """The window at a state, for a test that only looks."""
    yield arrival.window()
    assert arrival.new_troubles() == []


@pytest.fixture
def arrived_to_reload(arrival: Arrival) -> Iterator[Window]:
    """The window at a state, for a test that reloads it and stays."""
    yield arrival.window()
    troubles = arrival.new_troubles()
    if arrival.is_put_together:
        arrival.leave()
    assert troubles == []


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


@pytest.hookimpl(tryfirst=True)  # before pytest puts the tests of one state beside each other
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """At each state those who look come first and those who leave last, so that few have to go there again."""

    def when(item: pytest.Item) -> int:
        names = getattr(item, "fixturenames", ())
        return 2 if "arrived_to_leave" in names else 1 if "arrived_to_reload" in names else 0

    places = [place for place, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    for place, item in zip(places, sorted((items[place] for place in places), key=when), strict=True):
        items[place] = item
