"""Measure an encoder on photos: how many edited copies it finds at a given rate of mistakes.

Every edit of `edits.EDITS` is made of some photos, through the coder and decoder that files go
through; other photos stand beside them. Recall is that of the pairs original and copy, at the
distance that lets through a stated share of all pairs of different photos. Photos that are copies
of another one would count as mistakes, so they are left out first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dedupe.decode.formats import supported_extensions
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable, read
from dedupe.encoder.manifest import Encoder
from dedupe.errors import InputError
from dedupe.siamese.calibrate import find_repeats
from dedupe.siamese.dataset import squash
from dedupe.siamese.edits import EDITS, LEVELS, encode
from dedupe.types import Progress, no_progress
from dedupe.walk import walk

RATES = (1e-6, 1e-5, 1e-4)
_CURVE = tuple(float(rate) for rate in np.logspace(-7, -2, 26))
_SMALLEST = 120  # pixels; a smaller photo is no photo to edit
_MAX_SIDE = 1024  # pixels; larger photos are shrunk first, to bound the time
_WORKING_SIDE = 320  # pixels, of the squares in which copies are looked for
_SPARE = 1.5  # photos that are drawn for each one that is wanted: an archive holds copies
ORIGINAL, DISTRACTOR = "original", "distractor"


@dataclass(frozen=True, slots=True)
class Recall:
    """What is found at one rate of false positives."""

    rate: float  # share of pairs of different photos let through, at most
    distance: float  # pairs below it count as copies
    edits: dict[str, float]  # share of the copies found, by edit
    levels: dict[str, float]  # mean over the edits of a level


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An encoder's figures on one set of photos."""

    uap: float  # micro average precision over all pairs, turns left out, in [0, 1]
    recalls: tuple[Recall, ...]  # at three rates, ascending
    curve: tuple[Recall, ...]  # at five rates a decade from 1e-7 to 1e-2, ascending
    originals: int
    images: int
    false_pairs: int
    repeats: int = 0  # photos left out, as they are copies of another one


def evaluate(
    encoder: Encoder,
    roots: Sequence[str],
    *,
    originals: int = 100,
    distractors: int = 400,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> Evaluation:
    """Edit photos below `roots` and measure how many copies an encoder finds.

    Args:
        encoder: an open encoder.
        roots: folders of photos.
        originals: photos that are edited.
        distractors: photos that only stand beside them; fewer if there are not as many.
        seed: of the choice of photos and of the edits.
        on_progress: called as ("edit", 1, originals + distractors) after each photo.

    Raises:
        InputError: there are fewer than two photos.
    """
    paths, repeats = _choose_photos(encoder, roots, originals + distractors, seed)
    vectors: list[NDArray[np.float32]] = []
    photos: list[int] = []  # number of the photo behind each row
    edits: list[str] = []
    side = encoder.manifest.side
    for number, copies in enumerate(_copies(paths, originals, seed)):
        pixels = [decode(content, side=side).pixels for content in copies.values()]
        vectors.append(encoder.embed(np.stack(pixels)))
        photos += [number] * len(copies)
        edits += copies
        on_progress("edit", 1, originals + distractors)
    if len(vectors) < 2:
        raise InputError("there are too few photos to measure with; give a folder of a few hundred")
    found = score(np.concatenate(vectors), np.array(photos), edits)
    return replace(found, repeats=repeats)


def _choose_photos(
    encoder: Encoder, roots: Sequence[str], count: int, seed: int
) -> tuple[list[str], int]:
    """Return the paths of `count` photos drawn at random, none a copy of another one of them.

    Returns:
        The paths, fewer if there are not as many, and the number of copies that were left out.
    """
    paths = [file.path for file in walk(roots, extensions=supported_extensions()).files]
    random.Random(seed).shuffle(paths)
    chosen: list[str] = []
    squares: list[NDArray[np.uint8]] = []
    for path in paths:
        if len(chosen) == round(_SPARE * count):
            break
        photo = _open(path)
        if photo is not None:
            chosen.append(path)
            squares.append(squash(np.asarray(photo), _WORKING_SIDE))
    if len(chosen) < 2:
        return chosen, 0
    repeats = find_repeats(encoder.embed, np.stack(squares), side=encoder.manifest.side)
    kept = [path for number, path in enumerate(chosen) if number not in repeats]
    return kept[:count], len(repeats)


def _copies(paths: Sequence[str], originals: int, seed: int) -> Iterator[dict[str, bytes]]:
    """Yield the files of each photo by edit: the original and its copies, then distractors."""
    rng = random.Random(seed)
    photos = (photo for photo in map(_open, paths) if photo is not None)
    for number, photo in enumerate(photos):
        if number < originals:
            copies = {name: edit.apply(photo, rng) for name, edit in EDITS.items()}
            yield {ORIGINAL: encode(photo, "JPEG", 95), **copies}
        else:
            yield {DISTRACTOR: encode(photo, "JPEG", 95)}


def _open(path: str) -> Image.Image | None:
    """The photo at `path`, upright and not too large, or None if it is no use here."""
    try:
        photo = Image.fromarray(decode(read(path)).pixels)
    except Unreadable:
        return None
    if min(photo.size) < _SMALLEST:
        return None
    photo.thumbnail((_MAX_SIDE, _MAX_SIDE), Image.Resampling.LANCZOS)
    return photo


def score(
    vectors: NDArray[np.float32], photos: NDArray[np.int64], edits: Sequence[str]
) -> Evaluation:
    """Score embeddings of originals, their copies, and distractors.

    Args:
        vectors: (N, D) unit vectors.
        photos: (N,) number of the photo that each row shows.
        edits: N names from `EDITS`, or `original`, or `distractor`.
    """
    false = _false_distances(vectors, photos)
    names = np.array(edits)
    row_of = {int(photos[row]): row for row in np.flatnonzero(names == ORIGINAL)}
    copies = np.flatnonzero((names != ORIGINAL) & (names != DISTRACTOR))
    of = np.array([row_of[int(photos[row])] for row in copies], np.int64)
    true = np.linalg.norm(vectors[copies] - vectors[of], axis=1).astype(np.float32)
    return Evaluation(
        uap=_average_precision(true[[EDITS[e].level != "turn" for e in names[copies]]], false),
        recalls=tuple(_recall(true, names[copies], false, rate) for rate in RATES),
        curve=tuple(_recall(true, names[copies], false, rate) for rate in _CURVE),
        originals=len(row_of),
        images=len(vectors),
        false_pairs=len(false),
    )


def _false_distances(
    vectors: NDArray[np.float32], photos: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return (F,) distances of all pairs of different photos, ascending.

    Args:
        vectors: (V, D) float32, each of norm 1.
        photos: (V,) the photo that each vector shows.
    """
    found = []
    for row in range(len(vectors) - 1):
        others = vectors[row + 1 :][photos[row + 1 :] != photos[row]]
        found.append(2 - 2 * others @ vectors[row])
    square: NDArray[np.float32] = np.sort(np.concatenate(found)).clip(0, 4)
    return np.sqrt(square)


def _average_precision(true: NDArray[np.float32], false: NDArray[np.float32]) -> float:
    """Return the mean, over (T,) copies, of the share of copies among all pairs as near.

    Args:
        true: (T,) distances of copies.
        false: (F,) distances of different photos, ascending.
    """
    true = np.sort(true)
    found = np.arange(1, len(true) + 1)
    mistaken = np.searchsorted(false, true, "right")
    return float(np.mean(found / (found + mistaken)))


def _recall(
    true: NDArray[np.float32], names: NDArray[np.str_], false: NDArray[np.float32], rate: float
) -> Recall:
    """Return the share of copies nearer than a rate of false pairs.

    Args:
        true: (T,) distances of copies.
        names: (T,) the edit of each copy.
        false: (F,) distances of different photos, ascending.
        rate: share of the false pairs that lie nearer, in [0, 1].
    """
    distance = false[int(rate * len(false))]  # below it lie at most rate * count false pairs
    edits = {name: float(np.mean(true[names == name] < distance)) for name in EDITS}
    levels: dict[str, float] = {
        level: float(np.mean([edits[name] for name, edit in EDITS.items() if edit.level == level]))
        for level in LEVELS
    }
    return Recall(rate, float(distance), edits, levels)
