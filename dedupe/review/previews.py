"""Pictures of a report as re-encoded previews; the bytes of a photo never leave as they are."""

from __future__ import annotations

import threading
from collections import OrderedDict

from dedupe.decode.preview import encode_preview
from dedupe.types import Photo

SIDES = (320, 1600, 4096)
"""The longest sides, in pixels, at which a preview can be asked for."""

_BUDGET = 128 * 2**20  # bytes of previews held in memory


class Previews:
    """Previews of photos, held up to a fixed number of bytes. Safe to call from many threads."""

    def __init__(self, *, max_pixels: int, budget: int = _BUDGET) -> None:
        """Prepare an empty cache.

        Args:
            max_pixels: larger images are rejected; 0 for no limit.
            budget: bytes of encoded previews that are held.
        """
        self._max_pixels = max_pixels
        self._budget = budget
        self._held: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, photo: Photo, side: int) -> bytes:
        """Return a JPEG of a photo, upright, its longer side `side` pixels or the photo's own.

        Raises:
            Unreadable: the file is gone or is not an image.
        """
        key = (photo.path, side)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        preview = encode_preview(photo, side, max_pixels=self._max_pixels)
        with self._lock:
            if key not in self._held:
                self._held[key] = preview
                self._size += len(preview)
            while self._size > self._budget and len(self._held) > 1:
                self._size -= len(self._held.popitem(last=False)[1])
        return preview
