"""Which of two files a disk or a transfer damaged."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from drawings import draw_photo
from numpy.typing import NDArray
from photo_files import draw_scene
from PIL import Image, ImageFilter

from dedupe.decode.image import decode
from dedupe.provenance.damage import compare_bytes, compare_pixels, find_broken, measure_seam

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


def test_files_of_one_length_by_chance_share_a_header_only() -> None:
    photo = PHOTO.resize((80, 60))
    first, second = (encode(p, "JPEG", quality=60) for p in (photo, photo.rotate(180)))
    length = min(len(first), len(second))  # as if they were equal by chance
    first, second = first[:length], second[:length]
    header = first.index(b"\xff\xda")  # where the coded pixels begin
    assert first[:header] == second[:header]
    assert header > 0.2 * length
    assert compare_bytes(first, second, uncompressed=False) == "neither"


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


def test_bits_flipped_all_over_uncompressed_pixels_are_damage() -> None:
    data = encode(PHOTO, "BMP")
    flipped = flip(data, *range(1000, len(data), len(data) // 20))
    assert compare_bytes(data, flipped, uncompressed=True) == "unknown"


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


SCENE = draw_scene(5, width=720, height=528)


def recode(photo: Image.Image, container: str = "JPEG", **options: Any) -> NDArray[np.uint8]:
    return decode(encode(photo, container, **options)).pixels


def with_wrong_blocks() -> Image.Image:
    """Damage of a JPEG: from one block to the end of a row, each block has another level."""
    pixels = np.asarray(SCENE).copy()
    levels = np.random.default_rng(1).integers(0, 255, (4, 37, 3), dtype=np.uint8)
    pixels[208:272, 128:] = levels.repeat(16, axis=0).repeat(16, axis=1)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("container", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("side", [1.0, 0.8])
def test_damage_shows_beside_a_copy_in_another_encoding_and_size(
    container: str, side: float
) -> None:
    copy = SCENE.resize((int(SCENE.width * side), int(SCENE.height * side)))
    damaged, intact = recode(with_wrong_blocks(), quality=85), recode(copy, container)
    assert find_broken(damaged, intact) == "first"
    assert find_broken(intact, damaged) == "second"


@pytest.mark.parametrize(
    "copy",
    [
        recode(SCENE, quality=35),
        recode(SCENE.filter(ImageFilter.GaussianBlur(2))),
        recode(SCENE.point(lambda level: min(255, level * 5 // 4))),
        recode(SCENE.convert("L").convert("RGB")),
        recode(SCENE.quantize(32).convert("RGB"), "PNG"),
        recode(SCENE.filter(ImageFilter.UnsharpMask(2, 150))),
        np.roll(np.asarray(SCENE), 1, axis=1),
    ],
    ids=["quality", "blur", "brighter", "grey", "palette", "sharp", "shifted"],
)
def test_an_original_is_not_broken_beside_its_copies(copy: NDArray[np.uint8]) -> None:
    assert find_broken(np.asarray(SCENE), copy) == "neither"


def test_a_picture_with_a_label_is_broken_beside_the_plain_one() -> None:
    label = SCENE.copy()
    label.paste("white", (60, 80, 220, 120))
    assert find_broken(np.asarray(label), np.asarray(SCENE)) == "first"
    assert find_broken(np.asarray(SCENE), np.asarray(label)) == "second"
