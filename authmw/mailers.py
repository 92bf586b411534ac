"""Where mail goes: a mail server, the terminal, a file."""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from .core.errors import ConfigurationError
from .core.mail import Message


class SmtpMailer:
    """`SmtpMailer("smtp://user:password@mail.example.com:587", sender="App <no-reply@example.com>")`.

    `smtps://` speaks TLS from the start; `smtp://` changes to TLS where the server offers it, and must when a
    password is to be sent. Raise ConfigurationError for an address that cannot be one.
    """

    def __init__(self, url: str, *, sender: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ConfigurationError(
                'SmtpMailer: write "smtp://mail.example.com:587", or smtps:// for TLS from the start.'
            )
        name, address = parseaddr(sender)
        if "@" not in address:
            raise ConfigurationError('SmtpMailer: write sender="App <no-reply@example.com>".')
        self._host, self._tls = parts.hostname, parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587 if parts.username else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        local, _, domain = address.rpartition("@")
        self._sender = Address(name, local, domain)

    async def send(self, message: Message) -> None:
        import aiosmtplib  # here, so that applications with another mailer do not load it

        await aiosmtplib.send(
            self.compose(message),
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls,
            start_tls=True if self._user and not self._tls else None,
            timeout=10,
        )

    def compose(self, message: Message) -> EmailMessage:
        """The mail as it goes over the wire. Headers are structured: no text in them starts a line of its own (SEC-087)."""
        mail = EmailMessage()
        local, _, domain = message.to.rpartition("@")
        mail["From"], mail["To"], mail["Subject"] = self._sender, Address("", local, domain), message.subject
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        mail.add_alternative(message.html, subtype="html")
        return mail


@dataclass(frozen=True, kw_only=True)
class KeptLetter:
    """A letter of the development mailbox."""

    kind: str
    to: str
    subject: str
    text: str = field(repr=False)
    url: str | None = field(repr=False)
    sent_at: datetime


class ConsoleMailer:
    """Prints mail on the terminal, and keeps the last letters for the screen `{ui}/dev/mail`. For one's own machine."""

    def __init__(self) -> None:
        self.letters: deque[KeptLetter] = deque(maxlen=20)

    async def send(self, message: Message) -> None:
        url = message.context.get("url")
        self.letters.appendleft(
            KeptLetter(
                kind=message.kind,
                to=message.to,
                subject=message.subject,
                text=message.text,
                url=url,
                sent_at=datetime.now(UTC),
            )
        )
        print(f"\n--- mail to {message.to}: {message.subject}\n{message.text}---\n", flush=True)


class FileMailer:
    """Writes one JSON line a mail, `kind to subject url token otp id`. For tests."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)

    async def send(self, message: Message) -> None:
        line = {"kind": message.kind, "to": message.to, "subject": message.subject, **message.context}
        await asyncio.to_thread(self._append, json.dumps(line) + "\n")

    def _append(self, line: str) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a") as outbox:
            outbox.write(line)
