"""Name the trouble that the system has with one file, in the words of a skipped file."""

from __future__ import annotations

from typing import Final, Literal

VANISHED: Final = "vanished"
DENIED: Final = "permission denied"
NOT_REGULAR: Final = "not a regular file"
READ_ERROR: Final = "read error"

SystemTrouble = Literal["vanished", "permission denied", "not a regular file", "read error"]


def name_trouble(error: OSError) -> SystemTrouble:
    """Return the reason for which a file is skipped if the system raises an error for it."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return VANISHED
    if isinstance(error, IsADirectoryError):
        return NOT_REGULAR
    return DENIED if isinstance(error, PermissionError) else READ_ERROR
