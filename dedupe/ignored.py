"""Store the pairs of contents that a person ruled out as duplicates.

A small file of JSON Lines in ASCII (a name that is not UTF-8 is written with the `\\udcXX` escapes
that Python reads back). The first line identifies the file; each further line is a decision about
some files. If two decisions are about one pair, the later one counts:

    {"since": ISO 8601, "apart": [{"digest": 32 hex digits, "path": last known path}, ...]}
    {"since": ISO 8601, "forgotten": [...]}

A decision is about every pair of its files, so that N files need N entries, not N². Only the
digests count; the paths are for the reader, because files move and get other names. A writer
holds a lock and replaces the file as a whole. Damage is an error: to skip a line would lose the
decision of a person.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import platformdirs

from dedupe.errors import ApplyError, InputError, UsageError
from dedupe.files.digest import DIGEST_NAME, digest_file
from dedupe.files.lock import hold_lock
from dedupe.files.paths import USER_FILE, StrPath, UserFile
from dedupe.files.replace import replace_file
from dedupe.types import Pairs

Place = StrPath | UserFile
"""The file of the ignored pairs; `USER_FILE` for that of the user."""

Said = Literal["apart", "forgotten"]

_HEAD = {"what": "files that are not duplicates", "version": 1, "digest": DIGEST_NAME}
_DIGEST = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A content, and the path of a file that had it at the last decision."""

    digest: str  # see dedupe.files.digest
    path: str  # absolute

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.digest):
            raise ValueError(f"digest {self.digest!r:.60} is not 32 hex digits")
        if not os.path.isabs(self.path) or "\0" in self.path:
            raise ValueError(f"the path {self.path!r:.60} is not absolute")
        try:
            os.fsencode(self.path)
        except UnicodeEncodeError as error:
            raise ValueError(f"the path {self.path!r:.60} cannot be a file name") from error


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision of a person about every pair of some files."""

    files: tuple[KnownFile, ...]  # two or more contents, each once
    since: str  # UTC, ISO 8601
    said: Said = "apart"

    def __post_init__(self) -> None:
        if len(self.files) < 2 or len(self.contents) < len(self.files):
            raise ValueError("it does not name two or more different contents")
        datetime.fromisoformat(self.since)

    @property
    def contents(self) -> frozenset[str]:
        """The digests of the files."""
        return frozenset(file.digest for file in self.files)


class IgnoredPairs:
    """The pairs of contents that are not duplicates."""

    def __init__(self, decisions: Iterable[tuple[Collection[str], Said]]) -> None:
        """Index decisions about every pair of some digests, in order of time."""
        self._said: list[Said] = []
        self._about: dict[str, set[int]] = {}  # positions of decisions, by digest
        for position, (contents, said) in enumerate(decisions):
            self._said.append(said)
            for digest in contents:
                self._about.setdefault(digest, set()).add(position)

    def are_apart(self, first: str, second: str) -> bool:
        """Return whether the last decision about two digests rules them out as duplicates."""
        shared = self._about.get(first, set()) & self._about.get(second, set())
        return first != second and bool(shared) and self._said[max(shared)] == "apart"

    def count(self, contents: Collection[str]) -> int:
        """Return how many pairs of some digests are ignored."""
        named = [digest for digest in contents if digest in self._about]
        return sum(self.are_apart(*pair) for pair in combinations(named, 2))

    def drop_from(self, pairs: Pairs, digests: Sequence[str]) -> Pairs:
        """Return the pairs of rows without those that are ignored.

        Args:
            pairs: rows of N files.
            digests: content digest of each of the N rows.
        """
        import numpy as np  # takes a tenth of a second; `dedupe --help` needs none of it

        named = np.array([digest in self._about for digest in digests], bool)  # (N,)
        keep = np.ones(len(pairs), bool)
        for place in np.flatnonzero(named[pairs.left] & named[pairs.right]):
            left, right = int(pairs.left[place]), int(pairs.right[place])
            keep[place] = not self.are_apart(digests[left], digests[right])
        return Pairs(pairs.left[keep], pairs.right[keep], pairs.distance[keep])


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
        return _pairs_of(read_decisions())
    if isinstance(ignored, str | os.PathLike):
        return _pairs_of(read_decisions(ignored))
    sets = [frozenset(() if isinstance(pair, str) else pair) for pair in ignored]
    if any(len(some) < 2 or not all(map(_DIGEST.fullmatch, some)) for some in sets):
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
        fresh = len(known) * (len(known) - 1) // 2 - _pairs_of(decisions).count(known)
        if fresh:
            decisions = _decide(decisions, Decision(tuple(known.values()), _now()))
        _write(path, decisions)
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
        forgotten = _pairs_of(decisions).count([file.digest for file in files])
        if forgotten:
            _write(path, _decide(decisions, Decision(tuple(files), _now(), "forgotten")))
    return forgotten


def _decide(decisions: Sequence[Decision], fresh: Decision) -> list[Decision]:
    """Append a decision, without those that it replaces; drop it if it then has no effect."""
    others = [old for old in decisions if not old.contents <= fresh.contents]
    needed = fresh.said == "apart" or _pairs_of(others).count(fresh.contents)
    return [*others, fresh] if needed else others


def _pairs_of(decisions: Iterable[Decision]) -> IgnoredPairs:
    return IgnoredPairs((decision.contents, decision.said) for decision in decisions)


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
            decisions += [_parse(line)] if number > 1 else _check_head(line)
        except (ValueError, RecursionError) as error:
            why = "it is not JSON" if isinstance(error, json.JSONDecodeError) else error
            raise InputError(
                f"cannot trust the ignored pairs {path}: line {number}: {why}; "
                "repair the file, or choose another with --ignored"
            ) from error
    return tuple(decisions)


def _check_head(line: bytes) -> list[Decision]:
    if json.loads(line) != _HEAD:
        raise ValueError("it is not a file of ignored pairs that this version of dedupe can read")
    return []


def _parse(line: bytes) -> Decision:
    facts: Any = json.loads(line)
    try:
        said: Said = "forgotten" if "forgotten" in facts else "apart"
        files = tuple(KnownFile(file["digest"], file["path"]) for file in facts[said])
        return Decision(files, facts["since"], said)
    except (TypeError, KeyError) as error:
        raise ValueError("it does not contain files with digests and paths") from error


def _write(path: Path, decisions: Iterable[Decision]) -> None:
    lines: list[dict[str, Any]] = [_HEAD]
    for decision in decisions:
        files = [{"digest": file.digest, "path": file.path} for file in decision.files]
        lines.append({"since": decision.since, decision.said: files})
    replace_file(str(path), (json.dumps(line).encode("ascii") + b"\n" for line in lines))
