"""`dedupe near`: the images of some folders that are nearest to one image."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dedupe.cli.console import console
from dedupe.cli.options import takes
from dedupe.cli.progress import Stage
from dedupe.errors import UsageError
from dedupe.options import RunOptions, WalkOptions

if TYPE_CHECKING:
    from dedupe.explain.neighbours import Neighbour

Image = Annotated[str, typer.Argument(help="An image.", show_default=False, metavar="IMAGE")]
Roots = Annotated[
    list[str], typer.Argument(help="Folders and files.", show_default=False, metavar="PATH")
]
Count = Annotated[int, typer.Option(min=1, help="Images to list.", metavar="N")]
NoVerify = Annotated[bool, typer.Option("--no-verify", help="List distances only.", metavar="")]
Indexed = Annotated[
    bool,
    typer.Option("--indexed", help="Search files of earlier scans only: faster.", metavar=""),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", metavar="")]


@takes({"walk": WalkOptions, "options": RunOptions}, partial=("walk", "options"))
def near(
    image: Image,
    roots: Roots,
    walk: dict[str, Any],
    options: dict[str, Any],
    count: Count = 10,
    no_verify: NoVerify = False,
    indexed: Indexed = False,
    as_json: AsJson = False,
) -> None:
    """List the images nearest to one image, at any distance, and verify each. Changes none.

    Embeddings come from the index of earlier scans.
    """
    if indexed and walk:
        raise UsageError("--indexed lists no folder: options that choose files have no effect")
    from dedupe.explain.neighbours import find_neighbours  # loads OpenCV: not for --help

    with console.progress({"embed": Stage("Reading", "images")}) as on_progress:
        found = find_neighbours(
            image,
            *roots,
            count=count,
            indexed=indexed,
            on_progress=on_progress,
            **walk,
            **options,
            verify=not no_verify,
        )
    if as_json:
        console.say(json.dumps([_as_json(neighbour) for neighbour in found]))
        return
    for neighbour in found:
        words = f"  {_verdict(neighbour)}" if neighbour.is_copy is not None else ""
        for photo in neighbour.photos:
            size = f"{photo.width} x {photo.height} {photo.format}"
            console.say(f"{neighbour.distance:.4f}  {photo.path}  ({size}){words}")


def _verdict(neighbour: Neighbour) -> str:
    if not neighbour.is_copy:
        return "not a copy"
    return f"copy, {neighbour.how}" if neighbour.how else "copy"


def _as_json(neighbour: Neighbour) -> dict[str, Any]:
    facts = asdict(neighbour)
    return {
        "paths": [photo.path for photo in neighbour.photos],
        "digest": neighbour.photos[0].digest,
        **{name: facts[name] for name in ("distance", "is_copy", "how")},
    }
