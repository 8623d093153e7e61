"""The end of an unattended run, sent to a URL and written for Prometheus, also if it failed.

Counts only: no path of a photo leaves the machine. A notice that cannot be sent is a warning.
"""

from __future__ import annotations

import json
import os
import re
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dedupe.cli.console import console
from dedupe.cli.output import count
from dedupe.cli.run_summary import Clock
from dedupe.distribution import install_hint
from dedupe.errors import DedupeError, ReportError, UsageError
from dedupe.files.marks import METRICS_MARK
from dedupe.files.outputs import check_output
from dedupe.files.replace import replace_file
from dedupe.options import JobOptions

_TIMEOUT = 10.0  # seconds for the server to answer
_READABLE = 0o644  # the collector runs as another user, and the file contains counts only
_SENT = ("images", "groups", "duplicates", "bytes_freed", "skipped", "new", "acted", "seconds")
_PRIVATE = ("to", "run")  # facts of an action that stay on the machine
_SUCCESS = "dedupe_last_success_timestamp_seconds"
_GAUGES: Mapping[str, str] = {
    "dedupe_scan_success": "1 if the last scan came to its end, 0 if it failed.",
    "dedupe_scan_timestamp_seconds": "Unix time of the end of the last scan.",
    _SUCCESS: "Unix time of the end of the last scan that came to its end; 0 for none.",
    "dedupe_scan_duration_seconds": "Wall time of the last scan.",
    "dedupe_images": "Images of the last scan.",
    "dedupe_groups": "Groups of near-duplicates of the last scan.",
    "dedupe_duplicates": "Duplicates of the last scan, by kind.",
    "dedupe_reclaimable_bytes": "Bytes that only duplicates hold.",
    "dedupe_skipped_files": "Files that the last scan skipped, by reason.",
    "dedupe_acted_files": "Files that the last scan moved, trashed, linked or deleted.",
}


def check_notify(url: str) -> None:
    """Reject a URL that nothing here can send to.

    Raises:
        UsageError: the text is not a URL, or apprise is needed and not installed.
    """
    scheme = urllib.parse.urlsplit(url).scheme
    if not scheme:
        raise UsageError("--notify needs a URL, such as https://ntfy.sh/TOPIC")
    if scheme not in ("http", "https"):
        _apprise()


@contextmanager
def announcing(job: JobOptions, clock: Clock, facts: dict[str, Any]) -> Iterator[None]:
    """Announce the end of a run: with `facts`, which the run fills in, or with its error."""
    try:
        yield
    except BaseException as error:
        reason = str(error) if isinstance(error, DedupeError) else type(error).__name__
        with suppress(DedupeError):  # the first error is the one to report
            announce(job, {"seconds": clock.seconds}, error=reason)
        raise
    announce(job, facts)


def announce(job: JobOptions, facts: Mapping[str, Any], *, error: str = "") -> None:
    """Write the metrics and send the notice of a run, as far as the options name a place.

    Args:
        facts: of the summary, see docs/formats.md, and `kinds`: duplicates by kind.
        error: why the run failed; empty if it did not.

    Raises:
        ReportError: the metrics cannot be written.
    """
    if job.metrics:
        write_metrics(os.fspath(job.metrics), facts, failed=bool(error))
    if job.notify:
        try:
            send(job.notify, facts, error=error)
        except (OSError, ValueError) as trouble:
            host = urllib.parse.urlsplit(job.notify).hostname  # the rest may be a secret
            console.warn(f"cannot notify {host}: {getattr(trouble, 'reason', None) or trouble}")


def send(url: str, facts: Mapping[str, Any], *, error: str = "") -> None:
    """Send the counts of a run: a POST of JSON, or through apprise for other kinds of URL.

    Raises:
        OSError: the server cannot be reached or rejects the notice.
        ValueError: apprise rejects the URL.
    """
    notice = describe(facts, error)
    if urllib.parse.urlsplit(url).scheme in ("http", "https"):
        from urllib.request import Request, urlopen  # load http and ssl: not for --help

        body = json.dumps(notice).encode("ascii")
        headers = {"Content-Type": "application/json", "User-Agent": "dedupe"}
        request = Request(url, body, headers, method="POST")
        with urlopen(request, timeout=_TIMEOUT):
            return
    sender = _apprise().Apprise()
    if not sender.add(url):
        raise ValueError("apprise does not know this kind of URL")
    if not sender.notify(title=notice["title"], body=notice["message"]):
        raise OSError("apprise could not deliver the notice")


def describe(facts: Mapping[str, Any], error: str = "") -> dict[str, Any]:
    """Return a notice: a title, a message, `status` (done or failed), and the counts."""
    counts = {name: facts[name] for name in _SENT if name in facts}
    if isinstance(counts.get("acted"), Mapping):
        counts["acted"] = {k: v for k, v in counts["acted"].items() if k not in _PRIVATE}
    nouns = ("image", "group", "duplicate")
    message = error or ", ".join(count(counts.get(f"{noun}s", 0), noun) for noun in nouns)
    return {
        "title": "dedupe failed" if error else "dedupe is done",
        "message": message,
        "status": "failed" if error else "done",
        **counts,
    }


def write_metrics(path: str, facts: Mapping[str, Any], *, failed: bool) -> None:
    """Write the counts of a run in the text format of Prometheus, whole or not at all.

    Raises:
        ReportError: the file cannot be written.
        UsageError: the path holds a file that dedupe did not write as metrics.
    """
    check_output(path, "metrics")
    now = round(time.time(), 3)
    values: dict[str, Any] = {
        "dedupe_scan_success": int(not failed),
        "dedupe_scan_timestamp_seconds": now,
        _SUCCESS: _last_success(path) if failed else now,
        "dedupe_scan_duration_seconds": facts.get("seconds", 0),
    }
    if not failed:
        values |= {
            "dedupe_images": facts["images"],
            "dedupe_groups": facts["groups"],
            "dedupe_duplicates": {("kind", k): n for k, n in facts["kinds"].items()},
            "dedupe_reclaimable_bytes": facts["bytes_freed"],
            "dedupe_skipped_files": {("reason", r): n for r, n in facts["skipped"].items()},
            "dedupe_acted_files": facts.get("acted", {}).get("files", 0),
        }
    try:
        replace_file(path, (line.encode("utf-8") for line in _lines(values)), mode=_READABLE)
    except OSError as error:
        raise ReportError(f"cannot write the metrics {path}: {error.strerror}") from error


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    yield METRICS_MARK.decode("ascii") + "\n"
    for name, value in values.items():
        yield f"# HELP {name} {_GAUGES[name]}\n# TYPE {name} gauge\n"
        if isinstance(value, Mapping):
            for (label, text), number in value.items():
                escaped = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
                yield f'{name}{{{label}="{escaped}"}} {number}\n'
        else:
            yield f"{name} {value}\n"


def _last_success(path: str) -> float:
    """Return the time of the last success that earlier metrics contain; 0 for none."""
    try:
        found = re.search(rf"^{_SUCCESS} ([0-9.]+)$", Path(path).read_text("utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return 0.0
    return float(found[1]) if found else 0.0


def _apprise() -> Any:
    try:
        import apprise
    except ImportError as error:
        raise UsageError(
            f"--notify sends to http and https; other URLs need apprise: {install_hint('notify')}"
        ) from error
    return apprise
