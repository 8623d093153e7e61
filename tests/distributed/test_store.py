"""Parts of embedded files, as any node writes them and the next scan reads them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from builders import a_photo

from dedupe.distributed.store import PartStore, name_part
from dedupe.errors import DedupeWarning, EngineError
from dedupe.index.embedding_index import Content
from dedupe.types import Facts, ImageFile


def a_file(name: str, mtime_ns: int = 5) -> ImageFile:
    return replace(a_photo(f"/photos/{name}").file, mtime_ns=mtime_ns, inode=2**64 - 1)


def a_content(digest: str) -> Content:
    vector = np.array([0.6, 0.8], np.float32)
    facts = Facts(frames=3, damage="cut", pixels="ab")
    return Content(digest, 640, 480, "JPEG", 4.25, vector, facts, b"thumb " + digest.encode())


@pytest.fixture
def store(tmp_path: Path) -> PartStore:
    return PartStore.open(str(tmp_path / "store"), "encoder", 1)


def test_files_and_contents_come_back_from_a_part(store: PartStore) -> None:
    file, twice, other = a_file("a\udcff.jpg"), a_file("b.jpg"), a_file("c.jpg", -(2**70))
    store.write("part.parquet", [(file, a_content("1")), (twice, a_content("1"))])
    store.write("more.parquet", [(other, a_content("2"))])
    parts = store.read(store.list_parts())
    found = parts.find_files([file, twice, other])
    assert {path: content.digest for path, content in found.items()} == {
        file.path: "1",
        twice.path: "1",
        other.path: "2",
    }
    one, wanted = found[file.path], a_content("1")
    assert (one.width, one.height, one.format, one.detail, one.facts) == (
        *(wanted.width, wanted.height, wanted.format, wanted.detail, wanted.facts),
    )
    np.testing.assert_array_equal(one.vector, wanted.vector)


def test_a_changed_file_is_not_found(store: PartStore) -> None:
    store.write("part.parquet", [(a_file("a.jpg"), a_content("1"))])
    parts = store.read(store.list_parts())
    assert parts.find_files([a_file("a.jpg", mtime_ns=6)]) == {}


def test_thumbnails_are_read_by_their_place(store: PartStore) -> None:
    seen = [(a_file(f"{n}.jpg"), a_content(f"{n:03}")) for n in range(70)]
    store.write("part.parquet", seen)
    places = store.read(["part.parquet"]).places
    assert {group for _, group in places.values()} == {0, 1, 2}
    found = store.find_thumbnails(places, ["000", "069", "unknown"])
    assert found == {"000": b"thumb 000", "069": b"thumb 069"}


def test_a_damaged_part_is_left_out_with_a_warning(store: PartStore) -> None:
    store.write("good.parquet", [(a_file("a.jpg"), a_content("1"))])
    store.write("torn.parquet", [(a_file("b.jpg"), a_content("2"))])
    torn = Path(store.folder) / "to" / "torn.parquet"
    torn.write_bytes(torn.read_bytes()[:100])
    with pytest.warns(DedupeWarning, match=r"torn\.parquet cannot be used"):
        assert [*store.read(store.list_parts()).contents] == ["1"]


def test_encoders_and_decoders_have_stores_of_their_own(tmp_path: Path) -> None:
    keys = [("e1", 1), ("e1", 2), ("e2", 1)]
    assert len({PartStore.open(str(tmp_path), *key).folder for key in keys}) == 3


def test_a_part_is_named_after_its_files_alone() -> None:
    assert name_part([a_file("a.jpg")]) == name_part([a_file("a.jpg")])
    assert name_part([a_file("a.jpg")]) != name_part([a_file("a.jpg", mtime_ns=6)])


def test_a_store_that_cannot_be_created_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match=r"cannot create the store .*/file/x: Not a directory"):
        PartStore.open(str(tmp_path / "file" / "x"), "encoder", 1)


def test_a_part_has_every_property_of_a_content(store: PartStore) -> None:
    store.write("part.parquet", [(a_file("a.jpg"), a_content("1"))])
    path = Path(store.folder) / "pa" / "part.parquet"
    assert {field.name for field in fields(Content)} <= {*pq.read_schema(path).names}
