"""Images that a Python program holds: mappings of bytes, and columns of data sets."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from encoded import encode
from pictures import draw

import dedupe
from dedupe.errors import ApplyError, InputError, UsageError
from dedupe.files.remote import find_file, list_files, read_object, read_range

PNG = encode(draw(1, 640, 480), "PNG")
SMALL = encode(draw(1, 320, 240), "JPEG", quality=90)
OTHER = encode(draw(2, 640, 480), "JPEG", quality=90)


def groups_of(root: Any, tmp_path: Path) -> list[list[str]]:
    report = dedupe.scan(root, index=tmp_path / "index.sqlite")
    return [sorted(photo.path for photo in group.photos) for group in report.groups]


def test_bytes_by_name_are_scanned_under_paths_of_their_own(tmp_path: Path) -> None:
    root = dedupe.open_images({"a": PNG, "b/c": SMALL, "d": OTHER}, name="mine")
    assert groups_of(root, tmp_path) == [["images://mine/a", "images://mine/b/c"]]
    assert read_range("images://mine/d", 0, 4) == OTHER[:4]


def test_another_content_under_the_same_name_is_not_taken_from_the_index(tmp_path: Path) -> None:
    first = dedupe.open_images({"a": PNG, "b": SMALL})
    assert len(groups_of(first, tmp_path)) == 1
    second = dedupe.open_images({"a": PNG, "b": OTHER[: len(SMALL)].ljust(len(SMALL), b"\0")})
    assert groups_of(second, tmp_path) == []


def test_images_are_gone_with_their_source() -> None:
    root = dedupe.open_images({"a": PNG}, name="short")
    assert find_file("images://short/a").size == len(PNG)
    del root
    gc.collect()
    with pytest.raises(FileNotFoundError, match="not open in this process"):
        read_object("images://short/a")
    with pytest.raises(InputError, match="not open in this process"):
        dedupe.scan("images://short", index=None)


def test_a_name_with_a_slash_is_refused() -> None:
    with pytest.raises(UsageError, match="without a slash"):
        dedupe.open_images({}, name="a/b")


def test_images_in_memory_are_never_moved() -> None:
    root = dedupe.open_images({"a": PNG, "b": PNG})
    report = dedupe.scan(root, index=None)
    with pytest.raises(ApplyError, match=r"cannot change images://images/"):
        dedupe.apply_report(report, dedupe.ApplyOptions(kind="delete"))


class TestDataSets:
    """Columns of `datasets.Dataset`."""

    @pytest.fixture
    def datasets(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        found = pytest.importorskip("datasets", reason="datasets is not installed")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(found.config, "HF_DATASETS_CACHE", tmp_path / "cache")
            yield found

    @pytest.mark.filterwarnings("ignore")
    def test_a_column_of_images_is_scanned_by_rows(self, datasets: Any, tmp_path: Path) -> None:
        (tmp_path / "small.jpg").write_bytes(SMALL)
        rows = [{"bytes": OTHER, "path": "o.jpg"}, {"bytes": PNG, "path": None}]
        rows += [{"bytes": None, "path": str(tmp_path / "small.jpg")}]
        features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
        table = datasets.Dataset.from_dict({"image": rows, "label": [0, 1, 2]}, features=features)
        root = dedupe.open_dataset(table, name="pets")
        assert groups_of(root, tmp_path) == [["images://pets/000000001", "images://pets/000000002"]]
        assert [one.size for one in list_files("images://pets")[1]] == [
            *map(len, (OTHER, PNG, SMALL))
        ]

    @pytest.mark.filterwarnings("ignore")
    def test_a_selection_of_bytes_keeps_its_own_rows(self, datasets: Any, tmp_path: Path) -> None:
        table = datasets.Dataset.from_dict({"data": [b"no image", OTHER, SMALL, PNG]})
        root = dedupe.open_dataset(table.select([3, 1, 2]), "data")
        assert groups_of(root, tmp_path) == [
            ["images://dataset/000000000", "images://dataset/000000002"]
        ]

    @pytest.mark.filterwarnings("ignore")
    def test_an_unknown_column_is_a_line(self, datasets: Any) -> None:
        table = datasets.Dataset.from_dict({"data": [PNG]})
        with pytest.raises(InputError, match="'image': the data set has data"):
            dedupe.open_dataset(table)
