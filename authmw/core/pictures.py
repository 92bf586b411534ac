"""A person's picture: from whatever a camera made to a small square that fits into a row."""

from __future__ import annotations

import asyncio
import base64
import io
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from .errors import AuthError, ServiceUnavailable

LARGEST_PICTURE = 1_000_000  # bytes, as it comes
# Decoded, a pixel takes four bytes and a row some more: a small file must not fill the memory (a "bomb").
MOST_PIXELS = 12_000_000
LONGEST_EDGE = 10_000
EDGE = 256  # pixels of the square that is kept; enough for an avatar on a fine screen
LOOKS = (("RGBA", 82), ("RGBA", 50), ("RGB", 50), ("RGB", 20))  # the first that is small enough
LARGEST_KEPT = 48_000  # bytes; in base64 it still fits where a row has place for it
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MOST_WAITING = 8
_waiting = 0


class NotAPicture(AuthError):
    code = "NOT_A_PICTURE"
    message = "The file is no JPEG, PNG, WebP or GIF picture"
    field = "image"


class PictureTooLarge(AuthError):
    status = 413
    code = "PICTURE_TOO_LARGE"
    message = "The picture is too large"
    field = "image"


@cache
def can_shrink() -> bool:
    """Is Pillow there (`authmw[images]`)? Without it nobody is offered to send a picture."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        return False
    return True


async def shrink(picture: bytes) -> str:
    """Return a picture as a `data:` URI of a square, 256 pixels wide, WebP. Nothing else of the file is kept: a
    photograph knows where it was taken.

    Raise NotAPicture, PictureTooLarge, ServiceUnavailable. Decoding takes milliseconds to a second, in a thread, one
    at a time.
    """
    global _waiting
    if len(picture) > LARGEST_PICTURE:
        raise PictureTooLarge
    if _waiting >= MOST_WAITING:
        raise ServiceUnavailable
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_thread(), _shrink, picture)
    finally:
        _waiting -= 1


@cache
def _thread() -> ThreadPoolExecutor:
    """One for the process, whichever event loop asks."""
    return ThreadPoolExecutor(1, thread_name_prefix="authmw-picture")


def _shrink(picture: bytes) -> str:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(picture), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS or max(opened.size) > LONGEST_EDGE:
                raise PictureTooLarge
            opened.draft("RGB", (EDGE * 2, EDGE * 2))  # a JPEG is then decoded small, which takes far less
            # Small before anything else, which would make copies in full size.
            opened.thumbnail((EDGE * 4, EDGE * 4), reducing_gap=2.0)
            upright = ImageOps.exif_transpose(opened)
            square = ImageOps.fit(upright.convert("RGBA"), (EDGE, EDGE))
    except AuthError:
        raise
    except Image.DecompressionBombError as reason:
        raise PictureTooLarge from reason
    # Decoders fail in many ways on files that somebody made to make them fail; each means the same here.
    except Exception as reason:
        raise NotAPicture from reason
    for mode, quality in LOOKS:
        kept = io.BytesIO()
        square.convert(mode).save(kept, "WEBP", quality=quality)
        if len(kept.getvalue()) <= LARGEST_KEPT:
            return "data:image/webp;base64," + base64.b64encode(kept.getvalue()).decode()
    raise PictureTooLarge
