"""What a browser may load for the screens: our content security policy, and what an application adds to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..core.errors import ConfigurationError
from ..core.origin import origin_of
from .ui_config import UIConfig

DIRECTIVES: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "authmw",
}
# The others hold what nobody may loosen: where forms go, who may frame us, what scripts may do.
MAY_GROW = ("img-src", "style-src", "font-src", "script-src", "connect-src", "frame-src")
# `origin_of` lets through a comma or a semicolon, and in a policy either of them begins something new.
HTTPS_ORIGIN = re.compile(r"https://[a-z0-9.-]+(?::\d{1,5})?", re.ASCII)
PATH = re.compile(r"""/(?![/\\])[^\s\\"'<>\x00-\x1f\x7f]*""")
PICTURE = re.compile(r"data:image/[^\s\\\"'<>\x00-\x1f\x7f]+", re.ASCII | re.IGNORECASE)


def policy_with(extra: Mapping[str, Sequence[str]]) -> str:
    """Return the Content-Security-Policy with further origins, which `check_addresses` let through."""
    directives = dict(DIRECTIVES)
    for name, origins in extra.items():
        if origins:
            directives[name] = " ".join([*([directives[name]] if name in directives else []), *origins])
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def check_addresses(config: UIConfig, *, own_origin: str) -> None:
    """Raise ConfigurationError for what the policy would block, or what would break out of it."""
    if not isinstance(config.csp_extra, Mapping):
        raise ConfigurationError(
            'UIConfig(csp_extra=…) goes from directives to origins. Write: csp_extra={"img-src": ["https://cdn.example.com"]}.'
        )
    for name, origins in config.csp_extra.items():
        if name not in MAY_GROW:
            raise ConfigurationError(
                f"UIConfig(csp_extra=…): {name!r} cannot be added to. Write one of: {', '.join(MAY_GROW)}."
            )
        if isinstance(origins, str) or not isinstance(origins, Sequence):
            raise ConfigurationError(f'Write: UIConfig(csp_extra={{"{name}": ["https://cdn.example.com"]}}).')
        for origin in origins:
            _check_origin(name, origin)
    if isinstance(config.extra_css, str):
        raise ConfigurationError(f'Write: UIConfig(extra_css=["{config.extra_css}"]).')
    for field in ("logo_url", "logo_dark_url", "favicon_url"):
        url = getattr(config, field)
        if url and not (isinstance(url, str) and PICTURE.fullmatch(url)):
            _check_url(field, url, "img-src", config, own_origin)
    for url in config.extra_css:
        _check_url("extra_css", url, "style-src", config, own_origin)


def _check_origin(name: str, origin: object) -> None:
    if isinstance(origin, str) and HTTPS_ORIGIN.fullmatch(origin) and origin_of(origin) == origin:
        return
    meant = origin_of(origin) if isinstance(origin, str) else None
    better = meant if meant and HTTPS_ORIGIN.fullmatch(meant) else "https://cdn.example.com"
    raise ConfigurationError(
        f'UIConfig(csp_extra=…): {origin!r} is no plain https origin. Write: csp_extra={{"{name}": ["{better}"]}}.'
    )


def _check_url(field: str, url: object, directive: str, config: UIConfig, own_origin: str) -> None:
    if isinstance(url, str) and PATH.fullmatch(url):
        return
    origin = origin_of(url) if isinstance(url, str) else None
    if origin == own_origin:
        return
    if origin is None or not HTTPS_ORIGIN.fullmatch(origin):
        raise ConfigurationError(
            f"UIConfig({field}=…): {url!r} is neither a path of this site nor an https address. "
            f"Write: {_example(field)}."
        )
    if origin not in config.csp_extra.get(directive, ()):
        raise ConfigurationError(
            f"UIConfig({field}=…): browsers are told to load nothing from {origin}. "
            f'Write: UIConfig(csp_extra={{"{directive}": ["{origin}"]}}), or serve the file yourself.'
        )


def _example(field: str) -> str:
    return 'extra_css=["/static/app.css"]' if field == "extra_css" else f'{field}="/static/logo.svg"'
