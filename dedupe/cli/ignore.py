"""`dedupe ignore`: pairs of files that are never duplicates."""

from __future__ import annotations

from typing import Annotated

import typer

from dedupe.cli.console import console
from dedupe.cli.output import count
from dedupe.errors import InputError, UsageError
from dedupe.files.paths import USER_FILE
from dedupe.ignored.decision import Decision, KnownFile
from dedupe.ignored.store import Place, forget, known_file, read_decisions, remember
from dedupe.report import read_report
from dedupe.types import Group


def ignore(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Two files or more, none a duplicate of another.",
            show_default=False,
            metavar="FILE",
        ),
    ] = None,
    report: Annotated[
        str, typer.Option(help="Take a group of this report instead.", metavar="REPORT")
    ] = "",
    group: Annotated[int | None, typer.Option(min=1, help="Its number in the report.")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the ignored files.")] = False,
    forget_them: Annotated[
        bool, typer.Option("--forget", help="Report these files again.")
    ] = False,
    ignored: Annotated[
        str, typer.Option(help="File of the decisions. Default: that of the user.", metavar="FILE")
    ] = "",
) -> None:
    """Record that files are not duplicates: no scan reports one as a copy of another again.

    Files are recognised by their bytes, so they may be moved and renamed.
    """
    place = ignored or USER_FILE
    if list_all:
        if files or report or group or forget_them:
            raise UsageError("--list shows everything; give nothing but --ignored beside it")
        _show(read_decisions(place))
        return
    named = _choose(files or [], report, group)
    if forget_them:
        _forget(named, place)
    else:
        _remember(named, place)


def _choose(files: list[str], report: str, group: int | None) -> list[KnownFile]:
    if bool(report) != (group is not None) or bool(report) == bool(files):
        raise UsageError(
            "say which: dedupe ignore FILE FILE ..., or --report REPORT --group NUMBER"
        )
    if not report:
        return _named_files(files)
    found = [g for g in read_report(report).groups if g.number == group]
    if not found:
        raise UsageError(f"there is no group {group} in {report}")
    return _contents(found[0])


def _named_files(files: list[str]) -> list[KnownFile]:
    """Read the files; two files with the same bytes are an error."""
    if len(files) < 2:
        raise UsageError(f"a pair takes two files, and there is only {files[0]}")
    known: dict[str, KnownFile] = {}
    for file in map(known_file, files):
        if other := known.get(file.digest):
            raise UsageError(
                f"{file.path} and {other.path} hold the same bytes: they are the same picture"
            )
        known[file.digest] = file
    return list(known.values())


def _contents(group: Group) -> list[KnownFile]:
    """Return one file for each content of a group."""
    known: dict[str, KnownFile] = {}
    for photo in group.photos:
        known.setdefault(photo.digest, KnownFile(photo.digest, photo.path))
    if len(known) < 2:
        raise UsageError(f"all of group {group.number} is the same bytes: it is one picture")
    return list(known.values())


def _remember(files: list[KnownFile], place: Place) -> None:
    fresh = remember(files, place)
    if fresh:
        console.say(f"{count(len(files), 'file')} will not be reported as duplicates of each other")
    else:
        console.say("nothing new: these files were ignored before")


def _forget(files: list[KnownFile], place: Place) -> None:
    forgotten = forget(files, place)
    if not forgotten:
        raise InputError("there is nothing to forget: these files were not ignored")
    console.say(f"{count(forgotten, 'pair')} forgotten; a scan may report them again")


def _show(decisions: tuple[Decision, ...]) -> None:
    for decision in decisions:
        words = "not duplicates" if decision.said == "apart" else "forgotten again"
        console.say(f"{words} since {decision.since}")
        for file in decision.files:
            console.say(f"  {file.digest}  {file.path}")
    if not decisions:
        console.say("nothing is ignored yet")
