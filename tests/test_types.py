"""Values that refuse to be built wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import a_group, a_photo, a_report, some_contents

from dedupe.types import Group, Pairs

A, B, C = a_photo("/p/a.jpg"), a_photo("/p/b.jpg", b"longer"), a_photo("/p/c.jpg")


def some_pairs(left: list[int], right: list[int], distance: list[float]) -> Pairs:
    return Pairs(np.array(left), np.array(right), np.array(distance, np.float32))


def test_a_group_without_duplicates_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="at least one duplicate"):
        Group(A, (), "largest")


def test_a_keeper_that_is_also_a_duplicate_cannot_be_built() -> None:
    with pytest.raises(ValueError, match=r"'/p/a\.jpg' is also a duplicate"):
        a_group(A, B, A)


@pytest.mark.parametrize(
    "groups",
    [
        (a_group(A, B), a_group(C, B)),
        (a_group(A, B), a_group(B, C)),
        (a_group(A, B), a_group(A, C)),
        (a_group(A, B, B),),
    ],
    ids=["two keepers", "keeper and duplicate", "keeper twice", "duplicate twice"],
)
def test_a_report_with_a_file_in_two_places_cannot_be_built(groups: tuple[Group, ...]) -> None:
    with pytest.raises(ValueError, match="two groups"):
        a_report(*groups)


def test_a_report_with_a_duplicate_beyond_the_threshold_cannot_be_built() -> None:
    with pytest.raises(ValueError, match=r"'/p/b\.jpg' lies beyond the threshold"):
        a_report(a_group(A, B, distance=0.51), threshold=0.5)


def test_a_duplicate_may_lie_at_the_threshold() -> None:
    group = a_group(A, B, distance=0.5)
    assert a_report(group, threshold=0.5).groups == (group,)


def test_a_report_counts_what_its_duplicates_hold() -> None:
    report = a_report(a_group(A, B, C))
    assert [duplicate.photo for duplicate in report.duplicates] == [B, C]
    assert report.bytes_freed == len(b"longer") + len(b"photo")


def test_a_duplicate_with_another_hard_link_frees_nothing() -> None:
    linked = replace(B, file=replace(B.file, links=2))
    assert a_report(a_group(A, linked, C)).bytes_freed == C.file.size


def test_the_time_a_scan_took_does_not_make_another_report() -> None:
    assert a_report(a_group(A, B)) == a_report(a_group(A, B))
    assert a_report(a_group(A, B)) != a_report(a_group(A, C))


@pytest.mark.parametrize(("left", "right"), [([1], [0]), ([0, 2], [1, 2])])
def test_a_pair_with_a_left_that_is_not_smaller_cannot_be_built(
    left: list[int], right: list[int]
) -> None:
    with pytest.raises(ValueError, match="left < right"):
        some_pairs(left, right, [0.1] * len(left))


def test_pairs_of_different_lengths_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        some_pairs([0, 1], [1, 2], [0.1])


def test_pairs_know_how_many_they_are() -> None:
    assert len(some_pairs([0, 0], [1, 2], [0.1, 0.2])) == 2
    assert len(some_pairs([], [], [])) == 0


@pytest.mark.parametrize("shape", [(1, 4), (3, 4), (2,), (2, 2, 2)])
def test_contents_with_vectors_that_do_not_fit_cannot_be_built(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2 digests and 2 contents do not fit"):
        some_contents([[A], [B]], np.zeros(shape, np.float32))


def test_contents_without_a_value_for_each_content_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="a value for each content"):
        some_contents([[A], [B]], protected=[1])


def test_contents_count_their_files_and_those_that_are_not_protected() -> None:
    contents = some_contents([[A, C], [B]], protected=[1, 0])
    assert (len(contents), contents.files) == (2, 3)
    assert (contents.free_files(0), contents.free_files(1)) == ((C,), (B,))


def test_a_photo_knows_its_path_and_its_pixels() -> None:
    assert (A.path, A.pixels) == ("/p/a.jpg", 640 * 480)


def test_a_duplicate_with_other_hard_links_frees_nothing() -> None:
    linked = a_photo("/p/b", b"12345")
    linked = replace(linked, file=replace(linked.file, links=2))
    report = a_report(a_group(a_photo("/p/a", b"12345"), linked, a_photo("/p/c", b"123")))
    assert report.bytes_freed == 3
