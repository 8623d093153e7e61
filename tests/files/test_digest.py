"""Content digests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.files.digest import DIGEST_NAME, digest_bytes, digest_file


def test_a_digest_is_the_published_blake2b_of_128_bits() -> None:
    assert DIGEST_NAME == "blake2b-128"
    assert digest_bytes(b"") == "cae66941d9efbd404e4d88758ea67670"
    assert digest_bytes(b"abc") == "cf4ab791c62b8d2b2109c90275287816"


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 19])
def test_a_file_of_any_size_has_the_digest_of_its_bytes(tmp_path: Path, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    assert digest_file(str(path)) == digest_bytes(data)


@given(st.binary(min_size=1), st.data())
def test_one_changed_bit_changes_the_digest(data: bytes, draw: st.DataObject) -> None:
    position = draw.draw(st.integers(0, len(data) - 1))
    changed = bytearray(data)
    changed[position] ^= 1
    assert digest_bytes(memoryview(changed)) != digest_bytes(data)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest_file(str(tmp_path / "gone.jpg"))
