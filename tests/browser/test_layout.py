"""Every screen where there is little room, large text, other colours, another direction, or paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.arrival import Arrival
from tests.browser.window import NARROW, SCHEMES, KeptWindows, Scheme, Window, kept_windows
from tests.pseudo import TAGS

# Links within a sentence may be as high as their line (WCAG 2.5.8); everything that stands alone is a target.
TOO_LOW = """() => [...document.querySelectorAll('a, button, input, select, textarea, summary, .am-check label')]
  .filter((one) => one.checkVisibility() && one.type !== 'checkbox' && one.type !== 'radio'
    && !one.matches('.am-skip, .am-intro a, .am-small a, .am-error a, #am-live *'))
  .filter((one) => Math.max(...[...one.getClientRects()].map((box) => box.height)) < 43.9)
  .map((one) => one.outerHTML)"""
SMALL_TEXT = """() => [...document.querySelectorAll('input:not([type=checkbox], [type=radio]), select, textarea')]
  .filter((one) => one.checkVisibility() && parseFloat(getComputedStyle(one).fontSize) < 16).map((one) => one.outerHTML)"""
# The page may not scroll sideways, and nothing may stick out of it on either side.
STICKS_OUT = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const out = [...document.body.querySelectorAll('*')].filter((one) => {
    if (!one.checkVisibility() || one.closest('.am-sr, .am-skip, pre')) return false;
    const box = one.getBoundingClientRect();
    return box.width > 1 && (box.right > innerWidth + .5 || box.left < -.5);
  }).map((one) => one.outerHTML.slice(0, 120));
  return wide > 0 ? [`${wide} px too wide`, ...out] : out;
}"""
# Text that its box cuts off, which no reader can scroll to, and which does not say so with an ellipsis.
CUT_OFF = """() => [...document.body.querySelectorAll('*')].filter((one) => one.checkVisibility() && !one.closest('.am-sr, .am-skip')
  && one.localName !== 'input' && getComputedStyle(one).textOverflow !== 'ellipsis'
  && ['hidden', 'clip'].includes(getComputedStyle(one).overflowX)
  && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)).map((one) => one.outerHTML.slice(0, 120))"""
SET_SPACING = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
    p { margin-block-end: 2em !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""
SET_LARGE_TEXT = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(':root { font-size: 200%; }');
  document.adoptedStyleSheets = [sheet];
}"""
# 70 characters, measured with the font that the paragraph has.
LONG_LINES = """() => {
  const context = document.createElement('canvas').getContext('2d');
  return [...document.querySelectorAll('main p')].filter((one) => one.checkVisibility()).filter((one) => {
    context.font = getComputedStyle(one).font;
    return one.getBoundingClientRect().width > 70 * context.measureText('0').width + 1;
  }).map((one) => one.outerHTML.slice(0, 120));
}"""
MOVING = """() => [...document.querySelectorAll('*')].filter((one) => {
  const style = getComputedStyle(one);
  return style.transitionDuration.split(', ').some((each) => each !== '0s') || style.animationName !== 'none';
}).map((one) => one.outerHTML)"""
WITHOUT_BORDER = """() => [...document.querySelectorAll('.am-input, .am-button, .am-summary, .am-notice, [aria-current=page], select, textarea')]
  .filter((one) => one.checkVisibility()).filter((one) => {
    const style = getComputedStyle(one);
    return ['Top', 'Right', 'Bottom', 'Left'].some((side) =>
      style[`border${side}Style`] === 'none' || parseFloat(style[`border${side}Width`]) < 1);
  }).map((one) => one.outerHTML.slice(0, 120))"""
FOCUS_EACH = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, .am-summary, .am-notice[tabindex]')]
  .filter((one) => one.checkVisibility() && !one.disabled).filter((one) => {
    one.focus({focusVisible: true});
    return getComputedStyle(one).outlineStyle === 'none' || parseFloat(getComputedStyle(one).outlineWidth) < 2;
  }).map((one) => one.outerHTML.slice(0, 120))"""
LEFT_ON_PAPER = """() => [...document.querySelectorAll('.am-skip, .am-nav, .am-header, .am-footer, main button')]
  .filter((one) => one.checkVisibility()).map((one) => one.outerHTML.slice(0, 120))"""
# What a page says, to eyes and ears. Not asked: marks, moments, references, addresses (which break before their @), the
# names of other languages, and letters in the development mailbox, which are as they are sent.
SAID = """() => {
  const said = [document.title];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (one.checkVisibility() && !one.closest('[aria-hidden=true], time, [hreflang], label[lang], .am-small strong, .am-letter h2, pre') && !one.matches(':has(> wbr)')) {
      said.push(texts.currentNode.data.trim());
    }
  }
  for (const {name, value} of [...document.querySelectorAll('body *')].flatMap((one) => [...one.attributes])) {
    if (/^(aria-label|alt|title|placeholder|data-neterr|data-am-(left|done|copied|failed|(show|hide)-.*))$/.test(name)) said.push(value);
  }
  return said.filter((one) => one !== '');
}"""
# What came from people, programs and the application, and places that script fills in: nobody translates them.
DATA = re.compile(
    r"[\w.+-]+@[\w.-]+|Ann (Lee|Beam)|(Wolfeschlegelsteinhausenbergerdorff)+|Lighthouse|Google|HeadlessChrome|Linux"
    r"|\{time\}|“[^”]*”|verify-email"
)


def test_a_screen_fits_into_320_pixels(arrived: Window) -> None:
    arrived.look(width=NARROW)
    assert arrived.page.evaluate(STICKS_OUT) == []
    assert arrived.page.evaluate(CUT_OFF) == []


def test_a_reader_who_sets_text_wide_apart_loses_nothing(arrived: Window) -> None:
    """WCAG 1.4.12."""
    arrived.look(width=NARROW)
    arrived.page.evaluate(SET_SPACING)
    assert arrived.page.evaluate("getComputedStyle(document.body).wordSpacing") != "0px"
    assert arrived.page.evaluate(STICKS_OUT) == []
    assert arrived.page.evaluate(CUT_OFF) == []


def test_text_of_twice_the_size_loses_nothing(arrived: Window) -> None:
    """WCAG 1.4.4, on a window as wide as a small laptop's."""
    arrived.look(width=640)
    arrived.page.evaluate(SET_LARGE_TEXT)
    assert arrived.page.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
    assert arrived.page.evaluate(STICKS_OUT) == []
    assert arrived.page.evaluate(CUT_OFF) == []


def test_a_wide_window_keeps_lines_short(arrived: Window) -> None:
    assert arrived.page.evaluate(STICKS_OUT) == []
    assert arrived.page.evaluate(LONG_LINES) == []


@pytest.mark.parametrize("width", [320, 1280])
def test_what_is_pressed_is_large_enough(width: int, arrived: Window) -> None:
    arrived.look(width=width)
    assert arrived.page.evaluate(TOO_LOW) == []
    # Below 16 px phones zoom in when a field is touched.
    assert arrived.page.evaluate(SMALL_TEXT) == []


def test_borders_and_focus_stay_where_colours_are_forced(arrival: Arrival, arrived: Window) -> None:
    arrived.look(forced_colors="active")
    assert arrived.page.evaluate("matchMedia('(forced-colors: active)').matches")
    assert arrived.page.evaluate(WITHOUT_BORDER) == []
    assert arrived.page.evaluate(FOCUS_EACH) == []


def test_nothing_moves_for_those_who_want_no_motion(arrived: Window) -> None:
    assert arrived.page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    assert arrived.page.evaluate(MOVING) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_ground_follows_the_scheme(scheme: Scheme, arrived: Window) -> None:
    arrived.look(scheme=scheme)
    red, green, blue = arrived.page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"
    )
    level = (red + green + blue) / 3
    level = level * 255 if level <= 1 else level  # color-mix() answers in fractions
    assert level < 64 if scheme == "dark" else level > 192


def test_on_paper_stands_what_is_read_and_nothing_that_is_pressed(arrived: Window) -> None:
    arrived.look(media="print")
    assert arrived.page.evaluate(LEFT_ON_PAPER) == []
    heading = arrived.page.locator("h1")
    if not arrived.page.locator(".am-codes").count():
        assert heading.is_visible()


# In other languages


@pytest.fixture(scope="package")
def readers(chromium: Browser) -> Iterator[KeptWindows]:
    """Narrow windows in which pages are read in other languages."""
    with kept_windows(lambda site: Window(chromium, site, width=NARROW)) as windows:
        yield windows


@pytest.fixture
def read_in(arrival: Arrival, arrived: Window, readers: KeptWindows) -> Iterator[Callable[[str], Window]]:
    """`read_in("ar-XB")`: the page of a state in that language."""
    reader = readers(arrived.site)

    def read(tag: str) -> Window:
        path = arrived.site.in_other_words(arrival.html, tag)
        if not reader.page.url.endswith(path):
            reader.open(path)
        return reader

    yield read
    assert readers.new_troubles() == []


# The last one first: the test after this one reads English with accents too.
@pytest.mark.parametrize("tag", TAGS[::-1])
def test_a_longer_language_and_one_from_right_to_left_fit_too(tag: str, read_in: Callable[[str], Window]) -> None:
    page = read_in(tag).page
    assert page.evaluate("document.documentElement.lang") == tag
    direction = page.evaluate("getComputedStyle(document.querySelector('h1')).direction")
    assert direction == ("rtl" if tag.startswith("ar") else "ltr")
    assert page.evaluate(STICKS_OUT) == []
    assert page.evaluate(CUT_OFF) == []
    page.evaluate(SET_SPACING)
    assert page.evaluate(STICKS_OUT) == []
    assert page.evaluate(CUT_OFF) == []


def test_no_sentence_stands_on_a_screen_that_cannot_be_translated(read_in: Callable[[str], Window]) -> None:
    said: list[str] = read_in("en-XA").page.evaluate(SAID)
    assert [each for each in said if re.search("[A-Za-z]", DATA.sub("", each))] == []
