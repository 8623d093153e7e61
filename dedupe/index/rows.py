"""The rows of the index: values to columns and back, each row with a checksum. Knows no SQL.

A parser raises ValueError, TypeError or AttributeError for a damaged row.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.types import INTACT, Facts, FrameMatrix, ImageFile, Verdict

Digests = tuple[str, str]  # of two contents, ascending
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """A picture, whichever files hold it."""

    digest: str
    width: int  # pixels, after EXIF orientation
    height: int
    format: str
    detail: float  # see `dedupe.low_detail`
    vector: NDArray[np.float32]  # (D,), norm 1
    facts: Facts = INTACT
    thumbnail: bytes = b""  # see `dedupe.decode.thumbnail`; empty if it was read from the index
    panels: bytes = b""  # boxes and vectors of its panels, see `join_panels`


@dataclass(frozen=True, slots=True, eq=False)
class StoredPairs:
    """The pairs within a threshold among the contents of an earlier scan."""

    threshold: float  # largest distance of a pair, in [0, 2]
    valid_for: str  # name of the search, if it does not list all pairs; else ""
    digests: tuple[str, ...]  # of the contents, each once
    left: NDArray[np.int32]  # (P,) position in `digests`
    right: NDArray[np.int32]  # (P,)
    distance: NDArray[np.float32]  # (P,)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """The result of the last scan of some roots, as `dedupe.pipeline.unchanged` writes it."""

    name: str  # names everything that the result depends on
    data: bytes


def format_key(encoder: str, decoder: int) -> str:
    """Return the key under which an encoder's vectors of a decoder's pixels are stored."""
    return f"{encoder}/{decoder}"


def parse_key(key: str) -> tuple[str, str]:
    """Return the fingerprint of the encoder and the version of the decoder of a key."""
    encoder, _, decoder = key.partition("/")
    return encoder, decoder


def format_state(file: ImageFile) -> tuple[int, int, str]:
    """Return size, mtime and inode as they are stored.

    SQLite holds 64 bits with a sign: times from the year 2262 on are stored modulo 2^64 ns.
    """
    return file.size, (file.mtime_ns + 2**63) % 2**64 - 2**63, str(file.inode)


def format_content(content: Content, key: str) -> Row:
    """Return the row of a content."""
    facts = format_facts(content.facts)
    row = (
        *(content.digest, key, content.width, content.height),
        *(content.format, float(content.detail), facts),
    )
    vector = content.vector.tobytes()
    return (*row, vector, content.panels, checksum(vector + content.panels, *row))


def parse_content(key: str, *row: Any) -> Content:
    """Return the content of a row, its columns in the order of the table without the key."""
    digest, width, height, form, detail, facts, vector, panels, crc = row
    _check(crc, vector + panels, digest, key, width, height, form, detail, facts)
    return Content(
        *(digest, width, height, form, detail),
        np.frombuffer(vector, np.float32),
        parse_facts(facts),
        panels=panels,
    )


@functools.lru_cache(maxsize=1024)  # nearly all photos have the same few facts
def format_facts(facts: Facts) -> str:
    """Return facts as JSON."""
    return json.dumps(dataclasses.asdict(facts))


@functools.lru_cache(maxsize=1024)  # as above
def parse_facts(text: str) -> Facts:
    """Return the facts that `format_facts` was given."""
    return Facts(**json.loads(text))


def join_panels(boxes: NDArray[np.float32], vectors: NDArray[np.float32]) -> bytes:
    """Return (K, 4) boxes and (K, D) vectors of panels as bytes."""
    return np.hstack([boxes, vectors]).astype(np.float32).tobytes()


def split_panels(data: bytes, dimension: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the boxes (K, 4) and the vectors (K, D) that `join_panels` was given."""
    rows = np.frombuffer(data, np.float32).reshape(-1, 4 + dimension)
    return rows[:, :4], rows[:, 4:]


def format_thumbnail(content: Content, key: str) -> Row:
    """Return the row of the thumbnail of a content."""
    crc = checksum(content.thumbnail, content.digest, key)
    return content.digest, key, content.thumbnail, crc


def parse_thumbnail(key: str, digest: str, data: bytes, crc: int) -> tuple[str, bytes]:
    """Return the digest and the thumbnail of a row."""
    _check(crc, data, digest, key)
    return digest, data


def format_pairs(stored: StoredPairs, roots: bytes, key: str) -> Row:
    """Return the row of the pairs of some roots."""
    columns = (stored.left, stored.right, stored.distance.view(np.int32))
    pairs = np.stack(columns).astype(np.int32).tobytes()
    digests = " ".join(stored.digests).encode()
    row = (roots, key, float(stored.threshold), stored.valid_for)
    return (*row, digests, pairs, checksum(digests + pairs, *row))


def parse_pairs(roots: bytes, key: str, *row: Any) -> StoredPairs:
    """Return the pairs of a row: threshold, valid_for, digests, pairs, crc."""
    threshold, valid_for, digests, pairs, crc = row
    _check(crc, digests + pairs, roots, key, threshold, valid_for)
    left, right, distance = np.frombuffer(pairs, np.int32).reshape(3, -1)
    names = tuple(digests.decode().split())
    return StoredPairs(threshold, valid_for, names, left, right, distance.view(np.float32))


def format_report(stored: StoredReport, roots: bytes, key: str) -> Row:
    """Return the row of the result of a scan of some roots."""
    crc = checksum(stored.data, roots, key, stored.name)
    return roots, key, stored.name, stored.data, crc


def parse_report(roots: bytes, key: str, *row: Any) -> StoredReport:
    """Return the result of a row: name, data, crc."""
    name, data, crc = row
    _check(crc, data, roots, key, name)
    return StoredReport(name, data)


def format_verdict(pair: Digests, verifier: int, verdict: Verdict) -> Row:
    """Return the row of a verdict."""
    v = verdict
    row = (*pair, verifier, int(v.is_copy), float(v.score), v.how, v.level)
    matrix = to_blob(v.matrix)
    return (*row, matrix, checksum(matrix, *row))


def parse_verdict(*row: Any) -> tuple[Digests, Verdict]:
    """Return the pair and the verdict of a row."""
    first, second, verifier, is_copy, score, how, level, matrix, crc = row
    _check(crc, matrix, first, second, verifier, is_copy, score, how, level)
    numbers = tuple(np.frombuffer(matrix, np.float64).tolist()) or None
    return (first, second), Verdict(bool(is_copy), score, how, level, numbers)


def format_evidence(pair: Digests, version: int, near: FrameMatrix, numbers: str) -> Row:
    """Return the row of the evidence on a pair."""
    blob = to_blob(near)
    return (*pair, version, blob, numbers, checksum(blob, *pair, version, numbers))


def parse_evidence(*row: Any) -> str:
    """Return the evidence of a row as JSON."""
    first, second, version, near, numbers, crc = row
    _check(crc, near, first, second, version, numbers)
    return str(numbers)


def to_blob(matrix: FrameMatrix | None) -> bytes:
    """Return a matrix as bytes; None as no bytes."""
    return np.array(matrix or (), np.float64).tobytes()


def checksum(blob: bytes, *values: object) -> int:
    """Return the checksum of a row."""
    return zlib.crc32(blob, zlib.crc32(repr(values).encode("utf-8", "surrogatepass")))


def _check(crc: int, blob: bytes, *values: object) -> None:
    if checksum(blob, *values) != crc:
        raise ValueError("a row fails its checksum")
