"""Which files and folders a walk takes, by their names, sizes and places."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from dedupe.setting import Checked, option

UNREADABLE_FOLDER = "unreadable folder"
BROKEN_LINK = "broken link"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkRules(Checked):
    """Which files and folders `walk` takes.

    A file must match one glob of `include`, unless there is none; folders need not. What matches
    `exclude`, which wins, is left out, a folder with all below it; a glob that ends in `/` is for
    folders only.
    """

    PANEL: ClassVar = "Files to scan"

    include: Sequence[str] = option((), "Only names or paths that match.", metavar="GLOB")
    exclude: Sequence[str] = option((), "No names or paths that match.", metavar="GLOB")
    hidden: bool = option(False, "Include names that start with a dot.")
    follow_symlinks: bool = option(False, "Enter linked folders.")  # each folder once
    min_size: int = option(0, "Skip smaller files: bytes, or 10kB.", low=0, unit="bytes")
    max_depth: int | None = option(None, "Levels of folders to enter.", low=1)  # 1: the roots only
    one_file_system: bool = option(False, "Stay on the file system of each root.")


def split_name(name: str) -> tuple[str, str]:
    """Return the name without its extension, and the extension without dot, in lower case."""
    stem, _, extension = name.lower().rpartition(".")
    return stem, extension


def _compile(globs: Iterable[str]) -> re.Pattern[str] | None:
    """Return one pattern for any of the globs; None for no glob."""
    union = "|".join(fnmatch.translate(glob) for glob in globs)
    return re.compile(union) if union else None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a walk, with globs compiled; None matches nothing."""

    given: WalkRules
    include: re.Pattern[str] | None  # None matches every file
    exclude: re.Pattern[str] | None
    exclude_folders: re.Pattern[str] | None
    extensions: frozenset[str]
    sidecars: frozenset[str]
    unsupported: Mapping[str, tuple[str, str]]

    def is_shown(self, name: str) -> bool:
        """Return whether a name is not hidden, or hidden ones are wanted."""
        return self.given.hidden or not name.startswith(".")

    def is_image(self, name: str) -> bool:
        """Return whether a name is that of an image, and shown."""
        stem, _, extension = name.rpartition(".")
        return bool(stem) and extension.lower() in self.extensions and self.is_shown(name)

    def list_shots(self, names: Iterable[str]) -> set[str]:
        """Return the stems of the images of a folder with sidecars; none if it has no sidecar."""
        names = list(names)
        if not any(split_name(name)[1] in self.sidecars for name in names):
            return set()
        images = (split_name(name) for name in names if self.is_image(name))
        return {stem for stem, extension in images if extension not in self.sidecars}

    def is_sidecar(self, name: str, shots: Collection[str]) -> bool:
        """Return whether a file belongs to one of the shots of its folder."""
        if not shots:
            return False
        stem, extension = split_name(name)
        return extension in self.sidecars and stem in shots

    def find_unsupported(self, name: str) -> tuple[str, str] | None:
        """Return reason and detail of an extension that is not supported; None for others."""
        return self.unsupported.get(split_name(name)[1]) if self.is_shown(name) else None

    def takes_file(self, place: str, size: int) -> bool:
        """Return whether globs and size take a file at a place relative to its root."""
        if size < self.given.min_size:
            return False
        if self.given.include and not matches(self.include, place):
            return False
        return not matches(self.exclude, place)

    def enters(self, place: str, depth: int) -> bool:
        """Return whether a folder is entered.

        Args:
            place: of the folder, relative to its root.
            depth: of the folder that it is in; 1 for the root.
        """
        if self.given.max_depth is not None and depth >= self.given.max_depth:
            return False
        name = place.replace(os.sep, "/").rpartition("/")[2]
        return self.is_shown(name) and not matches(self.exclude_folders, place)


def matches(globs: re.Pattern[str] | None, place: str) -> bool:
    """Return whether a place relative to a root, or its name alone, matches one of the globs."""
    if globs is None:
        return False
    place = place.replace(os.sep, "/")
    return bool(globs.match(place) or globs.match(place.rpartition("/")[2]))


def compile_rules(
    rules: WalkRules,
    extensions: frozenset[str],
    sidecars: frozenset[str],
    unsupported: Mapping[str, tuple[str, str]],
) -> Rules:
    return Rules(
        given=rules,
        include=_compile(rules.include),
        exclude=_compile(glob for glob in rules.exclude if not glob.endswith("/")),
        exclude_folders=_compile(glob.rstrip("/") for glob in rules.exclude),
        extensions=extensions,
        sidecars=sidecars,
        unsupported=unsupported,
    )
