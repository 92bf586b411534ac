"""Judges answers of the JSON API by the OpenAPI document: is that what it says?"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx2
import jsonschema_rs

from authmw.core.auth import AuthCore

Json = dict[str, Any]


def sealed(document: Mapping[str, Any]) -> Json:
    """The document in which an answer holds nothing but what it names, so that a field too many is found as well."""
    found = copy.deepcopy(dict(document))
    for schema in found["components"]["schemas"].values():
        if all(isinstance(each, dict) for each in schema.get("properties", {}).values()):
            schema["additionalProperties"] = False
    return found


def operation_at(document: Mapping[str, Any], method: str, path: str) -> Json | None:
    """The operation at a path below the API's prefix, written as it was sent; None for no route."""
    for template, methods in document["paths"].items():
        if method.lower() in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            found: Json = methods[method.lower()]
            return found
    return None


def problems_of(document: Mapping[str, Any], method: str, path: str, answer: httpx2.Response) -> list[str]:
    """What an answer is that the document does not say. `path` is below the API's prefix."""
    operation = operation_at(document, method, path)
    if operation is None:
        return []
    where = f"{method} {path} {answer.status_code}"
    response = operation["responses"].get(str(answer.status_code))
    if response is None:
        return [f"{where}: no such status"]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    missing = [
        name for name, each in response.get("headers", {}).items() if each["required"] and name not in answer.headers
    ]
    found = [f"{where}: no header {name}" for name in missing]
    content = response.get("content", {})
    if not answer.content:
        # A status may stand for itself beside others that say why: a browser that fetches ahead is told nothing.
        return found if not content or answer.status_code == 404 else [*found, f"{where}: an empty body"]
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type not in content:
        return [*found, f"{where}: {media_type or 'a body without a type'}"]
    if media_type == "application/json":
        validator = validator_of(json.dumps({**content[media_type]["schema"], "components": document["components"]}))
        problems = validator.iter_errors(answer.json())
        found += [f"{where}: {each.message} at /{'/'.join(map(str, each.instance_path))}" for each in problems]
    return found


@cache
def validator_of(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads(schema), validate_formats=True)


def problems_with(auth: AuthCore[Any], answer: httpx2.Response, document: Mapping[str, Any] | None = None) -> list[str]:
    """The same for an answer to a client of ours, wherever it asked; what is no API of `auth` has no problems."""
    path = answer.request.url.raw_path.decode().partition("?")[0]
    prefix = auth.settings.api_path
    if not path.startswith(prefix + "/"):
        return []
    document = document or document_of(auth)
    return problems_of(document, answer.request.method, path.removeprefix(prefix), answer)


def document_of(auth: AuthCore[Any]) -> Mapping[str, Any]:
    """The document of `auth`; tests make a thousand that are set up alike, and writing it takes its time."""
    set_up = (tuple(map(type, auth.features)), auth.user_type, tuple(auth.settings.disabled_paths))
    if set_up not in _written:
        _written[set_up] = auth.openapi
    return _written[set_up]


_written: dict[tuple[Any, ...], Mapping[str, Any]] = {}
