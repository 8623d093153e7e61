"""Puts a file into the user's trash, and takes it out again where the trash can be read.

Send2Trash knows the trash of each system. On Linux, the BSDs and the like it is a folder as
freedesktop.org's Trash specification 1.0 describes it, so a file can be brought back from here;
elsewhere the desktop has to do that.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

from dedupe.apply.move import FileState, Step, holds, move_file, no_step, require_unchanged

_HAS_FOLDERS = sys.platform not in ("darwin", "win32")


def send_to_trash(state: FileState, *, step: Step = no_step) -> None:
    """Put a file into the trash.

    Raises:
        OSError: it changed since it was looked at, or there is no trash for its file system.
    """
    from send2trash import send2trash  # may load GLib

    require_unchanged(state)
    try:
        send2trash(state.path)
    except OSError as error:
        words = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, words, state.path) from error
    step("trashed")


def take_from_trash(state: FileState, *, part: str, step: Step = no_step) -> None:
    """Put a trashed file back into its place, in which nothing may stand.

    Args:
        part: a free path beside the place, for a trash on another file system.

    Raises:
        OSError: something stands there, the trash no longer has it, or only the desktop can.
    """
    if not _HAS_FOLDERS:
        raise OSError(errno.ENOTSUP, "is in the trash: restore it from there", state.path)
    for note, file in _trashed(state.path):
        if os.path.isfile(file) and holds(file, state.digest):
            move_file(state.at(file), state.path, part=part, note_copy=_note_nothing, step=step)
            with suppress(OSError):
                os.unlink(note)
            return
    raise FileNotFoundError(errno.ENOENT, "is no longer in the trash", state.path)


def settle_trashed(state: FileState, *, part: str, back: bool) -> bool:
    """Tell which end `send_to_trash` or `take_from_trash` came to, and remove what it left over.

    Returns:
        Whether it went through, in the direction in which it was going.

    Raises:
        OSError: something else took the place, and the trash cannot tell.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(part)
    if not os.path.lexists(state.path):
        return not back
    if holds(state.path, state.digest):
        return back
    if not _HAS_FOLDERS:
        raise OSError(errno.EBUSY, "another file stands there; look into the trash", state.path)
    trashed = any(
        holds(file, state.digest) for _, file in _trashed(state.path) if os.path.isfile(file)
    )
    return trashed and not back


def _note_nothing(_inode: int) -> None:
    """The digest tells whether a copy is ours."""


def _trashed(path: str) -> Iterator[tuple[str, str]]:
    """The note and the file of everything that was trashed from a path, the last one first."""
    wanted = _real(path)
    found = [
        (note.stat().st_mtime_ns, str(note), str(note.parent.parent / "files" / note.stem))
        for trash, top in _trash_folders(path)
        for note in trash.glob("info/*.trashinfo")
        if _origin(note, top) == wanted
    ]
    for _, note_path, file in sorted(found, reverse=True):
        yield note_path, file


def _trash_folders(path: str) -> Iterator[tuple[Path, str]]:
    """The trash folders that may hold a file, each with what its relative paths start from."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    yield Path(data, "Trash"), data
    top = os.path.realpath(os.path.dirname(path))
    while not os.path.ismount(top):
        top = os.path.dirname(top)
    user = str(os.getuid()) if sys.platform != "win32" else ""
    yield Path(top, ".Trash", user), top
    yield Path(top, f".Trash-{user}"), top


def _origin(note: Path, top: str) -> str:
    """The real path that a note names; empty if it is no note."""
    with suppress(OSError):
        for line in note.read_bytes().splitlines():
            if line.startswith(b"Path="):
                return _real(os.path.join(top, os.fsdecode(unquote_to_bytes(line[5:]))))
    return ""


def _real(path: str) -> str:
    """The path without links in its folders; the last part may be one."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
