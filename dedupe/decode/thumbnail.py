"""Make the thumbnail of a content that the index keeps for verification: 5 kB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 64  # edge of the grey thumbnail, pixels
COLOUR_SIDE = 16  # edge of the colour thumbnail, pixels
BYTES = SIDE * SIDE + 3 * COLOUR_SIDE * COLOUR_SIDE


def make_thumbnail(square: NDArray[np.uint8]) -> bytes:
    """Return the thumbnail of a whole picture: `SIDE` x `SIDE` grey, then 16 x 16 RGB, row by row.

    Args:
        square: (side, side, 3) RGB, the whole picture squashed to a square.
    """
    grey = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    colour = cv2.resize(square, (COLOUR_SIDE, COLOUR_SIDE), interpolation=cv2.INTER_AREA)
    return bytes(grey.tobytes() + colour.tobytes())


def read_thumbnail(data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return grey (64, 64) and colour (16, 16, 3) of what `make_thumbnail` returned."""
    values = np.frombuffer(data, np.uint8)
    grey = values[: SIDE * SIDE].reshape(SIDE, SIDE)
    return grey, values[SIDE * SIDE :].reshape(COLOUR_SIDE, COLOUR_SIDE, 3)
