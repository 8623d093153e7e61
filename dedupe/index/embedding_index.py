"""The index: embeddings, pairs and verdicts of earlier scans.

A second scan then costs a `stat` and a row per file. `files` names the content that a path had; a
row counts while size, mtime and inode are the same. Rows with a wrong checksum count as damage.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from dedupe.index.database import Database, default_index_path
from dedupe.types import INTACT, Facts, FrameMatrix, ImageFile, Verdict

__all__ = ["Content", "Digests", "EmbeddingIndex", "StoredPairs", "default_index_path"]

_T = TypeVar("_T")
Digests = tuple[str, str]  # of two contents, ascending
_VARIABLES = 500  # paths or digests in one statement, below SQLite's limit


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """A picture, whichever files hold it."""

    digest: str
    width: int  # pixels, after EXIF orientation
    height: int
    format: str
    detail: float  # see `dedupe.low_detail`
    vector: NDArray[np.float32]  # (D,), norm 1
    facts: Facts = INTACT
    thumbnail: bytes = b""  # see `dedupe.decode.thumbnail`; empty if it was read from the index


@dataclass(frozen=True, slots=True, eq=False)
class StoredPairs:
    """The pairs within a threshold among the contents of an earlier scan."""

    threshold: float  # largest distance of a pair, in [0, 2]
    valid_for: str  # name of the search, if it does not list all pairs; else ""
    digests: tuple[str, ...]  # of the contents, each once
    left: NDArray[np.int32]  # (P,) position in `digests`
    right: NDArray[np.int32]  # (P,)
    distance: NDArray[np.float32]  # (P,)


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
        self._key = format_key(encoder, decoder)
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
            rows = self._read(
                "SELECT path, size, mtime_ns, inode,"
                " c.digest, width, height, format, detail, facts, vector, crc"
                " FROM files f JOIN contents c ON c.digest = f.digest AND c.encoder = ?"
                f" WHERE path IN ({marks})",
                (self._key, *by_path),
                self._parse_file,
            )
            for path, state, content in rows:
                file = by_path.get(path)
                if file and state == _state(file):
                    found[file.path] = content
        return found

    def _parse_file(
        self, path: bytes, size: int, mtime_ns: int, inode: str, *content: Any
    ) -> tuple[bytes, tuple[int, int, str], Content]:
        return path, (size, mtime_ns, inode), self._parse_content(*content)

    def find_content(self, digest: str) -> Content | None:
        """Return the content with this digest, if it was embedded before."""
        rows = self._read(
            "SELECT digest, width, height, format, detail, facts, vector, crc FROM contents"
            " WHERE digest = ? AND encoder = ?",
            (digest, self._key),
            self._parse_content,
        )
        return rows[0] if rows else None

    def _parse_content(
        self,
        digest: str,
        width: int,
        height: int,
        form: str,
        detail: float,
        facts: str,
        vector: bytes,
        crc: int,
    ) -> Content:
        _check(crc, vector, digest, self._key, width, height, form, detail, facts)
        return Content(
            *(digest, width, height, form, detail),
            np.frombuffer(vector, np.float32),
            _parse_facts(facts),
        )

    def remember(self, seen: Iterable[tuple[ImageFile, Content]]) -> None:
        """Write files and their contents in one transaction.

        Raises:
            IndexFileError: the index cannot be written, for example on a full disk.
        """
        seen = list(seen)
        contents = [self._format_content(content) for _, content in seen]
        files = [(os.fsencode(f.path), *_state(f), content.digest) for f, content in seen]
        thumbnails = [
            (c.digest, self._key, c.thumbnail, _checksum(c.thumbnail, c.digest, self._key))
            for _, c in seen
            if c.thumbnail
        ]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR IGNORE INTO contents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", contents
            )
            connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", files)
            connection.executemany(
                "INSERT OR IGNORE INTO thumbnails VALUES (?, ?, ?, ?)", thumbnails
            )

        self._database.write(write)

    def _format_content(self, content: Content) -> tuple[object, ...]:
        facts = json.dumps(dataclasses.asdict(content.facts))
        row = (
            *(content.digest, self._key, content.width, content.height),
            *(content.format, float(content.detail), facts),
        )
        vector = content.vector.tobytes()
        return (*row, vector, _checksum(vector, *row))

    def find_thumbnails(self, digests: Sequence[str]) -> dict[str, bytes]:
        """Return the thumbnails of contents that were embedded before, by digest."""
        found: dict[str, bytes] = {}
        for batch in _batches(digests):
            marks = ",".join("?" * len(batch))
            found |= self._read(
                "SELECT digest, data, crc FROM thumbnails"
                f" WHERE encoder = ? AND digest IN ({marks})",
                (self._key, *batch),
                self._parse_thumbnail,
            )
        return found

    def _parse_thumbnail(self, digest: str, data: bytes, crc: int) -> tuple[str, bytes]:
        _check(crc, data, digest, self._key)
        return digest, data

    def find_pairs(self, roots: bytes) -> StoredPairs | None:
        """Return the pairs of the last scan of the same roots by this encoder."""
        rows = self._read(
            "SELECT threshold, valid_for, digests, pairs, crc FROM pairs"
            " WHERE roots = ? AND encoder = ?",
            (roots, self._key),
            functools.partial(self._parse_pairs, roots),
        )
        return rows[0] if rows else None

    def _parse_pairs(
        self,
        roots: bytes,
        threshold: float,
        valid_for: str,
        digests: bytes,
        pairs: bytes,
        crc: int,
    ) -> StoredPairs:
        _check(crc, digests + pairs, roots, self._key, threshold, valid_for)
        left, right, distance = np.frombuffer(pairs, np.int32).reshape(3, -1)
        names = tuple(digests.decode().split())
        return StoredPairs(threshold, valid_for, names, left, right, distance.view(np.float32))

    def remember_pairs(self, roots: bytes, stored: StoredPairs) -> None:
        """Write the pairs of the last scan of some roots.

        Raises:
            IndexFileError: the index cannot be written.
        """
        columns = (stored.left, stored.right, stored.distance.view(np.int32))
        pairs = np.stack(columns).astype(np.int32).tobytes()
        digests = " ".join(stored.digests).encode()
        key = (roots, self._key, float(stored.threshold), stored.valid_for)
        row = (*key, digests, pairs, _checksum(digests + pairs, *key))
        self._database.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?, ?, ?, ?)", row
            )
        )

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
                _parse_verdict,
            )
        return {pair: found[pair] for pair in pairs if pair in found}

    def remember_verdicts(self, verdicts: Mapping[Digests, Verdict], verifier: int) -> None:
        """Write the verdicts on pairs of contents, two digests each, ascending, in one transaction.

        Raises:
            IndexFileError: the index cannot be written.
        """
        rows = []
        for pair, v in verdicts.items():
            row = (*pair, verifier, int(v.is_copy), float(v.score), v.how, v.level)
            matrix = _to_blob(v.matrix)
            rows.append((*row, matrix, _checksum(matrix, *row)))
        self._database.write(
            lambda connection: connection.executemany(
                "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
        )

    def find_evidence(self, pair: Digests, version: int, near: FrameMatrix) -> str | None:
        """Return the evidence on a pair of contents as JSON, or None.

        Args:
            pair: two digests, ascending.
            version: of the measurements; evidence of other versions is left out.
            near: map between the frames from which the measurement began.
        """
        rows = self._read(
            "SELECT first, second, version, near, numbers, crc FROM evidence"
            " WHERE first = ? AND second = ? AND version = ? AND near = ?",
            (*pair, version, _to_blob(near)),
            _parse_evidence,
        )
        return next(iter(rows), None)

    def remember_evidence(
        self, pair: Digests, version: int, near: FrameMatrix, numbers: str
    ) -> None:
        """Write the evidence on a pair of contents, two digests, ascending.

        Raises:
            IndexFileError: the index cannot be written.
        """
        blob = _to_blob(near)
        row = (*pair, version, blob, numbers, _checksum(blob, *pair, version, numbers))
        self._database.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?, ?, ?)", row
            )
        )

    def transaction(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Hold the file for one transaction, see `Database.transaction`."""
        return self._database.transaction()

    def _read(
        self, statement: str, values: tuple[object, ...], parse: Callable[..., _T]
    ) -> list[_T]:
        """Return the parsed rows of a query; a damaged row sets the file aside and gives none."""
        try:
            return [parse(*row) for row in self._database.read(statement, values)]
        except (ValueError, TypeError, AttributeError) as error:
            self._database.set_aside(str(error))
            return []


def format_key(encoder: str, decoder: int) -> str:
    """Return the key under which an encoder's vectors of a decoder's pixels are stored."""
    return f"{encoder}/{decoder}"


def parse_key(key: str) -> tuple[str, str]:
    """Return the fingerprint of the encoder and the version of the decoder of a key."""
    encoder, _, decoder = key.partition("/")
    return encoder, decoder


def _state(file: ImageFile) -> tuple[int, int, str]:
    """Return size, mtime and inode as they are stored.

    SQLite holds 64 bits with a sign: times from the year 2262 on are stored modulo 2^64 ns.
    """
    return file.size, (file.mtime_ns + 2**63) % 2**64 - 2**63, str(file.inode)


def _checksum(blob: bytes, *values: object) -> int:
    return zlib.crc32(blob, zlib.crc32(repr(values).encode("utf-8", "surrogatepass")))


def _check(crc: int, blob: bytes, *values: object) -> None:
    if _checksum(blob, *values) != crc:
        raise ValueError("a row fails its checksum")


@functools.lru_cache(maxsize=1024)  # nearly all photos have the same few facts
def _parse_facts(text: str) -> Facts:
    return Facts(**json.loads(text))


def _parse_verdict(*row: Any) -> tuple[Digests, Verdict]:
    first, second, verifier, is_copy, score, how, level, matrix, crc = row
    _check(crc, matrix, first, second, verifier, is_copy, score, how, level)
    numbers = tuple(np.frombuffer(matrix, np.float64).tolist()) or None
    return (first, second), Verdict(bool(is_copy), score, how, level, numbers)


def _parse_evidence(
    first: str, second: str, version: int, near: bytes, numbers: str, crc: int
) -> str:
    _check(crc, near, first, second, version, numbers)
    return numbers


def _to_blob(matrix: FrameMatrix | None) -> bytes:
    return np.array(matrix or (), np.float64).tobytes()


def _batches(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _VARIABLES):
        yield items[start : start + _VARIABLES]
