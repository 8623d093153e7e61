"""Rank the contents of a group: which one were the others made from? Pure.

A score is antisymmetric by construction. The original of a group is the content that no other one
beats, or else that from which most others were made, in expectation.
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
    "cell", "chroma", "exceed", "fit", "fit_filtered", "rms", "rms_filtered", "rms_low",
    "structure",
)  # fmt: skip
_EXACT = ("cell", "fit", "fit_filtered")  # 0 if exact
_NEAR = 0.3  # what copies by known processes reach
_CONTENDERS = 8  # contents of a group that are compared with all others at most


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
    values += [_compare_exactness(e, name) for name in _EXACT]
    return np.array(values, np.float64)


def name_vector(evidence: Evidence) -> list[str]:
    """Return the name of each number of `to_vector`."""
    e = evidence
    parts = {"forward": e.forward, "backward": e.backward, "added": e.added, "removed": e.removed}
    names = [f"{part}.{name}" for part, numbers in parts.items() for name in sorted(numbers)]
    names += [f"file.{name}" for name in _OF_FILES]
    names += [f"{side}.{name}" for name in _ALONE for side in ("first", "second")]
    names += [f"gap.{name}" for name in _GAPS]
    return names + [f"exact.{name}" for name in _EXACT]


def _compare_exactness(evidence: Evidence, name: str) -> float:
    """Return how much nearer the second is to its own rounding than the first, log2; 0: equal.

    The number is 0 where the residual is that of the file's own rounding, neither more nor less.
    """
    there, back = (abs(numbers[name]) + _NEAR for numbers in (evidence.forward, evidence.backward))
    return math.log2(back / there)


def rank_contents(
    count: int, score: Callable[[int, int], float], likely: Sequence[int] | None = None
) -> list[int]:
    """Return the contents of a group from the most likely original to the least.

    The root is the content that no other one beats. If there is none, it is the content from which
    most others were made, in expectation: the sum over the others of 2 p - 1, with p the
    probability of the score. So one wrong score against the original cannot outweigh all others,
    however large the group. Contents that beat the best one so far are compared with all others,
    the strongest first, so that few comparisons suffice. The others are ordered by their score
    against the root; ties are broken by the given order.

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

    def rate(content: int) -> tuple[bool, float, int]:
        """Return whether none beats a content, and how many more are its copies than are not."""
        scores = [compare(content, other) for other in range(count) if other != content]
        return min(scores, default=0) >= 0, sum(math.tanh(s / 2) for s in scores), -content

    champion, *others = range(count) if likely is None else likely
    for other in others:
        if compare(champion, other) < 0:
            champion = other
    ratings = {champion: rate(champion)}
    best = champion
    while len(ratings) < _CONTENDERS:
        rivals = [c for c in range(count) if c not in ratings and compare(best, c) < 0]
        if not rivals:
            break
        rival = min(rivals, key=lambda c: (compare(best, c), c))
        ratings[rival] = rate(rival)
        best = max(ratings, key=ratings.__getitem__)
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
