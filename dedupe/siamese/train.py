"""Train a tower on views of photos: batches, the step, checkpoints, the log, the collapse guard.

Runs on whichever backend Keras was started with. One photo gives two views, one mild and one
strong; the loss asks each view to find its twin in the batch (`losses.nt_xent`) and keeps other
photos apart (`losses.koleo`). The same plan and photos give the same batches.
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from dedupe.errors import CollapseError, EncoderError, InputError
from dedupe.siamese import losses
from dedupe.siamese.augment import MILD, STRONG, augment
from dedupe.siamese.log import TrainingLog
from dedupe.siamese.mining import LookAlikes, find_look_alikes
from dedupe.siamese.photos import PhotoArray
from dedupe.siamese.towers import build_tower

Views = NDArray[np.uint8]  # (2 B, S, S, 3) RGB; rows i and i + B show one photo

_COLLAPSED = 0.05  # spread below which every embedding is the same point; random weights give ~0.3
_SETTLING = 200  # batches that batch normalisation needs to forget its former statistics


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Everything that decides how a tower is trained, beside the photos."""

    tower: str = "residual"
    side: int = 96  # pixels
    embedding: int = 128  # floats
    steps: int = 4000
    pairs: int = 256  # photos a step, two views each
    small_share: float = 0.6  # share of the steps taken at two thirds of the side, which is cheap
    learning_rate: float = 2e-3
    warmup: float = 0.05  # share of the steps
    weight_decay: float = 0.02
    temperature: float = 0.07
    spread_weight: float = 0.6
    hard_share: float = 0.5  # share of a step's photos that are look-alikes of its other photos
    held_out: float = 0.05  # share of the photos kept out of training, to calibrate on
    photo_side: int = 160  # pixels of the squashed photos that views are made from
    ema: float = 0.0  # share of the averaged weights that a step keeps; 0 for the last weights
    seed: int = 0

    def side_at(self, step: int) -> int:
        """Edge of the views of a step, in pixels."""
        return self.side if step >= self.small_share * self.steps else self.side * 2 // 3


class SiameseTrainer(keras.Model):  # type: ignore[misc]
    """A tower and the loss over its embeddings of a batch."""

    def __init__(self, tower: Any, plan: TrainingPlan) -> None:
        super().__init__()
        self.tower = tower
        self.plan = plan
        self.accuracy = keras.metrics.Mean("pair_accuracy")
        self.spread = keras.metrics.Mean("spread")

    def call(self, views: Any, training: bool | None = None) -> Any:
        return self.tower(views, training=training)

    def compute_loss(self, _x: Any, _y: Any, y_pred: Any, *_: Any, **_more: Any) -> Any:
        """NT-Xent plus the weighted spread regulariser."""
        self.accuracy.update_state(losses.pair_accuracy(y_pred))
        self.spread.update_state(losses.spread(y_pred))
        loss = losses.nt_xent(y_pred, temperature=self.plan.temperature)
        return loss + self.plan.spread_weight * losses.koleo(y_pred)


@dataclass(slots=True)
class Progress:
    """What a step reports to whoever watches."""

    step: int
    numbers: dict[str, float] = field(default_factory=dict)  # loss, pair_accuracy, spread ...


def train(
    photos: PhotoArray,
    plan: TrainingPlan,
    *,
    folder: Path,
    log_every: int = 20,
    checkpoint_every: int = 200,
    start: Path | None = None,
    on_step: Callable[[Progress], None] = lambda _: None,
) -> Any:
    """Train a tower and return it.

    Writes `training.csv` and a checkpoint to `folder`; a run that finds the checkpoint of the same
    plan there goes on from it.

    Args:
        photos: (N, H, H, 3) uint8, N at least `plan.pairs`.
        plan: how to train.
        folder: where log and checkpoint are kept; made if missing.
        log_every: steps between lines of the log.
        checkpoint_every: steps between checkpoints.
        start: a `.keras` or `.weights.h5` file of the same tower to start from. With it, each
            step holds look-alikes, found by these weights; without, random photos alone.
        on_step: called after every step.

    Returns:
        A Keras model, uint8 (B, side, side, 3) -> float32 (B, embedding).

    Raises:
        InputError: fewer photos than a batch needs.
        CollapseError: the embeddings lost their spread.
        EncoderError: the loss is no longer a number, a checkpoint is damaged or belongs to another
            plan, `start` holds no weights of this tower, or `folder` cannot be written.
    """
    if len(photos) < plan.pairs:
        raise InputError(
            f"{len(photos)} photos are fewer than the {plan.pairs} of one step; "
            "give more photos or take fewer a step"
        )
    keras.utils.set_random_seed(plan.seed)
    trainer = _build(plan, start)
    alike = find_look_alikes(trainer.tower, photos, side=plan.side) if start else None
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        first = _restore(trainer, plan, folder)
        log = TrainingLog(folder / "training.csv", first, views=2 * plan.pairs)
    recent: list[dict[str, float]] = []
    for step, views in _batches(photos, plan, first, alike):
        result = trainer.train_on_batch(views, return_dict=True)
        numbers = {name: float(value) for name, value in result.items()}
        _guard(numbers, step)
        on_step(Progress(step + 1, numbers))
        recent.append(numbers)
        with writing(folder):
            if (step + 1) % log_every == 0:
                rate = float(ops.convert_to_numpy(trainer.optimizer.learning_rate))
                log.write(step + 1, plan.side_at(step), rate, _average(recent))
                recent.clear()
            if (step + 1) % checkpoint_every == 0 or step + 1 == plan.steps:
                _checkpoint(trainer, plan, folder, step + 1)
    return finish(trainer, photos, plan)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the system's refusal to write into an EncoderError that names `folder`."""
    try:
        yield
    except OSError as error:
        raise EncoderError(f"{folder} cannot be written: {error.strerror or error}") from error


def _build(plan: TrainingPlan, start: Path | None) -> SiameseTrainer:
    tower = build_tower(plan.tower, side=None, embedding=plan.embedding)
    if start is not None:
        try:
            tower.load_weights(str(start))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            line = " ".join(str(error).split())[:300]
            raise EncoderError(f"{start} holds no weights of this tower: {line}") from error
    trainer = SiameseTrainer(tower, plan)
    warmup = max(1, round(plan.warmup * plan.steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        plan.learning_rate / 100,
        max(1, plan.steps - warmup),
        alpha=0.01,
        warmup_target=plan.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=plan.weight_decay, use_ema=plan.ema > 0, ema_momentum=plan.ema
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    trainer.compile(optimizer=optimizer)
    trainer.build((None, plan.side, plan.side, 3))
    optimizer.build(trainer.trainable_variables)
    return trainer


def finish(trainer: SiameseTrainer, photos: PhotoArray, plan: TrainingPlan) -> Any:
    """Return the tower, with averaged weights and batch statistics that belong to them if asked.

    The moving statistics of batch normalisation followed the weights of each step, not their
    average, so they are measured again; without it embeddings shrink towards one another.

    Raises:
        CollapseError: seen without the help of a batch's own statistics, embeddings are one point.
        EncoderError: the embeddings are not numbers.
    """
    if plan.ema:
        trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
        for step in range(plan.steps, plan.steps + _SETTLING):
            trainer.tower(make_batch(photos, plan, step), training=True)
    tower = build_tower(plan.tower, side=plan.side, embedding=plan.embedding)
    tower.set_weights(trainer.tower.get_weights())
    vectors = tower.predict_on_batch(make_batch(photos, plan, plan.steps))
    spread = float(ops.convert_to_numpy(losses.spread(vectors)))
    _guard({"loss": spread, "spread": spread}, plan.steps)
    return tower


def _batches(
    photos: PhotoArray, plan: TrainingPlan, first: int, alike: LookAlikes | None
) -> Iterator[tuple[int, Views]]:
    """Yield (step, views), the next views made in a thread while the caller trains on this one."""
    with ThreadPoolExecutor(1) as ahead:
        waiting = ahead.submit(make_batch, photos, plan, first, alike)
        for step in range(first, plan.steps):
            views = waiting.result()
            waiting = ahead.submit(make_batch, photos, plan, step + 1, alike)
            yield step, views


def make_batch(
    photos: PhotoArray, plan: TrainingPlan, step: int, alike: LookAlikes | None = None
) -> Views:
    """Make the views of a step: first every photo's mild view, then every photo's strong one."""
    rng = np.random.default_rng((plan.seed, step))
    chosen = rng.choice(len(photos), plan.pairs, replace=False)
    if alike is not None:
        chosen = _with_look_alikes(chosen, alike, round(plan.hard_share * plan.pairs), rng)
    side = plan.side_at(step)
    views = [augment(photos[i], side, strength, rng) for strength in (MILD, STRONG) for i in chosen]
    return np.stack(views)


def _with_look_alikes(
    chosen: NDArray[np.int64], alike: LookAlikes, hard: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return as many photos, none twice, the last `hard` of them look-alikes of the first."""
    first = chosen[: len(chosen) - hard]
    anchors = rng.choice(first, hard)
    found = np.setdiff1d(alike[anchors, rng.integers(0, alike.shape[1], hard)], first)
    rest = np.setdiff1d(chosen[len(first) :], found)
    return np.concatenate([first, found, rest])[: len(chosen)]


def _guard(numbers: dict[str, float], step: int) -> None:
    if not np.isfinite(numbers["loss"]):
        raise EncoderError(f"the loss is not a number at step {step}; lower the learning rate")
    if numbers["spread"] < _COLLAPSED:
        raise CollapseError(
            f"all embeddings are nearly one point at step {step} (spread {numbers['spread']:.3f}); "
            "lower the learning rate or raise the spread weight"
        )


def _average(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _checkpoint(trainer: SiameseTrainer, plan: TrainingPlan, folder: Path, step: int) -> None:
    """Save weights and optimizer under a new name, then point at them."""
    weights = folder / f"step-{step}.weights.h5"
    trainer.save_weights(str(weights))
    pointer = folder / "checkpoint.json.tmp"
    pointer.write_text(json.dumps({"step": step, "weights": weights.name, "plan": asdict(plan)}))
    os.replace(pointer, folder / "checkpoint.json")
    for old in folder.glob("step-*.weights.h5"):
        if old != weights:
            old.unlink()


def _restore(trainer: SiameseTrainer, plan: TrainingPlan, folder: Path) -> int:
    """Load the checkpoint in `folder`, if there is one, and return the number of steps done."""
    pointer = folder / "checkpoint.json"
    if not pointer.exists():
        return 0
    try:
        saved = json.loads(pointer.read_text("utf-8"))
        step, weights, made_with = int(saved["step"]), saved["weights"], saved["plan"]
        if made_with == asdict(plan):
            trainer.load_weights(str(folder / weights))
            return step
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{pointer} is damaged; delete {folder} to start again") from error
    raise EncoderError(f"{pointer} belongs to another training plan; choose another folder")
