"""Browser and system in words, with ua-parser and without."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from authmw.core.user_agents import Device, describe

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 "
    "Edg/131.0.0.0"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1"
)
CHROME = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


@pytest.fixture(params=["ua-parser", "nothing"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With the package, and where it is not installed."""
    describe.cache_clear()
    if request.param == "nothing":
        monkeypatch.setitem(sys.modules, "ua_parser", None)
    yield request.param
    describe.cache_clear()


@pytest.mark.parametrize(
    ("said", "device"),
    [
        (FIREFOX, Device("Firefox", "Linux")),
        (EDGE, Device("Edge", "Windows")),
        (SAFARI, Device("Safari", "iOS")),
        (CHROME, Device("Chrome", "macOS")),
        ("curl/8.5.0", Device("curl", "")),
        ("", Device("", "")),
        ("nothing that anybody knows", Device("", "")),
        ("x" * 100_000, Device("", "")),
    ],
)
def test_a_user_agent_is_named_in_words(parser: str, said: str, device: Device) -> None:
    found = describe(said)
    # ua-parser tells a browser of a telephone by name.
    assert found.browser.removeprefix("Mobile ") == device.browser
    assert found.system == device.system


def test_nobody_is_told_where_somebody_is() -> None:
    assert set(Device.__dataclass_fields__) == {"browser", "system"}
