"""How a scan grows: time, memory and groups among 1,000, 10,000 and 100,000 files.

    python tests/benchmarks/scale.py make PHOTOS OUT [--files 100000]
    python tests/benchmarks/scale.py run OUT [--sizes 1000 10000 100000] [--plot out.png]

`make` cuts each photo below PHOTOS into its four quarters, which share no pixel, at sizes of their
own, and a copy of every tenth file at half the size. `run` scans the first so many files twice,
each time in a fresh process: with an empty index, and then with a full one and nothing changed,
which it compares with a bare walk of the tree that asks each file's `stat`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import cv2
from processes import run as run_once

from dedupe.decode.formats import supported_extensions
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable, read
from dedupe.walk import walk

PER_FOLDER = 1000


def make(photos: str, out: Path, count: int) -> None:
    """Write `count` files below `out`, a thousand to a folder, in an order that is a shuffle."""
    rng = random.Random(1)
    found = [file.path for file in walk([photos], extensions=supported_extensions()).files]
    rng.shuffle(found)
    written = 0
    for path in found:
        try:
            pixels = decode(read(path)).pixels[..., ::-1]
        except Unreadable:
            continue
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        if min(height, width) < 60:
            continue
        for top, left in ((0, 0), (0, width), (height, 0), (height, width)):
            quarter = pixels[top : top + height, left : left + width]
            side = rng.randint(240, 420)
            size = (side, max(32, round(side * height / width)))
            images = [cv2.resize(quarter, size, interpolation=cv2.INTER_CUBIC)]
            if rng.random() < 0.1:
                half = (size[0] // 2, size[1] // 2)
                images.append(cv2.resize(images[0], half, interpolation=cv2.INTER_AREA))
            for image in images:
                folder = out / f"{written // PER_FOLDER:04}"
                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(
                    str(folder / f"{written:07}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 88]
                )
                written += 1
                if written == count:
                    return
    raise SystemExit(f"the photos gave only {written} of {count} files")


def scan(folders: list[str], index: Path, options: list[str]) -> dict[str, float]:
    """Scan in a fresh process and return seconds, peak bytes and what was found."""
    report = index.parent / "report.json"
    command = [sys.executable, "-m", "dedupe", "scan", *folders, "--index", str(index)]
    command += ["--report", str(report), "--format", "json", "--quiet", *options]
    usage = run_once(command)
    groups = json.loads(report.read_text())["groups"]
    return {"seconds": usage.seconds, "bytes": float(usage.memory), "groups": float(len(groups))}


def walk_bare(folders: list[str]) -> float:
    """Return the seconds of `os.scandir` and a `stat` of each entry."""
    began = time.perf_counter()
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                entry.stat()
    return time.perf_counter() - began


def run(out: Path, sizes: list[int], options: list[str], plot: str) -> None:
    folders = [str(path) for path in sorted(out.iterdir())]
    print(f"{'files':>8} {'cold s':>8} {'files/s':>8} {'warm s':>7} {'bare s':>7} {'warm/bare':>9}"
          f" {'peak MB':>8} {'groups':>7}")  # fmt: skip
    rows = []
    for size in sizes:
        some = folders[: max(1, size // PER_FOLDER)]
        files = len(walk(some, extensions=supported_extensions()).files)
        with tempfile.TemporaryDirectory() as scratch:
            index = Path(scratch) / "index.sqlite"
            cold = scan(some, index, options)
            warm, bare = scan(some, index, options), walk_bare(some)
        rows.append((files, cold["seconds"], warm["seconds"], cold["bytes"] / 1e6))
        print(
            f"{files:8} {cold['seconds']:8.1f} {files / cold['seconds']:8.0f}"
            f" {warm['seconds']:7.2f} {bare:7.2f} {warm['seconds'] / bare:9.1f}"
            f" {cold['bytes'] / 1e6:8.0f} {cold['groups']:7.0f}"
        )
    if plot:
        draw(rows, plot)


def draw(rows: list[tuple[int, float, float, float]], out: str) -> None:
    from matplotlib.figure import Figure

    files, cold, warm, memory = zip(*rows, strict=True)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.loglog(files, cold, "o-", label="first scan")
    left.loglog(files, warm, "o-", label="second scan, nothing changed")
    left.set_xlabel("files")
    left.set_ylabel("seconds")
    left.legend()
    right.loglog(files, memory, "o-")
    right.set_xlabel("files")
    right.set_ylabel("peak memory, MB")
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(required=True, dest="verb")
    making = verbs.add_parser("make")
    making.add_argument("photos")
    making.add_argument("out", type=Path)
    making.add_argument("--files", type=int, default=100_000)
    running = verbs.add_parser("run")
    running.add_argument("out", type=Path)
    running.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    running.add_argument("--plot", default="")
    running.add_argument("options", nargs="*", help="More options of `dedupe scan`, after --.")
    given = parser.parse_args()
    if given.verb == "make":
        make(given.photos, given.out, given.files)
    else:
        run(given.out, given.sizes, given.options, given.plot)


if __name__ == "__main__":
    main()
