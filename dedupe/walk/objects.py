"""Search the objects below one URL, in a tar, or in memory. Reads listings; opens no image."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence

from dedupe.errors import InputError
from dedupe.files.memory import SCHEME
from dedupe.files.remote import RemoteFile, find_file, is_archive, list_files
from dedupe.files.trouble import NOT_REGULAR, READ_ERROR, name_trouble
from dedupe.types import ImageFile, Skipped
from dedupe.walk.listing import Listing
from dedupe.walk.rules import Rules


class ObjectSearch:
    """The walk below one URL. A `/` in the name of an object ends a folder; there are no links."""

    def __init__(self, rules: Rules, position: int, root: str, listing: Listing) -> None:
        """Prepare to search.

        Args:
            rules: which objects are taken.
            position: of the root.
            root: its URL, or the path of a tar or of a member.
            listing: of all roots, added to here.
        """
        self._rules, self._position, self._root = rules, position, root
        self._listing = listing

    def run(self) -> None:
        """List and take the objects; raise InputError if there is none at the root."""
        root, objects = list_files(self._root)
        folders: dict[str, list[tuple[str, RemoteFile]]] = defaultdict(list)
        for one in objects:
            if one.url == root:
                self._take(one, one.url.rpartition("/")[2])
            else:
                folder, _, name = one.url[len(root) + 1 :].rpartition("/")
                folders[folder].append((name, one))
        for folder, some in folders.items():
            if self._enters(folder):
                self._take_folder(folder, some)

    def take_listed(self) -> None:
        """Take the root if it is an object, and what a tar contains; skip it if not."""
        try:
            if is_archive(self._root):
                self.run()
                return
            one = find_file(self._root)
        except IsADirectoryError:
            self._listing.skip(self._root, NOT_REGULAR)
        except OSError as error:
            self._listing.skip(self._root, name_trouble(error), error)
        except InputError as error:  # a damaged tar
            self._listing.skip(self._root, READ_ERROR, OSError(str(error)))
        else:
            self._take(one, one.url.rpartition("/")[2])

    def _enters(self, folder: str) -> bool:
        """Return whether the rules enter a folder, relative to the root, and all above it."""
        names = folder.split("/") if folder else []
        return all(
            self._rules.enters("/".join(names[: depth + 1]), depth + 1)
            for depth in range(len(names))
        )

    def _take_folder(self, folder: str, objects: Sequence[tuple[str, RemoteFile]]) -> None:
        """Take the images among the objects of one folder, by name."""
        shots = self._rules.list_shots(name for name, _ in objects)
        for name, one in objects:
            place = f"{folder}/{name}" if folder else name
            if self._rules.is_sidecar(name, shots):
                continue
            found = self._rules.find_unsupported(name)
            if self._rules.is_image(name) or one.url.startswith(SCHEME):
                self._take(one, place)
            elif found and self._rules.takes_file(place, one.size):
                self._listing.skipped.add(Skipped(one.url, *found))

    def _take(self, one: RemoteFile, place: str) -> None:
        if not self._rules.takes_file(place, one.size):
            return
        image = ImageFile(one.url, self._position, one.size, one.mtime_ns, 0, one.version)
        self._listing.add(one.url, (False, os.fsencode(one.url), image))
