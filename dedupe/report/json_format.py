"""The report as JSON: what the CSV holds, what was skipped, and the statistics of the run.

    {"version", "generated_by", "encoder", "threshold",
     "groups": [{"group", "reason", "keeper": FILE,
                 "duplicates": [FILE + distance, kind, how, sidecars, matrix, evidence]}],
     "skipped": [{"path", "reason", "detail"}],
     "statistics": {"images", "groups", "duplicates", "bytes_freed", "reused", "seconds"}}

`matrix` maps the frame of the duplicate to the frame of its keeper: nine numbers, row by row, of a
projective matrix between frames with sides of 1, or null if the two were not aligned.

`evidence` is an object: kinds of evidence that the duplicate was made from its keeper, each with
its log-odds, the largest first. A negative number points to the duplicate as the original.

FILE is {"path", "width", "height", "format", "bytes", "mtime_ns", "digest", "facts"}, with the
words of `dedupe.report.fact_words`, which earlier reports lack; mtime_ns is a string, since many
readers round whole numbers beyond 2**53. Keys come in this order, one group to a line. The text is
ASCII: a byte of a path that is not valid UTF-8 is the escape `\\udcXX`, a lone surrogate, which
Python reads back and which other readers may refuse.
Keys that a later version adds are ignored when reading.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any, NoReturn, TypeVar

from dedupe.distribution import read_version
from dedupe.report.rows import DECIMALS, Row, check_row, report_of, rows_of
from dedupe.types import Duplicate, FrameMatrix, Report, Skipped, Statistics

_VERSION = 1
_FILE = ("path", "width", "height", "format", "bytes", "mtime_ns", "digest", "facts")
_RELATION = ("distance", "kind", "how")
_WHOLE = re.compile(r"-?[0-9]{1,40}")
T = TypeVar("T")


def json_lines(report: Report) -> Iterator[bytes]:
    """Yield the lines of a report as JSON.

    Raises:
        ValueError: a reader would reject the report.
    """
    head = {
        "version": _VERSION,
        "generated_by": f"dedupe {read_version()}",
        "encoder": report.encoder,
        "threshold": round(report.threshold, DECIMALS),
    }
    found = {d.photo.path: d for d in report.duplicates}
    by_group = groupby(rows_of(report), lambda row: row.group)
    groups = (_group(list(rows), found) for _, rows in by_group)
    skipped = ({"path": s.path, "reason": s.reason, "detail": s.detail} for s in report.skipped)
    yield b"{\n"
    for key, value in head.items():
        yield _dump(key) + b": " + _dump(value) + b",\n"
    yield from _array("groups", groups)
    yield from _array("skipped", skipped)
    yield b'"statistics": ' + _dump(_statistics(report)) + b"\n}\n"


def parse_json(data: bytes) -> Report:
    """Read a report from JSON.

    Raises:
        ValueError: it contradicts itself; names the group or file.
    """
    try:
        top = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if _get(top, "version", int) != _VERSION:
        raise ValueError(f"version {top['version']} is not {_VERSION}: another dedupe wrote it")
    encoder, threshold = _get(top, "encoder", str), _get(top, "threshold", float)
    seen = _get(top, "statistics", dict)
    statistics = Statistics(
        _get(seen, "images", int), _get(seen, "reused", int), _get(seen, "seconds", float)
    )
    rows = [
        row
        for group in _get(top, "groups", list)
        for row in _rows(group, encoder, threshold, statistics.images)
    ]
    report = report_of(rows, skipped=tuple(_skip(item) for item in _get(top, "skipped", list)))
    report = _with_pixels(report, _get(top, "groups", list))
    return replace(report, encoder=encoder, threshold=threshold, statistics=statistics)


def _array(key: str, items: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Yield the lines of a member that is an array, one item to a line."""
    yield _dump(key) + b": ["
    comma = b"\n"
    for item in items:
        yield comma + _dump(item)
        comma = b",\n"
    yield b"\n],\n"


def _dump(value: object) -> bytes:
    return json.dumps(value, allow_nan=False).encode("ascii")


def _group(rows: list[Row], found: Mapping[str, Duplicate]) -> dict[str, Any]:
    keep, *rest = rows
    return {
        "group": keep.group,
        "reason": keep.reason,
        "keeper": _file(keep),
        "duplicates": [
            {**_file(row), **{key: getattr(row, key) for key in _RELATION}}
            | {"sidecars": row.sidecars, "matrix": _rounded(found[row.path].matrix)}
            | {"evidence": dict(found[row.path].evidence)}
            for row in rest
        ],
    }


def _file(row: Row) -> dict[str, Any]:
    """Return the facts of one file; a number that many readers would round is a string."""
    return {key: getattr(row, key) for key in _FILE} | {"mtime_ns": str(row.mtime_ns)}


def _rounded(matrix: FrameMatrix | None) -> list[float] | None:
    """Return a matrix to a ten-thousandth of a pixel in a frame of 10,000 pixels."""
    return None if matrix is None else [round(value, 8) for value in matrix]


def _with_pixels(report: Report, groups: list[Any]) -> Report:
    """Return the report with the matrices and the evidence of its JSON; odd ones are left out."""
    found = {file["path"]: file for group in groups for file in group["duplicates"]}

    def complete(duplicate: Duplicate) -> Duplicate:
        file = found[duplicate.photo.path]
        matrix, evidence = file.get("matrix"), file.get("evidence")
        return replace(
            duplicate,
            matrix=tuple(map(float, matrix)) if _is_matrix(matrix) else None,
            evidence=tuple(evidence.items()) if _is_evidence(evidence) else (),
        )

    return replace(
        report,
        groups=tuple(
            replace(group, duplicates=tuple(map(complete, group.duplicates)))
            for group in report.groups
        ),
    )


def _is_evidence(value: object) -> bool:
    return isinstance(value, dict) and all(
        type(v) in (int, float) and math.isfinite(v) for v in value.values()
    )


def _is_matrix(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 9
        and all(type(v) in (int, float) and math.isfinite(v) and abs(v) < 1e9 for v in value)
    )


def _statistics(report: Report) -> dict[str, Any]:
    return {
        "images": report.statistics.images,
        "groups": len(report.groups),
        "duplicates": len(report.duplicates),
        "bytes_freed": report.bytes_freed,
        "reused": report.statistics.reused,
        "seconds": round(report.statistics.seconds, 3),
    }


def _rows(group: object, encoder: str, threshold: float, images: int) -> Iterator[Row]:
    number = _get(group, "group", int)
    try:
        reason, keep = _get(group, "reason", str), _get(group, "keeper", dict)
        shared = {"keeper": _get(keep, "path", str), "reason": reason, "encoder": encoder}
        for file in (keep, *_get(group, "duplicates", list)):
            kept = file is keep
            yield check_row(
                Row(
                    group=number,
                    role="keep" if kept else "duplicate",
                    path=_get(file, "path", str),
                    distance=0.0 if kept else _get(file, "distance", float),
                    kind="" if kept else _get(file, "kind", str),
                    how="" if kept else _get(file, "how", str),
                    width=_get(file, "width", int),
                    height=_get(file, "height", int),
                    format=_get(file, "format", str),
                    bytes=_get(file, "bytes", int),
                    mtime_ns=_get_large(file, "mtime_ns"),
                    digest=_get(file, "digest", str),
                    threshold=threshold,
                    images=images,
                    facts=_get(file, "facts", str) if "facts" in file else "",
                    sidecars=() if kept else _names(_get(file, "sidecars", list)),
                    **shared,
                )
            )
    except ValueError as error:
        raise ValueError(f"group {number}: {error}") from error


def _names(names: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"the sidecars {names!r:.60} are not names")
    return tuple(names)


def _skip(item: object) -> Skipped:
    return Skipped(*(_get(item, key, str) for key in ("path", "reason", "detail")))


def _get(holder: object, key: str, kind: type[T]) -> T:
    """Return a member of an object that has exactly this type; a whole number may be a float."""
    if not isinstance(holder, dict):
        raise ValueError(f"{holder!r:.60} is not an object")
    if key not in holder:
        raise ValueError(f"{key!r} is missing")
    value = holder[key]
    if kind is float and type(value) is int and abs(value) < 2**63:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"{key} {value!r:.60} is not of type {kind.__name__}")
    return value


def _get_large(holder: object, key: str) -> int:
    """Return a whole number that is written as a string; earlier reports have a number."""
    if isinstance(holder, dict) and type(holder.get(key)) is int:
        return int(holder[key])
    text = _get(holder, key, str)
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{key} {text!r:.60} is not a whole number")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
