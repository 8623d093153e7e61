"""What each place takes from the certainty: exactly where towers keep places, else by swaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from builders import write_tower
from drawings import draw_photos
from PIL import Image
from typer.testing import CliRunner

from dedupe.cli import app
from dedupe.encoder.manifest import read_manifest
from dedupe.encoder.runtime import KerasEncoder
from dedupe.errors import EncoderError
from dedupe.explain.feature_maps import view
from dedupe.explain.shapley import Shares, ends_in_cells, find_end, share_swaps
from dedupe.siamese.heads import build_head
from dedupe.siamese.towers import build_tower

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SAMPLES = Path(__file__).parents[2] / "sample_data"


@pytest.fixture(scope="module")
def tower() -> Any:
    keras.utils.set_random_seed(3)
    return build_tower("tiny", side=128, embedding=75)


@pytest.fixture(scope="module")
def judge(tower: Any) -> Any:
    """A head with weights that differ from square to square."""
    head = build_head("spatial", tower)
    head.get_layer("head").set_weights([np.linspace(-1, 2, 25), np.array(0.4)])
    return head


@pytest.fixture
def encoder(tower: Any, tmp_path: Path) -> KerasEncoder:
    write_tower(tower, tmp_path)
    return KerasEncoder(tmp_path, device="cpu")


def shares_of(encoder: KerasEncoder, pixels: Any, judge: Any = None) -> Shares:
    found = view(encoder, pixels, judge).head
    assert isinstance(found, Shares)
    return found


def test_the_weighted_difference_leaves_the_head_s_own_probability(
    encoder: KerasEncoder, tower: Any, judge: Any
) -> None:
    pixels = draw_photos(2, side=128)
    found = shares_of(encoder, pixels, judge)
    vectors = tower.predict_on_batch(pixels)
    answer = judge.predict_on_batch([vectors[:1], vectors[1:]])[0, 0]
    assert found.probability == pytest.approx(float(answer), abs=1e-5)
    squares = found.places.reshape(5, 6, 5, 6)
    assert (found.places >= 0).all()
    assert (squares == squares[:, :1, :, :1]).all()


def test_identical_pictures_take_nothing_from_it(encoder: KerasEncoder, judge: Any) -> None:
    found = shares_of(encoder, np.repeat(draw_photos(1, side=128), 2, axis=0), judge)
    assert not found.places.any()
    assert found.probability is not None
    assert found.probability >= 0.99


def test_without_a_head_squares_add_up_to_the_squared_distance(
    encoder: KerasEncoder, tower: Any
) -> None:
    pixels = draw_photos(2, side=128)
    found = shares_of(encoder, pixels)
    first, second = tower.predict_on_batch(pixels)
    assert found.places.sum() == pytest.approx(float(((first - second) ** 2).sum()), abs=1e-5)
    assert found.probability is None


def test_maps_are_those_before_they_are_averaged_and_look_where_the_grid_says(
    encoder: KerasEncoder,
) -> None:
    plain = draw_photos(2, side=128)
    views = view(encoder, plain)
    assert views.maps.shape == (2, 30, 30, 3)
    x, y = (
        128 * (at - views.grid[axis, 2]) / views.grid[axis, axis] for axis, at in ((0, 20), (1, 7))
    )
    spotted = plain.copy()
    spotted[0, round(y) - 2 : round(y) + 2, round(x) - 2 : round(x) + 2] ^= 255
    moved = np.linalg.norm(view(encoder, spotted).maps[0] - views.maps[0], axis=2)
    assert np.argwhere(moved > 0).mean(axis=0) == pytest.approx([7, 20], abs=0.6)


def test_only_what_changed_takes_from_the_certainty(encoder: KerasEncoder, judge: Any) -> None:
    """The right-hand lower corner; normalisation spreads a little of it to the rest."""
    pixels = np.repeat(draw_photos(1, side=128), 2, axis=0)
    pixels[1, 104:, 104:] = 255 - pixels[1, 104:, 104:]
    places = shares_of(encoder, pixels, judge).places
    assert places[24:, 24:].sum() > 0.5 * places.sum()


def test_towers_that_pool_their_places_keep_none(tower: Any) -> None:
    residual = build_tower("residual", side=32, embedding=8)
    assert ends_in_cells(tower)
    assert not ends_in_cells(residual)
    assert find_end(residual) is None


@pytest.fixture(scope="module")
def signet() -> Any:
    keras.utils.set_random_seed(0)
    return build_tower("signet", side=96, embedding=8)


def maps_of(tower: Any, pixels: Any) -> Any:
    number = find_end(tower)
    assert number is not None
    model = keras.Model(tower.inputs, tower.layers[number].input)
    return model.predict_on_batch(pixels).astype(np.float64)


@pytest.mark.parametrize("head", ["", "l1", "euclidean"])
def test_places_given_back_one_by_one_add_up_for_any_end_and_any_head(
    signet: Any, head: str
) -> None:
    pixels = draw_photos(2, side=96)
    judge = build_head(head, signet) if head else None
    found = share_swaps(signet, maps_of(signet, pixels), judge)
    assert found.places.shape == (3, 3)
    vectors = signet.predict_on_batch(pixels)
    if judge is None:
        squared = float(((vectors[0] - vectors[1]) ** 2).sum())
        assert found.places.sum() == pytest.approx(squared, abs=1e-4)
    else:
        answer = float(judge.predict_on_batch([vectors[:1], vectors[1:]])[0, 0])
        assert found.probability == pytest.approx(answer, abs=1e-4)


def test_of_two_places_each_has_the_mean_of_coming_first_and_second() -> None:
    """The Shapley value by hand, of two places and two orders."""
    maps = keras.Input((1, 2, 1))
    flat = keras.layers.Flatten()(maps)
    tower = keras.Model(maps, keras.layers.UnitNormalization()(flat))
    pair = np.array([[3.0, 4.0], [1.0, 0.5]]).reshape(2, 1, 2, 1)

    def answer(a: float, b: float) -> float:
        one, other = (v / np.linalg.norm(v) for v in (np.array([a, b]), np.array([1.0, 0.5])))
        return float(((one - other) ** 2).sum())

    left = (answer(3, 0.5) + answer(3, 4) - answer(1, 4)) / 2
    right = (answer(1, 4) + answer(3, 4) - answer(3, 0.5)) / 2
    found = share_swaps(tower, pair, None).places
    np.testing.assert_allclose(found, [[left, right]], atol=1e-5)


def test_a_place_that_is_the_same_in_both_has_no_share(signet: Any) -> None:
    maps = maps_of(signet, draw_photos(2, side=96))
    maps[1, 0] = maps[0, 0]
    places = share_swaps(signet, maps, None).places
    np.testing.assert_allclose(places[0], 0, atol=1e-6)
    assert np.abs(places[1:]).max() > 1e-4


def test_a_tower_with_maps_that_end_in_something_else_is_rejected(
    tmp_path: Path,
) -> None:
    pixels = keras.Input((32, 32, 3), dtype="uint8")
    flat = keras.ops.mean(keras.ops.cast(pixels, "float32"), axis=(1, 2))
    write_tower(keras.Model(pixels, keras.layers.UnitNormalization()(flat)), tmp_path)
    with pytest.raises(EncoderError, match=r"no maps that are pooled .* explain without --out"):
        view(KerasEncoder(tmp_path, device="cpu"), draw_photos(2, side=32))


def test_a_tower_on_a_backbone_is_drawn_too(tmp_path: Path) -> None:
    tower = build_tower("mobilenetv2", side=64, embedding=8)
    write_tower(tower, tmp_path)
    pixels = draw_photos(2, side=64)
    views = view(KerasEncoder(tmp_path, device="cpu"), pixels)
    assert views.maps.shape[:3] == (2, 2, 2)
    assert isinstance(views.head, Shares)
    first, second = tower.predict_on_batch(pixels).astype(np.float64)
    assert views.head.places.sum() == pytest.approx(float(((first - second) ** 2).sum()), abs=1e-4)


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
    scanned = run("scan", SAMPLES, "--encoder", encoder, "--report", tmp_path / "report.csv")
    assert "42 images" in scanned
    report = (tmp_path / "report.csv").read_text("utf-8")
    assert f",{read_manifest(encoder).fingerprint}," in report
    assert ",exact," in report
    run("explain", photos / "0.png", photos / "turned.png", "--encoder", encoder, "--out", figure)
    with Image.open(figure) as drawn:
        assert (drawn.format, drawn.width) == ("PNG", 1088)
