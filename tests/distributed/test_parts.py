"""Parts behind a URL: the same as in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from dedupe.distributed.parts import create_folder, list_parts, open_part, write_part

fsspec: Any = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def _empty_store() -> Iterator[None]:
    store = fsspec.filesystem("memory").store
    store.clear()
    yield
    store.clear()


@pytest.fixture(params=["folder", "url"])
def folder(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    return create_folder(tmp_path / "store" if request.param == "folder" else "memory://store")


def test_nothing_is_listed_at_first(folder: str) -> None:
    assert list_parts(folder) == []


def test_parts_are_listed_and_their_row_groups_read(folder: str) -> None:
    for name in ("b", "a"):
        path = f"{folder}/in/{name}.parquet"
        write_part(path, pa.table({"number": range(70)}), rows=32)
    first, second = list_parts(folder)
    assert (first.endswith("store/in/a.parquet"), second.endswith("store/in/b.parquet")) == (1, 1)
    with open_part(first) as file:
        assert file.num_row_groups == 3
        assert file.read_row_group(2)["number"].to_pylist() == list(range(64, 70))


def test_a_part_is_replaced_whole(folder: str) -> None:
    path = f"{folder}/a.parquet"
    for count in (9, 3):
        write_part(path, pa.table({"number": range(count)}), rows=32)
    with open_part(path) as file:
        assert file.read()["number"].to_pylist() == [0, 1, 2]
