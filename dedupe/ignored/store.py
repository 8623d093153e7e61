"""Store the decisions of a person that files are not duplicates.

A writer holds a lock and replaces the file as a whole. Damage is an error: to skip a line would
lose a decision.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from dedupe.errors import ApplyError, InputError, UsageError
from dedupe.files.digest import digest_file
from dedupe.files.lock import hold_lock
from dedupe.files.paths import USER_FILE, StrPath, UserFile
from dedupe.files.replace import replace_file
from dedupe.ignored.decision import DIGEST, Decision, KnownFile, format_lines, parse_line
from dedupe.ignored.pairs import IgnoredPairs, pairs_of

Place = StrPath | UserFile
"""The file of the ignored pairs; `USER_FILE` for that of the user."""


def default_ignored_path() -> Path:
    """Return the default file of the ignored pairs, in the state directory of the user."""
    return platformdirs.user_state_path("dedupe", appauthor=False) / "ignored.jsonl"


def find_ignored(
    ignored: StrPath | Iterable[Collection[str]] | UserFile | None = USER_FILE,
) -> IgnoredPairs:
    """Return the ignored pairs of a file, or of the caller.

    Args:
        ignored: the file that contains them, `USER_FILE` for the user's; or the pairs themselves,
            each two digests in any order, or more digests that are pairwise ignored; None for none.

    Raises:
        UsageError: the value is neither a file nor pairs of digests.
        InputError: the file cannot be read, does not exist although it was named, or is damaged.
    """
    if ignored is None:
        return IgnoredPairs(())
    if ignored is USER_FILE:
        return pairs_of(read_decisions())
    if isinstance(ignored, str | os.PathLike):
        return pairs_of(read_decisions(ignored))
    sets = [frozenset(() if isinstance(pair, str) else pair) for pair in ignored]
    if any(len(some) < 2 or not all(map(DIGEST.fullmatch, some)) for some in sets):
        raise UsageError("ignored pairs are two digests of 32 hex digits each, or a file of them")
    return IgnoredPairs((some, "apart") for some in sets)


def read_decisions(place: Place = USER_FILE) -> tuple[Decision, ...]:
    """Read the decisions, the oldest one first.

    Args:
        place: the file; that of the user need not exist yet.

    Raises:
        InputError: the file cannot be read, does not exist although it was named, or is damaged.
    """
    return _read(_path(place), may_miss=place is USER_FILE)


def known_file(path: StrPath) -> KnownFile:
    """Return a file as it is remembered: its content digest and its absolute path.

    Raises:
        InputError: it is not a file, or cannot be read.
    """
    if not os.path.isfile(path):
        raise InputError(f"{os.fspath(path)} is not a file")
    try:
        return KnownFile(digest_file(os.fspath(path)), os.path.abspath(os.fspath(path)))
    except OSError as error:
        raise InputError(f"cannot read {os.fspath(path)}: {error.strerror}") from error


def ignore_files(*paths: StrPath, place: Place = USER_FILE) -> int:
    """Remember that no two of some files are duplicates: no scan reports one as a copy of another.

    The contents are remembered, so the files may be moved and renamed.

    Args:
        paths: two files or more with different contents.
        place: the file to write, created if needed.

    Returns:
        Number of pairs that were not ignored before.

    Raises:
        UsageError: all files have the same bytes, or there is only one.
        InputError: a file cannot be read, or `place` is damaged.
        LockedError: another run is writing it.
    """
    return remember(map(known_file, paths), place)


def forget_files(*paths: StrPath, place: Place = USER_FILE) -> int:
    """Forget that some files are not duplicates: the inverse of `ignore_files`.

    Returns:
        Number of pairs that were ignored until now.

    Raises:
        InputError: a file cannot be read, or `place` is damaged or does not exist.
        LockedError: another run is writing it.
    """
    files = {file.digest: file for file in map(known_file, paths)}
    return forget(tuple(files.values()), place)


def remember(files: Iterable[KnownFile], place: Place = USER_FILE) -> int:
    """Add the decision that every two of some files are not duplicates, and update their paths.

    Args:
        files: two or more contents; files with the same content count as the first of them.
        place: the file to write, which is created if necessary.

    Returns:
        How many pairs were not ignored before.

    Raises:
        UsageError: all the files have the same content.
        InputError: the file is damaged, or cannot be read or written.
        LockedError: another run is writing it.
    """
    known: dict[str, KnownFile] = {}
    for file in files:
        known.setdefault(file.digest, file)
    if len(known) < 2:
        raise UsageError("the same bytes are the same picture: there is no pair to ignore")
    with _held(place) as path:
        decisions = [
            replace(old, files=tuple(known.get(file.digest, file) for file in old.files))
            for old in _read(path, may_miss=True)
        ]
        fresh = len(known) * (len(known) - 1) // 2 - pairs_of(decisions).count(known)
        if fresh:
            decisions = _decide(decisions, Decision(tuple(known.values()), _now()))
        replace_file(str(path), format_lines(decisions))
    return fresh


def forget(files: Collection[KnownFile], place: Place = USER_FILE) -> int:
    """Revoke that any two of some files are not duplicates; pairs with other files stay.

    Args:
        files: two or more contents, each once.
        place: the file to write.

    Returns:
        How many pairs were ignored before.

    Raises:
        InputError: the file is damaged, cannot be read or written, or was named and is not there.
        LockedError: another run is writing it.
    """
    read_decisions(place)  # a misspelt name must not leave a lock file
    with _held(place) as path:
        decisions = list(_read(path, may_miss=True))
        forgotten = pairs_of(decisions).count([file.digest for file in files])
        if forgotten:
            fresh = Decision(tuple(files), _now(), "forgotten")
            replace_file(str(path), format_lines(_decide(decisions, fresh)))
    return forgotten


def _decide(decisions: Sequence[Decision], fresh: Decision) -> list[Decision]:
    """Append a decision, without those that it replaces; drop it if it then has no effect."""
    others = [old for old in decisions if not old.contents <= fresh.contents]
    needed = fresh.said == "apart" or pairs_of(others).count(fresh.contents)
    return [*others, fresh] if needed else others


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _path(place: Place) -> Path:
    return default_ignored_path() if place is USER_FILE else Path(os.path.realpath(place))


@contextmanager
def _held(place: Place) -> Iterator[Path]:
    """Hold the lock beside the file; create its folder if necessary."""
    path = _path(place)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_lock(path.with_name(f"{path.name}.lock")):
            yield path
    except (OSError, ApplyError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot write the ignored pairs {path}: {why}") from error


def _read(path: Path, *, may_miss: bool) -> tuple[Decision, ...]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError as error:
        if may_miss:
            return ()
        raise InputError(f"there are no ignored pairs at {path}: no such file") from error
    except OSError as error:
        raise InputError(f"cannot read the ignored pairs {path}: {error.strerror}") from error
    decisions = []
    for number, line in enumerate(lines, start=1):
        try:
            decisions += parse_line(number, line)
        except (ValueError, RecursionError) as error:
            why = "it is not JSON" if isinstance(error, json.JSONDecodeError) else error
            raise InputError(
                f"cannot trust the ignored pairs {path}: line {number}: {why}; "
                "repair the file, or choose another with --ignored"
            ) from error
    return tuple(decisions)
