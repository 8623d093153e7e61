"""Verify and group components of candidate pairs as tasks; each runs one machine's `group_pairs`.

Components share no pair, so what is decided about one depends on it alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.distributed.cluster import Cluster
from dedupe.distributed.components import find_components
from dedupe.distributed.store import PartStore, Place
from dedupe.distributed.task_index import TaskIndex
from dedupe.distributed.verdict_store import VerdictStore, load
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.options import ScanOptions
from dedupe.pipeline.resources import open_verifier
from dedupe.pipeline.stages import GroupRules, group_pairs
from dedupe.provenance.examiner import Examiner
from dedupe.types import Contents, Group, Pairs, Progress

_SMALLEST, _LARGEST = 64, 4096  # pairs and contents of a bundle
_EACH = 8  # bundles for each core


@dataclass(frozen=True, slots=True)
class GroupJob:
    """How components are grouped, the same on each node."""

    options: ScanOptions
    side: int  # of the encoder, pixels
    threshold: float
    ignored: IgnoredPairs | None
    store: PartStore
    verdicts: VerdictStore


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """Some components, with rows of their own."""

    contents: Contents
    pairs: Pairs
    places: Mapping[str, Place]  # of thumbnails, by digest
    known: Any = None  # Arrow table of earlier verdicts and evidence on these contents


def group_components(
    cluster: Cluster,
    contents: Contents,
    pairs: Pairs,
    job: GroupJob,
    places: Mapping[str, Place],
    on_progress: Progress,
    partition: int | None = None,
) -> tuple[Group, ...]:
    """Group contents as `dedupe.pipeline.group_pairs` does, component by component.

    Args:
        cluster: where the tasks run.
        contents: U contents, their files in the order of the rules.
        pairs: contents that may be copies.
        job: how.
        places: of the thumbnails in the store, by digest.
        on_progress: called as ("verify", pairs of finished tasks, pairs) and ("keep", groups of
            finished tasks, groups so far).
        partition: pairs in a task; None for a number that gives each core some.

    Returns:
        Groups in the order of their keepers' paths.
    """
    size = partition or max(_SMALLEST, min(_LARGEST, len(pairs) // (cluster.cores * _EACH)))
    label = find_components(pairs, len(contents), cluster.map)
    bundles = list(split_bundles(contents, pairs, label, places, size))
    groups: list[Group] = []
    known = job.verdicts.read()
    ready = (replace(b, known=known.select({*b.contents.digests})) for b in bundles)
    done = cluster.map(partial(_group_bundle, job), ready)
    for bundle, found in zip(bundles, done, strict=True):
        groups += found
        on_progress("verify", len(bundle.pairs), len(pairs))
        on_progress("keep", len(found), len(groups))
    return tuple(sorted(groups, key=lambda group: os.fsencode(group.keeper.path)))


def split_bundles(
    contents: Contents,
    pairs: Pairs,
    label: NDArray[np.int64],
    places: Mapping[str, Place],
    size: int,
) -> Iterator[Bundle]:
    """Yield bundles of whole components, of about `size` pairs and contents each.

    Contents with one file and no pair form no group and are in no bundle.

    Args:
        contents: U contents.
        pairs: of the contents.
        label: (U,) the lowest row of the component of each content.
        places: as in `group_components`.
        size: pairs and contents of a bundle; a larger component is a bundle of its own.
    """
    several = np.fromiter((len(files) > 1 for files in contents.photos), bool, len(contents))
    rows = np.unique(np.concatenate([pairs.left, pairs.right, np.flatnonzero(several)]))  # (R,)
    rows = rows[np.argsort(label[rows], kind="stable")]
    by_component = np.argsort(label[pairs.left], kind="stable")  # (P,)
    row_label, pair_label = label[rows], label[pairs.left][by_component]
    starts = np.flatnonzero(np.diff(row_label, prepend=-1))
    weight = np.diff(starts, append=len(rows)) + np.diff(
        np.searchsorted(pair_label, np.append(row_label[starts], len(contents)))
    )
    for first, last in _pack(weight.tolist(), size):
        begin = starts[first]
        end = starts[last] if last < len(starts) else len(rows)
        some = np.sort(rows[begin:end])
        low = row_label[begin]
        high = row_label[end] if end < len(rows) else len(contents)
        span = slice(*np.searchsorted(pair_label, [low, high]))
        chosen = np.sort(by_component[span])
        yield _take(contents, pairs, some, chosen, places)


def _pack(weights: list[int], size: int) -> Iterator[tuple[int, int]]:
    """Yield ranges [first, last) of components that weigh at most `size` together, or one."""
    first, total = 0, 0
    for position, weight in enumerate(weights):
        if total and total + weight > size:
            yield first, position
            first, total = position, 0
        total += weight
    if total:
        yield first, len(weights)


def _take(
    contents: Contents,
    pairs: Pairs,
    rows: NDArray[np.int64],
    chosen: NDArray[np.int64],
    places: Mapping[str, Place],
) -> Bundle:
    """Return some rows, (R,) ascending, and some pairs of them, (P,) positions ascending."""
    some = replace(contents, panels=None).select(rows)
    left, right = (np.searchsorted(rows, ends[chosen]) for ends in (pairs.left, pairs.right))
    return Bundle(
        some,
        Pairs(left, right, pairs.distance[chosen]),
        {digest: places[digest] for digest in some.digests if digest in places},
    )


def _group_bundle(job: GroupJob, bundle: Bundle) -> tuple[Group, ...]:
    """Verify and group the components of a bundle, in a task of one thread."""
    options = replace(job.options, run=replace(job.options.run, workers=1))
    chosen = options.duplicates
    find: Callable[..., dict[str, bytes]] = partial(job.store.find_thumbnails, bundle.places)
    index = TaskIndex(find)
    load(index, bundle.known)
    verifier = open_verifier(bundle.contents, options, side=job.side, index=index)
    groups = group_pairs(
        bundle.contents,
        bundle.pairs,
        GroupRules(chosen.keep, job.threshold, job.ignored),
        verifier=verifier if chosen.verify else None,
        examiner=Examiner(max_pixels=options.walk.max_pixels, remembered=index, workers=1),
    )
    if index.has_news:
        job.verdicts.write(bundle.contents.digests, index)
    return groups
