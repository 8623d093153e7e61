"""A root that lost every file of an earlier report."""

from __future__ import annotations

from pathlib import Path

from builders import a_group, a_photo, a_report, write_photo

from dedupe.report import find_lost_roots


def test_a_root_without_any_of_its_listed_files_is_lost(tmp_path: Path) -> None:
    kept = write_photo(tmp_path / "here" / "a.jpg")
    here = a_group(kept, a_photo(str(tmp_path / "here" / "gone.jpg")))
    gone = a_group(a_photo(str(tmp_path / "away" / "a")), a_photo(str(tmp_path / "away" / "b")))
    roots = [str(tmp_path / name) for name in ("here", "away", "never")]
    assert find_lost_roots(a_report(here, gone), roots) == {str(tmp_path / "away"): 2}


def test_a_root_with_the_name_of_another_as_prefix_lost_nothing() -> None:
    earlier = a_report(a_group(a_photo("/photos-2/a"), a_photo("/photos-2/b")))
    assert find_lost_roots(earlier, ["/photos"]) == {}
