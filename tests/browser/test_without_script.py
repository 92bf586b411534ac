"""Every state with script off: reached by form posts alone, and nothing in sight that would need script."""

from __future__ import annotations

from tests.browser.arrival import Arrival
from tests.browser.window import Window

# With script off in the browser the tests can still ask the page.
NEEDS_SCRIPT = """() => [...document.querySelectorAll('[data-am-script], button:not([type=submit]), a:not([href]), [role=button]')]
  .filter((one) => one.checkVisibility()).map((one) => one.outerHTML.slice(0, 120))"""
LEADS_NOWHERE = """() => [...document.querySelectorAll('button')].filter((one) => one.checkVisibility() && !one.form)
  .map((one) => one.outerHTML.slice(0, 120))"""
IN_SIGHT = """() => [...document.querySelectorAll('main a, main button, main input:not([type=hidden]), main h1, main h2, main label')]
  .filter((one) => one.checkVisibility() && !one.matches('[data-am-script]'))
  .map((one) => `${one.localName} ${one.name || ''} ${one.innerText.trim()}`)"""


def test_nothing_in_sight_needs_script(arrived_without_script: Window) -> None:
    page = arrived_without_script.page
    assert page.evaluate(NEEDS_SCRIPT) == []
    assert page.evaluate(LEADS_NOWHERE) == []


def test_with_script_what_it_does_is_in_sight(arrived: Window) -> None:
    for control in arrived.page.locator("main [data-am-script]").all():
        assert control.is_visible()


def test_a_success_is_the_answer_to_a_get(plain_arrival: Arrival, arrived_without_script: Window) -> None:
    """So that reloading it asks nothing and sends nothing again."""
    if plain_arrival.status == 200:
        assert arrived_without_script.documents[-1].startswith("GET ")


def test_focus_goes_to_a_summary_or_notice_without_script_too(arrived_without_script: Window) -> None:
    """`autofocus` does it."""
    for name in (".am-summary", ".am-notice"):
        if arrived_without_script.page.locator(name).count():
            assert arrived_without_script.page.locator(f"{name}[autofocus][tabindex='-1']").count() == 1
            assert arrived_without_script.page.locator("[autofocus]").count() == 1
