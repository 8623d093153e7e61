"""Join the pictures that show a photo inside them to the group of that photo.

A screenshot, collage, slide or frame is never the keeper of the photo that it shows. Each is
verified by its panel against the keeper.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dedupe.decode.panels import Box, overlaps
from dedupe.group.replacement import may_replace
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.index.protocol import Index
from dedupe.options import ScanOptions
from dedupe.pipeline.panel_photos import PanelPhotos
from dedupe.provenance.describe import UNPREDICTED_INSIDE, shows_more
from dedupe.search.enclosed import Shown, measure
from dedupe.types import Contents, Duplicate, FrameMatrix, Group, Pairs, Photo, Verdict

_SAME_PLACE = 0.03  # largest difference of the edges of two panels in one place
REASON = "the others show it inside a larger picture"


@dataclass(frozen=True, slots=True)
class _Shown:
    """A content that a panel shows, verified."""

    panel: int
    row: int  # of the content
    distance: float  # of the panel to it, in [0, 2]
    verdict: Verdict  # on the panel (first) and the content (second)


class Enclosures:
    """The contents of a scan that show another one inside them."""

    def __init__(
        self,
        contents: Contents,
        photos: PanelPhotos,
        shown: Iterable[Shown],
        *,
        threshold: float,
        ignored: IgnoredPairs | None = None,
    ) -> None:
        """Find and verify the enclosures.

        Args:
            contents: U contents, their files in the order of the rules.
            photos: reads and judges panels of the contents.
            shown: contents that the panels may show, by panel, the nearest first.
            threshold: largest distance of a panel to a content, in [0, 2].
            ignored: pairs that are not duplicates; None for none.
        """
        self._contents = contents
        self._photos = photos
        self._threshold = threshold
        self._ignored = ignored
        self._shown: dict[int, list[_Shown]] = defaultdict(list)  # by enclosing row, nearest first
        self._row_of = {digest: row for row, digest in enumerate(contents.digests)}
        self._find(shown)
        self._alone = {row for row in self._shown if photos.shows_panels_alone(row)}
        self._rows = [row for row in sorted(self._shown) if self._is_enclosure(row)]

    def _find(self, candidates: Iterable[Shown]) -> None:
        if self._contents.panels is None:
            return
        rows, boxes = self._photos.rows, self._photos.boxes
        found = [
            (panel, row, distance)
            for panel, row, distance in candidates
            if self._may_join(rows[panel], row)
        ]
        verdicts = self._photos.judge([(panel, row) for panel, row, _ in found])
        for (panel, row, distance), verdict in zip(found, verdicts, strict=True):
            if verdict.is_copy and not _is_in_frame(boxes[panel], verdict):
                self._shown[rows[panel]].append(_Shown(panel, row, distance, verdict))
        for row, some in self._shown.items():
            some.sort(key=lambda shown: (shown.distance, shown.row))
            # if each shows the other, they are two frames round one picture
            self._shown[row] = [shown for shown in some if not self._shows(shown.row, row)]

    def _shows(self, row: int, other: int) -> bool:
        return any(shown.row == other for shown in self._shown.get(row, ()))

    def _may_join(self, row: int, shown: int) -> bool:
        """Return whether the options, and damage, allow one content as the duplicate of another."""
        digests, photos = self._contents.digests, self._contents.photos
        if self._contents.protected[row]:
            return False
        if any(photos[one][0].facts.damage for one in (row, shown)):
            return False
        return not (self._ignored and self._ignored.are_apart(digests[row], digests[shown]))

    def _is_enclosure(self, row: int) -> bool:
        """Return whether nothing is lost if a content goes and one that it shows stays."""
        return any(self._may_go(row, shown) for shown in self._shown[row])

    def _may_go(self, row: int, shown: _Shown) -> bool:
        keeper, panel = self._contents.photos[shown.row][0], self._photos.find(shown.panel)
        if row not in self._alone:  # the surroundings are a picture too
            return False
        if not may_replace(keeper.facts, panel.facts) or self._shows_others(row, shown):
            return False
        evidence = self._photos.compare(shown.panel, shown.row, shown.verdict)
        return not shows_more(evidence, keeper, panel, least=UNPREDICTED_INSIDE)

    def _shows_others(self, row: int, shown: _Shown) -> bool:
        """Return whether a content has a panel elsewhere that shows no other content."""
        boxes = self._photos.boxes
        known = {other.panel for other in self._shown[row]}
        return any(
            panel not in known and not overlaps(boxes[panel], boxes[shown.panel])
            for panel in self._photos.list_panels(row)
        )

    def drop_from(self, pairs: Pairs) -> Pairs:
        """Return the pairs that may form groups.

        An enclosure is in no group of its own, and neither is a picture that was made by pasting
        another one into it: it must not replace the picture without. Two contents with panels in
        the same place are no copies if these panels show different pictures.
        """
        panels = self._contents.panels
        if panels is None:
            return pairs
        made = [row for row, some in self._shown.items() if some and row not in self._alone]
        apart = np.array([*self._rows, *made], np.int64)
        keep = ~(np.isin(pairs.left, apart) | np.isin(pairs.right, apart))
        both = keep & np.isin(pairs.left, panels.rows) & np.isin(pairs.right, panels.rows)
        places = np.flatnonzero(both)
        found = [
            (place, pair)
            for place in places.tolist()
            for pair in self._match(int(pairs.left[place]), int(pairs.right[place]))
        ]
        verdicts = self._photos.judge_panels([pair for _, pair in found])
        for (place, _), verdict in zip(found, verdicts, strict=True):
            keep[place] &= verdict.is_copy
        return pairs.select(keep)

    def _match(self, left: int, right: int) -> list[tuple[int, int]]:
        """Return the pairs of panels of two contents that lie in the same place."""
        panels = self._contents.panels
        assert panels is not None
        boxes = panels.boxes
        return [
            (a, b)
            for a in self._photos.list_panels(left)
            for b in self._photos.list_panels(right)
            if float(np.abs(boxes[a] - boxes[b]).max()) <= _SAME_PLACE
        ]

    def join(self, groups: Sequence[Group]) -> tuple[Group, ...]:
        """Add the enclosures to the groups of the contents that they show.

        Returns:
            Groups in the order of their keepers' paths.
        """
        if not self._rows:
            return tuple(groups)
        joined = {group.keeper.path: group for group in groups}
        keeper_of = {photo.path: group.keeper.path for group in groups for photo in group.photos}
        waiting = dict.fromkeys(self._rows)
        while waiting:
            ready = [row for row in waiting if not self._waits(row, waiting)] or list(waiting)
            for row in ready:
                self._join(row, joined, keeper_of)
                del waiting[row]
        return tuple(sorted(joined.values(), key=lambda group: os.fsencode(group.keeper.path)))

    def _waits(self, row: int, waiting: Container[int]) -> bool:
        return any(shown.row in waiting for shown in self._shown[row])

    def _join(self, row: int, joined: dict[str, Group], keeper_of: dict[str, str]) -> None:
        """Add one enclosure to the first group whose keeper its panel is verified against."""
        photos = self._contents.photos
        for shown in self._shown[row]:
            photo = photos[shown.row][0]
            group = joined.get(keeper_of.get(photo.path, ""))
            keeper = group.keeper if group else photo
            relation = self._relate(row, shown, keeper)
            if relation is None:
                continue
            joined.pop(photos[row][0].path, None)  # the group of its further files
            duplicates = [*(group.duplicates if group else ()), *self._describe(row, relation)]
            duplicates.sort(key=lambda duplicate: os.fsencode(duplicate.photo.path))
            reason = group.reason if group else REASON
            joined[keeper.path] = Group(keeper, tuple(duplicates), reason)
            keeper_of |= {each.path: keeper.path for each in (keeper, *photos[row])}
            return

    def _relate(self, row: int, shown: _Shown, keeper: Photo) -> _Shown | None:
        """Return how a panel shows a keeper; None if it does not, or something is lost."""
        place = self._row_of[keeper.digest]
        if place == row or not self._may_join(row, place):
            return None
        if place != shown.row:
            distance = measure(self._contents, shown.panel, place)
            if distance > self._threshold:
                return None
            (verdict,) = self._photos.judge([(shown.panel, place)])
            shown = _Shown(shown.panel, place, distance, verdict)
        return shown if shown.verdict.is_copy and self._may_go(row, shown) else None

    def _describe(self, row: int, shown: _Shown) -> list[Duplicate]:
        box = self._photos.boxes[shown.panel]
        share = (box[2] - box[0]) * (box[3] - box[1])
        how = f"shows it inside a larger picture, on {max(1, round(100 * share))} % of the area"
        matrix = _to_keeper(box, shown.verdict)
        return [
            Duplicate(photo, shown.distance, "edited", how, matrix)
            for photo in self._contents.free_files(row)
        ]


def _is_in_frame(box: Box, verdict: Verdict) -> bool:
    """Return whether a panel shows the part of a content that lies in its own place.

    Two pictures of one frame, as two memes of one photo, are compared whole.
    """
    matrix = _to_keeper(box, verdict)
    if matrix is None:
        return False
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], np.float64).T
    mapped = np.reshape(matrix, (3, 3)) @ corners
    return bool(np.abs(mapped[:2] / mapped[2] - corners[:2]).max() <= _SAME_PLACE)


def _to_keeper(box: Box, verdict: Verdict) -> FrameMatrix | None:
    """Return the map from the frame of an enclosure to that of the content that it shows."""
    matrix = verdict.flip().matrix  # from the panel
    if matrix is None:
        return None
    width, height = box[2] - box[0], box[3] - box[1]
    into = np.array([[1 / width, 0, -box[0] / width], [0, 1 / height, -box[1] / height], [0, 0, 1]])
    whole = np.reshape(matrix, (3, 3)) @ into
    return tuple((whole / whole[2, 2]).ravel().tolist())


def open_enclosures(
    contents: Contents,
    options: ScanOptions,
    shown: Iterable[Shown],
    *,
    side: int,
    index: Index | None,
    limit: float,
    ignored: IgnoredPairs | None,
) -> Enclosures:
    """Find the enclosures of a scan; none if it does not verify.

    Args:
        contents: U contents, their files in the order of the rules.
        options: of the scan.
        shown: contents that the panels may show, see `dedupe.search.enclosed`.
        side: edge of the encoder's square, pixels.
        index: where verdicts are remembered; None for nowhere.
        limit: largest distance of a panel to a content, in [0, 2].
        ignored: pairs that are not duplicates; None for none.
    """
    if not options.duplicates.verify:
        contents = replace(contents, panels=None)
    photos = PanelPhotos(
        contents,
        side=side,
        max_pixels=options.walk.max_pixels,
        workers=options.run.workers,
        index=index,
    )
    return Enclosures(contents, photos, shown, threshold=limit, ignored=ignored)
