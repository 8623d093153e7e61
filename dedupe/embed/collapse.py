"""Collapse files with the same bytes to one content, in the order of the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dedupe.index.embedding_index import Content
from dedupe.index.rows import split_panels
from dedupe.low_detail import MIN_DETAIL
from dedupe.types import Contents, ImageFile, Panels, Photo, Skipped

Outcome = str | Skipped
"""The digest of a file that was read, or why it was not."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The contents of files, and the files that could not be used."""

    contents: Contents
    skipped: tuple[Skipped, ...]  # in the order of the files
    reused: int = 0  # files that came from the index without being decoded


def collapse(
    files: Sequence[ImageFile],
    outcomes: Mapping[str, Outcome],
    contents: Mapping[str, Content | Skipped],
    dimension: int,
    *,
    reused: int,
) -> Embedded:
    """Collect the files of each content, in the order of the files.

    Args:
        files: all files.
        outcomes: of each file, by path.
        contents: by digest; Skipped if its pixels cannot be decoded.
        dimension: of a vector.
        reused: files that came from the index.
    """
    rows: dict[str, int] = {}  # by digest
    found: list[Content] = []
    photos: list[list[Photo]] = []
    skipped: list[Skipped] = []
    for file in files:
        outcome = outcomes[file.path]
        content = outcome if isinstance(outcome, Skipped) else contents[outcome]
        if isinstance(content, Skipped):
            skipped.append(replace(content, path=file.path))
            continue
        row = rows.setdefault(content.digest, len(rows))
        if row == len(found):
            found.append(content)
            photos.append([])
        c = found[row]
        photos[row].append(Photo(file, c.width, c.height, c.format, c.digest, c.facts))
    del contents  # of a caller that keeps none, each vector is freed when it was copied
    low_detail = np.array([content.detail < MIN_DETAIL for content in found], bool)
    panels = _collect_panels(found, dimension)
    collapsed = Contents(
        digests=tuple(rows),
        vectors=_take_vectors(found, dimension),
        photos=tuple(map(tuple, photos)),
        low_detail=low_detail,
        protected=np.zeros(len(low_detail), np.int64),
        panels=panels,
    )
    return Embedded(collapsed, tuple(skipped), reused)


def _take_vectors(contents: list[Content], dimension: int) -> NDArray[np.float32]:
    """Return the (U, D) vectors of contents, which leave the list one by one."""
    vectors = np.empty((len(contents), dimension), np.float32)  # unwritten pages take no memory
    for row in reversed(range(len(contents))):
        vectors[row] = contents.pop().vector
    return vectors


def _collect_panels(contents: Sequence[Content], dimension: int) -> Panels | None:
    """Return the panels of contents; None if they have none."""
    rows = [row for row, content in enumerate(contents) if content.panels]
    if not rows:
        return None
    parts = [split_panels(contents[row].panels, dimension) for row in rows]
    return Panels(
        np.repeat(np.array(rows, np.int64), [len(boxes) for boxes, _ in parts]),
        np.concatenate([boxes for boxes, _ in parts]),
        np.concatenate([vectors for _, vectors in parts]),
    )
