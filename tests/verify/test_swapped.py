"""What changed places in two aligned pictures, as against what was added to one of them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.verify.swapped import measure_swap

Picture = NDArray[np.uint8]

EVERYWHERE = np.ones((120, 160), bool)
BOUND = 0.75  # of a copy, see `dedupe.verify.judge.weigh`


def draw_texture(seed: int, colour: tuple[int, int, int]) -> Picture:
    """A texture with details of some 3 pixels around one colour, (120, 160, 3)."""
    noise = np.random.default_rng(seed).normal(0, 90, (120, 160, 1)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 1.2)[..., None]
    return np.asarray((np.array(colour, np.float32) + soft).clip(0, 255), np.uint8)


GROUND, THING = draw_texture(1, (90, 130, 80)), draw_texture(2, (170, 100, 90))


def place(left: int, ground: Picture = GROUND) -> Picture:
    """The ground with the thing, 24 pixels wide, at some column."""
    picture = ground.copy()
    picture[40:80, left : left + 24] = THING[40:80, 20:44]
    return picture


def compress(picture: Picture, quality: int) -> Picture:
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def test_a_thing_that_moved_leaves_the_same_colours() -> None:
    assert measure_swap(place(30), place(90), EVERYWHERE) > BOUND
    assert measure_swap(place(30), place(40), EVERYWHERE) > BOUND


def test_a_thing_that_moved_is_found_after_a_change_of_brightness() -> None:
    brighter = (place(90).astype(np.float32) * 1.15 + 8).clip(0, 255).astype(np.uint8)
    assert measure_swap(place(30), brighter, EVERYWHERE) > BOUND


def test_nothing_moved_in_a_coarse_jpeg() -> None:
    assert measure_swap(place(30), compress(place(30), 10), EVERYWHERE) == 0


def test_a_thing_that_came_in_brings_colours_of_its_own() -> None:
    assert 0 < measure_swap(GROUND, place(30), EVERYWHERE) < 0.5


def test_letters_of_two_colours_are_an_addition() -> None:
    written = GROUND.copy()
    for width, level in ((7, 0), (3, 255)):
        cv2.putText(written, "MOVED", (8, 75), 0, 1.5, (level,) * 3, width, cv2.LINE_AA)
    assert measure_swap(GROUND, written, EVERYWHERE) < BOUND


def test_pixels_that_one_picture_lacks_are_not_compared() -> None:
    shared = EVERYWHERE.copy()
    shared[:, 20:120] = False
    assert measure_swap(place(30), place(90), shared) == 0
    assert measure_swap(place(30), place(90), np.zeros_like(EVERYWHERE)) == 0
