"""`dedupe index`: report the size of the index, prune stale entries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dedupe.cli.console import console
from dedupe.cli.output import count, size
from dedupe.cli.outputs import check_written
from dedupe.encoder.manifest import BUILT_IN, read_manifest
from dedupe.errors import InputError, UsageError

if TYPE_CHECKING:
    from dedupe.index.prune import IndexStats


def index(
    prune_it: Annotated[
        bool, typer.Option("--prune", help="Remove missing files and older versions.")
    ] = False,
    only: Annotated[
        str,
        typer.Option(
            "--only-encoder",
            help="With --prune: keep the vectors of this encoder only: a folder, or default.",
            show_default=False,
            metavar="FOLDER",
        ),
    ] = "",
    file: Annotated[
        str, typer.Option("--index", help="Another file than the user's.", metavar="FILE")
    ] = "",
) -> None:
    """Show the size of the index; with --prune, remove entries that no scan will need.

    Files on drives that are not connected count as missing; the next scan embeds them again.
    """
    if only and not prune_it:
        raise UsageError("--only-encoder says what --prune keeps; give both")
    from dedupe.decode.image import DECODER_VERSION
    from dedupe.index.embedding_index import EmbeddingIndex, default_index_path
    from dedupe.index.prune import prune, read_stats

    path = Path(file) if file else default_index_path()
    if not path.exists():
        raise InputError(f"there is no index at {path}: no scan has remembered anything yet")
    check_written({"index": file})
    kept = _fingerprints(only) if only else []
    with EmbeddingIndex(path, encoder="", decoder=DECODER_VERSION) as opened:
        before = read_stats(opened)
        if prune_it:
            from dedupe.verify.verifier import VERIFIER_VERSION

            prune(opened, verifier=VERIFIER_VERSION, only=kept)
            after = read_stats(opened)
            console.say(
                f"forgot {count(before.files - after.files, 'file')}, "
                f"{count(before.vectors - after.vectors, 'vector')} and "
                f"{count(before.verdicts - after.verdicts, 'verdict')}"
            )
            before = after
    console.say(f"{path}: {_describe(before)}")


def _fingerprints(encoder: str) -> list[str]:
    """Of both files of an encoder."""
    manifest = read_manifest(BUILT_IN if encoder == "default" else Path(encoder))
    return [calibration.fingerprint for calibration in manifest.calibrations.values()]


def _describe(stats: IndexStats) -> str:
    return (
        f"{count(stats.files, 'file')}, {count(stats.contents, 'content')}, "
        f"{count(stats.vectors, 'vector')}, {count(stats.verdicts, 'verdict')}, "
        f"{size(stats.size)}"
    )
