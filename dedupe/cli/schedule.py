"""`dedupe schedule`: a scan every night, by the scheduler of the system."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dedupe.cli.config import read_config
from dedupe.cli.console import console, ends_cleanly
from dedupe.cli.help import Command, Group
from dedupe.cli.options import (
    build_groups,
    command_line,
    given,
    make_absolute,
    read_values,
    words_of,
)
from dedupe.cli.scan import GROUPS, check_scan, scan
from dedupe.encoder.threshold import choose_threshold
from dedupe.errors import InputError, ScheduleError, UsageError
from dedupe.options import SAFE_KINDS
from dedupe.schedule import (
    KINDS,
    Job,
    choose_kind,
    find_job,
    install_job,
    job_dir,
    list_jobs,
    low_priority,
    parse_time,
    remove_job,
    show_job,
)

_CARRIED = ("PYTHONPATH", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
"""Variables that decide which dedupe runs and where index, trash and journals are.

A scheduler starts a job without them, and `dedupe undo` would not find what the job moved.
"""

_FILES = {
    "report": "report.csv",
    "page": "report.html",
    "summary": "summary.json",
    "log": "log.txt",
    "lock": "lock",
}
"""Files of a job below its own folder; its options or configuration replace them."""

_Name = Annotated[str, typer.Argument(help="Name of the job.")]

schedule = typer.Typer(
    name="schedule",
    help="Scan every night: install, list, run now, or remove the job.",
    no_args_is_help=True,
    cls=Group,
    rich_markup_mode=None,
)


class _WithScanOptions(Command):
    """A command that takes the options of a scan after `--`, and checks them as `scan` does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        cut = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:cut])
        ctx.meta["scan"] = _scan_command().make_context(
            "dedupe scan", args[cut + 1 :], resilient_parsing=ctx.resilient_parsing
        )
        return rest


def _scan_command() -> Any:
    """Return `scan` as a Click command; Typer has Click under another name in each version."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command()(scan)
    return typer.main.get_command(alone)


@schedule.command(
    cls=_WithScanOptions, options_metavar="[OPTIONS]", epilog="After --: scan options."
)
@ends_cleanly
def install(
    context: typer.Context,
    at: Annotated[
        str, typer.Option(help="Time of day, as 02:30.", show_default=False, metavar="TIME")
    ],
    roots: Annotated[
        list[str] | None,
        typer.Argument(help="Folders and files, then -- and options of `dedupe scan`."),
    ] = None,
    weekly: Annotated[bool, typer.Option("--weekly", help="On Sundays only.")] = False,
    name: Annotated[str, typer.Option(help="Name of the job.", metavar="NAME")] = "nightly",
    kind: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(KINDS)}.",
            metavar="NAME",
            autocompletion=lambda incomplete: [k for k in KINDS if k.startswith(incomplete)],
        ),
    ] = "auto",
    show: Annotated[
        bool, typer.Option("--print", help="Print what would be written; install nothing.")
    ] = False,
) -> None:
    """Scan folders every day or week; replaces a job of the same name."""
    hour, minute = parse_time(at)
    chosen = choose_kind(kind, to_show=show)
    command = _command(name, roots or [], context.meta["scan"].params)
    job = Job(name, hour, minute, weekly, command)
    text = show_job(job, chosen)  # refuses what this scheduler cannot hold
    if show:
        _print_exactly(text)
        return
    try:
        job_dir(name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScheduleError(f"cannot create {job_dir(name)}: {error.strerror}") from error
    hint = install_job(job, chosen)
    console.say(f"{name}: {job.when}, by {chosen}; its files are in {job_dir(name)}")
    if hint:
        console.say(hint)
    console.say(f"to run it now: dedupe schedule run {name}")


@schedule.command("list", cls=Command)
@ends_cleanly
def list_scheduled() -> None:
    """List the jobs, and the result of the last run of each."""
    jobs = list_jobs()
    for job in jobs:
        console.say(f"{job.name}  {job.kind}  {job.when}  {shlex.join(job.command)}")
        if last := _last_line(job.command):
            console.say(f"    {last}")
    if not jobs:
        console.say("nothing is scheduled")


@schedule.command(cls=Command)
@ends_cleanly
def remove(name: _Name = "nightly") -> None:
    """Remove a job from its scheduler. Its reports stay."""
    hint = remove_job(name)
    console.say(f"removed {name}; its reports stay in {job_dir(name)}")
    if hint:
        console.say(hint)


@schedule.command(cls=Command)
@ends_cleanly
def run(name: _Name = "nightly") -> None:
    """Run a job now, here, as its scheduler would, and end with its exit code."""
    words = [*low_priority(), *find_job(name).command]
    sys.stdout.flush()
    try:
        if sys.platform == "win32":  # there, exec would give the terminal back at once
            raise typer.Exit(subprocess.run(words, check=False).returncode)
        os.execvp(words[0], words)
    except OSError as error:
        raise ScheduleError(
            f"cannot start {words[0]}: {error.strerror}; install it again"
        ) from error


def _command(
    name: str, roots: Sequence[str], scan_parameters: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the whole command of a job: this Python, this dedupe, every path absolute.

    Raises:
        UsageError: a scan would reject these options.
        InputError: a root or a protected path does not exist.
    """
    raw = given(scan_parameters)
    config = raw.pop("config", None)
    if roots or "roots" in raw:
        raw["roots"] = [*roots, *raw.get("roots", ())]
    words = words_of(GROUPS.values())
    values = (read_config(config, words) if config else {}) | read_values(raw, words)
    _check(build_groups(GROUPS, values))
    own = {o: str(job_dir(name) / file) for o, file in _FILES.items() if o not in values}
    spoken = values.get("quiet") or values.get("brief")
    return (
        *_environment(),
        *(sys.executable, "-m", "dedupe", "scan"),
        *(["--config", make_absolute(config, base=Path.cwd())] if config else []),
        *command_line(raw, words),
        *command_line(own, words),
        *([] if "kinds" in values else ["--kinds", ",".join(SAFE_KINDS)]),
        *([] if spoken else ["--brief"]),
    )


def _environment() -> list[str]:
    """Return the words before a command that set the variables in `_CARRIED`."""
    env = shutil.which("env")
    words = [
        f"{name}={os.pathsep.join(os.path.abspath(p) for p in os.environ[name].split(os.pathsep))}"
        for name in _CARRIED
        if os.environ.get(name)
    ]
    return [env, *words] if env and words else []


def _check(options: Mapping[str, Any]) -> None:
    """Reject now what would fail at night.

    Args:
        options: value of each class in `dedupe.cli.scan.GROUPS`.
    """
    check_scan(**options)
    action, scan_options = options["action"], options["options"]
    if action.delete and not action.yes:
        raise UsageError("--delete in a job needs --yes: a job cannot ask a question")
    duplicates = scan_options.duplicates
    if options["inputs"].files_from == "-":
        raise UsageError("--files-from - in a job has nothing to read: name a file")
    from dedupe.encoder.choice import choose_manifest  # loads NumPy: not for --help

    manifest = choose_manifest(scan_options.run.encoder)
    choose_threshold(
        manifest, duplicates.sensitivity, duplicates.threshold, verify=duplicates.verify
    )
    for place in (*options["inputs"].places, *duplicates.protect):
        if not os.path.exists(place):
            raise InputError(f"cannot schedule a scan of {place}: it does not exist")


def _last_line(command: Sequence[str]) -> str:
    """Return the last line of a job's log, or "" if it has not run yet."""
    try:
        log = Path(command[command.index("--log") + 1])
        return log.read_text("utf-8").splitlines()[-1]
    except (ValueError, IndexError, OSError):
        return ""


def _print_exactly(text: str) -> None:
    """Print text byte for byte, also if a name is not valid UTF-8."""
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(text))
    sys.stdout.flush()
