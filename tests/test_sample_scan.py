"""The sample pictures, scanned with the shipped encoder: every group of truth.csv and no other."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import dedupe

SAMPLES = Path(__file__).parent.parent / "sample_data"


def names(group: dedupe.Group) -> frozenset[str]:
    return frozenset(
        Path(p.path).name for p in (group.keeper, *(d.photo for d in group.duplicates))
    )


def test_a_scan_finds_every_group_of_the_truth_and_no_other() -> None:
    truth = defaultdict(set)
    with (SAMPLES / "truth.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["group"]:
                truth[row["group"]].add(row["file"])

    report = dedupe.scan(SAMPLES, index=None)

    assert {names(group) for group in report.groups} == {frozenset(g) for g in truth.values()}
    assert [(Path(s.path).name, s.reason) for s in report.skipped] == [
        ("IMG_2077.jpg", "truncated or broken")
    ]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Real photographs, copies of some, and two shots of one scene."""
    cat, coffee = Image.fromarray(data.chelsea()), Image.fromarray(data.coffee())
    rocket = Image.fromarray(data.rocket())
    for name, photo in (("cat", cat), ("coffee", coffee), ("rocket", rocket)):
        photo.save(tmp_path / f"{name}.png")
    cat.resize((225, 150)).save(tmp_path / "cat small.jpg", quality=60)
    cat.convert("L").save(tmp_path / "cat grey.jpg", quality=85)
    coffee.crop((45, 30, 555, 370)).save(tmp_path / "coffee cropped.jpg", quality=85)
    coffee.rotate(4, Image.Resampling.BICUBIC).save(tmp_path / "coffee rotated.jpg", quality=85)
    rocket.save(tmp_path / "rocket.webp", quality=50)
    return tmp_path


def test_a_duplicate_has_the_map_onto_its_keeper(photos: Path) -> None:
    duplicates = {Path(d.photo.path).name: d for d in dedupe.scan(photos, index=None).duplicates}
    crop = duplicates["coffee cropped.jpg"].matrix
    assert crop is not None
    # 510 x 340 pixels at (45, 30) of 600 x 400
    expected = (0.85, 0, 0.075, 0, 0.85, 0.075, 0, 0, 1)
    assert crop == pytest.approx(expected, abs=0.005)


def test_copies_of_photographs_are_grouped_with_their_photograph(photos: Path) -> None:
    report = dedupe.scan(photos, index=None)

    assert {names(group) for group in report.groups} == {
        frozenset({"cat.png", "cat small.jpg", "cat grey.jpg"}),
        frozenset({"coffee.png", "coffee cropped.jpg", "coffee rotated.jpg"}),
        frozenset({"rocket.png", "rocket.webp"}),
    }
    assert {Path(group.keeper.path).suffix for group in report.groups} == {".png"}
