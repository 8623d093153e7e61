"""Measure which of two aligned pictures owns what differs.

The outline of what a picture owns is an edge in it. In the other picture, the edges there are no
stronger than around.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.verify.features import Array

# Sources of the bounds: docs/verification.md, "The last look".
_EDGE = 12.0  # mean slope of its outline, at least, levels for each pixel
_OUTLINE = 32  # pixels of an outline of what differs, at least
_CHANGED = 20.0  # least change of brightness of a pixel that differs, levels
_ERROR = 4.0  # the same in multiples of the median error of what is equal
_NOISE = 2.5  # the same in multiples of the noise

Mask = NDArray[np.bool_]


def find_owners(
    a: Array, expected: Array, area: Mask, mask: Mask, noise: float
) -> tuple[float, float]:
    """Return how far each picture owns what differs: its edges there over its other edges.

    Args:
        a: (H, W) float32 levels.
        expected: (H, W) float32, the other picture in the tones of `a`.
        area: (H, W) bool, where they may differ.
        mask: (H, W) bool, both pictures show this pixel.
        noise: spread of the noise, levels.

    Returns:
        Of `a` and of the other picture, 0 and more; 0 if too little differs.
    """
    error = np.abs(a - expected)
    bound = max(_CHANGED, _ERROR * float(np.median(error[mask & ~area])), _NOISE * noise)
    changed = (error > bound) & mask & area
    outline = changed & (cv2.erode(changed.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    if outline.sum() < _OUTLINE:
        return 0.0, 0.0
    near = cv2.dilate(outline.astype(np.uint8), np.ones((5, 5), np.uint8))
    rest = (near == 0) & mask
    masks = outline, rest & area, rest
    first, second = (_compare_edges(picture, *masks) for picture in (a, expected))
    return first, second


def _compare_edges(picture: Array, outline: Mask, around: Mask, rest: Mask) -> float:
    """Return the mean slope along an outline over the mean of the slopes around and in the rest.

    Args:
        picture: (H, W) float32 levels.
        outline: (H, W) bool.
        around: (H, W) bool, pixels of windows that differ, off the outline.
        rest: (H, W) bool, all shared pixels off the outline.
    """
    slopes = [cv2.Sobel(picture, -1, *axes) / 4 for axes in ((1, 0), (0, 1))]
    edges = cv2.dilate(cv2.magnitude(*slopes), np.ones((3, 3), np.uint8))
    others = [
        max(1.0, float(edges[where].mean())) if where.any() else 1.0 for where in (around, rest)
    ]
    along = float(edges[outline].mean())
    return along / float(np.sqrt(others[0] * others[1])) if along > _EDGE else 0.0
