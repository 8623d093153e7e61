"""Lay two pictures on each other by a map, and measure how well they agree there.

Lengths are pixels of the outer picture. Does not know how the map was found, and does not judge.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.verify.bend import STRAIGHT, Bend, unbend
from dedupe.verify.features import Array

Matrix = NDArray[np.float64]  # (2, 3), maps columns (x, y, 1)

_CELL = 8  # edge of a cell in which displacement is measured
_WINDOW = 15  # edge of a window that is correlated

BACKWARDS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def invert(matrix: Matrix) -> Matrix:
    """Return the affine map that takes back what `matrix` does."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def zoom(matrix: Matrix) -> float:
    """Return by how much an affine map enlarges lengths, in the mean."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


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
        bend: Bend = STRAIGHT,
    ) -> None:
        self.size = (outer.grey.shape[1], outer.grey.shape[0])
        self.matrix = matrix
        self.bend = bend
        self.a = blur_by(outer.grey, blur)
        self.b = self.warp(blur_by(inner.grey, blur * zoom(matrix)))
        self.quad = outline(inner.grey, invert(matrix))
        if not bend.is_none:
            self.quad = unbend(self.quad, bend, self.size)
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
        self, picture: Array, shape: tuple[int, ...], outside: int | None = None, *, by: int = 4
    ) -> Array:
        """Return a smaller picture of the inner size in an as much smaller outer frame.

        Args:
            picture: (h, w) or (h, w, 3).
            shape: height and width of the result.
            outside: value where the inner picture ends; None to repeat its edge.
            by: how many times smaller both are.
        """
        height, width = shape
        edge = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
        first = (by - 1) / 2  # centre of the first pixel, in pixels of the working size
        if self.bend.is_none:
            small = self.matrix.copy()
            small[:, 2] = (self.matrix[:, :2].sum(axis=1) * first + self.matrix[:, 2] - first) / by
            return np.asarray(
                cv2.warpAffine(picture, small, (width, height), flags=BACKWARDS, borderMode=edge)
            )
        y, x = np.mgrid[:height, :width]
        at = self._place(np.stack([x.ravel(), y.ravel()], axis=1) * by + first)
        at = ((at - first) / by).astype(np.float32).reshape(height, width, 2)
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


def list_places(cells: Array) -> Array:
    """Return the centres x, y in [0, 1] of the cells that are set, (cells, 2)."""
    rows, columns = np.nonzero(cells)
    return np.stack([columns + 0.5, rows + 0.5], axis=1) / cells.shape[::-1]


def fit_robustly(known: Array, wanted: Array, ridge: Array) -> Array:
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
    x, y = (list_places(firm) - 0.5).T
    known = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=1)
    terms = fit_robustly(known, moved[firm], np.full(known.shape[1], 1e-6))
    return float(np.quantile(np.hypot(*(known @ terms).T), 0.75))


def blur_by(grey: Array, sigma: float) -> Array:
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
