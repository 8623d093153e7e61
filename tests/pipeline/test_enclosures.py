"""Scans of photos and of pictures that show one of them inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from photo_files import draw_scene, gallery
from PIL import Image

from dedupe.pipeline import scan
from dedupe.pipeline.enclosures import _is_in_frame
from dedupe.types import Report, Verdict

PHOTO = draw_scene(5, width=720, height=480)
OTHER = draw_scene(11, width=720, height=480)


def collage(*photos: Image.Image) -> Image.Image:
    """Draw four cells on white."""
    board = Image.new("RGB", (836, 836), "white")
    for number, photo in enumerate(photos):
        cell = photo.crop((120, 0, 600, 480)).resize((400, 400))
        board.paste(cell, (12 + number % 2 * 412, 12 + number // 2 * 412))
    return board


@pytest.fixture
def scanned(tmp_path: Path) -> Callable[..., Report]:
    """Scan pictures, given by name, with the built-in encoder."""

    def run(protect: tuple[str, ...] = (), **pictures: Image.Image) -> Report:
        folder = tmp_path / "p"
        folder.mkdir(exist_ok=True)
        for name, picture in pictures.items():
            picture.save(folder / f"{name}.jpg", quality=90)
        places = [folder / f"{name}.jpg" for name in protect]
        return scan(folder, index=tmp_path / "index", workers=1, protect=places, ignored=None)

    return run


def names(report: Report) -> dict[str, set[str]]:
    """Return the names of the duplicates by that of their keeper."""
    return {
        Path(group.keeper.path).stem: {Path(d.photo.path).stem for d in group.duplicates}
        for group in report.groups
    }


def test_a_screenshot_is_an_edited_duplicate_of_the_photo_on_it(
    scanned: Callable[..., Report],
) -> None:
    report = scanned(photo=PHOTO, screenshot=gallery(PHOTO), other=OTHER)
    assert names(report) == {"photo": {"screenshot"}}
    (duplicate,) = report.duplicates
    assert duplicate.kind == "edited"
    assert duplicate.how == "shows it inside a larger picture, on 34 % of the area"
    assert report.groups[0].reason == "the others show it inside a larger picture"


def test_the_map_leads_from_the_screenshot_to_the_photo(scanned: Callable[..., Report]) -> None:
    (duplicate,) = scanned(photo=PHOTO, screenshot=gallery(PHOTO)).duplicates
    assert duplicate.matrix is not None
    a, _, c, _, e, f, _, _, w = (number / duplicate.matrix[8] for number in duplicate.matrix)
    assert w == 1
    assert [a * 0.5 + c, e * (480 + 240) / 1440 + f] == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_second_scan_gives_the_same_report(scanned: Callable[..., Report]) -> None:
    first = scanned(photo=PHOTO, screenshot=gallery(PHOTO))
    second = scanned()
    assert second == first
    assert second.statistics.reused == 2


def test_screens_of_one_program_with_two_photos_are_no_copies(
    scanned: Callable[..., Report],
) -> None:
    assert names(scanned(one=gallery(PHOTO), two=gallery(OTHER))) == {}


def test_a_screenshot_joins_the_keeper_of_the_group(scanned: Callable[..., Report]) -> None:
    small = PHOTO.resize((360, 240), Image.Resampling.LANCZOS)
    report = scanned(photo=PHOTO, small=small, screenshot=gallery(PHOTO))
    assert names(report) == {"photo": {"small", "screenshot"}}


def test_further_files_of_a_screenshot_join_too(
    tmp_path: Path, scanned: Callable[..., Report]
) -> None:
    scanned(photo=PHOTO, screenshot=gallery(PHOTO))
    folder = tmp_path / "p"
    (folder / "again.jpg").write_bytes((folder / "screenshot.jpg").read_bytes())
    assert names(scanned()) == {"photo": {"screenshot", "again"}}


def test_a_collage_joins_if_all_its_cells_are_there(scanned: Callable[..., Report]) -> None:
    photos = [draw_scene(seed, width=720, height=480) for seed in (5, 11, 12, 13)]
    pictures = {f"cell{n}": photo for n, photo in enumerate(photos)}
    found = names(scanned(collage=collage(*photos), **pictures))
    assert list(found.values()) == [{"collage"}]


def test_a_collage_with_a_cell_that_is_nowhere_else_stays(scanned: Callable[..., Report]) -> None:
    photos = [draw_scene(seed, width=720, height=480) for seed in (5, 11, 12, 13)]
    assert names(scanned(collage=collage(*photos), photo=photos[0])) == {}


def test_collages_that_share_a_cell_are_no_copies(scanned: Callable[..., Report]) -> None:
    one = [draw_scene(seed, width=720, height=480) for seed in (5, 11, 12, 13)]
    two = [draw_scene(seed, width=720, height=480) for seed in (5, 14, 15, 16)]
    assert names(scanned(one=collage(*one), two=collage(*two))) == {}


def test_a_screenshot_with_more_detail_than_the_photo_stays(
    scanned: Callable[..., Report],
) -> None:
    small = PHOTO.resize((240, 160), Image.Resampling.LANCZOS)
    assert names(scanned(small=small, screenshot=gallery(PHOTO))) == {}


def test_a_protected_screenshot_stays(scanned: Callable[..., Report]) -> None:
    report = scanned(photo=PHOTO, screenshot=gallery(PHOTO), protect=("screenshot",))
    assert "screenshot" not in {Path(d.photo.path).stem for d in report.duplicates}


def test_a_photo_with_another_one_pasted_in_neither_goes_nor_replaces_one(
    scanned: Callable[..., Report],
) -> None:
    host = draw_scene(21, width=1080, height=720)
    pasted = host.copy()
    framed = Image.new("RGB", (496, 336), "white")
    framed.paste(PHOTO.resize((480, 320)), (8, 8))
    pasted.paste(framed, (40, 340))
    assert names(scanned(host=host, photo=PHOTO, pasted=pasted)) == {}


def test_screenshots_of_which_one_is_damaged_stay(
    scanned: Callable[..., Report], tmp_path: Path
) -> None:
    assert names(scanned(photo=PHOTO, screenshot=gallery(PHOTO))) == {"photo": {"screenshot"}}
    (tmp_path / "p/screenshot.jpg").unlink()
    for name, bit in (("a", 0), ("b", 1)):
        gallery(PHOTO).save(tmp_path / f"p/{name}.bmp")
        with (tmp_path / f"p/{name}.bmp").open("r+b") as file:
            file.seek(1_500_001)
            byte = file.read(1)[0]
            file.seek(1_500_001)
            file.write(bytes([byte ^ bit]))
    report = scanned()
    assert names(report) == {}
    assert [(Path(s.path).stem, s.reason) for s in report.skipped] == [
        ("a", "damaged"),
        ("b", "damaged"),
    ]


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_part_in_its_own_place_is_no_picture_inside(share: float) -> None:
    box = (0.3, 0.4, 0.3 + share, 0.4 + share)
    part = (share, 0.0, box[0], 0.0, share, box[1], 0.0, 0.0, 1.0)  # from the panel to the whole
    whole = Verdict(True, 1.0, matrix=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    assert _is_in_frame(box, Verdict(True, 1.0, matrix=part).flip())
    assert not _is_in_frame(box, whole)
    assert not _is_in_frame(box, Verdict(True, 1.0))
