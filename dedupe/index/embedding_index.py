"""The index: embeddings, pairs, verdicts and results of earlier scans.

A second scan then costs a `stat` and a row per file. `files` names the content that a path had; a
row counts while size, mtime and inode are the same. Rows with a wrong checksum count as damage.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from dedupe.index import rows
from dedupe.index.database import Database, default_index_path
from dedupe.index.rows import Content, Digests, StoredPairs, StoredReport
from dedupe.types import FrameMatrix, ImageFile, Verdict

__all__ = [
    "Content",
    "Digests",
    "EmbeddingIndex",
    "StoredPairs",
    "StoredReport",
    "default_index_path",
]

_T = TypeVar("_T")
_VARIABLES = 500  # paths or digests in one statement, below SQLite's limit
_RANGE = 10_000  # files between the first and the last path of one query


class EmbeddingIndex:
    """An open index, read and written for one encoder. Threads and processes may share it.

    A damaged index is set aside and replaced by an empty one; a locked index is left out. Both are
    `DedupeWarning`s, and the scan goes on.
    """

    def __init__(self, path: Path, *, encoder: str, decoder: int) -> None:
        """Open or create the index.

        Args:
            path: the SQLite file; missing folders are created.
            encoder: fingerprint of the encoder; only its vectors are read and written.
            decoder: version of the decoder that made the pixels, likewise.

        Raises:
            IndexFileError: the file is not an index, or cannot be opened.
        """
        self.path = path
        self.decoder = decoder
        self._key = rows.format_key(encoder, decoder)
        self._database = Database(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything that was remembered is on disk already."""
        self._database.close()

    def find_files(self, files: Sequence[ImageFile]) -> dict[str, Content]:
        """Return the contents of the files that have not changed, by path."""
        found: dict[str, Content] = {}
        for batch in _batches(files):
            by_path = {os.fsencode(file.path): file for file in batch}
            marks = ",".join("?" * len(batch))
            read = self._read(
                "SELECT path, size, mtime_ns, inode,"
                " c.digest, width, height, format, detail, facts, vector, panels, crc"
                " FROM files f JOIN contents c ON c.digest = f.digest AND c.encoder = ?"
                f" WHERE path IN ({marks})",
                (self._key, *by_path),
                self._parse_file,
            )
            for path, state, content in read:
                file = by_path.get(path)
                if file and state == rows.format_state(file):
                    found[file.path] = content
        return found

    def _parse_file(
        self, path: bytes, size: int, mtime_ns: int, inode: str, *content: Any
    ) -> tuple[bytes, tuple[int, int, str], Content]:
        return path, (size, mtime_ns, inode), rows.parse_content(self._key, *content)

    def find_digests(self, files: Sequence[ImageFile]) -> list[str]:
        """Return the digest of each file that has not changed; "" for other files.

        Args:
            files: sorted by the bytes of their paths, as a walk lists them.
        """
        found: list[str] = []
        for batch in _batches(files, _RANGE):
            paths = os.fsencode("\0".join(file.path for file in batch)).split(b"\0")
            read = self._read(
                "SELECT path, size, mtime_ns, inode, digest FROM files WHERE path BETWEEN ? AND ?",
                (paths[0], paths[-1]),
                lambda path, *row: (path, row),
            )
            known = dict(read)
            for path, file in zip(paths, batch, strict=True):
                row = known.get(path)  # size, mtime, inode, digest
                is_same = row is not None and row[:3] == rows.format_state(file)
                found.append(row[3] if row is not None and is_same else "")
        return found

    def find_nearest(
        self, vector: NDArray[np.float32], folders: Sequence[str], count: int
    ) -> list[str]:
        """Return the paths of stored files below some folders, nearest to a vector first.

        Reads no folder: a file may have changed or gone since.

        Args:
            vector: (D,) of norm 1.
            folders: absolute paths.
            count: paths to return; fewer if there are fewer.
        """
        paths: list[bytes] = []
        blobs: list[bytes] = []
        for folder in folders:
            first = os.fsencode(os.path.join(folder, ""))
            stored = self._read(
                "SELECT path, vector FROM files f"
                " JOIN contents c ON c.digest = f.digest AND c.encoder = ?"
                " WHERE path >= ? AND path < ?",
                (self._key, first, first[:-1] + bytes([first[-1] + 1])),
                lambda path, blob: (path, blob),
            )
            fitting = [(p, b) for p, b in stored if len(b) == vector.nbytes]
            paths += [path for path, _ in fitting]
            blobs += [blob for _, blob in fitting]
        vectors = np.frombuffer(b"".join(blobs), np.float32).reshape(-1, len(vector))  # (F, D)
        similarity = vectors @ vector  # (F,)
        nearest = np.argsort(-similarity, kind="stable")[:count]
        return list(dict.fromkeys(os.fsdecode(paths[row]) for row in nearest))

    def find_content(self, digest: str) -> Content | None:
        """Return the content with this digest, if it was embedded before."""
        found = self._read(
            "SELECT digest, width, height, format, detail, facts, vector, panels, crc"
            " FROM contents"
            " WHERE digest = ? AND encoder = ?",
            (digest, self._key),
            functools.partial(rows.parse_content, self._key),
        )
        return next(iter(found), None)

    def remember(self, seen: Iterable[tuple[ImageFile, Content]]) -> None:
        """Write files and their contents in one transaction.

        Raises:
            IndexFileError: the index cannot be written, for example on a full disk.
        """
        seen = list(seen)
        contents = [rows.format_content(content, self._key) for _, content in seen]
        files = [
            (os.fsencode(f.path), *rows.format_state(f), content.digest) for f, content in seen
        ]
        thumbnails = [rows.format_thumbnail(c, self._key) for _, c in seen if c.thumbnail]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR IGNORE INTO contents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", contents
            )
            connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", files)
            connection.executemany(
                "INSERT OR IGNORE INTO thumbnails VALUES (?, ?, ?, ?)", thumbnails
            )

        self._database.write(write)

    def find_thumbnails(self, digests: Sequence[str]) -> dict[str, bytes]:
        """Return the thumbnails of contents that were embedded before, by digest."""
        found: dict[str, bytes] = {}
        for batch in _batches(digests):
            marks = ",".join("?" * len(batch))
            found |= self._read(
                "SELECT digest, data, crc FROM thumbnails"
                f" WHERE encoder = ? AND digest IN ({marks})",
                (self._key, *batch),
                functools.partial(rows.parse_thumbnail, self._key),
            )
        return found

    def find_pairs(self, roots: bytes) -> StoredPairs | None:
        """Return the pairs of the last scan of the same roots by this encoder."""
        found = self._read(
            "SELECT threshold, valid_for, digests, pairs, crc FROM pairs"
            " WHERE roots = ? AND encoder = ?",
            (roots, self._key),
            functools.partial(rows.parse_pairs, roots, self._key),
        )
        return next(iter(found), None)

    def remember_pairs(self, roots: bytes, stored: StoredPairs) -> None:
        """Write the pairs of the last scan of some roots.

        Raises:
            IndexFileError: the index cannot be written.
        """
        row = rows.format_pairs(stored, roots, self._key)
        self._replace("pairs", [row])

    def find_report(self, roots: bytes) -> StoredReport | None:
        """Return the result of the last scan of the same roots by this encoder."""
        found = self._read(
            "SELECT name, data, crc FROM reports WHERE roots = ? AND encoder = ?",
            (roots, self._key),
            functools.partial(rows.parse_report, roots, self._key),
        )
        return next(iter(found), None)

    def remember_report(self, roots: bytes, stored: StoredReport) -> None:
        """Write the result of the last scan of some roots.

        Raises:
            IndexFileError: the index cannot be written.
        """
        row = rows.format_report(stored, roots, self._key)
        self._replace("reports", [row])

    def find_verdicts(self, pairs: Sequence[Digests], verifier: int) -> dict[Digests, Verdict]:
        """Return the verdicts on pairs of contents.

        Args:
            pairs: two digests each, ascending.
            verifier: version of the verifier; verdicts of other versions are left out.
        """
        found: dict[Digests, Verdict] = {}
        for batch in _batches(sorted({first for first, _ in pairs})):
            marks = ",".join("?" * len(batch))
            found |= self._read(
                "SELECT first, second, verifier, is_copy, score, how, level, matrix, crc"
                f" FROM verdicts WHERE verifier = ? AND first IN ({marks})",
                (verifier, *batch),
                rows.parse_verdict,
            )
        return {pair: found[pair] for pair in pairs if pair in found}

    def remember_verdicts(self, verdicts: Mapping[Digests, Verdict], verifier: int) -> None:
        """Write the verdicts on pairs of contents, two digests each, ascending, in one transaction.

        Raises:
            IndexFileError: the index cannot be written.
        """
        values = [rows.format_verdict(pair, verifier, v) for pair, v in verdicts.items()]
        self._replace("verdicts", values)

    def find_evidence(self, pair: Digests, version: int, near: FrameMatrix) -> str | None:
        """Return the evidence on a pair of contents as JSON, or None.

        Args:
            pair: two digests, ascending.
            version: of the measurements; evidence of other versions is left out.
            near: map between the frames from which the measurement began.
        """
        found = self._read(
            "SELECT first, second, version, near, numbers, crc FROM evidence"
            " WHERE first = ? AND second = ? AND version = ? AND near = ?",
            (*pair, version, rows.to_blob(near)),
            rows.parse_evidence,
        )
        return next(iter(found), None)

    def remember_evidence(
        self, pair: Digests, version: int, near: FrameMatrix, numbers: str
    ) -> None:
        """Write the evidence on a pair of contents, two digests, ascending.

        Raises:
            IndexFileError: the index cannot be written.
        """
        row = rows.format_evidence(pair, version, near, numbers)
        self._replace("evidence", [row])

    def transaction(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Hold the file for one transaction, see `Database.transaction`."""
        return self._database.transaction()

    def _replace(self, table: str, found: Sequence[tuple[object, ...]]) -> None:
        """Write rows of a table in one transaction, in place of those with the same keys."""
        if found:
            marks = ", ".join("?" * len(found[0]))
            statement = f"INSERT OR REPLACE INTO {table} VALUES ({marks})"
            self._database.write(lambda connection: connection.executemany(statement, found))

    def _read(
        self, statement: str, values: tuple[object, ...], parse: Callable[..., _T]
    ) -> list[_T]:
        """Return the parsed rows of a query; a damaged row sets the file aside and gives none."""
        try:
            return [parse(*row) for row in self._database.read(statement, values)]
        except (ValueError, TypeError, AttributeError) as error:
            self._database.set_aside(str(error))
            return []


def _batches(items: Sequence[_T], size: int = _VARIABLES) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
