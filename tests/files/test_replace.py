"""Reports as files: replaced as a whole or not at all."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import a_group, a_photo, a_report

from dedupe.errors import ReportError
from dedupe.files.replace import replace_file
from dedupe.report import Format, format_report, read_report, stream_report, write_report

OLD = b"group,role,path,keeper,"  # the beginning of an earlier report
REPORT = a_report(a_group(a_photo("/p/a"), a_photo("/p/b"), distance=0.25))


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_written_report_is_read_back_whatever_the_name_of_its_file(
    tmp_path: Path, form: Format
) -> None:
    path = str(tmp_path / "report")
    write_report(REPORT, path, format=form)
    assert read_report(path) == REPORT


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_stream_gets_the_bytes_of_the_file(tmp_path: Path, form: Format) -> None:
    stream = io.BytesIO()
    stream_report(REPORT, stream, format=form)
    write_report(REPORT, str(tmp_path / "report"), format=form)
    assert stream.getvalue() == (tmp_path / "report").read_bytes()
    assert stream.getvalue() == format_report(REPORT, format=form)


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, trouble: BaseException
) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(b"old")

    def chunks() -> Iterator[bytes]:
        yield b"new"
        raise trouble

    with pytest.raises(type(trouble)):
        replace_file(str(path), chunks())
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"report.csv": b"old"}


def test_a_report_that_cannot_be_trusted_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(OLD)
    with pytest.raises(ReportError, match="begins like a formula"):
        write_report(
            a_report(a_group(a_photo("/p/a"), a_photo("/p/b"), how="=1")), str(path), format="csv"
        )
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"report.csv": OLD}


def test_a_link_to_a_report_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "real.csv"
    path.write_bytes(OLD)
    path.chmod(0o606)
    (tmp_path / "link.csv").symlink_to(path)
    write_report(REPORT, str(tmp_path / "link.csv"), format="csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert read_report(str(path)) == REPORT
    assert path.stat().st_mode & 0o777 == 0o606


def test_a_new_report_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    write_report(REPORT, str(tmp_path / "r.csv"), format="csv")
    assert (tmp_path / "r.csv").stat().st_mode & 0o777 == 0o600


KILLED = """
import os, signal, sys
from dedupe.files.replace import replace_file
def chunks():
    yield b"new"
    os.kill(os.getpid(), signal.SIGKILL)
replace_file(sys.argv[1], chunks())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_the_temporary_file_of_a_killed_run_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".part")
    write_report(REPORT, str(path), format="csv")
    assert list(tmp_path.iterdir()) == [path]


def test_only_temporary_files_that_no_run_holds_are_removed(tmp_path: Path) -> None:
    kept = [".dedupe-20240101T000000Z-abcdef-1.part", ".dedupe-0123456789ab.part.jpg", "a.part"]
    for name in kept:
        (tmp_path / name).touch()

    def chunks() -> Iterator[bytes]:
        yield b"one"
        write_report(REPORT, str(tmp_path / "other.csv"), format="csv")  # a run at the same time
        yield b"two"

    replace_file(str(tmp_path / "report.csv"), chunks())
    assert (tmp_path / "report.csv").read_bytes() == b"onetwo"
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "other.csv", "report.csv"])


@pytest.mark.parametrize(
    ("name", "trouble"),
    [("", "not a regular file"), ("none/r.csv", "No such file"), ("pipe", "not a regular file")],
)
def test_what_is_no_file_is_not_replaced(tmp_path: Path, name: str, trouble: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReportError, match=trouble):
        write_report(REPORT, str(tmp_path / name), format="csv")


def test_a_report_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"none\.csv: No such file"):
        read_report(str(tmp_path / "none.csv"))


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_group_has_the_number_that_stands_in_the_report(tmp_path: Path, form: Format) -> None:
    groups = [a_group(a_photo(f"/p/{n}"), a_photo(f"/p/{n} copy"), distance=0.25) for n in "abc"]
    data = format_report(a_report(*groups), format=form)
    lines = data.splitlines(keepends=True)
    cut = b"".join(line for line in lines if b"/p/b" not in line)
    (tmp_path / "report").write_bytes(cut)
    assert [group.number for group in read_report(str(tmp_path / "report")).groups] == [1, 3]
