"""Journals: what is written before a file moves, and how it is read after a kill."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import platformdirs
import pytest
from builders import a_group, a_report, write_photo
from faults import faults, name_of

from dedupe.apply.execute import apply_plan, resume
from dedupe.apply.history import Pending, default_journal_dir, find_run, list_runs, read_run
from dedupe.apply.journal import reopen_journal, start_journal
from dedupe.apply.plan import Plan, plan_actions
from dedupe.apply.undo import undo
from dedupe.errors import ApplyError, LockedError


def a_plan(tmp_path: Path, name: str = "b.jpg") -> Plan:
    keeper = write_photo(tmp_path / "photos/a.jpg")
    copy = write_photo(tmp_path / "photos" / name)
    return plan_actions(a_report(a_group(keeper, copy)), move_to=str(tmp_path / "out"))


def finished(tmp_path: Path, name: str = "b.jpg") -> Path:
    """The journal of a run that moved one file."""
    planned = a_plan(tmp_path, name)
    with start_journal(
        tmp_path / "runs", move_to=planned.move_to, report="/r.csv", report_digest="d", roots=["/p"]
    ) as journal:
        apply_plan(planned, journal)
    return journal.path


def events(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def test_every_step_is_in_the_journal_in_order(tmp_path: Path) -> None:
    path = finished(tmp_path)
    applied = ["run", "group", "planned", "mkdir", "intent", "done", "end"]
    assert events(path) == applied
    undo(path)
    assert events(path) == [*applied, "undo", "intent", "done", "undone"]


def test_an_intent_is_on_disk_before_its_file_moves(tmp_path: Path) -> None:
    order: list[str] = []
    planned = a_plan(tmp_path)
    with (
        faults(after=lambda call, subject: order.append(name_of(call, subject))),
        start_journal(tmp_path / "runs", move_to=planned.move_to) as journal,
    ):
        apply_plan(planned, journal)
    assert order[order.index("intent") :] == [
        "intent", "sync", "rename", "sync", "sync", "done", "sync", "end", "sync",
    ]  # fmt: skip


def test_a_journal_contains_its_run(tmp_path: Path) -> None:
    path = finished(tmp_path, "\udcff\n.jpg")
    run = read_run(path)
    assert path.read_bytes().isascii()
    assert run.id == path.stem
    assert (run.report, run.report_digest, run.roots) == ("/r.csv", "d", ("/p",))
    assert run.move_to == str(tmp_path / "out")
    [move] = run.actions
    assert move.source == str(tmp_path / "photos/\udcff\n.jpg")
    assert move.target == str(tmp_path / "out/\udcff\n.jpg")
    assert (run.applied, len(run.pending), run.folders) == (frozenset({0}), 0, (run.move_to,))
    assert (run.planned, run.ended, run.undoing, run.undone) == (True, True, False, False)


def test_a_line_that_was_cut_at_any_byte_is_as_good_as_not_written(tmp_path: Path) -> None:
    path = finished(tmp_path)
    text = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(text) if byte == ord("\n")]
    whole = {}
    for end in ends:
        path.write_bytes(text[:end])
        whole[end] = read_run(path)
    for length in range(ends[0], len(text)):
        path.write_bytes(text[:length])
        assert read_run(path) == whole[max(end for end in ends if end <= length)]


def test_an_intent_without_its_end_is_pending(tmp_path: Path) -> None:
    path = finished(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: events(path).index("done")]))
    pending = read_run(path).pending
    assert list(pending) == [0]
    assert not pending[0].back
    with reopen_journal(path) as journal:
        journal.note(0, {"copied": 7})
        assert journal.read() == read_run(path)
    facts = {**pending[0].facts, "copied": 7}
    assert read_run(path).pending == {0: Pending(back=False, facts=facts)}


def test_a_torn_line_is_cut_off_before_anything_is_appended(tmp_path: Path) -> None:
    path = finished(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"event": "int')
    with reopen_journal(path) as journal:
        journal.record("undo")
    assert path.read_bytes() == whole + b'{"event": "undo"}\n'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"7",
        b"\xff",
        b'{"event": "dance"}',
        b'{"event": "done", "action": 5}',
        b'{"event": "run", "version": 1}',
        b'{"event": "mkdir"}',
        b'{"event": "group"}',
    ],
)
def test_damage_is_an_error_that_names_the_line(tmp_path: Path, line: bytes) -> None:
    path = finished(tmp_path)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:3], line, *lines[3:]]) + b"\n")
    with pytest.raises(ApplyError, match=r"the journal .* is damaged in line 4") as caught:
        read_run(path)
    assert "\n" not in str(caught.value)


def test_a_move_that_was_not_planned_is_damage(tmp_path: Path) -> None:
    path = finished(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"event": "intent", "action": 5, "back": false}\n')
    with pytest.raises(ApplyError, match="not in the plan"):
        read_run(path)


@pytest.mark.parametrize("text", [b"{}\n", b'{"event": "run", "version": 2}\n'])
def test_a_journal_without_a_header_that_we_know_is_not_read(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(text)
    with pytest.raises(ApplyError, match="damaged"):
        read_run(path)


def test_runs_are_listed_in_their_sequence_and_not_by_the_clock(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert list_runs(runs) == ()
    for number, name in enumerate(("20250102T000000Z-aaaaaa", "20250101T000000Z-bbbbbb"), 1):
        with start_journal(runs, move_to="/out") as journal:
            pass
        journal.path.rename(runs / f"{name}.jsonl")
        assert journal.read().sequence == number
    (runs / "20250103T000000Z-cccccc.jsonl").write_bytes(b'{"event": "ru')  # killed at once
    assert [run.id[:8] for run in list_runs(runs)] == ["20250102", "20250101"]
    (runs / "20250104T000000Z-dddddd.jsonl").write_bytes(b"damaged\n")
    with start_journal(runs, move_to="/out") as journal:
        assert journal.read().sequence == 3


def test_a_run_is_found_by_its_id_and_by_its_path(tmp_path: Path) -> None:
    path = finished(tmp_path)
    assert find_run(path.stem, tmp_path / "runs") == path
    assert find_run(path) == path
    assert find_run(str(path)) == path
    with pytest.raises(ApplyError, match="there is no run 'yesterday'"):
        find_run("yesterday", tmp_path / "runs")


def test_a_journal_that_cannot_be_written_stops_the_run_before_the_file_moves(
    tmp_path: Path,
) -> None:
    def full(call: str, subject: str) -> None:
        if name_of(call, subject) == "intent":
            raise OSError(errno.ENOSPC, "No space left on device")

    planned = a_plan(tmp_path)
    with (
        start_journal(tmp_path / "runs", move_to=planned.move_to) as journal,
        faults(before=full),
        pytest.raises(ApplyError, match=r"cannot write the journal .*: No space left"),
    ):
        apply_plan(planned, journal)
    assert Path(planned.actions[0].source).exists()


def test_two_runs_never_meet(tmp_path: Path) -> None:
    path = finished(tmp_path)
    with start_journal(tmp_path / "runs", move_to="/out"):
        for second in (undo, resume):
            with pytest.raises(LockedError, match="another run holds the lock"):
                second(path)
        with pytest.raises(LockedError), start_journal(tmp_path / "runs", move_to="/out"):
            pass
    assert list_runs(tmp_path / "runs")[0].undoing is False


def test_a_folder_for_journals_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = r"cannot create the folder .*file/runs: Not a directory"
    with (
        pytest.raises(ApplyError, match=words),
        start_journal(tmp_path / "file/runs", move_to="/out"),
    ):
        pass


def test_journals_live_in_the_state_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "user_state_path", lambda *_, **__: tmp_path)
    assert default_journal_dir() == tmp_path / "runs"
    with start_journal(move_to="/out") as journal:
        pass
    assert journal.path.parent == tmp_path / "runs"
    assert (tmp_path / "runs").stat().st_mode & 0o777 == 0o700
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_a_journal_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    path = finished(tmp_path)
    (path.parent / "unreadable.jsonl").mkdir()
    with pytest.raises(ApplyError, match="cannot read the journal"):
        list_runs(path.parent)
    damaged: list[ApplyError] = []
    assert [run.path for run in list_runs(path.parent, on_damaged=damaged.append)] == [path]
    assert len(damaged) == 1


@pytest.mark.parametrize("content", [b"", b'{"event": "run", "version"'])
def test_a_journal_that_was_killed_before_its_first_line_is_empty_not_damaged(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "r.jsonl").write_bytes(content)
    assert list_runs(tmp_path) == ()
    with pytest.raises(ApplyError, match="the run r changed nothing"):
        read_run(tmp_path / "r.jsonl")
