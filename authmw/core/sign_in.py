"""continue_sign_in: a proof comes in, a session or a further step goes out."""

from __future__ import annotations

from collections.abc import Sequence

from . import sessions
from .call import Call, SignedIn
from .model import U
from .operation import StepRequired


async def continue_sign_in(
    call: Call[U], user: U, *, proved_by: str | Sequence[str], remember: bool = True
) -> SignedIn[U] | StepRequired:
    """Turn proofs of who someone is into a session, once no feature asks for more.

    `proved_by` names the methods: "password", "totp", "passkey" … This is the only door to a session, so
    that whatever guards it guards every way in.
    """
    methods = (proved_by,) if isinstance(proved_by, str) else tuple(proved_by)
    for feature in call.auth.hooked("next_step"):
        step = await feature.next_step(call, user, methods)
        if step is not None:
            return step
    signed_in = await sessions.start(call, user, remember=remember)
    call.event("auth.sign_in", user_id=user.id, proved_by=",".join(methods))
    return signed_in
