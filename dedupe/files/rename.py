"""Rename a file without replacing another, on every file system.

One system call does it where the file system has it: `renameat2` with RENAME_NOREPLACE (Linux),
`renamex_np` with RENAME_EXCL (macOS), plain rename (Windows). It also works on a file of another
user, which Linux does not let a user link (fs.protected_hardlinks). Elsewhere (NFS) a hard link
takes the target's name, and the source's name is removed. A file system without links (exFAT over
FUSE, s3fs) gets an exclusive copy. After a kill, `recover_rename` finishes or takes back the latter
two. An empty file that reserves the name, with a rename over it, would be shorter; but another
program could write into that file in between, and the rename would lose it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from dedupe.files.copy import copy_exclusively, is_prefix
from dedupe.files.digest import digest_file
from dedupe.files.replace import sync_folder
from dedupe.files.state import FileState, describe_change, require_unchanged, status_of
from dedupe.files.system import system

NO_SUCH_RENAME = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
"""Errors of a file system without an exclusive rename."""

_NO_SUCH_LINK = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}


OnCopy = Callable[[bool], None]
"""Called with True before an exclusive copy begins, with False if another file has the target."""


def _ignore(_copying: bool) -> None:
    """Ignore that a copy begins."""


def rename_exclusively(source: str, target: str, *, on_copy: OnCopy = _ignore) -> None:
    """Rename a file within its file system.

    Args:
        source: a name that no other program uses, because it may be removed in a second call.
        on_copy: called if the file system needs an exclusive copy.

    Raises:
        FileExistsError: the target exists, or another program saved a file there meanwhile, which
            is left as it is; the source has its own name.
        OSError: also EXDEV if the two lie on different file systems.
    """
    try:
        system.rename(source, target)
        return
    except OSError as error:
        if error.errno not in NO_SUCH_RENAME:
            raise
    try:
        system.link(source, target)
    except OSError as error:
        if error.errno not in _NO_SUCH_LINK:
            raise
        on_copy(True)
        try:
            _copy(source, target)
        except FileExistsError:
            on_copy(False)
            raise
    try:
        sync_folder(os.path.dirname(target))
        system.unlink(source)
    except OSError:
        _take_back(source, target)
        raise


def recover_rename(source: str, target: str, *, copied: bool) -> bool:
    """Finish a rename that was cut short, or take it back.

    Args:
        copied: whether `on_copy` was last called with True: the target may then be incomplete.

    Returns:
        Whether the target has the file and the source's name is gone. False if the target is
        another file, which is left alone.
    """
    here, there = status_of(source), status_of(target)
    if here is None or there is None:
        return there is not None
    if os.path.samestat(here, there) and here.st_nlink > 1:  # else one name by two paths
        system.unlink(source)
        return True
    if copied and is_prefix(target, source):  # also a whole copy may lack its metadata
        system.unlink(target)
    return False


def abandon_rename(temporary: str, target: str, *, copied: bool) -> None:
    """Remove a temporary file after a failure, and its incomplete copy at the target."""
    if copied:
        with suppress(OSError):
            recover_rename(temporary, target, copied=True)
    with suppress(OSError):
        system.unlink(temporary)


def set_aside(state: FileState, backup: str, *, on_copy: OnCopy = _ignore) -> None:
    """Rename a file to a backup path beside it; rename it back if it is not the planned file.

    Args:
        backup: a free path that only this run uses. That makes a plain rename safe where the file
            system has no exclusive one.
        on_copy: called before the file is put back by an exclusive copy.

    Raises:
        OSError: the file changed, or cannot be renamed; it then has its own name.
    """
    require_unchanged(state)
    rename_aside(state.path, backup)
    change = describe_change(state.moved_to(backup), content=False)
    if change:
        put_back(backup, state.path, on_copy=on_copy)
        raise OSError(errno.EBUSY, change, state.path)


def rename_aside(path: str, backup: str) -> None:
    """Rename a file to a free backup path that only this run uses, in one system call.

    Another program may save a new file under the path at any time: it must not be removed by name.

    Raises:
        FileExistsError: the backup path exists.
        OSError: the file cannot be renamed.
    """
    try:
        system.rename(path, backup)
    except OSError as error:
        if error.errno not in NO_SUCH_RENAME:
            raise
        if os.path.lexists(backup):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), backup) from error
        system.replace(path, backup)


def put_back(backup: str, path: str, *, on_copy: OnCopy = _ignore) -> None:
    """Rename a file back to its own path.

    Raises:
        OSError: another file has the path by now; the error names the backup path.
    """
    try:
        rename_exclusively(backup, path, on_copy=on_copy)
    except FileExistsError as error:
        words = f"is now another file; the photo is {backup!r}"
        raise OSError(errno.EBUSY, words, path) from error


def _take_back(source: str, target: str) -> None:
    """Remove the second name or the copy of a file, unless another program saved a file there."""
    with suppress(OSError):
        here, there = os.lstat(source), os.lstat(target)
        whole = here.st_size == there.st_size and is_prefix(target, source)
        if os.path.samestat(here, there) or whole:
            system.unlink(target)


def _copy(source: str, target: str) -> None:
    if os.path.islink(source):
        system.symlink(os.readlink(source), target)
    else:
        copy_exclusively(source, target, digest=digest_file(source), metadata=None)
