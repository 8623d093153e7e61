"""The networks that both images of a pair go through: uint8 pixels in, unit vectors out.

Owns architectures, one a file. Preprocessing and normalisation are layers: a saved tower cannot be
fed wrongly. Beside the default, `residual`, stand the five networks that the project began from
(docs/siamese.md).
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from dedupe.errors import EncoderError, UsageError, one_line
from dedupe.siamese.towers.inceptionv3 import inceptionv3
from dedupe.siamese.towers.mobilenetv2 import mobilenetv2
from dedupe.siamese.towers.pretrained import Backbone, load_backbone
from dedupe.siamese.towers.residual import GEM_FLOOR, MIDDLE_WEIGHT, fovea, residual
from dedupe.siamese.towers.resnet50 import resnet50
from dedupe.siamese.towers.signet import signet
from dedupe.siamese.towers.tiny import tiny

__all__ = [
    "GEM_FLOOR",
    "MIDDLE_WEIGHT",
    "TOWERS",
    "Backbone",
    "build_tower",
    "check_tower",
    "load_backbone",
    "load_tower",
]

TOWERS: dict[str, Callable[..., Any]] = {
    "residual": residual,
    "fovea": fovea,
    "tiny": tiny,
    "tiny_elu": partial(tiny, activation="elu"),
    "tiny_pooled": partial(tiny, cell=None),
    "mobilenetv2": mobilenetv2,
    "resnet50": resnet50,
    "signet": signet,
    "inceptionv3": inceptionv3,
}
_PRETRAINED = ("inceptionv3", "mobilenetv2", "resnet50")
_SMALLEST = {"inceptionv3": 75}  # pixels; 32 for the others


def check_tower(name: str, *, side: int, backbone: Backbone) -> None:
    """Make sure that there is such a tower.

    Raises:
        UsageError: no tower has that name, or it takes no such input, or has no backbone.
    """
    if name not in TOWERS:
        raise UsageError(f"no tower is called {name!r}; choose one of {', '.join(sorted(TOWERS))}")
    if side < _SMALLEST.get(name, 32):
        raise UsageError(f"tower {name} needs a side of {_SMALLEST.get(name, 32)} pixels or more")
    if backbone != Backbone() and name not in _PRETRAINED:
        raise UsageError(
            f"tower {name} has no backbone to fetch or freeze; {', '.join(_PRETRAINED)} have"
        )


def build_tower(
    name: str, *, side: int | None, embedding: int, backbone: Backbone | None = None
) -> Any:
    """Build the tower called `name`.

    Args:
        name: one of `TOWERS`.
        side: edge of the input square in pixels; None, for `residual` alone, takes any size.
        embedding: length of the unit vector.
        backbone: which weights a tower with a backbone begins from.

    Raises:
        UsageError: as `check_tower`, or the tower cannot make such an embedding.
        EncoderError: ImageNet weights were asked for and cannot be fetched.
    """
    chosen = backbone or Backbone()
    check_tower(name, side=side or 32, backbone=chosen)
    if name in _PRETRAINED:
        return TOWERS[name](side, embedding, chosen)
    return TOWERS[name](side, embedding)


def load_tower(tower: Any, file: Path) -> None:
    """Load the weights of a whole tower.

    Args:
        tower: as `build_tower` returns it.
        file: a `.keras` or `.weights.h5` file of the same tower.

    Raises:
        EncoderError: the file cannot be read, or lacks weights of a layer.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras leaves out layers with a warning
            tower.load_weights(str(file))
    except (OSError, ValueError, KeyError, UserWarning, zipfile.BadZipFile) as error:
        raise EncoderError(f"{file} holds no weights of this tower: {one_line(error)}") from error
