"""Message, Mailer, and the queue that sends after the answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .rate_limit import MAILS_TO_AN_ADDRESS, Limiter
from .secrets import digest

logger = logging.getLogger("authmw.mail")
TRIES = 3
SECONDS_A_TRY = 10.0
SECONDS_BETWEEN_TRIES = 0.2


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A message to be: what it is about, not yet in words."""

    kind: str
    to: str
    context: Mapping[str, Any] = field(repr=False)
    counted: bool = True
    """Counts against what this address gets of this kind in an hour; False where the operation has counted."""
    even_if_refused: bool = False
    """Goes out although the call that wrote it was refused: the letter is the way out of the refusal."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A mail in words. `kind` is one of `verify-email reset-password change-email delete-account magic-link email-otp
    two-factor-otp invitation security-notice`; `context` holds `url token otp id` where they exist."""

    kind: str
    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    context: Mapping[str, Any] = field(default_factory=dict, repr=False)


def budget(kind: str, to: str) -> str:
    """The counter of what an address is sent. Each kind has its own, so that one cannot use up another's."""
    return f"mail|{kind}|{digest(to.lower())}"


class Mailer(Protocol):
    async def send(self, message: Message) -> None:
        """Hand `message` on; raise when that failed, and it is tried again, three times in all."""
        ...


class MailQueue:
    """Letters go out in order, after the answers that caused them, so that mail never shows in an answer's time."""

    def __init__(
        self,
        mailer: Mailer,
        write: Callable[[Letter], Message],
        limiter: Callable[[], Limiter | None],
        clock: Callable[[], datetime],
        *,
        capacity: int = 1000,
    ) -> None:
        self.mailer = mailer
        self._write, self._limiter, self._clock = write, limiter, clock
        self._capacity = capacity
        self._letters: list[Letter] = []
        self._worker: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        return len(self._letters) >= self._capacity

    def put(self, letter: Letter) -> None:
        """Take `letter` in. Operations that mail are refused beforehand when the queue is full, known address or not."""
        if self.is_full:
            logger.error("mail queue is full, a %s letter was dropped", letter.kind)
            return
        self._letters.append(letter)
        if self._worker is None or self._worker.done() or self._worker.get_loop() is not asyncio.get_running_loop():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def idle(self) -> None:
        """Wait until everything that was put in is sent or given up."""
        while self._worker is not None and not self._worker.done():
            await asyncio.wait({self._worker})

    async def close(self, patience: float = 5.0) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.idle(), patience)
        if self._worker is not None:
            self._worker.cancel()

    async def _work(self) -> None:
        while self._letters:
            letter = self._letters[0]
            try:
                await self._deliver(letter)
            except Exception as reason:  # noqa: BLE001 - whatever a mailer raises, the next letter still goes out
                # The type only: a library's message may quote the letter, and with it a secret.
                logger.error("a %s letter could not be sent: %s", letter.kind, type(reason).__name__)
            finally:
                self._letters.pop(0)

    async def _deliver(self, letter: Letter) -> None:
        limiter = self._limiter() if letter.counted else None
        if limiter and await limiter.hit(budget(letter.kind, letter.to), MAILS_TO_AN_ADDRESS, self._clock()):
            logger.warning("a %s letter was held back: that address had five within the hour", letter.kind)
            return
        message = self._write(letter)
        for attempt in range(1, TRIES + 1):
            try:
                await asyncio.wait_for(self.mailer.send(message), SECONDS_A_TRY)
                return
            except Exception:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(SECONDS_BETWEEN_TRIES * attempt)
