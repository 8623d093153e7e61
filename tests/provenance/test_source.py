from __future__ import annotations

import numpy as np
import pytest
from photo_files import an_original, draw_scene, encode, source
from PIL import ExifTags, Image

from dedupe.decode.read import Unreadable
from dedupe.provenance.source import read_source


def test_a_file_is_read_with_its_way_of_coding() -> None:
    jpeg = source(an_original(quality=80))
    assert (jpeg.width, jpeg.height, jpeg.lossless) == (360, 264, False)
    assert jpeg.tables is not None
    assert jpeg.tables.quality == 80
    png = source(encode(draw_scene(), "PNG"))
    assert (png.lossless, png.tables) == (True, None)


def test_pixels_and_tables_are_upright() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = source(encode(draw_scene(), exif=exif.tobytes(), quality=80))
    assert (turned.width, turned.height) == (264, 360)


def test_a_smaller_size_is_the_mean_over_areas() -> None:
    file = source(encode(draw_scene(width=512, height=256), "PNG"))
    small = file.resize(64, 32)
    means = file.pixels.reshape(32, 8, 64, 8, 3).mean((1, 3))
    assert np.abs(small - means).max() <= 2
    assert file.resize(512, 256).shape == (256, 512, 3)


def test_the_numbers_of_a_file_are_computed_once() -> None:
    file = source(an_original())
    assert file.alone is file.alone
    assert file.pyramid is file.pyramid


def test_bytes_that_are_no_image_are_unreadable() -> None:
    with pytest.raises(Unreadable):
        read_source(b"no image")
