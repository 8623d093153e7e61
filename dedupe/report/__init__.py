"""The report of a scan on disk: written whole or not at all, and trusted only after every check.

A report decides which photos are moved, so that reading one is as strict as if a stranger had
written it. What is written can be read: the same checks hold both ways.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Literal

from dedupe.errors import ReportError
from dedupe.files.outputs import HTML_MARK, check_output
from dedupe.files.replace import replace_file
from dedupe.report.csv_format import csv_lines, parse_csv
from dedupe.report.diff import news_since
from dedupe.report.json_format import json_lines, parse_json
from dedupe.report.lost import find_lost_roots
from dedupe.types import Report

__all__ = [
    "Format",
    "find_lost_roots",
    "format_report",
    "news_since",
    "parse_report",
    "read_report",
    "stream_report",
    "write_report",
]

Format = Literal["csv", "json", "html"]


def write_report(
    report: Report,
    path: str,
    *,
    format: Format,  # noqa: A002
    facts: Mapping[str, str] | None = None,
    new_keepers: Collection[str] = (),
) -> None:
    """Write a report to a file, in place of an older one, or leave that one intact.

    Args:
        format: `html` is for a person: it cannot be read back.
        facts: lines of the head of an HTML page: what was scanned, when and how.
        new_keepers: paths of the keepers whose groups come first in an HTML page.

    Raises:
        ReportError: the file cannot be written, or the report says what a reader would refuse.
        UsageError: the path holds a file that is no report of dedupe.
    """
    check_output(path, "report")
    if format == "html":
        from dedupe.report.html import html_lines  # loads Jinja2 and OpenCV

        lines = html_lines(report, path=path, facts=facts, new_keepers=new_keepers)
    else:
        lines = _lines(report, format)
    try:
        replace_file(path, lines)
    except OSError as error:
        raise ReportError(f"cannot write the report {path}: {error.strerror}") from error


def stream_report(report: Report, stream: BinaryIO, *, format: Format) -> None:  # noqa: A002
    """Write the bytes that `write_report` would put into the file to an open stream."""
    for line in _lines(report, format):
        stream.write(line)


def format_report(report: Report, *, format: Format) -> bytes:  # noqa: A002
    """Return the bytes that `write_report` would put into the file."""
    return b"".join(_lines(report, format))


def read_report(path: str) -> Report:
    """Read a report of either format, told apart by its first character.

    Raises:
        ReportError: it cannot be read, or does not hold together; names the line or the group.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ReportError(f"cannot read the report {path}: {error.strerror}") from error
    return parse_report(data, name=path)


def parse_report(data: bytes, *, name: str) -> Report:
    """Read a report from its bytes; `name` is what an error calls it."""
    if data.startswith(HTML_MARK):
        raise ReportError(
            f"cannot read the report {name}: an HTML page is for a person; give the CSV or JSON"
        )
    parse = parse_json if data.lstrip().startswith(b"{") else parse_csv
    try:
        return parse(data)
    except ValueError as error:
        raise ReportError(f"cannot trust the report {name}: {error}") from error


def _lines(report: Report, form: Format) -> Iterator[bytes]:
    if form == "html":
        from dedupe.report.html import html_lines  # loads Jinja2 and OpenCV

        yield from html_lines(report)
        return
    try:
        yield from csv_lines(report) if form == "csv" else json_lines(report)
    except ValueError as error:
        raise ReportError(f"cannot write the report: {error}") from error
