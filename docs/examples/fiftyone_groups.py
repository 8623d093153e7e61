"""Load the groups of a report into FiftyOne: fields dedupe_group, dedupe_role and dedupe_kind."""

from __future__ import annotations

import sys
from typing import Any

import dedupe


def tag_groups(dataset: Any, report: str) -> int:
    """Set the fields of every sample that a report lists; return how many there are."""
    rows = {row["path"]: row for row in dedupe.read_report(report).to_arrow().to_pylist()}
    tagged = 0
    for sample in dataset.iter_samples(autosave=True):
        row = rows.get(sample.filepath)
        if row is not None:
            sample["dedupe_group"] = row["group"]
            sample["dedupe_role"] = row["role"]
            sample["dedupe_kind"] = row["kind"] or None
            tagged += 1
    return tagged


if __name__ == "__main__":
    import fiftyone

    images = fiftyone.Dataset.from_images_dir(sys.argv[1])
    print(tag_groups(images, sys.argv[2]), "samples are in groups")
    fiftyone.launch_app(images).wait()
