"""The order of the stages: walk, embed, search, verify, group, keep, report."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Unpack

from dedupe.apply.sidecars import list_sidecars
from dedupe.embed import Embedded
from dedupe.encoder.threshold import choose_threshold
from dedupe.errors import UsageError
from dedupe.files.paths import StrPath
from dedupe.group.keep import arrange_files
from dedupe.ignored.store import find_ignored
from dedupe.options import InputOptions, ScanKeywords, ScanOptions
from dedupe.pipeline.engine import Engine, OpenEngine, open_local_engine
from dedupe.pipeline.form import Setup, form_result
from dedupe.pipeline.resources import (
    find_protection,
    list_empty_roots,
    open_manifest,
    walk_inputs,
)
from dedupe.pipeline.result import Formed
from dedupe.pipeline.stages import name_roots
from dedupe.pipeline.unchanged import LastScan, name_choices, name_setting
from dedupe.setting import build
from dedupe.types import (
    Group,
    Progress,
    Report,
    Skipped,
    Statistics,
    no_progress,
)


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
    choices = name_choices(
        name_setting(options, limit=limit),
        ignored=ignored,
        files=walked.files,
        is_protected=is_protected,
    )
    with open_engine(inputs, options, manifest) as engine:
        last = LastScan(engine.index, name_roots(inputs.places), walked.files, choices)
        recalled = _recall(last, engine, on_progress)
        formed, unread = recalled.formed, recalled.unread
        if formed is None:
            embedded = engine.embed(walked.files, on_progress)
            contents = arrange_files(embedded.contents, chosen.keep, is_protected)
            setup = Setup(options, engine, manifest, limit, ignored)
            formed = form_result(contents, setup, last, on_progress)
            last.remember((photo for files in contents.photos for photo in files), formed)
            unread, reused = embedded.skipped, embedded.reused - recalled.read
        else:
            reused = formed.images
    groups = (group for group in formed.groups if not chosen.across or _spans_roots(group))
    return Report(
        groups=_number(list_sidecars(groups)),
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


@dataclass(frozen=True, slots=True)
class _Recalled:
    """The result of the last scan, if it holds, and the files that the index did not contain."""

    formed: Formed | None
    unread: tuple[Skipped, ...] = ()  # those that cannot be read
    read: int = 0  # those that have a content now


def _recall(last: LastScan, engine: Engine, on_progress: Progress) -> _Recalled:
    """Recall the result of the last scan, if the files are the same.

    A file that the index does not contain is read again: the cause may have gone.
    """
    digests = last.find_digests()
    formed = last.recall(digests)
    if formed is None:
        return _Recalled(None)
    unread: tuple[Skipped, ...] = ()
    fresh = [file for file, digest in zip(last.files, digests, strict=True) if not digest]
    if fresh:
        embedded = engine.embed(fresh, no_progress)
        if len(embedded.contents):
            return _Recalled(None, read=embedded.contents.files)
        unread = embedded.skipped
    on_progress("embed", len(digests), len(digests))
    return _Recalled(formed, unread)


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


def _number(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Number groups from 1 in their order, as a written report does."""
    return tuple(replace(group, number=number) for number, group in enumerate(groups, start=1))


def _spans_roots(group: Group) -> bool:
    return any(d.photo.file.root != group.keeper.file.root for d in group.duplicates)
