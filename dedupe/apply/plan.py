"""What a report asks for, as data, before anything is done: which files go where, and why not.

Planning looks at files (`lstat`) and reads sidecars only; what acts checks again, with digests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import get_args

from dedupe.apply.destinations import Targets
from dedupe.apply.sidecars import Companions
from dedupe.errors import ApplyError, ReportError
from dedupe.files.digest import digest_file
from dedupe.files.paths import is_below, lies_in
from dedupe.files.state import FileState, describe_change, read_state
from dedupe.types import ActionKind as ActionKind
from dedupe.types import Duplicate, Group, Photo, Report
from dedupe.types import SidecarRule as SidecarRule

KINDS: tuple[ActionKind, ...] = get_args(ActionKind)
SIDECAR_RULES: tuple[SidecarRule, ...] = get_args(SidecarRule)
LINKS: frozenset[ActionKind] = frozenset({"hardlink", "symlink", "reflink"})


@dataclass(frozen=True, slots=True)
class Action:
    """What becomes of one file."""

    number: int  # position in the plan
    file: FileState
    target: str  # absolute path to move to; empty where nothing moves
    kind: ActionKind = "move"
    keeper: str = ""  # path of the keeper, if it has the same bytes
    leader: int | None = None  # of a sidecar: number of its photo's action

    @property
    def source(self) -> str:
        """Where the file stood when the action was planned."""
        return self.file.path


@dataclass(frozen=True, slots=True)
class ActionGroup:
    """A group of the plan: what stays, and what does not."""

    keeper: FileState
    actions: tuple[Action, ...]  # at least one; a sidecar's after its photo's
    others: tuple[FileState, ...] = ()  # members that neither keep nor go


@dataclass(frozen=True, slots=True)
class LeftGroup:
    """A group that is left alone, whole, and why."""

    keeper: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions, group by group, and what is left alone."""

    move_to: str  # absolute; empty where nothing moves
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
) -> Plan:
    """Plan what becomes of every duplicate of a report. Changes nothing.

    A duplicate that lies below the folder to move to already stays; a keeper that lies there is no
    keeper to rely on, and its group is refused. Only a duplicate of the same bytes becomes a link.
    Sidecars are moved or trashed with their photo; a photo that has some is not deleted.

    Args:
        move_to: the folder for `move`, which need not exist and may lie inside a root.
        roots: the scanned folders; they decide the tree below `move_to`.
        are_apart: tells by their digests whether a keeper and a duplicate are ignored by now,
            whatever the report says; a group with such a pair is refused.

    Raises:
        ApplyError: `move_to` is something else than a folder.
        ReportError: the report names a file outside the roots.
    """
    folder = os.path.abspath(move_to) if kind == "move" else ""
    if folder and os.path.lexists(folder) and not os.path.isdir(folder):
        raise ApplyError(f"cannot move files to {folder}: it is not a folder")
    targets = Targets(folder, _common_folder(report, roots))
    keepers = _on_disk(group.keeper.path for group in report.groups)
    fine: list[Group] = []
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
            fine.append(group)
    photos = [p for g in report.groups for p in (g.keeper, *(d.photo for d in g.duplicates))]
    going = [d.photo.path for group in fine for d in group.duplicates]
    companions = Companions(going, (photo.path for photo in photos))
    planner = _Planner(kind, targets, companions, sidecars)
    groups = tuple(planned for group in fine if (planned := planner.plan(group)).actions)
    return Plan(folder, groups, tuple(stale), tuple(refused), kind, tuple(planner.staying))


@dataclass(slots=True)
class _Planner:
    """Decides for each duplicate of a group, and numbers the actions."""

    kind: ActionKind
    targets: Targets
    companions: Companions
    sidecars: SidecarRule
    staying: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def plan(self, group: Group) -> ActionGroup:
        actions: list[Action] = []
        others: list[FileState] = []
        for duplicate in group.duplicates:
            file = _with_inode(_state(duplicate.photo))
            if reason := self._why_it_stays(duplicate):
                self.staying.append((file.path, reason))
                others.append(file)
            elif self.targets.folder and lies_in(file.path, self.targets.folder):
                others.append(file)
            else:
                keeper = group.keeper.path if duplicate.kind == "exact" else ""
                actions += self._act_on(file, keeper)
        return ActionGroup(_with_inode(_state(group.keeper)), tuple(actions), tuple(others))

    def _why_it_stays(self, duplicate: Duplicate) -> str:
        if self.kind in LINKS and duplicate.kind != "exact":
            return "it has other bytes than its keeper: a link would lose them"
        if self.sidecars == "stay" or (self.sidecars == "with" and self.kind == "delete"):
            for sidecar in self.companions.of(duplicate.photo.path):
                return f"it has the sidecar {os.path.basename(sidecar)}"
        return ""

    def _act_on(self, file: FileState, keeper: str) -> list[Action]:
        """The action on a photo, and those on its sidecars."""
        files = [file]
        if self.sidecars == "with" and self.kind in ("move", "trash"):
            for path in self.companions.taken_by(file.path):
                with suppress(OSError):  # it vanished: nothing to take along
                    files.append(replace(read_state(path), digest=digest_file(path)))
        given = self.targets.give([f.path for f in files]) if self.kind == "move" else []
        leader = self.count
        self.count += len(files)
        return [
            Action(
                number=leader + place,
                file=one,
                target=given[place] if given else "",
                kind=self.kind,
                keeper="" if place else keeper,
                leader=leader if place else None,
            )
            for place, one in enumerate(files)
        ]


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
        if reason := describe_change(_state(photo), content=False):
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
    if folder and lies_in(keeper, folder):
        return f"its keeper lies in {folder}"
    sources = [d.photo.path for d in group.duplicates]
    for path in sources:
        if _on_disk([path]) & keepers:
            return f"{path} is the same file on disk as a keeper"
    if folder and all(lies_in(path, folder) for path in sources):
        return f"its duplicates are in {folder} already"
    return ""


def _state(photo: Photo) -> FileState:
    """The file as the report has it; its inode is unknown (0) if the report was read from disk."""
    file = photo.file
    return FileState(file.path, file.size, file.mtime_ns, file.inode, photo.digest)


def _with_inode(state: FileState) -> FileState:
    """Add what only the disk knows; a file that vanishes right now gets a state that never fits."""
    try:
        seen = read_state(state.path)
    except OSError:
        return replace(state, size=-1)
    return replace(state, inode=seen.inode)
