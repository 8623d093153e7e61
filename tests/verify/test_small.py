"""A few pixels or another colour make another icon; re-encoding and resizing do not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dedupe.verify.small import SAME_FRAME, compare_small

Pixels = NDArray[np.uint8]


def draw_icon(*, fill: str = "steelblue", symbol: str = "arrow", side: int = 64) -> Pixels:
    """Return a sheet with an arrow or a bar on white, drawn large and reduced."""
    image = Image.new("RGB", (512, 512), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((96, 40, 416, 472), fill=fill, outline="black", width=12)
    if symbol == "arrow":
        draw.polygon(((180, 300), (256, 180), (332, 300)), fill="white")
    else:
        draw.rectangle((180, 220, 332, 270), fill="white")
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))


def encode(icon: Pixels) -> Pixels:
    data = io.BytesIO()
    Image.fromarray(icon).save(data, "JPEG", quality=60)
    return np.asarray(Image.open(data).convert("RGB"))


def enlarge(icon: Pixels) -> Pixels:
    image = Image.fromarray(icon)
    return np.asarray(image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC))


def to_palette(icon: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(icon).quantize(32).convert("RGB"))


def to_grey(icon: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(icon).convert("L").convert("RGB"))


@pytest.mark.parametrize("change", [encode, enlarge, to_palette, to_grey])
def test_a_copy_of_an_icon_is_a_copy(change: object) -> None:
    assert callable(change)
    assert compare_small(draw_icon(), change(draw_icon()), SAME_FRAME).score > 0.8


@pytest.mark.parametrize(
    "other", [draw_icon(symbol="bar"), draw_icon(fill="indianred"), draw_icon(fill="seagreen")]
)
def test_another_symbol_or_another_colour_is_another_icon(other: Pixels) -> None:
    there = compare_small(draw_icon(), other, SAME_FRAME)
    assert there.score < 0.5
    assert compare_small(other, draw_icon(), SAME_FRAME) == there


def test_one_other_cell_is_another_sprite() -> None:
    cells = np.random.default_rng(5).integers(0, 2, (12, 12)) * 200 + 30
    changed = cells.copy()
    changed[4, 7] = 260 - changed[4, 7]
    first, second = (
        np.kron(c, np.ones((4, 4))).astype(np.uint8)[..., None].repeat(3, axis=2)
        for c in (cells, changed)
    )
    assert compare_small(first, second, SAME_FRAME).score < 0.5
    assert compare_small(first, enlarge(first), SAME_FRAME).score > 0.8
