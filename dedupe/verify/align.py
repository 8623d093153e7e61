"""Align two pictures by an affine map, to subpixels.

Matched points give a map by USAC with MAGSAC scoring (Barath et al. 2020), then Gauss-Newton steps
on locally normalised pixels refine it (Lucas and Kanade 1981). Lengths are working-size pixels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.verify.features import Features, match
from dedupe.verify.layers import (
    BACKWARDS,
    Layers,
    Matrix,
    blur_by,
    fit_robustly,
    invert,
    list_places,
    outline,
    zoom,
)

_REACH = 3.0  # how far USAC lets a match lie from the map
_LIKENESS = 0.9  # least correlation of whole frames that are laid on each other
_ROUGHLY = 0.6  # share of windows that have to correlate before such a map is improved
_FEW = 4  # matches that a map needs
_PLACES = 7  # places that have to agree: `judge.weigh` refuses fewer, whatever else fits
_STEPS = 5  # Gauss-Newton steps at most
_STILL = 0.05  # a step that moves no corner farther than this is the last
_QUARTERS = [np.array([[c, -s], [s, c]], np.float64) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
_TURNS = _QUARTERS + [turn @ np.diag([-1.0, 1.0]) for turn in _QUARTERS]


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
    return (
        None
        if matrix is None or places < _PLACES
        else _settle(_start(first, second, matrix, places))
    )


def _start(first: Features, second: Features, matrix: Matrix, places: int) -> Alignment:
    """Lay the inner picture on the outer one, given a map from the first to the second."""
    outer, inner = first, second
    if zoom(matrix) < 1:
        outer, inner, matrix = second, first, invert(matrix)
    blur = max(outer.blur, inner.blur / zoom(matrix))
    return Alignment(outer, inner, places, blur, Layers(outer, inner, matrix, blur))


def _settle(alignment: Alignment) -> Alignment:
    """Improve a map until a step moves no corner by more than `_STILL` pixels."""
    outer, inner, layers = alignment.outer, alignment.inner, alignment.layers
    for _ in range(_STEPS):
        better = improve(layers)
        moved = np.abs(outline(outer.grey, better) - outline(outer.grey, layers.matrix)).max()
        if moved < _STILL * zoom(better) or not is_sane(better):
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


def is_sane(matrix: Matrix) -> bool:
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
        if matrix is None or not is_sane(matrix):
            continue
        places = len(np.unique((here[inliers.ravel() > 0] // 16).astype(np.int32), axis=0))
        if places > most:
            best, most = matrix, places
    return best, most


def _guess(first: Features, second: Features) -> Matrix | None:
    """Return the best of eight maps of a frame onto a frame; None if none correlates."""
    side = 24
    a, b = (
        blur_by(cv2.resize(f.grey, (side, side), interpolation=cv2.INTER_AREA), 1.0)
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
    return matrix if is_sane(matrix) else None


def improve(layers: Layers) -> Matrix:
    """Return the map after one robust Gauss-Newton step; the same where nothing guides it."""
    moved, firm = layers.displacement(3)
    if firm.sum() < 12:
        return layers.matrix
    height, width = layers.a.shape
    at = list_places(firm) * (width, height) - 0.5  # (cells, 2)
    centre = at.mean(axis=0)
    known = np.hstack([at - centre, np.ones((len(at), 1))])
    step = fit_robustly(known, moved[firm], np.array([50.0, 50.0, 0.01]))  # (3, 2)
    change = np.eye(3)
    change[:2, :2] += step[:2].T
    change[:2, 2] = step[2] - step[:2].T @ centre
    return np.asarray(layers.matrix @ change, np.float64)
