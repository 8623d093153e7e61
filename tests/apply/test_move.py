"""Moving one file."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders import MTIME_NS, snapshot, write_photo

from dedupe.apply import move
from dedupe.apply.move import FileState, Step, look, move_file, no_step, rename_exclusively, settle

PHOTO = (b"photo", MTIME_NS, 0o640)


def a_state(path: Path) -> FileState:
    photo = write_photo(path)
    return replace(look(photo.path), digest=photo.digest)


def refuse_flag(source: str, target: str) -> None:
    raise OSError(errno.EINVAL, "a file system without exclusive rename", source, None, target)


@pytest.fixture(params=["rename", "link"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "link":
        monkeypatch.setattr(move, "_rename_call", refuse_flag)


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


def go(state: FileState, target: Path, step: Step = no_step) -> list[int]:
    """Move a file and return the inodes that were noted."""
    notes: list[int] = []
    part = str(target) + ".part"
    move_file(state, str(target), part=part, note_copy=notes.append, step=step)
    return notes


@pytest.mark.usefixtures("_way")
def test_a_rename_never_overwrites(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", b"a")
    write_photo(tmp_path / "b.jpg", b"b")
    before = snapshot(tmp_path)
    with pytest.raises(FileExistsError):
        rename_exclusively(str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))
    assert snapshot(tmp_path) == before


@pytest.mark.usefixtures("_way")
def test_a_rename_does_not_overwrite_a_broken_link(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", b"a")
    (tmp_path / "b.jpg").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        rename_exclusively(str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))
    assert (tmp_path / "b.jpg").is_symlink()


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("name", ["b.jpg", "\udcff\n.jpg"])
def test_a_file_moves_with_its_time_and_permissions(tmp_path: Path, name: str) -> None:
    state = a_state(tmp_path / "a.jpg")
    assert go(state, tmp_path / name) == []
    assert snapshot(tmp_path) == {str(tmp_path / name): PHOTO}


def test_a_file_system_that_can_neither_rename_nor_link_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_link(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(move, "_rename_call", refuse_flag)
    monkeypatch.setattr(os, "link", refuse_link)
    state = a_state(tmp_path / "a.jpg")
    with pytest.raises(OSError, match="neither rename without overwriting nor link"):
        go(state, tmp_path / "b.jpg")
    assert snapshot(tmp_path) == {str(tmp_path / "a.jpg"): PHOTO}


def test_a_file_that_changed_is_not_moved(tmp_path: Path) -> None:
    state = a_state(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(b"other")
    with pytest.raises(OSError, match="was modified"):
        go(state, tmp_path / "b.jpg")
    assert list(snapshot(tmp_path)) == [str(tmp_path / "a.jpg")]


def test_across_file_systems_a_copy_has_content_time_permissions_and_attributes(
    tmp_path: Path, far: Path
) -> None:
    state = a_state(tmp_path / "a.jpg")
    try:
        os.setxattr(state.path, "user.rating", b"5")
    except OSError:
        attributes = []
    else:
        attributes = ["user.rating"]
    notes = go(state, far / "b.jpg")
    assert snapshot(tmp_path, far) == {str(far / "b.jpg"): PHOTO}
    assert notes == [(far / "b.jpg").stat().st_ino]
    if attributes and os.listxattr(far / "b.jpg"):  # tmpfs holds them from Linux 6.6 on
        assert os.getxattr(far / "b.jpg", "user.rating") == b"5"


def test_across_file_systems_nothing_is_overwritten(tmp_path: Path, far: Path) -> None:
    state = a_state(tmp_path / "a.jpg")
    write_photo(far / "b.jpg", b"other")
    before = snapshot(tmp_path, far)
    with pytest.raises(FileExistsError):
        go(state, far / "b.jpg")
    assert snapshot(tmp_path, far) == before


@pytest.mark.parametrize("stage", ["part created", "copied"])
@pytest.mark.parametrize("trouble", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_copy_that_is_cut_short_leaves_the_source_and_nothing_else(
    tmp_path: Path, far: Path, stage: str, trouble: BaseException
) -> None:
    def step(name: str) -> None:
        if name == stage:
            raise trouble

    state = a_state(tmp_path / "a.jpg")
    with pytest.raises(type(trouble)):
        go(state, far / "b.jpg", step)
    assert snapshot(tmp_path, far) == {state.path: PHOTO}


@pytest.mark.parametrize("stage", ["copied", "renamed"])
def test_a_source_that_changes_while_it_is_copied_stays(
    tmp_path: Path, far: Path, stage: str
) -> None:
    def step(name: str) -> None:
        if name == stage:
            (tmp_path / "a.jpg").write_bytes(b"saved by an editor")

    state = a_state(tmp_path / "a.jpg")
    with pytest.raises(OSError, match="was modified"):
        go(state, far / "b.jpg", step)
    assert list(snapshot(tmp_path, far)) == [state.path]
    assert (tmp_path / "a.jpg").read_bytes() == b"saved by an editor"


def test_a_copy_that_differs_from_its_photo_is_not_kept(
    tmp_path: Path, far: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move, "digest_file", lambda _path: "0" * 32)
    state = a_state(tmp_path / "a.jpg")
    with pytest.raises(OSError, match="the copy differs from the photo"):
        go(state, far / "b.jpg")
    assert snapshot(tmp_path, far) == {state.path: PHOTO}


def put(path: Path, content: str) -> int:
    """A file and its inode; `link:NAME` makes a hard link."""
    if content.startswith("link:"):
        path.hardlink_to(path.with_name(content.removeprefix("link:")))
        return path.stat().st_ino
    write_photo(path, content.encode())
    return path.stat().st_ino


@pytest.mark.parametrize(
    ("files", "noted", "arrived", "left"),
    [
        ({"a": "photo"}, False, False, {"a": "photo"}),
        ({"a": "photo", "part": "pho"}, False, False, {"a": "photo"}),
        ({"a": "photo", "part": "photo"}, False, False, {"a": "photo"}),
        ({"b": "photo"}, False, True, {"b": "photo"}),
        ({"a": "photo", "b": "link:a"}, False, True, {"b": "photo"}),
        ({"a": "photo", "b": "photo"}, True, True, {"b": "photo"}),
        ({"a": "photo", "b": "photo"}, False, False, {"a": "photo", "b": "photo"}),
        ({"a": "photo", "b": "other"}, True, False, {"a": "photo", "b": "other"}),
        ({"a": "edited", "b": "photo"}, True, True, {"a": "edited", "b": "photo"}),
        ({"a": "edited", "b": "photo"}, False, True, {"a": "edited", "b": "photo"}),
        ({"a": "edited", "b": "other"}, False, False, {"a": "edited", "b": "other"}),
    ],
)
def test_settling_never_loses_a_file_and_settles_once(
    tmp_path: Path, files: dict[str, str], noted: bool, arrived: bool, left: dict[str, str]
) -> None:
    """`a` is the source and `b` the target; `noted` tells that `b` is known to be our copy."""
    state = a_state(tmp_path / "a")
    (tmp_path / "a").unlink()
    inodes = {name: put(tmp_path / name, content) for name, content in files.items()}
    copied = inodes.get("b") if noted else None
    for _ in range(2):
        part, target = str(tmp_path / "part"), str(tmp_path / "b")
        assert settle(state, target, part=part, copied=copied) is arrived
        assert {p.name: p.read_text() for p in tmp_path.iterdir()} == left


@pytest.mark.parametrize("files", [{}, {"b": "other"}])
def test_settling_tells_when_the_file_is_at_neither_place(
    tmp_path: Path, files: dict[str, str]
) -> None:
    state = a_state(tmp_path / "a")
    (tmp_path / "a").unlink()
    for name, content in files.items():
        put(tmp_path / name, content)
    with pytest.raises(FileNotFoundError, match="stands neither there nor at"):
        settle(state, str(tmp_path / "b"), part=str(tmp_path / "part"), copied=None)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == files
