"""The OpenAPI 3.1 document: what every operation takes, answers and refuses, read from the declarations alone."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal, NoReturn

from msgspec import UnsetType

from ..core.accounts import LARGEST_INTEGER
from ..core.auth import AuthCore
from ..core.errors import (
    AuthError,
    FailedToGetSession,
    InvalidInput,
    NotFound,
    ServiceUnavailable,
    SessionNotFresh,
    TooManyRequests,
    Unauthorized,
)
from ..core.feature import Feature
from ..core.inputs import LONGEST_TEXT, InputField, Text, input_fields
from ..core.model import User
from ..core.operation import Operation, PageAnswer, Redirect, Route, StepRequired
from ..core.origin import (
    LONGEST_URL,
    REDIRECT_FIELDS,
    CrossSiteNavigation,
    InvalidOrigin,
    MissingOrNullOrigin,
    UrlIsNoText,
)
from ..core.outputs import shown_fields
from ..core.passwords import PasswordTooShort
from ..core.schema import Column, camel, table_of
from .carry import (
    FORM,
    JSON,
    BadJson,
    BodyTooLarge,
    BodyTooSlow,
    HeadersTooLarge,
    UnsupportedMediaType,
)

Json = dict[str, Any]

OPENAPI = "3.1.1"
WIRE = "1.7"
"""The version of Better Auth whose wire this is."""
PLAIN: Mapping[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
MOMENT: Json = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
}
PRINTABLE = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]*$"
# A path that is written in any other way is another path (SEC-065).
IN_PATH = "^[A-Za-z0-9._~-]+$"
PARAMETER = re.compile(r":(\w+)")
FIRST_SENTENCE = re.compile(r".*?[.?!](?=\s|$)", re.DOTALL)
# Where a docstring says why, for those who read the code.
REFERENCE = re.compile(r"\s*\((?:SEC-\d|wire \d)[^)]*\)")

OF_EVERY_CALL = (
    InvalidInput,
    UrlIsNoText,
    *(refusal for _, refusal in REDIRECT_FIELDS.values()),
    TooManyRequests,
    HeadersTooLarge,
    ServiceUnavailable,
)
OF_EVERY_BODY = (BadJson, MissingOrNullOrigin, InvalidOrigin, BodyTooSlow, BodyTooLarge, UnsupportedMediaType)
HEADERS: Mapping[type[AuthError], Sequence[str]] = {
    TooManyRequests: ("Retry-After", "X-Retry-After"),
    ServiceUnavailable: ("Retry-After",),
}


def document(auth: AuthCore[Any]) -> Json:
    """Describe the API as it is set up: features, disabled paths, the application's own user fields."""
    known = _Components(auth.user_type)
    credentials: Json = {
        "sessionCookie": {"type": "apiKey", "in": "cookie", "name": auth.cookie_name("session_token")},
        **({"bearerAuth": {"type": "http", "scheme": "bearer"}} if auth.hooked("session_token") else {}),
    }
    paths: Json = {}
    tags = []
    for feature in auth.features:
        served = [
            each
            for each in feature.operations()
            if each.route.in_api and each.route.path not in auth.settings.disabled_paths
        ]
        for each in served:
            path = PARAMETER.sub(r"{\1}", each.route.path)
            described = _operation(auth, feature, each, known, list(credentials))
            paths.setdefault(path, {})[each.route.method.lower()] = described
        if served:
            tags.append({"name": _title(feature)})
    return {
        "openapi": OPENAPI,
        "info": {"title": auth.settings.app_name, "version": WIRE},
        "servers": [{"url": auth.settings.base_url + auth.settings.api_path}],
        "tags": tags,
        "paths": paths,
        "components": {"schemas": known.schemas, "responses": known.responses, "securitySchemes": credentials},
    }


def _operation(
    auth: AuthCore[Any], feature: Feature, operation: Operation, known: _Components, credentials: Sequence[str]
) -> Json:
    route = operation.route
    described: Json = {
        "operationId": camel(f"{feature.name}_{route.name}"),
        "tags": [_title(feature)],
        "summary": _first_sentence(operation.run.__doc__) or route.name.replace("_", " ").capitalize(),
        # Who asks is looked at everywhere; where there is a guard, it must be somebody.
        "security": [*([] if route.guard else [{}]), *({name: []} for name in credentials)],
    }
    fields = input_fields(route.input) if route.input else ()
    in_path = PARAMETER.findall(route.path)
    in_query = [
        field.key
        for field in fields
        if field.key not in in_path and (route.method == "GET" or field.key in route.in_query)
    ]
    schemas = {field.key: _taken(field) for field in fields if not field.rest}
    parameters = [_parameter("path", name, {"type": "string", "pattern": IN_PATH}, required=True) for name in in_path]
    for field in fields:
        if field.key in in_query:
            required = not field.optional and route.method == "GET"
            parameters.append(_parameter("query", field.key, schemas[field.key], required=required))
    if parameters:
        described["parameters"] = parameters
    if route.method == "POST" and fields:
        described["requestBody"] = _body(auth, route, fields)
    described["responses"] = _responses(auth, route, known)
    return described


# What it takes


def _parameter(place: str, name: str, schema: Json, *, required: bool) -> Json:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _body(auth: AuthCore[Any], route: Route, fields: Sequence[InputField]) -> Json:
    properties = {field.key: _taken(field) for field in fields if not field.rest}
    required = [field.key for field in fields if not field.optional and not field.rest]
    for field in fields:
        for column in table_of(auth.user_type).columns if field.holds else ():
            if column.rules.sent and column.name not in properties:
                properties[column.name] = _taken_column(column)
                if field.holds == "new user" and not column.has_default:
                    required.append(column.name)
    described = {JSON: {"schema": _object(properties, required)}}
    if route.forms:
        texts = {key: schema for key, schema in properties.items() if schema.get("type") == "string"}
        described[FORM] = {"schema": _object(texts, [key for key in required if key in texts])}
    return {"required": bool(required) and not route.input_optional, "content": described}


def _taken(field: InputField) -> Json:
    """The schema of one field, as `parse_input` judges it. Null is nothing that could be sent."""
    if field.is_flag:
        return {"type": "string", "description": "Any text switches it on."}
    schema = _taken_as(field.plain, field.rules if isinstance(field.rules, Text) else Text())
    if field.key in REDIRECT_FIELDS:
        schema.update(maxLength=LONGEST_URL, description="An address of this site or of one that it trusts.")
    if field.default is not None:
        schema["default"] = field.default
    return schema


def _taken_column(column: Column) -> Json:
    """The schema of a field of the user type, as `convert` judges it."""
    options = typing.get_args(column.type) if column.optional else (column.type,)
    base = next(option for option in options if option is not type(None))
    schema = _taken_as(base, Text(longest=None if column.rules.long else LONGEST_TEXT))
    if column.kind == "integer" and not column.rules.big:
        schema.update(minimum=-LARGEST_INTEGER, maximum=LARGEST_INTEGER)
    return _nullable(schema) if column.optional else schema


def _taken_as(base: Any, rules: Text) -> Json:
    origin = typing.get_origin(base) or base
    if origin is Literal:
        return {"enum": list(typing.get_args(base))}
    if origin is datetime:
        return {"type": "string", "format": "date-time"}
    if origin in (list, dict):
        inner = typing.get_args(base)
        of = _taken_as(inner[-1], Text()) if inner and inner[-1] in (str, bool, int) else None
        key = "items" if origin is list else "additionalProperties"
        return {"type": "array" if origin is list else "object", **({key: of} if of else {})}
    schema: Json = {"type": PLAIN[origin]}
    if origin is int:
        schema.update(minimum=1 - 2**53, maximum=2**53 - 1)  # what every JSON reader can tell apart
    if origin is str:
        if rules.shortest:
            schema["minLength"] = rules.shortest
        if rules.longest is not None:
            schema["maxLength"] = rules.longest
        if rules.kind == "email":
            schema["format"] = "email"
        elif rules.printable:
            schema["pattern"] = PRINTABLE
    return schema


# What it answers and refuses


def _responses(auth: AuthCore[Any], route: Route, known: _Components) -> Json:
    changed = {where: answer for feature in auth.features for where, answer in feature.answers.items()}
    answers = _options(changed.get(f"{route.method} {route.path}", route.result))
    described: Json = {}
    if Redirect in answers:
        described["302"] = {"description": HTTPStatus(302).phrase, "headers": {"Location": _header("string")}}
    if PageAnswer in answers:
        described["200"] = {
            "description": HTTPStatus(200).phrase,
            "content": {"text/html": {"schema": {"type": "string"}}},
        }
    shown = [each for each in answers if each not in (Redirect, PageAnswer, NoReturn)]
    if shown:
        described["200"] = {
            "description": HTTPStatus(200).phrase,
            "content": {JSON: {"schema": known.any_of(shown)}},
        }
    by_status: dict[int, list[type[AuthError]]] = {}
    for refusal in dict.fromkeys(_refusals(auth, route, answers)):
        by_status.setdefault(refusal.status, []).append(refusal)
    for status, refusals in sorted(by_status.items()):
        described[str(status)] = known.response(refusals) if len(refusals) == 1 else _response(refusals)
    described["500"] = known.fault()
    return dict(sorted(described.items()))


def _refusals(auth: AuthCore[Any], route: Route, answers: Sequence[Any]) -> Iterable[type[AuthError]]:
    """Every refusal that a client may meet: of the carrier, the guard, what other features look at, its own."""
    yield from OF_EVERY_CALL
    if route.method == "GET":
        yield NotFound  # to a browser that fetches ahead of a click
    else:
        yield from OF_EVERY_BODY
    if route.starts_session:
        yield CrossSiteNavigation
    if route.guard:
        yield from (Unauthorized, FailedToGetSession)
    if route.guard == "fresh":
        yield SessionNotFresh
    begins = route.starts_session or StepRequired in answers
    hooks = {
        "before": True,
        "check_password": PasswordTooShort in route.raises,
        "user_created": begins,
        "next_step": begins,
        "signed_in": begins,
    }
    for feature in auth.features:
        for hook, is_asked in hooks.items():
            if is_asked:
                yield from feature.refusals.get(hook, ())
    yield from route.raises


def _response(refusals: Sequence[type[AuthError]]) -> Json:
    """Describe one status. Programs read the codes, and people the examples."""
    told = [each for each in refusals if each.code or each.message]  # the others are a status and nothing else
    described: Json = {"description": HTTPStatus(refusals[0].status).phrase}
    headers = {name: _header("integer") for each in refusals for name in HEADERS.get(each, ())}
    if headers:
        described["headers"] = headers
    content: Json = {}
    for media_type in dict.fromkeys(each.media_type.partition(";")[0] for each in told):
        of_type = [each for each in told if each.media_type.startswith(media_type)]
        content[media_type] = _error_body(of_type) if media_type == JSON else {"schema": {"type": "string"}}
    if content:
        described["content"] = content
    return described


def _error_body(refusals: Sequence[type[AuthError]]) -> Json:
    codes = list(dict.fromkeys(each.code for each in refusals if each.code))
    properties: Json = {"message": {"type": "string"}}
    if codes:
        properties["code"] = {"type": "string", "enum": codes}
    required = [key for key in ("message", "code") if all(getattr(each, key) for each in refusals)]
    examples = {
        each.__name__: {"value": {"message": each.message or each.code, **({"code": each.code} if each.code else {})}}
        for each in refusals
    }
    return {"schema": _object(properties, required), "examples": examples}


class _Components:
    """The schemas and responses that others refer to by name."""

    def __init__(self, user_type: type[User]) -> None:
        self.user_type = user_type
        self.schemas: Json = {}
        self.responses: Json = {}

    def response(self, refusals: Sequence[type[AuthError]]) -> Json:
        return self._refer("responses", refusals[0], _response(refusals))

    def fault(self) -> Json:
        self.responses["Fault"] = {"description": HTTPStatus(500).phrase}
        return {"$ref": "#/components/responses/Fault"}

    def any_of(self, kinds: Sequence[Any]) -> Json:
        schemas = [self._schema(each) for each in kinds if each is not type(None)]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas} if schemas else {"type": "null"}
        return _nullable(schema) if type(None) in kinds and schemas else schema

    def _schema(self, kind: Any) -> Json:
        """The schema of an answer, as `to_wire` writes it; of what is not known, one that anything fits."""
        if kind is User or isinstance(kind, typing.TypeVar):
            kind = self.user_type
        origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
        if origin is Literal:
            return {"enum": list(inner)}
        if origin in (typing.Union, types.UnionType):
            return self.any_of(_options(kind))
        if origin in PLAIN:
            return {"type": PLAIN[origin]}
        if origin is datetime:
            return dict(MOMENT)
        if not isinstance(origin, type):
            return {}
        if issubclass(origin, list | tuple | Sequence):
            return {"type": "array", **({"items": self._schema(inner[0])} if inner else {})}
        if origin is StepRequired:
            return self._refer("schemas", origin, _step())
        if dataclasses.is_dataclass(origin):
            return self._refer("schemas", origin, self._shown(origin))
        if typing.is_typeddict(origin):
            return self._refer("schemas", origin, self._typed_dict(origin))
        if issubclass(origin, Mapping):
            return {"type": "object", **({"additionalProperties": self._schema(inner[1])} if inner else {})}
        return {}

    def _shown(self, kind: Any) -> Json:
        hints = typing.get_type_hints(kind)
        properties, required = {}, []
        for key, name in shown_fields(kind):
            options = _options(hints[name])
            properties[key] = self.any_of([each for each in options if each is not UnsetType])
            if UnsetType not in options:
                required.append(key)
        about = _first_sentence(kind.__doc__)
        is_written = not (kind.__doc__ or "").startswith(f"{kind.__name__}(")  # what dataclasses write is no sentence
        return {**({"description": about} if about and is_written else {}), **_object(properties, required)}

    def _typed_dict(self, kind: Any) -> Json:
        properties = {key: self._schema(hint) for key, hint in typing.get_type_hints(kind).items()}
        return _object(properties, [key for key in properties if key in kind.__required_keys__])

    def _refer(self, place: Literal["schemas", "responses"], kind: type[Any], described: Json) -> Json:
        """Keep what is described under its name; two features may use one name for different things."""
        kept = getattr(self, place)
        name = "User" if kind is self.user_type else kind.__name__
        if kept.setdefault(name, described) != described:
            module = kind.__module__.rpartition(".")[2]
            name = "".join(word.capitalize() for word in module.split("_")) + name
            kept[name] = described
        return {"$ref": f"#/components/{place}/{name}"}


def _step() -> Json:
    """Whatever the step is, nobody is signed in yet."""
    return {
        "description": "Another step is asked for; nobody is signed in yet.",
        "type": "object",
        "properties": {"token": False, "user": False},
    }


# Small parts


def _options(kind: Any) -> list[Any]:
    """The members of a union, None as its type; of anything else, itself."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return list(typing.get_args(kind))
    return [type(None) if kind is None else kind]


def _object(properties: Json, required: Sequence[str]) -> Json:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def _nullable(schema: Json) -> Json:
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}


def _header(kind: str) -> Json:
    return {"required": True, "schema": {"type": kind}}


def _title(feature: Feature) -> str:
    return feature.name.replace("_", " ").capitalize()


def _first_sentence(text: str | None) -> str:
    paragraph = " ".join((text or "").strip().partition("\n\n")[0].split())
    found = FIRST_SENTENCE.match(REFERENCE.sub("", paragraph))
    return found[0] if found else paragraph
