"""The SQLite file below the index. A damaged file is set aside and replaced by an empty one.

Knows its schema and how SQLite fails; does not know what the rows mean.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import platformdirs

from dedupe.errors import DedupeWarning, IndexFileError
from dedupe.files.marks import APPLICATION_ID, is_index

_VERSION = 8
_SAME_ROWS = 7  # versions from this one on differ in tables that were added
_SCHEMA = f"""
    CREATE TABLE IF NOT EXISTS contents (
        digest TEXT NOT NULL, encoder TEXT NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, format TEXT NOT NULL,
        detail REAL NOT NULL, facts TEXT NOT NULL, vector BLOB NOT NULL, panels BLOB NOT NULL,
        crc INTEGER NOT NULL,
        PRIMARY KEY (digest, encoder)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS thumbnails (
        digest TEXT NOT NULL, encoder TEXT NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL,
        PRIMARY KEY (digest, encoder)
    );
    CREATE TABLE IF NOT EXISTS files (
        path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        inode TEXT NOT NULL, digest TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pairs (
        roots BLOB NOT NULL, encoder TEXT NOT NULL, threshold REAL NOT NULL,
        valid_for TEXT NOT NULL, digests BLOB NOT NULL, pairs BLOB NOT NULL, crc INTEGER NOT NULL,
        PRIMARY KEY (roots, encoder)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS reports (
        roots BLOB NOT NULL, encoder TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
        crc INTEGER NOT NULL,
        PRIMARY KEY (roots, encoder)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS verdicts (
        first TEXT NOT NULL, second TEXT NOT NULL, verifier INTEGER NOT NULL,
        is_copy INTEGER NOT NULL, score REAL NOT NULL, how TEXT NOT NULL,
        level TEXT NOT NULL, matrix BLOB NOT NULL, crc INTEGER NOT NULL,
        PRIMARY KEY (first, second, verifier)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS evidence (
        first TEXT NOT NULL, second TEXT NOT NULL, version INTEGER NOT NULL,
        near BLOB NOT NULL, numbers TEXT NOT NULL, crc INTEGER NOT NULL,
        PRIMARY KEY (first, second, version)
    ) WITHOUT ROWID;
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {_VERSION};
"""
_DROP_OLDER = """
    DROP TABLE IF EXISTS contents; DROP TABLE IF EXISTS thumbnails; DROP TABLE IF EXISTS verdicts;
    DROP TABLE IF EXISTS searches; DROP TABLE IF EXISTS pairs;
"""  # `files` has been the same since version 1

_WAIT_S = 10.0  # for a lock of another process; a transaction of a scan takes milliseconds
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_FAILURES = (sqlite3.Error, UnicodeDecodeError)
_DAMAGE = frozenset(
    {
        *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT),
        *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH),
        *(sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_INTERNAL, sqlite3.SQLITE_SCHEMA),
    }
)
"""Codes that our statements cause only in a damaged file: a table or a column is missing, ..."""


def default_index_path() -> Path:
    """Return the path of the user's index, in the user's cache directory."""
    return platformdirs.user_cache_path("dedupe") / "index.sqlite"


class Database:
    """An open SQLite file of the index; several threads and processes may use it at once."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, readable by its owner only.

        Warns (`DedupeWarning`) and goes on if the file is damaged, which sets it aside, or if
        another process holds it locked, which leaves it out.

        Raises:
            IndexFileError: the file is not an index, or cannot be opened.
        """
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode: int = 0  # of the open file; another process may have set it aside since
        self._is_busy = False
        try:
            self._open()
        except _FAILURES as error:
            if _is_busy(error):
                self._warn_busy()
            elif _is_damage(error) and self._is_ours():
                self.set_aside(str(error))
            else:
                raise self._error(error) from error
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Close the file; everything that was written is on disk already."""
        with self._lock:  # a thread may still be writing
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def read(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """Return the rows of a query; no rows if the file is damaged or locked.

        Raises:
            IndexFileError: the file cannot be read for another reason.
        """
        with self._lock:
            if self._connection is None:
                return []
            try:
                return self._connection.execute(statement, values).fetchall()
            except _FAILURES as error:
                self._recover(error)
                return []

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Run `work` in one transaction: all of it is written, or nothing.

        In a damaged file `work` runs once more, on the empty file that replaces it. If the file is
        locked, nothing is written.

        Raises:
            IndexFileError: the file cannot be written, for example on a full disk.
        """
        with self._lock:
            for _attempt in range(2):
                if self._connection is None:
                    return
                try:
                    with self._connection:
                        work(self._connection)
                    return
                except _FAILURES as error:
                    self._recover(error)
                    if self._is_busy:
                        return

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one transaction, without any recovery.

        Raises:
            IndexFileError: it cannot be read or written, is damaged, or is locked.
        """
        with self._lock:
            if self._connection is None:
                raise self._error("it is locked by another process")
            try:
                with self._connection:
                    yield self._connection
            except _FAILURES as error:
                if _is_damage(error):
                    self.set_aside(str(error))
                raise self._error(error) from error

    def set_aside(self, why: str) -> None:
        """Rename a damaged file, warn, and go on with an empty one.

        Raises:
            IndexFileError: the file cannot be renamed, or no new one can be created.
        """
        with self._lock:
            self.close()
            try:
                damaged = self._rename()
                if damaged:
                    warnings.warn(
                        f"the index {self.path} is damaged ({why}); it was set aside as "
                        f"{damaged.name}, and a new one is built",
                        DedupeWarning,
                        stacklevel=3,
                    )
                self._open()
            except (OSError, *_FAILURES) as error:
                raise self._error(error) from error

    def _rename(self) -> Path | None:
        """Give the damaged file a free name; None if another process has done so already."""
        if self._inode and _inode(self.path) != self._inode:
            return None
        number = 1
        damaged = self.path.with_name(f"{self.path.name}.damaged")
        while os.path.lexists(damaged):
            number += 1
            damaged = self.path.with_name(f"{self.path.name}.damaged-{number}")
        for suffix in ("-wal", "-shm", "-journal", ""):  # the new file must not meet these
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self.path}{suffix}", f"{damaged}{suffix}")
        return damaged

    def _recover(self, error: sqlite3.Error | UnicodeDecodeError) -> None:
        """Set a damaged file aside, leave a locked one out for now, and raise all other errors."""
        if _is_busy(error):
            self._warn_busy()
        elif _is_damage(error):
            self.set_aside(str(error))
        else:
            raise self._error(error) from error

    def _warn_busy(self) -> None:
        if not self._is_busy:
            self._is_busy = True
            warnings.warn(
                f"the index {self.path} is locked by another process: the scan goes on without it",
                DedupeWarning,
                stacklevel=4,
            )
            if self._connection is not None:  # from now on, no wait
                self._connection.execute("PRAGMA busy_timeout = 0")

    def _is_ours(self) -> bool:
        if self.path == default_index_path():
            return True
        with contextlib.suppress(OSError), self.path.open("rb") as file:
            return is_index(file.read(100))
        return False

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # SQLite alone would let others read it
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self._inode = _inode(self.path)
        connection = sqlite3.connect(self.path, timeout=_WAIT_S, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()  # lets go of its lock
            raise
        self._connection = connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        with connection:
            connection.execute("BEGIN")  # one view of a file that another scan may be creating
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application == APPLICATION_ID and version > _VERSION:
            raise IndexFileError(f"{self.path} was written by a newer dedupe; use another --index")
        if application != APPLICATION_ID and (application or tables):
            raise IndexFileError(f"{self.path} is not an index of dedupe; use another --index")
        if not tables or version < _VERSION:
            drop = _DROP_OLDER if version < _SAME_ROWS else ""
            connection.executescript(f"BEGIN IMMEDIATE; {drop} {_SCHEMA} COMMIT;")
        connection.execute("PRAGMA synchronous = NORMAL")
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not _is_busy(error):  # another scan is at work: it sets the mode
                raise

    def _error(self, why: object) -> IndexFileError:
        return IndexFileError(
            f"the index {self.path} cannot be used: {why}; "
            "choose another with --index, or scan with --no-index"
        )


def _inode(path: Path) -> int:
    return os.stat(path).st_ino


def _is_busy(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BUSY


def _is_damage(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python: a text, or the message itself, is not UTF-8
        return True
    return (code & 0xFF) in _DAMAGE or code == sqlite3.SQLITE_IOERR_SHORT_READ
