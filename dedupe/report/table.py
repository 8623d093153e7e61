"""The report as an Arrow table, for pandas, polars, duckdb and datasets; Parquet and JSON Lines.

Needs the extra `table` (pyarrow) except for JSON Lines.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dedupe.distribution import install_hint
from dedupe.errors import ReportError
from dedupe.files.marks import PARQUET_KIND
from dedupe.report.rows import ADDED, Row, check_row, report_of, rows_of
from dedupe.types import Report

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = tuple(field.name for field in fields(Row))
PART_ROWS = 1 << 18  # rows of a part: some 100 MB while it is written
_PATHS = ("path", "keeper")
_NO_MARKS: Mapping[bytes, bytes] = MappingProxyType({})


def to_arrow(report: Report) -> pa.Table:
    """Return a report as a table with the columns of the CSV, one row for each file of a group.

    Returns:
        Numbers as int64 and float64, words as strings. `path` and `keeper` hold U+FFFD in place of
        bytes that are not UTF-8; `path_bytes` and `keeper_bytes` (binary) hold the exact paths.

    Raises:
        ReportError: pyarrow is not installed.
    """
    return _to_table(list(rows_of(report)))


def _to_table(rows: Sequence[Row], marks: Mapping[bytes, bytes] = _NO_MARKS) -> pa.Table:
    """Return rows as a table, with more metadata."""
    pa = import_arrow()
    columns: dict[str, Any] = {}
    for field in fields(Row):
        values = [getattr(row, field.name) for row in rows]
        if field.name in _PATHS:
            raw = [os.fsencode(value) for value in values]
            columns[field.name] = pa.array([p.decode("utf-8", "replace") for p in raw], pa.string())
            columns[f"{field.name}_bytes"] = pa.array(raw, pa.binary())
        elif field.name == "sidecars":  # as in the CSV: names may not be UTF-8
            columns[field.name] = pa.array([json.dumps(names) if names else "" for names in values])
        else:
            columns[field.name] = pa.array(values, _type(pa, field.type))
    return pa.table(columns).replace_schema_metadata({b"kind": PARQUET_KIND, **marks})


def parquet_lines(report: Report) -> Iterator[bytes]:
    """Yield the bytes of a report as Parquet, in one part.

    Raises:
        ReportError: pyarrow is not installed.
        ValueError: a reader would reject the report.
    """
    yield _to_bytes(to_arrow(report))


def parquet_parts(report: Report, rows: int = PART_ROWS) -> Iterator[bytes]:
    """Yield a report as Parquet files; each says which part it is, and how many there are.

    Args:
        report: what to write.
        rows: of a part; a group may lie in two.

    Raises:
        ReportError: pyarrow is not installed.
        ValueError: a reader would reject the report.
    """
    total = max(1, -(-sum(len(group.photos) for group in report.groups) // rows))
    listed = rows_of(report)
    for number in range(total):
        marks = {b"part": str(number).encode(), b"parts": str(total).encode()}
        yield _to_bytes(_to_table(list(itertools.islice(listed, rows)), marks))


def _to_bytes(table: pa.Table) -> bytes:
    pa = import_arrow()
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def parse_parquet(data: bytes) -> Report:
    """Read a report from the bytes of a Parquet file.

    Raises:
        ValueError: it contradicts itself.
        ReportError: pyarrow is not installed.
    """
    table = _read_table(data)
    marks = table.schema.metadata or {}
    if marks.get(b"parts", b"1") != b"1":
        raise ValueError("it is one part of a report; give the folder of all parts")
    return _report_of(table.to_pylist(), paths_as_bytes=True)


def parse_parts(parts: Iterable[bytes]) -> Report:
    """Read a report from the bytes of all its parts, in order.

    Raises:
        ValueError: parts are missing, or contradict each other; names the part.
        ReportError: pyarrow is not installed.
    """
    found: list[Any] = []
    total, number = 1, -1
    for number, data in enumerate(parts):
        try:
            table = _read_table(data)
        except ValueError as error:
            raise ValueError(f"part {number}: {error}") from error
        marks = table.schema.metadata or {}
        if number == 0:
            total = int(marks.get(b"parts", b"1"))
        if (marks.get(b"part"), marks.get(b"parts")) != (b"%d" % number, b"%d" % total):
            raise ValueError(f"part {number} is missing, or of another report")
        found += table.to_pylist()
    if number + 1 != total:
        raise ValueError(f"{total - number - 1} of {total} parts are missing")
    return _report_of(found, paths_as_bytes=True)


def _read_table(data: bytes) -> pa.Table:
    """Return the rows of a Parquet file that has the columns of a report."""
    pa = import_arrow()
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"it is not Parquet: {error}") from error
    missing = {*COLUMNS, "path_bytes", "keeper_bytes"} - set(table.column_names)
    if missing:
        raise ValueError(f"the column {min(missing)} is missing")
    return table


def json_row_lines(report: Report) -> Iterator[bytes]:
    """Yield a report as JSON Lines: one object for each file of a group.

    `mtime_ns` is a string, since many readers round whole numbers beyond 2**53.

    Raises:
        ValueError: a reader would reject the report.
    """
    for row in rows_of(report):
        values = {name: getattr(row, name) for name in COLUMNS} | {"mtime_ns": str(row.mtime_ns)}
        yield json.dumps(values, allow_nan=False).encode("ascii") + b"\n"


def parse_json_rows(data: bytes) -> Report:
    """Read a report from JSON Lines.

    Raises:
        ValueError: it contradicts itself; names the line.
    """
    found = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return _report_of(found, paths_as_bytes=False)


def _report_of(found: Iterable[Any], *, paths_as_bytes: bool) -> Report:
    rows = []
    for number, values in enumerate(found, start=1):
        try:
            rows.append(check_row(_row(values, paths_as_bytes)))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"row {number}: {error}") from error
    return report_of(rows)


def _row(values: Any, paths_as_bytes: bool) -> Row:
    wanted = {name: values[name] for name in COLUMNS if name in values or name not in ADDED}
    if paths_as_bytes:
        wanted |= {name: os.fsdecode(values[f"{name}_bytes"]) for name in _PATHS}
    wanted["mtime_ns"] = int(wanted["mtime_ns"])
    sidecars = _names(wanted.pop("sidecars"))
    for field in (field for field in fields(Row) if field.name in wanted):
        kind = {"int": int, "float": float}.get(str(field.type), str)
        value = wanted[field.name]
        if kind is float and type(value) is int:
            wanted[field.name] = float(value)
        elif type(value) is not kind:
            raise ValueError(f"{field.name} {value!r:.60} is not of type {kind.__name__}")
    return Row(**wanted, sidecars=sidecars)


def _names(value: Any) -> tuple[str, ...]:
    """Return the names of a list, which Parquet holds as JSON."""
    names = json.loads(value or "[]") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"sidecars {value!r:.60} are not names")
    return tuple(names)


def _type(pa: Any, annotation: Any) -> Any:
    return {"int": pa.int64(), "float": pa.float64()}.get(str(annotation), pa.string())


def import_arrow() -> Any:
    """Return the module `pyarrow`; raise ReportError if it is not installed."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ReportError(f"tables need pyarrow: {install_hint('table')}") from error
    return pa
