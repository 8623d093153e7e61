"""Lay one picture on another: one affine map, as exactly as the pixels allow.

Matched points give a map by USAC with MAGSAC scoring (Barath et al. 2020), which starts from a
fixed seed; Gauss-Newton steps on locally normalised pixels (Lucas and Kanade 1981) bring it to a
fraction of a pixel. Pictures with too few points are laid frame on frame, in the eight ways that
turns and mirrors allow. Lengths are in pixels of the working size of `dedupe.verify.features`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.verify.features import Array, Features, match

Matrix = NDArray[np.float64]  # (2, 3), maps columns (x, y, 1)

_REACH = 3.0  # how far USAC lets a match lie from the map
_LIKENESS = 0.9  # least correlation of whole frames that are laid on each other
_ROUGHLY = 0.6  # share of windows that have to correlate before such a map is improved
_FEW = 4  # matches that a map needs
_CELL = 8  # edge of a cell in which displacement is measured
_WINDOW = 15  # edge of a window that is correlated
_STEPS = 5  # Gauss-Newton steps at most
_STILL = 0.05  # a step that moves no corner farther than this is the last

BACKWARDS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_QUARTERS = [np.array([[c, -s], [s, c]], np.float64) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
_TURNS = _QUARTERS + [turn @ np.diag([-1.0, 1.0]) for turn in _QUARTERS]


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Two pictures that lie on each other."""

    outer: Features  # the one whose pixels span more of the scene
    inner: Features
    inliers: int  # distinct places whose features agree; 0 where whole frames were laid together
    blur: float  # what both were smoothed with, the spread of a point in pixels
    layers: Layers  # both in the frame of the outer one

    @property
    def matrix(self) -> Matrix:
        """The map from the outer picture to the inner one."""
        return self.layers.matrix


def align_frames(first: Features, second: Features) -> Alignment | None:
    """Lay one whole frame on the other, turned or mirrored where that fits best.

    Cheap, as it needs no points of interest. None where the two do not look alike so.
    """
    matrix = _guess(first, second)
    if matrix is None:
        return None
    alignment = _start(first, second, matrix, 0)
    layers = alignment.layers
    alike = layers.correlate()[layers.mask > 0] > 0.6
    return _settle(alignment) if alike.mean() > _ROUGHLY else None


def align_points(first: Features, second: Features) -> Alignment | None:
    """Lay one picture on the other, wherever and however their points of interest agree.

    None where too few do.
    """
    matrix, places = _fit_points(first, second)
    return None if matrix is None else _settle(_start(first, second, matrix, places))


def _start(first: Features, second: Features, matrix: Matrix, places: int) -> Alignment:
    """Lay the inner picture on the outer one, given a map from the first to the second."""
    outer, inner = first, second
    if _zoom(matrix) < 1:
        outer, inner, matrix = second, first, invert(matrix)
    blur = max(outer.blur, inner.blur / _zoom(matrix))
    return Alignment(outer, inner, places, blur, Layers(outer, inner, matrix, blur))


def _settle(alignment: Alignment) -> Alignment:
    """Improve a map until it stands still."""
    outer, inner, layers = alignment.outer, alignment.inner, alignment.layers
    for _ in range(_STEPS):
        better = layers.improve()
        moved = np.abs(outline(outer.grey, better) - outline(outer.grey, layers.matrix)).max()
        if moved < _STILL * _zoom(better) or not _sane(better):
            break
        layers = Layers(outer, inner, better, alignment.blur)
    return replace(alignment, layers=layers)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep OpenCV and BLAS from starting threads of their own inside the caller's threads.

    Holds for the whole process while it lasts, because they have no narrower place for it. The
    products here are small: shared out, they take longer, and the waiting threads spin.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        cv2.setNumThreads(before)


def invert(matrix: Matrix) -> Matrix:
    """Return the affine map that takes back what `matrix` does."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def _zoom(matrix: Matrix) -> float:
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def _sane(matrix: Matrix) -> bool:
    """Whether a map is what people do to photos: neither a sliver nor a speck."""
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(small > 1 / 6 and large < 6 and large < 1.6 * small)


def _fit_points(first: Features, second: Features) -> tuple[Matrix | None, int]:
    """Return the affine map on which most places agree, mirrored or not, and how many do."""
    matches = [match(first, second, mirrored) for mirrored in (False, True)]
    matches.sort(key=lambda match: -len(match[0]))
    best: Matrix | None = None
    most = 0
    for here, there in matches:
        if len(here) < max(_FEW, most):
            continue
        found, inliers = cv2.estimateAffine2D(
            here, there, method=cv2.USAC_MAGSAC, ransacReprojThreshold=_REACH, maxIters=1000
        )
        matrix = None if found is None else np.asarray(found, np.float64)
        if matrix is None or not _sane(matrix):
            continue
        places = len(np.unique((here[inliers.ravel() > 0] // 16).astype(np.int32), axis=0))
        if places > most:
            best, most = matrix, places
    return best, most


def _guess(first: Features, second: Features) -> Matrix | None:
    """Return the best of the eight ways to lay a frame on a frame, if the two look alike so."""
    side = 24
    a, b = (
        _blur(cv2.resize(f.grey, (side, side), interpolation=cv2.INTER_AREA), 1.0)
        for f in (first, second)
    )
    if min(a.std(), b.std()) < 2:
        return None
    middle = np.full((2, 1), (side - 1) / 2)
    alike = []
    for turn in _TURNS:
        small = np.hstack([turn, middle - turn @ middle])
        laid = cv2.warpAffine(b, small, (side, side), flags=BACKWARDS)
        alike.append(float(np.corrcoef(a.ravel(), laid.ravel())[0, 1]))
    best = int(np.argmax(alike))
    if alike[best] < _LIKENESS:
        return None
    here, there = (np.array(f.grey.shape[::-1], np.float64) for f in (first, second))
    linear = np.diag(there) @ _TURNS[best] @ np.diag(1 / here)
    shift = (there - 1) / 2 - linear @ ((here - 1) / 2)
    matrix = np.hstack([linear, shift[:, None]])
    return matrix if _sane(matrix) else None


class Layers:
    """Two pictures in the frame of the outer one, (H, W) each, and how well they agree there."""

    def __init__(self, outer: Features, inner: Features, matrix: Matrix, blur: float) -> None:
        size = outer.grey.shape[::-1]
        self.matrix = matrix
        self.a = _blur(outer.grey, blur)
        self.b = cv2.warpAffine(
            _blur(inner.grey, blur * _zoom(matrix)), matrix, size,
            flags=BACKWARDS, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        self.quad = outline(inner.grey, invert(matrix))
        edge = 2 * math.ceil(3 * blur) + 3  # what blur brought in from outside is left out
        inside = cv2.erode(fill(outer.grey, self.quad), np.ones((edge, edge), np.uint8))
        self.mask = inside.astype(np.float32)
        self.count = np.maximum(_box(self.mask), 1e-3)  # share of each window that is shared
        self.mean_a, self.std_a = self._normalise(self.a)
        self.mean_b, self.std_b = self._normalise(self.b)

    def _normalise(self, picture: Array) -> tuple[Array, Array]:
        """Return the mean and the spread of each window."""
        inside = picture * self.mask
        mean = _box(inside) / self.count
        return mean, np.sqrt(np.maximum(_box(picture * inside) / self.count - mean * mean, 0))

    def correlate(self) -> Array:
        """Return the correlation of each window, (H, W) in [-1, 1]; 1 where both are flat."""
        product = _box(self.a * self.b * self.mask) / self.count - self.mean_a * self.mean_b
        return np.asarray((product + 4) / (self.std_a * self.std_b + 4))

    def displacement(self, reach: int) -> tuple[Array, Array]:
        """Return where each cell's content lies in `b`, seen from `a`.

        Args:
            reach: edge of the square of cells that is looked at together.

        Returns:
            (rows, columns, 2) float32 displacements in pixels, and (rows, columns) whether the
            picture has the structure to tell.
        """
        xx, xy, yy, xt, yt, share = (cv2.blur(q, (reach, reach)) for q in self._cells)
        det = xx * yy - xy * xy
        least = (xx + yy) / 2 - np.sqrt(np.maximum((xx - yy) ** 2 / 4 + xy * xy, 0))
        moved = np.stack([xy * yt - yy * xt, xy * xt - xx * yt], -1)
        return np.asarray(moved / np.maximum(det, 1e-9)[..., None]), (least > 0.004) & (share > 0.5)

    @cached_property
    def _cells(self) -> list[Array]:
        """Products of slopes and changes, and the mask, each (rows, columns): means over cells."""
        a = (self.a - self.mean_a) / (self.std_a + 2)
        b = (self.b - self.mean_b) / (self.std_b + 2)
        both, change = a + b, b - a
        gx = cv2.Sobel(both, -1, 1, 0, scale=1 / 16) * self.mask
        gy = cv2.Sobel(both, -1, 0, 1, scale=1 / 16) * self.mask
        height, width = a.shape
        grid = (max(2, width // _CELL), max(2, height // _CELL))
        products = (gx * gx, gx * gy, gy * gy, gx * change, gy * change, self.mask)
        return [cv2.resize(q, grid, interpolation=cv2.INTER_AREA) for q in products]

    def improve(self) -> Matrix:
        """Return the map after one robust Gauss-Newton step; the same where nothing guides it."""
        moved, firm = self.displacement(3)
        if firm.sum() < 12:
            return self.matrix
        height, width = self.a.shape
        at = _places(firm) * (width, height) - 0.5  # (cells, 2)
        centre = at.mean(axis=0)
        known = np.hstack([at - centre, np.ones((len(at), 1))])
        step = _fit_robustly(known, moved[firm], np.array([50.0, 50.0, 0.01]))  # (3, 2)
        change = np.eye(3)
        change[:2, :2] += step[:2].T
        change[:2, 2] = step[2] - step[:2].T @ centre
        return np.asarray(self.matrix @ change, np.float64)


def _places(cells: Array) -> Array:
    """Return the centres x, y in [0, 1] of the cells that are set, (cells, 2)."""
    rows, columns = np.nonzero(cells)
    return np.stack([columns + 0.5, rows + 0.5], axis=1) / cells.shape[::-1]


def _fit_robustly(known: Array, wanted: Array, ridge: Array) -> Array:
    """Return the (terms, 2) that map `known` (cells, terms) to `wanted` displacements.

    Cells that lie off by more than 0.3 pixels count less and less.
    """
    wanted = np.clip(wanted.astype(np.float64), -3, 3)
    weight = np.ones(len(known))
    for _ in range(3):
        weighted = known * weight[:, None]
        terms = np.linalg.solve(weighted.T @ known + np.diag(ridge), weighted.T @ wanted)
        error = ((known @ terms - wanted) ** 2).sum(axis=1)
        weight = 1 / np.maximum(1, error / 0.09)
    return np.asarray(terms)


def smooth_part(moved: Array, firm: Array) -> float:
    """Return how far a smooth field of displacement, cubic in x and y, moves the overlap.

    Noise has no such field; another point of view, another lens or a moved subject has.
    """
    if firm.sum() < 30:
        return 0.0
    x, y = (_places(firm) - 0.5).T
    known = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=1)
    terms = _fit_robustly(known, moved[firm], np.full(known.shape[1], 1e-6))
    return float(np.quantile(np.hypot(*(known @ terms).T), 0.75))


def _blur(grey: Array, sigma: float) -> Array:
    return np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), sigma))


def _box(values: Array) -> Array:
    return np.asarray(cv2.blur(values, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT))


def outline(grey: Array, matrix: Matrix) -> Array:
    """Return the corners of a picture under a map, (4, 2) float32."""
    height, width = grey.shape
    right, bottom = width - 0.5, height - 0.5
    corners = np.array([[[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]]], np.float32)
    return np.asarray(cv2.transform(corners, matrix)[0])


def fill(grey: Array, quad: Array) -> Array:
    """Return a mask of the shape of `grey`, 1 inside the corners and 0 outside."""
    inside = np.zeros(grey.shape, np.uint8)
    cv2.fillConvexPoly(inside, np.rint(quad * 16).astype(np.int32), (1,), shift=4)
    return inside
