"""Find out whether a scan takes one of two pictures for one that shows the other inside it.

Runs the scan itself on the two files. Has no words for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from dedupe.encoder.manifest import BUILT_IN
from dedupe.explain.explain import Explanation
from dedupe.files.paths import USER_FILE, StrPath, UserFile
from dedupe.pipeline import scan
from dedupe.types import FrameMatrix


@dataclass(frozen=True, slots=True)
class Inside:
    """A picture that lies inside the other one of a pair."""

    first_is_outer: bool  # the second lies inside the first
    how: str  # as in the report of a scan
    matrix: FrameMatrix | None  # the map from the outer frame to the inner one, sides of 1


def find_inside(
    found: Explanation,
    *,
    encoder: StrPath = BUILT_IN,
    ignored: StrPath | UserFile | None = USER_FILE,
) -> Inside | None:
    """Return how one picture lies inside the other one for a scan; None if it does not.

    Args:
        found: two pictures that are no copies as a whole.
        encoder: the encoder of the scan: a folder, or a name as `--encoder` takes it.
        ignored: file of the pairs that a person ruled out; None for none.

    Raises:
        InputError: a file is gone.
        EncoderError: the encoder cannot be used.
    """
    if found.is_copy or found.ignored:
        return None
    report = scan(
        *(found.first.path, found.second.path),
        encoder=os.fspath(encoder),
        device="cpu",
        sensitivity=found.sensitivity,
        ignored=ignored,
        index=None,
    )
    outer = next(iter(report.duplicates), None)
    if outer is None:
        return None
    return Inside(outer.photo.digest == found.first.digest, outer.how, outer.matrix)
