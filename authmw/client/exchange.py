"""One question and its answer, without a socket: what both clients share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import Request as UrllibRequest

import httpx2

from ..core.errors import ConfigurationError
from ..core.model import U, User
from ..core.outputs import to_wire
from .decode import check_user_type, decode, may_redirect
from .errors import BY_CODE, BY_STATUS, BY_WORDS
from .failures import AuthClientError, UnexpectedAnswer
from .values import RedirectTo

H = TypeVar("H", httpx2.Client, httpx2.AsyncClient)
Mode = Literal["cookie", "bearer"]
API_PATH = "/api/auth"
SIGN_OUT = "/sign-out"
AUTH_TOKEN = "set-auth-token"  # noqa: S105 - the name of a header
SESSION_COOKIE = "session_token"
# Between two steps of signing in there is no token yet, and a cookie alone says who is halfway in.
KEPT_BESIDE_A_TOKEN = ("two_factor", "trust_device", "dont_remember")


@dataclass(frozen=True)
class Ask:
    """A route as a client knows it: `answer` is the type of what comes back."""

    method: Literal["GET", "POST"]
    path: str
    answer: Any
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Arguments of which the server thinks the same when they are left out."""


class _Policy(DefaultCookiePolicy):
    """Takes only cookies whose name ends in one of `names`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names

    def set_ok(self, cookie: Cookie, request: UrllibRequest) -> bool:
        return cookie.name.endswith(self._names) and bool(super().set_ok(cookie, request))


def no_cookies() -> CookieJar:
    """A jar that stays empty."""
    return CookieJar(policy=_Policy(("\x00",)))


def apart(http: H) -> H:
    """The same connections, hooks and settings as `http`, without its cookies: what a server sets would otherwise go
    out again with whatever an application sends over it, and its own cookies would come along with ours."""
    # A copy, and not the jar put back afterwards: others may be sending at this moment.
    view = copy(http)
    view.cookies = no_cookies()
    return view


class Exchange(Generic[U]):
    """Where the server is, who asks, and what the client holds."""

    def __init__(
        self, base_url: str, *, user_type: type[U] | None, mode: Mode, token: str | None, origin: str | None
    ) -> None:
        if mode not in ("cookie", "bearer"):
            raise ConfigurationError(f'mode is "cookie" or "bearer", not {mode!r}')
        if token is not None and mode == "cookie":
            raise ConfigurationError('a token is for mode="bearer"')
        self.api = api_url(base_url)
        parts = urlsplit(self.api)
        self.origin = origin or f"{parts.scheme}://{parts.netloc}"
        self.mode = mode
        self.user_type: Any = user_type or User
        self.bearer_token = token
        check_user_type(self.user_type)
        policy = _Policy(KEPT_BESIDE_A_TOKEN) if mode == "bearer" else None
        self.cookies = httpx2.Cookies(CookieJar(policy=policy))

    def request(self, http: Any, ask: Ask, given: Mapping[str, object]) -> httpx2.Request:
        """Make the request; `http` is the httpx2 client that will send it."""
        values = {
            key: to_wire(value)
            for key, value in given.items()
            if key not in ask.defaults or not _is_default(ask, key, value)
        }
        url = self.api + _filled(ask.path, values)
        if ask.method == "GET":
            request = http.build_request("GET", url, params={key: _in_query(value) for key, value in values.items()})
        else:
            request = http.build_request("POST", url, json=values)
        assembled: httpx2.Request = request
        assembled.headers["accept"] = "application/json"
        # A header of `http` may name cookies too: what we hold is kept here, and only here.
        assembled.headers.pop("cookie", None)
        self.cookies.set_cookie_header(assembled)
        if self.mode == "bearer" and self.bearer_token is not None:
            assembled.headers["authorization"] = f"Bearer {self.bearer_token}"
        if self.mode == "cookie" or "cookie" in assembled.headers:
            assembled.headers["origin"] = self.origin
        return assembled

    def new_token(self, ask: Ask, response: httpx2.Response) -> tuple[str | None] | None:
        """Take cookies from an answer; in bearer mode return the token that is now to be kept, in a tuple, if it changes."""
        self.cookies.extract_cookies(response)
        if self.mode == "cookie":
            return None
        token = response.headers.get(AUTH_TOKEN)
        if token:
            return (token,)
        set_to = _session_cookie(response)
        if set_to:
            raise UnexpectedAnswer(
                f"The server began a session without naming its token in {AUTH_TOKEN}: is Bearer() switched on there?",
                status=response.status_code,
            )
        over = set_to == "" or (ask.path == SIGN_OUT and response.is_success)
        return (None,) if over and self.bearer_token is not None else None

    def read(self, ask: Ask, response: httpx2.Response) -> tuple[Any, Any]:
        """Return the answer, and the JSON that it was. Raise the error that the server names."""
        if response.is_redirect:
            if not may_redirect(ask.answer):
                raise UnexpectedAnswer(
                    f"The server answered {response.status_code} and leads elsewhere", status=response.status_code
                )
            return RedirectTo(url=urljoin(str(response.request.url), response.headers.get("location", ""))), None
        if not response.is_success:
            raise error_of(response)
        decoded = _json(response)
        try:
            return decode(decoded, ask.answer, self.user_type), decoded
        except UnexpectedAnswer as error:
            error.status = response.status_code
            raise


def api_url(base_url: str) -> str:
    """Where the API is: below `/api/auth`, unless `base_url` has a path of its own."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError('the base URL is an address like "https://example.com"')
    if "@" in parts.netloc:
        raise ConfigurationError("the base URL must not hold a name or a password")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or API_PATH}"


def error_of(response: httpx2.Response) -> AuthClientError:
    """The error that an answer is: by its code, by its words where it has none, by its status where it has neither."""
    status, retry_after = response.status_code, _seconds(response)
    try:
        body = json.loads(response.content) if response.content else {}
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        if status in BY_STATUS:
            return BY_STATUS[status](status=status, code="", retry_after=retry_after)
        return UnexpectedAnswer(
            f"The server answered {status} with something that is no JSON", status=status, retry_after=retry_after
        )
    code, message = body.get("code"), body.get("message")
    code = code if isinstance(code, str) else ""
    message = message if isinstance(message, str) else ""
    kind = BY_CODE.get(code) if code else BY_WORDS.get(message)
    kind = kind or (BY_STATUS.get(status) if not code else None) or AuthClientError
    return kind(message or None, status=status, code=code, retry_after=retry_after)


def _json(response: httpx2.Response) -> Any:
    if not response.content:
        return None
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        raise UnexpectedAnswer(
            f"The server answered {response.status_code} with something that is no JSON", status=response.status_code
        ) from None


def _seconds(response: httpx2.Response) -> int | None:
    given = response.headers.get("retry-after") or response.headers.get("x-retry-after") or ""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None


def _is_default(ask: Ask, key: str, value: object) -> bool:
    default = ask.defaults[key]
    return type(value) is type(default) and bool(value == default)


def _filled(path: str, values: dict[str, Any]) -> str:
    """Put arguments into the path, each as one segment, and out of `values`."""
    segments = []
    for segment in path.split("/"):
        if segment.startswith(":"):
            value = str(values.pop(segment[1:]))
            if value in ("", ".", ".."):
                raise ValueError(f"{segment[1:]} must not be {value!r}")
            segment = quote(value, safe="")
        segments.append(segment)
    return "/".join(segments)


def _in_query(value: object) -> Any:
    if isinstance(value, list):
        return [_in_query(each) for each in value]
    return value if isinstance(value, str) else json.dumps(value)


def _session_cookie(response: httpx2.Response) -> str | None:
    """What an answer sets the session cookie to: "" when it takes it away, None when it does not speak of it."""
    found = None
    for line in response.headers.get_list("set-cookie"):
        name, _, rest = line.partition("=")
        if name.strip().endswith(SESSION_COOKIE):
            found = rest.partition(";")[0].strip()
    return found
