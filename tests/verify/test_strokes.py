"""Strokes of each picture that the other one lacks make a place; blur and a shift make none."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dedupe.verify.strokes import Box, find_strokes

Grey = NDArray[np.float32]


def draw_line(text: str, *, side: int = 120) -> Grey:
    """Return a line of small print on paper, (120, 120) levels."""
    image = Image.new("L", (side, side), 255)
    draw = ImageDraw.Draw(image)
    draw.text((20, 30), "Invoice of May", fill=0, font_size=9)
    draw.text((30, 60), text, fill=0, font_size=9)
    return np.asarray(image, np.float32)


def find(a: Grey, b: Grey, noise: float = 1.0) -> list[Box]:
    return find_strokes(a, b, np.ones(a.shape, bool), noise)


def test_other_digits_make_a_place_there() -> None:
    places = find(draw_line("Sum 4817"), draw_line("Sum 9350"))
    assert places
    for x, y, width, height in places:
        assert 45 - width < x < 80
        assert 58 - height < y < 72


def test_the_same_digits_make_none() -> None:
    assert find(draw_line("Sum 4817"), draw_line("Sum 4817")) == []


def test_blur_makes_none() -> None:
    sharp = draw_line("Sum 4817")
    assert find(sharp, np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.0), np.float32)) == []


def test_a_word_in_one_picture_alone_makes_none() -> None:
    assert find(draw_line("Sum 4817"), draw_line("")) == []


def test_a_shift_of_two_pixels_makes_none() -> None:
    line = draw_line("Sum 4817")
    assert find(line, np.roll(line, 2, axis=1)) == []


def test_noise_makes_none() -> None:
    line = draw_line("Sum 4817")
    grain = np.random.default_rng(1).normal(0, 6, line.shape).astype(np.float32)
    assert find(line, line + grain, noise=6.0) == []


def test_an_area_of_another_colour_makes_none() -> None:
    covered = draw_line("Sum 4817")
    covered[50:90, 20:100] = 128
    assert find(draw_line("Sum 4817"), covered) == []
