"""The HTML of every state as it left the server: for a plain form, and for htmx."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest

from tests.browser.arrival import Arrival
from tests.browser.window import HERE, Window, from_npm, missing

Check = Callable[[str], list[str]]
NOT_TYPED_INTO = {"hidden", "submit", "button"}


class Reader(HTMLParser):
    """Notes what a page of ours may not have, and its ids, labels and controls."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.controls: list[dict[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attributes}
        for name, value in has.items():
            if name == "style" or name.startswith(("on", "hx-on")) or value.strip().lower().startswith("javascript:"):
                self.wrong.append(f"<{tag} {name}={value!r}>")
        if tag == "style" or (tag == "script" and "src" not in has):
            self.wrong.append(f"an inline <{tag}>")
        if "id" in has:
            self.ids.append(has["id"])
        if tag == "label":
            self.labelled.add(has.get("for", ""))
        if tag in ("input", "select", "textarea") and has.get("type") not in NOT_TYPED_INTO and "hidden" not in has:
            self.controls.append(has)


@pytest.fixture(scope="package")
def check_html() -> Iterator[Check]:
    """A checker that stays up, as starting it takes longer than its work."""
    node = shutil.which("node") or missing("node, which checks the HTML")
    from_npm("html-validate/package.json")
    process = subprocess.Popen(
        [node, "check_html.mjs"], cwd=HERE, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    questions, answers = process.stdin, process.stdout
    assert questions is not None and answers is not None

    def check(html: str) -> list[str]:
        questions.write(json.dumps(html) + "\n")
        questions.flush()
        found: list[str] = json.loads(answers.readline())
        return found

    yield check
    questions.close()
    process.wait(timeout=10)


def test_the_page_of_a_plain_form_is_good_html(
    plain_arrival: Arrival, arrived_without_script: Window, check_html: Check
) -> None:
    assert check_html(plain_arrival.html) == []


def test_the_page_that_htmx_gets_is_a_whole_one_and_good_html(
    arrival: Arrival, arrived: Window, check_html: Check
) -> None:
    assert check_html(arrival.html) == []
    assert arrival.html.startswith("<!doctype html>") and arrival.html.rstrip().endswith("</html>")


def test_ids_are_unique_labels_complete_and_nothing_stands_inline(
    plain_arrival: Arrival, arrived_without_script: Window
) -> None:
    page = Reader(plain_arrival.html)
    assert page.wrong == []
    assert [each for each, times in Counter(page.ids).items() if times > 1] == []
    assert [each for each in page.controls if each.get("id", "") not in page.labelled] == []


def test_ids_stay_unique_when_htmx_has_put_a_page_together(arrived: Window) -> None:
    ids: list[str] = arrived.page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert [each for each, times in Counter(ids).items() if times > 1] == []
    assert arrived.page.locator("main").count() == arrived.page.locator("#main").count() == 1


@pytest.mark.parametrize(
    "bad",
    [
        "<p onclick='x()'>a</p>",
        "<p style='color: red'>a</p>",
        "<style>p { color: red }</style>",
        "<script>x()</script>",
        "<a href='javascript:x()'>a</a>",
        "<p hx-on:click='x()'>a</p>",
    ],
)
def test_what_stands_inline_is_found(bad: str) -> None:
    assert len(Reader(bad).wrong) == 1


def test_a_control_without_label_is_found(check_html: Check) -> None:
    assert Reader('<label for="a">A</label><input id="b">').labelled == {"a"}
    page = '<!doctype html><html lang="en"><head><title>a</title></head><body><input id="b" type="text"></body></html>'
    assert any("label" in each for each in check_html(page))
