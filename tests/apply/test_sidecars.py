"""Which files go with a photo."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import a_group, write_photo
from movies import a_movie

from dedupe.apply.sidecars import Sidecars, describe_recording, list_sidecars


def files(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        is_movie = name.lower().endswith((".mov", ".mp4"))
        (folder / name).write_bytes(a_movie() if is_movie else name.encode())


def sidecars(folder: Path, photo: str, *going: str) -> list[str]:
    found = Sidecars(str(folder / name) for name in (photo, *going))
    return [Path(path).name for path in found.of(str(folder / photo))]


@pytest.mark.parametrize(
    "name",
    ["a.xmp", "A.XMP", "a.jpg.xmp", "a.aae", "a.dng", "a.CR3", "a.nef", "a.mov", "a.mp4", "a.thm"],
)
def test_edits_raw_files_and_live_movies_belong_to_the_photo(tmp_path: Path, name: str) -> None:
    files(tmp_path, "a.jpg", name)
    assert sidecars(tmp_path, "a.jpg") == [name]


@pytest.mark.parametrize("name", ["a.txt", "ab.xmp", "b.xmp", "a", "a.jpg.mov", "a (2).xmp"])
def test_other_files_do_not(tmp_path: Path, name: str) -> None:
    files(tmp_path, "a.jpg", name)
    assert sidecars(tmp_path, "a.jpg") == []


def test_a_sidecar_in_another_folder_is_not_its_own(tmp_path: Path) -> None:
    files(tmp_path, "a.jpg")
    files(tmp_path / "x", "a.xmp")
    assert sidecars(tmp_path, "a.jpg") == []


def test_what_two_photos_share_stays_with_the_one_that_stays(tmp_path: Path) -> None:
    files(tmp_path, "a.jpg", "a.heic", "a.mov", "a.jpg.xmp")
    assert sidecars(tmp_path, "a.jpg") == ["a.jpg.xmp"]
    assert sidecars(tmp_path, "a.jpg", "a.heic") == ["a.jpg.xmp", "a.mov"]


def test_what_two_photos_share_goes_with_the_last_of_them(tmp_path: Path) -> None:
    files(tmp_path, "a.jpg", "a.heic", "a.mov", "a.jpg.xmp")
    found = Sidecars([str(tmp_path / "a.heic"), str(tmp_path / "a.jpg")])
    assert found.taken_by(str(tmp_path / "a.heic")) == []
    assert found.taken_by(str(tmp_path / "a.jpg")) == [
        str(tmp_path / "a.jpg.xmp"),
        str(tmp_path / "a.mov"),
    ]


def test_a_photo_with_a_longer_name_shares_nothing(tmp_path: Path) -> None:
    files(tmp_path, "a.jpg", "a.edited.jpg", "a.xmp", "a.edited.xmp")
    assert sidecars(tmp_path, "a.jpg") == ["a.xmp"]


def test_names_that_differ_in_case_alone_share(tmp_path: Path) -> None:
    files(tmp_path, "a.jpg", "a.JPG", "a.JPG.xmp")
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("names on this file system have no case")
    assert sidecars(tmp_path, "a.jpg") == []
    assert sidecars(tmp_path, "a.jpg", "a.JPG") == ["a.JPG.xmp"]


def test_a_photo_is_not_a_sidecar(tmp_path: Path) -> None:
    files(tmp_path, "a.jpg", "a.dng", "a.thm")
    known = [str(tmp_path / name) for name in ("a.dng", "a.thm")]
    assert Sidecars([str(tmp_path / "a.jpg")], known).of(str(tmp_path / "a.jpg")) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.MOV"])
def test_a_film_of_the_same_name_is_no_sidecar(tmp_path: Path, name: str) -> None:
    files(tmp_path, "a.jpg", name)
    (tmp_path / name).write_bytes(a_movie(5400))
    assert sidecars(tmp_path, "a.jpg") == []


def test_links_and_folders_are_no_sidecars(tmp_path: Path) -> None:
    files(tmp_path, "a.jpg", "elsewhere")
    (tmp_path / "a.xmp").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "a.mov").mkdir()
    assert sidecars(tmp_path, "a.jpg") == []


def test_a_folder_that_vanished_has_none(tmp_path: Path) -> None:
    assert sidecars(tmp_path / "gone", "a.jpg") == []


@pytest.mark.parametrize(
    ("name", "recording"),
    [("a.CR2", "raw file"), ("a.dng", "raw file"), ("a.mov", "movie"), ("a.MP4", "movie"),
     ("a.xmp", ""), ("a.jpg.aae", ""), ("a.thm", "")],
)  # fmt: skip
def test_raw_files_and_movies_are_recordings(name: str, recording: str) -> None:
    assert describe_recording(name) == recording


def test_a_report_lists_the_sidecars_of_each_duplicate_and_of_no_keeper(tmp_path: Path) -> None:
    files(tmp_path, "a.xmp", "b.xmp", "b.CR2", "c.mov")
    photos = [write_photo(tmp_path / f"{name}.jpg") for name in "abc"]
    [group] = list_sidecars([a_group(*photos)])
    assert [duplicate.sidecars for duplicate in group.duplicates] == [
        ("b.CR2", "b.xmp"),
        ("c.mov",),
    ]
