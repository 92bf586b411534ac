"""Where the description of the API is to be had, and where nobody learns of it."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest

from authmw import Auth, AuthError, ConfigurationError, UIConfig
from authmw.core.errors import NotFound
from authmw.features import OpenApi, Password
from authmw.web.resources import assets
from tests.support import Browser, browser, make_auth, plain_app, serving

pytestmark = pytest.mark.anyio

DOCUMENT = "/open-api/generate-schema"
ELSEWHERE = "https://app.example.com"
HERE = ("127.0.0.1", 50000)


def described(open_api: OpenApi | None = None, **settings: Any) -> Any:
    return make_auth(features=[Password(), open_api or OpenApi()], **settings)


def at_home(auth: Auth[Any]) -> AbstractAsyncContextManager[Browser]:
    """Somebody who sits at the machine itself."""
    return serving(auth, client=HERE)


async def reachable(client: Browser, *paths: str) -> list[str]:
    return [path for path in paths if (await client.api(path)).status_code == 200]


# Who is told


async def test_the_document_is_what_python_has() -> None:
    auth = described()
    async with at_home(auth) as somebody:
        answer = await somebody.api(DOCUMENT)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == auth.openapi == await auth[OpenApi].generate_schema(auth.call())
        assert answer.json()["servers"] == [{"url": "http://localhost:8000/api/auth"}]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "localhost.evil.example"},
        {"x-forwarded-for": "203.0.113.9"},
        {"forwarded": "for=x"},
    ],
)
async def test_a_base_url_that_was_forgotten_here_tells_nobody_who_comes_from_elsewhere(
    headers: dict[str, str],
) -> None:
    auth = described()
    async with serving(auth) as stranger, browser(auth, client=HERE) as tunnel:
        assert await reachable(stranger, DOCUMENT, "/reference") == []
        tunnel.headers.update(headers)
        assert await reachable(tunnel, DOCUMENT, "/reference") == []


@pytest.mark.parametrize(
    ("base_url", "enabled", "told"),
    [
        ("http://localhost:8000", None, True),
        ("http://127.0.0.1:8000", None, True),
        ("http://localhost:8000", False, False),
        (ELSEWHERE, None, False),
        (ELSEWHERE, True, True),
    ],
)
async def test_outside_of_ones_own_machine_it_is_told_only_when_asked_for(
    base_url: str, enabled: bool | None, told: bool
) -> None:
    async with at_home(described(OpenApi(enabled=enabled), base_url=base_url)) as somebody:
        assert await reachable(somebody, DOCUMENT, "/reference") == ([DOCUMENT, "/reference"] if told else [])


@pytest.mark.parametrize("path", [DOCUMENT, "/reference"])
async def test_where_it_is_off_its_routes_are_as_unknown_as_any_other(path: str) -> None:
    async with serving(described(base_url=ELSEWHERE)) as somebody:
        off, unknown = await somebody.api(path), await somebody.api("/nothing")
        assert off.status_code == unknown.status_code == 404
        assert off.headers.raw == unknown.headers.raw
        assert off.content == unknown.content == b""


async def test_where_it_is_off_python_is_refused_as_well() -> None:
    auth = described(OpenApi(enabled=False))
    async with at_home(auth):
        refusal: type[AuthError] = NotFound
        with pytest.raises(refusal):
            await auth[OpenApi].reference(auth.call())


async def test_without_the_feature_there_is_no_such_route() -> None:
    async with at_home(make_auth()) as somebody:
        assert await reachable(somebody, DOCUMENT, "/reference") == []


async def test_the_page_can_be_left_out_and_the_document_stays() -> None:
    auth = described(OpenApi(disable_default_reference=True))
    async with at_home(auth) as somebody:
        assert await reachable(somebody, DOCUMENT, "/reference") == [DOCUMENT]
    assert DOCUMENT in auth.openapi["paths"] and "/reference" not in auth.openapi["paths"]


async def test_the_page_can_be_elsewhere() -> None:
    auth = described(OpenApi(path="/docs"))
    async with at_home(auth) as somebody:
        assert await reachable(somebody, DOCUMENT, "/docs", "/reference") == [DOCUMENT, "/docs"]
    assert "/docs" in auth.openapi["paths"]


@pytest.mark.parametrize("path", ["", "docs", "https://example.com/docs", "/docs/:page"])
def test_a_page_without_a_path_is_a_mistake_in_the_set_up(path: str) -> None:
    with pytest.raises(ConfigurationError, match='Write: OpenApi\\(path="/reference"\\)'):
        OpenApi(path=path)


# The page


class Elements(HTMLParser):
    """Every element of a page with its attributes, and what is open at its end."""

    def __init__(self, page: httpx2.Response) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.found if (value := attributes.get(attribute)) is not None]


async def page_of(auth: Any) -> httpx2.Response:
    async with at_home(auth) as somebody:
        page = await somebody.api("/reference")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        return page


async def test_the_page_needs_no_script_and_nothing_from_elsewhere() -> None:
    page = await page_of(described())
    elements = Elements(page)
    assert not {"script", "style", "form", "iframe", "img"} & {tag for tag, _ in elements.found}
    assert elements.open == []
    assert all(re.match(r"#|/auth/static/|data:,$", url) for url in [*elements.all("href"), *elements.all("src")])
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "'unsafe-inline'" not in policy and "http" not in policy


async def test_the_page_tells_of_every_operation_and_of_every_code() -> None:
    auth = described()
    page = (await page_of(auth)).text
    for path, methods in auth.openapi["paths"].items():
        for method, each in methods.items():
            assert f'<details id="{each["operationId"]}">' in page
            assert f"<code>{method.upper()} {path}</code>" in page
    assert all(f"<code>{code}</code>" in page for code in ("PASSWORD_TOO_SHORT", "SESSION_NOT_FRESH", "INVALID_ORIGIN"))
    assert "at most 255 long" in page and "if left out: true" in page


async def test_every_link_of_the_page_leads_to_a_place_on_it() -> None:
    elements = Elements(await page_of(described()))
    ids = elements.all("id")
    assert len(ids) == len(set(ids))
    assert {url[1:] for url in elements.all("href") if url.startswith("#")} <= set(ids)


async def test_the_page_wears_the_sheet_of_the_screens_where_those_are_served() -> None:
    auth = described(ui=UIConfig(brand_name="Acme <&>", colors={"brand": "#0a5d38"}))
    async with at_home(auth) as somebody:
        elements = Elements(page := await somebody.api("/reference"))
        sheets = [attributes["href"] for tag, attributes in elements.found if attributes.get("rel") == "stylesheet"]
        assert len(sheets) == 2
        assert [(await somebody.get(str(sheet))).status_code for sheet in sheets] == [200, 200]
        assert "Acme &lt;&amp;&gt;" in page.text


async def test_without_screens_the_page_does_without_a_sheet() -> None:
    auth = described()
    await auth.start()
    async with browser(auth, auth.wrap(plain_app(auth), ui=False), client=HERE) as somebody:
        page = await somebody.api("/reference")
    await auth.stop()
    assert "stylesheet" not in page.text and assets()["authmw.css"].name not in page.text
    assert '<meta name="color-scheme" content="light dark">' in page.text


async def test_what_an_application_calls_itself_is_text_and_no_markup() -> None:
    page = await page_of(described(app_name="<script>alert(1)</script>"))
    assert "<script" not in page.text
