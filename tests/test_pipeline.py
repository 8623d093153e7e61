"""Scans from end to end: drawn pictures in folders, an encoder without TensorFlow, the report."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawings import draw_photo, save_photos
from numpy.typing import NDArray
from pictures import MANIFEST, NumpyEncoder, draw, save
from PIL import Image

from dedupe.encoder.threshold import narrow
from dedupe.errors import EncoderError, InputError, UsageError
from dedupe.files.digest import digest_file
from dedupe.files.paths import USER_FILE
from dedupe.ignored.decision import KnownFile
from dedupe.ignored.store import remember
from dedupe.pipeline import scan
from dedupe.report import format_report, read_report, write_report
from dedupe.types import Group, Photo, Report, Statistics

Scan = Callable[..., Report]


@pytest.fixture
def scanned() -> Scan:
    """Return `scan` with the NumPy encoder, no index, and no verification."""

    def run(*roots: str | Path, **options: Any) -> Report:
        return scan(
            *roots, **{"encoder": NumpyEncoder(), "index": None, "verify": False, **options}
        )

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos with copies in two folders, and two photos without."""
    folder = tmp_path / "photos"
    cat = Image.fromarray(draw_photo(1, width=192, height=144))
    dog = Image.fromarray(draw_photo(2, width=96, height=72))
    save(cat, folder / "new/cat.png")
    save(cat.resize((96, 72), Image.Resampling.LANCZOS), folder / "old/cat small.jpg")
    (folder / "old/cat (1).png").write_bytes((folder / "new/cat.png").read_bytes())
    save(dog, folder / "new/dog.jpg", quality=95)
    save(dog, folder / "new/dog again.jpg", quality=60)
    save(draw(3), folder / "new/sea.jpg")
    save(draw(4), folder / "old/tree.jpg")
    return folder


def grouped(report: Report) -> dict[str, list[str]]:
    """Return the names of the duplicates by the name of their keeper, in the report's order."""
    return {name(g.keeper): [name(d.photo) for d in g.duplicates] for g in report.groups}


def name(photo: Photo) -> str:
    return os.path.basename(photo.path)


CATS = {"cat.png": ["cat (1).png", "cat small.jpg"]}
DOGS = {"dog.jpg": ["dog again.jpg"]}


def test_copies_are_grouped_round_their_keepers(scanned: Scan, photos: Path) -> None:
    report = scanned(photos)
    assert grouped(report) == CATS | DOGS
    assert [(g.reason, [d.kind for d in g.duplicates]) for g in report.groups] == [
        ("twice the detail", ["exact", "same"]),
        ("the other can be made from it", ["same"]),
    ]
    assert [d.distance for d in report.duplicates] == [0.0] + [
        pytest.approx(0.08, abs=0.08) for _ in range(2)
    ]
    assert (report.skipped, report.encoder, report.threshold) == ((), MANIFEST.fingerprint, 0.2)
    assert report.statistics.images == 7


def test_a_scan_changes_no_photo(scanned: Scan, photos: Path) -> None:
    def state() -> list[tuple[str, int, bytes]]:
        files = sorted(path for path in photos.rglob("*") if path.is_file())
        return [(str(path), path.stat().st_mtime_ns, path.read_bytes()) for path in files]

    before = state()
    scanned(photos)
    assert state() == before


def test_groups_come_in_the_order_of_their_keepers(scanned: Scan, tmp_path: Path) -> None:
    for seed, letter in enumerate("cab"):
        for copy in "12":
            save(draw(seed), tmp_path / "p" / f"{letter}{copy}.png")
    keepers = [group.keeper.path for group in scanned(tmp_path / "p").groups]
    assert keepers == [str(tmp_path / f"p/{letter}1.png") for letter in "abc"]


def test_an_empty_folder_gives_an_empty_report(scanned: Scan, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    expected = Report((), (), MANIFEST.fingerprint, 0.2, Statistics(0, 0, 0.0))
    assert scanned(tmp_path / "empty") == expected


def test_only_groups_across_roots_are_reported_on_request(scanned: Scan, photos: Path) -> None:
    roots = (photos / "new", photos / "old")
    assert grouped(scanned(*roots)) == CATS | DOGS
    assert grouped(scanned(*roots, across=True)) == CATS
    assert grouped(scanned(photos, across=True)) == {}


def test_the_first_root_can_decide(scanned: Scan, photos: Path) -> None:
    roots = (photos / "old" / "cat small.jpg", photos / "new")
    (group,) = scanned(*roots, keep=["first-root"], across=True).groups
    assert (name(group.keeper), group.reason) == ("cat small.jpg", "first-root")


@pytest.mark.parametrize("place", ["old", "old/", "new/../old", "old/cat small.jpg"])
def test_protected_photos_are_never_duplicates(scanned: Scan, photos: Path, place: str) -> None:
    report = scanned(photos, protect=[f"{photos}/{place}"])
    taken = {name(duplicate.photo) for duplicate in report.duplicates}
    assert "cat small.jpg" not in taken
    assert DOGS.items() <= grouped(report).items()


def test_a_protected_keeper_is_kept_for_that_reason(scanned: Scan, photos: Path) -> None:
    report = scanned(photos, protect=[photos / "old"])
    assert [(name(group.keeper), group.reason) for group in report.groups] == [
        ("dog.jpg", "the other can be made from it"),
        ("cat (1).png", "protected"),
    ]


def test_a_folder_beside_the_protected_one_is_not_protected(scanned: Scan, photos: Path) -> None:
    (photos / "ne").mkdir()
    assert grouped(scanned(photos, protect=[photos / "ne"])) == CATS | DOGS


@pytest.mark.parametrize("linked", ["root", "protected"])
def test_protection_does_not_depend_on_how_a_folder_is_spelled(
    scanned: Scan, photos: Path, tmp_path: Path, linked: str
) -> None:
    (tmp_path / "link").symlink_to(photos)
    root, other = (tmp_path / "link", photos)[:: 1 if linked == "root" else -1]
    report = scanned(root, protect=[other / "old"])
    assert grouped(report) == {"cat (1).png": ["cat.png"]} | DOGS


def test_protection_may_be_relative(
    scanned: Scan, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    assert grouped(scanned(".", protect=["old"])) == {"cat (1).png": ["cat.png"]} | DOGS


def test_what_is_to_be_protected_must_exist(scanned: Scan, photos: Path) -> None:
    with pytest.raises(InputError, match=r"cannot protect .*originlas"):
        scanned(photos, protect=[photos / "originlas"])


def test_a_file_much_larger_than_the_keeper_stays(scanned: Scan, photos: Path) -> None:
    protect = photos / "old/cat small.jpg"  # 96 x 72, the others 192 x 144
    assert grouped(scanned(photos, protect=[protect])) == {"cat.png": ["cat (1).png"]} | DOGS


def test_other_rules_than_most_pixels_may_take_a_larger_file(scanned: Scan, photos: Path) -> None:
    report = scanned(photos, keep=["smallest"])
    assert grouped(report)["cat small.jpg"] == ["cat.png", "cat (1).png"]


@pytest.mark.parametrize("threshold", [-0.01, 2.01, float("nan"), float("inf")])
def test_a_threshold_out_of_range_is_refused(scanned: Scan, photos: Path, threshold: float) -> None:
    with pytest.raises(UsageError, match="from 0 to 2"):
        scanned(photos, threshold=threshold)


def test_threshold_0_finds_equal_pixels_only(scanned: Scan, photos: Path) -> None:
    save(draw(4), photos / "flat.png")
    save(draw(4), photos / "flat.bmp")
    assert grouped(scanned(photos, threshold=0)) == {
        "cat.png": ["cat (1).png"],
        "flat.png": ["flat.bmp"],
    }


def test_threshold_2_finds_everything_alike(scanned: Scan, photos: Path) -> None:
    (group,) = scanned(photos, threshold=2, keep=["oldest"]).groups
    assert len(group.duplicates) == 6


@pytest.mark.parametrize(("sensitivity", "limit"), [("strict", 0.1), ("loose", 0.4)])
def test_a_sensitivity_is_a_threshold_of_the_encoder(
    scanned: Scan, photos: Path, sensitivity: str, limit: float
) -> None:
    assert scanned(photos, sensitivity=sensitivity).threshold == limit


def test_an_unknown_sensitivity_is_refused(scanned: Scan, photos: Path) -> None:
    with pytest.raises(UsageError, match="strict, balanced, loose, wide"):
        scanned(photos, sensitivity="mild")


def test_an_unknown_keep_rule_is_refused(scanned: Scan, photos: Path) -> None:
    with pytest.raises(UsageError, match="prettiest"):
        scanned(photos, keep=["prettiest"])


def test_a_missing_root_is_refused(scanned: Scan, photos: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        scanned(photos, photos / "missing")


def test_a_folder_that_is_no_encoder_is_refused(scanned: Scan, photos: Path) -> None:
    with pytest.raises(EncoderError, match="is not an encoder"):
        scanned(photos, encoder=photos)


def test_what_the_walk_and_the_decoder_skipped_is_reported(scanned: Scan, photos: Path) -> None:
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    (photos / "new/empty.jpg").touch()
    report = scanned(photos, follow_symlinks=True)
    assert [(os.path.relpath(s.path, photos), s.reason) for s in report.skipped] == [
        ("gone.jpg", "broken link"),
        ("new/empty.jpg", "empty file"),
    ]
    assert grouped(report) == CATS | DOGS


def without_roots(report: Report) -> Report:
    """Return a report that does not say which root a file was found under."""

    def bare(photo: Photo) -> Photo:
        return replace(photo, file=replace(photo.file, root=0))

    def plain(group: Group) -> Group:
        copies = tuple(replace(d, photo=bare(d.photo)) for d in group.duplicates)
        return Group(bare(group.keeper), copies, group.reason)

    return replace(report, groups=tuple(plain(group) for group in report.groups))


def test_the_order_of_the_roots_changes_only_their_numbers(scanned: Scan, photos: Path) -> None:
    there = scanned(photos / "new", photos / "old")
    back = scanned(photos / "old", photos / "new")
    assert without_roots(back) == without_roots(there)
    assert back != there
    assert format_report(back, format="csv") == format_report(there, format="csv")


def test_a_root_given_twice_is_one_root(scanned: Scan, photos: Path) -> None:
    once = scanned(photos)
    assert scanned(photos, photos) == once
    assert scanned(photos, photos / "old", f"{photos}/") == once
    assert grouped(scanned(photos, photos, across=True)) == {}


def test_a_file_is_a_root(scanned: Scan, photos: Path) -> None:
    report = scanned(photos / "new/cat.png", photos / "old/cat small.jpg", across=True)
    assert grouped(report) == {"cat.png": ["cat small.jpg"]}


def test_workers_and_index_do_not_change_the_report(
    scanned: Scan, photos: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index.sqlite"
    first = scanned(photos, workers=1)
    assert [scanned(photos, workers=n, index=index) for n in (4, 1, 2)] == [first] * 3
    assert scanned(photos, index=index).statistics.reused == 7


def test_the_index_of_the_user_serves_unless_told_otherwise(scanned: Scan, photos: Path) -> None:
    assert [scanned(photos, index=USER_FILE).statistics.reused for _ in range(2)] == [0, 7]
    assert (Path(os.environ["XDG_CACHE_HOME"]) / "dedupe/index.sqlite").exists()


class UnusedEncoder(NumpyEncoder):
    """Fails if it is given a picture."""

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise AssertionError(f"{len(pixels)} pictures were embedded for nothing")


def test_a_second_scan_embeds_nothing(scanned: Scan, photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    index = tmp_path / "index.sqlite"
    first = scanned(photos, index=index)
    assert scanned(photos, index=index, encoder=UnusedEncoder()) == first


def test_progress_adds_up_in_each_stage(scanned: Scan, photos: Path) -> None:
    done = {"walk": 0, "embed": 0, "search": 0, "keep": 0}
    totals = {"walk": 7, "embed": 7, "search": 6, "keep": 2}  # two files have one content

    def on_progress(stage: str, count: int, total: int) -> None:
        assert total == totals[stage]
        done[stage] += count

    scanned(photos, on_progress=on_progress)
    assert done == totals


def digests(*paths: Path) -> tuple[str, ...]:
    return tuple(digest_file(str(path)) for path in paths)


def test_an_ignored_pair_is_reported_no_more(scanned: Scan, photos: Path) -> None:
    pair = digests(photos / "new/dog again.jpg", photos / "new/dog.jpg")
    assert grouped(scanned(photos, ignored={pair})) == CATS
    assert grouped(scanned(photos, ignored={pair[::-1]})) == CATS
    assert grouped(scanned(photos, ignored={frozenset(pair)})) == CATS


def test_an_ignored_pair_stays_ignored_wherever_its_files_are(scanned: Scan, photos: Path) -> None:
    pair = digests(photos / "new/dog again.jpg", photos / "new/dog.jpg")
    (photos / "new/dog.jpg").rename(photos / "old/hound.jpeg")
    (photos / "other").mkdir()
    (photos / "new/dog again.jpg").rename(photos / "other/hound (1).jpg")
    assert grouped(scanned(photos, ignored=[pair])) == CATS


def test_a_file_with_the_same_bytes_is_ignored_with_the_pair(scanned: Scan, photos: Path) -> None:
    pair = digests(photos / "new/cat.png", photos / "old/cat small.jpg")
    assert grouped(scanned(photos, ignored=[pair])) == {"cat.png": ["cat (1).png"]} | DOGS


def test_two_ignored_files_may_both_be_copies_of_a_third(scanned: Scan, photos: Path) -> None:
    save(Image.fromarray(draw_photo(2, width=96, height=72)), photos / "dog.png")
    pair = digests(photos / "new/dog.jpg", photos / "new/dog again.jpg")
    report = scanned(photos, ignored=[pair])
    assert grouped(report) == CATS | {"dog.png": ["dog again.jpg", "dog.jpg"]}
    (photos / "dog.png").unlink()
    assert grouped(scanned(photos, ignored=[pair])) == CATS


def test_a_group_whose_files_are_all_apart_never_comes_back(scanned: Scan, photos: Path) -> None:
    dogs = [photos / "new/dog.jpg", photos / "new/dog again.jpg", photos / "dog.png"]
    save(Image.fromarray(draw_photo(2, width=96, height=72)), dogs[2])
    assert grouped(scanned(photos, ignored=[digests(*dogs)])) == CATS


def test_a_protected_keeper_takes_no_ignored_file(scanned: Scan, photos: Path) -> None:
    pair = digests(photos / "new/dog.jpg", photos / "new/dog again.jpg")
    report = scanned(photos, protect=[photos / "new/dog again.jpg"], ignored=[pair])
    assert grouped(report) == CATS


def test_ignored_pairs_are_not_verified(
    scanned: Scan, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.verify.verifier.Verifier.judge", None)
    dogs = [photos / "new/dog.jpg", photos / "new/dog again.jpg"]
    report = scanned(*dogs, verify=True, ignored=[digests(*dogs)])
    assert report.groups == ()


def test_the_ignored_pairs_of_the_user_hold_unless_told_otherwise(
    scanned: Scan, photos: Path, tmp_path: Path
) -> None:
    dogs = [str(photos / "new/dog.jpg"), str(photos / "new/dog again.jpg")]
    remember(KnownFile(digest_file(path), path) for path in dogs)
    cats = [str(photos / "new/cat.png"), str(photos / "old/cat small.jpg")]
    remember([KnownFile(digest_file(path), path) for path in cats], tmp_path / "other.jsonl")

    assert grouped(scanned(photos)) == CATS
    assert grouped(scanned(photos, ignored=None)) == CATS | DOGS
    other = scanned(photos, ignored=tmp_path / "other.jsonl")
    assert grouped(other) == {"cat.png": ["cat (1).png"]} | DOGS


def test_a_damaged_file_of_ignored_pairs_stops_the_scan(
    scanned: Scan, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "ignored.jsonl").write_text("{\n")
    with pytest.raises(InputError, match=r"cannot trust .*ignored\.jsonl: line 1"):
        scanned(photos, ignored=tmp_path / "ignored.jsonl")


def test_the_reach_stays_wide_up_to_300_000_images() -> None:
    limits = [narrow(MANIFEST, images) for images in (0, 1, 300_000, 3_000_000, 10**9)]
    wide, loose, balanced = (MANIFEST.threshold(n) for n in ("wide", "loose", "balanced"))
    assert limits == [wide, wide, wide, loose, balanced]
    assert loose < narrow(MANIFEST, 10**6) < wide


def test_photos_that_are_added_leave_the_groups_as_they_were(
    scanned: Scan, photos: Path, tmp_path: Path
) -> None:
    alone = scanned(photos, verify=True)
    save_photos(tmp_path / "added", 80, side=96)
    together = scanned(photos, tmp_path / "added", verify=True)
    assert len(alone.groups) > 0
    for group in alone.groups:
        same = [g for g in together.groups if g.keeper.path == group.keeper.path]
        assert [g.duplicates for g in same] == [group.duplicates]


def test_the_report_tells_the_threshold_that_the_number_of_images_gave(
    scanned: Scan, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.encoder.threshold._FALSE_CANDIDATES", 1e-5 * 7)
    assert scanned(photos, verify=True).threshold == MANIFEST.threshold("loose")
    assert scanned(photos, verify=True, sensitivity="wide").threshold == MANIFEST.threshold("wide")
    assert scanned(photos, verify=True, threshold=0.3).threshold == 0.3


def test_plain_pictures_are_no_copies_of_each_other_unless_their_pixels_agree(
    scanned: Scan, tmp_path: Path
) -> None:
    white = Image.new("RGB", (96, 72), "white")
    save(white, tmp_path / "photos/page 1.png")
    save(white, tmp_path / "photos/page 1 again.bmp")
    save(white.resize((90, 90)), tmp_path / "photos/page 2.png")
    save(Image.new("RGB", (96, 72), (250, 250, 252)), tmp_path / "photos/page 3.png")
    (tmp_path / "photos/page 2 (1).png").write_bytes((tmp_path / "photos/page 2.png").read_bytes())
    report = scanned(tmp_path / "photos", threshold=1.0)
    assert grouped(report) == {
        "page 1.png": ["page 1 again.bmp"],
        "page 2.png": ["page 2 (1).png"],
    }
    assert [(os.path.basename(one.path), one.reason) for one in report.skipped] == [
        ("page 3.png", "low-detail")
    ]


def test_a_second_scan_searches_nothing_and_finds_the_same(
    scanned: Scan, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index.sqlite"
    first = scanned(photos, index=index)
    monkeypatch.setattr("dedupe.search.candidates.find_pairs", None)
    monkeypatch.setattr("dedupe.search.candidates.extend_pairs", None)
    assert scanned(photos, index=index) == first


def test_groups_have_the_numbers_of_their_report(
    scanned: Scan, photos: Path, tmp_path: Path
) -> None:
    report = scanned(photos)
    write_report(report, tmp_path / "r.csv")
    assert [group.number for group in report.groups] == [1, 2]
    assert [group.number for group in read_report(tmp_path / "r.csv").groups] == [1, 2]


def test_many_images_are_compared_in_cells_unless_an_exact_search_is_asked_for(
    scanned: Scan, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.pipeline.form.EXACT_UP_TO", 1)
    reports = [scanned(photos, exact=exact) for exact in (False, True)]
    assert [bool(r.statistics.search and r.statistics.search.cells) for r in reports] == [1, 0]
    assert reports[0].groups == reports[1].groups
