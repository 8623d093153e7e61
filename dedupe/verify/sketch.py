"""Points of interest of a thumbnail, and whether those of two pictures agree on one map.

SIFT (Lowe 2004) on the 64 x 64 pixels that the index keeps. It is coarse: it shows that two
pictures have no part in common, without a file to read. It never shows that they are copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.verify.features import Array, mirror_words, to_roots

SIDE = 64  # longer side of the picture that points are looked for in, pixels
_POINTS = 60  # at most, the strongest
_ALIKE = 0.8  # least cosine of the descriptors of a match
_CLOSE = 2.0  # how far a match may lie from a map, pixels
_LOOSE = 0.04  # and the same for each pixel of its distance to the match that gave the map


@dataclass(frozen=True, eq=False)
class Sketch:
    """The points of one thumbnail, K of them."""

    places: NDArray[np.float32]  # (K, 2), x and y in pixels of a picture with its shape kept
    angles: NDArray[np.float32]  # (K,) degrees
    sizes: NDArray[np.float32]  # (K,) pixels
    words: NDArray[np.float32]  # (K, 128) RootSIFT, norm 1

    @cached_property
    def mirrored(self) -> NDArray[np.float32]:
        """The descriptors (K, 128) of the same picture in a mirror."""
        return np.asarray(mirror_words(self.words), np.float32)


def draw_sketch(grey: Array, size: tuple[int, int]) -> Sketch:
    """Return the points of a thumbnail.

    Args:
        grey: (H, W) uint8, the whole picture squashed to a square.
        size: width and height of the picture, of which only the ratio counts.
    """
    scale = SIDE / max(size)
    shape = (max(16, round(size[0] * scale)), max(16, round(size[1] * scale)))
    picture = cv2.resize(grey, shape, interpolation=cv2.INTER_LINEAR)
    low, high = int(picture.min()), int(picture.max())
    gain = 255 / max(1, high - low)
    picture = cv2.convertScaleAbs(picture, alpha=gain, beta=-low * gain)
    sift = cv2.SIFT.create(nfeatures=_POINTS, contrastThreshold=0.01, edgeThreshold=20)
    found, words = sift.detectAndCompute(picture, None)
    numbers = np.array([(*p.pt, p.angle, p.size) for p in found[:_POINTS]], np.float32)
    numbers = numbers.reshape(-1, 4)
    roots = to_roots(np.zeros((0, 128)) if words is None else words[:_POINTS])
    return Sketch(numbers[:, :2], numbers[:, 2], numbers[:, 3], roots)


def have_common_part(first: Sketch, second: Sketch, needed: int) -> bool:
    """Return whether `needed` matches agree on the map that one of them gives, mirrored or not.

    A match gives a map by itself: places, sizes and directions of two points are a shift, a scale
    and a turn.
    """
    for mirrored in (False, True):
        here, there = _match(first, second, mirrored)
        if len(here) >= max(1, needed) and _vote(first, second, here, there, mirrored) >= needed:
            return True
    return False


def _match(
    first: Sketch, second: Sketch, mirrored: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (M,), (M,) numbers of the points that are each other's nearest."""
    if min(len(first.words), len(second.words)) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    alike = first.words @ (second.mirrored if mirrored else second.words).T
    there = alike.argmax(axis=1)
    here = np.arange(len(alike))
    firm = (alike.argmax(axis=0)[there] == here) & (alike[here, there] > _ALIKE)
    return here[firm], there[firm]


def _vote(
    first: Sketch,
    second: Sketch,
    here: NDArray[np.int64],
    there: NDArray[np.int64],
    mirrored: bool,
) -> int:
    """Return the largest number of the (M,) matches that one of them explains."""
    flip = -1 if mirrored else 1
    turn = np.deg2rad(second.angles[there] - flip * first.angles[here] + (180 if mirrored else 0))
    stretch = second.sizes[there] / first.sizes[here]
    cosine, sine = stretch * np.cos(turn), stretch * np.sin(turn)
    ours = first.places[here] * np.array([flip, 1], np.float32)
    theirs = second.places[there]
    x, y = np.moveaxis(ours[None] - ours[:, None], 2, 0)  # (M, M) from the match of each row
    gone = theirs[None] - theirs[:, None]
    dx = cosine[:, None] * x - sine[:, None] * y
    dy = sine[:, None] * x + cosine[:, None] * y
    error = np.hypot(dx - gone[..., 0], dy - gone[..., 1])
    return int((error < _CLOSE + _LOOSE * np.hypot(dx, dy)).sum(axis=1).max())
