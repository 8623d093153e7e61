"""Where files go below a folder.

Targets keep the tree: a file goes below the folder moved to under its path relative to the common
folder of the scanned roots, so that a nightly run gives a photo the same place every night. Without
the roots it is the common folder of all files of the report, keepers included. Files on several
drives keep their whole path, with the drive's letter as a folder. A taken name gets a number:
`name (2).jpg`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence


class Targets:
    """Gives targets below a folder, each once."""

    def __init__(self, folder: str, base: str) -> None:
        self.folder = folder  # empty where nothing moves
        self.base = base  # empty where the files share none
        self.given: set[str] = set()

    def give(self, paths: Sequence[str]) -> list[str]:
        """Targets for a photo and its sidecars, all of which get the same number if any."""
        targets = next(names for names in self._names(paths) if all(map(self._is_free, names)))
        self.given.update(targets)
        return targets

    def _names(self, paths: Sequence[str]) -> Iterator[list[str]]:
        photo = paths[0]
        stem = os.path.splitext(photo)[0]
        yield [self._below(path) for path in paths]
        number = 2
        while True:
            # Of `a.jpg` and `a.jpg.xmp` the number stands before the first dot after the stem.
            cut = len(stem)
            yield [self._below(f"{path[:cut]} ({number}){path[cut:]}") for path in paths]
            number += 1

    def _below(self, path: str) -> str:
        if self.base:
            relative = os.path.relpath(path, self.base)
        else:
            drive, rest = os.path.splitdrive(path)
            relative = os.path.join(drive.strip(":/\\"), rest.lstrip("/\\"))
        return os.path.join(self.folder, relative)

    def _is_free(self, path: str) -> bool:
        return path not in self.given and not os.path.lexists(path)
