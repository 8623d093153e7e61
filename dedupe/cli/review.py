"""`dedupe review`: decide on a report in the browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from dedupe.cli.console import console
from dedupe.files.paths import USER_FILE


def review(
    report: Annotated[
        str, typer.Argument(help="A report of `dedupe scan`.", show_default=False, metavar="REPORT")
    ],
    decisions: Annotated[
        str,
        typer.Option(
            help="File of the decisions.", show_default="REPORT.decisions.jsonl", metavar="FILE"
        ),
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 0,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show, record nothing.")] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, open nothing.")
    ] = False,
    ignored: Annotated[
        str,
        typer.Option(help="File of `dedupe ignore`.", show_default="the user's", metavar="FILE"),
    ] = "",
) -> None:
    """Show each group side by side in the browser and record decisions. Changes no photo.

    Photos change only after Apply on the page, with the same checks and journal as `dedupe apply`.
    """
    from dedupe.decode.formats import DEFAULT_MAX_PIXELS
    from dedupe.review.server import launch
    from dedupe.review.session import Session

    session = Session(
        Path(report),
        decisions=Path(decisions) if decisions else None,
        ignored=ignored or USER_FILE,
        read_only=read_only,
    )

    def show(address: str) -> None:
        console.say(f"review: {address}")
        console.say("Ctrl-C ends it; decisions are kept")
        if not no_browser:
            webbrowser.open(address)

    launch(session, port=port, max_pixels=DEFAULT_MAX_PIXELS, on_ready=show)
