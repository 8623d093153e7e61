"""Which file of a group stays, and why: ordered rules over what is known of a photo. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from dedupe.decode.formats import rank_fidelity
from dedupe.errors import UsageError
from dedupe.types import Photo

# What programs add to the name of a copy: "x (1)", "x - Copy (2)", "x copy 3", "Copy of x", "x~2".
_COPY_NAME = re.compile(
    r"^(copy (\(\d+\) )?of |kopie von )"
    r"|( ?\(\d+\)|[ _-]+(copy|kopie|copie|copia|edited)([ _-]?\(?\d+\)?)?|~\d+)$",
    re.IGNORECASE,
)


def _has_copy_name(photo: Photo) -> bool:
    stem = os.path.splitext(os.path.basename(photo.path))[0]
    return _COPY_NAME.search(stem) is not None


RULES: dict[str, Callable[[Photo], Any]] = {
    "most-pixels": lambda photo: -photo.pixels,
    "format": lambda photo: rank_fidelity(photo.format),  # the least compressed kind of file
    "largest": lambda photo: -photo.file.size,
    "smallest": lambda photo: photo.file.size,
    "oldest": lambda photo: photo.file.mtime_ns,
    "newest": lambda photo: -photo.file.mtime_ns,
    "shortest-path": lambda photo: len(os.fsencode(photo.path)),
    "longest-path": lambda photo: -len(os.fsencode(photo.path)),
    "name-without-copy-suffix": _has_copy_name,
    "first-root": lambda photo: photo.file.root,
}
"""Each rule gives a photo a key; the smaller key stays."""

DEFAULT_RULES = (
    "most-pixels",
    "format",
    "largest",
    "name-without-copy-suffix",
    "oldest",
    "shortest-path",
)
PROTECTED = "protected"
INTACT = "intact"  # damaged files come after all others
PATH_ORDER = "path-order"  # the last resort, so that there always is an answer


def check_rules(rules: Sequence[str]) -> tuple[str, ...]:
    """Return the rules as they are, if each is known.

    Raises:
        UsageError: a rule has no such name.
    """
    for rule in rules:
        if rule not in RULES:
            raise UsageError(f"no keep rule is called {rule!r}; choose from {', '.join(RULES)}")
    return tuple(rules)


def order_photos(
    photos: Sequence[Photo],
    rules: Sequence[str],
    *,
    protected: Collection[str] = (),
    rows: Sequence[int] | None = None,
) -> list[int]:
    """Return the rows of `photos` from the one most worth keeping to the least.

    Args:
        photos: any photos.
        rules: names from `RULES`, the first one decides first.
        protected: paths that come before all others.
        rows: those to put in order; None for all.
    """
    some = range(len(photos)) if rows is None else rows
    return sorted(some, key=lambda row: _key(photos[row], rules, protected))


def explain_choice(
    keeper: Photo, others: Sequence[Photo], rules: Sequence[str], protected: Collection[str] = ()
) -> str:
    """Name the rule by which `keeper` came before the best of `others`.

    A keeper that the rules alone would not have chosen was chosen as the one that all the others
    lie close to: `closest-to-all`.
    """
    best = min((_key(other, rules, protected) for other in others), default=None)
    mine = _key(keeper, rules, protected)
    if best is not None and best < mine:
        return "closest-to-all"
    names = (PROTECTED, INTACT, *rules, PATH_ORDER)
    return next(name for name, a, b in zip(names, mine, best or (), strict=False) if a != b)


def _key(photo: Photo, rules: Sequence[str], protected: Collection[str]) -> tuple[Any, ...]:
    by_rule = (RULES[rule](photo) for rule in rules)
    is_damaged = photo.facts.damage != ""
    return (photo.path not in protected, is_damaged, *by_rule, os.fsencode(photo.path))
