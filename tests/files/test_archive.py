"""Tars of images: their members are scanned in place, and never moved."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from encoded import encode
from pictures import draw
from typer.testing import CliRunner

import dedupe
from dedupe.cli import app
from dedupe.errors import ApplyError, InputError
from dedupe.files.archive import read_members, split_member
from dedupe.files.remote import find_file, is_object, list_files, read_object, write_file


def write_tar(path: Path, members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_600_000_000
            tar.addfile(info, io.BytesIO(data))
    return path


def a_shard(folder: Path, name: str = "shard-0001.tar") -> Path:
    """Two pictures, a copy of the first, and what WebDataset keeps beside them."""
    first, second = draw(1, 640, 480), draw(2, 640, 480)
    return write_tar(
        folder / name,
        {
            "000001.jpg": encode(first, "JPEG", quality=95),
            "000001.json": b"{}",
            "000002.png": encode(second, "PNG"),
            "./more/000003.jpg": encode(first.resize((320, 240)), "JPEG", quality=90),
            "000004.jpg": b"not an image",
        },
    )


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/d/shard-1.tar/000.jpg", ("/d/shard-1.tar", "000.jpg")),
        ("s3://b/x.TAR/a/b.jpg", ("s3://b/x.TAR", "a/b.jpg")),
        ("/d/shard-1.tar", None),
        ("/d/x.tar.d/a.jpg", None),
    ],
)
def test_a_member_has_the_path_of_its_tar_and_its_name(path: str, wanted: Any) -> None:
    assert split_member(path) == wanted


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_ranges_of_bytes_of_the_tar(tmp_path: Path, form: int) -> None:
    members = {"a.jpg": b"one", "n" * 90 + "/b.jpg": b"second", "a.jpg ": b"3" * 2000}
    tar = write_tar(tmp_path / "x.tar", members, form)
    with tar.open("rb") as stream:
        found = read_members(stream)
    data = tar.read_bytes()
    assert {n: data[m.start : m.start + m.size] for n, m in found.items()} == members
    assert {one.url: read_object(one.url) for one in list_files(str(tar))[1]} == {
        f"{tar}/{name}": content for name, content in members.items()
    }


def test_a_folder_with_the_name_of_a_tar_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.tar").mkdir()
    (tmp_path / "x.tar" / "a.jpg").write_bytes(b"a")
    assert not is_object(str(tmp_path / "x.tar" / "a.jpg"))
    found = dedupe.embed_images(tmp_path, index=None)
    assert [skipped.reason for skipped in found.skipped] == ["not an image"]


def test_a_changed_tar_is_read_anew(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "x.tar", {"a.jpg": b"first"})
    before = find_file(f"{tar}/a.jpg")
    write_tar(tar, {"b.jpg": b"another", "a.jpg": b"second"})
    assert read_object(f"{tar}/a.jpg") == b"second"
    assert find_file(f"{tar}/a.jpg") != before
    with pytest.raises(FileNotFoundError):
        find_file(f"{tar}/c.jpg")


def test_a_scan_finds_copies_in_a_tar_and_between_a_tar_and_a_folder(tmp_path: Path) -> None:
    tar = a_shard(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "second.jpg").write_bytes(encode(draw(2, 320, 240), "JPEG", quality=90))
    report = dedupe.scan(tar, folder, index=tmp_path / "index.sqlite")
    assert sorted(sorted(photo.path for photo in group.photos) for group in report.groups) == [
        [str(folder / "second.jpg"), f"{tar}/000002.png"],
        [f"{tar}/000001.jpg", f"{tar}/more/000003.jpg"],
    ]
    assert [(s.path, s.reason) for s in report.skipped] == [(f"{tar}/000004.jpg", "not an image")]
    again = dedupe.scan(tar, folder, index=tmp_path / "index.sqlite")
    assert (again.groups, again.statistics.reused) == (report.groups, 4)


def test_a_listed_tar_or_member_is_scanned(tmp_path: Path) -> None:
    first, second = a_shard(tmp_path), a_shard(tmp_path, "shard-0002.tar")
    (tmp_path / "list").write_text(f"{first}\n{second}/000002.png\n{second}/none.jpg\n", "utf-8")
    found = dedupe.embed_images(files_from=tmp_path / "list", index=None)
    paths = [photo.path for photos in found.contents.photos for photo in photos]
    assert sorted(paths) == [
        *(f"{first}/{name}" for name in ("000001.jpg", "000002.png", "more/000003.jpg")),
        f"{second}/000002.png",
    ]
    assert {(s.path, s.reason) for s in found.skipped} == {
        (f"{first}/000004.jpg", "not an image"),
        (f"{second}/none.jpg", "vanished"),
    }


def test_a_compressed_or_damaged_tar_is_a_line(tmp_path: Path) -> None:
    tar = tmp_path / "x.tar"
    with tarfile.open(tar, "w:gz") as packed:
        packed.addfile(tarfile.TarInfo("a.jpg"))
    with pytest.raises(InputError, match="not a tar without compression"):
        dedupe.scan(tar, index=None)
    tar.write_bytes(b"no tar at all" * 100)
    with pytest.raises(InputError, match="not a tar"):
        dedupe.scan(tar, index=None)


def test_members_are_never_moved(tmp_path: Path) -> None:
    tar = a_shard(tmp_path)
    before = tar.read_bytes()
    report = dedupe.scan(tar, index=None)
    with pytest.raises(ApplyError, match="only files in local folders are moved or removed"):
        dedupe.apply_report(report, dedupe.ApplyOptions(kind="delete"))
    asked = CliRunner().invoke(app, ["scan", str(tar), "--delete", "--report", "-"])
    assert (asked.exit_code, "in tars are not moved" in asked.stderr) == (2, True)
    assert tar.read_bytes() == before


def test_a_tar_behind_a_url_is_read_by_ranges(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    write_file("memory://shards/shard-0001.tar", a_shard(tmp_path).read_bytes())
    report = dedupe.scan("memory://shards/shard-0001.tar", index=None)
    [group] = report.groups
    assert sorted(photo.path for photo in group.photos) == [
        "memory://shards/shard-0001.tar/000001.jpg",
        "memory://shards/shard-0001.tar/more/000003.jpg",
    ]
