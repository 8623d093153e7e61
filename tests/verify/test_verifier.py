"""Verification: changed copies of real photos, other shots, and the pairs of a scan."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import skimage
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from dedupe.decode.read import Unreadable
from dedupe.files.digest import digest_bytes
from dedupe.group.refine import refine_groups
from dedupe.index.embedding_index import EmbeddingIndex as Index
from dedupe.types import ImageFile, Pairs, Photo, Star, Verdict
from dedupe.verify.cascade import compare
from dedupe.verify.features import SIDE, Features
from dedupe.verify.judge import NOT_A_COPY
from dedupe.verify.load import load_pixels, load_thumbnail
from dedupe.verify.verifier import Verifier

Change = Callable[[Image.Image], Image.Image]
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle_left")


@cache
def photo(name: str) -> Image.Image:
    """Return a photo that comes with scikit-image."""
    folder = Path(skimage.__file__).parent / "data"
    return Image.open(next(folder.glob(f"{name}.*"))).convert("RGB")


def features(image: Image.Image) -> Features:
    return Features(np.asarray(image.convert("RGB")))


@cache
def known(name: str) -> Features:
    return features(photo(name))


def recode(quality: int, side: float = 1.0) -> Change:
    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        size = (round(image.width * side), round(image.height * side))
        image.resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=quality)
        return Image.open(file)

    return change


def crop(left: float, top: float, right: float, bottom: float) -> Change:
    def change(image: Image.Image) -> Image.Image:
        w, h = image.size
        return image.crop((round(left * w), round(top * h), round(right * w), round(bottom * h)))

    return change


def transpose(method: Image.Transpose) -> Change:
    return lambda image: image.transpose(method)


def tilt(image: Image.Image) -> Image.Image:
    return image.rotate(9, Image.Resampling.BICUBIC)


def stretch(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * 1.15), image.height))


def noise(image: Image.Image) -> Image.Image:
    values = np.asarray(image) + np.random.default_rng(1).normal(0, 14, (*image.size[::-1], 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def caption(image: Image.Image) -> Image.Image:
    image = image.copy()
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, int(0.86 * image.height), *image.size), fill="black")
    place = (0.05 * image.width, 0.88 * image.height)
    draw.text(place, "when the build is green", fill="white", font_size=image.height // 14)
    return image


def mark(image: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    place = (0.1 * image.width, 0.45 * image.height)
    draw = ImageDraw.Draw(layer)
    draw.text(place, "SAMPLE PHOTO", fill=(255, 255, 255, 110), font_size=image.width // 9)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def warm(image: Image.Image) -> Image.Image:
    red, green, blue = image.split()
    brighter, darker = red.point(lambda v: 1.15 * v), blue.point(lambda v: 0.85 * v)
    return Image.merge("RGB", (brighter, green, darker))


def letterbox(image: Image.Image) -> Image.Image:
    side = max(image.size) + 40
    return ImageOps.pad(ImageOps.expand(image, 20), (side, side))


CHANGES: dict[str, tuple[Change, str]] = {  # name: (change, what `how` has to match)
    "none": (lambda image: image.copy(), ""),
    "quality 50": (recode(50), ""),
    "quality 10": (recode(10), ""),
    "half size": (recode(90, 0.5), ""),
    "quarter size": (recode(90, 0.25), ""),
    "blur": (lambda image: image.filter(ImageFilter.GaussianBlur(max(image.size) / 200)), ""),
    "noise": (noise, ""),
    "warm": (warm, ""),
    "brighter": (lambda i: ImageEnhance.Brightness(i).enhance(1.25), "brightness changed"),
    "gamma": (lambda i: i.point(lambda v: 255 * (v / 255) ** 0.6), "brightness changed"),
    "greyscale": (lambda image: image.convert("L"), "greyscale"),
    "mark": (mark, "(caption or mark added)?"),
    "caption": (caption, r"caption or mark added(, brightness changed)?"),
    "border": (lambda image: ImageOps.expand(image, 20, "white"), "border added"),
    "letterbox": (letterbox, "border added"),
    "stretch": (stretch, r"stretched 1[456] %"),
    "tilt": (tilt, r"tilted 9°(, cropped to 9\d %)?"),
    "centre": (crop(0.115, 0.115, 0.885, 0.885), r"cropped to (59|60) %"),
    "corner": (crop(0.4, 0.35, 1, 0.95), r"cropped to (35|36|37) %"),
    "mirror": (transpose(Image.Transpose.FLIP_LEFT_RIGHT), "mirrored"),
    "upside down": (transpose(Image.Transpose.ROTATE_180), "turned 180"),
    "on its side": (transpose(Image.Transpose.ROTATE_90), "turned 90"),
    "transposed": (transpose(Image.Transpose.TRANSPOSE), "mirrored, turned 90"),
    "turned and cropped": (
        lambda image: crop(0.1, 0, 1, 0.9)(image).transpose(Image.Transpose.ROTATE_270),
        r"turned 90, cropped to (80|81|82) %",
    ),
}


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_a_copy_and_says_how(name: str, change: str) -> None:
    changed, how = CHANGES[change]
    verdict = compare(known(name), features(changed(photo(name))))
    assert verdict.is_copy
    assert re.fullmatch(how, verdict.how)


@pytest.mark.parametrize("change", ["quality 10", "corner", "tilt", "on its side", "caption"])
def test_the_order_of_the_two_does_not_matter(change: str) -> None:
    changed = features(CHANGES[change][0](photo("coffee")))
    there, back = compare(known("coffee"), changed), compare(changed, known("coffee"))
    assert (there.is_copy, there.how) == (back.is_copy, back.how)


def test_the_same_two_pictures_give_the_same_verdict() -> None:
    changed = CHANGES["turned and cropped"][0](photo("chelsea"))
    verdicts = {
        compare(features(photo("chelsea")), features(changed)),
        compare(features(photo("chelsea")), features(changed)),
    }
    assert len(verdicts) == 1


def test_different_photos_are_not_copies() -> None:
    verdicts = [
        compare(known(first), known(second))
        for first in PHOTOS
        for second in PHOTOS
        if first < second
    ]
    assert not any(verdict.is_copy for verdict in verdicts)


def test_two_views_of_one_thing_are_not_copies() -> None:
    assert not compare(known("motorcycle_left"), known("motorcycle_right")).is_copy


@pytest.mark.parametrize("shared", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("name", PHOTOS)
def test_neighbouring_frames_of_a_panorama_are_not_copies(name: str, shared: float) -> None:
    part = 1 / (2 - shared)
    left, right = crop(0, 0, part, 1)(photo(name)), crop(1 - part, 0, 1, 1)(photo(name))
    assert not compare(features(left), features(right)).is_copy


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_in_which_something_moved_is_not_a_copy(name: str) -> None:
    image = photo(name)
    w, h = image.size
    thing = (w // 3, h // 3, w // 3 + w // 5, h // 3 + h // 4)
    moved = image.copy()
    moved.paste(image.crop((0, 0, w // 5, h // 4)), thing[:2])
    moved.paste(image.crop(thing), (w // 2, h // 2))
    assert not compare(known(name), features(moved)).is_copy


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_from_half_a_step_aside_is_not_a_copy(name: str) -> None:
    image = photo(name)
    w, h = image.size
    tilted = image.transform(
        image.size,
        Image.Transform.PERSPECTIVE,
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.03 / w, -0.03 / h),
        Image.Resampling.BICUBIC,
    )
    inner = crop(0.05, 0.08, 0.93, 0.95)
    assert not compare(features(inner(image)), features(inner(tilted))).is_copy


def test_another_exposure_is_not_a_copy() -> None:
    longer = photo("chelsea").point(lambda v: min(255, 2.6 * v))
    assert not compare(known("chelsea"), features(longer)).is_copy


@pytest.mark.parametrize("gain", [0.4, 1.9])
def test_a_gain_that_leaves_every_pixel_in_place_is_an_edit(gain: float) -> None:
    edited = photo("chelsea").point(lambda v: min(255, gain * v))
    assert compare(known("chelsea"), features(edited)).how == "brightness changed"


@pytest.mark.parametrize(("across", "down"), [(0.15, 0.1), (0.05, 0.0), (0.0, 0.07)])
def test_a_perspective_correction_is_an_edit(across: float, down: float) -> None:
    image = photo("astronaut")
    w, h = image.size
    straightened = image.transform(
        image.size,
        Image.Transform.PERSPECTIVE,
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, across / w, down / h),
        Image.Resampling.BICUBIC,
    )
    verdict = compare(known("astronaut"), features(straightened))
    assert (verdict.is_copy, verdict.level) == (True, "perspective")


def test_a_toned_picture_is_a_copy_and_another_colour_is_not() -> None:
    toned = ImageOps.colorize(photo("coffee").convert("L"), (30, 20, 110), (250, 210, 90))
    assert compare(known("coffee"), features(toned)).is_copy


def test_letters_with_an_outline_are_an_edit_and_two_texts_two_pictures() -> None:
    image = photo("astronaut")
    first, second = image.copy(), image.copy()
    for picture, text in ((first, "ONE THING"), (second, "ANOTHER")):
        ImageDraw.Draw(picture).text(
            (256, 440),
            text,
            "white",
            font_size=60,
            anchor="ma",
            stroke_width=5,
            stroke_fill="black",
        )
    assert compare(known("astronaut"), features(first)).is_copy
    assert not compare(features(first), features(second)).is_copy


def test_the_same_picture_in_other_colours_is_not_a_copy() -> None:
    red, green, blue = photo("coffee").split()
    assert not compare(known("coffee"), features(Image.merge("RGB", (blue, green, red)))).is_copy


@pytest.mark.parametrize("change", ["quality 10", "half size", "mirror", "on its side"])
def test_a_picture_without_corners_is_recognised(change: str) -> None:
    y, x = np.mgrid[0:240, 0:320] / 320
    glow = 140 + 70 * np.sin(3 * x + 2 * y) * np.cos(4 * y - x)
    sky = Image.fromarray(glow.astype(np.uint8)).convert("RGB")
    other = Image.fromarray((0.5 * glow + 120 * x).astype(np.uint8)).convert("RGB")
    assert len(features(sky).points[0]) < 8
    assert compare(features(sky), features(CHANGES[change][0](sky))).is_copy
    assert not compare(features(sky), features(other)).is_copy


def test_blank_pictures_are_copies_only_if_all_pixels_are_equal() -> None:
    blank = np.full((200, 300, 3), 255, np.uint8)
    nearly = blank.copy()
    nearly[100, 150] = 254
    assert compare(Features(blank), Features(blank.copy())).level == "pixels"
    assert compare(Features(blank), Features(nearly)) == NOT_A_COPY


@pytest.mark.parametrize("second", ["ivory", "black", "photo"])
def test_a_blank_picture_is_no_copy_of_another(second: str) -> None:
    other = photo("coffee") if second == "photo" else Image.new("RGB", (300, 200), second)
    blank = features(Image.new("RGB", (300, 200), "white"))
    assert compare(blank, features(other)) == NOT_A_COPY


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (17, 16), (5000, 40)])
def test_any_size_can_be_compared(size: tuple[int, int]) -> None:
    small = features(photo("coffee").resize(size))
    assert not compare(small, known("astronaut")).is_copy
    compare(small, known("coffee"))
    compare(small, small)


def test_grey_pixels_are_taken_as_they_are() -> None:
    grey = photo("coffee").convert("L")
    assert compare(Features(np.asarray(grey)), known("coffee")).how == "greyscale"


def test_features_are_small() -> None:
    f = known("astronaut")
    assert sum(part.nbytes for part in (f.grey, f.colour, *f.points)) < 200_000


# The pairs of a scan


def save(folder: Path, name: str, image: Image.Image) -> Photo:
    path = folder / f"{name}.png"
    image.save(path)
    stat = path.stat()
    file = ImageFile(str(path), 0, stat.st_size, stat.st_mtime_ns, stat.st_dev, stat.st_ino)
    return Photo(file, *image.size, "PNG", digest_bytes(path.read_bytes()))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "index.sqlite", encoder="any", decoder=1) as opened:
        yield opened


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    """Two coffees, two cats (one mirrored), an astronaut."""
    return [
        save(tmp_path, "coffee", photo("coffee")),
        save(tmp_path, "coffee, cropped", crop(0, 0, 0.8, 0.8)(photo("coffee"))),
        save(tmp_path, "cat", photo("chelsea")),
        save(tmp_path, "cat, mirrored", ImageOps.mirror(photo("chelsea"))),
        save(tmp_path, "astronaut", photo("astronaut")),
    ]


ALL = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]


def refuse(photo: Photo) -> NDArray[np.uint8]:
    raise AssertionError(f"{photo.path} should not be looked at")


def copies(verdicts: Sequence[Verdict]) -> dict[tuple[int, int], str]:
    """What was found of the pairs of ALL that are copies."""
    return {pair: v.how for pair, v in zip(ALL, verdicts, strict=True) if v.is_copy}


@pytest.mark.parametrize("workers", [1, 4])
def test_only_copies_are_called_copies_whatever_the_workers(
    photos: list[Photo], workers: int
) -> None:
    verdicts = Verifier(photos, workers=workers).judge(ALL)
    assert copies(verdicts) == {(0, 1): "cropped to 64 %", (2, 3): "mirrored"}


def test_a_vanished_file_is_not_a_copy(photos: list[Photo]) -> None:
    Path(photos[1].path).unlink()
    assert list(copies(Verifier(photos).judge(ALL))) == [(2, 3)]


def test_a_file_with_another_content_since_is_not_a_copy(photos: list[Photo]) -> None:
    photo("coffee").save(photos[3].path)
    assert list(copies(Verifier(photos).judge(ALL))) == [(0, 1)]


def test_a_stored_verdict_is_not_computed_again(photos: list[Photo], index: Index) -> None:
    first = Verifier(photos, remembered=index).judge(ALL)
    again = Verifier(photos, remembered=index, load=refuse).judge(ALL)
    backwards = Verifier(photos, remembered=index, load=refuse).judge([(b, a) for a, b in ALL])
    assert first == again
    for verdict, flipped in zip(first, backwards, strict=True):
        assert replace(verdict, matrix=None) == replace(flipped, matrix=None)
        there, back = (np.eye(3) if v.matrix is None else v.matrix for v in (verdict, flipped))
        both = np.reshape(there, (3, 3)) @ np.reshape(back, (3, 3))
        np.testing.assert_allclose(both, np.eye(3) * both[2, 2], atol=1e-9)


def test_the_matrix_leads_from_the_frame_of_the_second_to_that_of_the_first(
    photos: list[Photo],
) -> None:
    verdict, back = Verifier(photos).judge([(0, 1), (1, 0)])
    assert verdict.level == back.level == "points"
    assert verdict.matrix is not None
    assert back.matrix is not None
    whole = np.diag([0.8, 0.8, 1.0])  # the upper left corner
    np.testing.assert_allclose(np.reshape(verdict.matrix, (3, 3)), whole, atol=0.004)
    np.testing.assert_allclose(np.reshape(back.matrix, (3, 3)), np.linalg.inv(whole), atol=0.008)


def test_a_file_that_cannot_be_read_is_tried_again_next_time(
    photos: list[Photo], index: Index
) -> None:
    path = Path(photos[1].path)
    content = path.read_bytes()
    path.unlink()
    missing = Verifier(photos, remembered=index).judge([(0, 1)])
    path.write_bytes(content)
    back = Verifier(photos, remembered=index).judge([(0, 1)])
    assert [v.is_copy for v in missing + back] == [False, True]


def stars_of(
    pairs: Pairs,
    _among: NDArray[np.bool_] | None = None,
    _centres: Sequence[int] = (),
) -> list[Star]:
    """The star of every row that has a pair to its right, copies or not."""
    rows = zip(pairs.left.tolist(), pairs.right.tolist(), pairs.distance.tolist(), strict=True)
    found: dict[int, list[tuple[int, float]]] = {}
    taken: set[int] = set()
    for left, right, distance in rows:
        if left not in taken and right not in taken | found.keys():
            found.setdefault(left, []).append((right, round(distance, 6)))
            taken.add(right)
    return [Star(keeper, tuple(duplicates)) for keeper, duplicates in found.items()]


def all_pairs(distance: float = 0.5) -> Pairs:
    left, right = np.array(ALL).T
    return Pairs(left, right, np.full(len(left), distance, np.float32))


def test_stars_are_formed_again_until_every_duplicate_is_a_verified_copy(
    photos: list[Photo],
) -> None:
    seen: list[tuple[int, int]] = []
    stars, verdicts = refine_groups(
        all_pairs(),
        len(photos),
        form_stars=stars_of,
        judge=Verifier(photos).judge,
        same_radius=0.1,
        on_progress=lambda _stage, done, total: seen.append((done, total)),
    )
    assert stars == [Star(0, ((1, 0.5),)), Star(2, ((3, 0.5),))]
    how = {pair: verdict.how for pair, verdict in verdicts.items()}
    assert how == {(0, 1): "cropped to 64 %", (2, 3): "mirrored"}
    assert sum(done for done, _ in seen) == seen[-1][1] < len(ALL)


def test_sure_pairs_are_not_looked_at(photos: list[Photo]) -> None:
    stars, verdicts = refine_groups(
        all_pairs(0.25),
        len(photos),
        form_stars=stars_of,
        judge=Verifier(photos, load=refuse).judge,
        same_radius=0.25,
    )
    assert stars == stars_of(all_pairs(0.25))
    assert verdicts == {}


def test_no_pairs_are_no_work() -> None:
    none = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    judge = Verifier([], load=refuse).judge
    assert refine_groups(none, 0, form_stars=stars_of, judge=judge, same_radius=0) == ([], {})


def test_a_photo_is_read_once_for_all_its_pairs(photos: list[Photo]) -> None:
    read: list[str] = []

    def load(photo: Photo) -> NDArray[np.uint8]:
        read.append(photo.path)
        return load_pixels(photo)

    verifier = Verifier(photos, load=load)
    verdicts = verifier.judge([(0, 1), (0, 2)]) + verifier.judge([(1, 2), (1, 0)])
    assert [verdict.is_copy for verdict in verdicts] == [True, False, False, True]
    assert sorted(read) == sorted(photo.path for photo in photos[:3])


def test_a_large_photo_is_loaded_at_the_working_size(tmp_path: Path) -> None:
    large = photo("coffee").resize((1200, 800))
    assert load_pixels(save(tmp_path, "large", large)).shape == (213, SIDE, 3)


def test_a_small_photo_is_loaded_as_it_is(tmp_path: Path) -> None:
    small = photo("coffee").resize((60, 40))
    assert np.array_equal(load_pixels(save(tmp_path, "small", small)), np.asarray(small))


def test_pixels_of_a_changed_file_are_refused(photos: list[Photo]) -> None:
    photo("rocket").save(photos[0].path)
    with pytest.raises(Unreadable, match="another content"):
        load_pixels(photos[0])


def test_what_else_an_index_contains_changes_no_verdict(tmp_path: Path, index: Index) -> None:
    names = {
        "whole": lambda image: image,
        "smaller": recode(95, 0.8),
        "cropped": crop(0, 0, 0.8, 0.8),
        "more cropped": crop(0.05, 0.05, 0.75, 0.7),
    }
    photos = [save(tmp_path, name, change(photo("coffee"))) for name, change in names.items()]
    thumbnails = partial(load_thumbnail, side=128)
    pairs = [(0, 2), (0, 3), (1, 2), (2, 3)]
    alone = Verifier(photos, load_thumbnail=thumbnails).judge(pairs)
    assert "composed" in {verdict.level for verdict in alone}
    for pair in reversed(pairs):  # each by itself, so nothing follows from another pair
        Verifier(photos, load_thumbnail=thumbnails, remembered=index).judge([pair])
    for _ in range(2):
        beside = Verifier(photos, load_thumbnail=thumbnails, remembered=index)
        assert beside.judge(pairs) == alone


def test_a_pair_without_a_common_part_is_refused_unread(tmp_path: Path) -> None:
    photos = [save(tmp_path, name, photo(name)) for name in ("coffee", "astronaut")]
    far = np.array([[1, 0], [0.55, np.sqrt(1 - 0.55**2)]], np.float32)  # 0.95 apart
    thumbnails = partial(load_thumbnail, side=128)
    judge = Verifier(photos, load=refuse, load_thumbnail=thumbnails, vectors=far).judge
    assert judge([(0, 1)]) == [Verdict(False, 0.0, level="sketch")]


def test_an_isolated_judge_composes_the_given_verdicts_alone(photos: list[Photo]) -> None:
    same = Verdict(True, 0.9, "", "pixels", tuple(np.eye(3).ravel().tolist()))
    verifier = Verifier(photos)
    verifier.judge([(0, 1)])
    given = verifier.isolate({(2, 0): same, (2, 1): same})([(0, 1)])
    alone = verifier.isolate({(2, 1): same})([(0, 1)])
    assert [(v.is_copy, v.level) for v in given] == [(True, "composed")]
    assert [v.how for v in alone] == ["cropped to 64 %"]
