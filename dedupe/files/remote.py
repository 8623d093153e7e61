"""Files behind URLs of fsspec (s3://, gs://, memory:// ...): list, read by ranges, write whole.

Needs the extra `url`. Knows no image.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dedupe.distribution import install_hint
from dedupe.errors import InputError, one_line
from dedupe.files.digest import digest_bytes

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two letters at least: C: is a drive
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")
_VERSIONS = ("ETag", "etag", "md5Hash", "checksum", "sha", "generation", "version")
_RANGE = 8 << 20  # bytes of one request of a long range


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """An object, as its store lists it."""

    url: str
    size: int  # bytes
    mtime_ns: int  # nanoseconds since the epoch; 0 if the store has no times
    version: int  # 60 bits of the store's own mark of the content; 0 if it has none


def is_url(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a URL: `s3://bucket/photos`."""
    return isinstance(path, str) and _URL.match(path) is not None


def absolute(path: str | os.PathLike[str]) -> str:
    """Return a path as an absolute one; a URL as it is, and `file://` as a path."""
    text = os.fspath(path)
    if text.lower().startswith("file://"):
        return os.path.abspath(text[len("file://") :])
    return text if is_url(text) else os.path.abspath(text)


def list_files(url: str, *, missing_ok: bool = False) -> tuple[str, list[RemoteFile]]:
    """Return the URL as its store writes it, and its object or all objects below it, in any order.

    Raises:
        InputError: the store cannot be reached, or there is nothing and that is not `missing_ok`.
    """
    system, path = open_system(url)
    try:
        found = system.find(path, detail=True)
        exists = bool(found) or missing_ok or system.exists(path)
        root = str(system.unstrip_protocol(path)).rstrip("/")
        files = [_describe(system, name, info) for name, info in found.items()]
    except Exception as error:
        raise InputError(f"cannot scan {url}: {_words(error)}") from error
    if not exists:
        raise InputError(f"cannot scan {url}: it does not exist; check the spelling")
    return root, files


def find_file(url: str) -> RemoteFile:
    """Return the object of a URL as its store has it now.

    Raises:
        OSError: there is none, it is a folder, or the store cannot be reached.
    """
    system, path = open_system(url)
    with _OsErrors(url):
        info = system.info(path)
        if info.get("type") == "directory":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), url)
        return _describe(system, path, info)


def read_range(url: str, start: int, end: int) -> bytes:
    """Read bytes [start, end) of an object, or to its end; long ranges in parts at the same time.

    Raises:
        OSError: there is none, or the store cannot be reached.
    """
    system, path = open_system(url)
    starts = list(range(start, end, _RANGE))
    with _OsErrors(url):
        if len(starts) == 1:
            try:
                return bytes(system.cat_file(path, start=start, end=end))
            except (OSError, ValueError):  # an empty object has no range
                if system.info(path)["size"]:
                    raise
                return b""
        ends = [min(one + _RANGE, end) for one in starts]
        return b"".join(system.cat_ranges([path] * len(starts), starts, ends, on_error="raise"))


def read_object(url: str) -> bytes:
    """Return all bytes of an object.

    Raises:
        OSError: there is none, or the store cannot be reached.
    """
    size = find_file(url).size
    return read_range(url, 0, size) if size else b""


def write_file(url: str, data: bytes) -> None:
    """Write an object whole, in one request where the store has such.

    Raises:
        OSError: it cannot be written.
    """
    system, path = open_system(url)
    with _OsErrors(url):
        system.pipe_file(path, data)


def remove_object(url: str) -> None:
    """Remove an object that dedupe wrote.

    Raises:
        OSError: it cannot be removed.
    """
    system, path = open_system(url)
    with _OsErrors(url):
        system.rm_file(path)


def open_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, without cached listings, and the path in it.

    Raises:
        InputError: fsspec or the library of the scheme is not installed, or it is unknown.
    """
    scheme = url.partition("://")[0]
    try:
        fsspec = importlib.import_module("fsspec")
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise InputError(f"cannot open {url}: {_words(error)}; {install_hint('url')}") from error
    except ValueError as error:
        raise InputError(f"cannot open {url}: {scheme}:// is unknown: {_words(error)}") from error
    return system, path


def _describe(system: Any, name: str, info: dict[str, Any]) -> RemoteFile:
    time = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    mark = next((info[key] for key in _VERSIONS if info.get(key) is not None), None)
    version = int(digest_bytes(str(mark).encode())[:15], 16) if mark is not None else 0
    url = system.unstrip_protocol(name)
    return RemoteFile(url, int(info.get("size") or 0), _to_ns(time), version)


def _to_ns(time: Any) -> int:
    """Return a time of a listing in nanoseconds since the epoch; 0 if it is unknown."""
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return 0
    if isinstance(time, datetime):
        aware = time if time.tzinfo else time.replace(tzinfo=UTC)
        return (aware - _EPOCH) // timedelta(microseconds=1) * 1000
    return round(time * 1e6) * 1000 if isinstance(time, int | float) else 0


class _OsErrors:
    """Raises whatever a store raises as an OSError with one line of words."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, raised: BaseException | None, _trace: object) -> None:
        if isinstance(raised, OSError) and raised.strerror:
            return
        if isinstance(raised, Exception):
            kind = type(raised) if isinstance(raised, OSError) else OSError
            number = getattr(raised, "errno", None) or errno.EIO
            raise kind(number, _words(raised), self._url) from raised


def _words(error: Exception) -> str:
    return one_line(error) or type(error).__name__
