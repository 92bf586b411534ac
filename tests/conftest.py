"""For all tests: async ones run on asyncio, and the last lines say what was left out and why."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

# The words with which fixtures skip for want of something: "missing: …", "… is not there: …".
MISSING = re.compile(r"(?:Skipped: )?(?:missing: (?P<what>[^\n]+)|(?P<service>.+?) is not there\b)")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [
        str(report.longrepr[2])
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    ]
    for line in words_about_skips(reasons, os.environ):
        terminalreporter.write_line(line)


def words_about_skips(reasons: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Say which services were missing, how many tests that cost, and how to have them all."""
    missing: Counter[str] = Counter()
    others = 0
    for reason in reasons:
        found = MISSING.match(reason)
        if found:
            missing[(found["what"] or found["service"]).strip()] += 1
        else:
            others += 1
    lines = [f"Not here: {what}. Tests left out for want of it: {times}." for what, times in sorted(missing.items())]
    if missing:
        lines.append("Start what is missing, or let .ci/run do it, and run the tests again to have them all.")
    if others:
        lines.append(f"Left out for other reasons, named above: {others}.")
    if not reasons and environment.get("AUTHMW_REQUIRE_ALL") == "1":
        lines.append("Nothing was missing and nothing was left out.")
    return lines
