"""Compare the details of two pictures that are about to be accepted as copies.

Two pictures each show details that the other does not have. If only one of them does, something
was added to it; a drawn page with an addition is another page. Knows no file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.types import FrameMatrix
from dedupe.verify.bend import Lens
from dedupe.verify.features import Array
from dedupe.verify.fine import FinePair, Pixels, align_fine, bend_fine, match_window, shrink
from dedupe.verify.owners import find_owners
from dedupe.verify.strokes import Box, find_strokes
from dedupe.verify.tone import find_tone

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
_ADDED = 12  # windows with structure of one picture that make another page: more than a speck
_SHARP = 0.98  # correlation of the best tenth of windows below which one picture may be blurred
_BLURS = (1.0, 1.5, 2.2, 3.3)  # spreads of the smoothing that are tried then, pixels
_ONE_SIDED = 3.0  # ratio of the two from which only one picture owns what differs
_OWNED = 2.1  # edges of what differs, over other edges, in a picture that owns it
_STRONG = 12  # windows with structure that the same page shows, at least
_AGREE = 0.9  # least correlation of 95 % of them

Mask = NDArray[np.bool_]
FrameBox = tuple[float, float, float, float]
"""x, y, width and height, as parts of the width and the height of the first picture."""

NOWHERE: FrameBox = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Details:
    """Windows of a pair of pictures, counted by what they show."""

    common: int = 0  # windows with the same structure
    conflicts: int = 0  # windows with another structure in each picture
    first_only: int = 0  # windows with structure in the first picture alone
    second_only: int = 0  # windows with structure in the second picture alone
    first_owned: float = 0.0  # edges of the first along what differs, over its other edges
    second_owned: float = 0.0  # the same of the second
    strokes: int = 0  # places with strokes of each picture that the other one lacks
    drawn: bool = False  # a page, plot or screenshot, so an addition makes another picture
    box: FrameBox = NOWHERE  # the place that differs most
    strong: int = 0  # windows with at least a third of the largest structure
    least: float = 0.0  # correlation that 95 % of the strong windows exceed

    @property
    def owned(self) -> float:
        """How clearly each of the two pictures shows something of its own; 1 is the border."""
        less, more = sorted((self.first_owned, self.second_owned))
        owned = less / _OWNED * min(1.0, _ONE_SIDED * less / max(more, 1e-6))
        if not self.drawn:
            return owned
        alone = max(self.first_only, self.second_only)
        return max(owned, self.strokes, self.conflicts / _CONFLICTS, alone / _ADDED)

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


def compare_details(
    first: Pixels,
    second: Pixels,
    matrix: FrameMatrix,
    *,
    drawn: bool = False,
    lens: Lens | None = None,
) -> Details:
    """Compare two pictures window by window, at the resolution of the less resolved one.

    Args:
        first: (H, W, 3) RGB or (H, W) grey.
        second: (h, w, 3) RGB or (h, w) grey.
        matrix: the map from the frame of the second picture to that of the first.
        drawn: the pictures are drawn or written, so no addition is excused.
        lens: what bends one of the frames besides; None for nothing.
    """
    pair = align_fine(shrink(first), shrink(second), matrix, lens)
    margin = _WINDOW // 2 + _SHIFT
    height, width = pair.a.shape
    if min(height, width) <= 2 * margin:
        return Details()
    details, box = _Comparison(pair, margin).details(drawn=drawn)
    if details.owned:
        bent = bend_fine(pair)
        if bent is not None:
            pair = bent
            details, box = _Comparison(pair, margin).details(drawn=drawn)
    return replace(details, box=_to_frame(box, pair, matrix))


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

    def details(self, *, drawn: bool) -> tuple[Details, Box]:
        """Count the windows, and find out which picture owns what differs; return its box, too.

        Strokes are compared in drawn pictures alone: a photo taken through another lens has its
        edges beside those of the other one.
        """
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
        mask = self.pair.mask
        places = find_strokes(self.a, self._predict(mask), mask, self.noise) if drawn else []
        differing = conflicts | alone | self._cover(places)
        owned, box = (0.0, 0.0), places[0] if places else self._find_largest(differing)
        if places or count >= _CONFLICTS or min(counts) >= _ALONE:
            owned = self._find_owners(differing)
        if self.pair.swapped:
            counts, owned = counts[::-1], owned[::-1]
        firm = self.inside & (high > max(_STRUCTURE, 0.3 * float(high.max(initial=0))))
        least = float(np.quantile(self.alike[firm], 0.05)) if firm.any() else 0.0
        details = Details(
            common, count, *counts, *owned,
            strokes=len(places), drawn=drawn, strong=int(firm.sum()), least=least,
        )  # fmt: skip
        return details, box

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

    def _cover(self, places: list[Box]) -> Mask:
        """Return the windows (rows, columns) of the grid with a centre in one of the places."""
        centres = np.zeros(self.a.shape, bool)
        for x, y, width, height in places:
            centres[max(0, y) : y + height, max(0, x) : x + width] = True
        return np.asarray(centres[self.grid]) & self.inside

    def _find_area(self, windows: Mask) -> Array:
        """Return the pixels (H, W) uint8 of windows (rows, columns)."""
        centres = np.zeros(self.a.shape, np.uint8)
        centres[self.grid] = windows
        return np.asarray(cv2.dilate(centres, np.ones((_WINDOW, _WINDOW), np.uint8)))

    def _find_largest(self, windows: Mask) -> Box:
        """Return the box of the largest connected area of windows (rows, columns)."""
        if not windows.any():
            return (0, 0, 0, 0)
        _, _, boxes, _ = cv2.connectedComponentsWithStats(self._find_area(windows))
        x, y, width, height, _ = boxes[1 + int(boxes[1:, cv2.CC_STAT_AREA].argmax())]
        return (int(x), int(y), int(width), int(height))

    def _find_owners(self, windows: Mask) -> tuple[float, float]:
        """Return how far each picture owns what differs in windows (rows, columns).

        The outline of what a picture owns is an edge in it. In the other picture, the edges there
        are no stronger than around.
        """
        area = self._find_area(windows) > 0
        expected = self._predict(~area)
        return find_owners(self.a, expected, area, self.pair.mask, self.noise)

    def _predict(self, same: Mask) -> Array:
        """Return the other picture in the tones of the less resolved one, (H, W) float32."""
        same = same & self.pair.mask
        if same.sum() < 64:
            return self.b
        tone = find_tone(self.b[same], self.a[same])
        return np.asarray(np.interp(self.b, *tone), np.float32)


def _to_frame(box: Box, pair: FinePair, matrix: FrameMatrix) -> FrameBox:
    """Return a box in pixels of the less resolved picture in the frame of the first picture."""
    x, y, width, height = box
    if not width:
        return NOWHERE
    corners = np.array([[[x, y], [x + width, y], [x + width, y + height], [x, y + height]]], float)
    corners /= pair.a.shape[::-1]
    if pair.swapped:
        corners = cv2.perspectiveTransform(corners, np.reshape(matrix, (3, 3)))
    left, top = corners[0].min(axis=0).clip(0, 1).round(4).tolist()
    right, bottom = corners[0].max(axis=0).clip(0, 1).round(4).tolist()
    return (left, top, round(right - left, 4), round(bottom - top, 4))


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
