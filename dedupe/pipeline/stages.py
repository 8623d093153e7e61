"""The stages of a scan that another engine can call: find pairs, and group them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedupe.files.paths import StrPath
from dedupe.group.cluster import cluster
from dedupe.group.keep import DEFAULT_RULES, ORIGINAL, order_contents
from dedupe.group.refine import RowPair, refine_groups
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.index.embedding_index import EmbeddingIndex
from dedupe.pipeline.keepers import Keepers
from dedupe.pipeline.stars import StarMemory
from dedupe.provenance.examiner import Examiner
from dedupe.search.candidates import find_candidates
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Found, MakeSpace
from dedupe.types import Contents, Group, Pairs, Progress, Star, Verdict, no_progress
from dedupe.verify.verifier import Verifier


def find_pairs(
    contents: Contents,
    rules: Sequence[str] = DEFAULT_RULES,
    *,
    limits: SearchLimits,
    index: EmbeddingIndex | None = None,
    roots: Sequence[StrPath] = (),
    workers: int | None = None,
    make_space: MakeSpace | None = None,
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
        make_space: returns what compares the vectors; None for threads of this process.
        on_progress: called as ("search", contents just searched, U).

    Raises:
        IndexFileError: the index cannot be read or written.
    """
    return find_candidates(
        contents,
        limits=limits,
        choose_order=lambda: order_contents(contents, rules),
        index=index,
        roots=name_roots(roots),
        workers=workers,
        make_space=make_space,
        on_progress=on_progress,
    )


def name_roots(roots: Sequence[StrPath]) -> bytes:
    """Return the name under which the index stores a search of some roots."""
    return b"\0".join(os.fsencode(os.path.realpath(root)) for root in roots)


@dataclass(frozen=True, slots=True)
class GroupRules:
    """What the user chose about groups."""

    keep: Sequence[str] = DEFAULT_RULES  # keep rules, the first one decides first
    threshold: float = 2.0  # largest distance to a keeper, in [0, 2]
    ignored: IgnoredPairs | None = None  # pairs that are not duplicates; None for none


def group_pairs(
    contents: Contents,
    pairs: Pairs,
    chosen: GroupRules,
    *,
    verifier: Verifier | None = None,
    examiner: Examiner | None = None,
    memory: StarMemory | None = None,
    on_progress: Progress = no_progress,
) -> tuple[Group, ...]:
    """Group contents around keepers, verifying each pair of a keeper and a duplicate.

    Args:
        contents: U contents, their files in the order of the rules.
        pairs: contents that may be copies.
        chosen: keep rules, threshold and ignored pairs.
        verifier: judges the pairs of rows; None to trust the distance.
        examiner: measures the evidence on groups; None for one without an index.
        memory: the groups of the stars of the last scan; None for none.
        on_progress: called as ("verify", pairs just verified, pairs known to need verification)
            and ("keep", groups just finished, groups).

    Returns:
        Groups in the order of their keepers' paths.
    """
    rules, ignored = chosen.keep, chosen.ignored
    if ignored is not None:
        pairs = ignored.drop_from(pairs, contents.digests)
    order = order_contents(contents, rules, _involved(contents, pairs))
    pixels = _pixels(contents, rules)

    def form_stars(some: Pairs, rows: NDArray[np.bool_], centres: Sequence[int]) -> list[Star]:
        """Cluster pairs of the marked rows (U,), first around some of them."""
        among = order[rows[order]]
        closest = ORIGINAL in rules
        return cluster(some, contents, among, pixels=pixels, centres=centres, closest=closest)

    verdicts: dict[RowPair, Verdict] = {}
    if verifier is None:
        stars = form_stars(pairs, np.ones(len(contents), bool), ())
    else:
        stars, verdicts = refine_groups(
            pairs,
            len(contents),
            form_stars=form_stars,
            judge=verifier.judge,
            same_radius=-1.0,  # other pages of text are as near as 0.03 of the threshold
            on_progress=on_progress,
        )
    keepers = Keepers(
        contents,
        rules,
        threshold=chosen.threshold,
        ignored=ignored,
        open_judge=verifier.isolate if verifier else None,
        examiner=examiner or Examiner(),
        memory=memory,
    )
    groups = keepers.form_groups(stars, verdicts, on_progress=on_progress)
    return tuple(sorted(groups, key=lambda group: os.fsencode(group.keeper.path)))


def _involved(contents: Contents, pairs: Pairs) -> NDArray[np.int64]:
    """Return the (R,) rows that a group can contain: those of pairs and those of several files."""
    several = np.fromiter((len(files) > 1 for files in contents.photos), bool, len(contents))
    return np.unique(np.concatenate([pairs.left, pairs.right, np.flatnonzero(several)]))


def _pixels(contents: Contents, rules: Sequence[str]) -> NDArray[np.int64] | None:
    """Return (U,) sizes that limit what a smaller keeper takes, if the rules keep most pixels."""
    if rules[:1] != ("most-pixels",):
        return None
    return np.array([files[0].pixels for files in contents.photos], np.int64)
