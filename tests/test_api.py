"""What `import dedupe` offers."""

from __future__ import annotations

import dedupe


def test_the_public_names_are_the_documented_ones() -> None:
    assert dedupe.__all__ == [
        "DedupeError",
        "Duplicate",
        "Group",
        "Photo",
        "Report",
        "Skipped",
        "scan",
    ]


def test_every_public_name_can_be_used() -> None:
    assert all(getattr(dedupe, name).__module__.startswith("dedupe.") for name in dedupe.__all__)
