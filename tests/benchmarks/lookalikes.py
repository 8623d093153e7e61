"""Unique pictures that are similar to each other, and true copies of them. Run by hand.

    python tests/benchmarks/lookalikes.py make OUT [--layouts 10] [--seed 1] [--kinds held-out]
    dedupe scan OUT/images --index none --format json --report REPORT.json
    python tests/benchmarks/lookalikes.py score OUT REPORT.json

`make` draws each kind in several layouts, each layout with two to five contents, and true copies of
some. OUT/truth.csv has file, kind, set (tuning or held-out), picture and edit ("" for the picture
itself). `score` prints, for each kind, the files with a unique picture that would be removed, and
the share of true copies that are in a group with another file of their picture. Fonts come from
matplotlib and, if present, /usr/share/fonts; photos come from sample_data.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
from lookalike import maps, papers, plots, scenes, screens, small
from lookalike.brush import Kind, Rng
from lookalike.copies import COPIES, SMALL_COPIES, save
from made_folder import read_truth, write_truth
from PIL import Image

KINDS = (
    *papers.KINDS, *plots.KINDS, *screens.KINDS, *small.KINDS, *maps.KINDS, *scenes.KINDS,
)  # fmt: skip
COPIED = 0.4  # share of the pictures of which copies are made
SUFFIX = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


def make(out: Path, layouts: int, seed: int, kinds: list[Kind]) -> None:
    """Write OUT/images and OUT/truth.csv; the same seed gives the same pixels."""
    rows: list[tuple[str, ...]] = []
    for kind in kinds:
        for layout in range(layouts):
            drawn: set[bytes] = set()
            for variant in range(kind.variants):
                key = (seed, zlib.crc32(kind.name.encode()), layout)
                look, content = np.random.default_rng(key), np.random.default_rng((*key, variant))
                image = kind.draw(look, content)
                if image.tobytes() not in drawn:
                    drawn.add(image.tobytes())
                    lossy = not kind.small and layout % 3 == 2
                    files = render(image, "JPEG" if lossy else "PNG", content, small=kind.small)
                    rows += write(out / "images", kind, f"{layout:03}-{variant}", files)
    write_truth(out, ("file", "kind", "set", "picture", "edit"), rows)


def render(image: Image.Image, form: str, rng: Rng, *, small: bool) -> list[tuple[str, str, bytes]]:
    """Return edit, format and bytes of a picture, and of its copies if any are made."""
    files = [("", form, save(image, form))]
    if rng.random() < COPIED:
        for edit, copy in (SMALL_COPIES if small else COPIES).items():
            changed, form = copy(image, rng)
            files.append((edit, form, save(changed, form)))
    return files


def write(
    folder: Path, kind: Kind, picture: str, files: list[tuple[str, str, bytes]]
) -> list[tuple[str, ...]]:
    """Write the files of one picture; return their rows of the truth."""
    held = "held-out" if kind.held_out else "tuning"
    place = kind.name.replace(": ", "-").replace(" ", "-")
    (folder / place).mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, ...]] = []
    for edit, form, data in files:
        path = f"{place}/{picture}{'-' if edit else ''}{edit.replace(' ', '-')}{SUFFIX[form]}"
        (folder / path).write_bytes(data)
        rows.append((path, kind.name, held, f"{kind.name}/{picture}", edit))
    return rows


def score(out: Path, report: Path) -> list[tuple[str, str, int, int, int, int]]:
    """Return rows of set, kind, files, wrong removals, true copies found, true copies."""
    truth = read_truth(out)
    root = (out / "images").resolve()
    wrong: defaultdict[str, int] = defaultdict(int)
    found: set[str] = set()
    for group in json.loads(report.read_text(encoding="utf-8"))["groups"]:
        paths = [group["keeper"]["path"], *(d["path"] for d in group["duplicates"])]
        rows = [truth[Path(path).resolve().relative_to(root).as_posix()] for path in paths]
        for row in rows[1:]:
            wrong[row["kind"]] += row["picture"] != rows[0]["picture"]
        pictures = [row["picture"] for row in rows]
        found |= {row["file"] for row in rows if row["edit"] and pictures.count(row["picture"]) > 1}
    table = []
    for kind in dict.fromkeys(row["kind"] for row in truth.values()):
        rows = [row for row in truth.values() if row["kind"] == kind]
        copies = [row["file"] for row in rows if row["edit"]]
        hits = sum(file in found for file in copies)
        table.append((rows[0]["set"], kind, len(rows), wrong[kind], hits, len(copies)))
    return sorted(table, key=lambda row: row[0])


def show(table: list[tuple[str, str, int, int, int, int]]) -> None:
    print("| set | kind | files | wrong removals | true copies found |\n|---|---|---|---|---|")
    for name in dict.fromkeys(row[0] for row in table):
        rows = [row[1:] for row in table if row[0] == name]
        sums = [sum(column) for column in list(zip(*rows, strict=True))[1:]]
        for kind, files, wrong, hits, copies in (*rows, ("**all**", *sums)) if rows else ():
            share = f"{hits / copies:.3f} of {copies}" if copies else ""
            print(f"| {name} | {kind} | {files} | {wrong} | {share} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("out", type=Path)
    making.add_argument("--layouts", type=int, default=10)
    making.add_argument("--seed", type=int, default=1)
    making.add_argument("--kinds", nargs="*", default=[], help="names, `held-out` or `tuning`")
    scoring = commands.add_parser("score")
    scoring.add_argument("out", type=Path)
    scoring.add_argument("report", type=Path)
    options = parser.parse_args()
    if options.command == "score":
        show(score(options.out, options.report))
        return
    sets = {False: "tuning", True: "held-out"}
    wanted = set(options.kinds)
    kinds = [k for k in KINDS if not wanted or k.name in wanted or sets[k.held_out] in wanted]
    make(options.out, options.layouts, options.seed, kinds)


if __name__ == "__main__":
    main()
