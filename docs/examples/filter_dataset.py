"""Remove near-duplicates from a Hugging Face data set with a column of images."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import dedupe


def drop_duplicates(dataset: Any, column: str = "image", **options: Any) -> Any:
    """Return the rows of a data set without those with a duplicate of another row's image.

    Args:
        dataset: a `datasets.Dataset`.
        column: of the images, of type `datasets.Image`.
        options: of `dedupe.scan`, for example `sensitivity="strict"`.
    """
    with tempfile.TemporaryDirectory() as folder:
        for number, row in enumerate(dataset.select_columns([column])):
            row[column].save(Path(folder, f"{number:09}.png"))
        report = dedupe.scan(folder, index=None, **options)
    dropped = {int(Path(duplicate.photo.path).stem) for duplicate in report.duplicates}
    return dataset.select([row for row in range(len(dataset)) if row not in dropped])
