"""Count the rows of an index, and delete the rows that no scan will read again.

Those are rows of missing files, of other decoders and verifiers and, if encoders are named, of all
other encoders. At worst, files are embedded again.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from dedupe.index.embedding_index import EmbeddingIndex
from dedupe.index.rows import parse_key


@dataclass(frozen=True, slots=True)
class IndexStats:
    """Number of rows of an index, and its size."""

    files: int
    contents: int  # different digests
    vectors: int  # contents by encoder
    verdicts: int  # pairs of contents by verifier
    size: int  # bytes on disk


def read_stats(index: EmbeddingIndex) -> IndexStats:
    """Count the rows of an index.

    Raises:
        IndexFileError: the index cannot be read.
    """
    with index.transaction() as connection:

        def count(column: str, table: str) -> int:
            return int(connection.execute(f"SELECT count({column}) FROM {table}").fetchone()[0])

        return IndexStats(
            files=count("*", "files"),
            contents=count("DISTINCT digest", "contents"),
            vectors=count("*", "contents"),
            verdicts=count("*", "verdicts"),
            size=os.stat(index.path).st_size,
        )


def prune(index: EmbeddingIndex, *, verifier: int, only: Collection[str] = ()) -> None:
    """Delete the rows that no scan will read again, and return their space to the disk.

    A file is missing if the system reports so; that includes files of a drive that is not mounted.

    Args:
        index: an open one; the rows of its decoder are kept. A scan may use the same file.
        verifier: version of the verifier; its verdicts are kept.
        only: fingerprints of encoders; their vectors are kept. Empty for all encoders.

    Raises:
        IndexFileError: the index cannot be written, for example on a full disk.
    """
    with index.transaction() as connection:
        paths = [path for (path,) in connection.execute("SELECT path FROM files")]
        missing = [(path,) for path in paths if _is_missing(path)]
        connection.executemany("DELETE FROM files WHERE path = ?", missing)
        _delete_encoders(connection, index.decoder, only)
        for table in ("contents", "thumbnails"):
            connection.execute(
                f"DELETE FROM {table} WHERE digest NOT IN (SELECT digest FROM files)"
            )
        connection.execute(
            "DELETE FROM verdicts WHERE verifier <> ? OR first NOT IN (SELECT digest FROM files)"
            " OR second NOT IN (SELECT digest FROM files)",
            (verifier,),
        )
        connection.execute(
            "DELETE FROM evidence WHERE first NOT IN (SELECT digest FROM files)"
            " OR second NOT IN (SELECT digest FROM files)"
        )
        _delete_pairs(connection)
    with index.transaction() as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_missing(path: bytes) -> bool:
    try:
        os.lstat(path)
    except OSError as error:  # others: a folder without permission, a share that does not answer
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    return False


def _delete_encoders(connection: sqlite3.Connection, decoder: int, only: Collection[str]) -> None:
    """Delete the rows of other decoders and, if encoders are named, of all other encoders."""
    for table in ("contents", "thumbnails", "pairs", "reports"):
        keys = [key for (key,) in connection.execute(f"SELECT DISTINCT encoder FROM {table}")]
        for key in keys:
            fingerprint, version = parse_key(key)
            if version != str(decoder) or (only and fingerprint not in only):
                connection.execute(f"DELETE FROM {table} WHERE encoder = ?", (key,))


def _delete_pairs(connection: sqlite3.Connection) -> None:
    """Delete the pairs and reports of sets of roots with a missing root."""
    for table in ("pairs", "reports"):
        stored = [roots for (roots,) in connection.execute(f"SELECT DISTINCT roots FROM {table}")]
        gone = [(some,) for some in stored if any(map(_is_missing, some.split(b"\0")))]
        connection.executemany(f"DELETE FROM {table} WHERE roots = ?", gone)
