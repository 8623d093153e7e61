"""`dedupe scan`: find duplicates, write the report, and move them only if told to."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from dedupe.apply.run import ApplyOptions
from dedupe.cli.actions import (
    Delete,
    Hardlink,
    MaxActions,
    MaxFraction,
    MoveTo,
    Reflink,
    Sidecars,
    Symlink,
    Trash,
    Yes,
    act_on_duplicates,
    check_sidecars,
    choose_action,
    raise_trouble,
)
from dedupe.cli.config import Config, roots_of
from dedupe.cli.console import console
from dedupe.cli.output import describe_search, read_earlier, show_report
from dedupe.cli.outputs import check_roots, check_written, stream_to_stdout
from dedupe.cli.run_summary import (
    Brief,
    Clock,
    Lock,
    Log,
    Summary,
    one_line,
    summarise,
    write_summary,
)
from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.encoder.manifest import BUILT_IN, Device, Runtime
from dedupe.errors import DUPLICATES_FOUND, SOME_SKIPPED, UsageError
from dedupe.files.lock import hold_lock
from dedupe.files.paths import USER_FILE, is_below
from dedupe.group.keep import DEFAULT_RULES, RULES
from dedupe.low_detail import REASON as LOW_DETAIL
from dedupe.report import Format, news_since, write_report
from dedupe.types import Report

_LOOK, _DECIDE, _RUN, _REPORT = "What to look at", "What is a duplicate", "How to run", "Report"


def scan(
    context: typer.Context,
    roots: Annotated[
        list[str] | None, typer.Argument(help="Folders and files.", show_default=False)
    ] = None,
    report: Annotated[
        str, typer.Option(help="Where the report goes; - for stdout.", rich_help_panel=_REPORT)
    ] = "dedupe-report.csv",
    format: Annotated[  # noqa: A002
        str, typer.Option(help="csv or json; else by the report's name.", rich_help_panel=_REPORT)
    ] = "",
    new_only: Annotated[
        bool,
        typer.Option(
            "--new-only",
            help="Show only what the report that stands there does not list; write everything.",
            rich_help_panel=_REPORT,
        ),
    ] = False,
    move_to: MoveTo = "",
    trash: Trash = False,
    hardlink: Hardlink = False,
    symlink: Symlink = False,
    reflink: Reflink = False,
    delete: Delete = False,
    sidecars: Sidecars = "with",
    max_actions: MaxActions = None,
    max_fraction: MaxFraction = None,
    yes: Yes = False,
    sensitivity: Annotated[
        str,
        typer.Option(
            help="strict, balanced, loose or wide; else wide, less among more than 1,000 images, "
            "or balanced with --no-verify.",
            show_default=False,
            rich_help_panel=_DECIDE,
        ),
    ] = "",
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Largest distance of a copy, 0 to 2, instead of a sensitivity.",
            rich_help_panel=_DECIDE,
        ),
    ] = None,
    keep: Annotated[
        str,
        typer.Option(
            help=f"Which file stays: rules in order, of {', '.join(RULES)}.",
            rich_help_panel=_DECIDE,
        ),
    ] = ",".join(DEFAULT_RULES),
    protect: Annotated[
        list[str] | None,
        typer.Option(help="Files here are never duplicates.", rich_help_panel=_DECIDE),
    ] = None,
    across: Annotated[
        bool,
        typer.Option("--across", help="Only groups that span two roots.", rich_help_panel=_DECIDE),
    ] = False,
    no_verify: Annotated[
        bool,
        typer.Option(
            "--no-verify",
            help="Trust the encoder alone: faster, but bursts may count as copies.",
            rich_help_panel=_DECIDE,
        ),
    ] = False,
    ignored: Annotated[
        str,
        typer.Option(help="File of `dedupe ignore`; else the user's.", rich_help_panel=_DECIDE),
    ] = "",
    include: Annotated[
        list[str] | None, typer.Option(help="Only names like this.", rich_help_panel=_LOOK)
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="No names like this.", rich_help_panel=_LOOK)
    ] = None,
    hidden: Annotated[
        bool, typer.Option("--hidden", help="Also names with a dot.", rich_help_panel=_LOOK)
    ] = False,
    follow_symlinks: Annotated[
        bool,
        typer.Option("--follow-symlinks", help="Enter linked folders.", rich_help_panel=_LOOK),
    ] = False,
    min_size: Annotated[
        int, typer.Option(min=0, help="Pass over smaller files (bytes).", rich_help_panel=_LOOK)
    ] = 0,
    max_depth: Annotated[
        int | None, typer.Option(min=1, help="Levels of folders.", rich_help_panel=_LOOK)
    ] = None,
    one_file_system: Annotated[
        bool,
        typer.Option("--one-file-system", help="Stay on each root's disk.", rich_help_panel=_LOOK),
    ] = False,
    max_pixels: Annotated[
        int, typer.Option(min=0, help="Skip larger images; 0: none.", rich_help_panel=_LOOK)
    ] = DEFAULT_MAX_PIXELS,
    encoder: Annotated[
        str, typer.Option(help="Folder of another encoder.", rich_help_panel=_RUN)
    ] = "",
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.", rich_help_panel=_RUN)] = "auto",
    runtime: Annotated[
        str, typer.Option(help="auto, litert or keras.", rich_help_panel=_RUN)
    ] = "auto",
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images a call.", rich_help_panel=_RUN)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Decoding threads.", rich_help_panel=_RUN)
    ] = None,
    index: Annotated[
        str, typer.Option(help="File that remembers embeddings.", rich_help_panel=_RUN)
    ] = "",
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Remember nothing.", rich_help_panel=_RUN)
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit 1 if a file could not be used.", rich_help_panel=_RUN),
    ] = False,
    fail_on_duplicates: Annotated[
        bool,
        typer.Option(
            "--fail-on-duplicates", help="Exit 10 if there are any.", rich_help_panel=_RUN
        ),
    ] = False,
    allow_empty: Annotated[
        bool,
        typer.Option(
            "--allow-empty",
            help="Replace the earlier report even if a root lost all images that it lists.",
            rich_help_panel=_REPORT,
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing.", rich_help_panel=_RUN)
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more.", rich_help_panel=_RUN)
    ] = False,
    _config: Config = "",
    brief: Brief = False,
    summary: Summary = "",
    log: Log = "",
    lock: Lock = "",
) -> None:
    """Find near-duplicate images and write a report. Changes no photo unless told to move."""
    console.quiet, console.verbose = quiet or brief, verbose
    clock = Clock()
    roots = roots_of(context)
    check_choices(context.params | {"roots": roots})
    form = _choose_format(format, report)
    rule = check_sidecars(sidecars)
    kind = choose_action(
        move_to=move_to,
        trash=trash,
        hardlink=hardlink,
        symlink=symlink,
        reflink=reflink,
        delete=delete,
    )
    check_written(context.params)
    if log:
        context.with_resource(console.logging_to(log))
    if lock:
        context.with_resource(hold_lock(Path(lock)))
    earlier = read_earlier(report) if new_only else None
    from dedupe.pipeline import scan as run_scan  # loads SciPy and OpenCV: not for --help

    if not no_index:
        console.promise = "; the same command goes on from here"
    with console.stage_bars() as on_progress:
        found = run_scan(
            *roots,
            sensitivity=sensitivity or None,
            threshold=threshold,
            keep=[rule.strip() for rule in keep.split(",") if rule.strip()],
            protect=protect or (),
            across=across,
            verify=not no_verify,
            ignored=ignored or USER_FILE,
            include=include or (),
            exclude=[*(exclude or ()), *_aside(move_to, roots)],
            hidden=hidden,
            follow_symlinks=follow_symlinks,
            min_size=min_size,
            max_depth=max_depth,
            one_file_system=one_file_system,
            max_pixels=max_pixels,
            encoder=encoder or BUILT_IN,
            device=cast("Device", device),
            runtime=cast("Runtime", runtime),
            batch_size=batch_size,
            workers=workers,
            index=None if no_index else index or USER_FILE,
            on_progress=on_progress,
        )
    if not allow_empty:
        check_roots(report, found.statistics.empty_roots)
    if found.statistics.search is not None:
        console.note(describe_search(found.statistics.search))
    if report == "-":
        stream_to_stdout(found, format=form, acts=kind is not None)
    else:
        write_report(found, report, format=form)
    news = news_since(earlier, found) if new_only else None
    show_report(found, report, news=news)
    acted = None
    try:
        if kind and found.groups:
            options = ApplyOptions(
                kind=kind,
                move_to=move_to,
                sidecars=rule,
                max_actions=max_actions,
                max_fraction=max_fraction,
            )
            acted = act_on_duplicates(
                found, options, report_path=report, roots=roots, ignored=ignored, yes=yes
            )
    finally:  # the scan is worth its record, whatever became of the duplicates
        if summary:
            facts = summarise(found, news, acted, clock=clock, roots=roots, report=report)
            write_summary(summary, facts)
        console.conclude(one_line(found, news, acted), to_stderr=report == "-", silent=not brief)
    if acted:
        raise_trouble(acted.outcome)
    _exit(found, strict=strict, fail_on_duplicates=fail_on_duplicates)


def _aside(move_to: str, roots: list[str]) -> list[str]:
    """Globs that keep a scan from what earlier runs moved aside within a root."""
    if not move_to:
        return []
    plain = (os.path.abspath, os.path.realpath)  # each may be behind a link
    pairs = {(see(move_to), see(root)) for root in roots for see in plain}
    folders = {os.path.relpath(to, root) for to, root in pairs if is_below(to, root)}
    return [glob.escape(folder) + "/" for folder in sorted(folders)]


def check_choices(options: Mapping[str, Any]) -> None:
    """Check the options of a scan, by name, for what no single one of them tells.

    Raises:
        UsageError: no roots, an unknown choice, or options that do not go together.
    """
    if not options["roots"]:
        raise UsageError("say what to scan: dedupe scan FOLDER..., or `roots` in a --config file")
    _check("--format", options["format"], ("", "csv", "json", "html"))
    _check("--device", options["device"], ("auto", "cpu", "gpu"))
    _check("--runtime", options["runtime"], ("auto", "litert", "keras"))
    if options["index"] and options["no_index"]:
        raise UsageError("--index and --no-index do not go together")
    if options["new_only"] and options["report"] == "-":
        raise UsageError("--new-only compares with the report in a file; --report - has none")
    if options["quiet"] and options["brief"]:
        raise UsageError("--quiet and --brief do not go together")


def _choose_format(asked: str, report: str) -> Format:
    by_name: dict[str, Format] = {".json": "json", ".html": "html"}
    return cast("Format", asked) if asked else by_name.get(Path(report).suffix.lower(), "csv")


def _check(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        listed = ", ".join(choice for choice in choices if choice)
        raise UsageError(f"{option} {value!r} is unknown; choose from {listed}")


def _exit(found: Report, *, strict: bool, fail_on_duplicates: bool) -> None:
    if fail_on_duplicates and found.groups:
        raise typer.Exit(DUPLICATES_FOUND)
    if strict and any(skipped.reason != LOW_DETAIL for skipped in found.skipped):
        raise typer.Exit(SOME_SKIPPED)
