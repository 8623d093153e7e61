"""Words for `dedupe explain`: which image is the original, and the tree of some copies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dedupe.cli.console import console

if TYPE_CHECKING:
    from dedupe.explain.derivation import Origin
    from dedupe.explain.explain import Explanation


def explain_tree(paths: list[str], *, out: str | None, as_json: bool) -> None:
    """Print how some copies were made from each other, and draw it if `out` is given."""
    from dedupe.explain.canvas import check_out, write
    from dedupe.explain.derivation import draw_tree

    if out:
        check_out(out)
    branches = draw_tree(paths)
    if out:
        from dedupe.explain.tree_figure import draw_tree_figure

        write(draw_tree_figure(branches), out)
    if as_json:
        names = ("path", "parent", "how", "score")
        tree = [{name: getattr(branch, name) for name in names} for branch in branches]
        console.say(json.dumps({"tree": tree}))
        return
    for branch in branches:
        words = f"  {branch.how or 'no visible change'} ({branch.score:+.1f})"
        console.say("  " * branch.depth + branch.path + (words if branch.depth else "  original"))


def find_origin(found: Explanation) -> Origin | None:
    """Return the evidence on which image is the original; None unless they are two copies."""
    from dedupe.explain.derivation import find_origin as measure_origin

    if not found.comparison.verdict.is_copy or found.decision == "same bytes":
        return None
    matrix = found.comparison.verdict.matrix
    if matrix is not None and found.first.digest > found.second.digest:
        matrix = found.comparison.verdict.flip().matrix  # a scan compares the lower digest first
    return measure_origin(found.first, found.second, matrix)


def name_original(origin: Origin) -> str:
    """Return A if the second image was made from the first, else B."""
    return "A" if origin.score >= 0 else "B"


def origin_lines(origin: Origin | None) -> list[str]:
    """Return the lines on the original of a pair, none without evidence."""
    if origin is None:
        return []
    lines = ["", f"original    {name_original(origin)}, by {abs(origin.score):.1f} of log-odds"]
    lines += ["evidence in log-odds; positive: B was made from A"]
    return lines + [f"  {group:22}  {share:+6.2f}" for group, share in origin.signs.items()]


def origin_as_json(origin: Origin | None) -> dict[str, Any] | None:
    """Return every number of the evidence with its share of the score."""
    if origin is None:
        return None
    numbers = {
        name: {"value": value, "log_odds": origin.parts.get(name, 0.0)}
        for name, value in origin.numbers.items()
    }
    return {
        "original": name_original(origin),
        "score": origin.score,
        "evidence": origin.signs,
        "numbers": numbers,
    }
