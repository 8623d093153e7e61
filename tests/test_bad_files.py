"""A folder with every kind of bad file: the scan ends, and names each with its reason."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from pictures import NumpyEncoder, draw, save, write_encoder
from PIL import Image

from dedupe.pipeline import scan
from dedupe.report import read_report, write_report
from dedupe.types import Report

ORIENTATION = 0x0112
BAD = {
    "bomb.png": "too many pixels",
    "broken link.jpg": "broken link",
    "cut.jpg": "truncated or broken",
    "cut copy.jpg": "truncated or broken",
    "cut.png": "truncated or broken",
    "empty.jpg": "empty file",
    "film.heic": "unsupported format",
    "knot.jpg": "broken link",
    "text, of\na diary.jpg": "not an image",
}

HOLD_MORE = {"deep.png", "film.gif"}  # no keeper has as many bits and frames


def plant_bad(folder: Path) -> None:
    """Write the files of BAD, a pipe and a circle of folders."""
    size = struct.pack(">II", 60000, 60000)
    header = b"IHDR" + size + b"\x08\0\0\0\0"
    body = b"\0\0\0\x0d" + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\x00IDAT"
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    for container in ("jpg", "png"):
        whole = save(draw(100), folder / f"cut.{container}")
        whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (folder / "cut copy.jpg").write_bytes((folder / "cut.jpg").read_bytes())
    (folder / "empty.jpg").touch()
    (folder / "film.heic").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom")
    (folder / "text, of\na diary.jpg").write_text("Dear diary,")
    (folder / "broken link.jpg").symlink_to("nowhere.jpg")
    (folder / "knot.jpg").symlink_to("knot.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "circle").mkdir()
    (folder / "circle/back").symlink_to(folder)


def plant_good(folder: Path) -> set[str]:
    """Write odd files that are pictures all the same, and return their names."""
    deep = np.asarray(draw(1).convert("L")).astype(np.uint16) * 257
    clear = draw(4).convert("RGBA")
    clear.putalpha(draw(5).convert("L"))
    frames = [draw(seed) for seed in (6, 7, 8)]
    save(draw(2).convert("CMYK"), folder / "cmyk.jpg")
    save(Image.fromarray(deep), folder / "deep.png")
    save(draw(3).convert("P"), folder / "palette.png", transparency=0)
    save(clear, folder / "clear.png")
    save(frames[0], folder / "film.gif", save_all=True, append_images=frames[1:])
    save(draw(9), folder / "really a png.png").rename(folder / "really a png.jpg")
    save(draw(10), folder / 'comma, new\nline, "quote".jpg')
    os.link(save(draw(11), folder / "a.jpg"), folder / "same inode.jpg")
    os.rename(save(draw(12), folder / "x.jpg"), os.fsencode(folder) + b"/caf\xe9.jpg")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        save(draw(13), folder / f"turned {orientation}.jpg", exif=exif, quality=95)
    return {os.path.basename(path) for path in _regular(folder)} - {"same inode.jpg"}


def test_what_claims_much_memory_is_rejected_before_it_is_read(
    tmp_path: Path, encoder: Path
) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    for name, head in (("zeros.jpg", b""), ("sparse.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0")):
        with (folder / name).open("wb") as file:
            file.write(head)
            file.truncate(8 << 30)
    canvas = (15999).to_bytes(3, "little") * 2
    (folder / "claims.webp").write_bytes(
        b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + canvas + b"VP8 "
    )
    (folder / "fill.jpg").write_bytes(b"\xff\xd8" + b"\xff" * 10_000_000)
    report = scan(folder, encoder=encoder, index=None)
    assert {os.path.basename(s.path): s.reason for s in report.skipped} == {
        "claims.webp": "too many pixels",
        "fill.jpg": "truncated or broken",
        "sparse.jpg": "file too large",
        "zeros.jpg": "not an image",
    }


def _regular(folder: Path) -> list[str]:
    return [entry.path for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("dedupe.encoder.choice.open_encoder", lambda *_, **__: NumpyEncoder())
    return write_encoder(tmp_path / "encoder")


@pytest.fixture
def good(tmp_path: Path) -> set[str]:
    (tmp_path / "photos").mkdir()
    try:
        return plant_good(tmp_path / "photos")
    except OSError as error:  # macOS refuses such names
        pytest.skip(f"this file system does not hold all kinds: {error}")


@pytest.fixture
def report(tmp_path: Path, good: set[str], encoder: Path) -> Report:
    """Every picture counts as a copy of every other one, so that all are in the report."""
    assert good
    plant_bad(tmp_path / "photos")
    return scan(
        tmp_path / "photos",
        threshold=2,
        verify=False,
        keep=["shortest-path"],
        follow_symlinks=True,
        encoder=encoder,
        index=tmp_path / "index.sqlite",
    )


def images(report: Report) -> set[str]:
    kept = {group.keeper.path for group in report.groups}
    return {os.path.basename(p) for p in kept | {d.photo.path for d in report.duplicates}}


def test_every_good_file_is_an_image(report: Report, good: set[str]) -> None:
    assert images(report) == good - HOLD_MORE
    assert report.statistics.images == len(good)


def test_every_bad_file_is_skipped_with_its_reason(report: Report, tmp_path: Path) -> None:
    found = {os.path.relpath(s.path, tmp_path / "photos"): s.reason for s in report.skipped}
    assert found == BAD
    assert len(report.skipped) == len(BAD)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_report_holds_them_all(report: Report, tmp_path: Path, form: str) -> None:
    path = str(tmp_path / f"report.{form}")
    write_report(report, path, format="csv" if form == "csv" else "json")
    again = read_report(path)
    assert images(again) == images(report)
    assert again.skipped == (report.skipped if form == "json" else ())


def test_a_second_scan_of_bad_files_says_the_same(
    report: Report, tmp_path: Path, encoder: Path
) -> None:
    again = scan(
        tmp_path / "photos",
        threshold=2,
        verify=False,
        keep=["shortest-path"],
        follow_symlinks=True,
        encoder=encoder,
        index=tmp_path / "index.sqlite",
    )
    assert again == report
    assert again.statistics.reused == again.statistics.images


def test_a_picture_turned_by_exif_is_known_by_how_it_is_seen(tmp_path: Path, encoder: Path) -> None:
    ways = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    save(draw(13), tmp_path / "p/upright.png")
    for orientation, turn in ways.items():
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        save(draw(13).transpose(turn), tmp_path / f"p/turned {orientation}.png", exif=exif)
    (group,) = scan(tmp_path / "p", threshold=0.01, encoder=encoder, index=None).groups
    assert len(group.duplicates) == 2


def test_an_unreadable_folder_is_skipped(tmp_path: Path, encoder: Path) -> None:
    save(draw(1), tmp_path / "p/a.png")
    save(draw(1), tmp_path / "p/locked/a.png")
    (tmp_path / "p/locked").chmod(0)
    try:
        if os.access(tmp_path / "p/locked", os.R_OK):
            pytest.skip("this user may read everything")
        report = scan(tmp_path / "p", encoder=encoder, index=None)
    finally:
        (tmp_path / "p/locked").chmod(0o700)
    assert [(s.path, s.reason) for s in report.skipped] == [
        (str(tmp_path / "p/locked"), "unreadable folder")
    ]
    assert report.statistics.images == 1
