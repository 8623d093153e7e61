"""Map the pixels of a duplicate onto the pixels of its keeper, for a page that overlays them."""

from __future__ import annotations

import numpy as np

from dedupe.decode.read import Unreadable
from dedupe.types import FrameMatrix, Photo
from dedupe.verify.cascade import compare
from dedupe.verify.features import Features
from dedupe.verify.load import load_pixels


def find_matrix(keeper: Photo, duplicate: Photo, *, max_pixels: int) -> list[float] | None:
    """Return the map from pixels of the duplicate to pixels of the keeper, None if not found.

    Args:
        keeper, duplicate: two files of a group; their sizes are those after EXIF orientation.
        max_pixels: larger images are rejected; 0 for no limit.

    Returns:
        Nine numbers, row by row, of a 3 x 3 matrix that maps columns (x, y, 1). The origin is the
        corner of the frame, as in CSS.
    """
    if keeper.digest == duplicate.digest:
        return np.eye(3).ravel().tolist()
    try:
        first, second = (
            Features(load_pixels(photo, max_pixels=max_pixels)) for photo in (keeper, duplicate)
        )
    except Unreadable:
        return None
    matrix = compare(first, second).matrix
    return None if matrix is None else to_pixels(matrix, keeper, duplicate)


def to_pixels(matrix: FrameMatrix, keeper: Photo, duplicate: Photo) -> list[float]:
    """Return a map between frames with sides of 1 as a map between pixels, 9 floats by rows."""
    frames = np.reshape(np.array(matrix, np.float64), (3, 3))
    into = np.diag([keeper.width, keeper.height, 1.0])
    out_of = np.diag([1 / duplicate.width, 1 / duplicate.height, 1.0])
    pixels = into @ frames @ out_of
    return [round(float(value), 9) for value in (pixels / pixels[2, 2]).ravel()]
