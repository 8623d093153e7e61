"""Rank the contents of a group: which one were the others made from? Pure.

A score is antisymmetric by construction. The original of a group is the root that makes all pairs
most likely.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.evidence import Evidence
from dedupe.provenance.forest import load_forest
from dedupe.types import Facts

CAMERA, CAPTURED, LOCATED = 1.5, 0.5, 0.5
"""Log-odds that a file with these metadata was not made from one without: programs drop them, and
hardly any program adds them. Small beside the pixels, which reach 10."""

_ALONE = ("quality", "jpeg")  # of a single file that count beside their difference
_CONTENDERS = 8  # contents of a group that are compared with all others at most


def score_pair(evidence: Evidence | None, first: Facts, second: Facts) -> float:
    """Return the log-odds that the second of two contents was made from the first.

    Args:
        evidence: None if the pixels could not be compared.

    Returns:
        Positive if the first is the better original. Flipping the pair flips the sign.
    """
    score = _weigh(first) - _weigh(second)
    if evidence is not None:
        forest = load_forest()
        score += forest.evaluate(to_vector(evidence)) - forest.evaluate(to_vector(evidence.flip()))
    return score


def _weigh(facts: Facts) -> float:
    return CAMERA * facts.camera + CAPTURED * facts.captured + LOCATED * facts.located


def to_vector(evidence: Evidence) -> NDArray[np.float64]:
    """Return the numbers that the forest compares, (F,)."""
    e = evidence
    values = [
        numbers[name]
        for numbers in (e.forward, e.backward, e.added, e.removed)
        for name in sorted(numbers)
    ]
    values += [e.second[name] - e.first[name] for name in sorted(e.first)]
    values += [numbers[name] for name in _ALONE for numbers in (e.first, e.second)]
    return np.array(values, np.float64)


def name_vector(evidence: Evidence) -> list[str]:
    """Return the name of each number of `to_vector`."""
    e = evidence
    parts = {"forward": e.forward, "backward": e.backward, "added": e.added, "removed": e.removed}
    names = [f"{part}.{name}" for part, numbers in parts.items() for name in sorted(numbers)]
    names += [f"file.{name}" for name in sorted(e.first)]
    return names + [f"{side}.{name}" for name in _ALONE for side in ("first", "second")]


def rank_contents(count: int, score: Callable[[int, int], float]) -> list[int]:
    """Return the contents of a group from the most likely original to the least.

    Every content that may be the original is compared with all others; the others are ordered by
    their score against the best. Ties are broken by the given order.

    Args:
        count: contents, numbered from 0 in the order of the tie-break.
        score: log-odds that the second of two contents was made from the first.
    """
    known: dict[tuple[int, int], float] = {}

    def compare(a: int, b: int) -> float:
        if (a, b) not in known:
            known[a, b] = score(a, b)
            known[b, a] = -known[a, b]
        return known[a, b]

    champion = 0
    for other in range(1, count):
        if compare(champion, other) < 0:
            champion = other
    contenders = [champion]
    likelihood: dict[int, float] = {}
    while contenders and len(likelihood) < _CONTENDERS:
        content = contenders.pop(0)
        scores = [compare(content, other) for other in range(count) if other != content]
        likelihood[content] = sum(_log_sigmoid(s) for s in scores)
        beaten_by = [o for o in range(count) if o != content and compare(content, o) < 0]
        contenders += [o for o in beaten_by if o not in likelihood and o not in contenders]
    best = max(likelihood, key=lambda content: (likelihood[content], -content))
    rest = [content for content in range(count) if content != best]
    return [best, *sorted(rest, key=lambda content: (compare(best, content), content))]


def _log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x > -30 else x


def find_parents(order: Sequence[int], score: Callable[[int, int], float]) -> dict[int, int]:
    """Return the parent of each content but the first: the best scored of those before it."""
    parents: dict[int, int] = {}
    for place, content in enumerate(order[1:], start=1):
        parents[content] = max(order[:place], key=lambda other: score(other, content))
    return parents
