"""The report as one HTML page for a person, with thumbnails and filters, without a server.

Up to `INLINE_GROUPS` groups the page holds its thumbnails; beyond, they lie in a folder beside it.
"""

from __future__ import annotations

import base64
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader

from dedupe.decode.preview import encode_preview
from dedupe.decode.read import Unreadable
from dedupe.errors import ReportError, UsageError
from dedupe.files.marks import HTML_MARK
from dedupe.files.paths import path_text
from dedupe.files.replace import replace_file
from dedupe.report.fact_words import facts_to_words
from dedupe.threads import map_threads
from dedupe.types import Duplicate, Group, Photo, Report

INLINE_GROUPS = 300
"""The largest number of groups with thumbnails inside the page itself."""

THUMBNAIL = 320  # longer side, pixels
_FOLDER_MARK = ".dedupe-thumbnails"  # a file in every folder of thumbnails
_BATCH = 64  # thumbnails made at a time

Link = Callable[[Photo], str]


def html_lines(
    report: Report,
    *,
    path: str = "",
    facts: Mapping[str, str] | None = None,
    new_keepers: Collection[str] = (),
    max_pixels: int = 0,
) -> Iterator[bytes]:
    """Give the parts of a report as an HTML page.

    Args:
        path: where the page is written; "" if it is streamed, which keeps the thumbnails inline.
        facts: what was scanned, when and how: lines of the head, in order.
        new_keepers: keepers of the groups that the last report did not list; they come first.
        max_pixels: larger images get no thumbnail; 0 for no limit.

    Raises:
        ReportError: a thumbnail cannot be written.
        UsageError: the folder for thumbnails exists and holds something else.
    """
    environment = Environment(loader=PackageLoader("dedupe.report"), autoescape=True)
    environment.filters |= {"size": _size, "time": _time, "readable": path_text}
    inline = not path or len(report.groups) <= INLINE_GROUPS
    folder = "" if inline else prepare_folder(path)
    ordered = sorted(enumerate(report.groups, 1), key=lambda g: g[1].keeper.path not in new_keepers)
    yield HTML_MARK
    page = environment.get_template("report.html").generate(
        report=report,
        facts=dict(facts or {}),
        kinds=sorted(Counter(d.kind for d in report.duplicates).items()),
        groups=_views(ordered, new_keepers, folder, max_pixels),
    )
    for part in page:
        yield part.encode("utf-8", "replace")


def prepare_folder(path: str) -> str:
    """Create the folder for the thumbnails of a page, or return the one of an earlier page.

    Raises:
        ReportError: it cannot be created.
        UsageError: it exists and dedupe did not create it.
    """
    folder = f"{os.path.splitext(path)[0]}_files"
    mark = os.path.join(folder, _FOLDER_MARK)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not os.path.exists(mark):
            if os.listdir(folder):
                raise UsageError(f"cannot write thumbnails to {folder}: it holds other files")
            Path(mark).touch()
    except OSError as error:
        raise ReportError(f"cannot write thumbnails to {folder}: {error.strerror}") from error
    return folder


def _views(
    ordered: list[tuple[int, Group]], new_keepers: Collection[str], folder: str, max_pixels: int
) -> Iterator[dict[str, Any]]:
    """Give what the page shows of each group, with thumbnails made in batches on all cores."""

    def link(photo: Photo) -> str:
        return _link(photo, folder, max_pixels)

    for start in range(0, len(ordered), _BATCH):
        part = ordered[start : start + _BATCH]
        photos = [photo for _, group in part for photo in group.photos]
        links = iter(list(map_threads(link, photos)))
        for number, group in part:
            yield {
                "number": number,
                "new": group.keeper.path in new_keepers,
                "reason": group.reason,
                "bytes": sum(d.photo.file.size for d in group.duplicates),
                "kinds": " ".join(sorted({d.kind for d in group.duplicates})),
                "how": " ".join(d.how for d in group.duplicates),
                "keeper": _view(group.keeper, None, group.keeper, next(links)),
                "duplicates": [
                    _view(d.photo, d, group.keeper, next(links)) for d in group.duplicates
                ],
            }


def _view(photo: Photo, related: Duplicate | None, keeper: Photo, link: str) -> dict[str, Any]:
    """Return what the page shows of one file."""
    differs = {
        "pixels": (photo.width, photo.height) != (keeper.width, keeper.height),
        "bytes": photo.file.size != keeper.file.size,
        "format": photo.format != keeper.format,
        "time": photo.file.mtime_ns != keeper.file.mtime_ns,
    }
    return {
        "photo": photo,
        "facts": facts_to_words(photo.facts),
        "name": os.path.basename(photo.path),
        "folder": os.path.dirname(photo.path),
        "link": link,
        "related": related,
        "differs": differs,
        "matrix": _css(related) if related else "",
    }


def _css(related: Duplicate) -> str:
    """Return the map of frames as CSS `matrix3d`, between boxes of 100 units; "" if unknown."""
    frames = related.matrix
    if frames is None:
        return "" if related.kind != "exact" else "matrix3d(1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1)"
    a, b, c, d, e, f, g, h, i = frames
    unit = 100.0
    numbers = (a, d, 0, g / unit, b, e, 0, h / unit, 0, 0, 1, 0, c * unit, f * unit, 0, i)
    return f"matrix3d({','.join(f'{number:.6g}' for number in numbers)})"


def _link(photo: Photo, folder: str, max_pixels: int) -> str:
    """Return the address of a thumbnail, which is made if needed; "" if it cannot be made."""
    target = os.path.join(folder, f"{photo.digest}.webp") if folder else ""
    if target and os.path.exists(target):
        return _relative(target)
    try:
        data = encode_preview(photo, THUMBNAIL, max_pixels=max_pixels, format="WEBP")
    except Unreadable:
        return ""
    if not target:
        return f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}"
    try:
        replace_file(target, [data])
    except OSError as error:
        raise ReportError(f"cannot write {target}: {error.strerror}") from error
    return _relative(target)


def _relative(target: str) -> str:
    folder, name = os.path.split(target)
    return quote(os.fsencode(os.path.basename(folder))) + "/" + name


def _size(count: float) -> str:
    """Return a number of bytes in words."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _time(mtime_ns: int) -> str:
    """Return a modification time in the local time zone, to the minute."""
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return "unknown"
