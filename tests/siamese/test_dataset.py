"""Photos for training: each content once, split by content."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest
from drawings import save_photos
from hypothesis import given
from hypothesis import strategies as st

from dedupe.decode.image import decode
from dedupe.errors import InputError
from dedupe.files import digest
from dedupe.siamese.dataset import load_photos, split_photos


def test_photos_come_in_path_order_squashed_and_with_their_digests(tmp_path: Path) -> None:
    paths = save_photos(tmp_path / "photos", 5)
    photos, digests = load_photos([str(tmp_path)], side=16)
    data = [path.read_bytes() for path in paths]
    assert digests == [digest.digest_bytes(content) for content in data]
    np.testing.assert_array_equal(photos, [decode(content, side=16).pixels for content in data])


def test_each_content_is_taken_once(tmp_path: Path) -> None:
    paths = save_photos(tmp_path / "a", 3)
    once = load_photos([str(tmp_path)], side=16)
    shutil.copy(paths[0], tmp_path / "copy.png")
    shutil.copytree(tmp_path / "a", tmp_path / "z")
    photos, digests = load_photos([str(tmp_path)], side=16)
    assert sorted(digests) == sorted(once[1])
    assert len(photos) == 3


def test_an_unreadable_file_is_left_out_and_counted_as_seen(tmp_path: Path) -> None:
    save_photos(tmp_path, 3)
    (tmp_path / "001.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (tmp_path / "empty.jpg").write_bytes(b"")
    seen: list[None] = []
    photos, digests = load_photos(
        [str(tmp_path)], side=16, on_progress=lambda *_: seen.append(None)
    )
    assert (len(photos), len(digests)) == (2, 2)


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    save_photos(tmp_path, 12)
    one, many = (load_photos([str(tmp_path)], side=16, workers=n) for n in (1, 4))
    np.testing.assert_array_equal(one[0], many[0])
    assert one[1] == many[1]


def test_a_folder_without_photos_gives_none(tmp_path: Path) -> None:
    photos, digests = load_photos([str(tmp_path)], side=16)
    assert photos.shape == (0, 16, 16, 3)
    assert digests == []


def test_a_missing_root_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone"):
        load_photos([str(tmp_path / "gone")], side=16)


def sides(digests: list[str]) -> tuple[set[str], set[str]]:
    """The digests of the photos that are trained on, and of those held out."""
    rows = np.arange(len(digests), dtype=np.uint8)
    photos = np.broadcast_to(rows[:, None, None, None], (len(digests), 1, 1, 3))
    learned, held_out = split_photos(photos, digests, held_out=0.4)
    first, second = ({digests[row] for row in part[:, 0, 0, 0]} for part in (learned, held_out))
    return first, second


def names(count: int) -> list[str]:
    return [digest.digest_bytes(bytes([number])) for number in range(count)]


def test_every_photo_lands_on_one_side_in_about_the_asked_share() -> None:
    learned, held_out = sides(names(200))
    assert learned.isdisjoint(held_out)
    assert learned | held_out == set(names(200))
    assert 60 <= len(held_out) <= 100


@given(st.integers(0, 150), st.randoms(use_true_random=False))
def test_adding_photos_moves_none_from_one_side_to_the_other(more: int, random: Random) -> None:
    grown = names(50 + more)
    random.shuffle(grown)
    before, after = sides(names(50)), sides(grown)
    assert before[0] <= after[0]
    assert before[1] <= after[1]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_photos_to_split_are_a_mistake_of_input(count: int) -> None:
    with pytest.raises(InputError, match=f"{count} readable photos are too few"):
        sides(names(count))
