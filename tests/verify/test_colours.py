"""A thing in another colour is found; a tone, a light leak and an added stroke are none."""

from __future__ import annotations

import numpy as np
from drawings import draw_photo
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dedupe.verify.colours import Colours, compare_colours, match_tones

Pixels = NDArray[np.uint8]
ALL = np.ones((60, 80), bool)


def draw_shirt(colour: str) -> Pixels:
    """Return a thing of one colour before a soft pattern, (60, 80, 3)."""
    image = Image.new("RGB", (80, 60), (200, 190, 170))
    draw = ImageDraw.Draw(image)
    for x in range(0, 80, 8):
        draw.line((x, 0, x, 60), fill=(188, 178, 160))
    draw.rectangle((25, 12, 55, 48), fill=colour)
    return np.asarray(image)


def share(first: Pixels, second: Pixels) -> float:
    return compare_colours(first, second, ALL).recoloured


def test_a_thing_in_another_colour_is_found() -> None:
    part = 31 * 37 / (60 * 80)
    assert abs(share(draw_shirt("firebrick"), draw_shirt("royalblue")) - part) < 0.03
    assert abs(share(draw_shirt("royalblue"), draw_shirt("firebrick")) - part) < 0.03


def test_a_warmer_copy_has_the_same_colours() -> None:
    warm = (draw_shirt("firebrick") * [1.15, 1.0, 0.85]).clip(0, 255).astype(np.uint8)
    assert share(draw_shirt("firebrick"), warm) == 0


def test_a_light_leak_is_no_other_colour() -> None:
    photo = np.asarray(draw_photo(2, width=80, height=60), np.uint8)
    leak = np.linspace(0, 120, 80)[None, :, None] * [0.0, 0.2, 1.0]
    assert share(photo, (photo + leak).clip(0, 255).astype(np.uint8)) == 0


def test_a_stroke_that_was_added_is_no_other_colour() -> None:
    marked = draw_shirt("firebrick").copy()
    marked[4:8, 4:60] = (230, 40, 200)
    assert share(draw_shirt("firebrick"), marked) < 0.02


def test_a_grey_copy_is_not_colourful() -> None:
    grey = np.repeat(draw_shirt("firebrick").mean(axis=2, keepdims=True), 3, axis=2).astype(
        np.uint8
    )
    first, second = compare_colours(draw_shirt("firebrick"), grey, ALL).colourful
    assert second < 1 < first


def test_too_few_pixels_have_no_colours() -> None:
    none = np.zeros((60, 80), bool)
    assert compare_colours(draw_shirt("red"), draw_shirt("red"), none) == Colours()


def test_tones_are_matched_but_for_the_pixels_that_no_gain_explains() -> None:
    first = np.random.default_rng(1).uniform(0, 120, (300, 3))
    second = 1.5 * first + 10
    second[:20] = 0
    np.testing.assert_allclose(match_tones(first, second)[20:], second[20:], atol=6)
