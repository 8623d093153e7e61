"""The name on PyPI, and the other project of the same import package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from dedupe.distribution import NAME, find_intruder, install_hint, read_version

ROOT = Path(__file__).parents[1]


def test_the_name_and_the_extras_are_those_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == NAME
    assert read_version() == version(NAME)
    assert install_hint("table") == "pip install 'dedupe-images[table]'"
    assert {"table", "plot", "cuda", "raw", "jxl"} <= set(project["optional-dependencies"])


def test_this_package_is_alone_in_its_folder() -> None:
    assert find_intruder(ROOT / "dedupe") is None


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The package's Python files, which another project may then overwrite."""
    ignored = shutil.ignore_patterns("*.keras", "*.tflite", "*.npz", "__pycache__")
    return shutil.copytree(ROOT / "dedupe", tmp_path / "dedupe", ignore=ignored)


def test_a_file_of_the_other_project_is_named(copied: Path) -> None:
    (copied / "datamodel.py").touch()
    assert "files of PyPI's `dedupe` (datamodel.py)" in str(find_intruder(copied))


@pytest.mark.parametrize("head", [None, "__version__ = '3.0.3'\n"])
def test_a_command_ends_in_one_line_if_the_head_is_gone_or_of_the_other_project(
    copied: Path, head: str | None
) -> None:
    (copied / "__init__.py").unlink()
    if head is not None:
        (copied / "__init__.py").write_text(head)
    ran = subprocess.run(
        [sys.executable, "-S", "-m", "dedupe", "scan", "."],  # -S: only this copy
        cwd=copied.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert "pip uninstall -y dedupe dedupe-images && pip install dedupe-images" in line
