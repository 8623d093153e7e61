"""Find which of some copies is the original, and from which file each was made."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dedupe.errors import InputError
from dedupe.explain.explain import Seen, see
from dedupe.provenance.describe import describe_duplicate
from dedupe.provenance.evidence import Evidence
from dedupe.provenance.examiner import Examination, Examiner
from dedupe.provenance.rank import explain_score, find_parents, name_vector, to_vector
from dedupe.provenance.signs import sum_groups
from dedupe.types import FrameMatrix, ImageFile, Photo
from dedupe.verify.align import one_thread_each
from dedupe.verify.cascade import examine

_SIDE = 64  # of the squares that are read and not used, pixels


@dataclass(frozen=True, slots=True)
class Origin:
    """The evidence on which of two copies was made from the other."""

    score: float  # log-odds that the second was made from the first
    parts: Mapping[str, float]  # the share of each number; about their sum is the score
    evidence: Evidence | None  # None if the pixels cannot be compared

    @property
    def signs(self) -> dict[str, float]:
        """Return the log-odds of each kind of evidence, the largest first."""
        return sum_groups(self.parts)

    @property
    def numbers(self) -> dict[str, float]:
        """Return each number of the evidence by its name, empty without evidence."""
        if self.evidence is None:
            return {}
        values = to_vector(self.evidence).tolist()
        return dict(zip(name_vector(self.evidence), values, strict=True))


@dataclass(frozen=True, slots=True)
class Branch:
    """A picture in the tree, and how it was made from its parent."""

    path: str
    parent: int | None  # position in the tree; None for the original
    depth: int  # 0 for the original
    how: str  # words, separated by commas
    score: float  # log-odds that it was made from its parent; 0 for the original


def find_origin(first: Seen, second: Seen, frames: FrameMatrix | None) -> Origin:
    """Return the evidence on two copies.

    Args:
        frames: map from the frame of the second to that of the first; None if not aligned.

    Raises:
        InputError: one of the two has changed or vanished.
    """
    photos = [_to_photo(first), _to_photo(second)]
    maps = {} if frames is None else {second.digest: frames}
    examination = Examiner().open_group(photos, maps)
    evidence = examination.find_evidence(*photos)
    parts = explain_score(evidence, *photos)
    return Origin(examination.score(0, 1), parts, evidence)


def draw_tree(paths: Sequence[str | os.PathLike[str]]) -> list[Branch]:
    """Return how some copies of one picture were made from each other, the original first.

    Every picture is compared with every other one. A picture follows its parent.

    Args:
        paths: two or more files, the same bytes once at most.

    Raises:
        InputError: one cannot be read, repeats another, or is no copy of the first.
    """
    seen = [see(path, _SIDE) for path in paths]
    frames: dict[str, FrameMatrix] = {}
    for one in seen[1:]:
        with one_thread_each():
            verdict = examine(seen[0].features, one.features).verdict
        if one.digest in frames or one.digest == seen[0].digest:
            raise InputError(f"cannot place {one.path} in a tree: another file has the same bytes")
        if not verdict.is_copy:
            raise InputError(f"cannot place {one.path} in a tree: not a copy of {seen[0].path}")
        if verdict.matrix is not None:
            frames[one.digest] = verdict.matrix
    photos = [_to_photo(one) for one in seen]
    examination = Examiner().open_group(photos, frames)
    root, *rest = examination.rank()
    older = {c: sum(examination.score(o, c) > 0 for o in (root, *rest) if o != c) for c in rest}
    order = [root, *sorted(rest, key=older.__getitem__)]  # by the number of those that are older

    def error(parent: int, child: int) -> float:
        evidence = examination.find_evidence(photos[parent], photos[child])
        return evidence.forward["rms_filtered"] if evidence else math.inf

    return _follow(photos, examination, order, find_parents(order, error))


def _follow(
    photos: Sequence[Photo],
    examination: Examination,
    order: Sequence[int],
    parents: Mapping[int, int],
) -> list[Branch]:
    """Return the branches of a tree, each parent before its children, in the given order."""
    branches: list[Branch] = []

    def add(content: int, parent: int | None, depth: int) -> None:
        place, how, score = len(branches), "", 0.0
        if parent is not None:
            above, mine = photos[parents[content]], photos[content]
            how = describe_duplicate(examination.find_evidence(above, mine), above, mine).how
            score = examination.score(parents[content], content)
        branches.append(Branch(photos[content].path, parent, depth, how, score))
        for child in order:
            if parents.get(child) == content:
                add(child, place, depth + 1)

    add(order[0], None, 0)
    return branches


def _to_photo(seen: Seen) -> Photo:
    try:
        found = os.stat(seen.path)
    except OSError as error:
        raise InputError(f"cannot read {seen.path}: {error.strerror}") from error
    file = ImageFile(
        seen.path, 0, found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino, found.st_nlink
    )
    return Photo(file, seen.width, seen.height, seen.format, seen.digest, seen.facts)
