"""A job: a command that a scheduler of the system runs every day or week."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from dedupe.errors import ScheduleError, UsageError
from dedupe.files.outputs import check_output
from dedupe.files.replace import replace_file

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Job:
    """A command and its time of day.

    Raises:
        UsageError: the name or a word of the command cannot be written to a schedule.
    """

    name: str
    hour: int  # 0 to 23, local time
    minute: int  # 0 to 59
    weekly: bool  # on Sundays only
    command: tuple[str, ...]  # program and arguments, every path absolute

    def __post_init__(self) -> None:
        check_name(self.name)
        for word in self.command:
            # Each format is text in lines, and XML cannot express these characters.
            if any(ord(character) < 32 or ord(character) == 127 for character in word):
                raise UsageError(f"{word!r} has a control character; a schedule cannot express it")

    @property
    def when(self) -> str:
        """Time of day and days, in words."""
        day = "on Sundays" if self.weekly else "every day"
        return f"{day} at {self.hour:02}:{self.minute:02}"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job as read from a scheduler; the user may have edited it there."""

    name: str
    kind: str
    when: str  # in the words of the scheduler
    command: tuple[str, ...]  # program and arguments


def check_name(name: str) -> None:
    """Check that a name can be part of a file name on every system.

    Raises:
        UsageError: it is too long or has other characters than letters, digits, - and _.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a job cannot be called {name!r}: up to 64 letters, digits, - and _")


def parse_time(text: str) -> tuple[int, int]:
    """Return hour and minute of a time of day like 02:30.

    Raises:
        UsageError: it is not a time of day.
    """
    found = _TIME.fullmatch(text)
    if not found:
        raise UsageError(f"{text!r} is no time of day; say it as 02:30")
    return int(found[1]), int(found[2])


def job_dir(name: str) -> Path:
    """Return the folder of the files that a job writes, below the user's state folder of dedupe."""
    return platformdirs.user_state_path("dedupe", appauthor=False) / "jobs" / name


def low_priority() -> tuple[str, ...]:
    """Return the words before a command that give it the lowest priority."""
    nice, ionice = shutil.which("nice"), shutil.which("ionice")
    words: tuple[str, ...] = (nice, "-n", "19") if nice else ()
    return (*words, ionice, "-c3", "-t") if ionice else words  # -t: go on if that is not allowed


def without_priority(words: Sequence[str]) -> tuple[str, ...]:
    """Return a command without the words of `low_priority` at its front."""
    rest = tuple(words)
    for tool, number in (("nice", 3), ("ionice", 3)):
        if rest and os.path.basename(rest[0]) == tool:
            rest = rest[number:]
    return rest


def check_utf8(job: Job, kind: str) -> None:
    """Check that a command is valid UTF-8, as the format of `kind` must be.

    Raises:
        UsageError: a word of the command is not valid UTF-8.
    """
    for word in job.command:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"{word!r} is not valid UTF-8; --kind {kind} cannot express it, cron can"
            ) from error


def write_definition(path: Path, data: bytes) -> None:
    """Write the definition of a job, whole or not at all, and create its folders.

    Raises:
        ScheduleError: it cannot be written.
        UsageError: the path holds a file that dedupe did not write.
    """
    check_output(str(path), "job")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(str(path), [data])
    except OSError as error:
        raise ScheduleError(f"cannot write {path}: {error.strerror}") from error


def delete_definition(path: Path, *, missing_ok: bool = False) -> None:
    """Delete the definition of a job.

    Raises:
        ScheduleError: it cannot be deleted.
    """
    try:
        path.unlink(missing_ok=missing_ok)
    except OSError as error:
        raise ScheduleError(f"cannot delete {path}: {error.strerror}") from error
