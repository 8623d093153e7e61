"""Relations between paths, by name and through symbolic links, and their text."""

from __future__ import annotations

import enum
import os
from typing import Final

StrPath = str | os.PathLike[str]


class UserFile(enum.Enum):
    """The type of `USER_FILE`."""

    USER_FILE = "the file of the user"


USER_FILE: Final = UserFile.USER_FILE
"""In place of a path: the file in the user's own folders (index, ignored pairs)."""


def is_below(path: str, folder: str) -> bool:
    """Return whether an absolute path is below a folder, by the names alone."""
    return os.path.normcase(path).startswith(os.path.join(os.path.normcase(folder), ""))


def lies_in(path: str, folder: str) -> bool:
    """Return whether an absolute path is below a folder, also with symbolic links resolved."""
    return is_below(path, folder) or is_below(os.path.realpath(path), os.path.realpath(folder))


def path_text(path: str) -> str:
    """Return a path as text for a page: bytes that are not UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")
