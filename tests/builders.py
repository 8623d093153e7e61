"""Builders of the values that tests share; each gives a valid value by default."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.encoder.manifest import KERAS_FILE, Calibration, Manifest, fingerprint
from dedupe.files.digest import digest_bytes
from dedupe.types import (
    Contents,
    Duplicate,
    Group,
    ImageFile,
    Kind,
    Photo,
    Report,
    Skipped,
    Statistics,
)

MTIME_NS = 1_600_000_000_123_456_789


def a_photo(path: str, content: bytes = b"photo", *, mtime_ns: int = MTIME_NS) -> Photo:
    """A photo that need not exist, as it comes back from a report."""
    file = ImageFile(path, root=0, size=len(content), mtime_ns=mtime_ns, device=0, inode=0)
    return Photo(file, width=640, height=480, format="JPEG", digest=digest_bytes(content))


def write_photo(
    path: Path | str, content: bytes = b"photo", *, mtime_ns: int = MTIME_NS, mode: int = 0o640
) -> Photo:
    """A file that exists, with an old time, and the photo that a scan would make of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    seen = path.stat()
    file = ImageFile(str(path), 0, seen.st_size, seen.st_mtime_ns, seen.st_dev, seen.st_ino)
    return Photo(file, width=640, height=480, format="JPEG", digest=digest_bytes(content))


def some_contents(
    files: Sequence[Sequence[Photo]],
    vectors: NDArray[np.float32] | None = None,
    *,
    low_detail: Collection[int] = (),
    protected: Sequence[int] | None = None,
) -> Contents:
    """Contents of some files each; their vectors are all alike unless given."""
    count = len(files)
    return Contents(
        digests=tuple(photos[0].digest for photos in files),
        vectors=np.ones((count, 1), np.float32) if vectors is None else vectors,
        photos=tuple(map(tuple, files)),
        low_detail=np.isin(np.arange(count), [*low_detail]),
        protected=np.array(protected or [0] * count, np.int64),
    )


def a_group(
    keeper: Photo,
    *duplicates: Photo,
    distance: float = 0.125,
    kind: Kind = "same",
    how: str = "",
    reason: str = "most pixels",
) -> Group:
    """A group in which every duplicate has the same relation to the keeper."""
    ordered = sorted(duplicates, key=lambda photo: os.fsencode(photo.path))
    return Group(keeper, tuple(Duplicate(p, distance, kind, how) for p in ordered), reason)


def a_report(
    *groups: Group, skipped: tuple[Skipped, ...] = (), encoder: str = "e1", threshold: float = 0.5
) -> Report:
    """A report of groups, which are put into their order."""
    ordered = sorted(groups, key=lambda group: os.fsencode(group.keeper.path))
    statistics = Statistics(images=100, reused=40, seconds=1.5)
    return Report(tuple(ordered), skipped, encoder, threshold, statistics)


def snapshot(*folders: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file below some folders: its path, content, time in ns and permissions."""
    files = [path for folder in folders for path in folder.rglob("*") if not path.is_dir()]
    return {
        str(path): (path.read_bytes(), path.lstat().st_mtime_ns, path.lstat().st_mode & 0o7777)
        for path in files
    }


def write_tower(tower: Any, folder: Path) -> None:
    """Write a Keras tower as an encoder for Keras alone, calibrated to nothing."""
    tower.save(folder / KERAS_FILE)
    blank = Calibration(fingerprint(folder / KERAS_FILE), {}, {}, {})
    side, dimension = tower.inputs[0].shape[1], tower.outputs[0].shape[1]
    calibrations = {"litert": blank, "keras": blank}
    Manifest(tower.name, side, dimension, "keras", calibrations, {}).write(folder)  # type: ignore[arg-type]
