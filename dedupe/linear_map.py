"""Split a linear map of the plane into a mirror, a turn and a stretch. Knows no pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LinearParts:
    """The parts of a linear map: a mirror first, then a stretch, then a turn."""

    mirrored: bool  # left to right, before the turn
    quarters: int  # quarter turns nearest to the turn, in [-2, 2]
    tilt: float  # degrees that the turn differs from the quarter turns, in [0, 45]
    stretch: float  # ratio of the larger scale to the smaller one, 1 and more

    @property
    def degrees(self) -> int:
        """The quarter turns in degrees, without their direction: 0, 90 or 180."""
        return 90 * abs(self.quarters)


def split_linear(linear: NDArray[Any]) -> LinearParts:
    """Return the parts of a linear map (2, 2) with a determinant that is not 0."""
    mirrored = float(np.linalg.det(linear)) < 0
    left, scales, right = np.linalg.svd(linear @ np.diag([-1.0 if mirrored else 1.0, 1.0]))
    turn = left @ right
    angle = math.degrees(math.atan2(turn[1, 0], turn[0, 0]))
    quarters = round(angle / 90)
    return LinearParts(mirrored, quarters, abs(angle - 90 * quarters), float(scales[0] / scales[1]))
