"""No screen in any state breaks a rule of WCAG 2.2 AA that a program can check, in both schemes, narrow and wide."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.browser.arrival import Arrival
from tests.browser.window import NARROW, SCHEMES, WIDE, Scheme, Window, axe_source


@pytest.fixture(scope="module", autouse=True)
def axe() -> None:
    axe_source()


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_screen_breaks_no_rule_of_accessibility(scheme: Scheme, width: int, arrived: Window) -> None:
    arrived.look(scheme=scheme, width=width)
    assert arrived.violations() == []


def test_a_screen_has_one_heading_of_the_first_level_and_skips_none(arrived: Window) -> None:
    levels: list[int] = arrived.page.evaluate(
        """[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter((one) => !one.closest('.am-summary'))
          .map((one) => Number(one.localName[1]))"""
    )
    assert levels[:1] == [1] and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


def test_focus_goes_to_what_a_person_must_hear_first(arrival: Arrival, arrived: Window) -> None:
    page = arrived.page
    if page.locator(".am-summary").count():
        assert arrival.focus == ".am-summary"
        assert page.title().startswith("Error: ")
        assert page.evaluate("document.querySelector('main').firstElementChild.matches('.am-summary')")
    else:
        assert not page.title().startswith("Error: ")
    if page.locator(".am-notice[autofocus]").count():
        assert arrival.focus == ".am-notice"
    elif page.locator(".am-notice").count():
        assert (
            page.evaluate("document.querySelector('#am-live').textContent") == page.locator(".am-notice").inner_text()
        )


def test_what_is_wrong_is_said_at_the_field_in_the_words_of_the_summary(arrived: Window) -> None:
    told: list[list[str]] = arrived.page.evaluate(
        """[...document.querySelectorAll('.am-summary a[href^="#"]')].map((one) => [one.getAttribute('href').slice(1), one.textContent])"""
    )
    for name, words in told:
        field = arrived.page.locator(f"#{name}")
        assert field.count() == 1, f"the summary leads to #{name}, which is not there"
        error = arrived.page.locator(f"#{name}-error")
        if error.count():  # what is wrong with no field leads to the first one, which is not to blame
            assert words in error.inner_text()
            assert f"{name}-error" in (field.get_attribute("aria-describedby") or "").split()
            assert field.get_attribute("aria-invalid") == "true"
    blamed = {field.get_attribute("id") for field in arrived.page.locator("main [aria-invalid=true]").all()}
    assert blamed <= {name for name, _ in told}
