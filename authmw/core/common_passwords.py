"""The 10,000 most common passwords of at least eight characters, in lower case: `common_passwords.LICENSE` says whose."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("common_passwords.txt.gz")


@cache
def common_passwords() -> frozenset[str]:
    """The list, read when it is first asked for. About 1 MB, kept until the program ends."""
    return frozenset(gzip.decompress(LIST.read_bytes()).decode().split("\n")) - {""}
