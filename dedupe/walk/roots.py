"""List the images of roots and of lists, each file once.

What is listed never depends on the order in which the system names entries, and neither on the
order of the roots (except `ImageFile.root`, which is a position in it).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dedupe.files.remote import absolute, is_archive, is_object
from dedupe.types import ImageFile, Skipped
from dedupe.walk.folders import FolderSearch
from dedupe.walk.listing import Found, Listing
from dedupe.walk.objects import ObjectSearch
from dedupe.walk.rules import Rules, WalkRules, compile_rules

_NOTHING: Mapping[str, tuple[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Walked:
    """The files of a walk, and what could not be listed."""

    files: tuple[ImageFile, ...]  # sorted by the bytes of their paths, each inode once
    skipped: tuple[Skipped, ...]  # sorted by the bytes of their paths


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
    compiled = compile_rules(rules, extensions, sidecars, unsupported)
    listing = Listing()
    for position, root in enumerate(map(absolute, roots)):
        _search(compiled, position, root, listing).run()
    for path in map(absolute, listed):
        _search(compiled, len(roots), path, listing).take_listed()
    return Walked(
        files=tuple(file for _, _, file in sorted(listing.files.values(), key=_path_bytes)),
        skipped=tuple(
            sorted(listing.skipped, key=lambda skip: (os.fsencode(skip.path), skip.reason))
        ),
    )


def _search(
    rules: Rules, position: int, root: str, listing: Listing
) -> FolderSearch | ObjectSearch:
    """Return the search of a root: an absolute path, also of a tar or its member, or a URL."""
    kind = ObjectSearch if is_object(root) or is_archive(root) else FolderSearch
    return kind(rules, position, root, listing)


def _path_bytes(found: Found) -> bytes:
    return found[1]
