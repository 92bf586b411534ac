"""What the methods of `methods.py` stand on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic

from ..core.model import U
from ..core.schema import camel
from .exchange import Ask


class Group(Generic[U]):
    """Methods that share the beginning of their path."""

    def __init__(self, send: Callable[[Ask, Mapping[str, object]], Any]) -> None:
        self._send = send


class AsyncGroup(Generic[U]):
    """Methods that share the beginning of their path."""

    def __init__(self, send: Callable[[Ask, Mapping[str, object]], Awaitable[Any]]) -> None:
        self._send = send


def own(fields: Mapping[str, object]) -> dict[str, object]:
    """The application's own fields by the wire's keys."""
    return {camel(name): value for name, value in fields.items()}
