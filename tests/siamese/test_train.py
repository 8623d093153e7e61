"""Training: repeatable, resumable, logged, and stopped where it goes wrong."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from drawings import draw_photos
from keras import layers, ops

from dedupe.errors import CollapseError, EncoderError, InputError
from dedupe.siamese import batches
from dedupe.siamese import train as training
from dedupe.siamese.augment import MILD, STRONG, Strength
from dedupe.siamese.batches import make_batch
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.log import LOG_COLUMNS
from dedupe.siamese.towers import TOWERS, build_tower
from dedupe.siamese.train import TrainingStep, train
from dedupe.siamese.trainer import build_trainer

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PHOTOS = draw_photos(40, side=48)
PLAN = TrainingPlan(
    tower="small", side=32, embedding=8, steps=8, pairs=8, small_share=0, photo_side=48, ema=0.9
)


class Stopped(BaseException):
    """Stands for the signal that ends a run."""


def small(side: int | None, embedding: int) -> Any:
    """A tower that is traced and trained in a second."""
    pixels = keras.Input((side, side, 3), dtype="uint8")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(ops.cast(pixels, "float32"))
    x = layers.Conv2D(8, 5, 4, use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.Dense(embedding)(layers.GlobalAveragePooling2D()(x))
    x = layers.BatchNormalization(center=False, scale=False)(x)
    return keras.Model(pixels, layers.UnitNormalization()(x))


def constant(side: int | None, embedding: int) -> Any:
    """A tower with a last layer that gives every picture the same vector."""
    pixels = keras.Input((side, side, 3), dtype="uint8")
    x = layers.GlobalAveragePooling2D()(ops.cast(pixels, "float32"))
    x = layers.Dense(embedding, kernel_initializer="zeros", bias_initializer="ones")(x)
    return keras.Model(pixels, layers.UnitNormalization()(x))


def unsettled(side: int | None, embedding: int) -> Any:
    """A tower that separates pictures only by the statistics of their batch."""
    pixels = keras.Input((side, side, 3), dtype="uint8")
    x = layers.GlobalAveragePooling2D()(ops.cast(pixels, "float32") / 255.0)
    x = layers.Dense(embedding, bias_initializer=keras.initializers.Constant(100.0))(x)
    x = layers.BatchNormalization(momentum=1.0, center=False, scale=False)(x)
    return keras.Model(pixels, layers.UnitNormalization()(x))


def broken(side: int | None, embedding: int) -> Any:
    """A tower with weights that are not numbers."""
    pixels = keras.Input((side, side, 3), dtype="uint8")
    x = layers.GlobalAveragePooling2D()(ops.cast(pixels, "float32"))
    return keras.Model(pixels, layers.Dense(embedding, bias_initializer=_nan)(x))


def _nan(shape: Any, dtype: Any = None) -> Any:
    return ops.full(shape, np.nan, dtype)


@pytest.fixture(scope="module", autouse=True)
def _small_towers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for tower in (small, constant, unsettled, broken):
            patch.setitem(TOWERS, tower.__name__, tower)
        patch.setattr(training, "_SETTLING", 5)
        yield


def run(
    folder: Path,
    plan: TrainingPlan = PLAN,
    *,
    stop: int | None = None,
    seen: list[TrainingStep] | None = None,
) -> Any:
    """Train with a line of the log every 2 steps and a checkpoint every 3."""

    def on_step(progress: TrainingStep) -> None:
        if seen is not None:
            seen.append(progress)
        if progress.step == stop:
            raise Stopped

    trained = train(PHOTOS, plan, folder=folder, log_every=2, checkpoint_every=3, on_step=on_step)
    return trained.tower


def weights_of(tower: Any) -> list[bytes]:
    return [np.asarray(weights).tobytes() for weights in tower.get_weights()]


def read_log(folder: Path) -> list[dict[str, str]]:
    with (folder / "training.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@dataclass
class Run:
    folder: Path
    tower: Any
    seen: list[TrainingStep]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of `PLAN`."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    seen: list[TrainingStep] = []
    return Run(folder, run(folder, seen=seen), seen)


def test_training_gives_a_tower_of_the_planned_shape(uninterrupted: Run) -> None:
    vectors = uninterrupted.tower.predict_on_batch(draw_photos(5, side=32))
    assert vectors.shape == (5, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_same_plan_and_photos_give_the_same_weights(tmp_path: Path, uninterrupted: Run) -> None:
    assert weights_of(run(tmp_path)) == weights_of(uninterrupted.tower)


def test_another_seed_gives_other_weights(tmp_path: Path, uninterrupted: Run) -> None:
    assert weights_of(run(tmp_path, replace(PLAN, seed=1))) != weights_of(uninterrupted.tower)


def test_a_run_stopped_twice_ends_in_the_weights_of_one_that_was_not(
    tmp_path: Path, uninterrupted: Run
) -> None:
    """Once early and once late; no step is logged twice."""
    for stop in (5, 8):  # while the last checkpoints are those of steps 3 and 6
        with pytest.raises(Stopped):
            run(tmp_path, stop=stop)
    assert weights_of(run(tmp_path)) == weights_of(uninterrupted.tower)
    rows = read_log(tmp_path)
    assert [row["step"] for row in rows] == ["2", "4", "6", "8"]
    assert rows[-1]["loss"] == read_log(uninterrupted.folder)[-1]["loss"]


def test_a_run_killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before(
    tmp_path: Path, uninterrupted: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(_: object, __: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        run(tmp_path, stop=4)
    monkeypatch.setattr("dedupe.siamese.train.os.replace", kill)
    with pytest.raises(Stopped):
        run(tmp_path)
    monkeypatch.undo()
    assert {path.name for path in tmp_path.glob("step-*")} == {
        "step-3.weights.h5",
        "step-6.weights.h5",
    }
    assert weights_of(run(tmp_path)) == weights_of(uninterrupted.tower)
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-8.weights.h5"]


def test_a_finished_run_is_not_trained_again(uninterrupted: Run) -> None:
    folder, tower = uninterrupted.folder, uninterrupted.tower
    before = read_log(folder)
    assert weights_of(run(folder, stop=1)) == weights_of(tower)
    assert read_log(folder) == before


def test_the_log_has_a_line_every_few_steps(uninterrupted: Run) -> None:
    rows = read_log(uninterrupted.folder)
    assert tuple(rows[0]) == LOG_COLUMNS
    assert [row["step"] for row in rows] == ["2", "4", "6", "8"]
    assert {row["side"] for row in rows} == {"32"}
    for row in rows:
        assert float(row["loss"]) > 0
        assert 0 <= float(row["pair_accuracy"]) <= 1
        assert 0.05 < float(row["spread"]) <= 1
        assert 0 < float(row["learning_rate"]) <= PLAN.learning_rate
        assert float(row["images_per_s"]) > 0


def test_the_numbers_of_a_step_are_its_own_and_no_running_mean(
    uninterrupted: Run,
) -> None:
    seen = uninterrupted.seen
    assert [progress.step for progress in seen] == [1, 2, 3, 4, 5, 6, 7, 8]
    hits = [progress.numbers["pair_accuracy"] * 2 * PLAN.pairs for progress in seen]
    assert hits == pytest.approx(np.round(hits))


def test_a_line_of_the_log_is_the_mean_of_its_steps(uninterrupted: Run) -> None:
    losses = [progress.numbers["loss"] for progress in uninterrupted.seen]
    means = [(losses[step] + losses[step + 1]) / 2 for step in (0, 2, 4, 6)]
    logged = [float(row["loss"]) for row in read_log(uninterrupted.folder)]
    assert logged == pytest.approx(means, rel=1e-4)


def test_a_folder_of_another_plan_is_refused(uninterrupted: Run) -> None:
    with pytest.raises(EncoderError, match="another training plan; choose another folder"):
        run(uninterrupted.folder, replace(PLAN, temperature=0.1))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"step": 3}'])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "checkpoint.json").write_text(text)
    with pytest.raises(EncoderError, match=r"checkpoint.json is damaged; delete .* to start again"):
        run(tmp_path)


@pytest.mark.parametrize("size", [None, 0, 5000])
def test_a_checkpoint_with_truncated_or_missing_weights_is_refused(
    tmp_path: Path, uninterrupted: Run, size: int | None
) -> None:
    shutil.copy(uninterrupted.folder / "checkpoint.json", tmp_path)
    content = (uninterrupted.folder / "step-8.weights.h5").read_bytes()
    if size is not None:
        (tmp_path / "step-8.weights.h5").write_bytes(content[:size])
    with pytest.raises(EncoderError, match="is damaged"):
        run(tmp_path)


def test_the_checkpoint_names_its_plan_and_step(uninterrupted: Run) -> None:
    saved = json.loads((uninterrupted.folder / "checkpoint.json").read_text())
    assert TrainingPlan(**saved.pop("plan")) == PLAN
    assert saved == {"step": 8, "weights": "step-8.weights.h5"}


def test_training_starts_from_the_weights_it_is_given(tmp_path: Path, uninterrupted: Run) -> None:
    tower = uninterrupted.tower
    tower.save(tmp_path / "start.keras")
    plan = replace(PLAN, steps=1, learning_rate=0)
    again = train(PHOTOS, plan, folder=tmp_path / "run", start=tmp_path / "start.keras").tower
    for given, trained in zip(tower.trainable_weights, again.trainable_weights, strict=True):
        np.testing.assert_array_equal(given.numpy(), trained.numpy())


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")
@pytest.mark.parametrize("name", ["gone.keras", "text.keras", "text.weights.h5", "other.keras"])
def test_weights_that_do_not_fit_the_tower_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.keras").write_text("no weights")
    (tmp_path / "text.weights.h5").write_text("no weights")
    build_tower("small", side=32, embedding=9).save(tmp_path / "other.keras")
    with pytest.raises(EncoderError, match=f"{name} holds no weights of this tower: .") as caught:
        train(PHOTOS, PLAN, folder=tmp_path / "run", start=tmp_path / name)
    assert "\n" not in str(caught.value)


def test_fewer_photos_than_a_step_takes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="7 photos are fewer than the 8 of one step"):
        train(PHOTOS[:7], PLAN, folder=tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match=r"file/run cannot be written: Not a directory"):
        run(tmp_path / "file" / "run")


def test_training_stops_when_every_embedding_is_the_same_point(tmp_path: Path) -> None:
    with pytest.raises(CollapseError, match=r"nearly one point at step 0 \(spread 0.000\)"):
        run(tmp_path, replace(PLAN, tower="constant"))


def test_a_tower_that_separates_photos_by_its_batch_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollapseError, match="nearly one point at step 8"):
        run(tmp_path, replace(PLAN, tower="unsettled"))


def test_training_stops_when_the_loss_is_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="the loss is not a number at step 0; lower"):
        run(tmp_path, replace(PLAN, tower="broken"))
    assert not (tmp_path / "checkpoint.json").exists()


def test_views_grow_after_the_planned_share_of_the_steps() -> None:
    plan = TrainingPlan(side=96, steps=10, small_share=0.6)
    assert [plan.side_at(step) for step in range(10)] == [64] * 6 + [96] * 4
    assert make_batch(PHOTOS, replace(PLAN, small_share=0.5), 3).shape == (16, 21, 21, 3)
    assert make_batch(PHOTOS, replace(PLAN, small_share=0.5), 4).shape == (16, 32, 32, 3)


def test_a_batch_depends_on_seed_and_step_only() -> None:
    views = make_batch(PHOTOS, PLAN, 3)
    np.testing.assert_array_equal(views, make_batch(PHOTOS, PLAN, 3))
    for plan, step in ((PLAN, 4), (replace(PLAN, seed=1), 3)):
        assert not np.array_equal(views, make_batch(PHOTOS, plan, step))


def test_row_i_and_row_i_plus_b_are_a_mild_and_a_strong_view_of_one_photo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strengths: list[Strength] = []

    def unchanged(photo: Any, _side: int, strength: Strength, _rng: object) -> Any:
        strengths.append(strength)
        return photo

    monkeypatch.setattr(batches, "augment", unchanged)
    views = make_batch(PHOTOS, PLAN, 0)
    np.testing.assert_array_equal(views[:8], views[8:])
    assert len({view.tobytes() for view in views}) == 8
    assert strengths == [MILD] * 8 + [STRONG] * 8


def test_the_batches_of_a_run_show_every_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "augment", lambda photo, *_: photo)
    seen = {view.tobytes() for step in range(40) for view in make_batch(PHOTOS, PLAN, step)}
    assert seen == {photo.tobytes() for photo in PHOTOS}


def test_a_step_with_look_alikes_holds_them_and_no_photo_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "augment", lambda photo, *_: photo)
    names = {photo.tobytes(): number for number, photo in enumerate(PHOTOS)}
    alike = np.array([[number ^ 1] for number in range(40)])  # 0 with 1, 2 with 3 ...
    together = {True: 0, False: 0}
    for step in range(50):
        for mined in (True, False):
            views = make_batch(PHOTOS, PLAN, step, alike if mined else None)
            chosen = {names[view.tobytes()] for view in views[:8]}
            assert len(chosen) == 8
            together[mined] += sum(number ^ 1 in chosen for number in chosen)
    assert together[True] > 2.5 * together[False]


def test_photos_that_are_their_own_only_look_alike_make_a_full_batch() -> None:
    alike = np.arange(40)[:, None]
    assert len(make_batch(PHOTOS, PLAN, 0, alike)) == 16


def test_without_averaging_the_last_weights_are_returned(tmp_path: Path) -> None:
    finished = run(tmp_path, replace(PLAN, ema=0.0))
    trainer = build_trainer(replace(PLAN, ema=0.0))
    trainer.load_weights(str(tmp_path / "step-8.weights.h5"))
    assert weights_of(finished) == weights_of(trainer.tower)
