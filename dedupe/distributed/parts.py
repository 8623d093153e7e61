"""Parquet files in a folder or behind a URL: list, open and write each whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dedupe.errors import EngineError
from dedupe.files.paths import StrPath
from dedupe.files.remote import absolute, is_url, list_files, open_system, write_file
from dedupe.files.replace import replace_file

SUFFIX = ".parquet"
_BLOCK = 1 << 18  # bytes of a range: the end of a part, or the thumbnails of a row group


def join(folder: str, *names: str) -> str:
    """Return the path or URL of a name below a folder."""
    return (
        "/".join([folder.rstrip("/"), *names]) if is_url(folder) else os.path.join(folder, *names)
    )


def create_folder(folder: StrPath) -> str:
    """Create a folder, which a store of objects needs not; return its absolute path or URL.

    Raises:
        EngineError: it cannot be created.
    """
    place = absolute(folder)
    if not is_url(place):
        try:
            os.makedirs(place, exist_ok=True)
        except OSError as error:
            raise EngineError(f"cannot create the store {place}: {error.strerror}") from error
    return place


def list_parts(folder: str) -> list[str]:
    """Return the paths or URLs of all parts below a folder, sorted; none if it does not exist.

    Raises:
        InputError: the store of a URL cannot be reached.
    """
    if is_url(folder):
        found = [one.url for one in list_files(folder, missing_ok=True)[1]]
    else:
        walked = os.walk(folder)
        found = [os.path.join(place, name) for place, _, names in walked for name in names]
    return sorted(path for path in found if path.endswith(SUFFIX))


@contextmanager
def open_part(path: str) -> Iterator[Any]:
    """Open a part as a `pyarrow.parquet.ParquetFile`; of an object only some ranges are read.

    Raises:
        OSError, ArrowException: it cannot be read.
    """
    if is_url(path):
        system, name = open_system(path)
        with (
            system.open(name, "rb", block_size=_BLOCK, cache_type="bytes") as stream,
            pq.ParquetFile(stream) as file,
        ):
            yield file
    else:
        with pq.ParquetFile(path) as file:
            yield file


def write_part(path: str, table: Any, *, rows: int) -> None:
    """Write a table as a part, whole or not at all; missing folders are created.

    Args:
        path: or URL.
        table: an Arrow table.
        rows: of a row group.

    Raises:
        EngineError: it cannot be written.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=rows, compression="zstd")
    write_whole(path, sink.getvalue().to_pybytes(), "part")


def write_whole(path: str, data: bytes, what: str) -> None:
    """Write a file or an object, whole or not at all; missing folders are created.

    Args:
        path: or URL.
        data: content.
        what: names the file, for the error.

    Raises:
        EngineError: it cannot be written.
    """
    try:
        if is_url(path):
            write_file(path, data)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            replace_file(path, [data])
    except OSError as error:
        raise EngineError(f"cannot write the {what} {path}: {error.strerror}") from error
