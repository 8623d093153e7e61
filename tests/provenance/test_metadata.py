from __future__ import annotations

import io
from typing import Literal

import pytest
from photo_files import draw_scene
from PIL import ExifTags, Image

from dedupe.provenance.metadata import NAMES, read_metadata
from dedupe.provenance.source import read_source


def save(image: Image.Image, exif: bytes = b"", xmp: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, exif=exif, xmp=xmp)
    return buffer.getvalue()


def an_exif(thumbnail: Image.Image | None = None, software: str = "") -> bytes:
    """EXIF of a camera, written by hand: Pillow writes no thumbnails."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    if software:
        exif[ExifTags.Base.Software] = software
    block = exif.tobytes()
    if thumbnail is None:
        return block
    buffer = io.BytesIO()
    thumbnail.resize((160, 120)).convert("L").save(buffer, "JPEG")
    body = block.removeprefix(b"Exif\0\0")
    order: Literal["little", "big"] = "little" if body[:2] == b"II" else "big"
    entries = int.from_bytes(body[8:10], order)
    next_at = 10 + 12 * entries
    start = len(body)  # IFD1 goes to the end, then the thumbnail
    data_at = start + 2 + 2 * 12 + 4
    numbers = [(0x0201, data_at), (0x0202, len(buffer.getvalue()))]
    ifd = (2).to_bytes(2, order)
    for tag, value in numbers:
        parts = (tag, 2), (4, 2), (1, 4), (value, 4)
        ifd += b"".join(number.to_bytes(size, order) for number, size in parts)
    ifd += bytes(4)
    body = body[:next_at] + start.to_bytes(4, order) + body[next_at + 4 :]
    return b"Exif\0\0" + body + ifd + buffer.getvalue()


def read(data: bytes) -> dict[str, float]:
    return read_metadata(data, read_source(data).pixels)


SCENE = draw_scene(width=480, height=360)


def test_a_file_without_metadata_says_nothing() -> None:
    assert read(save(SCENE)) == dict.fromkeys(NAMES, 0.0)


def test_a_thumbnail_of_the_picture_is_no_trace() -> None:
    assert read(save(SCENE, an_exif(SCENE)))["other_thumbnail"] == 0


def test_a_thumbnail_that_shows_another_picture_is_a_trace() -> None:
    crop = SCENE.crop((240, 20, 470, 190))
    assert read(save(crop, an_exif(SCENE)))["other_thumbnail"] == 1


@pytest.mark.parametrize(
    ("software", "expected"), [("Adobe Photoshop 7.0", 1), ("GIMP 2.10", 1), ("Ver.1.01", 0)]
)
def test_programs_that_edit_differ_from_the_firmware_of_cameras(
    software: str, expected: int
) -> None:
    assert read(save(SCENE, an_exif(software=software)))["editor"] == expected


def test_xmp_names_the_file_that_this_one_was_derived_from() -> None:
    xmp = b'<x:xmpmeta><rdf:Description xmp:CreatorTool="Adobe Lightroom"><xmpMM:DerivedFrom/>'
    found = read(save(SCENE, xmp=xmp))
    assert (found["derived"], found["editor"]) == (1, 1)


def test_broken_metadata_are_no_error() -> None:
    assert read(save(SCENE, b"Exif\0\0MM\0*\0\0\xff\xff\xff\xff"))["editor"] == 0
