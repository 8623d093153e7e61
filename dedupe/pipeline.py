"""The order of the stages: walk, embed, search, cluster, verify, report."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from dedupe.apply.sidecars import list_sidecars
from dedupe.decode.formats import (
    RAW_EXTENSIONS,
    supported_extensions,
    unsupported_extensions,
)
from dedupe.decode.image import DECODER_VERSION
from dedupe.embed import Embedded, embed_files
from dedupe.encoder.manifest import Encoder, Manifest, read_manifest
from dedupe.encoder.runtime import choose_engine, open_encoder
from dedupe.encoder.threshold import choose_threshold, narrow
from dedupe.errors import InputError, UsageError
from dedupe.files.paths import USER_FILE, StrPath, UserFile, is_below
from dedupe.group.cluster import cluster
from dedupe.group.keep import DEFAULT_RULES, arrange_files, order_contents
from dedupe.group.refine import Judge, RowPair, refine_groups
from dedupe.ignored import IgnoredPairs, find_ignored
from dedupe.index.embedding_index import EmbeddingIndex, default_index_path
from dedupe.keepers import Keepers
from dedupe.low_detail import list_low_detail
from dedupe.options import (
    InputOptions,
    RunOptions,
    ScanKeywords,
    ScanOptions,
    WalkOptions,
    build,
)
from dedupe.provenance.examiner import Examiner
from dedupe.search.candidates import find_candidates
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Found
from dedupe.types import (
    Contents,
    Group,
    ImageFile,
    Pairs,
    Progress,
    Report,
    Skipped,
    Star,
    Statistics,
    Verdict,
    no_progress,
)
from dedupe.verify.judge import SAME_FRACTION
from dedupe.verify.verifier import Verifier, load_every_pixel, load_pixels, load_thumbnail
from dedupe.walk import Walked, walk

DAMAGED = "damaged"  # reason of a file that was decoded with a warning


def scan(
    *roots: StrPath,
    on_progress: Progress = no_progress,
    **options: Unpack[ScanKeywords],
) -> Report:
    """Find near-duplicate images below `roots`. Changes no photo.

    The same input gives the same report, for any number of workers and any state of the index.

    Args:
        roots: folders and files.
        on_progress: called as stages advance.
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
    return find_duplicates(roots, build(ScanOptions, options), on_progress=on_progress)


def find_duplicates(
    roots: Sequence[StrPath], options: ScanOptions, *, on_progress: Progress = no_progress
) -> Report:
    """Find near-duplicate images below `roots`, as `scan` does, with options as a value."""
    began = time.perf_counter()
    files, chosen, run = options.walk, options.duplicates, options.run
    manifest = _read_manifest(run)
    limit = choose_threshold(manifest, chosen.sensitivity, chosen.threshold, verify=chosen.verify)
    is_protected = _protection(chosen.protect)
    ignored = find_ignored(chosen.ignored)
    walked = _walk(roots, files)
    on_progress("walk", len(walked.files), len(walked.files))
    with _open_index(run.index, manifest.fingerprint) as index:
        embedded = embed_files(
            walked.files,
            manifest=manifest,
            open_encoder=lambda: _open_encoder(run),
            index=index,
            workers=run.workers,
            max_pixels=files.max_pixels,
            on_progress=on_progress,
        )
        contents = arrange_files(embedded.contents, chosen.keep, is_protected)
        if chosen.verify and chosen.threshold is None and not chosen.sensitivity:
            limit = narrow(manifest, contents.files)
        found = find_pairs(
            contents,
            chosen.keep,
            limits=SearchLimits(limit, SAME_FRACTION * limit if chosen.verify else limit),
            index=index,
            roots=roots,
            workers=run.workers,
            on_progress=on_progress,
        )
        verifier = _open_verifier(contents, options, side=manifest.side, index=index)
        groups = group_pairs(
            contents,
            found.pairs,
            chosen.keep,
            threshold=limit,
            ignored=ignored,
            judge=verifier.judge if chosen.verify else None,
            examiner=Examiner(max_pixels=files.max_pixels, remembered=index),
            workers=run.workers,
            on_progress=on_progress,
        )
    grouped = {photo.path for group in groups for photo in group.photos}
    return Report(
        groups=_number(list_sidecars(g for g in groups if not chosen.across or _spans_roots(g))),
        skipped=(
            *walked.skipped,
            *embedded.skipped,
            *list_low_detail(contents, grouped),
            *_list_damaged(contents),
        ),
        encoder=manifest.fingerprint,
        threshold=limit,
        statistics=Statistics(
            contents.files,
            embedded.reused,
            time.perf_counter() - began,
            _empty_roots(roots, walked.files),
            found.stats,
        ),
    )


def embed_images(
    *roots: StrPath,
    on_progress: Progress = no_progress,
    **options: Unpack[ScanKeywords],
) -> Embedded:
    """Embed every image below `roots`. Changes no photo.

    Args:
        roots: folders and files.
        on_progress: called as the stages `walk` and `embed` advance.
        options: fields of `dedupe.options.ScanOptions`; those of `WalkOptions` and `RunOptions`
            have an effect.

    Returns:
        One row for each content: `contents.vectors` is (U, D) float32, each row of norm 1;
        `contents.photos` lists the files of each row; `skipped` lists the files without a vector.

    Raises:
        UsageError, InputError, EncoderError, IndexFileError: as `scan`.
    """
    if not InputOptions(roots=roots).roots:
        raise UsageError("give one folder or file at least: dedupe.embed_images('photos')")
    chosen = build(ScanOptions, options)
    run = chosen.run
    manifest = _read_manifest(run)
    walked = _walk(roots, chosen.walk)
    on_progress("walk", len(walked.files), len(walked.files))
    with _open_index(run.index, manifest.fingerprint) as index:
        embedded = embed_files(
            walked.files,
            manifest=manifest,
            open_encoder=lambda: _open_encoder(run),
            index=index,
            workers=run.workers,
            max_pixels=chosen.walk.max_pixels,
            on_progress=on_progress,
        )
    return replace(embedded, skipped=(*walked.skipped, *embedded.skipped))


def _walk(roots: Sequence[StrPath], files: WalkOptions) -> Walked:
    return walk(
        roots,
        include=files.include,
        exclude=files.exclude,
        hidden=files.hidden,
        follow_symlinks=files.follow_symlinks,
        min_size=files.min_size,
        max_depth=files.max_depth,
        one_file_system=files.one_file_system,
        extensions=supported_extensions(),
        sidecars=RAW_EXTENSIONS,
        unsupported=unsupported_extensions(),
    )


def _empty_roots(roots: Sequence[StrPath], files: Sequence[ImageFile]) -> tuple[str, ...]:
    """Return the roots, absolute, that are no image and have none below them."""
    used = {file.root for file in files}
    unused = (os.path.abspath(os.fspath(r)) for at, r in enumerate(roots) if at not in used)
    return tuple(  # a root inside another one, or given twice, has files of an earlier root
        root
        for root in unused
        if not any(file.path == root or is_below(file.path, root) for file in files)
    )


def find_pairs(
    contents: Contents,
    rules: Sequence[str] = DEFAULT_RULES,
    *,
    limits: SearchLimits,
    index: EmbeddingIndex | None = None,
    roots: Sequence[StrPath] = (),
    workers: int | None = None,
    on_progress: Progress = no_progress,
) -> Found:
    """Find the pairs of contents that may be copies.

    Args:
        contents: U contents, their files in the order of the rules.
        rules: keep rules: the best row of a dense neighbourhood represents the others.
        limits: largest distance of a pair, and how many pairs of a content are listed.
        index: contains the pairs of the last scan of `roots`; None for none.
        roots: names what is scanned.
        workers: threads; None for one per core.
        on_progress: called as ("search", contents just searched, U).

    Raises:
        IndexFileError: the index cannot be read or written.
    """
    return find_candidates(
        contents,
        limits=limits,
        choose_order=lambda: order_contents(contents, rules),
        index=index,
        roots=b"\0".join(os.fsencode(os.path.realpath(root)) for root in roots),
        workers=workers,
        on_progress=on_progress,
    )


def group_pairs(
    contents: Contents,
    pairs: Pairs,
    rules: Sequence[str] = DEFAULT_RULES,
    *,
    threshold: float = 2.0,
    ignored: IgnoredPairs | None = None,
    judge: Judge | None = None,
    examiner: Examiner | None = None,
    workers: int | None = None,
    on_progress: Progress = no_progress,
) -> tuple[Group, ...]:
    """Group contents around keepers, verifying each pair of a keeper and a duplicate.

    Args:
        contents: U contents, their files in the order of the rules.
        pairs: contents that may be copies.
        rules: keep rules, the first one decides first.
        threshold: largest distance to a keeper, in [0, 2].
        ignored: pairs that are not duplicates; None for none.
        judge: returns the verdicts on pairs of rows; None to trust the distance.
        examiner: measures the evidence on groups; None for one without an index.
        workers: threads; None for one per core.
        on_progress: called as ("verify", pairs just verified, pairs known to need verification)
            and ("keep", groups just finished, groups).

    Returns:
        Groups in the order of their keepers' paths.
    """
    if ignored is not None:
        pairs = ignored.drop_from(pairs, contents.digests)
    order = order_contents(contents, rules, _involved(contents, pairs))
    pixels = _pixels(contents, rules)

    def form_stars(some: Pairs, rows: NDArray[np.bool_]) -> list[Star]:
        return cluster(some, contents, order[rows[order]], pixels=pixels)

    verdicts: dict[RowPair, Verdict] = {}
    if judge is None:
        stars = form_stars(pairs, np.ones(len(contents), bool))
    else:
        stars, verdicts = refine_groups(
            pairs,
            len(contents),
            form_stars=form_stars,
            judge=judge,
            same_radius=-1.0,  # other pages of text are as near as 0.03 of the threshold
            on_progress=on_progress,
        )
    keepers = Keepers(
        contents,
        rules,
        threshold=threshold,
        ignored=ignored,
        judge=judge,
        examiner=examiner or Examiner(),
    )
    groups = keepers.form_groups(stars, verdicts, workers=workers, on_progress=on_progress)
    return tuple(sorted(groups, key=lambda group: os.fsencode(group.keeper.path)))


def _read_manifest(run: RunOptions) -> Manifest:
    if isinstance(run.encoder, str | os.PathLike):
        return read_manifest(Path(run.encoder), choose_engine(run.device, run.runtime))
    return run.encoder.manifest


def _open_encoder(run: RunOptions) -> Encoder:
    if not isinstance(run.encoder, str | os.PathLike):
        return run.encoder
    return open_encoder(
        Path(run.encoder), device=run.device, runtime=run.runtime, batch_size=run.batch_size
    )


def _open_index(
    index: StrPath | UserFile | None, fingerprint: str
) -> contextlib.AbstractContextManager[EmbeddingIndex | None]:
    if index is None:
        return contextlib.nullcontext()
    path = default_index_path() if index is USER_FILE else Path(index)
    return EmbeddingIndex(path, encoder=fingerprint, decoder=DECODER_VERSION)


def _open_verifier(
    contents: Contents, options: ScanOptions, *, side: int, index: EmbeddingIndex | None
) -> Verifier:
    """Return what judges rows of the contents, by the first file of each."""
    limit = options.walk.max_pixels
    return Verifier(
        [photos[0] for photos in contents.photos],
        load=functools.partial(load_pixels, max_pixels=limit),
        load_thumbnail=functools.partial(load_thumbnail, side=side, max_pixels=limit),
        load_fine=functools.partial(load_every_pixel, max_pixels=limit),
        workers=options.run.workers,
        remembered=index,
    )


def _number(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Number groups from 1 in their order, as a written report does."""
    return tuple(replace(group, number=number) for number, group in enumerate(groups, start=1))


def _protection(places: Sequence[StrPath]) -> Callable[[str], bool] | None:
    """Return whether a photo at a path lies at or below one of the places; None if none does.

    Raises:
        InputError: a place does not exist: a typing error must not go unnoticed.
    """
    for place in places:
        if not os.path.exists(place):
            raise InputError(f"cannot protect {os.fspath(place)!r}: it does not exist")
    if not places:
        return None
    real_places = [os.path.realpath(os.fsdecode(place)) for place in places]
    inside = tuple(os.path.join(place, "") for place in real_places)
    resolve = functools.cache(os.path.realpath)  # once for each folder

    def is_protected(path: str) -> bool:
        folder, name = os.path.split(path)
        real = os.path.join(resolve(folder), name)
        return real in real_places or real.startswith(inside)

    return is_protected


def _involved(contents: Contents, pairs: Pairs) -> NDArray[np.int64]:
    """Return the (R,) rows that a group can contain: those of pairs and those of several files."""
    several = np.fromiter((len(files) > 1 for files in contents.photos), bool, len(contents))
    return np.unique(np.concatenate([pairs.left, pairs.right, np.flatnonzero(several)]))


def _pixels(contents: Contents, rules: Sequence[str]) -> NDArray[np.int64] | None:
    """Return (U,) sizes that limit what a smaller keeper takes, if the rules keep most pixels."""
    if rules[:1] != ("most-pixels",):
        return None
    return np.array([files[0].pixels for files in contents.photos], np.int64)


def _list_damaged(contents: Contents) -> tuple[Skipped, ...]:
    """List the files that were decoded with a warning, in the order of their paths."""
    damaged = (p for files in contents.photos if files[0].facts.damage for p in files)
    return tuple(
        Skipped(photo.path, DAMAGED, photo.facts.damage)
        for photo in sorted(damaged, key=lambda photo: os.fsencode(photo.path))
    )


def _spans_roots(group: Group) -> bool:
    return any(d.photo.file.root != group.keeper.file.root for d in group.duplicates)
