"""How a tower is read: where the places of its maps look."""

from __future__ import annotations

import numpy as np
import pytest
from drawings import draw_photo

from dedupe.encoder.manifest import BUILT_IN
from dedupe.encoder.runtime import KerasEncoder
from dedupe.explain.feature_maps import view

ENCODER = KerasEncoder(BUILT_IN, device="cpu")
SIDE = ENCODER.manifest.side


@pytest.mark.parametrize("at", [(1, 1), (2, 3), (4, 2)])
def test_a_place_looks_where_the_grid_says(at: tuple[int, int]) -> None:
    plain = draw_photo(5, width=SIDE, height=SIDE)
    grid = view(ENCODER, plain[None]).grid
    x, y = (SIDE * (at[1 - axis] - grid[axis, 2]) / grid[axis, axis] for axis in (0, 1))
    spotted = plain.copy()
    spotted[round(y) - 3 : round(y) + 3, round(x) - 3 : round(x) + 3] ^= 255
    before, after = view(ENCODER, np.stack([plain, spotted])).maps
    moved = np.linalg.norm(after - before, axis=2)
    assert np.unravel_index(moved.argmax(), moved.shape) == at
