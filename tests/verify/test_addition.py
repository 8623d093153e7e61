"""Additions: a sticker is one, a thing that moved and another caption are none."""

from __future__ import annotations

import numpy as np
import pytest
from drawings import draw_photo
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dedupe.verify.addition import is_addition

Grey = NDArray[np.float32]


def scene() -> Image.Image:
    sheet = Image.new("RGB", (320, 240))
    for number in range(12):
        part = Image.fromarray(draw_photo(number, width=80, height=80))
        sheet.paste(part, (80 * (number % 4), 80 * (number // 4)))
    return sheet.convert("L")


def judge(first: Image.Image, second: Image.Image) -> bool:
    a, b = (np.asarray(image, np.float32) for image in (first, second))
    return is_addition(a, b, np.abs(a - b) > 16, np.ones(a.shape, bool))


def with_sticker(image: Image.Image, fill: int, box: tuple[int, int, int, int]) -> Image.Image:
    image = image.copy()
    ImageDraw.Draw(image).ellipse(box, fill, 255 - fill, 4)
    return image


@pytest.mark.parametrize("fill", [0, 255])
def test_a_sticker_is_an_addition_in_either_order(fill: int) -> None:
    plain, more = scene(), with_sticker(scene(), fill, (60, 40, 170, 150))
    assert judge(plain, more)
    assert judge(more, plain)


def test_two_stickers_at_one_place_are_two_pictures() -> None:
    first = with_sticker(scene(), 0, (60, 40, 170, 150))
    second = with_sticker(scene(), 255, (70, 60, 190, 160))
    assert not judge(first, second)


def test_a_part_that_moved_is_no_addition() -> None:
    moved = scene()
    moved.paste(scene().crop((10, 10, 70, 70)), (200, 120))
    assert not judge(scene(), moved)


def test_half_of_the_picture_is_no_addition() -> None:
    assert not judge(scene(), with_sticker(scene(), 0, (-100, -100, 300, 300)))


def test_equal_pictures_have_no_addition() -> None:
    assert not judge(scene(), scene())
