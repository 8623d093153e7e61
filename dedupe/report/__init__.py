"""Write and read reports: a file is written whole or not at all, and read with every check.

A report decides which photos are moved, so reading trusts nothing. Writing makes the same checks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from dedupe.errors import ReportError, UsageError
from dedupe.files.marks import HTML_MARK, JSON_ROW_MARK, PARQUET_MARK
from dedupe.files.outputs import check_output
from dedupe.files.parts import is_folder_of_parts, list_parts, replace_folder
from dedupe.files.paths import StrPath
from dedupe.files.remote import is_url, read_object, write_file
from dedupe.files.replace import replace_file
from dedupe.report.csv_format import csv_lines, parse_csv
from dedupe.report.diff import new_since
from dedupe.report.json_format import json_lines, parse_json
from dedupe.report.lost import find_lost_roots
from dedupe.report.table import (
    json_row_lines,
    parquet_lines,
    parquet_parts,
    parse_json_rows,
    parse_parquet,
    parse_parts,
    to_arrow,
)
from dedupe.types import Report

__all__ = [
    "FORMATS",
    "Format",
    "choose_format",
    "find_lost_roots",
    "format_report",
    "new_since",
    "parse_report",
    "read_report",
    "stream_report",
    "to_arrow",
    "write_report",
]

Format = Literal["csv", "json", "jsonl", "parquet", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)


def write_report(
    report: Report,
    path: StrPath,
    *,
    format: Format | None = None,  # noqa: A002
    facts: Mapping[str, str] | None = None,
    new_keepers: Collection[str] = (),
) -> None:
    """Write a report to a file. Replaces an earlier report; leaves it intact if writing fails.

    Args:
        path: a file or URL, or a folder of parts: `report.parquet/`. The parts are written beside
            it and get its name when all are there.
        format: None for the format that the name of the file ends in, see `choose_format`; `html`
            is for a person and cannot be read back.
        facts: lines of the head of an HTML page: what was scanned, when and how.
        new_keepers: paths of keepers; their groups come first in an HTML page.

    Raises:
        ReportError: the file cannot be written, or a reader would reject the report.
        UsageError: the path holds a file that is no report of dedupe, or ends in no known format.
    """
    path = os.fspath(path)
    chosen = choose_format(path, format)
    if is_url(path) and path.endswith("/"):
        raise UsageError(f"cannot write the report {path}: behind a URL a report is one object")
    check_output(path, "report")
    if chosen == "html":
        from dedupe.report.html import html_lines  # loads Jinja2 and OpenCV

        lines = html_lines(report, path=path, facts=facts, new_keepers=new_keepers)
    else:
        lines = _lines(report, chosen)
    try:
        if is_folder_of_parts(path):
            _write_parts(report, path, chosen)
        elif is_url(path):
            write_file(path, b"".join(lines))
        else:
            replace_file(path, lines)
    except OSError as error:
        raise ReportError(f"cannot write the report {path}: {error.strerror}") from error


def _write_parts(report: Report, folder: str, form: Format) -> None:
    """Write a report as a folder of Parquet parts, whole or not at all."""
    if form != "parquet":
        raise UsageError(f"cannot write the report {folder}: a folder of parts is in parquet")
    try:
        replace_folder(folder, parquet_parts(report))
    except ValueError as error:
        raise ReportError(f"cannot write the report {folder}: {error}") from error


def choose_format(path: StrPath, asked: Format | None = None) -> Format:
    """Return the format that was asked for, else the one that the name of a report ends in.

    A name without a suffix is a CSV report. A folder `NAME.parquet`, or `NAME.parquet/`, is a
    report by parts.

    Raises:
        UsageError: the name ends in another suffix.
    """
    suffix = os.path.splitext(os.fspath(path).rstrip("/" + os.sep))[1].lower().lstrip(".")
    for known in FORMATS:
        if known == (asked or suffix):
            return known
    if asked or suffix:
        raise UsageError(
            f"cannot write the report {os.fspath(path)}: {asked or suffix!r} is not a format; "
            f"choose from {', '.join(FORMATS)}, or name one with --format"
        )
    return "csv"


def stream_report(report: Report, stream: BinaryIO, *, format: Format) -> None:  # noqa: A002
    """Write the bytes that `write_report` would put into the file to an open stream."""
    for line in _lines(report, format):
        stream.write(line)


def format_report(report: Report, *, format: Format) -> bytes:  # noqa: A002
    """Return the bytes that `write_report` would put into the file."""
    return b"".join(_lines(report, format))


def read_report(path: StrPath) -> Report:
    """Read a report in CSV, JSON, JSON Lines or Parquet, recognised by its first bytes.

    A folder is a report by parts.

    Raises:
        ReportError: it cannot be read, or contradicts itself; names the line or the group.
    """
    path = os.fspath(path)
    if is_folder_of_parts(path):
        return _read_parts(path)
    try:
        data = read_object(path) if is_url(path) else Path(path).read_bytes()
    except OSError as error:
        raise ReportError(f"cannot read the report {path}: {error.strerror}") from error
    return parse_report(data, name=path)


def _read_parts(folder: str) -> Report:
    """Read a report from a folder of parts."""
    try:
        return parse_parts(Path(part).read_bytes() for part in list_parts(folder))
    except OSError as error:
        raise ReportError(f"cannot read the report {folder}: {error.strerror}") from error
    except ValueError as error:
        raise ReportError(f"cannot trust the report {folder}: {error}") from error


def parse_report(data: bytes, *, name: str) -> Report:
    """Read a report from its bytes; `name` is its name in an error."""
    if data.startswith(HTML_MARK):
        raise ReportError(
            f"cannot read the report {name}: an HTML page is for a person; give the CSV or JSON"
        )
    try:
        return _choose_parser(data)(data)
    except ValueError as error:
        raise ReportError(f"cannot trust the report {name}: {error}") from error


def _choose_parser(data: bytes) -> Callable[[bytes], Report]:
    """Return the parser of a report by its first bytes."""
    if data.startswith(PARQUET_MARK):
        return parse_parquet
    if data.startswith(JSON_ROW_MARK):
        return parse_json_rows
    return parse_json if data.lstrip().startswith(b"{") else parse_csv


def _lines(report: Report, form: Format) -> Iterator[bytes]:
    if form == "html":
        from dedupe.report.html import html_lines  # loads Jinja2 and OpenCV

        yield from html_lines(report)
        return
    writers = {"json": json_lines, "jsonl": json_row_lines, "parquet": parquet_lines}
    try:
        yield from writers.get(form, csv_lines)(report)
    except ValueError as error:
        raise ReportError(f"cannot write the report: {error}") from error
