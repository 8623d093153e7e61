"""The files in docs/examples run, as far as their libraries are installed."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from builders import a_group, a_photo, a_report
from pictures import draw
from PIL import Image
from skimage import data
from torch_stand_in import ChannelMeans, build_open_clip, build_timm, build_torch

from dedupe.encoder.choice import choose_encoder
from dedupe.report import write_report

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_without_near_duplicates_stay_in_a_data_set(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    photo = Image.fromarray(data.chelsea())
    pictures = [photo, draw(2, 160, 120), photo.resize((226, 150)), draw(3, 160, 120)]
    rows = datasets.Dataset.from_dict(
        {"image": [encode(picture) for picture in pictures], "label": [0, 1, 2, 3]},
        features=datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")}),
    )
    left = load("filter_dataset").drop_duplicates(rows)
    assert left["label"][:] == [0, 1, 3]
    assert list(tmp_path.iterdir()) == []


def encode(picture: Image.Image) -> dict[str, Any]:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


class Sample(dict[str, Any]):
    """The two properties of a FiftyOne sample that the recipe uses."""

    def __init__(self, filepath: str) -> None:
        super().__init__()
        self.filepath = filepath


class Samples:
    """The one method of a FiftyOne data set that the recipe uses."""

    def __init__(self, *samples: Sample) -> None:
        self.samples = samples

    def iter_samples(self, *, autosave: bool) -> Iterator[Sample]:
        assert autosave
        yield from self.samples


def test_samples_get_the_group_role_and_kind_of_a_report(tmp_path: Path) -> None:
    report = a_report(a_group(a_photo("/p/a.jpg", b"1"), a_photo("/p/b.jpg", b"2")))
    write_report(report, tmp_path / "r.parquet")
    samples = [Sample(f"/p/{name}.jpg") for name in "abc"]
    assert load("fiftyone_groups").tag_groups(Samples(*samples), str(tmp_path / "r.parquet")) == 2
    assert samples == [
        {"dedupe_group": 1, "dedupe_role": "keep", "dedupe_kind": None},
        {"dedupe_group": 1, "dedupe_role": "duplicate", "dedupe_kind": "same"},
        {},
    ]


@pytest.mark.parametrize(
    ("opener", "name", "wanted"),
    [
        ("open_timm", "small", ("small", {"pretrained": True, "num_classes": 0})),
        ("open_open_clip", "RN50/openai", ("RN50", {"pretrained": "openai"})),
    ],
)
def test_a_model_gets_the_pixels_of_its_library_s_preprocessing(
    opener: str, name: str, wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setitem(sys.modules, "torch", build_torch())
    monkeypatch.setitem(sys.modules, "timm", build_timm(asked))
    monkeypatch.setitem(sys.modules, "open_clip", build_open_clip(asked))
    own = getattr(load("torch_encoders"), opener)(name)
    assert (asked, own.side, own.dimension) == ([wanted], 16, 3)
    means = PIXELS.mean(axis=(1, 2)) / 255  # (3, 3): images, channels
    by_hand = (means - [0.5, 0.25, 0.0]) / [0.5, 1.0, 2.0] * [1, 2, 3]
    np.testing.assert_allclose(own.embed(PIXELS), by_hand, rtol=1e-4)
    vectors = choose_encoder(own, calibrated=False).embed(PIXELS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_other_weights_have_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", build_torch())
    module = ChannelMeans()
    wrap = load("torch_encoders").TorchEncoder
    first = wrap(module, side=16, mean=(0, 0, 0), std=(1, 1, 1)).fingerprint
    assert wrap(module, side=16, mean=(0, 0, 0), std=(1, 1, 1)).fingerprint == first
    assert wrap(module, side=16, mean=(0.5, 0, 0), std=(1, 1, 1)).fingerprint != first
    module.weights = module.weights + 1
    assert wrap(module, side=16, mean=(0, 0, 0), std=(1, 1, 1)).fingerprint != first


def test_a_torch_module_is_an_encoder() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 4, 4), torch.nn.Flatten())
    half = (0.5, 0.5, 0.5)
    own = load("torch_encoders").TorchEncoder(module, side=16, mean=half, std=half)
    vectors = choose_encoder(own, calibrated=False).embed(PIXELS)
    assert (own.side, own.dimension) == (16, 80)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_a_model_of_timm_is_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    timm = pytest.importorskip("timm", reason="timm is not installed")
    create = timm.create_model

    def without_download(name: str, **options: Any) -> Any:
        return create(name, **{**options, "pretrained": False})

    monkeypatch.setattr(timm, "create_model", without_download)
    own = load("torch_encoders").open_timm("resnet10t")
    assert own.dimension == 512


def test_a_model_of_open_clip_is_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed")
    create = open_clip.create_model

    def without_download(name: str, **_: Any) -> Any:
        return create(name, pretrained=None)

    monkeypatch.setattr(open_clip, "create_model", without_download)
    own = load("torch_encoders").open_open_clip("RN50/none")
    assert own.dimension == 1024
