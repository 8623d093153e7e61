"""A result is recalled if nothing that it depends on changed, and formed anew if something did."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawings import draw_photo
from pictures import NumpyEncoder, save
from PIL import Image

from dedupe.files.digest import digest_file
from dedupe.pipeline import scan
from dedupe.pipeline.form import form_result
from dedupe.types import Report

Scan = Callable[..., Report]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos with a copy each, a plain page, and a file that is not a picture."""
    folder = tmp_path / "photos"
    for number, name in enumerate(("cat", "dog")):
        photo = Image.fromarray(draw_photo(number, width=192, height=144))
        save(photo, folder / name / "large.png")
        save(photo.resize((96, 72), Image.Resampling.LANCZOS), folder / name / "small.jpg")
    save(Image.new("RGB", (96, 72), "white"), folder / "page.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture
def rescan(photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scan:
    """Return a scan of the photos with an index; `formed` of it counts the results formed."""

    def count(*args: Any) -> Any:
        rescan.formed += 1  # type: ignore[attr-defined]
        return form_result(*args)

    def rescan(*roots: Path, **options: Any) -> Report:
        given = {"encoder": NumpyEncoder(), "index": tmp_path / "index.sqlite", **options}
        return scan(*(roots or (photos,)), **given)

    rescan.formed = 0  # type: ignore[attr-defined]
    monkeypatch.setattr("dedupe.pipeline.run.form_result", count)
    return rescan


def formed(rescan: Scan) -> int:
    return int(rescan.formed)  # type: ignore[attr-defined]


def details(report: Report) -> list[object]:
    """Return the values that the comparison of two reports leaves out."""
    photos = [photo for group in report.groups for photo in group.photos]
    return [
        *((photo.facts, photo.file.links) for photo in photos),
        *((duplicate.matrix, duplicate.evidence) for duplicate in report.duplicates),
        report.statistics.images,
        report.statistics.search,
    ]


def test_an_unchanged_folder_is_recalled_whole(rescan: Scan) -> None:
    first, second = rescan(), rescan()
    assert formed(rescan) == 1
    assert second == first
    assert details(second) == details(first)
    assert len(first.groups) == 2
    assert any(duplicate.evidence for duplicate in first.duplicates)
    assert {skipped.reason for skipped in first.skipped} >= {"low-detail"}
    assert second.statistics.reused == 5


def test_a_result_is_recalled_without_its_contents(
    rescan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rescan(index=None)
    rescan()
    monkeypatch.setattr("dedupe.index.embedding_index.EmbeddingIndex.find_files", None)
    monkeypatch.setattr("dedupe.index.rows.parse_content", None)
    (broken,) = [one.path for one in first.skipped if one.path.endswith("broken.jpg")]
    os.unlink(broken)
    assert rescan().groups == first.groups


@pytest.mark.parametrize(
    "options",
    [{"verify": False}, {"keep": ("smallest",)}, {"across": True}, {"max_pixels": 192 * 144 - 1}],
)
def test_another_option_forms_the_result_anew(rescan: Scan, options: dict[str, Any]) -> None:
    rescan()
    assert rescan(**options) == rescan(index=None, **options)
    assert formed(rescan) == 3


def test_other_workers_and_batches_recall_it(rescan: Scan) -> None:
    assert rescan(workers=1) == rescan(workers=2, batch_size=3)
    assert formed(rescan) == 1


def test_an_ignored_pair_forms_the_result_anew(rescan: Scan, photos: Path) -> None:
    pair = [digest_file(str(photos / "cat" / name)) for name in ("large.png", "small.jpg")]
    assert len(rescan(ignored=()).groups) == 2
    assert len(rescan(ignored=[pair]).groups) == 1
    assert len(rescan(ignored=[pair]).groups) == 1
    assert formed(rescan) == 2


def test_a_protected_file_forms_the_result_anew(rescan: Scan, photos: Path) -> None:
    assert len(rescan().groups) == 2
    assert len(rescan(protect=[photos / "cat"]).groups) == 1
    assert len(rescan(protect=[photos / "cat" / ".." / "cat"]).groups) == 1
    assert formed(rescan) == 2


@pytest.mark.parametrize("change", ["remove", "touch", "rewrite", "add", "repair"])
def test_a_changed_file_forms_the_result_anew(rescan: Scan, photos: Path, change: str) -> None:
    rescan()
    cat = photos / "cat/large.png"
    if change == "remove":
        cat.unlink()
    elif change == "touch":
        os.utime(cat, ns=(1, 1))
    elif change == "rewrite":
        cat.write_bytes((photos / "dog/large.png").read_bytes())
    elif change == "add":
        (photos / "again.png").write_bytes(cat.read_bytes())
    else:
        (photos / "broken.jpg").write_bytes((photos / "dog/small.jpg").read_bytes())
    assert rescan() == rescan(index=None)
    assert formed(rescan) == 3


def test_other_code_forms_the_result_anew(rescan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    rescan()
    monkeypatch.setattr("dedupe.pipeline.unchanged.name_program", lambda: "of a later version")
    rescan()
    assert formed(rescan) == 2


def test_a_sidecar_that_was_added_is_in_the_recalled_report(rescan: Scan, photos: Path) -> None:
    rescan()
    (photos / "cat/small.xmp").touch()
    report = rescan()
    assert formed(rescan) == 1
    assert [d.sidecars for d in report.duplicates] == [("small.xmp",), ()]


def test_the_order_of_roots_is_part_of_the_result(rescan: Scan, photos: Path) -> None:
    for name in ("again", "once"):
        for kind in ("cat", "dog"):
            (photos.parent / name / kind).mkdir(parents=True)
            data = (photos / kind / "large.png").read_bytes()
            (photos.parent / name / kind / "large.png").write_bytes(data)
    roots = photos.parent / "again", photos.parent / "once"
    first = rescan(*roots, keep=("first-root",))
    second = rescan(*roots[::-1], keep=("first-root",))
    assert [g.keeper.path for g in first.groups] == [
        str(roots[0] / k / "large.png") for k in ("cat", "dog")
    ]
    assert [g.keeper.path for g in second.groups] == [
        str(roots[1] / k / "large.png") for k in ("cat", "dog")
    ]
