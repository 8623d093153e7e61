"""Draw the learning curves of encoders that seeds.py kept: one line for each folder.

    python tests/benchmarks/seed_curves.py docs/siamese-backbones.png DIR...

A line is the share of the views of a step that lie nearest to the other view of their photo, among
all views of the step (`pair_accuracy` of `training/training.csv`).
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from matplotlib.figure import Figure

from dedupe.encoder.manifest import read_manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("folders", type=Path, nargs="+", help="as seeds.py --out wrote them")
    options = parser.parse_args()
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="views nearest to their twin", ylim=(0, 1.02))
    for folder in options.folders:
        manifest = read_manifest(folder)
        with (folder / "training" / "training.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        steps = [int(row["step"]) for row in rows]
        share = [float(row["pair_accuracy"]) for row in rows]
        axes.plot(steps, share, label=f"{manifest.name}, {manifest.side} pixels")
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    figure.savefig(options.picture, dpi=110)
    print(f"{options.picture}: {len(options.folders)} curves")


if __name__ == "__main__":
    main()
