"""One file through two mounts, and a disk of another file system: nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from builders import a_group, a_report, snapshot, write_photo
from runs import a_photo_at, act, last_run, plan_for

from dedupe.apply.execute import resume
from dedupe.apply.plan import ActionKind, plan_actions
from dedupe.apply.undo import undo

linux = pytest.mark.skipif(sys.platform != "linux", reason="mounts of Linux")


Mount = Callable[[Path], AbstractContextManager[tuple[Path, Path]]]


@contextmanager
def mounted_by(*command: str) -> Iterator[None]:
    """Run a command that mounts the folder it names last; skip the test if it fails."""
    if not shutil.which(command[0]) or subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"no {command[0]}, or no right to mount: {' '.join(command[:3])}")
    try:
        yield
    finally:
        subprocess.run(["umount", command[-1]], check=True)


@contextmanager
def an_overlay(tmp_path: Path, shown: str = "upper") -> Iterator[tuple[Path, Path]]:
    """Mount an overlay; yield one of its two layers and the folder that shows both."""
    folders = [tmp_path / name for name in ("lower", "upper", "work", "merged")]
    for folder in folders:
        folder.mkdir()
    lower, upper, work, merged = folders
    if shown == "lower":
        write_photo(lower / "a.jpg", b"the only copy")
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    with mounted_by("mount", "-t", "overlay", "overlay", "-o", options, str(merged)):
        yield tmp_path / shown, merged


@contextmanager
def a_bindfs(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Mount a folder a second time through FUSE, which gives it another device."""
    folders = tmp_path / "upper", tmp_path / "merged"
    for folder in folders:
        folder.mkdir()
    with mounted_by("bindfs", *map(str, folders)):
        yield folders


@contextmanager
def a_bind_mount(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Mount a folder a second time."""
    folders = tmp_path / "photos", tmp_path / "again"
    for folder in folders:
        folder.mkdir()
    with mounted_by("mount", "--bind", *map(str, folders)):
        yield folders


@linux
@pytest.mark.parametrize("mounted", [an_overlay, a_bindfs])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("kind", ["delete", "symlink", "move", "trash"])
def test_delete_of_two_views_of_one_file_through_two_devices_keeps_it(
    tmp_path: Path, kind: ActionKind, warm: bool, mounted: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with mounted(tmp_path) as (upper, merged):
        write_photo(merged / "a.jpg", b"the only copy")
        for first, second in ((upper, merged), (merged, upper)):
            keeper, duplicate = (a_photo_at(folder / "a.jpg") for folder in (first, second))
            if warm:
                (first / "a.jpg").read_bytes()
            outcome = act(tmp_path, plan_for(kind, tmp_path, keeper, duplicate))
            assert outcome.done == ()
            assert (merged / "a.jpg").read_bytes() == b"the only copy"
            assert (upper / "a.jpg").read_bytes() == b"the only copy"
            assert [name for name in os.listdir(upper) if name != ".Trash-0"] == ["a.jpg"]


@linux
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("kind", ["delete", "symlink", "move"])
def test_delete_below_an_overlay_that_shows_the_keeper_keeps_the_file(
    tmp_path: Path, kind: ActionKind, warm: bool
) -> None:
    with an_overlay(tmp_path, "lower") as (lower, merged):
        if warm:
            (merged / "a.jpg").read_bytes()
        keeper, duplicate = a_photo_at(merged / "a.jpg"), a_photo_at(lower / "a.jpg")
        (merged / "unused.jpg").unlink(missing_ok=True)
        assert act(tmp_path, plan_for(kind, tmp_path, keeper, duplicate)).done == ()
        assert (lower / "a.jpg").read_bytes() == b"the only copy"
        assert os.listdir(lower) == ["a.jpg"]


@linux
@pytest.mark.parametrize("kind", ["delete", "symlink", "move"])
def test_delete_of_two_views_of_one_file_through_a_bind_mount_keeps_it(
    tmp_path: Path, kind: ActionKind
) -> None:
    with a_bind_mount(tmp_path) as (photos, again):
        write_photo(photos / "a.jpg", b"the only copy")
        keeper, duplicate = a_photo_at(photos / "a.jpg"), a_photo_at(again / "a.jpg")
        plan = plan_for(kind, tmp_path, keeper, duplicate)
        assert plan.actions == ()
        assert [left.keeper for left in plan.refused] == [keeper.path]
        assert (photos / "a.jpg").read_bytes() == b"the only copy"


class ExFat:
    """A disk with exFAT over FUSE, which has neither exclusive renames nor links."""

    def __init__(self, tmp_path: Path) -> None:
        for tool in ("losetup", "mkfs.exfat", "mount.exfat-fuse", "umount"):
            if not shutil.which(tool):
                pytest.skip(f"no {tool}")
        self.folder = tmp_path / "exfat"
        self.folder.mkdir()
        image = tmp_path / "exfat.img"
        with image.open("wb") as file:
            file.truncate(16 << 20)
        self.loop = self._run("losetup", "--find", "--show", str(image))
        self._run("mkfs.exfat", self.loop)
        self.mount()

    def mount(self) -> None:
        self._run("mount.exfat-fuse", self.loop, str(self.folder))

    def unmount(self) -> None:
        self._run("umount", str(self.folder))

    def close(self) -> None:
        self.unmount()
        self._run("losetup", "--detach", self.loop)

    @staticmethod
    def _run(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot {command[0]}: {done.stderr.strip()}")
        return done.stdout.strip()


@pytest.fixture
def exfat(tmp_path: Path) -> Iterator[ExFat]:
    disk = ExFat(tmp_path)
    yield disk
    disk.close()


@linux
@pytest.mark.parametrize(
    ("kind", "inside"), [("move", True), ("move", False), ("trash", False), ("delete", False)]
)
def test_a_run_on_exfat_over_fuse_is_resumed_and_undone_after_a_remount(
    exfat: ExFat, tmp_path: Path, kind: ActionKind, inside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = exfat.folder / "photos"
    for number in range(4):
        write_photo(folder / f"{number}.jpg", b"same" * 99)
    before = {path: facts[:2] for path, facts in snapshot(folder).items()}
    photos = [a_photo_at(folder / f"{number}.jpg") for number in range(4)]
    out = str((exfat.folder if inside else tmp_path) / "out")
    plan = plan_actions(
        a_report(a_group(*photos, kind="exact", distance=0.0)), kind=kind, move_to=out
    )

    def interrupt(call: str, _subject: str) -> None:
        if call == "unlink" and not (folder / "1.jpg").exists():
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        act(tmp_path, plan, before=interrupt)
    exfat.unmount()
    exfat.mount()
    assert resume(last_run(tmp_path)).failed == ()
    assert os.listdir(folder) == ["0.jpg"]
    exfat.unmount()
    exfat.mount()
    assert undo(last_run(tmp_path)).failed == ()
    assert {path: facts[:2] for path, facts in snapshot(folder).items()} == before
