"""The figure of a tower that keeps its places: what each square takes from the certainty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from drawings import draw_photos
from PIL import Image
from typer.testing import CliRunner

from dedupe.cli import app
from dedupe.encoder import KERAS_FILE, KerasEncoder, Manifest
from dedupe.errors import EncoderError
from dedupe.siamese.cells import Cells, ends_in_cells
from dedupe.siamese.heads import build_head
from dedupe.siamese.maps import view
from dedupe.siamese.towers import build_tower

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MANIFEST = Manifest("tiny", 128, 75, "", {}, {}, {}, {})


@pytest.fixture(scope="module")
def tower() -> Any:
    keras.utils.set_random_seed(3)
    return build_tower("tiny", side=128, embedding=75)


@pytest.fixture(scope="module")
def judge(tower: Any) -> Any:
    """A head whose weights differ from square to square."""
    head = build_head("spatial", tower)
    head.get_layer("head").set_weights([np.linspace(-1, 2, 25), np.array(0.4)])
    return head


@pytest.fixture
def encoder(tower: Any, tmp_path: Path) -> KerasEncoder:
    MANIFEST.write(tmp_path)
    tower.save(tmp_path / KERAS_FILE)
    return KerasEncoder(tmp_path, device="cpu")


def test_the_weighted_difference_leaves_the_head_s_own_probability(
    encoder: KerasEncoder, tower: Any, judge: Any
) -> None:
    pixels = draw_photos(2, side=128)
    cells = view(encoder, pixels, judge).head
    assert isinstance(cells, Cells)
    vectors = tower.predict_on_batch(pixels)
    answer = judge.predict_on_batch([vectors[:1], vectors[1:]])[0, 0]
    assert cells.probability == pytest.approx(float(answer), abs=1e-5)
    assert cells.weigh().shape == (5, 5)
    assert (cells.weigh() >= 0).all()


def test_identical_pictures_take_nothing_from_it(encoder: KerasEncoder, judge: Any) -> None:
    pixels = draw_photos(1, side=128)
    cells = view(encoder, np.concatenate([pixels, pixels]), judge).head
    assert isinstance(cells, Cells)
    assert not cells.weigh().any()
    assert cells.probability is not None
    assert cells.probability >= 0.99


@pytest.mark.parametrize("head", ["", "l1"])
def test_without_weights_of_places_squares_add_up_to_the_squared_distance(
    encoder: KerasEncoder, tower: Any, head: str
) -> None:
    pixels = draw_photos(2, side=128)
    cells = view(encoder, pixels, build_head(head, tower) if head else None).head
    assert isinstance(cells, Cells)
    first, second = tower.predict_on_batch(pixels)
    assert cells.weigh().sum() == pytest.approx(float(((first - second) ** 2).sum()), abs=1e-5)
    assert cells.probability is None


def test_maps_are_those_before_they_are_averaged_and_look_where_the_grid_says(
    encoder: KerasEncoder,
) -> None:
    plain = draw_photos(1, side=128)
    views = view(encoder, plain)
    assert views.maps.shape == (1, 30, 30, 3)
    x, y = (
        128 * (at - views.grid[axis, 2]) / views.grid[axis, axis] for axis, at in ((0, 20), (1, 7))
    )
    spotted = plain.copy()
    spotted[0, round(y) - 2 : round(y) + 2, round(x) - 2 : round(x) + 2] ^= 255
    moved = np.linalg.norm(view(encoder, spotted).maps[0] - views.maps[0], axis=2)
    assert np.argwhere(moved > 0).mean(axis=0) == pytest.approx([7, 20], abs=0.6)


def test_only_what_changed_takes_from_the_certainty(encoder: KerasEncoder, judge: Any) -> None:
    """The right-hand lower corner, of which normalisation tells the rest a little."""
    pixels = draw_photos(2, side=128)
    pixels[1] = pixels[0]
    pixels[1, 104:, 104:] = 255 - pixels[1, 104:, 104:]
    cells = view(encoder, pixels, judge).head
    assert isinstance(cells, Cells)
    shares = cells.weigh()
    assert shares.argmax() == 24
    assert shares[4, 4] > 0.5 * shares.sum()


def test_towers_that_pool_their_places_keep_none(tower: Any) -> None:
    assert ends_in_cells(tower)
    assert not ends_in_cells(build_tower("residual", side=32, embedding=8))


def test_a_tower_without_places_cannot_be_drawn_and_says_so(tmp_path: Path) -> None:
    MANIFEST.write(tmp_path)
    build_tower("signet", side=32, embedding=8).save(tmp_path / KERAS_FILE)
    with pytest.raises(EncoderError, match=r"nor keeps its places: .* explain without --out"):
        view(KerasEncoder(tmp_path, device="cpu"), draw_photos(2, side=32))


def test_tiny_is_trained_scanned_with_and_explained_from_the_command_line(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, photo in enumerate(draw_photos(40, side=128)):
        Image.fromarray(photo).save(photos / f"{number}.png")
    Image.fromarray(draw_photos(1, side=128)[0]).rotate(4).save(photos / "turned.png")
    encoder, figure = tmp_path / "tiny", tmp_path / "why.png"

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    told = run("train", photos, "--out", encoder, "--tower", "tiny", "--views", "turned",
               "--steps", 20, "--pairs", 8)  # fmt: skip
    assert f"dedupe scan --encoder {encoder}" in told
    assert {path.name for path in encoder.iterdir()} == {
        "encoder.keras", "encoder.tflite", "head.keras", "manifest.json", "training",
    }  # fmt: skip
    scanned = run("scan", photos, "--encoder", encoder, "--report", tmp_path / "report.csv",
                  "--no-verify", "--sensitivity", "wide")  # fmt: skip
    assert "41 images" in scanned
    run("explain", photos / "0.png", photos / "turned.png", "--encoder", encoder, "--out", figure)
    with Image.open(figure) as drawn:
        assert (drawn.format, drawn.width) == ("PNG", 1088)
