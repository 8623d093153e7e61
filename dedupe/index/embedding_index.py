"""The index of embeddings: one SQLite file that makes the second scan cost a `stat` per file.

Four tables. `contents` holds what a content is (size in pixels, format, vector), keyed by its
digest and by the encoder and decoder that made the vector. `files` says which content a path held
when it was last seen, and is believed only while size, mtime and inode are the same. `searches`
holds the close pairs of the contents that a scan of some roots met last. `verdicts` holds what a
second look at two contents found, by the verifier that looked. Safe to use from several threads;
two scans may share the file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import platformdirs
from numpy.typing import NDArray

from dedupe.errors import IndexFileError
from dedupe.types import INTACT, Facts, FrameMatrix, ImageFile, Verdict

_T = TypeVar("_T")
_APPLICATION_ID = 0x64647570  # "ddup"
_SCHEMA_VERSION = 4
_SCHEMA = f"""
    CREATE TABLE IF NOT EXISTS contents (
        digest TEXT NOT NULL, encoder TEXT NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, format TEXT NOT NULL,
        detail REAL NOT NULL, facts TEXT NOT NULL, vector BLOB NOT NULL,
        PRIMARY KEY (digest, encoder)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS files (
        path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        inode TEXT NOT NULL, digest TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS searches (
        roots BLOB NOT NULL, encoder TEXT NOT NULL, threshold REAL NOT NULL,
        only_for TEXT NOT NULL, digests BLOB NOT NULL, pairs BLOB NOT NULL,
        PRIMARY KEY (roots, encoder)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS verdicts (
        first TEXT NOT NULL, second TEXT NOT NULL, verifier INTEGER NOT NULL,
        is_copy INTEGER NOT NULL, score REAL NOT NULL, how TEXT NOT NULL,
        level TEXT NOT NULL, matrix BLOB NOT NULL,
        PRIMARY KEY (first, second, verifier)
    ) WITHOUT ROWID;
    PRAGMA application_id = {_APPLICATION_ID};
    PRAGMA user_version = {_SCHEMA_VERSION};
"""
_UPGRADE = {  # by the version that the file has
    1: "DROP TABLE contents; DROP TABLE verdicts;",  # without detail; vectors of an older decoder
    2: "DROP TABLE contents; DROP TABLE verdicts;",  # without level and matrix, without facts
    3: "DROP TABLE contents;",  # without facts
}
Digests = tuple[str, str]  # of two contents, ascending
_QUESTIONS = 500  # paths or digests asked for in one statement, below SQLite's limit of variables


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


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """The pairs within a threshold among the contents that a scan met."""

    threshold: float  # distance within which pairs were looked for, in [0, 2]
    only_for: str  # names what was searched, and how, if not all pairs are listed; else ""
    digests: tuple[str, ...]  # of the contents, each once
    left: NDArray[np.int32]  # (P,) position in `digests`
    right: NDArray[np.int32]  # (P,)
    distance: NDArray[np.float32]  # (P,)


def default_index_path() -> Path:
    """Return where the index lies unless told otherwise: in the user's cache directory."""
    return platformdirs.user_cache_path("dedupe") / "index.sqlite"


class EmbeddingIndex:
    """An open index, read and written for one encoder."""

    def __init__(self, path: Path, *, encoder: str) -> None:
        """Open or create the index at `path`.

        Args:
            path: the SQLite file; missing folders are made.
            encoder: names the encoder and decoder; vectors of another one are not seen.

        Raises:
            IndexFileError: the file is no index of ours, is damaged, or cannot be written.
        """
        self.path = path
        self._encoder = encoder
        self._lock = threading.Lock()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):  # SQLite alone would let others read it
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self._connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()  # lets go of its lock
                raise

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
        """Close the file; what was remembered is on disk already."""
        with self._lock:  # a thread may still be writing
            self._connection.close()

    def find_files(self, files: Sequence[ImageFile]) -> dict[str, Content]:
        """Return what is known of the files that have not changed, by path."""
        found: dict[str, Content] = {}
        for some in _slices(files):
            by_path = {os.fsencode(file.path): file for file in some}
            marks = ",".join("?" * len(some))
            rows = self._read(
                "SELECT path, size, mtime_ns, inode,"
                " c.digest, width, height, format, detail, facts, vector"
                " FROM files f JOIN contents c ON c.digest = f.digest AND c.encoder = ?"
                f" WHERE path IN ({marks})",
                (self._encoder, *by_path),
            )
            for path, size, mtime_ns, inode, *content in rows:
                file = by_path[path]
                if (size, mtime_ns, inode) == (file.size, file.mtime_ns, str(file.inode)):
                    found[file.path] = _content(*content)
        return found

    def find_content(self, digest: str) -> Content | None:
        """Return the content with this digest, if it was embedded before."""
        rows = self._read(
            "SELECT digest, width, height, format, detail, facts, vector FROM contents"
            " WHERE digest = ? AND encoder = ?",
            (digest, self._encoder),
        )
        return _content(*rows[0]) if rows else None

    def remember(self, seen: Iterable[tuple[ImageFile, Content]]) -> None:
        """Write files and their contents in one transaction.

        Raises:
            IndexFileError: it could not be written, for example on a full disk.
        """
        seen = list(seen)
        contents = [
            (
                *(c.digest, self._encoder, c.width, c.height, c.format, c.detail),
                *(json.dumps(dataclasses.asdict(c.facts)), c.vector.tobytes()),
            )
            for _, c in seen
        ]
        files = [
            (os.fsencode(f.path), f.size, f.mtime_ns, str(f.inode), c.digest) for f, c in seen
        ]  # fmt: skip
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO contents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", contents
            )
            connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", files)

    def find_search(self, roots: bytes) -> Search | None:
        """Return what the last scan of the same roots, by this encoder, found close."""
        rows = self._read(
            "SELECT threshold, only_for, digests, pairs FROM searches"
            " WHERE roots = ? AND encoder = ?",
            (roots, self._encoder),
        )
        if not rows:
            return None
        threshold, only_for, digests, pairs = rows[0]
        left, right, distance = np.frombuffer(pairs, np.int32).reshape(3, -1)
        names = tuple(digests.decode().split())
        return Search(threshold, only_for, names, left, right, distance.view(np.float32))

    def remember_search(self, roots: bytes, search: Search) -> None:
        """Keep the pairs of the last scan of some roots.

        Raises:
            IndexFileError: it could not be written.
        """
        columns = (search.left, search.right, search.distance.view(np.int32))
        pairs = np.stack(columns).astype(np.int32).tobytes()
        digests = " ".join(search.digests).encode()
        row = (roots, self._encoder, search.threshold, search.only_for, digests, pairs)
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO searches VALUES (?, ?, ?, ?, ?, ?)", row)

    def find_verdicts(self, pairs: Sequence[Digests], verifier: int) -> dict[Digests, Verdict]:
        """Return what is known of pairs of contents.

        Args:
            pairs: two digests each, ascending.
            verifier: version of what gave the verdicts; those of another one are not seen.
        """
        found: dict[Digests, Verdict] = {}
        for some in _slices(sorted({first for first, _ in pairs})):
            marks = ",".join("?" * len(some))
            for first, second, is_copy, score, how, level, matrix in self._read(
                "SELECT first, second, is_copy, score, how, level, matrix FROM verdicts"
                f" WHERE verifier = ? AND first IN ({marks})",
                (verifier, *some),
            ):
                numbers = tuple(np.frombuffer(matrix, np.float64).tolist()) or None
                found[first, second] = Verdict(bool(is_copy), score, how, level, numbers)
        return {pair: found[pair] for pair in pairs if pair in found}

    def remember_verdicts(self, verdicts: Mapping[Digests, Verdict], verifier: int) -> None:
        """Write the verdicts on pairs of contents, two digests each, ascending, in one transaction.

        Raises:
            IndexFileError: it could not be written.
        """
        rows = [
            (
                *pair,
                verifier,
                v.is_copy,
                v.score,
                v.how,
                v.level,
                np.array(v.matrix or ()).tobytes(),
            )
            for pair, v in verdicts.items()
        ]
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
            )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one transaction: all of it is written, or nothing.

        Raises:
            IndexFileError: it could not be written.
        """
        with self._lock, self._explained(), self._connection:
            yield self._connection

    def _read(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock, self._explained():
            return self._connection.execute(statement, values).fetchall()

    def _prepare(self) -> None:
        ask = self._connection.execute
        with self._connection:
            ask("BEGIN")  # one view of a file that another scan may be creating
            (application,) = ask("PRAGMA application_id").fetchone()
            (version,) = ask("PRAGMA user_version").fetchone()
            (tables,) = ask("SELECT count(*) FROM sqlite_master").fetchone()
        if application == _APPLICATION_ID and version > _SCHEMA_VERSION:
            raise IndexFileError(f"{self.path} was written by a newer dedupe; use another --index")
        if application != _APPLICATION_ID and (application or tables):
            raise IndexFileError(f"{self.path} is not an index of dedupe; use another --index")
        if not tables or version < _SCHEMA_VERSION:
            upgrade = _UPGRADE[version] if tables else ""
            self._connection.executescript(f"BEGIN IMMEDIATE; {upgrade} {_SCHEMA} COMMIT;")
        ask("PRAGMA synchronous = NORMAL")
        try:
            ask("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:  # another scan at work: it does well
                raise

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extension
            advice = "delete it, " if code == sqlite3.SQLITE_CORRUPT else ""
            raise IndexFileError(
                f"the index {self.path} cannot be used: {error}; "
                f"{advice}choose another with --index, or scan with --no-index"
            ) from error


def _to_blob(matrix: FrameMatrix | None) -> bytes:
    return np.array(matrix or (), np.float64).tobytes()


def _slices(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _QUESTIONS):
        yield items[start : start + _QUESTIONS]


def _content(
    digest: str, width: int, height: int, form: str, detail: float, facts: str, blob: bytes
) -> Content:
    vector = np.frombuffer(blob, np.float32)
    return Content(digest, width, height, form, detail, vector, Facts(**json.loads(facts)))
