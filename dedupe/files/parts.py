"""A folder of numbered Parquet parts that is one output: named, replaced and digested as a whole.

Knows no report.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress

from dedupe.files.digest import digest_bytes, digest_file
from dedupe.files.remote import is_url
from dedupe.files.replace import replace_file, sync_folder
from dedupe.files.system import system

_PART = re.compile(r"part-\d{5}\.parquet")
_SUFFIX = ".parquet"
_NEW, _OLD = ".tmp", ".old"  # suffixes of the folder while it is written and replaced


def is_folder_of_parts(path: str) -> bool:
    """Return whether a path is that of a folder `NAME.parquet`, or ends as one: `NAME.parquet/`."""
    name = path.rstrip(os.sep)
    if is_url(path) or not name.lower().endswith(_SUFFIX):
        return False
    return name != path or os.path.isdir(path)


def name_part(number: int) -> str:
    """Return the name of a part, numbered from 0."""
    return f"part-{number:05}.parquet"


def list_parts(folder: str) -> list[str]:
    """Return the paths of the parts in a folder, in order.

    A run that was killed while it replaced the folder leaves the earlier one beside it, which is
    then listed.

    Raises:
        OSError: the folder cannot be read.
        ValueError: it contains something else; the message names it.
    """
    place = _place(folder)
    if not os.path.lexists(place) and os.path.isdir(place + _OLD):
        place += _OLD
    names = sorted(os.listdir(place))
    for name in names:
        if not _PART.fullmatch(name):
            raise ValueError(f"the folder {place} contains {name!r}, which is not a part")
    return [os.path.join(place, name) for name in names]


def digest_output(path: str) -> str:
    """Return the digest of a file, or of all parts of a folder."""
    if not is_folder_of_parts(path):
        return digest_file(path)
    return digest_bytes("".join(map(digest_file, list_parts(path))).encode())


def replace_folder(folder: str, parts: Iterable[bytes]) -> None:
    """Write parts to a folder beside the target, and rename it to the target when all are there.

    After a failure, also in `parts`, the earlier folder is intact and the new one is removed.

    Raises:
        OSError: a part cannot be written, or a folder is in the way.
        ValueError: a folder that this would remove contains something else than parts.
    """
    place = _place(folder)
    new, old = place + _NEW, place + _OLD
    if os.path.lexists(new):  # of a run that was killed
        _remove(new)
    os.mkdir(new, 0o700)
    try:
        for number, part in enumerate(parts):
            replace_file(os.path.join(new, name_part(number)), [part])
        sync_folder(new)
        _exchange(new, place, old)
    except BaseException:
        with suppress(OSError):
            _remove(new)
        raise
    sync_folder(os.path.dirname(place))


def _exchange(new: str, place: str, old: str) -> None:
    """Rename a folder to a place; the folder that was there is removed afterwards."""
    if os.path.lexists(place):
        list_parts(place)  # raises if the folder has other files
        if os.path.lexists(old):
            _remove(old)
        system.replace(place, old)
    try:
        system.replace(new, place)
    except OSError:
        if os.path.lexists(old):
            system.replace(old, place)
        raise
    if os.path.lexists(old):
        _remove(old)


def _remove(folder: str) -> None:
    """Remove a folder of parts and of what a kill left of them."""
    for entry in os.scandir(folder):
        if not (_PART.fullmatch(entry.name) or entry.name.startswith(".dedupe-")):
            words = f"it contains {entry.name!r}, which dedupe did not write"
            raise OSError(errno.ENOTEMPTY, words, folder)
    shutil.rmtree(folder)


def _place(folder: str) -> str:
    """Return the real path of a folder, without a slash at its end."""
    return os.path.realpath(folder)
