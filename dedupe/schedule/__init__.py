"""Jobs in the schedulers of the system: a timer of systemd, a line of cron, launchd, Windows.

What a scheduler holds is the only record of a job: it lists, runs and removes what stands there,
also where the user edited it. Knows nothing of what the command of a job does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Protocol

from dedupe.errors import ScheduleError, UsageError
from dedupe.schedule import cron, launchd, systemd, task_scheduler
from dedupe.schedule.job import Job, Scheduled, check_name, job_dir, low_priority, parse_time

__all__ = [
    "KINDS",
    "Job",
    "Scheduled",
    "choose_kind",
    "find_job",
    "install_job",
    "job_dir",
    "list_jobs",
    "low_priority",
    "parse_time",
    "remove_job",
    "show_job",
]


class _Scheduler(Protocol):
    """What each module of this package can do."""

    def show(self, job: Job) -> str: ...
    def install(self, job: Job) -> str: ...
    def remove(self, name: str) -> str: ...
    def jobs(self) -> list[Scheduled]: ...


_SCHEDULERS: Mapping[str, _Scheduler] = {
    systemd.KIND: systemd,
    cron.KIND: cron,
    launchd.KIND: launchd,
    task_scheduler.KIND: task_scheduler,
}

KINDS = ("auto", *_SCHEDULERS)


def choose_kind(kind: str) -> str:
    """Return the scheduler to use, for `auto` the one that this system runs.

    Raises:
        UsageError: there is no such kind.
        ScheduleError: none is to be found here.
    """
    if kind not in KINDS:
        raise UsageError(f"--kind {kind!r} is unknown; choose from {', '.join(KINDS)}")
    if kind != "auto":
        return kind
    if sys.platform == "darwin":
        return launchd.KIND
    if sys.platform == "win32":
        return task_scheduler.KIND
    if systemd.usable():
        return systemd.KIND
    if cron.usable():
        return cron.KIND
    raise ScheduleError("neither systemd nor cron runs here; choose one by --kind, or see --print")


def show_job(job: Job, kind: str) -> str:
    """Return what `install_job` would write, and write nothing.

    Raises:
        UsageError: this scheduler cannot hold the job.
    """
    return _SCHEDULERS[kind].show(job)


def install_job(job: Job, kind: str) -> str:
    """Put a job into a scheduler, in place of one of that name in whichever scheduler.

    Returns:
        What is left for the user to do, or "".

    Raises:
        UsageError: this scheduler cannot hold the job.
        ScheduleError: a scheduler refuses.
    """
    older = [found.kind for found in list_jobs() if found.name == job.name and found.kind != kind]
    hints = [_SCHEDULERS[kind].install(job)]
    hints += [_SCHEDULERS[other].remove(job.name) for other in older]
    return "; ".join(hint for hint in hints if hint)


def list_jobs() -> list[Scheduled]:
    """List the jobs of every scheduler, by name.

    Raises:
        ScheduleError: a scheduler cannot be read.
    """
    found = [job for scheduler in _SCHEDULERS.values() for job in scheduler.jobs()]
    return sorted(found, key=lambda job: (job.name, job.kind))


def find_job(name: str) -> Scheduled:
    """Find a job by name.

    Raises:
        UsageError: there is none; the message lists those that are there.
        ScheduleError: a scheduler cannot be read.
    """
    check_name(name)
    known = list_jobs()
    for job in known:
        if job.name == name:
            return job
    others = ", ".join(sorted({job.name for job in known})) or "none"
    raise UsageError(f"no job is called {name!r}; scheduled: {others}")


def remove_job(name: str) -> str:
    """Take a job out of its scheduler; return what is left for the user to do, or "".

    Raises:
        UsageError: there is no such job.
        ScheduleError: its scheduler refuses.
    """
    return _SCHEDULERS[find_job(name).kind].remove(name)
