"""Which movies are the live movie of a photo: by length, and by the name that both have."""

from __future__ import annotations

from pathlib import Path

import pytest
from encoded import cat, encode
from movies import NAME, a_movie, box
from PIL import Image

from dedupe.decode.movie import Movie, is_live_movie, read_movie

OTHER = b"00000000-91D2-4C53-8B53-0A2F4E6D7C81"
MAKER_NOTE = 0x927C


def write(folder: Path, movie: bytes, note: bytes = b"") -> tuple[str, str]:
    """Write a photo with a maker note and a movie of its name."""
    exif = Image.Exif()
    if note:
        exif.get_ifd(0x8769)[MAKER_NOTE] = note
    (folder / "a.jpg").write_bytes(encode(cat(), "JPEG", exif=exif))
    (folder / "a.mov").write_bytes(movie)
    return str(folder / "a.jpg"), str(folder / "a.mov")


def apple(name: bytes) -> bytes:
    return b"Apple iOS\0\0\1MM" + bytes(40) + name + b"\0"


@pytest.mark.parametrize("long", [False, True])
def test_the_length_is_read_from_the_index(tmp_path: Path, long: bool) -> None:
    _, movie = write(tmp_path, a_movie(2.5, identifier=NAME, long=long))
    assert read_movie(movie) == Movie(2.5, NAME)


@pytest.mark.parametrize(
    ("movie", "note"),
    [
        (a_movie(1.5), b""),
        (a_movie(3), apple(NAME)),
        (a_movie(3, identifier=NAME), apple(NAME)),
        (a_movie(3, identifier=NAME), b""),
        (a_movie(3, identifier=NAME), b"Nikon\0" + OTHER),
    ],
    ids=["short", "no name", "its name", "a photo without a name", "another maker"],
)
def test_a_short_movie_of_the_photo_is_live(tmp_path: Path, movie: bytes, note: bytes) -> None:
    assert is_live_movie(*write(tmp_path, movie, note))


@pytest.mark.parametrize(
    ("movie", "note"),
    [
        (a_movie(30), b""),
        (a_movie(0), b""),
        (a_movie(30, identifier=NAME), apple(NAME)),
        (a_movie(3, identifier=NAME), apple(OTHER)),
        (b"", b""),
        (b"no movie at all", b""),
        (a_movie(2)[:-150], b""),
        (box(b"ftyp", b"qt  ") + bytes(64), b""),
        (box(b"moov", box(b"mvhd", bytes(100))), b""),
    ],
    ids=["film", "no length", "long", "another name", "empty", "text", "cut", "zeros", "no scale"],
)
def test_any_other_film_is_not(tmp_path: Path, movie: bytes, note: bytes) -> None:
    assert not is_live_movie(*write(tmp_path, movie, note))


def test_a_missing_movie_is_none(tmp_path: Path) -> None:
    assert read_movie(str(tmp_path / "gone.mov")) is None
