"""Copies of kinds on which no weight of `dedupe.provenance` was fitted.

A module of edits: EDITS maps a kind to (function(image, random) -> image, options of Image.save,
whether the copy keeps EXIF). Used to measure which file of a
group stays. It must never be used to fit weights.
"""

# ruff: noqa: ARG001 - every edit takes a source of randomness, and some need none

from __future__ import annotations

import io
import random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

Picture = Image.Image
Pixels = NDArray[Any]


def _jpeg(quality: int, **more: Any) -> dict[str, Any]:
    return {"format": "JPEG", "quality": quality, **more}


def _through(image: Picture, **options: Any) -> Picture:
    """Return the image after it was saved and opened again."""
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def _array(image: Picture) -> Pixels:
    return np.asarray(image.convert("RGB"), np.float32)


def _image(pixels: Pixels) -> Picture:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def vignette(image: Picture, rng: random.Random) -> Picture:
    """Darken towards the corners."""
    pixels = _array(image)
    height, width = pixels.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return _image(pixels * (1 - rng.uniform(0.25, 0.5) * (x * x + y * y) / 2)[..., None])


def sepia(image: Picture, rng: random.Random) -> Picture:
    """Recolour in browns."""
    mix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    return _image(_array(image) @ mix.T)


def polaroid(image: Picture, rng: random.Random) -> Picture:
    """Add a white frame that is wide at the bottom, with a line of writing."""
    edge = int(min(image.size) * rng.uniform(0.04, 0.08))
    framed = ImageOps.expand(image, (edge, edge, edge, 4 * edge), (250, 249, 244))
    draw = ImageDraw.Draw(framed)
    place = (2 * edge, image.height + 2 * edge)
    draw.text(place, "summer 2019", fill=(40, 40, 60), font_size=2 * edge)
    return framed


def story(image: Picture, rng: random.Random) -> Picture:
    """Show the picture on an upright screen before a blurred enlargement of itself."""
    width, height = 1080, 1920
    back = ImageOps.fit(image, (width, height)).filter(ImageFilter.GaussianBlur(40))
    front = ImageOps.contain(image, (width, height))
    back.paste(front, ((width - front.width) // 2, (height - front.height) // 2))
    return back


def perspective(image: Picture, rng: random.Random) -> Picture:
    """Straighten converging lines a little, and crop."""
    width, height = image.size
    lean = rng.uniform(0.01, 0.025) * width
    quad = (lean, 0, 0, height, width, height, width - lean, 0)
    return image.transform(image.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)


def local_contrast(image: Picture, rng: random.Random) -> Picture:
    """Map tones locally, as HDR filters do."""
    lab = cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(rng.uniform(1.5, 3), (8, 8)).apply(lab[..., 0])
    return Image.fromarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def median_denoise(image: Picture, rng: random.Random) -> Picture:
    """Remove noise by a 3 x 3 median."""
    return image.filter(ImageFilter.MedianFilter(3))


def bilateral_denoise(image: Picture, rng: random.Random) -> Picture:
    """Smooth surfaces and keep edges, as beauty filters do."""
    pixels = np.asarray(image.convert("RGB"))
    return Image.fromarray(cv2.bilateralFilter(pixels, 7, 30, 4))


def film_grain(image: Picture, rng: random.Random) -> Picture:
    """Add grey grain that is a little coarser than a pixel."""
    pixels = _array(image)
    source = np.random.default_rng(rng.randrange(2**31))
    grain = cv2.GaussianBlur(source.normal(0, 18, pixels.shape[:2]), (0, 0), 0.8)
    return _image(pixels + grain[..., None])


def sticker(image: Picture, rng: random.Random) -> Picture:
    """Put a smiling face on the picture."""
    image = image.copy()
    draw = ImageDraw.Draw(image)
    size = min(image.size) * rng.uniform(0.12, 0.22)
    x = rng.uniform(0.05, 0.7) * image.width
    y = rng.uniform(0.05, 0.7) * image.height
    draw.ellipse((x, y, x + size, y + size), fill=(255, 204, 50), outline=(150, 100, 0))
    for eye in (0.3, 0.62):
        draw.ellipse(
            (x + eye * size, y + 0.3 * size, x + (eye + 0.1) * size, y + 0.42 * size), fill="black"
        )
    draw.arc((x + 0.2 * size, y + 0.3 * size, x + 0.8 * size, y + 0.8 * size), 20, 160, "black", 3)
    return image


def date_stamp(image: Picture, rng: random.Random) -> Picture:
    """Print the date in the lower right corner in orange."""
    image = image.copy()
    size = max(10, image.height // 22)
    place = (image.width - 6 * size, image.height - 2 * size)
    ImageDraw.Draw(image).text(place, "14 08 2003", fill=(255, 140, 0), font_size=size)
    return image


def arrow(image: Picture, rng: random.Random) -> Picture:
    """Draw a red circle round a place."""
    image = image.copy()
    x, y = rng.uniform(0.2, 0.6) * image.width, rng.uniform(0.2, 0.6) * image.height
    size = 0.2 * min(image.size)
    line = max(2, image.width // 150)
    ImageDraw.Draw(image).ellipse((x, y, x + size, y + size), outline=(230, 20, 20), width=line)
    return image


def collage_margin(image: Picture, rng: random.Random) -> Picture:
    """Leave a picture with uneven margins of a pattern, as a page of an album has."""
    left, top, right, bottom = (int(rng.uniform(0.01, 0.2) * min(image.size)) for _ in range(4))
    page = Image.new(
        "RGB", (image.width + left + right, image.height + top + bottom), (225, 220, 205)
    )
    draw = ImageDraw.Draw(page)
    for y in range(0, page.height, 14):
        draw.line((0, y, page.width, y), fill=(205, 198, 180))
    page.paste(image, (left, top))
    return page


def curves(image: Picture, rng: random.Random) -> Picture:
    """Bend the tones by an S curve."""
    strength = rng.uniform(0.5, 1.0)
    x = np.arange(256) / 255
    y = (1 - strength) * x + strength * (x * x * (3 - 2 * x))
    return image.point([round(255 * v) for v in y] * 3)


def faded(image: Picture, rng: random.Random) -> Picture:
    """Lift the blacks and cross the colours, as photo filters do."""
    red, green, blue = image.split()
    return Image.merge(
        "RGB",
        (
            red.point([round(30 + 0.85 * v) for v in range(256)]),
            green.point([round(20 + 0.9 * v) for v in range(256)]),
            blue.point([round(45 + 0.7 * v) for v in range(256)]),
        ),
    )


def duotone(image: Picture, rng: random.Random) -> Picture:
    """Map grey to a ramp from blue to yellow."""
    return ImageOps.colorize(ImageOps.grayscale(image), (20, 10, 90), (255, 240, 150))


def double_jpeg(image: Picture, rng: random.Random) -> Picture:
    """Save at another quality and sub-sampling first; the copy is saved again."""
    return _through(image, **_jpeg(70, subsampling=2))


def thumbnail_enlarged(image: Picture, rng: random.Random) -> Picture:
    """Enlarge a thumbnail to the size of the photo by linear interpolation."""
    small = image.copy()
    small.thumbnail((160, 160), Image.Resampling.BOX)
    return _through(small, **_jpeg(70)).resize(image.size, Image.Resampling.BILINEAR)


def enlarged_sharpened(image: Picture, rng: random.Random) -> Picture:
    """Enlarge by 1.5 and sharpen, as enlargers do."""
    size = (round(1.5 * image.width), round(1.5 * image.height))
    return image.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.UnsharpMask(1, 80, 0))


def browser_screenshot(image: Picture, rng: random.Random) -> Picture:
    """Show the picture in a window of a desktop browser."""
    scale = rng.uniform(0.6, 1.0)
    picture = image.resize((round(image.width * scale), round(image.height * scale)))
    page = Image.new("RGB", (picture.width + 240, picture.height + 220), (245, 245, 247))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, 70), fill=(222, 225, 230))
    draw.text((90, 20), "https://example.org/album/12", fill=(60, 60, 60), font_size=22)
    for line in range(3):
        y = picture.height + 130 + 24 * line
        draw.text((120, y), "Comment on this photo, liked by many", fill=(90, 90, 90), font_size=14)
    page.paste(picture, (120, 110))
    return page


def printed(image: Picture, rng: random.Random) -> Picture:
    """Turn a little on white paper, as a scan of a print is."""
    paper = ImageOps.expand(image, int(0.06 * max(image.size)), (248, 247, 243))
    turned = paper.rotate(
        rng.uniform(-1.5, 1.5), Image.Resampling.BILINEAR, fillcolor=(248, 247, 243)
    )
    return turned.filter(ImageFilter.GaussianBlur(0.7))


def cinema_crop(image: Picture, rng: random.Random) -> Picture:
    """Cut the picture to the shape of a cinema screen."""
    height = round(image.width / 1.85)
    if height >= image.height:
        return image.crop((round(0.1 * image.width), 0, image.width, image.height))
    top = (image.height - height) // 2
    return image.crop((0, top, image.width, top + height))


def square_crop(image: Picture, rng: random.Random) -> Picture:
    """Cut the middle square, at 80 % of the size."""
    side = round(0.8 * min(image.size))
    return ImageOps.fit(image, (side, side), Image.Resampling.BICUBIC)


def same_pixels(image: Picture, rng: random.Random) -> Picture:
    """Return the picture as it is."""
    return image


_LOSSY = _jpeg(88)
EDITS: dict[str, tuple[Any, dict[str, Any], bool]] = {
    "vignette": (vignette, _jpeg(93), True),
    "sepia": (sepia, _jpeg(90), True),
    "polaroid": (polaroid, _jpeg(92), False),
    "story": (story, _jpeg(85), False),
    "perspective": (perspective, _jpeg(94), True),
    "local_contrast": (local_contrast, _jpeg(92), True),
    "median_denoise": (median_denoise, _jpeg(95), True),
    "bilateral_denoise": (bilateral_denoise, _jpeg(92), False),
    "film_grain": (film_grain, _jpeg(95), False),
    "sticker": (sticker, _LOSSY, False),
    "date_stamp": (date_stamp, _jpeg(92), True),
    "arrow": (arrow, {"format": "PNG"}, False),
    "collage_margin": (collage_margin, _jpeg(90), False),
    "curves": (curves, _jpeg(95), True),
    "faded": (faded, _LOSSY, False),
    "duotone": (duotone, _jpeg(92), False),
    "double_jpeg": (double_jpeg, _jpeg(93, subsampling=0), True),
    "thumbnail_enlarged": (thumbnail_enlarged, _jpeg(92), False),
    "enlarged_sharpened": (enlarged_sharpened, _jpeg(92), False),
    "browser_screenshot": (browser_screenshot, {"format": "PNG"}, False),
    "printed": (printed, _jpeg(90), False),
    "cinema_crop": (cinema_crop, _jpeg(92), True),
    "square_crop": (square_crop, _jpeg(85), False),
    "avif": (same_pixels, {"format": "AVIF", "quality": 70}, False),
    "tiff": (same_pixels, {"format": "TIFF"}, False),
    "webp_lossless": (same_pixels, {"format": "WEBP", "lossless": True}, False),
    "progressive": (same_pixels, _jpeg(82, progressive=True), False),
}
EQUAL = {"tiff", "webp_lossless", "twin"}
