"""Rank the contents of a group: which one were the others made from? Pure.

A score is antisymmetric by construction. The original of a group is the content that no other one
beats, or else the one with the largest sum of scores against all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dedupe.provenance import earlier, single
from dedupe.provenance.evidence import Evidence
from dedupe.provenance.forest import load_forest
from dedupe.types import Photo

CAMERA, CAPTURED, LOCATED, MAKER_NOTE = 1.5, 0.5, 0.5, 0.5
"""Log-odds that a file with these metadata was not made from one without: programs drop them, and
hardly any program adds them. Small beside the pixels, which reach 10."""
EDITED = {"editor": 1.0, "derived": 1.0, "other_thumbnail": 1.5}
"""Log-odds that a camera's file with these traces of an editor was made from a camera's file
without. Nothing is known of a file without metadata: it may have lost them."""
LARGER = 0.5
"""Log-odds for each doubling of the pixels, with and without evidence on them. A reduced copy that
stays loses detail for good, an enlarged copy takes space only. So the larger file stays if the
evidence is about even, as in smooth pictures."""

_OF_FILES = (*sorted(single.NAMES), *earlier.NAMES)
_ALONE = ("quality", "jpeg")  # of a single file that count beside their difference
_GAPS = (
    "cell", "chroma", "exceed", "fit", "fit_filtered", "miss_size", "rms", "rms_filtered",
    "rms_high", "rms_low", "structure",
)  # fmt: skip
_ADDED: tuple[str, ...] = ("changed_alone",)
_EXACT = ("cell", "fit", "fit_filtered")  # 0 if exact
_NEAR = 0.3  # what copies by known processes reach
_MISSED = 0.05  # share of the values that misses its cell although the step is exact
_PATIENCE = 3  # contents that are compared with all others in vain before the best one is taken


def score_pair(evidence: Evidence | None, first: Photo, second: Photo) -> float:
    """Return the log-odds that the second of two contents was made from the first.

    Args:
        evidence: None if the pixels could not be compared.

    Returns:
        Positive if the first is the better original. Flipping the pair flips the sign.
    """
    score = sum(_weigh_metadata(evidence, first, second).values())
    if evidence is not None:
        forest = load_forest()
        score += forest.evaluate(to_vector(evidence)) - forest.evaluate(to_vector(evidence.flip()))
    return score


def _weigh_metadata(evidence: Evidence | None, first: Photo, second: Photo) -> dict[str, float]:
    """Return the log-odds of each difference of the metadata and the size, by its name."""
    here, there = first.facts, second.facts
    parts = {"camera": CAMERA * (here.camera - there.camera)}
    parts["capture date"] = CAPTURED * (here.captured - there.captured)
    parts["GPS position"] = LOCATED * (here.located - there.located)
    parts["file.size"] = LARGER * (math.log2(first.pixels) - math.log2(second.pixels))
    if evidence is None:
        return parts
    a, b = evidence.first, evidence.second
    parts["maker note"] = MAKER_NOTE * (a["maker_note"] - b["maker_note"])
    if here.camera and there.camera:
        parts |= {name: weight * (b[name] - a[name]) for name, weight in EDITED.items()}
    return parts


def explain_score(evidence: Evidence | None, first: Photo, second: Photo) -> dict[str, float]:
    """Return the parts of `score_pair` by the name of their evidence; their sum is the score.

    The share of a number is the change of the forest's mean along the branches that compare it
    (Saabas 2014), in log-odds: positive if it points to the second as the copy.
    """
    parts = _weigh_metadata(evidence, first, second)
    if evidence is None:
        return parts
    forest, names = load_forest(), name_vector(evidence)
    forward = forest.explain(to_vector(evidence))
    backward = forest.explain(to_vector(evidence.flip()))
    for i, name in enumerate(names):
        parts[name] = float(forward[i])
    for i, name in enumerate(names):
        parts[_flip_name(name)] -= float(backward[i])
    return parts


_FLIPPED = {"forward": "backward", "added": "removed", "first": "second"}
_FLIPPED |= {value: key for key, value in _FLIPPED.items()}


def _flip_name(name: str) -> str:
    """Return the name that a number has in the evidence on the flipped pair."""
    part, own = name.split(".", 1)
    return f"{_FLIPPED.get(part, part)}.{own}"


def to_vector(evidence: Evidence) -> NDArray[np.float64]:
    """Return the numbers that the forest compares, (F,)."""
    e = evidence
    values = [
        numbers[name]
        for numbers in (e.forward, e.backward, e.added, e.removed)
        for name in sorted(numbers)
    ]
    values += [e.second[name] - e.first[name] for name in _OF_FILES]
    values += [numbers[name] for name in _ALONE for numbers in (e.first, e.second)]
    values += [e.forward[name] - e.backward[name] for name in _GAPS]
    values += [e.added[name] - e.removed[name] for name in _ADDED]
    values += [_compare_sizes(e, name) for name in _EXACT]
    return np.array([*values, _compare_misses(e)], np.float64)


def name_vector(evidence: Evidence) -> list[str]:
    """Return the name of each number of `to_vector`."""
    e = evidence
    parts = {"forward": e.forward, "backward": e.backward, "added": e.added, "removed": e.removed}
    names = [f"{part}.{name}" for part, numbers in parts.items() for name in sorted(numbers)]
    names += [f"file.{name}" for name in _OF_FILES]
    names += [f"{side}.{name}" for name in _ALONE for side in ("first", "second")]
    names += [f"gap.{name}" for name in (*_GAPS, *_ADDED)]
    return [*names, *(f"exact.{name}" for name in _EXACT), "exact.miss"]


def _compare_sizes(evidence: Evidence, name: str) -> float:
    """Return how much nearer the second is to its own rounding than the first, log2; 0: equal.

    The number is 0 where the residual is that of the file's own rounding, neither more nor less.
    """
    there, back = (abs(numbers[name]) + _NEAR for numbers in (evidence.forward, evidence.backward))
    return math.log2(back / there)


def _compare_misses(evidence: Evidence) -> float:
    """Return how much more exactly the second follows from the first than the reverse, log2.

    The ratio of the shares of values that miss their cells, see `rounding.compare_cells`.
    """
    there, back = (numbers["miss"] + _MISSED for numbers in (evidence.forward, evidence.backward))
    return math.log2(back / there)


def rank_contents(
    count: int, score: Callable[[int, int], float], likely: Sequence[int] | None = None
) -> list[int]:
    """Return the contents of a group from the most likely original to the least.

    The root is the content that no other one beats. If there is none, it is the content from which
    the group as a whole was made most likely: the sum of its scores against all others. So one
    wrong pair, or one kind of copy that is judged wrongly, does not decide. The contents that the
    scores so far favour most are compared with all others, until `_PATIENCE` of them are not
    better than the best. The others are ordered by their score against the root; ties are broken
    by the given order.

    Args:
        count: contents, numbered from 0 in the order of the tie-break.
        score: log-odds that the second of two contents was made from the first.
        likely: the contents in the order in which they are tried; None for that of their numbers.
            If the original is the first, each other content is compared once.
    """
    known: dict[tuple[int, int], float] = {}

    def compare(a: int, b: int) -> float:
        if (a, b) not in known:
            known[a, b] = score(a, b)
            known[b, a] = -known[a, b]
        return known[a, b]

    def rate(content: int) -> tuple[float, int]:
        """Return the log-odds that all others were made from a content."""
        return sum(compare(content, other) for other in range(count) if other != content), -content

    def favour(content: int) -> tuple[float, int]:
        """Return the sum of the scores of a content against those that are rated."""
        return sum(compare(content, other) for other in ratings), -content

    champion, *others = range(count) if likely is None else likely
    for other in others:
        if compare(champion, other) < 0:
            champion = other
    ratings = {champion: rate(champion)}
    best, idle = champion, 0  # contents rated since the best one
    while idle < _PATIENCE and any(compare(best, c) < 0 for c in range(count) if c != best):
        rivals = [c for c in range(count) if c not in ratings]
        if not rivals:
            break
        rival = max(rivals, key=favour)
        ratings[rival] = rate(rival)
        best, idle = (rival, 0) if ratings[rival] > ratings[best] else (best, idle + 1)
    rest = [content for content in range(count) if content != best]
    return [best, *sorted(rest, key=lambda content: (compare(best, content), content))]


def find_parents(order: Sequence[int], error: Callable[[int, int], float]) -> dict[int, int]:
    """Return the parent of each content but the first: the one before it that predicts it best.

    Args:
        order: contents from the original on.
        error: size of what is left if the second content is predicted from the first.
    """
    parents: dict[int, int] = {}
    for place, content in enumerate(order[1:], start=1):
        parents[content] = min(order[:place], key=lambda other: error(other, content))
    return parents
