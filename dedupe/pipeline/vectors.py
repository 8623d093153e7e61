"""Write embeddings as a Parquet table, one row for each file. Needs the extra `table` (pyarrow)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from dedupe.embed import Embedded
from dedupe.errors import ReportError, UsageError
from dedupe.files.marks import VECTORS_KIND
from dedupe.files.outputs import check_output
from dedupe.files.paths import StrPath
from dedupe.files.replace import replace_file
from dedupe.report.table import import_arrow

if TYPE_CHECKING:
    import pyarrow as pa


def vectors_table(embedded: Embedded, encoder: str = "") -> pa.Table:
    """Return embeddings as a table, one row for each file, in the order of the contents.

    Args:
        embedded: the result of `dedupe.embed_images`.
        encoder: fingerprint, kept in the metadata of the table.

    Returns:
        Columns `path` (string, U+FFFD in place of bytes that are not UTF-8), `path_bytes` (binary),
        `digest` (string) and `vector` (fixed-size list of float32, of norm 1).

    Raises:
        ReportError: pyarrow is not installed.
    """
    pa = import_arrow()
    contents = embedded.contents
    raw = [os.fsencode(photo.path) for photos in contents.photos for photo in photos]
    counts = [len(photos) for photos in contents.photos]
    rows = np.repeat(np.arange(len(contents)), counts)  # (F,) content of each file
    flat = pa.array(np.ascontiguousarray(contents.vectors[rows]).ravel(), pa.float32())
    table = pa.table(
        {
            "path": pa.array([path.decode("utf-8", "replace") for path in raw], pa.string()),
            "path_bytes": pa.array(raw, pa.binary()),
            "digest": pa.array([contents.digests[row] for row in rows], pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, contents.vectors.shape[1]),
        }
    )
    return table.replace_schema_metadata({b"kind": VECTORS_KIND, b"encoder": encoder.encode()})


def write_vectors(embedded: Embedded, path: StrPath, *, encoder: str = "") -> None:
    """Write embeddings to a Parquet file, whole or not at all; see `vectors_table`.

    Raises:
        ReportError: pyarrow is not installed, or the file cannot be written.
        UsageError: the path holds a file that is no such table, or does not end in .parquet.
    """
    name = os.fspath(path)
    check_vectors_path(name)
    table = vectors_table(embedded, encoder)
    try:
        replace_file(name, _parquet(table))
    except OSError as error:
        raise ReportError(f"cannot write the vectors {name}: {error.strerror}") from error


def check_vectors_path(path: str) -> None:
    """Check that vectors can be written to a path; raises as `write_vectors`."""
    if not path.lower().endswith(".parquet"):
        raise UsageError(f"cannot write the vectors {path}: the name must end in .parquet")
    check_output(path, "vectors")


def _parquet(table: pa.Table) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    yield sink.getvalue().to_pybytes()
