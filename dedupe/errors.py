"""Every error that stops a run, each with the exit code it ends the command with.

    DedupeError                      1
    ├── UsageError                   2   options that do not fit together
    ├── InputError                   3   roots, photos or ignored pairs that cannot be used
    ├── EncoderError                 4   encoder files or runtime
    │   └── CollapseError            4   training pulled every embedding to one point
    ├── IndexFileError               5   the index of embeddings
    ├── ReportError                  6   a report that cannot be read, written or trusted
    ├── StaleReportError             7   files changed since the report
    ├── ApplyError                   8   a change on disk that failed
    ├── EngineError                  9   the engine that spreads work over machines
    ├── LockedError                 11   another run holds the lock
    └── ScheduleError               12   a scheduler that refuses a job

Trouble with one image is not an error: it is a `dedupe.types.Skipped`, and the run goes on.
"""

from __future__ import annotations

SOME_SKIPPED = 1
DUPLICATES_FOUND = 10
INTERRUPTED = 130


class DedupeError(Exception):
    """Any failure that stops a run; the message says what, which, why and what to do."""

    exit_code = 1


class DedupeWarning(UserWarning):
    """Trouble that a run gets over by itself, for example a damaged index."""


class UsageError(DedupeError):
    """Options that do not fit together or have a value outside their range."""

    exit_code = 2


class InputError(DedupeError):
    """A root that does not exist, photos too few for what was asked, or ignored pairs damaged."""

    exit_code = 3


class EncoderError(DedupeError):
    """An encoder directory that is missing, damaged or does not run on this device."""

    exit_code = 4


class CollapseError(EncoderError):
    """Training that maps every image to the same point."""


class IndexFileError(DedupeError):
    """An index of embeddings that cannot be opened, or was written by another program."""

    exit_code = 5


class ReportError(DedupeError):
    """A report that cannot be written, cannot be read, or contradicts itself."""

    exit_code = 6


class StaleReportError(DedupeError):
    """A report with files that have changed since it was written."""

    exit_code = 7


class ApplyError(DedupeError):
    """A change on disk that failed; what was done before it stands in the journal."""

    exit_code = 8


class EngineError(DedupeError):
    """An engine for many machines that is missing or failed."""

    exit_code = 9


class LockedError(DedupeError):
    """Another run that works on the same files."""

    exit_code = 11


class ScheduleError(DedupeError):
    """A scheduler of the system (systemd, cron ...) that is missing or refuses a job."""

    exit_code = 12


def one_line(error: Exception) -> str:
    """Return what a library says of its error, as much of it as fits into a message of ours."""
    return " ".join(str(error).split())[:300]
