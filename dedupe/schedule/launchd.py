"""Write a launch agent of macOS, `dedupe.NAME.plist`, which the user loads."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

from dedupe.errors import ScheduleError
from dedupe.schedule.job import (
    Job,
    Scheduled,
    check_utf8,
    delete_definition,
    write_definition,
)

KIND = "launchd"


def show(job: Job) -> str:
    """Return the property list that `install` would write."""
    return plist(job).decode()


def plist(job: Job) -> bytes:
    """Return the property list of a job. A run that was due during sleep starts on waking.

    Raises:
        UsageError: a word of the command is not valid UTF-8, which XML must be.
    """
    check_utf8(job, KIND)
    when = {"Hour": job.hour, "Minute": job.minute}
    return plistlib.dumps(
        {
            "Label": f"dedupe.{job.name}",
            "ProgramArguments": list(job.command),
            "StartCalendarInterval": when | ({"Weekday": 0} if job.weekly else {}),
            "ProcessType": "Background",
            "LowPriorityIO": True,
            "Nice": 19,
        }
    )


def parse_plist(data: bytes) -> Scheduled:
    """Read a property list that `plist` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        found: dict[str, Any] = plistlib.loads(data)
        when = found["StartCalendarInterval"]
        job = Job(
            name=found["Label"].removeprefix("dedupe."),
            hour=when["Hour"],
            minute=when["Minute"],
            weekly="Weekday" in when,
            command=tuple(found["ProgramArguments"]),
        )
    except (plistlib.InvalidFileException, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a job of dedupe: {error!r}") from error
    return Scheduled(job.name, KIND, job.when, job.command)


def install(job: Job) -> str:
    """Write the property list; return the command that loads it.

    Raises:
        UsageError: a word of the command is not valid UTF-8.
        ScheduleError: the file cannot be written.
    """
    path = _path(job.name)
    write_definition(path, plist(job))
    return f"to load it: launchctl bootstrap gui/$(id -u) '{path}'"


def remove(name: str) -> str:
    """Delete the property list; return the command that unloads it.

    Raises:
        ScheduleError: the file cannot be deleted.
    """
    delete_definition(_path(name))
    return f"to unload it: launchctl bootout gui/$(id -u)/dedupe.{name}"


def jobs() -> list[Scheduled]:
    """List the jobs that have property lists, by name."""
    return [_read(path) for path in sorted(_path("any").parent.glob("dedupe.*.plist"))]


def _path(name: str) -> Path:
    return Path.home() / "Library" / "LaunchAgents" / f"dedupe.{name}.plist"


def _read(path: Path) -> Scheduled:
    try:
        return parse_plist(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ScheduleError(f"cannot read the job in {path}: {error}") from error
