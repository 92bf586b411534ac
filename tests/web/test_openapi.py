"""The OpenAPI document says what is so: of inputs, of answers, of refusals; and others find nothing to object to."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn

import httpx2
import jsonschema_rs
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import FailureGroup

import authmw.core
import authmw.features
from authmw import Auth, AuthError, Private, Public, ServerOnly
from authmw.core import accounts
from authmw.core.call import Call
from authmw.core.errors import (
    FailedToGetSession,
    InvalidInput,
    ServiceUnavailable,
    SessionNotFresh,
    TooManyRequests,
    Unauthorized,
)
from authmw.core.feature import Feature
from authmw.core.inputs import parse_input
from authmw.core.model import Session, U
from authmw.core.operation import Operation, Redirect, operation
from authmw.core.origin import REDIRECT_FIELDS
from authmw.core.schema import column
from authmw.features import Account, BreachedPasswords, EmailVerification, OpenApi, Password, Reauth, Sessions
from authmw.features.anonymous import WithAnonymous
from tests.documented import operation_at, problems_with, sealed, validator_of
from tests.support import ORIGIN, PASSWORD, Clock, make_auth, plain_app, serving

pytestmark = pytest.mark.anyio


def is_made_of_nothing(feature: type[Feature]) -> bool:
    return all(each.default is not each.empty for each in inspect.signature(feature).parameters.values())


FEATURES: Sequence[type[Feature]] = [
    feature for name in authmw.features.__all__ if is_made_of_nothing(feature := getattr(authmw.features, name))
]
CORE = Path(authmw.core.__file__).parent


@dataclass(frozen=True, kw_only=True)
class Member(WithAnonymous):
    """Somebody with a little of everything."""

    plan: Literal["free", "paid"] = field(default="free", metadata=Public())
    age: int | None = field(default=None, metadata=Public())
    born: datetime | None = field(default=None, metadata=Public())
    likes: list[str] = field(default_factory=list, metadata=Public())
    about: dict[str, str] | None = field(default=None, metadata=Public())
    town: str = field(metadata=Public())
    score: int = field(default=0, metadata=ServerOnly())
    note: str = field(default="", metadata=Private())
    nick: str = field(default="", metadata=column(column="nick_name", sent=True))


def everything(**more: Any) -> Auth[Any]:
    """Every feature there is, and a user with fields of its own."""
    options: dict[type[Feature], dict[str, Any]] = {OpenApi: {"enabled": True}, BreachedPasswords: {"lookup": False}}
    return make_auth(features=[each(**options.get(each, {})) for each in FEATURES], user_type=Member, **more)


def at(document: Mapping[str, Any], method: str, path: str) -> dict[str, Any]:
    found = operation_at(document, method, path)
    assert found is not None
    return found


def body_of(document: Mapping[str, Any], path: str, media_type: str = "application/json") -> dict[str, Any]:
    schema: dict[str, Any] = at(document, "POST", path)["requestBody"]["content"][media_type]["schema"]
    return schema


def codes_of(document: Mapping[str, Any], method: str, path: str, status: int) -> set[str]:
    response = at(document, method, path)["responses"].get(str(status), {"content": {}})
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return set(schema.get("properties", {}).get("code", {}).get("enum", []))


# It is an OpenAPI document


@pytest.mark.parametrize("make", [everything, make_auth, lambda: make_auth(features=[])])
def test_the_document_is_valid_by_the_specification(make: Callable[[], Auth[Any]]) -> None:
    OpenAPIV31SpecValidator(json.loads(json.dumps(make().openapi))).validate()


def test_a_document_that_is_not_valid_is_found() -> None:
    document = copy.deepcopy(dict(make_auth().openapi))
    document["paths"]["/sign-out"]["post"]["responses"]["200"]["description"] = 5
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) != []


def test_every_operation_is_described_under_a_name_of_its_own() -> None:
    auth = everything()
    described = [
        (method.upper(), re.sub(r"\{(\w+)\}", r":\1", path), each["operationId"])
        for path, methods in auth.openapi["paths"].items()
        for method, each in methods.items()
    ]
    assert {each[:2] for each in described} == {(each.route.method, each.route.path) for each in auth.operations}
    assert len({each[2] for each in described}) == len(described)
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", each[2]) for each in described)


def test_an_operation_is_told_in_one_sentence_without_what_is_meant_for_readers_of_the_code() -> None:
    summaries = [each["summary"] for methods in everything().openapi["paths"].values() for each in methods.values()]
    assert all(re.fullmatch(r"[^\n]+[.]", each) for each in summaries)
    assert [each for each in summaries if "SEC-" in each or "(wire" in each or "Raise" in each] == []


def test_a_path_that_is_switched_off_is_not_described() -> None:
    assert "/sign-up/email" in make_auth().openapi["paths"]
    assert "/sign-up/email" not in make_auth(disabled_paths=["/sign-up/email"]).openapi["paths"]


def test_what_only_the_screens_do_is_not_described() -> None:
    assert "/set-password" not in make_auth().openapi["paths"]


# Who may ask


@pytest.mark.parametrize(
    ("base", "name"),
    [(ORIGIN, "better-auth.session_token"), ("https://app.example.com", "__Secure-better-auth.session_token")],
)
def test_the_cookie_is_named_as_it_is_sent(base: str, name: str) -> None:
    schemes = make_auth(base_url=base).openapi["components"]["securitySchemes"]
    assert schemes == {"sessionCookie": {"type": "apiKey", "in": "cookie", "name": name}}


def test_a_token_in_a_header_is_described_where_a_feature_takes_one() -> None:
    class Tokens(Feature):
        def session_token(self, call: Any, connection: Any) -> str | None:
            return None

    document = make_auth(features=[Password(), Tokens()]).openapi
    assert document["components"]["securitySchemes"]["bearerAuth"] == {"type": "http", "scheme": "bearer"}
    assert at(document, "POST", "/change-password")["security"] == [{"sessionCookie": []}, {"bearerAuth": []}]


def test_only_where_there_is_a_guard_must_somebody_be_signed_in() -> None:
    auth = everything()
    for each in auth.operations:
        described = at(auth.openapi, each.route.method, each.route.path)
        assert ({} in described["security"]) == (each.route.guard is None)
        assert each.route.guard is None or "UNAUTHORIZED" in codes_of(
            auth.openapi, each.route.method, each.route.path, 401
        )


# What goes in

PICTURE = "data:image/png;base64,aGVsbG8="
VALUES: Sequence[Any] = [
    "", "x", "free", "true", "x" * 255, "x" * 256, "x" * 4096, "x" * 4097, "x" * 10_000, "ä" * 4096, "a\nb", "\x7f",
    "\u202e", "ann@example.com", "a" * 250 + "@example.com", "no address", "/path", "https://example.com/a.png", PICTURE,
    "2026-11-25T12:00:00.123Z", "2026-11-25", None, True, False, 0, 5, 1.5, 2**53, -(2**53), 2**53 - 1, [], ["a"], {},
    {"a": "b"}, [{}, 5], ["x", 5], ["x", None], ["x" * 5000], ["a\nb"], {"a": 5}, {"a": None}, {"": ""},
]  # fmt: skip
GOOD = {"email": "ann@example.com", "newEmail": "ann@example.com", "type": "sign-in"}
# What no schema says, and the refusal does: the grammar of addresses and of pictures. There the schema is wider.
WIDER = ("email", "newEmail", "image")


def inputs() -> list[Any]:
    return [
        pytest.param(each, id=f"{each.route.method} {each.route.path}")
        for each in everything().operations
        if each.route.input is not None
    ]


def example_of(key: str) -> Any:
    return GOOD.get(key, "x")


@pytest.mark.parametrize("each", inputs())
def test_document_and_parser_agree_on_every_value_of_every_field(each: Operation) -> None:
    document = everything().openapi
    described = at(document, each.route.method, each.route.path)
    if each.route.method == "GET":
        asked = [parameter for parameter in described.get("parameters", []) if parameter["in"] == "query"]
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {parameter["name"]: parameter["schema"] for parameter in asked},
            "required": [parameter["name"] for parameter in asked if parameter["required"]],
        }
        values: Sequence[Any] = [value for value in VALUES if isinstance(value, str)]
    elif "requestBody" in described:
        schema, values = body_of(document, each.route.path), VALUES
    else:
        return
    own = {column.name for column in make_auth(user_type=Member).own_columns} | {"name", "image"}
    rest_is_user = each.route.path == "/update-user"
    in_path = {parameter["name"]: "x" for parameter in described.get("parameters", []) if parameter["in"] == "path"}
    base = {key: example_of(key) for key in schema.get("required", [])}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert validator.is_valid(base)
    for key in schema["properties"]:
        if key in own and (rest_is_user or key not in ("name", "image")):
            continue  # judged with the user, below
        for value in values:
            parsed = _parses(each.route.input, {**base, **in_path, key: value})
            documented = validator.is_valid({**base, key: value})
            if key in REDIRECT_FIELDS and isinstance(value, str) and len(value) > 2048:
                assert not documented  # the carrier refuses it before it is parsed
            elif key in WIDER:
                assert documented or not parsed, (key, value)
            else:
                assert parsed == documented, (key, value)
        without = {name: base[name] for name in base if name != key}
        assert _parses(each.route.input, {**without, **in_path}) == validator.is_valid(without), key


def _parses(kind: Any, given: Any) -> bool:
    try:
        parse_input(kind, given)
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("path", ["/sign-up/email", "/update-user"])
def test_document_and_users_agree_on_every_value_of_every_own_field(path: str) -> None:
    auth = everything()
    schema, call = body_of(auth.openapi, path), auth.new_call()
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    base = {key: example_of(key) for key in schema.get("required", [])}
    sent = [each for each in auth.own_columns if each.rules.sent]
    assert {"plan", "age", "born", "likes", "about", "town", "nick_name"} == {each.name for each in sent}
    for each in sent:
        for value in VALUES:
            try:
                accounts.own_fields(call, {**base, each.name: value}, creating=False)
                taken = True
            except InvalidInput:
                taken = False
            documented = validator.is_valid({**base, each.name: value})
            assert documented == taken or (each.kind == "datetime" and value == "2026-11-25"), (each.name, value)


def test_a_new_member_needs_what_has_no_default_and_an_old_one_nothing() -> None:
    document = everything().openapi
    assert body_of(document, "/sign-up/email")["required"] == ["name", "email", "password", "town"]
    assert "required" not in body_of(document, "/update-user")
    assert {"name", "image", "town"} <= body_of(document, "/update-user")["properties"].keys()


@pytest.mark.parametrize("path", ["/sign-up/email", "/update-user"])
def test_what_only_the_server_sets_is_asked_of_nobody(path: str) -> None:
    assert not {"score", "note", "id", "emailVerified"} & body_of(everything().openapi, path)["properties"].keys()


def test_what_is_left_out_has_its_default() -> None:
    assert body_of(make_auth().openapi, "/sign-in/email")["properties"]["rememberMe"]["default"] is True


def test_a_form_holds_what_can_be_sent_as_text() -> None:
    form = body_of(make_auth().openapi, "/sign-in/email", "application/x-www-form-urlencoded")
    assert set(form["properties"]) == {"email", "password", "callbackURL"}


def test_what_may_stand_in_the_address_of_a_post_is_a_parameter() -> None:
    described = at(make_auth().openapi, "POST", "/reset-password")
    assert [(each["name"], each["in"], each["required"]) for each in described["parameters"]] == [
        ("token", "query", False)
    ]


# What comes out


async def play(auth: Auth[Any], clock: Clock, judge: Callable[[httpx2.Response], None]) -> None:
    """Somebody does everything that the API knows, well and badly."""
    async with serving(auth) as ann:

        async def ask(path: str, body: Any = None, **more: Any) -> httpx2.Response:
            answer = await ann.api(path, body, **more)
            judge(answer)
            return answer

        async def letter(kind: str) -> str:
            return str((await ann.mail()).last(kind).context["token"])

        person = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD, "town": "Ulm", "nick_name": "A"}
        more = {"age": 5, "born": "2026-11-25T12:00:00Z", "likes": ["tea"], "about": {"a": "b"}, "plan": "paid"}
        await ask("/get-session")
        await ask("/sign-up/email", {**person, **more})
        await ask("/sign-up/email", person)
        await ask("/sign-up/email", {"name": 5})
        await ask("/verify-email?token=x")
        await ask(f"/verify-email?token={await letter('verify-email')}")
        await ask("/send-verification-email", {"email": person["email"]})
        await ask("/get-session")
        await ask("/get-session", {})
        await ask("/update-session", {"x": 1})
        await ask("/update-user", {"name": "Ann Lee", "image": PICTURE, "about": None})
        await ask("/update-user", {"email": "x@example.com"})
        await ask("/list-sessions")
        await ask("/list-accounts")
        await ask("/unlink-account", {"accountId": "x"})
        await ask("/verify-password", {"password": PASSWORD})
        await ask("/verify-password", {"password": "wrong"})
        await ask("/change-password", {"newPassword": "short", "currentPassword": PASSWORD})
        for others in (True, False):
            change = {"newPassword": PASSWORD, "currentPassword": PASSWORD, "revokeOtherSessions": others}
            await ask("/change-password", change)
        await ask("/request-password-reset", {"email": person["email"], "redirectTo": "/here"})
        token = await letter("reset-password")
        await ask(f"/reset-password/{token}?callbackURL=/here")
        await ask("/reset-password", {"newPassword": PASSWORD, "token": "x"})
        await ask("/reset-password", {"newPassword": PASSWORD, "token": token})
        await ask("/sign-in/email", {"email": person["email"], "password": "wrong wrong"})
        await ask("/sign-in/email", {"email": "no address", "password": "x"})
        await ask("/sign-in/email", {"email": person["email"], "password": PASSWORD, "callbackURL": "//evil.example"})
        await ask("/sign-in/email", {"email": person["email"], "password": PASSWORD, "callbackURL": "/here"})
        await ask("/sign-in/email", {"email": person["email"], "password": PASSWORD}, headers={"origin": "null"})
        await ask("/reauth", {"password": PASSWORD})
        await ask("/reauth", {})
        await ask("/reauth/send-code", {})
        await ask("/revoke-session", {"token": "x"})
        await ask("/revoke-other-sessions", {})
        await ask("/change-email", {"newEmail": "ann@example.com"})
        await ask("/change-email", {"newEmail": "ann.lee@example.com"})
        for kind in ("change-email", "verify-email"):
            await ask(f"/verify-email?token={await letter(kind)}")
        if "/ws-ticket" in auth.openapi["paths"]:
            await ask("/ws-ticket", {})
        await ask("/open-api/generate-schema")
        await ask("/reference")
        await ask("/revoke-sessions", {})
        await ask("/sign-out", {})
        await ask("/list-sessions")
        await ask("/send-verification-email", {"email": "bob@example.com"})
        await ask("/sign-in/email", {"email": "ann.lee@example.com", "password": PASSWORD})
        clock.forward(days=2)
        await ask("/list-sessions")
        await ask("/delete-user", {})
        await ask("/delete-user", {"password": PASSWORD})
        await ask("/delete-user/callback?token=x")


async def test_every_answer_is_what_the_document_says_and_no_more() -> None:
    clock = Clock()
    auth = everything(clock=clock)
    document = sealed(auth.openapi)
    found: list[str] = []
    good: set[tuple[str, str]] = set()

    def judge(answer: httpx2.Response) -> None:
        found.extend(problems_with(auth, answer, document))
        if answer.status_code < 400:
            good.add((answer.request.method, answer.request.url.path.removeprefix("/api/auth")))

    await play(auth, clock, judge)
    assert found == []
    played = {id(operation_at(document, method, path)) for method, path in good}
    unseen = [
        f"{each.route.method} {each.route.path}"
        for each in auth.operations
        if each.route.result is not NoReturn
        and id(operation_at(document, each.route.method, each.route.path)) not in played
    ]
    # The link of a deletion is asked for below; what else is new has to be played.
    assert [each for each in unseen if each in PLAYED_HERE] == []


PLAYED_HERE = {
    f"{each.route.method} {each.route.path}"
    for feature in (Password, EmailVerification, Account, Sessions, Reauth, OpenApi)
    for each in feature().operations()
    if each.route.in_api
} - {"GET /delete-user/callback", "POST /unlink-account", "POST /reauth/send-code"}


async def test_the_rest_of_the_good_answers_is_what_the_document_says() -> None:
    auth = make_auth(features=[Password(), EmailVerification(), Account(confirm_delete=True, unlink_last=True)])
    document = sealed(auth.openapi)
    async with serving(auth) as ann:
        await ann.sign_up()
        account = (await ann.api("/list-accounts")).json()[0]["id"]
        answers = [
            await ann.api("/unlink-account", {"accountId": account}),
            await ann.api("/reauth/send-code", {}),
            await ann.api("/delete-user", {}),
        ]
        token = (await ann.mail()).last("delete-account").context["token"]
        answers.append(await ann.api(f"/delete-user/callback?token={token}"))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [problem for answer in answers for problem in problems_with(auth, answer, document)] == []


def change_of(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    document = sealed(make_auth().openapi)
    change(document)
    return document


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda paths, schemas: paths["/sign-in/email"]["post"]["responses"].pop("401"), "no such status"),
        (lambda paths, schemas: schemas["User"]["properties"].pop("name"), "at /"),
        (lambda paths, schemas: schemas["User"]["required"].append("plan"), "at /"),
        (lambda paths, schemas: schemas["User"]["properties"].update(emailVerified={"type": "string"}), "at /"),
        (lambda paths, schemas: schemas["User"]["properties"]["createdAt"].update(pattern="^x"), "at /"),
        (
            lambda paths, schemas: paths["/sign-in/email"]["post"]["responses"]["200"].update(content={"text/html": {}}),
            "application/json",
        ),
        (
            lambda paths, schemas: paths["/sign-in/email"]["post"]["responses"]["200"].update(
                headers={"X-Never": {"required": True}}
            ),
            "no header X-Never",
        ),
        (lambda paths, schemas: paths["/sign-in/email"]["post"]["responses"].update({"401": {"content": {
            "application/json": {"schema": {"properties": {"code": {"enum": ["OTHER"]}}}}}}}), "at /code"),
    ],
)  # fmt: skip
async def test_an_answer_that_the_document_does_not_say_is_found(wrong: Callable[..., None], told: str) -> None:
    auth = make_auth()
    document = change_of(lambda found: wrong(found["paths"], found["components"]["schemas"]))
    async with serving(auth) as ann:
        await ann.sign_up()
        answers = [await ann.sign_in(), await ann.sign_in(password="wrong wrong wrong")]
        found = [problem for answer in answers for problem in problems_with(auth, answer, document)]
        assert found and all(told in problem for problem in found), found


def test_users_are_those_of_the_application_without_what_is_private() -> None:
    user = everything().openapi["components"]["schemas"]["User"]
    assert user["description"] == "Somebody with a little of everything."
    assert {"plan", "age", "nick_name", "score"} <= user["properties"].keys()
    assert "note" not in user["properties"]
    assert user["properties"]["age"] == {"type": ["integer", "null"]}
    assert user["properties"]["plan"] == {"enum": ["free", "paid"]}
    assert user["properties"]["likes"] == {"type": "array", "items": {"type": "string"}}


def test_no_answer_of_ours_is_just_anything() -> None:
    document = everything().openapi
    answers = [
        (path, response["content"]["application/json"]["schema"])
        for path, methods in document["paths"].items()
        for each in methods.values()
        if "application/json" in (response := each["responses"].get("200", {})).get("content", {})
    ]
    assert [path for path, schema in answers if schema == {}] == []


def test_a_step_in_between_signs_nobody_in() -> None:
    document = make_auth().openapi
    step = validator_of(json.dumps(document["components"]["schemas"]["StepRequired"]))
    assert step.is_valid({"twoFactorRedirect": True})
    assert not step.is_valid({"token": "x"})


def test_one_name_for_two_things_becomes_two_names() -> None:
    @dataclass(frozen=True)
    class Done:
        when: datetime | None
        tags: Mapping[str, int]

    class Late(Feature):
        @operation("GET", "/late", answers=Done | None)
        async def late(self, call: Call[U]) -> Any:
            """Say when."""

    document = make_auth(features=[Password(), Late()]).openapi
    schemas = document["components"]["schemas"]
    assert schemas["Done"]["properties"] == {"status": {"type": "boolean"}}
    assert schemas["TestOpenapiDone"]["properties"]["tags"] == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
    }
    answer = at(document, "GET", "/late")["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"anyOf": [{"$ref": "#/components/schemas/TestOpenapiDone"}, {"type": "null"}]}


def test_an_answer_that_a_feature_changes_is_described_as_changed() -> None:
    @dataclass(frozen=True)
    class Told:
        name: str

    class Telling(Feature):
        answers = {"GET /get-session": Told | None}

    document = make_auth(features=[Password(), Telling()]).openapi
    schema = at(document, "GET", "/get-session")["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema == {"anyOf": [{"$ref": "#/components/schemas/Told"}, {"type": "null"}]}
    assert "200" not in at(document, "POST", "/get-session")["responses"]


# What is refused


def test_what_other_features_ask_in_between_is_told_where_they_are_asked() -> None:
    class Robot(AuthError):
        status = 403
        code = "ROBOT"

    class Common(AuthError):
        code = "COMMON"

    class Closed(AuthError):
        code = "CLOSED"

    class Guarding(Feature):
        refusals: ClassVar = {"before": (Robot,), "check_password": (Common,), "user_created": (Closed,)}

    alone, guarded = make_auth(features=[Password()]).openapi, make_auth(features=[Password(), Guarding()]).openapi
    assert "ROBOT" not in codes_of(alone, "GET", "/get-session", 403)
    assert "ROBOT" in codes_of(guarded, "GET", "/get-session", 403)
    assert "CLOSED" in codes_of(guarded, "POST", "/sign-up/email", 400)
    assert "CLOSED" not in codes_of(guarded, "POST", "/change-password", 400)
    assert "COMMON" in codes_of(guarded, "POST", "/change-password", 400)
    assert "COMMON" not in codes_of(guarded, "POST", "/sign-in/email", 400)
    assert "EMAIL_NOT_VERIFIED" not in codes_of(alone, "POST", "/sign-in/email", 403)
    assert "EMAIL_NOT_VERIFIED" in codes_of(make_auth().openapi, "POST", "/sign-in/email", 403)


def test_every_operation_tells_what_any_route_may_answer() -> None:
    auth = everything()
    for each in auth.operations:
        statuses = at(auth.openapi, each.route.method, each.route.path)["responses"].keys()
        assert {"400", "403", "429", "431", "500", "503"} <= statuses
        assert ({"408", "413", "415"} <= statuses) == (each.route.method == "POST")
        assert {"VALIDATION_ERROR"} <= codes_of(auth.openapi, each.route.method, each.route.path, 400)
    limited = auth.openapi["components"]["responses"]["TooManyRequests"]
    assert set(limited["headers"]) == {"Retry-After", "X-Retry-After"}


# `raises` is true: every refusal that the code of an operation can come to is declared, and no other.


class Code:
    """The functions of a feature and of core, by (what they belong to, their name).

    A function belongs to its module and to nothing, `("sessions", "find")` and `("", "find")`; a method to its class.
    Names lead from one to the other, as the house writes them: `call.auth.passwords.hash` is one of class Passwords.
    """

    def __init__(self, own: Sequence[Path]) -> None:
        self.functions: dict[tuple[str, str], ast.AST] = {}
        for path in [*sorted(CORE.glob("*.py")), *own]:
            for node in tree_of(path).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self.functions[path.stem if path not in own else "", node.name] = node
                    self.functions["", node.name] = node
                elif isinstance(node, ast.ClassDef):
                    for method in node.body:
                        self.functions[node.name.lower(), getattr(method, "name", "")] = method

    def raised_by(self, body: Sequence[ast.AST], owner: str) -> set[str]:
        """The classes named behind `raise` in the body of one of `owner`'s methods, and in whatever is called from it."""
        found, waiting, seen = set[str](), [(node, owner) for node in body], set[int]()
        while waiting:
            node, owner = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            for each in ast.walk(node):
                if isinstance(each, ast.Raise) and each.exc is not None:
                    found.add(_last_name(each.exc.func if isinstance(each.exc, ast.Call) else each.exc))
                elif isinstance(each, ast.Call):
                    for called in (each.func, *each.args):  # `to_thread(function)` calls it as well
                        place = _last_name(called.value) if isinstance(called, ast.Attribute) else ""
                        place = owner if place == "self" else place.removesuffix("_inside")
                        function = self.functions.get((place, _last_name(called)))
                        waiting += [(statement, place) for statement in getattr(function, "body", ())]
        return found


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def code_of(module: str) -> Code:
    own = Path(inspect.getfile(importlib.import_module(module)))
    # A feature that is a folder is read as a whole.
    return Code(sorted(own.parent.glob("*.py")) if own.parent.name != "features" else [own])


def reachable_from(each: Operation) -> set[str]:
    """Every refusal that the body of an operation can come to, as far as names tell."""
    feature = type(each.run.__self__)  # type: ignore[attr-defined]
    for node in ast.walk(tree_of(Path(inspect.getfile(feature)))):
        if isinstance(node, ast.ClassDef) and node.name == feature.__name__:
            method = next(one for one in node.body if getattr(one, "name", "") == each.route.name)
            assert isinstance(method, ast.AsyncFunctionDef)
            refusals = {kind.__name__ for kind in subclasses(AuthError)}
            return code_of(feature.__module__).raised_by(method.body, feature.__name__.lower()) & refusals
    raise AssertionError(each.route.name)


def operations() -> list[Any]:
    return [
        pytest.param(each, id=f"{feature.__name__}.{each.route.name}")
        for feature in FEATURES
        for each in feature().operations()
        if each.route.in_api  # what a screen or Python alone calls is in no document
    ]


def subclasses(kind: type[AuthError]) -> Iterator[type[AuthError]]:
    for each in kind.__subclasses__():
        if each.__module__.startswith("authmw."):
            yield each
            yield from subclasses(each)


def without_saying(each: Operation) -> set[str]:
    """What comes with a guard, an input or a limit."""
    implied: list[type[AuthError]] = [InvalidInput, TooManyRequests, ServiceUnavailable]
    if each.route.guard:
        implied += [Unauthorized, FailedToGetSession]
    if each.route.guard == "fresh":
        implied.append(SessionNotFresh)
    return {kind.__name__ for kind in implied}


NEVER: Mapping[str, Mapping[str, str]] = {
    "update_user": {"MissingField": "is for new users"},
    "save_profile": {"MissingField": "is for new users", "EmailCanNotBeUpdated": "the address is taken out before"},
    "verify_email": {"EmailTaken": "becomes ClaimsInvalid"},
    "sign_in_by_code": {"EmailTaken": "becomes InvalidOtp"},
    "change_by_code": {"EmailTaken": "becomes EmailInUse"},
    "open_link": dict.fromkeys(
        (
            "EmailTaken",
            "FailedToCreateUser",
            "FieldNotAllowed",
            "InvalidToken",
            "MissingField",
            "NewUserSignupDisabled",
        ),
        "is told to a page, in its query",
    ),
}
"""What stands in the code that an operation runs and still cannot be its answer, and why."""


@pytest.mark.parametrize("each", operations())
def test_an_operation_declares_every_refusal_that_it_comes_to_and_no_other(each: Operation) -> None:
    declared = {kind.__name__ for kind in each.route.raises}
    reachable, never = reachable_from(each), NEVER.get(each.route.name, {}).keys()
    assert declared - reachable == set(), "declared, and never raised"
    assert reachable - declared - without_saying(each) == never, "raised, and not declared"


@pytest.mark.parametrize("each", operations())
def test_an_operation_declares_every_refusal_that_its_docstring_names(each: Operation) -> None:
    sentences = re.findall(r"[Rr]aised?(?: as)? ([^.]*)", inspect.getdoc(each.run) or "")
    named = {word for sentence in sentences for word in re.findall(r"\b[A-Z]\w+\b", sentence)}
    known = {kind.__name__ for kind in subclasses(AuthError)}
    assert (named & known) - {kind.__name__ for kind in each.route.raises} - without_saying(each) == set()


@pytest.mark.parametrize(
    ("body", "raised"),
    [
        ("raise LastAccount", {"LastAccount"}),
        ("raise LastAccount('x') from None", {"LastAccount"}),
        ("accounts.own_fields(call, given, creating=True)", {"FieldNotAllowed", "MissingField", "InvalidInput"}),
        ("self._delete(call, user)", {"Unauthorized"}),
        ("self._confirmed(call, user, token)", {"UnknownDeletion", "Unauthorized"}),
        ("await accounts.update_user(call, user)", {"EmailTaken"}),
        ("await asyncio.to_thread(pictures.shrink, x)", {"NotAPicture", "PictureTooLarge", "ServiceUnavailable"}),
        ("await call.auth.passwords.hash(password)", {"ServiceUnavailable"}),
        ("await call_inside.guard('fresh')", {"Unauthorized", "SessionNotFresh", "FailedToGetSession"}),
        ("return Done()", set()),
    ],
)
def test_a_refusal_is_found_wherever_it_is_raised(body: str, raised: set[str]) -> None:
    refusals = {kind.__name__ for kind in subclasses(AuthError)}
    assert code_of("authmw.features.account").raised_by(ast.parse(body).body, "account") & refusals == raised


# Somebody who only knows the document finds nothing to object to

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 6  # of each operation, once as the document has it and once not


class Stranger:
    """Knows the document, and calls what it finds there with whatever it can think of, signed in as somebody."""

    def __init__(
        self, auth: Auth[Any], document: Mapping[str, Any] | None = None, *, address: str | None = None
    ) -> None:
        """`address`: of a server that runs already; otherwise the application is called in this process."""
        app = auth.wrap(plain_app(auth))
        if address is not None:
            self.schema = schemathesis.openapi.from_url(f"{address}/api/auth/open-api/generate-schema")
            self.schema.config.update(base_url=f"{address}/api/auth")
        elif document is None:
            self.schema = schemathesis.openapi.from_asgi("/api/auth/open-api/generate-schema", app)
        else:
            self.schema = schemathesis.openapi.from_dict(copy.deepcopy(dict(document)))
            self.schema.app = app
        self.asked = 0
        self.statuses: dict[str, set[int]] = {}

    def signed_in(self) -> dict[str, str]:
        """The headers of a browser of somebody new."""
        self.asked += 1
        email = f"ann{self.asked}@example.com"
        person: Any = {"name": "Ann", "email": email, "password": PASSWORD, "town": "Ulm"}
        sign_up = self.schema["/sign-up/email"]["POST"]
        answer = sign_up.Case(body=person, media_type="application/json").call()
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"][0].partition(";")[0]
        return {"Cookie": cookie, "Origin": ORIGIN}

    def try_out(self, method: str, path: str) -> None:
        """Raise FailureGroup for what is not as the document says."""
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            with suppress(Unsatisfiable):  # there is no wrong way to ask for nothing
                self._ask(method, path, mode)

    def _ask(self, method: str, path: str, mode: schemathesis.GenerationMode) -> None:
        headers = self.signed_in()

        @seed(20261125)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=self.schema[path][method].as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case[Any]) -> None:
            case.cookies = {}  # the real one is in the headers
            answer = case.call_and_validate(headers=headers, checks=CHECKS)
            self.statuses.setdefault(f"{method} {path}", set()).add(answer.status_code)

        ask()


@contextmanager
def listening(auth: Auth[Any]) -> Iterator[str]:
    """The application behind a socket, in a thread of its own; its address."""
    config = uvicorn.Config(auth.wrap(plain_app(auth)), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_a_stranger_meets_no_fault_and_nothing_that_the_document_does_not_say() -> None:
    auth = everything()
    with listening(auth) as address:
        stranger = Stranger(auth, address=address)
        for each in auth.operations:
            stranger.try_out(each.route.method, re.sub(r":(\w+)", r"{\1}", each.route.path))
    met = {status for statuses in stranger.statuses.values() for status in statuses}
    assert {200, 400, 401, 403, 405} <= met
    assert len(stranger.statuses) == len(auth.operations)


class Wrong(Feature):
    """Answers otherwise than it declares."""

    @operation("GET", "/wrong")
    async def wrong(self, call: Call[U]) -> Session:
        """Be wrong."""
        return {"id": 5}  # type: ignore[return-value]

    @operation("GET", "/undeclared")
    async def undeclared(self, call: Call[U]) -> None:
        """Refuse in a way that nobody knows of."""
        raise Undeclared

    @operation("GET", "/fault")
    async def fault(self, call: Call[U]) -> None:
        """Break."""
        raise RuntimeError("boom")

    @operation("GET", "/elsewhere", answers=str)
    async def elsewhere(self, call: Call[U]) -> Redirect:
        """Lead elsewhere without saying so."""
        return Redirect("/")

    @operation("GET", "/code", raises=())
    async def code(self, call: Call[U]) -> None:
        """Refuse with a known status and an unknown code."""
        raise AnotherCode


class Undeclared(AuthError):
    status = 418
    code = "TEAPOT"


class AnotherCode(AuthError):
    code = "ANOTHER"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/wrong", '5 is not of type "string"'),
        ("/undeclared", "Undocumented status code"),
        ("/fault", "Server error"),
        ("/elsewhere", "Undocumented Content-Type"),
        ("/code", '"ANOTHER" is not'),
    ],
)
def test_a_stranger_finds_what_is_not_as_the_document_says(path: str, told: str) -> None:
    stranger = Stranger(make_auth(features=[Password(), OpenApi(enabled=True), Wrong()]))
    with pytest.raises(FailureGroup) as found:
        stranger.try_out("GET", path)
    assert told in str(found.value.exceptions), found.value.exceptions


def test_a_stranger_finds_another_type_than_the_document_says() -> None:
    auth = make_auth()
    document = copy.deepcopy(dict(auth.openapi))
    content = at(document, "GET", "/get-session")["responses"]["200"]["content"]
    content["text/html"] = content.pop("application/json")
    stranger = Stranger(auth, document)
    with pytest.raises(FailureGroup) as found:
        stranger.try_out("GET", "/get-session")
    assert "Undocumented Content-Type" in str(found.value.exceptions)


def test_a_stranger_misses_a_header_that_the_document_names() -> None:
    auth = make_auth()
    document = copy.deepcopy(dict(auth.openapi))
    at(document, "GET", "/get-session")["responses"]["200"]["headers"] = {
        "X-Never": {"required": True, "schema": {"type": "string"}}
    }
    with pytest.raises(FailureGroup) as found:
        Stranger(auth, document).try_out("GET", "/get-session")
    assert "X-Never" in str(found.value.exceptions)
