"""Acting on a plan, going on with it, and taking it back."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import MTIME_NS, a_group, a_report, snapshot, write_photo
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.apply import Outcome, UndoOutcome, apply_plan, resume, undo
from dedupe.errors import ApplyError
from dedupe.journal import list_runs, start_journal
from dedupe.move import Step, no_step
from dedupe.plan import LeftGroup, Plan, plan_moves
from dedupe.types import Report


def two_groups(tmp_path: Path) -> Report:
    photos = tmp_path / "photos"
    first = write_photo(photos / "a.jpg", b"a")
    second = write_photo(photos / "x/c.jpg", b"c")
    return a_report(
        a_group(first, write_photo(photos / "b.jpg", b"b"), write_photo(photos / "x/b.jpg", b"b2")),
        a_group(second, write_photo(photos / "x/d.jpg", b"d", mode=0o600)),
    )


def plan(tmp_path: Path) -> Plan:
    report = two_groups(tmp_path)
    return plan_moves(report, move_to=str(tmp_path / "out"), roots=[str(tmp_path / "photos")])


def act(tmp_path: Path, planned: Plan, step: Step = no_step) -> Outcome:
    with start_journal(tmp_path / "runs", move_to=planned.move_to, step=step) as journal:
        return apply_plan(planned, journal)


def last_run(tmp_path: Path) -> Path:
    return list_runs(tmp_path / "runs")[-1].path


def photos_of(tmp_path: Path) -> dict[str, tuple[bytes, int, int]]:
    """All photos, also moved ones, by their path below the folder of the test."""
    files = snapshot(tmp_path / "photos", tmp_path / "out")
    return {os.path.relpath(path, tmp_path): facts for path, facts in files.items()}


def test_apply_moves_every_duplicate_and_no_keeper(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    counts: list[int] = []
    with start_journal(tmp_path / "runs", move_to=planned.move_to) as journal:
        outcome = apply_plan(planned, journal, on_progress=counts.append)
    assert outcome == Outcome(planned.moves, (), ())
    assert photos_of(tmp_path) == {
        "photos/a.jpg": (b"a", MTIME_NS, 0o640),
        "photos/x/c.jpg": (b"c", MTIME_NS, 0o640),
        "out/b.jpg": (b"b", MTIME_NS, 0o640),
        "out/x/b.jpg": (b"b2", MTIME_NS, 0o640),
        "out/x/d.jpg": (b"d", MTIME_NS, 0o600),
    }
    assert sum(counts) == 3


def test_undo_brings_everything_back_and_removes_the_folders_it_made(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    before = photos_of(tmp_path)
    act(tmp_path, planned)
    outcome = undo(last_run(tmp_path).stem, folder=tmp_path / "runs")
    assert outcome == UndoOutcome(tuple(reversed(planned.moves)), ())
    assert photos_of(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_undo_twice_is_harmless(tmp_path: Path) -> None:
    act(tmp_path, plan(tmp_path))
    undo(last_run(tmp_path))
    (tmp_path / "out").mkdir()
    before = photos_of(tmp_path), last_run(tmp_path).read_bytes()
    assert undo(last_run(tmp_path)) == UndoOutcome((), ())
    assert (photos_of(tmp_path), last_run(tmp_path).read_bytes()) == before
    assert (tmp_path / "out").exists()


def edit(path: Path) -> None:
    path.write_bytes(b"edited")


def edit_quietly(path: Path) -> None:
    """Other content of the same size under the old time."""
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    os.utime(path, ns=(MTIME_NS, MTIME_NS))


@pytest.mark.parametrize("member", ["a.jpg", "b.jpg", "x/b.jpg"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Path.unlink, "is gone"),
        (edit, "was modified"),
        (edit_quietly, "has other content"),
    ],
)
def test_apply_leaves_a_group_alone_if_a_member_changed_after_the_plan(
    tmp_path: Path, member: str, change: Callable[[Path], None], reason: str
) -> None:
    planned = plan(tmp_path)
    change(tmp_path / "photos" / member)
    before = photos_of(tmp_path)
    outcome = act(tmp_path, planned)
    left = LeftGroup(str(tmp_path / "photos/a.jpg"), f"{tmp_path / 'photos' / member} {reason}")
    assert outcome == Outcome(planned.groups[1].moves, (left,), ())
    moved = before.pop("photos/x/d.jpg")
    assert photos_of(tmp_path) == before | {"out/x/d.jpg": moved}


def test_apply_leaves_a_duplicate_that_became_its_keeper(tmp_path: Path) -> None:
    keeper = write_photo(tmp_path / "photos/a.jpg", b"same")
    copy = write_photo(tmp_path / "photos/b.jpg", b"same")
    planned = plan_moves(a_report(a_group(keeper, copy)), move_to=str(tmp_path / "out"))
    Path(copy.path).unlink()
    Path(copy.path).hardlink_to(keeper.path)
    outcome = act(tmp_path, planned)
    reason = f"{copy.path} was replaced by another file"
    assert outcome == Outcome((), (LeftGroup(keeper.path, reason),), ())
    assert sorted(photos_of(tmp_path)) == ["photos/a.jpg", "photos/b.jpg"]


def test_a_name_that_was_taken_after_the_plan_fails_alone(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    write_photo(tmp_path / "out/x/b.jpg", b"not ours")
    outcome = act(tmp_path, planned)
    assert [move.target for move in outcome.moved] == [
        str(tmp_path / "out/b.jpg"),
        str(tmp_path / "out/x/d.jpg"),
    ]
    assert [(f.move.number, f.reason) for f in outcome.failed] == [
        (1, "something already stands there")
    ]
    assert photos_of(tmp_path)["out/x/b.jpg"][0] == b"not ours"
    undo(last_run(tmp_path))
    assert photos_of(tmp_path)["out/x/b.jpg"][0] == b"not ours"


def test_a_folder_that_cannot_be_created_fails_its_moves_alone(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    write_photo(tmp_path / "out/x", b"a file where a folder should be")
    assert [failed.move.number for failed in act(tmp_path, planned).failed] == [1, 2]


def test_a_read_only_folder_fails_its_moves_alone(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    (tmp_path / "photos/x").chmod(0o500)
    if os.access(tmp_path / "photos/x", os.W_OK):
        pytest.skip("root may write to read-only folders")
    outcome = act(tmp_path, planned)
    (tmp_path / "photos/x").chmod(0o700)
    assert [failed.reason for failed in outcome.failed] == ["Permission denied"] * 2
    assert [move.number for move in outcome.moved] == [0]


def full_disk_at(number: int) -> Step:
    """Fail as a full disk does, after some intents were written."""
    intents = 0

    def step(name: str) -> None:
        nonlocal intents
        intents += name == "intent"
        if intents > number and name == "mkdir":
            raise OSError(errno.ENOSPC, "No space left on device")

    return step


def test_a_full_disk_stops_the_run_and_it_can_be_resumed_or_undone(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    before = photos_of(tmp_path)
    with pytest.raises(ApplyError, match=r"the disk is full: .* 1 files were moved") as caught:
        act(tmp_path, planned, full_disk_at(0))
    run = last_run(tmp_path)
    assert f"dedupe undo {run.stem}" in str(caught.value)
    assert resume(run) == Outcome(planned.moves[1:], (), ())
    undo(run)
    assert photos_of(tmp_path) == before


@pytest.mark.parametrize("stage", ["planned", "mkdir", "intent", "renamed", "done"])
def test_ctrl_c_leaves_what_undo_and_resume_can_mend(tmp_path: Path, stage: str) -> None:
    def step(name: str) -> None:
        if name == stage:
            raise KeyboardInterrupt

    planned = plan(tmp_path)
    before = photos_of(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        act(tmp_path, planned, step)
    resume(last_run(tmp_path))
    assert len([name for name in photos_of(tmp_path) if name.startswith("out")]) == 3
    undo(last_run(tmp_path))
    assert photos_of(tmp_path) == before


def test_resume_checks_the_rest_of_a_group_again(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    with pytest.raises(ApplyError):
        act(tmp_path, planned, full_disk_at(0))
    edit(tmp_path / "photos/a.jpg")
    outcome = resume(last_run(tmp_path))
    assert outcome.moved == planned.groups[1].moves
    assert [left.reason for left in outcome.stale] == [f"{tmp_path}/photos/a.jpg was modified"]


def test_a_run_that_was_taken_back_is_not_resumed(tmp_path: Path) -> None:
    act(tmp_path, plan(tmp_path))
    undo(last_run(tmp_path))
    with pytest.raises(ApplyError, match="it was taken back"):
        resume(last_run(tmp_path))


def test_undo_refuses_to_overwrite_and_brings_the_others_back(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    act(tmp_path, planned)
    write_photo(tmp_path / "photos/b.jpg", b"new photo")
    outcome = undo(last_run(tmp_path))
    assert [move.number for move in outcome.restored] == [2, 1]
    assert [(f.move.number, f.reason) for f in outcome.failed] == [
        (0, "something already stands there")
    ]
    assert photos_of(tmp_path)["photos/b.jpg"][0] == b"new photo"
    assert photos_of(tmp_path)["out/b.jpg"][0] == b"b"
    (tmp_path / "photos/b.jpg").unlink()
    assert undo(last_run(tmp_path)) == UndoOutcome(planned.moves[:1], ())


@pytest.mark.parametrize(
    ("change", "reason"),
    [(edit, "has other content since it was moved"), (Path.unlink, "No such file or directory")],
)
def test_undo_leaves_a_moved_file_that_changed(
    tmp_path: Path, change: Callable[[Path], None], reason: str
) -> None:
    act(tmp_path, plan(tmp_path))
    change(tmp_path / "out/b.jpg")
    outcome = undo(last_run(tmp_path))
    assert [(f.move.number, f.reason) for f in outcome.failed] == [(0, reason)]
    assert not (tmp_path / "photos/b.jpg").exists()
    assert len(outcome.restored) == 2


def test_undo_restores_time_and_permissions_and_vanished_folders(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    before = photos_of(tmp_path)
    before.pop("photos/x/c.jpg")
    act(tmp_path, planned)
    shutil.rmtree(tmp_path / "photos/x")
    (tmp_path / "out/x/d.jpg").chmod(0o777)
    os.utime(tmp_path / "out/x/d.jpg")
    undo(last_run(tmp_path))
    assert photos_of(tmp_path) == before


names = st.sampled_from(["a", "b", "c.jpg", "c (2).jpg", "\udcff", "é", "d/a", "d/e/a", "out/a"])
facts = st.tuples(
    st.binary(max_size=3), st.integers(-(2**60), 2**60), st.sampled_from([0o600, 0o444])
)


@settings(max_examples=40, deadline=None)
@given(
    tree=st.dictionaries(names, facts, min_size=2),
    standing=st.lists(names, max_size=2),
    size=st.integers(2, 4),
    out=st.sampled_from(["photos/out", "out"]),
)
def test_apply_then_undo_is_the_identity(
    tree: dict[str, tuple[bytes, int, int]], standing: list[str], size: int, out: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, target = Path(folder, "photos"), Path(folder, out)
        for name in standing:
            write_photo(target / name, b"stands there already")
        photos = [
            write_photo(root / name, content, mtime_ns=mtime_ns, mode=mode)
            for name, (content, mtime_ns, mode) in sorted(tree.items())
        ]
        parts = [photos[i : i + size] for i in range(0, len(photos), size)]
        report = a_report(*(a_group(*part) for part in parts if len(part) > 1))
        before = snapshot(root, target)
        planned = plan_moves(report, move_to=str(target), roots=[str(root)])
        assert act(Path(folder), planned) == Outcome(planned.moves, (), ())
        assert all(Path(group.keeper.path).exists() for group in report.groups)
        assert sorted(snapshot(root, target).values()) == sorted(before.values())
        undo(last_run(Path(folder)))
        assert snapshot(root, target) == before
