"""Remember the result of a scan, and recall it if the next scan of the same roots would repeat it.

Names everything that a result depends on; does not know how it is formed.
"""

from __future__ import annotations

import functools
import json
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dedupe.files.digest import digest_bytes
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.index.embedding_index import EmbeddingIndex, StoredReport
from dedupe.index.protocol import Index
from dedupe.index.rows import format_facts, parse_facts
from dedupe.options import ScanOptions
from dedupe.types import Duplicate, Group, ImageFile, Photo, SearchStats, Skipped

_BY_VALUE = frozenset({"protect", "ignored"})  # options that name files; these count, not the names
_LEVEL = 1  # of zlib: a fifth of the size, at the cost of a tenth of the time to format the groups


@dataclass(frozen=True, slots=True)
class Formed:
    """The result of a scan, without the files that could not be read."""

    groups: tuple[Group, ...]  # without numbers and sidecars
    listed: tuple[Skipped, ...]  # low-detail and damaged files
    threshold: float  # largest distance to a keeper, in [0, 2]
    search: SearchStats
    images: int  # files with a content


class LastScan:
    """The result of the last scan of the same roots, if an index stores one."""

    def __init__(self, index: Index | None, roots: bytes, setting: str) -> None:
        """Prepare to recall or remember a result.

        Args:
            index: where results are stored; an index of another engine stores none.
            roots: name of what is scanned, see `dedupe.pipeline.stages.name_roots`.
            setting: name of all else but the files, see `name_setting`.
        """
        self._index = index if isinstance(index, EmbeddingIndex) else None
        self._roots = roots
        self._setting = setting

    def find_digests(self, files: Sequence[ImageFile]) -> list[str]:
        """Return the digest of each file that the index contains unchanged; "" for others."""
        return self._index.find_digests(files) if self._index else [""] * len(files)

    def recall(self, files: Sequence[ImageFile], digests: Sequence[str]) -> Formed | None:
        """Return the result of the last scan if it had the same contents; None if not.

        Args:
            files: of the walk.
            digests: of each file; "" for files without a content, which change no result.
        """
        stored = self._index.find_report(self._roots) if self._index else None
        if stored is None or stored.name != self._name(files, digests):
            return None
        return _parse(stored.data, files)

    def remember(self, files: Sequence[ImageFile], photos: Iterable[Photo], formed: Formed) -> None:
        """Store a result.

        Args:
            files: of the walk.
            photos: the files with a content.
            formed: the result of their scan.

        Raises:
            IndexFileError: the index cannot be written.
        """
        if self._index is None:
            return
        found = {photo.path: photo.digest for photo in photos}
        name = self._name(files, [found.get(file.path, "") for file in files])
        self._index.remember_report(self._roots, StoredReport(name, _format(formed)))

    def _name(self, files: Sequence[ImageFile], digests: Sequence[str]) -> str:
        """Name everything that a result depends on."""
        lines = [
            f"{file.path}\0{file.root} {file.size} {file.mtime_ns} {digest}\0"
            for file, digest in zip(files, digests, strict=True)
            if digest
        ]
        return digest_bytes(os.fsencode("".join((self._setting, "\0", *lines))))


def name_setting(
    options: ScanOptions,
    *,
    limit: float,
    ignored: IgnoredPairs,
    files: Sequence[ImageFile],
    is_protected: Callable[[str], bool] | None,
) -> str:
    """Name everything but the files and the encoder that the result of a scan depends on.

    Args:
        options: of the scan.
        limit: largest distance that the options and the encoder choose, in [0, 2].
        ignored: pairs that are not duplicates.
        files: of the walk.
        is_protected: whether the file at a path is never a duplicate; None if none is.
    """
    chosen = options.duplicates
    values = [(f.name, getattr(chosen, f.name)) for f in fields(chosen) if f.name not in _BY_VALUE]
    protected = [file.path for file in files if is_protected(file.path)] if is_protected else []
    limits = limit, options.walk.max_pixels
    return ascii((name_program(), values, limits, ignored.name, protected))


@functools.cache
def name_program() -> str:
    """Return a digest of the source files of this package: other code may form another result."""
    package = Path(__file__).parents[1]
    sources = sorted(package.rglob("*.py"))
    return digest_bytes(b"\0".join(path.read_bytes() for path in sources))


def _format(formed: Formed) -> bytes:
    value = {
        "groups": [_format_group(group) for group in formed.groups],
        "listed": [[skip.path, skip.reason, skip.detail] for skip in formed.listed],
        "threshold": formed.threshold,
        "search": [getattr(formed.search, field.name) for field in fields(SearchStats)],
        "images": formed.images,
    }
    return zlib.compress(json.dumps(value).encode(), _LEVEL)


def _parse(data: bytes, files: Sequence[ImageFile]) -> Formed:
    value = json.loads(zlib.decompress(data))
    by_path = {file.path: file for file in files}
    return Formed(
        tuple(_parse_group(by_path, *group) for group in value["groups"]),
        tuple(Skipped(*skip) for skip in value["listed"]),
        value["threshold"],
        SearchStats(*value["search"]),
        value["images"],
    )


def _format_group(group: Group) -> list[Any]:
    duplicates = [
        [_format_photo(d.photo), float(d.distance), d.kind, d.how, d.matrix, d.evidence]
        for d in group.duplicates
    ]
    return [_format_photo(group.keeper), duplicates, group.reason]


def _parse_group(
    files: dict[str, ImageFile], keeper: list[Any], duplicates: list[list[Any]], reason: str
) -> Group:
    found = (
        Duplicate(
            _parse_photo(files, *photo),
            *(distance, kind, how, None if matrix is None else tuple(matrix)),
            evidence=tuple((name, value) for name, value in evidence),
        )
        for photo, distance, kind, how, matrix, evidence in duplicates
    )
    return Group(_parse_photo(files, *keeper), tuple(found), reason)


def _format_photo(photo: Photo) -> list[Any]:
    size = photo.width, photo.height
    return [photo.path, *size, photo.format, photo.digest, format_facts(photo.facts)]


def _parse_photo(
    files: dict[str, ImageFile],
    path: str,
    width: int,
    height: int,
    form: str,
    digest: str,
    facts: str,
) -> Photo:
    return Photo(files[path], width, height, form, digest, parse_facts(facts))
