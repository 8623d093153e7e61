"""The command line: one module per verb. Nothing else prints or chooses exit codes."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from dedupe.cli.apply import apply
from dedupe.cli.calibrate import calibrate
from dedupe.cli.completion import completion
from dedupe.cli.console import console, ends_cleanly
from dedupe.cli.doctor import doctor
from dedupe.cli.embed import embed
from dedupe.cli.evaluate import evaluate
from dedupe.cli.explain import explain
from dedupe.cli.help import Command, Group
from dedupe.cli.history import history
from dedupe.cli.ignore import ignore
from dedupe.cli.index import index
from dedupe.cli.near import near
from dedupe.cli.process import run_process
from dedupe.cli.review import review
from dedupe.cli.scan import scan
from dedupe.cli.schedule import schedule
from dedupe.cli.train import train
from dedupe.cli.undo import undo
from dedupe.distribution import read_version

app = typer.Typer(
    name="dedupe",
    help="Find near-duplicate images. A scan changes nothing; a move can be undone.",
    no_args_is_help=True,
    cls=Group,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    *(scan, explain, near, embed, review, apply, undo, history, ignore, index),
    *(train, evaluate, calibrate, completion, doctor),
):
    app.command(verb.__name__, cls=Command)(ends_cleanly(verb))
app.add_typer(schedule)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"dedupe {read_version()}")
        raise typer.Exit


@app.callback()
def _before_any_verb(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    console.begin(debug=debug)


def main() -> NoReturn:
    """Run the command line and end the process."""
    run_process(app)
