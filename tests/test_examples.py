"""The files in docs/examples run, as far as their libraries are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dedupe.encoder.choice import choose_encoder

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
