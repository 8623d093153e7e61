"""A folder with real photos, their report, and a review of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import a_group, a_report
from drawings import draw_photo
from PIL import Image

from dedupe.files.digest import digest_file
from dedupe.report import write_report
from dedupe.review.session import Session
from dedupe.types import ImageFile, Photo, Report


def save_photo(path: Path, seed: int, *, width: int = 320, height: int = 240) -> Photo:
    """Write a drawn scene as a file; the format follows the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(draw_photo(seed, width=320, height=240)).resize((width, height))
    image.save(path)
    return describe(path, width, height)


def describe(path: Path, width: int, height: int) -> Photo:
    """Return the photo that a scan makes of a file."""
    seen = path.stat()
    file = ImageFile(str(path), 0, seen.st_size, seen.st_mtime_ns, seen.st_dev, seen.st_ino)
    kind = "PNG" if path.suffix == ".png" else "JPEG"
    return Photo(file, width, height, kind, digest_file(str(path)))


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Three groups: of three files, of two, and of two."""
    groups = []
    for seed, sizes in enumerate([(320, 160, 80), (320, 160), (320, 80)]):
        photos = [
            save_photo(
                tmp_path / f"photos/{place}/{seed}.jpg", seed, width=side, height=side * 3 // 4
            )
            for place, side in enumerate(sizes)
        ]
        groups.append(a_group(photos[0], *photos[1:], how="resized"))
    return a_report(*groups)


@pytest.fixture
def report_path(tmp_path: Path, report: Report) -> Path:
    path = tmp_path / "report.json"
    write_report(report, str(path), format="json")
    return path


@pytest.fixture
def session(report_path: Path, tmp_path: Path) -> Session:
    return Session(report_path, ignored=tmp_path / "ignored.jsonl")
