"""The keepers of verified groups, on real files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import some_contents
from photo_files import an_original, draw_scene, encode, reopen
from PIL import Image

from dedupe.decode.image import decode
from dedupe.files.digest import digest_bytes
from dedupe.group.keep import DEFAULT_RULES
from dedupe.group.refine import Judge, RowPair
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.pipeline.keepers import Keepers
from dedupe.provenance.examiner import Examiner
from dedupe.types import Contents, Group, ImageFile, Photo, Star, Verdict

ORIGINAL, SMALL, POOR = 0, 1, 2  # rows of the contents


def write(path: Path, data: bytes, *, mtime_ns: int = 10**18) -> Photo:
    path.write_bytes(data)
    picture = decode(data, side=8)
    file = ImageFile(str(path), 0, len(data), mtime_ns, 0, 0)
    return Photo(
        file, picture.width, picture.height, picture.format, digest_bytes(data), picture.facts
    )


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    """An original, a copy of half its size, and a copy of poor quality, the oldest file."""
    data = an_original()
    image = reopen(data)
    small = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    return [
        write(tmp_path / "z original.jpg", data, mtime_ns=3 * 10**18),
        write(tmp_path / "small.jpg", encode(small, quality=92), mtime_ns=2 * 10**18),
        write(tmp_path / "poor.jpg", encode(image, quality=35)),
    ]


def accept(pairs: Sequence[RowPair]) -> list[Verdict]:
    return [Verdict(True, 0.9) for _ in pairs]


def reject(pairs: Sequence[RowPair]) -> list[Verdict]:
    return [Verdict(False, 0.1) for _ in pairs]


def choose(
    photos: Sequence[Photo | Sequence[Photo]],
    star: Star,
    *,
    rules: Sequence[str] = DEFAULT_RULES,
    protected: Sequence[int] | None = None,
    ignored: IgnoredPairs | None = None,
    judge: Judge = accept,
) -> list[Group]:
    files = [[photo] if isinstance(photo, Photo) else photo for photo in photos]
    contents: Contents = some_contents(files, protected=protected)
    keepers = Keepers(
        contents,
        rules,
        threshold=0.5,
        ignored=ignored,
        open_judge=lambda _: judge,
        examiner=Examiner(workers=2),
    )
    return keepers.form_groups([star], {})


def names(groups: Sequence[Group]) -> list[tuple[str, list[str]]]:
    return [
        (Path(g.keeper.path).name, [Path(d.photo.path).name for d in g.duplicates]) for g in groups
    ]


ROUND_THE_SMALL = Star(SMALL, ((ORIGINAL, 0.1), (POOR, 0.2)))


def test_a_group_is_centred_on_the_original_again(photos: list[Photo]) -> None:
    (group,) = choose(photos, ROUND_THE_SMALL)
    assert names([group]) == [("z original.jpg", ["poor.jpg", "small.jpg"])]
    assert "detail" in group.reason
    how = {Path(d.photo.path).name: (d.kind, d.how) for d in group.duplicates}
    assert how["poor.jpg"][0] == how["small.jpg"][0] == "same"
    assert "resized to 50 %" in how["small.jpg"][1]


def test_other_rules_decide_without_a_look_at_the_pixels(photos: list[Photo]) -> None:
    star = Star(POOR, ((ORIGINAL, 0.1), (SMALL, 0.2)))
    (group,) = choose(photos, star, rules=["oldest"])
    assert names([group]) == [("poor.jpg", ["small.jpg", "z original.jpg"])]
    assert group.reason == "oldest"


def test_a_protected_keeper_stays_in_the_centre(photos: list[Photo]) -> None:
    groups = choose(photos, Star(POOR, ((ORIGINAL, 0.1),)), protected=[0, 0, 1])
    assert names(groups) == [("poor.jpg", ["z original.jpg"])]
    assert groups[0].reason == "protected"


def test_an_original_that_is_not_verified_against_the_group_stays_outside(
    photos: list[Photo],
) -> None:
    groups = choose(photos, ROUND_THE_SMALL, judge=reject)
    assert "z original.jpg" not in {Path(p.path).name for group in groups for p in group.photos}


def test_a_content_with_more_real_detail_than_the_keeper_is_left_out(photos: list[Photo]) -> None:
    groups = choose(photos[:2], Star(SMALL, ((ORIGINAL, 0.1),)), judge=reject)
    assert groups == []


def test_exact_copies_of_a_content_that_is_left_out_are_a_group_of_their_own(
    photos: list[Photo], tmp_path: Path
) -> None:
    again = write(tmp_path / "z second.jpg", Path(photos[ORIGINAL].path).read_bytes())
    groups = choose(
        [[photos[ORIGINAL], again], photos[SMALL]], Star(SMALL, ((ORIGINAL, 0.1),)), judge=reject
    )
    assert names(groups) == [("z original.jpg", ["z second.jpg"])]
    assert [d.kind for d in groups[0].duplicates] == ["exact"]


def test_a_damaged_original_is_not_the_keeper_of_an_intact_copy(photos: list[Photo]) -> None:
    broken = replace(photos[ORIGINAL], facts=replace(photos[ORIGINAL].facts, damage="a gap"))
    groups = choose([broken, *photos[1:]], Star(POOR, ((SMALL, 0.1),)))
    assert names(groups)[0][0] in ("poor.jpg", "small.jpg")
    groups = choose([broken, photos[SMALL]], Star(SMALL, ((ORIGINAL, 0.1),)))
    assert "z original.jpg" not in [keeper for keeper, _ in names(groups)]


def test_a_content_stays_beside_which_the_keeper_is_broken(tmp_path: Path) -> None:
    scene = draw_scene(5, width=720, height=528)
    levels = np.random.default_rng(1).integers(0, 255, (4, 37, 3), dtype=np.uint8)
    pixels = np.asarray(scene).copy()
    pixels[208:272, 128:] = levels.repeat(16, axis=0).repeat(16, axis=1)  # wrong blocks
    broken = write(tmp_path / "broken.png", encode(Image.fromarray(pixels), "PNG"))
    intact = write(tmp_path / "intact.jpg", encode(scene, quality=70))
    star = Star(0, ((1, 0.1),))
    assert choose([broken, intact], star, rules=["format"]) == []
    groups = choose([intact, broken], star, rules=["smallest"])
    assert names(groups) == [("intact.jpg", ["broken.png"])]


def test_a_group_is_not_centred_on_a_content_that_a_person_ruled_out(photos: list[Photo]) -> None:
    apart = IgnoredPairs([((photos[ORIGINAL].digest, photos[SMALL].digest), "apart")])
    groups = choose(photos[:2], Star(SMALL, ((ORIGINAL, 0.1),)), ignored=apart)
    assert "z original.jpg" not in [keeper for keeper, _ in names(groups)]


@pytest.mark.parametrize("rows", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_keeper_does_not_depend_on_the_order_of_the_contents(
    photos: list[Photo], rows: tuple[int, ...]
) -> None:
    files = [photos[row] for row in rows]
    centre = rows.index(SMALL)
    star = Star(centre, tuple((row, 0.1) for row in range(3) if row != centre))
    assert names(choose(files, star)) == [("z original.jpg", ["poor.jpg", "small.jpg"])]


def test_groups_come_in_the_order_of_the_stars_with_progress(
    photos: list[Photo], tmp_path: Path
) -> None:
    other = encode(draw_scene(8), quality=95)
    files = [*photos, write(tmp_path / "a.png", other), write(tmp_path / "b.jpg", other + b"x")]
    contents = some_contents([[photo] for photo in files])
    stars = [Star(3, ((4, 0.0),)), ROUND_THE_SMALL]
    seen: list[tuple[str, int, int]] = []
    report: Callable[[str, int, int], None] = lambda *args: seen.append(args)  # noqa: E731
    keepers = Keepers(
        contents, DEFAULT_RULES, threshold=0.5, ignored=None, open_judge=None, examiner=Examiner()
    )
    groups = keepers.form_groups(stars, {}, on_progress=report)
    assert [keeper for keeper, _ in names(groups)][1:] == ["z original.jpg"]
    assert seen == [("keep", 1, 2), ("keep", 1, 2)]


def test_a_content_too_far_from_a_better_one_does_not_take_it_as_keeper(
    photos: list[Photo],
) -> None:
    vectors = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    contents = some_contents([[photo] for photo in photos], vectors)
    keepers = Keepers(
        contents,
        DEFAULT_RULES,
        threshold=0.5,
        ignored=None,
        open_judge=lambda _: accept,
        examiner=Examiner(),
    )
    assert keepers.form_groups([Star(SMALL, ((ORIGINAL, 0.1),))], {}) == []
