"""A few pixels that were drawn differently make another picture if the rest is equal to the bit."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dedupe.verify.cascade import compare
from dedupe.verify.features import Features
from dedupe.verify.patched import Patched, find_patched

Pixels = NDArray[np.uint8]


def draw_menu(checked: int, *, side: int = 240) -> Pixels:
    """Return a menu of six lines, one of them with a mark."""
    image = Image.new("RGB", (side, side), (236, 236, 236))
    draw = ImageDraw.Draw(image)
    for row, name in enumerate(("Undo", "Redo", "Cut", "Copy", "Paste", "Delete")):
        draw.text((40, 10 + 36 * row), name, fill="black", font_size=20)
    draw.rectangle((14, 18 + 36 * checked, 21, 25 + 36 * checked), fill="black")
    return np.asarray(image)


def encode(picture: Pixels) -> Pixels:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=80)
    return np.asarray(Image.open(data).convert("RGB"))


def test_a_mark_in_another_place_is_found() -> None:
    patched = find_patched(draw_menu(0), draw_menu(1))
    assert patched.pixels == 2 * 8 * 8
    assert patched.box == (0.0583, 0.075, 0.0333, 0.1833)
    assert patched.score < 0.5


def test_equal_pictures_have_no_patch() -> None:
    assert find_patched(draw_menu(0), draw_menu(0)) == Patched(0, (0.0, 0.0, 0.0, 0.0))


def test_a_lossy_copy_has_no_patch() -> None:
    assert find_patched(draw_menu(0), encode(draw_menu(0))).pixels == 0


def test_pictures_of_two_sizes_have_no_patch() -> None:
    assert find_patched(draw_menu(0), draw_menu(0)[:-2]).pixels == 0


def test_a_menu_with_another_mark_is_another_picture() -> None:
    verdict = compare(Features(draw_menu(0)), Features(draw_menu(1)))
    assert not verdict.is_copy
    assert compare(Features(draw_menu(0)), Features(encode(draw_menu(0)))).is_copy


def draw_arrow() -> Pixels:
    image = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(image).polygon(
        ((8, 32), (34, 8), (34, 24), (56, 24), (56, 40), (34, 40), (34, 56)), "green"
    )
    return np.asarray(image)


def test_an_arrow_to_the_other_side_is_another_icon() -> None:
    left, right = draw_arrow(), np.ascontiguousarray(draw_arrow()[:, ::-1])
    assert not compare(Features(left), Features(right)).is_copy
    assert compare(Features(left), Features(encode(left))).is_copy
