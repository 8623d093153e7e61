"""The kinds of output, each recognised by the first and last bytes of a file.

Reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal

OutputKind = Literal[
    "report",
    "summary",
    "lock",
    "log",
    "figure",
    "plot",
    "index",
    "job",
    "decisions",
    "metrics",
    "vectors",
]

_PNG = b"\x89PNG\r\n\x1a\n"
APPLICATION_ID = 0x64647570  # "ddup", at byte 68 of an index: SQLite's application_id
JSON_ROW_MARK = b'{"group": '  # the first bytes of a report as JSON Lines
PARQUET_MARK = b"PAR1"  # the first and last bytes of every Parquet file
PARQUET_KIND = b"dedupe report"  # in the metadata at the end of a report as Parquet
VECTORS_KIND = b"dedupe vectors"  # likewise, of vectors
HTML_MARK = b"<!doctype html><!-- dedupe report -->"  # the first bytes of a report as HTML
METRICS_MARK = b"# dedupe metrics"  # the first line of metrics


def _is_report(content: bytes) -> bool:
    return bool(
        content.startswith(
            (b"group,role,path,keeper,", HTML_MARK, JSON_ROW_MARK + b'1, "role": "keep"')
        )
        or re.match(rb'\{\s*"version": \d+,\s*"generated_by": "dedupe ', content)
        or (content.startswith(PARQUET_MARK) and PARQUET_KIND in content)
    )


def _is_summary(content: bytes) -> bool:
    return bool(re.match(rb'\{\s*"version": "[^"]*",\s*"started": "', content))


def is_lock(content: bytes) -> bool:
    """Return whether a file contains what `dedupe.files.lock` writes, or nothing."""
    return not content or bool(re.match(rb'\{"pid": \d+, "host": "[^"]*", "since": "', content))


def _is_log(content: bytes) -> bool:
    return bool(re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} [A-Z]+ ", content))


def _is_figure(content: bytes) -> bool:
    return content.startswith(_PNG) and b"tEXtSoftware\0dedupe explain" in content


def _is_plot(content: bytes) -> bool:
    if content.startswith(_PNG):
        return b"tEXtSoftware\0dedupe" in content
    svg = content.startswith(b"<?xml") and b"<dc:title>dedupe</dc:title>" in content
    return svg or (content.startswith(b"%PDF-") and b"/Creator (dedupe)" in content)


def is_index(content: bytes) -> bool:
    """Return whether a file begins as an index does, also if a part of its head is damaged."""
    return content[68:72] == APPLICATION_ID.to_bytes(4, "big")


def is_wal(content: bytes) -> bool:
    """Return whether a file begins as a write-ahead log of SQLite."""
    return content[:4] in (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")


def is_rollback_journal(content: bytes) -> bool:
    """Return whether a file begins as a rollback journal of SQLite, also a finished one."""
    return content.startswith(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7") or not any(content[:8])


def _is_job(content: bytes) -> bool:
    text = content.replace(b"\0", b"")  # the definition of a Windows task is UTF-16
    kinds = (b"[Unit]", b"<string>dedupe.", b"<Task ")
    return b"dedupe" in text and any(kind in text for kind in kinds)


def _is_decisions(content: bytes) -> bool:
    mark = b'{"what": "dedupe decisions"'
    return content[: len(mark)] == mark[: len(content)]  # a kill may have cut the first line


def _is_metrics(content: bytes) -> bool:
    return content.startswith(METRICS_MARK)


IS_OURS: Mapping[OutputKind, Callable[[bytes], bool]] = {
    "report": _is_report,
    "summary": _is_summary,
    "lock": is_lock,
    "log": _is_log,
    "figure": _is_figure,
    "plot": _is_plot,
    "index": is_index,
    "job": _is_job,
    "decisions": _is_decisions,
    "metrics": _is_metrics,
    "vectors": lambda content: content.startswith(PARQUET_MARK) and VECTORS_KIND in content,
}
