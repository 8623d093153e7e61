"""The levels of verification: how many pairs reach each, what it decides and costs. Run by hand.

    python tests/benchmarks/levels.py BENCH PHOTOS [--groups 10] [--shots 10]

BENCH holds `images/` and `truth.csv` as for verification.py: each original with its edits makes the
copies. PHOTOS are rendered as other shots, see `take` in verification.py. A level counts alone what
it accepts of all shots (false copies) and rejects of all copies (false refusals).
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from verification import SHOTS, find_photos, load, take

from dedupe.decode.image import decode
from dedupe.decode.thumbnail import make_thumbnail
from dedupe.verify.align import align_frames, align_points, one_thread_each
from dedupe.verify.cascade import compare
from dedupe.verify.features import Features
from dedupe.verify.judge import judge
from dedupe.verify.overlap import measure
from dedupe.verify.thumbnail import Thumbnail, judge_thumbnails, open_thumbnail

Pixels = NDArray[np.uint8]


class Picture:
    """One picture at all levels."""

    def __init__(self, pixels: Pixels) -> None:
        _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        square = decode(data.tobytes(), side=128).pixels
        size = pixels.shape[1], pixels.shape[0]
        self.thumbnail: Thumbnail = open_thumbnail(make_thumbnail(square), size)
        self.features = Features(pixels, load_fine=lambda: pixels)


def by_thumbnails(first: Picture, second: Picture) -> bool | None:
    verdict = judge_thumbnails(first.thumbnail, second.thumbnail)
    return None if verdict is None else verdict.is_copy


def by_frames(first: Picture, second: Picture) -> bool | None:
    return _accept(align_frames, first, second)


def by_points(first: Picture, second: Picture) -> bool | None:
    return _accept(align_points, first, second)


def by_all(first: Picture, second: Picture) -> bool:
    return compare(first.features, second.features).is_copy


def _accept(align: Callable[..., object], first: Picture, second: Picture) -> bool | None:
    alignment = align(first.features, second.features)
    overlap = None if alignment is None else measure(alignment)  # type: ignore[arg-type]
    return True if overlap is not None and judge(overlap).is_copy else None


LEVELS: dict[str, Callable[[Picture, Picture], bool | None]] = {
    "thumbnails": by_thumbnails,
    "frames": by_frames,
    "points": by_points,
    "perspective, details": by_all,
}


def list_copies(bench: Path, groups: int) -> Iterator[tuple[Picture, Picture]]:
    members: dict[str, dict[str, Path]] = defaultdict(dict)
    with (bench / "truth.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["group"]:
                members[row["group"]][row["edit"]] = bench / "images" / row["file"]
    for group in sorted(members)[:groups]:
        original = Picture(load(members[group].pop("original")))
        for path in members[group].values():
            yield original, Picture(load(path))


def list_shots(photos: list[Path], count: int) -> Iterator[tuple[Picture, Picture]]:
    for number in range(min(count, len(photos))):
        pixels = load(photos[number * len(photos) // count])
        for shot in SHOTS:
            first, second = take(pixels, shot, np.random.default_rng(number))
            yield Picture(first), Picture(second)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("bench", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--shots", type=int, default=10)
    options = parser.parse_args()
    reached, decided = dict.fromkeys(LEVELS, 0), dict.fromkeys(LEVELS, 0)
    seconds, false = dict.fromkeys(LEVELS, 0.0), {name: [0, 0] for name in LEVELS}
    totals = [0, 0]
    with one_thread_each():
        for kind, pairs in enumerate(
            (
                list_copies(options.bench, options.groups),
                list_shots(find_photos(options.photos), options.shots),
            )
        ):
            for first, second in pairs:
                totals[kind] += 1
                is_open = True
                for name, level in LEVELS.items():
                    began = time.thread_time()
                    found = level(first, second)
                    seconds[name] += time.thread_time() - began
                    false[name][kind] += found is (kind == 1)  # a copy rejected, a shot accepted
                    reached[name] += is_open
                    if is_open and found is not None:
                        decided[name] += 1
                        is_open = False
    print(f"{totals[0]} copies, {totals[1]} other shots; microseconds of one thread\n")
    print("| level | reached | decided | us a pair | false copies | false refusals |")
    print("|---|---|---|---|---|---|")
    for name in LEVELS:
        cost = round(1e6 * seconds[name] / max(1, sum(totals)))
        share = decided[name] / max(1, reached[name])
        cells = (name, reached[name], f"{share:.2f}", cost, *reversed(false[name]))
        print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
