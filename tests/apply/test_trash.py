"""The trash as freedesktop.org describes it: in, and out again."""

from __future__ import annotations

import os
import sys
import tempfile
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from builders import snapshot, write_photo
from faults import Died, a_state, an_attempt, at, both, dying_at, faults, turned_back, without

from dedupe.apply.attempt import Attempt, KeeperWatch
from dedupe.apply.trash import Trash
from dedupe.files.state import FileState
from dedupe.files.system import FaultHook, no_fault

pytestmark = pytest.mark.skipif(
    sys.platform in ("darwin", "win32"), reason="the trash of this system is not a readable folder"
)


@pytest.fixture(autouse=True)
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trash of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data/Trash"


def put_in(file: FileState, *, after: FaultHook = no_fault) -> Attempt:
    attempt = an_attempt(file, kind="trash")
    keeper = a_state(Path(file.path).parent / "keeper", b"keeper")
    with faults(after=after):
        Trash().do(attempt, KeeperWatch(keeper))
    return attempt


def take_out(attempt: Attempt) -> None:
    Trash().undo(turned_back(attempt))


def photos(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    files = snapshot(folder).items()
    return {path: facts for path, facts in files if not path.endswith("keeper")}


@pytest.mark.parametrize("name", ["a.jpg", "with space, comma & 100 %.jpg", "no utf-8 \udcff.jpg"])
def test_a_trashed_file_comes_back_as_it_was(tmp_path: Path, trash: Path, name: str) -> None:
    file = a_state(tmp_path / "photos" / name)
    before = photos(tmp_path / "photos")
    attempt = put_in(file)
    assert photos(tmp_path / "photos") == {}
    assert len(list(trash.glob("files/*"))) == len(list(trash.glob("info/*"))) == 1
    take_out(attempt)
    assert photos(tmp_path / "photos") == before
    assert not list(trash.glob("files/*")) + list(trash.glob("info/*"))


def test_a_note_names_the_place_and_the_time_as_the_standard_says(
    tmp_path: Path, trash: Path
) -> None:
    put_in(a_state(tmp_path / "photos/a \udcff%.jpg"))
    [note] = trash.glob("info/*.trashinfo")
    head, path, when = note.read_text().splitlines()
    assert head == "[Trash Info]"
    assert os.fsdecode(unquote_to_bytes(path.removeprefix("Path="))) == str(
        tmp_path / "photos/a \udcff%.jpg"
    )
    assert len(when) == len("DeletionDate=2026-05-12T02:30:00")
    assert (trash / "files" / note.stem).read_bytes() == b"photo"
    assert trash.stat().st_mode & 0o777 == 0o700


def test_two_files_of_one_name_get_two_places(tmp_path: Path, trash: Path) -> None:
    first = put_in(a_state(tmp_path / "photos/a.jpg", b"first"))
    put_in(a_state(tmp_path / "photos/a.jpg", b"second"))
    assert sorted(path.name for path in trash.glob("files/*")) == ["a.2.jpg", "a.jpg"]
    take_out(first)
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"first"


@pytest.mark.parametrize("call", ["note", "create", "sync", "rename"])
def test_two_trashers_of_one_name_lose_no_file(tmp_path: Path, trash: Path, call: str) -> None:
    """Another program trashes a file of the same name at each step, as the standard says."""

    def trash_another() -> None:
        with suppress(FileExistsError):
            os.close(os.open(trash / "info/a.jpg.trashinfo", os.O_CREAT | os.O_EXCL))
            (trash / "files/a.jpg").write_bytes(b"of another program")

    (trash / "info").mkdir(parents=True)
    (trash / "files").mkdir()
    file = a_state(tmp_path / "photos/a.jpg")
    if call == "note":
        trash_another()
    attempt = put_in(file, after=at(call, trash_another))
    contents = sorted(path.read_bytes() for path in trash.glob("files/*"))
    others = [b"of another program"] if call == "note" else []
    assert contents == sorted([*others, b"photo"])
    take_out(attempt)
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"photo"


def test_a_program_that_writes_no_note_first_loses_no_file_either(
    tmp_path: Path, trash: Path
) -> None:
    file = a_state(tmp_path / "photos/a.jpg")
    attempt = put_in(
        file, after=at("create", lambda: (trash / "files/a.jpg").write_bytes(b"another"))
    )
    assert (trash / "files/a.jpg").read_bytes() == b"another"
    assert (trash / "files/a.2.jpg").read_bytes() == b"photo"
    assert [path.name for path in trash.glob("info/*")] == ["a.2.jpg.trashinfo"]
    take_out(attempt)


def test_nothing_is_overwritten_on_the_way_back(tmp_path: Path, trash: Path) -> None:
    attempt = put_in(a_state(tmp_path / "photos/a.jpg"))
    write_photo(tmp_path / "photos/a.jpg", b"a new one")
    with pytest.raises(FileExistsError):
        take_out(attempt)
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"a new one"
    assert [path.read_bytes() for path in trash.glob("files/*")] == [b"photo"]


def test_an_emptied_trash_is_an_error(tmp_path: Path, trash: Path) -> None:
    attempt = put_in(a_state(tmp_path / "photos/a.jpg"))
    for path in trash.glob("files/*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="is no longer in the trash"):
        take_out(attempt)


def test_undo_finds_a_trash_that_another_environment_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = put_in(a_state(tmp_path / "photos/a.jpg"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another"))
    take_out(attempt)
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"photo"


def test_a_file_that_changed_is_not_trashed(tmp_path: Path) -> None:
    file = a_state(tmp_path / "photos/a.jpg")
    write_photo(tmp_path / "photos/a.jpg", b"edited meanwhile")
    with pytest.raises(OSError, match="was modified"):
        put_in(file)
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"edited meanwhile"


@pytest.mark.parametrize("call", ["create", "sync"])
def test_an_edit_saved_after_the_last_check_goes_back_to_its_place(
    tmp_path: Path, trash: Path, call: str
) -> None:
    file = a_state(tmp_path / "photos/a.jpg")
    edit: Callable[[], object] = lambda: Path(file.path).write_bytes(b"saved by an editor")  # noqa: E731
    with pytest.raises(OSError, match="was modified"):
        put_in(file, after=at(call, edit))
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"saved by an editor"
    assert not list(trash.glob("files/*")) + list(trash.glob("info/*"))


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no second file system")
def test_a_file_on_another_disk_goes_to_the_trash_at_the_top_of_its_disk(
    tmp_path: Path, trash: Path
) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as far:
        if os.stat(far).st_dev == os.stat(tmp_path).st_dev:
            pytest.skip("no second file system")
        file = a_state(Path(far, "a.jpg"))
        attempt = put_in(file)
        assert attempt.place.startswith(f"/dev/shm/.Trash-{os.getuid()}/files/a")
        note = Path(attempt.facts["info"]).read_text()
        assert f"Path={os.path.relpath(file.path, '/dev/shm')}\n" in note
        take_out(attempt)
        assert Path(file.path).read_bytes() == b"photo"
    assert not trash.exists()


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no second file system")
def test_a_trash_at_the_top_of_a_disk_that_is_a_link_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a shared disk another user can put the link there."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as far:
        if os.stat(far).st_dev == os.stat(tmp_path).st_dev:
            pytest.skip("no second file system")
        monkeypatch.setattr(os.path, "ismount", lambda path: path == far)
        (tmp_path / "elsewhere").mkdir()
        Path(far, f".Trash-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
        file = a_state(Path(far, "a.jpg"))
        with pytest.raises(OSError, match="there is no trash on its disk"):
            put_in(file)
        assert Path(file.path).exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("lacking", [(), ("rename",), ("rename", "link")])
@pytest.mark.parametrize("back", [False, True])
def test_a_death_at_any_system_call_is_recovered_to_one_of_the_two_ends(
    tmp_path: Path, trash: Path, lacking: tuple[str, ...], back: bool
) -> None:
    ends: set[bool] = set()
    for point in range(30):
        folder = tmp_path / f"photos{point}"
        attempt = an_attempt(a_state(folder / "a.jpg"), kind="trash")
        watch = KeeperWatch(a_state(folder / "keeper", b"keeper"))
        before = photos(folder)
        if back:
            Trash().do(attempt, watch)
            attempt = turned_back(attempt)
        dying = both(dying_at(point), without(*lacking))
        with faults(before=dying), suppress(Died):
            Trash().undo(attempt) if back else Trash().do(attempt, watch)
        for _ in range(2):
            completed = Trash().recover(attempt)
            home = completed == back
            assert photos(folder) == (before if home else {})
            in_trash = sorted(path.read_bytes() for path in trash.glob("files/*"))
            assert in_trash == ([] if home else [b"photo"])
        assert len(list(trash.glob("info/*"))) == (not home)
        ends.add(completed)
        if not home:
            for path in (*trash.glob("files/*"), *trash.glob("info/*")):
                path.unlink()
    assert ends == {True, False}


@pytest.mark.parametrize("back", [False, True])
def test_another_file_in_the_place_is_not_taken_for_a_trashed_one(
    tmp_path: Path, back: bool
) -> None:
    attempt = put_in(a_state(tmp_path / "photos/a.jpg"))
    write_photo(tmp_path / "photos/a.jpg", b"a new one")
    if back:
        attempt = turned_back(attempt)
    assert Trash().recover(attempt) != back
    assert (tmp_path / "photos/a.jpg").read_bytes() == b"a new one"


def test_a_trash_without_folders_is_left_to_the_system_and_to_its_desktop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS and Windows: Send2Trash puts a file in, and only the desktop takes it out."""
    desktop = types.ModuleType("send2trash")
    desktop.send2trash = lambda path: os.rename(path, tmp_path / "in the trash")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "send2trash", desktop)
    monkeypatch.setattr("dedupe.apply.trash.HAS_FOLDERS", False)
    attempt = put_in(a_state(tmp_path / "photos/a.jpg"))
    assert (tmp_path / "in the trash").read_bytes() == b"photo"
    assert Trash().recover(attempt)
    with pytest.raises(OSError, match="is in the trash: restore it from there"):
        take_out(attempt)
    (tmp_path / "in the trash").rename(tmp_path / "photos/a.jpg")
    assert not Trash().recover(attempt)
    write_photo(tmp_path / "photos/a.jpg", b"a new one")
    with pytest.raises(OSError, match="its path is taken by another file; the photo may be in"):
        Trash().recover(attempt)


def test_the_system_is_not_asked_to_trash_a_file_without_its_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.apply.trash.HAS_FOLDERS", False)
    monkeypatch.setitem(sys.modules, "send2trash", types.ModuleType("send2trash"))
    file = a_state(tmp_path / "photos/a.jpg")
    watch = KeeperWatch(a_state(tmp_path / "photos/keeper", b"keeper"))
    (tmp_path / "photos/keeper").unlink()
    sys.modules["send2trash"].send2trash = os.unlink  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="keeper is gone"):
        Trash().do(an_attempt(file, kind="trash"), watch)
    assert Path(file.path).exists()
