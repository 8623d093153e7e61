"""Links in the place of files, files in the place of links, and recovery after a kill."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from builders import MTIME_NS, snapshot, write_photo
from faults import Died, a_state, an_attempt, at, both, dying_at, faults, turned_back, without

from dedupe.apply.actions import ACTIONS
from dedupe.apply.attempt import KeeperWatch
from dedupe.apply.plan import ActionKind
from dedupe.files.system import FaultHook, no_fault, system

PHOTO = b"the same bytes"


class Scene:
    """A keeper and a copy of it."""

    def __init__(self, folder: Path, kind: ActionKind = "hardlink") -> None:
        self.folder, self.kind = folder, kind
        write_photo(folder / "keeper.jpg", PHOTO, mode=0o644, mtime_ns=MTIME_NS + 1)
        self.keeper = folder / "keeper.jpg"
        self.copy = folder / "copy.jpg"
        self.keeper_state = a_state(self.keeper, PHOTO, mode=0o644)
        os.utime(self.keeper, ns=(MTIME_NS + 1, MTIME_NS + 1))
        self.keeper_state = self.keeper_state.at(str(self.keeper))
        self.state = a_state(self.copy, PHOTO, mode=0o600)
        self.attempt = an_attempt(self.state, kind=kind, keeper=str(self.keeper))
        self.back = turned_back(self.attempt)
        self.backup = Path(self.attempt.backup(self.state.path))

    def do(self, after: FaultHook = no_fault) -> None:
        with faults(after=after, before=system.before):
            ACTIONS[self.kind].do(self.attempt, KeeperWatch(self.keeper_state))

    def undo(self, after: FaultHook = no_fault) -> None:
        with faults(after=after, before=system.before):
            ACTIONS[self.kind].undo(self.back)

    def recover(self, *, back: bool = False) -> bool:
        return ACTIONS[self.kind].recover(self.back if back else self.attempt)

    def files(self) -> dict[str, bytes]:
        return {os.path.basename(path): facts[0] for path, facts in snapshot(self.folder).items()}


def test_a_hard_link_is_the_keeper_under_another_name(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.do()
    assert os.path.samefile(scene.copy, scene.keeper)
    assert sorted(scene.files()) == ["copy.jpg", "keeper.jpg"]


def test_a_symbolic_link_leads_to_the_keeper(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "symlink")
    scene.do()
    assert os.readlink(scene.copy) == str(scene.keeper)
    assert scene.copy.read_bytes() == PHOTO


def test_a_reflink_is_a_file_of_its_own_if_blocks_can_be_shared(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "reflink")
    before = snapshot(tmp_path)
    try:
        scene.do()
    except OSError as error:
        assert "cannot share blocks" in str(error.strerror)  # noqa: PT017  not every system raises
        assert snapshot(tmp_path) == before
        pytest.skip(str(error.strerror))
    assert snapshot(tmp_path) == before
    assert not os.path.samefile(scene.copy, scene.keeper)


@pytest.mark.parametrize("kind", ["hardlink", "symlink", "delete"])
def test_a_replaced_file_comes_back_as_a_file_of_its_own(tmp_path: Path, kind: ActionKind) -> None:
    scene = Scene(tmp_path, kind)
    scene.do()
    assert (
        sorted(scene.files()) == ["keeper.jpg"] if kind == "delete" else ["copy.jpg", "keeper.jpg"]
    )
    scene.undo()
    assert scene.files() == {"copy.jpg": PHOTO, "keeper.jpg": PHOTO}
    assert not os.path.samefile(scene.copy, scene.keeper)
    assert not scene.copy.is_symlink()


def change_copy(scene: Scene) -> None:
    scene.copy.write_bytes(b"edited meanwhile")


def change_keeper(scene: Scene) -> None:
    scene.keeper.write_bytes(b"edited meanwhile")


def lose_keeper(scene: Scene) -> None:
    scene.keeper.unlink()


@pytest.mark.parametrize("accident", [change_copy, change_keeper, lose_keeper])
@pytest.mark.parametrize("kind", ["hardlink", "symlink", "delete"])
def test_a_file_is_left_alone_if_it_or_its_keeper_changed(
    tmp_path: Path, kind: ActionKind, accident: Callable[[Scene], None]
) -> None:
    scene = Scene(tmp_path, kind)
    accident(scene)
    before = scene.files()
    with pytest.raises(OSError):  # noqa: PT011  which one depends on what was noticed first
        scene.do()
    assert scene.files() == before


@pytest.mark.parametrize("accident", [change_keeper, lose_keeper])
@pytest.mark.parametrize("kind", ["hardlink", "symlink", "delete"])
def test_a_file_comes_back_if_its_keeper_changes_or_vanishes_after_the_last_check(
    tmp_path: Path, kind: ActionKind, accident: Callable[[Scene], None]
) -> None:
    scene = Scene(tmp_path, kind)
    with pytest.raises(OSError, match=r"its keeper .*keeper\.jpg (is gone|was modified)"):
        scene.do(after=at("rename", lambda: accident(scene)))
    assert scene.files()["copy.jpg"] == PHOTO
    assert not os.path.lexists(scene.backup)


def test_a_file_that_changes_while_it_is_deleted_stays(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "delete")
    with pytest.raises(OSError, match="was modified"):
        scene.do(after=at("rename", lambda: scene.backup.write_bytes(b"edited meanwhile")))
    assert scene.files() == {"copy.jpg": b"edited meanwhile", "keeper.jpg": PHOTO}


def test_a_place_that_is_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with pytest.raises(OSError, match=r"is now another file; the photo is '.*\.old'"):
        scene.do(after=at("rename", lambda: scene.copy.write_bytes(b"of another program")))
    assert scene.files() == {
        "copy.jpg": b"of another program", "keeper.jpg": PHOTO, scene.backup.name: PHOTO,
    }  # fmt: skip


def test_a_link_that_was_replaced_since_is_not_undone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "symlink")
    scene.do()
    scene.copy.unlink()
    scene.copy.write_bytes(b"a new picture")
    with pytest.raises(OSError, match="was replaced since"):
        scene.undo()
    assert scene.copy.read_bytes() == b"a new picture"


def test_a_reflink_that_was_edited_in_place_is_not_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clone(_self: object, source: int, target: int, _path: str) -> None:
        os.write(target, os.read(source, 1 << 20))

    monkeypatch.setattr("dedupe.files.system.SystemCalls.clone", clone)
    scene = Scene(tmp_path, "reflink")
    scene.do()
    scene.copy.write_bytes(b"edited in place")
    with pytest.raises(OSError, match="was edited since"):
        scene.undo()
    assert scene.files() == {"copy.jpg": b"edited in place", "keeper.jpg": PHOTO}


def test_a_link_that_is_edited_while_it_is_undone_stays(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.do()

    def edit() -> None:
        new = tmp_path / "new.jpg"
        new.write_bytes(b"saved by an editor")
        new.replace(scene.copy)

    with pytest.raises(OSError, match="was replaced since"):
        scene.undo(after=at("sync", edit))
    assert scene.files() == {"copy.jpg": b"saved by an editor", "keeper.jpg": PHOTO}


@pytest.mark.parametrize("lacking", [(), ("rename",)])
def test_a_file_that_is_saved_while_a_link_is_undone_is_not_removed(
    tmp_path: Path, lacking: tuple[str, ...]
) -> None:
    scene = Scene(tmp_path)
    scene.do()

    def save() -> None:
        new = tmp_path / "new.jpg"
        new.write_bytes(b"saved by an editor")
        new.replace(scene.copy)

    calls = "rename" if not lacking else "replace"
    hook = both(at(calls, save), without(*lacking))
    with faults(before=hook), pytest.raises(OSError, match=r"was (edited|replaced) since"):
        scene.undo()
    assert scene.files()["copy.jpg"] == b"saved by an editor"


def test_nothing_comes_back_from_a_keeper_with_other_bytes(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "delete")
    scene.do()
    change_keeper(scene)
    with pytest.raises(OSError, match="no longer has its bytes"):
        scene.undo()
    assert sorted(scene.files()) == ["keeper.jpg"]


def test_another_file_system_is_named_as_the_reason(tmp_path: Path) -> None:
    def refuse(call: str, _subject: str) -> None:
        if call == "link":
            raise OSError(errno.EXDEV, "Invalid cross-device link")

    scene = Scene(tmp_path)
    before = scene.files()
    with (
        faults(before=refuse),
        pytest.raises(OSError, match="is on another file system than its keeper"),
    ):
        scene.do()
    assert scene.files() == before


WAYS = {"rename": (), "link": ("rename",), "copy": ("rename", "link")}
CASES = [
    ("hardlink", "rename"), ("hardlink", "link"), ("symlink", "rename"), ("symlink", "link"),
    ("delete", "rename"), ("delete", "link"), ("delete", "copy"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "way"), CASES)
def test_a_death_at_any_system_call_is_recovered_to_one_of_the_two_ends(
    tmp_path: Path, kind: ActionKind, way: str
) -> None:
    ends: set[bool] = set()
    for point in range(24):
        scene = Scene(tmp_path / str(point), kind)
        before = snapshot(scene.folder)
        with faults(before=without(*WAYS[way])), suppress(Died):
            scene.do(after=dying_at(point))
        for _ in range(2):  # the second call changes nothing
            gone = scene.recover()
            if not gone:
                assert snapshot(scene.folder) == before
            elif kind == "delete":
                assert sorted(scene.files()) == ["keeper.jpg"]
            else:
                assert sorted(scene.files()) == ["copy.jpg", "keeper.jpg"]
                assert os.path.samefile(scene.copy, scene.keeper)
        ends.add(gone)
    assert ends == {True, False}


@pytest.mark.parametrize(("kind", "way"), CASES)
def test_a_death_while_a_file_comes_back_is_recovered_too(
    tmp_path: Path, kind: ActionKind, way: str
) -> None:
    ends: set[bool] = set()
    for point in range(24):
        scene = Scene(tmp_path / str(point), kind)
        before = scene.files()
        scene.do()
        with faults(before=without(*WAYS[way])), suppress(Died):
            scene.undo(after=dying_at(point))
        for _ in range(2):
            back = scene.recover(back=True)
            left = ["keeper.jpg"] if kind == "delete" and not back else ["copy.jpg", "keeper.jpg"]
            assert sorted(scene.files()) == left
            if back:
                assert scene.files() == before
                assert not os.path.samefile(scene.copy, scene.keeper)
        ends.add(back)
    assert ends == {True, False}


def test_a_hard_link_is_a_file_of_its_own_once_its_keeper_is_gone(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.do()
    scene.keeper.unlink()
    scene.undo()
    assert scene.files() == {"copy.jpg": PHOTO}


@pytest.mark.parametrize("kind", ["symlink", "delete"])
def test_an_undo_names_the_keeper_that_is_gone(tmp_path: Path, kind: ActionKind) -> None:
    scene = Scene(tmp_path, kind)
    scene.do()
    before = sorted(os.listdir(tmp_path))
    scene.keeper.unlink()
    with pytest.raises(OSError, match=r"'.*keeper\.jpg' is gone"):
        scene.undo()
    assert sorted(os.listdir(tmp_path)) == [name for name in before if name != "keeper.jpg"]


@pytest.mark.parametrize("name", ["copy.jpg", "keeper.jpg"])
@pytest.mark.parametrize("point", range(8))
def test_an_edit_through_a_hard_link_and_the_older_bytes_stay_while_it_is_separated(
    tmp_path: Path, name: str, point: int
) -> None:
    scene = Scene(tmp_path)
    scene.do()
    calls: list[str] = []

    def edit(call: str, _subject: str) -> None:
        calls.append(call)
        if len(calls) == point and (tmp_path / name).exists():
            held.extend(scene.files().values())
            (tmp_path / name).write_bytes(b"edited")

    held: list[bytes] = []
    with suppress(OSError):
        scene.undo(after=edit)

    files = scene.files()
    if held.count(PHOTO) > 2:  # the copy was complete
        assert sorted(files.values()) == sorted([PHOTO, b"edited"])
        assert sorted(files) == ["copy.jpg", "keeper.jpg"]
    elif held:
        assert b"edited" in files.values()


def die_with_the_link_in_place(scene: Scene) -> None:
    def die() -> None:
        if scene.backup.exists() and os.path.lexists(scene.copy):
            raise Died

    with pytest.raises(Died):
        scene.do(after=both(at("rename", die, times=2)))
    assert sorted(scene.files()) == [scene.backup.name, "copy.jpg", "keeper.jpg"]


@pytest.mark.parametrize("accident", [change_keeper, lose_keeper])
def test_a_backup_comes_back_if_its_symbolic_link_leads_nowhere_by_now(
    tmp_path: Path, accident: Callable[[Scene], None]
) -> None:
    scene = Scene(tmp_path, "symlink")
    die_with_the_link_in_place(scene)
    accident(scene)
    assert not scene.recover()
    assert scene.files()["copy.jpg"] == PHOTO
    assert not os.path.lexists(scene.backup)


def test_a_backup_stays_if_its_hard_link_was_edited_since(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    die_with_the_link_in_place(scene)
    change_keeper(scene)
    with pytest.raises(OSError, match=r"is now another file; the photo is '.*\.old'"):
        scene.recover()
    assert scene.files()[scene.backup.name] == PHOTO
    assert scene.files()["copy.jpg"] == b"edited meanwhile"


@pytest.mark.parametrize("kind", ["delete", "symlink", "hardlink"])
def test_another_file_in_the_place_is_not_taken_for_the_photo(
    tmp_path: Path, kind: ActionKind
) -> None:
    scene = Scene(tmp_path, kind)
    scene.do()
    scene.copy.unlink(missing_ok=True)
    scene.copy.write_bytes(b"a new picture")
    with pytest.raises(OSError, match="its path is taken by another file"):
        scene.recover()
    assert scene.copy.read_bytes() == b"a new picture"


def test_a_link_is_recognised_although_inodes_changed_since(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    die_with_the_link_in_place(scene)
    scene.attempt.facts["link"] = 7
    assert scene.recover()
    assert os.path.samefile(scene.copy, scene.keeper)
