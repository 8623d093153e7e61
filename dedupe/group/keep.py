"""Keep rules: which file of a group stays, and which rule decides. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dedupe.decode.formats import rank_fidelity
from dedupe.errors import UsageError
from dedupe.types import Contents, Photo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What programs add to the name of a copy: "x (1)", "x - Copy (2)", "x copy 3", "Copy of x", "x~2".
_COPY_NAME = re.compile(
    r"^(copy (\(\d+\) )?of |kopie von )"
    r"|( ?\(\d+\)|[ _-]+(copy|kopie|copie|copia|edited)([ _-]?\(?\d+\)?)?|~\d+)$",
    re.IGNORECASE,
)


def _has_copy_name(photo: Photo) -> bool:
    stem = os.path.splitext(os.path.basename(photo.path))[0]
    return _COPY_NAME.search(stem) is not None


ORIGINAL = "original"  # the file that the others were made from, by `dedupe.provenance`

RULES: dict[str, Callable[[Photo], Any]] = {
    ORIGINAL: lambda _photo: 0,  # equal for all until a group is ranked
    "most-pixels": lambda photo: -photo.pixels,
    "format": lambda photo: rank_fidelity(photo.format),  # the least compressed format comes first
    "largest": lambda photo: -photo.file.size,
    "smallest": lambda photo: photo.file.size,
    "oldest": lambda photo: photo.file.mtime_ns,
    "newest": lambda photo: -photo.file.mtime_ns,
    "shortest-path": lambda photo: len(os.fsencode(photo.path)),
    "longest-path": lambda photo: -len(os.fsencode(photo.path)),
    "name-without-copy-suffix": _has_copy_name,
    "first-root": lambda photo: photo.file.root,
}
"""Each rule maps a photo to a key; the photo with the smallest key stays."""

DEFAULT_RULES = (
    ORIGINAL,
    "most-pixels",
    "format",
    "largest",
    "name-without-copy-suffix",
    "oldest",
    "shortest-path",
)
PROTECTED = "protected"
INTACT = "intact"  # damaged files come after all others
CLOSEST = "closest-to-all"  # the rules prefer another file, which does not lie close to all
PATH_ORDER = "path-order"  # the last rule: it always decides


def check_rules(rules: Sequence[str]) -> tuple[str, ...]:
    """Return the rules if each of them exists.

    Raises:
        UsageError: a rule has no such name.
    """
    for rule in rules:
        if rule not in RULES:
            raise UsageError(f"no keep rule is called {rule!r}; choose from {', '.join(RULES)}")
    return tuple(rules)


def arrange_files(
    contents: Contents, rules: Sequence[str], is_protected: Callable[[str], bool] | None = None
) -> Contents:
    """Sort the files of each content from the most to the least worth keeping.

    Args:
        contents: U contents.
        rules: names from `RULES`, the first one decides first.
        is_protected: whether the file at a path is never a duplicate; such files come first.
    """
    import numpy as np  # takes a tenth of a second; `dedupe --help` needs none of it

    photos, protected = list(contents.photos), contents.protected
    if is_protected is not None:
        protected = np.zeros(len(contents), np.int64)
    for row, files in enumerate(photos):
        kept: Collection[str] = ()
        if is_protected is not None:
            kept = {photo.path for photo in files if is_protected(photo.path)}
            protected[row] = len(kept)
        if len(files) > 1:
            photos[row] = tuple(sorted(files, key=partial(_key, rules=rules, protected=kept)))
    return replace(contents, photos=tuple(photos), protected=protected)


def order_contents(
    contents: Contents,
    rules: Sequence[str],
    rows: NDArray[np.integer] | None = None,
    ranks: Mapping[str, int] | None = None,
) -> NDArray[np.int64]:
    """Return rows of contents from the one most worth keeping to the least.

    Each content is as good as its best file.

    Args:
        contents: U contents, their files in order, see `arrange_files`.
        rules: names from `RULES`, the first one decides first.
        rows: (R,) those to put in order; None for all.
        ranks: by digest, the place of a content in its group, 0 for the original; decides for
            the rule `original`.

    Returns:
        (R,) rows.
    """
    import numpy as np  # as above

    some = range(len(contents)) if rows is None else rows.tolist()
    has_protected = (contents.protected > 0).tolist()

    def key(row: int) -> tuple[Any, ...]:
        photo = contents.photos[row][0]
        return _key(photo, rules, (photo.path,) if has_protected[row] else (), ranks)

    return np.array(sorted(some, key=key), np.int64)


def explain_choice(
    keeper: Photo,
    others: Sequence[Photo],
    rules: Sequence[str],
    protected: Collection[str] = (),
    ranks: Mapping[str, int] | None = None,
) -> str:
    """Return the name of the rule that puts `keeper` before the best of `others`.

    If the rules prefer another file, the keeper was chosen because all the others lie close to
    it: `closest-to-all`.
    """
    best = min((_key(other, rules, protected, ranks) for other in others), default=None)
    mine = _key(keeper, rules, protected, ranks)
    if best is not None and best < mine:
        return CLOSEST
    names = (PROTECTED, INTACT, *rules, PATH_ORDER)
    return next(name for name, a, b in zip(names, mine, best or (), strict=False) if a != b)


def _key(
    photo: Photo,
    rules: Sequence[str],
    protected: Collection[str],
    ranks: Mapping[str, int] | None = None,
) -> tuple[Any, ...]:
    rank = (ranks or {}).get(photo.digest, 0)
    by_rule = (rank if rule == ORIGINAL else RULES[rule](photo) for rule in rules)
    is_damaged = photo.facts.damage != ""
    return (photo.path not in protected, is_damaged, *by_rule, os.fsencode(photo.path))
