"""Decisions on a report: each on disk at once, undone and redone without limit."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import a_group, a_photo, a_report
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.apply.decisions import (
    DecisionLog,
    GroupDecision,
    apply_decisions,
    default_decision,
    read_decisions,
)
from dedupe.errors import ReportError, UsageError
from dedupe.types import Report

DIGEST = "0" * 32
ACCEPT = GroupDecision("accepted", 0, frozenset({1, 2}))
SWAP = GroupDecision("accepted", 2, frozenset({0}))


def three_files(name: str) -> Report:
    photos = [a_photo(f"/p/{name}{n}.jpg", f"{name}{n}".encode()) for n in range(3)]
    return a_report(a_group(photos[0], *photos[1:]))


def two_groups() -> Report:
    return a_report(*three_files("a").groups, *three_files("b").groups)


def open_log(folder: Path, report: Report | None = None, digest: str = DIGEST) -> DecisionLog:
    return DecisionLog(folder / "d.jsonl", report or two_groups(), report_digest=digest)


def test_a_group_without_a_decision_has_the_proposal_of_the_report(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    assert log[1] == default_decision(two_groups().groups[0])
    assert log[1] == GroupDecision("open", 0, frozenset({1, 2}))
    assert not (tmp_path / "d.jsonl").exists()


def test_a_decision_is_on_disk_before_decide_returns(tmp_path: Path) -> None:
    open_log(tmp_path).decide({2: ACCEPT})
    assert open_log(tmp_path)[2] == ACCEPT


def test_undo_and_redo_go_on_after_the_file_was_closed(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.decide({1: ACCEPT})
    log.decide({1: SWAP, 2: ACCEPT})
    assert open_log(tmp_path).undo() == {1: ACCEPT, 2: log_default(2)}
    again = open_log(tmp_path)
    assert again[1] == ACCEPT
    assert again.redo() == {1: SWAP, 2: ACCEPT}
    assert open_log(tmp_path)[1] == SWAP


def log_default(number: int) -> GroupDecision:
    return default_decision(two_groups().groups[number - 1])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["a", "s", "u", "r"]), max_size=12))
def test_reading_the_file_gives_the_state_that_was_left(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = open_log(folder)
    for key in keys:
        if key in "as":
            log.decide({1: ACCEPT if key == "a" else SWAP})
        else:
            _ = log.undo() if key == "u" else log.redo()
    again = open_log(folder)
    assert again.decided == log.decided
    assert (again.can_undo, again.can_redo) == (log.can_undo, log.can_redo)


def test_a_line_that_a_kill_cut_short_is_dropped_and_overwritten(tmp_path: Path) -> None:
    open_log(tmp_path).decide({1: ACCEPT})
    path = tmp_path / "d.jsonl"
    path.write_bytes(path.read_bytes() + b'{"decide": {"2": ["acc')
    open_log(tmp_path).decide({2: SWAP})
    assert open_log(tmp_path).decided == {1: ACCEPT, 2: SWAP}


def test_a_first_line_that_a_kill_cut_short_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_bytes(b'{"what": "dedu')
    open_log(tmp_path).decide({1: ACCEPT})
    assert open_log(tmp_path).decided == {1: ACCEPT}


def test_decisions_on_another_report_are_rejected(tmp_path: Path) -> None:
    open_log(tmp_path).decide({1: ACCEPT})
    with pytest.raises(ReportError, match="belongs to another report"):
        open_log(tmp_path, digest="1" * 32)


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b'{"decide": {"3": ["open", 0, [1]]}}',
        b'{"decide": {"1": ["open", 0, [3]]}}',
        b'{"decide": {"1": ["open", 1, [1]]}}',
        b'{"decide": {"1": ["maybe", 0, [1]]}}',
        b'{"decide": {"1": ["open", true, [1]]}}',
        b'{"undo": true}\n{"undo": true}',
    ],
)
def test_a_damaged_file_is_rejected_and_left_as_it_is(tmp_path: Path, line: bytes) -> None:
    open_log(tmp_path).decide({1: ACCEPT})
    path = tmp_path / "d.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    before = path.read_bytes()
    with pytest.raises(ReportError, match="cannot trust"):
        open_log(tmp_path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("number", [0, 3])
def test_a_group_that_does_not_exist_cannot_be_decided(tmp_path: Path, number: int) -> None:
    with pytest.raises(ValueError, match="is not in the report"):
        open_log(tmp_path).decide({number: ACCEPT})
    assert not (tmp_path / "d.jsonl").exists()


def test_the_keeper_cannot_be_removed() -> None:
    with pytest.raises(ValueError, match="keeper"):
        GroupDecision("accepted", 1, frozenset({1}))


def test_only_accepted_groups_with_something_to_remove_are_acted_on() -> None:
    report = two_groups()
    keep_all = GroupDecision("accepted", 0, frozenset())
    later = GroupDecision("later", 0, frozenset({1}))
    assert apply_decisions(report, {1: keep_all, 2: later}).groups == ()
    assert apply_decisions(report, {2: ACCEPT}).groups == (report.groups[1],)


def test_another_keeper_takes_the_place_of_the_reports() -> None:
    (group,) = apply_decisions(two_groups(), {1: SWAP}).groups
    assert group.keeper.path == "/p/a2.jpg"
    assert [(d.photo.path, d.distance) for d in group.duplicates] == [("/p/a0.jpg", 0.125)]
    assert group.reason == "chosen by a person"


def test_the_kind_is_that_towards_the_new_keeper() -> None:
    first, copy, other = (
        a_photo("/p/1.jpg", b"x"),
        a_photo("/p/2.jpg", b"x"),
        a_photo("/p/3.jpg", b"y"),
    )
    report = a_report(a_group(other, first, copy))
    swapped = GroupDecision("accepted", 1, frozenset({0, 2}))
    (group,) = apply_decisions(report, {1: swapped}).groups
    kinds = {d.photo.path: d.kind for d in group.duplicates}
    assert kinds["/p/2.jpg"] == "exact"
    assert kinds["/p/3.jpg"] != "exact"


def test_reading_decisions_that_do_not_exist_is_an_error(tmp_path: Path) -> None:
    report = tmp_path / "r.csv"
    report.write_bytes(b"")
    with pytest.raises(ReportError, match="no such file"):
        read_decisions(tmp_path / "none.jsonl", report, two_groups())


@pytest.mark.parametrize("content", [b"one line of a diary", b"two\nlines", b"\xff\xd8\xff\xe0"])
def test_decisions_never_replace_a_file_of_another_program(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match="no decisions of dedupe"):
        open_log(tmp_path)
    assert (tmp_path / "d.jsonl").read_bytes() == content
