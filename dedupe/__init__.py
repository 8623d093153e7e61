"""Find near-duplicate images, and never lose a photo.

From Python:

    import dedupe
    report = dedupe.scan("photos")
    for group in report.groups:
        print(group.keeper.path, [d.photo.path for d in group.duplicates])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dedupe.errors import DedupeError
from dedupe.types import Duplicate, Group, Photo, Report, Skipped

if TYPE_CHECKING:
    from dedupe.pipeline import scan as scan

__all__ = ["DedupeError", "Duplicate", "Group", "Photo", "Report", "Skipped", "scan"]


def __getattr__(name: str) -> Any:
    """Load the pipeline, with its numeric libraries, when it is first asked for."""
    if name == "scan":
        from dedupe.pipeline import scan

        return scan
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
