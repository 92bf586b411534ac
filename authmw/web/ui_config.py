"""How the screens look and what they link to: an application's choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class UIConfig:
    """Every field is optional; addresses are paths of this site or `https://` ones that the policy must allow."""

    brand_name: str = ""
    """Else the settings' `app_name`."""
    logo_url: str | None = None
    logo_dark_url: str | None = None
    favicon_url: str | None = None
    terms_url: str | None = None
    privacy_url: str | None = None
    support_url: str | None = None
    scheme: Literal["auto", "light", "dark"] = "auto"
    extra_css: Sequence[str] = ()
    template_dirs: Sequence[str] = ()
    """Folders that are searched before ours: a template of the same path replaces ours."""
