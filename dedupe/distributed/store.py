"""Parquet parts of embedded files: written whole by any node, read by all.

A part has the files of one task and their contents, under the encoder and the decoder that made
them. Its name depends on these files only, so that a task that is run again writes the same part.
"""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dedupe.distributed.parts import SUFFIX, create_folder, join, list_parts, open_part, write_part
from dedupe.errors import DedupeWarning, one_line
from dedupe.files.digest import digest_bytes
from dedupe.files.paths import StrPath
from dedupe.index.embedding_index import Content
from dedupe.index.rows import format_facts, parse_facts
from dedupe.types import ImageFile

_ROWS = 32  # in a row group: a thumbnail is read with 31 others, 160 kB
_HELD = 256  # row groups of thumbnails that a worker keeps, 40 MB
_LIGHT = (
    *("path", "size", "mtime_ns", "inode", "digest", "width", "height", "format"),
    *("detail", "facts", "vector", "panels"),
)
_State = tuple[bytes, int, int, str]  # path, size, mtime in ns, inode
Place = tuple[str, int]  # part, row group


@dataclass(slots=True)
class Parts:
    """What parts contain; see `dedupe.index.protocol.Index`."""

    files: dict[bytes, str] = field(default_factory=dict)  # digest, by the mark of the state
    contents: dict[str, Content] = field(default_factory=dict)  # by digest, without thumbnails
    places: dict[str, Place] = field(default_factory=dict)  # of thumbnails, by digest

    def find_files(self, files: Sequence[ImageFile]) -> dict[str, Content]:
        """Return the contents of the files that have not changed, by path."""
        found = ((file.path, self.files.get(_mark(_state(file)))) for file in files)
        return {path: self.contents[digest] for path, digest in found if digest is not None}


@dataclass(frozen=True, slots=True)
class PartStore:
    """The folder of parts of one encoder and one decoder."""

    folder: str

    @classmethod
    def open(cls, folder: StrPath, encoder: str, decoder: int) -> PartStore:
        """Return the store below a folder or URL, which is created.

        Raises:
            EngineError: it cannot be created.
        """
        return cls(create_folder(join(create_folder(folder), f"{encoder}-{decoder}")))

    def list_parts(self) -> list[str]:
        """Return the names of all parts, sorted."""
        return sorted(path.rpartition("/")[2] for path in list_parts(self.folder))

    def write(self, name: str, seen: Iterable[tuple[ImageFile, Content]]) -> None:
        """Write a part whole; replaces an earlier one of the same files.

        Raises:
            EngineError: it cannot be written.
        """
        write_part(self._path(name), _to_table(list(seen)), rows=_ROWS)

    def read(self, names: Iterable[str]) -> Parts:
        """Read parts, their thumbnails apart. A damaged part is left out with a warning."""
        parts = Parts()
        for name in names:
            try:
                with open_part(self._path(name)) as file:
                    for group in range(file.num_row_groups):
                        _add(parts, file.read_row_group(group, columns=_LIGHT), (name, group))
            except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
                warnings.warn(
                    f"the part {self._path(name)} cannot be used: {one_line(error)}; its files "
                    "are read again",
                    DedupeWarning,
                    stacklevel=2,
                )
        return parts

    def find_thumbnails(
        self, places: Mapping[str, Place], digests: Sequence[str]
    ) -> dict[str, bytes]:
        """Return thumbnails by digest; those of parts that cannot be read are missing."""
        found: dict[str, bytes] = {}
        for digest in digests:
            if digest in places:
                name, group = places[digest]
                thumbnail = _read_thumbnails(self._path(name), group).get(digest)
                if thumbnail:
                    found[digest] = thumbnail
        return found

    def _path(self, name: str) -> str:
        return join(self.folder, name[:2], name)  # a folder lists 1 of 256 parts


def name_part(files: Sequence[ImageFile]) -> str:
    """Return the name of the part of some files."""
    states = "\n".join(repr(_state(file)) for file in files)
    return digest_bytes(states.encode()) + SUFFIX


@functools.lru_cache(maxsize=_HELD)
def _read_thumbnails(path: str, group: int) -> dict[str, bytes]:
    """Return the thumbnails in a row group of a part, by digest."""
    try:
        with open_part(path) as file:
            table = file.read_row_group(group, columns=["digest", "thumbnail"])
    except (OSError, pa.ArrowException):
        return {}
    return dict(zip(table["digest"].to_pylist(), table["thumbnail"].to_pylist(), strict=True))


def _mark(state: _State) -> bytes:
    """Return 16 bytes for a state, which takes 240 in memory."""
    return bytes.fromhex(digest_bytes(repr(state).encode()))


def _state(file: ImageFile) -> _State:
    return os.fsencode(file.path), file.size, file.mtime_ns, str(file.inode)


def _to_table(seen: Sequence[tuple[ImageFile, Content]]) -> Any:
    """Return a part as an Arrow table, one row for each file."""
    states = [_state(file) for file, _ in seen]
    contents = [content for _, content in seen]
    return pa.table(
        {
            "path": pa.array([state[0] for state in states], pa.binary()),
            "size": pa.array([state[1] for state in states], pa.int64()),
            "mtime_ns": pa.array([str(state[2]) for state in states], pa.string()),
            "inode": pa.array([state[3] for state in states], pa.string()),
            "digest": pa.array([c.digest for c in contents], pa.string()),
            "width": pa.array([c.width for c in contents], pa.int64()),
            "height": pa.array([c.height for c in contents], pa.int64()),
            "format": pa.array([c.format for c in contents], pa.string()),
            "detail": pa.array([float(c.detail) for c in contents], pa.float64()),
            "facts": pa.array([format_facts(c.facts) for c in contents]),
            "vector": pa.array([c.vector.tobytes() for c in contents], pa.binary()),
            "panels": pa.array([c.panels for c in contents], pa.binary()),
            "thumbnail": pa.array([c.thumbnail for c in contents], pa.binary()),
        }
    )


def _add(parts: Parts, table: Any, place: Place) -> None:
    """Add the rows of a row group, (R, columns of `_LIGHT`)."""
    for row in table.to_pylist():
        digest = row["digest"]
        state = row["path"], row["size"], int(row["mtime_ns"]), row["inode"]
        if digest not in parts.contents:
            parts.contents[digest] = Content(
                *(digest, row["width"], row["height"], sys.intern(row["format"]), row["detail"]),
                np.frombuffer(row["vector"], np.float32),
                parse_facts(row["facts"]),
                panels=row["panels"],
            )
            parts.places[digest] = place
        parts.files[_mark(state)] = digest


def default_folder(index: Path) -> str:
    """Return the folder of the store beside an index."""
    return str(index.parent / "ray")
