"""The promises of docs/safety.md about acting on a report, one test each."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from builders import a_group, a_report, snapshot, write_photo
from faults import Died, at, both, faults, without
from pictures import draw, save
from runs import a_photo_at, act, last_run, plan_for

from dedupe.apply.execute import apply_plan, resume
from dedupe.apply.history import read_run
from dedupe.apply.journal import start_journal
from dedupe.apply.plan import ActionKind, plan_actions
from dedupe.apply.run import ApplyOptions, apply_report
from dedupe.apply.undo import undo
from dedupe.errors import ReportError
from dedupe.files.metadata import read_metadata
from dedupe.report import read_report, write_report
from dedupe.types import Kind, Report

linux = pytest.mark.skipif(sys.platform != "linux", reason="ACLs and kills of Linux")


# A keeper that vanishes


@pytest.mark.parametrize("kind", ["delete", "hardlink", "symlink", "move", "trash"])
def test_a_duplicate_comes_back_if_its_keeper_is_gone_after_it_was_renamed(
    tmp_path: Path, kind: ActionKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a second mount of any kind looks like: with the duplicate, the keeper vanishes."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    keeper = write_photo(tmp_path / "photos/a.jpg", b"the only copy")
    duplicate = write_photo(tmp_path / "view/a.jpg", b"the only copy")
    plan = plan_for(kind, tmp_path, keeper, duplicate)
    outcome = act(tmp_path, plan, before=at("rename", Path(keeper.path).unlink))
    assert [f.reason for f in outcome.failed] == [f"its keeper {keeper.path} is gone"]
    assert Path(duplicate.path).read_bytes() == b"the only copy"
    assert os.listdir(tmp_path / "view") == ["a.jpg"]


@pytest.mark.parametrize("kind", ["delete", "move"])
def test_a_duplicate_comes_back_if_its_rename_changed_the_keeper_as_well(
    tmp_path: Path, kind: ActionKind
) -> None:
    """An overlay shows a renamed file under its old name for a while, but with its new time."""
    keeper = write_photo(tmp_path / "photos/a.jpg", b"the only copy")
    duplicate = write_photo(tmp_path / "view/a.jpg", b"the only copy")
    Path(keeper.path).chmod(0o600)
    plan = plan_for(kind, tmp_path, keeper, duplicate)

    def change_the_time() -> None:
        before = os.stat(keeper.path).st_ctime_ns
        while os.stat(keeper.path).st_ctime_ns == before:
            os.chmod(keeper.path, 0o644)

    outcome = act(tmp_path, plan, before=at("rename", change_the_time))
    [failed] = outcome.failed
    assert failed.reason.endswith(
        "changed when its duplicate was renamed: they may be one file on disk"
    )
    assert os.listdir(tmp_path / "view") == ["a.jpg"]


# Undo gives everything back


def an_acl(*permissions: int) -> bytes:
    """An ACL as in linux/posix_acl_xattr.h: owner, user 1001, group, mask, other."""
    tags = ((1, 0xFFFFFFFF), (2, 1001), (4, 0xFFFFFFFF), (16, 0xFFFFFFFF), (32, 0xFFFFFFFF))
    entries = zip(tags, permissions, strict=True)
    return (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + who.to_bytes(4, "little")
        for (tag, who), bits in entries
    )


@linux
@pytest.mark.parametrize("kind", ["hardlink", "symlink", "delete", "move", "trash"])
def test_undo_gives_back_owner_mode_times_attributes_and_acl(
    tmp_path: Path, kind: ActionKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    keeper = write_photo(tmp_path / "photos/a.jpg", b"same")
    duplicate = write_photo(tmp_path / "photos/b.jpg", b"same", mode=0o640)
    try:
        os.setxattr(duplicate.path, "user.rating", b"5 \x00 stars")
        os.setxattr(duplicate.path, "system.posix_acl_access", an_acl(6, 4, 4, 4, 0))
    except OSError as error:
        pytest.skip(f"no attributes or ACLs here: {error}")
    if os.getuid() == 0:
        os.chown(duplicate.path, 1234, 4321)
    before = read_metadata(duplicate.path)
    assert {"user.rating", "system.posix_acl_access"} <= before.attributes.keys()
    act(tmp_path, plan_for(kind, tmp_path, keeper, duplicate))
    if kind == "move":  # a file system may drop them on the way
        os.removexattr(tmp_path / "out/b.jpg", "user.rating")
        os.chown(tmp_path / "out/b.jpg", os.getuid(), os.getgid())
    assert undo(last_run(tmp_path)).failed == ()
    after = read_metadata(duplicate.path)
    assert (after.uid, after.gid, after.mode) == (before.uid, before.gid, before.mode)
    assert (after.mtime_ns, after.attributes) == (before.mtime_ns, before.attributes)


def test_undo_finds_the_trash_of_a_job_with_another_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform in ("darwin", "win32"):
        pytest.skip("the trash of this system is not a readable folder")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "of the job"))
    keeper = write_photo(tmp_path / "photos/a.jpg", b"same")
    duplicate = write_photo(tmp_path / "photos/b.jpg", b"same")
    act(tmp_path, plan_for("trash", tmp_path, keeper, duplicate))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "of the user"))
    [facts] = read_run(last_run(tmp_path)).facts.values()
    assert facts["place"] == str(tmp_path / "of the job/Trash/files/b.jpg")
    assert undo(last_run(tmp_path)).failed == ()
    assert Path(duplicate.path).read_bytes() == b"same"


@pytest.mark.parametrize("kind", ["move", "delete", "trash"])
def test_undo_works_on_a_disk_without_exclusive_rename_and_without_links(
    tmp_path: Path, kind: ActionKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    keeper = write_photo(tmp_path / "photos/a.jpg", b"same")
    duplicate = write_photo(tmp_path / "photos/b.jpg", b"same")
    before = snapshot(tmp_path / "photos")
    with faults(before=without("rename", "link")):
        plan = plan_for(kind, tmp_path, keeper, duplicate)
        with start_journal(tmp_path / "runs", kind=kind, move_to=plan.move_to) as journal:
            assert apply_plan(plan, journal).done == plan.actions
        assert list(snapshot(tmp_path / "photos")) == [keeper.path]
        assert undo(last_run(tmp_path)).failed == ()
    assert snapshot(tmp_path / "photos") == before


def save_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate()
        file.write(b"saved by an editor")


def save_by_a_new_file(path: Path) -> None:
    path.with_name("editor").write_bytes(b"saved by an editor")
    path.with_name("editor").replace(path)


@pytest.mark.parametrize("save", [save_in_place, save_by_a_new_file])
@pytest.mark.parametrize("call", ["write", "change", "sync"])
@pytest.mark.parametrize("kind", ["move", "delete", "trash"])
def test_what_an_editor_saves_stays_while_undo_copies_the_photo_back(
    tmp_path: Path,
    kind: ActionKind,
    call: str,
    save: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    keeper = write_photo(tmp_path / "photos/a.jpg", b"same" * 99)
    duplicate = write_photo(tmp_path / "photos/b.jpg", b"same" * 99)
    place = Path(duplicate.path)
    saved: list[str] = []

    def edit(name: str, subject: str) -> None:
        if (name, subject) == (call, duplicate.path) and not saved:
            saved.append(subject)
            save(place)

    with faults(before=without("rename", "link")):
        plan = plan_for(kind, tmp_path, keeper, duplicate)
        with start_journal(tmp_path / "runs", kind=kind, move_to=plan.move_to) as journal:
            assert apply_plan(plan, journal).done == plan.actions
    away = [path for path in tmp_path.rglob("b.jpg") if path.read_bytes() == b"same" * 99]
    with faults(before=both(edit, without("rename", "link"))):
        [failed] = undo(last_run(tmp_path)).failed
    assert failed.reason == "another program saved a file at its path while it was copied there"
    for _ in range(2):  # a second undo leaves it as well
        assert place.read_bytes() == b"saved by an editor"
        assert sorted(os.listdir(tmp_path / "photos")) == ["a.jpg", "b.jpg"]
        assert [path.read_bytes() for path in away] == [b"same" * 99] * (kind != "delete")
        undo(last_run(tmp_path))


@pytest.mark.parametrize("save", [save_in_place, save_by_a_new_file])
def test_what_an_editor_saves_stays_if_the_disk_fails_after_the_copy(
    tmp_path: Path, save: Callable[[Path], None]
) -> None:
    keeper = write_photo(tmp_path / "photos/a.jpg", b"same" * 99)
    duplicate = write_photo(tmp_path / "photos/b.jpg", b"same" * 99)
    act(tmp_path, plan_for("move", tmp_path, keeper, duplicate))

    def fail(call: str, subject: str) -> None:
        if (call, subject) == ("sync", str(tmp_path / "photos")):
            save(Path(duplicate.path))
            raise OSError(errno.EIO, "Input/output error", subject)

    with faults(before=both(fail, without("rename", "link"))):
        [failed] = undo(last_run(tmp_path)).failed
    assert failed.reason == "Input/output error"
    assert Path(duplicate.path).read_bytes() == b"saved by an editor"
    assert (tmp_path / "out/b.jpg").read_bytes() == b"same" * 99


def remounted(folder: Path) -> None:
    """Give every file another inode, as some file systems do after they were mounted again."""
    for path in [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]:
        shutil.copy2(path, f"{path}.copy")
        os.replace(f"{path}.copy", path)


@pytest.mark.parametrize("kind", ["move", "delete", "hardlink", "symlink"])
def test_a_run_is_resumed_although_inodes_changed_since(tmp_path: Path, kind: ActionKind) -> None:
    photos = [write_photo(tmp_path / f"photos/{n}.jpg", b"same") for n in range(3)]
    report = a_report(a_group(*photos, kind="exact", distance=0.0))
    plan = plan_actions(report, kind=kind, move_to=str(tmp_path / "out"))
    calls = 0

    def interrupt(call: str, _subject: str) -> None:
        nonlocal calls
        calls += call == "unlink" if kind != "move" else call == "rename"
        if calls == 2:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt), ExitStack() as stack:
        stack.enter_context(faults(before=interrupt))
        journal = stack.enter_context(
            start_journal(tmp_path / "runs", kind=kind, move_to=plan.move_to)
        )
        apply_plan(plan, journal)
    if kind != "hardlink":  # a remount does not break links
        remounted(tmp_path / "photos")
    outcome = resume(last_run(tmp_path))
    assert (outcome.stale, outcome.failed) == ((), ())
    assert read_run(last_run(tmp_path)).applied == {0, 1}


@pytest.mark.parametrize("kind", ["hardlink", "symlink", "delete", "move"])
@pytest.mark.parametrize("back", [False, True])
def test_a_flush_that_fails_after_the_last_change_does_not_hide_the_change(
    tmp_path: Path, kind: ActionKind, back: bool
) -> None:
    def fail(call: str, subject: str) -> None:
        if call == "sync" and subject == str(tmp_path / "photos") and begun:
            raise OSError(errno.EIO, "Input/output error", subject)

    begun = not back
    keeper = write_photo(tmp_path / "photos/a.jpg", b"same")
    duplicate = write_photo(tmp_path / "photos/b.jpg", b"same", mode=0o600)
    before = snapshot(tmp_path / "photos")
    outcome = act(tmp_path, plan_for(kind, tmp_path, keeper, duplicate), before=fail)
    assert len(outcome.failed) == (not back)
    begun = True
    with faults(before=fail):
        if back:
            assert len(undo(last_run(tmp_path)).failed) == 1
    assert undo(last_run(tmp_path)).failed == ()
    assert snapshot(tmp_path / "photos") == before
    assert not os.path.samefile(keeper.path, duplicate.path)


def test_an_error_of_the_disk_leaves_the_file_in_its_place(tmp_path: Path) -> None:
    keeper = write_photo(tmp_path / "photos/a.jpg", b"same")
    duplicate = write_photo(tmp_path / "photos/b.jpg", b"same")

    def refuse(call: str, subject: str) -> None:
        if call == "rename":
            raise OSError(errno.EIO, "Input/output error", subject)

    outcome = act(tmp_path, plan_for("move", tmp_path, keeper, duplicate), before=refuse)
    assert [f.reason for f in outcome.failed] == ["Input/output error"]
    assert sorted(os.listdir(tmp_path / "photos")) == ["a.jpg", "b.jpg"]


# What a kill leaves


@linux
@pytest.mark.parametrize("back", [False, True])
def test_the_next_run_removes_temporary_files_that_a_kill_left(tmp_path: Path, back: bool) -> None:
    def across(call: str, subject: str) -> None:
        if call == "rename" and subject.endswith("b.jpg"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")

    def die(call: str, _subject: str) -> None:
        if call == "create":
            raise Died

    photos = tmp_path / "photos"
    report = a_report(a_group(write_photo(photos / "a.jpg", b"a"), write_photo(photos / "b.jpg")))
    options = ApplyOptions(kind="move", move_to=str(tmp_path / "out"))
    runs = tmp_path / "runs"
    if back:
        killed = apply_report(report, options, folder=runs).run
    with suppress(Died), faults(before=across, after=die):
        if back:
            undo(killed, folder=runs)
        else:
            apply_report(report, options, folder=runs)
    [left] = tmp_path.rglob(".dedupe-*.part")
    assert left.parent == (photos if back else tmp_path / "out")
    other = a_report(a_group(write_photo(photos / "c.jpg", b"c"), write_photo(photos / "d.jpg")))
    apply_report(other, options, folder=runs)
    assert list(tmp_path.rglob(".dedupe-*")) == []
    assert sorted(path.name for path in tmp_path.rglob("*.jpg")) == [
        "a.jpg", "b.jpg", "c.jpg", "d.jpg",
    ]  # fmt: skip


# A report that was written by hand


def a_report_on_disk(tmp_path: Path, *, kind: Kind) -> Report:
    """A report as a forger writes it: of any two files, with their true sizes and digests."""
    keeper = save(draw(1), tmp_path / "photos/a.png")
    private = tmp_path / "photos/tax return.pdf"
    private.write_bytes(keeper.read_bytes() if kind == "exact" else b"%PDF-1.7 not a picture")
    report = a_report(a_group(a_photo_at(keeper), a_photo_at(private), kind=kind, distance=0.0))
    write_report(report, str(tmp_path / "r.json"), format="json")
    return read_report(str(tmp_path / "r.json"))


@pytest.mark.parametrize("kind", ["same", "edited"])
def test_a_forged_report_does_not_move_a_file_that_is_not_a_picture(
    tmp_path: Path, kind: Kind
) -> None:
    report = a_report_on_disk(tmp_path, kind=kind)
    options = ApplyOptions(kind="move", move_to=str(tmp_path / "out"))
    applied = apply_report(report, options, folder=tmp_path / "runs")
    [left] = applied.plan.refused
    assert "tax return.pdf is not a picture that decodes: " in left.reason
    assert (applied.run, applied.outcome.done) == ("", ())
    assert (tmp_path / "photos/tax return.pdf").exists()


def test_a_file_with_the_bytes_of_its_keeper_need_not_be_decoded(tmp_path: Path) -> None:
    report = a_report_on_disk(tmp_path, kind="exact")
    options = ApplyOptions(kind="move", move_to=str(tmp_path / "out"))
    assert len(apply_report(report, options, folder=tmp_path / "runs").outcome.done) == 1


def test_a_report_cannot_reach_a_file_outside_of_its_bound(tmp_path: Path) -> None:
    report = a_report_on_disk(tmp_path, kind="exact")
    (tmp_path / "inside").mkdir()
    within = str(tmp_path / "inside")
    options = ApplyOptions(kind="move", move_to=str(tmp_path / "out"), within=within)
    with pytest.raises(ReportError, match=r"a\.png', which is outside of .*nothing was touched"):
        apply_report(report, options, folder=tmp_path / "runs")
