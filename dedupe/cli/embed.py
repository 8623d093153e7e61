"""`dedupe embed`: the embeddings of images as a table."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dedupe.cli.console import console
from dedupe.cli.options import takes
from dedupe.cli.output import count
from dedupe.cli.progress import Stage
from dedupe.options import RunOptions, WalkOptions
from dedupe.setting import build

Roots = Annotated[
    list[str], typer.Argument(help="Folders and files.", show_default=False, metavar="PATH")
]
Out = Annotated[
    str, typer.Option(help="Parquet file of the vectors.", show_default=False, metavar="FILE")
]


@takes({"walk": WalkOptions, "options": RunOptions}, partial=("walk", "options"))
def embed(roots: Roots, out: Out, walk: dict[str, Any], options: dict[str, Any]) -> None:
    """Write the embedding of each image to a Parquet table: path, digest, vector. Changes none.

    Embeddings come from the index of earlier scans. Needs the extra `table`.
    """
    from dedupe.pipeline import embed_images  # loads OpenCV: not for --help
    from dedupe.pipeline.resources import open_manifest
    from dedupe.pipeline.vectors import check_vectors_path, write_vectors

    check_vectors_path(out)
    with console.progress({"embed": Stage("Reading", "images")}) as on_progress:
        found = embed_images(*roots, on_progress=on_progress, **walk, **options)
    write_vectors(found, out, encoder=open_manifest(build(RunOptions, options)).fingerprint)
    contents = found.contents
    console.say(f"{count(contents.files, 'image')}, {count(len(contents), 'vector')}: {out}")
    for skipped in found.skipped:
        console.warn(f"skipped {skipped.path}: {skipped.reason} {skipped.detail}".rstrip())
