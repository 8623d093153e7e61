"""Moving one file, and recovering a move that was cut short."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import MTIME_NS, snapshot, write_photo
from faults import a_state, an_attempt, at, both, faults, raising, without

from dedupe.apply.attempt import Attempt
from dedupe.apply.move import move_file, recover_move
from dedupe.files.state import FileState

PHOTO = (b"photo", MTIME_NS, 0o640)
WAYS = {"rename": (), "link": ("rename",), "copy": ("rename", "link")}


@pytest.fixture(params=list(WAYS))
def _way(request: pytest.FixtureRequest) -> Iterator[None]:
    with faults(before=without(*WAYS[request.param])):
        yield


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


def go(state: FileState, target: Path) -> Attempt:
    attempt = an_attempt(state, target=str(target))
    move_file(attempt, state, str(target))
    return attempt


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("name", ["b.jpg", "\udcff\n.jpg"])
def test_a_file_moves_with_its_time_and_permissions(tmp_path: Path, name: str) -> None:
    state = a_state(tmp_path / "a.jpg")
    go(state, tmp_path / name)
    assert snapshot(tmp_path) == {str(tmp_path / name): PHOTO}


@pytest.mark.usefixtures("_way")
def test_a_move_never_overwrites(tmp_path: Path) -> None:
    state = a_state(tmp_path / "a.jpg")
    write_photo(tmp_path / "b.jpg", b"other")
    before = snapshot(tmp_path)
    with pytest.raises(FileExistsError):
        go(state, tmp_path / "b.jpg")
    assert snapshot(tmp_path) == before


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
    attempt = go(state, far / "b.jpg")
    assert snapshot(tmp_path, far) == {str(far / "b.jpg"): PHOTO}
    assert attempt.facts["copied"] == (far / "b.jpg").stat().st_ino
    if attributes and os.listxattr(far / "b.jpg"):  # tmpfs holds them from Linux 6.6 on
        assert os.getxattr(far / "b.jpg", "user.rating") == b"5"


def test_across_file_systems_nothing_is_overwritten(tmp_path: Path, far: Path) -> None:
    state = a_state(tmp_path / "a.jpg")
    write_photo(far / "b.jpg", b"other")
    before = snapshot(tmp_path, far)
    with pytest.raises(FileExistsError):
        go(state, far / "b.jpg")
    assert snapshot(tmp_path, far) == before


@pytest.mark.parametrize("call", ["create", "write", "sync"])
@pytest.mark.parametrize("trouble", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_copy_that_is_cut_short_leaves_the_source_and_nothing_else(
    tmp_path: Path, far: Path, call: str, trouble: BaseException
) -> None:
    state = a_state(tmp_path / "a.jpg")
    with faults(before=at(call, raising(trouble))), pytest.raises(type(trouble)):
        go(state, far / "b.jpg")
    assert snapshot(tmp_path, far) == {state.path: PHOTO}


@pytest.mark.parametrize("save", ["in place", "by a new file"])
@pytest.mark.parametrize("call", ["create", "sync", "rename"])
def test_a_source_that_is_saved_while_it_is_copied_stays(
    tmp_path: Path, far: Path, call: str, save: str
) -> None:
    def edit() -> None:
        place = tmp_path / ("a.jpg" if save == "in place" else "saved.jpg")
        place.write_bytes(b"saved by an editor")
        place.replace(tmp_path / "a.jpg")

    state = a_state(tmp_path / "a.jpg")
    with faults(after=at(call, edit)), pytest.raises(OSError, match=r"modified|differs"):
        go(state, far / "b.jpg")
    assert {path: facts[0] for path, facts in snapshot(tmp_path, far).items()} == {
        state.path: b"saved by an editor"
    }


def test_a_copy_that_differs_from_its_photo_is_not_kept(
    tmp_path: Path, far: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.files.copy.digest_file", lambda _path: "0" * 32)
    state = a_state(tmp_path / "a.jpg")
    with pytest.raises(OSError, match="the copy differs from the photo"):
        go(state, far / "b.jpg")
    assert snapshot(tmp_path, far) == {state.path: PHOTO}


def put(path: Path, content: str) -> None:
    """Write a file; `link:NAME` makes a hard link."""
    if content.startswith("link:"):
        path.hardlink_to(path.with_name(content.removeprefix("link:")))
    else:
        write_photo(path, content.encode())


PART, OLD = ".dedupe-run-0.part", ".dedupe-run-0.old"


@pytest.mark.parametrize(
    ("files", "noted", "completed", "left"),
    [
        ({"a": "photo"}, "", False, {"a": "photo"}),
        ({"a": "photo", PART: "pho"}, "", False, {"a": "photo"}),
        ({"a": "photo", PART: "photo"}, "", False, {"a": "photo"}),
        ({"b": "photo"}, "", True, {"b": "photo"}),
        ({"a": "photo", PART: "photo", "b": f"link:{PART}"}, "copied", True, {"b": "photo"}),
        ({"a": "photo", PART: "photo", "b": "pho"}, "copied exclusive", False, {"a": "photo"}),
        ({"a": "photo", "b": "photo"}, "copied", True, {"b": "photo"}),
        ({"a": "photo", "b": "link:a"}, "copied", False, {"a": "photo", "b": "photo"}),
        ({"a": "photo", "b": "photo"}, "", False, {"a": "photo", "b": "photo"}),
        ({"a": "photo", "b": "other"}, "copied", False, {"a": "photo", "b": "other"}),
        ({"a": "edited", "b": "photo"}, "copied", True, {"a": "edited", "b": "photo"}),
        ({"a": "edited", "b": "photo"}, "", True, {"a": "edited", "b": "photo"}),
        ({"a": "edited", "b": "other"}, "", False, {"a": "edited", "b": "other"}),
        ({OLD: "photo"}, "", False, {"a": "photo"}),
        ({OLD: "photo", "b": "photo"}, "copied", True, {"b": "photo"}),
        ({OLD: "edited", "b": "photo"}, "copied", False, {"a": "edited"}),
        ({OLD: "photo", "b": f"link:{OLD}"}, "", True, {"b": "photo"}),
        ({OLD: "photo", "a": f"link:{OLD}"}, "", False, {"a": "photo"}),
        ({OLD: "photo", "a": f"link:{OLD}", "b": "photo"}, "copied", False, {"a": "photo"}),
        ({OLD: "photo", "b": "photo"}, "exclusive", False, {"a": "photo"}),
        ({OLD: "photo", "b": "pho"}, "exclusive", False, {"a": "photo"}),
        ({OLD: "photo", "b": ""}, "exclusive", False, {"a": "photo"}),
        ({OLD: "photo", "b": ""}, "", False, {"a": "photo", "b": ""}),
        ({OLD: "photo", "a": "pho"}, "exclusive", False, {"a": "photo"}),
    ],
)
def test_a_recovery_never_loses_a_file_and_changes_nothing_the_second_time(
    tmp_path: Path, files: dict[str, str], noted: str, completed: bool, left: dict[str, str]
) -> None:
    """`a` is the source and `b` the target; `noted` says what the journal has."""
    state = a_state(tmp_path / "a")
    (tmp_path / "a").unlink()
    for name, content in files.items():
        put(tmp_path / name, content)
    for _ in range(2):
        attempt = an_attempt(state, target=str(tmp_path / "b"))
        if "copied" in noted:
            attempt.facts["copied"] = 7
        if "exclusive" in noted:
            attempt.facts["exclusive_copy"] = True
        assert recover_move(attempt, state, str(tmp_path / "b")) is completed
        assert {p.name: p.read_text() for p in tmp_path.iterdir()} == left


@pytest.mark.parametrize("files", [{}, {"b": "other"}])
def test_a_recovery_raises_if_the_file_is_at_neither_place(
    tmp_path: Path, files: dict[str, str]
) -> None:
    state = a_state(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "gone")
    for name, content in files.items():
        put(tmp_path / name, content)
    (tmp_path / "gone").unlink()
    with pytest.raises(FileNotFoundError, match="is neither there nor at"):
        recover_move(an_attempt(state), state, str(tmp_path / "b"))
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == files


def test_a_recovery_raises_if_two_files_claim_the_place(tmp_path: Path) -> None:
    state = a_state(tmp_path / "a")
    for name, content in ((OLD, "photo"), ("a", "edited")):
        put(tmp_path / name, content)
    with pytest.raises(OSError, match=r"is now another file; the photo is '.*\.old'"):
        recover_move(an_attempt(state), state, str(tmp_path / "b"))
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a": "edited", OLD: "photo"}


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("save", ["in place", "by a new file"])
def test_an_edit_saved_after_the_last_check_goes_back_to_its_place(
    tmp_path: Path, way: str, save: str
) -> None:
    def edit() -> None:
        place = tmp_path / ("a.jpg" if save == "in place" else "saved.jpg")
        place.write_bytes(b"saved by an editor")
        place.replace(tmp_path / "a.jpg")

    state = a_state(tmp_path / "a.jpg")
    hook = both(at("rename", edit), without(*WAYS[way]))
    with faults(before=hook), pytest.raises(OSError, match="was modified"):
        go(state, tmp_path / "b.jpg")
    assert {path: facts[0] for path, facts in snapshot(tmp_path).items()} == {
        state.path: b"saved by an editor"
    }
