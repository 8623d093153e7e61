"""Read a configuration file: options of a command in TOML, under their names there."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dedupe.cli.options import Word
from dedupe.errors import UsageError


def read_config(path: str, words: Mapping[str, Word]) -> dict[str, Any]:
    """Read a configuration file.

    Args:
        words: each option that the file may set, by its name with underscores.

    Returns:
        Values by name of the attribute; files and folders are absolute, seen from the folder of
        the configuration, `~` being the user's home.

    Raises:
        UsageError: the file cannot be read, is not TOML, names an unknown option, or has a value
            that is not allowed; the message names the file and the key.
    """
    values: dict[str, Any] = {}
    for key, raw in _load(Path(path)).items():
        word = words.get(key.replace("-", "_"))
        if word is None:
            listed = ", ".join(sorted(words)).replace("_", "-")
            raise UsageError(f"{path}: there is no option {key!r}; known are {listed}")
        name = word.setting.name
        if name in values:
            raise UsageError(f"{path}: {key!r} sets {name} a second time")
        value = word.read(raw, where=f"{path}: {key!r}")
        if word.negates and raw is False:
            continue  # the default
        values[name] = word.make_absolute(value, base=Path(path).parent)
    return values


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration {path} is not TOML: {error}") from error
