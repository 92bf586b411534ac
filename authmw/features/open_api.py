"""The API described: as a document for programs, and as a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..core.call import Call
from ..core.client_ip import is_this_machine
from ..core.errors import ConfigurationError, NotFound
from ..core.feature import Feature
from ..core.model import U
from ..core.operation import Operation, PageAnswer, operation

REFERENCE = "/reference"

# The feature


class OpenApi(Feature):
    """Describe every operation that is switched on. Where it is off, its routes are as unknown as any other.

    `enabled=None` is on for somebody's own machine only: nobody else has to know what an application can do. The page
    is at `path`; `disable_default_reference` leaves it out and keeps the document.
    """

    def __init__(
        self, *, path: str = REFERENCE, disable_default_reference: bool = False, enabled: bool | None = None
    ) -> None:
        if not path.startswith("/") or ":" in path:
            raise ConfigurationError(f'OpenApi(path={path!r}) is no path. Write: OpenApi(path="{REFERENCE}").')
        self.path = path
        self.has_page = not disable_default_reference
        self.enabled = enabled

    def operations(self) -> list[Operation]:
        found = {each.route.name: each for each in super().operations()}
        page = found.pop("reference")
        if self.has_page:
            found["reference"] = replace(page, route=replace(page.route, path=self.path))
        return list(found.values())

    @operation("GET", "/open-api/generate-schema", raises=(NotFound,))
    async def generate_schema(self, call: Call[U]) -> Mapping[str, Any]:
        """Return the OpenAPI document of this API."""
        self._require_on(call)
        return call.auth.openapi

    @operation("GET", REFERENCE, raises=(NotFound,))
    async def reference(self, call: Call[U]) -> PageAnswer:
        """Show the same document as a page."""
        self._require_on(call)
        return PageAnswer("open_api/reference.html", call.auth.openapi)

    def _require_on(self, call: Call[U]) -> None:
        if not (self._is_at_home(call) if self.enabled is None else self.enabled):
            raise NotFound

    def _is_at_home(self, call: Call[U]) -> bool:
        """A base URL of this machine may have been forgotten there: whoever asks has to sit at it too."""
        connection = call.connection
        here = connection is None or is_this_machine(connection.peer, connection.headers)
        return call.auth.settings.is_loopback and here
