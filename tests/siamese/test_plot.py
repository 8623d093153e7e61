"""Plots: drawn whole, or refused before the work begins."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dedupe.errors import EncoderError, ReportError, UsageError
from dedupe.siamese.evaluate import Evaluation, Recall
from dedupe.siamese.log import TrainingLog
from dedupe.siamese.plot import check_can_plot, plot_evaluation, plot_training, spread_out

RATES = (1e-7, 1e-5, 1e-3)
CURVE = tuple(
    Recall(rate, 0.5, {}, {"easy": 1.0, "hard": 0.8 + 0.1 * step})
    for step, rate in enumerate(RATES)
)
FOUND = Evaluation(0.97, CURVE, CURVE, originals=9, images=100, false_pairs=4000)


def pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(path).convert("RGB"))


def test_a_curve_is_drawn_and_shows_the_figures(tmp_path: Path) -> None:
    plot_evaluation(FOUND, tmp_path / "a.png")
    worse = tuple(replace(point, levels={"easy": 1.0, "hard": 0.1}) for point in CURVE)
    plot_evaluation(replace(FOUND, curve=worse), tmp_path / "b.png")
    one, other = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    assert one.std() > 10
    assert one.shape == other.shape
    assert not np.array_equal(one, other)


def test_labels_of_equal_curves_stand_apart_in_their_order() -> None:
    assert spread_out([1.0, 0.5, 1.0, 1.0], gap=0.25) == [1.0, 0.25, 0.75, 0.5]
    assert spread_out([0.9, 0.2], gap=0.25) == [0.9, 0.2]


def test_curves_of_equal_values_are_all_visible(tmp_path: Path) -> None:
    same = tuple(replace(point, levels=dict.fromkeys("abcd", 1.0)) for point in CURVE)
    plot_evaluation(replace(FOUND, curve=same), tmp_path / "a.png")
    drawn = pixels(tmp_path / "a.png").reshape(-1, 3)
    for colour in ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40)):
        assert (drawn == colour).all(axis=1).sum() > 100  # of more than its label


def test_a_log_is_drawn(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "training.csv", 0, views=4)
    for step in (20, 40, 60):
        log.write(step, 96, 1e-3, {"loss": 5 / step, "pair_accuracy": step / 100, "spread": 0.9})
    plot_training(tmp_path / "training.csv", tmp_path / "log.svg")
    drawn = (tmp_path / "log.svg").read_text()
    assert "<svg" in drawn
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("text", [None, "step,loss\n1,2\n", "no log"])
def test_what_is_no_log_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "training.csv").write_text(text if text != "no log" else "step\n\x00\nx\n")
    with pytest.raises(EncoderError, match="is no log of a training run"):
        plot_training(tmp_path / "training.csv", tmp_path / "log.png")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="No such file"):
        plot_evaluation(FOUND, tmp_path / "missing" / "a.png")


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.txt"])
def test_other_kinds_of_file_are_refused_before_the_work(name: str) -> None:
    check_can_plot("a.PNG")
    with pytest.raises(UsageError, match=r"a plot is a \.png, \.svg or \.pdf file"):
        check_can_plot(name)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"pip install 'dedupe-images\[plot\]'"):
        check_can_plot("a.png")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_plot_replaces_an_earlier_plot(tmp_path: Path, suffix: str) -> None:
    for _ in range(2):
        check_can_plot(str(tmp_path / f"a.{suffix}"))
        plot_evaluation(FOUND, tmp_path / f"a.{suffix}")
