"""Add perspective and one radial term to an affine alignment, by Gauss-Newton steps on pixels."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from dedupe.verify.align import Alignment, is_sane
from dedupe.verify.bend import STRAIGHT, Bend
from dedupe.verify.features import Array, match
from dedupe.verify.layers import Layers, Matrix, list_places, zoom

_REACH = 3.0  # how far USAC lets a match lie from the map
_AGREEING = 12  # matches that have to agree on a perspective
_STEPS = 14  # Gauss-Newton steps at most
_STILL = 0.05  # a step that moves no corner farther than this is the last
_LEAST = 2.0  # pixels that perspective or lens move a corner, at least, at a width of 320
_RADIAL = 0.3  # largest radial term, of both signs
_TILT = 0.45  # largest perspective term, of both signs: a plane seen from 45 degrees


def align_bent(alignment: Alignment) -> Alignment | None:
    """Add perspective and a radial term to an affine alignment.

    Args:
        alignment: where the refinement starts.

    Returns:
        None if few points agree on a perspective, if the bend does not converge, or if it moves
        no corner by `_LEAST` pixels.
    """
    outer, inner = alignment.outer, alignment.inner
    mirrored = bool(np.linalg.det(alignment.matrix[:, :2]) < 0)
    found = _fit_perspective(*match(outer, inner, mirrored), alignment.layers.size)
    if found is None:
        return None
    layers = Layers(outer, inner, found[0], alignment.blur, found[1])
    for _ in range(_STEPS):
        matrix, bend = _improve(layers)
        if not is_sane(matrix) or max(abs(bend.px), abs(bend.py)) > _TILT:
            return None
        if abs(bend.radial) > _RADIAL:
            return None
        moved = np.abs(
            _corners(layers, matrix, bend) - _corners(layers, layers.matrix, layers.bend)
        )
        layers = Layers(outer, inner, matrix, alignment.blur, bend)
        if moved.max() < _STILL * zoom(matrix):
            break
    found_bend = replace(alignment, layers=layers)
    return None if measure_bend(found_bend) < _LEAST else found_bend


def measure_bend(alignment: Alignment) -> float:
    """Return how far perspective and lens move a corner, pixels at a width of 320."""
    layers = alignment.layers
    plain = _corners(layers, layers.matrix, STRAIGHT)
    bent = _corners(layers, layers.matrix, layers.bend)
    return float(np.abs(bent - plain).max() / zoom(layers.matrix) * 320 / layers.size[0])


def _corners(layers: Layers, matrix: Matrix, bend: Bend) -> Array:
    """Return the corners of the outer frame in the inner picture, (4, 2)."""
    width, height = layers.size
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)
    return np.asarray(bend.apply(corners, layers.size) @ matrix[:, :2].T + matrix[:, 2])


def _fit_perspective(
    here: Array, there: Array, size: tuple[int, int]
) -> tuple[Matrix, Bend] | None:
    """Return the perspective on which most matches agree, as affine map and bend; None if few do.

    Args:
        here: (M, 2) float32 places in the outer picture, pixels.
        there: (M, 2) float32 places in the inner picture, pixels.
        size: width and height of the outer picture.
    """
    if len(here) < _AGREEING:
        return None
    found, inliers = cv2.findHomography(here, there, cv2.USAC_MAGSAC, _REACH, maxIters=2000)
    if found is None or inliers.sum() < _AGREEING:
        return None
    (x, y), half = (np.array(size) - 1) / 2, math.hypot(*size) / 2
    from_unit = np.array([[half, 0, x], [0, half, y], [0, 0, 1]])
    units = found @ from_unit
    units = units / units[2, 2]
    px, py = units[2, :2]
    tilt = np.array([[1, 0, 0], [0, 1, 0], [px, py, 1]])
    matrix = (units @ np.linalg.inv(tilt) @ np.linalg.inv(from_unit))[:2]
    if not is_sane(matrix) or max(abs(px), abs(py)) > _TILT:
        return None
    return np.asarray(matrix, np.float64), Bend(float(px), float(py), 0.0)


def _improve(layers: Layers) -> tuple[Matrix, Bend]:
    """Return affine map and bend after one robust Gauss-Newton step over both."""
    moved, firm = layers.displacement(3)
    if firm.sum() < 30:
        return layers.matrix, layers.bend
    centre, half = (np.array(layers.size) - 1) / 2, math.hypot(*layers.size) / 2
    u = ((list_places(firm) * layers.size - 0.5) - centre) / half  # (cells, 2)
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
    old = np.vstack([layers.matrix, [0, 0, 1]])
    matrix = (old @ from_unit @ change @ np.linalg.inv(from_unit))[:2]
    px, py, radial = terms[6:]
    bend = Bend(layers.bend.px + px, layers.bend.py + py, layers.bend.radial + radial)
    return np.asarray(matrix, np.float64), bend
