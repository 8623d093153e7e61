"""The index: what it remembers, when it is not believed, and how it fails."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dedupe.errors import DedupeWarning, IndexFileError
from dedupe.index.embedding_index import (
    Content,
    EmbeddingIndex,
    StoredPairs,
    StoredReport,
    default_index_path,
)
from dedupe.types import ImageFile, Verdict

FILE = ImageFile("/p/a.jpg", root=0, size=10, mtime_ns=20, device=1, inode=30)
Plain = tuple[str, int, int, str, float, list[float]]
Known = dict[str, Plain]


def content(digest: str = "d1", *, width: int = 640, values: Sequence[float] = (1, 0)) -> Content:
    return Content(digest, width, 480, "JPEG", 30.5, np.array(values, np.float32))


def opened(folder: Path, *, encoder: str = "e1", decoder: int = 1) -> EmbeddingIndex:
    return EmbeddingIndex(folder / "index.sqlite", encoder=encoder, decoder=decoder)


def plain(found: Content) -> Plain:
    """Return a content as a value that can be compared."""
    size = (found.width, found.height)
    return (found.digest, *size, found.format, found.detail, found.vector.tolist())


def known(index: EmbeddingIndex, *files: ImageFile) -> Known:
    return {path: plain(found) for path, found in index.find_files(files).items()}


def refusal(path: Path) -> str:
    """Return the one line in which an index at `path` is refused."""
    with pytest.raises(IndexFileError) as caught:
        EmbeddingIndex(path, encoder="e1", decoder=1)
    message = str(caught.value)
    assert str(path) in message
    assert "--index" in message
    assert "\n" not in message
    return message


def test_what_was_remembered_is_found_again(tmp_path: Path) -> None:
    other = replace(FILE, path="/p/b.jpg", inode=31)
    with opened(tmp_path) as index:
        index.remember([(FILE, content()), (other, content("d2", values=[0, -1]))])
        assert known(index, FILE, other, replace(FILE, path="/p/c.jpg")) == {
            "/p/a.jpg": ("d1", 640, 480, "JPEG", 30.5, [1, 0]),
            "/p/b.jpg": ("d2", 640, 480, "JPEG", 30.5, [0, -1]),
        }


def test_an_index_survives_being_closed(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.remember([(FILE, content())])
    with opened(tmp_path) as index:
        assert known(index, FILE) == {"/p/a.jpg": plain(content())}


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with opened(tmp_path / "a/b") as index:
        assert known(index, FILE) == {}
    assert (tmp_path / "a/b/index.sqlite").exists()


def test_the_index_of_a_user_lies_in_the_cache() -> None:
    assert default_index_path().parts[-2:] == ("dedupe", "index.sqlite")
    assert default_index_path().is_relative_to(os.environ["XDG_CACHE_HOME"])


@pytest.mark.parametrize(
    "changed",
    [replace(FILE, size=11), replace(FILE, mtime_ns=21), replace(FILE, inode=31)],
    ids=["size", "mtime", "inode"],
)
def test_a_file_that_changed_is_not_believed(tmp_path: Path, changed: ImageFile) -> None:
    with opened(tmp_path) as index:
        index.remember([(FILE, content())])
        assert known(index, changed) == {}


def test_the_last_content_of_a_path_counts(tmp_path: Path) -> None:
    changed = replace(FILE, mtime_ns=21)
    with opened(tmp_path) as index:
        index.remember([(FILE, content())])
        index.remember([(changed, content("d2", width=3))])
        assert known(index, FILE) == {}
        assert known(index, changed) == {"/p/a.jpg": plain(content("d2", width=3))}


@pytest.mark.parametrize("year", [1500, 1901, 2262, 2263, 2446, 2555])
def test_times_of_every_year_are_held(tmp_path: Path, year: int) -> None:
    dated = replace(FILE, mtime_ns=(year - 1970) * 365 * 86400 * 10**9 + 1)
    with opened(tmp_path) as index:
        index.remember([(dated, content())])
        assert known(index, dated) == {"/p/a.jpg": plain(content())}
        assert known(index, replace(dated, mtime_ns=dated.mtime_ns + 1)) == {}


def test_numbers_as_large_as_a_file_system_gives_are_held(tmp_path: Path) -> None:
    large = replace(FILE, size=2**63 - 1, mtime_ns=2**63 - 1, inode=2**64 - 1)
    with opened(tmp_path) as index:
        index.remember([(large, content())])
        assert known(index, large) == {"/p/a.jpg": plain(content())}


def test_another_encoder_sees_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, encoder="e1") as index:
        index.remember([(FILE, content())])
    with opened(tmp_path, encoder="e2") as index:
        assert known(index, FILE) == {}
        assert index.find_content("d1") is None


def test_two_encoders_remember_the_same_file_side_by_side(tmp_path: Path) -> None:
    with (
        opened(tmp_path, encoder="e1") as first,
        opened(tmp_path, encoder="e2") as second,
    ):
        first.remember([(FILE, content(values=[1, 0]))])
        second.remember([(FILE, content(values=[0, 1, 0]))])
        assert known(first, FILE) == {"/p/a.jpg": plain(content(values=[1, 0]))}
        assert known(second, FILE) == {"/p/a.jpg": plain(content(values=[0, 1, 0]))}


def test_a_content_is_found_whatever_path_held_it(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.remember([(FILE, content())])
        found = index.find_content("d1")
        assert found is not None
        assert plain(found) == plain(content())
        assert index.find_content("d2") is None


def test_a_path_that_is_not_utf8_is_remembered(tmp_path: Path) -> None:
    odd = replace(FILE, path=os.fsdecode(b"/p/caf\xe9.jpg"))
    with opened(tmp_path) as index:
        index.remember([(odd, content())])
        assert known(index, odd) == {odd.path: plain(content())}


def test_more_files_than_one_question_holds_are_found(tmp_path: Path) -> None:
    files = [replace(FILE, path=f"/p/{i}.jpg", inode=i) for i in range(1203)]
    with opened(tmp_path) as index:
        index.remember((file, content(f"d{file.inode % 7}")) for file in files)
        found = index.find_files(files)
    assert {path: c.digest for path, c in found.items()} == {
        file.path: f"d{file.inode % 7}" for file in files
    }


def test_two_open_indexes_see_what_the_other_writes(tmp_path: Path) -> None:
    other = replace(FILE, path="/p/b.jpg")
    with opened(tmp_path) as first, opened(tmp_path) as second:
        first.remember([(FILE, content())])
        second.remember([(other, content("d2"))])
        assert known(first, FILE, other) == known(second, FILE, other)
        assert set(known(first, FILE, other)) == {"/p/a.jpg", "/p/b.jpg"}


@pytest.mark.parametrize("attempt", range(5))
def test_scans_that_start_together_may_create_the_same_index(tmp_path: Path, attempt: int) -> None:
    start = threading.Barrier(6)
    troubles: list[Exception] = []

    def scan(number: int) -> None:
        start.wait()
        try:
            with opened(tmp_path / str(attempt)) as index:
                index.remember([(replace(FILE, path=f"/p/{number}.jpg"), content())])
        except IndexFileError as error:
            troubles.append(error)

    threads = [threading.Thread(target=scan, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    with opened(tmp_path / str(attempt)) as index:
        assert len(known(index, *(replace(FILE, path=f"/p/{i}.jpg") for i in range(6)))) == 6


def test_threads_may_share_one_index(tmp_path: Path) -> None:
    files = [replace(FILE, path=f"/p/{i}.jpg") for i in range(40)]
    with opened(tmp_path) as index:

        def work(some: Sequence[ImageFile]) -> None:
            for file in some:
                index.remember([(file, content())])
                assert index.find_content("d1") is not None

        threads = [threading.Thread(target=work, args=(files[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(known(index, *files)) == {file.path for file in files}


@pytest.mark.parametrize("data", [b"Dear diary,", b"\xff\xd8\xff" + b"\0" * 5000])
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    message = refusal(path)
    assert "not a database" in message
    assert "delete" not in message  # it may be a photo
    assert path.read_bytes() == data


def foreign_database(path: Path, statement: str) -> bytes:
    connection = sqlite3.connect(path)
    connection.executescript(statement)
    connection.close()
    return path.read_bytes()


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE songs (name TEXT)", "PRAGMA application_id = 1234"]
)
def test_the_database_of_another_program_is_refused_and_kept(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "songs.sqlite"
    data = foreign_database(path, statement)
    assert "is not an index of dedupe" in refusal(path)
    assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["songs.sqlite"]


def test_an_index_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    foreign_database(tmp_path / "index.sqlite", "PRAGMA user_version = 99")
    assert "was written by a newer dedupe" in refusal(tmp_path / "index.sqlite")


def test_a_refused_index_is_not_held_locked(tmp_path: Path) -> None:
    path = tmp_path / "songs.sqlite"
    foreign_database(path, "CREATE TABLE songs (name TEXT)")
    with pytest.raises(IndexFileError) as caught:
        EmbeddingIndex(path, encoder="e1", decoder=1)
    connection = sqlite3.connect(path, timeout=0)
    connection.executescript("BEGIN EXCLUSIVE; DROP TABLE songs; COMMIT;")
    connection.close()
    assert caught.value.exit_code == 5


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refusal(tmp_path / "file" / "index.sqlite")
    refusal(tmp_path / "file" / "deeper" / "index.sqlite")


def test_a_folder_in_place_of_the_index_is_refused(tmp_path: Path) -> None:
    assert "delete" not in refusal(tmp_path)


def remember_many(folder: Path) -> None:
    with opened(folder) as index:
        index.remember([(replace(FILE, path=f"/p/{i}.jpg"), content(f"d{i}")) for i in range(999)])


def damage(path: Path, start: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * (path.stat().st_size - start))


def test_a_damaged_index_is_set_aside_and_built_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    for number in range(2):
        remember_many(tmp_path)
        damage(path, 4096)
        damaged = path.read_bytes()
        name = f"index.sqlite.damaged{'-2' * number}"
        with opened(tmp_path) as index:
            with pytest.warns(DedupeWarning, match=rf"set aside as {name}, and a new"):
                assert index.find_content("d1") is None
            index.remember([(FILE, content())])
            assert known(index, FILE) == {"/p/a.jpg": plain(content())}
        assert (tmp_path / name).read_bytes() == damaged


def test_an_index_that_is_damaged_while_it_is_written_is_built_anew(tmp_path: Path) -> None:
    remember_many(tmp_path)
    damage(tmp_path / "index.sqlite", 4096)
    with opened(tmp_path) as index:
        with pytest.warns(DedupeWarning, match="set aside"):
            index.remember([(FILE, content())])
        assert known(index, FILE) == {"/p/a.jpg": plain(content())}


def test_an_index_with_damaged_table_names_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    remember_many(tmp_path)
    data = path.read_bytes().replace(b"CREATE TABLE verdicts", b"CRXATE TABLE verdicts")
    path.write_bytes(data.replace(b"verdicts", b"\xd5erdicts"))  # as SQLite's message quotes it
    with pytest.warns(DedupeWarning, match="set aside"), opened(tmp_path) as index:
        assert index.find_content("d1") is None


def test_an_index_without_its_beginning_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    remember_many(tmp_path)
    with path.open("r+b") as file:
        file.write(b"\0" * 60)
    with pytest.warns(DedupeWarning, match="set aside"), opened(tmp_path) as index:
        assert index.find_content("d1") is None


@pytest.mark.parametrize(
    "damage",
    [
        *("width = width + 1", "format = 'PNG'", "detail = detail + 1", "facts = facts || ' '"),
        "vector = zeroblob(8)",
    ],
)
def test_a_damaged_row_of_a_content_is_not_believed(tmp_path: Path, damage: str) -> None:
    with opened(tmp_path) as index:
        index.remember([(FILE, content())])
        with index.transaction() as connection:
            connection.execute(f"UPDATE contents SET {damage}")
        with pytest.warns(DedupeWarning, match="a row fails its checksum"):
            assert known(index, FILE) == {}


def test_thumbnails_are_remembered_by_digest(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.remember([(FILE, replace(content(), thumbnail=b"pixels"))])
        assert index.find_thumbnails(["d1", "d2"]) == {"d1": b"pixels"}
        assert known(index, FILE) == {"/p/a.jpg": plain(content())}
    with opened(tmp_path, encoder="e2") as index:
        assert index.find_thumbnails(["d1"]) == {}


def test_a_damaged_thumbnail_is_not_believed(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.remember([(FILE, replace(content(), thumbnail=b"pixels"))])
        with index.transaction() as connection:
            connection.execute("UPDATE thumbnails SET data = x'00'")
        with pytest.warns(DedupeWarning, match="a row fails its checksum"):
            assert index.find_thumbnails(["d1"]) == {}


def test_damaged_pairs_and_verdicts_are_not_believed(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.remember_verdicts({("a", "b"): Verdict(True, 0.9)}, 1)
        with index.transaction() as connection:
            connection.execute("UPDATE verdicts SET is_copy = 0")
        with pytest.warns(DedupeWarning, match="a row fails its checksum"):
            assert index.find_verdicts([("a", "b")], 1) == {}
        index.remember_pairs(b"/a", searched())
        with index.transaction() as connection:
            connection.execute("UPDATE pairs SET threshold = 2.0")
        with pytest.warns(DedupeWarning, match="a row fails its checksum"):
            assert index.find_pairs(b"/a") is None


def test_a_locked_index_is_left_out_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.index.database._WAIT_S", 0.01)
    with opened(tmp_path) as index:
        index.remember([(FILE, content())])
        with contextlib.closing(sqlite3.connect(tmp_path / "index.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.warns(DedupeWarning, match="locked by another process"):
                index.remember([(FILE, content("d2"))])
            index.remember([(FILE, content("d3"))])  # without a second warning
        index.remember([(FILE, content("d4"))])  # as soon as it is free again
        assert known(index, FILE) == {"/p/a.jpg": plain(content("d4"))}


def test_an_index_that_is_locked_when_it_is_opened_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.index.database._WAIT_S", 0.01)
    with contextlib.closing(sqlite3.connect(tmp_path / "index.sqlite")) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.warns(DedupeWarning, match="locked by another process"):
            index = opened(tmp_path)
        index.remember([(FILE, content())])
        assert known(index, FILE) == {}
        index.close()


def test_a_damaged_index_that_another_scan_has_replaced_is_not_set_aside_again(
    tmp_path: Path,
) -> None:
    remember_many(tmp_path)
    damage(tmp_path / "index.sqlite", 4096)
    with opened(tmp_path) as first, opened(tmp_path) as second:
        with pytest.warns(DedupeWarning, match="set aside"):
            first.remember([(FILE, content())])
        assert second.find_content("d7") is None
        assert known(second, FILE) == {"/p/a.jpg": plain(content())}
    names = {name.removesuffix("-wal").removesuffix("-shm") for name in os.listdir(tmp_path)}
    assert names == {"index.sqlite", "index.sqlite.damaged"}


def test_a_full_disk_is_an_error_and_costs_nothing_that_was_remembered(tmp_path: Path) -> None:
    many = [(replace(FILE, path=f"/p/{i}.jpg"), content(f"d{i}")) for i in range(2000)]
    with opened(tmp_path) as index:
        index.remember([(FILE, content())])
        with index.transaction() as connection:
            connection.execute("PRAGMA max_page_count = 8")
        with pytest.raises(IndexFileError, match=r"index\.sqlite cannot be used: .*full"):
            index.remember(many)
        assert known(index, FILE, *(file for file, _ in many)) == {"/p/a.jpg": plain(content())}
    with opened(tmp_path) as index:
        assert known(index, FILE) == {"/p/a.jpg": plain(content())}
        assert index.find_content("d7") is None


def test_verdicts_are_remembered_by_both_digests_and_by_verifier(tmp_path: Path) -> None:
    copy = Verdict(True, 0.9, "turned 90", "points", (0.0, 1.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 1.0))
    other = Verdict(False, 0.1)
    with EmbeddingIndex(tmp_path / "i.sqlite", encoder="e", decoder=1) as index:
        index.remember_verdicts({("a", "b"): copy, ("a", "c"): other}, 1)
        index.remember_verdicts({("a", "b"): other}, 2)
    with EmbeddingIndex(tmp_path / "i.sqlite", encoder="another", decoder=1) as index:
        known = index.find_verdicts([("a", "b"), ("a", "c"), ("b", "c")], 1)
        assert known == {("a", "b"): copy, ("a", "c"): other}
        assert index.find_verdicts([("a", "b"), ("a", "c")], 2) == {("a", "b"): other}
        assert index.find_verdicts([], 1) == {}


# What a search found


def searched(threshold: float = 0.5, valid_for: str = "") -> StoredPairs:
    left, right = np.array([0, 1], np.int32), np.array([2, 2], np.int32)
    distance = np.array([0.25, 0.125], np.float32)
    return StoredPairs(threshold, valid_for, ("d1", "d2", "d3"), left, right, distance)


def as_value(found: StoredPairs | None) -> tuple[object, ...]:
    assert found is not None
    pairs = (found.left.tolist(), found.right.tolist(), found.distance.tolist())
    return (found.threshold, found.valid_for, found.digests, *pairs)


def test_the_last_search_of_some_roots_is_remembered(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        assert index.find_pairs(b"/a") is None
        index.remember_pairs(b"/a", searched(0.25))
        index.remember_pairs(b"/a", searched(valid_for="this"))
        index.remember_pairs(b"/b", searched(0.125))
    with opened(tmp_path) as index:
        assert as_value(index.find_pairs(b"/a")) == as_value(searched(valid_for="this"))
        assert as_value(index.find_pairs(b"/b")) == as_value(searched(0.125))
    with opened(tmp_path, encoder="e2") as index:
        assert index.find_pairs(b"/a") is None


def test_a_search_that_found_nothing_is_remembered(tmp_path: Path) -> None:
    none = np.empty(0, np.int32)
    with opened(tmp_path) as index:
        index.remember_pairs(b"", StoredPairs(0.5, "", (), none, none, none.view(np.float32)))
        assert as_value(index.find_pairs(b"")) == (0.5, "", (), [], [], [])


def test_an_index_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.remember([(FILE, content())])
        index.remember_verdicts({("d1", "d2"): Verdict(True, 0.75)}, verifier=1)
    with contextlib.closing(sqlite3.connect(tmp_path / "index.sqlite")) as old:
        old.executescript(
            "ALTER TABLE contents DROP COLUMN detail; ALTER TABLE verdicts DROP COLUMN level;"
            "ALTER TABLE pairs RENAME TO searches; PRAGMA user_version = 1;"
        )
    with opened(tmp_path) as index:
        assert known(index, FILE) == {}
        assert index.find_verdicts([("d1", "d2")], verifier=1) == {}
        index.remember([(FILE, content())])
        assert known(index, FILE) == {"/p/a.jpg": plain(content())}


def test_the_rows_of_the_version_before_the_reports_are_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.remember([(FILE, content())])
    with contextlib.closing(sqlite3.connect(tmp_path / "index.sqlite")) as old:
        old.executescript("DROP TABLE reports; PRAGMA user_version = 7;")
    with opened(tmp_path) as index:
        assert known(index, FILE) == {"/p/a.jpg": plain(content())}
        assert index.find_report(b"/p") is None
        index.remember_report(b"/p", StoredReport("name", b"data"))
        assert index.find_report(b"/p") == StoredReport("name", b"data")


def test_a_damaged_report_is_not_believed(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.remember_report(b"/p", StoredReport("name", b"data"))
    with contextlib.closing(sqlite3.connect(tmp_path / "index.sqlite")) as file:
        file.executescript("UPDATE reports SET data = x'00'")
    with opened(tmp_path) as index, pytest.warns(DedupeWarning, match="is damaged"):
        assert index.find_report(b"/p") is None


def test_the_digests_of_unchanged_files_are_found_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedupe.index.embedding_index._RANGE", 2)
    files = [replace(FILE, path=f"/p/{name}", inode=n) for n, name in enumerate("abcde")]
    with opened(tmp_path) as index:
        index.remember((file, content(f"d{file.inode}")) for file in files if file.path != "/p/c")
        changed = replace(files[3], mtime_ns=21)
        asked = [*files[:3], changed, files[4]]
        assert index.find_digests(asked) == ["d0", "d1", "", "", "d4"]
        assert index.find_digests([]) == []
