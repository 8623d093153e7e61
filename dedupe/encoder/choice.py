"""The encoder that an option names: a folder, `NAME:ARGUMENT`, or an open encoder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from dedupe.encoder.manifest import (
    Device,
    Encoder,
    Manifest,
    OwnEncoder,
    Runtime,
    read_manifest,
)
from dedupe.encoder.own import adapt, open_named, split_name
from dedupe.encoder.runtime import choose_engine, open_encoder

AnyEncoder = str | os.PathLike[str] | Encoder | OwnEncoder


def choose_manifest(
    encoder: AnyEncoder, *, device: Device = "auto", runtime: Runtime = "auto"
) -> Manifest:
    """Return the manifest of an encoder, without opening the model of a folder.

    Raises:
        EncoderError: it is no encoder, or has no thresholds.
    """
    if isinstance(encoder, str | os.PathLike) and not split_name(os.fspath(encoder)):
        return read_manifest(Path(encoder), choose_engine(device, runtime))
    return choose_encoder(encoder).manifest


def choose_encoder(
    encoder: AnyEncoder,
    *,
    device: Device = "auto",
    runtime: Runtime = "auto",
    batch_size: int | None = None,
    calibrated: bool = True,
) -> Encoder:
    """Open an encoder, or return an open one.

    Args:
        encoder: folder, `NAME:ARGUMENT`, or an object.
        device, runtime: of a folder's encoder, see `dedupe.encoder.runtime.open_encoder`.
        batch_size: images a call; None for what suits the encoder.
        calibrated: whether an own encoder needs thresholds.

    Raises:
        EncoderError: it cannot be opened, or has no thresholds.
        UsageError: LiteRT is asked for on a GPU.
    """
    if isinstance(encoder, str | os.PathLike):
        name = os.fspath(encoder)
        if split_name(name) is None:
            return open_encoder(
                Path(encoder), device=device, runtime=runtime, batch_size=batch_size
            )
        return adapt(open_named(name), name=name, batch_size=batch_size, calibrated=calibrated)
    if hasattr(encoder, "manifest"):
        return cast("Encoder", encoder)
    return adapt(encoder, batch_size=batch_size, calibrated=calibrated)
