"""`dedupe train`: make an encoder from photos of your own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dedupe.cli.console import console

_IMAGENET = "imagenet"


def train(
    photos: Annotated[list[str], typer.Argument(help="Folders of photos.", show_default=False)],
    out: Annotated[str, typer.Option(help="Folder for the encoder.", show_default=False)],
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 4000,
    pairs: Annotated[int, typer.Option(min=2, help="Photos a step.")] = 256,
    tower: Annotated[
        str | None,
        typer.Option(
            help="Network both images go through: residual, fovea, tiny, tiny_elu, tiny_pooled, "
            "mobilenetv2, resnet50, signet or inceptionv3; else that of --weights, else residual."
        ),
    ] = None,
    head: Annotated[
        str | None, typer.Option(help="Judge of pairs: l1, euclidean, cosine or spatial.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option(help="binary, contrastive, triplet or nt_xent.")
    ] = None,
    views: Annotated[
        str, typer.Option(help="edited, or turned: by 10 degrees and 10 % at most.")
    ] = "edited",
    side: Annotated[
        int | None, typer.Option(min=32, help="Edge of the input, pixels; else the tower's own.")
    ] = None,
    embedding: Annotated[
        int | None, typer.Option(min=2, help="Floats of an embedding; else the tower's own.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-6, help="Its highest value; else the tower's own.")
    ] = None,
    temperature: Annotated[float, typer.Option(min=0.01, help="Of nt_xent.")] = 0.07,
    margin: Annotated[
        float | None, typer.Option(min=0, help="Of contrastive (else 1) and triplet (else 0.2).")
    ] = None,
    small_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the steps on smaller views.")
    ] = None,
    photo_side: Annotated[
        int | None, typer.Option(min=32, help="Edge of photos in memory; else 5/3 of --side.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="float32, or bfloat16 where the hardware has it: faster steps.")
    ] = "float32",
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Origin and licence of photos, for the manifest; repeatable."),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Start from: a .keras file, or imagenet, fetched if need be.")
    ] = "",
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Train what stands on the backbone only.")
    ] = False,
    plot: Annotated[str, typer.Option(help="Draw the log at the end: .png, .svg or .pdf.")] = "",
) -> None:
    """Train an encoder on turned, zoomed, cropped and otherwise changed pairs of your photos.

    Takes hours on a CPU; stopped, it goes on from its last checkpoint.
    """
    from dedupe.siamese.plot import check_can_plot, plot_training

    if plot:
        check_can_plot(plot)
    # TensorFlow takes seconds to load; no other command needs it.
    from dedupe.siamese.build import make_encoder, tower_of
    from dedupe.siamese.config import plan_for
    from dedupe.siamese.train import Progress

    start = Path(weights) if weights not in ("", _IMAGENET) else None
    plan = plan_for(
        tower or tower_of(start) or "residual",
        side=side,
        embedding=embedding,
        steps=steps,
        pairs=pairs,
        head=head,
        loss=loss,
        views=views,
        learning_rate=learning_rate,
        temperature=temperature,
        margin=margin,
        small_share=small_share,
        precision=precision,
        seed=seed,
        imagenet=weights == _IMAGENET,
        frozen=frozen,
    )
    plan = replace(plan, photo_side=photo_side or max(160, plan.side * 5 // 3))
    console.promise = "; the same command goes on from the last checkpoint"
    with console.bar("Training", steps, "steps") as bar:

        def on_step(progress: Progress) -> None:
            bar.update(progress.step - bar.n)
            bar.set_postfix({name: f"{value:.3f}" for name, value in progress.numbers.items()})

        manifest = make_encoder(
            photos,
            Path(out),
            plan,
            sources=source or (),
            start=start,
            on_step=on_step,
        )
    if plot:
        plot_training(Path(out, "training", "training.csv"), Path(plot))
    for name, threshold in manifest.thresholds.items():
        console.say(
            f"{name:9} distance {threshold.distance:.3f}: finds {threshold.recall:.1%} of changed "
            f"copies, {threshold.false_positive_rate:.0e} of other pairs"
        )
    console.say(f"encoder: {out}  (dedupe scan --encoder {out} PHOTOS)")
