"""Read, judge and compare panels of contents as photos of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.decode.facts import has_colour
from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.decode.panels import Box, crop, surround_nothing
from dedupe.decode.read import Unreadable, read_photo
from dedupe.decode.thumbnail import make_thumbnail
from dedupe.files.digest import digest_bytes
from dedupe.index.protocol import Index
from dedupe.provenance.evidence import EVIDENCE_VERSION, WHOLE_FRAME, Evidence, compare, from_json
from dedupe.provenance.source import Source, read_source
from dedupe.types import Contents, Photo, Verdict
from dedupe.verify.features import SIDE
from dedupe.verify.load import load_every_pixel, load_pixels, load_thumbnail
from dedupe.verify.verifier import Verifier

Pixels = NDArray[np.uint8]


class PanelPhotos:
    """The panels of contents, each a photo with a digest of its own.

    Verdicts and evidence are remembered under these digests.
    """

    def __init__(
        self,
        contents: Contents,
        *,
        side: int,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        workers: int | None = None,
        index: Index | None = None,
    ) -> None:
        """Prepare to read the panels.

        Args:
            contents: U contents with B panels.
            side: edge of the encoder's square, pixels.
            max_pixels: larger pictures are not read; 0 for no limit.
            workers: threads; None for one per core.
            index: where verdicts and evidence are read and written; None for none.
        """
        panels = contents.panels
        self._whole = [photos[0] for photos in contents.photos]  # (U,)
        self.boxes: list[Box] = []  # (B,)
        self.rows: list[int] = []  # (B,) row of the content
        if panels is not None:
            self.boxes = [(x0, y0, x1, y1) for x0, y0, x1, y1 in panels.boxes.tolist()]
            self.rows = panels.rows.tolist()
        self._panels_of: dict[int, list[int]] = defaultdict(list)  # by row
        for panel, row in enumerate(self.rows):
            self._panels_of[row].append(panel)
        self._side, self._max_pixels, self._index = side, max_pixels, index
        self._panels = [
            _cut_photo(self._whole[row], box)
            for row, box in zip(self.rows, self.boxes, strict=True)
        ]
        self._place = {photo.digest: panel for panel, photo in enumerate(self._panels)}
        self._verifier = Verifier(
            [*self._panels, *self._whole],
            load=self._load,
            load_fine=self._load_fine,
            load_thumbnail=self._load_thumbnail,
            workers=workers,
            remembered=index,
        )

    def list_panels(self, row: int) -> list[int]:
        """Return the panels of a content, ascending."""
        return self._panels_of.get(row, [])

    def find(self, panel: int) -> Photo:
        """Return a panel as a photo; whether it has colour is read from its pixels."""
        photo = self._panels[panel]
        if not photo.facts.colour:
            return photo
        try:
            colour = has_colour(self._load_fine(photo))
        except Unreadable:
            colour = True
        return replace(photo, facts=replace(photo.facts, colour=colour))

    def shows_panels_alone(self, row: int) -> bool:
        """Return whether a content shows nothing but its panels, on plain surroundings."""
        boxes = [self.boxes[panel] for panel in self.list_panels(row)]
        try:
            pixels = load_every_pixel(self._whole[row], max_pixels=self._max_pixels)
        except Unreadable:
            return False
        return surround_nothing(pixels, boxes)

    def judge(self, pairs: Sequence[tuple[int, int]]) -> list[Verdict]:
        """Return the verdict on each pair of a panel and a row of the contents, in order."""
        count = len(self._panels)
        return self._verifier.judge([(panel, count + row) for panel, row in pairs])

    def judge_panels(self, pairs: Sequence[tuple[int, int]]) -> list[Verdict]:
        """Return the verdict on each pair of panels, in order."""
        return self._verifier.judge(pairs)

    def compare(self, panel: int, row: int, verdict: Verdict) -> Evidence | None:
        """Return the evidence on (content, panel); None if their pixels cannot be compared."""
        near = verdict.flip().matrix or WHOLE_FRAME
        near = tuple(round(number, 9) for number in near)
        key = self._whole[row].digest, self._panels[panel].digest
        known = self._index and self._index.find_evidence(key, EVIDENCE_VERSION, near)
        if known:
            return from_json(known)
        try:
            whole = self._read_source(self._whole[row])
            source = self._read_source(self._whole[self.rows[panel]])
        except Unreadable:
            return None
        evidence = compare(whole, _cut_source(source, self.boxes[panel]), near)
        if self._index and evidence:
            self._index.remember_evidence(key, EVIDENCE_VERSION, near, evidence.to_json())
        return evidence

    def _load(self, photo: Photo) -> Pixels:
        if photo.digest not in self._place:
            return load_pixels(photo, max_pixels=self._max_pixels)
        pixels = self._load_fine(photo)
        scale = SIDE / max(pixels.shape[:2])
        if scale >= 0.5:
            return pixels
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _load_fine(self, photo: Photo) -> Pixels:
        panel = self._place.get(photo.digest)
        if panel is None:
            return load_every_pixel(photo, max_pixels=self._max_pixels)
        whole = self._whole[self.rows[panel]]
        return crop(load_every_pixel(whole, max_pixels=self._max_pixels), self.boxes[panel])

    def _load_thumbnail(self, photo: Photo) -> bytes:
        if photo.digest not in self._place:
            return load_thumbnail(photo, side=self._side, max_pixels=self._max_pixels)
        size = (self._side, self._side)
        square = cv2.resize(self._load_fine(photo), size, interpolation=cv2.INTER_AREA)
        return make_thumbnail(np.asarray(square, np.uint8))

    def _read_source(self, photo: Photo) -> Source:
        return read_source(read_photo(photo), max_pixels=self._max_pixels)


def _cut_source(source: Source, box: Box) -> Source:
    """Return a panel of a decoded file, with the block grid of the file."""
    height, width = source.pixels.shape[:2]
    part = np.ascontiguousarray(crop(source.pixels, box))
    tables = source.tables
    if tables is not None:
        x, y = (round(box[0] * width), round(box[1] * height))
        tables = replace(tables, offset=((tables.offset[0] - x) % 8, (tables.offset[1] - y) % 8))
    return replace(source, pixels=part, tables=tables)


def _cut_photo(photo: Photo, box: Box) -> Photo:
    """Return a panel of a photo as a photo."""
    width, height = (
        (box[end] - box[end - 2]) * n for end, n in ((2, photo.width), (3, photo.height))
    )
    name = f"{photo.digest} {' '.join(f'{edge:.6f}' for edge in box)}"
    return replace(
        photo,
        width=max(1, round(width)),
        height=max(1, round(height)),
        digest=digest_bytes(name.encode()),
    )
