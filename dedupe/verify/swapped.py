"""Find content of a scene that lies elsewhere in the other of two aligned pictures.

If a thing moved, two contents changed places: both pictures have texture there that does not
correlate, and the colours are the same as before. An addition brings colours of its own.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.verify.colours import match_tones
from dedupe.verify.features import Array

# Sources of the bounds: docs/verification.md, "What moved".
_WINDOW = (5, 5)  # pixels of half the working size
_TEXTURE = 6.0  # least spread of brightness in a window, levels
_NOISE = 3.0  # the same in multiples of the median change
_ALIKE = 0.5  # correlation of two textures from which they are one
_CHANGED = 10.0  # least change of a colour in an area that differs, levels
_CHANGES = 8.0  # the same in multiples of the median change
_LEAST_AREA = 12  # pixels
_CONFLICTS = 0.002  # least share of the overlap with two textures
_DENSE = 0.45  # the same of the inside of what differs
_BIN = 16  # width of a range of each colour, levels; each colour counts in the ranges beside it
_SAMPLE = 5  # every fifth pixel is used to match the tones
_RING = np.ones((3, 3), np.uint8)

Mask = NDArray[np.bool_]


def measure_swap(first: Array, second: Array, shared: Mask) -> float:
    """Return how far the colours of what differs are the same in two pictures, in [0, 1].

    Args:
        first: (H, W, 3) uint8 RGB, half the working size.
        second: (H, W, 3) uint8 RGB, aligned to it.
        shared: (H, W) bool, both pictures show this pixel.

    Returns:
        The intersection of both histograms; 0 if what differs has few places with two textures.
    """
    conflicts = _find_conflicts(first, second, _TEXTURE) & shared
    total = int(shared.sum())
    if not total or conflicts.sum() < _CONFLICTS * total:
        return 0.0
    a, b = first.astype(np.float32), second.astype(np.float32)
    toned = _match_all(b, a, shared)
    change = np.abs(cv2.blur(a - toned, (3, 3))).max(axis=2)
    noise = max(0.5, float(np.median(change[shared])))
    differs = _open((change > max(_CHANGED, _CHANGES * noise)) & shared)
    inside = cv2.erode(differs.astype(np.uint8), _RING) > 0
    conflicts = _find_conflicts(a, toned, max(_TEXTURE, _NOISE * noise)) & inside
    if conflicts.sum() < max(_CONFLICTS * total, _DENSE * int(inside.sum())):
        return 0.0
    counts = [_count_colours(picture[differs]) for picture in (a, toned)]
    return float(np.minimum(*counts).sum())


def _match_all(b: Array, a: Array, shared: Mask) -> Array:
    """Return `b`, (H, W, 3), with the gain and the offset of each channel of `a`, float32."""
    some = b[shared][::_SAMPLE].astype(np.float64)
    matched = match_tones(some, a[shared][::_SAMPLE].astype(np.float64))
    low, high = some.argmin(axis=0), some.argmax(axis=0)
    channels = np.arange(3)
    span = np.maximum(some[high, channels] - some[low, channels], 1e-6)
    gain = (matched[high, channels] - matched[low, channels]) / span
    return np.asarray((b - some[low, channels]) * gain + matched[low, channels], np.float32)


def _find_conflicts(a: Array, b: Array, least: float) -> Mask:
    """Return where both pictures (H, W, 3) have texture that does not correlate, (H, W) bool."""
    x, y = (picture.mean(axis=2, dtype=np.float32) for picture in (a, b))
    x, y = x - x.mean(), y - y.mean()  # float32 loses less
    mean_x, mean_y = cv2.blur(x, _WINDOW), cv2.blur(y, _WINDOW)
    spread_x = np.sqrt(np.maximum(cv2.blur(x * x, _WINDOW) - mean_x * mean_x, 0))
    spread_y = np.sqrt(np.maximum(cv2.blur(y * y, _WINDOW) - mean_y * mean_y, 0))
    product = cv2.blur(x * y, _WINDOW) - mean_x * mean_y
    textured = np.minimum(spread_x, spread_y) > least
    return np.asarray(textured & (product < _ALIKE * spread_x * spread_y))


def _open(mask: Mask) -> Mask:
    """Return the areas of a mask (H, W) that are not thin and not tiny."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, cross)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(opened)
    large = boxes[:, cv2.CC_STAT_AREA] >= _LEAST_AREA
    large[0] = False
    return np.asarray(large[labels])


def _count_colours(colours: Array) -> Array:
    """Return the shares of ranges of colour, (18, 18, 18) float64, of (N, 3) float levels."""
    bins = 256 // _BIN
    at = 1 + np.clip(colours / _BIN, 0, bins - 1).astype(np.int64)
    flat = np.ravel_multi_index(at.T, (bins + 2,) * 3)
    counts = np.bincount(flat, minlength=(bins + 2) ** 3).reshape((bins + 2,) * 3).astype(float)
    for axis in range(3):
        counts = counts + np.roll(counts, 1, axis) + np.roll(counts, -1, axis)
    return np.asarray(counts / max(counts.sum(), 1.0))
