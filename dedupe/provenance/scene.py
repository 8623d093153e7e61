"""Lay one of two aligned images on the reduced frame of the other, and measure what it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.register import Matrix, to_homogeneous
from dedupe.provenance.source import Source

Array = NDArray[Any]

_SIDE = 192  # longer side at which scenes are compared, pixels
_FEWEST = 100  # pixels that both show
_EDGE = cv2.BORDER_REPLICATE
_FIVE = np.ones((5, 5), np.uint8)
NAMES = ("outside", "outside_detail", "outside_flat", "outside_any")


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Two aligned images in the reduced frame of one of them, the target."""

    target: Array  # (h, w, 3) uint8
    source: Array  # (a, b, 3) uint8, near the scale of `target`
    matrix: Matrix  # (3, 3), from pixels of `target` to those of `source`
    to_full: Matrix  # from pixels of `target` to those of the full source
    scale: Array  # (2,) pixels of the full target for a pixel of `target`, along x and y
    inside: Array  # (h, w) uint8, 1 in the part that the source shows

    @property
    def core(self) -> Array:
        """Return the pixels that both show, without the edge of the source, (h, w) bool."""
        return np.asarray(cv2.erode(self.inside, _FIVE, borderValue=1) > 0)

    def warp(self) -> Array:
        """Return the source in the frame of the target, (h, w, 3) float32 in [0, 255]."""
        return sample_whole(self.source, self.matrix, self.target.shape[1::-1])


def lay(source: Source, target: Source, matrix: Matrix, bent: Matrix | None = None) -> View:
    """Return two images in the frame of the target.

    Args:
        matrix: map from the target to the source, pixel-edge coordinates.
        bent: the same with perspective, (3, 3); None for none.
    """
    scale = min(1.0, _SIDE / max(target.width, target.height))
    size = (max(16, round(target.width * scale)), max(16, round(target.height * scale)))
    small = target.resize(*size) if scale < 1 else _enlarge(target.pixels, size)
    larger = np.array([target.width / size[0], target.height / size[1]])
    to_full = np.hstack([matrix[:, :2] * larger, matrix[:, 2:]])
    zoom = float(np.sqrt(abs(np.linalg.det(to_full[:, :2]))))
    base, shrink = _reduce(source, zoom)
    whole = to_homogeneous(to_full) if bent is None else bent @ np.diag([*larger, 1.0])
    reduced = np.diag([*shrink, 1.0]) @ whole
    return View(small, base, reduced, to_full, larger, _draw_frame(base.shape, reduced, size))


def measure_outside(view: View) -> dict[str, float]:
    """Measure the parts of the target that the source does not show."""
    core, outer = view.core, cv2.dilate(view.inside, _FIVE) == 0
    out = dict.fromkeys(NAMES, 0.0)
    if core.sum() < _FEWEST:
        return out
    if outer.sum() > 0.001 * outer.size:
        out["outside"] = float(1 - view.inside.mean())
    if outer.sum() > 0.004 * outer.size:
        edges = gradient(cv2.cvtColor(view.target, cv2.COLOR_RGB2GRAY))
        out["outside_any"] = 1.0
        out["outside_detail"] = float(
            np.log2((np.median(edges[outer]) + 0.5) / (np.median(edges[core]) + 0.5))
        )
        out["outside_flat"] = float((edges[outer] < 0.75).mean() - (edges[core] < 0.75).mean())
    return out


def _enlarge(pixels: Array, size: tuple[int, int]) -> Array:
    """Return (H, W, 3) at `size`, width and height; the same array if that is its size."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))


def _reduce(source: Source, zoom: float) -> tuple[Array, Array]:
    """Return the source near the scale of the target, (h, w, 3), and its share of width and height.

    Args:
        zoom: pixels of the source for each pixel of the target, along a side.
    """
    if zoom <= 1.5:
        return source.pixels, np.ones(2)
    width, height = max(8, round(source.width / zoom)), max(8, round(source.height / zoom))
    return source.resize(width, height), np.array([width / source.width, height / source.height])


def _draw_frame(shape: tuple[int, ...], matrix: Matrix, size: tuple[int, int]) -> Array:
    """Return (H, W) uint8, 1 in the part of a target that a source of `shape` shows."""
    height, width = shape[:2]
    corners = np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]], float)
    places = np.linalg.inv(matrix) @ corners
    quad = (places[:2] / places[2]).T - 0.5
    inside = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(inside, np.rint(quad * 16).astype(np.int32), (1,), shift=4)
    return inside


def sample_whole(source: Array, matrix: Matrix, size: tuple[int, int]) -> Array:
    """Return `source` in the frame of a target.

    Args:
        source: (h, w, 3) uint8.
        matrix: (3, 3) map from the target to the source, pixel-edge coordinates.
        size: width and height of the target.

    Returns:
        (H, W, 3) float32 in [0, 255].
    """
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    centres = np.linalg.inv(half) @ matrix @ half
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if np.abs(matrix[2, :2]).max() > 0:
        warped = cv2.warpPerspective(source, centres, size, flags=how, borderMode=_EDGE)
    else:
        warped = cv2.warpAffine(source, centres[:2], size, flags=how, borderMode=_EDGE)
    return np.asarray(warped).astype(np.float32)


def gradient(grey: Array) -> Array:
    """Return the change of (H, W) levels across two pixels, (H, W) float32."""
    grey = np.asarray(grey, np.float32)
    return np.asarray(
        cv2.magnitude(cv2.Sobel(grey, -1, 1, 0, scale=0.25), cv2.Sobel(grey, -1, 0, 1, scale=0.25))
    )
