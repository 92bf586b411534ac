"""An application's own look: colours, fonts, templates and macros reach the screens, and what could not work is refused."""

from __future__ import annotations

import gzip
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from authmw import Auth, ConfigurationError, UIConfig
from authmw.web import resources, theme
from authmw.web.policy import DIRECTIVES
from authmw.web.theme import DARK, LIGHT, contrast, mixed, rgb, shortfalls, theme_css
from tests.support import ORIGIN, Browser, make_auth, serving

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parent.parent.parent
SHEET = (ROOT / "static" / "authmw.css").read_text()
UI = ROOT / "ui"
DOCS = (ROOT / "docs" / "screens.md").read_text()
CDN = "https://cdn.example.com"
# As wordy as a choice can be: every token in both schemes, none of them the default.
EVERY_TOKEN = UIConfig(
    colors={**LIGHT, "bg": "#fafbfc", "surface": "#fdfefe", "brand": "#0f6b45", "on_brand": "#fbfffd"},
    colors_dark={**DARK, "bg": "#0d1014", "surface": "#14181d", "brand": "#7ddbb0", "on_brand": "#04170e"},
    radius="0.375rem",
    font='"Inter", "Helvetica Neue", system-ui, -apple-system, sans-serif',
    font_mono='"JetBrains Mono", ui-monospace, Menlo, monospace',
)
BREAKOUTS = [
    "red;}body{display:none",
    "#fff;background:url(//evil.example)",
    "#fff}",
    "#fff{",
    "#fff/*",
    "#fff\n",
    "</style><script>",
    "url(https://evil.example)",
    "var(--am-text)",
    "\\3b",
    "@import 'x'",
]


def auth_with(**look: Any) -> Auth[Any]:
    return make_auth(ui=UIConfig(**look))


def refusal_of(**look: Any) -> str:
    """The words with which a look is refused at start."""
    with pytest.raises(ConfigurationError) as refused:
        auth_with(**look)
    return str(refused.value)


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def theme_url_of(page: str) -> str:
    found = re.search(r'<link rel="stylesheet" href="(/auth/static/theme\.[0-9a-f]{12}\.css)">', page)
    return found[1] if found else ""


async def policy_of(person: Browser) -> dict[str, str]:
    page = await person.get("/auth/sign-in")
    lines = (line.partition(" ") for line in page.headers["content-security-policy"].split("; "))
    return {name: value for name, _, value in lines}


# Colours, corners, fonts


async def test_colours_of_the_application_reach_the_screens() -> None:
    async with serving(
        auth_with(colors={"brand": "#0f6b45"}, colors_dark={"brand": "#7ddbb0"}, radius="8px")
    ) as person:
        page = await person.get("/auth/sign-in")
        sheet = await person.get(theme_url_of(page.text))
    assert sheet.text == (
        ":root { --am-brand: #0f6b45; --am-on-brand: #fff; --am-radius: 8px }\n"
        "@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { --am-brand: #7ddbb0; --am-on-brand: #000 } }\n"
        ":root[data-theme=dark] { --am-brand: #7ddbb0; --am-on-brand: #000 }\n"
    )
    links = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.text)
    assert [link.partition("static/")[2].partition(".")[0] for link in links] == ["authmw", "theme"]


async def test_the_theme_is_served_as_the_other_sheets_are() -> None:
    async with serving(auth_with(font="Inter, sans-serif")) as person:
        page = await person.get("/auth/sign-in")
        ours = await person.get(re.findall(r'href="(/auth/static/authmw\.[^"]+)"', page.text)[0])
        for headers in ({"accept-encoding": "gzip"}, {"accept-encoding": "identity"}):
            sheet = await person.get(theme_url_of(page.text), headers=headers)
            assert sheet.status_code == 200
            assert sheet.text == ":root { --am-font: Inter, sans-serif }\n"
            assert sheet.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert sheet.headers["content-type"] == "text/css; charset=utf-8"
            assert ("content-encoding" in sheet.headers) == (headers["accept-encoding"] == "gzip")
            kept = {"cache-control", "content-type", "x-content-type-options", "cross-origin-resource-policy", "vary"}
            assert {name: sheet.headers[name] for name in kept} == {name: ours.headers[name] for name in kept}


async def test_another_theme_has_another_address() -> None:
    addresses = set()
    for brand in ("#0f6b45", "#1b57d0"):
        async with serving(auth_with(colors={"brand": brand})) as person:
            addresses.add(theme_url_of((await person.get("/auth/sign-in")).text))
    assert len(addresses) == 2 and "" not in addresses


async def test_without_a_choice_there_is_no_theme() -> None:
    assert theme_css(UIConfig()) == ""
    async with serving(make_auth()) as person:
        assert "theme." not in (await person.get("/auth/sign-in")).text


def test_a_brand_without_a_dark_one_leaves_the_dark_scheme_as_it_is() -> None:
    assert theme_css(UIConfig(colors={"brand": "#0f6b45"})) == ":root { --am-brand: #0f6b45; --am-on-brand: #fff }\n"


def test_a_radius_of_zero_has_a_unit_for_the_sums_of_the_sheet() -> None:
    assert theme_css(UIConfig(radius="0")) == ":root { --am-radius: 0px }\n"


@pytest.mark.parametrize(
    ("look", "words_on_it"),
    [
        ({"colors": {"brand": "#111"}}, "#fff"),
        ({"colors": {"brand": "#0f6b45"}}, "#fff"),
        ({"colors": {"brand": "#ffd400"}}, "#000"),
        ({"colors_dark": {"brand": "#7ddbb0"}}, "#000"),
        ({"colors_dark": {"brand": "#6a2cd8"}}, "#fff"),
        ({"colors": {"brand": "#0f6b45", "on_brand": "#eafff5"}}, "#eafff5"),
    ],
)
def test_words_on_the_brand_are_what_reads_better(look: Any, words_on_it: str) -> None:
    assert f"--am-on-brand: {words_on_it} }}" in theme_css(UIConfig(**look))


@pytest.mark.parametrize("radius", ["0", "0.5rem", ".5rem", "8px", "1.25em"])
def test_a_length_is_a_radius(radius: str) -> None:
    auth_with(radius=radius)


@pytest.mark.parametrize("radius", ["", "8", "-1px", "50%", "8 px", "8px;", "calc(1px)", "8px\n", "٣px", 8, *BREAKOUTS])
def test_what_is_no_length_is_no_radius(radius: Any) -> None:
    assert 'Write: radius="0.5rem"' in refusal_of(radius=radius)


@pytest.mark.parametrize(
    "font", ["Inter", "-apple-system, 'Noto Sans'", '"Source Sans 3", sans-serif', "Grüner Text, serif"]
)
def test_names_of_fonts_are_a_font(font: str) -> None:
    auth_with(font=font, font_mono=font)


@pytest.mark.parametrize(
    "font",
    [
        "",
        "Inter,",
        '"Inter',
        "'a\"b'",
        '"a;b"',
        '"a\\"',
        '"a\nb"',
        '"a{b"',
        "3D Sans",
        "inherit",
        "a, initial",
        1,
        *BREAKOUTS,
    ],
)
@pytest.mark.parametrize("field", ["font", "font_mono"])
def test_what_are_no_names_of_fonts_is_no_font(field: str, font: Any) -> None:
    assert f"Write: {field}='" in refusal_of(**{field: font})


@pytest.mark.parametrize(
    "value", ["", "red", "#ff", "#ffff", "#ggg", "1b57d0", "#1b57d0ff", "#٣٣٣", 7, None, *BREAKOUTS]
)
@pytest.mark.parametrize("field", ["colors", "colors_dark"])
def test_what_is_no_hex_is_no_colour(field: str, value: Any) -> None:
    assert f'Write: {field}={{"brand": "#' in refusal_of(**{field: {"brand": value}})


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("on-brand", 'colors={"on_brand": …}'),
        ("--am-brand", 'colors={"brand": …}'),
        ("accent", "one of: bg, surface, text"),
        ("brand: red; --x", "one of: bg"),
    ],
)
def test_a_colour_that_there_is_not_is_refused_with_the_one_that_was_meant(name: str, way: str) -> None:
    assert f"Write{' ' if way.startswith('one') else ': '}{way}" in refusal_of(colors={name: "#111"})


def test_colours_that_are_no_mapping_and_a_scheme_that_there_is_not_are_refused() -> None:
    assert 'Write: colors={"brand": ' in refusal_of(colors=["#fff"])
    assert 'write "auto", "light" or "dark"' in refusal_of(scheme="sepia")


# Contrast


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000", "#fff", 21.0),
        ("#fff", "#ffffff", 1.0),
        ("#767676", "#fff", 4.54),
        ("#777", "#fff", 4.48),
        ("#00f", "#fff", 8.59),
    ],
)
def test_contrast_is_what_wcag_computes(one: str, other: str, ratio: float) -> None:
    assert contrast(rgb(one), rgb(other)) == contrast(rgb(other), rgb(one)) == pytest.approx(ratio, abs=0.005)


def test_a_mix_lies_between_its_colours() -> None:
    assert mixed(rgb("#000"), rgb("#fff"), 25) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize(
    ("look", "pair"),
    [
        ({"colors": {"brand": "#ff9900"}}, "brand on surface has 2.14:1 and needs 4.5:1"),
        ({"colors": {"text": "#999"}}, "text on bg has 2.84:1 and needs 4.5:1"),
        ({"colors": {"muted": "#767676"}}, "muted on surface with 6% of text has"),
        ({"colors": {"brand": "#6a6f76"}}, "brand on surface with 6% of text has"),
        ({"colors": {"brand": "#0f6b45", "on_brand": "#999"}}, "on_brand on brand has"),
        ({"colors": {"on_brand": "#aaa"}}, "on_brand on brand has"),
        ({"colors": {"danger": "#d9363e"}}, "danger on surface with 7% of danger has"),
        ({"colors": {"ok": "#2e9e50"}}, "ok on surface has"),
        ({"colors": {"border": "#ddd"}}, "border on bg has 1.35:1 and needs 3:1"),
        ({"colors": {"border": "#939393"}}, "border on bg with 3% of text has"),
        ({"colors": {"focus": "#ffd400"}}, "focus on surface has"),
        ({"colors": {"ok": "#000", "surface": "#808080"}}, "text on surface with 7% of ok has"),
        ({"colors_dark": {"brand": "#1b57d0"}}, "brand on surface has"),
        # The button under the pointer goes lighter in the dark scheme, and white words on it are lost.
        ({"colors_dark": {"brand": "#2f75ec", "on_brand": "#fff", "bg": "#000", "surface": "#000"}}, "on_brand on brand with"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("strict", [True, False])
def test_what_cannot_be_read_is_named(look: Any, pair: str, strict: bool, caplog: pytest.LogCaptureFixture) -> None:
    if strict:
        told = refusal_of(**look)
    else:
        with caplog.at_level(logging.WARNING, "authmw"):
            auth_with(**look, strict_contrast=False)
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("authmw", logging.WARNING)
        told = record.getMessage()
    assert f"- {pair}" in told
    assert f"Write: UIConfig({next(iter(look))}={{" in told
    assert ("UIConfig(strict_contrast=False)" in told) == strict


@pytest.mark.parametrize(
    ("field", "chosen"),
    [
        ("colors", {"brand": "#ff9900"}),
        ("colors", {"text": "#777"}),
        ("colors", {"brand": "#808080", "on_brand": "#808080"}),
        ("colors", {"bg": "#000", "surface": "#111"}),
        ("colors", {"bg": "#c8d0d8", "surface": "#c8d0d8", "danger": "#f00"}),
        ("colors_dark", {"brand": "#777"}),
        ("colors_dark", {"bg": "#fff", "surface": "#eee"}),
        ("colors_dark", {"brand": "#2f75ec", "on_brand": "#fff"}),
    ],
)
def test_the_line_that_is_proposed_works_and_keeps_the_grounds(field: str, chosen: dict[str, str]) -> None:
    line = re.search(r"Write: (UIConfig\(.*?\))\.", refusal_of(**{field: chosen}))
    assert line is not None
    proposed = eval(line[1], {"UIConfig": UIConfig})
    make_auth(ui=proposed)
    kept = getattr(proposed, field)
    assert [kept[name] for name in chosen if name in ("bg", "surface")] == [
        color for name, color in chosen.items() if name in ("bg", "surface")
    ]


def test_grounds_on_which_nothing_reads_are_refused_as_such() -> None:
    assert "Choose lighter or darker ones" in refusal_of(colors={"bg": "#000", "surface": "#fff"})


def test_a_scheme_that_nobody_sees_is_not_measured() -> None:
    auth_with(colors={"brand": "#ff9900"}, scheme="dark")
    auth_with(colors_dark={"brand": "#1b57d0"}, scheme="light")
    refusal_of(colors={"brand": "#ff9900"}, scheme="light")
    refusal_of(colors_dark={"brand": "#1b57d0"}, scheme="dark")


def declared(selector: str) -> dict[str, str]:
    """The tokens that the sheet itself gives a selector."""
    block = SHEET.partition(f"{selector} {{")[2].partition("}")[0]
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", block))


@pytest.mark.parametrize(
    ("selector", "defaults"),
    [(":root", LIGHT), (":root:not([data-theme=light])", DARK), (":root[data-theme=dark]", DARK)],
)
def test_the_colours_that_are_measured_are_those_of_the_sheet(selector: str, defaults: dict[str, str]) -> None:
    found = {name.removeprefix("am-").replace("-", "_"): value for name, value in declared(selector).items()}
    assert {name: value for name, value in found.items() if value.startswith("#")} == defaults


def test_the_colours_of_the_sheet_can_be_read() -> None:
    assert [*shortfalls(LIGHT, "light"), *shortfalls(DARK, "dark")] == []


def test_every_ground_that_the_sheet_mixes_is_measured() -> None:
    measured = {ground for _, grounds, _ in theme.PAIRS for ground in grounds if isinstance(ground, theme.Mix)}
    mixes = re.findall(r"color-mix\(in srgb, var\(--([\w-]+)\) (\d+)%, var\(--am-([\w-]+)\)\)", SHEET)
    assert len(mixes) == SHEET.count("color-mix(")
    # `--_c` is whichever colour the summary or the notice has.
    sheet_c = [value for value in re.findall(r"--_c: var\(--am-([\w-]+)\);", SHEET)]
    found = set()
    for over, percent, ground in mixes:
        for token in sheet_c if over == "_c" else [over.removeprefix("am-")]:
            found.add(theme.Mix(ground, token, int(percent)))
    lines = theme.Mix("surface", "border", 32)  # nothing is known by a line alone
    brand_first = theme.Mix("text", "brand", 88)  # 88% of one is 12% of the other
    assert found == (measured - {theme.POINTED_AT}) | {lines, brand_first}
    assert declared(":root[data-theme=dark]")["_page"] == "var(--am-bg)"


# Addresses, and the content security policy


async def test_what_may_be_loaded_from_elsewhere_is_added_to_the_policy_and_nothing_else_changes() -> None:
    extra = {"img-src": [CDN], "script-src": (CDN, "https://widget.example:8443"), "frame-src": [CDN], "font-src": []}
    async with serving(auth_with(csp_extra=extra)) as person:
        policy = await policy_of(person)
    assert policy == {
        **DIRECTIVES,
        "img-src": f"'self' data: {CDN}",
        "script-src": f"'self' {CDN} https://widget.example:8443",
        "frame-src": CDN,
    }


async def test_without_an_addition_the_policy_is_ours() -> None:
    async with serving(make_auth()) as person:
        assert await policy_of(person) == DIRECTIVES


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https:",
        "https://*.example.com",
        "'unsafe-inline'",
        "'self'",
        "data:",
        "http://cdn.example.com",
        "//cdn.example.com",
        "cdn.example.com",
        "https://cdn.example.com/",
        "https://cdn.example.com/path",
        "https://user@cdn.example.com",
        "https://cdn.example.com; script-src *",
        "https://cdn.example.com;script-src",
        "https://cdn.example.com,default-src",
        "https://cdn.example.com 'unsafe-eval'",
        "https://cdn.example.com\r\nSet-Cookie: a=b",
        "https://cdn.example.com\n",
        "HTTPS://CDN.example.com",
        "https://cdn.example.com:443",
        "https://cdn.example.com:99999",
        "https://bücher.example",
        "",
        None,
    ],
)
def test_only_a_plain_https_origin_goes_into_the_policy(origin: Any) -> None:
    assert 'Write: csp_extra={"script-src": ["https://' in refusal_of(csp_extra={"script-src": [origin]})


@pytest.mark.parametrize(
    "directive",
    [
        "default-src",
        "form-action",
        "base-uri",
        "frame-ancestors",
        "trusted-types",
        "require-trusted-types-for",
        "img-src *;",
    ],
)
def test_what_keeps_forms_frames_and_scripts_safe_cannot_be_added_to(directive: str) -> None:
    assert "Write one of: img-src" in refusal_of(csp_extra={directive: [CDN]})


def test_one_address_where_a_list_is_due_is_refused_with_the_list() -> None:
    assert 'csp_extra={"img-src": ["https://' in refusal_of(csp_extra={"img-src": CDN})
    assert 'csp_extra={"img-src": ["https://' in refusal_of(csp_extra=[CDN])
    assert 'extra_css=["/app.css"]' in refusal_of(extra_css="/app.css")


@pytest.mark.parametrize("field", ["logo_url", "logo_dark_url", "favicon_url", "extra_css"])
@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://cdn.example.com/a",
        "//cdn.example.com/a",
        "/\\cdn.example.com/a",
        "/\t/cdn.example.com/a",
        "ftp://cdn.example.com/a",
        "logo.svg",
        "/a b",
        "/a\n",
        '/a"b',
        "data:text/html,hello",
        "https:///a",
        7,
    ],
)
def test_an_address_that_could_not_be_loaded_is_refused(field: str, url: Any) -> None:
    told = refusal_of(
        **{field: [url] if field == "extra_css" else url}, csp_extra={"img-src": [CDN], "style-src": [CDN]}
    )
    assert "Write: " + ("extra_css=[" if field == "extra_css" else f'{field}="/') in told


@pytest.mark.parametrize("url", ["/logo.svg", "/static/logo%20two.svg?v=2", "/größe.svg", f"{ORIGIN}/logo.svg"])
def test_an_address_of_this_site_is_fine(url: str) -> None:
    auth_with(logo_url=url, logo_dark_url=url, favicon_url=url, extra_css=[url])


@pytest.mark.parametrize(
    ("field", "directive"), [("logo_url", "img-src"), ("favicon_url", "img-src"), ("extra_css", "style-src")]
)
def test_an_address_elsewhere_needs_leave_of_the_policy(field: str, directive: str) -> None:
    url = f"{CDN}/file"
    look = {field: [url] if field == "extra_css" else url}
    other = "style-src" if directive == "img-src" else "img-src"
    for csp_extra in ({}, {other: [CDN]}, {directive: ["https://cdn.example.com.evil.example"]}):
        assert f'csp_extra={{"{directive}": ["{CDN}"]}}' in refusal_of(**look, csp_extra=csp_extra)
    auth_with(**look, csp_extra={directive: [CDN]})


def test_a_picture_may_stand_in_its_address_and_a_sheet_may_not() -> None:
    auth_with(logo_url="data:image/svg+xml;base64,PHN2Zy8+", favicon_url="data:image/png;base64,aGk=")
    refusal_of(extra_css=["data:text/css,*{}"])
    refusal_of(extra_css=["data:image/png;base64,aGk="])


# Logo, sheets, templates, macros


async def test_a_logo_of_the_application_shows_in_place_of_its_letter() -> None:
    look = {
        "brand_name": "Notes & Co",
        "logo_url": "/logo.svg",
        "logo_dark_url": "/dark.svg",
        "favicon_url": "/tab.png",
    }
    async with serving(auth_with(**look)) as person:
        page = (await person.get("/auth/sign-in")).text
    assert '<source srcset="/dark.svg" media="(prefers-color-scheme: dark)">' in page
    assert '<img src="/logo.svg" alt="Notes &amp; Co">' in page
    assert '<link rel="icon" href="/tab.png">' in page
    assert "am-mark" not in page
    async with serving(auth_with(**look, scheme="dark")) as person:
        assert '<img src="/dark.svg" alt="Notes &amp; Co">' in (await person.get("/auth/sign-in")).text


async def test_a_sheet_of_the_application_comes_after_ours_and_the_theme() -> None:
    async with serving(auth_with(radius="0", extra_css=["/app.css"])) as person:
        page = (await person.get("/auth/sign-in")).text
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page)
    assert sheets[1:] == [theme_url_of(page), "/app.css"]


async def test_a_template_of_the_application_replaces_ours_and_can_extend_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        "password/sign_in.html",
        '{% extends "authmw/password/sign_in.html" %}{% block intro %}<p>Ask your team.</p>{% endblock %}',
    )
    write(tmp_path, "password/forgot_password.html", "Nothing but this.")
    write(
        tmp_path,
        "layout/base.html",
        '{% extends "authmw/layout/base.html" %}{% block footer %}{{ super() }}Notes Ltd{% endblock %}',
    )
    async with serving(auth_with(template_dirs=[str(tmp_path)], terms_url="/terms")) as person:
        page = (await person.get("/auth/sign-in")).text
        assert "<p>Ask your team.</p>" in page and 'name="password"' in page
        assert 'href="/terms"' in page and "Notes Ltd" in page
        assert (await person.get("/auth/forgot-password")).text == "Nothing but this."
        assert "Notes Ltd" in (await person.get("/auth/sign-up")).text
        assert "Notes Ltd" in (await person.get("/auth/no-such-screen")).text


BLOCKS = "title heading intro before_form fields after_fields actions after_form aside head brand nav before_main after_main footer live"


@pytest.mark.parametrize("block", BLOCKS.split())
async def test_a_promised_block_can_be_filled(block: str, tmp_path: Path) -> None:
    assert f"`{block}`" in DOCS
    own = f'{{% extends "authmw/password/sign_in.html" %}}{{% block {block} %}}from the application{{% endblock %}}'
    write(tmp_path, "password/sign_in.html", own)
    async with serving(auth_with(template_dirs=[str(tmp_path)])) as person:
        assert "from the application" in (await person.get("/auth/sign-in")).text


SCREENS = {screen.path: screen.template for _, screen in make_auth().screens}
OF_EVERY_SCREEN = [
    "title",
    "heading",
    "intro",
    "before_form",
    "fields",
    "after_fields",
    "actions",
    "after_form",
    "aside",
]


@pytest.mark.parametrize("path", SCREENS)
async def test_every_screen_has_every_promised_block(path: str, tmp_path: Path) -> None:
    blocks = "".join(f"{{% block {name} %}}own {name} {{% endblock %}}" for name in OF_EVERY_SCREEN)
    write(tmp_path, SCREENS[path], f'{{% extends "authmw/{SCREENS[path]}" %}}{blocks}')
    auth = auth_with(template_dirs=[str(tmp_path)])
    async with serving(auth) as person:
        await person.sign_up()
        address = f"/auth{path}"
        if path == "/reset-password":
            await person.api("/request-password-reset", {"email": "ann@example.com"})
            opened = await person.get((await person.mail()).last("reset-password").context["url"])
            address = opened.headers["location"]
        page = await person.get(address)
        if page.status_code == 303:  # an entrance: for people who are not signed in yet
            await person.api("/sign-out", {})
            page = await person.get(address)
        assert [name for name in OF_EVERY_SCREEN if f"own {name} " not in page.text] == []


async def test_a_field_of_the_application_changes_every_screen_that_has_one(tmp_path: Path) -> None:
    write(
        tmp_path,
        "macros/field.html",
        # Naming `kwargs` lets a macro be called with more than it asks for.
        '{% macro field(name, label) %}<input class="own" id="{{ name }}" name="{{ name }}">{% set rest = kwargs %}{% endmacro %}',
    )
    own, ours = auth_with(template_dirs=[str(tmp_path)]), make_auth()
    changed = set()
    async with serving(own) as person, serving(ours) as other:
        for signed_in in (False, True):
            if signed_in:
                await person.sign_up()
                await other.sign_up()
            for _, screen in own.screens:
                page, before = [(await each.get(f"/auth{screen.path}")).text for each in (person, other)]
                # Passwords and codes have macros of their own.
                fields = re.findall(r'<input class="am-input"[^>]* type="(?!password)', before)
                assert page.count('class="own"') == len(fields), screen.path
                if fields:
                    changed.add(screen.path)
    assert {"/sign-in", "/sign-up", "/forgot-password", "/settings/profile"} <= changed


def test_no_screen_writes_a_control_by_itself() -> None:
    found = [
        str(path.relative_to(UI))
        for path in UI.rglob("*.html")
        if not path.is_relative_to(UI / "macros") and re.search(r"<(?:input|select|textarea)\b", path.read_text())
    ]
    assert found == []


# What the page promises, and what it weighs


def test_the_page_about_screens_names_every_token_with_its_values() -> None:
    for name in LIGHT:
        assert f"| `--am-{name.replace('_', '-')}` | `{LIGHT[name]}` | `{DARK[name]}` |" in DOCS
    assert [name for name in declared(":root") if name.startswith("am-") and f"| `--{name}` |" not in DOCS] == []


def test_the_page_about_screens_promises_no_class_that_the_sheet_has_not() -> None:
    promised = set(re.findall(r"`\.(am-[\w-]+)`", DOCS))
    assert len(promised) >= 30
    assert promised - set(re.findall(r"\.(am-[\w-]+)", SHEET)) == set()


def test_the_page_about_screens_shows_every_macro_with_its_arguments() -> None:
    rows = re.findall(r"\| `(macros/\w+\.html)` \| `(\w+)\(([\w, ]*)\)` \|", DOCS)
    assert len(rows) >= 12
    for path, name, arguments in rows:
        found = re.search(rf"macro {name}\((.*?)\) %}}", (UI / path).read_text())
        assert found is not None
        assert [each.partition("=")[0] for each in re.split(r", (?=\w+(?:=|,|$))", found[1])] == arguments.split(", ")


def test_the_example_of_a_refusal_is_what_is_said() -> None:
    example = DOCS.partition("```text\n")[2].partition("\n```")[0]
    assert refusal_of(colors={"brand": "#ff9900"}) == example


def test_sheets_stay_within_six_kilobytes_with_every_token_chosen() -> None:
    make_auth(ui=EVERY_TOKEN)
    sheet = theme_css(EVERY_TOKEN)
    assert sheet.count("--am-") == 3 * len(LIGHT) + 3
    assert len(resources.assets()["authmw.css"].zipped) + len(gzip.compress(sheet.encode(), 9)) <= 6000
