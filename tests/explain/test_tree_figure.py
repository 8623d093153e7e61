"""The tree of some copies, drawn from real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dedupe.errors import InputError
from dedupe.explain.derivation import Branch
from dedupe.explain.tree_figure import draw_tree_figure


@pytest.fixture
def branches(tmp_path: Path) -> list[Branch]:
    """An original, a copy of it and a copy of the copy, each of one colour."""
    colours = (200, 30, 30), (30, 200, 30), (30, 30, 200)
    for name, colour in zip("abc", colours, strict=True):
        Image.new("RGB", (60, 40), colour).save(tmp_path / f"{name}.png")
    parents = (None, 0, 1)
    return [
        Branch(str(tmp_path / f"{name}.png"), parent, depth, "greyscale" * depth, 3.0 * depth)
        for depth, (name, parent) in enumerate(zip("abc", parents, strict=True))
    ]


def test_each_copy_is_drawn_below_and_right_of_its_parent(branches: list[Branch]) -> None:
    pixels = np.asarray(draw_tree_figure(branches))
    places = [
        np.argwhere((pixels == colour).all(axis=2)).min(axis=0)
        for colour in ((200, 30, 30), (30, 200, 30), (30, 30, 200))
    ]
    assert places[0][0] < places[1][0] < places[2][0]
    assert places[0][1] < places[1][1] < places[2][1]


def test_a_figure_of_a_file_that_vanished_is_an_input_error(branches: list[Branch]) -> None:
    Path(branches[2].path).unlink()
    with pytest.raises(InputError, match=r"cannot read .*c\.png"):
        draw_tree_figure(branches)
