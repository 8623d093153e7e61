"""`dedupe explain`: why two images are, or are not, copies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dedupe.cli.console import console
from dedupe.cli.explanation import (
    describe_distance,
    explanation_as_json,
    explanation_lines,
    name_verdict,
)
from dedupe.cli.origin import explain_tree, find_origin, name_original, origin_as_json, origin_lines
from dedupe.encoder.manifest import BUILT_IN, SENSITIVITIES
from dedupe.errors import UsageError

if TYPE_CHECKING:
    from dedupe.explain.derivation import Origin
    from dedupe.explain.explain import Explanation


def explain(
    a: Annotated[str, typer.Argument(help="An image.", show_default=False, metavar="A")],
    b: Annotated[str, typer.Argument(help="Another image.", show_default=False, metavar="B")],
    more: Annotated[
        list[str] | None,
        typer.Argument(
            help="More copies: print which was made from which.",
            show_default=False,
            metavar="[MORE]...",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="Draw a figure, a PNG file; of a pair, loads TensorFlow.", metavar="FILE"
        ),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Folder of another encoder.", metavar="FOLDER")
    ] = None,
    sensitivity: Annotated[
        str,
        typer.Option(
            help="strict, balanced, loose or wide, of the explained scan.",
            metavar="NAME",
            autocompletion=lambda incomplete: [
                n for n in SENSITIVITIES if n.startswith(incomplete)
            ],
        ),
    ] = "wide",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain why two images are, or are not, copies. Changes neither."""
    from dedupe.encoder.choice import choose_encoder  # loads NumPy: not for --help
    from dedupe.explain.enclosure import find_inside
    from dedupe.explain.explain import explain as run_explanation

    if more:
        explain_tree([a, b, *more], out=out, as_json=as_json)
        return
    chosen = choose_encoder(encoder or BUILT_IN, device="cpu", runtime="auto")
    if out and chosen.manifest.engine == "own":
        raise UsageError("--out draws encoders of dedupe only: they are Keras models")
    if out:
        from dedupe.explain.canvas import check_out

        check_out(out)
    found = run_explanation(a, b, encoder=chosen, sensitivity=sensitivity)
    inside = find_inside(found, encoder=encoder or BUILT_IN)
    origin = find_origin(found)
    if out:
        _draw(found, Path(encoder or BUILT_IN), out, origin)
    if as_json:
        console.say(
            json.dumps(explanation_as_json(found, inside) | {"origin": origin_as_json(origin)})
        )
    else:
        for line in (*explanation_lines(found, inside), *origin_lines(origin)):
            console.say(line)


def _draw(found: Explanation, folder: Path, out: str, origin: Origin | None) -> None:
    import numpy as np

    from dedupe.encoder.runtime import KerasEncoder

    tower = KerasEncoder(folder, device="cpu")  # first: it knows how to load Keras quietly
    from dedupe.explain.canvas import write
    from dedupe.explain.feature_maps import view
    from dedupe.explain.figure import draw_figure
    from dedupe.siamese.heads import load_head

    squares = np.stack([found.first.square, found.second.square])
    views = view(tower, squares, load_head(folder))
    names = f"A {Path(found.first.path).name}, B {Path(found.second.path).name}"
    original = f"; {name_original(origin)} is the original" if origin else ""
    figure = draw_figure(
        found,
        views,
        title=name_verdict(found) + original,
        subtitle=f"{names}: distance {describe_distance(found)}",
    )
    write(figure, out)
