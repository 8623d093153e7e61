"""The report as a table: Arrow, Parquet and JSON Lines, through the libraries that read them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from builders import a_group, a_photo, a_report

from dedupe.errors import ReportError, UsageError
from dedupe.report import Format, format_report, parse_report, read_report, to_arrow, write_report
from dedupe.types import Report

TABLES: tuple[Format, ...] = ("parquet", "jsonl")


def a_table_report() -> Report:
    late = a_photo("/p/b.jpg", b"2", mtime_ns=2**60 + 1)
    odd = a_photo("/p/\udcff \N{SNOWMAN}.jpg", b"3")
    return a_report(
        a_group(a_photo("/p/a.jpg", b"1"), late, odd, how="mirrored"),
        a_group(a_photo("/p/c.jpg", b"4"), a_photo("/p/d.jpg", b"5")),
    )


@pytest.mark.parametrize("form", TABLES)
def test_a_report_survives_a_round_trip(form: Format, tmp_path: Path) -> None:
    report = a_table_report()
    path = tmp_path / f"r.{form}"
    write_report(report, str(path), format=form)
    assert read_report(str(path)) == report


@pytest.mark.parametrize("form", TABLES)
def test_names_of_sidecars_survive_a_round_trip(form: Format, tmp_path: Path) -> None:
    first, second = a_table_report().groups
    (duplicate,) = second.duplicates
    beside = replace(duplicate, sidecars=("d.xmp", "d \udcff,\n.aae"))
    report = a_report(first, replace(second, duplicates=(beside,)))
    write_report(report, str(tmp_path / f"r.{form}"))
    assert read_report(str(tmp_path / f"r.{form}")) == report


@pytest.mark.parametrize("form", TABLES)
def test_a_table_replaces_an_earlier_one_and_nothing_else(form: Format, tmp_path: Path) -> None:
    report = a_table_report()
    path = tmp_path / "r"
    write_report(report, str(path), format=form)
    write_report(report, str(path), format=form)
    pd.DataFrame({"group": [1], "role": ["keep"]}).to_parquet(path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="no report of dedupe"):
        write_report(report, str(path), format=form)
    assert path.read_bytes() == before


def test_pandas_polars_and_duckdb_read_a_report_and_return_the_same_rows() -> None:
    report = a_table_report()
    table = report.to_arrow()
    read = duckdb.from_arrow(table).order('"group", role desc, path')
    assert pa.Table.from_pandas(table.to_pandas()).to_pylist() == table.to_pylist()
    assert pl.DataFrame(report).to_arrow().to_pylist() == table.to_pylist()
    assert read.to_arrow_table().to_pylist() == table.to_pylist()


def test_a_report_is_an_arrow_stream() -> None:
    report = a_table_report()
    assert pa.table(report).equals(to_arrow(report))
    assert pd.DataFrame.from_arrow(report)["path"].tolist()[0] == "/p/a.jpg"
    query = "select count(*) from report where role = 'duplicate'"
    assert duckdb.execute(query).fetchall() == [(3,)]


@pytest.mark.parametrize("form", TABLES)
def test_a_written_table_is_read_by_pandas_polars_and_duckdb(form: Format, tmp_path: Path) -> None:
    path = str(tmp_path / f"r.{form}")
    wanted = ["/p/a.jpg", "/p/\N{SNOWMAN}.jpg"]
    write_report(a_report(a_group(*map(a_photo, wanted))), path)
    if form == "parquet":
        assert pd.read_parquet(path)["path"].tolist() == wanted
        assert pl.read_parquet(path)["path"].to_list() == wanted
    else:
        assert pd.read_json(path, lines=True)["path"].tolist() == wanted
        assert pl.read_ndjson(path)["path"].to_list() == wanted
    assert duckdb.execute(f"select path from '{path}'").fetchall() == [(name,) for name in wanted]


def test_times_beyond_two_to_the_53_are_exact() -> None:
    report = a_table_report()
    assert to_arrow(report).to_pandas()["mtime_ns"].min() == 2**60 + 1
    lines = format_report(report, format="jsonl").splitlines()
    times = {json.loads(line)["path"]: json.loads(line)["mtime_ns"] for line in lines}
    assert times["/p/b.jpg"] == str(2**60 + 1)


def test_paths_that_are_not_utf8_have_their_bytes_beside_them() -> None:
    rows = to_arrow(a_table_report()).to_pylist()
    odd = next(row for row in rows if "\N{REPLACEMENT CHARACTER}" in row["path"])
    assert odd["path_bytes"] == b"/p/\xff \xe2\x98\x83.jpg"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"group": 1', "line 1"),
        (b'{"group": 1}', "row 1: 'role'"),
        (b'{"group": "1", "role": "keep"}', "row 1"),
    ],
)
def test_json_lines_that_do_not_hold_together_are_rejected(line: bytes, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        parse_report(line, name="r.jsonl")


def test_a_parquet_file_of_something_else_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pd.DataFrame({"group": [1]}).to_parquet(path)
    with pytest.raises(ReportError, match=r"the column .* is missing"):
        read_report(str(path))


def test_a_parquet_file_that_is_cut_short_is_rejected() -> None:
    data = format_report(a_table_report(), format="parquet")
    with pytest.raises(ReportError, match="it is not Parquet"):
        parse_report(data[: len(data) // 2], name="r.parquet")
