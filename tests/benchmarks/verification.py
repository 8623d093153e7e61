"""What verification accepts: changed copies, other shots, and at what cost. Run by hand.

    python tests/benchmarks/verification.py copies BENCH [--groups N] [--keeper EDIT]
    python tests/benchmarks/verification.py shots PHOTOS [--photos N]
    python tests/benchmarks/verification.py neighbours PHOTOS --encoder DIR [--pairs N]

BENCH holds `images/` and `truth.csv` (file, group, edit), one original and its changed copies per
group. PHOTOS is a folder of photos of which no two are copies: `shots` renders other shots of
each, `neighbours` takes the pairs that an encoder finds closest, and prints the accepted ones to
look at. Each table has the share of pairs called copies, by all signs and with signs left out.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.decode.image import decode
from dedupe.decode.read import read
from dedupe.encoder.runtime import LiteRTEncoder
from dedupe.verify.align import align_frames, align_points, one_thread_each
from dedupe.verify.features import Features
from dedupe.verify.judge import weigh
from dedupe.verify.overlap import measure

Pixels = NDArray[np.uint8]
Signs = dict[str, float]
SHOTS = ("burst", "burst, still", "moved things", "other view", "bracket", "pan 50 %", "pan 70 %")
FIRST_TRY = ("covered", "agreeing")  # the signs of the first try, see docs/verification.md
LEFT_OUT = {
    "all signs": (),
    "no displacement": ("in place", "rigid"),
    "no odd things": ("nothing foreign",),
    "no exposure": ("one exposure",),
    "no coverage": ("covered",),
}


class Table:
    """Counts verdicts by row, and the time they took."""

    def __init__(self) -> None:
        self.signs: dict[str, list[list[Signs]]] = defaultdict(list)
        self.seconds = {"features": 0.0, "pairs": 0.0}
        self.calls = {"features": 0, "pairs": 0}

    def extract(self, pixels: Pixels) -> Features:
        features: Features = self._timed("features", Features, pixels)
        return features

    def add(self, row: str, first: Features, second: Features) -> bool:
        signs: list[Signs] = self._timed("pairs", _weigh_pair, first, second)
        self.signs[row].append(signs)
        return any(min(s.values()) >= 0.5 for s in signs)

    def _timed(self, what: str, work: Callable[..., Any], *values: Any) -> Any:
        start = time.thread_time()
        result = work(*values)
        self.seconds[what] += time.thread_time() - start
        self.calls[what] += 1
        return result

    def print(self) -> None:
        columns = [*LEFT_OUT, "first try"]
        print(f"{'':16} pairs  " + "  ".join(columns))
        for row, several in self.signs.items():
            kept = [lambda name, out=out: name not in out for out in LEFT_OUT.values()]
            shares = [
                np.mean([_accepts(signs, keeps) for signs in several])
                for keeps in (*kept, FIRST_TRY.__contains__)
            ]
            cells = (f"{s:{len(c)}.3f}" for s, c in zip(shares, columns, strict=True))
            print(f"{row:16} {len(several):5}  " + "  ".join(cells))
        for what, seconds in self.seconds.items():
            calls = self.calls[what]
            print(f"{calls} {what}: {1000 * seconds / max(1, calls):.1f} ms each, one thread")


def _accepts(signs: list[Signs], keeps: Callable[[str], bool]) -> bool:
    """Whether the kept signs of any way to lay the pictures make a copy."""
    return any(min(v for name, v in s.items() if keeps(name)) >= 0.5 for s in signs)


def _weigh_pair(first: Features, second: Features) -> list[Signs]:
    """Return the signs of both alignments that `compare` tries."""
    found: list[Signs] = []
    for align in (align_frames, align_points):
        alignment = align(first, second)
        overlap = None if alignment is None else measure(alignment)
        if overlap is not None:
            found.append(weigh(overlap))
        if found and min(found[-1].values()) >= 0.5:
            break
    return found


def load(path: Path) -> Pixels:
    """Return the photo's pixels, at most 1024 on the longer side."""
    pixels = decode(read(str(path))).pixels
    scale = 1024 / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def find_photos(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))


def measure_copies(table: Table, bench: Path, groups: int, keeper: str) -> None:
    members: dict[str, dict[str, Path]] = defaultdict(dict)
    with (bench / "truth.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["group"]:
                members[row["group"]][row["edit"]] = bench / "images" / row["file"]
    for group in sorted(members)[:groups]:
        features = {edit: table.extract(load(path)) for edit, path in members[group].items()}
        for edit in sorted(features):
            if edit != keeper and not table.add(edit, features[keeper], features[edit]):
                print("missed:", members[group][edit])


def measure_shots(table: Table, photos: list[Path], count: int) -> None:
    chosen = np.random.default_rng(5).permutation(len(photos))[:count]
    for number in sorted(chosen.tolist()):
        pixels = load(photos[number])
        for shot in SHOTS:
            rng = np.random.default_rng(number)
            if table.add(shot, *(table.extract(_compress(p)) for p in take(pixels, shot, rng))):
                print(f"called a copy: {shot} of {photos[number]}")


def measure_neighbours(table: Table, photos: list[Path], encoder: Path, count: int) -> None:
    model = LiteRTEncoder(encoder, threads=1)
    squares = (decode(read(str(p)), side=model.manifest.side).pixels for p in photos)
    vectors = np.concatenate([model.embed(np.stack(some)) for some in _chunks(squares, 64)])
    alike = np.tril(vectors @ vectors.T - 3, -1) + 3  # (N, N) cosines; 3 from the diagonal on
    for at in np.argsort(-np.where(alike < 2, alike, -3), axis=None)[:count].tolist():
        first, second = (photos[row] for row in divmod(at, len(photos)))
        if table.add("neighbours", *(table.extract(load(p)) for p in (first, second))):
            distance = np.sqrt(max(0.0, 2 - 2 * alike.flat[at]))
            print(f"called copies at {distance:.3f}: {first} {second}")


def _chunks(items: Iterator[Pixels], size: int) -> Iterator[list[Pixels]]:
    some: list[Pixels] = []
    for item in items:
        some.append(item)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _compress(pixels: Pixels) -> Pixels:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def take(pixels: Pixels, shot: str, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Render two shots of one scene.

    Lengths are shares of the longer side. A burst tilts the camera by 0.006, steps aside so that
    near things move 0.01 against far ones, and one thing moves; the still one 0.004 and 0.006; the
    other view 0.03 and 0.05. Moved things stand before a camera on a tripod. A bracket is three
    stops wide. The two frames of a pan show that share of each other.
    """
    width = pixels.shape[1]
    if shot.startswith("pan"):
        part = round(width / (2 - int(shot.split()[1]) / 100))
        return pixels[:, :part], pixels[:, width - part :]
    if shot == "bracket":
        light = (pixels / 255.0) ** 2.2
        low, high = (np.clip(light * 2.0**stops, 0, 1) for stops in (-1.5, 1.5))
        return _to_pixels(low ** (1 / 2.2) * 255, rng), _to_pixels(high ** (1 / 2.2) * 255, rng)
    tilt, step, things = {
        "burst": (0.006, 0.01, 1),
        "burst, still": (0.004, 0.006, 0),
        "moved things": (0.0, 0.0, 2),
        "other view": (0.03, 0.05, 0),
    }[shot]
    return _expose(pixels, 0, 0, rng), _expose(_move_things(pixels, things, rng), tilt, step, rng)


def _expose(pixels: Pixels, tilt: float, step: float, rng: np.random.Generator) -> Pixels:
    """Return the scene from nearby, with its own noise and exposure, margins cut off."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = (
        frame + side * tilt * rng.uniform(-1, 1, (4, 2)) + side * 2 * tilt * rng.uniform(-1, 1, 2)
    )
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    view = cv2.getPerspectiveTransform(frame, seen.astype(np.float32))
    at = cv2.perspectiveTransform(np.stack([x, y], -1).reshape(-1, 1, 2), view)
    coarse = rng.normal(size=(5, 5)).astype(np.float32)
    depth = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    depth = (depth - depth.min()) / np.ptp(depth)
    mapped = at.reshape(height, width, 2)
    mapped[..., 0] += side * step * depth
    looked = cv2.remap(
        pixels, mapped[..., 0], mapped[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    top, left = round(0.06 * height), round(0.06 * width)
    inner = looked[top : height - top, left : width - left].astype(np.float64)
    return _to_pixels(inner * rng.uniform(0.95, 1.05), rng)


def _move_things(pixels: Pixels, count: int, rng: np.random.Generator) -> Pixels:
    """Return the scene with ellipses of it moved aside, and their place filled from near by."""
    height, width = pixels.shape[:2]
    scene = pixels.astype(np.float64)
    for _ in range(count):
        share = rng.uniform(0.12, 0.25)
        h, w = int(height * share), int(width * share)
        top, left = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        aside = int(rng.uniform(0.05, 0.12) * width) * int(rng.choice([-1, 1]))
        there = int(np.clip(left + aside, 0, width - w))
        behind = int(np.clip(left - 2 * aside, 0, width - w))
        disc = np.zeros((h, w), np.float32)
        cv2.ellipse(disc, (w // 2, h // 2), (int(0.42 * w), int(0.42 * h)), 0, 0, 360, (1,), -1)
        mask = np.asarray(cv2.GaussianBlur(disc, (0, 0), 2))[..., None]
        rows = slice(top, top + h)
        for to, source in ((left, behind), (there, left)):
            new = pixels[rows, source : source + w]
            old = scene[rows, to : to + w]
            scene[rows, to : to + w] = old * (1 - mask) + new * mask
    return scene.astype(np.uint8)


def _to_pixels(values: NDArray[np.float64], rng: np.random.Generator) -> Pixels:
    return (values + rng.normal(0, 3, values.shape)).clip(0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("what", choices=("copies", "shots", "neighbours"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--keeper", default="original")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--encoder", type=Path)
    options = parser.parse_args()
    table = Table()
    with one_thread_each():
        if options.what == "copies":
            measure_copies(table, options.folder, options.groups, options.keeper)
        elif options.what == "shots":
            measure_shots(table, find_photos(options.folder), options.photos)
        elif options.encoder is None or not os.path.isdir(options.encoder):
            parser.error("neighbours need --encoder, the folder of an encoder")
        else:
            photos = find_photos(options.folder)
            measure_neighbours(table, photos, options.encoder, options.pairs)
    table.print()


if __name__ == "__main__":
    main()
