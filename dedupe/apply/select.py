"""Select duplicates of a report, and check the limits of a plan. Touches no file."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Collection, Sequence
from dataclasses import replace

from dedupe.apply.plan import Plan
from dedupe.errors import ApplyError, UsageError
from dedupe.types import Duplicate, Kind, Report


def choose(
    report: Report,
    *,
    kinds: Collection[Kind] = (),
    max_distance: float | None = None,
    select: Sequence[str] = (),
) -> Report:
    """Return the report with the selected duplicates only, without groups that have none left.

    Args:
        kinds: duplicates of these kinds; none for all.
        max_distance: duplicates at this distance to their keeper or closer, in [0, 2].
        select: globs; duplicates with a name or an absolute path that fits one of them.
    """

    def wanted(duplicate: Duplicate) -> bool:
        path = duplicate.photo.path
        return (
            (not kinds or duplicate.kind in kinds)
            and (max_distance is None or duplicate.distance <= max_distance)
            and (not select or any(fits(path, glob) for glob in select))
        )

    chosen = ((group, tuple(filter(wanted, group.duplicates))) for group in report.groups)
    groups = tuple(replace(group, duplicates=some) for group, some in chosen if some)
    return replace(report, groups=groups)


def fits(path: str, glob: str) -> bool:
    """Return whether a glob fits the name or the whole path of a file; `*` also fits slashes."""
    return fnmatch.fnmatchcase(os.path.basename(path), glob) or fnmatch.fnmatchcase(path, glob)


def check_limits(
    plan: Plan, images: int, *, max_actions: int | None = None, max_fraction: float | None = None
) -> None:
    """Reject a plan that would remove more photos than a limit.

    Args:
        images: number of images of the scan; 0 if the report does not contain it.
        max_actions: largest number of photos, sidecars not counted.
        max_fraction: largest share of the pictures, in [0, 1].

    Raises:
        ApplyError: the plan exceeds a limit.
        UsageError: the share cannot be computed.
    """
    count = sum(action.leader is None for action in plan.actions)
    if max_actions is not None and count > max_actions:
        raise _too_many(f"{count} photos, more than the {max_actions} of --max-actions")
    if max_fraction is None or not count:
        return
    if not images:
        raise UsageError(
            "--max-fraction needs the number of scanned images, which this report does not "
            "contain: scan again, or use --max-actions"
        )
    if count > max_fraction * images:
        raise _too_many(
            f"{count} of {images} photos, more than the {max_fraction:g} of --max-fraction"
        )


def _too_many(what: str) -> ApplyError:
    return ApplyError(
        f"this would remove {what}: nothing was touched; check the report, and apply it with a "
        "higher limit if it is right"
    )
