"""Reading lists of files, and scanning the files that they name."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedupe.distribution import install_hint
from dedupe.errors import InputError
from dedupe.types import Skipped
from dedupe.walk import WalkRules, read_list, walk


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_list_of_lines_is_read_in_its_order(tmp_path: Path) -> None:
    assert read_list(write(tmp_path / "list", b"b.jpg\n\na b.jpg\n")) == ("b.jpg", "a b.jpg")


def test_a_name_with_a_line_break_is_read_from_a_list_with_nul(tmp_path: Path) -> None:
    assert read_list(write(tmp_path / "list", b"a\nb.jpg\0c.jpg\0")) == ("a\nb.jpg", "c.jpg")


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    (name,) = read_list(write(tmp_path / "list", b"caf\xe9.jpg\n"))
    assert os.fsencode(name) == b"caf\xe9.jpg"


def test_a_dash_reads_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a.jpg\0b.jpg")))
    assert read_list("-") == ("a.jpg", "b.jpg")


@pytest.mark.parametrize("values", [["a.jpg", "b.jpg"], [b"a.jpg", b"b.jpg"]])
def test_a_column_of_a_table_is_read(tmp_path: Path, values: list[str | bytes]) -> None:
    pq.write_table(pa.table({"path": values, "size": [1, 2]}), tmp_path / "files.parquet")
    assert read_list(tmp_path / "files.parquet:path") == ("a.jpg", "b.jpg")


def test_a_column_without_pyarrow_is_an_error_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=re.escape(install_hint("table"))):
        read_list(tmp_path / "files.parquet:path")


@pytest.mark.parametrize(
    ("column", "words"), [("width", "column 'width'"), ("size", "row 1 is no path: 1")]
)
def test_a_column_that_holds_no_paths_is_one_clear_error(
    tmp_path: Path, column: str, words: str
) -> None:
    pq.write_table(pa.table({"path": ["a.jpg"], "size": [1]}), tmp_path / "files.parquet")
    with pytest.raises(InputError, match=words):
        read_list(tmp_path / f"files.parquet:{column}")


def test_a_list_that_does_not_exist_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the list of files .*: No such file"):
        read_list(tmp_path / "missing")


def test_listed_files_are_taken_whatever_their_names_and_each_once(tmp_path: Path) -> None:
    first, second = write(tmp_path / ".hidden", b"1"), write(tmp_path / "b.jpg", b"22")
    os.link(second, tmp_path / "c.jpg")
    found = walk([], listed=[tmp_path / "c.jpg", second, first], extensions=frozenset({"jpg"}))
    assert [(file.path, file.root) for file in found.files] == [(str(first), 0), (str(second), 0)]


def test_a_listed_file_comes_behind_the_roots(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    inside, outside = write(tmp_path / "in" / "a.jpg", b"1"), write(tmp_path / "b.jpg", b"2")
    found = walk([tmp_path / "in"], listed=[outside, inside], extensions=frozenset({"jpg"}))
    assert [(file.path, file.root) for file in found.files] == [(str(outside), 1), (str(inside), 0)]


def test_a_listed_path_that_is_no_file_is_skipped(tmp_path: Path) -> None:
    found = walk([], listed=[tmp_path / "gone.jpg", tmp_path], extensions=frozenset({"jpg"}))
    assert found.files == ()
    assert found.skipped == (
        Skipped(str(tmp_path), "not a regular file"),
        Skipped(str(tmp_path / "gone.jpg"), "vanished", "No such file or directory"),
    )


def test_globs_hold_for_listed_files(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, b"1" + name.encode()) for name in ("a.jpg", "b.png")]
    rules = WalkRules(include=["*.png"])
    found = walk([], rules, listed=paths, extensions=frozenset({"jpg"}))
    assert [file.path for file in found.files] == [str(paths[1])]
