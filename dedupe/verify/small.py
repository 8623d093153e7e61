"""Compare two small pictures, pixel by pixel and in their own colours.

In an icon or a sprite a few pixels are another picture. JPEG moves colours over some pixels, so
brightness is compared closely and colours are compared over areas.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.types import FrameMatrix
from dedupe.verify.features import Array
from dedupe.verify.fine import Pixels, order_pair, warp
from dedupe.verify.strokes import exceed

SMALL_SIDE = 130
"""Longer side up to which a picture is compared pixel by pixel, pixels."""

SAME_FRAME: FrameMatrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

# Sources of the bounds: docs/verification.md, "Small pictures".
_STEPS = 4  # Gauss-Newton steps
_FARTHEST = 2.0  # pixels that they may move a corner
_OUTLIER = 15.0  # change of brightness from which a pixel counts less, levels
_GAINS = (0.6, 1.7)  # range of the contrast of one picture over the other's
_STEADY = 200.0  # variance, levels^2, of brightness below which the contrast is taken as equal
_LIGHT = 12.0  # change of the mean brightness of 5 x 5 pixels, levels
_LIGHT_PIXELS = 10  # pixels with such a change that make two pictures
_EDGE = 12.0  # brightness outside the range of the 3 x 3 pixels around, in both directions, levels
_EDGE_PIXELS = 6
_HUE = 10.0  # colour outside the range of the areas around, in both directions, levels
_HUE_PIXELS = 24
_COLOURFUL = 6.0  # spread of the colours below which a picture counts as grey, levels

_AREA = (5, 5)


@dataclass(frozen=True, slots=True)
class Residual:
    """Pixels of the less resolved picture, counted by how the other picture differs there."""

    light: int = 0  # the brightness around differs
    edge: int = 0  # the brightness is that of no pixel around, in either picture
    hue: int = 0  # the colour is that of no area around, in either picture

    @property
    def score(self) -> float:
        """How likely a copy is, in (0, 1], 0.5 at the border."""
        parts = self.light / _LIGHT_PIXELS, self.edge / _EDGE_PIXELS, self.hue / _HUE_PIXELS
        return 1 / (1 + max(parts))


def compare_small(first: Pixels, second: Pixels, matrix: FrameMatrix) -> Residual:
    """Compare two pictures at the resolution of the less resolved one; at least one is small.

    Args:
        first: (H, W, 3) RGB, every pixel.
        second: (h, w, 3) RGB, every pixel.
        matrix: the map from the frame of the second picture to that of the first. The frames are
            compared as they are, too: at a few pixels, a symmetric picture fits its mirror image.
    """
    residuals = [_compare(first, second, frames) for frames in (matrix, SAME_FRAME)]
    return max(residuals, key=lambda residual: residual.score)


def _compare(first: Pixels, second: Pixels, matrix: FrameMatrix) -> Residual:
    """Compare (H, W, 3) and (h, w, 3) RGB under one map between their frames."""
    base, other, square, _ = order_pair(first, second, matrix)
    warped, mask = warp(other, square, base)
    if not mask.any():
        return Residual()
    step = _refine(_light(base), _light(warped), mask)
    if step is not None:
        warped, mask = warp(other, square @ step, base)
    a = _split(base.astype(np.float32))
    b = _split(_match_tones(base.astype(np.float32), warped.astype(np.float32), mask))
    change = np.abs(cv2.blur(a[..., 0] - b[..., 0], _AREA))
    colours = [np.asarray(cv2.blur(p[..., 1:], _AREA)) for p in (a, b)]
    if min(float(c[mask].std(axis=0).max()) for c in colours) < _COLOURFUL:
        colours = [np.zeros_like(colours[0])] * 2  # a grey copy
    return Residual(
        light=int(((change > _LIGHT) & mask).sum()),
        edge=int(((_exceed_both_ways(a[..., 0], b[..., 0]) > _EDGE) & mask).sum()),
        hue=int(((_exceed_both_ways(*colours).max(axis=2) > _HUE) & mask).sum()),
    )


def _light(rgb: Pixels) -> Array:
    """Return the smoothed brightness of (H, W, 3) RGB, (H, W) float32 in levels."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.8))


def _split(rgb: Array) -> Array:
    """Return brightness and two colour differences, (H, W, 3) float32 in levels."""
    return np.asarray(cv2.cvtColor(np.clip(rgb, 0, 255) / 255, cv2.COLOR_RGB2YCrCb) * 255)


def _exceed_both_ways(a: Array, b: Array) -> Array:
    """Return how far each value lies outside the range around it in the other, both ways.

    Args:
        a: (H, W) or (H, W, C) float32 levels.
        b: of the shape of `a`.

    Returns:
        Of the shape of `a`, >= 0: the smaller of both ways.
    """
    return np.minimum(exceed(a, b), exceed(b, a))


def _match_tones(a: Array, b: Array, mask: NDArray[np.bool_]) -> Array:
    """Return `b`, (H, W, 3), with the contrast and the brightness of `a` in each channel."""
    matched = np.empty_like(b)
    for channel in range(3):
        x, y = (p[..., channel][mask].astype(np.float64) for p in (b, a))
        weight = np.ones(len(x))
        gain, offset = 1.0, 0.0
        for _ in range(_STEPS):
            total = weight.sum()
            centre_x, centre_y = weight @ x / total, weight @ y / total
            spread = weight @ (x - centre_x) ** 2 + _STEADY * total
            shared = weight @ ((x - centre_x) * (y - centre_y)) + _STEADY * total
            gain = float(np.clip(shared / spread, *_GAINS))
            offset = float(centre_y - gain * centre_x)
            weight = 1 / (1 + ((gain * x + offset - y) / _OUTLIER) ** 2)
        matched[..., channel] = gain * b[..., channel] + offset
    return matched


def _refine(a: Array, b: Array, mask: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Return the affine map (3, 3) that brings `b` closest to `a`; None without improvement.

    Gauss-Newton steps on brightness (Lucas and Kanade 1981).

    Args:
        a: (H, W) float32 levels.
        b: (H, W) float32 levels.
        mask: (H, W) bool, both pictures show this pixel.
    """
    height, width = a.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    square, current = np.eye(3), b
    least = float(np.abs(a - b)[mask].mean())
    best: NDArray[np.float64] | None = None
    for _ in range(_STEPS):
        gx, gy = (cv2.Sobel(a + current, -1, *axes) / 16 for axes in ((1, 0), (0, 1)))
        rows = np.stack([gx * x, gx * y, gx, gy * x, gy * y, gy], axis=-1)[mask].astype(np.float64)
        change = (a - current)[mask].astype(np.float64)
        weighted = rows / (1 + (change / _OUTLIER) ** 2)[:, None]
        ridge = np.diag([1e4, 1e4, 1.0] * 2)
        terms = np.linalg.solve(weighted.T @ rows + ridge, weighted.T @ change).reshape(2, 3)
        step = np.eye(3)
        step[:2] += terms
        step[:2, 2] -= terms[:, :2] @ [(width - 1) / 2, (height - 1) / 2]
        square = square @ step
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]).T
        if np.abs((square @ corners - corners)[:2]).max() > _FARTHEST:
            break
        current = cv2.warpAffine(
            b, square[:2], (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        error = float(np.abs(a - current)[mask].mean())
        if error < least:
            least, best = error, square
    return best
