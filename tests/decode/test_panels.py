"""Panels: photos on drawn screens, in frames and in collages; none in photos and in text."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from photo_files import draw_scene, encode
from PIL import Image, ImageDraw, ImageFilter

from dedupe.decode.image import decode
from dedupe.decode.panels import Box, Panel, crop, cut_panels, overlaps

SIDE = 128


def cut(picture: Image.Image, quality: int = 85) -> tuple[Panel, ...]:
    data = encode(picture, quality=quality)
    return cut_panels(data, decode(data, side=SIDE), max_pixels=1 << 24)


def union(first: Box, second: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (first, second))
    return shared / (areas - shared)


def a_screen(photo: Image.Image, ground: str, at: tuple[int, int] = (0, 500)) -> Image.Image:
    screen = Image.new("RGB", (720, 1440), ground)
    draw = ImageDraw.Draw(screen)
    for x in range(60, 700, 120):
        draw.ellipse((x, 1340, x + 44, 1384), outline="grey", width=4)
    draw.text((30, 30), "9:41", "grey", font_size=36)
    screen.paste(photo, at)
    return screen


@pytest.mark.parametrize("ground", ["black", "white", "#15202b"])
def test_a_photo_on_a_screen_is_a_panel(ground: str) -> None:
    photo = draw_scene(5, width=720, height=480)
    (panel,) = cut(a_screen(photo, ground))
    assert union(panel.box, (0, 500 / 1440, 1, 980 / 1440)) > 0.93
    expected = np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    assert np.abs(panel.pixels - expected).mean() < 12


def test_a_photo_with_a_blurred_margin_is_a_panel() -> None:
    photo = draw_scene(7, width=720, height=480)
    screen = photo.resize((720, 1280)).filter(ImageFilter.GaussianBlur(24))
    screen.paste(photo, (0, 400))
    boxes = [panel.box for panel in cut(screen)]
    assert max(union(box, (0, 400 / 1280, 1, 880 / 1280)) for box in boxes) > 0.9


@pytest.mark.parametrize("gap", [5, 12])
def test_the_cells_of_a_collage_are_panels(gap: int) -> None:
    board = Image.new("RGB", (800 + gap, 800 + gap), "white")
    step = 400 + gap
    for number in range(4):
        cell = draw_scene(20 + number, width=400, height=400)
        board.paste(cell, (number % 2 * step, number // 2 * step))
    boxes = [panel.box for panel in cut(board)]
    assert len(boxes) == 4
    for number in range(4):
        x, y = (at * step / (800 + gap) for at in (number % 2, number // 2))
        share = 400 / (800 + gap)
        assert max(union(box, (x, y, x + share, y + share)) for box in boxes) > 0.9


def test_a_page_of_text_has_no_panels() -> None:
    page = Image.new("RGB", (800, 1000), "white")
    draw = ImageDraw.Draw(page)
    for line in range(30):
        draw.text((60, 40 + 31 * line), "the quick brown fox jumps over the dog", "black",
                  font_size=22)  # fmt: skip
    assert cut(page) == ()


def test_a_photo_with_a_thin_border_has_no_panels() -> None:
    bordered = Image.new("RGB", (680, 510), "white")
    bordered.paste(draw_scene(3, width=640, height=470), (20, 20))
    assert cut(bordered) == ()


def test_the_same_bytes_give_the_same_panels() -> None:
    data = encode(a_screen(draw_scene(5, width=720, height=480), "black"))
    first, second = (
        cut_panels(data, decode(data, side=SIDE), max_pixels=1 << 24) for _ in range(2)
    )
    assert [p.box for p in first] == [p.box for p in second]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, second, strict=True))


def test_a_crop_has_one_pixel_at_least() -> None:
    pixels: NDArray[np.uint8] = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    assert crop(pixels, (0.5, 0.5, 1, 1)).shape == (5, 5, 3)
    assert crop(pixels, (0.999, 0.999, 1, 1)).shape == (1, 1, 3)


def test_boxes_overlap_if_they_share_half_of_the_smaller_one() -> None:
    assert overlaps((0, 0, 1, 1), (0.2, 0.2, 0.4, 0.4))
    assert not overlaps((0, 0, 0.5, 1), (0.5, 0, 1, 1))
    assert not overlaps((0, 0, 0.5, 0.5), (0.4, 0, 0.9, 0.5))
