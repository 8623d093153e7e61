"""Options as values: defaults, checks, and the names under which Python takes them."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

import pytest

import dedupe
from dedupe.errors import UsageError
from dedupe.files.paths import USER_FILE
from dedupe.options import (
    ActionOptions,
    DuplicateOptions,
    InputOptions,
    JobOptions,
    ReportOptions,
    RunOptions,
    ScanKeywords,
    ScanOptions,
    WalkOptions,
)
from dedupe.setting import build, parse_size, settings_of

EVERY = (InputOptions, ScanOptions, ActionOptions, ReportOptions, JobOptions)


def test_the_keywords_of_scan_are_the_fields_of_its_options_with_their_types() -> None:
    declared: dict[str, Any] = {}
    for group in (WalkOptions, DuplicateOptions, RunOptions):
        hints = typing.get_type_hints(group)
        declared |= {name: hint for name, hint in hints.items() if name != "PANEL"}
    assert typing.get_type_hints(ScanKeywords) == declared


@pytest.mark.parametrize("options", EVERY)
def test_every_option_has_a_help_text_and_a_default_that_is_allowed(options: type) -> None:
    for setting in settings_of(options):
        assert setting.help.endswith(".")
        assert setting.find_problem(setting.default) is None


def test_every_option_is_declared_once() -> None:
    names = [setting.name for options in EVERY for setting in settings_of(options)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": "oldest"}, "keep must be a list of strings, not 'oldest'"),
        ({"keep": ["prettiest"]}, "keep 'prettiest' is unknown; choose from original, most-pixels"),
        ({"sensitivity": "mild"}, "sensitivity 'mild' is unknown; choose from strict, balanced"),
        ({"threshold": 3}, "threshold must be from 0 to 2, not 3"),
        ({"threshold": "0.5"}, "threshold must be a number, not '0.5'"),
        ({"threshold": float("nan")}, "threshold must be from 0 to 2, not nan"),
        ({"max_depth": 0}, "max_depth must be at least 1, not 0"),
        ({"max_depth": True}, "max_depth must be a whole number, not True"),
        ({"min_size": None}, "min_size must be a whole number, not None"),
        ({"hidden": 1}, "hidden must be true or false, not 1"),
        ({"include": "*.jpg"}, "include must be a list of strings, not '\\*.jpg'"),
        ({"exclude": ["a", 1]}, "exclude must be a list of strings"),
        ({"encoder": 5}, "encoder must be a string, not 5"),
        ({"encoder": USER_FILE}, "encoder must be a string"),
        ({"device": "tpu"}, "device 'tpu' is unknown; choose from auto, cpu, gpu"),
        ({"kep": ["oldest"]}, "there is no option 'kep'; known are across, batch_size"),
    ],
)
def test_an_option_of_a_wrong_type_or_value_is_one_clear_error(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        dedupe.scan("photos", **options)


@pytest.mark.parametrize(
    ("roots", "words"),
    [((), "at least"), ((5,), "roots must be a list of strings"), ((["a"],), "roots must be")],
)
def test_scan_refuses_roots_that_are_missing_or_not_paths(roots: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        dedupe.scan(*roots)


def test_options_are_built_by_name_into_their_groups() -> None:
    options = build(ScanOptions, {"keep": ["oldest"], "min_size": 5, "index": None})
    assert options == ScanOptions(
        walk=WalkOptions(min_size=5),
        duplicates=DuplicateOptions(keep=("oldest",)),
        run=RunOptions(index=None),
    )


def test_paths_may_be_path_objects() -> None:
    assert RunOptions(index=Path("i.db")).index == Path("i.db")
    assert DuplicateOptions(protect=[Path("a"), "b"]).protect == (Path("a"), "b")


def test_one_action_at_most_is_chosen() -> None:
    assert ActionOptions().kind is None
    assert ActionOptions(move_to="aside").kind == "move"
    assert ActionOptions(reflink=True).kind == "reflink"
    with pytest.raises(UsageError, match="--move-to and --delete do not go together"):
        ActionOptions(move_to="aside", delete=True)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("10kB", 10_000),
        ("1.5 MB", 1_500_000),
        ("2MiB", 2 * 1024 * 1024),
        ("3 gb", 3_000_000_000),
    ],
)
def test_sizes_have_units(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "kB", "-1", "10 parsecs", "1e3", "1,5MB"])
def test_text_that_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size: write bytes, or 10kB"):
        parse_size(text)
