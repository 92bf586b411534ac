"""How the screens look and what they link to: an application's choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class UIConfig:
    """Every field is optional. Pictures and sheets are paths of this site, or `https://` ones that `csp_extra` allows.

    Auth refuses what could not work, and colours that people could not read.
    """

    brand_name: str = ""
    """Else the settings' `app_name`."""
    logo_url: str | None = None
    logo_dark_url: str | None = None
    favicon_url: str | None = None
    terms_url: str | None = None
    privacy_url: str | None = None
    support_url: str | None = None
    scheme: Literal["auto", "light", "dark"] = "auto"
    colors: Mapping[str, str] = field(default_factory=dict)
    """Of the light scheme, as `#rgb` or `#rrggbb`: bg, surface, text, muted, border, brand, on_brand, danger, ok, focus."""
    colors_dark: Mapping[str, str] = field(default_factory=dict)
    """The same of the dark scheme. A colour that is not here is ours, whatever `colors` says."""
    radius: str | None = None
    """How round corners are: `0.5rem`, `8px`, `0`."""
    font: str | None = None
    """Names of fonts as CSS has them, the first that is there counts: `"Inter", system-ui, sans-serif`."""
    font_mono: str | None = None
    strict_contrast: bool = True
    """False: colours below WCAG 2.2 AA make a warning, where they would stop the start."""
    csp_extra: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Origins that browsers may load from besides this site: `{"img-src": ["https://cdn.example.com"]}`."""
    extra_css: Sequence[str] = ()
    """Style sheets that come after ours."""
    template_dirs: Sequence[str] = ()
    """Folders that are searched before ours: a template of the same path replaces ours."""
    locales: Sequence[str] = ("en",)
    """The languages that people can choose from. The first is for those who ask for none of them."""
    locale_dirs: Sequence[str] = ()
    """Folders with the catalogue `<tag>.mo` of each language that is not ours, or says something else than ours."""
