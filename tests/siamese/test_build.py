"""From a folder of photos to an encoder that both runtimes open."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from drawings import save_photos

from dedupe.encoder.manifest import SENSITIVITIES, Manifest, read_manifest
from dedupe.errors import EncoderError, InputError
from dedupe.siamese import export
from dedupe.siamese.build import make_encoder
from dedupe.siamese.config import TrainingPlan

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PLAN = TrainingPlan(
    side=32, embedding=16, steps=4, pairs=8, small_share=0, photo_side=48, held_out=0.3
)


class Stopped(BaseException):
    """Stands for the signal that ends a run."""


def stop(*_: object, **__: object) -> None:
    raise Stopped


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("photos")
    save_photos(folder, 40)
    return str(folder)


@pytest.fixture(scope="module")
def made(
    photos: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Manifest, list[int]]]:
    """An encoder that was interrupted between training and calibration, and resumed."""
    folder = tmp_path_factory.mktemp("made") / "encoder"
    steps: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dedupe.siamese.train._SETTLING", 40)
        patch.setattr(export, "calibrate", stop)
        with pytest.raises(Stopped):
            make_encoder([photos], folder, PLAN, on_step=lambda p: steps.append(p.step))
        with pytest.raises(EncoderError, match="was not finished; run `dedupe train`"):
            read_manifest(folder).threshold("balanced")
        patch.undo()
        patch.setattr("dedupe.siamese.train._SETTLING", 40)
        manifest = make_encoder(
            [photos],
            folder,
            PLAN,
            sources=["drawn here"],
            on_step=lambda p: steps.append(p.step),
        )
        yield folder, manifest, steps


Made = tuple[Path, Manifest, list[int]]


def test_the_folder_holds_both_networks_the_manifest_and_the_training(made: Made) -> None:
    folder, _, _ = made
    assert {path.name for path in folder.iterdir()} == {
        "encoder.keras",
        "encoder.tflite",
        "manifest.json",
        "training",
    }


def test_the_manifest_is_returned_and_says_what_was_made(made: Made) -> None:
    folder, manifest, _ = made
    assert read_manifest(folder) == manifest
    assert (manifest.name, manifest.side, manifest.dimension) == ("residual", 32, 16)
    assert tuple(manifest.thresholds) == SENSITIVITIES
    assert manifest.training["photos"] + manifest.calibrations["keras"].basis["photos"] == 40
    assert TrainingPlan(**manifest.training["plan"]) == PLAN
    assert manifest.training["sources"] == ["drawn here"]
    assert json.loads((folder / "training" / "checkpoint.json").read_text())["step"] == 4


def test_fine_tuning_names_what_it_started_from(
    made: Made, photos: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.siamese.train._SETTLING", 40)
    plan = replace(PLAN, steps=1)
    tuned = make_encoder([photos], tmp_path / "tuned", plan, start=made[0] / "encoder.keras")
    assert tuned.training["started_from"] == made[1].training
    bare = shutil.copy(made[0] / "encoder.keras", tmp_path / "weights.keras")
    tuned = make_encoder([photos], tmp_path / "bare", plan, start=Path(bare))
    assert tuned.training["started_from"] == {"file": "weights.keras"}


def test_making_that_was_stopped_goes_on_and_trains_no_step_twice(made: Made) -> None:
    assert made[2] == [1, 2, 3, 4]


def test_too_few_photos_are_a_mistake_of_input(tmp_path: Path) -> None:
    save_photos(tmp_path / "photos", 2)
    with pytest.raises(InputError, match="too few to train on"):
        make_encoder([str(tmp_path / "photos")], tmp_path / "out", PLAN)


def test_fewer_photos_than_a_step_takes_are_a_mistake_of_input(photos: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fewer than the 64 of one step"):
        make_encoder([photos], tmp_path / "out", replace(PLAN, pairs=64))


def test_a_folder_that_cannot_be_written_is_named_before_any_photo_is_read(
    photos: str, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(EncoderError, match="out cannot be written"):
        make_encoder([photos], tmp_path / "out", PLAN, on_progress=stop)
