"""The places of one picture's maps on those of another's, as a map between the pictures has it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FINE = 16  # parts of an edge into which a place is cut before it is laid elsewhere


def lay_on(second: Floats, matrix: Floats) -> tuple[Floats, float]:
    """Carry the sums of the second picture's places to the places of the first.

    Places are cut fine and moved, so that what they hold is neither made nor lost.

    Args:
        second: (R, C) sums.
        matrix: (2, 3) from column and row in the first to those in the second, as from
            `between_places`.

    Returns:
        (R, C) sums in the first picture's places, and the sum of what lies outside them.
    """
    rows, columns = second.shape
    y, x = (np.mgrid[: rows * _FINE, : columns * _FINE] + 0.5) / _FINE - 0.5
    fine = np.repeat(np.repeat(second, _FINE, 0), _FINE, 1) / _FINE**2
    back = cv2.invertAffineTransform(matrix)
    at = np.rint(back[:, :2] @ np.stack([x.ravel(), y.ravel()]) + back[:, 2:]).astype(np.int64)
    inside = ((at >= 0) & (at < [[columns], [rows]])).all(axis=0)
    laid = np.zeros((rows, columns))
    np.add.at(laid, (at[1, inside], at[0, inside]), fine.ravel()[inside])
    return laid, float(fine.ravel()[~inside].sum())


def warp_maps(second: Floats, matrix: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the second picture's maps at the first's places, and where it has any.

    Args:
        second: (R, C, K).
        matrix: as for `lay_on`.

    Returns:
        (R, C, K), interpolated between places, and (R, C): the place lies inside the second.
    """
    rows, columns, _ = second.shape
    y, x = np.mgrid[:rows, :columns]
    at = (matrix[:, :2] @ np.stack([x.ravel(), y.ravel()]) + matrix[:, 2:]).reshape(
        2, rows, columns
    )
    inside = (at >= -0.5).all(axis=0) & (at[0] <= columns - 0.5) & (at[1] <= rows - 0.5)
    at = np.clip(at, 0, [[[columns - 1]], [[rows - 1]]])
    low = np.minimum(at.astype(np.int64), [[[max(columns - 2, 0)]], [[max(rows - 2, 0)]]])
    part = at - low
    warped = np.zeros_like(second)
    for dx in (0, 1):
        for dy in (0, 1):
            weight = abs(1 - dx - part[0]) * abs(1 - dy - part[1])
            corner = second[np.minimum(low[1] + dy, rows - 1), np.minimum(low[0] + dx, columns - 1)]
            warped += weight[..., None] * corner
    return warped, inside


def between_places(
    matrix: Floats, grid: Floats, first: tuple[int, int], second: tuple[int, int]
) -> Floats:
    """Turn a map between pictures into one between the places of their maps.

    Args:
        matrix: (2, 3) from pixels of the first picture to those of the second.
        grid: of `Views`.
        first, second: width and height of the two, pixels.

    Returns:
        (2, 3) from column and row in the first to those in the second.
    """
    unit_first, unit_second = (_to_unit(size) for size in (first, second))
    return np.asarray(
        (square(grid) @ unit_second @ square(matrix)
         @ np.linalg.inv(unit_first) @ np.linalg.inv(square(grid)))[:2]
    )  # fmt: skip


def _to_unit(size: tuple[int, int]) -> Floats:
    """Return the (3, 3) map from pixels, counted from the centre of the first, to [0, 1]."""
    width, height = size
    return np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])


def square(matrix: Floats) -> Floats:
    """Return the (3, 3) form of a (2, 3) map."""
    return np.vstack([matrix, [0, 0, 1]])
