"""Puts a link to its twin in a file's place, or nothing at all, and puts the file back.

Something always stands aside before anything is removed: the file is renamed to a name beside its
own, what replaces it is renamed into its place, and only when the file aside is still what was
looked at does it go. Every rename refuses to overwrite. A kill between any two steps leaves the
file in its place or aside, from where `settle` ends the work or undoes it.

Like `dedupe.apply.move`, this module knows one file at a time.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from dedupe.apply.move import (
    FileState,
    Step,
    holds,
    no_step,
    rename_exclusively,
    require_unchanged,
    what_changed,
)
from dedupe.files.digest import digest_file
from dedupe.files.replace import sync_folder

LinkKind = Literal["hardlink", "symlink", "reflink"]

_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file


def remove(state: FileState, *, aside: str, step: Step = no_step) -> None:
    """Delete a file, if it is still what was looked at.

    Raises:
        OSError: it changed, or cannot be removed; it then stands where it stood.
    """
    _set_aside(state, aside, step)
    try:
        os.unlink(aside)
    except OSError:
        rename_exclusively(aside, state.path)
        raise
    step("removed")
    sync_folder(os.path.dirname(state.path))


def replace_by_link(
    state: FileState,
    twin: FileState,
    kind: LinkKind,
    *,
    part: str,
    aside: str,
    note_link: Callable[[int], None],
    step: Step = no_step,
) -> None:
    """Put a link to `twin` in the place of a file of the same bytes.

    Args:
        state: the file that goes; its size, time and inode must still hold.
        twin: the file that stays.
        part: a free path beside the file, for the link before it gets its name.
        aside: a free path beside the file, for the file before it goes.
        note_link: called with the inode of the link before anything is replaced.

    Raises:
        OSError: one of the two changed, the file system has no such links, the twin lies on
            another one ... The file then stands where it stood.
    """
    try:
        _make_link(twin, state, kind, part)
        step("link made")
        note_link(os.lstat(part).st_ino)
        _set_aside(state, aside, step)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    try:
        require_unchanged(twin)
        rename_exclusively(part, state.path, step=step)
    except OSError:
        with suppress(OSError):
            os.unlink(part)
        if _inode(state.path) is not None:
            raise _taken(state, aside) from None
        rename_exclusively(aside, state.path)
        raise
    sync_folder(os.path.dirname(state.path))
    os.unlink(aside)
    step("removed")
    sync_folder(os.path.dirname(state.path))


def settle_replaced(state: FileState, *, part: str, aside: str, link: int | None) -> bool:
    """Bring `remove` or `replace_by_link` to one of its two ends; a second call changes nothing.

    Args:
        state: the file as it was.
        link: the inode that `note_link` was told, if it was; None for `remove`.

    Returns:
        Whether the file is gone from its place for good.

    Raises:
        OSError: something else took the place, or the link no longer has the bytes of the file
            that stands aside; whatever is there is left.
    """
    here, waiting = _inode(state.path), _inode(aside)
    if here is not None and here == waiting:  # one file, where renaming is linking and unlinking
        os.unlink(aside)
        waiting = None
    if waiting is None:
        if here is not None and here == link:
            return True
        if here is not None and not holds(state.path, state.digest):
            raise OSError(errno.EBUSY, "another file stands there now", state.path)
        _discard(part)
        return here is None
    _discard(part)
    unchanged = not what_changed(replace(state, path=aside), content=False)
    if here is not None and here == link and unchanged:
        if _leads_to(state.path, state.digest):
            os.unlink(aside)
            sync_folder(os.path.dirname(state.path))
            return True
        if os.path.islink(state.path):  # what it leads to is gone, or was edited
            os.unlink(state.path)
            here = None
    if here is not None:
        raise _taken(state, aside)
    rename_exclusively(aside, state.path)
    return False


def recreate(
    state: FileState,
    source: str,
    *,
    part: str,
    aside: str,
    link: int | None,
    note_copy: Callable[[int], None],
    step: Step = no_step,
) -> None:
    """Bring a file back from a file of the same bytes, with its own time and permissions.

    Args:
        state: the file as it was.
        source: a file of the same bytes.
        link: inode of what stands in the place; None if nothing does.
        note_copy: called with the inode of the new file before it gets its name.

    Raises:
        OSError: the place is taken by something else, also by what was linked and then edited, or
            the bytes are gone.
    """
    if _inode(state.path) != link:
        raise OSError(errno.EBUSY, "was replaced since", state.path)
    try:
        with Path(source).open("rb") as reader, Path(part).open("xb") as writer:
            step("part created")
            shutil.copyfileobj(reader, writer, 1 << 20)
            writer.flush()
            os.chmod(part, state.mode)
            os.utime(part, ns=(state.mtime_ns, state.mtime_ns))
            os.fsync(writer.fileno())
        if digest_file(part) != state.digest:
            raise OSError(errno.ENODATA, f"{source!r} no longer has its bytes", state.path)
        step("copied")
        note_copy(os.lstat(part).st_ino)
        if link is not None:
            rename_exclusively(state.path, aside, step=step)
            if not os.path.islink(aside) and digest_file(aside) != state.digest:
                raise OSError(errno.EBUSY, "was edited since", state.path)
        rename_exclusively(part, state.path, step=step)
    except BaseException:
        with suppress(OSError):
            if _inode(state.path) is None and _inode(aside) == link:
                rename_exclusively(aside, state.path)
        with suppress(OSError):
            os.unlink(part)
        raise
    sync_folder(os.path.dirname(state.path))
    _discard(aside)
    step("link removed")


def settle_recreated(state: FileState, *, part: str, aside: str, copied: int | None) -> bool:
    """Bring `recreate` to one of its two ends; return whether the file is back in its place."""
    here = _inode(state.path)
    if here is not None and here == copied:
        _discard(aside)  # the link
        _discard(part)  # a second name, where renaming is linking and unlinking
        return True
    if here is None and _inode(aside) is not None:
        rename_exclusively(aside, state.path)
    elif here is not None and here == _inode(aside):
        _discard(aside)
    _discard(part)
    return False


def _make_link(twin: FileState, state: FileState, kind: LinkKind, part: str) -> None:
    if kind == "symlink":
        os.symlink(twin.path, part)
        return
    try:
        if kind == "hardlink":
            os.link(twin.path, part, follow_symlinks=False)
        else:
            _share_blocks(twin.path, part)
            shutil.copystat(state.path, part)
    except OSError as error:
        if error.errno == errno.EXDEV:
            words = "lies on another file system than its keeper"
            raise OSError(errno.EXDEV, words, state.path) from error
        raise
    if kind == "reflink" and digest_file(part) != state.digest:
        raise OSError(errno.EIO, "the copy differs from the photo", part)


def _share_blocks(source: str, target: str) -> None:
    """Make a copy that shares its blocks with the source until one of the two is written to."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, "this system cannot share blocks between files", target)
    import fcntl

    with Path(source).open("rb") as reader, Path(target).open("xb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        except OSError as error:
            if error.errno in {errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS}:
                words = "this file system cannot share blocks between files"
                raise OSError(errno.ENOTSUP, words, target) from error
            raise
        os.fsync(writer.fileno())


def _set_aside(state: FileState, aside: str, step: Step) -> None:
    """Rename a file out of its place; it goes back there if it is not what was looked at."""
    require_unchanged(state)
    rename_exclusively(state.path, aside, step=step)
    trouble = what_changed(replace(state, path=aside), content=False)
    if trouble:
        rename_exclusively(aside, state.path)
        raise OSError(errno.EBUSY, trouble, state.path)
    step("aside")


def _leads_to(path: str, digest: str) -> bool:
    """Tell whether a file, or what a symbolic link leads to, has some content."""
    with suppress(OSError):
        return holds(os.path.realpath(path), digest)
    return False


def _taken(state: FileState, aside: str) -> OSError:
    return OSError(errno.EBUSY, f"is now another file; the photo is {aside!r}", state.path)


def _discard(path: str) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)


def _inode(path: str) -> int | None:
    try:
        return os.lstat(path).st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None
