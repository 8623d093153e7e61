"""Put a file into the trash of the user, and take it out again.

On Linux and the BSDs the trash is a folder as the Trash specification 1.0 of freedesktop.org
describes it. dedupe writes there itself: the note is created exclusively and the file is renamed
without replacing another, so that two programs that trash a file of one name lose none. On macOS
and Windows Send2Trash calls the system, and only the desktop can bring a file back.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from dedupe.apply.attempt import Attempt, KeeperWatch
from dedupe.apply.move import discard, move_file, recover_move
from dedupe.files.copy import write_all
from dedupe.files.replace import sync_folder
from dedupe.files.state import FileState, has_content, require_unchanged, status_of
from dedupe.files.system import system

HAS_FOLDERS = sys.platform not in ("darwin", "win32")
"""Whether the trash of this system is a folder that dedupe can read."""

_OUTSIDE = "is in the trash: restore it from there"


class Trash:
    """Put a file into the trash, and take it out."""

    def do(self, attempt: Attempt, watch: KeeperWatch) -> None:
        """Put the file into the trash; the journal has the place before."""
        if not HAS_FOLDERS:
            _send_to_system_trash(attempt.file, watch)
            return
        require_unchanged(attempt.file)
        folder, top = _find_trash(attempt.file.path)
        for name in _free_names(os.path.basename(attempt.file.path)):
            place = os.path.join(folder, "files", name)
            info = os.path.join(folder, "info", f"{name}.trashinfo")
            if os.path.lexists(place) or os.path.lexists(info):
                continue
            attempt.note(place=place, info=info)
            try:
                _write_info(info, attempt.file.path, top)
            except FileExistsError:  # another program took the name
                continue
            try:
                move_file(attempt, attempt.file, place, check=watch.require)
            except OSError as error:
                if not status_of(place) or isinstance(error, FileExistsError):
                    discard(info)
                if isinstance(error, FileExistsError):
                    continue
                raise
            return

    def undo(self, attempt: Attempt) -> None:
        """Move the file from its place in the trash back to its path."""
        place = _noted(attempt, "place")
        if not status_of(place) or not has_content(place, attempt.file.digest):
            raise FileNotFoundError(errno.ENOENT, "is no longer in the trash", attempt.file.path)
        move_file(attempt, attempt.file.at(place), attempt.file.path)
        discard(_noted(attempt, "info"))

    def recover(self, attempt: Attempt) -> bool:
        """Finish the move in its direction, or take it back."""
        path = attempt.file.path
        if not HAS_FOLDERS:
            return _recover_from_system_trash(attempt)
        if not attempt.back and "place" not in attempt.facts:
            return False
        place, info = _noted(attempt, "place"), _noted(attempt, "info")
        source, target = (place, path) if attempt.back else (path, place)
        completed = recover_move(attempt, attempt.file.moved_to(source), target)
        if completed == attempt.back and not status_of(place):
            discard(info)
        return completed


def _noted(attempt: Attempt, fact: str) -> str:
    noted = attempt.forward if attempt.back else attempt.facts
    if fact not in noted:
        raise OSError(errno.ENOTSUP, _OUTSIDE, attempt.file.path)
    return str(noted[fact])


def _find_trash(path: str) -> tuple[str, str]:
    """Return the trash folder for a file, and the folder that its notes are relative to.

    That is the trash in the home of the user for files on the same disk; else one at the top of
    the disk of the file. An empty second folder means absolute notes.

    Raises:
        OSError: there is none, and none can be created.
    """
    device = os.lstat(path).st_dev
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    home = os.path.join(os.path.abspath(data), "Trash")
    if _device_of(home) == device:
        return _prepare(home, ""), ""
    top = os.path.realpath(os.path.dirname(path))
    while not os.path.ismount(top):
        top = os.path.dirname(top)
    user = os.getuid() if sys.platform != "win32" else 0
    shared = os.path.join(top, ".Trash")
    status = status_of(shared)
    if status and stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        with suppress(OSError):
            return _prepare(os.path.join(shared, str(user)), top), top
    try:
        return _prepare(os.path.join(top, f".Trash-{user}"), top), top
    except OSError as error:
        words = f"there is no trash on its disk, and {error.filename!r} cannot be used"
        raise OSError(error.errno or errno.EIO, words, path) from error


def _device_of(folder: str) -> int:
    """Return the device of a folder, or of the nearest folder above that exists."""
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return os.stat(folder).st_dev


def _prepare(trash: str, top: str) -> str:
    """Create a trash folder with its two parts, for its user only; return it.

    Raises:
        OSError: it cannot be created, another user owns it, or it is a link at the top of a disk.
    """
    if top and os.path.islink(trash):  # another user of the disk may have put it there
        raise OSError(errno.EPERM, "it is a symbolic link", trash)
    for folder in (trash, os.path.join(trash, "files"), os.path.join(trash, "info")):
        if not os.path.isdir(folder):
            Path(folder).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                system.mkdir(folder, 0o700)
    if sys.platform != "win32" and os.stat(trash).st_uid != os.getuid():
        raise OSError(errno.EPERM, "another user owns it", trash)
    return trash


def _free_names(name: str) -> Iterator[str]:
    stem, extension = os.path.splitext(name)
    yield name
    number = 2
    while True:
        yield f"{stem}.{number}{extension}"
        number += 1


def _write_info(info: str, path: str, top: str) -> None:
    """Create the note of a trashed file; raises FileExistsError if there is one."""
    origin = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    if top:
        origin = os.path.relpath(origin, top)
    when = datetime.now().isoformat(timespec="seconds")  # local, by the standard
    text = f"[Trash Info]\nPath={quote(os.fsencode(origin))}\nDeletionDate={when}\n"
    descriptor = system.create(info)
    try:
        write_all(descriptor, text.encode("ascii"), info)
        system.sync(descriptor, info)
    except BaseException:
        with suppress(OSError):
            system.unlink(info)
        raise
    finally:
        os.close(descriptor)
    sync_folder(os.path.dirname(info))


def _send_to_system_trash(file: FileState, watch: KeeperWatch) -> None:
    from send2trash import send2trash  # loads the libraries of the desktop

    require_unchanged(file)
    watch.require()
    try:
        send2trash(file.path)
    except OSError as error:
        words = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, words, file.path) from error


def _recover_from_system_trash(attempt: Attempt) -> bool:
    path = attempt.file.path
    if not status_of(path):
        return not attempt.back
    if has_content(path, attempt.file.digest):
        return attempt.back
    words = "its path is taken by another file; the photo may be in the trash"
    raise OSError(errno.EBUSY, words, path)
