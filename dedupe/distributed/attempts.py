"""Find the file that kills the workers which decode it, so that it is skipped and the scan goes on.

A marker in the store says that a partition was begun. A worker that finds one takes the files one
by one, and names each in the marker before it decodes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dedupe.distributed.parts import join, write_whole
from dedupe.errors import EngineError
from dedupe.files.remote import is_url, read_object, remove_object
from dedupe.types import ImageFile, Skipped

KILLS = "kills its worker"
_WHOLE = 2  # attempts at the whole partition: nodes and workers die for other reasons too
_DEATHS = 2  # workers that died while they decoded one file, after which it is skipped


@dataclass(slots=True)
class Attempts:
    """What is known of the earlier attempts at a partition."""

    path: str  # of the marker, or its URL
    begun: int = 0  # attempts at the whole partition
    deaths: dict[str, int] = field(default_factory=dict)  # by file, while it was taken alone
    current: str = ""  # the file that is taken alone now

    @classmethod
    def read(cls, folder: str, part: str) -> Attempts:
        """Read the marker of a partition; a missing or torn one is that of the first attempt."""
        found = cls(join(folder, "attempts", part[:2], part + ".json"))
        try:
            is_object = is_url(found.path)
            data = read_object(found.path) if is_object else Path(found.path).read_bytes()
            found.begun, found.deaths, found.current = json.loads(data)
        except (OSError, ValueError, TypeError):
            return found
        if found.current:
            found.deaths[found.current] = found.deaths.get(found.current, 0) + 1
            found.current = ""
        return found

    @property
    def is_whole(self) -> bool:
        """Whether the files are taken together."""
        return self.begun < _WHOLE

    def split(self, files: Sequence[ImageFile]) -> tuple[list[ImageFile], list[Skipped]]:
        """Return the files to decode, and those that killed too many workers."""
        killers = {path for path, count in self.deaths.items() if count >= _DEATHS}
        detail = f"{_DEATHS} workers died while they decoded it"
        return (
            [file for file in files if file.path not in killers],
            [Skipped(file.path, KILLS, detail) for file in files if file.path in killers],
        )

    @contextmanager
    def begin(self, file: str = "") -> Iterator[None]:
        """Mark an attempt, at a file alone if one is named; the mark stays if the worker dies."""
        self.begun += not file
        self.current = file
        self._write()
        yield
        self.current = ""

    def finish(self) -> None:
        """Remove the marker: the partition is done."""
        try:
            if is_url(self.path):
                remove_object(self.path)
            else:
                os.unlink(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise EngineError(f"cannot remove the marker {self.path}: {error.strerror}") from error

    def _write(self) -> None:
        data = json.dumps([self.begun, self.deaths, self.current]).encode()
        write_whole(self.path, data, "marker")
