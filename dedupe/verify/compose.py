"""Derive the verdict on two contents from their verdicts with a third one, without pixels.

If A and B lie on K, then A lies on B: the maps compose, and the frames show whether one of the two
covers the other. Reads no file. Undecided where both may show something that the other lacks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.linear_map import split_linear
from dedupe.types import Verdict

Digests = tuple[str, str]  # of two contents, ascending
Square = NDArray[np.float64]  # (3, 3)

LEVEL = "composed"
_COVERED = 0.96  # share of one of the frames that makes a copy: that of a direct verdict of 1.0
_APART = 0.8  # share below which neither covers the other: that of a direct verdict of 0.0
_CLEAR = 0.7  # least score of the two verdicts that are composed
_UNIT = np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]], np.float64)
_WHOLE = 0.97  # share of a frame from which it is not cropped
_ADDED = "added"  # in `Verdict.how` of a copy with a caption, a mark or a border
_TILTED = "tilted"  # the same of a copy that may have flat corners
_GEOMETRY = ("mirrored", "turned", "tilted", "cropped", "stretched")


class Composer:
    """The verdicts so far as a graph of contents, and what follows from two of its edges."""

    def __init__(self) -> None:
        self._copies: dict[str, dict[str, Verdict]] = defaultdict(dict)  # first, second: as named

    def add(self, verdicts: Mapping[Digests, Verdict]) -> None:
        """Remember the copies among direct verdicts; composed ones are no evidence."""
        for (first, second), verdict in verdicts.items():
            direct = verdict.level != LEVEL and verdict.matrix is not None
            if verdict.is_copy and direct and verdict.score >= _CLEAR:
                self._copies[first][second] = verdict
                self._copies[second][first] = verdict.flip()

    def list_copies(self, digest: str) -> list[str]:
        """Return the digests of the direct copies of a content, in the order they were found."""
        return list(self._copies.get(digest, ()))

    def compose(self, pair: Digests) -> Verdict | None:
        """Return the verdict that follows for a pair; None if none does."""
        first, second = pair
        none: dict[str, Verdict] = {}
        shared = self._copies.get(first, none).keys() & self._copies.get(second, none).keys()
        for middle in sorted(shared):
            verdict = _compose(self._copies[middle][first], self._copies[middle][second])
            if verdict is not None:
                return verdict
        return None


def _compose(to_first: Verdict, to_second: Verdict) -> Verdict | None:
    """Compose the verdicts of a third content (first) with each of two contents (second)."""
    hows = [set(verdict.how.split(", ")) for verdict in (to_first, to_second)]
    added = [any(_ADDED in word for word in how) for how in hows]
    if all(added):  # perhaps different things
        return None
    matrix = np.linalg.inv(_square(to_first)) @ _square(to_second)  # second's frame to first's
    matrix = matrix / matrix[2, 2]
    covered = max(_share_frames(matrix))
    numbers = tuple(matrix.ravel().tolist())
    framed = any(added) or any(_TILTED in word for how in hows for word in how)
    if covered < _APART and not framed:
        return Verdict(False, 0.0, "", LEVEL, numbers)
    if covered < _COVERED:
        return None
    score = round(min(to_first.score, to_second.score), 4)
    return Verdict(True, score, _describe(matrix, *hows), LEVEL, numbers)


def _describe(matrix: Square, first: set[str], second: set[str]) -> str:
    """Return how two contents differ: geometry by the map, the rest if one of them has it."""
    parts = split_linear(matrix[:2, :2])
    share = min(_share_frames(matrix))
    words = []
    if parts.mirrored:
        words.append("mirrored")
    if parts.quarters:
        words.append(f"turned {parts.degrees}")
    if share < _WHOLE:
        words.append(f"cropped to {100 * share:.0f} %")
    rest = sorted(word for word in first ^ second if word and not word.startswith(_GEOMETRY))
    return ", ".join(words + rest)


def _square(verdict: Verdict) -> Square:
    return np.reshape(np.array(verdict.matrix, np.float64), (3, 3))


def _share_frames(matrix: Square) -> tuple[float, float]:
    """Return the shares of the first and of the second frame that the other one covers."""
    quad = cv2.perspectiveTransform(_UNIT, matrix)[0].astype(np.float32)
    unit = _UNIT[0].astype(np.float32)
    own = abs(cv2.contourArea(quad))
    area, _ = cv2.intersectConvexConvex(unit, quad)
    return min(1.0, area), min(1.0, area / max(own, 1e-9))
