"""Split what may form groups into components, which do not affect each other, and name each.

A name covers all that the groups of a component depend on. Forms no group.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedupe.files.digest import digest_bytes
from dedupe.group.refine import find_clusters
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.search.enclosed import Shown
from dedupe.types import Contents, Group, Pairs

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Contents that may form groups, and what joins them."""

    contents: Contents  # U contents, their files in the order of the rules
    pairs: Pairs  # of contents that may be copies
    shown: tuple[Shown, ...] = ()  # contents that a panel may show, by panel, nearest first

    def select(self, rows: Rows) -> Candidates:
        """Return the candidates of (R,) rows, ascending, that make up whole components."""
        inside = np.zeros(len(self.contents), bool)  # (U,)
        inside[rows] = True
        pairs = self.pairs.select(inside[self.pairs.left])
        left, right = (np.searchsorted(rows, ends) for ends in (pairs.left, pairs.right))
        shown: tuple[Shown, ...] = ()
        if self.contents.panels is not None:
            kept = np.flatnonzero(inside[self.contents.panels.rows])
            shown = tuple(
                (int(np.searchsorted(kept, panel)), int(np.searchsorted(rows, row)), distance)
                for panel, row, distance in self.shown
                if inside[row]
            )
        return Candidates(self.contents.select(rows), Pairs(left, right, pairs.distance), shown)


class Components:
    """The components of candidates: contents that pairs, panels or equal bytes join."""

    def __init__(self, candidates: Candidates, *, setting: str, ignored: IgnoredPairs) -> None:
        """Split candidates.

        Args:
            candidates: U contents.
            setting: names all that the groups of every component depend on.
            ignored: pairs that are not duplicates.
        """
        self._candidates = candidates
        self._setting = digest_bytes(setting.encode())
        self._ignored = ignored
        self._label, involved = _connect(candidates)
        self._rows = involved[np.argsort(self._label[involved], kind="stable")]  # (R,)
        self._starts = np.flatnonzero(np.diff(self._label[self._rows], prepend=-1))  # (C,)
        self.names = list(self._name_each())  # (C,)

    def find_rows(self, names: Collection[str]) -> Rows:
        """Return the (R,) rows, ascending, of the components with these names."""
        wanted = np.array([name in names for name in self.names], bool)
        lengths = np.diff(self._starts, append=len(self._rows))
        rows: Rows = np.sort(self._rows[np.repeat(wanted, lengths)])
        return rows

    def sort_groups(self, groups: Iterable[Group]) -> dict[str, list[Group]]:
        """Return the groups of each component, by its name."""
        found: dict[str, list[Group]] = defaultdict(list)
        name_of = self._name_digests()
        for group in groups:
            found[name_of[group.keeper.digest]].append(group)
        return found

    def sort_damage(self, damage: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Return the damage of the contents of each component, by its name and their digests."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        name_of = self._name_digests() if damage else {}
        for digest, words in damage.items():
            found[name_of[digest]][digest] = words
        return found

    def _name_digests(self) -> dict[str, str]:
        """Return the name of its component for each digest."""
        digests = self._candidates.contents.digests
        lengths = np.diff(self._starts, append=len(self._rows)).tolist()
        rows = iter(self._rows.tolist())
        return {
            digests[next(rows)]: name
            for name, length in zip(self.names, lengths, strict=True)
            for _ in range(length)
        }

    def _name_each(self) -> Iterator[str]:
        contents = self._candidates.contents
        protected = contents.protected.tolist()
        ends = np.append(self._starts, len(self._rows)).tolist()
        pairs, first_pair = self._sort_pairs()
        shown = self._sort_shown()
        rows = self._rows.tolist()
        for number, (start, end) in enumerate(itertools.pairwise(ends)):
            some = rows[start:end]
            digests = [contents.digests[row] for row in some]
            lines = [self._setting, repr(self._ignored.list_apart(digests))]
            for row, digest in zip(some, digests, strict=True):
                lines.append(f"{digest} {protected[row]}")
                for photo in contents.photos[row]:
                    file = photo.file
                    lines.append(f"{file.path}\0{file.root} {file.size} {file.mtime_ns}")
            if start in shown:
                lines.append(repr(shown[start]))
            text = os.fsencode("\0".join(lines))
            yield digest_bytes(text + pairs[first_pair[number] : first_pair[number + 1]].tobytes())

    def _sort_pairs(self) -> tuple[NDArray[np.int32], list[int]]:
        """Return (P, 3) pairs by component, their rows as places in it, and where each begins."""
        pairs, place = self._candidates.pairs, self._places()
        order = np.argsort(self._label[pairs.left], kind="stable")
        columns = place[pairs.left], place[pairs.right], pairs.distance.view(np.int32)
        table = np.stack(columns, axis=1).astype(np.int32)[order]
        labels = self._label[self._rows[self._starts]]  # (C,)
        bounds = np.searchsorted(self._label[pairs.left][order], labels)
        return table, [*bounds.tolist(), len(pairs)]

    def _sort_shown(self) -> dict[int, list[tuple[int, int, int, float]]]:
        """Return what panels show, by the start of the component.

        Each is the place of the content with the panel, the number of the panel in it, the place
        of the shown content, and the distance.
        """
        found: dict[int, list[tuple[int, int, int, float]]] = defaultdict(list)
        contents = self._candidates.contents
        if contents.panels is None:
            return found
        place, panel_rows = self._places(), contents.panels.rows
        first = np.searchsorted(panel_rows, panel_rows)
        position = np.zeros(len(contents), np.int64)
        position[self._rows] = np.arange(len(self._rows))
        for panel, row, distance in self._candidates.shown:
            outer = int(panel_rows[panel])
            start = int(position[row] - place[row])
            number = panel - int(first[panel])
            found[start].append((int(place[outer]), number, int(place[row]), distance))
        return found

    def _places(self) -> Rows:
        """Return the (U,) place of each row among those of its component."""
        lengths = np.diff(self._starts, append=len(self._rows))
        place = np.zeros(len(self._candidates.contents), np.int64)
        place[self._rows] = np.arange(len(self._rows)) - np.repeat(self._starts, lengths)
        return place


def _connect(candidates: Candidates) -> tuple[Rows, Rows]:
    """Return the (U,) component of each row, its lowest row, and the (R,) rows in components.

    A content with one file that nothing joins with another one forms no group: it is left out.
    """
    contents, pairs = candidates.contents, candidates.pairs
    ends = [pairs.left], [pairs.right]
    if candidates.shown and contents.panels is not None:
        outer = contents.panels.rows[[panel for panel, _, _ in candidates.shown]]
        inner = np.array([row for _, row, _ in candidates.shown], np.int64)
        ends[0].append(np.minimum(outer, inner))
        ends[1].append(np.maximum(outer, inner))
    left, right = np.concatenate(ends[0]), np.concatenate(ends[1])
    joined = Pairs(left, right, np.zeros(len(left), np.float32))
    several = np.fromiter((len(files) > 1 for files in contents.photos), bool, len(contents))
    involved = np.unique(np.concatenate([left, right, np.flatnonzero(several)]))
    return find_clusters(joined, len(contents)), involved
