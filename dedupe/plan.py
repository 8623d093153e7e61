"""What an action would do, as data, before anything is done: which files move where, and why not.

Targets keep the tree: a file goes below the folder moved to under its path relative to the common
folder of the scanned roots, so that a nightly run gives a photo the same place every night. Without
the roots it is the common folder of all files of the report, keepers included. Files on several
drives keep their whole path, with the drive's letter as a folder. A taken name gets a number:
`name (2).jpg`.

Planning looks at files (`lstat`) and reads none; what acts checks again, with digests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace

from dedupe.errors import ApplyError, ReportError
from dedupe.move import FileState, look, what_changed
from dedupe.types import Group, Photo, Report


@dataclass(frozen=True, slots=True)
class Move:
    """One file that leaves its place."""

    number: int  # position in the plan
    file: FileState
    target: str  # absolute

    @property
    def source(self) -> str:
        """Where the file stood when the move was planned."""
        return self.file.path

    def part(self, run: str, *, back: bool) -> str:
        """The temporary path beside the destination, which no other run uses."""
        folder = os.path.dirname(self.source if back else self.target)
        return os.path.join(folder, f".dedupe-{run}-{self.number}.part")


@dataclass(frozen=True, slots=True)
class MoveGroup:
    """A group of the plan: what stays, and what moves."""

    keeper: FileState
    moves: tuple[Move, ...]  # at least one
    others: tuple[FileState, ...] = ()  # members that neither keep nor move


@dataclass(frozen=True, slots=True)
class LeftGroup:
    """A group that is left alone, whole, and why."""

    keeper: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Moves, group by group, and the groups that are left alone."""

    move_to: str  # absolute
    groups: tuple[MoveGroup, ...]
    stale: tuple[LeftGroup, ...]  # a member changed since the report
    refused: tuple[LeftGroup, ...]  # nothing changed, but moving would be wrong

    @property
    def moves(self) -> tuple[Move, ...]:
        """Every move, in order."""
        return tuple(move for group in self.groups for move in group.moves)


def plan_moves(
    report: Report,
    *,
    move_to: str,
    roots: Sequence[str] | None = None,
    are_apart: Callable[[str, str], bool] = lambda _keeper, _duplicate: False,
) -> Plan:
    """Plan to move every duplicate of a report below a folder. Changes nothing.

    A duplicate that lies below the folder already stays; a keeper that lies there is no keeper to
    rely on, and its group is refused.

    Args:
        move_to: the folder, which need not exist and may lie inside a root.
        roots: the scanned folders; they decide the tree below `move_to`.
        are_apart: tells by their digests whether a keeper and a duplicate are ignored by now,
            whatever the report says; a group with such a pair is refused.

    Raises:
        ApplyError: `move_to` is something else than a folder.
        ReportError: the report names a file outside the roots.
    """
    folder = os.path.abspath(move_to)
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise ApplyError(f"cannot move files to {folder}: it is not a folder")
    tree = _Tree(folder, _common_folder(report, roots))
    keepers = _on_disk(group.keeper.path for group in report.groups)
    groups: list[MoveGroup] = []
    stale: list[LeftGroup] = []
    refused: list[LeftGroup] = []
    for group in report.groups:
        photos = [group.keeper, *(d.photo for d in group.duplicates)]
        if any(are_apart(group.keeper.digest, d.photo.digest) for d in group.duplicates):
            reason = "files of it were ignored since the report; scan again for the others"
            refused.append(LeftGroup(group.keeper.path, reason))
        elif changed := _first_change(photos):
            stale.append(LeftGroup(group.keeper.path, changed))
        elif reason := _why_refused(group, folder, keepers):
            refused.append(LeftGroup(group.keeper.path, reason))
        else:
            groups.append(_plan_group(photos, tree))
    return Plan(folder, tuple(groups), tuple(stale), tuple(refused))


def is_below(path: str, folder: str) -> bool:
    """Whether an absolute path lies in a folder, at any depth, going by the names alone."""
    return os.path.normcase(path).startswith(os.path.join(os.path.normcase(folder), ""))


class _Tree:
    """Gives targets below a folder, each once, and numbers the moves."""

    def __init__(self, folder: str, base: str) -> None:
        self.folder = folder
        self.base = base  # empty where the files share none
        self.given: set[str] = set()

    def move(self, file: FileState) -> Move:
        number = len(self.given)
        target = next(path for path in self._names(file.path) if self._is_free(path))
        self.given.add(target)
        return Move(number, file, target)

    def _names(self, path: str) -> Iterator[str]:
        if self.base:
            relative = os.path.relpath(path, self.base)
        else:
            drive, rest = os.path.splitdrive(path)
            relative = os.path.join(drive.strip(":/\\"), rest.lstrip("/\\"))
        stem, suffix = os.path.splitext(os.path.join(self.folder, relative))
        yield stem + suffix
        number = 2
        while True:
            yield f"{stem} ({number}){suffix}"
            number += 1

    def _is_free(self, path: str) -> bool:
        return path not in self.given and not os.path.lexists(path)


def _common_folder(report: Report, roots: Sequence[str] | None) -> str:
    """The folder that targets are relative to; empty where there is none (several drives)."""
    photos = [p for g in report.groups for p in (g.keeper, *(d.photo for d in g.duplicates))]
    if roots is None:
        folders = [os.path.dirname(photo.path) for photo in photos]
    else:
        folders = [os.path.abspath(root) for root in roots]
        for photo in photos:
            if not any(photo.path == root or is_below(photo.path, root) for root in folders):
                raise ReportError(
                    f"the report names {photo.path!r}, which lies outside of "
                    f"{', '.join(folders)}: nothing was touched"
                )
        folders = [root if os.path.isdir(root) else os.path.dirname(root) for root in folders]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # no folder at all, or several drives
        return ""


def _first_change(photos: Sequence[Photo]) -> str:
    for photo in photos:
        if reason := what_changed(_state(photo), content=False):
            return f"{photo.path} {reason}"
    return ""


def _on_disk(paths: Iterable[str]) -> set[tuple[int, int]]:
    """The device and inode of each path that exists."""
    found: set[tuple[int, int]] = set()
    for path in paths:
        with suppress(OSError):
            status = os.lstat(path)
            found.add((status.st_dev, status.st_ino))
    return found


def _why_refused(group: Group, folder: str, keepers: Set[tuple[int, int]]) -> str:
    keeper = group.keeper.path
    if is_below(keeper, folder):
        return f"its keeper lies in {folder}"
    sources = [d.photo.path for d in group.duplicates]
    for path in sources:
        if _on_disk([path]) & keepers:
            return f"{path} is the same file on disk as a keeper"
    if all(is_below(path, folder) for path in sources):
        return f"its duplicates are in {folder} already"
    return ""


def _plan_group(photos: Sequence[Photo], tree: _Tree) -> MoveGroup:
    keeper, *rest = [_with_inode(_state(photo)) for photo in photos]
    return MoveGroup(
        keeper=keeper,
        moves=tuple(tree.move(file) for file in rest if not is_below(file.path, tree.folder)),
        others=tuple(file for file in rest if is_below(file.path, tree.folder)),
    )


def _state(photo: Photo) -> FileState:
    """The file as the report has it; its inode is unknown (0) if the report was read from disk."""
    file = photo.file
    return FileState(file.path, file.size, file.mtime_ns, 0, file.inode, photo.digest)


def _with_inode(state: FileState) -> FileState:
    """Add what only the disk knows; a file that vanishes right now gets a state that never fits."""
    try:
        seen = look(state.path)
    except OSError:
        return replace(state, size=-1)
    return replace(state, inode=seen.inode, mode=seen.mode)
