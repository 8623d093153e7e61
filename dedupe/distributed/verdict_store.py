"""Parquet parts of verdicts and evidence: written by the task that found them, for the next scan.

A row is about a pair of contents. Versions of verifier and measurements are part of it.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from dedupe.distributed.parts import SUFFIX, join, list_parts, open_part, write_part
from dedupe.distributed.task_index import TaskIndex
from dedupe.errors import DedupeWarning, one_line
from dedupe.files.digest import digest_bytes
from dedupe.types import Verdict

_SCHEMA = pa.schema(
    [
        ("first", pa.string()),  # digests of the pair, ascending
        ("second", pa.string()),
        ("version", pa.int64()),  # of what found it
        ("near", pa.binary()),  # nine float64 from which evidence was measured; null: a verdict
        ("value", pa.string()),  # JSON
    ]
)
_ROWS = 1 << 16  # of a row group


@dataclass(frozen=True, slots=True)
class VerdictStore:
    """The folder of these parts."""

    folder: str

    def read(self) -> Known:
        """Read all parts. A damaged part is left out with a warning."""
        tables = [_read(path) for path in list_parts(self.folder)]
        return Known(pa.concat_tables([_SCHEMA.empty_table(), *tables]).combine_chunks())

    def read_part(self, digests: Sequence[str]) -> Any:
        """Return the table that was written for some contents; an empty one for none."""
        path = self._path(digests)
        return _read(path) if path in list_parts(os.path.dirname(path)) else _SCHEMA.empty_table()

    def _path(self, digests: Sequence[str]) -> str:
        name = digest_bytes("\n".join(digests).encode())
        return join(self.folder, name[:2], name + SUFFIX)

    def write(self, digests: Sequence[str], index: TaskIndex) -> None:
        """Write all that a task knows of its contents; the name depends on these only.

        Raises:
            EngineError: the part cannot be written.
        """
        write_part(self._path(digests), _to_table(index), rows=_ROWS)


def _read(path: str) -> Any:
    """Return the table of a part; an empty one, with a warning, if it is damaged."""
    try:
        with open_part(path) as file:
            return file.read().select(_SCHEMA.names).cast(_SCHEMA)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        warnings.warn(
            f"the part {path} cannot be used: {one_line(error)}; its pairs are verified again",
            DedupeWarning,
            stacklevel=3,
        )
        return _SCHEMA.empty_table()


class Known:
    """Verdicts and evidence of earlier scans, (R,) rows of a table."""

    def __init__(self, table: Any) -> None:
        self._table = table
        digests = table["first"].to_numpy(zero_copy_only=False).astype(str)
        self._order = np.argsort(digests, kind="stable")  # (R,)
        self._first = digests[self._order]

    def select(self, digests: Collection[str]) -> Any:
        """Return the rows about pairs of some contents, as a table."""
        wanted = np.array(sorted(digests), dtype=str)
        starts = np.searchsorted(self._first, wanted, "left")
        ends = np.searchsorted(self._first, wanted, "right")
        spans = [np.arange(a, b) for a, b in zip(starts, ends, strict=True) if a < b]
        rows = self._order[np.concatenate([np.empty(0, np.int64), *spans])]
        some = self._table.take(pa.array(rows))
        among = [digest in digests for digest in some["second"].to_pylist()]
        return some.filter(pa.array(among, pa.bool_()))


def load(index: TaskIndex, table: Any) -> None:
    """Add the rows of a table to the index of a task."""
    for row in table.to_pylist():
        pair = row["first"], row["second"]
        if row["near"] is None:
            is_copy, score, how, level, matrix = json.loads(row["value"])
            verdict = Verdict(is_copy, score, how, level, tuple(matrix) if matrix else None)
            index.remember_verdicts({pair: verdict}, row["version"])
        else:
            near = tuple(np.frombuffer(row["near"], np.float64).tolist())
            index.remember_evidence(pair, row["version"], near, row["value"])
    index.has_news = False


def _to_table(index: TaskIndex) -> Any:
    rows: list[dict[str, Any]] = []
    for ((first, second), version), v in sorted(index.verdicts.items(), key=lambda item: item[0]):
        value = json.dumps([v.is_copy, v.score, v.how, v.level, v.matrix])
        rows.append(
            {"first": first, "second": second, "version": version, "near": None, "value": value}
        )
    for ((first, second), version, near), value in sorted(index.evidence.items()):
        mark = np.array(near, np.float64).tobytes()
        rows.append(
            {"first": first, "second": second, "version": version, "near": mark, "value": value}
        )
    return pa.Table.from_pylist(rows, _SCHEMA)
