"""Scans of damaged files beside the intact ones: only the intact file ever stays alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import some_contents
from drawings import draw_photo
from pictures import NumpyEncoder, write_encoder
from PIL import Image

from dedupe.decode.image import decode
from dedupe.files.digest import digest_bytes
from dedupe.pipeline import scan
from dedupe.pipeline.damage import find_damage
from dedupe.provenance.damage import compare_pixels
from dedupe.types import ImageFile, Pairs, Photo, Report

PHOTO = Image.fromarray(draw_photo(5, width=320, height=240))
Scan = Callable[[], Report]


@pytest.fixture
def scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scan:
    """Scan the folder `p` for pictures with nearly equal squares."""
    monkeypatch.setattr("dedupe.encoder.choice.open_encoder", lambda *_, **__: NumpyEncoder())
    encoder = write_encoder(tmp_path / "encoder")
    return lambda: scan(tmp_path / "p", threshold=0.2, verify=False, encoder=encoder, index=None)


def write_both(folder: Path, suffix: str, change: Callable[[bytes], bytes], **options: Any) -> None:
    """Write an intact file, and a damaged one with an earlier name and the same time."""
    folder.mkdir()
    intact, damaged = folder / f"b{suffix}", folder / f"a{suffix}"
    PHOTO.save(intact, **options)
    damaged.write_bytes(change(intact.read_bytes()))
    for path in (intact, damaged):
        os.utime(path, ns=(10**18, 10**18))


def break_unnoticed(data: bytes) -> bytes:
    """Flip a bit of a JPEG such that it decodes without a warning, with a visible break."""
    intact = decode(data).pixels
    for place in range(len(data) // 2, len(data)):
        changed = data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :]
        picture = decode(changed)
        if not picture.facts.damage and compare_pixels(picture.pixels, intact) == "first":
            return changed
    raise AssertionError("no flipped bit passes")


def test_a_jpeg_with_a_flipped_bit_never_stays_for_the_intact_one(
    tmp_path: Path, scanned: Scan
) -> None:
    write_both(tmp_path / "p", ".jpg", break_unnoticed, quality=90)
    report = scanned()
    (group,) = report.groups
    assert Path(group.keeper.path).name == "b.jpg"
    assert [(d.kind, "damaged" in d.how) for d in group.duplicates] == [("edited", True)]
    (listed,) = report.skipped
    assert (Path(listed.path).name, listed.reason) == ("a.jpg", "damaged")
    assert listed.detail == f"a damaged copy of {tmp_path}/p/b.jpg"


@pytest.mark.parametrize("suffix", [".bmp", ".tif"])
def test_both_files_stay_if_nothing_shows_which_one_is_damaged(
    suffix: str, tmp_path: Path, scanned: Scan
) -> None:
    write_both(tmp_path / "p", suffix, lambda d: d[:90001] + bytes([d[90001] ^ 1]) + d[90002:])
    report = scanned()
    assert report.groups == ()
    assert [(Path(s.path).name, s.reason) for s in report.skipped] == [
        (f"a{suffix}", "damaged"),
        (f"b{suffix}", "damaged"),
    ]
    assert report.skipped[0].detail == f"this file or {tmp_path}/p/b{suffix} is damaged"


def test_a_file_with_other_metadata_and_equal_pixels_is_a_duplicate_as_ever(
    tmp_path: Path, scanned: Scan
) -> None:
    write_both(tmp_path / "p", ".jpg", lambda d: d.replace(b"by A", b"by B"), comment="by A")
    report = scanned()
    assert len(report.groups) == 1
    assert report.skipped == ()


def test_a_third_copy_is_not_drawn_into_the_doubt(tmp_path: Path, scanned: Scan) -> None:
    write_both(tmp_path / "p", ".bmp", lambda d: d[:90001] + bytes([d[90001] ^ 1]) + d[90002:])
    for name in ("c.jpg", "d.jpg"):
        PHOTO.save(tmp_path / "p" / name, quality=90 if name == "c.jpg" else 60)
    report = scanned()
    paths = {Path(photo.path).name for group in report.groups for photo in group.photos}
    assert paths == {"c.jpg", "d.jpg"}


def test_files_that_changed_or_vanished_since_the_scan_are_not_compared(tmp_path: Path) -> None:
    write_both(tmp_path / "p", ".bmp", lambda d: d[:90001] + bytes([d[90001] ^ 1]) + d[90002:])
    photos = []
    for path in sorted((tmp_path / "p").iterdir()):
        file = ImageFile(str(path), 0, path.stat().st_size, 0, 0, 0)
        photos.append([Photo(file, 320, 240, "BMP", digest_bytes(path.read_bytes()))])
    contents = some_contents(photos)
    pairs = Pairs(np.array([0]), np.array([1]), np.zeros(1, np.float32))

    found, kept = find_damage(contents, pairs)
    assert len(kept) == 0
    assert all(files[0].facts.damage for files in found.photos)

    data = (tmp_path / "p/a.bmp").read_bytes()
    (tmp_path / "p/a.bmp").write_bytes(data[:-1] + b"x")
    assert find_damage(contents, pairs) == (contents, pairs)
    (tmp_path / "p/a.bmp").unlink()
    assert find_damage(contents, pairs) == (contents, pairs)
