"""Check that the files of a report that differ from their keeper are pictures at all.

A report on disk can be edited: size, time and digest of any file fit a row that was written by
hand. A duplicate with other bytes than its keeper is acted on only if both decode.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dedupe.apply.plan import ActionGroup, LeftGroup, Plan
from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable, read
from dedupe.types import Photo, Report

_SIDE = 32  # edge of the square to decode to, pixels; a JPEG is then decoded at 1/8 scale
_WORKERS = 4  # decoding threads, each with one picture in memory


def refuse_other_files(plan: Plan, report: Report) -> Plan:
    """Return the plan without groups that have a file that does not decode; these are refused.

    Checks only what was read from a report on disk: a scan in this process has decoded its photos.
    """
    photos = {
        photo.path: photo
        for group in report.groups
        for photo in group.photos
        if not photo.file.inode
    }
    with ThreadPoolExecutor(_WORKERS) as pool:
        troubles = list(pool.map(lambda group: _find_trouble(group, photos), plan.groups))
    refused = [
        LeftGroup(group.keeper.path, trouble)
        for group, trouble in zip(plan.groups, troubles, strict=True)
        if trouble
    ]
    groups = [g for g, trouble in zip(plan.groups, troubles, strict=True) if not trouble]
    return replace(plan, groups=tuple(groups), refused=(*plan.refused, *refused))


def _find_trouble(group: ActionGroup, photos: dict[str, Photo]) -> str:
    """Return which file of a group does not decode, and why; empty if all do."""
    paths = [a.source for a in group.actions if not a.keeper and a.leader is None]
    for path in (group.keeper.path, *paths) if paths else ():
        if path not in photos:
            continue
        most = max(DEFAULT_MAX_PIXELS, photos[path].pixels)
        try:
            decode(read(path), side=_SIDE, max_pixels=most)
        except Unreadable as error:
            return f"{path} is not a picture that decodes: {error}"
    return ""
