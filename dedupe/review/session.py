"""One review of one report: its groups as page data, the decisions on them, and the filters.

Knows no HTTP. Pictures are addressed by group and file number, never by path.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dedupe.apply.decisions import DecisionLog, GroupDecision, apply_decisions
from dedupe.errors import ReportError, UsageError
from dedupe.files.parts import digest_output, is_folder_of_parts, list_parts
from dedupe.files.paths import USER_FILE, path_text
from dedupe.ignored.decision import KnownFile
from dedupe.ignored.store import Place, forget, remember
from dedupe.report import read_report
from dedupe.review.facts import read_facts
from dedupe.review.filters import Filter, bytes_freed, folder_of
from dedupe.types import Group, Photo, Report

_PAGE = 200  # groups in one page of the list, at most


class Session:
    """The state of a review. Safe to use from many threads."""

    def __init__(
        self,
        report_path: Path,
        *,
        decisions: Path | None = None,
        ignored: Place = USER_FILE,
        read_only: bool = False,
    ) -> None:
        """Read a report and the decisions that were made on it before.

        Args:
            report_path: a report in any format that `read_report` reads, or a folder of its parts.
            decisions: file of the decisions; None for the report's name + `.decisions.jsonl`.
            ignored: file of the ignored pairs.
            read_only: reject every change.

        Raises:
            ReportError: the report or the decisions cannot be read or trusted.
        """
        self.report_path = report_path
        self.read_only = read_only
        try:
            self._identity = _identity(report_path)
            self._digest = digest_output(str(report_path))
        except OSError as error:
            raise ReportError(f"cannot read the report {report_path}: {error.strerror}") from error
        except ValueError as error:
            raise ReportError(f"cannot trust the report {report_path}: {error}") from error
        self.report: Report = read_report(report_path)  # if replaced meanwhile, it has changed
        self.ignored = ignored
        self._lock = threading.RLock()
        place = decisions or report_path.with_name(report_path.name + ".decisions.jsonl")
        self.log = DecisionLog(place, self.report, report_digest=self._digest)

    def summary(self) -> dict[str, Any]:
        """Return the counts at the head of the page."""
        report = self.report
        with self._lock:
            states = Counter(decision.state for decision in self.log.decided.values())
            history = {"can_undo": self.log.can_undo, "can_redo": self.log.can_redo}
        states["open"] += len(report.groups) - sum(states.values())
        kinds = Counter(duplicate.kind for duplicate in report.duplicates)
        formats = Counter(duplicate.photo.format for duplicate in report.duplicates)
        return {
            "report": str(self.report_path),
            "groups": len(report.groups),
            "duplicates": len(report.duplicates),
            "bytes": report.bytes_freed,
            "kinds": dict(sorted(kinds.items())),
            "formats": dict(sorted(formats.items())),
            "states": dict(sorted(states.items())),
            "skipped": len(report.skipped),
            "read_only": self.read_only,
            "changed": self.report_changed(),
            **history,
        }

    def report_changed(self) -> bool:
        """Return whether the report on disk is no longer the one that was opened."""
        try:
            if _identity(self.report_path) == self._identity:
                return False
            return digest_output(str(self.report_path)) != self._digest
        except (OSError, ValueError):
            return True

    def select(self, wanted: Filter) -> list[int]:
        """Return the numbers of the groups that pass a filter, ascending from 1."""
        with self._lock:
            decided = dict(self.log.decided)
        return [
            number
            for number, group in enumerate(self.report.groups, start=1)
            if wanted.fits(group, decided[number].state if number in decided else "open")
        ]

    def page(self, wanted: Filter, offset: int, limit: int) -> dict[str, Any]:
        """Return part of the list of groups that pass a filter."""
        numbers = self.select(wanted)
        start = max(0, offset)
        shown = numbers[start : start + min(max(1, limit), _PAGE)]
        return {"total": len(numbers), "offset": start, "groups": [self._line(n) for n in shown]}

    def group(self, number: int) -> dict[str, Any]:
        """Return everything that the page shows of one group.

        Raises:
            UsageError: the group does not exist.
        """
        group = self._group(number)
        files = group.photos
        related: list[dict[str, Any]] = [{"distance": 0.0, "kind": "", "how": ""}]
        related += [
            {"distance": d.distance, "kind": d.kind, "how": d.how} for d in group.duplicates
        ]
        return {
            "number": number,
            "reason": group.reason,
            "files": [
                {"file": place, **_describe(photo), **related[place], "facts": read_facts(photo)}
                for place, photo in enumerate(files)
            ],
            "decision": self._decision(number),
        }

    def photo(self, number: int, file: int) -> Photo:
        """Return the photo with a number in a group.

        Raises:
            UsageError: there is none.
        """
        files = self._group(number).photos
        if not 0 <= file < len(files):
            raise UsageError(f"group {number} has no file {file}")
        return files[file]

    def decide(
        self, numbers: Iterable[int], state: str, *, keeper: int, removed: Iterable[int]
    ) -> None:
        """Record one decision for some groups; `different` also writes the ignored pairs.

        Raises:
            UsageError: the review is read-only, or a number or the state is wrong.
            ReportError: the decisions cannot be written.
        """
        self.check_writable()
        try:
            decision = GroupDecision(state, keeper, frozenset(removed))  # type: ignore[arg-type]
            changes = dict.fromkeys(numbers, decision)
            with self._lock:
                before = {number: self.log[number] for number in changes}
                self.log.decide(changes)
        except (ValueError, IndexError) as error:
            raise UsageError(str(error)) from error
        self._write_ignored(before, changes)

    def accept_all(self, wanted: Filter, *, keep_folder: str = "") -> int:
        """Accept the proposal for every open group that passes a filter.

        Args:
            keep_folder: text; a file with it in its folder becomes the keeper of its group.

        Returns:
            How many groups were accepted, as one step of undo.

        Raises:
            UsageError: the review is read-only.
            ReportError: the decisions cannot be written.
        """
        self.check_writable()
        numbers = self.select(replace(wanted, state="open"))
        with self._lock:
            changes = {number: self._accept(number, keep_folder) for number in numbers}
            if changes:
                self.log.decide(changes)
        return len(changes)

    def _accept(self, number: int, keep_folder: str) -> GroupDecision:
        decision = self.log[number]
        files = self._photos(number)
        keeper = decision.keeper
        if keep_folder and keep_folder not in folder_of(files[keeper]):
            inside = (place for place, p in enumerate(files) if keep_folder in folder_of(p))
            keeper = next(inside, keeper)
        if keeper == decision.keeper:
            return replace(decision, state="accepted")
        removed = (decision.removed | {decision.keeper}) - {keeper}
        return GroupDecision("accepted", keeper, removed)

    def undo(self) -> list[int]:
        """Take the last change back; return the numbers of its groups."""
        return self._step(self.log.undo)

    def redo(self) -> list[int]:
        """Repeat the change that was undone last; return the numbers of its groups."""
        return self._step(self.log.redo)

    def decided_report(self) -> Report:
        """Return the report of the accepted groups, as `apply` takes it."""
        with self._lock:
            return apply_decisions(self.report, dict(self.log.decided))

    def check_writable(self) -> None:
        """Raise UsageError if the review is read-only."""
        if self.read_only:
            raise UsageError("this review is read-only")

    def _step(self, change: Any) -> list[int]:
        self.check_writable()
        with self._lock:
            before = dict(self.log.decided)
            after: Mapping[int, GroupDecision] = change()
            old = {n: before.get(n, replace(self.log[n], state="open")) for n in after}
        self._write_ignored(old, after)
        return sorted(after)

    def _write_ignored(
        self, before: Mapping[int, GroupDecision], after: Mapping[int, GroupDecision]
    ) -> None:
        """Ignore the pairs of groups that became `different`; forget those that no longer are."""
        for number, decision in after.items():
            was, now = before[number].state == "different", decision.state == "different"
            if was == now:
                continue
            contents = {p.digest: KnownFile(p.digest, p.path) for p in self._photos(number)}
            if len(contents) > 1:
                (remember if now else forget)(list(contents.values()), self.ignored)

    def _photos(self, number: int) -> tuple[Photo, ...]:
        return self._group(number).photos

    def _group(self, number: int) -> Group:
        if not 1 <= number <= len(self.report.groups):
            raise UsageError(f"there is no group {number}")
        return self.report.groups[number - 1]

    def _decision(self, number: int) -> dict[str, Any]:
        with self._lock:
            decision = self.log[number]
        removed = sorted(decision.removed)
        return {"state": decision.state, "keeper": decision.keeper, "removed": removed}

    def _line(self, number: int) -> dict[str, Any]:
        group = self._group(number)
        return {
            "number": number,
            "name": path_text(os.path.basename(group.keeper.path)),
            "files": len(group.duplicates) + 1,
            "kinds": sorted({duplicate.kind for duplicate in group.duplicates}),
            "bytes": bytes_freed(group),
            "state": self._decision(number)["state"],
        }


def _identity(report: Path) -> list[tuple[int, int, int]]:
    """Return the size, modification time and inode of a report, or of each of its parts."""
    path = str(report)
    files = list_parts(path) if is_folder_of_parts(path) else [path]
    return [(s.st_size, s.st_mtime_ns, s.st_ino) for s in map(os.stat, files)]


def _describe(photo: Photo) -> dict[str, Any]:
    return {
        "name": path_text(os.path.basename(photo.path)),
        "folder": path_text(folder_of(photo)),
        "width": photo.width,
        "height": photo.height,
        "format": photo.format,
        "bytes": photo.file.size,
        "modified": photo.file.mtime_ns / 1e9,
    }
