"""An application's colours, corners and fonts as a style sheet, and whether people can read the screens in them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ..core.errors import ConfigurationError
from .ui_config import UIConfig

logger = logging.getLogger("authmw")

# What static/authmw.css gives every token; a test compares them.
LIGHT: Mapping[str, str] = {
    "bg": "#fff",
    "surface": "#fff",
    "text": "#16181d",
    "muted": "#50565f",
    "border": "#767d88",
    "brand": "#1b57d0",
    "on_brand": "#fff",
    "danger": "#b3261e",
    "ok": "#146c2e",
    "focus": "#1b57d0",
}
DARK: Mapping[str, str] = {
    "bg": "#111418",
    "surface": "#181c22",
    "text": "#f0f2f5",
    "muted": "#b4bcc8",
    "border": "#858d99",
    "brand": "#8ab4ff",
    "on_brand": "#0a1633",
    "danger": "#ffb4ab",
    "ok": "#7fdc95",
    "focus": "#8ab4ff",
}


@dataclass(frozen=True)
class Mix:
    """A ground that the sheet makes with color-mix(): so many percent of one token over another."""

    ground: str
    token: str
    percent: int

    def __str__(self) -> str:
        return f"{self.ground} with {self.percent}% of {self.token}"


PAGE = Mix("bg", "text", 3)  # around the cards; in the dark scheme it is bg itself
TINT = Mix("surface", "text", 6)  # under the pointer, the current place in the navigation, fields to read only
PROBLEM = Mix("surface", "danger", 7)  # the summary of what is wrong
GOOD_NEWS = Mix("surface", "ok", 7)  # the notice
POINTED_AT = Mix("brand", "text", 12)  # the first button under the pointer

READABLE = 4.5  # WCAG 2.2 SC 1.4.3: text. No text of the screens is large enough for less.
VISIBLE = 3.0  # WCAG 2.2 SC 1.4.11: borders of controls, and what shows focus

# Which token stands on which grounds, somewhere on the screens. The lines between things (border over surface, 32%) are
# not here: nothing is known by them alone.
PAIRS: tuple[tuple[str, tuple[str | Mix, ...], float], ...] = (
    ("text", ("bg", "surface", PAGE, TINT, PROBLEM, GOOD_NEWS), READABLE),
    ("muted", ("bg", "surface", PAGE, TINT), READABLE),
    ("brand", ("bg", "surface", PAGE, TINT), READABLE),
    ("on_brand", ("brand", POINTED_AT), READABLE),
    ("danger", ("bg", "surface", PAGE, TINT, PROBLEM), READABLE),
    ("ok", ("bg", "surface", PAGE), READABLE),
    ("border", ("bg", "surface", PAGE), VISIBLE),
    ("focus", ("bg", "surface", PAGE, PROBLEM), VISIBLE),
)

HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE | re.ASCII)
LENGTH = re.compile(r"0|(?:\d{1,4}(?:\.\d{1,4})?|\.\d{1,4})(?:px|r?em|ch|ex|pt)", re.ASCII)
# Nothing that ends a declaration, a string, a comment or the sheet can be written with these.
FAMILY = re.compile(r"""-?[^\W\d][\w-]*(?: [^\W\d][\w-]*)*|"[\w .&+-]+"|'[\w .&+-]+'""")
# For the whole of CSS these are no names of fonts: a token that holds one of them holds nothing.
NO_FAMILY = frozenset({"inherit", "initial", "unset", "revert", "revert-layer", "default"})

Rgb = tuple[float, float, float]  # each from 0 to 1, as it is written: not linear
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, Scheme] = ("light", "dark")


def theme_css(config: UIConfig) -> str:
    """Return the sheet that goes after authmw.css, with the tokens that were chosen and no others; "" for none.

    `config` was let through by `check_theme`: its values stand here as they were written.
    """
    light, dark = (_with_on_brand(*_chosen(config, scheme)) for scheme in SCHEMES)
    shape = {"font": config.font, "font_mono": config.font_mono, "radius": config.radius}
    # Without its unit, a zero spoils every calc() that it is used in.
    shape["radius"] = "0px" if shape["radius"] == "0" else shape["radius"]
    everywhere = light | {name: value for name, value in shape.items() if value is not None}
    sheet = f":root {{ {_declarations(everywhere)} }}\n" if everywhere else ""
    if dark:
        # These are the selectors of authmw.css: others would win or lose against its own dark colours.
        declared = _declarations(dark)
        sheet += f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ {declared} }} }}\n"
        sheet += f":root[data-theme=dark] {{ {declared} }}\n"
    return sheet


def check_theme(config: UIConfig) -> None:
    """Raise ConfigurationError for a value that is not what it should be, and for colours that people cannot read.

    Values are checked letter by letter because they go into a sheet as they are: one that closes its declaration could
    restyle the screens, or fetch from elsewhere. With `strict_contrast=False` colours only make a warning.
    """
    if config.scheme not in ("auto", "light", "dark"):
        raise ConfigurationError(f'UIConfig(scheme={config.scheme!r}): write "auto", "light" or "dark".')
    for scheme in SCHEMES:
        _check_colors(config, scheme)
    if config.radius is not None and not (isinstance(config.radius, str) and LENGTH.fullmatch(config.radius)):
        raise ConfigurationError(
            f'UIConfig(radius={config.radius!r}) is no length. Write: radius="0.5rem", "8px" or "0".'
        )
    for field, families, example in (
        ("font", config.font, '"Inter", system-ui, sans-serif'),
        ("font_mono", config.font_mono, "ui-monospace, monospace"),
    ):
        if families is not None and not _are_families(families):
            raise ConfigurationError(f"UIConfig({field}={families!r}) is no list of fonts. Write: {field}='{example}'.")
    for scheme in SCHEMES:
        # What people are never shown, and what we chose ourselves, need not be asked about.
        if config.scheme in ("auto", scheme) and _chosen(config, scheme)[0]:
            _check_contrast(config, scheme)


def relative_luminance(color: Rgb) -> float:
    """How bright a colour is, from 0 for black to 1 for white: WCAG 2.2, "relative luminance"."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """How well one colour stands out from another, from 1 to 21: WCAG 2.2, "contrast ratio"."""
    darker, lighter = sorted((relative_luminance(one), relative_luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def rgb(hex_color: str) -> Rgb:
    """Read `#rgb` or `#rrggbb`."""
    digits = hex_color.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def mixed(ground: Rgb, over: Rgb, percent: float) -> Rgb:
    """What color-mix(in srgb, …) makes: CSS Color 5 section 3."""
    red, green, blue = (below + (above - below) * percent / 100 for below, above in zip(ground, over, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class Shortfall:
    """A colour that cannot be told well enough from what it stands on."""

    name: str
    ground: str | Mix
    ratio: float
    needed: float

    def __str__(self) -> str:
        # Cut, not rounded: 4.499 must not read as the 4.5 that was asked for.
        return f"{self.name} on {self.ground} has {int(self.ratio * 100) / 100}:1 and needs {self.needed:g}:1"


def shortfalls(palette: Mapping[str, str], scheme: Scheme) -> Iterator[Shortfall]:
    """Every pair of a whole palette that is below WCAG 2.2 AA."""
    for name, grounds, needed in PAIRS:
        for ground in grounds:
            if ground is PAGE and scheme == "dark":
                continue
            ratio = contrast(rgb(palette[name]), _color_of(ground, palette))
            if ratio < needed:
                yield Shortfall(name, ground, ratio, needed)


def _color_of(ground: str | Mix, palette: Mapping[str, str]) -> Rgb:
    if isinstance(ground, Mix):
        return mixed(rgb(palette[ground.ground]), rgb(palette[ground.token]), ground.percent)
    return rgb(palette[ground])


def _chosen(config: UIConfig, scheme: Scheme) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What the application chose for a scheme, and what it has for the rest."""
    return (config.colors, LIGHT) if scheme == "light" else (config.colors_dark, DARK)


def _with_on_brand(given: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """Return what was given, and with a brand always the colour of the words on it.

    Black and white, and nothing softer: one of the two reads on every colour there is.
    """
    if "brand" not in given or "on_brand" in given:
        return dict(given)
    palette = {**defaults, **given}
    grounds = [_color_of(ground, palette) for ground in ("brand", POINTED_AT)]
    best = max(("#fff", "#000"), key=lambda color: min(contrast(rgb(color), ground) for ground in grounds))
    return {**given, "on_brand": best}


def _declarations(tokens: Mapping[str, str]) -> str:
    return "; ".join(f"--am-{name.replace('_', '-')}: {value}" for name, value in tokens.items())


def _check_colors(config: UIConfig, scheme: Scheme) -> None:
    given, defaults = _chosen(config, scheme)
    field = _field(scheme)
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f'UIConfig({field}=…) goes from names to colours. Write: {field}={{"brand": "#146c2e"}}.'
        )
    for name, value in given.items():
        if name not in defaults:
            better = str(name).removeprefix("--am-").replace("-", "_").lower()
            hint = (
                f'Write: {field}={{"{better}": …}}.' if better in defaults else f"Write one of: {', '.join(defaults)}."
            )
            raise ConfigurationError(f"UIConfig({field}=…): there is no colour {name!r}. {hint}")
        if not (isinstance(value, str) and HEX.fullmatch(value)):
            raise ConfigurationError(
                f"UIConfig({field}=…): {value!r} is no colour in hex. "
                f'Write: {field}={{"{name}": "{defaults[name]}"}}, with a colour of yours.'
            )


def _are_families(families: object) -> bool:
    if not isinstance(families, str):
        return False
    names = [name.strip(" ") for name in families.split(",")]
    return all(FAMILY.fullmatch(name) and name.lower() not in NO_FAMILY for name in names)


def _check_contrast(config: UIConfig, scheme: Scheme) -> None:
    given, defaults = _chosen(config, scheme)
    found = list(shortfalls({**defaults, **_with_on_brand(given, defaults)}, scheme))
    if not found:
        return
    told = "".join(f"\n- {each}" for each in found)
    better = _readable(given, scheme, defaults)
    field = _field(scheme)
    way = (
        f"Write: UIConfig({field}={json.dumps(better)})."
        if better
        else f'Nothing can be read on these grounds. Choose lighter or darker ones: UIConfig({field}={{"bg": …, "surface": …}}).'
    )
    message = f"In the {scheme} colours of UIConfig, contrast is below WCAG 2.2 AA:{told}\n{way}"
    if config.strict_contrast:
        raise ConfigurationError(f"{message} To be warned only: UIConfig(strict_contrast=False).")
    logger.warning("%s", message)


def _readable(given: Mapping[str, str], scheme: Scheme, defaults: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return the colours with as little change as makes all of them readable; None when no change of them does.

    Grounds stay as they are. Some hold a little of another token, so a change may ask for one more: hence the rounds.
    """
    better = dict(given)
    for _ in range(4):
        failing = {each.name for each in shortfalls({**defaults, **_with_on_brand(better, defaults)}, scheme)}
        if not failing:
            return better
        for name in (name for name, _, _ in PAIRS if name in failing):
            for color in _shades({**defaults, **better}[name]):
                trial = {**better, name: color}
                palette = {**defaults, **_with_on_brand(trial, defaults)}
                if all(each.name != name for each in shortfalls(palette, scheme)):
                    better = trial
                    break
    return None


def _shades(color: str) -> Iterator[str]:
    """The same colour darker and lighter, in steps of 2%, the nearest first."""
    for percent in range(0, 101, 2):
        for end in ("#000", "#fff"):
            yield "#" + "".join(f"{round(part * 255):02x}" for part in mixed(rgb(color), rgb(end), percent))


def _field(scheme: Scheme) -> str:
    return "colors" if scheme == "light" else "colors_dark"
