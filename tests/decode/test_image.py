"""Decoding the bytes of image files, good and bad, to pixels."""

from __future__ import annotations

import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from encoded import cat, encode, from_array, mean_error, png, samples
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable

Pixels = NDArray[np.uint8]
ORIENTATION = 0x0112


def trouble(data: bytes, **options: Any) -> str:
    """Return the reason for which `decode` refuses `data`."""
    with pytest.raises(Unreadable) as caught:
        decode(data, **options)
    assert "\n" not in caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize("name", sorted(samples()))
def test_every_format_is_decoded_and_named_by_its_bytes(name: str) -> None:
    picture = decode(samples()[name])
    assert picture.format == {"progressive": "JPEG"}.get(name, name)
    assert (picture.width, picture.height) == (225, 150)
    assert picture.pixels.shape == (150, 225, 3)
    assert picture.pixels.dtype == np.uint8
    assert mean_error(picture.pixels, np.asarray(cat())) < 8


@pytest.mark.parametrize("name", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_give_back_every_pixel(name: str) -> None:
    np.testing.assert_array_equal(decode(samples()[name]).pixels, np.asarray(cat()))


@pytest.mark.parametrize("name", sorted(samples()))
@pytest.mark.parametrize("side", [32, 96, 300])
def test_a_square_holds_the_whole_picture_and_its_true_size(name: str, side: int) -> None:
    picture = decode(samples()[name], side=side)
    assert picture.pixels.shape == (side, side, 3)
    assert (picture.width, picture.height) == (225, 150)
    expected = np.asarray(cat().resize((side, side), Image.Resampling.HAMMING))
    assert mean_error(picture.pixels, expected) < 8


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_a_jpeg_is_squashed_close_to_the_mean_over_areas(scale: int) -> None:
    large = cat().resize((480 * scale, 288 * scale), Image.Resampling.BICUBIC)
    areas = np.asarray(large).reshape(96, 3 * scale, 96, 5 * scale, 3).mean((1, 3))
    assert mean_error(decode(encode(large, "JPEG", quality=95), side=96).pixels, areas) < 2


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3000, 2), (17, 13)])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_thin_and_tiny_images_fill_the_square(size: tuple[int, int], name: str) -> None:
    picture = decode(encode(Image.new("RGB", size, (200, 100, 50)), name), side=96)
    assert (picture.width, picture.height) == size
    assert mean_error(picture.pixels, np.array([200, 100, 50])) < 4


STORED: dict[int, Callable[[Pixels], Pixels]] = {  # what a camera stores (EXIF 2.32, 4.6.4 A)
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("name", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
@pytest.mark.parametrize("side", [None, 96])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_exif_orientation_comes_out_upright(
    orientation: int, side: int | None, name: str
) -> None:
    upright = np.asarray(cat())
    stored = from_array(np.ascontiguousarray(STORED[orientation](upright)))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options: dict[str, Any] = {"lossless": True} if name == "WEBP" else {"quality": 95, "speed": 9}
    picture = decode(encode(stored, name, exif=exif, **options), side=side)
    plain = decode(encode(cat(), name, **options), side=side)
    assert (picture.width, picture.height) == (225, 150)
    # A JPEG's scaled blocks start at its first row, so half a block may be cut from either end.
    allowed = {"JPEG": 5 if side else 3, "AVIF": 3}
    assert mean_error(picture.pixels, plain.pixels) < allowed.get(name, 0.2)
    if side is None and name in ("PNG", "TIFF", "WEBP"):
        np.testing.assert_array_equal(picture.pixels, upright)


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_orientation_that_means_nothing_is_ignored(value: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    picture = decode(encode(cat(), "PNG", exif=exif))
    np.testing.assert_array_equal(picture.pixels, np.asarray(cat()))


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0junk"])
def test_broken_exif_costs_only_the_orientation(exif: bytes) -> None:
    picture = decode(encode(cat(), "JPEG", exif=exif))
    np.testing.assert_array_equal(picture.pixels, decode(samples()["JPEG"]).pixels)


def test_a_mode_that_pillow_cannot_convert_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(image: Image.Image, mode: str) -> Image.Image:
        raise ValueError(f"conversion from {image.mode} to {mode} not supported")

    data = encode(cat().convert("CMYK"), "TIFF")
    monkeypatch.setattr(Image.Image, "convert", convert)
    assert trouble(data) == "unsupported format"


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF", "TIFF", "MPO"])
@pytest.mark.parametrize("side", [None, 16])
def test_an_animation_gives_its_first_frame(name: str, side: int | None) -> None:
    frames = [Image.new("RGB", (48, 32), colour) for colour in ("red", "lime", "blue")]
    data = encode(frames[0], name, save_all=True, append_images=frames[1:])
    assert mean_error(decode(data, side=side).pixels, np.array([255, 0, 0])) < 5


@pytest.mark.parametrize("side", [None, 96])
@pytest.mark.parametrize("part", [0.001, 0.02, 0.1, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("name", sorted(samples().keys() - {"MPO"}))
def test_a_truncated_file_is_refused(name: str, part: float, side: int | None) -> None:
    data = samples()[name]
    cut = data[: max(12, int(len(data) * part))]
    assert trouble(cut, side=side) == "truncated or broken"


def test_what_follows_the_first_picture_of_an_mpo_may_be_missing() -> None:
    data = samples()["MPO"]
    whole = decode(data)
    np.testing.assert_array_equal(decode(data[: len(data) * 3 // 4]).pixels, whole.pixels)
    assert trouble(data[: len(data) // 3]) == "truncated or broken"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"Dear diary,", "not an image"),
        (b"\0" * 1000, "not an image"),
        (b"%!PS-Adobe-3.0\n(%pipe%id) run", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "unsupported format"),
        (b"\xff\xd8\xff", "truncated or broken"),
        (b"BM", "truncated or broken"),
        (b"\x89PNG\r\n\x1a\n", "truncated or broken"),
        (b"II*\0", "truncated or broken"),
        (b"GIF89a", "truncated or broken"),
        (b"RIFF\0\0\0\0WEBP", "truncated or broken"),
        (b"\0\0\0\x18ftypheic", "truncated or broken"),
        (b"\0\0\0\x18ftypavif", "truncated or broken"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    assert trouble(data) == reason
    assert trouble(data, side=96) == reason


@pytest.mark.parametrize("module", ["pillow_heif", "pillow_jxl"])
def test_a_format_with_a_missing_plugin_is_unsupported(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    data = samples()["HEIF"] if module == "pillow_heif" else b"\xff\x0a\0\0"
    assert trouble(data) == "unsupported format"


def test_a_bomb_is_refused_by_its_header() -> None:
    claims = png(60000, 60000, rows=b"\0" * 1000)
    assert len(claims) < 100
    assert trouble(claims) == "too many pixels"
    assert trouble(claims, side=96) == "too many pixels"


@pytest.mark.parametrize("name", sorted(samples()))
def test_the_limit_of_pixels_is_exact(name: str) -> None:
    assert trouble(samples()[name], max_pixels=225 * 150 - 1) == "too many pixels"
    assert decode(samples()[name], max_pixels=225 * 150).width == 225
    assert decode(samples()[name], max_pixels=0).width == 225


@pytest.mark.parametrize("name", ["PNG", "GIF", "WEBP", "TIFF"])
def test_the_limit_of_pillow_does_not_stand_in_the_way(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert decode(samples()[name]).width == 225
    assert decode(samples()[name], max_pixels=40000).width == 225


def test_a_text_chunk_that_explodes_is_refused() -> None:
    data = samples()["PNG"]
    body = b"zTXt" + b"Comment\0\0" + zlib.compress(b"\0" * (1 << 26))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    assert trouble(data[:33] + chunk + data[33:]) == "truncated or broken"


def test_warnings_of_pillow_do_not_surface() -> None:
    data = samples()["PNG"]
    body = b"acTL" + struct.pack(">II", 0, 0)  # an animation of no frames makes Pillow warn
    chunk = struct.pack(">I", 8) + body + struct.pack(">I", zlib.crc32(body))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = decode(data[:33] + chunk + data[33:])
    np.testing.assert_array_equal(picture.pixels, np.asarray(cat()))


def test_threads_get_the_pixels_that_one_thread_gets() -> None:
    jobs = [(data, side) for data in samples().values() for side in (None, 96)] * 4
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(lambda job: decode(job[0], side=job[1]), jobs))
    for picture, (data, side) in zip(pictures, jobs, strict=True):
        np.testing.assert_array_equal(picture.pixels, decode(data, side=side).pixels)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(samples())),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=9),
    st.booleans(),
    st.sampled_from([None, 32]),
)
def test_flipped_bytes_never_raise_anything_but_unreadable(
    name: str, changes: list[tuple[int, int]], near_the_start: bool, side: int | None
) -> None:
    data = bytearray(samples()[name])
    for position, value in changes:
        data[position % (300 if near_the_start else len(data))] = value
    try:
        picture = decode(bytes(data), side=side, max_pixels=100_000)
    except Unreadable:
        return
    assert picture.pixels.shape[2] == 3


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(samples())), st.binary(max_size=200))
def test_any_bytes_behind_a_signature_never_raise_anything_but_unreadable(
    name: str, junk: bytes
) -> None:
    assert trouble(samples()[name][:16] + junk, max_pixels=100_000)


@pytest.mark.parametrize(("options", "tolerance"), [({"lossless": True}, 0), ({"quality": 90}, 6)])
def test_a_jpeg_xl_is_decoded(options: dict[str, Any], tolerance: int) -> None:
    pytest.importorskip("pillow_jxl")
    data = encode(cat(), "JXL", **options)
    picture = decode(data)
    assert (picture.format, picture.width, picture.height) == ("JXL", *cat().size)
    change = np.abs(picture.pixels.astype(int) - np.asarray(cat()))
    assert change.mean() <= tolerance
    assert decode(data, side=32).pixels.shape == (32, 32, 3)


def test_a_jpeg_xl_that_was_cut_is_rejected() -> None:
    pytest.importorskip("pillow_jxl")
    data = encode(cat(), "JXL", lossless=True)
    with pytest.raises(Unreadable, match="truncated or broken"):
        decode(data[: len(data) // 2])
