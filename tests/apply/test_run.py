"""Applying a report from Python, as a program does it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from builders import a_group, a_report, snapshot, write_photo

from dedupe.apply.history import list_runs, read_run
from dedupe.apply.plan import Plan
from dedupe.apply.run import (
    ApplyInterrupted,
    ApplyOptions,
    apply_report,
    plan_report,
    resume_run,
)
from dedupe.apply.undo import undo
from dedupe.errors import ApplyError, UsageError
from dedupe.types import Report


def a_scanned_report(tmp_path: Path) -> Report:
    photos = tmp_path / "photos"
    return a_report(
        a_group(write_photo(photos / "a.jpg", b"a"), write_photo(photos / "b.jpg", b"b")),
        a_group(write_photo(photos / "c.jpg", b"c"), write_photo(photos / "d.jpg", b"d")),
    )


def move(tmp_path: Path, **limits: Any) -> ApplyOptions:
    return ApplyOptions(kind="move", move_to=str(tmp_path / "out"), **limits)


def test_a_report_is_applied_and_its_run_can_be_undone(tmp_path: Path) -> None:
    report = a_scanned_report(tmp_path)
    before = snapshot(tmp_path / "photos")
    planned = plan_report(report, move(tmp_path), roots=[str(tmp_path / "photos")])
    progress: list[tuple[str, int, int]] = []
    applied = apply_report(
        report,
        move(tmp_path),
        roots=[str(tmp_path / "photos")],
        on_progress=lambda *facts: progress.append(facts),
        folder=tmp_path / "runs",
    )
    assert applied.plan == planned
    assert applied.outcome.done == planned.actions
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.jpg", "d.jpg"]
    assert progress == [("apply", 1, 2)] * 2
    assert len(undo(applied.run, folder=tmp_path / "runs").restored) == 2
    assert snapshot(tmp_path / "photos") == before


def test_the_journal_names_the_report_that_was_applied(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(b"rows")
    applied = apply_report(
        a_scanned_report(tmp_path),
        move(tmp_path),
        report_path=str(tmp_path / "r.csv"),
        folder=tmp_path / "runs",
    )
    run = read_run(tmp_path / "runs" / f"{applied.run}.jsonl")
    assert (run.report, len(run.report_digest)) == (str(tmp_path / "r.csv"), 32)


def test_a_plan_that_is_not_confirmed_changes_nothing(tmp_path: Path) -> None:
    report = a_scanned_report(tmp_path)
    before = snapshot(tmp_path)
    plans: list[Plan] = []

    def decline(plan: Plan) -> bool:
        plans.append(plan)
        return False

    applied = apply_report(report, move(tmp_path), confirm=decline, folder=tmp_path / "runs")
    assert (applied.run, applied.outcome.done) == ("", ())
    assert plans == [applied.plan]
    assert len(applied.plan.actions) == 2
    assert snapshot(tmp_path) == before


def test_an_empty_plan_needs_no_confirmation_and_starts_no_run(tmp_path: Path) -> None:
    def fail(_plan: Plan) -> bool:
        raise AssertionError

    report = a_scanned_report(tmp_path)
    (tmp_path / "photos/a.jpg").unlink()
    os.utime(tmp_path / "photos/c.jpg")
    applied = apply_report(report, move(tmp_path), confirm=fail, folder=tmp_path / "runs")
    assert [Path(left.keeper).name for left in applied.outcome.stale] == ["a.jpg", "c.jpg"]
    assert list_runs(tmp_path / "runs") == ()


def test_a_limit_is_checked_before_the_confirmation(tmp_path: Path) -> None:
    with pytest.raises(ApplyError, match="2 photos, more than the 1"):
        apply_report(
            a_scanned_report(tmp_path),
            move(tmp_path, max_actions=1),
            confirm=lambda _plan: pytest.fail("asked"),
            folder=tmp_path / "runs",
        )


def test_a_pair_that_is_ignored_by_now_is_left_alone(tmp_path: Path) -> None:
    report = a_scanned_report(tmp_path)
    first = report.groups[0]
    pair = (first.keeper.digest, first.duplicates[0].photo.digest)
    applied = apply_report(
        report, move(tmp_path), are_apart=lambda *digests: digests == pair, folder=tmp_path / "runs"
    )
    assert [Path(action.source).name for action in applied.outcome.done] == ["d.jpg"]


def test_an_interruption_names_its_run_and_the_run_can_be_resumed_with_progress(
    tmp_path: Path,
) -> None:
    def interrupt(_stage: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(ApplyInterrupted) as caught:
        apply_report(
            a_scanned_report(tmp_path),
            move(tmp_path),
            on_progress=interrupt,
            folder=tmp_path / "runs",
        )
    assert not (tmp_path / "photos/b.jpg").exists()
    assert (tmp_path / "photos/d.jpg").exists()
    progress: list[tuple[str, int, int]] = []
    run, outcome = resume_run(
        caught.value.run,
        folder=tmp_path / "runs",
        on_progress=lambda *facts: progress.append(facts),
    )
    assert (run.id, len(outcome.done), run.ended) == (caught.value.run, 1, True)
    assert progress == [("apply", 1, 1)]
    assert not (tmp_path / "photos/d.jpg").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "eat"}, "action 'eat' is unknown; choose from move, trash"),
        ({"kind": "move"}, "a folder to move to belongs to the action `move`"),
        ({"kind": "trash", "move_to": "/out"}, "a folder to move to belongs to the action `move`"),
        ({"kind": "trash", "sidecars": "eat"}, "--sidecars 'eat' is unknown"),
    ],
)
def test_options_that_do_not_fit_together_are_a_usage_error(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ApplyOptions(**given)
