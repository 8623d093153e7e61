"""Encoders of timm and open_clip for `--encoder timm:NAME` and `--encoder open_clip:NAME/WEIGHTS`.

Copy this file into a package of yours and register it in its pyproject.toml:

    [project.entry-points."dedupe.encoders"]
    timm = "your_package.torch_encoders:open_timm"
    open_clip = "your_package.torch_encoders:open_open_clip"

Then `dedupe calibrate PHOTOS --encoder timm:resnet18.a1_in1k`, once, and
`dedupe scan --encoder timm:resnet18.a1_in1k PHOTOS`. Both libraries fetch weights at the first use.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


class TorchEncoder:
    """A PyTorch module that maps (B, 3, S, S) floats to (B, D), as an encoder of dedupe."""

    def __init__(self, module: Any, *, side: int, mean: Any, std: Any) -> None:
        """Take a module and its preprocessing.

        Args:
            module: put into evaluation mode here.
            side: edge of its input, in pixels.
            mean: of the three channels in [0, 1], subtracted.
            std: of the three channels, divided by.
        """
        import torch

        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._module = module.eval().to(self._device)
        self._mean, self._std = np.float32(mean), np.float32(std)  # (3,) each
        self.side = side
        digest = hashlib.blake2b(repr((side, list(mean), list(std))).encode(), digest_size=8)
        for name, values in sorted(module.state_dict().items()):
            digest.update(name.encode() + values.cpu().numpy().tobytes())
        self.fingerprint = f"torch-{digest.hexdigest()}"
        self.dimension = int(self.embed(np.zeros((1, side, side, 3), np.uint8)).shape[1])

    def embed(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (B, side, side, 3) uint8 RGB to (B, dimension) float32."""
        values = (batch.astype(np.float32) / 255 - self._mean) / self._std
        pixels = self._torch.from_numpy(np.ascontiguousarray(values.transpose(0, 3, 1, 2)))
        with self._torch.inference_mode():
            found = self._module(pixels.to(self._device))
        vectors: NDArray[np.float32] = found.float().cpu().numpy().reshape(len(batch), -1)
        return vectors


def open_timm(name: str) -> TorchEncoder:
    """Open a model of timm by its name, without its classifier."""
    import timm

    module = timm.create_model(name, pretrained=True, num_classes=0)
    config = timm.data.resolve_model_data_config(module)
    return TorchEncoder(
        module, side=config["input_size"][1], mean=config["mean"], std=config["std"]
    )


def open_open_clip(name: str) -> TorchEncoder:
    """Open the image tower of a model of open_clip, given as `NAME/WEIGHTS`."""
    import open_clip

    model, weights = name.split("/", 1)
    module = open_clip.create_model(model, pretrained=weights).visual
    side = module.image_size
    return TorchEncoder(
        module,
        side=side if isinstance(side, int) else side[0],
        mean=open_clip.OPENAI_DATASET_MEAN,
        std=open_clip.OPENAI_DATASET_STD,
    )
