"""Finding image files below some roots."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dedupe.errors import InputError
from dedupe.types import ImageFile, Skipped
from dedupe.walk import Walked, WalkRules
from dedupe.walk import walk as walk_roots

Scandir = Callable[[str], "contextlib.AbstractContextManager[Iterator[os.DirEntry[str]]]"]


EXTENSIONS = frozenset({"jpg", "jpeg", "png", "heic"})
RULES = fields(WalkRules)


def walk(roots: Sequence[Path | str], **options: Any) -> Walked:
    """Walk `roots` for files of EXTENSIONS, or of those given."""
    rules = {field.name: options.pop(field.name) for field in RULES if field.name in options}
    return walk_roots(roots, WalkRules(**rules), **{"extensions": EXTENSIONS, **options})


def plant(root: Path, *names: str) -> None:
    """Create small files; each holds its own name, so that no two have the same content."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, errors="surrogateescape")


def names(walked: Walked, root: Path) -> list[str]:
    """Return what was found, relative to `root`."""
    return [os.path.relpath(file.path, root) for file in walked.files]


def test_a_file_carries_what_stat_says_of_it(tmp_path: Path) -> None:
    plant(tmp_path, "a/photo.jpg")
    path = tmp_path / "a/photo.jpg"
    status = path.stat()
    expected = ImageFile(
        str(path), 0, status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino
    )
    assert walk([tmp_path]) == Walked(files=(expected,), skipped=())


def test_images_are_known_by_extension_in_any_case(tmp_path: Path) -> None:
    wanted = [f"{i}.{ext}" for i, ext in enumerate(sorted(EXTENSIONS))]
    plant(tmp_path, *wanted, "A.JPG", "b.JpEg", "notes.txt", "jpg", "archive.jpg.zip", "c.jxl")
    assert sorted(names(walk([tmp_path]), tmp_path)) == sorted([*wanted, "A.JPG", "b.JpEg"])


def test_the_caller_may_name_other_extensions(tmp_path: Path) -> None:
    plant(tmp_path, "a.jxl", "b.jpg")
    assert names(walk([tmp_path], extensions=frozenset({"jxl"})), tmp_path) == ["a.jxl"]


def test_files_come_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    plant(tmp_path, "b.jpg", "a/z.jpg", "a.jpg", "B.jpg", "é.jpg", "a-b.jpg")
    expected = ["B.jpg", "a-b.jpg", "a.jpg", "a/z.jpg", "b.jpg", "é.jpg"]
    assert names(walk([tmp_path]), tmp_path) == expected


@pytest.mark.parametrize("name", ["new\nline.jpg", "com,ma.jpg", 'quo"te.jpg', " .jpg", "-rf.jpg"])
def test_odd_names_survive(tmp_path: Path, name: str) -> None:
    plant(tmp_path, name)
    assert names(walk([tmp_path]), tmp_path) == [name]


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    try:
        os.close(os.open(raw, os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert [os.fsencode(file.path) for file in walk([tmp_path]).files] == [raw]


def test_paths_are_absolute_when_the_root_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "in/a.jpg")
    monkeypatch.chdir(tmp_path)
    assert [file.path for file in walk(["in"]).files] == [str(tmp_path / "in/a.jpg")]


def test_a_root_behind_a_symlink_keeps_the_path_as_given(tmp_path: Path) -> None:
    plant(tmp_path, "real/a.jpg")
    (tmp_path / "link").symlink_to("real")
    assert names(walk([tmp_path / "link"]), tmp_path) == ["link/a.jpg"]


def test_a_root_that_is_a_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    plant(tmp_path, ".scan", "b.jpg")
    walked = walk([tmp_path / "b.jpg", tmp_path / ".scan"])
    assert [(file.path, file.root) for file in walked.files] == [
        (str(tmp_path / ".scan"), 1),
        (str(tmp_path / "b.jpg"), 0),
    ]


def test_globs_hold_for_a_root_that_is_a_file(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "a_edit.jpg")
    roots = [tmp_path / "a.jpg", tmp_path / "a_edit.jpg"]
    assert names(walk(roots, exclude=["*_edit*"]), tmp_path) == ["a.jpg"]


def test_a_root_that_does_not_exist_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no-such\\nfolder.*No such file") as caught:
        walk([tmp_path, tmp_path / "no-such\nfolder"])
    assert "\n" not in str(caught.value)


def test_pipes_and_sockets_are_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.jpg")
        (tmp_path / "link.jpg").symlink_to("pipe.jpg")
        walked = walk([tmp_path], follow_symlinks=True)
    assert (names(walked, tmp_path), walked.skipped) == (["a.jpg"], ())


def test_a_pipe_as_root_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        walk([tmp_path / "pipe.jpg"])


def test_no_roots_give_no_files() -> None:
    assert walk([]) == Walked((), ())


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), (), ["2019/a.jpg", "2019/raw/b.png", "2020/a.jpg", "c.jpg"]),
        (("*.png",), (), ["2019/raw/b.png"]),
        (("a.*",), (), ["2019/a.jpg", "2020/a.jpg"]),
        (("2019/*",), (), ["2019/a.jpg", "2019/raw/b.png"]),
        (("*.PNG",), (), []),
        (("c.jpg", "*.png"), (), ["2019/raw/b.png", "c.jpg"]),
        (("[ab].*",), ("raw",), ["2019/a.jpg", "2020/a.jpg"]),
        ((), ("20??",), ["c.jpg"]),
        ((), ("2019/raw",), ["2019/a.jpg", "2020/a.jpg", "c.jpg"]),
        ((), ("2019/raw/",), ["2019/a.jpg", "2020/a.jpg", "c.jpg"]),
        ((), ("c.jpg/",), ["2019/a.jpg", "2019/raw/b.png", "2020/a.jpg", "c.jpg"]),
        ((), ("*/a.jpg", "[!a].jpg"), ["2019/raw/b.png"]),
        (("a.jpg",), ("a.jpg",), []),
    ],
)
def test_globs_match_names_and_paths_below_the_root(
    tmp_path: Path, include: tuple[str, ...], exclude: tuple[str, ...], expected: list[str]
) -> None:
    plant(tmp_path, "2019/a.jpg", "2019/raw/b.png", "2020/a.jpg", "c.jpg")
    assert names(walk([tmp_path], include=include, exclude=exclude), tmp_path) == expected


def test_an_excluded_folder_is_not_even_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "cache/a.jpg", "b.jpg")
    listed: list[str] = []
    real: Scandir = os.scandir

    def scandir(path: str) -> contextlib.AbstractContextManager[Iterator[os.DirEntry[str]]]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    walk([tmp_path], exclude=["cache"])
    assert listed == [str(tmp_path)]


def test_hidden_files_and_folders_are_taken_only_when_asked(tmp_path: Path) -> None:
    plant(tmp_path, ".trash/a.jpg", ".b.jpg", "c.jpg")
    assert names(walk([tmp_path]), tmp_path) == ["c.jpg"]
    assert names(walk([tmp_path], hidden=True), tmp_path) == [".b.jpg", ".trash/a.jpg", "c.jpg"]
    assert names(walk([tmp_path / ".trash"]), tmp_path) == [".trash/a.jpg"]


def test_small_files_can_be_left_out_and_empty_ones_are_files(tmp_path: Path) -> None:
    for size in (0, 9, 10):
        (tmp_path / f"{size}.jpg").write_bytes(b"x" * size)
    assert names(walk([tmp_path]), tmp_path) == ["0.jpg", "10.jpg", "9.jpg"]
    assert names(walk([tmp_path], min_size=10), tmp_path) == ["10.jpg"]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (1, ["a.jpg"]),
        (2, ["a.jpg", "x/b.jpg"]),
        (3, ["a.jpg", "x/b.jpg", "x/y/c.jpg"]),
        (None, ["a.jpg", "x/b.jpg", "x/y/c.jpg"]),
    ],
)
def test_depth_counts_levels_from_the_root(
    tmp_path: Path, depth: int | None, expected: list[str]
) -> None:
    plant(tmp_path, "a.jpg", "x/b.jpg", "x/y/c.jpg")
    assert names(walk([tmp_path], max_depth=depth), tmp_path) == expected


def test_a_tree_deeper_than_the_recursion_limit_is_walked(tmp_path: Path) -> None:
    folders = [tmp_path]
    while len(folders) < 1200:
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    bottom = folders[-1] / "a.jpg"
    bottom.touch()
    try:
        assert [file.path for file in walk([tmp_path]).files] == [str(bottom)]
    finally:  # pytest would remove it recursively
        bottom.unlink()
        for folder in reversed(folders[1:]):
            folder.rmdir()


def test_symlinks_are_ignored_unless_asked_for(tmp_path: Path) -> None:
    plant(tmp_path, "in/a.jpg", "out/b.jpg", "out/c.jpg")
    (tmp_path / "in/file.jpg").symlink_to("../out/b.jpg")
    (tmp_path / "in/folder").symlink_to("../out")
    root = tmp_path / "in"
    assert names(walk([root]), root) == ["a.jpg"]
    assert names(walk([root], follow_symlinks=True), root) == [
        "a.jpg",
        "file.jpg",  # out/b.jpg; it is folder/b.jpg too, and one file
        "folder/c.jpg",
    ]


def test_a_file_is_listed_under_its_real_path_before_a_symlinked_one(tmp_path: Path) -> None:
    plant(tmp_path, "z/photo.jpg", "z/deep/other.jpg")
    (tmp_path / "a.jpg").symlink_to("z/photo.jpg")
    (tmp_path / "b").symlink_to("z/deep")
    walked = walk([tmp_path], follow_symlinks=True)
    assert names(walked, tmp_path) == ["z/deep/other.jpg", "z/photo.jpg"]


def test_a_loop_of_symlinks_ends(tmp_path: Path) -> None:
    plant(tmp_path, "x/a.jpg")
    (tmp_path / "x/up").symlink_to("..")
    (tmp_path / "x/self").symlink_to(".")
    (tmp_path / "knot").symlink_to("knot")
    walked = walk([tmp_path], follow_symlinks=True)
    assert (names(walked, tmp_path), walked.skipped) == (["x/a.jpg"], ())


def test_a_symlink_to_nothing_is_skipped_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("gone.jpg")
    assert walk([tmp_path]).skipped == ()
    assert walk([tmp_path], follow_symlinks=True).skipped == (
        Skipped(str(tmp_path / "a.jpg"), "broken link", "No such file or directory"),
    )


def test_hard_links_are_one_file_under_the_smallest_path(tmp_path: Path) -> None:
    plant(tmp_path, "m.jpg")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/z.jpg").hardlink_to(tmp_path / "m.jpg")
    (tmp_path / "x.jpg").hardlink_to(tmp_path / "m.jpg")
    assert names(walk([tmp_path]), tmp_path) == ["b/z.jpg"]


def test_overlapping_roots_list_a_file_once_under_the_first(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "x/b.jpg")
    walked = walk([tmp_path / "x", tmp_path, tmp_path / "x", tmp_path / "a.jpg"])
    assert [(file.path, file.root) for file in walked.files] == [
        (str(tmp_path / "a.jpg"), 1),
        (str(tmp_path / "x/b.jpg"), 0),
    ]


def test_each_overlapping_root_counts_its_own_depth(tmp_path: Path) -> None:
    plant(tmp_path, "x/a.jpg", "x/y/b.jpg")
    for roots in itertools.permutations([tmp_path, tmp_path / "x"]):
        assert names(walk(roots, max_depth=2), tmp_path) == ["x/a.jpg", "x/y/b.jpg"]


def test_an_unreadable_folder_is_skipped_and_the_walk_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "a.jpg", "locked/b.jpg", "open/c.jpg")
    locked = str(tmp_path / "locked")
    real: Scandir = os.scandir

    def scandir(path: str) -> contextlib.AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if path == locked:  # a permission would not stop root, who may run the tests
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    walked = walk([tmp_path])
    assert names(walked, tmp_path) == ["a.jpg", "open/c.jpg"]
    assert walked.skipped == (Skipped(locked, "unreadable folder", "Permission denied"),)


def test_what_vanishes_during_the_walk_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "a.jpg", "b.jpg", "notes.txt")
    (tmp_path / "folder").mkdir()
    real: Scandir = os.scandir

    def scandir(path: str) -> contextlib.AbstractContextManager[Iterator[os.DirEntry[str]]]:
        with real(path) as listing:
            entries = list(listing)
        (tmp_path / "b.jpg").unlink()
        (tmp_path / "notes.txt").unlink()
        (tmp_path / "folder").rmdir()
        return contextlib.nullcontext(iter(entries))

    monkeypatch.setattr(os, "scandir", scandir)
    walked = walk([tmp_path])
    assert names(walked, tmp_path) == ["a.jpg"]
    assert walked.skipped == (
        Skipped(str(tmp_path / "b.jpg"), "vanished", "No such file or directory"),
        Skipped(str(tmp_path / "folder"), "vanished", "No such file or directory"),
    )


def test_other_file_systems_are_left_out_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "a.jpg", "mounted/b.jpg")
    mounted = str(tmp_path / "mounted")
    real = os.stat

    def stat(path: str) -> os.stat_result:
        status = real(path)
        if path == mounted:
            status = os.stat_result([*status[:2], status.st_dev + 1, *status[3:]])
        return status

    monkeypatch.setattr(os, "stat", stat)
    assert names(walk([tmp_path]), tmp_path) == ["a.jpg", "mounted/b.jpg"]
    assert names(walk([tmp_path], one_file_system=True), tmp_path) == ["a.jpg"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.permutations(["", "x", "x/y", "z", "x/a.jpg", "link"]), st.booleans())
def test_the_order_of_the_roots_does_not_change_the_files(
    tmp_path: Path, roots: list[str], follow: bool
) -> None:
    if not (tmp_path / "x").exists():
        plant(tmp_path, "x/a.jpg", "x/y/b.jpg", "x/y/w/c.jpg", "z/d.jpg", "e.jpg")
        (tmp_path / "z/hard.jpg").hardlink_to(tmp_path / "x/y/b.jpg")
        (tmp_path / "z/soft.jpg").symlink_to("../x/a.jpg")
        (tmp_path / "z/folder").symlink_to("../x/y")
        (tmp_path / "link").symlink_to("x")
    walked = walk([tmp_path / root for root in roots], follow_symlinks=follow)
    assert names(walked, tmp_path) == [
        "e.jpg",
        "link/a.jpg",
        "link/y/b.jpg",
        "link/y/w/c.jpg",
        "z/d.jpg",
    ]


def test_the_number_of_hard_links_of_a_file_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    os.link(tmp_path / "a.jpg", tmp_path / "outside")
    (tmp_path / "b.jpg").write_bytes(b"b")
    assert [file.links for file in walk([tmp_path]).files] == [2, 1]


def test_a_raw_file_is_a_photo_only_without_an_image_of_its_name(tmp_path: Path) -> None:
    plant(tmp_path, "a.cr2", "a.JPG", "b.cr2", "B2.jpg", "x/a.cr2", "c.cr2", "c.dng")
    raw = frozenset({"cr2", "dng"})
    walked = walk([tmp_path], extensions=EXTENSIONS | raw, sidecars=raw)
    assert names(walked, tmp_path) == ["B2.jpg", "a.JPG", "b.cr2", "c.cr2", "c.dng", "x/a.cr2"]


def test_files_of_unsupported_formats_are_listed(tmp_path: Path) -> None:
    plant(tmp_path, "a.svg", "b.PDF", ".c.svg", "cache/d.svg", "e.txt", "f.jpg", "f.svg", "raw.dng")
    walked = walk(
        [tmp_path],
        unsupported={"svg": ("no", "why"), "pdf": ("other", ""), "dng": ("no", "")},
        sidecars=frozenset({"dng"}),
        exclude=["cache/"],
    )
    assert names(walked, tmp_path) == ["f.jpg"]
    assert [(os.path.basename(s.path), s.reason) for s in walked.skipped] == [
        *(("a.svg", "no"), ("b.PDF", "other"), ("f.svg", "no"), ("raw.dng", "no"))
    ]
