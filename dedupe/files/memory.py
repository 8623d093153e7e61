"""Images that a Python program holds, as paths: `images://NAME/KEY`. They exist in one process.

Owns the table of open sources. Knows no image.
"""

from __future__ import annotations

import errno
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from dedupe.errors import InputError, UsageError
from dedupe.files.digest import digest_bytes

SCHEME = "images://"
_BATCH = 1000  # rows of a data set that are measured at a time


class ImageSource(os.PathLike[str]):
    """A root of images in this process; its paths are valid as long as it exists."""

    def __init__(self, name: str) -> None:
        """Open the source under a name.

        Raises:
            UsageError: the name is empty or has a slash.
        """
        if not name or "/" in name or not name.isprintable():
            raise UsageError(f"cannot open images as {name!r}: a name is a word without a slash")
        self.url = SCHEME + name
        _SOURCES[self.url] = self

    def __fspath__(self) -> str:
        return self.url

    @abstractmethod
    def list_keys(self) -> Iterator[str]:
        """Yield the key of each image."""

    @abstractmethod
    def find(self, key: str) -> tuple[int, str]:
        """Return the bytes of an image, and a mark of its content; raise KeyError if missing."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Return the content of an image; raise KeyError if it is missing."""


_SOURCES: WeakValueDictionary[str, ImageSource] = WeakValueDictionary()


class MappedImages(ImageSource):
    """Images in a mapping of names to bytes."""

    def __init__(self, images: Mapping[str, bytes], name: str) -> None:
        super().__init__(name)
        self._images = images
        self._found: dict[str, tuple[int, str]] = {}

    def list_keys(self) -> Iterator[str]:
        return iter(self._images)

    def find(self, key: str) -> tuple[int, str]:
        if key not in self._found:
            data = self._images[key]
            self._found[key] = len(data), digest_bytes(data)
        return self._found[key]

    def read(self, key: str) -> bytes:
        return self._images[key]


class DatasetImages(ImageSource):
    """A column of images of a `datasets.Dataset`; the key of an image is the number of its row."""

    def __init__(self, dataset: Any, column: str, name: str) -> None:
        super().__init__(name)
        feature = dataset.features.get(column)
        if feature is None:
            known = ", ".join(dataset.column_names)
            raise InputError(f"cannot open column {column!r}: the data set has {known}")
        if hasattr(feature, "decode"):  # an image: its bytes are wanted, not its pixels
            dataset = dataset.cast_column(column, type(feature)(decode=False))
        self._rows = dataset.select_columns([column]).with_format("arrow")
        self._column, self._mark = column, str(dataset._fingerprint)
        self._sizes: list[int] = []

    def list_keys(self) -> Iterator[str]:
        return (f"{row:09}" for row in range(len(self._rows)))

    def find(self, key: str) -> tuple[int, str]:
        if not self._sizes:
            self._sizes = [
                size for batch in self._rows.iter(_BATCH) for size in self._measure(batch)
            ]
        return self._sizes[self._row(key)], f"{self._mark}:{key}"

    def read(self, key: str) -> bytes:
        row = self._row(key)
        value = self._rows[row : row + 1].column(self._column)[0].as_py()
        if isinstance(value, Mapping):
            data, path = value["bytes"], value["path"]
            value = Path(path).read_bytes() if data is None and path else data
        if not isinstance(value, bytes):
            raise OSError(errno.EINVAL, f"row {row} has no image", key)
        return value

    def _row(self, key: str) -> int:
        if not key.isdecimal() or int(key) >= len(self._rows):
            raise KeyError(key)
        return int(key)

    def _measure(self, table: Any) -> list[int]:
        """Return the bytes of the images of an Arrow table, without copying them."""
        import pyarrow.compute as pc

        values = table.column(self._column)
        paths: list[str | None] = [None] * len(values)
        if hasattr(values.type, "fields"):  # a struct of bytes and path
            paths = pc.struct_field(values, "path").to_pylist()
            values = pc.struct_field(values, "bytes")
        sizes = pc.binary_length(values).to_pylist()
        return [
            size if size is not None else _size_of(path)
            for size, path in zip(sizes, paths, strict=True)
        ]


def open_images(images: Mapping[str, bytes], *, name: str = "images") -> ImageSource:
    """Return images in memory as a root for `dedupe.scan`.

    Args:
        images: bytes of image files by name. Each is read when it is listed, when it is embedded
            and when it is verified; a mapping that loads them is enough.
        name: of the root; the paths in a report are `images://NAME/KEY`.

    Raises:
        UsageError: the name is empty or has a slash.
    """
    return MappedImages(images, name)


def open_dataset(dataset: Any, column: str = "image", *, name: str = "dataset") -> ImageSource:
    """Return a column of a Hugging Face data set as a root for `dedupe.scan`.

    Args:
        dataset: a `datasets.Dataset`.
        column: of images (`datasets.Image`) or of bytes of image files.
        name: of the root; the path of row 7 is `images://NAME/000000007`.

    Raises:
        InputError: the data set has no such column.
        UsageError: the name is empty or has a slash.
    """
    return DatasetImages(dataset, column, name)


def find_source(url: str) -> tuple[ImageSource, str]:
    """Return the source of a path, and the key of an image or "".

    Raises:
        FileNotFoundError: this process has no such source.
    """
    place, _, key = url.removeprefix(SCHEME).partition("/")
    source = _SOURCES.get(SCHEME + place)
    if source is None:
        raise FileNotFoundError(errno.ENOENT, "these images are not open in this process", url)
    return source, key


def _size_of(path: str | None) -> int:
    return Path(path).stat().st_size if path and Path(path).is_file() else 0
