"""Judge a pair by the thumbnails that the index keeps: the first level, without reading a file.

Accepts photos with a frame that was kept, turned or mirrored, if every place agrees to a fraction
of a pixel; rejects small pictures that do not correlate, and pictures of any size in which neither
the frames nor the points of interest agree. Everything else stays undecided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.decode.thumbnail import read_thumbnail
from dedupe.types import Verdict
from dedupe.verify.colours import match_tones, opponents
from dedupe.verify.features import Array
from dedupe.verify.layers import Layers, outline, smooth_part
from dedupe.verify.sketch import Sketch, draw_sketch, have_common_part
from dedupe.verify.tone import find_tone

LEVEL = "thumbnails"
SKETCH_LEVEL = "sketch"

# Sources of the bounds: docs/verification.md, "Levels".
_SMALL = 128  # longer side up to which a picture counts as small, pixels
_UNLIKE = 0.5  # correlation below which small pictures are not copies
_SHIFT = 4  # pixels that they may be shifted by
_LIKE = 0.85  # least correlation of copies at no shift
_AGREEING = 0.98  # least share of windows that correlate
_SMOOTH = 0.04  # largest smooth displacement, pixels of a thumbnail: 0.2 of 320
_LOCAL = 0.12  # largest displacement that nine of ten places have
_PLACES = 30  # places with structure that a decision needs
_EDGE = 0.5  # largest shift of an edge by a size that is no multiple of the decoded one
_CHANGE = 8.0  # least change of brightness that counts, levels
_NOISE = 6.0  # the same in multiples of the median change
_CHANGED = 2  # pixels that may have changed
_GAIN = 1.4  # largest ratio of mean brightness
_HUE = 0.6  # least correlation of the colours
_OTHER = 20.0  # change of a colour by more than a gain of each channel, levels
_COLOURFUL = 6.0  # spread from which a picture has colours, levels
_FLAT = 1.0  # spread of 3 x 3 pixels that are flat, levels
_FLAT_SHARE = 0.3  # share of flat pixels from which fine details may hide in hard edges
_STRETCH = 1.04  # ratio of shapes that is a stretch
_NEAR = 0.67  # distance of the embeddings up to which a sketch refuses nothing
_POINTS_FOR_DISTANCE = 20.0  # points that have to agree, for each unit of distance from there on
_RELATED = 0.4  # correlation of thumbnails from which a sketch refuses nothing

_WAYS = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A picture at the first level. Has the attributes of `Features` that `Layers` reads."""

    grey: Array  # (64, 64) uint8
    colour: Array  # (16, 16, 3) uint8
    size: tuple[int, int]  # width and height of the picture, pixels
    normal: NDArray[np.float32]  # (64, 64), each place less the mean around it, norm 1
    blur: float = 1.0

    @property
    def is_small(self) -> bool:
        return max(self.size) <= _SMALL

    @cached_property
    def sketch(self) -> Sketch:
        """Its points of interest."""
        return draw_sketch(self.grey, self.size)


def open_thumbnail(data: bytes, size: tuple[int, int]) -> Thumbnail:
    """Return the thumbnail of a picture of `size` (width, height) from its bytes in the index."""
    grey, colour = read_thumbnail(data)
    values = grey.astype(np.float32)
    mean = cv2.blur(values, (9, 9))
    spread = np.sqrt(np.maximum(cv2.blur(values * values, (9, 9)) - mean * mean, 0))
    normal = (values - mean) / (spread + 4)
    return Thumbnail(grey, colour, size, normal / max(float(np.linalg.norm(normal)), 1e-6))


def judge_thumbnails(first: Thumbnail, second: Thumbnail) -> Verdict | None:
    """Return the verdict on a pair; None if thumbnails cannot decide it."""
    likeness = compare_ways(first, second)
    best = int(np.argmax(likeness))
    if first.is_small and second.is_small:
        shifted = max(_correlate(first.normal, _orient(second.normal, *way)) for way in _WAYS)
        return Verdict(False, 0.0, "", LEVEL) if shifted < _UNLIKE else None
    if likeness[best] < _LIKE or first.is_small or second.is_small:
        return None
    turned = _turn(second, *_WAYS[best])
    if not (_may_accept(first) and _may_accept(turned) and _is_same(first, turned)):
        return None
    score = round(min(1.0, 0.5 + 0.5 * likeness[best]), 4)
    return Verdict(True, score, _describe(first, turned, *_WAYS[best]), LEVEL, _map(*_WAYS[best]))


def refuse_by_sketch(first: Thumbnail, second: Thumbnail, distance: float) -> Verdict | None:
    """Return the refusal of a pair with no part in common; None if there may be one.

    A copy at a large distance was changed a lot, but its points of interest still agree on a map.

    Args:
        first: the one picture.
        second: the other one.
        distance: of their embeddings, in [0, 2].
    """
    needed = math.ceil(_POINTS_FOR_DISTANCE * (distance - _NEAR))
    if needed <= 0 or have_common_part(first.sketch, second.sketch, needed):
        return None
    if max(compare_ways(first, second)) >= _RELATED:
        return None
    return Verdict(False, 0.0, "", SKETCH_LEVEL)


def compare_ways(first: Thumbnail, second: Thumbnail) -> list[float]:
    """Return the correlation of two thumbnails in each of the eight orientations."""
    return [float(np.vdot(first.normal, _orient(second.normal, *way))) for way in _WAYS]


def _orient(values: Array, turns: int, mirrored: bool) -> Array:
    """Turn (S, S) or (S, S, 3) by quarters, counter-clockwise, then mirror left to right."""
    turned = np.rot90(values, turns)
    return turned[:, ::-1] if mirrored else turned


def _turn(picture: Thumbnail, turns: int, mirrored: bool) -> Thumbnail:
    grey, colour, normal = (
        np.ascontiguousarray(_orient(p, turns, mirrored))
        for p in (picture.grey, picture.colour, picture.normal)
    )
    size = picture.size[::-1] if turns % 2 else picture.size
    return Thumbnail(grey, colour, size, normal)


def _correlate(first: Array, second: Array) -> float:
    """Return the largest correlation of two (64, 64) float32 at shifts of up to `_SHIFT`."""
    inner = np.ascontiguousarray(second[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT])
    return float(cv2.matchTemplate(first, inner, cv2.TM_CCOEFF_NORMED).max())


def _may_accept(picture: Thumbnail) -> bool:
    """Return whether nothing fine can hide: few flat places, as in a photo."""
    values = picture.grey.astype(np.float32)
    mean = cv2.blur(values, (3, 3))
    spread = cv2.blur(values * values, (3, 3)) - mean * mean
    return float(np.mean(spread < _FLAT**2)) < _FLAT_SHARE


def _is_same(first: Thumbnail, second: Thumbnail) -> bool:
    """Return whether two oriented thumbnails agree at every place."""
    layers = Layers(first, second, np.eye(2, 3), 1.0)
    if np.mean(layers.correlate()[layers.mask > 0] > 0.6) < _AGREEING:
        return False
    if not _has_same_colours(first, second):
        return False
    if not _is_in_place(layers):
        matrix = _stretch(layers)
        if np.abs(outline(first.grey, matrix) - outline(first.grey, np.eye(2, 3))).max() > _EDGE:
            return False
        layers = Layers(first, second, matrix, 1.0)
        if not _is_in_place(layers):
            return False
    return _has_same_tones(layers)


def _is_in_place(layers: Layers) -> bool:
    moved, firm = layers.displacement(3)
    if firm.sum() < _PLACES or smooth_part(moved, firm) > _SMOOTH:
        return False
    lengths = np.hypot(moved[..., 0], moved[..., 1])[firm]
    return float(np.quantile(lengths, 0.9)) <= _LOCAL


def _stretch(layers: Layers) -> NDArray[np.float64]:
    """Return the (2, 3) map that shifts and stretches along both axes as the places do.

    A picture decoded small ends in a part of a pixel, which moves the rest by as much.
    """
    moved, firm = layers.displacement(3)
    rows, columns = np.nonzero(firm)
    matrix = np.eye(2, 3)
    if len(rows) < _PLACES:
        return matrix
    for axis, at in enumerate((columns, rows)):
        place = (at + 0.5) * (layers.size[axis] / firm.shape[1 - axis]) - 0.5
        offset = np.clip(moved[..., axis][firm], -1, 1)
        slope, shift = np.polyfit(place, offset, 1)
        matrix[axis, axis] += slope
        matrix[axis, 2] = shift
    return matrix


def _has_same_tones(layers: Layers) -> bool:
    """Return whether one curve of brightness explains all but `_CHANGED` pixels."""
    inside = layers.mask > 0
    a, b = layers.a[inside], layers.b[inside]
    ratio = (b.mean() + 1) / (a.mean() + 1)
    if not 1 / _GAIN < ratio < _GAIN:
        return False
    change = np.abs(b - _predict(a, b))
    return bool((change > max(_CHANGE, _NOISE * float(np.median(change)))).sum() <= _CHANGED)


def _predict(a: Array, b: Array) -> Array:
    """Return `b` (N,) as one curve of `a` (N,): means of 32 steps, joined by lines."""
    x, y = find_tone(a, b, steps=32, least=8)
    if len(x) < 2:
        return np.full_like(b, y.mean())
    inner = np.interp(a, x, y)
    low = y[0] + (a - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    high = y[-1] + (a - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
    return np.asarray(np.where(a < x[0], low, np.where(a > x[-1], high, inner)))


def _has_same_colours(first: Thumbnail, second: Thumbnail) -> bool:
    """Return whether the colours correlate and no place has another one; or one has no colours."""
    hues = [_find_hues(picture.colour) for picture in (first, second)]
    spread = [float(np.sqrt((hue * hue).mean())) for hue in hues]
    if min(spread) < _COLOURFUL:
        return True
    if float((hues[0] * hues[1]).mean()) < _HUE * spread[0] * spread[1]:
        return False
    a, b = (picture.colour.reshape(-1, 3).astype(np.float64) for picture in (first, second))
    change = np.abs(match_tones(a, b) - b).max(axis=1)
    return bool(np.count_nonzero(change > _OTHER) <= _CHANGED)


def _find_hues(colour: Array) -> Array:
    """Return the two colour differences of (16, 16, 3) RGB, (256, 2) float32 of mean 0."""
    hues = opponents(colour.reshape(-1, 3).astype(np.float32))
    return np.asarray(hues - hues.mean(axis=0))


def _map(turns: int, mirrored: bool) -> tuple[float, ...]:
    """Return the 3 x 3 map from the frame of the second picture to that of the first."""
    matrix = np.eye(3)
    for _ in range(turns):  # counter-clockwise: (x, y) comes to (y, 1 - x)
        matrix = np.array([[0, 1, 0], [-1, 0, 1], [0, 0, 1]]) @ matrix
    if mirrored:
        matrix = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    return tuple(matrix.ravel().astype(float).tolist())


def _describe(first: Thumbnail, turned: Thumbnail, turns: int, mirrored: bool) -> str:
    """Return how the pictures differ, in the words of `dedupe.verify.judge.describe`."""
    shapes = [width / height for width, height in (first.size, turned.size)]
    stretched = max(shapes) / min(shapes)
    spread = [float(np.sqrt((_find_hues(p.colour) ** 2).mean())) for p in (first, turned)]
    ratio = (turned.grey.mean() + 1) / (first.grey.mean() + 1)
    words = {
        "mirrored": mirrored,
        f"turned {90 * min(turns, 4 - turns)}": turns % 4 != 0,
        f"stretched {100 * (stretched - 1):.0f} %": stretched > _STRETCH,
        "greyscale": min(spread) < 2 and max(spread) > 6,
        "brightness changed": abs(float(np.log(ratio))) > 0.12,
    }
    return ", ".join(word for word, holds in words.items() if holds)
