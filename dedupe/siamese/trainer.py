"""A tower, a head and what they are trained for, as one Keras model.

Row i and row i + B of a batch of 2 B views show one photo. Losses of pairs get as many pairs of one
photo, (i, i + B), as of two, (i, i + 1 + B), like the seeds.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from keras import ops

from dedupe.errors import EncoderError
from dedupe.siamese import losses
from dedupe.siamese.config import PRECISIONS, TrainingPlan, takes_any_size
from dedupe.siamese.heads import build_head, safe_distance
from dedupe.siamese.towers import build_tower, load_backbone, load_tower

Tensor = Any  # a tensor of whichever backend Keras runs on

_HEAD_RATE, _HEAD_STEPS = 0.03, 400  # learning rate and steps of a head fitted by itself


class SiameseTrainer(keras.Model):  # type: ignore[misc]
    """A tower and the loss over its embeddings of a batch."""

    def __init__(self, tower: Any, plan: TrainingPlan, head: Any = None) -> None:
        super().__init__()
        self.tower = tower
        self.head = head
        self.plan = plan
        self.accuracy = keras.metrics.Mean("pair_accuracy")
        self.spread = keras.metrics.Mean("spread")
        if head is not None:
            self.judged = keras.metrics.Mean("head_accuracy")

    def call(self, views: Any, training: bool | None = None) -> Any:
        return self.tower(views, training=training)

    def compute_loss(self, _x: Any, _y: Any, y_pred: Any, *_: Any, **_more: Any) -> Any:
        """The plan's loss of the embeddings (2 B, D).

        Any loss but `binary` shapes the embeddings alone; a head then learns afterwards, from what
        they have become (`fit_head`).
        """
        y_pred = ops.cast(y_pred, "float32")  # where the tower computes in bfloat16
        self.accuracy.update_state(losses.pair_accuracy(y_pred))
        self.spread.update_state(losses.spread(y_pred))
        return self._judge(y_pred) if self.plan.loss == "binary" else self._compare(y_pred)

    def _compare(self, embeddings: Tensor) -> Tensor:
        """Return the scalar loss of (2 B, D) embeddings."""
        plan = self.plan
        margin = {} if plan.margin is None else {"margin": plan.margin}
        if plan.loss == "triplet":
            things = ops.arange(ops.shape(embeddings)[0]) % (ops.shape(embeddings)[0] // 2)
            return losses.triplet(embeddings, things, **margin)
        if plan.loss == "contrastive":
            first, second, same = pair_up(embeddings)
            return losses.contrastive(same, safe_distance(first, second)[:, 0], **margin)
        loss = losses.nt_xent(embeddings, temperature=plan.temperature)
        return loss + plan.spread_weight * losses.koleo(embeddings)

    def _judge(self, embeddings: Tensor) -> Tensor:
        """Return the scalar loss of the head on (2 B, D) embeddings."""
        first, second, same = pair_up(embeddings)
        logits = self.head.get_layer("head").logits(first, second)
        right = ops.equal(logits > 0, same > 0.5)
        self.judged.update_state(ops.mean(ops.cast(right, "float32")))
        return losses.binary_cross_entropy(same, logits)


def fit_head(head: Any, batches: list[Any]) -> None:
    """Fit a head to embeddings as they are, by binary cross-entropy; the tower has no part in it.

    Args:
        head: as `heads.build_head` makes it.
        batches: embeddings (2 B, D) of views in the order of training.
    """
    dimension = head.inputs[0].shape[1]
    as_they_are = keras.Sequential([keras.Input((dimension,)), keras.layers.Identity()])
    trainer = SiameseTrainer(as_they_are, TrainingPlan(loss="binary"), head)
    trainer.compile(optimizer=keras.optimizers.Adam(_HEAD_RATE))
    for _ in range(-(-_HEAD_STEPS // len(batches))):
        for embeddings in batches:
            trainer.train_on_batch(embeddings)


def pair_up(embeddings: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return B pairs of one photo, then B of two, from embeddings (2 B, D).

    Returns:
        (2 B, D) and (2 B, D), the two of each pair, and (2 B,): 1 for one photo, 0 for two.
    """
    count = ops.shape(embeddings)[0] // 2
    mild, strong = embeddings[:count], embeddings[count:]
    first = ops.concatenate([mild, mild])
    second = ops.concatenate([strong, ops.roll(strong, -1, axis=0)])
    same = ops.concatenate([ops.ones((count,)), ops.zeros((count,))])
    return first, second, same


def build_trainer(plan: TrainingPlan, start: Path | None = None) -> SiameseTrainer:
    """Build tower, head if the loss is that of one, and optimizer, all from the plan's seed.

    Args:
        plan: how to train.
        start: a `.keras` or `.weights.h5` file of the same tower, or of its backbone alone.

    Raises:
        UsageError: the parts of the plan do not fit together.
        EncoderError: `start` holds no weights of this tower, or weights cannot be fetched.
    """
    plan.check()
    keras.utils.set_random_seed(plan.seed)
    side = None if takes_any_size(plan.tower) else plan.side
    with _precision(plan):
        tower = build_tower(plan.tower, side=side, embedding=plan.embedding, backbone=plan.backbone)
    if start is not None:
        _load(tower, start)
    head = build_head(plan.head, tower) if plan.loss == "binary" else None
    trainer = SiameseTrainer(tower, plan, head)
    optimizer = _build_optimizer(plan)
    trainer.compile(optimizer=optimizer)
    trainer.build((None, plan.side, plan.side, 3))
    optimizer.build(trainer.trainable_variables)
    return trainer


def _load(tower: Any, start: Path) -> None:
    """Load the weights of a whole tower, or else of its backbone.

    Raises:
        EncoderError: `start` holds neither.
    """
    try:
        load_tower(tower, start)
    except EncoderError:
        with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
            if load_backbone(tower, start):
                return
        raise


@contextlib.contextmanager
def _precision(plan: TrainingPlan) -> Iterator[None]:
    """Have layers that are built meanwhile compute in the plan's precision."""
    usual = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy(PRECISIONS[plan.precision])
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(usual)


def _build_optimizer(plan: TrainingPlan) -> Any:
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
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias", "raw_weights"])
    return optimizer
