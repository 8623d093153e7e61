"""Which of two files a disk or a transfer damaged."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from drawings import draw_photo
from PIL import Image

from dedupe.decode.image import decode
from dedupe.provenance.damage import compare_bytes, compare_pixels, measure_seam

ORIENTATION = 274  # tag of EXIF
PHOTO = Image.fromarray(draw_photo(5, width=320, height=240))


def encode(photo: Image.Image, container: str, **options: Any) -> bytes:
    file = io.BytesIO()
    photo.save(file, container, **options)
    return file.getvalue()


def flip(data: bytes, *places: int) -> bytes:
    changed = bytearray(data)
    for place in places:
        changed[place] ^= 0x10
    return bytes(changed)


@pytest.mark.parametrize("value", [0x00, 0xFF])
def test_the_file_with_an_erased_block_is_the_damaged_one(value: int) -> None:
    data = encode(PHOTO, "JPEG", quality=90)
    half = len(data) // 2
    erased = data[:half] + bytes([value]) * 200 + data[half + 200 :]
    assert compare_bytes(erased, data, uncompressed=False) == "first"
    assert compare_bytes(data, erased, uncompressed=False) == "second"


def test_bytes_changed_in_place_are_damage_of_one_of_the_two() -> None:
    data = encode(PHOTO, "WEBP", quality=80)
    changed = flip(data, len(data) // 2, len(data) * 2 // 3)
    assert compare_bytes(data, changed, uncompressed=False) == "unknown"


def test_equal_files_and_files_of_other_lengths_are_not_damaged() -> None:
    data = encode(PHOTO, "JPEG", quality=90)
    assert compare_bytes(data, data, uncompressed=False) == "neither"
    assert compare_bytes(data, data + b"x", uncompressed=False) == "neither"


@pytest.mark.parametrize("container", ["JPEG", "WEBP", "GIF"])
def test_a_caption_that_an_encoder_wrote_is_not_damage(container: str) -> None:
    captioned = PHOTO.copy()
    captioned.paste("white", (100, 100, 180, 116))
    data = [encode(photo, container) for photo in (PHOTO, captioned)]
    assert compare_bytes(*data, uncompressed=False) == "neither"


@pytest.mark.parametrize("container", ["BMP", "TIFF"])
def test_a_caption_in_uncompressed_pixels_is_not_damage(container: str) -> None:
    captioned = PHOTO.copy()
    captioned.paste("white", (100, 100, 180, 116))
    data = [encode(photo, container) for photo in (PHOTO, captioned)]
    assert len(data[0]) == len(data[1])
    assert compare_bytes(*data, uncompressed=True) == "neither"


def test_the_picture_that_breaks_where_the_two_differ_is_the_damaged_one() -> None:
    intact = np.asarray(PHOTO)
    broken = intact.copy()
    broken[104:, :] = np.roll(broken[104:], 16, axis=1) // 2 + 90  # a lost block, a wrong level
    seam, score = measure_seam(broken, intact)
    assert seam > 0.2
    assert score > 6
    assert measure_seam(intact, broken) == (-seam, -score)
    assert compare_pixels(broken, intact) == "first"
    assert compare_pixels(intact, broken) == "second"


def test_a_seam_is_measured_across_strips_of_rows() -> None:
    rng = np.random.default_rng(3)
    intact = np.repeat(np.arange(600, dtype=np.uint8)[:, None, None], 40, axis=1).repeat(3, axis=2)
    broken = intact.copy()
    broken[200:530, 8:24] = rng.integers(0, 256, (330, 16, 3), dtype=np.uint8)
    whole = measure_seam(broken, intact)
    assert whole == pytest.approx(measure_seam(broken[:, ::-1], intact[:, ::-1]))
    assert whole[0] > 0.9


def test_one_wrong_pixel_does_not_show_which_picture_is_damaged() -> None:
    intact = np.asarray(PHOTO)
    broken = intact.copy()
    broken[100, 100, 1] ^= 1
    assert compare_pixels(intact, broken) == "unknown"


def test_equal_pixels_are_not_damaged_and_other_sizes_are_unknown() -> None:
    pixels = np.asarray(PHOTO)
    assert compare_pixels(pixels, pixels.copy()) == "neither"
    assert compare_pixels(pixels, pixels[:100]) == "unknown"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turn_by_one_byte_of_exif_is_not_damage(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    turned = decode(encode(PHOTO, "JPEG", quality=90, exif=exif)).pixels
    assert compare_pixels(turned, decode(encode(PHOTO, "JPEG", quality=90)).pixels) == "neither"


def test_flipped_bits_of_a_jpeg_never_accuse_the_intact_file() -> None:
    data = encode(PHOTO, "JPEG", quality=88)
    intact = decode(data).pixels
    verdicts = set()
    for place in range(len(data) // 10, len(data), len(data) // 40):
        picture = decode(flip(data, place, place + 7))
        if picture.facts.damage == "":
            verdicts.add(compare_pixels(picture.pixels, intact))
    assert "first" in verdicts
    assert "second" not in verdicts
