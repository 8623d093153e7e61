"""Align two pictures: an affine map, or a perspective with one radial term, to subpixels.

Matched points give a map by USAC with MAGSAC scoring (Barath et al. 2020), then Gauss-Newton steps
on locally normalised pixels refine it (Lucas and Kanade 1981). Lengths are working-size pixels.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

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

_FAR = 7.0  # pixels that perspective or lens move a corner, at least; a burst's frames move less
_RADIAL = 0.3  # largest radial term, of both signs
_TILT = 0.45  # largest perspective term, of both signs: a plane seen from 45 degrees

BACKWARDS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_QUARTERS = [np.array([[c, -s], [s, c]], np.float64) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
_TURNS = _QUARTERS + [turn @ np.diag([-1.0, 1.0]) for turn in _QUARTERS]


@dataclass(frozen=True, slots=True)
class Bend:
    """Perspective and lens: u -> (1 + k |u|^2) u / (1 + p . u), about the centre of a frame.

    u is counted in halves of the diagonal of the outer picture. The affine map comes after it.
    """

    px: float = 0.0
    py: float = 0.0
    radial: float = 0.0

    @property
    def is_none(self) -> bool:
        return not (self.px or self.py or self.radial)

    def apply(self, points: Array, size: tuple[int, int]) -> Array:
        """Map points (N, 2) of a frame of `size` (width, height), pixels to pixels."""
        centre, half = (np.array(size) - 1) / 2, math.hypot(*size) / 2
        u = (points - centre) / half
        scale = (1 + self.radial * (u * u).sum(axis=1)) / (1 + u @ [self.px, self.py])
        return np.asarray(u * scale[:, None] * half + centre)

    def square(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """Return the (3, 3) matrix of the perspective alone, pixels to pixels."""
        (x, y), half = (np.array(size) - 1) / 2, math.hypot(*size) / 2
        to_unit = np.array([[1 / half, 0, -x / half], [0, 1 / half, -y / half], [0, 0, 1]])
        tilt = np.array([[1, 0, 0], [0, 1, 0], [self.px, self.py, 1]])
        return np.asarray(np.linalg.inv(to_unit) @ tilt @ to_unit)


_STRAIGHT = Bend()


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Two pictures that lie on each other."""

    outer: Features  # the picture with pixels that span more of the scene
    inner: Features
    inliers: int  # distinct places with equal features; 0 if whole frames were aligned
    blur: float  # what both were smoothed with, the spread of a point in pixels
    layers: Layers  # both in the frame of the outer one

    @property
    def matrix(self) -> Matrix:
        """The affine map from the outer picture to the inner one; with a bend, at the centre."""
        return self.layers.matrix

    @property
    def square(self) -> NDArray[np.float64]:
        """The (3, 3) map from the outer picture to the inner one, perspective included."""
        tilt = self.layers.bend.square(self.layers.size)
        return np.asarray(np.vstack([self.matrix, [0, 0, 1]]) @ tilt)


def align_frames(first: Features, second: Features) -> Alignment | None:
    """Align one whole frame with the other, turned or mirrored if that fits best.

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


def align_bent(alignment: Alignment, matches: tuple[Array, Array] | None) -> Alignment | None:
    """Add perspective and a radial term to an affine alignment.

    Args:
        alignment: where the refinement starts.
        matches: places (M, 2) in the outer picture and where they lie in the inner one; a
            perspective that fits them is a better start. None to start from the affine map.

    Returns:
        None if the bend does not converge, or moves no corner by `_FAR` pixels: so little may also
        come from another point of view.
    """
    outer, inner = alignment.outer, alignment.inner
    found = None if matches is None else _fit_perspective(*matches, alignment.layers.size)
    layers = alignment.layers
    if found is not None:
        layers = Layers(outer, inner, found[0], alignment.blur, found[1])
    for _ in range(_STEPS + 9):
        matrix, bend = layers.improve_bend()
        if not _sane(matrix) or max(abs(bend.px), abs(bend.py)) > _TILT:
            return None
        if abs(bend.radial) > _RADIAL:
            return None
        moved = np.abs(
            _corners(layers, matrix, bend) - _corners(layers, layers.matrix, layers.bend)
        )
        layers = Layers(outer, inner, matrix, alignment.blur, bend)
        if moved.max() < _STILL * _zoom(matrix):
            break
    plain = _corners(layers, layers.matrix, _STRAIGHT)
    bent = _corners(layers, layers.matrix, layers.bend)
    if np.abs(bent - plain).max() < _FAR * outer.grey.shape[1] / 320 * _zoom(layers.matrix):
        return None
    return replace(alignment, layers=layers)


def find_matches(alignment: Alignment) -> tuple[Array, Array] | None:
    """Return places (M, 2) in the outer picture and their matches in the inner one; None if few."""
    mirrored = bool(np.linalg.det(alignment.matrix[:, :2]) < 0)
    here, there = match(alignment.outer, alignment.inner, mirrored)
    return (here, there) if len(here) >= 2 * _FEW else None


def _corners(layers: Layers, matrix: Matrix, bend: Bend) -> Array:
    """Return the corners of the outer frame in the inner picture, (4, 2)."""
    width, height = layers.size
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)
    return np.asarray(bend.apply(corners, layers.size) @ matrix[:, :2].T + matrix[:, 2])


def _fit_perspective(
    here: Array, there: Array, size: tuple[int, int]
) -> tuple[Matrix, Bend] | None:
    """Return the perspective on which most matches agree, split into affine map and bend.

    Args:
        here: (M, 2) float32 places in the outer picture, pixels.
        there: (M, 2) float32 places in the inner picture, pixels.
        size: width and height of the outer picture.
    """
    found, _ = cv2.findHomography(here, there, cv2.USAC_MAGSAC, _REACH, maxIters=2000)
    if found is None:
        return None
    (x, y), half = (np.array(size) - 1) / 2, math.hypot(*size) / 2
    from_unit = np.array([[half, 0, x], [0, half, y], [0, 0, 1]])
    units = found @ from_unit
    units = units / units[2, 2]
    px, py = units[2, :2]
    tilt = np.array([[1, 0, 0], [0, 1, 0], [px, py, 1]])
    matrix = (units @ np.linalg.inv(tilt) @ np.linalg.inv(from_unit))[:2]
    if not _sane(matrix) or max(abs(px), abs(py)) > _TILT:
        return None
    return np.asarray(matrix, np.float64), Bend(float(px), float(py), 0.0)


def _start(first: Features, second: Features, matrix: Matrix, places: int) -> Alignment:
    """Lay the inner picture on the outer one, given a map from the first to the second."""
    outer, inner = first, second
    if _zoom(matrix) < 1:
        outer, inner, matrix = second, first, invert(matrix)
    blur = max(outer.blur, inner.blur / _zoom(matrix))
    return Alignment(outer, inner, places, blur, Layers(outer, inner, matrix, blur))


def _settle(alignment: Alignment) -> Alignment:
    """Improve a map until a step moves no corner by more than `_STILL` pixels."""
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
    """Return the best of eight maps of a frame onto a frame; None if none correlates."""
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


class HasGrey(Protocol):
    """A picture at any working size: `Features` or a thumbnail."""

    @property
    def grey(self) -> Array:
        """(H, W) uint8."""


class Layers:
    """Two pictures in the frame of the outer one, (H, W) each, and how well they agree there."""

    def __init__(
        self,
        outer: HasGrey,
        inner: HasGrey,
        matrix: Matrix,
        blur: float,
        bend: Bend = _STRAIGHT,
    ) -> None:
        self.size = (outer.grey.shape[1], outer.grey.shape[0])
        self.matrix = matrix
        self.bend = bend
        self.a = _blur(outer.grey, blur)
        self.b = self.warp(_blur(inner.grey, blur * _zoom(matrix)))
        self.quad = outline(inner.grey, invert(matrix))
        if not bend.is_none:
            self.quad = _unbend(self.quad, bend, self.size)
        edge = 2 * math.ceil(3 * blur) + 3  # what blur brought in from outside is left out
        inside = cv2.erode(fill(outer.grey, self.quad), np.ones((edge, edge), np.uint8))
        self.mask = inside.astype(np.float32)
        self.count = np.maximum(_box(self.mask), 1e-3)  # share of each window that is shared
        self.mean_a, self.std_a = self._normalise(self.a)
        self.mean_b, self.std_b = self._normalise(self.b)

    def warp(self, picture: Array) -> Array:
        """Return a picture (h, w) of the inner frame in the outer frame, (H, W), same dtype."""
        edge = cv2.BORDER_REPLICATE
        if self.bend.is_none:
            return np.asarray(
                cv2.warpAffine(picture, self.matrix, self.size, flags=BACKWARDS, borderMode=edge)
            )
        width, height = self.size
        y, x = np.mgrid[:height, :width]
        at = self._place(np.stack([x.ravel(), y.ravel()], axis=1)).astype(np.float32)
        at = at.reshape(height, width, 2)
        return np.asarray(
            cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=edge)
        )

    def warp_small(
        self, picture: Array, shape: tuple[int, ...], outside: int | None = None
    ) -> Array:
        """Return a picture of a quarter of the inner size in a quarter of the outer frame.

        Args:
            picture: (h, w) or (h, w, 3).
            shape: height and width of the result.
            outside: value where the inner picture ends; None to repeat its edge.
        """
        height, width = shape
        edge = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
        if self.bend.is_none:
            small = self.matrix.copy()
            small[:, 2] = (self.matrix[:, :2].sum(axis=1) * 1.5 + self.matrix[:, 2] - 1.5) / 4
            return np.asarray(
                cv2.warpAffine(picture, small, (width, height), flags=BACKWARDS, borderMode=edge)
            )
        y, x = np.mgrid[:height, :width]
        at = self._place(np.stack([x.ravel(), y.ravel()], axis=1) * 4 + 1.5)
        at = ((at - 1.5) / 4).astype(np.float32).reshape(height, width, 2)
        return np.asarray(
            cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=edge)
        )

    @cached_property
    def frame(self) -> Array:
        """Corners of the outer frame in the inner picture, (4, 2) float32."""
        width, height = self.size
        right, bottom = width - 0.5, height - 0.5
        corners = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
        return np.asarray(self._place(corners), np.float32)

    def _place(self, points: Array) -> Array:
        """Map points (N, 2) of the outer picture to the inner one, pixels to pixels."""
        at = points if self.bend.is_none else self.bend.apply(points, self.size)
        return np.asarray(at @ self.matrix[:, :2].T + self.matrix[:, 2])

    def _normalise(self, picture: Array) -> tuple[Array, Array]:
        """Return the mean and the spread of each window, (H, W) float32 levels each."""
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
            picture has enough structure.
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

    def improve_bend(self) -> tuple[Matrix, Bend]:
        """Return affine map and bend after one robust Gauss-Newton step over both."""
        moved, firm = self.displacement(3)
        if firm.sum() < 30:
            return self.matrix, self.bend
        centre, half = (np.array(self.size) - 1) / 2, math.hypot(*self.size) / 2
        u = ((_places(firm) * self.size - 0.5) - centre) / half  # (cells, 2)
        x, y = u.T
        square, zero, one = (u * u).sum(axis=1), np.zeros(len(u)), np.ones(len(u))
        rows = np.stack(  # (cells, 2, 9)
            [
                np.stack([x, y, one, zero, zero, zero, -x * x, -x * y, x * square], axis=1),
                np.stack([zero, zero, zero, x, y, one, -x * y, -y * y, y * square], axis=1),
            ],
            axis=1,
        )
        wanted = np.clip(moved[firm].astype(np.float64), -3, 3) / half
        weight = np.ones(len(u))
        ridge = np.diag([1e-3] * 6 + [1e-2] * 3)
        for _ in range(3):
            weighted = rows * weight[:, None, None]
            normal = np.einsum("cij,cik->jk", weighted, rows) + ridge
            terms = np.linalg.solve(normal, np.einsum("cij,ci->j", weighted, wanted))
            error = (((rows @ terms) - wanted) ** 2).sum(axis=1) * half * half
            weight = 1 / np.maximum(1, error / 0.09)
        change = np.eye(3)
        change[:2] += terms[:6].reshape(2, 3)
        from_unit = np.array([[half, 0, centre[0]], [0, half, centre[1]], [0, 0, 1]])
        old = np.vstack([self.matrix, [0, 0, 1]])
        matrix = (old @ from_unit @ change @ np.linalg.inv(from_unit))[:2]
        px, py, radial = terms[6:]
        bend = Bend(self.bend.px + px, self.bend.py + py, self.bend.radial + radial)
        return np.asarray(matrix, np.float64), bend

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


def _unbend(points: Array, bend: Bend, size: tuple[int, int]) -> Array:
    """Return the points (N, 2) that `bend` takes to `points`, by fixed-point steps."""
    found = points.astype(np.float64)
    for _ in range(12):
        found = found + np.clip(points - bend.apply(found, size), -40, 40)
    return np.asarray(found, np.float32)


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

    Args:
        moved: (rows, columns, 2) float32 displacements, pixels.
        firm: (rows, columns) bool, cells with a displacement that can be measured.

    Returns:
        The upper quartile of its length, pixels; 0 with fewer than 30 firm cells.
    """
    if firm.sum() < 30:
        return 0.0
    x, y = (_places(firm) - 0.5).T
    known = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=1)
    terms = _fit_robustly(known, moved[firm], np.full(known.shape[1], 1e-6))
    return float(np.quantile(np.hypot(*(known @ terms).T), 0.75))


def _blur(grey: Array, sigma: float) -> Array:
    """Return a picture (H, W) after a Gaussian filter of `sigma` pixels, float32."""
    return np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), sigma))


def _box(values: Array) -> Array:
    """Return the mean over the window around each pixel, (H, W) float32."""
    return np.asarray(cv2.blur(values, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT))


def outline(grey: Array, matrix: Matrix) -> Array:
    """Return the corners of a picture under a map, (4, 2) float32."""
    height, width = grey.shape
    right, bottom = width - 0.5, height - 0.5
    corners = np.array([[[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]]], np.float32)
    return np.asarray(cv2.transform(corners, matrix)[0])


def fill(grey: Array, quad: Array) -> Array:
    """Return a mask (H, W) uint8 of the shape of `grey`: 1 inside the corners (4, 2), else 0."""
    inside = np.zeros(grey.shape, np.uint8)
    cv2.fillConvexPoly(inside, np.rint(quad * 16).astype(np.int32), (1,), shift=4)
    return inside
