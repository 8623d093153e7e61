"""The table of image formats."""

from __future__ import annotations

import importlib.util

import pytest
from encoded import samples

from dedupe.decode.formats import (
    FORMATS,
    rank_fidelity,
    sniff,
    supported_extensions,
    unsupported_extensions,
)
from dedupe.decode.image import decode


def test_an_extension_belongs_to_one_format() -> None:
    extensions = [e for form in FORMATS.values() for e in form.extensions]
    assert len(extensions) == len({*extensions})


def test_formats_without_their_decoder_are_not_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> object:
        return None if name == "pillow_heif" else object()

    monkeypatch.setattr(importlib.util, "find_spec", find)
    supported_extensions.cache_clear()
    try:
        assert supported_extensions() >= {"jpg", "jxl"}
        assert not supported_extensions() & {"heic", "heif"}
    finally:
        supported_extensions.cache_clear()


@pytest.mark.parametrize("name", sorted(samples()))
def test_the_first_bytes_name_the_decoder(name: str) -> None:
    container = {"progressive": "JPEG", "MPO": "JPEG"}.get(name, name)
    assert sniff(samples()[name][:1024]) == container


def test_the_fidelity_of_a_decoded_picture_is_known() -> None:
    ranks = {decode(data).format: rank_fidelity(decode(data).format) for data in samples().values()}
    assert sorted(ranks, key=lambda name: (ranks[name], name)) == [
        *("TIFF", "PNG", "BMP", "PPM", "TGA", "JPEG2000", "AVIF", "HEIF", "JPEG", "MPO", "WEBP"),
        "GIF",
    ]
    assert rank_fidelity("RAW") < min(ranks.values())
    assert rank_fidelity("XYZ") > max(ranks.values())


def test_an_extension_is_either_supported_or_listed() -> None:
    assert not supported_extensions() & unsupported_extensions().keys()
    assert unsupported_extensions()["pdf"][0] == "not examined"
    assert unsupported_extensions()["svg"][0] == "unsupported format"
