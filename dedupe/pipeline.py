"""The order of the stages, and nothing else: walk, embed, search, cluster, verify, report."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from dedupe.decode.formats import supported_extensions
from dedupe.decode.image import DECODER_VERSION
from dedupe.embed import embed_files
from dedupe.encoder.manifest import read_manifest
from dedupe.encoder.runtime import choose_engine, open_encoder
from dedupe.encoder.threshold import choose_threshold, narrow
from dedupe.errors import InputError, UsageError
from dedupe.files.paths import USER_FILE, StrPath, UserFile, is_below
from dedupe.group.cluster import cluster, find_involved
from dedupe.group.keep import explain_choice, order_photos
from dedupe.group.refine import Judge, RowPair, confirm_stars
from dedupe.ignored import IgnoredPairs, find_ignored
from dedupe.index.embedding_index import EmbeddingIndex, default_index_path
from dedupe.low_detail import list_plain
from dedupe.options import InputOptions, ScanKeywords, ScanOptions, build
from dedupe.search.candidates import find_candidates
from dedupe.search.search import Searched
from dedupe.types import (
    Duplicate,
    Embeddings,
    Group,
    Kind,
    Pairs,
    Photo,
    Report,
    Skipped,
    Star,
    Statistics,
    Verdict,
)
from dedupe.verify.judge import SURE
from dedupe.verify.verifier import Verifier, load_pixels
from dedupe.walk import walk

DAMAGED = "damaged"  # reason of a file that was decoded with a warning

Stage = Literal["walk", "embed", "search", "verify"]
OnProgress = Callable[[Stage, int, int], None]  # stage, just done, of how many


def scan(
    *roots: StrPath,
    on_progress: OnProgress = lambda _stage, _done, _total: None,
    on_searched: Callable[[Searched], None] = lambda _: None,
    **options: Unpack[ScanKeywords],
) -> Report:
    """Find near-duplicate images below `roots`. Changes no photo.

    The same input gives the same report, for any number of workers and any state of the index.

    Args:
        roots: folders and files.
        on_progress: called as stages advance.
        on_searched: called with how the pairs were found, see `dedupe.search.search.Searched`.
        options: fields of `dedupe.options.ScanOptions`, which documents each.

    Raises:
        UsageError: no roots, or an option is unknown or out of range.
        InputError: a root or a protected path does not exist, or the file of ignored pairs is
            damaged.
        EncoderError: the encoder cannot be used.
        IndexFileError: the index cannot be used.
    """
    if not InputOptions(roots=roots).roots:
        raise UsageError("scan needs one folder or file at least: dedupe.scan('photos')")
    return find_duplicates(
        roots, build(ScanOptions, options), on_progress=on_progress, on_searched=on_searched
    )


def find_duplicates(
    roots: Sequence[StrPath],
    options: ScanOptions,
    *,
    on_progress: OnProgress = lambda _stage, _done, _total: None,
    on_searched: Callable[[Searched], None] = lambda _: None,
) -> Report:
    """Find near-duplicate images below `roots`, as `scan` does, with options as a value."""
    files, run = options.walk, options.run
    rules, across = options.duplicates.keep, options.duplicates.across
    verify = options.duplicates.verify
    sensitivity, threshold = options.duplicates.sensitivity, options.duplicates.threshold
    began = time.perf_counter()
    manifest = read_manifest(Path(run.encoder), choose_engine(run.device, run.runtime))
    limit = choose_threshold(manifest, sensitivity, threshold, verify=verify)
    places = _resolve(options.duplicates.protect)
    apart = find_ignored(options.duplicates.ignored)
    found = walk(
        roots,
        include=files.include,
        exclude=files.exclude,
        hidden=files.hidden,
        follow_symlinks=files.follow_symlinks,
        min_size=files.min_size,
        max_depth=files.max_depth,
        one_file_system=files.one_file_system,
        extensions=supported_extensions(),
    )
    on_progress("walk", len(found.files), len(found.files))
    with _open_index(run.index, manifest.fingerprint) as opened:
        embeddings = embed_files(
            found.files,
            manifest=manifest,
            open_encoder=lambda: open_encoder(
                Path(run.encoder),
                device=run.device,
                runtime=run.runtime,
                batch_size=run.batch_size,
            ),
            index=opened,
            workers=run.workers,
            max_pixels=files.max_pixels,
            on_files=lambda done: on_progress("embed", done, len(found.files)),
        )
        photos = embeddings.photos
        if verify and threshold is None and not sensitivity:
            limit = narrow(manifest, len(photos))
        protected = _protected_rows(photos, places)
        verifier = Verifier(
            photos,
            load=functools.partial(load_pixels, max_pixels=files.max_pixels),
            workers=run.workers,
            remembered=opened,
        )
        candidates = find_candidates(
            embeddings,
            threshold=limit,
            alike=SURE * limit if verify else limit,
            choose_order=lambda: _order(photos, rules, protected),
            index=opened,
            roots=b"\0".join(os.fsencode(os.path.realpath(root)) for root in roots),
            workers=run.workers,
            on_rows=lambda done: on_progress("search", done, len(photos)),
            on_searched=on_searched,
        )
        stars, verdicts = _form_stars(
            candidates,
            embeddings,
            limit,
            rules,
            protected,
            apart,
            verifier.judge if verify else None,
            on_progress,
        )
    groups = [_to_group(star, photos, verdicts, rules, protected) for star in stars]
    plain = list_plain(embeddings, {row for star in stars for row in _rows(star)})
    return Report(
        groups=tuple(group for group in groups if not across or _spans_roots(group)),
        skipped=(*found.skipped, *embeddings.skipped, *plain, *_list_damaged(photos)),
        encoder=manifest.fingerprint,
        threshold=limit,
        statistics=Statistics(
            len(photos),
            embeddings.reused,
            time.perf_counter() - began,
            _empty_roots(roots, [file.path for file in found.files]),
        ),
    )


def _empty_roots(roots: Sequence[StrPath], paths: Sequence[str]) -> tuple[str, ...]:
    """Return the roots, absolute, that are no image and have none below them."""
    absolute = [os.path.abspath(os.fspath(root)) for root in roots]
    return tuple(
        root for root in absolute if not any(path == root or is_below(path, root) for path in paths)
    )


def _order(
    photos: Sequence[Photo],
    rules: Sequence[str],
    protected: frozenset[int],
    rows: Sequence[int] | None = None,
) -> list[int]:
    return order_photos(photos, rules, protected={photos[row].path for row in protected}, rows=rows)


def _form_stars(
    candidates: Pairs,
    embeddings: Embeddings,
    limit: float,
    rules: Sequence[str],
    protected: frozenset[int],
    apart: IgnoredPairs,
    judge: Judge | None,
    on_progress: OnProgress,
) -> tuple[list[Star], dict[RowPair, Verdict]]:
    """Cluster and, with a judge, verify; also return the verdicts on (keeper, duplicate)."""
    photos = embeddings.photos
    digests = [photo.digest for photo in photos]
    pairs = apart.drop_from(candidates, digests)
    order = np.array(_order(photos, rules, protected, find_involved(pairs, digests)), np.int64)
    sizes = _pixels(embeddings, rules)
    facts = [photo.facts for photo in photos]

    def form_stars(some: Pairs, among: NDArray[np.bool_]) -> list[Star]:
        rows = order[among[order]].tolist()
        return cluster(some, digests, rows, protected=protected, pixels=sizes, facts=facts)

    if judge is None:
        return form_stars(pairs, np.ones(len(photos), bool)), {}
    return confirm_stars(
        pairs,
        photos,
        form_stars=form_stars,
        judge=judge,
        sure=SURE * limit,
        on_pairs=lambda done, total: on_progress("verify", done, total),
    )


def _open_index(
    index: StrPath | UserFile | None, fingerprint: str
) -> contextlib.AbstractContextManager[EmbeddingIndex | None]:
    if index is None:
        return contextlib.nullcontext()
    path = default_index_path() if index is USER_FILE else Path(index)
    return EmbeddingIndex(path, encoder=f"{fingerprint}/{DECODER_VERSION}")


def _resolve(protect: Sequence[StrPath]) -> list[str]:
    """Return the real paths of what is to be protected; a typing error must not go unnoticed."""
    for place in protect:
        if not os.path.exists(place):
            raise InputError(f"cannot protect {os.fspath(place)!r}: it does not exist")
    return [os.path.realpath(os.fsdecode(place)) for place in protect]


def _protected_rows(photos: Sequence[Photo], places: Sequence[str]) -> frozenset[int]:
    """Rows of the photos that lie at or below one of the real paths."""
    if not places:
        return frozenset()
    inside = tuple(os.path.join(place, "") for place in places)
    resolve = functools.cache(os.path.realpath)  # asked once per folder

    def is_protected(path: str) -> bool:
        folder, name = os.path.split(path)
        real = os.path.join(resolve(folder), name)
        return real in places or real.startswith(inside)

    return frozenset(row for row, photo in enumerate(photos) if is_protected(photo.path))


def _pixels(embeddings: Embeddings, rules: Sequence[str]) -> NDArray[np.int64] | None:
    """Sizes that no smaller keeper may take away, where the user asked to keep the most pixels."""
    if rules[:1] != ("most-pixels",):
        return None
    return np.array([photo.pixels for photo in embeddings.photos], np.int64)


def _to_group(
    star: Star,
    photos: Sequence[Photo],
    verdicts: Mapping[RowPair, Verdict],
    rules: Sequence[str],
    protected: frozenset[int],
) -> Group:
    keeper = photos[star.keeper]
    duplicates = tuple(
        Duplicate(
            photo=photos[row],
            distance=distance,
            kind=_kind(keeper, photos[row], how := _how(verdicts.get((star.keeper, row)))),
            how=how,
        )
        for row, distance in star.duplicates
    )
    others = [duplicate.photo for duplicate in duplicates]
    kept = {keeper.path} if star.keeper in protected else set()
    return Group(keeper, duplicates, explain_choice(keeper, others, rules, kept))


def _list_damaged(photos: Sequence[Photo]) -> tuple[Skipped, ...]:
    """List the files that were decoded with a warning."""
    damaged = (photo for photo in photos if photo.facts.damage)
    return tuple(Skipped(photo.path, DAMAGED, photo.facts.damage) for photo in damaged)


def _how(verdict: Verdict | None) -> str:
    return verdict.how if verdict else ""


def _kind(keeper: Photo, other: Photo, how: str) -> Kind:
    if other.digest == keeper.digest:
        return "exact"
    return "edited" if how else "same"


def _rows(star: Star) -> tuple[int, ...]:
    return (star.keeper, *(row for row, _ in star.duplicates))


def _spans_roots(group: Group) -> bool:
    return any(d.photo.file.root != group.keeper.file.root for d in group.duplicates)
