"""Facts of a file that help a person to decide: capture date, camera, position, profile."""

from __future__ import annotations

import os
from typing import Any

from PIL import ExifTags, Image

from dedupe.types import Photo


def read_facts(photo: Photo) -> dict[str, Any]:
    """Return what the metadata of a photo say; empty values are left out.

    Only the head of the file is read. A file that is gone or cannot be read gives `missing`.

    Returns:
        Words by name: `date`, `camera`, `position`, `software`, `profile`, `missing`.
    """
    try:
        status = os.stat(photo.path)
        if (status.st_size, status.st_mtime_ns) != (photo.file.size, photo.file.mtime_ns):
            return {"missing": "changed since the scan"}
        with Image.open(photo.path) as image:
            exif = image.getexif()
            profile = bool(image.info.get("icc_profile"))
    except FileNotFoundError:
        return {"missing": "no longer there"}
    except Exception:  # noqa: BLE001 - decoders of hostile bytes raise anything
        return {}
    details = exif.get_ifd(ExifTags.IFD.Exif)
    maker, model = _text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))
    facts = {
        "date": _text(details.get(ExifTags.Base.DateTimeOriginal)),
        "camera": model if model.startswith(maker) else f"{maker} {model}".strip(),
        "position": "yes" if exif.get_ifd(ExifTags.IFD.GPSInfo) else "",
        "software": _text(exif.get(ExifTags.Base.Software)),
        "profile": "yes" if profile else "",
    }
    return {name: value for name, value in facts.items() if value}


def _text(value: object) -> str:
    """Return a short printable line of a metadata value."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
    return "".join(c for c in text if c.isprintable()).strip()[:80]
