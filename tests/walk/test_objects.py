"""Finding images behind URLs: the rules of folders hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dedupe.files.remote import write_file
from dedupe.types import Skipped
from dedupe.walk import WalkRules, walk

fsspec: Any = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def _empty_store() -> Iterator[None]:
    store = fsspec.filesystem("memory").store
    store.clear()
    yield
    store.clear()


def plant(*names: str) -> None:
    for name in names:
        write_file(f"memory://{name}", name.encode())


def find(*roots: str, listed: tuple[str, ...] = (), **rules: Any) -> list[str]:
    found = walk(
        roots,
        WalkRules(**rules),
        listed=listed,
        extensions=frozenset({"jpg", "dng"}),
        sidecars=frozenset({"dng"}),
    )
    return [file.path.removeprefix("memory:///") for file in found.files]


def test_images_are_found_in_the_order_of_their_urls() -> None:
    plant("p/b.jpg", "p/a/z.JPG", "p/notes.txt", "p/.hidden.jpg", "p/.git/c.jpg", "other/d.jpg")
    assert find("memory://p") == ["p/a/z.JPG", "p/b.jpg"]
    assert find("memory://p/") == find("memory:///p") == find("memory://p")


def test_the_rules_of_folders_hold() -> None:
    plant("p/a.jpg", "p/x/b.jpg", "p/x/y/c.jpg", "p/skip/d.jpg")
    assert find("memory://p", max_depth=2, exclude=["skip/"]) == ["p/a.jpg", "p/x/b.jpg"]
    assert find("memory://p", include=["x/*"]) == ["p/x/b.jpg", "p/x/y/c.jpg"]
    assert find("memory://p", min_size=10) == ["p/skip/d.jpg", "p/x/y/c.jpg"]


def test_a_raw_file_beside_its_image_is_left_out() -> None:
    plant("p/a.dng", "p/a.jpg", "p/b.dng")
    assert find("memory://p") == ["p/a.jpg", "p/b.dng"]


def test_a_root_can_be_one_object_and_overlap_another() -> None:
    plant("p/a.jpg", "p/b.jpg")
    assert find("memory://p/a.jpg") == ["p/a.jpg"]
    assert find("memory://p/a.jpg", "memory://p") == ["p/a.jpg", "p/b.jpg"]


def test_listed_objects_are_taken_and_missing_ones_skipped() -> None:
    plant("p/a.jpg", "p/b")
    assert find(listed=("memory://p/b", "memory://p/a.jpg")) == ["p/a.jpg", "p/b"]
    found = walk([], listed=["memory://p", "memory://p/gone.jpg"], extensions=frozenset())
    assert [(skipped.path, skipped.reason) for skipped in found.skipped] == [
        ("memory://p", "not a regular file"),
        ("memory://p/gone.jpg", "vanished"),
    ]
    assert isinstance(found.skipped[0], Skipped)
