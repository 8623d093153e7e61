"""Which file stays, and which rule is named as the reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import a_photo, some_contents
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.errors import UsageError
from dedupe.group.keep import (
    DEFAULT_RULES,
    RULES,
    arrange_files,
    check_rules,
    explain_choice,
    order_contents,
)
from dedupe.types import Photo


def photo(
    path: str = "/p/a.jpg",
    *,
    size: int = 1000,
    mtime_ns: int = 5,
    width: int = 100,
    form: str = "JPEG",
    root: int = 0,
) -> Photo:
    plain = a_photo(path)
    file = replace(plain.file, size=size, mtime_ns=mtime_ns, root=root)
    return replace(plain, file=file, width=width, format=form)


def ordered(photos: list[Photo], *rules: str, protected: tuple[str, ...] = ()) -> list[str]:
    """Return the paths from the one most worth keeping to the least, as files or as contents."""
    is_protected = protected.__contains__ if protected else None
    one = arrange_files(some_contents([photos]), rules, is_protected)
    paths = [photo.path for photo in one.photos[0]]
    several = arrange_files(some_contents([[photo] for photo in photos]), rules, is_protected)
    assert [photos[row].path for row in order_contents(several, rules).tolist()] == paths
    assert one.protected.tolist() == [len(protected)]
    return paths


A, B = "/p/a.jpg", "/p/b.jpg"


@pytest.mark.parametrize(
    ("rule", "better", "worse"),
    [
        ("most-pixels", photo(B, width=101), photo(A, width=100)),
        ("format", photo(B, form="TIFF"), photo(A, form="PNG")),
        ("format", photo(B, form="PNG"), photo(A, form="JPEG")),
        ("format", photo(B, form="JPEG"), photo(A, form="GIF")),
        ("format", photo(B, form="GIF"), photo(A, form="PCX")),
        ("largest", photo(B, size=2), photo(A, size=1)),
        ("smallest", photo(B, size=1), photo(A, size=2)),
        ("oldest", photo(B, mtime_ns=1), photo(A, mtime_ns=2)),
        ("newest", photo(B, mtime_ns=2), photo(A, mtime_ns=1)),
        ("shortest-path", photo("/p/z.jpg"), photo("/p/aa.jpg")),
        ("shortest-path", photo("/p/zz.jpg"), photo("/p/\u00e9\u00e9.jpg")),
        ("longest-path", photo("/p/zz.jpg"), photo("/p/a.jpg")),
        ("name-without-copy-suffix", photo("/p/b.jpg"), photo("/p/a (1).jpg")),
        ("first-root", photo(B, root=0), photo(A, root=1)),
    ],
)
def test_each_rule_decides_against_the_order_of_paths(
    rule: str, better: Photo, worse: Photo
) -> None:
    assert ordered([worse, better], rule) == [better.path, worse.path]
    assert explain_choice(better, [worse], [rule]) == rule


def test_every_rule_is_tested_and_every_default_is_a_rule() -> None:
    assert check_rules(DEFAULT_RULES) == DEFAULT_RULES
    assert set(DEFAULT_RULES) <= set(RULES)


def test_the_first_rule_that_distinguishes_two_files_decides() -> None:
    large_and_young = photo(A, size=9, mtime_ns=9)
    small_and_old = photo(B, size=1, mtime_ns=1)
    photos = [large_and_young, small_and_old]
    assert ordered(photos, "most-pixels", "largest", "oldest") == [A, B]
    assert ordered(photos, "most-pixels", "oldest", "largest") == [B, A]


def test_files_that_no_rule_distinguishes_come_in_the_order_of_path_bytes() -> None:
    names = ["/p/\udce9.jpg", "/p/b.jpg", "/p/\u00e9.jpg", "/p/a.jpg"]
    expected = ["/p/a.jpg", "/p/b.jpg", "/p/\u00e9.jpg", "/p/\udce9.jpg"]
    assert ordered([photo(name) for name in names], "largest") == expected
    assert ordered([photo(name) for name in names]) == expected


def test_a_protected_file_comes_before_all_others() -> None:
    photos = [photo(A, width=999), photo(B, width=1)]
    assert ordered(photos, "most-pixels", protected=(B,)) == [B, A]


def test_a_content_is_as_good_as_its_best_file() -> None:
    files = [[photo("/p/a.jpg", size=2)], [photo("/p/b.jpg", size=1), photo("/p/c.jpg", size=3)]]
    contents = arrange_files(some_contents(files), ["largest"])
    assert order_contents(contents, ["largest"]).tolist() == [1, 0]
    assert order_contents(contents, ["largest"], np.array([0])).tolist() == [0]


@settings(deadline=None)
@given(st.permutations(range(6)))
def test_the_order_does_not_depend_on_the_order_given(shuffled: list[int]) -> None:
    photos = [photo(f"/p/{i}.jpg", width=100 + i % 2, size=i // 2) for i in range(6)]
    mixed = [photos[i] for i in shuffled]
    assert ordered(mixed, *DEFAULT_RULES) == ordered(photos, *DEFAULT_RULES)


COPIES = (
    "IMG_1 (1).jpg", "IMG_1(2).jpg", "IMG_1 - Copy.jpg", "IMG_1 - Copy (2).jpg", "IMG_1-copy.jpg",
    "IMG_1_copy.png", "photo copy.jpg", "photo copy 2.jpg", "photo_copy_2.jpg", "PHOTO COPY.JPG",
    "Copy of x.png", "copy of copy of x.png", "Copy (2) of x.jpg", "Kopie von x.jpg",
    "x - Kopie.jpg", "x - Kopie (3).jpg", "x - copie.jpg", "x - copia.jpg", "x~2.jpg",
    "IMG_1-edited.jpg",
)  # fmt: skip
ORIGINALS = (
    "Sunset (Paris).jpg", "IMG_2041.jpg", "photocopy.jpg", "copy.jpg", "edited.jpg", "Copy.png",
    "Copyright of x.jpg", "copycat.jpg", "a (b1).jpg", "(1) first.jpg", "x~.jpg", "kopierer.jpg",
    "IMG_1 copy of the sea.jpg", "2019-12-24.jpg", "copy of.jpg", "hardcopy 2.jpg",
)  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_a_name_that_programs_give_to_copies_is_known(name: str) -> None:
    photos = [photo(f"/p/{name}"), photo("/p/zzz.jpg")]
    assert ordered(photos, "name-without-copy-suffix") == ["/p/zzz.jpg", f"/p/{name}"]


@pytest.mark.parametrize("name", ORIGINALS)
def test_a_name_that_only_resembles_a_copy_is_left_in_peace(name: str) -> None:
    photos = [photo("/p/zzz (1).jpg"), photo(f"/zz/{name}")]
    assert ordered(photos, "name-without-copy-suffix") == [f"/zz/{name}", "/p/zzz (1).jpg"]


def test_the_name_of_a_folder_does_not_make_a_copy() -> None:
    photos = [photo("/p (1)/a.jpg"), photo("/q/a.jpg")]
    assert ordered(photos, "name-without-copy-suffix") == ["/p (1)/a.jpg", "/q/a.jpg"]


@pytest.mark.parametrize("rules", [["prettiest"], ["largest", "Oldest"], [""], "largest"])
def test_an_unknown_rule_is_refused(rules: list[str]) -> None:
    with pytest.raises(UsageError, match=r"no keep rule is called .* choose from original, "):
        check_rules(rules)


def test_the_reason_is_the_rule_that_distinguishes_the_keeper_from_the_next_best() -> None:
    keeper = photo(A, width=200, size=9)
    by_pixels, by_bytes = photo(B, width=100), photo("/p/c.jpg", width=200, size=8)
    assert explain_choice(keeper, [by_pixels], DEFAULT_RULES) == "most-pixels"
    assert explain_choice(keeper, [by_pixels, by_bytes], DEFAULT_RULES) == "largest"


def test_the_reason_of_a_keeper_that_the_rules_alone_would_not_choose_is_its_place() -> None:
    others = [photo(A, width=200), photo("/p/c.jpg", width=50)]
    assert explain_choice(photo(B), others, DEFAULT_RULES) == "closest-to-all"


def test_the_reason_of_a_protected_keeper_is_its_protection() -> None:
    others = [photo(A, width=200)]
    assert explain_choice(photo(B), others, DEFAULT_RULES, {B}) == "protected"


def test_the_reason_where_no_rule_decides_is_the_order_of_paths() -> None:
    assert explain_choice(photo(A), [photo(B)], ["largest", "oldest"]) == "path-order"
    assert explain_choice(photo(A), [photo(B)], []) == "path-order"
