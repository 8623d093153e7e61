"""An encoder in an ONNX file, run by onnxruntime: `--encoder onnx:FILE?side=224&mean=...&std=...`.

Takes models with one image input, uint8 (B, S, S, 3), or float (B, 3, S, S) of the values
(pixel / 255 - mean) / std.
"""

from __future__ import annotations

import hashlib
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dedupe.distribution import install_hint
from dedupe.errors import EncoderError, one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

_IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB in [0, 1]; models of torchvision and timm use it
_IMAGENET_STD = (0.229, 0.224, 0.225)
_KNOWN = {"side", "mean", "std"}


class OnnxEncoder:
    """See `dedupe.encoder.own.OwnEncoder`. A larger output, as of a feature map, is flattened."""

    def __init__(self, argument: str) -> None:
        """Open a model.

        Args:
            argument: path of the file, and after `?` what the file does not say: `side` for a
                model that takes any size, `mean` and `std` of the three channels (ImageNet's if
                not given).

        Raises:
            EncoderError: the file cannot be run, or is no encoder of images.
        """
        path, _, query = argument.partition("?")
        options = dict(urllib.parse.parse_qsl(query))
        if unknown := options.keys() - _KNOWN:
            raise EncoderError(f"onnx has no option {min(unknown)!r}; known are mean, side, std")
        self._session = _open(Path(path))
        self._input, self._output = self._session.get_inputs()[0], self._session.get_outputs()[0]
        self._is_bytes = self._input.type == "tensor(uint8)"
        self.side = self._find_side(options)
        self._mean = _three(options, "mean", _IMAGENET_MEAN)
        self._std = _three(options, "std", _IMAGENET_STD)
        content = hashlib.blake2b(Path(path).read_bytes(), digest_size=8)
        if not self._is_bytes:
            content.update(repr((self._mean.tolist(), self._std.tolist())).encode("ascii"))
        content.update(str(self.side).encode("ascii"))
        self.fingerprint = f"onnx-{content.hexdigest()}"
        blank = np.zeros((1, self.side, self.side, 3), np.uint8)
        self.dimension = int(self._run(blank, path).shape[1])

    def embed(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (B, side, side, 3) uint8 RGB to (B, dimension) float32."""
        return self._run(batch, "the model")

    def _run(self, batch: NDArray[np.uint8], name: str) -> NDArray[np.float32]:
        """Map (B, S, S, 3) uint8 to (B, D); raises EncoderError that begins with `name`."""
        values: NDArray[Any] = batch
        if not self._is_bytes:
            scaled = (batch.astype(np.float32) / 255 - self._mean) / self._std
            values = np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))  # (B, 3, S, S)
            if self._input.type == "tensor(float16)":
                values = values.astype(np.float16)
        try:
            found = self._session.run([self._output.name], {self._input.name: values})[0]
        except Exception as error:  # onnxruntime has its own errors
            raise EncoderError(f"{name} cannot be run: {one_line(error)}") from error
        flat: NDArray[np.float32] = np.asarray(found, np.float32).reshape(len(batch), -1)
        return flat

    def _find_side(self, options: dict[str, str]) -> int:
        shape = self._input.shape
        width = shape[2] if len(shape) == 4 else None
        given = options.get("side", "")
        if isinstance(width, int) and (not given or given == str(width)):
            return width
        if len(shape) != 4 or isinstance(width, int) or not given.isdecimal() or not int(given):
            raise EncoderError(
                f"the model takes {self._input.type} {shape}: an image model with a square input "
                "is needed; for one that takes any size add ?side=224"
            )
        return int(given)


def _open(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise EncoderError(f"onnx: needs onnxruntime: {install_hint('onnx')}") from error
    if not path.is_file():
        raise EncoderError(f"cannot open the encoder {path}: there is no such file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=onnxruntime.get_available_providers()
        )
    except Exception as error:  # onnxruntime has its own errors
        raise EncoderError(f"{path} cannot be run: {one_line(error)}") from error


def _three(options: dict[str, str], name: str, usual: tuple[float, ...]) -> NDArray[np.float32]:
    """Return (3,) numbers of an option, one for each channel."""
    text = options.get(name)
    try:
        numbers = usual if text is None else tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 3 or (name == "std" and not all(numbers)):
        raise EncoderError(f"{name} needs three numbers, as {name}=0.5,0.5,0.5, not {text!r}")
    return np.array(numbers, np.float32)
