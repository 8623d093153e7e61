"""Scans of files that contain more than their 8-bit RGB pixels, and of damaged files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import NumpyEncoder, draw, save, write_encoder
from PIL import Image
from raw_files import dng

from dedupe.decode.image import decode
from dedupe.pipeline import scan
from dedupe.types import Report

ORIGINAL = draw(1, 320, 240)
MOVIE = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"moov" * 99


@pytest.fixture
def scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Report]:
    """Scan the folder `p` for pictures with nearly equal squares."""
    monkeypatch.setattr("dedupe.encoder.choice.open_encoder", lambda *_, **__: NumpyEncoder())
    encoder = write_encoder(tmp_path / "encoder")
    return lambda **options: scan(
        tmp_path / "p", threshold=0.2, verify=False, encoder=encoder, index=None, **options
    )


def names(report: Report) -> dict[str, set[str]]:
    """Return the names of the duplicates by that of their keeper."""
    return {
        Path(group.keeper.path).name: {Path(d.photo.path).name for d in group.duplicates}
        for group in report.groups
    }


def with_exif() -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 1.0, 2.0), 3: "E", 4: (11.0, 3.0, 4.0)})
    return exif


def jpeg_with_gap(path: Path) -> None:
    """Write a JPEG of which a part of the data is missing: it decodes, with a warning."""
    data = save(ORIGINAL, path, quality=98).read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10] + data[len(data) * 7 // 10 :])


def test_a_damaged_file_is_never_the_keeper_of_an_intact_one(
    tmp_path: Path, scanned: Callable[[], Report]
) -> None:
    jpeg_with_gap(tmp_path / "p/damaged.jpg")
    save(ORIGINAL.resize((280, 210)), tmp_path / "p/intact.jpg", quality=90)
    report = scanned()
    assert "damaged.jpg" not in names(report)
    for group in report.groups:
        assert [(d.kind, d.how) for d in group.duplicates] == [("edited", "damaged")]
    (damaged,) = report.skipped
    assert (Path(damaged.path).name, damaged.reason) == ("damaged.jpg", "damaged")
    assert "Corrupt JPEG data" in damaged.detail


@pytest.mark.parametrize("name", ["gif", "tif", "png", "webp", "avif"])
def test_a_file_with_several_frames_or_pages_is_a_duplicate_only_of_equal_bytes(
    name: str, tmp_path: Path, scanned: Callable[[], Report]
) -> None:
    frames = [draw(seed, 320, 240) for seed in (2, 3)]
    for file, rest in (("a", frames[:1]), ("b", frames[1:])):
        save(ORIGINAL, tmp_path / f"p/{file}.{name}", save_all=True, append_images=rest)
    still = save(ORIGINAL.resize((640, 480)), tmp_path / "p/still.png")
    equal = tmp_path / f"p/equal.{name}"
    equal.write_bytes((tmp_path / f"p/a.{name}").read_bytes())
    taken = {
        duplicate.photo.path: group for group in scanned().groups for duplicate in group.duplicates
    }
    assert {Path(path).name for path in taken} <= {f"a.{name}", equal.name, still.name}
    (pair,) = {f"a.{name}", equal.name} & {Path(path).name for path in taken}
    keeper = taken[str(tmp_path / f"p/{pair}")].keeper.path
    assert {Path(keeper).name, pair} == {f"a.{name}", equal.name}


@pytest.mark.parametrize("name", ["gif", "tif"])
def test_a_film_of_equal_frames_in_other_bytes_is_a_duplicate(
    name: str, tmp_path: Path, scanned: Callable[[], Report]
) -> None:
    rest = [draw(seed, 320, 240) for seed in (2, 3)]
    for file, comment in (("a", "one"), ("b", "another")):
        options = {"comment": comment} if name == "gif" else {"software": comment}
        save(ORIGINAL, tmp_path / f"p/{file}.{name}", save_all=True, append_images=rest, **options)
    (taken,) = names(scanned()).values()
    assert len(taken) == 1


def test_a_raw_file_and_its_picture_stay_together_unless_pairs_are_compared(
    tmp_path: Path, scanned: Callable[..., Report]
) -> None:
    pytest.importorskip("rawpy")
    (tmp_path / "p").mkdir()
    (tmp_path / "p/shot.dng").write_bytes(dng())
    developed = Image.fromarray(decode(dng()).pixels)
    save(developed, tmp_path / "p/shot.jpg", quality=90)
    assert names(scanned()) == {}
    assert names(scanned(pairs=True)) == {"shot.dng": {"shot.jpg"}}


def test_an_animation_in_another_coding_is_a_duplicate_and_another_one_is_not(
    tmp_path: Path, scanned: Callable[[], Report]
) -> None:
    rest = [draw(seed, 320, 240) for seed in (2, 3)]
    film: dict[str, Any] = {"save_all": True, "duration": 200}
    save(ORIGINAL, tmp_path / "p/film.gif", append_images=rest, **film)
    save(ORIGINAL, tmp_path / "p/copy.webp", append_images=rest, quality=70, **film)
    save(ORIGINAL, tmp_path / "p/other.webp", append_images=rest[::-1], quality=70, **film)
    [group] = scanned().groups
    [duplicate] = group.duplicates
    found = {Path(photo.path).name for photo in group.photos}
    assert found == {"film.gif", "copy.webp"}
    assert duplicate.kind == "edited"
    assert duplicate.how.endswith("frames coded anew, compared by samples")


def test_a_still_beside_a_film_is_edited_and_the_film_stays(
    tmp_path: Path, scanned: Callable[[], Report]
) -> None:
    save(ORIGINAL, tmp_path / "p/film.gif", save_all=True, append_images=[draw(2, 320, 240)])
    save(ORIGINAL.convert("P"), tmp_path / "p/still.gif")
    (group,) = scanned().groups
    assert Path(group.keeper.path).name == "film.gif"
    [still] = group.duplicates
    assert still.kind == "edited"
    assert still.how.endswith("one frame of several")


def test_blank_pages_that_differ_in_one_line_are_no_duplicates(
    tmp_path: Path, scanned: Callable[[], Report]
) -> None:
    for number in range(3):
        page = Image.new("RGB", (1240, 1754), "white")
        page.paste("black", (600, 1700, 604 + 6 * number, 1703))
        save(page, tmp_path / f"p/{number}.png")
    save(page, tmp_path / "p/copy.tif")
    report = scanned()
    assert [{*names(report), *taken} for taken in names(report).values()] == [{"2.png", "copy.tif"}]


def test_white_logos_on_transparency_are_no_duplicates(
    tmp_path: Path, scanned: Callable[[], Report]
) -> None:
    for number in range(8):
        logo = Image.new("RGBA", (200, 200))
        logo.paste("white", (20 + 10 * number, 30, 60 + 10 * number, 100 + 10 * number))
        save(logo, tmp_path / f"p/{number}.png")
    assert names(scanned()) == {}


def write_alpha(path: Path) -> None:
    image = ORIGINAL.convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))
    save(image, path / "rich.png")
    save(ORIGINAL, path / "flat.tif")


def write_colour(path: Path) -> None:
    grey = ORIGINAL.convert("L").convert("RGB")
    save(Image.blend(grey, ORIGINAL, 0.15), path / "rich.jpg")
    save(grey, path / "grey.tif")


def write_depth(path: Path) -> None:
    deep = np.asarray(ORIGINAL.convert("L")).astype(np.uint16) * 257
    save(Image.fromarray(deep), path / "rich.png")
    save(ORIGINAL.convert("L"), path / "flat.tif")


def write_metadata(path: Path) -> None:
    save(ORIGINAL, path / "rich.jpg", exif=with_exif())
    save(ORIGINAL, path / "screenshot.png")


def write_movie(path: Path) -> None:
    photo = save(ORIGINAL, path / "rich.jpg")
    photo.write_bytes(photo.read_bytes() + MOVIE)
    save(ORIGINAL, path / "screenshot.png")


@pytest.mark.parametrize(
    "write", [write_alpha, write_colour, write_depth, write_metadata, write_movie]
)
def test_a_file_that_holds_more_than_its_keeper_is_not_a_duplicate(
    write: Callable[[Path], Any], tmp_path: Path, scanned: Callable[[], Report]
) -> None:
    write(tmp_path / "p")
    taken = set().union(*names(scanned()).values())
    assert not {name for name in taken if name.startswith("rich")}
