"""The levels of verification: how many pairs reach each, what it decides and costs. Run by hand.

    python tests/benchmarks/levels.py BENCH PHOTOS [--groups 10] [--shots 10] [--others 300]

BENCH holds `images/` and `truth.csv` as for verification.py: each original with its edits makes the
copies. PHOTOS are rendered as other shots, see `take` in verification.py; different ones of them
within `wide` are other photos. A level counts alone what it accepts of all other pairs
(false copies) and rejects of all copies (false refusals).
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from verification import SHOTS, find_photos, load, take

from dedupe.decode.image import decode
from dedupe.decode.thumbnail import make_thumbnail
from dedupe.encoder.manifest import Encoder
from dedupe.encoder.runtime import open_encoder
from dedupe.verify.align import one_thread_each
from dedupe.verify.cascade import LEVELS, Case, Picture, by_points
from dedupe.verify.features import Features
from dedupe.verify.thumbnail import open_thumbnail

Pixels = NDArray[np.uint8]


class Seen:
    """One picture as the levels read it, and its embedding."""

    def __init__(self, pixels: Pixels, encoder: Encoder) -> None:
        _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        square = decode(data.tobytes(), side=encoder.manifest.side).pixels
        self.vector = encoder.embed(square[None])[0]  # (D,)
        thumbnail = open_thumbnail(make_thumbnail(square), (pixels.shape[1], pixels.shape[0]))
        features = Features(pixels)
        self.picture = Picture(lambda: features, thumbnail)


def open_case(first: Seen, second: Seen) -> Case:
    distance = float(np.linalg.norm(first.vector - second.vector))
    return Case(first.picture, second.picture, distance)


def run_alone(name: str, first: Seen, second: Seen) -> tuple[bool | None, float]:
    """Return what one level decides, and its seconds."""
    case = open_case(first, second)
    if name == "perspective":
        by_points(case)
    began = time.thread_time()
    found = LEVELS[name](case)
    seconds = time.thread_time() - began
    return (None if found is None else found.verdict.is_copy), seconds


def list_copies(bench: Path, groups: int, encoder: Encoder) -> Iterator[tuple[Seen, Seen]]:
    members: dict[str, dict[str, Path]] = defaultdict(dict)
    with (bench / "truth.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["group"]:
                members[row["group"]][row["edit"]] = bench / "images" / row["file"]
    for group in sorted(members)[:groups]:
        original = Seen(load(members[group].pop("original")), encoder)
        for path in members[group].values():
            yield original, Seen(load(path), encoder)


def list_shots(photos: list[Path], count: int, encoder: Encoder) -> Iterator[tuple[Seen, Seen]]:
    for number in range(min(count, len(photos))):
        pixels = load(photos[number * len(photos) // count])
        for shot in SHOTS:
            first, second = take(pixels, shot, np.random.default_rng(number))
            yield Seen(first, encoder), Seen(second, encoder)


def list_others(photos: list[Path], count: int, encoder: Encoder) -> Iterator[tuple[Seen, Seen]]:
    """Yield the pairs of different photos within `wide` among `count` photos."""
    seen = [Seen(load(path), encoder) for path in photos[:: max(1, len(photos) // count)]]
    vectors = np.stack([one.vector for one in seen])
    near = np.triu(2 - 2 * vectors @ vectors.T < encoder.manifest.threshold("wide") ** 2, 1)
    for first, second in zip(*np.nonzero(near), strict=True):
        yield seen[first], seen[second]


class Table:
    """Counts and times of each level."""

    def __init__(self) -> None:
        self.reached, self.decided = dict.fromkeys(LEVELS, 0), dict.fromkeys(LEVELS, 0)
        self.seconds = dict.fromkeys(LEVELS, 0.0)
        self.false = {name: [0, 0] for name in LEVELS}  # refusals of copies, false copies

    def add(self, first: Seen, second: Seen, are_copies: bool) -> None:
        is_open = True
        for name in list(LEVELS)[:-1]:  # the last one decides what the others left
            found, seconds = run_alone(name, first, second)
            self.false[name][not are_copies] += found is not None and found != are_copies
            if is_open:
                self.reached[name] += 1
                self.seconds[name] += seconds
                self.decided[name] += found is not None
                is_open = found is None
        self.reached["details"] += is_open
        self.decided["details"] += is_open

    def print(self) -> None:
        print("| level | reached | decided | us a pair | false copies | false refusals |")
        print("|---|---|---|---|---|---|")
        for name, reached in self.reached.items():
            share = self.decided[name] / max(1, reached)
            cost = round(1e6 * self.seconds[name] / max(1, reached))
            refusals, copies = self.false[name]
            cells = (name, reached, f"{share:.2f}", cost, copies, refusals)
            print("| " + " | ".join(map(str, cells)) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("bench", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--shots", type=int, default=10)
    parser.add_argument("--others", type=int, default=300)
    given = parser.parse_args()
    encoder, photos = open_encoder(device="cpu"), find_photos(given.photos)
    table, totals = Table(), []
    with one_thread_each():
        for are_copies, pairs in (
            (True, list_copies(given.bench, given.groups, encoder)),
            (False, list_shots(photos, given.shots, encoder)),
            (False, list_others(photos, given.others, encoder)),
        ):
            totals.append(0)
            for first, second in pairs:
                totals[-1] += 1
                table.add(first, second, are_copies)
    print("{} copies, {} other shots, {} other photos; one thread\n".format(*totals))
    table.print()


if __name__ == "__main__":
    main()
