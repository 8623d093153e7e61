"""Find the panels of a picture: rectangles inside it that look like a picture of their own.

Chooses among the rectangles with visible edges by what they contain and what surrounds them. Does
not know whether another file shows the same.
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
from dedupe.decode.rectangles import Rectangle, find_rectangles

Array = NDArray[Any]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge in the frame of the picture, in [0, 1]."""

MOST_PANELS = 4  # of a picture, as in a collage of four cells

# Sources of the bounds: docs/formats.md, "A photo inside something".
_TILES, _TILED = 3, 0.85
"""Panels without two opposite edges inside the picture count only as cells of a collage: if there
are this many panels, and they cover this share of the picture."""
_TILE_BONUS = 0.15  # less visible are the edges of cells, which have no margin
_TOUCHING = 0.1  # share of a cell that another one may cover
_EVIDENT = 0.92  # visible share of all four edges that needs no plain surroundings
_PLAIN_AROUND = 0.65  # share of what lies around all panels that has no structure
_PLAIN_STEP = 2  # difference of a pixel without structure from the mean around it, levels
_NOTHING = 0.06  # share of the picture that is too little to measure this
_BUSY = 0.3  # least share of a panel with structure; sky and text have less
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
    rated = find_rectangles(grey, least - _TILE_BONUS)
    if not rated:
        return []
    structure = _find_structure(grey)
    chosen = _tile(structure, rated) or _find_alone(grey, structure, rated, least)
    chosen = [box for box in chosen if _is_picture(grey, box)][:MOST_PANELS]
    return [(x0 / width, y0 / height, x1 / width, y1 / height) for x0, y0, x1, y1 in chosen]


def _count_inner(box: Rectangle, width: int, height: int) -> tuple[int, int]:
    """Return how many upright and level sides of a rectangle lie inside the picture."""
    x0, y0, x1, y1 = box
    return (x0 > 0) + (x1 < width), (y0 > 0) + (y1 < height)


def _measure_plain(structure: Array, boxes: list[Rectangle]) -> float:
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


def _is_busy(structure: Array, box: Rectangle) -> bool:
    """Return whether enough of a rectangle has structure."""
    x0, y0, x1, y1 = box
    total = structure[y1, x1] - structure[y0, x1] - structure[y1, x0] + structure[y0, x0]
    return bool(total >= _BUSY * _area(box))


def _tile(structure: Array, rated: list[tuple[Rectangle, float]]) -> list[Rectangle]:
    """Return the cells of a collage, which cover the picture; none if they do not.

    Args:
        structure: of the picture.
        rated: rectangles and their scores, the clearest first.
    """
    area = (structure.shape[0] - 1) * (structure.shape[1] - 1)
    cells: list[Rectangle] = []
    for box, _ in rated:
        if all(_share(box, other) <= _TOUCHING for other in cells):
            cells.append(box)
    covered = sum(_area(box) for box in cells)
    busy = [box for box in cells if _is_busy(structure, box)]
    is_whole = len(cells) >= _TILES and covered >= _TILED * area
    return busy if is_whole and len(busy) >= 2 else []


def _find_alone(
    grey: Array, structure: Array, rated: list[tuple[Rectangle, float]], least: float
) -> list[Rectangle]:
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


def _choose(grey: Array, structure: Array, ordered: list[Rectangle]) -> list[Rectangle]:
    """Return the first few busy rectangles, each a different part; else the first plain one."""
    chosen: list[Rectangle] = []
    plain: list[Rectangle] = []
    for box in ordered:
        if len(chosen) == MOST_PANELS:
            break
        if all(_overlap(box, other) < _SAME for other in chosen) and _is_picture(grey, box):
            (chosen if _is_busy(structure, box) else plain).append(box)
    return chosen or plain[:1]


def overlaps(first: Box, second: Box) -> bool:
    """Return whether two boxes share more than half of the smaller one."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (first, second))
    return max(0.0, width) * max(0.0, height) > smaller / 2


def _area(box: Rectangle) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _intersect(first: Rectangle, second: Rectangle) -> int:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0, width) * max(0, height)


def _share(first: Rectangle, second: Rectangle) -> float:
    """Return the share of the smaller of two rectangles that the other covers, in [0, 1]."""
    return _intersect(first, second) / min(_area(first), _area(second))


def _overlap(first: Rectangle, second: Rectangle) -> float:
    """Return the intersection over union of two rectangles, in [0, 1]."""
    shared = _intersect(first, second)
    return shared / (_area(first) + _area(second) - shared)


def _is_picture(grey: Array, box: Rectangle) -> bool:
    """Return whether a rectangle is textured, and not mostly of one tone as text is."""
    x0, y0, x1, y1 = box
    part = np.ascontiguousarray(grey[y0:y1, x0:x1])
    if float(cv2.meanStdDev(part)[1][0, 0]) < _LEAST_SPREAD:
        return False
    common = np.bincount(part.ravel(), minlength=256)
    run = np.convolve(common, np.ones(2 * _TONE + 1), mode="same").max()
    return bool(run <= _PLAIN * part.size)
