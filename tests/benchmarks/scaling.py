"""Search, components and groups on Ray: seconds, memory and recall. Run by hand.

    python tests/benchmarks/scaling.py [--sizes 300000 3000000] [--cores 2] [--threshold 0.707]

The vectors are those of search_recall.py: like photos, one in ten a copy of another. Every size is
a local cluster of its own. `recall` is what the search measures on a sample of rows, `copies` the
share of planted copies within the threshold that were found. Memory is the peak of this process
and of the largest worker; what processes share (Ray's object store) is printed apart.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from search_recall import find, plant

from dedupe.distributed.cluster import Cluster
from dedupe.distributed.components import find_components
from dedupe.distributed.grouping import GroupJob, group_components
from dedupe.distributed.searching import make_space
from dedupe.distributed.store import PartStore
from dedupe.distributed.verdict_store import VerdictStore
from dedupe.options import DuplicateOptions, ScanOptions
from dedupe.search.exact import Vectors
from dedupe.search.limits import SearchLimits
from dedupe.search.search import find_pairs
from dedupe.types import Contents, ImageFile, Photo, no_progress
from dedupe.verify.judge import SAME_FRACTION

R = TypeVar("R")
_EDGES = 1 << 18  # pairs of a block, so that components are merged in rounds here too


class Memory:
    """The largest private and shared memory of this process and of Ray's workers, in bytes."""

    def __init__(self) -> None:
        self.driver = self.worker = self.shared = 0

    def look(self) -> None:
        """Take the present memory into account."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                title = (folder / "cmdline").read_bytes()
                lines = (folder / "status").read_text("ascii").splitlines()
            except OSError:
                continue
            sizes = {name: int(rest.split()[0]) << 10 for name, _, rest in map(_split, lines)}
            is_driver, is_worker = folder.name == str(os.getpid()), title.startswith(b"ray::")
            if is_driver:
                self.driver = max(self.driver, sizes.get("RssAnon", 0))
            elif is_worker:
                self.worker = max(self.worker, sizes.get("RssAnon", 0))
            if is_driver or is_worker:
                self.shared = max(self.shared, sizes.get("RssShmem", 0))


def _split(line: str) -> tuple[str, str, str]:
    name, mark, rest = line.partition(":")
    return name, mark, rest if rest.strip().endswith("kB") else "0 kB"


@contextmanager
def watching() -> Iterator[Memory]:
    """Measure memory twice a second."""
    memory, done = Memory(), threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            memory.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        done.set()
        thread.join()


def timed(work: Callable[[], R]) -> tuple[R, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def some_contents(vectors: Vectors) -> Contents:
    """Return contents of one file each."""
    photos = tuple(
        (Photo(ImageFile(f"/{row:08}.jpg", 0, 1, 0, 0, 0), 640, 480, "JPEG", f"{row:032x}"),)
        for row in range(len(vectors))
    )
    zeros = np.zeros(len(vectors), np.int64)
    return Contents(tuple(p.digest for (p,) in photos), vectors, photos, zeros.astype(bool), zeros)


def measure(count: int, cores: int, threshold: float) -> None:
    """Print a line of the table."""
    vectors, planted = plant(count, np.random.default_rng(1))
    limits = SearchLimits(threshold, SAME_FRACTION * threshold)
    cluster = Cluster("local", cores=cores)
    try:
        with watching() as memory:
            space = partial(make_space, cluster)
            found, search = timed(lambda: find_pairs(vectors, limits=limits, make_space=space))
            pairs, stats = found.pairs, found.stats
            label, joining = timed(lambda: find_components(pairs, count, cluster.map, _EDGES))
            searched = memory.driver
            contents = some_contents(vectors)
            job = GroupJob(
                _TRUSTING, 128, threshold, None, PartStore("/nowhere"), VerdictStore("/nowhere")
            )
            groups, grouping = timed(
                lambda: group_components(cluster, contents, pairs, job, {}, no_progress)
            )
    finally:
        cluster.close()
    near = np.linalg.norm(vectors[planted[:, 0]] - vectors[planted[:, 1]], axis=1) <= threshold
    copies = find(pairs, *planted[near].T).mean()
    how = f"{stats.probes} of {stats.cells:,}" if stats.cells else "exact"
    print(
        f"| {count:,} | {how} | {search:.0f} | {joining:.1f} | {grouping:.0f} "
        f"| {searched >> 20:,} | {memory.driver >> 20:,} | {memory.worker >> 20:,} "
        f"| {memory.shared >> 20:,} | {stats.recall:.4f} | {copies:.4f} | {len(pairs):,} "
        f"| {np.count_nonzero(label != np.arange(count)):,} | {len(groups):,} |",
        flush=True,
    )


_TRUSTING = ScanOptions(duplicates=DuplicateOptions(verify=False))
_TITLES = (
    *("vectors", "probes", "search s", "components s", "groups s", "driver MiB", "with photos"),
    *("worker MiB", "shared MiB", "recall", "copies", "pairs", "joined rows", "groups"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[300_000, 3_000_000])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--threshold", type=float, default=0.707)
    options = parser.parse_args()
    print(f"| {' | '.join(_TITLES)} |\n|{'---:|' * len(_TITLES)}")
    for size in options.sizes:
        measure(size, options.cores, options.threshold)


if __name__ == "__main__":
    main()
