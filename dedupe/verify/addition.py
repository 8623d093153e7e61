"""Decide whether one of two aligned pictures only has something added: a sticker, letters, a line.

In the picture without the addition, the content goes on across the outline of each patch; in the
other one the outline is an edge. Two different contents have edges in both pictures.
"""

from __future__ import annotations

import cv2
import numpy as np

from dedupe.verify.features import Array

# Tuned on the list TUNING of tests/benchmarks/edits.py against other shots and other captions.
_LARGEST = 0.4  # share of the overlap that additions may cover
_ONE_SIDED = 1.4  # least ratio of the slopes across the outlines in the two pictures
_CLEAR = 1.8  # the same if the added content has no structure
_EVIDENT = 4.0  # the same if its structure is common, as edges of letters are
_DOMINANT = 1.5  # ratio from which a part of an outline is an edge of the other picture
_AGAINST = 0.4  # largest share of such parts
_MOVED = 0.5  # share of blocks of the added content that are elsewhere in the other picture
_MOVED_WHOLE = 0.9  # the same if the outlines are evident
_SAME = 0.92  # correlation of such a block
_BLOCK = 10  # its edge, in pixels of half the working size
_BLOCKS = 24  # blocks that are searched for, at most
_CONTRAST = 4.0  # spread of brightness that it needs


def is_addition(expected: Array, other: Array, patches: Array, shared: Array) -> bool:
    """Return whether `patches` are an addition in one of two pictures.

    Args:
        expected: (H, W) float32, the first picture in the tones of the second.
        other: (H, W) float32, the second picture.
        patches: (H, W) bool, where they differ.
        shared: (H, W) bool, where both have pixels.
    """
    closed = cv2.morphologyEx(patches.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    closed[~shared] = 0
    if not 0 < closed.sum() <= _LARGEST * shared.sum():
        return False
    first, second = _measure_outlines(expected, other, closed)  # (N,) each
    if not len(first):
        return True
    added = second.sum() > first.sum()  # in the second picture
    less, more = (first, second) if added else (second, first)
    ratio = more.sum() / max(less.sum(), 1e-6)
    against = float(np.mean(less > _DOMINANT * more))
    if ratio < _ONE_SIDED or against > _AGAINST:
        return False
    source, target = (other, expected) if added else (expected, other)
    share = _count_moved(source, target, closed > 0)
    if share is None:  # nothing to search for, so the outlines have to be clear
        return bool(ratio > _CLEAR and against < _AGAINST / 2)
    return share < (_MOVED_WHOLE if ratio > _EVIDENT else _MOVED)


def _measure_outlines(first: Array, second: Array, patches: Array) -> tuple[Array, Array]:
    """Return how steep both pictures are across the outlines of the patches, (N,) each.

    The mean over 7 x 7 pixels, at each of the N pixels of the outlines.
    """
    band = cv2.morphologyEx(patches, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    nx, ny = _slopes(cv2.GaussianBlur(patches.astype(np.float32), (0, 0), 2.0))
    length = np.maximum(cv2.magnitude(nx, ny), 1e-6)
    weight = np.maximum(cv2.blur(band.astype(np.float32), (7, 7)), 1e-6)
    across = []
    for picture in (first, second):
        dx, dy = _slopes(picture)
        steep = np.abs(dx * nx + dy * ny) / length * band
        across.append((cv2.blur(steep, (7, 7)) / weight)[band > 0])
    return across[0], across[1]


def _slopes(picture: Array) -> tuple[Array, Array]:
    """Return the derivatives along x and y, (H, W) float32 each."""
    return cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1)


def _count_moved(source: Array, target: Array, patches: Array) -> float | None:
    """Return the share in [0, 1] of the blocks in `patches` that also occur in `target`.

    It is large if a thing moved, or if the place that it left was filled. None without blocks.

    Args:
        source: (H, W) float32, the picture with the addition.
        target: (H, W) float32, the other picture.
        patches: (H, W) bool, the added content.
    """
    source, target = (cv2.blur(picture, (2, 2))[::2, ::2].copy() for picture in (source, target))
    inside = cv2.erode(patches.astype(np.uint8), np.ones((3, 3), np.uint8))[::2, ::2]
    height, width = source.shape
    blocks = [
        np.s_[y : y + _BLOCK, x : x + _BLOCK]
        for y in range(0, height - _BLOCK, _BLOCK - 2)
        for x in range(0, width - _BLOCK, _BLOCK - 2)
    ]
    usable = [b for b in blocks if inside[b].mean() >= 0.6 and source[b].std() >= _CONTRAST]
    if not usable:
        return None
    chosen = usable[:: 1 + len(usable) // _BLOCKS]
    found = [cv2.matchTemplate(target, source[block], cv2.TM_CCOEFF_NORMED) for block in chosen]
    return sum(bool(np.nanmax(likeness) > _SAME) for likeness in found) / len(chosen)
