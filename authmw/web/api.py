"""The JSON carrier: body → input → operation → JSON, by the wire's rules (section 0)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from msgspec.json import encode

from ..core.auth import AuthCore
from ..core.call import Call
from ..core.errors import AuthError, NotFound
from ..core.operation import Operation, PageAnswer, Redirect, StepRequired
from ..core.origin import check_origin, check_redirects
from ..core.outputs import to_wire
from ..core.rate_limit import EVERY_ROUTE
from . import carry
from .carry import HeaderList, Receive, Scope, Send
from .ui_config import UIConfig

COMMON: HeaderList = [
    (b"cache-control", b"no-store"),
    (b"pragma", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"vary", b"Cookie, Authorization, Origin"),
]
JSON_HEADERS: HeaderList = [(b"content-type", b"application/json"), *COMMON]
ERROR_CODE = re.compile(r"[A-Za-z0-9_'\-]+\Z", re.ASCII)
ERROR_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Something went wrong</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><main><h1>Something went wrong</h1>
<p>Go back and try again.</p><p>Code: <code>{code}</code></p><p>{description}</p></main></body></html>"""


class Api:
    """The ASGI app that answers below `api_path`."""

    def __init__(self, auth: AuthCore[Any], config: UIConfig) -> None:
        self.auth = auth
        self.config = config
        self._fixed: dict[tuple[str, str], Operation] = {}
        self._with_parameter: list[tuple[str, str, str, Operation]] = []
        for operation in auth.operations:
            method, path = operation.route.method, operation.route.path
            head, colon, name = path.partition(":")
            if colon:
                self._with_parameter.append((method, head, name, operation))
            else:
                self._fixed[method, path] = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await refuse_websocket(scope, send)
            return
        headers = carry.headers_of(scope)
        try:
            await self.auth.start()
            call = carry.new_call(self.auth, scope)
        except Exception as error:  # noqa: BLE001 - answered below, whatever it is
            await self._send_error(send, None, error, scope["path"])
            return
        try:
            await self._answer(scope, receive, send, headers, call)
        except carry.Gone:
            pass
        except Exception as error:  # noqa: BLE001
            await self._send_error(send, call, error, call.route or "(no route)")
        finally:
            self.auth.settle(call)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str], call: Call[Any]
    ) -> None:
        path = carry.path_of(scope)
        found = self._find(scope, path)
        # The matched route, never the raw path, decides (SEC-065); another method of a disabled path is no other route.
        named = found[0].route.path if found else path.rstrip("/")
        if named in self.auth.settings.disabled_paths:
            await carry.respond(send, 404, [(b"content-type", b"text/plain;charset=UTF-8"), *COMMON], b"Not Found")
            return
        if found is None:
            # Whatever leads nowhere shares one bucket: names that do not exist are no way around a limit.
            await call.count(f"{call.ip or 'no-trusted-ip'}|(no route)", EVERY_ROUTE)
            if scope["method"] == "GET" and path in ("/ok", "/error") and carry.is_plain(scope):
                await self._own_page(scope, send, path)
            else:
                await carry.respond(send, 404, COMMON)
            return
        operation, parameters = found
        route = operation.route
        call.route = route.path
        await carry.count_call(call, operation)
        query = carry.query_of(scope)
        if route.method == "GET":
            if "prefetch" in headers.get("sec-purpose", "") or "prefetch" in headers.get("purpose", ""):
                raise NotFound  # a guess of the browser's, not a person's click: nothing may happen (SEC-171)
            given: Any = {**query, **parameters}
            part = "query"
            self._check_redirects(call, given, part)
        else:
            body = await carry.read_body(scope, receive, headers)
            given = carry.decode_body(body, headers, forms=route.forms)
            part = "body"
            self._check_site(call, headers, given, query, starts_session=route.starts_session)
            if isinstance(given, dict):
                given = {**{key: query[key] for key in route.in_query if key in query}, **given}
        result = await carry.perform(call, operation, given, part=part)
        await self._send_result(send, call, result)

    def _find(self, scope: Scope, path: str) -> tuple[Operation, dict[str, str]] | None:
        if not carry.is_plain(scope):
            return None
        method = scope["method"]
        operation = self._fixed.get((method, path))
        if operation is not None:
            return operation, {}
        for wanted, head, name, operation in self._with_parameter:
            value = path[len(head) :]
            if method == wanted and path.startswith(head) and value and "/" not in value:
                return operation, {name: value}
        return None

    def _check_site(
        self, call: Call[Any], headers: Mapping[str, str], given: Any, query: Mapping[str, Any], *, starts_session: bool
    ) -> None:
        try:
            check_origin(headers, self.auth.settings.origins, starts_session=starts_session)
        except AuthError as refused:
            call.event("security.origin_refused", outcome="denied", reason=refused.code)
            raise
        fields: dict[str, Any] = {key: given[key] for key in given} if isinstance(given, dict) else {}
        if not fields.get("callbackURL") and query.get("callbackURL"):
            fields["callbackURL"] = query["callbackURL"]
        self._check_redirects(call, fields, "body")

    def _check_redirects(self, call: Call[Any], given: Mapping[str, Any], part: str) -> None:
        try:
            check_redirects(given, self.auth.settings.origins, part=part)
        except AuthError as refused:
            call.event("security.redirect_refused", outcome="denied", reason=refused.code)
            raise

    async def _send_result(self, send: Send, call: Call[Any], result: Any) -> None:
        extra = [*carry.header_lines(call.headers), *carry.cookie_headers(call)]
        if isinstance(result, Redirect):
            location = result.url.encode("latin-1")
            await carry.respond(send, 302, [*JSON_HEADERS, *extra, (b"location", location)])
            return
        if isinstance(result, PageAnswer):
            from .sheet import HEADERS, draw

            await carry.respond(send, 200, [*HEADERS, *extra], draw(result, self.auth, self.config))
            return
        shown = result.answer if isinstance(result, StepRequired) else to_wire(result)
        await carry.respond(send, 200, [*JSON_HEADERS, *extra], encode(shown))

    async def _send_error(self, send: Send, call: Call[Any] | None, error: Exception, where: str) -> None:
        refused = carry.refusal(error, call)
        if refused is None:
            carry.log_fault(error, where)
            await carry.respond(send, 500, COMMON)
            return
        body = carry.error_body(refused)
        lines = [
            *([(b"content-type", refused.media_type.encode())] if body else []),
            *COMMON,
            *carry.header_lines(refused.headers),
            *carry.cookie_headers(call, refused.status),
        ]
        await carry.respond(send, refused.status, lines, body)

    async def _own_page(self, scope: Scope, send: Send, path: str) -> None:
        if path == "/ok":
            await carry.respond(send, 200, JSON_HEADERS, b'{"ok":true}')
            return
        query = carry.query_of(scope)
        code, description = query.get("error"), query.get("error_description")
        code = code if isinstance(code, str) and ERROR_CODE.match(code[:200]) else "UNKNOWN"
        description = description if isinstance(description, str) else ""
        page = ERROR_PAGE.format(code=html.escape(code[:200]), description=html.escape(description[:200]))
        lines = [(b"content-type", b"text/html; charset=utf-8"), *COMMON]
        await carry.respond(send, 200, lines, page.encode("utf-8", "replace"))


async def refuse_websocket(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4404})
