from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from photo_files import an_original, encode, reopen, source
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from dedupe.provenance.changes import Agreement, find_changes, match_colours
from dedupe.provenance.evidence import compare
from dedupe.provenance.scene import lay
from dedupe.provenance.tone import to_ycc

Edit = Callable[[Image.Image], Image.Image]
SAME = np.eye(2, 3)


def find(edit: Edit) -> tuple[Agreement, dict[str, float], dict[str, float]]:
    """Return the changes from a photo to an edited copy of it."""
    original = an_original()
    copy = encode(edit(reopen(original)), quality=90)
    return find_changes(lay(source(original), source(copy), SAME))


def draw_line(image: Image.Image) -> Image.Image:
    image = image.copy()
    ImageDraw.Draw(image).line((60, 60, 200, 120), fill=(220, 30, 30), width=4)
    return image


def write_date(image: Image.Image) -> Image.Image:
    image = image.copy()
    ImageDraw.Draw(image).text((180, 220), "24 11 '26", fill=(255, 150, 40), font_size=34)
    return image


def darken_corners(image: Image.Image) -> Image.Image:
    values = np.asarray(image, np.float32)
    y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    gain = 1 - 0.25 * (x * x + y * y)
    return Image.fromarray((values * gain[..., None]).clip(0, 255).astype(np.uint8))


ADDITIONS: dict[str, Edit] = {"line": draw_line, "date": write_date}
PROCESSES: dict[str, Edit] = {
    "saved again": lambda image: image,
    "lighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "less colour": lambda image: ImageEnhance.Color(image).enhance(0.4),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "sharpened": lambda image: image.filter(ImageFilter.UnsharpMask(1, 80, 0)),
    "dark corners": darken_corners,
}


@pytest.mark.parametrize("kind", ADDITIONS)
def test_a_thin_addition_does_not_follow_from_its_surroundings(kind: str) -> None:
    _, added, removed = find(ADDITIONS[kind])
    assert added["changed_alone"] > 0.1
    assert removed["changed_alone"] < -0.1


@pytest.mark.parametrize("first", PROCESSES)
@pytest.mark.parametrize("kind", ADDITIONS)
def test_an_addition_is_found_under_a_common_process(kind: str, first: str) -> None:
    _, added, removed = find(lambda image: ADDITIONS[kind](PROCESSES[first](image)))
    assert added["changed_alone"] > removed["changed_alone"] + 0.2


@pytest.mark.parametrize("kind", PROCESSES)
def test_a_common_process_is_no_change(kind: str) -> None:
    agreement, _, _ = find(PROCESSES[kind])
    assert agreement.changed.mean() < 0.02


def test_tiles_on_an_addition_are_left_out() -> None:
    agreement, _, _ = find(draw_line)
    spots = [(120, 72), (280, 200)]  # on the line, and far from it
    for to_grid in (agreement.source, agreement.target):
        assert agreement.agree_on(to_grid, spots, 32).tolist() == [False, True]


def test_pixels_on_an_addition_are_not_common() -> None:
    agreement, _, _ = find(draw_line)
    common = agreement.find_common(agreement.target, (72, 52), 5)
    assert not common[90 // 5, 130 // 5]
    assert common.mean() > 0.85


def test_an_addition_is_found_on_either_side_of_the_pair() -> None:
    original = an_original()
    marked = encode(draw_line(reopen(original)), quality=90)
    there = find_changes(lay(source(original), source(marked), SAME))
    back = find_changes(lay(source(marked), source(original), SAME))
    assert there[1]["changed_alone"] == pytest.approx(back[2]["changed_alone"], abs=0.2)
    assert there[2]["changed_alone"] == pytest.approx(back[1]["changed_alone"], abs=0.2)


def test_tones_colours_and_a_smooth_change_of_light_are_matched() -> None:
    photo = np.asarray(reopen(an_original()), np.float32)
    darker = np.asarray(darken_corners(Image.fromarray(photo.astype(np.uint8))), np.float32)
    p, t = to_ycc(photo), to_ycc(0.8 * darker)
    where = np.ones(p.shape[:2], bool)
    assert np.abs(match_colours(p, t, where) - t).mean() < 0.2 * np.abs(p - t).mean()


def tilt(image: Image.Image) -> tuple[Image.Image, NDArray[np.float64]]:
    """Return a photo of the picture from the side on a plain ground, and the map to the picture."""
    width, height = image.size
    matrix = np.array([[1.3, 0.1, -60], [-0.05, 1.35, -40], [-0.0002, 0.0009, 1]])
    values = cv2.warpPerspective(
        np.asarray(image), matrix, (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=(90, 80, 70),
    )  # fmt: skip
    return Image.fromarray(values), matrix


def test_a_picture_seen_from_the_side_is_laid_with_its_perspective() -> None:
    original = an_original()
    picture, matrix = tilt(reopen(original))
    first, second = source(original), source(encode(picture, quality=90))
    frame = np.diag([1 / first.width, 1 / first.height, 1])
    near = frame @ matrix @ np.linalg.inv(frame)
    evidence = compare(first, second, tuple((near / near[2, 2]).ravel().tolist()))
    assert evidence is not None
    assert evidence.added["outside_flat"] > 0.6  # the ground, and none of the picture
    assert evidence.removed["outside"] < 0.05
    assert evidence.added["changed"] < 4
