"""Compare two reports. Opens none."""

from __future__ import annotations

from dataclasses import replace

from dedupe.types import Report


def new_since(earlier: Report | None, report: Report) -> Report:
    """Return a report without the duplicates that an earlier one lists, and without empty groups.

    The earlier report lists a duplicate if it has a duplicate of the same path and digest, with
    any keeper. A file that was a keeper then, or had another path, is new.

    Args:
        earlier: None if there is none: every duplicate is new.
        report: the later one.
    """
    listed = earlier.duplicates if earlier else ()
    known = {(duplicate.photo.path, duplicate.photo.digest) for duplicate in listed}
    groups = []
    for group in report.groups:
        fresh = tuple(d for d in group.duplicates if (d.photo.path, d.photo.digest) not in known)
        if fresh:
            groups.append(replace(group, duplicates=fresh))
    return replace(report, groups=tuple(groups))
