"""A file that kills its workers is found and skipped; a node that dies once blames no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import a_photo

from dedupe.distributed.attempts import KILLS, Attempts

fsspec: Any = pytest.importorskip("fsspec")
FILES = [a_photo(f"/{name}.jpg").file for name in "abc"]


@pytest.fixture(params=["folder", "url"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    fsspec.filesystem("memory").store.clear()
    yield str(tmp_path) if request.param == "folder" else "memory://store"
    fsspec.filesystem("memory").store.clear()


class WorkerDied(BaseException):
    """In place of a process that ends."""


def work(folder: str, killer: str) -> tuple[list[str], list[str]]:
    """Do what an actor does, and die at a file; return what was done and what skipped."""
    attempts = Attempts.read(folder, "part.parquet")
    alive, skipped = attempts.split(FILES)
    if attempts.is_whole:
        with attempts.begin():
            if killer in [file.path for file in alive]:
                raise WorkerDied
    else:
        for file in alive:
            with attempts.begin(file.path):
                if file.path == killer:
                    raise WorkerDied
    attempts.finish()
    return [file.path for file in alive], [skip.path for skip in skipped]


def test_a_file_that_kills_its_workers_is_skipped_in_the_end(folder: str) -> None:
    for _ in range(4):
        with pytest.raises(WorkerDied):
            work(folder, "/b.jpg")
    assert work(folder, "/b.jpg") == (["/a.jpg", "/c.jpg"], ["/b.jpg"])


def test_a_partition_that_was_finished_begins_anew(folder: str) -> None:
    with pytest.raises(WorkerDied):
        work(folder, "/a.jpg")
    assert work(folder, "") == (["/a.jpg", "/b.jpg", "/c.jpg"], [])
    assert Attempts.read(folder, "part.parquet").begun == 0


def test_one_death_blames_no_file(folder: str) -> None:
    for _ in range(3):
        with pytest.raises(WorkerDied):
            work(folder, "/b.jpg")
    assert work(folder, "") == (["/a.jpg", "/b.jpg", "/c.jpg"], [])


def test_the_reason_names_what_happened() -> None:
    attempts = Attempts("/nowhere", deaths={"/a.jpg": 2})
    _, (skipped,) = attempts.split(FILES)
    assert (skipped.reason, skipped.detail) == (KILLS, "2 workers died while they decoded it")
