"""Time `dedupe near` on an index of many files: python tests/benchmarks/near.py [COUNT].

Writes COUNT small files that are no pictures and an index that says what each contains, so that
nothing is decoded but the query. Random vectors stand in the index.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import dedupe
from dedupe.decode.image import DECODER_VERSION
from dedupe.encoder.manifest import BUILT_IN, read_manifest
from dedupe.files.digest import digest_bytes
from dedupe.index.embedding_index import Content, EmbeddingIndex
from dedupe.types import INTACT
from dedupe.walk import walk

_PER_FOLDER = 1000  # files
_BATCH = 10_000  # rows of one transaction


def main() -> None:
    """Fill an index and print the time of three queries."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    manifest = read_manifest(BUILT_IN)
    with tempfile.TemporaryDirectory() as place:
        root, path = Path(place, "photos"), Path(place, "index.sqlite")
        for number in range(count):
            if number % _PER_FOLDER == 0:
                (root / str(number // _PER_FOLDER)).mkdir(parents=True)
            file = root / str(number // _PER_FOLDER) / f"{number}.jpg"
            file.write_text(str(number))
        files = walk([root], extensions=frozenset({"jpg"})).files
        rng = np.random.default_rng(0)
        with EmbeddingIndex(path, encoder=manifest.fingerprint, decoder=DECODER_VERSION) as index:
            for start in range(0, count, _BATCH):
                some = files[start : start + _BATCH]
                rows = rng.normal(size=(len(some), manifest.dimension)).astype(np.float32)
                rows /= np.linalg.norm(rows, axis=1, keepdims=True)
                index.remember(
                    [
                        (file, Content(_digest(file.path), 640, 480, "JPEG", 9.0, row, INTACT))
                        for file, row in zip(some, rows, strict=True)
                    ]
                )
        query = Path(place, "query.png")
        noise = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC).save(query)
        for indexed in (False, True, True):
            wall, cpu = time.perf_counter(), time.process_time()
            found = dedupe.find_neighbours(
                query, root, count=10, index=path, verify=False, indexed=indexed
            )
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            way = "from the index alone" if indexed else "with every folder listed"
            print(f"{count:,} files, {way}: {len(found)} in {wall:.2f} s, {cpu:.2f} CPU s")


def _digest(path: str) -> str:
    return digest_bytes(path.encode())


if __name__ == "__main__":
    main()
