"""The report as CSV: one row per file, `\\n` line ends, UTF-8, and paths byte for byte.

A path that is not valid UTF-8 is written as the bytes it has on disk (surrogateescape), so that the
file as a whole may then not be valid UTF-8. An empty report is its header; it has no place for the
encoder and the threshold, which are read back as nothing and 0.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from operator import attrgetter

from dedupe.report.rows import ADDED, DECIMALS, Row, RowError, check_row, report_of, rows_of
from dedupe.types import Report

COLUMNS = tuple(field.name for field in fields(Row))
_VALUES = attrgetter(*COLUMNS)
_DECIMALS = [COLUMNS.index(name) for name in ("distance", "threshold")]
_SIDECARS = COLUMNS.index("sidecars")
_EARLIER = tuple(name for name in COLUMNS if name not in ADDED)
_WHOLE = re.compile(r"-?[0-9]{1,29}")
_DECIMAL = re.compile(r"[0-9]\.[0-9]{1,20}|[0-9]")


def csv_lines(report: Report) -> Iterator[bytes]:
    """Yield the lines of a report as CSV.

    Raises:
        ValueError: a reader would reject the report.
    """
    yield _line(COLUMNS)
    for row in rows_of(report):
        yield _line(_cells(row))


def parse_csv(data: bytes) -> Report:
    """Read a report from CSV.

    Raises:
        ValueError: it contradicts itself; names the line.
    """
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8", "surrogateescape", newline="")
    reader = csv.reader(text, strict=True)
    start = 1
    rows: list[Row] = []
    starts: list[int] = []  # line on which each row begins
    try:
        columns = tuple(next(reader, ()))
        if columns not in (COLUMNS, _EARLIER):
            raise ValueError(f"the columns are not {','.join(COLUMNS)}")
        start = reader.line_num + 1
        for cells in reader:
            rows.append(_row(cells, columns))
            starts.append(start)
            start = reader.line_num + 1
    except (ValueError, csv.Error) as error:
        raise ValueError(f"line {start}: {error}") from error
    try:
        return report_of(rows)
    except RowError as error:
        start = next(line for line, row in zip(starts, rows, strict=True) if row is error.row)
        raise ValueError(f"line {start}: {error}") from error


def _cells(row: Row) -> list[object]:
    """Return the cells of a row: a list of names is a JSON array, an empty list is nothing."""
    cells: list[object] = list(_VALUES(row))
    for place in _DECIMALS:
        cells[place] = f"{cells[place]:.{DECIMALS}f}"
    cells[_SIDECARS] = json.dumps(row.sidecars) if row.sidecars else ""
    return cells


def _line(cells: Sequence[object]) -> bytes:
    # Only with this line end does every Python from 3.11 on quote a lone \r in a name.
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n").encode("utf-8", "surrogateescape") + b"\n"


def _row(cells: list[str], columns: tuple[str, ...]) -> Row:
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} cells instead of {len(columns)}")
    cell = dict(zip(columns, cells, strict=True))
    return check_row(
        Row(
            group=_whole(cell, "group"),
            role=cell["role"],
            path=cell["path"],
            keeper=cell["keeper"],
            distance=_decimal(cell, "distance"),
            kind=cell["kind"],
            how=cell["how"],
            reason=cell["reason"],
            width=_whole(cell, "width"),
            height=_whole(cell, "height"),
            format=cell["format"],
            bytes=_whole(cell, "bytes"),
            mtime_ns=_whole(cell, "mtime_ns"),
            digest=cell["digest"],
            encoder=cell["encoder"],
            threshold=_decimal(cell, "threshold"),
            images=_whole(cell, "images"),
            sidecars=_names(cell, "sidecars"),
            facts=cell.get("facts", ""),
        )
    )


def _names(cell: dict[str, str], column: str) -> tuple[str, ...]:
    try:
        names = json.loads(cell[column] or "[]")
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{column} {cell[column]!r:.60} is not a JSON array of names")
    return tuple(names)


def _whole(cell: dict[str, str], column: str) -> int:
    if not _WHOLE.fullmatch(cell[column]):
        raise ValueError(f"{column} {cell[column]!r} is not a whole number")
    return int(cell[column])


def _decimal(cell: dict[str, str], column: str) -> float:
    if not _DECIMAL.fullmatch(cell[column]):
        raise ValueError(f"{column} {cell[column]!r} is not a decimal number in [0, 2]")
    return float(cell[column])
