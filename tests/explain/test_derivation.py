from __future__ import annotations

from pathlib import Path

import pytest
from photo_files import an_original, encode, reopen
from PIL import ImageOps

from dedupe.errors import InputError
from dedupe.explain.derivation import draw_tree, find_origin
from dedupe.explain.explain import see


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.fixture
def family(tmp_path: Path) -> dict[str, Path]:
    """An original, a grey copy of it, and a reduction of the grey copy."""
    original = an_original(quality=95)
    grey = encode(ImageOps.grayscale(reopen(original)).convert("RGB"), quality=85)
    small = encode(reopen(grey).resize((180, 132)), quality=80)
    files = {"original": original, "grey": grey, "small": small}
    return {name: write(tmp_path, f"{name}.jpg", data) for name, data in files.items()}


def test_the_evidence_on_a_pair_changes_its_sign_with_the_order(family: dict[str, Path]) -> None:
    first, second = (see(family[name], 64) for name in ("original", "grey"))
    there, back = find_origin(first, second, None), find_origin(second, first, None)
    assert there.score > 0
    assert back.score == -there.score
    assert sum(there.parts.values()) == pytest.approx(there.score, abs=1e-3)
    assert there.signs == {name: -share for name, share in back.signs.items()}
    assert there.numbers["forward.fit"] == back.numbers["backward.fit"]


def test_a_copy_of_a_copy_hangs_on_the_copy(family: dict[str, Path]) -> None:
    branches = draw_tree([family["small"], family["original"], family["grey"]])
    names = [(Path(b.path).stem, b.parent, b.depth) for b in branches]
    assert names == [("original", None, 0), ("grey", 0, 1), ("small", 1, 2)]
    assert "greyscale" in branches[1].how
    assert "resized to 50 %" in branches[2].how
    assert branches[1].score > 0 < branches[2].score


def test_a_tree_needs_copies_of_one_picture(family: dict[str, Path], tmp_path: Path) -> None:
    other = write(tmp_path, "other.jpg", an_original(seed=8))
    with pytest.raises(InputError, match=r"other\.jpg in a tree: not a copy of"):
        draw_tree([family["original"], other])
    with pytest.raises(InputError, match="the same bytes"):
        draw_tree([family["original"], family["original"]])
