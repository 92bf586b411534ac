"""@operation: where an operation is served, and its limits."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .call import Call, Guard
from .errors import AuthError
from .rate_limit import EVERY_ROUTE, Limit

Method = typing.Literal["GET", "POST"]
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, kw_only=True)
class NoInput:
    """The input of an operation that takes nothing; what a body holds is dropped."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """The answer of an operation that has nothing to tell."""

    status: bool = True


@dataclass(frozen=True)
class Redirect:
    """The answer is another address; whoever returns this has checked it."""

    url: str


@dataclass(frozen=True)
class PageAnswer:
    """The answer is a page for people: a template, and the `data` that it shows."""

    template: str
    data: Any


@dataclass(frozen=True)
class StepRequired:
    """A proof was good, but there is no session yet: another step is asked for.

    `screen` answers the step; `answer` is what a JSON client is told.
    """

    screen: str
    answer: Mapping[str, Any] = field(default_factory=dict)


class Outcome:
    """Mixed into a result that leads elsewhere than its screen says."""

    notice: typing.ClassVar[str] = ""
    """What is said instead of the screen's own notice: a key of the catalogue."""
    then: typing.ClassVar[tuple[str, ...]] = ()
    """Where it leads instead, as `Screen.then`; nothing: the same screen."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where and how an operation is served. `path` may hold one `:name` segment."""

    method: Method
    path: str
    limit: Limit
    guard: Guard | None
    forms: bool
    """Also takes `application/x-www-form-urlencoded`."""
    starts_session: bool
    """Checked against sign-in forgery even without cookies (wire 6.5)."""
    sends_mail: bool
    in_api: bool
    """False: the wire has no such route; the screens do it, and Python."""
    in_query: tuple[str, ...]
    """Keys of a POST that may come in the query instead of the body."""
    name: str
    input: type[Any] | None
    input_optional: bool
    """The operation can do without a body."""
    result: Any
    """What the method is annotated to return, or what `answers` says in its place."""
    raises: tuple[type[AuthError], ...]
    """The refusals of its own; those that come with its guard, its input or its limit go without saying."""


def operation(
    method: Method,
    path: str,
    *,
    limit: Limit = EVERY_ROUTE,
    guard: Guard | None = None,
    forms: bool = False,
    starts_session: bool = False,
    sends_mail: bool = False,
    in_api: bool = True,
    in_query: tuple[str, ...] = (),
    answers: Any = None,
    raises: tuple[type[AuthError], ...] = (),
) -> Callable[[F], F]:
    """Serve an async method `(self, call)` or `(self, call, input)` at `path` below the API's prefix.

    The guard is asked before the method runs, also when it is called from Python. `answers` is the type of the answer
    where the annotation cannot say it; `raises` names the refusals of its own. Documents and clients are made of both.
    """

    def mark(function: F) -> F:
        @functools.wraps(function)
        async def guarded(self: Any, call: Call[Any], *inputs: Any) -> Any:
            if guard is not None:
                await call.guard(guard)
            if inputs:
                call.callback_url = getattr(inputs[0], "callback_url", None) or call.callback_url
            return await function(self, call, *inputs)

        declared = {
            "method": method,
            "path": path,
            "limit": limit,
            "guard": guard,
            "forms": forms,
            "starts_session": starts_session,
            "sends_mail": sends_mail,
            "in_api": in_api,
            "in_query": in_query,
            "raises": raises,
        }
        # Annotations are read later: what they name may not be there yet.
        guarded.__route__ = functools.partial(_route, function, answers, declared)  # type: ignore[attr-defined]
        return typing.cast(F, guarded)

    return mark


@dataclass(frozen=True)
class Operation:
    """An operation of a feature that is switched on."""

    route: Route
    run: Callable[..., Awaitable[Any]]


def operation_of(method: Callable[..., Awaitable[Any]]) -> Operation | None:
    """Return what a bound method was marked as, or None."""
    make = getattr(method, "__route__", None)
    return Operation(make(), method) if make else None


def _route(function: Callable[..., Any], answers: Any, declared: Mapping[str, Any]) -> Route:
    parameters = list(inspect.signature(function).parameters.values())[2:]
    hints = typing.get_type_hints(function)
    return Route(
        **declared,
        name=function.__name__,
        input=hints.get(parameters[0].name) if parameters else None,
        input_optional=bool(parameters) and parameters[0].default is not inspect.Parameter.empty,
        result=hints.get("return") if answers is None else answers,
    )
