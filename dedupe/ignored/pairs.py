"""The pairs of contents that are not duplicates. Knows no file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

from dedupe.ignored.decision import Decision, Said
from dedupe.types import Pairs


class IgnoredPairs:
    """The pairs of contents that are not duplicates."""

    def __init__(self, decisions: Iterable[tuple[Collection[str], Said]]) -> None:
        """Index decisions about every pair of some digests, in order of time."""
        self._said: list[Said] = []
        self._about: dict[str, set[int]] = {}  # positions of decisions, by digest
        for position, (contents, said) in enumerate(decisions):
            self._said.append(said)
            for digest in contents:
                self._about.setdefault(digest, set()).add(position)

    @property
    def name(self) -> str:
        """Name the decisions: equal decisions in an equal order have an equal name."""
        about = sorted((digest, sorted(places)) for digest, places in self._about.items())
        return repr((self._said, about))

    def are_apart(self, first: str, second: str) -> bool:
        """Return whether the last decision about two digests rules them out as duplicates."""
        shared = self._about.get(first, set()) & self._about.get(second, set())
        return first != second and bool(shared) and self._said[max(shared)] == "apart"

    def count(self, contents: Collection[str]) -> int:
        """Return how many pairs of some digests are ignored."""
        return len(self.list_apart(contents))

    def list_apart(self, contents: Collection[str]) -> list[tuple[str, str]]:
        """Return the ignored pairs of some digests, in their order."""
        named = [digest for digest in contents if digest in self._about]
        return [pair for pair in combinations(named, 2) if self.are_apart(*pair)]

    def drop_from(self, pairs: Pairs, digests: Sequence[str]) -> Pairs:
        """Return the pairs of rows without those that are ignored.

        Args:
            pairs: rows of N files.
            digests: content digest of each of the N rows.
        """
        import numpy as np  # takes a tenth of a second; `dedupe --help` needs none of it

        named = np.array([digest in self._about for digest in digests], bool)  # (N,)
        keep = np.ones(len(pairs), bool)
        for place in np.flatnonzero(named[pairs.left] & named[pairs.right]):
            left, right = int(pairs.left[place]), int(pairs.right[place])
            keep[place] = not self.are_apart(digests[left], digests[right])
        return Pairs(pairs.left[keep], pairs.right[keep], pairs.distance[keep])


def pairs_of(decisions: Iterable[Decision]) -> IgnoredPairs:
    """Return the pairs that decisions, the oldest one first, rule out."""
    return IgnoredPairs((decision.contents, decision.said) for decision in decisions)
