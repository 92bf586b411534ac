"""Letters in words: the templates of `ui/mail`, as text and as HTML."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import jinja2

from ..core.mail import Letter, Message

LONGEST_FOREIGN_TEXT = 64
LINK = re.compile(r"//|\w[.:]\w\w")
# NFKC makes one of the others; these two it leaves (as browsers do not).
DOTS = str.maketrans({"\u3002": ".", "\uff61": "."})
"""Whatever a mail program might make a link of, a bare domain included."""
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def writer(environment: Callable[[], jinja2.Environment], brand: str) -> Callable[[Letter], Message]:
    """Return what turns a letter into a message. The templates are loaded with the first letter."""

    def write(letter: Letter) -> Message:
        templates = environment()
        words: dict[str, Any] = {
            "url": None, "name": "", "minutes": 0, "what": "", "new_email": "", "change": False,
            "lang": "en", "dir": "ltr", **letter.context
        }  # fmt: skip
        words.update(brand=tame(brand), to=letter.to, name=tame(words["name"]))
        if words.get("now"):
            words["now"] = f"{words['now']:%Y-%m-%d %H:%M} UTC"
        text = templates.get_template(f"mail/{letter.kind}.txt")
        page = templates.get_template(f"mail/{letter.kind}.html")
        subject = "".join(text.blocks["subject"](text.new_context(words)))
        return Message(
            kind=letter.kind,
            to=letter.to,
            subject=" ".join(subject.split()),
            text=text.render(words).strip() + "\n",
            html=page.render(words),
            context={key: words[key] for key in ("url", "token", "otp", "id") if words.get(key) is not None},
        )

    return write


def tame(text: str) -> str:
    """What somebody calls themselves, as it may stand in a mail to somebody else: short, one line, no links (SEC-087)."""
    # As a mail program reads it: full-width letters, dots of other scripts, and nothing that cannot be seen.
    seen = unicodedata.normalize("NFKC", text).translate(DOTS)
    text = "".join(char for char in seen if unicodedata.category(char) != "Cf")
    cut = text if len(text) <= LONGEST_FOREIGN_TEXT else text[: LONGEST_FOREIGN_TEXT - 1] + "…"
    return " ".join("…" if LINK.search(word) else word for word in UNPRINTABLE.sub(" ", cut).split(" "))
