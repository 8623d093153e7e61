"""Apply the accepted groups of a review in the background, and take the run back."""

from __future__ import annotations

import os
import secrets
import threading
from collections import Counter
from typing import Any

from dedupe.apply.plan import KINDS, ActionKind, LeftGroup, Plan
from dedupe.apply.run import Applied, ApplyOptions, apply_report, plan_report
from dedupe.apply.undo import undo
from dedupe.errors import DedupeError, StaleReportError, UsageError
from dedupe.files.paths import USER_FILE, path_text
from dedupe.ignored.store import find_ignored
from dedupe.review.session import Session
from dedupe.types import Report

_LISTED = 200  # files of a plan or an outcome that the page lists


class Applying:
    """The plan that was shown last, and the run that carries it out. One run at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._planned: tuple[str, Report, ApplyOptions] | None = None
        self._thread: threading.Thread | None = None
        self._done = 0
        self._total = 0
        self._applied: Applied | None = None
        self._error = ""

    def plan(self, action: str, folder: str) -> dict[str, Any]:
        """Return what `start` would do with the accepted groups. Changes nothing.

        Raises:
            UsageError: the action is unknown, the folder is missing, or the review is read-only.
            StaleReportError: the report on disk is no longer the one under review.
            ApplyError: the folder is not a folder.
        """
        kinds: dict[str, ActionKind] = {kind: kind for kind in KINDS}
        if action not in kinds:
            raise UsageError(f"action {action!r:.40} is unknown; choose from {', '.join(KINDS)}")
        self._check()
        to = os.path.abspath(os.path.expanduser(folder)) if action == "move" and folder else ""
        options = ApplyOptions(kind=kinds[action], move_to=to)
        report = self._session.decided_report()
        plan = plan_report(report, options, are_apart=self._are_apart())
        key = secrets.token_urlsafe(8)
        self._planned = (key, report, options)
        return {"plan": key, "folder": path_text(to), **_show(plan, report)}

    def start(self, key: str) -> None:
        """Carry out the plan that was shown under this key, in the background.

        Raises:
            UsageError: another plan was shown since, a run is under way, or it is read-only.
            StaleReportError: as for `plan`.
        """
        self._check()
        with self._lock:
            if self._planned is None or self._planned[0] != key:
                raise UsageError("this plan is not the one that was shown last: show it again")
            if self._thread is not None and self._thread.is_alive():
                raise UsageError("a run is under way")
            _, report, options = self._planned
            self._planned, self._applied, self._error = None, None, ""
            self._done = self._total = 0
            self._thread = threading.Thread(target=self._run, args=(report, options))
            self._thread.start()

    def progress(self) -> dict[str, Any]:
        """Return how far the run is, and its outcome once it ended."""
        running = self._thread is not None and self._thread.is_alive()
        shown: dict[str, Any] = {"running": running, "done": self._done, "total": self._total}
        if self._error:
            shown["error"] = self._error
        if self._applied is not None and not running:
            outcome = self._applied.outcome
            shown["run"] = self._applied.run
            shown["applied"] = len(outcome.done)
            shown["left"] = _left(outcome.stale) + _left(self._applied.plan.refused)
            failed = [{"path": path_text(f.action.source), "why": f.reason} for f in outcome.failed]
            shown["failed"] = failed[:_LISTED]
        return shown

    def take_back(self) -> dict[str, Any]:
        """Undo the run of this review.

        Raises:
            UsageError: there was none.
            ApplyError: the journal cannot be written.
        """
        if self._applied is None or not self._applied.run:
            raise UsageError("this review has not applied anything")
        outcome = undo(self._applied.run)
        failed = [{"path": path_text(f.action.source), "why": f.reason} for f in outcome.failed]
        return {"restored": len(outcome.restored), "failed": failed[:_LISTED]}

    def _run(self, report: Report, options: ApplyOptions) -> None:
        try:
            self._applied = apply_report(
                report,
                options,
                report_path=str(self._session.report_path),
                are_apart=self._are_apart(),
                on_progress=self._advance,
            )
        except (DedupeError, OSError) as error:
            self._error = str(error)

    def _advance(self, _stage: str, done: int, total: int) -> None:
        self._done += done
        self._total = total

    def _are_apart(self) -> Any:
        place = self._session.ignored
        written = place is USER_FILE or os.path.exists(place)  # a decision creates the file
        return find_ignored(place if written else None).are_apart

    def _check(self) -> None:
        self._session.check_writable()
        if self._session.report_changed():
            raise StaleReportError(
                f"the report {self._session.report_path} changed since the review began: "
                "start dedupe review again"
            )


def _show(plan: Plan, report: Report) -> dict[str, Any]:
    photos = [action for action in plan.actions if action.leader is None]
    folders = Counter(os.path.dirname(action.source) for action in photos)
    return {
        "files": len(plan.actions),
        "photos": len(photos),
        "bytes": sum(action.file.size for action in plan.actions),
        "groups": len(plan.groups),
        "accepted": len(report.groups),
        "folders": [[path_text(folder), count] for folder, count in folders.most_common(_LISTED)],
        "sample": [[path_text(a.source), path_text(a.target)] for a in plan.actions[:_LISTED]],
        "left": _left(plan.stale) + _left(plan.refused),
        "staying": [[path_text(path), why] for path, why in plan.staying[:_LISTED]],
    }


def _left(groups: tuple[LeftGroup, ...]) -> list[list[str]]:
    return [[path_text(group.keeper), group.reason] for group in groups[:_LISTED]]
