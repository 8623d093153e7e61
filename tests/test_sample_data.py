"""The sample archive and its truth.csv: what the committed files hold, not how they came about."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

SAMPLE_DATA = Path(__file__).parents[1] / "sample_data"
IMAGES = sorted(
    path
    for path in SAMPLE_DATA.rglob("*")
    if path.suffix in {".jpg", ".png", ".webp"} and path.name != "IMG_2077.jpg"
)
BROKEN = SAMPLE_DATA / "phone" / "backup" / "IMG_2077.jpg"


def read_truth() -> list[tuple[str, str]]:
    with (SAMPLE_DATA / "truth.csv").open(encoding="utf-8", newline="") as file:
        return [(row["file"], row["group"]) for row in csv.DictReader(file)]


def load(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


def orientation(path: Path) -> int:
    with Image.open(path) as image:
        return int(image.getexif().get(0x0112, 1))


def test_truth_lists_every_readable_image_exactly_once() -> None:
    assert sorted(name for name, _ in read_truth()) == sorted(path.name for path in IMAGES)


def test_base_names_are_unique_even_where_case_does_not_count() -> None:
    names = [path.name.casefold() for path in [*IMAGES, BROKEN]]
    assert len(set(names)) == len(names)


def test_names_hold_a_comma_a_space_and_letters_beyond_ascii() -> None:
    names = [name for name, _ in read_truth()]
    assert any(", " in name for name in names)
    assert any(not name.isascii() for name in names)


def test_there_are_groups_of_several_sizes_and_single_pictures() -> None:
    files = Counter(group for _, group in read_truth())
    singles = files.pop("")
    assert singles >= 12
    assert len(files) >= 8
    assert min(files.values()) == 2
    assert max(files.values()) == 5


def test_the_archive_is_small() -> None:
    assert 40 <= len(IMAGES) + 1 <= 50
    assert sum(path.stat().st_size for path in [*IMAGES, BROKEN]) < 5_000_000


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_a_listed_image_loads(path: Path) -> None:
    assert min(load(path)) >= 240


def test_one_copy_is_stored_sideways() -> None:
    assert [path.name for path in IMAGES if orientation(path) != 1] == ["20240512_183045.jpg"]


def test_the_broken_image_does_not_load() -> None:
    with pytest.raises(OSError, match="truncated"):
        load(BROKEN)
