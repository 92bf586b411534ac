"""@operation: where an operation is served, and its limits."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .call import Call, Guard
from .rate_limit import EVERY_ROUTE, Limit

Method = typing.Literal["GET", "POST"]
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True)
class Redirect:
    """The answer is another address; whoever returns this has checked it."""

    url: str


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
) -> Callable[[F], F]:
    """Serve an async method `(self, call)` or `(self, call, input)` at `path` below the API's prefix.

    The guard is asked before the method runs, also when it is called from Python.
    """

    def mark(function: F) -> F:
        @functools.wraps(function)
        async def guarded(self: Any, call: Call[Any], *inputs: Any) -> Any:
            if guard is not None:
                await call.guard(guard)
            if inputs:
                call.callback_url = getattr(inputs[0], "callback_url", None) or call.callback_url
            return await function(self, call, *inputs)

        guarded.__route__ = functools.partial(  # type: ignore[attr-defined]
            _route, function, method, path, limit, guard, forms, starts_session, sends_mail, in_api, in_query
        )
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


def _route(
    function: Callable[..., Any],
    method: Method,
    path: str,
    limit: Limit,
    guard: Guard | None,
    forms: bool,
    starts_session: bool,
    sends_mail: bool,
    in_api: bool,
    in_query: tuple[str, ...],
) -> Route:
    parameters = list(inspect.signature(function).parameters.values())[2:]
    hint = typing.get_type_hints(function).get(parameters[0].name) if parameters else None
    return Route(
        method=method,
        path=path,
        limit=limit,
        guard=guard,
        forms=forms,
        starts_session=starts_session,
        sends_mail=sends_mail,
        in_api=in_api,
        in_query=in_query,
        name=function.__name__,
        input=hint,
        input_optional=bool(parameters) and parameters[0].default is not inspect.Parameter.empty,
    )
