"""Decisions of a person about files that are not duplicates, and the lines that hold them.

JSON Lines in ASCII (a name that is not UTF-8 is written with the `\\udcXX` escapes that Python
reads back). The first line identifies the file; each further line is a decision about some files.
If two decisions are about one pair, the later one counts:

    {"since": ISO 8601, "apart": [{"digest": 32 hex digits, "path": last known path}, ...]}
    {"since": ISO 8601, "forgotten": [...]}

A decision is about every pair of its files, so that N files need N entries, not N². Only the
digests count; the paths are for the reader, because files move and get other names.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from dedupe.files.digest import DIGEST_NAME

Said = Literal["apart", "forgotten"]

_HEAD = {"what": "files that are not duplicates", "version": 1, "digest": DIGEST_NAME}
DIGEST = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A content, and the path of a file that had it at the last decision."""

    digest: str  # see dedupe.files.digest
    path: str  # absolute

    def __post_init__(self) -> None:
        if not DIGEST.fullmatch(self.digest):
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


def parse_line(number: int, line: bytes) -> list[Decision]:
    """Return the decision of a line; none for the first line, which identifies the file.

    Args:
        number: of the line, from 1.

    Raises:
        ValueError: it is not a line that `format_lines` writes.
        RecursionError: it is nested too deep.
    """
    facts: Any = json.loads(line)
    if number == 1:
        if facts != _HEAD:
            raise ValueError(
                "it is not a file of ignored pairs that this version of dedupe can read"
            )
        return []
    try:
        said: Said = "forgotten" if "forgotten" in facts else "apart"
        files = tuple(KnownFile(file["digest"], file["path"]) for file in facts[said])
        return [Decision(files, facts["since"], said)]
    except (TypeError, KeyError) as error:
        raise ValueError("it does not contain files with digests and paths") from error


def format_lines(decisions: Iterable[Decision]) -> Iterator[bytes]:
    """Yield the lines of a file of decisions."""
    yield json.dumps(_HEAD).encode("ascii") + b"\n"
    for decision in decisions:
        files = [{"digest": file.digest, "path": file.path} for file in decision.files]
        line = {"since": decision.since, decision.said: files}
        yield json.dumps(line).encode("ascii") + b"\n"
