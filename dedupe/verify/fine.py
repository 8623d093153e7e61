"""Align two pictures at the resolution of the less resolved one, from a map that is nearly right.

Does not decide anything and does not know how the map was found.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.types import FrameMatrix
from dedupe.verify.bend import Lens
from dedupe.verify.features import Array
from dedupe.verify.field import Field, fit_field

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB or (H, W) grey
Square = NDArray[np.float64]  # (3, 3), maps columns (x, y, 1)

FINE_SIDE = 1400  # longest side, pixels: a line of print on A4 is then 17 pixels high
_BLUR = 0.7  # spread of the smoothing of both, pixels: the grain of a scan
_CORNER = 200.0  # least mean squared slope in both directions of such a window, levels^2
_LIKE = 0.7  # least correlation of such a window
_LEAST = 6  # windows that a refinement needs
_CHANGE = 0.03  # largest change of scale, turn or shear by the refinement

_DEGREE = 3  # of the displacement that windows are asked for: a lens is cubic
_LENS_DEGREE = 5  # of the one that a known lens is made into, its inverse too: off by 0.02 pixels
_BENDING = 24  # windows that a displacement needs
_MOST = 0.8  # share of the windows that it has to bring into place
_BENT = 0.5  # least shift of the rest, pixels
_BETTER = 0.6  # largest share of that shift that is left
_STILL = 0.1  # pixels below which a lens is left out

_INWARDS = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP


@dataclass(frozen=True, slots=True)
class _Search:
    """Windows with corners that are searched for in the other picture, one in each cell."""

    grid: int  # rows and columns of cells
    half: int  # half the edge of a window, pixels
    reach: int  # largest shift, pixels
    exact: bool  # shifts in parts of a pixel

    def find(self, a: Array, b: Array, y: int, x: int) -> tuple[float, tuple[float, float]]:
        """Return the largest correlation of the window at (y, x) of `a`, and its shift (x, y)."""
        likes = match_shifts(a, b, y, x, self.half, self.reach)
        _, like, _, (right, down) = cv2.minMaxLoc(likes)
        shift = float(right - self.reach), float(down - self.reach)
        if self.exact and 0 < right < 2 * self.reach and 0 < down < 2 * self.reach:
            part_x = _find_peak(likes[down, right - 1 : right + 2])
            part_y = _find_peak(likes[down - 1 : down + 2, right])
            shift = shift[0] + part_x, shift[1] + part_y
        return like, shift


def _find_peak(values: Array) -> float:
    """Return where the parabola through three values is largest, from the middle, in steps."""
    left, middle, right = (float(value) for value in values)
    bow = left - 2 * middle + right
    return 0.0 if bow >= -1e-9 else float(np.clip((left - right) / (2 * bow), -0.5, 0.5))


_WIDE = _Search(grid=8, half=16, reach=8, exact=False)
_CLOSE = _Search(grid=12, half=9, reach=4, exact=True)


@dataclass(frozen=True, slots=True, eq=False)
class FinePair:
    """Two pictures in the frame of the less resolved one."""

    a: Array  # (H, W) float32 brightness of the less resolved picture
    b: Array  # (H, W) float32 brightness of the other one
    mask: NDArray[np.bool_]  # (H, W): both pictures show this pixel
    swapped: bool  # `a` is the second picture
    other: Pixels  # the other picture in its own frame
    square: Square  # from pixels of `a`, after `field`, to pixels of `other`
    field: Field | None  # what no perspective explains; None for nothing


def shrink(pixels: Pixels) -> Pixels:
    """Return a picture with at most `FINE_SIDE` pixels on its longer side."""
    height, width = pixels.shape[:2]
    scale = FINE_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def align_fine(
    first: Pixels, second: Pixels, matrix: FrameMatrix, lens: Lens | None = None
) -> FinePair:
    """Align two pictures of at most `FINE_SIDE` pixels.

    Args:
        first: (H, W, 3) RGB or (H, W) grey.
        second: (h, w, 3) RGB or (h, w) grey.
        matrix: the map from the frame of the second picture to that of the first.
        lens: what bends one of the frames besides; None for nothing.
    """
    base, other, square, swapped = order_pair(first, second, matrix)
    field = None if lens is None else _bend_base(lens, base, other, square, swapped)
    a = _grey(base)
    warped, mask = warp(other, square, base, field)
    step = _refine(a, _grey(warped), mask)
    if step is not None:
        square = square @ step
        warped, mask = warp(other, square, base, field)
    return FinePair(a, _grey(warped), mask, swapped, other, square, field)


def bend_fine(pair: FinePair) -> FinePair | None:
    """Return a pair after the smooth displacement on which its windows agree; None without one.

    A lens and uneven paper move the whole frame smoothly. What moved on its own does not follow.
    """
    places, shifts = _find_shifts(pair.a, pair.b, pair.mask, _CLOSE)
    if len(places) < _BENDING:
        return None
    height, width = pair.a.shape
    found = fit_field(places, shifts, (width, height), _DEGREE)
    rest = np.hypot(*(shifts - found.at(places)).T)
    far = np.quantile(np.hypot(*shifts.T), _MOST)
    if far < _BENT or np.quantile(rest, _MOST) > _BETTER * far:
        return None
    field = found if pair.field is None else pair.field.plus(found)
    warped, mask = warp(pair.other, pair.square, pair.a, field)
    return replace(pair, b=_grey(warped), mask=mask, field=field)


def _bend_base(
    lens: Lens, base: Pixels, other: Pixels, square: Square, swapped: bool
) -> Field | None:
    """Return the displacement of the less resolved picture before `square`; None if it is small."""
    height, width = base.shape[:2]
    y, x = np.mgrid[0 : height - 1 : 16j, 0 : width - 1 : 16j]
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    if lens.of_second == swapped:
        bent = _map(to_pixels(base), lens.apply(_map(np.linalg.inv(to_pixels(base)), points)))
    else:
        frame = to_pixels(other)
        there = lens.undo(_map(np.linalg.inv(frame) @ square, points))
        bent = _map(np.linalg.inv(square) @ frame, there)
    moved = bent - points
    if np.abs(moved).max() < _STILL:
        return None
    return fit_field(points, moved, (width, height), _LENS_DEGREE, robust=False)


def _map(square: Array, points: Array) -> Array:
    """Map points (N, 2)."""
    return np.asarray(cv2.perspectiveTransform(points.reshape(-1, 1, 2), square)[:, 0])


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


def warp(
    other: Pixels, square: Square, base: Array, field: Field | None = None
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return `other` in the frame of `base`, and its coverage.

    Args:
        other: (h, w, 3) RGB or (h, w) grey.
        square: map from pixels of `base` to pixels of `other`.
        base: (H, W, 3) or (H, W); only its size is read.
        field: displacement of the pixels of `base` before `square`; None for none.

    Returns:
        (H, W, 3) or (H, W) uint8, and (H, W) bool: `other` covers this pixel.
    """
    full = np.full(other.shape[:2], 255, np.uint8)
    if field is None:
        size = base.shape[1::-1]
        warped = cv2.warpPerspective(
            other, square, size, flags=_INWARDS, borderMode=cv2.BORDER_REPLICATE
        )
        inside = cv2.warpPerspective(full, square, size, flags=cv2.INTER_NEAREST | _INWARDS & ~7)
    else:
        x, y = _place(square, field)
        warped = cv2.remap(other, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.remap(full, x, y, cv2.INTER_NEAREST)
    inside = cv2.erode(inside, np.ones((3, 3), np.uint8))
    return np.asarray(warped, np.uint8), np.asarray(inside > 0)


def _place(square: Square, field: Field) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return where each pixel of a field lies in the other picture, x and y, (H, W) each."""
    width, height = field.size
    at = field.spread()
    at[..., 0] += np.arange(width, dtype=np.float32)
    at[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    mapped = np.asarray(cv2.perspectiveTransform(at, square), np.float32)
    return np.ascontiguousarray(mapped[..., 0]), np.ascontiguousarray(mapped[..., 1])


def _refine(a: Array, b: Array, mask: NDArray[np.bool_]) -> Square | None:
    """Return the affine map of `a` onto `b` on which most windows agree; None if few do.

    Args:
        a: (H, W) float32 levels.
        b: (H, W) float32 levels.
        mask: (H, W) bool, both pictures show this pixel.
    """
    places, shifts = _find_shifts(a, b, mask, _WIDE)
    if len(places) < _LEAST:
        return None
    found, inliers = cv2.estimateAffine2D(
        places, places + shifts, method=cv2.USAC_MAGSAC, ransacReprojThreshold=1.5, maxIters=500
    )
    if found is None or inliers.sum() < _LEAST:
        return None
    square = np.vstack([found, [0, 0, 1]])
    return None if np.abs(square[:2, :2] - np.eye(2)).max() > _CHANGE else square


def _find_shifts(
    a: Array, b: Array, mask: NDArray[np.bool_], search: _Search
) -> tuple[Array, Array]:
    """Return places (N, 2) with corners, and how far `b` is shifted there, float32 pixels."""
    margin = search.half + search.reach
    height, width = a.shape
    places, shifts = [], []
    slopes = [cv2.Sobel(a, -1, *axes) for axes in ((1, 0), (0, 1))]
    edge = (2 * search.half + 1,) * 2
    corner = np.minimum(*(cv2.blur(slope * slope, edge) for slope in slopes))
    covered = cv2.erode(mask.astype(np.uint8), np.ones((2 * margin + 1,) * 2, np.uint8))
    corner *= covered
    for rows in np.array_split(np.arange(margin, height - margin), search.grid):
        for columns in np.array_split(np.arange(margin, width - margin), search.grid):
            if not len(rows) or not len(columns):
                continue
            cell = corner[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            y, x = np.unravel_index(int(cell.argmax()), cell.shape)
            if cell[y, x] < _CORNER:
                continue
            at = int(rows[0] + y), int(columns[0] + x)
            like, shift = search.find(a, b, *at)
            if like > _LIKE:
                places.append(at[::-1])
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
    _, like, _, (right, down) = cv2.minMaxLoc(match_shifts(a, b, y, x, half, reach))
    return float(like), (right - reach, down - reach)


def match_shifts(a: Array, b: Array, y: int, x: int, half: int, reach: int) -> Array:
    """Return the correlations of a window as in `match_window`, (2 R + 1, 2 R + 1), by shift."""
    wide = half + reach
    window = a[y - half : y + half + 1, x - half : x + half + 1]
    area = b[y - wide : y + wide + 1, x - wide : x + wide + 1]
    return np.asarray(cv2.matchTemplate(area, window, cv2.TM_CCOEFF_NORMED))
