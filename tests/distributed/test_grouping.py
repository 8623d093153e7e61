"""Splitting components over tasks: nothing is lost, and groups are those of one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from builders import a_photo, some_contents

from dedupe.distributed.grouping import GroupJob, group_components, split_bundles
from dedupe.distributed.store import PartStore
from dedupe.distributed.verdict_store import VerdictStore
from dedupe.group.refine import find_clusters
from dedupe.options import DuplicateOptions, ScanOptions
from dedupe.pipeline import GroupRules, group_pairs
from dedupe.types import Contents, Pairs, no_progress


class OneByOne:
    """A cluster of one core: this process."""

    cores = 1

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(work, items)


def some_pairs(rng: np.random.Generator, count: int, pairs: int) -> Pairs:
    ends = np.sort(rng.integers(0, count, (pairs, 2)), axis=1)
    ends = np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0)
    distance = rng.uniform(0.1, 0.4, len(ends)).astype(np.float32)
    return Pairs(ends[:, 0], ends[:, 1], distance)


def contents_of(count: int) -> Contents:
    """Contents of one file each, but every seventh has two."""
    return some_contents(
        [
            [a_photo(f"/{row:03}{copy}.jpg", b"%d" % row) for copy in "ab"[: 1 + (row % 7 == 0)]]
            for row in range(count)
        ]
    )


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_every_pair_is_in_one_bundle_with_its_whole_component(size: int) -> None:
    contents, pairs = contents_of(200), some_pairs(np.random.default_rng(1), 200, 90)
    bundles = list(split_bundles(contents, pairs, find_clusters(pairs, 200), {}, size))
    names = [set(bundle.contents.digests) for bundle in bundles]
    assert sum(map(len, names)) == len(set.union(*names))
    found = {
        (bundle.contents.digests[left], bundle.contents.digests[right], distance)
        for bundle in bundles
        for left, right, distance in zip(
            *(bundle.pairs.left, bundle.pairs.right, bundle.pairs.distance.tolist()), strict=True
        )
    }
    wanted = {
        (contents.digests[left], contents.digests[right], distance)
        for left, right, distance in zip(
            pairs.left, pairs.right, pairs.distance.tolist(), strict=True
        )
    }
    assert found == wanted
    assert sum(len(bundle.pairs) for bundle in bundles) == len(pairs)


def test_contents_with_several_files_are_in_a_bundle_and_lonely_ones_are_not() -> None:
    none = np.empty(0, np.int64)
    pairs = Pairs(none, none, np.empty(0, np.float32))
    (bundle,) = split_bundles(contents_of(20), pairs, np.arange(20), {}, 100)
    assert [len(files) for files in bundle.contents.photos] == [2, 2, 2]


@pytest.mark.parametrize("size", [1, 7, 500])
def test_groups_are_those_of_one_machine_for_any_size_of_bundle(size: int) -> None:
    contents, pairs = contents_of(150), some_pairs(np.random.default_rng(2), 150, 120)
    options = ScanOptions(duplicates=DuplicateOptions(verify=False))
    job = GroupJob(options, 128, 0.5, None, PartStore("/nowhere"), VerdictStore("/nowhere"))
    split = group_components(
        OneByOne(),  # type: ignore[arg-type]
        *(contents, pairs, job, {}, no_progress),
        partition=size,
    )
    assert split == group_pairs(contents, pairs, GroupRules(threshold=0.5))
    assert len(split) > 20
