"""Find the images of some folders that are nearest to one image, and verify them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np

from dedupe.errors import InputError, UsageError
from dedupe.files.paths import StrPath
from dedupe.options import RunOptions, ScanKeywords
from dedupe.pipeline import embed_images
from dedupe.pipeline.resources import open_index, open_manifest
from dedupe.types import Contents, Photo, Progress, Verdict, no_progress
from dedupe.verify.verifier import Verifier

_SPARE = 64  # stored files that are read beside those wanted: some repeat, changed or are gone
_RUN = frozenset(RunOptions.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A content near an image."""

    photos: tuple[Photo, ...]  # its files, in the order of their paths
    distance: float  # to the image, Euclidean, in [0, 2]; 0 for the same bytes
    is_copy: bool | None  # the verdict of verification; None if it was not verified
    how: str = ""  # the edits that lead from the image to the neighbour, if it is a copy


def find_neighbours(
    image: StrPath,
    *roots: StrPath,
    count: int = 10,
    indexed: bool = False,
    on_progress: Progress = no_progress,
    **options: Unpack[ScanKeywords],
) -> tuple[Neighbour, ...]:
    """Find the images below `roots` that are nearest to an image, at any distance.

    Embeddings come from the index if it contains them. The file of the image itself is left out;
    other files with its bytes have distance 0.

    Args:
        image: file of an image, which need not lie below the roots.
        roots: folders and files.
        count: contents to return, at least 1; fewer if there are fewer.
        indexed: search the files that earlier scans put into the index, without listing a folder;
            `WalkOptions` have no effect. Fast, and blind to files that are new since.
        on_progress: called as stages advance.
        options: fields of `dedupe.options.ScanOptions`; `verify=False` leaves out verification.

    Returns:
        The nearest contents, ascending by distance, then by path.

    Raises:
        InputError: the image cannot be read.
        UsageError, EncoderError, IndexFileError: as `dedupe.pipeline.scan`.
    """
    if type(count) is not int or count < 1:
        raise UsageError(f"count must be a whole number, at least 1, not {count!r}")
    path = os.path.abspath(os.fspath(image))
    alone = {name: value for name, value in options.items() if name in _RUN}
    query = embed_images(path, **alone)  # type: ignore[arg-type]
    if not len(query.contents):
        detail = query.skipped[0].reason if query.skipped else "it is not an image"
        raise InputError(f"cannot read {path}: {detail}")
    if indexed:
        folders = [os.path.abspath(os.fspath(root)) for root in roots]
        roots = _find_indexed(query.contents, folders, count, options)
    contents = query.contents
    if roots:
        contents = embed_images(*roots, on_progress=on_progress, **options).contents
    distances = _distances(contents, query.contents)
    others = [_others(photos, path) for photos in contents.photos]
    rows = [row for row in range(len(contents)) if others[row]]
    rows = sorted(rows, key=lambda row: (distances[row], os.fsencode(others[row][0].path)))[:count]
    verdicts: dict[str, Verdict] = {}
    if options.get("verify", True):
        firsts = [others[row][0] for row in rows]
        verdicts = _verify(query.contents.photos[0][0], firsts, options.get("workers"))
    return tuple(
        _neighbour(others[row], distances[row], verdicts.get(contents.digests[row])) for row in rows
    )


def _find_indexed(
    query: Contents, folders: Sequence[str], count: int, options: ScanKeywords
) -> tuple[str, ...]:
    """Return the stored files nearest to a query that are still there."""
    run = RunOptions(**{n: v for n, v in options.items() if n in _RUN})  # type: ignore[arg-type]
    if run.index is None:
        raise UsageError("indexed needs an index: leave index=None out")
    with open_index(run.index, open_manifest(run).fingerprint) as index:
        found = index.find_nearest(query.vectors[0], folders, _SPARE + 2 * count) if index else []
    return tuple(path for path in found if os.path.isfile(path))


def _verify(image: Photo, photos: list[Photo], workers: int | None) -> dict[str, Verdict]:
    """Return the verdict on the image and each photo, by digest; the same bytes are a copy."""
    judged = Verifier([image, *photos], workers=workers).judge(
        [(0, position) for position in range(1, len(photos) + 1)]
    )
    verdicts = {photo.digest: verdict for photo, verdict in zip(photos, judged, strict=True)}
    return verdicts | {image.digest: Verdict(is_copy=True, score=1.0)}


def _neighbour(photos: tuple[Photo, ...], distance: float, verdict: Verdict | None) -> Neighbour:
    if verdict is None:
        return Neighbour(photos, distance, None)
    return Neighbour(photos, distance, verdict.is_copy, verdict.how if verdict.is_copy else "")


def _distances(contents: Contents, query: Contents) -> list[float]:
    """Return (U,) Euclidean distances of the contents to the first content of the query."""
    difference = contents.vectors.astype(np.float64) - query.vectors[0]  # (U, D)
    distances = np.sqrt(np.sum(difference * difference, axis=1)).round(6)
    same = [digest == query.digests[0] for digest in contents.digests]
    return [0.0 if equal else float(d) for equal, d in zip(same, distances, strict=True)]


def _others(photos: tuple[Photo, ...], path: str) -> tuple[Photo, ...]:
    return tuple(photo for photo in photos if photo.path != path)
