"""Decide from the bytes and pixels of two files which of them a disk or a transfer damaged. Pure.

Damage changes bytes in place. An encoder that writes a changed picture writes other bytes from the
change to the end, so that neither the length nor the bytes behind the change stay equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Side = Literal["first", "second", "unknown", "neither"]
"""The damaged file. `unknown`: one of the two; `neither`: no damage explains the difference."""

Bytes = NDArray[np.uint8]  # (N,)
Pixels = NDArray[np.uint8]  # (H, W, 3)

SHARED = 0.03  # least share of equal bytes before and behind the difference
_BEHIND = 64  # bytes; an encoder that wrote anything else writes none of them the same
_BEFORE = 0.5  # share of the bytes, where the damage reaches the end
_HEADER = 1024  # bytes: tables that an encoder writes before each picture are less
_ERASED = (0x00, 0xFF)  # bytes of a block that was never written, or erased (flash memory)
_ERASED_LEAST = 16  # bytes of an erased run that are evidence
_RUNS = 8  # most runs of changed bytes in uncompressed pixels: a drawing changes more rows
_MOST_RUNS, _SINGLE = 256, 2  # of runs with so few bytes each: flipped bits
_GAP = 64  # equal bytes inside one run of changed bytes
_SIDE = 640  # pixels of the longer side at which pictures in other encodings are compared
_SMOOTH = 3.0  # standard deviation, pixels: sharpness, grain and rounding are not compared
_REACH = 6  # pixels to either side of a border, so that the smoothing does not cover the step
_FAR, _TIMES = 12.0, 4.0  # levels, and times their median, by which broken pixels differ
_SPOT = 5  # pixels: smaller spots are not compared
_RUN = 12  # pixels: shorter straight parts of a border are no border of blocks or rows
_STRAIGHT = 0.35  # least share of the border that is straight; few colours give at most 0.23
_BREAK, _BREAK_Z = 0.5, 8.0
"""Least break and standard score that decide. Of 231 copies of 17 kinds, made of 150 photos, the
original breaks beside none that shows its frame."""
_STRIP = 256  # rows compared at a time
_SEAM, _SEAM_Z = 0.2, 6.0
"""Least seam and its standard score that decide. Of 281 photos damaged unnoticed in 14 encodings,
the intact one had at most 0.34 and 4.6; of those with both bounds reached, none was intact."""


def compare_bytes(first: bytes, second: bytes, *, uncompressed: bool) -> Side:
    """Compare the bytes of two files that may be one file and its damaged copy.

    Args:
        uncompressed: rows of pixels are stored as they are, so that editors keep the length too.

    Returns:
        `unknown` if damage explains the difference, but its direction needs the pixels.
    """
    if len(first) != len(second):
        return "neither"
    a, b = np.frombuffer(first, np.uint8), np.frombuffer(second, np.uint8)
    changed = np.flatnonzero(a != b)
    if not len(changed):
        return "neither"
    start, end = int(changed[0]), int(changed[-1]) + 1
    if len(a) - (end - start) < SHARED * len(a):
        return "neither"
    erased = _is_erased(a[start:end]), _is_erased(b[start:end])
    if erased[0] != erased[1]:
        return "first" if erased[0] else "second"
    if len(a) - end < _BEHIND and start < max(_BEFORE * len(a), _HEADER):
        return "neither"  # two files of one length by chance, with the same header
    runs = int((np.diff(changed) > _GAP).sum()) + 1
    if uncompressed and runs > _RUNS and (runs > _MOST_RUNS or len(changed) > _SINGLE * runs):
        return "neither"
    return "unknown"


def _is_erased(values: Bytes) -> bool:
    return len(values) >= _ERASED_LEAST and any(bool((values == e).all()) for e in _ERASED)


def compare_pixels(first: Pixels, second: Pixels) -> Side:
    """Compare the pixels of two files of which one is damaged.

    Returns:
        `neither` if no pixel differs, or one picture is the other turned or mirrored, for which
        one byte of EXIF changes.
    """
    if any(np.array_equal(first, turned) for turned in _turns(second)):
        return "neither"
    if first.shape != second.shape:
        return "unknown"
    seam, score = measure_seam(first, second)
    if abs(seam) < _SEAM or abs(score) < _SEAM_Z:
        return "unknown"
    return "first" if seam > 0 else "second"


def _turns(pixels: Pixels) -> Iterator[Pixels]:
    """Yield views of the eight orientations of a picture, itself first."""
    for view in (pixels, pixels[:, ::-1]):
        for quarter in range(4):
            yield np.rot90(view, quarter)


def measure_seam(first: Pixels, second: Pixels) -> tuple[float, float]:
    """Measure in which picture an edge follows the border of the pixels that differ.

    Beside the border both pictures are equal, so that the scene continues across it in one of them
    and is broken in the other.

    Returns:
        The sum over the border of |gradient of the first| less |gradient of the second|, divided
        by the sum of |gradient of the difference|: from -1, the second is broken, to 1, the first.
        And the same sum divided by its standard deviation if signs were random.
    """
    sums = np.zeros(3)
    for top in range(0, len(first), _STRIP):
        a, b = (picture[top : top + _STRIP + 1] for picture in (first, second))
        equal = (a == b).all(axis=2)  # (up to _STRIP + 1, W); the last row begins the next strip
        for axis in (0, 1):
            y, x = np.nonzero(np.diff(equal[: _STRIP + 1 - axis], axis=axis))  # (P,)
            below, beside = y + (axis == 0), x + (axis == 1)
            sums += _sum_steps(*(p[below, beside].astype(int) - p[y, x] for p in (a, b)))
    excess, square, total = sums.tolist()
    return (excess / total, excess / math.sqrt(square)) if total and square else (0.0, 0.0)


def _sum_steps(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Sum the steps of two pictures across a border, (P, 3) levels each, over its pixels.

    Returns:
        (3,) the excess of the first's steps over the second's, the sum of the squares of each
        pixel's excess, and the sum of the differences of the steps.
    """
    gain = (np.abs(first) - np.abs(second)).sum(axis=1)  # (P,)
    return np.array([gain.sum(), (gain * gain).sum(), np.abs(first - second).sum()], np.float64)


def find_broken(first: Pixels, second: Pixels) -> Side:
    """Find which of two copies in other encodings breaks where the other one goes on.

    The pictures show one frame. They are compared smoothed and at one size, so that only what an
    encoder, a resize or a filter cannot have done is a difference: damage, or something drawn on
    the picture. Only the straight parts of its border count, as blocks and rows have them.

    Returns:
        `neither` if none of the two breaks clearly.
    """
    a, b = _bring_to_one_size(first, second)
    far = np.abs(a - b).max(axis=2)  # (h, w)
    mask = (far > max(_FAR, _TIMES * float(np.median(far)))).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((_SPOT, _SPOT), np.uint8))
    sums = np.zeros(3)
    border = straight = 0  # pixels
    for axis in (0, 1):
        edge = np.diff(mask, axis=axis) != 0
        run = np.ones((1, _RUN) if axis == 0 else (_RUN, 1), np.uint8)
        y, x = np.nonzero(cv2.morphologyEx(edge.astype(np.uint8), cv2.MORPH_OPEN, run))
        place, end = (y, x)[axis], mask.shape[axis] - _REACH - 1
        inside = (place >= _REACH) & (place < end)
        y, x = y[inside], x[inside]  # (P,) pixels before the border
        border, straight = border + int(edge.sum()), straight + len(y)
        dy, dx = (1, 0) if axis == 0 else (0, 1)
        ahead = y + dy * (_REACH + 1), x + dx * (_REACH + 1)
        behind = y - dy * _REACH, x - dx * _REACH
        sums += _sum_steps(*(picture[ahead] - picture[behind] for picture in (a, b)))
    excess, square, total = sums.tolist()
    clear = abs(excess) >= max(_BREAK * total, _BREAK_Z * math.sqrt(square))
    if not total or straight < _STRAIGHT * border or not clear:
        return "neither"
    return "first" if excess > 0 else "second"


def _bring_to_one_size(first: Pixels, second: Pixels) -> list[NDArray[Any]]:
    """Return both pictures smoothed, (h, w, 3) float32, at the smaller size or `_SIDE`."""
    height, width = min(first.shape[:2], second.shape[:2], key=lambda shape: shape[0] * shape[1])
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (first, second))
    return [np.asarray(cv2.GaussianBlur(p.astype(np.float32), (0, 0), _SMOOTH)) for p in small]
