"""Form the result of a scan from contents: search, recall, verify, group.

Components that the last scan had too are recalled, the others are formed. Reads no option of the
output.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dedupe.encoder.manifest import Manifest
from dedupe.encoder.threshold import narrow
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.low_detail import list_low_detail
from dedupe.options import ScanOptions
from dedupe.pipeline.components import Candidates, Components
from dedupe.pipeline.damage import find_damage, mark_damage
from dedupe.pipeline.enclosures import open_enclosures
from dedupe.pipeline.engine import Engine
from dedupe.pipeline.result import ComponentResult, Formed
from dedupe.pipeline.stars import StarMemory
from dedupe.pipeline.unchanged import LastScan, name_setting
from dedupe.search.enclosed import find_shown
from dedupe.search.limits import EXACT_UP_TO, SearchLimits
from dedupe.types import Contents, Group, Photo, Progress, Skipped
from dedupe.verify.judge import SAME_FRACTION

DAMAGED = "damaged"  # reason of a file that was decoded with a warning


@dataclass(frozen=True, slots=True)
class Setup:
    """How one scan forms groups."""

    options: ScanOptions
    engine: Engine
    manifest: Manifest  # of the encoder
    limit: float  # largest distance of a pair, in [0, 2]
    ignored: IgnoredPairs


def form_result(contents: Contents, setup: Setup, last: LastScan, on_progress: Progress) -> Formed:
    """Search, verify and group contents, their files in the order of the rules."""
    options, engine, limit = setup.options, setup.engine, setup.limit
    chosen = options.duplicates
    images = contents.files
    if chosen.pairs:
        contents = treat_raw_as_pictures(contents)
    if chosen.verify and chosen.threshold is None and not chosen.sensitivity:
        limit = narrow(setup.manifest, images)
    limits = SearchLimits(
        limit,
        SAME_FRACTION * limit if chosen.verify else limit,
        exact_up_to=len(contents) if chosen.exact else EXACT_UP_TO,
    )
    found = engine.find_pairs(contents, limits, on_progress)
    shown = tuple(find_shown(contents, limit)) if chosen.verify else ()
    candidates = Candidates(contents, found.pairs, shown)
    components = _form_components(candidates, replace(setup, limit=limit), last, on_progress)
    contents = mark_damage(contents, _find_damaged(contents, components))
    grouped = {p.path for r in components.values() for group in r.groups for p in group.photos}
    return Formed(
        components=components,
        listed=(*list_low_detail(contents, grouped), *_list_damaged(contents)),
        threshold=limit,
        search=found.stats,
        images=images,
    )


def treat_raw_as_pictures(contents: Contents) -> Contents:
    """Return the contents with raw files that may replace a developed picture.

    The reverse is still ruled out by the bits of the sensor.
    """

    def treat(photo: Photo) -> Photo:
        return replace(photo, facts=replace(photo.facts, raw=False)) if photo.facts.raw else photo

    return replace(contents, photos=tuple(tuple(map(treat, files)) for files in contents.photos))


def _form_components(
    candidates: Candidates, setup: Setup, last: LastScan, on_progress: Progress
) -> dict[str, ComponentResult]:
    """Return the result of each component, recalled or formed, by name."""
    if not last.is_stored:
        groups, damage = _form(candidates, setup, None, on_progress)
        return {"": ComponentResult(groups, [""] * len(groups), damage)}
    setting = name_setting(setup.options, limit=setup.limit)
    components = Components(candidates, setting=setting, ignored=setup.ignored)
    known = last.recall_components(components.names)
    fresh = [name for name in components.names if name not in known]
    if known:
        candidates = candidates.select(components.find_rows(frozenset(fresh)))
    memory = StarMemory(setting, last.recall_star)
    groups, damage = _form(candidates, setup, memory, on_progress)
    stars = memory.name_stars(groups)
    groups_of = components.sort_groups(groups)
    damage_of = components.sort_damage(damage)
    for name in fresh:
        some = groups_of.get(name, [])
        names = [stars.get(group.keeper.path, "") for group in some]
        known[name] = ComponentResult(some, names, damage_of.get(name, {}))
    return known


def _form(
    candidates: Candidates, setup: Setup, memory: StarMemory | None, on_progress: Progress
) -> tuple[tuple[Group, ...], dict[str, str]]:
    """Return the groups of candidates, and the damage of contents that it finds, by digest."""
    options, engine = setup.options, setup.engine
    contents, pairs = find_damage(
        candidates.contents, candidates.pairs, max_pixels=options.walk.max_pixels
    )
    enclosures = open_enclosures(
        contents,
        options,
        candidates.shown,
        side=setup.manifest.side,
        index=engine.index,
        limit=setup.limit,
        ignored=setup.ignored,
    )
    pairs = enclosures.drop_from(pairs)
    groups = engine.group_pairs(contents, pairs, setup.limit, setup.ignored, on_progress, memory)
    damage = {
        after[0].digest: after[0].facts.damage
        for before, after in zip(candidates.contents.photos, contents.photos, strict=True)
        if before is not after
    }
    return enclosures.join(groups), damage


def _find_damaged(contents: Contents, components: Mapping[str, ComponentResult]) -> dict[int, str]:
    """Return the rows with damage that the components name, and its words."""
    damage = {d: words for result in components.values() for d, words in result.damage.items()}
    if not damage:
        return {}
    return {row: damage[d] for row, d in enumerate(contents.digests) if d in damage}


def _list_damaged(contents: Contents) -> tuple[Skipped, ...]:
    """List the files that were decoded with a warning, in the order of their paths."""
    damaged = (p for files in contents.photos if files[0].facts.damage for p in files)
    return tuple(
        Skipped(photo.path, DAMAGED, photo.facts.damage)
        for photo in sorted(damaged, key=lambda photo: os.fsencode(photo.path))
    )
