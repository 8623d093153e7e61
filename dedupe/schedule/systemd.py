"""A user timer of systemd and the service that it starts, `dedupe-NAME.timer` and `.service`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from dedupe.errors import ScheduleError
from dedupe.schedule.job import (
    Job,
    Scheduled,
    check_name,
    check_utf8,
    delete_definition,
    write_definition,
)

KIND = "systemd"

_SERVICE = """\
# Written by `dedupe schedule install`; `dedupe schedule remove {name}` takes it away.
[Unit]
Description=dedupe: look for duplicate images ({name})

[Service]
Type=oneshot
ExecStart={command}
Nice=19
IOSchedulingClass=idle
CPUWeight=10
"""

_TIMER = """\
# Written by `dedupe schedule install`; `dedupe schedule remove {name}` takes it away.
[Unit]
Description=dedupe: look for duplicate images {when} ({name})

[Timer]
OnCalendar={calendar}
Persistent=true

[Install]
WantedBy=timers.target
"""


def usable() -> bool:
    """Return whether the systemd manager of this user answers."""
    return shutil.which("systemctl") is not None and not _systemctl("show-environment").returncode


def show(job: Job) -> str:
    """Return the units that `install` would write, each after its path."""
    return "\n".join(f"# {path}\n{text}" for path, text in units(job).items())


def units(job: Job) -> dict[Path, str]:
    """Return the two unit files of a job.

    Raises:
        UsageError: a word of the command is not valid UTF-8, which a unit must be.
    """
    check_utf8(job, KIND)
    calendar = f"{'Sun ' if job.weekly else ''}*-*-* {job.hour:02}:{job.minute:02}:00"
    return {
        _path(job.name, "service"): _SERVICE.format(name=job.name, command=_exec_line(job.command)),
        _path(job.name, "timer"): _TIMER.format(name=job.name, when=job.when, calendar=calendar),
    }


def _path(name: str, suffix: str) -> Path:
    """Return the path of a unit of this user, see `systemd.unit(5)`."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return Path(home, "systemd", "user", f"dedupe-{name}.{suffix}")


def _exec_line(command: tuple[str, ...]) -> str:
    program, *arguments = command
    if "$" in program:  # systemd expands no $$ in the path of the program itself
        program, arguments = "/usr/bin/env", list(command)
    return " ".join([_quote(program), *(_quote(word).replace("$", "$$") for word in arguments)])


def _quote(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def parse_exec_line(line: str) -> tuple[str, ...]:
    """Return the command of an `ExecStart=` that is quoted as ours are.

    Raises:
        ValueError: a quote is missing.
    """
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]
    with_dollar = words[:1] == ["/usr/bin/env"] and "$" in "".join(words[1:2])
    return tuple(words[1:] if with_dollar else words)


def install(job: Job) -> str:
    """Write the units and start the timer; return a step that the user has to do, or "".

    Raises:
        UsageError: a word of the command is not valid UTF-8.
        ScheduleError: the units cannot be written, or systemd rejects them.
    """
    for path, text in units(job).items():
        write_definition(path, text.encode())
    timer = f"dedupe-{job.name}.timer"
    if not usable():
        start = f"systemctl --user enable --now {timer}"
        return f"no systemd of this user answers here; to start it: {start}"
    for words in (("daemon-reload",), ("enable", "--now", timer), ("restart", timer)):
        answer = _systemctl(*words)
        if answer.returncode:
            raise ScheduleError(f"systemctl --user {' '.join(words)}: {answer.stderr.strip()}")
    return (
        ""
        if _lingers()
        else "it does not run while you are logged out; to change that: loginctl enable-linger"
    )


def _lingers() -> bool:
    """Return whether the user's timers run while the user is logged out."""
    if not shutil.which("loginctl"):
        return False
    words = ["loginctl", "show-user", str(os.getuid()), "--property=Linger"]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    return answer.stdout.strip() == "Linger=yes"


def remove(name: str) -> str:
    """Stop the timer and delete the units; a run in progress ends normally.

    Raises:
        ScheduleError: a unit cannot be deleted, or systemd cannot stop the timer.
    """
    alive = usable()
    if alive:
        answer = _systemctl("disable", "--now", f"dedupe-{name}.timer")
        if answer.returncode:
            raise ScheduleError(f"cannot stop the timer of {name}: {answer.stderr.strip()}")
    for suffix in ("timer", "service"):
        delete_definition(_path(name, suffix), missing_ok=True)
    if alive:
        _systemctl("daemon-reload")
    return ""


def jobs() -> list[Scheduled]:
    """List the jobs that have units, by name."""
    folder = _path("any", "timer").parent
    return [_read(path) for path in sorted(folder.glob("dedupe-*.timer"))]


def _read(timer: Path) -> Scheduled:
    name = timer.stem.removeprefix("dedupe-")
    check_name(name)
    service = _path(name, "service")
    try:
        when = _setting(timer.read_text("utf-8"), "OnCalendar")
        command = parse_exec_line(_setting(service.read_text("utf-8"), "ExecStart"))
    except (OSError, ValueError) as error:
        raise ScheduleError(f"cannot read the job in {timer} and {service}: {error}") from error
    return Scheduled(name, KIND, when, command)


def _setting(text: str, name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", text, re.MULTILINE)
    if not found:
        raise ValueError(f"{name}= is missing")
    return found[1]


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemctl", "--user", *words], capture_output=True, text=True, check=False
    )
