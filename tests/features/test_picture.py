"""A person's picture: what is taken, what is kept of it, and what somebody with bad intent would send."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
from typing import Any

import httpx2
import pytest
from PIL import Image

from authmw.core import pictures
from authmw.core.errors import ServiceUnavailable
from authmw.core.inputs import LONGEST_INLINE_IMAGE
from authmw.core.model import User
from tests.support import Browser, make_auth, serving

pytestmark = pytest.mark.anyio

PROFILE = "/auth/settings/profile"


def picture(kind: str = "PNG", size: tuple[int, int] = (600, 300), **more: Any) -> bytes:
    made = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(made, kind, **more)
    return made.getvalue()


async def send(person: Browser, file: bytes | None, *, name: str = "Ann", **fields: str) -> httpx2.Response:
    page = await person.get(PROFILE)
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    data = {"csrf_token": token, "name": name, **fields}
    return await person.post(PROFILE, data=data, files={"image": ("me.png" if file else "", file or b"")})


async def image_of(person: Browser) -> str | None:
    user = await person.mw.database.find(User, email="ann@example.com")
    assert user is not None
    return user.image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_a_picture_becomes_a_small_square_and_is_shown(kind: str) -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        assert (await send(ann, picture(kind))).status_code == 303
        kept = await image_of(ann)
        assert kept is not None and kept.startswith("data:image/webp;base64,") and len(kept) < 64 * 1024
        with Image.open(io.BytesIO(base64.b64decode(kept.partition(",")[2]))) as square:
            assert square.size == (256, 256)
        assert f'src="{kept}"' in (await ann.get(PROFILE)).text


async def test_where_a_photograph_was_taken_is_not_kept_and_it_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010E] = "54.49 N 0.61 W, Whitby"
    sideways = Image.new("RGB", (400, 400), "blue")
    sideways.paste("red", (0, 0, 200, 400))
    made = io.BytesIO()
    sideways.save(made, "JPEG", exif=exif)
    kept = await pictures.shrink(made.getvalue())
    body = base64.b64decode(kept.partition(",")[2])
    assert b"Whitby" in made.getvalue() and b"Whitby" not in body
    with Image.open(io.BytesIO(body)) as square:
        red, _, blue = square.convert("RGB").getpixel((128, 20))  # type: ignore[misc]
        assert red > 150 > blue, "what lay left is above"


async def test_a_profile_without_a_file_keeps_its_picture_and_a_tick_removes_it() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        await send(ann, picture())
        assert (await send(ann, None, name="Anna")).status_code == 303
        assert await image_of(ann) is not None
        assert (await send(ann, None, removeImage="true")).status_code == 303
        assert await image_of(ann) is None
        assert "removeImage" not in (await ann.get(PROFILE)).text


def bomb(edge: int) -> bytes:
    made = io.BytesIO()
    Image.new("1", (edge, edge)).save(made, "PNG")
    return made.getvalue()


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (b"no picture at all", "That file is no picture that we can read."),
        (b"\x89PNG\r\n\x1a\n", "That file is no picture that we can read."),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "no picture that we can read"),
        (picture()[:2000], "no picture that we can read"),
        (picture("BMP", (50, 50)), "no picture that we can read"),
        (bomb(6_000), "That picture is too large."),
        (bomb(20_000), "That picture is too large."),
        (b"x" * 1_000_001, "That picture is too large."),
        (b"x" * 3_000_000, "That picture is too large."),
    ],
    ids=["text", "head alone", "svg", "cut off", "bmp", "bomb", "great bomb", "over 1 MB", "a photograph"],
)
async def test_what_is_no_small_picture_is_refused_at_the_field(file: bytes, sentence: str) -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        page = await send(ann, file, name="Anna")
        assert page.status_code == 422
        assert sentence in page.text and 'id="image-error"' in page.text
        user = await ann.mw.database.find(User, email="ann@example.com")
        assert user is not None and user.image is None and user.name == "Ann", "nothing is half done"


async def test_a_body_without_end_is_not_read() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        assert (await send(ann, b"x" * 17_000_000)).status_code == 413


async def test_nobody_may_send_much() -> None:
    async with serving(make_auth()) as nobody:
        answer = await nobody.post(PROFILE, files={"image": ("me.png", picture())})
        assert answer.status_code == 303 and "/auth/sign-in" in answer.headers["location"]
        answer = await nobody.post("/auth/sign-in", data={"email": "a"}, files={"x": ("me.png", b"x")})
        assert answer.status_code == 400, "a form without files comes url-encoded"


async def test_a_picture_from_another_site_is_no_picture_of_ours() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        answer = await ann.post(PROFILE, data={"name": "Eve"}, files={"image": ("me.png", picture())})
        assert answer.status_code == 403
        await ann.get(PROFILE)
        token = (await ann.get(PROFILE)).text.partition('name="csrf_token" value="')[2].partition('"')[0]
        evil = {"origin": "https://evil.example"}
        answer = await ann.post(
            PROFILE, data={"csrf_token": token, "name": "Eve"}, files={"image": ("me.png", picture())}, headers=evil
        )
        assert answer.status_code == 403
        assert await image_of(ann) is None


@pytest.mark.parametrize(
    "body",
    [
        b"--X\r\n",
        b"",
        b"--Y\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--Y--\r\n",
        b'--X\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--X--\r\n',
        b'--X\r\nContent-Disposition: form-data; name="name"\r\n\r\nA\r\n' * 2 + b"--X--\r\n",
        b"--X\r\nContent-Disposition: form-data\r\n\r\n\r\n--X--\r\n",
    ],
)
async def test_a_form_that_cannot_be_read_changes_nothing(body: bytes) -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        answer = await ann.post(PROFILE, content=body, headers={"content-type": "multipart/form-data; boundary=X"})
        assert answer.status_code in (400, 403)


async def test_a_picture_that_lies_elsewhere_is_not_loaded() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up(image="https://images.example/ann.png")
        page = (await ann.get(PROFILE)).text
        assert "images.example" not in page and 'class="am-avatar" aria-hidden="true"' in page


async def test_saving_a_profile_is_no_second_route_of_the_api() -> None:
    async with serving(make_auth()) as ann:
        await ann.sign_up()
        answer = await ann.api("/update-user", {"removeImage": True})
        assert answer.status_code == 400


@pytest.mark.parametrize("size", [(1, 12_000_000), (12_000_000, 1), (10_001, 2), (2, 10_001), (4000, 3001)])
async def test_a_small_file_that_would_fill_the_memory_is_refused_by_its_measures(size: tuple[int, int]) -> None:
    """Rows cost as well as pixels: one of a single column takes a pointer for each of its rows."""
    made = io.BytesIO()
    Image.new("L", size).save(made, "PNG", compress_level=1)
    assert len(made.getvalue()) < pictures.LARGEST_PICTURE
    with pytest.raises(pictures.PictureTooLarge):
        await pictures.shrink(made.getvalue())


async def test_a_picture_that_shrinks_badly_is_kept_at_a_lower_quality() -> None:
    noise = Image.effect_noise((256, 256), 255)
    made = io.BytesIO()
    Image.merge("RGBA", [noise, noise.rotate(90), noise.rotate(180), noise.rotate(270)]).save(made, "PNG")
    kept = await pictures.shrink(made.getvalue())
    assert len(kept) <= LONGEST_INLINE_IMAGE


async def test_when_too_many_pictures_wait_the_next_one_is_asked_to_come_back() -> None:
    held = threading.Event()
    pictures._thread().submit(held.wait)  # somebody else's picture takes its time
    waiting = [asyncio.ensure_future(pictures.shrink(picture())) for _ in range(pictures.MOST_WAITING)]
    await asyncio.sleep(0)
    try:
        with pytest.raises(ServiceUnavailable):
            await pictures.shrink(picture())
    finally:
        held.set()
    assert all(kept.startswith("data:") for kept in await asyncio.gather(*waiting))


def test_any_event_loop_may_ask() -> None:
    for _ in range(2):
        assert asyncio.run(pictures.shrink(picture())).startswith("data:")
