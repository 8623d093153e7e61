"""Search the folders below one root. Reads names and `stat`; opens no file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from dedupe.errors import InputError
from dedupe.files.trouble import NOT_REGULAR, VANISHED, name_trouble
from dedupe.types import ImageFile, Skipped
from dedupe.walk.listing import Listing
from dedupe.walk.rules import BROKEN_LINK, UNREADABLE_FOLDER, Rules, matches


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder still to be listed."""

    path: str
    depth: int  # 1 for the root
    linked: bool  # reached through a symlink below the root


class FolderSearch:
    """The walk below one root.

    Roots are searched apart, as globs, depth and device are relative to a root. Real folders come
    before symlinked ones, both in the order of their bytes, so that which of several paths leads
    into a folder is always the same one.
    """

    def __init__(self, rules: Rules, position: int, root: str, listing: Listing) -> None:
        self._listing = listing  # of all roots, added to here
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
        except OSError as error:
            self._listing.skip(self._root, name_trouble(error), error)
        else:
            self._device = status.st_dev
            if stat.S_ISREG(status.st_mode):
                self._take_root(status)
            else:
                self._listing.skip(self._root, NOT_REGULAR)

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
                self._listing.skip(folder.path, VANISHED, error)
            except OSError as error:
                self._listing.skip(folder.path, UNREADABLE_FOLDER, error)

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
        shots = self._rules.list_shots(entry.name for entry in entries)
        for entry in entries:
            try:
                is_link = entry.is_symlink()
                if is_link and not self._rules.given.follow_symlinks:
                    continue
                linked = is_link or folder.linked
                if entry.is_dir():
                    if self._rules.enters(self._place(entry.path), folder.depth):
                        queue = self._links if is_link else subfolders
                        queue.append(_Folder(entry.path, folder.depth + 1, linked))
                elif self._rules.is_sidecar(entry.name, shots):
                    continue
                elif self._rules.is_image(entry.name) and (is_link or entry.is_file()):
                    self._take(entry.path, entry.stat(), linked=linked)
                elif is_link or entry.is_file():
                    self._skip_unsupported(entry)
            except OSError as error:
                self._skip_entry(entry, error)
        subfolders.sort(key=lambda subfolder: os.fsencode(subfolder.path), reverse=True)
        self._folders += subfolders

    def _place(self, path: str) -> str:
        """Return a path relative to the root."""
        return path[self._cut :]

    def _skip_unsupported(self, entry: os.DirEntry[str]) -> None:
        """Add a file of an unsupported format to the skipped ones, unless a rule excludes it."""
        found = self._rules.find_unsupported(entry.name)
        if found and self._wants_file(entry.path, entry.stat()):
            self._listing.skipped.add(Skipped(entry.path, *found))

    def _take(self, path: str, status: os.stat_result, *, linked: bool) -> None:
        """Add a file, unless a rule excludes it, or its inode has a better path."""
        if not self._wants_file(path, status):
            return
        device, inode = status.st_dev, status.st_ino
        image = ImageFile(
            *(path, self._position, status.st_size, status.st_mtime_ns, device, inode),
            links=status.st_nlink,
        )
        # Some network file systems have no inode numbers: there each path is a file.
        identity = (device, inode) if inode else path
        self._listing.add(identity, (linked, os.fsencode(path), image))

    def _wants_file(self, path: str, status: os.stat_result) -> bool:
        if not stat.S_ISREG(status.st_mode):
            return False
        if self._rules.given.one_file_system and status.st_dev != self._device:
            return False
        return self._rules.takes_file(self._place(path), status.st_size)

    def _skip_entry(self, entry: os.DirEntry[str], error: OSError) -> None:
        """Add an entry without a readable `stat` to the skipped ones, unless a rule excludes it."""
        excluded = matches(self._rules.exclude, self._place(entry.path))
        if excluded or not self._rules.is_image(entry.name):
            return
        reason = BROKEN_LINK if entry.is_symlink() else name_trouble(error)
        self._listing.skip(entry.path, reason, error)
