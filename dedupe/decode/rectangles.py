"""Find the rectangles of a picture that have visible edges. Some of them are panels.

A photo on a screen, in a frame, in a collage or on a slide has straight upright edges with a quiet
margin on the outside. Does not know what a rectangle contains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rectangle = tuple[int, int, int, int]
"""Left, top, right and bottom edge in pixels."""

# Sources of the bounds: docs/formats.md, "A photo inside something".
_STEP = 7  # least change of brightness across an edge, levels
_QUIET = 2  # least ratio of that change to the changes beside the edge, on its quiet side
_CLEAR = 1.5  # the same ratio, to the changes on both sides of the edge
_LINES = 8  # edges of each of the four directions that are combined
_WINDOW = 0.11  # share of a side within which an edge must be dense to be combined
_DENSE = 0.7  # share of the pixels of that window
_LEAST_SIDE, _LEAST_AREA, _MOST_AREA = 0.15, 0.05, 0.85  # shares of the picture
_CORNER = 0.05  # share of an edge that a round corner takes
_COMPOSITE = 0.85  # density of a line through a rectangle that consists of several panels


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """The edges of one direction: (W + 1, H + 1) prefix sums along each column of pixels."""

    before: Array  # edges with a quiet side before them
    after: Array  # edges with a quiet side behind them
    lines_before: list[int]  # columns with the strongest edges
    lines_after: list[int]


def find_rectangles(grey: Array, least: float) -> list[tuple[Rectangle, float]]:
    """Return rectangles with their scores, the clearest first; a line through one costs it 0.5.

    Args:
        grey: (H, W) uint8, the whole picture.
        least: share of each edge of a rectangle that must be visible, in [0, 1]; the score is the
            share of the least visible edge.
    """
    height, width = grey.shape
    upright, level = _find_edges(grey), _find_edges(np.asarray(cv2.transpose(grey)))
    boxes, scores = _combine(upright, level, (width, height), least)
    penalty = [0.5 * _is_composite(box, upright, level) for box in boxes.tolist()]
    order = np.argsort(penalty - scores, kind="stable")
    return [(tuple(boxes[row].tolist()), float(scores[row])) for row in order]


def _find_edges(grey: Array) -> _Edges:
    """Find the upright edges of (H, W) grey, numbered by the column behind them."""
    height, width = grey.shape
    one = np.zeros((height, width + 1), np.uint8)  # change from the column before
    one[:, 1:width] = cv2.absdiff(grey[:, 1:], grey[:, :-1])
    two = np.zeros_like(one)  # change across an edge that lies inside a pixel
    middle = cv2.absdiff(grey[:, 2:], grey[:, :-2])
    two[:, 2 : width - 1] = cv2.max(middle[:, :-1], middle[:, 1:])
    wide = cv2.dilate(one, np.ones((1, 3), np.uint8))
    before, after = np.zeros_like(one), np.zeros_like(one)
    before[:, 3:], after[:, :-3] = wide[:, :-3], wide[:, 3:]
    clear = cv2.compare(two, _bound(cv2.max(before, after), _CLEAR), cv2.CMP_GE)
    found = []
    for quiet in (before, after):
        own = cv2.compare(two, _bound(quiet, _QUIET), cv2.CMP_GE)
        mask = cv2.bitwise_or(own, clear)
        columns = np.asarray(cv2.transpose(mask), np.int16) & 1
        sums = np.zeros((width + 1, height + 1), np.int16)
        np.cumsum(columns, axis=1, dtype=np.int16, out=sums[:, 1:])
        found.append((sums, _find_lines(sums)))
    (first, lines_first), (second, lines_second) = found
    return _Edges(first, second, lines_first, lines_second)


def _bound(levels: Array, factor: float) -> Array:
    """Return the least change across an edge, beside which the changes are `levels`."""
    return np.asarray(cv2.max(cv2.addWeighted(levels, factor, levels, 0, 4), _STEP))  # type: ignore[call-overload]


def _find_lines(sums: Array) -> list[int]:
    """Return up to `_LINES` columns of edges that are dense for long, the longest first.

    Args:
        sums: (W + 1, H + 1) prefix sums of the edges along each column.
    """
    window = max(8, round(_WINDOW * sums.shape[1]))
    dense = sums[:, window:] - sums[:, :-window] >= int(_DENSE * window + 1)
    strength = cv2.reduce(dense.view(np.uint8), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0]
    strength[:3] = strength[-3:] = 0
    lines: list[int] = []
    while len(lines) < _LINES and strength.max() > 0:
        line = int(strength.argmax())
        lines.append(line)
        strength[max(0, line - 2) : line + 3] = 0
    return lines


def _combine(
    upright: _Edges, level: _Edges, size: tuple[int, int], least: float
) -> tuple[Array, Array]:
    """Return (N, 4) rectangles with all edges visible, left top right bottom, and (N,) scores."""
    width, height = size
    x0, x1 = _pair([0, *upright.lines_before], [*upright.lines_after, width], width)  # (K,) each
    y0, y1 = _pair([0, *level.lines_before], [*level.lines_after, height], height)  # (L,) each
    score = np.minimum(
        np.minimum(_measure(upright.before, x0, y0, y1), _measure(upright.after, x1, y0, y1)),
        np.minimum(_measure(level.before, y0, x0, x1), _measure(level.after, y1, x0, x1)).T,
    )  # (K, L)
    area = np.multiply.outer(x1 - x0, y1 - y0) / (width * height)
    good = (score >= least) & (area >= _LEAST_AREA) & (area <= _MOST_AREA)
    across, along = np.nonzero(good)
    return np.stack([x0[across], y0[along], x1[across], y1[along]], axis=1), score[good]


def _pair(starts: list[int], ends: list[int], side: int) -> tuple[Array, Array]:
    """Return (N,) starts and (N,) ends of all pairs that are far enough apart."""
    pairs = [(a, b) for a in starts for b in ends if b - a >= _LEAST_SIDE * side]
    first, last = np.array(pairs, np.int64).reshape(-1, 2).T
    return first, last


def _measure(sums: Array, lines: Array, starts: Array, ends: Array) -> Array:
    """Return (K, L) the density of edges along parts of lines, without the corners.

    The edge of the picture itself counts as dense.

    Args:
        sums: (W + 1, H + 1) prefix sums along each column.
        lines: (K,) columns.
        starts, ends: (L,) rows.
    """
    corner = 1 + (_CORNER * (ends - starts)).astype(np.int64)
    first, last = starts + corner, ends - corner
    of_lines = sums[lines]
    density = (of_lines[:, last] - of_lines[:, first]) / np.maximum(last - first, 1)
    density[(lines == 0) | (lines == len(sums) - 1)] = 1.0
    return np.asarray(density)


def _is_composite(box: list[int], upright: _Edges, level: _Edges) -> bool:
    """Return whether a line leads through a rectangle from edge to edge."""
    x0, y0, x1, y1 = box
    for edges, low, high, start, end in ((upright, x0, x1, y0, y1), (level, y0, y1, x0, x1)):
        margin = max(3, (high - low) // 8)
        for sums, lines in ((edges.before, edges.lines_before), (edges.after, edges.lines_after)):
            for line in lines:
                inside = low + margin < line < high - margin
                edges_on_it = sums[line, end - 1] - sums[line, start + 1]
                if inside and edges_on_it >= _COMPOSITE * (end - start):
                    return True
    return False
