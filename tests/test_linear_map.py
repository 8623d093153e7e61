from __future__ import annotations

import numpy as np
import pytest

from dedupe.linear_map import split_linear


def turn(degrees: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


@pytest.mark.parametrize(("degrees", "quarters"), [(0, 0), (90, 1), (-90, -1), (180, 2)])
def test_quarter_turns_are_found_in_both_directions(degrees: int, quarters: int) -> None:
    parts = split_linear(3 * turn(degrees))
    assert parts.quarters % 4 == quarters % 4
    assert parts.degrees == abs(degrees)
    assert (parts.mirrored, round(parts.tilt, 6), round(parts.stretch, 6)) == (False, 0, 1)


def test_a_mirror_a_tilt_and_a_stretch_are_parted() -> None:
    parts = split_linear(turn(93) @ np.diag([-1.0, 1.0]) @ np.diag([1.2, 1.0]))
    assert parts.mirrored
    assert parts.quarters == 1
    assert parts.tilt == pytest.approx(3)
    assert parts.stretch == pytest.approx(1.2)
