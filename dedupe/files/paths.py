"""Relations between paths: by name, and through symbolic links."""

from __future__ import annotations

import os


def is_below(path: str, folder: str) -> bool:
    """Whether an absolute path lies in a folder, at any depth, going by the names alone."""
    return os.path.normcase(path).startswith(os.path.join(os.path.normcase(folder), ""))


def lies_in(path: str, folder: str) -> bool:
    """Whether an absolute path lies in a folder, at any depth, also by way of symbolic links."""
    return is_below(path, folder) or is_below(os.path.realpath(path), os.path.realpath(folder))
