"""Every test with `is_async` runs with both clients."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[False, True], ids=["AuthClient", "AsyncAuthClient"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)
