"""Train a tower on views of photos: the loop, checkpoints, the log, the collapse guard.

Runs on whichever backend Keras was started with. One photo gives two views, one mild and one
strong; by default the loss asks each view to find its twin in the batch (`losses.nt_xent`) and
keeps other photos apart (`losses.koleo`). The same plan and photos give the same batches.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from dedupe.errors import CollapseError, EncoderError, InputError
from dedupe.siamese import losses
from dedupe.siamese.batches import Views, make_batch
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.dataset import PhotoArray
from dedupe.siamese.heads import build_head
from dedupe.siamese.log import TrainingLog
from dedupe.siamese.mining import find_look_alikes
from dedupe.siamese.towers import build_tower
from dedupe.siamese.trainer import SiameseTrainer, build_trainer, fit_head

Batches = Callable[[int], Views]  # from the number of a step to its views

_COLLAPSED = 0.05  # spread below which every embedding is the same point; random weights give ~0.3
_SETTLING = 200  # batches that batch normalisation needs to forget its former statistics
_FITTED = 20  # batches that a head is fitted to


@dataclass(slots=True)
class TrainingStep:
    """The result of one training step."""

    step: int
    steps: int  # of the whole training
    numbers: dict[str, float] = field(default_factory=dict)  # loss, pair_accuracy, spread ...


@dataclass(frozen=True, slots=True)
class Trained:
    """What training leaves."""

    tower: Any  # a Keras model, uint8 (B, side, side, 3) -> float32 (B, embedding)
    head: Any  # a Keras model, two embeddings -> probability of "same"; None without one


def train(
    photos: PhotoArray,
    plan: TrainingPlan,
    *,
    folder: Path,
    log_every: int = 20,
    checkpoint_every: int = 200,
    start: Path | None = None,
    on_step: Callable[[TrainingStep], None] = lambda _: None,
) -> Trained:
    """Train a tower on photos and return it.

    Args:
        photos: (N, H, H, 3) uint8, N at least `plan.pairs`.
        plan: how to train.
        folder, log_every, checkpoint_every, on_step: as for `fit`.
        start: a `.keras` or `.weights.h5` file of the same tower to start from. With it, each
            step holds look-alikes, found by these weights; without, random photos alone.

    Raises:
        InputError: fewer photos than a batch needs.
        UsageError: the parts of the plan do not fit together.
        CollapseError: the embeddings lost their spread.
        EncoderError: as for `fit`, or `start` holds no weights of this tower.
    """
    if len(photos) < plan.pairs:
        raise InputError(
            f"{len(photos)} photos are fewer than the {plan.pairs} of one step; "
            "give more photos or take fewer a step"
        )
    trainer = build_trainer(plan, start)
    alike = find_look_alikes(trainer.tower, photos, side=plan.side) if start else None
    fit(
        trainer,
        lambda step: make_batch(photos, plan, step, alike),
        folder=folder,
        log_every=log_every,
        checkpoint_every=checkpoint_every,
        on_step=on_step,
    )
    return finish(trainer, lambda step: make_batch(photos, plan, step))


def fit(
    trainer: SiameseTrainer,
    batches: Batches,
    *,
    folder: Path,
    log_every: int = 20,
    checkpoint_every: int = 200,
    on_step: Callable[[TrainingStep], None] = lambda _: None,
) -> None:
    """Take the steps of the trainer's plan.

    Writes `training.csv` and a checkpoint to `folder`; a run that finds the checkpoint of the same
    plan there goes on from it.

    Args:
        trainer: as `build_trainer` makes it.
        batches: makes the views of a step; called from a thread.
        folder: where log and checkpoint are kept; made if missing.
        log_every: steps between lines of the log.
        checkpoint_every: steps between checkpoints.
        on_step: called after every step.

    Raises:
        CollapseError: the embeddings lost their spread.
        EncoderError: the loss is no longer a number, a checkpoint is damaged or belongs to another
            plan, or `folder` cannot be written.
    """
    plan = trainer.plan
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        first = _restore(trainer, plan, folder)
        log = TrainingLog(folder / "training.csv", first, views=2 * plan.pairs)
    recent: list[dict[str, float]] = []
    for step, views in _ahead(batches, first, plan.steps):
        result = trainer.train_on_batch(views, return_dict=True)
        numbers = {name: float(value) for name, value in result.items()}
        guard(numbers, step)
        on_step(TrainingStep(step + 1, plan.steps, numbers))
        recent.append(numbers)
        with writing(folder):
            if (step + 1) % log_every == 0:
                rate = float(ops.convert_to_numpy(trainer.optimizer.learning_rate))
                log.write(step + 1, plan.side_at(step), rate, _average(recent))
                recent.clear()
            if (step + 1) % checkpoint_every == 0 or step + 1 == plan.steps:
                _checkpoint(trainer, plan, folder, step + 1)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the system's refusal to write into an EncoderError that names `folder`."""
    try:
        yield
    except OSError as error:
        raise EncoderError(f"{folder} cannot be written: {error.strerror or error}") from error


def finish(trainer: SiameseTrainer, batches: Batches) -> Trained:
    """Return tower and head, with averaged weights and statistics that belong to them if asked.

    The moving statistics of batch normalisation followed the weights of each step, not their
    average, so they are measured again; without it embeddings shrink towards one another. A head
    that had no part in the loss is fitted here.

    Raises:
        CollapseError: seen without the help of a batch's own statistics, embeddings are one point.
        EncoderError: the embeddings are not numbers.
    """
    plan = trainer.plan
    if plan.ema:
        trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
        for step in range(plan.steps, plan.steps + _SETTLING):
            trainer.tower(batches(step), training=True)
    tower = build_tower(plan.tower, side=plan.side, embedding=plan.embedding)
    tower.set_weights(trainer.tower.get_weights())
    vectors = tower.predict_on_batch(batches(plan.steps))
    spread = float(ops.convert_to_numpy(losses.spread(vectors)))
    guard({"loss": spread, "spread": spread}, plan.steps)
    head = trainer.head
    if plan.head and head is None:
        head = build_head(plan.head, tower)
        more = range(plan.steps + 1, plan.steps + _FITTED)
        fit_head(head, [vectors, *(tower.predict_on_batch(batches(step)) for step in more)])
    return Trained(tower, head)


def _ahead(batches: Batches, first: int, steps: int) -> Iterator[tuple[int, Views]]:
    """Yield (step, views), the next views made in a thread while the caller trains on this one."""
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(batches, first)
        for step in range(first, steps):
            views = waiting.result()
            waiting = thread.submit(batches, step + 1)
            yield step, views


def guard(numbers: dict[str, float], step: int) -> None:
    """Stop where training has failed, by the `loss` and the `spread` of a step.

    Raises:
        CollapseError: the embeddings are nearly one point.
        EncoderError: the loss is not a number.
    """
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
