"""A configuration file: options of a command in TOML, under the names that they have there."""

from __future__ import annotations

import inspect
import os
import tomllib
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from dedupe.cli.console import ends_cleanly
from dedupe.errors import UsageError

PATHS = frozenset(
    {
        *("roots", "protect", "report", "move_to", "encoder", "index", "ignored"),
        *("summary", "log", "lock"),
    }
)
"""Options that name files and folders; in a configuration file, relative to its folder."""

_WORDS = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}


@ends_cleanly
def load_config(context: typer.Context, path: str) -> str:
    """Make what a file says the defaults of a command; what stands on the command line wins.

    Returns:
        The path, which is the value of the option.

    Raises:
        UsageError: see `read_config`; shown as every other error is, though no command runs yet.
    """
    if path and not context.resilient_parsing:
        command = context.command.callback
        assert command is not None
        context.default_map = read_config(Path(path), option_types(command))
    return path


Config = Annotated[
    str,
    typer.Option(
        "--config",
        callback=load_config,
        is_eager=True,
        help="Options and roots from a TOML file.",
        rich_help_panel="How to run",
    ),
]


def roots_of(context: typer.Context) -> list[str]:
    """Return the roots of the command line, else those of the configuration file."""
    # Some versions of Click ask the defaults for options only.
    return list(context.params["roots"] or (context.default_map or {}).get("roots") or ())


def option_types(command: Callable[..., Any]) -> dict[str, Any]:
    """Return the type of each option of a command, by its name with underscores."""
    hints = typing.get_type_hints(inspect.unwrap(command))
    return {n: hint for n, hint in hints.items() if n != "return" and _is_option(n, hint)}


def _is_option(name: str, hint: Any) -> bool:
    return not name.startswith("_") and hint is not typer.Context


def read_config(path: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Read a configuration file.

    Args:
        options: type of each option that may stand there, as annotated.

    Returns:
        Values by name with underscores; files and folders absolute, `~` being the user's home.

    Raises:
        UsageError: it cannot be read, is no TOML, names an unknown option or has a value of another
            type; the message names the file and the key.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration {path} is not TOML: {error}") from error
    values: dict[str, Any] = {}
    for key, value in found.items():
        name = key.replace("-", "_")
        if name not in options:
            listed = ", ".join(sorted(options)).replace("_", "-")
            raise UsageError(f"{path}: there is no option {key!r}; known are {listed}")
        if name in values:
            raise UsageError(f"{path}: {key!r} is there twice, with a dash and an underscore")
        values[name] = _check(value, options[name], where=f"{path}: {key!r}")
        if name in PATHS:
            values[name] = make_absolute(value, base=path.parent)
    return values


def _check(value: Any, hint: Any, *, where: str) -> Any:
    """Return the value if it is of the annotated type; a whole number is a number as well."""
    wanted = _without_none(hint)
    if typing.get_origin(wanted) is list:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UsageError(f"{where} must be a list of strings, not {value!r}")
    elif type(value) is not wanted and not (wanted is float and type(value) is int):
        raise UsageError(f"{where} must be {_WORDS[wanted]}, not {value!r}")
    return value


def _without_none(hint: Any) -> Any:
    """`T` of `T | None`."""
    if isinstance(hint, types.UnionType):
        (hint,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
    return hint


def make_absolute(value: Any, *, base: Path) -> Any:
    """Return a path, or each of a list of paths, as seen from `base`; "" and - (stdout) stay."""
    if isinstance(value, list | tuple):
        return [make_absolute(item, base=base) for item in value]
    if value in ("", "-"):
        return value
    return os.path.abspath(os.path.join(base, os.path.expanduser(value)))
