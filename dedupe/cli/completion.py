"""`dedupe completion`: the script that completes commands, options and choices in a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from dedupe.cli.console import console
from dedupe.errors import UsageError

SHELLS = ("bash", "zsh", "fish", "powershell")


def completion(
    shell: Annotated[
        str,
        typer.Argument(
            help=f"{', '.join(SHELLS)}.",
            metavar="SHELL",
            show_default=False,
            autocompletion=lambda incomplete: [s for s in SHELLS if s.startswith(incomplete)],
        ),
    ],
) -> None:
    """Print the script that completes commands, options and choices in a shell.

    bash: eval "$(dedupe completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc, after compinit.
    fish: dedupe completion fish > ~/.config/fish/completions/dedupe.fish
    """
    if shell not in SHELLS:
        raise UsageError(f"no script for {shell!r}; choose from {', '.join(SHELLS)}")
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="dedupe", complete_var="_DEDUPE_COMPLETE", shell=shell)
    for line in script.splitlines():
        console.say(line)
