"""What a report says that an earlier one did not. Pure: compares reports, opens none."""

from __future__ import annotations

from dataclasses import replace

from dedupe.types import Report


def news_since(earlier: Report | None, report: Report) -> Report:
    """Return a report without the duplicates that an earlier one lists, and without empty groups.

    A duplicate is known if the earlier report calls the same path with the same digest a duplicate,
    whichever its keeper was. A file that was kept then, or lay elsewhere, is news.

    Args:
        earlier: None where there is none, so that everything is new.
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
