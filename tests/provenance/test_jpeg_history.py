from __future__ import annotations

import io

import pytest
from photo_files import an_original, draw_scene, encode
from PIL import Image

from dedupe.provenance.jpeg_history import read_tables


@pytest.mark.parametrize("quality", [40, 75, 88, 95])
def test_the_quality_is_that_of_the_encoder(quality: int) -> None:
    tables = read_tables(an_original(quality=quality), 360, 264)
    assert tables is not None
    assert abs(tables.quality - quality) <= 1


@pytest.mark.parametrize(("subsampling", "samples"), [(0, 1), (1, 2), (2, 4)])
def test_the_subsampling_is_that_of_the_encoder(subsampling: int, samples: int) -> None:
    tables = read_tables(an_original(subsampling=subsampling), 360, 264)
    assert tables is not None
    assert tables.subsampling == samples


def test_steps_are_in_the_order_of_the_frequencies() -> None:
    table = list(range(1, 65))
    data = encode(draw_scene(), qtables=[table, table])
    tables = read_tables(data, 360, 264)
    assert tables is not None
    stored = getattr(Image.open(io.BytesIO(data)), "quantization")[0]  # noqa: B009 - rows
    assert tables.luma.ravel().tolist() == list(stored)


def test_the_grid_of_a_turned_jpeg_is_that_of_its_upright_image() -> None:
    tables = read_tables(an_original(), 263, 361, orientation=6)
    assert tables is not None
    assert tables.offset == (263 % 8, 0)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xdb\x00"])
def test_a_header_that_ends_early_has_no_tables(data: bytes) -> None:
    assert read_tables(data, 8, 8) is None
