"""The order of the stages: walk, embed, search, verify, group, keep, report."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Unpack

from dedupe.apply.sidecars import list_sidecars
from dedupe.embed import Embedded
from dedupe.encoder.manifest import Manifest
from dedupe.encoder.threshold import choose_threshold, narrow
from dedupe.errors import UsageError
from dedupe.files.paths import StrPath
from dedupe.group.keep import arrange_files
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.ignored.store import find_ignored
from dedupe.low_detail import list_low_detail
from dedupe.options import InputOptions, ScanKeywords, ScanOptions
from dedupe.pipeline.damage import find_damage
from dedupe.pipeline.enclosures import open_enclosures
from dedupe.pipeline.engine import Engine, OpenEngine, open_local_engine
from dedupe.pipeline.resources import (
    find_protection,
    list_empty_roots,
    open_manifest,
    walk_inputs,
)
from dedupe.pipeline.stages import name_roots
from dedupe.pipeline.unchanged import Formed, LastScan, name_setting
from dedupe.search.limits import EXACT_UP_TO, SearchLimits
from dedupe.setting import build
from dedupe.types import (
    Contents,
    Group,
    ImageFile,
    Photo,
    Progress,
    Report,
    Skipped,
    Statistics,
    no_progress,
)
from dedupe.verify.judge import SAME_FRACTION

DAMAGED = "damaged"  # reason of a file that was decoded with a warning


def scan(
    *roots: StrPath,
    files_from: StrPath | None = None,
    on_progress: Progress = no_progress,
    **options: Unpack[ScanKeywords],
) -> Report:
    """Find near-duplicate images below `roots`. Changes no photo.

    The same input gives the same report, for any number of workers, with or without an index. An
    index of other contents as well can change the score or the words of a composed verdict.

    Args:
        roots: folders and files.
        files_from: a list of more files, see `dedupe.walk.read_list`; a missing one is skipped.
        on_progress: called as stages advance.
        options: fields of `dedupe.options.ScanOptions`, which documents each.

    Raises:
        UsageError: no roots, or an option is unknown or out of range.
        InputError: a root or a protected path does not exist, the list of files cannot be read,
            or the file of ignored pairs is damaged.
        EncoderError: the encoder cannot be used.
        IndexFileError: the index cannot be used.
    """
    inputs = InputOptions(roots=roots, files_from=files_from)
    if inputs.is_empty:
        raise UsageError("scan needs one folder or file at least: dedupe.scan('photos')")
    return find_duplicates(inputs, build(ScanOptions, options), on_progress=on_progress)


def find_duplicates(
    inputs: InputOptions,
    options: ScanOptions,
    *,
    open_engine: OpenEngine = open_local_engine,
    on_progress: Progress = no_progress,
) -> Report:
    """Find near-duplicate images, as `scan` does, with options as values.

    Args:
        inputs: what is scanned.
        options: how.
        open_engine: opens what runs the stages; the report is the same for each.
        on_progress: as in `scan`.
    """
    began = time.perf_counter()
    chosen = options.duplicates
    manifest = open_manifest(options.run)
    limit = choose_threshold(manifest, chosen.sensitivity, chosen.threshold, verify=chosen.verify)
    is_protected = find_protection(chosen.protect)
    ignored = find_ignored(chosen.ignored)
    walked = walk_inputs(inputs, options.walk, pairs=chosen.pairs)
    on_progress("walk", len(walked.files), len(walked.files))
    setting = name_setting(
        options, limit=limit, ignored=ignored, files=walked.files, is_protected=is_protected
    )
    with open_engine(inputs, options, manifest) as engine:
        last = LastScan(engine.index, name_roots(inputs.places), setting)
        recalled = _recall(last, walked.files, engine, on_progress)
        if recalled is None:
            embedded = engine.embed(walked.files, on_progress)
            contents = arrange_files(embedded.contents, chosen.keep, is_protected)
            formed = _form(contents, options, engine, manifest, limit, ignored, on_progress)
            photos = (photo for files in contents.photos for photo in files)
            last.remember(walked.files, photos, formed)
            unread, reused = embedded.skipped, embedded.reused
        else:
            formed, unread = recalled
            reused = formed.images
    return Report(
        groups=_number(list_sidecars(formed.groups)),
        skipped=(*walked.skipped, *unread, *formed.listed),
        encoder=manifest.fingerprint,
        threshold=formed.threshold,
        statistics=Statistics(
            formed.images,
            reused,
            time.perf_counter() - began,
            list_empty_roots(inputs.roots, walked.files),
            formed.search,
        ),
    )


def _recall(
    last: LastScan, files: Sequence[ImageFile], engine: Engine, on_progress: Progress
) -> tuple[Formed, tuple[Skipped, ...]] | None:
    """Return the result of the last scan and the unreadable files, if the files are the same.

    A file that the index does not contain is read again: the cause may have gone.
    """
    digests = last.find_digests(files)
    formed = last.recall(files, digests)
    if formed is None:
        return None
    fresh = [file for file, digest in zip(files, digests, strict=True) if not digest]
    unread: tuple[Skipped, ...] = ()
    if fresh:
        embedded = engine.embed(fresh, no_progress)
        if len(embedded.contents):
            return None
        unread = embedded.skipped
    on_progress("embed", len(files), len(files))
    return formed, unread


def _form(
    contents: Contents,
    options: ScanOptions,
    engine: Engine,
    manifest: Manifest,
    limit: float,
    ignored: IgnoredPairs,
    on_progress: Progress,
) -> Formed:
    """Search, verify and group contents, their files in the order of the rules."""
    chosen = options.duplicates
    images = contents.files
    if chosen.pairs:
        contents = treat_raw_as_pictures(contents)
    if chosen.verify and chosen.threshold is None and not chosen.sensitivity:
        limit = narrow(manifest, images)
    limits = SearchLimits(
        limit,
        SAME_FRACTION * limit if chosen.verify else limit,
        exact_up_to=len(contents) if chosen.exact else EXACT_UP_TO,
    )
    found = engine.find_pairs(contents, limits, on_progress)
    contents, pairs = find_damage(contents, found.pairs, max_pixels=options.walk.max_pixels)
    enclosures = open_enclosures(
        contents, options, side=manifest.side, index=engine.index, limit=limit, ignored=ignored
    )
    pairs = enclosures.drop_from(pairs)
    groups = engine.group_pairs(contents, pairs, limit, ignored, on_progress)
    groups = enclosures.join(groups)
    grouped = {photo.path for group in groups for photo in group.photos}
    return Formed(
        groups=tuple(group for group in groups if not chosen.across or _spans_roots(group)),
        listed=(*list_low_detail(contents, grouped), *_list_damaged(contents)),
        threshold=limit,
        search=found.stats,
        images=images,
    )


def embed_images(
    *roots: StrPath,
    files_from: StrPath | None = None,
    on_progress: Progress = no_progress,
    **options: Unpack[ScanKeywords],
) -> Embedded:
    """Embed every image below `roots`. Changes no photo.

    Args:
        roots: folders and files.
        files_from: as `scan`.
        on_progress: called as the stages `walk` and `embed` advance.
        options: fields of `dedupe.options.ScanOptions`; those of `WalkOptions` and `RunOptions`
            have an effect.

    Returns:
        One row for each content: `contents.vectors` is (U, D) float32, each row of norm 1;
        `contents.photos` lists the files of each row; `skipped` lists the files without a vector.

    Raises:
        UsageError, InputError, EncoderError, IndexFileError: as `scan`.
    """
    inputs = InputOptions(roots=roots, files_from=files_from)
    if inputs.is_empty:
        raise UsageError("give one folder or file at least: dedupe.embed_images('photos')")
    chosen = build(ScanOptions, options)
    manifest = open_manifest(chosen.run)
    walked = walk_inputs(inputs, chosen.walk)
    on_progress("walk", len(walked.files), len(walked.files))
    with open_local_engine(inputs, chosen, manifest) as engine:
        embedded = engine.embed(walked.files, on_progress)
    return replace(embedded, skipped=(*walked.skipped, *embedded.skipped))


def treat_raw_as_pictures(contents: Contents) -> Contents:
    """Return the contents with raw files that may replace a developed picture.

    The reverse is still ruled out by the bits of the sensor.
    """

    def treat(photo: Photo) -> Photo:
        return replace(photo, facts=replace(photo.facts, raw=False)) if photo.facts.raw else photo

    return replace(contents, photos=tuple(tuple(map(treat, files)) for files in contents.photos))


def _number(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Number groups from 1 in their order, as a written report does."""
    return tuple(replace(group, number=number) for number, group in enumerate(groups, start=1))


def _list_damaged(contents: Contents) -> tuple[Skipped, ...]:
    """List the files that were decoded with a warning, in the order of their paths."""
    damaged = (p for files in contents.photos if files[0].facts.damage for p in files)
    return tuple(
        Skipped(photo.path, DAMAGED, photo.facts.damage)
        for photo in sorted(damaged, key=lambda photo: os.fsencode(photo.path))
    )


def _spans_roots(group: Group) -> bool:
    return any(d.photo.file.root != group.keeper.file.root for d in group.duplicates)
