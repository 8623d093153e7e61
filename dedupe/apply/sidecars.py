"""Files that belong to a photo and mean little without it: edits, the raw file, the live movie."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable

from dedupe.decode.formats import supported_extensions

_NOTES = {".xmp", ".aae", ".thm"}  # edits and metadata of Adobe, darktable, Apple, and cameras
_RAW = {
    ".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef",
    ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
}  # fmt: skip
_MOVIES = {".mov", ".mp4"}  # of a live photo


class Companions:
    """Finds the sidecars of photos that are about to go; reads each folder once."""

    def __init__(self, going: Iterable[str], staying: Iterable[str] = ()) -> None:
        """Prepare.

        Args:
            going: absolute paths of all photos that go, in the order in which they go. A sidecar
                that another photo of the same name shares goes along only if all are among them.
            staying: absolute paths of other known photos, which are no sidecars, as these are not.
        """
        self._order = {path: place for place, path in enumerate(going)}
        self._photos = frozenset(self._order) | frozenset(staying)
        self._owners = functools.cache(self._find_owners)

    def of(self, photo: str) -> list[str]:
        """Absolute paths of a photo's sidecars that may go, sorted; symbolic links are none.

        They are `name.xmp`, `name.jpg.xmp`, `name.aae`, `name.dng`, `name.mov` and their like,
        whatever the case of the letters.
        """
        return sorted(
            sidecar
            for sidecar, owners in self._owners(os.path.dirname(photo)).items()
            if photo in owners
            and owners <= self._order.keys()
            and os.path.isfile(sidecar)
            and not os.path.islink(sidecar)
        )

    def taken_by(self, photo: str) -> list[str]:
        """Those of its sidecars that go with it: shared ones go with the last of their photos."""
        owners = self._owners(os.path.dirname(photo))
        return [
            sidecar
            for sidecar in self.of(photo)
            if photo == max(owners[sidecar], key=self._order.__getitem__)
        ]

    def _find_owners(self, folder: str) -> dict[str, frozenset[str]]:
        """Of each possible sidecar in a folder the photos that it belongs to."""
        paths = [os.path.join(folder, name) for name in _list(folder)]
        by_name: dict[str, set[str]] = {}
        by_stem: dict[str, set[str]] = {}
        for path in paths:
            stem, extension = os.path.splitext(path.lower())
            if path in self._photos or extension.lstrip(".") in supported_extensions():
                by_name.setdefault(path.lower(), set()).add(path)
                by_stem.setdefault(stem, set()).add(path)
        owners: dict[str, frozenset[str]] = {}
        for path in paths:
            stem, extension = os.path.splitext(path.lower())
            found = by_stem.get(stem, set()) if extension in _NOTES | _RAW | _MOVIES else set()
            if extension in _NOTES:
                found = found | by_name.get(stem, set())
            if found and path not in self._photos:
                owners[path] = frozenset(found)
        return owners


def _list(folder: str) -> tuple[str, ...]:
    try:
        return tuple(os.listdir(folder))
    except OSError:  # it vanished, and its photo with it
        return ()
