"""The paper of a figure: its rows, its letters, and the file that it becomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawings import draw_photo
from PIL import Image

from dedupe.errors import ReportError, UsageError
from dedupe.explain.canvas import INK, PANEL, TILE, Sheet, check_out, write


def a_figure(title: str = "a title") -> Image.Image:
    return Sheet(title, "a line", INK).finish()


def test_a_row_stands_below_the_one_before_and_keeps_its_margins() -> None:
    sheet = Sheet("a title", "a line", INK)
    sheet.row(TILE, [("a tile", np.zeros((TILE, TILE, 3), np.uint8), "words")] * 6)
    sheet.row(PANEL, [("a panel", np.full((90, PANEL, 3), 9, np.uint8), "")] * 3)
    pixels = np.asarray(sheet.finish())
    black, dark = ((pixels == value).all(axis=2) for value in (0, 9))
    rows = [np.nonzero(mask.any(axis=1))[0] for mask in (black, dark)]
    columns = [np.nonzero(mask.any(axis=0))[0] for mask in (black, dark)]
    assert rows[0].max() < rows[1].min()
    assert [(c.min(), c.max()) for c in columns] == [(24, 1088 - 25)] * 2
    assert black.sum() == 6 * TILE * TILE


def test_a_long_text_is_broken_into_lines_that_stay_inside() -> None:
    sheet = Sheet("a title", "a line", INK)
    sheet.write("word " * 400)
    pixels = np.asarray(sheet.finish())
    assert (pixels[:, -24:] == 255).all()
    assert len(pixels) > 200


def test_letters_without_a_glyph_are_not_boxes() -> None:
    assert a_figure("Düne, été") == a_figure("Dune, ete")
    assert a_figure("\u6c99\x1b") == a_figure("??")


def test_a_figure_replaces_an_older_one(tmp_path: Path) -> None:
    out = str(tmp_path / "figure.png")
    write(a_figure("one"), out)
    write(a_figure("another"), out)
    with Image.open(out) as image:
        assert image.size == a_figure("another").size


@pytest.mark.parametrize("name", ["photo.png", "renamed.png", "text.png"])
def test_a_figure_replaces_nothing_else(tmp_path: Path, name: str) -> None:
    photo = Image.fromarray(draw_photo(1))
    photo.save(tmp_path / "photo.png")
    photo.save(tmp_path / "renamed.png", "JPEG")
    (tmp_path / "text.png").write_text("text")
    before = (tmp_path / name).read_bytes()
    with pytest.raises(UsageError, match="no figure of dedupe"):
        write(a_figure(), str(tmp_path / name))
    assert (tmp_path / name).read_bytes() == before


def test_a_figure_is_named_as_what_it_is() -> None:
    with pytest.raises(UsageError, match=r"name it why\.png"):
        check_out("why.jpg")


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot write"):
        write(a_figure(), str(tmp_path / "no" / "why.png"))


def test_the_pictures_of_a_tree_hang_below_and_to_the_right_of_their_parent() -> None:
    sheet = Sheet("a title", "a line", INK)
    parent: int | None = None
    for depth in range(3):
        tile = np.full((40, 56, 3), 9 + depth, np.uint8)
        parent = sheet.hang(tile, depth, parent, f"file {depth}", "words " * 99)
    pixels = np.asarray(sheet.finish())
    corners = [np.argwhere((pixels == 9 + depth).all(axis=2)).min(axis=0) for depth in range(3)]
    assert [int(x) for _, x in corners] == [24, 80, 136]
    assert corners[0][0] + 40 < corners[1][0] < corners[2][0] - 40
    assert (pixels[:, -24:] == 255).all()


def test_the_paper_grows_with_a_tree() -> None:
    sheet = Sheet("a title", "a line", INK)
    for number in range(40):
        sheet.hang(np.full((20, 20, 3), 9, np.uint8), min(number, 1), None, "file", "words")
    pixels = np.asarray(sheet.finish())
    assert ((pixels == 9).all(axis=2)).sum() == 40 * 20 * 20
