"""May this site ask, may we redirect there: rules only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from .errors import AuthError, InvalidInput, Problem

LONGEST_URL = 2048
RELATIVE = re.compile(r"/(?![/\\]|%2f|%5c)[\w\-.+/@]*(?:\?[\w\-.+/=&%@]*)?\Z", re.ASCII | re.IGNORECASE)
DEFAULT_PORTS = {"http": 80, "https": 443}


class MissingOrNullOrigin(AuthError):
    status = 403
    code = "MISSING_OR_NULL_ORIGIN"
    message = "Missing or null Origin"


class InvalidOrigin(AuthError):
    status = 403
    code = "INVALID_ORIGIN"
    message = "Invalid origin"


class CrossSiteNavigation(AuthError):
    status = 403
    code = "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"
    message = "Cross-site navigation login blocked. This request appears to be a CSRF attack."


class InvalidCallbackUrl(AuthError):
    status = 403
    code = "INVALID_CALLBACK_URL"
    message = "Invalid callbackURL"


class InvalidRedirectUrl(AuthError):
    status = 403
    code = "INVALID_REDIRECT_URL"
    message = "Invalid redirectURL"


class InvalidErrorCallbackUrl(AuthError):
    status = 403
    code = "INVALID_ERROR_CALLBACK_URL"
    message = "Invalid errorCallbackURL"


class InvalidNewUserCallbackUrl(AuthError):
    status = 403
    code = "INVALID_NEW_USER_CALLBACK_URL"
    message = "Invalid newUserCallbackURL"


class UrlIsNoText(AuthError):
    """No code: the wire has none here."""

    message = "Invalid callbackURL: expected a string"


REDIRECT_FIELDS: Mapping[str, tuple[str, type[AuthError]]] = {
    "callbackURL": ("callbackURL", InvalidCallbackUrl),
    "redirectTo": ("redirectURL", InvalidRedirectUrl),
    "errorCallbackURL": ("errorCallbackURL", InvalidErrorCallbackUrl),
    "newUserCallbackURL": ("newUserCallbackURL", InvalidNewUserCallbackUrl),
}


def origin_of(url: str) -> str | None:
    """Return `scheme://host[:port]` of an http(s) URL, or None for whatever a browser might read otherwise.

    Refuses user-info, backslashes, controls, blanks and hosts outside ASCII: parsers disagree about them,
    and an attacker only needs one that is kinder than ours (SEC-086).
    """
    if not url.isascii() or any(char <= " " or char in '\\"<>^`{|}\x7f' for char in url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if (
        scheme not in DEFAULT_PORTS
        or not parts.hostname
        or "@" in parts.netloc
        or not url[len(scheme) :].startswith("://")
    ):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}" + (f":{port}" if port and port != DEFAULT_PORTS[scheme] else "")


def is_relative(url: str) -> bool:
    """Is `url` a path on this site, by the wire's grammar (6.2)?"""
    return len(url) <= LONGEST_URL and RELATIVE.match(url) is not None


def is_trusted(url: str, trusted: Iterable[str], *, relative: bool) -> bool:
    """Is `url` on this site (where `relative` allows paths) or on one of the `trusted` origins?"""
    if len(url) > LONGEST_URL:
        return False
    if url.startswith("/"):
        return relative and is_relative(url)
    origin = origin_of(url)
    return any(_fits(entry, url, origin) for entry in trusted)


def check_redirects(given: Mapping[str, object], trusted: Sequence[str], *, part: str = "body") -> None:
    """Raise for a redirect field of a raw input that is no text, too long, or leaves the trusted origins."""
    for name, (label, refusal) in REDIRECT_FIELDS.items():
        url = given.get(name)
        if not url:
            continue
        if not isinstance(url, str):
            raise UrlIsNoText(f"Invalid {label}: expected a string")
        if len(url) > LONGEST_URL:
            text = f"Too big: expected string to have <={LONGEST_URL} characters"
            raise InvalidInput(Problem(text, field=name, part=part))
        if not is_trusted(url, trusted, relative=True):
            raise refusal


def check_origin(headers: Mapping[str, str], trusted: Sequence[str], *, starts_session: bool = False) -> None:
    """Raise unless the site that sent a POST may do so (SEC-170, wire 6.3 and 6.5).

    `headers` are lower-case. A request without cookies rides on nobody's session; but where the answer
    starts one, an attacker's page could sign a victim in as the attacker, so those are checked as well.
    """
    source = headers.get("origin") or headers.get("referer") or ""
    if "cookie" not in headers:
        if not starts_session:
            return
        fetch = [headers.get(f"sec-fetch-{name}", "").strip() for name in ("site", "mode", "dest")]
        if fetch[0] == "cross-site" and fetch[1] == "navigate":
            raise CrossSiteNavigation
        if not any(fetch) and not source:  # curl, servers: no browser sent this
            return
    if not source or source == "null":
        raise MissingOrNullOrigin
    if not is_trusted(source, trusted, relative=False):
        raise InvalidOrigin


def _fits(entry: str, url: str, origin: str | None) -> bool:
    if "*" in entry or "?" in entry:
        if origin is None:
            return False
        sample = origin if "://" in entry else origin.partition("://")[2]
        return _glob(entry).match(sample) is not None
    if origin is not None:
        return origin == entry
    return _fits_app_scheme(entry, url)


def _fits_app_scheme(entry: str, url: str) -> bool:
    """`myapp://` trusts a whole scheme of a mobile app, `myapp://host/path` what lies below."""
    scheme, there, rest = entry.partition("://")
    if not there or scheme.lower() in (*DEFAULT_PORTS, "javascript", "data", "vbscript", "file", "blob", "about"):
        return False
    if not url.isascii() or any(char <= " " or char in "\\\x7f" for char in url) or ".." in url or "%" in url:
        return False
    given_scheme, there, given = url.partition("://")
    if not there or given_scheme.lower() != scheme.lower():
        return False
    host, slash, path = rest.partition("/")
    given_host, _, given_path = given.partition("?")[0].partition("/")
    if host and given_host.lower() != host.lower():
        return False
    path = path.rstrip("/")
    return not slash or not path or given_path == path or given_path.startswith(path + "/")


@lru_cache(maxsize=256)
def _glob(entry: str) -> re.Pattern[str]:
    """`*` stands for any run within the host, `?` for one character; neither crosses a slash."""
    parts = {"*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in entry.lower()) + r"\Z")
