"""Search, components and groups on Ray: seconds, memory and recall. Run by hand.

    python tests/benchmarks/scaling.py [--sizes 300000 3000000] [--cores 2] [--threshold 0.707]
    python tests/benchmarks/scaling.py --sizes 3000000 --keep DIR [--group-within 0.5]
    python tests/benchmarks/scaling.py --store STORE

With --keep the pairs that were found stay in a folder, and a run that finds them there begins with
the components: a machine that stops long runs does one stage at a time. --group-within groups the
pairs up to a smaller distance, as verification leaves. The last command prints what one image
takes, from the store of a scan.

The vectors are those of search_recall.py: like photos, one in ten a copy of another. Every size is
a local cluster of its own. `recall` is what the search measures on a sample of rows, `copies` the
share of planted copies within the threshold that were found. Memory is the peak of this process
and of the largest worker; what processes share (Ray's object store) is printed apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow.parquet as pq
from search_recall import find, measure_cost, plant

from dedupe.distributed.cluster import Cluster
from dedupe.distributed.components import find_components
from dedupe.distributed.embedding import to_table
from dedupe.distributed.grouping import GroupJob, group_components
from dedupe.distributed.searching import make_space
from dedupe.distributed.store import PartStore
from dedupe.distributed.verdict_store import VerdictStore
from dedupe.embed import collapse
from dedupe.group.keep import DEFAULT_RULES, arrange_files, order_contents
from dedupe.index.embedding_index import Content
from dedupe.options import DuplicateOptions, ScanOptions
from dedupe.search.exact import Vectors
from dedupe.search.limits import EXACT_UP_TO, SearchLimits
from dedupe.search.search import Found, find_pairs
from dedupe.types import Contents, ImageFile, Pairs, Photo, SearchStats, no_progress
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


@dataclass(frozen=True, slots=True)
class Settings:
    """How each size is measured."""

    cores: int
    threshold: float
    exact_up_to: int
    keep: Path | None  # folder of the pairs that were found; None to keep none
    group_within: float  # largest distance of a pair that is grouped


def measure(count: int, chosen: Settings) -> None:
    """Print a line of the table."""
    vectors, planted = plant(count, np.random.default_rng(1))
    cluster = Cluster("local", cores=chosen.cores)
    try:
        with watching() as memory:
            found, search, work = search_or_load(cluster, vectors, chosen)
            pairs, stats = found.pairs, found.stats
            searched = memory.driver
            near = pairs.select(pairs.distance <= chosen.group_within)
            label, joining = timed(lambda: find_components(near, count, cluster.map, _EDGES))
            largest = int(np.bincount(label).max())
            contents = some_contents(vectors)
            nowhere = PartStore("/nowhere"), VerdictStore("/nowhere")
            job = GroupJob(_TRUSTING, 128, chosen.group_within, None, *nowhere)
            groups, grouping = timed(
                lambda: group_components(cluster, contents, near, job, {}, no_progress)
            )
    finally:
        cluster.close()
    distance = np.linalg.norm(vectors[planted[:, 0]] - vectors[planted[:, 1]], axis=1)
    copies = find(pairs, *planted[distance <= chosen.threshold].T).mean()
    how = f"{stats.probes} of {stats.cells:,}" if stats.cells else "exact"
    print(
        f"| {count:,} | {how} | {search:.0f} | {work:.0f} | {joining:.1f} | {grouping:.0f} "
        f"| {searched >> 20:,} | {memory.driver >> 20:,} | {memory.worker >> 20:,} "
        f"| {memory.shared >> 20:,} | {stats.recall:.4f} | {copies:.4f} | {len(pairs):,} "
        f"| {len(near):,} | {largest:,} | {len(groups):,} |",
        flush=True,
    )


def search_or_load(
    cluster: Cluster, vectors: Vectors, chosen: Settings
) -> tuple[Found, float, float]:
    """Return the pairs of a search, now or kept, its seconds, and its CPU seconds of all."""
    kept = chosen.keep and chosen.keep / f"{len(vectors)}-{chosen.threshold}.npz"
    if kept and kept.exists():
        data = np.load(kept, allow_pickle=False)
        pairs = Pairs(data["left"], data["right"], data["distance"])
        stats = SearchStats(**json.loads(str(data["stats"])))
        return Found(pairs, stats), float(data["seconds"]), float(data["work"])
    limits = SearchLimits(
        chosen.threshold, SAME_FRACTION * chosen.threshold, exact_up_to=chosen.exact_up_to
    )
    before = count_cpu()
    space = partial(make_space, cluster)
    found, seconds = timed(lambda: find_pairs(vectors, limits=limits, make_space=space))
    work = count_cpu() - before
    print(f"search: {seconds:.0f} s, {work:.0f} CPU s, {found.stats}", file=sys.stderr, flush=True)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            kept,
            left=found.pairs.left,
            right=found.pairs.right,
            distance=found.pairs.distance,
            stats=np.array(json.dumps(asdict(found.stats))),
            seconds=np.array(seconds),
            work=np.array(work),
        )
    return found, seconds, work


def count_cpu() -> float:
    """Return the CPU seconds of this process and of Ray's workers so far."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
            fields = (folder / "stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            continue
        if folder.name == str(os.getpid()) or title.startswith(b"ray::"):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure_image(store: str) -> None:
    """Print the bytes that an image takes in a store, in Ray and in this process."""
    parts = [
        path for path in Path(store).rglob("*.parquet") if path.parent.parent.name != "verdicts"
    ]
    files = sum(pq.ParquetFile(path).metadata.num_rows for path in parts)
    verdicts = list(Path(store).glob("verdicts/*/*.parquet"))
    pairs = sum(pq.ParquetFile(path).metadata.num_rows for path in verdicts)
    print(f"store: {files:,} files, {_sum(parts) / max(files, 1):,.0f} bytes a file")
    print(f"verdicts: {pairs:,} rows, {_sum(verdicts) / max(pairs, 1):,.0f} bytes a row")
    listed = [ImageFile(f"/photos/{n // 1000:04}/{n:08}.jpg", 0, n, n, 1, n) for n in range(1000)]
    print(f"names: {to_table(listed).nbytes / 1000:.0f} bytes a file in Ray's memory")
    with tempfile.TemporaryDirectory() as folder:
        kept, memory, seconds = read_store(PartStore.open(folder, "encoder", 1))
    print(f"driver: {memory / len(kept):,.0f} bytes and {1e6 * seconds / len(kept):.0f} µs a photo")


def read_store(store: PartStore) -> tuple[Contents, int, float]:
    """Return contents read from a store of some, and the peak of memory and the CPU seconds."""
    rng, files = np.random.default_rng(1), []
    for start in range(0, _COUNTED, 1000):
        seen = []
        for row in range(start, start + 1000):
            file = ImageFile(f"/photos/{start:08}/{row:08}.jpg", 0, row, row * 10**9, 1, row)
            vector = rng.standard_normal(128, np.float32)
            content = Content(f"{row:032x}", 640, 480, "JPEG", 9.5, vector, thumbnail=b"thumbnail")
            seen.append((file, content))
        store.write(f"{start:08}.parquet", seen)
        files += [file for file, _ in seen]
    del seen
    contents, cost = measure_cost(lambda: _collect(store, files))
    return contents, cost.memory, cost.work


def _collect(store: PartStore, files: list[ImageFile]) -> Contents:
    """Return the contents of files in a store, as the engine does."""
    parts = store.read(store.list_parts())
    outcomes = {path: content.digest for path, content in parts.find_files(files).items()}
    parts.files.clear()
    kept = [dict(parts.contents)]
    parts.contents.clear()
    found = collapse(files, outcomes, kept.pop(), 128, reused=0)
    contents = arrange_files(found.contents, DEFAULT_RULES)
    order_contents(contents, DEFAULT_RULES)
    return contents


def _sum(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


_COUNTED = 200_000  # photos that are made to see what one takes
_TRUSTING = ScanOptions(duplicates=DuplicateOptions(verify=False))
_TITLES = (
    *("vectors", "probes", "search s", "CPU s", "components s", "groups s", "driver MiB"),
    *("with photos", "worker MiB", "shared MiB", "recall", "copies", "pairs", "grouped pairs"),
    *("largest component", "groups"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[300_000, 3_000_000])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--threshold", type=float, default=0.707)
    parser.add_argument("--exact-up-to", type=int, default=EXACT_UP_TO)
    parser.add_argument("--keep", type=Path, help="folder that keeps the pairs of a search")
    parser.add_argument("--group-within", type=float, help="group these pairs only")
    parser.add_argument("--store", help="folder of --store of a scan: print bytes an image")
    options = parser.parse_args()
    if options.store:
        measure_image(options.store)
        return
    print(f"| {' | '.join(_TITLES)} |\n|{'---:|' * len(_TITLES)}")
    chosen = Settings(
        *(options.cores, options.threshold, options.exact_up_to, options.keep),
        group_within=options.group_within or options.threshold,
    )
    for size in options.sizes:
        measure(size, chosen)


if __name__ == "__main__":
    main()
