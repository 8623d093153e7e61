"""The cost of provenance: CPU time for a file, for a pair, and as a share of a scan. Run by hand.

    python tests/benchmarks/provenance_cost.py [--pairs 20] [--photos 200]

Draws photos of one megapixel and a copy of each; then a folder of photos of which one in twenty has
a copy, and scans it. Prints milliseconds of CPU time of one thread, and shares of the scan's time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from photo_files import draw_scene, encode, reopen

from dedupe.pipeline import scan
from dedupe.provenance.evidence import compare
from dedupe.provenance.source import Source, read_source

SIZE = {"width": 1152, "height": 864}


def time_each(work: Callable[[int], object], count: int) -> float:
    """Return the median CPU time of `work` on 0 .. count - 1, milliseconds."""
    times = []
    for number in range(count):
        began = time.thread_time()
        work(number)
        times.append(time.thread_time() - began)
    return 1000 * float(np.median(times))


def measure_pairs(count: int) -> None:
    """Print the cost of decoding a file, of preparing it, and of comparing a pair."""
    cv2.setNumThreads(1)
    originals = [encode(draw_scene(seed, **SIZE), quality=92) for seed in range(count)]
    copies = [encode(reopen(data), quality=80) for data in originals]
    files = [data for pair in zip(originals, copies, strict=True) for data in pair]
    sources: list[Source] = []

    def read(number: int) -> None:
        sources.append(read_source(files[number]))

    def prepare(number: int) -> Sequence[object]:
        file = sources[number]
        return file.luma, file.pyramid, file.alone

    read_time = time_each(read, len(files))
    prepare_time = time_each(prepare, len(files))
    pair_time = time_each(lambda n: compare(sources[2 * n], sources[2 * n + 1]), count)
    print(f"read and decode a file: {read_time:.1f} ms")
    print(f"prepare a file: {prepare_time:.1f} ms")
    print(f"compare a pair: {pair_time:.1f} ms")
    print(f"examine a file of a pair, decoding apart: {prepare_time + pair_time / 2:.1f} ms")


def measure_scan(photos: int, folder: Path) -> None:
    """Print the time of the stages of a scan of a folder with few copies."""
    for seed in range(photos):
        scene = draw_scene(1000 + seed, **SIZE)
        data = encode(scene, quality=92)
        (folder / f"{seed}.jpg").write_bytes(data)
        if seed % 20 == 0:
            (folder / f"{seed} copy.jpg").write_bytes(encode(reopen(data), quality=80))
    marks: dict[str, float] = {}

    def mark(stage: str, _done: int, _total: int) -> None:
        marks[stage] = time.perf_counter()

    began = time.perf_counter()
    report = scan(folder, index=None, workers=1, on_progress=mark)
    ended = time.perf_counter()
    before = max(value for stage, value in marks.items() if stage != "keep")
    print(f"scan of {photos} photos, {len(report.groups)} with a copy: {ended - began:.1f} s")
    print(f"share of provenance: {(ended - before) / (ended - began):.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--photos", type=int, default=200)
    args = parser.parse_args()
    measure_pairs(args.pairs)
    with tempfile.TemporaryDirectory() as folder:
        measure_scan(args.photos, Path(folder))


if __name__ == "__main__":
    main()
