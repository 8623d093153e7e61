"""Recall the groups that Keepers chose from the stars of the last scan.

A component of look-alikes can be large; a new file in it leaves most of its stars as they were.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from dedupe.files.digest import digest_bytes
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.types import Contents, Group, Star, Verdict

FindGroups = Callable[[str], Sequence[Group]]


class StarMemory:
    """The groups of the stars of the last scan and of this one, by the names of the stars."""

    def __init__(self, setting: str, find: FindGroups) -> None:
        """Prepare.

        Args:
            setting: names all that the groups of every star depend on.
            find: returns the groups of a star of the last scan, by its name; none if unknown.
        """
        self._setting = digest_bytes(setting.encode())
        self._find = find
        self._noted: dict[str, Sequence[Group]] = {}

    def find(self, name: str) -> Sequence[Group]:
        """Return the groups of a star of the last scan; none if it is unknown."""
        groups = self._find(name)
        if groups:
            self._noted[name] = groups
        return groups

    def note(self, name: str, groups: Sequence[Group]) -> None:
        """Remember the groups of a star."""
        self._noted[name] = groups

    def name_stars(self, groups: Iterable[Group]) -> dict[str, str]:
        """Return the name of the star of each group, by the path of its keeper.

        A star is left out if another stage changed one of its groups.
        """
        kept = {id(group) for group in groups}
        return {
            group.keeper.path: name
            for name, some in self._noted.items()
            if all(id(group) in kept for group in some)
            for group in some
        }

    def name(
        self,
        star: Star,
        contents: Contents,
        verdicts: Mapping[int, Verdict],
        ignored: IgnoredPairs | None,
    ) -> str:
        """Name all that the groups of a star depend on.

        Args:
            star: verified.
            contents: U contents, their files in the order of the rules.
            verdicts: on (keeper, row), by row.
            ignored: pairs that are not duplicates; None for none.
        """
        distance = dict(star.duplicates)
        rows = sorted(star.rows)
        digests = [contents.digests[row] for row in rows]
        lines = [self._setting, repr(ignored.list_apart(digests) if ignored else [])]
        for row, digest in zip(rows, digests, strict=True):
            facts = contents.photos[row][0].facts
            about = row == star.keeper, contents.protected[row], distance.get(row), facts.damage
            lines.append(f"{digest} {about} {verdicts.get(row)}")
            for photo in contents.photos[row]:
                file = photo.file
                lines.append(f"{file.path}\0{file.root} {file.size} {file.mtime_ns}")
        return digest_bytes(os.fsencode("\0".join(lines)))
