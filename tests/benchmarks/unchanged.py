"""What a scan of unchanged files costs: processor time of a second scan of many files.

    dedupe scan PHOTOS --index SEED.sqlite
    python tests/benchmarks/unchanged.py PHOTOS SEED.sqlite OUT [--clones 49] [--rounds 3]

Clones a scanned folder below OUT: each clone has files of the same sizes without bytes, and the
index of OUT has rows of each clone with digests of its own. So 2,000 photos make 98,000 files
that need not be embedded. The first scan forms the result from stored pairs, verdicts and
evidence; each scan after it recalls the result. Then one file is added, a copy of one of PHOTOS,
and scanned; a last scan forms all groups again, and the report must have the same bytes.
PHOTOS holds the same bytes as at its scan.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from processes import run

from dedupe.decode.formats import supported_extensions
from dedupe.decode.image import DECODER_VERSION
from dedupe.encoder.choice import choose_manifest
from dedupe.encoder.manifest import BUILT_IN
from dedupe.index import rows
from dedupe.index.embedding_index import Content, EmbeddingIndex, StoredPairs
from dedupe.pipeline.stages import name_roots
from dedupe.types import ImageFile
from dedupe.verify.verifier import VERIFIER_VERSION
from dedupe.walk import walk

_VERDICTS = """
    SELECT first, second, verifier, is_copy, score, how, level, matrix, crc FROM verdicts
    WHERE verifier = ?
"""
_EVIDENCE = "SELECT first, second, version, near, numbers FROM evidence"
_ADD_EVIDENCE = "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?, ?, ?)"


def rename(digest: str, clone: int) -> str:
    """Return the digest of a content in a clone; the order of digests stays."""
    return f"{digest[:-4]}{clone:04x}"


def make_files(
    files: tuple[ImageFile, ...], contents: dict[str, Content], photos: Path, out: Path, clone: int
) -> Iterator[tuple[ImageFile, Content]]:
    """Write the files of one clone, and yield each with its content."""
    for file in files:
        path = out / f"{clone:04}" / os.path.relpath(file.path, photos)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as empty:
            empty.truncate(file.size)
        seen = path.stat()
        content = contents[file.path]
        made = ImageFile(*(str(path), 0, seen.st_size, seen.st_mtime_ns, seen.st_dev, seen.st_ino))
        yield made, replace(content, digest=rename(content.digest, clone))


def clone_index(photos: Path, seed: Path, out: Path, clones: int) -> Path:
    """Write the clones and their index; return the path of the index."""
    encoder = choose_manifest(BUILT_IN, device="cpu", runtime="litert").fingerprint
    target = out.with_name(f"{out.name}.sqlite")
    target.unlink(missing_ok=True)
    files = walk([photos], extensions=supported_extensions()).files
    with closing(sqlite3.connect(seed)) as connection:
        found = connection.execute(_VERDICTS, (VERIFIER_VERSION,))
        verdicts = [rows.parse_verdict(*row) for row in found]
        evidence = connection.execute(_EVIDENCE).fetchall()
    with (
        EmbeddingIndex(seed, encoder=encoder, decoder=DECODER_VERSION) as old,
        EmbeddingIndex(target, encoder=encoder, decoder=DECODER_VERSION) as new,
    ):
        contents = old.find_files(files)
        pairs = old.find_pairs(name_roots([photos]))
        if pairs is None or not verdicts or len(contents) < len(files):
            raise SystemExit(f"scan {photos} with --index {seed} first")
        for clone in range(clones):
            new.remember(make_files(files, contents, photos, out, clone))
            new.remember_verdicts(
                {(rename(a, clone), rename(b, clone)): found for (a, b), found in verdicts},
                VERIFIER_VERSION,
            )
            with new.transaction() as connection:
                for first, second, *rest in evidence:
                    row = rename(first, clone), rename(second, clone), *rest
                    *key, near, numbers = row
                    crc = rows.checksum(near, *key, numbers)
                    connection.execute(_ADD_EVIDENCE, (*row, crc))
        new.remember_pairs(name_roots([out]), clone_pairs(pairs, clones))
    return target


def clone_pairs(pairs: StoredPairs, clones: int) -> StoredPairs:
    """Return the pairs of all clones; no pair joins two of them."""
    starts = np.repeat(np.arange(clones) * len(pairs.digests), len(pairs.left)).astype(np.int32)
    digests = (rename(digest, clone) for clone in range(clones) for digest in pairs.digests)
    return replace(
        pairs,
        digests=tuple(digests),
        left=np.tile(pairs.left, clones) + starts,
        right=np.tile(pairs.right, clones) + starts,
        distance=np.tile(pairs.distance, clones),
    )


def add_copy(photos: Path, seed: Path, out: Path) -> None:
    """Write a smaller copy of a photo that has no pair: it is then near one file of each clone.

    More than 64 neighbours would end in a search of all files; in real folders they are rare.
    """
    encoder = choose_manifest(BUILT_IN, device="cpu", runtime="litert").fingerprint
    files = walk([photos], extensions=supported_extensions()).files
    with EmbeddingIndex(seed, encoder=encoder, decoder=DECODER_VERSION) as old:
        pairs, contents = old.find_pairs(name_roots([photos])), old.find_files(files)
    assert pairs is not None
    paired = {pairs.digests[row] for row in (*pairs.left.tolist(), *pairs.right.tolist())}
    alone = next(f.path for f in files if contents[f.path].digest not in paired)
    with Image.open(alone) as photo:
        small = photo.convert("RGB").resize((photo.width * 3 // 4, photo.height * 3 // 4))
        small.save(out / "new.jpg", quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("seed", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clones", type=int, default=49)  # 100,001 files are searched in cells
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    photos, out = given.photos.resolve(), given.out.resolve()
    index = clone_index(photos, given.seed, out, given.clones)
    report = out.with_name(f"{out.name}.csv")
    scan = [sys.executable, "-m", "dedupe", "scan", str(out), "--index", str(index)]
    scan += ["--report", str(report), "--quiet"]
    bare = [sys.executable, "-c", "import os, sys; [e.stat() for f in os.walk(sys.argv[1])"]
    bare[-1] += " for e in os.scandir(f[0])]"
    before = b""
    print(f"{'':14} {'seconds':>8} {'processor s':>12} {'peak MB':>8}")
    for number in range(given.rounds + 1):
        used = run(scan)
        name = "result formed" if number == 0 else "recalled"
        print(f"{name:14} {used.seconds:8.2f} {used.processor:12.2f} {used.memory / 1e6:8.0f}")
        if before and report.read_bytes() != before:
            raise SystemExit("the recalled report differs from the one that was formed")
        before = report.read_bytes()
    add_copy(photos, given.seed, out)
    recalled = b""
    for name in ("one new file", "all formed"):
        used = run(scan)
        print(f"{name:14} {used.seconds:8.2f} {used.processor:12.2f} {used.memory / 1e6:8.0f}")
        if recalled and report.read_bytes() != recalled:
            raise SystemExit("the report with one new file differs from the one that was formed")
        recalled = report.read_bytes()
        with closing(sqlite3.connect(index)) as connection, connection:
            connection.execute("DELETE FROM reports")
    used = run([*bare, str(out)])
    print(f"{'bare walk':14} {used.seconds:8.2f} {used.processor:12.2f} {used.memory / 1e6:8.0f}")
    print(f"{len(before.splitlines()) - 1} rows of report")


if __name__ == "__main__":
    main()
