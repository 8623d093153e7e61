"""`dedupe calibrate`: measure the thresholds of an encoder that dedupe did not train."""

from __future__ import annotations

from typing import Annotated

import typer

from dedupe.cli.console import console
from dedupe.cli.output import count, threshold_lines
from dedupe.cli.progress import Stage


def calibrate(
    photos: Annotated[
        list[str],
        typer.Argument(
            help="Folders of photos, best without copies.", show_default=False, metavar="PHOTOS"
        ),
    ],
    encoder: Annotated[
        str, typer.Option(help="Encoder: onnx:FILE, or NAME:ARGUMENT.", metavar="NAME:ARGUMENT")
    ],
    number: Annotated[
        int, typer.Option("--count", min=50, help="Photos to measure with.", metavar="N")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.", metavar="N")] = 0,
) -> None:
    """Measure which distances of an encoder are copies, and keep them for scans.

    Edits photos in memory; changes none. `dedupe scan --encoder` needs this once for each encoder.
    """
    from dedupe.siamese.own import calibrate_encoder  # loads OpenCV: not for --help

    with console.progress({"decode": Stage("Reading", "photos")}) as on_progress:
        found = calibrate_encoder(encoder, photos, count=number, seed=seed, on_progress=on_progress)
    pairs = found.basis["false_pairs"]
    console.say(f"{count(found.basis['photos'], 'photo')}, {pairs:,} pairs of different photos")
    for line in threshold_lines(found.thresholds):
        console.say(line)
    console.say(f"dedupe scan --encoder {encoder} PHOTOS")
