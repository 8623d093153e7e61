"""Decoding of pixels that are not 8-bit RGB: deep, toned, transparent, of a palette."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from encoded import cat, encode, from_array, mean_error, png
from numpy.typing import NDArray
from PIL import Image

from dedupe.decode.image import decode

GRADIENT = np.linspace(0, 65535, 256 * 4).reshape(4, 256)  # from black to white, over four rows


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(name: str) -> None:
    picture = decode(encode(from_array(GRADIENT.astype(np.uint16)), name))
    expected = np.rint(GRADIENT.astype(np.uint16) / 257)[..., None].repeat(3, -1)
    np.testing.assert_array_equal(picture.pixels, expected)


def test_16_bit_grey_fills_the_square_like_its_8_bit_twin() -> None:
    grey = np.asarray(cat().convert("L"))
    deep = decode(encode(from_array(grey.astype(np.uint16) * 257), "PNG"), side=96)
    shallow = decode(encode(from_array(grey), "PNG"), side=96)
    np.testing.assert_array_equal(deep.pixels, shallow.pixels)


def test_16_bit_colour_is_scaled_not_clipped() -> None:
    values = (np.asarray(cat()).astype(">u2") * 257).tobytes()
    rows = b"".join(b"\0" + values[at : at + 1350] for at in range(0, len(values), 1350))
    picture = decode(png(225, 150, bits=16, colour=2, rows=rows))
    np.testing.assert_array_equal(picture.pixels, np.asarray(cat()))


@pytest.mark.parametrize(
    ("values", "black", "white"),
    [
        (GRADIENT.astype(np.int32), 0, 65535),
        ((GRADIENT // 257).astype(np.int32), 0, 255),
        (GRADIENT.astype(np.int32) * 7 - 99, -99, 65535 * 7 - 99),
        ((GRADIENT / 65535).astype(np.float32), 0, 1),
        ((GRADIENT / 257).astype(np.float32), 0, 255),
        (GRADIENT.astype(np.float32), 0, 65535),
        (GRADIENT.astype(np.float32) - 5e4, -5e4, 15535),
    ],
)
def test_32_bit_greys_are_read_in_the_range_they_lie_in(
    values: NDArray[Any], black: float, white: float
) -> None:
    picture = decode(encode(from_array(values), "TIFF"))
    expected = np.rint((values.astype(np.float64) - black) / (white - black) * 255)
    assert np.abs(picture.pixels[..., 0] - expected).max() <= 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -7.0])
def test_floats_that_are_no_number_or_all_alike_are_decoded(value: float) -> None:
    values = np.full((20, 30), value, np.float32)
    assert decode(encode(from_array(values), "TIFF"), side=8).pixels.max() <= 255
    values[0] = 0.5
    assert decode(encode(from_array(values), "TIFF"), side=8).pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("side", [None, 96])
def test_cmyk_looks_like_the_rgb_it_came_from(side: int | None) -> None:
    picture = decode(encode(cat().convert("CMYK"), "JPEG", quality=95), side=side)
    plain = decode(encode(cat(), "PNG"), side=side)
    assert mean_error(picture.pixels, plain.pixels) < 4


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("side", [None, 32])
def test_transparency_is_laid_on_white(name: str, side: int | None) -> None:
    pixels = np.zeros((40, 60, 4), np.uint8)  # clear black on the left, red in the middle
    pixels[:, 20:, 0] = 255
    pixels[:, 20:40, 3] = 255
    options = {"lossless": True} if name == "WEBP" else {"quality": 100}
    seen = decode(encode(from_array(pixels), name, **options), side=side).pixels
    width = seen.shape[1]
    assert mean_error(seen[:, : width // 4], np.array([255, 255, 255])) < 5
    assert mean_error(seen[:, width * 4 // 10 : width * 6 // 10], np.array([255, 0, 0])) < 5
    assert mean_error(seen[:, width * 3 // 4 :], np.array([255, 255, 255])) < 5


@pytest.mark.parametrize("size", [(64, 64), (1500, 900)])
@pytest.mark.parametrize(
    ("marks", "background"),
    [
        ([(0, 0, 0), (200, 0, 90)], (255, 255, 255)),
        ([(255, 255, 255)], (0, 0, 0)),
        ([(250, 240, 245), (9, 9, 9)], (128, 128, 128)),
        ([(255, 255, 255), (0, 0, 0), (120, 130, 120)], (255, 0, 0)),
    ],
)
def test_transparency_is_laid_on_a_colour_that_the_picture_does_not_contain(
    marks: list[tuple[int, int, int]], background: tuple[int, int, int], size: tuple[int, int]
) -> None:
    logo = Image.new("RGBA", size)
    for number, mark in enumerate(marks):
        logo.paste((*mark, 255), (5, 5 + 15 * number, 60, 18 + 15 * number))
    pixels = decode(encode(logo, "PNG")).pixels
    assert tuple(pixels[0, 0]) == background
    assert tuple(pixels[10, 10]) == marks[0]


def test_half_transparent_grey_is_laid_on_white() -> None:
    pixels = np.full((5, 5, 2), (100, 51), np.uint8)  # 20 % of grey 100, 80 % of white
    assert set(decode(encode(from_array(pixels), "PNG")).pixels.flat) == {224}


@pytest.mark.parametrize("name", ["PNG", "GIF"])
def test_a_clear_palette_colour_is_laid_on_white(name: str) -> None:
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.paste(0, (0, 0, 4, 8))
    seen = decode(encode(palette, name, transparency=0)).pixels
    assert [tuple(seen[0, 0]), tuple(seen[0, 7])] == [(255, 255, 255), (10, 20, 30)]


def test_a_clear_colour_of_a_png_without_alpha_is_laid_on_white() -> None:
    image = Image.new("RGB", (8, 8), (1, 2, 3))
    seen = decode(encode(image, "PNG", transparency=(1, 2, 3))).pixels
    assert set(seen.flat) == {255}


@pytest.mark.parametrize("name", ["PNG", "TIFF", "BMP", "GIF"])
def test_bilevel_images_are_black_and_white_and_squash_to_grey(name: str) -> None:
    board = (np.indices((64, 64)).sum(0) % 2).astype(bool)
    data = encode(from_array(board), name)
    np.testing.assert_array_equal(decode(data).pixels[..., 1], board * 255)
    assert mean_error(decode(data, side=8).pixels, np.full(3, 127.5)) < 2


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "RGBX", "CMYK", "YCbCr", "1"])
def test_every_mode_of_a_tiff_becomes_rgb(mode: str) -> None:
    photo = cat().convert(mode)
    picture = decode(encode(photo, "TIFF"))
    assert mean_error(picture.pixels, np.asarray(photo.convert("RGB"))) < 0.01
