"""Pictures of every screen in every state, and a sheet to look at them all: `python -m tests.browser.screenshots [part of a name]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import jinja2
from playwright.sync_api import Browser

from tests.browser.catalogue import STATES, State
from tests.browser.site import ROOT, Site, running
from tests.browser.window import NARROW, SCHEMES, WIDE, Scheme, Window, chromium

FOLDER = ROOT / "build" / "screenshots"
LOOKS: tuple[tuple[Scheme, int], ...] = tuple((scheme, width) for scheme in SCHEMES for width in (NARROW, WIDE))
SHEET = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Screens of authmw</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 18%, Canvas); --ground: color-mix(in srgb, CanvasText 5%, Canvas); }
body { margin: 0 auto; padding: 2rem; max-inline-size: 110rem; font: 1rem/1.5 system-ui, sans-serif; background: var(--ground); }
h1 { margin: 0; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none; }
section { margin-block-start: 3rem; }
h2 { margin: 0 0 1rem; padding-block-end: .5rem; border-block-end: 1px solid var(--line); font-family: ui-monospace, monospace; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1rem; }
.row { display: grid; grid-template-columns: 1fr 3fr 1fr 3fr; gap: 1rem; align-items: start; }
figure { margin: 0; }
figcaption { font-size: .8125rem; color: color-mix(in srgb, CanvasText 70%, Canvas); }
img { display: block; inline-size: 100%; block-size: auto; border: 1px solid var(--line); border-radius: .375rem; }
@media (max-width: 50rem) { .row { grid-template-columns: 1fr 3fr; } }
</style>
</head>
<body>
<h1>Screens of authmw</h1>
<p>{{ states | length }} states of {{ screens | length }} screens, each at {{ narrow }} and {{ wide }} pixels, light and dark. A picture opens in full size.</p>
<nav aria-label="Screens"><ul>
{% for path, _ in screens %}
<li><a href="#{{ path }}">{{ path }}</a></li>
{% endfor %}
</ul></nav>
{% for path, states in screens %}
<section id="{{ path }}">
<h2>{{ path }}</h2>
{% for state in states %}
<h3>{{ state.name }}</h3>
<div class="row">
{% for scheme, width in looks %}
{% set file = picture(state, scheme, width) %}
<figure><a href="{{ file }}"><img src="{{ file }}" alt="{{ path }}, {{ state.name }}, {{ scheme }}, {{ width }} pixels" loading="lazy"></a><figcaption>{{ scheme }}, {{ width }}</figcaption></figure>
{% endfor %}
</div>
{% endfor %}
</section>
{% endfor %}
</body>
</html>
"""


def picture(state: State, scheme: Scheme, width: int) -> str:
    """The name of the file."""
    return f"{state.slug}--{scheme}-{width}.png"


def take(state: State, browser: Browser, site: Site, folder: Path) -> None:
    """Go to a state and take its four pictures."""
    window = Window(browser, site)
    state.way(window)
    for scheme, width in LOOKS:
        window.look(scheme=scheme, width=width)
        window.page.screenshot(path=folder / picture(state, scheme, width), full_page=True)
    window.close()


def write_sheet(states: Sequence[State], folder: Path) -> Path:
    """One page with all pictures, a row for each state, which works where the folder is carried to."""
    ordered = sorted(states, key=lambda state: [each.screen for each in STATES].index(state.screen))
    screens = [(path, list(those)) for path, those in groupby(ordered, key=lambda state: state.screen)]
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(SHEET)
    page = folder / "index.html"
    page.write_text(
        template.render(states=states, screens=screens, looks=LOOKS, picture=picture, narrow=NARROW, wide=WIDE)
    )
    return page


def main(wanted: str = "") -> None:
    folder = FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png") if not wanted else ():
        old.unlink()
    states = [state for state in STATES if wanted in state.slug]
    with running() as site, running(required=True) as strict_site, chromium() as browser:
        for number, state in enumerate(states, start=1):
            print(f"\r{number:3} of {len(states)}  {state.screen}, {state.name}\x1b[K", end="", flush=True)
            take(state, browser, strict_site if state.strict else site, folder)
    print(f"\r{len(states) * len(LOOKS)} pictures of {len(states)} states: {write_sheet(states, folder)}\x1b[K")


if __name__ == "__main__":
    main(*sys.argv[1:])
