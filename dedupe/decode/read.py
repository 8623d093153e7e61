"""Read the bytes of image files.

Names every reason for which a file cannot be used. Does not know formats or pixels.
"""

from __future__ import annotations

import os
import stat
from typing import Literal

FileTrouble = Literal["vanished", "permission denied", "not a regular file", "read error"]
PictureTrouble = Literal[
    "empty file", "not an image", "unsupported format", "truncated or broken", "too many pixels"
]
Reason = Literal[FileTrouble, PictureTrouble, "out of memory"]

_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # opening a pipe without a writer then returns at once


class Unreadable(Exception):  # noqa: N818 - a state of one file, not an error of the run
    """A file that cannot be used: `reason` is shared by files, `detail` is one line."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        line = " ".join(detail.split())[:200]
        super().__init__(reason, line)
        self.reason: Reason = reason
        self.detail = line

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


def read(path: str) -> bytes:
    """Read a regular file. Never waits for a pipe or a device.

    Raises:
        Unreadable: with a `FileTrouble` or "out of memory".
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("not a regular file")
            return file.read()
    except MemoryError as error:
        raise Unreadable("out of memory") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Unreadable("vanished") from error
    except IsADirectoryError as error:
        raise Unreadable("not a regular file") from error
    except PermissionError as error:
        raise Unreadable("permission denied") from error
    except OSError as error:
        raise Unreadable("read error", error.strerror or str(error)) from error
