"""Decide which contents a keeper may replace, from the facts of both. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dedupe.motion import is_same_motion
from dedupe.types import Facts, holds_more

Rows = NDArray[np.integer]


def may_replace(keeper: Facts, other: Facts) -> bool:
    """Return whether nothing is lost if `keeper` stays and `other`, a copy in other bytes, goes.

    A damaged keeper replaces no intact content, and a raw file no developed picture. Only the first
    frame of a content was embedded and verified. So equal frames alone, or an animation of the same
    motion, replace several frames or pages.
    """
    if keeper.damage and not other.damage:
        return False
    if keeper.raw and not other.raw:
        return False
    if other.frames > 1 and not _shows_all_frames(keeper, other):
        return False
    return not holds_more(other, keeper)


def _shows_all_frames(keeper: Facts, other: Facts) -> bool:
    if keeper.frames != other.frames:
        return False
    if other.pixels and other.pixels == keeper.pixels:
        return True
    return is_same_motion(keeper.motion, other.motion)


class Replacements:
    """The facts of U contents, and which of them may replace which."""

    def __init__(self, facts: Sequence[Facts]) -> None:
        numbers: dict[Facts, int] = {}
        seen: dict[int, int] = {}  # by identity: most contents share one object
        for one in facts:
            if id(one) not in seen:
                seen[id(one)] = numbers.setdefault(_reduce(one), len(numbers))
        self._kind = np.array([seen[id(one)] for one in facts], int)
        self._facts = tuple(numbers)

    def find_replaceable(self, keepers: Rows, others: Rows) -> NDArray[np.bool_]:
        """Return (P,) whether each of (P,) keepers may replace the other content at its place."""
        count = len(self._facts)
        keys = self._kind[keepers] * count + self._kind[others]
        kinds, place = np.unique(keys, return_inverse=True)
        fits = [
            may_replace(self._facts[k // count], self._facts[k % count]) for k in kinds.tolist()
        ]
        return np.array(fits, bool)[place]


def _reduce(facts: Facts) -> Facts:
    """Return the facts without what `may_replace` does not read, so that fewer are different."""
    pixels = facts.pixels if facts.frames > 1 else ""
    return replace(facts, damage=facts.damage and "damaged", pixels=pixels)
