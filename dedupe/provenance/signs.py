"""Sum the parts of a score by kind of evidence. Pure."""

from __future__ import annotations

from collections.abc import Mapping

METADATA = "metadata"
EARLIER = "earlier JPEG"
FILES = "files alone"
GROUPS = {
    "own rounding": ("exceed", "cell", "fit", "explained", "known", "lossless", "miss"),
    "size of the residual": ("rms",),
    "shape of the residual": ("structure", "tail", "whiteness", "excess", "unfiltered"),
    "filter and edges": ("gain_high", "halo", "blockiness"),
    "real detail": ("band", "slope", "nyquist", "larger", "flat_noise"),
    "colour and tone": ("chroma", "curve"),
    "scene": ("outside",),
    "additions": ("changed",),
}
"""Kinds of evidence on pixels, by the beginnings of the names of their numbers."""


def find_group(name: str) -> str:
    """Return the kind of evidence of a number of `dedupe.provenance.rank.name_vector`.

    A name without a part before a dot is one of the metadata.
    """
    part, dot, own = name.partition(".")
    if not dot:
        return METADATA
    if own in ("earlier", "shifted"):
        return EARLIER
    if part in ("file", "first", "second"):
        return FILES
    return next(group for group, starts in GROUPS.items() if own.startswith(starts))


def sum_groups(parts: Mapping[str, float]) -> dict[str, float]:
    """Return the log-odds of each kind of evidence, the largest first, without those near 0."""
    sums: dict[str, float] = {}
    for name, share in parts.items():
        group = find_group(name)
        sums[group] = sums.get(group, 0.0) + share
    rounded = {group: round(share, 2) for group, share in sums.items()}
    ordered = sorted(rounded.items(), key=lambda item: (-abs(item[1]), item[0]))
    return {group: share for group, share in ordered if share}
