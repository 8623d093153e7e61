"""`dedupe train`: make an encoder from photos."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dedupe.cli.console import console
from dedupe.cli.options import takes
from dedupe.cli.output import threshold_lines
from dedupe.cli.progress import Stage
from dedupe.encoder.manifest import BUILT_IN, KERAS_FILE
from dedupe.errors import InputError
from dedupe.siamese.config import TrainingPlan, plan_for

if TYPE_CHECKING:
    from dedupe.encoder.manifest import Manifest
    from dedupe.siamese.train import TrainingStep

_IMAGENET = "imagenet"
_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
"""Read by TensorFlow as it is loaded. By default it leaves out the convolutions of oneDNN on CPUs
without AVX-512 VNNI. One step of `resnet50` there takes 4.6 s without and 1.4 s with them."""
_STAGES = {
    "decode": Stage("Reading", "photos", weight=0.02),
    "train": Stage("Training", "steps", weight=0.98),
}
Photos = Annotated[
    list[str], typer.Argument(help="Folders of photos.", show_default=False, metavar="PHOTOS")
]
Out = Annotated[
    str, typer.Option(help="Folder of the encoder.", show_default=False, metavar="FOLDER")
]
Source = Annotated[
    list[str] | None,
    typer.Option(help="Origin and licence of photos, for the manifest; repeatable."),
]
Weights = Annotated[
    str | None,
    typer.Option(help="First weights: a .keras file, or imagenet (fetched).", metavar="FILE"),
]
Plot = Annotated[str | None, typer.Option(help="Draw the log: .png, .svg or .pdf.", metavar="FILE")]


@takes({"fields": TrainingPlan}, partial=("fields",))
def train(
    photos: Photos,
    out: Out,
    fields: dict[str, Any],
    source: Source = None,
    weights: Weights = None,
    plot: Plot = None,
) -> None:
    """Train an encoder on edited pairs of photos.

    Takes hours on a CPU, or as long as --minutes says. A run that was stopped continues from its
    last checkpoint. An encoder that finds fewer copies than the weights it started from is refused.

    Options that are not given have the values that suit the tower.
    """
    for folder in photos:
        if not os.path.exists(folder):
            raise InputError(f"cannot read {folder}: it does not exist")
    os.environ.setdefault(_ONEDNN, "1")
    if plot:
        from dedupe.siamese.plot import check_can_plot

        check_can_plot(plot)
    start = Path(weights) if weights not in (None, _IMAGENET) else None
    if "minutes" in fields and "tower" not in fields and weights is None:
        start = BUILT_IN / KERAS_FILE
    plan = _plan(fields, start, imagenet=weights == _IMAGENET)
    manifest = _train(photos, Path(out), plan, source or [], start)
    if plot:
        from dedupe.siamese.plot import plot_training

        plot_training(Path(out, "training", "training.csv"), Path(plot))
    if recall := manifest.training.get("recall"):
        console.say(
            f"of the copies of held-out photos the first weights find {recall['before']:.1%}, "
            f"the new ones {recall['after']:.1%}"
        )
    for line in threshold_lines(manifest.thresholds):
        console.say(line)
    console.say(f"encoder: {out}  (dedupe scan --encoder {out} PHOTOS)")


def _plan(fields: dict[str, Any], start: Path | None, *, imagenet: bool) -> TrainingPlan:
    from dedupe.siamese.build import tower_of  # loads TensorFlow, which takes seconds

    chosen = {name: value for name, value in fields.items() if name != "tower"}
    tower = fields.get("tower") or tower_of(start) or TrainingPlan().tower
    return plan_for(tower, imagenet=imagenet, **chosen)


def _train(
    photos: list[str], out: Path, plan: TrainingPlan, sources: list[str], start: Path | None
) -> Manifest:
    from dedupe.siamese.build import make_encoder

    with console.progress(_STAGES) as on_progress:
        last = 0

        def on_step(step: TrainingStep) -> None:
            nonlocal last
            if not last and plan.minutes is not None:
                console.note(f"{step.steps:,} training steps fit into {plan.minutes:g} minutes")
            on_progress("train", step.step - last, step.steps)
            last = step.step

        console.promise = "; the same command goes on from the last checkpoint"
        return make_encoder(
            photos,
            out,
            plan,
            sources=sources,
            start=start,
            on_progress=on_progress,
            on_step=on_step,
        )
