"""What a User-Agent says of browser and system, in words; never where somebody is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

# In this order: most browsers also claim to be those below them. Without `authmw[user-agents]` this has to do.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS = (
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
NAMES = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS", "Mobile Safari": "Safari"}
LONGEST = 512


@dataclass(frozen=True)
class Device:
    """Empty where the User-Agent does not say, or nobody knows what it says."""

    browser: str
    system: str


@lru_cache(maxsize=1024)
def describe(user_agent: str) -> Device:
    """Name browser and system: by ua-parser where it is installed, else by a short list. Takes milliseconds."""
    text = user_agent[:LONGEST]
    try:
        from ua_parser import parse
    except ImportError:
        return _plainly(text)
    found = parse(text)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return Device(NAMES.get(browser, browser), NAMES.get(system, system))


def _plainly(text: str) -> Device:
    browser = next((name for mark, name in BROWSERS if mark in text), "")
    system = next((name for mark, name in SYSTEMS if mark in text), "")
    return Device(browser, system)
