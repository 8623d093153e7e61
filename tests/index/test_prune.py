"""Forgetting: what is gone goes, what a scan may still ask for stays."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dedupe.decode.image import DECODER_VERSION
from dedupe.errors import DedupeWarning, IndexFileError
from dedupe.index.embedding_index import Content, EmbeddingIndex, StoredPairs, StoredReport
from dedupe.index.prune import IndexStats, prune, read_stats
from dedupe.types import ImageFile, Verdict
from dedupe.verify.verifier import VERIFIER_VERSION

forget = partial(prune, verifier=VERIFIER_VERSION)
SEEN = Verdict(True, 1.0, "mirrored")


def open_index(folder: Path, encoder: str = "e1", decoder: int = DECODER_VERSION) -> EmbeddingIndex:
    return EmbeddingIndex(folder / "index.sqlite", encoder=encoder, decoder=decoder)


def content(digest: str) -> Content:
    return Content(digest, 640, 480, "JPEG", 30.5, np.ones(128, np.float32))


def search(*digests: str) -> StoredPairs:
    row = np.zeros(1, np.int32)
    return StoredPairs(0.5, "", digests, row, row + 1, np.full(1, 0.1, np.float32))


@pytest.fixture
def files(tmp_path: Path) -> list[ImageFile]:
    """Three files, with contents `0`, `1` and `2`."""
    found = []
    for number in range(3):
        path = tmp_path / "photos" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d" % number)
        found.append(ImageFile(str(path), 0, 1, 20, 1, number))
    return found


def fill(index: EmbeddingIndex, files: list[ImageFile]) -> None:
    index.remember((file, content(str(number))) for number, file in enumerate(files))
    index.remember_verdicts({("0", "1"): SEEN, ("0", "2"): SEEN}, VERIFIER_VERSION)


def test_nothing_is_forgotten_while_every_file_is_there(
    tmp_path: Path, files: list[ImageFile]
) -> None:
    with open_index(tmp_path) as index:
        fill(index, files)
        before = read_stats(index)
        forget(index)
        after = read_stats(index)
        assert replace(before, size=0) == replace(after, size=0) == IndexStats(3, 3, 3, 2, 0)
        assert len(index.find_files(files)) == 3


def test_a_file_that_is_gone_takes_its_content_and_verdicts_with_it(
    tmp_path: Path, files: list[ImageFile]
) -> None:
    os.remove(files[2].path)
    with open_index(tmp_path) as index:
        fill(index, files)
        forget(index)
        assert set(index.find_files(files)) == {files[0].path, files[1].path}
        assert index.find_content("2") is None
        known = index.find_verdicts([("0", "1"), ("0", "2")], VERIFIER_VERSION)
        assert known == {("0", "1"): SEEN}


def test_a_content_stays_while_one_file_holds_it(tmp_path: Path, files: list[ImageFile]) -> None:
    with open_index(tmp_path) as index:
        index.remember((file, content("same")) for file in files)
        os.remove(files[0].path)
        forget(index)
        assert replace(read_stats(index), size=0) == IndexStats(2, 1, 1, 0, 0)


def test_what_other_decoders_and_verifiers_made_is_forgotten(
    tmp_path: Path, files: list[ImageFile]
) -> None:
    with open_index(tmp_path, decoder=0) as older:
        older.remember([(files[0], content("0"))])
        older.remember_pairs(b"/", search("0", "1"))
        older.remember_verdicts({("0", "0"): SEEN}, VERIFIER_VERSION - 1)
    with open_index(tmp_path) as index:
        forget(index)
        assert replace(read_stats(index), size=0) == IndexStats(1, 0, 0, 0, 0)
    with open_index(tmp_path, decoder=0) as older:
        assert older.find_pairs(b"/") is None


def test_other_encoders_are_kept_unless_one_is_named(
    tmp_path: Path, files: list[ImageFile]
) -> None:
    for encoder in ("e1", "e2"):
        with open_index(tmp_path, encoder) as index:
            fill(index, files)
    with open_index(tmp_path) as index:
        forget(index)
        assert read_stats(index).vectors == 6
        forget(index, only=["e1"])
        assert read_stats(index).vectors == 3
        assert index.find_content("0") is not None


def test_searches_of_roots_that_are_gone_are_forgotten(
    tmp_path: Path, files: list[ImageFile]
) -> None:
    here, gone = os.fsencode(tmp_path), os.fsencode(tmp_path / "unplugged")
    with open_index(tmp_path) as index:
        fill(index, files)
        for roots in (here, gone, here + b"\0" + gone):
            index.remember_pairs(roots, search("0", "1"))
            index.remember_report(roots, StoredReport("name", b"data"))
        forget(index)
        assert index.find_report(here) == StoredReport("name", b"data")
        assert index.find_report(gone) is None
        assert index.find_pairs(here) is not None
        assert index.find_pairs(gone) is None
        assert index.find_pairs(here + b"\0" + gone) is None


def test_the_room_goes_back_to_the_disk(tmp_path: Path) -> None:
    many = [ImageFile(str(tmp_path / f"{n}.jpg"), 0, 1, 20, 1, n) for n in range(2000)]
    with open_index(tmp_path) as index:
        index.remember((file, content(file.path)) for file in many)
        forget(index)
        assert read_stats(index) == IndexStats(0, 0, 0, 0, read_stats(index).size)
        assert read_stats(index).size < 100_000


def test_a_folder_that_may_not_be_entered_is_not_gone(
    tmp_path: Path, files: list[ImageFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: bytes) -> os.stat_result:
        raise PermissionError(13, "Permission denied", path)

    with open_index(tmp_path) as index:
        fill(index, files)
        monkeypatch.setattr("os.lstat", refuse)
        forget(index)
        monkeypatch.undo()
        assert read_stats(index).files == 3


def test_an_index_without_one_of_its_tables_is_set_aside(
    tmp_path: Path, files: list[ImageFile]
) -> None:
    with open_index(tmp_path) as index:
        fill(index, files)
        with index.transaction() as connection:
            connection.execute("DROP TABLE verdicts")
        with (
            pytest.warns(DedupeWarning, match=r"set aside as index\.sqlite\.damaged"),
            pytest.raises(IndexFileError, match="cannot be used: no such table"),
        ):
            forget(index)
        assert read_stats(index).files == 0
