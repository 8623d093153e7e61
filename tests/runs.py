"""Acting on a plan in a test, and the journal of what was done."""

from __future__ import annotations

import os
from pathlib import Path

from builders import a_group, a_report, snapshot, write_photo
from faults import faults

from dedupe.apply.execute import Outcome, apply_plan
from dedupe.apply.history import list_runs
from dedupe.apply.journal import start_journal
from dedupe.apply.plan import ActionKind, Plan, plan_actions
from dedupe.files.system import FaultHook, no_fault
from dedupe.types import Photo, Report


def a_photo_at(path: Path) -> Photo:
    """The photo of an existing file, as a report on disk has it: without its inode."""
    content, seen = path.read_bytes(), path.stat()
    photo = write_photo(path.parent / "unused.jpg", content, mtime_ns=seen.st_mtime_ns)
    os.unlink(photo.path)
    file = type(photo.file)(str(path), 0, seen.st_size, seen.st_mtime_ns, 0, 0)
    return type(photo)(file, photo.width, photo.height, photo.format, photo.digest)


def plan_for(kind: ActionKind, tmp_path: Path, keeper: Photo, duplicate: Photo) -> Plan:
    """Return the plan for a keeper and an exact duplicate."""
    group = a_group(keeper, duplicate, kind="exact", distance=0.0)
    return plan_actions(a_report(group), kind=kind, move_to=str(tmp_path / "out"))


def act(
    tmp_path: Path, plan: Plan, *, before: FaultHook = no_fault, after: FaultHook = no_fault
) -> Outcome:
    """Act on a plan, with faults before and after calls of the system."""
    with (
        faults(before=before, after=after),
        start_journal(tmp_path / "runs", kind=plan.kind, move_to=plan.move_to) as journal,
    ):
        return apply_plan(plan, journal)


def last_run(tmp_path: Path) -> Path:
    """Return the journal of the last run."""
    return list_runs(tmp_path / "runs")[-1].path


def two_groups(tmp_path: Path) -> Report:
    """Return a report of two groups of files, of three and of two."""
    photos = tmp_path / "photos"
    first = write_photo(photos / "a.jpg", b"a")
    second = write_photo(photos / "x/c.jpg", b"c")
    return a_report(
        a_group(first, write_photo(photos / "b.jpg", b"b"), write_photo(photos / "x/b.jpg", b"b2")),
        a_group(second, write_photo(photos / "x/d.jpg", b"d", mode=0o600)),
    )


def photos_of(tmp_path: Path) -> dict[str, tuple[bytes, int, int]]:
    """All photos, also moved ones, by their path below the folder of the test."""
    files = snapshot(tmp_path / "photos", tmp_path / "out")
    return {os.path.relpath(path, tmp_path): facts for path, facts in files.items()}
