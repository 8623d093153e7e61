"""Read a list of paths: lines, NUL-separated names, or a column of a Parquet table."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from dedupe.distribution import install_hint
from dedupe.errors import InputError, one_line
from dedupe.files.paths import StrPath

STDIN = "-"
_TABLE = ".parquet:"  # between the name of a table and a column of it


def read_list(source: StrPath) -> tuple[str, ...]:
    """Return the paths that a file lists, in its order; empty entries are left out.

    Args:
        source: a file of lines or of NUL-separated names, `-` for stdin, or
            `TABLE.parquet:COLUMN` with a column of strings or bytes.

    Raises:
        InputError: the list cannot be read.
    """
    name = os.fspath(source)
    table, mark, column = name.rpartition(_TABLE)
    if mark and not os.path.lexists(name):
        return tuple(filter(None, _read_column(table + _TABLE[:-1], column)))
    try:
        data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the list of files {name}: {error.strerror}") from error
    separator = b"\0" if b"\0" in data else b"\n"
    return tuple(os.fsdecode(entry) for entry in data.split(separator) if entry)


def _read_column(table: str, column: str) -> list[str]:
    """Return the paths in a column of a Parquet file."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(
            f"cannot read the list of files {table}: {install_hint('table')}"
        ) from error
    try:
        values: list[Any] = pq.read_table(table, columns=[column]).column(column).to_pylist()
    except (KeyError, pa.ArrowInvalid) as error:
        raise InputError(f"cannot read column {column!r} of {table}: {one_line(error)}") from error
    except OSError as error:
        raise InputError(f"cannot read the list of files {table}: {one_line(error)}") from error
    for number, value in enumerate(values, start=1):
        if not isinstance(value, str | bytes):
            raise InputError(
                f"cannot read column {column!r} of {table}: row {number} is no path: {value!r:.60}"
            )
    return [os.fsdecode(value) for value in values]
