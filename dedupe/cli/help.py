"""The help of each command: plain text of at most 80 columns, options under their headings.

Typer's own help loads Rich, which doubles the time of `dedupe --help`.
"""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

WIDTH = 80  # columns, also on a wider terminal: longer lines are hard to read
_REPLACED = frozenset({"install_completion", "show_completion"})  # by `dedupe completion`
_SENTENCE = 300  # characters: a first sentence is never cut
_OPTIONS = "Options"
_TYPE = re.compile(r" <([a-z]*)[^<>]*>$")  # what Typer adds to a name without a placeholder
_PLACEHOLDERS = {"int": " N", "float": " NUMBER", "str": " TEXT"}


class Command(TyperCommand):
    """A command with help by headings."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.width = min(formatter.width, WIDTH)
        super().format_help(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_options(self, ctx, formatter)


class Group(TyperGroup):
    """A command with subcommands, each with help by headings."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [p for p in super().get_params(ctx) if p.name not in _REPLACED]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.width = min(formatter.width, WIDTH)
        super().format_help(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_options(self, ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, found.get_short_help_str(_SENTENCE))
                    for name in self.list_commands(ctx)
                    if (found := self.get_command(ctx, name))
                ]
            )


def write_options(command: Any, ctx: Any, formatter: Any) -> None:
    """Write arguments and options, each below its heading, in the order of their declaration."""
    for heading, rows in list_options(command, ctx).items():
        with formatter.section(heading):
            formatter.write_dl(rows)


def list_options(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """Return the name and the help of each argument and option, by heading."""
    found: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        is_argument = parameter.param_type_name == "argument"
        heading = getattr(parameter, "rich_help_panel", None) or (
            "Arguments" if is_argument else _OPTIONS
        )
        name, text = record
        found.setdefault(heading, []).append((_name(name.strip(), is_argument), text))
    if _OPTIONS in found:  # --help and the few options without a heading come last
        found[_OPTIONS] = found.pop(_OPTIONS)
    return found


def _name(name: str, is_argument: bool) -> str:
    """Return a name with a placeholder of its value; an argument is its own."""
    return _TYPE.sub(lambda m: "" if is_argument else _PLACEHOLDERS.get(m[1], ""), name)
