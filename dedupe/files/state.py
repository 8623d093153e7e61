"""The state of a regular file: size, time, inode and digest; and how it changed since."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, replace

from dedupe.files.digest import digest_file


class OvertakenError(FileExistsError):
    """Another program saved a file at a path to which a photo was being copied."""

    def __init__(self, path: str) -> None:
        words = "another program saved a file at its path while it was copied there"
        super().__init__(errno.EEXIST, words, path)


@dataclass(frozen=True, slots=True)
class FileState:
    """A regular file as it was when an action on it was planned."""

    path: str  # absolute
    size: int  # bytes
    mtime_ns: int  # nanoseconds since the epoch
    inode: int  # st_ino, 0 if unknown; no device, because its number may differ after a restart
    digest: str  # hex content digest, see dedupe.files.digest

    def at(self, path: str) -> FileState:
        """Return the same content with the size, time and inode that a path has now."""
        return replace(read_state(path), digest=self.digest)

    def moved_to(self, path: str) -> FileState:
        """Return the same state under another path."""
        return replace(self, path=path)


def read_state(path: str) -> FileState:
    """Return the state of a regular file without its digest; symbolic links are not followed.

    Raises:
        OSError: there is no such file, or it is a link, a folder or a device.
    """
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", path)
    return FileState(path, found.st_size, found.st_mtime_ns, found.st_ino, digest="")


def describe_change(state: FileState, *, content: bool = True) -> str:
    """Return in a few words how a file differs from its state; empty if it does not.

    Args:
        content: also read the file and compare its digest.
    """
    try:
        now = read_state(state.path)
        if now.size != state.size or now.mtime_ns != state.mtime_ns:
            return "was modified"
        if state.inode not in (0, now.inode):
            return "was replaced by another file"
        if content and digest_file(state.path) != state.digest:
            return "has other content"
    except (FileNotFoundError, NotADirectoryError):
        return "is gone"
    except OSError as error:
        return describe_error(error)
    return ""


def require_unchanged(state: FileState) -> None:
    """Raise OSError if size, time or inode of a file changed; reads no content."""
    change = describe_change(state, content=False)
    if change:
        raise OSError(errno.EBUSY, change, state.path)


def has_content(path: str, digest: str) -> bool:
    """Return whether a path is a regular file with a digest.

    Raises:
        OSError: it does not exist or cannot be read.
    """
    return stat.S_ISREG(os.lstat(path).st_mode) and digest_file(path) == digest


def describe_error(error: OSError) -> str:
    """Return the words of the system for an error, in one line, without the path."""
    if isinstance(error, FileExistsError) and not isinstance(error, OvertakenError):
        return "its path is taken by another file"
    return error.strerror or str(error)


def status_of(path: str) -> os.stat_result | None:
    """Return the status of a path, symbolic links not followed; None if it does not exist."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
