"""Files that belong to a photo and mean little without it: edits, the raw file, the live movie."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable

from dedupe.decode import supported_extensions

_NOTES = {".xmp", ".aae", ".thm"}  # edits and metadata of Adobe, darktable, Apple, and cameras
_RAW = {
    ".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef",
    ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
}  # fmt: skip
_MOVIES = {".mov", ".mp4"}  # of a live photo


class Companions:
    """Finds the sidecars of photos that are about to go; reads each folder once."""

    def __init__(self, going: Iterable[str]) -> None:
        """Prepare.

        Args:
            going: absolute paths of all photos that may go. A sidecar that another photo of the
                same name shares goes along only if that photo is among them.
        """
        self._going = frozenset(going)
        self._names = functools.cache(_list)

    def of(self, photo: str) -> list[str]:
        """Absolute paths of a photo's own sidecars, sorted; symbolic links are none.

        They are `name.xmp`, `name.jpg.xmp`, `name.aae`, `name.dng`, `name.mov` and their like,
        whatever the case of the letters.
        """
        folder, name = os.path.split(photo)
        stem = os.path.splitext(name)[0]
        namesakes = [other for other in self._names(folder) if _belongs(other, stem)]
        shared = any(
            os.path.join(folder, other) not in self._going
            for other in namesakes
            if os.path.splitext(other)[1].lower().lstrip(".") in supported_extensions()
        )
        own = {f"{name}{suffix}".lower() for suffix in _NOTES}
        if not shared:
            own |= {f"{stem}{suffix}".lower() for suffix in _NOTES | _RAW | _MOVIES}
        found = (os.path.join(folder, other) for other in namesakes if other.lower() in own)
        return sorted(path for path in found if os.path.isfile(path) and not os.path.islink(path))


def _belongs(other: str, stem: str) -> bool:
    return other.lower().startswith(f"{stem.lower()}.")


def _list(folder: str) -> tuple[str, ...]:
    try:
        return tuple(sorted(os.listdir(folder)))
    except OSError:  # it vanished, and its photo with it
        return ()
