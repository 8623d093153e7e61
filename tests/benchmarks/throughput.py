"""How fast a scan is: images a second against the limit that decoding sets, and against peers.

    python tests/benchmarks/throughput.py PHOTOS [--rounds 3] [--peers PYTHON] [--plot out.png]

Every round runs each contender once, in a fresh process, one after another, so that a busy machine
slows all of them down alike; the table lists the median of each, the share of all cores that it
kept busy, and its ratio to the limit, which is to read every file and decode it to the encoder's
square or more (JPEG at the smallest DCT scale that covers 96 pixels, through libjpeg-turbo), on as
many threads as there are cores, and nothing else. PYTHON is the interpreter of an environment in
which imagehash, czkawka or fastdup is installed; those that are not are left out. A second table
lists the time of each stage, in seconds of processor time, all threads together.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import simplejpeg
from processes import Usage, run

from dedupe.decode.formats import supported_extensions
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable, read
from dedupe.walk import walk

LIMIT = "decode limit"
SCANS = {"dedupe scan": [], "dedupe scan --no-verify": ["--no-verify"]}
PEERS = {  # what each imports, and what its user runs
    "pHash@8, all cores": (
        "imagehash",
        """
import sys, os
from concurrent.futures import ProcessPoolExecutor
import imagehash, numpy as np
from PIL import Image
def digest(path):
    try: return imagehash.phash(Image.open(path)).hash.ravel()
    except Exception: return None
files = [os.path.join(r, f) for r, _, names in os.walk(sys.argv[1]) for f in names]
with ProcessPoolExecutor() as pool:
    rows = [h for h in pool.map(digest, files, chunksize=32) if h is not None]
bits = np.stack(rows).astype("float32")
far = bits @ (1 - bits).T + (1 - bits) @ bits.T
np.where(np.triu(far <= 8, 1))
""",
    ),
    "czkawka@10": (
        "czkawka",
        """
import sys
from czkawka import ImageSimilarity
z = ImageSimilarity(); z.set_directories([sys.argv[1]]); z.set_similarity(10); z.find_similar()
""",
    ),
    "fastdup@0.9": (
        "fastdup",
        """
import sys, os, tempfile
import fastdup
fd = fastdup.create(work_dir=tempfile.mkdtemp(), input_dir=sys.argv[1])
fd.run(ccthreshold=.9, threshold=.9, nearest_neighbors_k=30, overwrite=True,
       num_threads=os.cpu_count())
fd.similarity()
""",
    ),
}


def decode_all(folder: str) -> None:
    """Read and decode every file, as little as can be: the limit."""

    def one(file: Any) -> None:
        try:
            data = read(file.path)
            if data.startswith(b"\xff\xd8\xff"):
                simplejpeg.decode_jpeg(data, "RGB", True, True, 96, 96, strict=False)
            else:
                decode(data, side=96)
        except (Unreadable, ValueError):
            pass

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, walk([folder], extensions=supported_extensions()).files, chunksize=32))


def find_stages(folder: str) -> dict[str, float]:
    """Return the processor seconds of the stages of a scan that does not verify."""
    import dedupe
    from dedupe.embed import files
    from dedupe.encoder import runtime
    from dedupe.files import digest
    from dedupe.pipeline import resources, stages

    spent: dict[str, float] = {}

    def clock(owner: Any, name: str, stage: str, now: Callable[[], float]) -> None:
        function = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            began = now()
            try:
                return function(*args, **options)
            finally:
                spent[stage] = spent.get(stage, 0.0) + now() - began

        setattr(owner, name, timed)

    clock(resources, "walk", "walk", time.process_time)
    clock(files, "read", "read", time.thread_time)
    clock(digest, "digest_bytes", "digest", time.thread_time)
    clock(files, "decode", "decode", time.thread_time)
    clock(stages, "find_candidates", "search", time.process_time)
    clock(runtime.LiteRTEncoder, "embed", "embed", time.thread_time)  # runs in its caller's thread
    began = time.process_time()
    dedupe.scan(folder, index=None, verify=False)
    spent["rest"] = time.process_time() - began - sum(spent.values())
    return spent


def find_peers(python: str) -> dict[str, list[str]]:
    """Return the commands of the peers that an interpreter can import."""
    if not python:
        return {}
    commands = {}
    for name, (module, code) in PEERS.items():
        asked = subprocess.run([python, "-c", f"import {module}"], capture_output=True)
        if not asked.returncode:
            commands[name] = [python, "-c", code]
    return commands


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="", help="Python of an environment with peers.")
    parser.add_argument("--plot", default="", help="PNG or SVG for the bars of both tables.")
    parser.add_argument("--only", default="", help=argparse.SUPPRESS)  # for its own processes
    options = parser.parse_args()
    if options.only == "limit":
        decode_all(options.photos)
        return
    if options.only == "stages":
        print(json.dumps(find_stages(options.photos)))
        return
    taken, images = race(options.photos, options.rounds, options.peers)
    show(taken, images)
    asked = [sys.executable, __file__, options.photos, "--only", "stages"]
    stages = json.loads(subprocess.run(asked, stdout=subprocess.PIPE, check=True, text=True).stdout)
    print("\nwhere a scan's processor time goes (no verification), milliseconds an image")
    for stage, seconds in stages.items():
        print(f"  {stage:8} {1e3 * seconds / images:7.3f}  {seconds / sum(stages.values()):4.0%}")
    if options.plot:
        plot(taken, stages, images, options.plot)


def race(folder: str, rounds: int, peers: str) -> tuple[dict[str, list[Usage]], int]:
    """Run every contender in turn, round by round."""
    images = len(walk([folder], extensions=supported_extensions()).files)
    with tempfile.TemporaryDirectory() as scratch:
        report = str(Path(scratch, "report.csv"))
        scan = [sys.executable, "-m", "dedupe", "scan", folder, "--no-index", "--report", report]
        commands = {LIMIT: [sys.executable, __file__, folder, "--only", "limit"]}
        commands |= {name: [*scan, "--quiet", *options] for name, options in SCANS.items()}
        commands |= {n: [*command, folder] for n, command in find_peers(peers).items()}
        taken: dict[str, list[Usage]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                taken[name].append(run(command))
    return taken, images


def median(runs: list[Usage]) -> float:
    return statistics.median(one.seconds for one in runs)


def find_busy(runs: list[Usage]) -> float:
    """Return the share of all cores that the runs kept busy from start to end."""
    cores = os.cpu_count() or 1
    return sum(one.processor for one in runs) / sum(one.seconds for one in runs) / cores


def show(taken: dict[str, list[Usage]], images: int) -> None:
    limit = median(taken[LIMIT])
    print(f"{images} images, {os.cpu_count()} cores, fresh processes, nothing remembered\n")
    print(f"{'':26} {'seconds':>8} {'images/s':>9} {'of the limit':>13} {'busy':>5} {'peak MB':>8}")
    for name, runs in taken.items():
        seconds, memory = median(runs), max(one.memory for one in runs)
        print(
            f"{name:26} {seconds:8.2f} {images / seconds:9.0f} {limit / seconds:13.2f}"
            f" {find_busy(runs):5.0%} {memory / 1e6:8.0f}"
        )


def draw_bars(axes: Any, values: dict[str, float], colours: list[str], form: str) -> None:
    """Draw a horizontal bar for each value, from the top, with the value beside it."""
    bars = axes.barh(list(values), list(values.values()), color=colours)
    axes.bar_label(bars, [form.format(value) for value in values.values()], padding=3)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)


def plot(taken: dict[str, list[Usage]], stages: dict[str, float], images: int, out: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 0.7 + 0.42 * max(len(taken), len(stages))), layout="constrained")
    left, right = figure.subplots(1, 2)
    rates = {name: images / median(runs) for name, runs in taken.items()}
    colours = ["#3b6ea8" if name in SCANS else "#a9b4c0" for name in rates]
    draw_bars(left, rates, colours, "{:,.0f}")
    left.set_xlabel("images a second, whole process (blue: dedupe)")
    draw_bars(right, {s: 1e3 * t / images for s, t in stages.items()}, ["#3b6ea8"], "{:.2f}")
    right.set_xlabel("dedupe --no-verify: milliseconds of processor time an image")
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
