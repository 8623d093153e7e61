"""The filter of the list of groups: what a person wants to see of a report.

Knows no decisions but their state, and no HTTP.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from dedupe.types import Group, Photo


@dataclass(frozen=True, slots=True)
class Filter:
    """The groups that a person wants to see; an empty field selects all."""

    kind: str = ""  # kind of a duplicate
    how: str = ""  # text in `how` of a duplicate
    folder: str = ""  # text in the folder of a file of the group
    format: str = ""  # format of a duplicate
    state: str = ""  # state of the decision
    min_bytes: int = 0  # bytes that the group would free

    def fits(self, group: Group, state: str) -> bool:
        """Return whether the group passes every field of the filter."""
        found = group.duplicates
        return (
            (not self.state or state == self.state)
            and (not self.kind or any(d.kind == self.kind for d in found))
            and (not self.how or any(self.how in d.how for d in found))
            and (not self.format or any(d.photo.format == self.format for d in found))
            and (not self.min_bytes or bytes_freed(group) >= self.min_bytes)
            and (not self.folder or any(self.folder in folder_of(p) for p in group.photos))
        )


def folder_of(photo: Photo) -> str:
    """Return the folder of a file."""
    return os.path.dirname(photo.path)


def bytes_freed(group: Group) -> int:
    """Return the bytes of all duplicates of a group."""
    return sum(duplicate.photo.file.size for duplicate in group.duplicates)
