"""Compare the scene of two aligned images: parts that only one shows, and additions."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.register import Matrix, invert
from dedupe.provenance.source import Source
from dedupe.provenance.tone import LUMA

Array = NDArray[Any]

_SIDE = 192  # longer side at which scenes are compared, pixels
_FEWEST = 100  # pixels that both show
_NOTHING = 0.0015  # share of the scene below which nothing has changed
_TWO, _THREE, _FIVE = (np.ones((side, side), np.uint8) for side in (2, 3, 5))
NAMES = ("outside", "outside_detail", "outside_flat", "changed", "changed_edges", "changed_flat",
         "changed_extreme", "changed_colour", "outside_any")  # fmt: skip


def compare_scene(source: Source, target: Source, matrix: Matrix) -> dict[str, float]:
    """Measure the parts of `target` that `source` lacks.

    Args:
        matrix: map from the target to the source, pixel-edge coordinates.
    """
    scale = min(1.0, _SIDE / max(target.width, target.height))
    size = (max(16, round(target.width * scale)), max(16, round(target.height * scale)))
    small = target.resize(*size) if scale < 1 else _enlarge(target.pixels, size)
    to_full = np.diag([target.width / size[0], target.height / size[1]])
    reduced = np.hstack([matrix[:, :2] @ to_full, matrix[:, 2:]])
    base, reduced = _reduce(source, reduced)
    inside = _draw_frame(base.shape, reduced, size)
    core = cv2.erode(inside, _FIVE, borderValue=1) > 0
    outer = cv2.dilate(inside, _FIVE) == 0
    out = dict.fromkeys(NAMES, 0.0)
    if core.sum() < _FEWEST:
        return out
    t = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = _gradient(t)
    out["outside"] = float(1 - inside.mean()) if outer.sum() > 0.001 * outer.size else 0.0
    if outer.sum() > 0.004 * outer.size:
        out["outside_any"] = 1.0
        out["outside_detail"] = float(
            np.log2((np.median(edges[outer]) + 0.5) / (np.median(edges[core]) + 0.5))
        )
        out["outside_flat"] = float((edges[outer] < 0.75).mean() - (edges[core] < 0.75).mean())
    return out | _find_changes(sample_whole(base, reduced, size), small, t, core)


def _enlarge(pixels: Array, size: tuple[int, int]) -> Array:
    """Return (H, W, 3) at `size`, width and height; the same array if that is its size."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))


def _reduce(source: Source, matrix: Matrix) -> tuple[Array, Matrix]:
    """Return the source near the scale of the target, (h, w, 3), and the map to it."""
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if zoom <= 1.5:
        return source.pixels, matrix
    width, height = max(8, round(source.width / zoom)), max(8, round(source.height / zoom))
    factor = np.array([[width / source.width], [height / source.height]])
    return source.resize(width, height), matrix * factor


def _draw_frame(shape: tuple[int, ...], matrix: Matrix, size: tuple[int, int]) -> Array:
    """Return (H, W) uint8, 1 in the part of a target that a source of `shape` shows."""
    height, width = shape[:2]
    corners = np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]], float)
    quad = (invert(matrix) @ corners).T - 0.5
    inside = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(inside, np.rint(quad * 16).astype(np.int32), (1,), shift=4)
    return inside


def _find_changes(there: Array, small: Array, t: Array, core: Array) -> dict[str, float]:
    """Measure the places where the target differs from the source in its tones.

    Args:
        there: (H, W, 3) float32, the source.
        small: (H, W, 3) uint8, the target.
        t: (H, W) float32, its luma.
        core: (H, W) bool, pixels that both show.
    """
    p = there @ LUMA
    toned = _match_tones(p, t, core)
    change = cv2.blur(np.abs(t - toned), (3, 3))
    usual = float(np.median(change[core]))
    changed = ((change > max(10.0, 5 * usual)) & core).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_OPEN, _TWO)
    share = float(changed[core].mean())
    out = {"changed": float(np.log2(share + 0.0005) + 11)}
    if share > _NOTHING:
        region = cv2.dilate(changed, _THREE) > 0
        here, other = _gradient(t)[region], _gradient(toned)[region]
        first, second = small[region].astype(np.float32), there[region]
        out["changed_edges"] = float(np.log2((here.mean() + 1) / (other.mean() + 1)))
        out["changed_flat"] = float((here < 1).mean() - (other < 1).mean())
        out["changed_extreme"] = float(_extreme(t[region]) - _extreme(p[region]))
        out["changed_colour"] = float(np.log2((_saturation(first) + 4) / (_saturation(second) + 4)))
    return out


def sample_whole(source: Array, matrix: Matrix, size: tuple[int, int]) -> Array:
    """Return `source` in the frame of a target.

    Args:
        source: (h, w, 3) uint8.
        matrix: map from the target to the source, pixel-edge coordinates.
        size: width and height of the target.

    Returns:
        (H, W, 3) float32 in [0, 255].
    """
    shift = matrix[:, 2] + matrix[:, :2] @ [0.5, 0.5] - 0.5
    small = np.hstack([matrix[:, :2], shift[:, None]])
    return np.asarray(
        cv2.warpAffine(
            source,
            small,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    ).astype(np.float32)


def _match_tones(p: Array, t: Array, where: Array) -> Array:
    """Return `p` after the tone curve that fits it to `t`, by weighted means in 16 bins.

    Args:
        p: (H, W) float32 levels.
        t: (H, W) float32 levels.
        where: (H, W) bool, pixels that the curve is fitted on.

    Returns:
        (H, W) float32.
    """
    few = where[::2, ::2]
    level, y = np.clip(p[::2, ::2][few], 0, 255).astype(np.uint8), t[::2, ::2][few]
    weight = np.ones(len(y), np.float32)
    curve = np.arange(256, dtype=np.float32)
    for _ in range(2):
        bins = level >> 4
        count = np.bincount(bins, weight, 16)
        at = np.bincount(bins, weight * level, 16) / np.maximum(count, 1e-6)
        to = np.bincount(bins, weight * y, 16) / np.maximum(count, 1e-6)
        full = count > max(8.0, 0.002 * len(y))
        if full.sum() < 2:
            return p + float(np.median(y) - np.median(level))
        curve = np.interp(np.arange(256), at[full], to[full]).astype(np.float32)
        error = np.abs(curve[level] - y)
        weight = 1 / (1 + (error / (3 * error.mean() + 1)) ** 2)
    return curve[np.clip(p, 0, 255).astype(np.uint8)]


def _gradient(grey: Array) -> Array:
    """Return the change of (H, W) levels across two pixels, (H, W) float32."""
    grey = np.asarray(grey, np.float32)
    return np.asarray(
        cv2.magnitude(cv2.Sobel(grey, -1, 1, 0, scale=0.25), cv2.Sobel(grey, -1, 0, 1, scale=0.25))
    )


def _extreme(values: Array) -> float:
    """Return the share of (N,) levels near black or white, in [0, 1]."""
    return float(((values < 8) | (values > 247)).mean())


def _saturation(rgb: Array) -> float:
    """Return the mean range of the channels of (N, 3) RGB, in [0, 255]."""
    return float((rgb.max(1) - rgb.min(1)).mean())
