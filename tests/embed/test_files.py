"""From files to embeddings: what is read, what is looked up, what is left out, and how it ends."""

from __future__ import annotations

import os
import sqlite3
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import MANIFEST, NumpyEncoder, draw, save

from dedupe.decode.formats import supported_extensions
from dedupe.embed import CHANGED, Embedded, embed_files
from dedupe.encoder.manifest import Encoder
from dedupe.errors import EncoderError
from dedupe.index.embedding_index import EmbeddingIndex
from dedupe.types import ImageFile, Photo, Skipped
from dedupe.walk import walk

CHUNK = 4
Value = tuple[tuple[tuple[Photo, ...], ...], bytes, tuple[bool, ...], tuple[Skipped, ...]]


class CountingEncoder(NumpyEncoder):
    """Counts what it is given, and may fail at its second call."""

    batch_size = CHUNK

    def __init__(self, *, second_call_raises: BaseException | None = None) -> None:
        self.calls: list[int] = []
        self._trouble = second_call_raises

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls.append(len(pixels))
        if self._trouble is not None and len(self.calls) == 2:
            raise self._trouble
        return super().embed(pixels)


def no_encoder() -> Encoder:
    raise AssertionError("the encoder was opened for nothing")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[EmbeddingIndex]:
    with EmbeddingIndex(tmp_path / "index.sqlite", encoder="numpy", decoder=1) as index:
        yield index


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures, a copy of the first and of a broken file, in two formats."""
    folder = tmp_path / "photos"
    for seed in range(10):
        save(draw(seed), folder / f"{seed}.{'png' if seed % 3 else 'jpg'}")
    (folder / "0 copy.jpg").write_bytes((folder / "0.jpg").read_bytes())
    for name in ("broken.jpg", "broken copy.jpg"):
        (folder / name).write_bytes((folder / "3.jpg").read_bytes()[:400])
    return folder


def files_of(folder: Path) -> tuple[ImageFile, ...]:
    return walk([folder], extensions=supported_extensions()).files


def embedded(
    files: Sequence[ImageFile],
    *,
    encoder: Encoder | None = None,
    index: EmbeddingIndex | None = None,
    workers: int = 2,
    max_pixels: int = 0,
    open_encoder: Callable[[], Encoder] | None = None,
) -> Embedded:
    return embed_files(
        files,
        manifest=MANIFEST,
        open_encoder=open_encoder or (lambda: encoder or NumpyEncoder()),
        index=index,
        workers=workers,
        max_pixels=max_pixels,
    )


def value(found: Embedded) -> Value:
    """Return all that two runs must agree on."""
    contents = found.contents
    low_detail = tuple(contents.low_detail.tolist())
    return contents.photos, contents.vectors.tobytes(), low_detail, found.skipped


def photos_of(found: Embedded) -> list[Photo]:
    return [photo for files in found.contents.photos for photo in files]


def names(found: Embedded) -> list[str]:
    return [os.path.basename(photo.path) for photo in photos_of(found)]


def skipped(found: Embedded) -> dict[str, str]:
    return {os.path.basename(skip.path): skip.reason for skip in found.skipped}


def test_no_files_give_no_rows_and_open_no_encoder(index: EmbeddingIndex) -> None:
    found = embedded([], index=index, open_encoder=no_encoder)
    assert value(found) == ((), b"", (), ())
    assert found.contents.vectors.shape == (0, MANIFEST.dimension)


def test_contents_come_in_the_order_of_their_first_files(folder: Path) -> None:
    files = files_of(folder)[::-1]
    contents = embedded(files).contents
    first = [photos[0].file for photos in contents.photos]
    unique = [f for f in files if "broken" not in f.path and not f.path.endswith("0 copy.jpg")]
    assert first == unique
    assert contents.digests == tuple(photos[0].digest for photos in contents.photos)
    assert contents.vectors.dtype == np.float32


def test_the_files_of_a_content_come_in_the_order_of_the_files(folder: Path) -> None:
    found = embedded(files_of(folder))
    several = [photos for photos in found.contents.photos if len(photos) > 1]
    assert [[os.path.basename(p.path) for p in photos] for photos in several] == [
        ["0 copy.jpg", "0.jpg"]
    ]


def test_a_row_is_what_the_encoder_says_of_the_picture(folder: Path) -> None:
    found = embedded(files_of(folder))
    pixels = np.asarray(draw(1).resize((8, 8)))[None]
    row = [os.path.basename(files[0].path) for files in found.contents.photos].index("1.png")
    vectors = found.contents.vectors
    assert np.linalg.norm(vectors[row] - NumpyEncoder().embed(pixels)[0]) < 0.2
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)


def test_a_photo_knows_its_size_format_and_content(folder: Path) -> None:
    photos = {
        os.path.basename(photo.path): photo for photo in photos_of(embedded(files_of(folder)))
    }
    assert [(p.width, p.height, p.format) for p in (photos["0.jpg"], photos["1.png"])] == [
        (96, 72, "JPEG"),
        (96, 72, "PNG"),
    ]
    assert photos["0.jpg"].digest == photos["0 copy.jpg"].digest != photos["1.png"].digest


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("warm", [0, 5, 13])
def test_workers_and_index_change_nothing(
    folder: Path, index: EmbeddingIndex, workers: int, warm: int
) -> None:
    files = files_of(folder)
    expected = embedded(files, workers=1)
    embedded(files[::2][:warm] if warm < 13 else files, index=index)
    found = embedded(files, workers=workers, index=index)
    assert value(found) == value(expected)


def test_equal_bytes_are_embedded_once(tmp_path: Path) -> None:
    picture = save(draw(0), tmp_path / "00.jpg").read_bytes()
    for number in range(1, 11):
        (tmp_path / f"{number:02}.jpg").write_bytes(picture)
    encoder = CountingEncoder()
    found = embedded(files_of(tmp_path), encoder=encoder, workers=4)
    assert encoder.calls == [1]
    assert list(map(len, found.contents.photos)) == [11]


def test_pictures_come_to_the_encoder_in_batches(tmp_path: Path) -> None:
    for seed in range(10):
        save(draw(seed), tmp_path / f"{seed}.jpg")
    encoder = CountingEncoder()
    embedded(files_of(tmp_path), encoder=encoder)
    assert sorted(encoder.calls, reverse=True) == [4, 4, 2]


def test_every_copy_of_a_broken_file_is_skipped_with_the_reason(folder: Path) -> None:
    for number in range(CHUNK):  # so that copies meet in other chunks, too
        (folder / f"broken {number}.jpg").write_bytes((folder / "broken.jpg").read_bytes())
    found = embedded(files_of(folder))
    copies = ["broken 0.jpg", "broken 1.jpg", "broken 2.jpg", "broken 3.jpg"]
    assert skipped(found) == dict.fromkeys(
        ["broken copy.jpg", "broken.jpg", *copies], "truncated or broken"
    )
    assert len({skip.detail for skip in found.skipped}) == 1
    assert found.contents.files == 11


def test_skipped_files_come_in_the_order_of_the_files(folder: Path) -> None:
    (folder / "1.png").write_bytes(b"")
    (folder / "a.jpg").write_bytes(b"Dear diary,")
    found = embedded(files_of(folder))
    assert list(skipped(found).items()) == [
        ("1.png", "empty file"),
        ("a.jpg", "not an image"),
        ("broken copy.jpg", "truncated or broken"),
        ("broken.jpg", "truncated or broken"),
    ]


def test_a_folder_of_broken_files_opens_no_encoder(tmp_path: Path, index: EmbeddingIndex) -> None:
    for number in range(6):
        (tmp_path / f"{number}.jpg").write_bytes(b"\xff\xd8\xff" + bytes([number]))
    found = embedded(files_of(tmp_path), index=index, open_encoder=no_encoder)
    assert len(found.skipped) == 6


def test_broken_files_do_not_stay_in_memory(tmp_path: Path) -> None:
    for number in range(24):
        (tmp_path / f"{number}.jpg").write_bytes(b"\xff\xd8\xff" + bytes([number]) * (1 << 20))
    files = files_of(tmp_path)
    tracemalloc.start()
    try:
        found = embedded(files, workers=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.skipped) == 24
    assert peak < 12 << 20


def test_a_file_that_vanished_after_the_walk_is_skipped(folder: Path) -> None:
    files = files_of(folder)
    (folder / "5.png").unlink()
    found = embedded(files)
    assert skipped(found)["5.png"] == "vanished"
    assert "5.png" not in names(found)


def test_a_file_that_changed_after_the_walk_is_skipped_and_not_remembered(
    folder: Path, index: EmbeddingIndex
) -> None:
    files = files_of(folder)
    save(draw(77), folder / "5.png")
    os.utime(folder / "8.png", ns=(1, 1))
    found = embedded(files, index=index)
    changed = {"5.png": CHANGED, "8.png": CHANGED}
    assert (
        skipped(found)
        == skipped(embedded(files))
        == changed | dict.fromkeys(["broken.jpg", "broken copy.jpg"], "truncated or broken")
    )
    assert not {str(folder / "5.png"), str(folder / "8.png")} & set(index.find_files(files))


def test_a_second_run_opens_no_encoder(folder: Path, index: EmbeddingIndex) -> None:
    files = files_of(folder)
    first = embedded(files, index=index)
    second = embedded(files, index=index, open_encoder=no_encoder)
    assert value(second) == value(first)
    assert (first.reused, second.reused) == (0, 11)


def test_moved_files_are_read_but_not_embedded_again(folder: Path, index: EmbeddingIndex) -> None:
    first = embedded(files_of(folder), index=index)
    folder.rename(folder.with_name("moved"))
    second = embedded(files_of(folder.with_name("moved")), index=index, open_encoder=no_encoder)
    assert second.contents.vectors.tobytes() == first.contents.vectors.tobytes()
    assert names(second) == names(first)


def test_only_what_is_new_is_embedded(folder: Path, index: EmbeddingIndex) -> None:
    embedded(files_of(folder), index=index)
    save(draw(50), folder / "new.jpg")
    encoder = CountingEncoder()
    found = embedded(files_of(folder), index=index, encoder=encoder)
    assert (encoder.calls, found.reused) == ([1], 11)


@pytest.mark.parametrize("known", ["by path", "by content"])
def test_the_index_does_not_let_a_picture_slip_past_the_limit_of_pixels(
    folder: Path, index: EmbeddingIndex, known: str
) -> None:
    save(draw(60, 200, 100), folder / "large.jpg")
    embedded(files_of(folder), index=index)
    if known == "by content":
        folder = folder.rename(folder.with_name("moved"))
    files = files_of(folder)
    expected = embedded(files, max_pixels=96 * 72)
    found = embedded(files, max_pixels=96 * 72, index=index, open_encoder=no_encoder)
    assert skipped(found)["large.jpg"] == "too many pixels"
    assert value(found) == value(expected)


def test_what_was_finished_is_remembered_when_the_encoder_fails(
    folder: Path, index: EmbeddingIndex
) -> None:
    files = [file for file in files_of(folder) if "broken" not in file.path]
    failing = CountingEncoder(second_call_raises=EncoderError("the device is gone"))
    with pytest.raises(EncoderError, match="the device is gone"):
        embedded(files, index=index, encoder=failing)
    stored = set(index.find_files(files))
    assert len(stored) >= CHUNK  # and files with the same bytes as one of these

    encoder = CountingEncoder()
    found = embedded(files, index=index, encoder=encoder)
    assert sum(encoder.calls) == 10 - CHUNK
    assert value(found) == value(embedded(files))


def test_an_encoder_that_cannot_be_opened_ends_the_run(folder: Path, index: EmbeddingIndex) -> None:
    def closed() -> Encoder:
        raise EncoderError("no GPU was found")

    with pytest.raises(EncoderError, match="no GPU"):
        embedded(files_of(folder), index=index, open_encoder=closed)


@pytest.mark.parametrize("workers", [1, 4])
def test_an_interruption_in_the_encoder_leaves_the_index_sound(
    folder: Path, tmp_path: Path, index: EmbeddingIndex, workers: int
) -> None:
    files = [file for file in files_of(folder) if "broken" not in file.path]
    interrupted = CountingEncoder(second_call_raises=KeyboardInterrupt())
    with index, pytest.raises(KeyboardInterrupt):
        embedded(files, index=index, encoder=interrupted, workers=workers)
    assert CHUNK <= count_stored(tmp_path, files) < len(files)


def test_an_interruption_in_the_caller_leaves_no_thread_at_work(
    folder: Path, tmp_path: Path, index: EmbeddingIndex
) -> None:
    files = [file for file in files_of(folder) if "broken" not in file.path]
    told: list[int] = []

    def on_progress(_stage: str, done: int, _total: int) -> None:
        told.append(done)
        if len(told) == 2:
            raise KeyboardInterrupt

    with index, pytest.raises(KeyboardInterrupt) as caught:
        embed_files(
            files,
            manifest=MANIFEST,
            open_encoder=CountingEncoder,
            index=index,
            on_progress=on_progress,
        )
    assert caught.type is KeyboardInterrupt  # its traceback keeps all frames of the run alive
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]
    assert count_stored(tmp_path, files) >= sum(told)


def count_stored(folder: Path, files: Sequence[ImageFile]) -> int:
    """Check that the index is whole, and return how many of the files it contains."""
    connection = sqlite3.connect(folder / "index.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with EmbeddingIndex(folder / "index.sqlite", encoder="numpy", decoder=1) as index:
        return len(index.find_files(files))


@pytest.mark.parametrize("warm", [0, 3, 13])
def test_progress_adds_up_to_the_number_of_files(
    folder: Path, index: EmbeddingIndex, warm: int
) -> None:
    files = files_of(folder)
    embedded(files[:warm], index=index)
    told: list[tuple[str, int, int]] = []
    embed_files(
        files,
        manifest=MANIFEST,
        open_encoder=NumpyEncoder,
        index=index,
        on_progress=lambda *step: told.append(step),
    )
    assert {(stage, total) for stage, _, total in told} == {("embed", 13)}
    assert sum(done for _, done, _ in told) == len(files) == 13
    assert all(done >= 0 for _, done, _ in told)
