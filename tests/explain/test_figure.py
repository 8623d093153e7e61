"""Figures: what is drawn of pairs, and where it is drawn."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from drawings import draw_photo
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from dedupe.encoder.manifest import BUILT_IN
from dedupe.encoder.runtime import KerasEncoder, LiteRTEncoder
from dedupe.explain.canvas import AMBER, RED
from dedupe.explain.explain import Explanation, explain
from dedupe.explain.feature_maps import Views, view
from dedupe.explain.figure import compare_places, draw_figure


@cache
def encoders() -> tuple[LiteRTEncoder, KerasEncoder]:
    return LiteRTEncoder(BUILT_IN), KerasEncoder(BUILT_IN, device="cpu")


def drawn(seed: int = 3) -> Image.Image:
    return Image.fromarray(draw_photo(seed, width=320, height=240))


def scenes() -> Image.Image:
    """Twelve scenes side by side: nowhere a large plain."""
    sheet = Image.new("RGB", (320, 240))
    for number in range(12):
        scene = draw_photo(100 + number, width=80, height=80)
        sheet.paste(Image.fromarray(scene), (80 * (number % 4), 80 * (number // 4)))
    return sheet


def captioned(image: Image.Image) -> Image.Image:
    image = image.copy()
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 204, *image.size), fill="black")
    draw.text((20, 210), "when the build is green", fill="white", font_size=18)
    return image


def moved(image: Image.Image, place: tuple[int, int] = (200, 40)) -> Image.Image:
    """A scene with a thing at a place, in pixels of its upper left corner."""
    image = image.copy()
    image.paste(drawn(8).resize((80, 60)), place)
    return image


def seen(folder: Path, first: Image.Image, second: Image.Image) -> tuple[Explanation, Views]:
    paths = [folder / "a.png", folder / "b.png"]
    for path, image in zip(paths, (first, second), strict=True):
        image.save(path)
    litert, keras = encoders()
    found = explain(*paths, encoder=litert)
    return found, view(keras, np.stack([found.first.square, found.second.square]))


def drawing(folder: Path, first: Image.Image, second: Image.Image) -> NDArray[np.uint8]:
    found, views = seen(folder, first, second)
    return np.asarray(draw_figure(found, views, title="a title", subtitle="a line"))


def coloured(figure: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    """Count the pixels of the last panel that are nearly of one colour."""
    figure = figure[340:, 728:]
    return int((np.abs(figure.astype(int) - colour).max(axis=2) < 30).sum())


def test_a_caption_bar_is_where_the_places_differ(tmp_path: Path) -> None:
    places = compare_places(*seen(tmp_path, drawn(), captioned(drawn())))
    for found in (places.difference, np.abs(places.weighted)):
        rows = found.mean(axis=1)
        assert rows.argmax() >= 4
        assert rows[4:].mean() > 2 * rows[:4].mean()


@pytest.mark.parametrize(
    "second",
    [
        drawn(4),
        ImageOps.mirror(drawn()),
        drawn().crop((40, 30, 320, 240)),
        Image.new("RGB", (9, 9)),
    ],
    ids=["another", "mirrored", "cropped", "blank"],
)
def test_weighted_places_add_up_to_the_squared_distance(
    tmp_path: Path, second: Image.Image
) -> None:
    found, views = seen(tmp_path, drawn(), second)
    places = compare_places(found, views)
    one, other = encoders()[1].embed(np.stack([found.first.square, found.second.square]))
    squared = float(np.sum((one - other) ** 2))
    assert places.weighted.sum() + places.outside == pytest.approx(squared, abs=1e-3)


def test_features_of_a_mirrored_copy_are_laid_on_those_of_the_original(tmp_path: Path) -> None:
    found, views = seen(tmp_path, drawn(), ImageOps.mirror(drawn()))
    places = compare_places(found, views)
    as_they_stand = np.linalg.norm(views.maps[0] - views.maps[1], axis=2)
    inside = ~np.isnan(places.difference)
    assert places.laid
    assert places.difference[inside].mean() < as_they_stand[inside].mean()


def test_places_outside_a_cropped_copy_are_not_compared(tmp_path: Path) -> None:
    places = compare_places(*seen(tmp_path, drawn(), drawn().crop((0, 0, 200, 240))))
    assert places.laid
    edge = places.difference.shape[1] * 200 / 320  # column at which the crop ends
    assert np.isnan(places.difference[:, math.ceil(edge) :]).all()
    assert not np.isnan(places.difference[:, : math.floor(edge) - 1]).any()


def test_pictures_with_nothing_in_common_are_compared_as_they_stand(tmp_path: Path) -> None:
    places = compare_places(*seen(tmp_path, drawn(3), drawn(5)))
    assert not places.laid
    assert places.outside == 0


def test_both_pictures_are_coloured_alike(tmp_path: Path) -> None:
    first, second = compare_places(*seen(tmp_path, drawn(), drawn())).colours
    np.testing.assert_allclose(first, second)
    assert (first.min(), first.max()) == (0, 1)


def test_a_caption_is_marked_in_amber_and_a_moved_thing_in_red(tmp_path: Path) -> None:
    caption = drawing(tmp_path, scenes(), captioned(scenes()))
    thing = drawing(tmp_path, moved(drawn()), moved(drawn(), (60, 150)))
    assert coloured(caption, AMBER) > 50 > coloured(caption, RED)
    assert coloured(thing, RED) > 50 > coloured(thing, AMBER)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (drawn(), drawn()),
        (drawn(), drawn().crop((60, 20, 320, 240)).transpose(Image.Transpose.ROTATE_90)),
        (drawn().crop((100, 20, 320, 200)), drawn()),
        (drawn(), drawn(6)),
        (drawn(), Image.new("RGB", (400, 30), "white")),
        (Image.new("RGB", (1, 1)), Image.new("RGB", (40, 900), "red")),
    ],
    ids=["the same", "turned and cropped", "a part", "another", "a strip", "a pixel"],
)
def test_any_pair_has_a_figure(tmp_path: Path, first: Image.Image, second: Image.Image) -> None:
    figure = drawing(tmp_path, first, second)
    assert figure.shape[1:] == (1088, 3)
    assert 400 < len(figure) < 900
    assert (figure[:16] == 255).all()
    assert (figure[-16:] == 255).all()


def test_the_same_pair_has_the_same_figure(tmp_path: Path) -> None:
    once, twice = (drawing(tmp_path, drawn(), moved(drawn())) for _ in range(2))
    np.testing.assert_array_equal(once, twice)
