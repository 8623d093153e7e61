"""The names that `import dedupe` offers, and their documentation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders import snapshot
from pictures import NumpyEncoder, draw, save

import dedupe
from dedupe.errors import InputError, UsageError

GUIDE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")


def test_the_public_names_are_the_documented_ones() -> None:
    mentioned = set(re.findall(r"`([A-Za-z_]+)(?:\(|`)", GUIDE))
    code = set(re.findall(r"dedupe\.([A-Za-z_]+)", GUIDE)) - {"options", "errors"}
    assert sorted(dedupe.__all__) == dedupe.__all__
    assert set(dedupe.__all__) <= mentioned
    assert code <= set(dedupe.__all__)


def test_every_public_name_is_typed_documented_and_can_be_used() -> None:
    for name in dedupe.__all__:
        public = getattr(dedupe, name)
        assert public.__module__.startswith("dedupe."), name
        assert public.__doc__, name
        assert isinstance(public, type) or "return" in public.__annotations__, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'find_twins'"):
        dedupe.find_twins  # noqa: B018
    assert set(dedupe.__all__) <= set(dir(dedupe))


def test_importing_dedupe_loads_no_numeric_library() -> None:
    script = "import dedupe, sys; print({'numpy', 'cv2', 'PIL', 'scipy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A picture, a smaller copy, the same bytes under another name, and another picture."""
    folder = tmp_path / "photos"
    first = save(draw(1), folder / "a.png")
    (folder / "a (1).png").write_bytes(first.read_bytes())
    save(draw(1, 48, 36), folder / "small.png")
    save(draw(2), folder / "other.png")
    return folder


def test_a_report_is_found_written_read_applied_and_undone_from_python(
    photos: Path, tmp_path: Path
) -> None:
    before = snapshot(photos)
    report = dedupe.scan(photos, encoder=NumpyEncoder(), index=None, verify=False)
    dedupe.write_report(report, tmp_path / "r.json")
    read = dedupe.read_report(tmp_path / "r.json")
    options = dedupe.ApplyOptions(kind="move", move_to=str(tmp_path / "aside"))
    planned = dedupe.plan_report(read, options)
    applied = dedupe.apply_report(read, options)
    listed = dedupe.list_runs()
    moved = snapshot(photos)
    dedupe.undo_run(applied.run)

    assert [d.photo.digest for d in read.duplicates] == [d.photo.digest for d in report.duplicates]
    assert [action.source for action in planned.actions] == [
        str(photos / "a (1).png"),
        str(photos / "small.png"),
    ]
    assert [run.id for run in listed] == [applied.run]
    assert sorted(Path(path).name for path in moved) == ["a.png", "other.png"]
    assert snapshot(photos) == before


def test_images_are_embedded_one_row_for_each_content(photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"no picture")
    embedded = dedupe.embed_images(photos, encoder=NumpyEncoder(), index=None)
    names = [[Path(p.path).name for p in files] for files in embedded.contents.photos]
    assert names == [["a (1).png", "a.png"], ["other.png"], ["small.png"]]
    assert embedded.contents.vectors.shape == (3, NumpyEncoder.manifest.dimension)
    assert [Path(skipped.path).name for skipped in embedded.skipped] == ["broken.png"]


def test_neighbours_are_the_nearest_contents_without_the_image_itself(photos: Path) -> None:
    found = dedupe.find_neighbours(
        photos / "a.png", photos, encoder=NumpyEncoder(), index=None, verify=False
    )
    assert [[Path(p.path).name for p in n.photos] for n in found] == [
        ["a (1).png"],
        ["small.png"],
        ["other.png"],
    ]
    assert [n.is_copy for n in found] == [None, None, None]
    assert found[0].distance == 0
    assert 0 < found[1].distance < 0.2 < found[2].distance


def test_neighbours_are_verified(tmp_path: Path, photos: Path) -> None:
    image = save(draw(1, 192, 144), tmp_path / "query.png")
    nearest, *others = dedupe.find_neighbours(
        image, photos, count=3, encoder=NumpyEncoder(), index=None
    )
    assert nearest.is_copy is True
    assert others[-1].is_copy is False


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_the_count_of_neighbours_is_a_positive_whole_number(photos: Path, count: int) -> None:
    with pytest.raises(UsageError, match="count must be a whole number"):
        dedupe.find_neighbours(photos / "a.png", photos, count=count)


def test_neighbours_of_a_file_that_is_no_image_are_an_error(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"cannot read .*text.png: not an image"):
        dedupe.find_neighbours(tmp_path / "text.png", photos, encoder=NumpyEncoder(), index=None)


def test_files_are_ignored_and_forgotten_by_their_contents(photos: Path) -> None:
    pair = (photos / "a.png", photos / "small.png")
    assert dedupe.ignore_files(*pair) == 1
    assert dedupe.ignore_files(*pair) == 0
    assert len(dedupe.list_ignored()) == 1
    options = {"encoder": NumpyEncoder(), "index": None, "verify": False}
    apart = dedupe.scan(photos, **options)  # type: ignore[arg-type]
    assert dedupe.forget_files(*pair) == 1
    together = dedupe.scan(photos, **options)  # type: ignore[arg-type]
    assert [len(report.duplicates) for report in (apart, together)] == [1, 2]


@pytest.mark.parametrize("name", ["missing.png", "."])
def test_only_files_are_ignored(photos: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not a file"):
        dedupe.ignore_files(photos / "a.png", photos / name)
