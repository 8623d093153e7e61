"""Draw what encoders of the seeds compare: one figure for each folder that seeds.py kept.

    python tests/benchmarks/seed_figures.py docs DIR...

A figure `siamese-TOWER.png` is that of `dedupe explain`: a photo of sample_data and a crop of
it, or, for signet, one word twice by a hand that was not trained on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
import words

from dedupe.encoder.manifest import read_manifest

_SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
_PHOTOS = (_SAMPLES / "2024/home/P1050012.jpg", _SAMPLES / "edited/P1050012_crop.jpg")
_HAND, _WORD = 450, "garden"  # hands from 400 on are judged, not trained on; see seeds.py


def write_words(folder: Path) -> tuple[Path, Path]:
    """Write one word twice by one hand; return the two files."""
    rng, hand = np.random.default_rng(1), words.make_hand(_HAND)
    files = folder / "once.png", folder / "again.png"
    for file in files:
        Image.fromarray(words.write(_WORD, hand, rng, side=256)).save(file)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("out", type=Path, help="folder of the figures")
    parser.add_argument(
        "encoders", type=Path, nargs="+", help="folders as seeds.py --out wrote them"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for encoder in options.encoders:
            tower = read_manifest(encoder).name
            pair = write_words(Path(folder)) if tower == "signet" else _PHOTOS
            figure = options.out / f"siamese-{tower}.png"
            command = [sys.executable, "-m", "dedupe", "explain", *map(str, pair)]
            command += ["--encoder", str(encoder), "--out", str(figure)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            print(figure)


if __name__ == "__main__":
    main()
