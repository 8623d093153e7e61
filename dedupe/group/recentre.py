"""Centre each group on the file that is most worth keeping. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dedupe.types import Star, Verdict

Relations = dict[int, tuple[float, Verdict | None]]
"""By row: the distance to the keeper, and the verdict; None if it was not verified."""

_MOST_LOST = 0.25
"""Largest share of a group that may be left out, so that the original stays in place of a copy."""

_MOST_LOST_OF_MANY = 0.1
"""The same if it is more than one row. Copies of one picture are verified against it more often
than against each other, so a row that leaves out more is rarely the original."""


@dataclass(frozen=True, slots=True)
class Centred:
    """A group and the relations of its keeper to each duplicate."""

    star: Star
    relations: Relations


def recentre(
    star: Star,
    order: Sequence[int],
    relate: Callable[[int, Sequence[int]], Relations],
) -> Centred | None:
    """Return the star round the best row that can be its keeper.

    Args:
        star: a verified group.
        order: its rows, from the one most worth keeping to the least.
        relate: returns those of some rows that a new keeper may replace, with their relations.

    Returns:
        None if the keeper of the star is best. Rows that a new keeper may not replace are left
        out of the group, so that their files stay.
    """
    for keeper in order:
        if keeper == star.keeper:
            return None
        others = sorted(star.rows - {keeper})
        relations = relate(keeper, others)
        lost = len(others) - len(relations)
        if star.keeper in relations and lost <= _count_most_lost(len(others)):
            duplicates = [(row, distance) for row, (distance, _) in relations.items()]
            duplicates.append((keeper, 0.0))  # for its further files
            return Centred(Star(keeper, tuple(sorted(duplicates))), relations)
    return None


def _count_most_lost(others: int) -> int:
    """Return how many of the other rows of a group a new keeper may leave out."""
    return int(min(_MOST_LOST * others, max(1, _MOST_LOST_OF_MANY * others)))
