"""How many steps of training fit into a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dedupe.siamese import pace
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.pace import FINE_TUNING_RATE, fit_to_minutes
from dedupe.siamese.train import train
from dedupe.siamese.trainer import build_trainer

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
PLAN = TrainingPlan(side=32, embedding=8, small_share=0, photo_side=40, minutes=1.0)
PHOTOS = np.random.default_rng(0).integers(0, 256, (40, 40, 40, 3), np.uint8)


def test_a_longer_time_gives_more_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pace, "_time_step", lambda *_: 0.5)
    steps = [
        fit_to_minutes(replace(PLAN, minutes=m), PHOTOS, start=None, folder=tmp_path).steps
        for m in (1, 10)
    ]
    assert steps == [96, 960]  # four fifths of the time


def test_steps_are_timed_on_this_machine_and_show_a_part_of_the_photos(tmp_path: Path) -> None:
    plan = fit_to_minutes(PLAN, PHOTOS, start=None, folder=tmp_path)
    assert plan.steps >= 1
    assert plan.pairs == 32  # the least; a quarter of 40 photos is fewer
    assert plan.learning_rate == PLAN.learning_rate


def test_a_short_time_has_small_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pace, "_time_step", lambda *_: 1.0)
    many = np.zeros((600, 40, 40, 3), np.uint8)
    chosen = [
        fit_to_minutes(replace(PLAN, minutes=m), many, start=None, folder=tmp_path)
        for m in (1, 3, 60)
    ]
    assert [plan.pairs for plan in chosen] == [32, 61, 128]
    assert [plan.steps for plan in chosen] == [192, 302, 2880]


def test_finished_weights_are_trained_at_a_lower_rate(tmp_path: Path) -> None:
    start = tmp_path / "start.weights.h5"
    build_trainer(PLAN).tower.save_weights(str(start))
    plan = fit_to_minutes(PLAN, PHOTOS, start=start, folder=tmp_path)
    assert plan.learning_rate == FINE_TUNING_RATE


def test_a_run_that_goes_on_keeps_its_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pace, "_time_step", lambda *_: 24.0)
    plan = fit_to_minutes(PLAN, PHOTOS, start=None, folder=tmp_path)
    assert plan.steps == 2
    train(PHOTOS, plan, folder=tmp_path)
    monkeypatch.setattr(pace, "_time_step", lambda *_: 1.0)
    assert fit_to_minutes(PLAN, PHOTOS, start=None, folder=tmp_path) == plan
    assert fit_to_minutes(replace(PLAN, seed=1), PHOTOS, start=None, folder=tmp_path).steps == 48
