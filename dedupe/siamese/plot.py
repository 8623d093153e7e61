"""Curves of a training run and of an evaluation, as picture files; needs the `plot` extra."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dedupe.distribution import install_hint
from dedupe.errors import EncoderError, UsageError
from dedupe.files.outputs import check_output
from dedupe.files.replace import replace_file
from dedupe.siamese.evaluate import Evaluation
from dedupe.siamese.log import LOG_COLUMNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE = (7.2, 4.2)  # inches
_DASHES = ("-", "--", "-.", ":")
_MARKS: dict[str, dict[str, str]] = {  # by which `dedupe.files.outputs` knows an earlier plot
    ".png": {"Software": "dedupe"},
    ".svg": {"Creator": "dedupe"},
    ".pdf": {"Creator": "dedupe"},
}


def check_can_plot(path: str) -> None:
    """Find out, before hours of work, whether a plot can be drawn and written.

    Raises:
        UsageError: Matplotlib is not installed or does not write such files, or the path holds a
            file that dedupe did not write as a plot.
        ReportError: the file cannot be written.
    """
    _new_figure()  # raises if Matplotlib is missing
    if Path(path).suffix.lower() not in _MARKS:
        raise UsageError(f"{path!r}: a plot is a .png, .svg or .pdf file")
    check_output(path, "plot")


def plot_evaluation(found: Evaluation, path: Path) -> None:
    """Draw the share of copies found against the rate of false positives, a line a level.

    The axis begins at the least share. Each line is thinner than those below it and has its own
    dashes, so that equal curves stay visible; its name and first value stand at its left end.

    Raises:
        UsageError: Matplotlib is not installed.
        EncoderError: the file cannot be written.
    """
    figure = _new_figure()
    axes = figure.add_subplot(xscale="log", xlabel="false-positive rate, of pairs of photos")
    axes.set_ylabel("share of copies found")
    axes.set_title(f"uAP {found.uap:.4f}: {found.originals} originals, {found.images} images")
    rates = [point.rate for point in found.curve]
    curves = {level: [p.levels[level] for p in found.curve] for level in found.curve[0].levels}
    low = min(map(min, curves.values()))
    margin = max(1 - low, 0.01) * 0.05
    places = spread_out([curve[0] for curve in curves.values()], gap=margin * 1.3)
    for number, (level, curve) in enumerate(curves.items()):
        style, width = _DASHES[number % len(_DASHES)], max(1.2, 5 - 1.2 * number)
        (line,) = axes.plot(rates, curve, style, linewidth=width, label=level)
        axes.annotate(
            f"{level} {curve[0]:.3f}", (rates[0], curve[0]), (-8, places[number]), va="center",
            textcoords=("offset points", "data"), ha="right", color=line.get_color(),
        )  # fmt: skip
    axes.set_ylim(low - 2 * margin, 1 + 2 * margin)
    axes.set_xlim(rates[0], rates[-1])
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.grid(alpha=0.3)
    _write(figure, path)


def spread_out(values: Sequence[float], *, gap: float) -> list[float]:
    """Return places for labels near their values, in the same order and at least `gap` apart.

    Labels move down only: a place is the value, or `gap` below the next higher place.
    """
    places = list(values)
    higher: float | None = None
    for number in sorted(range(len(values)), key=lambda n: -values[n]):
        if higher is not None:
            places[number] = min(places[number], higher - gap)
        higher = places[number]
    return places


def plot_training(log: Path, path: Path) -> None:
    """Draw loss, pair accuracy and spread against the steps of a `training.csv`.

    Raises:
        UsageError: Matplotlib is not installed.
        EncoderError: the log cannot be read, or the file cannot be written.
    """
    try:
        with log.open(newline="") as file:
            read = csv.DictReader(file)
            rows = [{name: float(row[name]) for name in LOG_COLUMNS} for row in read]
    except (OSError, TypeError, ValueError, KeyError) as error:
        raise EncoderError(f"{log} is no log of a training run: {error}") from error
    figure = _new_figure()
    steps = [row["step"] for row in rows]
    left = figure.add_subplot(xlabel="step", ylabel="loss")
    left.plot(steps, [row["loss"] for row in rows], color="tab:red", label="loss")
    right = left.twinx()
    for name, colour in (("pair_accuracy", "tab:blue"), ("spread", "tab:green")):
        right.plot(steps, [row[name] for row in rows], color=colour, label=name.replace("_", " "))
    right.set_ylim(0, 1.02)
    figure.legend(loc="center right", bbox_to_anchor=(0.9, 0.5))
    _write(figure, path)


def _new_figure() -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(f"a plot needs Matplotlib: {install_hint('plot')}") from error
    return Figure(figsize=_SIZE, layout="constrained")


def _write(figure: Figure, path: Path) -> None:
    drawn = io.BytesIO()
    suffix = path.suffix.lower()
    figure.savefig(drawn, dpi=150, format=suffix.lstrip("."), metadata=_MARKS[suffix])
    check_output(str(path), "plot")
    try:
        replace_file(str(path), [drawn.getvalue()])
    except OSError as error:
        raise EncoderError(f"{path} cannot be written: {error.strerror}") from error
