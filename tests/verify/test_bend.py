"""A lens is a map of one frame onto itself, and can be taken back."""

from __future__ import annotations

import numpy as np
import pytest

from dedupe.verify.bend import Bend, Lens

PLACES = np.array([[0.1, 0.2], [0.5, 0.5], [0.9, 0.95], [0.0, 1.0]])


@pytest.mark.parametrize("radial", [-0.12, 0.15])
def test_a_lens_is_taken_back(radial: float) -> None:
    lens = Lens(Bend(0.05, -0.03, radial), (320, 240), of_second=False)
    bent = lens.apply(PLACES)
    assert np.abs(bent - PLACES).max() > 0.02
    assert np.abs(lens.undo(bent) - PLACES).max() < 2e-3


def test_perspective_alone_is_no_lens() -> None:
    lens = Lens(Bend(0.1, 0.05, 0.0), (320, 240), of_second=True)
    assert np.abs(lens.apply(PLACES) - PLACES).max() < 1e-6
