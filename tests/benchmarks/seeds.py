"""Train one of the five networks that the project began from, on its own task, and print figures.

    python tests/benchmarks/seeds.py tiny PHOTOS --seeds 5
    python tests/benchmarks/seeds.py resnet50 PHOTOS --side 64 --steps 250 --pairs 16 --out DIR
    python tests/benchmarks/seeds.py mobilenetv2 PHOTOS --side 64 --first-seed 1 --seeds 2
    python tests/benchmarks/seeds.py signet --loss contrastive --side 64 --steps 400

Photos: half of the pairs are two photos, half a photo and a copy of it; the second picture of every
pair is turned by +-10 degrees and zoomed by +-10 %, so that the edges carry no information.
A quarter of the photos, chosen by content, is never trained on; 2,000 pairs of them are judged.

Words: a pair is the same word by the same hand twice, the same word by another hand, or another
word by the same hand (half, a quarter, a quarter); hands and words were never trained on.

`accuracy` is that of the head's probability at 0.5, `auc` the share of (same, different) pairs of
pairs with distances in that order, `identical` the least probability of a picture
and itself, `spread` the root mean square distance of the embeddings from their mean.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # before TensorFlow is loaded, as in `train`
import keras
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
import words

from dedupe.encoder.runtime import LiteRTEncoder
from dedupe.siamese import losses
from dedupe.siamese.batches import make_batch, turn
from dedupe.siamese.config import TrainingPlan, plan_for
from dedupe.siamese.dataset import PhotoArray, load_photos, split_photos, squash
from dedupe.siamese.export import export
from dedupe.siamese.train import Trained, TrainingStep, finish, fit
from dedupe.siamese.trainer import build_trainer

PAIRS = 2000
_HELD_OUT = 0.25
_HANDS, _TEST_HANDS = 400, 80
_TEST_WORDS = 16


@dataclass(frozen=True, slots=True)
class Judged:
    """Pairs to judge."""

    first: PhotoArray  # (P, side, side, 3)
    second: PhotoArray
    same: NDArray[np.bool_]  # (P,)
    kind: NDArray[np.str_]  # (P,) what each pair shows
    groups: dict[str, NDArray[Any]] = field(default_factory=dict)  # (P,) each: hand, word, font


@dataclass(frozen=True, slots=True)
class Task:
    """What a tower is trained on and judged by."""

    batches: Callable[[int], PhotoArray]
    judged: Judged
    held_out: PhotoArray


def pose_photos(roots: list[str], plan: TrainingPlan) -> Task:
    photos, digests = load_photos(roots, side=plan.photo_side)
    learned, held_out = split_photos(photos, digests, held_out=_HELD_OUT)
    print(f"{len(learned)} photos to train on, {len(held_out)} to judge")
    rng = np.random.default_rng((plan.seed, 1))
    first = rng.integers(len(held_out), size=PAIRS)
    same = np.arange(PAIRS) % 2 == 0
    other = (first + rng.integers(1, len(held_out), size=PAIRS)) % len(held_out)
    second = np.where(same, first, other)
    judged = Judged(
        np.stack([squash(held_out[i], plan.side) for i in first]),
        np.stack([turn(held_out[i], plan.side, rng) for i in second]),
        same,
        np.where(same, "a copy", "another photo"),
    )
    return Task(lambda step: make_batch(learned, plan, step), judged, held_out)


def pose_words(plan: TrainingPlan) -> Task:
    hands = [words.make_hand(number) for number in range(_HANDS + _TEST_HANDS)]
    known, unknown = list(words.WORDS[_TEST_WORDS:]), list(words.WORDS[:_TEST_WORDS])
    print(f"{_HANDS} hands, {len(known)} words; to judge {_TEST_HANDS} hands, {_TEST_WORDS} words")
    rng = np.random.default_rng((plan.seed, 1))
    kinds = ("same word, same hand", "same word, other hand",
             "same word, same hand", "other word, same hand")  # fmt: skip
    pairs, groups = [], []
    for number in range(PAIRS):
        kind = kinds[number % 4]
        word, other = rng.choice(unknown, 2, replace=False)
        writers = rng.choice(_TEST_HANDS, 2, replace=False)
        hand, another = (hands[_HANDS + i] for i in writers)
        groups.append((int(writers[0]), str(word), hand.font))
        second = (
            other if kind.startswith("other") else word,
            another if kind.endswith("other hand") else hand,
        )
        pairs.append([words.write(*t, rng, side=plan.side) for t in ((word, hand), second)])
    kind_of = np.array([kinds[number % 4] for number in range(PAIRS)])
    stacked = np.array(pairs, np.uint8)
    names = dict(
        zip(("hand", "word", "font"), map(np.array, zip(*groups, strict=True)), strict=True)
    )
    judged = Judged(stacked[:, 0], stacked[:, 1], kind_of == kinds[0], kind_of, names)
    batches = words.batches(
        hands[:_HANDS], known, side=plan.side, things=plan.pairs, seed=plan.seed
    )
    shown = np.stack(
        [words.write(w, hands[_HANDS + k], rng, side=96) for k, w in enumerate(unknown * 5)]
    )
    return Task(batches, judged, shown)


def judge(trained: Trained, task: Task) -> dict[str, float]:
    """Return the figures of one trained tower."""
    judged = task.judged
    first, second = (embed(trained.tower, pixels) for pixels in (judged.first, judged.second))
    probability = answer(trained.head, first, second)
    right = (probability > 0.5) == judged.same
    figures = {"accuracy": float(right.mean())}
    figures |= {kind: float(right[judged.kind == kind].mean()) for kind in np.unique(judged.kind)}
    for name, groups in judged.groups.items():
        print(f"by {name}: {describe_groups(right, groups)}")
    apart = np.linalg.norm(first - second, axis=1)
    below = np.searchsorted(np.sort(apart[judged.same]), apart[~judged.same])
    figures["auc"] = float(below.mean() / judged.same.sum())
    figures["identical"] = float(answer(trained.head, first, first).min())
    return figures | {"spread": float(np.asarray(losses.spread(first)))}


def describe_groups(right: NDArray[np.bool_], groups: NDArray[Any]) -> str:
    """Return the accuracy over the groups of the first picture, as text.

    The interval of 95 % is that of the mean over groups, by 2,000 resamples of whole groups.
    """
    found = np.array([right[groups == group].mean() for group in np.unique(groups)])
    rng = np.random.default_rng(0)
    means = rng.choice(found, (2000, len(found))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return (
        f"{len(found)} groups, mean {found.mean():.3f} ({low:.3f} to {high:.3f}), "
        f"least {found.min():.3f}, most {found.max():.3f}"
    )


def embed(tower: Any, pixels: PhotoArray) -> NDArray[np.float32]:
    parts = [tower.predict_on_batch(pixels[row : row + 100]) for row in range(0, len(pixels), 100)]
    return np.concatenate(parts)


def answer(head: Any, first: Any, second: Any) -> NDArray[np.float32]:
    return np.asarray(head.predict_on_batch([first, second]))[:, 0]


def measure_speed(folder: Path) -> float:
    """Return images per second of one core's time in the LiteRT file, decoding left out."""
    encoder = LiteRTEncoder(folder, threads=1)
    shape = (encoder.batch_size, encoder.manifest.side, encoder.manifest.side, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    encoder.embed(pixels)
    since, calls = time.process_time(), 0  # not the clock's: other programs may be running
    while time.process_time() - since < 3:
        encoder.embed(pixels)
        calls += 1
    return calls * len(pixels) / (time.process_time() - since)


def run(plan: TrainingPlan, task: Task, folder: Path) -> tuple[Trained, dict[str, float]]:
    def on_step(progress: TrainingStep) -> None:
        if progress.step % 50 == 0:
            told = ", ".join(f"{name} {value:.3f}" for name, value in progress.numbers.items())
            print(f"  step {progress.step}: {told}", file=sys.stderr, flush=True)

    trainer = build_trainer(plan)
    since = time.perf_counter()
    fit(trainer, task.batches, folder=folder / "training", on_step=on_step)
    seconds = time.perf_counter() - since
    trained = finish(trainer, task.batches)
    return trained, {**judge(trained, task), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("tower")
    parser.add_argument("photos", nargs="*", help="folders of photos; none for signet")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds to train")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument(
        "--pairs", type=int, default=32, help="photos a step; as many pairs of each kind"
    )
    parser.add_argument("--side", type=int)
    parser.add_argument("--embedding", type=int)
    parser.add_argument("--head")
    parser.add_argument("--loss")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--weights", choices=("", "imagenet"), default="")
    parser.add_argument("--frozen", action="store_true")
    parser.add_argument("--out", type=Path, help="folder to keep the first seed's encoder in")
    options = parser.parse_args()
    plan = plan_for(
        options.tower, side=options.side, embedding=options.embedding, loss=options.loss,
        head=options.head, learning_rate=options.learning_rate, steps=options.steps,
        pairs=options.pairs, views="turned", imagenet=bool(options.weights), frozen=options.frozen,
    )  # fmt: skip
    plan = replace(plan, head=plan.head or "euclidean", photo_side=max(160, plan.side))
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as spare:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            keras.utils.clear_session()
            seeded = replace(plan, seed=seed)
            task = pose_photos(options.photos, seeded) if options.photos else pose_words(seeded)
            first = seed == options.first_seed
            folder = options.out if options.out and first else Path(spare, str(seed))
            trained, figures = run(seeded, task, folder)
            rows.append(figures)
            print(
                f"seed {seed}: " + ", ".join(f"{k} {v:.4f}" for k, v in figures.items()), flush=True
            )
            if first:
                tell_size(seeded, trained, task, folder)
    print(f"{plan.tower}, {plan.loss}, head {plan.head}, {plan.side} px, {plan.steps} steps")
    for name in rows[0]:
        values = [row[name] for row in rows]
        print(f"{name:24} mean {np.mean(values):.4f}  min {min(values):.4f}  max {max(values):.4f}")


def tell_size(plan: TrainingPlan, trained: Trained, task: Task, folder: Path) -> None:
    tower, head = trained.tower.count_params(), trained.head.count_params()
    print(f"{tower + head:,} parameters, {tower:,} of the tower and {head} of the head")
    manifest = export(trained, folder, plan, task.held_out, {"plan": "tests/benchmarks/seeds.py"})
    recall = manifest.thresholds["balanced"].recall
    print(f"{measure_speed(folder):,.0f} images a second on one core; balanced finds {recall:.1%}")


if __name__ == "__main__":
    main()
