"""Outputs replace earlier outputs of the same kind, and nothing else."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import a_group, a_photo, a_report
from drawings import draw_photo
from PIL import Image

from dedupe.errors import EncoderError, ReportError, UsageError
from dedupe.files.lock import hold_lock
from dedupe.files.marks import OutputKind
from dedupe.files.outputs import (
    Output,
    check_encoder_folder,
    check_links,
    check_output,
    check_outputs,
)
from dedupe.index.embedding_index import EmbeddingIndex
from dedupe.report import Format, write_report

KINDS: tuple[OutputKind, ...] = (
    "report", "summary", "lock", "log", "figure", "plot", "index", "job", "decisions",
)  # fmt: skip
STRANGERS: dict[str, Callable[[Path], object]] = {
    "photo.jpg": lambda path: Image.fromarray(draw_photo(1)).save(path),
    "photo.png": lambda path: Image.fromarray(draw_photo(1)).save(path),
    "table.csv": lambda path: path.write_bytes(b"group,name\n1,Anna\n"),
    "notes.json": lambda path: path.write_bytes(b'{"version": 1, "notes": ["dedupe"]}\n'),
    "notes.txt": lambda path: path.write_bytes(b"2024-05-01 dedupe the photos\n"),
    "space": lambda path: path.write_bytes(b"\n"),
    "other.sqlite": lambda path: sqlite3.connect(path).execute("CREATE TABLE t (x)"),
}


@pytest.mark.parametrize("name", STRANGERS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_output_never_takes_the_place_of_a_file_of_another_program(
    tmp_path: Path, kind: OutputKind, name: str
) -> None:
    STRANGERS[name](tmp_path / name)
    with pytest.raises(UsageError, match=f"cannot write the {kind} .*{name}"):
        check_output(str(tmp_path / name), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_and_an_empty_file_are_free(tmp_path: Path, kind: OutputKind) -> None:
    (tmp_path / "empty").touch()
    check_output(str(tmp_path / "empty"), kind)
    check_output(str(tmp_path / "missing"), kind)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_report_takes_the_place_of_a_report_of_either_format(
    tmp_path: Path, form: Format
) -> None:
    path = str(tmp_path / "photo.jpg")
    write_report(a_report(a_group(a_photo("/p/a"), a_photo("/p/b"))), path, format=form)
    check_output(path, "report")
    write_report(a_report(), path, format=form)
    check_output(path, "report")


def test_an_index_takes_the_place_of_an_index(tmp_path: Path) -> None:
    with EmbeddingIndex(tmp_path / "i", encoder="e", decoder=1):
        check_output(str(tmp_path / "i"), "index")
    check_output(str(tmp_path / "i"), "index")


@pytest.mark.parametrize("name", ["i-wal", "i-journal"])
def test_a_file_that_sqlite_would_delete_beside_an_index_is_safe(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"a diary")
    with pytest.raises(UsageError, match=name):
        check_output(str(tmp_path / "i"), "index")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_file_that_the_rotation_of_a_log_would_replace_is_safe(
    tmp_path: Path, number: int
) -> None:
    (tmp_path / f"log.{number}").write_bytes(b"a diary")
    with pytest.raises(UsageError, match=rf"log\.{number}"):
        check_output(str(tmp_path / "log"), "log")


def test_a_lock_leaves_a_file_that_is_no_lock_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "diary").write_bytes(b"dear diary")
    with pytest.raises(UsageError, match="no lock of dedupe"), hold_lock(tmp_path / "diary"):
        pass
    assert (tmp_path / "diary").read_bytes() == b"dear diary"


def test_a_lock_is_taken_on_an_earlier_lock(tmp_path: Path) -> None:
    for _ in range(2):
        with hold_lock(tmp_path / "lock"):
            pass
        check_output(str(tmp_path / "lock"), "lock")


def test_two_outputs_are_never_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "r.csv")
    outputs = [
        Output("--report", str(tmp_path / "r.csv"), "report"),
        Output("--summary", str(tmp_path / "link"), "summary"),
    ]
    with pytest.raises(UsageError, match="--report and --summary name the same file"):
        check_outputs(outputs)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "log"])
def test_a_pipe_a_device_and_a_folder_are_no_outputs(tmp_path: Path, kind: OutputKind) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/null", str(tmp_path)):
        with pytest.raises(ReportError, match="not a regular file"):
            check_output(path, kind)


def test_a_log_may_go_to_a_device(tmp_path: Path) -> None:
    check_output("/dev/null", "log")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReportError, match="not a regular file"):
        check_output(str(tmp_path / "pipe"), "log")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs another user's link")
@pytest.mark.parametrize("path", ["report.csv", "folder/report.csv", "hop/report.csv"])
def test_a_link_of_another_user_is_not_followed(tmp_path: Path, path: str) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "report.csv").symlink_to(tmp_path / "victim" / "report.csv")
    (tmp_path / "folder").symlink_to(tmp_path / "victim")
    (tmp_path / "hop").symlink_to("folder")  # a link of this user to one of another
    for planted in ("report.csv", "folder"):
        os.lchown(tmp_path / planted, 12345, 12345)
    with pytest.raises(UsageError, match="symbolic link of another user"):
        check_output(str(tmp_path / path), "report")


def test_links_of_this_user_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "a").symlink_to("real")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "circle").symlink_to("circle")
    check_links(str(tmp_path / "b" / ".." / "real" / "r.csv"))
    check_links(str(tmp_path / "circle" / "r.csv"))


def test_a_folder_of_photos_is_no_place_for_an_encoder(tmp_path: Path) -> None:
    marks = {"manifest.json": b'"litert": {', "training/training.csv": b"step,"}
    check_encoder_folder(str(tmp_path / "missing"), marks)
    check_encoder_folder(str(tmp_path), marks)
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    with pytest.raises(UsageError, match="no encoder"):
        check_encoder_folder(str(tmp_path), marks)
    (tmp_path / "manifest.json").write_bytes(b'{"name": "an app"}')
    with pytest.raises(UsageError, match="no encoder"):
        check_encoder_folder(str(tmp_path), marks)
    (tmp_path / "manifest.json").write_bytes(b'{"litert": {}}')
    check_encoder_folder(str(tmp_path), marks)
    with pytest.raises(EncoderError, match="Not a directory"):
        check_encoder_folder(str(tmp_path / "photo.jpg"), marks)
