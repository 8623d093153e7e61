from __future__ import annotations

import numpy as np
import pytest
from photo_files import an_original, encode, reopen, source

from dedupe.provenance.dct import DCT
from dedupe.provenance.rounding import compare_cells, compare_rounding, split_blocks, transform
from dedupe.provenance.tone import LUMA


def tiles(image: np.ndarray) -> np.ndarray:
    """Twelve tiles of 32 pixels in the corner, (12, 32, 32) luma."""
    luma = image.astype(np.float32) @ LUMA
    return np.stack([luma[y : y + 32, x : x + 32] for y in (0, 64, 128) for x in (0, 64, 128, 192)])


def test_blocks_are_transformed_as_by_the_definition() -> None:
    values = np.random.default_rng(1).normal(0, 50, (2, 32, 32)).astype(np.float32)
    blocks = split_blocks(transform(values))
    assert blocks.shape == (2, 16, 8, 8)
    assert np.allclose(blocks[1, 6], DCT @ values[1, 8:16, 16:24] @ DCT.T, atol=1e-3)


@pytest.mark.parametrize(("first", "second"), [(95, 90), (95, 60), (75, 92)])
def test_a_copy_fits_its_own_rounding_at_every_quality(first: int, second: int) -> None:
    data = an_original(quality=first)
    copy = encode(reopen(data), quality=second)
    original, made = source(data), source(copy)
    a, b = tiles(original.pixels), tiles(made.pixels)
    there = compare_rounding(b - a, b - a, b, made)
    back = compare_rounding(a - b, a - b, a, original)
    assert abs(there["fit"]) < 1.2
    assert abs(there["fit"]) < abs(back["fit"]) - 0.5


def test_a_lossless_copy_has_no_residual() -> None:
    made = source(encode(reopen(an_original()), "PNG"))
    t = tiles(made.pixels)
    exact = compare_rounding(0 * t, 0 * t, t, made)
    assert exact["lossless"] == 1
    assert exact["exceed"] == 0
    assert compare_rounding(0 * t + 2, 0 * t, t, made)["exceed"] == 1


def test_flat_tiles_give_no_evidence() -> None:
    made = source(encode(reopen(an_original()), quality=50))
    flat = np.full((3, 32, 32), 128, np.float32)
    found = compare_rounding(flat, flat, flat, made)
    assert (found["exceed"], found["fit"], found["explained"]) == (0.5, 0, 0)


@pytest.mark.parametrize("quality", [60, 90, 95])
def test_encoded_levels_lie_in_the_cells_of_the_jpeg_made_of_them(quality: int) -> None:
    data = an_original(quality=98)
    original, made = source(data), source(encode(reopen(data), quality=quality))
    a, b = (np.rint(tiles(one.pixels)) for one in (original, made))
    there, back = compare_cells(a, b, made), compare_cells(b, a, original)
    assert there["miss"] < 0.12
    assert back["miss"] > there["miss"] + 0.2
    assert back["miss_size"] > there["miss_size"] + 1


def test_levels_lie_in_the_cells_of_a_lossless_file_if_they_are_equal() -> None:
    made = source(encode(reopen(an_original()), "PNG"))
    t = np.rint(tiles(made.pixels))
    assert compare_cells(t, t, made) == {"miss": 0, "miss_size": pytest.approx(np.log2(0.05))}
    assert compare_cells(t + 2, t, made) == {"miss": 1, "miss_size": pytest.approx(np.log2(1.55))}


def test_the_cells_of_other_lossy_formats_are_unknown() -> None:
    made = source(encode(reopen(an_original()), "WEBP", quality=80))
    t = tiles(made.pixels)
    assert compare_cells(t, t, made) == {"miss": 0.5, "miss_size": 0}
