"""Find roots that lost every file of an earlier report: an unmounted disk.

Reads the names of files on disk. Does not know what becomes of the report.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from dedupe.files.paths import is_below
from dedupe.types import Report


def find_lost_roots(earlier: Report, roots: Iterable[str]) -> dict[str, int]:
    """Count the files that an earlier report lists below each root that lost all of them.

    Args:
        earlier: the report of an earlier scan.
        roots: absolute paths of the roots in which a scan found no image now.

    Returns:
        Number of listed files by root; without roots that have a listed file left, or never had
        one.
    """
    listed = [group.keeper.path for group in earlier.groups]
    listed += [duplicate.photo.path for duplicate in earlier.duplicates]
    lost: dict[str, int] = {}
    for root in roots:
        paths = [path for path in listed if path == root or is_below(path, root)]
        if paths and not any(os.path.lexists(path) for path in paths):
            lost[root] = len(paths)
    return lost
