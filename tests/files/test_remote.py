"""Objects behind URLs: listed, read by ranges, written whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dedupe.errors import InputError
from dedupe.files import remote
from dedupe.files.remote import (
    absolute,
    find_file,
    is_url,
    list_files,
    read_object,
    read_range,
    write_file,
)

fsspec: Any = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def _empty_store() -> Iterator[None]:
    store = fsspec.filesystem("memory").store
    store.clear()
    yield
    store.clear()


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("s3://bucket/a.jpg", True),
        ("memory://a.jpg", True),
        ("/s3://a.jpg", False),
        ("C://a.jpg", False),
        ("photos/a.jpg", False),
    ],
)
def test_a_url_has_a_scheme_of_two_letters_or_more(path: str, wanted: bool) -> None:
    assert is_url(path) is wanted


def test_paths_become_absolute_and_urls_stay() -> None:
    assert absolute("s3://bucket/../a.jpg") == "s3://bucket/../a.jpg"
    assert absolute("file:///photos/a.jpg") == "/photos/a.jpg"
    assert absolute("a.jpg") == os.path.abspath("a.jpg")


def test_an_object_comes_back_as_it_was_written() -> None:
    write_file("memory://photos/a.jpg", b"0123456789")
    assert read_object("memory://photos/a.jpg") == b"0123456789"
    assert read_range("memory://photos/a.jpg", 2, 5) == b"234"
    assert read_range("memory://photos/a.jpg", 8, 50) == b"89"


def test_a_long_range_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_RANGE", 3)
    write_file("memory://a.jpg", b"0123456789")
    assert read_range("memory://a.jpg", 1, 10) == b"123456789"


def test_an_empty_object_is_empty() -> None:
    write_file("memory://a.jpg", b"")
    assert (read_object("memory://a.jpg"), read_range("memory://a.jpg", 0, 9)) == (b"", b"")


def test_a_listing_has_the_state_of_each_object() -> None:
    write_file("memory://photos/in/a.jpg", b"1")
    write_file("memory://photos/b.jpg", b"22")
    root, found = list_files("memory://photos/")
    assert root == "memory:///photos"
    assert sorted((one.url, one.size) for one in found) == [
        ("memory:///photos/b.jpg", 2),
        ("memory:///photos/in/a.jpg", 1),
    ]
    assert find_file("memory:///photos/b.jpg") in found
    assert all(one.mtime_ns > 10**18 for one in found)


def test_what_is_missing_is_one_clear_error() -> None:
    with pytest.raises(InputError, match="cannot scan memory://nothing: it does not exist"):
        list_files("memory://nothing")
    with pytest.raises(FileNotFoundError):
        read_range("memory://nothing.jpg", 0, 5)
    with pytest.raises(InputError, match="cannot open nowhere://a: nowhere:// is unknown"):
        list_files("nowhere://a")


def test_a_folder_is_no_object() -> None:
    write_file("memory://photos/a.jpg", b"1")
    with pytest.raises(IsADirectoryError):
        find_file("memory://photos")


def test_trouble_of_a_store_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise KeyError("a store raises anything")

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "cat_file", fail)
    with pytest.raises(OSError, match="a store raises anything"):
        read_range("memory://a.jpg", 0, 5)


def test_a_file_url_is_a_local_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"1")
    assert absolute((tmp_path / "a.jpg").as_uri()) == str(tmp_path / "a.jpg")
