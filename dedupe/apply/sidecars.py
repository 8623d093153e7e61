"""Files that belong to a photo by their name: edits and metadata, its raw file, its movie."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from dataclasses import replace

from dedupe.decode.formats import RAW_EXTENSIONS, supported_extensions
from dedupe.decode.movie import is_live_movie
from dedupe.types import Duplicate, Group

_NOTES = {".xmp", ".aae", ".thm"}  # edits and metadata of Adobe, darktable, Apple, and cameras
_RAW = {f".{extension}" for extension in RAW_EXTENSIONS}
_MOVIES = {".mov", ".mp4"}  # of a live photo, if their length says so
_EXTENSIONS = _NOTES | _RAW | _MOVIES
_ENDS = tuple(_EXTENSIONS)


class Sidecars:
    """Finds the sidecars of photos that are about to go; reads each folder once."""

    def __init__(self, going: Iterable[str], staying: Iterable[str] = ()) -> None:
        """Prepare.

        Args:
            going: absolute paths of all photos that go, in the order in which they go. A sidecar
                that photos of one name share goes along only if all of them go.
            staying: absolute paths of other photos in the report. No photo is a sidecar.
        """
        self._order = {path: place for place, path in enumerate(going)}
        self._photos = frozenset(self._order) | frozenset(staying)
        self._owners = functools.cache(self._find_owners)

    def of(self, photo: str) -> list[str]:
        """Return the absolute paths of the sidecars that belong to no photo that stays, sorted.

        They are `name.xmp`, `name.jpg.xmp`, `name.aae`, `name.dng`, `name.mov` and their like,
        in upper or lower case. Symbolic links are not sidecars, and neither is a film that is too
        long for a live movie, or that names another photo.
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
        """Return those of its sidecars that go with it: shared ones go with their last photo."""
        owners = self._owners(os.path.dirname(photo))
        return [
            sidecar
            for sidecar in self.of(photo)
            if photo == max(owners[sidecar], key=self._order.__getitem__)
        ]

    def _find_owners(self, folder: str) -> dict[str, frozenset[str]]:
        """Return, for each possible sidecar in a folder, the photos that it belongs to."""
        names = _list(folder)
        if not any(name.lower().endswith(_ENDS) for name in names):
            return {}
        paths = [os.path.join(folder, name) for name in names]
        pictures = supported_extensions() - RAW_EXTENSIONS
        by_name: dict[str, set[str]] = {}
        by_stem: dict[str, set[str]] = {}
        for path in paths:
            stem, extension = os.path.splitext(path.lower())
            if path in self._photos or extension.lstrip(".") in pictures:
                by_name.setdefault(path.lower(), set()).add(path)
                by_stem.setdefault(stem, set()).add(path)
        owners: dict[str, frozenset[str]] = {}
        for path in paths:
            stem, extension = os.path.splitext(path.lower())
            photos = by_stem.get(stem, set()) if extension in _EXTENSIONS else set()
            if extension in _NOTES:
                photos = photos | by_name.get(stem, set())
            if extension in _MOVIES:
                photos = {photo for photo in photos if is_live_movie(photo, path)}
            if photos and path not in self._photos:
                owners[path] = frozenset(photos)
        return owners


def list_sidecars(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Return the groups with the sidecars of each duplicate that would go or stay with it."""
    groups = tuple(groups)
    going = [duplicate.photo.path for group in groups for duplicate in group.duplicates]
    found = Sidecars(going, (group.keeper.path for group in groups))

    def with_sidecars(duplicate: Duplicate) -> Duplicate:
        names = tuple(map(os.path.basename, found.of(duplicate.photo.path)))
        return replace(duplicate, sidecars=names) if names else duplicate

    def complete(group: Group) -> Group:
        duplicates = tuple(map(with_sidecars, group.duplicates))
        is_same = duplicates == group.duplicates
        return group if is_same else replace(group, duplicates=duplicates)

    return tuple(map(complete, groups))


def describe_recording(sidecar: str) -> str:
    """Return "raw file" or "movie" for a sidecar that holds a recording; else an empty text.

    A recording is worth as much as its photo, so that it goes along only if the user asks.
    """
    extension = os.path.splitext(sidecar)[1].lower()
    if extension in _RAW:
        return "raw file"
    return "movie" if extension in _MOVIES else ""


def _list(folder: str) -> tuple[str, ...]:
    try:
        return tuple(os.listdir(folder))
    except OSError:  # it vanished, and its photo with it
        return ()
