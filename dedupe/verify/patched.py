"""Find the pixels that differ between two drawings of which most pixels are exactly equal.

A lossy copy differs a little nearly everywhere. If nearly all structure is equal to the bit, then
nothing lossy came between the two, and a pixel that differs was drawn differently.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.verify.fine import Pixels
from dedupe.verify.last_look import NOWHERE, FrameBox

# Sources of the bounds: docs/verification.md, "The last look".
_EQUAL = 0.85  # least share of the pixels with structure that are equal
_CHANGED = 32  # change of a colour that counts, levels: palettes and WebP change less
_PIXELS = 3  # such pixels that make another picture

_RING = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Patched:
    """Pixels that were drawn differently."""

    pixels: int  # with another colour; 0 if the pictures are not equal for the most part
    box: FrameBox  # around them

    @property
    def score(self) -> float:
        """How likely a copy is, in (0, 1], 0.5 at the border."""
        return 1 / (1 + self.pixels / _PIXELS)


def find_patched(first: Pixels, second: Pixels) -> Patched:
    """Find what differs between two pictures, (H, W, 3) and (h, w, 3) RGB with every pixel.

    Nothing does in pictures of different sizes.
    """
    if first.shape != second.shape:
        return Patched(0, NOWHERE)
    edges = [cv2.morphologyEx(p, cv2.MORPH_GRADIENT, _RING).max(axis=2) for p in (first, second)]
    structure = np.maximum(*edges) > 0
    change = cv2.absdiff(first, second).max(axis=2)
    if np.count_nonzero(change[structure] == 0) < _EQUAL * np.count_nonzero(structure):
        return Patched(0, NOWHERE)
    rows, columns = np.nonzero(change > _CHANGED)
    if not len(rows):
        return Patched(0, NOWHERE)
    height, width = change.shape
    left, top = int(columns.min()) / width, int(rows.min()) / height
    right, bottom = (int(columns.max()) + 1) / width, (int(rows.max()) + 1) / height
    box = tuple(round(value, 4) for value in (left, top, right - left, bottom - top))
    return Patched(len(rows), (box[0], box[1], box[2], box[3]))
