"""The catalogue has every screen and state that the running application declares, and no others."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.browser.catalogue import STATES
from tests.browser.site import Site


def missing_states(declared: dict[str, Any]) -> list[str]:
    """The least that a screen must declare, as far as its declaration tells."""
    states: list[str] = declared["states"]
    missing = []
    if not states and declared["path"] != "/trouble":
        missing.append("any state at all")
    if declared["required"] and not any(state.split()[-1] == "wrong" for state in states):
        missing.append(f"'wrong', as {', '.join(declared['required'])} can be left empty")
    if declared["takes_token"] and "expired" not in states:
        missing.append("'expired', as it takes a token")
    if declared["lists"] and "full" not in states:
        missing.append("'full', as it shows a list")
    if declared["lists"] and not {"empty", "only this"} & set(states):
        missing.append("'empty' (or 'only this', where one is always there), as it shows a list")
    return missing


def test_every_state_that_the_application_declares_is_visited_and_no_other(site: Site, strict_site: Site) -> None:
    visited = {(state.screen, state.name) for state in STATES}
    for each in (site, strict_site):
        declared = {(screen["path"], name) for screen in each.registry() for name in screen["states"]}
        assert declared - visited == set(), "declared, but there is no way to it in the catalogue"
        assert visited - declared == set(), "in the catalogue, but no screen declares it"


def test_no_state_stands_twice_in_the_catalogue() -> None:
    assert [each for each, times in Counter(state.slug for state in STATES).items() if times > 1] == []


def test_a_screen_declares_at_least_the_states_that_follow_from_what_it_is(site: Site) -> None:
    found = {screen["path"]: missing_states(screen) for screen in site.registry()}
    assert {path: missing for path, missing in found.items() if missing} == {}


@pytest.mark.parametrize(
    ("more", "missing"),
    [
        ({}, 0),
        ({"states": []}, 1),
        ({"required": ["name"]}, 1),
        ({"required": ["name"], "states": ["fresh", "code wrong"]}, 0),
        ({"takes_token": True}, 1),
        ({"takes_token": True, "states": ["fresh", "expired"]}, 0),
        ({"lists": True}, 2),
        ({"lists": True, "states": ["full"]}, 1),
        ({"lists": True, "states": ["empty", "full"]}, 0),
        ({"lists": True, "states": ["only this", "full"]}, 0),
    ],
)
def test_the_least_number_of_states_is_computed(more: dict[str, Any], missing: int) -> None:
    declared = {"path": "/x", "states": ["fresh"], "required": [], "takes_token": False, "lists": False, **more}
    assert len(missing_states(declared)) == missing


def test_what_the_application_declares_is_read_from_its_screens(site: Site) -> None:
    screens = {screen["path"]: screen for screen in site.registry()}
    assert screens["/sign-up"]["required"] == ["email", "name", "password"]
    assert screens["/settings/profile"]["required"] == ["name"]
    assert screens["/reset-password"]["takes_token"]
    assert screens["/settings/password"]["private"] and not screens["/sign-in"]["private"]
    assert screens["/dev/mail"]["lists"] and not screens["/sign-in"]["lists"]
