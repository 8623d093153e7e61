"""The facts of an image that its 8-bit RGB pixels do not show."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from encoded import cat, encode, from_array, samples
from PIL import Image

from dedupe.decode.facts import read_facts
from dedupe.decode.image import decode
from dedupe.types import INTACT, Facts


def facts(data: bytes) -> Facts:
    """Return the facts of a file; they are the same for a square and for every pixel."""
    found = decode(data, side=96).facts
    assert decode(data).facts == found
    return found


@pytest.mark.parametrize("name", sorted(samples().keys() - {"MPO"}))
def test_a_plain_photo_has_no_facts(name: str) -> None:
    stored = "palette" if name == "GIF" else ""
    assert facts(samples()[name]) == replace(INTACT, stored=stored)


def test_cmyk_and_palettes_are_stored_in_their_own_way() -> None:
    assert facts(encode(cat().convert("CMYK"), "JPEG")).stored == "CMYK"
    assert facts(encode(cat().convert("CMYK"), "TIFF")).stored == "CMYK"
    assert facts(encode(cat().quantize(16), "PNG")).stored == "palette"


def with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    """Insert a chunk behind the header of a PNG."""
    body = name + content
    chunk = len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]


@pytest.mark.parametrize(("curve", "hdr"), [(16, True), (18, True), (13, False)])
def test_a_png_is_hdr_if_its_transfer_curve_is_pq_or_hlg(curve: int, hdr: bool) -> None:
    png = with_chunk(encode(cat(), "PNG"), b"cICP", bytes((9, curve, 0, 1)))
    assert facts(png).hdr is hdr


@pytest.mark.parametrize(("curve", "hdr"), [(16, True), (18, True), (1, False)])
def test_a_heif_is_hdr_if_its_transfer_curve_is_pq_or_hlg(curve: int, hdr: bool) -> None:
    data = encode(cat(), "HEIF", transfer_characteristics=curve)
    assert facts(data).hdr is hdr


def test_a_jpeg_with_a_gain_map_is_hdr() -> None:
    xmp = b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>'
    assert facts(encode(cat(), "JPEG", xmp=xmp)).hdr
    assert not facts(encode(cat(), "JPEG", xmp=b"<rdf:Description/>")).hdr


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF", "TIFF", "MPO", "HEIF"])
def test_frames_and_pages_are_counted(name: str) -> None:
    frames = [cat(), *(cat().rotate(angle) for angle in (90, 180))]
    data = encode(frames[0], name, save_all=True, append_images=frames[1:])
    assert facts(data).frames == 3


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_picture_is_transparent_if_one_pixel_is(name: str) -> None:
    options = {"lossless": True} if name == "WEBP" else {"quality": 100}
    image = cat().convert("RGBA")
    assert not facts(encode(image, name, **options)).transparent
    image.putpixel((5, 5), (0, 0, 0, 0))
    assert facts(encode(image, name, **options)).transparent


def test_a_clear_palette_colour_is_transparent() -> None:
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.paste(0, (0, 0, 4, 8))
    assert facts(encode(palette, "GIF", transparency=0)).transparent


@pytest.mark.parametrize(("name", "bits"), [("PNG", 16), ("TIFF", 16)])
def test_bits_of_a_channel_are_those_of_the_file(name: str, bits: int) -> None:
    deep = from_array(np.asarray(cat().convert("L")).astype(np.uint16) * 257)
    assert facts(encode(deep, name)).bits == bits
    assert facts(encode(cat().convert("1"), name)).bits == 1


@pytest.mark.parametrize("name", sorted(samples().keys() - {"MPO"}))
def test_grey_photos_have_no_colour_however_they_are_stored(name: str) -> None:
    grey = cat().convert("L").convert("RGB")
    assert not facts(encode(grey, name.replace("progressive", "JPEG"))).colour


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_exif_says_when_where_and_with_which_camera(name: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 1.0, 2.0), 3: "E", 4: (11.0, 3.0, 4.0)})
    expected = replace(INTACT, captured=True, located=True, camera=True)
    assert facts(encode(cat(), name, exif=exif)) == expected


@pytest.mark.parametrize("value", ["0000:00:00 00:00:00", "    :  :     :  :  ", ""])
def test_a_blank_date_is_none(value: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = value
    assert not facts(encode(cat(), "JPEG", exif=exif)).captured


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_icc_profile_is_a_fact(name: str) -> None:
    assert facts(encode(cat(), name, icc_profile=b"some profile")).profile


def test_a_jpeg_of_which_libjpeg_warns_is_damaged() -> None:
    data = samples()["JPEG"]
    without_a_tenth = data[: len(data) * 6 // 10] + data[len(data) * 7 // 10 :]
    assert facts(without_a_tenth).damage == "Corrupt JPEG data: premature end of data segment"


def test_depth_and_gain_maps_of_a_heif_are_counted_and_alpha_is_not() -> None:
    image = Image.new("RGB", (8, 8))
    image.format = "HEIF"
    alpha = "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
    image.info = {"depth_images": ["depth"], "aux": {alpha: [7], "urn:com:apple:hdrgainmap": [8]}}
    assert read_facts(image, b"").maps == 2


def test_the_movie_of_a_heic_motion_photo_is_measured() -> None:
    movie = b"ftypmp42" * 9
    box = (8 + len(movie)).to_bytes(4, "big") + b"mpvd" + movie
    assert facts(samples()["HEIF"] + box).movie == len(movie)
