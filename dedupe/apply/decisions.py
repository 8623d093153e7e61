"""The decisions of a person on the groups of a report, as an append-only file of JSON Lines.

The file names the report by the digest of its bytes. It knows no web page and changes no photo.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from dedupe.errors import ReportError
from dedupe.files.outputs import check_output
from dedupe.files.parts import digest_output
from dedupe.files.replace import sync_folder
from dedupe.types import Duplicate, Group, Photo, Report

State = Literal["open", "accepted", "different", "later"]
"""`open`: undecided; `accepted`: act on it; `different`: not duplicates; `later`: ask again."""

STATES: tuple[State, ...] = get_args(State)
_HEAD = "dedupe decisions"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class GroupDecision:
    """The decision on one group. File 0 is the report's keeper, 1 and on its duplicates."""

    state: State
    keeper: int  # the file that stays for sure
    removed: frozenset[int]  # the files to remove; never the keeper

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"state {self.state!r} is not one of {', '.join(STATES)}")
        if self.keeper < 0 or any(file < 0 for file in self.removed):
            raise ValueError("a file number is negative")
        if self.keeper in self.removed:
            raise ValueError("the keeper cannot be removed")


Changes = Mapping[int, GroupDecision]
"""Group number, from 1 in the report's order, to its new decision."""


def default_decision(group: Group) -> GroupDecision:
    """Return the decision that the report itself proposes: keep the keeper, remove the rest."""
    return GroupDecision("open", 0, frozenset(range(1, len(group.duplicates) + 1)))


class DecisionLog:
    """The decisions on one report, each on disk before the method that makes it returns.

    Every change can be undone and redone without limit, also after the file was closed and opened.
    """

    def __init__(self, path: Path, report: Report, *, report_digest: str) -> None:
        """Open the decisions on a report, or start the file with the first change.

        Args:
            report_digest: digest of the bytes of the report, see `dedupe.files.digest`.

        Raises:
            ReportError: the file belongs to another report, is damaged, or cannot be written.
            UsageError: the file holds something else.
        """
        check_output(str(path), "decisions")
        self.path = path
        self._groups = report.groups
        self._digest = report_digest
        self._done: list[Changes] = []
        self._undone: list[Changes] = []
        self._torn = 0  # bytes of an incomplete last line, removed before the next write
        if path.exists():
            self._read()
        self._current = _replay(self._done)

    def __getitem__(self, number: int) -> GroupDecision:
        """Return the decision on a group, by its number from 1."""
        known = self._current.get(number)
        return known if known is not None else default_decision(self._groups[number - 1])

    @property
    def decided(self) -> Mapping[int, GroupDecision]:
        """Decisions that differ from the report's proposal, by group number."""
        return self._current

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    def decide(self, changes: Changes) -> None:
        """Record new decisions on one group or many, as one step of undo.

        Raises:
            ValueError: a group or a file does not exist, or the keeper would be removed.
            ReportError: the file cannot be written.
        """
        for number, decision in changes.items():
            self._check(number, decision)
        self._append({"decide": {str(n): _to_json(d) for n, d in changes.items()}})
        self._done.append(dict(changes))
        self._undone.clear()
        self._current |= changes

    def undo(self) -> Changes:
        """Take the last change back; return the decisions that hold again, by group number."""
        if not self._done:
            return {}
        self._append({"undo": True})
        changes = self._done.pop()
        self._undone.append(changes)
        self._current = _replay(self._done)
        return {number: self[number] for number in changes}

    def redo(self) -> Changes:
        """Make the change again that was undone last; return its decisions by group number."""
        if not self._undone:
            return {}
        self._append({"redo": True})
        changes = self._undone.pop()
        self._done.append(changes)
        self._current |= changes
        return changes

    def _check(self, number: int, decision: GroupDecision) -> None:
        if not 1 <= number <= len(self._groups):
            raise ValueError(f"group {number} is not in the report")
        files = len(self._groups[number - 1].duplicates) + 1
        if decision.keeper >= files or any(file >= files for file in decision.removed):
            raise ValueError(f"group {number} has only {files} files")

    def _append(self, event: Mapping[str, Any]) -> None:
        new = not self.path.exists() or self.path.stat().st_size == self._torn
        head = {"what": _HEAD, "version": _VERSION, "report": self._digest}
        lines = [head, event] if new else [event]
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            descriptor = os.open(self.path, flags, 0o600)
            try:
                if self._torn:
                    os.ftruncate(descriptor, os.fstat(descriptor).st_size - self._torn)
                    self._torn = 0
                os.write(descriptor, b"".join(json.dumps(li).encode() + b"\n" for li in lines))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if new:
                sync_folder(str(self.path.absolute().parent))
        except OSError as error:
            raise ReportError(f"cannot write {self.path}: {error.strerror}") from error

    def _read(self) -> None:
        try:
            lines = self.path.read_bytes().splitlines(keepends=True)
        except OSError as error:
            raise ReportError(f"cannot read {self.path}: {error.strerror}") from error
        if lines and not lines[-1].endswith(b"\n"):
            self._torn = len(lines.pop())  # a kill cut the last write short
        try:
            events = [json.loads(line) for line in lines]
            if events or not self._torn:
                self._check_head(events[0] if events else {})
            for event in events[1:]:
                self._take(event)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            line = 2 + len(self._done) + len(self._undone)
            raise ReportError(f"cannot trust {self.path}: near line {line}: {error}") from error

    def _check_head(self, head: Any) -> None:
        if not isinstance(head, dict) or head.get("what") != _HEAD:
            raise ValueError("it is not a file of decisions")
        if head.get("version") != _VERSION:
            raise ValueError(f"version {head.get('version')!r} is not {_VERSION}")
        if head.get("report") != self._digest:
            raise ValueError("it belongs to another report, or the report changed since")

    def _take(self, event: Any) -> None:
        if event.get("undo"):
            self._undone.append(self._done.pop())
        elif event.get("redo"):
            self._done.append(self._undone.pop())
        else:
            changes = {int(n): _from_json(d) for n, d in event["decide"].items()}
            for number, decision in changes.items():
                self._check(number, decision)
            self._done.append(changes)
            self._undone.clear()


def read_decisions(path: Path, report_path: Path, report: Report) -> DecisionLog:
    """Read the decisions on a report from a file that must exist.

    Raises:
        ReportError: the file is missing, damaged, or belongs to another report.
    """
    if not path.exists():
        raise ReportError(f"cannot read {path}: no such file; `dedupe review` writes it")
    return DecisionLog(path, report, report_digest=digest_output(str(report_path)))


def apply_decisions(report: Report, decided: Mapping[int, GroupDecision]) -> Report:
    """Return the report of the accepted groups, with their decided keepers and duplicates.

    A group that is not accepted, or loses no file, is left out, and so is a file that
    is neither the keeper nor removed. If another file than the report's became the keeper, the
    other duplicates retain their distances to the old keeper: a person compared the files.
    """
    accepted = (
        _decide_group(group, decision)
        for number, group in enumerate(report.groups, start=1)
        if (decision := decided.get(number)) and decision.state == "accepted" and decision.removed
    )
    groups = sorted(accepted, key=lambda group: os.fsencode(group.keeper.path))
    return replace(report, groups=tuple(groups))


def _decide_group(group: Group, decision: GroupDecision) -> Group:
    files = group.photos
    keeper = files[decision.keeper]
    old = {0: Duplicate(group.keeper, 0.0, "edited")}
    old |= dict(enumerate(group.duplicates, start=1))
    if decision.keeper:
        old[0] = replace(old[0], distance=group.duplicates[decision.keeper - 1].distance)
    duplicates = [_relate(old[number], keeper) for number in sorted(decision.removed)]
    duplicates.sort(key=lambda duplicate: os.fsencode(duplicate.photo.path))
    reason = group.reason if not decision.keeper else "chosen by a person"
    return replace(group, keeper=keeper, duplicates=tuple(duplicates), reason=reason)


def _relate(duplicate: Duplicate, keeper: Photo) -> Duplicate:
    """Return the duplicate with its kind towards another keeper."""
    if duplicate.photo.digest == keeper.digest:
        return replace(duplicate, kind="exact", distance=0.0)
    return duplicate if duplicate.kind != "exact" else replace(duplicate, kind="edited")


def _replay(done: Sequence[Changes]) -> dict[int, GroupDecision]:
    current: dict[int, GroupDecision] = {}
    for changes in done:
        current |= changes
    return current


def _to_json(decision: GroupDecision) -> list[Any]:
    return [decision.state, decision.keeper, sorted(decision.removed)]


def _from_json(value: Iterable[Any]) -> GroupDecision:
    state, keeper, removed = value
    numbers = [keeper, *removed]
    if any(type(number) is not int for number in numbers):
        raise ValueError("a file number is not a whole number")
    return GroupDecision(cast(State, state), keeper, frozenset(removed))
