"""How long the search for pairs takes, in what memory, and what it misses. Run by hand.

    python tests/benchmarks/search_recall.py [--sizes N ...] [--crowds N ...] [--thresholds T ...]

The vectors imitate those that an encoder gives photos: about as many pairs that are no copies at
each distance (among 100,000 rows 2e-6 of all pairs within 0.707, 9e-5 within 0.951), and one row in
ten is a copy of another, at distances spread evenly from 0 to 0.95. Every line is a process of
its own. `CPU s` is what all threads worked, also where other programs slow them down. `memory` is
the peak beyond vectors and photos, in multiples of the vectors' own size. `recall` is measured
here, by brute force: of the pairs that some rows have in an exact search, the share that was found,
and under `a row` the average of these rows' shares; `itself` is what the search says of that;
`copies` is the share of the planted ones within the threshold that was found. A crowd is searched
as a scan does that verifies (alike: 0.06 of the threshold) and as one that does not, and clustered.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dedupe.group.cluster import cluster
from dedupe.search.limits import EXACT_UP_TO, MAX_NEIGHBOURS, SearchLimits
from dedupe.search.search import find_pairs
from dedupe.types import Contents, ImageFile, Pairs, Photo, SearchStats
from dedupe.verify.judge import SAME_FRACTION

Vectors = NDArray[np.float32]
R = TypeVar("R")

DIMENSION = 128
SCENES, ALIKE, FADING = 2000, 0.7, 22  # see `imitate`; fitted to 25,189 photos
COPIES = 0.1  # share of the rows that are copies
SAMPLED = 1000  # rows with neighbours that are also found by brute force
FOUND = ("recall", "a row", "itself", "copies")
CROWD = ("a row", "represented", "groups", "largest")
_PART = 1 << 16


@dataclass(frozen=True, slots=True)
class Cost:
    """What a search took."""

    seconds: float  # wall time
    work: float  # seconds of CPU time, of all threads together
    memory: int  # bytes, the peak beyond what was there before


def imitate(count: int, rng: np.random.Generator) -> Vectors:
    """Make unit vectors like those of photos: (N, D); scenes that photos have a share of."""
    weight = np.exp(-np.arange(DIMENSION) / FADING / 2).astype(np.float32)
    scenes = rng.standard_normal((SCENES, DIMENSION), dtype=np.float32)
    vectors = np.empty((count, DIMENSION), np.float32)
    for start in range(0, count, _PART):
        part = vectors[start : start + _PART]
        share = (ALIKE * rng.random((len(part), 1))).astype(np.float32)
        part[:] = np.sqrt(1 - share) * rng.standard_normal(part.shape, dtype=np.float32)
        part += np.sqrt(share) * scenes[rng.integers(SCENES, size=len(part))]
        part *= weight
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def move(vectors: Vectors, distance: NDArray[np.float64], rng: np.random.Generator) -> Vectors:
    """Move unit vectors by the given distances, each in a direction of its own."""
    aside = imitate(len(vectors), rng)
    aside -= np.sum(aside * vectors, axis=1, keepdims=True) * vectors
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    turn = 2 * np.arcsin(distance / 2)[:, None]
    moved = np.cos(turn) * vectors + np.sin(turn) * aside
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


def plant(count: int, rng: np.random.Generator) -> tuple[Vectors, NDArray[np.int64]]:
    """Make vectors, a tenth of them copies; also return (C, 2) the rows of original and copy."""
    vectors = imitate(count, rng)
    rows = rng.permutation(count)[: 2 * int(count * COPIES)].reshape(-1, 2)
    vectors[rows[:, 1]] = move(vectors[rows[:, 0]], rng.uniform(0, 0.95, len(rows)), rng)
    return vectors, rows


def blanks(count: int, rng: np.random.Generator) -> Vectors:
    """Make scans of blank pages: all within some 0.04 of each other."""
    page = np.tile(imitate(1, rng), (count, 1))
    return move(page, rng.uniform(0.001, 0.025, count), rng)


def frames(count: int, rng: np.random.Generator) -> Vectors:
    """Make frames of one scene: neighbours lie at 0.02 to 0.05, all of them within some 0.6."""
    vectors = np.tile(imitate(1, rng), (count, 1))
    walk = imitate(count, rng) * 0.02
    for row in range(1, count):
        walk[row] += 0.995 * walk[row - 1]
    vectors += walk
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def measure_cost(work: Callable[[], R]) -> tuple[R, Cost]:
    """Run some work and return its time and memory, the peak of the process since it began."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    before, began, worked = _memory("VmRSS"), time.perf_counter(), time.process_time()
    result = work()
    seconds, effort = time.perf_counter() - began, time.process_time() - worked
    return result, Cost(seconds, effort, _memory("VmHWM") - before)


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1024 * int(kib)


def search(
    vectors: Vectors, threshold: float, copy_radius: float, exact_up_to: int
) -> tuple[Pairs, SearchStats, Cost]:
    limits = SearchLimits(threshold, copy_radius, exact_up_to=exact_up_to)
    found, cost = measure_cost(lambda: find_pairs(vectors, limits=limits))
    return found.pairs, found.stats, cost


def neighbours(vectors: Vectors, threshold: float) -> Iterable[tuple[int, NDArray[np.int64]]]:
    """Yield some rows and, by brute force, the nearest rows within the threshold of each."""
    sample = np.random.default_rng(7).choice(len(vectors), min(SAMPLED, len(vectors)), False)
    for some in np.array_split(sample, max(1, len(sample) // 16)):
        for row, products in zip(some.tolist(), vectors[some] @ vectors.T, strict=True):
            products[row] = -1
            near = np.flatnonzero(products >= 1 - threshold**2 / 2)
            yield row, near[np.argsort(-products[near], kind="stable")[:MAX_NEIGHBOURS]]


def find(pairs: Pairs, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which pairs of two rows are among those that were found."""
    codes = (np.minimum(one, other) << 32) | np.maximum(one, other)
    return np.isin(codes, (pairs.left << 32) | pairs.right)


def share(found: NDArray[np.bool_], weights: NDArray[np.float64] | None = None) -> str:
    return f"{np.average(found, weights=weights) if len(found) else 1:.4f}"


def time_size(count: int, threshold: float, exact_up_to: int) -> str:
    """Search vectors with planted copies; return a line of the table."""
    vectors, planted = plant(count, np.random.default_rng(1))
    pairs, stats, cost = search(vectors, threshold, SAME_FRACTION * threshold, exact_up_to)
    known = [(row, other) for row, near in neighbours(vectors, threshold) for other in near]
    row, other = np.array(known, np.int64).reshape(-1, 2).T
    found = find(pairs, row, other)
    distance = np.linalg.norm(vectors[planted[:, 0]] - vectors[planted[:, 1]], axis=1)
    copies = find(pairs, *planted[distance <= threshold].T)
    how = f"{stats.probes} of {stats.cells} cells" if stats.cells else "exact"
    return (
        f"| {count:,} | {threshold} | {how} | {cost.seconds:.1f} | {cost.work:.1f} "
        f"| {cost.memory / vectors.nbytes:.2f} | {share(found)} "
        f"| {share(found, 1 / np.bincount(row)[row])} | {stats.recall:.4f} | {share(copies)} "
        f"| {len(pairs):,} | {stats.truncated:,} |"
    )


def some_contents(vectors: Vectors) -> Contents:
    """Return contents of one file each."""
    file = ImageFile("/p.jpg", root=0, size=1, mtime_ns=0, device=0, inode=0)
    digests = tuple(f"{row:032x}" for row in range(len(vectors)))
    photos = tuple((Photo(file, 640, 480, "JPEG", digest),) for digest in digests)
    zeros = np.zeros(len(vectors), np.int64)
    return Contents(digests, vectors, photos, zeros.astype(bool), zeros)


def time_crowd(name: str, count: int, threshold: float, verified: bool) -> str:
    """Search and cluster a crowd; return a line of the table."""
    vectors = {"blanks": blanks, "frames": frames}[name](count, np.random.default_rng(2))
    alike = SAME_FRACTION * threshold if verified else threshold
    pairs, stats, cost = search(vectors, threshold, alike, EXACT_UP_TO)
    contents = some_contents(vectors)
    began = time.perf_counter()
    stars = cluster(pairs, contents, np.arange(count))
    clustering = time.perf_counter() - began
    largest = max((len(star.duplicates) + 1 for star in stars), default=0)
    return (
        f"| {count:,} {name} | {threshold} | {alike:.3f} | {cost.seconds:.1f} | {cost.work:.1f} "
        f"| {cost.memory / 2**20:.0f} | {len(pairs):,} | {len(pairs) / count:.1f} "
        f"| {stats.represented:,} | {len(stars):,} | {largest:,} | {clustering:.1f} |"
    )


def alone(work: Callable[..., str], *arguments: object) -> str:
    """Run some work in a process of its own."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(work, *arguments).result()


def _head(*titles: str) -> str:
    return f"| {' | '.join(titles)} |\n|{'---:|' * len(titles)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--crowds", type=int, nargs=2, default=[20_000, 50_000])
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.707, 0.951])
    parser.add_argument("--exact-up-to", type=int, default=EXACT_UP_TO)
    options = parser.parse_args()
    print(
        _head("vectors", "threshold", "how", "s", "CPU s", "memory", *FOUND, "pairs", "full rows")
    )
    for size in options.sizes:
        for threshold in options.thresholds:
            print(alone(time_size, size, threshold, options.exact_up_to), flush=True)
    print()
    print(
        _head("crowd", "threshold", "alike", "s", "CPU s", "MiB", "pairs", *CROWD, "clustering s")
    )
    for name, size in zip(("frames", "blanks"), options.crowds, strict=True):
        for verified in (True, False):
            threshold = max(options.thresholds) if verified else min(options.thresholds)
            print(alone(time_crowd, name, size, threshold, verified), flush=True)


if __name__ == "__main__":
    main()
