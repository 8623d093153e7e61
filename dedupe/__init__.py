"""Find near-duplicate images, and never lose a photo.

From Python:

    import dedupe
    report = dedupe.scan("photos")
    for group in report.groups:
        print(group.keeper.path, [d.photo.path for d in group.duplicates])

docs/python.md documents every name. A name is loaded, with its numeric libraries, at its first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dedupe.errors import DedupeError
from dedupe.types import Duplicate, Group, Photo, Report, Skipped

if TYPE_CHECKING:
    from dedupe.apply.history import list_runs as list_runs
    from dedupe.apply.run import ApplyOptions as ApplyOptions
    from dedupe.apply.run import apply_report as apply_report
    from dedupe.apply.run import plan_report as plan_report
    from dedupe.apply.run import resume_run as resume_run
    from dedupe.apply.select import choose as select_duplicates
    from dedupe.apply.undo import undo as undo_run
    from dedupe.distributed import scan_with_ray as scan_with_ray
    from dedupe.encoder.runtime import open_encoder as open_encoder
    from dedupe.explain.explain import explain as explain_pair
    from dedupe.explain.neighbours import find_neighbours as find_neighbours
    from dedupe.explain.neighbours import find_neighbours as neighbours
    from dedupe.files.memory import open_dataset as open_dataset
    from dedupe.files.memory import open_images as open_images
    from dedupe.ignored.store import forget_files as forget_files
    from dedupe.ignored.store import ignore_files as ignore_files
    from dedupe.ignored.store import read_decisions as list_ignored
    from dedupe.pipeline import embed_images as embed_images
    from dedupe.pipeline import scan as scan
    from dedupe.pipeline.vectors import write_vectors as write_vectors
    from dedupe.report import read_report as read_report
    from dedupe.report import write_report as write_report
    from dedupe.siamese.build import make_encoder as train_encoder
    from dedupe.siamese.config import plan_for as plan_training
    from dedupe.siamese.evaluate import evaluate as evaluate_encoder
    from dedupe.siamese.own import calibrate_encoder as calibrate_encoder

_LAZY = {
    "ApplyOptions": "dedupe.apply.run:ApplyOptions",
    "apply_report": "dedupe.apply.run:apply_report",
    "calibrate_encoder": "dedupe.siamese.own:calibrate_encoder",
    "embed_images": "dedupe.pipeline:embed_images",
    "evaluate_encoder": "dedupe.siamese.evaluate:evaluate",
    "explain_pair": "dedupe.explain.explain:explain",
    "find_neighbours": "dedupe.explain.neighbours:find_neighbours",
    "forget_files": "dedupe.ignored.store:forget_files",
    "ignore_files": "dedupe.ignored.store:ignore_files",
    "list_ignored": "dedupe.ignored.store:read_decisions",
    "list_runs": "dedupe.apply.history:list_runs",
    "open_dataset": "dedupe.files.memory:open_dataset",
    "neighbours": "dedupe.explain.neighbours:find_neighbours",
    "open_encoder": "dedupe.encoder.runtime:open_encoder",
    "open_images": "dedupe.files.memory:open_images",
    "plan_report": "dedupe.apply.run:plan_report",
    "plan_training": "dedupe.siamese.config:plan_for",
    "read_report": "dedupe.report:read_report",
    "resume_run": "dedupe.apply.run:resume_run",
    "scan": "dedupe.pipeline:scan",
    "scan_with_ray": "dedupe.distributed:scan_with_ray",
    "select_duplicates": "dedupe.apply.select:choose",
    "train_encoder": "dedupe.siamese.build:make_encoder",
    "undo_run": "dedupe.apply.undo:undo",
    "write_report": "dedupe.report:write_report",
    "write_vectors": "dedupe.pipeline.vectors:write_vectors",
}

__all__ = [
    "ApplyOptions",
    "DedupeError",
    "Duplicate",
    "Group",
    "Photo",
    "Report",
    "Skipped",
    "apply_report",
    "calibrate_encoder",
    "embed_images",
    "evaluate_encoder",
    "explain_pair",
    "find_neighbours",
    "forget_files",
    "ignore_files",
    "list_ignored",
    "list_runs",
    "neighbours",
    "open_dataset",
    "open_encoder",
    "open_images",
    "plan_report",
    "plan_training",
    "read_report",
    "resume_run",
    "scan",
    "scan_with_ray",
    "select_duplicates",
    "train_encoder",
    "undo_run",
    "write_report",
    "write_vectors",
]


def __getattr__(name: str) -> Any:
    """Load a public function at its first use."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LAZY[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
