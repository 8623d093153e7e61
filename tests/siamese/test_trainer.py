"""What a step trains: pairs, losses and heads, and the guard against collapse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from drawings import draw_photos
from keras import layers, ops
from words import WORDS, batches, make_hand

from dedupe.errors import CollapseError
from dedupe.siamese import losses
from dedupe.siamese.batches import make_batch, turn
from dedupe.siamese.config import LOSSES, TrainingPlan, plan_for
from dedupe.siamese.heads import IDENTICAL, build_head
from dedupe.siamese.towers import build_tower
from dedupe.siamese.towers.pretrained import Backbone, build_backbone
from dedupe.siamese.train import guard, train
from dedupe.siamese.trainer import SiameseTrainer, build_trainer, fit_head, pair_up

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PHOTOS = draw_photos(16, side=62)
PLAN = plan_for("tiny", side=62, embedding=12, pairs=8, steps=40, views="turned", warmup=0.0)


def test_half_of_the_pairs_show_one_photo_and_half_show_two() -> None:
    photo = np.arange(5, dtype=np.float32)
    embeddings = np.concatenate([photo, photo + 10])[:, None]  # the second view of 3 is 13
    first, second, same = (np.asarray(part) for part in pair_up(embeddings))
    pairs = [(int(a), int(b) % 10) for a, b in zip(first[:, 0], second[:, 0], strict=True)]
    assert pairs[:5] == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]
    assert pairs[5:] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]
    assert same.tolist() == [1] * 5 + [0] * 5
    assert (second >= 10).all()  # a view does not reveal its photo


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_falls_while_tiny_trains(loss: str) -> None:
    trainer = build_trainer(replace(PLAN, loss=loss))
    values = []
    for step in range(PLAN.steps):
        result = trainer.train_on_batch(make_batch(PHOTOS, PLAN, step), return_dict=True)
        values.append(float(result["loss"]))
        assert float(result["spread"]) > 0.1
    assert np.mean(values[-8:]) < 0.8 * np.mean(values[:8])


def test_training_in_bfloat16_keeps_weights_in_float32_and_the_global_policy() -> None:
    plan = plan_for("fovea", side=32, embedding=16, pairs=8, steps=30, precision="bfloat16")
    trainer = build_trainer(plan)
    assert trainer.tower(PHOTOS[:2, :32, :32]).dtype == "bfloat16"
    assert {str(weight.dtype) for weight in trainer.tower.weights} == {"float32"}
    assert keras.mixed_precision.dtype_policy().name == "float32"
    values = []
    for step in range(plan.steps):
        result = trainer.train_on_batch(make_batch(PHOTOS, plan, step), return_dict=True)
        values.append(float(result["loss"]))
    assert np.mean(values[-8:]) < 0.8 * np.mean(values[:8])


def test_tiny_learns_its_task_in_a_hundred_steps() -> None:
    """The claim in small: pairs of photos that it never saw."""
    plan = replace(PLAN, steps=100)
    trainer = build_trainer(plan)
    for step in range(plan.steps):
        trainer.train_on_batch(make_batch(PHOTOS, PLAN, step))
    unknown = draw_photos(40, side=62)[16:]
    rng = np.random.default_rng(0)
    vectors = trainer.tower.predict_on_batch(unknown)
    copies = trainer.tower.predict_on_batch(np.stack([turn(p, 62, rng) for p in unknown]))
    same = trainer.head.predict_on_batch([vectors, copies])[:, 0]
    different = trainer.head.predict_on_batch([vectors, np.roll(copies, 1, axis=0)])[:, 0]
    assert np.mean([same > 0.5, different < 0.5]) >= 0.95
    assert trainer.head.predict_on_batch([vectors, vectors]).min() >= IDENTICAL


def test_a_head_has_no_part_in_a_loss_of_embeddings() -> None:
    towers = []
    for head in ("euclidean", ""):
        trainer = build_trainer(replace(PLAN, loss="triplet", head=head))
        for step in range(3):
            trainer.train_on_batch(make_batch(PHOTOS, PLAN, step))
        towers.append(trainer.tower.get_weights())
        assert trainer.head is None
    for beside, alone in zip(*towers, strict=True):
        np.testing.assert_array_equal(beside, alone)


def test_after_a_loss_of_embeddings_a_finished_run_has_its_head(tmp_path: Path) -> None:
    plan = replace(PLAN, loss="triplet", steps=4)
    trained = train(PHOTOS, plan, folder=tmp_path)
    vectors = trained.tower.predict_on_batch(PHOTOS)
    assert trained.head.predict_on_batch([vectors, vectors]).min() >= IDENTICAL
    assert train(PHOTOS, replace(plan, head=""), folder=tmp_path / "bare").head is None


def test_a_head_fitted_afterwards_draws_the_line_where_the_embeddings_are() -> None:
    """Pairs of one photo at 0.1, of two at 0.3: untrained weights do not separate them."""
    angles = np.cumsum([0, 0.3, 0.3, 0.3])
    rows = [np.stack([np.cos(a), np.sin(a)], axis=1) for a in (angles, angles + 0.1)]
    embeddings = np.concatenate(rows).astype(np.float32)
    tower = build_tower("tiny", side=62, embedding=12)
    head = build_head("euclidean", keras.Model(tower.inputs, layers.Dense(2)(tower.output)))
    before = judge(head, embeddings)
    fit_head(head, [embeddings])
    after = judge(head, embeddings)
    assert (before > 0.5).all()
    assert (after > 0.5).tolist() == [True] * 4 + [False] * 4
    assert head.predict_on_batch([embeddings, embeddings]).min() >= IDENTICAL


def judge(head: Any, embeddings: Any) -> Any:
    first, second, _ = pair_up(embeddings)
    return head.predict_on_batch([np.asarray(first), np.asarray(second)])[:, 0]


def test_a_turned_view_is_a_photo_turned_and_zoomed_a_little() -> None:
    views = make_batch(PHOTOS, PLAN, 0)
    assert views.shape == (16, 62, 62, 3)
    assert len({view.tobytes() for view in views[:8]} & {photo.tobytes() for photo in PHOTOS}) == 8
    gaps = np.abs(views[:8].astype(int) - views[8:]).mean(axis=(1, 2, 3))
    others = np.abs(views[:8].astype(int) - np.roll(views[8:], 1, axis=0)).mean(axis=(1, 2, 3))
    assert (gaps > 0).all()
    assert gaps.mean() < 0.5 * others.mean()
    centre = np.zeros((62, 62, 3), np.uint8)
    centre[24:38, 24:38] = 255
    areas = [turn(centre, 62, np.random.default_rng(s)).mean() / centre.mean() for s in range(40)]
    assert 0.78 < min(areas) < 0.9
    assert 1.1 < max(areas) < 1.24


HANDS = [make_hand(number) for number in range(24)]
WRITTEN = plan_for("signet", side=32, embedding=16, pairs=8, steps=8, warmup=0.0)


class Flawed(SiameseTrainer):
    """The note's mistakes: a loss summed over the batch, of features behind a ReLU."""

    def _compare(self, embeddings: Any) -> Any:
        first, second, same = pair_up(embeddings)
        square = ops.sum(ops.square(first - second), axis=1)
        far = ops.relu(1.0 - ops.sqrt(square + 1e-12))
        return ops.sum(same * square + (1 - same) * far**2)


def flawed() -> Flawed:
    mended = build_trainer(WRITTEN).tower
    dense = layers.Dense(16, activation="relu")(mended.layers[-3].output)
    trainer = Flawed(keras.Model(mended.inputs, dense), WRITTEN)
    trainer.compile(optimizer=keras.optimizers.SGD(0.01))
    return trainer


def spreads(trainer: SiameseTrainer) -> list[float]:
    """Train on words and return the spread of each step, until the guard stops it."""
    make = batches(HANDS, list(WORDS), side=32, things=8, seed=0)
    seen = []
    for step in range(WRITTEN.steps):
        result = trainer.train_on_batch(make(step), return_dict=True)
        numbers = {name: float(value) for name, value in result.items()}
        guard(numbers, step)
        seen.append(numbers["spread"])
    return seen


def test_the_flawed_signet_collapses_and_the_guard_stops_it() -> None:
    """It starts well apart; one step of the summed loss, and every coordinate is 0 for good."""
    with pytest.raises(CollapseError, match=r"nearly one point at step 1 \(spread 0.000\)"):
        spreads(flawed())


@pytest.mark.parametrize("loss", ["contrastive", "triplet"])
def test_the_mended_signet_keeps_words_and_hands_apart(loss: str) -> None:
    assert min(spreads(build_trainer(replace(WRITTEN, loss=loss)))) > 0.2


def test_a_batch_of_words_shows_each_thing_twice_and_changes_one_half_of_it_at_a_time() -> None:
    views = batches(HANDS, list(WORDS), side=32, things=8, seed=0)(0)
    assert views.shape == (16, 32, 32, 3)
    assert len({view.tobytes() for view in views}) == 16
    again = batches(HANDS, list(WORDS), side=32, things=8, seed=0)(0)
    np.testing.assert_array_equal(views, again)


def test_the_guard_s_spread_of_unit_vectors_is_zero_for_one_point() -> None:
    assert float(losses.spread(np.ones((4, 3), np.float32))) == 0


def test_the_default_plan_has_no_head() -> None:
    trainer = build_trainer(TrainingPlan(side=32, embedding=8))
    assert trainer.head is None
    assert trainer.count_params() == trainer.tower.count_params()


def test_a_backbone_keeps_up_with_its_weights() -> None:
    """Statistics that lag behind, layer upon layer, make one point of all outside of training."""
    backbone = build_backbone("MobileNetV2", 32, Backbone())
    normalised = [la for la in backbone.layers if isinstance(la, layers.BatchNormalization)]
    assert len(normalised) == 52
    assert {layer.momentum for layer in normalised} == {0.9}
