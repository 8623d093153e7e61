"""Part of a report, and limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import a_group, a_photo, a_report, write_photo

from dedupe.apply.plan import Plan, plan_actions
from dedupe.apply.select import check_limits, choose
from dedupe.errors import ApplyError, UsageError
from dedupe.types import Report

REPORT = a_report(
    a_group(a_photo("/p/a.jpg"), a_photo("/p/x/b.jpg"), a_photo("/p/y/b (2).jpg"), kind="exact"),
    a_group(a_photo("/p/c.jpg"), a_photo("/p/x/d.png"), distance=0.5),
)


def names(report: Report) -> list[str]:
    return [duplicate.photo.path for duplicate in report.duplicates]


def test_everything_is_chosen_unless_something_is_asked_for() -> None:
    assert choose(REPORT) == REPORT


def test_one_kind() -> None:
    assert names(choose(REPORT, kinds=["same"])) == ["/p/x/d.png"]
    assert names(choose(REPORT, kinds=["exact"])) == ["/p/x/b.jpg", "/p/y/b (2).jpg"]


def test_a_distance_is_a_largest_distance() -> None:
    assert names(choose(REPORT, max_distance=0.5)) == names(REPORT)
    assert names(choose(REPORT, max_distance=0.499)) == ["/p/x/b.jpg", "/p/y/b (2).jpg"]


@pytest.mark.parametrize(
    ("globs", "chosen"),
    [
        (["*.png"], ["/p/x/d.png"]),
        (["/p/x/*"], ["/p/x/b.jpg", "/p/x/d.png"]),
        (["b.jpg", "*(2)*"], ["/p/x/b.jpg", "/p/y/b (2).jpg"]),
        (["x"], []),
    ],
)
def test_a_glob_fits_a_name_or_a_whole_path(globs: list[str], chosen: list[str]) -> None:
    assert names(choose(REPORT, select=globs)) == chosen


def test_groups_of_which_nothing_is_chosen_are_left_out() -> None:
    [group] = choose(REPORT, kinds=["same"]).groups
    assert group.keeper.path == "/p/c.jpg"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan for three photos, one of which has a sidecar."""
    copies = [write_photo(tmp_path / f"{n}.jpg", b"%d" % n) for n in range(3)]
    (tmp_path / "0.xmp").write_bytes(b"edits")
    report = a_report(a_group(write_photo(tmp_path / "keeper.jpg"), *copies))
    return plan_actions(report, move_to=str(tmp_path / "out"))


def test_limits_count_photos(plan: Plan) -> None:
    assert len(plan.actions) == 4
    check_limits(plan, 30, max_actions=3, max_fraction=0.1)
    with pytest.raises(ApplyError, match="3 photos, more than the 2 of --max-actions: nothing"):
        check_limits(plan, 30, max_actions=2)
    with pytest.raises(ApplyError, match=r"3 of 30 photos, more than the 0\.099 of --max-fraction"):
        check_limits(plan, 30, max_fraction=0.099)


def test_a_share_of_an_unknown_number_is_a_mistake_of_usage(plan: Plan) -> None:
    with pytest.raises(UsageError, match="scan again, or use --max-actions"):
        check_limits(plan, 0, max_fraction=0.5)


def test_nothing_is_never_too_much() -> None:
    check_limits(Plan("", (), (), ()), 0, max_actions=0, max_fraction=0.0)
