"""Write a task of the Windows Task Scheduler as XML, which `schtasks /Create /XML` registers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

from dedupe.errors import ScheduleError
from dedupe.schedule.job import (
    Job,
    Scheduled,
    check_utf8,
    delete_definition,
    job_dir,
    write_definition,
)

KIND = "task-scheduler"

_SPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_DECLARATION = '<?xml version="1.0" encoding="UTF-16"?>\n'


def show(job: Job) -> str:
    """Return what `install` would write, there in UTF-16."""
    return task_xml(job)


def task_xml(job: Job) -> str:
    """Return the definition of a task, made up for later where the machine was off.

    Raises:
        UsageError: a word of the command is not valid UTF-8, which has no form in XML.
    """
    check_utf8(job, KIND)
    task = ElementTree.Element("Task", version="1.2", xmlns=_SPACE)
    _add(task, "RegistrationInfo/Description", f"dedupe: look for duplicate images ({job.name})")
    trigger = _add(task, "Triggers/CalendarTrigger")
    # A trigger counts from a first day; this one is a Sunday, and past.
    _add(trigger, "StartBoundary", f"2023-01-01T{job.hour:02}:{job.minute:02}:00")
    if job.weekly:
        week = _add(trigger, "ScheduleByWeek")
        _add(week, "WeeksInterval", "1")
        _add(week, "DaysOfWeek/Sunday")
    else:
        _add(trigger, "ScheduleByDay/DaysInterval", "1")
    settings = _add(task, "Settings")
    _add(settings, "MultipleInstancesPolicy", "IgnoreNew")
    _add(settings, "StartWhenAvailable", "true")
    _add(settings, "ExecutionTimeLimit", "PT0S")
    _add(settings, "Priority", "9")
    program, *arguments = job.command
    action = _add(task, "Actions/Exec")
    _add(action, "Command", program)
    _add(action, "Arguments", subprocess.list2cmdline(arguments))
    ElementTree.indent(task)
    return _DECLARATION + ElementTree.tostring(task, encoding="unicode") + "\n"


def _add(parent: ElementTree.Element, path: str, text: str = "") -> ElementTree.Element:
    """Add an element below `parent`, with those that lead to it, and return it."""
    for tag in path.split("/"):
        parent = ElementTree.SubElement(parent, tag)
    if text:
        parent.text = text
    return parent


def parse_task(data: bytes, name: str) -> Scheduled:
    """Read a task definition of ours.

    Raises:
        ValueError: it is something else.
    """
    try:
        task = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ValueError(f"not XML: {error}") from error
    command, start = (_text(task, tag) for tag in ("Command", "StartBoundary"))
    words = (command, *split_command_line(_text(task, "Arguments")))
    hour, minute = (int(part) for part in start.split("T")[1].split(":")[:2])
    weekly = task.find(f".//{{{_SPACE}}}ScheduleByWeek") is not None
    return Scheduled(name, KIND, Job(name, hour, minute, weekly, words).when, words)


def _text(task: ElementTree.Element, tag: str) -> str:
    found = task.findtext(f".//{{{_SPACE}}}{tag}")
    if found is None:
        raise ValueError(f"<{tag}> is missing")
    return found


def split_command_line(line: str) -> list[str]:
    """Undo `subprocess.list2cmdline`: backslashes escape only where a quote follows them."""
    words: list[str] = []
    word: str | None = None  # None between words
    quoted = False
    for slashes, rest in re.findall(r'(\\*)("|[ \t]+|[^\\" \t]+|$)', line):
        gap = not rest.strip(" \t")  # the end of the line as well
        if rest == '"':
            word = (word or "") + "\\" * (len(slashes) // 2)
            if len(slashes) % 2:
                word += rest
            else:
                quoted = not quoted
        elif slashes or quoted or not gap:
            word = (word or "") + slashes + (rest if quoted or not gap else "")
        if gap and not quoted and word is not None:
            words.append(word)
            word = None
    return words


def install(job: Job) -> str:
    """Write the definition; return the command that registers it.

    Raises:
        UsageError: a word of the command is not valid UTF-8.
        ScheduleError: the file cannot be written.
    """
    path = _path(job.name)
    write_definition(path, task_xml(job).encode("utf-16"))
    return f'to register it: schtasks /Create /TN dedupe-{job.name} /XML "{path}"'


def remove(name: str) -> str:
    """Delete the definition; return the command that takes the task away.

    Raises:
        ScheduleError: the file cannot be deleted.
    """
    delete_definition(_path(name))
    return f"to take it out of the Task Scheduler: schtasks /Delete /TN dedupe-{name}"


def jobs() -> list[Scheduled]:
    """List the jobs that have definitions, by name."""
    return [_read(path) for path in sorted(job_dir("any").parent.glob("*/task.xml"))]


def _path(name: str) -> Path:
    return job_dir(name) / "task.xml"


def _read(path: Path) -> Scheduled:
    try:
        return parse_task(path.read_bytes(), path.parent.name)
    except (OSError, ValueError, IndexError) as error:
        raise ScheduleError(f"cannot read the job in {path}: {error}") from error
