"""A page that stands for itself: an answer of the API that people read, without forms and without script."""

from __future__ import annotations

from typing import Any

from ..core.auth import AuthCore
from ..core.operation import PageAnswer
from . import carry, resources
from .carry import HeaderList
from .languages import ENGLISH
from .policy import policy_with
from .theme import theme_css
from .ui_config import UIConfig

HEADERS: HeaderList = carry.header_lines(
    {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
        "Content-Security-Policy": policy_with({}),
        "Referrer-Policy": "same-origin",
        "Vary": "Cookie, Authorization, Origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)


def draw(answer: PageAnswer, auth: AuthCore[Any], config: UIConfig) -> bytes:
    """Draw the page in English. Its sheets are those of the screens; where nobody serves them, browsers use their own."""
    sheets = [resources.assets()["authmw.css"].name]
    if theme := theme_css(config):
        sheets.append(resources.asset_of("theme.css", theme.encode()).name)
    context = {
        "lang": ENGLISH.tag,
        "dir": ENGLISH.dir,
        "theme": config.scheme,
        "brand": config.brand_name or auth.settings.app_name,
        "sheets": [f"{auth.settings.ui_path}/static/{name}" for name in sheets] if auth.screens_mounted else [],
        "data": answer.data,
    }
    templates = resources.templates(tuple(config.template_dirs), ENGLISH)
    return templates.get_template(answer.template).render(context).encode("utf-8", "replace")
