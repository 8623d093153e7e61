"""Describe in words how a duplicate differs from its keeper, and why the keeper stays. Pure.

Bounds are on numbers of `dedupe.provenance.evidence`; docs/provenance.md has their sources.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dedupe.linear_map import split_linear
from dedupe.provenance.evidence import Evidence, Numbers
from dedupe.types import Facts, Kind, Photo, holds_more

_CROPPED = 0.03  # share of the scene that only one of the two shows
_NATURAL = -0.5  # detail outside the shared scene against that inside, log2: bars have less
_TILTED = 0.6  # degrees
_STRETCHED = 1.02  # ratio of the two scales
_RESIZED = 0.02  # relative difference of size
_ALONE = 0.2  # log2 of distances from the surroundings, less the reverse: a mark was added
_CHANGED = 0.003  # share of the scene that an addition covers
_TONED = 1.3  # square root of the mean change of luma by the fitted curve, levels
_TONED_WIDE = 2.2  # the same for a coarse or enlarged copy, in which the fit is less exact
_COLOUR = 0.35  # change of the colour spread, log2
_NO_COLOUR = 1.0  # log2 of a colour spread: a grey picture
_SHARPENED = 0.7  # gain of the highest frequencies, log2 of energy
_NOISY = 1.2
_BLURRED = -3.0
_ADDED_STRUCTURE = 0.4  # correlation of a residual with structure: noise has none
_UNPREDICTED, _FINEST = 0.6, 0.5
"""Bounds on `rms_filtered` and `band3` of a larger file: beyond both, it shows detail that no
filter makes of the smaller one. 90 % of reductions have an original beyond them."""
UNPREDICTED_INSIDE = 1.5
"""As `_UNPREDICTED`, for a panel of a larger picture, enlarged and coded once more. Panels of
a reduced photo have 1.9 and more, enlarged ones up to 1.2 (docs/formats.md)."""
_MUCH_LARGER = 2  # times the pixels for the same scene


@dataclass(frozen=True, slots=True)
class Relation:
    """How a duplicate differs from its keeper."""

    kind: Kind
    how: str  # words, separated by commas; "" if nothing is known to differ


def describe_duplicate(
    evidence: Evidence | None, keeper: Photo, other: Photo, fallback: str = ""
) -> Relation:
    """Describe a duplicate in other bytes than its keeper.

    Args:
        evidence: on (keeper, duplicate); None if the pixels could not be compared.
        fallback: words of verification, used without evidence.
    """
    lost = holds_more(other.facts, keeper.facts)
    if evidence is None:
        words = [fallback] if fallback else []
        changed = bool(fallback)
    else:
        edits = [*_describe_frame(evidence), *_describe_content(evidence)]
        more = _describe_more(evidence)
        words = [*edits, *_describe_coding(evidence, keeper, other), *more]
        changed = bool(edits or more)
    worse = {
        "one frame of several": other.facts.frames < keeper.facts.frames,
        "frames coded anew, compared by samples": _is_sampled(keeper.facts, other.facts),
        "damaged": other.facts.damage != "" and keeper.facts.damage == "",
    }
    worse_words = [word for word, holds in worse.items() if holds]
    words += worse_words
    changed |= bool(worse_words)
    words += [f"holds {name} that the keeper lacks" for name in lost]
    if holds_more(keeper.facts, other.facts) and not lost:
        gone = [
            name
            for name in ("capture date", "GPS position")
            if name in holds_more(keeper.facts, other.facts)
        ]
        words += ["metadata removed"] if gone else []
    return Relation("edited" if changed or lost else "same", ", ".join(words))


def _is_sampled(keeper: Facts, other: Facts) -> bool:
    """Return whether two contents have equally many frames, and not equal ones."""
    return other.frames > 1 and keeper.frames == other.frames and keeper.pixels != other.pixels


def _describe_frame(e: Evidence) -> list[str]:
    """Return the words for what was done to the frame."""
    parts = split_linear(np.reshape(e.matrix, (2, 3))[:, :2])
    cropped = e.removed["outside"] if e.removed["outside_any"] else 0.0
    framed = e.added["outside"] if e.added["outside_any"] else 0.0
    words = {
        "mirrored": parts.mirrored,
        f"turned {parts.degrees}": parts.quarters != 0,
        f"tilted {parts.tilt:.0f}°": parts.tilt >= _TILTED,
        f"cropped to {100 * (1 - cropped):.0f} %": cropped > _CROPPED,
        "border added": framed > _CROPPED and _is_frame(e),
        f"stretched {100 * (parts.stretch - 1):.0f} %": parts.stretch > _STRETCHED,
    }
    return [word for word, holds in words.items() if holds]


def _is_frame(e: Evidence) -> bool:
    """Return whether that which only the duplicate shows is flatter than the picture."""
    return e.added["outside_detail"] < 0 or e.added["outside_flat"] > 0


def _describe_content(e: Evidence) -> list[str]:
    """Return the words for what was done to the picture itself."""
    same_size = abs(math.log2(find_scale(e))) < 0.05
    spread = e.forward["chroma_energy"] - e.backward["chroma_energy"]
    grey = e.forward["chroma_energy"] < _NO_COLOUR < e.backward["chroma_energy"] - 1
    toned = e.forward["curve"] > (_TONED if same_size else _TONED_WIDE)
    noise = e.forward["structure"] < _ADDED_STRUCTURE
    band = e.forward["band3"]
    covered = max(_find_share(e.added), 0.0)
    words = {
        "caption or mark added": covered > _CHANGED and not noise and _is_mark(e),
        "greyscale": grey,
        "brightness changed": toned,
        "colours changed": not grey and abs(spread) > _COLOUR,
        "sharpened": same_size and band > _SHARPENED and not noise and _gains(e),
        "noise added": same_size and band > _NOISY and noise,
        "blurred": same_size and band < _BLURRED and not e.second["jpeg"],
    }
    return [word for word, holds in words.items() if holds]


def _gains(e: Evidence) -> bool:
    return e.forward["gain_high"] > 1.25 and e.forward["halo"] > 0.004


def _find_share(numbers: Numbers) -> float:
    return float(2.0 ** (numbers["changed"] - 11) - 0.0005)


def _is_mark(e: Evidence) -> bool:
    """Return whether the duplicate, not the keeper, leaves what the surroundings predict."""
    return e.added["changed_alone"] - e.removed["changed_alone"] > _ALONE


def _describe_coding(e: Evidence, keeper: Photo, other: Photo) -> list[str]:
    """Return the words for size and format."""
    scale = find_scale(e)
    words = []
    if scale < 1 - _RESIZED:
        words.append(f"resized to {100 * scale:.0f} %")
    elif scale > 1 + _RESIZED:
        gained = _shows_detail(e.forward)
        words.append(f"enlarged to {100 * scale:.0f} %" + ("" if gained else ", no detail gained"))
    if other.format == "JPEG" and e.second["quality"]:
        words.append(f"re-encoded, quality {10 * e.second['quality']:.0f}")
    elif other.format != keeper.format:
        words.append(f"saved as {other.format}")
    return words


def _describe_more(e: Evidence) -> list[str]:
    """Return the words for what the duplicate shows and its keeper does not."""
    words = []
    natural = e.added["outside_any"] and not _is_frame(e)
    if natural and e.added["outside"] > _CROPPED:
        words.append("shows more of the scene")
    if find_scale(e) > 1 + 10 * _RESIZED and _shows_detail(e.forward):
        words.append("has more detail")
    return words


def has_more_detail(
    evidence: Evidence | None, keeper: Photo, other: Photo, *, least: float = _UNPREDICTED
) -> bool:
    """Return whether a duplicate shows real detail that its keeper lacks.

    Without evidence, the pixels decide.

    Args:
        least: error that no filter explains, log2 of levels.
    """
    if evidence is None:
        return other.pixels > _MUCH_LARGER * keeper.pixels
    larger = find_scale(evidence) ** 2 > _MUCH_LARGER
    return larger and _shows_detail(evidence.forward, least)


def shows_more(
    evidence: Evidence | None, keeper: Photo, other: Photo, *, least: float = _UNPREDICTED
) -> bool:
    """Return whether a file shows a part of the scene, or real detail, that a keeper lacks.

    Args:
        least: as in `has_more_detail`.
    """
    if evidence is not None and evidence.added["outside_any"]:
        natural = evidence.added["outside_detail"] > _NATURAL
        if natural and evidence.added["outside"] > _CROPPED:
            return True
    return has_more_detail(evidence, keeper, other, least=least)


def _shows_detail(numbers: Numbers, least: float = _UNPREDICTED) -> bool:
    return numbers["rms_filtered"] > least and numbers["band3"] > _FINEST


def find_scale(e: Evidence) -> float:
    """Return the pixels of the duplicate for a pixel of the keeper, along a side."""
    return float(np.sqrt(abs(np.linalg.det(np.reshape(e.matrix, (2, 3))[:, :2]))))


def describe_choice(
    keeper: Photo, others: Sequence[tuple[Photo, Evidence | None]], fallback: str
) -> str:
    """Return why the keeper stays, as a phrase: "the whole frame, twice the detail".

    Args:
        others: the duplicates in other bytes, and the evidence on (keeper, duplicate).
        fallback: the words if no advantage has a name.
    """
    known = [(photo, e) for photo, e in others if e is not None]
    words = []
    if any(photo.facts.damage for photo, _ in others) and not keeper.facts.damage:
        words.append("intact")
    if any("cropped" in word for _, e in known for word in _describe_frame(e)):
        words.append("the whole frame")
    if any(_adds(e) for _, e in known):
        words.append("nothing added")
    words += _describe_detail(e for _, e in known)
    if any(_processed(e) for _, e in known):
        words.append("least processed")
    facts = keeper.facts
    if facts.camera and not all(photo.facts.camera for photo, _ in others):
        words.append("camera metadata")
    if not words and known:
        words.append(
            "the others can be made from it" if len(known) > 1 else "the other can be made from it"
        )
    return ", ".join(words) or fallback


def _adds(e: Evidence) -> bool:
    return any(
        word in ("border added", "caption or mark added")
        for word in (*_describe_frame(e), *_describe_content(e))
    )


def _processed(e: Evidence) -> bool:
    done = {word for word in _describe_content(e) if word != "caption or mark added"}
    return bool(done) or any("tilted" in word for word in _describe_frame(e))


def _describe_detail(evidence: Iterable[Evidence]) -> list[str]:
    """Return the words for the largest ratio of real detail, in steps of half a pixel."""
    ratios = [1 / find_scale(e) for e in evidence if _shows_detail(e.backward)]
    best = max(ratios, default=1.0)
    if best < 1.25:
        return []
    if best < 1.75:
        return ["more detail"]
    return ["twice the detail"] if best < 2.5 else [f"{best:.0f} times the detail"]
