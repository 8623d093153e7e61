"""Compare the details of two pictures that are about to be accepted as copies.

Two pictures each show details that the other does not have. If only one of them does, something
was added to it. Knows no file, and not how the pair was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.types import FrameMatrix
from dedupe.verify.features import Array
from dedupe.verify.fine import FinePair, Pixels, align_fine, match_window, shrink

# Sources of the bounds: docs/verification.md, "The last look".
_WINDOW = 13  # edge of a window, pixels: a character of small print
_STEP = 4  # pixels between two windows
_SHIFT = 3  # largest shift of a window, pixels: print and scan are not rigid
_STRUCTURE = 8.0  # least standard deviation of a window that shows something, levels
_NOISE = 3.0  # the same in multiples of the noise
_OWN = 0.25  # share of the other's structure below which a window shows nothing of it
_COMPARABLE = 0.3  # share of the other's structure from which both show something
_ALIKE = 0.7  # least correlation of the same structure, after the shift
_CLOSE = 0.75  # windows that correlate like this need no shift
_SHIFTED = 300  # windows that are shifted, at most, the least alike
_CONFLICTS = 3  # windows with other structure in each picture that need an explanation
_ALONE = 4  # windows on each side with structure of one picture that need an explanation
_SHARP = 0.98  # correlation of the best tenth of windows below which one picture may be blurred
_BLURS = (1.0, 1.5, 2.2, 3.3)  # spreads of the smoothing that are tried then, pixels
_OWNED = 2.5  # edges of what differs, over other edges, in a picture that owns it
_EDGE = 12.0  # mean slope of its outline, at least, levels for each pixel
_OUTLINE = 32  # pixels of an outline of what differs, at least
_CHANGED = 20.0  # least change of brightness of a pixel that differs, levels
_STRONG = 12  # windows with structure that the same page shows, at least
_AGREE = 0.9  # least correlation of 95 % of them

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Details:
    """Windows of a pair of pictures, counted by what they show."""

    common: int = 0  # windows with the same structure
    conflicts: int = 0  # windows with another structure in each picture
    first_only: int = 0  # windows with structure in the first picture alone
    second_only: int = 0  # windows with structure in the second picture alone
    first_owned: float = 0.0  # edges of the first along what differs, over its other edges
    second_owned: float = 0.0  # the same of the second
    box: tuple[int, int, int, int] = (0, 0, 0, 0)  # x, y, width, height of most of what differs
    strong: int = 0  # windows with at least a third of the largest structure
    least: float = 0.0  # correlation that 95 % of the strong windows exceed

    @property
    def owned(self) -> float:
        """How clearly each of the two pictures shows something of its own; 1 is the border."""
        return min(self.first_owned, self.second_owned) / _OWNED

    @property
    def agree(self) -> bool:
        """Whether all structure of both pictures is the same; needs some structure."""
        alone = self.conflicts + self.first_only + self.second_only
        return self.strong >= _STRONG and alone == 0 and self.least >= _AGREE

    @property
    def score(self) -> float:
        """How likely a copy is, in (0, 1], 0.5 at the border."""
        return 1 / (1 + self.owned)


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """Windows on a grid, arrays of shape (rows, columns)."""

    a: Array  # standard deviation in the less resolved picture
    b: Array  # the same in the other one
    alike: Array  # correlation
    inside: Mask  # both pictures cover the window

    def sharpness(self) -> float:
        """Return the correlation that a tenth of the windows with structure exceed; 1 if few."""
        firm = self.inside & (np.minimum(self.a, self.b) > 1.5 * _STRUCTURE)
        return float(np.quantile(self.alike[firm], 0.9)) if firm.sum() > 20 else 1.0


def compare_details(first: Pixels, second: Pixels, matrix: FrameMatrix) -> Details:
    """Compare two pictures window by window, at the resolution of the less resolved one.

    Args:
        first: (H, W, 3) RGB or (H, W) grey.
        second: (h, w, 3) RGB or (h, w) grey.
        matrix: the map from the frame of the second picture to that of the first.
    """
    pair = align_fine(shrink(first), shrink(second), matrix)
    margin = _WINDOW // 2 + _SHIFT
    height, width = pair.a.shape
    if min(height, width) <= 2 * margin:
        return Details()
    return _Comparison(pair, margin).details()


class _Comparison:
    """One aligned pair, equally sharp and of equal contrast."""

    def __init__(self, pair: FinePair, margin: int) -> None:
        height, width = pair.a.shape
        self.pair, self.margin = pair, margin
        self.grid = np.s_[margin : height - margin : _STEP, margin : width - margin : _STEP]
        edge = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
        self.inside = cv2.erode(pair.mask.astype(np.uint8), edge)[self.grid] > 0
        self.a, self.b, windows = self._match_blur()
        firm = windows.inside & (windows.alike > _CLOSE)
        firm &= np.minimum(windows.a, windows.b) > _STRUCTURE
        self.gain, self.noise = _measure_tone(windows, firm)
        self.alike, self.firm = windows.alike, firm
        self.spread_a, self.spread_b = windows.a, windows.b * self.gain

    def _match_blur(self) -> tuple[Array, Array, _Windows]:
        """Smooth the sharper picture until both correlate best; return both (H, W) float32."""
        best = self.pair.a, self.pair.b, self._correlate(self.pair.a, self.pair.b)
        sharpness = best[2].sharpness()
        if sharpness >= _SHARP:
            return best
        for spread in _BLURS:
            soft = [cv2.GaussianBlur(p, (0, 0), spread) for p in (self.pair.a, self.pair.b)]
            for a, b in ((soft[0], self.pair.b), (self.pair.a, soft[1])):
                windows = self._correlate(a, b)
                if windows.sharpness() > sharpness + 0.005:
                    best, sharpness = (a, b, windows), windows.sharpness()
        return best

    def _correlate(self, a: Array, b: Array) -> _Windows:
        """Correlate two pictures (H, W) float32 at every window of the grid."""

        def box(values: Array) -> Array:  # (H, W) float32, mean over each window
            return np.asarray(cv2.blur(values, (_WINDOW, _WINDOW)))

        a, b = a - a.mean(), b - b.mean()  # float32 loses less
        mean_a, mean_b = box(a), box(b)
        spread_a = np.sqrt(np.maximum(box(a * a) - mean_a * mean_a, 0))
        spread_b = np.sqrt(np.maximum(box(b * b) - mean_b * mean_b, 0))
        alike = (box(a * b) - mean_a * mean_b) / np.maximum(spread_a * spread_b, 1e-3)
        return _Windows(spread_a[self.grid], spread_b[self.grid], alike[self.grid], self.inside)

    def details(self) -> Details:
        """Count the windows, and find out which picture owns what differs."""
        floor = max(_STRUCTURE, _NOISE * self.noise)
        low = np.minimum(self.spread_a, self.spread_b)
        high = np.maximum(self.spread_a, self.spread_b)
        both = self.inside & (low > floor) & (low > _COMPARABLE * high)
        conflicts = self._find_conflicts(both & (self.alike < _CLOSE))
        alone = self.inside & (high > 2 * floor) & (low < _OWN * high)
        only_a, only_b = (
            alone & (self.spread_a > self.spread_b),
            alone & (self.spread_a < self.spread_b),
        )
        counts = int(only_a.sum()), int(only_b.sum())
        common, count = int((both & (self.alike >= _CLOSE)).sum()), int(conflicts.sum())
        owned, box = (0.0, 0.0), (0, 0, 0, 0)
        if count >= _CONFLICTS or min(counts) >= _ALONE:
            owned, box = self._find_owners(conflicts | alone)
        if self.pair.swapped:
            counts, owned = counts[::-1], owned[::-1]
        firm = self.inside & (high > max(_STRUCTURE, 0.3 * float(high.max(initial=0))))
        least = float(np.quantile(self.alike[firm], 0.05)) if firm.any() else 0.0
        return Details(common, count, *counts, *owned, box, int(firm.sum()), least)

    def _find_conflicts(self, doubtful: Mask) -> Mask:
        """Return the windows (rows, columns) of `doubtful` that correlate at no shift, bool."""
        rows, columns = np.nonzero(doubtful)
        worst = np.argsort(self.alike[rows, columns], kind="stable")[:_SHIFTED]
        conflicts = np.zeros(doubtful.shape, bool)
        for row, column in zip(rows[worst], columns[worst], strict=True):
            y, x = (int(at) * _STEP + self.margin for at in (row, column))
            alike, _ = match_window(self.a, self.b, y, x, _WINDOW // 2, _SHIFT)
            conflicts[row, column] = alike < _ALIKE
        return conflicts

    def _find_owners(self, windows: Mask) -> tuple[tuple[float, float], tuple[int, int, int, int]]:
        """Return how far each picture owns what differs in `windows`, and the box of the largest.

        The outline of what a picture owns is an edge in it. In the other picture, the edges there
        are no stronger than around.

        Args:
            windows: (rows, columns) bool of the grid.
        """
        centres = np.zeros(self.a.shape, np.uint8)
        centres[self.grid] = windows
        area = np.asarray(cv2.dilate(centres, np.ones((_WINDOW, _WINDOW), np.uint8)))
        expected = self._predict(area == 0)
        error = np.abs(self.a - expected)
        bound = max(_CHANGED, 4 * float(np.median(error[self.pair.mask & (area == 0)])))
        changed = (error > max(bound, 2.5 * self.noise)) & self.pair.mask & (area > 0)
        outline = changed & (cv2.erode(changed.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
        if outline.sum() < _OUTLINE:
            return (0.0, 0.0), (0, 0, 0, 0)
        near = cv2.dilate(outline.astype(np.uint8), np.ones((5, 5), np.uint8))
        rest = (near == 0) & self.pair.mask
        masks = outline, rest & (area > 0), rest
        owned = [_compare_edges(picture, *masks) for picture in (self.a, expected)]
        _, _, boxes, _ = cv2.connectedComponentsWithStats(area)
        x, y, width, height, _ = boxes[1 + int(boxes[1:, cv2.CC_STAT_AREA].argmax())]
        return (owned[0], owned[1]), (int(x), int(y), int(width), int(height))

    def _predict(self, same: Mask) -> Array:
        """Return the other picture in the tones of the less resolved one, (H, W) float32."""
        same = same & self.pair.mask
        if same.sum() < 64:
            return self.b
        level = np.clip(self.b[same] / 16, 0, 15).astype(np.int64)
        count = np.bincount(level, minlength=16)
        known = count >= min(20, count.max())
        x = np.bincount(level, self.b[same], 16)[known] / count[known]
        y = np.bincount(level, self.a[same], 16)[known] / count[known]
        return np.asarray(np.interp(self.b, x, y), np.float32)


def _measure_tone(windows: _Windows, firm: Mask) -> tuple[float, float]:
    """Return the contrast of `a` over that of `b`, and the spread of the noise in levels.

    Args:
        windows: of the pair.
        firm: (rows, columns) bool, windows with the same structure in both pictures.
    """
    if firm.sum() < 5:
        return 1.0, 2.0
    gain = float(np.clip(np.median(windows.a[firm] / windows.b[firm]), 1 / 3, 3))
    low = np.minimum(windows.a, windows.b * gain)[firm]
    rest = np.sqrt(np.maximum(1 - windows.alike[firm] ** 2, 0))
    return gain, 1.5 * float(np.quantile(low * rest, 0.1))


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
