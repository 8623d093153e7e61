"""Plan what becomes of the files of a report, as data, before anything is done.

Planning reads file status (`lstat`) and sidecars only. `dedupe.apply.execute` checks every file
again, with digests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import get_args

from dedupe.apply.destinations import Destinations
from dedupe.apply.sidecars import Sidecars, describe_recording
from dedupe.errors import ApplyError, ReportError
from dedupe.files.digest import digest_file
from dedupe.files.paths import is_below, lies_in
from dedupe.files.remote import is_object
from dedupe.files.state import FileState, describe_change, read_state
from dedupe.types import ActionKind as ActionKind
from dedupe.types import Duplicate, Group, Photo, Report
from dedupe.types import SidecarRule as SidecarRule

KINDS: tuple[ActionKind, ...] = get_args(ActionKind)
SIDECAR_RULES: tuple[SidecarRule, ...] = get_args(SidecarRule)
LINKS: frozenset[ActionKind] = frozenset({"hardlink", "symlink", "reflink"})


@dataclass(frozen=True, slots=True)
class Action:
    """The action on one file."""

    number: int  # position in the plan
    file: FileState
    target: str  # absolute path to move to; empty if nothing moves
    kind: ActionKind = "move"
    keeper: str = ""  # path of the keeper, if it has the same bytes
    leader: int | None = None  # of a sidecar: number of its photo's action

    @property
    def source(self) -> str:
        """The path of the file when the action was planned."""
        return self.file.path


@dataclass(frozen=True, slots=True)
class ActionGroup:
    """A group of the plan: the keeper, and the actions on the other members."""

    keeper: FileState
    actions: tuple[Action, ...]  # at least one; a sidecar's after its photo's
    others: tuple[FileState, ...] = ()  # members that stay as well


@dataclass(frozen=True, slots=True)
class LeftGroup:
    """A group that is left alone as a whole, and why."""

    keeper: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions, group by group, and what is left alone."""

    move_to: str  # absolute; empty if nothing moves
    groups: tuple[ActionGroup, ...]
    stale: tuple[LeftGroup, ...]  # a member changed since the report
    refused: tuple[LeftGroup, ...]  # nothing changed, but acting would be wrong
    kind: ActionKind = "move"
    staying: tuple[tuple[str, str], ...] = ()  # duplicates that stay: path, and why

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every action, in order."""
        return tuple(action for group in self.groups for action in group.actions)


def plan_actions(
    report: Report,
    *,
    kind: ActionKind = "move",
    move_to: str = "",
    roots: Sequence[str] | None = None,
    sidecars: SidecarRule = "with",
    are_apart: Callable[[str, str], bool] = lambda _keeper, _duplicate: False,
    within: str = "",
) -> Plan:
    """Plan what becomes of every duplicate of a report. Changes nothing.

    A duplicate below the folder to move to stays there. A keeper below that folder may go later,
    so that its group is refused. Only a duplicate with the bytes of its keeper becomes a link.
    Small sidecars are moved or trashed with their photo; a photo that has sidecars is not deleted.

    Args:
        move_to: the folder for `move`, which need not exist and may be inside a root.
        roots: the scanned folders; they decide the tree below `move_to`.
        sidecars: `with`: a photo with a raw file or a movie stays, other sidecars go with their
            photo; `all`: raw files and movies go as well; `stay`: a photo with any sidecar stays;
            `ignore`: sidecars are left where they are.
        are_apart: returns for the digests of a keeper and a duplicate whether they are an ignored
            pair, whatever the report says; a group with such a pair is refused.
        within: a folder, symbolic links resolved, that must contain every file of the report;
            empty for no bound.

    Raises:
        ApplyError: `move_to` is not a folder, or the report names a URL.
        ReportError: the report names a file outside of the roots, or outside of `within`.
    """
    folder = os.path.abspath(move_to) if kind == "move" else ""
    if folder and os.path.lexists(folder) and not os.path.isdir(folder):
        raise ApplyError(f"cannot move files to {folder}: it is not a folder")
    photos = [photo for group in report.groups for photo in group.photos]
    _require_local(photos)
    _require_within(photos, within)
    destinations = Destinations(folder, _common_folder(photos, roots))
    keepers = _on_disk(group.keeper.path for group in report.groups)
    sound: list[Group] = []
    stale: list[LeftGroup] = []
    refused: list[LeftGroup] = []
    for group in report.groups:
        if any(are_apart(group.keeper.digest, d.photo.digest) for d in group.duplicates):
            reason = "files of it were ignored since the report; scan again for the others"
            refused.append(LeftGroup(group.keeper.path, reason))
        elif change := _first_change(group.photos):
            stale.append(LeftGroup(group.keeper.path, change))
        elif reason := _why_refused(group, folder, keepers):
            refused.append(LeftGroup(group.keeper.path, reason))
        else:
            sound.append(group)
    going = [d.photo.path for group in sound for d in group.duplicates]
    found = Sidecars(going, (photo.path for photo in photos))
    planner = _Planner(kind, destinations, found, sidecars)
    groups = tuple(planned for group in sound if (planned := planner.plan(group)).actions)
    return Plan(folder, groups, tuple(stale), tuple(refused), kind, tuple(planner.staying))


@dataclass(slots=True)
class _Planner:
    """Decides for each duplicate of a group, and numbers the actions."""

    kind: ActionKind
    destinations: Destinations
    sidecars: Sidecars
    rule: SidecarRule
    staying: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def plan(self, group: Group) -> ActionGroup:
        """Return the actions on the duplicates of a group."""
        actions: list[Action] = []
        others: list[FileState] = []
        for duplicate in group.duplicates:
            file = _with_inode(_state(duplicate.photo))
            if reason := self._why_it_stays(duplicate):
                self.staying.append((file.path, reason))
                others.append(file)
            elif self.destinations.folder and lies_in(file.path, self.destinations.folder):
                others.append(file)
            else:
                keeper = group.keeper.path if duplicate.kind == "exact" else ""
                actions += self._act_on(file, keeper)
        return ActionGroup(_with_inode(_state(group.keeper)), tuple(actions), tuple(others))

    def _why_it_stays(self, duplicate: Duplicate) -> str:
        if self.kind in LINKS:
            other_bytes = duplicate.kind != "exact"
            return "it has other bytes than its keeper: a link would lose them" * other_bytes
        if self.rule == "ignore":
            return ""
        for sidecar in self.sidecars.of(duplicate.photo.path):
            name, recording = os.path.basename(sidecar), describe_recording(sidecar)
            if self.rule == "stay" or self.kind == "delete":
                return f"it has the sidecar {name}"
            if recording and self.rule == "with":
                return f"its {recording} {name} stays with it; `--sidecars all` takes both"
        return ""

    def _act_on(self, file: FileState, keeper: str) -> list[Action]:
        """Return the action on a photo, and those on the sidecars that go with it."""
        files = [file]
        if self.rule in ("with", "all") and self.kind in ("move", "trash"):
            for path in self.sidecars.taken_by(file.path):
                with suppress(OSError):  # it vanished: nothing to take along
                    files.append(replace(read_state(path), digest=digest_file(path)))
        given = self.destinations.give([f.path for f in files]) if self.kind == "move" else []
        leader = self.count
        self.count += len(files)
        return [
            Action(
                number=leader + place,
                file=member,
                target=given[place] if given else "",
                kind=self.kind,
                keeper="" if place else keeper,
                leader=leader if place else None,
            )
            for place, member in enumerate(files)
        ]


def _require_within(photos: Sequence[Photo], folder: str) -> None:
    """Raise ReportError if a file, symbolic links resolved, is outside of a folder."""
    bound = os.path.realpath(folder)
    for photo in photos if folder else ():
        if not is_below(os.path.realpath(photo.path), bound):
            raise ReportError(
                f"the report names {photo.path!r}, which is outside of {folder}: "
                "nothing was touched"
            )


def _require_local(photos: Sequence[Photo]) -> None:
    for photo in photos:
        if is_object(photo.path):
            raise ApplyError(
                f"cannot change {photo.path}: only files in local folders are moved or removed; "
                "nothing was touched"
            )


def _common_folder(photos: Sequence[Photo], roots: Sequence[str] | None) -> str:
    """Return the folder that destinations are relative to; empty for files on several drives."""
    if roots is None:
        folders = [os.path.dirname(photo.path) for photo in photos]
    else:
        folders = [os.path.abspath(root) for root in roots]
        for photo in photos:
            if not any(photo.path == root or is_below(photo.path, root) for root in folders):
                raise ReportError(
                    f"the report names {photo.path!r}, which is outside of "
                    f"{', '.join(folders)}: nothing was touched"
                )
        folders = [root if os.path.isdir(root) else os.path.dirname(root) for root in folders]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # no folder at all, or several drives
        return ""


def _first_change(photos: Sequence[Photo]) -> str:
    for photo in photos:
        if reason := describe_change(_state(photo), content=False):
            return f"{photo.path} {reason}"
    return ""


def _on_disk(paths: Iterable[str]) -> set[tuple[int, int]]:
    """Return the device and inode of each path that exists."""
    files: set[tuple[int, int]] = set()
    for path in paths:
        with suppress(OSError):
            status = os.lstat(path)
            files.add((status.st_dev, status.st_ino))
    return files


def _why_refused(group: Group, folder: str, keepers: Set[tuple[int, int]]) -> str:
    keeper = group.keeper.path
    if folder and lies_in(keeper, folder):
        return f"its keeper is in {folder}"
    sources = [d.photo.path for d in group.duplicates]
    for path in sources:
        if _on_disk([path]) & keepers:
            return f"{path} is the same file on disk as a keeper"
    if folder and all(lies_in(path, folder) for path in sources):
        return f"its duplicates are in {folder} already"
    return ""


def _state(photo: Photo) -> FileState:
    """Return the file as the report has it; a report read from disk knows no inode (0)."""
    file = photo.file
    return FileState(file.path, file.size, file.mtime_ns, file.inode, photo.digest)


def _with_inode(state: FileState) -> FileState:
    """Add the inode of today; a file that just vanished gets a size that never fits."""
    try:
        seen = read_state(state.path)
    except OSError:
        return replace(state, size=-1)
    return replace(state, inode=seen.inode)
