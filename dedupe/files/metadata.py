"""Owner, permissions, times and extended attributes (with the ACLs) of a file."""

from __future__ import annotations

import base64
import os
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from dedupe.files.system import system

_FOLLOWS = os.utime not in os.supports_follow_symlinks
_OF_THE_SYSTEM = ("security.", "trusted.")
"""Attributes that a security module sets by its own rules; dedupe adds them, never removes them."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file has beside its name and content."""

    mode: int  # permission bits
    uid: int
    gid: int
    atime_ns: int  # nanoseconds since the epoch
    mtime_ns: int  # nanoseconds since the epoch
    attributes: Mapping[str, str]  # extended attributes, values in base64; Linux keeps ACLs here


def read_metadata(path: str) -> Metadata:
    """Read the metadata of a file, symbolic links not followed.

    Raises:
        OSError: the file does not exist or cannot be accessed.
    """
    found = os.lstat(path)
    return Metadata(
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        atime_ns=found.st_atime_ns,
        mtime_ns=found.st_mtime_ns,
        attributes=_read_attributes(path),
    )


def restore_metadata(path: str, wanted: Metadata) -> None:
    """Give a regular file the metadata that it had; make no call for what it has already.

    Rights may be missing (only root gives files away) and file systems may lack attributes: such
    a part is left as it is.

    Raises:
        OSError: the file does not exist.
    """
    now = read_metadata(path)
    if sys.platform != "win32" and (now.uid, now.gid) != (wanted.uid, wanted.gid):
        _try(path, lambda: os.chown(path, wanted.uid, wanted.gid, follow_symlinks=False))
    if now.attributes != wanted.attributes:
        _restore_attributes(path, now.attributes, wanted.attributes)
    found = os.lstat(path).st_mode  # a new owner or ACL may have changed it
    if stat.S_ISREG(found) and stat.S_IMODE(found) != wanted.mode:
        _try(path, lambda: os.chmod(path, wanted.mode))
    if now.mtime_ns != wanted.mtime_ns:
        times = (wanted.atime_ns, wanted.mtime_ns)
        _try(path, lambda: os.utime(path, ns=times, follow_symlinks=_FOLLOWS))


def _restore_attributes(path: str, now: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    if sys.platform != "linux":
        return
    for name in now.keys() - wanted.keys():
        if not name.startswith(_OF_THE_SYSTEM):
            _try(path, partial(os.removexattr, path, name, follow_symlinks=False))
    for name, value in wanted.items():
        if now.get(name) != value:
            data = base64.b64decode(value)
            _try(path, partial(os.setxattr, path, name, data, follow_symlinks=False))


def _read_attributes(path: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    if sys.platform == "linux":
        with suppress(OSError):  # the file system has none
            for name in sorted(os.listxattr(path, follow_symlinks=False)):
                with suppress(OSError):  # not readable for this user, or just removed
                    value = os.getxattr(path, name, follow_symlinks=False)
                    attributes[name] = base64.b64encode(value).decode("ascii")
    return attributes


def _try(path: str, call: Callable[[], object]) -> None:
    with suppress(OSError):
        system.change(path, call)
