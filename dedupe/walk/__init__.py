"""Folders and lists of paths to image files. Reads names and `stat`; opens no image."""

from dedupe.walk.folders import (
    BROKEN_LINK,
    DENIED,
    READ_ERROR,
    UNREADABLE_FOLDER,
    VANISHED,
    Walked,
    WalkRules,
    walk,
)
from dedupe.walk.listed import read_list

__all__ = [
    "BROKEN_LINK",
    "DENIED",
    "READ_ERROR",
    "UNREADABLE_FOLDER",
    "VANISHED",
    "WalkRules",
    "Walked",
    "read_list",
    "walk",
]
