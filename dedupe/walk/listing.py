"""Collect what the searches of all roots find: files, each inode once, and skipped paths."""

from __future__ import annotations

from dataclasses import dataclass, field

from dedupe.types import ImageFile, Skipped

Found = tuple[bool, bytes, ImageFile]
"""Whether it lies behind a symlink, its path in bytes, the file. The first of an inode is kept."""


@dataclass(slots=True, eq=False)
class Listing:
    """The files and the skipped paths of a walk."""

    files: dict[tuple[int, int] | str, Found] = field(default_factory=dict)  # by identity
    skipped: set[Skipped] = field(default_factory=set)

    def add(self, identity: tuple[int, int] | str, file: Found) -> None:
        """Add a file, unless another path to it comes first."""
        other = self.files.setdefault(identity, file)
        if other is not file and file[:2] < other[:2]:
            self.files[identity] = file

    def skip(self, path: str, reason: str, error: OSError | None = None) -> None:
        """Add a path that cannot be used, with the words of the system if it raised an error."""
        detail = "" if error is None else error.strerror or str(error)
        self.skipped.add(Skipped(path, reason, detail))
