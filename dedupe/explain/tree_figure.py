"""Draw how some copies were made from each other, as a tree of small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from dedupe.explain.canvas import BLUE, Sheet
from dedupe.explain.derivation import Branch
from dedupe.explain.explain import see

_SIDE = 64  # of the squares that are read and not used, pixels


def draw_tree_figure(branches: Sequence[Branch]) -> Image.Image:
    """Draw the tree of some copies.

    Args:
        branches: as `dedupe.explain.derivation.draw_tree` returns them, a parent before its copies.

    Returns:
        An RGB picture, 1088 pixels wide: the original first, each copy below and to the right of
        the file that it was made from, with what was done to it and the log-odds.

    Raises:
        InputError: a file cannot be read.
    """
    title = f"{Path(branches[0].path).name} is the original"
    copies = len(branches) - 1
    sheet = Sheet(
        title, f"{copies} cop{'y' if copies == 1 else 'ies'}, each below its parent", BLUE
    )
    places: list[int] = []
    for branch in branches:
        seen = see(branch.path, _SIDE)
        words = f"{seen.width} x {seen.height} {seen.format}"
        if branch.parent is not None:
            words += f"\n{branch.how or 'no visible change'} ({branch.score:+.1f} of log-odds)"
        parent = None if branch.parent is None else places[branch.parent]
        name = Path(branch.path).name
        places.append(sheet.hang(seen.pixels, branch.depth, parent, name, words))
    return sheet.finish()
