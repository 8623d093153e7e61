"""Install, list and remove jobs in the schedulers of the system: systemd, cron, launchd, Windows.

A scheduler's own definition is the only record of a job, also after the user edited it. Does not
know what the command of a job does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Protocol

from dedupe.errors import ScheduleError, UsageError
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
    """What each scheduler module provides."""

    KIND: str

    def show(self, job: Job) -> str: ...
    def install(self, job: Job) -> str: ...
    def remove(self, name: str) -> str: ...
    def jobs(self) -> list[Scheduled]: ...


KINDS = ("auto", "systemd", "cron", "launchd", "task-scheduler")


def _schedulers() -> Mapping[str, _Scheduler]:
    """Return the scheduler modules by kind, loaded here: `--help` needs no XML."""
    from dedupe.schedule import cron, launchd, systemd, task_scheduler

    modules: tuple[_Scheduler, ...] = (systemd, cron, launchd, task_scheduler)
    return {module.KIND: module for module in modules}


def choose_kind(kind: str, *, to_show: bool = False) -> str:
    """Return the scheduler to use, for `auto` the one that this system runs.

    Args:
        kind: one of `KINDS`.
        to_show: the job is only printed; systemd, if this system runs no scheduler.

    Raises:
        UsageError: there is no such kind.
        ScheduleError: this system runs none.
    """
    if kind not in KINDS:
        raise UsageError(f"--kind {kind!r} is unknown; choose from {', '.join(KINDS)}")
    if kind != "auto":
        return kind
    if sys.platform == "darwin":
        return "launchd"
    if sys.platform == "win32":
        return "task-scheduler"
    from dedupe.schedule import cron, systemd

    if systemd.usable():
        return "systemd"
    if cron.usable():
        return "cron"
    if to_show:
        return "systemd"
    raise ScheduleError("neither systemd nor cron runs here; choose one by --kind, or see --print")


def show_job(job: Job, kind: str) -> str:
    """Return the definition that `install_job` would write; writes nothing.

    Raises:
        UsageError: this scheduler cannot express the job.
    """
    return _schedulers()[kind].show(job)


def install_job(job: Job, kind: str) -> str:
    """Install a job, in place of a job of the same name in any scheduler.

    Returns:
        A step that the user has to do, or "".

    Raises:
        UsageError: this scheduler cannot express the job.
        ScheduleError: a scheduler rejects the job.
        LockedError: another process changes the same crontab.
    """
    older = [found.kind for found in list_jobs() if found.name == job.name and found.kind != kind]
    hints = [_schedulers()[kind].install(job)]
    hints += [_schedulers()[other].remove(job.name) for other in older]
    return "; ".join(hint for hint in hints if hint)


def list_jobs() -> list[Scheduled]:
    """List the jobs of every scheduler, by name.

    Raises:
        ScheduleError: a scheduler cannot be read.
    """
    found = [job for scheduler in _schedulers().values() for job in scheduler.jobs()]
    return sorted(found, key=lambda job: (job.name, job.kind))


def find_job(name: str) -> Scheduled:
    """Find a job by name.

    Raises:
        UsageError: there is none; the message lists the installed jobs.
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
    """Remove a job from its scheduler; return a step that the user has to do, or "".

    Raises:
        UsageError: there is no such job.
        ScheduleError: its scheduler rejects the change.
        LockedError: another process changes the same crontab.
    """
    return _schedulers()[find_job(name).kind].remove(name)
