"""Write one line of the user's crontab per job, marked by a comment at its end.

`sh` can run the line unchanged. A percent sign, which cron reads as a newline, is written outside
the quotes behind a backslash, which cron or the shell removes.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import platformdirs

from dedupe.errors import ApplyError, ScheduleError
from dedupe.files.lock import hold_lock
from dedupe.schedule.job import Job, Scheduled, low_priority, without_priority

KIND = "cron"

_PATIENCE_S = 20.0  # seconds to wait for another process that changes the crontab

_OURS = re.compile(
    r"(?P<when>[^#\s]\S*(?:\s+\S+){4})\s+(?P<command>\S.*?)\s+# dedupe schedule: (?P<name>\S+)\s*"
)


def usable() -> bool:
    """Return whether this system has a `crontab` program."""
    return shutil.which("crontab") is not None


def show(job: Job) -> str:
    """Return the line that `install` would write."""
    return crontab_line(job) + "\n"


def crontab_line(job: Job) -> str:
    """Return the line of a job, without its newline."""
    when = f"{job.minute} {job.hour} * * {'0' if job.weekly else '*'}"
    command = " ".join(_quote(word) for word in (*low_priority(), *job.command))
    return f"{when}  {command}  # dedupe schedule: {job.name}"


def _quote(word: str) -> str:
    return r"\%".join(shlex.quote(part) if part else "" for part in word.split("%")) or "''"


def parse_line(line: str) -> Scheduled | None:
    """Read a line of a crontab; None if it is not a job of ours, or commented out."""
    found = _OURS.fullmatch(line)
    if not found:
        return None
    try:
        words = shlex.split(found["command"])
    except ValueError:  # edited by hand, and a quote is missing
        words = [found["command"]]
    return Scheduled(found["name"], KIND, found["when"], without_priority(words))


def install(job: Job) -> str:
    """Add the job to the crontab, in place of an older one of its name.

    Raises:
        ScheduleError: there is no crontab, or it rejects the line.
        LockedError: another process holds the lock for longer than `_PATIENCE_S`.
    """
    if not usable():
        raise ScheduleError("there is no crontab on this system; see --kind and --print")
    with _held():
        _write([*_without(_read(), job.name), crontab_line(job)])
    return ""


def remove(name: str) -> str:
    """Remove a job from the crontab; every other line stays unchanged.

    Raises:
        ScheduleError: the crontab cannot be read or written.
        LockedError: another process holds the lock for longer than `_PATIENCE_S`.
    """
    with _held():
        _write(_without(_read(), name))
    return ""


def jobs() -> list[Scheduled]:
    """List the jobs in the crontab, in its order.

    Raises:
        ScheduleError: the crontab cannot be read.
    """
    return [job for job in map(parse_line, _read()) if job]


def lock_path() -> Path:
    """Return the lock that a process holds while it changes the crontab."""
    return platformdirs.user_state_path("dedupe", appauthor=False) / "crontab.lock"


@contextmanager
def _held() -> Iterator[None]:
    """Exclude other processes of dedupe between reading and writing the crontab."""
    path = lock_path()
    with ExitStack() as stack:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(hold_lock(path, patience_s=_PATIENCE_S))
        except (OSError, ApplyError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ScheduleError(f"cannot lock the crontab by {path}: {why}") from error
        yield


def _without(lines: Sequence[str], name: str) -> list[str]:
    found = ((line, parse_line(line)) for line in lines)
    return [line for line, job in found if job is None or job.name != name]


def _read() -> list[str]:
    """Return the lines of the crontab; none only if `crontab -l` reports that there is none."""
    if not usable():
        return []
    answer = _crontab("-l")
    if answer.returncode == 0:
        lines = os.fsdecode(answer.stdout).split("\n")
        return lines if lines[-1] else lines[:-1]
    trouble = answer.stderr.decode(errors="replace")
    none = ("no crontab for", "can't open", "not allowed to use")  # the second is BusyBox
    if any(words in trouble for words in none):
        return []
    raise ScheduleError(f"cannot read the crontab: {' '.join(trouble.split())}")


def _write(lines: Sequence[str]) -> None:
    """Replace the crontab by way of a complete file.

    `crontab -` would install the beginning of its input, or an empty crontab, if this process died
    before it had written all lines.
    """
    try:
        with tempfile.NamedTemporaryFile(prefix="dedupe-crontab-") as file:
            file.write(os.fsencode("".join(line + "\n" for line in lines)))
            file.flush()
            answer = _crontab(file.name)
    except OSError as error:
        raise ScheduleError(f"cannot write a file for the crontab: {error.strerror}") from error
    if answer.returncode:
        trouble = " ".join(answer.stderr.decode(errors="replace").split())
        raise ScheduleError(
            f"cannot write the crontab: {trouble}; "
            "if the line is too long, put options into a file: -- --config FILE"
        )


def _crontab(argument: str) -> subprocess.CompletedProcess[bytes]:
    # Bytes, so that lines of others come back as they were in any encoding.
    return subprocess.run(
        ["crontab", argument],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=os.environ | {"LC_ALL": "C"},
        check=False,
    )
