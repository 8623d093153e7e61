"""`dedupe scan`: find duplicates, write the report, and act on it only if an option says so."""

from __future__ import annotations

import glob
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from dedupe.cli.config import read_config
from dedupe.cli.console import console
from dedupe.cli.notices import announcing, check_notify
from dedupe.cli.options import takes
from dedupe.cli.output import describe_search, read_earlier, show_report
from dedupe.cli.outputs import check_move_to, check_roots, check_written, stream_to_stdout
from dedupe.cli.progress import Stage
from dedupe.cli.run_summary import Clock, Run, one_line, summarise, write_summary
from dedupe.errors import DUPLICATES_FOUND, SOME_SKIPPED, InputError, UsageError
from dedupe.files.lock import hold_lock
from dedupe.files.paths import is_below
from dedupe.files.remote import absolute, is_archive, is_object
from dedupe.options import ActionOptions, InputOptions, JobOptions, ReportOptions, ScanOptions
from dedupe.options.cluster import ClusterOptions
from dedupe.report import choose_format, new_since, write_report
from dedupe.types import Report

GROUPS: dict[str, type] = {
    "inputs": InputOptions,
    "output": ReportOptions,
    "action": ActionOptions,
    "options": ScanOptions,
    "cluster": ClusterOptions,
    "job": JobOptions,
}
"""The option class of each parameter of the command, in the order of its help."""

_STAGES = {
    "embed": Stage("Reading", "images", weight=0.45),
    "search": Stage("Comparing", "images", weight=0.02),
    "verify": Stage("Verifying", "pairs", weight=0.38),
    "keep": Stage("Choosing", "groups", weight=0.15),
}
"""Weights: shares of the time of a first scan. 150 photos with few copies: .52, .00, .33 and .06; a
group costs more than an image, so that archives with many copies spend more on the last two."""


@takes(GROUPS, config=read_config)
def scan(
    inputs: InputOptions,
    output: ReportOptions,
    action: ActionOptions,
    options: ScanOptions,
    cluster: ClusterOptions,
    job: JobOptions,
) -> None:
    """Find near-duplicate images and write a report. Changes no photo without an action."""
    console.set_verbosity(quiet=output.quiet or output.brief, verbose=output.verbose)
    console.progress_format = output.progress
    clock = Clock()
    facts: dict[str, Any] = {}
    with announcing(job, clock, facts):
        check_scan(inputs, output, action, options, cluster, job)
        run = _run(inputs, output, action, options, cluster, job, clock)
        facts |= summarise(run, clock=clock)
        _check_strict(run, job)
    if output.review and run.report.groups:
        from dedupe.cli.review import review

        review(run.path)
    _exit(run, job)


def _run(
    inputs: InputOptions,
    output: ReportOptions,
    action: ActionOptions,
    options: ScanOptions,
    cluster: ClusterOptions,
    job: JobOptions,
    clock: Clock,
) -> Run:
    """Scan, write and print the report, and act on it."""
    if options.run.index is not None:
        console.promise = "; the same command goes on from here"
    roots = [os.fspath(root) for root in inputs.places]
    path = os.fspath(output.report)
    with ExitStack() as stack:
        if job.log:
            console.open_log(os.fspath(job.log))
        if job.lock:
            stack.enter_context(hold_lock(Path(job.lock)))
        earlier = read_earlier(path) if output.new_only or output.page else None
        found = _find(inputs, options, cluster, action)
        if not output.allow_empty:
            check_roots(path, found)
        _write(found, output, acts=action.kind is not None)
        if output.page:
            _write_page(found, earlier, output, inputs)
        run = Run(found, path, roots, new=new_since(earlier, found) if output.new_only else None)
        show_report(found, path, new=run.new, groups=output.groups_shown)
        try:
            run = _act(run, inputs, action, options)
        finally:  # the summary of the scan is written, also if the action failed
            if job.summary:
                write_summary(os.fspath(job.summary), summarise(run, clock=clock))
            console.conclude(one_line(run), to_stderr=path == "-", silent=not output.brief)
    return run


def _check_strict(run: Run, job: JobOptions) -> None:
    """Raise what makes a run a failed one: trouble of an action, or an empty root if strict."""
    if run.applied:
        from dedupe.cli.actions import raise_trouble

        raise_trouble(run.applied.outcome)
    if job.strict and run.report.statistics.empty_roots:
        listed = ", ".join(run.report.statistics.empty_roots)
        raise InputError(f"no image below {listed}: check that the disk is mounted")


def check_scan(
    inputs: InputOptions,
    output: ReportOptions,
    action: ActionOptions,
    options: ScanOptions,
    cluster: ClusterOptions,
    job: JobOptions,
) -> None:
    """Check what no option class can check: options of several classes, and files to be written.

    Raises:
        UsageError: there are no roots, the name of the report has no known format, or an output
            would replace a file that dedupe did not write.
        ReportError: an output cannot be written.
        ApplyError: files cannot be moved to the folder of --move-to.
    """
    if inputs.is_empty:
        raise UsageError("say what to scan: dedupe scan FOLDER..., or `roots` in a --config file")
    if cluster.ray and isinstance(options.run.index, str | os.PathLike):
        raise UsageError("--ray keeps embeddings in --store, not in --index")
    if action.kind and any(is_object(root) or is_archive(os.fspath(root)) for root in inputs.roots):
        raise UsageError(
            "files behind URLs and in tars are not moved or removed: leave the action out"
        )
    choose_format(output.report, output.format)
    paths = {
        "report": output.report,
        "page": output.page,
        "summary": job.summary,
        "metrics": job.metrics,
        "log": job.log,
        "lock": job.lock,
        "index": options.run.index,
    }
    check_written({n: p for n, p in paths.items() if isinstance(p, str | os.PathLike)})
    if action.move_to:
        check_move_to(os.fspath(action.move_to))
    if job.notify:
        check_notify(job.notify)


def _find(
    inputs: InputOptions, options: ScanOptions, cluster: ClusterOptions, action: ActionOptions
) -> Report:
    from dedupe.distributed import choose_engine
    from dedupe.pipeline import find_duplicates  # loads SciPy and OpenCV: not for --help

    aside = _globs_of(action.move_to, [os.fspath(root) for root in inputs.roots])
    walk = replace(options.walk, exclude=(*options.walk.exclude, *aside))
    with console.progress(_STAGES) as on_progress:
        found = find_duplicates(
            inputs,
            replace(options, walk=walk),
            open_engine=choose_engine(cluster),
            on_progress=on_progress,
        )
    if found.statistics.search is not None:
        console.note(describe_search(found.statistics.search))
    if options.walk.include and not found.statistics.images:
        listed = " ".join(options.walk.include)
        console.warn(f"no file matches --include {listed}; a pattern such as '*.jpg' matches names")
    return found


def _globs_of(move_to: str | os.PathLike[str] | None, roots: list[str]) -> list[str]:
    """Globs that exclude from a scan the files that earlier runs moved to a folder in a root."""
    if not move_to:
        return []
    plain = (os.path.abspath, os.path.realpath)  # each may be behind a link
    pairs = {(see(move_to), see(root)) for root in roots for see in plain}
    folders = {os.path.relpath(to, root) for to, root in pairs if is_below(to, root)}
    return [glob.escape(folder) + "/" for folder in sorted(folders)]


def _write(found: Report, output: ReportOptions, *, acts: bool) -> None:
    path = os.fspath(output.report)
    form = choose_format(path, output.format)
    if path == "-":
        stream_to_stdout(found, format=form, acts=acts)
    else:
        write_report(found, path, format=form)


def _write_page(
    found: Report, earlier: Report | None, output: ReportOptions, inputs: InputOptions
) -> None:
    """Write the HTML page; groups that the earlier report does not list come first."""
    fresh = new_since(earlier, found).groups if earlier else ()
    scanned = ", ".join(map(absolute, inputs.places))
    write_report(
        found,
        os.fspath(output.page or ""),
        format="html",
        facts={
            "scanned": scanned,
            "images": str(found.statistics.images),
        },
        new_keepers={group.keeper.path for group in fresh},
    )


def _act(run: Run, inputs: InputOptions, action: ActionOptions, options: ScanOptions) -> Run:
    """Do with the duplicates what the action says, if there are any."""
    if not (action.kind and run.report.groups):
        return run
    from dedupe.cli.actions import act_on_duplicates

    applied = act_on_duplicates(
        run.report,
        action,
        report_path=run.path,
        roots=run.roots if inputs.files_from is None else (),  # listed files may lie anywhere
        ignored=options.duplicates.ignored,
    )
    return replace(run, applied=applied)


def _exit(run: Run, job: JobOptions) -> None:
    """End with the exit code of the run."""
    from dedupe.decode.formats import NOT_EXAMINED
    from dedupe.low_detail import REASON as LOW_DETAIL

    if job.fail_on_duplicates and run.report.groups:
        raise typer.Exit(DUPLICATES_FOUND)
    if job.strict and any(
        skipped.reason not in (LOW_DETAIL, NOT_EXAMINED) for skipped in run.report.skipped
    ):
        raise typer.Exit(SOME_SKIPPED)
