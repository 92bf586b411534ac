"""Audit events: one JSON object a line, after commit, without secrets (SEC-200)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .outputs import iso

logger = logging.getLogger("authmw.audit")
LONGEST_USER_AGENT = 512
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something worth knowing later. `outcome` is success, failure, denied or error; `reason` the true cause."""

    event: str
    time: datetime
    outcome: str = "success"
    reason: str = ""
    method: str = ""
    ip: str | None = None
    user_agent: str = ""
    about: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """One line of JSON, whatever the values hold (SEC-202)."""
        parts = {
            "event": self.event,
            "time": iso(self.time),
            "outcome": self.outcome,
            "reason": self.reason,
            "method": self.method,
            "ip": self.ip,
            "user_agent": printable(self.user_agent),
            **self.about,
        }
        return json.dumps({key: value for key, value in parts.items() if value}, ensure_ascii=True)


def printable(text: str, longest: int = LONGEST_USER_AGENT) -> str:
    """Cut `text` and write its control characters as escapes: logs and lists stay on one line (SEC-180 row 30)."""
    return UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text[:longest])


def log(event: Event) -> None:
    """The listener everyone has: the logger `authmw.audit` at INFO."""
    if logger.isEnabledFor(logging.INFO):
        logger.info(event.line())
