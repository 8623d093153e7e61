"""What an index holds, and how it forgets what no scan will ask for again.

That is what belongs to files that are gone, to decoders and verifiers of other versions, and, where
one encoder is named, to all others. It costs no photo anything: at worst, files are embedded anew.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from dedupe.index.embedding_index import EmbeddingIndex


@dataclass(frozen=True, slots=True)
class Stock:
    """How much an index holds."""

    files: int
    contents: int  # different ones, by their bytes
    vectors: int  # of contents, by each encoder
    verdicts: int  # of verification, on pairs of contents
    size: int  # bytes on disk


def take_stock(index: EmbeddingIndex) -> Stock:
    """Count what an index holds.

    Raises:
        IndexFileError: it cannot be read.
    """
    with index.transaction() as connection:

        def count(what: str, table: str) -> int:
            return int(connection.execute(f"SELECT count({what}) FROM {table}").fetchone()[0])

        return Stock(
            files=count("*", "files"),
            contents=count("DISTINCT digest", "contents"),
            vectors=count("*", "contents"),
            verdicts=count("*", "verdicts"),
            size=os.stat(index.path).st_size,
        )


def prune(
    index: EmbeddingIndex, *, decoder: int, verifier: int, only: Collection[str] = ()
) -> None:
    """Forget what no scan will ask for again, and give the room back to the disk.

    A file counts as gone where the system says that there is none, as it does of a drive that is
    not plugged in.

    Args:
        index: an open one; a scan may be using the same file.
        decoder, verifier: versions whose rows are kept; rows of other versions are removed.
        only: fingerprints whose vectors are kept; none for those of every encoder.

    Raises:
        IndexFileError: it could not be written, for example on a full disk.
    """
    with index.transaction() as connection:
        paths = [path for (path,) in connection.execute("SELECT path FROM files")]
        gone = [(path,) for path in paths if _is_gone(path)]
        connection.executemany("DELETE FROM files WHERE path = ?", gone)
        _forget_encoders(connection, decoder, only)
        connection.execute("DELETE FROM contents WHERE digest NOT IN (SELECT digest FROM files)")
        connection.execute(
            "DELETE FROM verdicts WHERE verifier <> ? OR first NOT IN (SELECT digest FROM files)"
            " OR second NOT IN (SELECT digest FROM files)",
            (verifier,),
        )
        _forget_searches(connection)
    with index.transaction() as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_gone(path: bytes) -> bool:
    try:
        os.lstat(path)
    except OSError as error:  # others: a folder that may not be entered, a share that is silent
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    return False


def _forget_encoders(connection: sqlite3.Connection, decoder: int, only: Collection[str]) -> None:
    """Drop what other decoders than ours made and, if some are named, other encoders."""
    for table in ("contents", "searches"):
        known = [name for (name,) in connection.execute(f"SELECT DISTINCT encoder FROM {table}")]
        for name in known:
            fingerprint, _, version = name.partition("/")
            if version != str(decoder) or (only and fingerprint not in only):
                connection.execute(f"DELETE FROM {table} WHERE encoder = ?", (name,))


def _forget_searches(connection: sqlite3.Connection) -> None:
    """Drop the pairs of roots of which one is gone."""
    known = [roots for (roots,) in connection.execute("SELECT DISTINCT roots FROM searches")]
    gone = [(roots,) for roots in known if any(_is_gone(root) for root in roots.split(b"\0"))]
    connection.executemany("DELETE FROM searches WHERE roots = ?", gone)
