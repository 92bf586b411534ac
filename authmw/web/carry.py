"""Bytes ↔ calls: what a request says, and what an answer carries back."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from msgspec.json import encode

from ..core.auth import AuthCore
from ..core.call import Call, Connection, CookieChange, CookieJar
from ..core.client_ip import client_ip, networks
from ..core.errors import AuthError, InvalidInput, Problem, ServiceUnavailable
from ..core.inputs import NOTHING, parse_input
from ..core.model import U
from ..core.operation import Operation
from ..core.secrets import random_text
from ..core.store import Locked, Unavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]

logger = logging.getLogger("authmw")
LARGEST_BODY = 256 * 1024
LARGEST_UPLOAD = 1_000_000 + 64 * 1024
LARGEST_DRAIN = 15_000_000  # what telephones photograph
SLOWEST_BODY = 10.0
LARGEST_COOKIES = 32 * 1024
LONGEST_USER_AGENT = 512
LONGEST_FORWARDED = 512
DEEPEST_JSON = 32
MOST_KEYS = 1000
LONGEST_NUMBER = 40
FORM = "application/x-www-form-urlencoded"
FORM_WITH_FILES = "multipart/form-data"
JSON = "application/json"


class BadJson(AuthError):
    code = "BAD_REQUEST"
    message = "Invalid JSON in request body"


class BodyTooLarge(AuthError):
    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "Request body is too large"


class BodyTooSlow(AuthError):
    status = 408
    code = "REQUEST_TIMEOUT"
    message = "Request body took too long"


class UnsupportedMediaType(AuthError):
    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class HeadersTooLarge(AuthError):
    status = 431
    code = "REQUEST_HEADER_FIELDS_TOO_LARGE"
    message = "Request headers are too large"


class Gone(Exception):
    """The client left before its request was whole: there is nobody to answer."""


def headers_of(scope: Scope) -> Mapping[str, str]:
    """The headers of a request by lower-case name; of one that came several times, the first."""
    return Connection(kind=scope["type"], lines=scope["headers"]).headers


def new_call(auth: AuthCore[U], scope: Scope, *, to_application: bool = False) -> Call[U]:
    """Make the call that a request is. Raise HeadersTooLarge."""
    trusted = networks(tuple(auth.settings.trusted_proxies))
    cookies, forwarded, user_agent = [], [], b""
    for name, value in scope["headers"]:
        if name == b"cookie":
            cookies.append(value.decode("latin-1"))
        elif name == b"user-agent":
            user_agent = value
        elif name == b"x-forwarded-for" and trusted:
            # Anybody may write these, and `client_ip` remembers them: without proxies of ours they are not looked
            # at, and the client stands at the right end.
            forwarded.append(value[-LONGEST_FORWARDED:].decode("latin-1"))
    if sum(map(len, cookies)) > LARGEST_COOKIES:
        raise HeadersTooLarge
    peer = scope.get("client")
    return auth.new_call(
        cookies=CookieJar(cookies),
        ip=client_ip(peer[0] if peer else None, tuple(forwarded[:2]), trusted),
        user_agent=user_agent[:LONGEST_USER_AGENT].decode("latin-1"),
        connection=Connection(
            kind=scope["type"],
            lines=scope["headers"],
            query=scope.get("query_string", b""),
            peer=peer[0] if peer else None,
            to_application=to_application,
        ),
    )


def path_of(scope: Scope) -> str:
    """The path below where the app is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


def is_plain(scope: Scope) -> bool:
    """Was the path written as it reads? An escaped one is some other path to whoever stands before us (SEC-065)."""
    raw = scope.get("raw_path")
    return raw is None or (b"%" not in raw and b";" not in raw and b"\\" not in raw)


def query_of(scope: Scope) -> dict[str, Any]:
    """The query as text by name; a repeated name is a list, which no input takes (wire 0.4)."""
    found: dict[str, Any] = {}
    try:
        pairs = parse_qsl(
            scope.get("query_string", b"").decode("ascii"), keep_blank_values=True, max_num_fields=100, errors="strict"
        )
    except ValueError:
        raise InvalidInput(Problem("Invalid input: expected text in UTF-8", part="query")) from None
    for name, value in pairs:
        if name in found:
            earlier = found[name]
            found[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            found[name] = value
    return found


async def read_body(
    scope: Scope, receive: Receive, headers: Mapping[str, str], *, largest: int = LARGEST_BODY, drain: int = 0
) -> bytes:
    """Return the whole body, of at most `largest` bytes. Raise BodyTooLarge, BodyTooSlow, or Gone.

    Of one that is larger, up to `drain` bytes are read and dropped: a browser that is still sending does not listen,
    and would show a lost connection instead of what is wrong.
    """
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 9 or int(length) > largest + drain):
        raise BodyTooLarge(headers={"Connection": "close"})
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > largest + drain:
                    raise BodyTooLarge(headers={"Connection": "close"})
                if size <= largest:
                    chunks.append(chunk)
                else:
                    chunks.clear()
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise BodyTooSlow(headers={"Connection": "close"}) from None
    if size > largest:
        raise BodyTooLarge
    return b"".join(chunks)


def decode_body(body: bytes, headers: Mapping[str, str], *, forms: bool) -> Any:
    """Return what an API body says, or NOTHING for no body. Raise UnsupportedMediaType, BadJson, InvalidInput."""
    if not body:
        return NOTHING
    allowed = [FORM, JSON] if forms else [JSON]
    given = headers.get("content-type")
    names = ", ".join(allowed)
    if given is None:
        raise UnsupportedMediaType(f"Content-Type is required. Allowed types: {names}")
    media, _, parameters = given.lower().partition(";")
    kind = next((each for each in allowed if each in media), None)
    charset = parameters.partition("charset=")[2].strip(" \"'")
    encoded = headers.get("content-encoding", "identity").lower()
    if kind is None or charset not in ("", "utf-8", "utf8") or encoded != "identity":
        shown = given[:100].encode("ascii", "replace").decode()
        raise UnsupportedMediaType(f'Content-Type "{shown}" is not allowed. Allowed types: {names}')
    return decode_form(body) if kind == FORM else decode_json(body)


def decode_json(body: bytes) -> Any:
    """Parse strictly (SEC-174): UTF-8 only, no duplicate keys, no NaN, no number or nesting that costs. Raise BadJson."""
    keys = 0

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal keys
        keys += len(pairs)
        found = dict(pairs)
        if len(found) != len(pairs) or keys > MOST_KEYS:
            raise ValueError("a key twice, or too many")
        return found

    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=object_of, parse_constant=_no_number, parse_int=_integer, parse_float=_float
        )
    except (ValueError, RecursionError):
        raise BadJson from None
    if _depth(value) > DEEPEST_JSON:
        raise BadJson
    return value


def decode_files(body: bytes, content_type: str) -> dict[str, str | bytes]:
    """Parse `multipart/form-data` (RFC 7578) as strictly as other forms: text by name, and files as bytes. A file that
    nobody chose is not there."""
    from python_multipart import parse_form
    from python_multipart.multipart import Field, File

    found: dict[str, str | bytes] = {}

    def keep(name: bytes | None, value: str | bytes) -> None:
        key = (name or b"").decode()
        if key in found:
            raise InvalidInput(Problem("Invalid input: expected string, received array", field=key[:100]))
        if len(found) >= MOST_KEYS:
            raise ValueError("too many fields")
        found[key] = value

    def on_field(part: Field) -> None:
        keep(part.field_name, (part.value or b"").decode())

    def on_file(part: File) -> None:
        if part.file_name:
            part.file_object.seek(0)
            keep(part.field_name, part.file_object.read())

    try:
        parse_form({"Content-Type": content_type.encode("latin-1")}, io.BytesIO(body), on_field, on_file)
    except ValueError:  # also what is not UTF-8
        raise InvalidInput(Problem("Invalid input: expected a form in UTF-8")) from None
    return found


def decode_form(body: bytes) -> dict[str, str]:
    """Parse a url-encoded form into text by name. A name that comes twice is an InvalidInput (SEC-180 row 9)."""
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_KEYS, errors="strict")
    except ValueError:
        raise InvalidInput(Problem("Invalid input: expected a form in UTF-8")) from None
    for name, value in pairs:
        if name in found:
            raise InvalidInput(Problem("Invalid input: expected string, received array", field=name[:100]))
        found[name] = value
    return found


async def count_call(call: Call[Any], operation: Operation) -> None:
    """Count one call of a route from this address; raise TooManyRequests."""
    await call.count(f"{call.ip or 'no-trusted-ip'}|{operation.route.path}", operation.route.limit)


async def perform(call: Call[Any], operation: Operation, given: Any, *, part: str = "body") -> Any:
    """Input → operation → result: the one way in which both carriers run an operation. Raise AuthError."""
    route = operation.route
    call.route = route.path
    auth = call.auth
    for feature in auth.hooked("before"):
        await feature.before(call, route.path)
    inputs = []
    if route.input is not None:
        optional = route.input_optional and given is NOTHING
        inputs.append(parse_input(route.input, {} if optional else given, part=part))
    if route.sends_mail and auth.mail.is_full:  # for everybody alike, known address or not (SEC-061)
        raise ServiceUnavailable
    result = await operation.run(call, *inputs)
    for feature in auth.hooked("after"):
        await feature.after(call, route.path)
    return result


def refusal(error: BaseException, call: Call[U] | None) -> AuthError | None:
    """Translate what an operation raised into an answer; None for a fault, which is logged with a reference."""
    if isinstance(error, AuthError):
        return error
    if isinstance(error, Locked | Unavailable):
        logger.warning("the database failed: %s", type(error).__name__)
        return ServiceUnavailable()
    return None


def log_fault(error: BaseException, where: str) -> str:
    """Log a fault and return the reference that leads a person's report to the line."""
    reference = random_text(8)
    logger.error("fault %s at %s", reference, where, exc_info=error)
    return reference


def error_body(error: AuthError) -> bytes:
    body = {"message": error.message} if error.message else {}
    if error.code:
        body["code"] = error.code
    return encode(body) if body else b""


def cookie_headers(call: Call[Any] | None, status: int = 200) -> HeaderList:
    """The cookies that go with an answer; none with a fault, after which everything is as it was (SEC-190)."""
    if call is None or not call.cookies.changes or status >= 500:
        return []
    secure = call.auth.settings.secure
    changes = call.cookies.changes.values()
    return [(b"set-cookie", cookie_header(change, secure=secure).encode("latin-1")) for change in changes]


def cookie_header(change: CookieChange, *, secure: bool) -> str:
    """`name=value; Max-Age=…; Path=/; HttpOnly; Secure; SameSite=Lax`, in the wire's order (2.2)."""
    parts = [f"{change.name}={change.value}"]
    if change.max_age is not None:
        parts.append(f"Max-Age={change.max_age}")
    parts += [f"Path={change.path}", "HttpOnly"]
    if secure or change.name.startswith("__"):
        parts.append("Secure")
    return "; ".join([*parts, "SameSite=Lax"])


async def respond(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes = b"") -> None:
    lines = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


def header_lines(headers: Mapping[str, str]) -> HeaderList:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("a number too long")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number too large")
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [
        item
        for each in level
        if isinstance(each, dict | list)
        for item in (each.values() if isinstance(each, dict) else each)
    ]:
        depth += 1
        if depth > DEEPEST_JSON:
            break
    return depth + 1
