"""Folders and lists of paths to image files. Reads names and `stat`; opens no image."""

from dedupe.files.trouble import DENIED, READ_ERROR, VANISHED
from dedupe.walk.listed import read_list
from dedupe.walk.roots import Walked, walk
from dedupe.walk.rules import BROKEN_LINK, UNREADABLE_FOLDER, WalkRules

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
