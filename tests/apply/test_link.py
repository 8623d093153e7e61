"""Links in the place of files, files in the place of links, and what is left after trouble."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from builders import MTIME_NS, snapshot, write_photo

from dedupe.apply.link import (
    LinkKind,
    recreate,
    remove,
    replace_by_link,
    settle_recreated,
    settle_replaced,
)
from dedupe.apply.move import FileState, Step, look, no_step
from dedupe.files.digest import digest_bytes

PHOTO = b"the same bytes"


class Died(BaseException):
    """Stands for a kill: nothing that cleans up may run after it."""


class Scene:
    """A keeper and its twin, and the temporary names beside the twin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_photo(folder / "keeper.jpg", PHOTO, mode=0o644, mtime_ns=MTIME_NS + 1)
        write_photo(folder / "twin.jpg", PHOTO, mode=0o600)
        self.keeper, self.twin = (
            look(str(folder / name)).at(str(folder / name)) for name in ("keeper.jpg", "twin.jpg")
        )
        self.keeper = with_digest(self.keeper)
        self.twin = with_digest(self.twin)
        self.part, self.aside = str(folder / ".part"), str(folder / ".old")
        self.noted: int | None = None

    def note(self, inode: int) -> None:
        self.noted = inode

    def replace(self, kind: LinkKind = "hardlink", step: Step = no_step) -> None:
        replace_by_link(
            self.twin, self.keeper, kind,
            part=self.part, aside=self.aside, note_link=self.note, step=step,
        )  # fmt: skip

    def bring_back(self, step: Step = no_step) -> None:
        link, self.noted = self.noted, None
        recreate(
            self.twin, self.keeper.path,
            part=self.part, aside=self.aside, link=link, note_copy=self.note, step=step,
        )  # fmt: skip

    def files(self) -> dict[str, tuple[bytes, int, int]]:
        return {os.path.basename(path): facts for path, facts in snapshot(self.folder).items()}


def with_digest(state: FileState) -> FileState:
    return FileState(
        state.path, state.size, state.mtime_ns, state.mode, state.inode, digest_bytes(PHOTO)
    )


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def dies_at(point: int) -> Step:
    steps = count()

    def step(_name: str) -> None:
        if next(steps) == point:
            raise Died

    return step


def test_a_hard_link_is_the_keeper_under_another_name(scene: Scene) -> None:
    scene.replace("hardlink")
    assert os.path.samefile(scene.twin.path, scene.keeper.path)
    assert sorted(scene.files()) == ["keeper.jpg", "twin.jpg"]


def test_a_symbolic_link_leads_to_the_keeper(scene: Scene) -> None:
    scene.replace("symlink")
    assert os.readlink(scene.twin.path) == scene.keeper.path
    assert Path(scene.twin.path).read_bytes() == PHOTO


def test_a_reflink_is_a_file_of_its_own_where_blocks_can_be_shared(scene: Scene) -> None:
    before = scene.files()
    try:
        scene.replace("reflink")
    except OSError as error:
        assert "cannot share blocks" in str(error.strerror)  # noqa: PT017  not every system raises
        assert scene.files() == before
        pytest.skip(str(error.strerror))
    assert scene.files() == before
    assert not os.path.samefile(scene.twin.path, scene.keeper.path)


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_what_was_replaced_comes_back_with_its_time_and_permissions(
    scene: Scene, kind: LinkKind
) -> None:
    before = scene.files()
    scene.replace(kind)
    scene.bring_back()
    assert scene.files() == before
    assert not os.path.samefile(scene.twin.path, scene.keeper.path)


def test_what_was_removed_comes_back_from_its_twin(scene: Scene) -> None:
    before = scene.files()
    remove(scene.twin, aside=scene.aside)
    assert sorted(scene.files()) == ["keeper.jpg"]
    scene.bring_back()
    assert scene.files() == before


def change_twin(scene: Scene) -> None:
    Path(scene.twin.path).write_bytes(b"edited meanwhile")


def change_keeper(scene: Scene) -> None:
    Path(scene.keeper.path).write_bytes(b"edited meanwhile")


def lose_keeper(scene: Scene) -> None:
    os.unlink(scene.keeper.path)


@pytest.mark.parametrize("accident", [change_twin, change_keeper, lose_keeper])
@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_a_file_is_left_alone_if_it_or_its_keeper_changed(
    scene: Scene, kind: LinkKind, accident: Callable[[Scene], None]
) -> None:
    accident(scene)
    before = scene.files()
    with pytest.raises(OSError):  # noqa: PT011  which one depends on what was noticed first
        scene.replace(kind)
    assert scene.files() == before


def test_a_file_that_changes_while_it_is_removed_stays(scene: Scene) -> None:
    def edit(name: str) -> None:
        if name == "renamed":
            Path(scene.aside).write_bytes(b"edited meanwhile")

    with pytest.raises(OSError, match="was modified"):
        remove(scene.twin, aside=scene.aside, step=edit)
    assert scene.files()["twin.jpg"][0] == b"edited meanwhile"
    assert sorted(scene.files()) == ["keeper.jpg", "twin.jpg"]


def test_a_place_that_is_taken_meanwhile_is_not_overwritten(scene: Scene) -> None:
    def take(name: str) -> None:
        if name == "aside":
            Path(scene.twin.path).write_bytes(b"somebody else's")

    with pytest.raises(OSError, match=r"is now another file; the photo is '.*\.old'"):
        scene.replace("hardlink", step=take)
    kept = scene.files()
    assert kept["twin.jpg"][0] == b"somebody else's"
    assert kept[".old"][0] == PHOTO


def test_a_link_that_was_replaced_since_is_not_taken_back(scene: Scene) -> None:
    scene.replace("symlink")
    os.unlink(scene.twin.path)
    Path(scene.twin.path).write_bytes(b"a new picture")
    with pytest.raises(OSError, match="was replaced since"):
        scene.bring_back()
    assert Path(scene.twin.path).read_bytes() == b"a new picture"


def test_a_reflink_that_was_edited_in_place_is_not_taken_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.apply.link._share_blocks", shutil.copyfile)
    scene.replace("reflink")
    Path(scene.twin.path).write_bytes(b"edited in place")
    with pytest.raises(OSError, match="was edited since"):
        scene.bring_back()
    assert scene.files()["twin.jpg"][0] == b"edited in place"
    assert sorted(scene.files()) == ["keeper.jpg", "twin.jpg"]


def test_nothing_comes_back_from_a_keeper_with_other_bytes(scene: Scene) -> None:
    remove(scene.twin, aside=scene.aside)
    change_keeper(scene)
    with pytest.raises(OSError, match="no longer has its bytes"):
        scene.bring_back()
    assert sorted(scene.files()) == ["keeper.jpg"]


def test_another_file_system_is_named_as_the_reason(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    before = scene.files()
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="lies on another file system than its keeper"):
        scene.replace("hardlink")
    assert scene.files() == before


def refuse_flag(source: str, target: str) -> None:
    raise OSError(errno.EINVAL, "a file system without exclusive rename", source, None, target)


@pytest.fixture(params=["rename", "link and unlink"])
def _renaming(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "rename":
        monkeypatch.setattr("dedupe.apply.move._rename_call", refuse_flag)


@pytest.mark.usefixtures("_renaming")
@pytest.mark.parametrize("kind", ["hardlink", "symlink", "remove"])
def test_a_death_at_any_step_is_settled_to_one_of_the_two_ends(tmp_path: Path, kind: str) -> None:
    ends: set[bool] = set()
    for point in range(20):
        scene = Scene(tmp_path / str(point))
        before = scene.files()
        with suppress(Died):
            if kind == "remove":
                remove(scene.twin, aside=scene.aside, step=dies_at(point))
            else:
                scene.replace("symlink" if kind == "symlink" else "hardlink", step=dies_at(point))
        for _ in range(2):  # the second call changes nothing
            gone = settle_replaced(scene.twin, part=scene.part, aside=scene.aside, link=scene.noted)
            if not gone:
                assert scene.files() == before
            elif kind == "remove":
                assert sorted(scene.files()) == ["keeper.jpg"]
            else:
                assert sorted(scene.files()) == ["keeper.jpg", "twin.jpg"]
                assert os.path.samefile(scene.twin.path, scene.keeper.path)
        ends.add(gone)
    assert ends == {True, False}


@pytest.mark.usefixtures("_renaming")
@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_a_death_while_a_file_comes_back_is_settled_too(tmp_path: Path, kind: LinkKind) -> None:
    ends: set[bool] = set()
    for point in range(20):
        scene = Scene(tmp_path / str(point))
        before = scene.files()
        scene.replace(kind)
        with suppress(Died):
            scene.bring_back(step=dies_at(point))
        for _ in range(2):
            back = settle_recreated(
                scene.twin, part=scene.part, aside=scene.aside, copied=scene.noted
            )
            assert os.path.samefile(scene.twin.path, scene.keeper.path) != back
            assert sorted(scene.files()) == ["keeper.jpg", "twin.jpg"]
            assert not back or scene.files() == before
        ends.add(back)
    assert ends == {True, False}


def die_at(scene: Scene, kind: LinkKind, name: str) -> None:
    names = count()

    def step(_name: str) -> None:
        if f"{_name} {next(names)}" == name:
            raise Died

    with pytest.raises(Died):
        scene.replace(kind, step=step)


def settle(scene: Scene) -> bool:
    return settle_replaced(scene.twin, part=scene.part, aside=scene.aside, link=scene.noted)


@pytest.mark.parametrize("accident", [change_keeper, lose_keeper])
def test_a_photo_aside_comes_back_if_its_symbolic_link_leads_nowhere_by_now(
    scene: Scene, accident: Callable[[Scene], None]
) -> None:
    photo = scene.files()["twin.jpg"]
    die_at(scene, "symlink", "renamed 3")
    assert sorted(scene.files()) == [".old", "keeper.jpg", "twin.jpg"]
    accident(scene)
    assert not settle(scene)
    assert scene.files()["twin.jpg"] == photo
    assert not os.path.lexists(scene.aside)


def test_a_photo_aside_stays_there_if_its_hard_link_was_edited_since(scene: Scene) -> None:
    die_at(scene, "hardlink", "renamed 3")
    change_keeper(scene)
    with pytest.raises(OSError, match=r"is now another file; the photo is '.*\.old'"):
        settle(scene)
    assert scene.files()[".old"][0] == PHOTO
    assert scene.files()["twin.jpg"][0] == b"edited meanwhile"


def test_who_took_the_place_of_a_removed_file_is_not_taken_for_it(scene: Scene) -> None:
    remove(scene.twin, aside=scene.aside)
    Path(scene.twin.path).write_bytes(b"a new picture")
    with pytest.raises(OSError, match="another file stands there now"):
        settle(scene)
    assert scene.files()["twin.jpg"][0] == b"a new picture"
