"""The functions of torch, timm and open_clip that docs/examples/torch_encoders.py uses, on NumPy.

Where the libraries are installed, tests/test_examples.py runs the examples with them as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Tensor:
    """An array with the methods of a tensor."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = values

    def to(self, device: str) -> Tensor:
        assert device == "cpu"
        return self

    def float(self) -> Tensor:
        return Tensor(self.values.astype(np.float32))

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> NDArray[Any]:
        return self.values


class ChannelMeans:
    """A module from (B, 3, S, S) to (B, 3): the mean of each channel, times its weights."""

    def __init__(self, image_size: Any = 16) -> None:
        self.weights = np.array([1, 2, 3], np.float32)
        self.image_size = image_size
        self.training = True

    def eval(self) -> ChannelMeans:
        self.training = False
        return self

    def to(self, device: str) -> ChannelMeans:
        assert device == "cpu"
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return {"weights": Tensor(self.weights)}

    def __call__(self, pixels: Tensor) -> Tensor:
        assert not self.training
        return Tensor(pixels.values.mean(axis=(2, 3)) * self.weights)


def build_torch() -> ModuleType:
    """Return a module in place of torch."""

    @contextmanager
    def inference_mode() -> Iterator[None]:
        yield

    torch: Any = ModuleType("torch")
    torch.cuda = SimpleNamespace(is_available=lambda: False)
    torch.from_numpy = Tensor
    torch.inference_mode = inference_mode
    return torch  # type: ignore[no-any-return]


def build_timm(asked: list[Any]) -> ModuleType:
    """Return a module in place of timm, which notes in `asked` the models that are created."""

    def create_model(name: str, **options: Any) -> ChannelMeans:
        asked.append((name, options))
        return ChannelMeans()

    timm: Any = ModuleType("timm")
    config = {"input_size": (3, 16, 16), "mean": (0.5, 0.25, 0.0), "std": (0.5, 1.0, 2.0)}
    timm.data = SimpleNamespace(resolve_model_data_config=lambda _: config)
    timm.create_model = create_model
    return timm  # type: ignore[no-any-return]


def build_open_clip(asked: list[Any]) -> ModuleType:
    """Return a module in place of open_clip, which notes in `asked` the models."""

    def create_model(name: str, **options: Any) -> SimpleNamespace:
        asked.append((name, options))
        return SimpleNamespace(visual=ChannelMeans(image_size=(16, 16)))

    open_clip: Any = ModuleType("open_clip")
    open_clip.create_model = create_model
    open_clip.OPENAI_DATASET_MEAN = (0.5, 0.25, 0.0)
    open_clip.OPENAI_DATASET_STD = (0.5, 1.0, 2.0)
    return open_clip  # type: ignore[no-any-return]
