"""Find the image files below some roots. Reads names and `stat`; opens no file.

What is listed never depends on the order in which the system names entries, and neither on the
order of the roots (except `ImageFile.root`, which is a position in it).
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from dedupe.errors import InputError
from dedupe.setting import Checked, option
from dedupe.types import ImageFile, Skipped

_NOTHING: Mapping[str, tuple[str, str]] = MappingProxyType({})
UNREADABLE_FOLDER = "unreadable folder"
VANISHED = "vanished"
DENIED = "permission denied"
READ_ERROR = "read error"
BROKEN_LINK = "broken link"
NOT_REGULAR = "not a regular file"


@dataclass(frozen=True, slots=True)
class Walked:
    """The files of a walk, and what could not be listed."""

    files: tuple[ImageFile, ...]  # sorted by the bytes of their paths, each inode once
    skipped: tuple[Skipped, ...]  # sorted by the bytes of their paths


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


def walk(
    roots: Sequence[str | os.PathLike[str]],
    rules: WalkRules = WalkRules(),
    *,
    listed: Sequence[str | os.PathLike[str]] = (),
    extensions: frozenset[str],
    sidecars: frozenset[str] = frozenset(),
    unsupported: Mapping[str, tuple[str, str]] = _NOTHING,
) -> Walked:
    """List every image file below `roots`, by extension, without opening any.

    A glob is matched, case-sensitively, against the whole name of an entry and against its whole
    path relative to its root, with `/` between folders. `*`, `?`, `[abc]` and `[!abc]` are as in
    `fnmatch`: `*` also runs across `/`, so that `2019/*` covers all that lies below `2019`.

    A file that several paths lead to (overlapping roots, hard links, bind mounts, symlinks) is
    one file, under its smallest path in bytes, but a path behind no symlink comes first.

    Args:
        roots: files and folders, also symlinks to such. A root that is a file is taken whatever
            its extension and even when hidden; globs and `min_size` hold for it too.
        rules: which files and folders are left out.
        listed: files that are taken as roots that are files are. If one is missing or is no file,
            it is skipped. Their root is `len(roots)`.
        extensions: which files are images, lower case, without the dot.
        sidecars: extensions of files that are left out if an image of the same name lies beside
            them: the raw file of a photo.
        unsupported: extensions of files that are listed as skipped, with reason and detail.

    Returns:
        Absolute paths (as given: symlinks are not resolved), and folders and files that could
        not be listed. Pipes, sockets and devices are passed over.

    Raises:
        InputError: a root does not exist, cannot be read, or is neither file nor folder.
    """
    compiled = _compile_rules(rules, extensions, sidecars, unsupported)
    found: dict[tuple[int, int] | str, _Found] = {}
    skipped: set[Skipped] = set()
    for position, root in enumerate(roots):
        _Search(compiled, position, os.path.abspath(root), found, skipped).run()
    for path in listed:
        _Search(compiled, len(roots), os.path.abspath(path), found, skipped).take_listed()
    return Walked(
        files=tuple(file for _, _, file in sorted(found.values(), key=_path_bytes)),
        skipped=tuple(sorted(skipped, key=lambda skip: (os.fsencode(skip.path), skip.reason))),
    )


_Found = tuple[bool, bytes, ImageFile]
"""Whether it lies behind a symlink, its path in bytes, the file. The first of an inode is kept."""


def _path_bytes(found: _Found) -> bytes:
    return found[1]


def _split(name: str) -> tuple[str, str]:
    """Return the name without its extension, and the extension without dot, in lower case."""
    stem, _, extension = name.lower().rpartition(".")
    return stem, extension


def _compile(globs: Iterable[str]) -> re.Pattern[str] | None:
    """Return one pattern for any of the globs; None for no glob."""
    union = "|".join(fnmatch.translate(glob) for glob in globs)
    return re.compile(union) if union else None


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules of a walk, with globs compiled; None matches nothing."""

    given: WalkRules
    include: re.Pattern[str] | None  # None matches every file
    exclude: re.Pattern[str] | None
    exclude_folders: re.Pattern[str] | None
    extensions: frozenset[str]
    sidecars: frozenset[str]
    unsupported: Mapping[str, tuple[str, str]]


def _compile_rules(
    rules: WalkRules,
    extensions: frozenset[str],
    sidecars: frozenset[str],
    unsupported: Mapping[str, tuple[str, str]],
) -> _Rules:
    return _Rules(
        given=rules,
        include=_compile(rules.include),
        exclude=_compile(glob for glob in rules.exclude if not glob.endswith("/")),
        exclude_folders=_compile(glob.rstrip("/") for glob in rules.exclude),
        extensions=extensions,
        sidecars=sidecars,
        unsupported=unsupported,
    )


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder still to be listed."""

    path: str
    depth: int  # 1 for the root
    linked: bool  # reached through a symlink below the root


class _Search:
    """The walk below one root.

    Roots are searched apart, as globs, depth and device are relative to a root. Real folders come
    before symlinked ones, both in the order of their bytes, so that which of several paths leads
    into a folder is always the same one.
    """

    def __init__(
        self,
        rules: _Rules,
        position: int,
        root: str,
        found: dict[tuple[int, int] | str, _Found],
        skipped: set[Skipped],
    ) -> None:
        self._found = found  # of all roots, added to here
        self._skipped = skipped  # likewise
        self._rules = rules
        self._position = position
        self._root = root
        self._cut = len(root) if root.endswith(os.sep) else len(root) + 1
        self._device = 0
        self._entered: set[tuple[int, int]] = set()  # (device, inode) of folders
        self._folders: list[_Folder] = []  # a stack
        self._links: list[_Folder] = []  # symlinked folders, for when the stack is empty

    def run(self) -> None:
        try:
            status = os.stat(self._root)
        except (OSError, ValueError) as error:
            trouble = getattr(error, "strerror", None) or str(error)
            raise InputError(
                f"cannot scan {self._root!r}: {trouble}. Check the spelling, "
                "and whether the disk that holds it is mounted and readable."
            ) from error
        self._device = status.st_dev
        if stat.S_ISDIR(status.st_mode):
            self._search_tree()
        elif stat.S_ISREG(status.st_mode):
            self._take_root(status)
        else:
            raise InputError(f"cannot scan {self._root!r}: it is neither a file nor a folder.")

    def take_listed(self) -> None:
        """Take the root if it is a file; skip it if not."""
        try:
            status = os.stat(self._root)
        except (FileNotFoundError, NotADirectoryError) as error:
            self._skip(self._root, VANISHED, error)
        except OSError as error:
            denied = isinstance(error, PermissionError)
            self._skip(self._root, DENIED if denied else READ_ERROR, error)
        else:
            self._device = status.st_dev
            if stat.S_ISREG(status.st_mode):
                self._take_root(status)
            else:
                self._skipped.add(Skipped(self._root, NOT_REGULAR))

    def _take_root(self, status: os.stat_result) -> None:
        """Take the root, which is a file."""
        self._cut = len(os.path.dirname(self._root).rstrip(os.sep)) + 1
        self._take(self._root, status, linked=os.path.islink(self._root))

    def _search_tree(self) -> None:
        self._folders.append(_Folder(self._root, 1, linked=False))
        while self._folders or self._links:
            if not self._folders:
                self._links.sort(key=lambda folder: os.fsencode(folder.path), reverse=True)
                self._folders.append(self._links.pop())
            folder = self._folders.pop()
            try:
                if self._enters(folder):
                    self._list(folder)
            except FileNotFoundError as error:
                self._skip(folder.path, VANISHED, error)
            except OSError as error:
                self._skip(folder.path, UNREADABLE_FOLDER, error)

    def _enters(self, folder: _Folder) -> bool:
        """Return whether a folder is listed: on the device of its root, and only once."""
        status = os.stat(folder.path)
        identity = (status.st_dev, status.st_ino)
        if identity in self._entered:
            return False
        self._entered.add(identity)
        return not self._rules.given.one_file_system or status.st_dev == self._device

    def _list(self, folder: _Folder) -> None:
        with os.scandir(folder.path) as listing:
            entries = list(listing)
        subfolders: list[_Folder] = []
        shots = {_split(entry.name)[0] for entry in entries if self._is_main(entry.name)}
        for entry in entries:
            try:
                is_link = entry.is_symlink()
                if is_link and not self._rules.given.follow_symlinks:
                    continue
                linked = is_link or folder.linked
                if entry.is_dir():
                    if self._wants_folder(entry, folder.depth):
                        queue = self._links if is_link else subfolders
                        queue.append(_Folder(entry.path, folder.depth + 1, linked))
                elif self._is_sidecar(entry.name, shots):
                    continue
                elif self._is_image(entry.name) and (is_link or entry.is_file()):
                    self._take(entry.path, entry.stat(), linked=linked)
                elif (is_link or entry.is_file()) and self._is_unsupported(entry):
                    reason, detail = self._rules.unsupported[_split(entry.name)[1]]
                    self._skipped.add(Skipped(entry.path, reason, detail))
            except OSError as error:
                self._skip_entry(entry, error)
        subfolders.sort(key=lambda subfolder: os.fsencode(subfolder.path), reverse=True)
        self._folders += subfolders

    def _is_image(self, name: str) -> bool:
        stem, _, extension = name.rpartition(".")
        if not stem or extension.lower() not in self._rules.extensions:
            return False
        return self._rules.given.hidden or not name.startswith(".")

    def _is_main(self, name: str) -> bool:
        """Return whether a file is an image that can have sidecars."""
        return self._is_image(name) and _split(name)[1] not in self._rules.sidecars

    def _is_sidecar(self, name: str, shots: set[str]) -> bool:
        stem, extension = _split(name)
        return extension in self._rules.sidecars and stem in shots

    def _is_unsupported(self, entry: os.DirEntry[str]) -> bool:
        if _split(entry.name)[1] not in self._rules.unsupported:
            return False
        is_shown = self._rules.given.hidden or not entry.name.startswith(".")
        return is_shown and self._wants_file(entry.path, entry.stat())

    def _wants_folder(self, entry: os.DirEntry[str], depth: int) -> bool:
        rules = self._rules
        if rules.given.max_depth is not None and depth >= rules.given.max_depth:
            return False
        if not rules.given.hidden and entry.name.startswith("."):
            return False
        return not self._matches(rules.exclude_folders, entry.path)

    def _take(self, path: str, status: os.stat_result, *, linked: bool) -> None:
        """Add a file, unless a rule excludes it, or its inode has a better path."""
        if not self._wants_file(path, status):
            return
        device, inode = status.st_dev, status.st_ino
        image = ImageFile(
            *(path, self._position, status.st_size, status.st_mtime_ns, device, inode),
            links=status.st_nlink,
        )
        file = (linked, os.fsencode(path), image)
        # Some network file systems have no inode numbers: there each path is a file.
        identity = (device, inode) if inode else path
        other = self._found.setdefault(identity, file)
        if file[:2] < other[:2]:
            self._found[identity] = file

    def _wants_file(self, path: str, status: os.stat_result) -> bool:
        rules = self._rules
        if not stat.S_ISREG(status.st_mode) or status.st_size < rules.given.min_size:
            return False
        if rules.given.one_file_system and status.st_dev != self._device:
            return False
        if rules.include and not self._matches(rules.include, path):
            return False
        return not self._matches(rules.exclude, path)

    def _matches(self, globs: re.Pattern[str] | None, path: str) -> bool:
        if globs is None:
            return False
        relative = path[self._cut :].replace(os.sep, "/")
        return bool(globs.match(relative) or globs.match(relative.rpartition("/")[2]))

    def _skip_entry(self, entry: os.DirEntry[str], error: OSError) -> None:
        """Add an entry without a readable `stat` to the skipped ones, unless a rule excludes it."""
        if not self._is_image(entry.name) or self._matches(self._rules.exclude, entry.path):
            return
        if entry.is_symlink():
            self._skip(entry.path, BROKEN_LINK, error)
        elif isinstance(error, FileNotFoundError):
            self._skip(entry.path, VANISHED, error)
        else:
            denied = isinstance(error, PermissionError)
            self._skip(entry.path, DENIED if denied else READ_ERROR, error)

    def _skip(self, path: str, reason: str, error: OSError) -> None:
        self._skipped.add(Skipped(path, reason, error.strerror or str(error)))
