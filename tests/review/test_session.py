"""A review: what it shows of a report, and what a decision leaves on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import a_group, a_photo, a_report

from dedupe.errors import ReportError, UsageError
from dedupe.ignored.store import find_ignored
from dedupe.report import write_report
from dedupe.review.filters import Filter
from dedupe.review.session import Session
from dedupe.types import Report


def test_the_summary_counts_groups_kinds_and_decisions(session: Session) -> None:
    session.decide([1], "accepted", keeper=0, removed=[1, 2])
    summary = session.summary()
    assert summary["groups"] == 3
    assert summary["duplicates"] == 4
    assert summary["states"] == {"accepted": 1, "open": 2}
    assert (summary["can_undo"], summary["can_redo"]) == (True, False)


def test_a_group_lists_its_files_keeper_first(session: Session) -> None:
    group = session.group(1)
    assert [(f["file"], f["width"], f["how"]) for f in group["files"]] == [
        (0, 320, ""),
        (1, 160, "resized"),
        (2, 80, "resized"),
    ]
    assert group["decision"] == {"state": "open", "keeper": 0, "removed": [1, 2]}


@pytest.mark.parametrize("number", [0, 4, -1, 10**12])
def test_a_group_that_does_not_exist_is_an_error(session: Session, number: int) -> None:
    with pytest.raises(UsageError, match="there is no group"):
        session.group(number)


def test_a_file_that_vanished_since_the_scan_is_marked(session: Session, report: Report) -> None:
    Path(report.groups[0].keeper.path).unlink()
    assert session.group(1)["files"][0]["facts"] == {"missing": "no longer there"}


def test_accepting_all_is_one_step_of_undo(session: Session) -> None:
    session.decide([3], "later", keeper=0, removed=[1])
    assert session.accept_all(Filter()) == 2
    assert [g.keeper.path for g in session.decided_report().groups] == [
        g.keeper.path for g in session.report.groups[:2]
    ]
    assert session.undo() == [1, 2]
    assert session.summary()["states"] == {"later": 1, "open": 2}


def test_accepting_all_can_prefer_the_files_of_a_folder(session: Session) -> None:
    session.accept_all(Filter(), keep_folder="/photos/1")
    kept = [Path(g.keeper.path).parent.name for g in session.decided_report().groups]
    assert kept == ["1", "1", "1"]


def test_not_duplicates_is_remembered_and_undo_forgets_it(
    session: Session, report: Report, tmp_path: Path
) -> None:
    first, second = report.groups[1].keeper, report.groups[1].duplicates[0].photo
    session.decide([2], "different", keeper=0, removed=[])
    assert find_ignored(tmp_path / "ignored.jsonl").are_apart(first.digest, second.digest)
    session.undo()
    assert not find_ignored(tmp_path / "ignored.jsonl").are_apart(first.digest, second.digest)
    session.redo()
    assert find_ignored(tmp_path / "ignored.jsonl").are_apart(first.digest, second.digest)


def test_not_duplicates_is_remembered_in_the_file_of_the_user(
    report_path: Path, report: Report
) -> None:
    first, second = report.groups[1].keeper, report.groups[1].duplicates[0].photo
    session = Session(report_path)
    session.decide([2], "different", keeper=0, removed=[])
    assert find_ignored().are_apart(first.digest, second.digest)
    session.undo()
    assert not find_ignored().are_apart(first.digest, second.digest)


def test_closing_and_opening_goes_on(session: Session, report_path: Path) -> None:
    session.decide([1], "accepted", keeper=1, removed=[0])
    again = Session(report_path)
    assert again.group(1)["decision"] == {"state": "accepted", "keeper": 1, "removed": [0]}


def test_a_report_by_parts_is_reviewed_until_a_part_changes(report: Report, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra table is not installed")
    folder = tmp_path / "report.parquet"
    write_report(report, f"{folder}/")
    session = Session(folder)
    session.decide([1], "accepted", keeper=0, removed=[1, 2])

    opened = Session(folder)
    assert (opened.summary()["groups"], opened.summary()["states"]) == (
        3,
        {"accepted": 1, "open": 2},
    )
    assert (tmp_path / "report.parquet.decisions.jsonl").exists()
    write_report(a_report(*report.groups[:2]), f"{folder}/")
    assert opened.report_changed()


def test_a_folder_that_holds_more_than_parts_is_not_reviewed(
    report: Report, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow", reason="the extra table is not installed")
    folder = tmp_path / "report.parquet"
    write_report(report, f"{folder}/")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ReportError, match=r"'notes\.txt', which is not a part"):
        Session(folder)


def test_a_read_only_review_records_nothing(report_path: Path) -> None:
    session = Session(report_path, read_only=True)
    with pytest.raises(UsageError, match="read-only"):
        session.decide([1], "accepted", keeper=0, removed=[1])
    with pytest.raises(UsageError, match="read-only"):
        session.undo()
    assert sorted(p.name for p in report_path.parent.iterdir()) == ["photos", "report.json"]


@pytest.mark.parametrize(
    ("numbers", "state", "keeper", "removed"),
    [
        ([9], "accepted", 0, [1]),
        ([1], "perhaps", 0, [1]),
        ([1], "accepted", 0, [0]),
        ([1], "accepted", 0, [7]),
        ([1], "accepted", -1, [0]),
    ],
)
def test_a_decision_that_cannot_be_is_rejected(
    session: Session, numbers: list[int], state: str, keeper: int, removed: list[int]
) -> None:
    with pytest.raises(UsageError):
        session.decide(numbers, state, keeper=keeper, removed=removed)
    assert session.summary()["states"] == {"open": 3}


def test_names_that_are_not_utf8_are_shown_with_replacement_characters(tmp_path: Path) -> None:
    report = a_report(a_group(a_photo("/p/\udcff.jpg", b"1"), a_photo("/p/b.jpg", b"2")))
    path = tmp_path / "r.csv"
    write_report(report, str(path), format="csv")
    names = {file["name"] for file in Session(path).group(1)["files"]}
    assert names == {"\N{REPLACEMENT CHARACTER}.jpg", "b.jpg"}
