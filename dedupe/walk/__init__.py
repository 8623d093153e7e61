"""Folders and lists of paths to image files. Reads names and `stat`; opens no image."""

from dedupe.walk.listed import read_list
from dedupe.walk.roots import Walked, walk
from dedupe.walk.rules import (
    BROKEN_LINK,
    DENIED,
    READ_ERROR,
    UNREADABLE_FOLDER,
    VANISHED,
    WalkRules,
)

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
