"""The generated half of the Python client, from what features declare: `python -m tests.client_methods` writes it."""

from __future__ import annotations

import dataclasses
import inspect
import keyword
import re
import subprocess
import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, TypeVar

from msgspec import UNSET, UnsetType

import authmw.auth
import authmw.cli
import authmw.features
import authmw.web.middleware
from authmw.core.errors import AuthError
from authmw.core.feature import Feature
from authmw.core.inputs import InputField, input_fields
from authmw.core.model import Session, User
from authmw.core.operation import Redirect, Route, StepRequired, operation_of
from authmw.core.schema import METADATA_KEY, FieldRules, camel

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "authmw" / "client"

WITHOUT_A_METHOD: Mapping[tuple[str, str], str] = {
    ("GET", "/reference"): "a page for people to read",
    ("GET", "/reset-password/:token"): "a mailed link brings a browser here, and the answer sends it on to a page",
    ("POST", "/get-session"): "the second half of a deferred refresh, which the JavaScript client asks by itself; "
    "this client reads with GET",
}
"""Operations of the wire that no program calls, and why."""

NAMES: Mapping[tuple[str, str], str] = {}
"""Methods whose path would give them a name that is taken: `("GET", "/things/:id"): "things.one"`."""

TAKEN = frozenset(
    ["bearer_auth", "bearer_token", "close", "cookies", "fetch", "ok", "tokens", "mro", "self"]
)  # by AuthClient itself

OF_HTTP = frozenset({status.name for status in HTTPStatus} | {"PAYLOAD_TOO_LARGE"})

HEAD = '"""{}; `make client` writes this file, do not change it by hand."""\n\nfrom __future__ import annotations\n\n'


# What is declared


@dataclass(frozen=True)
class Declared:
    """A route, and where it stands."""

    route: Route
    feature: type[Feature]
    doc: str

    @property
    def key(self) -> tuple[str, str]:
        return self.route.method, self.route.path

    @property
    def name(self) -> tuple[str, ...]:
        """`/sign-in/email` → `("sign_in", "email")`, as the JavaScript client has it in camel case."""
        if self.key in NAMES:
            return tuple(NAMES[self.key].split("."))
        words = [segment for segment in self.route.path.strip("/").split("/") if not segment.startswith(":")]
        return tuple(_word(segment) for segment in words)

    @property
    def constant(self) -> str:
        return "_".join(self.name).upper()


def _word(segment: str) -> str:
    word = re.sub(r"\W+", "_", segment).strip("_").lower()
    return f"{word}_" if keyword.iskeyword(word) else word


def feature_types() -> list[type[Feature]]:
    found = [getattr(authmw.features, name) for name in sorted(authmw.features.__all__)]
    return [each for each in found if isinstance(each, type) and issubclass(each, Feature)]


def declared() -> list[Declared]:
    """Every operation of the wire, of every feature; what only screens and Python know is left out."""
    found = []
    for feature in feature_types():
        for _, method in inspect.getmembers(feature, inspect.iscoroutinefunction):
            operation = operation_of(method)
            if operation is not None and operation.route.in_api:
                found.append(Declared(operation.route, feature, inspect.getdoc(method) or ""))
    return sorted(found, key=lambda each: (each.route.path, each.route.method))


def with_a_method() -> list[Declared]:
    return [each for each in declared() if each.key not in WITHOUT_A_METHOD]


# Types


def options_of(hint: Any) -> list[Any]:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return list(typing.get_args(hint)) if union else [hint]


def is_redirect_record(kind: Any) -> bool:
    """Does it say no more than where to go? `{url, redirect}`, which the client has one value for."""
    if not dataclasses.is_dataclass(kind):
        return False
    names = {each.name for each in dataclasses.fields(kind)}
    return {"url", "redirect"} <= names and not names & {"user", "token"}


@dataclass
class Answers:
    """The dataclasses of the answers, as the client has them: generic in the user, without what no client sees."""

    found: dict[Any, None] = field(default_factory=dict)

    def collect(self, hint: Any) -> None:
        for option in options_of(hint):
            origin = typing.get_origin(option) or option
            if origin in (User, Session, Redirect, StepRequired, datetime) or isinstance(origin, TypeVar):
                continue
            if isinstance(origin, type) and dataclasses.is_dataclass(origin) and not issubclass(origin, User):
                if origin not in self.found:
                    self.found[origin] = None
                    for inner in typing.get_type_hints(origin).values():
                        self.collect(inner)
                continue
            for inner in typing.get_args(option):
                self.collect(inner)

    def name(self, kind: Any) -> str:
        """Its own name, or with its feature's before it where two differ under one name."""
        alike = {self._shape(each) for each in self.found if each.__name__ == kind.__name__}
        if len(alike) == 1:
            return str(kind.__name__)
        module = kind.__module__.rpartition(".")[2]
        return "".join(word.capitalize() for word in module.split("_")) + str(kind.__name__)

    @staticmethod
    def _shape(kind: Any) -> object:
        hints = typing.get_type_hints(kind)
        return tuple((each.name, repr(hints[each.name]), repr(each.default)) for each in dataclasses.fields(kind))

    def is_generic(self, kind: Any) -> bool:
        return any(self._speaks_of_user(hint) for hint in typing.get_type_hints(kind).values())

    def _speaks_of_user(self, hint: Any) -> bool:
        origin = typing.get_origin(hint) or hint
        if isinstance(origin, TypeVar):
            return origin.__bound__ is User
        if isinstance(origin, type) and issubclass(origin, User):
            return True
        if origin in self.found:
            return self.is_generic(origin)
        return any(self._speaks_of_user(inner) for inner in typing.get_args(hint))

    def text(self, hint: Any, *, prefix: str = "", bound: bool = True) -> str:
        """A type as source. `prefix` is where the dataclasses are; `bound`: with their user type, as annotations have it."""
        texts = [self._one(option, prefix, bound) for option in options_of(hint) if option is not UnsetType]
        if UnsetType in options_of(hint):
            texts.append("None")
        unique = list(dict.fromkeys(texts))
        if "None" in unique:
            unique.remove("None")
            unique.append("None")
        return " | ".join(unique)

    def _one(self, hint: Any, prefix: str, bound: bool) -> str:
        origin, inner = typing.get_origin(hint) or hint, typing.get_args(hint)
        if hint is None or hint is type(None):
            return "None"
        if isinstance(origin, TypeVar):
            return ("U" if bound else "User") if origin.__bound__ is User else "Any"
        if origin is Redirect or is_redirect_record(origin):
            return f"{prefix}RedirectTo"
        if origin is StepRequired:
            return f"{prefix}TwoFactorRequired"
        if origin is Session:
            return "Session"
        if isinstance(origin, type) and issubclass(origin, User):
            return "U" if bound else "User"
        if origin in self.found:
            return f"{prefix}{self.name(origin)}" + ("[U]" if bound and self.is_generic(origin) else "")
        if origin is Literal:
            return f"Literal[{', '.join(map(repr, inner))}]"
        if origin in (list, tuple):
            return f"{origin.__name__}[{self.text(inner[0], prefix=prefix, bound=bound) if inner else 'Any'}" + (
                ", ...]" if origin is tuple else "]"
            )
        if isinstance(origin, type) and issubclass(origin, Mapping):
            values = self.text(inner[1], prefix=prefix, bound=bound) if len(inner) == 2 else "Any"
            return f"dict[str, {values}]"
        return origin.__name__ if origin in (str, bool, int, float, datetime) else "Any"


def all_answers() -> Answers:
    answers = Answers()
    for each in with_a_method():
        answers.collect(each.route.result)
    return answers


# answers.py


def answers_source() -> str:
    answers = all_answers()
    done: dict[str, str] = {}
    for kind in sorted(answers.found, key=lambda kind: (kind.__name__, kind.__module__)):
        if not is_redirect_record(kind):
            done.setdefault(answers.name(kind), _record_source(answers, kind))
    imports = """
        from dataclasses import dataclass, field
        from datetime import datetime
        from typing import Any, Generic, Literal

        from ..core.model import Session, U, User
        from ..core.schema import column
        from .values import RedirectTo, TwoFactorRequired
    """
    exported = sorted({*done, "RedirectTo", "Session", "TwoFactorRequired", "User"})
    return (
        HEAD.format("What the methods answer")
        + textwrap.dedent(imports)
        + f"\n__all__ = {exported!r}\n\n"
        + "\n\n".join(done[name] for name in sorted(done))
    )


def _record_source(answers: Answers, kind: Any) -> str:
    hints = typing.get_type_hints(kind)
    base = "(Generic[U])" if answers.is_generic(kind) else ""
    lines = ["@dataclass(frozen=True, kw_only=True)", f"class {answers.name(kind)}{base}:"]
    doc = _doc(kind.__doc__ or "") if not (kind.__doc__ or "").startswith(f"{kind.__name__}(") else ""
    body = [_quoted(doc), ""] if doc else []
    for each in dataclasses.fields(kind):
        rules = each.metadata.get(METADATA_KEY) or FieldRules()
        if rules.seen:
            body.append(f"{each.name}: {answers.text(hints[each.name])}{_field_rest(each, rules, hints[each.name])}")
    return "\n".join([*lines, *("    " + line if line else "" for line in body or ["pass"])]) + "\n"


def _field_rest(each: dataclasses.Field[Any], rules: FieldRules, hint: Any) -> str:
    default: str | None = None
    if each.default is UNSET or UnsetType in options_of(hint):
        default = "None"
    elif each.default is not dataclasses.MISSING:
        default = repr(each.default) if isinstance(each.default, str | int | float | None) else "None"
    options = [] if default is None else [f"default={default}"]
    if each.default_factory is not dataclasses.MISSING:
        options.append(f"default_factory={'list' if typing.get_origin(hint) in (list, tuple) else 'dict'}")
    if not each.repr:
        options.append("repr=False")
    if rules.column is not None and rules.column != camel(each.name):
        options.append(f"metadata=column(column={rules.column!r})")
    if options and options != [f"default={default}"]:
        return f" = field({', '.join(options)})"
    return "" if default is None else f" = {default}"


# errors.py


def refusals() -> list[type[AuthError]]:
    """Every refusal that the library can make."""
    found: dict[type[AuthError], None] = {}

    def walk(kind: type[AuthError]) -> None:
        for each in kind.__subclasses__():
            if each.__module__.startswith(("authmw.core.", "authmw.features.")):
                found[each] = None
                walk(each)

    walk(AuthError)
    return sorted(found, key=lambda kind: (kind.__name__, kind.__module__))


def by_code() -> dict[str, list[type[AuthError]]]:
    found: dict[str, list[type[AuthError]]] = {}
    for kind in refusals():
        if kind.code:
            found.setdefault(kind.code, []).append(kind)
    return dict(sorted(found.items()))


def _in_words(code: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"\W+|_", code))


def without_code() -> list[type[AuthError]]:
    """A few have no code on the wire: their words tell them apart, or their status."""
    return [kind for kind in refusals() if not kind.code and (kind.message or kind.status != 400)]


@dataclass(frozen=True)
class Named:
    """A class of errors.py, and the further names under which features declare it."""

    name: str
    others: tuple[str, ...]
    kind: type[AuthError]
    code: str


def named_errors() -> list[Named]:
    """One class a code, by the name under which a feature declares it, or core where several do.

    A name that stands for two codes goes to neither, and what goes by a word of HTTP's is called so: the name
    of one of its cases would mislead.
    """
    groups = by_code()
    times: dict[str, int] = {}
    for group in groups.values():
        for name in {kind.__name__ for kind in group}:
            times[name] = times.get(name, 0) + 1
    found: dict[str, Named] = {}
    for code, group in groups.items():
        in_words = _in_words(code)
        names = [kind.__name__ for kind in group if times[kind.__name__] == 1]
        in_core = [kind.__name__ for kind in group if kind.__module__.startswith("authmw.core.")]
        choices = [in_words] if code in OF_HTTP or in_words in names else [*in_core, *names]
        best = next((name for name in choices if name in names), in_words)
        first = next((kind for kind in group if kind.__name__ == best), group[0])
        found[best] = Named(best, tuple(sorted(set(names) - {best})), first, code)
    for kind in without_code():
        found.setdefault(kind.__name__, Named(kind.__name__, (), kind, ""))
    return sorted(found.values(), key=lambda each: each.name)


def errors_source() -> str:
    classes, aliases = [], []
    for each in named_errors():
        sentence = each.kind.message or "The server says no more than this"
        lines = [
            f"class {each.name}(AuthClientError):",
            f"    {_quoted(sentence.rstrip('.') + '.')}",
            "",
            f"    code = {each.code!r}",
            f"    message = {each.kind.message!r}",
        ]
        classes.append("\n".join(lines) + "\n")
        aliases += [f"{other} = {each.name}" for other in each.others]
    codes = [f"{each.code!r}: {each.name}," for each in named_errors() if each.code]
    words = [f"{kind.message!r}: {kind.__name__}," for kind in without_code() if kind.status == 400]
    statuses = [f"{kind.status}: {kind.__name__}," for kind in without_code() if kind.status != 400]
    own = ["AuthClientError", "RefreshRefused", "UnexpectedAnswer", "Unreachable"]
    exported = [*own, *(each.name for each in named_errors()), *(each.partition(" ")[0] for each in aliases)]
    return (
        HEAD.format("What the server refuses, by its code")
        + "from collections.abc import Mapping\n\n"
        + f"from .failures import {', '.join(own)}\n\n"
        + f"__all__ = {sorted(exported)!r}\n\n"
        + "\n\n".join(classes)
        + "\n\n# Declared under a name of its own, with a code that is there already.\n"
        + "\n".join(aliases)
        + _table("BY_CODE", "str", codes)
        + _table("BY_WORDS", "str", words)
        + _table("BY_STATUS", "int", statuses)
    )


def _table(name: str, key: str, lines: list[str]) -> str:
    return f"\n\n{name}: Mapping[{key}, type[AuthClientError]] = {{\n" + "\n".join(sorted(lines)) + "\n}"


# methods.py


@dataclass
class Node:
    """A word of the path: a method, a group of them, or both."""

    name: tuple[str, ...]
    own: Declared | None = None
    inner: dict[str, Node] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        return "".join(_in_words(word) for word in self.name) + "Methods"

    def groups(self) -> Iterator[Node]:
        """Every group below, the innermost first."""
        for _, node in sorted(self.inner.items()):
            if node.inner:
                yield from node.groups()
                yield node


def tree() -> Node:
    top = Node(())
    for each in with_a_method():
        node = top
        for depth, word in enumerate(each.name):
            node = node.inner.setdefault(word, Node(each.name[: depth + 1]))
        if node.own is not None:
            raise SystemExit(
                f"{each.key} and {node.own.key} are both client.{'.'.join(each.name)}: "
                "give one of them another name in NAMES, or a reason in WITHOUT_A_METHOD"
            )
        node.own = each
    taken = sorted(TAKEN & set(top.inner))
    if taken:
        raise SystemExit(f"client.{taken[0]} is taken by the client itself: give the route another name in NAMES")
    return top


def methods_source() -> str:
    answers = all_answers()
    top = tree()
    parts = [_ask_source(answers, each) for each in with_a_method()]
    for is_async in (False, True):
        parts += [_group_source(answers, node, is_async) for node in top.groups()]
        parts.append(_group_source(answers, top, is_async))
    routes = ", ".join(each.constant for each in with_a_method())
    imports = """
        from collections.abc import Mapping
        from datetime import datetime
        from typing import Any, Literal

        from ..core.model import Session, U, User
        from . import answers
        from .exchange import Ask
        from .groups import AsyncGroup, Group, own
    """
    return (
        HEAD.format("One method an operation")
        + textwrap.dedent(imports)
        + "\n"
        + "\n".join(parts)
        + f"\n\nROUTES = ({routes},)\n"
    )


def _ask_source(answers: Answers, each: Declared) -> str:
    route = each.route
    kind = answers.text(route.result, prefix="answers.", bound=False)
    kept = {argument.key: argument.default for argument in arguments_of(route) if argument.default is not None}
    defaults = ", ".join(f"{key!r}: {default}" for key, default in kept.items())
    return (
        f"{each.constant} = Ask({route.method!r}, {route.path!r}, {kind or 'Any'}"
        + (f", {{{defaults}}}" if defaults else "")
        + ")"
    )


def _group_source(answers: Answers, node: Node, is_async: bool) -> str:
    mark = "Async" if is_async else ""
    name = mark + (node.class_name if node.name else "Methods")
    doc = (
        f"`/{_path_of(node)}` and what is below it."
        if node.name
        else "Every operation, by the names of the JavaScript client."
    )
    lines = [f"class {name}({mark}Group[U]):", f"    {_quoted(doc)}", ""]
    if node.name and node.own is not None:
        lines += [*_method_source(answers, node.own, "__call__", is_async), ""]
    for word, inner in sorted(node.inner.items()):
        if inner.inner:
            group = f"{mark}{inner.class_name}"
            lines += [
                "    @property",
                f"    def {word}(self) -> {group}[U]:",
                f"        return {group}(self._send)",
                "",
            ]
        elif inner.own is not None:
            lines += [*_method_source(answers, inner.own, word, is_async), ""]
    return "\n\n" + "\n".join(lines)


def _path_of(node: Node) -> str:
    """The path of a group, as the wire writes it."""
    some = node
    while some.own is None:
        some = next(iter(some.inner.values()))
    words = [segment for segment in some.own.route.path.strip("/").split("/") if not segment.startswith(":")]
    return "/".join(words[: len(node.name)])


@dataclass(frozen=True)
class Argument:
    name: str
    key: str
    type: str
    default: str | None
    rest: bool


def arguments_of(route: Route) -> list[Argument]:
    """The arguments of a method: those that must be given first, the application's own fields last."""
    if route.input is None:
        return []
    defaults = {each.name: each for each in dataclasses.fields(route.input)}
    found = [_argument(each, defaults[each.name]) for each in input_fields(route.input)]
    return sorted(found, key=lambda each: (each.rest, each.default is not None))


def _argument(each: InputField, declared: dataclasses.Field[Any]) -> Argument:
    name = f"{each.name}_" if keyword.iskeyword(each.name) or each.name == "self" else each.name
    if each.rest:
        return Argument(name, each.key, "object", None, True)
    kinds = Answers()
    hint = each.type
    given = hint if not _is_record(hint) else Mapping[str, object]
    text = kinds.text(given).replace("dict[str, Any]", "Mapping[str, object]")
    default: str | None = None
    if each.optional:
        plain = declared.default is not dataclasses.MISSING and isinstance(declared.default, str | int | float | None)
        default = repr(declared.default) if plain else "None"
        if default == "None" and "None" not in text.split(" | "):
            text += " | None"
    return Argument(name, each.key, text, default, False)


def _is_record(hint: Any) -> bool:
    return any(isinstance(option, type) and dataclasses.is_dataclass(option) for option in options_of(hint))


def _method_source(answers: Answers, each: Declared, name: str, is_async: bool) -> list[str]:
    arguments = arguments_of(each.route)
    named = [argument for argument in arguments if not argument.rest]
    rest = [argument for argument in arguments if argument.rest]
    signature = ["self"]
    if rest:
        signature.append("/")  # an own field may have any name
    if named:
        signature.append("*")
    signature += [
        f"{argument.name}: {argument.type}" + (f" = {argument.default}" if argument.default is not None else "")
        for argument in named
    ]
    signature += [f"**fields: {argument.type}" for argument in rest]
    given = [*(["**own(fields)"] if rest else []), *(f"{argument.key!r}: {argument.name}" for argument in named)]
    result = answers.text(each.route.result, prefix="answers.") or "Any"
    send = f"{'await ' if is_async else ''}self._send({each.constant}, {{{', '.join(given)}}})"
    body = [send] if result == "None" else [f"answer: {result} = {send}", "return answer"]
    return [
        f"    {'async ' if is_async else ''}def {name}({', '.join(signature)}) -> {result}:",
        *("        " + line if line else "" for line in _quoted(_method_doc(each)).split("\n")),
        *("        " + line for line in body),
    ]


def _method_doc(each: Declared) -> str:
    """The operation's own words; the refusals that they do not name follow."""
    doc = _doc(each.doc) or f"{each.route.method} {each.route.path}."
    names: list[str] = []
    for kind in each.route.raises:
        named = next(
            named for named in named_errors() if (named.code == kind.code if kind.code else named.name == kind.__name__)
        )
        if named.name not in names and not any(name in doc for name in (named.name, *named.others)):
            names.append(named.name)
    return doc + (f"\n\nMay raise {', '.join(names)}." if names else "")


# Words and files


def _doc(text: str) -> str:
    """A docstring without the references that only the library's own code needs."""
    return inspect.cleandoc(
        re.sub(r"\s*\((?:see )?(?:SEC-\d+|wire [\d.]+|RFC \d+)(?:, (?:SEC-\d+|wire [\d.]+))*\)", "", text)
    )


def _quoted(text: str) -> str:
    safe = text.replace("\\", "\\\\").replace('"""', r"\"\"\"")
    if "\n" in safe:
        return f'"""{safe}\n"""'
    return f'"""{safe}{" " if safe.endswith(chr(34)) else ""}"""'


def formatted(source: str, name: str) -> str:
    """As `ruff format` leaves it, without imports that are not used."""
    for command in (["check", "--quiet", "--fix", "--select", "F401,I001,RUF022"], ["format"]):
        source = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(PACKAGE / name), "-"],
            input=source,
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
        ).stdout
    return source


def sources() -> dict[str, str]:
    """Every generated file, by its name."""
    made = {"answers.py": answers_source(), "errors.py": errors_source(), "methods.py": methods_source()}
    return {name: formatted(source, name) for name, source in made.items()}


def main() -> None:
    for name, source in sources().items():
        (PACKAGE / name).write_text(source, encoding="utf-8")
    print(f"{len(with_a_method())} methods in {(PACKAGE / 'methods.py').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
