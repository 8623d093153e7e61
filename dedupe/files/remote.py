"""Objects: files behind URLs of fsspec, members of tars, images of this process. Knows no image.

URLs (s3://, gs://, memory:// ...) need the extra `url`. They are read by ranges and written whole.
"""

from __future__ import annotations

import errno
import functools
import importlib
import os
import re
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dedupe.distribution import install_hint
from dedupe.errors import InputError, one_line
from dedupe.files.archive import Member, has_archive_name, read_members, split_member
from dedupe.files.digest import digest_bytes
from dedupe.files.memory import SCHEME, find_source

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two letters at least: C: is a drive
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")
_VERSIONS = ("ETag", "etag", "md5Hash", "checksum", "sha", "generation", "version")
_RANGE = 8 << 20  # bytes of one request of a long range
_INDEXES = 16  # tars with their members in memory: 2 MB each at 10,000 members


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


def is_object(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a URL or that of a member of a tar: read only, in no folder."""
    return isinstance(path, str) and (is_url(path) or _find_archive(path) is not None)


def is_archive(path: str) -> bool:
    """Return whether a path or URL is that of a tar, which is listed as a folder is."""
    if not has_archive_name(path) or path.startswith(SCHEME):
        return False
    return _exists(path) if is_url(path) else os.path.isfile(path)


def absolute(path: str | os.PathLike[str]) -> str:
    """Return a path as an absolute one; a URL as it is, and `file://` as a path."""
    text = os.fspath(path)
    if text.lower().startswith("file://"):
        return os.path.abspath(text[len("file://") :])
    return text if is_url(text) else os.path.abspath(text)


def list_files(url: str, *, missing_ok: bool = False) -> tuple[str, list[RemoteFile]]:
    """Return the URL as its store writes it, and its object or all objects below it, in any order.

    Args:
        url: also the path of a tar or of a member.
        missing_ok: return nothing if there is nothing.

    Raises:
        InputError: the store cannot be reached, or there is nothing and that is not `missing_ok`.
    """
    try:
        if url.startswith(SCHEME):
            source, key = find_source(url)
            keys = [key] if key else source.list_keys()
            return url, [find_file(f"{source.url}/{key}") for key in keys]
        if is_archive(url):
            return url, [_describe_member(url, name) for name in _open_index(url)]
        if not is_url(url) or _find_archive(url):
            return url, [find_file(url)]
        system, path = open_system(url)
        found = system.find(path, detail=True)
        exists = bool(found) or missing_ok or system.exists(path)
        root = str(system.unstrip_protocol(path)).rstrip("/")
        files = [_describe(system, name, info) for name, info in found.items()]
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"cannot scan {url}: {_words(error)}") from error
    if not exists:
        raise InputError(f"cannot scan {url}: it does not exist; check the spelling")
    return root, files


def find_file(url: str) -> RemoteFile:
    """Return the object of a URL, or the member of a tar, as its store has it now.

    Raises:
        OSError: there is none, it is a folder, or the store cannot be reached.
    """
    if url.startswith(SCHEME):
        with _OsErrors(url):
            source, key = find_source(url)
            size, mark = source.find(key)
            return RemoteFile(url, size, 0, _shorten(mark))
    if inside := _find_archive(url):
        with _OsErrors(url):
            return _describe_member(*inside)
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
    if url.startswith(SCHEME):
        with _OsErrors(url):
            source, key = find_source(url)
            return source.read(key)[start:end]
    if inside := _find_archive(url):
        with _OsErrors(url):
            return _read_member(*inside, start, end)
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


def _find_archive(path: str) -> tuple[str, str] | None:
    """Return the tar and the name of the member at a path; None if it is in no tar."""
    inside = split_member(path)
    return inside if inside and is_archive(inside[0]) else None


def _describe_member(archive: str, name: str) -> RemoteFile:
    tar = _state_of(archive)
    member = _find_member(archive, name)
    mark = f"{tar.size}:{tar.mtime_ns}:{tar.version}:{member.start}"
    return RemoteFile(f"{archive}/{name}", member.size, tar.mtime_ns, _shorten(mark))


def _read_member(archive: str, name: str, start: int, end: int) -> bytes:
    """Read bytes [start, end) of a member, or to its end."""
    member = _find_member(archive, name)
    first = member.start + min(start, member.size)
    last = member.start + min(end, member.size)
    if is_url(archive):
        return read_range(archive, first, last) if last > first else b""
    with open(archive, "rb") as file:  # noqa: PTH123
        file.seek(first)
        return file.read(last - first)


def _find_member(archive: str, name: str) -> Member:
    try:
        return _open_index(archive)[name]
    except KeyError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None


def _open_index(archive: str) -> dict[str, Member]:
    """Return the members of a tar as it is now."""
    state = _state_of(archive)
    return _read_index(archive, state)


@functools.lru_cache(maxsize=_INDEXES)
def _read_index(archive: str, _state: RemoteFile) -> dict[str, Member]:
    try:
        if is_url(archive):
            system, path = open_system(archive)
            with system.open(path, "rb") as stream:
                return read_members(stream)
        with open(archive, "rb") as stream:  # noqa: PTH123
            return read_members(stream)
    except tarfile.TarError as error:
        words = f"it is not a tar without compression: {one_line(error)}"
        raise OSError(errno.EINVAL, words, archive) from error


def _state_of(archive: str) -> RemoteFile:
    if is_url(archive):
        return find_file(archive)
    status = os.stat(archive)
    return RemoteFile(archive, status.st_size, status.st_mtime_ns, status.st_ino)


@functools.lru_cache(maxsize=_INDEXES)
def _exists(url: str) -> bool:
    system, path = open_system(url)
    return bool(system.isfile(path))


def _shorten(mark: str) -> int:
    """Return 60 bits of the digest of a mark."""
    return int(digest_bytes(mark.encode())[:15], 16)


def _describe(system: Any, name: str, info: dict[str, Any]) -> RemoteFile:
    time = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    mark = next((info[key] for key in _VERSIONS if info.get(key) is not None), None)
    version = _shorten(str(mark)) if mark is not None else 0
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
