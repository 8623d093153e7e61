"""Damage that a decoder does not report."""

from __future__ import annotations

import numpy as np
import pytest
from drawings import draw_photo
from encoded import encode
from PIL import Image

from dedupe.decode.damage import has_erased_rows, has_run
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable

PHOTO = Image.fromarray(draw_photo(3, width=480, height=320))
REFUSED = "truncated or broken"
FORMATS = {
    "WEBP": {"quality": 80},
    "HEIF": {"quality": 80},
    "AVIF": {"quality": 80, "speed": 9},
    "BMP": {},
    "TIFF": {},
}


def erase(data: bytes, start: float, end: float, value: int = 0) -> bytes:
    """Overwrite a part of the data, given as shares of its length."""
    low, high = int(len(data) * start), int(len(data) * end)
    return data[:low] + bytes([value]) * (high - low) + data[high:]


def damage(data: bytes) -> str:
    try:
        return decode(data, side=96).facts.damage
    except Unreadable as trouble:
        return trouble.reason


@pytest.mark.parametrize("value", [0x00, 0xFF])
@pytest.mark.parametrize(("start", "end"), [(0.6123, 0.7234), (0.7123, 1.0)])
@pytest.mark.parametrize("name", FORMATS)
def test_a_zeroed_or_erased_block_is_damage(
    name: str, start: float, end: float, value: int
) -> None:
    data = encode(PHOTO, name, **FORMATS[name])
    assert damage(data) == ""
    erased = damage(erase(data, start, end, value))
    assert erased in ("a block of its data is zeroed or erased", REFUSED)


@pytest.mark.parametrize("name", FORMATS)
def test_bars_frames_and_blank_pages_are_no_damage(name: str) -> None:
    for colour in ("black", "white"):
        framed = Image.new("RGB", (600, 480), colour)
        assert damage(encode(framed, name, **FORMATS[name])) == ""
        framed.paste(PHOTO, (60, 80))
        assert damage(encode(framed, name, **FORMATS[name])) == ""


def test_a_silhouette_is_no_damage() -> None:
    pixels = np.asarray(PHOTO).copy()
    heights = 160 + 40 * np.sin(np.linspace(0, 9, 480))
    pixels[np.arange(320)[:, None] > heights] = 0
    assert damage(encode(Image.fromarray(pixels), "BMP")) == ""
    assert damage(encode(Image.fromarray(pixels), "TIFF")) == ""


def test_png_chunks_have_to_fit_their_checksums() -> None:
    data = encode(PHOTO, "PNG")
    assert damage(data) == ""
    at = data.index(b"IEND") - 8  # of the checksum of the last chunk of pixels
    assert damage(data[:at] + b"beef" + data[at + 4 :]) == "a PNG chunk does not fit its checksum"
    assert damage(data[: -len(b"....IEND....")]) in ("the data end early", REFUSED)


@pytest.mark.parametrize("start", [0.2, 0.4, 0.6, 0.8])
def test_broken_deflate_data_are_damage_if_libtiff_accepts_them(start: float) -> None:
    data = encode(PHOTO, "TIFF", compression="tiff_adobe_deflate")
    assert damage(data) == ""
    assert damage(erase(data, start, start + 0.02)) in ("broken deflate data", REFUSED)


def test_a_cmyk_jpeg_of_which_libjpeg_warns_is_damaged() -> None:
    data = encode(PHOTO.convert("CMYK"), "JPEG", quality=95)
    assert damage(data) == ""
    gap = data[: len(data) * 6 // 10] + data[len(data) * 7 // 10 :]
    assert damage(gap) == "Corrupt JPEG data: premature end of data segment"


@pytest.mark.parametrize("at", [0, 13, 1000, 1936])
def test_a_run_of_64_bytes_is_found_at_any_place(at: int) -> None:
    data = bytearray(np.random.default_rng(0).integers(1, 255, 2000, np.uint8).tobytes())
    data[at : at + 63] = bytes(63)
    assert not has_run(bytes(data))
    data[at : at + 64] = bytes(64)
    assert has_run(bytes(data))


def test_erased_rows_begin_within_a_row_and_after_other_values() -> None:
    rows = np.random.default_rng(0).integers(50, 200, (20, 300), np.uint8)

    def with_run(start: int, end: int) -> bytes:
        flat = rows.ravel().copy()
        flat[start:end] = 0
        return b"head" + flat.tobytes()

    assert has_erased_rows(with_run(2 * 300 + 100, 6 * 300 + 100), 4, 300)
    assert has_erased_rows(with_run(9 * 300 + 100, 20 * 300), 4, 300)
    assert not has_erased_rows(with_run(9 * 300, 20 * 300), 4, 300)  # a black bar
    assert not has_erased_rows(with_run(2 * 300 + 100, 2 * 300 + 200), 4, 300)  # a line
    assert not has_erased_rows(b"head" + rows.tobytes(), 4, 300)
