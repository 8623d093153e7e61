"""Find the places where each of two aligned pictures has a stroke that the other does not have.

Works on strokes of one pixel and more, so also on digits that are a few pixels high. Does not
decide anything.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.verify.features import Array
from dedupe.verify.fine import match_window

Box = tuple[int, int, int, int]  # x, y, width, height, pixels

# Sources of the bounds: docs/verification.md, "The last look".
_LEAST = 14.0  # brightness outside the range of the 3 x 3 pixels around, levels
_NOISE = 3.5  # the same in multiples of the noise
_PART = 0.2  # the same as a part of the contrast around
_AROUND = np.ones((13, 13), np.uint8)  # pixels around that have the paper and the ink of a place
_RING = np.ones((3, 3), np.uint8)
_NEAR = np.ones((7, 7), np.uint8)  # reach of a stroke to one of the other picture
_SHIFT = 3  # largest shift of a place, pixels: print and scan are not rigid
_HALF = (10, 24)  # least and largest half of the edge of a place, pixels
_PLACES = 30  # places that are shifted, at most, the largest
_RIM = 2  # pixels of a place at its edge that are left out after the shift


def find_strokes(a: Array, b: Array, mask: NDArray[np.bool_], noise: float) -> list[Box]:
    """Find the places with a stroke of `a` that `b` lacks, near a stroke of `b` that `a` lacks.

    A pixel belongs to a stroke if its brightness is that of no pixel of the other picture within
    one pixel. Blur makes strokes in the sharper picture alone, so it makes no place. A place in
    which the strokes agree after a shift is none either.

    Args:
        a: (H, W) float32 levels.
        b: (H, W) float32, in the tones of `a`.
        mask: (H, W) bool, both pictures show this pixel.
        noise: spread of the noise, levels.

    Returns:
        The places, the largest first.
    """
    mask = cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    layers = _Strokes(a, b, mask, noise)
    only_a, only_b = layers.find(np.s_[:, :], np.s_[:, :])
    near = [cv2.dilate(only.astype(np.uint8), _NEAR) for only in (only_a, only_b)]
    both = np.minimum(near[0], near[1])
    count, _, boxes, centres = cv2.connectedComponentsWithStats(both)
    order = sorted(range(1, count), key=lambda i: -int(boxes[i][cv2.CC_STAT_AREA]))
    places = []
    for i in order[:_PLACES]:
        half = int(np.clip((max(boxes[i][2:4]) + 8) // 2, *_HALF))
        x, y = (int(at) for at in centres[i])
        if layers.differ(y, x, half):
            places.append((x - half, y - half, 2 * half + 1, 2 * half + 1))
    return places


class _Strokes:
    """Two pictures, (H, W) float32 each, and the range of brightness around each pixel."""

    def __init__(self, a: Array, b: Array, mask: NDArray[np.bool_], noise: float) -> None:
        self.a, self.b, self.mask = a, b, mask
        self.high = [cv2.dilate(p, _AROUND) for p in (a, b)]
        self.low = [cv2.erode(p, _AROUND) for p in (a, b)]
        contrast = np.minimum(*(h - low for h, low in zip(self.high, self.low, strict=True)))
        self.bound = np.maximum(max(_LEAST, _NOISE * noise), _PART * contrast)

    def find(
        self, at: tuple[slice, slice], other: tuple[slice, slice]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return where `a` alone and where `b` alone has a stroke, (h, w) bool each.

        A pixel that is foreign to both pictures is in an area of another colour, not in a stroke.
        So is one with a brightness that the other picture has nowhere around.

        Args:
            at: rows and columns of `a`.
            other: as many rows and columns of `b`.
        """
        a, b, bound = self.a[at], self.b[other], self.bound[at]
        stroke_a, stroke_b = exceed(a, b) > bound, exceed(b, a) > bound
        paper_b = (b < self.high[0][at] + bound) & (b > self.low[0][at] - bound)
        paper_a = (a < self.high[1][other] + bound) & (a > self.low[1][other] - bound)
        mask = self.mask[at]
        return stroke_a & ~stroke_b & paper_b & mask, stroke_b & ~stroke_a & paper_a & mask

    def differ(self, y: int, x: int, half: int) -> bool:
        """Return whether a place, (y, x) and `half` around, has strokes of both at the best shift.

        A place within `half` and the shift of the edge has none.
        """
        wide = half + _SHIFT
        height, width = self.a.shape
        if not (wide <= y < height - wide and wide <= x < width - wide):
            return False
        _, (right, down) = match_window(self.a, self.b, y, x, half, _SHIFT)
        at = np.s_[y - half : y + half + 1, x - half : x + half + 1]
        other = np.s_[
            y - half + down : y + half + 1 + down, x - half + right : x + half + 1 + right
        ]
        inner = np.s_[_RIM:-_RIM, _RIM:-_RIM]
        return all(only[inner].any() for only in self.find(at, other))


def exceed(values: Array, others: Array) -> Array:
    """Return how far each value lies outside the range of the 3 x 3 others around it, >= 0.

    Args:
        values: (H, W) or (H, W, C) float32 levels.
        others: of the shape of `values`.
    """
    low, high = cv2.erode(others, _RING), cv2.dilate(others, _RING)
    return np.asarray(np.maximum(np.maximum(values - high, low - values), 0))
