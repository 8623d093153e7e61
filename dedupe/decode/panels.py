"""Find the panels of a picture: rectangles inside it that look like a picture of their own.

A photo on a screen, in a frame, in a collage or on a slide has straight upright edges with a quiet
margin on the outside. Does not know whether another file shows the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.decode.image import Picture, decode
from dedupe.decode.read import Unreadable

Array = NDArray[Any]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge in the frame of the picture, in [0, 1]."""

_Rectangle = tuple[int, int, int, int]  # the same in pixels

MOST_PANELS = 4  # of a picture, as in a collage of four cells

# Sources of the bounds: docs/formats.md, "A photo inside something".
_STEP = 7  # least change of brightness across an edge, levels
_QUIET = 2  # least ratio of that change to the changes beside the edge, on its quiet side
_CLEAR = 1.5  # the same ratio, to the changes on both sides of the edge
_LINES = 8  # edges of each of the four directions that are combined
_WINDOW = 0.11  # share of a side within which an edge must be dense to be combined
_DENSE = 0.7  # share of the pixels of that window
_LEAST_SIDE, _LEAST_AREA, _MOST_AREA = 0.15, 0.05, 0.85  # shares of the picture
_TILES, _TILED = 3, 0.85
"""Panels without two opposite edges inside the picture count only as cells of a collage: if there
are this many panels, and they cover this share of the picture."""
_CORNER = 0.05  # share of an edge that a round corner takes
_TILE_BONUS = 0.15  # less visible are the edges of cells, which have no margin
_TOUCHING = 0.1  # share of a cell that another one may cover
_EVIDENT = 0.92  # visible share of all four edges that needs no plain surroundings
_PLAIN_AROUND = 0.65  # share of what lies around all panels that has no structure
_PLAIN_STEP = 2  # difference of a pixel without structure from the mean around it, levels
_NOTHING = 0.06  # share of the picture that is too little to measure this
_BUSY = 0.3  # least share of a panel with structure; sky and text have less
_COMPOSITE = 0.85  # density of a line through a rectangle that consists of several panels
_SAME = 0.6  # intersection over union of two rectangles that are one panel
_LEAST_SPREAD = 12.0  # standard deviation of the brightness of a panel, levels
_PLAIN = 0.85  # largest share of the pixels of one tone: text has more
_TONE = 6  # levels


_LIKELY, _CERTAIN = 0.75, 0.8
"""Visible share of each edge, in the square of the encoder and in a larger decode."""

_LARGER = 320  # edge of that square, pixels


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A rectangle of a picture that looks like a picture of its own."""

    box: Box
    pixels: NDArray[np.uint8]  # (side, side, 3) RGB, squashed as the whole picture is


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """The edges of one direction: (W + 1, H + 1) prefix sums along each column of pixels."""

    before: Array  # edges with a quiet side before them
    after: Array  # edges with a quiet side behind them
    lines_before: list[int]  # columns with the strongest edges
    lines_after: list[int]


def cut_panels(data: bytes, picture: Picture, *, max_pixels: int) -> tuple[Panel, ...]:
    """Return the panels of a picture, the clearest first.

    A picture without a likely panel costs no further decode.

    Args:
        data: content of the file.
        picture: decoded from it, squashed to a square.
        max_pixels: as in `dedupe.decode.image.decode`.
    """
    if picture.facts.raw or not find_panels(picture.pixels, _LIKELY):
        return ()
    side, shorter = len(picture.pixels), min(picture.width, picture.height)
    try:
        larger = decode(data, side=max(side, min(_LARGER, shorter)), max_pixels=max_pixels).pixels
        boxes = find_panels(larger, _CERTAIN)
        if not boxes:
            return ()
        smallest = min(min(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes)
        if smallest * len(larger) < side and shorter > len(larger):
            needed = min(shorter, round(side / smallest))
            larger = decode(data, side=needed, max_pixels=max_pixels).pixels
    except Unreadable:  # for want of memory; the picture itself is fine
        return ()
    return tuple(Panel(box, _squash(crop(larger, box), side)) for box in boxes)


def surround_nothing(pixels: NDArray[np.uint8], boxes: Sequence[Box]) -> bool:
    """Return whether a picture shows nothing but the panels in boxes, on plain surroundings.

    Args:
        pixels: (H, W, 3) RGB, the whole picture.
        boxes: of its panels.
    """
    small = _squash(pixels, _LARGER)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    corners = [[round(edge * _LARGER) for edge in box] for box in boxes]
    rectangles = [(x0, y0, x1, y1) for x0, y0, x1, y1 in corners]
    covered = sum(_area(box) for box in rectangles) / grey.size
    plain = _measure_plain(_find_structure(grey), rectangles)
    return covered >= _TILED or plain >= _PLAIN_AROUND


def crop(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return the part of (H, W, 3) pixels in a box, one pixel at least."""
    height, width = pixels.shape[:2]
    x0, y0 = (min(round(at * n), n - 1) for at, n in ((box[0], width), (box[1], height)))
    x1, y1 = max(x0 + 1, round(box[2] * width)), max(y0 + 1, round(box[3] * height))
    return pixels[y0:y1, x0:x1]


def _squash(pixels: Array, side: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def find_panels(pixels: NDArray[np.uint8], least: float) -> list[Box]:
    """Return up to `MOST_PANELS` panels, the clearest first.

    Args:
        pixels: (H, W, 3) RGB, the whole picture, squashed or not.
        least: share of each edge of a panel that must be visible, in [0, 1].
    """
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    height, width = grey.shape
    upright, level = _find_edges(grey), _find_edges(np.asarray(cv2.transpose(grey)))
    boxes, scores = _combine(upright, level, (width, height), least - _TILE_BONUS)
    if not len(boxes):
        return []
    penalty = [0.5 * _is_composite(box, upright, level) for box in boxes.tolist()]
    order = np.argsort(penalty - scores, kind="stable")
    rated = [(tuple(boxes[row].tolist()), float(scores[row])) for row in order]
    structure = _find_structure(grey)
    chosen = _tile(structure, rated) or _find_alone(grey, structure, rated, least)
    chosen = [box for box in chosen if _is_picture(grey, box)][:MOST_PANELS]
    return [(x0 / width, y0 / height, x1 / width, y1 / height) for x0, y0, x1, y1 in chosen]


def _count_inner(box: _Rectangle, width: int, height: int) -> tuple[int, int]:
    """Return how many upright and level sides of a rectangle lie inside the picture."""
    x0, y0, x1, y1 = box
    return (x0 > 0) + (x1 < width), (y0 > 0) + (y1 < height)


def _measure_plain(structure: Array, boxes: list[_Rectangle]) -> float:
    """Return the share of the picture around rectangles that has no structure, in [0, 1].

    1 if the rectangles leave next to nothing.
    """
    busy = np.diff(np.diff(structure, axis=0), axis=1)  # (H, W)
    around = np.ones(busy.shape, bool)
    for x0, y0, x1, y1 in boxes:
        around[max(0, y0 - 3) : y1 + 3, max(0, x0 - 3) : x1 + 3] = False
    total = int(around.sum())
    return 1.0 if total < _NOTHING * around.size else 1 - float(busy[around].sum()) / total


def _find_structure(grey: Array) -> Array:
    """Return the sums over (H, W) of the pixels with structure, (H + 1, W + 1)."""
    change = cv2.absdiff(grey, cv2.blur(grey, (3, 3)))
    _, busy = cv2.threshold(change, _PLAIN_STEP, 1, cv2.THRESH_BINARY)
    return np.asarray(cv2.integral(busy))


def _is_busy(structure: Array, box: _Rectangle) -> bool:
    """Return whether enough of a rectangle has structure."""
    x0, y0, x1, y1 = box
    total = structure[y1, x1] - structure[y0, x1] - structure[y1, x0] + structure[y0, x0]
    return bool(total >= _BUSY * _area(box))


def _tile(structure: Array, rated: list[tuple[_Rectangle, float]]) -> list[_Rectangle]:
    """Return the cells of a collage, which cover the picture; none if they do not.

    Args:
        structure: of the picture.
        rated: rectangles and their scores, the clearest first.
    """
    area = (structure.shape[0] - 1) * (structure.shape[1] - 1)
    cells: list[_Rectangle] = []
    for box, _ in rated:
        if all(_share(box, other) <= _TOUCHING for other in cells):
            cells.append(box)
    covered = sum(_area(box) for box in cells)
    busy = [box for box in cells if _is_busy(structure, box)]
    is_whole = len(cells) >= _TILES and covered >= _TILED * area
    return busy if is_whole and len(busy) >= 2 else []


def _find_alone(
    grey: Array, structure: Array, rated: list[tuple[_Rectangle, float]], least: float
) -> list[_Rectangle]:
    """Return the rectangles in plain surroundings, or those with four evident sides."""
    height, width = grey.shape
    opposite = [
        (box, score, sides)
        for box, score in rated
        if score >= least and 2 in (sides := _count_inner(box, width, height))
    ]
    chosen = _choose(grey, structure, [box for box, _, _ in opposite])
    if not chosen or _measure_plain(structure, chosen) >= _PLAIN_AROUND:
        return chosen
    evident = [b for b, score, sides in opposite if score >= _EVIDENT and sides == (2, 2)]
    return _choose(grey, structure, evident)


def _choose(grey: Array, structure: Array, ordered: list[_Rectangle]) -> list[_Rectangle]:
    """Return the first few busy rectangles, each a different part; else the first plain one."""
    chosen: list[_Rectangle] = []
    plain: list[_Rectangle] = []
    for box in ordered:
        if len(chosen) == MOST_PANELS:
            break
        if all(_overlap(box, other) < _SAME for other in chosen) and _is_picture(grey, box):
            (chosen if _is_busy(structure, box) else plain).append(box)
    return chosen or plain[:1]


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


def overlaps(first: Box, second: Box) -> bool:
    """Return whether two boxes share more than half of the smaller one."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (first, second))
    return max(0.0, width) * max(0.0, height) > smaller / 2


def _area(box: _Rectangle) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _intersect(first: _Rectangle, second: _Rectangle) -> int:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0, width) * max(0, height)


def _share(first: _Rectangle, second: _Rectangle) -> float:
    """Return the share of the smaller of two rectangles that the other covers, in [0, 1]."""
    return _intersect(first, second) / min(_area(first), _area(second))


def _overlap(first: _Rectangle, second: _Rectangle) -> float:
    """Return the intersection over union of two rectangles, in [0, 1]."""
    shared = _intersect(first, second)
    return shared / (_area(first) + _area(second) - shared)


def _is_picture(grey: Array, box: _Rectangle) -> bool:
    """Return whether a rectangle is textured, and not mostly of one tone as text is."""
    x0, y0, x1, y1 = box
    part = np.ascontiguousarray(grey[y0:y1, x0:x1])
    if float(cv2.meanStdDev(part)[1][0, 0]) < _LEAST_SPREAD:
        return False
    common = np.bincount(part.ravel(), minlength=256)
    run = np.convolve(common, np.ones(2 * _TONE + 1), mode="same").max()
    return bool(run <= _PLAIN * part.size)
