"""The limits of a search: which neighbours of a row count, and how many are listed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_NEIGHBOURS = 64
"""Neighbours of a row that are all listed: see the table of crowds in docs/performance.md."""

EXACT_UP_TO = 100_000
"""Rows up to which each is compared with all others: see the table in docs/performance.md."""


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Which neighbours of a row count, how many are listed, and when cells are used."""

    threshold: float  # largest Euclidean distance of a pair, in [0, 2]
    copy_radius: float = 2.0
    """Distance within which the rows of a dense neighbourhood show one picture; the threshold is
    used if it is smaller."""
    max_neighbours: int = MAX_NEIGHBOURS  # neighbours of a row that are listed, at least 1
    exact_up_to: int = EXACT_UP_TO  # rows; more are compared within cells only

    def __post_init__(self) -> None:
        if self.max_neighbours < 1:
            raise ValueError(f"max_neighbours must be at least 1, not {self.max_neighbours}")
        object.__setattr__(self, "copy_radius", min(self.copy_radius, self.threshold))

    def is_dense(self, near: NDArray[np.integer], copies: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return (Q,) whether rows lie in dense neighbourhoods.

        Args:
            near: (Q,) number of neighbours within the threshold.
            copies: (Q,) number of neighbours within the copy radius.
        """
        return np.asarray((near > self.max_neighbours) & (copies > self.max_neighbours // 2))
