"""Scores of embeddings, with numbers derived by hand, and a whole evaluation on drawn photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dedupe.encoder.runtime import open_encoder
from dedupe.errors import InputError
from dedupe.siamese.edits import EDITS
from dedupe.siamese.evaluate import evaluate, score


def on_circle(*degrees: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_copies_nearer_than_every_other_photo_are_all_found() -> None:
    vectors = on_circle(0, *[1] * len(EDITS), 90)
    found = score(
        vectors, np.array([0] * (1 + len(EDITS)) + [1]), ["original", *EDITS, "distractor"]
    )

    assert found.uap == 1
    assert set(found.recalls[0].levels.values()) == {1.0}
    assert (found.originals, found.images, found.false_pairs) == (
        1,
        len(EDITS) + 2,
        len(EDITS) + 1,
    )


def test_a_copy_beyond_the_nearest_other_photo_is_missed() -> None:
    names = list(EDITS)
    angles = [60 if name == "crop_60" else 1 for name in names]
    vectors = on_circle(0, *angles, -10)  # another photo, 10 degrees from the original
    found = score(
        vectors, np.array([0] * (1 + len(names)) + [1]), ["original", *names, "distractor"]
    )

    assert found.recalls[0].edits["crop_60"] == 0
    assert found.recalls[0].edits["jpeg_q10"] == 1
    assert found.recalls[0].levels["hard"] == pytest.approx(7 / 8)
    # 24 of the 25 unturned copies come first; the last comes after all 28 + 1 false pairs but the
    # one to itself: it lies 60 degrees away, the pair (crop_60, other photo) 70.
    assert found.uap == pytest.approx((24 + 25 / (25 + 28)) / 25)


def test_an_evaluation_runs_on_a_folder_of_photos(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number in range(4):
        noise = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((200, 150), Image.Resampling.BICUBIC).save(
            tmp_path / f"{number}.png"
        )
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")

    Image.open(tmp_path / "2.png").resize((160, 120)).save(tmp_path / "a copy.png")

    found = evaluate(open_encoder(device="cpu"), [str(tmp_path)], originals=2, distractors=9)

    assert found.repeats == 1
    assert (found.originals, found.images) == (2, 2 * (1 + len(EDITS)) + 2)  # not the copy
    assert found.recalls[0].edits["copy_q90"] == 1
    assert 0 < found.uap <= 1


def test_too_few_photos_are_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too few photos"):
        evaluate(open_encoder(device="cpu"), [str(tmp_path)])
