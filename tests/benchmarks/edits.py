"""Two lists of everyday edits, and the share of each that a scan finds. Run by hand.

    python tests/benchmarks/edits.py make PHOTOS OUT [--list held-out] [--photos 40]
    python tests/benchmarks/edits.py score OUT [SCAN OPTIONS ...]

`make` writes `images/` and `truth.csv` (file, group, edit): every k-th photo below PHOTOS and one
copy for each edit. `score` scans it and prints the share of copies that stand in one group with
their photo, and the removals of a file for another photo's. HELD_OUT was written before any of the
code that it measures and is never used to choose a rule or a bound; TUNING is for that.
"""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

from edit_families import (
    Change,
    chain,
    crop,
    mirror,
    perspective,
    print_scan,
    radial,
    scale,
    screen,
    tilt_by,
)
from edit_overlays import (
    caption,
    ellipse,
    frame,
    interface,
    meme,
    scribble,
    stamp,
    stickers,
    tiled_mark,
)
from edit_tones import (
    blur,
    curve,
    duotone,
    gain,
    gamma,
    grain,
    jpeg,
    leak,
    local_contrast,
    mix,
    palette,
    saturate,
    sharpen,
    vignette,
)
from made_folder import choose_photos, read_truth, run_command, scan_images, write_truth
from PIL import Image

_YELLOW, _RED, _BLUE = (255, 205, 40), (225, 40, 50), (40, 90, 220)
_GREEN, _PINK, _WHITE = (60, 190, 90), (250, 120, 180), (255, 255, 255)

HELD_OUT: dict[str, dict[str, Change]] = {
    "perspective": {
        "keystone_8": perspective(8, 0),
        "phone_20": perspective(20, 10, fill=(90, 80, 70)),
        "phone_30": perspective(30, 12, fill=(60, 62, 66)),
    },
    "lens": {
        "barrel": radial(0.10),
        "pincushion": radial(-0.08),
        "lens_and_crop": chain(radial(0.06), crop(0.7)),
    },
    "screen": {
        "screen_straight": screen(3, grid=0.04, glare=0.1),
        "screen_slanted": screen(14, grid=0.06, glare=0.25),
        "printed": print_scan(7, 0.18, 1.2),
    },
    "overlay": {
        "emoji": stickers("smile", 3, 0.22, (_YELLOW, (10, 10, 10))),
        "sticker_stars": stickers("star", 5, 0.2, (_PINK, _BLUE, _WHITE)),
        "photo_in_photo": stickers("photo", 1, 0.45, (_WHITE,)),
        "red_arrow": stickers("arrow", 1, 0.35, (_RED, _RED)),
        "red_ring": ellipse(_RED, 0.02),
        "face_covered": ellipse((20, 20, 20), 0.02, filled=True),
        "scribble": scribble(_GREEN, 0.025, 7),
        "date_stamp": stamp("'98  7 14", (255, 140, 20), 0.06, (0.8, 0.92)),
        "tiled_mark": tiled_mark("stock", 0.4, 0.2),
    },
    "meme": {
        "outlined": meme("WHEN THE TEST", "PASSES AT ONCE", 0.11),
        "outlined_large": meme("ONE DOES NOT", "SIMPLY MERGE", 0.15),
        "band_above": chain(
            frame((0, 0.22, 0, 0), _WHITE),
            stamp("nobody expects this", (0, 0, 0), 0.06, (0.5, 0.09)),
        ),
        "story_band": caption("good morning from here", (0.4, 0.55), (0, 0, 0), _WHITE, 0.55),
        "subtitle_yellow": stamp("I told you to save it.", (250, 240, 60), 0.08, (0.5, 0.9)),
    },
    "framed": {
        "polaroid": frame((0.06, 0.06, 0.06, 0.25), (250, 248, 240)),
        "app_dark": interface(0.13, dark=True),
        "app_light": interface(0.16, dark=False),
    },
    "toning": {
        "sepia": duotone((25, 15, 5), (255, 238, 200)),
        "duotone": duotone((30, 20, 110), (250, 210, 90)),
        "cyanotype": duotone((8, 35, 75), (225, 240, 250)),
        "noir": chain(saturate(0), curve([(0, 0), (90, 30), (170, 225), (255, 255)])),
    },
    "filter": {
        "vivid": chain(saturate(1.9), curve([(0, 0), (64, 50), (192, 208), (255, 255)])),
        "faded": chain(saturate(0.55), curve([(0, 50), (255, 225)])),
        "teal_orange": mix([[1.15, 0.05, -0.05], [0.0, 0.95, 0.08], [-0.08, 0.15, 1.0]]),
        "cold": mix([[0.78, 0, 0], [0, 0.95, 0.02], [0, 0.05, 1.2]]),
        "hdr": local_contrast(3.5),
        "light_leak": leak((255, 120, 40), 0.7),
    },
    "exposure": {
        "x0.4": gain(0.4),
        "x1.9": gain(1.9),
        "gamma_0.45": gamma(0.45),
        "gamma_2.2": gamma(2.2),
    },
    "degraded": {
        "vignette": vignette(0.75, 1.2),
        "palette_16": palette(16, dither=True),
        "palette_32_flat": palette(32, dither=False),
        "jpeg_10": jpeg(10),
        "grain": grain(22),
        "blurred": blur(0.008),
        "to_64": lambda photo, rng: scale(64 / max(photo.size))(photo, rng),
        "sharpened": sharpen(250),
        "crop_40": crop(0.4),
    },
    "several": {
        "posted_meme": chain(crop(0.8), scale(0.5), meme("MONDAY", "AGAIN", 0.12), jpeg(40)),
        "story": chain(mirror, gain(1.3), stickers("heart", 2, 0.2, (_RED, _WHITE)), jpeg(60)),
        "old_print": chain(
            duotone((40, 25, 10), (250, 230, 190)), tilt_by(4), print_scan(5, 0.1, 0.5)
        ),
        "filter_crop": chain(crop(0.5), saturate(1.5), vignette(0.5, 1.3), jpeg(50)),
        "screenshot": chain(scale(0.4), interface(0.14, dark=True), jpeg(35)),
    },
}

TUNING: dict[str, dict[str, Change]] = {
    "perspective": {
        "keystone_5": perspective(0, 6),
        "phone_15": perspective(12, 15, fill=(120, 110, 90)),
        "phone_27": perspective(8, 27, fill=(40, 50, 40)),
    },
    "lens": {"barrel_5": radial(0.05), "pincushion_5": radial(-0.05), "barrel_14": radial(0.14)},
    "screen": {
        "screen_5": screen(5, grid=0.05, glare=0.15),
        "screen_10": screen(10, grid=0.03, glare=0.2),
        "print_2": print_scan(5, 0.12, 2),
    },
    "overlay": {
        "hearts": stickers("heart", 4, 0.2, (_RED, _PINK, _WHITE)),
        "green_smile": stickers("smile", 1, 0.4, (_GREEN, (0, 0, 0))),
        "photo_inset": stickers("photo", 2, 0.3, (_WHITE,)),
        "blue_arrows": stickers("arrow", 3, 0.25, (_BLUE, _WHITE)),
        "yellow_ring": ellipse(_YELLOW, 0.03),
        "white_spot": ellipse(_WHITE, 0.02, filled=True),
        "pen": scribble((200, 20, 200), 0.015, 11),
        "name": stamp("(c) R. Example", _WHITE, 0.07, (0.3, 0.1)),
        "mark_grid": tiled_mark("sample", 0.3, 0.28),
    },
    "meme": {
        "outlined_small": meme("SUCH EDIT", "VERY COPY", 0.09),
        "outlined_wide": meme("BRACE YOURSELVES", "BUGS COMING", 0.13),
        "band_below": chain(
            frame((0, 0, 0, 0.2), (0, 0, 0)), stamp("and then it worked", _WHITE, 0.06, (0.5, 0.92))
        ),
        "band_pink": caption("sale ends today", (0.75, 0.92), _PINK, _WHITE, 0.9),
        "subtitle": stamp("It was never here.", _WHITE, 0.07, (0.5, 0.88)),
    },
    "framed": {
        "passepartout": frame((0.12, 0.12, 0.12, 0.12), (235, 230, 215)),
        "app": interface(0.11, dark=False),
        "bars": frame((0, 0.3, 0, 0.3), (0, 0, 0)),
    },
    "toning": {
        "brown": duotone((15, 8, 0), (245, 225, 180)),
        "green_rose": duotone((0, 60, 40), (255, 190, 200)),
        "red_mono": duotone((40, 0, 0), (255, 180, 170)),
        "grey": saturate(0),
    },
    "filter": {
        "saturated": saturate(1.6),
        "washed": chain(saturate(0.7), curve([(0, 35), (255, 235)])),
        "warm": mix([[1.2, 0.05, 0], [0, 1, 0], [0, 0, 0.75]]),
        "cross": mix([[1.1, 0, 0.1], [0.05, 1.05, 0], [0.2, 0, 0.75]]),
        "clahe": local_contrast(2.5),
        "leak_blue": leak((60, 90, 255), 0.6),
    },
    "exposure": {
        "x0.5": gain(0.5),
        "x0.35": gain(0.35),
        "x1.7": gain(1.7),
        "gamma_0.5": gamma(0.5),
        "gamma_2": gamma(2),
    },
    "degraded": {
        "vignette_6": vignette(0.6, 1.1),
        "palette_24": palette(24, dither=True),
        "jpeg_12": jpeg(12),
        "grain_18": grain(18),
        "blur_6": blur(0.006),
        "to_80": lambda photo, rng: scale(80 / max(photo.size))(photo, rng),
        "crop_45": crop(0.45),
    },
    "several": {
        "meme_small": chain(crop(0.85), scale(0.6), meme("WHY", "NOT", 0.14), jpeg(45)),
        "sticker_tone": chain(
            gain(0.8),
            duotone((20, 20, 60), (255, 240, 220)),
            stickers("star", 2, 0.25, (_GREEN, _WHITE)),
        ),
        "shot_crop": chain(perspective(8, 8), crop(0.7), jpeg(40)),
        "app_filter": chain(saturate(1.4), interface(0.12, dark=True), scale(0.5), jpeg(50)),
    },
}
LISTS = {"held-out": HELD_OUT, "tuning": TUNING}


def make(photos: Path, out: Path, edits: dict[str, dict[str, Change]], count: int) -> None:
    """Write `count` photos, every k-th in path order, and a copy of each for every edit."""
    (out / "images").mkdir(parents=True)
    rows = []
    for number, path in enumerate(choose_photos(photos, count)):
        photo = Image.open(path).convert("RGB")
        photo.thumbnail((1024, 1024))
        rows.append((f"{number:04}_original.jpg", str(number), "original"))
        photo.save(out / "images" / rows[-1][0], quality=92)
        for kinds in edits.values():
            for name, change in kinds.items():
                rows.append((f"{number:04}_{name}.jpg", str(number), name))
                edited = change(photo, random.Random(f"{number} {name}"))
                edited.save(out / "images" / rows[-1][0], quality=88)
    write_truth(out, ("file", "group", "edit"), rows)


def score(folder: Path, options: list[str]) -> None:
    """Scan a folder that `make` wrote and print what was found."""
    truth = {name: (row["group"], row["edit"]) for name, row in read_truth(folder).items()}
    groups, _ = scan_images(folder, options)
    group_of: dict[str, int] = {}
    wrong = 0
    for number, group in enumerate(groups):
        keeper = Path(group.keeper.path).name
        group_of[keeper] = number
        for duplicate in group.duplicates:
            name = Path(duplicate.photo.path).name
            group_of[name] = number
            wrong += truth[name][0] != truth[keeper][0]
    originals = {group: name for name, (group, edit) in truth.items() if edit == "original"}
    found: dict[str, list[bool]] = defaultdict(list)
    for name, (photo, edit) in truth.items():
        if edit != "original":
            place = group_of.get(originals[photo], -1)
            found[edit].append(place >= 0 and group_of.get(name) == place)
    _print(found, wrong)


def _print(found: dict[str, list[bool]], wrong: int) -> None:
    families = next(kinds for kinds in LISTS.values() if found.keys() <= _names(kinds))
    print("| family | found | edits |\n|---|---|---|")
    for family, kinds in families.items():
        shares = [(name, sum(found[name]) / max(1, len(found[name]))) for name in kinds]
        mean = sum(share for _, share in shares) / len(shares)
        cells = ", ".join(f"{name} {share:.2f}" for name, share in shares)
        print(f"| {family} | {mean:.3f} | {cells} |")
    every = [hit for hits in found.values() for hit in hits]
    print(f"| all | {sum(every) / len(every):.3f} | {len(every)} copies, {wrong} wrong removals |")


def _names(families: dict[str, dict[str, Change]]) -> set[str]:
    return {name for kinds in families.values() for name in kinds}


def main() -> None:
    run_command(__doc__, LISTS, count=40, make=make, score=score)


if __name__ == "__main__":
    main()
