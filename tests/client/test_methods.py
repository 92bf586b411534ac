"""The generated methods are those that features declare, and each speaks the wire of its operation."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import httpx2
import pytest

from authmw import AuthError, Call, Feature, User, operation
from authmw.client import AsyncAuthClient, AuthClient, RedirectTo, TwoFactorRequired, errors, methods
from authmw.core.inputs import Text, input_fields, parse_input
from authmw.core.model import U
from authmw.core.operation import Redirect, StepRequired
from authmw.core.outputs import to_wire
from tests import client_methods
from tests.client.support import answering
from tests.client_methods import (
    PACKAGE,
    WITHOUT_A_METHOD,
    Declared,
    arguments_of,
    declared,
    is_redirect_record,
    options_of,
    refusals,
    sources,
    with_a_method,
)

NOON = datetime(2026, 11, 25, 12, 0, 0, 123000, tzinfo=UTC)
METHODS = with_a_method()


def named(each: Declared) -> str:
    return ".".join(each.name)


# What is in the repository


def test_the_generated_files_are_what_the_declarations_make() -> None:
    different = [name for name, source in sources().items() if (PACKAGE / name).read_text() != source]
    assert different == [], "run `make client`"


def test_every_operation_of_every_feature_has_a_method_or_a_reason() -> None:
    known = {(ask.method, ask.path) for ask in methods.ROUTES}
    wanted = {each.key for each in declared()}
    assert wanted - known == set(WITHOUT_A_METHOD)
    assert known - wanted == set()


def test_no_reason_is_left_for_an_operation_that_is_gone() -> None:
    assert set(WITHOUT_A_METHOD) - {each.key for each in declared()} == set()


class Newcomer(Feature):
    @operation("POST", "/sign-in/carrier-pigeon")
    async def coo(self, call: Call[U]) -> str:
        return "coo"


class Namesake(Feature):
    @operation("GET", "/sign-in/:pigeon")
    async def coo(self, call: Call[U]) -> str:
        return "coo"

    @operation("POST", "/sign-in")
    async def enter(self, call: Call[U]) -> str:
        return "coo"


class Closing(Feature):
    @operation("POST", "/close")
    async def close(self, call: Call[U]) -> str:
        return ""


def test_a_new_operation_is_noticed_until_its_method_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_methods, "feature_types", lambda: [Newcomer])
    assert [each.key for each in with_a_method()] == [("POST", "/sign-in/carrier-pigeon")]
    assert "async def carrier_pigeon(self) -> str:" in client_methods.methods_source()
    with pytest.raises(AssertionError):
        test_every_operation_of_every_feature_has_a_method_or_a_reason()


@pytest.mark.parametrize(("feature", "words"), [(Namesake, "client.sign_in"), (Closing, "taken by the client")])
def test_a_name_that_is_taken_is_not_generated(
    feature: type[Feature], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_methods, "feature_types", lambda: [feature])
    with pytest.raises(SystemExit, match=words):
        client_methods.methods_source()


def test_the_client_itself_has_no_name_that_the_generator_does_not_know() -> None:
    own = {name for kind in (AuthClient, AsyncAuthClient) for name in vars(kind) if not name.startswith("_")}
    assert own <= client_methods.TAKEN


# Errors


@pytest.mark.parametrize("kind", [kind for kind in refusals() if kind.code], ids=lambda kind: kind.__name__)
def test_every_code_of_the_server_is_an_error_of_the_client(kind: type[AuthError]) -> None:
    found = errors.BY_CODE[kind.code]
    assert found.code == kind.code
    assert issubclass(found, errors.AuthClientError)
    assert getattr(errors, found.__name__) is found


# Every method


def sample(hint: Any, *, rules: object = None, full: bool = True) -> Any:
    """A value of a type, as the server would have it."""
    option = next(each for each in options_of(hint) if each not in (type(None), Redirect, StepRequired))
    origin = typing.get_origin(option) or option
    if isinstance(origin, TypeVar) or origin is User:
        return User(id="u1", name="Ann", email="ann@example.com", created_at=NOON, updated_at=NOON)
    if dataclasses.is_dataclass(origin):
        hints = typing.get_type_hints(origin)
        return typing.cast(Any, origin)(**{each.name: sample(hints[each.name]) for each in dataclasses.fields(origin)})
    if origin is Literal:
        return typing.get_args(option)[0]
    if origin is list or origin is tuple:
        return [sample((typing.get_args(option) or (str,))[0])]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"key": "value"}
    if isinstance(rules, Text) and rules.kind != "text":
        return {"email": "ann@example.com", "image": "https://example.com/ann.png"}[rules.kind]
    return {bool: True, int: 7, float: 7.5, datetime: NOON}.get(origin, "some text")


def sample_arguments(each: Declared) -> dict[str, Any]:
    """Something for every argument, by the field of the input."""
    if each.route.input is None:
        return {}
    return {
        field.name: {"favourite_color": "red", "nickname": None}
        if field.rest
        else sample(field.type, rules=field.rules)
        for field in input_fields(each.route.input)
    }


class Server:
    """Answers everything alike, and keeps what it was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.asked: list[httpx2.Request] = []
        self.answer = answer

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        return httpx2.Response(200, json=self.answer)


def call(client: Any, each: Declared, arguments: Mapping[str, Any]) -> Any:
    method = functools.reduce(getattr, each.name, client)
    rest = {field.name for field in input_fields(each.route.input) if field.rest} if each.route.input else set()
    plain = {name: value for name, value in arguments.items() if name not in rest}
    own = {name: value for field in rest for name, value in arguments.get(field, {}).items()}
    return method(**plain, **own)


def wire_answers(each: Declared) -> list[Any]:
    """One answer for each kind that the operation may give, in the server's own types."""
    return [
        sample(option)
        for option in options_of(each.route.result)
        if option not in (type(None), Redirect, StepRequired, Any) and not is_redirect_record(option)
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("each", METHODS, ids=named)
async def test_a_method_sends_what_its_operation_reads(each: Declared, is_async: bool) -> None:
    server = Server(to_wire((wire_answers(each) or [{}])[0]))
    arguments = sample_arguments(each)
    await call(answering(server, is_async=is_async), each, arguments)
    (request,) = server.asked
    path = request.url.raw_path.decode().partition("?")[0]
    for name, value in arguments.items():
        if f":{name}" in each.route.path:
            path = path.replace(str(value).replace(" ", "%20"), f":{name}")
    assert (request.method, path) == (each.route.method, f"/api/auth{each.route.path}")
    if each.route.input is not None:
        given = dict(request.url.params) if each.route.method == "GET" else json.loads(request.content)
        read = parse_input(each.route.input, {**given, **_from_path(each, arguments)})
        rest = {"favouriteColor": "red", "nickname": None}
        expected = {
            field.name: rest if field.rest else arguments[field.name] for field in input_fields(each.route.input)
        }
        assert {name: getattr(read, name) for name in expected} == expected


def _from_path(each: Declared, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if f":{name}" in each.route.path}


@pytest.mark.anyio
@pytest.mark.parametrize("each", METHODS, ids=named)
async def test_a_method_leaves_out_what_was_not_given(each: Declared, is_async: bool) -> None:
    server = Server(to_wire((wire_answers(each) or [{}])[0]))
    needed = {argument.name for argument in arguments_of(each.route) if argument.default is None and not argument.rest}
    await call(
        answering(server, is_async=is_async),
        each,
        {name: value for name, value in sample_arguments(each).items() if name in needed},
    )
    (request,) = server.asked
    given = dict(request.url.params) if each.route.method == "GET" else json.loads(request.content)
    keys = {argument.key for argument in arguments_of(each.route) if argument.name in needed}
    assert set(given) == {key for key in keys if f":{key}" not in each.route.path}


@pytest.mark.anyio
@pytest.mark.parametrize("each", METHODS, ids=named)
async def test_a_method_gives_back_what_its_operation_answers(each: Declared, is_async: bool) -> None:
    for answer in wire_answers(each):
        sent = to_wire(answer)
        if isinstance(sent, dict) and dataclasses.is_dataclass(answer):
            sent["somethingNew"] = {"of": "a later version"}
        found = await call(answering(Server(sent), is_async=is_async), each, sample_arguments(each))
        if isinstance(sent, dict):
            sent.pop("somethingNew", None)
        assert to_wire(found) == sent


@pytest.mark.anyio
@pytest.mark.parametrize("each", METHODS, ids=named)
async def test_further_steps_and_redirects_are_values(each: Declared, is_async: bool) -> None:
    options = options_of(each.route.result)
    if StepRequired in options:
        server = Server({"twoFactorRedirect": True, "twoFactorMethods": ["totp", "otp"]})
        found = await call(answering(server, is_async=is_async), each, sample_arguments(each))
        assert found == TwoFactorRequired(methods=("totp", "otp"))
    if any(is_redirect_record(option) for option in options):
        server = Server({"url": "https://accounts.example.com/x", "redirect": True})
        found = await call(answering(server, is_async=is_async), each, sample_arguments(each))
        assert found == RedirectTo(url="https://accounts.example.com/x")
    if Redirect in options:

        def away(request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(302, headers={"location": "/welcome?x=1"})

        found = await call(answering(away, is_async=is_async), each, sample_arguments(each))
        assert found == RedirectTo(url="http://localhost:8000/welcome?x=1")


def test_both_clients_have_the_same_methods_with_the_same_arguments_and_words() -> None:
    def shape(kind: type[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, member in vars(kind).items():
            if isinstance(member, property):
                inner = typing.get_type_hints(member.fget)["return"]
                found[name] = shape(typing.get_origin(inner) or inner)
            elif inspect.isfunction(member):
                found[name] = (str(inspect.signature(member)), member.__doc__)
        return found

    assert shape(methods.Methods) == shape(methods.AsyncMethods)


@dataclass(frozen=True, kw_only=True)
class Pigeon:
    to: str
    urgent: bool = False


class Post(Feature):
    @operation("GET", "/pigeon/:to")
    async def find(self, call: Call[U], input: Pigeon) -> list[Pigeon]:
        """Find pigeons (SEC-001)."""
        return []


def test_a_name_in_the_path_is_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_methods, "feature_types", lambda: [Post])
    source = client_methods.methods_source()
    assert "def pigeon(self, *, to: str, urgent: bool = False) -> list[answers.Pigeon]:" in source
    assert '"""Find pigeons."""' in source
