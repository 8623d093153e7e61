"""The log of a training run: `training.csv`, a line every few steps, also across a stop."""

from __future__ import annotations

import csv
import time
from pathlib import Path

LOG_COLUMNS = ("step", "side", "loss", "pair_accuracy", "spread", "learning_rate", "images_per_s")


class TrainingLog:
    """The CSV log; a resumed run drops the lines after its checkpoint and goes on below."""

    def __init__(self, path: Path, first: int, *, views: int) -> None:
        """Open the log.

        Args:
            path: the file, made anew if `first` is 0.
            first: steps done before.
            views: images a step.
        """
        self._path = path
        self._views = views
        self._since = (time.perf_counter(), first)
        kept: list[dict[str, str]] = []
        if path.exists() and first:
            with path.open(newline="") as old:
                kept = [row for row in csv.DictReader(old) if int(row["step"]) <= first]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, LOG_COLUMNS)
            writer.writeheader()
            writer.writerows(kept)

    def write(self, step: int, side: int, learning_rate: float, numbers: dict[str, float]) -> None:
        """Append the line of a step, with the speed since the line before.

        Args:
            step: steps done.
            side: edge of the views of that step, in pixels.
            learning_rate: of the step that comes next.
            numbers: loss, pair_accuracy and spread, averaged since the line before.
        """
        now = time.perf_counter()
        then, last = self._since
        rate = (step - last) * self._views / (now - then)
        self._since = (now, step)
        values = [numbers[name] for name in ("loss", "pair_accuracy", "spread")]
        row = [f"{value:.5g}" for value in (*values, learning_rate, rate)]
        with self._path.open("a", newline="") as file:
            csv.writer(file).writerow([step, side, *row])
