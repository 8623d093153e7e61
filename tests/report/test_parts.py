"""A report as a folder of Parquet parts: committed whole, read whole, and nothing else replaced."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from builders import a_group, a_photo, a_report, snapshot, write_photo
from typer.testing import CliRunner

from dedupe.cli import app
from dedupe.errors import ReportError, UsageError
from dedupe.files.parts import digest_output, replace_folder
from dedupe.files.system import system
from dedupe.report import read_report, to_arrow, write_report
from dedupe.report import table as report_table
from dedupe.types import Report


def a_long_report(groups: int = 7) -> Report:
    return a_report(
        *(
            a_group(a_photo(f"/p/{n}a.jpg", b"%d" % n), a_photo(f"/p/{n}\udcff.jpg", b"x%d" % n))
            for n in range(groups)
        )
    )


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_table.parquet_parts, "__defaults__", (4,))


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_name_with_a_slash_is_a_folder_of_parts_that_is_read_back(tmp_path: Path) -> None:
    report = a_long_report()
    write_report(report, f"{tmp_path}/r.parquet/")
    assert names(tmp_path) == ["r.parquet"]
    assert names(tmp_path / "r.parquet") == [f"part-0000{n}.parquet" for n in range(4)]
    assert read_report(tmp_path / "r.parquet") == report
    rows = pd.read_parquet(tmp_path / "r.parquet")
    assert rows["path"].tolist() == to_arrow(report)["path"].to_pylist()


def test_an_empty_report_has_one_part(tmp_path: Path) -> None:
    write_report(a_report(), f"{tmp_path}/r.parquet/")
    assert names(tmp_path / "r.parquet") == ["part-00000.parquet"]
    assert read_report(tmp_path / "r.parquet").groups == ()


def test_a_shorter_report_replaces_all_parts_of_a_longer_one(tmp_path: Path) -> None:
    folder = tmp_path / "r.parquet"
    write_report(a_long_report(), f"{folder}/")
    before = digest_output(str(folder))
    write_report(a_long_report(2), folder)  # it exists: the slash is not needed
    assert read_report(folder) == a_long_report(2)
    assert names(tmp_path) == ["r.parquet"]
    assert digest_output(str(folder)) != before


@pytest.mark.parametrize("missing", [0, 1, 3])
def test_a_folder_without_one_of_its_parts_is_not_trusted(tmp_path: Path, missing: int) -> None:
    write_report(a_long_report(), f"{tmp_path}/r.parquet/")
    (tmp_path / "r.parquet" / f"part-0000{missing}.parquet").unlink()
    with pytest.raises(ReportError, match="missing"):
        read_report(tmp_path / "r.parquet")


def test_one_part_alone_is_not_trusted(tmp_path: Path) -> None:
    write_report(a_long_report(), f"{tmp_path}/r.parquet/")
    with pytest.raises(ReportError, match="give the folder of all parts"):
        read_report(tmp_path / "r.parquet" / "part-00001.parquet")


@pytest.mark.parametrize("name", ["part-00000.parquet", "holiday.jpg"])
def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "r.parquet"
    folder.mkdir()
    (folder / name).write_bytes(b"a file of somebody")
    with pytest.raises(UsageError):
        write_report(a_long_report(), f"{folder}/")
    assert (folder / name).read_bytes() == b"a file of somebody"


def test_a_full_disk_at_any_part_leaves_the_earlier_report(tmp_path: Path) -> None:
    folder = tmp_path / "r.parquet"
    write_report(a_long_report(2), f"{folder}/")

    def parts() -> Iterator[bytes]:
        yield b"first"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace_folder(str(folder), parts())
    assert names(tmp_path) == ["r.parquet"]
    assert read_report(folder) == a_long_report(2)


@pytest.mark.parametrize("renames", [0, 1])
def test_a_kill_at_either_rename_leaves_a_whole_report(tmp_path: Path, renames: int) -> None:
    folder = tmp_path / "r.parquet"
    write_report(a_long_report(2), f"{folder}/")
    kept = shutil.copytree(folder, tmp_path / "kept.parquet")
    (tmp_path / "r.parquet.tmp").mkdir()  # as a kill leaves it: new parts, not yet renamed
    (tmp_path / "r.parquet.tmp" / "part-00000.parquet").write_bytes(b"torn")
    if renames:
        system.replace(str(folder), f"{folder}.old")
    assert read_report(f"{folder}/") == read_report(kept)
    write_report(a_long_report(3), f"{folder}/")
    assert read_report(folder) == a_long_report(3)
    assert names(tmp_path) == ["kept.parquet", "r.parquet"]


def test_another_format_cannot_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in parquet"):
        write_report(a_long_report(), f"{tmp_path}/r.parquet/", format="csv")


def test_apply_and_undo_take_a_report_by_parts(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    first, second = (write_photo(photos / name, b"a") for name in ("a.jpg", "b.jpg"))
    report = tmp_path / "r.parquet"
    write_report(a_report(a_group(first, second, kind="exact", distance=0.0)), f"{report}/")
    before = snapshot(photos)
    applied = CliRunner().invoke(app, ["apply", str(report), "--move-to", str(tmp_path / "gone")])
    assert applied.exit_code == 0, applied.output
    assert names(photos) == ["a.jpg"]
    assert CliRunner().invoke(app, ["undo"]).exit_code == 0
    assert snapshot(photos) == before
