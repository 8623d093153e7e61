"""Components that a scan has in common with the last one are recalled; the report is the same."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawings import draw_photo
from photo_files import draw_scene, gallery
from pictures import NumpyEncoder, save
from PIL import Image

from dedupe.files.digest import digest_file
from dedupe.pipeline import scan
from dedupe.pipeline.damage import find_damage
from dedupe.pipeline.keepers import Keepers
from dedupe.report import format_report
from dedupe.types import Contents, Group, Report, Star

Scan = Callable[..., Report]
KINDS = ("cat", "dog", "elk", "fox")


def draw(seed: int) -> Image.Image:
    return Image.fromarray(draw_photo(seed, width=192, height=144))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four photos with a copy each, two with the same bytes, pages, and damaged files."""
    folder = tmp_path / "photos"
    for number, name in enumerate(KINDS):
        save(draw(number), folder / name / "large.png")
        save(draw(number).resize((96, 72), Image.Resampling.LANCZOS), folder / name / "small.jpg")
    for name in ("a", "b"):
        save(draw(20), folder / "same" / f"{name}.png")
        save(Image.new("RGB", (96, 72), "white"), folder / "pages" / f"{name}.png")
        save(draw(21), folder / "raw" / f"{name}.bmp")
    data = (folder / "raw/b.bmp").read_bytes()
    (folder / "raw/b.bmp").write_bytes(data[:-9_000] + bytes(9_000))
    save(Image.new("RGB", (90, 72), "black"), folder / "pages" / "c.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "cut.jpg").write_bytes((folder / "fox/small.jpg").read_bytes()[:-200])
    return folder


@pytest.fixture
def formed(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Return, for each scan, the folders of the contents that it groups."""
    found: list[set[str]] = []

    def note(contents: Contents, *rest: Any, **options: Any) -> Any:
        files = (photo for photos in contents.photos for photo in photos)
        found.append({Path(photo.path).parent.name for photo in files})
        return find_damage(contents, *rest, **options)

    monkeypatch.setattr("dedupe.pipeline.form.find_damage", note)
    return found


@pytest.fixture
def rescan(photos: Path, tmp_path: Path) -> Scan:
    """Scan with an index, and check the report against one that forms everything."""
    index = tmp_path / "index.sqlite"

    def rescan(**options: Any) -> Report:
        given: dict[str, Any] = {"encoder": NumpyEncoder(), **options}
        with_nothing = forget_results(index, tmp_path / "other.sqlite")
        expected = scan(photos, index=with_nothing, **given)
        report = scan(photos, index=index, **given)
        assert as_bytes(report) == as_bytes(expected)
        assert report.skipped == expected.skipped
        assert details(report) == details(expected)
        return report

    return rescan


def forget_results(index: Path, copy: Path) -> Path:
    """Copy an index without its results."""
    copy.unlink(missing_ok=True)
    if index.exists():
        with closing(sqlite3.connect(index)) as stored, closing(sqlite3.connect(copy)) as other:
            stored.backup(other)
            with other:
                other.execute("DELETE FROM reports")
    return copy


def as_bytes(report: Report) -> bytes:
    return format_report(report, format="csv")


def details(report: Report) -> list[object]:
    """Return values that a written report leaves out."""
    return [
        *((p.facts, p.file) for group in report.groups for p in group.photos),
        *((duplicate.matrix, duplicate.evidence) for duplicate in report.duplicates),
        report.statistics.images,
        report.statistics.reused,
    ]


def test_the_photos_have_groups_of_each_kind(rescan: Scan) -> None:
    report = rescan()
    folders = {Path(group.keeper.path).parent.name for group in report.groups}
    assert folders == {*KINDS, "same", "pages"}
    assert {skipped.reason for skipped in report.skipped} >= {"damaged", "low-detail"}


def test_a_new_picture_forms_no_other_group(
    rescan: Scan, photos: Path, formed: list[set[str]]
) -> None:
    rescan()
    save(draw(30), photos / "new" / "new.png")
    rescan()
    assert formed[-2] >= {*KINDS, "same", "pages", "raw"}
    assert formed[-1] == set()


def test_a_new_copy_forms_the_groups_that_it_may_join(
    rescan: Scan, photos: Path, formed: list[set[str]]
) -> None:
    rescan()
    save(draw(0).resize((120, 90)), photos / "new" / "again.png")
    report = rescan()
    assert len(report.groups[0].duplicates) == 2
    assert formed[-1] == {"cat", "new"}


def test_a_new_picture_among_look_alikes_chooses_no_keeper_again(
    rescan: Scan, photos: Path, formed: list[set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[Star] = []
    finish = Keepers._finish

    def note(self: Keepers, star: Star, case: Any) -> list[Group]:
        chosen.append(star)
        return finish(self, star, case)

    monkeypatch.setattr(Keepers, "_finish", note)
    first = rescan(threshold=1.5)
    assert len(chosen) == 2 * len(first.groups)
    save(draw(30), photos / "new" / "new.png")
    rescan(threshold=1.5)  # once with, and once without the last result
    assert formed[-1] >= {*KINDS, "new"}
    assert len(chosen) == 3 * len(first.groups)


def test_reports_after_changes_are_as_if_formed_whole(
    rescan: Scan, photos: Path, formed: list[set[str]]
) -> None:
    cat, dog = photos / "cat/large.png", photos / "dog/large.png"
    changes: dict[str, Callable[[], object]] = {
        "free": (photos / "raw/a.bmp").unlink,
        "repair": lambda: shutil.copy(photos / "dog/small.jpg", photos / "broken.jpg"),
        "copy": lambda: shutil.copy(photos / "same/a.png", photos / "same/c.png"),
        "page": lambda: shutil.copy(photos / "pages/c.png", photos / "pages/d.png"),
        "touch": lambda: os.utime(cat, ns=(1, 1)),
        "damage": lambda: cat.write_bytes(cat.read_bytes()[:-400]),
        "rewrite": lambda: cat.write_bytes(dog.read_bytes()),
        "rename": lambda: dog.rename(photos / "dog/zoo.png"),
        "remove": (photos / "dog/zoo.png").unlink,
    }
    rescan()
    for name, change in changes.items():
        change()
        rescan()
        assert ("elk" in formed[-2], "elk" in formed[-1]) == (True, False), name


def test_any_chain_of_changes_is_as_if_formed_whole(rescan: Scan, photos: Path) -> None:
    random = np.random.default_rng(1)
    rescan()
    for step in range(8):
        files = sorted(path for path in photos.rglob("*.*") if path.suffix != ".bmp")
        one, other = (files[at] for at in random.choice(len(files), 2, replace=False))
        kind = int(random.integers(4))
        if kind == 0:
            one.unlink()
        elif kind == 1:
            one.rename(one.with_stem(f"{one.stem}{step}"))
        elif kind == 2:
            shutil.copy(one, other.with_name(f"{step}{one.suffix}"))
        else:
            save(draw(int(random.integers(6))).resize((100 + step, 80)), other.with_suffix(".png"))
        rescan()


def test_another_option_forms_every_group(rescan: Scan, formed: list[set[str]]) -> None:
    changes: list[dict[str, Any]] = [{"verify": False}, {"keep": ("smallest",)}, {"max_pixels": 9}]
    for options in ({}, *changes):
        rescan(**options)
        assert formed[-1] == formed[-2]


def test_groups_of_one_root_are_recalled_and_left_out(rescan: Scan, photos: Path) -> None:
    assert rescan(across=True).groups == ()
    save(draw(30), photos / "new.png")
    assert rescan(across=True).groups == ()


def test_an_ignored_pair_forms_its_group_alone(
    rescan: Scan, photos: Path, formed: list[set[str]]
) -> None:
    pair = [digest_file(str(photos / "cat" / name)) for name in ("large.png", "small.jpg")]
    first, second = rescan(ignored=()), rescan(ignored=[pair])
    assert len(second.groups) == len(first.groups) - 1
    assert formed[-1] == {"cat"}


def test_a_protected_file_forms_its_group_alone(
    rescan: Scan, photos: Path, formed: list[set[str]]
) -> None:
    first, second = rescan(), rescan(protect=[photos / "cat"])
    assert len(second.groups) == len(first.groups) - 1
    assert formed[-1] == {"cat"}


def test_a_scan_that_died_before_its_result_goes_on_from_the_last_one(
    rescan: Scan, photos: Path, formed: list[set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rescan()
    save(draw(0).resize((120, 90)), photos / "again.png")
    for place in ("dedupe.pipeline.run.LastScan.remember", "dedupe.pipeline.form.find_damage"):
        with monkeypatch.context() as patch:
            patch.setattr(place, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                rescan()
    report = rescan()
    assert len(report.groups[0].duplicates) == 2
    assert formed[-1] == {"cat", "photos"}


def test_a_photo_and_a_screenshot_of_it_are_formed_together(
    tmp_path: Path, formed: list[set[str]]
) -> None:
    for seed, name in ((5, "bay"), (11, "hill"), (17, "new")):
        photo = draw_scene(seed, width=720, height=480)
        folder = tmp_path / ("p" if name != "new" else "") / name
        save(photo, folder / "photo.jpg", quality=90)
        save(gallery(photo), folder / "screen.jpg", quality=90)
    index = tmp_path / "index.sqlite"
    options: dict[str, Any] = {"ignored": None, "sensitivity": "balanced"}
    first = scan(tmp_path / "p", index=index, **options)
    (tmp_path / "new").rename(tmp_path / "p" / "new")
    os.utime(tmp_path / "p" / "hill" / "screen.jpg", ns=(1, 1))
    other = forget_results(index, tmp_path / "other.sqlite")
    second = scan(tmp_path / "p", index=index, **options)
    assert formed[-1] == {"hill", "new"}
    assert as_bytes(second) == as_bytes(scan(tmp_path / "p", index=other, **options))
    assert [len(first.groups), len(second.groups)] == [2, 3]
