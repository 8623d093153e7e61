"""Render the sample archive: photos, copies of some, look-alikes, and one broken file.

    python sample_data/render.py [--out DIR]

Every picture is computed from noise, light and geometry with fixed seeds: no photo of anyone's is
in it. The same library versions on the same machine give the same bytes.

truth.csv says what a scan should find: `file` is a base name (unique in the whole tree), `group` is
shared by the copies of one picture and empty for a picture that has none. Pictures of one subject
taken twice (the still life, the room, the town) are other pictures. The broken file,
phone/backup/IMG_2077.jpg, is cut off in the middle and is not listed.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps
from scenes.heights import canyon, dunes, mountains, stars
from scenes.indoors import room, still_life
from scenes.shores import aerial_coast, pebbles, sea
from scenes.town import skyline, street
from scenes.walls import facade, shelf
from scenes.woods import meadow, snowy_hill, wood

PICTURES: dict[str, Callable[[], Image.Image]] = {
    "mountains": lambda: mountains(11),
    "mountains, another range": lambda: mountains(29, horizon=0.6, focal=1.35),
    "dunes": lambda: dunes(3, x=0.0, height=1.6, sun=-0.8),
    "dunes, another place": lambda: dunes(17, x=-1.5, height=1.3, sun=0.5, horizon=0.55),
    "canyon": lambda: canyon(5),
    "stars": lambda: stars(26),
    "sea": lambda: sea(6),
    "coast": lambda: aerial_coast(4, turn=0.4),
    "coast, further north": lambda: aerial_coast(13, turn=2.2),
    "pebbles": lambda: pebbles(25),
    "firs": lambda: snowy_hill(7),
    "meadow": lambda: meadow(8),
    "wood": lambda: wood(24),
    "town": lambda: skyline(21, tall=1.0),
    "town, from the other bank": lambda: skyline(33, tall=0.45, shore=300),
    "street": lambda: street(23, eye=0.2),
    "street, next corner": lambda: street(31, eye=-0.5, horizon=0.38),
    "door": lambda: facade(22),
    "books": lambda: shelf(27),
    "fruit": lambda: still_life(0),
    "fruit, rearranged": lambda: still_life(1),
    "room": lambda: room(0),
    "room, another day": lambda: room(1),
}

Change: TypeAlias = Callable[[Image.Image], Image.Image]


def as_taken(picture: Image.Image) -> Image.Image:
    """Leave the picture as it is: only the file format or its quality differs."""
    return picture


def half_size(picture: Image.Image) -> Image.Image:
    """Scale to half of each side."""
    return picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)


def warm(picture: Image.Image) -> Image.Image:
    """Brighten, and shift the colours towards red."""
    light = np.asarray(picture, dtype=np.float64) / 255.0
    light = np.clip(light**0.85 * np.array([1.1, 1.02, 0.86]), 0.0, 1.0)
    return Image.fromarray(np.round(light * 255.0).astype(np.uint8))


def brighter(picture: Image.Image) -> Image.Image:
    """Lift the shadows and brighten by a quarter."""
    light = np.clip((np.asarray(picture, dtype=np.float64) / 255.0) ** 0.8 * 1.12, 0.0, 1.0)
    return Image.fromarray(np.round(light * 255.0).astype(np.uint8))


def grey(picture: Image.Image) -> Image.Image:
    """Drop the colours."""
    return picture.convert("L")


def cropped(picture: Image.Image) -> Image.Image:
    """Keep 80 % of each side, off centre."""
    width, height = round(0.8 * picture.width), round(0.8 * picture.height)
    left, top = round(0.08 * picture.width), round(0.14 * picture.height)
    return picture.crop((left, top, left + width, top + height))


def straightened(picture: Image.Image) -> Image.Image:
    """Rotate by 5 degrees, and crop the empty corners away."""
    width, height = picture.size
    turned = picture.rotate(5.0, Image.Resampling.BICUBIC)
    return turned.crop(
        (round(0.07 * width), round(0.07 * height), round(0.93 * width), round(0.93 * height))
    )


def quarter_turned(picture: Image.Image) -> Image.Image:
    """Turn the pixels by 90 degrees, as a viewer's rotate button does."""
    return picture.transpose(Image.Transpose.ROTATE_270)


def captioned(picture: Image.Image) -> Image.Image:
    """Add a bar with a caption below."""
    framed = ImageOps.expand(picture, (0, 0, 0, 52), (250, 250, 250))
    place = (framed.width / 2, framed.height - 26)
    font = ImageFont.load_default(size=24)
    ImageDraw.Draw(framed).text(place, "home sweet home", (20, 20, 20), font, anchor="mm")
    return framed


def watermarked(picture: Image.Image) -> Image.Image:
    """Lay half-transparent letters across the picture."""
    letters = Image.new("L", picture.size, 0)
    font = ImageFont.load_default(size=58)
    place = (picture.width / 2, picture.height * 0.55)
    ImageDraw.Draw(letters).text(place, "PREVIEW © M. R.", 115, font, anchor="mm")
    letters = letters.rotate(14, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", picture.size, "white"), picture, letters)


def bordered(picture: Image.Image) -> Image.Image:
    """Put a white frame round the picture, as a print has."""
    return ImageOps.expand(picture, 26, (244, 242, 236))


SIDEWAYS = "stored sideways, with an EXIF note that says how to turn it"
BYTES = "the same bytes"

# path, picture, what was done to it, quality. A picture's first file is the photo itself.
ARCHIVE: list[tuple[str, str, Change | str, int]] = [
    ("2023/summer/IMG_2041.jpg", "mountains", as_taken, 90),
    ("2023/summer/IMG_2043.jpg", "mountains, another range", as_taken, 90),
    ("2023/summer/IMG_2058.jpg", "meadow", as_taken, 90),
    ("2023/summer/IMG_2066.jpg", "wood", as_taken, 90),
    ("2023/summer/IMG_2102.jpg", "sea", as_taken, 90),
    ("2023/summer/IMG_2109.jpg", "pebbles", as_taken, 88),
    ("2023/winter/IMG_2310.jpg", "firs", as_taken, 90),
    ("2023/winter/IMG_2344.jpg", "stars", as_taken, 84),
    ("2024/desert/Düne.jpg", "dunes", as_taken, 90),
    ("2024/desert/DSC_0119.jpg", "dunes, another place", as_taken, 90),
    ("2024/desert/DSC_0131.jpg", "canyon", as_taken, 90),
    ("2024/flight/DSC_0207.jpg", "coast", as_taken, 88),
    ("2024/flight/DSC_0215.jpg", "coast, further north", as_taken, 88),
    ("2024/city/DSC_0301.jpg", "town", as_taken, 90),
    ("2024/city/DSC_0308.jpg", "town, from the other bank", as_taken, 90),
    ("2024/city/DSC_0322.jpg", "street", as_taken, 90),
    ("2024/city/DSC_0325.jpg", "street, next corner", as_taken, 90),
    ("2024/city/DSC_0333.jpg", "door", as_taken, 86),
    ("2024/home/P1050012.jpg", "fruit", as_taken, 90),
    ("2024/home/P1050013.jpg", "fruit, rearranged", as_taken, 90),
    ("2024/home/P1050027.jpg", "room", as_taken, 90),
    ("2024/home/P1050041.jpg", "room, another day", as_taken, 90),
    ("2024/home/P1050044.jpg", "books", as_taken, 86),
    ("phone/backup/IMG_2041 (1).jpg", "mountains", BYTES, 0),
    ("phone/backup/IMG_2066 - Copy.jpg", "wood", BYTES, 0),
    ("phone/backup/20240512_183045.jpg", "street", SIDEWAYS, 88),
    ("phone/WhatsApp/IMG-20230811-WA0007.jpg", "mountains", as_taken, 22),
    ("phone/WhatsApp/IMG-20240613-WA0002.jpg", "fruit, rearranged", as_taken, 35),
    ("phone/WhatsApp/IMG-20240702-WA0011.jpg", "coast", half_size, 40),
    ("downloads/mountains_small.jpg", "mountains", half_size, 85),
    ("downloads/skyline-night.webp", "town", as_taken, 75),
    ("downloads/fruit_preview.jpg", "fruit", watermarked, 80),
    ("downloads/home sweet home.jpg", "room", captioned, 80),
    ("edited/IMG_2041_warm.jpg", "mountains", warm, 88),
    ("edited/P1050012_crop.jpg", "fruit", cropped, 90),
    ("edited/P1050012_bw.jpg", "fruit", grey, 88),
    ("edited/Living room, mirrored.jpg", "room", ImageOps.mirror, 88),
    ("edited/skyline_export.png", "town", half_size, 0),
    ("edited/dune_straightened.jpg", "dunes", straightened, 90),
    ("edited/carte_postale_été.jpg", "dunes", bordered, 85),
    ("edited/DSC_0322_turned.jpg", "street", quarter_turned, 85),
    ("edited/DSC_0207_brighter.jpg", "coast", brighter, 85),
]
BROKEN = ("phone/backup/IMG_2077.jpg", "firs")


def encode(picture: Image.Image, suffix: str, quality: int, *, sideways: bool = False) -> bytes:
    """Return a picture as a file's bytes."""
    written = io.BytesIO()
    if suffix == ".png":
        picture.save(written, "PNG", optimize=True)
    elif suffix == ".webp":
        picture.save(written, "WEBP", quality=quality, method=6)
    else:
        exif = Image.Exif()
        if sideways:
            picture = picture.transpose(Image.Transpose.ROTATE_90)
            exif[0x0112] = 6  # orientation: turn clockwise to see it upright
        picture.save(written, "JPEG", quality=quality, optimize=True, exif=exif)
    return written.getvalue()


def render(out: Path) -> None:
    """Write every file of the archive and truth.csv below a folder; files there are replaced."""
    pictures = {name: take() for name, take in PICTURES.items()}
    originals: dict[str, bytes] = {}
    for path, name, change, quality in ARCHIVE:
        if callable(change):
            content = encode(change(pictures[name]), Path(path).suffix, quality)
        elif change == SIDEWAYS:
            content = encode(pictures[name], ".jpg", quality, sideways=True)
        else:
            content = originals[name]
        originals.setdefault(name, content)
        _write(out / path, content)
    whole = encode(pictures[BROKEN[1]].crop((60, 40, 620, 460)), ".jpg", 80)
    _write(out / BROKEN[0], whole[: len(whole) * 2 // 5])
    with (out / "truth.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "group"])
        rows.writerows(truth())


def truth() -> list[tuple[str, str]]:
    """Return each file's base name and its group, in the archive's order."""
    files = Counter(name for _, name, _, _ in ARCHIVE)
    copied = [name for name in PICTURES if files[name] > 1]
    groups = {name: f"g{number:02}" for number, name in enumerate(copied, 1)}
    return [(PurePosixPath(path).name, groups.get(name, "")) for path, name, _, _ in ARCHIVE]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Render the sample archive.")
    here = Path(__file__).resolve().parent
    parser.add_argument("--out", type=Path, default=here, help="folder to write to")
    render(parser.parse_args().out)
