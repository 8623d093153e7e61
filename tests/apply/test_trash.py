"""The trash as freedesktop.org describes it: in, and out again."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from builders import snapshot, write_photo

from dedupe.apply.move import FileState, look
from dedupe.apply.trash import send_to_trash, settle_trashed, take_from_trash
from dedupe.files.digest import digest_bytes

pytestmark = pytest.mark.skipif(
    sys.platform in ("darwin", "win32"), reason="the trash of this system is no readable folder"
)


@pytest.fixture(autouse=True)
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trash of the test's own; Send2Trash looks at the environment when it is imported."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    own = importlib.reload(importlib.import_module("send2trash.plat_other"))
    monkeypatch.setattr("send2trash.send2trash", own.send2trash)
    return tmp_path / "data/Trash"


def a_file(path: Path, content: bytes) -> FileState:
    write_photo(path, content)
    return replace(look(str(path)), digest=digest_bytes(content))


def part(file: FileState) -> str:
    return os.path.join(os.path.dirname(file.path), ".part")


@pytest.mark.parametrize("name", ["a.jpg", "with space, comma & 100 %.jpg", "no utf-8 \udcff.jpg"])
def test_a_trashed_file_comes_back_as_it_was(tmp_path: Path, trash: Path, name: str) -> None:
    file = a_file(tmp_path / "photos" / name, b"photo")
    before = snapshot(tmp_path / "photos")
    send_to_trash(file)
    assert snapshot(tmp_path / "photos") == {}
    assert len(list(trash.glob("files/*"))) == len(list(trash.glob("info/*"))) == 1
    take_from_trash(file, part=part(file))
    assert snapshot(tmp_path / "photos") == before
    assert not list(trash.glob("files/*")) + list(trash.glob("info/*"))


def test_of_two_files_of_one_name_the_one_with_the_right_bytes_comes_back(tmp_path: Path) -> None:
    first = a_file(tmp_path / "photos/a.jpg", b"first")
    send_to_trash(first)
    second = a_file(tmp_path / "photos/a.jpg", b"second")
    send_to_trash(second)
    take_from_trash(first, part=part(first))
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"first"


def test_nothing_is_overwritten_on_the_way_back(tmp_path: Path, trash: Path) -> None:
    file = a_file(tmp_path / "photos/a.jpg", b"photo")
    send_to_trash(file)
    write_photo(tmp_path / "photos/a.jpg", b"a new one")
    with pytest.raises(FileExistsError):
        take_from_trash(file, part=part(file))
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"a new one"
    assert [path.read_bytes() for path in trash.glob("files/*")] == [b"photo"]


def test_an_emptied_trash_is_told(tmp_path: Path, trash: Path) -> None:
    file = a_file(tmp_path / "photos/a.jpg", b"photo")
    send_to_trash(file)
    for path in trash.glob("files/*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="is no longer in the trash"):
        take_from_trash(file, part=part(file))


def test_a_note_that_is_none_is_passed_over(tmp_path: Path, trash: Path) -> None:
    file = a_file(tmp_path / "photos/a.jpg", b"photo")
    send_to_trash(file)
    (trash / "info/broken.trashinfo").write_bytes(b"\xff\x00")
    lost = quote(os.fsencode(file.path))
    (trash / "info/lost.trashinfo").write_text(f"[Trash Info]\nPath={lost}\n")
    take_from_trash(file, part=part(file))
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"photo"


def test_a_file_that_changed_is_not_trashed(tmp_path: Path) -> None:
    file = a_file(tmp_path / "photos/a.jpg", b"photo")
    write_photo(tmp_path / "photos/a.jpg", b"edited meanwhile")
    with pytest.raises(OSError, match="was modified"):
        send_to_trash(file)
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"edited meanwhile"


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no second file system")
def test_a_file_comes_back_from_a_trash_on_another_file_system(tmp_path: Path, trash: Path) -> None:
    file = a_file(tmp_path / "photos/a.jpg", b"photo")
    before = snapshot(tmp_path / "photos")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as far:
        if os.stat(far).st_dev == os.stat(tmp_path).st_dev:
            pytest.skip("no second file system")
        trash.parent.mkdir(parents=True)
        trash.symlink_to(far)
        send_to_trash(file)
        take_from_trash(file, part=part(file))
        assert not list(trash.glob("files/*"))
    assert snapshot(tmp_path / "photos") == before


@pytest.mark.parametrize("back", [False, True])
def test_who_took_the_place_of_a_trashed_file_is_not_taken_for_it(
    tmp_path: Path, back: bool
) -> None:
    file = a_file(tmp_path / "photos/a.jpg", b"photo")
    assert settle_trashed(file, part=part(file), back=back) == back
    send_to_trash(file)
    assert settle_trashed(file, part=part(file), back=back) != back
    write_photo(tmp_path / "photos/a.jpg", b"a new one")
    assert settle_trashed(file, part=part(file), back=back) != back
