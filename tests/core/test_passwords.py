"""Hashes: formats, lengths, and how many at once."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from authmw.core import passwords
from authmw.core.errors import ConfigurationError, ServiceUnavailable
from authmw.core.passwords import Hashing, Passwords, PasswordTooLong, PasswordTooShort, Verdict

pytestmark = pytest.mark.anyio

# wire-core 2.13
SCRYPT = (
    "0ad09e30a03cbfff5b7828cbd3586b67:ca14519f850bf62f908619f743260dd17196d713e527a121ed51e68ebf15300b"
    "ceadd06cc93f542250d5cd027f6bdcaa3861fed7c1ce3fcce3995bfc3c051270"
)


def fast(**more: Any) -> Passwords:
    return Passwords(Hashing(memory=8, passes=1, at_once=more.pop("at_once", 2)), allow_weak=True, **more)


# Formats


async def test_a_scrypt_hash_of_better_auth_verifies_and_is_outdated() -> None:
    hashes = fast()
    assert await hashes.verify("password123", SCRYPT) == Verdict(True, outdated=True)
    assert await hashes.verify("password123", SCRYPT.upper()[:0] + SCRYPT[:33] + SCRYPT[33:].upper()) == Verdict(
        True, outdated=True
    )
    assert not (await hashes.verify("password124", SCRYPT)).right


async def test_in_a_shared_database_scrypt_is_written_and_up_to_date_and_argon2_is_not() -> None:
    shared = fast(better_auth=True)
    assert await shared.verify("password123", SCRYPT) == Verdict(True)
    written = await shared.hash("password123")
    salt, _, key = written.partition(":")
    assert (len(salt), len(key)) == (32, 128)
    assert await shared.verify("password123", written) == Verdict(True)
    assert await shared.verify("password123", await fast().hash("password123")) == Verdict(True, outdated=True)


@pytest.mark.sec("SEC-005")
async def test_compatible_spellings_are_one_password() -> None:
    for hashes in (fast(), fast(better_auth=True)):
        stored = await hashes.hash("\ufb01\u2460\u212b")  # wire-core 2.13, NFKC
        assert (await hashes.verify("fi1\u00c5", stored)).right


@pytest.mark.sec("SEC-005")
@pytest.mark.parametrize(
    ("set_to", "typed"),
    [
        ("password ", "password"),
        (" password", "password"),
        ("Password", "password"),
        ("p" * 73, "p" * 72),
        ("p" * 72 + "a", "p" * 72 + "b"),
    ],
)
async def test_spaces_case_and_the_73rd_byte_matter(set_to: str, typed: str) -> None:
    hashes = fast()
    stored = await hashes.hash(set_to)
    assert (await hashes.verify(set_to, stored)).right
    assert not (await hashes.verify(typed, stored)).right


@pytest.mark.sec("SEC-001")
async def test_a_stored_hash_is_argon2id_with_the_approved_parameters() -> None:
    parameters = extract_parameters(await Passwords().hash("correct horse battery"))
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)


@pytest.mark.sec("SEC-001")
@pytest.mark.parametrize(
    ("memory", "passes", "strong"),
    [
        (47103, 1, False),
        (47104, 1, True),
        (19455, 2, False),
        (19456, 2, True),
        (12287, 3, False),
        (12288, 3, True),
        (12288, 10, True),
        (65536, 0, False),
    ],
)
def test_weaker_hashing_is_refused_at_the_start(memory: int, passes: int, strong: bool) -> None:
    if strong:
        Passwords(Hashing(memory=memory, passes=passes))
        return
    with pytest.raises(ConfigurationError, match="memory=19456, passes=2"):
        Passwords(Hashing(memory=memory, passes=passes))


@pytest.mark.sec("SEC-004")
@pytest.mark.parametrize(("shortest", "longest"), [(7, 128), (8, 63), (8, 1025), (0, 128)])
def test_lengths_outside_the_allowed_are_refused_at_the_start(shortest: int, longest: int) -> None:
    with pytest.raises(ConfigurationError):
        Passwords(shortest=shortest, longest=longest)
    Passwords(shortest=8, longest=64)
    Passwords(shortest=15, longest=1024)


@pytest.mark.sec("SEC-002")
async def test_a_hash_of_other_parameters_verifies_and_is_outdated() -> None:
    stored = await Passwords(Hashing(memory=16, passes=2), allow_weak=True).hash("password")
    assert await fast().verify("password", stored) == Verdict(True, outdated=True)
    assert await fast().verify("passwort", stored) == Verdict(False)
    assert await fast().verify("password", await fast().hash("password")) == Verdict(True)


@pytest.mark.sec("SEC-002")
@pytest.mark.parametrize(
    "stored",
    [
        "",
        "x",
        ":",
        "plain-password",
        "$argon2",
        "$argon2id$garbage",
        "$argon2id$v=19$m=8,t=1,p=1$!!$!!",
        "$argon2id$v=19$m=8,t=1,p=1$é$é",
        "$2b$12$abcdefghijklmnopqrstuv",
        SCRYPT[:-1],
        SCRYPT + "0",
        "é" + SCRYPT[1:],
        SCRYPT.replace(":", ";"),
    ],
)
async def test_a_hash_nobody_can_read_is_a_wrong_password_and_no_error(stored: str) -> None:
    assert await fast().verify("password123", stored) == Verdict(False, readable=False)


@pytest.mark.sec("SEC-007")
async def test_without_a_hash_the_same_work_is_done_and_the_answer_is_no() -> None:
    hashes = fast()
    worked: list[str] = []
    check = hashes._check
    hashes._check = lambda password, stored: worked.append(stored) or check(password, stored)  # type: ignore[method-assign, func-returns-value]
    assert await hashes.verify("nobody", None) == Verdict(False)
    assert await hashes.verify("other", None) == Verdict(False)
    assert len(worked) == 2
    assert worked[0] == worked[1], "the dummy hash is fixed"
    assert extract_parameters(worked[0]).memory_cost == 8, "the dummy hash has the parameters of the others"


# Lengths


@pytest.mark.sec("SEC-004")
@pytest.mark.parametrize(
    ("password", "refused"),
    [
        ("p" * 7, PasswordTooShort),
        ("p" * 8, None),
        ("\U0001f600" * 3, PasswordTooShort),
        ("\U0001f600" * 4, None),  # four emoji are eight UTF-16 units: wire 1.1
        ("p" * 128, None),
        ("p" * 129, PasswordTooLong),
        ("\U0001f600" * 64, None),
        ("\U0001f600" * 65, PasswordTooLong),
        ("p" * 1_000_000, PasswordTooLong),
        ("\ud800" * 8, None),
    ],
)
def test_lengths_count_utf_16_units(password: str, refused: type[Exception] | None) -> None:
    hashes = fast()
    if refused is None:
        hashes.check_length(password)
        hashes.check_maximum(password)
        return
    with pytest.raises(refused):
        hashes.check_length(password)
    if refused is PasswordTooLong:
        with pytest.raises(PasswordTooLong):
            hashes.check_maximum(password)
    else:
        hashes.check_maximum(password)


# The pool


class Gate:
    """Work that stands still until told, and counts how much of it runs at once."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.running = self.most = self.done = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.open.wait(10)
        with self._lock:
            self.running -= 1
            self.done += 1
        return self.done


async def settled(check: Any) -> None:
    """Let other tasks and threads go on until `check()` holds."""
    until = time.monotonic() + 5
    while not check():
        assert time.monotonic() < until, "it never came to that"
        await asyncio.sleep(0.001)


@pytest.mark.sec("SEC-003")
async def test_more_than_64_waiting_are_refused_at_once() -> None:
    hashes, gate = fast(at_once=2), Gate()
    working = [asyncio.create_task(hashes._in_pool(gate)) for _ in range(2)]
    await settled(lambda: gate.running == 2)
    waiting = [asyncio.create_task(hashes._in_pool(gate)) for _ in range(64)]
    await settled(lambda: hashes._waiting == 64)
    with pytest.raises(ServiceUnavailable) as refused:
        await hashes.hash("one too many")
    assert refused.value.status == 503
    assert refused.value.headers == {"Retry-After": "1"}
    gate.open.set()
    await asyncio.gather(*working, *waiting)
    assert gate.most == 2
    assert await hashes.hash("and then it goes on")


@pytest.mark.sec("SEC-003")
async def test_who_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_WAIT_SECONDS", 0.02)
    hashes, gate = fast(at_once=1), Gate()
    working = asyncio.create_task(hashes._in_pool(gate))
    await settled(lambda: gate.running == 1)
    with pytest.raises(ServiceUnavailable):
        await hashes.verify("password", None)
    assert hashes._waiting == 0
    gate.open.set()
    await working
    assert await hashes.verify("password", None) == Verdict(False)


@pytest.mark.sec("SEC-003")
async def test_callers_who_go_away_let_no_further_hash_in_before_theirs_is_done() -> None:
    hashes, gate = fast(at_once=2), Gate()
    # More threads than places, so that a place given back too early would show.
    from concurrent.futures import ThreadPoolExecutor

    hashes._pool = ThreadPoolExecutor(16)
    gone = [asyncio.create_task(hashes._in_pool(gate)) for _ in range(2)]
    await settled(lambda: gate.running == 2)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    waiting = [asyncio.create_task(hashes._in_pool(gate)) for _ in range(10)]
    await settled(lambda: hashes._waiting == 10)
    for task in waiting[:5]:
        task.cancel()
    await settled(lambda: hashes._waiting == 5)
    assert gate.most == 2
    gate.open.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert gate.most == 2
    assert gate.done == 2 + 5, "who left the queue costs nothing"
    assert await hashes.hash("all places are back")


async def test_hashing_works_again_after_it_was_closed_and_on_another_event_loop() -> None:
    hashes = fast()
    stored = await hashes.hash("password")
    hashes.close()
    assert (await hashes.verify("password", stored)).right
    found = await asyncio.to_thread(lambda: asyncio.run(hashes.verify("password", stored)))
    assert found.right
