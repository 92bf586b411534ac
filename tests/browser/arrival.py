"""A state of the catalogue, gone to once for all the checks that look at it."""

from __future__ import annotations

from tests.browser.catalogue import State
from tests.browser.site import Site
from tests.browser.window import KeptWindows, Window

DESCRIBE_FOCUS = """() => {
  const one = document.activeElement;
  return one === null || one === document.body ? '' : one.id ? '#' + one.id : one.className ? '.' + one.className : one.localName;
}"""
AS_AT_FIRST = """([dir, lang]) => {
  document.adoptedStyleSheets = [];
  document.documentElement.dir = dir;
  document.documentElement.lang = lang;
  history.replaceState(history.state, '', location.pathname + location.search);
  scrollTo(0, 0);
}"""


class Arrival:
    """Going to a state takes about a second, so whatever does not change the page looks at the same window.

    It is one of `windows`, in which other states were looked at before: opening one takes half of that second.
    """

    def __init__(self, state: State, windows: KeptWindows, site: Site) -> None:
        self.state = state
        self._windows, self._site = windows, site
        self._window: Window | None = None
        self._lost: BaseException | None = None
        self._seen = 0
        self._direction: list[str] = []

    def window(self) -> Window:
        """The window, there for the first time or looking as it did then."""
        if self._lost is not None:
            raise self._lost
        if self._window is None:
            self._go()
        else:
            self._window.look()
            self._window.page.evaluate(AS_AT_FIRST, self._direction)
        assert self._window is not None
        return self._window

    def leave(self) -> None:
        """Whoever looks next has to go there again."""
        self._window = None

    @property
    def is_put_together(self) -> bool:
        """Has htmx put the answer into an earlier page? To reload that one leads back to it."""
        return self._by_htmx

    def new_troubles(self) -> list[str]:
        """What has gone wrong in the window since this was asked last."""
        troubles = self._window.troubles[self._seen :] if self._window else []
        self._seen += len(troubles)
        return troubles

    def _go(self) -> None:
        window = self._window = self._windows(self._site)
        window.forget()
        window.look()
        self._seen = 0
        try:
            self.state.way(window)
            window.page.wait_for_load_state()
            self.html = window.answer.text()
            self.status = window.answer.status
            self._by_htmx = window.answer.request.headers.get("hx-request") == "true"
            self.focus: str = window.page.evaluate(DESCRIBE_FOCUS)
            self._direction = window.page.evaluate("[document.documentElement.dir, document.documentElement.lang]")
        except BaseException as lost:
            self._lost = lost
            self.leave()
            self._windows.throw_away(self._site)
            raise
        self.troubles = self.new_troubles()
