"""The contents of a group are read, compared once and remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import write_photo
from photo_files import an_original, encode, reopen

import dedupe.provenance.examiner as examiner_module
from dedupe.index.embedding_index import EmbeddingIndex
from dedupe.provenance.examiner import Examination, Examiner
from dedupe.provenance.rank import LARGER
from dedupe.provenance.source import Source
from dedupe.types import Photo


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    """A copy, then its original."""
    original = an_original(quality=95)
    copy = encode(reopen(original), quality=60)
    return [
        write_photo(tmp_path / f"{name}.jpg", data)
        for name, data in (("copy", copy), ("original", original))
    ]


def test_the_original_comes_first(photos: list[Photo]) -> None:
    assert Examiner().open_group(photos, {}).rank() == [1, 0]


def test_the_order_of_the_files_changes_no_score(photos: list[Photo]) -> None:
    there = Examiner().open_group(photos, {})
    back = Examiner().open_group(photos[::-1], {})
    assert there.score(0, 1) == -there.score(1, 0) == back.score(1, 0) < 0
    assert dict(there.explain(*photos)) == {
        name: -share for name, share in there.explain(*photos[::-1])
    }


def test_each_file_is_read_once(photos: list[Photo], monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def count(examination: Examination, photo: Photo) -> Source | None:
        read.append(photo.path)
        return original(examination, photo)

    original = Examination._read
    monkeypatch.setattr(examiner_module.Examination, "_read", count)
    examination = Examiner().open_group(photos, {})
    examination.rank()
    examination.find_evidence(*photos)
    assert sorted(read) == sorted(photo.path for photo in photos)


def test_a_file_that_changed_since_the_scan_gives_no_evidence(photos: list[Photo]) -> None:
    Path(photos[0].path).write_bytes(an_original(seed=9))
    assert Examiner().open_group(photos, {}).find_evidence(*photos) is None


def test_a_file_that_vanished_gives_no_evidence(photos: list[Photo]) -> None:
    Path(photos[1].path).unlink()
    assert Examiner().open_group(photos, {}).find_evidence(*photos) is None


def test_without_evidence_the_larger_file_is_the_likelier_original(photos: list[Photo]) -> None:
    for photo in photos:
        Path(photo.path).unlink()
    larger = replace(photos[0], width=2560)
    assert Examiner().open_group([photos[1], larger], {}).score(1, 0) == 2 * LARGER


def test_evidence_is_remembered_in_the_index(photos: list[Photo], tmp_path: Path) -> None:
    with EmbeddingIndex(tmp_path / "index.sqlite", encoder="e1", decoder=1) as index:
        first = Examiner(remembered=index).open_group(photos, {}).find_evidence(*photos)
        for photo in photos:
            Path(photo.path).unlink()
        again = Examiner(remembered=index).open_group(photos, {}).find_evidence(*photos)
    assert first is not None
    assert again == first
