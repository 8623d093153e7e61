"""Details decide whether an accepted pair is one picture or two."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawings import draw_photo
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dedupe.verify.bend import Bend, Lens
from dedupe.verify.cascade import compare
from dedupe.verify.features import Features
from dedupe.verify.fine import FINE_SIDE, align_fine, bend_fine, shrink
from dedupe.verify.last_look import Details, compare_details

SAME = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def draw_page(seed: int, *, width: int = 800, total: str = "") -> NDArray[np.uint8]:
    """Return a page with a heading, a table of numbers from a seed, and a total."""
    image = Image.new("RGB", (width, width * 4 // 3), "white")
    draw = ImageDraw.Draw(image)
    draw.text((60, 40), "Statement of account", fill="black", font_size=34)
    numbers = np.random.default_rng(seed).integers(1000, 9999, (12, 3))
    for row, values in enumerate(numbers):
        y = 140 + 50 * row
        draw.line((60, y + 34, width - 60, y + 34), fill=(120, 120, 120))
        draw.text((60, y), f"Position {row + 1}", fill="black", font_size=20)
        for column, value in enumerate(values):
            draw.text((300 + 150 * column, y), str(value), fill="black", font_size=20)
    draw.text((60, 820), total, fill="black", font_size=26)
    return np.asarray(image)


def rescan(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a page printed and scanned: tilted, softer, paler, with grain."""
    height, width = page.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.7, 1.0)
    turned = cv2.warpAffine(page, matrix, (width, height), borderValue=(255, 255, 255))
    soft = 20 + 0.85 * cv2.GaussianBlur(turned, (0, 0), 0.7).astype(np.float32)
    grain = np.random.default_rng(1).normal(0, 3, soft.shape)
    return (soft + grain).clip(0, 255).astype(np.uint8)


def halve(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    half = cv2.resize(page, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)


def write(photo: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """Return a photo with white letters in black outline."""
    image = Image.fromarray(photo)
    ImageDraw.Draw(image).text(
        (20, 180), text, fill="white", stroke_width=2, stroke_fill="black", font_size=34
    )
    return np.asarray(image)


def is_copy(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    there, back = (compare(*pair) for pair in (
        (Features(first), Features(second)), (Features(second), Features(first)),
    ))  # fmt: skip
    assert there.is_copy == back.is_copy
    return there.is_copy


def test_the_same_table_with_other_numbers_is_another_page() -> None:
    assert not is_copy(draw_page(1), draw_page(2))


def test_pages_that_differ_in_one_line_are_two_pages() -> None:
    assert not is_copy(draw_page(1, total="Total 48 112"), draw_page(1, total="Total 93 705"))


@pytest.mark.parametrize("change", [rescan, halve])
def test_a_copy_of_a_page_is_a_copy(change: object) -> None:
    assert callable(change)
    assert is_copy(draw_page(1), change(draw_page(1)))


def test_a_line_that_was_added_to_a_page_makes_another_page() -> None:
    assert not is_copy(draw_page(1), draw_page(1, total="received with thanks"))


def test_digits_of_a_few_pixels_are_compared() -> None:
    assert not is_copy(
        draw_page(1, total="Total 48 112"), halve(draw_page(1, total="Total 93 705"))
    )


def test_a_speck_on_a_scan_leaves_a_copy() -> None:
    scan = rescan(draw_page(1)).copy()
    scan[900:903, 400:403] = 40
    assert is_copy(draw_page(1), scan)


def test_other_words_on_the_same_photo_are_two_pictures() -> None:
    photo = draw_photo(3, width=320, height=240)
    assert not is_copy(write(photo, "HELLO WORLD"), write(photo, "GOOD NIGHT"))


def test_words_on_a_photo_leave_a_copy() -> None:
    photo = draw_photo(3, width=320, height=240)
    assert is_copy(photo, write(photo, "HELLO WORLD"))


def test_details_count_for_the_picture_that_has_them() -> None:
    plain, added = draw_page(1), draw_page(1, total="received with thanks")
    there, back = compare_details(plain, added, SAME), compare_details(added, plain, SAME)
    assert (there.first_only, there.second_only) == (0, back.first_only)
    assert there.second_only > 0
    assert there.conflicts == back.conflicts == 0
    assert there.score == back.score == 1.0
    assert compare_details(plain, added, SAME, drawn=True).score < 0.5


def test_the_box_is_at_what_differs() -> None:
    first, second = (draw_page(1, total=text) for text in ("Total 48 112", "Total 93 705"))
    for others in (second, halve(second)):
        x, y, width, height = compare_details(first, others, SAME).box
        assert 60 / 800 <= x < x + width <= 300 / 800
        assert 800 / 1066 <= y < y + height <= 870 / 1066


def test_a_picture_smaller_than_a_window_has_no_details() -> None:
    small = draw_photo(1, width=16, height=16)
    assert compare_details(small, small, SAME) == Details()


def test_a_large_picture_shrinks_to_the_fine_side() -> None:
    large = draw_photo(1, width=2 * FINE_SIDE, height=FINE_SIDE)
    assert shrink(large).shape == (FINE_SIDE // 2, FINE_SIDE, 3)


def test_fine_alignment_works_in_the_frame_of_the_less_resolved_picture() -> None:
    page = draw_page(1)
    pair = align_fine(page, halve(page), SAME)
    assert pair.swapped
    assert pair.a.shape == pair.b.shape == halve(page).shape[:2]
    assert float(np.abs(pair.a - pair.b)[pair.mask].max()) < 30


def draw_number(number: str) -> NDArray[np.uint8]:
    """Return a page with nothing but its number."""
    image = Image.new("RGB", (800, 1100), "white")
    ImageDraw.Draw(image).text((390, 1040), number, fill="black", font_size=18)
    return np.asarray(image)


def test_a_nearly_empty_page_has_copies() -> None:
    assert is_copy(draw_number("127"), halve(draw_number("127")))


def test_nearly_empty_pages_with_other_numbers_are_two_pages() -> None:
    assert not is_copy(draw_number("127"), draw_number("128"))


def test_the_same_print_on_another_colour_is_another_page() -> None:
    tinted = np.minimum(draw_number("127"), np.array([255, 190, 190], np.uint8))
    tinted[:500] = draw_number("127")[:500]
    assert not is_copy(draw_number("127"), tinted)


def bend_by_lens(photo: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    """Return a photo with a radial term, as a lens correction makes it."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    half = float(np.hypot(width, height)) / 2
    u, v = (x - (width - 1) / 2) / half, (y - (height - 1) / 2) / half
    scale = (1 + strength * (u * u + v * v)) / (1 + max(0.0, strength))
    at_x = (u * scale * half + (width - 1) / 2).astype(np.float32)
    at_y = (v * scale * half + (height - 1) / 2).astype(np.float32)
    bent = cv2.remap(photo, at_x, at_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, np.uint8)


def draw_fine_photo() -> NDArray[np.uint8]:
    """Return a photo with structure of a few pixels everywhere, (240, 320, 3)."""
    photo = np.asarray(draw_photo(4, width=320, height=240), np.float32)
    grain = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 90, (240, 320)), (0, 0), 1.5)
    return (photo + grain[..., None]).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("strength", [0.12, -0.08])
def test_a_lens_that_is_known_brings_the_details_into_place(strength: float) -> None:
    photo = draw_fine_photo()
    grey, bent = (
        np.asarray(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), np.uint8)
        for p in (photo, bend_by_lens(photo, strength))
    )
    lens = Lens(Bend(radial=strength), (320, 240), of_second=True)
    scale = 1 / (1 + max(0.0, strength))
    back = (scale, 0.0, (1 - scale) / 2, 0.0, scale, (1 - scale) / 2, 0.0, 0.0, 1.0)
    pairs = [align_fine(grey, bent, back, known) for known in (None, lens)]
    without, with_lens = (float(np.abs(p.a - p.b)[p.mask].mean()) for p in pairs)
    assert with_lens < 0.1 * without
    assert compare_details(grey, bent, back, lens=lens).conflicts == 0


def test_a_smooth_displacement_of_the_whole_frame_is_found() -> None:
    photo = np.asarray(cv2.cvtColor(draw_fine_photo(), cv2.COLOR_RGB2GRAY), np.uint8)
    pair = align_fine(photo, bend_by_lens(photo, 0.04), SAME)
    bent = bend_fine(pair)
    assert bent is not None
    change = [np.abs(p.a - p.b)[12:-12, 12:-12].mean() for p in (pair, bent)]
    assert change[1] < 0.5 * change[0]


def test_things_that_moved_are_no_smooth_displacement() -> None:
    photo = np.asarray(cv2.cvtColor(draw_fine_photo(), cv2.COLOR_RGB2GRAY), np.uint8)
    other = photo.copy()
    other[60:140, 80:200] = np.roll(photo, 3, axis=1)[60:140, 80:200]
    assert bend_fine(align_fine(photo, other, SAME)) is None
