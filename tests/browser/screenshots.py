"""Pictures of every screen in every state, to look at: `python -m tests.browser.screenshots [part of a name]`."""

from __future__ import annotations

import sys

from tests.browser.catalogue import STATES
from tests.browser.site import ROOT, running
from tests.browser.window import Scheme, Window, chromium

FOLDER = ROOT / "build" / "screenshots"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def main(wanted: str = "") -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with running() as site, running(required=True) as strict_site, chromium() as browser:
        for state in STATES:
            if wanted not in state.slug:
                continue
            window = Window(browser, strict_site if state.strict else site)
            state.way(window)
            for scheme in SCHEMES:
                window.page.emulate_media(color_scheme=scheme)
                for width in (320, 1280):
                    window.page.set_viewport_size({"width": width, "height": 800})
                    name = f"{state.slug.replace(' ', '-')}--{scheme}-{width}.png"
                    window.page.screenshot(path=FOLDER / name, full_page=True)
            window.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main(*sys.argv[1:])
