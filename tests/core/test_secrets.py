"""Sign, encrypt, rotate: the wire's vectors, and what must not open anything."""

from __future__ import annotations

import hashlib
from collections import Counter
from unittest import mock
from urllib.parse import quote

import pytest

from authmw.core import secrets as module
from authmw.core.errors import ConfigurationError
from authmw.core.secrets import DOCUMENTED_EXAMPLES, Secrets, digest, random_text

VECTOR = "test-secret-that-is-long-enough-0123456789"
OLD = "an-older-secret-0123456789-zyxwvutsrqponmlkji"
NEW = "a-newer-secret-9876543210-abcdefghijklmnopqrs"


# The vectors of wire-core 2.13


@pytest.mark.parametrize(
    ("value", "signature"),
    [
        ("abcDEF123", "/M2/XUV9jn6B5ozUHDV6lpOK7jfh08p2ABgorBs1z3s="),
        ("true", "zysGb7B7HMmKzQp7snw/JeYvQadTkDvv57VKcKM3gWM="),
    ],
)
def test_cookies_are_signed_as_on_the_wire(value: str, signature: str) -> None:
    secrets = Secrets([VECTOR])
    assert secrets.sign(value) == f"{value}.{signature}"
    assert secrets.unsign(f"{value}.{signature}") == value


def test_a_signed_cookie_reads_on_the_wire_as_in_the_vector() -> None:
    wire = "true.zysGb7B7HMmKzQp7snw%2FJeYvQadTkDvv57VKcKM3gWM%3D"
    assert quote(Secrets([VECTOR]).sign("true"), safe="-_.!~*'()") == wire


@pytest.mark.parametrize(
    ("sealed", "text"),
    [
        ("c8000378cf69f9ff7bd16f5c0db0192043bbc93f77d25e8f2d6f10d80086d14ed8e306db83355bcd048de2", "at1"),
        (
            "29e5e943f9c1e3feedbec6e121e08ff266598ec41b6db493816177187ec77d76c134c741b42aed9cba732ecc3f2cf1541b183795842f4f",
            "hello ünïcode",
        ),
    ],
)
def test_what_better_auth_encrypted_opens(sealed: str, text: str) -> None:
    assert Secrets([VECTOR]).decrypt(sealed) == text


def test_an_envelope_is_opened_by_the_secret_of_its_version() -> None:
    envelope = "$ba$2$d1cd7c6aa6540a8c615de823eb1b65080ed4b99988500185cb49a4a6ca9f084e2deea5fa5a7ec787259e39fb85"
    assert Secrets([VECTOR, OLD], versions=[2, 1]).decrypt(envelope) == "hello"
    assert Secrets([OLD, VECTOR], versions=[2, 1]).decrypt(envelope) is None
    assert Secrets([VECTOR], versions=[3]).decrypt(envelope) is None


def test_a_digest_is_the_one_better_auth_keeps_of_an_identifier() -> None:
    assert digest("reset-password:abc") == "IMUqJ3lXuvod79AbI4EdsWmdAkZeIP5syfKs7-d5fQQ"


def test_xchacha_agrees_with_the_draft_on_the_whole() -> None:
    """draft-irtf-cfrg-xchacha-03, appendix A.3.1, whose key is no hash: taken apart below the hashing."""
    key = bytes(range(0x80, 0xA0))
    nonce = bytes(range(0x40, 0x58))
    plain = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
        b"sunscreen would be it."
    )

    class KeyAsItIs:
        def __init__(self, raw: bytes) -> None:
            self.raw = raw

        def digest(self) -> bytes:
            return self.raw

    with mock.patch.object(hashlib, "sha256", KeyAsItIs):
        cipher = module._xchacha(key, nonce)
    sealed = cipher.encrypt(module._inner_nonce(nonce), plain, bytes.fromhex("50515253c0c1c2c3c4c5c6c7"))
    assert sealed[-16:].hex() == "c0875924c1c7987947deafd8780acf49"
    assert sealed[:16].hex() == "bd6d179d3e83d43b9576579493c0e939"


# Signing


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "value",
        "value.",
        ".zysGb7B7HMmKzQp7snw/JeYvQadTkDvv57VKcKM3gWM=",
        "tru.zysGb7B7HMmKzQp7snw/JeYvQadTkDvv57VKcKM3gWM=",
        "true.zysGb7B7HMmKzQp7snw/JeYvQadTkDvv57VKcKM3gWM",
        "true.zysGb7B7HMmKzQp7snw/JeYvQadTkDvv57VKcKM3gWM==",
        "true.ZysGb7B7HMmKzQp7snw/JeYvQadTkDvv57VKcKM3gWM=",
        "true." + "é" * 43 + "=",
        "true." + "\ud800" * 43 + "=",
        "\ud800.zysGb7B7HMmKzQp7snw/JeYvQadTkDvv57VKcKM3gWM=",
    ],
)
def test_text_that_is_no_signed_value_opens_nothing(text: str) -> None:
    assert Secrets([VECTOR]).unsign(text) is None


def test_a_value_may_hold_dots_since_the_signature_is_behind_the_last() -> None:
    secrets = Secrets([VECTOR])
    assert secrets.unsign(secrets.sign("a.b.c")) == "a.b.c"


@pytest.mark.sec("SEC-023")
def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    secrets = Secrets([VECTOR])
    signed = secrets.sign_as("csrf", "value")
    assert secrets.unsign_as("csrf", signed) == "value"
    assert secrets.unsign_as("state", signed) is None
    assert secrets.unsign(signed) is None
    assert secrets.unsign_as("csrf", secrets.sign("value")) is None
    for junk in ("", "value", "value.é", "\ud800.x"):
        assert secrets.unsign_as("csrf", junk) is None


@pytest.mark.sec("SEC-023")
def test_what_is_encrypted_for_one_purpose_does_not_open_for_another() -> None:
    secrets = Secrets([VECTOR])
    sealed = secrets.encrypt("seed", purpose="totp")
    assert secrets.decrypt(sealed, purpose="totp") == "seed"
    assert secrets.decrypt(sealed, purpose="oauth") is None
    assert secrets.decrypt(sealed) is None
    assert secrets.decrypt(secrets.encrypt("seed"), purpose="totp") is None


def test_encrypting_twice_gives_two_texts() -> None:
    secrets = Secrets([VECTOR])
    assert secrets.encrypt("x") != secrets.encrypt("x")


def test_a_changed_byte_anywhere_does_not_open() -> None:
    secrets = Secrets([VECTOR])
    sealed = secrets.encrypt("seed")
    for place in range(0, len(sealed), 2):
        byte = f"{int(sealed[place : place + 2], 16) ^ 1:02x}"
        assert secrets.decrypt(sealed[:place] + byte + sealed[place + 2 :]) is None


@pytest.mark.parametrize("text", ["", "zz", "abc", "00" * 39, "00" * 40, "$ba$", "$ba$1$", "$ba$1$zz", "$ba$x$00", "é"])
def test_text_that_is_nothing_encrypted_opens_nothing(text: str) -> None:
    assert Secrets([VECTOR]).decrypt(text) is None


@pytest.mark.sec("SEC-028")
def test_two_purposes_never_share_a_key_and_none_is_the_root() -> None:
    secrets = Secrets([VECTOR])
    keys = {secrets.subkey(purpose) for purpose in ("a", "b", "ab", "")}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)
    assert VECTOR.encode() not in keys
    assert hashlib.sha256(VECTOR.encode()).digest() not in keys


def test_a_fingerprint_tells_parts_apart_and_depends_on_the_secret() -> None:
    secrets = Secrets([VECTOR])
    assert secrets.fingerprint("p", "ab", "c") != secrets.fingerprint("p", "a", "bc")
    assert secrets.fingerprint("p", "a") != secrets.fingerprint("q", "a")
    assert secrets.fingerprint("p", "a") != Secrets([OLD]).fingerprint("p", "a")
    assert secrets.fingerprint("p", "\ud800")


# Rotation


@pytest.mark.sec("SEC-029")
def test_the_newest_secret_signs_and_every_secret_is_accepted() -> None:
    before, during, after = Secrets([OLD]), Secrets([NEW, OLD]), Secrets([NEW])
    assert during.sign("v") == after.sign("v")
    assert during.unsign(before.sign("v")) == "v"
    assert during.unsign_as("p", before.sign_as("p", "v")) == "v"
    assert during.decrypt(before.encrypt("v")) == "v"
    assert during.roots == (NEW.encode(), OLD.encode())
    assert during.subkeys("p") == (after.subkey("p"), before.subkey("p"))


@pytest.mark.sec("SEC-029")
def test_removing_a_secret_kills_what_it_signed() -> None:
    before, after = Secrets([OLD]), Secrets([NEW])
    assert after.unsign(before.sign("v")) is None
    assert after.unsign_as("p", before.sign_as("p", "v")) is None
    assert after.decrypt(before.encrypt("v")) is None


@pytest.mark.sec("SEC-029")
def test_what_the_newest_secret_encrypted_opens_when_the_older_ones_are_gone() -> None:
    newest = "the-newest-secret-5647382910-qponmlkjihgfedcba"
    during = Secrets([NEW, OLD])
    sealed = during.encrypt("v", purpose="p")
    for later in (Secrets([NEW]), Secrets([newest, NEW]), Secrets([newest, NEW, OLD])):
        assert later.decrypt(sealed, purpose="p") == "v"


@pytest.mark.sec("SEC-029")
def test_with_several_secrets_what_is_encrypted_names_its_version() -> None:
    assert Secrets([NEW, OLD]).encrypt("v").startswith("$ba$2$")
    assert Secrets([NEW, OLD], versions=[7, 3]).encrypt("v").startswith("$ba$7$")
    assert not Secrets([NEW]).encrypt("v").startswith("$ba$")
    first, second = Secrets([OLD], versions=[1]), Secrets([NEW, OLD], versions=[2, 1])
    assert second.decrypt(first.encrypt("v", purpose="p"), purpose="p") == "v"


# Weak secrets


@pytest.mark.sec("SEC-028")
@pytest.mark.parametrize(
    "weak",
    [
        "",
        "short",
        "a-secret-of-31-bytes-0123456789",
        *DOCUMENTED_EXAMPLES,
        "a" * 64,
        "ab" * 32,
        "12345678" * 1 + "1" * 40,
    ],
)
def test_weak_secrets_are_refused_and_the_message_says_what_to_set(weak: str) -> None:
    with pytest.raises(ConfigurationError, match="AUTHMW_SECRET"):
        Secrets([weak])
    with pytest.raises(ConfigurationError, match="AUTHMW_SECRET"):
        Secrets([NEW, weak])


@pytest.mark.sec("SEC-028")
def test_no_secret_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="AUTHMW_SECRET"):
        Secrets([])


@pytest.mark.sec("SEC-028")
def test_secrets_that_are_random_are_accepted() -> None:
    for _ in range(200):
        Secrets([random_text(32)])


@pytest.mark.sec("SEC-020")
def test_symbols_are_chosen_evenly() -> None:
    """Chi-square with 61 degrees of freedom: above 140 has a chance below one in ten million."""
    drawn = Counter(random_text(62_000))
    assert len(drawn) == 62
    assert sum((count - 1000) ** 2 / 1000 for count in drawn.values()) < 140
