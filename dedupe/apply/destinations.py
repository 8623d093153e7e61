"""Choose where files go below a folder.

Destinations keep the tree: a file goes below the folder under its path relative to the common
folder of the scanned roots, so that a nightly run gives a photo the same place every night. Without
the roots it is the common folder of all files of the report, keepers included. Files on several
drives keep their whole path, with the drive's letter as a folder. A file with a taken name gets a
number: `name (2).jpg`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence


class Destinations:
    """Gives out paths below a folder, each once."""

    def __init__(self, folder: str, base: str) -> None:
        """Prepare.

        Args:
            folder: absolute; empty if nothing moves.
            base: folder that the paths are relative to; empty for whole paths.
        """
        self.folder = folder
        self._base = base
        self._given: set[str] = set()

    def give(self, paths: Sequence[str]) -> list[str]:
        """Return free paths for a photo and its sidecars, with the same number if any."""
        targets = next(names for names in self._names(paths) if all(map(self._is_free, names)))
        self._given.update(targets)
        return targets

    def _names(self, paths: Sequence[str]) -> Iterator[list[str]]:
        photo = paths[0]
        stem = os.path.splitext(photo)[0]
        yield [self._below(path) for path in paths]
        number = 2
        while True:
            # `a.jpg` and `a.jpg.xmp` get the number before the first dot after the stem.
            cut = len(stem)
            yield [self._below(f"{path[:cut]} ({number}){path[cut:]}") for path in paths]
            number += 1

    def _below(self, path: str) -> str:
        if self._base:
            relative = os.path.relpath(path, self._base)
        else:
            drive, rest = os.path.splitdrive(path)
            relative = os.path.join(drive.strip(":/\\"), rest.lstrip("/\\"))
        return os.path.join(self.folder, relative)

    def _is_free(self, path: str) -> bool:
        return path not in self._given and not os.path.lexists(path)
