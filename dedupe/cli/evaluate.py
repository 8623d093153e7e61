"""`dedupe evaluate`: measure how many edited copies an encoder finds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dedupe.cli.console import console
from dedupe.cli.output import count
from dedupe.cli.progress import Stage
from dedupe.encoder.manifest import BUILT_IN

if TYPE_CHECKING:
    from dedupe.siamese.evaluate import Evaluation


def evaluate(
    photos: Annotated[
        list[str],
        typer.Argument(help="Folders of photos.", show_default=False, metavar="PHOTOS"),
    ],
    encoder: Annotated[
        str | None, typer.Option(help="Folder of another encoder.", metavar="FOLDER")
    ] = None,
    originals: Annotated[int, typer.Option(min=1, help="Photos to make copies of.")] = 100,
    distractors: Annotated[int, typer.Option(min=1, help="Other photos, none a copy.")] = 400,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[
        str | None, typer.Option(help="Also draw the curve: .png, .svg or .pdf.", metavar="FILE")
    ] = None,
) -> None:
    """Edit photos in memory, and count the copies that an encoder finds."""
    from dedupe.encoder.choice import choose_encoder  # loads NumPy: not for --help
    from dedupe.siamese.evaluate import evaluate as run_evaluation
    from dedupe.siamese.plot import check_can_plot, plot_evaluation

    if plot:
        check_can_plot(plot)
    opened = choose_encoder(encoder or BUILT_IN, calibrated=False)
    with console.progress({"edit": Stage("Editing", "photos")}) as on_progress:
        found = run_evaluation(
            opened,
            photos,
            originals=originals,
            distractors=distractors,
            seed=seed,
            on_progress=on_progress,
        )
    if plot:
        plot_evaluation(found, Path(plot))
    if as_json:
        console.say(json.dumps(asdict(found)))
    else:
        _show(found)


def _show(found: Evaluation) -> None:
    from dedupe.siamese.edits import EDITS

    console.say(
        f"{found.originals} originals, {found.images} images, "
        f"{found.false_pairs:,} pairs of different photos"
    )
    if found.repeats:
        console.say(f"left out: {count(found.repeats, 'photo')}, copies of another one")
    console.say(f"uAP {found.uap:.4f}")
    console.say("share of copies found at a false-positive rate of")
    rates = "".join(f"{recall.rate:>9.0e}" for recall in found.recalls)
    console.say(f"{'':22}{rates}")
    for level in found.recalls[0].levels:
        console.say(f"{level:22}" + "".join(f"{r.levels[level]:9.3f}" for r in found.recalls))
        for name in (name for name, edit in EDITS.items() if edit.level == level):
            console.say(f"  {name:20}" + "".join(f"{r.edits[name]:9.3f}" for r in found.recalls))
