"""Decoding JPEG files with libjpeg-turbo, and reading their segments."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from drawings import draw_photo
from PIL import Image

from dedupe.decode import jpeg
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable

PHOTO = Image.fromarray(draw_photo(5, width=400, height=240))


def encode(image: Image.Image = PHOTO, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **{"quality": 95, **options})
    return file.getvalue()


def is_plain(data: bytes) -> bool:
    return jpeg.read_header(data).plain


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(exif=exif)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_the_header_contains_the_size(options: dict[str, Any]) -> None:
    assert jpeg.measure(encode(**options)) == (400, 240)
    assert jpeg.measure(encode(PHOTO.convert("L"), **options)) == (400, 240)


@pytest.mark.parametrize(
    ("least", "shape"), [(1, (30, 50)), (31, (60, 100)), (96, (120, 200)), (300, (240, 400))]
)
def test_the_smallest_eighth_that_is_large_enough_is_decoded(
    least: int, shape: tuple[int, int]
) -> None:
    pixels = jpeg.decode_jpeg(encode(), least)
    assert not isinstance(pixels, str)
    assert pixels.shape == (*shape, 3)
    expected = cv2.resize(np.asarray(PHOTO), shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(pixels.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_the_whole_picture_has_the_pixels_that_pillow_gives(options: dict[str, Any]) -> None:
    data = encode(**options)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(jpeg.decode_jpeg(data), np.asarray(image))


def test_grey_comes_out_in_three_equal_colours() -> None:
    pixels = jpeg.decode_jpeg(encode(PHOTO.convert("L")), 96)
    assert not isinstance(pixels, str)
    assert pixels.shape == (120, 200, 3)
    assert (pixels == pixels[:, :, :1]).all()


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", encode()[:300], encode(PHOTO.convert("CMYK"))]
)
def test_what_has_no_plain_header_is_left_to_pillow(data: bytes) -> None:
    assert jpeg.measure(data) is None


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_warning_of_libjpeg_is_returned(cut: float) -> None:
    data = encode()
    warning = jpeg.decode_jpeg(data[: int(cut * len(data))], 96)
    assert isinstance(warning, str)
    assert "remature end" in warning


def test_a_file_is_plain_unless_something_could_turn_it_or_name_another_format() -> None:
    assert is_plain(encode())
    assert is_plain(encode(progressive=True, comment="a remark"))
    assert is_plain(encode(icc_profile=b"some profile"))
    assert not is_plain(with_exif())
    assert not is_plain(encode(xmp=b'<x:xmpmeta tiff:Orientation="6"/>'))


def test_a_file_of_several_pictures_is_not_plain() -> None:
    file = io.BytesIO()
    PHOTO.save(file, "MPO", save_all=True, append_images=[PHOTO])
    assert not is_plain(file.getvalue())
    assert decode(file.getvalue(), side=96).format == "MPO"


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xdb\0"])
def test_a_file_with_segments_that_lead_nowhere_is_not_plain(data: bytes) -> None:
    assert not is_plain(data)


def test_fill_bytes_before_a_marker_are_passed_over() -> None:
    data = encode()
    assert is_plain(data[:2] + b"\xff\xff\xff" + data[2:])


def test_orientation_in_exif_or_xmp_turns_the_square() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
    for data in (with_exif(), encode(xmp=xmp)):
        picture = decode(data, side=96)
        assert (picture.width, picture.height) == (240, 400)
        upright = decode(encode(PHOTO.transpose(Image.Transpose.ROTATE_270)), side=96)
        assert np.abs(picture.pixels.astype(int) - upright.pixels).mean() < 4


def test_an_icc_profile_is_found_in_the_header() -> None:
    assert jpeg.read_header(encode(icc_profile=b"some profile")).profile
    assert not jpeg.read_header(encode()).profile


def test_the_movie_of_a_motion_photo_is_measured() -> None:
    movie = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"moov" * 99
    assert jpeg.measure_movie(encode() + movie) == len(movie)
    assert jpeg.measure_movie(encode()) == 0
    assert jpeg.measure_movie(encode() + b"\0" * 9) == 0
    assert jpeg.measure_movie(encode() + b"ftyp") == 0
    assert decode(encode() + movie, side=32).facts.movie == len(movie)


def test_a_header_says_whether_the_frame_is_progressive() -> None:
    assert not jpeg.read_header(encode()).progressive
    assert jpeg.read_header(encode(progressive=True)).progressive
    assert not jpeg.read_header(with_exif()).progressive


@pytest.mark.parametrize("data", [b"\xff\xd8" + b"\xff" * 99, encode()[:2] + b"\xff" * 99_999])
def test_a_long_run_of_fill_bytes_is_rejected(data: bytes) -> None:
    with pytest.raises(Unreadable, match="a long run of fill bytes"):
        decode(data + encode()[2:] if len(data) > 99_999 else data, side=32)
