"""docs/architecture.md shows the rooms and the layers as the code has them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_documented_layers_are_those_of_the_import_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    built = [
        " | ".join(room for room in layer.split(" | ") if not room.startswith("("))
        for layer in contract
    ]
    documented = TEXT.split("<!-- layers -->\n")[1].split("\n\n")[0].splitlines()
    assert [line.strip() for line in documented] == [layer for layer in built if layer]


def test_every_room_is_documented_once() -> None:
    rows = re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)
    documented = [room for row in rows for room in re.findall(r"`([a-z_]+)(?:/|\.py)`", row)]
    package = ROOT / "dedupe"
    rooms = {path.stem for path in package.iterdir() if not path.name.startswith("_")} - {"py"}
    assert sorted(documented) == sorted(rooms)
