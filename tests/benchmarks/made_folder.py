"""A folder of photos and of images made from them, with the truth about each, and a scan of it.

The folder has `images/` and `truth.csv`, one row for each image. Shared by the benchmarks that make
such a folder (`make`) and score a scan of it (`score`).
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from processes import Usage, run

from dedupe.decode.formats import supported_extensions
from dedupe.report import read_report
from dedupe.types import Group
from dedupe.walk import walk

T = TypeVar("T")


def choose_photos(photos: Path, count: int) -> list[str]:
    """Return the paths of `count` photos below a folder, every k-th in path order."""
    found = [file.path for file in walk([str(photos)], extensions=supported_extensions()).files]
    return [found[number * len(found) // count] for number in range(min(count, len(found)))]


def write_truth(out: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write `truth.csv`; the first column is `file`."""
    with (out / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def read_truth(folder: Path) -> dict[str, dict[str, str]]:
    """Return the row of each image, by the name of its file."""
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def scan_images(folder: Path, options: Sequence[str]) -> tuple[tuple[Group, ...], Usage]:
    """Scan `images/` without an index; return the groups, and the time and memory of the scan."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.csv"
        command = ["dedupe", "scan", str(folder / "images"), "--report", str(report), "--no-index"]
        usage = run([*command, "--quiet", *options])
        return (read_report(str(report)).groups if report.exists() else ()), usage


def run_command(
    doc: str | None,
    lists: Mapping[str, T],
    *,
    count: int,
    make: Callable[[Path, Path, T, int], None],
    score: Callable[[Path, list[str]], None],
) -> None:
    """Run `make PHOTOS OUT [--list NAME] [--photos N]` or `score OUT [SCAN OPTIONS ...]`.

    Args:
        doc: docstring of the script; its first line describes the command.
        lists: argument of `make` by the name of its list; `held-out` is the default.
        count: photos, if --photos is not given.
        make: called with photos, out, the chosen list and the count.
        score: called with out and the options of the scan.
    """
    parser = argparse.ArgumentParser(description=(doc or "").split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("photos", type=Path)
    making.add_argument("out", type=Path)
    making.add_argument("--list", choices=lists, default="held-out")
    making.add_argument("--photos", type=int, default=count, dest="count")
    scoring = commands.add_parser("score")
    scoring.add_argument("out", type=Path)
    options, rest = parser.parse_known_args()
    if options.command == "make":
        make(options.photos, options.out, lists[options.list], options.count)
    else:
        score(options.out, rest)
