"""What the stages of a search in cells cost, in one process, with some of its tasks. Run by hand.

    python tests/benchmarks/search_parts.py [--size 3000000] [--every 20] [--threshold 0.707]

For sizes that a machine cannot search whole: makes the cells of all vectors, and runs every n-th of
the tasks that a cluster would run, one after the other. The recall is that of a sample of rows, as
a search measures it: a pair is found if one of its rows probes the cell of the other.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from search_recall import plant

from dedupe.distributed.cells import Cell, CellPart, CellSearch, plan_parts, search_cells
from dedupe.search.exact import Neighbours
from dedupe.search.ivf import weigh_rows
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Space
from dedupe.verify.judge import SAME_FRACTION

R = TypeVar("R")
ROWS = 1 << 15  # of a task


def stage(name: str, work: Callable[[], R]) -> R:
    """Run some work; print its CPU seconds and the peak of memory so far."""
    began = time.process_time()
    result = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"| {name} | {time.process_time() - began:.1f} | {peak:,} |", flush=True)
    return result


def measure(size: int, every: int, threshold: float) -> None:
    """Print a line for each stage, and for every n-th task."""
    print("| stage | CPU s | MiB |\n|---|---:|---:|")
    vectors, _ = stage("make vectors", lambda: plant(size, np.random.default_rng(1)))
    limits = SearchLimits(threshold, SAME_FRACTION * threshold, exact_up_to=1000)
    space = Space(vectors, limits, np.arange(size), 2048, 1)
    stage("shorten", lambda: space.short)
    cells = stage("sample, train, assign", space.train_cells)
    row, other = stage("sample again", lambda: space.sample_pairs(1, np.zeros(size, bool)))
    is_found = cells.is_found(row, other)
    shared = stage(
        "arrange cells",
        lambda: [
            Cell(rows, vectors[rows], rows.astype(np.int64))
            for rows in map(cells.members, range(cells.count))
        ],
    )
    sizes = np.array([len(cell.rows) for cell in shared])
    parts = plan_parts(cells.centroids, sizes, ROWS)
    print(
        f"{cells.count:,} cells of {sizes.min()} to {sizes.max():,} rows, {cells.probes} probes, "
        f"recall {np.average(is_found, weights=weigh_rows(row)):.4f} of {len(row):,} pairs, "
        f"{len(parts)} tasks",
        flush=True,
    )

    def fetch(wanted: Sequence[int]) -> list[Cell]:
        return [shared[cell] for cell in wanted]

    search = CellSearch(
        *(fetch, cells.centroids, sizes, space.axes, cells.probes, limits), drop_dense=True
    )

    def run(part: CellPart) -> Callable[[], Neighbours]:
        return lambda: search_cells(search, part)

    for number, part in list(enumerate(parts))[::every]:
        stage(f"task {number}", run(part))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=3_000_000)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--threshold", type=float, default=0.707)
    options = parser.parse_args()
    measure(options.size, options.every, options.threshold)


if __name__ == "__main__":
    main()
