"""Sign up and in with an address and a password."""

from __future__ import annotations

import pytest

from tests.support import make_auth, serving

pytestmark = pytest.mark.anyio


async def test_signing_up_signs_in_and_is_remembered_by_the_cookie() -> None:
    async with serving(make_auth()) as browser:
        answer = await browser.sign_up(email="Ann@Example.com")
        assert answer.status_code == 200
        assert answer.json()["user"]["email"] == "ann@example.com"
        assert (await browser.get("/me")).json()["email"] == "ann@example.com"
