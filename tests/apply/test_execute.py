"""Acting on a plan, going on with it, and taking it back."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from builders import MTIME_NS, a_group, a_report, snapshot, write_photo
from faults import at, faults, raising
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import act, last_run, photos_of, two_groups

from dedupe.apply.execute import Outcome, apply_plan, resume
from dedupe.apply.journal import start_journal
from dedupe.apply.plan import ActionKind, LeftGroup, Plan, plan_actions
from dedupe.apply.undo import UndoOutcome, undo
from dedupe.errors import ApplyError
from dedupe.files.system import no_fault
from dedupe.types import Report


def plan(tmp_path: Path) -> Plan:
    report = two_groups(tmp_path)
    return plan_actions(report, move_to=str(tmp_path / "out"), roots=[str(tmp_path / "photos")])


def test_apply_moves_every_duplicate_and_no_keeper(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    counts: list[tuple[str, int, int]] = []
    with start_journal(tmp_path / "runs", move_to=planned.move_to) as journal:
        outcome = apply_plan(planned, journal, on_progress=lambda *facts: counts.append(facts))
    assert outcome == Outcome(planned.actions, (), ())
    assert photos_of(tmp_path) == {
        "photos/a.jpg": (b"a", MTIME_NS, 0o640),
        "photos/x/c.jpg": (b"c", MTIME_NS, 0o640),
        "out/b.jpg": (b"b", MTIME_NS, 0o640),
        "out/x/b.jpg": (b"b2", MTIME_NS, 0o640),
        "out/x/d.jpg": (b"d", MTIME_NS, 0o600),
    }
    assert counts == [("apply", 1, 3)] * 3


def test_undo_brings_everything_back_and_removes_the_folders_it_made(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    before = photos_of(tmp_path)
    act(tmp_path, planned)
    outcome = undo(last_run(tmp_path).stem, folder=tmp_path / "runs")
    assert outcome == UndoOutcome(tuple(reversed(planned.actions)), ())
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
    assert outcome == Outcome(planned.groups[1].actions, (left,), ())
    moved = before.pop("photos/x/d.jpg")
    assert photos_of(tmp_path) == before | {"out/x/d.jpg": moved}


def test_apply_leaves_a_duplicate_that_became_its_keeper(tmp_path: Path) -> None:
    keeper = write_photo(tmp_path / "photos/a.jpg", b"same")
    copy = write_photo(tmp_path / "photos/b.jpg", b"same")
    planned = plan_actions(a_report(a_group(keeper, copy)), move_to=str(tmp_path / "out"))
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
    assert [move.target for move in outcome.done] == [
        str(tmp_path / "out/b.jpg"),
        str(tmp_path / "out/x/d.jpg"),
    ]
    assert [(f.action.number, f.reason) for f in outcome.failed] == [
        (1, "its path is taken by another file")
    ]
    assert photos_of(tmp_path)["out/x/b.jpg"][0] == b"not ours"
    undo(last_run(tmp_path))
    assert photos_of(tmp_path)["out/x/b.jpg"][0] == b"not ours"


def test_a_folder_that_cannot_be_created_fails_its_moves_alone(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    write_photo(tmp_path / "out/x", b"a file where a folder should be")
    assert [failed.action.number for failed in act(tmp_path, planned).failed] == [1, 2]


def test_a_read_only_folder_fails_its_moves_alone(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    (tmp_path / "photos/x").chmod(0o500)
    if os.access(tmp_path / "photos/x", os.W_OK):
        pytest.skip("root may write to read-only folders")
    outcome = act(tmp_path, planned)
    (tmp_path / "photos/x").chmod(0o700)
    assert [failed.reason for failed in outcome.failed] == ["Permission denied"] * 2
    assert [action.number for action in outcome.done] == [0]


def full_disk_after_a_move(call: str, subject: str) -> None:
    """Fail as a full disk does, when the second folder is made."""
    if call == "mkdir" and subject.endswith("out/x"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_stops_the_run_and_it_can_be_resumed_or_undone(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    before = photos_of(tmp_path)
    with pytest.raises(ApplyError, match=r"the disk is full: .* 1 files went") as caught:
        act(tmp_path, planned, after=full_disk_after_a_move)
    run = last_run(tmp_path)
    assert f"dedupe undo {run.stem}" in str(caught.value)
    assert resume(run) == Outcome(planned.actions[1:], (), ())
    undo(run)
    assert photos_of(tmp_path) == before


@pytest.mark.parametrize("stage", ["planned", "mkdir", "intent", "rename", "done"])
def test_ctrl_c_leaves_what_undo_and_resume_can_mend(tmp_path: Path, stage: str) -> None:
    step = at(stage, raising(KeyboardInterrupt()))
    planned = plan(tmp_path)
    before = photos_of(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        act(tmp_path, planned, after=step)
    resume(last_run(tmp_path))
    assert len([name for name in photos_of(tmp_path) if name.startswith("out")]) == 3
    undo(last_run(tmp_path))
    assert photos_of(tmp_path) == before


@pytest.mark.parametrize("back", [False, True])
def test_a_photo_with_its_place_taken_after_a_kill_is_not_forgotten(
    tmp_path: Path, back: bool
) -> None:
    step = at("rename", raising(KeyboardInterrupt()))
    planned = plan(tmp_path)
    with suppress(KeyboardInterrupt):
        act(tmp_path, planned, after=no_fault if back else step)
    with suppress(KeyboardInterrupt), faults(after=step):
        if back:
            undo(last_run(tmp_path))
    left = "out/x/d.jpg" if back else "photos/b.jpg"
    write_photo(tmp_path / left, b"came meanwhile")
    outcome = undo(last_run(tmp_path))
    assert photos_of(tmp_path)[left][0] == b"came meanwhile"
    assert [(f.action.number, f.reason) for f in outcome.failed] == (
        [] if back else [(0, "its path is taken by another file")]
    )
    assert len(outcome.restored) == (3 if back else 0)


def test_resume_checks_the_rest_of_a_group_again(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    with pytest.raises(ApplyError):
        act(tmp_path, planned, after=full_disk_after_a_move)
    edit(tmp_path / "photos/a.jpg")
    outcome = resume(last_run(tmp_path))
    assert outcome.done == planned.groups[1].actions
    assert [left.reason for left in outcome.stale] == [f"{tmp_path}/photos/a.jpg was modified"]


def test_a_run_that_was_taken_back_is_not_resumed(tmp_path: Path) -> None:
    act(tmp_path, plan(tmp_path))
    undo(last_run(tmp_path))
    with pytest.raises(ApplyError, match="it was undone"):
        resume(last_run(tmp_path))


def test_undo_refuses_to_overwrite_and_brings_the_others_back(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    act(tmp_path, planned)
    write_photo(tmp_path / "photos/b.jpg", b"new photo")
    outcome = undo(last_run(tmp_path))
    assert [action.number for action in outcome.restored] == [2, 1]
    assert [(f.action.number, f.reason) for f in outcome.failed] == [
        (0, "its path is taken by another file")
    ]
    assert photos_of(tmp_path)["photos/b.jpg"][0] == b"new photo"
    assert photos_of(tmp_path)["out/b.jpg"][0] == b"b"
    (tmp_path / "photos/b.jpg").unlink()
    assert undo(last_run(tmp_path)) == UndoOutcome(planned.actions[:1], ())


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
    assert [(f.action.number, f.reason) for f in outcome.failed] == [(0, reason)]
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
        planned = plan_actions(report, move_to=str(target), roots=[str(root)])
        assert act(Path(folder), planned) == Outcome(planned.actions, (), ())
        assert all(Path(group.keeper.path).exists() for group in report.groups)
        assert sorted(snapshot(root, target).values()) == sorted(before.values())
        undo(last_run(Path(folder)))
        assert snapshot(root, target) == before


def twins(tmp_path: Path) -> Report:
    """Two groups of a keeper and copies of the same bytes."""
    photos = tmp_path / "photos"
    return a_report(
        *(
            a_group(
                write_photo(photos / f"{name}.jpg", name.encode()),
                write_photo(photos / f"x/{name}.jpg", name.encode(), mode=0o600),
                write_photo(photos / f"y/{name}.jpg", name.encode(), mode=0o400),
                kind="exact",
            )
            for name in ("a", "b")
        )
    )


@pytest.mark.parametrize("kind", ["hardlink", "symlink", "delete"])
def test_what_was_linked_or_deleted_comes_back(tmp_path: Path, kind: ActionKind) -> None:
    report = twins(tmp_path)
    before = photos_of(tmp_path)
    planned = plan_actions(report, kind=kind)
    assert act(tmp_path, planned) == Outcome(planned.actions, (), ())
    keepers = {"photos/a.jpg", "photos/b.jpg"}
    assert {name: before[name] for name in keepers}.items() <= photos_of(tmp_path).items()
    assert len(photos_of(tmp_path)) == (2 if kind == "delete" else 6)
    assert undo(last_run(tmp_path)).failed == ()
    assert photos_of(tmp_path) == before
    assert all(path.lstat().st_nlink == 1 for path in (tmp_path / "photos").rglob("*.jpg"))


def test_undo_says_what_was_deleted_for_good_and_brings_the_rest_back(tmp_path: Path) -> None:
    report = two_groups(tmp_path)
    act(tmp_path, plan_actions(report, kind="delete"))
    outcome = undo(last_run(tmp_path))
    assert outcome.restored == ()
    assert {failed.reason for failed in outcome.failed} == {
        "was deleted, and no other file had its bytes"
    }
    assert undo(last_run(tmp_path)) == UndoOutcome((), ())  # a second try would be in vain


def test_part_of_a_run_can_be_taken_back_and_the_rest_later(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    before = photos_of(tmp_path)
    act(tmp_path, planned)
    part = undo(last_run(tmp_path), wanted=lambda path: path.endswith("x/b.jpg"))
    assert [os.path.relpath(a.source, tmp_path) for a in part.restored] == ["photos/x/b.jpg"]
    assert (tmp_path / "out/b.jpg").exists()
    assert len(undo(last_run(tmp_path)).restored) == 2
    assert photos_of(tmp_path) == before


def test_an_undo_of_nothing_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    act(tmp_path, plan(tmp_path))
    before = last_run(tmp_path).read_bytes()
    assert undo(last_run(tmp_path), wanted=lambda _: False) == UndoOutcome((), ())
    assert last_run(tmp_path).read_bytes() == before


@pytest.mark.parametrize("kind", ["move", "delete"])
def test_a_keeper_that_goes_after_its_group_was_checked_stops_the_group(
    tmp_path: Path, kind: ActionKind
) -> None:
    step = at("done", (tmp_path / "photos/a.jpg").unlink)
    report = two_groups(tmp_path)
    outcome = act(
        tmp_path, plan_actions(report, kind=kind, move_to=str(tmp_path / "out")), after=step
    )
    assert [(f.action.number, f.reason) for f in outcome.failed] == [
        (1, f"its keeper {tmp_path}/photos/a.jpg is gone")
    ]
    assert (tmp_path / "photos/x/b.jpg").read_bytes() == b"b2"


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(["move", "hardlink", "symlink", "delete"]),
    contents=st.lists(st.sampled_from([b"", b"one", b"two"]), min_size=2, max_size=9),
    mode=st.sampled_from([0o400, 0o600, 0o644]),
)
def test_any_action_and_its_undo_are_the_identity_on_twins(
    kind: ActionKind, contents: list[bytes], mode: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "photos")
        photos = [
            write_photo(root / f"{n % 3}/{n}.jpg", content, mtime_ns=n, mode=mode)
            for n, content in enumerate(contents)
        ]
        same = {c: [p for p, content in zip(photos, contents, strict=True) if content == c]
                for c in contents}  # fmt: skip
        groups = [a_group(*some, kind="exact") for some in same.values() if len(some) > 1]
        before = snapshot(root)
        out = str(Path(folder, "out"))
        planned = plan_actions(a_report(*groups), kind=kind, move_to=out)
        assert act(Path(folder), planned) == Outcome(planned.actions, (), ())
        undo(last_run(Path(folder)))
        assert snapshot(root) == before
        assert not Path(out).exists()
