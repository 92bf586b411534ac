"""A person's picture: from whatever a camera made to a small square that fits into a row."""

from __future__ import annotations

import asyncio
import base64
import io
from functools import cache

from .errors import AuthError

LARGEST_PICTURE = 1_000_000  # bytes, as it comes
MOST_PIXELS = 25_000_000  # decoded they take four bytes each: a small file must not fill the memory (a "bomb")
EDGE = 256  # pixels of the square that is kept; enough for an avatar on a fine screen
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_one_at_a_time = asyncio.Semaphore(1)


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

    Raise NotAPicture, PictureTooLarge. Decoding takes milliseconds to a second, in a thread, one at a time.
    """
    if len(picture) > LARGEST_PICTURE:
        raise PictureTooLarge
    async with _one_at_a_time:
        return await asyncio.to_thread(_shrink, picture)


def _shrink(picture: bytes) -> str:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(picture), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise PictureTooLarge
            opened.draft("RGB", (EDGE * 2, EDGE * 2))  # a JPEG is then decoded small, which takes far less
            upright = ImageOps.exif_transpose(opened)
            square = ImageOps.fit(upright.convert("RGBA"), (EDGE, EDGE))
    except AuthError:
        raise
    except Image.DecompressionBombError as reason:
        raise PictureTooLarge from reason
    # Decoders fail in many ways on files that somebody made to make them fail; each means the same here.
    except Exception as reason:
        raise NotAPicture from reason
    kept = io.BytesIO()
    square.save(kept, "WEBP", quality=82)
    return "data:image/webp;base64," + base64.b64encode(kept.getvalue()).decode()
