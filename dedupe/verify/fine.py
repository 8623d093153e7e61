"""Align two pictures at the resolution of the less resolved one, from a map that is nearly right.

Does not decide anything and does not know how the map was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.types import FrameMatrix
from dedupe.verify.features import Array

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB or (H, W) grey
Square = NDArray[np.float64]  # (3, 3), maps columns (x, y, 1)

FINE_SIDE = 1400  # longest side, pixels: a line of print on A4 is then 17 pixels high
_BLUR = 0.7  # spread of the smoothing of both, pixels: the grain of a scan
_GRID = 8  # rows and columns of cells, each gives one window to the refinement
_HALF = 16  # half the edge of such a window, pixels
_REACH = 8  # largest shift that the refinement finds, pixels
_CORNER = 200.0  # least mean squared slope in both directions of such a window, levels^2
_LIKE = 0.7  # least correlation of such a window
_LEAST = 6  # windows that a refinement needs
_CHANGE = 0.03  # largest change of scale, turn or shear by the refinement

_INWARDS = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP


@dataclass(frozen=True, slots=True, eq=False)
class FinePair:
    """Two pictures in the frame of the less resolved one."""

    a: Array  # (H, W) float32 brightness of the less resolved picture
    b: Array  # (H, W) float32 brightness of the other one
    mask: NDArray[np.bool_]  # (H, W): both pictures show this pixel
    swapped: bool  # `a` is the second picture


def shrink(pixels: Pixels) -> Pixels:
    """Return a picture with at most `FINE_SIDE` pixels on its longer side."""
    height, width = pixels.shape[:2]
    scale = FINE_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def align_fine(first: Pixels, second: Pixels, matrix: FrameMatrix) -> FinePair:
    """Align two pictures of at most `FINE_SIDE` pixels.

    Args:
        first: (H, W, 3) RGB or (H, W) grey.
        second: (h, w, 3) RGB or (h, w) grey.
        matrix: the map from the frame of the second picture to that of the first.
    """
    base, other, square, swapped = order_pair(first, second, matrix)
    a = _grey(base)
    warped, mask = warp(other, square, base)
    step = _refine(a, _grey(warped), mask)
    if step is not None:
        warped, mask = warp(other, square @ step, base)
    return FinePair(a, _grey(warped), mask, swapped)


def order_pair(
    first: Pixels, second: Pixels, matrix: FrameMatrix
) -> tuple[Pixels, Pixels, Square, bool]:
    """Return the less resolved picture, the other one, the map to it, and whether they changed.

    The other picture is reduced first if a warp would skip its pixels. The map leads from pixels
    of the less resolved picture to pixels of the other one.
    """
    onto_first = to_pixels(first) @ np.reshape(matrix, (3, 3)) @ np.linalg.inv(to_pixels(second))
    zoom = _zoom(onto_first)
    swapped = zoom > 1 or (zoom == 1 and first.tobytes() > second.tobytes())
    base, other = (second, first) if swapped else (first, second)
    square = onto_first if swapped else np.linalg.inv(onto_first)  # from `base` to `other`
    scale = _zoom(square)
    if scale > 1.05:  # else a warp would skip pixels
        height, width = other.shape[:2]
        size = (max(1, round(width / scale)), max(1, round(height / scale)))
        small = np.asarray(cv2.resize(other, size, interpolation=cv2.INTER_AREA), np.uint8)
        square = to_pixels(small) @ np.linalg.inv(to_pixels(other)) @ square
        other = small
    return base, other, square, swapped


def to_pixels(picture: Pixels) -> Square:
    """Return the (3, 3) matrix from a frame, x and y in [0, 1], to pixels.

    Args:
        picture: (H, W, 3) RGB or (H, W) grey; only its size is read.
    """
    height, width = picture.shape[:2]
    return np.array([[width, 0, -0.5], [0, height, -0.5], [0, 0, 1]], np.float64)


def _zoom(square: Square) -> float:
    return round(float(np.sqrt(abs(np.linalg.det(square[:2, :2] / square[2, 2])))), 6)


def _grey(pixels: Pixels) -> Array:
    """Return the smoothed brightness of a picture, (H, W) float32 in levels."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _BLUR))


def warp(other: Pixels, square: Square, base: Pixels) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return `other` in the frame of `base`, and its coverage.

    Args:
        other: (h, w, 3) RGB or (h, w) grey.
        square: map from pixels of `base` to pixels of `other`.
        base: (H, W, 3) RGB or (H, W) grey; only its size is read.

    Returns:
        (H, W, 3) or (H, W) uint8, and (H, W) bool: `other` covers this pixel.
    """
    size = base.shape[1::-1]
    warped = cv2.warpPerspective(
        other, square, size, flags=_INWARDS, borderMode=cv2.BORDER_REPLICATE
    )
    full = np.full(other.shape[:2], 255, np.uint8)
    inside = cv2.warpPerspective(full, square, size, flags=cv2.INTER_NEAREST | _INWARDS & ~7)
    inside = cv2.erode(inside, np.ones((3, 3), np.uint8))
    return np.asarray(warped, np.uint8), np.asarray(inside > 0)


def _refine(a: Array, b: Array, mask: NDArray[np.bool_]) -> Square | None:
    """Return the affine map of `a` onto `b` on which most windows agree; None if few do.

    Args:
        a: (H, W) float32 levels.
        b: (H, W) float32 levels.
        mask: (H, W) bool, both pictures show this pixel.
    """
    places, shifts = _find_shifts(a, b, mask)
    if len(places) < _LEAST:
        return None
    found, inliers = cv2.estimateAffine2D(
        places, places + shifts, method=cv2.USAC_MAGSAC, ransacReprojThreshold=1.5, maxIters=500
    )
    if found is None or inliers.sum() < _LEAST:
        return None
    square = np.vstack([found, [0, 0, 1]])
    return None if np.abs(square[:2, :2] - np.eye(2)).max() > _CHANGE else square


def _find_shifts(a: Array, b: Array, mask: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return places (N, 2) with corners, and how far `b` is shifted there, float32 pixels."""
    margin = _HALF + _REACH
    height, width = a.shape
    places, shifts = [], []
    slopes = [cv2.Sobel(a, -1, *axes) for axes in ((1, 0), (0, 1))]
    corner = np.minimum(*(cv2.blur(slope * slope, (33, 33)) for slope in slopes))
    covered = cv2.erode(mask.astype(np.uint8), np.ones((2 * margin + 1,) * 2, np.uint8))
    corner *= covered
    for rows in np.array_split(np.arange(margin, height - margin), _GRID):
        for columns in np.array_split(np.arange(margin, width - margin), _GRID):
            if not len(rows) or not len(columns):
                continue
            cell = corner[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            y, x = np.unravel_index(int(cell.argmax()), cell.shape)
            if cell[y, x] < _CORNER:
                continue
            like, shift = match_window(a, b, int(rows[0] + y), int(columns[0] + x), _HALF, _REACH)
            if like > _LIKE:
                places.append((columns[0] + x, rows[0] + y))
                shifts.append(shift)
    return np.array(places, np.float32).reshape(-1, 2), np.array(shifts, np.float32).reshape(-1, 2)


def match_window(
    a: Array, b: Array, y: int, x: int, half: int, reach: int
) -> tuple[float, tuple[int, int]]:
    """Return the largest correlation of a window of `a` with shifted windows of `b`.

    Args:
        a: (H, W) float32.
        b: (H, W) float32.
        y: row of the centre of the window; at least `half + reach` from the edges.
        x: column of the centre.
        half: half the edge of the window, pixels.
        reach: largest shift in each direction, pixels.

    Returns:
        The correlation in [-1, 1] and the shift (x, y) in pixels.
    """
    wide = half + reach
    window = a[y - half : y + half + 1, x - half : x + half + 1]
    area = b[y - wide : y + wide + 1, x - wide : x + wide + 1]
    _, like, _, (right, down) = cv2.minMaxLoc(cv2.matchTemplate(area, window, cv2.TM_CCOEFF_NORMED))
    return float(like), (right - reach, down - reach)
