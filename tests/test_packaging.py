"""The files beside the package: they parse, and name things that exist."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from dedupe.cli import app

ROOT = Path(__file__).parents[1]
YAML_FILES = [
    ROOT / "CITATION.cff",
    ROOT / ".pre-commit-config.yaml",
    ROOT / "packaging/compose.yaml",
    *sorted((ROOT / ".github").rglob("*.yml")),
]


def read_project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_every_yaml_file_is_a_mapping(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_the_citation_has_the_version_and_licence_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = read_project()
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]


def test_the_image_copies_files_that_exist_and_runs_as_a_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if re.match(r"COPY (?!--from)", line)]
    assert all((ROOT / name).exists() for names in copied for name in names)
    assert [line for line in lines if line.startswith("USER")][-1] == "USER dedupe"
    assert 'ENTRYPOINT ["dedupe"]' in lines


def test_a_small_installation_leaves_out_what_only_training_needs() -> None:
    lines = (ROOT / "packaging" / "scan-only.txt").read_text().splitlines()
    small = {line for line in lines if line and not line.startswith("#")}
    left_out = {name.split(">")[0] for name in set(read_project()["dependencies"]) - small}
    assert left_out == {"keras", "joblib", "tensorflow"}
    assert small <= set(read_project()["dependencies"])


def test_the_image_has_a_target_for_gpus_and_one_for_cpus_which_is_the_last() -> None:
    text = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM \S+(?: AS (\w+))?$", text, re.MULTILINE)
    assert stages == ["build", "cpu", "gpu", "ray", ""]
    assert text.rstrip().endswith("FROM cpu")
    assert read_project()["optional-dependencies"]["cuda"][0].split(";")[0] in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("name", ["dedupe.service", "dedupe.timer"])
def test_a_unit_is_one_that_systemd_accepts(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "packaging" / "systemd", tmp_path, dirs_exist_ok=True)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / name],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in checked.stderr.splitlines() if str(tmp_path) in line]
    assert (checked.returncode, lines) == (0, [])


@pytest.mark.parametrize("name", ["dedupe.service", "dedupe.timer"])
def test_a_unit_has_sections_of_settings(name: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "packaging" / "systemd" / name)
    assert set(parser.sections()) <= {"Unit", "Service", "Timer", "Install"}
    if name == "dedupe.service":
        words = parser["Service"]["ExecStart"].split()
        made = get_command(app).commands["scan"].make_context("scan", words[3:])  # type: ignore[attr-defined]
        assert words[1:3] == ["dedupe", "scan"]
        assert made.params["strict"]
    else:
        assert parser["Timer"]["OnCalendar"]


def test_the_formula_installs_this_version_and_is_ruby() -> None:
    path = ROOT / "packaging" / "homebrew" / "dedupe-images.rb"
    project = read_project()
    assert f"dedupe_images-{project['version']}.tar.gz" in path.read_text()
    assert f'license "{project["license"]}"' in path.read_text()
    if shutil.which("ruby"):
        subprocess.run(["ruby", "-c", path], check=True, stdout=subprocess.DEVNULL)
    words = re.findall(r"^ *(class|def|test do|end)\b", path.read_text(), re.MULTILINE)
    assert words.count("end") == len(words) - words.count("end")


def test_the_release_checks_the_wheel_before_it_publishes() -> None:
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    jobs = release["jobs"]
    steps = " ".join(str(step.get("run", "")) for step in jobs["build"]["steps"])
    assert {"twine check", "check-wheel-contents", "dedupe scan"} <= {
        word for word in ("twine check", "check-wheel-contents", "dedupe scan") if word in steps
    }
    assert jobs["pypi"]["needs"] == jobs["ghcr"]["needs"] == "build"
    targets = [entry["target"] for entry in jobs["ghcr"]["strategy"]["matrix"]["include"]]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert all(f" AS {target}\n" in dockerfile for target in targets)


def test_contributing_names_modules_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`(dedupe/[a-z_/]+(?:\.py|/))`", text)
    assert len(paths) >= 6
    assert [path for path in paths if not (ROOT / path).exists()] == []
