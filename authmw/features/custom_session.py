"""What `/get-session` answers, as an application wants it (wire-tokens 5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_type_hints

from ..core.call import Call, SignedIn
from ..core.feature import Feature
from ..core.model import U
from ..core.outputs import to_wire

Answer = Callable[[Call[Any], SignedIn[Any]], Awaitable[object]]


class CustomSession(Feature):
    """`CustomSession(answer)`: `answer(call, signed_in)` returns a dataclass or a mapping, which is what clients are
    told in place of `{"session": …, "user": …}`; its annotation is what documents say. Only they: who is signed in stays as it is."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.answers = {"GET /get-session": get_type_hints(answer).get("return", Mapping[str, Any]) | None}

    async def session_read(self, call: Call[U], signed_in: SignedIn[U], answer: dict[str, Any]) -> None:
        told = to_wire(await self.answer(call, signed_in))
        if not isinstance(told, dict):
            raise TypeError(
                f"CustomSession: {self.answer!r} returned {type(told).__name__}, not a dataclass or mapping"
            )
        answer.clear()
        answer.update(told)
