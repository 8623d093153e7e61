"""Photos inside something, and the share of each kind that a scan finds. Run by hand.

    python tests/benchmarks/enclosures.py make PHOTOS OUT [--list held-out] [--photos 100]
    python tests/benchmarks/enclosures.py score OUT [SCAN OPTIONS ...]

`make` writes `images/` and `truth.csv` (file, photo, kind, shows): every k-th photo below PHOTOS
and one enclosure of each kind. `score` scans it. It prints the share of the enclosures in one group
with a photo that they show, and the wrong removals: of a photo, or for a photo that the file does
not show. Bounds of dedupe were chosen with TUNING; HELD_OUT has other layouts.
"""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import enclosure_layouts as screens
import enclosure_prints as prints
from made_folder import choose_photos, read_truth, run_command, scan_images, write_truth
from PIL import Image, ImageOps

TUNING: dict[str, screens.Layout] = {
    "gallery": screens.gallery_phone,
    "feed": screens.feed_light,
    "chat": screens.chat_wallpaper,
    "story": prints.story_gradient,
    "blurred": prints.blurred_fill,
    "framed": prints.polaroid,
    "collage": prints.collage_grid,
    "inset": prints.slide_light,
}
HELD_OUT: dict[str, screens.Layout] = {
    "gallery": screens.gallery_desktop,
    "feed": screens.feed_cards,
    "chat": screens.chat_plain,
    "story": prints.story_card,
    "blurred": prints.blurred_square,
    "framed": prints.wall_frame,
    "collage": prints.collage_rows,
    "inset": prints.slide_dark,
    "picture in picture": prints.inset_on_photo,
}
LISTS = {"tuning": TUNING, "held-out": HELD_OUT}
_MATES = 3  # other photos that a collage may show


def make(photos: Path, out: Path, layouts: dict[str, screens.Layout], count: int) -> None:
    """Write `count` photos, every k-th in path order, and one enclosure of each kind."""
    chosen = choose_photos(photos, count)
    (out / "images").mkdir(parents=True)
    rows = []

    def load(number: int) -> Image.Image:
        photo = ImageOps.exif_transpose(Image.open(chosen[number % len(chosen)])).convert("RGB")
        photo.thumbnail((1280, 1280))
        return photo

    for number in range(len(chosen)):
        rng = random.Random(number)
        rows.append((f"{number:04}_photo.jpg", str(number), "photo", str(number)))
        saved = out / "images" / rows[-1][0]
        load(number).save(saved, quality=92)
        photo = Image.open(saved)  # a program shows the file, with its losses
        mates = [(number + step) % len(chosen) for step in range(1, 1 + _MATES)]
        for kind, layout in layouts.items():
            shows = " ".join(map(str, [number, *mates]))
            name = f"{number:04}_{kind.replace(' ', '_')}.jpg"
            rows.append((name, str(number), kind, shows))
            layout(photo, [load(mate) for mate in mates], rng).save(
                out / "images" / name, quality=rng.choice((75, 85, 92))
            )
    write_truth(out, ("file", "photo", "kind", "shows"), rows)


def score(folder: Path, options: list[str]) -> None:
    """Scan a folder that `make` wrote and print what was found."""
    truth = read_truth(folder)
    groups, usage = scan_images(folder, options)
    hits: set[str] = set()
    wrong = []
    for group in groups:
        keeper = truth[Path(group.keeper.path).name]
        for duplicate in group.duplicates:
            name = Path(duplicate.photo.path).name
            row = truth[name]
            is_shown = keeper["photo"] in row["shows"].split() and keeper["kind"] == "photo"
            if row["kind"] != "photo" and is_shown:
                hits.add(name)
            elif row["kind"] == "photo" or row["photo"] != keeper["photo"]:
                wrong.append((name, keeper["file"], duplicate.how))
    found: dict[str, list[bool]] = defaultdict(list)
    for name, row in truth.items():
        if row["kind"] != "photo":
            found[row["kind"]].append(name in hits)
    print("| kind | found |\n|---|---|")
    for kind, values in found.items():
        print(f"| {kind} | {sum(values) / len(values):.2f} |")
    print(f"{len(wrong)} wrong removals, {usage.seconds:.0f} s")
    for line in wrong:
        print(*line)


def main() -> None:
    run_command(__doc__, LISTS, count=100, make=make, score=score)


if __name__ == "__main__":
    main()
