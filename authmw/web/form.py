"""Between a form and an operation's input: what was typed, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ..core.errors import AuthError, InvalidInput, TooManyRequests
from ..core.feature import Screen
from ..core.inputs import Text, input_fields
from ..core.operation import Operation
from ..core.origin import REDIRECT_FIELDS
from ..core.passwords import Passwords
from ..core.schema import Column
from . import words
from .page import Wrong
from .words import Sentence

OWN_KEYS = frozenset({"csrf_token", "next", "back", "with", "lang", *REDIRECT_FIELDS})
"""Keys that a form has for the screen, not for the operation; where to go afterwards is not a form's to say."""


def left_empty(screen: Screen, operation: Operation, form: Mapping[str, str], *, default: bool) -> list[Wrong]:
    """A browser sends what was not filled in as empty text; a person left it out all the same."""
    kind = operation.route.input
    required = list(screen.requires) if default else []
    for each in input_fields(kind) if kind else ():
        if not each.optional and not each.rest and each.key != "token":
            required.append(each.key)
    # A password or a code that is asked for is not optional, whatever the operation could do without.
    known = {each.key for each in (input_fields(kind) if kind else ())}
    required += [key for key in screen.secrets if key in form and key in known and key not in required]
    sent = list(form)  # in the order of the page, which the summary keeps; boxes that are not ticked come last
    required.sort(key=lambda key: sent.index(key) if key in form else len(sent))
    return [
        Wrong(field=key, message=words.FIELDS.get(key, words.SENTENCES["MISSING_FIELD"]))
        for key in required
        if (form.get(key) != "true" if key in screen.checkboxes else not form.get(key, "").strip(" "))
    ]


def values_for(
    screen: Screen, operation: Operation, form: Mapping[str, str], *, own: Sequence[Column], token: str | None
) -> dict[str, Any]:
    """Form fields as the input wants them: ticks become booleans, digits of number fields numbers."""
    given: dict[str, Any] = {key: value for key, value in form.items() if key not in OWN_KEYS}
    kind = operation.route.input
    fields = input_fields(kind) if kind else ()
    for each in fields:
        if each.type is bool and (each.key in given or each.key in screen.checkboxes):
            given[each.key] = given.get(each.key) == "true"
        if each.key == "token" and screen.takes_token:
            given.pop("token", None)  # it comes from the letter's cookie and from nowhere else
            if token or not each.optional:
                given["token"] = token or ""
    if any(each.rest for each in fields):
        for column in own:
            if column.rules.sent:
                _own_value(column, given)
    return given


def wrongs(refused: AuthError, operation: Operation, passwords: Passwords) -> list[Wrong]:
    """Turn a refusal into what a page says, beside the field that it is about."""
    kind = operation.route.input
    fields = input_fields(kind) if kind else ()
    keys = {each.key for each in fields}
    if isinstance(refused, InvalidInput) and refused.problems:
        return [_wrong_input(problem.field, problem.text, fields) for problem in refused.problems]
    key = refused.field
    if key == "password" and key not in keys:
        key = "newPassword"
    if refused.code == "INVALID_PASSWORD":
        key = "currentPassword" if "currentPassword" in keys else "password"
    sentence = words.SENTENCES.get(refused.code) or words.NO_CODE.get(refused.message) or words.PAGES[500][1]
    wait = refused.retry_after if isinstance(refused, TooManyRequests) else 0
    values: dict[str, int | timedelta | Sentence] = {
        "shortest": passwords.shortest,
        "longest": passwords.longest,
        "wait": timedelta(seconds=wait),
        **words.words_of_links(refused.code),
    }
    return [Wrong(field=key, message=Sentence(sentence, values))]


def _own_value(column: Column, given: dict[str, Any]) -> None:
    text = given.get(column.name)
    if column.kind == "boolean":
        given[column.name] = text == "true"
    elif text == "" and column.optional:
        given[column.name] = None
    elif (
        column.kind == "integer"
        and text
        and len(text) < 16
        and text.lstrip("-").isascii()
        and text.lstrip("-").isdigit()
    ):
        given[column.name] = int(text)


def _wrong_input(key: str, text: str, fields: Sequence[Any]) -> Wrong:
    rules = next((each.rules for each in fields if each.key == key and isinstance(each.rules, Text)), None)
    if "control characters" in text:
        return Wrong(field=key, message=words.UNPRINTABLE)
    if text.startswith("Too big") and rules is not None:
        return Wrong(field=key, message=Sentence(words.TOO_LONG, {"longest": str(rules.longest)}))
    if text.startswith("Too big"):
        longest = text.partition("<=")[2].partition(" ")[0]
        return Wrong(field=key, message=Sentence(words.TOO_LONG, {"longest": longest}))
    return Wrong(field=key or None, message=words.FIELDS.get(key, words.SENTENCES["VALIDATION_ERROR"]))
