"""The level of thumbnails: it accepts what agrees everywhere, and leaves the rest undecided."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skimage
from drawings import draw_photo
from PIL import Image, ImageDraw, ImageOps

from dedupe.decode.image import decode
from dedupe.decode.thumbnail import BYTES, make_thumbnail, read_thumbnail
from dedupe.types import Verdict
from dedupe.verify.thumbnail import Thumbnail, judge_thumbnails, open_thumbnail

Change = Callable[[Image.Image], Image.Image]
_T = Image.Transpose


@cache
def photo(name: str = "astronaut") -> Image.Image:
    folder = Path(skimage.__file__).parent / "data"
    return Image.open(next(folder.glob(f"{name}.*"))).convert("RGB")


def thumbnail(image: Image.Image) -> Thumbnail:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    picture = decode(stream.getvalue(), side=128)
    return open_thumbnail(make_thumbnail(picture.pixels), (picture.width, picture.height))


def judge(first: Image.Image, second: Image.Image) -> Verdict | None:
    return judge_thumbnails(thumbnail(first), thumbnail(second))


def half(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


COPIES: dict[str, tuple[Change, str]] = {
    "same": (lambda image: image, ""),
    "half": (half, ""),
    "mirrored": (ImageOps.mirror, "mirrored"),
    "turned": (lambda image: image.transpose(_T.ROTATE_90), "turned 90"),
    "upside down": (lambda image: image.transpose(_T.ROTATE_180), "turned 180"),
    "grey": (lambda image: image.convert("L").convert("RGB"), "greyscale"),
    "stretched": (lambda image: image.resize((600, 512)), "stretched 17 %"),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_with_its_frame_kept_is_accepted(name: str) -> None:
    change, how = COPIES[name]
    verdict = judge(photo(), change(photo()))
    assert verdict is not None
    assert (verdict.is_copy, verdict.how, verdict.level) == (True, how, "thumbnails")


@pytest.mark.parametrize("name", ["mirrored", "turned", "upside down"])
def test_the_matrix_leads_from_the_second_frame_to_the_first(name: str) -> None:
    marked = Image.new("RGB", photo().size)
    marked.putpixel((0, 0), (255, 255, 255))
    y, x = np.argwhere(np.asarray(COPIES[name][0](marked).convert("L")))[0]
    verdict = judge(photo(), COPIES[name][0](photo()))
    assert verdict is not None
    place = np.reshape(np.array(verdict.matrix), (3, 3)) @ [(x + 0.5) / 512, (y + 0.5) / 512, 1]
    np.testing.assert_allclose(place[:2], [0.5 / 512, 0.5 / 512], atol=1e-9)


def captioned(image: Image.Image) -> Image.Image:
    image = image.copy()
    ImageDraw.Draw(image).text((40, 440), "a caption", "white", font_size=40)
    return image


UNDECIDED: dict[str, Change] = {
    "cropped": lambda image: image.crop((20, 20, 500, 500)),
    "captioned": captioned,
    "tilted": lambda image: image.rotate(2, Image.Resampling.BICUBIC),
    "shifted": lambda image: image.crop((6, 0, 512, 506)),
    "darker": lambda image: image.point(lambda value: 0.5 * value),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_thumbnails_cannot_show_is_left_undecided(name: str) -> None:
    assert judge(photo(), UNDECIDED[name](photo())) is None


def test_a_page_of_text_is_left_undecided() -> None:
    page = Image.new("RGB", (512, 512), "white")
    draw = ImageDraw.Draw(page)
    for line in range(12):
        draw.text((30, 20 + 40 * line), f"item {line} costs {7 * line}.00", "black", font_size=24)
    assert judge(page, page) is None


def test_other_small_pictures_are_rejected_and_equal_ones_left_undecided() -> None:
    first, second = (Image.fromarray(draw_photo(seed, width=64, height=64)) for seed in (1, 2))
    verdict = judge(first, second)
    assert verdict is not None
    assert not verdict.is_copy
    assert judge(first, first) is None


def test_other_photos_are_left_undecided() -> None:
    assert judge(photo(), photo("coffee")) is None


def test_a_thumbnail_is_read_as_it_was_made() -> None:
    square = draw_photo(3, width=128, height=128)
    data = make_thumbnail(square)
    grey, colour = read_thumbnail(data)
    assert len(data) == BYTES == 4864
    assert (grey.shape, colour.shape) == ((64, 64), (16, 16, 3))
    np.testing.assert_allclose(colour.mean(axis=(0, 1)), square.mean(axis=(0, 1)), atol=1)
