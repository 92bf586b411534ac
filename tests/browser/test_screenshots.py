"""The pictures of `make screenshots`, and the sheet that shows them."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.catalogue import STATES
from tests.browser.screenshots import LOOKS, take, write_sheet
from tests.browser.site import Site

PNG = b"\x89PNG\r\n\x1a\n"


def width_of(picture: Path) -> int:
    """From the header that every PNG starts with."""
    head = picture.read_bytes()[:24]
    assert head.startswith(PNG)
    return int.from_bytes(head[16:20], "big")


def test_a_sheet_shows_every_picture_and_opens_as_a_file(chromium: Browser, site: Site, tmp_path: Path) -> None:
    states = [state for state in STATES if state.screen in ("/forgot-password",)][:2]
    for state in states:
        take(state, chromium, site, tmp_path)
    sheet = write_sheet(states, tmp_path)
    shown = re.findall(r'<img src="([^"]+)"', sheet.read_text())
    assert sorted(shown) == sorted(path.name for path in tmp_path.glob("*.png"))
    assert len(shown) == len(states) * len(LOOKS)
    assert [width_of(tmp_path / name) for name in shown] == [width for _ in states for _, width in LOOKS]
    page = chromium.new_page()
    page.goto(sheet.as_uri())
    for image in page.locator("img").all():
        image.scroll_into_view_if_needed()
        image.evaluate("(one) => one.decode()")
        assert image.evaluate("(one) => one.naturalWidth") > 0
    assert page.locator("h2").all_inner_texts() == ["/forgot-password"]
    assert page.locator("h3").all_inner_texts() == [state.name for state in states]
    page.close()


def test_light_and_dark_are_two_pictures(chromium: Browser, site: Site, tmp_path: Path) -> None:
    take(STATES[0], chromium, site, tmp_path)
    assert len({path.read_bytes() for path in tmp_path.glob("*.png")}) == len(LOOKS)


def test_names_of_pictures_are_names_of_files_everywhere() -> None:
    assert [state.slug for state in STATES if not re.fullmatch(r"[a-z0-9-]+", state.slug)] == []
