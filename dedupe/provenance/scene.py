"""Compare the scene of two aligned images: parts that only one shows, and additions."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.register import Matrix, invert
from dedupe.provenance.source import Source

Array = NDArray[Any]

_SIDE = 288  # longer side at which scenes are compared, pixels
NAMES = ("outside", "outside_detail", "outside_flat", "changed", "changed_edges", "changed_flat",
         "changed_extreme", "changed_colour", "outside_any")  # fmt: skip


def compare_scene(source: Source, target: Source, matrix: Matrix) -> dict[str, float]:
    """Measure the parts of `target` that `source` lacks.

    Args:
        matrix: map from the target to the source, pixel-edge coordinates.
    """
    out = dict.fromkeys(NAMES, 0.0)
    scale = min(1.0, _SIDE / max(target.width, target.height))
    size = (max(16, round(target.width * scale)), max(16, round(target.height * scale)))
    small = cv2.resize(target.pixels, size, interpolation=cv2.INTER_AREA)
    to_full = np.diag([target.width / size[0], target.height / size[1]])
    reduced = np.hstack([matrix[:, :2] @ to_full, matrix[:, 2:]])
    zoom = float(np.sqrt(abs(np.linalg.det(reduced[:, :2]))))
    base: Array = source.pixels
    if zoom > 1.5:
        shrunk = (max(8, round(source.width / zoom)), max(8, round(source.height / zoom)))
        base = cv2.resize(base, shrunk, interpolation=cv2.INTER_AREA)
        factor = np.array([[shrunk[0] / source.width], [shrunk[1] / source.height]])
        reduced = reduced * factor
    there = sample_whole(base, reduced, size)
    corners = np.array(
        [[0, base.shape[1], base.shape[1], 0], [0, 0, base.shape[0], base.shape[0]], [1, 1, 1, 1]],
        float,
    )
    quad = (invert(reduced) @ corners).T - 0.5
    inside = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(inside, np.rint(quad * 16).astype(np.int32), (1,), shift=4)
    t = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    p = there @ np.array([0.299, 0.587, 0.114], np.float32)
    edges = _gradient(t)
    core = cv2.erode(inside, np.ones((5, 5), np.uint8), borderValue=1) > 0
    outer = cv2.dilate(inside, np.ones((5, 5), np.uint8)) == 0
    if core.sum() < 100:
        return out
    out["outside"] = float(1 - inside.mean()) if outer.sum() > 0.001 * outer.size else 0.0
    out["outside_any"] = float(outer.sum() > 0.004 * outer.size)
    if out["outside_any"]:
        out["outside_detail"] = float(
            np.log2((np.median(edges[outer]) + 0.5) / (np.median(edges[core]) + 0.5))
        )
        out["outside_flat"] = float((edges[outer] < 0.75).mean() - (edges[core] < 0.75).mean())
    toned = _match_tones(p, t, core)
    change = cv2.blur(np.abs(t - toned), (3, 3))
    usual = float(np.median(change[core]))
    changed = (change > max(10.0, 5 * usual)) & core
    changed = (
        cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
    )
    share = float(changed[core].mean())
    out["changed"] = float(np.log2(share + 0.0005) + 11)
    if share > 0.0015:
        region = cv2.dilate(changed.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        here, other = _gradient(t)[region], _gradient(toned)[region]
        out["changed_edges"] = float(np.log2((here.mean() + 1) / (other.mean() + 1)))
        out["changed_flat"] = float((here < 1).mean() - (other < 1).mean())
        out["changed_extreme"] = float(_extreme(t[region]) - _extreme(p[region]))
        first, second = small[region].astype(np.float32), there[region]
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
    level, y = np.clip(p[where], 0, 255).astype(np.uint8), t[where]
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
