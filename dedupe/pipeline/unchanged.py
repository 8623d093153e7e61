"""Remember the result of a scan, and recall what the next scan of the same roots would repeat.

Names everything that a result depends on; does not know how it is formed.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from dedupe.files.digest import digest_bytes
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.index.embedding_index import EmbeddingIndex, StoredReport
from dedupe.index.protocol import Index
from dedupe.options import ScanOptions
from dedupe.pipeline.result import ComponentResult, Formed, Stored, format_formed
from dedupe.types import Group, ImageFile, Photo

_BY_VALUE = frozenset({"protect", "ignored"})  # options that name files; these count, not the names


class LastScan:
    """The result of the last scan of the same roots, if an index stores one."""

    def __init__(
        self, index: Index | None, roots: bytes, files: Sequence[ImageFile], choices: str
    ) -> None:
        """Prepare to recall or remember a result.

        Args:
            index: where results are stored; an index of another engine stores none.
            roots: name of what is scanned, see `dedupe.pipeline.stages.name_roots`.
            files: of the walk.
            choices: name of all else that the result depends on, see `name_choices`.
        """
        self._index = index if isinstance(index, EmbeddingIndex) else None
        self._roots = roots
        self.files = files
        self._choices = choices
        self._stored: Stored | None = None

    @property
    def is_stored(self) -> bool:
        """Whether results are stored."""
        return self._index is not None

    def find_digests(self) -> list[str]:
        """Return the digest of each file that the index contains unchanged; "" for others."""
        return self._index.find_digests(self.files) if self._index else [""] * len(self.files)

    def recall(self, digests: Sequence[str]) -> Formed | None:
        """Return the result of the last scan if it had the same contents; None if not.

        Args:
            digests: of each file; "" for files without a content, which change no result.
        """
        stored = self._index.find_report(self._roots) if self._index else None
        if stored is None:
            return None
        self._stored = Stored(stored.data, self.files, program=name_program())
        return self._stored.parse() if stored.name == self._name(digests) else None

    def recall_components(self, names: Sequence[str]) -> dict[str, ComponentResult]:
        """Return the results of components of the last scan, by name; call `recall` before."""
        return self._stored.find(names) if self._stored else {}

    def recall_star(self, name: str) -> list[Group]:
        """Return the groups of a star of the last scan, none if unknown; likewise."""
        return self._stored.find_star(name) if self._stored else []

    def remember(self, photos: Iterable[Photo], formed: Formed) -> None:
        """Store a result.

        Args:
            photos: the files with a content.
            formed: the result of their scan.

        Raises:
            IndexFileError: the index cannot be written.
        """
        if self._index is None:
            return
        found = {photo.path: photo.digest for photo in photos}
        name = self._name([found.get(file.path, "") for file in self.files])
        data = format_formed(formed, self._stored, program=name_program())
        self._index.remember_report(self._roots, StoredReport(name, data))

    def _name(self, digests: Sequence[str]) -> str:
        """Name everything that a result depends on."""
        lines = [
            f"{file.path}\0{file.root} {file.size} {file.mtime_ns} {digest}\0"
            for file, digest in zip(self.files, digests, strict=True)
            if digest
        ]
        return digest_bytes(os.fsencode("".join((self._choices, "\0", *lines))))


def name_setting(options: ScanOptions, *, limit: float) -> str:
    """Name the code and the options that the result of a scan depends on.

    Files, the encoder and choices about files have names of their own.

    Args:
        options: of the scan.
        limit: largest distance of a pair, in [0, 2].
    """
    chosen = options.duplicates
    values = [(f.name, getattr(chosen, f.name)) for f in fields(chosen) if f.name not in _BY_VALUE]
    return ascii((name_program(), values, limit, options.walk.max_pixels))


def name_choices(
    setting: str,
    *,
    ignored: IgnoredPairs,
    files: Sequence[ImageFile],
    is_protected: Callable[[str], bool] | None,
) -> str:
    """Name a setting with the choices of the user about files.

    Args:
        setting: see `name_setting`.
        ignored: pairs that are not duplicates.
        files: of the walk.
        is_protected: whether the file at a path is never a duplicate; None if none is.
    """
    protected = [file.path for file in files if is_protected(file.path)] if is_protected else []
    return ascii((setting, ignored.name, protected))


@functools.cache
def name_program() -> str:
    """Return a digest of the source files of this package: other code may form another result."""
    package = Path(__file__).parents[1]
    sources = sorted(package.rglob("*.py"))
    return digest_bytes(b"\0".join(path.read_bytes() for path in sources))
