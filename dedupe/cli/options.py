"""Make command-line options from option classes. Knows no single option."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from dedupe.errors import UsageError
from dedupe.files.remote import is_url
from dedupe.setting import Setting, build, settings_of

R = TypeVar("R")
_ENCODER_NAME = re.compile(r"([a-z][a-z0-9_]+:)([^?]+)(.*)", re.DOTALL)  # onnx:FILE?side=224
_METAVARS: dict[type, str] = {int: "N", float: "NUMBER", str: "NAME", tuple: "NAME"}


@dataclass(frozen=True, slots=True)
class Word:
    """One option as it is written: on the command line with dashes, in a file in either way."""

    setting: Setting
    negates: bool = False  # the second flag of an option, such as --no-index

    @property
    def name(self) -> str:
        """Name with underscores, also of the parameter."""
        return (self.setting.off if self.negates else None) or self.setting.name

    @property
    def flag(self) -> str:
        """Name on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def is_flag(self) -> bool:
        """Whether it takes no value."""
        return self.negates or self.setting.kind is bool

    def read(self, raw: Any, *, where: str) -> Any:
        """Return the value of the option that a raw value describes.

        Raises:
            UsageError: the value is not allowed; the message begins with `where`.
        """
        if self.is_flag and type(raw) is not bool:
            raise UsageError(f"{where} must be true or false, not {raw!r}")
        if self.negates:
            return not raw if self.setting.kind is bool else None
        try:
            value = self.setting.read(raw)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error
        if problem := self.setting.find_problem(value):
            raise UsageError(f"{where} {problem}")
        return value

    def make_absolute(self, value: Any, *, base: Path) -> Any:
        """Return the path or paths of the option as seen from `base`; else the value as it is."""
        if not self.setting.is_path or value is None:
            return value
        if self.setting.or_encoder and (parts := _ENCODER_NAME.fullmatch(str(value))):
            file = make_absolute(parts[2], base=base)
            return f"{parts[1]}{file}{parts[3]}" if os.path.exists(file) else value
        return make_absolute(value, base=base)


def takes(
    groups: Mapping[str, type],
    *,
    config: Callable[[str, Mapping[str, Word]], dict[str, Any]] | None = None,
    partial: Collection[str] = (),
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a command one option for each field of option classes, and call it with their values.

    Args:
        groups: option class of each keyword of the command.
        config: reads a configuration file; the command then has the option --config.
        partial: keywords that get the values that were given, by name, instead of an instance.
    """
    words = words_of(groups.values())

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        own = [p for p in _parameters(command) if p.name not in groups]

        @functools.wraps(command)
        def run(**raw: Any) -> R:
            kept = {parameter.name: raw.pop(parameter.name) for parameter in own}
            path = raw.pop("config", None)
            values = config(path, words) if config and path else {}
            values |= read_values(given(raw), words)
            return command(**kept, **build_groups(groups, values, partial))

        made = [*own, *map(_parameter, words.values())]
        if config:
            made.append(_CONFIG)
        run.__signature__ = inspect.Signature(made)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in made}
        return run

    return decorate


def words_of(groups: Iterable[type]) -> dict[str, Word]:
    """Return every option of some classes as it is written, by its name with underscores."""
    words: list[Word] = []
    for setting in (setting for group in groups for setting in settings_of(group)):
        if setting.off is None or setting.kind is not bool:
            words.append(Word(setting))
        if setting.off:
            words.append(Word(setting, negates=True))
    return {word.name: word for word in words}


def given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the user wrote; Click gives None, False or an empty list else."""
    return {n: v for n, v in raw.items() if not (v is None or v is False or v in ([], ()))}


def read_values(raw: Mapping[str, Any], words: Mapping[str, Word]) -> dict[str, Any]:
    """Return the value of each option, by the name of its attribute.

    Args:
        raw: values of the command line, by the name of the word.

    Raises:
        UsageError: a value is not allowed, or an option is given together with its negation.
    """
    values: dict[str, Any] = {}
    for name, value in raw.items():
        word = words[name]
        if word.setting.name in values:
            raise UsageError(f"{Word(word.setting).flag} and {word.flag} do not go together")
        values[word.setting.name] = word.read(value, where=word.flag)
    return values


def build_groups(
    groups: Mapping[str, type], values: Mapping[str, Any], partial: Collection[str] = ()
) -> dict[str, Any]:
    """Build the option class of each keyword from the values of all; see `takes`."""
    built: dict[str, Any] = {}
    for keyword, group in groups.items():
        names = {setting.name for setting in settings_of(group)}
        own = {name: value for name, value in values.items() if name in names}
        built[keyword] = own if keyword in partial else build(group, own)
    return built


def command_line(raw: Mapping[str, Any], words: Mapping[str, Word]) -> list[str]:
    """Return the arguments that give a command these values; paths become absolute.

    Positional arguments come first.
    """
    positional: list[str] = []
    arguments: list[str] = []
    for name, word in words.items():
        if name not in raw:
            continue
        value = raw[name]
        if word.setting.is_path and not word.is_flag:
            value = word.make_absolute(value, base=Path.cwd())
        if word.setting.argument:
            positional += value
        elif word.is_flag:
            arguments.append(word.flag)
        else:
            for item in value if isinstance(value, list | tuple) else [value]:
                arguments += [word.flag, str(item)]
    return [*positional, *arguments]


def make_absolute(value: Any, *, base: Path) -> Any:
    """Return a path, or each of a list of paths, as seen from `base`; - (stdout) stays."""
    if isinstance(value, list | tuple):
        return [make_absolute(item, base=base) for item in value]
    if value == "-" or is_url(value):
        return value
    return os.path.abspath(os.path.join(base, os.path.expanduser(value)))


def _parameters(command: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(command, eval_str=True).parameters.values())


def _parameter(word: Word) -> inspect.Parameter:
    """Return the parameter from which Typer makes an option."""
    setting = word.setting
    if setting.argument:
        argument = typer.Argument(help=setting.help, show_default=False, metavar=_metavar(setting))
        return _keyword(word.name, list[str] | None, argument, None)
    if word.is_flag:
        text = setting.off_help if word.negates and setting.off_help else setting.help
        names = [word.flag, *([setting.short] if setting.short else [])]
        flag = typer.Option(*names, help=text, metavar="", rich_help_panel=setting.panel)
        return _keyword(word.name, bool, flag, False)
    option = typer.Option(
        word.flag,
        help=setting.help,
        show_default=False,
        rich_help_panel=setting.panel,
        metavar=_metavar(setting),
        autocompletion=_complete(setting) if setting.choices or setting.suggestions else None,
    )
    written: Any = str if setting.is_list or setting.unit == "bytes" else setting.kind
    return _keyword(word.name, (list[str] if written is tuple else written) | None, option, None)


def _keyword(name: str, kind: Any, how: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, how]
    )


def _metavar(setting: Setting) -> str:
    if setting.metavar:
        return setting.metavar
    if setting.unit == "bytes":
        return "SIZE"
    return "FILE" if setting.is_path else _METAVARS[setting.kind]


def _complete(setting: Setting) -> Callable[[str], list[str]]:
    """Return what completes the value: the choices, also behind the last comma of a list."""
    known = setting.choices or setting.suggestions

    def complete(incomplete: str) -> list[str]:
        done, comma, last = incomplete.rpartition(",") if setting.is_list else ("", "", incomplete)
        return [f"{done}{comma}{c}" for c in known if c.startswith(last)]

    return complete


_CONFIG = _keyword(
    "config",
    str | None,
    typer.Option(
        "--config",
        help="Read options and roots from a TOML file.",
        metavar="FILE",
        show_default=False,
        rich_help_panel="Report and output",
    ),
    None,
)
