"""`dedupe explain`: why two pictures are, or are not, copies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dedupe.cli.console import console
from dedupe.encoder.manifest import BUILT_IN

if TYPE_CHECKING:
    from dedupe.explain.explain import Decision, Explanation, Seen
    from dedupe.verify.overlap import Overlap

_BAR = 10  # characters for a sign of 1


def explain(
    a: Annotated[str, typer.Argument(help="A picture.", show_default=False)],
    b: Annotated[str, typer.Argument(help="Another one.", show_default=False)],
    out: Annotated[
        str | None, typer.Option(help="Draw it too, as a PNG file; loads TensorFlow.")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="Folder of another encoder.")] = None,
    sensitivity: Annotated[
        str, typer.Option(help="strict, balanced, loose or wide: that of the scan explained.")
    ] = "wide",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell why two pictures are, or are not, copies. Changes neither."""
    from dedupe.encoder.runtime import LiteRTEncoder  # loads NumPy: not for --help
    from dedupe.explain.explain import explain as run_explanation

    folder = Path(encoder) if encoder else BUILT_IN
    if out:
        from dedupe.explain.canvas import check_out

        check_out(out)
    found = run_explanation(a, b, encoder=LiteRTEncoder(folder), sensitivity=sensitivity)
    if out:
        _draw(found, folder, out)
    if as_json:
        console.say(json.dumps(_as_json(found)))
    else:
        for line in _lines(found):
            console.say(line)


def _draw(found: Explanation, folder: Path, out: str) -> None:
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
    figure = draw_figure(
        found, views, title=_verdict(found), subtitle=f"{names}: distance {_distance(found)}"
    )
    write(figure, out)


def _lines(found: Explanation) -> list[str]:
    """Tell the explanation line by line."""
    lines = [
        f"A  {_picture(found.first)}",
        f"B  {_picture(found.second)}",
        "",
        _verdict(found),
        "",
        f"distance    {_distance(found)}",
        f"thresholds  {_thresholds(found)}",
        f"a scan      {_scan(found)}",
    ]
    overlap = found.comparison.overlap
    if overlap is None:
        return lines
    told = _measured(found, overlap)
    lines += ["", "signs of a copy, 0 to 1; the weakest decides, a copy has 0.5 or more"]
    for name, value in found.signs.items():
        bar = "#" * round(_BAR * value)
        lines.append(f"  {name:12}  {value:4.2f}  {bar:{_BAR}}  {told[name]}")
    return lines


def _picture(seen: Seen) -> str:
    return f"{seen.path}  ({seen.width} x {seen.height} {seen.format})"


def _verdict(found: Explanation) -> str:
    """Say in one line what the pixels say."""
    if found.decision == "same bytes":
        return "copy: the same bytes"
    verdict, overlap = found.comparison.verdict, found.comparison.overlap
    if verdict.is_copy:
        return f"copy: {verdict.how or 'no change that is worth a word'}"
    if overlap is None:
        return "no copy: nothing in one picture could be laid on the other"
    sign, value = _weakest(found)
    return f"no copy but another shot: {_reason(sign, found, overlap)} ({sign} {value:.2f})"


def _weakest(found: Explanation) -> tuple[str, float]:
    """The weakest sign; of equals the one that says most about pictures with nothing in common."""
    signs = found.signs
    order = ["structure", "agreeing", "inliers", *signs]
    return min(signs.items(), key=lambda sign: (sign[1], order.index(sign[0])))


def _reason(sign: str, found: Explanation, overlap: Overlap) -> str:
    """Say why a weak sign speaks against a copy."""
    o = overlap
    first, second = found.shares
    reasons = {
        "covered": f"each shows what the other does not, {first:.0%} of A lies in B "
        f"and {second:.0%} of B in A",
        "agreeing": f"laid on each other as well as can be, only {o.agreeing:.0%} agrees",
        "in place": f"things stand {o.displaced:.2f} pixels off any common map",
        "rigid": f"the one is bent against the other by {o.nonrigid:.2f} pixels, as from elsewhere",
        "nothing foreign": f"other things stand on {o.foreign:.1%} of what both show",
        "one exposure": "the light differs as between two exposures",
        "structure": "there is too little structure to tell",
        "inliers": f"only {_count(o.inliers)} agree" if o.inliers else "they agree but roughly",
        "colours": f"the colours are others, they correlate by {o.chroma_correlation:.2f}",
    }
    return reasons[sign].replace("%", " %")


def _measured(found: Explanation, overlap: Overlap) -> dict[str, str]:
    """Say what each sign was made of."""
    o = overlap
    first, second = found.shares
    framed = ", the rest is of one colour" if o.outer_framed or o.inner_framed else ""
    told = {
        "covered": f"{first:.0%} of A lies in B, {second:.0%} of B in A{framed}",
        "agreeing": f"{o.agreeing:.0%} of the structure both show correlates",
        "in place": f"three quarters lie within {o.displaced:.2f} pixels of one map",
        "rigid": f"{o.nonrigid:.2f} pixels of it bend smoothly",
        "nothing foreign": f"other things on {o.foreign:.1%}, an overlay on {o.overlay:.1%}",
        "one exposure": f"a change of light of {o.exposure:.2f}, where 1 is as much as people do",
        "structure": f"{o.texture:.0%} of what both show can be compared",
        "inliers": f"{_count(o.inliers)} agree" if o.inliers else "whole frames laid on each other",
        "colours": f"they correlate by {o.chroma_correlation:.2f}",
    }
    return {name: words.replace("%", " %") for name, words in told.items()}


def _count(places: int) -> str:
    return f"{places} place{'' if places == 1 else 's'}"


def _distance(found: Explanation) -> str:
    probability = min(max(found.probability, 0.01), 0.99)
    word = "below " if found.probability < 0.01 else "above " if found.probability > 0.99 else ""
    return (
        f"{found.distance:.4f} of 0 to 2, by itself a copy with probability {word}{probability:.2f}"
    )


def _thresholds(found: Explanation) -> str:
    """List the thresholds by whether the pair lies within."""
    within: dict[bool, list[str]] = {True: [], False: []}
    for name, threshold in found.manifest.thresholds.items():
        within[found.distance <= threshold.distance].append(f"{name} {threshold.distance}")
    parts = [
        f"{word} {', '.join(within[holds])}"
        for holds, word in ((True, "within"), (False, "beyond"))
        if within[holds]
    ]
    return "; ".join(parts)


def _scan(found: Explanation) -> str:
    """Say what a scan makes of the pair."""
    words: dict[Decision, str] = {
        "same bytes": "copies, as the bytes are the same",
        "too far apart": "no copies, as they lie too far apart to be looked at again",
        "verified": "copies, as verification confirms",
        "another shot": "no copies, as verification finds",
    }
    return f"of the two at {found.sensitivity} takes them for {words[found.decision]}"


def _as_json(found: Explanation) -> dict[str, Any]:
    overlap, matrix = found.comparison.overlap, found.matrix
    verdict = found.comparison.verdict
    return {
        "pictures": [
            {name: getattr(seen, name) for name in ("path", "width", "height", "format", "digest")}
            for seen in (found.first, found.second)
        ],
        "is_copy": found.is_copy,
        "decision": found.decision,
        "told": _verdict(found),
        "distance": found.distance,
        "probability": found.probability,
        "sensitivity": found.sensitivity,
        "thresholds": {
            name: {"distance": t.distance, "within": found.distance <= t.distance}
            for name, t in found.manifest.thresholds.items()
        },
        "encoder": found.manifest.fingerprint,
        "verification": {
            "is_copy": verdict.is_copy,
            "score": verdict.score,
            "how": verdict.how,
            "signs": found.signs,
            "shares": found.shares,
            "displaced": None if overlap is None else overlap.displaced,
            "nonrigid": None if overlap is None else overlap.nonrigid,
            "foreign": None if overlap is None else overlap.foreign,
            "overlay": None if overlap is None else overlap.overlay,
            "matrix": None if matrix is None else matrix.tolist(),
        },
    }
